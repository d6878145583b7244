//! NOTIFY and BENOTIFY: the hot path, and lists (`spec/ms-pres.md` 1.5, 4.4-4.8).
//!
//! A single document for a known user in a live dialog costs: parse eight digits, compare three strings, look up the URI, one answer, one fact. No allocation, no
//! deadline.
use super::UcSide;
use super::convert::{calendar_of, update_of};
use super::dialog::{Order, id_in};
use super::publish::self_in;
use super::table::Place;
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{DialogId, UcLinkId};
use crate::note::Note;
use crate::presence::wants_calendar;
use crate::uc_event::{Body, CategoryDoc, ListDoc, Notify, ResourceState, SubState, TerminationReason};
use alloc::format;
use alloc::vec::Vec;

/// How often in a row a user is followed to where a server says it is, before it is tried again later.
const MOVES_MAX: u8 = 4;

impl UcSide {
    pub(super) fn on_notify(&mut self, cx: &mut Cx<'_>, link: UcLinkId, n: &Notify<'_>) {
        self.tally.notifies += 1;
        if n.event == "registration-notify" {
            return self.on_registration_event(cx, link, n);
        }
        if let Some(user) = self_in(n.call_id) {
            return self.on_self_notify(cx, link, user, n);
        }
        let found = id_in(n.call_id).and_then(|id| Some((id, self.dialogs.get_mut(&id)?))).filter(|(_, d)| d.owns(n.call_id, n.to_tag, n.from_tag));
        let Some((id, dialog)) = found else {
            return self.answer_notify(cx, link, n, 481);
        };
        if n.require_unsupported.is_some() {
            return self.answer_notify(cx, link, n, 420);
        }
        if n.event != dialog.event() {
            return self.answer_notify(cx, link, n, 489);
        }
        // We left already: whatever still comes is as good as read.
        if dialog.ended {
            return self.answer_notify(cx, link, n, 200);
        }
        if dialog.remote_tag.is_empty() {
            dialog.adopt(n);
        }
        let awaited = dialog.notify_by.is_some();
        match dialog.order(n.cseq) {
            Order::Next => {}
            Order::Again => {
                let status = dialog.answered;
                return self.answer_notify(cx, link, n, status);
            }
            Order::Old if self.flavour.is_simple() && dialog.was_heard(n.cseq) => return self.answer_notify(cx, link, n, 200),
            Order::Old => return self.answer_notify(cx, link, n, 500),
        }
        let status = match n.body {
            Body::Fault(_) => 400,
            Body::Unsupported(_) => 415,
            _ => 200,
        };
        if self.flavour.is_simple() {
            dialog.answered = status;
            if status == 200 {
                dialog.retarget(n);
            }
            self.answer_notify(cx, link, n, status);
            self.take_simple(cx, id, n);
        } else {
            self.answer_notify(cx, link, n, status);
            self.take_body(cx, id, &n.body, false);
        }
        if awaited {
            self.heard_in(cx, id);
        }
        match n.body {
            Body::Categories(_) | Body::Calls(_) | Body::None => {}
            Body::List(_) => self.settle_dialog(cx, id),
            _ => self.note_body(cx, link, &n.body),
        }
        match (n.state, n.expires_s) {
            (SubState::Terminated, _) | (SubState::Active, Some(0)) => self.on_terminated(cx, id, n.reason, n.retry_after_s),
            (SubState::Active, Some(s)) => self.shorten(cx, id, s),
            _ => {}
        }
        if !matches!(n.body, Body::Categories(_)) {
            self.pump(cx, link);
        }
    }

    /// The notifier may shorten a subscription at any time (RFC 6665 §4.2.2), also before its 2xx is here.
    fn shorten(&mut self, cx: &mut Cx<'_>, id: DialogId, expires_s: u32) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let until = cx.now.mono + u64::from(expires_s) * 1000;
        if !dialog.live {
            dialog.told_until = Some(until);
        } else if until + 1000 < dialog.granted_until {
            self.schedule_refresh(cx, id, expires_s);
        }
    }

    /// Answers a NOTIFY; a BENOTIFY never is.
    pub(super) fn answer_notify(&mut self, cx: &mut Cx<'_>, link: UcLinkId, n: &Notify<'_>, status: u16) {
        if !n.best_effort {
            self.answer(cx, link, status);
        }
    }

    /// Processes a body; `false` when it said nothing about users. `replace`: documents replace what was known, whatever their `publishTime`.
    pub(super) fn take_body(&mut self, cx: &mut Cx<'_>, id: DialogId, body: &Body<'_>, replace: bool) -> bool {
        match body {
            Body::Categories(doc) => self.take_document(cx, id, doc, replace),
            Body::List(list) => self.take_list(cx, id, list, replace),
            Body::None | Body::Calls(_) | Body::Registration(_) | Body::RoamingSelf(_) | Body::Refusal(_) | Body::Unsupported(_) | Body::Fault(_) => {
                return false;
            }
        }
        true
    }

