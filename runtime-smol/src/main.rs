//! UC Connector, the daemon and its tools: one binary, one subcommand for each thing an operator does.
mod choosing;
mod cli;
mod clock;
mod config_file;
mod conn;
mod cti_link;
mod cwe;
mod damper;
mod datagrams;
mod decode;
mod demo;
mod driver;
mod entropy;
mod explain;
mod fetch;
mod history;
mod hub;
mod journal;
mod log;
mod log_note;
mod metrics;
mod net;
mod notify;
mod ops;
mod pace;
mod people;
mod poller;
mod presence_xml;
mod recorder;
mod replay;
mod report;
mod router_api;
mod say;
mod secrets;
mod settings;
mod signals;
mod states;
mod status;
mod store;
mod supervise;
mod tlib_log;
mod tls;
mod uc_link;
mod web;
mod zone;

use cli::{Command, Exit};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(wrong) => {
            eprintln!("uc-connector: {wrong}\nTry `uc-connector --help`.");
            return Exit::Usage.into();
        }
    };
    match command {
        Command::Help(topic) => say_out(cli::help(topic)),
        Command::Version => say_out(&format!("uc-connector {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Run { config, record } => return run(&config, record),
        Command::Check { config } => return check(&config),
        Command::Example => say_out(&config_file::example()),
        Command::Reference => say_out(&config_file::reference()),
        Command::Demo(options) => return demo::run(options),
        Command::States { ops, token } => return states::list(ops, &token).into(),
        Command::Set { ops, token, worker, state } => return states::set(ops, &token, &worker, &state).into(),
        Command::Explain { ops, worker } => return status::explain(ops, &worker).into(),
        Command::Status { ops, limit } => return status::run(ops, limit).into(),
        Command::Report(options) => return report::run(&options).into(),
        Command::CweRegistration { config } => return cwe::run(&config).into(),
        Command::HashPassword => return web::password::run().into(),
        Command::Decode { files, json } => return decode::run(&files, json).into(),
        Command::Replay { journal, trace } => return replay::run(&journal, trace),
    }
    ExitCode::SUCCESS
}

/// Prints to standard output; a reader that has gone away (`| head`) is not an error.
pub(crate) fn say_out(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn run(config: &Path, record: Option<recorder::RecordOptions>) -> ExitCode {
    match config_file::load(config) {
        Ok(settings) => driver::run(settings, driver::RunOptions { record, config_path: config.to_owned() }),
        Err(findings) => {
            eprint!("{findings}");
            Exit::Config.into()
        }
    }
}

fn check(config: &Path) -> ExitCode {
    let mut checked = config_file::check(config);
    if let Some(settings) = &checked.settings {
        for (reference, why) in secrets::missing(settings) {
            checked.findings.warning_on_file(config, format!("the secret \"{reference}\" cannot be read by this user in this environment: {why}"));
        }
    }
    eprint!("{}", checked.findings);
    match checked.settings {
        Some(settings) => {
            say_out(&config_file::summary(config, &settings));
            ExitCode::SUCCESS
        }
        None => Exit::Config.into(),
    }
}
