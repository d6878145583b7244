//! The company of a run: people, addresses and configuration, all derived from the options.
use crate::net::Node;
use crate::options::Options;
use crate::peers::front_end::{FrontEndConfig, FrontEndFaults};
use crate::peers::tserver::{AfterLogin, Standby, TServerConfig as PairConfig, TServerFaults};
use crate::rng::Rng;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use uc_core::config::{ChoiceConfig, CtiConfig, CtiPace, CtiTimers, Limits, NoteLevel, Person, PersonDn, PresenceConfig, Redundancy};
use uc_core::config::{SwitchConfig, TServerConfig, UcConfig, UcEndpoint, UcPace, Watcher};
use uc_core::{Config, Mono, Now};

/// SIP domain.
pub const DOMAIN: &str = "contoso.example";
/// Milliseconds since 1970 when every run begins.
pub const EPOCH_UNIX_MS: u64 = 1_767_600_000_000;
/// Subscriptions granted for at most so long are refreshed within a run's quiet phase, seconds.
pub const EXPIRES_SHORT_S: u32 = 600;
const SIP_PORT: u16 = 5061;

/// Both clocks at a virtual time.
#[must_use]
pub const fn clock(at: Mono) -> Now {
    Now { mono: at, unix_ms: EPOCH_UNIX_MS + at.0 }
}

/// SIP URI of a person.
#[must_use]
pub fn uri_of(worker: u16) -> String {
    format!("sip:w{worker:05}@{DOMAIN}")
}

/// DN of a person.
#[must_use]
pub fn dn_of(worker: u16) -> String {
    format!("{}", 50_000 + u32::from(worker))
}

/// Employee id of a person.
#[must_use]
pub fn employee_of(worker: u16) -> String {
    format!("e{worker:05}")
}

/// The person with this employee id.
#[must_use]
pub fn worker_of(employee_id: &str) -> Option<u16> {
    employee_id.strip_prefix('e')?.parse().ok()
}

/// Login code of a person.
#[must_use]
pub fn login_of(worker: u16) -> String {
    format!("{}", 60_000 + u32::from(worker))
}

fn person(worker: u16) -> Person {
    Person {
        employee_id: employee_of(worker).into(),
        display_name: format!("Worker {worker}").into(),
        sip_uri: uri_of(worker).into(),
        agent_login: login_of(worker).into(),
        dns: Box::new([PersonDn { number: dn_of(worker).into(), switch: 0 }]),
        ..Person::default()
    }
}

/// The router behind a bridge.
fn router(linger_s: u16) -> SwitchConfig {
    let server = TServerConfig { name: "urs1".into(), address: "urs1:7005".into() };
    let (servers, session) = (vec![server], "7f3b".into());
    SwitchConfig { name: "URS".into(), servers, redundancy: Redundancy::Single, session, linger_s, free_dns: Vec::new() }
}

/// The queue agents log in to.
const fn login_queue(options: &Options) -> &'static str {
    if options.previews.login_queue { crate::preview::LOGIN_QUEUE } else { "" }
}

/// T-Servers of the switch.
#[must_use]
pub const fn t_servers(options: &Options) -> u16 {
    if matches!(options.redundancy, Redundancy::Single) { 1 } else { 2 }
}

/// Name of a T-Server.
#[must_use]
pub fn t_server_name(at: u16) -> String {
    format!("tsrv{}", at + 1)
}

/// The configuration with these people.
#[must_use]
pub fn config(options: &Options, people: &[u16]) -> Arc<Config> {
    let (uc_pace, cti_pace) = if options.lync_pace { (UcPace::lync(), CtiPace::lync()) } else { (UcPace::open(), CtiPace::open()) };
    let servers = (0..t_servers(options))
        .map(|at| TServerConfig { name: t_server_name(at).into(), address: format!("tsrv{}:{}", at + 1, if options.other_port { 7002 } else { 7001 }).into() });
    let watcher = |at: u16| Watcher { uri: format!("sip:watcher{at}@{DOMAIN}").into(), epid: format!("ucc{at:06}").into() };
    Arc::new(Config {
        mode: options.both.mode(),
        publish: options.both.publish(),
        choice: ChoiceConfig::default(),
        preview: options.previews.config(),
        application: "UC_Connector".into(),
        uc: UcConfig {
            endpoints: vec![UcEndpoint { host: format!("pool01.{DOMAIN}").into(), port: SIP_PORT }],
            watchers: (0..options.watchers).map(watcher).collect(),
            shared_connection: options.shared_connection,
            register: options.register,
            benotify: options.benotify,
            piggyback: options.piggyback,
            pace: uc_pace,
            ..UcConfig::default()
        },
        cti: CtiConfig {
            switches: vec![SwitchConfig {
                name: "SIP_Switch".into(),
                servers: servers.collect(),
                redundancy: options.redundancy,
                session: "7f3a".into(),
                linger_s: 30,
                free_dns: Vec::new(),
            }],
            routers: options.previews.bridge_linger_s.map(router).into_iter().collect(),
            timers: CtiTimers::default(),
            pace: cti_pace,
        },
        presence: PresenceConfig { logout_on_stop: options.logout_on_stop, ..PresenceConfig::default() },
        people: people.iter().map(|worker| Person { login_queue: login_queue(options).into(), ..person(*worker) }).collect(),
        limits: Limits::default(),
        note_level: NoteLevel::Info,
    })
}

