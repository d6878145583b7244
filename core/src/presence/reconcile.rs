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
use super::conditions::{next_edge_ms, rule_of, wants_calendar};
use super::decide::{Decision, decide};
use super::note::note_hash;
use super::role::Role;
use super::seats::Seats;
use super::slots::{DnSlot, Hold, UserSlot};
use super::standing::Standing;
use super::{NoteChange, PresenceTimer, PresenceUpdate, StateChange};
use crate::action::CtiReq;
use crate::config::{Config, Rule};
use crate::cti::CtiSide;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::directory::{Changes, Directory};
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{DnId, SwitchId, UserId};
use crate::note::Note;
use crate::time::{At, Mono};
use crate::uc::UcSide;
use crate::views::{AgentState, Counters, DnView, Reason, ShownState, WantView, WorkerView};
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
    work: Vec<VecDeque<DnId>>,
    /// DNs waiting for `retry_at`.
    retries: BTreeSet<(Mono, DnId)>,
    /// Workers whose subscription was lost, in order of time; the grace time is the same for all.
    grace: VecDeque<(Mono, UserId)>,
    /// Free/busy data of those who have it, while a condition asks for it.
    calendars: BTreeMap<UserId, Box<FreeBusy>>,
    /// Free seating.
    pub(super) seats: Seats,
    /// What stands in place of workers' own presence.
    pub(super) standing: Standing,
    /// Workers whose publication is to change, each at most once; handed to the SIP side in the down pass.
    pub(super) publications: VecDeque<UserId>,
    /// Since when each switch has been silent.
    pub(super) silent: Vec<Option<Mono>>,
    pub(super) counters: Counters,
    /// Stopping, and agents are to be logged out.
    pub(super) logging_out: bool,
    /// Stopping: nothing begins any more.
    pub(super) stopping: bool,
}

