//! Dialogs that wait for a notification (RFC 6665 §4.1.2.3, §4.1.2.4), in one queue with one deadline.
//!
//! A subscription that was granted but of which nothing is heard within Timer N has failed: it is forgotten and made anew with the usual back-off. One that we ended
//! is remembered equally long, so that the last notification is answered as the dialog's, not as a stranger's. What the answer itself carries (the piggybacked body of
//! the Microsoft profile) counts as a notification.
use super::dialog::Target;
use super::{UcSide, UcTimer, key};
use crate::config::NoteLevel;
use crate::cx::Cx;
use crate::id::{DialogId, UcLinkId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::{Body, Response};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

/// Timer N where no T1 is configured: 64 * 500 ms.
const TIMER_N_MS: u64 = 32_000;
/// A notifier whose answer took most of Timer N has this long to notify: the time a message may live on the way (T4).
const GRACE_MS: u64 = 5_000;
/// Ended dialogs remembered at the same time; those beyond are forgotten at once.
const ENDED_MAX: usize = 4096;

/// When a dialog has waited long enough. Every entry is that of a dialog with the same `notify_by`.
pub(super) type Waits = BTreeSet<(Mono, DialogId)>;

impl UcSide {
    /// The SUBSCRIBE that makes a dialog was granted: waits for the first notification, unless it came already.
    pub(super) fn await_notify(&mut self, cx: &mut Cx<'_>, id: DialogId, r: &Response<'_>) {
        let said = !self.flavour.is_simple() && !matches!(r.body, Body::None);
        let Some(dialog) = self.dialogs.get(&id).filter(|d| !said && d.remote_cseq.is_none() && d.notify_by.is_none()) else { return };
        let at = (dialog.born + timer_n_ms(cx)).max(cx.now.mono + GRACE_MS);
        self.wait(cx, id, at);
    }

    /// Something was heard.
    pub(super) fn heard_in(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let Some(at) = self.dialogs.get_mut(&id).and_then(|dialog| dialog.notify_by.take()) else { return };
        self.waits.remove(&(at, id));
        self.arm_silence_of_dialogs(cx);
    }

    /// Our end of a subscription was granted: the last notification may still be on its way.
    pub(super) fn await_goodbye(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let Some(mut dialog) = self.take_dialog(cx, id).filter(|_| self.waits.len() < ENDED_MAX) else { return };
        (dialog.ended, dialog.live, dialog.refresh_due) = (true, false, false);
        dialog.leaving.clear();
        self.dialogs.insert(id, dialog);
        let at = cx.now.mono + timer_n_ms(cx);
        self.wait(cx, id, at);
    }

    fn wait(&mut self, cx: &mut Cx<'_>, id: DialogId, at: Mono) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        dialog.notify_by = Some(at);
        self.waits.insert((at, id));
        self.arm_silence_of_dialogs(cx);
    }

    pub(super) fn arm_silence_of_dialogs(&self, cx: &mut Cx<'_>) {
        match self.waits.first() {
            Some((at, _)) => cx.set(key(UcTimer::Silent), *at),
            None => cx.clear(key(UcTimer::Silent)),
        }
    }

    pub(super) fn on_silent_timer(&mut self, cx: &mut Cx<'_>) {
        let mut silent: BTreeMap<UcLinkId, u32> = BTreeMap::new();
        while let Some((at, id)) = self.waits.first().copied()
            && at <= cx.now.mono
        {
            self.waits.pop_first();
            let Some(dialog) = self.dialogs.get(&id) else { continue };
            if dialog.ended {
                self.remove_dialog(cx, id);
                continue;
            }
            *silent.entry(self.watchers[dialog.watcher.index()].link).or_default() += 1;
            match dialog.target {
                Target::Calls { user, .. } => self.end_calls(cx, id, user, 0),
                _ => self.end_dialog_soon(cx, id),
            }
        }
        self.arm_silence_of_dialogs(cx);
        for (link, dialogs) in silent {
            let text = format!(
                "subscriptions that were granted and got no NOTIFY for {} s: {dialogs}; they are made anew, check whether the server's requests reach us",
                timer_n_ms(cx) / 1000
            );
            cx.note(Note::Uc { level: NoteLevel::Warn, link, text: text.into_boxed_str() });
        }
        self.pump_all(cx);
    }
}

fn timer_n_ms(cx: &Cx<'_>) -> u64 {
    cx.config.uc.kind.simple().map_or(TIMER_N_MS, |simple| simple.t1_ms.saturating_mul(64))
}
