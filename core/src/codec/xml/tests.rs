//! The rules of the readers, one test each; whole messages are tested over the corpus in package uc-tests.
use super::*;
use crate::uc_event::{Calendar, Found, ListDoc, PublishTime, ResourceState, StateValue, TerminationReason};
use alloc::format;
use alloc::string::{String, ToString};

pub(super) const SEED: &str = concat!(
    "<categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" uri=\"sip:lync-user2_qa94@lyncdco13.lab\">",
    "<category xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" name=\"state\" instance=\"1\" publishTime=\"2017-08-22T23:59:31.107\">\r\n",
    "<state xsi:type=\"aggregateState\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\">",
    "<availability>6500</availability><activity token=\"on-the-phone\" />",
    "<delimiter xmlns=\"http://schemas.microsoft.com/2006/09/sip/commontypes\" /><device>computer</device>",
    "<end xmlns=\"http://schemas.microsoft.com/2006/09/sip/commontypes\" /></state>\r\n</category>\r\n</categories>"
);
const CAT: &str = "xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\"";
const ST: &str = "xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
const NOTE: &str = "xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\"";
const TYPE: &str = "application/msrtc-event-categories+xml";

fn limits() -> Limits {
    Limits::default()
}

fn doc(inner: &str) -> String {
    format!("<categories {CAT} uri=\"sip:a@x\">{inner}</categories>")
}

fn one_state(time: &str, kind: &str, inner: &str) -> String {
    let kind = if kind.is_empty() { String::new() } else { format!("xsi:type=\"{kind}\"") };
    format!("<category name=\"state\" instance=\"7\" publishTime=\"{time}\"><state {ST} {kind}>{inner}</state></category>")
}

fn general(text: &str) -> Result<CategoryDoc<'_>, XmlFault> {
    let read = categories::decode(text.as_bytes(), limits().xml_depth_max);
    if let Some(hot) = hot::decode(text.as_bytes()) {
        assert_eq!(Ok(hot), read, "{text}");
    }
    read
}

/// The state of a document with these categories.
#[track_caller]
fn state(inner: &str) -> StateValue<'static> {
    let text = doc(inner);
    match owned::category_doc(general(&text).unwrap()).state {
        Found::Value(value) => value,
        other => panic!("{other:?} in {text}"),
    }
}

/// Availability, token and custom text of an aggregate state with these children.
fn shown(inner: &str) -> (Option<u32>, Option<String>, Option<String>) {
    let state = state(&one_state("2016-03-01T09:15:00.123", "aggregateState", inner));
    (state.availability, state.token.map(String::from), state.custom.map(String::from))
}

#[track_caller]
fn fault(inner: &str) -> XmlFault {
    general(&doc(inner)).unwrap_err()
}

#[test]
fn the_seed_is_hot_and_read_without_extra() {
    let hot = hot::decode(SEED.as_bytes()).unwrap();
    assert_eq!(general(SEED).unwrap(), hot);
    assert_eq!(hot.uri, "sip:lync-user2_qa94@lyncdco13.lab");
    let Found::Value(state) = hot.state else { panic!("no state") };
    assert_eq!((state.availability, state.token.as_deref(), state.device.as_deref()), (Some(6500), Some("on-the-phone"), Some("computer")));
    assert_eq!((state.publish_time, state.instance, state.extra), (PublishTime(1_503_446_371_107), Some(1), None));
    assert!(matches!(decode_body("Application/MSRTC-event-categories+xml; charset=utf-8", SEED.as_bytes(), &limits()), Body::Categories(_)));
    assert!(hot::decode(SEED.replace("\r\n", "").as_bytes()).is_some());
}

#[test]
fn aggregate_state_then_untyped_then_newest_then_later() {
    let (old, new) = ("2016-03-01T09:00:00", "2016-03-01T10:00:00");
    let number = |n: u32| format!("<availability>{n}</availability>");
    let pick = |states: &[(&str, &str, u32)]| {
        let inner: String = states.iter().map(|(time, kind, n)| one_state(time, kind, &number(*n))).collect();
        state(&inner).availability
    };
    assert_eq!(pick(&[(new, "userState", 1), (old, "aggregateState", 2), (new, "", 3)]), Some(2));
    assert_eq!(pick(&[(new, "userState", 1), (old, "", 2)]), Some(2));
    assert_eq!(pick(&[(new, "userState", 1), (old, "machineState", 2)]), Some(1));
    assert_eq!(pick(&[(new, "s:aggregateState", 1), (old, "aggregateState", 2)]), Some(1));
    assert_eq!(pick(&[(old, "aggregateState", 1), (new, "aggregateState", 2)]), Some(2));
    assert_eq!(pick(&[(old, "aggregateState", 1), (old, "aggregateState", 2)]), Some(2));
    assert_eq!(pick(&[("", "aggregateState", 1), ("1970-01-01T00:00:01", "aggregateState", 2), ("nonsense", "aggregateState", 3)]), Some(2));
}

