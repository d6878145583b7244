//! The known shape of a `categories` document, read in one pass without allocation.
//!
//! This is what the Front End sends on nearly every change (`spec/ms-pres.md` 4.5): one state, possibly a note, attributes in the server's order, double
//! quotes, no prefixes, no references. Anything else, however slightly, is `None` and goes the general way, which is also the oracle: when this pass gives a
//! document, it is the one the general path gives. Only the shape is decided here; values are read by the same functions.
use super::doc::{number, trim};
use super::values::{is_sip_uri, publish_time};
use crate::uc_event::{CategoryDoc, Found, NoteValue, PublishTime, StateValue};
use alloc::borrow::Cow;

const CATEGORIES: &str = "<categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" uri=\"";
const CATEGORY_XMLNS: &str = " xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\"";
const STATE: &str = concat!(
    "<state xsi:type=\"aggregateState\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
    " xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\">"
);
const DELIMITER: &str = "<delimiter xmlns=\"http://schemas.microsoft.com/2006/09/sip/commontypes\"";
const END: &str = "<end xmlns=\"http://schemas.microsoft.com/2006/09/sip/commontypes\"";
const NOTE: &str = "<note xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\">";

/// Element depth of the shape: `limits.xml_depth_max` must allow it.
pub(super) const DEPTH: u32 = 4;

/// Reads a document of the known shape; `None` says nothing about the document but that it has another.
pub(super) fn decode(bytes: &[u8]) -> Option<CategoryDoc<'_>> {
    let mut at = Cursor(core::str::from_utf8(bytes).ok()?);
    at.blank();
    at.expect(CATEGORIES)?;
    let uri = at.value()?;
    at.expect(">")?;
    if !is_sip_uri(uri) {
        return None;
    }
    let mut out = CategoryDoc { uri: Cow::Borrowed(uri), state: Found::Absent, note: Found::Absent, calendar: Found::Absent, others: 0 };
    at.blank();
    while at.eat("<category") {
        at.eat(CATEGORY_XMLNS);
        at.expect(" name=\"")?;
        if at.eat("state\"") && out.state == Found::Absent {
            out.state = state_category(&mut at)?;
        } else if at.eat("note\"") && out.note == Found::Absent {
            out.note = note_category(&mut at)?;
        } else {
            return None;
        }
        at.blank();
    }
    at.expect("</categories>")?;
    at.blank();
    at.0.is_empty().then_some(out)
}

/// The bytes not read yet.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn eat(&mut self, text: &str) -> bool {
        self.0.strip_prefix(text).map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn blank(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// An attribute value up to its quote. Plain characters only: what needs resolving or normalising has another shape.
    fn value(&mut self) -> Option<&'a str> {
        self.until(b'"', |b| b < b' ' || matches!(b, b'&' | b'<'))
    }

    /// Text of an element without children, up to its end tag.
    fn text(&mut self) -> Option<&'a str> {
        let text = self.until(b'<', |b| b < b' ' && !matches!(b, b'\t' | b'\n') || b == b'&')?;
        self.expect("/")?;
        Some(text)
    }

    fn until(&mut self, end: u8, refused: impl Fn(u8) -> bool) -> Option<&'a str> {
        let len = self.0.bytes().position(|b| b == end || refused(b))?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest.strip_prefix(char::from(end))?;
        Some(text)
    }

    /// The end of an empty element, with the server's blank or without; or an element with nothing between its tags.
    fn empty(&mut self, end_tag: &str) -> Option<()> {
        if self.eat(" />") || self.eat("/>") {
            return Some(());
        }
        self.expect(">")?;
        self.expect(end_tag)
    }
}

/// The attributes after `name` and the end of the start tag; `None` in the first place when the category is empty.
fn category<'a>(at: &mut Cursor<'a>) -> Option<(Option<u32>, PublishTime, bool)> {
    let instance = if at.eat(" instance=\"") { number(at.value()?) } else { None };
    let time = if at.eat(" publishTime=\"") { publish_time(trim(at.value()?)) } else { PublishTime(0) };
    if at.eat("/>") || at.eat(" />") {
        return Some((instance, time, false));
    }
    at.expect(">")?;
    at.blank();
    Some((instance, time, true))
}

fn state_category<'a>(at: &mut Cursor<'a>) -> Option<Found<StateValue<'a>>> {
    let (instance, publish_time, open) = category(at)?;
    if !open {
        return Some(Found::Empty);
    }
    at.expect(STATE)?;
    let mut out = StateValue { publish_time, instance, ..StateValue::default() };
    if at.eat("<availability>") {
        out.availability = number(trim(at.text()?));
        at.expect("availability>")?;
    }
    if at.eat("<activity token=\"") {
        out.token = Some(plain(at.value()?)?);
        at.empty("</activity>")?;
    }
    if at.eat(DELIMITER) {
        at.empty("</delimiter>")?;
    }
    if at.eat("<device>") {
        out.device = Some(plain(at.text()?)?);
        at.expect("device>")?;
    }
    if at.eat(END) {
        at.empty("</end>")?;
    }
    at.expect("</state>")?;
    at.blank();
    at.expect("</category>")?;
    Some(Found::Value(out))
}

fn note_category<'a>(at: &mut Cursor<'a>) -> Option<Found<NoteValue<'a>>> {
    let (_, publish_time, open) = category(at)?;
    if !open {
        return Some(Found::Empty);
    }
    at.expect(NOTE)?;
    at.expect("<body type=\"")?;
    let kind = at.value()?;
    at.eat(" uri=\"\"");
    at.expect(">")?;
    let text = at.text()?;
    at.expect("body></note>")?;
    at.blank();
    at.expect("</category>")?;
    if text.is_empty() {
        return Some(Found::Empty);
    }
    Some(Found::Value(NoteValue { text: Cow::Borrowed(text), kind: Cow::Borrowed(kind), publish_time }))
}

/// A value that is not empty and has no blanks to trim.
fn plain(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty() && trim(text).len() == text.len()).then_some(Cow::Borrowed(text))
}
