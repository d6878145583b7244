//! What the server does with requests (`spec/genesys-protocols.md` 1.6, 1.7, 1.12, 3.5; `spec/bridge.md` 4, 6).
use super::line::{Request, extensions_attr, int_attr, quoted, reasons_attr, str_attr};
use super::session::Unanswered;
use super::{AfterLogin, AgentState, ChangedBy, Due, Mono, OtherChange, TServer};

const QUERY: i64 = 2;
const REGISTER: i64 = 3;
const UNREGISTER: i64 = 4;
const LOGIN: i64 = 8;
const LOGOUT: i64 = 9;
const READY: i64 = 10;
const NOT_READY: i64 = 11;
const DISTRIBUTE: i64 = 48;

const fn known_name(id: i64) -> Option<&'static str> {
    Some(match id {
        QUERY => "RequestQueryAddress",
        REGISTER => "RequestRegisterAddress",
        UNREGISTER => "RequestUnregisterAddress",
        LOGIN => "RequestAgentLogin",
        LOGOUT => "RequestAgentLogout",
        READY => "RequestAgentReady",
        NOT_READY => "RequestAgentNotReady",
        DISTRIBUTE => "RequestDistributeUserEvent",
        _ => return None,
    })
}

const fn is_state(id: i64) -> bool {
    matches!(id, LOGIN | LOGOUT | READY | NOT_READY)
}

impl TServer {
    /// A request came in: notes what is wrong with it, and carries it out now or later.
    pub(super) fn on_request(&mut self, now: Mono, conn: u64, request: Request) {
        self.check(now, conn, &request);
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let (node, session) = (c.node, c.session.clone());
        // In the order of asking: a slow un-registration may be carried out after a newer registration was asked for.
        if let Some(dn) = &request.dn {
            if request.id == REGISTER {
                c.asked.insert(dn.clone());
            } else if request.id == UNREGISTER {
                c.asked.remove(dn);
            }
        }
        let state_of = request.dn.clone().filter(|_| is_state(request.id));
        c.unanswered.insert(request.reference, Unanswered { since: now, state_of });
        if let Some(agent) = request.dn.as_ref().and_then(|dn| self.agents.get_mut(dn)) {
            agent.counts.count(request.id);
        }
        let slow = self.rng.chance(self.faults.slow_pm);
        let delay = self.rng.within(if slow { self.faults.slow_ms } else { self.faults.answer_delay_ms });
        let mut at = now + delay;
        if let Some(agent) = request.dn.as_ref().and_then(|dn| self.agents.get_mut(dn)) {
            at = at.max(agent.answers_after);
            agent.answers_after = at;
        }
        if at > now {
            self.plan(at, Due::Execute(conn, node, session, Box::new(request)));
        } else {
            self.execute(now, conn, node, session.as_deref(), &request);
        }
    }

    fn check(&mut self, now: Mono, conn: u64, request: &Request) {
        let (window, patience, check) = (self.config.window as usize, self.config.in_flight_ms, self.config.check_in_flight);
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let mut faults = Vec::new();
        if request.reference <= c.last_reference {
            faults.push(format!("reference {} after {}", request.reference, c.last_reference));
        }
        c.last_reference = c.last_reference.max(request.reference);
        c.unanswered.retain(|_, u| now.since(u.since) < patience);
        if c.unanswered.len() >= window {
            faults.push(format!("{} requests unanswered, the window is {window}", c.unanswered.len() + 1));
        }
        let same_dn = |u: &&super::session::Unanswered| u.state_of.is_some() && u.state_of == request.dn;
        if check && is_state(request.id) && c.unanswered.values().any(|u| same_dn(&u)) {
            faults.push("a second state request while one is in flight".to_owned());
        }
        if known_name(request.id).is_some_and(|name| name != request.name) {
            faults.push(format!("message {} is not named {}", request.id, request.name));
        }
        if request.id == REGISTER && !request.register_modes {
            faults.push("registration without register mode, control mode and address type".to_owned());
        }
        if is_state(request.id) && request.dn.as_ref().is_some_and(|dn| !c.asked.contains(dn)) {
            faults.push("state request for a DN that was not registered on this connection".to_owned());
        }
        if self.config.check_reasons && matches!(request.id, READY | NOT_READY) && request.reasons.is_none() {
            faults.push("state request without reasons".to_owned());
        }
        if known_name(request.id).is_some() && request.dn.is_none() {
            faults.push("no ThisDN".to_owned());
        }
        let node = &self.nodes[usize::from(c.node)];
        if is_state(request.id) && !node.primary && now.since(node.role_since) >= self.config.role_grace_ms {
            faults.push("state request to the backup".to_owned());
        }
        let dn = request.dn.as_deref().unwrap_or("-");
        for fault in faults {
            self.violate(now, &format!("connection {conn}: {} for DN {dn}: {fault}", request.name));
        }
    }

