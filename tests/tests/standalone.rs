//! The daemon without a UC platform: workers choose their states, which outlive the process; and states chosen by hand beside a UC platform.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;
use std::time::Instant;
use uc_tests::{Bridge, BridgeOptions, Daemon, Dialog, Folder, FrontEnd, PATIENCE, Setup, TOKEN, ask, connector, free_port, get, ordinary};

const DOCUMENT: &str = r#"<?xml version="1.0"?>
<presence xmlns="http://genesyslab.com/schemas/ucc/presence">
  <state id="on-duty"><display><menuText>Go on duty</menuText></display><genesysAgent ready="true"/></state>
  <state id="break"><display><menuText>Break</menuText></display><genesysAgent ready="false"><reason>500</reason></genesysAgent></state>
  <state id="training"><display><menuText>Training</menuText></display><genesysAgent ready="false" mode="away"><reason ext="true">510</reason></genesysAgent></state>
</presence>"#;

const CHOICE: &str = "[choice]\npresence_location = \"presence.xml\"\nstore = \"choices.db\"\nenable_logout_menu = true\n";

fn setup(bridge: &Bridge, mode: &str) -> (Setup, u16) {
    let ops = free_port();
    let mut setup = Setup::new(1, bridge.port);
    setup.instead = Some(format!("[connector]\nmode = \"{mode}\"\nprofile = \"open\"\npeople = \"people.csv\"\n{CHOICE}"));
    setup.ops = Some(ops);
    setup.ops_more = "api_token = \"env:UC_TEST_TOKEN\"\n".into();
    (setup, ops)
}

fn start(setup: &Setup, folder: Folder) -> Daemon {
    Daemon::start_with(setup, folder, |command| _ = command.env("UC_TEST_TOKEN", TOKEN))
}

fn full() -> Bridge {
    Bridge::start(BridgeOptions { agent_status: 0, snapshots_in_full: true, ..BridgeOptions::default() })
}

fn choose(ops: u16, state: &str) -> (u16, Value) {
    ask(ops, "PUT", "/api/v1/workers/1001/state", &format!("{{\"state\": \"{state}\"}}")).unwrap()
}

/// Waits until the worker's state is shown so.
fn expect_shown(ops: u16, shown: &str) -> Value {
    let began = Instant::now();
    loop {
        let (_, state) = ask(ops, "GET", "/api/v1/workers/1001/state", "").unwrap();
        if state["shown"] == shown {
            return state;
        }
        assert!(began.elapsed() < PATIENCE, "not shown as {shown}: {state}");
        std::thread::yield_now();
    }
}

