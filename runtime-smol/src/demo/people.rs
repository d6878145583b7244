//! The people of the demo and the configuration that watches them.
use super::DemoOptions;
use super::servers::Doors;
use crate::settings::{BridgeAddress, BridgeSettings, LogFormat, LogSettings, OpsSettings, Settings};
use std::sync::Arc;
use uc_core::Config;
use uc_core::config::{
    CtiConfig, CtiPace, CtiTimers, Limits, Mode, NoteLevel, Person, PersonDn, PresenceConfig, Redundancy, SwitchConfig, TServerConfig, UcConfig, UcEndpoint,
    UcPace, UcTimers, Watcher,
};

const FIRST: [&str; 20] = [
    "Anna", "Ben", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karin", "Lukas", "Maria", "Nils", "Olga", "Paul", "Rosa", "Simon",
    "Tilda", "Viktor",
];
const LAST: [&str; 15] = ["Adler", "Berg", "Conrad", "Dorn", "Engel", "Falk", "Graf", "Hahn", "Jung", "Kern", "Lang", "Moser", "Neumann", "Otto", "Roth"];
const DOMAIN: &str = "contoso.example";
/// Users of one watcher identity, as a Front End allows.
const USERS_PER_WATCHER: u32 = 1000;

/// A worker as the servers know them.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) uri: String,
    pub(super) dn: String,
}

/// `count` people with names, addresses and DNs of their own.
pub(super) fn workers(count: u32) -> Vec<Worker> {
    let names = FIRST.len() * LAST.len();
    (0..count as usize)
        .map(|n| {
            // 20 and 15 share the factor 5: step through last names so that no pair repeats before all are used.
            let (first, last) = (FIRST[n % FIRST.len()], LAST[(n + n / 60) % LAST.len()]);
            let suffix = if n < names { String::new() } else { format!("{}", n / names + 1) };
            Worker {
                name: format!("{first} {last}{}{suffix}", if suffix.is_empty() { "" } else { " " }),
                uri: format!("sip:{}.{}{suffix}@{DOMAIN}", first.to_lowercase(), last.to_lowercase()),
                dn: format!("{}", 5001 + n),
            }
        })
        .collect()
}

/// The connector's settings towards the servers behind `doors`.
pub(super) fn settings(options: &DemoOptions, workers: &[Worker], doors: &Doors) -> Settings {
    let people = workers.iter().map(|worker| Person {
        employee_id: worker.dn.as_str().into(),
        display_name: worker.name.as_str().into(),
        sip_uri: worker.uri.as_str().into(),
        agent_login: worker.dn.as_str().into(),
        dns: [PersonDn { number: worker.dn.as_str().into(), switch: 0 }].into(),
        ..Person::default()
    });
    let core = Config {
        mode: Mode::Normal,
        application: "UC_Connector".into(),
        uc: uc(workers.len(), doors),
        cti: cti(doors),
        presence: PresenceConfig::default(),
        people: people.collect(),
        limits: Limits::default(),
        note_level: NoteLevel::Warn,
    };
    Settings {
        core: Arc::new(core),
        uc_tls: None,
        bridges: doors.bridges().map(|at| BridgeSettings { address: BridgeAddress::Tcp(at.ip().to_string(), at.port()), tls: None, token_ref: None }).collect(),
        ops: OpsSettings { listen: Some(options.ops), connections_max: 64, show_notes: false },
        log: LogSettings { format: LogFormat::Human, show_notes: false, tlib_messages: false },
        write_queue_bytes_max: 4 << 20,
    }
}

fn uc(workers: usize, doors: &Doors) -> UcConfig {
    let watchers = workers.div_ceil(USERS_PER_WATCHER as usize).max(1);
    UcConfig {
        endpoints: doors.front_ends().map(|at| UcEndpoint { host: at.ip().to_string().into(), port: at.port() }).collect(),
        tls: false,
        watchers: (1..=watchers).map(|n| Watcher { uri: format!("sip:watcher{n}@{DOMAIN}").into(), epid: format!("{n:010x}").into() }).collect(),
        // Everything is on this machine: come back at once.
        timers: UcTimers { backoff_min_ms: 200, address_avoid_ms: 2_000, resubscribe_jitter_ms: 200, ..UcTimers::default() },
        pace: UcPace { batch_max: 200, users_per_watcher_max: USERS_PER_WATCHER, ..UcPace::open() },
        ..UcConfig::default()
    }
}

fn cti(doors: &Doors) -> CtiConfig {
    let servers = doors.bridges().zip(["SIPS", "SIPS_B"]);
    let switch = SwitchConfig {
        name: "SIP_Switch".into(),
        servers: servers.map(|(at, name)| TServerConfig { name: name.into(), address: at.to_string().into() }).collect(),
        redundancy: Redundancy::Hot,
        session: "demo".into(),
        linger_s: 30,
    };
    CtiConfig { switches: vec![switch], timers: CtiTimers { backoff_min_ms: 200, ..CtiTimers::default() }, pace: CtiPace::open() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nobody_shares_an_address_or_a_number() {
        let all = workers(10_000);
        assert_eq!(all.iter().map(|w| &w.uri).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|w| &w.dn).collect::<BTreeSet<_>>().len(), all.len());
    }
}
