//! End to end: the real daemon on core 0, the far ends on core 1, loopback sockets between them.
use crate::daemon::{Daemon, Identity};
use crate::far_ends::{Bridge, FrontEnd};
use crate::seed::Dialog;
use crate::table::{Table, thousands};
use crate::web_flood::Flood;
use rustls::{ServerConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the daemon may take to connect: under callgrind on a busy machine it needs minutes.
const CONNECT_MAX: Duration = Duration::from_secs(300);

/// One connection of the far ends: plain or TLS, non-blocking.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    pub(crate) fn accept(listener: &TcpListener, tls: Option<&Arc<rustls::ServerConfig>>, child: &mut Daemon) -> Result<Self, String> {
        Self::accept_while(listener, tls, child, &mut || Ok(()))
    }

    /// [`Wire::accept`] that does `other` meanwhile: a connection that stands already wants answers.
    pub(crate) fn accept_while(
        listener: &TcpListener,
        tls: Option<&Arc<rustls::ServerConfig>>,
        child: &mut Daemon,
        other: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<Self, String> {
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let began = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(e) if e.kind() == ErrorKind::WouldBlock && began.elapsed() < CONNECT_MAX => {
                    child.check()?;
                    other()?;
                }
                Err(e) => return Err(format!("the daemon did not connect: {e}")),
            }
        };
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let Some(config) = tls else {
            stream.set_nonblocking(true).map_err(|e| e.to_string())?;
            return Ok(Self::Plain(stream));
        };
        stream.set_nonblocking(false).map_err(|e| e.to_string())?;
        let mut connection = ServerConnection::new(Arc::clone(config)).map_err(|e| e.to_string())?;
        let mut stream = stream;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(|e| format!("handshake: {e}"))?;
        }
        stream.set_nonblocking(true).map_err(|e| e.to_string())?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Reads what is there into `input`, writes what fits of `output`.
    pub(crate) fn turn(&mut self, input: &mut Vec<u8>, output: &mut Vec<u8>) -> Result<(), String> {
        let mut buffer = [0; 64 << 10];
        match self.io().read(&mut buffer) {
            Ok(0) => return Err("the daemon closed the connection".into()),
            Ok(n) => input.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e.to_string()),
        }
        let mut sent = 0;
        while sent < output.len() {
            match self.io().write(&output[sent..]) {
                Ok(0) => break,
                Ok(n) => sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(e.to_string()),
            }
        }
        output.drain(..sent);
        if let Self::Tls(tls) = self {
            let _ = tls.flush();
        }
        Ok(())
    }

    fn io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A running measurement.
pub(crate) struct Bench {
    sip: Wire,
    bridge: Wire,
    front_end: FrontEnd,
    tserver: Bridge,
    child: Daemon,
    workers: usize,
    /// The worker to change next, and whether the round makes everybody busy.
    next: usize,
    busy: bool,
    /// Another load on the daemon, turned with the far ends.
    pub(crate) beside: Option<Flood>,
}

const SETTLE: Duration = Duration::from_secs(120);

impl Bench {
    /// Starts the daemon with `workers` workers and waits until all are registered and subscribed.
    fn daemon(workers: usize, tls: bool, record: bool) -> Result<Self, String> {
        let (sip_listener, bridge_listener) = (listen()?, listen()?);
        let identity = tls.then(crate::daemon::Identity::new).transpose()?;
        let child = Daemon::start(workers, port(&sip_listener), port(&bridge_listener), identity.as_ref(), record)?;
        Self::with(child, &sip_listener, &bridge_listener, workers, identity.as_ref())
    }

    /// Waits until all are registered and subscribed.
    pub(crate) fn with(mut child: Daemon, sip: &TcpListener, bridge: &TcpListener, workers: usize, identity: Option<&Identity>) -> Result<Self, String> {
        let bridge = Wire::accept(bridge, None, &mut child)?;
        let sip = Wire::accept(sip, identity.map(|i| &i.server), &mut child)?;
        let mut it = Self { sip, bridge, front_end: FrontEnd::default(), tserver: Bridge::new(20_000), child, workers, next: 0, busy: true, beside: None };
        let began = Instant::now();
        while it.front_end.subscribed < workers || it.tserver.registered < workers {
            it.turn()?;
            if began.elapsed() > SETTLE {
                return Err(format!("after {SETTLE:?}: {} subscribed, {} registered of {workers}", it.front_end.subscribed, it.tserver.registered));
            }
        }
        it.quiet()?;
        it.tserver.requests.clear();
        Ok(it)
    }

