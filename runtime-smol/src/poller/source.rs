//! A socket under the poller's eyes, and what is known of its readiness.
//!
//! Reading is always asked for, as edges: the kernel says once that something came. So "ready" is only taken back when a read or write would have blocked, or when a
//! read of a stream got less than it had room for. The latter does not count after the kernel said anything besides "bytes": an end, an error or urgent data may
//! stand behind what was read, without another edge.
//!
//! Writing is asked for only while somebody waits to write: datagram and Unix sockets make an edge of every buffer the far end takes.
use super::{Poller, here};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes, datagrams, and what ends a stream.
const READ: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::PRI);
/// Behind what is read there may be more, or an end, without another edge.
const UNSURE: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR).union(EventFlags::PRI);
/// Both directions will hear of it.
const OVER: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);

/// What the kernel has said of one source, and who waits for it.
#[derive(Debug)]
pub(super) struct Readiness {
    /// A read need not block, as far as is known.
    pub(super) readable: Cell<bool>,
    unsure: Cell<bool>,
    /// The kernel said that a write need not block; it is asked only while somebody waits.
    pub(super) writable: Cell<bool>,
    /// What the kernel is to say.
    pub(super) asked: Cell<EventFlags>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Readiness {
    fn new() -> Self {
        Self {
            readable: Cell::new(false),
            unsure: Cell::new(false),
            writable: Cell::new(false),
            asked: Cell::new(READ),
            reader: RefCell::default(),
            writer: RefCell::default(),
        }
    }

    /// The kernel says so.
    pub(super) fn heard(&self, flags: EventFlags) {
        if flags.intersects(UNSURE) {
            self.unsure.set(true);
        }
        if flags.intersects(READ.union(OVER)) {
            self.readable.set(true);
            if let Some(waker) = self.reader.take() {
                waker.wake();
            }
        }
        if flags.intersects(EventFlags::OUT.union(OVER)) {
            self.writable.set(true);
            if let Some(waker) = self.writer.take() {
                waker.wake();
            }
        }
    }
}

/// A socket, non-blocking, watched by the poller of the thread that made it. At most one task waits to read and one to write.
#[derive(Debug)]
pub(crate) struct Polled<T: AsFd> {
    io: T,
    key: u64,
    pub(super) readiness: Rc<Readiness>,
    poller: Rc<Poller>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

impl<T: AsFd> Polled<T> {
    /// Watches `io` from now on. What it is ready for already will be told.
    ///
    /// # Errors
    /// When it cannot be made non-blocking or cannot be watched.
    pub(crate) fn new(io: T) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&io, true)?;
        let poller = here()?;
        let key = poller.next_key.get();
        poller.next_key.set(key + 1);
        let readiness = Rc::new(Readiness::new());
        epoll::add(&poller.epoll, &io, EventData::new_u64(key), readiness.asked.get() | EventFlags::ET)?;
        poller.sources.borrow_mut().insert(key, Rc::clone(&readiness));
        Ok(Self { io, key, readiness, poller })
    }

    /// The socket. Reads and writes go through [`Polled::read_with`] and [`Polled::write_with`], which learn from them.
    pub(crate) const fn get_ref(&self) -> &T {
        &self.io
    }

    /// One read of a stream with room for so many bytes.
    pub(crate) fn read_with(&self, room: usize, read: impl FnOnce(&T) -> io::Result<usize>) -> io::Result<usize> {
        let done = read(&self.io);
        match &done {
            Ok(n) if *n < room && !self.readiness.unsure.get() => self.readiness.readable.set(false),
            Err(e) if e.kind() == ErrorKind::WouldBlock => self.readiness.readable.set(false),
            _ => {}
        }
        done
    }

    /// One read of a datagram; a short one says nothing about the next.
    pub(crate) fn read_one_with(&self, read: impl FnOnce(&T) -> io::Result<usize>) -> io::Result<usize> {
        self.read_with(0, read)
    }

    /// One write.
    pub(crate) fn write_with(&self, write: impl FnOnce(&T) -> io::Result<usize>) -> io::Result<usize> {
        let done = write(&self.io);
        if done.as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock) {
            self.readiness.writable.set(false);
        }
        done
    }

    /// Ready while a read may find something. The last who asked is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.readiness.readable.get() {
            return Poll::Ready(Ok(()));
        }
        wait(&self.readiness.reader, cx);
        self.ask(self.readiness.asked.get() | READ)?;
        Poll::Pending
    }

    /// Ready while a write may find room. The last who asked is woken.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.readiness.writable.get() {
            return Poll::Ready(self.ask(self.readiness.asked.get() - EventFlags::OUT));
        }
        wait(&self.readiness.writer, cx);
        self.ask(self.readiness.asked.get() | EventFlags::OUT)?;
        Poll::Pending
    }

    /// The kernel need not say that anything came until somebody waits for it again; a read may be tried at any time. Only the first of several such calls costs a
    /// system call.
    pub(crate) fn rest(&self) {
        // Should it fail, the thread is woken more often than it need be.
        let _ = self.ask(self.readiness.asked.get() - READ);
    }

    /// What the kernel is to say; being asked anew it says also what is so already.
    fn ask(&self, flags: EventFlags) -> io::Result<()> {
        if self.readiness.asked.replace(flags) != flags {
            epoll::modify(&self.poller.epoll, &self.io, EventData::new_u64(self.key), flags | EventFlags::ET)?;
        }
        Ok(())
    }
}

impl<T: AsFd> Drop for Polled<T> {
    fn drop(&mut self) {
        // Dropped when nothing is borrowed any more: wakers are in it.
        let _gone = self.poller.sources.borrow_mut().remove(&self.key);
        // The descriptor may have been duplicated: closing it would not be enough. It cannot fail while the socket is open.
        let _ = epoll::delete(&self.poller.epoll, &self.io);
    }
}

impl<T: AsFd> AsFd for Polled<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

/// Notes who waits; a waker that would wake the same task is kept.
fn wait(slot: &RefCell<Option<Waker>>, cx: &mut Context<'_>) {
    let mut slot = slot.borrow_mut();
    match &mut *slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
