//! What else ends offers: calls, agents, pages, configurations, the end of the process.
use super::*;

#[test]
fn a_released_call_ends_what_is_open_about_it() {
    let mut s = Story::new(3);
    s.ask(&broadcast("kw0^kw1"));
    s.ask(&PreviewRequest { conn: "0077028a809f7005", ..single("kw2") });
    s.offered();
    s.released("0077028a809f7006");
    assert!(s.statuses().is_empty());
    s.released(CONN);
    assert_eq!(s.ended(), [(0, Outcome::Released), (1, Outcome::Released)]);
    assert_eq!((s.the_answer().status, s.c.previews().offers), (PreviewStatus::Canceled, 1));
    s.released(CONN);
    // A call that was transferred lives on.
    let event = TEvent { id: n::EVENT_RELEASED, this_dn: "9999", conn: Some("0077028a809f7005"), call_state: Some(1), ..TEvent::default() };
    s.cti(CtiEvent::Event(&event));
    assert!(s.statuses().is_empty());
    let event = TEvent { id: n::EVENT_ABANDONED, call_state: Some(0), ..event };
    s.cti(CtiEvent::Event(&event));
    assert_eq!(s.statuses().len(), 1);
}

#[test]
fn a_worker_who_is_no_longer_ready_is_no_longer_asked() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.agent(0, n::EVENT_AGENT_READY);
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert_eq!((s.the_answer().status, s.ended()), (PreviewStatus::Unavailable, vec![(0, Outcome::Unavailable)]));
    s.accept(0, offer);
    assert_eq!(s.too_late(), 1);
    let mut it = config(1);
    it.preview.not_ready = NotReadyRule::Keep;
    s.reconfigure(it);
    s.agent(0, n::EVENT_AGENT_READY);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    s.accept(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
}

#[test]
fn a_page_may_go_away_for_a_moment() {
    let mut s = Story::new(1);
    s.ask(&PreviewRequest { timeout_ms: Some(60_000), ..single("kw0") });
    let (_, offer) = s.the_offer();
    s.page(0, PageEvent::Closed);
    s.page(0, PageEvent::Closed);
    s.wait(14_999);
    s.page(0, PageEvent::Opened);
    assert_eq!(s.c.offers_of(UserId(0))[0].offer, offer);
    s.wait(20_000);
    s.page(0, PageEvent::Closed);
    s.wait(14_999);
    assert!(s.statuses().is_empty());
    // Within the grace a worker can still be asked.
    s.ask(&PreviewRequest { conn: "b", ..single("kw0") });
    assert!(s.the_answer().text.contains("busy"));
    s.wait(1);
    assert_eq!((s.the_answer().status, s.ended()), (PreviewStatus::Unavailable, vec![(0, Outcome::Unavailable)]));
    s.page(0, PageEvent::Opened);
    s.ask(&single("kw0"));
    s.the_offer();
}

#[test]
fn a_lost_switch_leaves_offers_alone() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.lose_the_link();
    assert!(s.statuses().is_empty());
    s.accept(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
}

#[test]
fn a_reconfiguration_keeps_the_offers_of_workers_that_stay() {
    let mut s = Story::new(3);
    s.ask(&broadcast("kw0^kw1"));
    s.ask(&PreviewRequest { conn: "b", select: Select::RoundRobin, ..single("kw2^kw1") });
    let offers = s.offered();
    let mut it = config(3);
    it.people.remove(1);
    it.people[1].dns = vec![PersonDn { number: "6000".into(), switch: 0 }].into(); // kw2 moves
    s.reconfigure(it.clone());
    assert_eq!(s.ended(), [(1, Outcome::Unavailable), (2, Outcome::Unavailable)]);
    assert_eq!(s.statuses().len(), 1, "the one in turn has nobody left");
    s.accept(0, offers[0].1);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
    // A new worker gets nothing of the old one's, whatever their id.
    it.people.push(person(7));
    s.reconfigure(it);
    s.asked.retain(|(_, _, req)| *req == CtiReq::RegisterAddress);
    s.serve(3);
    s.ask(&PreviewRequest { conn: "c", ..single("kw7") });
    assert!(s.the_answer().text.contains("without an open page"));
}

#[test]
fn stopping_answers_everybody() {
    let mut s = Story::new(2);
    let one = s.ask(&single("kw0"));
    let two = s.ask(&PreviewRequest { conn: "b", ..single("kw1") });
    s.hand(Input::Drain { within_ms: 5_000 });
    assert_eq!(s.statuses(), [(one, PreviewStatus::Error), (two, PreviewStatus::Error)]);
    s.offered();
    assert_eq!(s.ended(), [(0, Outcome::Failed), (1, Outcome::Failed)]);
    s.ask(&single("kw0"));
    assert!(s.the_answer().text.contains("stopping") && !s.drained);
    assert_eq!(s.all_reports().len(), 4);
    assert!(s.drained);
    s.ask(&single("kw0"));
    assert!(s.the_answer().text.contains("stopped"));
    let late = s.cancel(CONN);
    assert_eq!(s.statuses(), [(late, PreviewStatus::Error)]);
}

#[test]
fn free_seating_offers_go_with_the_seat() {
    let mut it = config(2);
    it.presence.free_seating = true;
    it.people[1].dns = Box::default();
    it.cti.switches[0].free_dns = vec!["8000".into()];
    let mut s = Story::of(it);
    let seat = |id, agent_id| TEvent { id, this_dn: "8000", agent_id, ..TEvent::default() };
    s.ask(&single("kw1"));
    assert_eq!(s.the_answer().status, PreviewStatus::Unavailable);
    s.cti(CtiEvent::Event(&seat(n::EVENT_AGENT_LOGIN, Some("7001"))));
    s.cti(CtiEvent::Event(&seat(n::EVENT_AGENT_READY, Some("7001"))));
    s.ask(&single("8000"));
    let (user, offer) = s.the_offer();
    s.accept(user, offer);
    let answer = s.the_answer();
    assert_eq!((user, &*answer.dn, &*answer.agent), (1, "8000", "7001"));
    assert_eq!(s.all_reports(), ["8000 UCC_Preview+ 0077028a809f7004 7001 kw1", "8000 UCC_Preview- Accepted 0077028a809f7004 7001 kw1"]);
    s.ask(&single("kw1"));
    s.the_offer();
    s.cti(CtiEvent::Event(&seat(n::EVENT_AGENT_LOGOUT, None)));
    assert_eq!(s.the_answer().status, PreviewStatus::Unavailable);
}
