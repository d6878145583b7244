//! Publishers when links come and go, when the configuration changes, and at the end (`spec/ms-pres.md` 1.11, 6.7).
use super::{Done, Owed, Patience, Publisher, PublisherTimer, Way, timer};
use crate::config::{Config, PublishWay};
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId};
use crate::uc::UcSide;
use crate::uc_event::PublicationKey;
use alloc::vec::Vec;

impl Publisher {
    /// Nobody will say whether the request was carried out, and what stands cannot be read (way `Direct`): a publication is taken for done, a withdrawal for not
    /// done. Whichever was wrong, the server tells its version in a conflict at the next request; the other way round ours would stand for its whole life.
    pub(super) fn assume(&mut self, flight: &[(PublicationKey, Done)]) {
        if self.way == Way::Direct {
            let rows: Vec<_> = flight.iter().copied().filter(|(_, done)| matches!(done, Done::Row(_))).collect();
            self.own.succeed(&rows, None);
            // Confirmed before it is told, and so that its life is known.
            self.refresh |= !rows.is_empty();
            self.tried = None;
        }
    }
}

impl UcSide {
    fn publishers_on(&self, id: UcLinkId) -> Vec<UserId> {
        let on = |watcher: usize| self.watchers.get(watcher).is_some_and(|w| w.link == id);
        self.publishing.all.iter().filter(|(_, it)| on(it.watcher.index())).map(|(user, _)| *user).collect()
    }

    /// Everything that belonged to a connection is void: registrations, subscriptions, requests under way. What was published stands, as far as we know.
    pub(in crate::uc) fn forget_publishers(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        self.links[id.index()].speakers.clear();
        if self.links[id.index()].publishers == 0 {
            return;
        }
        for user in self.publishers_on(id) {
            self.publishing.answered(user);
            self.forget_self(cx, user);
            self.on_endpoint_left(cx, user);
            cx.clear(timer(user, PublisherTimer::Retry));
            if let Some(it) = self.publishing.all.get_mut(&user) {
                it.queued = false;
                let flight = core::mem::take(&mut it.flight);
                it.assume(&flight);
                it.endpoint.remote_cseq = None;
                it.patience = Patience::Ready;
                it.conflicts = 0;
                it.refusals = 0;
                it.failing_since = None;
            }
        }
    }

    /// A connection stands (again): publishers follow within `spread` milliseconds.
    pub(in crate::uc) fn publishers_return(&mut self, cx: &mut Cx<'_>, id: UcLinkId, spread: u64) {
        if self.links[id.index()].publishers == 0 {
            return;
        }
        for user in self.publishers_on(id) {
            let Some(it) = self.publishing.all.get_mut(&user) else { continue };
            if it.ours_until.is_some_and(|until| until <= cx.now.mono) {
                it.ours_until = None;
                it.own.expire(cx.now.mono);
            }
            if spread > 0 {
                let delay = cx.entropy.below(spread) + 1;
                self.pause(cx, user, Patience::Spread, delay);
            } else {
                self.owe(cx, user, Owed::Look);
            }
        }
    }

    /// Everything is withdrawn.
    pub(in crate::uc) fn drain_publishers(&mut self, cx: &mut Cx<'_>) {
        let users: Vec<UserId> = self.publishing.all.keys().copied().collect();
        for user in users {
            let Some(it) = self.publishing.all.get_mut(&user) else { continue };
            it.want = None;
            it.leaving = true;
            it.patience = Patience::Ready;
            cx.clear(timer(user, PublisherTimer::Retry));
            self.queue_up(cx, user);
        }
    }

    /// People, rows or the way changed. The links are the new ones already.
    pub(in crate::uc) fn reconfigure_publishers(&mut self, cx: &mut Cx<'_>, old: &Config) {
        let way = Way::of(cx.config.publish.way);
        let (before, after) = (&old.publish.states, &cx.config.publish.states);
        let changed = |row: u8| before.get(usize::from(row)) != after.get(usize::from(row));
        let users: Vec<UserId> = self.publishing.all.keys().copied().collect();
        for user in users {
            let Some(it) = self.publishing.all.get_mut(&user) else { continue };
            let stays = cx.directory.has_user(user) && crate::directory::same_uri(cx.directory.uri(user), &it.uri) && Some(it.way) == way;
            if !stays && !it.leaving {
                it.leaving = true;
                // With another URI, or another way, the publication is made anew once the old one is gone.
                it.told = None;
            }
            if it.leaving && !cx.directory.has_user(user) {
                // The command has gone with the worker: whoever gets the number next begins with none.
                (it.want, it.told) = (None, Some(None));
            }
            it.own.outdate(changed);
            if it.want.is_some_and(changed) {
                it.want = it.want.filter(|row| after.get(usize::from(*row)).is_some());
                it.told = None;
            }
            if !it.busy {
                self.owe(cx, user, Owed::Look);
            }
        }
        if way.is_some() && !self.flavour.is_simple() && old.publish.way == PublishWay::Pidf {
            for (user, row) in self.leave_pidf(cx) {
                self.publish(cx, user, row);
            }
        }
    }

    /// Watchers and links were made anew: who speaks for whom is found again. Publishers of links that are gone were made to forget them before.
    pub(in crate::uc) fn rebind_publishers(&mut self) {
        for link in &mut self.links {
            link.publishers = 0;
        }
        let users: Vec<UserId> = self.publishing.all.keys().copied().collect();
        for user in users {
            let known = self.publishing.all[&user].watcher;
            let watcher = Some(known).filter(|w| w.index() < self.watchers.len()).or_else(|| self.voice_of(user));
            match (watcher, self.publishing.all.get_mut(&user)) {
                (Some(watcher), Some(it)) => {
                    it.watcher = watcher;
                    let link = self.watchers[watcher.index()].link;
                    self.links[link.index()].publishers += 1;
                }
                _ => drop(self.publishing.all.remove(&user)),
            }
        }
    }
}
