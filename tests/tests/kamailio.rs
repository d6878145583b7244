//! The daemon against a real Kamailio as standard presence server (`uc.kind = "simple"`): somebody publishes with a client of the test's own, the state reaches the
//! emulated T-Server.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::time::Instant;
use uc_tests::{Bridge, BridgeOptions, Daemon, Device, Fetcher, Folder, Kamailio, KamailioOptions, Setup, connector, free_port, get, patience_left};

const ALICE: &str = "sip:lync-user2_qa94@lyncdco13.lab";
const BUSY: &str = "<rpid:busy/>";
const AWAY: &str = "<rpid:away/>";
const PHONE: &str = "<rpid:on-the-phone/>";

fn setup(kamailio: &Kamailio, bridge: &Bridge, transport: &str) -> Setup {
    let mut setup = Setup::new(kamailio.port, bridge.port);
    setup.uc = format!("kind = \"simple\"\ntransport = \"{transport}\"\n");
    setup
}

/// A server, a T-Server, and a daemon between them that watches one worker.
fn world(options: KamailioOptions, transport: &str, change: impl FnOnce(&mut Setup)) -> Option<(Kamailio, Bridge, Daemon, Device)> {
    let kamailio = Kamailio::start(options)?;
    let bridge = Bridge::start(BridgeOptions::default());
    let mut setup = setup(&kamailio, &bridge, transport);
    change(&mut setup);
    let daemon = Daemon::start(&setup);
    bridge.request("RequestRegisterAddress");
    let device = Device::at(kamailio.port);
    Some((kamailio, bridge, daemon, device))
}

/// Alice says this, and her agent follows.
fn shows(device: &mut Device, bridge: &Bridge, activity: &str, state: &str) {
    device.presence(ALICE, "open", activity);
    bridge.state_request("5002", state);
}

#[test]
fn what_is_published_reaches_the_agent() {
    for transport in ["udp", "tcp"] {
        let Some((_kamailio, bridge, daemon, mut device)) = world(KamailioOptions::default(), transport, |_| {}) else { return };
        shows(&mut device, &bridge, BUSY, "busy");
        shows(&mut device, &bridge, AWAY, "away");
        shows(&mut device, &bridge, "<rpid:busy/><rpid:other>dnd</rpid:other>", "do-not-disturb");
        shows(&mut device, &bridge, "", "online");
        device.presence(ALICE, "closed", "");
        bridge.request("RequestAgentLogout");
        shows(&mut device, &bridge, BUSY, "busy");
        device.remove(ALICE);
        bridge.request("RequestAgentLogout");
        daemon.stop();
    }
}

/// This server then says that it knows nothing, which is not the same as offline: the agent is left alone.
#[test]
fn a_publication_that_expires_makes_presence_unknown() {
    let port = free_port();
    let Some((_kamailio, bridge, daemon, mut device)) = world(KamailioOptions::default(), "udp", |setup| setup.ops = Some(port)) else { return };
    device.presence_for(ALICE, 2, "open", BUSY);
    bridge.state_request("5002", "busy");
    let began = Instant::now();
    let class = || get(port, "/api/v1/workers").map(|answer| answer.json()["workers"][0]["presence"].clone());
    while class().is_none_or(|class| class != "unknown") {
        let _left = patience_left(began, &format!("unknown presence: {:?}", class()));
    }
    assert!(bridge.seen().is_empty());
    device.forget();
    shows(&mut device, &bridge, AWAY, "away");
    daemon.stop();
}

#[test]
fn a_restarted_server_is_subscribed_to_again() {
    for transport in ["udp", "tcp"] {
        // Over UDP only what we send can tell that nobody is there.
        let quick = |setup: &mut Setup| setup.timers = "keepalive_ms = 1000\n".into();
        let Some((mut kamailio, bridge, mut daemon, mut device)) = world(KamailioOptions::default(), transport, quick) else { return };
        shows(&mut device, &bridge, BUSY, "busy");
        kamailio.stop();
        daemon.expect_log("trying again");
        kamailio.resume();
        device.forget();
        shows(&mut device, &bridge, AWAY, "away");
        daemon.stop();
    }
}

/// Nobody notices the restart before the next refresh, which the new server does not know.
#[test]
fn a_restart_between_two_refreshes_is_found_out_by_the_refresh() {
    let options = KamailioOptions { max_expires_s: 4, ..KamailioOptions::default() };
    let quick = |setup: &mut Setup| setup.timers = "refresh_min_ms = 1000\n".into();
    let Some((mut kamailio, bridge, daemon, mut device)) = world(options, "udp", quick) else { return };
    shows(&mut device, &bridge, BUSY, "busy");
    kamailio.stop();
    kamailio.resume();
    device.forget();
    shows(&mut device, &bridge, AWAY, "away");
    daemon.stop();
}

/// What [`KamailioOptions::digest`] asks for: a reference is all the configuration has.
fn credential() -> (Folder, String) {
    let folder = Folder::new();
    let secret = folder.write("secret", "secret\n");
    let section = format!("[[uc.credential]]\nrealm = \"pbx\"\nuser = \"uc\"\npassword = \"file:{}\"\n", secret.display());
    (folder, section)
}

