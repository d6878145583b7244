//! States chosen by hand, with and without a UC platform.
use super::*;
use crate::input::{Choice, WorkerCommand};
use crate::views::ShownState;

const ON_DUTY: u16 = 0;
const TRAINING: u16 = 2;
const WRAP: u16 = 3;

fn states() -> Vec<ChoiceState> {
    let state = |id: &str, ready, work_mode, reason: Option<&str>, reason_ext| ChoiceState {
        id: id.into(),
        ready,
        work_mode,
        reason: reason.map(Into::into),
        reason_ext,
        in_menu: true,
    };
    vec![
        state("on-duty", true, None, None, false),
        state("break", false, None, None, false),
        state("training", false, Some(6), Some("510"), true),
        state("wrap", false, Some(3), None, false),
    ]
}

fn standalone() -> Config {
    let mut config = config(Redundancy::Single, 1);
    config.mode = Mode::Standalone;
    config.choice.states = states();
    config.choice.logout = true;
    config
}

struct Hand {
    s: Story,
    persisted: Vec<Option<Choice>>,
}

impl Hand {
    fn new(config: Config) -> Self {
        let mut it = Self { s: Story::new(config), persisted: Vec::new() };
        it.s.open(A, Role::Primary);
        it
    }

    fn give(&mut self, input: Input<'_>) {
        self.s.c.handle(self.s.now, input);
        while let Some(action) = self.s.c.poll_action() {
            match action {
                Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } } => self.s.sent.push((link, ref_id, dn, req)),
                Action::Persist { choice, .. } => self.persisted.push(choice),
                _ => {}
            }
        }
    }

    fn choose(&mut self, choice: Choice) {
        self.give(Input::Worker { user: UserId(0), command: WorkerCommand::Choose(choice) });
    }

    fn hear(&mut self, event: TEvent<'_>) {
        self.give(Input::Cti { link: A, event: CtiEvent::Event(&TEvent { this_dn: "5000", ..event }) });
    }

    #[track_caller]
    fn state_request(&mut self, row: u16) -> u32 {
        let (_, ref_id, req) = self.s.only();
        let CtiReq::State(request) = req else { panic!("{req:?}") };
        assert_eq!(request.why, super::super::Why::Choice(row));
        ref_id
    }

    fn shown(&self) -> ShownState {
        self.s.c.worker(UserId(0)).unwrap().shown
    }

    fn choice(&self) -> Option<Choice> {
        self.s.c.worker(UserId(0)).unwrap().choice
    }
}

#[test]
fn a_choice_logs_in_first_and_is_kept() {
    let mut h = Hand::new(standalone());
    h.s.snapshots(0);
    assert_eq!((h.s.sent.len(), h.shown()), (0, ShownState::LoggedOut), "nobody asked for anything yet");
    h.choose(Choice::State(TRAINING));
    let (_, r, req) = h.s.only();
    assert_eq!(req, CtiReq::AgentLogin);
    h.hear(TEvent { id: n::EVENT_AGENT_LOGIN, ref_id: r, ..TEvent::default() });
    let r = h.state_request(TRAINING);
    // The server does not repeat the reason: the state is the chosen one all the same.
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ref_id: r, work_mode: Some(6), ..TEvent::default() });
    assert_eq!((h.shown(), h.s.sent.len()), (ShownState::Row(TRAINING), 0));
    assert_eq!(h.persisted, [Some(Choice::State(TRAINING))]);
    h.choose(Choice::LoggedOut);
    assert_eq!(h.s.only().2, CtiReq::AgentLogout);
}

#[test]
fn what_cannot_be_chosen_changes_nothing() {
    let mut config = standalone();
    config.choice.logout = false;
    let mut h = Hand::new(config);
    h.s.snapshots(3);
    h.choose(Choice::LoggedOut);
    h.choose(Choice::State(9));
    h.give(Input::Worker { user: UserId(0), command: WorkerCommand::Follow });
    h.give(Input::Worker { user: UserId(7), command: WorkerCommand::Follow });
    assert_eq!((h.choice(), h.s.sent.len(), h.persisted.len()), (None, 0, 0));
}

#[test]
fn a_desktop_changes_the_choice_without_a_uc_platform() {
    let mut h = Hand::new(standalone());
    h.s.snapshots(3);
    h.choose(Choice::State(ON_DUTY));
    assert!(h.s.sent.is_empty(), "ready already");
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, work_mode: Some(6), ext_reason: Some("510"), ..TEvent::default() });
    assert_eq!((h.choice(), h.shown()), (Some(Choice::State(TRAINING)), ShownState::Row(TRAINING)));
    // Another reason: the most specific row whose every word agrees.
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, work_mode: Some(6), reason: Some("510"), ..TEvent::default() });
    assert_eq!(h.shown(), ShownState::Row(1));
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, work_mode: Some(3), ext_reason: Some("510"), ..TEvent::default() });
    assert_eq!(h.shown(), ShownState::Row(WRAP));
    h.hear(TEvent { id: n::EVENT_AGENT_LOGOUT, ..TEvent::default() });
    assert_eq!((h.choice(), h.shown()), (Some(Choice::LoggedOut), ShownState::LoggedOut));
    assert!(h.s.sent.is_empty(), "none of it was asked for by us");
    assert_eq!(h.persisted.len(), 5);
}

