//! The web side of the real daemon: what an open page costs, how soon all are back after a restart, how soon a preview or a state is at its page, and what a flood of web requests
//! does to presence. The daemon is pinned to core 0, everything else is one thread on core 1.
use crate::daemon::{Daemon, Options};
use crate::e2e::{Bench, Wire, listen, pin, points, port};
use crate::far_ends::Bridge;
use crate::table::{Table, thousands};
use crate::web_flood::Flood;
use crate::web_pages::{PASSWORD_HASH, Pages, Poll, whole};
use crate::web_states;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// Open pages, each of another worker.
pub(crate) const PAGES: usize = 10_000;
/// Previews a second.
const PREVIEWS: f64 = 1_000.0;
/// Connections of the router.
const ROUTER_LINES: usize = 64;
/// NOTIFYs a second beside the flood.
const NOTIFIES: f64 = 2_000.0;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `web [pages|previews|states|flood] [SECONDS]`
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    pin();
    let seconds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(10);
    let time = Duration::from_secs(seconds);
    let part = args.iter().map(String::as_str).find(|arg| arg.parse::<u64>().is_err());
    println!("\nload average before: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    match part {
        None => pages().and_then(|()| previews(time)).and_then(|()| web_states::run(time)).and_then(|()| flood(time)),
        Some("pages") => pages(),
        Some("previews") => previews(time),
        Some("states") => web_states::run(time),
        Some("flood") => flood(time),
        Some(other) => Err(format!("unknown part `{other}`; there are pages, previews, states, flood")),
    }
}

/// A daemon without a UC platform, its T-Server, and the ports of pages and routers.
pub(crate) struct Office {
    pub(crate) child: Daemon,
    t_server: Wire,
    pub(crate) bridge: Bridge,
    pub(crate) web: u16,
    router: u16,
}

/// Sections of the web side.
fn sections(web: u16, router: u16) -> String {
    format!(
        "[preview]\nrequire_ready = false\ntimeout_min_ms = 500\nrequests_max = 100000\n[web]\nlisten = \"127.0.0.1:{web}\"\nconnections_max = 20000\nper_address_max = 20000\n\
         history = \"previews.db\"\n[router]\nlisten = \"127.0.0.1:{router}\"\n"
    )
}

/// A port that is free now.
fn free() -> Result<u16, String> {
    listen().map(|listener| port(&listener))
}

impl Office {
    pub(crate) fn open() -> Result<Self, String> {
        let (listener, web, router) = (listen()?, free()?, free()?);
        let options = Options {
            connector: "mode = \"standalone\"\n",
            sections: &sections(web, router),
            people: Some(("web_password_hash", &format!("\"{PASSWORD_HASH}\""))),
            ..Options::default()
        };
        let mut child = Daemon::with_options(PAGES, port(&listener), port(&listener), &options)?;
        let t_server = Wire::accept(&listener, None, &mut child)?;
        let mut it = Self { child, t_server, bridge: Bridge::new(20_000), web, router };
        let began = Instant::now();
        while it.bridge.registered < PAGES {
            it.turn()?;
            if began.elapsed() > PATIENCE {
                return Err(format!("{} of {PAGES} DNs registered", it.bridge.registered));
            }
        }
        it.settle()?;
        Ok(it)
    }

    /// Turns until nothing more is said, so that nothing of the beginning is counted later.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            self.turn()?;
        }
        Ok(())
    }

    pub(crate) fn turn(&mut self) -> Result<(), String> {
        self.t_server.turn(&mut self.bridge.input, &mut self.bridge.output)?;
        self.bridge.work();
        Ok(())
    }
}

