//! The world of a run: one connector, a Front End pool, a pair of T-Servers, the network between them, people, and one clock that jumps from event to event.
//!
//! At each instant the sources (network, peers, resolver, people, the core's own deadline) are asked in an order that the run's options fix. The core is woken at
//! exactly the deadline it names, never earlier. Nothing here reads a clock or draws from anything but the run's seed.
mod both;
#[cfg(test)]
mod both_tests;
mod bridged;
#[cfg(test)]
mod bridged_tests;
mod outside;
mod planted;
mod previews;
#[cfg(test)]
mod previews_tests;
mod quiet;
mod restore;
mod stop;
mod story;
#[cfg(test)]
mod tests;
mod wires;

pub use story::Builder;

use crate::both::Way;
use crate::checkers::{self, Checker, Scene};
use crate::company;
use crate::model::Model;
use crate::net::{ConnId, Net, Side};
use crate::options::Options;
use crate::peers::front_end::FrontEnd;
use crate::peers::tserver::{OtherChange, TServer};
use crate::peers::{Peer, PeerOut};
use crate::preview::{Pages, Routers};
use crate::rng::Rng;
use crate::sabotage::Sabotage;
use crate::steps::Timed;
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use uc_core::entropy::Seed;
use uc_core::id::{UcLinkId, UserId};
use uc_core::offer::OfferId;
use uc_core::uc_event::{CloseCause, UcEvent};
use uc_core::{Connector, Input, Mono};
use wires::{CtiWire, SipWire, Wire};

/// Events at one instant before the run counts as a busy loop.
const EVENTS_PER_INSTANT_MAX: u32 = 1_000_000;
/// Wakes at one instant before the core counts as spinning.
const WAKES_PER_INSTANT_MAX: u32 = 64;

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which checker says so.
    pub checker: &'static str,
    /// When.
    pub at: Mono,
    /// One sentence.
    pub text: String,
}

/// Something the driver owes the core.
#[derive(Clone, Debug)]
enum Later {
    Resolved(UcLinkId, u16, Vec<SocketAddr>),
    Unreachable(UcLinkId),
    /// The Front Ends stop answering 503.
    Relieved,
    /// What a planted bug kept broken is mended.
    Mended,
    /// A worker answers an offer.
    Click(u16, OfferId, bool),
    /// The router routes a call to a DN.
    Route(u64, String),
}

/// The world.
#[derive(Debug)]
pub struct World {
    options: Options,
    now: Mono,
    core: Connector,
    net: Net,
    front_end: FrontEnd,
    /// A pool that people publish to and we do not (`both.rs`).
    shadow: FrontEnd,
    t_server: TServer,
    wires: BTreeMap<ConnId, Wire>,
    sip: Vec<SipWire>,
    cti: Vec<CtiWire>,
    later: BTreeMap<(Mono, u64), Later>,
    sequence: u64,
    steps: std::vec::IntoIter<Timed>,
    next_step: Option<Timed>,
    /// Monitored persons.
    people: Vec<u16>,
    model: Model,
    books: quiet::Books,
    checkers: Vec<Box<dyn Checker>>,
    trace: Trace,
    sabotage: Sabotage,
    plot: planted::Plot,
    echo_next: Option<uc_core::Action>,
    exchange: restore::Exchange,
    failure: Option<Failure>,
    drained: bool,
    /// What the core asked to keep over a restart.
    kept: BTreeMap<uc_core::id::UserId, Option<uc_core::input::Choice>>,
    /// Routers and pages.
    routers: Routers,
    pages: Pages,
    bridge: bridged::RouterBridge,
    scratch: Vec<u8>,
    events: u64,
    /// Events and wakes at this instant.
    instant: (Mono, u32, u32),
}

/// Where the next event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Net,
    FrontEnd,
    TServer,
    Later,
    Step,
    Wake,
}

const SOURCES: [Source; 6] = [Source::Net, Source::FrontEnd, Source::TServer, Source::Later, Source::Step, Source::Wake];

impl World {
    /// A world at time zero, with the steps of its run.
    #[must_use]
    pub fn new(options: Options, steps: Vec<Timed>) -> Self {
        Self::with(options, steps, Sabotage::None, false)
    }

