//! Connections: addresses, pauses, redirects, silence.
use super::harness::*;
use crate::action::Action;
use crate::config::{UcEndpoint, Watcher};
use crate::id::UcLinkId;
use crate::note::Note;
use crate::uc_event::{Body, CloseCause, Method, SubState, UcEvent};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The address the world is asked to connect to now.
fn dialled(w: &mut World) -> u8 {
    loop {
        match w.acts.pop_front() {
            Some(Action::ConnectUc { addr, .. }) => match addr.ip() {
                core::net::IpAddr::V4(ip) => return ip.octets()[3],
                core::net::IpAddr::V6(_) => unreachable!(),
            },
            Some(_) => {}
            None => panic!("no connection is asked for"),
        }
    }
}

fn resolve(w: &mut World, endpoint: u16, addrs: &[u8]) {
    let addrs: Vec<_> = addrs.iter().map(|n| addr(*n)).collect();
    w.event(SIP0, UcEvent::Resolved { endpoint, addrs: &addrs });
}

fn closed(w: &mut World, why: CloseCause) {
    w.event(SIP0, UcEvent::Closed { why });
}

fn stands(w: &mut World) {
    w.event(SIP0, UcEvent::Connected { local: "192.0.2.1:40000".parse().unwrap() });
}

#[test]
fn a_lost_connection_is_made_again_at_once_and_everybody_is_subscribed_anew() {
    let (mut w, first) = World::subscribed(config(3));
    assert_eq!(w.covered(), [0, 1, 2]);
    w.run(60_000);
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    assert_eq!(w.coverage_facts(), (vec![], vec![0, 1, 2], vec![]));
    assert!(w.covered().is_empty());
    w.connect();
    let again = w.next();
    assert_eq!(users_in(&again), [0, 1, 2]);
    assert_ne!(again.call_id, first.call_id);
    assert_eq!(again.to_tag, None);
    w.grant(&again);
    assert_eq!(w.covered(), [0, 1, 2]);
    // The old dialog is dead: what still comes for it is refused, and an old answer finds no transaction.
    w.notify(&first, 9, |n| n.body = Body::Categories(doc(0, 6500)));
    assert_eq!(w.answers, [481]);
    w.facts();
    w.answer(&first, 481, |_| {});
    assert_eq!(w.covered(), [0, 1, 2]);
    assert_eq!(w.side.links()[0].outstanding, 0);
}

#[test]
fn all_addresses_then_the_next_name_then_a_growing_pause() {
    let mut c = config(1);
    c.uc.endpoints.push(UcEndpoint { host: "backup.contoso.example".into(), port: 5061 });
    let mut w = World::new(c);
    assert!(matches!(w.acts.pop_front(), Some(Action::ResolveUc { endpoint: 0, redirect: None, .. })));
    resolve(&mut w, 0, &[1, 2, 3]);
    let mut tried = Vec::new();
    for _ in 0..3 {
        tried.push(dialled(&mut w));
        closed(&mut w, CloseCause::Refused);
    }
    tried.sort_unstable();
    assert_eq!(tried, [1, 2, 3]);
    assert!(matches!(w.acts.pop_front(), Some(Action::ResolveUc { endpoint: 1, .. })));
    resolve(&mut w, 1, &[]);
    let pause = |w: &World| match w.notes.last() {
        Some(Note::UcClosed { retry_ms, .. }) => *retry_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(pause(&w), 1_000);
    w.run(999);
    assert!(w.acts.is_empty());
    w.run(1);
    for expected in [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        while let Some(Action::ResolveUc { endpoint, .. }) = w.acts.pop_front() {
            resolve(&mut w, endpoint, &[]);
        }
        assert_eq!(pause(&w), expected);
        w.run(expected);
    }
}

#[test]
fn the_address_that_was_lost_is_tried_last() {
    for seed in 0..20 {
        let mut w = World::new(config(1));
        w.entropy = crate::entropy::Entropy::new(crate::entropy::Seed::from_u64(seed));
        resolve(&mut w, 0, &[1, 2, 3]);
        let first = dialled(&mut w);
        stands(&mut w);
        w.run(5_000);
        closed(&mut w, CloseCause::PeerClosed);
        resolve(&mut w, 0, &[1, 2, 3]);
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(dialled(&mut w));
            closed(&mut w, CloseCause::Refused);
        }
        assert_eq!(order[2], first, "seed {seed}: {order:?}");
    }
}

