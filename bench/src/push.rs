//! After Call Work both ways: the T-Server says that it begins, the daemon publishes it (SERVICE), the T-Server says that it ends, the daemon withdraws what it
//! published (SERVICE). The real daemon on core 0; the Front End is the simulator's strict one, on core 1, and tells everybody who watches of every change, the
//! daemon among them: two notifications each way, in the worker's own subscription and in the watcher's.
use crate::daemon::{Daemon, Options, Starter};
use crate::e2e::{Wire, listen, pin, port};
use crate::far_ends::Bridge;
use crate::seed::uri;
use crate::table::{Table, thousands};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use uc_core::Mono;
use uc_runtime_sim::peers::front_end::{Activity, FrontEnd, FrontEndConfig};
use uc_runtime_sim::peers::{Peer as _, PeerOut};

/// The one connection of the daemon.
const CONN: u64 = 1;
const WORKERS: usize = 1_000;
/// How long everybody may take to have an endpoint, and how long nothing may happen: under callgrind all is fifty times slower.
const SETUP_MAX: Duration = Duration::from_secs(600);
const PROGRESS_MAX: Duration = Duration::from_secs(120);
/// Changes under way.
const WINDOW: usize = 64;

struct Push {
    sip: Wire,
    input: Vec<u8>,
    output: Vec<u8>,
    pool: FrontEnd,
    bridge: Wire,
    tserver: Bridge,
    child: Daemon,
    began: Instant,
    /// Workers with an answer to their last change: whether After Call Work is published.
    published: Vec<(usize, bool)>,
}

/// Prints changes per CPU-second, in the two modes that publish After Call Work.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    pin();
    let time = Duration::from_secs(args.first().and_then(|a| a.parse().ok()).unwrap_or(4));
    let mut table = Table::new(&["After Call Work published and withdrawn, 1,000 workers", "changes/s", "CPU us/change", "changes per CPU-second"]);
    for mode in ["bidirectional", "push-only"] {
        eprintln!("{mode} ...");
        let (rate, cpu) = Push::start(mode, Daemon::with_options)?.measure(time)?;
        table.row(&[mode.into(), thousands(rate as u64), format!("{cpu:.1}"), thousands((1e6 / cpu) as u64)]);
    }
    table.print("Presence push, daemon on core 0, far ends on core 1 (profile `open`, endpoints registered)");
    Ok(())
}

/// Instructions per change of the deciding thread: two counted runs, their difference. With a path, the file of the longer one is kept there for `callgrind_annotate`.
pub(crate) fn count(args: &[String]) -> Result<(), String> {
    const SHORT: usize = 500;
    const LONG: usize = 2_500;
    for mode in ["bidirectional", "push-only"] {
        let total = |changes: usize| -> Result<f64, String> {
            let mut it = Push::start(mode, Daemon::with_options_counted)?;
            it.changes(changes)?;
            let threads = it.child.instructions()?;
            if let Some(path) = args.first() {
                it.child.keep_count(path)?;
            }
            Ok(threads.first().copied().unwrap_or_default())
        };
        let per = (total(LONG)? - total(SHORT)?) / (LONG - SHORT) as f64;
        println!("{mode}: {} instructions a change (user), deciding thread", thousands(per as u64));
    }
    Ok(())
}

