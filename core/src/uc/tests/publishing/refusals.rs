//! Servers that say no (`spec/ms-pres.md` 3.6, 6.10), and what is not for us.
use super::*;
use crate::uc_event::{OtherRequest, UcEvent};

#[test]
fn a_connection_that_is_not_trusted_is_one_alarm() {
    let mut s = Server::new(publishing(3, LEAVE));
    for user in 0..3 {
        s.w.publish(UserId(user), Some(0));
    }
    for _ in 0..3 {
        let msg = s.take();
        s.w.answer(&msg, 403, |_| {});
    }
    assert_eq!(s.said(), ["failed 0", "failed 1", "failed 2"]);
    assert_eq!(s.w.alarms(), 1);
    s.w.run(60_000);
    assert!(s.w.sent.iter().all(|(_, m)| m.method != Method::Register));
    // By the next command, or by itself after a long while.
    s.command(Some(0));
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.w.side_counters().publish_refused, 3);
    assert_eq!(s.w.side.publisher(UserId(1)).unwrap().refused, Some(403));
}

#[test]
fn an_endpoint_the_server_does_not_know_any_more_is_registered_anew_once() {
    for stubborn in [false, true] {
        let mut s = Server::standing(publishing(1, KEEP), 0);
        s.command(None);
        let refused = s.take();
        s.w.answer(&refused, 403, |_| {});
        assert!(s.w.sent.is_empty() && s.w.alarms() == 0);
        s.asked();
        for _ in 0..12 {
            if s.w.sent.is_empty() {
                s.w.run(10_000);
                s.w.event(SIP0, UcEvent::KeepAlive);
            }
        }
        s.serve_one();
        s.serve_one();
        assert_eq!(s.asked(), "register subscribe");
        let again = s.take();
        if stubborn {
            // It knows the endpoint: then it does not let us.
            s.w.answer(&again, 403, |_| {});
            assert_eq!((s.w.alarms(), s.said().join(", ")), (1, "failed 0".into()));
            s.asked();
            s.pass(600_000);
            assert!(!s.asked().contains("service"));
        } else {
            s.answer(&again);
            assert_eq!((s.w.alarms(), s.shows(Key::Timed2)), (0, None));
        }
    }
}

#[test]
fn presence_services_are_down_for_a_while() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(0));
    s.serve_one();
    s.serve_one();
    let msg = s.take();
    s.w.answer(&msg, 503, |r| r.retry_after_s = Some(30));
    // Only the newest counts.
    s.command(Some(1));
    s.command(Some(2));
    s.w.run(29_000);
    assert!(s.w.sent.is_empty() && s.said().is_empty());
    s.w.run(1_000);
    assert_eq!(s.serve(), ["published 0 Some(2)"]);
}

#[test]
fn after_a_quarter_of_an_hour_presence_is_told() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(2));
    let mut said = Vec::new();
    let begin = s.w.now;
    while said.is_empty() && s.w.now.since(begin) < 3_600_000 {
        while !s.w.sent.is_empty() {
            let msg = s.take();
            match msg.method {
                Method::Service => s.w.answer(&msg, 480, |_| {}),
                _ => s.answer(&msg),
            }
        }
        s.w.run(10_000);
        s.w.event(SIP0, UcEvent::KeepAlive);
        said.extend(s.said());
    }
    assert_eq!(said, ["failed 0"]);
    assert!((900_000..1_300_000).contains(&s.w.now.since(begin)), "{}", s.w.now.since(begin));
    // It goes on trying.
    assert_eq!(s.pass(400_000), ["published 0 Some(2)"]);
}

#[test]
fn too_big_and_unknown_wait_for_a_command() {
    for status in [413, 404, 301] {
        let mut s = Server::new(publishing(1, KEEP));
        s.command(Some(0));
        s.serve_one();
        s.serve_one();
        let msg = s.take();
        s.w.answer(&msg, status, |r| r.contacts = vec!["sip:elsewhere.example"]);
        assert_eq!(s.said(), ["failed 0"], "{status}");
        s.w.run(100_000);
        assert!(!s.serve().contains(&"failed 0".into()));
        assert!(s.w.covered() == [0], "the link stays where it is");
        s.command(Some(2));
        assert_eq!(s.serve(), ["published 0 Some(2)"], "{status}");
    }
}

#[test]
fn the_server_wants_a_longer_registration() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(0));
    let msg = s.take();
    s.w.answer(&msg, 423, |r| r.min_expires_s = Some(900));
    let msg = s.take();
    assert_eq!((header(&msg, "Expires"), msg.cseq), (vec!["900"], 2));
    s.answer(&msg);
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
}

