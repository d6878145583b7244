//! Who gets in: TLS of our own listeners, certificates of routers, single sign-on, and logins that outlive the daemon.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Instant;
use uc_tests::{
    Authority, Bridge, BridgeOptions, Browser, Daemon, Folder, PASSWORD, Response, Setup, exchange, exchange_tls, free_port, get, password_hash, patience_left,
};

/// A daemon in mode standalone with workers Alice, who has names of every kind, and Bob.
struct Office {
    daemon: Daemon,
    setup: Setup,
    _bridge: Bridge,
    web: u16,
    router: u16,
    ops: u16,
}

impl Office {
    /// `more` follows `[web]`, `sections` all options.
    fn open(folder: Folder, more: &str, sections: &str) -> Self {
        let bridge = Bridge::start(BridgeOptions { agent_status: 0, snapshots_in_full: true, ..BridgeOptions::default() });
        let (web, router, ops) = (free_port(), free_port(), free_port());
        let mut setup = Setup::new(1, bridge.port);
        setup.ops = Some(ops);
        setup.instead = Some("[connector]\nmode = \"standalone\"\nprofile = \"open\"\n".into());
        let person = |id: &str, user: &str, address: &str, dn: u16| {
            let hash = password_hash();
            format!(
                "[[person]]\nemployee_id = \"{id}\"\nuser_name = \"{user}\"\nsip_uri = \"{address}\"\nagent_login = \"{dn}\"\ndns = \"{dn}@SIP_Switch\"\nweb_password_hash = \"{hash}\"\n"
            )
        };
        setup.ops_more = format!(
            "[web]\nlisten = \"127.0.0.1:{web}\"\nsupervisors = [\"1001\"]\n{more}[router]\nlisten = \"127.0.0.1:{router}\"\n{sections}{}{}",
            person("1001", "alice", "sip:Alice@example.com", 5001),
            person("1002", "bob", "", 5002)
        );
        let mut daemon = Daemon::start_with(&setup, folder, |_| {});
        daemon.expect_log("preview API");
        Self { daemon, setup, _bridge: bridge, web, router, ops }
    }

    /// Ends the daemon and starts it again with the same files.
    fn restart(&mut self, signal: Signal) {
        self.daemon.signal(signal);
        self.daemon.wait();
        let folder = std::mem::take(&mut self.daemon.folder);
        self.daemon = Daemon::start_with(&self.setup, folder, |_| {});
        self.daemon.expect_log("preview API");
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        exchange(self.web, "GET", path, headers, "").unwrap()
    }
}

fn cookie(answer: &Response) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn both_listeners_speak_tls_and_routers_show_certificates() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let folder = Folder::new();
    let (server, router, stranger) = (ours.sign(&["localhost"]), theirs.sign(&["router"]), ours.sign(&["stranger"]));
    folder.write("cert.pem", &server.certificate_pem);
    folder.write("key.pem", &server.key_pem);
    folder.write("routers.pem", &theirs.pem());
    let tls = "certificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let office = Office::open(folder, "", &format!("[web.tls]\n{tls}[router.tls]\n{tls}client_ca = \"routers.pem\"\n"));

    let client = ours.client(None);
    let page = exchange_tls(office.web, &client, "GET", "/", &[], "").unwrap();
    assert_eq!((page.status, page.header("strict-transport-security")), (200, Some("max-age=31536000")), "{page:?}");
    let words = json!({ "user": "alice", "password": PASSWORD }).to_string();
    let login = exchange_tls(office.web, &client, "POST", "/api/login", &[("Content-Type", "application/json")], &words).unwrap();
    assert!(login.status == 200 && login.header("set-cookie").unwrap().ends_with("; HttpOnly; SameSite=Strict; Secure"), "{login:?}");
    let me = exchange_tls(office.web, &client, "GET", "/api/me", &[("Cookie", &cookie(&login))], "").unwrap();
    assert_eq!(me.json()["user"], "1001", "{me:?}");
    assert!(exchange_tls(office.web, &theirs.client(None), "GET", "/", &[], "").is_none(), "a client that does not trust the certificate");
    assert!(exchange(office.web, "GET", "/", &[], "").is_none(), "nothing is said in clear");

    let ask = |client| exchange_tls(office.router, &client, "GET", "/urs/v1/preview?op=nonsense", &[], "");
    // Its own server certificate is another authority's.
    let trusting = |identity| {
        let mut config = (*ours.client(None)).clone();
        config.client_auth_cert_resolver = theirs.client(Some(identity)).client_auth_cert_resolver.clone();
        std::sync::Arc::new(config)
    };
    let answer = ask(trusting(&router)).unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(ask(trusting(&stranger)).is_none(), "a certificate of another authority");
    assert!(ask(ours.client(None)).is_none(), "no certificate");
    office.daemon.stop();
}

const PROXY: &str = "[web.sso]\nkind = \"header\"\nheader = \"X-Forwarded-User\"\nproxies = [\"127.0.0.0/8\"]\n";

