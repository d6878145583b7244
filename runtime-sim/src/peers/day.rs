//! A working day as presence shows it: arrival, calls, meetings, breaks, lunch, idle minutes, home. Drives the demo and long simulations.
//!
//! Every worker has a random stream of their own, so that the life of one does not depend on how many others there are. Weekends and holidays are absent.
use super::PeerRng;
use super::front_end::Activity;
use std::collections::BTreeSet;
use uc_core::time::Mono;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// One change of one worker's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayEvent {
    /// When, in the time of the day (the driver may run it faster).
    pub at: Mono,
    /// Index of the worker.
    pub worker: usize,
    /// Number of `aggregateState`.
    pub availability: u32,
    /// Token or text.
    pub activity: Activity,
    /// New note; empty clears it, `None` leaves it.
    pub note: Option<&'static str>,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Home,
    Available,
    Call,
    Conference,
    Meeting,
    Presenting,
    Focus,
    Break,
    Lunch,
    Idle,
    Away,
    Paperwork,
}

#[derive(Clone, Debug)]
struct Worker {
    rng: PeerRng,
    doing: Doing,
    /// Day of the plan, and its hours, milliseconds since midnight.
    day: u64,
    arrives: u64,
    lunch: u64,
    leaves: u64,
    had_lunch: bool,
    has_note: bool,
}

/// The days of a number of workers: an endless iterator over their changes in order of time.
#[derive(Clone, Debug)]
pub struct Day {
    workers: Vec<Worker>,
    next: BTreeSet<(u64, usize)>,
    start: u64,
}

impl Day {
    /// `start_ms` is the time of day at `Mono(0)`, milliseconds since midnight. The first event of every worker comes at once and says what they are doing.
    #[must_use]
    pub fn new(seed: u64, workers: usize, start_ms: u64) -> Self {
        let worker = |i: usize| Worker::new(PeerRng::new(seed ^ (i as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93)));
        Self { workers: (0..workers).map(worker).collect(), next: (0..workers).map(|i| (0, i)).collect(), start: start_ms }
    }

    /// When the next change comes; `None` without workers.
    #[must_use]
    pub fn next_at(&self) -> Option<Mono> {
        self.next.first().map(|(at, _)| Mono(*at))
    }
}

impl Iterator for Day {
    type Item = DayEvent;

    fn next(&mut self) -> Option<DayEvent> {
        let (at, worker) = self.next.pop_first()?;
        let w = &mut self.workers[worker];
        let until = w.step(self.start + at);
        self.next.insert((until - self.start, worker));
        let (availability, activity) = w.doing.shown(&mut w.rng);
        Some(DayEvent { at: Mono(at), worker, availability, activity, note: w.note() })
    }
}

impl Worker {
    fn new(mut rng: PeerRng) -> Self {
        // A first plan for day 0; some mixing, so that neighbouring seeds do not begin alike.
        rng.bits();
        let mut worker = Self { rng, doing: Doing::Home, day: 0, arrives: 0, lunch: 0, leaves: 0, had_lunch: false, has_note: false };
        worker.plan(0);
        worker
    }

    fn plan(&mut self, day: u64) {
        self.day = day;
        self.arrives = self.rng.within((7 * HOUR + 30 * MINUTE, 9 * HOUR + 30 * MINUTE));
        self.lunch = self.rng.within((11 * HOUR + 30 * MINUTE, 13 * HOUR));
        self.leaves = self.rng.within((16 * HOUR + 30 * MINUTE, 18 * HOUR + 30 * MINUTE));
        self.had_lunch = false;
    }

    /// Decides what comes now (milliseconds since midnight of day 0) and says until when.
    fn step(&mut self, now: u64) -> u64 {
        if now / DAY > self.day {
            self.plan(now / DAY);
        }
        let (midnight, time) = (self.day * DAY, now % DAY);
        if time < self.arrives {
            self.doing = Doing::Home;
            return midnight + self.arrives;
        }
        if time >= self.leaves {
            self.doing = Doing::Home;
            self.plan(self.day + 1);
            return self.day * DAY + self.arrives;
        }
        let started_late = time >= self.lunch + 2 * HOUR;
        if time >= self.lunch && !self.had_lunch && !started_late {
            self.had_lunch = true;
            self.doing = Doing::Lunch;
        } else {
            self.had_lunch |= started_late;
            self.doing = self.choose();
        }
        let minutes = self.doing.minutes();
        let ends = time + self.rng.within((minutes.0 * MINUTE, minutes.1 * MINUTE));
        // Nobody is called out of a call for lunch, but at the end of the day everything ends.
        midnight + ends.min(self.leaves.max(time + 1))
    }

