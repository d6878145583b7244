//! What the SIP side can tell the core, and what the core can ask it to send: decoded, borrowed from the driver's read buffer, free of rsip and XML types.
mod documents;
mod publication;
mod request;

pub use documents::{
    Body, Calendar, Call, CallState, CategoryDoc, DialogInfo, Found, ListDoc, NoteValue, PublishTime, RegistrationEvent, Resource, ResourceState, StateExtra,
    StateValue,
};
pub use publication::{
    FaultDoc, FaultOperation, Lifetime, NoteText, OwnCategory, OwnValue, Publication, PublicationKey, PublicationValue, RoamingSelf, UserActivity, UserState,
};
pub use request::{Authorization, Challenge, ContextInvitation, DigestAlgorithm, Method, SipBody, SipRequest, Transport};

use crate::codec::sip::SipFault;
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
    /// URI of Contact, for the notification that makes a dialog.
    pub contact: Option<&'a str>,
    /// URIs of Record-Route, in their order.
    pub record_routes: Vec<&'a str>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubState {
    /// `active`
    #[default]
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
    /// Anything unknown.
    Other,
    /// `invariant`: the state never changes; nothing is to be subscribed again.
    Invariant,
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
    /// Tag of From: the peer's.
    pub from_tag: &'a str,
    /// Tag of To: ours. Empty outside a dialog.
    pub to_tag: &'a str,
    /// `Content-Type`, with parameters; empty when missing.
    pub content_type: &'a str,
    /// A token of Require that we do not support.
    pub require_unsupported: Option<&'a str>,
}

/// A response to one of our requests. The default one has no header.
#[derive(Clone, Debug, Default)]
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
    /// `Supported` contains `ms-text-format`: the first text of an INVITE was shown.
    pub text_format: bool,
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
