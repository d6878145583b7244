//! OpenID providers that are slow, lie or die: a login ends in time with a word the worker understands and a line the operator can act on, and nobody else waits.
#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uc_tests::{Bridge, BridgeOptions, Daemon, Folder, Liar, Response, SECRET, Setup, Way, exchange, free_port, password_hash, patience_left};

/// A daemon with worker Alice and a provider that does what the test wants.
struct Shop {
    daemon: Daemon,
    liar: Liar,
    web: u16,
    _bridge: Bridge,
}

/// A login under way.
struct Begun {
    state: String,
    cookie: String,
}

impl Shop {
    fn open(more: &str) -> Self {
        let (bridge, liar) = (Bridge::start(BridgeOptions { agent_status: 0, snapshots_in_full: true, ..BridgeOptions::default() }), Liar::start());
        let (web, router, issuer, hash) = (free_port(), free_port(), liar.issuer(), password_hash());
        let mut setup = Setup::new(1, bridge.port);
        setup.ops = Some(free_port());
        setup.instead = Some("[connector]\nmode = \"standalone\"\nprofile = \"open\"\n".into());
        setup.ops_more = format!(
            "[web]\nlisten = \"127.0.0.1:{web}\"\n[router]\nlisten = \"127.0.0.1:{router}\"\n\
             [web.sso]\nkind = \"oidc\"\nissuer = \"{issuer}\"\nclient_id = \"uc-connector\"\nclient_secret = \"env:UC_TEST_SSO\"\n\
             redirect_url = \"http://127.0.0.1:9/sso/callback\"\n{more}\
             [[person]]\nemployee_id = \"1001\"\nuser_name = \"alice\"\nsip_uri = \"sip:alice@example.com\"\nagent_login = \"5001\"\ndns = \"5001@SIP_Switch\"\n\
             web_password_hash = \"{hash}\"\n"
        );
        let mut daemon = Daemon::start_with(&setup, Folder::new(), |command| _ = command.env("UC_TEST_SSO", SECRET));
        daemon.expect_log("preview API");
        Self { daemon, liar, web, _bridge: bridge }
    }

    fn get(&self, path: &str, cookie: &str) -> Response {
        exchange(self.web, "GET", path, &[("Cookie", cookie)], "").unwrap()
    }

