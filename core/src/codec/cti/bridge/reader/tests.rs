//! What the reader takes and what it refuses.
use super::*;
use crate::cti_event::Role;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const HOT: &str = concat!(
    r#"{"v":1,"seq":1,"dir":"evt","id":76,"name":"EventAgentNotReady","attrs":[["AttributeReferenceID","int",4],["AttributeThisDN","str","5002"],"#,
    r#"["AttributeAgentID","str","77"],["AttributeReasons","kvlist",[{"key":"KW_UC_STATUS","type":"str","value":"busy"},"#,
    r#"{"key":"KW_UC_NOTE","type":"str","value":"at \"lunch\""}]]]}"#
);

fn decode(line: &str) -> Result<Line<'_>, CtiFault> {
    Reader::default().decode(line.as_bytes())
}

fn event(line: &str) -> TEvent<'_> {
    match decode(line) {
        Ok(Line::Event(event)) => event,
        other => panic!("{line}: {other:?}"),
    }
}

fn attrs(attrs: &str) -> String {
    format!(r#"{{"v":1,"seq":1,"dir":"evt","id":92,"name":"EventAddressInfo","attrs":[{attrs}]}}"#)
}

#[test]
fn the_digest_of_an_event() {
    let expected = TEvent {
        id: 76,
        name: "EventAgentNotReady",
        ref_id: 4,
        this_dn: "5002",
        agent_id: Some("77"),
        kw_status: Some("busy"),
        kw_note: Some(r#"at \"lunch\""#),
        ..TEvent::default()
    };
    assert_eq!(event(HOT), expected);
}

#[test]
fn field_order_blanks_and_unknown_fields_do_not_matter() {
    let (head, tail) = HOT.split_once(r#""attrs":"#).expect("attrs");
    let list = tail.strip_suffix('}').expect("brace");
    let head = head.strip_prefix('{').and_then(|head| head.strip_suffix(',')).expect("braces");
    let turned = format!("{{ \"x\" : [1.5e3, {{\"y\":null}}, true] ,\"attrs\" :\t{list} , \"op\":3, {head}\r}} ");
    assert_eq!(event(&turned), event(HOT));
}

#[test]
fn the_snapshot_is_read_whatever_the_case_of_its_keys() {
    let line = attrs(concat!(
        r#"["AttributeReferenceID","int",2],["AttributeExtensions","kvlist",[{"key":"l","type":"kvlist","value":[{"key":"AgentStatus","type":"int","value":9}]},"#,
        r#"{"value":3,"key":"agentstatus","type":"int"},{"key":"AgentStatus","type":"int","value":2},{"key":"AgentWorkMode","type":"int","value":-1}]],"#,
        r#"["AttributeAgentWorkMode","int",4],["AttributeErrorCode","int",-2147483648],["AttributeErrorMessage","bytes","AAEC"]"#
    ));
    let event = event(&line);
    assert_eq!((event.agent_status, event.snapshot_work_mode), (Some(3), Some(-1)), "the first of a key counts, nested lists do not");
    assert_eq!((event.work_mode, event.error_code, event.error_text), (Some(4), Some(i32::MIN), ""));
}

#[test]
fn reason_keys_are_those_of_the_configuration() {
    let presence = PresenceConfig { status_key: "S".into(), note_key: "N".into(), ..PresenceConfig::default() };
    let choice = ChoiceConfig { reason_key: "R".into(), ..ChoiceConfig::default() };
    let mut reader = Reader { keys: Keys::new(&presence, &choice), ..Reader::default() };
    let line = attrs(concat!(
        r#"["AttributeReasons","kvlist",[{"key":"KW_UC_STATUS","type":"str","value":"a"},{"key":"N","type":"str","value":"n"},{"key":"S","type":"str","value":"s"},"#,
        r#"{"key":"R","type":"str","value":"r"}]],["AttributeExtensions","kvlist",[{"key":"R","type":"str","value":"e"}]]"#
    ));
    match reader.decode(line.as_bytes()) {
        Ok(Line::Event(event)) => {
            assert_eq!((event.kw_status, event.kw_note, event.reason, event.ext_reason), (Some("s"), Some("n"), Some("r"), Some("e")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn control_lines() {
    let control = |rest: &str| match decode(&format!(r#"{{"v":1,"seq":1,"dir":"ctl",{rest}}}"#)) {
        Ok(Line::Control(control)) => Ok(format!("{control:?}")),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(fault),
    };
    let good: [(&str, Control<'_>); 9] = [
        (r#""op":"welcome","proto":"ucc-bridge/1","line_max":9,"window":7,"ping_s":5"#, Control::Welcome { line_max: 9, window: 7, ping_s: 5 }),
        (r#""op":"welcome","proto":"ucc-bridge/1","window":7,"ping_s":5"#, Control::Welcome { line_max: 1 << 20, window: 7, ping_s: 5 }),
        (r#""op":"opened","ch":"tserver:A","role":"backup","server":"A","version":"8""#, Control::Opened { role: Role::Backup, server: "A" }),
        (r#""op":"role","role":"primary""#, Control::Role { role: Role::Primary }),
        (r#""op":"ping","n":4294967295"#, Control::Ping { n: u32::MAX }),
        (r#""op":"pong","n":0"#, Control::Pong { n: 0 }),
        (r#""op":"error","code":"down","text":"x","fatal":true"#, Control::Error { code: "down", text: "x", fatal: true }),
        (r#""op":"bye""#, Control::Bye),
        (r#""op":"frobnicate","role":7"#, Control::Unknown { op: "frobnicate" }),
    ];
    for (rest, expected) in good {
        assert_eq!(control(rest), Ok(format!("{expected:?}")));
    }
    for (rest, word) in [
        (r#""op":"welcome","proto":"ucc-bridge/2","window":7,"ping_s":5"#, "ucc-bridge/2"),
        (r#""op":"welcome","proto":"ucc-bridge/1","window":7"#, "ping_s"),
        (r#""op":"role","role":"king""#, "role"),
        (r#""op":"ping","n":-1"#, "n"),
        (r#""op":"error","code":"down","fatal":1"#, "fatal"),
        (r#""op":7"#, "op"),
    ] {
        let fault = control(rest).expect_err(rest);
        assert!(fault.to_string().contains(word) && fault.code() == "proto", "{rest}: {fault}");
    }
}

#[test]
fn a_gap_or_a_repeat_is_a_fault() {
    let line = |seq: u64| format!(r#"{{"v":1,"seq":{seq},"dir":"ctl","op":"bye"}}"#);
    for (third, good) in [(3, true), (2, false), (4, false), (0, false)] {
        let mut reader = Reader::default();
        assert!(reader.decode(line(1).as_bytes()).is_ok() && reader.decode(line(2).as_bytes()).is_ok());
        let text = line(third);
        match reader.decode(text.as_bytes()) {
            Err(fault) => assert_eq!((fault.clone(), fault.code(), good), (CtiFault::Seq { expected: 3, got: third }, "seq", false)),
            Ok(_) => assert!(good, "{third}"),
        }
    }
}

#[test]
fn what_is_not_the_protocol_is_a_sentence() {
    let deep = format!(r#"{{"v":1,"seq":1,"dir":"ctl","op":"bye","x":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let bad_attrs = attrs(r#"["AttributeThisDN","int",5]"#);
    let big_int = attrs(r#"["AttributeReferenceID","int",2147483648]"#);
    let no_key = attrs(r#"["AttributeReasons","kvlist",[{"type":"str","value":"x"}]]"#);
    let new_type = attrs(r#"["AttributeNew","double","1.5"]"#);
    for (line, code) in [
        ("", "json"),
        ("[]", "json"),
        ("{}", "proto"),
        (r#"{"v":1"#, "json"),
        (r#"{"v":1,}"#, "json"),
        (r#"{"v":01,"seq":1,"dir":"ctl","op":"bye"}"#, "json"),
        (r#"{"v":1,"seq":1,"dir":"ctl","op":"bye"} x"#, "json"),
        ("{\"v\":1,\"seq\":1,\"dir\":\"ctl\",\"op\":\"b\tye\"}", "json"),
        (r#"{"v":1,"seq":1,"dir":"ctl","op":"\ud800"}"#, "json"),
        (r#"{"v":2,"seq":1,"dir":"ctl","op":"bye"}"#, "proto"),
        (r#"{"v":1,"seq":"1","dir":"ctl","op":"bye"}"#, "proto"),
        (r#"{"v":1,"seq":1,"dir":"req","op":"bye"}"#, "proto"),
        (r#"{"v":1,"seq":1,"dir":"evt","id":1,"name":"x"}"#, "proto"),
        (r#"{"v":1,"seq":1,"dir":"evt","id":-1,"name":"x","attrs":[]}"#, "proto"),
        (r#"{"v":1,"seq":1,"dir":"evt","id":1,"name":"x","attrs":{}}"#, "json"),
        (&deep, "json"),
        (&bad_attrs, "proto"),
        (&big_int, "proto"),
        (&no_key, "proto"),
        (&new_type, "proto"),
    ] {
        let fault = decode(line).expect_err(line);
        let sentence = fault.to_string();
        assert!(fault.code() == code && fault.is_fatal() && sentence.starts_with("The bridge ") && sentence.ends_with('.'), "{line}: {sentence}");
    }
    assert_eq!(Reader::default().decode(b"{\"v\xff"), Err(CtiFault::Utf8 { at: 3 }));
}

#[test]
fn every_cut_of_a_line_is_a_fault_and_none_panics() {
    for at in 0..HOT.len() {
        assert!(decode(&HOT[..at]).is_err(), "cut at {at}");
        let mut bytes: Vec<u8> = HOT.as_bytes().into();
        for byte in [b'"', b'\\', b'{', b']', b'9', 0x80] {
            bytes[at] = byte;
            let _ = Reader::default().decode(&bytes);
            crate::codec::cti::fuzz_bridge(&bytes);
        }
    }
}

#[test]
fn the_call_of_an_event_is_read_in_its_own_type_only() {
    let line = attrs(r#"["AttributeThisDN","str","5002"],["AttributeConnID","conn","0077028a809f7004"],["AttributeCallState","int",1]"#);
    assert_eq!((event(&line).conn, event(&line).call_state), (Some("0077028a809f7004"), Some(1)));
    let line = attrs(r#"["AttributeConnID","long","7"],["AttributeCallState","str","Ok"]"#);
    assert_eq!((event(&line).conn, event(&line).call_state), (None, None));
}
