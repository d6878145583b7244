//! Presence: the classes of the UC platform, what we know of each worker, and the reconciliation with the contact centre.
mod class;

pub use class::{Activity, Class};

use crate::uc_event::PublishTime;
use alloc::boxed::Box;

/// Timers of the reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceTimer {
    /// The oldest lost subscription reaches its grace time.
    Grace,
    /// The next DN whose request is to be repeated.
    Retry,
}

/// What the SIP side learnt about one user. Produced by `uc`, consumed by the reconciler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// The state category.
    pub state: StateChange,
    /// The note category.
    pub note: NoteChange,
    /// First notification of a new subscription: replaces what we had, whatever its `publishTime` (`spec/ms-pres.md` 4.8).
    pub first: bool,
}

/// Change of the state category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRequest {
    /// Ready, else not ready.
    pub ready: bool,
    /// `AttributeAgentWorkMode`; absent unless the mapping says so (`decisions.md` 18).
    pub work_mode: Option<u8>,
    /// Value of `KW_UC_STATUS`.
    pub status: Class,
}

/// The reconciler.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence {}

impl Presence {
    pub(crate) fn start(_cx: &mut crate::cx::Cx<'_>) -> Self {
        Self::default()
    }
    pub(crate) fn on_fact(&mut self, _cx: &mut crate::cx::Cx<'_>, _fact: crate::fact::Fact) {}
    pub(crate) fn on_timer(&mut self, _cx: &mut crate::cx::Cx<'_>, _timer: PresenceTimer) {}
    pub(crate) fn emit(&mut self, _cx: &mut crate::cx::Cx<'_>, _cti: &mut crate::cti::CtiSide) {}
    pub(crate) fn on_reconfigure(&mut self, _cx: &mut crate::cx::Cx<'_>, _old: &crate::Config, _changes: &crate::directory::Changes) {}
    pub(crate) fn on_drain(&mut self, _cx: &mut crate::cx::Cx<'_>) {}
    pub(crate) fn note(&self, _user: crate::id::UserId) -> &str {
        ""
    }
    pub(crate) fn worker(&self, user: crate::id::UserId, _config: &crate::Config, covered: bool) -> crate::views::WorkerView<'_> {
        crate::views::WorkerView {
            user,
            class: Class::Unknown,
            availability: 0,
            activity: Activity::None,
            note: "",
            covered,
            since: None,
            want: crate::views::WantView::Nothing,
        }
    }
    pub(crate) fn dn(&self, dn: crate::id::DnId, user: crate::id::UserId, registered: bool) -> crate::views::DnView {
        crate::views::DnView { dn, user, state: crate::views::AgentState::Unknown, in_flight: false, held: false, registered }
    }
    pub(crate) fn count(&self, _counters: &mut crate::views::Counters) {}
    pub(crate) fn fingerprint(&self, _fp: &mut crate::fingerprint::Fp) {}
}
