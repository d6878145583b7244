//! Stories of routers behind bridges: a T-Server, a router with a standby, and workers with pages.
use crate::action::{Action, CtiOut};
use crate::codec::cti::catalogue as n;
use crate::config::*;
use crate::cti_event::*;
use crate::entropy::Seed;
use crate::id::*;
use crate::offer::*;
use crate::uc_event::CloseCause;
use crate::{Connector, Input, Mono, Now};
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

const T: CtiLinkId = CtiLinkId(0);
const A: CtiLinkId = CtiLinkId(1);
const B: CtiLinkId = CtiLinkId(2);
const CONN: &str = "0077028a809f7004";

struct Story {
    c: Connector,
    ms: u64,
    /// Link, `RequestID`, status word, text.
    answers: Vec<(CtiLinkId, i64, &'static str, String)>,
    offers: Vec<(u32, OfferId)>,
    ended: Vec<(OfferId, Outcome)>,
    dialled: Vec<CtiLinkId>,
    closed: Vec<CtiLinkId>,
}

fn switch(name: &str, servers: &[&str], redundancy: Redundancy, linger_s: u16) -> SwitchConfig {
    SwitchConfig {
        name: name.into(),
        servers: servers.iter().map(|name| TServerConfig { name: (*name).into(), address: "127.0.0.1:1".into() }).collect(),
        redundancy,
        session: "s".into(),
        linger_s,
        free_dns: Vec::new(),
    }
}

fn config(linger_s: u16) -> Config {
    let person = |i: u32| Person {
        employee_id: format!("{}", 1000 + i).into(),
        agent_login: format!("{}", 5000 + i).into(),
        dns: vec![PersonDn { number: format!("{}", 5000 + i).into(), switch: 0 }].into(),
        ..Person::default()
    };
    Config {
        mode: Mode::Standalone,
        application: "UC".into(),
        cti: CtiConfig {
            switches: vec![switch("S", &["SIPS"], Redundancy::Single, 30)],
            routers: vec![switch("URS", &["URS_A", "URS_B"], Redundancy::Warm, linger_s)],
            timers: CtiTimers { jitter_percent: 0, ..CtiTimers::default() },
            ..CtiConfig::default()
        },
        people: (0..3).map(person).collect(),
        note_level: NoteLevel::Alarm,
        ..Config::default()
    }
}

impl Story {
    fn new(linger_s: u16) -> Self {
        let config = config(linger_s);
        let c = Connector::new(Arc::new(config), Seed::from_u64(1), Now { mono: Mono(0), unix_ms: 0 });
        let mut it = Self { c, ms: 0, answers: Vec::new(), offers: Vec::new(), ended: Vec::new(), dialled: Vec::new(), closed: Vec::new() };
        it.take();
        assert_eq!(it.dialled, [T, A], "warm standby: one of the router's bridges at a time");
        it.open(T);
        it.hand(T, CtiEvent::Event(&TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() }));
        for user in 0..3 {
            let number = format!("{}", 5000 + user);
            it.hand(T, CtiEvent::Event(&TEvent { id: n::EVENT_REGISTERED, ref_id: 1 + user, this_dn: &number, agent_status: Some(3), ..TEvent::default() }));
            it.input(Input::Page { user: UserId(user), event: PageEvent::Opened });
        }
        it.open(A);
        it
    }

    fn open(&mut self, link: CtiLinkId) {
        self.hand(link, CtiEvent::Connected);
        self.hand(link, CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 100, ping_s: 3600 }));
        self.hand(link, CtiEvent::Control(Control::Opened { role: Role::Primary, server: "X" }));
    }

    fn take(&mut self) {
        while let Some(action) = self.c.poll_action() {
            match action {
                Action::AnswerRouter { link, request, answer } => self.answers.push((link, request, answer.status.word(), answer.text.to_string())),
                Action::AnswerPreview { id, .. } => panic!("{id:?} is not the driver's"),
                Action::Page { user, news } => match *news {
                    PageNews::Offered(view) => self.offers.push((user.0, view.offer)),
                    PageNews::Ended { offer, outcome } => self.ended.push((offer, outcome)),
                    PageNews::TooLate { .. } => {}
                },
                Action::ConnectCti { link } => self.dialled.push(link),
                Action::CloseCti { link } => self.closed.push(link),
                Action::SendCti { link, msg: CtiOut::Request { .. } } => assert_eq!(link, T, "no T-Library request goes to a router"),
                _ => {}
            }
        }
        let restored = Connector::restore(Arc::clone(self.c.directory().config()), &self.c.checkpoint().unwrap()).unwrap();
        assert_eq!(restored.fingerprint(), self.c.fingerprint(), "a checkpoint keeps everything");
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.ms), unix_ms: self.ms }
    }

    fn input(&mut self, input: Input<'_>) {
        self.c.handle(self.now(), input);
        self.take();
    }

    fn hand(&mut self, link: CtiLinkId, event: CtiEvent<'_>) {
        self.input(Input::Cti { link, event });
    }

    fn say(&mut self, link: CtiLinkId, message: &RouterMessage<'_>) {
        self.hand(link, CtiEvent::Router(message));
    }

    fn ask(&mut self, link: CtiLinkId, number: i64, agent: &str) {
        self.say(link, &request(number, agent));
    }

    fn click(&mut self, user: u32, accept: bool) {
        let offer = self.offers.iter().rev().find(|(whose, _)| *whose == user).expect("an offer").1;
        self.input(Input::Page { user: UserId(user), event: if accept { PageEvent::Accept { offer } } else { PageEvent::Reject { offer } } });
    }

    fn lose(&mut self, link: CtiLinkId) {
        self.hand(link, CtiEvent::Closed { why: CloseCause::Reset });
    }

    fn wait(&mut self, ms: u64) {
        let until = self.ms + ms;
        while let Some((at, _)) = self.c.next_deadline().filter(|(at, _)| at.0 <= until) {
            self.ms = at.0.max(self.ms);
            self.input(Input::Wake);
        }
        self.ms = until;
    }

    fn words(&self) -> Vec<(CtiLinkId, i64, &'static str)> {
        self.answers.iter().map(|(link, number, word, _)| (*link, *number, *word)).collect()
    }
}

