//! The attributes agent-state work needs, read from `attrs` in one pass (`spec/bridge.md` 2, 6).
//!
//! Attributes of no interest are checked as JSON and by the name of their type only; [`super::parse_message`] checks their values too.
use crate::codec::cti::CtiFault;
use crate::codec::cti::json::{Raw, Scalar, Scanner};
use crate::config::{ChoiceConfig, PresenceConfig};
use crate::cti_event::TEvent;
use alloc::boxed::Box;

/// The keys of our own hand-writing in reasons and extensions.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    status: Box<str>,
    note: Box<str>,
    reason: Box<str>,
}

impl Keys {
    pub(super) fn new(presence: &PresenceConfig, choice: &ChoiceConfig) -> Self {
        Self { status: presence.status_key.clone(), note: presence.note_key.clone(), reason: choice.reason_key.clone() }
    }
}

/// Reads `attrs`; the scanner stands before its bracket. Number and name of the message are left for the caller.
pub(super) fn digest<'a>(scanner: &mut Scanner<'a>, keys: &Keys) -> Result<TEvent<'a>, CtiFault> {
    let mut event = TEvent::default();
    scanner.expect(b'[', "the list of attributes")?;
    let mut first = true;
    while scanner.item(first)? {
        first = false;
        if usual(&mut event, scanner, keys)? {
            continue;
        }
        scanner.expect(b'[', "an attribute")?;
        let name = scanner.string()?;
        scanner.expect(b',', "the type of an attribute")?;
        let kind = scanner.string()?;
        scanner.expect(b',', "the value of an attribute")?;
        attribute(&mut event, scanner, name, kind, keys)?;
        scanner.expect(b']', "the end of an attribute")?;
    }
    Ok(event)
}

/// Takes an attribute of those in nearly every event, written without blanks; false leaves it to the general way, with nothing taken.
fn usual<'a>(event: &mut TEvent<'a>, scanner: &mut Scanner<'a>, keys: &Keys) -> Result<bool, CtiFault> {
    let before = *scanner;
    if scanner.literal("[\"AttributeReferenceID\",\"int\",") {
        let value = scanner.number().ok().flatten().and_then(|value| i32::try_from(value).ok());
        if let Some(value) = value.filter(|_| scanner.literal("]")) {
            if event.ref_id == 0 {
                event.ref_id = value as u32;
            }
            return Ok(true);
        }
    } else if scanner.literal("[\"AttributeThisDN\",\"str\",\"") {
        let value = scanner.string_rest()?.text;
        if scanner.literal("]") {
            if event.this_dn.is_empty() {
                event.this_dn = value;
            }
            return Ok(true);
        }
    } else if scanner.literal("[\"AttributeAgentID\",\"str\",\"") {
        let value = scanner.string_rest()?.text;
        if scanner.literal("]") {
            first(&mut event.agent_id, Some(value));
            return Ok(true);
        }
    } else if scanner.literal("[\"AttributeReasons\",\"kvlist\",") {
        reasons(event, scanner, keys)?;
        scanner.expect(b']', "the end of an attribute")?;
        return Ok(true);
    }
    *scanner = before;
    Ok(false)
}

fn reasons<'a>(event: &mut TEvent<'a>, scanner: &mut Scanner<'a>, keys: &Keys) -> Result<(), CtiFault> {
    pairs(scanner, |key, value| {
        if key.text == &*keys.status {
            first(&mut event.kw_status, value.text());
        } else if key.text == &*keys.note {
            first(&mut event.kw_note, value.text());
        } else if key.text == &*keys.reason {
            first(&mut event.reason, value.text());
        }
    })
}

fn attribute<'a>(event: &mut TEvent<'a>, scanner: &mut Scanner<'a>, name: Raw<'a>, kind: Raw<'a>, keys: &Keys) -> Result<(), CtiFault> {
    match name.text {
        "AttributeReferenceID" => {
            let value = int(scanner, name, kind)?;
            if event.ref_id == 0 {
                // Written as a signed number; counts from 1 up on the side that chose it.
                event.ref_id = value.unwrap_or_default() as u32;
            }
        }
        "AttributeThisDN" => {
            let value = text(scanner, name, kind)?;
            if event.this_dn.is_empty() {
                event.this_dn = value.unwrap_or_default();
            }
        }
        "AttributeAgentID" => first(&mut event.agent_id, text(scanner, name, kind)?),
        "AttributeAgentWorkMode" => first(&mut event.work_mode, int(scanner, name, kind)?),
        "AttributeErrorCode" => first(&mut event.error_code, int(scanner, name, kind)?),
        "AttributeErrorMessage" => {
            let value = text(scanner, name, kind)?;
            if event.error_text.is_empty() {
                event.error_text = value.unwrap_or_default();
            }
        }
        "AttributeConnID" if kind.text == "conn" => first(&mut event.conn, scanner.scalar()?.text()),
        "AttributeCallState" if kind.text == "int" => first(&mut event.call_state, scanner.scalar()?.int()),
        "AttributeReasons" if kind.text == "kvlist" => reasons(event, scanner, keys)?,
        "AttributeExtensions" if kind.text == "kvlist" => pairs(scanner, |key, value| {
            // Spelling differs between servers (`spec/genesys-protocols.md` 1.6).
            if key.text.eq_ignore_ascii_case("AgentStatus") {
                first(&mut event.agent_status, value.int());
            } else if key.text.eq_ignore_ascii_case("AgentWorkMode") {
                first(&mut event.snapshot_work_mode, value.int());
            } else if key.text == &*keys.reason {
                first(&mut event.ext_reason, value.text());
            }
        })?,
        _ => {
            if !matches!(kind.text, "int" | "long" | "str" | "conn" | "bytes" | "time" | "kvlist" | "unknown") {
                return Err(CtiFault::Type { field: name.text.into(), expected: "a value of a known type" });
            }
            scanner.scalar()?;
        }
    }
    Ok(())
}

