//! A standard server: one dialog per worker or a list, calls, digest, datagrams.
use super::harness::*;
use crate::config::{CallRule, Config, Credential, NoteLevel, Oversize, SimpleConfig, UcKind};
use crate::fact::Fact;
use crate::presence::{Activity, StateChange};
use crate::uc_event::{
    Body, Call, CallState, CategoryDoc, Challenge, CloseCause, DialogInfo, DigestAlgorithm, Found, Method, Notify, SipRequest, StateValue, SubState,
    TerminationReason, Transport, UcEvent,
};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

pub(super) fn simple(users: usize, change: impl FnOnce(&mut SimpleConfig)) -> Config {
    let mut c = config(users);
    let mut simple = SimpleConfig::default();
    change(&mut simple);
    c.uc.kind = UcKind::Simple(Box::new(simple));
    c.uc.tls = false;
    c
}

fn datagrams(users: usize) -> Config {
    simple(users, |s| s.udp = true)
}

/// A document as the PIDF reader gives it.
pub(super) fn pidf(availability: u32) -> Body<'static> {
    let state = StateValue { availability: Some(availability), ..StateValue::default() };
    Body::Categories(CategoryDoc { uri: "sip:whoever@example.com".into(), state: Found::Value(state), note: Found::Empty, calendar: Found::Absent, others: 0 })
}

/// Availability numbers told to presence since the last look, by user.
pub(super) fn told(w: &mut World) -> Vec<(usize, u32)> {
    let of = |fact: Fact| match fact {
        Fact::Presence { user, update } => match update.state {
            StateChange::Value { availability, .. } => Some((user.index(), availability)),
            other => panic!("{other:?}"),
        },
        _ => None,
    };
    w.facts().into_iter().filter_map(of).collect()
}

pub(super) fn accept(w: &mut World, msg: &SipRequest) {
    w.answer(msg, 200, |r| {
        r.expires_s = Some(600);
        r.state = SubState::Absent;
    });
}

/// Every request so far is granted.
pub(super) fn accept_all(w: &mut World) -> Vec<SipRequest> {
    let mut all = Vec::new();
    while let Some((_, msg)) = w.sent.pop_front() {
        accept(w, &msg);
        all.push(msg);
    }
    all
}

fn challenge(nonce: &'static str) -> Challenge<'static> {
    Challenge { proxy: true, realm: "example.com", nonce, opaque: None, algorithm: DigestAlgorithm::Md5, session: false, qop: true, stale: false }
}

fn with_password(users: usize) -> Config {
    simple(users, |s| s.credentials = vec![Credential { realm: "".into(), user: "uc".into(), password_ref: "env:PW".into() }])
}

#[test]
fn every_worker_has_a_dialog_of_its_own() {
    let mut w = World::connected(simple(3, |_| {}));
    assert_eq!(w.sent.len(), 3);
    let first = w.next();
    assert_eq!((&*first.uri, &*first.to, &*first.from), ("sip:user0@contoso.example", "sip:user0@contoso.example", "sip:watcher0@contoso.example"));
    assert_eq!(first.contact.as_deref(), Some("<sip:watcher0@192.0.2.1:40000;transport=tcp>"));
    assert_eq!((header(&first, "Event"), header(&first, "Accept"), header(&first, "Expires")), (vec!["presence"], vec!["application/pidf+xml"], vec!["600"]));
    assert!(header(&first, "Supported").is_empty() && header(&first, "Require").is_empty() && first.epid.is_none());
    // The notification overtakes the answer, and `entity` is not how the dialog is found.
    w.notify(&first, 1, |n| n.body = pidf(6500));
    assert_eq!((told(&mut w), w.answers.pop()), (vec![(0, 6500)], Some(200)));
    accept(&mut w, &first);
    let rest = accept_all(&mut w);
    assert_eq!(rest.len(), 2);
    rest.iter().for_each(|msg| w.notify(msg, 1, |n| n.body = pidf(3500)));
    assert_eq!(w.covered(), [0, 1, 2]);
    // Refreshed at four fifths of the time.
    w.live(479_000);
    assert!(!w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)));
    w.live(2_000);
    let refreshed: Vec<&SipRequest> = w.sent.iter().map(|(_, m)| m).filter(|m| is(m, Method::Subscribe)).collect();
    assert_eq!(refreshed.len(), 3);
    assert_eq!((&*refreshed[0].call_id, refreshed[0].cseq, refreshed[0].to_tag.as_deref()), (&*first.call_id, 2, Some("server")));
}

