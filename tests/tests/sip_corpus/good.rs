//! Well-formed messages: what comes out equals the row of the manifest.
use crate::support::{cut, docs, manifest, standard, users};
use serde_json::Value;
use uc_core::codec::sip::{Decoded, Head, Name, StartLine, decode, encode_answer};
use uc_core::config::Limits;
use uc_core::presence::Class;
use uc_core::uc_event::{Body, Found, RegistrationEvent, ResourceState, Response, SubState, TerminationReason};

/// Columns of `MANIFEST.tsv`.
struct Row<'a> {
    file: &'a str,
    start: &'a str,
    call_id: &'a str,
    cseq: &'a str,
    event: &'a str,
    state: &'a str,
    users: &'a str,
    facts: Value,
}

fn without_space(value: &[u8]) -> String {
    String::from_utf8(value.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect()).expect("text")
}

#[test]
fn every_message_equals_its_row() {
    let mut rows = manifest("sip");
    assert!(rows.len() > 150);
    rows.extend(manifest("kamailio"));
    assert!(rows.len() > 210);
    for (columns, bytes) in &rows {
        let [file, _what, start, call_id, cseq, event, state, users, facts] = &columns[..] else { panic!("columns of {columns:?}") };
        let facts = serde_json::from_str(facts).expect(file);
        let row = Row { file, start, call_id, cseq, event, state, users, facts };
        let stream = cut(bytes);
        let [frame] = &stream.frames[..] else { panic!("{file}: {stream:?}") };
        assert_eq!((stream.fault, stream.pending), (None, 0), "{file}");
        let leading = row.facts.get("leading_bytes").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!((stream.keep_alive, bytes.len() - frame.len()), (leading > 0, leading as usize), "{file}");
        check_head(&row, frame);
        check_decoded(&row, frame);
    }
}

/// The columns that are headers, against the lexer.
fn check_head(row: &Row<'_>, frame: &[u8]) {
    let head = Head::parse(frame, &Limits::default()).unwrap_or_else(|fault| panic!("{}: {fault}", row.file));
    let start = match head.start {
        StartLine::Request { method, .. } => method.to_string(),
        StartLine::Status { code, .. } => code.to_string(),
    };
    let column = |name| head.get(name).map_or_else(|| "-".to_string(), without_space);
    assert_eq!((&*start, &*column(Name::CallId)), (row.start, row.call_id), "{}", row.file);
    assert_eq!((&*column(Name::Event), &*column(Name::SubscriptionState)), (row.event, row.state), "{}", row.file);
    if let Some(length) = row.facts.get("content_length").and_then(Value::as_u64) {
        assert_eq!(head.body.len() as u64, length, "{}", row.file);
    }
    if let Some(count) = row.facts.get("via_count").and_then(Value::as_u64) {
        let vias: usize = head.all(Name::Via).map(|via| without_space(via).matches("SIP/2.0/").count()).sum();
        assert_eq!(vias as u64, count, "{}", row.file);
    }
}

