//! Batches, answers, refresh, ends, people who come and go.
use super::harness::*;
use crate::config::{Config, Watcher};
use crate::uc_event::{Body, Method, ResourceState, SipBody, SipRequest, SubState, TerminationReason, UcEvent};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

fn batches_of(max: u32, users: usize) -> Config {
    let mut c = config(users);
    c.uc.pace.batch_max = max;
    c
}

/// Lets time pass with a peer that is alive and answers probes, and returns the subscribe requests of that time.
fn live(w: &mut World, ms: u64) -> Vec<SipRequest> {
    let end = w.now + ms;
    let mut seen = Vec::new();
    while w.now < end {
        let step = end.since(w.now).min(1_000);
        w.run(step);
        w.event(SIP0, UcEvent::KeepAlive);
        seen.extend(w.sent.drain(..).map(|(_, m)| m).filter(|m| is(m, Method::Subscribe)));
    }
    seen
}

#[test]
fn the_first_batch_makes_the_dialog_and_the_next_ones_go_into_it() {
    let mut w = World::connected(batches_of(2, 5));
    let first = w.next();
    assert!(is(&first, Method::Subscribe));
    assert_eq!((&*first.uri, &*first.to, first.cseq, users_in(&first)), ("sip:watcher0@contoso.example", "sip:watcher0@contoso.example", 1, vec![0, 1]));
    assert_eq!(header(&first, "Require"), ["adhoclist, categoryList"]);
    assert_eq!(header(&first, "Supported"), ["ms-benotify", "ms-piggyback-first-notify", "eventlist"]);
    assert_eq!(header(&first, "Proxy-Require"), ["ms-benotify"]);
    assert!(w.sent.is_empty(), "the dialog must stand first");
    w.grant(&first);
    let second = w.next();
    assert_eq!((second.call_id.clone(), second.cseq, users_in(&second)), (first.call_id.clone(), 2, vec![2, 3]));
    assert_eq!((&*second.uri, second.to_tag.as_deref()), ("sip:fe01.contoso.example:5061;transport=tls", Some("server")));
    assert_eq!(second.routes.iter().map(|r| &**r).collect::<Vec<_>>(), ["sip:b.example;lr;ms-route-sig=x", "sip:a.example;lr"]);
    w.grant(&second);
    let third = w.next();
    w.grant(&third);
    assert_eq!(w.covered(), [0, 1, 2, 3, 4]);
    assert_eq!(w.coverage_facts().0, [0, 1, 2, 3, 4]);
}

#[test]
fn users_are_spread_in_order_and_who_does_not_fit_is_an_alarm() {
    let mut c = config(5);
    c.uc.pace.users_per_watcher_max = 2;
    c.uc.watchers.push(Watcher { uri: "sip:watcher1@contoso.example".into(), epid: "02020202".into() });
    let w = World::connected(c);
    assert_eq!(w.sent.iter().map(|(_, m)| users_in(m)).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3]]);
    assert_eq!(w.alarms(), 1);
    assert_eq!(w.side.coverage().len(), 5);
}

#[test]
fn an_empty_list_is_not_sent() {
    let w = World::connected(config(0));
    assert!(w.sent.iter().all(|(_, m)| is(m, Method::Options)));
}

#[test]
fn a_partial_list_regains_who_is_not_in_it() {
    let mut w = World::connected(config(3));
    let msg = w.next();
    w.answer(&msg, 200, |r| r.body = list(&[(1, ResourceState::Active, Some(3500))]));
    assert_eq!(w.coverage_facts(), (vec![1], vec![], vec![0, 2]));
    assert_eq!(w.covered(), [0, 1, 2]);
}

