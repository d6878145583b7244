//! After Call Work and Legal Guard, bidirectional: who wins, what is shown, and that nothing goes round in circles.
//!
//! Over 500 lines: one story after the other about one machine, found by its name.
use super::*;
use crate::uc_event::PublishTime;
use crate::views::OverrideView;

const ACW: Option<StateRow> = Some(0);
const GUARD: Option<StateRow> = Some(1);

fn both_ways() -> Config {
    Config { mode: Mode::Bidirectional, ..config(Redundancy::Single, 1) }
}

impl Story {
    /// An agent that is busy by presence, as T-Server knows.
    fn busy(config: Config) -> Self {
        let mut s = Self::new(config);
        s.open(A, Role::Primary);
        s.snapshots(3);
        s.presence(0, 6500);
        let (link, r) = s.ask("NotReady", "busy");
        s.agent(link, 76, r, Some("busy"));
        s
    }

    /// T-Server's own doing.
    fn mode(&mut self, dn: &str, mode: i32) {
        self.event(A, TEvent { id: 76, this_dn: dn, work_mode: Some(mode), ..TEvent::default() });
    }

    fn acw(&mut self) {
        self.mode("5000", 3);
    }

    fn news(&mut self, availability: u32, activity: Activity) {
        self.stamp = (self.stamp + 1).max(self.now.mono.0);
        self.tell_state(StateChange::Value { availability, activity, publish_time: PublishTime(self.stamp) }, NoteChange::Unchanged, false);
    }

    fn tell_state(&mut self, state: StateChange, note: NoteChange, first: bool) {
        self.c.tell(self.now, Fact::Presence { user: UserId(0), update: PresenceUpdate { state, note, calendar: None, first } });
        self.drain();
    }

    fn published(&mut self, row: Option<StateRow>) {
        self.c.tell(self.now, Fact::Published { user: UserId(0), row });
        self.drain();
    }

    fn acts(&mut self, availability: u32) {
        self.c.tell(self.now, Fact::UserAction { user: UserId(0), state: Some((availability, Activity::None)) });
        self.drain();
    }

    /// What keeps the agent, and what the UC platform shall show.
    fn over(&self) -> (Option<OverrideView>, Option<StateRow>) {
        let worker = self.c.worker(UserId(0)).unwrap();
        (worker.over, worker.publishing)
    }

    fn preserved(&self) -> u32 {
        self.c.worker(UserId(0)).unwrap().availability
    }
}

const NOTHING: (Option<OverrideView>, Option<StateRow>) = (None, None);
const IN_ACW: (Option<OverrideView>, Option<StateRow>) = (Some(OverrideView::AfterCallWork), ACW);

#[test]
fn the_timer_ends_it_and_the_preserved_value_counts_again() {
    let mut s = Story::busy(both_ways());
    s.acw();
    assert_eq!(s.over(), IN_ACW);
    s.published(ACW);
    s.news(6500, Activity::Published); // the echo
    assert_eq!((s.c.counters().echoes, s.preserved()), (1, 6500));
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    s.agent(A, 75, 0, None); // the wrap-up timer
    assert_eq!(s.over(), NOTHING);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.published(None);
    s.wait(60_000);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    assert_eq!(s.c.counters().overrides, 1);
}

#[test]
fn ready_by_timer_is_true_already_when_the_worker_is_available() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.news(3500, Activity::None); // the end of the call, by itself
    assert_eq!((s.over(), s.preserved()), (IN_ACW, 3500));
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    s.agent(A, 75, 0, None);
    s.published(None);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    assert_eq!(s.over(), NOTHING);
}

#[test]
fn automatic_changes_move_the_preserved_value_only() {
    let mut s = Story::busy(both_ways());
    s.acw();
    for (availability, activity) in [(3500, Activity::None), (5000, Activity::None), (6500, Activity::InAMeeting), (15_500, Activity::None)] {
        s.news(availability, activity);
        assert_eq!((s.over(), s.preserved(), s.sent.len()), (IN_ACW, availability, 0));
    }
    s.agent(A, 75, 0, None);
    s.ask("NotReady", "away");
}

