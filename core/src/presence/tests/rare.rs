//! What an operator or a server does at the wrong moment: stops, re-configurations, answers that make no sense.
use super::*;
use crate::Action;

/// Requests of this kind that wait, taken.
fn taken(s: &mut Story, wanted: CtiReq) -> usize {
    let before = s.sent.len();
    s.sent.retain(|r| r.3 != wanted);
    before - s.sent.len()
}

#[test]
fn agents_are_logged_out_at_the_stop_even_if_they_must_be_asked_about_first() {
    let mut config = config(Redundancy::Hot, 1);
    config.presence.logout_on_stop = true;
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.open(B, Role::Backup);
    s.snapshots(3);
    s.presence(0, 3500);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.cti(B, CtiEvent::Control(Control::Role { role: Role::Primary }));
    s.c.handle(s.now, Input::Drain { within_ms: 5_000 });
    s.drain();
    assert!(!s.drained);
    s.snapshots(3);
    let (link, r, req) = s.only();
    assert_eq!((link, req), (B, CtiReq::AgentLogout));
    assert!(!s.drained);
    s.agent(B, 74, r, None);
    assert!(s.drained);
}

#[test]
fn a_logout_that_was_refused_is_tried_again_until_the_stop_may_take_no_longer() {
    let mut config = config(Redundancy::Single, 1);
    config.presence.logout_on_stop = true;
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.c.handle(s.now, Input::Drain { within_ms: 20_000 });
    s.drain();
    let (link, r, _) = s.only();
    s.error(link, r, 52);
    assert!(!s.drained);
    s.wait(5_000);
    let (link, r, req) = s.only();
    assert_eq!(req, CtiReq::AgentLogout);
    s.error(link, r, 53);
    assert!(s.drained, "repeating does not help");
}

#[test]
fn a_stop_ends_in_time_although_nobody_can_be_asked() {
    let mut config = config(Redundancy::Single, 3);
    config.presence.logout_on_stop = true;
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.c.handle(s.now, Input::Drain { within_ms: 5_000 });
    s.drain();
    s.wait(4_999);
    assert!(!s.drained);
    s.wait(1);
    assert!(s.drained && s.c.deadlines().is_empty(), "{:?}", s.c.deadlines());
}

#[test]
fn nothing_is_connected_after_the_stop() {
    let mut s = Story::single(2);
    s.snapshots(3);
    s.c.handle(s.now, Input::Drain { within_ms: 5_000 });
    s.drain();
    assert!(s.drained);
    s.connects.clear();
    let mut other = config(Redundancy::Hot, 3);
    other.cti.switches[0].session = "other".into();
    s.c.handle(s.now, Input::Reconfigure(Arc::new(other)));
    s.drain();
    s.wait(60_000);
    assert!(s.connects.is_empty() && s.sent.is_empty() && s.c.deadlines().is_empty(), "{:?} {:?} {:?}", s.connects, s.sent, s.c.deadlines());
}

/// Ours was done after what another hand did, though the answer came when nobody waited for it any more.
#[test]
fn a_late_answer_replaces_what_another_hand_set_while_it_was_awaited() {
    for asked_first in [false, true] {
        let mut s = Story::single(1);
        s.presence(0, 6500);
        s.snapshots(2);
        let (link, r, _) = s.only();
        s.presence(0, 3500);
        s.agent(link, 75, 0, None);
        s.wait(config(Redundancy::Single, 1).cti.timers.request_timeout_ms);
        assert_eq!(s.sent.iter().map(|sent| sent.3).collect::<Vec<_>>(), [CtiReq::QueryAddress]);
        if asked_first {
            s.snapshots(3);
        }
        s.agent(link, 76, r, Some("busy"));
        s.snapshots(2);
        assert!(matches!(s.only().2, CtiReq::State(request) if request.ready), "asked first: {asked_first}");
    }
}

/// Told twice while a request is under way, a state of somebody else's is no wish that came after the worker's last change.
#[test]
fn a_state_told_again_during_a_request_does_not_hold_against_a_newer_presence() {
    let mut s = Story::single(1);
    s.presence(0, 6500);
    s.snapshots(2);
    let (link, r, _) = s.only();
    s.agent(link, 76, r, None);
    s.presence(0, 3500);
    assert!(matches!(s.only().2, CtiReq::State(request) if request.ready));
    s.agent(link, 75, 0, None);
    s.presence(0, 6500);
    s.agent(link, 75, 0, None);
    s.wait(config(Redundancy::Single, 1).cti.timers.request_timeout_ms);
    s.snapshots(3);
    assert!(matches!(s.only().2, CtiReq::State(request) if !request.ready));
}

