//! One subscription dialog, its clocks, and its end.
use super::documents::Selection;
use super::packages::Package;
use super::roaming::Roaming;
use super::users::Changed;
use super::{FrontEnd, Mono};
use std::collections::{BTreeMap, BTreeSet};

/// A NOTIFY that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Awaiting {
    /// When it was (last) sent.
    pub(super) sent: Mono,
    /// Branch of its top Via.
    pub(super) branch: String,
    /// How many answers may come (repetitions).
    pub(super) copies: u32,
    /// Whether a refusal with 500 is what the standard wants (lower CSeq on purpose).
    pub(super) out_of_order: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) node: u16,
    /// Connection of the last SUBSCRIBE; `None`: it broke.
    pub(super) conn: Option<u64>,
    pub(super) call_id: String,
    /// From of the SUBSCRIBE: To of our requests.
    pub(super) watcher: String,
    /// URI of the watcher, and epid: the endpoint.
    pub(super) watcher_uri: String,
    pub(super) epid: String,
    /// URI of To: the watcher again, a pool, or the watched user.
    pub(super) local_uri: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: String,
    pub(super) remote_cseq: u32,
    pub(super) local_cseq: u32,
    /// Request-URI of our requests.
    pub(super) target: String,
    /// Not a batch: one watched user.
    pub(super) single: bool,
    pub(super) members: BTreeSet<usize>,
    pub(super) subscribed: Selection,
    pub(super) package: Package,
    /// roaming-self: what was asked for, and what of it is not yet sent.
    pub(super) roaming: Roaming,
    pub(super) pending_own: Option<Roaming>,
    pub(super) benotify: bool,
    pub(super) expires_at: Mono,
    pub(super) list_version: u32,
    pub(super) awaiting: BTreeMap<u32, Awaiting>,
    /// Users with news not yet sent.
    pub(super) pending: BTreeMap<usize, Changed>,
    pub(super) last_sent: Mono,
    pub(super) flush_at: Option<Mono>,
    /// Since when there is news and no connection for it.
    pub(super) stuck_since: Option<Mono>,
    /// The request sent last, for repetitions.
    pub(super) last_text: String,
}

impl Dialog {
    /// Next moment at which something becomes due.
    pub(super) fn deadline(&self, notify_timeout_ms: u64) -> Option<Mono> {
        let unanswered = self.awaiting.values().map(|a| a.sent + notify_timeout_ms).min();
        let stuck = self.stuck_since.map(|at| at + notify_timeout_ms);
        [Some(self.expires_at), self.flush_at, unanswered, stuck].into_iter().flatten().min()
    }
}

impl FrontEnd {
    /// The dialogs with this Call-ID.
    pub(super) fn dialogs_of(&self, call_id: &str) -> impl Iterator<Item = u32> {
        let first = (call_id.to_owned(), String::new());
        self.dialog_of.range(first..).take_while(move |((c, _), _)| c == call_id).map(|(_, id)| *id)
    }

    /// Whether a watcher already has a dialog with this Call-ID.
    pub(super) fn is_taken(&self, call_id: &str, watcher: &str) -> bool {
        self.dialogs_of(call_id).any(|id| self.dialogs.get(&id).is_some_and(|d| d.watcher_uri.eq_ignore_ascii_case(watcher)))
    }

    pub(super) fn drop_dialog(&mut self, id: u32) {
        if let Some(dialog) = self.dialogs.remove(&id) {
            for user in &dialog.members {
                self.users.at_mut(*user).watched_by.remove(&id);
            }
            if let Some(user) = self.users.find(&dialog.watcher_uri).filter(|_| dialog.package == Package::RoamingSelf) {
                self.users.at_mut(user).followed_by.remove(&id);
            }
            self.dialog_of.remove(&(dialog.call_id, dialog.local_tag));
        }
    }

    /// The connection broke: its dialogs wait for a refresh on another one. All their users count as news then: anything may have been lost on the way.
    pub(super) fn orphan_dialogs(&mut self, conn: u64) {
        for dialog in self.dialogs.values_mut().filter(|d| d.conn == Some(conn)) {
            dialog.conn = None;
            dialog.flush_at = None;
            dialog.pending.extend(dialog.members.iter().map(|user| (*user, Changed::ALL)));
            dialog.pending_own = (dialog.package == Package::RoamingSelf).then(|| dialog.roaming.clone());
        }
    }

    pub(super) fn wake_dialogs(&mut self, now: Mono) {
        let timeout = self.config.notify_timeout_ms;
        let due: Vec<u32> = self.dialogs.iter().filter(|(_, d)| d.deadline(timeout).is_some_and(|at| at <= now)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(dialog) = self.dialogs.get_mut(&id) else { continue };
            let stuck = dialog.stuck_since.is_some_and(|at| at + timeout <= now);
            if stuck || dialog.awaiting.values().any(|a| a.sent + timeout <= now) {
                let conn = dialog.conn.filter(|_| self.config.close_on_notify_timeout);
                self.counts.notifies_timed_out += 1;
                self.drop_dialog(id);
                if let Some(conn) = conn {
                    self.close(conn);
                }
            } else if dialog.expires_at <= now {
                self.send_terminated(now, id, "terminated;reason=timeout");
            } else if dialog.flush_at.is_some_and(|at| at <= now) {
                dialog.flush_at = None;
                self.flush(now, id);
            }
        }
    }
}
