//! The contact-centre side: bridge links, T-Server pairs, DN registration, request correlation (rank 1).
//!
//! Every request of this product is about one DN, and a DN has at most one unanswered request per connection. So the correlation table is a dense row per DN
//! ([`dns::DnRow`]) and needs no queue, no hashing and no allocation per request; time-outs are found by one timer per link that looks at the rows.
//!
//! A *fresh* row means: the primary has told us the state of the DN since the last time we may have missed something. State requests go to fresh DNs only;
//! others are asked first (`RequestQueryAddress`), so that nothing already true is sent again (`spec/bridge.md` 5).
mod dns;
mod events;
mod link;
mod router;
mod switch;

use crate::action::{Action, CtiOut, CtiReq, ShortText};
use crate::config::CtiConfig;
use crate::cti_event::{Control, CtiEvent, Role, TEvent};
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::directory::Changes;
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{CtiLinkId, DnId, SwitchId, UserId};
use crate::note::Note;
use crate::offer::ReportId;
use crate::presence::Why;
use crate::views::{AgentState, Counters, CtiLinkView, LinkState};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use link::{Link, Phase};
use switch::Switch;

/// Timers of the contact-centre side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum CtiTimer {
    /// Connecting takes too long, or the pause before the next attempt is over.
    Link(CtiLinkId),
    /// Silence: ping, or give up.
    Silence(CtiLinkId),
    /// Unanswered requests.
    Requests(CtiLinkId),
    /// Registrations to be tried again.
    Registrations(CtiLinkId),
    /// The pace allows more requests.
    Pace(CtiLinkId),
    /// Hot standby: nobody became primary in time.
    Switchover(SwitchId),
    /// A router has been away too long: what it asked for is withdrawn.
    Router(SwitchId),
}

/// News about a DN, for presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentNews {
    /// T-Server says in what state the agent is.
    State {
        state: AgentState,
        origin: Origin,
        why: Option<Why>,
        note: Option<u32>,
        /// Who it is, where free seating asks for it.
        agent: Option<UserId>,
        /// Row of `config.choice.states` this state fits best.
        row: Option<u16>,
    },
    /// A request was refused, or nobody answered.
    Failed { req: CtiReq, failure: Failure },
    /// The device is out of service (147) or back (148).
    InService(bool),
    /// Telephone do-not-disturb was switched on (77) or off (78).
    Dnd(bool),
}

/// Why we know an agent state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The answer to this request of ours.
    Answer(CtiReq),
    /// The answer to this request of ours, after we had given it up.
    Late(CtiReq),
    /// The answer to an older request of ours, or a repetition of it; the DN is being asked.
    Old,
    /// An event nobody here asked for.
    Unsolicited,
    /// Registration or query.
    Snapshot,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// `EventError` with this code.
    Code(i32),
    /// No answer within `request_timeout_ms`.
    TimedOut,
}

/// The contact-centre side of the connector.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct CtiSide {
    links: Vec<Link>,
    switches: Vec<Switch>,
    routers: router::Requests,
    counters: Counters,
    closing: bool,
}

impl CtiSide {
    /// Builds links and switches from the configuration and asks for the first connections.
    pub(crate) fn start(cx: &mut Cx<'_>) -> Self {
        let mut it = Self::default();
        it.build(cx, 0);
        it
    }

    /// Builds everything from switch `from` on; routers count behind the switches.
    fn build(&mut self, cx: &mut Cx<'_>, from: usize) {
        for (at, config) in cx.config.cti.all().enumerate().skip(from) {
            let switch = SwitchId(at as u16);
            let first = self.links.len() as u16;
            self.links.extend((0..config.servers.len()).map(|_| Link::new(switch)));
            self.switches.push(Switch::new(CtiLinkId(first), config.servers.len() as u16, config.redundancy));
        }
        let own = |dn: &DnId| cx.directory.switch_of(*dn).index() >= from;
        for dn in cx.directory.dns().filter(own) {
            for link in self.links_of(cx.directory.switch_of(dn)) {
                self.links[link.index()].rows.add(dn);
            }
        }
        for switch in from..self.switches.len() {
            self.connect_switch(cx, switch);
        }
    }

