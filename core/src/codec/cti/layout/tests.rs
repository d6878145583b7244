//! The three layouts, read and written.
use super::*;
use crate::codec::cti::message::{KvList, KvValue, Message, Value};
use alloc::string::String;
use alloc::vec::Vec;

fn codes(entry: &Entry) -> Vec<&'static str> {
    entry.warnings.iter().map(Warning::code).collect()
}

/// A message with everything in it that all three layouts can express.
fn rich() -> Message {
    let deep = KvList::default().with_str("deep", "é中").with("n", KvValue::Int(i32::MIN));
    let inner = KvList::default().with("inner", KvValue::List(deep)).with("empty", KvValue::List(KvList::default())).with_str("after", "x");
    let list = KvList::default()
        .with_str("a b", "say \"hi\" [x] = 'y'")
        .with("outer", KvValue::List(inner))
        .with("blob", KvValue::Bin([0, 1, 254].into()))
        .with_str("a b", "");
    Message::new(96)
        .with("AttributeEventSequenceNumber", Value::Long(10_777))
        .with("Time", Value::Time { secs: 1_503_433_320, micros: 7 })
        .with("AttributeThisDN", Value::Str("two\nlines".into()))
        .with("AttributeConnID", Value::Conn(0x0077_028a_809f_7004))
        .with("AttributeUserData", Value::Kv(list))
        .with("AttributeBlob", Value::Bytes([1, 2, 3].into()))
        .with("AttributeReasons", Value::Kv(KvList::default()))
        .with("AttributeErrorCode", Value::Int(-1))
}

type Writer = fn(Option<&Head<'_>>, &Message, &Style, &mut String);
const WRITERS: [(Layout, Writer); 3] = [(Layout::P1, write_p1), (Layout::P2, write_p2), (Layout::T, write_t)];

#[test]
fn what_is_written_reads_back_in_every_layout() {
    for (layout, write) in WRITERS {
        for seed_compat in [false, true] {
            for direction in [Direction::ToServer, Direction::FromServer] {
                let name = if direction == Direction::ToServer { "RequestDistributeUserEvent" } else { "EventUserEvent" };
                let id = crate::codec::cti::catalogue::id(name).expect("known");
                let message = Message { id, name: name.into(), ..rich() };
                let head = Head { time: "2017-08-22 16:59:31,150", direction, endpoint: "SIPS - tcp://192.0.2.10:33243" };
                let mut text = String::new();
                write(Some(&head), &message, &Style { seed_compat, ..Style::default() }, &mut text);
                let entries = read(&text);
                let [entry] = entries.as_slice() else { panic!("one entry in\n{text}") };
                assert_eq!(entry.message, message, "{text}");
                assert_eq!((entry.layout, entry.direction, &*entry.time, &*entry.endpoint), (layout, direction, head.time, head.endpoint), "{text}");
                assert!(entry.warnings.is_empty(), "{:?}", entry.warnings);
            }
        }
    }
}

#[test]
fn passwords_are_hidden_and_stay_hidden() {
    let list =
        KvList::default().with_str("UserPassWord", "p1").with("l", KvValue::List(KvList::default().with("SSN-no", KvValue::Int(123)))).with_str("Spin", "p3");
    let message = Message::new(8).with("AttributePassword", Value::Str("p0".into())).with("AttributeExtensions", Value::Kv(list));
    for (_, write) in WRITERS {
        let mut text = String::new();
        write(None, &message, &Style::default(), &mut text);
        assert!(!["p0", "p1", "123", "p3"].iter().any(|secret| text.contains(secret)), "{text}");
        assert_eq!(text.matches("[output suppressed]").count(), 4, "{text}");
        let mut again = String::new();
        write(None, &read(&text)[0].message, &Style::default(), &mut again);
        assert_eq!(text, again);
    }
}

#[test]
fn headers_other_servers_write() {
    let body = "\tAttributeThisDN\t'5002'\n\tAttributeCallState\t0 (Ok)\n";
    for head in [
        "2017-08-22T16:59:31.150 Trc 04541 Message EventRinging received from 'sipserver@5002'",
        "16:59:31.150 Int 04543 Interaction message \"EventRinging\" received from 65200 (\"SIPTS@3020\")",
        "16:59:31.150 received from 65200(SIPTS)host:7007(fd=) message EventRinging",
        "@16:59:31.1500 [0] 8.1.101.43 distribute_event: message EventRinging",
        "message EventRinging",
    ] {
        let entries = read(&alloc::format!("{head}\n{body}"));
        assert_eq!(entries.len(), 1, "{head}");
        assert_eq!(
            (entries[0].message.id, entries[0].message.str("AttributeThisDN"), entries[0].direction),
            (60, Some("5002"), Direction::FromServer),
            "{head}"
        );
        assert_eq!(entries[0].message.int("AttributeCallState"), Some(0));
        assert!(entries[0].warnings.is_empty(), "{head}: {:?}", entries[0].warnings);
    }
}

#[test]
fn strange_things_are_warnings() {
    let text = "message: 'EventRinging' (60) attributes:\n  AttributeA [int] = 99999999999\n  AttributeB [dbl] = 1.5\n  'k' [str] = \"no list\"\nfree text\n  \
                AttributeC [bstr] = [2] 00\n  AttributeD [bstr] = KVList:\n  'x' [int] = y\n  'z' [long] = 5\n  AttributeE [str] = \"open";
    let entries = read(text);
    assert_eq!(codes(&entries[0]), ["bad-int", "unknown-type", "stray-line", "stray-line", "bad-bytes", "bad-int", "unknown-type", "unterminated-string"]);
    assert_eq!(entries[0].message.get("AttributeB"), Some(&Value::Unknown { tag: "dbl".into(), text: "1.5".into() }));
    for warning in &entries[0].warnings {
        let sentence = alloc::format!("{warning}");
        assert!(sentence.ends_with('.') && sentence.len() < 120, "{sentence}");
    }
}

#[test]
fn lists_are_cut_at_the_depth_limit() {
    let mut text = String::from("message: 'EventUserEvent' (96) attributes:\nAttributeUserData [bstr] = KVList:\n");
    for depth in 0..100 {
        text.push_str(&"\t".repeat(depth));
        text.push_str("'l' [list] = KVList:\n");
    }
    let entries = read(&text);
    assert_eq!(codes(&entries[0]).iter().filter(|code| **code == "too-deep").count(), 100 - 31);
}
