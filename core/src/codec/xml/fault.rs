//! What can be wrong with a body, in words an operator can act on.
//!
//! Offsets count bytes from the start of the document: the body, or the decoded part of a multipart body. Text of the peer is quoted in a
//! fault cut to [`QUOTE_CHARS_MAX`] characters and with control characters escaped, so that a hostile body cannot flood or forge log lines.
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Longest quotation of the peer's text in a fault, in characters.
pub const QUOTE_CHARS_MAX: usize = 80;

/// What is wrong with a body, or with one part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlFault {
    /// The text ends inside an element, or there is no element at all.
    Truncated {
        /** offset of the end */
        at: u32,
    },
    /// The bytes are not UTF-8, whatever the declaration says.
    NotUtf8 {
        /** offset of the first wrong byte */
        at: u32,
    },
    /// Not well-formed XML.
    NotWellFormed {
        /** offset */
        at: u32,
        /** which rule is broken */
        what: &'static str,
    },
    /// A document type declaration; refused, whatever it says.
    Doctype {
        /** offset */
        at: u32,
    },
    /// A reference to an entity that is not one of the five predefined ones, or to a character XML does not allow.
    Reference {
        /** offset */
        at: u32,
        /** name or number between `&` and `;`, quoted */
        name: Box<str>,
    },
    /// A character XML does not allow.
    Character {
        /** offset */
        at: u32,
    },
    /// Elements nested too deeply.
    TooDeep {
        /** offset */
        at: u32,
        /** `limits.xml_depth_max` */
        limit: u32,
    },
    /// Too many namespace declarations in scope.
    TooManyNamespaces {
        /** offset */
        at: u32,
        /** how many are allowed */
        limit: u32,
    },
    /// A prefix that was not declared.
    Prefix {
        /** offset */
        at: u32,
        /** the qualified name, quoted */
        name: Box<str>,
    },
    /// An attribute occurs twice in one element.
    DuplicateAttribute {
        /** offset of the element */
        at: u32,
    },
    /// The root element is not the one the media type calls for.
    Root {
        /** the element found, quoted */
        found: Box<str>,
        /** the element wanted */
        wanted: &'static str,
    },
    /// A required attribute is missing.
    AttributeMissing {
        /** offset of the element */
        at: u32,
        /** attribute */
        name: &'static str,
    },
    /// A URI that is not usable: not `sip:` or `sips:`, or with characters a URI cannot have.
    Uri {
        /** offset of the element */
        at: u32,
        /** the URI, quoted */
        uri: Box<str>,
    },
    /// A multipart media type without a usable `boundary` parameter.
    BoundaryParameter,
    /// The boundary never stands at the start of a line.
    BoundaryNotFound {
        /** the boundary, quoted */
        boundary: Box<str>,
    },
    /// The body ends inside a part.
    PartUnterminated {
        /** offset of the part in the multipart body */
        at: u32,
    },
    /// A part's `Content-Transfer-Encoding` is unknown, or not allowed for its media type.
    TransferEncoding {
        /** the encoding, quoted */
        name: Box<str>,
    },
    /// A part's bytes are not what its `Content-Transfer-Encoding` says.
    Encoded {
        /** offset in the part */
        at: u32,
        /** the encoding */
        encoding: &'static str,
    },
    /// A part of a media type this version does not read.
    PartType {
        /** the media type, quoted */
        media_type: Box<str>,
    },
    /// Too many resources in a list; those after the limit were left out.
    TooManyResources {
        /** `limits.list_resources_max` */
        limit: u32,
    },
    /// Too many parts; those after the limit were left out.
    TooManyParts {
        /** `limits.list_resources_max`, plus one for the list itself */
        limit: u32,
    },
    /// Too many of something in one document.
    TooMany {
        /** offset of the first beyond the limit */
        at: u32,
        /** what, plural */
        what: &'static str,
        /** how many are allowed */
        limit: u32,
    },
    /// Multipart bodies nested too deeply.
    NestedTooDeep {
        /** levels allowed */
        limit: u32,
    },
}

impl fmt::Display for XmlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { at } => write!(f, "the document ends at byte {at} inside an element"),
            Self::NotUtf8 { at } => write!(f, "byte {at} of the body is not UTF-8"),
            Self::NotWellFormed { at, what } => write!(f, "not well-formed XML at byte {at}: {what}"),
            Self::Doctype { at } => write!(f, "a DOCTYPE at byte {at} is refused"),
            Self::Reference { at, name } => write!(f, "the reference &{name}; at byte {at} names no predefined entity and no character XML allows"),
            Self::Character { at } => write!(f, "the character at byte {at} is not allowed in XML"),
            Self::TooDeep { at, limit } => write!(f, "elements are nested deeper than {limit} (limits.xml_depth_max) at byte {at}"),
            Self::TooManyNamespaces { at, limit } => write!(f, "more than {limit} namespace declarations are in scope at byte {at}"),
            Self::Prefix { at, name } => write!(f, "the prefix of \"{name}\" at byte {at} is not declared"),
            Self::DuplicateAttribute { at } => write!(f, "the element at byte {at} has an attribute twice"),
            Self::Root { found, wanted } => write!(f, "the root element is \"{found}\", not \"{wanted}\" in its namespace"),
            Self::AttributeMissing { at, name } => write!(f, "the element at byte {at} has no attribute \"{name}\""),
            Self::Uri { at, uri } => write!(f, "\"{uri}\" in the element at byte {at} is no usable SIP URI"),
            Self::BoundaryParameter => f.write_str("the multipart Content-Type has no boundary of 1 to 200 characters"),
            Self::BoundaryNotFound { boundary } => write!(f, "the boundary \"{boundary}\" never stands at the start of a line"),
            Self::PartUnterminated { at } => write!(f, "the body ends inside the part that starts at byte {at}"),
            Self::TransferEncoding { name } => write!(f, "the Content-Transfer-Encoding \"{name}\" of the part is unknown or not allowed there"),
            Self::Encoded { at, encoding } => write!(f, "byte {at} of the part is not {encoding}"),
            Self::PartType { media_type } => write!(f, "a part of type \"{media_type}\" is not read"),
            Self::TooManyResources { limit } => write!(f, "the list has more than {limit} resources (limits.list_resources_max); the rest was left out"),
            Self::TooManyParts { limit } => write!(f, "the body has more than {limit} parts (limits.list_resources_max + 1); the rest was left out"),
            Self::TooMany { at, what, limit } => write!(f, "more than {limit} {what} at byte {at}; the document was not read"),
            Self::NestedTooDeep { limit } => write!(f, "multipart bodies are nested deeper than {limit}"),
        }
    }
}

impl core::error::Error for XmlFault {}

/// Quotes text of the peer: cut, control characters escaped.
pub(super) fn quote(text: &str) -> Box<str> {
    let mut out = String::new();
    for c in text.chars().take(QUOTE_CHARS_MAX) {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.into_boxed_str()
}

/// An offset for a fault; bodies are far below 4 GiB (`limits.sip_body_bytes_max`).
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
