//! Dialogs in which nothing is heard (Timer N), ends that are answered late, and what a notification may change about its dialog (RFC 6665, 4235).
use super::harness::*;
use super::simple::{accept, accept_all, calls, on_calls, pidf, simple, told, with_calls};
use crate::config::{CallRule, NoteLevel, Oversize};
use crate::note::Note;
use crate::uc_event::{Body, CallState, Method, SipRequest, SubState, TerminationReason, UcEvent};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

fn warnings(w: &World) -> Vec<&str> {
    let of = |note: &'_ Note| matches!(note, Note::Uc { level: NoteLevel::Warn, text, .. } if text.contains("got no NOTIFY"));
    w.notes.iter().filter(|n| of(n)).map(|n| if let Note::Uc { text, .. } = n { &**text } else { "" }).collect()
}

/// The next new SUBSCRIBE, and after how many seconds it came.
fn anew(w: &mut World, at_most_s: u64) -> (u64, SipRequest) {
    for s in 0..=at_most_s {
        if let Some(at) = w.sent.iter().position(|(_, m)| is(m, Method::Subscribe) && m.cseq == 1) {
            return (s, w.sent.remove(at).expect("there").1);
        }
        w.live(1_000);
    }
    panic!("nothing within {at_most_s} s: {:?}", w.sent);
}

#[test]
fn a_granted_subscription_without_a_notification_is_made_anew_less_and_less_often() {
    let mut c = simple(1, |_| {});
    c.note_level = NoteLevel::Warn;
    let mut w = World::connected(c);
    let mut msg = w.next();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        accept(&mut w, &msg);
        assert_eq!(w.covered(), [0]);
        let (pause, next) = anew(&mut w, 60);
        assert!(next.call_id != msg.call_id);
        // What the forgotten dialog says now is a stranger's.
        w.notify(&msg, 1, |n| n.body = pidf(3500));
        assert_eq!((w.answers.pop(), told(&mut w)), (Some(481), vec![]));
        pauses.push(pause);
        msg = next;
    }
    assert_eq!(pauses[0], 32);
    assert!(pauses.windows(2).all(|p| p[0] <= p[1]) && pauses[3] >= 35, "{pauses:?}");
    assert_eq!(warnings(&w).len(), 4);
    // One notification and the dialog stands.
    accept(&mut w, &msg);
    w.notify(&msg, 1, |n| n.body = pidf(3500));
    w.live(60_000);
    assert_eq!((told(&mut w), w.covered(), w.sent.len(), warnings(&w).len()), (vec![(0, 3500)], vec![0], 0, 4));
}

#[test]
fn t1_makes_timer_n_and_a_slow_answer_leaves_a_moment() {
    let mut w = World::connected(simple(1, |s| (s.t1_ms, s.oversize) = (100, Oversize::Send)));
    let msg = w.next();
    accept(&mut w, &msg);
    let (pause, msg) = anew(&mut w, 60);
    assert_eq!(pause, 7, "64 * 100 ms, looked at every second");
    w.live(20_000);
    accept(&mut w, &msg);
    w.live(4_000);
    w.notify(&msg, 1, |n| n.body = pidf(3500));
    w.live(60_000);
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 3500)], vec![0]));
}

#[test]
fn a_subscription_to_calls_without_a_notification_leaves_presence_alone() {
    let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
    w.notify(&presence, 1, |n| n.body = pidf(3500));
    let (_, again) = anew(&mut w, 60);
    assert_eq!((&again.to, header(&again, "Event")), (&dialog.to, vec!["dialog"]));
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 3500)], vec![0]));
}

#[test]
fn what_a_front_end_piggybacks_is_its_notification_and_silence_ends_the_batch() {
    let (mut w, _) = World::subscribed(config(3));
    w.live(60_000);
    assert!(!w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)));
    let mut w = World::connected(config(3));
    let msg = w.next();
    w.answer(&msg, 200, |_| {});
    let (pause, again) = anew(&mut w, 60);
    assert_eq!((pause, users_in(&again).len()), (32, 3));
    w.grant(&again);
    w.live(60_000);
    assert_eq!(w.covered(), [0, 1, 2]);
}

#[test]
fn a_lost_connection_forgets_who_was_waited_for() {
    let mut w = World::connected(simple(3, |_| {}));
    accept_all(&mut w);
    w.event(SIP0, UcEvent::Closed { why: crate::uc_event::CloseCause::PeerClosed });
    w.run(0);
    w.connect();
    w.sent.clear();
    w.run(31_000);
    assert!(warnings(&w).is_empty());
}

#[test]
fn retry_after_counts_without_a_reason_and_invariant_waits_long() {
    for (reason, retry_after_s, early_s, late_s) in [
        (TerminationReason::None, Some(120), 115, 130),
        (TerminationReason::Other, Some(120), 115, 130),
        (TerminationReason::Invariant, None, 3_590, 3_620),
        (TerminationReason::Invariant, Some(5), 3_590, 3_620),
        (TerminationReason::Deactivated, Some(120), 0, 30),
    ] {
        let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
        for (msg, event) in [(&presence, "presence"), (&dialog, "dialog")] {
            w.notify(msg, 1, |n| n.event = event);
            w.notify(msg, 2, |n| (n.event, n.state, n.reason, n.retry_after_s) = (event, SubState::Terminated, reason, retry_after_s));
        }
        assert_eq!(w.answers, [200; 4]);
        for first in [true, false] {
            let (waited, again) = anew(&mut w, late_s);
            assert!(waited >= early_s || !first, "{reason:?} {retry_after_s:?}: {waited}");
            accept(&mut w, &again);
            w.greet(&again);
        }
    }
}

