//! The quiet phase: everything is mended, time passes, then the truth outside is compared with what should be and what the core believes.
use super::World;
use crate::checkers::{Ours, Truth, WorkerTruth, convergence, recovery};
use crate::company;
use crate::peers::Peer;
use crate::peers::tserver::AgentState as Emulated;
use crate::steps::Step;
use uc_core::views::{AgentState, LinkState};
use uc_core::{Mono, TimerKey};

/// How often the quiet phase looks whether everything is reconciled, milliseconds.
const LOOK_EVERY_MS: u64 = 2_000;
/// After everything is reconciled the world stays quiet for so long, milliseconds: no request may be in flight, no echo may come.
const REST_MS: u64 = 120_000;
/// Foreign hand and presence change within so many milliseconds may cross.
const CROSSING_MS: u64 = 20_000;

/// Notes of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Books {
    /// When everything was mended.
    pub(super) calm_since: Option<Mono>,
    /// The last foreign hand.
    pub(super) last_hand: Mono,
    /// Some server was out of reach at some time, so the order of things at the two ends is open.
    pub(super) disturbed: bool,
    /// The pool was overloaded, or lost dialogs or registrations.
    pub(super) troubled: bool,
    converged_since: Option<Mono>,
}

impl Books {
    /// Whether a presence change now may overtake, or be overtaken by, an earlier foreign hand.
    pub(super) fn order_is_open(&self, now: Mono) -> bool {
        self.calm_since.is_none() && (self.disturbed || now.since(self.last_hand) < CROSSING_MS)
    }
}

impl World {
    /// Runs everything: the steps, the quiet phase, the last checks, the stop. The result is in [`World::failure`].
    pub fn run(&mut self) {
        self.run_to(Mono(u64::from(self.options.minutes) * 60_000));
        if self.failure.is_none() && !self.options.stop {
            self.run_quiet();
        }
        if self.failure.is_none() {
            self.run_stop();
        }
    }

    pub(super) fn run_quiet(&mut self) {
        self.take_step(&Step::Calm);
        let (begin, bound) = (self.now, recovery::bound_ms(self.core.directory().config()));
        self.run_until_converged(bound + 60_000);
        let recovered = self.books.converged_since;
        if self.options.final_round && recovered.is_some() {
            self.final_round();
            self.run_until_converged(60_000);
        }
        let rest = (self.now + REST_MS).max(begin + u64::from(self.options.quiet_minutes) * 60_000);
        self.run_to(rest);
        // A refresh or a probe may just be under way: it gets the time of a transaction to end. What is left then was lost.
        let end = self.now + self.core.directory().config().uc.timers.transaction_timeout_ms + REST_MS;
        while self.failure.is_none() && !self.is_at_rest() && self.now < end {
            self.run_to(self.now + LOOK_EVERY_MS);
        }
        if self.failure.is_none() {
            self.last_checks(begin, recovered);
        }
    }

    /// Asks every checker about the truth as it is now.
    pub(super) fn last_checks(&mut self, begin: Mono, recovered: Option<Mono>) {
        let truth = self.truth();
        let (violations, model) = (self.violations(), self.model.clone());
        let user_events = std::mem::take(&mut self.t_server.user_events);
        let truth = Truth {
            workers: truth,
            model: &model,
            violations,
            calm_since: begin,
            converged_since: recovered,
            final_round: self.options.final_round && recovered.is_some(),
            troubled: self.was_troubled(),
            both: self.options.both.clone(),
            user_events: &user_events,
            windows: self.pages.shown().map(|(worker, shown)| (worker, shown.clone())).collect(),
        };
        self.check(|checker, scene| checker.on_quiet(scene, &truth));
        self.t_server.user_events = user_events;
    }

