//! The command line: what can be asked, the help that teaches it, the exit codes.
//!
//! Parsed by hand over `lexopt`: a dozen subcommands with two or three options each do not need a framework, and the help is prose of ours.
use crate::demo::DemoOptions;
use crate::recorder::RecordOptions;
use crate::report::ReportOptions;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// How the program ends. Success is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, everything well.
    Fine = 0,
    /// It did not work; standard error says why.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration has mistakes.
    Config = 3,
    /// `status`: the daemon answers, but is not ready.
    NotReady = 4,
    /// `replay`: the journal led to other actions than recorded.
    Differs = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `help [TOPIC]`, `--help`, `COMMAND --help`
    Help(Topic),
    /// `--version`
    Version,
    /// `run`
    Run {
        /// Configuration file.
        config: PathBuf,
        /// The flight recorder.
        record: Option<RecordOptions>,
    },
    /// `check --config FILE`
    Check {
        /// Configuration file.
        config: PathBuf,
    },
    /// `example`, `check --example`
    Example,
    /// `reference`, `check --reference`
    Reference,
    /// `demo`
    Demo(DemoOptions),
    /// `status`
    Status {
        /// The operations listener of the running daemon.
        ops: SocketAddr,
        /// Workers to list.
        limit: u32,
    },
    /// `explain WORKER`
    Explain {
        /// The operations listener of the running daemon.
        ops: SocketAddr,
        /// Employee id.
        worker: String,
    },
    /// `states`
    States {
        /// The operations listener of the running daemon.
        ops: SocketAddr,
        /// Reference to the token.
        token: String,
    },
    /// `set WORKER STATE`
    Set {
        /// The operations listener of the running daemon.
        ops: SocketAddr,
        /// Reference to the token.
        token: String,
        /// Employee id.
        worker: String,
        /// Id of a state, or a word.
        state: String,
    },
    /// `report`
    Report(ReportOptions),
    /// `hash-password`
    HashPassword,
    /// `cwe-registration --config FILE`
    CweRegistration {
        /// Configuration file.
        config: PathBuf,
    },
    /// `decode FILE...`
    Decode {
        /// Captures and logs; `-` is standard input.
        files: Vec<PathBuf>,
        /// JSON lines instead of a table.
        json: bool,
    },
    /// `replay JOURNAL`
    Replay {
        /// A file or directory written by `run --record`.
        journal: PathBuf,
        /// Print every input and action.
        trace: bool,
    },
}

/// Which help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The overview.
    All,
    /// `run`
    Run,
    /// `check`
    Check,
    /// `demo`
    Demo,
    /// `status`
    Status,
    /// `explain`
    Explain,
    /// `states`
    States,
    /// `set`
    Set,
    /// `report`
    Report,
    /// `hash-password`
    HashPassword,
    /// `cwe-registration`
    CweRegistration,
    /// `decode`
    Decode,
    /// `replay`
    Replay,
}

