//! T-Library messages: catalogue, attributes, KvList, the JSON-lines bridge, three textual log layouts.

/// What is wrong with a bridge line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CtiFault {
    /// No JSON object.
    Json,
}

impl CtiFault {
    /// The connection must be closed.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        true
    }
}