    /// A request has its answer.
    pub(super) fn answered(&mut self, conn: u64, reference: i64) {
        if let Some(c) = self.conns.get_mut(&conn) {
            c.unanswered.remove(&reference);
        }
    }

    /// Carries out a request whose time has come. It counts even when its connection is gone; not when its server is.
    pub(super) fn execute(&mut self, now: Mono, conn: u64, node: u16, session: Option<&str>, request: &Request) {
        if !self.nodes[usize::from(node)].up {
            return;
        }
        let primary = self.nodes[usize::from(node)].primary;
        if is_state(request.id) && (!primary || self.faults.frozen) {
            // A backup answers registrations and queries only; the connector has to find out.
            return;
        }
        if let Some(code) = self.refusal(conn, node, session, request) {
            return self.refuse(conn, request, code);
        }
        match request.id {
            REGISTER | QUERY => self.snapshot(conn, node, session, request),
            UNREGISTER => self.unregister(now, conn, node, session, request),
            LOGIN => self.log_in(now, conn, session, request),
            DISTRIBUTE => self.user_event(now, conn, request),
            _ => self.set_state(now, conn, request),
        }
    }

    /// Acknowledged to who asked, told to everybody who registered the DN (`spec/genesys-protocols.md` 1.9).
    fn user_event(&mut self, now: Mono, conn: u64, request: &Request) {
        let Some(dn) = request.dn.clone() else { return };
        self.answered(conn, request.reference);
        self.event(conn, 138, "EventACK", &format!("{},{}", int_attr("AttributeReferenceID", request.reference), str_attr("AttributeThisDN", &dn)));
        let data: Vec<String> = request.user_data.iter().map(|(k, v)| format!("{{\"key\":{},\"type\":\"str\",\"value\":{}}}", quoted(k), quoted(v))).collect();
        let attrs = format!("{},[\"AttributeUserData\",\"kvlist\",[{}]]", str_attr("AttributeThisDN", &dn), data.join(","));
        self.user_events.push((dn.clone(), request.user_data.clone()));
        self.distribute(now, &dn, 96, "EventUserEvent", &attrs, None);
    }

    fn refusal(&mut self, conn: u64, node: u16, session: Option<&str>, request: &Request) -> Option<i32> {
        let known = known_name(request.id).is_some();
        let Some(dn) = request.dn.as_deref().filter(|_| known) else { return Some(if known { 53 } else { 51 }) };
        let Some(agent) = self.agents.get(dn) else { return Some(59) };
        let by_dn = self.faults.dn_errors.get(dn).copied();
        if !is_state(request.id) {
            return by_dn.filter(|code| request.id == REGISTER && matches!(code, 41 | 42 | 58 | 59));
        }
        if let Some(code) = self.faults.next_errors.get_mut(dn).filter(|codes| !codes.is_empty()).map(|codes| codes.remove(0)) {
            return Some(code);
        }
        let registered = session.is_some_and(|s| self.sessions.get(&(node, s.to_owned())).is_some_and(|s| s.registered.contains(dn)));
        let truth = &agent.truth;
        let same = match request.id {
            LOGOUT => truth.state == AgentState::LoggedOut,
            READY => truth.state == AgentState::Ready,
            NOT_READY => truth.state == AgentState::NotReady,
            _ => false,
        };
        let same = same && truth.work_mode == request.work_mode && (request.id == LOGOUT || Some(&truth.reasons) == request.reasons.as_ref());
        let out = truth.state == AgentState::LoggedOut;
        match () {
            () if by_dn.is_some() => by_dn,
            // A connection that is gone has its request carried out all the same.
            () if !registered && self.conns.contains_key(&conn) => Some(41),
            () if !self.nodes[usize::from(node)].link_up => Some(54),
            () if agent.out_of_service => Some(58),
            () if same && (self.config.same_state_is_error || request.id == LOGOUT) => Some(43),
            () if agent.after.is_some_and(|after| after.refused) && matches!(request.id, READY | NOT_READY) => Some(50),
            () if out && matches!(request.id, READY | NOT_READY) => Some(50),
            () if request.id == LOGIN && request.agent_id.is_none() => Some(53),
            () if request.id == LOGIN && !out && truth.agent_id != request.agent_id => Some(50),
            () if !self.faults.error_codes.is_empty() && self.rng.chance(self.faults.error_pm) => Some(self.rng.pick(&self.faults.error_codes)),
            () => None,
        }
    }

