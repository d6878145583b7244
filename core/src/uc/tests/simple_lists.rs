//! A standard server with lists: one dialog for everybody it names.
use super::harness::*;
use super::simple::{accept, pidf, simple, told};
use crate::uc_event::{Body, ListDoc, Resource, ResourceState, SipRequest, TerminationReason};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

fn members(version: u32, full_state: bool, of: &[(usize, ResourceState<'static>, Option<u32>)]) -> Body<'static> {
    Body::List(Box::new(ListDoc {
        uri: "sip:team@contoso.example".into(),
        version,
        full_state,
        resources: of.iter().map(|(u, state, _)| Resource { uri: uri(*u).into(), state: state.clone() }).collect(),
        docs: of.iter().filter_map(|(u, _, availability)| availability.map(|n| doc(*u, n))).collect(),
        faults: Vec::new(),
    }))
}

fn listed(users: usize) -> (World, SipRequest) {
    let mut w = World::connected(simple(users, |s| s.list_uri = Some("sip:team@contoso.example".into())));
    let msg = w.next();
    accept(&mut w, &msg);
    (w, msg)
}

#[test]
fn a_list_is_one_dialog() {
    let (mut w, msg) = listed(3);
    assert_eq!((&*msg.uri, header(&msg, "Supported"), w.sent.len()), ("sip:team@contoso.example", vec!["eventlist"], 0));
    assert!(header(&msg, "Accept")[0].contains("application/rlmi+xml"));
    // Named, but nothing is known yet.
    w.notify(&msg, 1, |n| n.body = members(1, true, &[0, 1, 2].map(|u| (u, ResourceState::Pending, None))));
    assert!(told(&mut w).is_empty() && w.covered().is_empty());
    w.notify(&msg, 2, |n| n.body = members(2, false, &[0, 1, 2].map(|u| (u, ResourceState::Active, Some(3500 + 3000 * u as u32)))));
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 3500), (1, 6500), (2, 9500)], vec![0, 1, 2]));
    assert!(w.sent.is_empty());
    // One was lost on the way: the answer to a refresh tells everything.
    w.notify(&msg, 4, |n| n.body = members(4, false, &[(1, ResourceState::Active, Some(15_500))]));
    assert_eq!(told(&mut w), [(1, 15_500)]);
    let refresh = w.next();
    assert_eq!((&refresh.call_id, refresh.cseq), (&msg.call_id, 2));
    accept(&mut w, &refresh);
    w.notify(&msg, 5, |n| n.body = members(5, true, &[0, 1, 2].map(|u| (u, ResourceState::Active, Some(3500)))));
    assert_eq!(told(&mut w).len(), 3);
    assert!(w.sent.is_empty());
}

#[test]
fn whom_a_list_does_not_name_is_subscribed_alone() {
    let (mut w, msg) = listed(3);
    w.notify(&msg, 1, |n| {
        n.body = members(1, true, &[(0, ResourceState::Active, Some(3500)), (2, ResourceState::Terminated(TerminationReason::NoResource), None)])
    });
    let alone = w.next();
    assert_eq!((&*alone.to, header(&alone, "Accept")), ("sip:user1@contoso.example", vec!["application/pidf+xml"]));
    accept(&mut w, &alone);
    w.notify(&alone, 1, |n| n.body = pidf(6500));
    assert_eq!((told(&mut w), w.covered()), (vec![(0, 3500), (1, 6500)], vec![0, 1]));
    assert!(w.sent.is_empty());
}
