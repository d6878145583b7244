//! A working day: when each worker comes, talks, eats, forgets to say so, and goes home. A function of the seed.
use std::collections::BTreeSet;
use uc_core::presence::Class;
use uc_runtime_sim::peers::PeerRng;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The story begins here, and every morning again.
pub(crate) const MORNING_MS: u64 = 8 * HOUR_MS + 50 * MINUTE_MS;
/// A pause without any change longer than this is skipped: the night.
const SKIP_MS: u64 = 45 * MINUTE_MS;

/// A worker's presence changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which worker.
    pub(crate) worker: usize,
    /// To what.
    pub(crate) class: Class,
    /// The number published.
    pub(crate) availability: u32,
    /// The token published; empty: none.
    pub(crate) token: &'static str,
}

/// The day of all workers.
#[derive(Debug)]
pub(crate) struct Day {
    rng: PeerRng,
    /// When whose presence changes next, in milliseconds of the story.
    next: BTreeSet<(u64, usize)>,
    classes: Vec<Class>,
    /// What was skipped so far.
    skipped_ms: u64,
}

impl Day {
    /// `workers` people, all at home.
    pub(crate) fn new(workers: usize, seed: u64) -> Self {
        let mut rng = PeerRng::new(seed);
        let next = (0..workers).map(|worker| (MORNING_MS + rng.within((MINUTE_MS / 2, 30 * MINUTE_MS)), worker)).collect();
        Self { rng, next, classes: vec![Class::Offline; workers], skipped_ms: 0 }
    }

    /// What time it is in the story, `elapsed_ms` of it after its beginning.
    pub(crate) const fn clock(&self, elapsed_ms: u64) -> u64 {
        MORNING_MS + elapsed_ms + self.skipped_ms
    }

    /// The next change that is due.
    pub(crate) fn due(&mut self, elapsed_ms: u64) -> Option<Change> {
        let now = self.clock(elapsed_ms);
        let &(at, worker) = self.next.first()?;
        if at > now + SKIP_MS {
            self.skipped_ms += at - now - MINUTE_MS;
        }
        if at > now {
            return None;
        }
        self.next.pop_first();
        let (class, stay_ms) = self.decide(self.classes[worker], at);
        self.classes[worker] = class;
        self.next.insert((at + stay_ms, worker));
        let (availability, token) = self.number(class);
        Some(Change { worker, class, availability, token })
    }

    /// What comes after `class` at this time of day, and for how long.
    fn decide(&mut self, class: Class, at: u64) -> (Class, u64) {
        let time = at % DAY_MS;
        let minutes = |rng: &mut PeerRng, from: u64, to: u64| rng.within((from * MINUTE_MS, to * MINUTE_MS));
        if time > 16 * HOUR_MS + 30 * MINUTE_MS && class != Class::Offline && (time > 18 * HOUR_MS || self.rng.chance(350)) {
            return (Class::Offline, DAY_MS - time + MORNING_MS + minutes(&mut self.rng, 1, 30));
        }
        let lunch = (11 * HOUR_MS + 45 * MINUTE_MS..13 * HOUR_MS).contains(&time);
        let next = match class {
            Class::Offline => Class::Online,
            Class::Online if lunch && self.rng.chance(600) => Class::Away,
            Class::Online => self.rng.pick(&[Class::Busy, Class::Busy, Class::Busy, Class::IdleOnline, Class::DoNotDisturb, Class::BeRightBack]),
            Class::IdleOnline => self.rng.pick(&[Class::Online, Class::Away]),
            Class::Busy => self.rng.pick(&[Class::Online, Class::Online, Class::Online, Class::IdleBusy]),
            _ => Class::Online,
        };
        let stay = match next {
            Class::Online => minutes(&mut self.rng, 2, 25),
            Class::Busy | Class::DoNotDisturb => minutes(&mut self.rng, 2, 30),
            Class::Away => minutes(&mut self.rng, 20, 45),
            _ => minutes(&mut self.rng, 1, 8),
        };
        (next, stay)
    }

    fn number(&mut self, class: Class) -> (u32, &'static str) {
        match class {
            Class::Unknown => (0, ""),
            Class::Online => (3500, ""),
            Class::IdleOnline => (5000, ""),
            Class::Busy => self.rng.pick(&[(6500, "on-the-phone"), (6500, "in-a-meeting"), (7000, "in-a-conference"), (6500, "")]),
            Class::IdleBusy => (7500, ""),
            Class::DoNotDisturb => (9500, ""),
            Class::BeRightBack => (12500, ""),
            Class::Away => (15500, ""),
            Class::Offline => (18500, ""),
        }
    }
}

/// `HH:MM:SS` of a time of the story.
pub(crate) fn hms(at: u64) -> String {
    let s = at % DAY_MS / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_function_of_its_seed_and_ends_with_everybody_at_home() {
        let story = |seed| {
            let mut day = Day::new(50, seed);
            let mut changes = Vec::new();
            for elapsed_ms in (0..11 * HOUR_MS).step_by(MINUTE_MS as usize) {
                changes.extend(std::iter::from_fn(|| day.due(elapsed_ms)));
            }
            (changes, day.classes)
        };
        let (changes, classes) = story(1);
        assert_eq!(story(1).0, changes);
        assert_ne!(story(2).0, changes);
        assert!((500..5000).contains(&changes.len()), "{} changes", changes.len());
        assert!(changes.iter().all(|c| Class::of(c.availability) == c.class), "the number says the class");
        assert!(classes.iter().filter(|c| **c == Class::Offline).count() > 40, "{classes:?}");
    }

    #[test]
    fn the_night_is_skipped() {
        let mut day = Day::new(5, 1);
        let mut last = 0;
        let mut mornings = 0;
        for elapsed_ms in (0..48 * HOUR_MS).step_by(MINUTE_MS as usize) {
            while day.due(elapsed_ms).is_some() {}
            let today = day.clock(elapsed_ms) / DAY_MS;
            mornings += u64::from(today > last);
            last = today;
        }
        assert!(mornings >= 4, "two days of time hold more than two working days, {mornings} were seen");
    }
}
