//! The virtual world: it drives the same `uc_core::Connector` as production, with emulated peers, a modelled network and a clock of its own.
//!
//! No sockets, threads, wall clock or operating-system randomness in this library: a run is a function of its options and steps.
#![forbid(unsafe_code)]

pub mod arb;
pub mod both;
pub mod checkers;
pub mod choices;
pub mod company;
pub mod model;
pub mod net;
pub mod options;
pub mod peers;
pub mod preview;
pub mod replay;
pub mod rng;
pub mod run;
pub mod sabotage;
pub mod shrink;
pub mod steps;
pub mod trace;
pub mod world;
