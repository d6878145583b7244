//! One connection: a socket, TLS where configured, and what waits to be written.
//!
//! Everything a batch of inputs makes us say is encoded straight into the connection's buffer and leaves in one `write`. When the kernel takes no more, a task of
//! its own waits for the socket, and reading stops once more than `write_queue_bytes_max` waits (back-pressure: the peer must read before it may speak).
use crate::net::{Sock, close_cause};
use crate::poller::Timer;
use crate::tls::{Tls, TlsFault};
use smol::LocalExecutor;
use smol::future::poll_fn;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use uc_core::config::NoteLevel;
use uc_core::uc_event::CloseCause;

/// Bytes asked for in one `read`. Larger reads gain little: the system call is already shared by some fifty messages, and the buffer should stay in the cache.
pub(crate) const READ_BYTES: usize = 64 << 10;
/// A buffer that grew larger than this in a backlog is given back once it is empty.
const KEEP_BYTES: usize = 1 << 20;
/// Datagrams sent with one system call.
const DATAGRAMS_MAX: usize = 64;
/// How long unsent bytes are still tried after a close.
const LINGER: Duration = Duration::from_secs(1);

/// Where received plaintext goes: a framer.
pub(crate) trait Sink {
    /// At least `min` free bytes.
    fn spare(&mut self, min: usize) -> &mut [u8];
    /// `n` bytes of it were filled.
    fn filled(&mut self, n: usize);
}

/// A connection. Shared by the task that reads it, the task that waits to write, and the hub that encodes into it.
pub(crate) struct Conn {
    sock: Sock,
    io: RefCell<Io>,
    /// The last read took everything there was: wait before trying again.
    drained: Cell<bool>,
    bytes_in: Cell<u64>,
    queue_bytes_max: Cell<usize>,
}

#[derive(Default)]
struct Io {
    tls: Option<Box<dyn Tls>>,
    /// Plaintext waiting for its record; unused without TLS.
    plain: Vec<u8>,
    wire: Vec<u8>,
    /// Bytes sent since the connection stands.
    written: u64,
    /// How much of `wire` is sent already.
    sent: usize,
    /// Where the datagrams in `wire` end; unused on a stream.
    ends: VecDeque<usize>,
    /// Ciphertext as read; unused without TLS.
    cipher: Vec<u8>,
    /// A task waits until the socket takes more.
    waiting: bool,
    failed: Option<CloseCause>,
    /// The peer said that it has finished (TLS `close_notify`).
    finished: bool,
    /// The reading task, to be woken when the connection fails or has room again.
    reader: Option<Waker>,
}

impl Io {
    fn unsent(&self) -> usize {
        self.wire.len() - self.sent
    }

    /// Moves plaintext into records.
    fn seal(&mut self) -> Result<(), TlsFault> {
        let Self { tls: Some(tls), plain, wire, .. } = self else { return Ok(()) };
        tls.send(plain, wire)?;
        plain.clear();
        trim(plain);
        Ok(())
    }

