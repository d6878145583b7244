//! Previews over sockets: a router asks the daemon over HTTP, workers' pages hear of it, the answer comes back; and what hostile or clumsy clients try.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use uc_tests::{
    Bridge, BridgeOptions, Browser, Daemon, Folder, PASSWORD, PATIENCE, ROUTER_TOKEN, Response, Setup, connector, exchange, free_port, get, password_hash,
};

const CALL: &str = "0077028a809f7004";

/// A daemon in mode standalone with workers Alice, Bob and Carol.
struct Office {
    daemon: Daemon,
    bridge: Bridge,
    setup: Setup,
    web: u16,
    router: u16,
    ops: u16,
}

impl Office {
    fn open() -> Self {
        Self::open_with("require_ready = false\n", "", "")
    }

    fn open_with(preview: &str, web_more: &str, router_more: &str) -> Self {
        let bridge = Bridge::start(BridgeOptions { agent_status: 0, snapshots_in_full: true, ..BridgeOptions::default() });
        let (web, router, ops) = (free_port(), free_port(), free_port());
        let mut setup = Setup::new(1, bridge.port);
        setup.ops = Some(ops);
        setup.instead = Some("[connector]\nmode = \"standalone\"\nprofile = \"open\"\n[choice]\nenable_logout_menu = true\n".into());
        setup.ops_more = format!(
            "[preview]\ntimeout_min_ms = 100\n{preview}[web]\nlisten = \"127.0.0.1:{web}\"\nsupervisors = [\"carol\"]\nhistory = \"previews.db\"\n\
             redirect_prefixes = [\"+49\"]\n{web_more}[router]\nlisten = \"127.0.0.1:{router}\"\ntoken = \"env:UC_TEST_ROUTER\"\n{router_more}{}",
            ["alice", "bob", "carol"].map(person).concat()
        );
        let daemon = start(&setup, Folder::new());
        let mut office = Self { daemon, bridge, setup, web, router, ops };
        office.daemon.expect_log("preview API");
        office
    }

    fn login(&self, who: &str) -> Browser {
        Browser::login(self.web, who, PASSWORD)
    }

    /// A request of a router.
    fn ask(&self, fields: Value) -> Response {
        ask(self.router, &[], &fields)
    }

    /// The same in a thread: it waits for its answer.
    fn ask_later(&self, fields: Value) -> JoinHandle<Value> {
        let router = self.router;
        thread::spawn(move || ask(router, &[], &fields).json())
    }
}

fn start(setup: &Setup, folder: Folder) -> Daemon {
    Daemon::start_with(setup, folder, |command| _ = command.env("UC_TEST_ROUTER", ROUTER_TOKEN))
}

fn person(who: &str) -> String {
    let dn = 5001 + u32::from(who.as_bytes()[0] - b'a');
    format!("[[person]]\nemployee_id = \"{who}\"\nagent_login = \"{dn}\"\ndns = \"{dn}@SIP_Switch\"\nweb_password_hash = \"{}\"\n", password_hash())
}

fn ask(router: u16, more: &[(&str, &str)], fields: &Value) -> Response {
    let bearer = format!("Bearer {ROUTER_TOKEN}");
    let mut headers = vec![("Authorization", &*bearer), ("Content-Type", "application/json")];
    headers.extend(more);
    exchange(router, "POST", "/urs/v1/preview", &headers, &fields.to_string()).unwrap()
}

