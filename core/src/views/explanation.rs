//! Why a worker is in this state: what decides, what stands in the way, what was sent and what came back.
use super::WantView;
use crate::time::Mono;

/// What decides about a worker's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The table of classes.
    Class,
    /// Row of `config.presence.conditions`.
    Condition(u16),
    /// Nothing has been heard from the UC platform since the start.
    NothingHeard,
    /// The subscription has been gone for longer than the grace time.
    Stale,
    /// The worker's own choice.
    Choice,
    /// After Call Work or Legal Guard stands.
    Override,
    /// Mode or `sync` leave the agent alone.
    NotDriven,
    /// The connector is stopping.
    Stopping,
}

/// What is done about a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnExplanation {
    /// What is wanted.
    pub want: WantView,
    /// What stands in the way, or that nothing does.
    pub verdict: DnVerdict,
    /// Failures in a row.
    pub failures: u8,
    /// The last request.
    pub sent: Option<SentView>,
    /// When the state was last told, and on what occasion.
    pub heard: Option<(Mono, HeardFrom)>,
}

/// What stands in the way of a wanted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnVerdict {
    /// All is as wanted.
    AsWanted,
    /// Nothing is wanted.
    NothingWanted,
    /// A request is unanswered.
    Asking,
    /// A request is due: the link, its window, or the question for the present state is waited for.
    WaitsForLink,
    /// Somebody else set the state: it stands until the next presence change.
    OthersWord,
    /// T-Server refused for good: until the next presence change.
    Refused,
    /// The device is out of service.
    OutOfService,
    /// Tried again then.
    RetryAt(Mono),
    /// Logged out, and automatic login is off.
    NoLogin,
    /// Another worker is logged in there.
    Stranger,
    /// A seat where nobody sits.
    Empty,
}

/// A request and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentView {
    /// When, to the second.
    pub at: Mono,
    /// Name as T-Library spells it.
    pub request: &'static str,
    /// The answer.
    pub came: Came,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// No answer yet.
    NotYet,
    /// It was done.
    Done,
    /// An answer, with another state.
    Otherwise,
    /// `EventError` with this code.
    Refused(i32),
    /// Nobody answered in time.
    TimedOut,
    /// The connection was lost before the answer.
    LinkLost,
}

/// On what occasion T-Server told a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum HeardFrom {
    /// In answer to a request of ours.
    #[default]
    Answer,
    /// By itself: somebody else, or T-Server, changed it.
    Event,
    /// When asked, at registration or afterwards.
    Question,
}
