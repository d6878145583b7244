//! Why a publication was refused: `application/msrtc-fault+xml` (`spec/ms-pres.md` 6.4).
//!
//! Matched by local names, because the documented sample has no namespace and servers may add one. An operation with numbers nobody can read is counted, the
//! others stand.
use super::doc::{Doc, number, trim, trimmed};
use super::fault::{XmlFault, quote};
use crate::config::Limits;
use crate::uc_event::{FaultDoc, FaultOperation};

/// Reads a whole document.
pub(super) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<FaultDoc<'a>, XmlFault> {
    let (mut doc, root) = Doc::open(bytes, limits.xml_depth_max)?;
    if root.local() != "Fault" {
        return Err(XmlFault::Root { found: quote(root.local()), wanted: "Fault" });
    }
    let mut out = FaultDoc::default();
    while let Some(child) = doc.child()? {
        match child.local() {
            "Faultcode" | "faultcode" => out.code = trimmed(doc.text()?),
            "details" | "detail" => details(&mut doc, &mut out, limits)?,
            _ => doc.skip()?,
        }
    }
    doc.finish()?;
    Ok(out)
}

fn details<'a>(doc: &mut Doc<'a>, out: &mut FaultDoc<'a>, limits: &Limits) -> Result<(), XmlFault> {
    while let Some(element) = doc.child()? {
        if element.local() == "operation" {
            if out.operations.len() >= limits.list_resources_max as usize {
                return Err(XmlFault::TooMany { at: element.at, what: "operations", limit: limits.list_resources_max });
            }
            let read = |name| doc.attribute(&element, super::doc::Ns::None, name).and_then(|text| number(trim(&text)));
            match (read("index"), read("curVersion")) {
                (Some(index), Some(current)) => out.operations.push(FaultOperation { index, version: read("version").unwrap_or(0), current }),
                _ => out.unreadable = out.unreadable.saturating_add(1),
            }
        }
        doc.skip()?;
    }
    Ok(())
}
