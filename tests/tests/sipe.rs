//! pidgin-sipe, an independent Lync client, as judge of the emulated Front End: it signs in, sees colleagues, is seen. Where the two disagree, the emulator is
//! wrong. Then with the daemon between the Front End and the T-Server.
#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;
use uc_core::config::InviteMode;
use uc_core::offer::{PreviewRequest, PreviewStatus};
use uc_runtime_sim::peers::front_end::{Activity, FrontEnd, OWN_CLIENT, Source, TIMED_USER_STATE, USER_STATE};
use uc_runtime_sim::peers::tserver::{AFTER_CALL_WORK, AgentState, AgentTruth, CallPlan, WrapUp};
use uc_tests::{AskerOnWire, Office, asking};

const ALICE: &str = "sip:alice@lyncdco13.lab";
const BOB: &str = "sip:bob@lyncdco13.lab";

fn office() -> Office {
    Office::open(&[("alice", "5002"), ("bob", "5003")])
}

#[test]
fn a_colleague_is_seen() {
    let office = office();
    let Some(mut alice) = office.sign_in("alice") else { return };
    assert_eq!(alice.shown(BOB).trim_end(), "offline");
    let bob_is = |number, activity: Activity, note: Option<&str>| office.pool.with(|pool, now| pool.set_presence(now, BOB, number, activity, note));
    bob_is(6500, Activity::Custom("After call work".to_owned()), Some("back at two"));
    alice.sees(BOB, "busy", "After call work - back at two");
    bob_is(6500, Activity::token("on-the-phone"), None);
    alice.sees(BOB, "busy", "In a call - back at two");
    bob_is(9500, Activity::None, Some(""));
    alice.sees(BOB, "do-not-disturb", "");
    office.pool.with(|pool, now| pool.publish_state(now, BOB, Source::User, Some((3500, Activity::None))));
    alice.sees(BOB, "available", "");
    alice.quit();
    office.pool.wait("that alice is signed off", |pool| (!pool.is_registered(ALICE) && pool.self_subscriptions_of(ALICE) == 0).then_some(()));
    office.shows("alice", 18_500, "");
}

/// Each number and token of the table, with the status the client is known to show.
#[test]
fn every_availability_is_shown_as_known() {
    let office = office();
    let Some(mut alice) = office.sign_in("alice") else { return };
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/sipe/availability-oracle.csv")).unwrap();
    for row in table.lines().skip(1) {
        let [number, token, status] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        office.pool.with(|pool, now| pool.set_presence(now, BOB, number.parse().unwrap(), Activity::token(token), None));
        office.settle(&mut alice);
        assert_eq!(alice.shown(BOB).split(' ').next().unwrap(), status, "{row}");
    }
    alice.quit();
}

/// Two real clients, which see of each other what the emulator makes of it.
#[test]
fn own_choices_arrive_at_a_colleague() {
    let office = office();
    let (Some(mut alice), Some(mut bob)) = (office.sign_in("alice"), office.sign_in("bob")) else { return };
    office.settle(&mut bob);
    assert_eq!(bob.shown(ALICE).trim_end(), "available");
    for (status, number) in [("busy", 6500), ("do-not-disturb", 9500), ("be-right-back", 12_500), ("away", 15_500), ("available", 3500)] {
        alice.order(&format!("status {status}"));
        bob.sees_status(ALICE, status);
        office.shows("alice", number, "");
        office.settle(&mut alice);
    }
    alice.order("note gone fishing");
    bob.reads(ALICE, " gone fishing");
    office.settle(&mut alice);
    alice.order("status busy");
    bob.sees_status(ALICE, "busy");
    office.shows("alice", 6500, "");
    alice.quit();
    bob.sees_status(ALICE, "offline");
    bob.quit();
}

