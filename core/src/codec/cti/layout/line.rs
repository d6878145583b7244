//! What a single line of a log is.
use super::{Direction, Layout};

/// The lines of a text with their numbers; `Copy`, so that looking ahead is cheap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'t> {
    rest: &'t str,
    /// Number of the line [`Lines::next`] returned last, from 1.
    pub(super) number: usize,
}

impl<'t> Lines<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { rest: text, number: 0 }
    }

    /// The next line without its line end.
    pub(super) fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let at = memchr::memchr(b'\n', self.rest.as_bytes());
        let (line, rest) = at.map_or((self.rest, ""), |at| (&self.rest[..at], &self.rest[at + 1..]));
        self.rest = rest;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// Header of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading<'t> {
    pub(super) time: &'t str,
    pub(super) direction: Direction,
    pub(super) endpoint: &'t str,
    /// Where the header names the message.
    pub(super) name: Option<&'t str>,
    /// It tells that a message was sent which may have been printed before.
    pub(super) sent: bool,
}

/// A line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    Blank,
    /// A header; the message follows.
    Head(Heading<'t>),
    /// The line that names a message; T has no number in it.
    Name {
        layout: Layout,
        name: &'t str,
        id: Option<u32>,
        head: Option<Heading<'t>>,
    },
    /// `message attributes:`
    Marker,
    /// Attribute in P1 and P2.
    AttrP {
        name: &'t str,
        tag: &'t str,
        value: &'t str,
    },
    /// `Time = ComplexClass(TimeStamp):`
    Complex {
        name: &'t str,
        class: &'t str,
    },
    /// Pair in P1 and P2.
    PairP {
        indent: usize,
        key: &'t str,
        tag: &'t str,
        value: &'t str,
    },
    /// Attribute in T.
    AttrT {
        name: &'t str,
        value: &'t str,
    },
    /// Pair in T, from its first quote.
    PairT {
        indent: usize,
        text: &'t str,
    },
    /// `. Processing with …`, `..sent to …`
    Trailer,
    Noise,
}

/// Classifies a line; `open` is the layout of the entry it may belong to.
pub(super) fn classify(line: &str, open: Option<Layout>) -> Kind<'_> {
    let body = line.trim_start();
    let text = body.trim_end();
    if text.is_empty() {
        return Kind::Blank;
    }
    let inside = match open {
        Some(Layout::T) => attr_t(line),
        Some(_) => attr_p(line),
        // A body may follow a header that names the message.
        None => attr_t(line),
    };
    if let Some(kind) = inside {
        return kind;
    }
    if text == "message attributes:" {
        return Kind::Marker;
    }
    if let Some(kind) = name_line(text).or_else(|| header(text)) {
        return kind;
    }
    if text.starts_with('.') { Kind::Trailer } else { Kind::Noise }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `Name [tag] = value`, `Name = ComplexClass(class):`, `'key' [tag] = value`.
fn attr_p(line: &str) -> Option<Kind<'_>> {
    let body = line.trim_start();
    if let Some(rest) = body.strip_prefix('\'') {
        let (at, (tag, value)) = memchr::memmem::find_iter(rest.as_bytes(), "' [").find_map(|at| Some((at, tagged(&rest[at + 2..])?)))?;
        return Some(Kind::PairP { indent: indent(line), key: &rest[..at], tag, value });
    }
    let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, rest) = body.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    if let Some(class) = rest.strip_prefix("= ComplexClass(") {
        return Some(Kind::Complex { name, class: class.trim_end().strip_suffix("):")? });
    }
    let (tag, value) = tagged(rest)?;
    Some(Kind::AttrP { name, tag, value })
}

/// `[tag] = value`
fn tagged(text: &str) -> Option<(&str, &str)> {
    let (tag, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((tag, rest.strip_prefix(" =")?.trim_start()))
}

/// TAB name TAB value, TAB TAB `'key'`.
fn attr_t(line: &str) -> Option<Kind<'_>> {
    let body = line.trim_start();
    let indent = indent(line);
    if indent == 0 {
        return None;
    }
    if body.starts_with('\'') && split_key(body).is_some() {
        return Some(Kind::PairT { indent, text: body });
    }
    let (name, value) = body.split_once('\t')?;
    is_name(name).then(|| Kind::AttrT { name, value: value.trim_start() })
}

