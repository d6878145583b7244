//! Everything the core can be told. Borrowed, so that the presence path copies nothing.
use crate::config::Config;
use crate::cti_event::CtiEvent;
use crate::id::{CtiLinkId, UcLinkId, UserId};
use crate::offer::{PageEvent, RouterEvent};
use crate::uc_event::UcEvent;
use alloc::sync::Arc;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The deadline named by [`crate::Connector::next_deadline`] has come.
    Wake,
    /// Something arrived on, or happened to, a SIP connection.
    Uc {
        /// Which connection.
        link: UcLinkId,
        /// What.
        event: UcEvent<'a>,
    },
    /// Something arrived on, or happened to, a bridge connection.
    Cti {
        /// Which connection.
        link: CtiLinkId,
        /// What.
        event: CtiEvent<'a>,
    },
    /// A worker, or somebody entitled to, chose a state by hand.
    Worker {
        /// Who.
        user: UserId,
        /// What.
        command: WorkerCommand,
    },
    /// A router asks for a preview, or no longer does.
    Router(&'a RouterEvent<'a>),
    /// Something happened at a worker's pages.
    Page {
        /// Who.
        user: UserId,
        /// What.
        event: PageEvent,
    },
    /// What [`crate::Action::Persist`] stored in an earlier life; handed in before the first connection of this one.
    Restore {
        /// Who.
        user: UserId,
        /// What was chosen last.
        choice: Choice,
    },
    /// The configuration or the people changed. Links and workers that are the same in both are left alone.
    Reconfigure(Arc<Config>),
    /// Stop in good order: un-subscribe, de-register, close. [`crate::Action::Drained`] follows when done, at the latest after `within_ms`.
    Drain {
        /// Milliseconds.
        within_ms: u32,
    },
}

/// What a worker can ask for by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WorkerCommand {
    /// Take this state; logs in first where needed.
    Choose(Choice),
    /// Drop the own choice: UC presence drives the agent again at once (not in mode standalone).
    Follow,
}

/// A choice by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Choice {
    /// Row of `config.choice.states`.
    State(u16),
    /// Logged in; the state is T-Server's choice.
    LoggedIn,
    /// Logged out.
    LoggedOut,
}

const _: () = assert!(size_of::<Input<'_>>() <= 48);
