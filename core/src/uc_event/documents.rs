//! Bodies of messages as the core sees them: categories, lists, calls, registration events.
use super::{FaultDoc, RoamingSelf, TerminationReason};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A decoded body.
#[derive(Clone, Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "a categories document is the common case and must not allocate")]
pub enum Body<'a> {
    /// No body.
    #[default]
    None,
    /// One user's `categories` document: the hot shape. A PIDF document comes as one, too (`spec/ms-pres.md` 10).
    Categories(CategoryDoc<'a>),
    /// RLMI, bare or multipart with documents.
    List(Box<ListDoc<'a>>),
    /// One user's calls (RFC 4235).
    Calls(Box<DialogInfo<'a>>),
    /// `text/registration-event` (`spec/ms-pres.md` 3.5).
    Registration(RegistrationEvent),
    /// A worker's own publications (`spec/ms-pres.md` 6.5).
    RoamingSelf(Box<RoamingSelf<'a>>),
    /// Why a publication was refused (`spec/ms-pres.md` 6.4).
    Refusal(Box<FaultDoc<'a>>),
    /// A media type this version does not read; the text is the type.
    Unsupported(&'a str),
    /// The body does not parse: answer 400 (NOTIFY), keep what we know.
    Fault(Box<crate::codec::xml::XmlFault>),
}

/// One user's `categories` document (`spec/ms-pres.md` 5). Each field is *absent* when the category was not in the document (unchanged), *empty* when it was there
/// without content (cleared), or the newest instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryDoc<'a> {
    /// `categories@uri`: the watched user. SIP headers never name them.
    pub uri: Cow<'a, str>,
    /// Category `state`, the `aggregateState` watchers see (`decisions.md` 3).
    pub state: Found<StateValue<'a>>,
    /// Category `note`.
    pub note: Found<NoteValue<'a>>,
    /// Category `calendarData`.
    pub calendar: Found<Calendar>,
    /// Names of further categories, ignored here.
    pub others: u16,
}

/// A category in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Found<T> {
    /// Not in the document: unchanged.
    #[default]
    Absent,
    /// In the document, without content.
    Empty,
    /// The newest instance.
    Value(T),
}

/// Time stamp of a publication: milliseconds since 1970 as the server wrote it, 0 when missing or unreadable (= oldest). Compared with our clock only through what is learned of
/// the difference (`presence/lag.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct PublishTime(pub u64);

/// `state` of type `aggregateState`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateValue<'a> {
    /// `availability`; absent when the element is missing or no number.
    pub availability: Option<u32>,
    /// `activity@token` of the first activity whose range contains the availability.
    pub token: Option<Cow<'a, str>>,
    /// `custom` text of that activity, LCID 1033 first.
    pub custom: Option<Cow<'a, str>>,
    /// `category@publishTime`.
    pub publish_time: PublishTime,
    /// `category@instance`.
    pub instance: Option<u32>,
    /// `device`. Here and not among the rare parts: nearly every state has it, and the hot shape is decoded without allocation.
    pub device: Option<Cow<'a, str>>,
    /// What only views and decoders show.
    pub extra: Option<Box<StateExtra<'a>>>,
}

/// Rare parts of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateExtra<'a> {
    /// `xsi:type` without prefix when it is not `aggregateState`; empty when the state has no type.
    pub kind: Option<Cow<'a, str>>,
    /// `state@manual`.
    pub manual: Option<bool>,
    /// `state@lastActive`.
    pub last_active: Option<Cow<'a, str>>,
    /// `state@startTime`.
    pub start_time: Option<Cow<'a, str>>,
    /// `endpointLocation`
    pub location: Option<Cow<'a, str>>,
    /// `meetingSubject`
    pub meeting_subject: Option<Cow<'a, str>>,
    /// `meetingLocation`
    pub meeting_location: Option<Cow<'a, str>>,
    /// `timeZoneName`
    pub time_zone: Option<Cow<'a, str>>,
}

/// `calendarData` (`spec/ms-pres.md` 5.8). Without `freeBusy` (working hours, or withheld) the slots are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// `freeBusy@startTime`, milliseconds since 1970.
    pub start_ms: u64,
    /// `freeBusy@granularity`, minutes.
    pub slot_min: u16,
    /// Two bits a slot, decoded.
    pub slots: Box<[u8]>,
}

/// A note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteValue<'a> {
    /// Text, white space kept.
    pub text: Cow<'a, str>,
    /// `body@type`: `personal`, `OOF`, …
    pub kind: Cow<'a, str>,
    /// `category@publishTime`.
    pub publish_time: PublishTime,
}

/// RLMI list with the documents of its parts (RFC 4662; `spec/ms-pres.md` 4.4).
#[derive(Clone, Debug, Default)]
pub struct ListDoc<'a> {
    /// `list@uri`
    pub uri: Cow<'a, str>,
    /// `list@version`
    pub version: u32,
    /// `list@fullState`
    pub full_state: bool,
    /// In document order.
    pub resources: Vec<Resource<'a>>,
    /// Every readable `categories` or PIDF part, in order. The document's `uri` counts, not the `cid`.
    pub docs: Vec<CategoryDoc<'a>>,
    /// Parts that could not be read: content id and what was wrong. The others stand.
    pub faults: Vec<(Cow<'a, str>, crate::codec::xml::XmlFault)>,
}

/// One `resource` of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// `resource@uri`
    pub uri: Cow<'a, str>,
    /// State of its (newest) instance.
    pub state: ResourceState<'a>,
}

/// `instance@state` (`spec/ms-pres.md` 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceState<'a> {
    /// The subscription stands.
    Active,
    /// Subscribe elsewhere: `poolFqdn` given = batched at that pool, else a single subscription to the user.
    Resubscribe {
        /** `poolFqdn` */
        pool: Option<Cow<'a, str>>,
    },
    /// The subscription of this resource ended.
    Terminated(TerminationReason),
    /// Not authorised yet, listed without an instance, or an unknown state: wait.
    Pending,
}

/// `dialog-info` (RFC 4235; `spec/ms-pres.md` 9.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogInfo<'a> {
    /// Whose calls.
    pub entity: Cow<'a, str>,
    /// Rises by one with every document of a subscription; absent when missing or no number.
    pub version: Option<u32>,
    /// All calls, else only those that changed.
    pub full: bool,
    /// In document order; bounded by `limits.list_resources_max`.
    pub calls: Vec<Call<'a>>,
}

/// One `dialog` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// `dialog@id`
    pub id: Cow<'a, str>,
    /// `state`
    pub state: CallState,
}

/// How far a call has come (RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallState {
    /// Asked for. Unknown words count as this.
    Trying,
    /// A provisional answer without a tag came.
    Proceeding,
    /// Ringing.
    Early,
    /// Answered.
    Confirmed,
    /// Over.
    Terminated,
}

/// `text/registration-event` (MS-SIPREGE; `spec/ms-pres.md` 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationEvent {
    /// `deregistered;event=unregistered`
    Unregistered,
    /// `deregistered;event=rejected`
    Rejected,
    /// `deregistered;event=deactivated`
    Deactivated,
    /// `deregistered;event=preferred-registrar-change`
    PreferredRegistrarChange,
    /// `registered;event=userservices-unavailable`
    UserServicesUnavailable,
    /// `registered;event=userservices-available`
    UserServicesAvailable,
    /// Something else.
    Other,
}
