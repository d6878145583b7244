//! What T-Server says about a DN: answers, snapshots, other people's changes, refusals.
use super::decide::fulfils;
use super::note::note_hash;
use super::overrule::Ended;
use super::reconcile::Presence;
use super::slots::Hold;
use super::{StateRequest, Why};
use crate::action::CtiReq;
use crate::codec::cti::catalogue::{self, Reaction};
use crate::config::ForeignRule;
use crate::cti::{AgentNews, Failure, Origin};
use crate::cx::Cx;
use crate::id::DnId;
use crate::input::Choice;
use crate::note::Note;
use crate::views::AgentState;

impl Presence {
    pub(super) fn on_agent(&mut self, cx: &mut Cx<'_>, dn: DnId, news: AgentNews) {
        if !cx.directory.has_dn(dn) {
            return;
        }
        let before = self.user_at(cx.directory, dn);
        self.mark(cx, dn);
        if let AgentNews::State { state, agent, .. } = news
            && cx.config.presence.free_seating
        {
            self.on_seat(cx, dn, state, agent);
        }
        self.mark(cx, dn); // who sits there now
        self.choices.hear(dn, &news);
        self.dns[dn.index()].trail.on_news(cx.now.mono, &news);
        match news {
            AgentNews::State { state, origin: Origin::Answer(req), .. } => self.on_answer(cx, dn, req, state),
            AgentNews::State { state, origin: Origin::Unsolicited, why, note, .. } => self.on_event(cx, dn, state, reasons(why, note)),
            AgentNews::State { state, origin: Origin::Snapshot, why, note, .. } => {
                self.on_snapshot(cx, dn, state, reasons(why, note));
                self.is_true_already(cx, dn);
            }
            AgentNews::State { state, origin: Origin::Late(req), why, note, .. } => {
                self.on_snapshot(cx, dn, state, reasons(why, note));
                let slot = &mut self.dns[dn.index()];
                slot.fresh_login |= req == CtiReq::AgentLogin;
                if matches!(req, CtiReq::State(_)) && fulfils(state, req) {
                    slot.ours_came_last();
                }
            }
            AgentNews::State { state, origin: Origin::Old, why, note, .. } => self.on_old(cx, dn, state, reasons(why, note)),
            AgentNews::Failed { req, failure } => self.on_failure(cx, dn, req, failure),
            AgentNews::InService(true) => {
                let slot = &mut self.dns[dn.index()];
                if slot.hold == Hold::OutOfService {
                    slot.hold = Hold::None;
                }
            }
            AgentNews::Dnd(_) => return, // shown, and nothing else
            AgentNews::InService(false) => self.dns[dn.index()].hold = Hold::OutOfService,
        }
        self.enqueue(cx.directory.switch_of(dn), dn);
        let now = self.user_at(cx.directory, dn);
        let ended = Ended::by(self.dns[dn.index()].have);
        for user in now.into_iter().chain(before.filter(|_| before != now)) {
            self.recheck(cx, user, ended);
        }
    }

    fn on_answer(&mut self, cx: &mut Cx<'_>, dn: DnId, req: CtiReq, state: AgentState) {
        let slot = &mut self.dns[dn.index()];
        if slot.in_flight.take() != Some(req) {
            slot.have = state;
            return;
        }
        slot.crossed = false;
        let changed = slot.have != state;
        slot.have = state;
        if !fulfils(state, req) {
            self.back_off(cx, dn, req);
            return;
        }
        slot.failures = 0;
        slot.fresh_login = req == CtiReq::AgentLogin;
        slot.ours = match req {
            CtiReq::State(request) => Some((request, slot.sent_note)),
            _ => None,
        };
        slot.ours_came_last();
        if changed {
            self.say_state(cx, dn, state, false);
        }
    }

