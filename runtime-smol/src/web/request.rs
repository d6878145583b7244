//! A request, read whole: head and a body of bounded size and time.
use super::form;
use super::serve::From;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, Request};
use smol::Timer;
use smol::future::or;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// The body must be here this long after the head.
const BODY: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Method.
    pub(crate) method: Method,
    /// Path, as sent.
    pub(crate) path: String,
    /// Query, as sent.
    pub(crate) query: String,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Vec<u8>,
    /// The client.
    pub(crate) address: IpAddr,
    /// Who is connected to us: the client or a proxy.
    pub(crate) peer: IpAddr,
}

/// Why a request is not answered properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// More than so many bytes.
    TooLarge { max: usize },
    /// The body did not come in time.
    Late,
    /// The body broke off or breaks the protocol.
    Broken,
    /// The address of the request is not a path of ours.
    Address,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => write!(f, "the body is more than {max} bytes"),
            Self::Late => write!(f, "the body did not arrive within {} s", BODY.as_secs()),
            Self::Broken => f.write_str("the body broke off"),
            Self::Address => f.write_str("the request has no path"),
        }
    }
}

impl Asked {
    /// Reads the body.
    ///
    /// # Errors
    /// Too large, too slow, broken.
    pub(super) async fn read(request: Request<Incoming>, from: From, is_proxied: bool, body_bytes_max: usize) -> Result<Self, Fault> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        if !path.starts_with('/') {
            return Err(Fault::Address);
        }
        let query = head.uri.query().unwrap_or_default().to_owned();
        let whole = async {
            Limited::new(body, body_bytes_max)
                .collect()
                .await
                .map(|body| body.to_bytes().to_vec())
                .map_err(|why| if why.is::<LengthLimitError>() { Fault::TooLarge { max: body_bytes_max } } else { Fault::Broken })
        };
        let late = async {
            Timer::after(BODY).await;
            Err(Fault::Late)
        };
        let body = or(whole, late).await?;
        let behind = head.headers.get("x-forwarded-for").and_then(|list| list.to_str().ok()).and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
        let address = behind.filter(|_| is_proxied).unwrap_or(from.address);
        Ok(Self { method: head.method, path, query, headers: head.headers, body, address, peer: from.address })
    }

    /// A header, where it is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header by its name in lower case.
    pub(crate) fn named(&self, name: &'static str) -> Option<&str> {
        self.header(&HeaderName::from_static(name))
    }

    /// A cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Media type of the body, in lower case, without parameters.
    pub(crate) fn media_type(&self) -> String {
        let whole = self.header(&CONTENT_TYPE).unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        form::pairs(&self.query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether a page of another site made the browser send this.
    pub(crate) fn is_from_elsewhere(&self) -> bool {
        if self.named("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site") {
            return true;
        }
        let Some(origin) = self.header(&ORIGIN) else { return false };
        let host = self.named("x-forwarded-host").or_else(|| self.header(&HOST)).unwrap_or_default();
        origin.split_once("://").is_none_or(|(_, origin)| !origin.eq_ignore_ascii_case(host))
    }
}
