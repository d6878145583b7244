//! Printers of `categories` documents, RLMI lists and multipart bodies (`spec/ms-pres.md` 4.4, 5), by hand and in the byte shape of the published trace.
use super::users::{Activity, Changed, Presence};
use crate::peers::PeerRng;
use crate::peers::xml::escape;

const CATEGORIES: &str = "http://schemas.microsoft.com/2006/09/sip/categories";
const STATE: &str = "http://schemas.microsoft.com/2006/09/sip/state";
const COMMON: &str = "http://schemas.microsoft.com/2006/09/sip/commontypes";
const NOTE: &str = "http://schemas.microsoft.com/2006/09/sip/note";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Odd but legal ways to write the same document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct XmlStyle {
    declaration: bool,
    prefixes: bool,
    single_quotes: bool,
    padded: bool,
    extras: bool,
    spaced: bool,
}

impl XmlStyle {
    pub(super) fn odd(rng: &mut PeerRng) -> Self {
        let bits = rng.bits();
        let on = |bit: u32| bits >> bit & 1 == 1;
        Self { declaration: on(0), prefixes: on(1), single_quotes: on(2), padded: on(3), extras: on(4), spaced: on(5) }
    }

    /// Prefix and name-space declaration of an element.
    const fn names(self, prefix: &'static str) -> (&'static str, &'static str) {
        if self.prefixes { (prefix, "") } else { ("", "xmlns") }
    }
}

/// What of a user's presence goes into a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    pub(super) state: bool,
    pub(super) note: bool,
    /// Name further subscribed categories as empty ones.
    pub(super) others: bool,
}

impl Selection {
    /// What changed and is also subscribed.
    pub(super) const fn of(changed: Changed, subscribed: Self) -> Self {
        Self { state: changed.state && subscribed.state, note: changed.note && subscribed.note, others: false }
    }

    pub(super) const fn is_empty(self) -> bool {
        !self.state && !self.note && !self.others
    }
}

/// One user's document.
pub(super) fn categories(uri: &str, presence: &Presence, what: Selection, style: XmlStyle) -> String {
    let mut out = String::with_capacity(1024);
    if style.declaration {
        out.push_str("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n");
    }
    let (p, xmlns) = style.names("c:");
    if style.prefixes {
        out.push_str(&format!(
            "<c:categories xmlns:c=\"{CATEGORIES}\" xmlns:s=\"{STATE}\" xmlns:t=\"{COMMON}\" xmlns:n=\"{NOTE}\" xmlns:xsi=\"{XSI}\" uri=\"{}\">",
            escape(uri)
        ));
    } else {
        out.push_str(&format!("<categories xmlns=\"{CATEGORIES}\" uri=\"{}\">", escape(uri)));
    }
    if style.extras {
        out.push_str(&format!("<!-- from the pool --><x:extra xmlns:x=\"urn:example:extra\"><x:state>1</x:state></x:extra><{p}category name=\"routing\"/>"));
    }
    let own = if xmlns.is_empty() { String::new() } else { format!(" xmlns=\"{CATEGORIES}\"") };
    if what.state {
        match presence.availability {
            Some(_) => {
                out.push_str(&format!("<{p}category{own} name=\"state\" instance=\"1\" publishTime=\"{}\">\r\n", publish_time(presence.state_unix_ms)));
                out.push_str(&state(presence, style));
                out.push_str(&format!("\r\n</{p}category>\r\n"));
            }
            None => out.push_str(&format!("<{p}category name=\"state\"/>")),
        }
    }
    if what.note {
        if presence.note.is_empty() {
            out.push_str(&format!("<{p}category name=\"note\"/>"));
        } else {
            let (n, note_ns) = if style.prefixes { ("n:", String::new()) } else { ("", format!(" xmlns=\"{NOTE}\"")) };
            out.push_str(&format!("<{p}category{own} name=\"note\" instance=\"0\" publishTime=\"{}\">\r\n", publish_time(presence.note_unix_ms)));
            out.push_str(&format!(
                "<{n}note{note_ns}><{n}body type=\"personal\" uri=\"\">{}</{n}body></{n}note>\r\n</{p}category>\r\n",
                escape(&presence.note)
            ));
        }
    }
    if what.others {
        out.push_str(&format!("<{p}category name=\"calendarData\"/>"));
    }
    out.push_str(&format!("</{p}categories>"));
    finish(out, style)
}

fn finish(mut out: String, style: XmlStyle) -> String {
    if style.spaced {
        out = out.replace("><", ">\r\n  <");
    }
    if style.single_quotes {
        // Every quote in the text is a delimiter: those in values are escaped.
        out = out.replace('"', "'");
    }
    out
}

