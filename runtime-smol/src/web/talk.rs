//! What the web thread and the deciding thread say to each other.
//!
//! Questions go through a bounded queue: when it is full, web requests wait, never the deciding thread. Answers and news go through a queue without a bound of its
//! own, bounded by what was asked: one answer for each open request, one snapshot for each page that opens; news for pages are left out when
//! [`NEWS_MAX`] wait, and then every page is cut, so that it comes back and gets a whole picture.
use crate::history::Redirect;
use crate::ops::{ShownRow, StateFault};
use crate::presence_xml::Catalogue;
use crate::settings::Settings;
use smol::channel::Sender;
use std::sync::Arc;
use uc_core::config::Mode;
use uc_core::offer::{OfferId, Outcome, PreviewStatus, RequestId, Select};

/// News that may wait for the web thread.
pub(crate) const NEWS_MAX: usize = 50_000;
/// Questions that may wait for the deciding thread.
pub(crate) const ASKS_MAX: usize = 1_024;

/// A worker by employee id: it outlives a reload of the configuration.
pub(crate) type Who = Arc<str>;

/// An open page; never used twice while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PageId(pub(crate) u64);

/// From the web thread to the deciding thread.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A page stands and wants the whole picture.
    Open {
        /// Which.
        page: PageId,
        /// Whose.
        who: Who,
    },
    /// A page is gone.
    Close {
        /// Which.
        page: PageId,
        /// Whose.
        who: Who,
    },
    /// Accept or decline.
    Click {
        /// Who clicked.
        who: Who,
        /// Which.
        offer: OfferId,
        /// Or decline.
        accept: bool,
    },
    /// A worker chooses a state.
    Choose {
        /// Who.
        who: Who,
        /// Id or word.
        state: Box<str>,
        /// Outcome.
        reply: Sender<Result<Box<ShownRow>, StateFault>>,
    },
    /// What can be chosen.
    Menu {
        /// Outcome.
        reply: Sender<Menu>,
    },
    /// A piece of the supervisor's board.
    Board {
        /// Position to begin at.
        from: u32,
        /// Outcome.
        reply: Sender<BoardPiece>,
    },
    /// A router asks.
    Preview {
        /// Its number.
        id: RequestId,
        /// What.
        wanted: Box<Wanted>,
    },
    /// A router cancels.
    Cancel {
        /// Its number.
        id: RequestId,
        /// The call.
        conn: Box<str>,
        /// For the worker.
        text: Box<str>,
    },
    /// Who waited for an answer is gone.
    Gone {
        /// Its number.
        id: RequestId,
    },
    /// A worker has another external number, or none any more.
    Redirect {
        /// Whose.
        who: Who,
        /// Where calls shall go now.
        redirect: Redirect,
    },
    /// What is known of a call.
    Look {
        /// The call.
        conn: Box<str>,
        /// Outcome.
        reply: Sender<Option<Looked>>,
    },
}

/// What a router wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How workers are chosen.
    pub(crate) select: Select,
    /// Whom.
    pub(crate) targets: String,
    /// Where the call would come.
    pub(crate) dn: String,
    /// Its switch.
    pub(crate) switch: String,
    /// The call.
    pub(crate) conn: String,
    /// Media type.
    pub(crate) media: String,
    /// For the worker to see.
    pub(crate) data: Vec<(String, String)>,
    /// Time to think.
    pub(crate) timeout_ms: Option<u64>,
    /// Idempotency key.
    pub(crate) key: Option<String>,
}

/// An answer for a router, with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status word.
    pub(crate) status: PreviewStatus,
    /// For people.
    pub(crate) text: Box<str>,
    /// Employee id of who accepted.
    pub(crate) who: Option<Who>,
    /// Login code.
    pub(crate) agent: Box<str>,
    /// DN.
    pub(crate) dn: Box<str>,
    /// Switch.
    pub(crate) switch: Box<str>,
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// These workers are being asked.
    Open(Vec<Box<str>>),
    /// It was answered.
    Answered(Answer),
}

