//! T-Library events: answers, snapshots, news, errors.
use super::dns::Match;
use super::{AgentNews, CtiSide, CtiTimer, Failure, Origin, state_of};
use crate::action::CtiReq;
use crate::codec::cti::catalogue as n;
use crate::config::{Config, NoteLevel};
use crate::cti_event::TEvent;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::fact::Fact;
use crate::id::{CtiLinkId, DnId};
use crate::note::Note;
use crate::offers::ReportEnd;
use crate::presence::{Class, Why, is_json_of, note_hash_of_json};
use crate::views::AgentState;
use alloc::format;

impl CtiSide {
    pub(super) fn on_tevent(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, event: &TEvent<'_>) {
        match event.id {
            n::EVENT_LINK_CONNECTED => self.on_linked(cx, link, true),
            n::EVENT_LINK_DISCONNECTED => self.on_linked(cx, link, false),
            n::EVENT_RESTORE_CONNECTION => {
                let (active, rows) = (self.is_active(link), &mut self.links[link.index()].rows);
                rows.register_again(|dn| say_unregistered(cx, active, dn));
                self.pump(cx, link);
            }
            n::EVENT_PRIMARY_CHANGED => {} // the bridge says the same, and first, with `role`
            _ => self.on_dn_event(cx, link, event),
        }
    }

    fn on_dn_event(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, event: &TEvent<'_>) {
        let it = &mut self.links[link.index()];
        if it.rows.departed(event.ref_id) {
            return self.pump(cx, link);
        }
        if let Some(report) = it.rows.reported(event.ref_id) {
            let end = if event.id == n::EVENT_ERROR { ReportEnd::Refused(event.error_code.unwrap_or(0)) } else { ReportEnd::Done };
            cx.fact(Fact::Reported { report, end });
            return self.pump(cx, link);
        }
        let dn = if event.this_dn.is_empty() { it.rows.dn_of_ref(event.ref_id) } else { cx.directory.dn_by_number(it.switch, event.this_dn) };
        let Some(dn) = dn.filter(|dn| it.rows.is_used(*dn)) else {
            if event.id == n::EVENT_ERROR {
                self.counters.errors += 1;
                let text = format!("error {} about no DN of ours: {}", event.error_code.unwrap_or(0), event.error_text);
                cx.note(Note::Cti { level: NoteLevel::Warn, link, text: text.into() });
            }
            return;
        };
        match it.rows.take(dn, event.ref_id, event.id) {
            Match::Repeated(_) => {}
            Match::Answer(req) if event.id == n::EVENT_ERROR => self.on_error(cx, link, dn, req, event),
            Match::Answer(req) => self.on_answer(cx, link, dn, req, event),
            Match::Late(req) => self.on_late(cx, link, dn, req, event),
            Match::Old => self.on_old(cx, link, dn, event),
            Match::None => self.on_news(cx, link, dn, event),
        }
        self.pump(cx, link);
    }

    fn is_active(&self, link: CtiLinkId) -> bool {
        self.switches[self.links[link.index()].switch.index()].active == Some(link)
    }

    fn on_answer(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, req: CtiReq, event: &TEvent<'_>) {
        let active = self.is_active(link);
        let rows = &mut self.links[link.index()].rows;
        match req {
            CtiReq::RegisterAddress => {
                rows.set_registered(dn, true);
                self.links[link.index()].register_failures = 0;
                if active {
                    self.snapshot(cx, link, dn, event);
                }
            }
            CtiReq::QueryAddress if active => {
                self.links[link.index()].register_failures = 0;
                self.snapshot(cx, link, dn, event);
            }
            CtiReq::QueryAddress => {}
            CtiReq::UnregisterAddress => self.unregistered(cx, link, dn),
            CtiReq::AgentLogin | CtiReq::AgentLogout | CtiReq::State(_) => {
                if let Some(state) = state_of(event) {
                    self.tell(cx, dn, event, state, Origin::Answer(req));
                } else {
                    // EventACK or something odd: believe the server's own data.
                    rows.doubt(dn);
                }
            }
        }
    }

