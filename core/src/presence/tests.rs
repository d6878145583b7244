//! Stories of the contact-centre half: presence facts in, requests out, a hand-played T-Server in between.
//!
//! Over 500 lines: the world of these stories and the stories that use it barely; what is more special stands in the rooms below.
mod rare;

use super::{Activity, NoteChange, PresenceUpdate, StateChange};
use crate::action::{Action, CtiOut, CtiReq};
use crate::codec::cti::catalogue as n;
use crate::config::*;
use crate::cti_event::{Control, CtiEvent, Role, TEvent};
use crate::entropy::Seed;
use crate::fact::Fact;
use crate::id::*;
use crate::uc_event::{CloseCause, PublishTime};
use crate::views::AgentState;
use crate::watch::tests::Pages;
use crate::{Connector, Input, Mono, Now};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

mod choice;
mod mirror;
mod overrides;

const A: CtiLinkId = CtiLinkId(0);
const B: CtiLinkId = CtiLinkId(1);
const READY: &str = "Ready";

struct Story {
    c: Connector,
    /// Everybody is watched: what pages show changes only for workers on the list of changes.
    pages: Pages,
    now: Now,
    /// Requests seen, newest last: link, reference, DN number, request.
    sent: Vec<(CtiLinkId, u32, DnId, CtiReq)>,
    connects: Vec<CtiLinkId>,
    /// Numbers of the DNs of un-registrations.
    numbers: Vec<Box<str>>,
    drained: bool,
    stamp: u64,
}

fn config(redundancy: Redundancy, workers: u32) -> Config {
    let server = |name: &str| TServerConfig { name: name.into(), address: "127.0.0.1:1".into() };
    let servers = if redundancy == Redundancy::Single { vec![server("SIPS")] } else { vec![server("SIPS"), server("SIPS_B")] };
    let person = |i: u32| Person {
        employee_id: format!("{i}").into(),
        sip_uri: format!("sip:w{i}@contoso.example").into(),
        agent_login: format!("{}", 5000 + i).into(),
        dns: vec![PersonDn { number: format!("{}", 5000 + i).into(), switch: 0 }].into(),
        ..Person::default()
    };
    Config {
        cti: CtiConfig {
            switches: vec![SwitchConfig { name: "SIP_Switch".into(), servers, redundancy, session: "7f3a".into(), linger_s: 30, free_dns: Vec::new() }],
            timers: CtiTimers { jitter_percent: 0, ..CtiTimers::default() },
            ..CtiConfig::default()
        },
        people: (0..workers).map(person).collect(),
        note_level: NoteLevel::Alarm,
        ..Config::default()
    }
}

impl Story {
    fn new(config: Config) -> Self {
        let now = Now { mono: Mono(0), unix_ms: 0 };
        let mut it = Self {
            c: Connector::new(Arc::new(config), Seed::from_u64(1), now),
            pages: Pages::default(),
            now,
            sent: Vec::new(),
            connects: Vec::new(),
            numbers: Vec::new(),
            drained: false,
            stamp: 1,
        };
        it.drain();
        it
    }

    fn single(workers: u32) -> Self {
        let mut it = Self::new(config(Redundancy::Single, workers));
        it.open(A, Role::Primary);
        it
    }

