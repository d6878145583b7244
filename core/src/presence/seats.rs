//! Free seating: who sits at a DN (`spec/uc-connector-functional.md` 4.3). A DN with an owner in the configuration stays the owner's; one without belongs to whoever
//! logged in there, as `AttributeAgentID` of `EventRegistered`, `EventAgentLogin` and `EventAgentLogout` tells.
use super::reconcile::Presence;
use super::slots::Hold;
use crate::cx::Cx;
use crate::directory::Directory;
use crate::id::{DnId, UserId};
use crate::views::AgentState;
use alloc::collections::{BTreeMap, BTreeSet};

/// Who sits where.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Seats {
    taken: BTreeMap<DnId, UserId>,
    by_user: BTreeSet<(UserId, DnId)>,
    /// DNs of one worker where another one is logged in: flagged, and left alone.
    strangers: BTreeMap<DnId, UserId>,
}

impl Seats {
    pub(super) fn sitter(&self, dn: DnId) -> Option<UserId> {
        self.taken.get(&dn).copied()
    }

    pub(super) fn stranger(&self, dn: DnId) -> Option<UserId> {
        self.strangers.get(&dn).copied()
    }

    pub(super) fn of(&self, user: UserId) -> impl Iterator<Item = DnId> + '_ {
        self.by_user.range((user, DnId(0))..=(user, DnId(u32::MAX))).map(|(_, dn)| *dn)
    }

    /// Whether something changed.
    fn sit(&mut self, dn: DnId, user: UserId) -> bool {
        if self.taken.get(&dn) == Some(&user) {
            return false;
        }
        self.leave(dn);
        self.taken.insert(dn, user);
        self.by_user.insert((user, dn));
        true
    }

    pub(super) fn leave(&mut self, dn: DnId) {
        if let Some(before) = self.taken.remove(&dn) {
            self.by_user.remove(&(before, dn));
        }
        self.strangers.remove(&dn);
    }

    /// The worker is gone from the configuration.
    pub(super) fn forget(&mut self, user: UserId) {
        let seats: alloc::vec::Vec<DnId> = self.of(user).collect();
        seats.into_iter().for_each(|dn| self.leave(dn));
        self.strangers.retain(|_, stranger| *stranger != user);
    }

    pub(super) fn fingerprint(&self, fp: &mut crate::fingerprint::Fp) {
        fp.debug(&(&self.taken, &self.strangers));
    }
}

impl Presence {
    /// The worker a DN belongs to now.
    pub(crate) fn user_at(&self, directory: &Directory, dn: DnId) -> Option<UserId> {
        directory.owner(dn).or_else(|| self.seats.sitter(dn))
    }

    /// Another worker sits at the owner's desk.
    pub(crate) fn has_stranger(&self, dn: DnId) -> bool {
        self.seats.stranger(dn).is_some()
    }

    /// The agent state T-Server last told.
    pub(crate) fn state_of(&self, dn: DnId) -> AgentState {
        self.dns.get(dn.index()).map_or(AgentState::Unknown, |slot| slot.have)
    }

    /// The DNs of a worker: their own, then those they sit at.
    pub(crate) fn dns_of<'a>(&'a self, directory: &'a Directory, user: UserId) -> impl Iterator<Item = DnId> + 'a {
        directory.dns_of(user).chain(self.seats.of(user))
    }

    /// T-Server named the agent of a DN, or said that there is none.
    pub(super) fn on_seat(&mut self, cx: &Cx<'_>, dn: DnId, state: AgentState, agent: Option<UserId>) {
        if state == AgentState::LoggedOut {
            self.seats.leave(dn);
            return;
        }
        let Some(agent) = agent.filter(|_| state != AgentState::Unknown) else { return };
        match cx.directory.owner(dn) {
            Some(owner) if owner == agent => {
                self.seats.strangers.remove(&dn);
            }
            Some(_) => {
                self.seats.strangers.insert(dn, agent);
            }
            None => {
                if self.seats.sit(dn, agent) {
                    // What the one before had is nothing to the one who sits there now.
                    let slot = &mut self.dns[dn.index()];
                    slot.ours = None;
                    slot.hold = Hold::None;
                    slot.fresh_login = true;
                }
            }
        }
    }
}
