//! Emulated servers and a connector between them, on this machine.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DemoOptions {
    /// How many workers.
    pub(crate) workers: u32,
    /// How many times faster than life.
    pub(crate) speed: u32,
    /// Of everything random.
    pub(crate) seed: u64,
    /// Stop after this long.
    pub(crate) seconds: Option<u64>,
    /// Operations listener.
    pub(crate) ops: SocketAddr,
    /// Directory of the flight recorder.
    pub(crate) record: Option<PathBuf>,
    /// No server fails.
    pub(crate) calm: bool,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { workers: 50, speed: 60, seed: 1, seconds: None, ops: crate::cli::OPS_DEFAULT, record: None, calm: false }
    }
}

/// Runs the demo until stopped.
#[allow(clippy::needless_pass_by_value, reason = "filled in next")]
pub(crate) fn run(options: DemoOptions) -> ExitCode {
    eprintln!("not yet: {options:?}");
    ExitCode::FAILURE
}
