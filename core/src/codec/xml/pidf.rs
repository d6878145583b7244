//! PIDF with data model and RPID, `application/pidf+xml` (RFC 3863, 4479, 4480), mapped onto a `categories` document (`spec/ms-pres.md` 9.2, 10).
//!
//! What several devices say stands in one document, one tuple and one person each, so everything is judged per tuple or person and the most engaged counts.
//! The availability number of its class is what comes out: everything behind the decoder sees one kind of document. Elements are told by their local name,
//! because the drafts before RFC 4480, which old telephones still speak, had other namespaces. Plain documents, as servers write them, are walked by
//! [`super::plain`], all others by [`super::doc`]; what they mean is the same code.
//!
//! Not read: partial documents (RFC 5263), contacts, and what RPID says about places and moods.
use super::doc::{Doc, Ns, trim, trimmed};
use super::fault::{XmlFault, quote};
use super::plain::{self, Plain, Unusual, Walk};
use super::values::{is_sip_uri, uri_fault};
use crate::uc_event::{CategoryDoc, Found, NoteValue, StateExtra, StateValue};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;

/// Activities of RFC 4480 with the usual number of their class and their token; the first one found counts (`spec/ms-pres.md` 9.2, 10).
const ACTIVITIES: [(&str, u32, &str); 26] = [
    ("on-the-phone", 6_500, "on-the-phone"),
    ("presentation", 9_000, "in-presentation"),
    ("meeting", 6_500, "in-a-meeting"),
    (BUSY, 6_500, ""),
    ("appointment", 6_500, "in-a-meeting"),
    ("performance", 6_500, "performance"),
    ("worship", 6_500, "worship"),
    ("steering", 6_500, "steering"),
    ("in-transit", 12_500, "in-transit"),
    ("meal", 12_500, "meal"),
    ("breakfast", 12_500, "breakfast"),
    ("lunch", 12_500, "lunch"),
    ("dinner", 12_500, "dinner"),
    ("vacation", 15_500, "out-of-office"),
    ("permanent-absence", 15_500, "out-of-office"),
    ("holiday", 15_500, "out-of-office"),
    ("travel", 15_500, "travel"),
    ("sleeping", 15_500, "sleeping"),
    ("shopping", 15_500, "shopping"),
    ("playing", 15_500, "playing"),
    ("tv", 15_500, "tv"),
    ("spectator", 15_500, "spectator"),
    (AWAY, 15_500, ""),
    ("working", OPEN, ""),
    ("looking-for-work", OPEN, ""),
    ("unknown", OPEN, ""),
];
const BUSY: &str = "busy";
const AWAY: &str = "away";

/// What devices without RPID write into a note, and what stands in `other` for want of an activity. Compared without regard to case; `-` and `_` are blanks.
const PHRASES: [(&str, u32, &str); 9] = [
    ("dnd", DND, ""),
    ("do not disturb", DND, ""),
    ("on the phone", 6_500, "on-the-phone"),
    ("on a call", 6_500, "on-the-phone"),
    ("in a call", 6_500, "on-the-phone"),
    ("busy", 6_500, ""),
    ("be right back", 12_500, ""),
    ("brb", 12_500, ""),
    ("away", 15_500, ""),
];
const DND: u32 = 9_500;
const OPEN: u32 = 3_500;
const CLOSED: u32 = 18_500;
const UNKNOWN: u32 = 0;
const IDLE: u32 = 5_000;
const IDLE_BUSY: u32 = 7_500;

/// Rank of what has no activity, behind all of [`ACTIVITIES`]; do-not-disturb is before them.
const RANK_NONE: usize = ACTIVITIES.len() + 1;

/// A tuple or a person.
#[derive(Default)]
struct Source<'a> {
    person: bool,
    /// `basic`; persons have none.
    open: Option<bool>,
    /// Bits of [`ACTIVITIES`].
    activities: u32,
    /// There was an `activities` element.
    told: bool,
    other: Option<Cow<'a, str>>,
    note: Option<Cow<'a, str>>,
    idle: bool,
    timestamp: Option<Cow<'a, str>>,
}

