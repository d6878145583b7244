//! PUBLISH: entity tags, refresh, refusals, lost connections (RFC 3903).
use super::harness::*;
use super::simple::simple;
use crate::config::Config;
use crate::fact::Fact;
use crate::id::UserId;
use crate::uc_event::{CloseCause, Method, SipBody, SipRequest, UcEvent};
use alloc::vec;
use alloc::vec::Vec;

const ALICE: UserId = UserId(0);

fn world(change: impl FnOnce(&mut Config)) -> World {
    let mut c = simple(2, |_| {});
    c.publish.requests_per_s = 0;
    change(&mut c);
    let mut w = World::connected(c);
    subscribe(&mut w);
    w.facts();
    w
}

/// Grants what is asked for but PUBLISH, which is returned.
fn subscribe(w: &mut World) -> Vec<SipRequest> {
    let mut rest = Vec::new();
    while let Some((_, msg)) = w.sent.pop_front() {
        if is(&msg, Method::Publish) {
            rest.push(msg);
        } else {
            w.answer(&msg, 200, |r| r.expires_s = Some(3600));
            w.greet(&msg);
        }
    }
    rest
}

fn published(w: &mut World) -> SipRequest {
    let mut all = subscribe(w);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn done(w: &mut World) -> Vec<Option<u8>> {
    let of = |fact: Fact| match fact {
        Fact::Published { user: ALICE, row } => Some(row),
        Fact::PublishFailed { user: ALICE } => Some(Some(99)),
        _ => None,
    };
    w.facts().into_iter().filter_map(of).collect()
}

fn granted(w: &mut World, msg: &SipRequest, etag: &'static str) {
    w.answer(msg, 200, |r| (r.etag, r.expires_s) = (Some(etag), Some(3600)));
}

#[test]
fn published_changed_refreshed_removed() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let first = published(&mut w);
    assert_eq!((&*first.uri, &*first.to, &*first.from), ("sip:user0@contoso.example", "sip:user0@contoso.example", "sip:watcher0@contoso.example"));
    assert_eq!((header(&first, "Event"), header(&first, "Expires"), header(&first, "SIP-If-Match")), (vec!["presence"], vec!["3600"], vec![]));
    assert_eq!(first.body, SipBody::Pidf { user: ALICE, row: 0 });
    // A newer wish waits for the answer.
    w.publish(ALICE, Some(1));
    assert!(subscribe(&mut w).is_empty());
    granted(&mut w, &first, "t1");
    assert_eq!(done(&mut w), []);
    let second = published(&mut w);
    assert_eq!((header(&second, "SIP-If-Match"), &second.body, second.cseq), (vec!["t1"], &SipBody::Pidf { user: ALICE, row: 1 }, 2));
    assert_eq!(second.call_id, first.call_id);
    granted(&mut w, &second, "t2");
    assert_eq!(done(&mut w), [Some(1)]);
    w.live(1_800_000);
    let refresh = published(&mut w);
    // With the document: there are servers that lose it at a refresh without.
    assert_eq!((header(&refresh, "SIP-If-Match"), header(&refresh, "Expires")), (vec!["t2"], vec!["3600"]));
    assert_eq!(refresh.body, SipBody::Pidf { user: ALICE, row: 1 });
    granted(&mut w, &refresh, "t3");
    assert_eq!(done(&mut w), []);
    w.publish(ALICE, None);
    let removal = published(&mut w);
    assert_eq!((header(&removal, "SIP-If-Match"), &removal.body, header(&removal, "Expires")), (vec!["t3"], &SipBody::None, vec!["0"]));
    w.answer(&removal, 200, |r| r.expires_s = Some(0));
    assert_eq!(done(&mut w), [None]);
    w.live(7_200_000);
    assert!(subscribe(&mut w).is_empty());
}

#[test]
fn a_command_that_changes_nothing_is_still_answered() {
    let mut w = world(|_| {});
    w.publish(ALICE, None);
    w.run(0);
    assert_eq!((done(&mut w), subscribe(&mut w).len()), (vec![None], 0));
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    granted(&mut w, &msg, "t1");
    w.facts();
    w.publish(ALICE, Some(0));
    w.run(0);
    assert_eq!((done(&mut w), subscribe(&mut w).len()), (vec![Some(0)], 0));
}

#[test]
fn a_forgotten_tag_is_published_anew() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    granted(&mut w, &msg, "t1");
    w.live(1_800_000);
    let refresh = published(&mut w);
    w.answer(&refresh, 412, |_| {});
    let anew = published(&mut w);
    assert_eq!((header(&anew, "SIP-If-Match"), &anew.body), (vec![], &SipBody::Pidf { user: ALICE, row: 0 }));
    granted(&mut w, &anew, "t2");
    // And one that is to be removed is gone already.
    w.facts();
    w.publish(ALICE, None);
    let removal = published(&mut w);
    w.answer(&removal, 412, |_| {});
    assert_eq!((done(&mut w), subscribe(&mut w).len()), (vec![None], 0));
}

