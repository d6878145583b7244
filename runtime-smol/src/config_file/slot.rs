//! One value of the configuration: where it goes, how it is read, how it is printed. The same slots make the parser, the example and the reference, so the
//! three cannot drift apart.
use super::simple::Kind;
use super::sso::Network;
use crate::fetch::Url;
use crate::presence_xml::source::Location;
use crate::settings::{BridgeAddress, LogFormat, SsoColumn, SsoKind, TlsProfile};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::DeValue;
use uc_core::config::{CalendarState, CallRule, ForeignRule, InviteMode, Mode, NotReadyRule, NoteLevel, Oversize, Redundancy, Rule, UcEndpoint};

/// Where a value goes.
pub(crate) enum Slot<'a> {
    /// `true` or `false`
    Bool(&'a mut bool),
    /// Number.
    U8(&'a mut u8),
    /// Number.
    U16(&'a mut u16),
    /// Number.
    U32(&'a mut u32),
    /// Number.
    U64(&'a mut u64),
    /// Number.
    Usize(&'a mut usize),
    /// Number or nothing.
    OptU32(&'a mut Option<u32>),
    /// Text.
    Text(&'a mut Box<str>),
    /// Text or nothing.
    OptText(&'a mut Option<String>),
    /// Reference to a secret.
    Secret(&'a mut Option<String>),
    /// File, relative to the configuration file.
    Path(&'a mut Option<PathBuf>),
    /// File, relative to the configuration file, or `http:`, `https:`.
    Location(&'a mut Option<Location>),
    /// List of texts.
    Texts(&'a mut Vec<Box<str>>),
    /// List of addresses and networks.
    Networks(&'a mut Vec<Network>),
    /// List of `host:port`.
    Endpoints(&'a mut Vec<UcEndpoint>),
    /// `host:port` or `unix:/path`.
    Bridge(&'a mut Option<BridgeAddress>),
    /// `address:port` or `off`.
    Listen(&'a mut Option<SocketAddr>),
    /// What a presence does.
    Rule(&'a mut Rule),
    /// Precedence.
    Foreign(&'a mut ForeignRule),
    /// One word of several.
    Word(&'a mut dyn Word),
}

/// A closed set of words.
pub(crate) trait Word {
    /// The words.
    fn words(&self) -> &'static [&'static str];
    /// Index of the present one; `None`: none yet.
    fn get(&self) -> Option<usize>;
    /// Chooses.
    fn set(&mut self, at: usize);
}

macro_rules! word {
    ($type:ty: $($word:literal => $value:expr),+) => {
        impl Word for $type {
            fn words(&self) -> &'static [&'static str] {
                &[$($word),+]
            }
            fn get(&self) -> Option<usize> {
                [$($value),+].iter().position(|value| value == self)
            }
            fn set(&mut self, at: usize) {
                *self = [$($value),+][at];
            }
        }
    };
}

/// Sets of own traffic limits (`decisions.md` 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The documented limits of the platforms.
    #[default]
    Lync,
    /// No limits of ours.
    Open,
}

/// TLS or not; nothing yet: by kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TLS
    Tls,
    /// TCP
    Tcp,
    /// UDP, towards standard presence servers.
    Udp,
}

word!(Profile: "lync" => Self::Lync, "open" => Self::Open);
word!(Transport: "tls" => Self::Tls, "tcp" => Self::Tcp, "udp" => Self::Udp);
word!(Kind: "microsoft" => Self::Microsoft, "simple" => Self::Simple);
word!(CallRule: "off" => Self::Off, "confirmed" => Self::Confirmed, "early" => Self::Early);
word!(Oversize: "tcp" => Self::Tcp, "send" => Self::Send);
word!(Option<Transport>: "tls" => Some(Transport::Tls), "tcp" => Some(Transport::Tcp));
word!(Mode: "normal" => Self::Normal, "bidirectional" => Self::Bidirectional, "push-only" => Self::PushOnly, "standalone" => Self::Standalone);
word!(NoteLevel: "debug" => Self::Debug, "info" => Self::Info, "warn" => Self::Warn, "alarm" => Self::Alarm);
word!(Option<Redundancy>: "single" => Some(Redundancy::Single), "warm" => Some(Redundancy::Warm), "hot" => Some(Redundancy::Hot));
word!(Option<CalendarState>: "free" => Some(CalendarState::Free), "tentative" => Some(CalendarState::Tentative), "busy" => Some(CalendarState::Busy), "out-of-office" => Some(CalendarState::OutOfOffice));
word!(TlsProfile: "rustls" => Self::Rustls, "openssl" => Self::OpenSsl);
word!(InviteMode: "off" => Self::Off, "message" => Self::Message, "context" => Self::Context);
word!(NotReadyRule: "withdraw" => Self::Withdraw, "keep" => Self::Keep);
word!(SsoKind: "off" => Self::Off, "header" => Self::Header, "oidc" => Self::Oidc);
word!(SsoColumn: "employee_id" => Self::EmployeeId, "user_name" => Self::UserName, "sip_uri" => Self::SipUri);
word!(LogFormat: "human" => Self::Human, "json" => Self::Json, "genesys" => Self::Genesys);

impl Slot<'_> {
    /// Takes the value.
    ///
    /// # Errors
    /// What to write instead, to follow "it must be".
    pub(crate) fn read(self, value: &DeValue<'_>, (min, max): (u64, u64), folder: &Path) -> Result<(), String> {
        let expected = self.expected((min, max));
        let wrong = move || expected;
        let integer = || number(value).filter(|n| (min..=max).contains(n));
        match self {
            Self::Bool(to) => *to = value.as_bool().ok_or_else(wrong)?,
            Self::U8(to) => *to = integer().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
            Self::U16(to) => *to = integer().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
            Self::U32(to) => *to = integer().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
            Self::U64(to) => *to = integer().ok_or_else(wrong)?,
            Self::Usize(to) => *to = integer().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
            Self::OptU32(to) => *to = Some(integer().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?),
            Self::Text(to) => *to = text(value).filter(|t| (min..=max).contains(&(t.len() as u64))).ok_or_else(wrong)?.into(),
            Self::OptText(to) => *to = Some(text(value).filter(|t| !t.is_empty()).ok_or_else(wrong)?.to_owned()),
            Self::Secret(to) => *to = Some(text(value).filter(|t| is_secret_ref(t)).ok_or_else(wrong)?.to_owned()),
            Self::Path(to) => *to = Some(folder.join(text(value).filter(|t| !t.is_empty()).ok_or_else(wrong)?)),
            Self::Location(to) => {
                let text = text(value).filter(|t| !t.is_empty()).ok_or_else(wrong.clone())?;
                *to = Some(match text.contains("://") {
                    true => Location::Url(Url::parse(text).ok_or_else(wrong)?),
                    false => Location::File(folder.join(text)),
                });
            }
            Self::Texts(to) => *to = list(value).and_then(|items| items.into_iter().map(|t| Some(t?.into())).collect()).ok_or_else(wrong)?,
            Self::Networks(to) => {
                let items: Vec<&str> = list(value).and_then(|items| items.into_iter().collect()).ok_or_else(wrong.clone())?;
                let network = |item: &&str| Network::parse(item).ok_or_else(|| format!("{}; `{item}` is none", wrong.clone()()));
                *to = items.iter().map(network).collect::<Result<_, _>>()?;
            }
            Self::Endpoints(to) => *to = list(value).and_then(|items| items.into_iter().map(|t| endpoint(t?)).collect()).ok_or_else(wrong)?,
            Self::Bridge(to) => *to = Some(text(value).and_then(bridge).ok_or_else(wrong)?),
            Self::Listen(to) => match text(value) {
                Some("off") => *to = None,
                Some(address) => *to = Some(address.parse().map_err(|_| wrong())?),
                None => return Err(wrong()),
            },
            Self::Rule(to) => *to = text(value).and_then(rule).ok_or_else(wrong)?,
            Self::Foreign(to) => *to = text(value).and_then(foreign).ok_or_else(wrong)?,
            Self::Word(to) => to.set(text(value).and_then(|t| to.words().iter().position(|w| *w == t)).ok_or_else(wrong)?),
        }
        Ok(())
    }

    /// What is accepted, in words.
    pub(crate) fn expected(&self, (min, max): (u64, u64)) -> String {
        let quoted = |words: &[&str]| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(" or ");
        match self {
            Self::Bool(_) => "true or false".into(),
            Self::U8(_) => format!("a number from {min} to {}", max.min(u8::MAX.into())),
            Self::U16(_) => format!("a number from {min} to {}", max.min(u16::MAX.into())),
            Self::U32(_) | Self::OptU32(_) => format!("a number from {min} to {}", max.min(u32::MAX.into())),
            Self::U64(_) | Self::Usize(_) => format!("a number from {min} to {max}"),
            Self::Text(_) => format!("text of {min} to {max} bytes without control characters"),
            Self::OptText(_) => "text".into(),
            Self::Secret(_) => "a reference to a secret, \"env:NAME\" or \"file:/path\", never the secret itself".into(),
            Self::Path(_) => "the path of a file".into(),
            Self::Location(_) => "the path of a file or an http or https URL".into(),
            Self::Texts(_) => "a list of texts, [\"...\", \"...\"]".into(),
            Self::Networks(_) => "a list of addresses and networks, [\"10.0.0.5\", \"10.1.0.0/24\"]".into(),
            Self::Endpoints(_) => "a list of servers, [\"name:port\", ...]".into(),
            Self::Bridge(_) => "\"host:port\" or \"unix:/path\"".into(),
            Self::Listen(_) => "\"address:port\", for example \"127.0.0.1:8080\", or \"off\"".into(),
            Self::Rule(_) => "\"ready\", \"notready\", \"logout\" or \"ignore\"; with a work mode \"notready:4\"".into(),
            Self::Foreign(_) => "\"until-next-presence\" or \"enforce:MILLISECONDS\", for example \"enforce:5000\"".into(),
            Self::Word(word) => quoted(word.words()),
        }
    }

    /// The present value as TOML; `None` when there is none.
    pub(crate) fn print(&self) -> Option<String> {
        let quote = |t: &str| format!("{t:?}");
        let join = |items: Vec<String>| format!("[{}]", items.join(", "));
        Some(match self {
            Self::Bool(value) => value.to_string(),
            Self::U8(n) => n.to_string(),
            Self::U16(n) => n.to_string(),
            Self::U32(n) => n.to_string(),
            Self::U64(n) => n.to_string(),
            Self::Usize(n) => n.to_string(),
            Self::OptU32(n) => n.as_ref()?.to_string(),
            Self::Text(t) => quote(t),
            Self::OptText(t) | Self::Secret(t) => quote(t.as_deref()?),
            Self::Path(path) => quote(&path.as_ref()?.to_string_lossy()),
            Self::Location(location) => quote(&location.as_ref()?.to_string()),
            Self::Texts(texts) => join(texts.iter().map(|t| quote(t)).collect()),
            Self::Networks(list) => join(list.iter().map(|network| quote(&network.to_string())).collect()),
            Self::Endpoints(list) => join(list.iter().map(|e| quote(&format!("{}:{}", e.host, e.port))).collect()),
            Self::Bridge(address) => quote(&print_bridge(address.as_ref()?)),
            Self::Listen(address) => address.map_or_else(|| quote("off"), |a| quote(&a.to_string())),
            Self::Rule(rule) => quote(&print_rule(**rule)),
            Self::Foreign(ForeignRule::UntilNextPresence) => quote("until-next-presence"),
            Self::Foreign(ForeignRule::Enforce { after_ms }) => quote(&format!("enforce:{after_ms}")),
            Self::Word(word) => quote(word.words()[word.get()?]),
        })
    }
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn text<'t>(value: &'t DeValue<'_>) -> Option<&'t str> {
    value.as_str().filter(|t| !t.chars().any(char::is_control))
}

fn list<'t>(value: &'t DeValue<'_>) -> Option<Vec<Option<&'t str>>> {
    Some(value.as_array()?.iter().map(|item| text(item.get_ref()).filter(|t| !t.is_empty())).collect())
}

/// `host:port`, `[v6]:port`
pub(crate) fn endpoint(text: &str) -> Option<UcEndpoint> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').filter(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => Some(host).filter(|h| is_host(h))?,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(UcEndpoint { host: host.into(), port })
}

/// A name or IPv4 address.
pub(crate) fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
}

fn bridge(text: &str) -> Option<BridgeAddress> {
    match text.strip_prefix("unix:") {
        Some(path) => path.starts_with('/').then(|| BridgeAddress::Unix(path.into())),
        None => endpoint(text).map(|e| BridgeAddress::Tcp(e.host.into(), e.port)),
    }
}

/// As written in the file.
pub(crate) fn print_bridge(address: &BridgeAddress) -> String {
    match address {
        BridgeAddress::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        BridgeAddress::Tcp(host, port) => format!("{host}:{port}"),
        BridgeAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// `env:NAME` or `file:PATH`
pub(crate) fn is_secret_ref(text: &str) -> bool {
    match text.split_once(':') {
        Some(("env", name)) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
        Some(("file", path)) => !path.is_empty(),
        _ => false,
    }
}

/// Highest work mode (`spec/genesys-protocols.md` 1.4).
const WORK_MODE_MAX: u8 = 7;

fn rule(text: &str) -> Option<Rule> {
    let (word, mode) = match text.split_once(':') {
        Some((word, mode)) => (word, Some(mode.parse().ok().filter(|m| *m <= WORK_MODE_MAX)?)),
        None => (text, None),
    };
    match (word, mode) {
        ("ready", work_mode) => Some(Rule::Ready { work_mode }),
        ("notready", work_mode) => Some(Rule::NotReady { work_mode }),
        ("ignore", None) => Some(Rule::Ignore),
        ("logout", None) => Some(Rule::Logout),
        _ => None,
    }
}

fn print_rule(rule: Rule) -> String {
    let with = |word: &str, mode: Option<u8>| mode.map_or_else(|| word.to_owned(), |m| format!("{word}:{m}"));
    match rule {
        Rule::Ignore => "ignore".into(),
        Rule::Logout => "logout".into(),
        Rule::Ready { work_mode } => with("ready", work_mode),
        Rule::NotReady { work_mode } => with("notready", work_mode),
    }
}

/// Longest wait before a state is requested again, one day.
const ENFORCE_MS_MAX: u64 = 86_400_000;

fn foreign(text: &str) -> Option<ForeignRule> {
    match text.split_once(':') {
        None if text == "until-next-presence" => Some(ForeignRule::UntilNextPresence),
        Some(("enforce", ms)) => ms.parse().ok().filter(|ms| *ms <= ENFORCE_MS_MAX).map(|after_ms| ForeignRule::Enforce { after_ms }),
        _ => None,
    }
}
