//! The contact centre: switches, T-Servers, timers and limits towards them.
use crate::id::SwitchId;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The contact centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtiConfig {
    /// One per switch.
    pub switches: Vec<SwitchConfig>,
    /// Routers behind a bridge, which ask for previews (`spec/bridge.md` 7): servers like those of a switch, without DNs. Their links are numbered behind
    /// those of the switches, and so are they where a [`SwitchId`] names them.
    pub routers: Vec<SwitchConfig>,
    /// Timers.
    pub timers: CtiTimers,
    /// Own traffic limits.
    pub pace: CtiPace,
}

impl Default for CtiConfig {
    /// No switch, no limits of our own.
    fn default() -> Self {
        Self { switches: Vec::new(), routers: Vec::new(), timers: CtiTimers::default(), pace: CtiPace::open() }
    }
}

impl CtiConfig {
    /// The switches and behind them the routers: a [`SwitchId`] counts through both.
    pub fn all(&self) -> impl Iterator<Item = &SwitchConfig> {
        self.switches.iter().chain(&self.routers)
    }

    /// A switch, or a router with a number behind those.
    #[must_use]
    pub fn get(&self, id: SwitchId) -> Option<&SwitchConfig> {
        self.all().nth(id.index())
    }

    /// The number is that of a router.
    #[must_use]
    pub const fn is_router(&self, id: SwitchId) -> bool {
        id.index() >= self.switches.len()
    }
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