/// The first attribute of a name, and the first pair of a key, counts.
fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

/// The pairs of a list, nested lists not entered.
fn pairs<'a>(scanner: &mut Scanner<'a>, mut pair: impl FnMut(Raw<'a>, Scalar<'a>)) -> Result<(), CtiFault> {
    scanner.expect(b'[', "a list of pairs")?;
    let mut first = true;
    while scanner.item(first)? {
        first = false;
        if scanner.literal("{\"key\":\"") {
            let (key, usual) = (scanner.string_rest()?, *scanner);
            if scanner.literal(",\"type\":\"str\",\"value\":\"") {
                let value = scanner.string_rest()?;
                if scanner.literal("}") {
                    pair(key, Scalar::Str(value));
                    continue;
                }
            }
            // Not the usual order after all: the general way, from behind the key.
            *scanner = usual;
            general_pair(scanner, Some(key), &mut pair)?;
        } else {
            scanner.expect(b'{', "a pair")?;
            general_pair(scanner, None, &mut pair)?;
        }
    }
    Ok(())
}

/// The rest of a pair whose fields come in any order; `key` if it was the first one and is taken already.
fn general_pair<'a>(scanner: &mut Scanner<'a>, mut key: Option<Raw<'a>>, pair: &mut impl FnMut(Raw<'a>, Scalar<'a>)) -> Result<(), CtiFault> {
    let (mut kind, mut value, mut first) = (None, None, key.is_none());
    while let Some(field) = scanner.key(first)? {
        first = false;
        match field.text {
            "key" => key = Some(scanner.string()?),
            "type" => kind = Some(scanner.string()?),
            "value" => value = Some(scanner.scalar()?),
            _ => {
                scanner.scalar()?;
            }
        }
    }
    let key = key.ok_or(CtiFault::Missing { field: "key" })?;
    let kind = kind.ok_or(CtiFault::Missing { field: "type" })?;
    match (kind.text, value.ok_or(CtiFault::Missing { field: "value" })?) {
        ("str", value @ Scalar::Str(_)) | ("int", value @ Scalar::Int(_)) => pair(key, value),
        ("bin", Scalar::Str(_)) | ("kvlist", Scalar::Other) => {}
        _ => return Err(CtiFault::Type { field: key.text.into(), expected: "a str, int, bin or kvlist" }),
    }
    Ok(())
}

impl<'a> Scalar<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Scalar::Str(raw) => Some(raw.text),
            _ => None,
        }
    }

    fn int(self) -> Option<i32> {
        match self {
            Scalar::Int(value) => i32::try_from(value).ok(),
            _ => None,
        }
    }
}

/// A signed 32-bit value; `None` when the server did not give it as a number.
fn int(scanner: &mut Scanner<'_>, name: Raw<'_>, kind: Raw<'_>) -> Result<Option<i32>, CtiFault> {
    let value = scanner.scalar()?;
    match kind.text {
        "int" if value.int().is_some() => Ok(value.int()),
        "bytes" | "unknown" => Ok(None),
        _ => Err(CtiFault::Type { field: name.text.into(), expected: "an int (signed, 32 bits)" }),
    }
}

/// A text; `None` when it came as bytes because it is in another character set.
fn text<'a>(scanner: &mut Scanner<'a>, name: Raw<'_>, kind: Raw<'_>) -> Result<Option<&'a str>, CtiFault> {
    let value = scanner.scalar()?;
    match kind.text {
        "str" if value.text().is_some() => Ok(value.text()),
        "bytes" | "unknown" => Ok(None),
        _ => Err(CtiFault::Type { field: name.text.into(), expected: "a str" }),
    }
}