#[test]
fn no_body_is_unknown_and_pending_is_not_covered() {
    let mut w = World::connected(simple(1, |_| {}));
    let msg = w.next();
    accept(&mut w, &msg);
    w.notify(&msg, 1, |_| {});
    assert_eq!(told(&mut w), [(0, 0)]);
    w.notify(&msg, 2, |n| n.body = pidf(3500));
    assert_eq!(told(&mut w), [(0, 3500)]);
    w.notify(&msg, 3, |n| n.state = SubState::Pending);
    assert_eq!((w.coverage_facts().1, w.covered()), (vec![0], vec![]));
    w.notify(&msg, 4, |n| n.body = pidf(15_500));
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 15_500)], vec![0]));
    // What ends the subscription says nothing about the worker.
    w.notify(&msg, 5, |n| (n.state, n.reason) = (SubState::Terminated, TerminationReason::Timeout));
    assert_eq!(w.coverage_facts(), (vec![], vec![0], vec![]));
    w.live(10_000);
    assert_eq!(w.next().cseq, 1);
}

#[test]
fn refusals_of_one_worker_leave_the_others_alone() {
    let mut w = World::connected(simple(5, |_| {}));
    let all: Vec<SipRequest> = (0..5).map(|_| w.next()).collect();
    w.answer(&all[0], 404, |_| {});
    w.answer(&all[1], 403, |_| {});
    w.answer(&all[2], 489, |_| {});
    w.answer(&all[3], 423, |r| r.min_expires_s = Some(900));
    accept(&mut w, &all[4]);
    assert_eq!(w.covered(), [4]);
    // Only the lifetime was wrong: asked for again at once.
    let again = w.next();
    assert_eq!((&*again.to, header(&again, "Expires"), w.sent.len()), ("sip:user3@contoso.example", vec!["900"], 0));
    assert!(again.call_id != all[3].call_id);
    accept(&mut w, &again);
    assert_eq!(w.covered(), [3, 4]);
    assert_eq!(w.alarms(), 0);
    w.live(3_600_000);
    let tried: Vec<String> = w.sent.iter().map(|(_, m)| m.to.clone().into()).filter(|to: &String| !to.contains("user3") && !to.contains("user4")).collect();
    assert!(["user0", "user1", "user2"].iter().all(|user| tried.iter().any(|to| to.contains(user))), "{tried:?}");
}

#[test]
fn a_dialog_the_server_forgot_is_made_anew() {
    let mut w = World::connected(simple(2, |_| {}));
    let (first, second) = (w.next(), w.next());
    for msg in [&first, &second] {
        accept(&mut w, msg);
        w.notify(msg, 1, |n| n.body = pidf(3500));
    }
    w.live(480_000);
    let refresh = w.sent.iter().position(|(_, m)| m.call_id == first.call_id).and_then(|at| w.sent.remove(at)).expect("a refresh").1;
    w.answer(&refresh, 481, |_| {});
    let anew = w.sent.iter().map(|(_, m)| m).find(|m| m.to == first.to && m.call_id != first.call_id).expect("a new dialog").clone();
    accept(&mut w, &anew);
    assert_eq!(w.covered(), [0, 1]);
    // Dying at birth again and again: less and less often.
    let mut msg = anew;
    w.sent.clear();
    for pause in [0, 2_000, 4_000, 8_000] {
        w.notify(&msg, 1, |n| (n.state, n.reason) = (SubState::Terminated, TerminationReason::Deactivated));
        w.live(pause + 10_000);
        let at = w.sent.iter().position(|(_, m)| m.to == first.to).unwrap_or_else(|| panic!("after {pause} ms"));
        msg = w.sent.remove(at).expect("there").1;
        accept(&mut w, &msg);
    }
}

