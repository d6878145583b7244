//! The daemon between an emulated Front End that holds publications and an emulated T-Server with calls, in the modes that publish: both far ends behind real
//! sockets, the daemon as its own process. What stands at the Front End and what is asked of the T-Server are read from the far ends themselves.
//!
//! The far ends live on the clock of the machine; the T-Server's can be moved on by the test, so that work after a call ends when the test has seen enough of it.
#![allow(clippy::unwrap_used)]
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};
use uc_core::Mono;
use uc_runtime_sim::peers::front_end::{Activity, FrontEnd, FrontEndConfig, OWN_CLIENT, Source, TIMED_USER_STATE, Value};
use uc_runtime_sim::peers::tserver::{AFTER_CALL_WORK, AgentState, CallPlan, OtherChange, Standby, TServer, TServerConfig, WrapUp};
use uc_runtime_sim::peers::{Peer, PeerOut};
use uc_tests::{Daemon, Folder, PATIENCE, Setup, WORKER, connector, free_port};

const COLLEAGUE: &str = "sip:lync-user7@lyncdco13.lab";
const DN: &str = "5002";
/// Far longer than any test: only a moved clock ends it.
const WRAP_UP_MS: u64 = 600_000;

/// Both far ends.
struct World {
    start: Instant,
    /// How far the T-Server's clock is ahead, milliseconds.
    ahead_ms: u64,
    front_end: FrontEnd,
    tserver: TServer,
    /// By number: to which far end, and how to write to it.
    conns: BTreeMap<u64, (Side, TcpStream)>,
    serial: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    FrontEnd,
    TServer,
}

impl World {
    fn now(&self, side: Side) -> Mono {
        let ahead = if side == Side::TServer { self.ahead_ms } else { 0 };
        Mono(u64::try_from(self.start.elapsed().as_millis()).unwrap() + ahead)
    }

    fn peer(&mut self, side: Side) -> &mut dyn Peer {
        match side {
            Side::FrontEnd => &mut self.front_end,
            Side::TServer => &mut self.tserver,
        }
    }

    /// Lets time pass for both, and writes what they want to say.
    fn pump(&mut self) {
        for side in [Side::FrontEnd, Side::TServer] {
            let now = self.now(side);
            if self.peer(side).next_deadline().is_some_and(|at| at <= now) {
                self.peer(side).wake(now);
            }
            while let Some(out) = self.peer(side).poll() {
                match out {
                    PeerOut::Send { conn, bytes } => {
                        // A daemon that was killed takes nothing any more.
                        let _ = self.conns.get_mut(&conn).map(|(_, stream)| stream.write_all(&bytes));
                    }
                    PeerOut::Close { conn } => _ = self.conns.remove(&conn).map(|(_, stream)| stream.shutdown(Shutdown::Both)),
                }
            }
        }
    }

    fn agent(&self) -> (AgentState, Option<i64>) {
        let agent = self.tserver.agent(DN).unwrap();
        (agent.state, agent.work_mode)
    }

    /// What the daemon has published for the worker: availability and text, once in each container it writes to.
    fn ours(&self) -> Vec<(Option<u32>, Activity)> {
        let ours =
            self.front_end.publications(WORKER).filter(|(key, row)| key.category == "state" && key.instance == TIMED_USER_STATE && row.author != OWN_CLIENT);
        ours.map(|(_, row)| match &row.value {
            Value::State(state) => (state.availability, state.activities.first().map_or(Activity::None, |ranged| ranged.activity.clone())),
            other => panic!("not a state: {other:?}"),
        })
        .collect()
    }

    /// What a colleague sees: availability, activity, note.
    fn seen(&self) -> (Option<u32>, Activity, String) {
        let seen = self.front_end.seen_by(COLLEAGUE, WORKER).unwrap();
        (seen.availability, seen.activity, seen.note)
    }

    fn shows(&self, availability: u32, activity: &Activity) -> bool {
        let seen = self.seen();
        (seen.0, &seen.1) == (Some(availability), activity)
    }

    /// The worker is seen in After Call Work, and the Front End holds that from us in each container.
    fn shows_acw(&self) -> bool {
        let text = Activity::Custom("After Call Work".into());
        let ours = self.ours();
        self.shows(6500, &text) && self.seen().2 == "After Call Work" && !ours.is_empty() && ours.iter().all(|row| *row == (Some(6500), text.clone()))
    }
}

/// The far ends, the daemon between them.
struct Site {
    world: Arc<(Mutex<World>, Condvar)>,
    ops: u16,
    setup: Setup,
    daemon: Daemon,
}