#[test]
fn a_proxy_says_who_it_is() {
    let mut office = Office::open(Folder::new(), "", &format!("{PROXY}passwords = false\n"));
    assert_eq!(office.get("/api/login", &[]).json(), json!({ "sso": true, "passwords": false }));
    assert_eq!(Browser::try_login(office.web, "alice", PASSWORD).json()["code"], "no-passwords");

    let login = office.get("/sso/login", &[("X-Forwarded-User", "ALICE")]);
    assert_eq!((login.status, login.header("location")), (303, Some("/")), "{login:?}");
    let alice = Browser::with_cookie(office.web, &cookie(&login));
    assert_eq!((&alice.me["user"], &alice.me["role"]), (&json!("1001"), &json!("supervisor")));
    assert_eq!(alice.forge("POST", "/api/logout", &[]).json()["code"], "csrf");
    assert_eq!(alice.ask("POST", "/api/logout", &Value::Null).status, 200);
    assert_eq!(office.get("/api/me", &[("Cookie", alice.cookie())]).status, 401);

    let unknown = office.get("/sso/login", &[("X-Forwarded-User", "mallory")]);
    assert_eq!((unknown.status, unknown.header("location"), unknown.header("set-cookie")), (303, Some("/login?why=unknown"), None), "{unknown:?}");
    office.daemon.expect_log("has the name \"mallory\"");
    for headers in [&[][..], &[("X-Forwarded-User", "alice"), ("X-Forwarded-User", "bob")]] {
        let answer = office.get("/sso/login", headers);
        assert_eq!((answer.header("location"), answer.header("set-cookie")), (Some("/login?why=failed"), None), "{headers:?} {answer:?}");
    }
    // The header means nothing anywhere else.
    assert_eq!(office.get("/api/me", &[("X-Forwarded-User", "alice")]).status, 401);
    office.daemon.stop();
}

#[test]
fn nobody_but_the_proxy_says_who_it_is() {
    let mut office = Office::open(Folder::new(), "proxied = true\n", &PROXY.replace("127.0.0.0/8", "192.0.2.0/24"));
    let answer = office.get("/sso/login", &[("X-Forwarded-User", "alice"), ("X-Forwarded-For", "192.0.2.1")]);
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{answer:?}");
    office.daemon.expect_log("came from 127.0.0.1, which is none of the proxies");
    // Passwords are taken unless that is switched off.
    assert_eq!(Browser::login(office.web, "bob", PASSWORD).me["user"], "1002");
    office.daemon.stop();
}

#[test]
fn an_address_names_a_worker() {
    let office = Office::open(Folder::new(), "", &format!("{PROXY}match = \"sip_uri\"\n"));
    let login = office.get("/sso/login", &[("X-Forwarded-User", "alice@EXAMPLE.com")]);
    assert_eq!(Browser::with_cookie(office.web, &cookie(&login)).me["user"], "1001");
    // Bob has none, and that is not a name.
    for name in ["", " ", "alice", "sip:", "1001"] {
        assert_eq!(office.get("/sso/login", &[("X-Forwarded-User", name)]).header("location"), Some("/login?why=unknown"), "{name:?}");
    }
    office.daemon.stop();
}

#[test]
fn without_single_sign_on_there_is_none() {
    let office = Office::open(Folder::new(), "", "");
    assert_eq!(office.get("/api/login", &[]).json(), json!({ "sso": false, "passwords": true }));
    assert_eq!(office.get("/sso/login", &[("X-Remote-User", "alice")]).status, 404);
    office.daemon.stop();
}

#[test]
fn logins_outlive_the_daemon() {
    let mut office = Office::open(Folder::new(), "history = \"previews.db\"\n", "");
    let (alice, bob) = (Browser::login(office.web, "alice", PASSWORD), Browser::login(office.web, "bob", PASSWORD));
    let page = alice.page();
    assert_eq!(bob.ask("POST", "/api/logout", &Value::Null).status, 200);
    office.restart(Signal::TERM);
    page.expect_end();
    // The page's own connection is new, its cookie and its token are not.
    let page = alice.page();
    assert_eq!(alice.ask("POST", "/api/state", &json!({ "state": "nonsense" })).json()["code"], "bad-state");
    assert_eq!(Browser::with_cookie(office.web, alice.cookie()).csrf(), alice.csrf());
    assert_eq!(office.get("/api/me", &[("Cookie", bob.cookie())]).status, 401, "who left stays out");
    drop(page);

    // Killed without a word: what was in the file a moment ago is there.
    let again = Browser::login(office.web, "bob", PASSWORD);
    let began = Instant::now();
    while !get(office.ops, "/metrics").unwrap().body.contains("\nuc_connector_history_unsaved 0\n") {
        let _ = patience_left(began, "the logins in the file");
    }
    office.restart(Signal::KILL);
    for browser in [&alice, &again] {
        assert_eq!(office.get("/api/me", &[("Cookie", browser.cookie())]).status, 200);
    }
    assert_eq!(alice.ask("POST", "/api/logout", &Value::Null).status, 200);
    office.restart(Signal::TERM);
    assert_eq!(office.get("/api/me", &[("Cookie", alice.cookie())]).status, 401);
    office.daemon.stop();
}
