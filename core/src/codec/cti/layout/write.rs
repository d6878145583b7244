//! Writes messages in each of the three layouts (`spec/genesys-protocols.md` 2.3).
use super::mask::Mask;
use super::value::SUPPRESSED;
use super::{Direction, Layout};
use crate::codec::cti::catalogue::{AttrType, attr_type};
use crate::codec::cti::message::{KvList, KvValue, Message, Value};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;

/// Header line of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Time stamp, already formatted.
    pub time: &'a str,
    /// Who sends.
    pub direction: Direction,
    /// The other side.
    pub endpoint: &'a str,
}

/// How to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// P1 exactly as in the published trace: `KVLList:`, pairs without indent, two blanks at the end of every line but the last.
    pub seed_compat: bool,
    /// What is hidden.
    pub mask: Mask,
}

/// Appends a message in layout P1, with its header if given.
pub fn write_p1(head: Option<&Head<'_>>, message: &Message, style: &Style, out: &mut String) {
    let mut page = Page::new(Layout::P1, style, out);
    if let Some(head) = head {
        let words = if head.direction == Direction::FromServer { "Received message from" } else { "Sending message to" };
        page.line(format_args!("{} Dbg 09900 {words} '{}'", head.time, head.endpoint));
    }
    page.line(format_args!("message: '{}' ({}) attributes:", message.name, message.id));
    page.attributes_p(message, "    ");
    page.end();
}

/// Appends a message in layout P2, with its header if given.
pub fn write_p2(head: Option<&Head<'_>>, message: &Message, style: &Style, out: &mut String) {
    let mut page = Page::new(Layout::P2, style, out);
    if let Some(head) = head {
        let words = if head.direction == Direction::FromServer { "Received message from" } else { "Sending message to" };
        page.line(format_args!("{} UCC DEBUG [THREAD : 1] - {words} {}", head.time, head.endpoint));
    }
    page.line(format_args!("'{}' ('{}')", message.name, message.id));
    page.line(format_args!("message attributes:"));
    page.attributes_p(message, "");
    page.end();
}

/// Appends a message in layout T, with its header if given. The layout has neither numbers nor the names of time structures: they are read back from the
/// catalogue and as `Time`.
pub fn write_t(head: Option<&Head<'_>>, message: &Message, style: &Style, out: &mut String) {
    let mut page = Page::new(Layout::T, style, out);
    if let Some(head) = head {
        let words = if head.direction == Direction::FromServer { "Trc 04542" } else { "Trc 04541" };
        let verb = if head.direction == Direction::FromServer { "sent to" } else { "received from" };
        page.line(format_args!("{} {words} {} {verb} {}", head.time, message.name, head.endpoint));
    }
    page.line(format_args!("message {}", message.name));
    for (name, value) in &message.attrs {
        page.attribute_t(name, value);
    }
    page.end();
}

struct Page<'a> {
    layout: Layout,
    style: &'a Style,
    out: &'a mut String,
    started: bool,
}

impl<'a> Page<'a> {
    const fn new(layout: Layout, style: &'a Style, out: &'a mut String) -> Self {
        Self { layout, style, out, started: false }
    }

    const fn seed(&self) -> bool {
        self.style.seed_compat && matches!(self.layout, Layout::P1)
    }

    /// Begins a new line and prints its content.
    fn line(&mut self, content: core::fmt::Arguments<'_>) {
        if self.started {
            self.out.push_str(if self.seed() { "  \n" } else { "\n" });
        }
        self.started = true;
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(content);
    }

    fn end(&mut self) {
        self.out.push('\n');
    }

    fn attributes_p(&mut self, message: &Message, indent: &str) {
        let marker = if self.seed() { "KVLList:" } else { "KVList:" };
        for (name, value) in &message.attrs {
            if self.style.mask.hides_attribute(name) {
                self.line(format_args!("{indent}{name} [str] = {SUPPRESSED}"));
                continue;
            }
            match value {
                Value::Int(value) => self.line(format_args!("{indent}{name} [int] = {value}")),
                Value::Long(value) => self.line(format_args!("{indent}{name} [long] = {value}")),
                Value::Str(value) => self.line(format_args!("{indent}{name} [str] = \"{value}\"")),
                Value::Bytes(value) => self.line(format_args!("{indent}{name} [bstr] = {}", Hex(value))),
                Value::Conn(value) => self.line(format_args!("{indent}{name} [long] = {value:016x}")),
                Value::Time { secs, micros } => {
                    self.line(format_args!("{indent}{name} = ComplexClass(TimeStamp):"));
                    self.line(format_args!("{indent}\tAttributeTimeinuSecs [int] = {micros}"));
                    self.line(format_args!("{indent}\tAttributeTimeinSecs [int] = {secs}"));
                }
                Value::Unknown { tag, text } => self.line(format_args!("{indent}{name} [{tag}] = \"{text}\"")),
                Value::Kv(list) => {
                    self.line(format_args!("{indent}{name} [bstr] = {marker}"));
                    let depth = if self.seed() { 0 } else { 2 };
                    self.pairs_p(list, depth, marker);
                }
            }
        }
    }