#[test]
fn activity_by_range_and_custom_text_by_language() {
    let two = "<activity token=\"a\" minAvailability=\"12000\"/><activity token=\"b\" maxAvailability=\"8999\"/><activity token=\"c\"/>";
    assert_eq!(shown(&format!("<availability>6500</availability>{two}")).1.as_deref(), Some("b"));
    assert_eq!(shown(&format!("{two}<availability> 15000\n</availability>")), (Some(15000), Some("a".into()), None));
    assert_eq!(shown(&format!("<availability>9500</availability>{two}")).1.as_deref(), Some("c"));
    assert_eq!(shown(two).1.as_deref(), Some("a"));
    let custom = |inner: &str| shown(&format!("<availability>6500</availability><activity>{inner}</activity>")).2;
    let (de, en, fr) = ("<custom LCID=\"1031\">Pause</custom>", "<custom LCID=\"1033\">Break &amp; tea</custom>", "<custom LCID=\"1036\">x</custom>");
    assert_eq!(custom(&format!("{de}{en}{fr}")).as_deref(), Some("Break & tea"));
    assert_eq!(custom(&format!("{de}{fr}")).as_deref(), Some("Pause"));
    assert_eq!(custom("<custom LCID=\"1033\"> </custom>"), None);
}

#[test]
fn availability_is_digits_or_nothing() {
    let number = |text: &str| shown(&format!("<availability>{text}</availability>")).0;
    assert_eq!(number("&#54;5<!-- x --><![CDATA[00]]>"), Some(6500));
    assert_eq!(number("4294967295"), Some(u32::MAX));
    for bad in ["", "abc", "-1", "+1", "4294967296", "0x1964", "6 500", "65.0"] {
        assert_eq!(number(bad), None, "{bad}");
    }
    assert_eq!(shown("<availability>1</availability><availability>2</availability>").0, Some(1));
}

#[test]
fn known_names_among_extensions_and_foreign_namespaces() {
    let common = "xmlns=\"http://schemas.microsoft.com/2006/09/sip/commontypes\"";
    let inner = format!(
        "<availability xmlns=\"urn:y\">1</availability><availability>3500</availability><delimiter {common}/><future a=\"1\"><device>no</device></future>\
         <timeZoneName>CET</timeZoneName><delimiter {common}/><device> web </device><end {common}/><extension {common}><device>no</device></extension>"
    );
    let state = state(&one_state("", "aggregateState", &inner));
    assert_eq!((state.availability, state.device.as_deref()), (Some(3500), Some("web")));
    assert_eq!(state.extra.unwrap().time_zone.as_deref(), Some("CET"));
}

#[test]
fn absent_empty_and_counted_categories() {
    let text =
        doc("<category name=\"state\"/><category name=\"note\"></category><category name=\"services\"/><category/><x/><category name=\"calendarData\"/>");
    let read = general(&text).unwrap();
    assert_eq!((read.state, read.note, read.calendar, read.others), (Found::Empty, Found::Empty, Found::Empty, 2));
    let text = doc(&format!("<category name=\"state\"><other/></category>{}<category name=\"state\"/>", one_state("", "aggregateState", "")));
    assert!(matches!(general(&text).unwrap().state, Found::Value(_)));
    let text = doc("<category name=\"calendarData\"><calendarData xmlns=\"urn:c\"><a/></calendarData><b/></category>");
    let read = general(&text).unwrap();
    assert_eq!((read.state, read.calendar), (Found::Absent, Found::Value(Calendar::default())));
}

#[test]
fn free_busy_is_read_and_outdoes_working_hours() {
    let inner = "<category name=\"calendarData\"><calendarData xmlns=\"urn:c\"><WorkingHours><x/></WorkingHours></calendarData></category>\
        <category name=\"calendarData\"><calendarData xmlns=\"urn:c\"><freeBusy startTime=\"2016-03-01T08:00:00Z\" granularity=\"PT15M\"> AKr1AA== </freeBusy></calendarData></category>";
    let expected = Calendar { start_ms: 1_456_819_200_000, slot_min: 15, slots: Box::new([0, 0xaa, 0xf5, 0]) };
    assert_eq!(general(&doc(inner)).unwrap().calendar, Found::Value(expected));
    let odd = inner.replace("PT15M", "PT-1M");
    assert_eq!(general(&doc(&odd)).unwrap().calendar, Found::Value(Calendar::default()));
}

