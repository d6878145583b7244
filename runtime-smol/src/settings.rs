//! What the daemon was told: the core's configuration plus what only the runtime needs (files, sockets, TLS, logs). Made by `config_file`, read by everything else.
use crate::config_file::sso::Network;
use crate::presence_xml::Catalogue;
use crate::presence_xml::source::Location;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use uc_core::Config;

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// For the core.
    pub(crate) core: Arc<Config>,
    /// Local time of `[[presence.condition]]`.
    pub(crate) zone: jiff::tz::TimeZone,
    /// TLS towards the UC platform; `None`: TCP.
    pub(crate) uc_tls: Option<TlsSettings>,
    /// Bridges, in the order of `core.cti.switches[..].servers` and `core.cti.routers[..].servers` flattened: the index is the `CtiLinkId`.
    pub(crate) bridges: Vec<BridgeSettings>,
    /// States chosen by hand.
    pub(crate) choice: ChoiceSettings,
    /// Operations listener.
    pub(crate) ops: OpsSettings,
    /// Workers' pages.
    pub(crate) web: WebSettings,
    /// Preview API of the routers.
    pub(crate) router: RouterSettings,
    /// Logs.
    pub(crate) log: LogSettings,
    /// Bytes waiting to be written on one connection before reading from it stops.
    pub(crate) write_queue_bytes_max: usize,
}

/// States chosen by hand: where the document is and where choices are kept.
#[derive(Clone, Debug)]
pub(crate) struct ChoiceSettings {
    /// Where the presence definition document is; `None`: the two classic states.
    pub(crate) location: Option<Location>,
    /// Towards an `https:` location.
    pub(crate) tls: TlsSettings,
    /// The document is looked at again this often, seconds; 0: on HUP only.
    pub(crate) interval_s: u32,
    /// File of the choices; `None`: forgotten by a restart.
    pub(crate) store: Option<PathBuf>,
    /// The document, where it is a file and good.
    pub(crate) catalogue: Option<Catalogue>,
    /// What is wrong with it.
    pub(crate) faults: Vec<String>,
}

/// TLS of one kind of link.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    /// Which implementation.
    pub(crate) profile: TlsProfile,
    /// PEM file with the CAs we trust; `None`: the platform's (`/etc/ssl/certs/ca-certificates.crt`).
    pub(crate) ca: Option<PathBuf>,
    /// PEM files with our certificate chain and key: mutual TLS.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Name to check in the peer's certificate instead of the dialled one.
    pub(crate) server_name: Option<String>,
}

/// TLS implementations (`decisions.md` 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsProfile {
    /// rustls: TLS 1.2 with AEAD suites, TLS 1.3.
    Rustls,
    /// OpenSSL of the system, for servers that offer CBC suites at best.
    OpenSsl,
}

/// One bridge.
#[derive(Clone, Debug)]
pub(crate) struct BridgeSettings {
    /// Where.
    pub(crate) address: BridgeAddress,
    /// TLS; `None` is refused by the check unless loopback or Unix socket.
    pub(crate) tls: Option<TlsSettings>,
    /// `env:NAME` or `file:PATH` of the token for `hello`.
    pub(crate) token_ref: Option<String>,
}

/// Address of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BridgeAddress {
    /// Name or address, port.
    Tcp(String, u16),
    /// Unix socket.
    Unix(PathBuf),
}

/// Operations listener (tiny_http).
#[derive(Clone, Debug)]
pub(crate) struct OpsSettings {
    /// Address; loopback by default. `None`: no listener.
    pub(crate) listen: Option<SocketAddr>,
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// Show workers' notes on the page and in the API.
    pub(crate) show_notes: bool,
    /// `env:NAME` or `file:PATH` of the token that lets clients read and set workers' states; `None`: nobody.
    pub(crate) token_ref: Option<String>,
}

/// TLS of a listener of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerTls {
    /// PEM files with our certificate chain and key.
    pub(crate) identity: (PathBuf, PathBuf),
    /// PEM file with the CAs of clients; given: a client without a certificate of theirs is refused (mutual TLS).
    pub(crate) client_ca: Option<PathBuf>,
}

/// What both listeners of the web side have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DoorSettings {
    /// Address; `None`: no listener.
    pub(crate) listen: Option<SocketAddr>,
    /// `None`: plain HTTP.
    pub(crate) tls: Option<ServerTls>,
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// Connections at once of one address; 0: no limit of its own.
    pub(crate) per_address_max: usize,
}