impl Push {
    /// Everybody is available and ready, has an endpoint, and has been through one After Call Work.
    fn start(mode: &str, starter: Starter) -> Result<Self, String> {
        let (sip, bridge): (TcpListener, TcpListener) = (listen()?, listen()?);
        let config = FrontEndConfig {
            nodes: 1,
            domain: "lyncdco13.lab".into(),
            transport: "TCP",
            batch_max: WORKERS,
            users_per_endpoint_max: WORKERS,
            requests_per_s_max: None,
            outstanding_max: None,
            ..FrontEndConfig::default()
        };
        let mut pool = FrontEnd::new(config);
        for n in 0..WORKERS {
            pool.add_user(&uri(n));
            pool.set_presence(Mono(0), &uri(n), 3500, Activity::None, None);
        }
        let sections = "[publish]\nway = \"endpoint-kept\"\nrequests_per_s = 0\noutstanding_max = 0\n";
        let mut child = starter(WORKERS, port(&sip), port(&bridge), &Options { connector: &format!("mode = \"{mode}\"\n"), sections, ..Options::default() })?;
        let mut bridge = Wire::accept(&bridge, None, &mut child)?;
        let mut tserver = Bridge::new(20_000);
        let sip = Wire::accept_while(&sip, None, &mut child, &mut || {
            bridge.turn(&mut tserver.input, &mut tserver.output)?;
            tserver.work();
            Ok(())
        })?;
        pool.accept(Mono(0), 0, CONN);
        let mut it = Self { sip, input: Vec::new(), output: Vec::new(), pool, bridge, tserver, child, began: Instant::now(), published: Vec::new() };
        let began = Instant::now();
        while it.tserver.registered < WORKERS || (mode == "bidirectional" && it.pool.presences().any(|(uri, _)| it.pool.subscriptions_of(uri, false) == 0)) {
            it.turn()?;
            if began.elapsed() > SETUP_MAX {
                return Err(format!("{} of {WORKERS} registered", it.tserver.registered));
            }
        }
        it.changes(WORKERS)?;
        Ok(it)
    }

    fn turn(&mut self) -> Result<(), String> {
        self.sip.turn(&mut self.input, &mut self.output)?;
        let now = Mono(u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default());
        if !self.input.is_empty() {
            self.pool.receive(now, CONN, &self.input);
            self.input.clear();
        }
        if self.pool.next_deadline().is_some_and(|at| at <= now) {
            self.pool.wake(now);
        }
        while let Some(out) = self.pool.poll() {
            match out {
                PeerOut::Send { bytes, .. } => self.output.extend_from_slice(&bytes),
                PeerOut::Close { .. } => return Err(format!("the Front End closed the connection: {:?}", self.pool.violations())),
            }
        }
        while let Some(published) = self.pool.next_published() {
            let worker = published.uri.split(['w', '@']).nth(1).and_then(|n| n.parse().ok()).ok_or("a publication of a stranger")?;
            if published.changes.iter().any(|(key, _)| key.category == "state") {
                self.published.push((worker, published.changes.iter().any(|(key, value)| key.category == "state" && value.is_some())));
            }
        }
        self.bridge.turn(&mut self.tserver.input, &mut self.tserver.output)?;
        if !self.tserver.input.is_empty() {
            self.tserver.work();
        }
        Ok(())
    }

    /// So many changes, begun and ended, [`WINDOW`] at a time.
    fn changes(&mut self, number: usize) -> Result<(), String> {
        let (mut begun, mut done) = (0, 0);
        let mut began = Instant::now();
        while done < number {
            while begun < number && begun - done < WINDOW {
                self.tserver.after_call_work(begun % WORKERS, true);
                begun += 1;
            }
            let before = done;
            self.step(&mut done)?;
            if done > before {
                began = Instant::now();
            }
            if began.elapsed() > PROGRESS_MAX {
                return Err(format!("nothing published for a long time, after {done} changes: {:?}", self.pool.violations()));
            }
        }
        Ok(())
    }

    /// One turn; what was published is ended, what was withdrawn is done.
    fn step(&mut self, done: &mut usize) -> Result<(), String> {
        self.turn()?;
        for (worker, busy) in std::mem::take(&mut self.published) {
            if busy && self.tserver.in_after_call_work(worker) {
                self.tserver.after_call_work(worker, false);
            } else if !self.tserver.in_after_call_work(worker) {
                *done += 1;
            }
        }
        Ok(())
    }

    /// Changes per second and CPU microseconds per change.
    fn measure(mut self, time: Duration) -> Result<(f64, f64), String> {
        const LOT: usize = 2_000;
        self.changes(LOT)?;
        let (began, cpu, mut done) = (Instant::now(), self.child.cpu_seconds(), 0.0);
        while began.elapsed() < time {
            self.changes(LOT)?;
            done += LOT as f64;
        }
        let cpu = self.child.cpu_seconds() - cpu;
        self.child.check()?;
        match self.pool.violations() {
            [] => Ok((done / began.elapsed().as_secs_f64(), cpu / done * 1e6)),
            [first, ..] => Err(format!("against the standards: {first}")),
        }
    }
}
