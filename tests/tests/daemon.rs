//! The life of the daemon as an operator sees it: exit codes, reload, stop, service manager, recorder, operations listener, failover, hostile peers.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use uc_tests::{Bridge, BridgeOptions, Daemon, Dialog, Event, Folder, FrontEnd, PATIENCE, Setup, WORKER, connector, free_port, get, ordinary};

/// A daemon between a Front End and a bridge, subscribed and registered.
struct Site {
    front_end: FrontEnd,
    bridge: Bridge,
    daemon: Daemon,
    dialog: Dialog,
    setup: Setup,
}

impl Site {
    fn start(change: impl FnOnce(&mut Setup)) -> Self {
        Self::start_with(change, Folder::new(), |_| {})
    }

    fn start_with(change: impl FnOnce(&mut Setup), folder: Folder, more: impl FnOnce(&mut Command)) -> Self {
        let bridge = Bridge::start(BridgeOptions::default());
        let mut front_end = FrontEnd::start(None, ordinary);
        let mut setup = Setup::new(front_end.port, bridge.port);
        change(&mut setup);
        let daemon = Daemon::start_with(&setup, folder, more);
        let dialog = Dialog::of(&front_end.request("SUBSCRIBE"));
        let last = setup.workers.last().map_or("", |(_, _, dn)| dn).to_owned();
        bridge.expect("registrations", |request| request.name() == "RequestRegisterAddress" && request.dn() == last);
        Self { front_end, bridge, daemon, dialog, setup }
    }

    /// A change of the published worker goes all the way.
    fn change(&mut self, cseq: u32, availability: u32, status: &str) {
        self.front_end.send(self.dialog.notify(cseq, WORKER, availability));
        self.bridge.state_request("5002", status);
        assert_eq!(self.front_end.response(cseq).status(), 200);
    }
}

fn exit_code(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(connector()).args(arguments).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    let folder = Folder::new();
    let good = Setup::new(1, 2).write(&folder);
    assert_eq!(exit_code(&["check", "--config", good.to_str().unwrap()]), (Some(0), String::new()));
    let bad = folder.write("bad.toml", "[uc]\nendpoints = [\"127.0.0.1:1\"]\nprobe = 3\n");
    for command in ["check", "run"] {
        let (code, text) = exit_code(&[command, "--config", bad.to_str().unwrap()]);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains("bad.toml:3:"), "{text}");
    }
    assert_eq!(exit_code(&["check", "--config", "/nowhere.toml"]).0, Some(3));
    assert_eq!(exit_code(&["run"]).0, Some(2));
    assert_eq!(exit_code(&["jump"]).0, Some(2));
}

#[test]
fn a_reload_touches_only_what_has_changed() {
    let mut site = Site::start(|setup| *setup = setup.clone().with_workers(1));
    site.change(2, 6500, "busy");
    site.front_end.seen();
    let workers = &mut site.setup.workers;
    workers[1] = ("w7000".into(), "sip:w7000@lyncdco13.lab".into(), "7000".into());
    site.setup.write(&site.daemon.folder);
    site.daemon.signal(Signal::HUP);
    // The two sides work at their own pace: the order of these is not fixed.
    let (mut gone, mut come) = (false, false);
    site.bridge.expect("DN 6000 gone, DN 7000 registered", |request| {
        assert!(request.dn() != "5002", "the worker who stayed was touched: {}", request.line);
        gone |= request.name() == "RequestUnregisterAddress" && request.dn() == "6000";
        come |= request.name() == "RequestRegisterAddress" && request.dn() == "7000";
        gone && come
    });
    let subscribed = site.front_end.expect("a SUBSCRIBE with the new worker", |event| match event {
        Event::Closed | Event::Connected => panic!("the connection was touched"),
        Event::Message(message) if message.method() == "SUBSCRIBE" && message.resources().contains(&"sip:w7000@lyncdco13.lab") => Some(message.clone()),
        _ => None,
    });
    let new = Dialog::of(&subscribed);
    let own = if new.call_id == site.dialog.call_id { 3 } else { 1 };
    site.front_end.send(new.notify(own, "sip:w7000@lyncdco13.lab", 6500));
    site.bridge.state_request("7000", "busy");
    site.change(4, 3500, "online");
    // A configuration with a mistake changes nothing.
    site.daemon.folder.write("uc.toml", "[uc]\nnonsense = 1\n");
    site.daemon.signal(Signal::HUP);
    site.daemon.expect_log("the old one stays in force");
    site.change(5, 6500, "busy");
    site.daemon.stop();
}

