//! In front of tiny_http, which has no limits of its own (threads without bound, no time-outs, headers without limit): connections are accepted and counted
//! here, and their bytes are passed on to tiny_http's Unix socket as long as they keep to the limits below.
//!
//! Bytes are counted, not read: no HTTP is parsed here. One thread for all connections; tiny_http sees no more connections than we let through.
use smol::channel::Sender;
use smol::future::{or, pending};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::net::unix::UnixStream;
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a connection may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of one request, head and body.
    pub(super) request_bytes: u64,
    /// From the first byte of a request to the first byte of its answer.
    pub(super) request_time: Duration,
    /// Nothing moves.
    pub(super) idle_time: Duration,
    /// However busy.
    pub(super) connection_time: Duration,
    /// How often the times are looked at.
    pub(super) look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 64 << 10,
            request_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            connection_time: Duration::from_secs(600),
            look: Duration::from_millis(500),
        }
    }
}

/// After an error of accept (descriptors used up).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What one who cannot be served reads.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

/// Accepts for ever. `inner` is tiny_http's socket; `broken` is told when nobody listens there.
pub(super) fn run(listener: std::net::TcpListener, inner: &Path, connections_max: usize, limits: Limits, broken: &Sender<()>) {
    let executor = Rc::new(LocalExecutor::new());
    let open = Rc::new(Cell::new(0_usize));
    let accept = {
        let executor = Rc::clone(&executor);
        async move {
            let Ok(listener) = TcpListener::try_from(listener) else { return };
            loop {
                match listener.accept().await {
                    Ok((mut client, _)) if open.get() >= connections_max => {
                        // One attempt without waiting: what does not fit into an empty socket buffer is not worth a task. The request is taken from the socket,
                        // as far as it is here, because closing over unread bytes would reset the connection and take the answer with it.
                        let _ = smol::future::poll_once(client.write(BUSY)).await;
                        let _ = smol::future::poll_once(client.read(&mut [0; 4096])).await;
                    }
                    Ok((client, _)) => {
                        let guard = Count::new(&open);
                        let (inner, broken) = (inner.to_owned(), broken.clone());
                        executor.spawn(async move { serve(client, inner, limits, broken, guard).await }).detach();
                    }
                    Err(_) => drop(Timer::after(ACCEPT_PAUSE).await),
                }
            }
        }
    };
    smol::block_on(executor.run(accept));
}

/// Counts a connection as long as it lives.
struct Count(Rc<Cell<usize>>);

impl Count {
    fn new(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// What is known of a connection.
struct Meter {
    limits: Limits,
    began: Instant,
    moved: Cell<Instant>,
    /// Bytes of the request that has no answer yet, and when it began.
    asked: Cell<Option<(u64, Instant)>>,
}

impl Meter {
    fn is_over(&self) -> bool {
        let now = Instant::now();
        now - self.began > self.limits.connection_time
            || now - self.moved.get() > self.limits.idle_time
            || self.asked.get().is_some_and(|(bytes, since)| bytes > self.limits.request_bytes || now - since > self.limits.request_time)
    }
}

async fn serve(mut client: TcpStream, inner: PathBuf, limits: Limits, broken: Sender<()>, _guard: Count) {
    let Ok(server) = UnixStream::connect(&inner).await else {
        let _ = broken.try_send(());
        let _ = smol::future::poll_once(client.write(BUSY)).await;
        let _ = client.shutdown(std::net::Shutdown::Write);
        let rest = async { while client.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} };
        let late = async {
            Timer::after(limits.look).await;
        };
        return or(rest, late).await;
    };
    let now = Instant::now();
    let meter = Meter { limits, began: now, moved: Cell::new(now), asked: Cell::new(None) };
    let watch = async {
        while !meter.is_over() {
            Timer::after(limits.look).await;
        }
    };
    or(or(upward(client.clone(), server.clone(), &meter), downward(server, client, &meter)), watch).await;
}

/// Requests. After the client's last byte the answer may still come.
async fn upward(mut client: TcpStream, mut server: UnixStream, meter: &Meter) {
    let mut buffer = [0; 4096];
    loop {
        let n = match client.read(&mut buffer).await {
            Ok(0) => {
                let _ = server.shutdown(std::net::Shutdown::Write);
                return pending().await;
            }
            Ok(n) => n,
            Err(_) => return,
        };
        let now = Instant::now();
        meter.moved.set(now);
        let (bytes, since) = meter.asked.get().unwrap_or((0, now));
        meter.asked.set(Some((bytes + n as u64, since)));
        if bytes + n as u64 > meter.limits.request_bytes || server.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// Answers.
async fn downward(mut server: UnixStream, mut client: TcpStream, meter: &Meter) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let n = match server.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => n,
        };
        meter.asked.set(None);
        if client.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        meter.moved.set(Instant::now());
    }
}
