//! A small pull interface over quick-xml: elements with resolved names, joined text, and the checks quick-xml leaves to its user.
//!
//! quick-xml's own `NsReader` doubles the cost of a document, so namespaces are resolved here, and only to the few this connector knows; attributes are read
//! once for each tag (`attributes`).
//! Refused here: DOCTYPE, foreign entities, undeclared prefixes, duplicate attributes, depth beyond the limit, an end inside an element.
//! Nothing is recursive. Not looked for: `]]>` in text, and the two characters U+FFFE and U+FFFF when they stand as they are.
//! Declared encodings are ignored: what is valid UTF-8 is read as UTF-8 (`spec/ms-pres.md` 5.1).
use super::attributes::{Attr, Scan, Wrong, check_many, split};
use super::fault::{XmlFault, offset, quote};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Namespace declarations in scope at one time: look-up is linear, so they are bounded.
const BINDINGS_MAX: usize = 128;

/// The namespaces that mean something here (`spec/ms-pres.md` 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    /// No namespace.
    None,
    /// `categories`
    Categories,
    /// `state`
    State,
    /// `note`
    Note,
    /// XML Schema instance: `xsi:type`.
    Xsi,
    /// RFC 4662
    Rlmi,
    /// `presentity` documents of the 2005 generation.
    Legacy,
    /// RFC 3863
    Pidf,
    /// RFC 4235
    DialogInfo,
    /// `roaming-self`
    RoamingSelf,
    /// Any other.
    Other,
}

impl Ns {
    fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            "http://schemas.microsoft.com/2006/09/sip/categories" => Self::Categories,
            "http://schemas.microsoft.com/2006/09/sip/state" => Self::State,
            "http://schemas.microsoft.com/2006/09/sip/note" => Self::Note,
            "http://www.w3.org/2001/XMLSchema-instance" => Self::Xsi,
            "urn:ietf:params:xml:ns:rlmi" => Self::Rlmi,
            "http://schemas.microsoft.com/2002/09/sip/presence" => Self::Legacy,
            "urn:ietf:params:xml:ns:pidf" => Self::Pidf,
            "urn:ietf:params:xml:ns:dialog-info" => Self::DialogInfo,
            "http://schemas.microsoft.com/2006/09/sip/roaming-self" => Self::RoamingSelf,
            _ => Self::Other,
        }
    }
}

/// A start tag that passed all checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    ns: Ns,
    local: &'a str,
    /** what stands between the name and `>` */
    attributes: &'a str,
    /** offset in the document, for faults */
    pub(super) at: u32,
}

impl<'a> Element<'a> {
    pub(super) fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    pub(super) fn local(&self) -> &'a str {
        self.local
    }
}

struct Binding<'a> {
    depth: u32,
    /** empty: the default namespace */
    prefix: &'a str,
    ns: Ns,
}

/// A document being read.
pub(super) struct Doc<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    bindings: Vec<Binding<'a>>,
    /** the default namespace in scope */
    default: Ns,
    /** attributes of the element entered last */
    attributes: Vec<Attr<'a>>,
    /** where it stands */
    attributes_of: u32,
    depth: u32,
    depth_max: u32,
    /** the last start tag was an empty element: its end is still to be told */
    empty: bool,
}