#[test]
fn the_workers_action_ends_it_at_once() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    s.news(6500, Activity::Published);
    s.acts(3500);
    assert_eq!((s.over(), s.preserved()), (NOTHING, 3500));
    let (link, r) = s.ask("Ready", "online");
    s.news(3500, Activity::None);
    s.agent(link, 75, r, Some("online"));
    s.published(None);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    // The next one begins anew.
    s.acw();
    assert_eq!(s.over(), IN_ACW);
}

#[test]
fn an_action_before_ours_stands_ends_it_and_the_server_tells_what_it_comes_to() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.acts(3500); // in a meeting, as it may be: the server does not show it
    assert_eq!((s.over(), s.preserved()), (NOTHING, 6500));
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.news(3500, Activity::None);
    s.ask("Ready", "online");
}

#[test]
fn an_action_t_server_refuses_is_asked_for_again_when_it_has_left_the_mode() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    s.news(6500, Activity::Published);
    s.acts(9500);
    let (link, r) = s.ask("NotReady", "do-not-disturb");
    s.error(link, r, 53);
    s.acw(); // still, says T-Server
    assert_eq!(s.over(), NOTHING, "the worker's word stands");
    s.mode("5000", 2);
    assert_eq!(s.over(), NOTHING);
    s.wait(1_000);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    s.agent(A, 75, 0, None);
    s.ask("NotReady", "do-not-disturb");
}

#[test]
fn an_action_that_asks_for_nothing_leaves_the_agent() {
    let mut config = both_ways();
    config.presence.rules[super::super::Class::DoNotDisturb as usize] = Rule::Ignore;
    let mut s = Story::busy(config);
    s.acw();
    s.published(ACW);
    s.news(6500, Activity::Published);
    s.acts(9500);
    assert_eq!(s.over(), NOTHING);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
}

#[test]
fn a_desktop_ends_it_and_the_rule_says_what_then() {
    for (after, requests) in [(AfterRule::Follow, 1), (AfterRule::Stand, 0)] {
        let mut config = both_ways();
        config.publish.after = after;
        let mut s = Story::busy(config);
        s.acw();
        s.agent(A, 75, 0, None);
        assert_eq!((s.over(), s.sent.len()), (NOTHING, requests), "{after:?}");
        assert_eq!(s.c.dn(DnId(0)).unwrap().held, requests == 0);
        if requests == 0 {
            s.presence(0, 15_500);
            s.ask("NotReady", "away");
        }
    }
}

#[test]
fn a_logout_ends_it_and_stands() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.agent(A, 74, 0, None);
    assert_eq!(s.over(), NOTHING);
    s.wait(60_000);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
}

#[test]
fn legal_guard_follows_after_call_work() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    s.mode("5000", 2);
    assert_eq!(s.over(), (Some(OverrideView::LegalGuard), GUARD));
    s.news(6500, Activity::Published);
    s.published(GUARD);
    s.news(3500, Activity::None);
    s.agent(A, 75, 0, None);
    assert_eq!((s.over(), s.sent.len(), s.c.counters().overrides), (NOTHING, 0, 1));
}

#[test]
fn one_of_two_dns_is_enough() {
    let mut config = both_ways();
    config.people[0].dns = vec![PersonDn { number: "5000".into(), switch: 0 }, PersonDn { number: "5001".into(), switch: 0 }].into();
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    assert!(s.sent.is_empty());
    s.mode("5001", 3);
    s.presence(0, 6500);
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
    s.event(A, TEvent { id: 75, this_dn: "5001", ..TEvent::default() });
    assert_eq!(s.over(), NOTHING);
    assert_eq!(s.sent.len(), 2, "both follow: {:?}", s.sent);
}

