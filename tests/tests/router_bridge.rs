//! A router behind a bridge asks the daemon for previews; workers answer at their pages.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use serde_json::{Value, json};
use uc_tests::{Bridge, BridgeOptions, Browser, Daemon, Folder, PASSWORD, Request, Setup, free_port, password_hash};

const TOKEN: &str = "token of the bridge";

/// A daemon with two workers, a T-Server and a router with two bridges.
struct Office {
    daemon: Daemon,
    setup: Setup,
    router: Bridge,
    standby: Bridge,
    web: u16,
    _tserver: Bridge,
}

impl Office {
    fn open(linger_s: u16) -> Self {
        let options = |name: &str| BridgeOptions { name: name.into(), ..BridgeOptions::default() };
        let (tserver, router, standby, web) = (Bridge::start(options("SIPS")), Bridge::start(options("URS")), Bridge::start(options("URS")), free_port());
        let hash = password_hash();
        let person = |who: &str, dn: u16| {
            format!("[[person]]\nemployee_id = \"{who}\"\nagent_login = \"{dn}\"\ndns = \"{dn}@SIP_Switch\"\nweb_password_hash = \"{hash}\"\n")
        };
        let bridge = |port: u16| format!("[[router.bridge]]\nname = \"URS\"\naddress = \"127.0.0.1:{port}\"\ntoken = \"env:UC_TEST_BRIDGE\"\n");
        let mut setup = Setup::new(1, tserver.port);
        setup.ops = Some(free_port());
        setup.instead = Some("[connector]\nmode = \"standalone\"\nprofile = \"open\"\n[choice]\nenable_logout_menu = true\n".into());
        setup.ops_more = format!(
            "[preview]\nrequire_ready = false\n[web]\nlisten = \"127.0.0.1:{web}\"\nhistory = \"previews.db\"\nredirect_prefixes = [\"+49\"]\n[router]\nlinger_s = {linger_s}\n{}{}{}{}",
            bridge(router.port),
            bridge(standby.port),
            person("alice", 5001),
            person("bob", 5002)
        );
        let daemon = start(&setup, Folder::new());
        let office = Self { daemon, setup, router, standby, web, _tserver: tserver };
        let hello = office.router.request("hello");
        assert_eq!(hello.json["token"], TOKEN);
        let open = office.router.request("open");
        assert_eq!((&open.json["ch"], &open.json["mode"], &open.json["linger_s"]), (&json!("custom"), &json!("warm"), &json!(linger_s)));
        office
    }

    /// Ends the daemon in good order and starts it again with the same files.
    fn restart(&mut self) {
        self.daemon.signal(Signal::TERM);
        assert!(self.daemon.wait().success());
        let folder = std::mem::take(&mut self.daemon.folder);
        self.daemon = start(&self.setup, folder);
        self.router.request("open");
    }

    fn login(&self, who: &str) -> Browser {
        Browser::login(self.web, who, PASSWORD)
    }
}

fn start(setup: &Setup, folder: Folder) -> Daemon {
    Daemon::start_with(setup, folder, |command| _ = command.env("UC_TEST_BRIDGE", TOKEN))
}

fn event(name: &str, attrs: &str) -> String {
    format!("\"dir\":\"evt\",\"id\":0,\"name\":\"{name}\",\"attrs\":[{attrs}]")
}

fn result(bridge: &Bridge) -> (String, String) {
    let result: Request = bridge.request("PreviewInteractionResult");
    let text = |name: &str| result.attribute(name).as_str().unwrap().to_owned();
    (text("RequestID"), text("Status"))
}

