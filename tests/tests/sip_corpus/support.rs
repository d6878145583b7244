//! Reading the corpus and running a stream through framer and decoder.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use uc_core::codec::sip::{Framer, SipFault, Step};
use uc_core::config::Limits;
use uc_core::uc_event::{Body, CallState, CategoryDoc, DialogInfo, Found};

/// A folder of the corpus.
pub(crate) fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(folder)
}

/// All files of a folder with this extension, by name.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<PathBuf> = fs::read_dir(corpus(folder)).expect(folder).map(|entry| entry.expect("entry").path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == extension));
    names.sort();
    names.into_iter().map(|path| (path.file_name().expect("name").to_string_lossy().into_owned(), fs::read(&path).expect("file"))).collect()
}

/// The rows of a manifest, each with the bytes of its file. The manifest and the folder must name the same files.
pub(crate) fn manifest(folder: &str) -> Vec<(Vec<String>, Vec<u8>)> {
    let text = fs::read_to_string(corpus(folder).join("MANIFEST.tsv")).expect("manifest");
    let rows: Vec<Vec<String>> = text.lines().skip(1).map(|line| line.split('\t').map(String::from).collect()).collect();
    let listed: BTreeSet<&str> = rows.iter().map(|row| &*row[0]).collect();
    let files = files(folder, "sip");
    assert_eq!(listed, files.iter().map(|(name, _)| &**name).collect(), "manifest and folder {folder} differ");
    let bytes = |name: &str| files.iter().find(|(file, _)| file == name).expect(name).1.clone();
    rows.iter().map(|row| (row.clone(), bytes(&row[0]))).collect()
}

/// What a stream is cut into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// The messages.
    pub(crate) frames: Vec<Vec<u8>>,
    /// Why it ended, if framing was lost.
    pub(crate) fault: Option<SipFault>,
    /// Bytes left over.
    pub(crate) pending: usize,
    /// Whether a keep-alive was seen.
    pub(crate) keep_alive: bool,
}

/// Cuts a stream that arrives whole and byte by byte; both must give the same.
pub(crate) fn cut(bytes: &[u8]) -> Stream {
    let whole = cut_in(bytes, bytes.len().max(1));
    assert_eq!(whole, cut_in(bytes, 1), "whole and byte by byte differ");
    whole
}

fn cut_in(bytes: &[u8], piece: usize) -> Stream {
    let mut framer = Framer::new(&Limits::default());
    let mut out = Stream { frames: Vec::new(), fault: None, pending: 0, keep_alive: false };
    for piece in bytes.chunks(piece) {
        // The two ways a driver has to hand in bytes.
        if piece.len() % 2 == 0 {
            framer.push(piece);
        } else {
            framer.spare(piece.len())[..piece.len()].copy_from_slice(piece);
            framer.filled(piece.len());
        }
        loop {
            match framer.next() {
                Step::More => break,
                Step::KeepAlive => out.keep_alive = true,
                Step::Message(span) => out.frames.push(framer.bytes(span).to_vec()),
                Step::Fault(fault) => {
                    out.fault = Some(fault);
                    return out;
                }
            }
        }
    }
    out.pending = framer.pending();
    out
}

/// The category documents of a body.
pub(crate) fn docs<'b>(body: &'b Body<'_>) -> Vec<&'b CategoryDoc<'b>> {
    match body {
        Body::Categories(doc) => vec![doc],
        Body::List(list) => list.docs.iter().collect(),
        _ => Vec::new(),
    }
}

/// The `users` column for a body.
pub(crate) fn users(body: &Body<'_>) -> Vec<String> {
    let one = |doc: &CategoryDoc<'_>| {
        let value = match &doc.state {
            Found::Absent => return None,
            Found::Empty => "none/-".to_string(),
            Found::Value(state) => {
                let availability = state.availability.map_or_else(|| "-".to_string(), |a| a.to_string());
                let custom = state.custom.as_deref().map(|text| format!("custom:{}", percent(text)));
                let activity = custom.or_else(|| state.token.as_deref().map(String::from)).unwrap_or_else(|| "-".to_string());
                format!("{availability}/{activity}")
            }
        };
        Some(format!("{}={value}", doc.uri.to_lowercase()))
    };
    match body {
        Body::Calls(info) => vec![format!("{}=dialog/{}", info.entity.to_lowercase(), furthest(info))],
        _ => docs(body).into_iter().filter_map(one).collect(),
    }
}

/// The state a row names of several calls.
fn furthest(info: &DialogInfo<'_>) -> &'static str {
    let words = [
        (CallState::Confirmed, "confirmed"),
        (CallState::Early, "early"),
        (CallState::Proceeding, "proceeding"),
        (CallState::Trying, "trying"),
        (CallState::Terminated, "terminated"),
    ];
    words.iter().find(|(state, _)| info.calls.iter().any(|call| call.state == *state)).map_or("none", |(_, word)| word)
}

/// What a user of a row with standard presence (`open/activity`) becomes: the mapping of `spec/ms-pres.md` 10, written down once more. Others stay as they are.
pub(crate) fn standard(user: &str, other: Option<&str>) -> String {
    let Some((uri, basic, activity)) = user.split_once('=').and_then(|(uri, value)| value.split_once('/').map(|(basic, activity)| (uri, basic, activity)))
    else {
        return user.to_string();
    };
    let said = match (basic, activity) {
        ("closed", _) => "18500/-".to_string(),
        ("open", "-" | "unknown") => "3500/-".into(),
        ("open", "busy") if other == Some("do-not-disturb") => "9500/-".into(),
        ("open", "busy") => format!("6500/{}", other.map_or_else(|| "-".to_string(), |text| format!("custom:{}", percent(text)))),
        ("open", "on-the-phone") => "6500/on-the-phone".into(),
        ("open", "meeting") => "6500/in-a-meeting".into(),
        ("open", "presentation") => "9000/in-presentation".into(),
        ("open", "lunch") => "12500/lunch".into(),
        ("open", "away") => "15500/-".into(),
        ("open", "vacation" | "permanent-absence") => "15500/out-of-office".into(),
        ("open", other) => panic!("{other} has no row in this table"),
        _ => return user.to_string(),
    };
    format!("{uri}={said}")
}

/// Percent-encoding of everything but letters, digits and `_.-~`.
fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
