//! REGISTER, its refusals, registration events, and the good-bye.
use super::harness::*;
use crate::action::Action;
use crate::config::Config;
use crate::uc_event::{Body, Method, RegistrationEvent, Response, SubState, UcEvent};
use alloc::vec;

const INSTANCE: &str = "<urn:uuid:4B1682A8-F968-5701-83FC-7C6741DC6697>";
const GRUU: &str = "sip:watcher0@contoso.example;opaque=user:epid:qIIWS2j5AVeD_HxnQdxmlwAA;gruu";

fn registering(users: usize) -> Config {
    let mut c = config(users);
    c.uc.register = true;
    c
}

fn granted(r: &mut Response<'_>) {
    r.expires_s = Some(600);
    r.gruus = vec![("<urn:uuid:00000000-0000-0000-0000-000000000000>", "sip:other;gruu"), (INSTANCE, GRUU)];
    r.keep_alive_s = Some(300);
}

#[test]
fn register_is_what_the_specification_shows() {
    let mut w = World::connected(registering(1));
    let msg = w.next();
    assert!(w.sent.is_empty(), "nothing is subscribed before the registration stands");
    assert_eq!(
        (msg.method, &*msg.uri, &*msg.from, &*msg.to),
        (Method::Register, "sip:contoso.example", "sip:watcher0@contoso.example", "sip:watcher0@contoso.example")
    );
    assert_eq!(msg.epid.as_deref(), Some("01010101"));
    let opaque = msg.contact.as_deref().unwrap().split("ms-opaque=").nth(1).unwrap().split('>').next().unwrap();
    assert_eq!(
        msg.contact.as_deref().unwrap(),
        alloc::format!(
            "<sip:192.0.2.1:40000;transport=tls;ms-opaque={opaque}>;methods=\"INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY\";proxy=replace;+sip.instance=\"{INSTANCE}\""
        )
    );
    assert_eq!(
        header(&msg, "Supported"),
        ["gruu-10, adhoclist, msrtc-event-categories", "ms-forking", "ms-cluster-failover", "ms-userservices-state-notification"]
    );
    assert_eq!((header(&msg, "Event"), header(&msg, "ms-keep-alive")), (vec!["registration"], vec!["UAC;hop-hop=yes"]));
    assert!(header(&msg, "Expires").is_empty());
}

#[test]
fn the_gruu_of_the_answer_is_the_contact_of_what_follows_and_the_keep_alive_is_negotiated() {
    let mut w = World::connected(registering(1));
    let msg = w.next();
    w.answer(&msg, 200, granted);
    let subscribe = w.next();
    assert_eq!(subscribe.contact.as_deref(), Some(alloc::format!("<{GRUU}>").as_str()));
    w.grant(&subscribe);
    w.run(299_000);
    assert!(w.acts.is_empty(), "negotiated: every 300 s");
    w.run(1_000);
    assert!(matches!(w.acts.pop_front(), Some(Action::KeepAliveUc { .. })) || !w.sent.is_empty());
}

#[test]
fn a_registration_is_refreshed_a_minute_before_its_end() {
    let mut w = World::connected(registering(0));
    let msg = w.next();
    w.answer(&msg, 200, granted);
    for _ in 0..539 {
        w.run(1_000);
        w.event(SIP0, UcEvent::KeepAlive);
    }
    w.run(999);
    assert!(w.sent.iter().all(|(_, m)| m.method != Method::Register));
    w.run(1);
    let again = w.sent.pop_back().unwrap().1;
    assert_eq!((again.method, &again.call_id, again.cseq), (Method::Register, &msg.call_id, 2));
}

#[test]
fn refusals_of_register_wait_as_long_as_the_table_says() {
    for (status, retry_after_s, wait, alarms) in [
        (401, None, 900_000, 1),
        (403, None, 900_000, 1),
        (404, None, 900_000, 1),
        (421, None, 900_000, 0),
        (503, None, 30_000, 0),
        (503, Some(77), 77_000, 0),
        (503, Some(99_999), 600_000, 0),
        (504, None, 60_000, 0),
        (480, None, 60_000, 0),
    ] {
        let mut w = World::connected(registering(1));
        let msg = w.next();
        w.answer(&msg, status, |r| r.retry_after_s = retry_after_s);
        assert_eq!(w.alarms(), alarms, "{status}");
        let at = w.now + wait;
        let registers = |w: &World| w.sent.iter().filter(|(_, m)| m.method == Method::Register).count();
        while w.now < at {
            assert_eq!(registers(&w), 0, "{status}: too early");
            // Somebody is there, so no probe interferes.
            w.event(SIP0, UcEvent::KeepAlive);
            let step = at.since(w.now).min(1_000);
            w.run(step);
        }
        assert_eq!(registers(&w), 1, "{status}");
    }
}

