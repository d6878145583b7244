//! Previews as the core hears and tells them: requests of a router, what a worker's page does, answers, news for pages, reports
//! (`spec/uc-connector-functional.md` 5, 8; `spec/genesys-protocols.md` 5, 10).
use crate::id::{DnId, UserId};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A request of a router, numbered by the driver below [`BRIDGE_REQUESTS`], never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RequestId(pub u64);

/// From here on the core numbers the requests that come through a bridge.
pub const BRIDGE_REQUESTS: u64 = 1 << 63;

/// An offer to one worker, numbered by the core, never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct OfferId(pub u64);

/// A report (one user event) that is under way or waits, numbered by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ReportId(pub u32);

/// What a router says.
#[derive(Clone, Debug)]
pub enum RouterEvent<'a> {
    /// A preview is asked for. Answered exactly once by [`crate::Action::AnswerPreview`] with this id.
    Request {
        /** to be repeated in the answer */
        id: RequestId,
        /** what is asked */
        request: &'a PreviewRequest<'a>,
    },
    /// `PreviewInteractionCancel`: every open request about this call ends as `Canceled`. Answered exactly once, too: `Canceled`, whether there was one or not
    /// (`spec/genesys-protocols.md` 5.6).
    Cancel {
        /** to be repeated in the answer */
        id: RequestId,
        /** `connId` */
        conn: &'a str,
        /** shown to workers whose offer is open; may be empty */
        text: &'a str,
    },
    /// Whoever waited for this answer is gone. When nobody is left who waits, open offers are withdrawn.
    Gone {
        /** which request */
        id: RequestId,
    },
}

/// `PreviewInteractionRequest` or `PreviewInteractionMultiple`, or our own services for routers that cannot loop.
#[derive(Clone, Debug, Default)]
pub struct PreviewRequest<'a> {
    /// Who is asked, and in which order.
    pub select: Select,
    /// `agent` or `targets`: employee id, then login code, then DN (`decisions.md` 16); several separated by `^` or `|`; what follows `@` is left out; `group:NAME`
    /// stands for all workers of a group.
    pub targets: &'a str,
    /// `dn`: where the call would be routed to; empty: the worker's first ready DN.
    pub dn: &'a str,
    /// `switch`, may be empty.
    pub switch: &'a str,
    /// `connId`.
    pub conn: &'a str,
    /// `mediaType`.
    pub media: &'a str,
    /// `userData`, in order; keys may repeat.
    pub data: &'a [(&'a str, &'a str)],
    /// Time to think, milliseconds.
    pub timeout_ms: Option<u64>,
    /// Idempotency key: the same key attaches to the same request, open or just answered.
    pub key: Option<&'a str>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Select {
    /// The one target.
    #[default]
    Single,
    /// All at once; the first acceptance wins.
    Broadcast,
    /// One after the other, as listed, beginning behind the one who was asked first last time for the same list.
    RoundRobin,
    /// One after the other, who has been ready longest first.
    LongestIdle,
}

/// Status words of an answer (`spec/uc-connector-functional.md` 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum PreviewStatus {
    /// A worker accepted.
    Accepted,
    /// Everybody asked declined.
    Rejected,
    /// Time ran out.
    Timeout,
    /// The router, the caller, or the requester's end cancelled.
    Canceled,
    /// Nobody could be asked.
    Unavailable,
    /// The request cannot be carried out: malformed, too large, too many, or the connector stops.
    Error,
}

impl PreviewStatus {
    /// All, in the order of the counters.
    pub const ALL: [Self; 6] = [Self::Accepted, Self::Rejected, Self::Timeout, Self::Canceled, Self::Unavailable, Self::Error];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Timeout => "Timeout",
            Self::Canceled => "Canceled",
            Self::Unavailable => "Unavailable",
            Self::Error => "Error",
        }
    }
}

/// The answer to a request. Agent id and switch are names of the [`crate::directory::Directory`] at the time of the answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PreviewAnswer {
    /// What came of it.
    pub status: PreviewStatus,
    /// For people, one sentence.
    pub text: Box<str>,
    /// Who accepted.
    pub user: Option<UserId>,
    /// Login code of who accepted, else empty.
    pub agent: Box<str>,
    /// The DN to route to, else empty.
    pub dn: Box<str>,
    /// Its switch, else empty.
    pub switch: Box<str>,
}

