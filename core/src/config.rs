//! Configuration of the core: parsed and checked by a driver, immutable, replaced whole. Every limit is a named field with its unit.
//!
//! Over 500 lines: plain data with one documented field per option, read as one list.
mod conditions;
mod publish;
mod simple;
mod states;

pub use conditions::{CalendarState, Condition, Hours, Sync};
pub use publish::{AfterRule, PublishConfig, PublishWay, PublishedState, PushRules, StateRow, UserActionRule};
pub use simple::{CallRule, Credential, Oversize, SimpleConfig, UcKind};
pub use states::{ChoiceConfig, ChoiceState};

use crate::id::{CtiLinkId, SwitchId};
use crate::presence::Class;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Everything the core needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Deployment mode.
    pub mode: Mode,
    /// Application name towards the contact centre (`open.client`).
    pub application: Box<str>,
    /// The UC platform.
    pub uc: UcConfig,
    /// The contact centre.
    pub cti: CtiConfig,
    /// What presence means.
    pub presence: PresenceConfig,
    /// What is published on behalf of workers.
    pub publish: PublishConfig,
    /// States workers choose by hand.
    pub choice: ChoiceConfig,
    /// The workers, in file order; employee ids are unique.
    pub people: Vec<Person>,
    /// Limits against peers and against ourselves.
    pub limits: Limits,
    /// Notes below this are not made.
    pub note_level: NoteLevel,
}

impl Config {
    /// The server behind a bridge connection: links count the servers of all switches, in file order.
    #[must_use]
    pub fn server(&self, link: CtiLinkId) -> Option<(SwitchId, &SwitchConfig, &TServerConfig)> {
        let switches = self.cti.switches.iter().zip(0..).flat_map(|(switch, id)| switch.servers.iter().map(move |server| (SwitchId(id), switch, server)));
        switches.into_iter().nth(link.index())
    }
}

impl Config {
    /// The same without workers. The people are not copied on the way: they are the bulk of it.
    #[must_use]
    pub fn without_people(&self) -> Self {
        Self {
            mode: self.mode,
            application: self.application.clone(),
            uc: self.uc.clone(),
            cti: self.cti.clone(),
            presence: self.presence.clone(),
            publish: self.publish.clone(),
            choice: self.choice.clone(),
            people: Vec::new(),
            limits: self.limits.clone(),
            note_level: self.note_level,
        }
    }
}

/// Deployment modes (`spec/uc-connector-functional.md` 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Pull: UC presence drives agent states.
    #[default]
    Normal,
    /// No UC platform: workers choose their state here.
    Standalone,
    /// Pull, and After Call Work and Legal Guard are published (SIP Server based integration).
    Bidirectional,
    /// Agent states are published, nothing is requested of the contact centre.
    PushOnly,
}

impl Mode {
    /// UC presence drives agents.
    #[must_use]
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Normal | Self::Bidirectional)
    }

    /// Something is published.
    #[must_use]
    pub const fn pushes(self) -> bool {
        matches!(self, Self::Bidirectional | Self::PushOnly)
    }

    /// There is a UC platform.
    #[must_use]
    pub const fn has_uc(self) -> bool {
        !matches!(self, Self::Standalone)
    }
}

/// Severity of a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteLevel {
    /// Every presence and state change.
    Debug,
    /// Links and subscriptions come and go.
    #[default]
    Info,
    /// Something is wrong and being handled.
    Warn,
    /// Somebody must act.
    Alarm,
}

/// The UC platform: one pool, one or more watcher identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UcConfig {
    /// What it speaks.
    pub kind: UcKind,
    /// One name (all its addresses are used) or an ordered list of servers.
    pub endpoints: Vec<UcEndpoint>,
    /// TLS, else TCP.
    pub tls: bool,
    /// Who subscribes. Users are spread over them, `users_per_watcher_max` each.
    pub watchers: Vec<Watcher>,
    /// One connection carries all watchers (trusted application); else one each.
    pub shared_connection: bool,
    /// Send REGISTER for each watcher (user endpoints must, application endpoints need not).
    pub register: bool,
    /// Ask for BENOTIFY.
    pub benotify: bool,
    /// Ask for the first notification in the 200.
    pub piggyback: bool,
    /// Categories to subscribe to, for example `state`, `note`.
    pub categories: Vec<Box<str>>,
    /// `User-Agent`.
    pub user_agent: Box<str>,
    /// Timers.
    pub timers: UcTimers,
    /// Own traffic limits (`decisions.md` 12).
    pub pace: UcPace,
}

/// A server or a pool name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UcEndpoint {
    /// Name or address; also the name checked in the certificate.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
}

