//! What presence means for agents.
use super::Condition;
use crate::presence::Class;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What presence means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceConfig {
    /// What each class does, indexed by `Class as usize`.
    pub rules: [Rule; 9],
    /// Looked at first, in order.
    pub conditions: Vec<Condition>,
    /// Local time minus UTC, minutes, for [`crate::config::Hours`]; the driver re-configures when it changes.
    pub utc_offset_min: i32,
    /// Keep synchronising a worker whose agent is logged out (`sync-when-logout`); else a logout by others stands until they log in again.
    pub sync_when_logged_out: bool,
    /// DNs follow who logs in there (`spec/uc-connector-functional.md` 4.3).
    pub free_seating: bool,
    /// Availability 1-2999 and 0 count as offline instead of unknown (pidgin-sipe shows 0 so).
    pub low_is_offline: bool,
    /// 6900 with `urgent-interruptions-only` counts as do-not-disturb.
    pub urgent_is_dnd: bool,
    /// Log agents in when their presence asks for a state.
    pub auto_login: bool,
    /// Log agents out when the connector stops in good order.
    pub logout_on_stop: bool,
    /// Presence unknown (subscription lost) for this long, milliseconds, makes it stale.
    pub grace_ms: u64,
    /// What to do then.
    pub stale: Rule,
    /// Somebody else changed the agent's state.
    pub foreign: ForeignRule,
    /// Somebody else logged the agent out.
    pub foreign_logout: ForeignRule,
    /// Reason key for the status.
    pub status_key: Box<str>,
    /// Reason key for the note.
    pub note_key: Box<str>,
    /// Send the note's text (else always empty).
    pub send_note: bool,
}

/// What a class of presence does to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Rule {
    /// Leave the agent alone.
    Ignore,
    /// `RequestAgentReady`
    Ready {
        /** work mode */
        work_mode: Option<u8>,
    },
    /// `RequestAgentNotReady`
    NotReady {
        /** work mode */
        work_mode: Option<u8>,
    },
    /// `RequestAgentLogout`
    Logout,
}

/// Precedence when somebody else (desktop, supervisor, T-Server timer) changes what we set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignRule {
    /// It stands until the worker's next presence change.
    UntilNextPresence,
    /// Our state is requested again after this many milliseconds.
    Enforce {
        /** milliseconds */
        after_ms: u64,
    },
}

impl Default for PresenceConfig {
    fn default() -> Self {
        let busy = Rule::NotReady { work_mode: None };
        let mut rules = [busy; 9];
        rules[Class::Unknown as usize] = Rule::Ignore;
        rules[Class::Online as usize] = Rule::Ready { work_mode: None };
        rules[Class::IdleOnline as usize] = Rule::Ready { work_mode: None };
        rules[Class::Offline as usize] = Rule::Logout;
        Self {
            rules,
            conditions: Vec::new(),
            utc_offset_min: 0,
            sync_when_logged_out: true,
            free_seating: false,
            low_is_offline: false,
            urgent_is_dnd: true,
            auto_login: true,
            logout_on_stop: false,
            grace_ms: 30_000,
            stale: Rule::Ignore,
            foreign: ForeignRule::UntilNextPresence,
            foreign_logout: ForeignRule::UntilNextPresence,
            status_key: "KW_UC_STATUS".into(),
            note_key: "KW_UC_NOTE".into(),
            send_note: true,
        }
    }
}
