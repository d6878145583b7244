//! The preserved value: what people published with their own clients is there at the end, value for value, whatever we put over it meanwhile; and of ours
//! nothing is left that is not wanted.
use super::{Checker, Kept, Ours, Scene, Truth, Verdict, WorkerTruth};
use crate::both::Way;
use uc_core::Connector;
use uc_core::config::StateRow;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Preserved;

/// The row that should stand for a worker.
#[must_use]
pub fn row_for(core: &Connector, way: Way, worker: &WorkerTruth) -> Option<StateRow> {
    if way == Way::Both && super::after_call::is_left(core, worker) {
        return None;
    }
    let publish = &core.directory().config().publish;
    match (way, worker.kept) {
        (Way::Both, Some(Kept::AfterCallWork)) => publish.acw,
        (Way::Both, Some(Kept::LegalGuard)) => publish.legal_guard,
        (Way::Push, _) => publish.push_row(worker.agent),
        _ => None,
    }
}

/// What is wrong with the publications about one worker, if anything.
///
/// # Errors
/// One sentence.
pub fn check(core: &Connector, way: Way, worker: &WorkerTruth) -> Verdict {
    if !way.publishes() {
        return Ok(());
    }
    let should = row_for(core, way, worker);
    match (&worker.ours, should) {
        (Ours::Damage(what), _) => Err(format!("worker {}: {what}", worker.worker)),
        (Ours::Nothing | Ours::Either(_), None) => Ok(()),
        (Ours::Row(row) | Ours::Either(row), Some(should)) if *row == should => Ok(()),
        (ours, should) => Err(format!("worker {} with agent {:?}: {ours:?} of ours stands in the pool, expected {should:?}", worker.worker, worker.agent)),
    }
}

impl Checker for Preserved {
    fn name(&self) -> &'static str {
        "preserved"
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        let way = truth.both.way;
        for worker in &truth.workers {
            // A refused request leaves T-Server in a state the worker has ended.
            if !truth.model.worker(worker.worker).is_some_and(|w| w.excused) {
                check(scene.core, way, worker)?;
            }
            // One that could not be told to go goes when its time is over.
            if way.publishes() && !truth.troubled && !truth.both.keep && row_for(scene.core, way, worker).is_none() && worker.endpoints > 0 {
                return Err(format!("worker {}: an endpoint of ours is registered although nothing is wanted", worker.worker));
            }
        }
        Ok(())
    }
}
