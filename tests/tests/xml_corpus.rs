//! Body codecs over the corpus: what the manifests say of a body is what the decoder gives. Files are found through the manifests, so a new row is a new test.
#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use uc_core::codec::xml::{decode_body, encode_batch, fuzz};
use uc_core::config::Limits;
use uc_core::presence::Class;
use uc_core::uc_event::{Body, CategoryDoc, Found, RegistrationEvent, Resource, ResourceState, StateValue, TerminationReason};

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(folder)
}

/// Rows of a manifest as column name -> text.
fn manifest(folder: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(corpus(folder).join("MANIFEST.tsv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| names.iter().map(|name| (*name).to_owned()).zip(line.split('\t').map(str::to_owned)).collect();
    lines.map(row).collect()
}

/// Media type and body of a message; nothing when there is no head. Keep-alive bytes before it are passed over.
fn body(message: &[u8]) -> Option<(String, &[u8])> {
    let start = message.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let message = &message[start..];
    let end = message.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&message[..end]).into_owned();
    let header = head.lines().filter_map(|line| line.split_once(':'));
    let named = |(name, value): (&str, &str)| matches!(name.trim().to_ascii_lowercase().as_str(), "content-type" | "c").then(|| value.trim().to_owned());
    Some((header.filter_map(named).next().unwrap_or_default(), &message[end + 4..]))
}

/// Every message file under a folder of the corpus, in order of name.
fn messages(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![corpus(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sip") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn docs<'b, 'a>(body: &'b Body<'a>) -> &'b [CategoryDoc<'a>] {
    match body {
        Body::Categories(doc) => std::slice::from_ref(doc),
        Body::List(list) => &list.docs,
        _ => &[],
    }
}

fn percent(text: &str) -> String {
    let escape = |b: u8| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(escape).collect()
}

/// A state as the manifest writes it: `availability/activity`.
fn written(state: &Found<StateValue<'_>>) -> Option<String> {
    match state {
        Found::Absent => None,
        Found::Empty => Some("none/-".into()),
        Found::Value(state) => {
            let number = state.availability.map_or_else(|| "-".to_owned(), |number| number.to_string());
            let custom = state.custom.as_deref().map(|text| format!("custom:{}", percent(text)));
            let activity = custom.or_else(|| state.token.as_deref().map(str::to_owned)).unwrap_or_else(|| "-".into());
            Some(format!("{number}/{activity}"))
        }
    }
}

fn written_resource(resource: &Resource<'_>) -> &'static str {
    match resource.state {
        ResourceState::Active => "active",
        ResourceState::Resubscribe { .. } => "resubscribe",
        ResourceState::Pending => "pending",
        ResourceState::Terminated(TerminationReason::None) => "terminated",
        ResourceState::Terminated(TerminationReason::NoResource) => "terminated;noresource",
        ResourceState::Terminated(TerminationReason::Rejected) => "terminated;rejected",
        ResourceState::Terminated(TerminationReason::Deactivated) => "terminated;deactivated",
        ResourceState::Terminated(TerminationReason::Probation) => "terminated;probation",
        ResourceState::Terminated(TerminationReason::Timeout) => "terminated;timeout",
        ResourceState::Terminated(TerminationReason::Giveup) => "terminated;giveup",
        ResourceState::Terminated(TerminationReason::Invariant) => "terminated;invariant",
        ResourceState::Terminated(TerminationReason::Other) => "terminated;other",
    }
}

/// Facts about one document's state, by the name the manifest gives them.
fn check_state_facts(file: &str, facts: &Map<String, Value>, state: &StateValue<'_>) {
    let extra = state.extra.as_deref().cloned().unwrap_or_default();
    let texts = [
        ("device", &state.device),
        ("lastActive", &extra.last_active),
        ("endpointLocation", &extra.location),
        ("meetingSubject", &extra.meeting_subject),
        ("meetingLocation", &extra.meeting_location),
        ("timeZoneName", &extra.time_zone),
    ];
    for (name, value) in texts {
        if let Some(fact) = facts.get(name) {
            assert_eq!(value.as_deref(), fact.as_str(), "{name} of {file}");
        }
    }
    if let Some(fact) = facts.get("instance") {
        assert_eq!(state.instance.map(u64::from), fact.as_u64(), "instance of {file}");
    }
    if facts.contains_key("publishTime") {
        assert!(state.publish_time.0 > 0, "publishTime of {file}");
    }
    if let Some(texts) = facts.get("custom").and_then(Value::as_object) {
        let text = texts.get("1033").or_else(|| texts.values().next()).and_then(Value::as_str);
        assert_eq!(state.custom.as_deref(), text, "custom text of {file}");
    }
}

fn check_notes(file: &str, facts: &Map<String, Value>, body: &Body<'_>) {
    for (name, part) in [("notes", 0), ("note_types", 1)] {
        let Some(expected) = facts.get(name).and_then(Value::as_object) else { continue };
        let note = |doc: &CategoryDoc<'_>| match &doc.note {
            Found::Absent => None,
            Found::Empty => Some((doc.uri.to_lowercase(), String::new())),
            Found::Value(note) => Some((doc.uri.to_lowercase(), if part == 0 { note.text.to_string() } else { note.kind.to_string() })),
        };
        let found: BTreeMap<String, String> = docs(body).iter().filter_map(note).collect();
        let expected: BTreeMap<String, String> = expected.iter().map(|(uri, text)| (uri.clone(), text.as_str().unwrap().to_owned())).collect();
        assert_eq!(found, expected, "{name} of {file}");
    }
}

fn check_list(file: &str, facts: &Map<String, Value>, body: &Body<'_>) {
    if let (Some(count), Body::List(list)) = (facts.get("rlmi_count"), body) {
        assert_eq!(Some(list.resources.len() as u64), count.as_u64(), "resources of {file}");
    }
    let Some(expected) = facts.get("rlmi").and_then(Value::as_object) else { return };
    let Body::List(list) = body else { panic!("{file} has no list: {body:?}") };
    let found: BTreeMap<String, &str> = list.resources.iter().map(|resource| (resource.uri.to_lowercase(), written_resource(resource))).collect();
    // A resource without instance is as good as pending.
    let state = |text: &Value| text.as_str().unwrap().replace("unknown", "pending");
    let expected: BTreeMap<String, String> = expected.iter().map(|(uri, text)| (uri.clone(), state(text))).collect();
    assert_eq!(found.iter().map(|(uri, state)| (uri.clone(), (*state).to_owned())).collect::<BTreeMap<_, _>>(), expected, "list of {file}");
    if let Some(full) = facts.get("fullState") {
        assert_eq!(Some(list.full_state), full.as_bool(), "fullState of {file}");
    }
    if let Some(pools) = facts.get("poolFqdn").and_then(Value::as_object) {
        let pool = |resource: &Resource<'_>| match &resource.state {
            ResourceState::Resubscribe { pool: Some(pool) } => Some((resource.uri.to_lowercase(), Value::from(pool.as_ref()))),
            _ => None,
        };
        assert_eq!(&list.resources.iter().filter_map(pool).collect::<Map<_, _>>(), pools, "pools of {file}");
    }
}

fn check_registration(file: &str, facts: &Map<String, Value>, body: &Body<'_>) {
    let Some(text) = facts.get("registration_event").and_then(Value::as_str) else { return };
    let event = match text {
        "deregistered;event=unregistered" => RegistrationEvent::Unregistered,
        "deregistered;event=rejected" => RegistrationEvent::Rejected,
        "deregistered;event=deactivated" => RegistrationEvent::Deactivated,
        "deregistered;event=preferred-registrar-change" => RegistrationEvent::PreferredRegistrarChange,
        "registered;event=userservices-unavailable" => RegistrationEvent::UserServicesUnavailable,
        "registered;event=userservices-available" => RegistrationEvent::UserServicesAvailable,
        other => panic!("{file}: unknown event {other}"),
    };
    assert!(matches!(body, Body::Registration(found) if *found == event), "{file}: {body:?}");
}

/// A client's question for its own publications: of the same type as the answer, and nothing we read.
fn is_asked_for(media_type: &str, message: &[u8]) -> bool {
    message.starts_with(b"SUBSCRIBE") && media_type.starts_with("application/vnd-microsoft-roaming-self+xml")
}

/// `application/msrtc-…` and the other types this version reads.
fn is_read(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap().trim().to_ascii_lowercase();
    let types = [
        "application/msrtc-event-categories+xml",
        "application/rlmi+xml",
        "multipart/related",
        "multipart/mixed",
        "text/registration-event",
        "text/xml+msrtc.pidf",
        "application/pidf+xml",
        "application/dialog-info+xml",
        "application/vnd-microsoft-roaming-self+xml",
        "application/msrtc-fault+xml",
    ];
    types.contains(&essence.as_str())
}

#[test]
fn manifest_of_the_sip_corpus() {
    let mut read = 0;
    for row in manifest("sip") {
        let file = &row["file"];
        let message = std::fs::read(corpus("sip").join(file)).unwrap();
        let (media_type, bytes) = body(&message).unwrap();
        if is_asked_for(&media_type, &message) {
            continue;
        }
        let body = decode_body(&media_type, bytes, &Limits::default());
        assert_eq!(is_read(&media_type) && !bytes.is_empty(), !matches!(body, Body::None | Body::Unsupported(_)), "{file}: {body:?}");
        let facts: Map<String, Value> = serde_json::from_str(&row["facts"]).unwrap();
        if matches!(body, Body::None | Body::Unsupported(_)) {
            assert!(!facts.contains_key("rlmi") && !facts.contains_key("registration_event"), "{file}");
            continue;
        }
        read += 1;
        assert!(!matches!(body, Body::Fault(_)), "{file}: {body:?}");
        if let Some(legacy) = facts.get("msrtc") {
            let [doc] = docs(&body) else { panic!("{file}: {body:?}") };
            let Found::Value(state) = &doc.state else { panic!("{file}: {body:?}") };
            assert!(doc.uri.ends_with(legacy["uri"].as_str().unwrap()), "{file}");
            assert_eq!(facts["mapped"] == "busy", Class::of(state.availability.unwrap()) == Class::Busy, "{file}");
            continue;
        }
        if ["=open/", "=closed/", "=dialog/"].iter().any(|mark| row["users"].contains(mark)) {
            // Standard presence: `sip_corpus` compares it.
            continue;
        }
        let users = docs(&body).iter().filter_map(|doc| written(&doc.state).map(|state| (doc.uri.to_lowercase(), state)));
        let expected = row["users"].split(' ').filter_map(|user| user.split_once('=')).map(|(uri, state)| (uri.to_owned(), state.to_owned()));
        assert_eq!(users.collect::<BTreeMap<_, _>>(), expected.collect::<BTreeMap<_, _>>(), "users of {file}");
        if let [CategoryDoc { state: Found::Value(state), .. }] = docs(&body) {
            check_state_facts(file, &facts, state);
        }
        if let (Some(count), [doc]) = (facts.get("category_count"), docs(&body)) {
            let present = [doc.state != Found::Absent, doc.note != Found::Absent, doc.calendar != Found::Absent];
            assert_eq!(count.as_u64(), Some(present.iter().filter(|p| **p).count() as u64 + u64::from(doc.others)), "{file}");
        }
        check_notes(file, &facts, &body);
        check_list(file, &facts, &body);
        check_registration(file, &facts, &body);
    }
    assert!(read > 60, "only {read} bodies were read: is the manifest found?");
}

/// Which outcomes the manifest allows, as far as a body decides them.
#[test]
fn manifest_of_the_bad_corpus() {
    for row in manifest("sip-bad") {
        let message = std::fs::read(corpus("sip-bad").join(&row["file"])).unwrap();
        let Some((media_type, bytes)) = body(&message) else { continue };
        let decoded = decode_body(&media_type, bytes, &Limits::default());
        if row["class"] == "tolerate" && is_read(&media_type) && !bytes.is_empty() {
            assert!(!matches!(decoded, Body::Fault(_)), "{}: {decoded:?}", row["file"]);
        }
        if row["class"] == "body-error" {
            let unused = match &decoded {
                Body::Fault(fault) => {
                    assert!(fault.to_string().len() < 400, "{}: {fault}", row["file"]);
                    true
                }
                Body::Unsupported(_) => true,
                // A state without a number leaves the last good one standing.
                Body::Categories(doc) => matches!(&doc.state, Found::Value(state) if state.availability.is_none()),
                _ => false,
            };
            assert!(unused, "{}: {decoded:?}", row["file"]);
        }
    }
}

/// The classes an independent client shows for the same numbers.
#[test]
fn availability_oracle() {
    let text = std::fs::read_to_string(corpus("sipe/availability-oracle.csv")).unwrap();
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [number, token, status] = fields[..] else { panic!("{line}") };
        let activity = if token.is_empty() { String::new() } else { format!("<activity token=\"{token}\" />") };
        let document = format!(
            "<categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" uri=\"sip:a@example.com\"><category name=\"state\" instance=\"1\">\
             <state xsi:type=\"aggregateState\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\">\
             <availability>{number}</availability>{activity}</state></category></categories>"
        );
        let decoded = decode_body("application/msrtc-event-categories+xml", document.as_bytes(), &Limits::default());
        let Body::Categories(CategoryDoc { state: Found::Value(state), .. }) = &decoded else { panic!("{line}: {decoded:?}") };
        assert_eq!(state.token.as_deref().unwrap_or(""), token, "{line}");
        let class = match Class::of(state.availability.unwrap()) {
            // That client shows what it knows nothing of as offline; here it changes nothing.
            Class::Unknown | Class::Offline => "offline",
            Class::Online => "available",
            Class::IdleOnline => "idle",
            Class::Busy => "busy",
            Class::IdleBusy => "busyidle",
            Class::DoNotDisturb => "do-not-disturb",
            Class::BeRightBack => "be-right-back",
            Class::Away => "away",
        };
        assert_eq!(class, status, "{line}");
        rows += 1;
    }
    assert!(rows > 20);
}

/// Whole sessions of an independent client: every list and every document in them is read without a fault.
#[test]
fn sessions_of_an_independent_client() {
    let mut documents = 0;
    for (path, message) in messages("sipe") {
        let Some((media_type, bytes)) = body(&message) else { continue };
        if is_asked_for(&media_type, &message) {
            continue;
        }
        let decoded = decode_body(&media_type, bytes, &Limits::default());
        assert_eq!(is_read(&media_type) && !bytes.is_empty(), !matches!(decoded, Body::None | Body::Unsupported(_)), "{path:?}");
        assert!(!matches!(decoded, Body::Fault(_)), "{path:?}: {decoded:?}");
        for doc in docs(&decoded) {
            assert!(matches!(&doc.state, Found::Value(state) if state.availability.is_some()), "{path:?}: {doc:?}");
            documents += 1;
        }
        if let Body::List(list) = &decoded {
            assert!(list.faults.is_empty() && list.docs.len() == list.resources.len(), "{path:?}: {:?}", list.faults);
        }
    }
    assert!(documents > 250, "{documents}");
}

/// Our batch subscription says what the corpus and the independent client say, up to white space between elements.
#[test]
fn batch_subscriptions_as_in_the_corpus() {
    let mut compared = 0;
    for (path, message) in messages("sip").into_iter().chain(messages("sipe")) {
        let Some((media_type, bytes)) = body(&message) else { continue };
        let text = String::from_utf8_lossy(bytes);
        if !media_type.starts_with("application/msrtc-adrl-categorylist+xml") || text.contains("subscriptionContext") {
            continue;
        }
        let values = |element: &str| -> Vec<String> {
            let pieces = text.split(element).skip(1);
            pieces.map(|piece| piece.split('"').next().unwrap().replace("&apos;", "'").replace("&amp;", "&")).collect()
        };
        let watcher = values("/batch-subscribe\" uri=\"").remove(0);
        let categories: Vec<Box<str>> = values("<category name=\"").into_iter().map(String::into_boxed_str).collect();
        let users = values("<resource uri=\"");
        let mut out = Vec::new();
        encode_batch(&watcher, text.contains("\"unsubscribe\""), users.iter().map(String::as_str), &categories, &mut out);
        let plain = |text: &str| text.lines().map(str::trim).collect::<String>();
        // The id is any number.
        let neutral = |text: &str| {
            let text = plain(text);
            let (head, rest) = text.split_once("\" id=\"").unwrap();
            format!("{head}{}", rest.split_once('"').unwrap().1)
        };
        assert_eq!(neutral(&String::from_utf8(out).unwrap()), neutral(&text), "{path:?}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

/// A small generator (SplitMix64): the same mutations in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

const PIECES: [&str; 24] = [
    "&amp;",
    "&#65;",
    "&x;",
    "<![CDATA[a]]>",
    "<!-- -->",
    "\"",
    "'",
    "<",
    ">",
    "/>",
    " />",
    "\r\n",
    "\t",
    " ",
    "9",
    "\u{0}",
    "\u{e9}",
    "=",
    "--",
    "xmlns:p=\"urn:p\" ",
    "p:",
    "<category name=\"note\"/>",
    "<a>",
    "</a>",
];

/// One to three small changes.
fn mutate(seed: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=rng.below(3) {
        if out.is_empty() {
            break;
        }
        let at = rng.below(out.len());
        let len = rng.below(20).min(out.len() - at);
        match rng.below(6) {
            0 => out[at] = b' ' + u8::try_from(rng.below(95)).unwrap(),
            1 => drop(out.drain(at..at + len)),
            2 => drop(out.splice(at..at, PIECES[rng.below(PIECES.len())].bytes())),
            3 => drop(out.splice(at..at + len, PIECES[rng.below(PIECES.len())].bytes())),
            4 => {
                let copy = out[at..at + len].to_vec();
                let to = rng.below(out.len());
                drop(out.splice(to..to, copy));
            }
            _ => out.truncate(at),
        }
    }
    out
}

/// No body panics, and where the hot pass gives a document the general path gives the same (checked inside `fuzz`).
#[test]
fn mutated_bodies() {
    let mut rng = Rng(7);
    let folders = ["sip", "sip-bad", "sipe", "kamailio"];
    for (_, message) in folders.into_iter().flat_map(messages) {
        let Some((media_type, bytes)) = body(&message) else { continue };
        if !is_read(&media_type) || bytes.is_empty() {
            continue;
        }
        fuzz(bytes);
        let rounds = if bytes.len() > 10_000 { 3 } else { 150 };
        for _ in 0..rounds {
            let mutant = mutate(bytes, &mut rng);
            fuzz(&mutant);
            // With its own media type and boundary, as the fuzzer's first line.
            fuzz(&[media_type.as_bytes(), b"\n", &mutant].concat());
        }
    }
}
