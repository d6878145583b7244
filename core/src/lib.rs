//! The pure heart of UC Connector.
//!
//! It joins an enterprise's unified-communications platform (Lync / Skype for Business presence over SIP) to a contact centre (T-Library messages):
//! presence goes in as parsed messages, agent-state requests come out as [`Action`]s. There is no clock, socket, thread, file, logger or random
//! source in here; time and entropy are arguments, so the simulator and the production runtime drive the very same code.
//!
//! # The contract of a driver
//! 1. Read the clock, call [`Connector::handle`] with one [`Input`].
//! 2. Drain [`Connector::poll_action`] until `None`, *before* the next input: [`Action::Answer`] refers to the request that was just handed in.
//! 3. Before sleeping, ask [`Connector::next_deadline`] and hand in [`Input::Wake`] when it has come.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod codec;
pub mod config;
mod connector;
pub(crate) mod cti;
pub mod cti_event;
mod cx;
mod deadlines;
pub mod directory;
pub mod entropy;
mod fact;
pub mod fingerprint;
pub mod id;
pub mod input;
pub mod note;
pub mod offer;
pub(crate) mod offers;
pub mod presence;
pub mod time;
pub(crate) mod uc;
pub mod uc_event;
pub mod views;
mod watch;

pub use action::Action;
pub use config::Config;
pub use connector::{Connector, RestoreFault};
pub use deadlines::{Due, TimerKey};
pub use input::Input;
pub use note::Note;
pub use offers::OfferTimer;
pub use time::{Mono, Now};
