//! What a log reader hands out.
use crate::codec::cti::message::Message;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A message found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it was written.
    pub layout: Layout,
    /// Who sent it: from the header, else from the name.
    pub direction: Direction,
    /// Time stamp as written, empty when there was none.
    pub time: Box<str>,
    /// The other side as written, empty when not told.
    pub endpoint: Box<str>,
    /// The message.
    pub message: Message,
    /// What was wrong with it, in order.
    pub warnings: Vec<Warning>,
}

/// A layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Client log: `message: 'Name' (id) attributes:`.
    P1,
    /// Platform-SDK application: `'Name' ('id')`, then `message attributes:`.
    P2,
    /// Server log: `message Name`, then lines with tabs.
    T,
}

/// Direction of a message in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Client to server.
    ToServer,
    /// Server to client.
    FromServer,
    /// Neither the header nor the name says.
    Unknown,
}

impl Direction {
    /// Requests go to the server, events come from it.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        if name.starts_with("Request") {
            Self::ToServer
        } else if name.starts_with("Event") {
            Self::FromServer
        } else {
            Self::Unknown
        }
    }
}

/// Something about an entry that is not as it should be. The entry is kept, without the value in question where that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The catalogue knows neither number nor name.
    UnknownMessage {
        /** name as written */
        name: Box<str>,
        /** number as written, 0 where the layout has none */
        id: u32,
    },
    /// Name and number belong to different messages.
    NameIdMismatch {
        /** name as written */
        name: Box<str>,
        /** number as written */
        id: u32,
    },
    /// A number that is none, or does not fit its type.
    BadInt {
        /** attribute or key */
        name: Box<str>,
        /** as written, cut */
        text: Box<str>,
    },
    /// A string without its closing quote.
    Unterminated {
        /** attribute or key */
        name: Box<str>,
    },
    /// A type tag we do not know; the text is kept.
    UnknownType {
        /** attribute or key */
        name: Box<str>,
        /** tag as written */
        tag: Box<str>,
    },
    /// Binary data whose length and digits disagree.
    BadBytes {
        /** attribute or key */
        name: Box<str>,
    },
    /// A list nested deeper than 32: its pairs are kept one level up.
    TooDeep {
        /** key */
        name: Box<str>,
    },
    /// A line inside the message that is neither attribute nor pair; skipped.
    StrayLine {
        /** line number in the text, from 1 */
        line: usize,
    },
}

impl Warning {
    /// A short fixed name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownMessage { .. } => "unknown-message",
            Self::NameIdMismatch { .. } => "name-id-mismatch",
            Self::BadInt { .. } => "bad-int",
            Self::Unterminated { .. } => "unterminated-string",
            Self::UnknownType { .. } => "unknown-type",
            Self::BadBytes { .. } => "bad-bytes",
            Self::TooDeep { .. } => "too-deep",
            Self::StrayLine { .. } => "stray-line",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMessage { name, id } => write!(f, "Message {name} ({id}) is not in the catalogue; it is kept as it is."),
            Self::NameIdMismatch { name, id } => write!(f, "Message {name} does not have number {id}; both are kept."),
            Self::BadInt { name, text } => write!(f, "{name} has the value {text}, which is no number of its type; it is left out."),
            Self::Unterminated { name } => write!(f, "The text of {name} has no closing quote; it is left out."),
            Self::UnknownType { name, tag } => write!(f, "{name} has the unknown type {tag}; its text is kept."),
            Self::BadBytes { name } => write!(f, "The bytes of {name} are not as many as announced, or no hex digits; they are left out."),
            Self::TooDeep { name } => write!(f, "The list {name} is nested deeper than {} levels; its pairs are kept one level up.", super::DEPTH_MAX),
            Self::StrayLine { line } => write!(f, "Line {line} is neither attribute nor pair; it is skipped."),
        }
    }
}
