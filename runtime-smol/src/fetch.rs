//! Single requests to HTTP(S) servers of others: the presence definition document, callbacks of routers, OpenID providers.
//!
//! Blocking, with a limit on everything: called from a pool thread. The request is HTTP/1.0 ([`ask`] excepted), whose answer ends with the connection and is never chunked: one
//! exchange is all it takes; redirects are not followed but told.
use crate::conn::Sink;
use crate::settings::TlsSettings;
use crate::tls::{Tls, TlsMaker};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// Name look-up, connection, request and answer together.
const WITHIN: Duration = Duration::from_secs(10);

/// Until when all of something must be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    until: Instant,
    all: Duration,
}

impl Within {
    /// From now on.
    pub(crate) fn new(all: Duration) -> Self {
        Self { until: Instant::now() + all, all }
    }

    /// What is left of it.
    ///
    /// # Errors
    /// One sentence: nothing.
    pub(crate) fn left(self) -> Result<Duration, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.over()) } else { Ok(left) }
    }

    /// The sentence when it is over.
    pub(crate) fn over(self) -> String {
        format!("no answer within {} s", self.all.as_secs())
    }

    /// What went wrong, in words.
    fn told(self, why: &std::io::Error) -> String {
        if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) { self.over() } else { why.to_string() }
    }
}
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
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
        is_plain.then(|| Self { text: text.to_owned(), tls, host: end.host.into(), port: end.port, path })
    }

    /// `http:` to another machine.
    pub(crate) fn is_far_in_clear(&self) -> bool {
        !self.tls && self.host != "localhost" && !self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
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
    is_enough: impl FnMut(&[u8]) -> Result<bool, String>,
) -> Result<Vec<u8>, String> {
    exchange_in("HTTP/1.0", url, tls, (method, fields, body), Within::new(WITHIN), is_enough)
}

fn exchange_in(
    protocol: &str,
    url: &Url,
    tls: &TlsSettings,
    (method, fields, body): (&str, &str, &str),
    within: Within,
    mut is_enough: impl FnMut(&[u8]) -> Result<bool, String>,
) -> Result<Vec<u8>, String> {
    let mut wire = Wire::connect(url, tls, within)?;
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let (path, port, version) = (&url.path, url.port, env!("CARGO_PKG_VERSION"));
    let request = format!("{method} {path} {protocol}\r\nHost: {host}:{port}\r\nUser-Agent: UCConnector/{version}\r\n{fields}\r\n{body}");
    wire.write(request.as_bytes(), within)?;
    let mut answer = Plain::default();
    while !is_enough(&answer.bytes)? && wire.read(&mut answer, within)? {}
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

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: u16,
    /// `Content-Type`, empty when it does not say.
    pub(crate) content_type: String,
    /// Body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer, one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The server cannot be reached, is too slow or hangs up: it may be well again soon.
    Down(String),
    /// It answers something that cannot be read.
    Wrong(String),
}

/// One request in HTTP/1.1, for servers that know nothing else: method, further header fields, each with its line end, and body.
///
/// # Errors
/// There is no whole answer in time, or it is longer than `bytes_max`.
pub(crate) fn ask(url: &Url, tls: &TlsSettings, (method, fields, body): (&str, &str, &str), bytes_max: usize, within: Within) -> Result<Answer, Silence> {
    let fields = format!("Connection: close\r\n{fields}");
    let mut is_wrong = false;
    let answer = exchange_in("HTTP/1.1", url, tls, (method, &fields, body), within, |answer| {
        let outcome = match answer.len() > HEAD_BYTES_MAX + bytes_max {
            true => Err(format!("the answer has more than {bytes_max} bytes")),
            false => whole(answer, false),
        };
        is_wrong = outcome.is_err();
        Ok(outcome?.is_some())
    });
    let answer = answer.map_err(|why| if is_wrong { Silence::Wrong(why) } else { Silence::Down(why) })?;
    whole(&answer, true).map_err(Silence::Wrong)?.ok_or_else(|| Silence::Down("the answer broke off".into()))
}