/// The workers' pages (hyper).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebSettings {
    /// Listener.
    pub(crate) door: DoorSettings,
    /// A proxy in front ends TLS: cookies are `Secure` all the same, and the last address of `X-Forwarded-For` is the client's.
    pub(crate) proxied: bool,
    /// Employee ids of who may see the board and the history.
    pub(crate) supervisors: Vec<Box<str>>,
    /// Of who may also change others' redirect numbers.
    pub(crate) administrators: Vec<Box<str>>,
    /// A session ends when nothing was heard of it for so long, seconds; an open page counts as heard.
    pub(crate) session_idle_s: u64,
    /// A session ends after so long in any case, seconds.
    pub(crate) session_max_s: u64,
    /// File of the history (SQLite); `None`: nothing is kept.
    pub(crate) history: Option<PathBuf>,
    /// Days the history is kept; 0: for ever.
    pub(crate) history_days: u32,
    /// How the page looks and behaves.
    pub(crate) page: PageSettings,
    /// Single sign-on.
    pub(crate) sso: SsoSettings,
}

/// Single sign-on: somebody else says who a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SsoSettings {
    /// Who says it, and how.
    pub(crate) kind: SsoKind,
    /// What of a worker the told name is.
    pub(crate) column: SsoColumn,
    /// Passwords are taken as well.
    pub(crate) passwords: bool,
    /// Header that carries the name.
    pub(crate) header: Box<str>,
    /// Networks of the proxies that may set it.
    pub(crate) proxies: Vec<Network>,
    /// URL that names the OpenID provider.
    pub(crate) issuer: Box<str>,
    /// Our name there.
    pub(crate) client_id: Box<str>,
    /// `env:NAME` or `file:PATH` of our secret there; `None`: a public client.
    pub(crate) secret_ref: Option<String>,
    /// Where it sends browsers back.
    pub(crate) redirect_url: Box<str>,
    /// What of it is the name.
    pub(crate) claim: Box<str>,
    /// What is asked for.
    pub(crate) scopes: Vec<Box<str>>,
    /// How long a worker waits for it on the way there, and again on the way back, seconds.
    pub(crate) timeout_s: u64,
    /// PEM file with the CAs we trust there; `None`: the platform's.
    pub(crate) ca: Option<PathBuf>,
}

impl Default for SsoSettings {
    fn default() -> Self {
        Self {
            kind: SsoKind::Off,
            column: SsoColumn::UserName,
            passwords: true,
            header: "X-Remote-User".into(),
            proxies: Vec::new(),
            issuer: Box::default(),
            client_id: Box::default(),
            secret_ref: None,
            redirect_url: Box::default(),
            claim: "preferred_username".into(),
            scopes: vec!["openid".into(), "profile".into()],
            timeout_s: 10,
            ca: None,
        }
    }
}

/// Who says who a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SsoKind {
    /// Nobody: passwords only.
    Off,
    /// A proxy, in a header.
    Header,
    /// An OpenID provider.
    Oidc,
}

/// Columns of the people file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SsoColumn {
    /// `employee_id`
    EmployeeId,
    /// `user_name`
    UserName,
    /// `sip_uri` without its scheme: with Lync and Skype for Business the e-mail address, as a rule.
    SipUri,
}

/// How the page looks and behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageSettings {
    /// Language; empty: the browser's.
    pub(crate) language: Box<str>,
    /// Sound of a preview: `default`, a URL, or empty for none.
    pub(crate) audio: Box<str>,
    /// Keys, empty: none.
    pub(crate) hotkey_accept: Box<str>,
    /// See there.
    pub(crate) hotkey_reject: Box<str>,
    /// See there.
    pub(crate) hotkey_help: Box<str>,
    /// Where help is; empty: no button.
    pub(crate) help_url: Box<str>,
    /// A help button in the main panel.
    pub(crate) help_in_main: bool,
    /// A help button in the preview.
    pub(crate) help_in_preview: bool,
    /// Keys of user data in the order they are shown, `KEY` or `KEY=LABEL`.
    pub(crate) fields: Vec<Box<str>>,
    /// Other keys are not shown.
    pub(crate) hide_other: bool,
    /// What a redirect number may begin with; empty: there is no redirect.
    pub(crate) redirect_prefixes: Vec<Box<str>>,
}

/// The preview API of the routers (hyper).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouterSettings {
    /// Listener.
    pub(crate) door: DoorSettings,
    /// `env:NAME` or `file:PATH` of the bearer token; `None`: certificates or the network decide.
    pub(crate) token_ref: Option<String>,
    /// Longest body, bytes.
    pub(crate) body_bytes_max: usize,
    /// What a callback URL must begin with; empty: callbacks are refused.
    pub(crate) callback_prefixes: Vec<Box<str>>,
}

/// Logs go to standard error; the platform rotates.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// Form of a line.
    pub(crate) format: LogFormat,
    /// Print workers' notes in clear.
    pub(crate) show_notes: bool,
    /// Print every T-Library message in layout P1.
    pub(crate) tlib_messages: bool,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
    /// Like a Genesys server's log.
    Genesys,
}
