//! The override machine: After Call Work and Legal Guard against presence (`spec/uc-connector-functional.md` 3.3, 3.4; `decisions.md` 14).
//!
//! While T-Server keeps an agent in one of the two, presence makes no requests and the UC platform shows our row instead. It ends by the worker (their state goes
//! to the contact centre at once), by T-Server or a desktop (`publish.after` says what then), by a logout, or by our own limit. When the worker or we end it,
//! the agent is still in it until T-Server has taken our request: *overruled*, so that it does not begin once more.
use super::reconcile::{OVER, Presence};
use super::slots::Hold;
use super::standing::{Kind, classes_of};
use super::{Activity, NoteChange, PresenceUpdate, StateChange};
use crate::config::{AfterRule, Config, PublishWay, Rule, StateRow};
use crate::cx::Cx;
use crate::id::{DnId, UserId};
use crate::note::Note;
use crate::uc::UcSide;
use crate::views::{AgentState, OverrideEnd, OverrideView};
use alloc::vec::Vec;

/// How T-Server left After Call Work or Legal Guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// For another state, by its timer or by a desktop.
    Left,
    /// The agent is logged out.
    LoggedOut,
}

impl Ended {
    pub(super) fn by(state: AgentState) -> Self {
        if state == AgentState::LoggedOut { Self::LoggedOut } else { Self::Left }
    }

    const fn view(self) -> OverrideEnd {
        match self {
            Self::Left => OverrideEnd::Left,
            Self::LoggedOut => OverrideEnd::LoggedOut,
        }
    }
}

impl Presence {
    /// What T-Server keeps the worker's agent in, over all DNs.
    fn kept(&self, cx: &Cx<'_>, user: UserId) -> Option<Kind> {
        let of = |dn: DnId| {
            let slot = &self.dns[dn.index()];
            (slot.ours.is_none() && !slot.fresh_login && !slot.asks_for(slot.have)).then(|| Kind::of(slot.have)).flatten()
        };
        self.own_dns(cx, user).filter_map(of).max()
    }

    /// The DNs at which the worker is the agent.
    pub(super) fn own_dns<'a>(&'a self, cx: &Cx<'a>, user: UserId) -> impl Iterator<Item = DnId> + 'a {
        self.dns_of(cx.directory, user).filter(|dn| self.seats.stranger(*dn).is_none())
    }

    /// T-Server itself entered this state: no request of ours asks for its mode, whatever reasons are still attached to the agent.
    pub(super) fn is_servers_own(&self, cx: &Cx<'_>, dn: DnId, state: AgentState) -> bool {
        let AgentState::NotReady(mode) = state else { return false };
        Kind::of(state).is_some() && self.user_at(cx.directory, dn).is_some_and(|user| self.users[user.index()].role.holds()) && !requests_mode(cx.config, mode)
    }

    /// Whether what happened to the agent is the override's business, and not a foreign hand's.
    pub(super) fn governs(&self, cx: &Cx<'_>, dn: DnId, state: AgentState) -> bool {
        let Some(user) = self.user_at(cx.directory, dn) else { return false };
        let slot = &self.users[user.index()];
        slot.role.holds() && (Kind::of(state).is_some() || (slot.over && state != AgentState::LoggedOut && self.keeps_watch(user)))
    }

    fn keeps_watch(&self, user: UserId) -> bool {
        self.standing.get(user).is_some_and(|over| over.holds() || over.overruled)
    }

    /// Presence changes of this worker are held back now.
    pub(super) fn is_held(&self, user: UserId) -> bool {
        self.users[user.index()].over && self.standing.get(user).is_some_and(super::standing::Over::holds)
    }

