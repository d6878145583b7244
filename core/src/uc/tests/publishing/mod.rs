//! Stories about publishing, with a server by hand: it answers one request at a time, keeps a table of instances, and can be told to misbehave.
mod conflicts;
mod direct;
mod endings;
mod life;
mod overrides;
mod pidf;
mod refusals;

use super::harness::*;
use crate::config::{Config, PublishWay, PublishedState, StateRow};
use crate::fact::Fact;
use crate::id::UserId;
use crate::presence::Activity;
use crate::uc_event::{
    Body, FaultDoc, FaultOperation, Lifetime, Method, NoteText, OwnCategory, OwnValue, Publication, PublicationKey as Key, PublicationValue, PublishTime,
    RoamingSelf, SipBody, SipRequest, SubState, UcEvent, UserActivity, UserState,
};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const ALICE: UserId = UserId(0);

/// Row 0 has a text and a note, 1 a text, 2 neither.
fn publishing(users: usize, way: PublishWay) -> Config {
    let mut c = config(users);
    let row =
        |availability, text: &str, note: Option<&str>| PublishedState { availability, token: Box::default(), text: text.into(), note: note.map(Into::into) };
    c.publish.states = vec![row(6500, "After Call Work", Some("Wrapping up")), row(9500, "Legal Guard", None), row(6500, "", None)];
    c.publish.way = way;
    c.publish.requests_per_s = 0;
    c.publish.outstanding_max = 0;
    c.uc.categories = vec!["state".into()];
    c
}

const KEEP: PublishWay = PublishWay::Endpoint { keep: true };
const LEAVE: PublishWay = PublishWay::Endpoint { keep: false };

/// An instance on the server.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    version: u32,
    /// When it was published.
    at: u64,
    lifetime: Lifetime,
    expires_s: Option<u32>,
    value: OwnValue<'static>,
}

/// The server's side of one worker.
struct Server {
    w: World,
    table: BTreeMap<Key, Stored>,
    registered: bool,
    /// The SUBSCRIBE that made the self subscription.
    sub: Option<SipRequest>,
    cseq: u32,
    /// What is published now is published then.
    time: u64,
    /// The 200 to a SERVICE carries the new table.
    telling: bool,
    /// What was asked, in order.
    asked: Vec<&'static str>,
    last: Option<SipRequest>,
    /// The SUBSCRIBE of the watchers.
    watch: Option<SipRequest>,
}

impl Server {
    fn new(config: Config) -> Self {
        let mut w = World::connected(config);
        // The presence subscriptions of the watchers are not what these stories are about.
        let (mut waiting, mut watch) = (0, None);
        while w.sent.len() > waiting {
            let msg = w.next();
            waiting = 0;
            match msg.method {
                Method::Subscribe => {
                    w.grant(&msg);
                    watch.get_or_insert(msg);
                }
                _ => w.answer(&msg, 200, |_| {}),
            }
        }
        w.facts();
        Self { w, table: BTreeMap::new(), registered: false, sub: None, cseq: 1, time: 1, telling: true, asked: Vec::new(), last: None, watch }
    }

    fn command(&mut self, row: Option<StateRow>) {
        self.w.publish(ALICE, row);
    }

    /// Answers what is asked, until nothing is; returns the facts.
    fn serve(&mut self) -> Vec<String> {
        let mut rounds = 0;
        while !self.w.sent.is_empty() {
            self.serve_one();
            rounds += 1;
            assert!(rounds < 1000, "no end: {:?}", self.asked);
        }
        self.said()
    }

    /// Time passes, the server answers. Returns the facts.
    fn pass(&mut self, ms: u64) -> Vec<String> {
        let end = self.w.now + ms;
        let mut said = Vec::new();
        while self.w.now < end {
            let step = end.since(self.w.now).min(10_000);
            self.w.run(step);
            self.w.event(SIP0, UcEvent::KeepAlive);
            said.extend(self.serve());
        }
        said
    }

    fn said(&mut self) -> Vec<String> {
        let fact = |fact| match fact {
            Fact::Published { user, row } => Some(format!("published {} {row:?}", user.0)),
            Fact::PublishFailed { user } => Some(format!("failed {}", user.0)),
            Fact::UserAction { user, state } => Some(format!("action {} {state:?}", user.0)),
            _ => None,
        };
        self.w.facts().into_iter().filter_map(fact).collect()
    }

    /// What was asked since the last time.
    fn asked(&mut self) -> String {
        core::mem::take(&mut self.asked).join(" ")
    }

    fn serve_one(&mut self) {
        let msg = self.w.next();
        self.note(&msg);
        self.answer(&msg);
    }

    /// Takes the next request without answering it.
    fn take(&mut self) -> SipRequest {
        let msg = self.w.next();
        self.note(&msg);
        msg
    }

