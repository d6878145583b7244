//! A Microsoft Front End pool as a connector meets it: registration, batched category subscriptions, notifications (`spec/ms-pres.md` 1, 3, 4, 5, 12).
//!
//! The servers of the pool share the users and their presence; registrations, dialogs and connections belong to one server and go with it. Connections are
//! trusted unless said otherwise: nothing is challenged. Users' own endpoints register, read their own data and publish (6); a script plays the clients of users
//! without one (`script.rs`), conversations included (`calls.rs`). Voice calls and provisioning data are absent.
mod aggregate;
mod calls;
mod dialog;
mod documents;
mod notify;
mod packages;
mod pidf;
mod publication;
#[cfg(test)]
mod publication_tests;
mod publish_body;
mod publishing;
mod register;
mod reply;
mod roaming;
mod script;
mod service;
mod settings;
mod subscribe;
#[cfg(test)]
mod tests;
mod users;

pub use calls::{Does, Habit};
pub use publication::{ExpireType, Key, OWN_CLIENT, Publication, Ranged, StateKind, StateValue, TIMED_USER_STATE, USER_STATE, Value};
pub use publishing::Published;
pub use script::Source;
pub use settings::{FrontEndConfig, FrontEndFaults, PublishWays, SecondDialog};
pub use users::{Activity, Home, Presence};

use super::sip::{SipIn, SipInbox, SipMsg, SipStart};
use super::{Peer, PeerOut, PeerRng, Violations};
use dialog::Dialog;
use register::Registration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uc_core::time::Mono;
use users::Users;

/// What arrived and what was sent, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrontEndCounts {
    /// REGISTER requests.
    pub registers: u64,
    /// SUBSCRIBE requests outside a dialog.
    pub subscribes: u64,
    /// SUBSCRIBE requests within a dialog.
    pub refreshes: u64,
    /// OPTIONS requests.
    pub options: u64,
    /// NOTIFY sent.
    pub notifies: u64,
    /// BENOTIFY sent.
    pub benotifies: u64,
    /// 2xx answers to NOTIFY.
    pub notifies_confirmed: u64,
    /// NOTIFY answered with anything else.
    pub notifies_refused: u64,
    /// NOTIFY never answered.
    pub notifies_timed_out: u64,
    /// Keep-alives (CR LF between messages).
    pub keep_alives: u64,
    /// SERVICE requests with publications.
    pub services: u64,
    /// Of them: applied.
    pub services_applied: u64,
    /// Of them: answered 409.
    pub services_conflicting: u64,
    /// Of them: refused with anything else.
    pub services_refused: u64,
    /// PUBLISH requests.
    pub publishes: u64,
    /// SUBSCRIBE requests to roaming-self outside a dialog.
    pub self_subscribes: u64,
}

#[derive(Clone, Debug)]
struct Node {
    up: bool,
    /// Until when requests get 503, and its Retry-After in seconds.
    unavailable: Option<u32>,
}

#[derive(Clone, Debug)]
struct Conn {
    node: u16,
    inbox: SipInbox,
    /// When it was made, or when bytes last arrived.
    heard: Mono,
    /// A valid message has arrived.
    spoken: bool,
    /// Requests of this connection wait for this moment at least, so that their order stays.
    answers_after: Mono,
    /// Requests waiting for their answer.
    outstanding: usize,
    /// Arrival of the requests of the last second.
    recent: VecDeque<Mono>,
    /// Last REGISTER seen, for registration events.
    registrations: BTreeSet<String>,
    /// A trusted application: acts for any user, and is judged. Else an ordinary client: acts for itself, and is served as it is.
    trusted: bool,
}

/// Something planned.
#[derive(Clone, Debug)]
enum Due {
    /// Look at a request.
    Request(u64, Box<SipMsg>),
    /// Send an outdated document of a user on a dialog.
    Stale(u32, usize, Box<Presence>),
    /// A client does something in a conversation.
    Call(String, calls::Step),
}