    fn bare() -> Result<Self, String> {
        let (sip_listener, bridge_listener) = (listen()?, listen()?);
        let dialog = Dialog {
            call_id: "9bd68af0f897bbff12c2131337fbae38@192.168.92.172".into(),
            their_tag: "f30acb63".into(),
            watcher: "sip:lync-user0@lyncdco13.lab".into(),
            target: "sip:192.168.92.172:55117;ms-received-cid=3C0D700;grid".into(),
        };
        let front_end = FrontEnd { template: Some(crate::seed::Template::new(&dialog)), cseq: 1_000_000, ..FrontEnd::default() };
        let length = front_end.template.as_ref().map_or(0, crate::seed::Template::len);
        let mut child = Daemon::bare(port(&sip_listener), port(&bridge_listener), length)?;
        let sip = Wire::accept(&sip_listener, None, &mut child)?;
        let bridge = Wire::accept(&bridge_listener, None, &mut child)?;
        Ok(Self { sip, bridge, front_end, tserver: Bridge::new(20_000), child, workers: 10_000, next: 0, busy: true, beside: None })
    }

    fn turn(&mut self) -> Result<(), String> {
        self.sip.turn(&mut self.front_end.input, &mut self.front_end.output)?;
        if !self.front_end.input.is_empty() {
            self.front_end.work();
        }
        self.bridge.turn(&mut self.tserver.input, &mut self.tserver.output)?;
        if !self.tserver.input.is_empty() {
            self.tserver.work();
        }
        self.beside.as_mut().map_or(Ok(()), Flood::turn)
    }

    /// Turns until nothing has happened for 200 ms.
    fn quiet(&mut self) -> Result<(), String> {
        let mut last = (Instant::now(), 0, 0);
        while last.0.elapsed() < Duration::from_millis(200) {
            self.turn()?;
            let seen = (self.front_end.answered, self.tserver.requests.len());
            if seen != (last.1, last.2) || !self.front_end.output.is_empty() || !self.tserver.output.is_empty() {
                last = (Instant::now(), seen.0, seen.1);
            }
        }
        Ok(())
    }

    /// Queues one change: the next worker in turn, busy in one round, online in the next.
    fn change(&mut self) -> usize {
        let worker = self.next;
        self.front_end.notify(worker, if self.busy { 6500 } else { 3500 });
        self.next += 1;
        if self.next == self.workers {
            self.next = 0;
            self.busy = !self.busy;
        }
        worker
    }

    /// Changes per second and CPU microseconds per change with `window` changes under way.
    fn saturate(&mut self, window: u64, time: Duration) -> Result<(f64, f64), String> {
        self.tserver.requests.clear();
        let (mut sent, mut done) = (0u64, 0u64);
        let mut began = Instant::now();
        let (mut cpu, mut base, mut warm) = (0.0, 0, false);
        loop {
            while sent - done < window && self.front_end.output.len() < 256 << 10 {
                self.change();
                sent += 1;
            }
            self.turn()?;
            done += self.tserver.requests.len() as u64;
            self.tserver.requests.clear();
            if !warm && began.elapsed() > time / 4 {
                (warm, began, base, cpu) = (true, Instant::now(), done, self.child.cpu_seconds());
            }
            if warm && began.elapsed() > time {
                break;
            }
        }
        let (elapsed, cpu) = (began.elapsed().as_secs_f64(), self.child.cpu_seconds() - cpu);
        let changes = (done - base) as f64;
        while done < sent {
            self.turn()?;
            done += self.tserver.requests.len() as u64;
            self.tserver.requests.clear();
        }
        self.quiet()?;
        Ok((changes / elapsed, cpu / changes * 1e6))
    }