    /// The button; what comes back leads to the provider, or says why not.
    fn begin(&self) -> Result<Begun, String> {
        let answer = self.get("/sso/login", "");
        let location = answer.header("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        let of = |name: &str| location.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
        let Some(state) = of("state") else { return Err(location) };
        self.liar.nonce(&of("nonce").unwrap());
        Ok(Begun { state, cookie: answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned() })
    }

    /// The same, after what failed a moment ago is asked for again.
    fn begin_patiently(&self) -> Begun {
        let began = Instant::now();
        loop {
            match self.begin() {
                Ok(begun) => return begun,
                Err(_) => _ = patience_left(began, "a provider that is well again"),
            }
        }
    }

    /// Back from the provider with `query`; where that leads.
    fn back(&self, begun: &Begun, query: &str) -> String {
        let answer = self.get(&format!("/sso/callback?state={}&{query}", begun.state), &begun.cookie);
        answer.header("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// The log says it of that address.
    fn expect_log_of(&mut self, way: &Way, line: &str, path: &str) {
        // Silent in the same words as one that drips: said once, then counted.
        if !matches!(way, Way::Silence) {
            let line = self.daemon.expect_log(line);
            assert!(line.contains(path), "{line}");
        }
    }

    /// All the way.
    fn log_in(&self) -> String {
        self.begin().map_or_else(|why| why, |begun| self.back(&begun, "code=c"))
    }
}

const QUICK: &str = "timeout_s = 2\n";

/// What a slow provider costs, at most: the configured time and some for a busy machine.
const SLOW: Duration = Duration::from_secs(8);

fn redirect() -> Way {
    Way::Raw("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n".into())
}

fn page() -> Way {
    let page = "<!doctype html><title>Welcome to the guest network</title>";
    Way::Raw(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len()))
}

fn status(status: &str) -> Way {
    Way::Raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}

/// What every address of a provider may do, the word the worker is sent back with, and what the log says.
fn misdeeds() -> [(Way, &'static str, &'static str); 8] {
    [
        (Way::Drip, "down", "no answer within 2 s"),
        (Way::Silence, "down", "no answer within 2 s"),
        (Way::HangUp, "down", "broke off"),
        (status("503 Service Unavailable"), "down", "answers 503"),
        (Way::Flood, "failed", "more than 262144 bytes"),
        (redirect(), "failed", "answers 302, a redirect, which is not followed"),
        (page(), "failed", "is not JSON (`text/html`)"),
        (Way::Raw("SSH-2.0-OpenSSH\r\n\r\n".into()), "failed", "is not HTTP"),
    ]
}

#[test]
fn discovery_that_goes_wrong_ends_a_login_in_time() {
    for (way, word, line) in misdeeds() {
        let mut shop = Shop::open(QUICK);
        shop.liar.set("/discovery", way.clone());
        let (began, web) = (Instant::now(), shop.web);
        std::thread::scope(|scope| {
            let button = move || exchange(web, "GET", "/sso/login", &[], "").unwrap().header("location").unwrap().to_owned();
            let crowd: Vec<_> = (0..4).map(|_| scope.spawn(button)).collect();
            // Nobody else waits for the provider.
            while shop.liar.asked("/discovery") == 0 {
                let _ = patience_left(began, "the provider asked");
            }
            let asked = Instant::now();
            assert_eq!(exchange(web, "GET", "/api/login", &[], "").unwrap().json()["sso"], true);
            assert!(asked.elapsed() < Duration::from_millis(1_500), "{way:?}: the web thread was held for {:?}", asked.elapsed());
            crowd.into_iter().for_each(|login| assert_eq!(login.join().unwrap(), format!("/login?why={word}"), "{way:?}"));
        });
        assert!(began.elapsed() < SLOW, "{way:?} took {:?}", began.elapsed());
        assert_eq!(shop.liar.asked("/discovery"), 1, "{way:?}: a crowd asks once");
        shop.daemon.expect_log(line);
        shop.daemon.stop();
    }
}

#[test]
fn a_provider_that_dies_in_the_middle_of_a_login_is_down_and_one_that_lies_is_not() {
    let mut shop = Shop::open(QUICK);
    for (way, word, line) in misdeeds() {
        shop.liar.set("/token", way.clone());
        let begun = shop.begin_patiently();
        let began = Instant::now();
        assert_eq!(shop.back(&begun, "code=c"), format!("/login?why={word}"), "{way:?}");
        assert!(began.elapsed() < SLOW, "{way:?} took {:?}", began.elapsed());
        shop.expect_log_of(&way, line, "/token");
    }
    shop.liar.heal("/token");
    shop.liar.claim(json!({}));
    for (way, word, line) in misdeeds() {
        shop.liar.set("/userinfo", way.clone());
        let begun = shop.begin_patiently();
        assert_eq!(shop.back(&begun, "code=c"), format!("/login?why={word}"), "{way:?}");
        shop.expect_log_of(&way, line, "/userinfo");
    }
    shop.liar.claim(json!({ "preferred_username": "alice" }));
    assert_eq!(shop.log_in(), "/", "and well again");
    // What the token endpoint says of our secret is no outage.
    let body = json!({ "error": "invalid_client" }).to_string();
    shop.liar.set("/token", Way::Raw(format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())));
    assert_eq!(shop.log_in(), "/login?why=failed");
    shop.daemon.expect_log("refuses the code of a login with status 401: invalid_client");
    shop.daemon.stop();
}

#[test]
fn keys_that_do_not_come_are_told_and_a_lying_document_is_no_outage() {
    for (name, value, word, line) in [
        ("issuer", json!("http://127.0.0.1:1/other"), "failed", "it calls itself `http://127.0.0.1:1/other`"),
        ("token_endpoint", Value::Null, "failed", "lacks `token_endpoint`"),
        ("token_endpoint", json!("http://192.0.2.1/token"), "failed", "`http://192.0.2.1/token` is in clear"),
        ("authorization_endpoint", json!("http://login.example.com/"), "failed", "`http://login.example.com/` is in clear"),
        ("jwks_uri", json!("http://127.0.0.1.example.com/"), "failed", "is in clear"),
        ("userinfo_endpoint", json!("http://[2001:db8::1]/"), "failed", "is in clear"),
        ("authorization_endpoint", json!("https://login.example.com/#\r\nX: y"), "failed", "is no URL"),
        ("jwks_uri", json!("http://127.0.0.1:1/"), "down", "127.0.0.1:1"),
        ("token_endpoint", json!("javascript:alert(1)"), "failed", "is no URL"),
    ] {
        let mut shop = Shop::open(QUICK);
        shop.liar.set("/discovery", shop.liar.discovery_with(name, value.clone()));
        assert_eq!(shop.log_in(), format!("/login?why={word}"), "{name} {value}");
        shop.daemon.expect_log(line);
        shop.daemon.stop();
    }
}

#[test]
fn only_a_verified_address_names_a_worker() {
    let mut shop = Shop::open("claim = \"email\"\nmatch = \"sip_uri\"\n");
    let outcome = |claims: Value, more: Value| {
        shop.liar.claim(claims);
        shop.liar.set("/userinfo", Way::Json(more));
        shop.log_in()
    };
    let with = |verified: Value| json!({ "email": "alice@example.com", "email_verified": verified });
    for good in [json!(true), json!("true")] {
        assert_eq!(outcome(with(good.clone()), Value::Null), "/", "{good}");
    }
    assert_eq!(outcome(json!({ "email": "alice@example.com" }), Value::Null), "/", "some never say");
    for bad in [json!(false), json!("false"), json!("False"), json!("TRUE"), json!(1), json!(0), json!(""), Value::Null, json!([true]), json!({})] {
        assert_eq!(outcome(with(bad.clone()), Value::Null), "/login?why=failed", "{bad}");
    }
    // Told elsewhere than the address: it is the address that must be verified.
    let told = |verified: Value| json!({ "sub": "7", "email": "alice@example.com", "email_verified": verified });
    assert_eq!(outcome(json!({}), told(json!(true))), "/");
    assert_eq!(outcome(json!({ "email_verified": true }), told(json!("false"))), "/login?why=failed");
    assert_eq!(outcome(json!({ "email_verified": false }), told(json!(true))), "/login?why=failed");
    shop.daemon.expect_log("has not verified");
    shop.daemon.stop();
}

#[test]
fn keys_without_a_name_rotate_too_and_forgers_do_not_make_us_ask_without_end() {
    let mut shop = Shop::open("");
    shop.liar.rotate(None);
    assert_eq!(shop.log_in(), "/");
    assert_eq!(shop.liar.asked("/jwks"), 1);
    shop.liar.rotate(None);
    let began = Instant::now();
    while shop.log_in() != "/" {
        let _ = patience_left(began, "a login with the new key");
    }
    assert_eq!(shop.liar.asked("/jwks"), 2, "once for the rotation");

    // Tokens that no published key has signed: the keys are published no more.
    let (keys, asked, began) = (shop.liar.asked("/jwks"), shop.liar.asked("/token"), Instant::now());
    shop.liar.set("/jwks", Way::Json(json!({ "keys": [] })));
    shop.liar.rotate(None);
    (0..200).for_each(|_| assert_eq!(shop.log_in(), "/login?why=failed"));
    let most = 2 + began.elapsed().as_secs() as usize / 5;
    assert_eq!(shop.liar.asked("/token") - asked, 200);
    assert!(shop.liar.asked("/jwks") - keys <= most, "asked {} times for keys in {:?}", shop.liar.asked("/jwks") - keys, began.elapsed());
    shop.daemon.expect_log("which the provider does not publish");
    shop.daemon.stop();
}

/// Whatever the provider or a browser says stays in its line, and is short.
#[test]
fn nobody_forges_a_line_of_the_log() {
    let mut shop = Shop::open("");
    let forged = "x\r\n2026-01-01T00:00:00.000Z alarm FORGED\u{2028}\u{202e}\u{1b}[2J";
    let long = "y".repeat(5_000);
    let body = json!({ "error": forged, "error_description": format!("{forged}{long}") }).to_string();
    shop.liar.set("/token", Way::Raw(format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())));
    assert_eq!(shop.log_in(), "/login?why=failed");
    let mut lines = vec![shop.daemon.expect_log("refuses the code")];
    let begun = shop.begin().unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(shop.back(&begun, &format!("error=x%0d%0aalarm%20FORGED%e2%80%a8&error_description={}%0aFORGED", "z".repeat(2_000))), "/login?why=failed");
    lines.push(shop.daemon.expect_log("refused a login"));
    shop.liar.heal("/token");
    for claims in [json!({ "iss": forged }), json!({ "aud": [forged, long] }), json!({ "preferred_username": format!("{forged}{long}") })] {
        shop.liar.claim(claims);
        let _ = shop.log_in();
        lines.push(shop.daemon.expect_log("single sign-on"));
    }
    let log = shop.daemon.log();
    assert!(log.lines().all(|line| !line.contains("FORGED") || line.contains("single sign-on")), "{log}");
    assert!(!log.contains(['\u{1b}', '\u{2028}', '\u{202e}', '\r']), "{log:?}");
    lines.iter().for_each(|line| assert!(line.len() < 1_000, "{} bytes: {line}", line.len()));
    shop.daemon.stop();

    let mut shop = Shop::open("");
    shop.liar.set("/discovery", shop.liar.discovery_with("issuer", json!(forged)));
    assert_eq!(shop.log_in(), "/login?why=failed");
    shop.daemon.expect_log("it calls itself");
    let log = shop.daemon.log();
    assert!(log.lines().all(|line| !line.contains("FORGED") || line.contains("single sign-on")), "{log}");
    shop.daemon.stop();
}

#[test]
fn a_provider_says_why_it_does_not_let_somebody_in() {
    let mut shop = Shop::open("");
    for (error, word) in
        [("access_denied", "refused"), ("temporarily_unavailable", "down"), ("server_error", "down"), ("invalid_scope", "failed"), ("", "failed")]
    {
        let begun = shop.begin().unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(shop.back(&begun, &format!("error={error}&error_description=words")), format!("/login?why={word}"), "{error}");
        shop.daemon.expect_log(&format!("it refused a login: \"{error} words\""));
    }
    shop.daemon.stop();
}
