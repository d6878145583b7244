//! Reconciles the agent state we want for each worker with the state T-Server last confirmed.
//!
//! We keep *want* and *have* instead of forwarding events, because events get lost, reordered and repeated across link flaps and failover, while two values and
//! a comparison do not. The price is that a presence that came and went while a link was down is never sent.
//!
//! The work list is a queue in which every DN stands at most once, not a bitset: under a full window a bitset would always serve the lowest numbers first.
//!
//! Architecture invariant: this module knows no SIP, no T-Library encoding and no XML.
use super::calendar::FreeBusy;
use super::choice::Choices;
use super::conditions::rule_of;
use super::decide::{Decision, decide};
use super::note::note_hash;
use super::seats::Seats;
use super::slots::{DnSlot, Hold, UserSlot};
use super::standing::Standing;
use super::{Lag, NoteChange, PresenceTimer, PresenceUpdate, StateChange};
use crate::config::Rule;
use crate::cti::CtiSide;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::directory::Directory;
use crate::fact::Fact;
use crate::id::{DnId, SwitchId, UserId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc::UcSide;
use crate::views::{AgentState, Counters, Reason};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// The reconciler.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Presence {
    pub(super) users: Vec<UserSlot>,
    /// By hand.
    pub(super) choices: Choices,
    pub(super) dns: Vec<DnSlot>,
    /// DNs to look at, one queue per switch.
    pub(super) work: Vec<VecDeque<DnId>>,
    /// DNs waiting for `retry_at`.
    pub(super) retries: BTreeSet<(Mono, DnId)>,
    /// Workers whose subscription was lost, in order of time; the grace time is the same for all.
    pub(super) grace: VecDeque<(Mono, UserId)>,
    /// Free/busy data of those who have it, while a condition asks for it.
    pub(super) calendars: BTreeMap<UserId, Box<FreeBusy>>,
    /// Free seating.
    pub(super) seats: Seats,
    /// What stands in place of workers' own presence.
    pub(super) standing: Standing,
    /// Workers whose publication is to change, each at most once; handed to the SIP side in the down pass.
    pub(super) publications: VecDeque<UserId>,
    /// The servers' clock.
    pub(super) lag: Lag,
    /// Since when each switch has been silent.
    pub(super) silent: Vec<Option<Mono>>,
    pub(super) counters: Counters,
    /// Stopping, and agents are to be logged out.
    pub(super) logging_out: bool,
    /// Stopping: nothing begins any more.
    pub(super) stopping: bool,
}

pub(super) const GRACE: TimerKey = TimerKey::Presence(PresenceTimer::Grace);
pub(super) const EDGE: TimerKey = TimerKey::Presence(PresenceTimer::Edge);
pub(super) const RETRY: TimerKey = TimerKey::Presence(PresenceTimer::Retry);
pub(super) const OVER: TimerKey = TimerKey::Presence(PresenceTimer::Override);
pub(super) const SILENT: TimerKey = TimerKey::Presence(PresenceTimer::Silence);

impl Presence {
    /// Nothing is known of anybody: every watched worker begins as lost, so that the grace time runs from the start.
    pub(crate) fn start(cx: &mut Cx<'_>) -> Self {
        let mut it = Self::default();
        it.grow(cx);
        it.assign_roles(cx);
        let users: Vec<UserId> = cx.directory.users().collect();
        it.on_lost(cx, &users);
        it.arm_edge(cx);
        it.register_by_itself(cx, &users);
        it
    }