    /// NOTIFY in to request out, one change at a time.
    pub(crate) fn one_at_a_time(&mut self, changes: usize) -> Result<Vec<f64>, String> {
        let mut times = Vec::with_capacity(changes);
        for _ in 0..changes {
            self.tserver.requests.clear();
            let began = Instant::now();
            self.change();
            while self.tserver.requests.is_empty() {
                self.turn()?;
            }
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        self.quiet()?;
        Ok(times)
    }

    /// The same at a steady rate.
    pub(crate) fn at_rate(&mut self, per_second: f64, time: Duration) -> Result<Vec<f64>, String> {
        let mut times = Vec::new();
        let mut sent_at = vec![None; self.workers];
        let (began, mut sent) = (Instant::now(), 0u64);
        while began.elapsed() < time {
            let due = (began.elapsed().as_secs_f64() * per_second) as u64;
            while sent < due {
                let worker = self.change();
                sent_at[worker] = Some(Instant::now());
                sent += 1;
            }
            self.turn()?;
            for worker in self.tserver.requests.drain(..) {
                if let Some(at) = sent_at[worker as usize].take() {
                    times.push(Instant::elapsed(&at).as_secs_f64() * 1e6);
                }
            }
        }
        self.quiet()?;
        Ok(times)
    }
}

pub(crate) fn listen() -> Result<TcpListener, String> {
    TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())
}

pub(crate) fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |a| a.port())
}

/// 50, 99 and 99.9 per cent points.
pub(crate) fn points(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [0.5, 0.99, 0.999].map(|p| times.get(((times.len() as f64 - 1.0) * p) as usize).copied().unwrap_or(f64::NAN))
}

/// Pins this process (the far ends) to core 1.
pub(crate) fn pin() {
    let mut cpus = rustix::thread::CpuSet::new();
    cpus.set(1);
    let _ = rustix::thread::sched_setaffinity(None, &cpus);
}

/// The table of throughput, CPU and latency.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    pin();
    let time = Duration::from_secs(args.first().and_then(|a| a.parse().ok()).unwrap_or(4));
    let mut table =
        Table::new(&["10,000 workers, four messages a change", "changes/s", "CPU us/change", "1 at a time p50 us", "p99", "half load p50 us", "p99", "p99.9"]);
    let mut bare_rate = 0.0;
    for (name, which) in [("bare program, TCP", 0), ("daemon, TCP", 1), ("daemon, TLS 1.3", 2), ("daemon, TCP, recording", 3)] {
        eprintln!("{name} ...");
        let mut bench = if which == 0 { Bench::bare()? } else { Bench::daemon(10_000, which == 2, which == 3)? };
        let (rate, cpu) = bench.saturate(256, time)?;
        if which == 0 {
            bare_rate = rate;
        }
        let [p50, p99, _] = points(bench.one_at_a_time(4000)?);
        let half = if which == 0 { [f64::NAN; 3] } else { points(bench.at_rate(rate / 2.0, time)?) };
        if which == 3 {
            println!("\nreplay of the recorded run: {}", bench.child.replay()?);
        }
        let cell = |v: f64| if v.is_nan() { "-".into() } else { format!("{v:.0}") };
        let share = if which == 0 { String::new() } else { format!(" (1/{:.1} of bare)", bare_rate / rate) };
        table.row(&[
            name.into(),
            format!("{}{share}", thousands(rate as u64)),
            format!("{cpu:.2}"),
            cell(p50),
            cell(p99),
            cell(half[0]),
            cell(half[1]),
            cell(half[2]),
        ]);
    }
    table.print("End to end on loopback, daemon on core 0, far ends on core 1 (profile `open`)");
    Ok(())
}

