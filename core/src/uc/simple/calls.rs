//! Calls as a source of "on the phone" (RFC 4235; `spec/ms-pres.md` 9.5): one more subscription per worker, and what it does to the worker's presence.
//!
//! While a call counts, an open or unknown presence becomes busy on the phone; do-not-disturb and offline stay. What presence said meanwhile is remembered and told
//! when the call is over.
use super::super::dialog::Target;
use super::super::link::doubled;
use super::super::register::{is_busy, refusal_delay};
use super::super::request::Job;
use super::super::table::Place;
use super::super::transact::Ask;
use super::super::{UcSide, UcTimer, key};
use super::notify::unknown;
use crate::config::CallRule;
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{DialogId, UserId, WatcherId};
use crate::presence::{Activity, NoteChange, PresenceUpdate, StateChange};
use crate::time::Mono;
use crate::uc_event::{Body, CallState, DialogInfo, PublishTime, Response, TerminationReason};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

/// Calls of one worker that are told apart.
const CALLS_MAX: usize = 64;
/// What a call makes of presence.
const ON_THE_PHONE: u32 = 6_500;

/// What is known of workers' calls. Empty while calls are not subscribed to.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct Calls {
    of: BTreeMap<UserId, CallsOf>,
    /// When a subscription is tried again.
    retries: BTreeSet<(Mono, UserId)>,
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct CallsOf {
    /// Subscribed or being so.
    dialog: Option<DialogId>,
    /// Ids of calls that count.
    active: BTreeSet<Box<str>>,
    /// Of the last document.
    version: Option<u32>,
    /// What presence says without the calls.
    base: Option<StateChange>,
    /// Failures in a row.
    tries: u8,
}

/// What a document about calls is worth.
enum News {
    Taken,
    /// Older than what is known, or the same: not read.
    Old,
    /// Changes before it are missing.
    Gap,
}

impl UcSide {
    /// Calls are subscribed to from now on, after everything else.
    pub(in super::super) fn watch_calls(&mut self, cx: &Cx<'_>, id: WatcherId) {
        if !cx.config.uc.kind.simple().is_some_and(|simple| simple.calls != CallRule::Off) {
            return;
        }
        let watcher = &mut self.watchers[id.index()];
        watcher.calls.clear();
        watcher.calls.extend(watcher.members.iter().copied());
    }

    /// The next worker whose calls are to be subscribed to.
    pub(in super::super) fn next_calls(&mut self, id: WatcherId) -> Option<UserId> {
        let watcher = &mut self.watchers[id.index()];
        while let Some(user) = watcher.calls.front().copied() {
            let watched = self.table.get(user).is_some_and(|s| s.watcher == id && s.place != Place::Unwatched);
            if watched && self.calls.of.get(&user).is_none_or(|it| it.dialog.is_none()) {
                return Some(user);
            }
            watcher.calls.pop_front();
        }
        None
    }

    pub(in super::super) fn send_calls(&mut self, cx: &mut Cx<'_>, id: WatcherId) {
        let Some(user) = self.watchers[id.index()].calls.pop_front() else { return };
        let uri = cx.directory.uri(user).into();
        let dialog = self.open_dialog(cx, id, Target::Calls { user, uri });
        self.calls.of.entry(user).or_default().dialog = Some(dialog);
        self.tally.subscriptions += 1;
        self.send_in_dialog(cx, dialog, Job::Add(Box::default()), Ask::Subscribe(dialog, Box::default()));
    }

    /// A document about calls, or none, which says that there are no calls.
    pub(super) fn take_calls(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, body: &Body<'_>) {
        let Some(rule) = cx.config.uc.kind.simple().map(|simple| simple.calls) else { return };
        let Some(it) = self.calls.of.get_mut(&user).filter(|it| it.dialog == Some(id)) else { return };
        let before = !it.active.is_empty();
        match body {
            Body::None => (it.active, it.version) = (BTreeSet::new(), None),
            Body::Calls(info) => {
                match it.apply(info, rule) {
                    News::Taken => {}
                    News::Old => return,
                    News::Gap => {
                        // The answer to a refresh is the full state (RFC 4235 §3.2).
                        if let Some(dialog) = self.dialogs.get_mut(&id) {
                            dialog.refresh_due = true;
                        }
                        return self.mark_due(id);
                    }
                }
            }
            _ => return,
        }
        it.tries = 0;
        if before == it.active.is_empty() {
            self.tell_calls(cx, user);
        }
    }

    /// A change between a call and none, as a change of presence.
    fn tell_calls(&self, cx: &mut Cx<'_>, user: UserId) {
        let base = self.calls.of.get(&user).and_then(|it| it.base).unwrap_or_else(unknown);
        let update = PresenceUpdate { state: self.overridden(user, base), note: NoteChange::Unchanged, calendar: None, first: false };
        cx.fact(Fact::Presence { user, update });
    }

    fn overridden(&self, user: UserId, state: StateChange) -> StateChange {
        if self.calls.of.get(&user).is_none_or(|it| it.active.is_empty()) {
            return state;
        }
        match state {
            StateChange::Value { availability: 9_000..=11_999 | 18_000.., .. } => state,
            _ => StateChange::Value { availability: ON_THE_PHONE, activity: Activity::OnThePhone, publish_time: PublishTime(0) },
        }
    }

    /// What presence said, with the calls taken into account.
    pub(super) fn with_calls(&mut self, user: UserId, mut update: PresenceUpdate) -> PresenceUpdate {
        if let Some(it) = self.calls.of.get_mut(&user) {
            if matches!(update.state, StateChange::Value { .. }) {
                it.base = Some(update.state);
            }
            update.state = self.overridden(user, update.state);
        }
        update
    }

