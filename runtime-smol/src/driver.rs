//! Connects the core to sockets, clock and signals.
use crate::settings::Settings;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `run` was told besides the configuration.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// Directory of the flight recorder.
    pub(crate) record: Option<PathBuf>,
    /// Read again on HUP.
    pub(crate) config_path: PathBuf,
}

/// Runs until stopped.
#[allow(clippy::needless_pass_by_value, reason = "filled in next")]
pub(crate) fn run(settings: Settings, options: RunOptions) -> ExitCode {
    eprintln!("not yet: {:?} {:?} {:?}", settings.log.format, options.record, options.config_path);
    ExitCode::FAILURE
}