fn single(agent: &str) -> Value {
    json!({ "op": "request", "agent": agent, "connId": CALL, "mediaType": "voice", "userData": { "Notes": "it's urgent", "名": "値" }, "timeout": 60 })
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn a_preview_is_shown_accepted_answered_and_remembered() {
    let mut office = Office::open();
    let alice = office.login("alice");
    let page = alice.page();
    assert_eq!(alice.ask("PUT", "/api/redirect", &json!({"number": "+1900", "enabled": true})).json()["code"], "bad-number");
    assert_eq!(alice.ask("PUT", "/api/redirect", &json!({"number": "+4930123", "enabled": true})).status, 200);
    assert_eq!(page.expect("redirect"), json!({"number": "+4930123", "enabled": true}));
    let answer = office.ask_later(single("5001"));
    let offer = page.expect("offer");
    assert_eq!((&offer["conn"], &offer["dn"], &offer["media"], &offer["broadcast"]), (&json!(CALL), &json!("5001"), &json!("voice"), &json!(false)));
    assert_eq!(offer["data"], json!([["Notes", "it's urgent"], ["名", "値"]]));
    assert_eq!(offer["ends"].as_u64().unwrap() - offer["offered"].as_u64().unwrap(), 60_000);
    alice.click(&offer["offer"], "accept");
    assert_eq!(page.expect("offer-end"), json!({"offer": offer["offer"], "outcome": "accepted"}));
    let answer = answer.join().unwrap();
    for (field, expected) in
        [("Status", "Accepted"), ("agent", "5001"), ("dn", "5001"), ("switch", "SIP_Switch"), ("user", "alice"), ("redirectNumber", "+4930123")]
    {
        assert_eq!(answer[field], expected, "{answer}");
    }
    alice.click(&offer["offer"], "reject");
    assert_eq!(page.expect("too-late"), json!({"offer": offer["offer"]}));

    let metrics = get(office.ops, "/metrics").unwrap().body;
    for line in [
        "previews_total 1",
        "previews_answered_total{status=\"accepted\"} 1",
        "offers_total 1",
        "offers_ended_total{outcome=\"accepted\"} 1",
        "previews_open 0",
        "offers_workers 1",
    ] {
        assert!(metrics.contains(&format!("\nuc_connector_{line}\n")), "{line}: {metrics}");
    }
    let summary = get(office.ops, "/api/v1/summary").unwrap().json();
    assert_eq!((&summary["previews"]["answered"]["accepted"], &summary["previews"]["offers"]["ended"]["accepted"]), (&json!(1), &json!(1)));

    let carol = office.login("carol");
    let accepted = || carol.ask("GET", "/api/history", &Value::Null).json()["offers"][0]["outcome"] == "accepted";
    until("the preview is in the history", accepted);
    assert_eq!(carol.ask("GET", "/api/board", &Value::Null).json()["workers"][0]["today"]["accepted"], 1);
    let report = Command::new(connector()).args(["report", "--last", "1h", "--ops", &format!("127.0.0.1:{}", office.ops)]).output().unwrap();
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(report.contains("alice         1        1         0"), "{report}");

    // Killed without a word; the file has everything, and so does the next process.
    drop(page);
    office.daemon.signal(Signal::KILL);
    office.daemon.wait();
    let folder = std::mem::take(&mut office.daemon.folder);
    office.daemon = start(&office.setup, folder);
    office.daemon.expect_log("preview API");
    let carol = office.login("carol");
    let csv = carol.ask("GET", "/api/history?format=csv", &Value::Null);
    assert!(csv.body.contains(&format!(",alice,,5001,{CALL},voice,accepted,")), "{csv:?}");
    assert_eq!(office.login("alice").me["ui"]["redirect"]["number"], "+4930123");
    assert!(get(office.ops, "/metrics").unwrap().body.contains("\nuc_connector_web_logins_total 2\n"));
    office.daemon.stop();
}

#[test]
fn the_first_of_all_gets_it() {
    let office = Office::open();
    let workers = ["alice", "bob", "carol"].map(|who| office.login(who));
    let pages = workers.each_ref().map(Browser::page);
    let answer = office.ask_later(
        json!({"message": "PreviewInterationMultiple", "connId": CALL, "targets": "5001^bob|carol@stat", "mediaType": "chat", "userData": "a:1|b:2"}),
    );
    let offers = pages.each_ref().map(|page| page.expect("offer"));
    assert!(offers.iter().all(|offer| offer["broadcast"] == true && offer["data"] == json!([["a", "1"], ["b", "2"]])));
    let racing: Vec<_> =
        workers.iter().cloned().zip(offers.clone()).map(|(worker, offer)| thread::spawn(move || worker.click(&offer["offer"], "accept"))).collect();
    racing.into_iter().for_each(|thread| thread.join().unwrap());
    let mut ends: Vec<String> = pages.iter().map(|page| page.expect("offer-end")["outcome"].as_str().unwrap().to_owned()).collect();
    let winner = ends.iter().position(|end| end == "accepted").unwrap();
    assert_eq!(answer.join().unwrap()["user"], ["alice", "bob", "carol"][winner]);
    ends.sort();
    assert_eq!(ends, ["accepted", "taken", "taken"]);
}

#[test]
fn time_runs_out_and_requesters_hang_up() {
    let office = Office::open();
    let alice = office.login("alice");
    let page = alice.page();
    assert_eq!(office.ask(json!({"agent": "alice", "connId": CALL, "timeout": 0.2})).json()["Status"], "Timeout");
    assert_eq!(page.expect("offer-end")["outcome"], "timeout");
    assert_eq!(office.ask(single("nobody")).json()["Status"], "Unavailable");
    assert_eq!(office.ask(single("bob")).json()["Status"], "Unavailable", "no page is open");

    // Whoever hangs up has cancelled.
    let mut caller = TcpStream::connect(("127.0.0.1", office.router)).unwrap();
    let body = single("alice").to_string();
    write!(caller, "POST /urs/v1/preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ROUTER_TOKEN}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    page.expect("offer");
    drop(caller);
    assert_eq!(page.expect("offer-end")["outcome"], "canceled");

    // A cancel names the call; it is answered like the request.
    let answer = office.ask_later(single("alice"));
    page.expect("offer");
    assert_eq!(office.ask(json!({"op": "cancel", "connId": CALL, "status": "caller-released"})).json()["Status"], "Canceled");
    assert_eq!(answer.join().unwrap()["Status"], "Canceled");
    assert_eq!(page.expect("offer-end")["outcome"], "canceled");
}

#[test]
fn a_page_that_comes_back_finds_its_preview() {
    let office = Office::open();
    let alice = office.login("alice");
    let (page, second) = (alice.page(), alice.page());
    let answer = office.ask_later(single("alice"));
    let offer = page.expect("offer");
    assert_eq!(second.expect("offer")["offer"], offer["offer"], "both windows show it");
    drop((page, second));
    let page = alice.page();
    let again = page.expect("offer");
    assert_eq!((&again["offer"], &again["ends"]), (&offer["offer"], &offer["ends"]));
    assert_eq!(page.expect("sync")["offers"], json!([offer["offer"]]));
    alice.click(&offer["offer"], "reject");
    assert_eq!(page.expect("offer-end")["outcome"], "rejected");
    assert_eq!(answer.join().unwrap()["Status"], "Rejected");
    // A page's state follows what its worker chooses.
    assert_eq!(alice.ask("POST", "/api/state", &json!({"state": "logged-in"})).status, 200);
    office.bridge.request("RequestAgentLogin");
    page.expect_with("state", |state| state["choice"] == "logged-in");
    assert_eq!(alice.ask("POST", "/api/state", &json!({"state": "dancing"})).json()["code"], "bad-state");
}

#[test]
fn readiness_decides_who_is_asked() {
    let office = Office::open_with("", "", "");
    let alice = office.login("alice");
    let page = alice.page();
    assert_eq!(office.ask(single("alice")).json()["Status"], "Unavailable", "not ready");
    let ready = alice.me["ui"]["states"].as_array().unwrap().iter().find(|state| state["ready"] == true).unwrap()["id"].clone();
    let not_ready = alice.me["ui"]["states"].as_array().unwrap().iter().find(|state| state["ready"] == false).unwrap()["id"].clone();
    assert_eq!(alice.ask("POST", "/api/state", &json!({"state": ready})).status, 200);
    page.expect_with("state", |state| state["shown"] == ready && state["dns"][0]["flags"] == json!([]));
    let answer = office.ask_later(single("alice"));
    page.expect("offer");
    assert_eq!(alice.ask("POST", "/api/state", &json!({"state": not_ready})).status, 200);
    assert_eq!(page.expect("offer-end")["outcome"], "unavailable");
    assert_eq!(answer.join().unwrap()["Status"], "Unavailable");
}

#[test]
fn nobody_acts_for_another() {
    let office = Office::open();
    let (alice, bob) = (office.login("alice"), office.login("bob"));
    let (page, bobs) = (alice.page(), bob.page());
    let answer = office.ask_later(single("alice"));
    let offer = page.expect("offer")["offer"].clone();
    let path = format!("/api/offers/{offer}/accept");
    bob.click(&offer, "accept");
    assert_eq!(bobs.expect("too-late")["offer"], offer);
    assert_eq!(alice.forge("POST", &path, &[]).json()["code"], "csrf");
    assert_eq!(alice.forge("POST", &path, &[("X-CSRF", bob.csrf())]).json()["code"], "csrf");
    let elsewhere = [("X-CSRF", alice.csrf()), ("Origin", "https://evil.example")];
    assert_eq!(alice.forge("POST", &path, &elsewhere).json()["code"], "origin");
    assert_eq!(exchange(office.web, "POST", &path, &[], "{}").unwrap().status, 401);
    for secret in ["/api/board", "/api/history"] {
        assert_eq!(bob.ask("GET", secret, &Value::Null).status, 403, "{secret}");
    }
    assert_eq!(bob.ask("PUT", "/api/redirect", &json!({"user": "alice", "number": "+491", "enabled": true})).status, 403);
    assert!(!bobs.seen().contains(&"offer".to_owned()), "another's preview is not told");
    alice.click(&offer, "accept");
    assert_eq!(answer.join().unwrap()["user"], "alice");
    // Logging out ends the page, and the cookie opens nothing any more.
    assert_eq!(alice.ask("POST", "/api/logout", &json!({})).status, 200);
    assert_eq!(page.expect("bye")["why"], "logout");
    page.expect_end();
    assert_eq!(alice.ask("GET", "/api/me", &Value::Null).status, 401);
}

#[test]
fn guessing_passwords_is_slow() {
    let office = Office::open();
    let mut answers: Vec<u16> = (0..12).map(|_| Browser::try_login(office.web, "Alice", "wrong password").status).collect();
    answers.dedup();
    assert_eq!(answers, [401, 429]);
    let limited = Browser::try_login(office.web, "alice", PASSWORD);
    assert_eq!((limited.status, limited.json()["code"].clone()), (429, json!("rate-limited")));
    assert!(limited.header("retry-after").is_some());
    assert_eq!(Browser::try_login(office.web, "nobody", PASSWORD).json()["code"], "bad-login");
    assert_eq!(office.login("bob").me["role"], "worker", "another name is another matter");
    let plain = exchange(office.web, "POST", "/api/login", &[("Content-Type", "text/plain")], "{}").unwrap();
    assert_eq!(plain.status, 415, "a form of another site cannot log anybody in");
}

#[test]
fn every_form_of_asking() {
    let office = Office::open();
    let alice = office.login("alice");
    let page = alice.page();
    let bearer = format!("Bearer {ROUTER_TOKEN}");
    let auth = ("Authorization", &*bearer);
    assert_eq!(exchange(office.router, "POST", "/urs/v1/preview", &[("Authorization", "Bearer wrong")], "{}").unwrap().status, 401);
    assert_eq!(exchange(office.router, "GET", "/urs/v1/openapi.json", &[], "").unwrap().json()["openapi"], "3.1.0");
    assert_eq!(office.ask(json!({"agent": "alice"})).status, 400);

    // 202 and polling.
    let fields = json!({"agent": "alice", "connId": "a/b", "key": "one"});
    let later = ask(office.router, &[("Prefer", "respond-async")], &fields);
    assert_eq!((later.status, later.header("location")), (202, Some("/urs/v1/preview/a%2Fb")));
    let poll = || exchange(office.router, "GET", "/urs/v1/preview/a%2Fb", &[auth], "").unwrap().json();
    let offer = page.expect("offer")["offer"].clone();
    assert_eq!((&poll()["Status"], &poll()["asked"]), (&json!("Pending"), &json!(["alice"])));
    // The same key attaches: one offer, two answers.
    let again = office.ask_later(fields.clone());
    let third = ask(office.router, &[("Prefer", "wait=0")], &fields);
    assert_eq!(third.status, 202);
    alice.click(&offer, "accept");
    assert_eq!(again.join().unwrap()["Status"], "Accepted");
    assert_eq!(poll()["user"], "alice");
    assert_eq!(page.expect("offer-end")["offer"], offer);
    assert!(!page.seen().contains(&"offer".to_owned()), "the key attached");

    // A strategy that can only GET, and reads lines.
    let router = office.router;
    let lines = thread::spawn(move || {
        let bearer = format!("Bearer {ROUTER_TOKEN}");
        let path = "/urs/v1/preview?Agent=5001&ConnID=00ab&UserData=Notes:x%7CName:%C3%BC&MediaType=voice";
        exchange(router, "GET", path, &[("Authorization", &bearer), ("Accept", "text/plain")], "").unwrap()
    });
    let offer = page.expect("offer");
    assert_eq!(offer["data"], json!([["Notes", "x"], ["Name", "ü"]]));
    alice.click(&offer["offer"], "reject");
    let lines = lines.join().unwrap();
    assert!(lines.body.starts_with("Status=Rejected\n") && lines.body.contains("\nconnId=00ab\n"), "{lines:?}");

    // A form over HTTP/1.0.
    let mut stream = TcpStream::connect(("127.0.0.1", office.router)).unwrap();
    let form = "op=request&agent=alice&connId=00ac";
    write!(
        stream,
        "POST /urs/v1/preview HTTP/1.0\r\nAuthorization: {bearer}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    alice.click(&page.expect("offer")["offer"], "accept");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"Status\":\"Accepted\"") && answer.to_ascii_lowercase().contains("content-length:"), "{answer}");
}

#[test]
fn answers_are_delivered_to_a_callback() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let office = Office::open_with("require_ready = false\n", "", &format!("callback_prefixes = [\"{base}\"]\n"));
    let alice = office.login("alice");
    let page = alice.page();
    let refused = office.ask(json!({"agent": "alice", "connId": CALL, "callback": "http://127.0.0.1:1/"}));
    assert_eq!(refused.status, 403, "{refused:?}");
    let answer = office.ask(json!({"agent": "alice", "connId": CALL, "callback": format!("{base}done?x=1")}));
    assert_eq!(answer.status, 202);
    alice.click(&page.expect("offer")["offer"], "accept");
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let (mut length, mut first) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some(n) = line.strip_prefix("Content-Length: ") {
            length = n.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.0 204 No Content\r\n\r\n").unwrap();
    assert_eq!(first, "POST /done?x=1 HTTP/1.0\r\n");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["user"], "alice");
}