#[test]
fn connecting_is_given_up_after_its_time() {
    let mut w = World::new(config(1));
    resolve(&mut w, 0, &[1, 2]);
    let first = dialled(&mut w);
    w.run(5_000);
    assert!(matches!(w.acts.pop_front(), Some(Action::CloseUc { .. })));
    assert_ne!(dialled(&mut w), first);
    // A resolver that never answers counts as an empty answer.
    closed(&mut w, CloseCause::Refused);
    w.run(1_000);
    w.acts.clear();
    w.run(5_000);
    assert!(matches!(w.notes.last(), Some(Note::UcClosed { retry_ms: 2_000, .. })));
}

#[test]
fn a_server_that_accepts_and_drops_is_not_hammered() {
    let mut w = World::new(config(1));
    w.acts.clear();
    resolve(&mut w, 0, &[1]);
    assert_eq!(dialled(&mut w), 1);
    stands(&mut w);
    w.run(10);
    closed(&mut w, CloseCause::PeerClosed);
    assert!(w.acts.is_empty(), "no second attempt before the pause: {:?}", w.acts);
    assert!(matches!(w.notes.last(), Some(Note::UcClosed { retry_ms: 1_000, .. })));
}

#[test]
fn a_server_that_drops_each_connection_after_a_while_is_not_hammered_either() {
    let mut w = World::new(config(1));
    let mut pauses = Vec::new();
    for lived in [2_000, 2_000, 2_000, 2_000, 30_000, 2_000] {
        resolve(&mut w, 0, &[1]);
        dialled(&mut w);
        stands(&mut w);
        w.run(lived);
        closed(&mut w, CloseCause::PeerClosed);
        let Some(Note::UcClosed { retry_ms, .. }) = w.notes.last() else { panic!("{:?}", w.notes) };
        let pause = *retry_ms;
        w.acts.retain(|act| matches!(act, Action::ResolveUc { .. }));
        w.run(pause);
        pauses.push(pause);
    }
    assert_eq!(pauses, [0, 0, 4_000, 8_000, 0, 0]);
}

#[test]
fn a_redirect_is_followed_and_forgotten_when_it_fails() {
    let mut c = config(1);
    c.uc.register = true;
    let mut w = World::connected(c);
    let register = w.next();
    w.acts.clear();
    w.answer(&register, 301, |r| r.contacts = vec!["sip:pool02.contoso.example:5061;transport=TLS", "sip:pool03.contoso.example"]);
    assert!(matches!(w.acts.pop_front(), Some(Action::CloseUc { .. })));
    let Some(Action::ResolveUc { redirect: Some(target), .. }) = w.acts.pop_front() else { panic!() };
    assert_eq!((&*target.host, target.port), ("pool02.contoso.example", 5061));
    resolve(&mut w, 0, &[7]);
    assert!(matches!(w.acts.pop_front(), Some(Action::ConnectUc { redirect: Some(_), .. })));
    closed(&mut w, CloseCause::Refused);
    assert!(matches!(w.acts.pop_front(), Some(Action::ResolveUc { redirect: None, endpoint: 0, .. })));
    resolve(&mut w, 0, &[1]);
    assert_eq!(dialled(&mut w), 1);
}

#[test]
fn redirects_in_circles_end_in_a_pause_and_an_alarm() {
    let mut c = config(1);
    c.uc.register = true;
    let mut w = World::new(c);
    for round in 0..6 {
        w.connect();
        assert_eq!(w.alarms(), 0, "round {round}");
        let register = w.next();
        w.answer(&register, 301, |r| r.contacts = vec!["sip:10.0.0.9"]);
    }
    assert_eq!(w.alarms(), 1);
    assert!(matches!(w.acts.pop_back(), Some(Action::CloseUc { .. })));
}

