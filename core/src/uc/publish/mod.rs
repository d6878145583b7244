//! Publishing on behalf of workers (`spec/ms-pres.md` 6): one small machine per worker that has, or had, a command.
//!
//! A publisher has one request under way at most, and what it sends next follows from where it stands (`step.rs`): register an endpoint as the worker
//! (`endpoint.rs`), read what stands (`selfsub.rs`), publish or withdraw (`service.rs`) by comparing the table of instances (`own.rs`) with the latest command,
//! and leave. Requests wait in a queue per link and go out as the pace of the link and of `config.publish` allow. Commands come in the down pass and never emit
//! facts: what can be told at once is told when the settle timer fires.
#[cfg(test)]
mod audit;
mod endpoint;
mod life;
mod own;
mod request;
mod selfsub;
mod service;
mod step;
mod view;

use super::{UcSide, UcTimer, key};
use crate::config::{NoteLevel, PublishWay, StateRow};
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::{UcLinkId, UserId, WatcherId};
use crate::note::Note;
use crate::presence::Lag;
use crate::time::Mono;
use crate::uc_event::PublicationKey;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use endpoint::Endpoint;
use own::{Done, Own, Want};
use selfsub::SelfSub;
pub(super) use selfsub::self_in;
pub(super) use step::Speech;

/// Timers of a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum PublisherTimer {
    /// The endpoint's registration is to be refreshed.
    Register,
    /// The self subscription is to be refreshed, or its first notification did not come.
    Subscribe,
    /// The publication is to be refreshed.
    Refresh,
    /// A pause is over.
    Retry,
}

/// All publishers.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Publishing {
    pub(super) all: BTreeMap<UserId, Box<Publisher>>,
    /// Workers about whom something may be to be told, when the settle timer fires.
    owed: BTreeMap<UserId, Owed>,
    /// Requests unanswered.
    outstanding: u32,
    /// The servers' clock.
    lag: Lag,
    /// The operator knows that we are not allowed to do this.
    alarmed: bool,
    pub(super) tally: PublishTally,
}

/// What is counted here.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct PublishTally {
    /// Publications and withdrawals the server took.
    pub(super) done: u64,
    /// 409.
    pub(super) conflicts: u64,
    /// Other refusals, of any request for a publication.
    pub(super) refused: u64,
}

/// What is owed to presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Owed {
    /// What the publisher says.
    Look,
    /// Nothing can be published for this worker: no SIP URI, or no connection is configured.
    Failed,
    /// The same, but nothing was wanted anyway.
    Nothing,
}

/// Why a publisher waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Patience {
    /// It does not.
    #[default]
    Ready,
    /// The link was lost: publishers come back spread over time.
    Spread,
    /// A conflict, or a server that is busy: a new command waits, too.
    Busy,
    /// Refused: the next command tries again.
    Denied,
}

/// The publisher of one worker.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Publisher {
    /// The worker, as this publisher knows them.
    uri: Box<str>,
    /// Whose link is used.
    watcher: WatcherId,
    way: Way,
    /// The latest command.
    want: Option<StateRow>,
    /// Since when something has been wanted.
    since: Mono,
    /// The worker is gone, has another URI, or the way is another one now: withdraw and go.
    leaving: bool,
    /// The publisher of an earlier worker with the same address that is still leaving: one at a time.
    behind: Option<UserId>,
    /// What presence knows: unanswered command, or what was reported.
    told: Option<Option<StateRow>>,
    /// Presence knows that it did not work.
    failed: bool,
    /// In the queue of its link.
    queued: bool,
    /// A request is unanswered.
    busy: bool,
    patience: Patience,
    own: Own,
    /// What the request under way does.
    flight: Box<[(PublicationKey, Done)]>,
    /// A row whose publication was not answered.
    tried: Option<StateRow>,
    /// When our time-bound publication ends by itself.
    ours_until: Option<Mono>,
    /// It is to be published again.
    refresh: bool,
    /// The table was read once in this life.
    known: bool,
    /// A client of the worker's did something since the last command.
    acted: bool,
    /// CSeq of SERVICE.
    cseq: u32,
    /// Conflicts in a row.
    conflicts: u8,
    /// Refusals in a row.
    refusals: u8,
    failing_since: Option<Mono>,
    last_refusal: Option<u16>,
    endpoint: Endpoint,
    sub: Option<Box<SelfSub>>,
}

/// [`PublishWay`] as a publisher began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Way {
    /// A registered endpoint.
    Endpoint,
    /// SERVICE without one.
    Direct,
}