    /// Answers a registration or a query with the state of the DN (`spec/bridge.md` 6).
    fn snapshot(&mut self, conn: u64, node: u16, session: Option<&str>, request: &Request) {
        let Some(dn) = request.dn.as_deref() else { return };
        if let Some(s) = session.filter(|_| request.id == REGISTER).and_then(|s| self.sessions.get_mut(&(node, s.to_owned()))) {
            s.registered.insert(dn.to_owned());
        }
        let Some(agent) = self.agents.get(dn) else { return };
        let mut attrs = vec![int_attr("AttributeReferenceID", request.reference), str_attr("AttributeThisDN", dn)];
        attrs.extend(agent.truth.agent_id.iter().map(|id| str_attr("AttributeAgentID", id)));
        if !agent.truth.reasons.is_empty() && agent.truth.state != AgentState::LoggedOut {
            attrs.push(reasons_attr(&agent.truth.reasons));
        }
        let mut extensions = vec![("AgentStatus", agent.truth.state as i64)];
        extensions.extend(agent.truth.work_mode.map(|mode| ("AgentWorkMode", mode)));
        attrs.push(extensions_attr(&extensions));
        let (id, name) = if request.id == REGISTER { (53, "EventRegistered") } else { (92, "EventAddressInfo") };
        self.event(conn, id, name, &attrs.join(","));
        self.answered(conn, request.reference);
    }

    fn unregister(&mut self, now: Mono, conn: u64, node: u16, session: Option<&str>, request: &Request) {
        let (Some(dn), Some(session)) = (request.dn.as_deref(), session) else { return };
        if let Some(s) = self.sessions.get_mut(&(node, session.to_owned())) {
            s.registered.remove(dn);
        }
        self.event(conn, 54, "EventUnregistered", &format!("{},{}", int_attr("AttributeReferenceID", request.reference), str_attr("AttributeThisDN", dn)));
        self.answered(conn, request.reference);
        let its_agent = self.agents.get(dn).is_some_and(|a| a.logged_in_by.as_deref() == Some(session));
        let elsewhere = self.sessions.iter().any(|((_, name), s)| name == session && s.registered.contains(dn));
        if self.config.logout_on_unreg && its_agent && !elsewhere {
            self.server_logs_out(now, dn);
        }
    }

    fn log_in(&mut self, now: Mono, conn: u64, session: Option<&str>, request: &Request) {
        let Some((dn, agent)) = request.dn.as_deref().and_then(|dn| self.agents.get_mut(dn).map(|a| (dn, a))) else { return };
        let was_out = agent.truth.state == AgentState::LoggedOut;
        agent.logged_in_by = session.map(str::to_owned);
        agent.queue.clone_from(&request.queue);
        let truth = &mut agent.truth;
        truth.agent_id.clone_from(&request.agent_id);
        if was_out {
            (truth.state, truth.work_mode, truth.changed_at, truth.changed_by) = (AgentState::LoggedIn, None, now, ChangedBy::Connector);
            truth.reasons = request.reasons.clone().unwrap_or_default();
        }
        let mut attrs = vec![str_attr("AttributeThisDN", dn)];
        attrs.extend(request.agent_id.iter().map(|id| str_attr("AttributeAgentID", id)));
        attrs.extend(request.queue.iter().map(|queue| str_attr("AttributeThisQueue", queue)));
        attrs.extend(request.reasons.iter().filter(|r| !r.is_empty()).map(|r| reasons_attr(r)));
        self.distribute(now, dn, 73, "EventAgentLogin", &attrs.join(","), Some((conn, request.reference)));
        let next = match self.config.after_login {
            AfterLogin::NotReady => AgentState::NotReady,
            AfterLogin::Ready => AgentState::Ready,
            AfterLogin::Nothing => return,
        };
        if was_out {
            self.change(now, dn, next, None, Vec::new(), ChangedBy::Server, None);
        }
    }

    fn set_state(&mut self, now: Mono, conn: u64, request: &Request) {
        let Some(dn) = request.dn.as_deref() else { return };
        let state = match request.id {
            LOGOUT => AgentState::LoggedOut,
            READY => AgentState::Ready,
            _ => AgentState::NotReady,
        };
        let reasons = request.reasons.clone().unwrap_or_default();
        self.change(now, dn, state, request.work_mode, reasons, ChangedBy::Connector, Some((conn, request.reference)));
        if state != AgentState::LoggedOut && self.rng.chance(self.faults.foreign_change_pm) {
            let other = if state == AgentState::Ready { OtherChange::NotReady(Some(4), Vec::new()) } else { OtherChange::Ready(None) };
            self.other_client_sets(now, dn, other);
        }
    }
}
