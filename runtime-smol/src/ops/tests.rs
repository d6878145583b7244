//! The listener over real sockets, with a driver's stand-in behind it.
use super::*;
use crate::settings::OpsSettings;
use serde_json::Value;
use smol::channel;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use uc_core::config::{Config, CtiConfig, CtiPace, CtiTimers, Person, PersonDn, Redundancy, SwitchConfig, TServerConfig};
use uc_core::entropy::Seed;
use uc_core::{Connector, Now};

fn connector(workers: u32) -> Connector {
    let person = |n: u32| Person {
        employee_id: format!("{n}").into(),
        display_name: format!("Zoë {n}").into(),
        sip_uri: format!("sip:w{n}@example.com").into(),
        dns: [PersonDn { number: format!("{}", 5000 + n).into(), switch: 0 }].into(),
        ..Person::default()
    };
    let server = TServerConfig { name: "T1".into(), address: "127.0.0.1:1".into() };
    let switch =
        SwitchConfig { name: "S".into(), servers: vec![server], redundancy: Redundancy::Single, session: "s".into(), linger_s: 30, free_dns: Vec::new() };
    let config = Config {
        application: "test".into(),
        cti: CtiConfig { switches: vec![switch], routers: Vec::new(), timers: CtiTimers::default(), pace: CtiPace::lync() },
        people: (0..workers).map(person).collect(),
        ..Config::default()
    };
    Connector::new(Arc::new(config), Seed([7; 32]), Now::default())
}

fn rows_of(reply: OpsReply) -> (Vec<WorkerRow>, Option<u32>) {
    match reply {
        OpsReply::Workers { rows, next } => (rows, next),
        other => panic!("{other:?}"),
    }
}

const TOKEN: &str = "Authorization: Bearer a token for tests only\r\n";

/// The file with the token.
fn token_file() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("uc-ops-token-{}", std::process::id()));
    // Several tests write the same; each needs it there.
    let own = path.with_extension(format!("{:?}", std::thread::current().id()));
    std::fs::write(&own, "a token for tests only\n").unwrap();
    std::fs::rename(&own, &path).unwrap();
    path
}

/// A listener with a driver's stand-in that answers from a connector of its own.
fn listening(workers: u32, connections_max: usize) -> Listening {
    limited(workers, connections_max, gate::Limits::default())
}

fn limited(workers: u32, connections_max: usize, limits: gate::Limits) -> Listening {
    let (asks, asked) = channel::bounded::<OpsRequest>(16);
    std::thread::spawn(move || {
        let connector = connector(workers);
        let extra = Extra { uptime_ms: 1500, ..Extra::default() };
        while let Ok(request) = asked.recv_blocking() {
            let _ = request.reply.try_send(answer(&connector, &extra, &request.kind));
        }
    });
    let settings = OpsSettings {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        connections_max,
        show_notes: false,
        token_ref: Some(format!("file:{}", token_file().display())),
    };
    http::start_with(&settings, asks, super::Facing::default(), limits).unwrap().unwrap()
}

