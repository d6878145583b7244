//! The one table of options: name, meaning, range, place. Parser, example file and reference are made from it.
//!
//! Over 500 lines: a table, one row per option, read as one list.
use super::simple::Kind;
use super::slot::{Profile, Slot, Transport};
use super::web::{ServerTlsDraft, router_default, web_default};
use crate::presence_xml::source::Location;
use crate::settings::{BridgeAddress, LogFormat, LogSettings, OpsSettings, RouterSettings, TlsProfile, TlsSettings, WebSettings};
use std::path::PathBuf;
use uc_core::config::{
    CalendarState, ChoiceConfig, CtiConfig, CtiPace, CtiTimers, Limits, Mode, NoteLevel, PresenceConfig, PreviewConfig, PublishConfig, Redundancy, Rule,
    SimpleConfig, UcConfig,
};
use uc_core::presence::Class;

/// An option of a section whose values live in `T`.
pub(crate) struct Opt<T> {
    /// Name.
    pub(crate) key: &'static str,
    /// Meaning, one line.
    pub(crate) doc: &'static str,
    /// Least and greatest number, or length of text.
    pub(crate) range: (u64, u64),
    /// What the example shows when there is no default.
    pub(crate) sample: &'static str,
    /// Must be given.
    pub(crate) required: bool,
    /// Where the value goes.
    pub(crate) slot: fn(&mut T) -> Slot<'_>,
}

pub(crate) const fn opt<T>(key: &'static str, slot: fn(&mut T) -> Slot<'_>, doc: &'static str) -> Opt<T> {
    Opt { key, doc, range: (0, 255), sample: "", required: false, slot }
}

pub(crate) const fn num<T>(key: &'static str, min: u64, max: u64, slot: fn(&mut T) -> Slot<'_>, doc: &'static str) -> Opt<T> {
    Opt { range: (min, max), ..opt(key, slot, doc) }
}

pub(crate) const fn must<T>(key: &'static str, sample: &'static str, slot: fn(&mut T) -> Slot<'_>, doc: &'static str) -> Opt<T> {
    Opt { range: (1, 255), sample, required: true, ..opt(key, slot, doc) }
}

pub(crate) const fn maybe<T>(key: &'static str, sample: &'static str, slot: fn(&mut T) -> Slot<'_>, doc: &'static str) -> Opt<T> {
    Opt { range: (0, 4_294_967_295), sample, ..opt(key, slot, doc) }
}

/// What the file says, before it is put together.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) mode: Mode,
    pub(crate) timezone: Box<str>,
    pub(crate) application: Box<str>,
    pub(crate) profile: Profile,
    pub(crate) people: Option<PathBuf>,
    pub(crate) uc: UcConfig,
    pub(crate) kind: Kind,
    pub(crate) simple: SimpleConfig,
    pub(crate) simple_list: Option<String>,
    pub(crate) uc_transport: Transport,
    pub(crate) uc_tls: TlsDraft,
    pub(crate) cti: CtiConfig,
    pub(crate) presence: PresenceConfig,
    pub(crate) publish: PublishConfig,
    pub(crate) publish_names: super::publish::Names,
    pub(crate) choice: ChoiceConfig,
    pub(crate) choice_location: Option<Location>,
    pub(crate) choice_interval_s: u32,
    pub(crate) choice_store: Option<PathBuf>,
    pub(crate) choice_tls: TlsDraft,
    pub(crate) login_queue: Box<str>,
    pub(crate) limits: Limits,
    pub(crate) write_queue_bytes_max: usize,
    pub(crate) ops: OpsSettings,
    pub(crate) preview: PreviewConfig,
    pub(crate) invite_texts: Vec<Box<str>>,
    pub(crate) invite_toasts: Vec<Box<str>>,
    pub(crate) web: WebSettings,
    pub(crate) web_tls: ServerTlsDraft,
    pub(crate) router: RouterSettings,
    pub(crate) router_tls: ServerTlsDraft,
    pub(crate) router_linger_s: u16,
    pub(crate) log: LogSettings,
    pub(crate) note_level: NoteLevel,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            timezone: "UTC".into(),
            publish: PublishConfig::default(),
            publish_names: super::publish::Names::default(),
            choice: ChoiceConfig::default(),
            choice_location: None,
            choice_interval_s: 300,
            choice_store: None,
            choice_tls: TlsDraft::default(),
            login_queue: "".into(),
            application: "UC_Connector".into(),
            profile: Profile::Lync,
            people: None,
            uc: UcConfig::default(),
            kind: Kind::Microsoft,
            simple: SimpleConfig::default(),
            simple_list: None,
            uc_transport: Transport::Tls,
            uc_tls: TlsDraft::default(),
            cti: CtiConfig { switches: Vec::new(), routers: Vec::new(), timers: CtiTimers::default(), pace: CtiPace::lync() },
            presence: PresenceConfig::default(),
            limits: Limits::default(),
            write_queue_bytes_max: 4 << 20,
            ops: OpsSettings { listen: Some(crate::cli::OPS_DEFAULT), connections_max: 64, show_notes: false, token_ref: None },
            invite_texts: Vec::new(),
            invite_toasts: Vec::new(),
            preview: PreviewConfig::default(),
            web: web_default(),
            web_tls: ServerTlsDraft::default(),
            router: router_default(),
            router_tls: ServerTlsDraft::default(),
            router_linger_s: 0,
            log: LogSettings { format: LogFormat::Human, show_notes: false, tlib_messages: false },
            note_level: NoteLevel::Info,
        }
    }
}

