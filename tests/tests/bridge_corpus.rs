//! Bridge transcripts of the corpus against reader, writer and whole messages. Transcripts added later are tested without a change here.
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use uc_core::action::{CtiOut, CtiReq, ShortText};
use uc_core::codec::cti::bridge::{Dir, Line, Reader, RouterLine, Writer, parse_message, preview_result, print_message};
use uc_core::codec::cti::{CtiFault, KvList, KvValue, Message, Value, fuzz_bridge, fuzz_router};
use uc_core::config::{Config, CtiConfig, CtiPace, CtiTimers, Person, PersonDn, Redundancy, SwitchConfig, TServerConfig};
use uc_core::cti_event::{RouterData, RouterMessage};
use uc_core::entropy::Seed;
use uc_core::id::{CtiLinkId, DnId, SwitchId};
use uc_core::offer::{PreviewAnswer, PreviewStatus};
use uc_core::presence::{Class, StateRequest, Why};
use uc_core::{Connector, Mono, Now};

/// A line of a transcript: file and number for messages, connection, direction, wire.
struct Row {
    place: String,
    connection: char,
    to_bridge: bool,
    wire: String,
}

fn transcripts() -> Vec<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/bridge");
    let mut paths: Vec<_> = fs::read_dir(folder).expect("corpus").map(|found| found.expect("file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "txt"));
    paths.sort();
    assert!(paths.len() >= 6, "the transcripts are in the corpus");
    paths.iter().map(|path| rows(path)).collect()
}

fn rows(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).expect("UTF-8");
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|(line, number)| {
            let place = format!("{}:{number}", path.display());
            let (prefix, wire) = line.split_at_checked(2).unwrap_or_else(|| panic!("{place}: prefix"));
            let to_bridge = match &prefix[1..] {
                ">" => true,
                "<" => false,
                _ => panic!("{place}: direction"),
            };
            Row { place, connection: prefix.chars().next().expect("prefix"), to_bridge, wire: wire.into() }
        })
        .collect()
}