#[test]
fn half_requests_and_crowds_are_cut() {
    let office = Office::open_with("require_ready = false\n", "per_address_max = 20\n", "");
    // A head that never ends: the daemon ends it.
    let mut half = TcpStream::connect(("127.0.0.1", office.web)).unwrap();
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    let mut slow = TcpStream::connect(("127.0.0.1", office.web)).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").unwrap();
    let big = "x".repeat(100_000);
    let answer = exchange(office.web, "POST", "/api/login", &[], &big);
    assert!(answer.is_none_or(|answer| answer.status == 413));
    let heads: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let mut many = TcpStream::connect(("127.0.0.1", office.web)).unwrap();
    many.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = write!(many, "GET / HTTP/1.1\r\nHost: x\r\n{heads}\r\n");
    let mut answer = String::new();
    let _ = many.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    drop(many);
    // More connections than one address may have: the rest is closed without a word, and the first ones go on.
    let mut crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(("127.0.0.1", office.web)).unwrap()).collect();
    let mut closed = 0;
    for stream in crowd.iter_mut().skip(25) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        closed += usize::from(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
    assert_eq!(closed, 15);
    assert!(get(office.ops, "/metrics").unwrap().body.lines().any(|line| line.strip_prefix("uc_connector_web_refused_total ").is_some_and(|n| n != "0")));
    drop(crowd);
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    let mut rest = String::new();
    let _ = slow.read_to_string(&mut rest);
    assert!(rest.starts_with("HTTP/1.1 408"), "{rest}");
    until("there is room again", || exchange(office.web, "GET", "/", &[], "").is_some_and(|answer| answer.status == 200));
}