/// A kind of registration event (`spec/ms-pres.md` 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationEventKind {
    /// `deregistered;event=unregistered`
    Unregistered,
    /// `deregistered;event=rejected`
    Rejected,
    /// `deregistered;event=deactivated`
    Deactivated,
    /// `registered;event=userservices-unavailable`
    ServicesUnavailable,
    /// `registered;event=userservices-available`
    ServicesAvailable,
}

/// The pool.
#[derive(Clone, Debug)]
pub struct FrontEnd {
    /// What goes wrong; change it at any time.
    pub faults: FrontEndFaults,
    config: FrontEndConfig,
    rng: PeerRng,
    nodes: Vec<Node>,
    users: Users,
    conns: BTreeMap<u64, Conn>,
    dialogs: BTreeMap<u32, Dialog>,
    /// By Call-ID and our tag: clients have been seen that choose the same Call-ID and tag (RFC 3261 12).
    dialog_of: BTreeMap<(String, String), u32>,
    registrations: BTreeMap<String, Registration>,
    /// Endpoints that went with their server, with something published: until when they may come back.
    lost_endpoints: BTreeMap<String, Mono>,
    /// Entity tags of PUBLISH.
    etags: BTreeMap<String, pidf::Entity>,
    /// Publications that end by themselves: when, whose.
    expiries: BTreeSet<(Mono, usize)>,
    /// What was published by request, oldest first.
    published: VecDeque<Published>,
    publication_order: u64,
    due: BTreeMap<(Mono, u64), Due>,
    calls: calls::Calls,
    serial: u64,
    out: VecDeque<PeerOut>,
    violations: Violations,
    counts: FrontEndCounts,
}

impl FrontEnd {
    /// A pool without users.
    #[must_use]
    pub fn new(config: FrontEndConfig) -> Self {
        Self {
            faults: FrontEndFaults::default(),
            rng: PeerRng::new(config.seed),
            nodes: (0..config.nodes).map(|_| Node { up: true, unavailable: None }).collect(),
            users: Users::default(),
            conns: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            dialog_of: BTreeMap::new(),
            registrations: BTreeMap::new(),
            lost_endpoints: BTreeMap::new(),
            etags: BTreeMap::new(),
            expiries: BTreeSet::new(),
            published: VecDeque::new(),
            publication_order: 0,
            due: BTreeMap::new(),
            calls: calls::Calls::default(),
            serial: 0,
            out: VecDeque::new(),
            violations: Violations::default(),
            counts: FrontEndCounts::default(),
            config,
        }
    }

    /// Makes a user known, with nothing published. Others end as `terminated;reason=noresource`.
    pub fn add_user(&mut self, uri: &str) {
        self.users.find_or_add(uri);
    }

    /// What colleagues of a user see; `None`: no such user.
    #[must_use]
    pub fn presence(&self, uri: &str) -> Option<&Presence> {
        self.users.find(uri).map(|u| &self.users.at(u).presence)
    }

    /// All users and what their colleagues see.
    pub fn presences(&self) -> impl Iterator<Item = (&str, &Presence)> {
        self.users.iter().map(|u| (u.uri.as_str(), &u.presence))
    }

    /// How many live dialogs cover a user; dialogs whose connection broke count only when `orphans` is set.
    #[must_use]
    pub fn subscriptions_of(&self, uri: &str, orphans: bool) -> usize {
        let watched_by = self.users.find(uri).map(|u| &self.users.at(u).watched_by);
        watched_by.map_or(0, |dialogs| dialogs.iter().filter(|d| orphans || self.dialogs.get(d).is_some_and(|d| d.conn.is_some())).count())
    }

    /// Dialogs the pool still keeps.
    #[must_use]
    pub fn dialog_count(&self) -> usize {
        self.dialogs.len()
    }

    /// Endpoints registered.
    #[must_use]
    pub fn registration_count(&self) -> usize {
        self.registrations.len()
    }