#[test]
fn users_of_other_pools_and_systems_get_dialogs_of_their_own() {
    let mut w = World::connected(config(5));
    let home = w.next();
    let pool = |name: &'static str| ResourceState::Resubscribe { pool: Some(name.into()) };
    w.answer(&home, 200, |r| {
        r.body = list(&[
            (0, ResourceState::Active, Some(3500)),
            (1, pool("pool02.contoso.example"), None),
            (2, pool("sip:pool02.contoso.example"), None),
            (3, ResourceState::Resubscribe { pool: None }, None),
            (4, pool("pool03.contoso.example"), None),
        ]);
    });
    assert_eq!(w.covered(), [0]);
    let mut seen: Vec<_> = w.sent.iter().map(|(_, m)| (m.uri.clone(), m.to.clone(), users_in(m), header(m, "Require").len())).collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            ("sip:pool02.contoso.example".into(), "sip:pool02.contoso.example".into(), vec![1, 2], 1),
            ("sip:pool03.contoso.example".into(), "sip:pool03.contoso.example".into(), vec![4], 1),
            (uri(3).into(), uri(3).into(), vec![3], 0),
        ]
    );
    for (_, msg) in core::mem::take(&mut w.sent) {
        w.grant(&msg);
    }
    assert_eq!(w.covered(), [0, 1, 2, 3, 4]);
    assert_eq!(w.side.links()[0].dialogs, 4);
}

#[test]
fn a_terminated_resource_is_tried_again_when_its_reason_allows() {
    for (reason, wait) in [
        (TerminationReason::NoResource, 3_600_000),
        (TerminationReason::Rejected, 3_600_000),
        (TerminationReason::Deactivated, 0),
        (TerminationReason::Giveup, 60_000),
        (TerminationReason::None, 60_000),
    ] {
        let (mut w, msg) = World::subscribed(config(2));
        w.notify(&msg, 2, |n| n.body = list(&[(1, ResourceState::Terminated(reason), None)]));
        assert_eq!(w.coverage_facts(), (vec![], vec![1], vec![]), "{reason:?}");
        assert_eq!(w.covered(), [0]);
        let early = live(&mut w, wait.max(1) - 1);
        assert!(early.iter().all(|m| users_in(m).is_empty()) || wait == 0, "{reason:?}");
        let again = if wait == 0 { w.sent.drain(..).map(|(_, m)| m).chain(early).collect() } else { live(&mut w, 1) };
        assert_eq!(again.iter().map(users_in).filter(|u| !u.is_empty()).collect::<Vec<_>>(), [[1]], "{reason:?}");
    }
}

#[test]
fn a_pending_resource_waits_for_its_document() {
    let mut w = World::connected(config(1));
    let msg = w.next();
    w.answer(&msg, 200, |r| r.body = list(&[(0, ResourceState::Pending, None)]));
    assert_eq!(w.coverage_facts(), (vec![], vec![], vec![]));
    assert!(w.covered().is_empty());
    w.notify(&msg, 2, |n| n.body = Body::Categories(doc(0, 3500)));
    assert_eq!(w.coverage_facts().0, [0]);
    assert_eq!(w.covered(), [0]);
}

#[test]
fn a_bad_uri_is_isolated_by_halving() {
    let mut w = World::connected(config(8));
    let mut sizes = Vec::new();
    while let Some((_, msg)) = w.sent.pop_front() {
        let users = users_in(&msg);
        sizes.push(users.len());
        if users.contains(&5) {
            w.answer(&msg, 400, |_| {});
        } else {
            w.grant(&msg);
        }
    }
    assert_eq!(w.covered(), [0, 1, 2, 3, 4, 6, 7]);
    assert_eq!(sizes, [8, 4, 4, 2, 1, 1, 2]);
    assert!(live(&mut w, 3_000_000).iter().all(|m| users_in(m).is_empty()));
    assert_eq!(live(&mut w, 601_000).iter().map(users_in).filter(|u| !u.is_empty()).collect::<Vec<_>>(), [[5]]);
}

#[test]
fn a_refresh_goes_out_in_time_and_its_body_is_full_state() {
    let (mut w, msg) = World::subscribed(config(2));
    assert!(live(&mut w, 28_679_000).is_empty());
    let refresh = live(&mut w, 1_000).pop().expect("a refresh 120 s before the end");
    assert_eq!((refresh.cseq, &refresh.call_id, &refresh.body), (2, &msg.call_id, &SipBody::None));
    w.answer(&refresh, 200, |r| {
        r.piggyback_cseq = Some(9);
        r.body = list(&[(0, ResourceState::Active, Some(6500)), (1, ResourceState::Terminated(TerminationReason::Rejected), None)]);
    });
    let facts = w.facts();
    assert!(matches!(&facts[0], crate::fact::Fact::Presence { update, .. } if update.first), "a full state replaces what was known");
    assert_eq!(w.covered(), [0]);
}

