//! What the socket tests share: the daemon as a child process, far ends written by hand on plain sockets, certificates, foreign programs.
//!
//! Nothing here uses the core's codecs, nor do the simulator's peers: a mistake made twice would not be seen. Every wait has a deadline and looks at a real condition; nothing sleeps.
#![allow(clippy::unwrap_used)]

mod asker;
mod bridge;
mod browser;
mod certificates;
mod daemon;
mod device;
mod emulated;
mod fetcher;
mod front_end;
mod http;
mod id_provider;
mod kamailio;
mod liar;
mod office;
mod peer;
mod pidgin;
mod sip;
mod sipp;
mod wire;

pub use asker::{Asker, AskerOnWire, asking};
pub use bridge::{Bridge, BridgeOptions, Request};
pub use browser::{Browser, PASSWORD, Page, Response, exchange, exchange_tls, password_hash};
pub use certificates::{Authority, Identity};
pub use daemon::{Daemon, Folder, Setup, connector};
pub use device::Device;
pub use emulated::Emulated;
pub use fetcher::Fetcher;
pub use front_end::{Event, FrontEnd, ordinary};
pub use http::{Answer, TOKEN, ask, get};
pub use id_provider::{IdProvider, SECRET};
pub use kamailio::{Kamailio, KamailioOptions};
pub use liar::{Liar, Way};
pub use office::Office;
pub use peer::{Running, absent, peer};
pub use pidgin::Pidgin;
pub use sip::{Dialog, Message, SEED, answer, header, seed_notify, split};
pub use sipp::Sipp;

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// SIP URI of the worker of [`Setup::new`] whose DN is 5002.
pub const WORKER: &str = "sip:lync-user2_qa94@lyncdco13.lab";

/// Token that routers carry in tests.
pub const ROUTER_TOKEN: &str = "token of the routers";

/// How long a test waits for something that must happen. Generous: the machine may be busy; a good run never waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A port of loopback on which nobody listens, TCP or UDP. Below the ports that the system gives to those who name none: nobody gets it by chance before it is used.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Each process begins elsewhere.
    let start = std::process::id().wrapping_mul(101);
    // Not one beside the other: the demo's page is at the port after the one it is given.
    let mut ports = (0..COUNT).map(|_| (FIRST + start.wrapping_add(TAKEN.fetch_add(7, Ordering::Relaxed)) % COUNT) as u16);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok() && UdpSocket::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a free port between 10,000 and 30,000")
}

/// Time left of [`PATIENCE`] since `began`.
///
/// # Panics
/// When none is left, with `what` was waited for.
#[must_use]
pub fn patience_left(began: Instant, what: &str) -> Duration {
    PATIENCE.checked_sub(began.elapsed()).unwrap_or_else(|| panic!("nothing for {PATIENCE:?}: {what}"))
}
