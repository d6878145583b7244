//! What a pool is, what it allows, and what may go wrong with it.

/// What becomes of the old dialog when an endpoint opens a second batch dialog to the same target (`spec/ms-pres.md` 4.1: one per endpoint and server).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondDialog {
    /// Both live.
    Allowed,
    /// The server drops the old one without a word; its refresh will get 481.
    Replaces,
    /// As `Replaces`, and a violation when the old dialog's connection still stood.
    Forbidden,
}

/// By which ways a trusted application may publish for a user (`spec/ms-pres.md` 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishWays {
    /// A: SERVICE of an endpoint registered as the user.
    pub endpoint: bool,
    /// B: PUBLISH with PIDF.
    pub pidf: bool,
    /// C: SERVICE, and SUBSCRIBE to the user's own data, without a registration.
    pub unregistered: bool,
}

/// A pool.
#[derive(Clone, Debug)]
pub struct FrontEndConfig {
    /// Servers in the pool.
    pub nodes: u16,
    /// Seed of every choice the pool makes.
    pub seed: u64,
    /// SIP domain of its users; servers are `fe01.<domain>`, ...
    pub domain: String,
    /// `TLS` or `TCP`, for Via and Contact.
    pub transport: &'static str,
    /// Milliseconds since 1970 at `Mono(0)`, for `publishTime`.
    pub epoch_unix_ms: u64,
    /// Subscription expiry granted by default, seconds.
    pub expires_default_s: u32,
    /// Least expiry a SUBSCRIBE may ask for, seconds; below: 423. 0 asks for a poll or the end and is always allowed.
    pub expires_min_s: u32,
    /// Longest expiry granted, seconds.
    pub expires_max_s: u32,
    /// How many per cent a granted expiry may be shortened or, when the request named none, lengthened at random.
    pub expires_spread_percent: u32,
    /// Registration expiry, seconds.
    pub register_expires_s: u32,
    /// `timeout` of `ms-keep-alive`, seconds.
    pub keep_alive_s: u32,
    /// A connection without any valid message is closed after this, milliseconds.
    pub silent_close_ms: u64,
    /// A connection on which nothing arrives is closed after this, milliseconds.
    pub idle_close_ms: u64,
    /// A NOTIFY without final response ends its subscription after this, milliseconds (RFC 3261 Timer F).
    pub notify_timeout_ms: u64,
    /// Whether such a time-out also closes the connection, so that the connector learns of it.
    pub close_on_notify_timeout: bool,
    /// Most resources in one SUBSCRIBE; above: 413 and a violation.
    pub batch_max: usize,
    /// Most users in all dialogs of one endpoint; above: 403 and a violation.
    pub users_per_endpoint_max: usize,
    /// Most requests within one second of one connection; above: a violation.
    pub requests_per_s_max: Option<u32>,
    /// Most requests waiting for an answer on one connection; above: 503 and a violation ("client throttling").
    pub outstanding_max: Option<usize>,
    /// One dialog per endpoint?
    pub second_dialog: SecondDialog,
    /// BENOTIFY for clients that ask for it.
    pub grant_benotify: bool,
    /// The first notification in the 200 for clients that ask for it.
    pub grant_piggyback: bool,
    /// Least time between two notifications of one dialog, milliseconds; changes in between are merged into one. 0: each change at once.
    pub notify_min_interval_ms: u64,
    /// New connections belong to trusted applications; else to ordinary clients, which act for themselves only and are not judged.
    pub trusted: bool,
    /// How trusted applications may publish; anything else is answered 403.
    pub ways: PublishWays,
    /// An endpoint that publishes is told of it by roaming-self too, not only by the answer.
    pub echo_to_publisher: bool,
    /// Changes are told to a user's own endpoints instance by instance; else every category with a change whole, as pidgin-sipe wants it.
    pub tell_single_instances: bool,
    /// The answer to a publication carries the new versions.
    pub answer_with_table: bool,
    /// Largest body of a SERVICE, bytes; above: 413.
    pub publication_bytes_max: usize,
    /// Least expiry of a PUBLISH with PIDF, seconds; below: 423.
    pub pidf_expires_min_s: u32,
    /// Most endpoints of one user; one more is refused with 403, and a violation when a trusted application asks.
    pub endpoints_max: usize,
    /// The end of a connection ends the registrations made on it; else they live until they expire.
    pub close_ends_registrations: bool,
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self {
            nodes: 2,
            seed: 1,
            domain: "contoso.example".to_owned(),
            transport: "TLS",
            epoch_unix_ms: 1_767_600_000_000,
            expires_default_s: 28_800,
            expires_min_s: 1200,
            expires_max_s: 43_200,
            expires_spread_percent: 5,
            register_expires_s: 600,
            keep_alive_s: 300,
            silent_close_ms: 60_000,
            idle_close_ms: 900_000,
            notify_timeout_ms: 32_000,
            close_on_notify_timeout: true,
            batch_max: 500,
            users_per_endpoint_max: 1000,
            requests_per_s_max: None,
            outstanding_max: None,
            second_dialog: SecondDialog::Replaces,
            grant_benotify: true,
            grant_piggyback: true,
            notify_min_interval_ms: 0,
            trusted: true,
            ways: PublishWays { endpoint: true, pidf: true, unregistered: false },
            echo_to_publisher: true,
            tell_single_instances: false,
            answer_with_table: true,
            publication_bytes_max: 25 * 1024,
            pidf_expires_min_s: 60,
            endpoints_max: 8,
            close_ends_registrations: false,
        }
    }
}