#[test]
fn the_newest_note_counts_even_when_empty() {
    let note =
        |time: &str, text: &str| format!("<category name=\"note\" publishTime=\"{time}\"><note {NOTE}><body type=\"personal\">{text}</body></note></category>");
    let (old, new) = ("2016-03-01T09:00:00", "2016-03-01T10:00:00");
    let pick = |inner: String| match owned::category_doc(general(&doc(&inner)).unwrap()).note {
        Found::Value(note) => Some(note.text.into_owned()),
        Found::Empty => None,
        Found::Absent => panic!("no note in {inner}"),
    };
    assert_eq!(pick(note(new, "new") + &note(old, "old")).as_deref(), Some("new"));
    assert_eq!(pick(note(new, "") + &note(old, "old")), None);
    assert_eq!(pick(note(old, "old") + &note(new, "")), None);
    assert_eq!(pick(note(old, "old") + "<category name=\"note\"/>").as_deref(), Some("old"));
    assert_eq!(pick(note(new, " a &lt;b&gt;\r\n<![CDATA[<i>]]>&#x1F600; ")).as_deref(), Some(" a <b>\n<i>\u{1F600} "));
    assert_eq!(pick(format!("<category name=\"note\"><note {NOTE}><body/><body>second</body></note></category>")).as_deref(), Some("second"));
}

#[test]
fn what_is_refused() {
    let read = |text: &str| general(text).unwrap_err();
    assert!(matches!(read("<!DOCTYPE categories [<!ENTITY a 'b'>]><categories/>"), XmlFault::Doctype { .. }));
    assert!(matches!(fault("<a>&nbsp;</a>"), XmlFault::Reference { name, .. } if &*name == "nbsp"));
    assert!(matches!(fault("<a>&#1;</a>"), XmlFault::Reference { .. }));
    assert!(matches!(fault("<a b=\"&#0;\"/>"), XmlFault::Reference { .. }));
    assert!(matches!(fault("<a b=\"&x;\"/>"), XmlFault::Reference { name, .. } if &*name == "x"));
    assert!(matches!(fault("<a>\u{1}</a>"), XmlFault::Character { .. }));
    assert!(matches!(fault("<a b=\"&#xFFFF;\"/>"), XmlFault::Reference { .. }));
    assert!(matches!(fault("<a b=\"<\"/>"), XmlFault::NotWellFormed { .. }));
    assert!(matches!(fault("<a b=\"1\" b=\"2\"/>"), XmlFault::DuplicateAttribute { .. }));
    assert!(matches!(fault("<p:a/>"), XmlFault::Prefix { name, .. } if &*name == "p:a"));
    assert!(matches!(fault("<a p:b=\"\"/>"), XmlFault::Prefix { name, .. } if &*name == "p:b"));
    assert!(matches!(fault("<a xmlns:p=\"urn:p\"><p:b/></a><p:c/>"), XmlFault::Prefix { .. }));
    assert!(matches!(fault("<a></b>"), XmlFault::NotWellFormed { .. }));
    assert!(matches!(fault("<a b=c/>"), XmlFault::NotWellFormed { .. }));
    assert!(matches!(fault("a & b"), XmlFault::NotWellFormed { .. }));
    assert!(matches!(read(&(doc("") + "<x/>")), XmlFault::NotWellFormed { .. }));
    assert!(matches!(read(&(doc("") + "x")), XmlFault::NotWellFormed { .. }));
    assert!(matches!(read(&(String::from("x") + &doc(""))), XmlFault::NotWellFormed { .. }));
    assert!(matches!(read("<categories uri=\"sip:a@x\"/>"), XmlFault::Root { .. }));
    assert!(matches!(read(&format!("<categories {CAT}/>")), XmlFault::AttributeMissing { name: "uri", .. }));
    assert!(matches!(read(&format!("<categories {CAT} uri=\"sip:a&#13;&#10;b@x\"/>")), XmlFault::Uri { .. }));
    assert!(matches!(categories::decode(b"<a>\xFF</a>", 32), Err(XmlFault::NotUtf8 { at: 3 })));
}

