//! An emulated peer of the simulator behind real sockets: the same state machine, a thread for each connection, the machine's clock.
use crate::patience_left;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};
use uc_core::Mono;
use uc_runtime_sim::peers::{Peer, PeerOut};

/// Who does not read for this long is cut off.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// How long the clock sleeps when the peer has no plans.
const NO_PLANS: Duration = Duration::from_secs(3600);

struct State<P> {
    peer: P,
    conns: BTreeMap<u64, TcpStream>,
    serial: u64,
}

struct Shared<P> {
    state: Mutex<State<P>>,
    changed: Condvar,
    began: Instant,
    stop: AtomicBool,
}

/// The peer, ended when dropped.
pub struct Emulated<P: Peer + Send + 'static> {
    shared: Arc<Shared<P>>,
    doors: Mutex<Vec<u16>>,
}

impl<P: Peer + Send + 'static> Emulated<P> {
    /// Starts its clock; nobody can reach it yet.
    #[must_use]
    pub fn start(peer: P) -> Self {
        let state = Mutex::new(State { peer, conns: BTreeMap::new(), serial: 0 });
        let shared = Arc::new(Shared { state, changed: Condvar::new(), began: Instant::now(), stop: AtomicBool::new(false) });
        let clock = Arc::clone(&shared);
        thread::spawn(move || clock.tick());
        Self { shared, doors: Mutex::new(Vec::new()) }
    }

    /// Opens a port on 127.0.0.1 that leads to server `node` of the peer; `welcome` is told of each connection. The port.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn open(&self, node: u16, welcome: impl Fn(&mut P, u64) + Send + 'static) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.doors.lock().unwrap().push(port);
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                shared.accept(node, stream, &welcome);
            }
        });
        port
    }

    /// Does something with the peer, at its present time.
    pub fn with<T>(&self, act: impl FnOnce(&mut P, Mono) -> T) -> T {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let done = act(&mut state.peer, now);
        self.shared.pump(state);
        done
    }

    /// Waits until `look` finds something in the peer.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut P) -> Option<T>) -> T {
        let began = Instant::now();
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&mut state.peer) {
                return found;
            }
            let left = patience_left(began, what);
            assert!(!left.is_zero(), "not seen at the emulated peer: {what}; violations: {:#?}", state.peer.violations());
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

impl<P: Peer + Send + 'static> Drop for Emulated<P> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for stream in self.shared.lock().conns.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
        // A knock ends each listening thread.
        for port in self.doors.lock().unwrap().iter() {
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, *port)));
        }
    }
}

impl<P: Peer + Send + 'static> Shared<P> {
    fn now(&self) -> Mono {
        Mono(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        // A test that failed with the lock held must not make others fail differently.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sends what the peer has to say and tells those who wait.
    fn pump(&self, mut state: MutexGuard<'_, State<P>>) {
        while let Some(out) = state.peer.poll() {
            match out {
                PeerOut::Send { conn, bytes } => {
                    if let Some(stream) = state.conns.get_mut(&conn)
                        && stream.write_all(&bytes).is_err()
                    {
                        // Its reader sees the end and tells the peer.
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
                PeerOut::Close { conn } => {
                    if let Some(stream) = state.conns.remove(&conn) {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, node: u16, mut stream: TcpStream, welcome: &impl Fn(&mut P, u64)) {
        let Ok(ours) = stream.try_clone() else { return };
        let _ = (ours.set_nodelay(true), ours.set_write_timeout(Some(WRITE_LIMIT)));
        let mut state = self.lock();
        state.serial += 1;
        let conn = state.serial;
        state.conns.insert(conn, ours);
        state.peer.accept(self.now(), node, conn);
        welcome(&mut state.peer, conn);
        self.pump(state);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let n = stream.read(&mut buffer).unwrap_or(0);
                let now = shared.now();
                let mut state = shared.lock();
                if n == 0 {
                    state.conns.remove(&conn);
                    state.peer.disconnected(now, conn);
                    return shared.pump(state);
                }
                state.peer.receive(now, conn, &buffer[..n]);
                shared.pump(state);
            }
        });
    }

    /// Wakes the peer when it wants to be woken.
    fn tick(&self) {
        let mut state = self.lock();
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.now();
            let due = state.peer.next_deadline();
            if due.is_some_and(|at| at <= now) {
                state.peer.wake(now);
                self.pump(state);
                state = self.lock();
                continue;
            }
            let pause = due.map_or(NO_PLANS, |at| Duration::from_millis(at.since(now)));
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}