    /// The agent state of one of the worker's DNs may have changed.
    pub(super) fn recheck(&mut self, cx: &mut Cx<'_>, user: UserId, ended: Ended) {
        let role = self.users[user.index()].role;
        if self.stopping || !role.follows_agent() {
            return;
        }
        if role.mirrors() {
            return self.mirror(cx, user);
        }
        let now = self.kept(cx, user);
        let (before, overruled) = self.standing.get(user).map_or((None, false), |over| (over.kind, over.overruled));
        match (before, now) {
            (Some(before), Some(now)) if before == now => {}
            (_, Some(_)) if overruled => {}
            (_, Some(kind)) => self.begin(cx, user, kind),
            (Some(before), None) if before.holds() => self.end(cx, user, ended),
            (Some(_), None) => self.sweep_when_known(cx, user, false),
            (None, None) if overruled => self.leave(cx, user),
            (None, None) => {}
        }
    }

    fn begin(&mut self, cx: &mut Cx<'_>, user: UserId, kind: Kind) {
        let publishes = self.users[user.index()].role.publishes();
        self.users[user.index()].over = true;
        let over = self.standing.at(user);
        let before = over.kind.replace(kind);
        over.again |= before == Some(Kind::Leftover);
        if !before.is_some_and(Kind::holds) {
            over.since = cx.now.mono;
            self.counters.overrides += 1;
        }
        over.until = None;
        self.standing.has_begun(user);
        let what = if kind == Kind::AfterCallWork { OverrideView::AfterCallWork } else { OverrideView::LegalGuard };
        cx.note(Note::OverrideBegan { user, what });
        self.show(cx, user, kind.row(cx.config).filter(|_| publishes));
    }

    /// T-Server or a desktop left the mode, or the agent was logged out.
    fn end(&mut self, cx: &mut Cx<'_>, user: UserId, ended: Ended) {
        self.standing.at(user).kind = None;
        self.standing.ended(user, cx.now.mono, ended.view());
        cx.note(Note::OverrideEnded { user, why: ended.view().words() });
        self.show(cx, user, None);
        match (ended, cx.config.publish.after) {
            // Where a hand logged out it was respected already; the other DNs get what presence wants.
            (Ended::LoggedOut, _) => self.touch(cx, user, false),
            (Ended::Left, AfterRule::Follow) => self.touch(cx, user, true),
            (Ended::Left, AfterRule::Stand) => {
                for dn in self.own_dns(cx, user).collect::<Vec<_>>() {
                    let slot = &mut self.dns[dn.index()];
                    if slot.ours.is_none() && slot.hold == Hold::None && slot.in_flight.is_none() {
                        slot.hold = Hold::Foreign;
                    }
                }
                self.touch(cx, user, false);
            }
        }
    }

    /// The worker, or our limit, ends what T-Server keeps up: the agent gets the state of the worker's presence now.
    pub(super) fn overrule(&mut self, cx: &mut Cx<'_>, user: UserId, why: OverrideEnd) {
        let Some(over) = self.standing.get_mut(user).filter(|over| over.holds()) else { return };
        over.kind = None;
        over.overruled = true;
        self.standing.ended(user, cx.now.mono, why);
        cx.note(Note::OverrideEnded { user, why: why.words() });
        self.show(cx, user, None);
        self.touch(cx, user, true);
    }

    /// T-Server has left what was overruled before. What it had refused meanwhile is requested again.
    fn leave(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.standing.at(user).overruled = false;
        for dn in self.own_dns(cx, user).collect::<Vec<_>>() {
            let slot = &mut self.dns[dn.index()];
            if slot.hold == Hold::Refused {
                slot.hold = Hold::None;
            }
        }
        self.touch(cx, user, false);
        self.settle(cx, user);
    }