#[test]
fn the_last_notification_of_a_dialog_we_ended_is_answered() {
    let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
    w.notify(&presence, 1, |n| n.body = pidf(3500));
    on_calls(&mut w, &dialog, 1, calls(0, true, &[]));
    w.reconfigure(simple(0, |s| s.calls = CallRule::Confirmed));
    w.run(0);
    let ends: Vec<SipRequest> = w.sent.drain(..).map(|(_, m)| m).collect();
    assert_eq!(ends.len(), 2);
    ends.iter().for_each(|m| w.answer(m, 200, |r| r.expires_s = Some(0)));
    w.answers.clear();
    w.facts();
    for (msg, event) in [(&presence, "presence"), (&dialog, "dialog")] {
        // Once more when our answer was lost.
        for _ in 0..2 {
            w.notify(msg, 2, |n| (n.event, n.state, n.reason, n.body) = (event, SubState::Terminated, TerminationReason::Timeout, Body::None));
        }
    }
    assert_eq!(core::mem::take(&mut w.answers), [200; 4]);
    w.live(33_000);
    w.notify(&presence, 3, |n| n.state = SubState::Terminated);
    assert_eq!((w.answers.pop(), w.sent.len(), w.facts().len()), (Some(481), 0, 0));
    assert!(warnings(&w).is_empty());
}

#[test]
fn stopping_does_not_wait_for_last_notifications() {
    let mut w = World::connected(simple(2, |_| {}));
    let all = accept_all(&mut w);
    all.iter().for_each(|m| w.greet(m));
    w.drain();
    while let Some((_, msg)) = w.sent.pop_front() {
        assert_eq!(header(&msg, "Expires"), ["0"]);
        w.answer(&msg, 200, |r| r.expires_s = Some(0));
    }
    assert!(w.side.is_drained());
}

#[test]
fn later_notifications_move_the_target() {
    let mut w = World::connected(simple(1, |_| {}));
    let msg = w.next();
    accept(&mut w, &msg);
    w.notify(&msg, 1, |n| (n.contact, n.body) = (Some("sip:one@a"), pidf(3500)));
    w.notify(&msg, 2, |n| (n.contact, n.body) = (Some("sip:two@a"), pidf(3500)));
    // One that is refused changes nothing, nor does one without an address.
    w.notify(&msg, 3, |n| (n.contact, n.body) = (Some("sip:three@a"), Body::Unsupported("text/plain")));
    w.notify(&msg, 4, |n| n.body = pidf(3500));
    w.live(480_000);
    let refresh = w.next();
    assert_eq!(&*refresh.uri, "sip:two@a");
    // So does the answer to a refresh.
    w.answer(&refresh, 200, |r| (r.expires_s, r.contacts) = (Some(600), vec!["sip:four@a"]));
    w.live(480_000);
    assert_eq!(&*w.next().uri, "sip:four@a");
}

#[test]
fn what_an_early_notification_grants_counts() {
    let mut w = World::connected(simple(1, |_| {}));
    let msg = w.next();
    w.notify(&msg, 1, |n| (n.body, n.expires_s) = (pidf(3500), Some(100)));
    accept(&mut w, &msg);
    w.live(49_000);
    assert!(!w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)));
    w.live(2_000);
    assert!(w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)), "refreshed when half of the hundred seconds is over");
}

#[test]
fn old_news_of_calls_are_not_read() {
    let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
    w.notify(&presence, 1, |n| n.body = pidf(3500));
    let on = |id: &'static str| [(id, CallState::Confirmed)];
    on_calls(&mut w, &dialog, 1, calls(5, true, &on("a")));
    assert_eq!(told(&mut w), [(0, 3500), (0, 6500)]);
    let none: [(&'static str, CallState); 1] = [("a", CallState::Terminated)];
    on_calls(&mut w, &dialog, 2, calls(5, false, &none));
    on_calls(&mut w, &dialog, 3, calls(4, false, &none));
    on_calls(&mut w, &dialog, 4, calls(3, true, &[]));
    assert_eq!((told(&mut w), w.sent.len()), (vec![], 0), "neither read nor asked about");
    // A server that never counts says everything each time.
    on_calls(&mut w, &dialog, 5, calls(5, true, &[]));
    assert_eq!(told(&mut w), [(0, 3500)]);
    on_calls(&mut w, &dialog, 6, calls(7, false, &on("b")));
    let asked: Vec<Box<str>> = w.sent.drain(..).map(|(_, m)| m.call_id).collect();
    assert_eq!((told(&mut w), asked), (vec![], vec![dialog.call_id.clone()]), "a gap is asked about");
}
