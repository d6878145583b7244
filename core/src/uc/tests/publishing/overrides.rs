//! A row comes, changes and goes; what the worker had is there again.
use super::*;

#[test]
fn an_override_comes_and_goes_with_its_endpoint() {
    let mut s = Server::new(publishing(1, LEAVE));
    s.command(Some(0));
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.asked(), "register subscribe service");
    assert_eq!(s.shows(Key::Timed2), Some((1, "6500 After Call Work".into())));
    assert_eq!(s.shows(Key::Timed3), Some((1, "6500 After Call Work".into())));
    assert_eq!(s.shows(Key::Note300), Some((1, "Wrapping up".into())));
    assert!(s.shows(Key::Static2).is_none());
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.asked(), "service unsubscribe leave");
    assert!(s.table.is_empty() && !s.registered && s.w.side.publishers() == 0);
    assert!(s.w.deadlines.iter().all(|(_, key)| !format!("{key:?}").contains("Publish")));
}

#[test]
fn an_endpoint_that_is_kept_publishes_with_one_request() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    for _ in 0..3 {
        s.command(None);
        assert_eq!(s.serve(), ["published 0 None"]);
        s.command(Some(0));
        assert_eq!(s.serve(), ["published 0 Some(0)"]);
        assert_eq!(s.asked(), "service service");
    }
    assert!(s.registered && s.w.deadlines.iter().count() > 0);
}

#[test]
fn the_requests_name_the_worker_and_the_endpoint() {
    let mut s = Server::new(publishing(1, LEAVE));
    s.command(Some(2));
    let register = s.take();
    assert_eq!((&*register.uri, &*register.from, &*register.to), ("sip:contoso.example", "sip:user0@contoso.example", "sip:user0@contoso.example"));
    assert_eq!(header(&register, "Event"), ["registration"]);
    let contact = register.contact.clone().unwrap();
    assert!(contact.contains("methods=\"OPTIONS, NOTIFY, BENOTIFY\"") && contact.contains("+sip.instance=\"<urn:uuid:"), "{contact}");
    s.answer(&register);
    let subscribe = s.take();
    assert_eq!((&*subscribe.uri, header(&subscribe, "Event")), ("sip:user0@contoso.example", vec!["vnd-microsoft-roaming-self"]));
    assert_eq!(subscribe.contact.as_deref(), Some("<sip:user0@contoso.example;opaque=user:epid:x;gruu>"));
    s.answer(&subscribe);
    let service = s.take();
    assert_eq!((&*service.uri, &*service.from, &*service.to), ("sip:user0@contoso.example", "sip:user0@contoso.example", "sip:user0@contoso.example"));
    assert_eq!((service.epid.clone(), service.contact.clone(), service.cseq), (register.epid.clone(), subscribe.contact.clone(), 1));
    assert_ne!(service.call_id, register.call_id);
    let SipBody::Publish(p) = &service.body else { panic!() };
    assert_eq!(
        p.iter().map(|p| (p.key, p.version, p.lifetime, p.expires_s)).collect::<Vec<_>>(),
        [(Key::Timed2, 0, Lifetime::Time, Some(3600)), (Key::Timed3, 0, Lifetime::Time, Some(3600)),]
    );
}

#[test]
fn one_row_after_the_other_and_the_latest_counts() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.command(Some(1));
    assert_eq!(s.serve(), ["published 0 Some(1)"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "9500 Legal Guard".into())));
    assert_eq!(s.shows(Key::Timed3), Some((2, "6900 Legal Guard".into())));
    // Row 1 has no note: that of row 0 is gone.
    assert_eq!(s.shows(Key::Note200), None);
    s.command(Some(0));
    s.command(Some(2));
    s.command(Some(1));
    assert_eq!(s.w.sent.len(), 1, "one request at a time");
    assert_eq!(s.serve(), ["published 0 Some(1)"]);
    s.command(Some(1));
    assert!(s.w.sent.is_empty());
    s.w.run(0);
    assert_eq!(s.said(), ["published 0 Some(1)"]);
}

#[test]
fn a_command_taken_back_before_anything_was_sent() {
    let mut s = Server::new(publishing(1, LEAVE));
    s.command(Some(0));
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.asked(), "register subscribe unsubscribe leave");
    assert!(s.table.is_empty());
}

