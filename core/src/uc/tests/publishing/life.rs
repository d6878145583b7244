//! Links that are lost, people who come and go, the end.
use super::*;
use crate::config::UcPace;
use crate::uc_event::{CloseCause, RegistrationEvent, UcEvent};

pub(super) fn lose(s: &mut Server) {
    s.w.run(5_000);
    s.serve();
    s.w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    s.registered = false;
    s.sub = None;
    s.w.sent.clear();
    s.asked();
}

pub(super) fn back(s: &mut Server) {
    s.w.connect();
    s.w.facts.retain(|fact| !matches!(fact, Fact::CoverageLost { .. }));
}

#[test]
fn after_a_lost_link_what_stands_is_read_and_what_is_missing_is_published() {
    for lost_there in [false, true] {
        let mut s = Server::standing(publishing(1, LEAVE), 0);
        lose(&mut s);
        if lost_there {
            s.table.clear();
        }
        back(&mut s);
        assert!(s.serve().is_empty());
        let asked = s.asked().replace("other ", "").replace("subscribe register subscribe", "register subscribe");
        assert_eq!(asked.contains("service"), lost_there, "{asked}");
        assert_eq!(s.shows(Key::Timed2).map(|(_, text)| text).as_deref(), Some("6500 After Call Work"));
        s.command(None);
        assert_eq!(s.serve(), ["published 0 None"]);
        assert!(s.table.is_empty());
    }
}

#[test]
fn what_they_did_in_the_meantime_is_an_action() {
    let mut s = Server::standing(publishing(1, LEAVE), 0);
    lose(&mut s);
    for key in TIMED {
        s.client(key, Some(state(3500, "")));
    }
    back(&mut s);
    assert_eq!(s.serve(), [stated(3500, Activity::None)]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "3500".into())));
}

/// The worker acts, and something of ours is wanted, both while nothing is heard; `before`: in this order.
fn acts_unheard(before: bool) -> Server {
    let mut s = Server::new(publishing(1, KEEP));
    s.time = 1_700_000_000_000 + s.w.now.0;
    s.command(Some(0));
    s.serve();
    s.command(None);
    s.serve();
    lose(&mut s);
    if !before {
        s.command(Some(0));
        s.w.run(1_000);
    }
    s.time = 1_700_000_000_000 + s.w.now.0;
    for key in TIMED {
        s.client(key, Some(state(3500, "")));
    }
    if before {
        s.w.run(1_000);
        s.command(Some(0));
    }
    s
}

#[test]
fn what_they_did_before_anything_of_ours_was_wanted_is_no_answer_to_it() {
    let mut s = acts_unheard(true);
    back(&mut s);
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.shows(Key::Timed2).map(|(_, text)| text).as_deref(), Some("6500 After Call Work"));
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.shows(Key::Timed2).map(|(_, text)| text).as_deref(), Some("3500"), "put back");

    let mut s = acts_unheard(false);
    back(&mut s);
    assert_eq!(s.serve().first(), Some(&stated(3500, Activity::None)));
}

#[test]
fn a_withdrawal_that_waited_for_the_link() {
    let mut s = Server::standing(publishing(1, LEAVE), 0);
    lose(&mut s);
    s.command(None);
    assert!(s.said().is_empty());
    back(&mut s);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert!(s.table.is_empty() && !s.registered);
}

#[test]
fn what_ended_by_itself_need_not_be_withdrawn() {
    let mut s = Server::standing(publishing(1, LEAVE), 2);
    s.w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    s.w.acts.clear();
    s.w.sent.clear();
    s.command(None);
    s.w.run(3_700_000);
    s.table.clear();
    s.sub = None;
    s.asked();
    while s.w.side.publisher(ALICE).is_some() && s.w.now.0 < 20_000_000 {
        back(&mut s);
        s.w.run(1_000);
        s.serve();
    }
    assert!(!s.asked().contains("register"));
}

#[test]
fn a_request_that_was_under_way_is_asked_for_again() {
    let mut s = Server::new(publishing(1, LEAVE));
    s.command(Some(2));
    s.serve_one();
    s.serve_one();
    let msg = s.take();
    // Taken, but the answer is lost with the link.
    let states = s.w.directory.config().publish.states.clone();
    let SipBody::Publish(p) = &msg.body else { panic!() };
    for p in p {
        s.table.insert(p.key, Stored { version: 1, at: 1, lifetime: p.lifetime, expires_s: p.expires_s, value: value_of(p, &states) });
    }
    lose(&mut s);
    back(&mut s);
    assert_eq!(s.serve(), ["published 0 Some(2)"]);
    assert!(s.asked().ends_with("service"), "it stands, but for how long nobody said");
    s.pass(1_801_000);
    assert!(s.asked().contains("service"), "renewed like any other");
    s.command(None);
    s.serve();
    assert!(s.table.is_empty());
}