#[test]
fn it_crosses_a_request_of_ours() {
    let mut s = Story::busy(both_ways());
    s.presence(0, 3500);
    let (link, r) = s.ask("Ready", "online");
    s.acw();
    assert_eq!(s.over(), IN_ACW);
    s.agent(link, 75, r, Some("online")); // our request came after it, and ended it
    assert_eq!((s.over(), s.sent.len()), (NOTHING, 0));
    // The other order: the answer first.
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.acw();
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
    // Refused meanwhile: nothing is repeated while it stands.
    s.agent(A, 75, 0, None);
    let (link, r) = s.ask("NotReady", "busy");
    s.acw();
    s.error(link, r, 50);
    s.wait(20_000);
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
}

#[test]
fn our_reasons_on_the_event_do_not_make_it_ours() {
    let mut s = Story::busy(both_ways());
    s.event(A, TEvent { id: 76, this_dn: "5000", work_mode: Some(3), kw_status: Some("busy"), kw_note: Some(""), ..TEvent::default() });
    assert_eq!(s.over(), IN_ACW);
    // A mapping that asks for the mode makes it ours.
    let mut config = both_ways();
    config.presence.rules[super::super::Class::Busy as usize] = Rule::NotReady { work_mode: Some(3) };
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.event(link, TEvent { id: 76, ref_id: r, this_dn: "5000", work_mode: Some(3), kw_status: Some("busy"), kw_note: Some(""), ..TEvent::default() });
    assert_eq!(s.over(), NOTHING);
}

#[test]
fn a_lost_switch_changes_nothing_and_the_snapshot_decides() {
    for (status, mode, over, requests) in
        [(2, Some(3), IN_ACW, 0), (3, None, NOTHING, 1), (-1, None, IN_ACW, 0), (2, Some(2), (Some(OverrideView::LegalGuard), GUARD), 0)]
    {
        let mut s = Story::busy(both_ways());
        s.acw();
        s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
        s.wait(2_000);
        assert_eq!(s.over(), IN_ACW, "kept up while nothing is known");
        s.open(A, Role::Primary);
        let (link, r, req) = s.only();
        assert_eq!(req, CtiReq::RegisterAddress);
        let told = TEvent { id: 53, ref_id: r, this_dn: "5000", agent_status: Some(status), snapshot_work_mode: mode, ..TEvent::default() };
        s.event(link, told);
        assert_eq!((s.over(), s.sent.len()), (over, requests), "{status}");
    }
}

#[test]
fn it_is_found_in_the_snapshot_after_a_loss() {
    let mut s = Story::busy(both_ways());
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(2_000);
    s.open(A, Role::Primary);
    let (link, r, _) = s.only();
    let told = TEvent { id: 53, ref_id: r, this_dn: "5000", agent_status: Some(2), snapshot_work_mode: Some(3), kw_status: Some("busy"), ..TEvent::default() };
    s.event(link, told);
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
}

#[test]
fn the_first_word_of_a_new_subscription_may_be_our_own() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    s.c.tell(s.now, Fact::CoverageLost { users: vec![UserId(0)].into() });
    let state = StateChange::Value { availability: 6500, activity: Activity::Published, publish_time: PublishTime(1) };
    s.tell_state(state, NoteChange::Set("After Call Work".into()), true);
    s.agent(A, 75, 0, None);
    assert_eq!(s.c.note_of(DnId(0)), "");
    s.ask("NotReady", "busy");
}

/// Rows without a text are known by their class only.
fn silent_row(availability: u32) -> Config {
    let mut config = both_ways();
    config.publish.states[0] = PublishedState { availability, ..PublishedState::default() };
    config
}

#[test]
fn without_a_text_the_class_tells_the_echo() {
    let mut s = Story::new(silent_row(9500));
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    s.acw();
    s.published(ACW);
    s.news(6900, Activity::UrgentInterruptionsOnly); // do-not-disturb as colleagues see it
    s.news(9500, Activity::None);
    assert_eq!((s.preserved(), s.c.counters().echoes), (3500, 2));
    s.agent(A, 75, 0, None);
    s.news(9500, Activity::None); // late
    s.published(None);
    s.news(3500, Activity::None);
    s.wait(6_000);
    assert_eq!((s.preserved(), s.sent.len()), (3500, 0));
    // With the window closed it is the worker's.
    s.news(9500, Activity::None);
    s.ask("NotReady", "do-not-disturb");
}

