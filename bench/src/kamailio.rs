//! A real Kamailio as presence server (package kamailio-presence-modules): somebody publishes for 10,000 workers, Kamailio notifies the daemon, the daemon sets the
//! agents. Kamailio, the publisher and the T-Server share core 1; the daemon has core 0. The publisher has 64 requests under way; every update of a round must have
//! become a request to the T-Server before the next round begins, so none is left out.
use crate::daemon::{Daemon, Options, Starter};
use crate::e2e::pin;
use crate::seed::{dn, uri};
use crate::table::{Table, thousands};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use uc_tests::{Bridge, BridgeOptions, Device, Kamailio, KamailioOptions};

const WORKERS: usize = 10_000;
/// Under callgrind.
const COUNTED: usize = 1_000;
const WINDOW: usize = 64;
const STATES: [(&str, &str); 2] = [("<rpid:away/>", "away"), ("<rpid:busy/>", "busy")];

/// Prints updates per second and the CPU time of both sides, over UDP and TCP.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    pin();
    let time = Duration::from_secs(args.first().and_then(|a| a.parse().ok()).unwrap_or(4));
    let mut table = Table::new(&["10,000 presentities, one watcher", "updates/s", "Kamailio, CPU us/update", "daemon, CPU us/update", "share"]);
    for transport in ["udp", "tcp"] {
        eprintln!("Kamailio, {transport} ...");
        let Some(kamailio) = Kamailio::start(KamailioOptions::default()) else { return Err("kamailio is not installed".into()) };
        let (rate, theirs, ours) = measure(&kamailio, transport, time)?;
        let row = [format!("{transport}, PUBLISH to request to the T-Server"), thousands(rate as u64), format!("{theirs:.1}"), format!("{ours:.1}")];
        table.row(&[row.as_slice(), &[format!("1/{:.1}", theirs / ours)]].concat());
    }
    table.print("Kamailio end to end, daemon on core 0, all others on core 1 (profile `open`)");
    Ok(())
}

/// Instructions per update of the deciding thread: two counted runs, their difference. With a path, the file of the longer one is kept there for `callgrind_annotate`.
pub(crate) fn count(args: &[String]) -> Result<(), String> {
    const SHORT: usize = 2;
    const LONG: usize = 6;
    for transport in ["udp", "tcp"] {
        let total = |rounds: usize| -> Result<f64, String> {
            let Some(kamailio) = Kamailio::start(KamailioOptions::default()) else { return Err("kamailio is not installed".into()) };
            let mut it = Pair::start(&kamailio, transport, COUNTED, Daemon::with_options_counted)?;
            for (activities, status) in STATES.into_iter().cycle().take(rounds) {
                it.round(activities, status);
            }
            let threads = it.child.instructions()?;
            if let Some(path) = args.first() {
                it.child.keep_count(path)?;
            }
            Ok(threads.first().copied().unwrap_or_default())
        };
        // The longer one last: its profile is what is kept.
        let short = total(SHORT)?;
        let per = (total(LONG)? - short) / ((LONG - SHORT) * COUNTED) as f64;
        println!("{transport}: {} instructions an update (user), deciding thread", thousands(per as u64));
    }
    Ok(())
}

/// What is between the publisher and the T-Server.
struct Pair {
    uris: Vec<String>,
    device: Device,
    bridge: Bridge,
    child: Daemon,
}

impl Pair {
    /// Everybody is subscribed and has a state.
    fn start(kamailio: &Kamailio, transport: &str, workers: usize, starter: Starter) -> Result<Self, String> {
        let uris: Vec<String> = (0..workers).map(uri).collect();
        let mut device = Device::at(kamailio.port);
        device.many(&uris, STATES[1].0, WINDOW);
        let bridge = Bridge::start(BridgeOptions::default());
        let uc = format!("kind = \"simple\"\ntransport = \"{transport}\"\n");
        let child = starter(workers, kamailio.port, bridge.port, &Options { uc: &uc, ..Default::default() })?;
        let it = Self { uris, device, bridge, child };
        it.all(STATES[1].1);
        Ok(it)
    }

    /// Everybody changes.
    fn round(&mut self, activities: &str, status: &str) {
        self.device.many(&self.uris, activities, WINDOW);
        self.all(status);
    }

    /// Waits until a request with this presence has come for everybody.
    fn all(&self, status: &str) {
        let mut missing: HashSet<String> = (0..self.uris.len()).map(dn).collect();
        self.bridge.expect(status, |request| {
            if request.reason("KW_UC_STATUS") == status {
                missing.remove(request.dn());
            }
            missing.is_empty()
        });
    }
}

/// Updates per second, CPU microseconds per update of Kamailio and of the daemon.
fn measure(kamailio: &Kamailio, transport: &str, time: Duration) -> Result<(f64, f64, f64), String> {
    let mut it = Pair::start(kamailio, transport, WORKERS, Daemon::with_options)?;
    let (began, mut updates) = (Instant::now(), 0.0);
    let (theirs, ours) = (kamailio.cpu_seconds(), it.child.cpu_seconds());
    for (activities, status) in STATES.into_iter().cycle() {
        if began.elapsed() >= time {
            break;
        }
        it.round(activities, status);
        updates += WORKERS as f64;
    }
    it.child.check()?;
    let elapsed = began.elapsed().as_secs_f64();
    Ok((updates / elapsed, (kamailio.cpu_seconds() - theirs) / updates * 1e6, (it.child.cpu_seconds() - ours) / updates * 1e6))
}
