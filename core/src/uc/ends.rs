//! Ends of subscriptions, of whole watchers' and of single users', and when they are made anew (`spec/ms-pres.md` 1.11, 4.7).
use super::dialog::{Dialog, Target};
use super::link::doubled;
use super::table::{NO_DIALOG, Place};
use super::{UcSide, UcTimer, key};
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{DialogId, UcLinkId, UserId, WatcherId};
use crate::uc_event::TerminationReason;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

impl UcSide {
    /// NOTIFY `terminated`, or an answer that ends the subscription.
    pub(super) fn on_terminated(&mut self, cx: &mut Cx<'_>, id: DialogId, reason: TerminationReason, retry_after_s: Option<u32>) {
        let timers = &cx.config.uc.timers;
        let Some(dialog) = self.dialogs.get(&id) else { return };
        if let Target::Calls { user, .. } = dialog.target {
            return self.on_calls_terminated(cx, id, user, reason, retry_after_s);
        }
        let single = matches!(dialog.target, Target::Single { .. });
        let asked = retry_after_s.map(|s| (u64::from(s) * 1000).min(timers.retry_after_max_ms));
        let delay = match reason {
            TerminationReason::Probation => asked.unwrap_or(timers.retry_ms),
            TerminationReason::Invariant => timers.resource_retry_ms,
            TerminationReason::Rejected | TerminationReason::NoResource if single => timers.resource_retry_ms,
            TerminationReason::Giveup | TerminationReason::Rejected | TerminationReason::NoResource => asked.unwrap_or(timers.denied_retry_ms),
            TerminationReason::None | TerminationReason::Other if asked.is_some() => asked.unwrap_or_default(),
            _ => cx.entropy.below(timers.resubscribe_jitter_ms + 1),
        };
        let delay = delay.max(self.young_pause(cx, id));
        self.end_dialog(cx, id, delay);
    }

    /// Subscribes anew at once, unless dialogs keep dying young.
    pub(super) fn end_dialog_soon(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let delay = self.young_pause(cx, id);
        self.end_dialog(cx, id, delay);
    }

    fn young_pause(&mut self, cx: &Cx<'_>, id: DialogId) -> u64 {
        let timers = &cx.config.uc.timers;
        let Some(dialog) = self.dialogs.get(&id) else { return 0 };
        if let (Target::Single { user, .. }, true) = (&dialog.target, self.flavour.is_simple()) {
            let user = *user;
            return self.young_single(cx, id, user);
        }
        let watcher = &mut self.watchers[dialog.watcher.index()];
        if dialog.is_proved(cx.now.mono, timers.refresh_min_ms) {
            watcher.quick_ends = 0;
        } else {
            watcher.quick_ends = watcher.quick_ends.saturating_add(1);
        }
        match watcher.quick_ends {
            0 | 1 => 0,
            n => doubled(timers.backoff_min_ms, u32::from(n) - 2, timers.retry_max_ms),
        }
    }

    /// Forgets a dialog; its users are subscribed again after `delay` milliseconds.
    pub(super) fn end_dialog(&mut self, cx: &mut Cx<'_>, id: DialogId, delay: u64) {
        let Some(dialog) = self.dialogs.get(&id) else { return };
        if let Target::Calls { user, .. } = dialog.target {
            return self.end_calls(cx, id, user, delay);
        }
        let (watcher, home) = (dialog.watcher, dialog.target == Target::Home);
        let users = self.users_of(id);
        self.remove_dialog(cx, id);
        if !home && delay > 0 {
            return self.postpone(cx, id, &users, delay);
        }
        let mut lost = Vec::new();
        for user in &users {
            let slot = self.table.at(*user);
            if slot.counts_as_covered() {
                lost.push(*user);
            }
            slot.leave(Place::Waiting);
            self.watchers[watcher.index()].home.queue.push_back(*user);
        }
        self.report_lost(cx, lost);
        if delay > 0 && !users.is_empty() {
            self.hold(cx, watcher, delay);
        }
        let link = self.watchers[watcher.index()].link;
        self.pump(cx, link);
    }

    pub(super) fn remove_dialog(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        self.take_dialog(cx, id);
    }

    /// Takes a dialog out of everything that refers to it.
    pub(super) fn take_dialog(&mut self, cx: &mut Cx<'_>, id: DialogId) -> Option<Box<Dialog>> {
        cx.clear(key(UcTimer::Refresh(id)));
        self.heard_in(cx, id);
        let dialog = self.dialogs.remove(&id)?;
        let watcher = &mut self.watchers[dialog.watcher.index()];
        match &dialog.target {
            Target::Home => watcher.home.dialog = watcher.home.dialog.filter(|d| *d != id),
            Target::Pool(pool) => {
                if let Some(lane) = watcher.pools.get_mut(pool) {
                    lane.dialog = lane.dialog.filter(|d| *d != id);
                }
            }
            Target::Single { .. } | Target::Calls { .. } => {}
        }
        Some(dialog)
    }

