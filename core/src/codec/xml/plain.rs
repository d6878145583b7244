//! A strict pass over plain XML, without allocation: elements, double-quoted attributes, text, prefixes that were declared before.
//!
//! Servers of standard presence write nothing else (`pidf`). Comments, CDATA, references, instructions, line ends to normalise, other quotes, deep nesting, and all that is wrong
//! end it with [`Unusual`], which says nothing about the document but that [`super::doc`] has to read it: what this pass gives is what that reader gives.
//! Both are walked through [`Walk`], so that the meaning of a document is written once.
use super::doc::Doc;
use super::fault::XmlFault;
use alloc::borrow::Cow;

/// A document walked element by element, from its root on.
pub(super) trait Walk<'a> {
    /// What ends the walk.
    type Stop;
    /// The local name of the next child of the open element, or `None` at its end. Text between is passed over.
    fn child(&mut self) -> Result<Option<&'a str>, Self::Stop>;
    /// The text of the open element, to its end.
    fn text(&mut self) -> Result<Cow<'a, str>, Self::Stop>;
    /// Passes over the rest of the open element.
    fn skip(&mut self) -> Result<(), Self::Stop>;
}

impl<'a> Walk<'a> for Doc<'a> {
    type Stop = XmlFault;

    fn child(&mut self) -> Result<Option<&'a str>, XmlFault> {
        Ok(Doc::child(self)?.map(|element| element.local()))
    }

    fn text(&mut self) -> Result<Cow<'a, str>, XmlFault> {
        Doc::text(self)
    }

    fn skip(&mut self) -> Result<(), XmlFault> {
        Doc::skip(self)
    }
}

/// Something this pass does not know.
pub(super) struct Unusual;

