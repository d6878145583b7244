//! States chosen by hand (`spec/uc-connector-functional.md` 3.2, 10.1).
use super::reconcile::Presence;
use crate::cx::Cx;
use crate::id::UserId;
use crate::input::{Choice, WorkerCommand};

impl Presence {
    /// A worker chose a state, or follows the UC platform again.
    pub(crate) fn on_worker(&mut self, _cx: &mut Cx<'_>, _user: UserId, _command: WorkerCommand) {}

    /// What a worker had chosen in an earlier life.
    pub(crate) fn on_restore(&mut self, _cx: &mut Cx<'_>, _user: UserId, _choice: Choice) {}
}
