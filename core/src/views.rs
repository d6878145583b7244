//! The read model for HTTP, metrics and checkers: borrowed from the connector, never read by the machines.
mod explanation;

pub use explanation::{Came, DnExplanation, DnVerdict, HeardFrom, Reason, SentView};

use crate::config::{ChoiceConfig, StateRow};
use crate::cti_event::Role;
use crate::deadlines::TimerKey;
use crate::id::{CtiLinkId, DnId, UcLinkId, UserId};
use crate::input::Choice;
use crate::presence::{Activity, Class};
use crate::time::Mono;
use crate::uc_event::PublishTime;
use core::fmt;

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
    /// When the server says that it was published; zero when unknown.
    pub publish_time: PublishTime,
    /// In a live subscription.
    pub covered: bool,
    /// When the class last changed; `None` when nothing was heard yet.
    pub since: Option<Mono>,
    /// What the agent should be.
    pub want: WantView,
    /// What the worker chose by hand and still stands.
    pub choice: Option<Choice>,
    /// The state over all DNs, as the worker's own menu shows it.
    pub shown: ShownState,
    /// The agent is kept in a state of T-Server's own, and presence changes are held back.
    pub over: Option<OverrideView>,
    /// When and how the last such state ended; forgotten when another begins.
    pub over_ended: Option<(Mono, OverrideEnd)>,
    /// Row of `config.publish.states` the UC platform shall show.
    pub publishing: Option<StateRow>,
    /// Row the UC platform shows, as far as it has confirmed it.
    pub published: Option<StateRow>,
}

/// How a state of T-Server's own ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OverrideEnd {
    /// The agent is in another state: by a timer or by a desktop.
    Left,
    /// The agent is logged out.
    LoggedOut,
    /// The worker did something in their own client.
    Worker,
    /// The worker chose a state by hand here.
    ByHand,
    /// It has lasted for as long as `publish.override_max_ms` allows.
    Limit,
}

impl OverrideEnd {
    /// For people: completes "it ended because ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Left => "T-Server has left it",
            Self::LoggedOut => "the agent is logged out",
            Self::Worker => "the worker chose a state",
            Self::ByHand => "the worker chose a state by hand",
            Self::Limit => "it lasted for as long as publish.override_max_ms allows",
        }
    }
}

/// A state of T-Server's own that presence does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideView {
    /// After Call Work.
    AfterCallWork,
    /// Legal Guard.
    LegalGuard,
}

impl OverrideView {
    /// For machines.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::AfterCallWork => "after-call-work",
            Self::LegalGuard => "legal-guard",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AfterCallWork => "After Call Work",
            Self::LegalGuard => "Legal Guard",
        }
    }
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
    /// Logged in, in whatever state T-Server chooses.
    LoggedIn,
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
    /// As the worker's own menu shows it.
    pub shown: ShownState,
}

/// A state as people see it: one of the presence definition document, or a predefined one (`spec/uc-connector-functional.md` 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShownState {
    /// Row of `config.choice.states`.
    Row(u16),
    /// Ready, and no row fits.
    Ready,
    /// Ready on some of several DNs.
    PartReady,
    /// Not ready, and no row fits.
    NotReady,
    /// Telephone do-not-disturb is on.
    DoNotDisturb,
    /// Logged out.
    LoggedOut,
    /// The device is out of service, or no T-Server tells about it.
    OutOfService,
}

impl ShownState {
    /// Its id: that of the document, or a reserved one.
    #[must_use]
    pub fn id(self, config: &ChoiceConfig) -> &str {
        match self {
            Self::Row(row) => config.states.get(usize::from(row)).map_or("", |state| &state.id),
            Self::Ready => "predefReady",
            Self::PartReady => "predefPartReady",
            Self::NotReady => "predefNotReady",
            Self::DoNotDisturb => "predefDND",
            Self::LoggedOut => "predefLoggedOut",
            Self::OutOfService => "predefOutOfService",
        }
    }