#[test]
fn forks_are_refused_and_the_first_notification_makes_the_dialog() {
    let mut w = World::connected(simple(1, |_| {}));
    let msg = w.next();
    w.notify(&msg, 1, |n| (n.from_tag, n.contact, n.record_routes, n.body) = ("one", Some("sip:one@a"), vec!["sip:near;lr", "sip:far;lr"], pidf(3500)));
    w.notify(&msg, 1, |n| (n.from_tag, n.contact, n.body) = ("two", Some("sip:two@a"), pidf(6500)));
    assert_eq!((told(&mut w), core::mem::take(&mut w.answers)), (vec![(0, 3500)], vec![200, 481]));
    w.answer(&msg, 200, |r| {
        (r.to_tag, r.contacts, r.record_routes) = ("two", vec!["sip:two@a"], vec!["sip:near;lr"]);
        r.expires_s = Some(600);
    });
    w.notify(&msg, 2, |n| (n.from_tag, n.body) = ("one", pidf(6500)));
    assert_eq!((told(&mut w), w.answers.pop()), (vec![(0, 6500)], Some(200)));
    // The dialog goes on where it began (RFC 6665 §4.4.1).
    w.live(480_000);
    let refresh = w.next();
    assert_eq!((&*refresh.uri, refresh.to_tag.as_deref()), ("sip:one@a", Some("one")));
    assert!(refresh.routes.iter().map(|route| &**route).eq(["sip:near;lr", "sip:far;lr"]));
}

#[test]
fn what_comes_again_is_answered_again_and_does_nothing() {
    let mut w = World::connected(datagrams(1));
    let msg = w.next();
    accept(&mut w, &msg);
    for (cseq, availability) in [(1, 3500), (2, 6500), (5, 15_500)] {
        w.notify(&msg, cseq, |n| n.body = pidf(availability));
    }
    assert_eq!((told(&mut w).len(), core::mem::take(&mut w.answers)), (3, vec![200, 200, 200]));
    // The last one, an older one, one that was overtaken on the way.
    for cseq in [5, 2, 4] {
        w.notify(&msg, cseq, |n| n.body = pidf(3500));
    }
    assert_eq!((told(&mut w).len(), core::mem::take(&mut w.answers)), (0, vec![200, 200, 500]));
    w.notify(&msg, 6, |n| n.body = Body::Unsupported("text/plain"));
    w.notify(&msg, 6, |n| n.body = Body::Unsupported("text/plain"));
    assert_eq!(w.answers, [415, 415]);
}

#[test]
fn one_datagram_until_somebody_answers_then_as_many_as_allowed() {
    let mut c = datagrams(100);
    c.uc.timers.transaction_timeout_ms = 32_000;
    let mut w = World::connected(c);
    assert_eq!(w.sent.len(), 1);
    assert!(!w.notes.iter().any(|n| matches!(n, crate::Note::UcConnected { .. })));
    let first = w.next();
    assert_eq!((first.transport, first.contact.as_deref()), (Transport::Udp, Some("<sip:watcher0@192.0.2.1:40000;transport=udp>")));
    accept(&mut w, &first);
    assert_eq!(w.sent.len(), 64);
    assert!(w.notes.iter().any(|n| matches!(n, crate::Note::UcConnected { .. })));
    assert_eq!(accept_all(&mut w).len(), 99);
}

