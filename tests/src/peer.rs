//! Foreign programs: found or skipped loudly, started, ended.
use crate::patience_left;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Path of a foreign program; `None`, with a loud line, when it is not installed.
///
/// # Panics
/// When it is not installed and `UC_REQUIRE_PEERS=1`.
#[must_use]
pub fn peer(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        absent(name);
    }
    found
}

/// Says loudly that a foreign part is not installed.
///
/// # Panics
/// When `UC_REQUIRE_PEERS=1`.
pub fn absent(name: &str) {
    assert!(std::env::var("UC_REQUIRE_PEERS").as_deref() != Ok("1"), "{name} is not installed, and UC_REQUIRE_PEERS=1 demands it");
    eprintln!("\n!!! SKIPPED: {name} is not installed; this test says nothing !!!\n");
}

/// A running child, ended when dropped.
pub struct Running {
    /// The process.
    pub child: Child,
    name: String,
}

impl Running {
    /// Starts `command` with nothing on its standard input, unless told otherwise before.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|e| panic!("{name}: {e}"));
        Self { child, name }
    }

    /// The same, silent and without standard input.
    #[must_use]
    pub fn start_silent(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        // The handle of a process becomes readable when it ends.
        let pid = rustix::process::Pid::from_child(&self.child);
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            let left = patience_left(began, &format!("the end of {}", self.name)).min(Duration::from_secs(1));
            match &handle {
                Some(handle) => crate::wire::wait_for(handle, rustix::event::PollFlags::IN, left),
                None => std::thread::yield_now(),
            }
        }
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