/// TLS of one kind of link.
#[derive(Clone, Debug)]
pub(crate) struct TlsDraft {
    pub(crate) profile: TlsProfile,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) server_name: Option<String>,
}

impl Default for TlsDraft {
    fn default() -> Self {
        Self { profile: TlsProfile::Rustls, ca: None, certificate: None, key: None, server_name: None }
    }
}

impl TlsDraft {
    /// The settings; certificate and key are a pair (checked before).
    pub(crate) fn settings(&self) -> TlsSettings {
        TlsSettings {
            profile: self.profile,
            ca: self.ca.clone(),
            identity: self.certificate.clone().zip(self.key.clone()),
            server_name: self.server_name.clone(),
        }
    }
}

/// `[[uc.watcher]]`
#[derive(Clone, Debug, Default)]
pub(crate) struct WatcherDraft {
    pub(crate) uri: Box<str>,
    pub(crate) epid: Box<str>,
}

/// `[[presence.condition]]`
#[derive(Clone, Debug)]
pub(crate) struct ConditionDraft {
    pub(crate) name: Box<str>,
    pub(crate) classes: Vec<Box<str>>,
    pub(crate) activities: Vec<Box<str>>,
    pub(crate) note_contains: Box<str>,
    pub(crate) calendar: Option<CalendarState>,
    pub(crate) days: Vec<Box<str>>,
    pub(crate) from: Box<str>,
    pub(crate) to: Box<str>,
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) then: Rule,
}

impl Default for ConditionDraft {
    fn default() -> Self {
        Self {
            name: Box::default(),
            classes: Vec::new(),
            activities: Vec::new(),
            note_contains: Box::default(),
            calendar: None,
            days: Vec::new(),
            from: Box::default(),
            to: Box::default(),
            groups: Vec::new(),
            then: Rule::Ignore,
        }
    }
}

/// `[[switch]]`
#[derive(Clone, Debug)]
pub(crate) struct SwitchDraft {
    pub(crate) free_dns: Vec<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) redundancy: Option<Redundancy>,
    pub(crate) session: Box<str>,
    pub(crate) linger_s: u16,
}

impl Default for SwitchDraft {
    /// `spec/bridge.md` 5.
    fn default() -> Self {
        Self { free_dns: Vec::new(), name: "".into(), redundancy: None, session: "".into(), linger_s: 30 }
    }
}

/// `[[switch.server]]`
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerDraft {
    pub(crate) name: Box<str>,
    pub(crate) address: Option<BridgeAddress>,
    pub(crate) transport: Option<Transport>,
    pub(crate) token: Option<String>,
    pub(crate) tls: TlsDraft,
}