#[test]
fn a_stop_takes_leave_on_both_sides() {
    let mut site = Site::start(|_| {});
    site.change(2, 6500, "busy");
    site.daemon.signal(Signal::TERM);
    let subscribe = site.front_end.request("SUBSCRIBE");
    assert_eq!(subscribe.header("Expires"), "0");
    assert_eq!(subscribe.header("Call-ID"), site.dialog.call_id);
    let register = site.front_end.request("REGISTER");
    assert!(register.header("Expires") == "0" || register.header("Contact").contains("expires=0"), "{}", register.head);
    site.bridge.request("bye");
    site.front_end.expect("the connection's end", |event| matches!(event, Event::Closed).then_some(()));
    assert!(site.daemon.wait().success());
}

#[test]
fn the_service_manager_hears_of_it() {
    let folder = Folder::new();
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = |what: &str| {
        let mut buffer = [0; 512];
        loop {
            let n = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{what}: {e}"));
            if String::from_utf8_lossy(&buffer[..n]).contains(what) {
                break;
            }
        }
    };
    let site = Site::start_with(|_| {}, folder, |command| _ = command.env("NOTIFY_SOCKET", path));
    heard("READY=1");
    site.daemon.signal(Signal::HUP);
    heard("RELOADING=1");
    heard("READY=1");
    site.daemon.signal(Signal::TERM);
    heard("STOPPING=1");
}

#[test]
fn a_recording_replays_to_the_same_actions() {
    let folder = Folder::new();
    let journal = folder.path("journal");
    let to = journal.clone();
    let mut site = Site::start_with(|setup| *setup = setup.clone().with_workers(20), folder, move |command| _ = command.arg("--record").arg(to));
    for round in 0..5 {
        site.change(10 + 2 * round, 6500, "busy");
        site.change(11 + 2 * round, 3500, "online");
    }
    site.front_end.close();
    site.dialog = Dialog::of(&site.front_end.request("SUBSCRIBE"));
    site.change(1, 15_500, "away");
    site.daemon.signal(Signal::TERM);
    assert!(site.daemon.wait().success());
    let replay = Command::new(connector()).arg("replay").arg(&journal).output().unwrap();
    let text = String::from_utf8_lossy(&replay.stdout).into_owned();
    assert!(replay.status.success(), "{text}{}", String::from_utf8_lossy(&replay.stderr));
    assert!(text.contains("actions are the same") && text.contains("complete"), "{text}");
}

/// A request nobody expects, with 60 KiB of body: recorded as received.
fn big_request(dialog: &Dialog, cseq: u32) -> Vec<u8> {
    let body = "x".repeat(60 << 10);
    let Dialog { call_id, watcher, target, local } = dialog;
    format!(
        "INFO {target} SIP/2.0\r\nVia: SIP/2.0/TCP 192.168.92.74:5061;branch=z9hG4bK{cseq:08X}\r\nMax-Forwards: 69\r\nTo: {watcher}\r\nFrom: {local}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} INFO\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(journal: &Path) -> (Option<i32>, String) {
    let replay = Command::new(connector()).arg("replay").arg(journal).output().unwrap();
    (replay.status.code(), format!("{}{}", String::from_utf8_lossy(&replay.stdout), String::from_utf8_lossy(&replay.stderr)))
}

#[test]
fn a_recording_goes_on_in_new_files_and_each_replays_alone() {
    let folder = Folder::new();
    let journal = folder.path("journal");
    let to = journal.clone();
    let mut site = Site::start_with(
        |setup| *setup = setup.clone().with_workers(20),
        folder,
        move |command| _ = command.arg("--record").arg(to).args(["--record-max-mib", "1", "--record-keep", "3"]),
    );
    for round in 0..18 {
        let first = 100 * (round + 1);
        site.change(first, if round % 2 == 0 { 6500 } else { 3500 }, if round % 2 == 0 { "busy" } else { "online" });
        for cseq in first + 1..first + 6 {
            site.front_end.send(big_request(&site.dialog, cseq));
            let info = format!("{cseq} INFO");
            let status = site.front_end.expect(&info, |event| match event {
                Event::Message(message) if message.header("CSeq") == info => Some(message.status()),
                _ => None,
            });
            assert_eq!(status, 405);
        }
    }
    // The last file has its beginning: disks take their time.
    let began = Instant::now();
    while fs::metadata(journals(&journal).last().unwrap()).unwrap().len() < 100 {
        assert!(began.elapsed() < PATIENCE);
    }
    // Killed, not stopped: the last file ends in the middle.
    site.daemon.signal(Signal::KILL);
    assert!(!site.daemon.wait().success());
    let files = journals(&journal);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(!files[0].to_string_lossy().contains("-000001."), "it rotated more often than that: {files:?}");
    for (at, file) in files.iter().enumerate() {
        let (code, text) = replay(file);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("actions are the same") && text.contains("begins with a checkpoint"), "{text}");
        assert_eq!(text.contains("ends in the middle"), at == 2, "{text}");
        assert!(fs::metadata(file).unwrap().len() < 3 << 19, "{files:?}");
    }
    let (code, text) = replay(&journal);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("3 journals: 0 different, 0 not readable"), "{text}");
    // A file in which something else stands where the checkpoint's middle was is not believed.
    let mut bytes = fs::read(&files[1]).unwrap();
    bytes.splice(3000..3004, *b"oops");
    fs::write(&files[1], bytes).unwrap();
    assert_ne!(replay(&journal).0, Some(0));
}

