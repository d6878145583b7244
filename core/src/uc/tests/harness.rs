//! A SIP side with everything it needs, and the words to tell a story with: `connect`, `answer`, `notify`, `run`.
use crate::action::Action;
use crate::config::{Config, NoteLevel, Person, UcConfig, UcEndpoint, UcPace, Watcher};
use crate::cx::{Cx, Out};
use crate::deadlines::{Deadlines, TimerKey};
use crate::directory::Directory;
use crate::entropy::{Entropy, Seed};
use crate::fact::{Fact, Facts};
use crate::id::{UcLinkId, UserId};
use crate::note::Note;
use crate::time::{Mono, Now};
use crate::uc::UcSide;
use crate::uc_event::{
    Body, CategoryDoc, Found, ListDoc, Method, Notify, PublishTime, Resource, ResourceState, Response, SipBody, SipRequest, StateValue, SubState,
    TerminationReason, UcEvent,
};
use crate::watch::Watch;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

pub(super) const SIP0: UcLinkId = UcLinkId(0);

pub(super) fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 5061))
}

pub(super) fn uri(n: usize) -> String {
    format!("sip:user{n}@contoso.example")
}

pub(super) fn people(n: usize) -> Vec<Person> {
    (0..n).map(|i| Person { employee_id: format!("e{i}").into(), sip_uri: uri(i).into(), ..Person::default() }).collect()
}

/// One endpoint, one watcher, no REGISTER, no pace: each story switches on what it is about.
pub(super) fn config(users: usize) -> Config {
    let mut uc = UcConfig {
        endpoints: vec![UcEndpoint { host: "pool.contoso.example".into(), port: 5061 }],
        watchers: vec![Watcher { uri: "sip:watcher0@contoso.example".into(), epid: "01010101".into() }],
        register: false,
        pace: UcPace::open(),
        ..UcConfig::default()
    };
    uc.timers.jitter_percent = 0;
    Config { application: "test".into(), uc, people: people(users), ..Config::default() }
}

pub(super) struct World {
    pub(super) side: UcSide,
    pub(super) directory: Directory,
    pub(super) entropy: Entropy,
    pub(super) deadlines: Deadlines,
    pub(super) facts: Facts,
    out: Out,
    watch: Watch,
    pub(super) now: Mono,
    /// Everything sent, oldest first, until taken.
    pub(super) sent: VecDeque<(UcLinkId, SipRequest)>,
    /// Statuses of our answers.
    pub(super) answers: Vec<u16>,
    pub(super) notes: Vec<Note>,
    /// Other actions: resolve, connect, close, keep-alive.
    pub(super) acts: VecDeque<Action>,
}

macro_rules! cx {
    ($it:ident) => {
        Cx {
            now: Now { mono: $it.now, unix_ms: 0 },
            config: $it.directory.config(),
            directory: &$it.directory,
            entropy: &mut $it.entropy,
            deadlines: &mut $it.deadlines,
            facts: &mut $it.facts,
            out: &mut $it.out,
            watch: &mut $it.watch,
        }
    };
}

impl World {
    pub(super) fn new(config: Config) -> Self {
        let mut it = Self {
            side: UcSide::default(),
            directory: Directory::new(Arc::new(config)),
            entropy: Entropy::new(Seed::from_u64(1)),
            deadlines: Deadlines::default(),
            facts: Facts::new(),
            out: Out::default(),
            watch: Watch::default(),
            now: Mono(1_000_000),
            sent: VecDeque::new(),
            answers: Vec::new(),
            notes: Vec::new(),
            acts: VecDeque::new(),
        };
        it.side = UcSide::start(&mut cx!(it));
        it.sort();
        it
    }

    /// Connected on every link, first address.
    pub(super) fn connected(config: Config) -> Self {
        let mut it = Self::new(config);
        it.connect();
        it
    }

    /// Begins anew at the present time, with the present entropy.
    pub(super) fn restart(&mut self) {
        self.deadlines = Deadlines::default();
        self.acts.clear();
        self.side = UcSide::start(&mut cx!(self));
        self.sort();
    }

    fn sort(&mut self) {
        while let Some(action) = self.out.actions.pop_front() {
            match action {
                Action::SendUc { link, msg } => self.sent.push_back((link, *msg)),
                Action::Answer { status, .. } => self.answers.push(status),
                Action::Note(note) => self.notes.push(*note),
                other => self.acts.push_back(other),
            }
        }
    }

