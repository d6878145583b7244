//! A T-Server, or a redundant pair, each behind a bridge that speaks `ucc-bridge/1` (`spec/bridge.md`; `spec/genesys-protocols.md` 1, 3, 9).
//!
//! Agents are emulated by the server: one per DN, one call at a time, and the work and break after it. The two servers of a pair share agents; connections,
//! sessions and registrations belong to one server. Channel `custom` is absent.
mod agent;
mod calls;
#[cfg(test)]
mod calls_tests;
mod line;
mod requests;
mod session;
mod settings;
#[cfg(test)]
mod tests;

pub use agent::{AgentState, AgentTruth, ChangedBy, RequestCounts};
pub use calls::{AFTER_CALL_WORK, CallPlan, LEGAL_GUARD, WrapUp};
pub use line::Pair;
pub(super) use line::quoted;
pub use settings::{AfterLogin, Standby, TServerConfig, TServerFaults};

use super::{Peer, PeerOut, PeerRng, Violations};
use agent::{Agents, error_text, state_event};
use line::{Request, int_attr, reasons_attr, str_attr};
use session::{Conn, Session};
use std::collections::{BTreeMap, VecDeque};
use uc_core::time::Mono;

/// What another client does to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherChange {
    /// Logs in with a code; the agent is not ready then.
    Login(String),
    /// Logs out.
    Logout,
    /// Ready, with a work mode or without.
    Ready(Option<i64>),
    /// Not ready, with work mode and reasons.
    NotReady(Option<i64>, Vec<Pair>),
}

#[derive(Clone, Debug)]
struct Node {
    up: bool,
    primary: bool,
    role_since: Mono,
    /// What the server says of its CTI link; differs from the real one during a switch-over only.
    link_up: bool,
    /// Events sent so far, over all clients.
    events: u64,
}

/// Something planned.
#[derive(Clone, Debug)]
enum Due {
    /// Carry out a request of a connection to a server.
    Execute(u64, u16, Option<String>, Box<Request>),
    /// Report an agent as it is now.
    Truth(String),
    /// End of work or break after a call, if this timer is still the one.
    AfterEnds(String, u64),
    /// The call of this number is answered.
    Establish(String, u64),
    /// The call of this number ends.
    Release(String, u64),
    /// The backup takes over.
    Promote(u16),
}

/// The server or the pair.
#[derive(Clone, Debug)]
pub struct TServer {
    /// Reports the connector asked to distribute, in order: DN and user data; for tests.
    pub user_events: Vec<(String, Vec<(String, String)>)>,
    /// What goes wrong; change it at any time.
    pub faults: TServerFaults,
    config: TServerConfig,
    rng: PeerRng,
    nodes: Vec<Node>,
    /// The CTI link to the switch.
    link_up: bool,
    agents: Agents,
    conns: BTreeMap<u64, Conn>,
    sessions: BTreeMap<(u16, String), Session>,
    due: BTreeMap<(Mono, u64), Due>,
    serial: u64,
    out: VecDeque<PeerOut>,
    violations: Violations,
}

impl TServer {
    /// Servers up, the first one primary, CTI link up, no DNs.
    #[must_use]
    pub fn new(config: TServerConfig) -> Self {
        let count = if config.standby == Standby::Single { 1 } else { config.names.len().max(1) };
        let node = |i: usize| Node { up: true, primary: i == 0, role_since: Mono(0), link_up: true, events: 0 };
        Self {
            user_events: Vec::new(),
            faults: TServerFaults::default(),
            rng: PeerRng::new(config.seed),
            nodes: (0..count).map(node).collect(),
            link_up: true,
            agents: Agents::new(),
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            due: BTreeMap::new(),
            serial: 0,
            out: VecDeque::new(),
            violations: Violations::default(),
            config,
        }
    }

    /// Configures a DN, logged out. Requests for others get error 59.
    pub fn add_dn(&mut self, dn: &str) {
        self.agents.entry(dn.to_owned()).or_default();
    }

    /// Sets an agent without any event, as the state of affairs before the connector came.
    pub fn preset(&mut self, dn: &str, truth: AgentTruth) {
        self.agents.entry(dn.to_owned()).or_default().truth = truth;
    }

    /// What is really so; `None`: no such DN.
    #[must_use]
    pub fn agent(&self, dn: &str) -> Option<&AgentTruth> {
        self.agents.get(dn).map(|a| &a.truth)
    }

