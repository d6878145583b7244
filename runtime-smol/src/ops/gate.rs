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
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Bytes of one request, head and body.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// From the first byte of a request to the first byte of its answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Nothing moves.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);
/// However busy.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// How often the times are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// After an error of accept (descriptors used up).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What one who cannot be served reads.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

/// Accepts for ever. `inner` is tiny_http's socket; `broken` is told when nobody listens there.
pub(super) fn run(listener: std::net::TcpListener, inner: PathBuf, connections_max: usize, broken: Sender<()>) {
    let executor = Rc::new(LocalExecutor::new());
    let open = Rc::new(Cell::new(0_usize));
    let accept = {
        let executor = Rc::clone(&executor);
        async move {
            let Ok(listener) = TcpListener::try_from(listener) else { return };
            loop {
                match listener.accept().await {
                    Ok((mut client, _)) if open.get() >= connections_max => {
                        // One attempt without waiting: what does not fit into an empty socket buffer is not worth a task.
                        let _ = smol::future::poll_once(client.write(BUSY)).await;
                    }
                    Ok((client, _)) => {
                        let guard = Count::new(&open);
                        let (inner, broken) = (inner.clone(), broken.clone());
                        executor.spawn(async move { serve(client, inner, broken, guard).await }).detach();
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
    began: Instant,
    moved: Cell<Instant>,
    /// Bytes of the request that has no answer yet, and when it began.
    asked: Cell<Option<(u64, Instant)>>,
}

impl Meter {
    fn is_over(&self) -> bool {
        let now = Instant::now();
        now - self.began > CONNECTION_TIME_MAX
            || now - self.moved.get() > IDLE_TIME_MAX
            || self.asked.get().is_some_and(|(bytes, since)| bytes > REQUEST_BYTES_MAX || now - since > REQUEST_TIME_MAX)
    }
}

async fn serve(mut client: TcpStream, inner: PathBuf, broken: Sender<()>, _guard: Count) {
    let Ok(server) = UnixStream::connect(&inner).await else {
        let _ = broken.try_send(());
        let _ = smol::future::poll_once(client.write(BUSY)).await;
        return;
    };
    let now = Instant::now();
    let meter = Meter { began: now, moved: Cell::new(now), asked: Cell::new(None) };
    let watch = async {
        while !meter.is_over() {
            Timer::after(LOOK).await;
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
        if bytes + n as u64 > REQUEST_BYTES_MAX || server.write_all(&buffer[..n]).await.is_err() {
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
