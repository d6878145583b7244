//! Whole lines: every attribute with its value, both ways. For logs, tools and whatever plays the far side; it allocates.
use super::reader::{int, text};
use super::{KV_DEPTH_MAX, json_depth};
use crate::codec::cti::CtiFault;
use crate::codec::cti::json::{Scalar, Scanner, decode_base64, encode_base64, push_int, push_number, push_string};
use crate::codec::cti::message::{KvList, KvValue, Message, Value};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// `req`: connector to server.
    Request,
    /// `evt`: server to connector.
    Event,
}

impl Dir {
    /// Value of `dir`.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Request => "req",
            Self::Event => "evt",
        }
    }
}

/// Parses a `req` or `evt` line, without its line end. Line numbers are not judged: that is the connection's business.
///
/// # Errors
/// A [`CtiFault`] when the line is not `ucc-bridge/1`, or [`CtiFault::Direction`] when it is a control line.
pub fn parse_message(line: &[u8]) -> Result<(Dir, Message), CtiFault> {
    let mut scanner = Scanner::new(line, json_depth(KV_DEPTH_MAX))?;
    scanner.expect(b'{', "an object")?;
    let (mut v, mut seq, mut dir, mut id, mut name, mut attrs, mut first) = (None, None, None, None, None, None, true);
    while let Some(key) = scanner.key(first)? {
        first = false;
        let field = match key.text {
            "v" => &mut v,
            "seq" => &mut seq,
            "dir" => &mut dir,
            "id" => &mut id,
            "name" => &mut name,
            "attrs" => {
                attrs = Some(scanner.skip_value()?);
                continue;
            }
            _ => {
                scanner.scalar()?;
                continue;
            }
        };
        *field = Some(scanner.scalar()?);
    }
    scanner.end()?;
    match int(v, "v")? {
        1 => {}
        v => return Err(CtiFault::Version { got: alloc::format!("v {v}").into() }),
    }
    int(seq, "seq")?;
    let dir = match text(dir, "dir")?.text {
        "req" => Dir::Request,
        "evt" => Dir::Event,
        other => return Err(CtiFault::Direction { got: other.into() }),
    };
    let id = super::reader::unsigned(id, "id")?;
    let attrs = parse_attrs(attrs.ok_or(CtiFault::Missing { field: "attrs" })?)?;
    Ok((dir, Message { id, name: text(name, "name")?.unescape(), attrs }))
}

fn parse_attrs(mut scanner: Scanner<'_>) -> Result<Vec<(Box<str>, Value)>, CtiFault> {
    let mut attrs = Vec::new();
    scanner.expect(b'[', "the list of attributes")?;
    while scanner.item(attrs.is_empty())? {
        scanner.expect(b'[', "an attribute")?;
        let name = scanner.string()?.unescape();
        scanner.expect(b',', "the type of an attribute")?;
        let kind = scanner.string()?.text;
        scanner.expect(b',', "the value of an attribute")?;
        let value = parse_value(&mut scanner, kind, &name)?;
        scanner.expect(b']', "the end of an attribute")?;
        attrs.push((name, value));
    }
    Ok(attrs)
}

fn wrong<T>(field: &str, expected: &'static str) -> Result<T, CtiFault> {
    Err(CtiFault::Type { field: field.into(), expected })
}

fn parse_value(scanner: &mut Scanner<'_>, kind: &str, field: &str) -> Result<Value, CtiFault> {
    match kind {
        "kvlist" => return Ok(Value::Kv(parse_list(scanner, field, KV_DEPTH_MAX)?)),
        "time" => return parse_time(scanner, field),
        "unknown" => return parse_unknown(scanner),
        _ => {}
    }
    let value = scanner.scalar()?;
    let text = match value {
        Scalar::Str(raw) => Some(raw.unescape()),
        _ => None,
    };
    match (kind, value, text) {
        ("int", Scalar::Int(value), _) => i32::try_from(value).map(Value::Int).or_else(|_| wrong(field, "an int (signed, 32 bits)")),
        ("str", _, Some(text)) => Ok(Value::Str(text)),
        ("long", _, Some(text)) => parse_long(&text).map_or_else(|| wrong(field, "a long: a decimal string, signed, 64 bits"), |value| Ok(Value::Long(value))),
        ("conn", _, Some(text)) => parse_conn(&text).map_or_else(|| wrong(field, "a conn: 16 lower-case hex digits"), |value| Ok(Value::Conn(value))),
        ("bytes", _, Some(text)) => decode_base64(&text).map_or_else(|| wrong(field, "bytes in base64"), |value| Ok(Value::Bytes(value.into()))),
        ("int" | "str" | "long" | "conn" | "bytes", ..) => wrong(field, "a value of its type"),
        _ => wrong(field, "a value of a known type"),
    }
}

/// A decimal number as we would print it: no plus sign, no leading zeros.
pub(super) fn parse_long(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" && digits.len() == text.len() || digits.starts_with(|first: char| matches!(first, '1'..='9'));
    if plain { text.parse().ok() } else { None }
}