    fn drain(&mut self) {
        while let Some(action) = self.c.poll_action() {
            match action {
                Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } } => {
                    if req == CtiReq::UnregisterAddress {
                        self.numbers.push(self.c.directory().number(dn).into());
                    }
                    self.sent.push((link, ref_id, dn, req));
                }
                Action::Drained => self.drained = true,
                Action::ConnectCti { link } => self.connects.push(link),
                _ => {}
            }
        }
        self.pages.check(&mut self.c);
    }

    fn cti(&mut self, link: CtiLinkId, event: CtiEvent<'_>) {
        self.c.handle(self.now, Input::Cti { link, event });
        self.drain();
    }

    fn open(&mut self, link: CtiLinkId, role: Role) {
        self.cti(link, CtiEvent::Connected);
        self.cti(link, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 1000, ping_s: 10 }));
        self.cti(link, CtiEvent::Control(Control::Opened { role, server: "SIPS" }));
        self.event(link, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    }

    fn event(&mut self, link: CtiLinkId, event: TEvent<'_>) {
        self.cti(link, CtiEvent::Event(&event));
    }

    /// Answers every registration and query with this agent status.
    fn snapshots(&mut self, status: i32) {
        for (link, ref_id, dn, req) in core::mem::take(&mut self.sent) {
            let number = format!("{}", 5000 + dn.0);
            match req {
                CtiReq::RegisterAddress => self.event(link, TEvent { id: 53, ref_id, this_dn: &number, agent_status: Some(status), ..TEvent::default() }),
                CtiReq::QueryAddress => self.event(link, TEvent { id: 92, ref_id, this_dn: &number, agent_status: Some(status), ..TEvent::default() }),
                _ => self.sent.push((link, ref_id, dn, req)),
            }
        }
    }

    fn presence(&mut self, user: u32, availability: u32) {
        self.stamp = (self.stamp + 1).max(self.now.mono.0);
        let state = StateChange::Value { availability, activity: Activity::None, publish_time: PublishTime(self.stamp) };
        self.c
            .tell(self.now, Fact::Presence { user: UserId(user), update: PresenceUpdate { state, note: NoteChange::Unchanged, calendar: None, first: false } });
        self.drain();
    }

    /// The one request waiting, taken.
    #[track_caller]
    fn only(&mut self) -> (CtiLinkId, u32, CtiReq) {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        let (link, ref_id, _, req) = self.sent.remove(0);
        (link, ref_id, req)
    }

    #[track_caller]
    fn ask(&mut self, what: &str, status: &str) -> (CtiLinkId, u32) {
        let (link, ref_id, req) = self.only();
        let CtiReq::State(state) = req else { panic!("{req:?}") };
        assert_eq!((if state.ready { READY } else { "NotReady" }, state.why.status().unwrap_or_default()), (what, status));
        (link, ref_id)
    }

    /// The usual answer of the server.
    fn agent(&mut self, link: CtiLinkId, id: u32, ref_id: u32, reasons: Option<&str>) {
        self.event(link, TEvent { id, ref_id, this_dn: "5000", kw_status: reasons, kw_note: reasons.map(|_| ""), ..TEvent::default() });
    }

    fn error(&mut self, link: CtiLinkId, ref_id: u32, code: i32) {
        self.event(link, TEvent { id: 52, ref_id, this_dn: "5000", error_code: Some(code), ..TEvent::default() });
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now.mono + ms;
        loop {
            let next = self.c.next_deadline().map(|(at, _)| at).filter(|at| *at <= end);
            self.now.mono = next.unwrap_or(end).max(self.now.mono);
            self.now.unix_ms = self.now.mono.0;
            if next.is_none() {
                return;
            }
            self.c.handle(self.now, Input::Wake);
            self.drain();
            // A live peer.
            for link in [A, B] {
                if self.c.cti_links().get(link.index()).is_some_and(|l| l.role.is_some()) {
                    self.cti(link, CtiEvent::Control(Control::Pong { n: 0 }));
                }
            }
        }
    }

    fn state(&self) -> AgentState {
        self.c.dn(DnId(0)).unwrap().state
    }
}

#[test]
fn busy_becomes_not_ready_once_and_online_ready() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.presence(0, 6500); // the same again
    s.agent(link, 76, r, Some("busy")); // the server says it twice
    assert!(s.sent.is_empty());
    s.presence(0, 15500); // another reason
    let (link, r) = s.ask("NotReady", "away");
    s.agent(link, 76, r, Some("away"));
    s.presence(0, 3500);
    let (link, r) = s.ask("Ready", "online");
    s.agent(link, 75, r, Some("online"));
    assert_eq!((s.state(), s.sent.len()), (AgentState::Ready, 0));
}

#[test]
fn one_request_in_flight_and_the_latest_wins() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.presence(0, 15500);
    s.presence(0, 9500);
    assert!(s.sent.is_empty());
    s.agent(link, 76, r, Some("busy"));
    s.ask("NotReady", "do-not-disturb");
}

#[test]
fn a_found_ready_agent_is_left_alone_when_online() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 3500);
    assert!(s.sent.is_empty());
}