#[test]
fn challenges_are_answered() {
    for (algorithm, transport) in [("MD5", "udp"), ("SHA-256", "udp"), ("SHA-256", "tcp")] {
        let options = KamailioOptions { digest: Some(algorithm), ..KamailioOptions::default() };
        let (_folder, credential) = credential();
        let Some((_kamailio, bridge, daemon, mut device)) = world(options, transport, |setup| setup.sections = credential) else { return };
        shows(&mut device, &bridge, BUSY, "busy");
        daemon.stop();
    }
}

#[test]
fn a_wrong_password_is_an_alarm() {
    let options = KamailioOptions { digest: Some("MD5"), ..KamailioOptions::default() };
    let wrong = |setup: &mut Setup| setup.sections = "[[uc.credential]]\nuser = \"uc\"\npassword = \"env:PATH\"\n".into();
    let Some((_kamailio, _bridge, mut daemon, _device)) = world(options, "udp", wrong) else { return };
    let line = daemon.expect_log("401");
    assert!(line.contains("uc.credential"), "{line}");
    daemon.stop();
}

/// A mode in which the daemon publishes, with further sections.
fn publishing(setup: &mut Setup, mode: &str, sections: &str) {
    setup.connector = format!("mode = \"{mode}\"\n");
    setup.sections = format!("{sections}[publish]\nway = \"pidf\"\nuser_action = \"aggregate\"\n");
    // A server that begins anew is found out by what is sent to it.
    setup.timers = "refresh_min_ms = 1000\n".into();
}

/// After Call Work is published by the daemon itself, and somebody who has nothing to do with either sees it come and go.
fn publishes(options: KamailioOptions, transport: &str) -> Option<(Kamailio, Bridge, Daemon, Device, Fetcher)> {
    let (kamailio, bridge, daemon, mut device) = world(options, transport, |setup| publishing(setup, "bidirectional", ""))?;
    shows(&mut device, &bridge, BUSY, "busy");
    after_call_work(&bridge);
    let mut fetcher = Fetcher::at(kamailio.port);
    let seen = fetcher.until(ALICE, "After Call Work", in_acw);
    // Alice's own device is still there beside it.
    assert!(seen.contains("desk"), "{seen}");
    Some((kamailio, bridge, daemon, device, fetcher))
}

/// Stops the daemon, which leaves nothing of its own; the document that remains.
fn takes_all_back(daemon: Daemon, fetcher: &mut Fetcher) -> String {
    daemon.stop();
    let left = fetcher.fetch(ALICE);
    assert!(!left.contains("uc-connector"), "left behind at the stop: {left}");
    left
}

fn after_call_work(bridge: &Bridge) {
    let attributes = "[\"AttributeThisDN\",\"str\",\"5002\"],[\"AttributeAgentID\",\"str\",\"5002\"],[\"AttributeAgentWorkMode\",\"int\",3]";
    bridge.say(&format!("\"dir\":\"evt\",\"id\":76,\"name\":\"EventAgentNotReady\",\"attrs\":[{attributes}]"));
}

fn in_acw(document: &str) -> bool {
    document.contains("After Call Work") && document.contains("uc-connector")
}

#[test]
fn after_call_work_is_published_and_taken_back() {
    for transport in ["udp", "tcp"] {
        let Some((_kamailio, bridge, daemon, _device, mut fetcher)) = publishes(KamailioOptions::default(), transport) else { return };
        // The wrap-up timer.
        let attributes = "[\"AttributeThisDN\",\"str\",\"5002\"],[\"AttributeAgentID\",\"str\",\"5002\"]";
        bridge.say(&format!("\"dir\":\"evt\",\"id\":75,\"name\":\"EventAgentReady\",\"attrs\":[{attributes}]"));
        bridge.state_request("5002", "busy");
        fetcher.until(ALICE, "nothing of the daemon's", |document| !document.contains("uc-connector") && document.contains("desk"));
        after_call_work(&bridge);
        fetcher.until(ALICE, "After Call Work once more", in_acw);
        let left = takes_all_back(daemon, &mut fetcher);
        assert!(left.contains("desk"), "{left}");
    }
}

#[test]
fn publications_answer_challenges() {
    for (algorithm, transport) in [("MD5", "udp"), ("SHA-256", "tcp")] {
        let (_folder, credential) = credential();
        let options = KamailioOptions { digest: Some(algorithm), digest_publish: true, ..KamailioOptions::default() };
        let Some((kamailio, bridge, daemon, _device)) = world(options, transport, |setup| publishing(setup, "bidirectional", &credential)) else { return };
        after_call_work(&bridge);
        let mut fetcher = Fetcher::at(kamailio.port);
        fetcher.until(ALICE, "After Call Work", in_acw);
        takes_all_back(daemon, &mut fetcher);
    }
}

