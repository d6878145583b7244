//! No ping-pong: each external change about a worker is followed by a bounded number of writes on each side, also when both sides change at once; what we
//! wrote ourselves is no external change.
use super::publisher::is_publication;
use super::reported::{dn_of, number, shown_by};
use super::storm::changes_state;
use super::{Checker, Scene, Verdict};
use crate::steps::{Hand, Step};
use std::collections::{BTreeMap, VecDeque};
use uc_core::action::CtiOut;
use uc_core::cti_event::CtiEvent;
use uc_core::id::UserId;
use uc_core::uc_event::UcEvent;
use uc_core::{Action, Input, Mono};

/// Writes that one change may cause on one side: the state, and a login before it; the publication or the withdrawal, and the note put back.
const WRITES_MAX: u32 = 2;
/// A write so long after the last one is another matter: a refresh, a limit, a repetition.
const WINDOW_MS: u64 = 20_000;

/// News of a change may be so late, milliseconds: a server that stood still tells all of them at once.
const NEWS_MS: u64 = 120_000;

#[derive(Clone, Debug, Default)]
struct Side {
    writes: u32,
    last: Mono,
    /// Changes from outside whose news may still be under way.
    changes: VecDeque<Mono>,
}

impl Side {
    fn changed(&mut self, now: Mono) {
        self.changes.push_back(now);
    }

    /// Counts a write; an error says how many there were.
    fn write(&mut self, now: Mono) -> Option<u32> {
        if now.since(self.last) > WINDOW_MS {
            self.writes = 0;
        }
        while self.changes.front().is_some_and(|at| now.since(*at) > NEWS_MS) {
            self.changes.pop_front();
        }
        self.writes += 1;
        self.last = now;
        (self.writes > WRITES_MAX * (self.changes.len().max(1) as u32 + 1)).then_some(self.writes)
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
    fn changed(&mut self, now: Mono, user: UserId) {
        self.requests.entry(user).or_default().changed(now);
        self.publications.entry(user).or_default().changed(now);
    }

    /// Counting begins anew; changes whose news are still on their way count.
    fn everything_changed(&mut self, now: Mono) {
        for side in self.requests.values_mut().chain(self.publications.values_mut()) {
            side.writes = 0;
            side.changed(now);
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
                    self.changed(scene.now, user);
                }
            }
            // What they cause comes as events of the servers.
            Step::Call { .. } => {}
            _ => self.everything_changed(scene.now),
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
                    self.changed(scene.now, user);
                }
            }
            Input::Uc { event: UcEvent::Response(response), .. } => {
                if let Some(user) = self.open.remove(response.branch)
                    && response.status >= 300
                {
                    self.publications.entry(user).or_default().changed(scene.now);
                }
            }
            Input::Uc { event: UcEvent::Closed { .. }, .. }
            | Input::Cti { event: CtiEvent::Closed { .. } | CtiEvent::Control(_), .. }
            | Input::Reconfigure(_) => {
                self.everything_changed(scene.now);
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
