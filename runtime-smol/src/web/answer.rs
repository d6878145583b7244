//! Answers: status, a few headers, a body, and the headers that keep browsers from helping attackers.
use super::door::Door;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use serde_json::{Value, json};

pub(super) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Nothing inline, nothing from elsewhere, no frames.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The body of an answer.
pub(super) type Body = Full<Bytes>;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Status.
    pub(crate) status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Reply {
    /// Without a body.
    pub(crate) const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// With a body of this media type.
    pub(crate) fn with(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(status).header(CONTENT_TYPE, media_type).body(body)
    }

    fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As hyper sends it.
    pub(super) fn print(self, door: Door, is_secure: bool, is_head: bool) -> Response<Body> {
        let length = self.body.len();
        let mut response = Response::new(Full::new(if is_head { Bytes::new() } else { self.body }));
        *response.status_mut() = hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if door == Door::Pages {
            for (name, value) in [
                ("content-security-policy", POLICY),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("x-frame-options", "DENY"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            if is_secure {
                headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
            }
        }
        for (name, value) in self.headers {
            // A value that cannot be a header is left out; ours all can.
            match HeaderValue::from_str(&value) {
                Ok(value) if name == SET_COOKIE => _ = headers.append(name, value),
                Ok(value) => _ = headers.insert(name, value),
                Err(_) => {}
            }
        }
        if self.status != 304 {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// An answer of JSON.
pub(crate) fn json_reply(status: u16, value: &Value) -> Reply {
    let mut text = value.to_string();
    text.push('\n');
    Reply::with(status, JSON, text)
}

/// An answer of text.
pub(crate) fn text_reply(status: u16, text: String) -> Reply {
    Reply::with(status, TEXT, text)
}

/// A refusal: a word for programs, a sentence for people.
pub(super) fn json_error(status: u16, code: &str, text: &str) -> Reply {
    json_reply(status, &json!({ "error": text, "code": code }))
}