/// Elements open at one time: `limits.xml_depth_max` must allow it.
pub(super) const DEPTH: u32 = 8;
/// Attributes of one element.
const ATTRIBUTES: usize = 8;
/// Prefixes declared at one time.
const PREFIXES: usize = 12;
/// Declarations as servers write them.
const DECLARATIONS: [&str; 3] = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<?xml version=\"1.0\"?>", "<?xml version=\"1.0\" encoding=\"utf-8\"?>"];
/// Attributes that nearly every document has, as written and as read: compared whole instead of read byte by byte.
const USUAL: [(&str, Name<'static>, &str); 3] = [
    ("xmlns=\"urn:ietf:params:xml:ns:pidf\"", Name { whole: "xmlns", prefix: "", local: "xmlns" }, "urn:ietf:params:xml:ns:pidf"),
    ("xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\"", Name { whole: "xmlns:dm", prefix: "xmlns", local: "dm" }, "urn:ietf:params:xml:ns:pidf:data-model"),
    ("xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\"", Name { whole: "xmlns:rpid", prefix: "xmlns", local: "rpid" }, "urn:ietf:params:xml:ns:pidf:rpid"),
];

/// What is read of a document, and what is open in it.
pub(super) struct Plain<'a> {
    text: &'a str,
    /** offset of what comes next; always between two characters */
    at: usize,
    /** names of the open elements, as written */
    open: [&'a str; DEPTH as usize],
    depth: usize,
    /** declared prefixes and the depth of the element that did */
    prefixes: [(&'a str, usize); PREFIXES],
    declared: usize,
    /** the last start tag was an empty element: its end is still to be told */
    empty: bool,
}

/// A name as written: its prefix (or nothing) and its local part.
#[derive(Clone, Copy)]
struct Name<'a> {
    whole: &'a str,
    prefix: &'a str,
    local: &'a str,
}

impl<'a> Plain<'a> {
    /// Opens a document whose root has no prefix; the name of the root comes with its default namespace and the value of one of its attributes.
    pub(super) fn open(bytes: &'a [u8], attribute: &str) -> Result<(Self, Root<'a>), Unusual> {
        let text = core::str::from_utf8(bytes).map_err(|_| Unusual)?;
        let mut it = Self { text, at: 0, open: [""; DEPTH as usize], depth: 0, prefixes: [("", 0); PREFIXES], declared: 0, empty: false };
        let _declared = DECLARATIONS.iter().any(|declaration| it.eat(declaration));
        it.blank();
        it.byte(b'<')?;
        let mut root = Root { name: "", namespace: "", attribute: None };
        root.name = it.start(|name, value| match name {
            "xmlns" => root.namespace = value,
            name if name == attribute => root.attribute = Some(value),
            _ => {}
        })?;
        Ok((it, root))
    }

    /// Nothing but white space follows the root element.
    pub(super) fn finish(&mut self) -> Result<(), Unusual> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(Unusual) }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The bytes up to `end`, which becomes the place to go on from.
    fn take(&mut self, end: usize) -> Result<&'a str, Unusual> {
        let taken = self.text.get(self.at..end).ok_or(Unusual)?;
        self.at = end;
        Ok(taken)
    }

    fn blank(&mut self) {
        while is_blank(self.peek()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.rest().starts_with(text.as_bytes());
        self.at += if eaten { text.len() } else { 0 };
        eaten
    }

    /// A byte of ASCII.
    fn byte(&mut self, wanted: u8) -> Result<(), Unusual> {
        if self.peek() != wanted {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    /// A name of ASCII letters, digits, hyphens and underscores, with a prefix or without.
    fn name(&mut self) -> Result<Name<'a>, Unusual> {
        let (mut len, mut colon) = (0, None);
        for byte in self.rest() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' => {}
                b'0'..=b'9' | b'-' | b'_' if len > 0 => {}
                b':' if len > 0 && colon.is_none() => colon = Some(len),
                _ => break,
            }
            len += 1;
        }
        let whole = self.take(self.at + len)?;
        let (prefix, local) = match colon {
            None => ("", whole),
            Some(at) => (whole.get(..at).ok_or(Unusual)?, whole.get(at + 1..).ok_or(Unusual)?),
        };
        if local.is_empty() { Err(Unusual) } else { Ok(Name { whole, prefix, local }) }
    }

    /// An attribute in double quotes whose value needs neither resolving nor normalising.
    fn attribute(&mut self) -> Result<(Name<'a>, &'a str), Unusual> {
        if self.peek() == b'x'
            && let Some((_, name, value)) = USUAL.iter().find(|(written, ..)| self.eat(written))
        {
            return Ok((*name, value));
        }
        let name = self.name()?;
        self.byte(b'=')?;
        self.byte(b'"')?;
        let len = self.rest().iter().position(|b| *b < b' ' || matches!(b, b'"' | b'&' | b'<')).ok_or(Unusual)?;
        let value = self.take(self.at + len)?;
        self.byte(b'"')?;
        Ok((name, value))
    }

    /// A start tag behind its `<`; attributes without prefix are told. The local name.
    fn start(&mut self, mut tell: impl FnMut(&'a str, &'a str)) -> Result<&'a str, Unusual> {
        let element = self.name()?;
        *self.open.get_mut(self.depth).ok_or(Unusual)? = element.whole;
        self.depth += 1;
        let (mut seen, mut count) = ([""; ATTRIBUTES], 0);
        while is_blank(self.peek()) {
            self.blank();
            if matches!(self.peek(), b'/' | b'>') {
                break;
            }
            let (name, value) = self.attribute()?;
            if seen[..count].contains(&name.whole) {
                return Err(Unusual);
            }
            *seen.get_mut(count).ok_or(Unusual)? = name.whole;
            count += 1;
            match name.prefix {
                "" => tell(name.local, value),
                "xmlns" => self.declare(name.local, value)?,
                prefix => self.check(prefix)?,
            }
        }
        self.empty = self.peek() == b'/';
        self.at += usize::from(self.empty);
        self.byte(b'>')?;
        if !element.prefix.is_empty() {
            self.check(element.prefix)?;
        }
        Ok(element.local)
    }

    fn declare(&mut self, prefix: &'a str, namespace: &str) -> Result<(), Unusual> {
        if namespace.is_empty() {
            return Err(Unusual);
        }
        *self.prefixes.get_mut(self.declared).ok_or(Unusual)? = (prefix, self.depth);
        self.declared += 1;
        Ok(())
    }

    /// A prefix that was declared.
    fn check(&self, prefix: &str) -> Result<(), Unusual> {
        let declared = &self.prefixes[..self.declared];
        if prefix == "xml" || declared.iter().any(|(known, _)| *known == prefix) { Ok(()) } else { Err(Unusual) }
    }

    /// An end tag behind its `</`.
    fn end(&mut self) -> Result<(), Unusual> {
        let name = self.depth.checked_sub(1).and_then(|at| self.open.get(at)).copied().ok_or(Unusual)?;
        if !self.eat(name) {
            return Err(Unusual);
        }
        self.byte(b'>')?;
        self.leave();
        Ok(())
    }

    fn leave(&mut self) {
        while self.declared > 0 && self.prefixes[self.declared - 1].1 == self.depth {
            self.declared -= 1;
        }
        self.depth -= 1;
        self.empty = false;
    }

    /// Text up to a tag, whose `<` is read with it.
    fn piece(&mut self) -> Result<&'a str, Unusual> {
        let stops = |b: u8| matches!(b, b'<' | b'&') || b < b' ' && !is_blank(b);
        let len = self.rest().iter().position(|b| stops(*b)).ok_or(Unusual)?;
        let text = self.take(self.at + len)?;
        self.byte(b'<')?;
        Ok(text)
    }
}

/// A root element.
pub(super) struct Root<'a> {
    pub(super) name: &'a str,
    /// Empty without one.
    pub(super) namespace: &'a str,
    pub(super) attribute: Option<&'a str>,
}

