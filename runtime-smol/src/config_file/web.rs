//! `[preview]`, `[web]`, `[router]`: interaction previews, the workers' pages, the routers' API.
use super::checks::readable;
use super::finding::{Findings, Place};
use super::options::{DAY_MS, Draft, Opt, ServerDraft, maybe, must, num, opt};
use super::slot::Slot;
use crate::settings::{DoorSettings, PageSettings, RouterSettings, ServerTls, SsoKind, WebSettings};
use std::path::PathBuf;
use uc_core::config::Person;

/// `[web.tls]`, `[router.tls]`
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerTlsDraft {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) client_ca: Option<PathBuf>,
}

impl ServerTlsDraft {
    /// The settings; certificate and key are a pair (checked before).
    pub(crate) fn settings(&self) -> Option<ServerTls> {
        Some(ServerTls { identity: self.certificate.clone().zip(self.key.clone())?, client_ca: self.client_ca.clone() })
    }
}

/// The workers' pages unless told otherwise.
pub(crate) fn web_default() -> WebSettings {
    WebSettings {
        door: DoorSettings { listen: None, tls: None, connections_max: 12_000, per_address_max: 1_000 },
        session_idle_s: 3_600,
        session_max_s: 50_400,
        history_days: 90,
        page: PageSettings {
            audio: "default".into(),
            hotkey_accept: "Alt+A".into(),
            hotkey_reject: "Alt+R".into(),
            hotkey_help: "F1".into(),
            help_in_main: true,
            help_in_preview: true,
            ..PageSettings::default()
        },
        ..WebSettings::default()
    }
}

/// The routers' API unless told otherwise.
pub(crate) fn router_default() -> RouterSettings {
    RouterSettings {
        door: DoorSettings { listen: None, tls: None, connections_max: 4_000, per_address_max: 0 },
        body_bytes_max: 256 << 10,
        ..RouterSettings::default()
    }
}

/// `[preview]`
pub(crate) const PREVIEW: &[Opt<Draft>] = &[
    num(
        "timeout_ms",
        1_000,
        DAY_MS,
        |d| Slot::U64(&mut d.preview.timeout_ms),
        "How long a worker may think when the request does not say. It must be shorter than the strategy waits.",
    ),
    num("timeout_min_ms", 100, DAY_MS, |d| Slot::U64(&mut d.preview.timeout_range_ms.0), "Shortest time a request may ask for; less is taken as this."),
    num("timeout_max_ms", 1_000, DAY_MS, |d| Slot::U64(&mut d.preview.timeout_range_ms.1), "Longest time a request may ask for; more is taken as this."),
    opt("require_ready", |d| Slot::Bool(&mut d.preview.require_ready), "Only workers whose agent is ready are asked."),
    opt(
        "not_ready",
        |d| Slot::Word(&mut d.preview.not_ready),
        "An open preview whose worker becomes not ready: `withdraw`, so that the router chooses another, or `keep`.",
    ),
    num("per_worker_max", 1, 100, |d| Slot::U16(&mut d.preview.per_worker_max), "Previews one worker may have open at once."),
    num(
        "page_grace_ms",
        0,
        600_000,
        |d| Slot::U64(&mut d.preview.page_grace_ms),
        "A worker whose last page closed less than this ago still counts as present: pages reload, networks change.",
    ),
    num("requests_max", 1, 1_000_000, |d| Slot::U32(&mut d.preview.requests_max), "Requests open at once; more are answered `Error`."),
    num("targets_max", 1, 10_000, |d| Slot::U16(&mut d.preview.targets_max), "Targets of one request; more are refused."),
    num("data_bytes_max", 0, 1 << 20, |d| Slot::U32(&mut d.preview.data_bytes_max), "User data of one request, bytes; more is refused."),
    num(
        "answer_kept_ms",
        0,
        3_600_000,
        |d| Slot::U64(&mut d.preview.answer_kept_ms),
        "An answer is kept this long for polling and for requests repeated with the same idempotency key.",
    ),
    opt("reporting", |d| Slot::Bool(&mut d.preview.reporting), "Tell the contact centre's reporting (ICON) of every preview, `enable-preview-reporting`."),
    num("state_name", 1, 64, |d| Slot::Text(&mut d.preview.state_name), "Key of the custom state in those reports, `preview-state-name`."),
    num(
        "reports_max",
        2,
        10_000_000,
        |d| Slot::U32(&mut d.preview.reports_max),
        "Reports waiting for a switch that is away; when full the oldest are dropped and counted.",
    ),
    opt(
        "invite",
        |d| Slot::Word(&mut d.preview.invite.mode),
        "Workers without an open page are asked through their own Lync or Skype for Business client: `off`; `message`, by a message with a link; `context`, which also opens the page in a window beside the message.",
    ),
    num(
        "cwe_url",
        0,
        512,
        |d| Slot::Text(&mut d.preview.invite.url),
        "The link: the address of the workers' pages, then `/t/{token}`, which lets the worker in once, as in `https://ucc.contoso.example/t/{token}`.",
    ),
    num(
        "cwe_app_id",
        0,
        38,
        |d| Slot::Text(&mut d.preview.invite.application),
        "GUID in braces under which the window is registered with the clients, for `context`.",
    ),
    num("cwe_name", 1, 50, |d| Slot::Text(&mut d.preview.invite.name), "Its name there."),
    num(
        "invite_text",
        1,
        400,
        |d| Slot::Text(&mut d.preview.invite.text),
        "The message to workers whose language is not known, or has no words here; `{link}` stands for the link (at the end if it is left out), `{conn}` for the connection id. Default: in the language of `[web]`, else English.",
    ),
    num(
        "invite_toast",
        1,
        80,
        |d| Slot::Text(&mut d.preview.invite.toast),
        "The first message and the notice of `context`; `{conn}` stands for the connection id.",
    ),
    opt(
        "invite_texts",
        |d| Slot::Texts(&mut d.invite_texts),
        "The message by language, each `TAG: text`, as in `it: Un cliente chiede di lei: {link}`. English, German, French, Spanish, Japanese and Arabic are there already; what is written here wins.",
    ),
    opt("invite_toasts", |d| Slot::Texts(&mut d.invite_toasts), "The same for `invite_toast`."),
    num(
        "invitations_max",
        1,
        100_000,
        |d| Slot::U32(&mut d.preview.invite.invitations_max),
        "Conversations at once, those that are ending included; further workers are not asked.",
    ),
];

