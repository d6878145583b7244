//! No storm: one state request in flight per DN; nothing sent that T-Server has just reported as true; a bounded number of requests whatever happens.
use super::reported::{Reported, number, switch_of};
use super::{Checker, Scene, Verdict};
use crate::model::Shown;
use crate::steps::Step;
use std::collections::{BTreeMap, VecDeque};
use uc_core::action::{CtiOut, CtiReq};
use uc_core::cti_event::{Control, CtiEvent, Role};
use uc_core::id::{CtiLinkId, DnId, UcLinkId};
use uc_core::{Action, Input, Mono};

/// State requests about one DN within [`WINDOW_MS`] that no external change explains: the first pauses between repeats are 1, 5, 10, 20 s, and a login may precede each.
const REPEATS_MAX: usize = 12;
const WINDOW_MS: u64 = 60_000;
/// SIP requests of one connection within ten seconds, beyond two per watched user.
const SIP_BASE_MAX: usize = 60;

/// An endpoint comes, reads, publishes, withdraws and leaves.
const SIP_PER_PUBLISHER_MAX: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub struct NoStorm {
    reported: Reported,
    open: BTreeMap<DnId, (CtiLinkId, u32, Mono)>,
    recent: BTreeMap<DnId, VecDeque<Mono>>,
    sip: BTreeMap<UcLinkId, VecDeque<Mono>>,
}

/// Whether a request changes an agent's state.
#[must_use]
pub const fn changes_state(req: &CtiReq) -> bool {
    matches!(req, CtiReq::State(_) | CtiReq::AgentLogin | CtiReq::AgentLogout)
}

fn push_recent(times: &mut VecDeque<Mono>, now: Mono, window_ms: u64) -> usize {
    times.push_back(now);
    while times.front().is_some_and(|t| now.since(*t) > window_ms) {
        times.pop_front();
    }
    times.len()
}

impl NoStorm {
    fn on_request(&mut self, scene: Scene<'_>, link: CtiLinkId, ref_id: u32, dn: DnId, req: CtiReq) -> Verdict {
        let timeout = scene.core.directory().config().cti.timers.request_timeout_ms;
        if let Some((on, open_ref, at)) = self.open.insert(dn, (link, ref_id, scene.now))
            && scene.now.since(at) < timeout
        {
            return Err(format!("{dn}: request {ref_id} on {link} was sent while request {open_ref} on {on} is unanswered"));
        }
        if let Some(report) = self.reported.get(dn) {
            let same_reasons = |status: &str| report.status == status && report.note == scene.core.note_of(dn) && !report.note.contains('\\');
            let already = match req {
                CtiReq::AgentLogout => report.shown == Shown::LoggedOut,
                CtiReq::State(want) => report.shown == if want.ready { Shown::Ready } else { Shown::NotReady } && want.why.status().is_some_and(same_reasons),
                _ => false,
            };
            if already {
                return Err(format!("{dn}: {req:?} was sent although T-Server reported just that: {report:?}"));
            }
        }
        let count = push_recent(self.recent.entry(dn).or_default(), scene.now, WINDOW_MS);
        if count > REPEATS_MAX {
            return Err(format!("{dn}: {count} state requests within a minute that no change outside explains"));
        }
        Ok(())
    }
}

impl Checker for NoStorm {
    fn name(&self) -> &'static str {
        "storm"
    }

    fn on_step(&mut self, _scene: Scene<'_>, step: &Step) -> Verdict {
        // Whatever people or faults do explains new requests; only people's own changes come often.
        match step {
            Step::Presence { .. } | Step::Foreign(..) => {}
            _ => self.sip.clear(),
        }
        self.recent.clear();
        Ok(())
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        let moved = self.reported.on_input(scene.core, input);
        if let Input::Reconfigure(config) = input {
            // Of a DN that is given up no answer is waited for, also if it comes back later.
            let stays = |dn: DnId| {
                let number = scene.core.directory().number(dn);
                config.people.iter().any(|person| person.dns.iter().any(|it| *it.number == *number))
            };
            self.open.retain(|dn, _| stays(*dn));
        }
        let Input::Cti { link, event } = input else { return Ok(()) };
        match event {
            CtiEvent::Closed { .. } => self.open.retain(|_, (on, _, _)| on != link),
            // Without its link to the switch a server leaves what it was asked open.
            CtiEvent::Event(event) if event.id == number::LINK_DISCONNECTED => self.open.retain(|_, (on, _, _)| on != link),
            // Nor does one that is backup now answer what it was asked as primary.
            CtiEvent::Control(Control::Role { role: Role::Backup }) => self.open.retain(|_, (on, _, _)| on != link),
            // What another server was asked is unknown from now on.
            CtiEvent::Control(Control::Opened { role: Role::Primary, .. } | Control::Role { role: Role::Primary }) => {
                let switch = switch_of(scene.core, *link);
                self.open.retain(|_, (on, _, _)| on == link || switch_of(scene.core, *on) != switch);
            }
            CtiEvent::Event(event) if event.ref_id != 0 => self.open.retain(|_, (on, ref_id, _)| on != link || *ref_id != event.ref_id),
            _ => {}
        }
        if moved {
            self.recent.clear();
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } } if changes_state(req) => self.on_request(scene, *link, *ref_id, *dn, *req),
            Action::CloseCti { link } => {
                self.open.retain(|_, (on, _, _)| on != link);
                Ok(())
            }
            Action::SendUc { link, .. } => {
                let count = push_recent(self.sip.entry(*link).or_default(), scene.now, 10_000);
                let pushes = usize::from(scene.core.directory().config().mode.pushes());
                let users = scene.core.directory().user_slots();
                // Whatever is published again and again (a pool that drops one connection after the other), it is published at a pace.
                let pace = scene.core.directory().config().publish.requests_per_s as usize * 10;
                let max = SIP_BASE_MAX + 2 * users + pushes * pace.max(SIP_PER_PUBLISHER_MAX * users);
                if count > max { Err(format!("{link}: {count} SIP requests within ten seconds, at most {max} can be needed")) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}
