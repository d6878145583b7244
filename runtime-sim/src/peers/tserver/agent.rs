//! Emulated agents: the truth that the connector has to bring into line with presence (`spec/genesys-protocols.md` 3).
use super::calls::{After, Call, WrapUp};
use super::line::Pair;
use std::collections::BTreeMap;
use uc_core::time::Mono;

/// State of an agent on a DN. The numbers are those of `AgentStatus` in snapshots (`spec/bridge.md` 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentState {
    /// 0
    #[default]
    LoggedOut,
    /// 1, logged in, neither ready nor not ready
    LoggedIn,
    /// 2
    NotReady,
    /// 3
    Ready,
}

/// Who changed an agent last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedBy {
    /// Nobody yet.
    #[default]
    Start,
    /// A request of the connector.
    Connector,
    /// Another client: a desktop.
    Other,
    /// The server: timer, option, restart.
    Server,
}

/// What is really so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentTruth {
    /// State.
    pub state: AgentState,
    /// Work mode, when the last state event carried one.
    pub work_mode: Option<i64>,
    /// Reasons of the last state request, numbers as text.
    pub reasons: Vec<Pair>,
    /// Login code while logged in.
    pub agent_id: Option<String>,
    /// When it became so.
    pub changed_at: Mono,
    /// By whom.
    pub changed_by: ChangedBy,
}

/// Requests of the connector that concern one DN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// 3
    pub register: u64,
    /// 4
    pub unregister: u64,
    /// 2
    pub query: u64,
    /// 8
    pub login: u64,
    /// 9
    pub logout: u64,
    /// 10
    pub ready: u64,
    /// 11
    pub not_ready: u64,
    /// Anything else.
    pub other: u64,
}

impl RequestCounts {
    /// Requests that change the state of the agent.
    #[must_use]
    pub const fn state_requests(&self) -> u64 {
        self.login + self.logout + self.ready + self.not_ready
    }

    pub(super) const fn count(&mut self, id: i64) {
        match id {
            2 => self.query += 1,
            3 => self.register += 1,
            4 => self.unregister += 1,
            8 => self.login += 1,
            9 => self.logout += 1,
            10 => self.ready += 1,
            11 => self.not_ready += 1,
            _ => self.other += 1,
        }
    }
}

/// A DN and its emulated agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Agent {
    pub(super) truth: AgentTruth,
    pub(super) out_of_service: bool,
    /// Session of the connector that logged the agent in.
    pub(super) logged_in_by: Option<String>,
    /// The queue the agent logged in to.
    pub(super) queue: Option<String>,
    /// The call on this DN.
    pub(super) call: Option<Call>,
    /// Work or break after a call, while it lasts.
    pub(super) after: Option<After>,
    /// `WrapUpTime` of the event to be sent next.
    pub(super) announced: Option<WrapUp>,
    /// Requests wait for this moment at least, so that their order stays.
    pub(super) answers_after: Mono,
    pub(super) counts: RequestCounts,
}

/// All DNs.
pub(super) type Agents = BTreeMap<String, Agent>;

/// Name and number of the event that reports a state.
pub(super) const fn state_event(state: AgentState) -> (i64, &'static str) {
    match state {
        AgentState::LoggedOut => (74, "EventAgentLogout"),
        AgentState::LoggedIn => (73, "EventAgentLogin"),
        AgentState::NotReady => (76, "EventAgentNotReady"),
        AgentState::Ready => (75, "EventAgentReady"),
    }
}

/// Text of an error code (`spec/genesys-protocols.md` 1.12).
pub(super) const fn error_text(code: i32) -> &'static str {
    match code {
        40 => "No more licenses",
        41 => "Client is not registered for the DN",
        42 => "Resource is already seized",
        43 => "Already in requested state",
        51 => "Unsupported operation",
        52 => "Internal error",
        53 => "Invalid attribute value",
        54 => "No connection to the switch",
        57 => "Request timed out",
        58 => "DN is out of service",
        59 => "DN is not configured",
        _ => "Unknown error",
    }
}