    fn note(&mut self, msg: &SipRequest) {
        let ends = header(msg, "Expires") == ["0"];
        self.asked.push(match (msg.method, ends) {
            (Method::Register, false) => "register",
            (Method::Register, true) => "leave",
            (Method::Subscribe, false) => "subscribe",
            (Method::Subscribe, true) => "unsubscribe",
            (Method::Service, _) => "service",
            _ => "other",
        });
        self.last = Some(msg.clone());
    }

    fn answer(&mut self, msg: &SipRequest) {
        match msg.method {
            Method::Register => {
                self.registered = header(msg, "Expires") != ["0"];
                let contact = msg.contact.clone().unwrap();
                let instance = contact.split("urn:uuid:").nth(1).unwrap().split('>').next().unwrap();
                let instance: String = format!("<urn:uuid:{}>", str::to_lowercase(instance));
                let mut r = response(msg, 200);
                r.expires_s = Some(600);
                r.gruus = vec![("<urn:uuid:0>", "sip:nobody"), (&instance, "sip:user0@contoso.example;opaque=user:epid:x;gruu")];
                self.w.event(SIP0, UcEvent::Response(&r));
            }
            Method::Subscribe if matches!(msg.body, SipBody::RoamingList) => {
                let body = self.document(&Key::ALL);
                self.sub = Some(msg.clone());
                self.cseq += 1;
                let cseq = self.cseq;
                self.w.answer(msg, 200, |r| {
                    r.piggyback_cseq = Some(cseq);
                    r.body = body;
                });
            }
            Method::Subscribe if header(msg, "Event") != ["presence"] => {
                self.sub = None;
                self.w.answer(msg, 200, |r| r.expires_s = Some(0));
            }
            Method::Service => self.service(msg),
            _ => self.w.answer(msg, 200, |_| {}),
        }
    }

    fn service(&mut self, msg: &SipRequest) {
        let SipBody::Publish(publications) = &msg.body else { panic!("{msg:?}") };
        let current = |p: &Publication| self.table.get(&p.key).map_or(0, |it| it.version);
        let wrong = |(at, p): (usize, &Publication)| {
            (current(p) != p.version).then(|| FaultOperation { index: at as u32 + 1, version: p.version, current: current(p) })
        };
        let operations: Vec<FaultOperation> = publications.iter().enumerate().filter_map(wrong).collect();
        if !operations.is_empty() {
            let fault = FaultDoc { code: "Client.BadCall.WrongDelta".into(), operations, unreadable: 0 };
            return self.w.answer(msg, 409, |r| r.body = Body::Refusal(Box::new(fault)));
        }
        self.store(msg);
        let keys: Vec<Key> = publications.iter().map(|p| p.key).collect();
        let body = if self.telling { self.document(&keys) } else { Body::None };
        self.w.answer(msg, 200, |r| r.body = body);
    }

    /// Does what a SERVICE asks for, and says nothing.
    fn store(&mut self, msg: &SipRequest) {
        let SipBody::Publish(publications) = &msg.body else { panic!("{msg:?}") };
        let states = self.w.directory.config().publish.states.clone();
        for p in publications {
            match value_of(p, &states) {
                OwnValue::Empty => drop(self.table.remove(&p.key)),
                value => drop(self.table.insert(p.key, Stored { version: p.version + 1, at: self.time, lifetime: p.lifetime, expires_s: p.expires_s, value })),
            }
        }
    }

