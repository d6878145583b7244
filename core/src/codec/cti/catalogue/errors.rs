//! Error codes of `EventError` that an agent-state client meets (`spec/genesys-protocols.md` 1.12), and what is done about each.

/// What the connector does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The wanted state is there already.
    Success,
    /// Repeat the request once, after a pause.
    RetryOnce,
    /// Repeat with growing pauses.
    Backoff,
    /// Register the DN again, then repeat once.
    Reregister,
    /// Wait for `EventLinkConnected`.
    WaitForLink,
    /// Wait for `EventDNBackInService`.
    WaitForDn,
    /// Leave the DN alone until the configuration changes.
    GiveUpDn,
    /// Repeating does not help; wait for the next presence change.
    GiveUp,
    /// Close the connection.
    Close,
}

/// One row of the error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    /// `AttributeErrorCode`.
    pub code: i32,
    /// Symbolic name; empty where none is published.
    pub name: &'static str,
    /// What is done.
    pub reaction: Reaction,
    /// One sentence for the operator.
    pub advice: &'static str,
}

const fn row(code: i32, name: &'static str, reaction: Reaction, advice: &'static str) -> ErrorEntry {
    ErrorEntry { code, name, reaction, advice }
}

#[rustfmt::skip]
const ERRORS: [ErrorEntry; 15] = [
    row(40, "TERR_NOMORE_LICENSE", Reaction::Backoff, "The server has no free licence: free one or buy more; the request is repeated later."),
    row(41, "TERR_NOT_REGISTERED", Reaction::Reregister, "We are not registered for the DN: it is registered again and the request repeated once."),
    row(42, "TERR_RESOURCE_SEIZED", Reaction::GiveUp, "Another client has registered the DN privately: stop it or let it share."),
    row(43, "TERR_IN_SAME_STATE", Reaction::Success, "The agent is in the requested state already: nothing to do."),
    row(50, "TERR_UNKNOWN_ERROR", Reaction::GiveUp, "The server reports an unknown error: see its log; the next presence change is tried again."),
    row(51, "TERR_UNSUP_OPER", Reaction::GiveUp, "The server does not support this request: the function stays off for it."),
    row(52, "TERR_INTERNAL", Reaction::Backoff, "The server reports an internal error: the request is repeated with growing pauses."),
    row(53, "TERR_INVALID_ATTR", Reaction::GiveUp, "The server refuses a value: check login code, queue and reason keys; the request is not repeated."),
    row(54, "TERR_NO_SWITCH", Reaction::WaitForLink, "The server has no connection to the switch: requests wait until it is back."),
    row(55, "TERR_PROTO_VERS", Reaction::Close, "The server refuses the protocol version: update the bridge."),
    row(56, "TERR_INV_CONNID", Reaction::GiveUp, "The server does not know the call: its record is dropped."),
    row(57, "TERR_TIMEOUT", Reaction::RetryOnce, "The request timed out in the server: it is repeated once."),
    row(58, "TERR_OUT_OF_SERVICE", Reaction::WaitForDn, "The DN is out of service: requests wait until the server reports it back."),
    row(59, "TERR_NOT_CONFIGURED", Reaction::GiveUpDn, "The DN is not in the server's configuration: correct the people file or the server."),
    row(415, "", Reaction::GiveUp, "The destination DN is invalid: check the number."),
];

/// The row of an error code; `None` for codes of single switches, of which only the text is shown.
#[must_use]
pub fn error(code: i32) -> Option<&'static ErrorEntry> {
    ERRORS.iter().find(|entry| entry.code == code)
}
