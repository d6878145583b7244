//! Single requests to HTTP(S) servers of others: the presence definition document, callbacks of routers.
//!
//! Blocking, with a limit on everything: called from a pool thread. The request is HTTP/1.0, whose answer ends with the connection and is never chunked: one
//! exchange is all it takes; redirects are not followed but told.
use crate::conn::Sink;
use crate::settings::TlsSettings;
use crate::tls::{Tls, TlsMaker};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// Name look-up, connection, request and answer together.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// What of a URL is needed for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    tls: bool,
    host: String,
    port: u16,
    /// With the query.
    path: String,
}

impl Url {
    /// Takes `http://host[:port]/path` apart; `None` when it is something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let end = crate::config_file::slot::endpoint(authority).or_else(|| {
            let port = if tls { 443 } else { 80 };
            crate::config_file::slot::endpoint(&format!("{authority}:{port}"))
        })?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let is_plain = path.bytes().all(|b| b.is_ascii_graphic());
        is_plain.then(|| Self { text: text.to_owned(), tls, host: end.host.into(), port: end.port, path })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// One request; what was answered until `is_enough` says so, or the end. `fields`: further header fields, each with its line end.
///
/// # Errors
/// One sentence: there is no answer, or what `is_enough` says of it.
pub(crate) fn exchange(
    url: &Url,
    tls: &TlsSettings,
    method: &str,
    fields: &str,
    body: &str,
    mut is_enough: impl FnMut(&[u8]) -> Result<bool, String>,
) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + WITHIN;
    let mut wire = Wire::connect(url, tls, deadline)?;
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let (path, port, version) = (&url.path, url.port, env!("CARGO_PKG_VERSION"));
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: UCConnector/{version}\r\n{fields}\r\n{body}");
    wire.write(request.as_bytes(), deadline)?;
    let mut answer = Plain::default();
    while !is_enough(&answer.bytes)? && wire.read(&mut answer, deadline)? {}
    Ok(answer.bytes)
}

/// Sends a document of JSON to a URL; the status of the answer.
///
/// # Errors
/// One sentence: it could not be delivered.
pub(crate) fn post(url: &Url, tls: &TlsSettings, body: &str) -> Result<u16, String> {
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let answer = exchange(url, tls, "POST", &fields, body, |answer| Ok(answer.contains(&b'\n') || answer.len() >= HEAD_BYTES_MAX))?;
    let line = String::from_utf8_lossy(answer.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
    line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok()).ok_or_else(|| "the answer is not HTTP".into())
}

/// Plaintext as it comes.
#[derive(Default)]
struct Plain {
    bytes: Vec<u8>,
    /// Room that was lent begins here.
    at: usize,
}

impl Sink for Plain {
    fn spare(&mut self, min: usize) -> &mut [u8] {
        self.at = self.bytes.len();
        self.bytes.resize(self.at + min.max(4096), 0);
        &mut self.bytes[self.at..]
    }

    fn filled(&mut self, n: usize) {
        self.bytes.truncate(self.at + n);
    }
}

/// A blocking connection, with TLS or without.
struct Wire {
    stream: TcpStream,
    tls: Option<Box<dyn Tls>>,
}

impl Wire {
    fn connect(url: &Url, tls: &TlsSettings, deadline: Instant) -> Result<Self, String> {
        let addresses = (&*url.host, url.port).to_socket_addrs().map_err(|e| format!("{} cannot be looked up: {e}", url.host))?;
        let mut last = format!("{} has no address", url.host);
        for address in addresses {
            match TcpStream::connect_timeout(&address, left(deadline)?) {
                Ok(stream) => {
                    let tls = if url.tls { Some(TlsMaker::new(tls.clone()).session(&url.host).map_err(|fault| fault.text)?) } else { None };
                    let mut wire = Self { stream, tls };
                    let mut nothing = Plain::default();
                    while wire.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                        wire.write(&[], deadline)?;
                        if wire.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) && !wire.read(&mut nothing, deadline)? {
                            return Err("the server hung up".into());
                        }
                    }
                    return Ok(wire);
                }
                Err(why) => last = format!("{address}: {why}"),
            }
        }
        Err(last)
    }

    fn write(&mut self, plain: &[u8], deadline: Instant) -> Result<(), String> {
        let mut bytes = Vec::new();
        match &mut self.tls {
            Some(tls) => tls.send(plain, &mut bytes).map_err(|fault| fault.text)?,
            None => bytes.extend_from_slice(plain),
        }
        self.stream.set_write_timeout(Some(left(deadline)?)).map_err(|e| e.to_string())?;
        self.stream.write_all(&bytes).map_err(|e| e.to_string())
    }

    /// `false` at the end.
    fn read(&mut self, to: &mut Plain, deadline: Instant) -> Result<bool, String> {
        let mut buffer = [0; 8192];
        self.stream.set_read_timeout(Some(left(deadline)?)).map_err(|e| e.to_string())?;
        let n = self.stream.read(&mut buffer).map_err(|e| e.to_string())?;
        match &mut self.tls {
            None => to.bytes.extend_from_slice(&buffer[..n]),
            // Without the peer's last word the answer may be cut off; its length tells.
            Some(_) if n == 0 => {}
            Some(tls) => {
                if tls.receive(&buffer[..n], to).map_err(|fault| fault.text)? {
                    return Ok(false);
                }
            }
        }
        Ok(n != 0)
    }
}

/// What is left of the time.
fn left(deadline: Instant) -> Result<Duration, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(format!("no answer within {} s", WITHIN.as_secs())) } else { Ok(left) }
}
