//! What the core asks the SIP side to send, and the digest challenges it answers.
use super::Publication;
use crate::id::{UserId, WatcherId};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

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
    /// INVITE
    Invite,
    /// ACK
    Ack,
    /// CANCEL
    Cancel,
    /// BYE
    Bye,
    /// MESSAGE (RFC 3428)
    Message,
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
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Cancel => "CANCEL",
            Self::Bye => "BYE",
            Self::Message => "MESSAGE",
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
    /// `application/sdp` that offers a session of instant messages, and the header `ms-text-format` with its first text (`spec/ms-pres.md` 7.1).
    Session {
        /// The first text.
        text: Box<str>,
    },
    /// `text/plain` (`spec/ms-pres.md` 7.2).
    Text(Box<str>),
    /// `application/ms-session-invite+xml` (`spec/ms-pres.md` 7.6).
    Context(Box<ContextInvitation>),
}

/// What opens the conversation extension window of a worker's client (`spec/ms-pres.md` 7.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ContextInvitation {
    /// `application-id`: a GUID in braces.
    pub application: Box<str>,
    /// `name`, at most 50 characters.
    pub name: Box<str>,
    /// `data`, before base64.
    pub data: Box<str>,
    /// `simpleLink`: for clients where the application is not registered.
    pub link: Box<str>,
    /// `customToast`, at most 80 characters.
    pub toast: Box<str>,
}
