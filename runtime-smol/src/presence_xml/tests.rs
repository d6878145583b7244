//! Documents, good and bad; the source over loopback.
use super::source::{Location, Source};
use super::*;
use crate::fetch::Url;
use crate::settings::{TlsProfile, TlsSettings};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

const GOOD: &str = include_str!("../../../docs/presence.xml");

fn document(states: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<presence xmlns=\"{NAMESPACE}\">\n{states}\n</presence>")
}

fn state(id: &str) -> String {
    format!("<state id=\"{id}\"><display><menuText>m</menuText></display><genesysAgent ready=\"true\"/></state>")
}

fn tls() -> TlsSettings {
    TlsSettings { profile: TlsProfile::Rustls, ca: None, identity: None, server_name: None }
}

#[test]
fn the_document_we_ship_is_good() {
    let (catalogue, remarks) = parse(GOOD).unwrap();
    assert_eq!(remarks, []);
    let training = catalogue.states.iter().find(|state| &*state.row.id == "training").unwrap();
    assert_eq!((training.row.ready, training.row.work_mode, training.row.reason.as_deref(), training.row.reason_ext), (false, Some(6), Some("510"), true));
    assert!(training.display.iter().any(|texts| texts.language.as_deref() == Some("de")) && training.row.in_menu);
    let wrap = catalogue.states.iter().find(|state| &*state.row.id == "wrap").unwrap();
    assert!(!wrap.row.in_menu && wrap.row.work_mode == Some(3), "recognised, but not on offer");
    assert_eq!(Catalogue::default().rows(), ChoiceConfig::default().states);
}

#[test]
fn a_document_is_good_if_one_state_is() {
    let bad = [
        "<state><genesysAgent ready=\"true\"/></state>",
        "<state id=\"a b\"><genesysAgent ready=\"true\"/></state>",
        "<state id=\"predefReady\"><genesysAgent ready=\"true\"/></state>",
        "<state id=\"follow\"><genesysAgent ready=\"true\"/></state>",
        "<state id=\"none\"/>",
        "<state id=\"maybe\"><genesysAgent ready=\"maybe\"/></state>",
        "<state id=\"mode\"><genesysAgent ready=\"false\" mode=\"asleep\"/></state>",
        "<state id=\"ext\"><genesysAgent ready=\"false\"><reason ext=\"x\">1</reason></genesysAgent></state>",
        "<state id=\"long\"><genesysAgent ready=\"false\"><reason>LONG</reason></genesysAgent></state>",
    ];
    let bad: Vec<String> = bad.iter().map(|text| text.replace("LONG", &"x".repeat(256))).collect();
    let text = document(&format!("{}\n{}\n{}", bad.join("\n"), state("good"), state("good")));
    let (catalogue, remarks) = parse(&text).unwrap();
    assert_eq!(catalogue.states.len(), 1);
    assert_eq!(remarks.iter().map(|remark| remark.line).collect::<Vec<_>>(), (3..12).chain([13]).collect::<Vec<_>>(), "{remarks:#?}");
    for text in &bad {
        assert!(parse(&document(text)).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_document_says_why_and_where() {
    for (text, line, why) in [
        ("", 1, "root element"),
        ("<presence>", 1, "not XML"),
        ("<presence xmlns=\"http://example.com/\"/>", 1, "namespace"),
        ("\n<other/>", 1, "no root element"),
        ("<!DOCTYPE presence [<!ENTITY a \"b\">]><presence/>", 1, "not XML"),
    ] {
        let fault = parse(text).unwrap_err();
        assert_eq!(fault.line, line, "{text}: {fault:?}");
        assert!(fault.text.contains(why), "{text}: {fault:?}");
    }
    let fault = parse(&document("\n\n<state id=\"x\">")).unwrap_err();
    assert!(fault.line >= 5, "{fault:?}");
}

#[test]
fn the_first_root_element_named_presence_counts() {
    let text = format!(
        "<?xml version=\"1.0\"?>\n<other/>{}<presence xmlns=\"{NAMESPACE}\">{}</presence>",
        document(&state("one")).replace("<?xml version=\"1.0\"?>", ""),
        state("two")
    );
    assert_eq!(&*parse(&text).unwrap().0.states[0].row.id, "one");
}

#[test]
fn texts_and_icons() {
    let text = document(
        "<state id=\"a\" icon=\" i.png \"><display language=\"de\"><statusText> D </statusText></display><display language=\"DE\"><menuText>x</menuText></display>\
         <display language=\"not a tag\"/><genesysAgent ready=\"1\" mode=\"acw\"/></state>\n<state id=\"b\"><genesysAgent ready=\"true\" mode=\"after-call-work\"/></state>",
    );
    let (catalogue, remarks) = parse(&text).unwrap();
    let first = &catalogue.states[0];
    assert_eq!((first.icon.as_deref(), first.display.len(), first.display[0].status.as_deref(), first.row.in_menu), (Some("i.png"), 1, Some("D"), false));
    assert_eq!((catalogue.states.len(), remarks.len()), (2, 3), "{remarks:?}");
    assert!(remarks[2].text.contains("same as `a`"));
}

#[test]
fn urls_are_taken_apart() {
    for (text, good) in [
        ("http://h/p.xml", true),
        ("https://h:8443/p?x=1#f", true),
        ("http://[::1]:80/", true),
        ("http://h", true),
        ("ftp://h/", false),
        ("http:///p", false),
        ("http://h/a b", false),
        ("http://user@h/", false),
        ("/etc/presence.xml", false),
    ] {
        assert_eq!(Url::parse(text).is_some(), good, "{text}");
    }
}

/// Answers one request after the other with the next of `answers`; the requests.
fn server(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}/presence.xml", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            requests.push(String::from_utf8(request).unwrap());
            // A client that has read enough may hang up.
            let _ = stream.write_all(answer.as_bytes());
        }
        requests
    });
    (at, thread)
}

#[test]
fn a_url_is_asked_with_conditions() {
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (at, thread) = server(vec![
        ok(GOOD),
        "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
        ok("<nonsense/>"),
        "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".into(),
        format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(DOCUMENT_BYTES_MAX + (64 << 10))),
        "nonsense".into(),
    ]);
    let mut source = Source::new(Location::Url(Url::parse(&at).unwrap()), tls());
    assert!(source.read().unwrap().is_some());
    assert_eq!(source.read().unwrap(), None);
    for why in [":1: there is no root element", "moved to \"http://elsewhere/\"", "cut off", "more than", "not HTTP"] {
        let fault = source.read().unwrap_err();
        assert!(fault.contains(why), "{why}: {fault}");
    }
    let requests = thread.join().unwrap();
    assert!(!requests[0].contains("If-None-Match") && requests[1].contains("If-None-Match: \"v1\"\r\n"));
}

#[test]
fn a_file_is_read_when_it_has_changed() {
    let path = std::env::temp_dir().join(format!("uc-presence-{}.xml", std::process::id()));
    std::fs::write(&path, GOOD).unwrap();
    let mut source = Source::new(Location::File(path.clone()), tls());
    assert!(source.read().unwrap().is_some());
    assert_eq!(source.read().unwrap(), None);
    std::fs::write(&path, "nonsense").unwrap();
    assert!(source.read().unwrap_err().contains(":1: "));
    assert!(source.read().is_err(), "told until it is repaired");
    std::fs::write(&path, document(&state("new"))).unwrap();
    assert_eq!(&*source.read().unwrap().unwrap().catalogue.states[0].row.id, "new");
    std::fs::remove_file(&path).unwrap();
    assert!(source.read().unwrap_err().contains("cannot be read"));
}
