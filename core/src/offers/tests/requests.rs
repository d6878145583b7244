//! One request, one worker; what is refused; keys, cancels and requesters that go away.
use super::*;

#[test]
fn a_worker_accepts_and_the_router_learns_where_to() {
    let mut s = Story::new(2);
    let data = [("Notes", "it's 5 o'clock"), ("Notes", "twice")];
    s.ask(&PreviewRequest { data: &data, timeout_ms: Some(12_000), ..single("kw1") });
    let PageNews::Offered(view) = s.news[0].1.clone() else { panic!("{:?}", s.news) };
    assert_eq!((s.news[0].0, &*view.conn, &*view.media, view.broadcast), (1, CONN, "voice", false));
    assert_eq!(view.data.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), data);
    assert_eq!((view.offered_unix_ms, view.ends_unix_ms - view.offered_unix_ms), (s.now.unix_ms, 12_000));
    assert_eq!(s.c.offers_of(UserId(1)), core::slice::from_ref(&view));
    assert_eq!(s.c.request("77028A809F7004"), Some(RequestView::Open(vec![UserId(1)])));
    s.wait(11_999);
    s.accept(1, view.offer);
    let answer = s.the_answer();
    assert_eq!((answer.status, &*answer.agent, &*answer.dn, &*answer.switch), (PreviewStatus::Accepted, "7001", "5001", "SIP_Switch"));
    assert_eq!((answer.user, &*answer.text), (Some(UserId(1)), "accepted by kw1"));
    assert_eq!(s.c.request(CONN), Some(RequestView::Answered(answer)));
    s.offered();
    assert_eq!(s.ended(), [(1, Outcome::Accepted)]);
    assert_eq!(
        s.records.iter().map(|r| (r.ended, r.at_unix_ms)).collect::<Vec<_>>(),
        [(None, view.offered_unix_ms), (Some(Outcome::Accepted), view.offered_unix_ms + 11_999)]
    );
    s.wait(59_999);
    assert!(s.c.request(CONN).is_some());
    s.wait(1);
    assert!(s.c.request(CONN).is_none() && s.statuses().is_empty());
}

#[test]
fn a_worker_declines_or_is_silent() {
    let mut s = Story::new(1);
    s.ask(&single("7000"));
    let (_, offer) = s.the_offer();
    s.reject(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Rejected);
    assert_eq!(s.ended(), [(0, Outcome::Rejected)]);
    s.ask(&single("5000"));
    s.wait(19_999);
    assert!(s.statuses().is_empty());
    s.wait(1);
    let answer = s.the_answer();
    assert_eq!((answer.status, &*answer.text, &*answer.agent), (PreviewStatus::Timeout, "time ran out: 1 did not answer in time", ""));
    s.offered();
    assert_eq!(s.ended(), [(0, Outcome::Timeout)]);
}

#[test]
fn the_time_to_think_is_moved_into_its_range() {
    let mut s = Story::new(1);
    for (asked, given) in [(Some(1), 5_000), (Some(u64::MAX), 300_000), (None, 20_000)] {
        s.ask(&PreviewRequest { timeout_ms: asked, ..single("kw0") });
        s.wait(given - 1);
        assert!(s.statuses().is_empty(), "{asked:?}");
        s.wait(1);
        assert_eq!(s.the_answer().status, PreviewStatus::Timeout);
    }
}

