//! `ucc-bridge/1` (`spec/bridge.md`): one JSON object per line between the connector and the contact centre.
//!
//! [`LineFramer`] cuts the byte stream into lines, [`Reader`] borrows the digest of a line for the core, [`Writer`] prints what the core wants to send. Whole
//! messages with all attributes ([`parse_message`], [`print_message`]) are for logs, tools and the far side.
mod control;
mod digest;
mod framer;
mod reader;
mod request;
mod router;
mod whole;
mod writer;

pub use framer::{LineFramer, Span, Step};
pub use reader::{Line, Reader, RouterLine};
pub use request::message_of;
pub use router::preview_result;
pub use whole::{Dir, parse_message, print_message};
pub use writer::Writer;

/// Value of `proto`.
pub const PROTO: &str = "ucc-bridge/1";
/// Depth of KvLists the protocol allows.
pub const KV_DEPTH_MAX: u32 = 32;

/// Levels of JSON in a line whose lists are `kv_depth` deep: two for each list (list and pair), and the line, `attrs` and the attribute around it.
const fn json_depth(kv_depth: u32) -> u32 {
    kv_depth.saturating_mul(2).saturating_add(4)
}