    fn links_of(&self, switch: SwitchId) -> impl Iterator<Item = CtiLinkId> + use<> {
        let it = &self.switches[switch.index()];
        (it.first.0..it.first.0 + it.count).map(CtiLinkId)
    }

    /// What arrived on, or happened to, a connection.
    pub(crate) fn on_event(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, event: CtiEvent<'_>) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        if !it.is_connected() && !matches!(event, CtiEvent::Connected | CtiEvent::Closed { .. }) {
            return; // bytes of a connection we already gave up
        }
        it.last_rx = cx.now.mono;
        match event {
            CtiEvent::Connected => self.on_connected(cx, link),
            CtiEvent::Closed { why } => self.on_closed(cx, link, why),
            CtiEvent::Control(control) => self.on_control(cx, link, control),
            CtiEvent::Event(event) if !cx.config.cti.is_router(it.switch) => self.on_tevent(cx, link, event),
            // Routers are heard by [`Self::on_router`]; a line of the other kind is the driver's mistake.
            CtiEvent::Event(_) | CtiEvent::Router(_) => {}
            CtiEvent::Malformed(fault) => {
                self.counters.malformed += 1;
                cx.note(Note::CtiMalformed { link, fault: fault.to_string().into() });
                if fault.is_fatal() {
                    self.give_up(cx, link, crate::uc_event::CloseCause::Local);
                }
            }
        }
    }

    fn on_control(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, control: Control<'_>) {
        match control {
            Control::Welcome { window, ping_s, .. } => self.on_welcome(cx, link, window, ping_s),
            Control::Opened { role, server } => self.on_opened(cx, link, role, server),
            Control::Role { role } => self.on_role(cx, link, role),
            Control::Ping { n } => cx.act(Action::SendCti { link, msg: CtiOut::Pong { n } }),
            Control::Pong { .. } => {}
            Control::Error { code, text, fatal } => {
                cx.note(Note::Cti {
                    level: if matches!(code, "auth" | "config" | "proto") { crate::config::NoteLevel::Alarm } else { crate::config::NoteLevel::Warn },
                    link,
                    text: format!("the bridge reports {code}: {text}").into(),
                });
                if fatal {
                    self.give_up(cx, link, crate::uc_event::CloseCause::PeerClosed);
                }
            }
            Control::Bye => self.give_up(cx, link, crate::uc_event::CloseCause::PeerClosed),
            Control::Unknown { op } => cx.act(Action::SendCti { link, msg: CtiOut::Unsupported { op: ShortText::new(op) } }),
        }
    }

    /// A timer of this side.
    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, timer: CtiTimer) {
        match timer {
            CtiTimer::Link(link) => self.on_link_timer(cx, link),
            CtiTimer::Silence(link) => self.on_silence(cx, link),
            CtiTimer::Requests(link) => self.on_requests_timer(cx, link),
            CtiTimer::Registrations(link) => {
                if let Some(it) = self.links.get_mut(link.index()) {
                    it.rows.retry_failed();
                }
                self.pump(cx, link);
            }
            CtiTimer::Pace(link) => self.pump(cx, link),
            CtiTimer::Switchover(switch) => self.on_switchover_timer(cx, switch),
            CtiTimer::Router(router) => self.on_router_timer(cx, router),
        }
    }

    /// The directory and `cx.config` are the new ones already.
    pub(crate) fn on_reconfigure(&mut self, cx: &mut Cx<'_>, old: &crate::Config, changes: &Changes) {
        if old.cti.switches != cx.config.cti.switches {
            return self.rebuild(cx, &old.cti, 0);
        }
        if old.cti.routers != cx.config.cti.routers {
            self.rebuild(cx, &old.cti, old.cti.switches.len());
        }
        for at in 0..self.links.len() {
            let link = CtiLinkId(at as u16);
            let it = &mut self.links[at];
            it.rows.remove(changes.removed_dns.iter().filter(|(_, number)| number.switch == it.switch.0).map(|(dn, _)| *dn));
            for dn in changes.added_dns.iter().filter(|dn| cx.directory.switch_of(**dn) == it.switch) {
                it.rows.add(*dn);
            }
            it.rows.keep(|dn| cx.directory.has_dn(dn) || cx.directory.dn_by_number(it.switch, cx.directory.number(dn)).is_some());
            if old.cti.pace != cx.config.cti.pace {
                cx.set(TimerKey::Cti(CtiTimer::Pace(link)), cx.now.mono + 1000);
            }
            self.pump(cx, link);
        }
    }

    /// Another set of servers: begin anew from switch `from` on. Sessions are closed in good order, presence hears that the switches are down, what routers
    /// asked for is withdrawn.
    fn rebuild(&mut self, cx: &mut Cx<'_>, old: &CtiConfig, from: usize) {
        let first = self.switches.get(from).map_or(self.links.len(), |switch| switch.first.index());
        for at in first..self.links.len() {
            let link = CtiLinkId(at as u16);
            if self.links[at].is_connected() {
                cx.act(Action::SendCti { link, msg: CtiOut::Bye });
            }
            self.links[at].forget(cx, link);
            cx.act(Action::CloseCti { link });
        }
        for at in from..self.switches.len() {
            let switch = SwitchId(at as u16);
            cx.clear(TimerKey::Cti(CtiTimer::Switchover(switch)));
            if old.is_router(switch) {
                cx.clear(TimerKey::Cti(CtiTimer::Router(switch)));
            } else {
                cx.fact(Fact::SwitchDown { switch });
            }
        }
        self.routers.withdraw_all(cx);
        self.links.truncate(first);
        self.switches.truncate(from);
        self.build(cx, from);
    }

    /// Closes every session in good order. The bridge keeps or ends the server session by its own rules.
    pub(crate) fn close(&mut self, cx: &mut Cx<'_>) {
        self.closing = true;
        for at in 0..self.links.len() {
            let link = CtiLinkId(at as u16);
            if self.links[at].is_connected() {
                cx.act(Action::SendCti { link, msg: CtiOut::Bye });
            }
            if !matches!(self.links[at].phase, Phase::Down) {
                cx.act(Action::CloseCti { link });
            }
            self.links[at].forget(cx, link);
        }
        for at in 0..self.switches.len() {
            cx.clear(TimerKey::Cti(CtiTimer::Switchover(SwitchId(at as u16))));
        }
    }

    /// The link requests of `switch` go to, if it can take one now (window and pace).
    pub(crate) fn ready(&self, cx: &Cx<'_>, switch: SwitchId) -> Option<CtiLinkId> {
        let link = self.switches.get(switch.index())?.active?;
        self.links[link.index()].may_send(cx).then_some(link)
    }

    /// Whether the primary has told us the state of `dn`. If not, it is asked, before others.
    pub(crate) fn is_fresh(&mut self, link: CtiLinkId, dn: DnId) -> bool {
        self.links[link.index()].rows.is_fresh_or_hurry(dn)
    }

    /// Sends a request about `dn`; the caller has asked [`Self::ready`] and [`Self::is_fresh`].
    pub(crate) fn request(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, req: CtiReq) {
        match req {
            CtiReq::State(_) => self.counters.state_requests += 1,
            CtiReq::AgentLogin | CtiReq::AgentLogout => self.counters.login_requests += 1,
            _ => {}
        }
        self.links[link.index()].send(cx, link, dn, req);
    }

    /// Sends a report about `dn`; the caller has asked [`Self::ready`].
    pub(crate) fn report(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, report: ReportId) {
        self.links[link.index()].report(cx, link, dn, report);
    }

    /// Requests can be sent to this switch, now or when the window allows.
    pub(crate) fn is_up(&self, switch: SwitchId) -> bool {
        self.switches.get(switch.index()).is_some_and(|it| it.active.is_some())
    }

    /// What comes on this link is believed.
    pub(crate) fn is_connected(&self, link: CtiLinkId) -> bool {
        self.links.get(link.index()).is_some_and(Link::is_connected)
    }

    /// DNs the caller waits for are asked now.
    pub(crate) fn hurry(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        self.pump(cx, link);
    }

    /// Registered on the primary.
    pub(crate) fn is_registered(&self, switch: SwitchId, dn: DnId) -> bool {
        self.switches.get(switch.index()).and_then(|s| s.active).is_some_and(|link| self.links[link.index()].rows.is_registered(dn))
    }

    /// Sends registrations and queries as far as window and pace allow.
    fn pump(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        let primary = self.switches[it.switch.index()].active == Some(link);
        it.pump(cx, link, primary);
    }

    /// Read model.
    pub(crate) fn links(&self) -> Vec<CtiLinkView> {
        let view = |(at, it): (usize, &Link)| CtiLinkView {
            link: CtiLinkId(at as u16),
            state: match it.phase {
                Phase::Down => LinkState::Down,
                Phase::Connecting | Phase::Hello => LinkState::Connecting,
                Phase::Opening => LinkState::Opening,
                Phase::Up { linked: true, .. } => LinkState::Up,
                Phase::Up { linked: false, .. } => LinkState::Impaired,
            },
            role: it.role(),
            registered: it.rows.registered(),
            outstanding: it.rows.outstanding(),
        };
        self.links.iter().enumerate().map(view).collect()
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        let own = &self.counters;
        counters.state_requests += own.state_requests;
        counters.login_requests += own.login_requests;
        counters.errors += own.errors;
        counters.timeouts += own.timeouts;
        counters.malformed += own.malformed;
        counters.links_lost += own.links_lost;
    }

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        for link in &self.links {
            link.fingerprint(fp);
        }
        self.routers.fingerprint(fp);
        for switch in &self.switches {
            fp.debug(&switch.active);
            fp.num(u64::from(switch.turn));
        }
    }
}

