//! NOTIFY and BENOTIFY.
use super::harness::*;
use crate::fact::Fact;
use crate::presence::StateChange;
use crate::uc_event::Body;

#[test]
fn a_single_document_is_answered_first_and_becomes_presence() {
    let (mut w, msg) = World::subscribed(config(2));
    w.notify(&msg, 4, |n| n.body = Body::Categories(doc(1, 6500)));
    assert_eq!(w.answers, [200]);
    let facts = w.facts();
    let [Fact::Presence { user, update }] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((user.index(), update.first), (1, false));
    assert!(matches!(update.state, StateChange::Value { availability: 6500, .. }));
}
