//! Which kind of UC platform there is, and what only the standard kind needs (RFC 3261, 3856, 3903, 4662, 7616; `spec/ms-pres.md` 9).
use super::UcConfig;
use crate::uc_event::Transport;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What the UC platform speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum UcKind {
    /// Lync or Skype for Business: batched subscriptions, category documents.
    #[default]
    Microsoft,
    /// Standard SIMPLE presence.
    Simple(Box<SimpleConfig>),
}

/// Standard SIMPLE presence.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SimpleConfig {
    /// UDP instead of TCP or TLS.
    pub udp: bool,
    /// A list of all workers kept by the server (RFC 4662): one subscription instead of one each. Whom it does not name is subscribed alone.
    pub list_uri: Option<Box<str>>,
    /// Whether calls (RFC 4235) make a worker busy on the phone; one more subscription per worker.
    pub calls: CallRule,
    /// Names and passwords for digest authentication; the first that fits the realm counts.
    pub credentials: Vec<Credential>,
    /// `From` of a publication is the worker, else the watcher (RFC 3903 leaves it to the server's policy).
    pub publish_as_worker: bool,
    /// T1: first interval between two transmissions over UDP, milliseconds (RFC 3261 §17.1.2.2).
    pub t1_ms: u64,
    /// T2: longest such interval, milliseconds.
    pub t2_ms: u64,
    /// Requests unanswered over UDP, which has no flow control of its own; 0 = no limit.
    pub udp_outstanding_max: u32,
    /// A longer request does not go by UDP, bytes (RFC 3261 §18.1.1).
    pub udp_request_bytes_max: u32,
    /// What becomes of one.
    pub oversize: Oversize,
}

/// Which calls count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CallRule {
    /// Calls are not subscribed to.
    #[default]
    Off,
    /// Answered calls.
    Confirmed,
    /// Ringing ones too.
    Early,
}

/// What becomes of a request that is too large for UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Oversize {
    /// It goes by TCP to the same address and port; by UDP only when nobody listens there (RFC 3261 §18.1.1).
    #[default]
    Tcp,
    /// It goes by UDP all the same and may arrive in fragments.
    Send,
}

/// A name with the reference to its password.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Credential {
    /// Realm it is for; empty: any.
    pub realm: Box<str>,
    /// User name, without quotes and backslashes.
    pub user: Box<str>,
    /// `env:NAME` or `file:PATH`.
    pub password_ref: Box<str>,
}

impl UcKind {
    /// The standard kind's part.
    #[must_use]
    pub fn simple(&self) -> Option<&SimpleConfig> {
        match self {
            Self::Microsoft => None,
            Self::Simple(simple) => Some(simple),
        }
    }
}

impl UcConfig {
    /// What carries our requests.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.kind.simple() {
            Some(simple) if simple.udp => Transport::Udp,
            _ if self.tls => Transport::Tls,
            _ => Transport::Tcp,
        }
    }
}

impl SimpleConfig {
    /// The credential for a realm.
    #[must_use]
    pub fn credential(&self, realm: &str) -> Option<&Credential> {
        let named = self.credentials.iter().find(|c| !c.realm.is_empty() && *c.realm == *realm);
        named.or_else(|| self.credentials.iter().find(|c| c.realm.is_empty()))
    }
}

impl Default for SimpleConfig {
    /// Timers of RFC 3261 §17, 18.
    fn default() -> Self {
        Self {
            udp: false,
            list_uri: None,
            calls: CallRule::Off,
            credentials: Vec::new(),
            publish_as_worker: false,
            t1_ms: 500,
            t2_ms: 4_000,
            udp_outstanding_max: 64,
            udp_request_bytes_max: 1_300,
            oversize: Oversize::Tcp,
        }
    }
}
