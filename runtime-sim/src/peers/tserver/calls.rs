//! Calls on emulated agents, and what follows them: After Call Work and Legal Guard
//! (`spec/uc-connector-functional.md` 3.3, `spec/genesys-protocols.md` 1.8, 3.2, 3.4; `decisions.md` 14).
//!
//! One call per DN, answered by nobody: it rings, is established and is released after the times it was begun with. Queues, routing, holding and transfers are absent.
use super::agent::{AgentState, ChangedBy};
use super::line::{conn_attr, int_attr, str_attr};
use super::{Due, Mono, TServer};

/// Work mode of After Call Work.
pub const AFTER_CALL_WORK: i64 = 3;
/// Work mode of Legal Guard (of a not-ready agent).
pub const LEGAL_GUARD: i64 = 2;

/// How long the work after a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WrapUp {
    /// `wrap-up-time` is 0: none.
    #[default]
    None,
    /// So many milliseconds, then the agent is ready by itself.
    Timed(u64),
    /// Until somebody ends it.
    Untimed,
}

impl WrapUp {
    /// Extension `WrapUpTime`: seconds, or a word.
    pub(super) fn attr(self) -> String {
        let value = match self {
            Self::None => "\"type\":\"int\",\"value\":0".to_owned(),
            Self::Timed(ms) => format!("\"type\":\"int\",\"value\":{}", ms.div_ceil(1000)),
            Self::Untimed => "\"type\":\"str\",\"value\":\"untimed\"".to_owned(),
        };
        format!("[\"AttributeExtensions\",\"kvlist\",[{{\"key\":\"WrapUpTime\",{value}}}]]")
    }
}

/// A call to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPlan {
    /// Rings for so long, milliseconds.
    pub rings_ms: u64,
    /// Lasts so long once established, milliseconds; 0: the caller gives up before.
    pub talks_ms: u64,
    /// Came through a queue: After Call Work and Legal Guard follow business calls only.
    pub business: bool,
    /// Work after it.
    pub wrap_up: WrapUp,
    /// Break after that, milliseconds; 0: none.
    pub guard_ms: u64,
}

/// A call that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) plan: CallPlan,
    pub(super) serial: u64,
    pub(super) conn: u64,
    pub(super) established: bool,
}

/// Work or break after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct After {
    /// State to return to.
    pub(super) then: AgentState,
    /// The timer that ends it; an older one does nothing.
    pub(super) timer: u64,
    /// Break that follows, milliseconds.
    pub(super) guard_ms: u64,
    /// The answer to requests of the connector while it lasts; none: they end it.
    pub(super) refused: bool,
}

impl TServer {
    /// A call comes to an agent who is logged in and has none.
    pub fn ring(&mut self, now: Mono, dn: &str, plan: CallPlan) {
        self.route(now, dn, plan, 0x006b_0000_0000_0000 + self.serial + 1);
    }

    /// The call of this connection id is routed to an agent who is logged in and has none; others do not get it.
    pub fn route(&mut self, now: Mono, dn: &str, plan: CallPlan, conn: u64) {
        let Some(agent) = self.agents.get_mut(dn).filter(|a| a.truth.state >= AgentState::NotReady && a.call.is_none()) else { return };
        self.serial += 1;
        let serial = self.serial;
        agent.call = Some(Call { plan, serial, conn, established: false });
        self.call_event(now, dn, conn, 60, "EventRinging", None);
        let next = if plan.talks_ms == 0 { Due::Release(dn.to_owned(), serial) } else { Due::Establish(dn.to_owned(), serial) };
        self.plan(now + plan.rings_ms, next);
    }

    /// Default routing: no router is there, and the call goes to the queue. Whoever is logged in there, ready and without a call, and has been so longest, gets it;
    /// returns the DN. `None`: nobody, the call waits.
    pub fn route_by_default(&mut self, now: Mono, queue: &str, plan: CallPlan, conn: u64) -> Option<String> {
        let is_free = |agent: &super::agent::Agent| agent.truth.state == AgentState::Ready && agent.call.is_none() && agent.queue.as_deref() == Some(queue);
        let (dn, _) = self.agents.iter().filter(|(_, agent)| is_free(agent)).min_by_key(|(_, agent)| agent.truth.changed_at)?;
        let dn = dn.clone();
        self.route(now, &dn, plan, conn);
        Some(dn)
    }

    /// A call is over for a DN that took no part in it as far as is known here: abandoned while it rang, or released. `state`: `AttributeCallState`, 1 of a transfer.
    pub fn call_over(&mut self, now: Mono, dn: &str, conn: u64, abandoned: bool, state: i64) {
        let attrs =
            [str_attr("AttributeThisDN", dn), conn_attr("AttributeConnID", conn), int_attr("AttributeCallType", 2), int_attr("AttributeCallState", state)];
        let (id, name) = if abandoned { (59, "EventAbandoned") } else { (65, "EventReleased") };
        self.distribute(now, dn, id, name, &attrs.join(","), None);
    }

    /// Whether a call is on this DN.
    #[must_use]
    pub fn is_on_call(&self, dn: &str) -> bool {
        self.agents.get(dn).is_some_and(|a| a.call.is_some())
    }