#[test]
fn timer_e_doubles_up_to_t2_and_timer_f_ends_it() {
    let mut w = World::connected(datagrams(1));
    let msg = w.next();
    let mut times = Vec::new();
    let began = w.now;
    for _ in 0..31_999 {
        w.run(1);
        while let Some((_, again)) = w.sent.pop_front() {
            assert_eq!(again, msg);
            times.push(w.now.since(began));
        }
    }
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    w.run(1);
    // Nobody has ever answered: as good as a refused connection, so a pause comes before the next attempt.
    assert!(w.acts.iter().any(|a| matches!(a, crate::Action::CloseUc { .. })));
    assert!(w.notes.iter().any(|n| matches!(n, crate::Note::UcClosed { why: CloseCause::TimedOut, retry_ms: 1000, .. })), "{:?}", w.notes);
}

#[test]
fn an_answer_ends_the_repetition_and_a_provisional_one_slows_it() {
    let mut w = World::connected(datagrams(1));
    let msg = w.next();
    w.answer(&msg, 100, |_| {});
    w.run(500);
    assert_eq!(w.sent.drain(..).count(), 1);
    w.run(3_999);
    assert!(w.sent.is_empty());
    w.run(1);
    assert_eq!(w.sent.drain(..).count(), 1);
    accept(&mut w, &msg);
    w.greet(&msg);
    w.live(60_000);
    assert!(!w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)));
}

#[test]
fn one_lost_refresh_does_not_end_a_link_of_datagrams() {
    let mut w = World::connected(datagrams(2));
    let first = w.next();
    accept(&mut w, &first);
    let second = accept_all(&mut w);
    for msg in second.iter().chain([&first]) {
        w.notify(msg, 1, |n| n.body = pidf(3500));
    }
    w.live(480_000);
    for _ in 0..33 {
        w.run(1_000);
        w.event(SIP0, UcEvent::KeepAlive);
        let others: Vec<SipRequest> = w.sent.drain(..).map(|(_, m)| m).filter(|m| m.call_id != first.call_id).collect();
        others.iter().for_each(|m| accept(&mut w, m));
    }
    assert!(!w.acts.iter().any(|a| matches!(a, crate::Action::CloseUc { .. })));
    assert_eq!(w.covered(), [0, 1]);
}

#[test]
fn a_challenge_is_answered_and_the_next_request_answers_it_before_it_is_made() {
    let mut w = World::connected(with_password(2));
    let (first, second) = (w.next(), w.next());
    assert!(first.auth.is_empty());
    w.answer(&first, 407, |r| r.challenges = vec![challenge("n1")]);
    let again = w.next();
    assert_eq!((again.cseq, &again.call_id, again.branch == first.branch), (2, &first.call_id, false));
    let auth = &again.auth[0];
    assert_eq!((&*auth.user, &*auth.password_ref, &*auth.nonce, auth.nc, auth.proxy), ("uc", "env:PW", "n1", 1, true));
    accept(&mut w, &again);
    w.notify(&again, 1, |n| n.body = pidf(3500));
    w.answer(&second, 407, |r| r.challenges = vec![challenge("n1")]);
    let again = w.next();
    accept(&mut w, &again);
    w.notify(&again, 1, |n| n.body = pidf(3500));
    w.live(480_000);
    let refreshes: Vec<SipRequest> = w.sent.drain(..).map(|(_, m)| m).filter(|m| is(m, Method::Subscribe)).collect();
    assert_eq!(refreshes.iter().map(|m| m.auth[0].nc).collect::<Vec<_>>().len(), 2);
    assert!(refreshes[0].auth[0].nc < refreshes[1].auth[0].nc, "every use is counted");
    // Out of date is not wrong.
    w.answer(&refreshes[0], 401, |r| r.challenges = vec![Challenge { stale: true, ..challenge("n2") }]);
    let again = w.next();
    assert_eq!((&*again.auth[0].nonce, again.auth[0].nc, again.cseq), ("n2", 1, refreshes[0].cseq + 1));
    accept(&mut w, &again);
    assert_eq!((w.covered(), w.alarms()), (vec![0, 1], 0));
}