/// The typed message against the row.
fn check_decoded(row: &Row<'_>, frame: &[u8]) {
    let file = row.file;
    let decoded = decode(frame, &Limits::default()).unwrap_or_else(|fault| panic!("{file}: {fault}"));
    let mut answer = Vec::new();
    let answered = encode_answer(frame, 200, &mut answer);
    let silent = matches!(row.start, "BENOTIFY" | "ACK") || row.start.parse::<u16>().is_ok();
    assert_eq!(silent, answered.is_err(), "{file}");
    assert!(silent || row.facts.get("no_response").is_none(), "{file}");
    match decoded {
        Decoded::Notify(notify) => {
            assert_eq!(notify.best_effort, row.start == "BENOTIFY", "{file}");
            let cseq = format!("{} {}", notify.cseq, row.start);
            assert_eq!((notify.call_id, &*cseq, notify.event), (row.call_id, row.cseq, row.event.split(';').next().expect("event")), "{file}");
            check_state(row, notify.state, notify.expires_s);
            let parameter = |name: &str| row.state.split(';').find_map(|p| p.strip_prefix(name)).map(String::from);
            assert_eq!(notify.retry_after_s.map(|s| s.to_string()), parameter("retry-after="), "{file}");
            assert_eq!(notify.reason != TerminationReason::None, parameter("reason=").is_some(), "{file}");
            if let Some(tag) = row.facts.get("to_tag").and_then(Value::as_str) {
                assert_eq!(notify.to_tag, tag, "{file}");
            }
            check_body(row, &notify.body);
        }
        Decoded::Request(request) => {
            assert_eq!((request.method, request.call_id, &*format!("{} {}", request.cseq, request.method)), (row.start, row.call_id, row.cseq), "{file}");
            assert_eq!(!request.to_tag.is_empty(), head_has_to_tag(frame), "{file}");
        }
        Decoded::Response(response) => {
            let cseq = format!("{} {}", response.cseq, response.method);
            assert_eq!((&*response.status.to_string(), response.call_id, &*cseq), (row.start, row.call_id, row.cseq), "{file}");
            check_state(row, response.state, response.state_expires_s);
            check_response(row, &response);
            check_body(row, &response.body);
        }
    }
}

fn head_has_to_tag(frame: &[u8]) -> bool {
    let head = Head::parse(frame, &Limits::default()).expect("head");
    without_space(head.get(Name::To).expect("To")).rsplit('>').next().expect("parameters").contains(";tag=")
}

fn check_state(row: &Row<'_>, state: SubState, expires_s: Option<u32>) {
    let want = match row.state.split(';').next().expect("state") {
        "active" => SubState::Active,
        "pending" => SubState::Pending,
        "terminated" => SubState::Terminated,
        "-" => SubState::Absent,
        _ => SubState::Other,
    };
    let expires = row.state.split(';').find_map(|p| p.strip_prefix("expires=")).map(|s| s.parse().expect("number"));
    assert_eq!((state, expires_s), (want, expires), "{}", row.file);
}

/// Facts of responses.
fn check_response(row: &Row<'_>, response: &Response<'_>) {
    let file = row.file;
    let number = |name: &str| row.facts.get(name).and_then(Value::as_u64).map(|n| n as u32);
    let text = |name: &str| row.facts.get(name).and_then(Value::as_str);
    let given = [
        ("expires", response.expires_s),
        ("piggyback_cseq", response.piggyback_cseq),
        ("retry_after", response.retry_after_s),
        ("min_expires", response.min_expires_s),
        ("keepalive_timeout", response.keep_alive_s),
    ];
    for (name, got) in given {
        assert!(number(name).is_none_or(|want| got == Some(want)), "{file}: {name} is {got:?}");
    }
    if let Some(id) = number("ms_diagnostics") {
        let diagnostics = response.diagnostics.unwrap_or_else(|| panic!("{file}: no ms-diagnostics"));
        assert!(diagnostics.starts_with(&format!("{id};")), "{file}: {diagnostics}");
    }
    if let Some(count) = number("contacts") {
        assert_eq!(response.contacts.len(), count as usize, "{file}");
    }
    if let (Some(gruu), Some(instance)) = (text("gruu"), text("sip_instance")) {
        let ours = response.gruus.iter().find(|(id, _)| id.eq_ignore_ascii_case(&format!("urn:uuid:{instance}")));
        assert_eq!(ours.map(|(_, gruu)| *gruu), Some(gruu), "{file}");
    }
    for (at, target) in row.facts.get("redirect").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let address = format!("sip:{}:{}", target[0].as_str().expect("host"), target[1]);
        assert!(response.contacts[at].starts_with(&address), "{file}: {:?}", response.contacts);
    }
}

