//! Bodies of the fuzz targets, also run over the corpus by the tests. They panic when a property does not hold.
use super::bridge::{Dir, Line, LineFramer, Reader, Step, parse_message, print_message};
use super::layout::{Layout, Mask, Style, read, write_p1, write_p2, write_t};
use super::{CtiFault, Message};
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