#[test]
fn what_was_taken_for_an_echo_to_the_end_was_the_workers() {
    let mut s = Story::new(silent_row(6500));
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    s.acw();
    s.published(ACW);
    s.news(6500, Activity::None);
    s.agent(A, 75, 0, None);
    s.published(None);
    assert!(s.sent.is_empty());
    s.wait(5_000);
    s.ask("NotReady", "busy");
}

#[test]
fn the_class_is_no_echo_when_the_row_has_a_text() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    s.news(6500, Activity::OnThePhone);
    assert_eq!(s.c.worker(UserId(0)).unwrap().activity, Activity::OnThePhone);
}

#[test]
fn left_overs_are_swept_when_t_server_has_told() {
    let mut s = Story::new(both_ways());
    s.news(6500, Activity::Published);
    assert_eq!(s.c.worker(UserId(0)).unwrap().since, None, "not taken as presence");
    s.open(A, Role::Primary);
    s.snapshots(3);
    assert_eq!((s.over(), s.sent.len()), (NOTHING, 0));
    s.published(None);
    s.news(3500, Activity::None);
    s.wait(60_000);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    assert_eq!(s.c.deadlines().iter().filter(|(_, key)| format!("{key:?}").contains("Override")).count(), 0);
}

#[test]
fn left_overs_that_are_still_right_are_taken_up_again() {
    let mut s = Story::new(both_ways());
    s.news(6500, Activity::Published);
    s.open(A, Role::Primary);
    let (link, r, _) = s.only();
    s.event(link, TEvent { id: 53, ref_id: r, this_dn: "5000", agent_status: Some(2), snapshot_work_mode: Some(3), ..TEvent::default() });
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
}

#[test]
fn the_aggregate_tells_an_action_where_nothing_better_does() {
    let mut config = both_ways();
    config.publish.user_action = UserActionRule::Aggregate;
    let mut s = Story::busy(config);
    s.acw();
    s.published(ACW);
    s.news(7500, Activity::None); // idle
    assert_eq!((s.over(), s.preserved()), (IN_ACW, 7500));
    s.news(15_500, Activity::None); // away after idle
    assert_eq!((s.over(), s.preserved()), (IN_ACW, 15_500));
    s.news(9500, Activity::None);
    assert_eq!((s.over(), s.c.counters().user_actions), (NOTHING, 1));
    s.ask("NotReady", "do-not-disturb");
}

#[test]
fn in_normal_mode_it_is_kept_up_without_publishing_where_configured() {
    let mut config = config(Redundancy::Single, 1);
    config.publish.acw_in_normal = true;
    let mut s = Story::busy(config);
    s.acw();
    assert_eq!(s.over(), (Some(OverrideView::AfterCallWork), None));
    s.news(7500, Activity::None);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    s.news(3500, Activity::None);
    s.ask("Ready", "online"); // the worker's hand
    // Without the option presence ends it.
    let mut s = Story::busy(super::config(Redundancy::Single, 1));
    s.acw();
    assert_eq!(s.over(), NOTHING);
    s.news(7500, Activity::None);
    s.ask("NotReady", "idle-busy");
}

#[test]
fn it_does_not_last_longer_than_we_allow() {
    let mut config = both_ways();
    config.publish.override_max_ms = 90_000;
    let mut s = Story::busy(config);
    s.acw();
    s.wait(89_000);
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
    s.wait(1_000);
    assert_eq!(s.over(), NOTHING);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.wait(200_000);
    assert!(s.sent.is_empty(), "{:?}", s.sent);
}

