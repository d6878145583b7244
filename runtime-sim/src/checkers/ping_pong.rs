//! No ping-pong: each external change about a worker is followed by a bounded number of writes on each side, also when both sides change at once; what we
//! wrote ourselves is no external change.
use super::publisher::is_publication;
use super::reported::{dn_of, number, shown_by};
use super::storm::changes_state;
use super::{Checker, Scene, Verdict};
use crate::steps::{Hand, Step};
use std::collections::BTreeMap;
use uc_core::action::CtiOut;
use uc_core::cti_event::CtiEvent;
use uc_core::id::UserId;
use uc_core::uc_event::UcEvent;
use uc_core::{Action, Input, Mono};

/// Writes that one change may cause on one side: the state, and a login before it; the publication or the withdrawal, and the note put back.
const WRITES_MAX: u32 = 2;
/// A write so long after the last one is another matter: a refresh, a limit, a repetition.
const WINDOW_MS: u64 = 20_000;

#[derive(Clone, Copy, Debug, Default)]
struct Side {
    writes: u32,
    last: Mono,
    /// Changes from outside since the last pause.
    changes: u32,
}

impl Side {
    fn changed(&mut self) {
        self.changes += 1;
    }

    /// Counts a write; an error says how many there were.
    fn write(&mut self, now: Mono) -> Option<u32> {
        if now.since(self.last) > WINDOW_MS {
            (self.writes, self.changes) = (0, 1);
        }
        self.writes += 1;
        self.last = now;
        (self.writes > WRITES_MAX * (self.changes + 1)).then_some(self.writes)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct NoPingPong {
    requests: BTreeMap<UserId, Side>,
    publications: BTreeMap<UserId, Side>,
    /// Transactions of publications, for their answers.
    open: BTreeMap<Box<str>, UserId>,
}

impl NoPingPong {
    fn changed(&mut self, user: UserId) {
        self.requests.entry(user).or_default().changed();
        self.publications.entry(user).or_default().changed();
    }

    /// Counting begins anew; changes whose news are still on their way count.
    fn everything_changed(&mut self) {
        for side in self.requests.values_mut().chain(self.publications.values_mut()) {
            side.writes = 0;
            side.changed();
        }
    }
}

impl Checker for NoPingPong {
    fn name(&self) -> &'static str {
        "ping-pong"
    }

    fn on_step(&mut self, scene: Scene<'_>, step: &Step) -> Verdict {
        match step {
            Step::Presence { worker, .. }
            | Step::Client(worker, ..)
            | Step::Foreign(worker, Hand::Ready | Hand::NotReady | Hand::AfterCall | Hand::Login | Hand::Logout) => {
                if let Some(user) = scene.core.directory().user_by_uri(&crate::company::uri_of(*worker)) {
                    self.changed(user);
                }
            }
            // What they cause comes as events of the servers.
            Step::Call { .. } => {}
            _ => self.everything_changed(),
        }
        Ok(())
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        match input {
            Input::Cti { link, event: CtiEvent::Event(event) } => {
                let Some(dn) = dn_of(scene.core, *link, event) else { return Ok(()) };
                let Some(user) = scene.core.user_of(dn) else { return Ok(()) };
                // T-Server's own doing, or a refusal; never the answer to us.
                if event.id == number::ERROR || (event.ref_id == 0 && event.kw_status.is_none() && shown_by(event).is_some()) {
                    self.changed(user);
                }
            }
            Input::Uc { event: UcEvent::Response(response), .. } => {
                if let Some(user) = self.open.remove(response.branch)
                    && response.status >= 300
                {
                    self.publications.entry(user).or_default().changed();
                }
            }
            Input::Uc { event: UcEvent::Closed { .. }, .. }
            | Input::Cti { event: CtiEvent::Closed { .. } | CtiEvent::Control(_), .. }
            | Input::Reconfigure(_) => {
                self.everything_changed();
            }
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::SendCti { msg: CtiOut::Request { dn, req, .. }, .. } if changes_state(req) => {
                let Some(user) = scene.core.user_of(*dn) else { return Ok(()) };
                match self.requests.entry(user).or_default().write(scene.now) {
                    Some(count) => Err(format!("{dn}: {count} state requests that no changes outside explain")),
                    None => Ok(()),
                }
            }
            Action::SendUc { msg, .. } if is_publication(msg) => {
                let Some(user) = scene.core.directory().user_by_uri(&msg.to) else { return Ok(()) };
                self.open.insert(msg.branch.clone(), user);
                match self.publications.entry(user).or_default().write(scene.now) {
                    Some(count) => Err(format!("{}: {count} publications that no changes outside explain", msg.to)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
