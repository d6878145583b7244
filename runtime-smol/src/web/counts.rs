//! Counters of the web side for `/metrics`. Written by the web thread, read by the operations threads.
use std::sync::atomic::{AtomicU64, Ordering};

/// One for each thing an operator may wonder about.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections open now.
    pub(crate) connections: AtomicU64,
    /// Connections accepted.
    pub(crate) accepted: AtomicU64,
    /// Connections refused because there were too many.
    pub(crate) refused: AtomicU64,
    /// Requests.
    pub(crate) requests: AtomicU64,
    /// Requests answered 4xx or 5xx.
    pub(crate) failed: AtomicU64,
    /// Pages open now.
    pub(crate) pages: AtomicU64,
    /// Pages cut because they did not read, or because news were left out.
    pub(crate) pages_cut: AtomicU64,
    /// Logins now.
    pub(crate) sessions: AtomicU64,
    /// Logins that succeeded.
    pub(crate) logins: AtomicU64,
    /// Logins refused: wrong name or password.
    pub(crate) logins_wrong: AtomicU64,
    /// Logins refused: too many tries.
    pub(crate) logins_limited: AtomicU64,
    /// Preview requests that wait for an answer.
    pub(crate) waiting: AtomicU64,
    /// Callbacks that could not be delivered.
    pub(crate) callbacks_failed: AtomicU64,
}

impl Counts {
    /// One more.
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(crate) fn less(counter: &AtomicU64) {
        counter.fetch_sub(1, Ordering::Relaxed);
    }

    /// What it stands at.
    pub(crate) fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
