//! Life of a connection: Down, Resolving, Connecting, Registering, Up, Draining (`spec/ms-pres.md` 1.1, 1.8, 1.11).
//!
//! Addresses are tried in random order, those that failed lately last; then the next configured name; then a pause. A connection that was lost after it had
//! worked is made anew at once.
use super::request::NOWHERE;
use super::simple::{Resends, Session};
use super::transact::Txn;
use super::watcher::Phase;
use super::{UcSide, UcTimer, key};
use crate::action::Action;
use crate::config::{NoteLevel, UcEndpoint};
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId, WatcherId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::CloseCause;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// State of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum State {
    /// Waiting to try again.
    #[default]
    Down,
    /// Waiting for addresses.
    Resolving,
    /// Waiting for TCP and TLS.
    Connecting(SocketAddr),
    /// Connected; no watcher is registered yet.
    Registering(Peer),
    /// Working.
    Up(Peer),
    /// Ending dialogs and registrations.
    Draining(Peer),
    /// For good.
    Closed,
}

/// The far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    pub(super) since: Mono,
}

impl State {
    /// The far end, while there is one.
    pub(super) const fn peer(self) -> Option<Peer> {
        match self {
            Self::Registering(peer) | Self::Up(peer) | Self::Draining(peer) => Some(peer),
            Self::Down | Self::Resolving | Self::Connecting(_) | Self::Closed => None,
        }
    }
}

/// A connection.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Link {
    pub(super) state: State,
    /// Who uses it: from, and one past the last.
    pub(super) watchers: (u16, u16),
    pub(super) endpoint: u16,
    /// Where a server sent us; forgotten when that fails.
    pub(super) redirect: Option<Box<UcEndpoint>>,
    /// Redirects followed in a row.
    pub(super) redirects: u8,
    /// Addresses still to be tried, next one last.
    pub(super) candidates: Vec<SocketAddr>,
    /// Addresses that failed, until when they are tried last.
    pub(super) avoid: Vec<(SocketAddr, Mono)>,
    /// Rounds over all endpoints that failed, and connections that were lost young: each asks for a longer pause, or a longer life.
    pub(super) rounds: u32,
    /// It was lost: subscriptions are spread when it works again.
    pub(super) lost: bool,
    pub(super) local: SocketAddr,
    pub(super) last_rx: Mono,
    pub(super) last_tx: Mono,
    pub(super) keepalive_ms: u64,
    /// The pace allows the next request from here on.
    pub(super) next_send: Mono,
    /// Watcher that is served first in the next round.
    pub(super) turn: u16,
    pub(super) txns: BTreeMap<u32, Txn>,
    pub(super) next_txn: u32,
    /// Publishers with something to send, in order.
    pub(super) speakers: VecDeque<UserId>,
    /// How many publishers use it.
    pub(super) publishers: u32,
    /// A response came on this connection.
    pub(super) heard: bool,
    /// Unanswered datagrams by when they go out again. Entries may be out of date.
    pub(super) resends: Resends,
    /// Challenges and how often they were answered.
    pub(super) sessions: Vec<Session>,
}

impl Link {
    pub(super) fn new(watchers: (u16, u16)) -> Self {
        Self {
            state: State::Down,
            watchers,
            endpoint: 0,
            redirect: None,
            redirects: 0,
            candidates: Vec::new(),
            avoid: Vec::new(),
            rounds: 0,
            lost: false,
            local: NOWHERE,
            last_rx: Mono(0),
            last_tx: Mono(0),
            keepalive_ms: 0,
            next_send: Mono(0),
            turn: watchers.0,
            txns: BTreeMap::new(),
            next_txn: 0,
            speakers: VecDeque::new(),
            publishers: 0,
            heard: false,
            resends: Resends::new(),
            sessions: Vec::new(),
        }
    }

    pub(super) fn watchers(&self) -> impl Iterator<Item = WatcherId> + use<> {
        (self.watchers.0..self.watchers.1).map(WatcherId)
    }

    /// Tries an address last for a while.
    fn shun(&mut self, addr: SocketAddr, until: Mono) {
        self.avoid.retain(|(a, _)| *a != addr);
        self.avoid.push((addr, until));
    }
}

