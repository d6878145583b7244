//! How long pages are served between two looks at the sockets.
//!
//! The executor runs up to 200 ready tasks before anybody asks the system which sockets are ready, so giving way to other tasks is not enough: a queue that is
//! never empty would keep presence waiting. Whoever has used up [`SLICE`] goes on when all sockets were looked at.
use crate::poller;
use std::time::{Duration, Instant};

/// Time for one kind of work of pages between two looks at the sockets.
pub(crate) const SLICE: Duration = Duration::from_millis(1);

/// Measures the time of one kind of work.
pub(crate) struct Slice {
    clock: Box<dyn FnMut() -> Duration>,
    /// Spent since the sockets were looked at, up to `begun`.
    spent: Duration,
    begun: Duration,
}

impl Slice {
    /// By the clock of the system.
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || start.elapsed())
    }

    /// By any clock that does not go back.
    pub(super) fn with_clock(clock: impl FnMut() -> Duration + 'static) -> Self {
        Self { clock: Box::new(clock), spent: Duration::ZERO, begun: Duration::ZERO }
    }

    /// Work begins.
    pub(super) fn begin(&mut self) {
        self.begun = (self.clock)();
    }

    /// Time is up.
    pub(super) fn is_over(&mut self) -> bool {
        self.spent + (self.clock)().saturating_sub(self.begun) >= SLICE
    }

    /// Work pauses. When time is up all sockets are looked at before it goes on, else other tasks get their turn.
    pub(super) async fn pause(&mut self) {
        if !self.is_over() {
            self.spent += (self.clock)().saturating_sub(self.begun);
            return smol::future::yield_now().await;
        }
        self.spent = Duration::ZERO;
        poller::looked().await;
    }
}
