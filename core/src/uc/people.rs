//! Who is watched by whom: links and watchers from the configuration, users spread over the watchers, re-configuration.
use super::UcSide;
use super::link::{Link, State};
use super::request::Job;
use super::simple::Flavour;
use super::table::{NO_WATCHER, Place, Slot};
use super::transact::Ask;
use super::watcher::WatcherSide;
use crate::action::Action;
use crate::config::{Config, NoteLevel, UcConfig};
use crate::cx::Cx;
use crate::directory::Changes;
use crate::fact::Fact;
use crate::id::{UcLinkId, UserId, WatcherId};
use crate::note::Note;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

impl UcSide {
    /// Links and watchers; nothing is connected yet.
    pub(super) fn build(&mut self, cx: &mut Cx<'_>) {
        let count = watcher_count(&cx.config.uc);
        self.flavour = Flavour::of(&cx.config.uc);
        self.links = links_of(&cx.config.uc, count).into_iter().map(Link::new).collect();
        self.watchers = (0..count).map(|w| WatcherSide::new(link_of(&cx.config.uc, w), &cx.config.uc.watchers[usize::from(w)], cx.entropy)).collect();
    }

    /// Gives every watched user without a watcher to one with room, in order.
    pub(super) fn assign_everybody(&mut self, cx: &mut Cx<'_>) {
        self.table.grow(cx.directory.user_slots());
        let has_uc = cx.config.mode.has_uc();
        let watched: Vec<UserId> = cx.directory.users().filter(|u| has_uc && !cx.directory.uri(*u).is_empty()).collect();
        let room = match (cx.config.uc.pace.users_per_watcher_max as usize, self.watchers.len()) {
            (_, 0) => 0,
            // A list is subscribed to once.
            _ if self.flavour == Flavour::List => usize::MAX,
            (0, watchers) => watched.len().div_ceil(watchers),
            (max, _) => max,
        };
        let mut next = 0;
        let mut without = 0u32;
        for user in watched {
            if self.table.at(user).watcher != NO_WATCHER {
                continue;
            }
            while next < self.watchers.len() && self.watchers[next].members.len() >= room {
                next += 1;
            }
            let slot = self.table.at(user);
            let Some(watcher) = self.watchers.get_mut(next) else {
                slot.place = Place::NoRoom;
                without += 1;
                continue;
            };
            slot.watcher = WatcherId(next as u16);
            slot.leave(Place::Waiting);
            watcher.members.push(user);
            watcher.home.queue.push_back(user);
        }
        for watcher in &mut self.watchers {
            watcher.members.shrink_to_fit();
        }
        if without > 0 {
            let max = cx.config.uc.pace.users_per_watcher_max;
            let text = format!("{without} workers are not watched: {} watchers with at most {max} users each have no room; add watchers", self.watchers.len());
            cx.note(Note::Uc { level: NoteLevel::Alarm, link: UcLinkId(0), text: text.into_boxed_str() });
        }
    }

    /// The directory and `cx.config` are the new ones already.
    pub(crate) fn on_reconfigure(&mut self, cx: &mut Cx<'_>, old: &Config, changes: &Changes) {
        for (user, uri) in changes.removed_users.iter().chain(&changes.unwatched) {
            self.unwatch(cx, *user, uri);
        }
        for (id, watcher) in self.watchers.iter_mut().enumerate() {
            watcher.members.retain(|user| self.table.get(*user).is_some_and(|s| s.watcher.index() == id));
        }
        if self.draining {
            return;
        }
        self.republish_changed(&old.publish, &cx.config.publish);
        self.rebuild_changed(cx, &old.uc);
        self.assign_everybody(cx);
        self.reconfigure_publishers(cx, old);
        self.pump_all(cx);
    }

    /// Takes a user out of everything; `uri` is the one it was watched under.
    fn unwatch(&mut self, cx: &mut Cx<'_>, user: UserId, uri: &str) {
        let slot = self.table.at(user);
        let dialog = slot.dialog;
        if slot.counts_as_covered() && cx.directory.has_user(user) {
            cx.fact(Fact::CoverageLost { users: Box::new([user]) });
        }
        *slot = Slot::default();
        self.withdraw_pidf(user);
        if let Some(calls) = self.drop_calls(user) {
            if let Some(it) = self.dialogs.get_mut(&calls) {
                it.leaving.push(uri.into());
            }
            self.mark_due(calls);
        }
        let Some(it) = self.dialogs.get_mut(&dialog) else { return };
        it.leaving.push(uri.into());
        self.mark_due(dialog);
    }

