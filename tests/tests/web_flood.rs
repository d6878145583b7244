//! The web side under programs made to hurt it: wrk, and clients that begin requests and never end them. Presence goes on meanwhile, and so do pages and routers.
#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use uc_tests::{
    Bridge, BridgeOptions, Browser, Daemon, Dialog, Folder, FrontEnd, PASSWORD, PATIENCE, ROUTER_TOKEN, Setup, WORKER, exchange, free_port, get, ordinary,
    password_hash, peer,
};

/// Half requests at each listener.
const SLOW: usize = 200;

/// A daemon between a Front End and a bridge, with pages and routers; Alice is somebody whose page is open.
struct Site {
    front_end: FrontEnd,
    bridge: Bridge,
    _daemon: Daemon,
    dialog: Dialog,
    web: u16,
    router: u16,
    ops: u16,
}

impl Site {
    fn start() -> Self {
        let bridge = Bridge::start(BridgeOptions::default());
        let mut front_end = FrontEnd::start(None, ordinary);
        let mut setup = Setup::new(front_end.port, bridge.port);
        let (web, router, ops) = (free_port(), free_port(), free_port());
        setup.ops = Some(ops);
        setup.ops_more = format!(
            "[preview]\nrequire_ready = false\n[web]\nlisten = \"127.0.0.1:{web}\"\n[router]\nlisten = \"127.0.0.1:{router}\"\ntoken = \"env:UC_TEST_ROUTER\"\n\
             [[person]]\nemployee_id = \"alice\"\nagent_login = \"6001\"\ndns = \"6001@SIP_Switch\"\nweb_password_hash = \"{}\"\n",
            password_hash()
        );
        let daemon = Daemon::start_with(&setup, Folder::new(), |command| _ = command.env("UC_TEST_ROUTER", ROUTER_TOKEN));
        let dialog = Dialog::of(&front_end.request("SUBSCRIBE"));
        bridge.expect("registrations", |request| request.name() == "RequestRegisterAddress" && request.dn() == "5002");
        Self { front_end, bridge, _daemon: daemon, dialog, web, router, ops }
    }

    /// A change of presence becomes a change of the agent; how long that took.
    fn change(&mut self, cseq: u32) -> Duration {
        let (availability, status) = if cseq.is_multiple_of(2) { (6500, "busy") } else { (3500, "online") };
        let began = Instant::now();
        self.front_end.send(self.dialog.notify(cseq, WORKER, availability));
        self.bridge.state_request("5002", status);
        let took = began.elapsed();
        assert_eq!(self.front_end.response(cseq).status(), 200);
        took
    }