fn parse_conn(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

fn parse_time(scanner: &mut Scanner<'_>, field: &str) -> Result<Value, CtiFault> {
    scanner.expect(b'[', "a time: seconds and microseconds")?;
    let secs = scanner.number()?;
    scanner.expect(b',', "microseconds")?;
    let micros = scanner.number()?.and_then(|micros| i32::try_from(micros).ok());
    scanner.expect(b']', "the end of a time")?;
    match (secs, micros) {
        (Some(secs), Some(micros)) => Ok(Value::Time { secs, micros }),
        _ => wrong(field, "a time: seconds and microseconds"),
    }
}

fn parse_unknown(scanner: &mut Scanner<'_>) -> Result<Value, CtiFault> {
    scanner.expect(b'{', "an object with tag and text")?;
    let (mut tag, mut content, mut first) = (None, None, true);
    while let Some(key) = scanner.key(first)? {
        first = false;
        match key.text {
            "tag" => tag = Some(scanner.scalar()?),
            "text" => content = Some(scanner.scalar()?),
            _ => {
                scanner.scalar()?;
            }
        }
    }
    Ok(Value::Unknown { tag: text(tag, "tag")?.unescape(), text: text(content, "text")?.unescape() })
}

fn parse_list(scanner: &mut Scanner<'_>, field: &str, levels: u32) -> Result<KvList, CtiFault> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(CtiFault::Depth { at: 0, max: KV_DEPTH_MAX });
    };
    let mut list = KvList::default();
    scanner.expect(b'[', "a list of pairs")?;
    while scanner.item(list.pairs.is_empty())? {
        scanner.expect(b'{', "a pair")?;
        let (mut name, mut kind, mut value, mut first) = (None, None, None, true);
        while let Some(key) = scanner.key(first)? {
            first = false;
            match key.text {
                "key" => name = Some(scanner.scalar()?),
                "type" => kind = Some(scanner.scalar()?),
                "value" => value = Some(scanner.skip_value()?),
                _ => {
                    scanner.scalar()?;
                }
            }
        }
        let value = value.ok_or(CtiFault::Missing { field: "value" })?;
        let value = parse_pair(value, text(kind, "type")?.text, field, levels)?;
        list.pairs.push((text(name, "key")?.unescape(), value));
    }
    Ok(list)
}

fn parse_pair(mut scanner: Scanner<'_>, kind: &str, field: &str, levels: u32) -> Result<KvValue, CtiFault> {
    if kind == "kvlist" {
        return Ok(KvValue::List(parse_list(&mut scanner, field, levels)?));
    }
    match (kind, parse_value(&mut scanner, if kind == "bin" { "bytes" } else { kind }, field)?) {
        ("str", Value::Str(value)) => Ok(KvValue::Str(value)),
        ("int", Value::Int(value)) => Ok(KvValue::Int(value)),
        ("bin", Value::Bytes(value)) => Ok(KvValue::Bin(value)),
        _ => wrong(field, "a list of str, int, bin and kvlist"),
    }
}

/// Appends a `req` or `evt` line with its line end.
pub fn print_message(dir: Dir, seq: u64, message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"v\":1,\"seq\":");
    push_number(seq, out);
    out.extend_from_slice(b",\"dir\":\"");
    out.extend_from_slice(dir.token().as_bytes());
    out.extend_from_slice(b"\",\"id\":");
    push_number(u64::from(message.id), out);
    out.extend_from_slice(b",\"name\":");
    push_string(&message.name, out);
    out.extend_from_slice(b",\"attrs\":[");
    for (at, (name, value)) in message.attrs.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"[" } else { b",[" });
        push_string(name, out);
        print_value(value, out);
        out.push(b']');
    }
    out.extend_from_slice(b"]}\n");
}

fn print_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int(value) => {
            out.extend_from_slice(b",\"int\",");
            push_int(i64::from(*value), out);
        }
        Value::Long(value) => {
            out.extend_from_slice(b",\"long\",\"");
            push_int(*value, out);
            out.push(b'"');
        }
        Value::Str(value) => {
            out.extend_from_slice(b",\"str\",");
            push_string(value, out);
        }
        Value::Bytes(value) => {
            out.extend_from_slice(b",\"bytes\",\"");
            encode_base64(value, out);
            out.push(b'"');
        }
        Value::Kv(list) => {
            out.extend_from_slice(b",\"kvlist\",");
            print_list(list, out);
        }
        Value::Conn(value) => {
            out.extend_from_slice(b",\"conn\",\"");
            out.extend_from_slice(alloc::format!("{value:016x}\"").as_bytes());
        }
        Value::Time { secs, micros } => {
            out.extend_from_slice(b",\"time\",[");
            push_int(*secs, out);
            out.push(b',');
            push_int(i64::from(*micros), out);
            out.push(b']');
        }
        Value::Unknown { tag, text } => {
            out.extend_from_slice(b",\"unknown\",{\"tag\":");
            push_string(tag, out);
            out.extend_from_slice(b",\"text\":");
            push_string(text, out);
            out.push(b'}');
        }
    }
}

fn print_list(list: &KvList, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, (key, value)) in list.pairs.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"key\":" } else { b",{\"key\":" });
        push_string(key, out);
        match value {
            KvValue::Str(value) => {
                out.extend_from_slice(b",\"type\":\"str\",\"value\":");
                push_string(value, out);
            }
            KvValue::Int(value) => {
                out.extend_from_slice(b",\"type\":\"int\",\"value\":");
                push_int(i64::from(*value), out);
            }
            KvValue::Bin(value) => {
                out.extend_from_slice(b",\"type\":\"bin\",\"value\":\"");
                encode_base64(value, out);
                out.push(b'"');
            }
            KvValue::List(value) => {
                out.extend_from_slice(b",\"type\":\"kvlist\",\"value\":");
                print_list(value, out);
            }
        }
        out.push(b'}');
    }
    out.push(b']');
}
