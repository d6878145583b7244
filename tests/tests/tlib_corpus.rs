//! T-Library logs and bridge transcripts of the corpus against the codec. Files and manifest rows added later are tested without a change here.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use uc_core::codec::cti::layout::{Direction, Entry, Head, Layout, Mask, Style, Warning, read, write_p1, write_p2, write_t};
use uc_core::codec::cti::{KvList, KvValue, Message, Value, fuzz_layout};

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A row of the manifest.
struct Row {
    file: String,
    index: usize,
    style: String,
    direction: String,
    name: String,
    id: u32,
    key_attributes: String,
}

/// Rows by file, in order.
fn manifest() -> BTreeMap<String, Vec<Row>> {
    let mut files: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in text(&corpus("tlib/MANIFEST.tsv")).lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, index, style, direction, name, id, key_attributes] = columns[..] else { panic!("seven columns: {line}") };
        let row = Row {
            file: file.into(),
            index: index.parse().expect("index"),
            style: style.into(),
            direction: direction.into(),
            name: name.into(),
            id: id.parse().expect("id"),
            key_attributes: key_attributes.into(),
        };
        files.entry(file.into()).or_default().push(row);
    }
    files
}

fn layout(style: &str) -> Layout {
    match style {
        "psdk-seed" | "psdk-a" => Layout::P1,
        "psdk-b" => Layout::P2,
        "tserver" => Layout::T,
        other => panic!("unknown style {other}"),
    }
}

/// `key_attributes` as the manifest writes it, without expectations.
fn key_attributes(message: &Message) -> String {
    let mut parts = Vec::new();
    for (name, value) in message.attrs.iter().filter(|(name, _)| !name.starts_with("AttributeTimein")) {
        match value {
            Value::Time { .. } => {}
            Value::Kv(list) => pairs(&format!("{name}:"), list, &mut parts),
            Value::Int(value) => parts.push(format!("{name}={value}")),
            Value::Long(value) => parts.push(format!("{name}={value}")),
            Value::Conn(value) => parts.push(format!("{name}={value:016x}")),
            Value::Bytes(value) => parts.push(format!("{name}=0x{}", hex(value))),
            Value::Str(text) | Value::Unknown { text, .. } => parts.push(format!("{name}={}", escape(text))),
        }
    }
    parts.join(";")
}

