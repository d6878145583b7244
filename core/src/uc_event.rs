//! What the SIP side can tell the core, and what the core can ask it to send: decoded, borrowed from the driver's read buffer, free of rsip and XML types.
mod publication;

pub use publication::{
    FaultDoc, FaultOperation, Lifetime, NoteText, OwnCategory, OwnValue, Publication, PublicationKey, PublicationValue, RoamingSelf, UserActivity, UserState,
};

use crate::codec::sip::SipFault;
use crate::id::{UserId, WatcherId};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// Something arrived on, or happened to, a SIP connection.
#[derive(Clone, Debug)]
pub enum UcEvent<'a> {
    /// Answer to [`crate::Action::ResolveUc`]; empty when the name has no address.
    Resolved {
        /** index in `config.uc.endpoints` */
        endpoint: u16,
        /** all addresses, in the resolver's order */
        addrs: &'a [SocketAddr],
    },
    /// The connection stands (TLS handshake and name check done).
    Connected {
        /** our own address, for Via and Contact */
        local: SocketAddr,
    },
    /// The connection could not be made, or is gone.
    Closed {
        /** why */
        why: CloseCause,
    },
    /// NOTIFY or BENOTIFY of any event package. Answer NOTIFY, never BENOTIFY.
    Notify(&'a Notify<'a>),
    /// Any other request.
    Request(&'a OtherRequest<'a>),
    /// A response.
    Response(&'a Response<'a>),
    /// CR/LF between messages: the peer is alive.
    KeepAlive,
    /// A link of datagrams: the TCP connection for large requests could not be made, or is gone (RFC 3261 §18.1.1). What went there without an answer must go
    /// another way.
    StreamLost,
    /// Bytes that are not what the standard allows. [`SipFault::is_fatal`]: framing is lost, close. Otherwise the message was skipped; the connection goes on,
    /// and if [`SipFault::answer_status`] is given the request at hand can be answered with it.
    Malformed(&'a SipFault),
}

/// Why a connection ended, in words an operator can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseCause {
    /// The peer closed in good order.
    PeerClosed,
    /// Connection reset or broken pipe.
    Reset,
    /// Nobody listens there.
    Refused,
    /// No answer, or unacknowledged data (TCP user time-out).
    TimedOut,
    /// No route, or the interface is down.
    Unreachable,
    /// TLS: the peer's certificate is not trusted, has the wrong name or is out of date.
    CertificateRejected,
    /// TLS: the peer does not accept our certificate, version or ciphers.
    HandshakeFailed,
    /// We could not hold what the peer sends (limits), or our own resources are exhausted.
    Local,
}

/// NOTIFY / BENOTIFY, decoded (RFC 6665 §4.1.3; `spec/ms-pres.md` 4.4, 4.5).
#[derive(Clone, Debug)]
pub struct Notify<'a> {
    /// BENOTIFY: never answered.
    pub best_effort: bool,
    /// Call-ID.
    pub call_id: &'a str,
    /// Tag of From: the notifier's.
    pub from_tag: &'a str,
    /// Tag of To: ours. Empty when missing.
    pub to_tag: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// Event package, without parameters.
    pub event: &'a str,
    /// Subscription-State.
    pub state: SubState,
    /// `expires` of Subscription-State, seconds.
    pub expires_s: Option<u32>,
    /// `retry-after` of Subscription-State, seconds.
    pub retry_after_s: Option<u32>,
    /// `reason` of Subscription-State.
    pub reason: TerminationReason,
    /// A token of Require that we do not support: answer 420. (`eventlist` is supported.)
    pub require_unsupported: Option<&'a str>,
    /// The decoded body.
    pub body: Body<'a>,
}

/// `Subscription-State` (RFC 6665 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubState {
    /// `active`
    Active,
    /// `pending`
    Pending,
    /// `terminated`
    Terminated,
    /// An extension token; treated as pending.
    Other,
    /// No such header (seen on 200 answers and registration events).
    Absent,
}

/// Why a subscription, or one resource of a list, ended (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TerminationReason {
    /// No reason given.
    #[default]
    None,
    /// `deactivated`: subscribe again at once.
    Deactivated,
    /// `probation`: subscribe again after `retry-after`.
    Probation,
    /// `rejected`: not allowed.
    Rejected,
    /// `timeout`: subscribe again.
    Timeout,
    /// `giveup`: may be tried again later.
    Giveup,
    /// `noresource`: no such user.
    NoResource,
    /// `invariant` (RFC 6665) or anything unknown.
    Other,
}

