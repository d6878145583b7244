//! Values as they stand behind `=` or a TAB.
use super::Warning;
use crate::codec::cti::catalogue::{AttrType, attr_type};
use crate::codec::cti::message::Value;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A value, or what must happen to get it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Value(Value),
    /// A list follows on the next lines.
    List,
    /// A string that goes on behind its opening quote, maybe on the next lines.
    Quoted,
    /// Nothing usable.
    Bad(Warning),
    /// Usable, but strange.
    Odd(Value, Warning),
}

/// Printed instead of a masked value.
pub(super) const SUPPRESSED: &str = "[output suppressed]";

fn bad_int(name: &str, text: &str) -> Parsed {
    Parsed::Bad(Warning::BadInt { name: name.into(), text: text.chars().take(40).collect::<alloc::string::String>().into() })
}

/// A value of P1 or P2, its trailing blanks cut.
pub(super) fn value_p(name: &str, tag: &str, text: &str) -> Parsed {
    if text.starts_with("KVList:") || text.starts_with("KVLList:") {
        return Parsed::List;
    }
    match tag {
        "int" => text.parse().map_or_else(|_| bad_int(name, text), |value| Parsed::Value(Value::Int(value))),
        "long" => long_p(name, text),
        "str" | "bstr" | "list" if text.starts_with('"') => Parsed::Quoted,
        "bstr" if text.starts_with('[') && text != SUPPRESSED => {
            bytes(text).map_or_else(|| Parsed::Bad(Warning::BadBytes { name: name.into() }), |bytes| Parsed::Value(Value::Bytes(bytes)))
        }
        "str" | "bstr" | "list" => Parsed::Value(Value::Str(text.into())),
        _ => {
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
            let value = Value::Unknown { tag: tag.into(), text: inner.into() };
            Parsed::Odd(value, Warning::UnknownType { name: name.into(), tag: tag.into() })
        }
    }
}

/// Logs write connection ids as `long` too: the dictionary tells, else sixteen digits that look like an id.
fn long_p(name: &str, text: &str) -> Parsed {
    let looks_like_id = text.len() == 16 && (text.starts_with('0') || text.bytes().any(|byte| byte.is_ascii_alphabetic()));
    let value = match attr_type(name) {
        Some(AttrType::Conn) => hex(text).map(Value::Conn),
        None if looks_like_id => hex(text).map(Value::Conn),
        _ => text.parse().ok().map(Value::Long),
    };
    value.map_or_else(|| bad_int(name, text), Parsed::Value)
}

/// A value of an attribute in T.
pub(super) fn value_t(name: &str, text: &str) -> Parsed {
    let kind = attr_type(name);
    if text.starts_with('\'') {
        return Parsed::Quoted;
    }
    if text == SUPPRESSED {
        return Parsed::Value(Value::Str(text.into()));
    }
    if text.starts_with('[') {
        // The packed form of a list is cut after a few bytes; only the pairs below count.
        return if kind == Some(AttrType::Kv) || text.ends_with("..") { Parsed::List } else { bytes_t(name, text) };
    }
    let digits = text.split_once(" (").map_or(text, |(digits, _)| digits);
    let value = match kind {
        Some(AttrType::Conn) => hex(digits).map(Value::Conn),
        Some(AttrType::Long) if digits.len() == 16 => hex(digits).map(|value| Value::Long(value.cast_signed())),
        Some(AttrType::Long) => digits.parse().ok().map(Value::Long),
        Some(AttrType::Int) if name != "AttributeTimeinSecs" => digits.parse().ok().map(Value::Int),
        _ if digits.len() == 16 && hex(digits).is_some() => hex(digits).map(Value::Conn),
        _ => digits.parse().map(Value::Int).or_else(|_| digits.parse().map(Value::Long)).ok(),
    };
    value.map_or_else(|| bad_int(name, text), Parsed::Value)
}

/// A value of a pair in T: text, bytes or a number.
pub(super) fn pair_t(key: &str, text: &str) -> Parsed {
    if text.starts_with('\'') {
        Parsed::Quoted
    } else if text == SUPPRESSED {
        Parsed::Value(Value::Str(text.into()))
    } else if text.starts_with('[') {
        bytes_t(key, text)
    } else {
        text.parse().map_or_else(|_| bad_int(key, text), |value| Parsed::Value(Value::Int(value)))
    }
}

fn bytes_t(name: &str, text: &str) -> Parsed {
    bytes(text).map_or_else(|| Parsed::Bad(Warning::BadBytes { name: name.into() }), |bytes| Parsed::Value(Value::Bytes(bytes)))
}

fn hex(text: &str) -> Option<u64> {
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

/// `[n] hh hh …`
fn bytes(text: &str) -> Option<Box<[u8]>> {
    let (count, digits) = text.strip_prefix('[')?.split_once(']')?;
    let count: usize = count.parse().ok()?;
    let pair = |word: &str| if word.len() == 2 { u8::from_str_radix(word, 16).ok() } else { None };
    let bytes = digits.split_ascii_whitespace().map(pair).collect::<Option<Vec<u8>>>()?;
    (bytes.len() == count).then(|| bytes.into())
}