impl Way {
    /// PUBLISH with PIDF is the business of the standard kind's machine (`uc/simple/publish.rs`).
    const fn of(way: PublishWay) -> Option<Self> {
        match way {
            PublishWay::Endpoint { .. } => Some(Self::Endpoint),
            PublishWay::Direct => Some(Self::Direct),
            PublishWay::Pidf => None,
        }
    }
}

impl Publisher {
    fn new(uri: Box<str>, watcher: WatcherId, way: Way) -> Self {
        Self {
            uri,
            watcher,
            way,
            want: None,
            since: Mono::default(),
            leaving: false,
            behind: None,
            told: None,
            failed: false,
            queued: false,
            busy: false,
            patience: Patience::Ready,
            own: Own::default(),
            flight: Box::default(),
            tried: None,
            ours_until: None,
            refresh: false,
            known: way == Way::Direct,
            acted: false,
            cseq: 0,
            conflicts: 0,
            refusals: 0,
            failing_since: None,
            last_refusal: None,
            endpoint: Endpoint::default(),
            sub: None,
        }
    }

    /// The command in force.
    fn wanted(&self) -> Option<StateRow> {
        self.want.filter(|_| !self.leaving)
    }

    /// What the table is compared with.
    fn want<'c>(&self, cx: &Cx<'c>) -> Want<'c> {
        let config = &cx.config.publish;
        let row = self.wanted().and_then(|row| Some((row, config.state(row)?)));
        Want { row, refresh: self.refresh, now: cx.now.mono }
    }
}

impl UcSide {
    /// The publication of `user` shall be this row, or none; a row that is not configured is none. The latest command counts.
    pub(crate) fn publish(&mut self, cx: &mut Cx<'_>, user: UserId, row: Option<StateRow>) {
        if self.draining || !cx.directory.has_user(user) {
            return;
        }
        let row = row.filter(|row| cx.config.publish.state(*row).is_some());
        let way = Way::of(cx.config.publish.way).filter(|_| !self.flavour.is_simple());
        if way.is_none() && !self.publishing.all.contains_key(&user) {
            return self.publish_pidf(cx, user, row);
        }
        if !self.publishing.all.contains_key(&user) && !way.is_some_and(|way| self.begin(cx, user, way)) {
            return self.owe(cx, user, if row.is_some() { Owed::Failed } else { Owed::Nothing });
        }
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if it.want.is_none() {
            it.since = cx.now.mono;
        }
        it.want = row;
        it.told = None;
        it.failed = false;
        it.own.command(core::mem::take(&mut it.acted));
        if matches!(it.patience, Patience::Spread | Patience::Denied) {
            it.patience = Patience::Ready;
            cx.clear(timer(user, PublisherTimer::Retry));
        }
        self.queue_up(cx, user);
        let Some(it) = self.publishing.all.get(&user) else { return };
        if it.queued {
            let link = self.watchers[it.watcher.index()].link;
            self.pump(cx, link);
        } else if !it.busy {
            self.owe(cx, user, Owed::Look);
        }
    }

    /// Commands come in the down pass, where no fact may be emitted: the settle timer does.
    fn owe(&mut self, cx: &mut Cx<'_>, user: UserId, what: Owed) {
        self.publishing.owed.insert(user, what);
        cx.set(key(UcTimer::Settle), cx.now.mono);
    }

    /// Makes a publisher; `false` when there is nobody it could be.
    fn begin(&mut self, cx: &mut Cx<'_>, user: UserId, way: Way) -> bool {
        let uri = cx.directory.uri(user);
        let Some(watcher) = self.voice_of(user).filter(|_| !uri.is_empty()) else { return false };
        let mut it = Publisher::new(uri.into(), watcher, way);
        let before = self.publishing.all.iter().find(|(_, other)| other.leaving && crate::directory::same_uri(&other.uri, uri));
        it.behind = before.map(|(user, _)| *user);
        let link = self.watchers[watcher.index()].link;
        self.links[link.index()].publishers += 1;
        self.publishing.all.insert(user, Box::new(it));
        true
    }

    /// The watcher whose link speaks for a worker.
    fn voice_of(&self, user: UserId) -> Option<WatcherId> {
        let watcher = self.table.get(user).map(|slot| slot.watcher).filter(|w| w.index() < self.watchers.len());
        watcher.or_else(|| (!self.watchers.is_empty()).then_some(WatcherId(0)))
    }

