//! Prints the PIDF document of a publication (RFC 3863, 4479, 4480; `spec/ms-pres.md` 9.3, 10).
use super::values::escape;
use crate::config::PublishedState;
use crate::presence::Class;
use alloc::vec::Vec;

/// Ids of our tuple and person: one publisher has one of each.
const ID: &str = "uc-connector";

/// Prints `state` as a document of `uri`: open or closed, the activities of its class, its text as `other`, its note.
pub fn encode_pidf(uri: &str, state: &PublishedState, out: &mut Vec<u8>) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" ");
    put("xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"");
    escape(uri, &mut put);
    let class = Class::of(state.availability);
    let basic = if class == Class::Offline { "closed" } else { "open" };
    for text in ["\"><tuple id=\"", ID, "\"><status><basic>", basic, "</basic></status></tuple><dm:person id=\"", ID, "\">"] {
        put(text);
    }
    let activities = activities(class, &state.token);
    if !activities.is_empty() || !state.text.is_empty() {
        put("<rpid:activities>");
        for name in activities {
            for text in ["<rpid:", name, "/>"] {
                put(text);
            }
        }
        // There is no do-not-disturb in RFC 4480.
        let text = if state.text.is_empty() && class == Class::DoNotDisturb && activities == ["busy"] { "dnd" } else { &*state.text };
        if !text.is_empty() {
            put("<rpid:other>");
            escape(text, &mut put);
            put("</rpid:other>");
        }
        put("</rpid:activities>");
    }
    if let Some(note) = state.note.as_deref().filter(|note| !note.is_empty()) {
        put("<dm:note>");
        escape(note, &mut put);
        put("</dm:note>");
    }
    put("</dm:person></presence>\r\n");
}

/// Prints what a Front End takes of a trusted application: on the phone for a busy state, not on the phone for any other (`spec/ms-pres.md` 6.8). The name space
/// is that of an old draft; texts, notes and other numbers have no place in it.
pub fn encode_call_pidf(uri: &str, state: &PublishedState, out: &mut Vec<u8>) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" ");
    put("xmlns:ep=\"urn:ietf:params:xml:ns:pidf:status:rpid-status\" entity=\"");
    escape(uri, &mut put);
    put("\"><tuple id=\"0\"><status><basic>open</basic>");
    if matches!(Class::of(state.availability), Class::Busy | Class::IdleBusy | Class::DoNotDisturb) {
        put("<ep:activities><ep:activity>on-the-phone</ep:activity></ep:activities>");
    }
    put("</status></tuple></presence>\r\n");
}

/// Activities of RFC 4480 for a class and a token of the other platform.
fn activities(class: Class, token: &str) -> &'static [&'static str] {
    match (class, token) {
        (Class::Unknown | Class::Online | Class::Offline, _) => &[],
        (_, "on-the-phone" | "in-a-conference") => &["on-the-phone"],
        (_, "in-a-meeting") => &["meeting"],
        (_, "in-presentation") => &["presentation"],
        (_, "out-of-office") => &["vacation"],
        (Class::Busy | Class::IdleBusy | Class::DoNotDisturb, _) => &["busy"],
        (Class::IdleOnline | Class::BeRightBack | Class::Away, _) => &["away"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::decode_body;
    use crate::config::Limits;
    use crate::uc_event::{Body, Found};
    use alloc::string::String;

    /// Number, token, text and note that come back.
    fn round(availability: u32, token: &str, text: &str, note: Option<&str>) -> (u32, String, String, String) {
        let state = PublishedState { availability, token: token.into(), text: text.into(), note: note.map(Into::into) };
        let mut out = Vec::new();
        encode_pidf("sip:o'neil&co@example.com", &state, &mut out);
        let limits = Limits::default();
        let Body::Categories(doc) = decode_body("application/pidf+xml", &out, &limits) else { panic!("{}", out.escape_ascii()) };
        assert_eq!(doc.uri, "sip:o'neil&co@example.com");
        let Found::Value(value) = doc.state else { panic!("no state") };
        let note = if let Found::Value(note) = doc.note { note.text.into_owned() } else { String::new() };
        (value.availability.unwrap(), value.token.unwrap_or_default().into_owned(), value.custom.unwrap_or_default().into_owned(), note)
    }

    #[test]
    fn what_is_written_is_read_back_in_its_class() {
        for class in Class::ALL.into_iter().skip(1) {
            let number = [0, 3_500, 5_000, 6_500, 7_500, 9_500, 12_500, 15_500, 18_500][class as usize];
            let (got, ..) = round(number, "", "", None);
            let want = match class {
                // Without words for the finer classes.
                Class::IdleOnline | Class::BeRightBack => Class::Away,
                Class::IdleBusy => Class::Busy,
                class => class,
            };
            assert_eq!(Class::of(got), want, "{class}");
        }
        assert_eq!(round(6_500, "on-the-phone", "", None).1, "on-the-phone");
        assert_eq!(round(9_000, "in-presentation", "", None).0, 9_000);
    }

    #[test]
    fn texts_and_notes_survive_what_xml_makes_of_them() {
        let (number, token, text, note) = round(6_500, "", "After <Call> & \"Work\"", Some("bis 10:30 & länger"));
        assert_eq!((number, &*token, &*text, &*note), (6_500, "", "After <Call> & \"Work\"", "bis 10:30 & länger"));
    }
}