#[test]
fn login_is_followed_by_an_explicit_state_and_offline_logs_out() {
    let mut s = Story::single(1);
    s.snapshots(0);
    s.presence(0, 3500);
    let (link, r, req) = s.only();
    assert_eq!(req, CtiReq::AgentLogin);
    s.agent(link, 73, r, None);
    let (link, r) = s.ask("Ready", "online");
    s.agent(link, 76, 0, None); // what the server chose after the login, crossing ours
    s.agent(link, 75, r, Some("online"));
    assert_eq!(s.state(), AgentState::Ready);
    s.presence(0, 18500);
    let (link, r, req) = s.only();
    assert_eq!(req, CtiReq::AgentLogout);
    s.agent(link, 74, r, None);
    assert_eq!((s.state(), s.sent.len()), (AgentState::LoggedOut, 0));
}

#[test]
fn what_others_set_stands_until_the_next_presence() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.agent(link, 75, 0, None); // a desktop
    s.wait(60_000);
    assert!(s.sent.is_empty() && s.c.dn(DnId(0)).unwrap().held);
    s.presence(0, 9500);
    s.ask("NotReady", "do-not-disturb");
}

#[test]
fn enforced_states_come_back_after_the_pause() {
    let mut config = config(Redundancy::Single, 1);
    config.presence.foreign = ForeignRule::Enforce { after_ms: 3000 };
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.agent(link, 75, 0, None);
    s.wait(2999);
    assert!(s.sent.is_empty());
    s.wait(1);
    s.ask("NotReady", "busy");
}

#[test]
fn error_57_is_repeated_once_43_is_success_53_waits() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.error(link, r, 57);
    s.wait(1000);
    let (link, r) = s.ask("NotReady", "busy");
    s.error(link, r, 57);
    s.wait(9000);
    assert!(s.sent.is_empty(), "repeated once only");
    s.presence(0, 15500);
    let (link, r) = s.ask("NotReady", "away");
    s.error(link, r, 43);
    s.wait(9000);
    assert!(s.sent.is_empty());
    assert_eq!(s.state(), AgentState::NotReady(0));
    s.presence(0, 3500);
    let (link, r) = s.ask("Ready", "online");
    s.error(link, r, 53);
    s.wait(9000);
    assert!(s.sent.is_empty());
}

#[test]
fn a_request_without_an_answer_is_asked_about_then_repeated_if_needed() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let _ = s.ask("NotReady", "busy");
    s.wait(10_000);
    let (link, r, req) = s.only();
    assert_eq!(req, CtiReq::QueryAddress);
    s.event(link, TEvent { id: 92, ref_id: r, this_dn: "5000", agent_status: Some(3), ..TEvent::default() });
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    assert!(s.sent.is_empty());
}

#[test]
fn hot_standby_asks_before_it_repeats() {
    let mut s = Story::new(config(Redundancy::Hot, 1));
    assert_eq!(s.connects, [A, B]);
    s.open(A, Role::Primary);
    s.open(B, Role::Backup);
    assert_eq!(s.sent.iter().map(|r| (r.0, r.3)).collect::<Vec<_>>(), [(A, CtiReq::RegisterAddress), (B, CtiReq::RegisterAddress)]);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, _) = s.ask("NotReady", "busy");
    assert_eq!(link, A);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    assert!(s.sent.is_empty());
    s.cti(B, CtiEvent::Control(Control::Role { role: Role::Primary }));
    let (link, r, req) = s.only();
    assert_eq!((link, req), (B, CtiReq::QueryAddress));
    // It was executed before A died: nothing is sent again.
    let told = TEvent { id: 92, ref_id: r, this_dn: "5000", agent_status: Some(2), kw_status: Some("busy"), kw_note: Some(""), ..TEvent::default() };
    s.event(B, told);
    assert!(s.sent.is_empty());
    // Changes go to B from now on; A comes back as backup and is registered only.
    s.presence(0, 3500);
    let (link, r) = s.ask("Ready", "online");
    assert_eq!(link, B);
    s.agent(B, 75, r, Some("online"));
    s.open(A, Role::Backup);
    let (link, _, req) = s.only();
    assert_eq!((link, req), (A, CtiReq::RegisterAddress));
}

