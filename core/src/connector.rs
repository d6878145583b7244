//! The switchboard: one `handle` is one up pass (inputs become facts, facts rise to presence) and one down pass (what presence wants becomes actions).
//!
//! Ranks: links and dialogs (`uc`, `cti`) below presence. A fact travels only upwards; commands (here: the work list of DNs) travel only downwards and never
//! emit facts, so one `handle` ends after a bounded number of deliveries.
mod checkpoint;

pub use checkpoint::RestoreFault;

use crate::action::Action;
use crate::config::Config;
use crate::cti::CtiSide;
use crate::cti_event::{CtiEvent, RouterMessage};
use crate::cx::{Cx, Out};
use crate::deadlines::{Deadlines, Due, TimerKey};
use crate::directory::Directory;
use crate::entropy::{Entropy, Seed};
use crate::fact::Facts;
use crate::fingerprint::Fp;
use crate::id::{CtiLinkId, DnId, UserId};
use crate::input::{Input, WorkerCommand};
use crate::offer::{OfferId, OfferView, ReportId, ReportView, RequestView, RouterEvent};
use crate::offers::Offers;
use crate::presence::Presence;
use crate::time::{Mono, Now};
use crate::uc::UcSide;
use crate::views::{
    ChoiceFault, Counters, CtiLinkView, DeadlineView, DnExplanation, DnView, PreviewsView, PublisherView, Reason, ShownState, UcLinkView, WorkerView,
};
use crate::watch::Watch;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The core. Total: no input a peer can cause makes it fail or panic.
#[derive(Clone, Debug)]
pub struct Connector {
    directory: Directory,
    entropy: Entropy,
    deadlines: Deadlines,
    facts: Facts,
    out: Out,
    last: Now,
    uc: UcSide,
    cti: CtiSide,
    presence: Presence,
    offers: Offers,
    drain: Drain,
    pub(crate) watch: Watch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Drain {
    No,
    Running,
    Done,
}

/// Splits the connector into the context and the machines, so that a machine can be called with everything else borrowed.
macro_rules! cx {
    ($it:ident, $now:expr) => {
        Cx {
            now: $now,
            config: $it.directory.config(),
            directory: &$it.directory,
            entropy: &mut $it.entropy,
            deadlines: &mut $it.deadlines,
            facts: &mut $it.facts,
            out: &mut $it.out,
            watch: &mut $it.watch,
        }
    };
}

impl Connector {
    /// A connector that wants to connect: poll its actions.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: Seed, now: Now) -> Self {
        let directory = Directory::new(config);
        let mut it = Self {
            uc: UcSide::default(),
            cti: CtiSide::default(),
            presence: Presence::default(),
            offers: Offers::default(),
            entropy: Entropy::new(seed),
            deadlines: Deadlines::default(),
            facts: Facts::new(),
            out: Out::default(),
            last: now,
            drain: Drain::No,
            watch: Watch::default(),
            directory,
        };
        it.offers = Offers::start(&cx!(it, now));
        it.presence = Presence::start(&mut cx!(it, now));
        it.cti = CtiSide::start(&mut cx!(it, now));
        it.uc = UcSide::start(&mut cx!(it, now));
        it.settle(now);
        it
    }