impl Site {
    /// A worker who is available, whose agent has been made ready where the mode does that.
    fn start(mode: &str, more: &str) -> Self {
        let mut front_end = FrontEnd::new(FrontEndConfig { nodes: 1, domain: "lyncdco13.lab".into(), transport: "TCP", ..FrontEndConfig::default() });
        front_end.add_user(WORKER);
        front_end.set_presence(Mono(0), WORKER, 3500, Activity::None, None);
        let mut tserver = TServer::new(TServerConfig { names: vec!["SIPS".into()], standby: Standby::Single, ..TServerConfig::default() });
        tserver.add_dn(DN);
        let world = World { start: Instant::now(), ahead_ms: 0, front_end, tserver, conns: BTreeMap::new(), serial: 0 };
        let world = Arc::new((Mutex::new(world), Condvar::new()));
        let ports = [Side::FrontEnd, Side::TServer].map(|side| open(&world, side));
        let clock = Arc::clone(&world);
        thread::spawn(move || keep_time(&clock));
        let ops = free_port();
        let mut setup = Setup::new(ports[0], ports[1]);
        setup.ops = Some(ops);
        setup.instead = Some(format!(
            "[connector]\nmode = \"{mode}\"\nprofile = \"open\"\npeople = \"people.csv\"\n[uc]\nendpoints = [\"127.0.0.1:{}\"]\ntransport = \"tcp\"\nregister = true\n\
             [[uc.watcher]]\nuri = \"sip:lync-user0@lyncdco13.lab\"\nepid = \"56b4641a00000000\"\n\
             [uc.timers]\nbackoff_min_ms = 20\nbackoff_max_ms = 60\nresubscribe_jitter_ms = 100\nretry_ms = 100\nretry_max_ms = 500\n[publish]\n{more}",
            ports[0]
        ));
        let daemon = Daemon::start(&setup);
        Self { world, ops, setup, daemon }
    }

    /// An available worker of mode `bidirectional`, with a ready agent.
    fn bidirectional(more: &str) -> Self {
        let mut site = Self::start("bidirectional", more);
        site.until("the agent is ready", |w| w.agent() == (AgentState::Ready, None));
        site
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.0.lock().unwrap()
    }

    /// Something happens at a far end.
    fn act(&self, what: impl FnOnce(&mut World)) {
        let mut world = self.world();
        what(&mut world);
        world.pump();
        self.world.1.notify_all();
    }

    /// Waits until the far ends are so.
    fn until(&mut self, what: &str, so: impl Fn(&World) -> bool) {
        let began = Instant::now();
        let mut world = self.world.0.lock().unwrap();
        while !so(&world) {
            let left = PATIENCE.saturating_sub(began.elapsed());
            if left.is_zero() {
                let text = format!("agent {:?}, ours {:?}, seen {:?}, {:?}", world.agent(), world.ours(), world.seen(), world.tserver.requests(DN));
                drop(world);
                panic!("never so: {what}; {text}\n{}", self.daemon.log());
            }
            world = self.world.1.wait_timeout(world, left).unwrap().0;
        }
    }

    /// A business call comes and ends; After Call Work follows, and is published.
    fn work_after_a_call(&mut self) {
        let plan = CallPlan { rings_ms: 5, talks_ms: 5, business: true, wrap_up: WrapUp::Timed(WRAP_UP_MS), guard_ms: 0 };
        self.act(|w| w.tserver.ring(w.now(Side::TServer), DN, plan));
        self.until("After Call Work is seen", World::shows_acw);
        assert_eq!(self.world().agent(), (AgentState::NotReady, Some(AFTER_CALL_WORK)));
    }

    /// The timer of After Call Work runs out.
    fn work_ends(&self) {
        self.act(|w| w.ahead_ms += WRAP_UP_MS);
    }

    fn requests(&self) -> u64 {
        self.world().tserver.state_requests()
    }

    /// Waits until the command `status` says this: the daemon may hear of it a moment after the far ends.
    fn until_status(&self, text: &str) {
        let began = Instant::now();
        loop {
            let output = Command::new(connector()).args(["status", "--ops", &format!("127.0.0.1:{}", self.ops)]).output().unwrap();
            let table = String::from_utf8_lossy(&output.stdout);
            if table.contains(text) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "never said: {text}\n{table}");
        }
    }

    /// Nothing of ours is left, and neither far end has anything to complain of.
    fn finish(self) {
        self.daemon.stop();
        let world = self.world.0.lock().unwrap();
        assert_eq!(world.ours(), []);
        assert_eq!((world.front_end.violations(), world.tserver.violations()), (&[][..], &[][..]));
    }
}

/// A far end's door; its port.
fn open(world: &Arc<(Mutex<World>, Condvar)>, side: Side) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = Arc::clone(world);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let world = Arc::clone(&world);
            thread::spawn(move || serve(&world, side, stream));
        }
    });
    port
}

fn serve(world: &(Mutex<World>, Condvar), side: Side, mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let conn = {
        let mut w = world.0.lock().unwrap();
        w.serial += 1;
        let (conn, now) = (w.serial, w.now(side));
        w.conns.insert(conn, (side, stream.try_clone().unwrap()));
        w.peer(side).accept(now, 0, conn);
        w.pump();
        conn
    };
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = stream.read(&mut buffer).unwrap_or(0);
        let Ok(mut w) = world.0.lock() else { return };
        let now = w.now(side);
        if n == 0 {
            w.conns.remove(&conn);
            w.peer(side).disconnected(now, conn);
        } else {
            w.peer(side).receive(now, conn, &buffer[..n]);
        }
        w.pump();
        world.1.notify_all();
        if n == 0 {
            return;
        }
    }
}