fn request(number: i64, agent: &str) -> RouterMessage<'_> {
    RouterMessage {
        name: Cow::Borrowed("PreviewInteractionRequest"),
        request: Some(number),
        agent: agent.into(),
        conn: CONN.into(),
        ..RouterMessage::default()
    }
}

#[test]
fn a_request_is_answered_once_with_its_number_on_its_connection() {
    let mut s = Story::new(0);
    s.ask(A, 7, "5000");
    assert_eq!(s.offers.len(), 1);
    s.click(0, true);
    s.click(0, true);
    assert_eq!(s.words(), [(A, 7, "Accepted")]);
    s.wait(600_000);
    assert_eq!(s.answers.len(), 1);
    assert!(s.c.previews().requests == 0 && s.c.previews().offers == 0);
}

#[test]
fn broadcast_cancel_and_either_spelling() {
    let mut s = Story::new(0);
    let many = RouterMessage {
        name: "previewInterationMULTIPLE".into(),
        request: Some(1),
        targets: "5000^5001^5002".into(),
        conn: CONN.into(),
        ..RouterMessage::default()
    };
    s.say(A, &many);
    assert_eq!(s.offers.len(), 3);
    let cancel = RouterMessage { name: "PreviewInteractionCancel".into(), conn: CONN.into(), text: "caller hung up".into(), ..RouterMessage::default() };
    s.say(A, &cancel);
    assert_eq!(s.words(), [(A, 1, "Canceled")], "a cancellation without a number is carried out and not answered");
    s.say(A, &RouterMessage { request: Some(2), ..cancel });
    assert_eq!(s.words()[1], (A, 2, "Canceled"));
    s.say(A, &RouterMessage { name: "PreviewSomething".into(), request: Some(3), ..RouterMessage::default() });
    assert_eq!(s.words()[2], (A, 3, "Error"), "an unknown message is answered, or the router waits for ever");
    s.say(A, &RouterMessage { name: "PreviewSomething".into(), ..RouterMessage::default() });
    assert_eq!(s.answers.len(), 3);
}

#[test]
fn losing_the_connection_withdraws_and_the_standby_is_dialled() {
    let mut s = Story::new(0);
    s.ask(A, 7, "5000");
    s.lose(A);
    assert_eq!(s.ended.len(), 1);
    assert_eq!(s.ended[0].1, Outcome::Canceled);
    assert!(s.answers.is_empty(), "there is no connection to answer on");
    assert_eq!(s.c.previews().requests, 0);
    s.wait(100);
    s.open(A);
    s.ask(A, 7, "5000");
    assert_eq!(s.offers.len(), 2, "asked again is asked anew");
    s.click(0, false);
    assert_eq!(s.words(), [(A, 7, "Rejected")]);
    // A session that breaks at once again, then one that does not come up: the other bridge is tried.
    s.lose(A);
    s.wait(20_000);
    assert!(s.dialled.contains(&B), "{:?}", s.dialled);
}

#[test]
fn within_the_linger_time_the_same_number_takes_the_request_or_its_answer_over() {
    let mut s = Story::new(10);
    s.ask(A, 7, "5000");
    s.say(A, &RouterMessage { agent: "5001".into(), conn: "22".into(), ..request(8, "") });
    s.lose(A);
    assert!(s.ended.is_empty(), "they wait for the router");
    s.click(1, true);
    assert!(s.answers.is_empty());
    s.wait(100);
    s.open(A);
    s.ask(A, 7, "5000");
    s.say(A, &RouterMessage { agent: "5001".into(), conn: "22".into(), ..request(8, "") });
    assert_eq!(s.offers.len(), 2, "no second window");
    assert_eq!(s.words(), [(A, 8, "Accepted")]);
    s.click(0, true);
    assert_eq!(s.words(), [(A, 8, "Accepted"), (A, 7, "Accepted")]);
}