    /// NOTIFY requests waiting for their answer.
    #[must_use]
    pub fn notifies_in_flight(&self) -> usize {
        self.dialogs.values().map(|d| d.awaiting.len()).sum()
    }

    /// Counters.
    #[must_use]
    pub const fn counts(&self) -> FrontEndCounts {
        self.counts
    }

    /// Whether a connection belongs to a trusted application, or to an ordinary client (`FrontEndConfig::trusted` says what it is at first).
    pub fn set_trusted(&mut self, conn: u64, trusted: bool) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.trusted = trusted;
        }
    }

    /// What the pool is; limits may be changed while it runs.
    pub const fn config_mut(&mut self) -> &mut FrontEndConfig {
        &mut self.config
    }

    /// Server `node` dies: connections closed, dialogs and registrations lost, no new connections.
    pub fn kill(&mut self, node: u16) {
        self.lose_dialogs(node);
        let gone: Vec<String> = self.registrations.iter().filter(|(_, r)| r.node == node).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.lose_endpoint(key, None));
        let conns: Vec<u64> = self.conns.iter().filter(|(_, c)| c.node == node).map(|(id, _)| *id).collect();
        for conn in conns {
            self.close(conn);
        }
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            node.up = false;
        }
    }

    /// Server `node` accepts connections again.
    pub fn revive(&mut self, node: u16) {
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            *node = Node { up: true, unavailable: None };
        }
    }

    /// Requests to server `node` get 503 with that Retry-After (seconds); `None`: no longer.
    pub fn set_unavailable(&mut self, node: u16, retry_after_s: Option<u32>) {
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            node.unavailable = retry_after_s;
        }
    }

    /// Server `node` forgets its dialogs without a word; what comes in them gets 481.
    pub fn lose_dialogs(&mut self, node: u16) {
        let lost: Vec<u32> = self.dialogs.iter().filter(|(_, d)| d.node == node).map(|(id, _)| *id).collect();
        for id in lost {
            self.drop_dialog(id);
        }
    }

    fn violate(&mut self, now: Mono, text: &str) {
        self.violations.note(now, text);
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Host name of server `node`.
    fn host(&self, node: u16) -> String {
        format!("fe{:02}.{}", node + 1, self.config.domain)
    }

    fn send(&mut self, conn: u64, mut bytes: Vec<u8>) {
        if self.conns.contains_key(&conn) {
            if self.rng.chance(self.faults.crlf_pm) {
                bytes.splice(0..0, *b"\r\n");
            }
            self.out.push_back(PeerOut::Send { conn, bytes });
        }
    }

    fn close(&mut self, conn: u64) {
        if self.conns.remove(&conn).is_some() {
            self.orphan_dialogs(conn);
            self.drop_calls(conn);
            self.out.push_back(PeerOut::Close { conn });
        }
    }

    fn on_request(&mut self, now: Mono, conn: u64, msg: SipMsg) {
        if matches!(&msg.start, SipStart::Request { method, .. } if method == "ACK") {
            // No request that is answered, and part of what was asked before.
            self.on_call_request(now, conn, "ACK", &msg);
            return;
        }
        let limit = self.config.requests_per_s_max;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.recent.push_back(now);
        while c.recent.front().is_some_and(|t| now.since(*t) >= 1000) {
            c.recent.pop_front();
        }
        c.outstanding += 1;
        let (rate, outstanding) = (c.recent.len(), c.outstanding);
        let at = (now + self.rng.within(self.faults.answer_delay_ms)).max(c.answers_after);
        c.answers_after = at;
        if limit.is_some_and(|max| rate > max as usize) {
            self.violate(now, &format!("connection {conn}: {rate} requests within one second"));
        }
        if self.config.outstanding_max.is_some_and(|max| outstanding > max) {
            self.violate(now, &format!("connection {conn}: {outstanding} requests outstanding"));
            self.reply(conn, &msg, 503, "Service Unavailable", &[("Retry-After", "5")], None);
        } else if at == now {
            self.answer(now, conn, &msg);
        } else {
            let serial = self.next_serial();
            self.due.insert((at, serial), Due::Request(conn, Box::new(msg)));
            return;
        }
        if let Some(c) = self.conns.get_mut(&conn) {
            c.outstanding -= 1;
        }
    }

    fn close_idle(&mut self, now: Mono) {
        let (silent, idle) = (self.config.silent_close_ms, self.config.idle_close_ms);
        let old = |c: &Conn| now.since(c.heard) >= if c.spoken { idle } else { silent };
        let idle: Vec<u64> = self.conns.iter().filter(|(_, c)| old(c)).map(|(id, _)| *id).collect();
        for conn in idle {
            self.close(conn);
        }
    }
}

