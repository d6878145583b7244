//! One after the other: round robin and longest idle.
use super::*;

fn in_turn(targets: &str) -> PreviewRequest<'_> {
    PreviewRequest { select: Select::RoundRobin, ..single(targets) }
}

#[test]
fn the_next_is_asked_after_a_refusal_a_silence_or_a_departure() {
    let mut s = Story::new(4);
    s.ask(&in_turn("kw0^kw1^kw2^kw3"));
    let (user, offer) = s.the_offer();
    assert_eq!(user, 0);
    s.reject(0, offer);
    assert_eq!(s.the_offer().0, 1);
    s.wait(19_999);
    assert_eq!(s.ended(), [(0, Outcome::Rejected)]);
    s.agent(2, n::EVENT_AGENT_NOT_READY);
    // Each has the whole time; who is not ready is passed over.
    s.wait(1);
    assert_eq!((s.the_offer().0, s.ended()), (3, vec![(1, Outcome::Timeout)]));
    assert_eq!(s.c.offers_of(UserId(3)).len(), 1);
    s.wait(19_999);
    assert!(s.statuses().is_empty());
    s.agent(3, n::EVENT_AGENT_LOGOUT);
    let answer = s.the_answer();
    assert_eq!(answer.status, PreviewStatus::Timeout);
    assert_eq!(&*answer.text, "time ran out: 1 declined, 1 did not answer in time, 1 not ready, 1 no longer ready or present");
}

#[test]
fn round_robin_begins_behind_who_was_first_last_time() {
    let mut s = Story::new(3);
    let first = |s: &mut Story, targets: &str| {
        s.ask(&PreviewRequest { conn: "r", ..in_turn(targets) });
        let (user, offer) = s.the_offer();
        s.accept(user, offer);
        user
    };
    let order: Vec<u32> = (0..4).map(|_| first(&mut s, "kw0^kw1^kw2")).collect();
    assert_eq!(order, [0, 1, 2, 0]);
    // Another list has its own turn; the spelling of a list does not matter.
    assert_eq!((first(&mut s, "kw2^kw1"), first(&mut s, "7000|5001|kw2@S")), (2, 1));
    // Who could not be asked was not first.
    s.agent(2, n::EVENT_AGENT_NOT_READY);
    assert_eq!((first(&mut s, "kw0^kw1^kw2"), first(&mut s, "kw0^kw1^kw2")), (0, 1));
}

#[test]
fn who_has_been_ready_longest_is_asked_first() {
    let mut s = Story::new(4);
    for user in [2, 0, 1, 3] {
        s.agent(user, n::EVENT_AGENT_NOT_READY);
    }
    for user in [1, 3, 0] {
        s.wait(1000);
        s.agent(user, n::EVENT_AGENT_READY);
    }
    s.wait(1000);
    s.agent(1, n::EVENT_AGENT_READY); // once more: still since then
    s.ask(&PreviewRequest { select: Select::LongestIdle, ..single("group:sales") });
    let mut order = Vec::new();
    while let Some((user, offer)) = s.offered().first().copied() {
        order.push(user);
        s.reject(user, offer);
    }
    assert_eq!(order, [1, 3, 0]);
    assert_eq!(&*s.the_answer().text, "declined: 3 declined, 1 not ready");
}
