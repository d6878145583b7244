//! schemathesis, which knows nothing of us but our descriptions, tries both APIs of the web side: the workers' pages and the routers' previews. It makes up requests
//! that are right and wrong by the description, and finds answers that are not described, faults of the server, and wrong requests that are taken.
#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use uc_tests::{Bridge, BridgeOptions, Browser, Daemon, Folder, PASSWORD, ROUTER_TOKEN, Setup, absent, exchange, free_port, password_hash, peer};

/// So that every run says the same.
const SEED: &str = "4";

/// The program as `.ci/run` installs it, or from the path.
fn schemathesis() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/schemathesis/bin/schemathesis");
    if own.is_file() { Some(own.canonicalize().unwrap()) } else { peer("schemathesis") }
}

/// A daemon in mode standalone; Alice is an administrator.
struct Office {
    _daemon: Daemon,
    _bridge: Bridge,
    web: u16,
    router: u16,
}

impl Office {
    fn open() -> Self {
        let bridge = Bridge::start(BridgeOptions { agent_status: 0, snapshots_in_full: true, ..BridgeOptions::default() });
        let (web, router) = (free_port(), free_port());
        let mut setup = Setup::new(1, bridge.port);
        setup.instead = Some("[connector]\nmode = \"standalone\"\nprofile = \"open\"\n[choice]\nenable_logout_menu = true\n".into());
        let person = |(id, dn): (&str, &str)| {
            format!("[[person]]\nemployee_id = \"{id}\"\nagent_login = \"{dn}\"\ndns = \"{dn}@SIP_Switch\"\nweb_password_hash = \"{}\"\n", password_hash())
        };
        setup.ops_more = format!(
            "[preview]\nrequire_ready = false\n[web]\nlisten = \"127.0.0.1:{web}\"\nadministrators = [\"alice\"]\nhistory = \"previews.db\"\nredirect_prefixes = [\"+49\"]\n\
             [router]\nlisten = \"127.0.0.1:{router}\"\ntoken = \"env:UC_TEST_ROUTER\"\ncallback_prefixes = [\"http://127.0.0.1:9/\"]\n{}",
            [("alice", "5002"), ("bob", "5003")].map(person).concat()
        );
        let mut daemon = Daemon::start_with(&setup, Folder::new(), |command| _ = command.env("UC_TEST_ROUTER", ROUTER_TOKEN));
        daemon.expect_log("preview API");
        Self { _daemon: daemon, _bridge: bridge, web, router }
    }
}

/// Runs it; panics with all it says when it finds something.
fn judge(program: &Path, name: &str, description: &str, secrets: &[(&str, &str)], more: &[&str]) {
    let folder = Folder::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis").join(name);
    let mut command = Command::new(program);
    command.current_dir(folder.path(".")).arg("--config-file").arg(config).args(["--no-color", "run", description]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "300", "--seed", SEED, "--generation-database", "none"]);
    command
        .args([
            "--checks",
            "all",
            "--suppress-health-check",
            "all",
            "--continue-on-failure",
            "--request-timeout",
            "20",
            "--warnings",
            "off",
            "--output-sanitize",
            "false",
        ])
        .args(more);
    let output = command.envs(secrets.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    eprintln!("{said}");
}

#[test]
fn the_api_of_the_pages_is_as_described() {
    let Some(program) = schemathesis() else { return absent("schemathesis") };
    let office = Office::open();
    let alice = Browser::login(office.web, "alice", PASSWORD);
    let description = format!("http://127.0.0.1:{}/api/openapi.json", office.web);
    let secrets = [("UC_SESSION", alice.cookie().split_once('=').unwrap().1), ("UC_CSRF", alice.csrf())];
    // Events have no end, and a logout would be the end of the login.
    judge(&program, "pages.toml", &description, &secrets, &["--exclude-path", "/api/events", "--exclude-path", "/api/logout"]);
    assert_eq!(alice.ask("GET", "/api/me", &Value::Null).status, 200, "still logged in");
}

#[test]
fn the_api_of_the_routers_is_as_described() {
    let Some(program) = schemathesis() else { return absent("schemathesis") };
    let office = Office::open();
    let alice = Browser::login(office.web, "alice", PASSWORD);
    let page = alice.page();
    // She takes every second one. The thread ends with the daemon.
    thread::spawn(move || {
        while let Some((event, offer)) = page.next() {
            if event == "offer" {
                alice.click(&offer["offer"], if offer["offer"].as_u64().unwrap() % 2 == 0 { "accept" } else { "reject" });
            }
        }
    });
    judge(&program, "router.toml", &format!("http://127.0.0.1:{}/urs/v1/openapi.json", office.router), &[("UC_BEARER", ROUTER_TOKEN)], &[]);
}

/// Every described address takes the described methods and refuses others, naming what it takes.
#[test]
fn addresses_take_the_described_methods() {
    let office = Office::open();
    let alice = Browser::login(office.web, "alice", PASSWORD);
    let description = exchange(office.web, "GET", "/api/openapi.json", &[], "").unwrap().json();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let described: Vec<String> = operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let address = path.replace("{offer}", "1");
        for method in ["DELETE", "PATCH", "GET", "PUT", "POST"] {
            let is_described = described.iter().any(|other| other == method);
            if is_described && (path == "/api/events" || path == "/api/logout") {
                continue;
            }
            let answer = alice.ask(method, &address, &json!({}));
            assert_eq!(answer.status == 405, !is_described, "{method} {path}: {answer:?}");
            assert!(answer.status != 405 || answer.header("allow") == Some(&described.join(", ")), "{method} {path}: {answer:?}");
        }
    }
}