    fn choose(&mut self) -> Doing {
        match self.doing {
            Doing::Available => self.rng.pick(&[
                Doing::Call,
                Doing::Call,
                Doing::Call,
                Doing::Call,
                Doing::Conference,
                Doing::Meeting,
                Doing::Presenting,
                Doing::Focus,
                Doing::Break,
                Doing::Idle,
                Doing::Idle,
            ]),
            Doing::Idle if self.rng.chance(300) => Doing::Away,
            Doing::Call if self.rng.chance(250) => Doing::Paperwork,
            _ => Doing::Available,
        }
    }

    fn note(&mut self) -> Option<&'static str> {
        let note = match self.doing {
            Doing::Lunch => Some("Out for lunch"),
            Doing::Meeting if self.rng.chance(400) => Some("Quarter review, back soon"),
            Doing::Focus if self.rng.chance(500) => Some("Please do not ring, mail is fine"),
            _ => None,
        };
        let had = std::mem::replace(&mut self.has_note, note.is_some());
        note.or_else(|| had.then_some(""))
    }
}

impl Doing {
    /// Shortest and longest time, minutes.
    const fn minutes(self) -> (u64, u64) {
        match self {
            Self::Home => (0, 0),
            Self::Available => (1, 22),
            Self::Call => (1, 11),
            Self::Conference => (10, 40),
            Self::Meeting => (15, 60),
            Self::Presenting => (10, 45),
            Self::Focus => (15, 50),
            Self::Break => (4, 15),
            Self::Lunch => (30, 60),
            Self::Idle => (1, 10),
            Self::Away => (5, 25),
            Self::Paperwork => (1, 6),
        }
    }

    /// Availability and activity (`spec/ms-pres.md` 5.3).
    fn shown(self, rng: &mut PeerRng) -> (u32, Activity) {
        match self {
            Self::Home => (18_500, Activity::None),
            Self::Available => (3500, Activity::None),
            Self::Call => (6500, Activity::token("on-the-phone")),
            Self::Conference => (7000, Activity::token("in-a-conference")),
            Self::Meeting => (6500, Activity::token("in-a-meeting")),
            Self::Presenting => (9000, Activity::token("in-presentation")),
            Self::Focus => (9500, Activity::None),
            Self::Break => (12_500, Activity::None),
            Self::Lunch if rng.chance(500) => (12_500, Activity::None),
            Self::Lunch | Self::Away => (15_500, Activity::None),
            Self::Idle => (5000, Activity::None),
            Self::Paperwork => (6500, Activity::Custom("Writing it down".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_day_has_everything_in_order_and_the_night_is_quiet() {
        let events: Vec<DayEvent> = Day::new(7, 50, 6 * HOUR).take_while(|e| e.at.0 < DAY).collect();
        assert!(events.is_sorted_by_key(|e| e.at));
        assert!(events[..50].iter().all(|e| e.availability == 18_500));
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        for e in &events {
            *seen.entry(e.availability).or_default() += 1;
        }
        for class in [3500, 5000, 6500, 7000, 9000, 9500, 12_500, 15_500, 18_500] {
            assert!(seen.contains_key(&class), "{class} in {seen:?}");
        }
        // 6:00 + 13 h = 19:00: everybody is at home until 7:30 next day, which is 25.5 h after the start.
        assert!(events.iter().all(|e| e.at.0 <= 12 * HOUR + 30 * MINUTE));
        let per_worker_hour = events.len() / 50 / 9;
        assert!((3..=15).contains(&per_worker_hour), "{per_worker_hour}");
    }

    #[test]
    fn the_same_seed_gives_the_same_life_whoever_else_is_there() {
        let of_3 = |n: usize| Day::new(9, n, 9 * HOUR).filter(|e| e.worker == 3).take(200).collect::<Vec<_>>();
        assert_eq!(of_3(4), of_3(40));
        assert_ne!(of_3(4), Day::new(10, 4, 9 * HOUR).filter(|e| e.worker == 3).take(200).collect::<Vec<_>>());
    }

    #[test]
    fn notes_are_cleared_when_their_reason_is_over() {
        let mut note = "";
        for e in Day::new(1, 1, 8 * HOUR).take(2000) {
            note = e.note.unwrap_or(note);
            assert!(e.availability != 3500 || note.is_empty(), "{e:?}");
        }
    }
}