enum Node<'a> {
    Start(Element<'a>),
    End,
    Text(Cow<'a, str>),
    Other,
    Eof,
}

impl<'a> Doc<'a> {
    /// Opens a document and reads its root element.
    pub(super) fn open(bytes: &'a [u8], depth_max: u32) -> Result<(Self, Element<'a>), XmlFault> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = core::str::from_utf8(bytes).map_err(|e| XmlFault::NotUtf8 { at: offset(e.valid_up_to()) })?;
        if let Some(at) = control_character(bytes) {
            return Err(XmlFault::Character { at: offset(at) });
        }
        let mut doc = Self {
            text,
            reader: Reader::from_str(text),
            bindings: Vec::with_capacity(8),
            default: Ns::None,
            attributes: Vec::with_capacity(8),
            attributes_of: 0,
            depth: 0,
            depth_max,
            empty: false,
        };
        loop {
            match doc.next()? {
                Node::Start(root) => return Ok((doc, root)),
                Node::Text(text) if !is_blank(&text) => return Err(doc.broken("text before the root element")),
                Node::Text(_) | Node::Other | Node::End => {}
                Node::Eof => return Err(XmlFault::Truncated { at: doc.at() }),
            }
        }
    }

    /// The next child of the open element, or `None` at its end. Text between is passed over.
    pub(super) fn child(&mut self) -> Result<Option<Element<'a>>, XmlFault> {
        loop {
            match self.next()? {
                Node::Start(child) => return Ok(Some(child)),
                Node::End => return Ok(None),
                Node::Text(_) | Node::Other => {}
                Node::Eof => return Err(XmlFault::Truncated { at: self.at() }),
            }
        }
    }

    /// Passes over the rest of the open element, still checking it.
    pub(super) fn skip(&mut self) -> Result<(), XmlFault> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if matches!(self.next()?, Node::Eof) {
                return Err(XmlFault::Truncated { at: self.at() });
            }
        }
        Ok(())
    }

    /// The text of the open element, to its end: pieces, CDATA and references joined, line ends as `\n`. Text inside child elements does not count.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, XmlFault> {
        let mut out = Cow::Borrowed("");
        loop {
            match self.next()? {
                Node::Text(piece) if out.is_empty() => out = piece,
                Node::Text(piece) => out.to_mut().push_str(&piece),
                Node::Start(_) => self.skip()?,
                Node::End => return Ok(out),
                Node::Other => {}
                Node::Eof => return Err(XmlFault::Truncated { at: self.at() }),
            }
        }
    }

    /// Checks that nothing but white space, comments and processing instructions follows the root element.
    pub(super) fn finish(&mut self) -> Result<(), XmlFault> {
        loop {
            match self.next()? {
                Node::Eof => return Ok(()),
                Node::Text(text) if !is_blank(&text) => return Err(self.broken("text after the root element")),
                Node::Start(_) => return Err(self.broken("a second root element")),
                Node::Text(_) | Node::Other | Node::End => {}
            }
        }
    }

    /// An attribute of an element this document gave out, with references resolved.
    pub(super) fn attribute(&self, element: &Element<'a>, ns: Ns, local: &str) -> Option<Cow<'a, str>> {
        let wanted = |attribute: &Attr<'a>| {
            attribute.local == local && if attribute.prefix.is_empty() { ns == Ns::None } else { self.resolve(attribute.prefix) == Some(ns) }
        };
        if element.at == self.attributes_of {
            return self.attributes.iter().find(|attribute| wanted(attribute))?.value();
        }
        let mut scan = Scan(element.attributes);
        while let Ok(Some(attribute)) = scan.next(&[]) {
            if wanted(&attribute) {
                return attribute.value();
            }
        }
        None
    }

    fn next(&mut self) -> Result<Node<'a>, XmlFault> {
        if self.empty {
            self.empty = false;
            return Ok(self.leave());
        }
        let event = self.reader.read_event().map_err(|e| self.fault(&e))?;
        Ok(match event {
            Event::Start(tag) => Node::Start(self.enter(&tag, 1)?),
            Event::Empty(tag) => {
                let element = self.enter(&tag, 2)?;
                self.empty = true;
                Node::Start(element)
            }
            Event::End(_) => self.leave(),
            Event::Text(text) => Node::Text(text.xml10_content()),
            Event::CData(text) => Node::Text(text.xml10_content()),
            Event::GeneralRef(name) => Node::Text(self.reference(&name)?),
            Event::DocType(_) => return Err(XmlFault::Doctype { at: self.at() }),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Node::Other,
            Event::Eof if self.depth > 0 => return Err(XmlFault::Truncated { at: self.at() }),
            Event::Eof => Node::Eof,
        })
    }

    /// Checks a start tag, takes up its namespace declarations and resolves its name. `tail` is the length of what closes the tag.
    fn enter(&mut self, tag: &BytesStart<'_>, tail: usize) -> Result<Element<'a>, XmlFault> {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let start = position.saturating_sub(tail + tag.len());
        let at = offset(start.saturating_sub(1));
        // The event borrows from itself; the same bytes are taken from the document, so that values outlive the event.
        let content = self.text.get(start..start + tag.len()).filter(|content| *content == &**tag);
        let (name, attributes) = content
            .and_then(|content| content.split_at_checked(tag.name().0.len()))
            .ok_or(XmlFault::NotWellFormed { at, what: "misplaced byte order mark" })?;
        if self.depth >= self.depth_max {
            return Err(XmlFault::TooDeep { at, limit: self.depth_max });
        }
        self.depth += 1;
        self.attributes.clear();
        self.attributes_of = at;
        let mut prefixed = false;
        let mut scan = Scan(attributes);
        while let Some(attribute) = scan.next(&self.attributes).map_err(|wrong| attribute_fault(wrong, at))? {
            if !attribute.plain {
                self.check_value(attribute.raw, at)?;
            }
            match (attribute.prefix, attribute.local) {
                ("", "xmlns") => self.bind("", &attribute, at)?,
                ("xmlns", prefix) => self.bind(prefix, &attribute, at)?,
                ("", _) => {}
                _ => prefixed = true,
            }
            self.attributes.push(attribute);
        }
        check_many(attributes, self.attributes.len()).map_err(|wrong| attribute_fault(wrong, at))?;
        let undeclared = |name: &str| XmlFault::Prefix { at, name: quote(name) };
        if prefixed {
            for attribute in &self.attributes {
                if !matches!(attribute.prefix, "" | "xmlns") && self.resolve(attribute.prefix).is_none() {
                    return Err(undeclared(attribute.name));
                }
            }
        }
        let (prefix, local) = split(name);
        let ns = self.resolve(prefix).ok_or_else(|| undeclared(name))?;
        Ok(Element { ns, local, attributes, at })
    }

    /// Checks what quick-xml leaves alone until a value is asked for.
    fn check_value(&self, value: &str, at: u32) -> Result<(), XmlFault> {
        if memchr::memchr2(b'&', b'<', value.as_bytes()).is_none() {
            return Ok(());
        }
        if value.contains('<') {
            return Err(XmlFault::NotWellFormed { at, what: "\"<\" in an attribute value" });
        }
        for reference in value.split('&').skip(1) {
            let (name, _) = reference.split_once(';').ok_or(XmlFault::NotWellFormed { at, what: "\"&\" without \";\"" })?;
            self.reference(name)?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Node<'a> {
        while let Some(binding) = self.bindings.pop_if(|binding| binding.depth == self.depth) {
            if binding.prefix.is_empty() {
                self.default = self.bindings.iter().rev().find(|outer| outer.prefix.is_empty()).map_or(Ns::None, |outer| outer.ns);
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Node::End
    }

    fn bind(&mut self, prefix: &'a str, declaration: &Attr<'a>, at: u32) -> Result<(), XmlFault> {
        let uri = declaration.value().unwrap_or_default();
        if self.bindings.len() == BINDINGS_MAX {
            return Err(XmlFault::TooManyNamespaces { at, limit: offset(BINDINGS_MAX) });
        }
        let ns = Ns::of(&uri);
        if prefix.is_empty() {
            self.default = ns;
        } else if uri.is_empty() {
            return Err(XmlFault::NotWellFormed { at, what: "a prefix bound to nothing" });
        }
        self.bindings.push(Binding { depth: self.depth, prefix, ns });
        Ok(())
    }

    fn resolve(&self, prefix: &str) -> Option<Ns> {
        match prefix {
            "" => Some(self.default),
            "xml" => Some(Ns::Other),
            _ => self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| binding.ns),
        }
    }

    fn reference(&self, name: &str) -> Result<Cow<'a, str>, XmlFault> {
        let text = match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => {
                let digits = name.strip_prefix('#');
                let code = digits.and_then(|digits| match digits.strip_prefix('x') {
                    Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())?,
                    None => number(digits),
                });
                let c = code.and_then(char::from_u32).filter(|c| is_char(*c));
                return c.map(|c| Cow::Owned(String::from(c))).ok_or_else(|| XmlFault::Reference { at: self.at(), name: quote(name) });
            }
        };
        Ok(Cow::Borrowed(text))
    }

    fn at(&self) -> u32 {
        u32::try_from(self.reader.buffer_position()).unwrap_or(u32::MAX)
    }

    fn broken(&self, what: &'static str) -> XmlFault {
        XmlFault::NotWellFormed { at: self.at(), what }
    }

    fn fault(&self, error: &Error) -> XmlFault {
        match error {
            Error::Syntax(_) => XmlFault::Truncated { at: self.at() },
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => self.broken("an end tag does not match its start tag"),
            Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => self.broken("an end tag without a start tag"),
            Error::IllFormed(IllFormedError::UnclosedReference) => self.broken("\"&\" without \";\""),
            _ => self.broken("unreadable markup"),
        }
    }
}