impl Topic {
    const COMMANDS: [(&'static str, Self); 12] = [
        ("run", Self::Run),
        ("check", Self::Check),
        ("demo", Self::Demo),
        ("status", Self::Status),
        ("explain", Self::Explain),
        ("states", Self::States),
        ("set", Self::Set),
        ("report", Self::Report),
        ("hash-password", Self::HashPassword),
        ("cwe-registration", Self::CweRegistration),
        ("decode", Self::Decode),
        ("replay", Self::Replay),
    ];

    fn of(name: &str) -> Result<Self, String> {
        Self::COMMANDS.iter().find(|(n, _)| *n == name).map(|(_, topic)| *topic).ok_or_else(|| {
            let names = Self::COMMANDS.map(|(n, _)| n);
            match crate::config_file::nearest(name, names) {
                Some(near) => format!("there is no command `{name}`; did you mean `{near}`?"),
                None => format!("there is no command `{name}`; the commands are {}", names.join(", ")),
            }
        })
    }
}

/// Where the operations listener is unless configured otherwise.
pub(crate) const OPS_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// Where `states` and `set` find the token unless told otherwise.
const TOKEN_DEFAULT: &str = "env:UC_API_TOKEN";

const DEMO_MODES: &str = "normal, standalone, bidirectional or push-only";

/// Reads the command line, program name first.
///
/// # Errors
/// One sentence for the operator.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    use lexopt::Arg;
    let mut args = lexopt::Parser::from_iter(args);
    let topic = match args.next().map_err(text)? {
        None => return Ok(Command::Help(Topic::All)),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Help(Topic::All)),
        Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Command::Version),
        Some(Arg::Value(name)) if name == "version" => return Ok(Command::Version),
        Some(Arg::Value(name)) if name == "example" => return alone(&mut args, Command::Example),
        Some(Arg::Value(name)) if name == "reference" => return alone(&mut args, Command::Reference),
        Some(Arg::Value(name)) if name == "help" => {
            return match args.next().map_err(text)? {
                Some(Arg::Value(name)) => Ok(Command::Help(Topic::of(&name.to_string_lossy())?)),
                _ => Ok(Command::Help(Topic::All)),
            };
        }
        Some(Arg::Value(name)) => Topic::of(&name.to_string_lossy())?,
        Some(other) => return Err(format!("{}; a command comes first", text(other.unexpected()))),
    };
    let mut given = Given::default();
    while let Some(arg) = args.next().map_err(text)? {
        let option = match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help(topic)),
            Arg::Value(file) => {
                given.take_file(topic, file)?;
                continue;
            }
            Arg::Short('c') => "config".to_owned(),
            Arg::Short(letter) => letter.to_string(),
            Arg::Long(name) => name.to_owned(),
        };
        given.take(topic, &option, &mut args)?;
    }
    given.command(topic)
}

/// A command without options.
fn alone(args: &mut lexopt::Parser, command: Command) -> Result<Command, String> {
    use lexopt::Arg;
    match args.next().map_err(text)? {
        None => Ok(command),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help(Topic::Check)),
        Some(other) => Err(text(other.unexpected())),
    }
}

fn text(error: lexopt::Error) -> String {
    error.to_string()
}

/// Options as they come, before it is known whether all that are needed are there.
#[derive(Default)]
struct Given {
    config: Option<PathBuf>,
    record: Option<PathBuf>,
    record_keep: Option<usize>,
    record_max_mib: Option<u64>,
    trace: bool,
    example: bool,
    reference: bool,
    ops: Option<SocketAddr>,
    limit: Option<u32>,
    token: Option<String>,
    json: bool,
    files: Vec<PathBuf>,
    demo: DemoOptions,
    report: ReportOptions,
}

impl Given {
    fn take_file(&mut self, topic: Topic, file: OsString) -> Result<(), String> {
        match topic {
            Topic::Check | Topic::Run | Topic::CweRegistration if self.config.is_none() => self.config = Some(file.into()),
            Topic::Explain if self.files.is_empty() => self.files.push(file.into()),
            Topic::Set if self.files.len() < 2 => self.files.push(file.into()),
            Topic::Decode | Topic::Replay => self.files.push(file.into()),
            _ => return Err(format!("`{}` is one word too many", file.to_string_lossy())),
        }
        Ok(())
    }

