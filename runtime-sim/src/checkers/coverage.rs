//! Coverage: nobody is ever in two live subscriptions, and after the quiet phase every monitored worker is in exactly one, at our end and at the pool's;
//! the pace towards the pool is kept.
use super::{Checker, Scene, Truth, Verdict};
use std::collections::{BTreeMap, VecDeque};
use uc_core::id::UcLinkId;
use uc_core::uc_event::SipBody;
use uc_core::{Action, Input, Mono};

/// See the module.
#[derive(Debug, Default)]
pub struct Coverage {
    sent: BTreeMap<UcLinkId, VecDeque<Mono>>,
    /// The input at hand may change subscriptions; others need no look at the whole list.
    look: bool,
}

impl Checker for Coverage {
    fn name(&self) -> &'static str {
        "coverage"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.look = match input {
            Input::Uc { event, .. } => !matches!(event, uc_core::uc_event::UcEvent::Notify(n) if n.state == uc_core::uc_event::SubState::Active),
            Input::Wake | Input::Cti { .. } => false,
            _ => true,
        };
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        let Action::SendUc { link, msg } = action else { return Ok(()) };
        self.look = true;
        let pace = &scene.core.directory().config().uc.pace;
        if let SipBody::Batch { users, .. } = &msg.body
            && pace.batch_max > 0
            && users.len() > pace.batch_max as usize
        {
            return Err(format!("{link}: a batch of {} users, the limit is {}", users.len(), pace.batch_max));
        }
        let times = self.sent.entry(*link).or_default();
        times.push_back(scene.now);
        while times.front().is_some_and(|t| scene.now.since(*t) >= 1_000) {
            times.pop_front();
        }
        // A bucket of one second's worth may be full when the second begins.
        let max = 2 * pace.requests_per_s as usize;
        if max > 0 && times.len() > max { Err(format!("{link}: {} SIP requests within one second, the pace allows {max}", times.len())) } else { Ok(()) }
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        if std::mem::take(&mut self.look)
            && let Some((user, count)) = scene.core.coverage().into_iter().find(|(_, count)| *count > 1)
        {
            return Err(format!("{user} is in {count} live subscriptions"));
        }
        Ok(())
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        let covered: BTreeMap<_, _> = scene.core.coverage().into_iter().collect();
        for worker in &truth.workers {
            let ours = covered.get(&worker.user).copied().unwrap_or(0);
            if ours != 1 || worker.watched != 1 {
                return Err(format!("worker {} is in {ours} live subscriptions at our end and {} at the pool's", worker.worker, worker.watched));
            }
        }
        let known = |user| truth.workers.iter().any(|w| w.user == user);
        match covered.iter().find(|(user, count)| **count > 0 && !known(**user)) {
            Some((user, _)) => Err(format!("{user} is watched although nobody monitors them")),
            None => Ok(()),
        }
    }
}
