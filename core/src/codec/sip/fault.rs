//! What is wrong with bytes that should be SIP, in words an operator can act on. The texts quote at most [`EXCERPT_BYTES_MAX`] bytes of the peer, with
//! control characters made visible, so that a fault can be logged as it is.
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Longest piece of a peer's text that a fault quotes, bytes.
const EXCERPT_BYTES_MAX: usize = 64;

/// What is wrong with bytes that should be SIP. `Display` is one sentence an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SipFault {
    /// The first line is neither a request line nor a status line of SIP: another protocol, or the framing was lost before.
    NotSip {
        /// Its beginning.
        line: Box<str>,
    },
    /// The first line exceeds [`crate::config::Limits::sip_start_line_bytes_max`].
    StartLineTooLong {
        /// The limit, bytes.
        max: u32,
    },
    /// The headers exceed [`crate::config::Limits::sip_head_bytes_max`].
    HeadTooLong {
        /// The limit, bytes.
        max: u32,
    },
    /// `Content-Length` is no decimal number (RFC 3261 §20.14).
    ContentLength {
        /// Its value.
        value: Box<str>,
    },
    /// Two `Content-Length` headers that differ.
    ContentLengthConflict {
        /// The first, bytes.
        first: u64,
        /// The other, bytes.
        second: u64,
    },
    /// `Content-Length` exceeds [`crate::config::Limits::sip_body_bytes_max`].
    BodyTooLong {
        /// What was announced, bytes.
        declared: u64,
        /// The limit, bytes.
        max: u32,
    },
    /// The bytes of one message disagree with its `Content-Length`.
    BodyLength {
        /// What was announced, bytes.
        declared: u64,
        /// What is there, bytes.
        got: u64,
    },
    /// The message ends before the empty line that closes its headers.
    HeadOpen,
    /// A start line of SIP, but not one RFC 3261 §7.1, §7.2 allows.
    StartLine {
        /// Its beginning.
        line: Box<str>,
    },
    /// Another version than SIP/2.0.
    Version {
        /// The version as written.
        version: Box<str>,
    },
    /// A status code outside 100-699.
    StatusCode {
        /// The code as written.
        code: Box<str>,
    },
    /// A line among the headers that is none: no colon, no name, or a continuation of nothing.
    HeaderLine {
        /// Its beginning.
        line: Box<str>,
    },
    /// One header exceeds [`crate::config::Limits::sip_header_bytes_max`].
    HeaderTooLong {
        /// Its name.
        name: Box<str>,
        /// Its length, bytes.
        len: u64,
        /// The limit, bytes.
        max: u32,
    },
    /// More headers than [`crate::config::Limits::sip_headers_max`].
    TooManyHeaders {
        /// The limit.
        max: u32,
    },
    /// A control character in the start line or a header.
    ControlCharacter {
        /// The line or header it is in.
        line: Box<str>,
        /// The character.
        byte: u8,
    },
    /// A header that must be there is not (RFC 3261 §8.1.1, RFC 6665 §8.2.1).
    HeaderMissing {
        /// Which.
        name: &'static str,
    },
    /// A header that may be there once is there twice (`spec/ms-pres.md` 8, row 40).
    HeaderTwice {
        /// Which.
        name: &'static str,
    },
    /// The value of a header cannot be read.
    HeaderValue {
        /// Which.
        name: &'static str,
        /// Its beginning.
        value: Box<str>,
    },
    /// No answer may be sent to this message.
    NoAnswer {
        /// What it is: a response, BENOTIFY or ACK.
        kind: &'static str,
    },
    /// A message that may not be answered is not usable and is dropped.
    Dropped {
        /// What it is: a response, BENOTIFY or ACK.
        kind: &'static str,
        /// Why.
        fault: Box<Self>,
    },
}