/// Key and rest of a pair in T: up to the first quote that is followed by a TAB or by `(list)`.
pub(super) fn split_key(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('\'')?;
    let at = memchr::memchr_iter(b'\'', rest.as_bytes()).find(|at| rest[at + 1..].starts_with('\t') || rest[at + 1..].starts_with("(list)"))?;
    Some((&rest[..at], &rest[at + 1..]))
}

fn name_line(text: &str) -> Option<Kind<'_>> {
    if let Some(rest) = text.strip_prefix("message: '") {
        let (name, rest) = rest.split_once("' (").filter(|(name, _)| is_name(name))?;
        let id = rest.strip_suffix(") attributes:")?.parse().ok()?;
        return Some(Kind::Name { layout: Layout::P1, name, id: Some(id), head: None });
    }
    if let Some(inner) = text.strip_suffix("')") {
        let start = if text.starts_with('\'') { 0 } else { text.find("Proxy got message '")? + "Proxy got message ".len() };
        let (name, id) = inner[start + 1..].split_once("' ('").filter(|(name, _)| is_name(name))?;
        let head = Heading { time: time(text), direction: Direction::FromServer, endpoint: "", name: None, sent: false };
        return Some(Kind::Name { layout: Layout::P2, name, id: Some(id.parse().ok()?), head: (start > 0).then_some(head) });
    }
    let (before, name) = text.rsplit_once("message ")?;
    // At the end of a header only what is a message for sure: other headers end in words too.
    let in_header = before.ends_with(' ') && !time(text).is_empty() && Direction::of_name(name) != Direction::Unknown;
    if !is_name(name) || !(before.is_empty() || in_header) {
        return None;
    }
    let endpoint = before.split_once(" received from ").map_or("", |(_, endpoint)| endpoint.trim_end());
    let head = Heading { time: time(text), direction: Direction::of_name(name), endpoint, name: None, sent: false };
    Some(Kind::Name { layout: Layout::T, name, id: None, head: (!before.is_empty()).then_some(head) })
}

fn header(text: &str) -> Option<Kind<'_>> {
    let time = time(text);
    if let Some((_, endpoint)) = text.split_once("Sending message to") {
        return Some(Kind::Head(heading(time, Direction::ToServer, endpoint)));
    }
    if let Some((_, endpoint)) = text.split_once("Received message from") {
        return Some(Kind::Head(heading(time, Direction::FromServer, endpoint)));
    }
    if time.is_empty() {
        return None;
    }
    let (split, sent) = match text.split_once(" received from ") {
        Some(split) => (Some(split), false),
        None => (text.split_once(" sent to "), true),
    };
    let named = split.and_then(|(before, endpoint)| {
        let name = before.rsplit(' ').next()?.trim_matches('"');
        let direction = Direction::of_name(name);
        (direction != Direction::Unknown && is_name(name)).then_some(Heading { name: Some(name), sent, ..heading(time, direction, endpoint) })
    });
    Some(Kind::Head(named.unwrap_or_else(|| heading(time, Direction::Unknown, ""))))
}

fn heading<'t>(time: &'t str, direction: Direction, endpoint: &'t str) -> Heading<'t> {
    Heading { time, direction, endpoint: unquote(endpoint.trim_start()), name: None, sent: false }
}

fn unquote(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text)
}

/// The time stamp a line begins with, without a leading `@`: date, time of day, or both.
fn time(text: &str) -> &str {
    let text = text.strip_prefix('@').unwrap_or(text);
    let mut end = 0;
    for word in text.split(' ') {
        if !is_stamp(word) {
            break;
        }
        // The blank between date and time belongs to the stamp, the one after it does not.
        end = if end == 0 { word.len() } else { end + 1 + word.len() };
    }
    &text[..end]
}

fn is_stamp(word: &str) -> bool {
    let shape = |pattern: &[u8]| {
        word.len() >= pattern.len() && word.bytes().zip(pattern).all(|(byte, shape)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == *shape })
    };
    (shape(b"00:00:00") || shape(b"0000-00-00")) && word.bytes().all(|byte| byte.is_ascii_digit() || b":.,-TZ+".contains(&byte))
}
