//! The attributes of a start tag, in one pass: name, `=`, quoted value (XML 1.0, section 3.1).
//!
//! A tag is read once when it is entered and asked for its attributes many times; so they are kept as found. What is accepted is what quick-xml accepts:
//! no blank is needed between two attributes, and names are not checked. Not here: references in values, namespaces (`doc`).
use alloc::borrow::Cow;
use memchr::memchr;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::{AttrError, Attribute, Attributes};
use quick_xml::name::QName;

/// So many attributes are compared each with each; quick-xml looks for repeated names in longer lists.
const COMPARED_MAX: usize = 32;

/// What is wrong with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Not written as `name="value"`.
    Shape,
    /// The name stands twice in the tag.
    Repeated,
}

/// One attribute as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attr<'a> {
    pub(super) name: &'a str,
    /// Empty without one.
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    /// Between the quotes, unresolved.
    pub(super) raw: &'a str,
    /// Nothing in the value needs resolving, normalising or checking.
    pub(super) plain: bool,
}

impl<'a> Attr<'a> {
    /// The value with references resolved and white space normalised (XML 1.0, section 3.3.3).
    pub(super) fn value(&self) -> Option<Cow<'a, str>> {
        if self.plain {
            return Some(Cow::Borrowed(self.raw));
        }
        Attribute { key: QName(self.name), value: Cow::Borrowed(self.raw) }.normalized_value(XmlVersion::Implicit1_0).ok()
    }
}

/// What is left of a tag.
pub(super) struct Scan<'a>(pub(super) &'a str);

impl<'a> Scan<'a> {
    /// The next attribute; `seen` are those before it.
    pub(super) fn next(&mut self, seen: &[Attr<'a>]) -> Result<Option<Attr<'a>>, Wrong> {
        let Some(name) = self.name()? else { return Ok(None) };
        if seen.len() <= COMPARED_MAX && seen.iter().any(|other| other.name == name) {
            return Err(Wrong::Repeated);
        }
        let raw = self.value()?;
        let (prefix, local) = split(name);
        let plain = !raw.bytes().any(|b| b < b' ' || matches!(b, b'&' | b'<'));
        Ok(Some(Attr { name, prefix, local, raw, plain }))
    }

    fn name(&mut self) -> Result<Option<&'a str>, Wrong> {
        self.blank();
        let bytes = self.0.as_bytes();
        if bytes.is_empty() {
            return Ok(None);
        }
        let len = 1 + bytes[1..].iter().position(|b| *b == b'=' || is_blank(*b)).ok_or(Wrong::Shape)?;
        let (name, rest) = self.0.split_at_checked(len).ok_or(Wrong::Shape)?;
        self.0 = rest;
        self.blank();
        self.0 = self.0.strip_prefix('=').ok_or(Wrong::Shape)?;
        Ok(Some(name))
    }

    fn value(&mut self) -> Result<&'a str, Wrong> {
        self.blank();
        let bytes = self.0.as_bytes();
        let quote = bytes.first().copied().filter(|b| matches!(b, b'"' | b'\'')).ok_or(Wrong::Shape)?;
        let len = memchr(quote, &bytes[1..]).ok_or(Wrong::Shape)?;
        let (value, rest) = (self.0.get(1..=len), self.0.get(len + 2..));
        self.0 = rest.ok_or(Wrong::Shape)?;
        value.ok_or(Wrong::Shape)
    }

    fn blank(&mut self) {
        let len = self.0.bytes().position(|b| !is_blank(b)).unwrap_or(self.0.len());
        self.0 = self.0.get(len..).unwrap_or_default();
    }
}

/// Looks for repeated names where there are too many attributes to compare each with each.
pub(super) fn check_many(attributes: &str, count: usize) -> Result<(), Wrong> {
    if count <= COMPARED_MAX {
        return Ok(());
    }
    let repeated = Attributes::new(attributes, 0).any(|attribute| matches!(attribute, Err(AttrError::Duplicated(..))));
    if repeated { Err(Wrong::Repeated) } else { Ok(()) }
}

/// Prefix (or nothing) and local name.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.bytes().position(|b| b == b':') {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
        None => ("", name),
    }
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// Ours, in words.
    fn ours(text: &str) -> Result<Vec<String>, Wrong> {
        let (mut scan, mut seen) = (Scan(text), Vec::new());
        while let Some(attribute) = scan.next(&seen)? {
            seen.push(attribute);
        }
        check_many(text, seen.len())?;
        Ok(seen.iter().map(|a| format!("{}|{}|{:?}", a.name, a.raw, a.value())).collect())
    }

    /// quick-xml's.
    fn theirs(text: &str) -> Result<Vec<String>, Wrong> {
        Attributes::new(text, 0)
            .map(|attribute| match attribute {
                Ok(a) => Ok(format!("{}|{}|{:?}", a.key.0, a.value, a.normalized_value(XmlVersion::Implicit1_0).ok())),
                Err(AttrError::Duplicated(..)) => Err(Wrong::Repeated),
                Err(_) => Err(Wrong::Shape),
            })
            .collect()
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_read_as_quick_xml_reads_it() {
        let texts = [
            " name=\"state\" instance = '5'\tpublishTime=\"2026-11-21T00:00:00.000\"\r\n",
            " a='\u{e9}\"'b=\"&lt; &amp;\tx\r\n\u{4e2d}\" xml:lang=\"de\" a:a='' :=''",
            " =a='1' ==2 x",
            " a=\"1\" b=\"2\" a=3",
        ];
        for text in texts {
            assert_eq!(ours(text), theirs(text), "{text}");
            for (at, was) in text.char_indices() {
                assert_eq!(ours(&text[..at]), theirs(&text[..at]), "{}", &text[..at]);
                for byte in ["", " ", "=", "'", "\"", ":", "a", "&", "<", "\t"] {
                    let changed = format!("{}{byte}{}", &text[..at], &text[at + was.len_utf8()..]);
                    assert_eq!(ours(&changed), theirs(&changed), "{changed}");
                }
            }
        }
    }

    #[test]
    fn long_lists_are_checked_too() {
        let mut text: String = (0..1_000).map(|n| format!(" a{n}='{n}'")).collect();
        assert_eq!(ours(&text), theirs(&text));
        text.push_str(" a500=''");
        assert_eq!(ours(&text), Err(Wrong::Repeated));
    }
}
