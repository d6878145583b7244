//! Runs with interaction previews: how routers, pages and the connector are set up, what happens (`steps`), and the emulated ends (`routers`, `pages`).
//!
//! The options and steps are drawn behind everything else on the tape, so that a seed keeps its world, its people and its faults whether it has previews or not.
mod draw;
mod pages;
mod routers;
mod steps;

pub use draw::steps;
pub(crate) use pages::Pages;
pub(crate) use routers::{Routers, conn_of, conn_text, targets_text, workers_of};
pub use steps::{Ask, End, PreviewStep, Reaction, Target};

use crate::choices::{Choices, ratio};
use std::fmt;
use uc_core::config::{NotReadyRule, PreviewConfig};

/// Number of the queue that default routing uses.
pub const LOGIN_QUEUE: &str = "8000";

/// Which seeds have previews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Previews {
    /// None.
    #[default]
    Off,
    /// One seed in four.
    Share,
    /// All.
    On,
}

/// The options. The default is a run without previews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewOptions {
    /// There are routers and pages.
    pub on: bool,
    /// `preview.reporting`
    pub reporting: bool,
    /// `preview.require_ready`
    pub require_ready: bool,
    /// Offers of workers who are no longer ready stay.
    pub keep: bool,
    /// `preview.per_worker_max`
    pub per_worker_max: u16,
    /// `preview.page_grace_ms`
    pub grace_ms: u64,
    /// `preview.answer_kept_ms`
    pub kept_ms: u64,
    /// `preview.requests_max`
    pub requests_max: u32,
    /// `preview.targets_max`
    pub targets_max: u16,
    /// Shortest time to think, milliseconds.
    pub shortest_ms: u64,
    /// Agents log in to the queue of default routing.
    pub login_queue: bool,
    /// The router is behind a bridge, which waits so long for it after a loss, seconds. Never drawn: seeds keep their meaning.
    pub bridge_linger_s: Option<u16>,
    /// Mean time between two requests, milliseconds.
    pub asks_every_ms: u64,
    /// Mean time between two windows that open or close, milliseconds.
    pub pages_every_ms: u64,
}

impl Default for PreviewOptions {
    fn default() -> Self {
        let config = PreviewConfig::default();
        Self {
            on: false,
            reporting: false,
            require_ready: config.require_ready,
            keep: config.not_ready == NotReadyRule::Keep,
            per_worker_max: config.per_worker_max,
            grace_ms: config.page_grace_ms,
            kept_ms: config.answer_kept_ms,
            requests_max: config.requests_max,
            targets_max: config.targets_max,
            shortest_ms: config.timeout_range_ms.0,
            login_queue: false,
            bridge_linger_s: None,
            asks_every_ms: 0,
            pages_every_ms: 0,
        }
    }
}

impl PreviewOptions {
    /// A calm world with previews and reports.
    #[must_use]
    pub fn calm() -> Self {
        Self { on: true, reporting: true, login_queue: true, ..Self::default() }
    }

    /// Drawn from the tape.
    pub fn swarm(previews: Previews, tape: &mut Choices<'_>) -> Self {
        let on = match previews {
            Previews::Off => false,
            Previews::Share => tape.chance(ratio(1, 4)),
            Previews::On => true,
        };
        if !on {
            return Self::default();
        }
        Self {
            on,
            reporting: tape.chance(ratio(3, 4)),
            require_ready: tape.chance(ratio(3, 4)),
            keep: tape.chance(ratio(1, 3)),
            per_worker_max: tape.pick(&[1, 1, 2, 5]),
            grace_ms: tape.pick(&[0, 3_000, 15_000]),
            kept_ms: tape.pick(&[1_000, 60_000]),
            requests_max: tape.pick(&[10_000, 10_000, 4]),
            targets_max: tape.pick(&[500, 500, 3]),
            shortest_ms: tape.pick(&[0, 500, 5_000]),
            login_queue: tape.chance(ratio(1, 2)),
            bridge_linger_s: None,
            asks_every_ms: tape.pick(&[500, 2_000, 10_000]),
            pages_every_ms: tape.pick(&[1_000, 10_000, 60_000]),
        }
    }