    /// Takes one input. Never fails, never panics on what a peer sent. Time does not go back: an earlier `now` counts as the last one. After
    /// [`Action::Drained`] nothing happens any more.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        let now = if now.mono < self.last.mono { self.last } else { now };
        self.last = now;
        if self.drain == Drain::Done {
            return self.refuse(now, &input);
        }
        match input {
            Input::Wake => {}
            Input::Uc { link, event } => self.uc.on_event(&mut cx!(self, now), link, event),
            Input::Cti { link, event } => {
                let released = self.offers.released(&event).filter(|_| self.cti.is_connected(link));
                let message = if let CtiEvent::Router(message) = event { Some(message) } else { None };
                self.cti.on_event(&mut cx!(self, now), link, event);
                if let Some(message) = message {
                    self.on_router(now, link, message);
                }
                if let Some(conn) = released {
                    self.offers.on_released(&mut cx!(self, now), conn);
                }
            }
            Input::Worker { user, command } => self.presence.on_worker(&mut cx!(self, now), user, command),
            Input::Router(event) => self.offers.on_router(&mut cx!(self, now), &self.presence, event),
            Input::Page { user, event } => self.offers.on_page(&mut cx!(self, now), &self.presence, user, event),
            Input::Restore { user, choice } => self.presence.on_restore(&mut cx!(self, now), user, choice),
            Input::Reconfigure(config) => self.reconfigure(now, config),
            Input::Drain { within_ms } => self.begin_drain(now, within_ms),
        }
        self.run_due(now);
        self.settle(now);
    }

    /// A message of a router behind a bridge becomes a request like those the driver hands in.
    fn on_router(&mut self, now: Now, link: CtiLinkId, message: &RouterMessage<'_>) {
        let Some(asked) = self.cti.on_router(&mut cx!(self, now), link, message) else { return };
        match asked.op {
            Some(op) => message.with_event(op, asked.id, &asked.key, |event| self.offers.on_router(&mut cx!(self, now), &self.presence, event)),
            None => crate::offers::refuse(&mut cx!(self, now), asked.id, &alloc::format!("there is no message {}", message.name)),
        }
    }

    /// Deadlines; what the input said counts before them, though both are of the same instant.
    fn run_due(&mut self, now: Now) {
        self.lift(now);
        while let Some(key) = self.deadlines.pop_due(now.mono) {
            match key {
                TimerKey::Uc(timer) => self.uc.on_timer(&mut cx!(self, now), timer),
                TimerKey::Cti(timer) => self.cti.on_timer(&mut cx!(self, now), timer),
                TimerKey::Presence(timer) => self.presence.on_timer(&mut cx!(self, now), timer),
                TimerKey::Offers(timer) => self.offers.on_timer(&mut cx!(self, now), &self.presence, timer),
                TimerKey::Drain => self.finish_drain(now),
            }
            self.lift(now);
        }
    }

    /// Up pass: facts rise to presence.
    fn lift(&mut self, now: Now) {
        while let Some(fact) = self.facts.pop_front() {
            let news = Offers::news(&fact);
            self.presence.on_fact(&mut cx!(self, now), fact);
            self.offers.on_news(&mut cx!(self, now), &self.presence, news);
        }
    }

    /// Up pass, then down pass: the DNs that need something get it, as far as the windows of their links allow.
    fn settle(&mut self, now: Now) {
        self.lift(now);
        self.answer_routers(now);
        if self.drain != Drain::Done {
            self.presence.emit(&mut cx!(self, now), &mut self.cti, &mut self.uc);
            self.offers.emit(&mut cx!(self, now), &mut self.cti, &mut self.uc);
        }
        if self.drain == Drain::Running && self.uc.is_drained() && self.presence.is_drained() && self.offers.is_drained(&self.cti) {
            self.finish_drain(now);
        }
        debug_assert!(self.facts.is_empty(), "a command emitted a fact");
    }

    fn reconfigure(&mut self, now: Now, config: Arc<Config>) {
        let old = Arc::clone(self.directory.config());
        let changes = self.directory.apply(config);
        changes.removed_users.iter().for_each(|(user, _)| self.watch.set(*user, false));
        self.watch.mark_all();
        self.presence.on_reconfigure(&mut cx!(self, now), &old, &changes);
        self.cti.on_reconfigure(&mut cx!(self, now), &old, &changes);
        self.uc.on_reconfigure(&mut cx!(self, now), &old, &changes);
        self.offers.on_reconfigure(&mut cx!(self, now), &self.presence, &old, &changes);
    }

    fn begin_drain(&mut self, now: Now, within_ms: u32) {
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Running;
        self.deadlines.set(TimerKey::Drain, now.mono + u64::from(within_ms));
        self.presence.on_drain(&mut cx!(self, now));
        self.uc.on_drain(&mut cx!(self, now));
        self.offers.on_drain(&mut cx!(self, now));
    }

    /// Down pass: answers go to the bridges whose routers asked.
    fn answer_routers(&mut self, now: Now) {
        for (id, answer) in core::mem::take(&mut self.out.router_answers) {
            self.cti.answer_router(&mut cx!(self, now), id, answer);
        }
    }

    /// A router is answered also after the end; nothing else happens.
    fn refuse(&mut self, now: Now, input: &Input<'_>) {
        if let Input::Router(RouterEvent::Request { id, .. } | RouterEvent::Cancel { id, .. }) = input {
            crate::offers::refuse(&mut cx!(self, now), *id, "the connector has stopped");
        }
    }

    fn finish_drain(&mut self, now: Now) {
        if self.drain != Drain::Done {
            self.drain = Drain::Done;
            self.answer_routers(now);
            self.cti.close(&mut cx!(self, now));
            self.watch.mark_all();
            self.deadlines = Deadlines::default();
            self.out.actions.push_back(Action::Drained);
        }
    }

    /// The next thing to do; `None` when everything has been taken.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// When to hand in [`Input::Wake`] at the latest, and why. "Now" while actions wait.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Mono, Due)> {
        if !self.out.actions.is_empty() {
            return Some((self.last.mono, Due::Actions));
        }
        self.deadlines.next().map(|(at, key)| (at, Due::Timer(key)))
    }

    /// Names behind ids, for encoders and views.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The note last heard for the worker of `dn`, as it goes into `KW_UC_NOTE`.
    #[must_use]
    pub fn note_of(&self, dn: DnId) -> &str {
        self.user_of(dn).map_or("", |user| self.presence.note(self.directory.config(), user))
    }

    /// The worker a DN belongs to now: its owner, or who sits there.
    #[must_use]
    pub fn user_of(&self, dn: DnId) -> Option<UserId> {
        self.directory.has_dn(dn).then(|| self.presence.user_at(&self.directory, dn))?
    }

    /// The DNs of a worker: their own, then those they sit at.
    pub fn dns_of(&self, user: UserId) -> impl Iterator<Item = DnId> + '_ {
        self.presence.dns_of(&self.directory, user)
    }

    /// One worker.
    #[must_use]
    pub fn worker(&self, user: UserId) -> Option<WorkerView<'_>> {
        self.directory.has_user(user).then(|| {
            let config = self.directory.config();
            let dns = self.presence.dns_of(&self.directory, user).filter_map(|dn| self.dn(dn)).map(|dn| dn.shown);
            let shown = ShownState::of_all(dns, &config.choice);
            self.presence.worker(user, &self.directory, self.uc.covers(user), self.last.unix_ms, shown)
        })
    }

    /// Whether a worker may do this now; [`Input::Worker`] with what may not is only noted.
    ///
    /// # Errors
    /// Why not.
    pub fn may_choose(&self, user: UserId, command: WorkerCommand) -> Result<(), ChoiceFault> {
        if !self.directory.has_user(user) {
            return Err(ChoiceFault::NotHere);
        }
        Presence::may_choose(self.directory.config(), self.directory.person(user).sync, command)
    }

    /// What decides about a worker's agent now.
    #[must_use]
    pub fn reason(&self, user: UserId) -> Option<Reason> {
        self.directory.has_user(user).then(|| self.presence.reason(&self.directory, user, self.last.unix_ms))
    }

    /// What is done about each DN of a worker, and why not more.
    #[must_use]
    pub fn explain_dns(&self, user: UserId) -> Vec<(DnId, DnExplanation)> {
        if self.directory.has_user(user) { self.presence.explain_dns(&self.directory, user, self.last) } else { Vec::new() }
    }

    /// One DN.
    #[must_use]
    pub fn dn(&self, dn: DnId) -> Option<DnView> {
        self.directory.has_dn(dn).then(|| {
            let registered = self.cti.is_registered(self.directory.switch_of(dn), dn);
            self.presence.dn(dn, &self.directory, registered)
        })
    }

    /// The open offers of a worker, oldest first: what a page shows when it comes (back).
    #[must_use]
    pub fn offers_of(&self, user: UserId) -> Vec<OfferView> {
        self.offers.offers_of(user)
    }

    /// What is known of the newest request about a call; `None`: nothing, or not any more.
    #[must_use]
    pub fn request(&self, conn: &str) -> Option<RequestView> {
        self.offers.request(conn)
    }

    /// The offers whose worker is being asked, or was, through their own client; for checkers.
    #[must_use]
    pub fn invitations(&self) -> Vec<OfferId> {
        self.uc.invitations()
    }

    /// How many previews are open.
    #[must_use]
    pub fn previews(&self) -> PreviewsView {
        self.offers.view()
    }

    /// A report that is under way; for the encoder of [`crate::action::CtiOut::UserEvent`].
    #[must_use]
    pub fn report(&self, report: ReportId) -> Option<ReportView<'_>> {
        self.offers.report(report)
    }

    /// What is published for a worker; `None` when nothing is, and nothing is under way.
    #[must_use]
    pub fn publisher(&self, user: UserId) -> Option<PublisherView> {
        self.uc.publisher(user)
    }

    /// How many workers have a publisher at present.
    #[must_use]
    pub fn publishers(&self) -> usize {
        self.uc.publishers()
    }

    /// The SIP links.
    #[must_use]
    pub fn uc_links(&self) -> Vec<UcLinkView> {
        self.uc.links()
    }

    /// The bridge links.
    #[must_use]
    pub fn cti_links(&self) -> Vec<CtiLinkView> {
        self.cti.links()
    }

    /// In how many live subscriptions each watched user is; for the coverage checker.
    #[must_use]
    pub fn coverage(&self) -> Vec<(UserId, u32)> {
        self.uc.coverage()
    }

    /// Counters since start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters { notes_dropped: self.out.notes_dropped, ..Counters::default() };
        self.uc.count(&mut counters);
        self.cti.count(&mut counters);
        self.presence.count(&mut counters);
        self.offers.count(&mut counters);
        counters
    }

    /// DNs waiting to be looked at, for checkers and metrics.
    #[must_use]
    pub fn work_queued(&self) -> usize {
        self.presence.queued()
    }

    /// All deadlines in time order, for checkers.
    #[must_use]
    pub fn deadlines(&self) -> Vec<DeadlineView> {
        self.deadlines.iter().collect()
    }

    /// A hash of the whole state that does not depend on absolute time or random strings.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut fp = Fp::new(self.last.mono);
        self.deadlines.fingerprint(&mut fp);
        self.uc.fingerprint(&mut fp);
        self.cti.fingerprint(&mut fp);
        self.presence.fingerprint(&mut fp);
        self.offers.fingerprint(&mut fp);
        fp.num(self.drain as u64);
        fp.finish()
    }
}

#[cfg(test)]
impl Connector {
    /// Hands in a fact as the SIP side would.
    pub(crate) fn tell(&mut self, now: Now, fact: crate::fact::Fact) {
        self.facts.push_back(fact);
        self.handle(now, Input::Wake);
    }
}