    /// The server no longer tells about `dn`.
    fn unregistered(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId) {
        self.links[link.index()].rows.set_registered(dn, false);
        say_unregistered(cx, self.is_active(link), dn);
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, event: &TEvent<'_>) {
        self.links[link.index()].rows.set_fresh(dn);
        let state = state_of(event).unwrap_or_default();
        self.tell(cx, dn, event, state, Origin::Snapshot);
    }

    fn tell(&self, cx: &mut Cx<'_>, dn: DnId, event: &TEvent<'_>, state: AgentState, origin: Origin) {
        let row = row_of(cx.config, event, state);
        let by_hand = || row.filter(|row| cx.config.choice.states[usize::from(*row)].reason.is_some()).map(Why::Choice);
        let why = event.kw_status.and_then(Class::from_token).map(Why::Presence).or_else(by_hand);
        let note = event.kw_note.map(note_hash_of_json);
        let agent = event.agent_id.filter(|_| cx.config.presence.free_seating).and_then(|login| cx.directory.user_by_login(login));
        cx.fact(Fact::Agent { dn, news: AgentNews::State { state, origin, why, note, agent, row } });
    }

    fn on_error(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, req: CtiReq, event: &TEvent<'_>) {
        self.counters.errors += 1;
        let code = event.error_code.unwrap_or(0);
        match req {
            CtiReq::RegisterAddress | CtiReq::QueryAddress | CtiReq::UnregisterAddress => {
                let it = &mut self.links[link.index()];
                if req != CtiReq::RegisterAddress && n::error(code).is_some_and(|e| e.reaction == n::Reaction::Reregister) {
                    self.unregistered(cx, link, dn);
                    return;
                }
                it.rows.set_failed(dn);
                it.register_failures += 1;
                let pause = self.pause_registrations(cx, link);
                let what = crate::presence::request_name(req);
                cx.note(Note::RequestFailed { dn, what, code, text: event.error_text.into(), retry_ms: Some(pause) });
            }
            CtiReq::AgentLogin | CtiReq::AgentLogout | CtiReq::State(_) => {
                if n::error(code).is_some_and(|e| e.reaction == n::Reaction::Reregister) {
                    self.links[link.index()].rows.set_registered(dn, false);
                }
                cx.note(Note::RequestFailed { dn, what: crate::presence::request_name(req), code, text: event.error_text.into(), retry_ms: None });
                cx.fact(Fact::Agent { dn, news: AgentNews::Failed { req, failure: Failure::Code(code) } });
            }
        }
    }

    /// Registrations and queries that failed are tried again after a pause that doubles with every failure.
    fn pause_registrations(&self, cx: &mut Cx<'_>, link: CtiLinkId) -> u64 {
        let (timers, failures) = (&cx.config.cti.timers, self.links[link.index()].register_failures);
        let pause = timers.retry_min_ms.saturating_mul(1 << failures.min(16).saturating_sub(1)).min(timers.retry_max_ms);
        let key = TimerKey::Cti(CtiTimer::Registrations(link));
        if cx.deadlines.get(key).is_none() {
            cx.set(key, cx.now.mono + pause);
        }
        pause
    }

    /// The answer to a request we had given up: nobody else's doing, but what it changed is known only now.
    fn on_late(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, req: CtiReq, event: &TEvent<'_>) {
        match (req, state_of(event)) {
            (CtiReq::AgentLogin | CtiReq::AgentLogout | CtiReq::State(_), Some(state)) if self.is_active(link) => {
                self.tell(cx, dn, event, state, Origin::Late(req))
            }
            (CtiReq::RegisterAddress | CtiReq::QueryAddress, Some(_)) => self.on_answer(cx, link, dn, req, event),
            _ => {} // a late refusal changed nothing
        }
    }

    /// The answer to a request of ours that a newer one has replaced, or a repetition of it: its state may be out of date, so the DN is asked. What else it
    /// tells is judged by who remembers what was given up.
    fn on_old(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, event: &TEvent<'_>) {
        let Some(state) = state_of(event) else { return };
        if !self.is_active(link) || matches!(event.id, n::EVENT_REGISTERED | n::EVENT_ADDRESS_INFO) {
            return;
        }
        self.links[link.index()].rows.doubt(dn);
        self.tell(cx, dn, event, state, Origin::Old);
    }