#[test]
fn a_too_short_registration_is_asked_for_again_with_the_minimum() {
    let mut w = World::connected(registering(1));
    let msg = w.next();
    w.answer(&msg, 423, |r| r.min_expires_s = Some(1200));
    let again = w.next();
    assert_eq!((again.method, header(&again, "Expires")), (Method::Register, vec!["1200"]));
    // A server that goes on refusing is not asked in circles.
    w.answer(&again, 423, |r| r.min_expires_s = Some(1200));
    assert!(w.sent.is_empty());
}

fn registered_and_subscribed() -> (World, crate::uc_event::SipRequest) {
    let mut w = World::connected(registering(2));
    let register = w.next();
    w.answer(&register, 200, granted);
    let subscribe = w.next();
    w.grant(&subscribe);
    w.facts();
    (w, register)
}

fn news(w: &mut World, register: &crate::uc_event::SipRequest, cseq: u32, event: RegistrationEvent) {
    w.notify(register, cseq, |n| {
        n.best_effort = true;
        n.event = "registration-notify";
        n.state = SubState::Absent;
        n.body = Body::Registration(event);
    });
}

#[test]
fn deregistered_by_the_server_means_registering_again_later() {
    let (mut w, register) = registered_and_subscribed();
    news(&mut w, &register, 1, RegistrationEvent::Unregistered);
    assert!(w.answers.is_empty(), "a BENOTIFY is never answered");
    assert_eq!(w.coverage_facts().1, [0, 1]);
    assert!(w.sent.is_empty());
    w.run(60_000);
    let again = w.next();
    assert_eq!(again.method, Method::Register);
    w.answer(&again, 200, granted);
    assert_eq!(users_in(&w.next()), [0, 1]);
}

#[test]
fn survivable_mode_is_coverage_lost_until_the_service_is_back() {
    let (mut w, register) = registered_and_subscribed();
    news(&mut w, &register, 1, RegistrationEvent::UserServicesUnavailable);
    assert_eq!(w.coverage_facts().1, [0, 1]);
    assert_eq!(w.side.links()[0].state, crate::views::LinkState::Impaired);
    w.run(100_000);
    assert!(w.sent.is_empty());
    // The same event again (equal CSeq) is not processed.
    news(&mut w, &register, 1, RegistrationEvent::UserServicesAvailable);
    assert!(w.sent.is_empty());
    news(&mut w, &register, 2, RegistrationEvent::UserServicesAvailable);
    assert_eq!(users_in(&w.next()), [0, 1]);
}

#[test]
fn a_disabled_watcher_is_an_alarm() {
    let (mut w, register) = registered_and_subscribed();
    news(&mut w, &register, 1, RegistrationEvent::Rejected);
    assert_eq!(w.alarms(), 1);
    assert!(w.sent.is_empty());
}

#[test]
fn a_good_bye_ends_dialogs_then_registrations_then_the_connection() {
    let (mut w, register) = registered_and_subscribed();
    w.drain();
    assert!(!w.side.is_drained());
    let end = w.next();
    assert_eq!((end.method, header(&end, "Expires"), end.to_tag.as_deref()), (Method::Subscribe, vec!["0"], Some("server")));
    assert!(w.sent.is_empty());
    w.answer(&end, 200, |r| r.expires_s = Some(0));
    let off = w.next();
    assert_eq!((off.method, header(&off, "Expires"), &off.call_id), (Method::Register, vec!["0"], &register.call_id));
    w.answer(&off, 200, |_| {});
    assert!(matches!(w.acts.pop_back(), Some(Action::CloseUc { .. })));
    assert!(w.side.is_drained());
    assert!(w.deadlines.next().is_none(), "no deadline is left: {:?}", w.deadlines.next());
}

#[test]
fn a_good_bye_before_the_connection_stands_is_short() {
    let mut w = World::new(registering(1));
    w.drain();
    assert!(w.side.is_drained());
    assert!(w.deadlines.next().is_none());
}
