//! The reconciler begins, gets another configuration, and stops in good order.
use super::conditions::wants_calendar;
use super::note::note_hash;
use super::reconcile::Presence;
use super::role::Role;
use super::slots::{DnSlot, UserSlot};
use crate::config::Config;
use crate::cx::Cx;
use crate::directory::Changes;
use crate::id::UserId;
use crate::note::Note;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

impl Presence {
    pub(super) fn grow(&mut self, cx: &Cx<'_>) {
        self.users.resize_with(cx.directory.user_slots().max(self.users.len()), UserSlot::default);
        self.dns.resize_with(cx.directory.dn_slots().max(self.dns.len()), DnSlot::default);
        self.choices.grow(self.users.len(), self.dns.len());
        self.work.resize_with(cx.config.cti.switches.len(), VecDeque::new);
    }

    /// What may be done for each worker.
    pub(super) fn assign_roles(&mut self, cx: &mut Cx<'_>) {
        for user in cx.directory.users() {
            let role = Role::of(cx.config, cx.directory.person(user));
            let before = core::mem::replace(&mut self.users[user.index()].role, role);
            if before.asks() != role.asks() {
                self.touch(cx, user, false);
            }
        }
    }

    /// The directory and `cx.config` are the new ones already.
    pub(crate) fn on_reconfigure(&mut self, cx: &mut Cx<'_>, old: &Config, changes: &Changes) {
        let switches_changed = old.cti.switches != cx.config.cti.switches;
        for (dn, _) in &changes.removed_dns {
            self.seats.leave(*dn);
            let slot = core::mem::take(&mut self.dns[dn.index()]);
            if let Some(at) = slot.retry_at {
                self.retries.remove(&(at.mono(), *dn));
            }
            self.choices.forget_dn(*dn);
        }
        self.work.iter_mut().for_each(|work| work.retain(|dn| cx.directory.has_dn(*dn)));
        for (user, _) in changes.removed_users.iter().chain(&changes.unwatched) {
            self.forget_standing(*user);
            self.users[user.index()] = UserSlot::default();
            self.calendars.remove(user);
            self.seats.forget(*user);
        }
        let users = &self.users;
        self.grace.retain(|(_, user)| users[user.index()].in_grace);
        for (user, _) in &changes.removed_users {
            self.choices.forget_user(*user);
        }
        if switches_changed {
            self.work.clear();
            self.dns.iter_mut().for_each(|slot| slot.dirty = false);
        }
        self.grow(cx);
        self.renumber_choices(cx, old);
        self.register_by_itself(cx, &changes.added_users);
        self.on_lost(cx, &changes.added_users);
        self.on_lost(cx, &changes.rewatched_users);
        for dn in &changes.relogin_dns {
            self.dns[dn.index()].failures = 0;
        }
        if old.presence != cx.config.presence || old.mode != cx.config.mode || switches_changed {
            for at in 0..self.users.len() {
                let slot = &mut self.users[at];
                slot.class = if slot.heard { UserSlot::class_of(cx.config, slot.availability, slot.activity) } else { slot.class };
                let note = slot.note.as_deref().filter(|_| cx.config.presence.send_note);
                slot.note_hash = note.map_or(0, note_hash);
                if cx.directory.has_user(UserId(at as u32)) {
                    self.touch(cx, UserId(at as u32), false);
                }
            }
        }
        if !wants_calendar(&cx.config.presence) {
            self.calendars.clear();
        }
        self.arm_edge(cx);
        self.reconsider(cx, old);
        cx.note(Note::Reconfigured {
            added: changes.added_users.len() as u32,
            removed: changes.removed_users.len() as u32,
            changed: (changes.rewatched_users.len() + changes.relogin_dns.len()) as u32,
        });
    }

    /// Stops in good order: agents are logged out where the configuration says so.
    pub(crate) fn on_drain(&mut self, cx: &mut Cx<'_>) {
        self.stopping = true;
        self.logging_out = cx.config.presence.logout_on_stop;
        if self.logging_out {
            for user in cx.directory.users().filter(|user| self.users[user.index()].role.asks()).collect::<Vec<_>>() {
                self.touch(cx, user, true);
            }
        } else {
            self.work.iter_mut().for_each(VecDeque::clear);
            self.dns.iter_mut().for_each(|slot| slot.dirty = false);
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn is_drained(&self) -> bool {
        let is_quiet = |slot: &DnSlot| slot.in_flight.is_none() && !slot.asked;
        !self.logging_out || (self.work.iter().all(VecDeque::is_empty) && self.retries.is_empty() && self.dns.iter().all(is_quiet))
    }
}