/// The message as an independent parser sees it.
fn oracle(json: &Json) -> Message {
    let attrs = json["attrs"].as_array().expect("attrs").iter();
    Message {
        id: json["id"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("id"),
        name: json["name"].as_str().expect("name").into(),
        attrs: attrs.map(|attr| (attr[0].as_str().expect("name").into(), value(attr[1].as_str().expect("type"), &attr[2]))).collect(),
    }
}

fn value(kind: &str, json: &Json) -> Value {
    let text = || json.as_str().expect("string");
    match kind {
        "int" => Value::Int(int(json)),
        "long" => Value::Long(text().parse().expect("long")),
        "str" => Value::Str(text().into()),
        "conn" => Value::Conn(u64::from_str_radix(text(), 16).expect("conn")),
        "bytes" => Value::Bytes(base64(text()).into()),
        "time" => Value::Time { secs: json[0].as_i64().expect("seconds"), micros: int(&json[1]) },
        "kvlist" => Value::Kv(list(json)),
        "unknown" => Value::Unknown { tag: json["tag"].as_str().expect("tag").into(), text: json["text"].as_str().expect("text").into() },
        other => panic!("type {other}"),
    }
}

fn int(json: &Json) -> i32 {
    json.as_i64().and_then(|value| i32::try_from(value).ok()).expect("int")
}

fn list(json: &Json) -> KvList {
    let pair = |pair: &Json| {
        let value = &pair["value"];
        let value = match pair["type"].as_str().expect("type") {
            "str" => KvValue::Str(value.as_str().expect("str").into()),
            "int" => KvValue::Int(int(value)),
            "bin" => KvValue::Bin(base64(value.as_str().expect("bin")).into()),
            "kvlist" => KvValue::List(list(value)),
            other => panic!("type {other}"),
        };
        (pair["key"].as_str().expect("key").into(), value)
    };
    KvList { pairs: json.as_array().expect("list").iter().map(pair).collect() }
}

/// Bit by bit, unlike the codec.
fn base64(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> = text.chars().filter_map(|c| alphabet.find(c)).flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
}

/// A connector that would say what `json` (an `open` line, or nothing) says, with one worker on DN 5002.
fn connector(open: Option<&Json>) -> Connector {
    let text = |field: &str| open.and_then(|open| open[field].as_str()).unwrap_or("x");
    let redundancy = match text("mode") {
        "hot" => Redundancy::Hot,
        "warm" => Redundancy::Warm,
        _ => Redundancy::Single,
    };
    let channel = text("ch");
    let server = TServerConfig { name: channel.strip_prefix("tserver:").unwrap_or(channel).into(), address: "127.0.0.1:1".into() };
    let switch = SwitchConfig { name: "S".into(), servers: vec![server], redundancy, session: text("session").into(), linger_s: 30, free_dns: Vec::new() };
    let (switches, routers) = if channel == "custom" { (Vec::new(), vec![switch]) } else { (vec![switch], Vec::new()) };
    // Without a switch there is no DN either.
    let dns: Vec<PersonDn> = switches.iter().map(|_| PersonDn { number: "5002".into(), switch: 0 }).collect();
    let person = Person { employee_id: "e".into(), agent_login: "5002".into(), dns: dns.into(), ..Person::default() };
    let config = Config {
        application: text("client").into(),
        cti: CtiConfig { switches, routers, timers: CtiTimers::default(), pace: CtiPace { requests_per_s: 0, window_max: 0 } },
        people: vec![person],
        ..Config::default()
    };
    Connector::new(Arc::new(config), Seed([7; 32]), Now { mono: Mono(0), unix_ms: 0 })
}

fn request(json: &Json, message: &Message) -> CtiOut {
    let status = message.kv("AttributeReasons").and_then(|reasons| reasons.str("KW_UC_STATUS"));
    let state = |ready| CtiReq::State(StateRequest { ready, work_mode: None, why: Why::Presence(status.and_then(Class::from_token).expect("a known status")) });
    let req = match json["id"].as_u64() {
        Some(2) => CtiReq::QueryAddress,
        Some(3) => CtiReq::RegisterAddress,
        Some(4) => CtiReq::UnregisterAddress,
        Some(8) => CtiReq::AgentLogin,
        Some(9) => CtiReq::AgentLogout,
        Some(10) => state(true),
        Some(11) => state(false),
        other => panic!("a request the connector never sends: {other:?}"),
    };
    CtiOut::Request { ref_id: message.int("AttributeReferenceID").expect("reference").cast_unsigned(), dn: DnId(0), req }
}

/// The action that makes the connector send this line.
fn action(json: &Json, wire: &str) -> CtiOut {
    let n = || json["n"].as_u64().and_then(|n| u32::try_from(n).ok()).expect("n");
    match (json["dir"].as_str(), json["op"].as_str()) {
        (Some("req"), _) => request(json, &parse_message(wire.as_bytes()).expect("a request").1),
        (_, Some("hello")) => CtiOut::Hello,
        (_, Some("open")) => CtiOut::Open { linger_s: json["linger_s"].as_u64().and_then(|value| u16::try_from(value).ok()).expect("linger_s") },
        (_, Some("ping")) => CtiOut::Ping { n: n() },
        (_, Some("pong")) => CtiOut::Pong { n: n() },
        (_, Some("bye")) => CtiOut::Bye,
        (_, Some("error")) => CtiOut::Unsupported { op: ShortText::new(json["text"].as_str().expect("text")) },
        other => panic!("a line the connector never sends: {other:?}"),
    }
}

/// The answer to a router as the connector makes it, from the answer on the wire.
fn result(wire: &Message) -> Message {
    let text = |name: &str| Box::from(wire.str(name).expect("text"));
    let words =
        [PreviewStatus::Accepted, PreviewStatus::Rejected, PreviewStatus::Timeout, PreviewStatus::Canceled, PreviewStatus::Unavailable, PreviewStatus::Error];
    let status = words.into_iter().find(|status| wire.str("Status") == Some(status.word())).expect("a status");
    let answer = PreviewAnswer { status, text: text("StatusMessage"), user: None, agent: text("agent"), dn: text("dn"), switch: text("switch") };
    let Some((_, Value::Long(number))) = wire.attrs.iter().find(|(name, _)| &**name == "RequestID") else { panic!("RequestID") };
    preview_result(*number, &answer, &text("redirectNumber"))
}

#[test]
fn the_writer_prints_what_the_connector_sends_byte_for_byte() {
    for rows in transcripts() {
        let mut writers: BTreeMap<char, Writer> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.to_bridge) {
            let json: Json = serde_json::from_str(&row.wire).expect("JSON");
            if json["op"] == "hello" {
                writers.insert(row.connection, Writer::new(json["token"].as_str()));
            }
            let mut out = Vec::new();
            let writer = writers.get_mut(&row.connection).expect("hello comes first");
            if json["name"] == "PreviewInteractionResult" {
                writer.encode_message(&result(&parse_message(row.wire.as_bytes()).expect("a result").1), &mut out);
                assert_eq!(String::from_utf8(out).expect("UTF-8"), format!("{}\n", row.wire), "{}", row.place);
                continue;
            }
            let connector = connector((json["op"] == "open").then_some(&json));
            if json["ch"] != "custom" {
                assert_eq!(connector.directory().dn_by_number(SwitchId(0), "5002"), Some(DnId(0)));
            }
            assert!(writer.encode(&action(&json, &row.wire), &connector, CtiLinkId(0), &mut |_| None, &mut out), "{}", row.place);
            let printed = String::from_utf8(out).expect("UTF-8");
            // The status of a logout is the worker's presence, and nobody told this connector any.
            let expected = if json["id"] == 9 { row.wire.replace("\"offline\"", "\"unknown\"") } else { row.wire.clone() };
            assert_eq!(printed, expected + "\n", "{}", row.place);
        }
    }
}

