//! SIPp as an independent Front End (package sip-tester): its own idea of SIP, its scenarios in `tests/sipp`. SIPp takes every Call-ID for a call of its
//! own, so one scenario plays one dialog; `register = false` leaves the SUBSCRIBE as the only one.
#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use uc_tests::{Authority, Bridge, BridgeOptions, Daemon, Folder, Running, Setup, connector, free_port, peer};

/// A SIPp that plays one scenario a number of times.
struct Sipp {
    process: Running,
    errors: std::path::PathBuf,
}

impl Sipp {
    /// Starts it on `port`; `None`: SIPp is not installed.
    fn start(folder: &Folder, port: u16, scenario: &str, calls: u32) -> Option<Self> {
        let sipp = peer("sipp")?;
        // SIPp's own time limit must not run while the daemon is being built.
        let _ = connector();
        let errors = folder.path(&format!("{scenario}-{port}.err"));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario).with_extension("xml");
        let mut command = Command::new(sipp);
        command.arg("-sf").arg(file).args(["-i", "127.0.0.1", "-t", "t1", "-nostdin", "-timeout", "25s", "-timeout_error", "-trace_err"]);
        command.args(["-p", &port.to_string(), "-m", &calls.to_string()]).arg("-error_file").arg(&errors);
        command.current_dir(folder.path("")).env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self { process: Running::start(&mut command), errors })
    }

    /// Waits until all calls have gone as the scenario says.
    fn succeeds(mut self) {
        let status = self.process.wait();
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(status.success(), "SIPp: {status}\n{errors}");
    }
}

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
