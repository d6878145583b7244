//! The UC platform: where it is, who subscribes, timers and limits towards it.
use super::UcKind;
use alloc::boxed::Box;
use alloc::vec::Vec;

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