impl UcSide {
    /// Asks for the addresses of the link's endpoint, or of where it was redirected.
    pub(super) fn resolve(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &mut self.links[id.index()];
        link.state = State::Resolving;
        link.candidates.clear();
        cx.act(Action::ResolveUc { link: id, endpoint: link.endpoint, redirect: link.redirect.clone() });
        cx.set(key(UcTimer::Link(id)), cx.now.mono + cx.config.uc.timers.connect_timeout_ms);
    }

    pub(super) fn on_resolved(&mut self, cx: &mut Cx<'_>, id: UcLinkId, endpoint: u16, addrs: &[SocketAddr]) {
        let link = &mut self.links[id.index()];
        if link.state != State::Resolving || link.endpoint != endpoint {
            return;
        }
        let now = cx.now.mono;
        link.avoid.retain(|(_, until)| *until > now);
        link.candidates = addrs.to_vec();
        // Fisher-Yates, then the shunned to the front: the next one is taken from the back.
        for i in (1..link.candidates.len()).rev() {
            link.candidates.swap(i, cx.entropy.below(i as u64 + 1) as usize);
        }
        let avoid = &link.avoid;
        link.candidates.sort_by_key(|addr| !avoid.iter().any(|(a, _)| a == addr));
        self.connect_next(cx, id, CloseCause::Unreachable);
    }

    /// Tries the next address; `why` is what happened to the last one.
    fn connect_next(&mut self, cx: &mut Cx<'_>, id: UcLinkId, why: CloseCause) {
        let timeout = cx.config.uc.timers.connect_timeout_ms;
        let link = &mut self.links[id.index()];
        if let Some(addr) = link.candidates.pop() {
            link.state = State::Connecting(addr);
            cx.note(Note::UcConnecting { link: id, endpoint: link.endpoint });
            cx.act(Action::ConnectUc { link: id, endpoint: link.endpoint, addr: Box::new(addr), redirect: link.redirect.clone() });
            cx.set(key(UcTimer::Link(id)), cx.now.mono + timeout);
        } else if link.redirect.take().is_some() {
            link.endpoint = 0;
            self.resolve(cx, id);
        } else if usize::from(link.endpoint) + 1 < cx.config.uc.endpoints.len() {
            link.endpoint += 1;
            self.resolve(cx, id);
        } else {
            self.back_off(cx, id, why);
        }
    }

    /// Everything failed: pause, doubled each time, with jitter.
    pub(super) fn back_off(&mut self, cx: &mut Cx<'_>, id: UcLinkId, why: CloseCause) {
        let timers = &cx.config.uc.timers;
        let link = &mut self.links[id.index()];
        let pause = doubled(timers.backoff_min_ms, link.rounds, timers.backoff_max_ms);
        let retry_ms = cx.entropy.jitter(pause, timers.jitter_percent);
        link.rounds = link.rounds.saturating_add(1);
        link.endpoint = 0;
        link.redirect = None;
        link.redirects = 0;
        link.state = State::Down;
        cx.set(key(UcTimer::Link(id)), cx.now.mono + retry_ms);
        cx.note(Note::UcClosed { link: id, why, retry_ms });
    }

    pub(super) fn on_link_timer(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let Some(link) = self.links.get_mut(id.index()) else { return };
        match link.state {
            State::Down => self.resolve(cx, id),
            State::Resolving => self.connect_next(cx, id, CloseCause::TimedOut),
            State::Connecting(addr) => {
                link.shun(addr, cx.now.mono + cx.config.uc.timers.address_avoid_ms);
                cx.act(Action::CloseUc { link: id });
                note_failed(cx, id, addr, CloseCause::TimedOut);
                self.connect_next(cx, id, CloseCause::TimedOut);
            }
            State::Registering(_) | State::Up(_) | State::Draining(_) | State::Closed => {}
        }
    }