#[test]
fn a_restored_choice_is_requested_only_if_it_is_not_true() {
    for (status, work_mode, reason, asked) in [(2, 6, Some("510"), 0), (2, 6, None, 1), (3, 0, None, 1)] {
        let mut s = Story::new(standalone());
        s.c.handle(s.now, Input::Restore { user: UserId(0), choice: Choice::State(TRAINING) });
        s.open(A, Role::Primary);
        let (link, ref_id, _) = s.only();
        s.event(
            link,
            TEvent {
                id: n::EVENT_REGISTERED,
                ref_id,
                this_dn: "5000",
                agent_status: Some(status),
                snapshot_work_mode: Some(work_mode),
                ext_reason: reason,
                ..TEvent::default()
            },
        );
        assert_eq!(s.sent.len(), asked, "{status} {reason:?}");
    }
}

#[test]
fn workers_are_logged_in_at_start_where_configured() {
    let mut config = standalone();
    config.choice.auto_login = true;
    let mut h = Hand::new(config);
    h.s.snapshots(0);
    let (_, r, req) = h.s.only();
    assert_eq!(req, CtiReq::AgentLogin);
    h.hear(TEvent { id: n::EVENT_AGENT_LOGIN, ref_id: r, ..TEvent::default() });
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ..TEvent::default() });
    assert_eq!((h.choice(), h.s.sent.len(), h.persisted.len()), (Some(Choice::LoggedIn), 0, 0), "T-Server's own choice after a login is nobody's");
}

#[test]
fn with_a_uc_platform_a_choice_lasts_until_its_next_word() {
    let mut config = config(Redundancy::Single, 1);
    config.choice.states = states();
    let mut h = Hand::new(config);
    h.s.snapshots(3);
    h.s.presence(0, 3500);
    assert!(h.s.sent.is_empty(), "ready already");
    h.choose(Choice::State(TRAINING));
    let r = h.state_request(TRAINING);
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ref_id: r, work_mode: Some(6), ext_reason: Some("510"), ..TEvent::default() });
    h.s.presence(0, 3500); // the same again is no change
    assert_eq!((h.choice(), h.s.sent.len()), (Some(Choice::State(TRAINING)), 0));
    h.s.presence(0, 6500);
    h.s.ask("NotReady", "busy");
    assert_eq!(h.choice(), None);
}

#[test]
fn following_again_asks_for_what_presence_says() {
    let mut config = config(Redundancy::Single, 1);
    config.choice.states = states();
    let mut h = Hand::new(config);
    h.s.snapshots(3);
    h.choose(Choice::State(1));
    let r = h.state_request(1);
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ref_id: r, ..TEvent::default() });
    h.s.presence(0, 3500); // the first word of all is no change
    assert_eq!((h.choice(), h.s.sent.len()), (Some(Choice::State(1)), 0));
    h.give(Input::Worker { user: UserId(0), command: WorkerCommand::Follow });
    h.s.ask("Ready", "online");
    assert_eq!(h.persisted, [Some(Choice::State(1)), None]);
}

#[test]
fn one_of_several_dns_may_differ() {
    let mut config = standalone();
    config.people[0].dns = vec![PersonDn { number: "5000".into(), switch: 0 }, PersonDn { number: "5001".into(), switch: 0 }].into();
    let mut h = Hand::new(config);
    h.s.snapshots(3);
    h.choose(Choice::State(ON_DUTY));
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ..TEvent::default() });
    assert_eq!((h.choice(), h.shown(), h.s.sent.len()), (None, ShownState::PartReady, 0));
    h.choose(Choice::State(ON_DUTY));
    assert_eq!(h.s.only().2, CtiReq::State(super::super::StateRequest { ready: true, work_mode: None, why: super::super::Why::Choice(ON_DUTY) }));
}

#[test]
fn telephone_do_not_disturb_is_shown_only() {
    let mut h = Hand::new(standalone());
    h.s.snapshots(3);
    h.hear(TEvent { id: n::EVENT_DND_ON, ..TEvent::default() });
    assert_eq!((h.shown(), h.choice()), (ShownState::DoNotDisturb, None));
    h.hear(TEvent { id: n::EVENT_DND_OFF, ..TEvent::default() });
    assert_eq!(h.shown(), ShownState::Row(ON_DUTY));
    h.hear(TEvent { id: n::EVENT_DN_OUT_OF_SERVICE, ..TEvent::default() });
    assert_eq!(h.shown(), ShownState::OutOfService);
}

#[test]
fn states_are_found_again_by_their_ids() {
    let first = standalone();
    let mut h = Hand::new(first.clone());
    h.s.snapshots(3);
    h.choose(Choice::State(TRAINING));
    let r = h.state_request(TRAINING);
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ref_id: r, work_mode: Some(6), ext_reason: Some("510"), ..TEvent::default() });
    let mut second = first.clone();
    second.choice.states.rotate_left(2); // training is first now
    h.give(Input::Reconfigure(Arc::new(second.clone())));
    assert_eq!((h.choice(), h.shown(), h.s.sent.len()), (Some(Choice::State(0)), ShownState::Row(0), 0));
    second.choice.states[0].reason = Some("511".into());
    h.give(Input::Reconfigure(Arc::new(second.clone())));
    let r = h.state_request(0);
    h.hear(TEvent { id: n::EVENT_AGENT_NOT_READY, ref_id: r, work_mode: Some(6), ext_reason: Some("511"), ..TEvent::default() });
    second.choice.states.remove(0);
    h.give(Input::Reconfigure(Arc::new(second)));
    assert_eq!(h.choice(), Some(Choice::State(0)), "the first state that is not ready");
    h.state_request(0);
}