#[test]
fn the_last_server_that_says_primary_is_the_primary() {
    let mut s = Story::new(config(Redundancy::Hot, 1));
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.cti(B, CtiEvent::Connected);
    s.cti(B, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 1000, ping_s: 10 }));
    s.cti(B, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "SIPS_B" }));
    s.presence(0, 6500); // B is not linked to the switch yet, A is primary no more
    assert!(s.sent.is_empty(), "{:?}", s.sent);
    s.event(B, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    s.snapshots(3);
    assert_eq!(s.ask("NotReady", "busy").0, B);
}

#[test]
fn agents_logged_out_by_the_drop_are_logged_in_again() {
    let mut s = Story::new(config(Redundancy::Warm, 1));
    assert_eq!(s.connects, [A]);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(0);
    s.cti(A, CtiEvent::Closed { why: CloseCause::Refused });
    s.wait(0);
    assert_eq!(s.connects, [A, A, B]);
    s.open(B, Role::Primary);
    s.snapshots(0);
    let (link, r, req) = s.only();
    assert_eq!((link, req), (B, CtiReq::AgentLogin));
    s.agent(B, 73, r, None);
    s.ask("Ready", "online");
}

#[test]
fn what_was_refused_to_an_agent_in_another_state_is_requested_again_after_the_drop() {
    let mut s = Story::single(1);
    s.snapshots(2);
    s.presence(0, 3500);
    let (link, r) = s.ask("Ready", "online");
    s.error(link, r, 50);
    s.wait(60_000);
    assert!(s.sent.is_empty(), "nothing helps");
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(10_000);
    s.open(A, Role::Primary);
    s.snapshots(0);
    let (link, r, req) = s.only();
    assert_eq!(req, CtiReq::AgentLogin);
    s.agent(link, 73, r, None);
    s.ask("Ready", "online");
}

#[test]
fn what_is_told_before_the_registration_is_answered_is_nobodys_hand() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.cti(A, CtiEvent::Closed { why: CloseCause::Reset });
    s.wait(10_000);
    s.open(A, Role::Primary);
    // The end of a wrap-up that began and ended unseen.
    s.agent(A, 75, 0, None);
    assert!(s.c.dn(DnId(0)).is_some_and(|dn| !dn.held));
    s.snapshots(3);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.agent(link, 75, 0, None);
    assert!(s.c.dn(DnId(0)).is_some_and(|dn| dn.held), "now somebody did it");
}

#[test]
fn so_is_what_is_told_after_the_switch_was_away_before_the_query_is_answered() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.event(A, TEvent { id: n::EVENT_LINK_DISCONNECTED, ..TEvent::default() });
    s.wait(10_000);
    s.event(A, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    s.agent(A, 75, 0, None);
    s.snapshots(3);
    s.ask("NotReady", "busy");
}

#[test]
fn older_presence_never_wins_but_a_new_subscription_does() {
    let mut s = Story::single(1);
    s.snapshots(3);
    s.stamp = 1000;
    s.presence(0, 6500);
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.stamp = 10;
    s.presence(0, 3500);
    assert!(s.sent.is_empty());
    let state = StateChange::Value { availability: 3500, activity: Activity::None, publish_time: PublishTime(20) };
    s.c.tell(s.now, Fact::Presence { user: UserId(0), update: PresenceUpdate { state, note: NoteChange::Unchanged, calendar: None, first: true } });
    s.drain();
    s.ask("Ready", "online");
}

#[test]
fn a_note_is_part_of_the_state_and_a_lost_subscription_ages() {
    let mut config = config(Redundancy::Single, 1);
    config.presence.stale = Rule::NotReady { work_mode: Some(4) };
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    let update = PresenceUpdate { state: StateChange::Unchanged, note: NoteChange::Set("back at 3".into()), calendar: None, first: false };
    s.c.tell(s.now, Fact::Presence { user: UserId(0), update });
    s.drain();
    let (link, r) = s.ask("Ready", "online");
    assert_eq!(s.c.note_of(DnId(0)), "back at 3");
    let event = TEvent { id: 75, ref_id: r, this_dn: "5000", kw_status: Some("online"), kw_note: Some("back at 3"), ..TEvent::default() };
    s.event(link, event);
    s.c.tell(s.now, Fact::CoverageLost { users: vec![UserId(0)].into() });
    s.wait(29_999);
    assert!(s.sent.is_empty());
    s.wait(1);
    s.ask("NotReady", "unknown");
}

