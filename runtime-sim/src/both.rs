//! Options of runs in which states travel in both directions: who may publish, what follows calls, what people do with their own clients.
//!
//! They are drawn behind everything else on the tape, so that a seed keeps its world, its people and its faults whatever the mode.
use crate::choices::{Choices, ratio};
use crate::peers::tserver::WrapUp;
use std::fmt;
use uc_core::config::{AfterRule, Mode, PublishConfig, PublishWay, UserActionRule};

/// What a run is about; [`Modes::Normal`] is what every seed meant before there were others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modes {
    /// Presence in, agent states out.
    #[default]
    Normal,
    /// Half of the seeds as above, the others one of the modes below.
    Any,
    /// This one.
    Only(Way),
}

/// A mode with what makes a run of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Presence in, agent states out, nothing else.
    #[default]
    Normal,
    /// The same with After Call Work respected (`publish.acw_in_normal`).
    Respect,
    /// After Call Work and Legal Guard are published.
    Both,
    /// Every agent state is published, no request is made.
    Push,
}

impl Way {
    /// All that differ from [`Way::Normal`] and are drawn.
    pub const OTHERS: [Self; 3] = [Self::Respect, Self::Both, Self::Push];

    /// As written in replay files and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Respect => "respect",
            Self::Both => "both",
            Self::Push => "push",
        }
    }

    /// The way of that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Normal, Self::Respect, Self::Both, Self::Push].into_iter().find(|way| way.word() == word)
    }

    /// Publishes.
    #[must_use]
    pub const fn publishes(self) -> bool {
        matches!(self, Self::Both | Self::Push)
    }

    /// Keeps up what T-Server entered by itself.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Respect | Self::Both)
    }
}

/// The options. The default is a run in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BothOptions {
    /// Mode.
    pub way: Way,
    /// The endpoint that speaks for a worker stays registered.
    pub keep: bool,
    /// What remains of an ended override is the contact centre's state.
    pub stand: bool,
    /// Workers' own actions are told by the aggregate.
    pub by_aggregate: bool,
    /// Work after business calls.
    pub wrap_up: WrapUp,
    /// Legal Guard, milliseconds; 0: none.
    pub guard_ms: u64,
    /// After Call Work begins behind EventReleased.
    pub work_after_release: bool,
    /// After Call Work refuses our requests.
    pub work_refuses: bool,
    /// `publish.override_max_ms`
    pub limit_ms: u64,
    /// Mean time between two calls of the whole company, milliseconds; 0: none.
    pub calls_every_ms: u64,
    /// Mean time between two changes by people's own clients and their machines, milliseconds; 0: none.
    pub clients_every_ms: u64,
    /// Chance per mille that a publication meets another one of the worker's own endpoint (409).
    pub conflicts_pm: u16,
    /// Seconds a publication lives without refresh.
    pub expires_s: u32,
}

impl Default for BothOptions {
    fn default() -> Self {
        Self {
            way: Way::Normal,
            keep: false,
            stand: false,
            by_aggregate: false,
            wrap_up: WrapUp::None,
            guard_ms: 0,
            work_after_release: false,
            work_refuses: false,
            limit_ms: 0,
            calls_every_ms: 0,
            clients_every_ms: 0,
            conflicts_pm: 0,
            expires_s: 3_600,
        }
    }
}

impl BothOptions {
    /// A calm world of this mode: timed After Call Work of 20 s, nothing by itself.
    #[must_use]
    pub fn calm(way: Way) -> Self {
        Self { way, wrap_up: WrapUp::Timed(20_000), ..Self::default() }
    }

    /// Drawn from the tape.
    pub fn swarm(modes: Modes, tape: &mut Choices<'_>) -> Self {
        let way = match modes {
            Modes::Normal => Way::Normal,
            Modes::Any if tape.chance(ratio(1, 2)) => Way::Normal,
            Modes::Any => tape.pick(&Way::OTHERS),
            Modes::Only(way) => way,
        };
        if way == Way::Normal {
            return Self::default();
        }
        let wrap_up = tape.pick(&[WrapUp::Timed(5_000), WrapUp::Timed(30_000), WrapUp::Timed(300), WrapUp::Untimed, WrapUp::None]);
        Self {
            way,
            keep: tape.chance(ratio(1, 2)),
            stand: tape.chance(ratio(1, 4)),
            by_aggregate: tape.chance(ratio(1, 4)),
            wrap_up,
            guard_ms: tape.pick(&[0, 0, 2_000, 20_000]),
            work_after_release: tape.chance(ratio(1, 4)),
            // What never ends by itself and refuses to be ended would leave nothing to check.
            work_refuses: tape.chance(ratio(1, 4)) && wrap_up != WrapUp::Untimed,
            limit_ms: tape.pick(&[0, 0, 60_000]),
            calls_every_ms: tape.pick(&[10_000, 30_000, 120_000]),
            clients_every_ms: tape.pick(&[0, 10_000, 60_000]),
            conflicts_pm: tape.pick(&[0, 0, 100, 500]),
            expires_s: tape.pick(&[120, 600, 3_600]),
        }
    }

