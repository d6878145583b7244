//! Bodies of the fuzz targets, also run over the corpus by the tests. They panic when a property does not hold.
use super::bridge::{Dir, Line, LineFramer, Reader, RouterLine, Step, parse_message, print_message};
use super::layout::{Layout, Mask, Style, read, write_p1, write_p2, write_t};
use super::{CtiFault, Message, Value};
use crate::cti_event::RouterMessage;
use crate::offer::PreviewOp;
use alloc::string::String;
use alloc::vec::Vec;

/// A stream of bridge lines: cutting it into bytes changes nothing; what parses prints to a line that parses to the same; the digest agrees with the whole.
pub fn fuzz_bridge(data: &[u8]) {
    let lines = frame([data]);
    assert_eq!(lines, frame(data.chunks(1)), "byte-by-byte framing differs");
    for line in lines.iter().flatten() {
        let _ = Reader::default().decode(line);
        if let Ok((dir, message)) = parse_message(line) {
            let mut printed = Vec::new();
            print_message(dir, 1, &message, &mut printed);
            let printed = printed.trim_ascii_end();
            assert_eq!(parse_message(printed), Ok((dir, message.clone())), "printed line does not parse to the same message");
            if dir == Dir::Event {
                compare(&message, Reader::default().decode(printed));
            }
        }
    }
}

fn frame<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Vec<u8>, CtiFault>> {
    let mut framer = LineFramer::new(4096);
    let mut lines = Vec::new();
    for part in parts {
        framer.push(part);
        loop {
            match framer.next() {
                Step::More => break,
                Step::Line(span) => lines.push(Ok(framer.bytes(span).to_vec())),
                Step::Fault(fault) => {
                    lines.push(Err(fault));
                    return lines;
                }
            }
        }
    }
    lines
}

fn compare(message: &Message, line: Result<Line<'_>, CtiFault>) {
    let event = match line {
        Ok(Line::Event(event)) => event,
        // The digest insists on the types of the attributes it needs.
        Err(CtiFault::Type { .. }) => return,
        other => panic!("an event that parses was read as {other:?}"),
    };
    assert_eq!(event.id, message.id);
    if let Some(reference) = message.int("AttributeReferenceID") {
        assert!(event.ref_id == reference as u32 || reference == 0);
    }
    let plain = |text: &&str| !text.is_empty() && text.chars().all(|c| c >= ' ' && c != '"' && c != '\\');
    if let Some(dn) = message.str("AttributeThisDN").filter(plain) {
        assert_eq!(event.this_dn, dn);
    }
    if let Some(login) = message.str("AttributeAgentID").filter(plain) {
        assert_eq!(event.agent_id, Some(login));
    }
}

/// Lines of routers: what is understood agrees with the whole message, and what a message whose values are all good lacks is a fault.
pub fn fuzz_router(data: &[u8]) {
    for line in frame([data]).into_iter().flatten() {
        let found = Reader::default().decode_router(&line);
        // Printed anew it has the number the reader waits for.
        let Ok((Dir::Event, message)) = parse_message(&line) else { continue };
        let mut printed = Vec::new();
        print_message(Dir::Event, 1, &message, &mut printed);
        match Reader::default().decode_router(printed.trim_ascii_end()) {
            Ok(RouterLine::Message(again)) => {
                compare_router(&message, &again);
                if let Ok(RouterLine::Message(found)) = found {
                    assert_eq!(found, again, "printed line is understood otherwise");
                }
            }
            // The reader insists on the types of the attributes it needs, and on a number.
            Err(CtiFault::Type { .. } | CtiFault::Missing { .. } | CtiFault::Depth { .. }) => {}
            other => panic!("a message that parses was read as {other:?}"),
        }
    }
}

fn compare_router(message: &Message, found: &RouterMessage<'_>) {
    assert_eq!(found.name, *message.name);
    assert!(found.request.is_some() || PreviewOp::from_name(&found.name) == Some(PreviewOp::Cancel));
    let first = |name: &str| message.attrs.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    if let Some(Value::Long(number)) = first("RequestID") {
        assert_eq!(found.request, Some(*number));
    }
    for (name, field) in [("agent", &found.agent), ("connId", &found.conn), ("targets", &found.targets)] {
        if let Some(Value::Str(text)) = first(name).filter(|value| !matches!(value, Value::Str(text) if text.is_empty())) {
            assert_eq!(**field, **text, "{name}");
        }
    }
}

/// A log: what was read, written in its own layout and read again, is the same message.
pub fn fuzz_layout(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let style = Style { seed_compat: false, mask: Mask::none() };
    for entry in read(&text) {
        let write = match entry.layout {
            Layout::P1 => write_p1,
            Layout::P2 => write_p2,
            Layout::T => write_t,
        };
        let mut printed = String::new();
        write(None, &entry.message, &style, &mut printed);
        let again = read(&printed);
        assert_eq!(again.len(), 1, "one message became {} in\n{printed}", again.len());
        assert_eq!(again[0].message, entry.message, "printed as\n{printed}");
        let mut second = String::new();
        write(None, &again[0].message, &style, &mut second);
        assert_eq!(printed, second);
    }
}