/// Wakes the far ends when they have something planned.
fn keep_time(world: &(Mutex<World>, Condvar)) {
    let Ok(mut w) = world.0.lock() else { return };
    loop {
        w.pump();
        world.1.notify_all();
        let next = [Side::FrontEnd, Side::TServer].into_iter().filter_map(|side| {
            let now = w.now(side);
            w.peer(side).next_deadline().map(|at| at.since(now))
        });
        let pause = Duration::from_millis(next.min().unwrap_or(1000).clamp(1, 1000));
        match world.1.wait_timeout(w, pause) {
            Ok((guard, _)) => w = guard,
            Err(_) => return,
        }
    }
}

#[test]
fn after_call_work_is_published_and_gone_when_it_ends() {
    let mut site = Site::bidirectional("");
    let asked = site.requests();
    site.work_after_a_call();
    site.until_status("after-call-work, published “After Call Work”");
    assert_eq!(site.requests(), asked, "presence has nothing to say during After Call Work");
    site.work_ends();
    site.until("the worker's own state is seen again", |w| w.ours().is_empty() && w.shows(3500, &Activity::None) && w.seen().2.is_empty());
    site.until("the agent is ready", |w| w.agent().0 == AgentState::Ready);
    site.finish();
}

#[test]
fn what_workers_do_themselves_ends_after_call_work() {
    let mut site = Site::bidirectional("");
    site.work_after_a_call();
    let asked = site.requests();
    site.act(|w| w.front_end.publish_state(w.now(Side::FrontEnd), WORKER, Source::User, Some((12_500, Activity::None))));
    site.until("the worker's choice is seen", |w| w.ours().is_empty() && w.shows(12_500, &Activity::None));
    site.until("the agent's work is over", |w| w.agent().0 == AgentState::NotReady && w.agent().1 != Some(AFTER_CALL_WORK));
    assert_eq!(site.requests(), asked + 1);
    site.act(|w| w.front_end.publish_state(w.now(Side::FrontEnd), WORKER, Source::User, Some((3500, Activity::None))));
    site.until("the agent is ready", |w| w.agent().0 == AgentState::Ready);
    site.finish();
}

#[test]
fn push_only_shows_agents_and_asks_nothing_of_them() {
    let mut site = Site::start("push-only", "");
    site.until("the DN is registered", |w| w.tserver.requests(DN).register > 0);
    site.act(|w| w.tserver.other_client_sets(w.now(Side::TServer), DN, OtherChange::Login(DN.into())));
    let not_ready = Activity::Custom("Contact centre".into());
    site.until("not ready is seen", |w| w.shows(6500, &not_ready) && !w.ours().is_empty());
    site.act(|w| w.tserver.other_client_sets(w.now(Side::TServer), DN, OtherChange::Ready(None)));
    site.until("ready is seen", |w| w.shows(3500, &Activity::None) && w.ours().iter().all(|row| *row == (Some(3500), Activity::None)));
    site.work_after_a_call();
    site.work_ends();
    site.until("ready is seen again", |w| w.shows(3500, &Activity::None) && !w.ours().is_empty());
    site.act(|w| w.tserver.other_client_sets(w.now(Side::TServer), DN, OtherChange::Logout));
    site.until("logged out shows nothing", |w| w.ours().is_empty());
    assert_eq!(site.requests(), 0, "nothing is asked of an agent");
    site.finish();
}

/// Kills the daemon in the midst of After Call Work and, once that has ended if `ended`, starts it again.
fn killed_in_after_call_work(ended: bool) -> Site {
    let mut site = Site::bidirectional("");
    site.work_after_a_call();
    site.daemon.signal(Signal::KILL);
    site.daemon.wait();
    site.until("the connections are gone", |w| w.conns.is_empty());
    if ended {
        site.work_ends();
    }
    assert!(site.world().shows_acw(), "nobody has withdrawn it");
    let folder: Folder = std::mem::take(&mut site.daemon.folder);
    site.daemon = Daemon::start_with(&site.setup, folder, |_| {});
    site
}

#[test]
fn what_a_killed_daemon_left_is_withdrawn() {
    let mut site = killed_in_after_call_work(true);
    site.until("the worker's own state is seen again", |w| w.ours().is_empty() && w.shows(3500, &Activity::None));
    site.until("the agent is ready", |w| w.agent().0 == AgentState::Ready);
    site.finish();
}

#[test]
fn what_a_killed_daemon_left_is_taken_up_again_when_work_goes_on() {
    let mut site = killed_in_after_call_work(false);
    let asked = site.requests();
    let services = site.world().front_end.counts().services_applied;
    site.until_status("after-call-work");
    site.until("it is published by this life", |w| w.front_end.counts().services_applied > services && w.shows_acw());
    assert_eq!((site.requests(), site.world().agent()), (asked, (AgentState::NotReady, Some(AFTER_CALL_WORK))));
    site.work_ends();
    site.until("the worker's own state is seen again", |w| w.ours().is_empty() && w.shows(3500, &Activity::None));
    site.until("the agent is ready", |w| w.agent().0 == AgentState::Ready);
    site.finish();
}
