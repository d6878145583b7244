//! What can be wrong with a bridge line. Every fault is one sentence an operator can act on.
use alloc::boxed::Box;
use core::fmt;

/// What is wrong with a bridge line (`spec/bridge.md` 2, 3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CtiFault {
    /// The line has no end within the limit.
    LineTooLong {
        /** limit, bytes */
        max: usize,
    },
    /// The line is not UTF-8.
    Utf8 {
        /** offset of the first bad byte */
        at: usize,
    },
    /// The line is not one JSON object.
    Json {
        /** offset, bytes */
        at: usize,
        /** what was expected there */
        expected: &'static str,
    },
    /// Lists or unknown fields are nested too deeply.
    Depth {
        /** offset, bytes */
        at: usize,
        /** limit, levels */
        max: u32,
    },
    /// A known field or value has the wrong type or is out of range.
    Type {
        /** field or attribute */
        field: Box<str>,
        /** what it should be */
        expected: &'static str,
    },
    /// A required field is absent.
    Missing {
        /** field */
        field: &'static str,
    },
    /// `v` or `proto` is not ours.
    Version {
        /** what came */
        got: Box<str>,
    },
    /// `dir` is unknown, or does not belong on this side.
    Direction {
        /** what came */
        got: Box<str>,
    },
    /// `seq` has a gap or repeats: lines were lost or sent twice.
    Seq {
        /** expected */
        expected: u64,
        /** what came */
        got: u64,
    },
}

impl CtiFault {
    /// Whether the connection must be closed. All faults of this protocol version are fatal (`spec/bridge.md` 3): after one of them it is not known what was
    /// lost. What is merely unknown (message numbers, operations, fields) is no fault.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        true
    }

    /// The code word of the `error` line that answers it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line",
            Self::Utf8 { .. } | Self::Json { .. } | Self::Depth { .. } => "json",
            Self::Type { .. } | Self::Missing { .. } | Self::Version { .. } | Self::Direction { .. } => "proto",
            Self::Seq { .. } => "seq",
        }
    }
}

impl fmt::Display for CtiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { max } => {
                write!(f, "The bridge sent a line longer than {max} bytes (limits.cti_line_bytes_max): raise the limit or look for what it sent.")
            }
            Self::Utf8 { at } => write!(f, "The bridge sent a line that is not UTF-8 from byte {at}: text in another character set must travel as type bytes."),
            Self::Json { at, expected } => write!(f, "The bridge sent a line that is not JSON: {expected} was expected at byte {at}."),
            Self::Depth { at, max } => write!(f, "The bridge sent lists nested deeper than {max} levels (limits.kv_depth_max), at byte {at}."),
            Self::Type { field, expected } => write!(f, "The bridge sent a wrong value in {field}: it must be {expected}."),
            Self::Missing { field } => write!(f, "The bridge sent a line without the field {field}."),
            Self::Version { got } => write!(f, "The bridge speaks {got}, we speak ucc-bridge/1 (v 1): update one of the two."),
            Self::Direction { got } => write!(f, "The bridge sent a line with dir {got}, which does not belong in this direction."),
            Self::Seq { expected, got } => write!(f, "The bridge sent line {got} where {expected} was due: lines were lost or repeated."),
        }
    }
}