/// Longest time an option takes.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// `[connector]`
pub(crate) const CONNECTOR: &[Opt<Draft>] = &[
    opt(
        "mode",
        |d| Slot::Word(&mut d.mode),
        "Deployment mode. `normal`: presence drives agent states. `bidirectional`: After Call Work and Legal Guard are published as well. `push-only`: agent states are published, nothing is requested of the contact centre. `standalone`: no UC platform, workers choose their state here.",
    ),
    num("application", 1, 64, |d| Slot::Text(&mut d.application), "Name of this application towards the contact centre."),
    opt(
        "profile",
        |d| Slot::Word(&mut d.profile),
        "Own traffic limits that `[uc.pace]` and `[cti.pace]` start from: `lync` the documented limits of the platforms, `open` none.",
    ),
    maybe(
        "people",
        "\"people.csv\"",
        |d| Slot::Path(&mut d.people),
        "File with the workers, CSV or TOML (by its ending), besides the `[[person]]` of this file. Relative to this file.",
    ),
    num(
        "login_queue",
        0,
        64,
        |d| Slot::Text(&mut d.login_queue),
        "Queue to log agents in to unless the worker has one of their own (default routing); empty: none.",
    ),
];

/// `[standalone]`
pub(crate) const STANDALONE: &[Opt<Draft>] =
    &[opt("user_auto_registration", |d| Slot::Bool(&mut d.choice.auto_login), "Workers who have chosen nothing yet are logged in when the connector starts.")];

/// `[choice]`
pub(crate) const CHOICE: &[Opt<Draft>] = &[
    maybe(
        "presence_location",
        "\"presence.xml\"",
        |d| Slot::Location(&mut d.choice_location),
        "The presence definition document: a file, relative to this one, or an `http` or `https` URL. Default: ready and not ready. A bad document leaves the one before in use.",
    ),
    num(
        "presence_interval_s",
        0,
        86_400,
        |d| Slot::U32(&mut d.choice_interval_s),
        "How often the document is looked at for changes, seconds, besides SIGHUP; 0: on SIGHUP only.",
    ),
    opt("enable_logout_menu", |d| Slot::Bool(&mut d.choice.logout), "Workers may log out by hand."),
    num("reason_key", 1, 64, |d| Slot::Text(&mut d.choice.reason_key), "Key of a chosen state's reason in Reasons or Extensions."),
    maybe(
        "store",
        "\"choices.db\"",
        |d| Slot::Path(&mut d.choice_store),
        "File that keeps choices over a restart (SQLite), relative to this one; its folder must be writable. Default: they are forgotten.",
    ),
];

/// `[uc]`
pub(crate) const UC: &[Opt<Draft>] = &[
    opt(
        "kind",
        |d| Slot::Word(&mut d.kind),
        "What the platform speaks: `microsoft` Lync and Skype for Business; `simple` standard presence (Kamailio, OpenSIPS, Asterisk), where `register` is off and `[uc.pace]` without limits unless given.",
    ),
    must(
        "endpoints",
        "[\"pool.example.com:5061\"]",
        |d| Slot::Endpoints(&mut d.uc.endpoints),
        "The pool's name (all its addresses are used), or several servers in the order to try them.",
    ),
    opt("transport", |d| Slot::Word(&mut d.uc_transport), "TLS or plain TCP; UDP with kind `simple` only."),
    opt("shared_connection", |d| Slot::Bool(&mut d.uc.shared_connection), "One connection carries all watchers (trusted application); otherwise one each."),
    opt("register", |d| Slot::Bool(&mut d.uc.register), "Send REGISTER for each watcher: user endpoints must, trusted applications need not."),
    opt("benotify", |d| Slot::Bool(&mut d.uc.benotify), "Ask for BENOTIFY, notifications that need no answer."),
    opt("piggyback", |d| Slot::Bool(&mut d.uc.piggyback), "Ask for the first notification inside the answer to SUBSCRIBE."),
    opt("categories", |d| Slot::Texts(&mut d.uc.categories), "Categories to subscribe to."),
    num("user_agent", 1, 128, |d| Slot::Text(&mut d.uc.user_agent), "`User-Agent` of our requests."),
];