/// What a document comes to.
#[derive(Default)]
struct Sum<'a> {
    open: Option<bool>,
    told: bool,
    /// The most engaged of persons and open tuples.
    best: Option<(Verdict, Source<'a>)>,
    /// Note of the first person, of the first tuple, of the document.
    notes: [Option<Cow<'a, str>>; 3],
}

/// How engaged a source is.
#[derive(Clone, Copy)]
struct Verdict {
    rank: usize,
    number: u32,
    token: &'static str,
}

/// The namespace of the root.
const PIDF: &str = "urn:ietf:params:xml:ns:pidf";

/// Reads a `presence` document. `entity` may be `pres:`, which becomes `sip:`.
pub(super) fn decode(bytes: &[u8], depth_max: u32) -> Result<CategoryDoc<'_>, XmlFault> {
    if depth_max >= plain::DEPTH
        && let Ok(doc) = hot(bytes)
    {
        return Ok(doc);
    }
    general(bytes, depth_max)
}

/// Reads a plain document.
pub(super) fn hot(bytes: &[u8]) -> Result<CategoryDoc<'_>, Unusual> {
    let (mut doc, root) = Plain::open(bytes, "entity")?;
    if root.name != "presence" || root.namespace != PIDF {
        return Err(Unusual);
    }
    let uri = sip(Cow::Borrowed(root.attribute.ok_or(Unusual)?));
    if !is_sip_uri(&uri) {
        return Err(Unusual);
    }
    let sum = sum(&mut doc)?;
    doc.finish()?;
    Ok(sum.document(uri))
}

/// Reads any document.
pub(super) fn general(bytes: &[u8], depth_max: u32) -> Result<CategoryDoc<'_>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, depth_max)?;
    if !root.is(Ns::Pidf, "presence") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "presence" });
    }
    let entity = doc.attribute(&root, Ns::None, "entity").ok_or(XmlFault::AttributeMissing { at: root.at, name: "entity" })?;
    let uri = sip(entity);
    if !is_sip_uri(&uri) {
        return Err(uri_fault(&uri, root.at));
    }
    let sum = sum(&mut doc)?;
    doc.finish()?;
    Ok(sum.document(uri))
}

/// The URI of an `entity`.
fn sip(entity: Cow<'_, str>) -> Cow<'_, str> {
    let uri = trimmed(entity);
    match uri.split_at_checked(5) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pres:") => Cow::Owned(String::from("sip:") + rest),
        _ => uri,
    }
}

fn sum<'a, D: Walk<'a>>(doc: &mut D) -> Result<Sum<'a>, D::Stop> {
    let mut sum = Sum::default();
    while let Some(child) = doc.child()? {
        match child {
            "tuple" => sum.add(source(doc, false)?),
            "person" => sum.add(source(doc, true)?),
            "note" => keep(&mut sum.notes[2], doc.text()?),
            _ => doc.skip()?,
        }
    }
    Ok(sum)
}

/// Reads a tuple or a person; what old devices put into `status` counts as if it stood beside it.
fn source<'a, D: Walk<'a>>(doc: &mut D, person: bool) -> Result<Source<'a>, D::Stop> {
    let mut out = Source { person, ..Source::default() };
    while let Some(child) = doc.child()? {
        if child != "status" {
            detail(doc, child, &mut out)?;
            continue;
        }
        while let Some(child) = doc.child()? {
            detail(doc, child, &mut out)?;
        }
    }
    Ok(out)
}