#[test]
fn a_registration_answered_with_not_registered_waits_before_it_is_repeated() {
    let mut s = Story::single(1);
    let mut tries = 0;
    for _ in 0..600 {
        while let Some((link, ref_id, _, req)) = s.sent.pop() {
            assert_eq!(req, CtiReq::RegisterAddress);
            tries += 1;
            assert!(tries < 100, "a storm");
            s.error(link, ref_id, 41);
        }
        s.wait(100);
    }
    assert!((2..=6).contains(&tries), "{tries} registrations in a minute");
}

#[test]
fn un_registrations_keep_to_the_window_and_to_the_pace() {
    for (window, pace) in [(3, 0), (1000, 3)] {
        let mut first = config(Redundancy::Single, 20);
        first.cti.pace.requests_per_s = pace;
        let mut s = Story::new(first.clone());
        s.cti(A, CtiEvent::Connected);
        s.cti(A, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window, ping_s: 10 }));
        s.cti(A, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "SIPS" }));
        s.event(A, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
        for _ in 0..10 {
            s.snapshots(3);
            s.wait(1_000);
        }
        let mut second = first.clone();
        second.people.truncate(3);
        s.c.handle(s.now, Input::Reconfigure(Arc::new(second)));
        s.drain();
        let mut gone = Vec::new();
        for round in 0..12 {
            assert!(s.sent.len() <= 3, "round {round}: {:?}", s.sent);
            for (link, ref_id, dn, req) in core::mem::take(&mut s.sent) {
                assert_eq!(req, CtiReq::UnregisterAddress);
                gone.push(dn.0);
                let number = s.numbers.remove(0);
                s.event(link, TEvent { id: 54, ref_id, this_dn: &number, ..TEvent::default() });
            }
            s.wait(1_000);
        }
        gone.sort_unstable();
        assert_eq!(gone, (3..20).collect::<Vec<_>>());
        assert_eq!(s.c.cti_links()[0].outstanding, 0);
    }
}

#[test]
fn a_dn_that_comes_back_before_it_was_un_registered_stays_registered() {
    let mut s = Story::single(2);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(0);
    s.cti(A, CtiEvent::Connected);
    s.cti(A, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 1, ping_s: 10 }));
    s.cti(A, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "SIPS" }));
    s.sent.clear();
    s.event(A, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    s.snapshots(3);
    s.snapshots(3);
    assert_eq!(s.c.cti_links()[0].registered, 2);
    s.presence(1, 6500); // takes the window
    let (_, busy, _) = s.only();
    let both = config(Redundancy::Single, 2);
    let mut one = both.clone();
    one.people.remove(0);
    s.c.handle(s.now, Input::Reconfigure(Arc::new(one)));
    s.c.handle(s.now, Input::Reconfigure(Arc::new(both)));
    s.drain();
    assert!(s.sent.is_empty(), "the window is full: {:?}", s.sent);
    s.event(A, TEvent { id: 76, ref_id: busy, this_dn: "5001", kw_status: Some("busy"), kw_note: Some(""), ..TEvent::default() });
    assert_eq!(taken(&mut s, CtiReq::UnregisterAddress), 0);
    let (_, r, req) = s.only();
    assert_eq!(req, CtiReq::RegisterAddress);
    s.event(A, TEvent { id: 53, ref_id: r, this_dn: "5000", agent_status: Some(3), ..TEvent::default() });
    assert_eq!(s.c.cti_links()[0].registered, 2);
}

