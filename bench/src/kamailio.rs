//! A real Kamailio as presence server (package kamailio-presence-modules): somebody publishes for 10,000 workers, Kamailio notifies the daemon, the daemon sets the
//! agents. Kamailio, the publisher and the T-Server share core 1; the daemon has core 0. The publisher has 64 requests under way; every update of a round must have
//! become a request to the T-Server before the next round begins, so none is left out.
use crate::daemon::Daemon;
use crate::e2e::pin;
use crate::seed::{dn, uri};
use crate::table::{Table, thousands};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use uc_tests::{Bridge, BridgeOptions, Device, Kamailio, KamailioOptions};

const WORKERS: usize = 10_000;
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

/// Updates per second, CPU microseconds per update of Kamailio and of the daemon.
fn measure(kamailio: &Kamailio, transport: &str, time: Duration) -> Result<(f64, f64, f64), String> {
    let uris: Vec<String> = (0..WORKERS).map(uri).collect();
    let mut device = Device::at(kamailio.port);
    device.many(&uris, STATES[1].0, WINDOW);
    let bridge = Bridge::start(BridgeOptions::default());
    let uc = format!("kind = \"simple\"\ntransport = \"{transport}\"\n");
    let mut child = Daemon::with_options(WORKERS, kamailio.port, bridge.port, &crate::daemon::Options { uc: &uc, ..Default::default() })?;
    all(&bridge, STATES[1].1);
    let (began, mut updates) = (Instant::now(), 0.0);
    let (theirs, ours) = (kamailio.cpu_seconds(), child.cpu_seconds());
    for (activities, status) in STATES.into_iter().cycle() {
        if began.elapsed() >= time {
            break;
        }
        device.many(&uris, activities, WINDOW);
        all(&bridge, status);
        updates += WORKERS as f64;
    }
    child.check()?;
    let elapsed = began.elapsed().as_secs_f64();
    Ok((updates / elapsed, (kamailio.cpu_seconds() - theirs) / updates * 1e6, (child.cpu_seconds() - ours) / updates * 1e6))
}

/// Waits until a request with this presence has come for everybody.
fn all(bridge: &Bridge, status: &str) {
    let mut missing: HashSet<String> = (0..WORKERS).map(dn).collect();
    bridge.expect(status, |request| {
        if request.reason("KW_UC_STATUS") == status {
            missing.remove(request.dn());
        }
        missing.is_empty()
    });
}