    pub(crate) fn on_fact(&mut self, cx: &mut Cx<'_>, fact: Fact) {
        match fact {
            Fact::Presence { user, update } => self.on_presence(cx, user, update),
            Fact::CoverageLost { users } => self.on_lost(cx, &users),
            Fact::CoverageRegained { users } => users.iter().for_each(|user| self.on_regained(cx, *user)),
            Fact::SwitchUp { switch } => {
                self.on_silence(cx, switch, false);
                self.on_switch(cx, switch);
            }
            Fact::SwitchDown { switch } => {
                self.on_silence(cx, switch, true);
                self.on_switch(cx, switch);
            }
            Fact::Agent { dn, news } => self.on_agent(cx, dn, news),
            Fact::Registration { dn } => self.mark(cx, dn),
            Fact::Published { user, row } => self.on_published(cx, user, row),
            Fact::PublishFailed { user } => self.open_echo_window(cx, user),
            Fact::UserAction { user, state } => self.on_user_action(cx, user, state),
            // Previews only.
            Fact::Reported { .. } | Fact::RouterGone { .. } | Fact::InviteAnswered { .. } | Fact::InviteDeclined { .. } | Fact::InviteFailed { .. } => {}
        }
    }

    fn on_presence(&mut self, cx: &mut Cx<'_>, user: UserId, update: PresenceUpdate) {
        self.on_regained(cx, user);
        if let StateChange::Value { publish_time, .. } = update.state {
            self.lag.learn(cx.now.mono, publish_time);
        }
        let Some(slot) = self.users.get(user.index()) else { return };
        if Self::may_be_ours(slot, &update) { self.take_own_part(cx, user, update) } else { self.take(cx, user, update) }
    }

    /// Takes an update as the worker's own presence.
    pub(super) fn take(&mut self, cx: &mut Cx<'_>, user: UserId, update: PresenceUpdate) {
        let Some(slot) = self.users.get_mut(user.index()) else { return };
        if slot.is_outdated(&update) {
            self.counters.stale_updates += 1;
            return;
        }
        cx.watch.mark(user);
        let before = (slot.class, slot.availability, slot.activity, slot.note_hash);
        match update.state {
            StateChange::Unchanged => {}
            StateChange::Empty => slot.activity = super::Activity::None,
            StateChange::Value { availability, activity, publish_time } => {
                slot.publish_time = publish_time;
                slot.availability = availability;
                slot.activity = activity;
                slot.class = UserSlot::class_of(cx.config, availability, activity);
            }
        }
        match update.note {
            NoteChange::Unchanged => {}
            NoteChange::Cleared => (slot.note, slot.note_hash) = (None, 0),
            NoteChange::Set(text) if text.is_empty() => (slot.note, slot.note_hash) = (None, 0),
            NoteChange::Set(text) => {
                slot.note_hash = if cx.config.presence.send_note { note_hash(&text) } else { 0 };
                slot.note = Some(text);
            }
        }
        let calendar_changed = match update.calendar {
            None => false,
            Some(None) => self.calendars.remove(&user).is_some(),
            Some(Some(calendar)) => {
                let changed = self.calendars.get(&user) != Some(&calendar);
                self.calendars.insert(user, calendar);
                changed
            }
        };
        let first_word = !core::mem::replace(&mut slot.heard, true);
        // Any change is the worker's next word, also within one class: what others set before no longer stands. A request follows only if one is needed.
        if before == (slot.class, slot.availability, slot.activity, slot.note_hash) && !first_word {
            if calendar_changed {
                self.touch(cx, user, false);
            }
            return;
        }
        if before.0 != slot.class || first_word {
            slot.since = cx.now.mono;
            let to = slot.class;
            self.counters.presence_changes += 1;
            cx.note(Note::Presence { user, from: before.0, to });
        }
        if !first_word {
            self.end_choice(cx, user);
        }
        self.touch(cx, user, true);
    }

    /// Puts the DNs of `user` on the work list. `change`: the worker did something, so what others set or T-Server refused no longer stands.
    pub(super) fn touch(&mut self, cx: &mut Cx<'_>, user: UserId, change: bool) {
        let works = self.works();
        cx.watch.mark(user);
        for dn in cx.directory.dns_of(user).chain(self.seats.of(user)) {
            let slot = &mut self.dns[dn.index()];
            let by_hand = slot.hold == Hold::Foreign || slot.crossed;
            if change && !(by_hand && slot.have == AgentState::LoggedOut && !cx.config.presence.sync_when_logged_out) {
                slot.hold = Hold::None;
                slot.crossed = false;
                slot.failures = 0;
                if let Some(at) = slot.retry_at.take() {
                    self.retries.remove(&(at.mono(), dn));
                }
            }
            if works {
                slot.put_on(&mut self.work[cx.directory.switch_of(dn).index()], dn);
            }
        }
    }

