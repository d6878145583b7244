//! Servers that say absurd things: whatever they answer, they get a bounded number of requests.
use super::harness::*;
use crate::config::Config;
use crate::uc_event::{Method, ResourceState, SipRequest, TerminationReason};

/// Answers whatever is sent as `answer` says, for `ms` milliseconds; returns how many requests there were.
fn play(w: &mut World, ms: u64, mut answer: impl FnMut(&mut World, &SipRequest)) -> usize {
    let (end, mut requests) = (w.now + ms, 0);
    loop {
        while let Some((_, msg)) = w.sent.pop_front() {
            requests += 1;
            assert!(requests < 10_000, "a storm: {msg:?}");
            answer(w, &msg);
        }
        if w.now >= end {
            return requests;
        }
        w.run(100);
    }
}

fn registering() -> Config {
    let mut c = config(1);
    c.uc.register = true;
    c
}

#[test]
fn a_retry_after_of_zero_is_no_invitation_to_a_storm() {
    for config in [config(1), registering()] {
        let mut w = World::connected(config);
        let requests = play(&mut w, 10_000, |w, msg| w.answer(msg, 503, |r| r.retry_after_s = Some(0)));
        assert!((2..=11).contains(&requests), "{requests} requests in ten seconds");
    }
}

#[test]
fn a_growing_minimum_is_no_invitation_to_a_storm() {
    for config in [config(1), registering()] {
        let mut w = World::connected(config);
        let mut min = 1_000;
        let requests = play(&mut w, 60_000, |w, msg| {
            min += 1;
            w.answer(msg, 423, |r| r.min_expires_s = Some(min));
        });
        assert!(requests <= 20, "{requests} requests in a minute");
    }
}

#[test]
fn a_minimum_that_is_asked_for_is_granted_at_once() {
    for config in [config(1), registering()] {
        let mut w = World::connected(config);
        let first = w.next();
        w.answer(&first, 423, |r| r.min_expires_s = Some(7_200));
        let second = w.next();
        assert_eq!(header(&second, "Expires"), ["7200"]);
    }
}

#[test]
fn pools_that_send_a_user_to_and_fro_do_not_make_a_storm() {
    for pools in [[Some("pool02.contoso.example"), Some("pool03.contoso.example")], [Some("pool02.contoso.example"), None], [None, None]] {
        let mut w = World::connected(config(1));
        let mut turn = 0;
        let requests = play(&mut w, 3_600_000, |w, msg| {
            if !is(msg, Method::Subscribe) || users_in(msg).is_empty() {
                return w.answer(msg, 200, |_| {});
            }
            turn += 1;
            let pool = pools[turn % 2].map(Into::into);
            w.answer(msg, 200, |r| r.body = list(&[(0, ResourceState::Resubscribe { pool }, None)]));
        });
        assert!((5..=300).contains(&requests), "{requests} requests in an hour");
        assert!(w.side.links()[0].dialogs <= 3, "{} dialogs for one user", w.side.links()[0].dialogs);
    }
}

#[test]
fn a_user_is_found_in_the_third_pool() {
    let mut w = World::connected(config(1));
    for pool in ["pool02.contoso.example", "pool03.contoso.example"] {
        let msg = w.next();
        w.answer(&msg, 200, |r| r.body = list(&[(0, ResourceState::Resubscribe { pool: Some(pool.into()) }, None)]));
        w.sent.retain(|(_, msg)| !users_in(msg).is_empty());
    }
    let msg = w.next();
    assert_eq!(&*msg.uri, "sip:pool03.contoso.example");
    w.grant(&msg);
    assert_eq!(w.covered(), [0]);
}

#[test]
fn a_dialog_that_nobody_is_in_is_ended() {
    let (mut w, msg) = World::subscribed(config(1));
    w.notify(&msg, 2, |n| n.body = list(&[(0, ResourceState::Terminated(TerminationReason::NoResource), None)]));
    let end = w.next();
    assert_eq!((&end.call_id, header(&end, "Expires")), (&msg.call_id, ["0"].into()));
    w.answer(&end, 200, |_| {});
    assert_eq!(w.side.links()[0].dialogs, 0);
    let again = play(&mut w, 3_700_000, |w, msg| if is(msg, Method::Subscribe) { w.grant(msg) } else { w.answer(msg, 200, |_| {}) });
    assert!(again > 0);
    assert_eq!((w.covered(), w.side.links()[0].dialogs), ([0].into(), 1));
}
