//! No echo: what we caused never makes us act again. A request T-Server has confirmed is not sent a second time unless something else happened in between.
use super::reported::{Reported, dn_of, number, shown_by};
use super::storm::changes_state;
use super::{Checker, Scene, Verdict};
use crate::model::Shown;
use std::collections::BTreeMap;
use uc_core::action::{CtiOut, CtiReq};
use uc_core::cti_event::{CtiEvent, TEvent};
use uc_core::id::{CtiLinkId, DnId};
use uc_core::{Action, Connector, Input};

#[derive(Clone, Debug)]
struct Sent {
    link: CtiLinkId,
    ref_id: u32,
    req: CtiReq,
    note: Box<str>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct NoEcho {
    reported: Reported,
    sent: BTreeMap<DnId, Sent>,
    /// The last confirmed request of each DN, until something else happens to it.
    confirmed: BTreeMap<DnId, Confirmed>,
}

#[derive(Clone, Debug)]
struct Confirmed {
    req: CtiReq,
    note: Box<str>,
    /// The reasons of the answer.
    reasons: Reasons,
}

/// `KW_UC_STATUS` and `KW_UC_NOTE`, the latter as raw JSON.
type Reasons = (Option<Box<str>>, Option<Box<str>>);

fn reasons_of(event: &TEvent<'_>) -> Reasons {
    (event.kw_status.map(Into::into), event.kw_note.map(Into::into))
}

const fn shown_after(req: &CtiReq) -> Option<Shown> {
    match req {
        CtiReq::State(want) => Some(if want.ready { Shown::Ready } else { Shown::NotReady }),
        CtiReq::AgentLogout => Some(Shown::LoggedOut),
        _ => None,
    }
}

const fn mode_after(req: &CtiReq) -> i32 {
    match req {
        CtiReq::State(want) => match want.work_mode {
            Some(mode) => mode as i32,
            None => 0,
        },
        _ => 0,
    }
}

impl NoEcho {
    fn on_event(&mut self, core: &Connector, link: CtiLinkId, event: &TEvent<'_>) {
        let Some(dn) = dn_of(core, link, event) else { return };
        let answers_ours = self.sent.get(&dn).is_some_and(|s| s.link == link && s.ref_id == event.ref_id);
        if answers_ours {
            let Some(sent) = self.sent.remove(&dn) else { return };
            // Whatever came of it, it is what happened last.
            self.confirmed.remove(&dn);
            if event.id != number::ERROR && shown_by(event) == shown_after(&sent.req) && shown_by(event).is_some() {
                self.confirmed.insert(dn, Confirmed { req: sent.req, note: sent.note, reasons: reasons_of(event) });
            }
            return;
        }
        // The same state once more is our own echo; another state is news, and so are other reasons: an older request of ours was executed late. Where T-Server
        // was asked and holds no reasons at all, another hand's same state came after ours.
        let reasons = reasons_of(event);
        let same = self.confirmed.get(&dn).is_some_and(|done| {
            shown_by(event) == shown_after(&done.req)
                && event.work_mode.unwrap_or(0) == mode_after(&done.req)
                && (reasons == done.reasons || (reasons.0.is_none() && event.id != number::ADDRESS_INFO))
        });
        if shown_by(event).is_some() && !same {
            self.confirmed.remove(&dn);
        }
    }
}

impl Checker for NoEcho {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        if self.reported.on_input(scene.core, input) {
            self.confirmed.clear();
            self.sent.clear();
        }
        match input {
            Input::Cti { link, event: CtiEvent::Event(event) } => self.on_event(scene.core, *link, event),
            // The presence side may always ask for something; that it asks for the same is judged against what was reported (storm).
            Input::Uc { .. } | Input::Reconfigure(_) => self.confirmed.clear(),
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        let Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } } = action else { return Ok(()) };
        if !changes_state(req) {
            return Ok(());
        }
        let note: Box<str> = scene.core.note_of(*dn).into();
        if self.confirmed.get(dn).is_some_and(|done| done.req == *req && done.note == note) {
            return Err(format!("{dn}: {req:?} was confirmed and is sent again although nothing else happened"));
        }
        self.sent.insert(*dn, Sent { link: *link, ref_id: *ref_id, req: *req, note });
        Ok(())
    }
}