    /// The state of a worker with these DNs.
    pub(crate) fn of_all(dns: impl Iterator<Item = Self>, config: &ChoiceConfig) -> Self {
        let is_ready = |state: Self| match state {
            Self::Row(row) => config.states.get(usize::from(row)).is_some_and(|state| state.ready),
            state => state == Self::Ready,
        };
        let is_off = |state: Self| matches!(state, Self::LoggedOut | Self::OutOfService);
        dns.reduce(|all, next| match (is_ready(all) || all == Self::PartReady, is_ready(next)) {
            (true, true) | (false, false) => {
                if is_off(all) {
                    next
                } else {
                    all
                }
            }
            _ => Self::PartReady,
        })
        .unwrap_or(Self::OutOfService)
    }
}

/// Why a state cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceFault {
    /// No such row.
    NoSuchState,
    /// `choice.logout` is off.
    NoLogout,
    /// There is no UC platform in this mode.
    NothingToFollow,
    /// In this mode, or for this worker, nothing is requested of the contact centre.
    NotHere,
}

impl fmt::Display for ChoiceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchState => "there is no such state",
            Self::NoLogout => "logging out by hand is not allowed; set `enable_logout_menu = true` to allow it",
            Self::NothingToFollow => "there is no UC platform to follow in mode standalone",
            Self::NotHere => "states cannot be chosen here: the mode is push-only, or the worker is excluded from synchronisation",
        })
    }
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
    /// After Call Work and Legal Guard, begun.
    pub overrides: u64,
    /// Presence that was only our own publication coming back.
    pub echoes: u64,
    /// Publications and withdrawals the UC platform took.
    pub publications: u64,
    /// Publications that met a conflict (409).
    pub publish_conflicts: u64,
    /// Other refusals of what publishing takes.
    pub publish_refused: u64,
    /// What workers did with their own clients while ours stood.
    pub user_actions: u64,
    /// Previews asked for.
    pub previews: u64,
    /// Answers to them, by [`crate::offer::PreviewStatus`].
    pub previews_answered: [u64; 6],
    /// Offers made to workers.
    pub offers: u64,
    /// How they ended, by [`crate::offer::Outcome`].
    pub offers_ended: [u64; 9],
    /// Reports of offers sent; more than once when a connection was lost.
    pub reports_sent: u64,
    /// Reports refused or not acknowledged.
    pub reports_failed: u64,
    /// Offers, or ends of offers, left out of the reports because too much waited, or their switch left the configuration.
    pub reports_dropped: u64,
    /// Workers asked through their own client.
    pub invitations: u64,
    /// Of them: took the conversation.
    pub invitations_answered: u64,
    /// Declined it.
    pub invitations_declined: u64,
    /// Were not reached.
    pub invitations_failed: u64,
    /// Of those taken: have the link, or the window.
    pub invitations_delivered: u64,
    /// Windows opened beside a conversation.
    pub invitation_windows: u64,
    /// Notes dropped because the queue was full.
    pub notes_dropped: u64,
}

/// Previews that are open now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreviewsView {
    /// Requests that wait for their answer.
    pub requests: u32,
    /// Offers that workers are looking at.
    pub offers: u32,
    /// Reports that wait or are not acknowledged.
    pub reports: u32,
    /// Workers with an open page.
    pub pages: u32,
}

/// What is published for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherView {
    /// Who.
    pub user: UserId,
    /// Row of `config.publish.states` that shall stand.
    pub want: Option<crate::config::StateRow>,
    /// Row that stands, as the server confirmed it.
    pub stands: Option<crate::config::StateRow>,
    /// An endpoint of ours is registered as the worker.
    pub registered: bool,
    /// It waits: for its turn after a lost connection, or after a refusal.
    pub waiting: bool,
    /// Status of the last refusal, until something is taken again.
    pub refused: Option<u16>,
}

/// A deadline, for the deadline checker and the leak checker.
pub type DeadlineView = (Mono, TimerKey);