#[test]
fn the_window_bounds_what_is_under_way() {
    let mut s = Story::new(config(Redundancy::Single, 20));
    s.cti(A, CtiEvent::Connected);
    s.cti(A, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 3, ping_s: 10 }));
    s.cti(A, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "SIPS" }));
    s.event(A, TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() });
    for _ in 0..7 {
        assert!(s.sent.len() <= 3);
        s.snapshots(3);
    }
    for user in 0..20 {
        s.presence(user, 6500);
    }
    assert_eq!(s.sent.len(), 3);
    assert_eq!(s.c.work_queued(), 17);
}

#[test]
fn reconfigure_adds_and_removes_without_touching_the_others() {
    let first = config(Redundancy::Single, 2);
    let mut s = Story::new(first.clone());
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    s.presence(1, 3500);
    let mut second = config(Redundancy::Single, 3);
    second.people.remove(1);
    s.c.handle(s.now, Input::Reconfigure(Arc::new(second)));
    s.drain();
    let requests: Vec<_> = s.sent.iter().map(|r| r.3).collect();
    assert_eq!(requests, [CtiReq::UnregisterAddress, CtiReq::RegisterAddress]);
    assert!(s.c.worker(UserId(1)).is_none());
    assert_eq!(s.c.dn(DnId(0)).unwrap().state, AgentState::Ready);
}

#[test]
fn a_condition_by_time_of_day_takes_hold_and_lets_go_by_itself() {
    let mut config = config(Redundancy::Single, 1);
    config.presence.grace_ms = u64::MAX / 2;
    config.presence.conditions = vec![Condition {
        name: "office hours only".into(),
        classes: 1 << crate::presence::Class::Online as u16,
        activities: 0,
        note_contains: None,
        calendar: None,
        hours: Some(Hours { days: 0x7f, from_min: 17 * 60, to_min: 9 * 60 }),
        groups: vec![],
        then: Rule::NotReady { work_mode: Some(4) },
    }];
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    s.snapshots(3);
    s.presence(0, 3500);
    let (link, r) = s.ask("NotReady", "online");
    s.agent(link, 76, r, Some("online"));
    s.wait(9 * 3_600_000);
    s.ask("Ready", "online");
    assert_eq!(s.now.unix_ms, 9 * 3_600_000);
}

/// Workers 0 and 1 own 5000 and 5001; 7000 is a seat.
fn seated() -> Story {
    let mut config = config(Redundancy::Single, 2);
    config.presence.free_seating = true;
    config.cti.switches[0].free_dns = vec!["7000".into(), "5001".into()];
    let mut s = Story::new(config);
    s.open(A, Role::Primary);
    let asked: Vec<DnId> = s.sent.iter().map(|r| r.2).collect();
    assert_eq!(asked, [DnId(0), DnId(1), DnId(2)], "an owner's DN is no seat");
    for (link, ref_id, dn, _) in core::mem::take(&mut s.sent) {
        let number: Box<str> = s.c.directory().number(dn).into();
        let status = if dn == DnId(2) { 0 } else { 3 };
        s.event(link, TEvent { id: 53, ref_id, this_dn: &number, agent_status: Some(status), ..TEvent::default() });
    }
    s
}

#[test]
fn a_seat_follows_who_logs_in_there() {
    let mut s = seated();
    s.presence(0, 6500);
    assert_eq!(s.sent.len(), 1, "nobody sits at 7000");
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    s.event(A, TEvent { id: 73, this_dn: "7000", agent_id: Some("5000"), ..TEvent::default() });
    assert_eq!(s.c.dn(DnId(2)).unwrap().user, Some(UserId(0)));
    assert_eq!(s.c.dns_of(UserId(0)).collect::<Vec<_>>(), [DnId(0), DnId(2)]);
    let (_, r) = s.ask("NotReady", "busy");
    s.event(A, TEvent { id: 76, ref_id: r, this_dn: "7000", agent_id: Some("5000"), kw_status: Some("busy"), kw_note: Some(""), ..TEvent::default() });
    // The next one takes the seat: their own presence counts there from now on.
    s.presence(1, 3500);
    s.event(A, TEvent { id: 73, this_dn: "7000", agent_id: Some("5001"), ..TEvent::default() });
    s.ask("Ready", "online");
    s.event(A, TEvent { id: 74, this_dn: "7000", agent_id: Some("5001"), ..TEvent::default() });
    assert_eq!(s.c.dn(DnId(2)).unwrap().user, None);
    s.presence(1, 15500);
    assert_eq!(s.sent.iter().filter(|r| r.2 == DnId(2)).count(), 0, "the seat is empty again");
}

