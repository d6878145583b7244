//! The real `uc-connector` as a child process: built, configured, started, watched, ended.
use crate::peer::Running;
use crate::{PATIENCE, patience_left};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

/// Path of the binary. `UC_CONNECTOR` names one; otherwise cargo brings the one of this workspace up to date, with this test's own profile, once per process.
#[must_use]
pub fn connector() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("UC_CONNECTOR") {
            return path.into();
        }
        // target/PROFILE/deps/this-test
        let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--workspace", "--bin", "uc-connector", "--target-dir"]).arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        // Cargo has told this test about its own package, and build scripts that look at such variables (ring's) would run again each way.
        let own = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        std::env::vars_os().filter(|(name, _)| own(name)).for_each(|(name, _)| _ = cargo.env_remove(name));
        let status = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).status().unwrap();
        assert!(status.success(), "the daemon cannot be built");
        folder.join("uc-connector")
    })
}

/// A temporary folder, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!("uc-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Path of a file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A configuration, from which the file is written.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Front Ends as `host:port`.
    pub front_ends: Vec<String>,
    /// More options of `[connector]`.
    pub connector: String,
    /// More options of `[uc]`; `transport` and `register` are set here by default.
    pub uc: String,
    /// Sections `[uc.tls]` and the like.
    pub sections: String,
    /// More options of `[uc.timers]`.
    pub timers: String,
    /// T-Servers: name, port of the bridge.
    pub servers: Vec<(String, u16)>,
    /// Port of the operations listener.
    pub ops: Option<u16>,
    /// Workers: employee id, SIP URI, DN.
    pub workers: Vec<(String, String, String)>,
    /// Instead of the sections up to the switches: mode and the like.
    pub instead: Option<String>,
    /// More options of `[ops]`.
    pub ops_more: String,
}

impl Setup {
    /// The worker of the published trace behind one Front End and one bridge; plain TCP.
    #[must_use]
    pub fn new(front_end: u16, bridge: u16) -> Self {
        Self {
            front_ends: vec![format!("127.0.0.1:{front_end}")],
            connector: String::new(),
            uc: "transport = \"tcp\"\nregister = true\n".into(),
            sections: String::new(),
            timers: String::new(),
            servers: vec![("SIPS".into(), bridge)],
            ops: None,
            workers: vec![("1001".into(), crate::WORKER.into(), "5002".into())],
            instead: None,
            ops_more: String::new(),
        }
    }

    /// Adds workers 6000, 6001, ...: `sip:w6000@lyncdco13.lab` and so on.
    #[must_use]
    pub fn with_workers(mut self, number: usize) -> Self {
        self.workers.extend((0..number).map(|n| (format!("w{}", 6000 + n), format!("sip:w{}@lyncdco13.lab", 6000 + n), (6000 + n).to_string())));
        self
    }

    /// Writes `uc.toml` and `people.csv`; the path of the former.
    pub fn write(&self, folder: &Folder) -> PathBuf {
        let mut people = String::from("employee_id,sip_uri,agent_login,dns\n");
        for (id, uri, dn) in &self.workers {
            _ = writeln!(people, "{id},{uri},{dn},{dn}@SIP_Switch");
        }
        folder.write("people.csv", &people);
        let front_ends: Vec<String> = self.front_ends.iter().map(|f| format!("\"{f}\"")).collect();
        let mut text = format!(
            "[connector]\nprofile = \"open\"\npeople = \"people.csv\"\n{}[uc]\nendpoints = [{}]\nbenotify = false\n{}\
             [[uc.watcher]]\nuri = \"sip:lync-user0@lyncdco13.lab\"\nepid = \"56b4641a00000000\"\n{}\
             [uc.timers]\nbackoff_min_ms = 20\nbackoff_max_ms = 60\nresubscribe_jitter_ms = 100\nretry_ms = 100\nretry_max_ms = 500\n{}\
             ",
            self.connector,
            front_ends.join(", "),
            self.uc,
            self.sections,
            self.timers,
        );
        if let Some(instead) = &self.instead {
            text.clone_from(instead);
        }
        let redundancy = if self.servers.len() == 2 { "hot" } else { "single" };
        _ = write!(text, "[[switch]]\nname = \"SIP_Switch\"\nredundancy = \"{redundancy}\"\n");
        for (name, port) in &self.servers {
            _ = write!(text, "[[switch.server]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n");
        }
        let listen = self.ops.map_or_else(|| "off".to_owned(), |port| format!("127.0.0.1:{port}"));
        _ = write!(text, "[cti.timers]\nbackoff_min_ms = 20\nbackoff_max_ms = 60\n[ops]\nlisten = \"{listen}\"\n{}", self.ops_more);
        folder.write("uc.toml", &text)
    }
}

/// A running daemon, ended when dropped.
pub struct Daemon {
    /// The process.
    pub process: Running,
    log: Receiver<String>,
    seen: Vec<String>,
    /// Its files.
    pub folder: Folder,
}

impl Daemon {
    /// Starts it with this configuration.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        Self::start_with(setup, Folder::new(), |_| {})
    }

    /// Starts it with files that are in `folder` already, and further arguments or environment.
    #[must_use]
    pub fn start_with(setup: &Setup, folder: Folder, more: impl FnOnce(&mut Command)) -> Self {
        let config = setup.write(&folder);
        let mut command = Command::new(connector());
        command.args(["run", "--config"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        more(&mut command);
        let mut process = Running::start(&mut command);
        let stderr = BufReader::new(process.child.stderr.take().unwrap());
        let (sender, log) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, log, seen: Vec::new(), folder }
    }

    /// Waits for a log line that contains `text`; the line.
    ///
    /// # Panics
    /// When it does not come, with the log.
    pub fn expect_log(&mut self, text: &str) -> String {
        let began = Instant::now();
        loop {
            match self.log.recv_timeout(patience_left(began, text)) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("not logged for {PATIENCE:?}: {text}\n{}", self.seen.join("\n")),
            }
        }
    }

    /// The log so far.
    pub fn log(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.seen.join("\n")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Panics
    /// When it does not end with status 0.
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.process.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// That it still runs.
    ///
    /// # Panics
    /// When it has ended.
    pub fn assert_alive(&mut self) {
        let ended = self.process.ended();
        assert!(ended.is_none(), "the daemon ended: {ended:?}\n{}", self.log());
    }
}

impl Drop for Daemon {
    /// A test that fails shows the daemon's view.
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            eprintln!("log of the daemon:\n{}", log.lines().take(60).collect::<Vec<_>>().join("\n"));
        }
    }
}
