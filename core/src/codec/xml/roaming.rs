//! A worker's own publications: `application/vnd-microsoft-roaming-self+xml` (`spec/ms-pres.md` 6.5).
//!
//! Read are the table of instances with their versions, what a person chose (`userState`) and wrote (note), and the versions of containers. Subscribers,
//! delegates and the content of other categories are passed over.
use super::categories::{boolean, stamp, without_prefix};
use super::doc::{Doc, Element, Ns, number, trim, trimmed};
use super::fault::{XmlFault, quote};
use super::values::{is_sip_uri, uri_fault};
use crate::config::Limits;
use crate::uc_event::{Lifetime, NoteText, OwnCategory, OwnValue, RoamingSelf, UserActivity, UserState};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// `activity` elements of one state, and `custom` texts of one activity: a person's client writes one of each language it knows.
const ACTIVITIES_MAX: u32 = 64;

/// Reads a whole document.
pub(super) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<RoamingSelf<'a>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, limits.xml_depth_max)?;
    if !root.is(Ns::RoamingSelf, "roamingData") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "roamingData" });
    }
    let mut out = RoamingSelf::default();
    while let Some(part) = doc.child()? {
        if part.is(Ns::Categories, "categories") {
            let uri = doc.attribute(&part, Ns::None, "uri").ok_or(XmlFault::AttributeMissing { at: part.at, name: "uri" })?;
            if !is_sip_uri(&uri) {
                return Err(uri_fault(&uri, part.at));
            }
            out.uri = Some(uri);
            categories(&mut doc, &mut out, limits)?;
        } else if part.local() == "containers" {
            containers(&mut doc, &mut out, limits)?;
        } else {
            doc.skip()?;
        }
    }
    doc.finish()?;
    Ok(out)
}

fn categories<'a>(doc: &mut Doc<'a>, out: &mut RoamingSelf<'a>, limits: &Limits) -> Result<(), XmlFault> {
    while let Some(element) = doc.child()? {
        if !element.is(Ns::Categories, "category") {
            doc.skip()?;
            continue;
        }
        bounded(out.categories.len(), element.at, "categories", limits.list_resources_max)?;
        let name = doc.attribute(&element, Ns::None, "name").map(trimmed).ok_or(XmlFault::AttributeMissing { at: element.at, name: "name" })?;
        let lifetime = match doc.attribute(&element, Ns::None, "expireType").map(trimmed).as_deref() {
            Some("endpoint") => Lifetime::Endpoint,
            Some("user") => Lifetime::User,
            Some("time") => Lifetime::Time,
            _ => Lifetime::Static,
        };
        let category = OwnCategory {
            instance: numbered(doc, &element, "instance").unwrap_or(0),
            container: numbered(doc, &element, "container").unwrap_or(0),
            version: numbered(doc, &element, "version").unwrap_or(0),
            lifetime,
            expires_s: numbered(doc, &element, "expires"),
            publish_time: stamp(doc, &element),
            value: value(doc, &name)?,
            name,
        };
        out.categories.push(category);
    }
    Ok(())
}

fn containers<'a>(doc: &mut Doc<'a>, out: &mut RoamingSelf<'a>, limits: &Limits) -> Result<(), XmlFault> {
    while let Some(element) = doc.child()? {
        if element.local() == "container"
            && let Some(id) = numbered(doc, &element, "id")
        {
            bounded(out.containers.len(), element.at, "containers", limits.list_resources_max)?;
            out.containers.push((id, numbered(doc, &element, "version").unwrap_or(0)));
        }
        doc.skip()?;
    }
    Ok(())
}

/// The content of the open category, to its end.
fn value<'a>(doc: &mut Doc<'a>, name: &str) -> Result<OwnValue<'a>, XmlFault> {
    let mut out = OwnValue::Empty;
    while let Some(child) = doc.child()? {
        if out != OwnValue::Empty {
            doc.skip()?;
        } else if name == "state" && child.is(Ns::State, "state") {
            out = state(doc, &child)?;
        } else if name == "note" && child.is(Ns::Note, "note") {
            out = OwnValue::Note(note(doc)?);
        } else {
            doc.skip()?;
            out = OwnValue::Other;
        }
    }
    Ok(out)
}

fn state<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<OwnValue<'a>, XmlFault> {
    let is_user = match doc.attribute(element, Ns::Xsi, "type").map(without_prefix).as_deref() {
        Some("userState") => true,
        Some("machineState") => false,
        _ => {
            doc.skip()?;
            return Ok(OwnValue::Other);
        }
    };
    let manual = doc.attribute(element, Ns::None, "manual").and_then(|manual| boolean(&manual));
    let mut out = UserState { availability: None, manual, activities: Vec::new() };
    while let Some(child) = doc.child()? {
        if child.is(Ns::State, "availability") && out.availability.is_none() {
            out.availability = number(trim(&doc.text()?));
        } else if is_user && child.is(Ns::State, "activity") {
            bounded(out.activities.len(), child.at, "activities in one state", ACTIVITIES_MAX)?;
            out.activities.push(activity(doc, &child)?);
        } else {
            doc.skip()?;
        }
    }
    Ok(if is_user { OwnValue::UserState(Box::new(out)) } else { OwnValue::Machine(out.availability) })
}

fn activity<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<UserActivity<'a>, XmlFault> {
    let token = doc.attribute(element, Ns::None, "token").map(trimmed).filter(|token| !token.is_empty());
    let (min, max) = (numbered(doc, element, "minAvailability"), numbered(doc, element, "maxAvailability"));
    let mut out = UserActivity { token, min, max, customs: Vec::new() };
    while let Some(child) = doc.child()? {
        if !child.is(Ns::State, "custom") {
            doc.skip()?;
            continue;
        }
        bounded(out.customs.len(), child.at, "custom texts in one activity", ACTIVITIES_MAX)?;
        let lcid = numbered(doc, &child, "LCID").unwrap_or(0);
        out.customs.push((lcid, trimmed(doc.text()?)));
    }
    Ok(out)
}

fn note<'a>(doc: &mut Doc<'a>) -> Result<NoteText<'a>, XmlFault> {
    let mut out = NoteText::default();
    while let Some(body) = doc.child()? {
        if !body.is(Ns::Note, "body") || !out.text.is_empty() {
            doc.skip()?;
            continue;
        }
        out.kind = doc.attribute(&body, Ns::None, "type").unwrap_or_default();
        out.text = doc.text()?;
    }
    Ok(out)
}

fn numbered<'a>(doc: &Doc<'a>, element: &Element<'a>, name: &str) -> Option<u32> {
    doc.attribute(element, Ns::None, name).and_then(|text| number(trim(&text)))
}

fn bounded(have: usize, at: u32, what: &'static str, limit: u32) -> Result<(), XmlFault> {
    if have < limit as usize { Ok(()) } else { Err(XmlFault::TooMany { at, what, limit }) }
}
