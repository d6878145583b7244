//! How far the servers' clock lies behind ours: so that what is read of the past can be put before or after what we know of it.
//!
//! Every publication we read was made before we read it, so the least difference ever seen comes nearest to the truth: it is too large by the shortest way of a
//! message. A server's clock may also be set back; therefore the difference may rise again, slowly.
use crate::time::Mono;
use crate::uc_event::PublishTime;

/// The difference rises by one part in this many of the time that passes, 36 s an hour.
const RISE: i64 = 100;

/// What is known of the servers' clock.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Lag {
    /// Our clock less theirs, in milliseconds, and when that was learned.
    least: Option<(i64, Mono)>,
}

impl Lag {
    /// A publication of this time was read, so it was made before now.
    pub(crate) fn learn(&mut self, now: Mono, published: PublishTime) {
        if published == PublishTime::default() {
            return;
        }
        let seen = signed(now.0).saturating_sub(signed(published.0));
        let least = self.least.map_or(seen, |(least, at)| seen.min(least.saturating_add(signed(now.since(at)) / RISE)));
        self.least = Some((least, now));
    }

    /// What the servers' clock showed then; the oldest time when that is not known.
    pub(crate) fn theirs(&self, ours: Mono) -> PublishTime {
        let theirs = self.least.map_or(0, |(least, _)| signed(ours.0).saturating_sub(least));
        PublishTime(u64::try_from(theirs).unwrap_or_default())
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_way_tells_the_difference() {
        let mut lag = Lag::default();
        assert_eq!(lag.theirs(Mono(5_000)), PublishTime(0), "nothing is known");
        for (now, published) in [(1_000, 1_000_900), (2_000, 1_001_990), (60_000, 1_002_000), (61_000, 0)] {
            lag.learn(Mono(now), PublishTime(published));
        }
        // 10 ms is the shortest way; it may have risen since by a hundredth of 58 s.
        assert_eq!(lag.theirs(Mono(2_000)), PublishTime(1_001_990 - 580));
    }

    #[test]
    fn a_clock_that_is_set_back_is_learned_after_a_while_and_forward_at_once() {
        let mut lag = Lag::default();
        lag.learn(Mono(0), PublishTime(1_000_000));
        lag.learn(Mono(1_000), PublishTime(1_061_000));
        assert_eq!(lag.theirs(Mono(1_000)), PublishTime(1_061_000));
        lag.learn(Mono(10_001_000), PublishTime(11_001_000));
        assert_eq!(lag.theirs(Mono(10_001_000)), PublishTime(11_001_000));
        lag.learn(Mono(10_001_000), PublishTime(u64::MAX));
        assert_eq!(lag.theirs(Mono(0)), PublishTime(i64::MAX as u64 - 10_001_000), "absurd, but no overflow");
    }
}
