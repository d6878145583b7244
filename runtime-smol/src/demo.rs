//! `demo`: an emulated Front End pool and T-Server pair on loopback sockets, a day of the workers in fast motion, and the very driver of production between them.
mod day;
mod people;
mod servers;

use crate::driver;
use servers::{Doors, Story, Weather};
use smol::channel;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

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
    /// Operations listener.
    pub(crate) ops: SocketAddr,
    /// Directory of the flight recorder.
    pub(crate) record: Option<PathBuf>,
    /// No server fails.
    pub(crate) calm: bool,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { workers: 50, speed: 60, seed: 1, seconds: None, ops: crate::cli::OPS_DEFAULT, record: None, calm: false }
    }
}

/// Runs the demo until stopped.
pub(crate) fn run(options: DemoOptions) -> ExitCode {
    match play(&options) {
        Ok(story) => {
            println!("{}", summary(&story));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn play(options: &DemoOptions) -> Result<Story, String> {
    let doors = Doors::open().map_err(|e| format!("no socket on loopback: {e}"))?;
    let workers = people::workers(options.workers);
    let settings = people::settings(options, &workers, &doors);
    let weather = Weather { speed: options.speed, seed: options.seed, calm: options.calm };
    println!("live page: http://{}/", options.ops);
    println!("{} workers, one day at {}x, seed {}", options.workers, options.speed, options.seed);
    let (stop, stopped) = channel::bounded::<()>(1);
    let servers = thread::Builder::new().name("demo-servers".into()).spawn(move || servers::run(doors, workers, weather, &stopped));
    let servers = servers.map_err(|e| format!("no thread for the servers: {e}"))?;
    let limit = driver::Limit { record: options.record.clone(), config_path: None, stop_after: options.seconds.map(Duration::from_secs) };
    let driven = driver::drive(settings, &limit);
    drop(stop);
    let story = servers.join().map_err(|_| "the emulated servers failed".to_owned())?;
    driven.map(|()| story)
}

fn summary(story: &Story) -> String {
    let Story { changes, latencies_ms, overtaken, failures, violations, open } = story;
    let mut sorted = latencies_ms.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default();
    let mut text = format!(
        "{changes} presence changes, {} reached their agent (p50 {:.2} ms, p99 {:.2} ms), {overtaken} overtaken by the next, {open} open; {failures} servers failed",
        sorted.len(),
        at(50),
        at(99)
    );
    for violation in violations.iter().take(10) {
        text.push_str(&format!("\nbreach of the standards: {violation}"));
    }
    text
}
