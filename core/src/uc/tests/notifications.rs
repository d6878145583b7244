//! NOTIFY and BENOTIFY.
use super::harness::*;
use crate::codec::xml::XmlFault;
use crate::fact::Fact;
use crate::presence::StateChange;
use crate::uc_event::{Body, OtherRequest, ResourceState, SubState, TerminationReason, UcEvent};
use crate::views::Counters;
use alloc::boxed::Box;
use alloc::vec;

fn counters(w: &World) -> Counters {
    let mut counters = Counters::default();
    w.side.count(&mut counters);
    counters
}

#[test]
fn a_single_document_is_answered_first_and_becomes_presence() {
    let (mut w, msg) = World::subscribed(config(2));
    w.notify(&msg, 4, |n| n.body = Body::Categories(doc(1, 6500)));
    assert_eq!(w.answers, [200]);
    let facts = w.facts();
    let [Fact::Presence { user, update }] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((user.index(), update.first), (1, false));
    assert!(matches!(update.state, StateChange::Value { availability: 6500, .. }));
}

#[test]
fn a_benotify_is_never_answered() {
    let (mut w, msg) = World::subscribed(config(1));
    for (cseq, stranger) in [(2, None), (1, None), (7, Some("0.nobody@192.0.2.1")), (8, Some(""))] {
        w.notify(&msg, cseq, |n| {
            n.best_effort = true;
            n.call_id = stranger.unwrap_or(n.call_id);
            n.body = Body::Categories(doc(0, 6500));
        });
    }
    assert!(w.answers.is_empty());
    assert_eq!(w.coverage_facts().0, [0], "only the first one counts");
}

#[test]
fn cseq_decides_what_is_processed() {
    let (mut w, msg) = World::subscribed(config(1));
    for (cseq, status, processed) in [(5, 200, 1), (5, 200, 0), (4, 500, 0), (6, 200, 1), (90, 200, 1)] {
        w.answers.clear();
        w.notify(&msg, cseq, |n| n.body = Body::Categories(doc(0, 6500)));
        assert_eq!(w.answers, [status], "CSeq {cseq}");
        assert_eq!(w.facts().len(), processed, "CSeq {cseq}");
    }
}