/// `[[uc.watcher]]`
pub(crate) const WATCHER: &[Opt<WatcherDraft>] = &[
    must("uri", "\"sip:connector@example.com\"", |w| Slot::Text(&mut w.uri), "SIP URI that subscribes."),
    num("epid", 0, 32, |w| Slot::Text(&mut w.epid), "Endpoint id, stable over restarts; empty: made from the URI."),
];

/// `[uc.tls]`, `[switch.server.tls]`
pub(crate) const TLS: &[Opt<TlsDraft>] = &[
    opt(
        "profile",
        |t| Slot::Word(&mut t.profile),
        "Implementation: `rustls` (TLS 1.3, TLS 1.2 with AEAD suites) or `openssl` for old servers that offer CBC suites only.",
    ),
    maybe("ca", "\"/etc/uc-connector/ca.pem\"", |t| Slot::Path(&mut t.ca), "PEM file with the CAs to trust; default: the system's."),
    maybe(
        "certificate",
        "\"/etc/uc-connector/cert.pem\"",
        |t| Slot::Path(&mut t.certificate),
        "PEM file with our certificate chain, for mutual TLS; needs `key`.",
    ),
    maybe("key", "\"/etc/uc-connector/key.pem\"", |t| Slot::Path(&mut t.key), "PEM file with our private key."),
    maybe(
        "server_name",
        "\"pool.example.com\"",
        |t| Slot::OptText(&mut t.server_name),
        "Name to check in the server's certificate; default: the dialled name.",
    ),
];

/// `[uc.timers]`
pub(crate) const UC_TIMERS: &[Opt<Draft>] = &[
    num("connect_timeout_ms", 100, DAY_MS, |d| Slot::U64(&mut d.uc.timers.connect_timeout_ms), "Give up connecting (TCP and TLS) after this."),
    num(
        "backoff_min_ms",
        10,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.timers.backoff_min_ms),
        "First pause after all addresses failed; doubled up to `backoff_max_ms`.",
    ),
    num("backoff_max_ms", 10, DAY_MS, |d| Slot::U64(&mut d.uc.timers.backoff_max_ms), "Longest pause."),
    num("jitter_percent", 0, 90, |d| Slot::U64(&mut d.uc.timers.jitter_percent), "Jitter of pauses and refreshes."),
    num("address_avoid_ms", 0, DAY_MS, |d| Slot::U64(&mut d.uc.timers.address_avoid_ms), "An address that failed is tried last for this long."),
    num("transaction_timeout_ms", 500, DAY_MS, |d| Slot::U64(&mut d.uc.timers.transaction_timeout_ms), "No final response to a request (Timer F)."),
    num(
        "keepalive_ms",
        1000,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.timers.keepalive_ms),
        "CRLF CRLF after this much silence of ours, until the server negotiates another value.",
    ),
    num("probe_ms", 1000, DAY_MS, |d| Slot::U64(&mut d.uc.timers.probe_ms), "OPTIONS when nothing was received for this long."),
    num(
        "refresh_lead_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.timers.refresh_lead_ms),
        "Refresh this long before a subscription expires, if it lasts twice as long; else at half time.",
    ),
    num("refresh_min_ms", 1000, DAY_MS, |d| Slot::U64(&mut d.uc.timers.refresh_min_ms), "Shortest interval between two refreshes of one subscription."),
    num("register_lead_ms", 0, DAY_MS, |d| Slot::U64(&mut d.uc.timers.register_lead_ms), "Refresh a registration this long before it expires."),
    num("retry_after_default_ms", 0, DAY_MS, |d| Slot::U64(&mut d.uc.timers.retry_after_default_ms), "Pause after a 503 without Retry-After."),
    num("retry_after_max_ms", 0, DAY_MS, |d| Slot::U64(&mut d.uc.timers.retry_after_max_ms), "Longest Retry-After that is believed."),
    num("retry_ms", 10, DAY_MS, |d| Slot::U64(&mut d.uc.timers.retry_ms), "First pause after 408, 480, 500, 504."),
    num("retry_max_ms", 10, DAY_MS, |d| Slot::U64(&mut d.uc.timers.retry_max_ms), "Longest pause of those."),
    num("denied_retry_ms", 1000, DAY_MS, |d| Slot::U64(&mut d.uc.timers.denied_retry_ms), "Pause after 403 or 404 on a whole request."),
    num(
        "resource_retry_ms",
        1000,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.timers.resource_retry_ms),
        "Pause before a single worker who does not exist or is refused is tried again.",
    ),
    num(
        "resubscribe_jitter_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.timers.resubscribe_jitter_ms),
        "Spread of re-subscriptions after a dialog ended without a reason.",
    ),
    Opt {
        range: (60, 4_294_967_295),
        ..maybe("expires_s", "28800", |d: &mut Draft| Slot::OptU32(&mut d.uc.timers.expires_s), "`Expires` to ask for, seconds; default: the server's choice.")
    },
];

