//! pidgin-sipe, a Lync client that is not ours, without a screen (`spec/ms-pres.md` 8; `corpus/sipe`): libpurple with the client's plugin, driven by
//! `tests/pidgin/driver.c`, and the shim that the client needs on Debian 12.
use crate::daemon::Folder;
use crate::peer::{Running, absent, peer};
use crate::{PATIENCE, patience_left};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

/// What is compiled once per process.
struct Program {
    driver: PathBuf,
    shim: PathBuf,
}

/// A running client with one account.
pub struct Pidgin {
    process: Running,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Came while an order was carried out.
    passed: VecDeque<String>,
    seen: Vec<String>,
    _folder: Folder,
}

impl Pidgin {
    /// Whether the client, and what builds its driver, is installed; says so loudly if not.
    ///
    /// # Panics
    /// When it is not and `UC_REQUIRE_PEERS=1`, and when the driver cannot be built.
    #[must_use]
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// Signs `account` (`alice@example.com`) in at 127.0.0.1:`port`, over TCP. `None`: the client is not installed.
    ///
    /// # Panics
    /// As [`Self::is_installed`].
    #[must_use]
    pub fn start(account: &str, port: u16) -> Option<Self> {
        let Program { driver, shim } = program()?;
        let folder = Folder::new();
        let (user, domain) = account.split_once('@').unwrap();
        let mut command = Command::new(driver);
        command.arg(folder.path("purple")).arg(format!("{account},{}\\{user}", domain.split('.').next().unwrap_or(domain).to_uppercase()));
        command.arg(format!("127.0.0.1:{port}")).env("LD_PRELOAD", shim).env("LC_ALL", "C.UTF-8").env("HOME", folder.path(""));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if std::env::var_os("SIPE_DEBUG").is_none() {
            command.stderr(Stdio::null());
        }
        let mut process = Running::start(&mut command);
        let orders = process.child.stdin.take();
        let output = BufReader::new(process.child.stdout.take().unwrap());
        let (sender, lines) = channel();
        let tell = std::env::var_os("SIPE_DEBUG").is_some();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell {
                    eprintln!("pidgin: {line}");
                }
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Some(Self { process, orders, lines, passed: VecDeque::new(), seen: Vec::new(), _folder: folder })
    }

    /// Waits for this line; those before it are dropped.
    ///
    /// # Panics
    /// When it does not come, with what came.
    pub fn expect(&mut self, line: &str) {
        self.expect_that(line, |got| got == line);
    }

    /// Waits for a line that `wanted` accepts; those before it are dropped.
    ///
    /// # Panics
    /// When it does not come, with what came.
    pub fn expect_that(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let line = self.passed.pop_front().unwrap_or_else(|| self.next(began, what));
            if wanted(&line) {
                return line;
            }
        }
    }

    fn next(&mut self, began: Instant, what: &str) -> String {
        match self.lines.recv_timeout(patience_left(began, what)) {
            Ok(line) => {
                let line = line.trim_end().to_owned();
                self.seen.push(line.clone());
                line
            }
            Err(_) => panic!("the client did not say for {PATIENCE:?}: {what}; it said:\n{}", self.seen.join("\n")),
        }
    }

    /// Waits until a buddy is shown with this status (`busy`) and text: the activity, and the note behind a dash; either may be missing.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn sees(&mut self, buddy: &str, status: &str, text: &str) {
        let line = format!("status {buddy} {status} {text}").trim_end().to_owned();
        self.expect(&line);
    }

    /// Waits until a buddy is shown with this status, whatever the text (the client writes its own word for some).
    ///
    /// # Panics
    /// When that does not happen.
    pub fn sees_status(&mut self, buddy: &str, status: &str) {
        let begin = format!("status {buddy} {status}");
        self.expect_that(&begin, |got| got == begin || got.starts_with(&begin) && got[begin.len()..].starts_with(' '));
    }

    /// Waits until a buddy is shown with this note.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn reads(&mut self, buddy: &str, note: &str) {
        let begin = format!("status {buddy} ");
        self.expect_that(&format!("note {note:?} of {buddy}"), |got| got.starts_with(&begin) && got.ends_with(note));
    }

    /// What the client shows of a buddy now: status and text.
    ///
    /// # Panics
    /// When the buddy is not on its list.
    pub fn shown(&mut self, buddy: &str) -> String {
        let line = self.ask("show").into_iter().rev().find_map(|line| line.strip_prefix(&format!("status {buddy} ")).map(str::to_owned));
        line.unwrap_or_else(|| panic!("{buddy} is not on the client's list"))
    }

    /// Gives an order and waits until it is carried out: `status busy`, `note back at two`.
    ///
    /// # Panics
    /// When the client is gone.
    pub fn order(&mut self, order: &str) {
        let said = self.ask(order);
        self.passed.extend(said);
    }

    /// Gives an order; what was said while it was carried out.
    fn ask(&mut self, order: &str) -> Vec<String> {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let (began, done) = (Instant::now(), format!("done {order}"));
        let mut said = Vec::new();
        loop {
            let line = self.next(began, &done);
            if line == done {
                return said;
            }
            said.push(line);
        }
    }

    /// Signs off and waits for the end.
    ///
    /// # Panics
    /// When it does not come, or not in good order.
    pub fn quit(mut self) {
        writeln!(self.orders.as_mut().unwrap(), "quit").unwrap();
        self.expect("signed-off");
        let status = self.process.wait();
        assert!(status.success(), "the client ended with {status}");
    }
}

fn program() -> Option<&'static Program> {
    static PROGRAM: OnceLock<Option<Program>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_ref()
}

fn build() -> Option<Program> {
    let (compiler, pkg_config) = (peer("cc")?, peer("pkg-config")?);
    let flags = |arguments: &[&str]| -> Option<Vec<String>> {
        let output = Command::new(&pkg_config).args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect())
    };
    let Some(purple) = flags(&["--cflags", "--libs", "purple"]) else {
        absent("libpurple-dev");
        return None;
    };
    let Some(xml) = flags(&["--cflags", "libxml-2.0"]) else {
        absent("libxml2-dev");
        return None;
    };
    // libpurple's own folder, and the one where Debian puts this plugin.
    let own = flags(&["--variable=plugindir", "purple"]).unwrap_or_default();
    if !own.iter().map(String::as_str).chain(["/usr/lib/purple-2"]).any(|folder| Path::new(folder).join("libsipe.so").is_file()) {
        absent("pidgin-sipe");
        return None;
    }
    // target/PROFILE/deps/this-test: beside it. Other tests may be doing the same, or running what stands there.
    let folder = std::env::current_exe().unwrap().parent().unwrap().join("pidgin");
    fs::create_dir_all(&folder).unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("pidgin");
    let compile = |source: &str, program: &str, before: &[&str], after: &[String]| -> PathBuf {
        let (out, fresh) = (folder.join(program), folder.join(format!("{program}.{}", std::process::id())));
        let mut command = Command::new(&compiler);
        let output = command.args(["-std=gnu11", "-O1"]).args(before).arg(sources.join(source)).arg("-o").arg(&fresh).args(after).output().unwrap();
        assert!(output.status.success(), "{source} cannot be compiled: {}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &out).unwrap();
        out
    };
    let shim = compile("sax1shim.c", "sax1shim.so", &["-shared", "-fPIC"], &[xml, vec!["-ldl".to_owned()]].concat());
    Some(Program { driver: compile("driver.c", "driver", &[], &purple), shim })
}
