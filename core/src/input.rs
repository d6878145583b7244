//! Everything the core can be told. Borrowed, so that the presence path copies nothing.
use crate::config::Config;
use crate::cti_event::CtiEvent;
use crate::id::{CtiLinkId, UcLinkId};
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
    /// The configuration or the people changed. Links and workers that are the same in both are left alone.
    Reconfigure(Arc<Config>),
    /// Stop in good order: un-subscribe, de-register, close. [`crate::Action::Drained`] follows when done, at the latest after `within_ms`.
    Drain {
        /// Milliseconds.
        within_ms: u32,
    },
}

const _: () = assert!(size_of::<Input<'_>>() <= 48);
