//! Calls and what follows them, line by line.
use super::super::Peer;
use super::tests::Story;
use super::*;

const READY: &str = r#"["AttributeReasons","kvlist",[{"key":"KW_UC_STATUS","type":"str","value":"online"},{"key":"KW_UC_NOTE","type":"str","value":""}]]"#;

fn business(wrap_up: WrapUp, guard_ms: u64) -> CallPlan {
    CallPlan { rings_ms: 2_000, talks_ms: 60_000, business: true, wrap_up, guard_ms }
}

fn story(config: TServerConfig) -> Story {
    let mut s = Story::new(TServerConfig { ping_s: 0, ..config });
    s.preset(AgentState::Ready, None);
    s.open(0, 1, "s", "hot");
    s.register(1);
    s.all(1);
    s
}

/// Lets time pass to the server's next deadlines for `ms`; what the connection was told, as message numbers with work modes.
fn pass(s: &mut Story, ms: u64) -> Vec<(i64, Option<i64>)> {
    let end = s.now + ms;
    while let Some(at) = s.server.next_deadline().filter(|at| *at <= end) {
        s.now = at;
        s.server.wake(at);
        s.drain();
    }
    s.now = end;
    told(s)
}

fn told(s: &mut Story) -> Vec<(i64, Option<i64>)> {
    let number = |line: &str, after: &str| {
        let digits: String = line.split(after).nth(1)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let lines = s.all(1);
    lines.iter().filter_map(|l| Some((number(l, "\"dir\":\"evt\",\"id\":")?, number(l, "\"AttributeAgentWorkMode\",\"int\",")))).collect()
}

#[test]
fn work_begins_before_the_call_is_released_and_ends_in_ready() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", business(WrapUp::Timed(20_500), 0));
    s.drain();
    let ringing = s.all(1);
    assert!(ringing[0].contains("\"id\":60,") && !ringing[0].contains("WrapUpTime"));
    let end = s.now + 2_000;
    s.server.wake(end);
    s.now = end;
    s.drain();
    let established = s.all(1);
    assert!(established[0].contains("\"id\":64,") && established[0].contains(r#"{"key":"WrapUpTime","type":"int","value":21}"#), "{established:?}");
    assert!(s.server.is_on_call("5002"));
    assert_eq!(pass(&mut s, 60_000), [(76, Some(3)), (65, None)]);
    assert!(!s.server.is_on_call("5002") && s.server.has_after_timer("5002"));
    assert_eq!((s.truth().state, s.truth().work_mode), (AgentState::NotReady, Some(AFTER_CALL_WORK)));
    assert_eq!(pass(&mut s, 20_500), [(75, None)]);
    assert_eq!((s.truth().state, s.truth().changed_by), (AgentState::Ready, ChangedBy::Server));
}

#[test]
fn the_other_order_can_be_chosen() {
    let mut s = story(TServerConfig { acw_after_released: true, ..TServerConfig::default() });
    s.server.ring(s.now, "5002", business(WrapUp::Untimed, 0));
    assert_eq!(pass(&mut s, 70_000), [(60, None), (64, None), (65, None), (76, Some(3))]);
}

#[test]
fn untimed_work_is_said_in_a_word_and_stands() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", business(WrapUp::Untimed, 5_000));
    let until = s.now + 3_000;
    s.server.wake(until);
    s.drain();
    assert!(s.all(1)[1].contains(r#"{"key":"WrapUpTime","type":"str","value":"untimed"}"#));
    assert_eq!(pass(&mut s, 3_600_000), [(76, Some(3)), (65, None)]);
    assert!(!s.server.has_after_timer("5002"));
    s.server.other_client_sets(s.now, "5002", OtherChange::Ready(None));
    s.drain();
    assert_eq!(told(&mut s), [(75, None)]);
}

#[test]
fn a_break_follows_work_or_the_call_itself() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", business(WrapUp::Timed(10_000), 5_000));
    assert_eq!(pass(&mut s, 62_000), [(60, None), (64, None), (76, Some(3)), (65, None)]);
    assert_eq!(pass(&mut s, 10_000), [(76, Some(2))]);
    assert_eq!(pass(&mut s, 5_000), [(75, None)]);
    s.server.ring(s.now, "5002", business(WrapUp::None, 5_000));
    assert_eq!(pass(&mut s, 62_000), [(60, None), (64, None), (76, Some(2)), (65, None)]);
    assert_eq!(pass(&mut s, 5_000), [(75, None)]);
}

#[test]
fn only_an_answered_business_call_is_followed_by_work() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", CallPlan { business: false, ..business(WrapUp::Untimed, 5_000) });
    assert_eq!(pass(&mut s, 70_000), [(60, None), (64, None), (65, None)]);
    s.server.ring(s.now, "5002", CallPlan { talks_ms: 0, ..business(WrapUp::Untimed, 5_000) });
    assert_eq!(pass(&mut s, 70_000), [(60, None), (65, None)]);
    s.server.ring(s.now, "5002", business(WrapUp::None, 0));
    assert_eq!(pass(&mut s, 70_000), [(60, None), (64, None), (65, None)]);
}

#[test]
fn a_request_of_ours_ends_work_and_its_timer() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", business(WrapUp::Timed(30_000), 5_000));
    pass(&mut s, 62_000);
    s.request(1, 4, 11, "RequestAgentNotReady", &format!(",{READY}"));
    assert_eq!(told(&mut s), [(76, None)]);
    assert_eq!(pass(&mut s, 100_000), []);
    assert_eq!((s.truth().state, s.truth().work_mode), (AgentState::NotReady, None));
}

#[test]
fn work_may_refuse_our_requests_and_shows_in_snapshots() {
    let mut s = story(TServerConfig { acw_refuses_requests: true, ..TServerConfig::default() });
    s.server.ring(s.now, "5002", business(WrapUp::Timed(30_000), 0));
    pass(&mut s, 62_000);
    s.request(1, 4, 10, "RequestAgentReady", &format!(",{READY}"));
    let refused = s.all(1);
    assert!(refused[0].contains("\"id\":52,") && refused[0].contains("[\"AttributeErrorCode\",\"int\",50]"), "{refused:?}");
    s.request(1, 5, 2, "RequestQueryAddress", "");
    let snapshot = s.all(1);
    assert!(snapshot[0].contains(r#"{"key":"AgentStatus","type":"int","value":2},{"key":"AgentWorkMode","type":"int","value":3}"#), "{snapshot:?}");
    assert_eq!(pass(&mut s, 30_000), [(75, None)]);
}

#[test]
fn a_logout_ends_work_for_good() {
    let mut s = story(TServerConfig::default());
    s.server.ring(s.now, "5002", business(WrapUp::Timed(30_000), 5_000));
    pass(&mut s, 62_000);
    s.server.other_client_sets(s.now, "5002", OtherChange::Logout);
    assert_eq!(pass(&mut s, 100_000), [(74, None)]);
}
