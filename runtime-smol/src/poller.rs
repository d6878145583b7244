//! The deciding thread's own poller: one epoll, its timers, a bell for other threads.
//!
//! The reactor of async-io is shared by all threads of a process: they take its lock in turn, wake each other, and each wait costs a timer's system call and two
//! for sockets that are to be watched again. Here one thread has everything to itself. A socket is told to the kernel once, edge by edge; that it is ready is
//! remembered until a read or write says otherwise. Timers are a map, and the next one is the wait's time-out. So a wait is one system call.
//!
//! Sources and timers belong to the thread that made them, and only [`block_on`] on that thread wakes whoever waits for them. smol's executor, channels and futures are
//! used as they are; futures of async-io work, too, because wakers may be used from any thread.
//!
//! Time-outs are in whole milliseconds, rounded up: `epoll_pwait2` does not exist before Linux 5.11.
mod source;
#[cfg(test)]
mod tests;
mod timers;

pub(crate) use source::Polled;
pub(crate) use timers::Timer;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::OwnedFd;
use source::Readiness;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use timers::Timers;

/// Events taken from the kernel with one system call. It gives others the next time.
const EVENTS_MAX: usize = 64;
/// The key of the bell; sources have others.
const BELL: u64 = 0;

thread_local! {
    static HERE: Here = const { Here { poller: OnceCell::new(), timers: RefCell::new(Timers::new()), looks: Looks::new() } };
}

/// What belongs to one thread.
struct Here {
    /// Made with the first source.
    poller: OnceCell<Rc<Poller>>,
    timers: RefCell<Timers>,
    looks: Looks,
}

/// How often the sockets were looked at, and who waits for the next time.
struct Looks {
    count: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Looks {
    const fn new() -> Self {
        Self { count: Cell::new(0), waiting: RefCell::new(Vec::new()) }
    }
}

/// One epoll and what it watches.
struct Poller {
    epoll: OwnedFd,
    alarm: Arc<Alarm>,
    sources: RefCell<BTreeMap<u64, Rc<Readiness>>>,
    /// Keys are not used again: what the kernel says of a source that is gone finds nobody.
    next_key: Cell<u64>,
    events: RefCell<Vec<epoll::Event>>,
}

/// This thread's poller.
fn here() -> io::Result<Rc<Poller>> {
    HERE.with(|here| {
        if let Some(poller) = here.poller.get() {
            return Ok(Rc::clone(poller));
        }
        let poller = Rc::new(Poller::new()?);
        Ok(Rc::clone(here.poller.get_or_init(|| poller)))
    })
}

/// Runs `future` on this thread, and whatever its executor has, until it is done. Sleeps only while nothing is to do.
///
/// Not from within itself: both would wait for the same bell.
///
/// # Errors
/// When the kernel has no epoll for us (file descriptors, memory), or fails to wait.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let poller = here()?;
    let waker = Waker::from(Arc::clone(&poller.alarm));
    let cx = &mut Context::from_waker(&waker);
    let mut future = pin!(future);
    poller.alarm.state.store(WOKEN, Ordering::SeqCst);
    loop {
        if poller.alarm.state.swap(AWAKE, Ordering::SeqCst) == WOKEN
            && let Poll::Ready(value) = future.as_mut().poll(cx)
        {
            return Ok(value);
        }
        poller.turn()?;
    }
}

/// Waits until the sockets were looked at after this was asked for: others who were ready are served before.
pub(crate) async fn looked() {
    let since = HERE.with(|here| here.looks.count.get());
    poll_fn(|cx| {
        HERE.with(|here| {
            if here.looks.count.get() != since {
                return Poll::Ready(());
            }
            here.looks.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
    })
    .await;
}

impl Poller {
    fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Each word is an edge of its own, so the bell is never read; its 64 bits do not overflow.
        epoll::add(&epoll, &bell, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self {
            epoll,
            alarm: Arc::new(Alarm { state: AtomicU8::new(AWAKE), bell }),
            sources: RefCell::default(),
            next_key: Cell::new(BELL + 1),
            events: RefCell::new(Vec::with_capacity(EVENTS_MAX)),
        })
    }

    /// Looks at the sockets, waiting if nobody has been woken meanwhile, and wakes whom it concerns.
    fn turn(&self) -> io::Result<()> {
        let next = HERE.with(|here| {
            let looked_for = !here.looks.waiting.borrow().is_empty();
            if looked_for { Some(Duration::ZERO) } else { here.timers.borrow().wait(Instant::now) }
        });
        let time = if self.alarm.falls_asleep() { next } else { Some(Duration::ZERO) };
        self.wait(time)?;
        HERE.with(|here| {
            let due = here.timers.borrow_mut().due(Instant::now);
            for waker in due {
                waker.wake();
            }
            here.looks.count.set(here.looks.count.get().wrapping_add(1));
            for waker in here.looks.waiting.take() {
                waker.wake();
            }
        });
        Ok(())
    }

    fn wait(&self, time: Option<Duration>) -> io::Result<()> {
        // A time-out beyond what the kernel takes is cut; the wait is then begun again.
        let time = time.map(|time| Timespec::try_from(time.min(Duration::from_secs(86_400))).unwrap_or_default());
        let mut events = self.events.borrow_mut();
        events.clear();
        let waited = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), time.as_ref());
        // Before anybody is woken here: nobody need ring the bell.
        self.alarm.is_awake();
        match waited {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
        for event in &*events {
            let (key, flags) = (event.data.u64(), event.flags);
            let readiness = self.sources.borrow().get(&key).cloned();
            if let Some(readiness) = readiness {
                readiness.heard(flags);
            }
        }
        Ok(())
    }
}

/// The thread works, and nobody has woken it since it last looked for work.
const AWAKE: u8 = 0;
/// There is work.
const WOKEN: u8 = 1;
/// The thread waits for sockets, or is about to: whoever wakes it rings the bell.
const ASLEEP: u8 = 2;

/// Wakes the thread. Whoever does that while it is awake, itself first of all, pays one atomic exchange.
struct Alarm {
    state: AtomicU8,
    bell: OwnedFd,
}

impl Alarm {
    /// `false`: there is work.
    fn falls_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn is_awake(&self) {
        // It fails when the thread was woken, which stays said.
        let _ = self.state.compare_exchange(ASLEEP, AWAKE, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == ASLEEP {
            // It only fails when the counter is full: then the bell has rung already.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}