    pub(super) fn event(&mut self, link: UcLinkId, event: UcEvent<'_>) {
        self.side.on_event(&mut cx!(self), link, event);
        self.run(0);
    }

    /// Lets time pass; every deadline fires at its own instant.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        let mut wakes = 0;
        while let Some((at, _)) = self.deadlines.next().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            let Some(TimerKey::Uc(timer)) = self.deadlines.pop_due(self.now) else { unreachable!("a deadline of somebody else") };
            self.side.on_timer(&mut cx!(self), timer);
            wakes += 1;
            assert!(wakes < 100_000, "the deadline {timer:?} comes again and again");
        }
        self.now = end;
        self.sort();
    }

    pub(super) fn reconfigure(&mut self, config: Config) {
        let old = Arc::clone(self.directory.config());
        let changes = self.directory.apply(Arc::new(config));
        self.side.on_reconfigure(&mut cx!(self), &old, &changes);
        self.sort();
    }

    /// Lets time pass with a peer that is alive and answers probes.
    pub(super) fn live(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.run(end.since(self.now).min(1_000));
            self.event(SIP0, UcEvent::KeepAlive);
            for _ in 0..self.sent.len() {
                let Some((link, msg)) = self.sent.pop_front() else { break };
                if msg.method == Method::Options {
                    self.answer_on(link, &msg, 200, |_| {});
                } else {
                    self.sent.push_back((link, msg));
                }
            }
        }
    }

    /// A command of presence, in the down pass.
    pub(super) fn publish(&mut self, user: UserId, row: Option<crate::config::StateRow>) {
        let before = self.facts.len();
        self.side.publish(&mut cx!(self), user, row);
        assert_eq!(self.facts.len(), before, "a command emitted a fact");
        self.sort();
    }

    /// A command of previews, in the down pass.
    pub(super) fn invite(&mut self, user: UserId, offer: crate::offer::OfferId, letter: crate::uc::Letter) {
        let before = self.facts.len();
        self.side.invite(&mut cx!(self), user, offer, letter);
        assert_eq!(self.facts.len(), before, "a command emitted a fact");
        self.sort();
    }

    /// The end of an offer, in the down pass.
    pub(super) fn uninvite(&mut self, offer: crate::offer::OfferId) {
        let before = self.facts.len();
        self.side.uninvite(&mut cx!(self), offer);
        assert_eq!(self.facts.len(), before, "a command emitted a fact");
        self.sort();
    }

    pub(super) fn audit(&mut self) {
        let cx = cx!(self);
        self.side.audit_publishers(&cx);
    }

    pub(super) fn side_counters(&self) -> crate::views::Counters {
        let mut counters = crate::views::Counters::default();
        self.side.count(&mut counters);
        counters
    }

    pub(super) fn drain(&mut self) {
        self.side.on_drain(&mut cx!(self));
        self.sort();
    }

    /// Answers every pending look-up with one address and every connect with success.
    pub(super) fn connect(&mut self) {
        while let Some(action) = self.acts.pop_front() {
            match action {
                Action::ResolveUc { link, endpoint, .. } => self.event(link, UcEvent::Resolved { endpoint, addrs: &[addr(1)] }),
                Action::ConnectUc { link, .. } => self.event(link, UcEvent::Connected { local: "192.0.2.1:40000".parse().unwrap() }),
                _ => {}
            }
        }
    }

    pub(super) fn facts(&mut self) -> Vec<Fact> {
        self.facts.drain(..).collect()
    }

    /// Users of the facts of each kind: presence, lost, regained.
    pub(super) fn coverage_facts(&mut self) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
        let (mut heard, mut lost, mut regained) = (Vec::new(), Vec::new(), Vec::new());
        for fact in self.facts() {
            match fact {
                Fact::Presence { user, .. } => heard.push(user.index()),
                Fact::CoverageLost { users } => lost.extend(users.iter().map(|u| u.index())),
                Fact::CoverageRegained { users } => regained.extend(users.iter().map(|u| u.index())),
                _ => {}
            }
        }
        (heard, lost, regained)
    }

    /// The next request; there must be one.
    pub(super) fn next(&mut self) -> SipRequest {
        self.sent.pop_front().expect("nothing was sent").1
    }

    pub(super) fn answer(&mut self, msg: &SipRequest, status: u16, change: impl FnOnce(&mut Response<'_>)) {
        self.answer_on(SIP0, msg, status, change);
    }

    pub(super) fn answer_on(&mut self, link: UcLinkId, msg: &SipRequest, status: u16, change: impl FnOnce(&mut Response<'_>)) {
        let mut r = response(msg, status);
        change(&mut r);
        self.event(link, UcEvent::Response(&r));
    }

    /// 200 with everybody active and a document each, piggybacked.
    pub(super) fn grant(&mut self, msg: &SipRequest) {
        let users = users_in(msg);
        let body = list(&users.iter().map(|u| (*u, ResourceState::Active, Some(3500))).collect::<Vec<_>>());
        self.answer(msg, 200, |r| {
            r.piggyback_cseq = Some(msg.cseq);
            r.body = body;
        });
    }

    /// One user, one live dialog, facts taken: the usual start of a story. Returns the SUBSCRIBE.
    pub(super) fn subscribed(config: Config) -> (Self, SipRequest) {
        let mut it = Self::connected(config);
        let msg = it.next();
        it.grant(&msg);
        it.facts();
        (it, msg)
    }

    pub(super) fn notify(&mut self, msg: &SipRequest, cseq: u32, change: impl FnOnce(&mut Notify<'_>)) {
        let mut n = notification(msg, cseq);
        change(&mut n);
        self.event(SIP0, UcEvent::Notify(&n));
    }

    /// The first notification of a dialog about presence or calls, without a document, answered.
    pub(super) fn greet(&mut self, msg: &SipRequest) {
        let event = if header(msg, "Event") == ["dialog"] { "dialog" } else { "presence" };
        self.notify(msg, 1, |n| (n.event, n.state) = (event, SubState::Pending));
        self.answers.pop();
    }

    pub(super) fn covered(&self) -> Vec<usize> {
        self.side.coverage().into_iter().filter(|(_, n)| *n == 1).map(|(u, _)| u.index()).collect()
    }

    pub(super) fn alarms(&self) -> usize {
        self.notes.iter().filter(|n| n.level() == NoteLevel::Alarm).count()
    }
}

pub(super) fn response(msg: &SipRequest, status: u16) -> Response<'_> {
    Response {
        status,
        reason: "why",
        branch: &msg.branch,
        method: msg.method.as_str(),
        cseq: msg.cseq,
        call_id: &msg.call_id,
        from_tag: &msg.from_tag,
        to_tag: "server",
        expires_s: Some(28_800),
        contacts: vec!["sip:fe01.contoso.example:5061;transport=tls"],
        record_routes: vec!["sip:a.example;lr", "sip:b.example;lr;ms-route-sig=x"],
        ..Response::default()
    }
}

pub(super) fn notification(msg: &SipRequest, cseq: u32) -> Notify<'_> {
    Notify {
        best_effort: false,
        call_id: &msg.call_id,
        from_tag: "server",
        to_tag: &msg.from_tag,
        cseq,
        contact: None,
        record_routes: Vec::new(),
        event: "presence",
        state: SubState::Active,
        expires_s: None,
        retry_after_s: None,
        reason: TerminationReason::None,
        require_unsupported: None,
        body: Body::None,
    }
}