    /// Every worker changes once more, now that everything is in reach.
    fn final_round(&mut self) {
        let busy = |worker: u16| {
            let dn = company::dn_of(worker);
            self.t_server.is_on_call(&dn) || self.kept(&dn).is_some()
        };
        let busy: std::collections::BTreeSet<u16> = self.people.iter().copied().filter(|worker| busy(*worker)).collect();
        self.model.settle(|worker| busy.contains(&worker));
        for worker in self.people.clone() {
            let before = self.model.worker(worker).map_or(0, |w| w.availability);
            let availability = if (3_000..6_000).contains(&before) { 6_500 } else { 3_500 };
            self.take_step(&Step::Presence { worker, availability, token: String::new(), note: None });
        }
    }

    /// Runs until the contact centre shows what it should, at most `within_ms`.
    fn run_until_converged(&mut self, within_ms: u64) {
        let end = self.now + within_ms;
        self.books.converged_since = None;
        while self.failure.is_none() && self.now < end {
            self.run_to(self.now + LOOK_EVERY_MS);
            if self.is_converged() && self.is_at_rest() {
                self.books.converged_since = Some(self.now);
                return;
            }
        }
    }

    /// The contact centre shows what the model allows, and every monitored worker is watched.
    #[must_use]
    pub fn is_converged(&self) -> bool {
        self.truth().iter().all(|worker| {
            worker.watched > 0
                && convergence::is_believed(&self.core, self.options.both.way, worker, self.was_troubled())
                && convergence::check(worker, &self.model).is_ok()
        })
    }

    fn was_troubled(&self) -> bool {
        self.options.odd_peers || self.books.disturbed || self.books.troubled
    }

    /// The core waits for nothing: no answer, no pause before a repeat.
    fn is_at_rest(&self) -> bool {
        let sip = self.core.uc_links().iter().all(|l| l.state == LinkState::Up && l.outstanding == 0 && l.waiting == 0);
        let up = self.core.cti_links().iter().any(|l| l.state == LinkState::Up);
        sip && up
            && !self.core.deadlines().iter().any(|(_, key)| is_publishing(key))
            && self.core.cti_links().iter().all(|l| l.outstanding == 0)
            && !self.core.deadlines().iter().any(|(_, key)| matches!(key, TimerKey::Presence(_)))
    }

    /// The monitored workers as the peers know them.
    #[must_use]
    pub fn truth(&self) -> Vec<WorkerTruth> {
        let directory = self.core.directory();
        let worker_truth = |worker: &u16| {
            let (uri, dn) = (company::uri_of(*worker), company::dn_of(*worker));
            let user = directory.user_by_uri(&uri)?;
            let ours = if self.options.both.way.publishes() { self.ours(&uri) } else { Ours::Nothing };
            Some(WorkerTruth {
                worker: *worker,
                user,
                dn: directory.dns_of(user).next()?,
                availability: self.own_availability(&uri, &ours),
                kept: self.kept(&dn),
                ours,
                endpoints: u32::from(self.options.both.way.publishes() && self.front_end.is_registered(&uri)),
                agent: self.agent_state(&dn),
                status: self.reason(&dn, "KW_UC_STATUS"),
                watched: self.front_end.subscriptions_of(&uri, false) as u32,
            })
        };
        self.people.iter().filter_map(worker_truth).collect()
    }

    fn agent_state(&self, dn: &str) -> AgentState {
        let Some(truth) = self.t_server.agent(dn) else { return AgentState::Unknown };
        match truth.state {
            Emulated::LoggedOut => AgentState::LoggedOut,
            Emulated::LoggedIn => AgentState::LoggedIn,
            Emulated::NotReady => AgentState::NotReady(truth.work_mode.unwrap_or(0) as u8),
            Emulated::Ready => AgentState::Ready,
        }
    }

    fn reason(&self, dn: &str, key: &str) -> Option<String> {
        self.t_server.agent(dn)?.reasons.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    /// What the peers complain about.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.front_end.violations().iter().chain(self.t_server.violations()).cloned().collect()
    }
}

/// Timers of publications that are not done: their turn, a pause. Refreshes of what stands do not count.
fn is_publishing(key: &TimerKey) -> bool {
    let text = format!("{key:?}");
    text.contains("Publisher(") && (text.contains("Retry") || text.contains("Settle"))
}