#[test]
fn calls_and_messages_are_not_taken() {
    let mut s = Server::new(publishing(1, LEAVE));
    let ask = |s: &mut Server, method| {
        s.w.answers.clear();
        s.w.event(
            SIP0,
            UcEvent::Request(&OtherRequest { method, call_id: "c", cseq: 1, from_tag: "f", to_tag: "", content_type: "", require_unsupported: None }),
        );
        s.w.answers.clone()
    };
    assert_eq!(ask(&mut s, "INVITE"), [405]);
    s.command(Some(0));
    s.serve();
    assert_eq!(ask(&mut s, "INVITE"), [480]);
    assert_eq!(ask(&mut s, "MESSAGE"), [480]);
    assert_eq!(ask(&mut s, "CANCEL"), [481]);
    assert_eq!(ask(&mut s, "ACK"), [0u16; 0]);
    assert_eq!(ask(&mut s, "INFO"), [405]);
}

#[test]
fn a_subscription_that_is_gone_is_made_anew() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    let sub = s.sub.clone().unwrap();
    s.w.notify(&sub, 1000, |n| {
        n.event = "vnd-microsoft-roaming-self";
        n.state = ends(&sub);
    });
    s.w.run(1_000);
    s.serve();
    assert_eq!(s.asked(), "subscribe");
    assert_ne!(s.sub.clone().unwrap().call_id, sub.call_id);
    // Notifications of the old one belong to nobody.
    s.w.answers.clear();
    s.w.notify(&sub, 1001, |n| n.event = "vnd-microsoft-roaming-self");
    assert_eq!(s.w.answers, [481]);
    assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(0));
}

#[test]
fn a_refresh_that_the_server_does_not_know() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    let mut gone = None;
    for _ in 0..3000 {
        s.w.run(10_000);
        s.w.event(SIP0, UcEvent::KeepAlive);
        while !s.w.sent.is_empty() {
            let msg = s.take();
            if msg.to_tag.is_some() && matches!(msg.body, SipBody::RoamingList) && gone.is_none() {
                s.w.answer(&msg, 481, |_| {});
                gone = Some(msg.call_id);
            } else {
                s.answer(&msg);
            }
        }
    }
    assert!(s.said().is_empty());
    assert!(gone.is_some() && s.sub.map(|sub| sub.call_id) != gone);
    assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(0));
}

#[test]
fn what_watchers_are_told_and_the_worker_is_not() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.command(None);
    s.serve();
    s.show(1, 3_500);
    s.pass(60_000);
    s.asked();
    // Told on both ways, whichever comes first.
    s.show(2, 6_500);
    s.pass(1_000);
    s.acts([Key::Static2, Key::Static3], Some(state(6_500, "")));
    s.pass(10_000);
    assert_eq!(s.asked(), "");
    s.acts([Key::Static2, Key::Static3], Some(state(3_500, "")));
    s.pass(1_000);
    s.show(3, 3_500);
    s.pass(30_000);
    assert_eq!(s.asked(), "");
    // The server has lost the worker's own subscription: what they choose now must not be written over by what they had.
    s.client(Key::Static2, Some(state(9_500, "")));
    s.show(4, 9_500);
    s.w.run(4_999);
    assert!(s.w.sent.is_empty());
    s.w.run(1);
    let refresh = s.take();
    assert!(refresh.to_tag.is_some() && matches!(refresh.body, SipBody::RoamingList));
    s.w.answer(&refresh, 481, |_| {});
    s.serve();
    assert_eq!(s.asked(), "subscribe subscribe");
    // And that it stands is good for a while.
    s.show(5, 9_500);
    s.pass(10_000);
    assert_eq!(s.asked(), "");
}

#[test]
fn a_registration_that_comes_too_late_is_a_new_one() {
    for (refused_ms, again) in [(1_000, false), (40_000, true)] {
        let mut c = publishing(1, KEEP);
        c.uc.timers.retry_max_ms = 5_000;
        let mut s = Server::standing(c, 0);
        let before = s.sub.clone().unwrap().call_id;
        // The refresh, some time before the registration ends.
        let mut refused_until = None;
        for _ in 0..40_000 {
            s.w.run(1_000);
            s.w.event(SIP0, UcEvent::KeepAlive);
            while !s.w.sent.is_empty() {
                let msg = s.take();
                match msg.method {
                    Method::Register if s.w.now < *refused_until.get_or_insert(s.w.now + refused_ms) => s.w.answer(&msg, 503, |r| r.retry_after_s = Some(1)),
                    _ => s.answer(&msg),
                }
            }
            if refused_until.is_some_and(|until| s.w.now > until + 20_000) {
                break;
            }
        }
        assert!(refused_until.is_some());
        assert_eq!(s.sub.clone().unwrap().call_id != before, again, "what the server ended is subscribed anew, after {refused_ms} ms");
        assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(0));
    }
}
