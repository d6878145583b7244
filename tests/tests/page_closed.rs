//! Workers without a page, against the real daemon: the message to their client, and the one-time link in it over HTTP.
#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use uc_runtime_sim::peers::front_end::{Does, Habit};
use uc_tests::{Browser, Daemon, Folder, Office, PATIENCE, Page, Response, Running, connector, exchange, free_port, peer};

const CALL: &str = "0077028a809f7004";
const NOBODYS: &str = "/t/00000000000000000000000000000000";

/// A daemon that asks Anna (1001) and Bert (1002) through their own clients, which take every message; and its router.
struct Company {
    office: Office,
    daemon: Daemon,
    web: u16,
    router: u16,
    ops: u16,
}

impl Company {
    /// `preview` follows `[preview]`, `web` follows `[web]`.
    fn open(preview: &str, web: &str) -> Self {
        let office = Office::open(&[("anna", "5001"), ("bert", "5002")]);
        let habit = Habit { rings_after_ms: 1, answers_after_ms: 1, opens_after_ms: Some(1), ..Habit::default() };
        office.pool.with(|pool, _| pool.set_habit(None, habit));
        let (pages, router, ops) = (free_port(), free_port(), free_port());
        let daemon = office.start_daemon(|setup| {
            setup.ops = Some(ops);
            _ = write!(
                setup.ops_more,
                "[preview]\nrequire_ready = false\npage_grace_ms = 100\ntimeout_min_ms = 100\ninvite = \"message\"\ncwe_url = \"http://localhost:{pages}/t/{{token}}\"\n{preview}\
                 [web]\nlisten = \"127.0.0.1:{pages}\"\nsupervisors = [\"1002\"]\n{web}[router]\nlisten = \"127.0.0.1:{router}\"\n"
            );
        });
        Self { office, daemon, web: pages, router, ops }
    }

    /// A router asks for a worker and waits for the answer in a thread.
    fn ask(&self, agent: &str, call: &str, timeout_s: f64) -> JoinHandle<Value> {
        let fields = json!({ "op": "request", "agent": agent, "connId": call, "mediaType": "voice", "timeout": timeout_s }).to_string();
        let router = self.router;
        thread::spawn(move || exchange(router, "POST", "/urs/v1/preview", &[("Content-Type", "application/json")], &fields).unwrap().json())
    }

    /// The next link that a worker was sent: its path.
    fn link(&self, name: &str) -> String {
        let mut seen = Vec::new();
        let url = self.office.pool.wait(&format!("a link for {name}"), |pool| {
            seen.extend(pool.take_opened());
            seen.iter().find(|(uri, _)| *uri == Office::uri(name)).map(|(_, url)| url.clone())
        });
        url.strip_prefix(&format!("http://localhost:{}", self.web)).expect("the link of the configuration").to_owned()
    }

    /// A figure of `/metrics`.
    fn number(&self, name: &str) -> u64 {
        let metrics = uc_tests::get(self.ops, "/metrics").unwrap().body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("uc_connector_")?.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse().unwrap()
    }

    fn get(&self, path: &str) -> Response {
        exchange(self.web, "GET", path, &[], "").unwrap()
    }

    fn post(&self, path: &str) -> Response {
        exchange(self.web, "POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], "").unwrap()
    }

    fn enter(&self, path: &str) -> (Browser, Page) {
        let answer = self.post(path);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        let browser = Browser::with_cookie(self.web, answer.header("set-cookie").unwrap().split(';').next().unwrap());
        let page = browser.page();
        (browser, page)
    }
}

#[test]
fn a_link_lets_its_worker_in_once_and_to_their_offer_only() {
    let mut company = Company::open("", "");
    let answer = company.ask("1001", CALL, 60.0);
    let link = company.link("anna");
    let other = company.ask("1002", "0077028a809f7005", 60.0);
    let others_link = company.link("bert");

    // Programs that look at links read them, with HEAD or GET, as often as they like.
    for _ in 0..3 {
        let looked = exchange(company.web, "HEAD", &link, &[], "").unwrap();
        assert_eq!((looked.status, looked.header("set-cookie"), &*looked.body), (200, None, ""));
        let looked = exchange(company.web, "GET", &link, &[("Sec-Purpose", "prefetch")], "").unwrap();
        assert_eq!((looked.status, looked.header("set-cookie")), (200, None));
        assert!(looked.body.contains("<form method=\"post\">") && looked.body.contains("src=\"/js/enter.js\""), "{}", looked.body);
    }
    let looked = company.get(&link);
    let token = link.strip_prefix("/t/").unwrap();
    assert!(!looked.body.contains(token) && looked.header("content-security-policy").unwrap().contains("default-src 'self'"));
    assert_eq!((looked.header("referrer-policy"), looked.header("cache-control")), (Some("no-referrer"), Some("no-store")));
    assert_eq!(company.get("/js/enter.js").status, 200);

    let entered = company.post(&link);
    assert_eq!((entered.status, entered.header("location"), entered.header("referrer-policy")), (303, Some("/"), Some("no-referrer")));
    let cookie = entered.header("set-cookie").unwrap().to_owned();
    for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains(token), "the cookie is another secret");
    let anna = Browser::with_cookie(company.web, cookie.split(';').next().unwrap());
    assert_eq!((&anna.me["user"], &anna.me["role"]), (&json!("1001"), &json!("worker")));
    let page = anna.page();
    let offer = page.expect("offer");
    assert_eq!(offer["conn"], CALL);
    // Used: for reading and for entering.
    assert_eq!((company.post(&link).status, company.get(&link).status), (410, 410));

