//! SIPp (package sip-tester) as an independent standard server (`uc.kind = "simple"`): digest challenges, forked and forgotten dialogs, datagrams that get lost or
//! come twice. Its scenarios are `tests/sipp/simple-*.xml`; what SIPp does not see, the bridge does.
#![allow(clippy::unwrap_used)]
use uc_tests::{Bridge, BridgeOptions, Daemon, Folder, Setup, Sipp, free_port};

/// SIPp takes the same bytes for a repetition, answers them by itself and does not show them to the scenario; these switch that off.
const UDP_AS_IT_COMES: &[&str] = &["-t", "u1", "-nr"];
const UDP: &[&str] = &["-t", "u1"];
const TCP: &[&str] = &["-t", "t1"];

/// Credentials of SIPp's `verifyauth`, by reference.
fn passwords(folder: &Folder) -> String {
    let secret = folder.write("secret", "secret\n");
    ["pbx", "gate"].map(|realm| format!("[[uc.credential]]\nrealm = \"{realm}\"\nuser = \"uc\"\npassword = \"file:{}\"\n", secret.display())).concat()
}

/// No repetition unless a scenario is about that: SIPp may be slow to answer, and would take the next one for the next request.
const PATIENT: &str = "[uc.simple]\nt1_ms = 4000\n";

fn setup(port: u16, bridge: &Bridge, options: &[&str], sections: String) -> Setup {
    let mut setup = Setup::new(port, bridge.port);
    let transport = if options.contains(&"u1") { "udp" } else { "tcp" };
    setup.uc = format!("kind = \"simple\"\ntransport = \"{transport}\"\nregister = false\n");
    setup.sections = sections;
    // Scenarios grant seconds where they want a refresh.
    setup.timers = "refresh_min_ms = 1000\n".into();
    setup
}

/// SIPp plays `scenario` `calls` times to the daemon; these presences must reach the T-Server in this order, and nothing else. Both are still there for `more`.
fn play(scenario: &str, calls: u32, options: &[&str], states: &[&str], more: impl FnOnce(&Folder, u16, &Bridge)) {
    let (folder, port) = (Folder::new(), free_port());
    let Some(sipp) = Sipp::start_with(&folder, port, scenario, calls, options) else { return };
    let bridge = Bridge::start(BridgeOptions::default());
    let daemon = Daemon::start(&setup(port, &bridge, options, passwords(&folder) + if scenario == "simple-lost" { "" } else { PATIENT }));
    for state in states {
        let request = bridge.expect(state, |request| !request.reason("KW_UC_STATUS").is_empty());
        assert_eq!((request.dn(), request.reason("KW_UC_STATUS")), ("5002", *state), "{scenario}");
    }
    sipp.succeeds();
    let rest: Vec<String> = bridge.seen().into_iter().filter(|request| !request.reason("KW_UC_STATUS").is_empty()).map(|request| request.line).collect();
    assert!(rest.is_empty(), "{scenario}: more than there was to tell: {rest:#?}");
    more(&folder, port, &bridge);
    daemon.stop();
}

#[test]
fn challenges_are_answered_counted_and_followed_when_out_of_date() {
    for (scenario, options) in [("simple-md5", UDP), ("simple-md5", TCP), ("simple-sha256", UDP)] {
        play(scenario, 1, options, &["busy", "away"], |_, _, _| {});
    }
}

#[test]
fn a_proxy_and_a_server_may_both_ask() {
    play("simple-407", 1, UDP, &["busy"], |_, _, _| {});
}

/// The first notification makes the dialog with its own address; the others are refused, and say nothing about the worker.
#[test]
fn of_a_forked_subscription_one_dialog_remains() {
    play("simple-fork", 1, UDP, &["busy", "online"], |_, _, _| {});
}

#[test]
fn an_ended_dialog_is_opened_again_and_its_fork_stays_refused() {
    play("simple-ended", 2, UDP, &["busy"], next_says_away);
}

#[test]
fn a_forgotten_dialog_is_followed_by_a_new_one() {
    play("simple-forgotten", 2, UDP, &["busy"], next_says_away);
}

/// Whoever is at the server's place now gets a new subscription.
fn next_says_away(folder: &Folder, port: u16, bridge: &Bridge) {
    let next = Sipp::start_with(folder, port, "simple-away", 1, UDP).unwrap();
    bridge.state_request("5002", "away");
    next.succeeds();
}

#[test]
fn what_is_not_answered_is_sent_again() {
    play("simple-lost", 1, UDP_AS_IT_COMES, &["busy", "away"], |_, _, _| {});
}

#[test]
fn what_comes_again_is_answered_again_and_acted_on_once() {
    play("simple-again", 1, UDP_AS_IT_COMES, &["busy", "away", "online"], |_, _, _| {});
}

/// The pauses of Timer N are those of its lower limit, five seconds after the answer.
#[test]
fn a_server_that_grants_and_says_nothing_gets_another_subscription_and_the_operator_a_warning() {
    let (folder, port) = (Folder::new(), free_port());
    let Some(sipp) = Sipp::start_with(&folder, port, "simple-silent", 2, TCP) else { return };
    let bridge = Bridge::start(BridgeOptions::default());
    let mut daemon = Daemon::start(&setup(port, &bridge, TCP, "[uc.simple]\nt1_ms = 50\n".into()));
    daemon.expect_log("got no NOTIFY for 3 s: 1");
    sipp.succeeds();
    assert!(bridge.seen().iter().all(|request| request.reason("KW_UC_STATUS").is_empty()), "nothing was heard, nothing is told");
    let next = Sipp::start_with(&folder, port, "simple-away", 1, TCP).unwrap();
    bridge.state_request("5002", "away");
    next.succeeds();
    daemon.stop();
}

/// A tenth of the notifications is lost, and a tenth of our answers.
#[test]
fn a_bad_line_delays_and_loses_nothing() {
    let (folder, port) = (Folder::new(), free_port());
    let Some(sipp) = Sipp::start_with(&folder, port, "simple-lossy", 1, UDP) else { return };
    let bridge = Bridge::start(BridgeOptions::default());
    let daemon = Daemon::start(&setup(port, &bridge, UDP, String::new()));
    // The last notification says busy; what came before may have been left out when a newer one was known.
    bridge.state_request("5002", "busy");
    sipp.succeeds();
    let last = bridge.seen().iter().rfind(|request| request.dn() == "5002").map(|request| request.reason("KW_UC_STATUS").to_owned());
    if last.is_some_and(|last| last != "busy") {
        bridge.state_request("5002", "busy");
    }
    daemon.stop();
}