/// What goes wrong. Fields that end in `_pm` are chances per mille at each occasion; all are 0 or off by default, and may be changed at any time.
#[derive(Clone, Debug, Default)]
pub struct FrontEndFaults {
    /// Time until a request is looked at and answered, milliseconds, from .. to. Order within a connection stays.
    pub answer_delay_ms: (u64, u64),
    /// A request gets no answer and has no effect.
    pub no_answer_pm: u16,
    /// The connection is closed instead of an answer.
    pub close_pm: u16,
    /// Half of the answer is sent, then the connection is closed.
    pub cut_pm: u16,
    /// REGISTER is answered 503 with `Retry-After`.
    pub register_503_pm: u16,
    /// Every REGISTER is answered 403.
    pub register_403: bool,
    /// Every REGISTER is answered 301 with these hosts (`pool01.contoso.example:5061`), best first. Empty: off.
    pub redirect_to: Vec<String>,
    /// SUBSCRIBE is answered 503 with `Retry-After`.
    pub subscribe_503_pm: u16,
    /// Value of `Retry-After`, seconds.
    pub retry_after_s: u32,
    /// SUBSCRIBE is answered 408, 480, 500 or 504.
    pub subscribe_5xx_pm: u16,
    /// An in-dialog SUBSCRIBE is answered 481 and the dialog forgotten.
    pub refresh_481_pm: u16,
    /// An in-dialog SUBSCRIBE is answered 430 (or 481 to clients without `ms-dialog-route-set-update`).
    pub refresh_430_pm: u16,
    /// The first notification comes as NOTIFY although piggyback was asked for.
    pub no_piggyback_pm: u16,
    /// A subscription to presence is granted and forgotten at once: nothing is in the 200, and nothing follows it.
    pub no_notify_pm: u16,
    /// A first NOTIFY goes out before the 200 to its SUBSCRIBE.
    pub early_notify_pm: u16,
    /// The list names only the resources that need action.
    pub partial_list_pm: u16,
    /// A refresh is answered without documents.
    pub refresh_without_body_pm: u16,
    /// NOTIFY although BENOTIFY was agreed.
    pub notify_although_benotify_pm: u16,
    /// A single change comes as multipart.
    pub multipart_update_pm: u16,
    /// Documents in odd but legal XML.
    pub odd_xml_pm: u16,
    /// CRLF before a message.
    pub crlf_pm: u16,
    /// The same notification again with the next CSeq.
    pub duplicate_pm: u16,
    /// The same notification again, byte for byte.
    pub repeat_pm: u16,
    /// After an update the previous document again, with a lower CSeq (to be refused with 500).
    pub low_cseq_pm: u16,
    /// After an update the previous document (older `publishTime`) late, with a proper CSeq.
    pub stale_update_pm: u16,
    /// A document of a user nobody asked for.
    pub stranger_pm: u16,
    /// A notification that says nothing (no body, or no category).
    pub empty_notify_pm: u16,
    /// Instead of an update the dialog is ended with NOTIFY `terminated`.
    pub terminate_dialog_pm: u16,
    /// Instead of an update the resource is ended with RLMI `terminated;reason=deactivated`.
    pub terminate_resource_pm: u16,
    /// A publication is answered 503 with `Retry-After`.
    pub service_503_pm: u16,
    /// A publication is answered 480, 500 or 504.
    pub service_5xx_pm: u16,
    /// Just before a publication another endpoint of the user writes the same instances again: 409, unless none of them exists yet.
    pub service_conflict_pm: u16,
    /// A publication is answered 200 without the new versions.
    pub service_without_body_pm: u16,
    /// Watchers and own endpoints are told before the publication is answered.
    pub news_before_answer_pm: u16,
}
