//! What is different with a standard SIMPLE server (RFC 3856, 3903, 4235, 4662; `spec/ms-pres.md` 9): one dialog per worker or one for a list, documents that
//! replace each other, calls as a second source, digest authentication, datagrams.
//!
//! Links, transactions, dialogs, the table of users and the pace are those of [`super`]; every worker starts in the home lane of a watcher there, too. This room
//! decides what leaves the lane and what an answer or a notification means.
mod auth;
mod calls;
mod notify;
mod publish;
mod request;
mod resend;
mod subscribe;

pub(super) use auth::Session;
pub(super) use calls::Calls;
pub(super) use publish::Publications;
pub(super) use request::subscribe as simple_subscribe;
pub(super) use resend::Resends;
pub(super) use subscribe::ends_usage;

use super::UcSide;
use super::link::Link;
use super::watcher::WatcherSide;
use crate::config::{SimpleConfig, UcConfig};
use crate::cx::Cx;
use crate::uc_event::{SipRequest, Transport};
use core::net::SocketAddr;

/// What the other side is; from the configuration the links were built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Flavour {
    /// Lync, Skype for Business.
    #[default]
    Microsoft,
    /// Standard, one dialog per worker.
    Single,
    /// Standard, one dialog for a list.
    List,
}

impl Flavour {
    pub(super) fn of(config: &UcConfig) -> Self {
        match config.kind.simple() {
            None => Self::Microsoft,
            Some(SimpleConfig { list_uri: None, .. }) => Self::Single,
            Some(_) => Self::List,
        }
    }

    /// REGISTER as this kind of server wants it.
    pub(super) fn register(self, config: &UcConfig, watcher: &mut WatcherSide, local: SocketAddr, expires_s: Option<u32>) -> SipRequest {
        match self {
            Self::Microsoft => super::request::register(config, watcher, local, expires_s),
            Self::Single | Self::List => request::register(config, watcher, local, expires_s),
        }
    }

    pub(super) const fn is_simple(self) -> bool {
        !matches!(self, Self::Microsoft)
    }
}

/// Requests unanswered on a link, 0 = no limit. Over datagrams one until somebody has answered: nothing else shows that somebody is there.
pub(super) fn outstanding_max(config: &UcConfig, link: &Link) -> u32 {
    let max = config.pace.outstanding_max;
    let Some(simple) = config.kind.simple().filter(|_| config.transport() == Transport::Udp) else { return max };
    match (link.heard, max, simple.udp_outstanding_max) {
        (false, ..) => 1,
        (true, 0, datagrams) => datagrams,
        (true, max, 0) => max,
        (true, max, datagrams) => max.min(datagrams),
    }
}

impl UcSide {
    /// Whether this link carries datagrams.
    pub(super) fn is_udp(cx: &Cx<'_>) -> bool {
        cx.config.uc.transport() == Transport::Udp
    }
}