    fn document(&self, keys: &[Key]) -> Body<'static> {
        let stands = keys.iter().filter_map(|key| Some(category(*key, self.table.get(key)?)));
        Body::RoamingSelf(Box::new(RoamingSelf { uri: Some("sip:user0@contoso.example".into()), categories: stands.collect(), containers: vec![(200, 1)] }))
    }

    /// A client of the worker's publishes (or deletes) an instance.
    fn client(&mut self, key: Key, value: Option<OwnValue<'static>>) {
        let version = self.table.get(&key).map_or(0, |it| it.version) + 1;
        let lifetime = if matches!(key, Key::Timed2 | Key::Timed3) { Lifetime::Time } else { Lifetime::Static };
        let expires_s = (lifetime == Lifetime::Time).then_some(86_400);
        match value {
            Some(value) => drop(self.table.insert(key, Stored { version, at: self.time, lifetime, expires_s, value })),
            None => drop(self.table.remove(&key)),
        }
    }

    /// The same in both containers, and the endpoint is told.
    fn acts(&mut self, keys: [Key; 2], value: Option<OwnValue<'static>>) {
        for key in keys {
            self.client(key, value.clone());
        }
        self.tell(&keys);
    }

    /// Notifies the endpoint of instances; those that are gone come empty.
    fn tell(&mut self, keys: &[Key]) {
        let Some(sub) = self.sub.clone() else { return };
        let gone = Stored { version: 0, at: 0, lifetime: Lifetime::Static, expires_s: None, value: OwnValue::Empty };
        let categories = keys.iter().map(|key| category(*key, self.table.get(key).unwrap_or(&gone))).collect();
        self.tell_rows(&sub, categories);
    }

    /// Notifies the endpoint that of its states the server's own is left, as a server does that tells whole categories.
    fn tell_aggregate(&mut self) {
        let Some(sub) = self.sub.clone() else { return };
        let (lifetime, publish_time) = (Lifetime::User, PublishTime(self.time));
        let row = OwnCategory { name: "state".into(), instance: 1, container: 2, version: 1, lifetime, expires_s: None, publish_time, value: OwnValue::Other };
        self.tell_rows(&sub, vec![row]);
    }

    fn tell_rows(&mut self, sub: &SipRequest, categories: Vec<OwnCategory<'static>>) {
        let own = RoamingSelf { uri: Some("sip:user0@contoso.example".into()), categories, containers: Vec::new() };
        self.cseq += 1;
        let cseq = self.cseq;
        self.w.notify(sub, cseq, |n| {
            n.event = "vnd-microsoft-roaming-self";
            n.body = Body::RoamingSelf(Box::new(own));
        });
    }

    /// Watchers are told of the worker; the worker's own endpoint is not.
    fn show(&mut self, cseq: u32, availability: u32) {
        let watch = self.watch.clone().unwrap();
        self.w.notify(&watch, cseq, |n| n.body = Body::Categories(doc(0, availability)));
    }

    /// A worker whose row stands, facts and requests forgotten.
    fn standing(config: Config, row: StateRow) -> Self {
        let mut s = Self::new(config);
        s.command(Some(row));
        assert_eq!(s.serve().last().map(String::as_str), Some(&*format!("published 0 Some({row})")));
        s.asked();
        s
    }

    /// Version and availability, or note, of what stands.
    fn shows(&self, key: Key) -> Option<(u32, String)> {
        self.table.get(&key).map(|it| {
            let text = match &it.value {
                OwnValue::UserState(state) => format!("{} {}", state.availability.unwrap_or(0), text(state)),
                OwnValue::Note(note) => note.text.clone().into_owned(),
                other => format!("{other:?}"),
            };
            (it.version, text.trim().into())
        })
    }
}

fn text(state: &UserState<'_>) -> String {
    let first = state.activities.first();
    let token = first.and_then(|a| a.token.clone()).unwrap_or_default();
    let custom = first.and_then(|a| a.customs.first()).map(|(_, text)| text.clone()).unwrap_or_default();
    format!("{token}{custom}")
}

fn category(key: Key, it: &Stored) -> OwnCategory<'static> {
    let (name, instance, container) = key.parts();
    OwnCategory {
        name: name.into(),
        instance,
        container,
        version: it.version,
        lifetime: it.lifetime,
        expires_s: it.expires_s,
        publish_time: PublishTime(it.at),
        value: it.value.clone(),
    }
}

fn state(availability: u32, text: &'static str) -> OwnValue<'static> {
    let activity = UserActivity { customs: vec![(1033, text.into())], ..UserActivity::default() };
    let activities = if text.is_empty() { Vec::new() } else { vec![activity] };
    OwnValue::UserState(Box::new(UserState { availability: Some(availability), manual: Some(true), activities }))
}

fn note(text: &'static str) -> OwnValue<'static> {
    OwnValue::Note(NoteText { text: text.into(), kind: "personal".into() })
}

/// What a publication puts on the server, as the real encoder and decoder would have it.
fn value_of(p: &Publication, states: &[PublishedState]) -> OwnValue<'static> {
    match &p.value {
        PublicationValue::Delete => OwnValue::Empty,
        PublicationValue::State(state) => OwnValue::UserState(state.clone()),
        PublicationValue::Note(note) => OwnValue::Note((**note).clone()),
        PublicationValue::Row(row) => {
            let row = &states[usize::from(*row)];
            if !p.key.is_state() {
                return OwnValue::Note(NoteText { text: String::from(row.note.as_deref().unwrap_or("")).into(), kind: "personal".into() });
            }
            let (availability, token, text) = crate::codec::xml::shown(row, p.key.is_workgroup());
            let token = (!token.is_empty()).then(|| String::from(token).into());
            let customs = if text.is_empty() { Vec::new() } else { vec![(1033, String::from(text).into())] };
            let activity = UserActivity { token, min: None, max: None, customs };
            let activities = if activity == UserActivity::default() { Vec::new() } else { vec![activity] };
            OwnValue::UserState(Box::new(UserState { availability: Some(availability), manual: Some(true), activities }))
        }
    }
}

const TIMED: [Key; 2] = [Key::Timed2, Key::Timed3];
const STATIC: [Key; 2] = [Key::Static2, Key::Static3];

fn stated(availability: u32, activity: Activity) -> String {
    format!("action 0 {:?}", Some((availability, activity)))
}

fn ends(_: &SipRequest) -> SubState {
    SubState::Terminated
}