fn pairs(path: &str, list: &KvList, parts: &mut Vec<String>) {
    for (key, value) in &list.pairs {
        match value {
            KvValue::List(list) => pairs(&format!("{path}{key}/"), list, parts),
            KvValue::Str(text) => parts.push(format!("{path}{key}={}", escape(text))),
            KvValue::Int(value) => parts.push(format!("{path}{key}={value}")),
            KvValue::Bin(value) => parts.push(format!("{path}{key}=0x{}", hex(value))),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace(';', "%3B").replace('\t', "%09").replace('\n', "%0A")
}

fn check_warnings(expectation: Option<&str>, entry: &Entry, place: &str) {
    let codes: Vec<&str> = entry.warnings.iter().map(Warning::code).collect();
    match expectation {
        Some("unknown-message-kept") => assert!(codes.contains(&"unknown-message"), "{place}: {codes:?}"),
        Some(list) if list.starts_with("warning-") => {
            let expected: Vec<&str> = list.split(',').map(|word| word.strip_prefix("warning-").expect("warning-")).collect();
            assert_eq!(codes, expected, "{place}");
        }
        Some(word) if !word.starts_with("ok") => panic!("{place}: unknown expectation {word}"),
        _ => assert!(codes.is_empty(), "{place}: {codes:?}"),
    }
}

#[test]
fn every_manifest_row_is_read_as_it_says() {
    let files = manifest();
    for found in fs::read_dir(corpus("tlib")).expect("corpus") {
        let name = found.expect("file").file_name().into_string().expect("UTF-8");
        assert!(!name.ends_with(".log") || files.contains_key(&name), "{name} has no rows in the manifest");
    }
    for (file, rows) in files {
        let entries = read(&text(&corpus("tlib").join(&file)));
        assert_eq!(entries.len(), rows.len(), "{file}: messages");
        for (row, entry) in rows.iter().zip(&entries) {
            let place = format!("{file} {}", row.index);
            let direction = match row.direction.as_str() {
                "client-to-server" => Direction::ToServer,
                "server-to-client" => Direction::FromServer,
                other => panic!("{place}: {other}"),
            };
            assert_eq!((entry.layout, entry.direction), (layout(&row.style), direction), "{place}");
            assert_eq!((&*entry.message.name, entry.message.id), (row.name.as_str(), row.id), "{place}");
            let (expected, expectation) = match row.key_attributes.split_once(";#expect=") {
                Some((expected, expectation)) => (expected, Some(expectation)),
                None => (row.key_attributes.as_str(), None),
            };
            assert_eq!(key_attributes(&entry.message), expected, "{place}");
            assert!(!entry.time.is_empty(), "{place}: time stamp");
            check_warnings(expectation, entry, &place);
        }
    }
}

type Write = fn(Option<&Head<'_>>, &Message, &Style, &mut String);
const WRITERS: [(Layout, Write); 3] = [(Layout::P1, write_p1), (Layout::P2, write_p2), (Layout::T, write_t)];

#[test]
fn every_message_survives_every_layout() {
    for file in manifest().into_keys() {
        for entry in read(&text(&corpus("tlib").join(&file))) {
            let style = Style { mask: Mask::none(), ..Style::default() };
            for (layout, write) in WRITERS {
                // T has no numbers and no type tags: what only they tell is lost there.
                if layout == Layout::T && !entry.warnings.is_empty() {
                    continue;
                }
                let mut printed = String::new();
                let head = Head { time: "2017-08-22T16:59:31.150", direction: entry.direction, endpoint: &entry.endpoint };
                write(Some(&head), &entry.message, &style, &mut printed);
                let again = read(&printed);
                assert_eq!(again.len(), 1, "{file}: {printed}");
                assert_eq!(again[0].message, entry.message, "{file}: {printed}");
                assert_eq!((again[0].layout, again[0].direction), (layout, entry.direction), "{file}: {printed}");
                // The header of P2 and T quotes nothing; an endpoint in quotes is read without them.
                assert_eq!(again[0].endpoint.trim_matches('\''), entry.endpoint.trim_matches('\''), "{file}: {printed}");
            }
        }
    }
}

#[test]
fn the_published_trace_is_written_byte_for_byte() {
    let seeds: Vec<Row> = manifest().into_values().flatten().filter(|row| row.style == "psdk-seed").collect();
    assert!(!seeds.is_empty(), "the seed is in the corpus");
    for row in seeds {
        let original = text(&corpus("tlib").join(&row.file));
        let entries = read(&original);
        let style = Style { seed_compat: true, ..Style::default() };
        let mut printed = String::new();
        for entry in &entries {
            write_p1(Some(&Head { time: &entry.time, direction: entry.direction, endpoint: &entry.endpoint }), &entry.message, &style, &mut printed);
        }
        assert_eq!(printed, original);
    }
}

/// Lines without trailing blanks and without blank lines.
fn trimmed(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect()
}

#[test]
fn client_logs_are_written_as_they_were_read() {
    for (file, rows) in manifest() {
        if rows.iter().any(|row| row.style != "psdk-a" || row.key_attributes.contains("#expect=")) {
            continue;
        }
        let original = text(&corpus("tlib").join(&file));
        let mut printed = String::new();
        for entry in read(&original) {
            let head = Head { time: &entry.time, direction: entry.direction, endpoint: &entry.endpoint };
            write_p1(Some(&head), &entry.message, &Style::default(), &mut printed);
        }
        assert_eq!(trimmed(&printed), trimmed(&original), "{file}");
    }
}

#[test]
fn bodies_of_server_logs_are_written_as_they_were_read() {
    for (file, rows) in manifest() {
        if rows.iter().any(|row| row.style != "tserver") {
            continue;
        }
        let original = text(&corpus("tlib").join(&file));
        let mut printed = String::new();
        for entry in read(&original) {
            write_t(None, &entry.message, &Style::default(), &mut printed);
        }
        // The time of day in parentheses depends on the server's time zone; we leave it out.
        let body = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with('\t'));
            lines
                .map(|line| if line.contains("AttributeTimeinSecs") { line.split(" (").next().unwrap_or(line).into() } else { line.trim_end().into() })
                .collect()
        };
        assert_eq!(body(&printed), body(&original), "{file}");
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
fn damaged_logs_are_read_without_panic_and_written_stably() {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    for file in manifest().into_keys() {
        let original = text(&corpus("tlib").join(&file)).into_bytes();
        fuzz_layout(&original);
        for _ in 0..300 {
            let mut damaged = original.clone();
            for _ in 0..1 + xorshift(&mut random) % 6 {
                let Some(at) = xorshift(&mut random).checked_rem(damaged.len()) else { break };
                match xorshift(&mut random) % 4 {
                    0 => damaged[at] = b"'\"\t\n [](=:09a\xc3"[xorshift(&mut random) % 14],
                    1 => drop(damaged.remove(at)),
                    2 => damaged.truncate(at.max(1)),
                    _ => {
                        let from = xorshift(&mut random) % damaged.len();
                        let part: Vec<u8> = damaged[from..].iter().take(xorshift(&mut random) % 200).copied().collect();
                        damaged.splice(at..at, part);
                    }
                }
            }
            fuzz_layout(&damaged);
        }
    }
}