/// A decoded body.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a categories document is the common case and must not allocate")]
pub enum Body<'a> {
    /// No body.
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

/// Time stamp of a publication: milliseconds since 1970 as the server wrote it, 0 when missing or unreadable (= oldest). Never compared with our clock.
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

/// A request that is no notification.
#[derive(Clone, Debug)]
pub struct OtherRequest<'a> {
    /// Method as written.
    pub method: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// Whether the To header has a tag (in-dialog).
    pub in_dialog: bool,
    /// A token of Require that we do not support.
    pub require_unsupported: Option<&'a str>,
}

/// A response to one of our requests.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// Status code, 100..=699.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'a str,
    /// `branch` of the top Via: names our transaction (RFC 3261 §17.1.3).
    pub branch: &'a str,
    /// Method of CSeq, as written.
    pub method: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// Call-ID.
    pub call_id: &'a str,
    /// Tag of From: ours.
    pub from_tag: &'a str,
    /// Tag of To: the peer's.
    pub to_tag: &'a str,
    /// `Expires`, seconds; for REGISTER the `expires` of our own Contact is preferred by the decoder if there is one.
    pub expires_s: Option<u32>,
    /// `Min-Expires`, seconds (423).
    pub min_expires_s: Option<u32>,
    /// `Retry-After`, seconds, comment and parameters ignored.
    pub retry_after_s: Option<u32>,
    /// Subscription-State, present on piggyback answers.
    pub state: SubState,
    /// `expires` of Subscription-State, seconds.
    pub state_expires_s: Option<u32>,
    /// `ms-piggyback-cseq`: the body counts as this NOTIFY.
    pub piggyback_cseq: Option<u32>,
    /// `ms-keep-alive: UAS; …; timeout=`, seconds.
    pub keep_alive_s: Option<u32>,
    /// `Supported` contains `ms-benotify`.
    pub benotify: bool,
    /// URIs of Contact, highest q first (301 targets; remote target of a dialog). At most eight.
    pub contacts: Vec<&'a str>,
    /// `gruu="…"` of the Contact whose `+sip.instance` equals ours (the decoder returns all pairs: instance, gruu).
    pub gruus: Vec<(&'a str, &'a str)>,
    /// Record-Route values in message order, byte-exact, without angle brackets.
    pub record_routes: Vec<&'a str>,
    /// Digest challenges we can answer (401, 407), in order. At most eight.
    pub challenges: Vec<Challenge<'a>>,
    /// `SIP-ETag` (RFC 3903).
    pub etag: Option<&'a str>,
    /// `ms-diagnostics`: whole value, for the log.
    pub diagnostics: Option<&'a str>,
    /// The decoded body.
    pub body: Body<'a>,
}

/// A request of ours, complete but for what only the encoder needs to know (Max-Forwards, Content-Type, Content-Length). Strings are header values or URIs, ready
/// to print.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SipRequest {
    /// Method.
    pub method: Method,
    /// Request-URI.
    pub uri: Box<str>,
    /// Our address on this connection, for Via.
    pub local: SocketAddr,
    /// For Via, and for the driver: a request that says TCP on a link of datagrams is too large for one (RFC 3261 §18.1.1).
    pub transport: Transport,
    /// `branch` of Via, with the RFC 3261 cookie.
    pub branch: Box<str>,
    /// URI of From.
    pub from: Box<str>,
    /// Our tag.
    pub from_tag: Box<str>,
    /// `epid` of From (outside the angle brackets), if any.
    pub epid: Option<Box<str>>,
    /// URI of To.
    pub to: Box<str>,
    /// The peer's tag inside a dialog.
    pub to_tag: Option<Box<str>>,
    /// Call-ID.
    pub call_id: Box<str>,
    /// CSeq number.
    pub cseq: u32,
    /// Route set, byte-exact, without angle brackets.
    pub routes: Box<[Box<str>]>,
    /// Whole Contact value.
    pub contact: Option<Box<str>>,
    /// Further headers in order.
    #[serde(with = "header_names")]
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Answers to challenges; printed by whoever knows the passwords.
    pub auth: Vec<Authorization>,
    /// Body.
    pub body: SipBody,
}

