//! What people and checkers see of the SIP side.
use super::UcSide;
use super::link::State;
use super::table::Place;
use crate::fingerprint::Fp;
use crate::id::{UcLinkId, UserId};
use crate::views::{Counters, LinkState, UcLinkView};
use alloc::vec::Vec;

impl UcSide {
    /// Whether the user is in a live subscription.
    pub(crate) fn covers(&self, user: UserId) -> bool {
        self.table.get(user).is_some_and(|slot| slot.place == Place::Live)
    }

    /// In how many live subscriptions each watched user is: for the coverage checker (0 or 1 when healthy).
    pub(crate) fn coverage(&self) -> Vec<(UserId, u32)> {
        let watched = self.table.iter().filter(|(_, slot)| slot.place != Place::Unwatched);
        watched.map(|(user, slot)| (user, u32::from(slot.place == Place::Live && self.dialogs.get(&slot.dialog).is_some_and(|d| d.live)))).collect()
    }

    pub(crate) fn links(&self) -> Vec<UcLinkView> {
        let mut views: Vec<UcLinkView> = self.links.iter().enumerate().map(|(id, _)| self.link_view(UcLinkId(id as u16))).collect();
        for (_, slot) in self.table.iter() {
            let Some(watcher) = self.watchers.get(slot.watcher.index()) else { continue };
            let view = &mut views[watcher.link.index()];
            match slot.place {
                Place::Live | Place::Pending => view.users += 1,
                Place::Waiting | Place::Asked => view.waiting += 1,
                Place::Unwatched | Place::NoRoom | Place::Denied => {}
            }
        }
        for dialog in self.dialogs.values().filter(|d| d.live) {
            views[self.watchers[dialog.watcher.index()].link.index()].dialogs += 1;
        }
        views
    }

    fn link_view(&self, id: UcLinkId) -> UcLinkView {
        let link = &self.links[id.index()];
        let impaired = link.watchers().any(|w| self.watchers[w.index()].impaired);
        let state = match link.state {
            State::Down | State::Closed => LinkState::Down,
            State::Resolving | State::Connecting(_) => LinkState::Connecting,
            State::Registering(_) => LinkState::Opening,
            State::Up(_) | State::Draining(_) if impaired => LinkState::Impaired,
            State::Up(_) | State::Draining(_) => LinkState::Up,
        };
        UcLinkView { link: id, state, endpoint: link.endpoint, dialogs: 0, users: 0, outstanding: link.txns.len() as u32, waiting: 0 }
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        let t = &self.tally;
        counters.notifies += t.notifies;
        counters.unknown_users += t.unknown_users;
        counters.sip_requests += t.requests;
        counters.sip_answers += t.answers;
        counters.subscriptions += t.subscriptions;
        counters.malformed += t.malformed;
        counters.links_lost += t.links_lost;
        let p = &self.publishing.tally;
        counters.publications += p.done;
        counters.publish_conflicts += p.conflicts;
        counters.publish_refused += p.refused;
        self.count_invitations(counters);
    }

    /// Times relative to now, no random text; deadlines are hashed by their table.
    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        for link in &self.links {
            link_fingerprint(link, fp);
        }
        for watcher in &self.watchers {
            fp.debug(&(
                watcher.reg.phase,
                watcher.reg.stands,
                watcher.reg.expires_s,
                watcher.reg.refusals,
                watcher.refusals,
                watcher.quick_ends,
                watcher.expires_s,
            ));
            fp.debug(&(&watcher.members, &watcher.singles, &watcher.home.queue, &watcher.home.isolate, watcher.impaired));
            for (pool, lane) in &watcher.pools {
                fp.text(pool);
                fp.debug(&(&lane.queue, &lane.isolate));
            }
            if let Some(until) = watcher.hold_until {
                fp.time(until);
            }
        }
        let order: alloc::collections::BTreeMap<_, usize> = self.dialogs.keys().copied().zip(0..).collect();
        for dialog in self.dialogs.values() {
            // Dialog numbers are counters: their order counts, not their value.
            fp.debug(&(dialog.watcher, &dialog.target, dialog.live, dialog.busy, dialog.refresh_due, dialog.unheard > 0, &dialog.leaving, &dialog.refused));
            fp.num(u64::from(dialog.remote_cseq.is_some()));
            fp.time(dialog.expires_at);
            if let Some(at) = dialog.notify_by {
                fp.time(at);
                fp.num(u64::from(dialog.ended));
            }
        }
        for (_, slot) in self.table.iter() {
            let at = order.get(&slot.dialog);
            fp.debug(&(at, slot.watcher, slot.place, slot.aim, slot.heard, slot.told, slot.tries));
        }
        self.fingerprint_publishers(fp);
        for (at, user) in &self.retries {
            fp.time(*at);
            fp.num(u64::from(user.0));
        }
        self.calls_fingerprint(fp);
        self.publications_fingerprint(fp);
        self.invitations_fingerprint(fp);
    }
}

fn link_fingerprint(link: &super::link::Link, fp: &mut Fp) {
    fp.num(match link.state {
        State::Down => 0,
        State::Resolving => 1,
        State::Connecting(_) => 2,
        State::Registering(_) => 3,
        State::Up(_) => 4,
        State::Draining(_) => 5,
        State::Closed => 6,
    });
    if let State::Connecting(addr) = link.state {
        fp.debug(&addr);
    }
    if let Some(peer) = link.state.peer() {
        fp.debug(&peer.addr);
        fp.time(peer.since);
    }
    fp.debug(&(link.endpoint, &link.redirect, link.redirects, &link.candidates, link.rounds, link.lost, link.keepalive_ms));
    for (addr, until) in &link.avoid {
        fp.debug(addr);
        fp.time(*until);
    }
    for time in [link.last_rx, link.last_tx, link.next_send] {
        fp.time(time);
    }
    for txn in link.txns.values() {
        fp.time(txn.sent);
        fp.debug(&core::mem::discriminant(&txn.ask));
    }
}