/// A state that somebody else publishes for alice: her own client learns of it, her colleague sees it, and it does not fight back.
#[test]
fn another_endpoint_acts_for_the_user() {
    let office = office();
    let (Some(mut alice), Some(mut bob)) = (office.sign_in("alice"), office.sign_in("bob")) else { return };
    let act = |state| office.pool.with(|pool, now| pool.publish_state(now, ALICE, Source::TimedUser, state));
    act(Some((6500, Activity::Custom("After call work".to_owned()))));
    bob.sees(ALICE, "busy", "After call work");
    office.settle(&mut alice);
    act(None);
    bob.sees(ALICE, "available", "");
    office.settle(&mut alice);
    let by_others = office.pool.with(|pool, _| pool.publications(ALICE).filter(|(_, row)| row.author == OWN_CLIENT).count());
    assert_eq!(by_others, 0, "the override is gone, everything left is her client's");
    alice.quit();
    bob.quit();
}

/// The client's versions are out of date: it takes the current ones from the refusal and says it again.
#[test]
fn a_conflict_is_resolved() {
    let office = office();
    let Some(mut alice) = office.sign_in("alice") else { return };
    office.pool.with(|pool, _| pool.config_mut().echo_to_publisher = false);
    let before = office.pool.with(|pool, _| pool.counts());
    office.pool.with(|pool, _| pool.faults.service_conflict_pm = 1000);
    alice.order("status busy");
    office.pool.wait("a conflict", |pool| {
        let conflicting = pool.counts().services_conflicting > before.services_conflicting;
        // Once is enough.
        pool.faults.service_conflict_pm = if conflicting { 0 } else { 1000 };
        conflicting.then_some(())
    });
    office.shows("alice", 6500, "");
    assert!(office.pool.with(|pool, _| pool.publication(ALICE, "state", USER_STATE, 2).is_some_and(|row| row.version > 2)));
    alice.quit();
}

fn agent_is(office: &Office, state: AgentState, what: impl Fn(&AgentTruth) -> bool) {
    let is_so = |agent: &AgentTruth| agent.state == state && what(agent);
    office.t_server.wait(&format!("{state:?}"), |server| server.agent("5002").is_some_and(is_so).then_some(()));
}

fn because(status: &str) -> impl Fn(&AgentTruth) -> bool + '_ {
    move |agent| agent.reasons.iter().any(|(key, value)| key == "KW_UC_STATUS" && value == status)
}

/// Mode normal: her own change in a real client reaches the T-Server through the daemon.
#[test]
fn busy_makes_the_agent_not_ready() {
    let office = office();
    let Some(mut alice) = office.sign_in("alice") else { return };
    let daemon = office.start_daemon(|_| {});
    agent_is(&office, AgentState::Ready, because("online"));
    alice.order("status busy");
    agent_is(&office, AgentState::NotReady, because("busy"));
    office.settle(&mut alice);
    alice.order("status available");
    agent_is(&office, AgentState::Ready, because("online"));
    alice.quit();
    agent_is(&office, AgentState::LoggedOut, |_| true);
    daemon.stop();
    assert_eq!(office.violations(), [] as [String; 0]);
    assert!(office.pool.with(|pool, _| pool.publication(ALICE, "state", TIMED_USER_STATE, 2).is_none()), "mode normal publishes nothing");
}

/// Mode bidirectional: After Call Work shows at a colleague's client, and is ended by what the worker does in hers.
#[test]
fn after_call_work_is_shown_and_ended_by_the_worker() {
    let office = office();
    let (Some(mut alice), Some(mut bob)) = (office.sign_in("alice"), office.sign_in("bob")) else { return };
    let daemon = office.start_daemon(|setup| setup.connector = "mode = \"bidirectional\"\n".to_owned());
    agent_is(&office, AgentState::Ready, because("online"));
    let call = CallPlan { rings_ms: 10, talks_ms: 50, business: true, wrap_up: WrapUp::Untimed, guard_ms: 0 };
    office.t_server.with(|server, now| server.ring(now, "5002", call));
    bob.sees(ALICE, "busy", "After Call Work - After Call Work");
    agent_is(&office, AgentState::NotReady, |agent| agent.work_mode == Some(AFTER_CALL_WORK));
    office.settle(&mut alice);
    alice.order("status away");
    bob.sees_status(ALICE, "away");
    agent_is(&office, AgentState::NotReady, because("away"));
    let ours = |pool: &mut FrontEnd| pool.publications(ALICE).filter(|(key, _)| key.instance == TIMED_USER_STATE).count();
    office.pool.wait("the withdrawal", |pool| (ours(pool) == 0).then_some(()));
    office.settle(&mut alice);
    alice.order("status available");
    bob.sees_status(ALICE, "available");
    agent_is(&office, AgentState::Ready, because("online"));
    alice.quit();
    bob.quit();
    daemon.stop();
    assert_eq!(office.violations(), [] as [String; 0]);
}