#[test]
fn a_wrong_password_is_an_alarm_and_no_storm() {
    let mut w = World::connected(with_password(50));
    let mut requests = 0;
    for _ in 0..5_000 {
        let Some((_, msg)) = w.sent.pop_front() else { break };
        requests += 1;
        w.answer(&msg, 401, |r| r.challenges = vec![challenge(if requests % 2 == 0 { "a" } else { "b" })]);
    }
    assert!(w.sent.is_empty() && requests <= 3 * 50 + 50, "{requests} requests");
    assert!(w.alarms() > 0);
    assert!(w.notes.iter().any(|n| format!("{n}").contains("uc.credential")));
    w.live(60_000);
    assert!(!w.sent.iter().any(|(_, m)| is(m, Method::Subscribe)));
}

#[test]
fn without_a_password_a_challenge_is_a_refusal() {
    let mut w = World::connected(simple(1, |s| s.credentials = vec![Credential { realm: "elsewhere".into(), ..Credential::default() }]));
    let msg = w.next();
    w.answer(&msg, 401, |r| r.challenges = vec![challenge("n")]);
    assert_eq!((w.sent.len(), w.alarms()), (0, 1));
}

pub(super) fn calls(version: u32, full: bool, of: &[(&'static str, CallState)]) -> Body<'static> {
    let calls = of.iter().map(|(id, state)| Call { id: (*id).into(), state: *state }).collect();
    Body::Calls(Box::new(DialogInfo { entity: "sip:x@y".into(), version: Some(version), full, calls }))
}

pub(super) fn on_calls(w: &mut World, msg: &SipRequest, cseq: u32, body: Body<'static>) {
    w.notify(msg, cseq, |n: &mut Notify<'_>| (n.event, n.body) = ("dialog", body));
}

/// One worker with both subscriptions; the one for presence, the one for calls.
pub(super) fn with_calls(rule: CallRule) -> (World, SipRequest, SipRequest) {
    with_calls_of(simple(1, |s| s.calls = rule))
}

fn with_calls_of(c: Config) -> (World, SipRequest, SipRequest) {
    let mut w = World::connected(c);
    let (presence, dialog) = (w.next(), w.next());
    assert_eq!((header(&dialog, "Event"), header(&dialog, "Accept")), (vec!["dialog"], vec!["application/dialog-info+xml"]));
    accept(&mut w, &presence);
    accept(&mut w, &dialog);
    (w, presence, dialog)
}

#[test]
fn a_call_makes_an_open_presence_busy() {
    let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
    w.notify(&presence, 1, |n| n.body = pidf(3500));
    on_calls(&mut w, &dialog, 1, calls(0, true, &[("a", CallState::Early)]));
    assert_eq!(told(&mut w), [(0, 3500)]);
    on_calls(&mut w, &dialog, 2, calls(1, false, &[("a", CallState::Confirmed), ("b", CallState::Confirmed)]));
    let facts = w.facts();
    assert!(
        matches!(&facts[..], [Fact::Presence { update, .. }] if matches!(update.state, StateChange::Value { availability: 6500, activity: Activity::OnThePhone, .. })),
        "{facts:?}"
    );
    // What presence says meanwhile is remembered; what is stronger counts.
    w.notify(&presence, 2, |n| n.body = pidf(15_500));
    w.notify(&presence, 3, |n| n.body = pidf(9_500));
    w.notify(&presence, 4, |n| n.body = pidf(18_500));
    w.notify(&presence, 5, |n| n.body = pidf(5_000));
    assert_eq!(told(&mut w), [(0, 6500), (0, 9500), (0, 18_500), (0, 6500)]);
    on_calls(&mut w, &dialog, 3, calls(2, false, &[("a", CallState::Terminated)]));
    assert!(told(&mut w).is_empty());
    on_calls(&mut w, &dialog, 4, calls(3, false, &[("b", CallState::Terminated)]));
    assert_eq!(told(&mut w), [(0, 5_000)]);
}

#[test]
fn missing_news_of_calls_are_asked_for() {
    let (mut w, _, dialog) = with_calls(CallRule::Early);
    on_calls(&mut w, &dialog, 1, calls(1, true, &[("a", CallState::Early)]));
    assert_eq!(told(&mut w), [(0, 6500)]);
    on_calls(&mut w, &dialog, 2, calls(3, false, &[("a", CallState::Terminated)]));
    assert!(told(&mut w).is_empty());
    let refresh = w.next();
    assert_eq!((&refresh.call_id, refresh.cseq), (&dialog.call_id, 2));
    accept(&mut w, &refresh);
    on_calls(&mut w, &dialog, 3, Body::None);
    assert_eq!(told(&mut w), [(0, 0)]);
}

#[test]
fn a_server_without_calls_does_not_disturb_presence() {
    let mut c = simple(1, |s| s.calls = CallRule::Confirmed);
    c.uc.timers.resource_retry_ms = 20_000;
    let (mut w, presence, dialog) = with_calls_of(c);
    w.notify(&presence, 1, |n| n.body = pidf(3500));
    on_calls(&mut w, &dialog, 1, calls(1, true, &[("a", CallState::Confirmed)]));
    w.facts();
    w.notify(&dialog, 2, |n| (n.event, n.state, n.reason) = ("dialog", SubState::Terminated, TerminationReason::NoResource));
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 3500)], vec![0]));
    w.live(20_000);
    let again = w.sent.iter().map(|(_, m)| m).find(|m| header(m, "Event") == ["dialog"]).expect("tried again").clone();
    w.answer(&again, 489, |_| {});
    assert_eq!(w.covered(), [0]);
    assert_eq!(w.alarms(), 0);
}

