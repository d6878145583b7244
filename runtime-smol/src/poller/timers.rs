//! The timers of one thread: a map by time. The earliest is the time-out of the next wait.
use super::HERE;
use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Who is to be woken when. Timers of the same time are told apart by a number, and woken in its order.
#[derive(Debug)]
pub(super) struct Timers {
    waiting: BTreeMap<(Instant, u64), Waker>,
    next_id: u64,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next_id: 0 }
    }

    /// Notes who waits; gives back who waited under this time and number before.
    pub(super) fn put(&mut self, at: Instant, id: u64, waker: Waker) -> Option<Waker> {
        self.waiting.insert((at, id), waker)
    }

    /// Time until the earliest; `None` without any. The clock is read only if there is one.
    pub(super) fn wait(&self, now: impl FnOnce() -> Instant) -> Option<Duration> {
        let ((at, _), _) = self.waiting.first_key_value()?;
        Some(at.saturating_duration_since(now()))
    }

    /// Takes out all whose time has come, earliest first.
    pub(super) fn due(&mut self, now: impl FnOnce() -> Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        if self.waiting.is_empty() {
            return due;
        }
        let now = now();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            due.push(first.remove());
        }
        due
    }
}

/// A future that is done at a time. It belongs to the thread that first polls it.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Option<Instant>,
    /// Its number in the map, if it is there.
    id: Option<u64>,
    _of_this_thread: PhantomData<Rc<()>>,
}

impl Timer {
    /// Done after so long.
    pub(crate) fn after(time: Duration) -> Self {
        // A time the clock cannot express does not come.
        Self { at: Instant::now().checked_add(time), id: None, _of_this_thread: PhantomData }
    }

    /// Not done before [`Timer::set_at`] says when.
    pub(crate) const fn never() -> Self {
        Self { at: None, id: None, _of_this_thread: PhantomData }
    }

    /// Another time. Whoever waits polls it again.
    pub(crate) fn set_at(&mut self, at: Instant) {
        if self.at != Some(at) {
            self.clear();
            self.at = Some(at);
        }
    }

    /// No time.
    pub(crate) fn clear(&mut self) {
        if let (Some(at), Some(id)) = (self.at, self.id.take()) {
            // The thread is at its end: so are its timers.
            let _ = HERE.try_with(|here| here.timers.borrow_mut().waiting.remove(&(at, id)));
        }
        self.at = None;
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        if Instant::now() >= at {
            self.clear();
            // Polled again it is done again.
            self.at = Some(at);
            return Poll::Ready(());
        }
        let _before = HERE.with(|here| {
            let mut timers = here.timers.borrow_mut();
            let id = *self.id.get_or_insert_with(|| {
                timers.next_id += 1;
                timers.next_id
            });
            timers.put(at, id, cx.waker().clone())
        });
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
