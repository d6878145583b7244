//! The far ends, emulated: a Front End pool and a T-Server pair, as state machines that speak bytes.
//!
//! Sans-IO like the core: time is an argument, bytes go in and come out, randomness is a seed. So the same two machines serve the simulator, the daemon's `demo`
//! and the socket tests. They print and parse on their own: a mistake in the core's codecs must not be made twice and so stay unseen (only [`Mono`] is shared).
//! They are deliberately imperfect: each fault is a plain public field that the driver sets, and each breach of the standards by the connector is noted in
//! [`Peer::violations`].

pub mod day;
pub mod front_end;
pub mod people;

#[cfg(test)]
mod cross_check;
mod element;
mod rng;
pub mod router;
mod sip;
pub mod tserver;
mod xml;

pub use rng::PeerRng;
use uc_core::time::Mono;

/// What a peer wants its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerOut {
    /// Write these bytes to the connection, in order.
    Send {
        /// the number given to [`Peer::accept`]
        conn: u64,
        /// one SIP message or one line of the bridge protocol
        bytes: Vec<u8>,
    },
    /// Close the connection after what was sent before; the peer has forgotten it, [`Peer::disconnected`] need not be called (and is harmless).
    Close {
        /// the number given to [`Peer::accept`]
        conn: u64,
    },
}

/// What drivers need of an emulated peer. After every call drain [`Peer::poll`] and ask [`Peer::next_deadline`] again.
pub trait Peer {
    /// A connection to server `node` of the pool or pair was made. The driver refuses connections while [`Peer::is_listening`] is false.
    fn accept(&mut self, now: Mono, node: u16, conn: u64);
    /// Bytes from the connector. Unknown connections are ignored (the bytes crossed our close).
    fn receive(&mut self, now: Mono, conn: u64, bytes: &[u8]);
    /// The connection is gone, in whatever way.
    fn disconnected(&mut self, now: Mono, conn: u64);
    /// Time has come to [`Peer::next_deadline`] or beyond.
    fn wake(&mut self, now: Mono);
    /// When [`Peer::wake`] should be called; `None`: nothing is waiting.
    fn next_deadline(&self) -> Option<Mono>;
    /// The next thing to do.
    fn poll(&mut self) -> Option<PeerOut>;
    /// Whether server `node` accepts connections.
    fn is_listening(&self, node: u16) -> bool;
    /// What the connector did against the standards, in words; the first [`VIOLATIONS_MAX`].
    fn violations(&self) -> &[String];
}

/// How many violations are kept.
pub const VIOLATIONS_MAX: usize = 1000;

/// A bounded list of complaints.
#[derive(Clone, Debug, Default)]
struct Violations(Vec<String>);

impl Violations {
    fn note(&mut self, now: Mono, text: &str) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(format!("{now} {text}"));
        }
    }
}
