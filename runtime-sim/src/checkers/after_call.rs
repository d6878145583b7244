//! After Call Work and Legal Guard are never lost and never stuck: while T-Server keeps the agent in them no request of ours ends them unless the worker acted or
//! our own limit came, and when T-Server has left them nothing of them is left with us.
use super::reported::dn_of;
use super::storm::changes_state;
use super::{Checker, Kept, Scene, Truth, Verdict, WorkerTruth};
use crate::steps::{Own, Step};
use std::collections::BTreeMap;
use uc_core::action::CtiOut;
use uc_core::cti_event::{Control, CtiEvent};
use uc_core::id::DnId;
use uc_core::views::{OverrideView, WantView};
use uc_core::{Action, Connector, Input, Mono};

/// News of what a worker did may be so late, milliseconds.
const NEWS_MS: u64 = 30_000;

/// Ended by the worker or by our limit for a presence that asks for nothing: the agent is left in what T-Server keeps it in.
#[must_use]
pub fn is_left(core: &Connector, worker: &WorkerTruth) -> bool {
    core.worker(worker.user).is_some_and(|view| view.over.is_none() && view.want == WantView::Nothing)
}

/// See the module.
#[derive(Debug, Default)]
pub struct AfterCall {
    /// Agents T-Server reported to be kept, since when.
    kept: BTreeMap<DnId, Mono>,
    /// When a person's doing last explained a request for a worker.
    acted: BTreeMap<u16, Mono>,
    /// The answer to a subscription is at hand: it may tell what a worker did while nothing was heard of them.
    catching_up: bool,
    /// Faults and other disturbances: what was done when is open.
    disturbed: Option<Mono>,
}

impl AfterCall {
    fn holds(scene: Scene<'_>) -> bool {
        let config = scene.core.directory().config();
        config.mode == uc_core::config::Mode::Bidirectional || config.publish.acw_in_normal
    }
}

fn was_offline(scene: Scene<'_>, worker: u16) -> bool {
    let user = scene.core.directory().user_by_uri(&crate::company::uri_of(worker));
    user.and_then(|user| scene.core.worker(user)).is_none_or(|view| view.availability == 0 || view.availability >= 18_000)
}

impl Checker for AfterCall {
    fn name(&self) -> &'static str {
        "acw"
    }

    fn on_step(&mut self, scene: Scene<'_>, step: &Step) -> Verdict {
        let by_table = scene.core.directory().config().mode == uc_core::config::Mode::Bidirectional;
        match step {
            Step::Presence { worker, .. } | Step::Foreign(worker, _) | Step::Client(worker, Own::Menu | Own::Timed, _) => {
                self.acted.insert(*worker, scene.now);
            }
            // The end of idleness or of a meeting may look like a choice where only the sum of all is seen; their beginning never does.
            Step::Client(worker, _, None | Some(..4_500))
                if !by_table || scene.core.directory().config().publish.user_action == uc_core::config::UserActionRule::Aggregate =>
            {
                self.acted.insert(*worker, scene.now);
            }
            // Whose machine comes back is seen with what they had chosen before.
            Step::Client(worker, Own::Machine, Some(_)) if was_offline(scene, *worker) => {
                self.acted.insert(*worker, scene.now);
            }
            Step::Client(..) | Step::Call { .. } => {}
            _ => self.disturbed = Some(scene.now),
        }
        Ok(())
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.catching_up = matches!(input, Input::Uc { event: uc_core::uc_event::UcEvent::Response(_), .. });
        match input {
            Input::Cti { link, event: CtiEvent::Event(event) } if Self::holds(scene) => {
                let Some(dn) = dn_of(scene.core, *link, event) else { return Ok(()) };
                match (event.id, event.work_mode) {
                    (76, Some(2 | 3)) if event.ref_id == 0 => {
                        self.kept.entry(dn).or_insert(scene.now);
                    }
                    (73..=76, _) => {
                        self.kept.remove(&dn);
                    }
                    _ => {}
                }
            }
            Input::Cti { event: CtiEvent::Closed { .. } | CtiEvent::Control(Control::Role { .. } | Control::Opened { .. }), .. }
            | Input::Reconfigure(_)
            | Input::Drain { .. } => {
                self.kept.clear();
            }
            Input::Uc { event: uc_core::uc_event::UcEvent::Closed { .. }, .. } => self.disturbed = Some(scene.now),
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        let Action::SendCti { msg: CtiOut::Request { dn, req, .. }, .. } = action else { return Ok(()) };
        let Some(since) = self.kept.get(dn).copied().filter(|_| changes_state(req)) else { return Ok(()) };
        let directory = scene.core.directory();
        // Whose worker has left is logged out.
        let Some(uri) = scene.core.user_of(*dn).map(|user| directory.uri(user)) else { return Ok(()) };
        let acted = self.acted.iter().any(|(worker, at)| (self.catching_up || *at + NEWS_MS > since) && crate::company::uri_of(*worker) == uri);
        let disturbed = self.disturbed.is_some_and(|at| at + 10 * NEWS_MS > since);
        let limit = directory.config().publish.override_max_ms;
        if acted || disturbed || (limit > 0 && scene.now.since(since) >= limit) {
            return Ok(());
        }
        Err(format!("{dn}: {req:?} was sent although T-Server has kept the agent since {since} and the worker did nothing"))
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        if !truth.both.way.holds() {
            return Ok(());
        }
        for worker in truth.workers.iter().filter(|w| !truth.model.worker(w.worker).is_some_and(|m| m.excused)) {
            let view = scene.core.worker(worker.user);
            let believed = view.as_ref().and_then(|view| view.over);
            if believed.is_none() && is_left(scene.core, worker) {
                continue;
            }
            let kept = worker.kept.map(|kept| match kept {
                Kept::AfterCallWork => OverrideView::AfterCallWork,
                Kept::LegalGuard => OverrideView::LegalGuard,
            });
            if believed != kept {
                return Err(format!("worker {}: T-Server keeps the agent in {kept:?}, the core believes {believed:?}", worker.worker));
            }
        }
        Ok(())
    }
}
