//! Stories: a world built by hand, commanded step by step, for tests that read like what happened.
use super::World;
use crate::options::Options;
use crate::sabotage::Sabotage;
use crate::steps::{Fate, Hand, Server, Step};
use uc_core::Mono;
use uc_core::config::Redundancy;

/// A world to be.
#[derive(Clone, Debug)]
pub struct Builder {
    options: Options,
    sabotage: Sabotage,
    told: bool,
}

impl World {
    /// A calm world of this seed: no faults, quick network, 20 workers, a hot pair.
    #[must_use]
    pub fn builder(seed: u64) -> Builder {
        Builder { options: Options { quiet_minutes: 1, ..Options::calm(seed) }, sabotage: Sabotage::None, told: false }
    }
}

impl Builder {
    /// So many workers.
    #[must_use]
    pub const fn workers(mut self, count: u16) -> Self {
        self.options.workers = count;
        self
    }

    /// How the T-Servers work together.
    #[must_use]
    pub const fn redundancy(mut self, how: Redundancy) -> Self {
        self.options.redundancy = how;
        self
    }

    /// So many Front Ends.
    #[must_use]
    pub const fn front_ends(mut self, count: u16) -> Self {
        self.options.front_ends = count;
        self
    }

    /// Any other option.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Plants a bug.
    #[must_use]
    pub const fn sabotage(mut self, bug: Sabotage) -> Self {
        self.sabotage = bug;
        self
    }

    /// Keeps the story.
    #[must_use]
    pub const fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// The world at time zero.
    #[must_use]
    pub fn build(self) -> World {
        World::with(self.options, Vec::new(), self.sabotage, self.told)
    }

    /// The world after everything is connected and every worker has published 3500 (available).
    ///
    /// # Panics
    /// If it does not converge within two virtual minutes, with what went wrong.
    #[must_use]
    pub fn up(self) -> World {
        let mut world = self.build();
        for worker in 0..world.options.workers {
            world.set_presence(worker, 3_500);
        }
        world.run_until(120_000, World::is_converged);
        world
    }
}

impl World {
    /// A worker's presence changes, without activity, the note left alone.
    pub fn set_presence(&mut self, worker: u16, availability: u32) {
        self.take_step(&Step::Presence { worker, availability, token: String::new(), note: None });
    }

    /// Another client changes an agent's state.
    pub fn foreign_hand(&mut self, worker: u16, hand: Hand) {
        self.take_step(&Step::Foreign(worker, hand));
    }

    /// A Front End's program dies.
    pub fn kill_front_end(&mut self, at: u16) {
        self.take_step(&Step::Server(Server::FrontEnd(at), Fate::Kill));
    }

    /// A Front End is started again.
    pub fn revive_front_end(&mut self, at: u16) {
        self.take_step(&Step::Server(Server::FrontEnd(at), Fate::Revive));
    }

    /// A T-Server's program dies.
    pub fn kill_t_server(&mut self, at: u16) {
        self.take_step(&Step::Server(Server::TServer(at), Fate::Kill));
    }

    /// A T-Server is started again.
    pub fn revive_t_server(&mut self, at: u16) {
        self.take_step(&Step::Server(Server::TServer(at), Fate::Revive));
    }

    /// Lets so many milliseconds pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_to(self.now + ms);
    }

    /// Lets time pass until something holds, looked at every 10 ms; returns how long it took, milliseconds.
    ///
    /// # Panics
    /// If it does not hold within `ms`, or a checker objects: with the story so far.
    pub fn run_until(&mut self, ms: u64, mut holds: impl FnMut(&Self) -> bool) -> u64 {
        let begin = self.now;
        while !holds(self) {
            assert!(self.now.since(begin) < ms, "not so within {ms} ms\n{}", self.account());
            self.run_to(self.now + 10);
            assert!(self.failure.is_none(), "{}", self.account());
        }
        self.now.since(begin)
    }

    /// Lets time pass until everything is reconciled, looked at every `every_ms`: for large companies, where looking is dear. Returns how long it took, milliseconds.
    ///
    /// # Panics
    /// If it does not happen within `ms`, or a checker objects.
    pub fn run_until_coarsely(&mut self, ms: u64, every_ms: u64) -> u64 {
        let begin = self.now;
        while !self.is_converged() {
            assert!(self.now.since(begin) < ms && self.failure.is_none(), "not reconciled within {ms} ms: {:?}", self.failure);
            self.run_to(self.now + every_ms);
        }
        self.now.since(begin)
    }

    /// Mends everything, lets the quiet phase pass, and asks every checker.
    ///
    /// # Panics
    /// If one objects, with the story so far.
    pub fn assert_converged(&mut self) {
        self.run_quiet();
        assert!(self.failure.is_none(), "{}", self.account());
    }

    /// Story, failure and workers, for panics.
    #[must_use]
    pub fn account(&self) -> String {
        let story = self.trace.story();
        let tail = story[story.len().saturating_sub(200)..].join("\n");
        let differs: Vec<String> =
            self.truth().iter().filter(|w| crate::checkers::convergence::check(w, &self.model).is_err()).map(|w| format!("{w:?}")).collect();
        format!("{tail}\n{:?}\nat {}, differing: {}\nlinks {:?} {:?}", self.failure, self.now, differs.join("\n"), self.core.uc_links(), self.core.cti_links())
    }

    /// When everything was reconciled after [`Step::Calm`], if it was; for measurements.
    #[must_use]
    pub const fn calm_since(&self) -> Option<Mono> {
        self.books.calm_since
    }
}