/// `[uc.pace]`; 0 is no limit.
pub(crate) const UC_PACE: &[Opt<Draft>] = &[
    num("batch_max", 1, 10_000, |d| Slot::U32(&mut d.uc.pace.batch_max), "Workers in one SUBSCRIBE."),
    num("users_per_watcher_max", 0, 1_000_000, |d| Slot::U32(&mut d.uc.pace.users_per_watcher_max), "Workers of one watcher; 0: no limit."),
    num("outstanding_max", 0, 100_000, |d| Slot::U32(&mut d.uc.pace.outstanding_max), "Unanswered requests per connection; 0: no limit."),
    num("requests_per_s", 0, 1_000_000, |d| Slot::U32(&mut d.uc.pace.requests_per_s), "Requests per second per connection; 0: no limit."),
    num(
        "failover_spread_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.uc.pace.failover_spread_ms),
        "Subscriptions after a failover are spread over this long, jittered.",
    ),
    num("redirects_max", 0, 20, |d| Slot::U8(&mut d.uc.pace.redirects_max), "Redirects followed in a row."),
];

/// `[[switch]]`
pub(crate) const SWITCH: &[Opt<SwitchDraft>] = &[
    must("name", "\"SIP_Switch\"", |s| Slot::Text(&mut s.name), "Name of the switch as used in the people file (`5002@SIP_Switch`)."),
    maybe(
        "redundancy",
        "\"hot\"",
        |s| Slot::Word(&mut s.redundancy),
        "`single`, `warm` (one connection at a time) or `hot` (both). Default: `single` with one server, `hot` with two.",
    ),
    num("session", 0, 64, |s| Slot::Text(&mut s.session), "Session name shared by both servers; empty: `application` and the switch's name."),
    maybe(
        "free_dns",
        "[\"7000-7099\"]",
        |s| Slot::Texts(&mut s.free_dns),
        "DNs nobody owns, single or as ranges; with `presence.free_seating` they follow who logs in there.",
    ),
    num("linger_s", 0, 3600, |s| Slot::U16(&mut s.linger_s), "How long the bridge keeps the session after losing us, seconds."),
];

/// `[[switch.server]]`
pub(crate) const SERVER: &[Opt<ServerDraft>] = &[
    must("name", "\"TServer_1\"", |s| Slot::Text(&mut s.name), "Name of the T-Server: the channel `tserver:NAME` is opened."),
    must("address", "\"127.0.0.1:7010\"", |s| Slot::Bridge(&mut s.address), "Where its bridge is: `host:port` or `unix:/path`."),
    maybe(
        "transport",
        "\"tcp\"",
        |s| Slot::Word(&mut s.transport),
        "`tls` or `tcp`. Default: `tcp` on this machine, else `tls`; plain TCP to another machine is refused.",
    ),
    maybe("token", "\"env:BRIDGE_TOKEN\"", |s| Slot::Secret(&mut s.token), "Where the token for the bridge's `hello` is: `env:NAME` or `file:/path`."),
];

