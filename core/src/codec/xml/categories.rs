//! The `categories` document of one user, general path (`spec/ms-pres.md` 4.6, 5.1, 5.2, 5.7).
//!
//! Elements are matched by namespace and name; what is unknown is passed over, also between `delimiter` and `end` and inside `extension`, while known
//! children of `state` are read wherever they stand. Of several instances of a category one wins; texts are kept whole, cutting them is the reader's business.
use super::super::base64::decode_base64;
use super::doc::{Doc, Element, Ns, number, trim, trimmed};
use super::fault::{XmlFault, quote};
use super::values::{is_sip_uri, publish_time, uri_fault};
use crate::uc_event::{Calendar, CategoryDoc, Found, NoteValue, PublishTime, StateExtra, StateValue};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The language id of English (United States): the custom text that is preferred.
const LCID_PREFERRED: &str = "1033";

/// Reads a whole document.
pub(super) fn decode(bytes: &[u8], depth_max: u32) -> Result<CategoryDoc<'_>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, depth_max)?;
    if !root.is(Ns::Categories, "categories") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "categories" });
    }
    let uri = doc.attribute(&root, Ns::None, "uri").ok_or(XmlFault::AttributeMissing { at: root.at, name: "uri" })?;
    if !is_sip_uri(&uri) {
        return Err(uri_fault(&uri, root.at));
    }
    let mut out = CategoryDoc { uri, state: Found::Absent, note: Found::Absent, calendar: Found::Absent, others: 0 };
    let mut best = (Rank::Foreign, PublishTime(0));
    let mut note_best = (PublishTime(0), false);
    while let Some(category) = doc.child()? {
        if !category.is(Ns::Categories, "category") {
            doc.skip()?;
            continue;
        }
        let name = doc.attribute(&category, Ns::None, "name");
        match name.as_deref() {
            Some("state") => state_category(&mut doc, &category, &mut out.state, &mut best)?,
            Some("note") => note_category(&mut doc, &category, &mut out.note, &mut note_best)?,
            Some("calendarData") => {
                let read = calendar_category(&mut doc)?;
                let has_slots = matches!(&out.calendar, Found::Value(calendar) if calendar.slot_min > 0);
                match read {
                    Some(read) if !has_slots || read.slot_min > 0 => out.calendar = Found::Value(read),
                    None if out.calendar == Found::Absent => out.calendar = Found::Empty,
                    _ => {}
                }
            }
            _ => {
                out.others = out.others.saturating_add(1);
                doc.skip()?;
            }
        }
    }
    doc.finish()?;
    Ok(out)
}

/// Which state counts, before the time of publication does (`spec/ms-pres.md` 5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Foreign,
    Untyped,
    Aggregate,
}

fn state_category<'a>(doc: &mut Doc<'a>, category: &Element<'a>, out: &mut Found<StateValue<'a>>, best: &mut (Rank, PublishTime)) -> Result<(), XmlFault> {
    if *out == Found::Absent {
        *out = Found::Empty;
    }
    let time = stamp(doc, category);
    while let Some(child) = doc.child()? {
        if !child.is(Ns::State, "state") {
            doc.skip()?;
            continue;
        }
        let (rank, mut value) = state(doc, &child)?;
        if matches!(out, Found::Value(_)) && (rank, time) < *best {
            continue;
        }
        value.publish_time = time;
        value.instance = doc.attribute(category, Ns::None, "instance").and_then(|instance| number(&instance));
        *best = (rank, time);
        *out = Found::Value(value);
    }
    Ok(())
}

fn state<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<(Rank, StateValue<'a>), XmlFault> {
    let mut out = StateValue::default();
    let mut extra = StateExtra::default();
    let rank = match doc.attribute(element, Ns::Xsi, "type").map(without_prefix) {
        None => {
            extra.kind = Some(Cow::Borrowed(""));
            Rank::Untyped
        }
        Some(kind) if kind == "aggregateState" => Rank::Aggregate,
        kind => {
            extra.kind = kind;
            Rank::Foreign
        }
    };
    extra.manual = doc.attribute(element, Ns::None, "manual").and_then(|manual| boolean(&manual));
    extra.last_active = doc.attribute(element, Ns::None, "lastActive");
    extra.start_time = doc.attribute(element, Ns::None, "startTime");
    let mut availability_seen = false;
    let mut activities = Activities::default();
    while let Some(child) = doc.child()? {
        let name = if child.is(Ns::State, child.local()) { child.local() } else { "" };
        match name {
            "availability" if !availability_seen => {
                availability_seen = true;
                out.availability = number(trim(&doc.text()?));
            }
            "activity" => activities.read(doc, &child)?,
            "device" => out.device = filled(doc)?,
            "endpointLocation" => extra.location = filled(doc)?,
            "meetingSubject" => extra.meeting_subject = filled(doc)?,
            "meetingLocation" => extra.meeting_location = filled(doc)?,
            "timeZoneName" => extra.time_zone = filled(doc)?,
            _ => doc.skip()?,
        }
    }
    let activity = activities.choose(out.availability);
    out.token = activity.token;
    out.custom = activity.custom;
    out.extra = (extra != StateExtra::default()).then(|| Box::new(extra));
    Ok((rank, out))
}

#[derive(Default)]
struct Activity<'a> {
    token: Option<Cow<'a, str>>,
    custom: Option<Cow<'a, str>>,
}