/// `[web]`
pub(crate) const WEB: &[Opt<Draft>] = &[
    opt("listen", |d| Slot::Listen(&mut d.web.door.listen), "Address of the workers' pages, or `off`."),
    num("connections_max", 1, 100_000, |d| Slot::Usize(&mut d.web.door.connections_max), "Connections at once; more are refused. An open page needs one."),
    num(
        "per_address_max",
        0,
        100_000,
        |d| Slot::Usize(&mut d.web.door.per_address_max),
        "Connections at once of one address; 0: no limit of its own. A proxy or an office behind one address needs more.",
    ),
    opt(
        "proxied",
        |d| Slot::Bool(&mut d.web.proxied),
        "A proxy in front ends TLS and is the only way here: cookies are `Secure`, and the last address in `X-Forwarded-For` is the client's.",
    ),
    maybe("supervisors", "[\"1001\"]", |d| Slot::Texts(&mut d.web.supervisors), "Employee ids of those who see the board of all workers and the history."),
    maybe(
        "administrators",
        "[\"1001\"]",
        |d| Slot::Texts(&mut d.web.administrators),
        "Employee ids of supervisors who may also change the redirect number of others.",
    ),
    num(
        "session_idle_s",
        60,
        604_800,
        |d| Slot::U64(&mut d.web.session_idle_s),
        "A login ends when nothing was heard of it for this long, seconds; an open page counts as heard.",
    ),
    num("session_max_s", 60, 2_592_000, |d| Slot::U64(&mut d.web.session_max_s), "A login ends after this long in any case, seconds."),
    maybe(
        "history",
        "\"previews.db\"",
        |d| Slot::Path(&mut d.web.history),
        "File that keeps the history of previews, the redirect numbers and the logins over a restart (SQLite), relative to this one; its folder must be writable. Default: nothing is kept.",
    ),
    num("history_days", 0, 36_500, |d| Slot::U32(&mut d.web.history_days), "Days the history is kept; 0: for ever."),
    num("language", 0, 35, |d| Slot::Text(&mut d.web.page.language), "Language of the page, for example `de`; empty: the browser's."),
    num(
        "audio_on_preview",
        0,
        255,
        |d| Slot::Text(&mut d.web.page.audio),
        "Sound of a preview: `default`, the path or URL of a sound on this server or one that allows it, or empty for none.",
    ),
    num("hotkey_accept", 0, 32, |d| Slot::Text(&mut d.web.page.hotkey_accept), "Key that accepts a preview; empty: none."),
    num("hotkey_reject", 0, 32, |d| Slot::Text(&mut d.web.page.hotkey_reject), "Key that declines a preview; empty: none."),
    num("hotkey_help", 0, 32, |d| Slot::Text(&mut d.web.page.hotkey_help), "Key that opens the help; empty: none."),
    num("help_url", 0, 255, |d| Slot::Text(&mut d.web.page.help_url), "Where the help is, an `http` or `https` URL; empty: no help button."),
    opt("help_in_main", |d| Slot::Bool(&mut d.web.page.help_in_main), "A help button in the main panel."),
    opt("help_in_preview", |d| Slot::Bool(&mut d.web.page.help_in_preview), "A help button in the preview."),
    maybe(
        "fields",
        "[\"CustomerName=Customer\", \"Notes\"]",
        |d| Slot::Texts(&mut d.web.page.fields),
        "Keys of user data shown first, in this order, `KEY` or `KEY=LABEL`.",
    ),
    opt("hide_other_fields", |d| Slot::Bool(&mut d.web.page.hide_other), "Only the keys in `fields` are shown."),
    maybe(
        "redirect_prefixes",
        "[\"+49\", \"0\"]",
        |d| Slot::Texts(&mut d.web.page.redirect_prefixes),
        "What an external redirect number may begin with (digits, `*`, `#`, and `+` at the beginning). Default: workers have no redirect number.",
    ),
];