const fn attribute_fault(wrong: Wrong, at: u32) -> XmlFault {
    match wrong {
        Wrong::Repeated => XmlFault::DuplicateAttribute { at },
        Wrong::Shape => XmlFault::NotWellFormed { at, what: "an attribute is not written as name=\"value\"" },
    }
}

/// The first control character that no document may have.
fn control_character(bytes: &[u8]) -> Option<usize> {
    let refused = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // Pieces without a branch inside, which the compiler turns into vector code.
    let (pieces, rest) = bytes.as_chunks::<64>();
    let clean = pieces.iter().all(|piece| !piece.iter().fold(false, |found, b| found | refused(b))) && !rest.iter().any(refused);
    if clean { None } else { bytes.iter().position(refused) }
}

/// `Char` of XML 1.0, section 2.2.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

/// Without the white space of XML (section 2.3) at both ends.
pub(super) fn trim(text: &str) -> &str {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t' | b'\r' | b'\n'));
    let bytes = text.as_bytes();
    // Nearly always there is none.
    if blank(bytes.first()) || blank(bytes.last()) { text.trim_matches([' ', '\t', '\r', '\n']) } else { text }
}

/// [`trim`] that keeps a borrowed text borrowed.
pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => Cow::Owned(String::from(trim(&text))),
    }
}

/// Decimal digits only: no sign, no blank, no overflow.
pub(super) fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
