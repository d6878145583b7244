//! What the daemon was told: the core's configuration plus what only the runtime needs (files, sockets, TLS, logs). Made by `config_file`, read by everything else.
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
    /// Bridges, in the order of `core.cti.switches[..].servers` flattened: the index is the `CtiLinkId`.
    pub(crate) bridges: Vec<BridgeSettings>,
    /// States chosen by hand.
    pub(crate) choice: ChoiceSettings,
    /// Operations listener.
    pub(crate) ops: OpsSettings,
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