/// What happens at a worker's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PageEvent {
    /// The first page of this worker stands, or the first after none was.
    Opened,
    /// The last page of this worker is gone.
    Closed,
    /// Accept. Whether it was in time is told by [`PageNews`].
    Accept {
        /** which */
        offer: OfferId,
    },
    /// Decline.
    Reject {
        /** which */
        offer: OfferId,
    },
}

/// News for all pages of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageNews {
    /// A new offer, to be shown until it ends.
    Offered(OfferView),
    /// An offer is over.
    Ended {
        /** which */
        offer: OfferId,
        /** how */
        outcome: Outcome,
    },
    /// A click on an offer that is over, or not this worker's.
    TooLate {
        /** which */
        offer: OfferId,
    },
}

/// An open offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferView {
    /// Which.
    pub offer: OfferId,
    /// The DN the call would come to.
    pub dn: DnId,
    /// `connId`.
    pub conn: Arc<str>,
    /// `mediaType`.
    pub media: Arc<str>,
    /// `userData`.
    pub data: Arc<[(Box<str>, Box<str>)]>,
    /// When it was made, and when it ends by itself, milliseconds of the wall clock.
    pub offered_unix_ms: u64,
    /// See there.
    pub ends_unix_ms: u64,
    /// Several workers are asked at once.
    pub broadcast: bool,
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// Accepted, and this worker gets the interaction.
    Accepted,
    /// Declined.
    Rejected,
    /// Not answered in time.
    Timeout,
    /// Another worker accepted.
    Taken,
    /// The router cancelled, or who asked is gone.
    Canceled,
    /// The call was released.
    Released,
    /// A newer request for the same call and worker replaced it.
    Replaced,
    /// The worker left, became not ready, or has no page any more.
    Unavailable,
    /// The connector stops, or the request failed.
    Failed,
}

impl Outcome {
    /// All, in the order of the counters.
    pub const ALL: [Self; 9] =
        [Self::Accepted, Self::Rejected, Self::Timeout, Self::Taken, Self::Canceled, Self::Released, Self::Replaced, Self::Unavailable, Self::Failed];

    /// `UCC_Reason` (`spec/uc-connector-functional.md` 8.2).
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Timeout => "Timeout",
            Self::Taken | Self::Canceled | Self::Released | Self::Replaced => "Canceled",
            Self::Unavailable | Self::Failed => "Failed",
        }
    }

    /// The word of the API and of the history.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Taken => "taken",
            Self::Canceled => "canceled",
            Self::Released => "released",
            Self::Replaced => "replaced",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

/// One line of the history: begun, or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRecord {
    /// Which.
    pub offer: OfferId,
    /// Whom.
    pub user: UserId,
    /// Where the call would come.
    pub dn: DnId,
    /// `connId`.
    pub conn: Arc<str>,
    /// `mediaType`.
    pub media: Arc<str>,
    /// Milliseconds of the wall clock.
    pub at_unix_ms: u64,
    /// `None`: begun.
    pub ended: Option<Outcome>,
}

/// A user event for reporting, for the encoder of [`crate::action::CtiOut::UserEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportView<'a> {
    /// `AttributeThisDN`: the worker's main DN, also when the configuration no longer has it.
    pub this_dn: &'a str,
    /// `AttributeConnID`, as the router wrote it.
    pub conn: &'a str,
    /// Login code: `AttributeAgentID` and `UCC_AgentId`.
    pub agent: &'a str,
    /// Employee id: `UCC_UserId`.
    pub user: &'a str,
    /// Key of the custom state.
    pub state_name: &'a str,
    /// `None`: `+`; else `-` with this `UCC_Reason`.
    pub reason: Option<&'static str>,
}

pub use crate::offers::{PreviewOp, target_names, user_data};

/// The number behind a connection id: 1 to 16 hexadecimal digits. T-Library writes 16 of them.
#[must_use]
pub fn conn_number(conn: &str) -> Option<u64> {
    let is_id = (1..=16).contains(&conn.len()) && conn.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| u64::from_str_radix(conn, 16).ok())?
}

/// What is known of a call's request, for polling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestView {
    /// Workers are being asked; the users whose offer is open.
    Open(Vec<UserId>),
    /// Answered.
    Answered(PreviewAnswer),
}
