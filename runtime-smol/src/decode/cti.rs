//! T-Library messages: logs and bridge lines.
use super::Found;
use serde_json::{Map, Value as Json};
use uc_core::codec::cti::bridge::{Dir, parse_message};
use uc_core::codec::cti::layout::{Direction, Layout, Mask, read};
use uc_core::codec::cti::{KvList, KvValue, Message, Value};

/// All messages of a log.
pub(super) fn log(text: &str) -> Vec<Found> {
    let entry = |entry: uc_core::codec::cti::layout::Entry| {
        let direction = match entry.direction {
            Direction::ToServer => "client-to-server",
            Direction::FromServer => "server-to-client",
            Direction::Unknown => "-",
        };
        let layout = match entry.layout {
            Layout::P1 => "P1",
            Layout::P2 => "P2",
            Layout::T => "T",
        };
        let faults = entry.warnings.iter().map(ToString::to_string).collect();
        found(layout, direction, &entry.time, &entry.message, faults)
    };
    read(text).into_iter().map(entry).collect()
}

/// The JSON object of a line, which may have `A>`, `B<` in front.
pub(super) fn bridge_line(line: &str) -> Option<&str> {
    let json = match line.as_bytes() {
        [b'A'..=b'Z', b'<' | b'>', ..] => &line[2..],
        _ => line,
    }
    .trim();
    (json.starts_with("{\"v\"") || (json.starts_with('{') && json.contains("\"dir\":"))).then_some(json)
}

/// A transcript of the bridge; lines that are no bridge lines are comments.
pub(super) fn bridge(text: &str) -> Vec<Found> {
    text.lines().filter_map(|line| bridge_line(line.trim_start())).map(one_line).collect()
}

fn one_line(line: &str) -> Found {
    let json: Json = match serde_json::from_str(line) {
        Ok(json) => json,
        Err(why) => return found("bridge", "-", "", &Message::default(), vec![why.to_string()]),
    };
    if json["dir"] == "ctl" {
        let op = Message { name: json["op"].as_str().unwrap_or("-").into(), ..Message::default() };
        let mut shown = found("bridge", "-", "", &op, Vec::new());
        let hidden = ["v", "seq", "dir", "op", "token"];
        let fields: Vec<String> =
            json.as_object().into_iter().flatten().filter(|(k, _)| !hidden.contains(&k.as_str())).map(|(k, v)| format!("{k}={v}")).collect();
        shown.cells[2] = fields.join(" ");
        return shown;
    }
    match parse_message(line.as_bytes()) {
        Ok((dir, message)) => found("bridge", if dir == Dir::Request { "client-to-server" } else { "server-to-client" }, "", &message, Vec::new()),
        Err(fault) => found("bridge", "-", "", &Message::default(), vec![fault.to_string()]),
    }
}

fn found(style: &str, direction: &str, time: &str, message: &Message, faults: Vec<String>) -> Found {
    let attributes = key_attributes(message);
    let mut fields = Map::new();
    for (name, value) in [("style", style), ("direction", direction), ("message", &*message.name), ("time", time)] {
        fields.insert(name.into(), super::or_dash(value).into());
    }
    fields.insert("id".into(), message.id.into());
    fields.insert("key_attributes".into(), attributes.clone().into());
    let arrow = match direction {
        "client-to-server" => "-> ",
        "server-to-client" => "<- ",
        _ => "",
    };
    let dn = message.str("AttributeThisDN").unwrap_or("");
    Found { fields, cells: [format!("{arrow}{}", message.name), dn.to_owned(), attributes.replace(';', " ")], faults }
}

/// `Name=value;…` as in the manifest: times left out, lists as `Name:key/inner=value`, hidden what is secret.
fn key_attributes(message: &Message) -> String {
    let mask = Mask::default();
    let mut parts = Vec::new();
    for (name, value) in message.attrs.iter().filter(|(name, _)| !name.starts_with("AttributeTimein")) {
        if mask.attributes.contains(name) {
            parts.push(format!("{name}=***"));
            continue;
        }
        match value {
            Value::Time { .. } => {}
            Value::Kv(list) => pairs(&format!("{name}:"), list, &mask, &mut parts),
            Value::Int(n) => parts.push(format!("{name}={n}")),
            Value::Long(n) => parts.push(format!("{name}={n}")),
            Value::Conn(id) => parts.push(format!("{name}={id:016x}")),
            Value::Bytes(bytes) => parts.push(format!("{name}=0x{}", hex(bytes))),
            Value::Str(text) | Value::Unknown { text, .. } => parts.push(format!("{name}={}", escape(text))),
        }
    }
    parts.join(";")
}

fn pairs(path: &str, list: &KvList, mask: &Mask, parts: &mut Vec<String>) {
    for (key, value) in &list.pairs {
        let folded = key.to_lowercase();
        match value {
            KvValue::List(inner) => pairs(&format!("{path}{key}/"), inner, mask, parts),
            _ if mask.key_parts.iter().any(|part| folded.contains(&**part)) => parts.push(format!("{path}{key}=***")),
            KvValue::Str(text) => parts.push(format!("{path}{key}={}", escape(text))),
            KvValue::Int(n) => parts.push(format!("{path}{key}={n}")),
            KvValue::Bin(bytes) => parts.push(format!("{path}{key}=0x{}", hex(bytes))),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace(';', "%3B").replace('\t', "%09").replace('\n', "%0A")
}
