//! SIPp as an independent Front End (package sip-tester): its own idea of SIP, its scenarios in `tests/sipp`. SIPp takes every Call-ID for a call of its
//! own, so one scenario plays one dialog; `register = false` leaves the SUBSCRIBE as the only one.
#![allow(clippy::unwrap_used)]
use std::process::Command;
use uc_tests::{Authority, Bridge, BridgeOptions, Daemon, Folder, Running, Setup, Sipp, free_port, peer};

fn setup(sip: u16, bridge: &Bridge) -> Setup {
    let mut setup = Setup::new(sip, bridge.port);
    setup.uc = "transport = \"tcp\"\nregister = false\npiggyback = false\n".into();
    setup
}

/// A daemon with nobody behind its SIP port yet, and its DN registered: the first change that arrives is asked for at once. (Later ones may be left out when a
/// newer one has come before the T-Server has answered.)
fn daemon(port: u16) -> (Bridge, Daemon) {
    let bridge = Bridge::start(BridgeOptions::default());
    let daemon = Daemon::start(&setup(port, &bridge));
    bridge.request("RequestRegisterAddress");
    (bridge, daemon)
}

#[test]
fn changes_arrive() {
    let (folder, port) = (Folder::new(), free_port());
    let (bridge, daemon) = daemon(port);
    let Some(sipp) = Sipp::start(&folder, port, "changes", 1) else { return };
    bridge.state_request("5002", "busy");
    bridge.state_request("5002", "away");
    sipp.succeeds();
    daemon.stop();
}

#[test]
fn a_registration_and_a_subscription() {
    let (folder, port) = (Folder::new(), free_port());
    let Some(sipp) = Sipp::start(&folder, port, "register", 2) else { return };
    let bridge = Bridge::start(BridgeOptions::default());
    let mut setup = setup(port, &bridge);
    setup.uc = "transport = \"tcp\"\nregister = true\npiggyback = false\n".into();
    let daemon = Daemon::start(&setup);
    bridge.state_request("5002", "busy");
    sipp.succeeds();
    daemon.stop();
}

#[test]
fn a_storm_is_answered_and_the_last_state_wins() {
    let (folder, port) = (Folder::new(), free_port());
    let (bridge, mut daemon) = daemon(port);
    let Some(sipp) = Sipp::start(&folder, port, "storm", 1) else { return };
    bridge.state_request("5002", "busy");
    sipp.succeeds();
    // The last NOTIFY says online; whatever was left out on the way, the agent ends ready.
    daemon.assert_alive();
    let mut last = String::new();
    bridge.expect("the last request", |request| {
        last = request.reason("KW_UC_STATUS").to_owned();
        last == "online"
    });
    if let Some(request) = bridge.seen().iter().rfind(|request| request.dn() == "5002") {
        last = request.reason("KW_UC_STATUS").to_owned();
    }
    assert_eq!(last, "online");
    daemon.stop();
}

#[test]
fn an_ended_dialog_is_opened_again() {
    let (folder, port) = (Folder::new(), free_port());
    let (bridge, daemon) = daemon(port);
    // Two calls: the second is the subscription that follows the end of the first.
    let Some(sipp) = Sipp::start(&folder, port, "terminated", 2) else { return };
    bridge.state_request("5002", "busy");
    sipp.succeeds();
    daemon.stop();
}

#[test]
fn a_lost_server_is_found_again() {
    let (folder, port) = (Folder::new(), free_port());
    let (bridge, daemon) = daemon(port);
    // SIPp ends after its call, and with it the connection; the next one listens at the same place and says something else.
    let Some(first) = Sipp::start(&folder, port, "changes", 1) else { return };
    bridge.state_request("5002", "away");
    first.succeeds();
    let second = Sipp::start(&folder, port, "terminated", 2).unwrap();
    bridge.state_request("5002", "busy");
    second.succeeds();
    daemon.stop();
}

#[test]
fn refusals_are_followed_by_what_they_ask_for() {
    for (refusal, calls) in [("refuse-503", 2), ("refuse-423", 1), ("refresh-481", 1)] {
        let (folder, port) = (Folder::new(), free_port());
        let Some(sipp) = Sipp::start(&folder, port, refusal, calls) else { return };
        let bridge = Bridge::start(BridgeOptions::default());
        let mut setup = setup(port, &bridge);
        if refusal == "refresh-481" {
            setup.timers = "refresh_min_ms = 1000\n".into();
        }
        let daemon = Daemon::start(&setup);
        // `calls` times the scenario: after 503 the daemon came back by itself.
        sipp.succeeds();
        // Whoever is there next gets a new subscription.
        let next = Sipp::start(&folder, port, "changes", 1).unwrap();
        bridge.state_request("5002", "away");
        next.succeeds();
        daemon.stop();
    }
}

#[test]
fn through_stunnel() {
    let (folder, port, tls_port) = (Folder::new(), free_port(), free_port());
    let Some(stunnel) = peer("stunnel4") else { return };
    let Some(sipp) = Sipp::start(&folder, port, "changes", 1) else { return };
    let ca = Authority::new();
    let (server, ours) = (ca.sign(&["pool.lyncdco13.lab"]), ca.sign(&["connector.lyncdco13.lab"]));
    folder.write("ca.pem", &ca.pem());
    let certificate = folder.write("server.pem", &server.certificate_pem);
    let key = folder.write("server.key", &server.key_pem);
    folder.write("our.pem", &ours.certificate_pem);
    folder.write("our.key", &ours.key_pem);
    let file = folder.write(
        "stunnel.conf",
        &format!(
            "foreground = yes\npid =\n[sip]\naccept = 127.0.0.1:{tls_port}\nconnect = 127.0.0.1:{port}\ncert = {}\nkey = {}\nCAfile = {}\nverifyChain = yes\n",
            certificate.display(),
            key.display(),
            folder.path("ca.pem").display()
        ),
    );
    let _stunnel = Running::start_silent(Command::new(stunnel).arg(file));
    let bridge = Bridge::start(BridgeOptions::default());
    let mut setup = setup(tls_port, &bridge);
    setup.uc = "transport = \"tls\"\nregister = false\npiggyback = false\n".into();
    setup.sections = "[uc.tls]\nca = \"ca.pem\"\ncertificate = \"our.pem\"\nkey = \"our.key\"\nserver_name = \"pool.lyncdco13.lab\"\n".into();
    let daemon = Daemon::start_with(&setup, folder, |_| {});
    bridge.state_request("5002", "away");
    sipp.succeeds();
    daemon.stop();
}