    /// Mode of the configuration.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self.way {
            Way::Normal | Way::Respect => Mode::Normal,
            Way::Both => Mode::Bidirectional,
            Way::Push => Mode::PushOnly,
        }
    }

    /// `publish` of the configuration.
    #[must_use]
    pub fn publish(&self) -> PublishConfig {
        PublishConfig {
            way: PublishWay::Endpoint { keep: self.keep },
            user_action: if self.by_aggregate { UserActionRule::Aggregate } else { UserActionRule::RoamingSelf },
            after: if self.stand { AfterRule::Stand } else { AfterRule::Follow },
            acw_in_normal: self.way == Way::Respect,
            override_max_ms: self.limit_ms,
            expires_s: self.expires_s,
            ..PublishConfig::default()
        }
    }

    /// Sets one word of a replay file; `None`: not one of ours.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "mode" => self.way = Way::from_word(value)?,
            "keep" => self.keep = value.parse().ok()?,
            "stand" => self.stand = value.parse().ok()?,
            "by-aggregate" => self.by_aggregate = value.parse().ok()?,
            "wrap-up" => {
                self.wrap_up = match value {
                    "none" => WrapUp::None,
                    "untimed" => WrapUp::Untimed,
                    ms => WrapUp::Timed(ms.parse().ok()?),
                }
            }
            "guard" => self.guard_ms = value.parse().ok()?,
            "work-after-release" => self.work_after_release = value.parse().ok()?,
            "work-refuses" => self.work_refuses = value.parse().ok()?,
            "limit" => self.limit_ms = value.parse().ok()?,
            "conflicts" => self.conflicts_pm = value.parse().ok()?,
            "publish-expires" => self.expires_s = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for BothOptions {
    /// Words of a replay file, each behind a blank; nothing for a run in one direction. How often things happen is left out, a replay has its steps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.way == Way::Normal {
            return Ok(());
        }
        write!(f, " mode={} keep={} stand={} by-aggregate={}", self.way.word(), self.keep, self.stand, self.by_aggregate)?;
        match self.wrap_up {
            WrapUp::None => write!(f, " wrap-up=none")?,
            WrapUp::Timed(ms) => write!(f, " wrap-up={ms}")?,
            WrapUp::Untimed => write!(f, " wrap-up=untimed")?,
        }
        write!(f, " guard={} work-after-release={} work-refuses={}", self.guard_ms, self.work_after_release, self.work_refuses)?;
        write!(f, " limit={} conflicts={} publish-expires={}", self.limit_ms, self.conflicts_pm, self.expires_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::run::{Plan, Size};

    #[test]
    fn a_seed_keeps_its_meaning_in_mode_normal_and_its_faults_in_the_others() {
        for seed in 0..40 {
            let old = Plan::of_seed(seed, Size::default());
            assert_eq!(old.options.both, BothOptions::default());
            assert!(!old.options.to_string().contains("mode="));
            assert_eq!(Plan::with_modes(seed, Size::default(), Modes::Only(Way::Normal)), old);
            let other = Plan::with_modes(seed, Size::default(), Modes::Only(Way::Both));
            assert_eq!(Options { both: BothOptions::default(), ..other.options.clone() }, old.options);
            assert!(old.steps.iter().all(|step| other.steps.contains(step)), "seed {seed}");
            assert!(other.steps.len() > old.steps.len());
        }
    }

    #[test]
    fn every_mode_comes_and_reads_back() {
        let runs: Vec<Plan> = (0..60).map(|seed| Plan::with_modes(seed, Size { workers: 3, minutes: 5 }, Modes::Any)).collect();
        for way in Way::OTHERS {
            assert!(runs.iter().any(|plan| plan.options.both.way == way), "{way:?}");
        }
        for plan in &runs {
            let text = crate::replay::print(plan, "storm");
            let again = crate::replay::parse(&text).expect("own print").plan;
            assert_eq!((again.options.to_string(), again.steps), (plan.options.to_string(), plan.steps.clone()));
        }
    }
}
