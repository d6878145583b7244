//! A worker's own publications over the corpus: versions, refusals, and what clients publish. Files are found through the manifest, so a new row is a new test.
#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use uc_core::codec::xml::{decode_body, encode_publish};
use uc_core::config::{Limits, PublishConfig};
use uc_core::uc_event::{Body, Lifetime, NoteText, OwnCategory, OwnValue, Publication, PublicationKey, PublicationValue, RoamingSelf, UserActivity, UserState};

const ROAMING: &str = "application/vnd-microsoft-roaming-self+xml";

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(folder)
}

/// File, facts, and body with its media type.
fn rows() -> Vec<(String, Map<String, Value>, String, String)> {
    let manifest = std::fs::read_to_string(corpus("sip").join("MANIFEST.tsv")).unwrap();
    let row = |line: &str| {
        let file = line.split('\t').next().unwrap().to_owned();
        let facts = serde_json::from_str(line.split('\t').next_back().unwrap()).unwrap();
        let (media_type, body) = message(&std::fs::read(corpus("sip").join(&file)).unwrap());
        (file, facts, media_type, body)
    };
    manifest.lines().skip(1).map(row).collect()
}

fn message(bytes: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let media_type = head.lines().find_map(|line| line.strip_prefix("Content-Type:")).unwrap_or("").trim().to_owned();
    (media_type, body.to_owned())
}

fn own(text: &str) -> RoamingSelf<'_> {
    match decode_body(ROAMING, text.as_bytes(), &Limits::default()) {
        Body::RoamingSelf(own) => *own,
        other => panic!("{other:?} in {text}"),
    }
}

#[test]
fn versions_and_containers() {
    let mut read = 0;
    for (file, facts, media_type, body) in rows() {
        let Some(versions) = facts.get("versions") else { continue };
        let Body::RoamingSelf(own) = decode_body(&media_type, body.as_bytes(), &Limits::default()) else { panic!("{file}") };
        let version = |c: &OwnCategory<'_>| Value::from(vec![Value::from(&*c.name), c.instance.into(), c.container.into(), c.version.into()]);
        assert_eq!(&own.categories.iter().map(version).collect::<Value>(), versions, "{file}");
        if let Some(containers) = facts.get("containers") {
            let found: Map<String, Value> = own.containers.iter().map(|(id, version)| (id.to_string(), Value::from(*version))).collect();
            assert_eq!(&Value::from(found), containers, "{file}");
        }
        read += 1;
    }
    assert!(read >= 2, "only {read}");
}

#[test]
fn refusals() {
    let mut read = 0;
    for (file, facts, media_type, body) in rows() {
        let Some(operations) = facts.get("operations") else { continue };
        let Body::Refusal(fault) = decode_body(&media_type, body.as_bytes(), &Limits::default()) else { panic!("{file}") };
        assert_eq!(Some(&*fault.code), facts["faultcode"].as_str(), "{file}");
        let found: Value = fault.operations.iter().map(|o| Value::from(vec![o.index, o.version, o.current])).collect();
        assert_eq!(&found, operations, "{file}");
        read += 1;
    }
    assert!(read >= 2, "only {read}");
    let (_, bad) = message(&std::fs::read(corpus("sip-bad").join("110-409-index-out-of-range.sip")).unwrap());
    let Body::Refusal(fault) = decode_body("application/msrtc-fault+xml", bad.as_bytes(), &Limits::default()) else { panic!("{bad}") };
    assert_eq!((fault.operations.len(), fault.unreadable), (1, 1));
}

/// A `publish` document as the roaming data it would become.
fn as_roaming(publish: &str) -> String {
    let open = "<roamingData xmlns=\"http://schemas.microsoft.com/2006/09/sip/roaming-self\"><categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\"";
    let inner = publish.replace("<publications", open).replace("</publications>", "</categories></roamingData>");
    let inner = inner.replace("<publication categoryName=", "<category name=").replace("</publication>", "</category>");
    inner.replace("<publish xmlns=\"http://schemas.microsoft.com/2006/09/sip/rich-presence\">", "").replace("</publish>", "")
}

fn owned(state: &UserState<'_>) -> UserState<'static> {
    let activity = |a: &UserActivity<'_>| UserActivity {
        token: a.token.as_ref().map(|t| t.to_string().into()),
        min: a.min,
        max: a.max,
        customs: a.customs.iter().map(|(lcid, text)| (*lcid, text.to_string().into())).collect(),
    };
    UserState { availability: state.availability, manual: state.manual, activities: state.activities.iter().map(activity).collect() }
}

fn publication(category: &OwnCategory<'_>) -> Option<Publication> {
    let key = PublicationKey::of(&category.name, category.instance, category.container)?;
    let value = match &category.value {
        OwnValue::Empty => PublicationValue::Delete,
        OwnValue::UserState(state) => PublicationValue::State(Box::new(owned(state))),
        OwnValue::Note(note) => PublicationValue::Note(Box::new(NoteText { text: note.text.to_string().into(), kind: note.kind.to_string().into() })),
        OwnValue::Machine(_) | OwnValue::Other => return None,
    };
    Some(Publication { key, version: category.version, lifetime: category.lifetime, expires_s: category.expires_s, value })
}

/// What clients publish is printed by us as they print it, where nothing but a user's state or note is in it; the sessions of an independent client included.
#[test]
fn what_clients_publish_comes_back() {
    let mut read = 0;
    let mut documents: Vec<(String, String)> =
        rows().into_iter().filter(|(_, facts, ..)| facts.contains_key("publications")).map(|(file, _, _, body)| (file, body)).collect();
    for session in ["session-tcp", "session-tls-decrypted"] {
        for entry in std::fs::read_dir(corpus("sipe").join(session)).unwrap() {
            let path = entry.unwrap().path();
            let (media_type, body) = message(&std::fs::read(&path).unwrap());
            if media_type == "application/msrtc-category-publish+xml" {
                documents.push((path.display().to_string(), body));
            }
        }
    }
    for (file, body) in documents {
        let text = as_roaming(&body);
        let read_doc = own(&text);
        let publications: Vec<Publication> = read_doc.categories.iter().filter_map(publication).collect();
        let mut out = Vec::new();
        encode_publish(read_doc.uri.as_deref().unwrap(), &publications, &PublishConfig::default(), &mut out);
        let printed = String::from_utf8(out).unwrap();
        let again = as_roaming(&printed);
        let mut again = own(&again);
        let mut wanted: Vec<OwnCategory<'_>> = read_doc.categories.iter().filter(|c| publication(c).is_some()).cloned().collect();
        for category in wanted.iter_mut().chain(&mut again.categories).filter(|c| c.value == OwnValue::Empty) {
            category.expires_s = Some(0);
        }
        assert_eq!(again.categories, wanted, "{file}\n{printed}");
        assert_eq!(again.uri, read_doc.uri);
        // Byte for byte where the client writes nothing that we leave out.
        if publications.len() == read_doc.categories.len() && !body.contains("endpointLocation") && !body.contains("<activity token") {
            let lifetime = |c: &OwnCategory<'_>| c.lifetime != Lifetime::Static || c.expires_s.is_none() || c.value == OwnValue::Empty;
            assert!(read_doc.categories.iter().all(lifetime));
            assert_eq!(printed, body.trim_end(), "{file}");
        }
        read += 1;
    }
    assert!(read >= 10, "only {read}");
}
