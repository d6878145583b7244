//! UC Connector, the daemon and its tools.
#[allow(dead_code, reason = "wired up by the driver")]
mod settings;

fn main() {}
