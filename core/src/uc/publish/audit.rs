//! What must hold of publishers at any time; for the chaos test.
use super::step::Step;
use super::{Patience, PublisherTimer, timer};
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId};
use crate::uc::link::State;
use crate::uc::transact::Ask;
use crate::uc::{UcSide, UcTimer, key};

impl UcSide {
    pub(in crate::uc) fn audit_publishers(&self, cx: &Cx<'_>) {
        let asks = |user: UserId| {
            let of = |ask: &Ask| matches!(ask, Ask::Publisher(u, _) if *u == user);
            self.links.iter().flat_map(|link| link.txns.values()).filter(|txn| of(&txn.ask)).count()
        };
        let all = &self.publishing.all;
        assert_eq!(self.publishing.outstanding as usize, all.values().filter(|it| it.busy).count());
        for (id, link) in self.links.iter().enumerate() {
            let on = all.values().filter(|it| self.watchers[it.watcher.index()].link == UcLinkId(id as u16)).count();
            assert_eq!(link.publishers as usize, on, "publishers of link {id}");
        }
        for (user, it) in all {
            assert!(it.behind.is_none_or(|other| all.get(&other).is_some_and(|other| other.leaving)), "{user} waits for nobody");
            let link = &self.links[self.watchers[it.watcher.index()].link.index()];
            assert_eq!(asks(*user), usize::from(it.busy), "{user}: one request at a time");
            assert_eq!(link.speakers.iter().filter(|u| *u == user).count(), usize::from(it.queued), "{user} in line");
            assert!(!it.busy || link.state.peer().is_some(), "{user} asks nobody");
            let has = |which| cx.deadlines.get(timer(*user, which)).is_some();
            assert_eq!(it.patience != Patience::Ready, has(PublisherTimer::Retry), "{user}: {:?}", it.patience);
            assert!(it.endpoint.stands || !it.endpoint.due, "{user}: a registration to be refreshed that does not stand");
            assert!(!it.endpoint.stands || it.endpoint.due || has(PublisherTimer::Register) || it.busy, "{user}: never registered again");
            if let Some(sub) = it.sub.as_deref() {
                assert!(sub.due || it.busy || has(PublisherTimer::Subscribe), "{user}: never subscribed again");
            }
            let moves = matches!(link.state, State::Up(_)) && !it.queued && !self.publishing.owed.contains_key(user);
            match self.step(cx, *user) {
                Step::Say(speech) if moves => panic!("{user} has something to say and is not in line: {speech:?} {it:?}"),
                Step::Gone if moves => panic!("{user} has nothing to do and is still there: {it:?}"),
                Step::Wait if moves && !it.busy && it.patience == Patience::Ready && it.told.is_none() && !it.failed && !it.leaving => {
                    // A client of the worker's stands in the way, or the first notification is waited for.
                    let waits = it.behind.is_some() || it.acted || it.sub.as_deref().is_some_and(|sub| !sub.fresh) || it.own.has_unknown();
                    assert!(waits, "{user} was commanded and nothing happens: {it:?}");
                }
                _ => {}
            }
        }
        if let Some(at) = cx.deadlines.get(key(UcTimer::Settle)) {
            assert!(!self.publishing.owed.is_empty() && at <= cx.now.mono);
        } else {
            assert!(self.publishing.owed.is_empty());
        }
    }

    /// The worker has a publisher.
    pub(in crate::uc) fn has_publisher(&self, user: UserId) -> bool {
        self.publishing.all.contains_key(&user)
    }
}
