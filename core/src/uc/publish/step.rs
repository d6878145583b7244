//! What a publisher sends next, and the pace of all of them.
use super::{Owed, Patience, Publisher, Publishing, Way};
use crate::config::PublishWay;
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId};
use crate::uc::link::State;
use crate::uc::transact::Ask;
use crate::uc::{UcSide, UcTimer, key};
use crate::uc_event::SipRequest;

/// What a request of a publisher is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in crate::uc) enum Speech {
    /// REGISTER.
    Register,
    /// REGISTER with Expires 0.
    Deregister,
    /// SUBSCRIBE to the worker's own publications, new or refreshing.
    Subscribe,
    /// SUBSCRIBE with Expires 0.
    Unsubscribe,
    /// SERVICE.
    Service,
}

/// What is next.
pub(super) enum Step {
    /// An answer, the end of a pause, or a command.
    Wait,
    Say(Speech),
    /// Nothing is left to do.
    Gone,
}

impl UcSide {
    pub(super) fn step(&self, cx: &Cx<'_>, user: UserId) -> Step {
        let Some(it) = self.publishing.all.get(&user) else { return Step::Wait };
        if it.behind.is_some() {
            return if it.leaving || self.draining { Step::Gone } else { Step::Wait };
        }
        if it.busy {
            return Step::Wait;
        }
        match it.patience {
            Patience::Ready => {}
            // A conflict is worth its pause also when the time is short.
            Patience::Busy if self.draining && it.conflicts > 0 => return Step::Wait,
            _ if self.draining => return Step::Gone,
            _ => return Step::Wait,
        }
        match it.way {
            Way::Direct if !it.own.suits(it.want(cx)) => Step::Say(Speech::Service),
            Way::Direct if it.wanted().is_none() => Step::Gone,
            Way::Direct => Step::Wait,
            Way::Endpoint => self.endpoint_step(cx, it),
        }
    }

    fn endpoint_step(&self, cx: &Cx<'_>, it: &Publisher) -> Step {
        let keep = matches!(cx.config.publish.way, PublishWay::Endpoint { keep: true }) && !it.leaving && !self.draining;
        let unread = !it.known && !self.draining;
        // A publication nobody answered may stand: what does is read before the endpoint goes.
        let unsure = it.tried.is_some() && !self.draining;
        let stays = keep || unread || unsure || it.wanted().is_some() || it.own.has_ours() || it.own.has_unknown();
        let sub = it.sub.as_deref();
        if !stays {
            return match sub {
                Some(_) if it.endpoint.stands => Step::Say(Speech::Unsubscribe),
                _ if it.endpoint.stands => Step::Say(Speech::Deregister),
                _ => Step::Gone,
            };
        }
        if !it.endpoint.stands || it.endpoint.due {
            return Step::Say(Speech::Register);
        }
        match sub {
            None => Step::Say(Speech::Subscribe),
            Some(sub) if sub.due => Step::Say(Speech::Subscribe),
            Some(sub) if !sub.fresh => Step::Wait,
            Some(_) if !it.own.suits(it.want(cx)) => Step::Say(Speech::Service),
            Some(_) => Step::Wait,
        }
    }

    /// The publisher whose turn it is on this link, if the pace of publications allows one.
    pub(in crate::uc) fn next_speaker(&mut self, cx: &mut Cx<'_>, id: UcLinkId) -> Option<UserId> {
        loop {
            let link = &self.links[id.index()];
            let user = *link.speakers.front().filter(|_| matches!(link.state, State::Up(_) | State::Draining(_)))?;
            if !matches!(self.step(cx, user), Step::Say(_)) {
                self.links[id.index()].speakers.pop_front();
                if let Some(it) = self.publishing.all.get_mut(&user) {
                    it.queued = false;
                    // Commands overtook it: perhaps it has something to tell, or nothing left to do.
                    self.owe(cx, user, Owed::Look);
                }
                continue;
            }
            let config = &cx.config.publish;
            if config.outstanding_max > 0 && self.publishing.outstanding >= config.outstanding_max {
                return None;
            }
            if cx.deadlines.get(key(UcTimer::PublishPace)).is_some() {
                return None;
            }
            return Some(user);
        }
    }

    /// Sends what the publisher at the front of the queue has to say.
    pub(in crate::uc) fn speak(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Step::Say(speech) = self.step(cx, user) else { return };
        let Some(link) = self.link_of_publisher(user) else { return };
        self.links[link.index()].speakers.pop_front();
        let config = &cx.config.publish;
        if config.requests_per_s > 0 {
            cx.set(key(UcTimer::PublishPace), cx.now.mono + 1000u64.div_ceil(u64::from(config.requests_per_s)));
        }
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        it.queued = false;
        it.busy = true;
        let local = self.links[link.index()].local;
        let voice = &self.watchers[it.watcher.index()];
        let msg: SipRequest = match speech {
            Speech::Register => it.register(cx, user, voice, local, None),
            Speech::Deregister => it.register(cx, user, voice, local, Some(0)),
            Speech::Subscribe => it.subscribe(cx, user, voice, local, None),
            Speech::Unsubscribe => it.subscribe(cx, user, voice, local, Some(0)),
            Speech::Service => it.service(cx, voice, local),
        };
        self.publishing.outstanding += 1;
        self.send(cx, link, Ask::Publisher(user, speech), msg);
    }
}

impl Publishing {
    /// Those that wait for a leaving one to be gone.
    pub(super) fn behind(&self, user: UserId) -> impl Iterator<Item = UserId> + '_ {
        self.all.iter().filter(move |(_, it)| it.behind == Some(user)).map(|(user, _)| *user)
    }

    /// A request is answered, or its connection is gone.
    pub(super) fn answered(&mut self, user: UserId) {
        if let Some(it) = self.all.get_mut(&user)
            && core::mem::take(&mut it.busy)
        {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
    }
}
