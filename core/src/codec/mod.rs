//! Bytes to types and back: pure functions and push framers. The only room that sees rsip, quick-xml or wire bytes.
mod base64;
pub mod cti;
pub mod sip;
pub mod xml;
