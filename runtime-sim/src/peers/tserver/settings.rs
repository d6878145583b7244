//! What a pair of servers is, and what may go wrong with it.
use std::collections::BTreeMap;

/// How the two servers of a pair work together (`spec/genesys-protocols.md` 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standby {
    /// One server only.
    Single,
    /// The backup is open, keeps registrations and agents in step, and takes over.
    Hot,
    /// The backup refuses `open` with `down` until it is promoted.
    Warm,
}

/// What follows a successful login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLogin {
    /// 76 without reference, as usual.
    NotReady,
    /// 75 without reference.
    Ready,
    /// Nothing; the agent is only logged in.
    Nothing,
}

/// A server or a pair.
#[derive(Clone, Debug)]
pub struct TServerConfig {
    /// Names of the servers; the first is primary at the start. One name for [`Standby::Single`].
    pub names: Vec<String>,
    /// Seed of every choice.
    pub seed: u64,
    /// How the two work together.
    pub standby: Standby,
    /// `welcome.line_max`, bytes.
    pub line_max: u32,
    /// `welcome.window`.
    pub window: u32,
    /// `welcome.ping_s`; 0: the server neither pings nor gives up.
    pub ping_s: u32,
    /// Token that `hello` must bring.
    pub token: Option<String>,
    /// Option `agent-logout-on-unreg`: agents go out when the session that logged them in unregisters or ends.
    pub logout_on_unreg: bool,
    /// What follows a login.
    pub after_login: AfterLogin,
    /// A request for the state the agent already has is answered with error 43 instead of the event.
    pub same_state_is_error: bool,
    /// After Call Work begins behind EventReleased instead of before it (`decisions.md` 14).
    pub acw_after_released: bool,
    /// State requests of the connector during After Call Work and Legal Guard that follow a call are refused with error 50 instead of ending them.
    pub acw_refuses_requests: bool,
    /// `AttributeEventSequenceNumber` on every event, counted per server.
    pub event_sequence: bool,
    /// Time from the death of the primary to the promotion of the backup, milliseconds.
    pub switchover_ms: u64,
    /// 94 before and 95 after a promotion.
    pub link_flap_on_switchover: bool,
    /// 132 (`EventRestoreConnection`) behind 95 when a session is attached again.
    pub restore_event: bool,
    /// Agents of a server that dies without a hot backup are logged out.
    pub death_logs_out: bool,
    /// How long a request to a server that has just become backup is no violation (it crossed the news), milliseconds.
    pub role_grace_ms: u64,
    /// A state request unanswered for this long no longer counts as in flight (the connector has given it up), milliseconds.
    pub in_flight_ms: u64,
    /// Whether two state requests in flight for one DN are a violation.
    pub check_in_flight: bool,
    /// Whether a state request without reasons is a violation: presence always gives them, a state chosen by hand need not.
    pub check_reasons: bool,
}

impl Default for TServerConfig {
    fn default() -> Self {
        Self {
            names: vec!["SIPS".to_owned(), "SIPS_B".to_owned()],
            seed: 1,
            standby: Standby::Hot,
            line_max: 1_048_576,
            window: 1000,
            ping_s: 10,
            token: None,
            logout_on_unreg: false,
            after_login: AfterLogin::NotReady,
            same_state_is_error: false,
            acw_after_released: false,
            acw_refuses_requests: false,
            event_sequence: false,
            switchover_ms: 0,
            link_flap_on_switchover: false,
            restore_event: false,
            death_logs_out: true,
            role_grace_ms: 30_000,
            in_flight_ms: 9000,
            check_in_flight: true,
            check_reasons: true,
        }
    }
}

/// What goes wrong. Fields that end in `_pm` are chances per mille for each request; all are 0 or off by default, and may be changed at any time.
#[derive(Clone, Debug, Default)]
pub struct TServerFaults {
    /// Time until a request is carried out and answered, milliseconds, from .. to. Order within a DN stays.
    pub answer_delay_ms: (u64, u64),
    /// A request takes `slow_ms` instead.
    pub slow_pm: u16,
    /// How long a slow request takes, milliseconds, from .. to.
    pub slow_ms: (u64, u64),
    /// A request is carried out, but its answer is lost; the truth follows as an event without reference after `lost_truth_ms`.
    pub lost_answer_pm: u16,
    /// When the truth follows a lost answer, milliseconds; `None`: only at the next change or query.
    pub lost_truth_ms: Option<u64>,
    /// State requests are neither carried out nor answered.
    pub frozen: bool,
    /// A state request is refused with one of `error_codes`.
    pub error_pm: u16,
    /// The codes of such refusals.
    pub error_codes: Vec<i32>,
    /// Every state request of these DNs is refused with this code. 41, 42, 58 and 59 refuse registrations too.
    pub dn_errors: BTreeMap<String, i32>,
    /// The next state request of a DN is refused once with each of these codes, in order.
    pub next_errors: BTreeMap<String, Vec<i32>>,
    /// An event comes twice.
    pub duplicate_pm: u16,
    /// Lines in odd but legal form: other order of fields, blanks, unknown fields, CR LF.
    pub odd_lines_pm: u16,
    /// Before an answer come lines the connector does not know: a message number, a control operation, a user event.
    pub unknown_pm: u16,
    /// After a ready or not-ready another client changes the agent's state at once.
    pub foreign_change_pm: u16,
}