/// `[cti.timers]`
pub(crate) const CTI_TIMERS: &[Opt<Draft>] = &[
    num("connect_timeout_ms", 100, DAY_MS, |d| Slot::U64(&mut d.cti.timers.connect_timeout_ms), "Connect, hello and open must be done within this."),
    num(
        "backoff_min_ms",
        10,
        DAY_MS,
        |d| Slot::U64(&mut d.cti.timers.backoff_min_ms),
        "First pause after every server failed; doubled up to `backoff_max_ms`.",
    ),
    num("backoff_max_ms", 10, DAY_MS, |d| Slot::U64(&mut d.cti.timers.backoff_max_ms), "Longest pause."),
    num("jitter_percent", 0, 90, |d| Slot::U64(&mut d.cti.timers.jitter_percent), "Jitter of pauses."),
    num("request_timeout_ms", 100, DAY_MS, |d| Slot::U64(&mut d.cti.timers.request_timeout_ms), "No answer to a request."),
    num("retry_min_ms", 10, DAY_MS, |d| Slot::U64(&mut d.cti.timers.retry_min_ms), "First pause before what failed is repeated; doubled up to `retry_max_ms`."),
    num("retry_max_ms", 10, DAY_MS, |d| Slot::U64(&mut d.cti.timers.retry_max_ms), "Longest such pause."),
    num(
        "relogin_ms",
        10,
        DAY_MS,
        |d| Slot::U64(&mut d.cti.timers.relogin_ms),
        "First pause before an agent that was logged out is logged in again; doubled up to `retry_max_ms`.",
    ),
    num("terr_timeout_retry_ms", 0, DAY_MS, |d| Slot::U64(&mut d.cti.timers.terr_timeout_retry_ms), "Error 57 (time-out) is repeated once after this."),
    num(
        "switchover_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.cti.timers.switchover_ms),
        "Hot standby: how long requests wait for the other server to become primary.",
    ),
];

/// `[cti.pace]`; 0 is no limit.
pub(crate) const CTI_PACE: &[Opt<Draft>] = &[
    num("requests_per_s", 0, 1_000_000, |d| Slot::U32(&mut d.cti.pace.requests_per_s), "Requests per second per T-Server; 0: no limit."),
    num("window_max", 0, 1_000_000, |d| Slot::U32(&mut d.cti.pace.window_max), "Unanswered requests per connection; 0: only the bridge's own window holds."),
];

/// `[presence]`
pub(crate) const PRESENCE: &[Opt<Draft>] = &[
    num("timezone", 1, 64, |d| Slot::Text(&mut d.timezone), "Time zone of conditions by time of day, a name of the system's database such as `Europe/Berlin`."),
    opt("free_seating", |d| Slot::Bool(&mut d.presence.free_seating), "DNs without an owner (`free_dns`) belong to whoever logs in there."),
    opt(
        "sync_when_logged_out",
        |d| Slot::Bool(&mut d.presence.sync_when_logged_out),
        "A worker whom somebody else logged out is logged in again at the next presence change; otherwise only they themselves log in again.",
    ),
    opt("low_is_offline", |d| Slot::Bool(&mut d.presence.low_is_offline), "Availability below 3000 counts as offline instead of unknown."),
    opt("urgent_is_dnd", |d| Slot::Bool(&mut d.presence.urgent_is_dnd), "6900 with `urgent-interruptions-only` counts as do-not-disturb."),
    opt("auto_login", |d| Slot::Bool(&mut d.presence.auto_login), "Log agents in when their presence asks for a state."),
    opt("logout_on_stop", |d| Slot::Bool(&mut d.presence.logout_on_stop), "Log agents out when the connector stops in good order."),
    num("grace_ms", 0, DAY_MS, |d| Slot::U64(&mut d.presence.grace_ms), "A presence not confirmed for this long (subscription lost) is stale."),
    opt("stale", |d| Slot::Rule(&mut d.presence.stale), "What a stale presence does."),
    opt(
        "foreign",
        |d| Slot::Foreign(&mut d.presence.foreign),
        "Somebody else changed the agent's state: it stands until the next presence change, or ours is requested again.",
    ),
    opt("foreign_logout", |d| Slot::Foreign(&mut d.presence.foreign_logout), "Somebody else logged the agent out: likewise."),
    num("status_key", 1, 64, |d| Slot::Text(&mut d.presence.status_key), "Key of the presence among the reasons."),
    num("note_key", 1, 64, |d| Slot::Text(&mut d.presence.note_key), "Key of the worker's note among the reasons."),
    opt("send_note", |d| Slot::Bool(&mut d.presence.send_note), "Send the text of the note; otherwise it is always empty."),
];

