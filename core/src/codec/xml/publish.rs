//! What we publish: `application/msrtc-category-publish+xml` and the body of the self subscription (`spec/ms-pres.md` 5.2, 5.7, 6.1, 6.2, 6.5).
use super::values::escape;
use crate::config::{PublishConfig, PublishedState};
use crate::uc_event::{Lifetime, Publication, PublicationValue, UserState};
use alloc::vec::Vec;
use core::fmt::Write;

/// The language of our own texts: English (United States), which every client falls back to.
const LCID: u32 = 1033;

/// Availability of "urgent interruptions only", which stands for do-not-disturb in container 3 (`spec/ms-pres.md` 5.5 rule 8).
const URGENT: u32 = 6900;

const STATE_OPEN: &str = "<state xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
const NOTE_OPEN: &str = "<note xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\"";

/// Prints a `publish` document for `uri`, the worker. A row that is no longer configured is printed as a deletion: nothing is known that could stand there.
pub fn encode_publish(uri: &str, publications: &[Publication], config: &PublishConfig, out: &mut Vec<u8>) {
    out.reserve(publications.len() * 448 + 256);
    let mut out = Xml(out);
    out.put("<publish xmlns=\"http://schemas.microsoft.com/2006/09/sip/rich-presence\"><publications uri=\"");
    out.escaped(uri);
    out.put("\">");
    for publication in publications {
        one(publication, config, &mut out);
    }
    out.put("</publications></publish>");
}

/// Prints the body of a roaming-self SUBSCRIBE: categories and containers.
pub fn encode_roaming_list(out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"<roamingList xmlns=\"http://schemas.microsoft.com/2006/09/sip/roaming-self\"><roaming type=\"categories\"/><roaming type=\"containers\"/></roamingList>",
    );
}

fn one(publication: &Publication, config: &PublishConfig, out: &mut Xml<'_>) {
    let (name, instance, container) = publication.key.parts();
    let _ = write!(
        out,
        "<publication categoryName=\"{name}\" instance=\"{instance}\" container=\"{container}\" version=\"{}\" expireType=\"{}\"",
        publication.version,
        publication.lifetime.as_str()
    );
    let row = match &publication.value {
        PublicationValue::Row(row) => config.state(*row),
        _ => None,
    };
    let deleted = matches!(publication.value, PublicationValue::Delete) || (matches!(publication.value, PublicationValue::Row(_)) && row.is_none());
    if deleted {
        return out.put(" expires=\"0\"/>");
    }
    if let (Lifetime::Time, Some(seconds)) = (publication.lifetime, publication.expires_s) {
        let _ = write!(out, " expires=\"{seconds}\"");
    }
    out.put(">");
    match (&publication.value, row) {
        (_, Some(row)) if publication.key.is_state() => row_state(row, publication.key.is_workgroup(), out),
        (_, Some(row)) => note(row.note.as_deref().unwrap_or(""), "personal", out),
        (PublicationValue::State(state), _) => user_state(state, out),
        (PublicationValue::Note(own), _) => note(&own.text, &own.kind, out),
        (PublicationValue::Delete | PublicationValue::Row(_), None) => {}
    }
    out.put("</publication>");
}

/// The numbers in which an activity token of a state stays in sight while the machine idles (`spec/ms-pres.md` 5.3).
const fn token_max(availability: u32) -> u32 {
    match availability {
        0..=5_999 => 5_999,
        6_000..=8_999 => 8_999,
        9_000..=11_999 => 11_999,
        12_000..=14_999 => 14_999,
        15_000..=17_999 => 17_999,
        _ => u32::MAX,
    }
}

/// What a row shows in a container: availability, token, text.
pub(crate) fn shown(row: &PublishedState, workgroup: bool) -> (u32, &str, &str) {
    if workgroup && (9_000..12_000).contains(&row.availability) {
        // With a text of our own the text is shown, and it is how we know ourselves again.
        let token = if row.text.is_empty() { "urgent-interruptions-only" } else { "" };
        return (URGENT, token, &row.text);
    }
    (row.availability, &row.token, &row.text)
}

fn row_state(row: &PublishedState, workgroup: bool, out: &mut Xml<'_>) {
    let (availability, token, text) = shown(row, workgroup);
    out.put(STATE_OPEN);
    let _ = write!(out, " manual=\"true\" xsi:type=\"userState\"><availability>{availability}</availability>");
    if !token.is_empty() || !text.is_empty() {
        out.put("<activity");
        if !token.is_empty() {
            out.put(" token=\"");
            out.escaped(token);
            let _ = write!(out, "\" minAvailability=\"{availability}\" maxAvailability=\"{}\"", token_max(availability));
        }
        if text.is_empty() {
            out.put("/>");
        } else {
            let _ = write!(out, "><custom LCID=\"{LCID}\">");
            out.escaped(text);
            out.put("</custom></activity>");
        }
    }
    out.put("</state>");
}

fn user_state(state: &UserState<'_>, out: &mut Xml<'_>) {
    out.put(STATE_OPEN);
    if let Some(manual) = state.manual {
        let _ = write!(out, " manual=\"{manual}\"");
    }
    out.put(" xsi:type=\"userState\">");
    if let Some(availability) = state.availability {
        let _ = write!(out, "<availability>{availability}</availability>");
    }
    for activity in &state.activities {
        out.put("<activity");
        if let Some(token) = &activity.token {
            out.put(" token=\"");
            out.escaped(token);
            out.put("\"");
        }
        for (name, value) in [("minAvailability", activity.min), ("maxAvailability", activity.max)] {
            if let Some(value) = value {
                let _ = write!(out, " {name}=\"{value}\"");
            }
        }
        out.put(">");
        for (lcid, text) in &activity.customs {
            let _ = write!(out, "<custom LCID=\"{lcid}\">");
            out.escaped(text);
            out.put("</custom>");
        }
        out.put("</activity>");
    }
    out.put("</state>");
}

/// An empty text hides the note and keeps the instance (`spec/ms-pres.md` 6.9).
fn note(text: &str, kind: &str, out: &mut Xml<'_>) {
    out.put(NOTE_OPEN);
    if text.is_empty() {
        return out.put("/>");
    }
    out.put("><body type=\"");
    out.escaped(if kind.is_empty() { "personal" } else { kind });
    out.put("\" uri=\"\">");
    out.escaped(text);
    out.put("</body></note>");
}

struct Xml<'o>(&'o mut Vec<u8>);

impl Xml<'_> {
    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn escaped(&mut self, text: &str) {
        escape(text, &mut |piece| self.0.extend_from_slice(piece.as_bytes()));
    }
}

impl Write for Xml<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text);
        Ok(())
    }
}