    fn counted(&self, name: &str) -> u64 {
        let metrics = get(self.ops, "/metrics").unwrap().body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("uc_connector_{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
    }
}

/// Opens connections and feeds each a byte of a request now and then, until the daemon has cut every one; how many bytes it took.
fn slow_clients(port: u16, head: &'static str) -> JoinHandle<usize> {
    let mut clients: Vec<TcpStream> = (0..SLOW).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    clients.iter_mut().for_each(|client| {
        client.write_all(head.as_bytes()).unwrap();
        client.set_nonblocking(true).unwrap();
    });
    thread::spawn(move || {
        let (_pacer, pace) = channel::<()>();
        let (began, mut bytes) = (Instant::now(), 0);
        while !clients.is_empty() {
            assert!(began.elapsed() < PATIENCE, "{} half requests were never cut", clients.len());
            assert_eq!(pace.recv_timeout(Duration::from_millis(250)), Err(RecvTimeoutError::Timeout));
            clients.retain_mut(|client| {
                bytes += 1;
                let is_open = |result: std::io::Result<usize>| matches!(result, Err(why) if why.kind() == ErrorKind::WouldBlock);
                // An answer (408) is the end as well: nothing was asked.
                client.write_all(b"a").is_ok() && is_open(client.read(&mut [0; 1]))
            });
        }
        bytes
    })
}

fn wrk(program: &Path, seconds: u32, arguments: &[&str], address: &str) -> Child {
    let mut command = Command::new(program);
    command.args(["-t", "1", "-c", "50", "-d", &format!("{seconds}s"), "--timeout", "10s"]).args(arguments).arg(address);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What wrk says: answered requests, those not answered 2xx.
fn told(child: Child) -> (u64, u64) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let before = |mark: &str| said.lines().find(|line| line.contains(mark)).and_then(|line| line.split_whitespace().next()?.parse().ok());
    let bad = said.lines().find_map(|line| line.trim().strip_prefix("Non-2xx or 3xx responses: ")).map_or(0, |n| n.trim().parse().unwrap());
    (before(" requests in ").unwrap_or_else(|| panic!("{said}")), bad)
}

#[test]
fn presence_pages_and_routers_go_on_in_a_flood() {
    let Some(program) = peer("wrk") else { return };
    let mut site = Site::start();
    let alice = Browser::login(site.web, "alice", PASSWORD);
    let page = alice.page();
    let folder = Folder::new();
    let body = json!({ "agent": "5002", "connId": "1", "userData": { "Notes": "flood" } }).to_string();
    let lua = format!(
        "wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer {ROUTER_TOKEN}'\n"
    );
    let lua = folder.write("ask.lua", &lua);
    let quiet: Duration = (2..12).map(|cseq| site.change(cseq)).sum();

    let slow = [
        slow_clients(site.web, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
        slow_clients(site.router, "POST /urs/v1/preview HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"),
    ];
    let cookie = format!("Cookie: {}", alice.cookie());
    let (pages, routers) = (format!("http://127.0.0.1:{}", site.web), format!("http://127.0.0.1:{}", site.router));
    // Files; questions to the deciding thread; logins of nobody, refused; previews, answered.
    let mut floods = [
        wrk(&program, 8, &[], &format!("{pages}/")),
        wrk(&program, 8, &["-H", &cookie], &format!("{pages}/api/me")),
        wrk(&program, 8, &[], &format!("{pages}/api/board")),
        wrk(&program, 8, &["-s", lua.to_str().unwrap()], &format!("{routers}/urs/v1/preview")),
    ];
    let (mut cseq, mut slowest) = (12, Duration::ZERO);
    while floods.iter_mut().any(|flood| flood.try_wait().unwrap().is_none()) {
        slowest = slowest.max(site.change(cseq));
        cseq += 1;
    }
    let changes = cseq - 12;
    let told = floods.map(told);
    eprintln!("in the flood {changes} changes, the slowest took {slowest:?}, ten before it {quiet:?}; answered and refused: {told:?}");
    assert!(changes >= 20, "only {changes} changes in 8 s");
    assert!(told.iter().all(|(answered, _)| *answered > 100), "{told:?}");
    assert_eq!((told[0].1, told[1].1, told[3].1), (0, 0, 0), "{told:?}");
    assert_eq!(told[2].0, told[2].1, "nobody is logged in");
    assert!(site.counted("web_requests_total") >= told.iter().map(|(answered, _)| answered).sum());

    // While half requests are still there, a router asks, the page that was open all the time shows it, and somebody logs in.
    let router = site.router;
    let answer = thread::spawn(move || {
        let bearer = format!("Bearer {ROUTER_TOKEN}");
        let fields = json!({ "agent": "alice", "connId": "2", "timeout": 60 }).to_string();
        exchange(router, "POST", "/urs/v1/preview", &[("Authorization", &bearer), ("Content-Type", "application/json")], &fields).unwrap().json()
    });
    alice.click(&page.expect("offer")["offer"], "accept");
    assert_eq!(answer.join().unwrap()["Status"], "Accepted");
    assert_eq!(Browser::login(site.web, "alice", PASSWORD).ask("GET", "/api/me", &Value::Null).status, 200);
    for slow in slow {
        assert!(slow.join().unwrap() >= SLOW);
    }
    let began = Instant::now();
    while site.counted("web_connections") > 1 {
        assert!(began.elapsed() < PATIENCE, "connections are left behind");
        thread::yield_now();
    }
}
