//! The emulated Front End pool and T-Server pair behind real sockets, in a thread of their own, with the day that happens to them.
mod both;
mod failures;

use super::DemoMode;
use super::tell::{Teller, agent_words as state_words};
use both::Both;
use smol::channel::{Receiver, Sender, unbounded};
use smol::future::or;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::{Async, LocalExecutor, Timer};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uc_core::Mono;
use uc_core::presence::Class;
use uc_runtime_sim::peers::day::{Day, DayEvent};
use uc_runtime_sim::peers::front_end::{Activity, FrontEnd, FrontEndConfig};
use uc_runtime_sim::peers::people::DemoPerson;
use uc_runtime_sim::peers::tserver::{AgentState, AgentTruth, TServer, TServerConfig};
use uc_runtime_sim::peers::{Peer, PeerOut};

/// Servers in the pool.
pub(super) const FRONT_ENDS: u16 = 3;
/// Servers of the pair.
pub(super) const T_SERVERS: u16 = 2;
/// How often the day goes on.
const TICK: Duration = Duration::from_millis(5);
/// A server fails this often, and is away this long.
const FAIL_EVERY: Duration = Duration::from_secs(20);
const AWAY: Duration = Duration::from_secs(5);
/// Changes this long after a server is back still count as disturbed.
const SETTLING: Duration = Duration::from_secs(3);
/// A change that led to nothing in this time leads to nothing: somebody else owns the agent's state.
const PATIENCE: Duration = Duration::from_secs(60);

/// The story begins at this time of day, milliseconds: most people are in.
const MORNING_MS: u64 = (8 * 60 + 50) * 60_000;
/// A pause of the story longer than this is skipped: the night.
const SKIP_MS: u64 = 45 * 60_000;

/// What happened, for the last lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    /// Presence changes.
    pub(crate) changes: u64,
    /// Milliseconds from each change to the agent's state, as far as one followed.
    pub(crate) latencies_ms: Vec<f64>,
    /// Milliseconds until colleagues saw After Call Work or Legal Guard.
    pub(crate) publications_ms: Vec<f64>,
    /// The same as `latencies_ms` for changes that happened while a server was away, or just back.
    pub(crate) disturbed_ms: Vec<f64>,
    /// Changes overtaken by the next one before they took effect: a server was away.
    pub(crate) overtaken: u64,
    /// Changes that led to nothing within [`PATIENCE`].
    pub(crate) without_effect: u64,
    /// Servers that failed.
    pub(crate) failures: u64,
    /// What the connector did against the standards.
    pub(crate) violations: Vec<String>,
    /// Workers whose agent's state is not what their presence asks for, at the end.
    pub(crate) open: usize,
}

/// Which kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FrontEnd,
    TServer,
}

/// Listening sockets, made before the connector's configuration is.
pub(super) struct Doors(Vec<(Kind, u16, TcpListener)>);

impl Doors {
    /// Opens all doors on loopback; those of the pool if there is one.
    pub(super) fn open(pool: bool) -> io::Result<Self> {
        let front_ends = (0..if pool { FRONT_ENDS } else { 0 }).map(|node| (Kind::FrontEnd, node));
        let doors = front_ends.chain((0..T_SERVERS).map(|node| (Kind::TServer, node)));
        doors.map(|(kind, node)| Ok((kind, node, TcpListener::bind("127.0.0.1:0")?))).collect::<io::Result<_>>().map(Self)
    }

    fn addresses(&self, kind: Kind) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().filter(move |(k, ..)| *k == kind).filter_map(|(.., listener)| listener.local_addr().ok())
    }

    /// Where the pool is.
    pub(super) fn front_ends(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses(Kind::FrontEnd)
    }

    /// Where the bridges are.
    pub(super) fn bridges(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses(Kind::TServer)
    }
}

/// What the day is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) speed: u32,
    pub(super) seed: u64,
    pub(super) calm: bool,
    pub(super) mode: DemoMode,
}