#[test]
fn a_chosen_state_reaches_the_agent_and_outlives_the_process() {
    let bridge = full();
    let (setup, ops) = setup(&bridge, "standalone");
    let folder = Folder::new();
    folder.write("presence.xml", DOCUMENT);
    let mut daemon = start(&setup, folder);
    bridge.request("RequestRegisterAddress");
    expect_shown(ops, "predefLoggedOut");
    assert_eq!(get(ops, "/ready").unwrap().status, 200, "there is no UC platform to wait for");
    assert_eq!(choose(ops, "training").0, 200);
    bridge.request("RequestAgentLogin");
    let request = bridge.request("RequestAgentNotReady");
    assert_eq!((request.attribute("AttributeAgentWorkMode"), request.attribute("AttributeReasons")), (&6.into(), &Value::Null));
    assert_eq!(request.attribute("AttributeExtensions")[0], serde_json::json!({"key": "ReasonCode", "type": "str", "value": "510"}));
    expect_shown(ops, "training");

    // Killed without a word, as soon as the choice is in the file.
    let began = Instant::now();
    while !get(ops, "/metrics").unwrap().body.contains("\nuc_connector_choices_unsaved 0\n") {
        assert!(began.elapsed() < PATIENCE, "the choice is never written");
        std::thread::yield_now();
    }
    daemon.signal(Signal::KILL);
    daemon.wait();
    let folder = std::mem::take(&mut daemon.folder);
    let mut daemon = start(&setup, folder);
    bridge.request("RequestRegisterAddress");
    let state = expect_shown(ops, "training");
    assert_eq!(state["choice"], "training");
    assert!(bridge.seen().iter().all(|request| !request.name().starts_with("RequestAgent")), "it is true already");

    // A desktop changes the state: that is the choice now, and nobody argues.
    bridge.say(r#""dir":"evt","id":76,"name":"EventAgentNotReady","attrs":[["AttributeThisDN","str","5002"],["AttributeReasons","kvlist",[{"key":"ReasonCode","type":"str","value":"500"}]]]"#);
    assert_eq!(expect_shown(ops, "break")["choice"], "break");
    bridge.say(r#""dir":"evt","id":75,"name":"EventAgentReady","attrs":[["AttributeThisDN","str","5002"]]"#);
    expect_shown(ops, "on-duty");

    // A bad document changes nothing; a good one is taken over.
    daemon.folder.write("presence.xml", "<presence>");
    daemon.signal(Signal::HUP);
    daemon.expect_log("presence.xml:1:");
    assert_eq!(ask(ops, "GET", "/api/v1/states", "").unwrap().1["states"].as_array().unwrap().len(), 3);
    daemon.folder.write("presence.xml", &DOCUMENT.replace("on-duty", "at-work"));
    daemon.signal(Signal::HUP);
    let state = expect_shown(ops, "at-work");
    assert_eq!(state["choice"], "at-work", "the state it had is gone: the first one as ready as it");
    assert_eq!(choose(ops, "on-duty").0, 400);
    assert_eq!(choose(ops, "follow").0, 409);
    assert_eq!(choose(ops, "logged-out").0, 200);
    bridge.request("RequestAgentLogout");
    daemon.stop();
}

#[test]
fn the_commands_list_and_set_states() {
    let bridge = full();
    let (setup, ops) = setup(&bridge, "standalone");
    let folder = Folder::new();
    folder.write("presence.xml", DOCUMENT);
    let daemon = start(&setup, folder);
    bridge.request("RequestRegisterAddress");
    let run = |arguments: &[&str]| {
        let address = format!("127.0.0.1:{ops}");
        let mut command = Command::new(connector());
        command.args(arguments).args(["--ops", &address]).env("UC_API_TOKEN", TOKEN);
        let output = command.output().unwrap();
        (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    };
    let (code, text) = run(&["states"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("mode standalone") && text.contains("510 (extensions)") && text.contains("Go on duty"), "{text}");
    let (code, text) = run(&["set", "1001", "break"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(bridge.request("RequestAgentNotReady").reason("ReasonCode"), "500");
    let (code, text) = run(&["set", "1001", "asleep"]);
    assert!(code == Some(1) && text.contains("there is no such state"), "{text}");
    expect_shown(ops, "break");
    let (_, text) = run(&["status"]);
    assert!(text.contains("break"), "{text}");
    daemon.stop();
}

#[test]
fn beside_a_uc_platform_a_choice_lasts_until_its_next_word() {
    let bridge = Bridge::start(BridgeOptions::default());
    let mut front_end = FrontEnd::start(None, ordinary);
    let ops = free_port();
    let mut setup = Setup::new(front_end.port, bridge.port);
    setup.sections = CHOICE.into();
    setup.ops = Some(ops);
    setup.ops_more = "api_token = \"env:UC_TEST_TOKEN\"\n".into();
    let folder = Folder::new();
    folder.write("presence.xml", DOCUMENT);
    let daemon = start(&setup, folder);
    let dialog = Dialog::of(&front_end.request("SUBSCRIBE"));
    let worker = setup.workers[0].1.clone();
    front_end.send(dialog.notify(2, &worker, 6500));
    bridge.state_request("5002", "busy");
    assert_eq!(choose(ops, "break").0, 200);
    assert_eq!(bridge.request("RequestAgentNotReady").reason("ReasonCode"), "500");
    expect_shown(ops, "break");
    front_end.send(dialog.notify(3, &worker, 15_500));
    bridge.state_request("5002", "away");
    assert_eq!(ask(ops, "GET", "/api/v1/workers/1001/state", "").unwrap().1["choice"], Value::Null);
    choose(ops, "training");
    bridge.request("RequestAgentNotReady");
    assert_eq!(choose(ops, "follow").0, 200);
    bridge.state_request("5002", "away");
    daemon.stop();
}