pub(super) fn doc(user: usize, availability: u32) -> CategoryDoc<'static> {
    let state = StateValue { availability: Some(availability), publish_time: PublishTime(1), ..StateValue::default() };
    CategoryDoc { uri: uri(user).into(), state: Found::Value(state), note: Found::Empty, calendar: Found::Absent, others: 0 }
}

/// A list with a state, and perhaps a document, for each user.
pub(super) fn list(of: &[(usize, ResourceState<'static>, Option<u32>)]) -> Body<'static> {
    Body::List(Box::new(ListDoc {
        full_state: true,
        resources: of.iter().map(|(u, state, _)| Resource { uri: uri(*u).into(), state: state.clone() }).collect(),
        docs: of.iter().filter_map(|(u, _, availability)| availability.map(|n| doc(*u, n))).collect(),
        ..ListDoc::default()
    }))
}

/// The users a SUBSCRIBE asks for.
pub(super) fn users_in(msg: &SipRequest) -> Vec<usize> {
    match &msg.body {
        SipBody::Batch { users, unsubscribe: false, .. } => users.iter().map(|u: &UserId| u.index()).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn header<'m>(msg: &'m SipRequest, name: &str) -> Vec<&'m str> {
    msg.headers.iter().filter(|(n, _)| *n == name).map(|(_, v)| &**v).collect()
}

pub(super) fn is(msg: &SipRequest, method: Method) -> bool {
    msg.method == method
}