    /// The worker did something with their own client.
    pub(super) fn on_user_action(&mut self, cx: &mut Cx<'_>, user: UserId, state: Option<(u32, Activity)>) {
        let slot = &self.users[user.index()];
        // As long as nothing of ours has shown, the server itself tells what the choice made of their presence: a meeting, or being offline, may outdo it.
        let told = slot.lost_at.is_none() && self.standing.get(user).is_some_and(|over| over.swallowed.is_none());
        match self.standing.get(user).and_then(|over| over.kind) {
            Some(Kind::Mirror) => self.reassert(cx, user),
            Some(kind) if kind.holds() => {
                self.overrule(cx, user, OverrideEnd::Worker);
                self.end_choice(cx, user);
                if let Some((availability, activity)) = state.filter(|_| !told) {
                    self.heard_aside(cx, user);
                    let publish_time = self.users[user.index()].publish_time;
                    let state = StateChange::Value { availability, activity, publish_time };
                    self.take(cx, user, PresenceUpdate { state, note: NoteChange::Unchanged, calendar: None, first: true });
                }
            }
            _ => {}
        }
    }

    /// What the UC platform shall show for the worker; handed over in the down pass.
    pub(super) fn show(&mut self, cx: &mut Cx<'_>, user: UserId, row: Option<StateRow>) {
        if self.stopping {
            return; // the SIP side withdraws everything by itself
        }
        let over = self.standing.at(user);
        if row.is_some() {
            let classes = |row: Option<StateRow>| row.map_or(0, |row| echo_classes(cx.config, row));
            over.classes = if over.wanted == row { over.classes } else { classes(over.told) } | classes(row);
        }
        over.wanted = row;
        if !over.queued && (over.wanted != over.told || over.again) {
            over.queued = true;
            self.publications.push_back(user);
        }
        self.settle(cx, user);
    }

    /// Down pass: the latest command of each worker in the queue.
    pub(super) fn hand_over(&mut self, cx: &mut Cx<'_>, uc: &mut UcSide) {
        while let Some(user) = self.publications.pop_front() {
            let Some(over) = self.standing.get_mut(user) else { continue };
            over.queued = false;
            if core::mem::take(&mut over.again) || over.wanted != over.told {
                over.told = over.wanted;
                over.open = true;
                if over.kind.is_none() {
                    over.until = None;
                }
                uc.publish(cx, user, over.wanted);
            }
            self.settle(cx, user);
        }
    }

    /// The UC platform shows this now.
    pub(super) fn on_published(&mut self, cx: &mut Cx<'_>, user: UserId, row: Option<StateRow>) {
        let Some(over) = self.standing.get_mut(user) else { return };
        over.stands = row;
        if row.is_none() {
            self.open_echo_window(cx, user);
        }
    }

    /// Nothing more may come of a withdrawal: what we showed may still be on its way to us, for a while.
    pub(super) fn open_echo_window(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(over) = self.standing.get_mut(user) else { return };
        if over.kind.is_none() && over.wanted.is_none() && !over.queued && over.open && over.until.is_none() {
            over.until = Some((cx.now.mono + cx.config.publish.echo_ms).into());
            self.settle(cx, user);
        }
    }

    /// Deadlines of single workers.
    pub(super) fn on_over_timer(&mut self, cx: &mut Cx<'_>) {
        while let Some(user) = self.standing.pop_due(cx.now.mono) {
            match self.standing.get(user).and_then(|over| over.kind) {
                Some(Kind::AfterCallWork | Kind::LegalGuard) => self.overrule(cx, user, OverrideEnd::Limit),
                Some(Kind::Leftover) => self.sweep_when_known(cx, user, true),
                Some(Kind::Mirror) => self.mirror_again(cx, user),
                None => self.close_echo_window(cx, user),
            }
            self.settle(cx, user);
        }
    }

    /// The echo window is over. What was taken for an echo and still is the last word, without our text on it, was the worker's own.
    fn close_echo_window(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(over) = self.standing.get_mut(user) else { return };
        over.open = false;
        over.until = None;
        over.classes = 0;
        over.stands = None;
        let own = over.swallowed.take().filter(|(_, activity, _)| *activity != Activity::Published);
        self.settle(cx, user);
        if let Some((availability, activity, publish_time)) = own {
            let state = StateChange::Value { availability, activity, publish_time };
            self.take(cx, user, PresenceUpdate { state, note: NoteChange::Unchanged, calendar: None, first: true });
        }
    }