    fn take(&mut self, topic: Topic, option: &str, args: &mut lexopt::Parser) -> Result<(), String> {
        const OPS: &str = "an address with a port, for example 127.0.0.1:8080";
        match (topic, option) {
            (Topic::Run | Topic::Check | Topic::CweRegistration, "config") => self.config = Some(args.value().map_err(text)?.into()),
            (Topic::Run, "record") => self.record = Some(args.value().map_err(text)?.into()),
            (Topic::Run, "record-keep") => self.record_keep = Some(number(option, args, "how many journals to keep, 1 to 1000")?),
            (Topic::Run, "record-max-mib") => self.record_max_mib = Some(number(option, args, "MiB of one journal, 1 to 1048576")?),
            (Topic::Replay, "trace") => self.trace = true,
            (Topic::Check, "example") => self.example = true,
            (Topic::Check, "reference") => self.reference = true,
            (Topic::Status | Topic::Explain | Topic::States | Topic::Set, "ops") => self.ops = Some(number(option, args, OPS)?),
            (Topic::States | Topic::Set, "token") => self.token = Some(args.value().map_err(text)?.to_string_lossy().into_owned()),
            (Topic::Status, "limit") => self.limit = Some(number(option, args, "a number of workers to list, 0 to 1000")?),
            (Topic::Report, "ops") => self.report.ops = number(option, args, OPS)?,
            (Topic::Report, "history") => self.report.history = Some(PathBuf::from(args.value().map_err(text)?)),
            (Topic::Report, "last") => self.report.last_ms = crate::report::span(&args.value().map_err(text)?.to_string_lossy())?,
            (Topic::Report, "by-hour") => self.report.by_hour = true,
            (Topic::Decode, "json") => self.json = true,
            (Topic::Demo, "workers") => self.demo.workers = number(option, args, "a number from 1 to 10000")?,
            (Topic::Demo, "speed") => self.demo.speed = number(option, args, "how many times faster than life, 1 to 3600")?,
            (Topic::Demo, "seed") => self.demo.seed = number(option, args, "a number")?,
            (Topic::Demo, "seconds") => self.demo.seconds = Some(number(option, args, "a number of seconds to run")?),
            (Topic::Demo, "ops") => self.demo.ops = Some(number(option, args, OPS)?),
            (Topic::Demo, "record") => self.demo.record = Some(PathBuf::from(args.value().map_err(text)?)),
            (Topic::Demo, "calm") => self.demo.calm = true,
            (Topic::Demo, "mode") => self.demo.mode = number(option, args, DEMO_MODES)?,
            _ => return Err(format!("there is no such option here: `{option}`")),
        }
        Ok(())
    }

    /// Where the token is.
    fn token(&self) -> String {
        self.token.clone().unwrap_or_else(|| TOKEN_DEFAULT.to_owned())
    }

    fn record_options(&mut self) -> Result<Option<RecordOptions>, String> {
        let Some(dir) = self.record.take() else {
            return match (self.record_keep, self.record_max_mib) {
                (None, None) => Ok(None),
                _ => Err("--record-keep and --record-max-mib need --record DIR".into()),
            };
        };
        let mut options = RecordOptions::new(dir);
        if let Some(keep) = self.record_keep {
            options.files_max = keep;
        }
        if let Some(mib) = self.record_max_mib {
            options.bytes_max = mib.saturating_mul(1 << 20);
        }
        match (options.files_max, options.bytes_max >> 20) {
            (keep, _) if !(1..=1000).contains(&keep) => Err(format!("--record-keep is {keep}, it must be 1 to 1000")),
            (_, mib) if !(1..=1 << 20).contains(&mib) => Err(format!("--record-max-mib is {mib}, it must be 1 to 1048576")),
            _ => Ok(Some(options)),
        }
    }