struct World {
    front_end: FrontEnd,
    tserver: TServer,
    day: Day,
    /// Milliseconds of the story that were skipped.
    skipped_ms: u64,
    workers: Vec<DemoPerson>,
    /// By worker: presence now.
    classes: Vec<Class>,
    /// By number.
    conns: BTreeMap<u64, (Kind, u16, Outgoing)>,
    serial: u64,
    start: Instant,
    speed: u32,
    /// By worker: changes that have not reached the agent.
    waiting: BTreeMap<usize, Waiting>,
    /// Until when changes count as disturbed.
    troubled_until: Option<Instant>,
    teller: Teller,
    story: Story,
    /// Without a UC platform: how workers tell the connector what they choose.
    choose: Option<Choose>,
    mode: DemoMode,
    both: Both,
}

struct Waiting {
    since: Instant,
    class: Class,
    /// The presence in words.
    shown: String,
    disturbed: bool,
}

/// Employee id and the state's id.
pub(super) type Choose = Sender<(Box<str>, String)>;
type Shared = Rc<RefCell<World>>;
/// What goes out on a connection; `None` ends it.
type Outgoing = Sender<Option<Vec<u8>>>;

/// Runs the servers until `stop` is closed.
pub(super) fn run(doors: Doors, workers: Vec<DemoPerson>, weather: Weather, choose: Option<Choose>, stop: &Receiver<()>) -> Story {
    let mut front_end = FrontEnd::new(FrontEndConfig { nodes: FRONT_ENDS, seed: weather.seed, transport: "TCP", ..FrontEndConfig::default() });
    let mut tserver = TServer::new(TServerConfig { seed: weather.seed, check_reasons: choose.is_none(), ..TServerConfig::default() });
    for worker in &workers {
        front_end.add_user(&worker.sip_uri);
        front_end.set_presence(Mono(0), &worker.sip_uri, 18500, Activity::None, None);
        tserver.add_dn(&worker.dn);
    }
    let teller = Teller::new();
    teller.head();
    let both = Both::new(weather.seed, workers.len());
    let world = Rc::new(RefCell::new(World {
        front_end,
        tserver,
        day: Day::new(weather.seed, workers.len(), MORNING_MS),
        skipped_ms: 0,
        classes: vec![Class::Offline; workers.len()],
        workers,
        conns: BTreeMap::new(),
        serial: 0,
        start: Instant::now(),
        speed: weather.speed,
        waiting: BTreeMap::new(),
        troubled_until: None,
        teller,
        story: Story::default(),
        choose,
        mode: weather.mode,
        both,
    }));
    let executor = Rc::new(LocalExecutor::new());
    for (kind, node, listener) in doors.0 {
        executor.spawn(serve_door(Rc::clone(&world), Rc::clone(&executor), kind, node, listener)).detach();
    }
    executor.spawn(live(Rc::clone(&world))).detach();
    if !weather.calm {
        executor.spawn(fail(Rc::clone(&world))).detach();
    }
    let _ = smol::block_on(executor.run(stop.recv()));
    let world = world.borrow();
    let violations = world.front_end.violations().iter().chain(world.tserver.violations()).cloned().collect();
    Story { violations, open: world.waiting.len(), ..world.story.clone() }
}

