//! Which of a switch's servers we talk to: connecting, opening, losing, warm and hot standby (`spec/genesys-protocols.md` 9).
use super::link::Phase;
use super::{CtiSide, CtiTimer, takes_requests};
use crate::action::{Action, CtiOut};
use crate::config::{NoteLevel, Redundancy};
use crate::cti_event::Role;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::fact::Fact;
use crate::id::{CtiLinkId, SwitchId};
use crate::note::Note;
use crate::uc_event::CloseCause;

/// A switch and its links.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Switch {
    /// Its links are `first .. first + count`.
    pub(super) first: CtiLinkId,
    pub(super) count: u16,
    pub(super) redundancy: Redundancy,
    /// The link requests go to: opened, primary, CTI link of the switch up.
    pub(super) active: Option<CtiLinkId>,
    /// Warm standby: which server is tried now.
    pub(super) turn: u16,
}

impl Switch {
    pub(super) const fn new(first: CtiLinkId, count: u16, redundancy: Redundancy) -> Self {
        Self { first, count, redundancy, active: None, turn: 0 }
    }
}

impl CtiSide {
    pub(super) fn connect_switch(&mut self, cx: &mut Cx<'_>, switch: usize) {
        let (first, count, redundancy) = {
            let it = &self.switches[switch];
            (it.first, it.count, it.redundancy)
        };
        let wanted = if redundancy == Redundancy::Hot { count } else { 1 };
        for at in first.0..first.0 + wanted {
            self.links[usize::from(at)].connect(cx, CtiLinkId(at));
        }
    }

    pub(super) fn on_connected(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let it = &mut self.links[link.index()];
        if it.phase != Phase::Connecting {
            return;
        }
        it.phase = Phase::Hello;
        it.next_ref = 1;
        it.rows.reset();
        cx.act(Action::SendCti { link, msg: CtiOut::Hello });
    }

    pub(super) fn on_welcome(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, window: u32, ping_s: u32) {
        let it = &mut self.links[link.index()];
        if it.phase != Phase::Hello {
            return;
        }
        it.phase = Phase::Opening;
        it.window = window.max(1);
        it.ping_ms = u64::from(ping_s.clamp(1, 3600)) * 1000;
        let linger_s = cx.config.cti.get(it.switch).map_or(0, |switch| switch.linger_s);
        cx.act(Action::SendCti { link, msg: CtiOut::Open { linger_s } });
        cx.set(TimerKey::Cti(CtiTimer::Silence(link)), cx.now.mono + it.ping_ms);
    }

    pub(super) fn on_opened(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, role: Role, server: &str) {
        let it = &mut self.links[link.index()];
        if it.phase != Phase::Opening {
            return;
        }
        // Behind a router there is no CTI link to wait for.
        it.phase = Phase::Up { role, linked: cx.config.cti.is_router(it.switch) };
        cx.clear(TimerKey::Cti(CtiTimer::Link(link)));
        cx.note(Note::CtiOpened { link, role, server: server.into() });
        let switch = it.switch;
        if takes_requests(role) {
            self.demote_others(cx, switch, link);
            self.activate(cx, switch, link);
        } else {
            self.await_promotion(cx, switch, link);
        }
        self.links[link.index()].opened_at = cx.now.mono;
    }

    /// `role` is a barrier: what follows is under the new role.
    pub(super) fn on_role(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, role: Role) {
        let it = &mut self.links[link.index()];
        let Phase::Up { role: before, linked } = it.phase else { return };
        if before == role {
            return;
        }
        it.phase = Phase::Up { role, linked };
        let switch = it.switch;
        if takes_requests(role) {
            cx.clear(TimerKey::Cti(CtiTimer::Link(link)));
            self.demote_others(cx, switch, link);
            self.activate(cx, switch, link);
        } else {
            it.rows.drop_state_requests();
            self.deactivate(cx, switch, link);
            self.await_promotion(cx, switch, link);
        }
    }

    /// A pair has one primary: the last one that said so. The other gets nothing more, although this one may not be linked to the switch yet.
    fn demote_others(&mut self, cx: &mut Cx<'_>, switch: SwitchId, link: CtiLinkId) {
        if let Some(before) = self.switches[switch.index()].active.filter(|before| *before != link) {
            self.links[before.index()].rows.drop_state_requests();
            self.retire(cx, switch);
        }
    }

    /// No server takes requests for now. Hot standby: the other one is expected to take over within `switchover_ms`; only then is it worth a line.
    fn retire(&mut self, cx: &mut Cx<'_>, switch: SwitchId) {
        self.switches[switch.index()].active = None;
        if cx.config.cti.is_router(switch) {
            return;
        }
        cx.fact(Fact::SwitchDown { switch });
        if self.switches[switch.index()].redundancy == Redundancy::Hot {
            cx.set(TimerKey::Cti(CtiTimer::Switchover(switch)), cx.now.mono + cx.config.cti.timers.switchover_ms);
        } else {
            cx.note(Note::SwitchDown { switch });
        }
    }

    /// Warm standby: a server that is backup takes no requests. It may be promoted at once (the pair is switching over); else the other server is tried.
    fn await_promotion(&self, cx: &mut Cx<'_>, switch: SwitchId, link: CtiLinkId) {
        if self.switches[switch.index()].redundancy != Redundancy::Hot {
            cx.set(TimerKey::Cti(CtiTimer::Link(link)), cx.now.mono + cx.config.cti.timers.connect_timeout_ms);
        }
    }

