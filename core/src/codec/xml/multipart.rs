//! Multipart notifications: a resource list and the documents of its users (RFC 2046 section 5.1, RFC 4662; `spec/ms-pres.md` 4.4).
//!
//! A delimiter counts only at the start of a line; preamble and epilogue are passed over. Each part stands for itself: what is wrong with one is a fault
//! under its content id, and the rest is used. Content ids are kept without angle brackets, and nothing depends on
//! them but the choice of the root among several lists.
use super::fault::{XmlFault, offset, quote};
use super::media_type::MediaType;
use super::{categories, decode_categories, owned, pidf, rlmi, transfer};
use crate::config::Limits;
use crate::uc_event::ListDoc;
use alloc::borrow::Cow;
use alloc::string::String;
use memchr::memmem::Finder;

/// Longest boundary read; RFC 2046 allows 70.
const BOUNDARY_BYTES_MAX: usize = 200;
/// Multipart bodies inside each other.
const NESTING_MAX: u32 = 4;

/// Reads a multipart body. A fault only when nothing in it can be used.
pub(super) fn decode<'a>(media_type: &MediaType<'_>, body: &'a [u8], limits: &Limits) -> Result<ListDoc<'a>, XmlFault> {
    let mut collected = Collected { limits, list: ListDoc::default(), rooted: false, parts: 0 };
    collected.multipart(media_type, body, 1)?;
    let Collected { mut list, rooted, .. } = collected;
    if !rooted && list.docs.is_empty() && !list.faults.is_empty() {
        return Err(list.faults.swap_remove(0).1);
    }
    rlmi::deduplicate(&mut list.resources);
    Ok(list)
}

struct Collected<'a, 'l> {
    limits: &'l Limits,
    list: ListDoc<'a>,
    /** a list has been read */
    rooted: bool,
    parts: u32,
}

impl<'a> Collected<'a, '_> {
    fn multipart(&mut self, media_type: &MediaType<'_>, body: &'a [u8], level: u32) -> Result<(), XmlFault> {
        if level > NESTING_MAX {
            return Err(XmlFault::NestedTooDeep { limit: NESTING_MAX });
        }
        let boundary =
            media_type.parameter("boundary").filter(|boundary| (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())).ok_or(XmlFault::BoundaryParameter)?;
        let start = media_type.parameter("start");
        let start = start.as_deref().map(without_brackets);
        let limit = self.limits.list_resources_max.saturating_add(1);
        let delimiter = String::from("--") + &boundary;
        let mut parts = Parts::new(&delimiter, body).ok_or_else(|| XmlFault::BoundaryNotFound { boundary: quote(&boundary) })?;
        while let Some((at, part)) = parts.next() {
            self.parts += 1;
            if self.parts > limit {
                self.list.faults.push((Cow::Borrowed(""), XmlFault::TooManyParts { limit }));
                break;
            }
            let (head, content) = split_head(part.unwrap_or_else(|| &body[at..]));
            let id = without_brackets(header(head, "Content-ID").unwrap_or(""));
            let read = match part {
                Some(_) => self.part(head, content, id, start, level),
                None => Err(XmlFault::PartUnterminated { at: offset(at) }),
            };
            if let Err(fault) = read {
                self.list.faults.push((Cow::Borrowed(id), fault));
            }
        }
        Ok(())
    }

    fn part(&mut self, head: &'a [u8], content: &'a [u8], id: &'a str, start: Option<&str>, level: u32) -> Result<(), XmlFault> {
        let media_type = MediaType::parse(header(head, "Content-Type").unwrap_or("text/plain"));
        let encoding = header(head, "Content-Transfer-Encoding").unwrap_or("");
        let limits = self.limits;
        if media_type.is("application/msrtc-event-categories+xml") {
            let doc = match transfer::decode(encoding, content)? {
                Cow::Borrowed(bytes) => decode_categories(bytes, limits)?,
                Cow::Owned(bytes) => owned::category_doc(categories::decode(&bytes, limits.xml_depth_max)?),
            };
            self.list.docs.push(doc);
        } else if media_type.is("application/pidf+xml") {
            let doc = match transfer::decode(encoding, content)? {
                Cow::Borrowed(bytes) => pidf::decode(bytes, limits.xml_depth_max)?,
                Cow::Owned(bytes) => owned::category_doc(pidf::decode(&bytes, limits.xml_depth_max)?),
            };
            self.list.docs.push(doc);
        } else if media_type.is("application/rlmi+xml") {
            let list = match transfer::decode(encoding, content)? {
                Cow::Borrowed(bytes) => rlmi::read(bytes, limits)?,
                Cow::Owned(bytes) => owned::list(rlmi::read(&bytes, limits)?),
            };
            self.resources(list, id, start == Some(id));
        } else if media_type.is("multipart/related") || media_type.is("multipart/mixed") {
            if !transfer::is_identity(encoding) {
                return Err(XmlFault::TransferEncoding { name: quote(encoding) });
            }
            self.multipart(&media_type, content, level + 1)?;
        } else {
            return Err(XmlFault::PartType { media_type: quote(media_type.essence()) });
        }
        Ok(())
    }

    /// Adds a list. The one `start` names gives the head, else the first.
    fn resources(&mut self, list: ListDoc<'a>, id: &'a str, is_root: bool) {
        if is_root || !self.rooted {
            self.list.uri = list.uri;
            self.list.version = list.version;
            self.list.full_state = list.full_state;
        }
        self.rooted = true;
        let limit = self.limits.list_resources_max;
        for resource in list.resources {
            if self.list.resources.len() >= limit as usize {
                self.list.faults.push((Cow::Borrowed(id), XmlFault::TooManyResources { limit }));
                break;
            }
            self.list.resources.push(resource);
        }
        self.list.faults.extend(list.faults.into_iter().map(|(_, fault)| (Cow::Borrowed(id), fault)));
    }
}