#[test]
fn who_leaves_is_unsubscribed_everywhere() {
    let (mut w, presence, dialog) = with_calls(CallRule::Confirmed);
    w.reconfigure(simple(0, |s| s.calls = CallRule::Confirmed));
    w.run(0);
    let ends: Vec<(Box<str>, Vec<String>)> =
        w.sent.iter().map(|(_, m)| (m.call_id.clone(), header(m, "Expires").into_iter().map(String::from).collect())).collect();
    for msg in [&presence, &dialog] {
        assert!(ends.iter().any(|(call_id, expires)| *call_id == msg.call_id && expires == &["0"]), "{ends:?}");
    }
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_tcp_unless_nobody_listens_there() {
    let mut c = simple(1, |s| (s.udp, s.udp_request_bytes_max) = (true, 300));
    c.note_level = NoteLevel::Warn;
    let mut w = World::connected(c.clone());
    let msg = w.next();
    assert_eq!(msg.transport, Transport::Tcp);
    w.live(10_000);
    assert!(w.sent.is_empty(), "TCP repeats by itself");
    w.event(SIP0, UcEvent::StreamLost);
    let again = w.next();
    assert_eq!((again.transport, again.cseq, again.branch == msg.branch), (Transport::Udp, 2, false));
    w.run(500);
    assert_eq!(w.sent.len(), 1);
    if let UcKind::Simple(simple) = &mut c.uc.kind {
        simple.oversize = Oversize::Send;
    }
    assert_eq!(World::connected(c).next().transport, Transport::Udp);
}

#[test]
fn stopping_unsubscribes_everybody_and_closes() {
    let mut w = World::connected(simple(30, |_| {}));
    accept_all(&mut w);
    w.drain();
    let mut ended = 0;
    while let Some((_, msg)) = w.sent.pop_front() {
        assert_eq!(header(&msg, "Expires"), ["0"]);
        w.answer(&msg, 200, |r| r.expires_s = Some(0));
        ended += 1;
    }
    assert_eq!((ended, w.side.is_drained()), (30, true));
}
