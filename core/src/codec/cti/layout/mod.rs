//! The three textual layouts in which T-Library messages appear in logs (`spec/genesys-protocols.md` 2.2, 2.3): P1 of clients, P2 of Platform-SDK
//! applications, T of servers. Readers for all three in one pass, writers for each.
//!
//! Reading never fails: what is not understood is a warning at its entry, what is not a message is skipped. Nothing here is used on the presence path.
mod entry;
mod line;
mod list;
mod mask;
mod read;
mod value;
mod write;

pub use entry::{Direction, Entry, Layout, Warning};
pub use mask::Mask;
pub use read::read;
pub use write::{Head, Style, write_p1, write_p2, write_t};

/// Longest value that may span lines, bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Depth of lists that is kept.
const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests;
