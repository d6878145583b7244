//! What the reconciler does when time has passed: subscriptions lost for too long, requests to repeat, the edges of time windows.
//!
//! One queue or set per purpose and one deadline each; the deadline is that of the first entry.
use super::PresenceTimer;
use super::conditions::next_edge_ms;
use super::reconcile::{EDGE, GRACE, Presence, RETRY};
use super::slots::Hold;
use crate::action::CtiReq;
use crate::cx::Cx;
use crate::id::{DnId, UserId};
use crate::note::Note;
use crate::time::At;

impl Presence {
    pub(super) fn on_lost(&mut self, cx: &mut Cx<'_>, users: &[UserId]) {
        if !cx.config.mode.has_uc() {
            return; // there is nothing to lose
        }
        for user in users {
            let Some(slot) = self.users.get_mut(user.index()) else { continue };
            if slot.lost_at.is_none() {
                slot.lost_at = Some(cx.now.mono.into());
                if !slot.in_grace {
                    slot.in_grace = true;
                    self.grace.push_back((cx.now.mono, *user));
                }
            }
        }
        if let Some((at, _)) = self.grace.front() {
            cx.deadlines.set_earlier(GRACE, *at + cx.config.presence.grace_ms);
        }
    }

    pub(super) fn on_regained(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(slot) = self.users.get_mut(user.index()) else { return };
        slot.lost_at = None;
        if core::mem::take(&mut slot.stale) {
            self.touch(cx, user, false);
        }
    }

    /// The worker's word came another way while the subscription is lost: it counts, and grows old from now on.
    pub(super) fn heard_aside(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(slot) = self.users.get_mut(user.index()).filter(|slot| slot.lost_at.is_some()) else { return };
        slot.stale = false;
        slot.lost_at = None;
        self.on_lost(cx, &[user]);
    }

    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, timer: PresenceTimer) {
        match timer {
            PresenceTimer::Grace => self.on_grace(cx),
            PresenceTimer::Retry => self.on_retry(cx),
            PresenceTimer::Override => self.on_over_timer(cx),
            PresenceTimer::Silence => self.on_silent_timer(cx),
            PresenceTimer::Edge => self.on_edge(cx),
        }
    }

    /// Time of day or a calendar may say something else now: everybody is looked at, nothing is sent where nothing changed.
    pub(super) fn on_edge(&mut self, cx: &mut Cx<'_>) {
        for user in cx.directory.users() {
            self.touch(cx, user, false);
        }
        self.arm_edge(cx);
    }

    pub(super) fn arm_edge(&self, cx: &mut Cx<'_>) {
        match next_edge_ms(&cx.config.presence, cx.now.unix_ms) {
            Some(ms) => cx.set(EDGE, cx.now.mono + ms),
            None => cx.clear(EDGE),
        }
    }

    pub(super) fn on_grace(&mut self, cx: &mut Cx<'_>) {
        let grace = cx.config.presence.grace_ms;
        while let Some(&(at, user)) = self.grace.front() {
            if at + grace > cx.now.mono {
                cx.set(GRACE, at + grace);
                return;
            }
            self.grace.pop_front();
            let Some(slot) = self.users.get_mut(user.index()) else { continue };
            match slot.lost_at.map(At::mono) {
                // Lost again in the meantime: its time runs from then.
                Some(lost) if lost > at => self.grace.push_back((lost, user)),
                Some(_) => {
                    slot.in_grace = false;
                    slot.stale = true;
                    if slot.heard {
                        cx.note(Note::PresenceStale { user });
                    }
                    self.touch(cx, user, false);
                }
                None => slot.in_grace = false,
            }
        }
    }

    pub(super) fn on_retry(&mut self, cx: &mut Cx<'_>) {
        while let Some(&(at, dn)) = self.retries.first() {
            if at > cx.now.mono {
                cx.set(RETRY, at);
                return;
            }
            self.retries.pop_first();
            let slot = &mut self.dns[dn.index()];
            slot.retry_at = None;
            if slot.hold == Hold::OutOfService {
                slot.hold = Hold::None; // event 148 may have been lost with a connection
                self.mark(cx, dn);
            }
            self.counters.repeats += 1;
            self.enqueue(cx.directory.switch_of(dn), dn);
        }
    }

    pub(super) fn retry_after(&mut self, cx: &mut Cx<'_>, dn: DnId, ms: u64) {
        let at = cx.now.mono + ms;
        if let Some(old) = self.dns[dn.index()].retry_at.replace(at.into()) {
            self.retries.remove(&(old.mono(), dn));
        }
        self.retries.insert((at, dn));
        cx.deadlines.set_earlier(RETRY, at);
    }

    /// Tries again after a pause that doubles with every failure.
    pub(super) fn back_off(&mut self, cx: &mut Cx<'_>, dn: DnId, req: CtiReq) {
        let slot = &mut self.dns[dn.index()];
        slot.failures = slot.failures.saturating_add(1);
        let timers = &cx.config.cti.timers;
        let first = if req == CtiReq::AgentLogin { timers.relogin_ms } else { timers.retry_min_ms };
        let pause = first.saturating_mul(1 << u32::from(slot.failures.min(16) - 1)).min(timers.retry_max_ms);
        let pause = cx.entropy.jitter(pause, timers.jitter_percent);
        self.retry_after(cx, dn, pause);
    }
}