/// The parts between delimiters, each with its offset; `None` for the last when the closing delimiter is missing.
struct Parts<'a, 'd> {
    body: &'a [u8],
    finder: Finder<'d>,
    /** start of the part to come; none after the closing delimiter */
    at: Option<usize>,
}

struct Delimiter {
    start: usize,
    end: usize,
    closing: bool,
}

impl<'a, 'd> Parts<'a, 'd> {
    /// Finds the first delimiter.
    fn new(delimiter: &'d str, body: &'a [u8]) -> Option<Self> {
        let mut parts = Self { body, finder: Finder::new(delimiter.as_bytes()), at: None };
        let first = parts.delimiter(0)?;
        parts.at = (!first.closing).then_some(first.end);
        Some(parts)
    }

    fn next(&mut self) -> Option<(usize, Option<&'a [u8]>)> {
        let at = self.at.take()?;
        // A part may be empty: its delimiter's line end then is the one that ended the delimiter before.
        let Some(found) = self.delimiter(at) else { return Some((at, None)) };
        self.at = (!found.closing).then_some(found.end);
        let part = &self.body[at..found.start.max(at)];
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some((at, Some(part.strip_suffix(b"\r").unwrap_or(part))))
    }

    /// The next delimiter line from `from`, which is the start of a line.
    fn delimiter(&self, from: usize) -> Option<Delimiter> {
        let mut search = from;
        while let Some(found) = self.finder.find(self.body.get(search..)?) {
            let start = search + found;
            search = start + self.finder.needle().len();
            if start != 0 && self.body[start - 1] != b'\n' {
                continue;
            }
            let rest = &self.body[search..];
            let closing = rest.starts_with(b"--");
            let blank = if closing { &rest[2..] } else { rest };
            let padding = blank.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let end = match &blank[padding..] {
                [] => 0,
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => continue,
            };
            return Some(Delimiter { start, end: self.body.len() - blank.len() + padding + end, closing });
        }
        None
    }
}

/// Header lines, and what follows the empty line after them.
fn split_head(part: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(len) = memchr::memchr(b'\n', &part[at..]) {
        if matches!(&part[at..at + len], [] | b"\r") {
            return (&part[..at], &part[at + len + 1..]);
        }
        at += len + 1;
    }
    (part, &[])
}

/// A header's value; continuation lines belong to it.
fn header<'a>(head: &'a [u8], wanted: &str) -> Option<&'a str> {
    let mut at = 0;
    while at < head.len() {
        let mut end = line_end(head, at);
        while matches!(head.get(end), Some(b' ' | b'\t')) {
            end = line_end(head, end);
        }
        let line = core::str::from_utf8(&head[at..end]).ok().and_then(|line| line.split_once(':'));
        if let Some((name, value)) = line
            && name.trim_end().eq_ignore_ascii_case(wanted)
        {
            return Some(value.trim());
        }
        at = end;
    }
    None
}

fn line_end(head: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &head[at..]).map_or(head.len(), |len| at + len + 1)
}

fn without_brackets(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}
