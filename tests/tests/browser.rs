//! The workers' pages in a real browser (Chromium, driven by playwright-core), against the real daemon between an emulated T-Server and its two listeners: what
//! people click, what the router is answered, and what the contact centre sees. The stories are in `tests/browser/`; each test is one of them.
#![allow(clippy::unwrap_used)]
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use uc_runtime_sim::peers::Peer as _;
use uc_runtime_sim::peers::tserver::{AgentState, Standby, TServer, TServerConfig};
use uc_tests::{Daemon, Emulated, Folder, IdProvider, PASSWORD, SECRET, Setup, absent, free_port, password_hash, patience_left, peer};

const PEOPLE: [(&str, &str, &str); 3] = [("1001", "Ada Lovelace", "5001"), ("1002", "Grace Hopper", "5002"), ("1003", "Konrad Zuse", "5003")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn web() -> PathBuf {
    root().join("runtime-smol/web")
}

/// Folder of the packages from npm: `UC_NODE_MODULES`, else where `.ci/run` puts them.
fn modules() -> Option<PathBuf> {
    let folder = std::env::var_os("UC_NODE_MODULES").map_or_else(|| root().join("target/npm/node_modules"), PathBuf::from);
    let complete = ["playwright-core", "axe-core", "typescript"].iter().all(|package| folder.join(package).is_dir());
    if !complete {
        absent("playwright-core, axe-core or typescript (see .ci/run)");
    }
    complete.then_some(folder)
}

/// The daemon with its pages, and the T-Server behind it.
struct Site {
    t_server: Emulated<TServer>,
    daemon: Daemon,
    page: u16,
    router: u16,
}

impl Site {
    /// `provider`: port of an OpenID provider.
    fn start(provider: Option<u16>) -> Self {
        let mut t_server = TServer::new(TServerConfig { standby: Standby::Single, ..TServerConfig::default() });
        for (_, _, dn) in PEOPLE {
            t_server.add_dn(dn);
        }
        let t_server = Emulated::start(t_server);
        let bridge = t_server.open(0, |_, _| {});
        let (page, router) = (free_port(), free_port());
        let folder = Folder::new();
        let rows: Vec<String> = PEOPLE.iter().map(|(id, name, dn)| format!("{id},{name},{dn},{dn}@SIP_Switch,\"{}\"\n", password_hash())).collect();
        folder.write("workers.csv", &format!("employee_id,display_name,agent_login,dns,web_password_hash\n{}", rows.concat()));
        folder.write("presence.xml", &fs::read_to_string(root().join("docs/presence.xml")).unwrap());
        let mut setup = Setup::new(1, bridge);
        setup.instead = Some(format!(
            "[connector]\nmode = \"standalone\"\nprofile = \"open\"\npeople = \"workers.csv\"\n\
             [choice]\npresence_location = \"presence.xml\"\nenable_logout_menu = true\n\
             [preview]\nper_worker_max = 2\nreporting = true\n\
             [web]\nlisten = \"127.0.0.1:{page}\"\nper_address_max = 0\nsupervisors = [\"1003\"]\nhistory = \"previews.db\"\n\
             hotkey_accept = \"Alt+A\"\nhotkey_reject = \"Alt+R\"\nhotkey_help = \"F1\"\n\
             help_url = \"http://127.0.0.1:{page}/icon.svg\"\nhelp_in_main = true\nhelp_in_preview = true\n\
             fields = [\"CustomerName=Customer\", \"Topic\", \"Note\"]\nredirect_prefixes = [\"+49\", \"0\"]\n\
             [router]\nlisten = \"127.0.0.1:{router}\"\n"
        ));
        let sso = |port| {
            format!(
                "[web.sso]\nkind = \"oidc\"\nissuer = \"http://localhost:{port}\"\nclient_id = \"uc-connector\"\nclient_secret = \"env:UC_TEST_SSO\"\n\
                 redirect_url = \"http://127.0.0.1:{page}/sso/callback\"\nmatch = \"employee_id\"\nclaim = \"sub\"\n"
            )
        };
        setup.instead = setup.instead.map(|text| text + &provider.map(sso).unwrap_or_default());
        let daemon = Daemon::start_with(&setup, folder, |command| _ = command.env("UC_TEST_SSO", SECRET));
        for (_, _, dn) in PEOPLE {
            t_server.wait(&format!("the registration of {dn}"), |server| (server.registrations_of(0, dn) > 0).then_some(()));
        }
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", page)).is_err() {
            let _ = patience_left(began, "the workers' pages");
        }
        Self { t_server, daemon, page, router }
    }

    /// Waits until the T-Server has a worker's agent in this state.
    fn agent(&self, dn: &str, state: AgentState) {
        self.t_server.wait(&format!("agent of {dn} in {state:?}"), |server| server.agent(dn).is_some_and(|agent| agent.state == state).then_some(()));
    }
}

