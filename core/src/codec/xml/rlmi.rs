//! Resource lists, `application/rlmi+xml` (RFC 4662 section 5; `spec/ms-pres.md` 4.4).
use super::doc::{Doc, Element, Ns, number, trim};
use super::fault::{XmlFault, quote};
use super::values::{is_uri_text, uri_fault};
use crate::config::Limits;
use crate::uc_event::{ListDoc, Resource, ResourceState, TerminationReason};
use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Reads a bare list. Resources whose URI cannot be used are left out, each with a fault (without content id).
pub(super) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<ListDoc<'a>, XmlFault> {
    let mut list = read(bytes, limits)?;
    deduplicate(&mut list.resources);
    Ok(list)
}

/// Reads a list as it stands.
pub(super) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<ListDoc<'a>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, limits.xml_depth_max)?;
    if !root.is(Ns::Rlmi, "list") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "list" });
    }
    let mut out = ListDoc {
        uri: doc.attribute(&root, Ns::None, "uri").unwrap_or_default(),
        version: doc.attribute(&root, Ns::None, "version").and_then(|version| number(trim(&version))).unwrap_or(0),
        full_state: doc.attribute(&root, Ns::None, "fullState").is_some_and(|full| matches!(trim(&full), "true" | "1")),
        ..ListDoc::default()
    };
    let limit = limits.list_resources_max;
    let mut count = 0;
    while let Some(child) = doc.child()? {
        if !child.is(Ns::Rlmi, "resource") {
            doc.skip()?;
            continue;
        }
        count += 1;
        if count == limit.saturating_add(1) {
            out.faults.push((Cow::Borrowed(""), XmlFault::TooManyResources { limit }));
        }
        if count > limit {
            doc.skip()?;
            continue;
        }
        match resource(&mut doc, &child)? {
            Ok(resource) => out.resources.push(resource),
            Err(fault) => out.faults.push((Cow::Borrowed(""), fault)),
        }
    }
    doc.finish()?;
    Ok(out)
}

/// The outer result is for the document, the inner for this resource.
fn resource<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<Result<Resource<'a>, XmlFault>, XmlFault> {
    let uri = doc.attribute(element, Ns::None, "uri");
    let mut state = Ok(ResourceState::Pending);
    while let Some(child) = doc.child()? {
        if child.is(Ns::Rlmi, "instance") {
            state = instance(doc, &child);
        }
        doc.skip()?;
    }
    let Some(uri) = uri else { return Ok(Err(XmlFault::AttributeMissing { at: element.at, name: "uri" })) };
    if !is_uri_text(&uri) {
        return Ok(Err(uri_fault(&uri, element.at)));
    }
    Ok(state.map(|state| Resource { uri, state }))
}

fn instance<'a>(doc: &Doc<'a>, element: &Element<'a>) -> Result<ResourceState<'a>, XmlFault> {
    let state = doc.attribute(element, Ns::None, "state").unwrap_or_default();
    let is = |wanted: &str| trim(&state).eq_ignore_ascii_case(wanted);
    if is("active") {
        return Ok(ResourceState::Active);
    }
    if is("terminated") {
        return Ok(ResourceState::Terminated(reason(doc.attribute(element, Ns::None, "reason").as_deref().map_or("", trim))));
    }
    if is("resubscribe") {
        let pool = doc.attribute(element, Ns::None, "poolFqdn").filter(|pool| !pool.is_empty());
        // The pool ends up in a Request-URI and a To header of ours: nothing that could end the value may pass.
        return match pool {
            Some(pool) if !is_uri_text(&pool) => Err(uri_fault(&pool, element.at)),
            pool => Ok(ResourceState::Resubscribe { pool }),
        };
    }
    Ok(ResourceState::Pending)
}

fn reason(text: &str) -> TerminationReason {
    let known = [
        ("", TerminationReason::None),
        ("deactivated", TerminationReason::Deactivated),
        ("probation", TerminationReason::Probation),
        ("rejected", TerminationReason::Rejected),
        ("timeout", TerminationReason::Timeout),
        ("giveup", TerminationReason::Giveup),
        ("noresource", TerminationReason::NoResource),
        ("invariant", TerminationReason::Invariant),
    ];
    known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map_or(TerminationReason::Other, |(_, reason)| *reason)
}

/// Keeps the last entry of each URI; the order of the rest stands.
pub(super) fn deduplicate(resources: &mut Vec<Resource<'_>>) {
    let mut seen = BTreeSet::new();
    let mut keep: Vec<bool> = resources.iter().rev().map(|resource| seen.insert(resource.uri.as_ref())).collect();
    resources.retain(|_| keep.pop().unwrap_or(true));
}