    /// All DNs and their agents.
    pub fn agents(&self) -> impl Iterator<Item = (&str, &AgentTruth)> {
        self.agents.iter().map(|(dn, a)| (dn.as_str(), &a.truth))
    }

    /// Requests so far for a DN.
    #[must_use]
    pub fn requests(&self, dn: &str) -> RequestCounts {
        self.agents.get(dn).map(|a| a.counts).unwrap_or_default()
    }

    /// State requests so far, over all DNs.
    #[must_use]
    pub fn state_requests(&self) -> u64 {
        self.agents.values().map(|a| a.counts.state_requests()).sum()
    }

    /// Which server is primary and up.
    #[must_use]
    pub fn primary(&self) -> Option<u16> {
        self.nodes.iter().position(|n| n.up && n.primary).map(|i| i as u16)
    }

    /// How many sessions are registered for a DN on server `node`.
    #[must_use]
    pub fn registrations_of(&self, node: u16, dn: &str) -> usize {
        self.sessions.iter().filter(|((n, _), s)| *n == node && s.registered.contains(dn)).count()
    }

    /// Settings; may be changed while the pair runs.
    pub const fn config_mut(&mut self) -> &mut TServerConfig {
        &mut self.config
    }

    /// Another client changes an agent; the connector sees an event without reference. An agent that is logged out can only log in.
    pub fn other_client_sets(&mut self, now: Mono, dn: &str, change: OtherChange) {
        let Some(agent) = self.agents.get_mut(dn) else { return };
        let old = agent.truth.state;
        let (state, work_mode, reasons) = match change {
            OtherChange::Login(id) if old == AgentState::LoggedOut => {
                agent.truth.agent_id = Some(id);
                agent.truth.state = AgentState::LoggedIn;
                agent.truth.changed_by = ChangedBy::Other;
                agent.truth.reasons.clear();
                self.report(now, dn, None);
                (AgentState::NotReady, None, Vec::new())
            }
            OtherChange::Login(_) => return,
            _ if old == AgentState::LoggedOut => return,
            OtherChange::Logout => (AgentState::LoggedOut, None, Vec::new()),
            OtherChange::Ready(mode) => (AgentState::Ready, mode, Vec::new()),
            OtherChange::NotReady(mode, reasons) => (AgentState::NotReady, mode, reasons),
        };
        self.change(now, dn, state, work_mode, reasons, ChangedBy::Other, None);
    }

    /// The server logs an agent out by itself (`auto-logout-timeout`).
    pub fn server_logs_out(&mut self, now: Mono, dn: &str) {
        if self.agents.get(dn).is_some_and(|a| a.truth.state != AgentState::LoggedOut) {
            self.change(now, dn, AgentState::LoggedOut, None, Vec::new(), ChangedBy::Server, None);
        }
    }

    /// Device lost (147) or back (148); state requests get error 58 meanwhile.
    pub fn set_in_service(&mut self, now: Mono, dn: &str, in_service: bool) {
        let Some(agent) = self.agents.get_mut(dn) else { return };
        agent.out_of_service = !in_service;
        let (id, name) = if in_service { (148, "EventDNBackInService") } else { (147, "EventDNOutOfService") };
        self.distribute(now, dn, id, name, &str_attr("AttributeThisDN", dn), None);
    }

    /// The CTI link of all servers goes down (94) or up (95); state requests get error 54 meanwhile.
    pub fn set_link(&mut self, up: bool) {
        self.link_up = up;
        for node in 0..self.nodes.len() as u16 {
            if self.nodes[usize::from(node)].link_up != up {
                self.nodes[usize::from(node)].link_up = up;
                self.tell_link(node);
            }
        }
    }

    fn tell_link(&mut self, node: u16) {
        let (id, name) = if self.nodes[usize::from(node)].link_up { (95, "EventLinkConnected") } else { (94, "EventLinkDisconnected") };
        for conn in self.open_conns(node) {
            self.event(conn, id, name, "");
        }
    }

