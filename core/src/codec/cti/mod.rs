//! T-Library messages: catalogue, attributes, KvList, the JSON-lines bridge, three textual log layouts.

pub mod catalogue;

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

impl core::fmt::Display for CtiFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no JSON")
    }
}