    /// Work mode 3 or 2 stands, and would end by itself.
    #[must_use]
    pub fn has_after_timer(&self, dn: &str) -> bool {
        let after = self.agents.get(dn).and_then(|a| a.after);
        after.is_some_and(|after| self.due.values().any(|due| matches!(due, Due::AfterEnds(d, timer) if d == dn && *timer == after.timer)))
    }

    fn call(&self, dn: &str, serial: u64) -> Option<Call> {
        self.agents.get(dn).and_then(|a| a.call).filter(|call| call.serial == serial)
    }

    pub(super) fn establish(&mut self, now: Mono, dn: &str, serial: u64) {
        let Some(mut call) = self.call(dn, serial) else { return };
        call.established = true;
        if let Some(agent) = self.agents.get_mut(dn) {
            agent.call = Some(call);
        }
        // The length is announced here, not when it rings.
        let wrap_up = call.plan.business.then_some(call.plan.wrap_up).filter(|w| *w != WrapUp::None);
        self.call_event(now, dn, call.conn, 64, "EventEstablished", wrap_up);
        self.plan(now + call.plan.talks_ms, Due::Release(dn.to_owned(), serial));
    }

    pub(super) fn release(&mut self, now: Mono, dn: &str, serial: u64) {
        let Some(call) = self.call(dn, serial) else { return };
        if let Some(agent) = self.agents.get_mut(dn) {
            agent.call = None;
        }
        let logged_in = self.agent(dn).is_some_and(|a| a.state >= AgentState::NotReady);
        let follows = call.established && call.plan.business && logged_in;
        let work_first = !self.config.acw_after_released;
        if work_first && follows {
            self.begin_after(now, dn, call.plan);
        }
        self.call_event(now, dn, call.conn, 65, "EventReleased", None);
        if !work_first && follows {
            self.begin_after(now, dn, call.plan);
        }
    }

    fn begin_after(&mut self, now: Mono, dn: &str, plan: CallPlan) {
        match plan.wrap_up {
            WrapUp::None if plan.guard_ms > 0 => self.begin_guard(now, dn, plan.guard_ms),
            WrapUp::None => {}
            WrapUp::Timed(ms) => self.begin_work(now, dn, AFTER_CALL_WORK, AgentState::Ready, Some(ms), plan.guard_ms),
            WrapUp::Untimed => self.begin_work(now, dn, AFTER_CALL_WORK, AgentState::Ready, None, plan.guard_ms),
        }
    }

    fn begin_guard(&mut self, now: Mono, dn: &str, ms: u64) {
        self.begin_work(now, dn, LEGAL_GUARD, AgentState::Ready, Some(ms), 0);
    }

    /// After Call Work of `ms`, then back to the state before: what another client may ask for.
    pub fn begin_after_call_work(&mut self, now: Mono, dn: &str, ms: u64) {
        let Some(before) = self.agent(dn).map(|a| a.state).filter(|s| *s >= AgentState::NotReady) else { return };
        self.begin_work(now, dn, AFTER_CALL_WORK, before, Some(ms), 0);
        if let Some(after) = self.agents.get_mut(dn).and_then(|a| a.after.as_mut()) {
            after.refused = false;
        }
    }

    fn begin_work(&mut self, now: Mono, dn: &str, mode: i64, then: AgentState, ms: Option<u64>, guard_ms: u64) {
        self.serial += 1;
        let timer = self.serial;
        if let Some(agent) = self.agents.get_mut(dn) {
            agent.announced = (mode == AFTER_CALL_WORK).then_some(ms.map_or(WrapUp::Untimed, WrapUp::Timed));
        }
        self.change(now, dn, AgentState::NotReady, Some(mode), Vec::new(), ChangedBy::Server, None);
        let refused = self.config.acw_refuses_requests;
        if let Some(agent) = self.agents.get_mut(dn) {
            agent.announced = None;
            agent.after = Some(After { then, timer, guard_ms, refused });
        }
        if let Some(ms) = ms {
            self.due.insert((now + ms, timer), Due::AfterEnds(dn.to_owned(), timer));
        }
    }

    /// Work or break is over by itself.
    pub(super) fn end_after(&mut self, now: Mono, dn: &str, timer: u64) {
        let Some(after) = self.agents.get(dn).and_then(|a| a.after).filter(|after| after.timer == timer) else { return };
        if after.guard_ms > 0 {
            self.begin_guard(now, dn, after.guard_ms);
        } else {
            self.change(now, dn, after.then, None, Vec::new(), ChangedBy::Server, None);
        }
    }

    fn call_event(&mut self, now: Mono, dn: &str, conn: u64, id: i64, name: &str, wrap_up: Option<WrapUp>) {
        let mut attrs =
            vec![str_attr("AttributeThisDN", dn), conn_attr("AttributeConnID", conn), int_attr("AttributeCallType", 2), str_attr("AttributeOtherDN", "9001")];
        attrs.extend(wrap_up.map(WrapUp::attr));
        self.distribute(now, dn, id, name, &attrs.join(","), None);
    }
}
