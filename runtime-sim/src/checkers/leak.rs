//! No leak: after the quiet phase no transaction, request or waiting user is left, and no deadline but those of keep-alives and refreshes; queues are bounded always.
use super::{Checker, Scene, Truth, Verdict};
use uc_core::{Action, TimerKey};

/// Actions of one input beyond so many per worker and link are a flood.
const ACTIONS_PER_WORKER_MAX: usize = 8;
const ACTIONS_BASE_MAX: usize = 200;
/// Refreshes of the registration, of the self subscription and of the publication, and a pause.
const TIMERS_PER_PUBLISHER: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub struct NoLeak {
    actions: usize,
}

impl Checker for NoLeak {
    fn name(&self) -> &'static str {
        "leak"
    }

    fn on_action(&mut self, _scene: Scene<'_>, _action: &Action) -> Verdict {
        self.actions += 1;
        Ok(())
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        let count = std::mem::take(&mut self.actions);
        let max = ACTIONS_BASE_MAX + ACTIONS_PER_WORKER_MAX * scene.core.directory().dn_slots();
        if count > max { Err(format!("{count} actions after one input, at most {max} can be needed")) } else { Ok(()) }
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        for link in scene.core.uc_links() {
            if link.outstanding > 0 || link.waiting > 0 {
                return Err(format!("{}: {} SIP requests unanswered and {} users waiting after the quiet phase", link.link, link.outstanding, link.waiting));
            }
        }
        for link in scene.core.cti_links() {
            if link.outstanding > 0 {
                return Err(format!("{}: {} requests unanswered after the quiet phase", link.link, link.outstanding));
            }
        }
        for worker in &truth.workers {
            if scene.core.dn(worker.dn).is_some_and(|dn| dn.in_flight) {
                return Err(format!("worker {}: a request is still in flight after the quiet phase", worker.worker));
            }
        }
        let deadlines = scene.core.deadlines();
        if let Some((at, key)) = deadlines.iter().find(|(_, key)| matches!(key, TimerKey::Presence(_) | TimerKey::Drain)) {
            return Err(format!("deadline {key:?} at {at} is left after the quiet phase"));
        }
        let dialogs: usize = scene.core.uc_links().iter().map(|l| l.dialogs as usize).sum();
        let config = scene.core.directory().config();
        let max = 6 * (scene.core.uc_links().len() + scene.core.cti_links().len())
            + 2 * config.uc.watchers.len()
            + 2 * dialogs
            + TIMERS_PER_PUBLISHER * scene.core.publishers()
            + 2;
        if deadlines.len() > max {
            return Err(format!("{} deadlines are left after the quiet phase, keep-alives and refreshes need at most {max}", deadlines.len()));
        }
        Ok(())
    }
}
