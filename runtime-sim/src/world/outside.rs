//! What happens from outside: steps carried out on peers, network and people, and told to the model.
use super::World;
use crate::company;
use crate::net::{Listen, Node};
use crate::peers::front_end::{Activity, RegistrationEventKind};
use crate::peers::tserver::{AgentState, OtherChange};
use crate::sabotage::Sabotage;
use crate::steps::{Fate, Hand, RegistrarSays, Server, Setting, Step};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use uc_core::Input;

/// Length of after-call work, milliseconds.
const AFTER_CALL_MS: u64 = 10_000;

impl World {
    /// Carries out one step now.
    pub fn take_step(&mut self, step: &Step) {
        self.trace.tell(self.now, |out| write!(out, "== {step}"));
        // Of presence and agents nothing changes by what is about previews.
        if !matches!(step, Step::Preview(_)) {
            self.check(|checker, scene| checker.on_step(scene, step));
        }
        self.books.troubled |= matches!(step, Step::LoseDialogs(_) | Step::Overload(_) | Step::Registrar(_) | Step::Add(_) | Step::Remove(_));
        match step {
            Step::Presence { worker, availability, token, note } => self.publish(*worker, *availability, token, note.as_deref()),
            Step::Server(server, fate) => self.on_fate(*server, *fate),
            Step::Reset(server) => self.reset(*server),
            // Nobody tells the connector: it finds out when it refreshes, which must happen within the run.
            Step::LoseDialogs(node) if self.options.expires_s <= company::EXPIRES_SHORT_S => self.front_end.lose_dialogs(*node),
            Step::LoseDialogs(_) => {}
            Step::Overload(ms) => self.overload(*ms),
            Step::Registrar(says) => self.registrar(*says),
            Step::Foreign(worker, hand) => self.foreign(*worker, *hand),
            Step::CtiLink(up) => self.t_server.set_link(*up),
            Step::Switchover => self.t_server.switch_over(self.now),
            Step::Errors { worker, code, count } => {
                self.model.excuse(*worker);
                let codes = vec![i32::from(*code); usize::from(*count)];
                self.t_server.faults.next_errors.insert(company::dn_of(*worker), codes);
            }
            Step::Slow(ms) => self.t_server.faults.answer_delay_ms = (u64::from(*ms), u64::from(*ms)),
            Step::Add(worker) => self.add(*worker),
            Step::Remove(worker) => self.remove(*worker),
            Step::Call { worker, talk_ms, business } => self.call(*worker, *talk_ms, *business),
            Step::Client(worker, own, number) => self.client(*worker, *own, *number),
            Step::Exchange => self.exchange(),
            Step::Change(setting) => self.change(*setting),
            Step::Calm => self.calm(),
            Step::Preview(step) => self.preview(step),
        }
        self.drain_peers();
    }

    fn publish(&mut self, worker: u16, availability: u32, token: &str, note: Option<&str>) {
        self.model.presence(worker, availability, token, note, self.heard(worker));
        self.publish_own(worker, availability, token, note);
        if self.options.both.way.publishes() {
            // What was put back for the worker is theirs, whoever wrote it last.
            self.front_end.publish_state(self.now, &company::uri_of(worker), crate::peers::front_end::Source::TimedUser, None);
        }
        self.front_end.set_presence(self.now, &company::uri_of(worker), availability, Activity::token(token), note);
    }

    fn foreign(&mut self, worker: u16, hand: Hand) {
        let dn = company::dn_of(worker);
        let before = self.t_server.agent(&dn).map(|a| a.state).unwrap_or_default();
        // Who is logged out cannot be set, and after-call work follows a call: nobody in it was only logged in.
        if (before == AgentState::LoggedOut) != (hand == Hand::Login) || (hand == Hand::AfterCall && before == AgentState::LoggedIn) {
            return;
        }
        self.books.last_hand = self.now;
        self.model.foreign(worker, hand);
        match hand {
            Hand::Ready => self.t_server.other_client_sets(self.now, &dn, OtherChange::Ready(None)),
            Hand::NotReady => self.t_server.other_client_sets(self.now, &dn, OtherChange::NotReady(None, Vec::new())),
            Hand::Logout => self.t_server.other_client_sets(self.now, &dn, OtherChange::Logout),
            Hand::Login => self.t_server.other_client_sets(self.now, &dn, OtherChange::Login(company::login_of(worker))),
            Hand::AfterCall => {
                // The state comes back by the server's hand.
                self.model.foreign(worker, if before == AgentState::Ready { Hand::Ready } else { Hand::NotReady });
                self.t_server.begin_after_call_work(self.now, &dn, AFTER_CALL_MS);
            }
        }
    }

    const fn node(&self, server: Server) -> Node {
        match server {
            Server::FrontEnd(n) => Node(n),
            Server::TServer(n) => Node(self.options.front_ends + n),
        }
    }

    /// Steps of a shrunk run may name servers it no longer has.
    fn exists(&self, server: Server) -> bool {
        match server {
            Server::FrontEnd(n) => n < self.options.front_ends,
            Server::TServer(n) => n < company::t_servers(&self.options),
        }
    }