/// The answer, when all of it is there.
fn whole(answer: &[u8], is_end: bool) -> Result<Option<Answer>, String> {
    let Some(at) = answer.windows(4).position(|part| part == b"\r\n\r\n") else {
        return if answer.len() > HEAD_BYTES_MAX { Err(format!("the head of the answer has more than {HEAD_BYTES_MAX} bytes")) } else { Ok(None) };
    };
    let (head, rest) = (String::from_utf8_lossy(&answer[..at]), &answer[at + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()).ok_or("the answer is not HTTP")?;
    let field =
        |name: &str| lines.clone().filter_map(|line| line.split_once(':')).find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let body = match (field("transfer-encoding"), field("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => unchunked(rest)?,
        (Some(_), _) => return Err("the answer has a transfer coding that is not `chunked`".into()),
        (None, Some(length)) => rest.get(..length.parse().map_err(|_| "the length of the answer is no number")?).map(<[u8]>::to_vec),
        (None, None) => is_end.then(|| rest.to_vec()),
    };
    let content_type = field("content-type").unwrap_or_default().to_owned();
    Ok(body.map(|body| Answer { status, content_type, body }))
}

/// Undoes chunked transfer coding (RFC 9112 section 7.1); `None`: there is more to come.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(at) = rest.windows(2).position(|part| part == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&rest[..at]).ok().and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok());
        let size = size.ok_or("a chunk of the answer has no length")?;
        rest = &rest[at + 2..];
        if size == 0 {
            return Ok(Some(body));
        }
        let (Some(chunk), Some(after)) = (rest.get(..size), size.checked_add(2).and_then(|next| rest.get(next..))) else { return Ok(None) };
        body.extend_from_slice(chunk);
        rest = after;
    }
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
    fn connect(url: &Url, tls: &TlsSettings, within: Within) -> Result<Self, String> {
        let addresses = (&*url.host, url.port).to_socket_addrs().map_err(|e| format!("{} cannot be looked up: {e}", url.host))?;
        let mut last = format!("{} has no address", url.host);
        for address in addresses {
            match TcpStream::connect_timeout(&address, within.left()?) {
                Ok(stream) => {
                    let tls = if url.tls { Some(TlsMaker::new(tls.clone()).session(&url.host).map_err(|fault| fault.text)?) } else { None };
                    let mut wire = Self { stream, tls };
                    let mut nothing = Plain::default();
                    while wire.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                        wire.write(&[], within)?;
                        if wire.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) && !wire.read(&mut nothing, within)? {
                            return Err("the server hung up".into());
                        }
                    }
                    return Ok(wire);
                }
                Err(why) => last = format!("{address}: {}", within.told(&why)),
            }
        }
        Err(last)
    }

    fn write(&mut self, plain: &[u8], within: Within) -> Result<(), String> {
        let mut bytes = Vec::new();
        match &mut self.tls {
            Some(tls) => tls.send(plain, &mut bytes).map_err(|fault| fault.text)?,
            None => bytes.extend_from_slice(plain),
        }
        self.stream.set_write_timeout(Some(within.left()?)).map_err(|e| e.to_string())?;
        self.stream.write_all(&bytes).map_err(|e| within.told(&e))
    }

    /// `false` at the end.
    fn read(&mut self, to: &mut Plain, within: Within) -> Result<bool, String> {
        let mut buffer = [0; 8192];
        self.stream.set_read_timeout(Some(within.left()?)).map_err(|e| e.to_string())?;
        let n = self.stream.read(&mut buffer).map_err(|e| within.told(&e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_when_they_say_so() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: x\r\n";
        let of = |rest: &str, is_end| whole(format!("{head}{rest}").as_bytes(), is_end);
        let told = |text: &str| Ok(Some(Answer { status: 200, content_type: "x".into(), body: text.as_bytes().to_vec() }));
        assert_eq!(of("Content-Length: 2\r\n\r\nabc", false), told("ab"));
        assert_eq!(of("Content-Length: 4\r\n\r\nabc", true), Ok(None), "broke off");
        assert_eq!(of("\r\nabc", false), Ok(None));
        assert_eq!(of("\r\nabc", true), told("abc"));
        assert_eq!(of("Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n", false), told("abc"));
        assert_eq!(of("Transfer-Encoding: chunked\r\n\r\n2\r\na", true), Ok(None));
        assert_eq!(of("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na", true), Ok(None));
        for broken in ["Transfer-Encoding: chunked\r\n\r\nx\r\n", "Transfer-Encoding: gzip\r\n\r\n", "Content-Length: x\r\n\r\n"] {
            assert!(of(broken, true).is_err(), "{broken}");
        }
        assert!(whole(b"SSH-2.0\r\n\r\n", true).is_err());
    }
}