    /// `preview` of the configuration.
    #[must_use]
    pub fn config(&self) -> PreviewConfig {
        let default = PreviewConfig::default();
        PreviewConfig {
            reporting: self.reporting,
            require_ready: self.require_ready,
            not_ready: if self.keep { NotReadyRule::Keep } else { NotReadyRule::Withdraw },
            per_worker_max: self.per_worker_max,
            page_grace_ms: self.grace_ms,
            answer_kept_ms: self.kept_ms,
            requests_max: self.requests_max,
            targets_max: self.targets_max,
            timeout_range_ms: (self.shortest_ms, default.timeout_range_ms.1),
            ..default
        }
    }

    /// Sets one word of a replay file; `None`: not one of ours.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "previews" => self.on = value.parse().ok()?,
            "reporting" => self.reporting = value.parse().ok()?,
            "require-ready" => self.require_ready = value.parse().ok()?,
            "offers-stay" => self.keep = value.parse().ok()?,
            "per-worker" => self.per_worker_max = value.parse().ok()?,
            "page-grace" => self.grace_ms = value.parse().ok()?,
            "answers-kept" => self.kept_ms = value.parse().ok()?,
            "requests-max" => self.requests_max = value.parse().ok()?,
            "targets-max" => self.targets_max = value.parse().ok()?,
            "shortest" => self.shortest_ms = value.parse().ok()?,
            "login-queue" => self.login_queue = value.parse().ok()?,
            "router-bridge" => self.bridge_linger_s = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for PreviewOptions {
    /// Words of a replay file, each behind a blank; nothing for a run without previews. How often things happen is left out, a replay has its steps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.on {
            return Ok(());
        }
        write!(f, " previews=true reporting={} require-ready={} offers-stay={}", self.reporting, self.require_ready, self.keep)?;
        write!(f, " per-worker={} page-grace={} answers-kept={}", self.per_worker_max, self.grace_ms, self.kept_ms)?;
        write!(f, " requests-max={} targets-max={} shortest={} login-queue={}", self.requests_max, self.targets_max, self.shortest_ms, self.login_queue)?;
        self.bridge_linger_s.map_or(Ok(()), |linger_s| write!(f, " router-bridge={linger_s}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::both::Modes;
    use crate::options::Options;
    use crate::run::{Plan, Size};
    use crate::steps::Step;

    #[test]
    fn previews_are_on_top_of_what_a_seed_was() {
        for seed in 0..40 {
            let old = Plan::of_seed(seed, Size::default());
            assert!(!old.options.previews.on && !old.options.to_string().contains("previews="));
            let new = Plan::with_previews(seed, Size::default(), Modes::Normal, Previews::On);
            assert_eq!(Options { previews: PreviewOptions::default(), ..new.options.clone() }, old.options);
            let rest: Vec<_> = new.steps.iter().filter(|timed| !matches!(timed.step, Step::Preview(_))).cloned().collect();
            assert_eq!(rest, old.steps, "seed {seed}");
            assert!(new.steps.len() > old.steps.len() && new.steps.is_sorted_by_key(|timed| timed.at));
        }
    }

    #[test]
    fn a_share_of_the_seeds_has_previews_and_reads_back() {
        let plans: Vec<Plan> = (0..80).map(|seed| Plan::with_modes(seed, Size { workers: 5, minutes: 5 }, Modes::Any)).collect();
        let share = plans.iter().filter(|plan| plan.options.previews.on).count();
        assert!((10..=30).contains(&share), "{share} of 80");
        for plan in plans.iter().filter(|plan| plan.options.previews.on) {
            let again = crate::replay::parse(&crate::replay::print(plan, "answers")).expect("own print").plan;
            assert_eq!((again.options.to_string(), again.steps), (plan.options.to_string(), plan.steps.clone()));
        }
    }
}