    /// An event of somebody else's making (desktop, supervisor, T-Server timer), or what follows a login by itself.
    fn on_event(&mut self, cx: &mut Cx<'_>, dn: DnId, state: AgentState, reasons: Option<(Why, u32)>) {
        // What T-Server enters by itself may still carry the reasons of our last request.
        let servers_own = self.is_servers_own(cx, dn, state);
        let reasons = reasons.filter(|_| !servers_own);
        let by_our_hand = match reasons {
            // The reasons of the states on offer are everybody's: a desktop may use them too.
            Some((Why::Choice(row), _)) => self.user_at(cx.directory, dn).is_some_and(|user| self.choices.of(user) == Some(Choice::State(row))),
            reasons => reasons.is_some(),
        };
        let slot = &mut self.dns[dn.index()];
        let by_us = matches!((slot.ours, reasons), (Some((ours, note)), Some((why, their))) if ours.why == why && note == their) && slot.have == state;
        if by_us || (state == AgentState::LoggedIn && matches!(slot.have, AgentState::Ready | AgentState::NotReady(_))) {
            return; // repeated; a login event by itself is no state transition (`spec/genesys-protocols.md` 1.7)
        }
        if by_our_hand {
            // Our own hand: an answer whose reference got lost on the way (`spec/genesys-protocols.md` 3.2).
            self.on_snapshot(cx, dn, state, reasons);
            return;
        }
        if slot.lost.is_some_and(|req| !matches!(req, CtiReq::State(_)) && fulfils(state, req)) {
            // What we asked for before the connection broke was done after it was back.
            slot.fresh_login = slot.lost.take() == Some(CtiReq::AgentLogin);
            (slot.have, slot.ours) = (state, None);
            return;
        }
        let changed = slot.have != state;
        let repeated = !changed && slot.ours.is_none();
        slot.have = state;
        slot.ours = None;
        slot.fresh_login &= !servers_own; // work after a call: the login is long past
        if slot.fresh_login || slot.in_flight == Some(CtiReq::AgentLogin) {
            return;
        }
        if slot.in_flight.is_some() {
            // Told now: by the time the request fails the override may be over, and its end would look like a foreign hand.
            let governs = self.governs(cx, dn, state);
            self.dns[dn.index()].crossed |= !governs && !repeated;
            return;
        }
        self.counters.foreign_changes += 1;
        if !self.governs(cx, dn, state) {
            // Said once more, as some switches do, a state is nobody's new wish; its reasons may name another choice.
            if repeated { self.adopt(cx, dn, state) } else { self.respect(cx, dn, state) }
        }
        if changed {
            self.say_state(cx, dn, state, true);
        }
    }

    /// Precedence of others' changes (`decisions.md` 25).
    fn respect(&mut self, cx: &mut Cx<'_>, dn: DnId, state: AgentState) {
        let rule = if state == AgentState::LoggedOut { cx.config.presence.foreign_logout } else { cx.config.presence.foreign };
        match rule {
            ForeignRule::UntilNextPresence => {
                let slot = &mut self.dns[dn.index()];
                if slot.hold == Hold::None {
                    slot.hold = Hold::Foreign;
                }
                self.adopt(cx, dn, state);
            }
            ForeignRule::Enforce { after_ms } => {
                let slot = &mut self.dns[dn.index()];
                if slot.hold == Hold::Refused {
                    slot.hold = Hold::None; // another state than the one in which it was refused
                }
                self.retry_after(cx, dn, after_ms);
            }
        }
    }

    /// T-Server's own data after a (re-)registration or a query. What differs was done by the loss itself, so our state is requested again, unless the last change
    /// before was somebody else's (`spec/genesys-protocols.md` 9.5).
    fn on_snapshot(&mut self, cx: &Cx<'_>, dn: DnId, state: AgentState, reasons: Option<(Why, u32)>) {
        if state == AgentState::Unknown && self.user_at(cx.directory, dn).is_some_and(|user| self.is_held(user)) {
            return; // what keeps the agent stands until T-Server tells otherwise
        }
        let servers_own = self.is_servers_own(cx, dn, state);
        let reasons = reasons.filter(|_| !servers_own);
        let slot = &mut self.dns[dn.index()];
        let same = if servers_own { slot.have == state } else { core::mem::discriminant(&slot.have) == core::mem::discriminant(&state) };
        let ready = match state {
            AgentState::Ready => Some((true, 0)),
            AgentState::NotReady(mode) => Some((false, mode)),
            _ => None,
        };
        if slot.hold == Hold::Foreign && state == AgentState::LoggedOut && slot.have != AgentState::LoggedOut {
            slot.hold = Hold::None; // the drop logged the agent out, and with it ended what the other hand had set
        }
        if slot.hold == Hold::Refused && slot.have != state {
            slot.hold = Hold::None; // what T-Server refused, it refused to an agent in another state
        }
        slot.have = state;
        slot.ours = match (ready, reasons, slot.ours) {
            (Some((ready, mode)), Some((why, note)), before) => {
                let work_mode = before.filter(|(b, _)| b.ready == ready && b.why == why).map_or_else(|| (mode != 0).then_some(mode), |(b, _)| b.work_mode);
                Some((StateRequest { ready, work_mode, why }, note))
            }
            (Some(_), None, before) if same => before,
            _ => None,
        };
        if slot.lost.is_some_and(|req| fulfils(state, req)) {
            slot.lost = None;
        }
        if slot.in_flight.is_none() && state != AgentState::LoggedIn {
            slot.fresh_login = false;
        }
    }

