//! XML bodies: categories documents, RLMI lists, multipart, batch subscriptions, registration events.
use crate::config::Limits;
use crate::uc_event::Body;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlFault {
    /// The text ends inside an element.
    Truncated,
}

/// Decodes a SIP body by its media type (parameters included); an unknown type is [`Body::Unsupported`], an unreadable document [`Body::Fault`].
#[must_use]
pub fn decode_body<'a>(content_type: &'a str, _body: &'a [u8], _limits: &Limits) -> Body<'a> {
    Body::Unsupported(content_type)
}

/// Prints an `application/msrtc-adrl-categorylist+xml` body (`spec/ms-pres.md` 4.2). `uris` are raw; escaping happens here.
pub fn encode_batch<'u>(_watcher: &str, _unsubscribe: bool, _uris: impl Iterator<Item = &'u str>, _categories: &[Box<str>], _out: &mut Vec<u8>) {}
