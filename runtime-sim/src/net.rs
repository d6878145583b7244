//! A byte-stream network, itself without I/O: connections from the connector to server nodes with latency, jitter, bandwidth, split and joined reads, stalls,
//! resets, half-open peers, partitions, refusals and full backlogs.
//!
//! TCP keeps order and loses nothing while a connection lives, so order is kept per direction and nothing is dropped: what a partition holds back arrives when
//! it heals, unless the sender's user time-out (RFC 5482) ended the connection before. A peer that died without a word is found out by that time-out or by a
//! reset once its node is back. TLS is not modelled.
//!
//! Over 500 lines: one connection has one state, and every fault touches it; a split would only spread that state over files.
use crate::rng::Rng;
use std::collections::{BTreeMap, VecDeque};
use uc_core::Mono;
use uc_core::uc_event::CloseCause;

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u32);

/// A server node: one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub u16);

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The connector.
    Client,
    /// The server node.
    Server,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Something to tell an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// The client's connection stands.
    Connected {
        /** which */
        conn: ConnId,
    },
    /// The server takes a connection.
    Accepted {
        /** which */
        conn: ConnId,
        /** where */
        node: Node,
    },
    /// Bytes.
    Data {
        /** which */
        conn: ConnId,
        /** who reads them */
        to: Side,
        /** at least one */
        bytes: Vec<u8>,
    },
    /// The connection is gone, or could not be made.
    Closed {
        /** which */
        conn: ConnId,
        /** who is told */
        to: Side,
        /** why */
        why: CloseCause,
    },
}

/// How the network behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetOptions {
    /// One way, milliseconds.
    pub latency_ms: u64,
    /// Added to each send, 0..=this, milliseconds; order is kept.
    pub jitter_ms: u64,
    /// Bytes per millisecond and direction; 0: no limit.
    pub bytes_per_ms: u64,
    /// Reads in a thousand that are split at a random place.
    pub split_per_mille: u16,
    /// Reads in a thousand that begin with single bytes.
    pub crumbs_per_mille: u16,
    /// Reads in a thousand that take everything that has arrived at once.
    pub join_per_mille: u16,
    /// No acknowledgement for this long ends a connection, milliseconds.
    pub user_timeout_ms: u64,
    /// No answer to a connection attempt for this long ends it, milliseconds.
    pub connect_timeout_ms: u64,
    /// Bytes waiting in one direction before the sender's driver gives up.
    pub buffer_bytes_max: usize,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            latency_ms: 1,
            jitter_ms: 0,
            bytes_per_ms: 0,
            split_per_mille: 0,
            crumbs_per_mille: 0,
            join_per_mille: 0,
            user_timeout_ms: 20_000,
            connect_timeout_ms: 60_000,
            buffer_bytes_max: 64 << 20,
        }
    }
}

/// How a node treats connection attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// Accepts.
    #[default]
    Open,
    /// The machine runs, the program does not: refused.
    Refuse,
    /// The machine is gone: no answer.
    Silent,
    /// The kernel completes connections, the program takes none.
    Backlog,
}

#[derive(Clone, Debug, Default)]
struct NodeState {
    listen: Listen,
    partitioned: bool,
    stalled: bool,
}

#[derive(Clone, Debug, Default)]
struct Direction {
    queue: VecDeque<Chunk>,
    queued_bytes: usize,
    /// When the line is free again (bandwidth), and the earliest arrival that keeps order.
    free_at: Mono,
    last_arrival: Mono,
    scheduled: bool,
}

#[derive(Clone, Debug)]
struct Chunk {
    at: Mono,
    sent: Mono,
    what: Payload,
}

#[derive(Clone, Debug)]
enum Payload {
    Bytes(Vec<u8>),
    /// Orderly end.
    Fin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// Stands for the client; the server has not accepted yet.
    Backlog,
    Open,
}

#[derive(Clone, Debug)]
struct Conn {
    node: Node,
    stage: Stage,
    started: Mono,
    client_open: bool,
    server_open: bool,
    to_server: Direction,
    to_client: Direction,
    /// This connection alone hangs.
    stalled: bool,
}