/// Plays a story; the site it was played on, or `None` when something it needs is not installed.
fn play(story: &str) -> Option<Site> {
    play_at(story, None)
}

/// The same on a site with an OpenID provider at this port, if any.
fn play_at(story: &str, provider: Option<u16>) -> Option<Site> {
    let (chromium, node, modules) = (peer("chromium")?, peer("node")?, modules()?);
    let mut site = Site::start(provider);
    let callback = format!("http://127.0.0.1:{}/sso/callback", site.page);
    let _provider = match provider {
        Some(port) => Some(IdProvider::with_pages(port, &callback)?),
        None => None,
    };
    let output = Command::new(node)
        .arg(root().join("tests/browser/run.mjs"))
        .arg(story)
        .env("UC_PAGE", format!("http://127.0.0.1:{}/", site.page))
        .env("UC_ROUTER", format!("http://127.0.0.1:{}/urs/v1/preview", site.router))
        .env("UC_PASSWORD", PASSWORD)
        .env("UC_WEB", web())
        .env("UC_NODE_MODULES", modules)
        .env("UC_CHROMIUM", chromium)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "story {story}:\n{told}");
    eprint!("{told}");
    site.daemon.assert_alive();
    let mut violations = site.t_server.with(|server, _| server.violations().to_vec());
    // That rule is one of mode normal; states chosen by hand have the reasons the document gives them.
    violations.retain(|violation| !violation.ends_with("state request without reasons"));
    assert!(violations.is_empty(), "{violations:#?}");
    Some(site)
}