fn detail<'a, D: Walk<'a>>(doc: &mut D, element: &str, out: &mut Source<'a>) -> Result<(), D::Stop> {
    match element {
        "basic" => match trim(&doc.text()?) {
            text if text.eq_ignore_ascii_case("open") => out.open = Some(true),
            text if text.eq_ignore_ascii_case("closed") => out.open = Some(false),
            _ => {}
        },
        "activities" => activities(doc, out)?,
        "user-input" => out.idle = trim(&doc.text()?).eq_ignore_ascii_case("idle"),
        "note" => keep(&mut out.note, doc.text()?),
        "timestamp" => keep(&mut out.timestamp, doc.text()?),
        _ => doc.skip()?,
    }
    Ok(())
}

fn activities<'a, D: Walk<'a>>(doc: &mut D, out: &mut Source<'a>) -> Result<(), D::Stop> {
    out.told = true;
    while let Some(child) = doc.child()? {
        match child {
            // The form of the drafts: <activity>busy</activity>.
            "activity" => {
                let text = doc.text()?;
                if !out.take(trim(&text)) {
                    keep(&mut out.other, text);
                }
            }
            "other" => keep(&mut out.other, doc.text()?),
            name => {
                out.take(name);
                doc.skip()?;
            }
        }
    }
    Ok(())
}

/// The first text that is not empty stays.
fn keep<'a>(slot: &mut Option<Cow<'a, str>>, text: Cow<'a, str>) {
    let text = trimmed(text);
    if slot.is_none() && !text.is_empty() {
        *slot = Some(text);
    }
}

impl Source<'_> {
    /// Takes an activity by name; `false` when there is none.
    fn take(&mut self, name: &str) -> bool {
        let at = ACTIVITIES.iter().position(|(known, ..)| known.eq_ignore_ascii_case(name));
        self.activities |= at.map_or(0, |at| 1 << at);
        at.is_some()
    }

    fn has(&self, name: &str) -> bool {
        ACTIVITIES.iter().position(|(known, ..)| *known == name).is_some_and(|at| self.activities & 1 << at != 0)
    }

    fn wants_no_calls(&self) -> bool {
        [&self.other, &self.note].into_iter().flatten().any(|text| phrase(text).is_some_and(|(number, _)| number == DND))
    }

    /// `notes_count`: no source of the document has activities, so what a note says is all there is.
    fn verdict(&self, notes_count: bool) -> Verdict {
        let first = self.activities.trailing_zeros() as usize;
        let Some((name, number, token)) = ACTIVITIES.get(first).copied() else {
            let text = self.other.as_deref().or_else(|| self.note.as_deref().filter(|_| notes_count));
            return match text.and_then(phrase) {
                Some((DND, token)) => Verdict { rank: 0, number: DND, token },
                Some((number, token)) => Verdict { rank: rank_of(number, token), number, token },
                None => Verdict { rank: RANK_NONE, number: OPEN, token: "" },
            };
        };
        let verdict = Verdict { rank: first + 1, number, token };
        match name {
            BUSY if self.wants_no_calls() => Verdict { rank: 0, number: DND, token: "" },
            BUSY if self.has(AWAY) => Verdict { number: IDLE_BUSY, ..verdict },
            AWAY if self.idle => Verdict { number: IDLE, ..verdict },
            // Somebody who says when he is back is back soon.
            AWAY => match self.note.as_deref().or(self.other.as_deref()).and_then(phrase) {
                Some((number @ 12_500, _)) => Verdict { number, ..verdict },
                _ => verdict,
            },
            _ => verdict,
        }
    }
}

/// The rank of the activity a phrase stands for.
fn rank_of(number: u32, token: &str) -> usize {
    let exact = ACTIVITIES.iter().position(|(_, n, t)| *n == number && *t == token);
    exact.or_else(|| ACTIVITIES.iter().position(|(_, n, _)| *n == number)).map_or(RANK_NONE, |at| at + 1)
}

/// What one of [`PHRASES`] means.
fn phrase(text: &str) -> Option<(u32, &'static str)> {
    let plain = |b: u8| if matches!(b, b'-' | b'_') { b' ' } else { b.to_ascii_lowercase() };
    PHRASES.iter().find(|(known, ..)| known.bytes().eq(text.bytes().map(plain))).map(|(_, number, token)| (*number, *token))
}

