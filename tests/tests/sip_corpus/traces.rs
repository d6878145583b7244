//! Captured traffic: a Kamailio presence server, and pidgin-sipe with a scripted Front End. The file names say what each message is.
use crate::support::{cut, files};
use uc_core::codec::sip::{Decoded, Head, Name, StartLine, decode};
use uc_core::config::Limits;
use uc_core::uc_event::SubState;

fn only(file: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = cut(bytes);
    assert_eq!((stream.frames.len(), &stream.fault, stream.pending), (1, &None, 0), "{file}");
    stream.frames.remove(0)
}

fn decoded<'a>(file: &str, frame: &'a [u8]) -> Decoded<'a> {
    decode(frame, &Limits::default()).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

#[test]
fn kamailio() {
    let files = files("kamailio", "sip");
    assert!(files.len() > 50);
    for (file, bytes) in &files {
        let frame = only(file, bytes);
        let words: Vec<&str> = file.trim_end_matches(".sip").trim_end_matches("-2").trim_end_matches("-3").rsplit('-').collect();
        match decoded(file, &frame) {
            Decoded::Notify(notify) => {
                let state = match words[0] {
                    "active" => SubState::Active,
                    "terminated" => SubState::Terminated,
                    other => panic!("{file}: {other}"),
                };
                assert_eq!((notify.state, notify.event, notify.best_effort), (state, words[1], false), "{file}");
                assert!(!notify.from_tag.is_empty() && !notify.to_tag.is_empty() && notify.require_unsupported.is_none(), "{file}");
            }
            Decoded::Response(response) => {
                assert_eq!((response.method.to_lowercase(), response.status.to_string()), (words[0].to_string(), words[1].to_string()), "{file}");
                assert!(response.branch.starts_with("z9hG4bK"), "{file}: {}", response.branch);
                assert!(response.status != 200 || response.expires_s.is_some(), "{file}");
            }
            Decoded::Request(request) => panic!("{file}: {request:?}"),
        }
    }
}

#[test]
fn a_captured_stream_falls_into_the_captured_messages() {
    for (file, bytes) in files("kamailio", "bin") {
        let singles: Vec<Vec<u8>> = files("kamailio", "sip").into_iter().map(|(_, bytes)| bytes).collect();
        let stream = cut(&bytes);
        assert_eq!((&stream.fault, stream.pending), (&None, 0), "{file}");
        assert!(stream.frames.len() > 10 && stream.frames.iter().all(|frame| singles.contains(frame)), "{file}: {} messages", stream.frames.len());
        assert_eq!(stream.frames.concat(), bytes, "{file}");
    }
}

#[test]
fn pidgin_sipe() {
    for folder in ["session-tcp", "session-tls-decrypted", "session-ntlm", "big-list"] {
        let files = files(&format!("sipe/{folder}"), "sip");
        assert!(!files.is_empty());
        for (file, bytes) in &files {
            let frame = only(file, bytes);
            let head = Head::parse(&frame, &Limits::default()).expect("head");
            let words: Vec<&str> = file.trim_end_matches(".sip").splitn(4, '-').collect();
            match (head.start, decoded(file, &frame)) {
                (StartLine::Status { code, .. }, Decoded::Response(response)) => {
                    assert_eq!((code.to_string(), response.method.to_lowercase()), (words[2].to_string(), words[3].to_string()), "{file}");
                    assert_eq!(response.status, code, "{file}");
                }
                (StartLine::Request { method, .. }, request) => {
                    assert_eq!(method.to_lowercase(), words[2], "{file}");
                    let event = head.get(Name::Event).map_or(String::new(), |value| String::from_utf8_lossy(value).replace('.', "-").to_lowercase());
                    let named = words.get(3).copied().unwrap_or_default();
                    assert!(event.starts_with(named) || named.starts_with(&*event), "{file}: {event}");
                    assert_eq!(matches!(request, Decoded::Notify(_)), method.ends_with("NOTIFY"), "{file}");
                }
                (start, _) => panic!("{file}: {start:?}"),
            }
        }
    }
}
