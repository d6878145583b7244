//! Logging is data: what the operator should know, rendered by the drivers. Every note is one sentence that says what to do where something can be done.
use crate::config::NoteLevel;
use crate::cti_event::Role;
use crate::id::{CtiLinkId, DnId, SwitchId, UcLinkId, UserId, WatcherId};
use crate::input::Choice;
use crate::presence::Class;
use crate::uc_event::{CloseCause, TerminationReason};
use crate::views::{ChoiceFault, OverrideView};
use alloc::boxed::Box;
use core::fmt;

/// One line for the operator. The fields are ids; drivers print names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A SIP connection is being made.
    UcConnecting {
        /** link */
        link: UcLinkId,
        /** index in `config.uc.endpoints` */
        endpoint: u16,
    },
    /// A SIP connection stands.
    UcConnected {
        /** link */
        link: UcLinkId,
    },
    /// A SIP connection ended or failed.
    UcClosed {
        /** link */
        link: UcLinkId,
        /** why */
        why: CloseCause,
        /** next attempt, milliseconds */
        retry_ms: u64,
    },
    /// The peer broke the protocol.
    UcMalformed {
        /** link */
        link: UcLinkId,
        /** what, one sentence */
        fault: Box<str>,
    },
    /// Something else about the SIP side; rare, spelled out where it happens.
    Uc {
        /** severity */
        level: NoteLevel,
        /** link */
        link: UcLinkId,
        /** one sentence */
        text: Box<str>,
    },
    /// A watcher identity is registered.
    Registered {
        /** who */
        watcher: WatcherId,
        /** seconds */
        expires_s: u32,
    },
    /// A batch of users is subscribed.
    Subscribed {
        /** who */
        watcher: WatcherId,
        /** how many users */
        users: u32,
        /** seconds */
        expires_s: u32,
    },
    /// A request was refused.
    UcRefused {
        /** who */
        watcher: WatcherId,
        /** method */
        method: &'static str,
        /** status */
        status: u16,
        /** reason phrase and diagnostics */
        text: Box<str>,
    },
    /// One user cannot be watched.
    ResourceLost {
        /** user */
        user: UserId,
        /** reason */
        reason: TerminationReason,
    },
    /// A bridge connection ended or failed.
    CtiClosed {
        /** link */
        link: CtiLinkId,
        /** why */
        why: CloseCause,
        /** next attempt, milliseconds */
        retry_ms: u64,
    },
    /// The session to a T-Server stands.
    CtiOpened {
        /** link */
        link: CtiLinkId,
        /** its role */
        role: Role,
        /** its name */
        server: Box<str>,
    },
    /// The peer broke the protocol.
    CtiMalformed {
        /** link */
        link: CtiLinkId,
        /** what, one sentence */
        fault: Box<str>,
    },
    /// Something else about the contact-centre side.
    Cti {
        /** severity */
        level: NoteLevel,
        /** link */
        link: CtiLinkId,
        /** one sentence */
        text: Box<str>,
    },
    /// A switch can take requests (again).
    SwitchUp {
        /** switch */
        switch: SwitchId,
        /** through */
        link: CtiLinkId,
    },
    /// A switch cannot take requests.
    SwitchDown {
        /** switch */
        switch: SwitchId,
    },
    /// A worker's presence changed.
    Presence {
        /** worker */
        user: UserId,
        /** before */
        from: Class,
        /** now */
        to: Class,
    },
    /// A state was requested.
    StateRequested {
        /** worker */
        user: UserId,
        /** DN */
        dn: DnId,
        /** Ready, NotReady, … */
        what: &'static str,
        /** reason */
        status: Class,
    },
    /// The agent state of a DN changed.
    AgentState {
        /** worker */
        user: UserId,
        /** DN */
        dn: DnId,
        /** new state */
        state: &'static str,
        /** somebody else caused it */
        foreign: bool,
    },
    /// T-Server refused a request.
    RequestFailed {
        /** DN */
        dn: DnId,
        /** which */
        what: &'static str,
        /** code */
        code: i32,
        /** text */
        text: Box<str>,
        /** next attempt, milliseconds; none: left until the next change */
        retry_ms: Option<u64>,
    },
    /// No answer came.
    RequestTimedOut {
        /** DN */
        dn: DnId,
        /** which */
        what: &'static str,
    },
    /// T-Server keeps an agent in After Call Work or Legal Guard: presence is held back.
    OverrideBegan {
        /** worker */
        user: UserId,
        /** which */
        what: OverrideView,
    },
    /// Presence drives the agent again.
    OverrideEnded {
        /** worker */
        user: UserId,
        /** why */
        why: &'static str,
    },
    /// A worker's presence has been unknown for longer than the grace time.
    PresenceStale {
        /** worker */
        user: UserId,
    },
    /// A worker's choice by hand began, changed or ended; others in the contact centre may have caused it.
    Chosen {
        /** worker */
        user: UserId,
        /** what stands now */
        choice: Option<Choice>,
    },
    /// A choice was refused.
    ChoiceRefused {
        /** worker */
        user: UserId,
        /** why */
        fault: ChoiceFault,
    },
    /// Something about previews; rare, spelled out where it happens.
    Preview {
        /** severity */
        level: NoteLevel,
        /** one sentence */
        text: Box<str>,
    },
    /// The configuration was replaced.
    Reconfigured {
        /** workers */
        added: u32,
        /** workers */
        removed: u32,
        /** workers */
        changed: u32,
    },
}

impl Note {
    /// Severity.
    #[must_use]
    pub const fn level(&self) -> NoteLevel {
        match self {
            Self::Uc { level, .. } | Self::Cti { level, .. } | Self::Preview { level, .. } => *level,
            Self::Presence { .. } | Self::StateRequested { .. } | Self::AgentState { .. } | Self::Chosen { .. } => NoteLevel::Debug,
            Self::OverrideBegan { .. } | Self::OverrideEnded { .. } => NoteLevel::Debug,
            Self::UcConnecting { .. } | Self::Subscribed { .. } | Self::Registered { .. } => NoteLevel::Info,
            Self::UcConnected { .. } | Self::CtiOpened { .. } | Self::SwitchUp { .. } | Self::Reconfigured { .. } => NoteLevel::Info,
            Self::UcClosed { .. } | Self::CtiClosed { .. } | Self::UcMalformed { .. } | Self::CtiMalformed { .. } => NoteLevel::Warn,
            Self::UcRefused { .. } | Self::ResourceLost { .. } | Self::RequestFailed { .. } | Self::RequestTimedOut { .. } => NoteLevel::Warn,
            Self::SwitchDown { .. } | Self::PresenceStale { .. } | Self::ChoiceRefused { .. } => NoteLevel::Warn,
        }
    }
}

impl fmt::Display for Note {
    /// With ids; for traces and tests. Operators read the version with names of the runtime.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