/// A T-Library event that carries an agent state.
fn state_of(event: &TEvent<'_>) -> Option<AgentState> {
    use crate::codec::cti::catalogue as n;
    let mode = |mode: Option<i32>| u8::try_from(mode.unwrap_or(0)).unwrap_or(0);
    match event.id {
        n::EVENT_AGENT_LOGIN => Some(AgentState::LoggedIn),
        n::EVENT_AGENT_LOGOUT => Some(AgentState::LoggedOut),
        n::EVENT_AGENT_READY => Some(AgentState::Ready),
        n::EVENT_AGENT_NOT_READY => Some(AgentState::NotReady(mode(event.work_mode))),
        n::EVENT_REGISTERED | n::EVENT_ADDRESS_INFO => Some(match event.agent_status {
            Some(0) => AgentState::LoggedOut,
            Some(1) => AgentState::LoggedIn,
            Some(2) => AgentState::NotReady(mode(event.snapshot_work_mode)),
            Some(3) => AgentState::Ready,
            _ => AgentState::Unknown,
        }),
        _ => None,
    }
}

/// The event that answers a request.
const fn expected(req: CtiReq) -> u32 {
    use crate::codec::cti::catalogue as n;
    match req {
        CtiReq::QueryAddress => n::EVENT_ADDRESS_INFO,
        CtiReq::RegisterAddress => n::EVENT_REGISTERED,
        CtiReq::UnregisterAddress => n::EVENT_UNREGISTERED,
        CtiReq::AgentLogin => n::EVENT_AGENT_LOGIN,
        CtiReq::AgentLogout => n::EVENT_AGENT_LOGOUT,
        CtiReq::State(state) if state.ready => n::EVENT_AGENT_READY,
        CtiReq::State(_) => n::EVENT_AGENT_NOT_READY,
    }
}

/// Whether requests of this role may go to a server.
const fn takes_requests(role: Role) -> bool {
    matches!(role, Role::Primary)
}