    pub(super) fn on_fate(&mut self, server: Server, fate: Fate) {
        if !self.exists(server) {
            return;
        }
        let node = self.node(server);
        self.books.disturbed = true;
        match fate {
            Fate::Kill | Fate::Silent => {
                self.net.kill_node(self.now, node, fate == Fate::Silent);
                match server {
                    Server::FrontEnd(n) => self.front_end.kill(n),
                    Server::TServer(n) => self.t_server.kill(self.now, n),
                }
            }
            Fate::Revive => {
                self.net.listen(self.now, node, Listen::Open);
                match server {
                    Server::FrontEnd(n) => self.front_end.revive(n),
                    Server::TServer(n) => self.t_server.revive(self.now, n),
                }
            }
            Fate::Partition | Fate::Heal => self.net.partition(self.now, node, fate == Fate::Partition),
            Fate::Stall | Fate::Resume => self.net.stall(self.now, node, fate == Fate::Stall),
            // A dead server has no backlog.
            Fate::Backlog if self.net.is_open(node) => self.net.listen(self.now, node, Listen::Backlog),
            Fate::Accept if self.net.is_backlog(node) => self.net.listen(self.now, node, Listen::Open),
            Fate::Backlog | Fate::Accept => {}
        }
    }

    fn reset(&mut self, server: Server) {
        self.books.disturbed = true;
        let node = self.node(server);
        let oldest = self.net.open_conns().find(|(_, at, _)| *at == node).map(|(id, _, _)| id);
        if let Some(conn) = oldest {
            self.net.reset(self.now, conn);
        }
    }

    fn overload(&mut self, ms: u32) {
        for node in 0..self.options.front_ends {
            self.front_end.set_unavailable(node, Some((ms / 1_000).max(1)));
        }
        self.later(u64::from(ms), super::Later::Relieved);
    }

    pub(super) fn relieve(&mut self) {
        for node in 0..self.options.front_ends {
            self.front_end.set_unavailable(node, None);
        }
    }

    fn registrar(&mut self, says: RegistrarSays) {
        let kind = match says {
            RegistrarSays::Unregistered => RegistrationEventKind::Unregistered,
            RegistrarSays::Deactivated => RegistrationEventKind::Deactivated,
            RegistrarSays::Unavailable => RegistrationEventKind::ServicesUnavailable,
            RegistrarSays::Available => RegistrationEventKind::ServicesAvailable,
        };
        self.front_end.registration_event(None, kind);
    }

    fn add(&mut self, worker: u16) {
        if !self.people.contains(&worker) {
            self.people.push(worker);
            self.hire(worker);
            self.reconfigure();
        }
    }

    fn remove(&mut self, worker: u16) {
        if let Some(at) = self.people.iter().position(|p| *p == worker) {
            self.people.remove(at);
            self.reconfigure();
        }
    }

    /// Who is monitored leaves, who is not comes: of every second person.
    pub(super) fn exchange(&mut self) {
        for worker in (0..self.options.workers).step_by(2) {
            match self.people.iter().position(|p| *p == worker) {
                Some(at) => {
                    self.people.remove(at);
                }
                None => self.people.push(worker),
            }
        }
        self.reconfigure();
    }

    fn change(&mut self, setting: Setting) {
        let it = &mut self.options;
        match setting {
            Setting::Pace => it.lync_pace = !it.lync_pace,
            Setting::Watchers => it.watchers = if it.watchers == 1 { 2 } else { 1 },
            Setting::Shared => it.shared_connection = !it.shared_connection,
            Setting::Port => it.other_port = !it.other_port,
        }
        self.reconfigure();
    }

    fn reconfigure(&mut self) {
        let config = company::config(&self.options, &self.people);
        self.feed(Input::Reconfigure(config), None);
        self.watch();
        self.close_pages();
    }

    /// Everything is mended.
    pub(super) fn calm(&mut self) {
        self.books.calm_since = Some(self.now);
        for at in 0..self.options.front_ends {
            self.mend(Server::FrontEnd(at));
        }
        self.heal_t_servers();
        if self.sabotage == Sabotage::MendedLate {
            for at in 0..company::t_servers(&self.options) {
                self.on_fate(Server::TServer(at), Fate::Kill);
            }
            let bound = crate::checkers::recovery::bound_ms(self.core.directory().config());
            self.later(bound + 1_000, super::Later::Mended);
        }
        if self.sabotage == Sabotage::Vandal {
            let uri = company::uri_of(0);
            self.front_end.publish_state(self.now, &uri, crate::peers::front_end::Source::TimedUser, Some((12_500, Activity::None)));
        }
        self.net.reset_half_open(self.now);
        self.relieve();
        self.front_end.faults = Default::default();
        self.t_server.faults = Default::default();
        self.t_server.set_link(true);
        self.registrar(RegistrarSays::Available);
        *self.net.options_mut() = crate::net::NetOptions { bytes_per_ms: 0, ..self.net.options_mut().clone() };
    }

    pub(super) fn heal_t_servers(&mut self) {
        for at in 0..company::t_servers(&self.options) {
            self.mend(Server::TServer(at));
        }
    }

    fn mend(&mut self, server: Server) {
        if !self.net.is_open(self.node(server)) {
            self.on_fate(server, Fate::Revive);
        }
        self.on_fate(server, Fate::Heal);
        self.on_fate(server, Fate::Resume);
    }
}

/// The connector's own address, for Via and Contact.
pub(super) const fn local_address(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)), port)
}
