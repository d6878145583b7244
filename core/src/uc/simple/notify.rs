//! Notifications of a standard server (RFC 3856, 4662, 6665; `spec/ms-pres.md` 9.1, 9.4).
//!
//! The dialog says whose document it is, not the document: servers write `entity` in other spellings. A notification without a body says that nothing is known,
//! which is not the same as offline. Every document replaces the one before, in the order of CSeq.
use super::super::UcSide;
use super::super::convert::update_of;
use super::super::dialog::Target;
use super::super::table::{Aim, Place};
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{DialogId, UserId};
use crate::note::Note;
use crate::presence::{Activity, NoteChange, PresenceUpdate, StateChange};
use crate::uc_event::{Body, CategoryDoc, ListDoc, Notify, PublishTime, ResourceState, SubState, TerminationReason};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl UcSide {
    /// Takes what a new notification says; it is answered already.
    pub(in super::super) fn take_simple(&mut self, cx: &mut Cx<'_>, id: DialogId, n: &Notify<'_>) {
        let Some(dialog) = self.dialogs.get(&id) else { return };
        match (&dialog.target, &n.body) {
            (Target::Single { user, .. }, Body::Categories(doc)) => {
                let user = *user;
                self.take_document_of(cx, id, user, Some(doc));
            }
            // What ends a subscription says nothing about the worker.
            (Target::Single { user, .. }, Body::None) if n.state == SubState::Active => {
                let user = *user;
                self.take_document_of(cx, id, user, None);
            }
            (Target::Single { user, .. }, Body::None) if n.state == SubState::Pending => {
                let user = *user;
                self.pend(cx, id, user);
            }
            (Target::Calls { user, .. }, body) if matches!(n.state, SubState::Active | SubState::Pending) => {
                let user = *user;
                self.take_calls(cx, id, user, body);
            }
            (Target::Home | Target::Pool(_), Body::List(list)) => self.take_simple_list(cx, id, list),
            _ => {}
        }
    }

    /// One worker's document; `None`: nothing is known.
    fn take_document_of(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, doc: Option<&CategoryDoc<'_>>) {
        let Some(slot) = self.table.get_mut(user).filter(|s| s.is_in(id)) else { return };
        let first = !slot.heard;
        slot.heard = true;
        if slot.place == Place::Pending {
            slot.place = Place::Live;
        }
        let update = match doc {
            Some(doc) => update_of(doc, first, cx.config.limits.note_bytes_max, &cx.config.publish.states),
            None => PresenceUpdate { state: unknown(), note: NoteChange::Cleared, calendar: None, first },
        };
        let update = self.with_calls(user, update);
        cx.fact(Fact::Presence { user, update });
    }

    /// The watcher is not allowed to see the worker yet.
    fn pend(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId) {
        let Some(slot) = self.table.get_mut(user).filter(|s| s.is_in(id)) else { return };
        let covered = slot.counts_as_covered();
        // Before the 200 there is nothing to be pending in; the 200 will say.
        if slot.place == Place::Live {
            slot.place = Place::Pending;
        }
        slot.heard = false;
        if covered {
            self.report_lost(cx, [user].into());
        }
    }

    fn take_simple_list(&mut self, cx: &mut Cx<'_>, id: DialogId, list: &ListDoc<'_>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        // A gap means that a notification was lost: the answer to a refresh is the full state (RFC 4662 §5.2).
        let gap = !list.full_state && dialog.list_version.is_none_or(|last| list.version != last.wrapping_add(1));
        dialog.list_version = Some(list.version);
        dialog.refresh_due |= gap;
        for doc in &list.docs {
            if let Some(user) = cx.directory.user_by_uri(&doc.uri) {
                self.take_document_of(cx, id, user, Some(doc));
            } else {
                self.tally.unknown_users += 1;
            }
        }
        let mut named = BTreeSet::new();
        for resource in &list.resources {
            let Some(user) = cx.directory.user_by_uri(&resource.uri) else { continue };
            named.insert(user);
            self.take_resource(cx, id, user, &resource.state);
        }
        if list.full_state {
            self.leave_unnamed(cx, id, &named);
        }
        if gap {
            self.mark_due(id);
        }
    }

    fn take_resource(&mut self, cx: &mut Cx<'_>, id: DialogId, user: UserId, state: &ResourceState<'_>) {
        let Some(slot) = self.table.get_mut(user).filter(|s| s.is_in(id)) else { return };
        match state {
            ResourceState::Active => {
                if slot.place == Place::Pending {
                    slot.place = Place::Live;
                }
            }
            ResourceState::Terminated(reason) => {
                let delay = self.resource_delay(cx, *reason, self.table.get(user).map_or(0, |s| s.tries));
                cx.note(Note::ResourceLost { user, reason: *reason });
                self.postpone(cx, id, &[user], delay);
            }
            ResourceState::Pending | ResourceState::Resubscribe { .. } => self.pend(cx, id, user),
        }
    }

    /// Workers that a full list does not name are subscribed alone.
    fn leave_unnamed(&mut self, cx: &mut Cx<'_>, id: DialogId, named: &BTreeSet<UserId>) {
        let unnamed: Vec<UserId> = self.users_of(id).into_iter().filter(|user| !named.contains(user)).collect();
        let mut lost = Vec::new();
        for user in unnamed {
            let slot = self.table.at(user);
            if slot.counts_as_covered() {
                lost.push(user);
            }
            slot.leave(Place::Waiting);
            slot.aim = Aim::Single;
            let watcher = slot.watcher;
            self.watchers[watcher.index()].singles.push_back(user);
            cx.note(Note::ResourceLost { user, reason: TerminationReason::NoResource });
        }
        self.report_lost(cx, lost);
    }
}

/// Nothing is known.
pub(super) const fn unknown() -> StateChange {
    StateChange::Value { availability: 0, activity: Activity::None, publish_time: PublishTime(0) }
}
