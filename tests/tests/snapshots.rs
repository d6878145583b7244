//! What decoded corpus messages say, one line each, and how a standby pair changes over, as a story. A change of either is seen in review.
use insta::assert_snapshot;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use uc_core::codec::sip::{Decoded, Framer, Step, decode};
use uc_core::config::{Limits, Redundancy};
use uc_core::presence::Class;
use uc_core::uc_event::{Body, CategoryDoc, Found};
use uc_runtime_sim::world::World;

fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(folder);
    let entries = fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("readable").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "sip")).collect();
    files.sort();
    files.into_iter().map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("readable"))).collect()
}

fn document(doc: &CategoryDoc<'_>) -> String {
    let state = match &doc.state {
        Found::Absent => "state unchanged".to_owned(),
        Found::Empty => "state cleared".to_owned(),
        Found::Value(v) => {
            let class = v.availability.map_or("-", |n| Class::of(n).token());
            let detail = v.token.as_deref().or(v.custom.as_deref()).unwrap_or("");
            format!("{} {class} {detail}", v.availability.map_or_else(|| "?".into(), |n| n.to_string()))
        }
    };
    let note = match &doc.note {
        Found::Absent => String::new(),
        Found::Empty => ", note cleared".to_owned(),
        Found::Value(note) => format!(", note {:?}", note.text),
    };
    format!("{}: {}{note}", doc.uri, state.trim_end())
}

fn body(body: &Body<'_>) -> String {
    match body {
        Body::None => String::new(),
        Body::Categories(doc) => format!(" [{}]", document(doc)),
        Body::List(list) => {
            let resources: Vec<String> = list.resources.iter().map(|r| format!("{} {:?}", r.uri, r.state)).collect();
            let docs: Vec<String> = list.docs.iter().map(document).collect();
            format!(" [list of {}; {}; {} faults]", resources.join(", "), docs.join("; "), list.faults.len())
        }
        Body::Calls(info) => format!(" [calls of {}: {:?}]", info.entity, info.calls),
        Body::Registration(event) => format!(" [{event:?}]"),
        Body::RoamingSelf(own) => format!(" [own publications: {} instances, {} containers]", own.categories.len(), own.containers.len()),
        Body::Refusal(fault) => format!(" [refusal {}: {:?}]", fault.code, fault.operations),
        Body::Unsupported(media) => format!(" [unread {media}]"),
        Body::Fault(fault) => format!(" [fault: {fault}]"),
    }
}

fn describe(bytes: &[u8]) -> String {
    let limits = Limits::default();
    let mut framer = Framer::new(&limits);
    framer.push(bytes);
    let mut out = Vec::new();
    loop {
        match framer.next() {
            Step::More => break,
            Step::KeepAlive => {}
            Step::Fault(fault) => {
                out.push(format!("fatal: {fault}"));
                break;
            }
            Step::Message(span) => out.push(match decode(framer.bytes(span), &limits) {
                Ok(Decoded::Notify(n)) => {
                    let method = if n.best_effort { "BENOTIFY" } else { "NOTIFY" };
                    format!("{method} {} {:?} {}{}", n.cseq, n.state, n.event, body(&n.body))
                }
                Ok(Decoded::Request(r)) => format!("{} {}", r.method, r.cseq),
                Ok(Decoded::Response(r)) => format!("{} {} {}{}", r.status, r.method, r.cseq, body(&r.body)),
                Err(fault) => format!("refused: {fault}"),
            }),
        }
    }
    if framer.pending() > 0 && out.last().is_none_or(|line| !line.starts_with("fatal")) {
        out.push(format!("{} bytes wait for more", framer.pending()));
    }
    out.join(" | ")
}

#[test]
fn the_sip_corpus_says_what_it_said() {
    let mut all = String::new();
    for folder in ["sip", "sip-bad"] {
        for (name, bytes) in corpus(folder) {
            let _ = writeln!(all, "{folder}/{name}: {}", describe(&bytes));
        }
    }
    assert_snapshot!("sip_corpus", all);
}

#[test]
fn a_hot_pair_changes_over() {
    let mut world = World::builder(7).workers(1).redundancy(Redundancy::Hot).told().up();
    world.set_presence(0, 3_500);
    world.run_until(10_000, World::is_converged);
    world.kill_t_server(0);
    world.set_presence(0, 6_500);
    world.run_for(30_000);
    world.assert_converged();
    let story: Vec<String> = world
        .story()
        .iter()
        .filter(|line| line.contains("cti-") && !line.contains("ping") && !line.contains("pong"))
        .map(|line| line.chars().take(150).collect())
        .collect();
    assert_snapshot!("hot_pair_changes_over", story.join("\n"));
}
