//! `text/xml+msrtc.pidf`: presence of the 2005 generation, mapped onto a `categories` document (`spec/ms-pres.md` 4.10).
//!
//! Two coarse numbers become the usual availability number of their class, so that everything behind the decoder sees one kind of document.
use super::doc::{Doc, Element, Ns, number, trim};
use super::fault::{XmlFault, quote};
use super::values::{is_sip_uri, uri_fault};
use crate::uc_event::{CategoryDoc, Found, StateValue};
use alloc::borrow::Cow;
use alloc::string::String;

/// `activity@aggregate` thresholds: the highest not above the value counts. Below the first the activity is unknown.
const ACTIVITIES: [(u32, u32, Option<&str>); 9] = [
    (100, 15_500, None),
    (150, 15_500, Some("out-to-lunch")),
    (200, 5_000, None),
    (300, 12_500, None),
    (400, 3_500, None),
    (500, 6_500, Some("on-the-phone")),
    (600, 6_500, None),
    (700, 15_500, None),
    (800, 3_500, None),
];

/// `availability@aggregate` below this is offline (0 offline, 100 maybe, 300 online).
const MAYBE: u32 = 100;

/// Reads a `presentity` document. A URI without scheme gets `sip:`.
pub(super) fn decode(bytes: &[u8], depth_max: u32) -> Result<CategoryDoc<'_>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, depth_max)?;
    if !root.is(Ns::Legacy, "presentity") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "presentity" });
    }
    let uri = doc.attribute(&root, Ns::None, "uri").ok_or(XmlFault::AttributeMissing { at: root.at, name: "uri" })?;
    let uri = if is_sip_uri(&uri) { uri } else { Cow::Owned(String::from("sip:") + &uri) };
    if !is_sip_uri(&uri) || uri[4..].contains(':') && !uri[4..].contains('@') {
        return Err(uri_fault(&uri, root.at));
    }
    let (mut availability, mut activity) = (None, None);
    while let Some(child) = doc.child()? {
        if child.is(Ns::Legacy, "availability") {
            availability = aggregate(&doc, &child);
        } else if child.is(Ns::Legacy, "activity") {
            activity = aggregate(&doc, &child);
        }
        doc.skip()?;
    }
    doc.finish()?;
    let state = match availability {
        None => Found::Empty,
        Some(availability) => Found::Value(state(availability, activity)),
    };
    Ok(CategoryDoc { uri, state, note: Found::Absent, calendar: Found::Absent, others: 0 })
}

fn aggregate<'a>(doc: &Doc<'a>, element: &Element<'a>) -> Option<u32> {
    doc.attribute(element, Ns::None, "aggregate").and_then(|text| number(trim(&text)))
}

fn state<'a>(availability: u32, activity: Option<u32>) -> StateValue<'a> {
    if availability < MAYBE {
        return StateValue { availability: Some(18_500), ..StateValue::default() };
    }
    let known = ACTIVITIES.iter().rev().find(|(threshold, ..)| activity.is_some_and(|activity| activity >= *threshold));
    let (number, token) = known.map_or((None, None), |(_, number, token)| (Some(*number), *token));
    StateValue { availability: number, token: token.map(Cow::Borrowed), ..StateValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn aggregates_become_usual_numbers() {
        let cases = [
            (0, 800, Some(18_500)),
            (300, 99, None),
            (300, 100, Some(15_500)),
            (300, 199, Some(15_500)),
            (300, 299, Some(5_000)),
            (300, 300, Some(12_500)),
            (300, 400, Some(3_500)),
            (100, 550, Some(6_500)),
            (300, 600, Some(6_500)),
            (300, 9_999, Some(3_500)),
        ];
        for (availability, activity, number) in cases {
            let text = format!(
                "<presentity uri='f@x' xmlns='http://schemas.microsoft.com/2002/09/sip/presence'><availability aggregate='{availability}'/>\
                 <activity aggregate='{activity}'/></presentity>"
            );
            let doc = decode(text.as_bytes(), 32).unwrap();
            assert_eq!(doc.uri, "sip:f@x");
            let Found::Value(state) = doc.state else { panic!("no state in {text}") };
            assert_eq!(state.availability, number, "{text}");
        }
    }

    #[test]
    fn wrong_root_and_uri() {
        assert!(matches!(decode(b"<presentity uri='a@b'/>", 32), Err(XmlFault::Root { .. })));
        let text = b"<presentity uri='mailto:alice' xmlns='http://schemas.microsoft.com/2002/09/sip/presence'/>";
        assert!(matches!(decode(text, 32), Err(XmlFault::Uri { .. })));
    }
}
