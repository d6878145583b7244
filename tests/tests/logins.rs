//! Who gets in: TLS of our own listeners, certificates of routers, single sign-on, and logins that outlive the daemon.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use uc_tests::{
    Authority, Bridge, BridgeOptions, Browser, Daemon, Folder, IdProvider, PASSWORD, Response, SECRET, Setup, exchange, exchange_tls, free_port, get,
    password_hash, patience_left,
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
        let mut daemon = start(&setup, folder);
        daemon.expect_log("preview API");
        Self { daemon, setup, _bridge: bridge, web, router, ops }
    }

    /// Ends the daemon and starts it again with the same files.
    fn restart(&mut self, signal: Signal) {
        self.daemon.signal(signal);
        self.daemon.wait();
        let folder = std::mem::take(&mut self.daemon.folder);
        self.daemon = start(&self.setup, folder);
        self.daemon.expect_log("preview API");
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        exchange(self.web, "GET", path, headers, "").unwrap()
    }
}

fn start(setup: &Setup, folder: Folder) -> Daemon {
    Daemon::start_with(setup, folder, |command| _ = command.env("UC_TEST_SSO", SECRET))
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

/// A browser that follows a login from us to the provider and back.
struct Traveller {
    web: u16,
    provider: u16,
    cookies: BTreeMap<String, String>,
}

impl Traveller {
    const fn new(web: u16, provider: u16) -> Self {
        Self { web, provider, cookies: BTreeMap::new() }
    }

    /// GET, with the cookies; where that leads.
    fn go(&mut self, port: u16, url: &str) -> String {
        let path = url.split_once("://").map_or(url, |(_, rest)| &rest[rest.find('/').unwrap()..]);
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = exchange(port, "GET", path, &[("Cookie", &cookies.join("; "))], "").unwrap();
        let set = answer.head.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (name, value) in set.filter_map(|(_, set)| set.split(';').next()?.split_once('=')) {
            if value.is_empty() {
                self.cookies.remove(name)
            } else {
                self.cookies.insert(name.into(), value.into())
            };
        }
        answer.header("location").unwrap_or_else(|| panic!("{url} leads nowhere: {answer:?}")).to_owned()
    }

    /// From the button to the provider, where `query` is filled in, as far as the address of ours it leads back to.
    fn callback_of(&mut self, query: &str) -> String {
        let login = self.go(self.web, "/sso/login");
        let form = self.go(self.provider, &login);
        let resume = self.go(self.provider, &format!("{form}?{query}"));
        let callback = self.go(self.provider, &resume);
        assert!(callback.contains("/sso/callback?"), "{callback}");
        callback
    }

    /// All the way; where it ends.
    fn log_in(&mut self, name: &str) -> String {
        let callback = self.callback_of(&format!("name={name}"));
        self.go(self.web, &callback)
    }
}

/// The daemon with an OpenID provider that is not there yet.
fn with_provider(more: &str) -> (Office, u16, String) {
    let provider = free_port();
    // The provider compares the address as a text, whatever port the daemon has.
    let callback = "http://127.0.0.1:9/sso/callback";
    let sections = format!(
        "[web.sso]\nkind = \"oidc\"\nissuer = \"http://127.0.0.1:{provider}\"\nclient_id = \"uc-connector\"\nclient_secret = \"env:UC_TEST_SSO\"\nredirect_url = \"{callback}\"\n{more}"
    );
    (Office::open(Folder::new(), "", &sections), provider, callback.into())
}

#[test]
fn a_real_provider_says_who_it_is() {
    let (mut office, port, callback) = with_provider("");
    let web = office.web;
    let browser = || Traveller::new(web, port);
    // Not there: said clearly, and passwords work.
    assert_eq!(browser().go(web, "/sso/login"), "/login?why=down");
    office.daemon.expect_log(&format!("single sign-on by http://127.0.0.1:{port}: http://127.0.0.1:{port}/.well-known/openid-configuration: "));
    assert_eq!(Browser::login(web, "bob", PASSWORD).me["user"], "1002");

    let Some(provider) = IdProvider::start(port, &callback, "RS256") else { return };
    // A failure is remembered for some seconds.
    let began = Instant::now();
    while browser().go(web, "/sso/login") == "/login?why=down" {
        let _ = patience_left(began, "the provider found");
    }
    let mut alice = browser();
    assert_eq!(alice.log_in("alice"), "/");
    assert!(!alice.cookies.contains_key("uc_sso"), "used up");
    let alice = Browser::with_cookie(web, &format!("uc_session={}", alice.cookies["uc_session"]));
    assert_eq!((&alice.me["user"], &alice.me["role"]), (&json!("1001"), &json!("supervisor")));
    assert_eq!(alice.ask("POST", "/api/logout", &Value::Null).status, 200);
    assert_eq!(office.get("/api/me", &[("Cookie", alice.cookie())]).status, 401);

    assert_eq!(browser().log_in("mallory"), "/login?why=unknown");
    office.daemon.expect_log("has the name \"mallory\"");
    let mut refused = browser();
    let back = refused.callback_of("name=alice&refuse=1");
    assert_eq!(refused.go(web, &back), "/login?why=refused");
    office.daemon.expect_log("it refused a login: \"access_denied");
    forged_returns(&mut office, &browser);

    // Another key: the token names one we do not know.
    drop(provider);
    let _provider = IdProvider::start(port, &callback, "ES256").unwrap();
    let began = Instant::now();
    while browser().log_in("alice") != "/" {
        let _ = patience_left(began, "a login with the new key");
    }
    office.daemon.stop();
}

/// What comes back changed, twice, or to another browser is refused.
fn forged_returns(office: &mut Office, browser: &impl Fn() -> Traveller) {
    let web = office.web;
    let mut twice = browser();
    let callback = twice.callback_of("name=alice");
    let before = twice.cookies.clone();
    assert_eq!(twice.go(web, &callback), "/");
    twice.cookies = before;
    assert_eq!(twice.go(web, &callback), "/login?why=late", "each state is good once");
    let callback = browser().callback_of("name=alice");
    assert_eq!(browser().go(web, &callback), "/login?why=late", "another browser");
    let (mut first, mut second, mut third) = (browser(), browser(), browser());
    let (one, _) = (first.callback_of("name=alice"), second.callback_of("name=bob"));
    assert_eq!(second.go(web, &one), "/login?why=late", "somebody else's login");
    let two = third.callback_of("name=bob");
    let code = |url: &str| url.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap().to_owned();
    // The code of one login under the state of another: the proof key of the other does not fit.
    assert_eq!(third.go(web, &two.replace(&code(&two), &code(&one))), "/login?why=failed");
    office.daemon.expect_log("refuses the code of a login with status 400: invalid_grant");
    let mut other = browser();
    let callback = other.callback_of("name=alice");
    assert_eq!(other.go(web, &callback.replace("&iss=", "&iss=x")), "/login?why=failed");
    office.daemon.expect_log("is of another provider");
    assert_eq!(browser().go(web, "/sso/callback"), "/login?why=late");
}

#[test]
fn a_claim_is_found_where_the_provider_tells_it() {
    let (office, port, callback) = with_provider("claim = \"email\"\nscopes = [\"openid\", \"email\"]\nmatch = \"sip_uri\"\n");
    let Some(_provider) = IdProvider::start(port, &callback, "RS256") else { return };
    let mut alice = Traveller::new(office.web, port);
    assert_eq!(alice.log_in("alice"), "/");
    assert_eq!(Browser::with_cookie(office.web, &format!("uc_session={}", alice.cookies["uc_session"])).me["user"], "1001");
    assert_eq!(Traveller::new(office.web, port).log_in("bob"), "/login?why=unknown");
    office.daemon.stop();
}