/// Headers of requests that are kept for repetition, in a checkpoint. Names are static texts, so they are found again in a list.
mod header_names {
    use super::{Cow, Vec};
    use alloc::string::String;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    /// Whatever a request to a standard server has; others are never kept.
    const KEPT: [&str; 6] = ["User-Agent", "Event", "Accept", "Supported", "Expires", "SIP-If-Match"];

    pub(super) fn serialize<S: Serializer>(headers: &[(&'static str, Cow<'static, str>)], to: S) -> Result<S::Ok, S::Error> {
        headers.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(&'static str, Cow<'static, str>)>, D::Error> {
        let headers: Vec<(String, String)> = Vec::deserialize(from)?;
        let known = |(name, value): (String, String)| {
            let name = KEPT.into_iter().find(|kept| *kept == name).ok_or_else(|| D::Error::custom("a header of a kept request is unknown"))?;
            Ok((name, Cow::Owned(value)))
        };
        headers.into_iter().map(known).collect()
    }
}

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
}

impl Transport {
    /// As in Via (RFC 3261 §20.42).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// As in URIs (RFC 3261 §19.1.1).
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Hash functions of digest authentication (RFC 7616, 8760).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DigestAlgorithm {
    /// The default.
    Md5,
    /// SHA-256
    Sha256,
    /// SHA-512/256
    Sha512_256,
}

impl DigestAlgorithm {
    /// Value of `algorithm`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }
}

/// A digest challenge that this version can answer (RFC 7616 §3.3). Texts are as written between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// `Proxy-Authenticate`, else `WWW-Authenticate`.
    pub proxy: bool,
    /// `realm`
    pub realm: &'a str,
    /// `nonce`
    pub nonce: &'a str,
    /// `opaque`
    pub opaque: Option<&'a str>,
    /// `algorithm`
    pub algorithm: DigestAlgorithm,
    /// `algorithm` ends in `-sess`.
    pub session: bool,
    /// `qop` offers `auth`; absent in servers of the first generation (RFC 2069).
    pub qop: bool,
    /// Only the nonce is out of date, the password was right.
    pub stale: bool,
}

/// The answer to a challenge, but for the password.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Authorization {
    /// `Proxy-Authorization`, else `Authorization`.
    pub proxy: bool,
    /// `username`
    pub user: Box<str>,
    /// `env:NAME` or `file:PATH` of the password.
    pub password_ref: Box<str>,
    /// `realm`, as written by the server.
    pub realm: Box<str>,
    /// `nonce`, as written by the server.
    pub nonce: Box<str>,
    /// `opaque`, as written by the server.
    pub opaque: Option<Box<str>>,
    /// `algorithm`
    pub algorithm: DigestAlgorithm,
    /// With `-sess`.
    pub session: bool,
    /// `qop=auth`
    pub qop: bool,
    /// `cnonce`
    pub cnonce: Box<str>,
    /// `nc`: uses of this nonce, this one included.
    pub nc: u32,
}

/// Methods we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Method {
    /// REGISTER
    Register,
    /// SUBSCRIBE
    Subscribe,
    /// OPTIONS
    Options,
    /// SERVICE (MS-SIP)
    Service,
    /// PUBLISH (RFC 3903)
    Publish,
}

impl Method {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Options => "OPTIONS",
            Self::Service => "SERVICE",
            Self::Publish => "PUBLISH",
        }
    }
}

/// Body of a request of ours; the encoder prints it, looking up URIs in the directory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SipBody {
    /// None; `Content-Length: 0`.
    None,
    /// `application/msrtc-adrl-categorylist+xml` (`spec/ms-pres.md` 4.2).
    Batch {
        /// `batchSub@uri`: this watcher's URI.
        watcher: WatcherId,
        /// `action@name` is `unsubscribe`.
        unsubscribe: bool,
        /// `adhocList`.
        users: Box<[UserId]>,
    },
    /// `application/pidf+xml` with a row of `config.publish.states` (RFC 3903).
    Pidf {
        /// Whose.
        user: UserId,
        /// Which row.
        row: crate::config::StateRow,
    },
    /// `unsubscribe` of users that are no longer in the directory.
    Leave {
        /** `batchSub@uri`: this watcher's URI */
        watcher: WatcherId,
        /** `adhocList` */
        uris: Box<[Box<str>]>,
    },
    /// `application/msrtc-category-publish+xml` for the user of To (`spec/ms-pres.md` 6.1).
    Publish(Box<[Publication]>),
    /// `application/vnd-microsoft-roaming-self+xml`: categories and containers (`spec/ms-pres.md` 6.5).
    RoamingList,
}