    /// Server `node` dies: connections closed, sessions lost. A hot or warm backup takes over after `switchover_ms`.
    pub fn kill(&mut self, now: Mono, node: u16) {
        let conns: Vec<u64> = self.conns.iter().filter(|(_, c)| c.node == node).map(|(id, _)| *id).collect();
        for conn in conns {
            self.drop_conn(now, conn, false);
        }
        let Some(dead) = self.nodes.get_mut(usize::from(node)).filter(|n| n.up) else { return };
        let was_primary = std::mem::replace(&mut dead.primary, false);
        dead.up = false;
        let sessions: Vec<String> = self.sessions.keys().filter(|(n, _)| *n == node).map(|(_, s)| s.clone()).collect();
        for session in sessions {
            self.end_session(now, node, &session);
        }
        let survivor = (0..self.nodes.len() as u16).find(|n| self.nodes[usize::from(*n)].up);
        if was_primary && self.config.death_logs_out && (self.config.standby != Standby::Hot || survivor.is_none()) {
            self.forget_agents(now);
        }
        match survivor.filter(|_| was_primary) {
            Some(backup) if self.config.switchover_ms == 0 => self.promote(now, backup),
            Some(backup) => self.plan(now + self.config.switchover_ms, Due::Promote(backup)),
            None => {}
        }
    }

    /// Server `node` comes back: as backup when the other one is up, else as primary.
    pub fn revive(&mut self, now: Mono, node: u16) {
        let (alone, link_up) = (!self.nodes.iter().any(|n| n.up), self.link_up);
        if let Some(n) = self.nodes.get_mut(usize::from(node)).filter(|n| !n.up) {
            *n = Node { up: true, primary: alone, role_since: now, link_up, events: 0 };
        }
    }

    /// An administrator switches the roles over; nothing is lost, no connection closes.
    pub fn switch_over(&mut self, now: Mono) {
        let Some(old) = self.primary() else { return };
        let Some(new) = (0..self.nodes.len() as u16).find(|n| *n != old && self.nodes[usize::from(*n)].up) else { return };
        self.nodes[usize::from(old)].primary = false;
        self.nodes[usize::from(old)].role_since = now;
        for conn in self.open_conns(old) {
            self.control(conn, "role", ",\"role\":\"backup\"");
        }
        if self.config.standby == Standby::Warm {
            // A warm backup has no clients.
            self.bridge_loses_server(now, old);
        }
        self.promote(now, new);
    }

    fn promote(&mut self, now: Mono, node: u16) {
        let Some(n) = self.nodes.get_mut(usize::from(node)).filter(|n| n.up && !n.primary) else { return };
        n.primary = true;
        n.role_since = now;
        let flap = self.config.link_flap_on_switchover && n.link_up;
        if flap {
            self.nodes[usize::from(node)].link_up = false;
            self.tell_link(node);
        }
        for conn in self.open_conns(node) {
            // State requests that reached it while it was backup are never answered; the client has to give them up.
            if let Some(c) = self.conns.get_mut(&conn) {
                c.unanswered.retain(|_, u| u.state_of.is_none());
            }
            self.control(conn, "role", ",\"role\":\"primary\"");
            self.event(conn, 133, "EventPrimaryChanged", "");
        }
        if flap {
            self.nodes[usize::from(node)].link_up = true;
            self.tell_link(node);
        }
    }

    fn forget_agents(&mut self, now: Mono) {
        for agent in self.agents.values_mut().filter(|a| a.truth.state != AgentState::LoggedOut) {
            agent.truth = AgentTruth { changed_at: now, changed_by: ChangedBy::Server, ..AgentTruth::default() };
            agent.logged_in_by = None;
            (agent.after, agent.call) = (None, None);
        }
    }

    fn plan(&mut self, at: Mono, what: Due) {
        self.serial += 1;
        self.due.insert((at, self.serial), what);
    }

    fn violate(&mut self, now: Mono, text: &str) {
        self.violations.note(now, text);
    }

    /// Brings an agent into a state and tells everybody registered.
    #[expect(clippy::too_many_arguments, reason = "the parts of an agent's state, and who hears of it")]
    fn change(&mut self, now: Mono, dn: &str, state: AgentState, work_mode: Option<i64>, reasons: Vec<Pair>, by: ChangedBy, asked: Option<(u64, i64)>) {
        let Some(agent) = self.agents.get_mut(dn) else { return };
        agent.after = None;
        let truth = &mut agent.truth;
        (truth.state, truth.work_mode, truth.reasons, truth.changed_at, truth.changed_by) = (state, work_mode, reasons, now, by);
        self.report(now, dn, asked);
        if let Some(agent) = self.agents.get_mut(dn).filter(|_| state == AgentState::LoggedOut) {
            agent.truth.agent_id = None;
            agent.logged_in_by = None;
        }
    }