#[test]
fn small_grants_do_not_make_a_storm() {
    let mut w = World::connected(config(1));
    let msg = w.next();
    w.answer(&msg, 200, |r| r.expires_s = Some(1));
    w.notify(&msg, 1, |n| n.body = list(&[(0, ResourceState::Active, None)]));
    let mut refreshes = 0;
    for _ in 0..300 {
        for m in live(&mut w, 1_000) {
            refreshes += 1;
            w.answer(&m, 200, |r| r.expires_s = Some(1));
        }
    }
    assert_eq!(refreshes, 10, "every 30 s");
    assert_eq!(w.covered(), [0]);
    assert!(w.coverage_facts().1.is_empty());
}

#[test]
fn a_refresh_that_finds_nothing_subscribes_anew_at_once() {
    for status in [481, 430] {
        let (mut w, msg) = World::subscribed(config(2));
        let refresh = live(&mut w, 28_680_000).pop().unwrap();
        w.answer(&refresh, status, |_| {});
        assert_eq!(w.coverage_facts().1, [0, 1]);
        let again = w.next();
        assert_eq!((users_in(&again), again.to_tag.clone(), again.cseq), (vec![0, 1], None, 1));
        assert_ne!(again.call_id, msg.call_id);
    }
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_until_the_subscription_is_over() {
    let (mut w, _) = World::subscribed(config(1));
    let refresh = live(&mut w, 28_680_000).pop().unwrap();
    w.answer(&refresh, 503, |r| r.retry_after_s = Some(50));
    assert!(live(&mut w, 49_000).is_empty());
    let again = live(&mut w, 1_000).pop().unwrap();
    assert_eq!((again.cseq, again.body.clone()), (3, SipBody::None));
    w.answer(&again, 500, |_| {});
    assert!(w.coverage_facts().1.is_empty());
    // 70 s are left: at the end the users are no longer covered, and are subscribed anew.
    let third = live(&mut w, 60_000).pop().unwrap();
    w.answer(&third, 500, |_| {});
    let anew = live(&mut w, 10_000).pop().unwrap();
    assert_eq!(w.coverage_facts().1, [0]);
    assert_eq!((anew.to_tag.clone(), users_in(&anew)), (None, vec![0]));
}

#[test]
fn a_lost_refresh_closes_the_connection() {
    let (mut w, _) = World::subscribed(config(1));
    live(&mut w, 28_680_000).pop().unwrap();
    live(&mut w, 32_000);
    assert_eq!(w.coverage_facts().1, [0]);
    assert!(w.acts.iter().any(|a| matches!(a, crate::Action::CloseUc { .. })));
}

#[test]
fn refusals_of_a_batch_wait_as_long_as_the_table_says() {
    for (status, retry_after_s, wait, alarms) in [
        (503, None, 30_000, 0),
        (503, Some(5), 5_000, 0),
        (503, Some(86_400), 600_000, 0),
        (500, None, 60_000, 0),
        (408, None, 60_000, 0),
        (403, None, 900_000, 1),
        (404, None, 900_000, 1),
        (401, None, 900_000, 1),
        (489, None, 900_000, 0),
        (603, None, 900_000, 0),
    ] {
        let mut w = World::connected(batches_of(2, 4));
        let msg = w.next();
        w.answer(&msg, status, |r| r.retry_after_s = retry_after_s);
        assert_eq!(w.alarms(), alarms, "{status}");
        assert!(live(&mut w, wait - 1).is_empty(), "{status}: too early, or the other batch ignored the refusal");
        let again = live(&mut w, 1);
        assert_eq!(again.iter().map(users_in).collect::<Vec<_>>(), [[0, 1]], "{status}");
        // The second refusal of the temporary kind waits longer.
        if status == 500 {
            w.answer(&again[0], 500, |_| {});
            assert!(live(&mut w, 119_999).is_empty());
            assert_eq!(live(&mut w, 1).len(), 1);
        }
    }
}

#[test]
fn a_too_short_subscription_is_asked_for_again_with_the_minimum() {
    let mut w = World::connected(config(1));
    let msg = w.next();
    w.answer(&msg, 423, |r| r.min_expires_s = Some(1200));
    let again = w.next();
    assert_eq!((users_in(&again), header(&again, "Expires")), (vec![0], vec!["1200"]));
    w.answer(&again, 423, |r| r.min_expires_s = Some(1200));
    assert!(w.sent.is_empty());
}

#[test]
fn a_single_subscription_that_is_refused_does_not_hold_up_the_others() {
    let mut w = World::connected(config(2));
    let home = w.next();
    w.answer(&home, 200, |r| r.body = list(&[(0, ResourceState::Active, Some(3500)), (1, ResourceState::Resubscribe { pool: None }, None)]));
    let single = w.next();
    w.answer(&single, 404, |_| {});
    assert_eq!(w.covered(), [0]);
    assert!(live(&mut w, 3_599_000).iter().all(|m| users_in(m).is_empty()));
    assert_eq!(live(&mut w, 1_000).iter().map(users_in).collect::<Vec<_>>(), [[1]]);
}

fn leaves(msg: &SipRequest) -> Vec<&str> {
    match &msg.body {
        SipBody::Leave { uris, .. } => uris.iter().map(|u| &**u).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn people_come_and_go_inside_the_dialog() {
    let (mut w, msg) = World::subscribed(config(3));
    let mut c = config(0);
    c.people = people(5);
    c.people.remove(1);
    w.reconfigure(c);
    let leave = w.next();
    assert_eq!((leaves(&leave), &leave.call_id, leave.cseq), (vec!["sip:user1@contoso.example"], &msg.call_id, 2));
    assert!(w.sent.is_empty(), "one request of a dialog at a time");
    w.answer(&leave, 200, |_| {});
    let add = w.next();
    assert_eq!((users_in(&add).len(), &add.call_id, add.cseq), (2, &msg.call_id, 3));
    w.answer(&add, 200, |_| {});
    assert!(w.sent.is_empty());
    assert_eq!(w.coverage_facts(), (vec![], vec![], vec![]), "nobody else noticed");
    assert_eq!(w.covered().len(), 4);
}

#[test]
fn who_is_back_but_refused_and_leaves_again_is_unsubscribed() {
    let (mut w, msg) = World::subscribed(config(2));
    w.reconfigure(config(1));
    let leave = w.next();
    assert_eq!(leaves(&leave), ["sip:user1@contoso.example"]);
    w.answer(&leave, 503, |_| {});
    w.reconfigure(config(2));
    let again = w.next();
    assert_eq!((users_in(&again), &again.call_id), (vec![1], &msg.call_id));
    w.answer(&again, 500, |_| {});
    // Nobody asks for them any more; the server still has them in the dialog.
    w.reconfigure(config(1));
    let mut left = Vec::new();
    for _ in 0..12 {
        for msg in live(&mut w, 10_000) {
            if let SipBody::Leave { uris, .. } = &msg.body {
                left.extend(uris.iter().cloned());
            }
            w.answer(&msg, 200, |_| {});
        }
    }
    assert_eq!(left.iter().map(|uri| &**uri).collect::<Vec<_>>(), ["sip:user1@contoso.example"]);
}

/// The retry of a refused un-subscription and the refresh share a timer; news of a shorter subscription must not put the retry off.
#[test]
fn a_shortened_subscription_does_not_put_off_who_is_still_to_leave() {
    let (mut w, msg) = World::subscribed(config(2));
    w.reconfigure(config(1));
    let leave = w.next();
    w.answer(&leave, 503, |r| r.retry_after_s = Some(40));
    w.notify(&msg, 2, |n| {
        n.expires_s = Some(20_000);
        n.body = Body::Categories(doc(0, 6500));
    });
    // The refresh is made at once with it, and takes the dialog first.
    let sent = live(&mut w, 41_000);
    let [refresh] = &sent[..] else { panic!("{sent:?}") };
    w.answer(refresh, 200, |_| {});
    assert_eq!(leaves(&w.next()), ["sip:user1@contoso.example"]);
}

#[test]
fn a_new_address_is_watched_and_the_old_one_is_not() {
    let (mut w, _) = World::subscribed(config(2));
    let mut c = config(2);
    c.people[0].sip_uri = "sip:married@contoso.example".into();
    w.reconfigure(c);
    assert_eq!(w.coverage_facts().1, [0]);
    let leave = w.next();
    assert_eq!(leaves(&leave), ["sip:user0@contoso.example"]);
    w.answer(&leave, 200, |_| {});
    assert_eq!(users_in(&w.next()), [0]);
}

#[test]
fn somebody_who_leaves_while_being_asked_for_is_taken_out_afterwards() {
    let mut w = World::connected(config(2));
    let msg = w.next();
    let mut c = config(2);
    c.people.remove(0);
    w.reconfigure(c);
    assert!(w.sent.is_empty());
    w.answer(&msg, 200, |_| {});
    assert_eq!(w.covered(), [1]);
    assert_eq!(leaves(&w.next()), ["sip:user0@contoso.example"]);
}

#[test]
fn the_last_one_ends_the_dialog() {
    let (mut w, _) = World::subscribed(config(1));
    w.reconfigure(config(0));
    let end = w.next();
    assert_eq!(header(&end, "Expires"), ["0"]);
    w.answer(&end, 200, |r| r.state = SubState::Terminated);
    assert_eq!(w.side.links()[0].dialogs, 0);
    w.reconfigure(config(1));
    assert_eq!((users_in(&w.next()), w.covered().len()), (vec![0], 0));
}

#[test]
fn only_links_whose_configuration_changed_are_made_anew() {
    let mut c = config(4);
    c.uc.shared_connection = false;
    c.uc.pace.users_per_watcher_max = 2;
    c.uc.watchers.push(Watcher { uri: "sip:watcher1@contoso.example".into(), epid: "02020202".into() });
    let mut w = World::connected(c.clone());
    for (link, msg) in core::mem::take(&mut w.sent) {
        w.answer_on(link, &msg, 200, |_| {});
    }
    assert_eq!(w.covered(), [0, 1, 2, 3]);
    w.facts();
    c.uc.watchers[1].epid = "03030303".into();
    c.uc.watchers.push(Watcher { uri: "sip:watcher2@contoso.example".into(), epid: "04040404".into() });
    w.reconfigure(c.clone());
    assert_eq!(w.covered(), [0, 1]);
    assert_eq!(w.coverage_facts().1, [2, 3]);
    let end = w.next();
    assert_eq!((header(&end, "Expires"), end.epid.as_deref()), (vec!["0"], Some("02020202")));
    w.connect();
    let (link, msg) = w.sent.pop_front().unwrap();
    assert_eq!((link.0, users_in(&msg), msg.epid.as_deref()), (1, vec![2, 3], Some("03030303")));
    // Another far end concerns everybody.
    c.uc.endpoints[0].port = 5062;
    w.reconfigure(c);
    assert!(w.covered().is_empty());
    assert_eq!(w.acts.iter().filter(|a| matches!(a, crate::Action::ResolveUc { .. })).count(), 3);
}

#[test]
fn a_changed_time_limit_touches_no_link() {
    let (mut w, _) = World::subscribed(config(2));
    let mut c = config(2);
    c.uc.timers.probe_ms = 1_000;
    w.reconfigure(c);
    assert!(w.acts.is_empty() && w.sent.is_empty());
    assert_eq!(w.covered(), [0, 1]);
}

#[test]
fn the_same_story_has_the_same_fingerprint_whatever_the_random_numbers_and_the_time() {
    let fingerprint = |seed: u64, start: u64| {
        let mut w = World::new(config(3));
        w.entropy = crate::entropy::Entropy::new(crate::entropy::Seed::from_u64(seed));
        w.run(start);
        w.side = crate::uc::UcSide::default();
        w.restart();
        w.connect();
        let msg = w.next();
        w.grant(&msg);
        let mut fp = crate::fingerprint::Fp::new(w.now);
        w.side.fingerprint(&mut fp);
        (fp.finish(), format!("{:?}", w.covered()))
    };
    assert_eq!(fingerprint(1, 0), fingerprint(2, 777));
}