/// GET until `wanted` holds.
fn ask(port: u16, path: &str, mut wanted: impl FnMut(&uc_tests::Answer) -> bool) -> uc_tests::Answer {
    let began = Instant::now();
    loop {
        if let Some(answer) = get(port, path).filter(|answer| wanted(answer)) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{path}: {:?}", get(port, path));
    }
}

#[test]
fn operations_are_answered() {
    let port = free_port();
    let mut site = Site::start(|setup| setup.ops = Some(port));
    site.change(2, 6500, "busy");
    ask(port, "/health", |answer| answer.status == 200);
    ask(port, "/ready", |answer| answer.status == 200);
    let metrics = ask(port, "/metrics", |answer| answer.status == 200).body;
    assert!(metrics.contains("uc_connector_workers 1\n"), "{metrics}");
    let worker = |answer: &uc_tests::Answer| answer.json()["workers"][0].clone();
    let workers = ask(port, "/api/v1/workers", |answer| worker(answer).to_string().contains("busy"));
    assert_eq!(worker(&workers)["employee_id"], "1001");
    let links = get(port, "/api/v1/links").unwrap().json();
    assert!(links["cti"].as_array().is_some_and(|links| links.len() == 1), "{links}");
    let openapi = get(port, "/api/v1/openapi.json").unwrap().json();
    for path in ["/health", "/ready", "/metrics", "/api/v1/workers", "/api/v1/links"] {
        assert!(openapi["paths"][path].is_object(), "{path}");
    }
    assert_eq!(get(port, "/nothing").unwrap().status, 404);
    // With the Front End gone it lives, but is not ready.
    let Site { front_end, daemon, bridge, .. } = site;
    drop(front_end);
    ask(port, "/ready", |answer| answer.status == 503);
    ask(port, "/health", |answer| answer.status == 200);
    drop(bridge);
    daemon.stop();
}

#[test]
fn hostile_http_clients_do_not_reach_the_presence_path() {
    let port = free_port();
    let mut site = Site::start(|setup| setup.ops = Some(port));
    ask(port, "/health", |answer| answer.status == 200);
    let idle: Vec<TcpStream> = (0..500).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    site.change(2, 6500, "busy");
    drop(idle);
    ask(port, "/health", |answer| answer.status == 200);
    // Half a request each.
    let mut slow: Vec<TcpStream> = (0..40).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    for stream in &mut slow {
        // The listener may have refused it already.
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
    }
    site.change(3, 3500, "online");
    ask(port, "/health", |answer| answer.status == 200);
    // A header without an end: cut off long before 64 MiB.
    let mut giant = TcpStream::connect(("127.0.0.1", port)).unwrap();
    giant.set_write_timeout(Some(PATIENCE)).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let _ = giant.write_all(b"GET / HTTP/1.1\r\nX: ");
    assert!((0..64).any(|_| giant.write_all(&piece).is_err()), "64 MiB of one header were taken");
    site.change(4, 6500, "busy");
    ask(port, "/health", |answer| answer.status == 200);
    site.daemon.stop();
}

