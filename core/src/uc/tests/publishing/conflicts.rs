//! 409, and answers that never come.
use super::*;

/// Somebody published without the endpoint being told.
fn behind(s: &mut Server, value: OwnValue<'static>) {
    for key in TIMED {
        s.client(key, Some(value.clone()));
    }
}

#[test]
fn a_conflict_nobody_explains_is_read_up() {
    let mut s = Server::standing(publishing(1, KEEP), 2);
    s.command(None);
    s.serve();
    behind(&mut s, state(9500, ""));
    s.asked();
    s.command(Some(2));
    assert!(s.serve().is_empty());
    assert_eq!(s.asked(), "service");
    s.w.run(499);
    assert!(s.w.sent.is_empty());
    s.w.run(1);
    // They did it after our command, as far as we can tell: it is their turn.
    assert_eq!(s.serve(), [stated(9500, Activity::None)]);
    assert_eq!(s.asked(), "subscribe");
    assert_eq!(s.shows(Key::Timed2), Some((1, "9500".into())));
    assert_eq!(s.w.side_counters().publish_conflicts, 1);
}

#[test]
fn a_conflict_that_a_notification_explains() {
    let mut s = Server::standing(publishing(1, KEEP), 2);
    behind(&mut s, state(9500, ""));
    s.command(Some(1));
    assert!(s.serve().is_empty());
    s.tell(&TIMED);
    assert_eq!(s.said(), [stated(9500, Activity::None)]);
    s.command(None);
    s.w.run(500);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "9500".into())));
}

#[test]
fn a_withdrawal_never_deletes_what_it_does_not_know() {
    let mut s = Server::standing(publishing(1, KEEP), 2);
    behind(&mut s, state(12500, "Lunch"));
    s.command(None);
    s.serve();
    s.w.run(500);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "12500 Lunch".into())));
}

#[test]
fn our_own_versions_were_wrong() {
    let mut s = Server::standing(publishing(1, KEEP), 1);
    s.table.get_mut(&Key::Timed2).unwrap().version = 7;
    s.command(Some(2));
    s.serve();
    s.w.run(500);
    assert_eq!(s.serve(), ["published 0 Some(2)"]);
    assert_eq!(s.shows(Key::Timed2), Some((8, "6500".into())));
}

#[test]
fn a_fault_that_cannot_be_resolved_does_not_loop() {
    let mut s = Server::standing(publishing(1, KEEP), 1);
    s.command(Some(2));
    let mut services = 0;
    let mut said = Vec::new();
    for _ in 0..600 {
        while !s.w.sent.is_empty() {
            let msg = s.take();
            if msg.method == Method::Service {
                services += 1;
                let operations = vec![FaultOperation { index: 99, version: 1, current: 2 }, FaultOperation { index: 0, version: 1, current: 0 }];
                let fault = FaultDoc { code: "Client.BadCall.WrongDelta".into(), operations, unreadable: 1 };
                s.w.answer(&msg, 409, |r| r.body = Body::Refusal(Box::new(fault)));
            } else {
                s.answer(&msg);
            }
        }
        s.w.run(1_000);
        said.extend(s.said());
    }
    assert_eq!(said, ["failed 0"], "told once per command");
    assert!((4..=40).contains(&services), "{services}");
}

#[test]
fn another_fault_is_not_tried_again() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(2));
    s.serve_one();
    s.serve_one();
    let msg = s.take();
    let fault = FaultDoc { code: "Client.BadCall.Other".into(), ..FaultDoc::default() };
    s.w.answer(&msg, 409, |r| r.body = Body::Refusal(Box::new(fault)));
    assert_eq!(s.said(), ["failed 0"]);
    s.w.run(60_000);
    assert!(s.w.sent.is_empty());
    s.command(Some(2));
    assert_eq!(s.serve(), ["published 0 Some(2)"]);
}

#[test]
fn an_answer_that_never_came_is_read_up() {
    for applied in [false, true] {
        let mut s = Server::new(publishing(1, KEEP));
        s.command(Some(2));
        s.serve_one();
        s.serve_one();
        let lost = s.take();
        if applied {
            let facts = s.w.sent.len();
            let before = s.w.entropy.clone();
            let states = s.w.directory.config().publish.states.clone();
            let SipBody::Publish(p) = &lost.body else { panic!() };
            for p in p {
                s.table.insert(p.key, Stored { version: 1, at: 1, lifetime: p.lifetime, expires_s: p.expires_s, value: value_of(p, &states) });
            }
            let _ = (facts, before);
        }
        s.w.run(20_000);
        s.tell(&[]);
        s.w.run(12_000);
        assert!(s.said().is_empty());
        s.asked();
        s.w.run(60_000);
        assert_eq!(s.serve(), ["published 0 Some(2)"]);
        // Also what was found to stand is published once more: how long it lasts is not known.
        assert_eq!(s.asked(), "subscribe service");
    }
}

#[test]
fn what_our_deletion_took_along_is_put_back() {
    for told in [false, true] {
        let mut s = Server::standing(publishing(1, KEEP), 0);
        s.command(None);
        let deletion = s.take();
        // The worker takes our note away and writes one: with the version that ours had.
        s.client(Key::Note200, None);
        s.tell(&[Key::Note200]);
        s.client(Key::Note200, Some(note("In Bonn")));
        s.tell(&[Key::Note200]);
        assert_eq!(s.shows(Key::Note200), Some((1, "In Bonn".into())));
        if told {
            s.store(&deletion);
            s.tell(&Key::ALL);
            s.w.answer(&deletion, 200, |_| {});
        } else {
            s.answer(&deletion);
        }
        assert_eq!(s.serve(), ["published 0 None"]);
        assert_eq!(s.shows(Key::Note200), Some((1, "In Bonn".into())));
        assert!(s.shows(Key::Timed2).is_none() && s.shows(Key::Note300).is_none());
    }
}
