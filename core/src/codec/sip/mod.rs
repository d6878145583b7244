//! SIP on a stream or in datagrams (RFC 3261 §7, §18, §25; `spec/ms-pres.md` 1.4, 1.5): framing, lexing, decoding, printing.
//!
//! Bytes go through [`Framer`] (messages), [`decode`] (types of the core), and back through [`encode_answer`] and [`encode_request`]. The NOTIFY that comes for every
//! presence change takes a shortcut (`hot`); everything else takes the general path, and both give the same. Our own lexer reads everything, since no general
//! SIP parser knows BENOTIFY and SERVICE or leaves Microsoft's URI parameters unharmed; rsip judges the lexer in tests.
mod answer;
mod datagram;
mod digest;
mod fault;
mod framer;
mod fuzz;
mod head;
mod hot;
mod lines;
mod message;
mod request;
mod uri;
mod values;

pub use answer::encode_answer;
pub use datagram::{Datagram, datagram};
pub use fault::SipFault;
pub use framer::{Framer, Span, Step};
pub use fuzz::fuzz;
pub use head::{Head, Header, Headers, Name, StartLine};
pub use request::{encode_request, encode_request_with};

use crate::config::Limits;
use crate::uc_event::{Notify, OtherRequest, Response};
use alloc::boxed::Box;

/// A decoded message.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "NOTIFY is the common case and must not allocate")]
pub enum Decoded<'a> {
    /// NOTIFY or BENOTIFY.
    Notify(Notify<'a>),
    /// Any other request.
    Request(OtherRequest<'a>),
    /// A response. Boxed: rare.
    Response(Box<Response<'a>>),
}

/// Decodes one framed message (start line to end of body).
///
/// # Errors
/// A [`SipFault`] that is not fatal: framing already succeeded.
pub fn decode<'a>(frame: &'a [u8], limits: &Limits) -> Result<Decoded<'a>, SipFault> {
    match hot::notify(frame, limits) {
        Some(notify) => Ok(Decoded::Notify(notify)),
        None => message::decode(frame, limits),
    }
}

/// What this message is, if it may never be answered.
fn unanswerable(frame: &[u8]) -> Option<&'static str> {
    if frame.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return Some("response");
    }
    // Methods are case-sensitive (RFC 3261 §7.1).
    ["BENOTIFY", "ACK"].into_iter().find(|method| frame.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' ')))
}