#[test]
fn a_server_that_forgot_a_subscription_is_asked_about_the_publication_at_once() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    w.answer(&msg, 200, |r| (r.etag, r.expires_s) = (Some("t1"), Some(36_000)));
    let mut asked = Vec::new();
    for _ in 0..60 {
        if !asked.is_empty() {
            break;
        }
        w.live(60_000);
        while let Some((_, msg)) = w.sent.pop_front() {
            if is(&msg, Method::Publish) {
                asked.push(msg);
            } else if is(&msg, Method::Subscribe) && msg.cseq > 1 && &*msg.to == "sip:user0@contoso.example" {
                w.answer(&msg, 481, |_| {});
            } else {
                w.answer(&msg, 200, |r| r.expires_s = Some(3600));
            }
        }
    }
    assert_eq!(asked.len(), 1);
    assert_eq!((header(&asked[0], "SIP-If-Match"), &asked[0].body), (vec!["t1"], &SipBody::Pidf { user: ALICE, row: 0 }));
}

#[test]
fn refusals() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    w.answer(&msg, 423, |r| r.min_expires_s = Some(7200));
    let longer = published(&mut w);
    assert_eq!(header(&longer, "Expires"), ["7200"]);
    w.answer(&longer, 503, |r| r.retry_after_s = Some(7));
    assert_eq!((done(&mut w), subscribe(&mut w).len()), (vec![Some(99)], 0));
    w.live(7_000);
    let again = published(&mut w);
    granted(&mut w, &again, "t1");
    w.facts();
    w.publish(ALICE, Some(1));
    let msg = published(&mut w);
    w.answer(&msg, 403, |_| {});
    assert_eq!((done(&mut w), w.alarms()), (vec![Some(99)], 1));
    // The next command does not wait.
    w.publish(ALICE, Some(0));
    w.run(0);
    assert_eq!(done(&mut w), [Some(0)]);
}

#[test]
fn a_lost_connection_loses_nothing() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    granted(&mut w, &msg, "t1");
    w.publish(UserId(1), Some(0));
    let open = published(&mut w);
    w.live(10_000);
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    w.publish(ALICE, Some(1));
    w.connect();
    let all = subscribe(&mut w);
    let of = |to: &str| all.iter().find(|m| m.to.contains(to)).expect("published anew");
    assert_eq!((header(of("user0"), "SIP-If-Match"), &of("user0").body), (vec!["t1"], &SipBody::Pidf { user: ALICE, row: 1 }));
    assert_eq!((header(of("user1"), "SIP-If-Match").len(), &of("user1").to), (0, &open.to));
}

#[test]
fn publications_keep_their_pace() {
    let mut w = world(|c| (c.publish.requests_per_s, c.publish.outstanding_max) = (10, 1));
    w.publish(ALICE, Some(0));
    w.publish(UserId(1), Some(0));
    let first = published(&mut w);
    granted(&mut w, &first, "t1");
    assert!(subscribe(&mut w).is_empty());
    w.run(100);
    let second = published(&mut w);
    granted(&mut w, &second, "t2");
}

#[test]
fn stopping_and_leaving_withdraw() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    w.publish(UserId(1), Some(0));
    for msg in subscribe(&mut w) {
        granted(&mut w, &msg, "t1");
    }
    let mut c = simple(2, |_| {});
    c.people.remove(0);
    c.publish.requests_per_s = 0;
    w.reconfigure(c);
    w.run(0);
    let removal = published(&mut w);
    assert_eq!((&*removal.to, header(&removal, "Expires")), ("sip:user0@contoso.example", vec!["0"]));
    w.answer(&removal, 200, |_| {});
    w.drain();
    let removal = published(&mut w);
    assert_eq!((&*removal.to, header(&removal, "Expires")), ("sip:user1@contoso.example", vec!["0"]));
    w.answer(&removal, 200, |_| {});
    subscribe(&mut w);
    assert!(w.side.is_drained());
}

#[test]
fn what_a_row_says_is_published_again_when_it_changes() {
    let mut w = world(|_| {});
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    granted(&mut w, &msg, "t1");
    let mut c = simple(2, |_| {});
    c.publish.states[0].text = "Wrap-up".into();
    w.reconfigure(c);
    let again = published(&mut w);
    assert_eq!((header(&again, "SIP-If-Match"), &again.body), (vec!["t1"], &SipBody::Pidf { user: ALICE, row: 0 }));
}

#[test]
fn without_an_entity_tag_nothing_can_be_taken_back_and_nothing_is_asked_again_and_again() {
    let mut w = world(|c| c.note_level = crate::config::NoteLevel::Warn);
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    w.answer(&msg, 200, |r| r.expires_s = Some(3600));
    assert_eq!(done(&mut w), [Some(0)]);
    // It is kept alive by publishing it anew.
    w.live(1_800_000);
    let again = published(&mut w);
    assert_eq!((header(&again, "SIP-If-Match"), &again.body), (vec![], &SipBody::Pidf { user: ALICE, row: 0 }));
    w.answer(&again, 200, |r| r.expires_s = Some(3600));
    w.publish(ALICE, None);
    w.run(0);
    assert_eq!((done(&mut w), subscribe(&mut w).len()), (vec![None], 0));
    w.live(7_200_000);
    assert!(subscribe(&mut w).is_empty());
    let told = |note: &&crate::note::Note| matches!(note, crate::note::Note::Uc { text, .. } if text.contains("SIP-ETag"));
    assert_eq!(w.notes.iter().filter(told).count(), 1);
    // One that forgets to name a new tag is taken at the old one.
    w.publish(ALICE, Some(0));
    let msg = published(&mut w);
    granted(&mut w, &msg, "t1");
    w.publish(ALICE, Some(1));
    let change = published(&mut w);
    w.answer(&change, 200, |r| r.expires_s = Some(3600));
    w.publish(ALICE, None);
    let removal = published(&mut w);
    assert_eq!(header(&removal, "SIP-If-Match"), ["t1"]);
}