/// Accepts connections of one server; while it is down there is no listening socket at all, so that connecting is refused.
async fn serve_door(world: Shared, executor: Rc<LocalExecutor<'static>>, kind: Kind, node: u16, listener: TcpListener) {
    let Ok(address) = listener.local_addr() else { return };
    let mut door = Async::new(listener).ok();
    loop {
        let listening = {
            let world = world.borrow();
            world.peer(kind).is_listening(node)
        };
        match (&door, listening) {
            (None, true) => door = Async::<TcpListener>::bind(address).ok(),
            (Some(_), false) => door = None,
            _ => {}
        }
        let accepted = async {
            match &door {
                Some(door) => door.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        let again = async {
            Timer::after(Duration::from_millis(20)).await;
            None
        };
        if let Some((stream, _)) = or(accepted, again).await {
            executor.spawn(serve_conn(Rc::clone(&world), Rc::clone(&executor), kind, node, stream)).detach();
        }
    }
}

async fn serve_conn(world: Shared, executor: Rc<LocalExecutor<'static>>, kind: Kind, node: u16, stream: Async<TcpStream>) {
    let _ = stream.get_ref().set_nodelay(true);
    let stream = Rc::new(stream);
    let (send, outgoing) = unbounded();
    let conn = {
        let mut world = world.borrow_mut();
        world.serial += 1;
        let conn = world.serial;
        world.conns.insert(conn, (kind, node, send));
        let now = world.now();
        world.peer_mut(kind).accept(now, node, conn);
        world.pump();
        conn
    };
    executor.spawn(write(Rc::clone(&stream), outgoing)).detach();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = (&*stream).read(&mut buffer).await.unwrap_or(0);
        let mut world = world.borrow_mut();
        let now = world.now();
        if n == 0 {
            world.conns.remove(&conn);
            world.peer_mut(kind).disconnected(now, conn);
            return world.pump();
        }
        world.peer_mut(kind).receive(now, conn, &buffer[..n]);
        world.pump();
    }
}

async fn write(stream: Rc<Async<TcpStream>>, outgoing: Receiver<Option<Vec<u8>>>) {
    while let Ok(Some(bytes)) = outgoing.recv().await {
        if (&*stream).write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = stream.get_ref().shutdown(Shutdown::Both);
}

/// The day goes on.
async fn live(world: Shared) {
    loop {
        Timer::after(TICK).await;
        let mut world = world.borrow_mut();
        world.tick();
    }
}

/// Now and then a server fails: one of the pool, then one of the pair.
async fn fail(world: Shared) {
    loop {
        for kind in [Kind::FrontEnd, Kind::TServer] {
            if kind == Kind::FrontEnd && world.borrow().choose.is_some() {
                continue;
            }
            Timer::after(FAIL_EVERY - AWAY).await;
            let node = world.borrow_mut().kill(kind);
            Timer::after(AWAY).await;
            world.borrow_mut().revive(kind, node);
        }
    }
}

impl World {
    fn now(&self) -> Mono {
        Mono(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds of the story since its beginning.
    fn story_ms(&self) -> u64 {
        self.now().0 * u64::from(self.speed) + self.skipped_ms
    }

    /// The time of day in the story, milliseconds.
    fn clock(&self) -> u64 {
        MORNING_MS + self.story_ms()
    }

    fn peer(&self, kind: Kind) -> &dyn Peer {
        match kind {
            Kind::FrontEnd => &self.front_end,
            Kind::TServer => &self.tserver,
        }
    }

    fn peer_mut(&mut self, kind: Kind) -> &mut dyn Peer {
        match kind {
            Kind::FrontEnd => &mut self.front_end,
            Kind::TServer => &mut self.tserver,
        }
    }

    /// Moves what the servers want to say to the connections, and looks whether a change has taken effect.
    fn pump(&mut self) {
        for kind in [Kind::FrontEnd, Kind::TServer] {
            while let Some(out) = self.peer_mut(kind).poll() {
                let (conn, bytes) = match out {
                    PeerOut::Send { conn, bytes } => (conn, Some(bytes)),
                    PeerOut::Close { conn } => (conn, None),
                };
                if let Some((.., send)) = self.conns.get(&conn) {
                    // Unbounded, and a connection that is gone takes nothing any more.
                    let _ = send.try_send(bytes);
                }
            }
        }
        self.look_around(self.now());
        self.settle();
    }

    fn tick(&mut self) {
        let now = self.now();
        for kind in [Kind::FrontEnd, Kind::TServer] {
            let peer = self.peer_mut(kind);
            if peer.next_deadline().is_some_and(|at| at <= now) {
                peer.wake(now);
            }
        }
        while let Some(next) = self.day.next_at() {
            let pause = next.0.saturating_sub(self.story_ms());
            if pause > SKIP_MS {
                self.skipped_ms += pause - SKIP_MS / 3;
                self.teller.night(self.clock());
            }
            if next.0 > self.story_ms() {
                break;
            }
            if let Some(event) = self.day.next() {
                self.change(now, event);
            }
        }
        if matches!(self.mode, DemoMode::Bidirectional | DemoMode::PushOnly) {
            self.go_on(now);
        }
        self.pump();
    }

    /// A worker's presence changes. Only changes of the class ask for another agent state.
    fn change(&mut self, now: Mono, event: DayEvent) {
        let DayEvent { worker, availability, activity, note, .. } = event;
        let class = Class::of(availability);
        let shown = match &activity {
            Activity::None => class.token().to_owned(),
            Activity::Token(text) | Activity::Custom(text) => format!("{class}, {text}"),
        };
        let counts = match self.mode {
            DemoMode::Standalone => true,
            DemoMode::Normal => {
                self.front_end.set_presence(now, &self.workers[worker].sip_uri, availability, activity, note);
                true
            }
            DemoMode::Bidirectional => self.in_client(now, worker, class, availability, &activity),
            DemoMode::PushOnly => self.in_desktop(now, worker, class),
        };
        if std::mem::replace(&mut self.classes[worker], class) == class {
            return;
        }
        if !counts {
            if self.mode == DemoMode::Bidirectional {
                self.teller.told(self.clock(), &self.workers[worker].display_name, &shown, "held back: only the preserved value changes", None);
            }
            return;
        }
        let shown = match &self.choose {
            None if self.mode == DemoMode::PushOnly => format!("desktop: {}", if class == Class::Online { "ready" } else { "not ready" }),
            None => shown,
            Some(choose) => {
                let state = state_of(class);
                // Gone only when the demo ends.
                let _ = choose.try_send((self.workers[worker].employee_id.as_str().into(), state.to_owned()));
                format!("chooses {state}")
            }
        };
        self.wait_for(worker, class, shown);
    }

    /// A change has happened; its effect is waited for.
    fn wait_for(&mut self, worker: usize, class: Class, shown: String) {
        self.story.changes += 1;
        let since = Instant::now();
        let disturbed = self.troubled_until.is_some_and(|until| since < until);
        if self.waiting.insert(worker, Waiting { since, class, shown, disturbed }).is_some() {
            self.story.overtaken += 1;
        }
    }

    /// Tells of every change that has reached the agent, and of those that will not.
    fn settle(&mut self) {
        let mut done = Vec::new();
        for (worker, waiting) in &self.waiting {
            let who = &self.workers[*worker];
            let Some(agent) = self.tserver.agent(&who.dn) else { continue };
            let told = || agent.reasons.iter().any(|(key, value)| key == "KW_UC_STATUS" && value == waiting.class.token());
            let is_so = match (waiting.class, &self.choose) {
                _ if self.mode == DemoMode::PushOnly => self.is_mirrored(*worker, agent.state),
                (Class::Offline, _) => agent.state == AgentState::LoggedOut,
                // The timer of After Call Work may have led where presence leads.
                (Class::Online | Class::IdleOnline, None) if self.mode == DemoMode::Bidirectional => agent.state == AgentState::Ready,
                (_, None) => told(),
                (class, Some(_)) => is_chosen(class, agent),
            };
            let ms = waiting.since.elapsed().as_secs_f64() * 1000.0;
            if is_so {
                self.teller.change(self.clock(), &who.display_name, waiting.class, &waiting.shown, agent.state, ms);
                done.push((*worker, Some(ms)));
            } else if waiting.since.elapsed() > PATIENCE {
                self.teller.no_effect(self.clock(), &who.display_name, &waiting.shown, agent.state);
                done.push((*worker, None));
            }
        }
        for (worker, ms) in done {
            let disturbed = self.waiting.remove(&worker).is_some_and(|w| w.disturbed);
            match ms {
                Some(ms) if disturbed => self.story.disturbed_ms.push(ms),
                Some(ms) => self.story.latencies_ms.push(ms),
                None => self.story.without_effect += 1,
            }
        }
    }
}

/// The state of the document we ship that somebody chooses who would show this presence.
const fn state_of(class: Class) -> &'static str {
    match class {
        Class::Online | Class::IdleOnline => "available",
        Class::Busy | Class::IdleBusy | Class::Unknown => "dnd",
        Class::DoNotDisturb => "training",
        Class::BeRightBack | Class::Away => "break",
        Class::Offline => "logged-out",
    }
}

/// Whether the agent is in [`state_of`] this class.
fn is_chosen(class: Class, agent: &AgentTruth) -> bool {
    let has_reason = agent.reasons.iter().any(|(key, value)| key == "ReasonCode" && value == "500");
    match state_of(class) {
        "available" => agent.state == AgentState::Ready,
        "break" => agent.state == AgentState::NotReady && has_reason,
        "training" => agent.state == AgentState::NotReady && agent.work_mode == Some(6),
        _ => agent.state == AgentState::NotReady && !has_reason && agent.work_mode.is_none(),
    }
}