/// What pages cost, and how soon they are back.
fn pages() -> Result<(), String> {
    eprintln!("{PAGES} pages ...");
    let mut office = Office::open()?;
    let kib = |after: u64, before: u64| format!("{:.2}", after.saturating_sub(before) as f64 / PAGES as f64 / 1024.0);
    // One of each first, so that what is there once is not counted for each.
    drop(Pages::log_in(office.web, 1)?.open_all(PATIENCE));
    let before = office.child.resident_bytes();
    let mut pages = Pages::log_in(office.web, PAGES)?;
    let logged_in = office.child.resident_bytes();
    let began = Instant::now();
    pages.open_all(PATIENCE)?;
    let opened = began.elapsed();
    let open = office.child.resident_bytes();
    // A sign of life for every page is behind us then.
    let (began, cpu) = (Instant::now(), office.child.cpu_seconds());
    while began.elapsed() < Duration::from_secs(16) {
        pages.turn(Duration::from_millis(20))?;
        office.turn()?;
    }
    let idle = (office.child.cpu_seconds() - cpu) / began.elapsed().as_secs_f64();
    let settled = office.child.resident_bytes();
    let mut table = Table::new(&["10,000 open pages, no TLS", ""]);
    let mut row = |name: &str, value: String| table.row(&[name.into(), value]);
    row("resident without anybody, MiB", format!("{:.1}", before as f64 / f64::from(1 << 20)));
    row("KiB per login", kib(logged_in, before));
    row("KiB per page, just opened", kib(open, logged_in));
    row("KiB per page, 16 s later (target 16)", kib(settled, logged_in));
    row("opened one batch of 500 after the other, s", format!("{:.2}", opened.as_secs_f64()));
    row("CPU of the daemon while nothing happens, %", format!("{:.1}", idle * 100.0));

    eprintln!("restart ...");
    (pages.logins, pages.opened) = (0, 0);
    let began = Instant::now();
    let Office { mut child, t_server, web, .. } = office;
    drop(t_server);
    child.restart()?;
    let mut up = None;
    while pages.opened < PAGES {
        if up.is_none() && TcpStream::connect((Ipv4Addr::LOCALHOST, web)).is_ok() {
            up = Some(began.elapsed());
        }
        pages.turn(Duration::from_millis(2))?;
        if began.elapsed() > PATIENCE {
            return Err(format!("{} of {PAGES} pages are back after {PATIENCE:?}", pages.open()));
        }
    }
    let (back, up) = (began.elapsed(), up.unwrap_or_default());
    row("restart: from the signal to stop until it listens again, s", format!("{:.2}", up.as_secs_f64()));
    row("restart: from then until all pages are back, s (target 3)", format!("{:.2}", (back - up.min(back)).as_secs_f64()));
    row("restart: logins made again", pages.logins.to_string());
    table.print("Open pages");
    Ok(())
}

/// The router's side of the measurement of previews: requests in the order they are due, each on a connection that has nothing else to do.
struct Router {
    poll: Poll,
    lines: Vec<(TcpStream, Vec<u8>)>,
    idle: Vec<usize>,
    due: VecDeque<usize>,
    answered: u64,
    refused: u64,
}