    // Bert's offer is not hers to take, nor is the supervisors' board.
    let (bert, berts) = company.enter(&others_link);
    let his = berts.expect("offer");
    assert_eq!((&bert.me["user"], &his["conn"]), (&json!("1002"), &json!("0077028a809f7005")));
    anna.click(&his["offer"], "accept");
    assert_eq!(page.expect("too-late"), json!({ "offer": his["offer"] }));
    assert_eq!((anna.ask("GET", "/api/board", &Value::Null).status, bert.ask("GET", "/api/board", &Value::Null).status), (403, 200));
    anna.click(&offer["offer"], "accept");
    bert.click(&his["offer"], "reject");
    let (answer, other) = (answer.join().unwrap(), other.join().unwrap());
    assert_eq!((&answer["Status"], &answer["user"], &other["Status"]), (&json!("Accepted"), &json!("1001"), &json!("Rejected")));

    // Neither the log nor the metrics say what lets somebody in.
    let metrics = uc_tests::get(company.ops, "/metrics").unwrap();
    assert!(metrics.body.contains("uc_connector_invitations_total 2"), "{}", metrics.body);
    assert!(!metrics.body.contains(token) && !company.daemon.log().contains(token));
    assert_eq!(company.office.violations(), [] as [String; 0]);
}

#[test]
fn a_link_ends_with_the_time_of_its_preview_and_guesses_are_slowed_down() {
    let mut company = Company::open("", "");
    let answer = company.ask("1001", CALL, 1.0);
    let link = company.link("anna");
    assert_eq!(answer.join().unwrap()["Status"], "Timeout");
    // The router is answered by the core's clock, the link ends by the wall clock; they may be a moment apart.
    let began = Instant::now();
    while company.get(&link).status != 410 {
        assert!(began.elapsed() < PATIENCE, "the link works for ever");
        thread::yield_now();
    }
    let late = company.post(&link);
    assert_eq!((late.status, late.header("set-cookie")), (410, None));
    assert!(late.body.contains("Log in"));

    for bad in [NOBODYS, "/t/", "/t/0", "/t/../api/me", "/t/%00"] {
        assert_eq!(company.post(bad).status, 410, "{bad}");
    }
    assert_eq!(exchange(company.web, "DELETE", NOBODYS, &[], "").unwrap().status, 405);
    let began = Instant::now();
    let limited = loop {
        assert!(began.elapsed() < PATIENCE, "guesses are not limited");
        let answer = company.get(NOBODYS);
        if answer.status != 410 {
            break answer;
        }
    };
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
    // The limit is of links: whoever has a password still gets in.
    assert_eq!(Browser::try_login(company.web, "1001", "wrong").status, 401);
    company.daemon.assert_alive();
}

#[test]
fn a_cookie_of_a_link_is_for_tls_only_behind_a_proxy() {
    let company = Company::open("", "proxied = true\n");
    let _answer = company.ask("1001", CALL, 60.0);
    let link = company.link("anna");
    let entered = company.post(&link);
    assert!(entered.header("set-cookie").unwrap().contains("; Secure"), "{entered:?}");
    assert!(entered.header("strict-transport-security").is_some());
}