    fn take_document(&mut self, cx: &mut Cx<'_>, id: DialogId, doc: &CategoryDoc<'_>, replace: bool) {
        let known = cx.directory.user_by_uri(&doc.uri).and_then(|user| Some((user, self.table.get_mut(user).filter(|s| s.is_in(id))?)));
        let Some((user, slot)) = known else {
            self.tally.unknown_users += 1;
            return;
        };
        let first = replace || !slot.heard;
        slot.heard = true;
        if slot.place == Place::Pending {
            slot.place = Place::Live;
        }
        let mut update = update_of(doc, first, cx.config.limits.note_bytes_max, &cx.config.publish.states);
        if wants_calendar(&cx.config.presence) {
            update.calendar = calendar_of(doc);
        }
        if !first {
            self.on_watched(cx, user);
        }
        cx.fact(Fact::Presence { user, update });
    }

    fn take_list(&mut self, cx: &mut Cx<'_>, id: DialogId, list: &ListDoc<'_>, replace: bool) {
        for doc in &list.docs {
            self.take_document(cx, id, doc, replace);
        }
        let live = self.dialogs.get(&id).is_some_and(|d| d.live);
        let (mut lost, mut left) = (Vec::new(), false);
        for resource in &list.resources {
            let Some(user) = cx.directory.user_by_uri(&resource.uri) else {
                self.tally.unknown_users += 1;
                continue;
            };
            let Some(slot) = self.table.get_mut(user).filter(|s| s.is_in(id)) else { continue };
            let covered = slot.counts_as_covered();
            match &resource.state {
                ResourceState::Active => {
                    if slot.place == Place::Pending {
                        slot.place = Place::Live;
                        if let Some(dialog) = self.dialogs.get_mut(&id) {
                            dialog.unheard += 1;
                        }
                    }
                    continue;
                }
                // Before the 200 there is nothing to be pending in; the 200 will say.
                ResourceState::Pending if !live => continue,
                ResourceState::Pending => {
                    slot.place = Place::Pending;
                    slot.heard = false;
                }
                ResourceState::Resubscribe { pool } if slot.moves < MOVES_MAX => {
                    left = true;
                    self.reroute(user, pool.as_deref());
                }
                ResourceState::Resubscribe { .. } | ResourceState::Terminated(_) => {
                    left = true;
                    // Sent to and fro counts as refused.
                    let reason = if let ResourceState::Terminated(reason) = &resource.state { *reason } else { TerminationReason::Other };
                    let tries = slot.tries;
                    let delay = self.resource_delay(cx, reason, tries);
                    cx.note(Note::ResourceLost { user, reason });
                    // Reports the loss itself.
                    self.postpone(cx, id, &[user], delay);
                    continue;
                }
            }
            if covered {
                lost.push(user);
            }
        }
        self.report_lost(cx, lost);
        if left {
            self.end_if_empty(id);
        }
    }

    /// A dialog that its last user has left is not kept alive for nobody.
    fn end_if_empty(&mut self, id: DialogId) {
        if self.users_of(id).is_empty()
            && let Some(dialog) = self.dialogs.get_mut(&id)
        {
            dialog.refresh_due = true;
            self.mark_due(id);
        }
    }

    /// When a single resource is tried again (`spec/ms-pres.md` 4.4).
    pub(super) fn resource_delay(&self, cx: &mut Cx<'_>, reason: TerminationReason, tries: u8) -> u64 {
        let timers = &cx.config.uc.timers;
        match reason {
            TerminationReason::Rejected | TerminationReason::NoResource | TerminationReason::Invariant => timers.resource_retry_ms,
            TerminationReason::Deactivated if tries == 0 => 0,
            _ => {
                let pause = super::link::doubled(timers.retry_ms, u32::from(tries), timers.retry_max_ms);
                cx.entropy.jitter(pause, timers.jitter_percent)
            }
        }
    }

    /// Counts and reports what could not be read in a body.
    pub(super) fn note_body(&mut self, cx: &mut Cx<'_>, link: UcLinkId, body: &Body<'_>) {
        let fault = match body {
            Body::Fault(fault) => format!("a body could not be read: {fault}"),
            Body::Unsupported(kind) => format!("a body of type {kind:.100} is not read by this version"),
            Body::List(list) if !list.faults.is_empty() => {
                let (part, fault) = &list.faults[0];
                format!("{} parts of a list could not be read, first {part:.100}: {fault}", list.faults.len())
            }
            _ => return,
        };
        self.tally.malformed += 1;
        cx.note(Note::UcMalformed { link, fault: fault.into_boxed_str() });
    }
}
