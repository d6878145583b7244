//! SIPp (package sip-tester) playing one of the scenarios in `tests/sipp`.
use crate::daemon::{Folder, connector};
use crate::peer::{Running, peer};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// A SIPp that plays one scenario a number of times. It takes every Call-ID for a call of its own, so one scenario plays one dialog.
pub struct Sipp {
    process: Running,
    errors: PathBuf,
}

impl Sipp {
    /// Starts it on a TCP port; `None`: SIPp is not installed.
    #[must_use]
    pub fn start(folder: &Folder, port: u16, scenario: &str, calls: u32) -> Option<Self> {
        Self::start_with(folder, port, scenario, calls, &["-t", "t1"])
    }

    /// Starts it with options of its own, among them `-t u1` (UDP) or `-t t1` (TCP).
    #[must_use]
    pub fn start_with(folder: &Folder, port: u16, scenario: &str, calls: u32, options: &[&str]) -> Option<Self> {
        let sipp = peer("sipp")?;
        // SIPp's own time limit must not run while the daemon is being built.
        let _ = connector();
        let errors = folder.path(&format!("{scenario}-{port}.err"));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario).with_extension("xml");
        let mut command = Command::new(sipp);
        command.arg("-sf").arg(file).args(["-i", "127.0.0.1", "-nostdin", "-timeout", "25s", "-timeout_error", "-trace_err"]).args(options);
        command.args(["-p", &port.to_string(), "-m", &calls.to_string()]).arg("-error_file").arg(&errors);
        command.current_dir(folder.path("")).env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self { process: Running::start(&mut command), errors })
    }

    /// Waits until all calls have gone as the scenario says.
    ///
    /// # Panics
    /// When they have not.
    pub fn succeeds(mut self) {
        let status = self.process.wait();
        assert!(status.success(), "SIPp: {status}");
    }
}

impl Drop for Sipp {
    /// A test that fails shows SIPp's view.
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("errors of SIPp:\n{}", fs::read_to_string(&self.errors).unwrap_or_default());
        }
    }
}
