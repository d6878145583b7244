//! Connections: addresses, pauses, redirects, silence, registration, good-bye.
use super::harness::*;
use crate::action::Action;
use crate::uc_event::{CloseCause, Method, UcEvent};
use alloc::vec;

#[test]
fn a_lost_connection_is_made_again_at_once_and_everybody_is_subscribed_anew() {
    let (mut w, first) = World::subscribed(config(3));
    assert_eq!(w.covered(), [0, 1, 2]);
    w.run(60_000);
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    assert_eq!(w.coverage_facts(), (vec![], vec![0, 1, 2], vec![]));
    assert!(w.covered().is_empty());
    w.connect();
    let again = w.next();
    assert_eq!(users_in(&again), [0, 1, 2]);
    assert_ne!(again.call_id, first.call_id);
    assert_eq!(again.to_tag, None);
    w.grant(&again);
    assert_eq!(w.covered(), [0, 1, 2]);
    // The old dialog is dead: what still comes for it is refused.
    w.notify(&first, 9, |n| n.body = crate::uc_event::Body::Categories(doc(0, 6500)));
    assert_eq!(w.answers, [481]);
    assert!(matches!(w.acts.pop_front(), None | Some(Action::KeepAliveUc { .. })));
    assert!(is(&again, Method::Subscribe));
}