#[test]
fn publishers_come_back_spread_over_time() {
    let mut c = publishing(20, KEEP);
    c.uc.pace = UcPace { failover_spread_ms: 30_000, ..UcPace::open() };
    let mut s = Server::new(c);
    for user in 0..20 {
        s.w.publish(UserId(user), Some(2));
    }
    s.serve();
    s.w.run(5_000);
    s.w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    s.w.sent.clear();
    s.w.connect();
    let mut registers = Vec::new();
    for _ in 0..31 {
        s.w.run(1_000);
        registers.push(s.w.sent.drain(..).filter(|(_, m)| m.method == Method::Register).count());
    }
    assert_eq!(registers.iter().sum::<usize>(), 20);
    assert!(registers.iter().all(|n| *n < 6), "{registers:?}");
}

#[test]
fn the_pace_of_publications() {
    let mut c = publishing(10, PublishWay::Direct);
    c.publish.requests_per_s = 10;
    c.publish.outstanding_max = 2;
    let mut s = Server::new(c);
    for user in 0..10 {
        s.w.publish(UserId(user), Some(2));
    }
    assert_eq!(s.w.sent.len(), 1);
    s.w.run(1_000);
    assert_eq!(s.w.sent.len(), 2, "two unanswered");
    for n in 0..10 {
        let msg = s.take();
        s.w.answer(&msg, 200, |_| {});
        s.w.run(100);
        assert!(s.w.sent.len() <= 2, "{n}");
    }
    assert_eq!(s.w.side_counters().publications, 10);
}

#[test]
fn the_registration_and_the_subscription_are_refreshed() {
    let mut s = Server::standing(publishing(1, KEEP), 2);
    s.command(None);
    s.serve();
    s.asked();
    s.pass(30_000_000);
    let asked = s.asked();
    assert!((50..60).contains(&asked.matches("register").count()), "{asked}");
    assert!(asked.contains("subscribe") && !asked.contains("service"));
}

#[test]
fn registration_events_of_an_endpoint() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(0));
    let register = s.take();
    s.answer(&register);
    s.serve();
    s.asked();
    let mut cseq = 1;
    let mut event = |s: &mut Server, event| {
        cseq += 1;
        s.w.notify(&register, cseq, |n| {
            n.event = "registration-notify";
            n.body = crate::uc_event::Body::Registration(event);
        });
        s.serve();
        s.asked()
    };
    assert_eq!(event(&mut s, RegistrationEvent::Other), "");
    assert_eq!(event(&mut s, RegistrationEvent::Deactivated), "");
    s.w.run(2_000);
    s.serve();
    assert_eq!(s.asked(), "register subscribe");
    assert_eq!(event(&mut s, RegistrationEvent::UserServicesUnavailable), "");
    assert_eq!(event(&mut s, RegistrationEvent::UserServicesAvailable), "subscribe");
    assert_eq!(event(&mut s, RegistrationEvent::Rejected), "");
    s.pass(600_000);
    assert!(!s.asked().contains("register"));
    s.command(Some(0));
    s.serve();
    assert_eq!(s.asked(), "register subscribe");
}

#[test]
fn draining_withdraws_before_it_says_good_bye() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.w.drain();
    s.serve();
    assert_eq!(s.asked(), "service unsubscribe leave unsubscribe");
    assert!(s.table.is_empty() && s.w.side.is_drained());
}

#[test]
fn draining_does_not_wait_for_a_server_that_refuses() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.w.drain();
    let msg = s.take();
    s.w.answer(&msg, 503, |_| {});
    s.serve();
    assert!(s.w.side.is_drained());
}

#[test]
fn who_leaves_is_withdrawn_under_the_old_name() {
    let mut s = Server::standing(publishing(2, LEAVE), 0);
    let mut c = publishing(2, LEAVE);
    c.people.remove(0);
    s.w.reconfigure(c);
    s.w.run(0);
    let service = s.w.sent.iter().find(|(_, m)| m.method == Method::Service).expect("a withdrawal").1.clone();
    assert_eq!(&*service.to, "sip:user0@contoso.example");
    s.serve();
    assert!(s.table.is_empty() && s.w.side.publishers() == 0);
}

#[test]
fn a_new_uri_is_published_after_the_old_one_is_withdrawn() {
    let mut s = Server::standing(publishing(1, LEAVE), 2);
    let mut c = publishing(1, LEAVE);
    c.people[0].sip_uri = "sip:alice.new@contoso.example".into();
    s.w.reconfigure(c);
    s.w.run(0);
    let mut names = Vec::new();
    while !s.w.sent.is_empty() {
        let msg = s.take();
        if msg.method == Method::Service {
            names.push(msg.to.clone());
        }
        if matches!(msg.body, SipBody::RoamingList) {
            s.w.answer(&msg, 200, |r| r.body = Body::RoamingSelf(Box::default()));
        } else {
            s.answer(&msg);
        }
    }
    assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["sip:user0@contoso.example", "sip:alice.new@contoso.example"]);
}

