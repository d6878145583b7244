//! What stands, or stood until just now, in place of a worker's own presence: the table behind the override machine (`overrule.rs`) and push-only (`mirror.rs`).
//!
//! Only workers that have something get an entry; it stays until the withdrawal is confirmed and the echo window is over. The worker's own presence stays in
//! their slot all the time: it is the *preserved value*.
use super::{Activity, Class};
use crate::config::{Config, StateRow};
use crate::fingerprint::Fp;
use crate::id::UserId;
use crate::time::{At, Mono};
use crate::uc_event::PublishTime;
use crate::views::{AgentState, OverrideEnd, OverrideView};
use alloc::collections::{BTreeMap, BTreeSet};

/// Why something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) enum Kind {
    /// A publication of an earlier life was seen; whether it is still right is known when T-Server has told about the agent.
    Leftover,
    /// Push-only: what the agent state shows.
    Mirror,
    /// T-Server keeps the agent in Legal Guard.
    LegalGuard,
    /// T-Server keeps the agent in After Call Work.
    AfterCallWork,
}

impl Kind {
    /// The kind of an agent state nobody asked for.
    pub(super) const fn of(state: AgentState) -> Option<Self> {
        match state {
            AgentState::NotReady(3) => Some(Self::AfterCallWork),
            AgentState::NotReady(2) => Some(Self::LegalGuard),
            _ => None,
        }
    }

    /// Presence changes are held back.
    pub(super) const fn holds(self) -> bool {
        matches!(self, Self::LegalGuard | Self::AfterCallWork)
    }

    /// What is published for it; push-only decides by the agent state.
    pub(super) const fn row(self, config: &Config) -> Option<StateRow> {
        match self {
            Self::AfterCallWork => config.publish.acw,
            Self::LegalGuard => config.publish.legal_guard,
            Self::Leftover | Self::Mirror => None,
        }
    }
}

/// One worker's entry.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Over {
    /// Why it stands; `None`: it is over, what remains is withdrawal, echo window, or [`Self::overruled`].
    pub(super) kind: Option<Kind>,
    /// Ended by the worker or by us while T-Server still reports it: it does not begin again before T-Server has left it.
    pub(super) overruled: bool,
    /// What the UC platform shall show.
    pub(super) wanted: Option<StateRow>,
    /// The last command.
    pub(super) told: Option<StateRow>,
    /// What the UC platform shows, as far as confirmed.
    pub(super) stands: Option<StateRow>,
    /// In the queue of commands.
    pub(super) queued: bool,
    /// The command goes out even if it is the last one again.
    pub(super) again: bool,
    /// Something was commanded, and its withdrawal with the echo window is not over.
    pub(super) open: bool,
    /// Presence of these classes (bit `Class as u16`) is an echo: rows without a text show nothing else of ours.
    pub(super) classes: u16,
    /// The last state of the worker if it was taken for an echo.
    pub(super) swallowed: Option<(u32, Activity, PublishTime)>,
    /// When `kind` began, or a worker's own action is to be overwritten (push-only), or the echo window ends: see [`Self::due`].
    pub(super) since: Mono,
    /// The end of the echo window, or when to publish once more.
    pub(super) until: Option<At>,
    /// The deadline in [`Standing::due`].
    due: Option<At>,
}

impl Over {
    /// Nothing is left of it.
    pub(super) const fn is_past(&self) -> bool {
        self.kind.is_none() && !self.overruled && !self.open && !self.queued && self.wanted.is_none()
    }

    /// After Call Work or Legal Guard stands.
    pub(super) fn holds(&self) -> bool {
        self.kind.is_some_and(Kind::holds)
    }

    pub(super) fn view(&self) -> Option<OverrideView> {
        match self.kind {
            Some(Kind::AfterCallWork) => Some(OverrideView::AfterCallWork),
            Some(Kind::LegalGuard) => Some(OverrideView::LegalGuard),
            _ => None,
        }
    }

