//! Interaction previews (`spec/uc-connector-functional.md` 5, 8): how long, to whom, and what is reported.
use super::words::InviteWords;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Options of previews.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PreviewConfig {
    /// How long a worker may think, when the request does not say, milliseconds (`preview-timeout`).
    pub timeout_ms: u64,
    /// Shortest and longest time a request may ask for, milliseconds; others are moved to the nearer end.
    pub timeout_range_ms: (u64, u64),
    /// Only workers whose agent is ready are asked.
    pub require_ready: bool,
    /// What happens to an open offer whose worker becomes not ready.
    pub not_ready: NotReadyRule,
    /// Offers one worker may have open at once; another request is answered `Unavailable` for this worker.
    pub per_worker_max: u16,
    /// A worker whose last page closed less than this ago still counts as present: pages reload, networks change. Milliseconds.
    pub page_grace_ms: u64,
    /// Open requests at once; more are answered `Error`.
    pub requests_max: u32,
    /// Targets of one request; more are refused.
    pub targets_max: u16,
    /// Bytes of user data of one request; more are refused.
    pub data_bytes_max: u32,
    /// The answer to a request is kept this long for polling and for repeated requests with the same idempotency key, milliseconds.
    pub answer_kept_ms: u64,
    /// Reports go to the contact centre (`enable-preview-reporting`).
    pub reporting: bool,
    /// Key of the custom state (`preview-state-name`).
    pub state_name: Box<str>,
    /// Reports that wait for a switch; when full the oldest pair is dropped, counted and noted.
    pub reports_max: u32,
    /// Workers without a page are asked through their own client.
    pub invite: InviteConfig,
}

/// How workers without a page are asked through their Lync or Skype for Business client (`spec/uc-connector-functional.md` 5.8; `spec/ms-pres.md` 7).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InviteConfig {
    /// Whether, and with what.
    pub mode: InviteMode,
    /// The page a worker is sent to; `{token}` stands for what lets them in once.
    pub url: Box<str>,
    /// The message to workers whose language is not known, or has no words; `{link}` stands for the page, `{conn}` for the connection id.
    pub text: Box<str>,
    /// The first message and the notice when a window is opened beside the conversation; `{conn}` stands for the connection id.
    pub toast: Box<str>,
    /// Both in languages of workers; see [`super::Person::language`].
    pub words: Vec<InviteWords>,
    /// GUID in braces under which the window is registered with the clients.
    pub application: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Conversations at once, those that are ending included; further workers are not asked.
    pub invitations_max: u32,
}

/// Whether workers without a page are asked through their own client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum InviteMode {
    /// No: they are not available.
    #[default]
    Off,
    /// By a message with a link.
    Message,
    /// By a message, and the page opens in a window beside it; with a link where that fails.
    Context,
}

impl Default for InviteConfig {
    fn default() -> Self {
        Self {
            mode: InviteMode::Off,
            url: "".into(),
            text: "A customer asks for you. Please answer here: {link}".into(),
            toast: "A customer asks for you.".into(),
            words: InviteWords::shipped(),
            application: "".into(),
            name: "UC Connector".into(),
            invitations_max: 2_000,
        }
    }
}

/// What happens to an open offer whose worker becomes not ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NotReadyRule {
    /// It ends as `Unavailable`: the router chooses another.
    #[default]
    Withdraw,
    /// It stays: the worker may still accept.
    Keep,
}

impl Default for PreviewConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 20_000,
            timeout_range_ms: (5_000, 300_000),
            require_ready: true,
            not_ready: NotReadyRule::Withdraw,
            per_worker_max: 1,
            page_grace_ms: 15_000,
            requests_max: 10_000,
            targets_max: 500,
            data_bytes_max: 65_536,
            answer_kept_ms: 60_000,
            reporting: false,
            state_name: "UCC_Preview".into(),
            reports_max: 10_000,
            invite: InviteConfig::default(),
        }
    }
}