    /// Re-makes the links whose part of the configuration changed.
    fn rebuild_changed(&mut self, cx: &mut Cx<'_>, old: &UcConfig) {
        let new = &cx.config.uc;
        let same_far_end = same_link(old, new);
        if same_far_end && old.watchers == new.watchers {
            return;
        }
        let wanted = links_of(new, watcher_count(new));
        let stays =
            |(id, link): (usize, &Link)| same_far_end && wanted.get(id) == Some(&link.watchers) && range(old, link.watchers) == range(new, link.watchers);
        let kept: Vec<bool> = self.links.iter().enumerate().map(stays).collect();
        for (id, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
            self.abandon(cx, UcLinkId(id as u16));
        }
        self.replace_links(cx, &kept);
    }

    /// Says good-bye without waiting for answers, and forgets the link's watchers and their users' places.
    fn abandon(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &self.links[id.index()];
        let open = !matches!(link.state, State::Down | State::Resolving | State::Closed);
        if link.state.peer().is_some() {
            let mine: Vec<_> = self.dialogs.iter().filter(|(_, d)| d.live && link.watchers().any(|w| w == d.watcher)).map(|(id, _)| *id).collect();
            let watchers = link.watchers();
            for dialog in mine {
                self.send_in_dialog(cx, dialog, Job::End, Ask::End(dialog));
            }
            for watcher in watchers {
                if self.watchers[watcher.index()].reg.gruu.is_some() || (cx.config.uc.register && self.watchers[watcher.index()].reg.stands) {
                    self.send_deregister(cx, watcher);
                }
            }
        }
        self.forget_connection(cx, id);
        if open {
            cx.act(Action::CloseUc { link: id });
        }
        for watcher in self.links[id.index()].watchers() {
            for user in core::mem::take(&mut self.watchers[watcher.index()].members) {
                *self.table.at(user) = Slot::default();
            }
        }
    }

    fn replace_links(&mut self, cx: &mut Cx<'_>, kept: &[bool]) {
        let old_links = core::mem::take(&mut self.links);
        let old_watchers = core::mem::take(&mut self.watchers);
        self.build(cx);
        let mut stay: Vec<Option<WatcherSide>> = old_watchers.into_iter().map(Some).collect();
        for (id, link) in old_links.into_iter().enumerate() {
            if !kept[id] {
                continue;
            }
            for watcher in link.watchers() {
                if let Some(side) = stay[watcher.index()].take() {
                    self.watchers[watcher.index()] = side;
                }
            }
            self.links[id] = link;
        }
        self.rebind_publishers();
        for id in 0..self.links.len() {
            if !kept.get(id).copied().unwrap_or(false) {
                self.resolve(cx, UcLinkId(id as u16));
            }
        }
    }
}

/// What a change of makes every connection a different one.
fn same_link(old: &UcConfig, new: &UcConfig) -> bool {
    old.kind == new.kind
        && old.shared_connection == new.shared_connection
        && old.endpoints == new.endpoints
        && old.tls == new.tls
        && old.register == new.register
        && old.categories == new.categories
}

/// Watchers that can be used: none without a server to connect to.
fn watcher_count(config: &UcConfig) -> u16 {
    if config.endpoints.is_empty() { 0 } else { config.watchers.len().min(usize::from(u16::MAX) - 1) as u16 }
}

/// Watchers of each link: from, and one past the last.
fn links_of(config: &UcConfig, watchers: u16) -> Vec<(u16, u16)> {
    match (watchers, config.shared_connection) {
        (0, _) => Vec::new(),
        (_, true) => [(0, watchers)].into(),
        (_, false) => (0..watchers).map(|w| (w, w + 1)).collect(),
    }
}

fn link_of(config: &UcConfig, watcher: u16) -> UcLinkId {
    UcLinkId(if config.shared_connection { 0 } else { watcher })
}

fn range(config: &UcConfig, (first, end): (u16, u16)) -> Option<&[crate::config::Watcher]> {
    config.watchers.get(usize::from(first)..usize::from(end))
}
