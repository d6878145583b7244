//! What T-Server last reported of each DN, read from the inputs: books shared by the checkers of requests.
use crate::model::Shown;
use std::collections::BTreeMap;
use uc_core::cti_event::{Control, CtiEvent, Role, TEvent};
use uc_core::id::{CtiLinkId, DnId, SwitchId};
use uc_core::{Connector, Input};

/// Message numbers (`spec/genesys-protocols.md`).
pub mod number {
    /// EventError
    pub const ERROR: u32 = 52;
    /// EventRegistered
    pub const REGISTERED: u32 = 53;
    /// EventAbandoned
    pub const ABANDONED: u32 = 59;
    /// EventReleased
    pub const RELEASED: u32 = 65;
    /// EventAgentLogin
    pub const LOGIN: u32 = 73;
    /// EventAgentLogout
    pub const LOGOUT: u32 = 74;
    /// EventAgentReady
    pub const READY: u32 = 75;
    /// EventAgentNotReady
    pub const NOT_READY: u32 = 76;
    /// EventAddressInfo
    pub const ADDRESS_INFO: u32 = 92;
    /// EventLinkDisconnected
    pub const LINK_DISCONNECTED: u32 = 94;
    /// EventLinkConnected
    pub const LINK_CONNECTED: u32 = 95;
    /// EventACK
    pub const ACK: u32 = 138;
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// State.
    pub shown: Shown,
    /// `KW_UC_STATUS`.
    pub status: String,
    /// `KW_UC_NOTE`, raw JSON text.
    pub note: String,
}

/// The books.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    roles: BTreeMap<CtiLinkId, Role>,
    by_dn: BTreeMap<DnId, Report>,
}

/// The switch a bridge link belongs to: links are numbered in the order of the configuration.
#[must_use]
pub fn switch_of(core: &Connector, link: CtiLinkId) -> SwitchId {
    let mut first = 0;
    for (at, switch) in core.directory().config().cti.switches.iter().enumerate() {
        first += switch.servers.len();
        if link.index() < first {
            return SwitchId(at as u16);
        }
    }
    SwitchId(0)
}

/// The DN an event is about.
#[must_use]
pub fn dn_of(core: &Connector, link: CtiLinkId, event: &TEvent<'_>) -> Option<DnId> {
    core.directory().dn_by_number(switch_of(core, link), event.this_dn)
}

/// The state an event reports, if it reports one.
#[must_use]
pub fn shown_by(event: &TEvent<'_>) -> Option<Shown> {
    match event.id {
        number::LOGIN => Some(Shown::Other),
        number::LOGOUT => Some(Shown::LoggedOut),
        number::READY => Some(Shown::Ready),
        number::NOT_READY => Some(Shown::NotReady),
        number::REGISTERED | number::ADDRESS_INFO => match event.agent_status {
            Some(0) => Some(Shown::LoggedOut),
            Some(2) => Some(Shown::NotReady),
            Some(3) => Some(Shown::Ready),
            _ => Some(Shown::Other),
        },
        _ => None,
    }
}

impl Reported {
    /// Takes an input. True when it moved the ground under a link: closed, role changed.
    pub fn on_input(&mut self, core: &Connector, input: &Input<'_>) -> bool {
        let Input::Cti { link, event } = input else { return false };
        match event {
            CtiEvent::Closed { .. } | CtiEvent::Connected => {
                self.roles.remove(link);
                self.forget(core, *link);
                true
            }
            CtiEvent::Control(Control::Opened { role, .. } | Control::Role { role }) => {
                self.roles.insert(*link, *role);
                self.forget(core, *link);
                true
            }
            CtiEvent::Event(event) => {
                if self.roles.get(link) == Some(&Role::Primary)
                    && let (Some(dn), Some(shown)) = (dn_of(core, *link, event), shown_by(event))
                {
                    let report = Report { shown, status: event.kw_status.unwrap_or("").into(), note: event.kw_note.unwrap_or("").into() };
                    self.by_dn.insert(dn, report);
                }
                false
            }
            _ => false,
        }
    }

    fn forget(&mut self, core: &Connector, link: CtiLinkId) {
        let switch = switch_of(core, link);
        self.by_dn.retain(|dn, _| core.directory().has_dn(*dn) && core.directory().switch_of(*dn) != switch);
    }

    /// The last report about a DN.
    #[must_use]
    pub fn get(&self, dn: DnId) -> Option<&Report> {
        self.by_dn.get(&dn)
    }
}
