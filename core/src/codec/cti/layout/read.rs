//! Reads a log: one pass over its lines, one entry open at a time.
use super::line::{Heading, Kind, Lines, classify, split_key};
use super::list::ListBuilder;
use super::value::{Parsed, pair_t, value_p, value_t};
use super::{Direction, Entry, Layout, TEXT_BYTES_MAX, Warning};
use crate::codec::cti::catalogue;
use crate::codec::cti::message::{KvValue, Message, Value};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Reads all messages of a log, whatever layout each is in. Never fails; see [`Entry::warnings`].
#[must_use]
pub fn read(text: &str) -> Vec<Entry> {
    let mut reading = Reading { lines: Lines::new(text), entries: Vec::new(), open: None, head: None };
    while let Some(line) = reading.lines.next() {
        reading.line(line);
    }
    reading.close();
    reading.entries
}

struct Reading<'t> {
    lines: Lines<'t>,
    entries: Vec<Entry>,
    open: Option<Open>,
    /// Header that waits for its message.
    head: Option<Heading<'t>>,
}

/// An entry being read.
struct Open {
    entry: Entry,
    /// List of the attribute of this name.
    list: Option<(Box<str>, ListBuilder)>,
    /// Time structure of this name: seconds and microseconds.
    time: Option<(Box<str>, Option<i64>, Option<i32>)>,
}

impl<'t> Reading<'t> {
    fn line(&mut self, line: &'t str) {
        let layout = self.open.as_ref().map(|open| open.entry.layout);
        match classify(line, layout) {
            Kind::Name { layout, name, id, head } => self.start(layout, name, id, head),
            Kind::Head(head) => self.header(head),
            Kind::Blank | Kind::Trailer => {
                self.close();
                self.head = None;
            }
            Kind::AttrT { name, value } => self.attr_t(name, value),
            Kind::PairT { indent, text } => self.pair_t(indent, text),
            Kind::AttrP { name, tag, value } => self.attr_p(name, tag, value),
            Kind::PairP { indent, key, tag, value } => self.pair_p(indent, key, tag, value),
            Kind::Complex { name, class } => self.complex(name, class),
            Kind::Marker => {}
            Kind::Noise => match &mut self.open {
                Some(open) => open.entry.warnings.push(Warning::StrayLine { line: self.lines.number }),
                None => self.head = None,
            },
        }
    }

    fn header(&mut self, head: Heading<'t>) {
        self.close();
        // Servers print an event first and to whom it was sent afterwards.
        if let (true, Some(last)) = (head.sent, self.entries.last_mut())
            && last.endpoint.is_empty()
            && head.name == Some(&*last.message.name)
        {
            last.endpoint = head.endpoint.into();
        }
        self.head = Some(head);
    }

    fn start(&mut self, layout: Layout, name: &str, id: Option<u32>, head: Option<Heading<'t>>) {
        self.close();
        let waiting = self.head.take();
        let head = head.or_else(|| waiting.filter(|waiting| waiting.name.is_none_or(|named| named == name)));
        let known = catalogue::id(name);
        let mut warnings = Vec::new();
        let number = id.or(known).unwrap_or_default();
        if known.is_none() && (id.is_none() || catalogue::name(number).is_none()) {
            warnings.push(Warning::UnknownMessage { name: name.into(), id: number });
        } else if known != Some(number) {
            warnings.push(Warning::NameIdMismatch { name: name.into(), id: number });
        }
        let direction = head.map_or(Direction::Unknown, |head| head.direction);
        let entry = Entry {
            layout,
            direction: if direction == Direction::Unknown { Direction::of_name(name) } else { direction },
            time: head.map_or("", |head| head.time).into(),
            endpoint: head.map_or("", |head| head.endpoint).into(),
            message: Message { id: number, name: name.into(), attrs: Vec::new() },
            warnings,
        };
        self.open = Some(Open { entry, list: None, time: None });
    }