#[test]
fn who_cannot_be_asked_is_named() {
    let mut s = Story::of(Config { preview: PreviewConfig { reporting: true, ..PreviewConfig::default() }, ..config(3) });
    let why = |s: &mut Story, request: &PreviewRequest<'_>| {
        s.ask(request);
        let answer = s.the_answer();
        assert_eq!(answer.status, PreviewStatus::Unavailable);
        answer.text.to_string()
    };
    assert_eq!(why(&mut s, &single("nobody")), "nobody could be asked: 1 unknown");
    assert_eq!(why(&mut s, &single(" ^ ")), "nobody could be asked: no targets");
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert_eq!(why(&mut s, &single("kw0")), "nobody could be asked: 1 not ready");
    s.page(1, PageEvent::Closed);
    s.wait(15_000);
    assert_eq!(why(&mut s, &single("kw1@Stat.A")), "nobody could be asked: 1 without an open page");
    assert_eq!(why(&mut s, &PreviewRequest { dn: "5001", ..single("kw2") }), "nobody could be asked: 1 not at the given DN");
    s.ask(&PreviewRequest { dn: "5002", switch: "SIP_Switch", ..single("kw2") });
    assert_eq!(why(&mut s, &PreviewRequest { conn: "b", ..single("kw2") }), "nobody could be asked: 1 busy with another preview");
    let text = why(&mut s, &PreviewRequest { conn: "c", ..broadcast("kw0^kw1|kw2^kw2^x@y^'z'") });
    assert_eq!(text, "nobody could be asked: 2 unknown, 1 not ready, 1 without an open page, 1 busy with another preview");
    s.wait(20_000);
    s.statuses();
}

#[test]
fn workers_that_are_not_ready_may_be_asked_where_that_is_configured() {
    let mut it = config(1);
    it.preview.require_ready = false;
    let mut s = Story::of(it);
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.agent(0, n::EVENT_AGENT_LOGOUT);
    s.accept(0, offer);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
}

#[test]
fn a_group_named_often_is_looked_up_once_and_each_of_it_asked_once() {
    let mut it = config(4);
    it.preview.targets_max = 4;
    let mut s = Story::of(it);
    s.ask(&broadcast("kw3^group:sales^group: 'sales'^5003^Group:sales"));
    assert_eq!(s.offered().iter().map(|(user, _)| *user).collect::<Vec<_>>(), [3, 0, 1, 2]);
}

#[test]
fn what_is_malformed_or_too_large_is_refused() {
    let mut it = config(4);
    it.preview = PreviewConfig { targets_max: 3, data_bytes_max: 10, requests_max: 2, ..it.preview };
    let mut s = Story::of(it);
    let (long, hats) = ("x".repeat(300), "^".repeat(1000));
    let data = [("key", "value!!")];
    let refused = [
        (PreviewRequest { conn: "", ..single("kw0") }, "names no call"),
        (PreviewRequest { conn: &long, ..single("kw0") }, "`connId` has 300 bytes, at most 255"),
        (PreviewRequest { key: Some(&long), ..single("kw0") }, "`key`"),
        (PreviewRequest { data: &data, ..single("kw0") }, "`userData` has 11 bytes, at most 10"),
        (broadcast("group:sales"), "names more than 3 targets"),
        (broadcast("a^b^c^d"), "names more than 3 targets"),
        (single(&hats), "list of targets has 1000 bytes, at most 768"),
    ];
    for (request, text) in refused {
        s.ask(&request);
        let answer = s.the_answer();
        assert!(answer.status == PreviewStatus::Error && answer.text.contains(text), "{answer:?}");
    }
    s.ask(&PreviewRequest { conn: "a", ..single("kw0") });
    s.ask(&PreviewRequest { conn: "b", key: Some("k"), ..single("kw1") });
    s.ask(&PreviewRequest { conn: "c", ..single("kw2") });
    assert!(s.the_answer().text.contains("2 requests are open"));
    s.ask(&PreviewRequest { conn: "b", key: Some("k"), ..single("kw1") });
    assert_eq!(s.the_answer().status, PreviewStatus::Error);
    assert_eq!(s.offered().len(), 2);
    let counters = s.c.counters();
    assert_eq!((counters.previews, counters.previews_answered[PreviewStatus::Error as usize], counters.offers), (11, 9, 2));
}