impl Conn {
    fn direction(&mut self, to: Side) -> &mut Direction {
        match to {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        }
    }
    const fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_open,
            Side::Server => self.server_open,
        }
    }
    const fn shut(&mut self, side: Side) {
        match side {
            Side::Client => self.client_open = false,
            Side::Server => self.server_open = false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// The attempt reaches the node.
    Syn,
    ConnectTimeout,
    Deliver(Side),
    /// The oldest unacknowledged byte to this side may be too old.
    UserTimeout(Side),
    /// A reset reaches this side.
    Reset(Side),
}

/// The network.
#[derive(Clone, Debug)]
pub struct Net {
    options: NetOptions,
    rng: Rng,
    nodes: Vec<NodeState>,
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u32,
    agenda: BTreeMap<(Mono, u64), (ConnId, Job)>,
    sequence: u64,
    ready: VecDeque<NetEvent>,
    bytes_moved: u64,
}

impl Net {
    /// A network of `nodes` servers.
    #[must_use]
    pub fn new(options: NetOptions, nodes: usize, rng: Rng) -> Self {
        let nodes = vec![NodeState::default(); nodes];
        Self { options, rng, nodes, conns: BTreeMap::new(), next_conn: 0, agenda: BTreeMap::new(), sequence: 0, ready: VecDeque::new(), bytes_moved: 0 }
    }

    /// How it behaves; may be changed while it runs.
    pub const fn options_mut(&mut self) -> &mut NetOptions {
        &mut self.options
    }

    fn plan(&mut self, at: Mono, conn: ConnId, job: Job) {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), (conn, job));
    }

    fn delay(&mut self) -> u64 {
        self.options.latency_ms + self.rng.below(self.options.jitter_ms + 1)
    }

    fn is_blocked(&self, conn: &Conn) -> bool {
        let node = &self.nodes[conn.node.0 as usize];
        conn.stalled || node.partitioned || node.stalled
    }

    /// Starts a connection to `node`; `Connected` or `Closed` follows.
    pub fn connect(&mut self, now: Mono, node: Node) -> ConnId {
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        let conn = Conn {
            node,
            stage: Stage::Connecting,
            started: now,
            client_open: true,
            server_open: false,
            to_server: Direction::default(),
            to_client: Direction::default(),
            stalled: false,
        };
        self.conns.insert(id, conn);
        let delay = self.delay();
        self.plan(now + delay, id, Job::Syn);
        self.plan(now + self.options.connect_timeout_ms, id, Job::ConnectTimeout);
        id
    }

    /// `from` writes. Writing to a connection that is gone does nothing: its end was told, or will be.
    pub fn send(&mut self, now: Mono, id: ConnId, from: Side, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.enqueue(now, id, from, Payload::Bytes(bytes.to_vec()));
        }
    }

    fn enqueue(&mut self, now: Mono, id: ConnId, from: Side, what: Payload) {
        let delay = self.delay();
        let (rate, max, timeout) = (self.options.bytes_per_ms, self.options.buffer_bytes_max, self.options.user_timeout_ms);
        let Some(conn) = self.conns.get_mut(&id).filter(|c| c.is_open(from) && c.stage != Stage::Connecting) else { return };
        let line = conn.direction(from.other());
        let len = if let Payload::Bytes(bytes) = &what { bytes.len() } else { 0 };
        if line.queued_bytes + len > max {
            conn.shut(from);
            self.ready.push_back(NetEvent::Closed { conn: id, to: from, why: CloseCause::Local });
            return;
        }
        let begin = now.max(line.free_at);
        line.free_at = if rate == 0 { begin } else { begin + (len as u64).div_ceil(rate) };
        let at = (line.free_at + delay).max(line.last_arrival);
        line.last_arrival = at;
        line.queued_bytes += len;
        line.queue.push_back(Chunk { at, sent: now, what });
        if !line.scheduled {
            line.scheduled = true;
            self.plan(at, id, Job::Deliver(from.other()));
            self.plan(now + timeout, id, Job::UserTimeout(from.other()));
        }
    }

    /// `by` closes in good order: what it wrote arrives first, then the other end is told. `by` is told nothing any more.
    pub fn close(&mut self, now: Mono, id: ConnId, by: Side) {
        self.enqueue(now, id, by, Payload::Fin);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.shut(by);
        }
        self.tidy(id);
    }

    /// Both ends get a reset.
    pub fn reset(&mut self, now: Mono, id: ConnId) {
        let delay = self.delay();
        self.plan(now, id, Job::Reset(Side::Server));
        self.plan(now + delay, id, Job::Reset(Side::Client));
    }

    /// The program on a node dies. The server's ends are gone at once. `silent`: the machine died with it and nobody is told (half-open); else the kernel resets.
    pub fn kill_node(&mut self, now: Mono, node: Node, silent: bool) {
        self.nodes[node.0 as usize].listen = if silent { Listen::Silent } else { Listen::Refuse };
        for id in self.conns_of(node) {
            let conn = self.conns.get_mut(&id).expect("listed just now");
            let was_open = conn.server_open || conn.stage == Stage::Backlog;
            conn.server_open = false;
            if conn.stage == Stage::Backlog {
                // The kernel that held it forgets it.
                conn.stage = Stage::Open;
            }
            conn.to_client.queue.clear();
            conn.to_client.queued_bytes = 0;
            if !silent && was_open {
                let delay = self.delay();
                self.plan(now + delay, id, Job::Reset(Side::Client));
            }
        }
    }

    /// How the node treats connection attempts from now on. Opening takes what waits in the backlog, and answers held data of dead connections with resets.
    pub fn listen(&mut self, now: Mono, node: Node, how: Listen) {
        self.nodes[node.0 as usize].listen = how;
        self.wake_node(now, node);
    }

    /// The node accepts connections.
    #[must_use]
    pub fn is_open(&self, node: Node) -> bool {
        self.nodes[node.0 as usize].listen == Listen::Open
    }

    /// The node leaves connections in its backlog.
    #[must_use]
    pub fn is_backlog(&self, node: Node) -> bool {
        self.nodes[node.0 as usize].listen == Listen::Backlog
    }

    /// Nothing passes between the connector and this node, in either direction, until healed.
    pub fn partition(&mut self, now: Mono, node: Node, on: bool) {
        self.nodes[node.0 as usize].partitioned = on;
        self.wake_node(now, node);
    }

    /// The node's program hangs: it neither reads nor writes, its kernel acknowledges nothing more than its window.
    pub fn stall(&mut self, now: Mono, node: Node, on: bool) {
        self.nodes[node.0 as usize].stalled = on;
        self.wake_node(now, node);
    }

    /// Only this connection hangs.
    pub fn stall_conn(&mut self, now: Mono, id: ConnId, on: bool) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.stalled = on;
            self.wake_conn(now, id);
        }
    }

    fn conns_of(&self, node: Node) -> Vec<ConnId> {
        self.conns.iter().filter(|(_, c)| c.node == node).map(|(id, _)| *id).collect()
    }

    fn wake_node(&mut self, now: Mono, node: Node) {
        for id in self.conns_of(node) {
            self.wake_conn(now, id);
        }
    }

    /// What was held back goes on, one latency from now.
    fn wake_conn(&mut self, now: Mono, id: ConnId) {
        let conn = &self.conns[&id];
        if self.is_blocked(conn) {
            return;
        }
        let stage = conn.stage;
        if stage != Stage::Open {
            let delay = self.delay();
            self.plan(now + delay, id, Job::Syn);
        }
        for to in [Side::Server, Side::Client] {
            let delay = self.delay();
            let line = self.conns.get_mut(&id).expect("looked up above").direction(to);
            if !line.scheduled
                && let Some(first) = line.queue.front()
            {
                line.scheduled = true;
                let at = first.at.max(now + delay);
                self.plan(at, id, Job::Deliver(to));
            }
        }
    }

    /// When [`Self::poll`] has something, if ever.
    #[must_use]
    pub fn next_at(&self) -> Option<Mono> {
        if self.ready.is_empty() { self.agenda.first_key_value().map(|((at, _), _)| *at) } else { Some(Mono(0)) }
    }

    /// The next thing that has happened by `now`.
    pub fn poll(&mut self, now: Mono) -> Option<NetEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let entry = self.agenda.first_entry()?;
            if entry.key().0 > now {
                return None;
            }
            let (id, job) = entry.remove();
            if self.conns.contains_key(&id) {
                self.run(now, id, job);
                self.tidy(id);
            }
        }
    }

    fn run(&mut self, now: Mono, id: ConnId, job: Job) {
        match job {
            Job::Syn => self.on_syn(now, id),
            Job::ConnectTimeout => {
                if self.conns[&id].stage == Stage::Connecting {
                    self.end(id, Side::Client, CloseCause::TimedOut);
                }
            }
            Job::Deliver(to) => self.on_deliver(now, id, to),
            Job::UserTimeout(to) => self.on_user_timeout(now, id, to),
            // A reset is one packet: lost where nothing passes.
            Job::Reset(Side::Client) if self.is_blocked(&self.conns[&id]) => {}
            Job::Reset(side) => self.end(id, side, CloseCause::Reset),
        }
    }

    fn on_syn(&mut self, now: Mono, id: ConnId) {
        let conn = &self.conns[&id];
        if self.is_blocked(conn) || !conn.client_open {
            return;
        }
        let (node, stage) = (conn.node, conn.stage);
        match (self.nodes[node.0 as usize].listen, stage) {
            (_, Stage::Open) | (Listen::Silent, _) | (Listen::Backlog, Stage::Backlog) => {}
            (Listen::Refuse, _) => self.end(id, Side::Client, CloseCause::Refused),
            (Listen::Open, _) => {
                let conn = self.conns.get_mut(&id).expect("run checks");
                conn.stage = Stage::Open;
                conn.server_open = true;
                self.ready.push_back(NetEvent::Accepted { conn: id, node });
                if stage == Stage::Connecting {
                    self.ready.push_back(NetEvent::Connected { conn: id });
                }
                self.wake_conn(now, id);
            }
            (Listen::Backlog, Stage::Connecting) => {
                self.conns.get_mut(&id).expect("run checks").stage = Stage::Backlog;
                self.ready.push_back(NetEvent::Connected { conn: id });
            }
        }
    }

    fn on_deliver(&mut self, now: Mono, id: ConnId, to: Side) {
        let conn = &self.conns[&id];
        let silent = self.nodes[conn.node.0 as usize].listen == Listen::Silent;
        let nobody_there = to == Side::Server && !conn.server_open && (conn.stage == Stage::Backlog || silent);
        let held = self.is_blocked(conn) || nobody_there;
        let is_open = conn.is_open(to);
        let conn = self.conns.get_mut(&id).expect("run checks");
        let line = conn.direction(to);
        line.scheduled = false;
        if held || line.queue.is_empty() {
            return;
        }
        if !is_open {
            // The far end's kernel knows no such connection (any more).
            line.queue.clear();
            line.queued_bytes = 0;
            let delay = self.delay();
            return self.plan(now + delay, id, Job::Reset(to.other()));
        }
        let (event, again) = self.read(now, id, to);
        if let Some(at) = again {
            self.conns.get_mut(&id).expect("run checks").direction(to).scheduled = true;
            self.plan(at, id, Job::Deliver(to));
        }
        if matches!(event, NetEvent::Closed { .. }) {
            self.conns.get_mut(&id).expect("run checks").shut(to);
        }
        self.ready.push_back(event);
    }

    /// Takes one read's worth off a direction that has something, and says when the next read is due.
    fn read(&mut self, now: Mono, id: ConnId, to: Side) -> (NetEvent, Option<Mono>) {
        let (split, crumbs, join) = (
            self.rng.per_mille(self.options.split_per_mille),
            self.rng.per_mille(self.options.crumbs_per_mille),
            self.rng.per_mille(self.options.join_per_mille),
        );
        let draw = self.rng.u64();
        let line = self.conns.get_mut(&id).expect("run checks").direction(to);
        let first = line.queue.pop_front().expect("not empty");
        let Payload::Bytes(mut bytes) = first.what else { return (NetEvent::Closed { conn: id, to, why: CloseCause::PeerClosed }, None) };
        while join
            && let Some(Chunk { at, what: Payload::Bytes(more), .. }) = line.queue.front()
            && *at <= now
        {
            bytes.extend_from_slice(more);
            line.queue.pop_front();
        }
        if (split || crumbs) && bytes.len() > 1 {
            // Single bytes only for a while: a whole message in crumbs costs more time than it finds.
            let at = if crumbs && !draw.is_multiple_of(8) { 1 } else { 1 + (draw >> 8) as usize % (bytes.len() - 1) };
            let rest = bytes.split_off(at);
            line.queue.push_front(Chunk { at: now, sent: first.sent, what: Payload::Bytes(rest) });
        }
        line.queued_bytes -= bytes.len();
        self.bytes_moved += bytes.len() as u64;
        let again = line.queue.front().map(|c| c.at.max(now));
        (NetEvent::Data { conn: id, to, bytes }, again)
    }

    fn on_user_timeout(&mut self, now: Mono, id: ConnId, to: Side) {
        let timeout = self.options.user_timeout_ms;
        let conn = self.conns.get_mut(&id).expect("run checks");
        let from = to.other();
        let line = conn.direction(to);
        let Some(oldest) = line.queue.front().map(|c| c.sent) else { return };
        if oldest + timeout > now {
            return self.plan(oldest + timeout, id, Job::UserTimeout(to));
        }
        // The kernel gives up, also for a program that has closed its end meanwhile: what is on its way never arrives, whenever the way is free again.
        line.queue.clear();
        line.queued_bytes = 0;
        self.end(id, from, CloseCause::TimedOut);
    }

    /// Tells one end that the connection is gone; the other end finds out by itself.
    fn end(&mut self, id: ConnId, side: Side, why: CloseCause) {
        let conn = self.conns.get_mut(&id).expect("run checks");
        if conn.is_open(side) {
            conn.shut(side);
            self.ready.push_back(NetEvent::Closed { conn: id, to: side, why });
        }
    }

    /// Forgets a connection that both ends have left.
    fn tidy(&mut self, id: ConnId) {
        if self.conns.get(&id).is_some_and(|c| !c.client_open && !c.server_open) {
            self.conns.remove(&id);
        }
    }

    /// Connections that some end still holds, oldest first, with the time they were started.
    pub fn open_conns(&self) -> impl Iterator<Item = (ConnId, Node, Mono)> + '_ {
        self.conns.iter().map(|(id, c)| (*id, c.node, c.started))
    }

    /// The node a connection leads to.
    #[must_use]
    pub fn node_of(&self, id: ConnId) -> Option<Node> {
        self.conns.get(&id).map(|c| c.node)
    }

    /// What TCP's own keep-alive finds out in time: ends whose other end is gone are told.
    pub fn reset_half_open(&mut self, now: Mono) {
        let lonely: Vec<ConnId> = self.conns.iter().filter(|(_, c)| c.stage == Stage::Open && c.client_open != c.server_open).map(|(id, _)| *id).collect();
        for id in lonely {
            self.reset(now, id);
        }
    }

    /// Bytes delivered so far.
    #[must_use]
    pub const fn bytes_moved(&self) -> u64 {
        self.bytes_moved
    }

    /// Bytes under way.
    #[must_use]
    pub fn bytes_queued(&self) -> usize {
        self.conns.values().map(|c| c.to_client.queued_bytes + c.to_server.queued_bytes).sum()
    }
}

#[cfg(test)]
#[path = "net_tests.rs"]
mod tests;