/// A watcher identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// `sip:user@domain`.
    pub uri: Box<str>,
    /// Endpoint id; stable over restarts.
    pub epid: Box<str>,
}

/// Timers of the SIP side, milliseconds unless the name says otherwise. Defaults: `spec/ms-pres.md` 1.6, 1.11, 3.3, 4.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UcTimers {
    /// Give up connecting (TCP and TLS) after this.
    pub connect_timeout_ms: u64,
    /// First pause after all addresses failed; doubled up to `backoff_max_ms`, ± `jitter_percent`.
    pub backoff_min_ms: u64,
    /// Longest pause.
    pub backoff_max_ms: u64,
    /// Jitter of pauses and refreshes, percent.
    pub jitter_percent: u64,
    /// A failed address is tried last for this long.
    pub address_avoid_ms: u64,
    /// Timer F: no final response (RFC 3261 §17.1.2.2), 64 × T1.
    pub transaction_timeout_ms: u64,
    /// CRLF CRLF after this much silence of ours, until the server negotiates another value.
    pub keepalive_ms: u64,
    /// OPTIONS when nothing was received for this long; no answer within the transaction time-out closes the connection.
    pub probe_ms: u64,
    /// Refresh this long before a subscription expires, if it lasts twice as long; else at half time.
    pub refresh_lead_ms: u64,
    /// Shortest interval between two refreshes of one subscription, whatever the server grants.
    pub refresh_min_ms: u64,
    /// Refresh a registration this long before it expires.
    pub register_lead_ms: u64,
    /// 503 without Retry-After.
    pub retry_after_default_ms: u64,
    /// Longest Retry-After we believe.
    pub retry_after_max_ms: u64,
    /// Retry after 408, 480, 500, 504.
    pub retry_ms: u64,
    /// Longest pause of those.
    pub retry_max_ms: u64,
    /// Retry after 403, 404 on a whole request.
    pub denied_retry_ms: u64,
    /// Retry a single resource that does not exist or is refused.
    pub resource_retry_ms: u64,
    /// Spread of a re-subscription after a dialog ended without a reason, 0..this.
    pub resubscribe_jitter_ms: u64,
    /// `Expires` to ask for; absent leaves it to the server.
    pub expires_s: Option<u32>,
}

/// Own traffic limits towards the UC platform. 0 = no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UcPace {
    /// Users in one SUBSCRIBE.
    pub batch_max: u32,
    /// Users of one watcher identity.
    pub users_per_watcher_max: u32,
    /// Requests unanswered per connection.
    pub outstanding_max: u32,
    /// Requests per second per connection.
    pub requests_per_s: u32,
    /// Subscriptions of one failover are spread over this many milliseconds, jittered.
    pub failover_spread_ms: u64,
    /// Redirects followed in a row.
    pub redirects_max: u8,
}

/// The contact centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtiConfig {
    /// One per switch.
    pub switches: Vec<SwitchConfig>,
    /// Timers.
    pub timers: CtiTimers,
    /// Own traffic limits.
    pub pace: CtiPace,
}

/// A switch and its T-Server or pair of T-Servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// Switch name as in the people file (`5002@SIP_Switch`).
    pub name: Box<str>,
    /// One or two bridges.
    pub servers: Vec<TServerConfig>,
    /// How the two work together.
    pub redundancy: Redundancy,
    /// Session name shared by the pair.
    pub session: Box<str>,
    /// How long the bridge keeps the session after losing us, seconds.
    pub linger_s: u16,
    /// DNs nobody owns, registered for free seating.
    pub free_dns: Vec<Box<str>>,
}

/// One T-Server behind a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TServerConfig {
    /// Channel name: `tserver:<name>`.
    pub name: Box<str>,
    /// `host:port` or `unix:/path`, for notes; the driver connects.
    pub address: Box<str>,
}

/// Redundancy of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Redundancy {
    /// One server.
    Single,
    /// One connection at a time, the other on failure.
    Warm,
    /// Both connections, requests to the primary.
    Hot,
}

/// Timers of the contact-centre side, milliseconds (`spec/genesys-protocols.md` 3.5, 9.3, `decisions.md` 25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtiTimers {
    /// Connect, hello and open must be done within this.
    pub connect_timeout_ms: u64,
    /// First pause after every server failed; doubled up to `backoff_max_ms`.
    pub backoff_min_ms: u64,
    /// Longest pause.
    pub backoff_max_ms: u64,
    /// Jitter, percent.
    pub jitter_percent: u64,
    /// No answer to a request.
    pub request_timeout_ms: u64,
    /// First pause before repeating what failed; doubled up to `retry_max_ms`.
    pub retry_min_ms: u64,
    /// Longest such pause.
    pub retry_max_ms: u64,
    /// The same for a refused login.
    pub relogin_ms: u64,
    /// Error 57 (TERR_TIMEOUT) is repeated once after this.
    pub terr_timeout_retry_ms: u64,
    /// Hot standby: how long requests wait for the other server to become primary before the switch counts as down.
    pub switchover_ms: u64,
}