fn connect(at: &Listening) -> TcpStream {
    let stream = TcpStream::connect(at.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Status line and headers, body.
fn get(at: &Listening, path: &str, header: &str) -> (String, String) {
    let mut stream = connect(at);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text}"));
    (head.to_owned(), body.to_owned())
}

/// Whether `/health` is answered well; a listener in trouble answers otherwise or hangs up.
fn is_healthy(at: &Listening) -> bool {
    let mut stream = connect(at);
    let mut first = [0; 12];
    write!(stream, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut first).is_ok()
        && &first == b"HTTP/1.1 200"
}

fn json(at: &Listening, path: &str) -> Value {
    let (head, body) = get(at, path, "");
    assert!(head.contains("application/json"), "{path}: {head}");
    // Long answers come in chunks: take what lies between the chunk sizes.
    let joined: String = if head.contains("chunked") { body.split("\r\n").skip(1).step_by(2).collect() } else { body };
    serde_json::from_str(&joined).unwrap_or_else(|e| panic!("{path}: {e}: {joined}"))
}

#[test]
fn an_answer_is_bounded_and_says_where_to_go_on() {
    let connector = connector(5000);
    let ask = |from, limit, filter| rows_of(answer(&connector, &Extra::default(), &OpsKind::Workers { from, limit, filter }));
    let (rows, next) = ask(0, 100_000, Filter::All);
    assert_eq!((rows.len(), next), (ROWS_MAX, Some(ROWS_MAX as u32)));
    assert_eq!(ask(0, 1, Filter::Employee("4999".into())), (Vec::new(), Some(SCAN_MAX)));
    assert_eq!(ask(4000, 1, Filter::Employee("4999".into())).0[0].employee_id, "4999".into());
    assert_eq!(ask(4000, 9, Filter::Text("zoë 4000".into())).0.len(), 1);
    assert_eq!(ask(5000, 9, Filter::All), (Vec::new(), None));
    assert_eq!(ask(u32::MAX, 9, Filter::All), (Vec::new(), None));
}

#[test]
fn pages_and_tallies_are_put_together() {
    let at = listening(4500, 8);
    let page = json(&at, "/api/v1/workers?limit=1000&offset=0");
    assert_eq!((page["workers"].as_array().unwrap().len(), &page["next"], &page["total"]), (1000, &1000.into(), &4500.into()));
    assert_eq!(json(&at, "/api/v1/workers?q=w4321%40EXAMPLE")["workers"][0]["employee_id"], "4321");
    assert_eq!(json(&at, "/api/v1/workers/4400")["dns"][0]["number"], "9400");
    assert_eq!(json(&at, "/api/v1/workers/none")["error"], "there is no such worker");
    assert_eq!(json(&at, "/api/v1/workers?limit=0")["error"], "limit must be a number from 1 to 1000");
    let summary = json(&at, "/api/v1/summary");
    assert_eq!((&summary["presence"]["unknown"], &summary["agents"]["unknown"], &summary["uncovered"]), (&4500.into(), &4500.into(), &4500.into()));
}

#[test]
fn every_path_of_the_description_is_served_and_secured() {
    let at = listening(3, 8);
    let described: Value = serde_json::from_str(include_str!("page/openapi.json")).unwrap();
    let paths: Vec<String> = described["paths"].as_object().unwrap().keys().map(|path| path.replace("{employee_id}", "1")).collect();
    for path in paths.iter().map(String::as_str).chain(["/", "/app.js", "/app.css"]) {
        let (head, _) = get(&at, path, TOKEN);
        let status = if path == "/ready" { "503" } else { "200" };
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert!(head.contains("Content-Security-Policy: default-src 'none'") && !head.contains("unsafe"), "{path}: {head}");
    }
    assert!(json(&at, "/ready")["why"][0].as_str().unwrap().contains("UC platform"));
    assert!(get(&at, "/nothing", "").0.contains(" 404 "));
    assert!(get(&at, "/metrics", "").1.contains("\nuc_connector_workers 3\n"));
}

/// The properties that the answers have are the properties that are described.
#[test]
fn answers_have_the_described_fields() {
    let at = listening(1, 8);
    let described: Value = serde_json::from_str(include_str!("page/openapi.json")).unwrap();
    let names = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let schema = |name: &str| names(&described["components"]["schemas"][name]["properties"]);
    assert_eq!(names(&json(&at, "/api/v1/summary")), schema("Summary"));
    let worker = json(&at, "/api/v1/workers/0");
    assert_eq!((names(&worker), names(&worker["dns"][0])), (schema("Worker"), schema("Dn")));
    let secret = |path: &str| -> Value { serde_json::from_str(&get(&at, path, TOKEN).1).unwrap() };
    assert_eq!(names(&secret("/api/v1/workers/0/state")), schema("WorkerState"));
    let menu = secret("/api/v1/states");
    assert_eq!((names(&menu), names(&menu["states"][0])), (schema("States"), schema("State")));
    for link in json(&at, "/api/v1/links")["cti"].as_array().unwrap() {
        assert_eq!(names(link), schema("CtiLink"));
    }
}

#[test]
fn more_connections_than_allowed_are_refused_and_the_others_go_on() {
    let at = listening(1, 2);
    let mut silent = [connect(&at), connect(&at)];
    let mut refused = String::new();
    connect(&at).read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    for stream in &mut silent {
        write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
}

#[test]
fn an_endless_header_is_cut_off() {
    let at = listening(1, 2);
    let mut stream = connect(&at);
    let sent: usize = (0..1000).map_while(|_| stream.write_all(&[b'a'; 4096]).ok().map(|()| 4096)).sum();
    assert!(sent < 4_000_000, "{sent} bytes were taken");
    assert_ne!(stream.read(&mut [0; 16]).unwrap_or(0), 16);
    assert!(get(&at, "/health", "").0.contains(" 200 "));
}

/// A request that never gets ready is cut off by its time, however often a byte comes; the others are served meanwhile and after.
#[test]
fn a_slow_client_is_cut_off() {
    let times = gate::Limits { request_time: Duration::from_millis(150), look: Duration::from_millis(20), ..gate::Limits::default() };
    let at = limited(1, 2, times);
    let mut slow = connect(&at);
    let mut reader = slow.try_clone().unwrap();
    write!(slow, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    assert!(get(&at, "/health", "").0.contains(" 200 "));
    // One byte after the other until the connection is closed: reads end with its end or reset, writes then fail.
    reader.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let began = std::time::Instant::now();
    let closed = loop {
        let ended = match reader.read(&mut [0; 64]) {
            Ok(n) => n == 0,
            Err(why) => !matches!(why.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        };
        if ended || slow.write_all(b"a").is_err() {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "a slow client is never cut off");
    };
    assert!(closed >= Duration::from_millis(100), "cut off after {closed:?}");
    assert!(get(&at, "/health", "").0.contains(" 200 "));
}

/// A client that does not read its answer is cut off when nothing moves any more.
#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let times = gate::Limits { idle_time: Duration::from_millis(150), look: Duration::from_millis(20), ..gate::Limits::default() };
    let at = limited(4500, 1, times);
    let mut deaf = connect(&at);
    // Answers of many megabytes, more than socket buffers hold, none of them read.
    for _ in 0..100 {
        write!(deaf, "GET /api/v1/workers?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    let began = std::time::Instant::now();
    while !is_healthy(&at) {
        assert!(began.elapsed() < Duration::from_secs(20), "its place is never free again");
    }
}

/// When tiny_http's accept thread is gone nobody listens on its socket: the first who comes gets 503 and the server is built again.
#[test]
fn a_dead_server_is_built_again() {
    let at = listening(1, 4);
    assert!(get(&at, "/health", "").0.contains(" 200 "));
    at.break_inner_socket();
    assert!(get(&at, "/health", "").0.contains(" 503 "));
    let began = std::time::Instant::now();
    while !is_healthy(&at) {
        assert!(began.elapsed() < Duration::from_secs(20), "it is never built again");
    }
}

#[test]
fn other_sites_and_methods_are_refused() {
    let at = listening(1, 4);
    let mut stream = connect(&at);
    write!(stream, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 421 "), "{text}");
    let mut stream = connect(&at);
    write!(stream, "POST /api/v1/workers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
}

/// One request with a body; status and body.
fn put(at: &Listening, path: &str, header: &str, body: &str) -> (u16, Value) {
    let mut stream = connect(at);
    write!(stream, "PUT {path} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn states_need_the_token() {
    let at = listening(2, 8);
    let state = "/api/v1/workers/1/state";
    for header in ["", "Authorization: Bearer\r\n", "Authorization: Bearer a token for tests onlx\r\n", "Authorization: Basic a token for tests only\r\n"] {
        for path in [state, "/api/v1/states"] {
            let (head, _) = get(&at, path, header);
            assert!(head.starts_with("HTTP/1.1 401 ") && head.contains("WWW-Authenticate: Bearer"), "{header}: {head}");
        }
        assert_eq!(put(&at, state, header, "{\"state\": \"dnd-on\"}").0, 401);
    }
    assert!(get(&at, state, TOKEN).1.contains("\"shown\":\"predefOutOfService\""));
    assert!(get(&at, "/api/v1/workers/9/state", TOKEN).0.contains(" 404 "));
    assert_eq!(put(&at, state, TOKEN, "nonsense").0, 400);
    assert_eq!(put(&at, "/api/v1/states", TOKEN, "").0, 405);
    assert_eq!(put(&at, state, TOKEN, &" ".repeat(17 << 10)).0, 413);
    at.set_token(None);
    let (head, body) = get(&at, "/api/v1/states", TOKEN);
    assert!(head.contains(" 403 ") && body.contains("ops.api_token"), "{head}");
}