impl<'a> Sum<'a> {
    fn add(&mut self, mut source: Source<'a>) {
        // Open if anything is open.
        self.open = match (self.open, source.open) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (before, now) => now.or(before),
        };
        self.told |= source.told;
        let slot = usize::from(!source.person);
        if source.open != Some(false) {
            let verdict = source.verdict(false);
            let better = self.best.as_ref().is_none_or(|(best, old)| (verdict.rank, old.person) < (best.rank, source.person));
            if better {
                if let Some((_, old)) = self.best.replace((verdict, source)) {
                    let slot = usize::from(!old.person);
                    self.notes[slot] = self.notes[slot].take().or(old.note);
                }
                return;
            }
        }
        self.notes[slot] = self.notes[slot].take().or_else(|| source.note.take());
    }

    fn document(self, uri: Cow<'a, str>) -> CategoryDoc<'a> {
        let Self { open, told, best, notes: [person, tuple, whole] } = self;
        let (mut verdict, source) = best.unwrap_or_else(|| (Verdict { rank: RANK_NONE, number: OPEN, token: "" }, Source::default()));
        if !told {
            let note = source.note.as_ref().or(person.as_ref()).or(tuple.as_ref()).or(whole.as_ref());
            verdict = Source { note: note.map(|note| Cow::Borrowed(&**note)), ..Source::default() }.verdict(true);
        }
        let number = match open {
            Some(false) => CLOSED,
            // Neither reachable nor not, and doing nothing: nothing is known.
            None if verdict.rank == RANK_NONE => UNKNOWN,
            _ => verdict.number,
        };
        let away = number == CLOSED || number == UNKNOWN;
        let token = if away || verdict.token.is_empty() { None } else { Some(Cow::Borrowed(verdict.token)) };
        let extra = source.timestamp.map(|time| Box::new(StateExtra { start_time: Some(time), ..StateExtra::default() }));
        let custom = source.other.filter(|text| !away && phrase(text).is_none());
        let note = source.note.or(person).or(tuple).or(whole);
        CategoryDoc {
            uri,
            state: Found::Value(StateValue { availability: Some(number), token, custom, extra, ..StateValue::default() }),
            note: note.map_or(Found::Empty, |text| Found::Value(NoteValue { text, ..NoteValue::default() })),
            calendar: Found::Absent,
            others: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// Number, token, custom text and note of a document with this content.
    fn read(content: &str) -> (u32, String, String, String) {
        let text = format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
             xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:ep='urn:ietf:params:xml:ns:pidf:status:rpid' entity='pres:a@b'>{content}</presence>"
        );
        let doc = general(text.as_bytes(), 32).unwrap();
        assert!(hot(text.as_bytes()).is_err() || decode(text.as_bytes(), 32).as_ref() == Ok(&doc), "{text}");
        assert_eq!(doc.uri, "sip:a@b");
        let Found::Value(state) = doc.state else { panic!("no state in {text}") };
        let note = match doc.note {
            Found::Value(note) => note.text.into_owned(),
            _ => String::new(),
        };
        (state.availability.unwrap(), state.token.unwrap_or_default().into_owned(), state.custom.unwrap_or_default().into_owned(), note)
    }

    fn tuple(basic: &str, more: &str) -> String {
        format!("<tuple id='t'><status><basic>{basic}</basic></status>{more}</tuple>")
    }

    fn person(activities: &str, more: &str) -> String {
        format!("<dm:person id='p'><rpid:activities>{activities}</rpid:activities>{more}</dm:person>")
    }

    fn number(content: &str) -> u32 {
        read(content).0
    }

    #[test]
    fn every_activity_gives_the_number_of_its_class() {
        for (name, want, token) in ACTIVITIES {
            let (number, got, ..) = read(&(tuple("open", "") + &person(&format!("<rpid:{name}/>"), "")));
            assert_eq!((number, &*got), (want, token), "{name}");
        }
        assert_eq!(number(&tuple("open", "")), 3_500);
        assert_eq!(number(&(tuple("closed", "") + &person("<rpid:busy/>", ""))), 18_500);
        assert_eq!(number(&(tuple("open", "") + &person("<rpid:busy/><rpid:away/>", ""))), 7_500);
        assert_eq!(number(&(tuple("open", "") + &person("<rpid:away/>", "<rpid:user-input>idle</rpid:user-input>"))), 5_000);
        assert_eq!(number(&(tuple("open", "") + &person("<rpid:away/>", "<dm:note>BRB</dm:note>"))), 12_500);
        assert_eq!(number(&(tuple("open", "") + &person("<rpid:busy/><rpid:other>Do-Not-Disturb</rpid:other>", ""))), 9_500);
        assert_eq!(number(&(tuple("open", "") + &person("<rpid:busy/>", "<dm:note>dnd</dm:note>"))), 9_500);
    }

    #[test]
    fn nothing_said_is_nothing_known() {
        assert_eq!(number(""), 0);
        assert_eq!(number("<dm:person id='p'/>"), 0);
        assert_eq!(number(&tuple("perhaps", "")), 0);
        assert_eq!(number(&person("<rpid:meeting/>", "")), 6_500);
    }

    #[test]
    fn drafts_and_devices_without_rpid() {
        assert_eq!(
            number("<tuple id='t'><status><basic>open</basic><ep:activities><ep:activity>meeting</ep:activity></ep:activities></status></tuple>"),
            6_500
        );
        assert_eq!(number("<tuple id='t'><status><basic>open</basic><rpid:activities><rpid:away/></rpid:activities></status></tuple>"), 15_500);
        assert_eq!(number(&tuple("open", "<note>On the phone</note>")), 6_500);
        assert_eq!(number(&(tuple("open", "") + "<note>DND</note>")), 9_500);
        assert_eq!(number(&tuple("open", "<note>Busy painting</note>")), 3_500);
        // With activities in the document a note is only a note.
        assert_eq!(number(&(tuple("open", "<note>busy</note>") + &person("<rpid:unknown/>", ""))), 3_500);
    }

    #[test]
    fn the_most_engaged_device_counts_with_its_note() {
        let away = person("<rpid:away/>", "<dm:note>at home</dm:note>");
        let phone = person("<rpid:on-the-phone/><rpid:other>with the bank</rpid:other>", "<dm:note>in a call</dm:note>");
        let want = (6_500, "on-the-phone".into(), "with the bank".into(), "in a call".into());
        assert_eq!(read(&(tuple("closed", "<note>desk</note>") + &away + &tuple("open", "") + &phone)), want);
        assert_eq!(read(&(tuple("open", "") + &phone + &away)), want);
        let (.., note) = read(&(tuple("open", "<note>here</note>") + &person("<rpid:busy/>", "")));
        assert_eq!(note, "here");
    }

    #[test]
    fn texts_of_other_are_kept_unless_they_say_what_the_number_says() {
        let (number, token, custom, note) = read(&(tuple("open", "") + &person("<rpid:busy/><rpid:other> After call work </rpid:other>", "")));
        assert_eq!((number, &*token, &*custom, &*note), (6_500, "", "After call work", ""));
        assert_eq!(read(&(tuple("open", "") + &person("<rpid:other>dnd</rpid:other>", ""))).2, "");
    }

    #[test]
    fn wrong_root_and_entity() {
        assert!(matches!(decode(b"<presence entity='sip:a@b'/>", 32), Err(XmlFault::Root { .. })));
        let root = "<presence xmlns='urn:ietf:params:xml:ns:pidf'";
        assert!(matches!(decode(format!("{root}/>").as_bytes(), 32), Err(XmlFault::AttributeMissing { name: "entity", .. })));
        assert!(matches!(decode(format!("{root} entity='mailto:a@b'/>").as_bytes(), 32), Err(XmlFault::Uri { .. })));
    }
}