/// The pool.
#[must_use]
pub fn pool(options: &Options) -> FrontEndConfig {
    FrontEndConfig {
        nodes: options.front_ends,
        seed: options.seed ^ 0xfe,
        domain: DOMAIN.to_owned(),
        epoch_unix_ms: EPOCH_UNIX_MS,
        expires_default_s: options.expires_s,
        expires_min_s: 300,
        batch_max: 1000,
        // Both forms are met: what a known client wants, and what the specification infers (`spec/ms-pres.md` 6.5).
        tell_single_instances: options.seed % 2 == 1,
        users_per_endpoint_max: if options.workers > 1_000 { usize::from(u16::MAX) } else { 1_000 },
        ..FrontEndConfig::default()
    }
}

/// The T-Servers.
#[must_use]
pub fn pair(options: &Options) -> PairConfig {
    let mut rng = Rng::fork(options.seed, 0x757);
    let odd = options.odd_peers;
    let mut coin = || odd && rng.below(3) == 0;
    PairConfig {
        names: (0..t_servers(options)).map(t_server_name).collect(),
        seed: options.seed ^ 0x75,
        standby: match options.redundancy {
            Redundancy::Single => Standby::Single,
            Redundancy::Warm => Standby::Warm,
            Redundancy::Hot => Standby::Hot,
        },
        logout_on_unreg: coin(),
        after_login: [AfterLogin::NotReady, AfterLogin::Ready, AfterLogin::Nothing][usize::from(coin()) + usize::from(coin())],
        event_sequence: coin(),
        link_flap_on_switchover: coin(),
        restore_event: coin(),
        death_logs_out: coin(),
        acw_after_released: options.both.work_after_release,
        acw_refuses_requests: options.both.work_refuses,
        // A server that loses answers cannot tell what the connector has given up; the checker `storm` can.
        check_in_flight: !odd,
        ..PairConfig::default()
    }
}

/// How the T-Servers stray, by swarm.
#[must_use]
pub fn pair_strays(options: &Options) -> TServerFaults {
    let mut rng = Rng::fork(options.seed, 0x7dd);
    if !options.odd_peers {
        return TServerFaults::default();
    }
    let mut pm = |most: u64| if rng.below(3) == 0 { rng.below(most + 1) as u16 } else { 0 };
    TServerFaults {
        answer_delay_ms: (0, u64::from(pm(500))),
        slow_pm: pm(50),
        slow_ms: (1_000, 20_000),
        lost_answer_pm: pm(30),
        lost_truth_ms: Some(3_000),
        duplicate_pm: pm(200),
        odd_lines_pm: pm(1000),
        unknown_pm: pm(100),
        ..TServerFaults::default()
    }
}

/// How the pool strays, by swarm: most deviations are off in a run, the others differ in weight.
#[must_use]
pub fn strays(options: &Options) -> FrontEndFaults {
    let mut rng = Rng::fork(options.seed, 0x0dd);
    if !options.odd_peers {
        return FrontEndFaults { no_notify_pm: options.no_notify_pm, ..FrontEndFaults::default() };
    }
    let mut pm = |most: u64| if rng.below(3) == 0 { rng.below(most + 1) as u16 } else { 0 };
    FrontEndFaults {
        register_503_pm: pm(300),
        subscribe_503_pm: pm(300),
        retry_after_s: u32::from(pm(30)) + 1,
        subscribe_5xx_pm: pm(200),
        refresh_481_pm: pm(300),
        refresh_430_pm: pm(300),
        no_piggyback_pm: pm(500),
        early_notify_pm: pm(500),
        refresh_without_body_pm: pm(500),
        notify_although_benotify_pm: pm(500),
        multipart_update_pm: pm(500),
        odd_xml_pm: pm(1000),
        crlf_pm: pm(500),
        duplicate_pm: pm(100),
        repeat_pm: pm(100),
        low_cseq_pm: pm(100),
        stale_update_pm: pm(100),
        stranger_pm: pm(50),
        empty_notify_pm: pm(50),
        terminate_dialog_pm: pm(10),
        terminate_resource_pm: pm(10),
        no_answer_pm: pm(20),
        close_pm: pm(20),
        cut_pm: pm(20),
        answer_delay_ms: (0, u64::from(pm(400))),
        no_notify_pm: options.no_notify_pm,
        ..FrontEndFaults::default()
    }
}

/// Address of a Front End.
#[must_use]
pub const fn address_of(node: Node) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, node.0 as u8 + 1)), SIP_PORT)
}

/// The Front End at an address.
#[must_use]
pub fn node_at(options: &Options, addr: SocketAddr) -> Option<Node> {
    (0..options.front_ends).map(Node).find(|node| address_of(*node).ip() == addr.ip())
}

/// What a name resolves to: the pool's name to all its servers, a server's name to itself.
#[must_use]
pub fn resolve(options: &Options, host: &str) -> Vec<SocketAddr> {
    if let Ok(ip) = host.parse() {
        return vec![SocketAddr::new(ip, SIP_PORT)];
    }
    let all = || (0..options.front_ends).map(Node);
    if host == format!("pool01.{DOMAIN}") {
        return all().map(address_of).collect();
    }
    all().filter(|node| host == format!("fe{:02}.{DOMAIN}", node.0 + 1)).map(address_of).collect()
}
