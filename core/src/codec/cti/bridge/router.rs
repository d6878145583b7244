//! Messages of routers on the channel `custom`, and the answer to them (`spec/bridge.md` 7, `spec/uc-connector-functional.md` 5.3).
//!
//! Names of attributes are read in any case: one published list writes `connId`, the next `ConnID`. The first of a name counts. Unknown attributes are checked as
//! JSON and ignored. What was asked for in numbers is taken as text, for DNs are written either way.
use super::KV_DEPTH_MAX;
use super::whole::parse_long;
use crate::codec::cti::CtiFault;
use crate::codec::cti::json::{Raw, Scalar, Scanner};
use crate::codec::cti::message::{Message, Value};
use crate::cti_event::{RouterData, RouterMessage};
use crate::offer::{PreviewAnswer, PreviewOp};
use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Pairs of user data.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads `attrs`; the scanner stands before its bracket.
pub(super) fn router_message<'a>(name: Raw<'a>, scanner: &mut Scanner<'a>) -> Result<RouterMessage<'a>, CtiFault> {
    let mut message = RouterMessage { name: cow(name), ..RouterMessage::default() };
    let (mut status, mut data) = (Cow::Borrowed(""), None);
    scanner.expect(b'[', "the list of attributes")?;
    let mut first = true;
    while scanner.item(first)? {
        first = false;
        scanner.expect(b'[', "an attribute")?;
        let attribute = scanner.string()?;
        scanner.expect(b',', "the type of an attribute")?;
        let kind = scanner.string()?.text;
        scanner.expect(b',', "the value of an attribute")?;
        let is = |name: &str| attribute.text.eq_ignore_ascii_case(name);
        let slot = match () {
            () if is("RequestID") => {
                let number = number(scanner, kind)?;
                message.request = message.request.or(Some(number));
                None
            }
            () if is("userData") => {
                let read = user_data(scanner, attribute, kind)?;
                data = data.or(Some(read));
                None
            }
            () if is("agent") => Some(&mut message.agent),
            () if is("connId") => Some(&mut message.conn),
            () if is("dn") || is("ThisDN") => Some(&mut message.dn),
            () if is("mediaType") => Some(&mut message.media),
            () if is("switch") => Some(&mut message.switch),
            () if is("targets") => Some(&mut message.targets),
            () if is("StatusMessage") => Some(&mut status),
            () if is("Message") => Some(&mut message.text),
            () => {
                scanner.scalar()?;
                None
            }
        };
        if let Some(slot) = slot {
            let text = text(scanner, attribute, kind)?;
            if slot.is_empty() {
                *slot = text;
            }
        }
        scanner.expect(b']', "the end of an attribute")?;
    }
    message.data = data.unwrap_or_default();
    if !status.is_empty() {
        message.text = status;
    }
    // Without a number nobody can be answered, and a router waits for its answer for ever.
    if message.request.is_none() && PreviewOp::from_name(&message.name) != Some(PreviewOp::Cancel) {
        return Err(CtiFault::Missing { field: "RequestID" });
    }
    Ok(message)
}

fn cow(raw: Raw<'_>) -> Cow<'_, str> {
    if raw.escaped { Cow::Owned(raw.unescape().into()) } else { Cow::Borrowed(raw.text) }
}

fn number(scanner: &mut Scanner<'_>, kind: &str) -> Result<i64, CtiFault> {
    let number = match (kind, scanner.scalar()?) {
        ("long", Scalar::Str(raw)) => parse_long(raw.text),
        ("int", Scalar::Int(value)) => i32::try_from(value).ok().map(i64::from),
        _ => None,
    };
    number.ok_or_else(|| CtiFault::Type { field: "RequestID".into(), expected: "a long: a decimal string, signed, 64 bits" })
}

/// A text; empty when it came as bytes because it is in another character set.
fn text<'a>(scanner: &mut Scanner<'a>, name: Raw<'_>, kind: &str) -> Result<Cow<'a, str>, CtiFault> {
    match (kind, scanner.scalar()?) {
        ("str" | "long" | "conn", Scalar::Str(raw)) => Ok(cow(raw)),
        ("int", Scalar::Int(value)) => Ok(Cow::Owned(value.to_string())),
        ("bytes" | "unknown", _) => Ok(Cow::Borrowed("")),
        _ => Err(CtiFault::Type { field: name.unescape(), expected: "a str" }),
    }
}

fn user_data<'a>(scanner: &mut Scanner<'a>, name: Raw<'_>, kind: &str) -> Result<RouterData<'a>, CtiFault> {
    if kind != "kvlist" {
        return text(scanner, name, kind).map(RouterData::Text);
    }
    let mut found = Vec::new();
    pairs(scanner, KV_DEPTH_MAX, &mut found)?;
    Ok(RouterData::Pairs(found))
}

/// The pairs of a list and of the lists in it, each under its own key.
fn pairs<'a>(scanner: &mut Scanner<'a>, levels: u32, found: &mut Pairs<'a>) -> Result<(), CtiFault> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(CtiFault::Depth { at: 0, max: KV_DEPTH_MAX });
    };
    scanner.expect(b'[', "a list of pairs")?;
    let mut first = true;
    while scanner.item(first)? {
        first = false;
        scanner.expect(b'{', "a pair")?;
        let (mut key, mut kind, mut value, mut first) = (None, None, None, true);
        while let Some(field) = scanner.key(first)? {
            first = false;
            match field.text {
                "key" => key = Some(scanner.string()?),
                "type" => kind = Some(scanner.string()?.text),
                "value" => value = Some(scanner.skip_value()?),
                _ => {
                    scanner.scalar()?;
                }
            }
        }
        let key = key.ok_or(CtiFault::Missing { field: "key" })?;
        let mut value = value.ok_or(CtiFault::Missing { field: "value" })?;
        match kind.ok_or(CtiFault::Missing { field: "type" })? {
            "kvlist" => pairs(&mut value, levels, found)?,
            kind => match (kind, value.scalar()?) {
                // Bytes are shown as they travel: in base64.
                ("str" | "bin", Scalar::Str(value)) => found.push((cow(key), cow(value))),
                ("int", Scalar::Int(value)) => found.push((cow(key), Cow::Owned(value.to_string()))),
                _ => return Err(CtiFault::Type { field: key.unescape(), expected: "a str, int, bin or kvlist" }),
            },
        }
    }
    Ok(())
}

/// `PreviewInteractionResult`, the answer to request `request`. `redirect`: the worker's external number, empty without.
#[must_use]
pub fn preview_result(request: i64, answer: &PreviewAnswer, redirect: &str) -> Message {
    let text = |text: &str| Value::Str(text.into());
    let message = Message { id: 0, name: "PreviewInteractionResult".into(), ..Message::default() };
    message
        .with("RequestID", Value::Long(request))
        .with("Status", text(answer.status.word()))
        .with("StatusMessage", text(&answer.text))
        .with("agent", text(&answer.agent))
        .with("dn", text(&answer.dn))
        .with("switch", text(&answer.switch))
        .with("redirectNumber", text(redirect))
}

#[cfg(test)]
mod tests;