    /// Sends the event that says how an agent is.
    fn report(&mut self, now: Mono, dn: &str, asked: Option<(u64, i64)>) {
        let Some(agent) = self.agents.get(dn) else { return };
        let (id, name) = state_event(agent.truth.state);
        let mut attrs = vec![str_attr("AttributeThisDN", dn)];
        attrs.extend(agent.truth.agent_id.iter().map(|id| str_attr("AttributeAgentID", id)));
        attrs.extend(agent.truth.work_mode.iter().map(|mode| int_attr("AttributeAgentWorkMode", *mode)));
        if !agent.truth.reasons.is_empty() {
            attrs.push(reasons_attr(&agent.truth.reasons));
        }
        attrs.extend(agent.announced.map(WrapUp::attr));
        self.distribute(now, dn, id, name, &attrs.join(","), asked);
    }

    /// Sends an event about a DN to all connections registered on the primary; the one that asked gets its reference.
    fn distribute(&mut self, now: Mono, dn: &str, id: i64, name: &str, attrs: &str, asked: Option<(u64, i64)>) {
        let Some(node) = self.primary() else { return };
        let lost = asked.is_some() && self.rng.chance(self.faults.lost_answer_pm);
        if let Some(ms) = self.faults.lost_truth_ms.filter(|_| lost) {
            self.plan(now + ms, Due::Truth(dn.to_owned()));
        }
        let mut conns: Vec<u64> = self.sessions.iter().filter(|((n, _), s)| *n == node && s.registered.contains(dn)).filter_map(|(_, s)| s.conn).collect();
        conns.extend(asked.map(|(conn, _)| conn).filter(|conn| !conns.contains(conn)));
        let twice = self.rng.chance(self.faults.duplicate_pm);
        for conn in conns {
            match asked {
                Some((c, _)) if c == conn && lost => {}
                Some((c, reference)) if c == conn => {
                    let attrs = format!("{},{attrs}", int_attr("AttributeReferenceID", reference));
                    self.event(conn, id, name, &attrs);
                    self.answered(conn, reference);
                    if twice {
                        self.event(conn, id, name, &attrs);
                    }
                }
                _ => {
                    for _ in 0..=u8::from(twice) {
                        self.event(conn, id, name, attrs);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, conn: u64, request: &Request, code: i32) {
        let dn = request.dn.as_deref().map(|dn| format!(",{}", str_attr("AttributeThisDN", dn))).unwrap_or_default();
        let (code_attr, text) = (int_attr("AttributeErrorCode", i64::from(code)), str_attr("AttributeErrorMessage", error_text(code)));
        let attrs = format!("{}{dn},{code_attr},{text}", int_attr("AttributeReferenceID", request.reference));
        self.event(conn, 52, "EventError", &attrs);
        self.answered(conn, request.reference);
    }
}

impl Peer for TServer {
    fn accept(&mut self, now: Mono, node: u16, conn: u64) {
        self.conns.insert(conn, Conn::new(node, now));
        if !self.is_listening(node) {
            self.drop_conn(now, conn, false);
        }
    }

    fn receive(&mut self, now: Mono, conn: u64, bytes: &[u8]) {
        self.on_bytes(now, conn, bytes);
    }

    fn disconnected(&mut self, now: Mono, conn: u64) {
        if self.conns.contains_key(&conn) {
            self.detach(now, conn);
            self.conns.remove(&conn);
        }
    }

    fn wake(&mut self, now: Mono) {
        while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= now) {
            match entry.remove() {
                Due::Execute(conn, node, session, request) => self.execute(now, conn, node, session.as_deref(), &request),
                Due::Truth(dn) => self.report(now, &dn, None),
                Due::AfterEnds(dn, timer) => self.end_after(now, &dn, timer),
                Due::Establish(dn, serial) => self.establish(now, &dn, serial),
                Due::Release(dn, serial) => self.release(now, &dn, serial),
                Due::Promote(node) => {
                    if self.primary().is_none() {
                        self.promote(now, node);
                    }
                }
            }
        }
        self.wake_sessions(now);
    }

    fn next_deadline(&self) -> Option<Mono> {
        let due = self.due.keys().next().map(|(at, _)| *at);
        let linger = self.sessions.values().filter_map(|s| s.ends_at).min();
        [due, linger, self.ping_deadline()].into_iter().flatten().min()
    }

    fn poll(&mut self) -> Option<PeerOut> {
        self.out.pop_front()
    }

    fn is_listening(&self, node: u16) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|n| n.up)
    }

    fn violations(&self) -> &[String] {
        &self.violations.0
    }
}