#[test]
fn a_changed_row_is_published_anew() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    let mut c = publishing(1, KEEP);
    c.publish.states[0].text = "Wrap-up".into();
    s.w.reconfigure(c);
    s.w.run(0);
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "6500 Wrap-up".into())));
}

const NOTES: [Key; 3] = [Key::Note200, Key::Note300, Key::Note400];

#[test]
fn a_publication_whose_answer_was_lost_with_the_link_is_withdrawn_all_the_same() {
    let mut s = Server::new(publishing(1, LEAVE));
    for key in NOTES {
        s.client(key, Some(note("Lunch")));
    }
    s.command(Some(0));
    s.serve_one();
    s.serve_one();
    let msg = s.take();
    assert_eq!(s.asked(), "register subscribe service");
    // Taken, but the answer never comes.
    s.store(&msg);
    assert_eq!(s.shows(Key::Note200).map(|(_, text)| text).as_deref(), Some("Wrapping up"));
    lose(&mut s);
    s.command(None);
    back(&mut s);
    let said = [s.serve(), s.pass(60_000)].concat();
    assert!(said.iter().any(|it| it == "published 0 None"), "{said:?}");
    assert_eq!(s.shows(Key::Note200).map(|(_, text)| text).as_deref(), Some("Lunch"));
    assert_eq!(s.shows(Key::Timed2), None);
    assert!(!s.registered);
}

#[test]
fn news_before_the_table_is_read_again_are_changes_only() {
    let mut s = Server::new(publishing(1, KEEP));
    for key in NOTES {
        s.client(key, Some(note("Lunch")));
    }
    s.command(Some(0));
    s.serve();
    s.command(None);
    let _unanswered = s.take();
    let timeout = s.w.directory.config().uc.timers.transaction_timeout_ms;
    s.w.run(timeout / 2);
    s.w.event(SIP0, UcEvent::KeepAlive);
    s.w.run(timeout / 2);
    // Before it is asked what stands, one instance changes.
    s.client(Key::Static2, Some(state(12500, "")));
    s.tell(&[Key::Static2]);
    s.pass(120_000);
    assert_eq!(s.shows(Key::Note200).map(|(_, text)| text).as_deref(), Some("Lunch"));
    assert_eq!(s.shows(Key::Timed2), None);
}

#[test]
fn who_comes_back_as_another_worker_waits_until_the_earlier_one_is_withdrawn() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    let mut c = publishing(1, KEEP);
    c.people[0].employee_id = "another".into();
    s.w.reconfigure(c);
    let anew = s.w.directory.user_by_employee("another").unwrap();
    s.w.publish(anew, Some(1));
    s.w.run(0);
    let mut services = Vec::new();
    while !s.w.sent.is_empty() {
        let under_way = s.w.sent.iter().filter(|(_, msg)| msg.method == Method::Service).count();
        assert!(under_way <= 1, "one after the other: {:?}", s.w.sent);
        let msg = s.take();
        if let SipBody::Publish(publications) = &msg.body {
            services.push(publications.iter().any(|p| matches!(p.value, PublicationValue::Row(_))));
        }
        s.answer(&msg);
        s.w.run(0);
    }
    assert_eq!(services, [false, true]);
    assert_eq!(s.shows(Key::Timed2), Some((1, "9500 Legal Guard".into())));
    assert_eq!(s.w.side.publishers(), 1);
}

#[test]
fn who_gets_the_number_of_somebody_still_leaving_begins_with_no_command() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    lose(&mut s);
    let named = |s: &mut Server, name: Option<&str>| {
        let mut c = publishing(1, KEEP);
        match name {
            Some(name) => c.people[0].employee_id = name.into(),
            None => c.people.clear(),
        }
        s.w.reconfigure(c);
        name.and_then(|name| s.w.directory.user_by_employee(name))
    };
    // Gone, somebody else with the same number and a command, gone, and a third who wants nothing.
    named(&mut s, None);
    assert_eq!(named(&mut s, Some("second")), Some(ALICE));
    s.command(Some(1));
    named(&mut s, None);
    assert_eq!(named(&mut s, Some("third")), Some(ALICE));
    back(&mut s);
    s.pass(60_000);
    assert_eq!(s.shows(Key::Timed2), None, "{:?}", s.asked());
}

#[test]
fn the_same_as_ours_by_another_hand_is_an_action() {
    for anew in [false, true] {
        let mut s = Server::standing(publishing(1, LEAVE), 2);
        lose(&mut s);
        s.time = 2;
        for key in TIMED {
            if anew {
                s.client(key, None);
            }
            s.client(key, Some(state(6500, "")));
        }
        back(&mut s);
        assert_eq!(s.serve(), [stated(6500, Activity::None)]);
        s.command(None);
        assert_eq!(s.serve(), ["published 0 None"]);
        assert_eq!(s.shows(Key::Timed2), Some((if anew { 1 } else { 2 }, "6500".into())));
    }
}