#[test]
fn silence_is_filled_and_a_dead_peer_is_found_out() {
    let (mut w, _) = World::subscribed(config(1));
    w.acts.clear();
    w.run(60_000);
    assert!(matches!(w.acts.pop_front(), Some(Action::KeepAliveUc { .. })));
    w.run(120_000);
    assert_eq!(w.acts.len(), 2);
    w.event(SIP0, UcEvent::KeepAlive);
    w.run(299_000);
    assert!(w.sent.is_empty(), "something came 299 s ago");
    w.run(1_000);
    let probe = w.next();
    assert_eq!((probe.method, &*probe.uri), (Method::Options, "sip:contoso.example"));
    w.answer(&probe, 405, |_| {});
    w.run(300_000);
    w.next();
    w.acts.clear();
    w.run(32_000);
    assert!(w.acts.iter().any(|a| matches!(a, Action::CloseUc { .. })));
    assert!(w.acts.iter().any(|a| matches!(a, Action::ResolveUc { .. })));
    assert_eq!(w.coverage_facts().1, [0]);
}

#[test]
fn an_unanswered_subscribe_is_repeated_later_if_the_server_says_other_things() {
    let mut w = World::connected(config(1));
    w.next();
    w.run(20_000);
    w.event(SIP0, UcEvent::KeepAlive);
    w.run(12_000);
    assert!(!w.acts.iter().any(|a| matches!(a, Action::CloseUc { .. })));
    w.run(59_999);
    assert!(w.sent.is_empty());
    w.run(1);
    assert_eq!(users_in(&w.next()), [0]);
}

#[test]
fn one_link_per_watcher_unless_shared() {
    let mut c = config(4);
    c.uc.shared_connection = false;
    c.uc.watchers.push(Watcher { uri: "sip:watcher1@contoso.example".into(), epid: "02020202".into() });
    let mut w = World::connected(c);
    let (a, b) = (w.sent.pop_front().unwrap(), w.sent.pop_front().unwrap());
    assert_eq!((a.0, users_in(&a.1)), (UcLinkId(0), vec![0, 1]));
    assert_eq!((b.0, users_in(&b.1), &*b.1.from), (UcLinkId(1), vec![2, 3], "sip:watcher1@contoso.example"));
    w.answer_on(UcLinkId(1), &b.1, 200, |_| {});
    // A loss concerns only the watcher of that link.
    w.event(UcLinkId(0), UcEvent::Closed { why: CloseCause::Reset });
    assert_eq!(w.covered(), [2, 3]);
}

#[test]
fn subscriptions_after_a_loss_are_spread() {
    let mut c = config(40);
    c.uc.pace.failover_spread_ms = 30_000;
    c.uc.watchers = (0..20).map(|i| Watcher { uri: format!("sip:w{i}@contoso.example").into(), epid: format!("{i:08}").into() }).collect();
    let mut w = World::connected(c);
    assert_eq!(w.sent.len(), 20, "nothing is spread at the first start");
    w.sent.clear();
    w.run(10_000);
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    w.connect();
    let mut at = Vec::new();
    for second in 0..31 {
        at.extend(w.sent.drain(..).filter(|(_, m)| is(m, Method::Subscribe)).map(|_| second));
        w.run(1_000);
    }
    assert_eq!(at.len(), 20);
    at.dedup();
    assert!(at.len() > 10, "spread over the time: {at:?}");
}

#[test]
fn pace_and_window_hold_the_requests_back() {
    let mut c = config(60);
    c.uc.watchers = (0..60).map(|i| Watcher { uri: format!("sip:w{i}@contoso.example").into(), epid: format!("{i:08}").into() }).collect();
    c.uc.pace.requests_per_s = 10;
    c.uc.pace.outstanding_max = 15;
    let mut w = World::connected(c);
    assert_eq!(w.sent.len(), 1);
    w.run(1_000);
    assert_eq!(w.sent.len(), 11);
    w.run(5_000);
    assert_eq!(w.sent.len(), 15, "fifteen unanswered");
    let one = w.next();
    w.answer(&one, 200, |r| r.state = SubState::Active);
    w.run(5_000);
    assert_eq!(w.sent.len(), 15);
}
