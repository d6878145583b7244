//! Both clocks, read together. The monotonic one is `CLOCK_BOOTTIME`: it goes on while the machine sleeps, so that what expired meanwhile is seen to have expired.
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uc_core::{Mono, Now};

/// The clock of one run; [`Mono`] 0 is its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin_ms: u64,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { origin_ms: boot_ms() }
    }

    /// Both clocks. Two calls into the vDSO, no system call.
    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(boot_ms().saturating_sub(self.origin_ms)), unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX) }
    }

    /// When a timer must fire so that `at` has come. One millisecond more than the difference: [`Mono`] is cut off, not rounded.
    pub(crate) fn instant(&self, at: Mono) -> Instant {
        let wait = at.since(self.now().mono);
        Instant::now() + Duration::from_millis(if wait == 0 { 0 } else { wait + 1 })
    }
}

fn boot_ms() -> u64 {
    let t = clock_gettime(ClockId::Boottime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000
}