#[test]
fn after_the_linger_time_everything_is_withdrawn() {
    let mut s = Story::new(10);
    s.ask(A, 7, "5000");
    s.lose(A);
    s.wait(9_999);
    assert!(s.ended.is_empty());
    s.wait(1);
    assert_eq!(s.ended.len(), 1);
    assert_eq!(s.c.previews().requests, 0);
    s.wait(600_000);
    assert!(s.answers.is_empty());
}

#[test]
fn the_same_message_under_another_number_joins_the_open_one() {
    let mut s = Story::new(0);
    s.ask(A, 7, "5000");
    s.ask(A, 8, "5000");
    assert_eq!(s.offers.len(), 1);
    s.click(0, false);
    let mut words = s.words();
    words.sort_unstable();
    assert_eq!(words, [(A, 7, "Rejected"), (A, 8, "Rejected")]);
    s.ask(A, 9, "5000");
    assert_eq!(s.offers.len(), 2, "a loop of the strategy asks the same worker anew; the old answer is not repeated");
}

#[test]
fn a_number_used_twice_is_answered_once_for_each_meaning_it_keeps() {
    let mut s = Story::new(0);
    s.ask(A, 7, "5000");
    s.ask(A, 7, "5000");
    assert_eq!(s.offers.len(), 1, "a repetition");
    s.say(A, &RouterMessage { conn: "33".into(), ..request(7, "5001") });
    assert_eq!(s.ended, [(s.offers[0].1, Outcome::Canceled)], "nobody waits for the first meaning");
    s.click(1, true);
    assert_eq!(s.words(), [(A, 7, "Accepted")]);
}

#[test]
fn a_router_speaks_only_when_the_session_stands_and_a_t_server_never() {
    let mut s = Story::new(0);
    s.lose(A);
    s.wait(100);
    s.hand(A, CtiEvent::Connected);
    s.ask(A, 7, "5000");
    assert!(s.offers.is_empty());
    assert!(s.closed.contains(&A));
    s.ask(T, 7, "5000");
    s.ask(CtiLinkId(99), 7, "5000");
    s.hand(A, CtiEvent::Event(&TEvent { id: n::EVENT_AGENT_READY, this_dn: "5000", ..TEvent::default() }));
    assert!(s.offers.is_empty() && s.answers.is_empty());
}

#[test]
fn draining_answers_before_the_connection_ends() {
    let mut s = Story::new(30);
    s.ask(A, 7, "5000");
    s.input(Input::Drain { within_ms: 5_000 });
    s.wait(10_000);
    assert_eq!(s.words(), [(A, 7, "Error")]);
    s.ask(A, 8, "5000");
    assert_eq!(s.answers.len(), 1, "the connection has been closed by us");
}

#[test]
fn other_routers_in_the_configuration_leave_t_servers_alone() {
    let mut s = Story::new(0);
    s.ask(A, 7, "5000");
    let mut config = Config::clone(s.c.directory().config());
    config.cti.routers = vec![switch("ORS", &["ORS_1"], Redundancy::Single, 0)];
    s.closed.clear();
    s.dialled.clear();
    s.input(Input::Reconfigure(Arc::new(config)));
    assert_eq!(s.closed, [A, B]);
    assert_eq!(s.dialled, [A]);
    assert_eq!(s.ended.len(), 1);
    assert!(s.c.cti_links()[0].state == crate::views::LinkState::Up, "the T-Server is still there");
    s.open(A);
    s.ask(A, 7, "5000");
    s.click(0, true);
    assert_eq!(s.words(), [(A, 7, "Accepted")]);
}

#[test]
fn more_than_the_limit_is_answered_and_nothing_is_left_behind() {
    let mut s = Story::new(0);
    let mut config = Config::clone(s.c.directory().config());
    config.preview.requests_max = 1;
    s.input(Input::Reconfigure(Arc::new(config)));
    s.ask(A, i64::MIN, "5000");
    for number in 0..50 {
        s.say(A, &RouterMessage { conn: format!("{number}").into(), ..request(number, "5001") });
    }
    s.say(A, &RouterMessage { conn: "x".repeat(100_000).into(), ..request(i64::MAX, "5001") });
    assert_eq!(s.answers.len(), 51);
    assert!(s.answers.iter().all(|(.., word, text)| *word == "Error" && !text.is_empty()));
    s.lose(A);
    assert_eq!((s.c.previews().requests, s.c.previews().offers), (0, 0));
}
