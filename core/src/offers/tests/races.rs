//! Several workers, several windows, late clicks.
use super::*;

#[test]
fn the_first_acceptance_of_a_broadcast_wins() {
    let mut s = Story::new(3);
    s.ask(&broadcast("group:sales"));
    let offers = s.offered();
    assert_eq!(offers.iter().map(|(user, _)| *user).collect::<Vec<_>>(), [0, 1, 2]);
    s.reject(0, offers[0].1);
    assert!(s.statuses().is_empty());
    s.accept(2, offers[2].1);
    s.accept(1, offers[1].1);
    let answer = s.the_answer();
    assert_eq!((answer.status, &*answer.dn), (PreviewStatus::Accepted, "5002"));
    let ended: Vec<_> = s.news.iter().map(|(user, news)| (*user, news.clone())).collect();
    assert_eq!(
        ended,
        [
            (0, PageNews::Ended { offer: offers[0].1, outcome: Outcome::Rejected }),
            (2, PageNews::Ended { offer: offers[2].1, outcome: Outcome::Accepted }),
            (1, PageNews::Ended { offer: offers[1].1, outcome: Outcome::Taken }),
            (1, PageNews::TooLate { offer: offers[1].1 }),
        ]
    );
}

#[test]
fn a_broadcast_without_a_winner_tells_the_most_important() {
    let mut s = Story::new(3);
    s.ask(&broadcast("kw0^kw1^kw2"));
    for (user, offer) in s.offered() {
        s.reject(user, offer);
    }
    assert_eq!(&*s.the_answer().text, "declined: 3 declined");
    s.ask(&broadcast("kw0^kw1^nobody"));
    let offers = s.offered();
    s.reject(0, offers[0].1);
    s.wait(20_000);
    let answer = s.the_answer();
    assert_eq!((answer.status, &*answer.text), (PreviewStatus::Timeout, "time ran out: 1 declined, 1 did not answer in time, 1 unknown"));
    s.ask(&broadcast("kw0^kw1"));
    let offers = s.offered();
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    s.reject(1, offers[1].1);
    assert_eq!(s.the_answer().status, PreviewStatus::Rejected);
    s.ask(&broadcast("kw1^kw2"));
    s.offered();
    s.agent(1, n::EVENT_AGENT_LOGOUT);
    s.agent(2, n::EVENT_AGENT_NOT_READY);
    assert_eq!(s.the_answer().status, PreviewStatus::Unavailable);
}

#[test]
fn several_windows_share_one_offer_and_the_first_click_counts() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.page(0, PageEvent::Opened); // a second window: the driver counts them
    assert!(s.news.is_empty());
    s.reject(0, offer);
    s.accept(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Rejected);
    assert_eq!(s.too_late(), 1);
}

#[test]
fn nobody_acts_on_the_offer_of_another() {
    let mut s = Story::new(2);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.accept(1, offer);
    s.reject(1, offer);
    s.page(77, PageEvent::Accept { offer });
    assert_eq!(s.too_late(), 2);
    assert_eq!(s.c.offers_of(UserId(0)).len(), 1);
    assert!(s.statuses().is_empty() && s.c.offers_of(UserId(1)).is_empty());
}

#[test]
fn the_same_instant_belongs_to_whom_the_core_hears_first() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    // The time is over, and the click is handed in before the wake: the click counts.
    s.at(Mono(20_000));
    s.accept(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
}

#[test]
fn as_many_offers_as_a_worker_may_have() {
    let mut it = config(1);
    it.preview.per_worker_max = 2;
    let mut s = Story::of(it);
    s.ask(&PreviewRequest { conn: "a", ..single("kw0") });
    s.ask(&PreviewRequest { conn: "b", ..single("kw0") });
    s.ask(&PreviewRequest { conn: "c", ..single("kw0") });
    assert_eq!(s.the_answer().status, PreviewStatus::Unavailable);
    assert_eq!(s.c.offers_of(UserId(0)).iter().map(|v| v.conn.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    let offers = s.offered();
    s.accept(0, offers[1].1);
    s.accept(0, offers[0].1);
    assert_eq!(s.statuses().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [PreviewStatus::Accepted; 2]);
}