    fn pairs_p(&mut self, list: &KvList, depth: usize, marker: &str) {
        for (key, value) in &list.pairs {
            let tabs = Tabs(depth);
            if self.style.mask.hides_key(key) {
                self.line(format_args!("{tabs}'{key}' [str] = {SUPPRESSED}"));
                continue;
            }
            match value {
                KvValue::Str(value) => self.line(format_args!("{tabs}'{key}' [str] = \"{value}\"")),
                KvValue::Int(value) => self.line(format_args!("{tabs}'{key}' [int] = {value}")),
                KvValue::Bin(value) => self.line(format_args!("{tabs}'{key}' [bstr] = {}", Hex(value))),
                KvValue::List(list) => {
                    self.line(format_args!("{tabs}'{key}' [list] = {marker}"));
                    self.pairs_p(list, depth + 1, marker);
                }
            }
        }
    }

    fn attribute_t(&mut self, name: &str, value: &Value) {
        if self.style.mask.hides_attribute(name) {
            return self.line(format_args!("\t{name}\t{SUPPRESSED}"));
        }
        match value {
            Value::Int(value) => self.line(format_args!("\t{name}\t{value}")),
            Value::Long(value) if attr_type(name) == Some(AttrType::Long) => self.line(format_args!("\t{name}\t{value:016x}")),
            Value::Long(value) => self.line(format_args!("\t{name}\t{value}")),
            Value::Str(value) => self.line(format_args!("\t{name}\t'{value}'")),
            Value::Bytes(value) => self.line(format_args!("\t{name}\t{}", Hex(value))),
            Value::Conn(value) => self.line(format_args!("\t{name}\t{value:016x}")),
            Value::Time { secs, micros } => {
                self.line(format_args!("\tAttributeTimeinuSecs\t{micros}"));
                self.line(format_args!("\tAttributeTimeinSecs\t{secs}"));
            }
            Value::Unknown { text, .. } => self.line(format_args!("\t{name}\t{text}")),
            Value::Kv(list) => {
                let [high, low] = (list.pairs.len() as u16).to_be_bytes();
                self.line(format_args!("\t{name}\t[{}] {high:02x} {low:02x} 00 00..", packed_bytes(list, &self.style.mask)));
                for pair in &list.pairs {
                    self.line(format_args!("{}", Tabs(2)));
                    self.pair_t(pair, 2);
                }
            }
        }
    }

    /// One pair on the line that was begun; a list continues on its own line and below, one TAB deeper.
    fn pair_t(&mut self, (key, value): &(Box<str>, KvValue), depth: usize) {
        let _ = if self.style.mask.hides_key(key) {
            write!(self.out, "'{key}'\t{SUPPRESSED}")
        } else {
            match value {
                KvValue::Str(value) => write!(self.out, "'{key}'\t'{value}'"),
                KvValue::Int(value) => write!(self.out, "'{key}'\t{value}"),
                KvValue::Bin(value) => write!(self.out, "'{key}'\t{}", Hex(value)),
                KvValue::List(list) => return self.list_t(key, list, depth + 1),
            }
        };
    }

    fn list_t(&mut self, key: &str, list: &KvList, depth: usize) {
        let _ = write!(self.out, "'{key}'(list)");
        for (at, pair) in list.pairs.iter().enumerate() {
            if at == 0 {
                self.out.push(' ');
            } else {
                self.line(format_args!("{}", Tabs(depth)));
            }
            self.pair_t(pair, depth);
        }
    }
}

/// Length of the packed form, as the samples in the corpus count it: 4, and for each pair 6, its key and its value (a number has 4 bytes). Hidden values
/// count as what is printed for them: their length is a secret too.
fn packed_bytes(list: &KvList, mask: &Mask) -> usize {
    let pair = |(key, value): &(Box<str>, KvValue)| {
        let value = match value {
            _ if mask.hides_key(key) => SUPPRESSED.len(),
            KvValue::Str(text) => text.len(),
            KvValue::Int(_) => 4,
            KvValue::Bin(bytes) => bytes.len(),
            KvValue::List(list) => packed_bytes(list, mask),
        };
        6 + key.len() + value
    };
    4 + list.pairs.iter().map(pair).sum::<usize>()
}

struct Tabs(usize);

impl core::fmt::Display for Tabs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (0..self.0).try_for_each(|_| f.write_str("\t"))
    }
}

struct Hex<'a>(&'a [u8]);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "[{}]", self.0.len())?;
        self.0.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}
