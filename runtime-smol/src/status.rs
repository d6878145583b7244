//! Asks a running daemon.
use crate::cli::Exit;
use std::net::SocketAddr;

/// Prints the state of the daemon whose operations listener is `ops`, and `limit` workers.
pub(crate) fn run(ops: SocketAddr, limit: u32) -> Exit {
    eprintln!("not yet: {ops} {limit}");
    Exit::Failed
}