    /// When something is to be done by itself.
    fn wake(&self, config: &Config) -> Option<Mono> {
        let limit = config.publish.override_max_ms;
        match self.kind {
            Some(Kind::AfterCallWork | Kind::LegalGuard) => (limit != 0).then(|| self.since + limit),
            Some(Kind::Leftover) => Some(self.since + config.presence.grace_ms),
            Some(Kind::Mirror) | None => self.until.map(At::mono),
        }
    }

    fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(self.kind, self.overruled, self.wanted, self.told, self.stands, self.queued, self.again, self.open, self.classes));
        fp.debug(&self.swallowed.map(|(availability, activity, _)| (availability, activity)));
        if let Some(at) = self.due {
            fp.time(at.mono());
        }
    }
}

/// Bits of the classes in which a state of this number may come back (`spec/ms-pres.md` 5.5, rule 8): busy goes idle, do-not-disturb is 6900 for colleagues.
pub(super) fn classes_of(availability: u32) -> u16 {
    let bit = |class: Class| 1u16 << class as u16;
    match Class::of(availability) {
        Class::Online | Class::IdleOnline => bit(Class::Online) | bit(Class::IdleOnline),
        Class::Busy | Class::IdleBusy => bit(Class::Busy) | bit(Class::IdleBusy),
        Class::DoNotDisturb => bit(Class::DoNotDisturb) | bit(Class::Busy),
        class => bit(class),
    }
}

/// All entries and their deadlines.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Standing {
    entries: BTreeMap<UserId, Over>,
    due: BTreeSet<(Mono, UserId)>,
    /// How the last After Call Work or Legal Guard of each worker ended, to be told; nothing is decided by it.
    ended: BTreeMap<UserId, (Mono, OverrideEnd)>,
}

impl Standing {
    pub(super) fn get(&self, user: UserId) -> Option<&Over> {
        self.entries.get(&user)
    }

    pub(super) fn get_mut(&mut self, user: UserId) -> Option<&mut Over> {
        self.entries.get_mut(&user)
    }

    pub(super) fn at(&mut self, user: UserId) -> &mut Over {
        self.entries.entry(user).or_default()
    }

    /// Remembers an end.
    pub(super) fn ended(&mut self, user: UserId, at: Mono, how: OverrideEnd) {
        self.ended.insert(user, (at, how));
    }

    /// The last end is no longer of interest.
    pub(super) fn has_begun(&mut self, user: UserId) {
        self.ended.remove(&user);
    }

    pub(super) fn last_end(&self, user: UserId) -> Option<(Mono, OverrideEnd)> {
        self.ended.get(&user).copied()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.entries.keys().copied()
    }

    /// Drops an entry that is past, moves the deadline of one that is not. Returns whether there still is an entry.
    pub(super) fn settle(&mut self, config: &Config, user: UserId) -> bool {
        let Some(entry) = self.entries.get_mut(&user) else { return false };
        if entry.is_past() {
            self.remove(user);
            return false;
        }
        let wake = entry.wake(config);
        if entry.due.map(At::mono) != wake {
            if let Some(old) = entry.due {
                self.due.remove(&(old.mono(), user));
            }
            entry.due = wake.map(At::from);
            self.due.extend(wake.map(|at| (at, user)));
        }
        true
    }

    pub(super) fn remove(&mut self, user: UserId) {
        if let Some(at) = self.entries.remove(&user).and_then(|entry| entry.due) {
            self.due.remove(&(at.mono(), user));
        }
    }

    /// The earliest deadline.
    pub(super) fn next_due(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next worker whose deadline has come.
    pub(super) fn pop_due(&mut self, now: Mono) -> Option<UserId> {
        let (_, user) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        if let Some(entry) = self.entries.get_mut(&user) {
            entry.due = None;
        }
        Some(user)
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for (user, entry) in &self.entries {
            fp.num(u64::from(user.0));
            entry.fingerprint(fp);
        }
    }
}