    /// 95: the CTI link between T-Server and switch is up. 94: it is down; registrations stand, no state request is sent (`decisions.md` 25).
    pub(super) fn on_linked(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, up: bool) {
        let it = &mut self.links[link.index()];
        let Phase::Up { role, linked } = it.phase else { return };
        it.phase = Phase::Up { role, linked: up };
        let switch = it.switch;
        if up {
            if takes_requests(role) {
                self.activate(cx, switch, link);
            }
            self.pump(cx, link);
        } else if linked {
            cx.note(Note::Cti { level: NoteLevel::Warn, link, text: "T-Server lost its link to the switch; no state request is sent until it is back".into() });
            self.links[link.index()].rows.drop_state_requests();
            self.deactivate(cx, switch, link);
        }
    }

    /// `link` is opened, primary and linked: requests go there. What we know of its DNs is asked again, for events may have been missed.
    fn activate(&mut self, cx: &mut Cx<'_>, switch: SwitchId, link: CtiLinkId) {
        if !self.links[link.index()].is_linked() || self.switches[switch.index()].active == Some(link) {
            return;
        }
        self.demote_others(cx, switch, link);
        self.switches[switch.index()].active = Some(link);
        cx.clear(TimerKey::Cti(CtiTimer::Switchover(switch)));
        if cx.config.cti.is_router(switch) {
            return;
        }
        self.links[link.index()].rows.stale();
        cx.note(Note::SwitchUp { switch, link });
        cx.fact(Fact::SwitchUp { switch });
        self.pump(cx, link);
    }

    fn deactivate(&mut self, cx: &mut Cx<'_>, switch: SwitchId, link: CtiLinkId) {
        if self.switches[switch.index()].active != Some(link) {
            return;
        }
        self.retire(cx, switch);
        let other = self.links_of(switch).find(|other| *other != link && self.links[other.index()].role().is_some_and(takes_requests));
        if let Some(other) = other {
            self.activate(cx, switch, other);
        }
    }

    pub(super) fn on_switchover_timer(&mut self, cx: &mut Cx<'_>, switch: SwitchId) {
        if self.switches.get(switch.index()).is_some_and(|it| it.active.is_none()) {
            cx.note(Note::SwitchDown { switch });
        }
    }

    /// The connection failed or is gone.
    pub(super) fn on_closed(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, why: CloseCause) {
        if self.links[link.index()].phase == Phase::Down || self.closing {
            return;
        }
        let was_up = matches!(self.links[link.index()].phase, Phase::Up { .. });
        if was_up && cx.now.mono.since(self.links[link.index()].opened_at) >= cx.config.cti.timers.backoff_max_ms {
            self.links[link.index()].failures = 0;
        }
        self.counters.links_lost += u64::from(was_up);
        let switch = self.links[link.index()].switch;
        self.links[link.index()].forget(cx, link);
        self.deactivate(cx, switch, link);
        self.routers.on_lost(cx, switch, link);
        let retry_ms = self.schedule(cx, switch, link, was_up);
        cx.note(Note::CtiClosed { link, why, retry_ms });
    }

    /// We close it ourselves and go on as if it had failed.
    pub(super) fn give_up(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, why: CloseCause) {
        if self.links[link.index()].phase == Phase::Down {
            return;
        }
        cx.act(Action::CloseCti { link });
        self.on_closed(cx, link, why);
    }

    /// When the next attempt is made, and at which server: the same at once after a session that worked, then (warm) the others in turn, then a pause.
    fn schedule(&mut self, cx: &mut Cx<'_>, switch: SwitchId, link: CtiLinkId, was_up: bool) -> u64 {
        let timers = &cx.config.cti.timers;
        let it = &mut self.switches[switch.index()];
        let failures = &mut self.links[link.index()].failures;
        let mut next = link;
        let pause = |failures: u32| timers.backoff_min_ms.saturating_mul(1 << failures.min(16)).min(timers.backoff_max_ms);
        let wait = if was_up && *failures == 0 {
            *failures = 1;
            0
        } else if it.redundancy == Redundancy::Hot || it.count == 1 {
            *failures += 1;
            pause(failures.saturating_sub(2))
        } else {
            *failures += 1;
            let rounds = failures.saturating_sub(2);
            it.turn = (link.0 - it.first.0 + 1) % it.count;
            next = CtiLinkId(it.first.0 + it.turn);
            if it.turn == 0 { pause(rounds) } else { 0 }
        };
        let wait = cx.entropy.jitter(wait, timers.jitter_percent);
        cx.set(TimerKey::Cti(CtiTimer::Link(next)), cx.now.mono + wait);
        wait
    }

    /// Connecting took too long, the server stayed backup (warm), or the pause is over.
    pub(super) fn on_link_timer(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        match it.phase {
            Phase::Down => it.connect(cx, link),
            Phase::Connecting | Phase::Hello | Phase::Opening | Phase::Up { .. } => self.give_up(cx, link, CloseCause::TimedOut),
        }
    }

    /// Nothing was sent by the bridge for a while: ask, then give up (`spec/bridge.md` 3).
    pub(super) fn on_silence(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        let silent = cx.now.mono.since(it.last_rx);
        if silent >= 2 * it.ping_ms {
            self.give_up(cx, link, CloseCause::TimedOut);
            return;
        }
        let next = if silent >= it.ping_ms {
            it.pings = it.pings.wrapping_add(1);
            cx.act(Action::SendCti { link, msg: CtiOut::Ping { n: it.pings } });
            it.last_rx + 2 * it.ping_ms
        } else {
            it.last_rx + it.ping_ms
        };
        cx.set(TimerKey::Cti(CtiTimer::Silence(link)), next);
    }
}
