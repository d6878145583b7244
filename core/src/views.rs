//! The read model for HTTP, metrics and checkers: borrowed from the connector, never read by the machines.
use crate::cti_event::Role;
use crate::deadlines::TimerKey;
use crate::id::{CtiLinkId, DnId, UcLinkId, UserId};
use crate::presence::{Activity, Class};
use crate::time::Mono;

/// One worker as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView<'a> {
    /// Who.
    pub user: UserId,
    /// Class of the last presence.
    pub class: Class,
    /// Its number; 0 when unknown.
    pub availability: u32,
    /// Its detail.
    pub activity: Activity,
    /// Note.
    pub note: &'a str,
    /// In a live subscription.
    pub covered: bool,
    /// When the class last changed; `None` when nothing was heard yet.
    pub since: Option<Mono>,
    /// What the agent should be.
    pub want: WantView,
}

/// What the mapping asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantView {
    /// Nothing: leave alone.
    Nothing,
    /// Ready.
    Ready,
    /// NotReady.
    NotReady,
    /// Logged out.
    LoggedOut,
}

/// Agent state of a DN as last reported by T-Server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum AgentState {
    /// Not reported, or the report is older than a lost connection.
    #[default]
    Unknown,
    /// Logged out.
    LoggedOut,
    /// Logged in, neither ready nor not ready yet.
    LoggedIn,
    /// Ready.
    Ready,
    /// Not ready, with the work mode (0 none).
    NotReady(u8),
}

impl AgentState {
    /// One word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::LoggedOut => "LoggedOut",
            Self::LoggedIn => "LoggedIn",
            Self::Ready => "Ready",
            Self::NotReady(2) => "LegalGuard",
            Self::NotReady(3) => "AfterCallWork",
            Self::NotReady(_) => "NotReady",
        }
    }
}

/// One DN as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnView {
    /// Which.
    pub dn: DnId,
    /// Whose: the owner, or who sits there; nobody at a free seat.
    pub user: Option<UserId>,
    /// A seat without an owner (free seating).
    pub seat: bool,
    /// Another worker than the owner is logged in there: the DN is left alone.
    pub stranger: Option<UserId>,
    /// State.
    pub state: AgentState,
    /// A request is unanswered.
    pub in_flight: bool,
    /// Somebody else set the present state and it is respected (`ForeignRule::UntilNextPresence`), or an error stands in the way.
    pub held: bool,
    /// Registered on the primary.
    pub registered: bool,
}

/// A link as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkState {
    /// Waiting to try again.
    Down,
    /// Connecting, TLS, hello.
    Connecting,
    /// Registering, opening.
    Opening,
    /// Working.
    Up,
    /// Working, but the far end says that it cannot serve (CTI link of the switch down, survivable mode).
    Impaired,
}

/// A SIP link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UcLinkView {
    /// Which.
    pub link: UcLinkId,
    /// State.
    pub state: LinkState,
    /// Index in `config.uc.endpoints` it is connected to, or tries.
    pub endpoint: u16,
    /// Live subscription dialogs.
    pub dialogs: u32,
    /// Users in them.
    pub users: u32,
    /// Requests unanswered.
    pub outstanding: u32,
    /// Users waiting to be subscribed.
    pub waiting: u32,
}

/// A bridge link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtiLinkView {
    /// Which.
    pub link: CtiLinkId,
    /// State.
    pub state: LinkState,
    /// Role of the server, once opened.
    pub role: Option<Role>,
    /// DNs registered.
    pub registered: u32,
    /// Requests unanswered.
    pub outstanding: u32,
}

/// Counters since start. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// NOTIFY and BENOTIFY handed in.
    pub notifies: u64,
    /// Documents for users we do not know.
    pub unknown_users: u64,
    /// Class changes.
    pub presence_changes: u64,
    /// Updates dropped because a newer one was known.
    pub stale_updates: u64,
    /// SIP requests sent.
    pub sip_requests: u64,
    /// SIP answers sent.
    pub sip_answers: u64,
    /// Subscriptions made anew.
    pub subscriptions: u64,
    /// Ready and NotReady requests sent.
    pub state_requests: u64,
    /// Logins and logouts sent.
    pub login_requests: u64,
    /// Requests repeated after an error or a time-out.
    pub repeats: u64,
    /// Requests T-Server refused.
    pub errors: u64,
    /// Requests without an answer.
    pub timeouts: u64,
    /// State changes by others.
    pub foreign_changes: u64,
    /// Messages that broke a protocol.
    pub malformed: u64,
    /// Connections lost.
    pub links_lost: u64,
    /// Notes dropped because the queue was full.
    pub notes_dropped: u64,
}

/// A deadline, for the deadline checker and the leak checker.
pub type DeadlineView = (Mono, TimerKey);
