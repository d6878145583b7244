//! SIP on a stream (RFC 3261 §7, §18.3, §25): framing, lexing, decoding, printing.
use crate::config::Limits;
use crate::directory::Directory;
use crate::uc_event::{Notify, OtherRequest, Response, SipRequest};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What is wrong with bytes that should be SIP. `Display` is one sentence an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SipFault {
    /// A header RFC 3261 §8.1.1 requires is not there.
    HeaderMissing {
        /// Which.
        name: &'static str,
    },
}

impl SipFault {
    /// Framing is lost: the connection must be closed.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::HeaderMissing { .. } => false,
        }
    }

    /// The status a request with this fault is answered with, if it can be answered.
    #[must_use]
    pub fn answer_status(&self) -> Option<u16> {
        None
    }
}

/// A decoded message.
#[derive(Clone, Debug)]
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
pub fn decode<'a>(_frame: &'a [u8], _limits: &Limits) -> Result<Decoded<'a>, SipFault> {
    Err(SipFault::HeaderMissing { name: "Via" })
}

/// Prints the answer to the request in `frame` (RFC 3261 §8.2.6: every Via in order, From, To, Call-ID, CSeq copied; a To tag derived from Call-ID and CSeq when
/// there is none; `Allow` on 405, `Unsupported` on 420).
///
/// # Errors
/// When the request cannot be answered (no Via, From, To, Call-ID or CSeq).
pub fn encode_answer(_frame: &[u8], _status: u16, _out: &mut Vec<u8>) -> Result<(), SipFault> {
    Ok(())
}

/// Prints a request.
pub fn encode_request(_msg: &SipRequest, _directory: &Directory, _out: &mut Vec<u8>) {}