fn state(presence: &Presence, style: XmlStyle) -> String {
    let number = presence.availability.unwrap_or(0);
    let availability = if style.padded { format!("\r\n {number} \t") } else { number.to_string() };
    let (p, open) = if style.prefixes {
        ("s:", "<s:state xsi:type=\"s:aggregateState\">".to_owned())
    } else {
        ("", format!("<state xsi:type=\"aggregateState\" xmlns:xsi=\"{XSI}\" xmlns=\"{STATE}\">"))
    };
    let mut out = format!("{open}<{p}availability>{availability}</{p}availability>");
    match &presence.activity {
        Activity::None => {}
        Activity::Token(token) => out.push_str(&format!("<{p}activity token=\"{}\" />", escape(token))),
        Activity::Custom(text) => {
            out.push_str(&format!("<{p}activity minAvailability=\"0\"><{p}custom LCID=\"1033\">{}</{p}custom></{p}activity>", escape(text)));
        }
    }
    let (t, common) = if style.prefixes { ("t:", String::new()) } else { ("", format!(" xmlns=\"{COMMON}\"")) };
    if number < 18_000 {
        out.push_str(&format!("<{t}delimiter{common} />"));
        if style.extras {
            out.push_str(&format!("<{p}timeZoneBias>-60</{p}timeZoneBias><{p}timeZoneName>Mitteleuropäische Zeit</{p}timeZoneName>"));
        }
        out.push_str(&format!("<{p}device>computer</{p}device><{t}end{common} />"));
    }
    out.push_str(&format!("</{p}state>"));
    out
}

/// State of one resource of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ResourceState {
    /// A document follows.
    Active,
    /// `resubscribe`, with the pool's name or without.
    Resubscribe(Option<String>),
    /// `terminated` and why.
    Terminated(&'static str),
    /// `pending`
    Pending,
}

/// One resource of a list, with its document when it is active.
pub(super) struct Resource {
    pub(super) uri: String,
    pub(super) state: ResourceState,
    pub(super) document: Option<String>,
}

fn cid(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri)
}

/// An RLMI list. With `partial` only the resources that need action are named.
pub(super) fn rlmi(watcher: &str, version: u32, full: bool, partial: bool, resources: &[Resource]) -> String {
    let mut out = format!("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"{}\" version=\"{version}\" fullState=\"{full}\">", escape(watcher));
    for r in resources.iter().filter(|r| !partial || r.state != ResourceState::Active) {
        let uri = escape(&r.uri);
        let instance = match &r.state {
            ResourceState::Active => format!("state=\"active\" cid=\"{}\"", escape(cid(&r.uri))),
            ResourceState::Resubscribe(None) => "state=\"resubscribe\"".to_owned(),
            ResourceState::Resubscribe(Some(pool)) => format!("state=\"resubscribe\" poolFqdn=\"{}\"", escape(pool)),
            ResourceState::Terminated(reason) => format!("state=\"terminated\" reason=\"{reason}\""),
            ResourceState::Pending => "state=\"pending\"".to_owned(),
        };
        out.push_str(&format!("<resource uri=\"{uri}\"><instance id=\"0\" {instance}/></resource>"));
    }
    out.push_str("</list>");
    out
}

/// `multipart/related` of a list and its documents; each document ends with a CRLF of its own (`decisions.md` 24).
pub(super) fn multipart(boundary: &str, list: &str, resources: &[Resource]) -> (String, String) {
    let content_type = format!("multipart/related;type=\"application/rlmi+xml\";start=resourceList;boundary={boundary}");
    let mut out =
        format!("--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: resourceList\r\nContent-Type: application/rlmi+xml\r\n\r\n{list}\r\n");
    for r in resources {
        if let Some(document) = &r.document {
            out.push_str(&format!("\r\n--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {}\r\n", cid(&r.uri)));
            out.push_str(&format!("Content-Type: application/msrtc-event-categories+xml\r\n\r\n{document}\r\n"));
        }
    }
    out.push_str(&format!("\r\n--{boundary}--\r\n"));
    (content_type, out)
}

/// `yyyy-mm-ddThh:mm:ss.mmm`, UTC.
pub(super) fn publish_time(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Days to a civil date, counted from 0000-03-01 in eras of 400 years.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + u64::from(month <= 2);
    let s = ms / 1000;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}", s / 3600, s / 60 % 60, s % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Presence {
        Presence { availability: Some(6500), activity: Activity::token("on-the-phone"), state_unix_ms: 1_503_446_371_107, ..Presence::default() }
    }

    #[test]
    fn the_plain_document_is_the_published_one_byte_for_byte() {
        let trace = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/sip/001-notify-seed.sip")).unwrap();
        let (_, body) = trace.split_once("\r\n\r\n").unwrap();
        let what = Selection { state: true, note: false, others: false };
        assert_eq!(categories("sip:lync-user2_qa94@lyncdco13.lab", &seed(), what, XmlStyle::default()), body);
        assert_eq!(body.len(), 659);
    }

    #[test]
    fn publish_times_know_leap_years() {
        assert_eq!(publish_time(0), "1970-01-01T00:00:00.000");
        assert_eq!(publish_time(1_709_210_096_789), "2024-02-29T12:34:56.789");
        assert_eq!(publish_time(1_767_600_000_000), "2026-01-05T08:00:00.000");
    }

    #[test]
    fn a_note_cannot_break_out_of_its_element() {
        let presence = Presence { note: "</body> 'x' \"y\" & --b".to_owned(), ..seed() };
        let what = Selection { state: false, note: true, others: false };
        let text = categories("sip:o'brien@x", &presence, what, XmlStyle { single_quotes: true, ..XmlStyle::default() });
        assert!(text.contains("&lt;/body&gt; &apos;x&apos; &quot;y&quot; &amp; --b</body>"), "{text}");
        assert!(text.contains("uri='sip:o&apos;brien@x'"));
    }
}