#[test]
fn every_prefix_of_a_document_is_a_fault() {
    for end in 0..SEED.len() {
        assert!(general(&SEED[..end]).is_err(), "{end}");
    }
    assert!(matches!(categories::decode(&SEED.as_bytes()[..300], 32), Err(XmlFault::Truncated { .. })));
}

#[test]
fn depth_and_namespaces_are_bounded() {
    let nested = |depth: usize| doc(&("<a>".repeat(depth) + &"</a>".repeat(depth)));
    assert!(general(&nested(31)).is_ok());
    assert!(matches!(general(&nested(32)), Err(XmlFault::TooDeep { limit: 32, .. })));
    let shallow = Limits { xml_depth_max: 3, ..limits() };
    assert!(matches!(decode_body(TYPE, SEED.as_bytes(), &shallow), Body::Fault(fault) if matches!(*fault, XmlFault::TooDeep { limit: 3, .. })));
    let many: String = (0..200).map(|n| format!(" xmlns:p{n}=\"urn:p\"")).collect();
    assert!(matches!(fault(&format!("<a{many}/>")), XmlFault::TooManyNamespaces { limit: 128, .. }));
    let siblings = "<a xmlns:p=\"urn:p\"><p:b/></a>".repeat(500);
    assert!(general(&doc(&siblings)).is_ok());
}

#[test]
fn encodings_that_lie_and_byte_order_marks() {
    let text = format!("\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<!-- c --><?pi x?>{}\n<!-- end -->", doc(""));
    assert_eq!(general(&text).unwrap().uri, "sip:a@x");
    assert!(general(&format!("\u{FEFF}\u{FEFF}{}", doc(""))).is_err());
}

#[test]
fn faults_speak_and_quote_safely() {
    let name = "x\r\n".repeat(100);
    let text = format!("<categories {CAT} uri=\"{}\"/>", name.replace('\r', "&#13;").replace('\n', "&#10;"));
    let fault = general(&text).unwrap_err().to_string();
    assert!(fault.len() < 300 && !fault.contains(['\r', '\n']), "{fault}");
    assert_eq!(XmlFault::TooDeep { at: 9, limit: 32 }.to_string(), "elements are nested deeper than 32 (limits.xml_depth_max) at byte 9");
}

fn list(content_type: &str, body: &str) -> ListDoc<'static> {
    match decode_body(content_type, body.as_bytes(), &limits()) {
        Body::List(list) => owned::list(*list),
        other => panic!("{other:?}"),
    }
}

fn rlmi(inner: &str) -> String {
    format!("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:w@x\" version=\"3\" fullState=\"true\">{inner}</list>")
}

#[test]
fn resource_states() {
    let instance = |attributes: &str| {
        let list = list("application/rlmi+xml", &rlmi(&format!("<resource uri=\"sip:a@x\"><name>A</name><instance id=\"0\" {attributes}/></resource>")));
        assert_eq!((list.uri.as_ref(), list.version, list.full_state), ("sip:w@x", 3, true));
        list.resources.into_iter().next().map(|resource| resource.state).ok_or(list.faults)
    };
    assert_eq!(instance("state=\"active\""), Ok(ResourceState::Active));
    assert_eq!(instance("state=\"resubscribe\""), Ok(ResourceState::Resubscribe { pool: None }));
    assert_eq!(instance("state=\"resubscribe\" poolFqdn=\"p.x\""), Ok(ResourceState::Resubscribe { pool: Some("p.x".into()) }));
    assert_eq!(instance("state=\"terminated\" reason=\"noresource\""), Ok(ResourceState::Terminated(TerminationReason::NoResource)));
    assert_eq!(instance("state=\"terminated\" reason=\"new\""), Ok(ResourceState::Terminated(TerminationReason::Other)));
    assert_eq!(instance("state=\"terminated\" reason=\"invariant\""), Ok(ResourceState::Terminated(TerminationReason::Invariant)));
    assert_eq!(instance("state=\"terminated\""), Ok(ResourceState::Terminated(TerminationReason::None)));
    assert_eq!(instance("state=\"frozen\""), Ok(ResourceState::Pending));
    assert!(matches!(&instance("state=\"resubscribe\" poolFqdn=\"p&#13;&#10;Route: &lt;x&gt;\"").unwrap_err()[..], [(_, XmlFault::Uri { .. })]));
    let two = list(
        "application/rlmi+xml",
        &rlmi("<resource uri=\"sip:a@x\"/><resource/><resource uri=\"sip:b@x\"/><resource uri=\"sip:a@x\"><instance state=\"active\"/></resource>"),
    );
    assert_eq!(
        two.resources.iter().map(|r| (r.uri.as_ref(), &r.state)).collect::<alloc::vec::Vec<_>>(),
        [("sip:b@x", &ResourceState::Pending), ("sip:a@x", &ResourceState::Active)]
    );
    assert!(matches!(two.faults[..], [(_, XmlFault::AttributeMissing { .. })]));
}

