//! The operations listener and what it asks the driver.
//!
//! HTTP threads never see the [`Connector`]: they send an [`OpsRequest`] and wait; the driver answers with [`answer`], which copies a bounded piece of the
//! views. Text (JSON, metrics) is made on the HTTP threads, off the presence path.
use std::sync::mpsc::SyncSender;
use uc_core::Connector;

/// A question to the driver.
#[derive(Debug)]
pub(crate) struct OpsRequest {
    /// What.
    pub(crate) kind: OpsKind,
    /// Where the answer goes; never blocks (one place, one answer).
    pub(crate) reply: SyncSender<OpsReply>,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpsKind {
    /// Is anybody there.
    Health,
}

/// The driver's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpsReply {
    /// Yes.
    Alive,
}

/// What the driver knows and the core does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// Milliseconds since start.
    pub(crate) uptime_ms: u64,
    /// Stopping in good order.
    pub(crate) draining: bool,
}

/// Answers in bounded time. Called by the driver between inputs.
pub(crate) fn answer(_connector: &Connector, _extra: &Extra, kind: &OpsKind) -> OpsReply {
    match kind {
        OpsKind::Health => OpsReply::Alive,
    }
}