    /// Something may be put on the work list. While stopping there is no work but logouts: whatever an agent enters then is not ours to change.
    const fn works(&self) -> bool {
        !self.stopping || self.logging_out
    }

    pub(super) fn enqueue(&mut self, switch: SwitchId, dn: DnId) {
        if self.works() {
            self.dns[dn.index()].put_on(&mut self.work[switch.index()], dn);
        }
    }

    /// The rule that decides for a worker, and the row of `presence.conditions` it comes from.
    pub(super) fn rule(&self, directory: &Directory, user: UserId, unix_ms: u64) -> (Rule, Option<u16>) {
        let (slot, rules) = (&self.users[user.index()], &directory.config().presence);
        if rules.conditions.is_empty() {
            return (if slot.stale { rules.stale } else { rules.rules[slot.class as usize] }, None);
        }
        rule_of(rules, directory.person(user), slot, self.calendars.get(&user).map(|calendar| &**calendar), unix_ms)
    }

    /// A switch came or went: requests without an answer are unknown. What they did is asked before anything is sent (`cti` holds the DN as not fresh).
    fn on_switch(&mut self, cx: &mut Cx<'_>, switch: SwitchId) {
        for dn in cx.directory.dns().filter(|dn| cx.directory.switch_of(*dn) == switch) {
            self.mark(cx, dn);
            let slot = &mut self.dns[dn.index()];
            if let Some(req) = slot.in_flight.take() {
                slot.ours = None;
                slot.lost = Some(req);
                slot.trail.on_link_lost();
                self.enqueue(switch, dn);
            }
        }
    }

    /// Down pass: the DNs on the work list get what they need, as far as the windows allow.
    pub(crate) fn emit(&mut self, cx: &mut Cx<'_>, cti: &mut CtiSide, uc: &mut UcSide) {
        self.hand_over(cx, uc);
        for at in 0..self.work.len() {
            let switch = SwitchId(at as u16);
            while !self.work[at].is_empty() {
                let Some(link) = cti.ready(cx, switch) else { break };
                let Some(dn) = self.work[at].pop_front() else { break };
                self.dns[dn.index()].dirty = false;
                if cx.directory.has_dn(dn) && cx.directory.switch_of(dn) == switch {
                    self.act(cx, cti, link, dn);
                }
            }
        }
    }

    fn act(&mut self, cx: &mut Cx<'_>, cti: &mut CtiSide, link: crate::id::CtiLinkId, dn: DnId) {
        // An empty seat, or somebody else sits at this worker's desk.
        let Some(user) = self.user_at(cx.directory, dn).filter(|_| self.seats.stranger(dn).is_none()) else { return };
        let worker = &self.users[user.index()];
        let (want, reason) = self.aim(cx.directory, user, cx.now.unix_ms);
        let chosen = reason == Reason::Choice;
        // A state chosen by hand has no note.
        let note = if chosen { 0 } else { worker.note_hash };
        let slot = &mut self.dns[dn.index()];
        match decide(cx.now.mono, slot, want, note, cx.config.presence.auto_login || chosen) {
            Decision::Leave => {}
            Decision::Adopt(request) => slot.ours = Some((request, note)),
            Decision::Request(req) => {
                if !cti.is_fresh(link, dn) {
                    slot.asked = true;
                    cti.hurry(cx, link);
                    return; // the snapshot brings it back
                }
                cx.watch.mark(user);
                slot.in_flight = Some(req);
                slot.lost = None;
                slot.sent_note = note;
                slot.crossed = false;
                slot.trail.on_sent(cx.now.mono, req);
                cti.request(cx, link, dn, req);
                let status = worker.class;
                cx.note(Note::StateRequested { user, dn, what: super::request_name(req), status });
            }
        }
    }
}