impl Peer for FrontEnd {
    fn accept(&mut self, now: Mono, node: u16, conn: u64) {
        let fresh = Conn {
            node,
            inbox: SipInbox::default(),
            heard: now,
            spoken: false,
            answers_after: now,
            outstanding: 0,
            recent: VecDeque::new(),
            registrations: BTreeSet::new(),
            trusted: self.config.trusted,
        };
        self.conns.insert(conn, fresh);
        if !self.is_listening(node) {
            self.close(conn);
        }
    }

    fn receive(&mut self, now: Mono, conn: u64, bytes: &[u8]) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.heard = now;
        c.inbox.push(bytes);
        while let Some(item) = self.conns.get_mut(&conn).and_then(|c| c.inbox.next()) {
            match item {
                Ok(SipIn::KeepAlive) => self.counts.keep_alives += 1,
                Ok(SipIn::Message(msg)) => {
                    if let Some(c) = self.conns.get_mut(&conn) {
                        c.spoken = true;
                    }
                    match msg.start {
                        SipStart::Request { .. } => self.on_request(now, conn, msg),
                        SipStart::Response { code } => self.on_response(now, conn, code, &msg),
                    }
                }
                Err(fault) => {
                    self.violate(now, &format!("connection {conn}: framing lost: {fault}"));
                    self.close(conn);
                }
            }
        }
    }

    fn disconnected(&mut self, now: Mono, conn: u64) {
        if self.conns.remove(&conn).is_some() {
            self.orphan_dialogs(conn);
            self.drop_calls(conn);
            if self.config.close_ends_registrations {
                self.end_endpoints_of(now, conn);
            }
        }
    }

    fn wake(&mut self, now: Mono) {
        while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= now) {
            match entry.remove() {
                Due::Request(conn, msg) => {
                    self.answer(now, conn, &msg);
                    if let Some(c) = self.conns.get_mut(&conn) {
                        c.outstanding -= 1;
                    }
                }
                Due::Stale(dialog, user, presence) => self.send_old(now, dialog, user, &presence),
                Due::Call(id, step) => self.on_call_step(now, &id, step),
            }
        }
        self.wake_dialogs(now);
        self.wake_endpoints(now);
        self.wake_publications(now);
        self.close_idle(now);
    }

    fn next_deadline(&self) -> Option<Mono> {
        let (silent, idle) = (self.config.silent_close_ms, self.config.idle_close_ms);
        let due = self.due.keys().next().map(|(at, _)| *at);
        let dialogs = self.dialogs.values().filter_map(|d| d.deadline(self.config.notify_timeout_ms)).min();
        let registrations = self.registrations.values().map(|r| r.expires_at).min();
        let conns = self.conns.values().map(|c| c.heard + if c.spoken { idle } else { silent }).min();
        let publications = self.expiries.first().map(|(at, _)| *at);
        let lost = self.lost_endpoints.values().min().copied();
        let etags = self.etags.values().map(|e| e.expires_at).min();
        [due, dialogs, registrations, conns, publications, lost, etags].into_iter().flatten().min()
    }

    fn poll(&mut self) -> Option<PeerOut> {
        self.out.pop_front()
    }

    fn is_listening(&self, node: u16) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|n| n.up)
    }

    fn violations(&self) -> &[String] {
        &self.violations.0
    }
}