impl SipFault {
    /// Framing is lost: the connection must be closed.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::NotSip { .. }
                | Self::StartLineTooLong { .. }
                | Self::HeadTooLong { .. }
                | Self::ContentLength { .. }
                | Self::ContentLengthConflict { .. }
                | Self::BodyTooLong { .. }
        )
    }

    /// The status a request with this fault is answered with, if it can be answered: the answer must repeat Via, From, To, Call-ID and CSeq, so a request
    /// without one of them gets none.
    #[must_use]
    pub fn answer_status(&self) -> Option<u16> {
        match self {
            Self::StartLine { .. }
            | Self::HeaderLine { .. }
            | Self::HeaderTooLong { .. }
            | Self::TooManyHeaders { .. }
            | Self::ControlCharacter { .. }
            | Self::HeaderTwice { .. }
            | Self::BodyLength { .. } => Some(400),
            Self::Version { .. } => Some(505),
            Self::HeaderValue { name, .. } => Some(if *name == "Event" { 489 } else { 400 }),
            Self::HeaderMissing { name } => (*name == "Event").then_some(489),
            _ => None,
        }
    }

    /// The same fault, marked as one of a message that must not be answered if `kind` says so.
    pub(super) fn of(self, kind: Option<&'static str>) -> Self {
        match kind {
            Some(kind) if !self.is_fatal() => Self::Dropped { kind, fault: Box::new(self) },
            _ => self,
        }
    }
}

impl fmt::Display for SipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSip { line } => write!(f, "not SIP: the message begins with \"{line}\""),
            Self::StartLineTooLong { max } => write!(f, "the start line is longer than the limit of {max} bytes"),
            Self::HeadTooLong { max } => write!(f, "the headers are longer than the limit of {max} bytes"),
            Self::ContentLength { value } => write!(f, "header Content-Length is \"{value}\", which is no number of bytes"),
            Self::ContentLengthConflict { first, second } => write!(f, "header Content-Length is there twice, with {first} and with {second}"),
            Self::BodyTooLong { declared, max } => write!(f, "header Content-Length announces {declared} bytes, the limit is {max}"),
            Self::BodyLength { declared, got } => write!(f, "header Content-Length announces {declared} bytes, the message has {got}"),
            Self::HeadOpen => f.write_str("the message ends before the empty line after its headers"),
            Self::StartLine { line } => write!(f, "the start line \"{line}\" is not one of SIP"),
            Self::Version { version } => write!(f, "the version is \"{version}\", only SIP/2.0 is spoken"),
            Self::StatusCode { code } => write!(f, "the status code is \"{code}\", it must be 100 to 699"),
            Self::HeaderLine { line } => write!(f, "the line \"{line}\" is no header"),
            Self::HeaderTooLong { name, len, max } => write!(f, "header {name} has {len} bytes, the limit is {max}"),
            Self::TooManyHeaders { max } => write!(f, "the message has more headers than the limit of {max}"),
            Self::ControlCharacter { line, byte } => write!(f, "control character 0x{byte:02x} in \"{line}\""),
            Self::HeaderMissing { name } => write!(f, "header {name} is missing"),
            Self::HeaderTwice { name } => write!(f, "header {name} is there twice"),
            Self::HeaderValue { name, value } => write!(f, "header {name} has the value \"{value}\", which cannot be read"),
            Self::NoAnswer { kind } => write!(f, "a {kind} must not be answered"),
            Self::Dropped { kind, fault } => write!(f, "a {kind} was dropped: {fault}"),
        }
    }
}

impl core::error::Error for SipFault {}

/// The beginning of a peer's text, printable: cut at [`EXCERPT_BYTES_MAX`], everything but printable ASCII escaped.
pub(super) fn excerpt(bytes: &[u8]) -> Box<str> {
    let mut text = String::new();
    for byte in bytes.iter().take(EXCERPT_BYTES_MAX) {
        text.extend(byte.escape_ascii().map(char::from));
    }
    if bytes.len() > EXCERPT_BYTES_MAX {
        text.push_str("...");
    }
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn texts_name_value_and_limit() {
        let fault = SipFault::HeaderTooLong { name: "Contact".into(), len: 9000, max: 8192 };
        assert_eq!(fault.to_string(), "header Contact has 9000 bytes, the limit is 8192");
        assert_eq!(SipFault::NotSip { line: excerpt(b"\x16\x03\x01") }.to_string(), "not SIP: the message begins with \"\\x16\\x03\\x01\"");
    }

    #[test]
    fn a_dropped_response_is_never_answered_and_a_lost_framing_stays_fatal() {
        let missing = SipFault::HeaderMissing { name: "Event" };
        assert_eq!(missing.answer_status(), Some(489));
        assert_eq!(missing.of(Some("BENOTIFY")).answer_status(), None);
        assert!(SipFault::StartLineTooLong { max: 1 }.of(Some("response")).is_fatal());
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(&*excerpt(b"a\r\nb\xff"), "a\\r\\nb\\xff");
        assert!(excerpt(&[b'x'; 1000]).len() <= EXCERPT_BYTES_MAX + 3);
    }
}