    /// As [`Self::new`], with a planted bug, and with a story if `told`.
    #[must_use]
    pub fn with(options: Options, steps: Vec<Timed>, sabotage: Sabotage, told: bool) -> Self {
        let people: Vec<u16> = (0..options.workers).collect();
        let config = company::config(&options, &people);
        let nodes = usize::from(options.front_ends + company::t_servers(&options) + u16::from(options.previews.bridge_linger_s.is_some()));
        let mut steps = steps.into_iter();
        let mut it = Self {
            now: Mono(0),
            model: Model::new(config.presence.clone(), options.both.way, options.both.stand),
            core: Connector::new(config, Seed::from_u64(options.seed), company::clock(Mono(0))),
            net: Net::new(options.net.clone(), nodes, Rng::fork(options.seed, 0x4e7)),
            front_end: FrontEnd::new(company::pool(&options)),
            shadow: FrontEnd::new(company::pool(&options)),
            t_server: TServer::new(company::pair(&options)),
            wires: BTreeMap::new(),
            sip: Vec::new(),
            cti: Vec::new(),
            later: BTreeMap::new(),
            sequence: 0,
            next_step: steps.next(),
            steps,
            people,
            books: quiet::Books::default(),
            checkers: checkers::all(options.previews.on),
            trace: Trace::new(told),
            sabotage,
            plot: planted::Plot::default(),
            echo_next: None,
            exchange: restore::Exchange::new(&options),
            failure: None,
            drained: false,
            kept: BTreeMap::new(),
            routers: Routers::default(),
            pages: Pages::default(),
            bridge: bridged::RouterBridge::default(),
            scratch: Vec::new(),
            events: 0,
            instant: (Mono(0), 0, 0),
            options,
        };
        it.front_end.faults = company::strays(&it.options);
        it.t_server.faults = company::pair_strays(&it.options);
        for worker in it.people.clone() {
            it.hire(worker);
        }
        it.watch();
        it.drain_core(None);
        it
    }

    /// The person exists at the pool and at the T-Servers, whether monitored or not.
    fn hire(&mut self, worker: u16) {
        self.front_end.add_user(&company::uri_of(worker));
        self.shadow.add_user(&company::uri_of(worker));
        let dn = company::dn_of(worker);
        self.t_server.add_dn(&dn);
        if self.options.both.way == Way::Push {
            // Nobody else logs them in.
            self.t_server.other_client_sets(self.now, &dn, OtherChange::Login(company::login_of(worker)));
        }
    }

    fn later(&mut self, ms: u64, what: Later) {
        self.sequence += 1;
        self.later.insert((self.now + ms, self.sequence), what);
    }

    fn fail(&mut self, checker: &'static str, text: String) {
        if self.failure.is_none() {
            self.trace.tell(self.now, |out| std::fmt::Write::write_fmt(out, format_args!("{checker}: {text}")));
            self.failure = Some(Failure { checker, at: self.now, text });
        }
    }