#[test]
fn strangers_are_refused() {
    let (mut w, msg) = World::subscribed(config(1));
    type Twist = fn(&mut crate::uc_event::Notify<'_>);
    let cases: [(u16, Twist); 7] = [
        (481, |n| n.call_id = "ffff.0123@192.0.2.1"),
        (481, |n| n.call_id = "no hexadecimal number"),
        (481, |n| n.to_tag = "another"),
        (481, |n| n.from_tag = "another"),
        (420, |n| n.require_unsupported = Some("teleport")),
        (489, |n| n.event = "dialog"),
        (400, |n| n.body = Body::Fault(Box::new(XmlFault::Truncated { at: 7 }))),
    ];
    for (i, (status, change)) in cases.into_iter().enumerate() {
        w.answers.clear();
        w.notify(&msg, 10 + i as u32, |n| {
            n.body = Body::Categories(doc(0, 6500));
            change(n);
        });
        assert_eq!((i, &w.answers[..]), (i, &[status][..]));
        assert!(w.facts().is_empty());
    }
    assert_eq!(counters(&w).malformed, 1);
}

#[test]
fn other_requests_get_their_answer() {
    let mut w = World::connected(config(0));
    for (method, require, status) in [("OPTIONS", None, 200), ("INVITE", None, 405), ("FROBNICATE", None, 405), ("OPTIONS", Some("x"), 420)] {
        w.answers.clear();
        let request = OtherRequest { method, call_id: "c", cseq: 1, from_tag: "f", to_tag: "", content_type: "", require_unsupported: require };
        w.event(SIP0, UcEvent::Request(&request));
        assert_eq!(w.answers, [status], "{method}");
    }
}

#[test]
fn documents_for_others_are_counted_and_ignored() {
    let (mut w, msg) = World::subscribed(config(1));
    w.notify(&msg, 2, |n| n.body = Body::Categories(doc(77, 6500)));
    assert!(w.facts().is_empty());
    assert_eq!(counters(&w).unknown_users, 1);
    assert_eq!(w.answers, [200]);
}

#[test]
fn a_notify_may_overtake_the_answer_to_the_subscribe() {
    let mut w = World::connected(config(2));
    let msg = w.next();
    w.notify(&msg, 2, |n| n.body = Body::Categories(doc(0, 6500)));
    assert_eq!(w.answers, [200]);
    let facts = w.facts();
    assert!(matches!(&facts[..], [Fact::Presence { update, .. }] if update.first));
    assert!(w.covered().is_empty());
    // The piggybacked state is older for user 0, the first word for user 1.
    w.grant(&msg);
    let firsts: vec::Vec<_> = w
        .facts()
        .into_iter()
        .map(|f| match f {
            Fact::Presence { user, update } => (user.index(), update.first),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(firsts, [(0, false), (1, true)]);
    assert_eq!(w.covered(), [0, 1]);
    // The number of the body does not put the order back.
    w.notify(&msg, 2, |n| n.body = Body::Categories(doc(1, 6500)));
    assert!(w.facts().is_empty());
}

#[test]
fn without_piggyback_the_first_notify_settles_everybody() {
    let mut w = World::connected(config(3));
    let msg = w.next();
    w.answer(&msg, 200, |_| {});
    assert_eq!(w.covered(), [0, 1, 2]);
    assert!(w.facts().is_empty(), "nothing was said about anybody yet");
    w.notify(&msg, 1, |n| n.body = list(&[(0, ResourceState::Active, Some(3500)), (1, ResourceState::Active, None)]));
    // User 1 is active without a document, user 2 is not in the (partial) list.
    assert_eq!(w.coverage_facts(), (vec![0], vec![], vec![1, 2]));
    w.notify(&msg, 2, |n| n.body = list(&[(0, ResourceState::Active, Some(6500))]));
    assert_eq!(w.coverage_facts(), (vec![0], vec![], vec![]));
}

#[test]
fn a_terminated_dialog_is_made_anew_after_the_time_its_reason_asks_for() {
    let cases = [
        (TerminationReason::None, None, 0, 10_000),
        (TerminationReason::Deactivated, None, 0, 10_000),
        (TerminationReason::Timeout, None, 0, 10_000),
        (TerminationReason::Probation, Some(45), 45_000, 45_000),
        (TerminationReason::Probation, None, 60_000, 60_000),
        (TerminationReason::Giveup, None, 900_000, 900_000),
        (TerminationReason::Rejected, None, 900_000, 900_000),
    ];
    for (reason, retry_after_s, min, max) in cases {
        let (mut w, msg) = World::subscribed(config(1));
        w.notify(&msg, 2, |n| {
            n.state = SubState::Terminated;
            n.reason = reason;
            n.retry_after_s = retry_after_s;
        });
        assert_eq!(w.answers, [200]);
        assert_eq!(w.coverage_facts().1, [0], "{reason:?}");
        let start = w.now;
        let subscribed = |w: &World| w.sent.iter().any(|(_, m)| users_in(m) == [0]);
        while !subscribed(&w) {
            w.event(SIP0, UcEvent::KeepAlive);
            w.run(100);
            assert!(w.now.since(start) <= max + 100, "{reason:?}: too late");
        }
        assert!(w.now.since(start) + 100 >= min, "{reason:?}: after {} ms", w.now.since(start));
        // The old dialog is gone.
        w.answers.clear();
        w.notify(&msg, 3, |_| {});
        assert_eq!(w.answers, [481]);
    }
}

#[test]
fn a_server_that_ends_every_dialog_at_once_is_asked_more_and_more_rarely() {
    let mut c = config(1);
    c.uc.timers.resubscribe_jitter_ms = 0;
    let mut w = World::connected(c);
    let mut asked = 0;
    for _ in 0..600 {
        while let Some((_, msg)) = w.sent.pop_front() {
            if users_in(&msg).is_empty() {
                w.answer(&msg, 200, |_| {});
                continue;
            }
            asked += 1;
            w.grant(&msg);
            w.notify(&msg, 9, |n| n.state = SubState::Terminated);
        }
        w.run(1_000);
    }
    assert!((8..15).contains(&asked), "{asked} subscriptions in ten minutes");
}

#[test]
fn a_shortened_subscription_is_refreshed_in_time() {
    let (mut w, msg) = World::subscribed(config(1));
    w.notify(&msg, 2, |n| {
        n.expires_s = Some(1_000);
        n.body = Body::Categories(doc(0, 6500));
    });
    for _ in 0..880 {
        w.event(SIP0, UcEvent::KeepAlive);
        assert!(w.sent.is_empty());
        w.run(1_000);
    }
    assert!(matches!(w.next().body, crate::uc_event::SipBody::None));
}

#[test]
fn a_hostile_list_changes_nobody_else() {
    let (mut w, msg) = World::subscribed(config(2));
    w.notify(&msg, 2, |n| {
        n.body = list(&[(99, ResourceState::Terminated(TerminationReason::Rejected), Some(6500)), (98, ResourceState::Resubscribe { pool: None }, None)])
    });
    assert_eq!(w.coverage_facts(), (vec![], vec![], vec![]));
    assert_eq!(w.covered(), [0, 1]);
    assert!(w.sent.is_empty());
}