/// `[router]`
pub(crate) const ROUTER: &[Opt<Draft>] = &[
    num(
        "linger_s",
        0,
        3600,
        |d| Slot::U16(&mut d.router_linger_s),
        "Routers behind a bridge: how long previews stay open after the connection is lost, so that the router can ask again, seconds; 0: they are withdrawn at once.",
    ),
    opt("listen", |d| Slot::Listen(&mut d.router.door.listen), "Address of the preview API for routing strategies, or `off`."),
    num(
        "connections_max",
        1,
        100_000,
        |d| Slot::Usize(&mut d.router.door.connections_max),
        "Connections at once; more are refused. A request that waits for its answer needs one.",
    ),
    num("per_address_max", 0, 100_000, |d| Slot::Usize(&mut d.router.door.per_address_max), "Connections at once of one address; 0: no limit of its own."),
    maybe(
        "token",
        "\"env:UC_ROUTER_TOKEN\"",
        |d| Slot::Secret(&mut d.router.token_ref),
        "Where the token is that requests must carry (`Authorization: Bearer`), 16 bytes at least: `env:NAME` or `file:/path`. Default: none is asked for.",
    ),
    num("body_bytes_max", 1_024, 16 << 20, |d| Slot::Usize(&mut d.router.body_bytes_max), "Longest body of a request."),
    maybe(
        "callback_prefixes",
        "[\"http://orchestration.example.com:7210/\"]",
        |d| Slot::Texts(&mut d.router.callback_prefixes),
        "What a callback URL must begin with, up to the first `/` of its path at least. Default: callbacks are refused.",
    ),
];

/// `[[router.bridge]]`
pub(crate) const BRIDGE: &[Opt<ServerDraft>] = &[
    must(
        "name",
        "\"URS_1\"",
        |s| Slot::Text(&mut s.name),
        "Name of the router. Bridges of the same name are standbys of each other, in this order: one is connected at a time.",
    ),
    must("address", "\"127.0.0.1:7020\"", |s| Slot::Bridge(&mut s.address), "Where the bridge is: `host:port` or `unix:/path`."),
    maybe(
        "transport",
        "\"tcp\"",
        |s| Slot::Word(&mut s.transport),
        "`tls` or `tcp`. Default: `tcp` on this machine, else `tls`; plain TCP to another machine is refused.",
    ),
    maybe("token", "\"env:ROUTER_BRIDGE_TOKEN\"", |s| Slot::Secret(&mut s.token), "Where the token for the bridge's `hello` is: `env:NAME` or `file:/path`."),
];

/// `[web.tls]`, `[router.tls]`
pub(crate) const SERVER_TLS: &[Opt<ServerTlsDraft>] = &[
    maybe(
        "certificate",
        "\"/etc/uc-connector/web.pem\"",
        |t| Slot::Path(&mut t.certificate),
        "PEM file with the certificate chain; needs `key`. Read again when it changes.",
    ),
    maybe("key", "\"/etc/uc-connector/web.key\"", |t| Slot::Path(&mut t.key), "PEM file with the private key."),
    maybe(
        "client_ca",
        "\"/etc/uc-connector/clients.pem\"",
        |t| Slot::Path(&mut t.client_ca),
        "PEM file with the CAs of clients; given, clients without a certificate of theirs are refused (mutual TLS).",
    ),
];

