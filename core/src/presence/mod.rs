//! Presence: the classes of the UC platform, what we know of each worker, and the reconciliation with the contact centre.
mod agent;
mod calendar;
mod choice;
mod class;
mod conditions;
mod decide;
mod echo;
mod explain;
mod lag;
mod mirror;
mod note;
mod overrule;
mod reconcile;
mod reload;
mod role;
mod seats;
mod shown;
mod slots;
mod standing;
#[cfg(test)]
mod tests;
mod trail;
mod waits;

pub use calendar::FreeBusy;
pub use class::{Activity, Class};
pub(crate) use conditions::wants_calendar;
pub(crate) use lag::Lag;
pub(crate) use note::{is_json_of, note_hash_of_json};
pub(crate) use reconcile::Presence;

use crate::uc_event::PublishTime;
use alloc::boxed::Box;

/// Timers of the reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum PresenceTimer {
    /// The oldest lost subscription reaches its grace time.
    Grace,
    /// The next DN whose request is to be repeated.
    Retry,
    /// Time alone may change what a condition says.
    Edge,
    /// After Call Work or Legal Guard has lasted too long, an echo window closes, or a publication is due once more.
    Override,
    /// A switch has been silent for too long (push-only).
    Silence,
}

/// What the SIP side learnt about one user. Produced by `uc`, consumed by the reconciler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// The state category.
    pub state: StateChange,
    /// The note category.
    pub note: NoteChange,
    /// The calendar, when it is in the document and a condition asks for it: its slots, or none any more.
    pub calendar: Option<Option<Box<FreeBusy>>>,
    /// First notification of a new subscription: replaces what we had, whatever its `publishTime` (`spec/ms-pres.md` 4.8).
    pub first: bool,
}

/// Change of the state category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum StateChange {
    /// Not in the document.
    Unchanged,
    /// In the document without content: the class is kept, the detail is none.
    Empty,
    /// A value.
    Value {
        /** number */
        availability: u32,
        /** detail */
        activity: Activity,
        /** stamp of the server */
        publish_time: PublishTime,
    },
}

/// Change of the note category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteChange {
    /// Not in the document.
    Unchanged,
    /// Cleared.
    Cleared,
    /// A new text, already cut to `limits.note_bytes_max`.
    Set(Box<str>),
}

/// `RequestAgentReady` or `RequestAgentNotReady`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StateRequest {
    /// Ready, else not ready.
    pub ready: bool,
    /// `AttributeAgentWorkMode`; absent unless the mapping says so (`decisions.md` 18).
    pub work_mode: Option<u8>,
    /// What goes into the reasons.
    pub why: Why,
}

/// The reasons of a state request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Why {
    /// `KW_UC_STATUS` is this class, `KW_UC_NOTE` the worker's note.
    Presence(Class),
    /// The reason of this row of `config.choice.states`, in Reasons or Extensions.
    Choice(u16),
}

impl Why {
    /// The value of `KW_UC_STATUS`; of a choice by hand there is none.
    #[must_use]
    pub const fn status(self) -> Option<&'static str> {
        match self {
            Self::Presence(class) => Some(class.token()),
            Self::Choice(_) => None,
        }
    }
}

/// The name of a request as T-Library spells it.
#[must_use]
pub(crate) const fn request_name(req: crate::action::CtiReq) -> &'static str {
    use crate::action::CtiReq;
    match req {
        CtiReq::QueryAddress => "RequestQueryAddress",
        CtiReq::RegisterAddress => "RequestRegisterAddress",
        CtiReq::UnregisterAddress => "RequestUnregisterAddress",
        CtiReq::AgentLogin => "RequestAgentLogin",
        CtiReq::AgentLogout => "RequestAgentLogout",
        CtiReq::State(state) if state.ready => "RequestAgentReady",
        CtiReq::State(_) => "RequestAgentNotReady",
    }
}