#[test]
fn the_other_t_server_takes_over() {
    let first = Bridge::start(BridgeOptions { name: "A".into(), ..BridgeOptions::default() });
    let second = Bridge::start(BridgeOptions { name: "B".into(), role: "backup", ..BridgeOptions::default() });
    let mut front_end = FrontEnd::start(None, ordinary);
    let mut setup = Setup::new(front_end.port, first.port);
    setup.servers = vec![("A".into(), first.port), ("B".into(), second.port)];
    let daemon = Daemon::start(&setup);
    let dialog = Dialog::of(&front_end.request("SUBSCRIBE"));
    first.request("RequestRegisterAddress");
    second.request("RequestRegisterAddress");
    front_end.send(dialog.notify(2, WORKER, 6500));
    first.state_request("5002", "busy");
    assert!(second.seen().iter().all(|request| request.json["id"] != 11), "the backup was asked for a state");
    // A dies; B has never heard of the agent being busy.
    first.refuse();
    second.set_role("primary");
    second.say("\"dir\":\"ctl\",\"op\":\"role\",\"role\":\"primary\"");
    second.say("\"dir\":\"evt\",\"id\":133,\"name\":\"EventPrimaryChanged\",\"attrs\":[]");
    second.state_request("5002", "busy");
    front_end.send(dialog.notify(3, WORKER, 3500));
    second.state_request("5002", "online");
    daemon.stop();
}

/// Every bad message of the corpus.
fn garbage() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/sip-bad");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "sip")).collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn garbage_from_the_front_end_is_survived() {
    let mut site = Site::start(|_| {});
    for (name, bytes) in garbage() {
        site.front_end.send(bytes);
        site.front_end.close();
        site.front_end.expect(&name, |event| matches!(event, Event::Closed).then_some(()));
        site.front_end.expect(&name, |event| matches!(event, Event::Connected).then_some(()));
        site.daemon.assert_alive();
    }
    site.dialog = Dialog::of(&site.front_end.request("SUBSCRIBE"));
    site.change(2, 6500, "busy");
    site.daemon.stop();
}

#[test]
fn garbage_from_the_bridge_is_survived() {
    let mut site = Site::start(|_| {});
    let line = |text: &str| (text.to_owned(), format!("{text}\n").into_bytes());
    let mut bad = vec![
        line("{\"v\":1,\"seq\":999,\"dir\":\"evt\",\"id\":76,\"name\":\"EventAgentNotReady\",\"attrs\":[]}"),
        line("{\"v\":1,\"seq\":\"4\"}"),
        line("{\"v\":7}"),
        line("nonsense"),
        line("\u{fffd}\u{202e}"),
        line(&"[".repeat(100_000)),
        ("invalid UTF-8".to_owned(), b"{\"v\":1,\"seq\":4,\"dir\":\"ctl\",\"op\":\"\xff\"}\n".to_vec()),
        ("a line without an end".to_owned(), vec![b'x'; 3 << 20]),
    ];
    bad.extend(garbage().into_iter().step_by(8));
    for (name, bytes) in bad {
        site.bridge.send_raw(bytes);
        site.bridge.close();
        site.bridge.expect(&name, |request| request.name() == "hello");
        site.daemon.assert_alive();
    }
    site.bridge.request("RequestRegisterAddress");
    site.change(2, 6500, "busy");
    site.daemon.stop();
}

#[test]
fn a_backlog_of_20_megabytes_is_worked_off_in_linear_time() {
    let mut site = Site::start(|_| {});
    let mut cseq = 1;
    let mut time = |megabytes: usize| {
        let mut backlog = Vec::with_capacity(megabytes << 20);
        while backlog.len() < megabytes << 20 {
            cseq += 1;
            backlog.extend_from_slice(&site.dialog.notify(cseq, WORKER, if cseq % 2 == 0 { 6500 } else { 3500 }));
        }
        let began = Instant::now();
        site.front_end.send(backlog);
        assert_eq!(site.front_end.response(cseq).status(), 200);
        began.elapsed()
    };
    let (small, large) = (time(4), time(20));
    // Quadratic would be 25 times; the allowance is for a busy machine.
    assert!(large < small * 12 + Duration::from_secs(2), "4 MB took {small:?}, 20 MB {large:?}");
    // The last state wins, whatever was left out on the way.
    let (availability, status) = if cseq % 2 == 0 { (3500, "online") } else { (6500, "busy") };
    site.change(cseq + 1, availability, status);
    site.daemon.stop();
}