    pub(super) fn on_connected(&mut self, cx: &mut Cx<'_>, id: UcLinkId, local: SocketAddr) {
        let now = cx.now.mono;
        let config = &cx.config.uc;
        let link = &mut self.links[id.index()];
        let State::Connecting(addr) = link.state else { return };
        let peer = Peer { addr, since: now };
        let udp = Self::is_udp(cx);
        // A datagram socket connects to anything: only an answer shows that somebody is there.
        link.state = if config.register || udp { State::Registering(peer) } else { State::Up(peer) };
        link.heard = false;
        link.local = local;
        link.last_tx = now;
        link.next_send = now;
        link.keepalive_ms = config.timers.keepalive_ms;
        let spread = if link.lost { config.pace.failover_spread_ms } else { 0 };
        link.lost = false;
        let watchers = link.watchers();
        cx.clear(key(UcTimer::Link(id)));
        if !udp {
            cx.note(Note::UcConnected { link: id });
        }
        for watcher in watchers {
            let it = &mut self.watchers[watcher.index()];
            it.reg.stands = !config.register;
            it.reg.phase = if config.register { Phase::Due } else { Phase::Idle };
            let delay = cx.entropy.below(spread);
            self.hold(cx, watcher, delay);
            self.watch_calls(cx, watcher);
        }
        self.publishers_return(cx, id, spread);
        self.arm_silence(cx, id);
        self.pump(cx, id);
        // The server closes a connection that says nothing for a minute (`spec/ms-pres.md` 1.6).
        if self.links[id.index()].txns.is_empty() {
            self.probe(cx, id);
        }
    }

    pub(super) fn on_closed(&mut self, cx: &mut Cx<'_>, id: UcLinkId, why: CloseCause) {
        let avoid_ms = cx.config.uc.timers.address_avoid_ms;
        let link = &mut self.links[id.index()];
        match link.state {
            State::Connecting(addr) => {
                link.shun(addr, cx.now.mono + avoid_ms);
                note_failed(cx, id, addr, why);
                self.connect_next(cx, id, why);
            }
            State::Registering(peer) | State::Up(peer) => {
                link.shun(peer.addr, cx.now.mono + avoid_ms);
                link.lost = true;
                self.tally.links_lost += 1;
                self.forget_connection(cx, id);
                let (shortest, longest) = (cx.config.uc.timers.backoff_min_ms, cx.config.uc.timers.backoff_max_ms);
                let lived = cx.now.mono.since(peer.since);
                let unheard = Self::is_udp(cx) && !self.links[id.index()].heard;
                let link = &mut self.links[id.index()];
                if unheard || lived < doubled(shortest, link.rounds, longest) {
                    // Accepted and dropped: no better than a refused one.
                    self.connect_next(cx, id, why);
                } else {
                    // Every connection costs the server registrations and subscriptions of everybody, so one that is lost again must have lived longer each time.
                    link.rounds = if lived >= longest { 0 } else { link.rounds.saturating_add(1) };
                    link.endpoint = 0;
                    cx.note(Note::UcClosed { link: id, why, retry_ms: 0 });
                    self.resolve(cx, id);
                }
            }
            State::Draining(_) => {
                self.forget_connection(cx, id);
                self.links[id.index()].state = State::Closed;
                self.pump_all(cx);
            }
            State::Down | State::Resolving | State::Closed => {}
        }
    }

