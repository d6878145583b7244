//! Where the presence definition document comes from: a file, or an HTTP(S) URL asked with conditional requests.
//!
//! Blocking, with a limit on everything: called from a pool thread. The request is HTTP/1.0, whose answer ends with the connection and is never chunked, so that
//! one page is all it takes; redirects are not followed but told.
use super::{Catalogue, DOCUMENT_BYTES_MAX, Remark, parse};
use crate::conn::Sink;
use crate::settings::TlsSettings;
use crate::tls::{Tls, TlsMaker};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Name look-up, connection, request and answer together.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Where the document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file.
    File(PathBuf),
    /// `http:` or `https:`
    Url(Url),
}

/// What of a URL is needed for a GET.
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

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(&url.text),
        }
    }
}

/// Reads one location again and again; remembers by what to tell whether something has changed.
#[derive(Debug)]
pub(crate) struct Source {
    location: Location,
    tls: TlsSettings,
    modified: Option<(SystemTime, u64)>,
    /// Header lines that make the next request conditional.
    validators: String,
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Its states.
    pub(crate) catalogue: Catalogue,
    /// What is wrong with single states.
    pub(crate) remarks: Vec<Remark>,
}

impl Source {
    /// Nothing is read yet.
    pub(crate) const fn new(location: Location, tls: TlsSettings) -> Self {
        Self { location, tls, modified: None, validators: String::new() }
    }

    /// Reads the document; `None` when it has not changed since the last time.
    ///
    /// # Errors
    /// One sentence with place and reason. It is read again next time.
    pub(crate) fn read(&mut self) -> Result<Option<Read>, String> {
        let before = (self.modified, self.validators.clone());
        let location = self.location.clone();
        let text = match &location {
            Location::File(path) => self.file(path)?,
            Location::Url(url) => self.get(url)?,
        };
        let Some(text) = text else { return Ok(None) };
        match parse(&text) {
            Ok((catalogue, remarks)) => Ok(Some(Read { catalogue, remarks })),
            Err(Remark { line, text }) => {
                // Told again at the next look, until it is repaired.
                (self.modified, self.validators) = before;
                Err(format!("{location}:{line}: {text}"))
            }
        }
    }

    fn file(&mut self, path: &Path) -> Result<Option<String>, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: cannot be read: {why}", path.display());
        let meta = std::fs::metadata(path).map_err(|e| wrong(&e))?;
        let stamp = meta.modified().ok().map(|at| (at, meta.len()));
        if stamp.is_some() && stamp == self.modified {
            return Ok(None);
        }
        if meta.len() > DOCUMENT_BYTES_MAX as u64 {
            return Err(format!("{}: is {} bytes, the limit is {DOCUMENT_BYTES_MAX}", path.display(), meta.len()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
        self.modified = stamp;
        Ok(Some(text))
    }

    fn get(&mut self, url: &Url) -> Result<Option<String>, String> {
        let answer = self.exchange(url).map_err(|why| format!("{}: {why}", url.text))?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").filter(|at| *at <= HEAD_BYTES_MAX);
        let at = at.ok_or_else(|| format!("{}: the answer is not HTTP", url.text))?;
        let head = String::from_utf8_lossy(&answer[..at]).into_owned();
        let body = &answer[at + 4..];
        let field =
            |name: &str| head.lines().skip(1).find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()));
        let status = head.split(' ').nth(1).unwrap_or("");
        match status {
            "304" if !self.validators.is_empty() => return Ok(None),
            "200" => {}
            "301" | "302" | "303" | "307" | "308" => {
                return Err(format!("{}: the document has moved to {:?}; write that into `presence_location`", url.text, field("Location").unwrap_or("")));
            }
            _ => return Err(format!("{}: the server answers {:?}", url.text, head.lines().next().unwrap_or(""))),
        }
        if field("Transfer-Encoding").is_some() || field("Content-Encoding").is_some_and(|coding| coding != "identity") {
            return Err(format!("{}: the server encodes the document although it was not asked to", url.text));
        }
        if field("Content-Length").and_then(|n| n.parse::<usize>().ok()).is_some_and(|length| length != body.len()) {
            return Err(format!("{}: the answer was cut off", url.text));
        }
        let text = String::from_utf8(body.to_vec()).map_err(|_| format!("{}: the document is not UTF-8", url.text))?;
        self.validators = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
            .into_iter()
            .filter_map(|(given, asked)| field(given).map(|value| format!("{asked}: {value}\r\n")))
            .collect();
        Ok(Some(text))
    }

    /// One request, the whole answer.
    fn exchange(&self, url: &Url) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + WITHIN;
        let mut wire = Wire::connect(url, &self.tls, deadline)?;
        let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
        let request = format!(
            "GET {} HTTP/1.0\r\nHost: {host}:{}\r\nAccept: application/xml, text/xml\r\nUser-Agent: UCConnector/{}\r\n{}\r\n",
            url.path,
            url.port,
            env!("CARGO_PKG_VERSION"),
            self.validators
        );
        wire.write(request.as_bytes(), deadline)?;
        let mut answer = Plain::default();
        while wire.read(&mut answer, deadline)? {
            if answer.bytes.len() > DOCUMENT_BYTES_MAX + HEAD_BYTES_MAX {
                return Err(format!("the document is more than {DOCUMENT_BYTES_MAX} bytes"));
            }
        }
        Ok(answer.bytes)
    }
}

/// Sends a document of JSON to a URL; the status of the answer.
///
/// # Errors
/// One sentence: it could not be delivered.
pub(crate) fn post(url: &Url, tls: &TlsSettings, body: &str) -> Result<u16, String> {
    let deadline = Instant::now() + WITHIN;
    let mut wire = Wire::connect(url, tls, deadline)?;
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let head = format!(
        "POST {} HTTP/1.0\r\nHost: {host}:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nUser-Agent: UCConnector/{}\r\n\r\n",
        url.path,
        url.port,
        body.len(),
        env!("CARGO_PKG_VERSION"),
    );
    wire.write(format!("{head}{body}").as_bytes(), deadline)?;
    let mut answer = Plain::default();
    while !answer.bytes.contains(&b'\n') && answer.bytes.len() < HEAD_BYTES_MAX && wire.read(&mut answer, deadline)? {}
    let line = String::from_utf8_lossy(answer.bytes.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
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
