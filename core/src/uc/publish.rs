//! Publishing on behalf of workers (`spec/ms-pres.md` 6).
use super::UcSide;
use crate::config::StateRow;
use crate::cx::Cx;
use crate::id::UserId;

impl UcSide {
    /// The publication of `user` shall be this row, or none. The latest command counts.
    pub(crate) fn publish(&mut self, _cx: &mut Cx<'_>, _user: UserId, _row: Option<StateRow>) {}
}
