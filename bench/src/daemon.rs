//! Starts and watches the program under measurement, on core 0.
use crate::far_ends::people_csv;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A running child; ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    folder: PathBuf,
}

/// What is not as usual in the configuration.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// More options of `[connector]`.
    pub(crate) connector: &'a str,
    /// Options of `[uc]` instead of TCP to a Front End.
    pub(crate) uc: &'a str,
    /// More sections.
    pub(crate) sections: &'a str,
    /// More columns of the people file: `name,name`, `value,value`; the same values for everybody.
    pub(crate) people: Option<(&'a str, &'a str)>,
}

/// How a measurement starts the daemon: workers, ports of the SIP server and of the bridge, options.
pub(crate) type Starter = fn(usize, u16, u16, &Options<'_>) -> Result<Daemon, String>;

/// A throw-away CA and server certificate.
pub(crate) struct Identity {
    ca_pem: String,
    pub(crate) server: Arc<rustls::ServerConfig>,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).map_err(|e| e.to_string())?;
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|b| b.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
            .map_err(|e| e.to_string())?;
        Ok(Self { ca_pem: made.cert.pem(), server: Arc::new(server) })
    }
}

impl Daemon {
    /// The daemon with `workers` workers, profile `open`.
    pub(crate) fn start(workers: usize, sip: u16, bridge: u16, identity: Option<&Identity>, record: bool) -> Result<Self, String> {
        let folder = prepare(workers, sip, bridge, identity, &Options::default())?;
        Self::spawn(pinned()?, folder, record)
    }

    /// The same with 200 or so workers under callgrind, which counts by thread.
    pub(crate) fn counted(workers: usize, sip: u16, bridge: u16, record: bool) -> Result<Self, String> {
        let folder = prepare(workers, sip, bridge, None, &Options::default())?;
        Self::spawn(under_callgrind(&folder)?, folder, record)
    }

    /// The daemon with other options.
    pub(crate) fn with_options(workers: usize, sip: u16, bridge: u16, options: &Options<'_>) -> Result<Self, String> {
        let folder = prepare(workers, sip, bridge, None, options)?;
        Self::spawn(pinned()?, folder, false)
    }

    /// The same under callgrind.
    pub(crate) fn with_options_counted(workers: usize, sip: u16, bridge: u16, options: &Options<'_>) -> Result<Self, String> {
        let folder = prepare(workers, sip, bridge, None, options)?;
        Self::spawn(under_callgrind(&folder)?, folder, false)
    }

    /// Keeps the counts of the first thread of a counted daemon that has stopped.
    pub(crate) fn keep_count(&self, path: &str) -> Result<(), String> {
        fs::copy(self.folder.join("count-01"), path).map(drop).map_err(|e| format!("{path}: {e}"))
    }

    fn spawn(command: Command, folder: PathBuf, record: bool) -> Result<Self, String> {
        Ok(Self { child: launch(command, &folder, record)?, folder })
    }

    /// Stops a counted daemon in good order: the instructions of each of its threads, in order of their start.
    pub(crate) fn instructions(&mut self) -> Result<Vec<f64>, String> {
        self.stop()?;
        let mut files: Vec<_> = fs::read_dir(&self.folder).map_err(|e| e.to_string())?.flatten().map(|e| e.path()).collect();
        files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("count-")));
        files.sort();
        let total = |path: &PathBuf| {
            let text = fs::read_to_string(path).ok()?;
            let line = text.lines().find(|l| l.starts_with("summary:") || l.starts_with("totals:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        files.iter().map(|path| total(path).ok_or_else(|| format!("{}: no total", path.display()))).collect()
    }

    /// The bare program.
    pub(crate) fn bare(sip: u16, bridge: u16, length: usize) -> Result<Self, String> {
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(beside("uc-bench")?)
            .args(["bare-server", &sip.to_string(), &bridge.to_string(), &length.to_string()])
            .spawn()
            .map_err(|e| format!("taskset (package util-linux): {e}"))?;
        Ok(Self { child, folder: PathBuf::new() })
    }

    /// An error if the child has ended.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(format!("the daemon ended: {status}")),
            _ => Ok(()),
        }
    }

    /// Stops in good order and runs the journal again: what `uc-connector replay` says of it.
    pub(crate) fn replay(&mut self) -> Result<String, String> {
        self.stop()?;
        let out = Command::new(beside("uc-connector")?).arg("replay").arg(self.folder.join("journal")).output().map_err(|e| e.to_string())?;
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Stops in good order and starts again with the same files.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.stop()?;
        self.child = launch(pinned()?, &self.folder, false)?;
        Ok(())
    }

    fn stop(&mut self) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or("no such process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|e| e.to_string())?;
        self.child.wait().map(drop).map_err(|e| e.to_string())
    }

    /// User and system time so far, all threads.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Resident set.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A folder with configuration and people.
fn prepare(workers: usize, sip: u16, bridge: u16, identity: Option<&Identity>, options: &Options<'_>) -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("uc-bench-{}-{sip}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|e| e.to_string());
    let people = people_csv(workers);
    let people = options.people.map_or(people.clone(), |(names, values)| {
        people.lines().enumerate().map(|(n, line)| format!("{line},{}\n", if n == 0 { names } else { values })).collect()
    });
    write("people.csv", &people)?;
    let tls = match identity {
        Some(identity) => {
            write("ca.pem", &identity.ca_pem)?;
            "transport = \"tls\"\n[uc.tls]\nca = \"ca.pem\"\n"
        }
        None if options.uc.is_empty() => "transport = \"tcp\"\n",
        None => options.uc,
    };
    write("uc.toml", &config(sip, bridge, tls, options))?;
    Ok(folder)
}

fn under_callgrind(folder: &Path) -> Result<Command, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "--quiet"]).arg(format!("--callgrind-out-file={}", folder.join("count").display()));
    command.arg(beside("uc-connector")?);
    Ok(command)
}

/// The daemon on core 0.
fn pinned() -> Result<Command, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(beside("uc-connector")?);
    Ok(command)
}

fn launch(mut command: Command, folder: &Path, record: bool) -> Result<Child, String> {
    command.args(["run", "--config"]).arg(folder.join("uc.toml"));
    if record {
        command.arg("--record").arg(folder.join("journal"));
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    child.map_err(|e| format!("{} (packages util-linux, valgrind): {e}", command.get_program().display()))
}

fn beside(name: &str) -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let path = me.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is missing: cargo build --release --workspace", path.display())) }
}

fn config(sip: u16, bridge: u16, tls: &str, options: &Options<'_>) -> String {
    let Options { connector, sections, .. } = options;
    let watcher = "[[uc.watcher]]\nuri = \"sip:lync-user0@lyncdco13.lab\"\nepid = \"56b4641a00000000\"\n";
    let uc = if connector.contains("standalone") { String::new() } else { format!("[uc]\nendpoints = [\"127.0.0.1:{sip}\"]\n{tls}{watcher}") };
    format!(
        "[connector]\nprofile = \"open\"\npeople = \"people.csv\"\n{connector}{uc}\
         [[switch]]\nname = \"SIP_Switch\"\nredundancy = \"single\"\n[[switch.server]]\nname = \"SIPS\"\naddress = \"127.0.0.1:{bridge}\"\n\
         [ops]\nlisten = \"off\"\n[log]\nlevel = \"warn\"\n{sections}"
    )
}
