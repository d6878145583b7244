//! T-Library messages: catalogue, whole messages, the JSON-lines bridge, three textual log layouts.
//!
//! The bytes T-Servers speak are unpublished, so none are guessed (`decisions.md` 1): the wire is `ucc-bridge/1` of `spec/bridge.md`.
pub mod bridge;
pub mod catalogue;
mod fault;
mod fuzz;
mod json;
pub mod layout;
mod message;

pub use fault::CtiFault;
pub use fuzz::{fuzz_bridge, fuzz_layout, fuzz_router};
pub use message::{KvList, KvValue, Message, Value};