#[test]
fn whole_messages_agree_with_an_independent_parser_and_print_byte_for_byte() {
    let mut messages = 0;
    for row in transcripts().iter().flatten() {
        let json: Json = serde_json::from_str(&row.wire).expect("JSON");
        let parsed = parse_message(row.wire.as_bytes());
        if json["dir"] == "ctl" {
            assert_eq!(parsed, Err(CtiFault::Direction { got: "ctl".into() }), "{}", row.place);
            continue;
        }
        let (dir, message) = parsed.unwrap_or_else(|fault| panic!("{}: {fault}", row.place));
        assert_eq!(dir, if row.to_bridge { Dir::Request } else { Dir::Event }, "{}", row.place);
        assert_eq!(message, oracle(&json), "{}", row.place);
        let mut out = Vec::new();
        print_message(dir, json["seq"].as_u64().expect("seq"), &message, &mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), format!("{}\n", row.wire), "{}", row.place);
        messages += 1;
    }
    assert!(messages > 40, "{messages}");
}

/// What [`Line`] should say about an event, from the whole message.
fn check_digest(line: &Line<'_>, message: &Message, place: &str) {
    let Line::Event(event) = line else { panic!("{place}: {line:?}") };
    let (reasons, extensions) = (message.kv("AttributeReasons"), message.kv("AttributeExtensions"));
    assert_eq!((event.id, event.name), (message.id, &*message.name), "{place}");
    assert_eq!(event.ref_id, message.int("AttributeReferenceID").unwrap_or_default().cast_unsigned(), "{place}");
    assert_eq!(event.this_dn, message.str("AttributeThisDN").unwrap_or_default(), "{place}");
    assert_eq!(event.agent_id, message.str("AttributeAgentID"), "{place}");
    assert_eq!(event.work_mode, message.int("AttributeAgentWorkMode"), "{place}");
    assert_eq!(event.error_code, message.int("AttributeErrorCode"), "{place}");
    assert_eq!(event.error_text, message.str("AttributeErrorMessage").unwrap_or_default(), "{place}");
    assert_eq!(event.kw_status, reasons.and_then(|list| list.str("KW_UC_STATUS")), "{place}");
    assert_eq!(event.kw_note, reasons.and_then(|list| list.str("KW_UC_NOTE")), "{place}");
    assert_eq!(event.agent_status, extensions.and_then(|list| list.int("AgentStatus")), "{place}");
    assert_eq!(event.snapshot_work_mode, extensions.and_then(|list| list.int("AgentWorkMode")), "{place}");
}

/// What [`RouterMessage`] should say, from the whole message.
fn check_router(found: &RouterMessage<'_>, message: &Message, place: &str) {
    let attr = |name: &str| message.attrs.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| match attr(name) {
        Some(Value::Str(text)) => text.to_string(),
        _ => String::new(),
    };
    assert_eq!(found.name, *message.name, "{place}");
    assert_eq!(attr("RequestID"), found.request.map(Value::Long).as_ref(), "{place}");
    for (field, name) in [
        (&found.agent, "agent"),
        (&found.conn, "connId"),
        (&found.dn, "dn"),
        (&found.media, "mediaType"),
        (&found.switch, "switch"),
        (&found.targets, "targets"),
        (&found.text, "StatusMessage"),
    ] {
        assert_eq!(**field, text(name), "{place}: {name}");
    }
    match (&found.data, attr("userData")) {
        (RouterData::Text(found), _) => assert_eq!(**found, text("userData"), "{place}"),
        (RouterData::Pairs(found), Some(Value::Kv(list))) => {
            let mut expected = Vec::new();
            flat(list, &mut expected);
            assert_eq!(found.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<Vec<_>>(), expected, "{place}");
        }
        other => panic!("{place}: {other:?}"),
    }
}

