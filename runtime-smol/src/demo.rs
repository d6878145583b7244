//! `demo`: an emulated Front End pool and T-Server pair on loopback sockets, a day of the workers in fast motion, and the very driver of production between them.
mod router;
mod servers;
mod setup;
mod tell;

use crate::driver;
use crate::recorder::RecordOptions;
use servers::{Doors, Story, Weather};
use smol::channel;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use uc_runtime_sim::peers::people::people;

/// Deployment modes as the demo knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DemoMode {
    /// A Front End pool; presence drives agents.
    #[default]
    Normal,
    /// No Front End; workers choose states.
    Standalone,
    /// Both directions.
    Bidirectional,
    /// Agent states are published.
    PushOnly,
}

impl std::str::FromStr for DemoMode {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Ok(match word {
            "normal" => Self::Normal,
            "standalone" => Self::Standalone,
            "bidirectional" => Self::Bidirectional,
            "push-only" => Self::PushOnly,
            _ => return Err(()),
        })
    }
}

/// Options of `demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DemoOptions {
    /// How many workers.
    pub(crate) workers: u32,
    /// How many times faster than life.
    pub(crate) speed: u32,
    /// Of everything random.
    pub(crate) seed: u64,
    /// Stop after this long.
    pub(crate) seconds: Option<u64>,
    /// Operations listener; `None`: the usual address, or another port when it is taken.
    pub(crate) ops: Option<SocketAddr>,
    /// Directory of the flight recorder.
    pub(crate) record: Option<PathBuf>,
    /// No server fails.
    pub(crate) calm: bool,
    /// Deployment mode.
    pub(crate) mode: DemoMode,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { workers: 50, speed: 60, seed: 1, seconds: None, ops: None, record: None, calm: false, mode: DemoMode::Normal }
    }
}

/// Runs the demo until stopped.
pub(crate) fn run(options: DemoOptions) -> ExitCode {
    match play(&options) {
        Ok(story) => {
            crate::say_out(&tell::summary(&story, options.seed));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn play(options: &DemoOptions) -> Result<Story, String> {
    let standalone = options.mode == DemoMode::Standalone;
    let doors = Doors::open(!standalone).map_err(|e| format!("no socket on loopback: {e}"))?;
    let ops = operations(options.ops)?;
    let any = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), 0);
    let workers = people(options.workers as usize);
    let places = setup::Places { ops, web: address(SocketAddr::new(ops.ip(), ops.port().wrapping_add(1)))?, router: address(any)?, history: Scratch::new() };
    let settings = setup::settings(&places, &workers, &doors, options.mode)?;
    let (web, router) = (places.web, places.router);
    let (choose, chosen) = channel::unbounded();
    let weather = Weather { speed: options.speed, seed: options.seed, calm: options.calm, mode: options.mode };
    let failures = if options.calm { "No server fails." } else { "A server fails every 20 seconds." };
    crate::say_out(&format!(
        "Live page: http://{ops}/\n{} workers live through their day at {}x (seed {}). {failures} Ctrl-C ends the demo.\n",
        options.workers, options.speed, options.seed
    ));
    let names: Vec<&str> = workers.iter().take(3).map(|worker| &*worker.user_name).collect();
    crate::say_out(&format!(
        "Workers' pages: http://{web}/ - log in as {} (password `{}`); previews come to whoever has a page open. {} is a supervisor.\n",
        names.join(", "),
        setup::PASSWORD,
        names.first().unwrap_or(&""),
    ));
    if standalone {
        crate::say_out("There is no UC platform: workers choose their states by hand.\n");
    }
    match options.mode {
        DemoMode::Bidirectional => crate::say_out(
            "Presence drives agents. After calls the contact centre keeps them in After Call Work or Legal Guard: colleagues are shown that, the worker's own presence is\n\
             preserved, and whatever the worker does by hand ends it.\n",
        ),
        DemoMode::PushOnly => crate::say_out("Desktops and calls drive agents, and colleagues are shown their states. Nothing is asked of an agent.\n"),
        DemoMode::Normal | DemoMode::Standalone => {}
    }
    if options.mode != DemoMode::Standalone {
        crate::say_out(&format!("Why somebody is in a state: uc-connector explain alice --ops {ops}\n"));
    }
    let choose = standalone.then_some(choose);
    let workers_by_id = workers.iter().map(|worker| (worker.employee_id.clone(), worker.display_name.clone())).collect();
    let (stop, stopped) = channel::bounded::<()>(1);
    let servers = thread::Builder::new().name("demo-servers".into()).spawn(move || servers::run(doors, workers, weather, choose, &stopped));
    let servers = servers.map_err(|e| format!("no thread for the servers: {e}"))?;
    let people = workers_by_id;
    thread::Builder::new().name("demo-router".into()).spawn(move || router::run(router, &people)).map_err(|e| format!("no thread for the router: {e}"))?;
    let limit = driver::Limit {
        record: options.record.clone().map(RecordOptions::new),
        config_path: None,
        stop_after: options.seconds.map(Duration::from_secs),
        chosen: standalone.then_some(chosen),
    };
    let driven = driver::drive(settings, &limit);
    drop(stop);
    drop(places);
    let story = servers.join().map_err(|_| "the emulated servers failed".to_owned())?;
    driven.map(|()| story)
}

/// The history of the demo's previews; removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("uc-connector-demo-{}.db", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(ending);
            // Mostly not there.
            let _ = std::fs::remove_file(name);
        }
    }
}

/// This address, or another port when it is taken. It is let go again at once and bound by the listener a moment later.
fn address(wanted: SocketAddr) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind(wanted).or_else(|_| TcpListener::bind((wanted.ip(), 0)));
    listener.and_then(|listener| listener.local_addr()).map_err(|e| format!("no port on {}: {e}", wanted.ip()))
}

/// Where the live page will be. The port is let go again at once and bound by the listener a moment later.
fn operations(asked: Option<SocketAddr>) -> Result<SocketAddr, String> {
    if let Some(asked) = asked.filter(|asked| asked.port() != 0) {
        return Ok(asked);
    }
    let usual = crate::cli::OPS_DEFAULT;
    let at = asked.unwrap_or(usual);
    let (listener, taken) = match TcpListener::bind(at) {
        Ok(listener) => (listener, false),
        Err(_) => (TcpListener::bind((usual.ip(), 0)).map_err(|e| format!("no port on {} for the live page: {e}", usual.ip()))?, true),
    };
    if taken {
        crate::say_out(&format!("{at} is taken by another program, so the live page has a port of its own.\n"));
    }
    listener.local_addr().map_err(|e| e.to_string())
}