/// Own traffic limits towards the contact centre. 0 = no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtiPace {
    /// Requests per second per T-Server.
    pub requests_per_s: u32,
    /// Requests unanswered per connection; the bridge's own window also holds.
    pub window_max: u32,
}

/// What presence means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceConfig {
    /// What each class does, indexed by `Class as usize`.
    pub rules: [Rule; 9],
    /// Looked at first, in order.
    pub conditions: Vec<Condition>,
    /// Local time minus UTC, minutes, for [`Hours`]; the driver re-configures when it changes.
    pub utc_offset_min: i32,
    /// Keep synchronising a worker whose agent is logged out (`sync-when-logout`); else a logout by others stands until they log in again.
    pub sync_when_logged_out: bool,
    /// DNs follow who logs in there (`spec/uc-connector-functional.md` 4.3).
    pub free_seating: bool,
    /// Availability 1-2999 and 0 count as offline instead of unknown (pidgin-sipe shows 0 so).
    pub low_is_offline: bool,
    /// 6900 with `urgent-interruptions-only` counts as do-not-disturb.
    pub urgent_is_dnd: bool,
    /// Log agents in when their presence asks for a state.
    pub auto_login: bool,
    /// Log agents out when the connector stops in good order.
    pub logout_on_stop: bool,
    /// Presence unknown (subscription lost) for this long, milliseconds, makes it stale.
    pub grace_ms: u64,
    /// What to do then.
    pub stale: Rule,
    /// Somebody else changed the agent's state.
    pub foreign: ForeignRule,
    /// Somebody else logged the agent out.
    pub foreign_logout: ForeignRule,
    /// Reason key for the status.
    pub status_key: Box<str>,
    /// Reason key for the note.
    pub note_key: Box<str>,
    /// Send the note's text (else always empty).
    pub send_note: bool,
}

/// What a class of presence does to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Rule {
    /// Leave the agent alone.
    Ignore,
    /// `RequestAgentReady`
    Ready {
        /** work mode */
        work_mode: Option<u8>,
    },
    /// `RequestAgentNotReady`
    NotReady {
        /** work mode */
        work_mode: Option<u8>,
    },
    /// `RequestAgentLogout`
    Logout,
}

/// Precedence when somebody else (desktop, supervisor, T-Server timer) changes what we set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignRule {
    /// It stands until the worker's next presence change.
    UntilNextPresence,
    /// Our state is requested again after this many milliseconds.
    Enforce {
        /** milliseconds */
        after_ms: u64,
    },
}

/// A worker (`decisions.md` 6, 19).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Unique.
    pub employee_id: Box<str>,
    /// Login name of the person.
    pub user_name: Box<str>,
    /// For people to read.
    pub display_name: Box<str>,
    /// `sip:user@domain`; empty: not watched.
    pub sip_uri: Box<str>,
    /// Agent Login code (`AttributeAgentID`).
    pub agent_login: Box<str>,
    /// Reference to the login password: `env:NAME` or `file:PATH`; empty: none.
    pub password_ref: Box<str>,
    /// `AttributeThisQueue` of the login; empty: none.
    pub login_queue: Box<str>,
    /// The worker's DNs.
    pub dns: Box<[PersonDn]>,
    /// Place name.
    pub place: Box<str>,
    /// Group names joined by `;`.
    pub groups: Box<str>,
    /// argon2 hash for the web client; empty: none.
    pub web_password_hash: Box<str>,
    /// Which direction works for this worker.
    pub sync: Sync,
}

/// A DN of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PersonDn {
    /// Number.
    pub number: Box<str>,
    /// Index in `config.cti.switches`.
    pub switch: u16,
}

/// Limits, each with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SIP start line, bytes.
    pub sip_start_line_bytes_max: u32,
    /// One SIP header, bytes.
    pub sip_header_bytes_max: u32,
    /// All SIP headers, bytes.
    pub sip_head_bytes_max: u32,
    /// SIP headers, count.
    pub sip_headers_max: u32,
    /// SIP body, bytes.
    pub sip_body_bytes_max: u32,
    /// XML depth.
    pub xml_depth_max: u32,
    /// Resources or parts in one list notification.
    pub list_resources_max: u32,
    /// Bridge line, bytes.
    pub cti_line_bytes_max: u32,
    /// Depth of KvLists.
    pub kv_depth_max: u32,
    /// A worker's note, bytes of UTF-8; longer ones are cut at a character.
    pub note_bytes_max: u32,
    /// Actions waiting before notes are dropped and counted.
    pub notes_queue_max: usize,
}

