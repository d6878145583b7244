//! Runs a recorded journal through the core.
use std::path::Path;
use std::process::ExitCode;

/// Replays `journal`.
pub(crate) fn run(journal: &Path) -> ExitCode {
    eprintln!("not yet: {}", journal.display());
    ExitCode::FAILURE
}