impl Router {
    fn open(at: u16) -> Result<Self, String> {
        let poll = Poll::new()?;
        let mut lines = Vec::new();
        for number in 0..ROUTER_LINES {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, at)).map_err(|e| e.to_string())?;
            stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).map_err(|e| e.to_string())?;
            poll.add(&stream, number, false)?;
            lines.push((stream, Vec::new()));
        }
        Ok(Self { poll, idle: (0..ROUTER_LINES).collect(), lines, due: VecDeque::new(), answered: 0, refused: 0 })
    }

    fn turn(&mut self) -> Result<(), String> {
        let mut buffer = [0; 4096];
        for number in self.poll.wait(Duration::ZERO)? {
            let (stream, answer) = &mut self.lines[number];
            match stream.read(&mut buffer) {
                Ok(0) => return Err("the daemon closed a connection of the router".into()),
                Ok(n) => answer.extend_from_slice(&buffer[..n]),
                Err(why) if why.kind() == ErrorKind::WouldBlock => continue,
                Err(why) => return Err(why.to_string()),
            }
            if let Some(length) = whole(answer) {
                self.answered += 1;
                self.refused += u64::from(!answer.starts_with(b"HTTP/1.1 202"));
                answer.drain(..length);
                self.idle.push(number);
            }
        }
        while !self.due.is_empty() && !self.idle.is_empty() {
            let (Some(request), Some(line)) = (self.due.pop_front(), self.idle.pop()) else { break };
            let body = format!(
                "{{\"op\":\"request\",\"agent\":\"{}\",\"connId\":\"{request:016x}\",\"mediaType\":\"voice\",\"timeout\":1,\"wait\":0,\
                 \"userData\":{{\"Customer\":\"ACME {request}\",\"Notes\":\"calls back about the invoice\"}}}}",
                request % PAGES
            );
            let head = format!("POST /urs/v1/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            self.lines[line].0.write_all((head + &body).as_bytes()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

/// From the moment a preview request is due to the event in its page's hands.
fn previews(time: Duration) -> Result<(), String> {
    eprintln!("previews ...");
    let mut office = Office::open()?;
    let mut pages = Pages::log_in(office.web, PAGES)?;
    pages.open_all(PATIENCE)?;
    let mut router = Router::open(office.router)?;
    let mut due_at: Vec<Instant> = Vec::new();
    let mut times = Vec::new();
    let mut shown = vec![false; 0];
    let cpu = office.child.cpu_seconds();
    let began = Instant::now();
    let mut heard = 0_u64;
    while began.elapsed() < time + Duration::from_millis(500) {
        if began.elapsed() < time {
            while (due_at.len() as f64) < began.elapsed().as_secs_f64() * PREVIEWS {
                router.due.push_back(due_at.len());
                due_at.push(began + Duration::from_secs_f64(due_at.len() as f64 / PREVIEWS));
                shown.push(false);
            }
        }
        router.turn()?;
        pages.turn(Duration::ZERO)?;
        office.turn()?;
        for (conn, at) in pages.offers.drain(..) {
            let Some(request) = usize::from_str_radix(&conn, 16).ok().filter(|n| *n < due_at.len()) else { continue };
            if !std::mem::replace(&mut shown[request], true) {
                heard += 1;
                // The first second warms up.
                if request as f64 > PREVIEWS {
                    times.push(at.duration_since(due_at[request]).as_secs_f64() * 1e3);
                }
            }
        }
    }
    let cpu = (office.child.cpu_seconds() - cpu) / heard as f64 * 1e6;
    let [p50, p99, p999] = points(times);
    let mut table =
        Table::new(&["previews, 1,000/s at 10,000 open pages", "asked", "shown", "p50 ms", "p99 ms (target 50)", "p99.9 ms", "CPU us of the daemon each"]);
    table.row(&[
        format!("{} s", time.as_secs()),
        thousands(due_at.len() as u64),
        thousands(heard),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("{p999:.2}"),
        format!("{cpu:.0}"),
    ]);
    table.print("From the router's request to the event at the page (offers end after 1 s, with an event of their own; history on)");
    if router.refused > 0 {
        println!("\n{} of {} requests were not answered 202", router.refused, router.answered);
    }
    Ok(())
}

/// NOTIFY to state request with and without a flood of web requests.
fn flood(time: Duration) -> Result<(), String> {
    const LINES: usize = 32;
    let mut table = Table::new(&["2,000 NOTIFY/s, 10,000 workers", "web requests/s", "p50 us", "p99 us", "p99.9 us", "1 at a time p50 us", "p99 us"]);
    for is_flooded in [false, true] {
        eprintln!("presence, flood {is_flooded} ...");
        let (sip, bridge, web, router) = (listen()?, listen()?, free()?, free()?);
        let options = Options { sections: &sections(web, router), people: Some(("web_password_hash", &format!("\"{PASSWORD_HASH}\""))), ..Options::default() };
        let child = Daemon::with_options(PAGES, port(&sip), port(&bridge), &options)?;
        let mut bench = Bench::with(child, &sip, &bridge, PAGES, None)?;
        if is_flooded {
            let pages = Pages::log_in(web, 1)?;
            let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {}\r\n\r\n", pages.cookie(0));
            let body = "{\"agent\":\"1\",\"connId\":\"1\"}";
            let ask =
                format!("POST /urs/v1/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            // A file; a question to the deciding thread; a preview for somebody who has no page.
            bench.beside = Some(Flood::start(LINES, &[(web, get("/")), (web, get("/api/me")), (router, ask)])?);
        }
        drop(bench.at_rate(NOTIFIES, Duration::from_secs(1))?);
        let (began, before) = (Instant::now(), bench.beside.as_ref().map_or(0, |flood| flood.answered));
        let [p50, p99, p999] = points(bench.at_rate(NOTIFIES, time)?);
        let rate = bench.beside.as_ref().map_or(0, |flood| flood.answered - before) as f64 / began.elapsed().as_secs_f64();
        let [one50, one99, _] = points(bench.one_at_a_time(4_000)?);
        let name = if is_flooded { "flood over 96 connections" } else { "no flood" };
        let cell = |us: f64| format!("{us:.0}");
        table.row(&[name.into(), thousands(rate as u64), cell(p50), cell(p99), cell(p999), cell(one50), cell(one99)]);
        if let Some(flood) = bench.beside.as_ref().filter(|flood| flood.refused > 0) {
            println!("\n{} of {} requests of the flood were refused", flood.refused, flood.answered);
        }
    }
    table.print("Presence beside a flood of web requests, daemon (all threads) on core 0");
    Ok(())
}