    /// An answer out of its turn. Only a login is believed, so that what T-Server chooses after it is not taken for somebody else's wish, and the very request
    /// whose fate is unknown: it ends what T-Server chose after a login, so that what comes next is somebody's wish.
    fn on_old(&mut self, cx: &Cx<'_>, dn: DnId, state: AgentState, reasons: Option<(Why, u32)>) {
        let lost = match (self.dns[dn.index()].lost, reasons) {
            (Some(CtiReq::State(request)), Some((why, _))) => why == request.why && fulfils(state, CtiReq::State(request)),
            _ => false,
        };
        if state == AgentState::LoggedIn || lost {
            self.on_snapshot(cx, dn, state, reasons);
        }
        let slot = &mut self.dns[dn.index()];
        if lost {
            slot.ours_came_last();
        }
        slot.fresh_login |= state == AgentState::LoggedIn;
    }

    fn on_failure(&mut self, cx: &mut Cx<'_>, dn: DnId, req: CtiReq, failure: Failure) {
        let slot = &mut self.dns[dn.index()];
        if slot.in_flight.take() != Some(req) {
            return;
        }
        if core::mem::take(&mut slot.crossed) && !slot.fresh_login {
            let state = slot.have;
            // It may still be done, after what the other hand did.
            slot.lost = (failure == Failure::TimedOut && matches!(req, CtiReq::State(_))).then_some(req);
            self.counters.foreign_changes += 1;
            if !self.governs(cx, dn, state) {
                self.respect(cx, dn, state);
            }
            return;
        }
        let reaction = match failure {
            Failure::TimedOut => Reaction::Reregister,
            Failure::Code(code) => catalogue::error(code).map_or(Reaction::Backoff, |entry| entry.reaction),
        };
        match reaction {
            // `cti` asks the DN (or registers it) first; after the answer it is repeated if it is still needed.
            Reaction::Reregister => {
                slot.ours = None;
                slot.lost = (failure == Failure::TimedOut).then_some(req);
                slot.failures = slot.failures.saturating_add(1);
                if slot.failures > 1 {
                    self.back_off(cx, dn, req);
                }
            }
            Reaction::Success => self.on_same_state(dn, req),
            Reaction::RetryOnce if slot.failures == 0 => {
                slot.failures = 1;
                let ms = cx.config.cti.timers.terr_timeout_retry_ms;
                self.retry_after(cx, dn, ms);
            }
            Reaction::RetryOnce | Reaction::GiveUp => slot.hold = Hold::Refused,
            Reaction::WaitForDn => {
                slot.hold = Hold::OutOfService;
                let ms = cx.config.cti.timers.retry_max_ms;
                self.retry_after(cx, dn, ms);
            }
            Reaction::Backoff | Reaction::WaitForLink | Reaction::GiveUpDn | Reaction::Close => {
                // An agent of unknown state that takes no state is most likely not logged in.
                if matches!(req, CtiReq::State(_)) && slot.have == AgentState::Unknown {
                    slot.have = AgentState::LoggedOut;
                }
                self.back_off(cx, dn, req);
            }
        }
    }

    /// Error 43: what we asked for is true already.
    fn on_same_state(&mut self, dn: DnId, req: CtiReq) {
        let slot = &mut self.dns[dn.index()];
        slot.failures = 0;
        slot.have = match req {
            CtiReq::AgentLogin if matches!(slot.have, AgentState::LoggedOut | AgentState::Unknown) => AgentState::LoggedIn,
            CtiReq::AgentLogout => AgentState::LoggedOut,
            CtiReq::State(request) => {
                slot.ours = Some((request, slot.sent_note));
                if request.ready { AgentState::Ready } else { AgentState::NotReady(request.work_mode.unwrap_or(0)) }
            }
            _ => slot.have,
        };
    }

    fn say_state(&self, cx: &mut Cx<'_>, dn: DnId, state: AgentState, foreign: bool) {
        let Some(user) = self.user_at(cx.directory, dn) else { return };
        cx.note(Note::AgentState { user, dn, state: state.word(), foreign });
    }
}

/// Status and note as T-Server holds them; a note it does not hold is the empty one.
fn reasons(why: Option<Why>, note: Option<u32>) -> Option<(Why, u32)> {
    let empty = note_hash("");
    why.map(|why| (why, note.filter(|hash| *hash != empty).unwrap_or(0)))
}