#[test]
fn who_declines_the_message_declines_the_preview_and_a_page_makes_the_message_needless() {
    let company = Company::open("", "");
    company.office.pool.with(|pool, _| pool.set_habit(Some(&Office::uri("anna")), Habit { does: Does::Refuses(603), ..Habit::default() }));
    assert_eq!(company.ask("1001", CALL, 60.0).join().unwrap()["Status"], "Rejected");
    // Bert comes by the link; while his page is open he is asked there.
    let first = company.ask("1002", CALL, 60.0);
    let (bert, page) = company.enter(&company.link("bert"));
    bert.click(&page.expect("offer")["offer"], "reject");
    assert_eq!(first.join().unwrap()["Status"], "Rejected");
    let sent = |company: &Company| company.number("invitations_total");
    assert_eq!(sent(&company), 2);
    let second = company.ask("1002", "0077028a809f7006", 60.0);
    bert.click(&page.expect("offer")["offer"], "accept");
    assert_eq!(second.join().unwrap()["Status"], "Accepted");
    assert_eq!(sent(&company), 2, "no further message");
    // The page goes, also its time of grace: he is asked through his client again.
    drop(page);
    let began = Instant::now();
    let mut call = 0x10_u64;
    while sent(&company) == 2 {
        assert!(began.elapsed() < PATIENCE, "never asked through the client again");
        call += 1;
        let asked = company.ask("1002", &format!("{call:016x}"), 0.2);
        assert_eq!(asked.join().unwrap()["Status"], "Timeout");
    }
    assert!(began.elapsed() >= Duration::from_millis(100), "the page counts as present for its time of grace");
}

/// A browser that is not ours: the page behind the link sends its form by itself, and the policy of the pages lets it.
#[test]
fn a_browser_that_opens_the_link_ends_at_the_page() {
    let Some(chromium) = peer("chromium") else { return };
    let company = Company::open("", "");
    let answer = company.ask("1001", CALL, 60.0);
    let link = company.link("anna");
    let folder = Folder::new();
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"]);
    let profile = format!("--user-data-dir={}", folder.path("profile").display());
    let _browser = Running::start_silent(command.arg(profile).arg(format!("http://localhost:{}{link}", company.web)));
    let began = Instant::now();
    while company.number("offers_workers") == 0 {
        assert!(began.elapsed() < PATIENCE, "the page does not open");
        thread::yield_now();
    }
    assert_eq!((company.get(&link).status, company.number("web_logins_total")), (410, 1));
    // The preview goes on there, until its router has enough of it.
    let cancel = json!({ "op": "cancel", "connId": CALL }).to_string();
    assert_eq!(exchange(company.router, "POST", "/urs/v1/preview", &[("Content-Type", "application/json")], &cancel).unwrap().status, 200);
    assert_eq!(answer.join().unwrap()["Status"], "Canceled");
}

#[test]
fn the_registration_file_is_printed_or_its_lack_is_named() {
    let folder = Folder::new();
    let print = |preview: &str| {
        let more = "[[switch]]\nname = \"S\"\n[[switch.server]]\nname = \"T\"\naddress = \"127.0.0.1:1\"\n[[person]]\nemployee_id = \"1\"\nagent_login = \"1\"\ndns = \"1@S\"\n";
        let config = folder.write("uc.toml", &format!("[connector]\nmode = \"standalone\"\n[preview]\n{preview}{more}"));
        let output = Command::new(connector()).arg("cwe-registration").arg(config).output().unwrap();
        (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let whole = "cwe_url = \"https://ucc.example/t/{token}\"\ncwe_app_id = \"{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}\"\n";
    let (code, out, told) = print(whole);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((code, &*told), (Some(0), ""), "{told}");
    assert!(out.starts_with("Windows Registry Editor Version 5.00\r\n") && out.lines().all(|line| !line.contains('\n')), "{out}");
    assert_eq!(out.matches("\"InternalURL\"=\"https://ucc.example/\"\r\n").count(), 3, "{out}");
    let (code, out, _) = print(&format!("{whole}cwe_name = \"Vermittlung für Späher\"\n"));
    assert_eq!((code, &out[..4]), (Some(0), &[0xff, 0xfe, b'W', 0][..]), "UTF-16");
    let (code, out, told) = print("");
    assert_eq!((code, out.len()), (Some(3), 0));
    assert!(told.contains("`cwe_url` is ``") && told.contains("write `cwe_url = \"https://"), "{told}");
}
