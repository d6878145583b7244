//! Why a worker's agent is in its state: the same questions the reconciler asks, answered as data.
use super::decide::{Decision, decide};
use super::reconcile::Presence;
use super::slots::{DnSlot, Hold, Want};
use crate::config::Config;
use crate::directory::Directory;
use crate::id::{DnId, UserId};
use crate::time::{At, Now};
use crate::views::{DnExplanation, DnVerdict, Reason, WantView};
use alloc::vec::Vec;

impl Presence {
    /// What is wanted for a worker's agent, and what says so.
    pub(super) fn aim(&self, directory: &Directory, user: UserId, unix_ms: u64) -> (Want, Reason) {
        let worker = &self.users[user.index()];
        let chosen = self.chosen_want(directory.config(), user).filter(|_| worker.role.takes_choices());
        match chosen {
            _ if self.logging_out && !worker.role.asks() => (Want::Nothing, Reason::Stopping),
            _ if self.logging_out => (Want::LoggedOut, Reason::Stopping),
            _ if worker.over && self.is_held(user) => (Want::Nothing, Reason::Override),
            Some(want) => (want, Reason::Choice),
            None if worker.role.asks() => {
                let (rule, condition) = self.rule(directory, user, unix_ms);
                let reason = match condition {
                    Some(row) => Reason::Condition(row),
                    None if worker.stale => Reason::Stale,
                    None if !worker.heard => Reason::NothingHeard,
                    None => Reason::Class,
                };
                (worker.want(rule), reason)
            }
            None => (Want::Nothing, Reason::NotDriven),
        }
    }

    /// The reason behind a worker's wanted state.
    pub(crate) fn reason(&self, directory: &Directory, user: UserId, unix_ms: u64) -> Reason {
        self.aim(directory, user, unix_ms).1
    }

    /// What is done about a DN, and why not more.
    pub(crate) fn explain_dn(&self, directory: &Directory, dn: DnId, now: Now) -> DnExplanation {
        let slot = &self.dns[dn.index()];
        let user = self.user_at(directory, dn);
        let (want, verdict) = match user {
            _ if self.seats.stranger(dn).is_some() => (Want::Nothing, DnVerdict::Stranger),
            None => (Want::Nothing, DnVerdict::Empty),
            Some(user) => {
                let want = self.aim(directory, user, now.unix_ms).0;
                (want, self.verdict(directory.config(), user, slot, want, now))
            }
        };
        DnExplanation { want: WantView::from(want), verdict, failures: slot.failures, sent: slot.trail.sent(), heard: slot.trail.heard() }
    }

    fn verdict(&self, config: &Config, user: UserId, slot: &DnSlot, want: Want, now: Now) -> DnVerdict {
        let chosen = self.chosen_want(config, user).is_some();
        let note = if chosen { 0 } else { self.users[user.index()].note_hash };
        match slot.hold {
            _ if slot.in_flight.is_some() => return DnVerdict::Asking,
            Hold::Foreign => return DnVerdict::OthersWord,
            Hold::Refused => return DnVerdict::Refused,
            Hold::OutOfService => return DnVerdict::OutOfService,
            Hold::None => {}
        }
        if let Some(at) = slot.retry_at.map(At::mono).filter(|at| *at > now.mono) {
            return DnVerdict::RetryAt(at);
        }
        match decide(now.mono, slot, want, note, config.presence.auto_login || chosen) {
            Decision::Request(_) => DnVerdict::WaitsForLink,
            Decision::Leave if want == Want::Nothing => DnVerdict::NothingWanted,
            Decision::Leave if matches!(want, Want::State(_)) && slot.have == crate::views::AgentState::LoggedOut => DnVerdict::NoLogin,
            Decision::Leave | Decision::Adopt(_) => DnVerdict::AsWanted,
        }
    }

    /// For every DN of a worker.
    pub(crate) fn explain_dns(&self, directory: &Directory, user: UserId, now: Now) -> Vec<(DnId, DnExplanation)> {
        self.dns_of(directory, user).map(|dn| (dn, self.explain_dn(directory, dn, now))).collect()
    }
}