impl<'a> Walk<'a> for Plain<'a> {
    type Stop = Unusual;

    fn child(&mut self) -> Result<Option<&'a str>, Unusual> {
        if self.empty {
            self.leave();
            return Ok(None);
        }
        self.piece()?;
        if self.peek() == b'/' {
            self.at += 1;
            self.end()?;
            return Ok(None);
        }
        self.start(|_, _| {}).map(Some)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Unusual> {
        if self.empty {
            self.leave();
            return Ok(Cow::Borrowed(""));
        }
        let text = self.piece()?;
        if text.bytes().any(|b| b == b'\r') {
            return Err(Unusual);
        }
        self.byte(b'/')?;
        self.end()?;
        Ok(Cow::Borrowed(text))
    }

    fn skip(&mut self) -> Result<(), Unusual> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.child()?;
        }
        Ok(())
    }
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::super::pidf::{decode, general, hot};
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    const DEPTH_MAX: u32 = 32;
    const TWO_DEVICES: &str = include_str!("../../../../corpus/kamailio/notify-two-devices-utf8-udp-presence-active.sip");

    fn body(message: &str) -> &str {
        message.split_once("\r\n\r\n").expect("body").1
    }

    /// Whether the strict pass reads it; then as the general reader does.
    #[track_caller]
    fn is_hot(bytes: &[u8]) -> bool {
        let Ok(doc) = hot(bytes) else { return false };
        assert_eq!(Ok(doc), general(bytes, DEPTH_MAX), "{}", bytes.escape_ascii());
        true
    }

    /// A document of one tuple, which holds `content`.
    fn tuple(content: &str) -> String {
        format!(
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:dm\" entity=\"pres:a@b\"><tuple id=\"t\"><status><basic>open</basic></status>{content}</tuple></presence>"
        )
    }

    #[test]
    fn what_kamailio_sends_is_read_in_one_pass() {
        let messages = [
            TWO_DEVICES,
            include_str!("../../../../corpus/kamailio/notify-update-busy-udp-presence-active.sip"),
            include_str!("../../../../corpus/kamailio/notify-update-dnd-tcp-presence-active.sip"),
            include_str!("../../../../corpus/kamailio/notify-device-removed-udp-presence-active.sip"),
            include_str!("../../../../corpus/kamailio/notify-last-publication-removed-tcp-presence-active.sip"),
        ];
        for message in messages {
            assert!(is_hot(body(message).as_bytes()), "{message}");
        }
    }

    #[test]
    fn plain_is_plain_in_any_order() {
        let good = [
            "",
            "<note>a</note><note/><other a=\"\" b=\"'>\" ></other>",
            "<dm:x xmlns:p=\"urn:p\" xml:lang=\"de\" dm:a=\"1\"><p:y/></dm:x><timestamp>2026-11-23T10:00:00Z</timestamp>",
            "<a><b xmlns=\"\"><c><d/></c></b>text</a>]]>\r\n\u{e9}<note> \u{fffe}\t\n </note>",
        ];
        for content in good {
            assert!(is_hot(tuple(content).as_bytes()), "{content}");
        }
    }

    #[test]
    fn the_unusual_is_left_to_the_general_reader() {
        let unusual = [
            "<!-- -->",
            "<![CDATA[a]]>",
            "<?p?>",
            "<note>a&amp;b</note>",
            "<note>a\r\nb</note>",
            "<note>a<b/></note>",
            "<a b='1'/>",
            "<a b=\"1\"c=\"2\"/>",
            "<a b = \"1\"/>",
            "<a b=\"1\" b=\"2\"/>",
            "<a b=\"&lt;\"/>",
            "<a b=\"\t\"/>",
            "<p:a/>",
            "<p:a p:b=\"1\" xmlns:p=\"urn:p\"/>",
            "<a xmlns:p=\"\"/>",
            "<a xmlns:p=\"urn:p\"/><p:b/>",
            "<a:/>",
            "<:a/>",
            "<a></a >",
            "<a></b>",
            "<\u{e9}/>",
            "<a><a><a><a><a><a><a/></a></a></a></a></a></a>",
            "\u{1}",
            "</tuple>",
            "<a",
        ];
        for content in unusual {
            assert!(!is_hot(tuple(content).as_bytes()), "{content}");
        }
        assert!(decode(tuple("<a><a><a><a><a><a><a/></a></a></a></a></a></a>").as_bytes(), DEPTH_MAX).is_ok());
        for root in ["<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@b\"/>", "<presence entity=\"sip:a@b\"/>", "\u{feff}"] {
            assert!(!is_hot(root.as_bytes()), "{root}");
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_gives_the_same() {
        let text = body(TWO_DEVICES);
        for at in 0..text.len() {
            // The line end behind the last tag may be missing.
            assert!(at + 1 == text.len() || !is_hot(&text.as_bytes()[..at]));
            for byte in *b" \r\n\t<>/\"'&=:x!?\0\xC3" {
                let mut bytes: Vec<u8> = text.into();
                bytes[at] = byte;
                is_hot(&bytes);
                bytes.insert(at, byte);
                is_hot(&bytes);
                bytes.drain(at..at + 2);
                is_hot(&bytes);
            }
        }
    }
}