    fn link_of_publisher(&self, user: UserId) -> Option<UcLinkId> {
        self.publishing.all.get(&user).map(|it| self.watchers[it.watcher.index()].link)
    }

    /// A deadline of a publisher.
    pub(super) fn on_publisher_timer(&mut self, cx: &mut Cx<'_>, user: UserId, which: PublisherTimer) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        match which {
            PublisherTimer::Register => it.endpoint.due = true,
            PublisherTimer::Subscribe => self.on_self_timer(cx, user),
            PublisherTimer::Refresh => it.refresh = true,
            PublisherTimer::Retry => {
                it.patience = Patience::Ready;
                if it.own.has_unknown() || it.sub.as_deref().is_some_and(|sub| sub.silent) {
                    // Nobody said what the conflict was about, or that there was reason for one.
                    self.read_again(user);
                }
            }
        }
        self.settle(cx, user);
    }

    /// Commands that needed nothing are answered; in the up pass.
    pub(super) fn on_settle_timer(&mut self, cx: &mut Cx<'_>) {
        while let Some((user, owed)) = self.publishing.owed.pop_first() {
            match owed {
                Owed::Look => self.settle(cx, user),
                _ if !cx.directory.has_user(user) => {}
                Owed::Failed => cx.fact(Fact::PublishFailed { user }),
                Owed::Nothing => cx.fact(Fact::Published { user, row: None }),
            }
        }
    }

    /// Tells what is to be told, lets the publisher go when nothing is left, and sends what is due.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        let want = it.wanted();
        let done = match want {
            Some(row) => it.own.shows(row),
            None => it.known && it.tried.is_none() && !it.own.has_ours() && !it.own.has_unknown(),
        };
        if done && !it.busy && !it.leaving && it.told != Some(want) && it.own.suits(it.want(cx)) {
            it.told = Some(want);
            cx.fact(Fact::Published { user, row: want });
        }
        let link = self.watchers[self.publishing.all[&user].watcher.index()].link;
        self.queue_up(cx, user);
        self.pump(cx, link);
    }

    /// Puts a publisher in line if it has something to send, or lets it go.
    fn queue_up(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.get(&user) else { return };
        if it.queued {
            return;
        }
        match self.step(cx, user) {
            step::Step::Wait => {}
            step::Step::Say(_) => {
                if let Some(it) = self.publishing.all.get_mut(&user) {
                    it.queued = true;
                    let link = self.watchers[it.watcher.index()].link;
                    self.links[link.index()].speakers.push_back(user);
                }
            }
            // What was not told yet is told first.
            step::Step::Gone if it.told.is_some() || it.leaving || self.draining => self.dismiss(cx, user),
            step::Step::Gone => {}
        }
    }

    /// Forgets a publisher. One that left for another URI or way makes room for the command that came in the meantime.
    fn dismiss(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.remove(&user) else { return };
        for which in [PublisherTimer::Register, PublisherTimer::Subscribe, PublisherTimer::Refresh, PublisherTimer::Retry] {
            cx.clear(timer(user, which));
        }
        if let Some(watcher) = self.watchers.get(it.watcher.index()) {
            let link = &mut self.links[watcher.link.index()];
            link.publishers = link.publishers.saturating_sub(1);
        }
        let behind: Vec<UserId> = if it.leaving { self.publishing.behind(user).collect() } else { Vec::new() };
        for other in behind {
            if let Some(other) = self.publishing.all.get_mut(&other) {
                other.behind = None;
            }
            self.owe(cx, other, Owed::Look);
        }
        if it.leaving && it.told.is_none() && cx.directory.has_user(user) && !self.draining {
            self.publish(cx, user, it.want);
        }
    }

    /// It does not work for now: presence is told once per command.
    fn fail(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if !it.failed && !it.leaving {
            it.failed = true;
            cx.fact(Fact::PublishFailed { user });
        }
    }

    /// Waits; a longer pause of the same publisher is replaced.
    fn pause(&mut self, cx: &mut Cx<'_>, user: UserId, patience: Patience, delay: u64) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        it.patience = patience;
        cx.set(timer(user, PublisherTimer::Retry), cx.now.mono + delay);
    }

    fn note_publisher(&self, cx: &mut Cx<'_>, user: UserId, level: NoteLevel, text: String) {
        if let Some(link) = self.link_of_publisher(user) {
            cx.note(Note::Uc { level, link, text: text.into_boxed_str() });
        }
    }
}

const fn timer(user: UserId, which: PublisherTimer) -> crate::deadlines::TimerKey {
    key(UcTimer::Publisher(user, which))
}