#[test]
fn sync_narrows_both_directions() {
    for (sync, over, requests) in
        [(Sync::Pull, NOTHING, 1), (Sync::Push, (Some(OverrideView::AfterCallWork), ACW), 0), (Sync::Off, NOTHING, 0), (Sync::Both, IN_ACW, 0)]
    {
        let mut config = both_ways();
        config.people[0].sync = sync;
        let mut s = Story::new(config);
        s.open(A, Role::Primary);
        s.snapshots(3);
        s.acw();
        s.presence(0, 6500);
        assert_eq!((s.over(), s.sent.len()), (over, requests), "{sync:?}");
        if sync == Sync::Push {
            s.acts(3500);
            assert_eq!((s.over(), s.sent.len()), (NOTHING, 0), "shown no more, and the agent is left alone");
        }
    }
}

#[test]
fn a_new_configuration_in_the_middle() {
    let mut s = Story::busy(both_ways());
    s.acw();
    s.published(ACW);
    // Other texts: published again, and the old text on its way to us is still ours.
    let mut other = both_ways();
    other.publish.states[0].text = "Nacharbeit".into();
    s.c.handle(s.now, Input::Reconfigure(Arc::new(other)));
    s.news(6500, Activity::Custom);
    assert_eq!((s.over(), s.c.counters().echoes), (IN_ACW, 1));
    // Excluded: withdrawn, and no longer held.
    let mut other = both_ways();
    other.people[0].sync = Sync::Pull;
    s.c.handle(s.now, Input::Reconfigure(Arc::new(other)));
    s.drain();
    assert_eq!(s.over(), NOTHING);
    s.ask("NotReady", "busy");
}

#[test]
fn a_mode_that_was_switched_on_finds_what_stands() {
    let mut s = Story::busy(config(Redundancy::Single, 1));
    s.acw();
    assert_eq!(s.over(), NOTHING);
    s.c.handle(s.now, Input::Reconfigure(Arc::new(both_ways())));
    assert_eq!(s.over(), IN_ACW);
    s.c.handle(s.now, Input::Reconfigure(Arc::new(Config { people: Vec::new(), ..both_ways() })));
    s.published(None);
    s.wait(60_000);
    assert!(s.c.worker(UserId(0)).is_none());
}

#[test]
fn nothing_begins_while_stopping() {
    let mut s = Story::busy(both_ways());
    s.c.handle(s.now, Input::Drain { within_ms: 5_000 });
    s.acw();
    assert_eq!(s.over(), NOTHING);
}

#[test]
fn a_choice_by_hand_ends_it_like_an_action_and_one_made_before_waits() {
    use crate::input::{Choice, WorkerCommand};
    let mut s = Story::busy(both_ways());
    s.acw();
    s.c.handle(s.now, Input::Worker { user: UserId(0), command: WorkerCommand::Choose(Choice::State(0)) });
    s.drain();
    assert_eq!(s.over(), NOTHING);
    let (link, r, req) = s.only();
    assert!(matches!(req, CtiReq::State(state) if state.ready), "{req:?}");
    s.event(link, TEvent { id: 75, ref_id: r, this_dn: "5000", ..TEvent::default() });
    s.acw();
    s.news(6500, Activity::Published); // ours is no change of the worker's
    assert_eq!((s.over(), s.sent.len()), (IN_ACW, 0));
    assert_eq!(s.c.worker(UserId(0)).unwrap().choice, Some(Choice::State(0)));
}

#[test]
fn what_the_worker_did_before_it_began_and_is_heard_only_now_does_not_end_it() {
    for (before_ms, first, ends) in [(6_000, true, false), (4_000, true, true), (6_000, false, true)] {
        let config = both_ways();
        let mut s = Story::busy(Config {
            publish: crate::config::PublishConfig { user_action: crate::config::UserActionRule::Aggregate, ..config.publish.clone() },
            ..config
        });
        s.wait(60_000);
        let then = s.now.mono.0;
        s.wait(before_ms);
        s.acw();
        s.wait(1_000);
        s.tell_state(StateChange::Value { availability: 12_500, activity: Activity::None, publish_time: PublishTime(then) }, NoteChange::Unchanged, first);
        assert_eq!(s.over().0.is_none(), ends, "{before_ms} ms before, {first}");
        assert_eq!(s.preserved(), 12_500);
    }
}
