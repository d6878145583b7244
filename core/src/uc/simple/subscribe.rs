//! Answers of a standard server to SUBSCRIBE (RFC 6665 §4.1.2; `spec/ms-pres.md` 9.1): what a refusal means for one worker.
use super::super::UcSide;
use super::super::dialog::Target;
use super::super::link::doubled;
use super::super::register::{is_busy, refusal_delay};
use super::super::table::Place;
use crate::cx::Cx;
use crate::id::{DialogId, UserId, WatcherId};
use crate::note::Note;
use crate::uc_event::{Response, TerminationReason};
use alloc::vec::Vec;

/// These end the subscription they are an answer in (RFC 6665 §4.1.2.2, RFC 5057 §5.1), besides 481.
pub(in super::super) const fn ends_usage(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480 | 482..=485 | 489 | 501 | 604)
}

impl UcSide {
    /// A user that is alone in its dialog, or the list, was refused; the dialog is new or was ended by this. `true` when everything is done.
    pub(in super::super) fn on_simple_refused(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) -> bool {
        let Some(dialog) = self.dialogs.get(&id) else { return true };
        let (watcher, live) = (dialog.watcher, dialog.live);
        let user = match &dialog.target {
            Target::Single { user, .. } => *user,
            Target::Calls { user, .. } => {
                let user = *user;
                self.on_calls_refused(cx, id, user, r);
                return true;
            }
            Target::Home | Target::Pool(_) => return false,
        };
        if self.longer(watcher, r) {
            self.put_back(cx, id, user);
        } else {
            self.refuse_single(cx, id, watcher, user, r);
        }
        if !live || ends_usage(r.status) {
            self.remove_dialog(cx, id);
        }
        true
    }

    fn refuse_single(&mut self, cx: &mut Cx<'_>, id: DialogId, watcher: WatcherId, user: UserId, r: &Response<'_>) {
        let timers = &cx.config.uc.timers;
        match r.status {
            // Nobody will fare better: the whole watcher waits.
            401 | 407 | 503 => {
                self.note_refusal(cx, watcher, "SUBSCRIBE", r);
                self.put_back(cx, id, user);
                let delay = refusal_delay(cx, r, 0);
                self.hold(cx, watcher, delay);
            }
            status if status == 481 || is_busy(status) => {
                let tries = self.table.at(user).tries;
                let delay = refusal_delay(cx, r, tries);
                self.postpone(cx, id, &[user], delay);
            }
            404 | 410 | 604 => {
                cx.note(Note::ResourceLost { user, reason: TerminationReason::NoResource });
                self.postpone(cx, id, &[user], timers.resource_retry_ms);
            }
            403 | 603 => {
                cx.note(Note::ResourceLost { user, reason: TerminationReason::Rejected });
                self.postpone(cx, id, &[user], timers.resource_retry_ms);
            }
            _ => {
                self.note_refusal(cx, watcher, "SUBSCRIBE", r);
                self.postpone(cx, id, &[user], timers.denied_retry_ms);
            }
        }
    }

    /// Back to the front of the lane.
    fn put_back(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId) {
        let Some(slot) = self.table.get_mut(user).filter(|s| s.is_in(id)) else { return };
        let mut lost = Vec::new();
        if slot.counts_as_covered() {
            lost.push(user);
        }
        slot.leave(Place::Waiting);
        let watcher = slot.watcher;
        self.watchers[watcher.index()].home.queue.push_front(user);
        self.report_lost(cx, lost);
    }

    /// How long to wait before a worker whose dialog died is subscribed again: not at all, unless the last one died young, too.
    pub(in super::super) fn young_single(&mut self, cx: &Cx<'_>, id: DialogId, user: UserId) -> u64 {
        let timers = &cx.config.uc.timers;
        let Some(dialog) = self.dialogs.get(&id) else { return 0 };
        let old = dialog.is_proved(cx.now.mono, timers.refresh_min_ms);
        let slot = self.table.at(user);
        if old {
            slot.tries = 0;
            return 0;
        }
        // Whoever waits is counted by the waiting.
        match slot.tries {
            0 => {
                slot.tries = 1;
                0
            }
            n => doubled(timers.backoff_min_ms, u32::from(n) - 1, timers.retry_max_ms),
        }
    }
}