const GRACE: TimerKey = TimerKey::Presence(PresenceTimer::Grace);
const EDGE: TimerKey = TimerKey::Presence(PresenceTimer::Edge);
const RETRY: TimerKey = TimerKey::Presence(PresenceTimer::Retry);
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

    fn grow(&mut self, cx: &Cx<'_>) {
        self.users.resize_with(cx.directory.user_slots().max(self.users.len()), UserSlot::default);
        self.dns.resize_with(cx.directory.dn_slots().max(self.dns.len()), DnSlot::default);
        self.choices.grow(self.users.len(), self.dns.len());
        self.work.resize_with(cx.config.cti.switches.len(), VecDeque::new);
    }

    /// What may be done for each worker.
    pub(super) fn assign_roles(&mut self, cx: &mut Cx<'_>) {
        for user in cx.directory.users() {
            let role = Role::of(cx.config, cx.directory.person(user));
            let before = core::mem::replace(&mut self.users[user.index()].role, role);
            if before.asks() != role.asks() {
                self.touch(cx, user, false);
            }
        }
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
            Fact::Published { user, row } => self.on_published(cx, user, row),
            Fact::PublishFailed { user } => self.open_echo_window(cx, user),
            Fact::UserAction { user, state } => self.on_user_action(cx, user, state),
        }
    }

    fn on_presence(&mut self, cx: &mut Cx<'_>, user: UserId, update: PresenceUpdate) {
        self.on_regained(cx, user);
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
        for dn in cx.directory.dns_of(user).chain(self.seats.of(user)) {
            if change
                && !(self.dns[dn.index()].hold == Hold::Foreign
                    && self.dns[dn.index()].have == AgentState::LoggedOut
                    && !cx.config.presence.sync_when_logged_out)
            {
                let slot = &mut self.dns[dn.index()];
                slot.hold = Hold::None;
                slot.failures = 0;
                if let Some(at) = slot.retry_at.take() {
                    self.retries.remove(&(at.mono(), dn));
                }
            }
            let slot = &mut self.dns[dn.index()];
            slot.asked = false;
            if !slot.dirty {
                slot.dirty = true;
                self.work[cx.directory.switch_of(dn).index()].push_back(dn);
            }
        }
    }

    pub(super) fn enqueue(&mut self, switch: SwitchId, dn: DnId) {
        let slot = &mut self.dns[dn.index()];
        slot.asked = false;
        if !slot.dirty {
            slot.dirty = true;
            self.work[switch.index()].push_back(dn);
        }
    }

    fn on_lost(&mut self, cx: &mut Cx<'_>, users: &[UserId]) {
        if !cx.config.mode.has_uc() {
            return; // there is nothing to lose
        }
        for user in users {
            let Some(slot) = self.users.get_mut(user.index()) else { continue };
            if slot.lost_at.is_none() {
                slot.lost_at = Some(cx.now.mono.into());
                if !slot.in_grace {
                    slot.in_grace = true;
                    self.grace.push_back((cx.now.mono, *user));
                }
            }
        }
        if let Some((at, _)) = self.grace.front() {
            cx.deadlines.set_earlier(GRACE, *at + cx.config.presence.grace_ms);
        }
    }

    fn on_regained(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(slot) = self.users.get_mut(user.index()) else { return };
        slot.lost_at = None;
        if core::mem::take(&mut slot.stale) {
            self.touch(cx, user, false);
        }
    }

    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, timer: PresenceTimer) {
        match timer {
            PresenceTimer::Grace => self.on_grace(cx),
            PresenceTimer::Retry => self.on_retry(cx),
            PresenceTimer::Override => self.on_over_timer(cx),
            PresenceTimer::Silence => self.on_silent_timer(cx),
            PresenceTimer::Edge => self.on_edge(cx),
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

    /// Time of day or a calendar may say something else now: everybody is looked at, nothing is sent where nothing changed.
    fn on_edge(&mut self, cx: &mut Cx<'_>) {
        for user in cx.directory.users() {
            self.touch(cx, user, false);
        }
        self.arm_edge(cx);
    }

    fn arm_edge(&self, cx: &mut Cx<'_>) {
        match next_edge_ms(&cx.config.presence, cx.now.unix_ms) {
            Some(ms) => cx.set(EDGE, cx.now.mono + ms),
            None => cx.clear(EDGE),
        }
    }

    fn on_grace(&mut self, cx: &mut Cx<'_>) {
        let grace = cx.config.presence.grace_ms;
        while let Some(&(at, user)) = self.grace.front() {
            if at + grace > cx.now.mono {
                cx.set(GRACE, at + grace);
                return;
            }
            self.grace.pop_front();
            let Some(slot) = self.users.get_mut(user.index()) else { continue };
            match slot.lost_at.map(At::mono) {
                // Lost again in the meantime: its time runs from then.
                Some(lost) if lost > at => self.grace.push_back((lost, user)),
                Some(_) => {
                    slot.in_grace = false;
                    slot.stale = true;
                    if slot.heard {
                        cx.note(Note::PresenceStale { user });
                    }
                    self.touch(cx, user, false);
                }
                None => slot.in_grace = false,
            }
        }
    }

    fn on_retry(&mut self, cx: &mut Cx<'_>) {
        while let Some(&(at, dn)) = self.retries.first() {
            if at > cx.now.mono {
                cx.set(RETRY, at);
                return;
            }
            self.retries.pop_first();
            let slot = &mut self.dns[dn.index()];
            slot.retry_at = None;
            if slot.hold == Hold::OutOfService {
                slot.hold = Hold::None; // event 148 may have been lost with a connection
            }
            self.counters.repeats += 1;
            self.enqueue(cx.directory.switch_of(dn), dn);
        }
    }

    pub(super) fn retry_after(&mut self, cx: &mut Cx<'_>, dn: DnId, ms: u64) {
        let at = cx.now.mono + ms;
        if let Some(old) = self.dns[dn.index()].retry_at.replace(at.into()) {
            self.retries.remove(&(old.mono(), dn));
        }
        self.retries.insert((at, dn));
        cx.deadlines.set_earlier(RETRY, at);
    }

    /// A switch came or went: requests without an answer are unknown. What they did is asked before anything is sent (`cti` holds the DN as not fresh).
    fn on_switch(&mut self, cx: &mut Cx<'_>, switch: SwitchId) {
        for dn in cx.directory.dns().filter(|dn| cx.directory.switch_of(*dn) == switch) {
            let slot = &mut self.dns[dn.index()];
            if let Some(req) = slot.in_flight.take() {
                slot.ours = None;
                slot.lost = Some(req);
                slot.trail.on_link_lost();
                self.enqueue(switch, dn);
            }
        }
    }

    /// Tries again after a pause that doubles with every failure.
    pub(super) fn back_off(&mut self, cx: &mut Cx<'_>, dn: DnId, req: CtiReq) {
        let slot = &mut self.dns[dn.index()];
        slot.failures = slot.failures.saturating_add(1);
        let timers = &cx.config.cti.timers;
        let first = if req == CtiReq::AgentLogin { timers.relogin_ms } else { timers.retry_min_ms };
        let pause = first.saturating_mul(1 << u32::from(slot.failures.min(16) - 1)).min(timers.retry_max_ms);
        let pause = cx.entropy.jitter(pause, timers.jitter_percent);
        self.retry_after(cx, dn, pause);
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

    /// The directory and `cx.config` are the new ones already.
    pub(crate) fn on_reconfigure(&mut self, cx: &mut Cx<'_>, old: &Config, changes: &Changes) {
        let switches_changed = old.cti.switches != cx.config.cti.switches;
        for (dn, _) in &changes.removed_dns {
            self.seats.leave(*dn);
            let slot = core::mem::take(&mut self.dns[dn.index()]);
            if let Some(at) = slot.retry_at {
                self.retries.remove(&(at.mono(), *dn));
            }
            self.choices.forget_dn(*dn);
        }
        self.work.iter_mut().for_each(|work| work.retain(|dn| cx.directory.has_dn(*dn)));
        for (user, _) in changes.removed_users.iter().chain(&changes.unwatched) {
            self.forget_standing(*user);
            self.users[user.index()] = UserSlot::default();
            self.calendars.remove(user);
            self.seats.forget(*user);
        }
        let users = &self.users;
        self.grace.retain(|(_, user)| users[user.index()].in_grace);
        for (user, _) in &changes.removed_users {
            self.choices.forget_user(*user);
        }
        if switches_changed {
            self.work.clear();
            self.dns.iter_mut().for_each(|slot| slot.dirty = false);
        }
        self.grow(cx);
        self.renumber_choices(cx, old);
        self.register_by_itself(cx, &changes.added_users);
        self.on_lost(cx, &changes.added_users);
        self.on_lost(cx, &changes.rewatched_users);
        for dn in &changes.relogin_dns {
            self.dns[dn.index()].failures = 0;
        }
        if old.presence != cx.config.presence || old.mode != cx.config.mode || switches_changed {
            for at in 0..self.users.len() {
                let slot = &mut self.users[at];
                slot.class = if slot.heard { UserSlot::class_of(cx.config, slot.availability, slot.activity) } else { slot.class };
                let note = slot.note.as_deref().filter(|_| cx.config.presence.send_note);
                slot.note_hash = note.map_or(0, note_hash);
                if cx.directory.has_user(UserId(at as u32)) {
                    self.touch(cx, UserId(at as u32), false);
                }
            }
        }
        if !wants_calendar(&cx.config.presence) {
            self.calendars.clear();
        }
        self.arm_edge(cx);
        self.reconsider(cx, old);
        cx.note(Note::Reconfigured {
            added: changes.added_users.len() as u32,
            removed: changes.removed_users.len() as u32,
            changed: (changes.rewatched_users.len() + changes.relogin_dns.len()) as u32,
        });
    }

    /// Stops in good order: agents are logged out where the configuration says so.
    pub(crate) fn on_drain(&mut self, cx: &mut Cx<'_>) {
        self.stopping = true;
        self.logging_out = cx.config.presence.logout_on_stop;
        if self.logging_out {
            for user in cx.directory.users().filter(|user| self.users[user.index()].role.asks()).collect::<Vec<_>>() {
                self.touch(cx, user, true);
            }
        } else {
            self.work.iter_mut().for_each(VecDeque::clear);
            self.dns.iter_mut().for_each(|slot| slot.dirty = false);
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn is_drained(&self) -> bool {
        let is_quiet = |slot: &DnSlot| slot.in_flight.is_none() && !slot.asked;
        !self.logging_out || (self.work.iter().all(VecDeque::is_empty) && self.retries.is_empty() && self.dns.iter().all(is_quiet))
    }

    /// The worker's note as it goes into the reasons.
    pub(crate) fn note(&self, config: &Config, user: UserId) -> &str {
        if !config.presence.send_note {
            return "";
        }
        self.users.get(user.index()).and_then(|slot| slot.note.as_deref()).unwrap_or("")
    }

    pub(crate) fn worker(&self, user: UserId, directory: &Directory, covered: bool, unix_ms: u64, shown: ShownState) -> WorkerView<'_> {
        let slot = &self.users[user.index()];
        let over = self.standing.get(user);
        WorkerView {
            user,
            class: slot.class,
            availability: slot.availability,
            activity: slot.activity,
            note: slot.note.as_deref().unwrap_or(""),
            covered,
            since: slot.heard.then_some(slot.since),
            want: match self.chosen_want(directory.config(), user).filter(|_| slot.role.takes_choices()) {
                Some(want) => want.into(),
                None if slot.role.asks() => slot.want(self.rule(directory, user, unix_ms).0).into(),
                None => WantView::Nothing,
            },
            choice: self.choices.of(user),
            shown,
            over: over.and_then(super::standing::Over::view),
            publishing: over.and_then(|over| over.wanted),
            published: over.and_then(|over| over.stands),
        }
    }

    pub(crate) fn dn(&self, dn: DnId, directory: &Directory, registered: bool) -> DnView {
        let slot = &self.dns[dn.index()];
        let (user, seat, stranger) = (self.user_at(directory, dn), directory.owner(dn).is_none(), self.seats.stranger(dn));
        let shown = self.shown(directory.config(), dn, registered);
        DnView { dn, user, seat, stranger, state: slot.have, in_flight: slot.in_flight.is_some(), held: slot.hold != Hold::None, registered, shown }
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        counters.presence_changes += self.counters.presence_changes;
        counters.stale_updates += self.counters.stale_updates;
        counters.repeats += self.counters.repeats;
        counters.foreign_changes += self.counters.foreign_changes;
        counters.overrides += self.counters.overrides;
        counters.echoes += self.counters.echoes;
        counters.user_actions += self.counters.user_actions;
    }

    /// DNs on the work list, for the leak checker.
    pub(crate) fn queued(&self) -> usize {
        self.work.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        self.users.iter().for_each(|slot| slot.fingerprint(fp));
        self.dns.iter().for_each(|slot| slot.fingerprint(fp));
        self.choices.fingerprint(fp);
        self.standing.fingerprint(fp);
        self.fingerprint_silence(fp);
        for dn in self.work.iter().flatten() {
            fp.num(u64::from(dn.0));
        }
        for (user, calendar) in &self.calendars {
            fp.debug(&(user, calendar));
        }
        self.seats.fingerprint(fp);
        for (at, user) in &self.grace {
            fp.time(*at);
            fp.num(u64::from(user.0));
        }
    }
}
