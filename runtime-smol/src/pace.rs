//! How soon a link is read again.
//!
//! A wake-up costs more than a message: the thread goes to sleep and comes back, and sends what one message made it say. A presence server that sends many NOTIFYs one by one, each when it has
//! one, would cost us a wake-up each. So a link whose turns are small and close together rests a moment before it is read again, as network cards hold back their
//! interrupts; what comes meanwhile wakes nobody (`poller/source.rs`) and is taken in one turn. The first message after a quiet time never waits, and turns that are well filled go on at once.
//!
//! For links to presence servers only: there nobody waits for the next milliseconds.
use std::time::{Duration, Instant};

/// How long a link rests. Small against T1 (RFC 3261 §17.1.1.1), which a far end waits for our answer.
const REST: Duration = Duration::from_millis(2);
/// Turns at most this far apart are close together.
const CLOSE: Duration = Duration::from_millis(4);
/// A turn with so many messages shares its wake-up well. The socket's buffer holds more datagrams than this.
const WELL_FILLED: usize = 32;

/// The pace of one link.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Instant>,
}

impl Pace {
    /// How long to rest after a turn with so many messages; `None` where that does not help.
    pub(crate) fn rest(&mut self, messages: usize) -> Option<Duration> {
        self.rests(Instant::now(), messages).then_some(REST)
    }

    fn rests(&mut self, now: Instant, messages: usize) -> bool {
        if messages == 0 {
            return false;
        }
        let close = self.last.replace(now).is_some_and(|last| now.saturating_duration_since(last) <= CLOSE);
        close && messages < WELL_FILLED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_turns_close_together_rest() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        let mut after = |ms: u64, messages: usize| {
            now += Duration::from_millis(ms);
            pace.rests(now, messages)
        };
        assert!(!after(0, 1), "the first message after a quiet time");
        assert!(after(1, 1));
        assert!(after(4, 31));
        assert!(!after(1, 32), "well filled");
        assert!(after(1, 1));
        assert!(!after(1, 0), "nothing was read");
        assert!(!after(5, 1), "quiet again");
    }
}