#[test]
fn long_lists_are_cut_with_a_fault() {
    let small = Limits { list_resources_max: 2, ..limits() };
    let text = rlmi("<resource uri=\"sip:a@x\"/><resource uri=\"sip:b@x\"/><resource uri=\"sip:c@x\"/><resource uri=\"sip:d@x\"/>");
    let Body::List(list) = decode_body("application/rlmi+xml", text.as_bytes(), &small) else { panic!("no list") };
    assert_eq!(list.resources.len(), 2);
    assert!(matches!(list.faults[..], [(_, XmlFault::TooManyResources { limit: 2 })]));
    let parts = format!("--b\r\nContent-Type: {TYPE}\r\n\r\n{}\r\n", doc("")).repeat(5) + "--b--";
    let Body::List(list) = decode_body("multipart/related;boundary=b", parts.as_bytes(), &small) else { panic!("no list") };
    assert_eq!(list.docs.len(), 3);
    assert!(matches!(list.faults[..], [(_, XmlFault::TooManyParts { limit: 3 })]));
}

/// A multipart body with LF line ends turned into CRLF.
fn multipart(content_type: &str, body: &str) -> ListDoc<'static> {
    list(content_type, &body.replace('\n', "\r\n"))
}

#[test]
fn parts_tight_or_with_line_ends_of_their_own() {
    for end in ["", "\n"] {
        let root = rlmi("<resource uri=\"sip:a@x\"><instance state=\"active\" cid=\"a@x\"/></resource>");
        let body = format!(
            "preamble --b\n--b-not\n--b \nContent-ID: resourceList\nContent-Type: application/rlmi+xml\n\n{root}{end}\n--b\n\
             Content-Transfer-Encoding:\n binary\nContent-ID: <a@x>\nCONTENT-TYPE : application/msrtc-event-categories+xml\n\n{}{end}\n--b--\nepilogue\n--b\n",
            doc(&format!("<category name=\"note\"><note {NOTE}><body>x --b\n y</body></note></category>"))
        );
        for content_type in ["multipart/related;start=resourceList;boundary=b", "Multipart/Related; start=\"<resourceList>\"; BOUNDARY=\"b\""] {
            let list = multipart(content_type, &body);
            assert_eq!((list.version, list.resources.len(), list.docs.len(), &list.faults[..]), (3, 1, 1, &[][..]), "{body}");
            assert!(matches!(&list.docs[0].note, Found::Value(note) if note.text == "x --b\n y"));
        }
    }
}

#[test]
fn a_bad_part_spoils_only_itself() {
    let good = format!("Content-Type: {TYPE}\nContent-ID: <good>\n\n{}", doc(""));
    let base64 = "Content-Type: application/msrtc-event-categories+xml\nContent-Transfer-Encoding: base64\nContent-ID: <coded>\n\n@@@";
    let body = format!(
        "--b\n{good}\n--b\nContent-ID: bad\nContent-Type: {TYPE}\n\n<a>\n--b\n{base64}\n--b\n\nno type\n--b\n--b\n{good}\n\
         --b\nContent-ID: cut\nContent-Type: {TYPE}\n\n{}",
        doc("")
    );
    let list = multipart("multipart/related;boundary=b", &body);
    assert_eq!(list.docs.len(), 2);
    let faults: alloc::vec::Vec<_> = list.faults.iter().map(|(id, _)| id.as_ref()).collect();
    assert_eq!(faults, ["bad", "coded", "", "", "cut"]);
    assert!(matches!(list.faults[4].1, XmlFault::PartUnterminated { .. }));
    assert!(matches!(&list.faults[2].1, XmlFault::PartType { media_type } if &**media_type == "text/plain"));
    let fault = |content_type, body: &str| match decode_body(content_type, body.as_bytes(), &limits()) {
        Body::Fault(fault) => *fault,
        other => panic!("{other:?}"),
    };
    assert!(matches!(fault("multipart/related", "--b\r\n"), XmlFault::BoundaryParameter));
    assert!(matches!(fault("multipart/related;boundary=c", &body), XmlFault::BoundaryNotFound { .. }));
    assert!(matches!(fault("multipart/related;boundary=b", "--b"), XmlFault::PartUnterminated { .. }));
}