/// The activities of one state. `availability` may stand after them, so candidates are kept: the document's size bounds them.
#[derive(Default)]
struct Activities<'a> {
    all: Vec<(u32, u32, Activity<'a>)>,
}

impl<'a> Activities<'a> {
    fn read(&mut self, doc: &mut Doc<'a>, element: &Element<'a>) -> Result<(), XmlFault> {
        let limit = |name, default| doc.attribute(element, Ns::None, name).and_then(|text| number(trim(&text))).unwrap_or(default);
        let (min, max) = (limit("minAvailability", 0), limit("maxAvailability", u32::MAX));
        let mut out = Activity { token: doc.attribute(element, Ns::None, "token").map(trimmed).filter(|token| !token.is_empty()), custom: None };
        let mut preferred = false;
        while let Some(child) = doc.child()? {
            if !child.is(Ns::State, "custom") {
                doc.skip()?;
                continue;
            }
            let wanted = doc.attribute(&child, Ns::None, "LCID").is_some_and(|lcid| trim(&lcid) == LCID_PREFERRED);
            let text = trimmed(doc.text()?);
            if !text.is_empty() && (out.custom.is_none() || wanted && !preferred) {
                out.custom = Some(text);
                preferred = wanted;
            }
        }
        self.all.push((min, max, out));
        Ok(())
    }

    /// The first whose range contains the number; without a number, the first.
    fn choose(self, availability: Option<u32>) -> Activity<'a> {
        let fits = |(min, max, _): &(u32, u32, _)| availability.is_none_or(|number| (*min..=*max).contains(&number));
        self.all.into_iter().find(fits).map(|(_, _, activity)| activity).unwrap_or_default()
    }
}

/// `freeBusy` wherever it stands in the category; other content counts as a calendar without slots. `None`: nothing in it.
fn calendar_category(doc: &mut Doc<'_>) -> Result<Option<Calendar>, XmlFault> {
    let mut out = None;
    while let Some(child) = doc.child()? {
        let found = if child.local() == "freeBusy" {
            free_busy(doc, &child)?
        } else {
            let mut inner = Calendar::default();
            while let Some(grandchild) = doc.child()? {
                match grandchild.local() {
                    "freeBusy" => inner = free_busy(doc, &grandchild)?,
                    _ => doc.skip()?,
                }
            }
            inner
        };
        if out.as_ref().is_none_or(|before: &Calendar| before.slot_min == 0) {
            out = Some(found);
        }
    }
    Ok(out)
}

/// Unreadable attributes leave the slots out: no calendar is better than a wrong one.
fn free_busy<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<Calendar, XmlFault> {
    let start = doc.attribute(element, Ns::None, "startTime").map_or(PublishTime(0), |time| publish_time(trim(&time)));
    let slot_min =
        doc.attribute(element, Ns::None, "granularity").and_then(|text| trim(&text).strip_prefix("PT")?.strip_suffix('M').and_then(number)).unwrap_or(0);
    let slots = decode_base64(trim(&doc.text()?)).unwrap_or_default();
    let slot_min = u16::try_from(slot_min).unwrap_or(0);
    if start.0 == 0 || slot_min == 0 || slots.is_empty() {
        return Ok(Calendar::default());
    }
    Ok(Calendar { start_ms: start.0, slot_min, slots: slots.into_boxed_slice() })
}

fn note_category<'a>(doc: &mut Doc<'a>, category: &Element<'a>, out: &mut Found<NoteValue<'a>>, best: &mut (PublishTime, bool)) -> Result<(), XmlFault> {
    let time = stamp(doc, category);
    let mut value = NoteValue { publish_time: time, ..NoteValue::default() };
    while let Some(child) = doc.child()? {
        if !child.is(Ns::Note, "note") {
            doc.skip()?;
            continue;
        }
        while let Some(body) = doc.child()? {
            if !body.is(Ns::Note, "body") || !value.text.is_empty() {
                doc.skip()?;
                continue;
            }
            value.kind = doc.attribute(&body, Ns::None, "type").unwrap_or_default();
            value.text = doc.text()?;
        }
    }
    // The newest instance counts, an empty one too; at the same time (or without any) text outdoes none.
    let filled = !value.text.is_empty();
    if *out == Found::Absent || (time, filled) >= *best {
        *best = (time, filled);
        *out = if filled { Found::Value(value) } else { Found::Empty };
    }
    Ok(())
}

pub(super) fn stamp<'a>(doc: &Doc<'a>, category: &Element<'a>) -> PublishTime {
    doc.attribute(category, Ns::None, "publishTime").map_or(PublishTime(0), |time| publish_time(trim(&time)))
}

/// The trimmed text of the open element, if there is any.
fn filled<'a>(doc: &mut Doc<'a>) -> Result<Option<Cow<'a, str>>, XmlFault> {
    Ok(Some(trimmed(doc.text()?)).filter(|text| !text.is_empty()))
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match trim(text) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Local part of a qualified name given as a value.
pub(super) fn without_prefix(name: Cow<'_, str>) -> Cow<'_, str> {
    let name = trimmed(name);
    let Some(at) = name.find(':') else { return name };
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[at + 1..]),
        Cow::Owned(name) => Cow::Owned(name[at + 1..].into()),
    }
}
