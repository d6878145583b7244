//! Where the presence definition document comes from: a file, or an HTTP(S) URL asked with conditional requests ([`crate::fetch`]: blocking, called from a pool
//! thread).
use super::{Catalogue, DOCUMENT_BYTES_MAX, Remark, parse};
use crate::fetch::{self, HEAD_BYTES_MAX, Url};
use crate::settings::TlsSettings;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file.
    File(PathBuf),
    /// `http:` or `https:`
    Url(Url),
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => url.fmt(f),
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
        let fields = format!("Accept: application/xml, text/xml\r\n{}", self.validators);
        let answer = fetch::exchange(url, &self.tls, "GET", &fields, "", |answer| {
            if answer.len() > DOCUMENT_BYTES_MAX + HEAD_BYTES_MAX { Err(format!("the document is more than {DOCUMENT_BYTES_MAX} bytes")) } else { Ok(false) }
        });
        let answer = answer.map_err(|why| format!("{url}: {why}"))?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").filter(|at| *at <= HEAD_BYTES_MAX);
        let at = at.ok_or_else(|| format!("{url}: the answer is not HTTP"))?;
        let head = String::from_utf8_lossy(&answer[..at]).into_owned();
        let body = &answer[at + 4..];
        let field =
            |name: &str| head.lines().skip(1).find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()));
        let status = head.split(' ').nth(1).unwrap_or("");
        match status {
            "304" if !self.validators.is_empty() => return Ok(None),
            "200" => {}
            "301" | "302" | "303" | "307" | "308" => {
                return Err(format!("{url}: the document has moved to {:?}; write that into `presence_location`", field("Location").unwrap_or("")));
            }
            _ => return Err(format!("{url}: the server answers {:?}", head.lines().next().unwrap_or(""))),
        }
        if field("Transfer-Encoding").is_some() || field("Content-Encoding").is_some_and(|coding| coding != "identity") {
            return Err(format!("{url}: the server encodes the document although it was not asked to"));
        }
        if field("Content-Length").and_then(|n| n.parse::<usize>().ok()).is_some_and(|length| length != body.len()) {
            return Err(format!("{url}: the answer was cut off"));
        }
        let text = String::from_utf8(body.to_vec()).map_err(|_| format!("{url}: the document is not UTF-8"))?;
        self.validators = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
            .into_iter()
            .filter_map(|(given, asked)| field(given).map(|value| format!("{asked}: {value}\r\n")))
            .collect();
        Ok(Some(text))
    }
}