/// The `users` column and the facts about bodies.
fn check_body(row: &Row<'_>, body: &Body<'_>) {
    let file = row.file;
    assert!(!matches!(body, Body::Fault(_)), "{file}: {body:?}");
    if let Body::Unsupported(_) = body {
        assert_eq!(row.users, "-", "{file}: {body:?}");
        return;
    }
    let got = users(body);
    if let Some(legacy) = row.facts.get("msrtc") {
        // The 2005 format: read into the class the row names.
        let [doc] = &docs(body)[..] else { panic!("{file}: {body:?}") };
        let Found::Value(state) = &doc.state else { panic!("{file}: {doc:?}") };
        let class = Class::of(state.availability.expect("availability")).token();
        assert_eq!((&*doc.uri, class), (&*format!("sip:{}", legacy["uri"].as_str().expect("uri")), row.facts["mapped"].as_str().expect("class")), "{file}");
        return;
    }
    let want: Vec<String> = row.users.split(' ').map(|user| standard(user, row.facts.get("other").and_then(Value::as_str))).collect();
    assert_eq!(if got.is_empty() { "-".to_string() } else { got.join(" ") }, want.join(" "), "{file}");
    check_calls(row, body);
    for (uri, note) in row.facts.get("notes").and_then(Value::as_object).into_iter().flatten() {
        let docs = docs(body);
        let doc = docs.iter().find(|doc| doc.uri.eq_ignore_ascii_case(uri)).unwrap_or_else(|| panic!("{file}: no document of {uri}"));
        let got = match &doc.note {
            Found::Absent => None,
            Found::Empty => Some(""),
            Found::Value(note) => Some(&*note.text),
        };
        assert_eq!(got, note.as_str(), "{file}: note of {uri}");
    }
    if let Some(event) = row.facts.get("registration_event").and_then(Value::as_str) {
        let want = match event {
            "deregistered;event=unregistered" => RegistrationEvent::Unregistered,
            "deregistered;event=rejected" => RegistrationEvent::Rejected,
            "deregistered;event=deactivated" => RegistrationEvent::Deactivated,
            "deregistered;event=preferred-registrar-change" => RegistrationEvent::PreferredRegistrarChange,
            "registered;event=userservices-unavailable" => RegistrationEvent::UserServicesUnavailable,
            _ => RegistrationEvent::Other,
        };
        assert!(matches!(body, Body::Registration(got) if *got == want), "{file}: {body:?}");
    }
    if let Some(rlmi) = row.facts.get("rlmi").and_then(Value::as_object) {
        let Body::List(list) = body else { panic!("{file}: {body:?}") };
        let got: Vec<(String, String)> = list.resources.iter().map(|r| (r.uri.to_lowercase(), resource(&r.state))).collect();
        // `unknown` (listed without an instance) and `pending` both mean: wait.
        let want = |state: &str| if state == "unknown" { "pending".to_string() } else { state.to_string() };
        let want: Vec<(String, String)> = rlmi.iter().map(|(uri, state)| (uri.clone(), want(state.as_str().expect("state")))).collect();
        assert_eq!(got, want, "{file}");
        if let Some(full) = row.facts.get("fullState").and_then(Value::as_bool) {
            assert_eq!(list.full_state, full, "{file}");
        }
    }
}

/// Version and kind of a document about calls.
fn check_calls(row: &Row<'_>, body: &Body<'_>) {
    let Body::Calls(info) = body else { return };
    assert_eq!(info.full, row.facts.get("partial").is_none(), "{}", row.file);
    if let Some(version) = row.facts.get("version").and_then(Value::as_u64) {
        assert_eq!(info.version.map(u64::from), Some(version), "{}", row.file);
    }
}

fn resource(state: &ResourceState<'_>) -> String {
    match state {
        ResourceState::Active => "active".into(),
        ResourceState::Resubscribe { .. } => "resubscribe".into(),
        ResourceState::Pending => "pending".into(),
        ResourceState::Terminated(reason) => format!("terminated;{}", format!("{reason:?}").to_lowercase()),
    }
}