/// What single options cannot say about themselves.
pub(crate) fn check(draft: &Draft, at: impl Fn(&str) -> Place, findings: &mut Findings) {
    preview(draft, &at, findings);
    super::invite::check(draft, &at, findings);
    super::sso::check(draft, &at, findings);
    for (section, door, tls) in [("web", &draft.web.door, &draft.web_tls), ("router", &draft.router.door, &draft.router_tls)] {
        let place = at(&format!("{section}.tls"));
        if tls.certificate.is_some() != tls.key.is_some() || (tls.client_ca.is_some() && tls.key.is_none()) {
            findings.error(&place, format!("[{section}.tls] needs both `certificate` and `key`"));
        }
        for (name, path) in [("certificate", &tls.certificate), ("key", &tls.key), ("client_ca", &tls.client_ca)] {
            if let Some(path) = path {
                readable(name, path, &place, findings);
            }
        }
        let far = door.listen.filter(|listen| !listen.ip().is_loopback() && tls.key.is_none());
        if let Some(listen) = far.filter(|_| section == "web" && !draft.web.proxied) {
            findings.error(
                &at("web.listen"),
                format!(
                    "passwords would travel in clear to {listen}; write [web.tls] with `certificate` and `key`, or `proxied = true` where a proxy ends TLS"
                ),
            );
        }
        if let Some(listen) = far.filter(|_| section == "router") {
            findings.warning(
                &at("router.listen"),
                format!("previews and their data travel in clear to {listen}; write [router.tls] unless the network is private"),
            );
        }
    }
    if let Some(listen) = draft.router.door.listen.filter(|listen| !listen.ip().is_loopback())
        && draft.router.token_ref.is_none()
        && draft.router_tls.client_ca.is_none()
    {
        findings.warning(&at("router.listen"), format!("whoever reaches {listen} can ask for previews; write `token = \"env:UC_ROUTER_TOKEN\"` in [router]"));
    }
    if draft.web.door.listen.is_some() && draft.web.history.is_none() {
        findings.warning(&at("web"), "previews are forgotten once they are over; write `history = \"previews.db\"` in [web]");
    }
    if !draft.web.page.help_url.is_empty() && !["http://", "https://", "/"].iter().any(|start| draft.web.page.help_url.starts_with(start)) {
        findings.error(&at("web.help_url"), "`help_url` must begin with `https://`, `http://` or `/`");
    }
    for prefix in &draft.web.page.redirect_prefixes {
        if !is_number(prefix) {
            findings.error(&at("web.redirect_prefixes"), format!("`{prefix}` is no beginning of a number; digits, `*`, `#` and a `+` at the beginning are"));
        }
    }
    for prefix in &draft.router.callback_prefixes {
        let rest = prefix.strip_prefix("http://").or_else(|| prefix.strip_prefix("https://"));
        if rest.is_none_or(|rest| !rest.contains('/')) {
            findings.error(&at("router.callback_prefixes"), format!("`{prefix}` must be a URL up to a `/` of its path at least, or other hosts could match"));
        }
    }
}

fn preview(draft: &Draft, at: &impl Fn(&str) -> Place, findings: &mut Findings) {
    let ((low, high), timeout) = (draft.preview.timeout_range_ms, draft.preview.timeout_ms);
    if low > high {
        findings.error(&at("preview.timeout_min_ms"), format!("`timeout_min_ms` is {low}, more than `timeout_max_ms`, which is {high}"));
    } else if !(low..=high).contains(&timeout) {
        findings.error(&at("preview.timeout_ms"), format!("`timeout_ms` is {timeout}, it must be from `timeout_min_ms` {low} to `timeout_max_ms` {high}"));
    }
}

/// Digits, `*`, `#`, and a `+` at the beginning.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !text.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

/// Who is named but is not there, and who cannot log in.
pub(crate) fn persons(draft: &Draft, persons: &[Person], at: impl Fn(&str) -> Place, findings: &mut Findings) {
    for (option, ids) in [("web.supervisors", &draft.web.supervisors), ("web.administrators", &draft.web.administrators)] {
        for id in ids {
            if !persons.iter().any(|person| person.employee_id == *id) {
                findings.warning(&at(option), format!("there is no worker with employee_id `{id}`"));
            }
        }
    }
    let by_password = draft.web.sso.kind == SsoKind::Off;
    if draft.web.door.listen.is_some() && by_password && !persons.is_empty() && persons.iter().all(|person| person.web_password_hash.is_empty()) {
        findings.warning(&at("web"), "no worker can log in: `web_password_hash` is empty everywhere; `uc-connector hash-password` makes one");
    }
}