#[test]
fn one_worker_a_broadcast_and_a_cancellation() {
    let mut office = Office::open(0);
    let (alice, bob) = (office.login("alice"), office.login("bob"));
    let (first, second) = (alice.page(), bob.page());
    office.router.say(&event(
        "previewInterationREQUEST",
        r#"["RequestID","long","9007199254740993"],["agent","str","5001"],["connId","str","0077028a809f7004"],["userData","str","Notes:it's late|名:値"]"#,
    ));
    let offer = first.expect("offer");
    assert_eq!(offer["data"], json!([["Notes", "it's late"], ["名", "値"]]));
    alice.click(&offer["offer"], "accept");
    let answer = office.router.request("PreviewInteractionResult");
    for (name, value) in [("RequestID", "9007199254740993"), ("Status", "Accepted"), ("agent", "5001"), ("dn", "5001"), ("switch", "SIP_Switch")] {
        assert_eq!(answer.attribute(name), &Value::from(value), "{name}");
    }
    assert_eq!(first.expect("offer-end"), json!({"offer": offer["offer"], "outcome": "accepted"}));

    let many =
        r#"["RequestID","long","2"],["connId","str","22"],["targets","str","5001^5002@Stat"],["userData","kvlist",[{"key":"k","type":"int","value":7}]]"#;
    office.router.say(&event("PreviewInteractionMultiple", many));
    let (one, other) = (first.expect("offer"), second.expect("offer"));
    assert_eq!((&one["broadcast"], &one["data"]), (&json!(true), &json!([["k", "7"]])));
    bob.click(&other["offer"], "accept");
    assert_eq!(result(&office.router), ("2".into(), "Accepted".into()));
    assert_eq!(first.expect("offer-end"), json!({"offer": one["offer"], "outcome": "taken"}));

    office.router.say(&event("PreviewInteractionRequest", r#"["RequestID","long","3"],["agent","str","5001"],["connId","str","33"]"#));
    let open = first.expect("offer");
    office.router.say(&event("PreviewInteractionCancel", r#"["ConnID","str","33"]"#));
    assert_eq!(result(&office.router), ("3".into(), "Canceled".into()));
    assert_eq!(first.expect("offer-end"), json!({"offer": open["offer"], "outcome": "canceled"}));
    office.daemon.assert_alive();
}

#[test]
fn the_answer_says_where_the_worker_wants_the_call_also_after_a_restart() {
    let mut office = Office::open(0);
    let number = |office: &Office, request: u32| {
        let alice = office.login("alice");
        let page = alice.page();
        office
            .router
            .say(&event("PreviewInteractionRequest", &format!(r#"["RequestID","long","{request}"],["agent","str","5001"],["connId","str","{request}"]"#)));
        alice.click(&page.expect("offer")["offer"], "accept");
        let answer = office.router.request("PreviewInteractionResult");
        assert_eq!((answer.attribute("RequestID"), answer.attribute("dn")), (&json!(request.to_string()), &json!("5001")));
        answer.attribute("redirectNumber").as_str().unwrap().to_owned()
    };
    let set = |office: &Office, who: &str, number: &str, enabled: bool| {
        assert_eq!(office.login(who).ask("PUT", "/api/redirect", &json!({"number": number, "enabled": enabled})).status, 200);
    };
    assert_eq!(number(&office, 1), "");
    set(&office, "bob", "+49777", true);
    set(&office, "alice", "+49123", true);
    assert_eq!(number(&office, 2), "+49123", "and nobody else's");
    set(&office, "alice", "+49123", false);
    assert_eq!(number(&office, 3), "", "kept, but switched off");
    set(&office, "alice", "+49456", true);
    office.restart();
    assert_eq!(number(&office, 4), "+49456");
    // Who declines is not called.
    let alice = office.login("alice");
    let page = alice.page();
    office.router.say(&event("PreviewInteractionRequest", r#"["RequestID","long","5"],["agent","str","5001"],["connId","str","5"]"#));
    alice.click(&page.expect("offer")["offer"], "reject");
    let answer = office.router.request("PreviewInteractionResult");
    assert_eq!((answer.attribute("Status"), answer.attribute("redirectNumber")), (&json!("Rejected"), &json!("")));
    office.daemon.assert_alive();
}

#[test]
fn a_lost_connection_withdraws_and_the_standby_takes_over() {
    let mut office = Office::open(0);
    let alice = office.login("alice");
    let page = alice.page();
    office.router.say(&event("PreviewInteractionRequest", r#"["RequestID","long","1"],["agent","str","5001"],["connId","str","11"]"#));
    let offer = page.expect("offer");
    office.router.refuse();
    assert_eq!(page.expect("offer-end"), json!({"offer": offer["offer"], "outcome": "canceled"}));
    office.standby.request("open");
    office.standby.say(&event("PreviewInteractionRequest", r#"["RequestID","long","1"],["agent","str","5001"],["connId","str","11"]"#));
    alice.click(&page.expect("offer")["offer"], "reject");
    assert_eq!(result(&office.standby), ("1".into(), "Rejected".into()));
    office.daemon.assert_alive();
}

#[test]
fn what_is_no_protocol_is_named_and_closed_and_the_daemon_goes_on() {
    let mut office = Office::open(0);
    for (bad, code) in [
        (format!("{{\"v\":1,\"seq\":3,{}}}\n", event("PreviewInteractionRequest", r#"["agent","str","5001"]"#)), "proto"),
        (format!("{{\"v\":1,\"seq\":9,{}}}\n", event("PreviewInteractionCancel", "")), "seq"),
        ("{]\n".to_owned(), "json"),
        ("x".repeat((1 << 20) + 10), "line"),
    ] {
        office.router.send_raw(bad);
        let error = office.router.request("error");
        assert_eq!((&error.json["code"], &error.json["fatal"]), (&json!(code), &json!(true)), "{}", error.line);
        // A session that breaks early makes the other bridge's turn come; from there back again.
        office.daemon.assert_alive();
        while office.router.seen().iter().all(|line| line.name() != "open") {
            office.standby.close();
            std::thread::yield_now();
        }
    }
    office.router.say(&event("PreviewInteractionRequest", r#"["RequestID","long","1"],["agent","str","nobody"],["connId","str","11"]"#));
    assert_eq!(result(&office.router), ("1".into(), "Unavailable".into()));
}