    /// Everybody in a dialog.
    pub(super) fn users_of(&self, id: DialogId) -> Vec<UserId> {
        let Some(dialog) = self.dialogs.get(&id) else { return Vec::new() };
        let is_in = |user: &UserId| self.table.get(*user).is_some_and(|s| s.is_in(id));
        match dialog.target {
            Target::Single { user, .. } => [user].into_iter().filter(is_in).collect(),
            Target::Calls { .. } => Vec::new(),
            _ => self.watchers[dialog.watcher.index()].members.iter().copied().filter(is_in).collect(),
        }
    }

    /// Puts all users of a watcher back into its home lane and forgets its dialogs.
    pub(super) fn release_watcher(&mut self, cx: &mut Cx<'_>, id: WatcherId, lost: &mut Vec<UserId>) {
        let watcher = &mut self.watchers[id.index()];
        watcher.reset_lanes();
        cx.clear(key(UcTimer::Hold(id)));
        let mut queue = VecDeque::new();
        for user in &watcher.members {
            let slot = self.table.at(*user);
            if slot.counts_as_covered() {
                lost.push(*user);
            }
            if slot.place != Place::Denied {
                slot.leave(Place::Waiting);
                queue.push_back(*user);
            }
        }
        watcher.home.queue = queue;
        self.dialogs.retain(|dialog, it| {
            if it.watcher == id {
                cx.clear(key(UcTimer::Refresh(*dialog)));
                if let Some(at) = it.notify_by {
                    self.waits.remove(&(at, *dialog));
                }
            }
            it.watcher != id
        });
        self.arm_silence_of_dialogs(cx);
    }

    pub(super) fn report_lost(&self, cx: &mut Cx<'_>, lost: Vec<UserId>) {
        if !lost.is_empty() {
            cx.fact(Fact::CoverageLost { users: lost.into_boxed_slice() });
        }
    }

    /// No new subscription of this watcher for `delay` milliseconds.
    pub(super) fn hold(&mut self, cx: &mut Cx<'_>, id: WatcherId, delay: u64) {
        let watcher = &mut self.watchers[id.index()];
        let until = cx.now.mono + delay;
        if delay > 0 && watcher.hold_until.is_none_or(|old| old < until) {
            watcher.hold_until = Some(until);
            cx.set(key(UcTimer::Hold(id)), until);
        }
    }

    pub(super) fn release_hold(&mut self, cx: &mut Cx<'_>, id: WatcherId) {
        self.watchers[id.index()].hold_until = None;
        cx.clear(key(UcTimer::Hold(id)));
    }

    pub(super) fn on_hold_over(&mut self, cx: &mut Cx<'_>, id: WatcherId) {
        let Some(watcher) = self.watchers.get_mut(id.index()) else { return };
        watcher.hold_until = None;
        watcher.impaired = false;
        let link = watcher.link;
        self.pump(cx, link);
    }

    /// Takes users out of a dialog and tries them again after a while.
    pub(super) fn postpone(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId], delay: u64) {
        let mut lost = Vec::new();
        for user in users {
            let Some(slot) = self.table.get_mut(*user).filter(|s| s.dialog == id && id != NO_DIALOG) else { continue };
            if slot.counts_as_covered() {
                lost.push(*user);
            }
            slot.leave(Place::Denied);
            slot.tries = slot.tries.saturating_add(1);
            slot.moves = 0;
            if !self.draining {
                self.retries.insert((cx.now.mono + delay, *user));
            }
        }
        self.arm_retry(cx);
        self.report_lost(cx, lost);
    }

    fn arm_retry(&self, cx: &mut Cx<'_>) {
        match self.retries.first() {
            Some((at, _)) => cx.set(key(UcTimer::Retry), *at),
            None => cx.clear(key(UcTimer::Retry)),
        }
    }

    pub(super) fn on_retry_timer(&mut self, cx: &mut Cx<'_>) {
        while let Some((at, user)) = self.retries.first().copied()
            && at <= cx.now.mono
        {
            self.retries.pop_first();
            if let Some(slot) = self.table.get_mut(user).filter(|s| s.place == Place::Denied) {
                slot.leave(Place::Waiting);
                self.watchers[slot.watcher.index()].home.queue.push_back(user);
            }
        }
        self.arm_retry(cx);
        self.pump_all(cx);
    }

    pub(super) fn pump_all(&mut self, cx: &mut Cx<'_>) {
        for link in 0..self.links.len() {
            self.pump(cx, UcLinkId(link as u16));
        }
    }
}