    /// Writes what the socket takes. `false`: it takes no more.
    fn write(&mut self, sock: &Sock) -> io::Result<bool> {
        while self.sent < self.wire.len() {
            if let Some(end) = self.ends.front().copied() {
                let taken = if self.ends.len() > 1 { self.write_datagrams(sock)? } else { self.write_datagram(sock, end)? };
                if !taken {
                    return Ok(false);
                }
                continue;
            }
            match sock.write(&self.wire[self.sent..]) {
                Ok(0) => return Err(ErrorKind::BrokenPipe.into()),
                Ok(n) => {
                    self.sent += n;
                    self.written += n as u64;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    // What is sent is dropped in large steps only, so that a backlog of any size costs linear work.
                    if self.sent >= KEEP_BYTES && self.sent * 2 >= self.wire.len() {
                        self.wire.drain(..self.sent);
                        self.sent = 0;
                    }
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
        }
        self.wire.clear();
        self.sent = 0;
        trim(&mut self.wire);
        Ok(true)
    }

    /// Sends the next datagrams with one system call, up to one that the network does not take.
    fn write_datagrams(&mut self, sock: &Sock) -> io::Result<bool> {
        let (from, first) = (self.sent, self.ends.front().copied().unwrap_or(self.sent));
        let count = self.ends.len().min(DATAGRAMS_MAX);
        let to = self.ends.get(count - 1).copied().unwrap_or(first);
        match sock.write_many(&self.wire[from..to], self.ends.iter().take(count).map(|end| end - from)) {
            Ok(taken) => {
                if let Some(end) = self.ends.drain(..taken.min(count)).next_back() {
                    self.written += (end - from) as u64;
                    self.sent = end;
                }
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(true),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
            // The first one: alone, so that it is told and dropped.
            Err(e) if is_too_large(&e) => self.write_datagram(sock, first),
            Err(e) => Err(e),
        }
    }

    /// Sends the datagram up to `end`. One that the network does not take at this size is dropped: only its own request suffers.
    fn write_datagram(&mut self, sock: &Sock, end: usize) -> io::Result<bool> {
        match sock.write(&self.wire[self.sent..end]) {
            Ok(n) => self.written += n as u64,
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) if is_too_large(&e) => {
                crate::say::failing(
                    NoteLevel::Warn,
                    &format!("a datagram of {} bytes is too large for the network; use `transport = \"tcp\"`", end - self.sent),
                );
            }
            Err(e) => return Err(e),
        }
        self.sent = end;
        self.ends.pop_front();
        Ok(true)
    }

    fn fail(&mut self, why: CloseCause) {
        self.failed.get_or_insert(why);
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}

fn trim(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEEP_BYTES {
        *buffer = Vec::new();
    }
}

impl Conn {
    /// A connection over `sock`; the handshake, if any, is still to be done.
    pub(crate) fn new(sock: Sock, tls: Option<Box<dyn Tls>>, queue_bytes_max: usize) -> Rc<Self> {
        let cipher = if tls.is_some() { vec![0; READ_BYTES] } else { Vec::new() };
        Rc::new(Self {
            sock,
            io: RefCell::new(Io { tls, cipher, ..Io::default() }),
            drained: Cell::new(true),
            bytes_in: Cell::new(0),
            queue_bytes_max: Cell::new(queue_bytes_max),
        })
    }

    /// Whether one message is one datagram.
    pub(crate) const fn is_datagram(&self) -> bool {
        self.sock.is_datagram()
    }

    /// The far end; `None` for a Unix socket.
    pub(crate) fn peer(&self) -> Option<std::net::SocketAddr> {
        self.sock.peer()
    }

    /// Bytes of the wire in and out.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        let io = self.io.borrow();
        (self.bytes_in.get(), io.written)
    }

    /// Whether another read may find more at once: let others have a turn first.
    pub(crate) fn has_more(&self) -> bool {
        !self.drained.get()
    }

    /// Reads nothing for so long. What comes meanwhile wakes nobody; the next read tries before it waits.
    pub(crate) async fn rest(&self, time: Duration) {
        self.sock.rest();
        Timer::after(time).await;
        self.drained.set(false);
    }

    /// Where to encode what is to be sent. [`Conn::flush`] sends it.
    pub(crate) fn out(&self) -> RefMut<'_, Vec<u8>> {
        RefMut::map(self.io.borrow_mut(), |io| if io.tls.is_some() { &mut io.plain } else { &mut io.wire })
    }

    /// What was encoded since the last call is a message. Streams need no mark.
    pub(crate) fn end_message(&self) {
        if self.sock.is_datagram() {
            let mut io = self.io.borrow_mut();
            let end = io.wire.len();
            if io.ends.back().copied().unwrap_or(io.sent) < end {
                io.ends.push_back(end);
            }
        }
    }

    /// Bytes not yet taken by the kernel.
    pub(crate) fn unsent(&self) -> usize {
        let io = self.io.borrow();
        io.plain.len() + io.unsent()
    }

    /// Sends what was encoded, in one write if the socket takes it. The rest is sent when it can be; a failure ends [`Conn::fill`].
    pub(crate) fn flush(self: &Rc<Self>, executor: &LocalExecutor<'static>) {
        let mut io = self.io.borrow_mut();
        if io.failed.is_some() {
            return;
        }
        if let Err(fault) = io.seal() {
            crate::say::warn(&fault.text);
            return io.fail(fault.cause);
        }
        if io.waiting {
            return;
        }
        match io.write(&self.sock) {
            Ok(true) => {}
            Ok(false) => {
                io.waiting = true;
                executor.spawn(Rc::clone(self).write_later()).detach();
            }
            Err(e) => io.fail(close_cause(&e)),
        }
    }

    /// Waits for the socket until everything is sent.
    async fn write_later(self: Rc<Self>) {
        loop {
            let ready = poll_fn(|cx| self.sock.poll_writable(cx)).await;
            let mut io = self.io.borrow_mut();
            let written = ready.and_then(|()| io.write(&self.sock));
            if io.unsent() <= self.queue_bytes_max.get() / 2 {
                io.wake_reader();
            }
            match written {
                Ok(false) => {}
                Ok(true) => return io.waiting = false,
                Err(e) => {
                    io.waiting = false;
                    return io.fail(close_cause(&e));
                }
            }
        }
    }

    /// Another limit for what waits to be written.
    pub(crate) fn set_queue_bytes_max(&self, bytes: usize) {
        self.queue_bytes_max.set(bytes);
    }

    /// Reads once into `sink`, waiting for bytes if there are none.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) async fn fill(&self, sink: &mut dyn Sink) -> Result<(), CloseCause> {
        poll_fn(|cx| self.poll_fill(cx, sink)).await
    }