    fn close(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.settle();
            self.entries.push(open.entry);
        }
    }

    fn attr_p(&mut self, name: &str, tag: &str, value: &'t str) {
        let Some(open) = &mut self.open else { return };
        if open.time_part(name, value) {
            return;
        }
        open.settle();
        let parsed = value_p(name, tag, value.trim_end());
        self.attribute(name, parsed, '"', value);
    }

    fn attr_t(&mut self, name: &str, value: &'t str) {
        if self.open.is_none() {
            // Some servers print the body right below the header.
            let Some(Heading { name: Some(named), .. }) = self.head else { return };
            self.start(Layout::T, named, None, None);
        }
        let Some(open) = &mut self.open else { return };
        open.settle();
        let parsed = value_t(name, value.trim_end());
        self.attribute(name, parsed, '\'', value);
        if let Some(open) = &mut self.open {
            open.join_time();
        }
    }

    fn attribute(&mut self, name: &str, parsed: Parsed, quote: char, value: &'t str) {
        let text = if parsed == Parsed::Quoted { self.quoted(quote, value) } else { None };
        let Some(Open { entry, list, .. }) = &mut self.open else { return };
        match parsed {
            Parsed::Value(value) => entry.message.attrs.push((name.into(), value)),
            Parsed::List => *list = Some((name.into(), ListBuilder::new())),
            Parsed::Quoted => match text {
                Some(text) => entry.message.attrs.push((name.into(), Value::Str(text))),
                None => entry.warnings.push(Warning::Unterminated { name: name.into() }),
            },
            Parsed::Bad(warning) => entry.warnings.push(warning),
            Parsed::Odd(value, warning) => {
                entry.message.attrs.push((name.into(), value));
                entry.warnings.push(warning);
            }
        }
    }

    fn pair_p(&mut self, indent: usize, key: &'t str, tag: &'t str, value: &'t str) {
        self.align(indent);
        let parsed = value_p("", tag, value.trim_end());
        self.pair(key, parsed, indent, '"', value);
    }

    fn pair_t(&mut self, indent: usize, text: &'t str) {
        self.align(indent);
        let (mut text, mut level) = (text, indent);
        while let Some((key, rest)) = split_key(text) {
            let Some(inner) = rest.strip_prefix("(list)") else {
                let value = rest.trim_start();
                let parsed = pair_t(key, value.trim_end());
                return self.pair(key, parsed, level, '\'', value);
            };
            level += 1;
            if let Some(Open { entry, list: Some((_, list)), .. }) = &mut self.open {
                list.open(key, level - 1, Some(level), &mut entry.warnings);
            }
            text = inner.trim_start();
        }
        if !text.is_empty() {
            self.stray();
        }
    }

    fn stray(&mut self) {
        if let Some(open) = &mut self.open {
            open.entry.warnings.push(Warning::StrayLine { line: self.lines.number });
        }
    }

    fn align(&mut self, indent: usize) {
        if let Some(Open { list: Some((_, list)), .. }) = &mut self.open {
            list.align(indent);
        }
    }

    fn pair(&mut self, key: &str, parsed: Parsed, indent: usize, quote: char, value: &'t str) {
        let number = self.lines.number;
        let text = if parsed == Parsed::Quoted { self.quoted(quote, value) } else { None };
        let Some(Open { entry, list, .. }) = &mut self.open else { return };
        let Some((_, list)) = list else {
            entry.warnings.push(Warning::StrayLine { line: number });
            return;
        };
        let value = match parsed {
            Parsed::List => return list.open(key, indent, None, &mut entry.warnings),
            Parsed::Quoted => text.map(KvValue::Str).ok_or_else(|| Warning::Unterminated { name: key.into() }),
            Parsed::Value(value) => pair_value(key, value),
            Parsed::Bad(Warning::BadInt { text, .. }) => Err(Warning::BadInt { name: key.into(), text }),
            Parsed::Bad(_) => Err(Warning::BadBytes { name: key.into() }),
            Parsed::Odd(value, _) => {
                if let Value::Unknown { tag, .. } = &value {
                    entry.warnings.push(Warning::UnknownType { name: key.into(), tag: tag.clone() });
                }
                pair_value(key, value)
            }
        };
        match value {
            Ok(value) => list.push(key, value),
            Err(warning) => entry.warnings.push(warning),
        }
    }

    fn complex(&mut self, name: &str, class: &str) {
        let Some(open) = &mut self.open else { return };
        open.settle();
        if class == "TimeStamp" {
            open.time = Some((name.into(), None, None));
        } else {
            let tag: Box<str> = alloc::format!("ComplexClass({class})").into();
            open.entry.warnings.push(Warning::UnknownType { name: name.into(), tag: tag.clone() });
            open.entry.message.attrs.push((name.into(), Value::Unknown { tag, text: Box::default() }));
        }
    }

    /// The text between the quote `value` begins with and the last quote of its line; if the line does not end with a quote, of the first later line that does,
    /// unless something that is clearly not text comes first.
    fn quoted(&mut self, quote: char, value: &'t str) -> Option<Box<str>> {
        let first = &value[1..];
        if let Some(text) = first.trim_end().strip_suffix(quote) {
            return Some(text.into());
        }
        let layout = self.open.as_ref().map(|open| open.entry.layout);
        let mut ahead = self.lines;
        let mut text = String::from(first);
        while let Some(next) = ahead.next() {
            if !matches!(classify(next, layout), Kind::Blank | Kind::Noise | Kind::Trailer) || text.len() + next.len() > TEXT_BYTES_MAX {
                return None;
            }
            text.push('\n');
            if let Some(last) = next.trim_end().strip_suffix(quote) {
                text.push_str(last);
                self.lines = ahead;
                return Some(text.into());
            }
            text.push_str(next);
        }
        None
    }
}