    /// A dialog about calls is over; tried again after `delay` milliseconds. Without a subscription there are no calls.
    pub(in super::super) fn end_calls(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, delay: u64) {
        self.remove_dialog(cx, id);
        let Some(it) = self.calls.of.get_mut(&user).filter(|it| it.dialog == Some(id)) else { return };
        it.dialog = None;
        it.version = None;
        it.tries = it.tries.saturating_add(1);
        let had_calls = !core::mem::take(&mut it.active).is_empty();
        if !self.draining {
            // A moment at least, so that dialogs that die at birth cannot keep us busy.
            let timers = &cx.config.uc.timers;
            let pause = delay.max(doubled(timers.backoff_min_ms, u32::from(it.tries) - 1, timers.retry_max_ms));
            self.calls.retries.insert((cx.now.mono + pause, user));
            self.arm_calls(cx);
        }
        if had_calls {
            self.tell_calls(cx, user);
        }
    }

    fn arm_calls(&self, cx: &mut Cx<'_>) {
        match self.calls.retries.first() {
            Some((at, _)) => cx.set(key(UcTimer::Calls), *at),
            None => cx.clear(key(UcTimer::Calls)),
        }
    }

    pub(in super::super) fn on_calls_timer(&mut self, cx: &mut Cx<'_>) {
        while let Some((at, user)) = self.calls.retries.first().copied()
            && at <= cx.now.mono
        {
            self.calls.retries.pop_first();
            let Some(watcher) = self.table.get(user).and_then(|slot| self.watchers.get_mut(slot.watcher.index())) else { continue };
            watcher.calls.push_back(user);
        }
        self.arm_calls(cx);
        self.pump_all(cx);
    }

    /// The SUBSCRIBE was refused.
    pub(super) fn on_calls_refused(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, r: &Response<'_>) {
        let tries = self.calls.of.get(&user).map_or(0, |it| it.tries);
        let delay = match r.status {
            status if status == 481 || is_busy(status) => refusal_delay(cx, r, tries),
            _ => cx.config.uc.timers.resource_retry_ms,
        };
        self.end_calls(cx, id, user, delay);
    }

    /// NOTIFY `terminated` in a dialog about calls.
    pub(in super::super) fn on_calls_terminated(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, reason: TerminationReason, retry_after_s: Option<u32>) {
        let timers = &cx.config.uc.timers;
        let asked = retry_after_s.map(|s| (u64::from(s) * 1000).min(timers.retry_after_max_ms));
        let delay = match reason {
            TerminationReason::Rejected | TerminationReason::NoResource | TerminationReason::Invariant => timers.resource_retry_ms,
            TerminationReason::Probation | TerminationReason::Giveup => asked.unwrap_or(timers.denied_retry_ms),
            TerminationReason::None | TerminationReason::Other if asked.is_some() => asked.unwrap_or_default(),
            _ => cx.entropy.below(timers.resubscribe_jitter_ms + 1),
        };
        self.end_calls(cx, id, user, delay);
    }

    /// The connection of these workers is gone. Their calls stand until the next subscription tells: presence is not covered meanwhile anyway.
    pub(in super::super) fn forget_calls(&mut self, id: WatcherId) {
        let watcher = &mut self.watchers[id.index()];
        watcher.calls.clear();
        for user in &watcher.members {
            if let Some(it) = self.calls.of.get_mut(user) {
                (it.dialog, it.version) = (None, None);
            }
        }
    }

    /// Whether somebody's calls are still to be heard of in this dialog.
    pub(in super::super) fn serves_calls(&self, id: DialogId) -> bool {
        let Some(Target::Calls { user, .. }) = self.dialogs.get(&id).map(|dialog| &dialog.target) else { return false };
        self.calls.of.get(user).is_some_and(|it| it.dialog == Some(id))
    }

    /// A worker is no longer watched; the dialog to end.
    pub(in super::super) fn drop_calls(&mut self, user: UserId) -> Option<DialogId> {
        self.calls.of.remove(&user)?.dialog
    }

    pub(in super::super) fn calls_fingerprint(&self, fp: &mut crate::fingerprint::Fp) {
        for (user, it) in &self.calls.of {
            fp.debug(&(user, it.dialog.is_some(), &it.active, it.version, it.base, it.tries));
        }
        for (at, user) in &self.calls.retries {
            fp.time(*at);
            fp.debug(user);
        }
    }
}

impl CallsOf {
    /// Takes a document, if its version is the next one (RFC 4235 §4.3). A full one may also skip some, or repeat the last: some servers never count.
    fn apply(&mut self, info: &DialogInfo<'_>, rule: CallRule) -> News {
        match (info.version, self.version) {
            (Some(now), Some(last)) if now == last.wrapping_add(1) => {}
            (Some(now), Some(last)) if now < last || (now == last && !info.full) => return News::Old,
            (Some(_), _) if !info.full => return News::Gap,
            _ => {}
        }
        self.version = info.version;
        if info.full {
            self.active.clear();
        }
        for call in &info.calls {
            let counts = matches!((call.state, rule), (CallState::Confirmed, _) | (CallState::Early, CallRule::Early));
            if !counts {
                self.active.remove(&*call.id);
            } else if self.active.len() < CALLS_MAX {
                self.active.insert((&*call.id).into());
            }
        }
        News::Taken
    }
}
