//! Calls of a user, `application/dialog-info+xml` (RFC 4235; `spec/ms-pres.md` 9.5): which dialogs there are and how far each has come.
//!
//! Not read: who the other side is. Dialogs beyond the limit and dialogs without id are left out; nothing depends on their number.
use super::doc::{Doc, Element, Ns, number, trim, trimmed};
use super::fault::{XmlFault, quote};
use crate::config::Limits;
use crate::uc_event::{Call, CallState, DialogInfo};

/// Reads a `dialog-info` document.
pub(super) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<DialogInfo<'a>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, limits.xml_depth_max)?;
    if !root.is(Ns::DialogInfo, "dialog-info") {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "dialog-info" });
    }
    let attribute = |name: &'static str| doc.attribute(&root, Ns::None, name).map(trimmed);
    let missing = |name| XmlFault::AttributeMissing { at: root.at, name };
    let state = attribute("state").ok_or_else(|| missing("state"))?;
    let mut out = DialogInfo {
        entity: attribute("entity").unwrap_or_default(),
        // Without a number the order of CSeq is all there is.
        version: attribute("version").and_then(|text| number(&text)),
        full: !state.eq_ignore_ascii_case("partial"),
        calls: alloc::vec::Vec::new(),
    };
    while let Some(child) = doc.child()? {
        if child.is(Ns::DialogInfo, "dialog") && out.calls.len() < limits.list_resources_max as usize {
            let call = dialog(&mut doc, &child)?;
            out.calls.extend(call);
        } else {
            doc.skip()?;
        }
    }
    doc.finish()?;
    Ok(out)
}

fn dialog<'a>(doc: &mut Doc<'a>, element: &Element<'a>) -> Result<Option<Call<'a>>, XmlFault> {
    let id = doc.attribute(element, Ns::None, "id");
    let mut state = CallState::Trying;
    while let Some(child) = doc.child()? {
        if child.is(Ns::DialogInfo, "state") {
            state = call_state(trim(&doc.text()?));
        } else {
            doc.skip()?;
        }
    }
    Ok(id.map(|id| Call { id, state }))
}

/// An unknown word is a call that has not come far.
fn call_state(text: &str) -> CallState {
    let known =
        [("proceeding", CallState::Proceeding), ("early", CallState::Early), ("confirmed", CallState::Confirmed), ("terminated", CallState::Terminated)];
    known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map_or(CallState::Trying, |(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    type Read = (Option<u32>, bool, Vec<(alloc::string::String, CallState)>);

    fn read(attributes: &str, content: &str) -> Result<Read, XmlFault> {
        let text = format!("<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' {attributes}>{content}</dialog-info>");
        let limits = Limits { list_resources_max: 2, ..Limits::default() };
        decode(text.as_bytes(), &limits).map(|info| (info.version, info.full, info.calls.into_iter().map(|call| (call.id.into_owned(), call.state)).collect()))
    }

    #[test]
    fn versions_and_states() {
        let (version, full, calls) =
            read("version=' 3 ' state='partial' entity='sip:a@b'", "<dialog id='1'><state>confirmed</state></dialog><dialog><state>early</state></dialog>")
                .unwrap();
        assert_eq!((version, full, calls), (Some(3), false, [("1".into(), CallState::Confirmed)].into()));
        let (version, full, calls) = read("state='full'", "<x/><dialog id='2'/><dialog id='3'><state>Terminated</state></dialog><dialog id='4'/>").unwrap();
        assert_eq!((version, full, calls), (None, true, [("2".into(), CallState::Trying), ("3".into(), CallState::Terminated)].into()));
        assert!(matches!(read("version='1'", ""), Err(XmlFault::AttributeMissing { name: "state", .. })));
        assert!(matches!(decode(b"<dialog-info state='full'/>", &Limits::default()), Err(XmlFault::Root { .. })));
    }
}
