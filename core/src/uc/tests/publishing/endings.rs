//! The worker does something with their own client while ours stands.
use super::*;

#[test]
fn a_time_bound_state_of_their_own_ends_ours() {
    let mut s = Server::standing(publishing(1, LEAVE), 0);
    s.acts(TIMED, Some(state(9500, "")));
    assert_eq!(s.said(), [stated(9500, Activity::None)]);
    assert!(s.w.sent.is_empty(), "what they chose is not overwritten");
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "9500".into())));
    assert_eq!(s.shows(Key::Note200), None);
}

#[test]
fn a_static_state_of_their_own_ends_ours() {
    let mut s = Server::standing(publishing(1, LEAVE), 0);
    s.acts(STATIC, Some(state(3500, "At my desk")));
    assert_eq!(s.said(), [stated(3500, Activity::Custom)]);
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Timed2), None);
    assert_eq!(s.shows(Key::Static2), Some((1, "3500 At my desk".into())));
}

#[test]
fn they_take_ours_away() {
    let mut s = Server::new(publishing(1, LEAVE));
    s.client(Key::Static2, Some(state(15500, "")));
    s.command(Some(2));
    s.serve();
    s.acts(TIMED, None);
    assert_eq!(s.said(), [stated(15500, Activity::None)]);
    assert!(s.w.sent.is_empty());
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
}

#[test]
fn nothing_of_theirs_is_left() {
    let mut s = Server::standing(publishing(1, LEAVE), 2);
    s.acts(TIMED, None);
    assert_eq!(s.said(), ["action 0 None"]);
}

#[test]
fn push_only_comes_back_with_the_next_command() {
    let mut s = Server::standing(publishing(1, KEEP), 1);
    s.acts(TIMED, Some(state(3500, "")));
    s.said();
    s.w.run(60_000);
    assert!(s.serve().is_empty());
    s.command(Some(1));
    assert_eq!(s.serve(), ["published 0 Some(1)"]);
    assert_eq!(s.shows(Key::Timed2), Some((3, "9500 Legal Guard".into())));
    // A newer static state outdoes ours although ours stands: it is published anew.
    s.acts(STATIC, Some(state(3500, "")));
    assert_eq!(s.said().len(), 1);
    s.command(Some(1));
    assert_eq!(s.serve(), ["published 0 Some(1)"]);
    assert_eq!(s.shows(Key::Timed2).unwrap().0, 4);
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Timed2), Some((5, "3500".into())), "their own state is put back");
}

#[test]
fn only_the_servers_own_state_is_left() {
    let mut s = Server::new(publishing(1, KEEP));
    for key in TIMED {
        s.client(key, Some(state(3500, "")));
    }
    s.command(Some(0));
    s.serve();
    s.table.retain(|key, _| !TIMED.contains(key));
    s.tell_aggregate();
    assert_eq!(s.said(), ["action 0 None"], "theirs, on which ours stood, went with it");
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Timed2), None);
}

#[test]
fn a_note_of_their_own_is_left_alone_and_is_no_action() {
    let mut s = Server::standing(publishing(1, LEAVE), 0);
    s.client(Key::Note200, Some(note("Back at four")));
    s.tell(&[Key::Note200]);
    assert!(s.said().is_empty() && s.w.sent.is_empty());
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Note200), Some((2, "Back at four".into())));
    assert_eq!(s.shows(Key::Note300), None);
}

#[test]
fn their_state_before_anything_of_ours_is_no_action() {
    let mut s = Server::standing(publishing(1, KEEP), 0);
    s.command(None);
    s.serve();
    s.acts(TIMED, Some(state(6500, "")));
    s.acts(STATIC, Some(state(3500, "")));
    assert!(s.said().is_empty());
    s.command(Some(0));
    s.serve();
    s.command(None);
    s.serve();
    assert_eq!(s.shows(Key::Timed2), Some((3, "6500".into())));
}

#[test]
fn a_publication_that_ended_by_itself_is_made_anew() {
    let mut s = Server::standing(publishing(1, KEEP), 2);
    s.pass(1_790_000);
    // The refresh is refused until the time of the instance is over.
    while !s.table.is_empty() {
        s.w.run(1_000);
        s.w.event(SIP0, UcEvent::KeepAlive);
        while !s.w.sent.is_empty() {
            let msg = s.take();
            if msg.method == Method::Service {
                s.w.answer(&msg, 503, |r| r.retry_after_s = Some(550));
            } else {
                s.answer(&msg);
            }
        }
        if s.w.now.0 >= 1_000_000 + 3_600_000 {
            s.table.clear();
            s.tell(&TIMED);
        }
    }
    let said = s.pass(600_000);
    assert!(said.iter().all(|fact| !fact.contains("action")), "{said:?}");
    assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(2));
    assert_eq!(s.shows(Key::Timed2), Some((1, "6500".into())));
}
