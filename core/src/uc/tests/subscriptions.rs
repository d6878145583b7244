//! Batches, answers, refresh, ends.
use super::harness::*;
use crate::uc_event::Method;
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn the_first_batch_makes_the_dialog_and_the_next_ones_go_into_it() {
    let mut c = config(5);
    c.uc.pace.batch_max = 2;
    let mut w = World::connected(c);
    let first = w.next();
    assert!(is(&first, Method::Subscribe));
    assert_eq!((&*first.uri, &*first.to, first.cseq, users_in(&first)), ("sip:watcher0@contoso.example", "sip:watcher0@contoso.example", 1, vec![0, 1]));
    assert_eq!(header(&first, "Require"), ["adhoclist, categoryList"]);
    assert!(w.sent.is_empty(), "the dialog must stand first");
    w.grant(&first);
    let second = w.next();
    assert_eq!((second.call_id.clone(), second.cseq, users_in(&second)), (first.call_id.clone(), 2, vec![2, 3]));
    assert_eq!((&*second.uri, second.to_tag.as_deref()), ("sip:fe01.contoso.example:5061;transport=tls", Some("server")));
    assert_eq!(second.routes.iter().map(|r| &**r).collect::<Vec<_>>(), ["sip:b.example;lr;ms-route-sig=x", "sip:a.example;lr"]);
    w.grant(&second);
    let third = w.next();
    w.grant(&third);
    assert_eq!(w.covered(), [0, 1, 2, 3, 4]);
    assert_eq!(w.coverage_facts().0, [0, 1, 2, 3, 4]);
}