    fn command(mut self, topic: Topic) -> Result<Command, String> {
        let missing = || "--config FILE is missing; `uc-connector example > uc-connector.toml` writes one to start from".to_owned();
        match topic {
            Topic::Run => {
                let record = self.record_options()?;
                Ok(Command::Run { config: self.config.ok_or_else(missing)?, record })
            }
            Topic::Check if self.example => Ok(Command::Example),
            Topic::Check if self.reference => Ok(Command::Reference),
            Topic::Check => Ok(Command::Check { config: self.config.ok_or_else(missing)? }),
            Topic::Demo if !(1..=10_000).contains(&self.demo.workers) => Err(format!("--workers is {}, it must be 1 to 10000", self.demo.workers)),
            Topic::Demo if !(1..=3600).contains(&self.demo.speed) => Err(format!("--speed is {}, it must be 1 to 3600", self.demo.speed)),
            Topic::Demo => Ok(Command::Demo(self.demo)),
            Topic::Status => Ok(Command::Status { ops: self.ops.unwrap_or(OPS_DEFAULT), limit: self.limit.unwrap_or(20).min(1000) }),
            Topic::Explain => {
                let worker = self.files.first().ok_or("explain needs a worker: uc-connector explain 1001")?;
                Ok(Command::Explain { ops: self.ops.unwrap_or(OPS_DEFAULT), worker: worker.to_string_lossy().into_owned() })
            }
            Topic::States => Ok(Command::States { ops: self.ops.unwrap_or(OPS_DEFAULT), token: self.token() }),
            Topic::Set => {
                let token = self.token();
                let words: Vec<String> = self.files.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                let [worker, state] = <[String; 2]>::try_from(words).map_err(|_| "set needs a worker and a state: uc-connector set 1001 training")?;
                Ok(Command::Set { ops: self.ops.unwrap_or(OPS_DEFAULT), token, worker, state })
            }
            Topic::Report => Ok(Command::Report(self.report)),
            Topic::HashPassword => Ok(Command::HashPassword),
            Topic::CweRegistration => Ok(Command::CweRegistration { config: self.config.ok_or_else(missing)? }),
            Topic::Decode if self.files.is_empty() => Err("decode needs at least one file, `-` is standard input".into()),
            Topic::Decode => Ok(Command::Decode { files: self.files, json: self.json }),
            Topic::Replay if self.files.len() != 1 => Err("replay needs one journal, a file or directory written by `run --record`".into()),
            Topic::Replay => Ok(Command::Replay { journal: self.files.remove(0), trace: self.trace }),
            Topic::All => Ok(Command::Help(Topic::All)),
        }
    }
}

fn number<T: std::str::FromStr>(option: &str, args: &mut lexopt::Parser, what: &str) -> Result<T, String> {
    let value = args.value().map_err(text)?;
    let value = value.to_string_lossy();
    value.parse().map_err(|_| format!("--{option} is `{value}`, it must be {what}"))
}

