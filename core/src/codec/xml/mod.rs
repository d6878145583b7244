//! XML bodies: categories documents, RLMI lists, multipart, batch subscriptions, registration events.

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlFault {
    /// The text ends inside an element.
    Truncated,
}