/// What recording costs, in instructions by thread: two counted runs each with and without it, difference of the runs.
///
/// Changes go in lots of the same size, each answered whole before the next, so that both ways read and write the same pieces.
pub(crate) fn record() -> Result<(), String> {
    const LOT: usize = 64;
    let count = |record: bool, lots: usize| -> Result<Vec<f64>, String> {
        let (sip_listener, bridge_listener) = (listen()?, listen()?);
        let child = Daemon::counted(200, port(&sip_listener), port(&bridge_listener), record)?;
        let mut bench = Bench::with(child, &sip_listener, &bridge_listener, 200, None)?;
        for _ in 0..lots {
            bench.tserver.requests.clear();
            for _ in 0..LOT {
                bench.change();
            }
            while bench.tserver.requests.len() < LOT {
                bench.turn()?;
            }
        }
        bench.quiet()?;
        bench.child.instructions()
    };
    let mut per = [Vec::new(), Vec::new()];
    for (record, per) in [false, true].into_iter().zip(&mut per) {
        eprintln!("counting, recording {record} ...");
        let (short, long) = (count(record, 50)?, count(record, 250)?);
        *per = short.iter().zip(&long).map(|(short, long)| (long - short) / (200 * LOT) as f64).collect();
    }
    let [without, with] = per;
    let at = |of: &[f64], i: usize| of.get(i).copied().unwrap_or_default();
    let (before, deciding, writer) = (at(&without, 0), at(&with, 0), with.iter().skip(1).sum::<f64>());
    let mut table = Table::new(&["instructions per change (user), the daemon", "deciding thread", "recorder's thread"]);
    table.row(&["without recording".into(), thousands(before as u64), "-".into()]);
    table.row(&["recording".into(), format!("{} (+{:.1} %)", thousands(deciding as u64), (deciding / before - 1.0) * 100.0), thousands(writer as u64)]);
    table.print("Cost of the flight recorder");
    Ok(())
}

/// Resident memory per worker.
pub(crate) fn memory() -> Result<(), String> {
    pin();
    let mut table = Table::new(&["workers", "resident MiB", "KiB per worker beyond the first row"]);
    let mut first: Option<(usize, u64)> = None;
    for workers in [1_000, 10_000, 100_000] {
        eprintln!("{workers} workers ...");
        let mut bench = Bench::daemon(workers, false, false)?;
        // Everybody changes once, so that every table is in use.
        for _ in 0..workers {
            bench.change();
            if bench.front_end.output.len() > 256 << 10 {
                bench.turn()?;
            }
        }
        bench.quiet()?;
        let resident = bench.child.resident_bytes();
        let per = first.map_or_else(|| "-".into(), |(w, r)| format!("{:.2}", resident.saturating_sub(r) as f64 / (workers - w) as f64 / 1024.0));
        if first.is_none() {
            first = Some((workers, resident));
        }
        table.row(&[thousands(workers as u64), format!("{:.1}", resident as f64 / f64::from(1 << 20)), per]);
    }
    table.print("Memory of the daemon");
    Ok(())
}

/// From the moment the Front End accepts again until every worker is subscribed and reconciled.
pub(crate) fn recovery() -> Result<(), String> {
    pin();
    let sip_listener = listen()?;
    let bridge_listener = listen()?;
    let workers = 10_000;
    let child = Daemon::start(workers, port(&sip_listener), port(&bridge_listener), None, false)?;
    let mut bench = Bench::with(child, &sip_listener, &bridge_listener, workers, None)?;
    // Everybody becomes busy; the connection breaks; the Front End comes back saying that everybody is online: 10,000 states to set right.
    for _ in 0..workers {
        bench.change();
    }
    bench.quiet()?;
    bench.tserver.requests.clear();
    let Bench { sip, mut bridge, mut tserver, mut child, .. } = bench;
    drop(sip);
    let mut front_end = FrontEnd::default();
    let mut sip = Wire::accept(&sip_listener, None, &mut child)?;
    let began = Instant::now();
    while tserver.requests.len() < workers {
        sip.turn(&mut front_end.input, &mut front_end.output)?;
        front_end.work();
        bridge.turn(&mut tserver.input, &mut tserver.output)?;
        tserver.work();
        if began.elapsed() > SETTLE {
            return Err(format!("recovery: only {} of {workers} after {SETTLE:?}", tserver.requests.len()));
        }
    }
    let mut table = Table::new(&["10,000 workers after a lost Front End", "seconds"]);
    table.row(&["connected again to all subscribed and 10,000 states set right".into(), format!("{:.3}", began.elapsed().as_secs_f64())]);
    table.print("Recovery (profile `open`)");
    Ok(())
}
