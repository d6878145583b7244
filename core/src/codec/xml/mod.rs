//! XML bodies: categories documents, RLMI lists, multipart, batch subscriptions, registration events, a worker's own publications and what is published on
//! their behalf (`spec/ms-pres.md` 3.5, 4, 5, 6), PIDF and dialog-info of standard presence (9).
//!
//! Pure functions from bytes to types that borrow from them, and back. A document of the Front End's usual shape is read by `hot` without allocation,
//! plain PIDF by `plain`; everything else by quick-xml behind `doc`. Faults are values: a part of a list that cannot be read spoils nothing but itself.
//!
//! Not read here: what clients publish; it comes out as [`Body::Unsupported`].
mod attributes;
mod batch;
mod categories;
mod context;
mod dialog_info;
mod doc;
mod fault;
mod hot;
mod legacy;
mod media_type;
mod multipart;
mod owned;
mod pidf;
mod pidf_write;
mod plain;
mod publish;
mod refusal;
mod registration;
mod rlmi;
mod roaming;
mod transfer;
mod values;

#[cfg(test)]
mod tests;

pub use batch::encode_batch;
pub use context::{CONTEXT_BYTES_MAX, encode_context};
pub use fault::{QUOTE_CHARS_MAX, XmlFault};
pub(crate) use owned::{note_text, user_state};
pub use pidf_write::{encode_call_pidf, encode_pidf};
pub(crate) use publish::shown;
pub use publish::{encode_publish, encode_roaming_list};

use crate::config::Limits;
use crate::uc_event::{Body, CategoryDoc};
use alloc::boxed::Box;
use media_type::MediaType;

/// Decodes a SIP body by its media type (parameters included); an unknown type is [`Body::Unsupported`], an unreadable document [`Body::Fault`].
///
/// An empty body is [`Body::None`], whatever its type. Types compare without regard to case, and the `charset` parameter is ignored:
/// bytes are UTF-8 or refused.
#[must_use]
pub fn decode_body<'a>(content_type: &'a str, body: &'a [u8], limits: &Limits) -> Body<'a> {
    if body.is_empty() {
        return Body::None;
    }
    let media_type = MediaType::parse(content_type);
    let decoded = if media_type.is("application/msrtc-event-categories+xml") {
        decode_categories(body, limits).map(Body::Categories)
    } else if media_type.is("application/pidf+xml") {
        pidf::decode(body, limits.xml_depth_max).map(Body::Categories)
    } else if media_type.is("multipart/related") || media_type.is("multipart/mixed") {
        multipart::decode(&media_type, body, limits).map(|list| Body::List(Box::new(list)))
    } else if media_type.is("application/rlmi+xml") {
        rlmi::decode(body, limits).map(|list| Body::List(Box::new(list)))
    } else if media_type.is("application/dialog-info+xml") {
        dialog_info::decode(body, limits).map(|info| Body::Calls(Box::new(info)))
    } else if media_type.is("text/registration-event") {
        Ok(Body::Registration(registration::decode(body)))
    } else if media_type.is("application/vnd-microsoft-roaming-self+xml") {
        roaming::decode(body, limits).map(|own| Body::RoamingSelf(Box::new(own)))
    } else if media_type.is("application/msrtc-fault+xml") {
        refusal::decode(body, limits).map(|fault| Body::Refusal(Box::new(fault)))
    } else if media_type.is("text/xml+msrtc.pidf") {
        legacy::decode(body, limits.xml_depth_max).map(Body::Categories)
    } else {
        return Body::Unsupported(content_type);
    };
    decoded.unwrap_or_else(|fault| Body::Fault(Box::new(fault)))
}

fn decode_categories<'a>(body: &'a [u8], limits: &Limits) -> Result<CategoryDoc<'a>, XmlFault> {
    if limits.xml_depth_max >= hot::DEPTH
        && let Some(doc) = hot::decode(body)
    {
        return Ok(doc);
    }
    categories::decode(body, limits.xml_depth_max)
}

/// What a fuzzer calls: every reader over the same bytes, and the hot passes against the general ones.
///
/// # Panics
/// When the two readings of a document differ. Never otherwise, whatever the bytes.
pub fn fuzz(data: &[u8]) {
    let limits = Limits::default();
    if let Some(hot) = hot::decode(data) {
        assert_eq!(Ok(hot), categories::decode(data, limits.xml_depth_max));
    }
    if let Ok(hot) = pidf::hot(data) {
        assert_eq!(Ok(hot), pidf::general(data, limits.xml_depth_max));
    }
    let types = [
        "application/msrtc-event-categories+xml",
        "application/rlmi+xml",
        "text/registration-event",
        "text/xml+msrtc.pidf",
        "application/pidf+xml",
        "application/dialog-info+xml",
        "application/vnd-microsoft-roaming-self+xml",
        "application/msrtc-fault+xml",
        "multipart/related;type=\"application/rlmi+xml\";start=resourceList;boundary=50UBfW7LSCVLtggUPe5z",
        "multipart/related;boundary=b",
    ];
    for media_type in types {
        if let Body::Fault(fault) = decode_body(media_type, data, &limits) {
            let _ = alloc::string::ToString::to_string(&fault);
        }
    }
    // A body that brings its own media type: the first line.
    if let Some(end) = memchr::memchr(b'\n', data)
        && let Ok(media_type) = core::str::from_utf8(&data[..end])
    {
        let _ = decode_body(media_type, &data[end + 1..], &limits);
    }
}