fn pair_value(key: &str, value: Value) -> Result<KvValue, Warning> {
    match value {
        Value::Int(value) => Ok(KvValue::Int(value)),
        Value::Str(text) | Value::Unknown { text, .. } => Ok(KvValue::Str(text)),
        Value::Bytes(value) => Ok(KvValue::Bin(value)),
        // Lists have no 64-bit numbers; the text would have to be guessed.
        _ => Err(Warning::UnknownType { name: key.into(), tag: "long".into() }),
    }
}

impl Open {
    /// Finishes the list or the time structure that is being read.
    fn settle(&mut self) {
        if let Some((name, list)) = self.list.take() {
            self.entry.message.attrs.push((name, Value::Kv(list.finish())));
        }
        if let Some((name, secs, micros)) = self.time.take() {
            self.entry.message.attrs.push((name, Value::Time { secs: secs.unwrap_or_default(), micros: micros.unwrap_or_default() }));
        }
    }

    /// Takes a member of the time structure that is being read.
    fn time_part(&mut self, name: &str, value: &str) -> bool {
        let Some((_, secs, micros)) = &mut self.time else { return false };
        let value = value.trim_end();
        let good = match name {
            "AttributeTimeinuSecs" if micros.is_none() => value.parse().map(|value| *micros = Some(value)).is_ok(),
            "AttributeTimeinSecs" if secs.is_none() => value.parse().map(|value| *secs = Some(value)).is_ok(),
            _ => return false,
        };
        if !good {
            self.entry.warnings.push(Warning::BadInt { name: name.into(), text: value.chars().take(40).collect::<String>().into() });
        }
        true
    }

    /// Server logs print the time as two attributes in a row.
    fn join_time(&mut self) {
        let attrs = &mut self.entry.message.attrs;
        let [.., (first, Value::Int(micros)), (second, secs)] = attrs.as_slice() else { return };
        let secs = match secs {
            Value::Int(secs) => i64::from(*secs),
            Value::Long(secs) => *secs,
            _ => return,
        };
        if &**first == "AttributeTimeinuSecs" && &**second == "AttributeTimeinSecs" {
            let value = Value::Time { secs, micros: *micros };
            attrs.truncate(attrs.len() - 2);
            attrs.push(("Time".into(), value));
        }
    }
}
