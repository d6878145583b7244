//! SERVICE without a registration (`spec/ms-pres.md` 6.7, way C).
use super::*;

#[test]
fn nothing_but_service() {
    let mut s = Server::new(publishing(1, PublishWay::Direct));
    s.command(Some(0));
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    assert_eq!(s.asked(), "service service");
    assert!(s.table.is_empty() && s.w.side.publishers() == 0);
    s.command(None);
    s.w.run(0);
    assert_eq!(s.said(), ["published 0 None"]);
    assert!(s.w.sent.is_empty());
}

#[test]
fn versions_come_from_conflicts() {
    let mut s = Server::new(publishing(1, PublishWay::Direct));
    for key in TIMED {
        s.client(key, Some(state(6500, "")));
    }
    s.command(Some(1));
    assert!(s.serve().is_empty());
    s.w.run(500);
    assert_eq!(s.serve(), ["published 0 Some(1)"]);
    assert_eq!(s.shows(Key::Timed2), Some((2, "9500 Legal Guard".into())));
    // Somebody published after us: what is there is not ours any more.
    s.client(Key::Timed2, Some(state(3500, "")));
    s.client(Key::Timed3, Some(state(3500, "")));
    s.command(None);
    assert_eq!(s.serve(), ["published 0 None"]);
    s.w.run(500);
    assert!(s.serve().is_empty());
    assert_eq!(s.shows(Key::Timed2), Some((3, "3500".into())));
}

#[test]
fn what_was_not_answered_is_withdrawn_all_the_same() {
    for lost in [false, true] {
        for taken in [false, true] {
            let mut s = Server::new(publishing(1, PublishWay::Direct));
            s.command(Some(0));
            let msg = s.take();
            if taken {
                s.store(&msg);
            }
            if lost {
                life::lose(&mut s);
                s.command(None);
                life::back(&mut s);
            } else {
                let timeout = s.w.directory.config().uc.timers.transaction_timeout_ms;
                s.w.run(timeout / 2);
                s.w.event(SIP0, UcEvent::KeepAlive);
                s.w.run(timeout / 2);
                s.command(None);
            }
            let said = [s.serve(), s.pass(120_000)].concat();
            assert_eq!(said.last().map(|it| &**it), Some("published 0 None"), "lost {lost}, taken {taken}: {said:?}");
            assert!(s.table.is_empty(), "lost {lost}, taken {taken}: {:?}", s.table);
            assert_eq!(s.w.side.publishers(), 0);
        }
    }
}