#[test]
fn a_flood_of_web_requests_does_not_keep_agents_from_following() {
    let office = Office::open();
    let alice = office.login("alice");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // Each of these is a question to the deciding thread, or is refused before.
                    let _ = exchange(office.web, "GET", "/api/me", &[("Cookie", "uc_session=0")], "");
                    let _ = ask(office.router, &[], &single("nobody"));
                }
            });
        }
        assert_eq!(alice.ask("POST", "/api/state", &json!({"state": "logged-in"})).status, 200);
        office.bridge.request("RequestAgentLogin");
        assert_eq!(alice.ask("POST", "/api/state", &json!({"state": "logged-out"})).status, 200);
        office.bridge.request("RequestAgentLogout");
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_worker_who_leaves_takes_pages_and_logins_along() {
    let mut office = Office::open();
    let (alice, bob) = (office.login("alice"), office.login("bob"));
    let (page, bobs) = (alice.page(), bob.page());
    let answer = office.ask_later(single("alice"));
    page.expect("offer");
    office.setup.ops_more = office.setup.ops_more.replace(&person("alice"), "");
    office.setup.write(&office.daemon.folder);
    office.daemon.signal(Signal::HUP);
    assert_eq!(answer.join().unwrap()["Status"], "Unavailable");
    assert_eq!(page.expect("bye")["why"], "removed");
    assert_eq!(alice.ask("GET", "/api/me", &Value::Null).status, 401);
    assert_eq!(Browser::try_login(office.web, "alice", PASSWORD).status, 401);
    assert_eq!(bob.ask("GET", "/api/me", &Value::Null).status, 200);
    // Stopping answers who waits and ends the pages.
    let answer = office.ask_later(single("bob"));
    bobs.expect("offer");
    office.daemon.signal(Signal::TERM);
    assert_eq!(answer.join().unwrap()["Status"], "Error");
    bobs.expect_end();
    assert!(office.daemon.wait().success());
}