/// It ends with its lifetime unless it is refreshed; a server that forgot it (412) is told anew.
#[test]
fn publications_are_refreshed_and_told_to_a_server_that_forgot_them() {
    for transport in ["udp", "tcp"] {
        let options = KamailioOptions { max_expires_s: 3, ..KamailioOptions::default() };
        let Some((mut kamailio, _bridge, daemon, _device, mut fetcher)) = publishes(options, transport) else { return };
        let began = Instant::now();
        while began.elapsed().as_secs() < 7 {
            let seen = fetcher.fetch(ALICE);
            assert!(in_acw(&seen), "gone {:?} after it was seen: {seen}", began.elapsed());
        }
        kamailio.stop();
        kamailio.resume();
        fetcher.until(ALICE, "After Call Work at the new server", in_acw);
        takes_all_back(daemon, &mut fetcher);
    }
}

/// Every agent state is shown, and nothing is asked of the T-Server.
#[test]
fn agent_states_are_shown_where_presence_only_follows() {
    let push_only = |setup: &mut Setup| publishing(setup, "push-only", "");
    let Some((kamailio, bridge, daemon, _device)) = world(KamailioOptions::default(), "udp", push_only) else { return };
    let mut fetcher = Fetcher::at(kamailio.port);
    fetcher.until(ALICE, "ready", |document| document.contains("uc-connector") && !document.contains("busy"));
    after_call_work(&bridge);
    fetcher.until(ALICE, "After Call Work", in_acw);
    let asked = bridge.seen().into_iter().find(|request| request.name().starts_with("RequestAgent"));
    assert!(asked.is_none(), "{asked:?}");
    daemon.stop();
}

#[test]
fn a_list_is_one_subscription() {
    for transport in ["udp", "tcp"] {
        let mut list: Vec<String> = (0..8).map(|n| format!("sip:w{}@lyncdco13.lab", 6000 + n)).collect();
        list.push(ALICE.into());
        let options = KamailioOptions { list: list.clone(), ..KamailioOptions::default() };
        let listed = |setup: &mut Setup| {
            // The tenth worker is not in the list and is watched alone.
            *setup = setup.clone().with_workers(9);
            setup.sections = "[uc.simple]\nlist = \"sip:team@lyncdco13.lab\"\n".into();
        };
        let Some((_kamailio, bridge, daemon, mut device)) = world(options, transport, listed) else { return };
        for (nth, uri) in list.iter().enumerate() {
            device.presence(uri, "open", if nth % 2 == 0 { BUSY } else { AWAY });
        }
        device.presence("sip:w6008@lyncdco13.lab", "open", PHONE);
        let mut missing: BTreeSet<(String, &str)> = (0..8)
            .map(|n| ((6000 + n).to_string(), if n % 2 == 0 { "busy" } else { "away" }))
            .chain([("5002".into(), "busy"), ("6008".into(), "busy")])
            .collect();
        bridge.expect("every member's state", |request| {
            missing.retain(|(dn, status)| request.dn() != dn || request.reason("KW_UC_STATUS") != *status);
            missing.is_empty()
        });
        device.presence(&list[3], "open", BUSY);
        bridge.state_request("6003", "busy");
        daemon.stop();
    }
}

#[test]
fn a_call_makes_the_agent_busy() {
    let calls = |setup: &mut Setup| setup.sections = "[uc.simple]\ncalls = \"confirmed\"\n".into();
    let Some((_kamailio, bridge, daemon, mut device)) = world(KamailioOptions::default(), "udp", calls) else { return };
    shows(&mut device, &bridge, AWAY, "away");
    device.call(ALICE, "early");
    device.call(ALICE, "confirmed");
    bridge.state_request("5002", "busy");
    device.call(ALICE, "terminated");
    bridge.state_request("5002", "away");
    daemon.stop();
}

#[test]
fn ten_thousand_presentities() {
    for transport in ["udp", "tcp"] {
        const WORKERS: usize = 10_000;
        // Building the program is not measured.
        let _ = connector();
        let Some(kamailio) = Kamailio::start(KamailioOptions::default()) else { return };
        let uris: Vec<String> = (0..WORKERS).map(|n| format!("sip:w{}@lyncdco13.lab", 6000 + n)).collect();
        let mut device = Device::at(kamailio.port);
        device.many(&uris, BUSY, 64);
        let bridge = Bridge::start(BridgeOptions::default());
        let began = Instant::now();
        let daemon = Daemon::start(&setup(&kamailio, &bridge, transport).with_workers(WORKERS));
        let all = |status: &'static str| {
            let mut missing: BTreeSet<String> = (0..WORKERS).map(|n| (6000 + n).to_string()).collect();
            bridge.expect(status, |request| {
                if request.reason("KW_UC_STATUS") == status {
                    missing.remove(request.dn());
                }
                missing.is_empty()
            });
        };
        all("busy");
        eprintln!("{transport}: {WORKERS} workers known and set {:.2} s after the start of the daemon", began.elapsed().as_secs_f64());
        let began = Instant::now();
        device.many(&uris, AWAY, 64);
        all("away");
        eprintln!("{transport}: {WORKERS} changes in {:.2} s", began.elapsed().as_secs_f64());
        daemon.stop();
    }
}
