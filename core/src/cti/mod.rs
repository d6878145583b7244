//! The contact-centre side: bridge links, T-Server pairs, DN registration, request correlation (rank 1).
use crate::action::CtiReq;
use crate::cti_event::CtiEvent;
use crate::cx::Cx;
use crate::directory::Changes;
use crate::fingerprint::Fp;
use crate::id::{CtiLinkId, DnId, SwitchId};
use crate::views::{AgentState, Counters, CtiLinkView};
use alloc::vec::Vec;

/// Timers of the contact-centre side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtiTimer {
    /// Connecting takes too long, or the pause before the next attempt is over.
    Link(CtiLinkId),
    /// Silence: ping, or give up.
    Silence(CtiLinkId),
    /// The oldest unanswered request.
    Requests(CtiLinkId),
    /// The pace allows more requests.
    Pace(CtiLinkId),
    /// Hot standby: nobody became primary in time.
    Switchover(SwitchId),
}

/// News about a DN, for presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AgentNews {
    pub(crate) state: AgentState,
}

/// The contact-centre side of the connector.
#[derive(Clone, Debug, Default)]
pub(crate) struct CtiSide {
    _later: Vec<u8>,
}

impl CtiSide {
    pub(crate) fn start(_cx: &mut Cx<'_>) -> Self {
        Self::default()
    }
    pub(crate) fn on_event(&mut self, _cx: &mut Cx<'_>, _link: CtiLinkId, _event: CtiEvent<'_>) {}
    pub(crate) fn on_timer(&mut self, _cx: &mut Cx<'_>, _timer: CtiTimer) {}
    pub(crate) fn on_reconfigure(&mut self, _cx: &mut Cx<'_>, _old: &crate::Config, _changes: &Changes) {}
    pub(crate) fn on_drain(&mut self, _cx: &mut Cx<'_>) {}
    pub(crate) fn is_drained(&self) -> bool {
        true
    }
    /// Sends a request about `dn` if its switch can take one now.
    pub(crate) fn request(&mut self, _cx: &mut Cx<'_>, _dn: DnId, _req: CtiReq) -> bool {
        false
    }
    pub(crate) fn is_registered(&self, _dn: DnId) -> bool {
        false
    }
    pub(crate) fn links(&self) -> Vec<CtiLinkView> {
        Vec::new()
    }
    pub(crate) fn count(&self, _counters: &mut Counters) {}
    pub(crate) fn fingerprint(&self, _fp: &mut Fp) {}
}