/// `[[presence.condition]]`; what is not given fits everybody.
pub(crate) const CONDITION: &[Opt<ConditionDraft>] = &[
    must("name", "\"meetings\"", |c| Slot::Text(&mut c.name), "Name, for `explain`."),
    maybe("classes", "[\"online\", \"busy\"]", |c| Slot::Texts(&mut c.classes), "Classes of presence, as in [presence.map]."),
    maybe("activities", "[\"in-a-meeting\"]", |c| Slot::Texts(&mut c.activities), "Activities; `none`, `custom` and `other` are words of ours."),
    num("note_contains", 0, 255, |c| Slot::Text(&mut c.note_contains), "The worker's note contains this, in any case of ASCII letters."),
    maybe("calendar", "\"busy\"", |c| Slot::Word(&mut c.calendar), "The worker's calendar says so now; needs `calendarData` in `uc.categories`."),
    maybe("days", "[\"mon\", \"tue\"]", |c| Slot::Texts(&mut c.days), "Days of the week on which the window begins."),
    num("from", 0, 5, |c| Slot::Text(&mut c.from), "Begin of the window in local time (`presence.timezone`), `09:00`."),
    num("to", 0, 5, |c| Slot::Text(&mut c.to), "Its end; before `from` it is on the next day."),
    maybe("groups", "[\"sales\"]", |c| Slot::Texts(&mut c.groups), "The worker is in one of these groups."),
    must("then", "\"notready:4\"", |c| Slot::Rule(&mut c.then), "What it does to the agent."),
];

/// `[presence.map]`
pub(crate) const MAP: &[Opt<Draft>] = &[
    opt("unknown", |d| Slot::Rule(&mut d.presence.rules[Class::Unknown as usize]), "Availability 0 to 2999, or nothing known."),
    opt("online", |d| Slot::Rule(&mut d.presence.rules[Class::Online as usize]), "3000 to 4499."),
    opt("idle-online", |d| Slot::Rule(&mut d.presence.rules[Class::IdleOnline as usize]), "4500 to 5999."),
    opt("busy", |d| Slot::Rule(&mut d.presence.rules[Class::Busy as usize]), "6000 to 7499."),
    opt("idle-busy", |d| Slot::Rule(&mut d.presence.rules[Class::IdleBusy as usize]), "7500 to 8999."),
    opt("do-not-disturb", |d| Slot::Rule(&mut d.presence.rules[Class::DoNotDisturb as usize]), "9000 to 11999."),
    opt("be-right-back", |d| Slot::Rule(&mut d.presence.rules[Class::BeRightBack as usize]), "12000 to 14999."),
    opt("away", |d| Slot::Rule(&mut d.presence.rules[Class::Away as usize]), "15000 to 17999."),
    opt("offline", |d| Slot::Rule(&mut d.presence.rules[Class::Offline as usize]), "18000 and above."),
];