    /// Asks every checker.
    fn check(&mut self, mut ask: impl FnMut(&mut dyn Checker, Scene<'_>) -> checkers::Verdict) {
        let scene = Scene { now: self.now, core: &self.core };
        let broken = self.checkers.iter_mut().find_map(|checker| ask(checker.as_mut(), scene).err().map(|text| (checker.name(), text)));
        if let Some((name, text)) = broken {
            self.fail(name, text);
        }
    }

    /// Gives the core an input and does everything it asks for.
    fn feed(&mut self, input: Input<'_>, frame: Option<&[u8]>) {
        self.hear(&input);
        if self.sabotage == Sabotage::None || !self.intercept(&input) {
            self.core.handle(company::clock(self.now), input);
        } else if self.sabotage != Sabotage::OverSleep {
            // The core hears that time passes, nothing else.
            self.core.handle(company::clock(self.now), Input::Wake);
        }
        self.drain_core(frame);
        if self.sabotage == Sabotage::EchoRequest {
            self.play_echo();
        }
        self.after_input();
    }

    fn drain_core(&mut self, frame: Option<&[u8]>) {
        while let Some(mut action) = self.core.poll_action() {
            self.forge(&mut action);
            self.see(&action);
            self.perform(&action, frame);
            if self.sabotage != Sabotage::None {
                self.after_action(&action);
            }
        }
        if self.sabotage == Sabotage::ForgetChange {
            self.take_changes();
        }
        self.check(|checker, scene| checker.on_settled(scene));
        self.take_changes();
    }

    /// Looks at the first workers, as their pages would.
    fn watch(&mut self) {
        (0..checkers::watch::WATCHED_MAX).for_each(|user| self.core.watch(UserId(user), true));
    }

    fn take_changes(&mut self) {
        while self.core.poll_changed().is_some() {}
    }

    fn drain_peers(&mut self) {
        while let Some(out) = self.front_end.poll().or_else(|| self.t_server.poll()).or_else(|| self.bridge.peer.poll()) {
            match out {
                PeerOut::Send { conn, bytes } => self.put(ConnId(conn as u32), Side::Server, &bytes),
                PeerOut::Close { conn } => self.net.close(self.now, ConnId(conn as u32), Side::Server),
            }
        }
        if self.options.both.way.publishes() {
            self.watch_publications();
        }
    }

    fn due(&self, source: Source) -> Option<Mono> {
        match source {
            Source::Net => self.net.next_at(),
            Source::FrontEnd => self.front_end.next_deadline(),
            // A source of its own for the router would change the order of the others.
            Source::TServer => self.t_server.next_deadline().into_iter().chain(self.bridge.peer.next_deadline()).min(),
            Source::Later => self.later.first_key_value().map(|((at, _), _)| *at),
            Source::Step => self.next_step.as_ref().map(|s| s.at),
            Source::Wake => self.core.next_deadline().map(|(at, _)| at),
        }
    }

    /// Runs until `until`, a failure, or for ever nothing to do; the clock stands at `until` afterwards unless something broke.
    pub fn run_to(&mut self, until: Mono) {
        while self.failure.is_none() {
            let mut first: Option<(Mono, Source)> = None;
            for i in 0..SOURCES.len() {
                let source = SOURCES[(i + usize::from(self.options.tie)) % SOURCES.len()];
                if let Some(at) = self.due(source)
                    && first.is_none_or(|(best, _)| at < best)
                {
                    first = Some((at, source));
                }
            }
            let Some((at, source)) = first.filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.max(at);
            self.watch_the_clock(source);
            self.events += 1;
            self.run_one(source);
        }
        if self.failure.is_none() {
            self.now = self.now.max(until);
        }
    }

    /// Time must move within so many events.
    fn watch_the_clock(&mut self, source: Source) {
        if self.instant.0 != self.now {
            self.instant = (self.now, 0, 0);
        }
        self.instant.1 += 1;
        self.instant.2 += u32::from(source == Source::Wake);
        if self.instant.2 > WAKES_PER_INSTANT_MAX {
            let why = self.core.next_deadline();
            self.fail("busy-loop", format!("the core was woken {WAKES_PER_INSTANT_MAX} times at one instant, and again: {why:?}"));
        } else if self.instant.1 > EVENTS_PER_INSTANT_MAX {
            self.fail("busy-loop", format!("{EVENTS_PER_INSTANT_MAX} events at one instant"));
        }
    }

    fn run_one(&mut self, source: Source) {
        match source {
            Source::Net => {
                if let Some(event) = self.net.poll(self.now) {
                    self.on_net(event);
                }
            }
            Source::FrontEnd => {
                self.front_end.wake(self.now);
                self.drain_peers();
            }
            Source::TServer => {
                self.t_server.wake(self.now);
                self.bridge.peer.wake(self.now);
                self.drain_peers();
            }
            Source::Later => {
                let Some((_, what)) = self.later.pop_first() else { return };
                match what {
                    Later::Resolved(link, endpoint, addrs) => self.feed(Input::Uc { link, event: UcEvent::Resolved { endpoint, addrs: &addrs } }, None),
                    Later::Unreachable(link) => self.feed(Input::Uc { link, event: UcEvent::Closed { why: CloseCause::Unreachable } }, None),
                    Later::Relieved => self.relieve(),
                    Later::Mended => self.heal_t_servers(),
                    Later::Click(worker, offer, accept) => self.click(worker, offer, accept),
                    Later::Route(conn, dn) => self.route(conn, &dn),
                }
            }
            Source::Step => {
                let Some(timed) = std::mem::replace(&mut self.next_step, self.steps.next()) else { return };
                self.take_step(&timed.step);
            }
            Source::Wake => self.feed(Input::Wake, None),
        }
    }

    /// The hash of everything that was on the wires, and of the core's state now.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        let mut trace = self.trace.clone();
        trace.num(self.core.fingerprint());
        trace.num(self.events);
        trace.hash()
    }

    /// The story so far, if it was asked for.
    #[must_use]
    pub fn story(&self) -> &[String] {
        self.trace.story()
    }

    /// What broke, if anything.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Virtual time.
    #[must_use]
    pub const fn now(&self) -> Mono {
        self.now
    }

    /// The connector, for views.
    #[must_use]
    pub const fn core(&self) -> &Connector {
        &self.core
    }

    /// Events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }
}
