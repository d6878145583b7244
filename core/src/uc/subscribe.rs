//! Answers to SUBSCRIBE, refresh and expiry, ends of dialogs and what follows (`spec/ms-pres.md` 4.3, 4.7).
use super::dialog::Target;
use super::register::{LONGER_MAX, is_busy, refusal_delay};
use super::simple::{Flavour, ends_usage};
use super::table::{Aim, Place};
use super::{UcSide, UcTimer, key};
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{DialogId, UserId, WatcherId};
use crate::note::Note;
use crate::uc_event::{Body, Response, SubState, TerminationReason};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a 2xx without Expires grants: it must have one (RFC 6665 §3.1.1), so be careful.
const EXPIRES_DEFAULT_S: u32 = 3600;

const fn is_success(status: u16) -> bool {
    200 <= status && status < 300
}

/// The peer no longer knows the dialog (RFC 6665 §4.1.2.2; 430 of MS-SIPRE, whose recovery we do not do, `spec/ms-pres.md` 1.10).
const fn dialog_is_gone(status: u16) -> bool {
    matches!(status, 430 | 481)
}

impl UcSide {
    /// The answer to a SUBSCRIBE that created the dialog or added users.
    pub(super) fn on_subscribe_answer(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId], r: &Response<'_>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        dialog.busy = false;
        if is_success(r.status) {
            self.on_subscribed(cx, id, users, r);
        } else {
            self.on_subscribe_refused(cx, id, users, r);
        }
        self.mark_due(id);
    }

    fn on_subscribed(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId], r: &Response<'_>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let watcher = dialog.watcher;
        let first = !dialog.live;
        dialog.left.clear();
        dialog.absorb(r);
        let Some(expires_s) = self.granted(cx, id, r) else { return };
        if first {
            self.await_notify(cx, id, r);
        }
        // Not a line for each of thousands of dialogs.
        if self.flavour != Flavour::Single {
            cx.note(Note::Subscribed { watcher, users: users.len() as u32, expires_s });
        }
        let listed = self.piggyback(cx, id, r, false);
        // Only now: whom the body sends elsewhere never was covered.
        let place = if r.state == SubState::Pending { Place::Pending } else { Place::Live };
        for user in users {
            if let Some(slot) = self.table.get_mut(*user).filter(|s| s.dialog == id && s.place == Place::Asked) {
                slot.place = if slot.heard { Place::Live } else { place };
            }
        }
        if listed {
            self.settle_unheard(cx, id, users);
        } else if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.unheard += users.len() as u32;
        }
        self.answer_body_faults(cx, id, r);
    }

    /// Takes the granted time from a 2xx; `None` when it ends the subscription.
    fn granted(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) -> Option<u32> {
        let expires_s = r.expires_s.or(r.state_expires_s).unwrap_or(EXPIRES_DEFAULT_S);
        if r.state == SubState::Terminated || expires_s == 0 {
            self.on_terminated(cx, id, TerminationReason::None, None);
            return None;
        }
        let dialog = self.dialogs.get_mut(&id)?;
        // What a notification said meanwhile, where it is less.
        let told_ms = dialog.told_until.take().map_or(u64::MAX, |until| until.since(cx.now.mono));
        let expires_s = if told_ms.saturating_add(1000) < u64::from(expires_s) * 1000 { (told_ms / 1000).max(1) as u32 } else { expires_s };
        self.watchers[dialog.watcher.index()].refusals = 0;
        dialog.refreshed = cx.now.mono;
        // The server takes requests (again): un-subscriptions it refused are due.
        dialog.leaving.append(&mut dialog.refused);
        self.schedule_refresh(cx, id, expires_s);
        Some(expires_s)
    }

    /// Processes the body of a 2xx; `false` when it said nothing about users.
    fn piggyback(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>, refresh: bool) -> bool {
        // A standard server notifies, it says nothing in answers.
        let Some(dialog) = self.dialogs.get_mut(&id).filter(|_| !self.flavour.is_simple()) else { return false };
        // A notification with a higher number came first: what the body says may be older (`spec/ms-pres.md` 4.3).
        let overtaken = match (r.piggyback_cseq, dialog.remote_cseq) {
            (Some(body), Some(last)) => last >= body,
            _ => false,
        };
        if let (Some(body), false) = (r.piggyback_cseq, overtaken) {
            dialog.remote_cseq = Some(body);
        }
        self.take_body(cx, id, &r.body, refresh && !overtaken)
    }

    fn answer_body_faults(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) {
        if let Some(link) = self.dialogs.get(&id).map(|d| self.watchers[d.watcher.index()].link) {
            self.note_body(cx, link, &r.body);
        }
    }

    /// Users of a list notification that it did not mention: the server has nothing new about them.
    fn settle_unheard(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId]) {
        let mut regained = Vec::new();
        for user in users {
            if let Some(slot) = self.table.get_mut(*user)
                && slot.dialog == id
                && slot.place == Place::Live
                && !slot.heard
                && !slot.told
            {
                slot.told = true;
                regained.push(*user);
            }
        }
        if !regained.is_empty() {
            cx.fact(Fact::CoverageRegained { users: regained.into_boxed_slice() });
        }
    }

    /// The same for everybody in the dialog, if somebody is still unsettled.
    pub(super) fn settle_dialog(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let Some(dialog) = self.dialogs.get_mut(&id).filter(|d| d.unheard > 0) else { return };
        dialog.unheard = 0;
        let users = self.users_of(id);
        self.settle_unheard(cx, id, &users);
    }

    fn on_subscribe_refused(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId], r: &Response<'_>) {
        if self.flavour.is_simple() && self.on_simple_refused(cx, id, r) {
            return;
        }
        let Some(dialog) = self.dialogs.get(&id) else { return };
        let (watcher, live) = (dialog.watcher, dialog.live);
        let single = matches!(dialog.target, Target::Single { .. });
        if dialog_is_gone(r.status) {
            return self.end_dialog_soon(cx, id);
        }
        self.note_refusal(cx, watcher, "SUBSCRIBE", r);
        if single || (r.status == 400 && users.len() == 1) {
            self.deny(cx, id, users, r);
        } else if r.status == 400 {
            self.isolate(cx, id, users);
        } else if self.longer(watcher, r) {
            self.requeue(cx, id, users);
        } else {
            let it = &mut self.watchers[watcher.index()];
            let delay = refusal_delay(cx, r, it.refusals);
            it.refusals = it.refusals.saturating_add(1);
            if matches!(dialog_target(self, id), Some(Target::Pool(_))) {
                self.postpone(cx, id, users, delay);
            } else {
                self.requeue(cx, id, users);
                self.hold(cx, watcher, delay);
            }
        }
        if !live {
            return self.end_dialog(cx, id, 0);
        }
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let left = core::mem::take(&mut dialog.left);
        self.leave_later(cx, id, left, r);
    }

    /// 423: asks for the longer time from now on; `false` when that was asked for already, or when the minimum keeps growing.
    pub(super) fn longer(&mut self, watcher: WatcherId, r: &Response<'_>) -> bool {
        let it = &mut self.watchers[watcher.index()];
        match (r.status, r.min_expires_s) {
            (423, Some(min)) if it.expires_s.is_none_or(|asked| asked < min) => {
                it.expires_s = Some(min);
                it.refusals = it.refusals.saturating_add(1);
                it.refusals <= LONGER_MAX
            }
            _ => false,
        }
    }

    /// A user that nobody but an administrator can make watchable, or whose server is busy.
    fn deny(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId], r: &Response<'_>) {
        for user in users {
            let tries = self.table.at(*user).tries;
            let delay = match r.status {
                status if is_busy(status) => refusal_delay(cx, r, tries),
                _ => cx.config.uc.timers.resource_retry_ms,
            };
            let reason = match r.status {
                403 | 603 => TerminationReason::Rejected,
                404 | 604 => TerminationReason::NoResource,
                _ => TerminationReason::Other,
            };
            cx.note(Note::ResourceLost { user: *user, reason });
            self.postpone(cx, id, &[*user], delay);
        }
    }

    /// 400 on a batch: halves find the URI the server does not like (`spec/ms-pres.md` 8, row 27).
    fn isolate(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId]) {
        let still: Vec<UserId> = users.iter().copied().filter(|u| self.table.get(*u).is_some_and(|s| s.dialog == id)).collect();
        let mut lost = Vec::new();
        self.set_waiting(id, &still, &mut lost);
        let (front, back) = still.split_at(still.len() / 2);
        if let Some(lane) = self.lane_of(id) {
            for half in [back, front] {
                if !half.is_empty() {
                    lane.isolate.push_front(half.into());
                }
            }
        }
        self.report_lost(cx, lost);
    }

    /// Puts users back to the front of their lane.
    fn requeue(&mut self, cx: &mut Cx<'_>, id: DialogId, users: &[UserId]) {
        let mut lost = Vec::new();
        self.set_waiting(id, users, &mut lost);
        if let Some(lane) = self.lane_of(id) {
            for user in users.iter().rev() {
                lane.queue.push_front(*user);
            }
        }
        self.report_lost(cx, lost);
    }

    fn set_waiting(&mut self, id: DialogId, users: &[UserId], lost: &mut Vec<UserId>) {
        for user in users {
            if let Some(slot) = self.table.get_mut(*user).filter(|s| s.is_in(id)) {
                if slot.counts_as_covered() {
                    lost.push(*user);
                }
                let aim = slot.aim;
                slot.leave(Place::Waiting);
                slot.aim = aim;
            }
        }
    }

    fn lane_of(&mut self, id: DialogId) -> Option<&mut super::watcher::Lane> {
        let dialog = self.dialogs.get(&id)?;
        let watcher = &mut self.watchers[dialog.watcher.index()];
        match &dialog.target {
            Target::Home => Some(&mut watcher.home),
            Target::Pool(pool) => watcher.pools.get_mut(pool),
            Target::Single { .. } | Target::Calls { .. } => None,
        }
    }

    /// The answer to a refresh.
    pub(super) fn on_refresh_answer(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        dialog.busy = false;
        let watcher = dialog.watcher;
        if is_success(r.status) {
            dialog.absorb(r);
            if self.granted(cx, id, r).is_none() {
                return;
            }
            self.settle_tries(id);
            // Whoever is not in the answer stands as before.
            self.piggyback(cx, id, r, true);
            self.settle_dialog(cx, id);
            self.answer_body_faults(cx, id, r);
        } else if dialog_is_gone(r.status) {
            self.doubt_publications(&self.users_of(id));
            return self.end_dialog_soon(cx, id);
        } else if self.flavour.is_simple() && ends_usage(r.status) && self.on_simple_refused(cx, id, r) {
            return;
        } else if self.longer(watcher, r) {
            if let Some(dialog) = self.dialogs.get_mut(&id) {
                dialog.refresh_due = true;
            }
        } else {
            self.note_refusal(cx, watcher, "SUBSCRIBE", r);
            let delay = refusal_delay(cx, r, 0).max(1000);
            if let Some(dialog) = self.dialogs.get(&id) {
                cx.set(key(UcTimer::Refresh(id)), (cx.now.mono + delay).min(dialog.expires_at));
            }
        }
        self.mark_due(id);
    }

    /// A subscription that lived to its refresh has proved itself.
    fn settle_tries(&mut self, id: DialogId) {
        if self.dialogs.get(&id).is_some_and(|dialog| dialog.notify_by.is_some()) {
            return;
        }
        for user in self.users_of(id) {
            let slot = self.table.at(user);
            (slot.tries, slot.moves) = (0, 0);
        }
    }

    /// The answer to an un-subscription.
    pub(super) fn on_leave_answer(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        dialog.busy = false;
        let left = core::mem::take(&mut dialog.left);
        if dialog_is_gone(r.status) {
            return self.end_dialog_soon(cx, id);
        }
        if !is_success(r.status) {
            let watcher = dialog.watcher;
            self.note_refusal(cx, watcher, "SUBSCRIBE", r);
            self.leave_later(cx, id, left, r);
            // A refresh may have become due in the meantime.
            return self.mark_due(id);
        }
        if r.state == SubState::Terminated {
            return self.on_terminated(cx, id, TerminationReason::None, None);
        }
        if !matches!(r.body, Body::None) {
            self.piggyback(cx, id, r, false);
        }
        self.mark_due(id);
    }

    /// The answer to the end of a dialog. A server that is busy still has it, and is asked again: it may have been granted for hours.
    pub(super) fn on_end_answer(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) {
        if is_success(r.status) && self.flavour.is_simple() {
            return self.await_goodbye(cx, id);
        }
        let busy = is_busy(r.status) && !self.draining && !self.flavour.is_simple();
        let Some(dialog) = self.dialogs.get_mut(&id).filter(|dialog| busy && cx.now.mono < dialog.expires_at) else { return self.remove_dialog(cx, id) };
        dialog.busy = false;
        let at = cx.now.mono + refusal_delay(cx, r, 0).max(1000);
        cx.deadlines.set_earlier(key(UcTimer::Refresh(id)), at.min(dialog.expires_at));
    }

    /// An un-subscription was refused, or what would have made it unnecessary: with the next refresh it is tried again, but for users that are back in this dialog.
    fn leave_later(&mut self, cx: &mut Cx<'_>, id: DialogId, mut left: Vec<Box<str>>, r: &Response<'_>) {
        left.retain(|uri| !self.is_back(cx, id, uri));
        if left.is_empty() {
            return;
        }
        let delay = refusal_delay(cx, r, 0).max(1000);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let at = (cx.now.mono + delay).min(dialog.expires_at);
        dialog.refused.append(&mut left);
        cx.deadlines.set_earlier(key(UcTimer::Refresh(id)), at);
    }

    /// Whether the user of this URI is in the dialog (again).
    pub(super) fn is_back(&self, cx: &Cx<'_>, id: DialogId, uri: &str) -> bool {
        cx.directory.user_by_uri(uri).and_then(|user| self.table.get(user)).is_some_and(|slot| slot.is_in(id))
    }

    /// Sets the refresh timer: `refresh_lead_ms` before the end, or at half time, a little early at random, never more often than `refresh_min_ms`.
    pub(super) fn schedule_refresh(&mut self, cx: &mut Cx<'_>, id: DialogId, expires_s: u32) {
        let timers = &cx.config.uc.timers;
        let now = cx.now.mono;
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let granted = u64::from(expires_s) * 1000;
        let lead = if granted > 2 * timers.refresh_lead_ms { timers.refresh_lead_ms } else { granted / 2 };
        let early = cx.entropy.below(lead * timers.jitter_percent / 100 + 1);
        let at = (now + (granted - lead).saturating_sub(early)).max(dialog.refreshed + timers.refresh_min_ms);
        dialog.granted_until = now + granted;
        dialog.expires_at = dialog.granted_until.max(at + timers.transaction_timeout_ms);
        if dialog.refused.is_empty() {
            cx.set(key(UcTimer::Refresh(id)), at);
        } else {
            // A notification told less; the un-subscriptions do not wait longer for that.
            cx.deadlines.set_earlier(key(UcTimer::Refresh(id)), at);
        }
    }

    pub(super) fn on_refresh_timer(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        if cx.now.mono >= dialog.expires_at {
            return self.end_dialog_soon(cx, id);
        }
        dialog.refresh_due = true;
        dialog.leaving.append(&mut dialog.refused);
        let link = self.watchers[dialog.watcher.index()].link;
        cx.set(key(UcTimer::Refresh(id)), dialog.expires_at);
        self.mark_due(id);
        self.pump(cx, link);
    }

    /// Sends a user where the server said: to another pool, or alone.
    pub(super) fn reroute(&mut self, user: UserId, pool: Option<&str>) {
        let Some(slot) = self.table.get_mut(user) else { return };
        let watcher = slot.watcher;
        slot.moves = slot.moves.saturating_add(1);
        slot.leave(Place::Waiting);
        let it = &mut self.watchers[watcher.index()];
        // Bounded: pools are named by peers.
        match pool.filter(|name| name.len() <= POOL_NAME_MAX && (it.pools.len() < POOLS_MAX || it.pools.contains_key(&*pool_uri(name)))) {
            Some(name) => {
                slot.aim = Aim::Pool;
                it.pools.entry(pool_uri(name)).or_default().queue.push_back(user);
            }
            None => {
                slot.aim = Aim::Single;
                it.singles.push_back(user);
            }
        }
    }
}

/// Pools of one deployment that one watcher follows.
const POOLS_MAX: usize = 64;
/// Bytes.
const POOL_NAME_MAX: usize = 512;

/// Request-URI of a pool (`spec/ms-pres.md` 4.4).
fn pool_uri(name: &str) -> Box<str> {
    if name.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sip:")) { name.into() } else { alloc::format!("sip:{name}").into_boxed_str() }
}

fn dialog_target(side: &UcSide, id: DialogId) -> Option<&Target> {
    side.dialogs.get(&id).map(|d| &d.target)
}
