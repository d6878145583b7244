//! The configuration of the demo's connector: the invented staff, the emulated servers' addresses.
use super::DemoMode;
use super::Scratch;
use super::servers::Doors;
use crate::config_file::web::{router_default, web_default};
use crate::presence_xml;
use crate::settings::{
    BridgeAddress, BridgeSettings, ChoiceSettings, DoorSettings, LogFormat, LogSettings, OpsSettings, PageSettings, RouterSettings, Settings, TlsProfile,
    TlsSettings, WebSettings,
};
use crate::web::password;
use std::net::SocketAddr;
use std::sync::Arc;
use uc_core::Config;
use uc_core::config::{
    ChoiceConfig, CtiConfig, CtiPace, CtiTimers, Limits, Mode, NotReadyRule, NoteLevel, Person, PresenceConfig, PreviewConfig, PublishConfig, Redundancy,
    SwitchConfig, TServerConfig, UcConfig, UcEndpoint, UcPace, UcTimers, Watcher,
};
use uc_runtime_sim::peers::people::DemoPerson;

/// Password of every worker of the demo.
pub(super) const PASSWORD: &str = "demo-demo";
/// All of them.
pub(super) const GROUP: &str = "demo";
const DOMAIN: &str = "contoso.example";
/// Users of one watcher identity, as a Front End allows.
const USERS_PER_WATCHER: u32 = 1000;

/// Where the demo's connector listens and writes.
pub(super) struct Places {
    pub(super) ops: SocketAddr,
    pub(super) web: SocketAddr,
    pub(super) router: SocketAddr,
    pub(super) history: Scratch,
}

/// The connector's settings towards the servers behind `doors`.
pub(super) fn settings(places: &Places, workers: &[DemoPerson], doors: &Doors, mode: DemoMode) -> Result<Settings, String> {
    let hash: Box<str> = password::hash(PASSWORD)?.into();
    let person = |worker: &DemoPerson| Person { groups: GROUP.into(), web_password_hash: hash.clone(), ..worker.to_config(0) };
    let standalone = mode == DemoMode::Standalone;
    // The document is the one we ship; a test holds it to be good.
    let catalogue = presence_xml::parse(include_str!("../../../docs/presence.xml")).map(|(catalogue, _)| catalogue).unwrap_or_default();
    let core = Config {
        mode: match mode {
            DemoMode::Normal => Mode::Normal,
            DemoMode::Standalone => Mode::Standalone,
            DemoMode::Bidirectional => Mode::Bidirectional,
            DemoMode::PushOnly => Mode::PushOnly,
        },
        // A minute is long for somebody who watches.
        publish: PublishConfig { reassert_ms: 3_000, requests_per_s: 0, outstanding_max: 0, ..PublishConfig::default() },
        // Whoever looks at the demo has a page open and shall see a preview, whatever the day does to their agent.
        preview: PreviewConfig { require_ready: false, not_ready: NotReadyRule::Keep, targets_max: 10_000, ..PreviewConfig::default() },
        choice: ChoiceConfig { states: catalogue.rows(), logout: true, ..ChoiceConfig::default() },
        application: "UC_Connector".into(),
        uc: if standalone { UcConfig::default() } else { uc(workers.len(), doors) },
        cti: cti(doors),
        presence: PresenceConfig::default(),
        people: workers.iter().map(person).collect(),
        limits: Limits::default(),
        note_level: NoteLevel::Warn,
    };
    Ok(Settings {
        zone: jiff::tz::TimeZone::UTC,
        core: Arc::new(core),
        uc_tls: None,
        bridges: doors.bridges().map(|at| BridgeSettings { address: BridgeAddress::Tcp(at.ip().to_string(), at.port()), tls: None, token_ref: None }).collect(),
        ops: OpsSettings { listen: Some(places.ops), connections_max: 64, show_notes: false, token_ref: None },
        web: web(places, workers),
        router: RouterSettings { door: DoorSettings { listen: Some(places.router), ..router_default().door }, ..router_default() },
        choice: ChoiceSettings {
            location: None,
            tls: TlsSettings { profile: TlsProfile::Rustls, ca: None, identity: None, server_name: None },
            interval_s: 0,
            store: None,
            catalogue: Some(catalogue),
            faults: Vec::new(),
        },
        log: LogSettings { format: LogFormat::Human, show_notes: false, tlib_messages: false },
        write_queue_bytes_max: 4 << 20,
    })
}

fn web(places: &Places, workers: &[DemoPerson]) -> WebSettings {
    let default = web_default();
    WebSettings {
        door: DoorSettings { listen: Some(places.web), ..default.door },
        supervisors: workers.iter().take(1).map(|worker| worker.employee_id.as_str().into()).collect(),
        history: Some(places.history.0.clone()),
        page: PageSettings {
            fields: ["Customer", "Topic", "Notes"].map(Into::into).to_vec(),
            redirect_prefixes: ["+49", "0"].map(Into::into).to_vec(),
            ..default.page
        },
        ..default
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
        free_dns: Vec::new(),
    };
    CtiConfig { switches: vec![switch], routers: Vec::new(), timers: CtiTimers { backoff_min_ms: 200, ..CtiTimers::default() }, pace: CtiPace::open() }
}