#[test]
fn what_the_worker_had_is_put_back() {
    let mut s = Server::new(publishing(1, LEAVE));
    for key in STATIC {
        s.client(key, Some(state(3500, "")));
    }
    for key in TIMED {
        s.client(key, Some(state(9500, "Reading")));
    }
    s.client(Key::Note200, Some(note("In Bonn")));
    let before = s.table.clone();
    s.command(Some(0));
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "6500 After Call Work".into())));
    assert_eq!(s.shows(Key::Note200), Some((2, "Wrapping up".into())));
    s.w.run(60_000);
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    for key in Key::ALL {
        let (now, then) = (s.table.get(&key), before.get(&key));
        assert_eq!(now.map(|it| (&it.value, it.lifetime)), then.map(|it| (&it.value, it.lifetime)), "{key:?}");
    }
    // What was left of its time, not its time anew.
    assert_eq!(s.table[&Key::Timed2].expires_s, Some(86_340));
    assert_eq!(s.table[&Key::Static2].version, 1);
}

#[test]
fn what_would_have_ended_is_not_put_back() {
    let mut s = Server::new(publishing(1, KEEP));
    s.client(Key::Timed2, Some(state(6500, "Reading")));
    s.table.get_mut(&Key::Timed2).unwrap().expires_s = Some(60);
    s.command(Some(0));
    s.serve();
    s.pass(100_000);
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.shows(Key::Timed2), None);
}

/// Taken away unheard of and chosen once more, a state has the version and the words that it had, and is the newer choice nevertheless.
#[test]
fn what_was_chosen_anew_is_put_back_beside_a_choice_in_between() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.command(None);
    s.serve();
    s.acts(TIMED, Some(state(15_500, "")));
    s.time = 2;
    TIMED.iter().for_each(|key| drop(s.table.remove(key)));
    s.acts(STATIC, Some(state(6500, "")));
    s.time = 3;
    s.acts(TIMED, Some(state(15_500, "")));
    assert_eq!(s.shows(Key::Timed2), Some((1, "15500".into())));
    s.command(Some(0));
    s.serve();
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Timed2), Some((3, "15500".into())));
}

#[test]
fn versions_count_on_when_the_answer_is_empty() {
    let mut s = Server::new(publishing(1, KEEP));
    s.telling = false;
    for row in [Some(0), Some(1), Some(2), None, Some(1), None] {
        s.command(row);
        assert_eq!(s.serve(), [format!("published 0 {row:?}")]);
    }
    assert_eq!(s.w.alarms(), 0);
    assert!(s.table.is_empty());
}

#[test]
fn a_publication_is_refreshed_at_half_of_its_time() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.pass(1_799_000);
    assert!(!s.asked().contains("service"));
    assert!(s.pass(2_000).is_empty());
    assert!(s.asked().contains("service"));
    assert_eq!((s.shows(Key::Timed2).unwrap().0, s.shows(Key::Note200).unwrap().0), (2, 1));
    s.pass(1_800_000);
    assert_eq!(s.shows(Key::Timed2).unwrap().0, 3);
}

#[test]
fn a_notification_of_our_own_publication_is_no_news() {
    let mut s = Server::new(publishing(1, KEEP));
    s.command(Some(0));
    s.serve_one();
    s.serve_one();
    let service = s.take();
    // The notification overtakes the answer.
    for key in TIMED {
        let states = s.w.directory.config().publish.states.clone();
        let SipBody::Publish(p) = &service.body else { panic!() };
        let p = p.iter().find(|p| p.key == key).unwrap();
        s.table.insert(key, Stored { version: 1, at: 1, lifetime: Lifetime::Time, expires_s: Some(3600), value: value_of(p, &states) });
    }
    s.tell(&TIMED);
    assert!(s.said().is_empty());
    s.table.clear();
    s.answer(&service);
    s.tell(&Key::ALL);
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(0));
}

#[test]
fn what_an_earlier_life_left_is_swept() {
    let mut s = Server::new(publishing(1, LEAVE));
    let states = s.w.directory.config().publish.states.clone();
    let left = |key, row| value_of(&Publication { key, version: 0, lifetime: Lifetime::Static, expires_s: None, value: PublicationValue::Row(row) }, &states);
    s.client(Key::Timed2, Some(left(Key::Timed2, 1)));
    s.client(Key::Timed3, Some(left(Key::Timed3, 1)));
    s.client(Key::Note200, Some(left(Key::Note200, 0)));
    s.client(Key::Note300, Some(note("In Bonn")));
    s.client(Key::Static2, Some(state(6500, "")));
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.asked(), "register subscribe service unsubscribe leave");
    assert_eq!(s.table.keys().copied().collect::<Vec<_>>(), [Key::Static2, Key::Note300]);
}

#[test]
fn nobody_to_publish_for() {
    let mut c = publishing(2, LEAVE);
    c.people[0].sip_uri = "".into();
    let mut s = Server::new(c);
    s.command(Some(0));
    s.w.run(0);
    assert_eq!(s.said(), ["failed 0"]);
    s.command(None);
    s.w.run(0);
    assert_eq!(s.said(), ["published 0 None"]);
}
