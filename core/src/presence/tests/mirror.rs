//! Push-only: agent states are shown, nothing is requested.
use super::*;

fn push_only() -> Config {
    Config { mode: Mode::PushOnly, ..config(Redundancy::Single, 1) }
}

impl Story {
    fn shows(&self) -> Option<StateRow> {
        self.c.worker(UserId(0)).unwrap().publishing
    }
}

#[test]
fn every_agent_state_is_shown_and_nothing_is_requested() {
    let mut s = Story::new(push_only());
    s.open(A, Role::Primary);
    assert_eq!(s.shows(), None);
    s.snapshots(0);
    s.presence(0, 3500);
    assert_eq!((s.shows(), s.sent.len()), (None, 0), "no login either");
    for (id, mode, row) in [(73, None, Some(3)), (75, None, Some(2)), (76, Some(4), Some(3)), (76, Some(3), Some(0)), (76, Some(2), Some(1)), (74, None, None)]
    {
        s.event(A, TEvent { id, this_dn: "5000", work_mode: mode, ..TEvent::default() });
        assert_eq!(s.shows(), row, "{id} {mode:?}");
    }
    s.presence(0, 6500);
    s.c.handle(s.now, Input::Drain { within_ms: 1_000 });
    s.drain();
    assert!(s.sent.is_empty(), "{:?}", s.sent);
}

#[test]
fn the_workers_own_change_is_overwritten_but_not_at_once() {
    let mut s = Story::new(push_only());
    s.open(A, Role::Primary);
    s.snapshots(3);
    let next = |s: &Story| s.c.deadlines().iter().filter(|(_, key)| format!("{key:?}").contains("Override")).map(|(at, _)| *at).next();
    assert_eq!(next(&s), None);
    for _ in 0..5 {
        s.c.tell(s.now, Fact::UserAction { user: UserId(0), state: Some((9500, Activity::None)) });
        s.wait(1_000);
    }
    assert_eq!(next(&s), Some(Mono(60_000)), "from the first of them");
    s.wait(56_000);
    assert_eq!((next(&s), s.shows()), (None, Some(2)));
    // A change of the agent is shown at once, and nothing is left to overwrite.
    s.c.tell(s.now, Fact::UserAction { user: UserId(0), state: Some((9500, Activity::None)) });
    s.event(A, TEvent { id: 76, this_dn: "5000", ..TEvent::default() });
    assert_eq!((next(&s), s.shows()), (None, Some(3)));
}

#[test]
fn a_silent_contact_centre_is_no_longer_shown() {
    let mut config = push_only();
    config.publish.stale_ms = 30_000;
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    assert_eq!(s.shows(), Some(2));
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(29_000);
    assert_eq!(s.shows(), Some(2));
    s.wait(1_000);
    assert_eq!(s.shows(), None);
    let tried = s.connects.len();
    while s.connects.len() == tried {
        s.wait(100);
    }
    s.open(A, Role::Primary);
    assert_eq!(s.shows(), None, "not before the snapshot");
    s.snapshots(2);
    assert_eq!(s.shows(), Some(3));
}

#[test]
fn of_several_dns_the_busiest_is_shown_and_left_overs_are_replaced() {
    let mut config = push_only();
    config.people[0].dns = vec![PersonDn { number: "5000".into(), switch: 0 }, PersonDn { number: "5001".into(), switch: 0 }].into();
    let mut s = Story::new(config);
    let state = StateChange::Value { availability: 6500, activity: Activity::Published, publish_time: PublishTime(5) };
    s.c.tell(s.now, Fact::Presence { user: UserId(0), update: PresenceUpdate { state, note: NoteChange::Unchanged, calendar: None, first: true } });
    s.open(A, Role::Primary);
    s.snapshots(3);
    assert_eq!(s.shows(), Some(2));
    s.event(A, TEvent { id: 76, this_dn: "5001", work_mode: Some(3), ..TEvent::default() });
    s.event(A, TEvent { id: 76, this_dn: "5000", work_mode: Some(4), ..TEvent::default() });
    assert_eq!(s.shows(), Some(0));
}

#[test]
fn only_those_who_may_be_shown_are() {
    for sync in [Sync::Pull, Sync::Off] {
        let mut config = push_only();
        config.people[0].sync = sync;
        let mut s = Story::new(config);
        s.open(A, Role::Primary);
        s.snapshots(3);
        s.presence(0, 6500);
        assert_eq!((s.shows(), s.sent.len()), (None, 0));
    }
}