#[test]
fn encoded_and_nested_parts() {
    let coded = "PGNhdGVnb3JpZXMgeG1sbnM9Imh0dHA6Ly9zY2hlbWFzLm1pY3Jvc29mdC5jb20vMjAwNi8wOS9zaXAvY2F0ZWdvcmllcyIgdXJpPSJzaXA6YUB4Ii8+";
    let quoted = format!("<categories {}=0A=\nuri=3D\"sip:b@x\"/>", CAT.replace('=', "=3D"));
    let body = format!(
        "--b\nContent-Type: multipart/related;boundary=\"c\"\n\n--c\nContent-Type: {TYPE}\nContent-Transfer-Encoding: BASE64\n\n{}\n{}\n--c--\n\
         --b\nContent-Type: {TYPE}\nContent-Transfer-Encoding: quoted-printable\n\n{quoted}\n--b--",
        &coded[..60],
        &coded[60..]
    );
    let list = multipart("multipart/related;boundary=b", &body);
    assert_eq!(list.docs.iter().map(|doc| doc.uri.as_ref()).collect::<alloc::vec::Vec<_>>(), ["sip:a@x", "sip:b@x"], "{:?}", list.faults);
    let mut nested = doc("");
    for level in 0..5 {
        let inner = if level == 0 { TYPE.to_string() } else { format!("multipart/related;boundary=b{}", level - 1) };
        nested = format!("--b{level}\nContent-Type: {inner}\n\n{nested}\n--b{level}--");
    }
    assert!(matches!(decode_body("multipart/related;boundary=b4", nested.as_bytes(), &limits()), Body::Fault(f) if *f == XmlFault::NestedTooDeep { limit: 4 }));
    assert!(matches!(decode_body("multipart/related;boundary=b3", nested.as_bytes(), &limits()), Body::List(_) | Body::Fault(_)));
}

#[test]
fn other_types() {
    assert!(matches!(decode_body(TYPE, b"", &limits()), Body::None));
    assert!(matches!(decode_body("application/pidf-diff+xml", b"<presence/>", &limits()), Body::Unsupported("application/pidf-diff+xml")));
    assert!(matches!(decode_body("", b"x", &limits()), Body::Unsupported("")));
}

/// Small changes to documents of the known shape: whenever the hot pass still reads one, the general path reads the same.
#[test]
fn hot_equals_general_over_mutations() {
    let note = format!(
        "<category name=\"note\" instance=\"0\" publishTime=\"2016-03-01T09:15:00.123\">\n<note {NOTE}>\
         <body type=\"personal\" uri=\"\">Gr\u{fc}\u{df}e,\n bis 12</body></note>\n</category>"
    );
    let with_note = SEED.replace("</categories>", &(note + "</categories>"));
    let seeds = [
        SEED.to_string(),
        SEED.replace("\r\n", ""),
        SEED.replace(" />", "/>"),
        SEED.replace("<device>computer</device>", ""),
        doc("<category name=\"state\"/><category name=\"note\" />"),
        with_note,
    ];
    let pieces = ["&amp;", "\"", "'", "<", ">", "/>", " ", "\r", "\n", "\t", "9", "\u{1}", "\u{fc}", "\u{FFFF}", "<!-- -->", "]]>", "sip:", "p:", "</note>"];
    let mut random = 1_u64;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    let (mut hot, rounds) = (0, 30_000);
    for round in 0..rounds {
        let mut text = seeds[round % seeds.len()].clone();
        for _ in 0..=below(2) {
            let boundaries: alloc::vec::Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let from = below(boundaries.len());
            let to = (from + below(4)).min(boundaries.len() - 1);
            text.replace_range(boundaries[from]..boundaries[to], if below(2) == 0 { "" } else { pieces[below(pieces.len())] });
        }
        hot += usize::from(hot::decode(text.as_bytes()).is_some());
        // Compares the two when the hot pass reads it.
        let _ = general(&text);
    }
    for seed in &seeds {
        assert!(hot::decode(seed.as_bytes()).is_some(), "{seed}");
    }
    assert!(hot > rounds / 10, "only {hot} of {rounds} were of the known shape");
}