#[test]
fn a_stranger_at_an_owners_desk_is_flagged_and_left_alone() {
    let mut s = seated();
    s.event(A, TEvent { id: 73, this_dn: "5001", agent_id: Some("5000"), ..TEvent::default() });
    assert_eq!(s.c.dn(DnId(1)).unwrap().stranger, Some(UserId(0)));
    s.presence(1, 6500);
    assert!(s.sent.is_empty());
    s.event(A, TEvent { id: 74, this_dn: "5001", agent_id: Some("5000"), ..TEvent::default() });
    assert_eq!(s.c.dn(DnId(1)).unwrap().stranger, None);
    s.event(A, TEvent { id: 73, this_dn: "5001", agent_id: Some("5001"), ..TEvent::default() });
    s.presence(1, 15500);
    assert_eq!(s.sent.iter().map(|r| r.2).collect::<Vec<_>>(), [DnId(1)]);
}

#[test]
fn a_seat_that_gets_an_owner_is_registered_anew_and_unknown_logins_are_nobody() {
    let mut s = seated();
    s.event(A, TEvent { id: 73, this_dn: "7000", agent_id: Some("4711"), ..TEvent::default() });
    assert_eq!(s.c.dn(DnId(2)).unwrap().user, None);
    s.event(A, TEvent { id: 73, this_dn: "7000", agent_id: Some("5000"), ..TEvent::default() });
    let mut second = (**s.c.directory().config()).clone();
    second.people[1].dns = vec![PersonDn { number: "5001".into(), switch: 0 }, PersonDn { number: "7000".into(), switch: 0 }].into();
    s.c.handle(s.now, Input::Reconfigure(Arc::new(second)));
    s.drain();
    let dn = s.c.directory().dn_by_number(crate::id::SwitchId(0), "7000").unwrap();
    assert_eq!((s.c.user_of(dn), s.c.dn(DnId(2)).is_none() || dn == DnId(2)), (Some(UserId(1)), true));
    assert_eq!(s.c.dns_of(UserId(0)).count(), 1);
    let requests: Vec<_> = s.sent.iter().map(|r| r.3).collect();
    assert_eq!(requests, [CtiReq::RegisterAddress], "registered already; its state is read again for the new owner");
}

#[test]
fn the_explanation_names_rule_request_and_obstacle() {
    use crate::views::{Came, DnVerdict, HeardFrom, Reason};
    let mut s = Story::single(1);
    s.snapshots(3);
    let of = |s: &Story| (s.c.reason(UserId(0)).unwrap(), s.c.explain_dns(UserId(0))[0].1);
    assert_eq!((of(&s).0, of(&s).1.verdict), (Reason::NothingHeard, DnVerdict::NothingWanted));
    s.wait(3000);
    s.presence(0, 6500);
    let (reason, dn) = of(&s);
    assert_eq!(
        (reason, dn.verdict, dn.sent.map(|sent| (sent.request, sent.came, sent.at))),
        (Reason::Class, DnVerdict::Asking, Some(("RequestAgentNotReady", Came::NotYet, Mono(3000))))
    );
    let (link, r) = s.ask("NotReady", "busy");
    s.agent(link, 76, r, Some("busy"));
    let (_, dn) = of(&s);
    assert_eq!((dn.verdict, dn.sent.unwrap().came, dn.heard), (DnVerdict::AsWanted, Came::Done, Some((Mono(3000), HeardFrom::Answer))));
    s.agent(link, 75, 0, None); // a desktop
    assert_eq!((of(&s).1.verdict, of(&s).1.heard.unwrap().1), (DnVerdict::OthersWord, HeardFrom::Event));
    s.presence(0, 15500);
    let (link, r) = s.ask("NotReady", "away");
    s.error(link, r, 53);
    let (_, dn) = of(&s);
    assert_eq!((dn.sent.unwrap().came, dn.verdict), (Came::Refused(53), DnVerdict::Refused));
}