/// `[limits]`
pub(crate) const LIMITS: &[Opt<Draft>] = &[
    num("sip_start_line_bytes_max", 256, 1 << 20, |d| Slot::U32(&mut d.limits.sip_start_line_bytes_max), "SIP start line."),
    num("sip_header_bytes_max", 256, 1 << 20, |d| Slot::U32(&mut d.limits.sip_header_bytes_max), "One SIP header."),
    num("sip_head_bytes_max", 1024, 16 << 20, |d| Slot::U32(&mut d.limits.sip_head_bytes_max), "All SIP headers."),
    num("sip_headers_max", 16, 10_000, |d| Slot::U32(&mut d.limits.sip_headers_max), "How many SIP headers."),
    num("sip_body_bytes_max", 1024, 256 << 20, |d| Slot::U32(&mut d.limits.sip_body_bytes_max), "SIP body."),
    num("xml_depth_max", 8, 1000, |d| Slot::U32(&mut d.limits.xml_depth_max), "Nesting of XML."),
    num("list_resources_max", 1, 100_000, |d| Slot::U32(&mut d.limits.list_resources_max), "Workers in one list notification."),
    num("cti_line_bytes_max", 4096, 64 << 20, |d| Slot::U32(&mut d.limits.cti_line_bytes_max), "Line of the bridge."),
    num("kv_depth_max", 1, 1000, |d| Slot::U32(&mut d.limits.kv_depth_max), "Nesting of key-value lists."),
    num("note_bytes_max", 0, 65_536, |d| Slot::U32(&mut d.limits.note_bytes_max), "A worker's note; longer ones are cut."),
    num("notes_queue_max", 100, 10_000_000, |d| Slot::Usize(&mut d.limits.notes_queue_max), "Log lines waiting before some are dropped and counted."),
    num(
        "write_queue_bytes_max",
        65_536,
        1 << 30,
        |d| Slot::Usize(&mut d.write_queue_bytes_max),
        "Bytes waiting to be written on one connection before reading from it stops.",
    ),
];

/// `[ops]`
pub(crate) const OPS: &[Opt<Draft>] = &[
    opt(
        "listen",
        |d| Slot::Listen(&mut d.ops.listen),
        "Address of health, metrics, status and live page, or `off`. It has no login: keep it on this machine or a private network.",
    ),
    num("connections_max", 1, 1000, |d| Slot::Usize(&mut d.ops.connections_max), "Connections at once; more are refused."),
    opt("show_notes", |d| Slot::Bool(&mut d.ops.show_notes), "Show the workers' notes on the page and in the API."),
    maybe(
        "api_token",
        "\"env:UC_API_TOKEN\"",
        |d| Slot::Secret(&mut d.ops.token_ref),
        "Where the token is that lets clients read and set workers' states: `env:NAME` or `file:/path`. Default: nobody can.",
    ),
];

/// `[log]`
pub(crate) const LOG: &[Opt<Draft>] = &[
    opt("level", |d| Slot::Word(&mut d.note_level), "Least severe lines to print; `debug` prints every presence and state change."),
    opt("format", |d| Slot::Word(&mut d.log.format), "`human`, `json` (one object a line) or `genesys` (like a Genesys server's log)."),
    opt("show_notes", |d| Slot::Bool(&mut d.log.show_notes), "Print the workers' notes in clear."),
    opt("tlib_messages", |d| Slot::Bool(&mut d.log.tlib_messages), "Print every T-Library message."),
];

/// `[[person]]`; also the columns of a people file.
pub(crate) const PERSON: [(&str, &str, &str); 13] = [
    ("employee_id", "\"1001\"", "Unique; the worker's identity over all changes. Required."),
    ("user_name", "\"alice\"", "Login name of the person."),
    ("display_name", "\"Alice Example\"", "For people to read."),
    ("sip_uri", "\"sip:alice@example.com\"", "SIP URI to watch; empty: not watched."),
    ("agent_login", "\"5002\"", "Agent Login code."),
    ("password_ref", "\"env:AGENT_PASSWORD\"", "Where the login's password is: `env:NAME` or `file:/path`; empty: none."),
    ("login_queue", "\"8000\"", "Queue to log in to; empty: that of `[connector]`."),
    ("dns", "\"5002@SIP_Switch\"", "DNs with their switch; several are joined by `;`."),
    ("place", "\"Place_5002\"", "Place."),
    ("groups", "\"sales;support\"", "Groups, joined by `;`."),
    ("web_password_hash", "\"\"", "argon2id hash for the workers' pages, as `uc-connector hash-password` prints it; empty: no login."),
    ("language", "\"de\"", "Language tag of what the worker is told while no page is open, `invite_texts`; empty: `invite_text`."),
    ("sync", "\"both\"", "Directions that work for this worker, as far as the mode has them: `both` (also when empty), `pull`, `push`, `off`."),
];