fn flat(list: &KvList, out: &mut Vec<(String, String)>) {
    for (key, value) in &list.pairs {
        match value {
            KvValue::Str(text) => out.push((key.to_string(), text.to_string())),
            KvValue::Int(number) => out.push((key.to_string(), number.to_string())),
            KvValue::List(list) => flat(list, out),
            KvValue::Bin(_) => panic!("no bytes in the corpus"),
        }
    }
}

/// Takes one line of a bridge as its channel wants, and checks what was understood.
fn take(reader: &mut Reader, custom: bool, row: &Row) -> Result<(), CtiFault> {
    let whole = parse_message(row.wire.as_bytes());
    if custom {
        match (reader.decode_router(row.wire.as_bytes())?, whole) {
            (RouterLine::Message(found), Ok((_, message))) => check_router(&found, &message, &row.place),
            (RouterLine::Control(_), Err(_)) => {}
            other => panic!("{}: {other:?}", row.place),
        }
        return Ok(());
    }
    let line = reader.decode(row.wire.as_bytes())?;
    match whole {
        Ok((_, message)) => check_digest(&line, &message, &row.place),
        Err(_) => assert!(matches!(line, Line::Control(_)), "{}", row.place),
    }
    Ok(())
}

#[test]
fn the_reader_takes_every_line_of_the_bridge_in_order_and_no_other_order() {
    for rows in transcripts() {
        let mut readers: BTreeMap<char, Reader> = BTreeMap::new();
        let custom = rows.iter().any(|row| row.wire.contains("\"ch\":\"custom\""));
        for row in &rows {
            if row.to_bridge {
                // A `hello` opens a new connection, and with it a new count.
                if row.wire.contains("\"op\":\"hello\"") {
                    readers.insert(row.connection, Reader::default());
                }
                continue;
            }
            let reader = readers.get_mut(&row.connection).expect("hello comes first");
            let before = reader.clone();
            take(reader, custom, row).unwrap_or_else(|fault| panic!("{}: {fault}", row.place));
            assert!(matches!(reader.clone().decode(row.wire.as_bytes()), Err(CtiFault::Seq { .. })), "{}: a repeat", row.place);
            let gap = row.wire.replacen("\"seq\":", "\"seq\":1", 1);
            assert!(matches!(before.clone().decode(gap.as_bytes()), Err(CtiFault::Seq { .. })), "{}: a gap", row.place);
        }
    }
}

/// A small generator: the same numbers on every run.
fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn damaged_lines_are_never_taken_for_json_when_they_are_not() {
    let mut random = 0x2545_f491_4f6c_dd1d;
    let (mut taken, mut refused) = (0, 0);
    for row in transcripts().iter().flatten() {
        fuzz_bridge(row.wire.as_bytes());
        fuzz_router(row.wire.as_bytes());
        for _ in 0..200 {
            let mut damaged = row.wire.clone().into_bytes();
            for _ in 0..1 + xorshift(&mut random) % 3 {
                let at = xorshift(&mut random) % damaged.len();
                match xorshift(&mut random) % 3 {
                    0 => damaged[at] = b"\"\\{}[]:,-.019tnu \n\x00\xc3"[xorshift(&mut random) % 20],
                    1 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, b"\"\\{}[]:,-.019tnu \n\x00\xc3"[xorshift(&mut random) % 20]),
                }
            }
            fuzz_bridge(&damaged);
            fuzz_router(&damaged);
            let ours = parse_message(&damaged).is_ok() || Reader::default().decode(&damaged).is_ok();
            let theirs = serde_json::from_slice::<Json>(&damaged).is_ok();
            assert!(theirs || !ours, "taken, but no JSON: {}", String::from_utf8_lossy(&damaged));
            let malformed = matches!(Reader::default().decode(&damaged), Err(CtiFault::Utf8 { .. }));
            assert!(!(theirs && malformed), "refused, but JSON: {}", String::from_utf8_lossy(&damaged));
            taken += usize::from(ours);
            refused += usize::from(!ours);
        }
    }
    assert!(taken > 500 && refused > 500, "taken {taken}, refused {refused}");
}