    /// The next datagram, waiting for one if there is none; its length.
    ///
    /// # Errors
    /// When the peer's machine said that nobody listens, or the socket failed.
    pub(crate) async fn datagram(&self, into: &mut [u8]) -> Result<usize, CloseCause> {
        poll_fn(|cx| {
            loop {
                if let Some(n) = self.try_datagram(into)? {
                    return Poll::Ready(Ok(n));
                }
                match self.sock.poll_readable(cx) {
                    Poll::Ready(Ok(())) => self.drained.set(false),
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(close_cause(&e))),
                    Poll::Pending => {
                        let mut io = self.io.borrow_mut();
                        if !io.reader.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                            io.reader = Some(cx.waker().clone());
                        }
                        return Poll::Pending;
                    }
                }
            }
        })
        .await
    }

    /// A datagram that is there already.
    ///
    /// # Errors
    /// As [`Conn::datagram`].
    pub(crate) fn try_datagram(&self, into: &mut [u8]) -> Result<Option<usize>, CloseCause> {
        if let Some(why) = self.io.borrow().failed {
            return Err(why);
        }
        while !self.drained.get() {
            match self.sock.read(into) {
                Ok(n) => {
                    self.bytes_in.set(self.bytes_in.get() + n as u64);
                    return Ok(Some(n));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.drained.set(true),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    // Kept: whoever asks next hears it again.
                    let why = close_cause(&e);
                    self.io.borrow_mut().failed.get_or_insert(why);
                    return Err(why);
                }
            }
        }
        Ok(None)
    }

    fn poll_fill(&self, cx: &mut Context<'_>, sink: &mut dyn Sink) -> Poll<Result<(), CloseCause>> {
        let mut io = self.io.borrow_mut();
        loop {
            if let Some(why) = io.failed {
                return Poll::Ready(Err(why));
            }
            if io.finished {
                return Poll::Ready(Err(CloseCause::PeerClosed));
            }
            if io.unsent() > self.queue_bytes_max.get() {
                io.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if self.drained.get() {
                match self.sock.poll_readable(cx) {
                    Poll::Ready(Ok(())) => self.drained.set(false),
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(close_cause(&e))),
                    Poll::Pending => {
                        if !io.reader.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                            io.reader = Some(cx.waker().clone());
                        }
                        return Poll::Pending;
                    }
                }
            }
            match self.read(&mut io, sink) {
                Ok(0) => return Poll::Ready(Err(CloseCause::PeerClosed)),
                Ok(_) => return Poll::Ready(Ok(())),
                Err(ReadError::Io(e)) if e.kind() == ErrorKind::WouldBlock => self.drained.set(true),
                Err(ReadError::Io(e)) if e.kind() == ErrorKind::Interrupted => {}
                Err(ReadError::Io(e)) => return Poll::Ready(Err(close_cause(&e))),
                Err(ReadError::Tls(fault)) => {
                    crate::say::failing(NoteLevel::Warn, &fault.text);
                    return Poll::Ready(Err(fault.cause));
                }
            }
        }
    }

    /// One `read`; a short one means that there is no more for now.
    fn read(&self, io: &mut Io, sink: &mut dyn Sink) -> Result<usize, ReadError> {
        let Io { tls: Some(tls), cipher, wire, .. } = io else {
            let spare = sink.spare(READ_BYTES);
            let room = spare.len();
            let n = self.sock.read(spare).map_err(ReadError::Io)?;
            sink.filled(n);
            self.bytes_in.set(self.bytes_in.get() + n as u64);
            self.drained.set(n < room);
            return Ok(n);
        };
        let n = self.sock.read(cipher).map_err(ReadError::Io)?;
        self.bytes_in.set(self.bytes_in.get() + n as u64);
        self.drained.set(n < cipher.len());
        let received = tls.receive(&cipher[..n], sink);
        // What TLS itself has to say: handshake, key updates, and the alert that goes with an error.
        let said = tls.send(&[], wire);
        if received.is_err() {
            let _ = io.write(&self.sock);
        }
        io.finished |= received.map_err(ReadError::Tls)?;
        said.map_err(ReadError::Tls)?;
        Ok(n)
    }

    /// Does the TLS handshake, if there is one to do. Plaintext that comes with its last flight goes to `sink`.
    ///
    /// # Errors
    /// When it fails or the connection is gone.
    pub(crate) async fn handshake(self: &Rc<Self>, executor: &LocalExecutor<'static>, sink: &mut dyn Sink) -> Result<(), CloseCause> {
        loop {
            self.flush(executor);
            if self.io.borrow().tls.as_ref().is_none_or(|tls| !tls.is_handshaking()) {
                return Ok(());
            }
            // A peer that hangs up during the handshake did not like something about it.
            self.fill(sink).await.map_err(|why| if why == CloseCause::PeerClosed { CloseCause::HandshakeFailed } else { why })?;
        }
    }

    /// Lets go: what is unsent is tried for a moment, then the connection ends in good order. What the peer still says is read and dropped, because closing
    /// over unread bytes would reset the connection and take our last words with it.
    pub(crate) fn close(self: Rc<Self>, executor: &LocalExecutor<'static>) {
        {
            let mut io = self.io.borrow_mut();
            if io.failed.is_some() {
                return;
            }
            if io.seal().is_ok() {
                let Io { tls, wire, .. } = &mut *io;
                if let Some(tls) = tls {
                    tls.close(wire);
                }
            }
        }
        self.flush(executor);
        if self.sock.is_datagram() && self.unsent() == 0 {
            return;
        }
        executor.spawn(smol::future::or(self.last_words(), pause(LINGER))).detach();
    }

    async fn last_words(self: Rc<Self>) {
        let mut heard = Discard(vec![0; 4 << 10]);
        while self.unsent() > 0 && self.io.borrow().failed.is_none() {
            pause(Duration::from_millis(5)).await;
        }
        if self.sock.is_datagram() {
            return;
        }
        self.sock.shutdown_write();
        self.io.borrow_mut().tls = None;
        while self.fill(&mut heard).await.is_ok() {}
    }
}

async fn pause(time: Duration) {
    Timer::after(time).await;
}

enum ReadError {
    Io(io::Error),
    Tls(TlsFault),
}

/// A sink that forgets.
pub(crate) struct Discard(Vec<u8>);

impl Sink for Discard {
    fn spare(&mut self, _min: usize) -> &mut [u8] {
        &mut self.0
    }
    fn filled(&mut self, _n: usize) {}
}

#[cfg(test)]
mod tests;