    /// Withdraws what an earlier life left, once T-Server has told that nothing must stand; `anyway`: it had its time.
    pub(super) fn sweep_when_known(&mut self, cx: &mut Cx<'_>, user: UserId, anyway: bool) {
        let unknown = self.own_dns(cx, user).any(|dn| self.dns[dn.index()].have == AgentState::Unknown);
        if unknown && !anyway {
            return;
        }
        let over = self.standing.at(user);
        over.kind = None;
        over.again = true;
        self.show(cx, user, None);
    }

    /// After every change of an entry: its deadline, or its end.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let stays = self.standing.settle(cx.config, user);
        if let Some(slot) = self.users.get_mut(user.index()) {
            slot.over = stays;
        }
        match self.standing.next_due() {
            Some(at) => cx.set(OVER, at),
            None => cx.clear(OVER),
        }
    }

    /// A new configuration: what may be done for each worker, and what stands by it.
    pub(super) fn reconsider(&mut self, cx: &mut Cx<'_>, old: &Config) {
        self.assign_roles(cx);
        let other_rows = old.publish.states != cx.config.publish.states;
        let users: Vec<UserId> = self.standing.users().collect();
        for user in users {
            let role = self.users[user.index()].role;
            let over = self.standing.at(user);
            let before = over.told.and_then(|row| old.publish.state(row)).filter(|_| other_rows).map(|state| classes_of(state.availability));
            over.again |= other_rows && over.wanted.is_some();
            let fits = match over.kind {
                Some(Kind::Mirror) => role.mirrors(),
                Some(Kind::Leftover) => role.publishes(),
                Some(_) => role.holds(),
                None => true,
            };
            over.overruled &= role.holds();
            if fits {
                let row = over.kind.filter(|kind| kind.holds()).and_then(|kind| kind.row(cx.config)).filter(|_| role.publishes());
                let row = if over.kind == Some(Kind::Mirror) { over.wanted } else { row };
                self.show(cx, user, row);
            } else {
                over.kind = None;
                over.until = None;
                self.show(cx, user, None);
                self.touch(cx, user, false);
            }
            // What is on its way to us shows the old texts.
            if let (Some(classes), Some(over)) = (before, self.standing.get_mut(user)) {
                over.classes |= classes;
            }
        }
        let watched = cx.directory.users().filter(|user| self.users[user.index()].role.follows_agent());
        for user in watched.collect::<Vec<_>>() {
            self.recheck(cx, user, Ended::Left);
        }
    }

    /// Worker or address gone: nothing of it is ours any more. The SIP side withdraws by itself what it published for it.
    pub(super) fn forget_standing(&mut self, user: UserId) {
        self.standing.remove(user);
        self.standing.has_begun(user);
    }
}

/// Classes in which a row comes back that only its class tells. PIDF shows on-the-phone, whatever the row says (`spec/ms-pres.md` 6.8).
fn echo_classes(config: &Config, row: StateRow) -> u16 {
    match config.publish.state(row) {
        Some(_) if config.publish.way == PublishWay::Pidf => classes_of(6500),
        Some(state) if state.text.is_empty() => classes_of(state.availability),
        _ => 0,
    }
}

/// Whether some rule of ours asks for this work mode of a not-ready agent.
fn requests_mode(config: &Config, mode: u8) -> bool {
    let wanted = Rule::NotReady { work_mode: Some(mode) };
    let rules = config.presence.rules.iter().chain(core::iter::once(&config.presence.stale)).chain(config.presence.conditions.iter().map(|row| &row.then));
    rules.into_iter().any(|rule| *rule == wanted) || config.choice.states.iter().any(|state| !state.ready && state.work_mode == Some(mode))
}