/// What can be chosen.
#[derive(Clone, Debug)]
pub(crate) struct Menu {
    /// Deployment mode.
    pub(crate) mode: Mode,
    /// Logging out by hand is allowed.
    pub(crate) logout: bool,
    /// States.
    pub(crate) catalogue: Arc<Catalogue>,
}

/// A piece of the board.
#[derive(Clone, Debug)]
pub(crate) struct BoardPiece {
    /// Workers.
    pub(crate) rows: Vec<BoardRow>,
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<u32>,
}

/// A worker on the board.
#[derive(Clone, Debug)]
pub(crate) struct BoardRow {
    /// Employee id.
    pub(crate) who: Box<str>,
    /// For people.
    pub(crate) name: Box<str>,
    /// Id of the state over all DNs.
    pub(crate) shown: Box<str>,
    /// Open pages.
    pub(crate) pages: usize,
    /// Open offers.
    pub(crate) offers: Vec<Offer>,
}

/// From the deciding thread to the web thread.
#[derive(Debug)]
pub(crate) enum Told {
    /// The whole picture for a page.
    Opened {
        /// Which page.
        page: PageId,
        /// The worker.
        state: Box<StateView>,
        /// What is open.
        offers: Vec<Offer>,
    },
    /// The worker is no more (or never was): pages and logins end.
    Removed {
        /// Who.
        who: Who,
    },
    /// A worker's state is another.
    State {
        /// Who.
        who: Who,
        /// What.
        state: Box<StateView>,
    },
    /// A new offer.
    Offered {
        /// Whom.
        who: Who,
        /// What.
        offer: Box<Offer>,
    },
    /// An offer is over.
    Ended {
        /// Whose.
        who: Who,
        /// Which.
        offer: OfferId,
        /// How.
        outcome: Outcome,
    },
    /// A click on an offer that is over.
    TooLate {
        /// Whose.
        who: Who,
        /// Which.
        offer: OfferId,
    },
    /// A link was sent to a worker that lets them in once.
    Ticket {
        /// Whom.
        who: Who,
        /// With this.
        token: Box<str>,
        /// Until then, milliseconds of the wall clock.
        ends: u64,
    },
    /// An answer for a router.
    Answer {
        /// To which request.
        id: RequestId,
        /// What.
        answer: Box<Answer>,
    },
    /// The configuration was read again.
    Configured(Box<Settings>),
    /// The connector stops: no new requests, no new pages.
    Stopping,
}

/// What a page shows of its worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateView {
    /// Id of the state that stands by hand, or a word.
    pub(crate) choice: Option<Box<str>>,
    /// Id of the state over all DNs.
    pub(crate) shown: Box<str>,
    /// Class of presence.
    pub(crate) class: &'static str,
    /// Its note.
    pub(crate) note: Box<str>,
    /// Channels.
    pub(crate) dns: Vec<DnState>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnState {
    /// Number.
    pub(crate) number: Box<str>,
    /// Switch.
    pub(crate) switch: Box<str>,
    /// Id of the state shown.
    pub(crate) shown: Box<str>,
    /// `in-flight`, `held`, `unregistered`, `stranger`, `seat`.
    pub(crate) flags: Vec<&'static str>,
}

/// An offer with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Which.
    pub(crate) offer: OfferId,
    /// Where the call would come.
    pub(crate) dn: Box<str>,
    /// The call.
    pub(crate) conn: Arc<str>,
    /// Media type.
    pub(crate) media: Arc<str>,
    /// User data.
    pub(crate) data: Arc<[(Box<str>, Box<str>)]>,
    /// Milliseconds of the wall clock.
    pub(crate) offered: u64,
    /// See there.
    pub(crate) ends: u64,
    /// Several workers are asked at once.
    pub(crate) broadcast: bool,
}
