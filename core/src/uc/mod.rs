//! The SIP side: links, transactions, registrations, subscriptions (ranks 1 and 2).
use crate::cx::Cx;
use crate::directory::Changes;
use crate::fingerprint::Fp;
use crate::id::{DialogId, UcLinkId, UserId, WatcherId};
use crate::uc_event::UcEvent;
use crate::views::{Counters, UcLinkView};
use alloc::vec::Vec;

/// Timers of the SIP side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UcTimer {
    /// Connecting takes too long, or the pause before the next attempt is over.
    Link(UcLinkId),
    /// A registration is to be refreshed or tried again.
    Register(WatcherId),
    /// A subscription is to be refreshed.
    Refresh(DialogId),
}

/// The SIP side of the connector.
#[derive(Clone, Debug, Default)]
pub(crate) struct UcSide {
    _later: Vec<u8>,
}

impl UcSide {
    /// Builds links and watchers from the configuration and asks for the first connections.
    pub(crate) fn start(_cx: &mut Cx<'_>) -> Self {
        Self::default()
    }
    pub(crate) fn on_event(&mut self, _cx: &mut Cx<'_>, _link: UcLinkId, _event: UcEvent<'_>) {}
    pub(crate) fn on_timer(&mut self, _cx: &mut Cx<'_>, _timer: UcTimer) {}
    /// The directory and `cx.config` are the new ones already.
    pub(crate) fn on_reconfigure(&mut self, _cx: &mut Cx<'_>, _old: &crate::Config, _changes: &Changes) {}
    /// Un-subscribe, de-register, close.
    pub(crate) fn on_drain(&mut self, _cx: &mut Cx<'_>) {}
    /// Nothing is left to do.
    pub(crate) fn is_drained(&self) -> bool {
        true
    }
    /// Whether the user is in a live subscription.
    pub(crate) fn covers(&self, _user: UserId) -> bool {
        false
    }
    /// In how many live subscriptions each user is: for the coverage checker (0 or 1 when healthy).
    pub(crate) fn coverage(&self) -> Vec<(UserId, u32)> {
        Vec::new()
    }
    pub(crate) fn links(&self) -> Vec<UcLinkView> {
        Vec::new()
    }
    pub(crate) fn count(&self, _counters: &mut Counters) {}
    pub(crate) fn fingerprint(&self, _fp: &mut Fp) {}
}