    /// An event without a request of ours behind it.
    fn on_news(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, event: &TEvent<'_>) {
        match event.id {
            n::EVENT_UNREGISTERED => self.unregistered(cx, link, dn),
            n::EVENT_DN_OUT_OF_SERVICE | n::EVENT_DN_BACK_IN_SERVICE if self.is_active(link) => {
                cx.fact(Fact::Agent { dn, news: AgentNews::InService(event.id == n::EVENT_DN_BACK_IN_SERVICE) });
            }
            n::EVENT_DND_ON | n::EVENT_DND_OFF if self.is_active(link) => {
                cx.fact(Fact::Agent { dn, news: AgentNews::Dnd(event.id == n::EVENT_DND_ON) });
            }
            n::EVENT_AGENT_LOGIN | n::EVENT_AGENT_LOGOUT | n::EVENT_AGENT_READY | n::EVENT_AGENT_NOT_READY if self.is_active(link) => {
                let Some(state) = state_of(event) else { return };
                // While a registration or a query after a gap is unanswered an event is part of what the answer will tell: what came before it was not seen, so
                // nobody's hand can be told in it.
                let missed = self.links[link.index()].rows.is_missed(dn);
                self.tell(cx, dn, event, state, if missed { Origin::Snapshot } else { Origin::Unsolicited });
            }
            _ => {} // calls, user data, messages of the future: not the business of agent states
        }
    }

    /// Requests nobody answered: what they did is unknown, so the DN is asked (`decisions.md` 25, `spec/genesys-protocols.md` 3.5).
    pub(super) fn on_requests_timer(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        let unanswered = it.rows.reports_timed_out(cx.now.mono, cx.config.cti.timers.request_timeout_ms);
        for report in unanswered {
            self.counters.timeouts += 1;
            cx.fact(Fact::Reported { report, end: ReportEnd::TimedOut });
        }
        let (late, next) = it.rows.timed_out(cx.now.mono, cx.config.cti.timers.request_timeout_ms);
        if let Some(at) = next {
            cx.set(TimerKey::Cti(CtiTimer::Requests(link)), at);
        }
        let mut unheard = false;
        for (dn, req) in late {
            self.counters.timeouts += 1;
            cx.note(Note::RequestTimedOut { dn, what: crate::presence::request_name(req) });
            let rows = &mut self.links[link.index()].rows;
            if matches!(req, CtiReq::AgentLogin | CtiReq::AgentLogout | CtiReq::State(_)) {
                rows.doubt(dn);
                cx.fact(Fact::Agent { dn, news: AgentNews::Failed { req, failure: Failure::TimedOut } });
            } else {
                // A server that is slower than we are patient would never be heard if the question were repeated at once: the late answer counts.
                rows.set_failed(dn);
                unheard = true;
            }
        }
        if unheard {
            self.links[link.index()].register_failures += 1;
            self.pause_registrations(cx, link);
        }
        self.pump(cx, link);
    }
}

/// The row of `config.choice.states` an agent's state fits best.
fn row_of(config: &Config, event: &TEvent<'_>, state: AgentState) -> Option<u16> {
    let mode = || event.work_mode.or(event.snapshot_work_mode).and_then(|mode| u8::try_from(mode).ok()).unwrap_or(0);
    let (ready, mode) = match state {
        AgentState::Ready => (true, mode()),
        AgentState::NotReady(mode) => (false, mode),
        _ => return None,
    };
    let has_reason = |text: &str, ext: bool| if ext { event.ext_reason } else { event.reason }.is_some_and(|raw| is_json_of(raw, text));
    config.choice.matching(ready, mode, has_reason)
}

/// Pages show it; nothing else depends on it.
fn say_unregistered(cx: &mut Cx<'_>, active: bool, dn: DnId) {
    if active && cx.watch.any() {
        cx.fact(Fact::Registration { dn });
    }
}