    /// Closes a connection and goes on as if it had been lost.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, id: UcLinkId, why: CloseCause) {
        if self.links[id.index()].state.peer().is_some() {
            cx.act(Action::CloseUc { link: id });
            self.on_closed(cx, id, why);
        }
    }

    /// A server said where to go (301); the configured names count again when that fails.
    pub(super) fn redirect(&mut self, cx: &mut Cx<'_>, id: UcLinkId, contacts: &[&str]) {
        let link = &mut self.links[id.index()];
        let (State::Registering(peer) | State::Up(peer)) = link.state else { return };
        if cx.now.mono.since(peer.since) >= cx.config.uc.timers.backoff_max_ms {
            link.redirects = 0;
        }
        let target = contacts.iter().find_map(|contact| endpoint_of(contact, cx.config.uc.tls));
        link.redirects = link.redirects.saturating_add(1);
        let too_many = link.redirects > cx.config.uc.pace.redirects_max;
        cx.act(Action::CloseUc { link: id });
        self.forget_connection(cx, id);
        match target {
            Some(target) if !too_many => {
                let text = format!("the server sends us to {}:{}", target.host, target.port).into_boxed_str();
                cx.note(Note::Uc { level: NoteLevel::Info, link: id, text });
                self.links[id.index()].redirect = Some(Box::new(target));
                self.resolve(cx, id);
            }
            _ => {
                let text = "redirected in circles, or without a usable Contact: check in which pool the watcher is homed";
                cx.note(Note::Uc { level: NoteLevel::Alarm, link: id, text: text.into() });
                self.back_off(cx, id, CloseCause::PeerClosed);
            }
        }
    }

    /// Dialogs, registrations and transactions of a connection that is gone.
    pub(super) fn forget_connection(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &mut self.links[id.index()];
        link.txns.clear();
        link.resends.clear();
        link.sessions.clear();
        for timer in [UcTimer::Link(id), UcTimer::Pace(id), UcTimer::Silence(id), UcTimer::Transactions(id), UcTimer::Resend(id)] {
            cx.clear(key(timer));
        }
        let watchers = link.watchers();
        self.forget_publishers(cx, id);
        let mut lost = Vec::new();
        for watcher in watchers {
            self.forget_registration(cx, watcher);
            self.forget_calls(watcher);
            self.release_watcher(cx, watcher, &mut lost);
        }
        self.forget_publications(cx, id);
        self.forget_sessions_of(cx, id);
        self.report_lost(cx, lost);
    }
}

/// Tells which address did not work; what only a person can repair is an alarm.
fn note_failed(cx: &mut Cx<'_>, link: UcLinkId, addr: SocketAddr, why: CloseCause) {
    let (level, what) = match why {
        CloseCause::CertificateRejected => (NoteLevel::Alarm, "its certificate is not trusted, has the wrong name or is out of date"),
        CloseCause::HandshakeFailed => (NoteLevel::Alarm, "it does not accept our certificate, TLS version or ciphers"),
        CloseCause::Refused => (NoteLevel::Warn, "nobody listens there"),
        CloseCause::TimedOut => (NoteLevel::Warn, "no answer"),
        CloseCause::Unreachable => (NoteLevel::Warn, "no route to it"),
        CloseCause::PeerClosed | CloseCause::Reset => (NoteLevel::Warn, "it closed the connection at once"),
        CloseCause::Local => (NoteLevel::Warn, "our own resources are exhausted"),
    };
    cx.note(Note::Uc { level, link, text: format!("connecting to {addr} failed: {what}").into_boxed_str() });
}

/// `base` doubled `times` times, at most `max`.
pub(super) fn doubled(base: u64, times: u32, max: u64) -> u64 {
    base.saturating_mul(1 << times.min(20)).min(max)
}

/// Host and port of a SIP URI; port 5061 (TLS) or 5060 when it has none.
fn endpoint_of(uri: &str, tls: bool) -> Option<UcEndpoint> {
    let rest = uri.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips"))?.1;
    let rest = rest.split([';', '?']).next()?;
    let hostport = rest.rsplit('@').next()?;
    let (host, port) = match hostport.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => hostport.split_once(':').map_or((hostport, None), |(h, p)| (h, Some(p))),
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None if tls => 5061,
        None => 5060,
    };
    (!host.is_empty() && host.len() <= 255).then(|| UcEndpoint { host: host.into(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_targets() {
        let at = |uri| endpoint_of(uri, true).map(|e| format!("{} {}", e.host, e.port));
        assert_eq!(at("sip:pool01.contoso.example:5061;transport=TLS").as_deref(), Some("pool01.contoso.example 5061"));
        assert_eq!(at("SIP:user@pool02.contoso.example;transport=TLS").as_deref(), Some("pool02.contoso.example 5061"));
        assert_eq!(at("sip:[2001:db8::1]:5070").as_deref(), Some("2001:db8::1 5070"));
        assert_eq!(at("sip:10.0.0.7:66000"), None);
        assert_eq!(at("tel:+4930"), None);
        assert_eq!(at("sip:"), None);
    }
}