impl Default for Limits {
    /// `spec/ms-pres.md` 1.4, `spec/bridge.md` 2.
    fn default() -> Self {
        Self {
            sip_start_line_bytes_max: 8 << 10,
            sip_header_bytes_max: 16 << 10,
            sip_head_bytes_max: 64 << 10,
            sip_headers_max: 256,
            sip_body_bytes_max: 4 << 20,
            xml_depth_max: 32,
            list_resources_max: 4096,
            cti_line_bytes_max: 1 << 20,
            kv_depth_max: 32,
            note_bytes_max: 1024,
            notes_queue_max: 10_000,
        }
    }
}

impl Default for UcTimers {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            backoff_min_ms: 1_000,
            backoff_max_ms: 30_000,
            jitter_percent: 20,
            address_avoid_ms: 600_000,
            transaction_timeout_ms: 32_000,
            keepalive_ms: 60_000,
            probe_ms: 300_000,
            refresh_lead_ms: 120_000,
            refresh_min_ms: 30_000,
            register_lead_ms: 60_000,
            retry_after_default_ms: 30_000,
            retry_after_max_ms: 600_000,
            retry_ms: 60_000,
            retry_max_ms: 300_000,
            denied_retry_ms: 900_000,
            resource_retry_ms: 3_600_000,
            resubscribe_jitter_ms: 10_000,
            expires_s: None,
        }
    }
}

impl UcPace {
    /// The documented limits (`spec/ms-pres.md` 11).
    #[must_use]
    pub const fn lync() -> Self {
        Self { batch_max: 200, users_per_watcher_max: 1000, outstanding_max: 15, requests_per_s: 25, failover_spread_ms: 30_000, redirects_max: 5 }
    }

    /// No limits but those of memory.
    #[must_use]
    pub const fn open() -> Self {
        Self { batch_max: 1000, users_per_watcher_max: 0, outstanding_max: 0, requests_per_s: 0, failover_spread_ms: 0, redirects_max: 5 }
    }
}

impl Default for CtiTimers {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            backoff_min_ms: 1_000,
            backoff_max_ms: 10_000,
            jitter_percent: 20,
            request_timeout_ms: 10_000,
            retry_min_ms: 5_000,
            retry_max_ms: 300_000,
            relogin_ms: 5_000,
            terr_timeout_retry_ms: 1_000,
            switchover_ms: 5_000,
        }
    }
}

impl CtiPace {
    /// The documented limit (`spec/genesys-protocols.md` 9.5).
    #[must_use]
    pub const fn lync() -> Self {
        Self { requests_per_s: 50, window_max: 100 }
    }

    /// No limit of ours.
    #[must_use]
    pub const fn open() -> Self {
        Self { requests_per_s: 0, window_max: 0 }
    }
}

impl Default for PresenceConfig {
    fn default() -> Self {
        let busy = Rule::NotReady { work_mode: None };
        let mut rules = [busy; 9];
        rules[Class::Unknown as usize] = Rule::Ignore;
        rules[Class::Online as usize] = Rule::Ready { work_mode: None };
        rules[Class::IdleOnline as usize] = Rule::Ready { work_mode: None };
        rules[Class::Offline as usize] = Rule::Logout;
        Self {
            rules,
            conditions: Vec::new(),
            utc_offset_min: 0,
            sync_when_logged_out: true,
            free_seating: false,
            low_is_offline: false,
            urgent_is_dnd: true,
            auto_login: true,
            logout_on_stop: false,
            grace_ms: 30_000,
            stale: Rule::Ignore,
            foreign: ForeignRule::UntilNextPresence,
            foreign_logout: ForeignRule::UntilNextPresence,
            status_key: "KW_UC_STATUS".into(),
            note_key: "KW_UC_NOTE".into(),
            send_note: true,
        }
    }
}

impl Default for UcConfig {
    /// Everything but endpoints and watchers.
    fn default() -> Self {
        Self {
            kind: UcKind::Microsoft,
            endpoints: Vec::new(),
            tls: true,
            watchers: Vec::new(),
            shared_connection: true,
            register: true,
            benotify: true,
            piggyback: true,
            categories: alloc::vec!["state".into(), "note".into()],
            user_agent: "UCConnector/0.1".into(),
            timers: UcTimers::default(),
            pace: UcPace::lync(),
        }
    }
}