#[test]
fn a_slower_pace_takes_effect_without_stopping_everything() {
    let mut first = config(Redundancy::Single, 60);
    first.cti.pace.requests_per_s = 50;
    let mut s = Story::new(first.clone());
    s.open(A, Role::Primary);
    assert_eq!(s.sent.len(), 50);
    let mut second = first;
    second.cti.pace.requests_per_s = 40;
    s.c.handle(s.now, Input::Reconfigure(Arc::new(second)));
    s.drain();
    s.wait(1_000);
    assert_eq!(s.sent.len(), 60);
    // The same with a second that has not reached either limit.
    let mut s = Story::new(config(Redundancy::Single, 30));
    s.open(A, Role::Primary);
    let mut paced = config(Redundancy::Single, 60);
    paced.cti.pace.requests_per_s = 100;
    s.c.handle(s.now, Input::Reconfigure(Arc::new(paced.clone())));
    s.drain();
    assert_eq!(s.sent.len(), 60);
    paced.cti.pace.requests_per_s = 10;
    paced.people.extend(config(Redundancy::Single, 70).people.split_off(60));
    s.c.handle(s.now, Input::Reconfigure(Arc::new(paced)));
    s.drain();
    assert_eq!(s.sent.len(), 60);
    s.wait(1_000);
    assert_eq!(s.sent.len(), 70);
}

#[test]
fn a_shorter_grace_time_counts_for_those_already_lost() {
    let mut long = config(Redundancy::Single, 1);
    long.presence.stale = Rule::NotReady { work_mode: None };
    long.presence.grace_ms = 3_600_000;
    let mut s = Story::new(long.clone());
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    s.c.tell(s.now, Fact::CoverageLost { users: vec![UserId(0)].into() });
    s.drain();
    let mut short = long;
    short.presence.grace_ms = 10_000;
    s.c.handle(s.now, Input::Reconfigure(Arc::new(short)));
    s.drain();
    s.wait(9_999);
    assert!(s.sent.is_empty());
    s.wait(1);
    s.ask("NotReady", "unknown");
}

#[test]
fn an_answer_that_comes_while_its_dn_is_asked_again_is_still_the_answer() {
    let mut s = Story::single(1);
    s.snapshots(0);
    s.presence(0, 6500);
    let (link, r, _) = s.only();
    s.agent(link, 73, r, None);
    let (link, late) = s.ask("NotReady", "busy");
    s.agent(link, 75, 0, None); // the server's own choice after the login
    s.wait(10_000);
    let (_, query, req) = s.only();
    assert_eq!(req, CtiReq::QueryAddress);
    s.agent(link, 76, late, Some("busy"));
    s.agent(link, 76, 0, None); // a desktop, after it
    s.event(link, TEvent { id: 92, ref_id: query, this_dn: "5000", agent_status: Some(2), ..TEvent::default() });
    taken(&mut s, CtiReq::QueryAddress);
    assert!(s.sent.is_empty(), "the desktop's word stands: {:?}", s.sent);
    assert!(s.c.dn(DnId(0)).unwrap().held);
}

#[test]
fn absurd_numbers_of_a_bridge_do_no_harm() {
    let mut s = Story::new(config(Redundancy::Single, 1));
    s.cti(A, CtiEvent::Connected);
    s.cti(A, CtiEvent::Control(Control::Welcome { line_max: 0, window: 0, ping_s: u32::MAX }));
    s.cti(A, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "" }));
    s.event(A, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    let (link, ref_id, _) = s.only();
    for (id, reference) in [(53, u32::MAX), (92, 0), (52, 0), (52, u32::MAX), (u32::MAX, ref_id), (0, 0), (73, 7), (147, 0), (148, 0)] {
        let event = TEvent { id, ref_id: reference, this_dn: "5000", agent_status: Some(i32::MIN), snapshot_work_mode: Some(-1), ..TEvent::default() };
        s.event(link, event);
        let event = TEvent { id, ref_id: reference, work_mode: Some(i32::MAX), error_code: Some(i32::MIN), ..TEvent::default() };
        s.event(link, event);
    }
    s.wait(20_000);
    let bad = |s: &Story| s.sent.len() > 10;
    assert!(!bad(&s), "{:?}", s.sent);
}

#[test]
fn a_stop_in_the_same_moment_is_over_at_once() {
    let mut s = Story::single(1);
    s.c.handle(s.now, Input::Drain { within_ms: 0 });
    s.c.handle(s.now, Input::Drain { within_ms: u32::MAX });
    let mut drained = 0;
    while let Some(action) = s.c.poll_action() {
        drained += usize::from(matches!(action, Action::Drained));
    }
    assert_eq!((drained, s.c.deadlines().len()), (1, 0));
}