/// A worker without a page, asked through a client that is not ours: it shows the message, answers, writes back, and closes.
fn asked_in_a_real_client(mode: InviteMode) {
    const CALL: &str = "006e0295";
    let office = office();
    let Some(mut alice) = office.sign_in("alice") else { return };
    let mut config = asking(&[ALICE.to_owned(), BOB.to_owned()], "lyncdco13.lab", false, mode);
    config.people[0].language = "ja".into();
    let mut wire = AskerOnWire::connect(config, office.trusted_door);
    wire.until("the subscription", |it| it.core.coverage().iter().all(|(_, n)| *n == 1));
    let ask = |wire: &mut AskerOnWire| {
        let now = wire.now();
        wire.asker.ask(now, &PreviewRequest { targets: "kw0", conn: CALL, media: "voice", ..PreviewRequest::default() })
    };
    let first = ask(&mut wire);
    wire.until("the invitation to be taken", |it| it.core.counters().invitations_answered == 1);
    let (_, token) = wire.asker.tickets.pop().unwrap();
    let link = format!("https://ucc.example/t/{token}");
    wire.until("the link to be there", |it| it.core.counters().invitations_delivered == 1);
    alice.expect_that(&format!("the link {link}"), |line| line.starts_with("im sip:watcher@lyncdco13.lab お客様がお待ちです。") && line.contains(&link));
    // What the worker writes is taken, and is no answer.
    alice.order("say sip:watcher@lyncdco13.lab one moment");
    let answers = wire.asker.core.counters().sip_answers;
    wire.until("what the worker wrote", |it| it.core.counters().sip_answers > answers);
    assert!(wire.asker.answers.is_empty());
    // The router cancels: we close the conversation, the client takes it.
    let now = wire.now();
    wire.asker.cancel(now, CALL);
    assert_eq!(wire.asker.answers[&first][0].status, PreviewStatus::Canceled);
    wire.until("the end of the conversation", |it| it.core.uc_links()[0].outstanding == 0);
    assert_eq!(office.pool.with(|pool, _| pool.calls_of(ALICE)), 0);
    // Once more, and she closes it.
    ask(&mut wire);
    wire.until("the second invitation to be taken", |it| it.core.counters().invitations_answered == 2);
    wire.until("the second link to be there", |it| it.core.counters().invitations_delivered == 2);
    alice.expect_that("the second link", |line| line.starts_with("im sip:watcher@lyncdco13.lab ") && line.contains("https://ucc.example/t/"));
    alice.order("close sip:watcher@lyncdco13.lab");
    wire.until("her BYE", |it| it.core.invitations().is_empty());
    assert_eq!(wire.asker.core.offers_of(uc_core::id::UserId(0)).len(), 1, "a closed conversation is no answer");
    alice.quit();
    assert_eq!(office.violations(), [] as [String; 0]);
}

#[test]
fn a_worker_without_a_page_is_asked_in_a_real_client() {
    asked_in_a_real_client(InviteMode::Message);
}

/// The client knows no windows: the link comes as a message.
#[test]
fn a_client_without_windows_gets_the_link() {
    asked_in_a_real_client(InviteMode::Context);
}
