//! Malformed and hostile messages: each ends in an outcome its row allows.
use crate::support::{cut, manifest, users};
use uc_core::codec::sip::{Decoded, decode};
use uc_core::config::Limits;
use uc_core::uc_event::{Body, Found};

#[test]
fn every_bad_message_ends_as_its_row_allows() {
    let rows = manifest("sip-bad");
    assert!(rows.len() > 80);
    let mut wrong = Vec::new();
    for (row, bytes) in &rows {
        let [file, _what, class, _expect, why] = &row[..] else { panic!("columns of {row:?}") };
        let (outcome, said, got) = outcome(bytes);
        if !class.split('|').any(|c| c == outcome) {
            wrong.push(format!("{file}: {outcome} ({said}), allowed is {class}"));
        }
        // A value named in the last column must come out of a message that is used.
        for value in why.split(['(', ')', ' ']).filter(|word| word.split_once('/').is_some_and(|(number, _)| number.parse::<u32>().is_ok())) {
            if outcome == "tolerate" && !got.iter().any(|user| user.ends_with(&format!("={value}"))) {
                wrong.push(format!("{file}: {value} expected, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The class of the README, what was said about it, and the users that came out.
fn outcome(bytes: &[u8]) -> (&'static str, String, Vec<String>) {
    let stream = cut(bytes);
    let mut worst = if stream.pending > 0 { ("incomplete", "more bytes needed".into(), Vec::new()) } else { ("ignore", String::new(), Vec::new()) };
    for frame in &stream.frames {
        worst = match decode(frame, &Limits::default()) {
            Err(fault) => {
                assert!(!fault.is_fatal(), "{fault}");
                ("reject", fault.to_string(), Vec::new())
            }
            Ok(Decoded::Notify(notify)) => body(&notify.body),
            // A response counts by its status even when nobody reads its body.
            Ok(Decoded::Response(response)) if matches!(response.body, Body::Unsupported(_)) => ("tolerate", String::new(), Vec::new()),
            Ok(Decoded::Response(response)) => body(&response.body),
            Ok(Decoded::Request(_)) => ("tolerate", String::new(), Vec::new()),
        };
    }
    match stream.fault {
        Some(fault) => {
            assert!(fault.is_fatal());
            ("fatal", fault.to_string(), Vec::new())
        }
        None => worst,
    }
}

/// Whether a body leads to anything: a document without a readable value keeps the last known state.
fn body(body: &Body<'_>) -> (&'static str, String, Vec<String>) {
    let said = format!("{body:.200?}");
    let usable = match body {
        Body::None | Body::Calls(_) | Body::Registration(_) | Body::RoamingSelf(_) | Body::Refusal(_) => true,
        Body::Categories(doc) => !matches!(&doc.state, Found::Value(state) if state.availability.is_none()),
        Body::List(list) => list.faults.is_empty() || !list.docs.is_empty() || !list.resources.is_empty(),
        Body::Unsupported(_) | Body::Fault(_) => false,
    };
    (if usable { "tolerate" } else { "body-error" }, said, users(body))
}