/// The help text of a topic.
pub(crate) const fn help(topic: Topic) -> &'static str {
    match topic {
        Topic::All => include_str!("cli_help/all.txt"),
        Topic::Run => include_str!("cli_help/run.txt"),
        Topic::Check => include_str!("cli_help/check.txt"),
        Topic::Demo => include_str!("cli_help/demo.txt"),
        Topic::Status => include_str!("cli_help/status.txt"),
        Topic::Explain => include_str!("cli_help/explain.txt"),
        Topic::States => include_str!("cli_help/states.txt"),
        Topic::Set => include_str!("cli_help/set.txt"),
        Topic::Report => include_str!("cli_help/report.txt"),
        Topic::HashPassword => include_str!("cli_help/hash-password.txt"),
        Topic::CweRegistration => include_str!("cli_help/cwe-registration.txt"),
        Topic::Decode => include_str!("cli_help/decode.txt"),
        Topic::Replay => include_str!("cli_help/replay.txt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::DemoMode;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(std::iter::once("uc-connector").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn every_command_is_understood() {
        assert_eq!(parsed(""), Ok(Command::Help(Topic::All)));
        assert_eq!(parsed("--help"), Ok(Command::Help(Topic::All)));
        assert_eq!(parsed("help run"), Ok(Command::Help(Topic::Run)));
        assert_eq!(parsed("run -h"), Ok(Command::Help(Topic::Run)));
        assert_eq!(parsed("--version"), Ok(Command::Version));
        assert_eq!(parsed("run --config a.toml"), Ok(Command::Run { config: "a.toml".into(), record: None }));
        assert_eq!(parsed("run --config=a.toml --record j"), Ok(Command::Run { config: "a.toml".into(), record: Some(RecordOptions::new("j")) }));
        let record = RecordOptions { files_max: 3, bytes_max: 5 << 20, ..RecordOptions::new("j") };
        assert_eq!(parsed("run a.toml --record j --record-keep 3 --record-max-mib 5"), Ok(Command::Run { config: "a.toml".into(), record: Some(record) }));
        assert_eq!(parsed("check a.toml"), Ok(Command::Check { config: "a.toml".into() }));
        assert_eq!(parsed("check --example"), Ok(Command::Example));
        assert_eq!(parsed("example"), Ok(Command::Example));
        assert_eq!(parsed("cwe-registration --config a.toml"), Ok(Command::CweRegistration { config: "a.toml".into() }));
        assert_eq!(parsed("reference"), Ok(Command::Reference));
        assert_eq!(parsed("status --ops [::1]:9 --limit 5000"), Ok(Command::Status { ops: "[::1]:9".parse().unwrap(), limit: 1000 }));
        let (ops, token) = (OPS_DEFAULT, "file:t".to_owned());
        assert_eq!(parsed("states --token file:t"), Ok(Command::States { ops, token: token.clone() }));
        assert_eq!(parsed("set 1001 break --token file:t"), Ok(Command::Set { ops, token, worker: "1001".into(), state: "break".into() }));
        assert_eq!(parsed("demo --mode standalone"), Ok(Command::Demo(DemoOptions { mode: DemoMode::Standalone, ..DemoOptions::default() })));
        assert_eq!(parsed("decode --json a -"), Ok(Command::Decode { files: vec!["a".into(), "-".into()], json: true }));
        assert_eq!(parsed("replay j"), Ok(Command::Replay { journal: "j".into(), trace: false }));
        assert_eq!(parsed("replay --trace j"), Ok(Command::Replay { journal: "j".into(), trace: true }));
        assert_eq!(parsed("demo --workers 7 --calm"), Ok(Command::Demo(DemoOptions { workers: 7, calm: true, ..DemoOptions::default() })));
    }

    #[test]
    fn mistakes_say_what_to_write_instead() {
        assert_eq!(parsed("chek --config x").unwrap_err(), "there is no command `chek`; did you mean `check`?");
        assert_eq!(
            parsed("start").unwrap_err(),
            "there is no command `start`; the commands are run, check, demo, status, explain, states, set, report, hash-password, cwe-registration, decode, replay"
        );
        assert!(parsed("run").unwrap_err().contains("uc-connector example"));
        assert_eq!(parsed("run a --record-keep 3").unwrap_err(), "--record-keep and --record-max-mib need --record DIR");
        assert_eq!(parsed("run a --record j --record-keep 0").unwrap_err(), "--record-keep is 0, it must be 1 to 1000");
        assert_eq!(parsed("status --ops nowhere").unwrap_err(), "--ops is `nowhere`, it must be an address with a port, for example 127.0.0.1:8080");
        assert_eq!(parsed("demo --speed 0").unwrap_err(), "--speed is 0, it must be 1 to 3600");
        assert!(parsed("set 1001").unwrap_err().contains("a worker and a state"));
        assert_eq!(parsed("demo --mode push-only"), Ok(Command::Demo(DemoOptions { mode: DemoMode::PushOnly, ..DemoOptions::default() })));
        assert_eq!(parsed("demo --mode odd").unwrap_err(), "--mode is `odd`, it must be normal, standalone, bidirectional or push-only");
        assert!(parsed("run --colour").unwrap_err().contains("colour"));
    }

    #[test]
    fn help_names_every_command_and_exit_code() {
        for (name, topic) in Topic::COMMANDS {
            assert!(help(Topic::All).contains(name), "{name}");
            assert!(help(topic).contains(&format!("uc-connector {name}")), "{name}");
        }
        for code in [Exit::Fine, Exit::Failed, Exit::Usage, Exit::Config, Exit::NotReady, Exit::Differs] {
            assert!(help(Topic::All).contains(&format!("\n  {}  ", code as u8)), "{code:?}");
        }
    }
}
