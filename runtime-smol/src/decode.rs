//! What a captured file says: SIP as on the wire, T-Library logs in three layouts, bridge transcripts. The same codecs as in the daemon read them, so what is
//! shown is what the connector would see. Fields are those of the corpus manifests.
mod cti;
mod sip;

use crate::cli::Exit;
use crate::status::table;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest file.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A message of a file.
#[derive(Clone, Debug)]
struct Found {
    /// Fields of the manifest.
    fields: Map<String, Value>,
    /// For the table: what it is, whose or which, what it says.
    cells: [String; 3],
    /// What was wrong with it.
    faults: Vec<String>,
}

/// Decodes `files`; prints a table, or JSON lines.
pub(crate) fn run(files: &[PathBuf], json: bool) -> Exit {
    let mut exit = Exit::Fine;
    for path in files {
        match read(path) {
            Ok(bytes) => {
                let found = decode(&bytes);
                if found.is_empty() || found.iter().any(|f| !f.faults.is_empty()) {
                    exit = Exit::Failed;
                }
                crate::say_out(&if json { lines(path, &found) } else { page(path, &found) });
            }
            Err(why) => {
                eprintln!("uc-connector: {} cannot be read: {why}", path.display());
                exit = Exit::Failed;
            }
        }
    }
    exit
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Finds out by looking what it is: bridge lines are JSON objects, a T-Library log has lines that begin with `Attribute` or `message`, the rest is SIP.
fn decode(bytes: &[u8]) -> Vec<Found> {
    let text = String::from_utf8_lossy(bytes);
    let mut head = text.lines().map(str::trim_start).filter(|line| !line.is_empty()).take(200);
    if head.clone().any(|line| cti::bridge_line(line).is_some()) {
        cti::bridge(&text)
    } else if head.any(|line| line.starts_with("message:") || line.starts_with("message ") || line.starts_with("Attribute")) {
        cti::log(&text)
    } else {
        sip::stream(bytes)
    }
}

fn lines(path: &Path, found: &[Found]) -> String {
    let line = |(nth, found): (usize, &Found)| {
        let mut object = Map::new();
        object.insert("file".into(), path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into());
        object.insert("index".into(), (nth + 1).into());
        object.extend(found.fields.clone());
        if !found.faults.is_empty() {
            object.insert("faults".into(), found.faults.clone().into());
        }
        Value::Object(object).to_string() + "\n"
    };
    found.iter().enumerate().map(line).collect()
}

fn page(path: &Path, found: &[Found]) -> String {
    let mut rows = vec![["#", "message", "which", "says"].map(str::to_owned)];
    for (nth, found) in found.iter().enumerate() {
        let [what, which, says] = found.cells.clone();
        let faults = found.faults.iter().map(|fault| format!("! {fault}"));
        let says = std::iter::once(says).filter(|s| !s.is_empty()).chain(faults).collect::<Vec<_>>().join("; ");
        rows.push([(nth + 1).to_string(), what, which, says.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()]);
    }
    let none = if found.is_empty() { "nothing that could be read\n" } else { "" };
    format!("{}\n{}{none}\n", path.display(), table(&rows))
}

/// `-` for nothing, as in the manifests.
fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn corpus(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name)
    }

    /// Rows of a manifest by file: column name to value.
    fn manifest(folder: &str) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
        let text = std::fs::read_to_string(corpus(folder).join("MANIFEST.tsv")).unwrap();
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
        let mut files: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for line in lines {
            let row: BTreeMap<String, String> = names.iter().map(|n| (*n).to_owned()).zip(line.split('\t').map(str::to_owned)).collect();
            files.entry(row["file"].clone()).or_default().push(row);
        }
        files
    }

    #[test]
    fn t_library_logs_are_shown_as_their_manifest_says() {
        for (file, rows) in manifest("tlib") {
            let found = decode(&read(&corpus("tlib").join(&file)).unwrap());
            for row in rows {
                let index: usize = row["index"].parse().unwrap();
                let fields = &found[index - 1].fields;
                for name in ["direction", "message", "key_attributes"] {
                    // `#expect=` is about warnings, which the core's own tests check.
                    let want = row[name].split("#expect=").next().unwrap_or_default().trim_end_matches(';');
                    assert_eq!(fields[name], *want, "{file} {index}");
                }
                assert_eq!(fields["id"].to_string(), row["id"], "{file} {index}");
            }
        }
    }

    #[test]
    fn sip_is_shown_as_its_manifest_says() {
        for (file, rows) in manifest("sip") {
            let found = decode(&read(&corpus("sip").join(&file)).unwrap());
            assert_eq!(found.len(), 1, "{file}");
            for name in ["start", "call_id", "cseq", "subscription_state"] {
                assert_eq!(found[0].fields[name], *rows[0][name], "{file} {name}");
            }
            let users = &rows[0]["users"];
            // Media types this version does not read say so; the manifest does not count the legacy documents we read, and words PIDF in its own terms.
            let standard = users.contains("=open/") || users.contains("=closed/");
            if found[0].fields["facts"].get("unread").is_none() && users != "-" && !standard {
                assert_eq!(found[0].fields["users"], **users, "{file}");
            }
        }
    }

    #[test]
    fn bridge_transcripts_are_shown_line_by_line() {
        let found = decode(&read(&corpus("bridge/01-session.txt")).unwrap());
        assert_eq!(found[0].fields["message"], "hello");
        let ready = found.iter().find(|f| f.fields["message"] == "RequestAgentReady").unwrap();
        assert!(ready.fields["key_attributes"].as_str().unwrap().contains("AttributeReasons:KW_UC_STATUS="));
        assert!(found.iter().all(|f| f.faults.is_empty()));
    }

    #[test]
    fn broken_input_is_a_fault_and_not_silence() {
        let found = decode(b"NOTIFY sip:a SIP/2.0\r\nContent-Length: 50\r\n\r\nshort");
        assert!(found[0].faults[0].contains("ends"), "{found:?}");
        assert!(decode(b"").is_empty());
    }
}