#[test]
fn a_repeated_key_joins_the_open_request_and_hears_the_answer_afterwards() {
    let mut s = Story::new(1);
    let request = PreviewRequest { key: Some("k1"), ..single("kw0") };
    let first = s.ask(&request);
    let (_, offer) = s.the_offer();
    let second = s.ask(&PreviewRequest { conn: "77028A809F7004", ..request.clone() });
    assert!(s.offered().is_empty() && s.statuses().is_empty());
    s.ask(&PreviewRequest { conn: "b", ..request.clone() });
    assert!(s.the_answer().text.contains("used for another call"));
    s.accept(0, offer);
    assert_eq!(s.statuses(), [(first, PreviewStatus::Accepted), (second, PreviewStatus::Accepted)]);
    s.ask(&request);
    assert_eq!(s.the_answer().status, PreviewStatus::Accepted);
    s.ask(&PreviewRequest { conn: "b", ..request.clone() });
    assert!(s.the_answer().text.contains("used for another call"));
    assert!(s.offered().is_empty());
    s.wait(60_000);
    s.ask(&request);
    let (_, again) = s.the_offer();
    assert!(again > offer);
}

#[test]
fn who_asked_goes_away() {
    let mut s = Story::new(1);
    let request = PreviewRequest { key: Some("k1"), ..single("kw0") };
    let first = s.ask(&request);
    let second = s.ask(&request);
    let (_, offer) = s.the_offer();
    s.gone(first);
    assert_eq!(s.statuses(), [(first, PreviewStatus::Canceled)]);
    assert!(s.ended().is_empty());
    s.gone(second);
    s.gone(second);
    assert_eq!(s.statuses(), [(second, PreviewStatus::Canceled)]);
    assert_eq!(s.ended(), [(0, Outcome::Canceled)]);
    s.accept(0, offer);
    assert_eq!((s.too_late(), s.statuses().len()), (1, 0));
    // Who comes back with the key means to try again.
    s.ask(&request);
    s.the_offer();
}

#[test]
fn the_router_cancels() {
    let mut s = Story::new(3);
    let nothing = s.cancel("1");
    assert_eq!(s.statuses(), [(nothing, PreviewStatus::Canceled)]);
    let one = s.ask(&single("kw0"));
    let two = s.ask(&broadcast("kw1^kw2"));
    s.offered();
    let other = s.ask(&PreviewRequest { conn: "other", ..single("kw0") });
    s.statuses();
    let cancel = s.cancel(CONN);
    let answers = core::mem::take(&mut s.answers);
    assert_eq!(&*answers[0].1.text, "the router cancelled: caller hung up");
    let answers: Vec<_> = answers.into_iter().map(|(id, answer)| (id, answer.status)).collect();
    assert_eq!(answers, [(one, PreviewStatus::Canceled), (two, PreviewStatus::Canceled), (cancel, PreviewStatus::Canceled)]);
    assert_eq!(s.ended(), [(0, Outcome::Canceled), (1, Outcome::Canceled), (2, Outcome::Canceled)]);
    assert!(other > 0 && s.c.request("other").is_some());
}

#[test]
fn a_newer_request_for_the_same_call_and_worker_replaces_the_older_one() {
    let mut s = Story::new(3);
    let first = s.ask(&single("kw0"));
    let (_, old) = s.the_offer();
    let second = s.ask(&PreviewRequest { key: Some("new"), ..single("kw0") });
    assert_eq!(s.statuses(), [(first, PreviewStatus::Canceled)]);
    let (_, new) = s.the_offer();
    assert_eq!(s.ended(), [(0, Outcome::Replaced)]);
    s.accept(0, old);
    assert_eq!((s.too_late(), s.statuses().len()), (1, 0));
    // Another worker about the same call: both stand.
    let third = s.ask(&single("kw1"));
    s.accept(0, new);
    assert_eq!(s.statuses(), [(second, PreviewStatus::Accepted)]);
    // A broadcast that names one who waits in turn ends the turn.
    let all = s.ask(&PreviewRequest { select: Select::RoundRobin, conn: "x", ..single("kw2^kw0") });
    s.ask(&PreviewRequest { conn: "x", ..broadcast("kw0") });
    assert_eq!(s.statuses(), [(all, PreviewStatus::Canceled)]);
    s.offered();
    assert_eq!(s.ended(), [(0, Outcome::Accepted), (2, Outcome::Replaced)]);
    assert!(third > 0);
}