macro_rules! stories {
    ($($name:ident)*) => { $(#[test] fn $name() { play(stringify!($name)); })* };
}

stories! {
    login other_number languages themes sound_blocked calling
    hotkeys decline time_out withdrawn race network_cut two_windows two_previews
    supervisor
    weight_and_policy accessible keyboard looks
}

/// An acceptance is reported, too: the custom state begins and ends once, with its reason.
#[test]
fn accept() {
    let Some(site) = play("accept") else { return };
    let reason = |data: &[(String, String)]| data.iter().any(|(key, value)| key == "UCC_Reason" && value == "Accepted");
    site.t_server.wait("the report", |server| server.user_events.iter().any(|(_, data)| reason(data)).then_some(()));
    let events = site.t_server.with(|server, _| server.user_events.clone());
    let of = |mark: &str| events.iter().filter(|(_, data)| data.iter().any(|(key, value)| key == "UCC_Preview" && value == mark)).count();
    assert_eq!(of("+") + of("-"), events.len(), "{events:?}");
    assert!(of("-") > 0 && of("+") >= of("-"), "{events:?}");
}

#[test]
fn status() {
    let Some(site) = play("status") else { return };
    site.agent("5001", AgentState::NotReady);
}

/// From the button to the provider's own form and back, refused and let in; a preview on the way.
#[test]
fn sso() {
    play_at("sso", Some(free_port()));
}

/// The page is plain JavaScript; its types are in comments, and the compiler of TypeScript finds nothing to say about them.
#[test]
fn types_are_right() {
    let (Some(node), Some(modules)) = (peer("node"), modules()) else { return };
    let output = Command::new(node).arg(modules.join("typescript/bin/tsc")).arg("-p").arg(root().join("tests/browser/tsconfig.json")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Parts of a text in braces.
fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

/// All languages say the same things with the same blanks to fill in; none has forgotten one, none has one nobody asks for.
#[test]
fn languages_are_complete() {
    let read = |name: &str| -> Value { serde_json::from_str(&fs::read_to_string(web().join("i18n").join(name)).unwrap()).unwrap() };
    let texts = |value: &Value| -> BTreeMap<String, Vec<String>> {
        let forms = |value: &Value| match value {
            Value::String(text) => vec![text.clone()],
            Value::Object(forms) => forms.values().map(|form| form.as_str().unwrap().to_owned()).collect(),
            other => panic!("{other}"),
        };
        value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), forms(value))).collect()
    };
    let english = read("en.json");
    let wanted = texts(&english);
    let listed: Vec<String> = read("index.json").as_array().unwrap().iter().map(|tag| format!("{}.json", tag.as_str().unwrap())).collect();
    let mut there: Vec<String> = fs::read_dir(web().join("i18n")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.retain(|name| name != "index.json");
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), there.iter().collect(), "i18n/index.json lists the files that are there");
    for name in &listed {
        let language = read(name);
        let given = texts(&language);
        assert_eq!(given.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{name}: same keys in the same places");
        for (key, forms) in &given {
            assert!(forms.iter().all(|form| !form.is_empty()), "{name}: {key} is empty");
            let (all, expected): (BTreeSet<_>, BTreeSet<_>) =
                (forms.iter().flat_map(|f| places(f)).collect(), wanted[key].iter().flat_map(|f| places(f)).collect());
            // A form for exactly one may do without the number.
            assert!(
                all == expected || (all.is_subset(&expected) && expected.difference(&all).all(|name| *name == "n")),
                "{name}: {key} fills in {all:?}, not {expected:?}"
            );
            assert_eq!(language[key].is_object(), english[key].is_object(), "{name}: {key} has plural forms, or has not");
            assert!(!language[key].is_object() || language[key]["other"].is_string(), "{name}: {key} has no form `other`");
        }
    }
    let used: String = ["app.js", "index.html"]
        .iter()
        .map(|name| web().join(name))
        .chain(fs::read_dir(web().join("js")).unwrap().map(|entry| entry.unwrap().path()))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    // What is said before the page is there.
    let before = fs::read_to_string(root().join("runtime-smol/src/web/link_pages.rs")).unwrap();
    for key in wanted.keys().filter(|key| !key.starts_with('_')) {
        // Some are put together: a prefix and a word of the daemon.
        let prefix = key.split_once('.').map_or(&**key, |(first, _)| first);
        let is_used = used.contains(&format!("\"{key}\""))
            || before.contains(&format!("\"{key}\""))
            || ["state", "presence", "media", "outcome", "short", "count"].contains(&prefix)
            || ["offer.accept", "offer.reject"].contains(&&**key)
            || key.ends_with(".wait");
        assert!(is_used, "{key} is used nowhere");
    }
}

/// The chime is what the script beside the stories makes.
#[test]
fn the_chime_is_ours() {
    let Some(node) = peer("node") else { return };
    let folder = Folder::new();
    let made = folder.path("chime.wav");
    assert!(Command::new(node).arg(root().join("tests/browser/chime.mjs")).arg(&made).status().unwrap().success());
    assert!(fs::read(made).unwrap() == fs::read(web().join("chime.wav")).unwrap(), "run `node tests/browser/chime.mjs runtime-smol/web/chime.wav`");
}
