//! Stopping in good order: dialogs are ended, registrations taken back, connections closed.
use super::link::State;
use super::transact::Ask;
use super::watcher::Phase;
use super::{UcSide, UcTimer, key};
use crate::action::Action;
use crate::cx::Cx;
use crate::id::{UcLinkId, WatcherId};

impl UcSide {
    /// Un-subscribe, de-register, close.
    pub(crate) fn on_drain(&mut self, cx: &mut Cx<'_>) {
        self.draining = true;
        self.retries.clear();
        cx.clear(key(UcTimer::Retry));
        self.drain_publishers(cx);
        cx.clear(key(UcTimer::Calls));
        self.withdraw_all(cx);
        self.withdraw_invitations(cx);
        for id in (0..self.links.len()).map(|id| UcLinkId(id as u16)) {
            self.drain_link(cx, id);
        }
    }

    fn drain_link(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &mut self.links[id.index()];
        let (State::Registering(peer) | State::Up(peer)) = link.state else {
            if matches!(link.state, State::Connecting(_)) {
                cx.act(Action::CloseUc { link: id });
            }
            link.state = State::Closed;
            return cx.clear(key(UcTimer::Link(id)));
        };
        link.state = State::Draining(peer);
        for watcher in link.watchers() {
            cx.clear(key(UcTimer::Register(watcher)));
            cx.clear(key(UcTimer::Hold(watcher)));
            let reg = &mut self.watchers[watcher.index()].reg;
            reg.phase = match reg.phase {
                Phase::Asked => Phase::Asked,
                _ if cx.config.uc.register && reg.stands => Phase::Due,
                _ => Phase::Idle,
            };
        }
        for (dialog, it) in &self.dialogs {
            if self.watchers[it.watcher.index()].link == id {
                cx.clear(key(UcTimer::Refresh(*dialog)));
            }
        }
        self.pump(cx, id);
    }

    pub(super) fn send_deregister(&mut self, cx: &mut Cx<'_>, watcher: WatcherId) {
        let it = &mut self.watchers[watcher.index()];
        let link = it.link;
        it.reg.phase = Phase::Asked;
        let msg = self.flavour.register(&cx.config.uc, it, self.links[link.index()].local, Some(0));
        self.send(cx, link, Ask::Deregister(watcher), msg);
    }

    pub(super) fn on_deregistered(&mut self, watcher: WatcherId) {
        let reg = &mut self.watchers[watcher.index()].reg;
        reg.phase = Phase::Idle;
        reg.stands = false;
    }

    /// Nothing is left to be sent: a draining link whose last answer has come is closed.
    pub(super) fn after_work(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &self.links[id.index()];
        if matches!(link.state, State::Draining(_)) && link.txns.is_empty() && link.publishers == 0 && self.publications.is_empty() && !self.is_in_session(id) {
            self.forget_connection(cx, id);
            self.links[id.index()].state = State::Closed;
            cx.act(Action::CloseUc { link: id });
        }
    }

    /// Nothing is left to do.
    pub(crate) fn is_drained(&self) -> bool {
        self.links.iter().all(|link| link.state == State::Closed)
    }
}
