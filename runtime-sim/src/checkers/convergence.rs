//! Convergence: after the quiet phase every monitored worker's agent state is the mapping of the last presence, or the override that owns it; and what the core
//! believes is what T-Server shows.
use super::{Checker, Ours, Scene, Truth, Verdict, WorkerTruth};
use crate::both::Way;
use crate::model::{Expect, Model, Shown};
use uc_core::Connector;
use uc_core::views::AgentState;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Convergence;

/// What is wrong with one worker, if anything.
///
/// # Errors
/// One sentence.
pub fn check(worker: &WorkerTruth, model: &Model) -> Verdict {
    let shown = Shown::of(worker.agent);
    // What T-Server keeps the agent in is not ours to change (`after_call.rs`).
    if worker.kept.is_some() && model.way().holds() {
        return Ok(());
    }
    match model.expect(worker.worker) {
        Expect::OneOf(allowed) if !allowed.contains(&shown) && !is_put_back(worker, model, shown) => {
            Err(format!("worker {} with presence {:?} shows {shown:?} in the contact centre, expected {allowed:?}", worker.worker, worker.availability))
        }
        _ => Ok(()),
    }
}

/// What was put back is the newest word again and may hide a machine that was left meanwhile; left out it would show an older choice of being offline instead, for
/// good. So both sides may agree on another state than the worker had before; whether the right thing was put back is for `preserved.rs`.
fn is_put_back(worker: &WorkerTruth, model: &Model, shown: Shown) -> bool {
    let other = worker.availability.filter(|n| model.worker(worker.worker).is_some_and(|it| it.availability != *n));
    model.way().publishes() && worker.ours == Ours::Nothing && other.is_some_and(|n| model.target_of(n) == Some(shown))
}

/// Whether the core believes the presence that the pool would tell, as far as it can know it.
#[must_use]
pub fn is_believed(core: &Connector, way: Way, worker: &WorkerTruth, troubled: bool) -> bool {
    // What the worker chose under something of ours, perhaps out of our hearing, shows when it is put back, not before.
    let covered = troubled && worker.ours != Ours::Nothing;
    way == Way::Push || covered || core.worker(worker.user).is_some_and(|view| view.availability == worker.availability.unwrap_or(0))
}

impl Checker for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        for worker in &truth.workers {
            check(worker, truth.model)?;
            let Some(view) = scene.core.dn(worker.dn) else {
                return Err(format!("worker {}: the core does not know {}", worker.worker, worker.dn));
            };
            if view.state != AgentState::Unknown && Shown::of(view.state) != Shown::of(worker.agent) {
                return Err(format!("worker {}: the core believes {:?}, T-Server shows {:?}", worker.worker, view.state, worker.agent));
            }
            if !is_believed(scene.core, truth.both.way, worker, truth.troubled) {
                let availability = scene.core.worker(worker.user).map(|v| v.availability);
                return Err(format!("worker {}: the core believes presence {availability:?}, the pool has {:?}", worker.worker, worker.availability));
            }
            // With a certain end the reasons must be those of the last presence; a state of another hand that is right already has none.
            let moved = matches!(Shown::of(worker.agent), Shown::Ready | Shown::NotReady);
            let ours = worker.status.is_some() && worker.kept.is_none();
            if truth.final_round && moved && ours && worker.status.as_deref() != truth.model.status(worker.worker) {
                return Err(format!("worker {}: KW_UC_STATUS is {:?}, expected {:?}", worker.worker, worker.status, truth.model.status(worker.worker)));
            }
        }
        Ok(())
    }
}
