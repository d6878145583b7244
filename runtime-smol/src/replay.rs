//! Runs a recorded journal through the same core and compares every recorded hash: an incident in production becomes a case at the desk.
//!
//! A directory is replayed file by file, oldest first. Each begins from what it holds itself; where one file goes on with another, the core at the end of the first
//! must also be, byte for byte, the checkpoint with which the second begins.
use crate::cli::Exit;
use crate::journal::hash::ActionHash;
use crate::journal::{Ending, Field, MAGIC, Tag, cti, preview, take_record, uc};
use crate::recorder::{follows, journals};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use uc_core::entropy::Seed;
use uc_core::id::UserId;
use uc_core::{Config, Connector, Input, Mono, Now, RestoreFault};

/// What a replay found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Inputs handed in.
    pub(crate) inputs: u64,
    /// Actions that followed.
    pub(crate) actions: u64,
    /// Hashes that agreed.
    pub(crate) agreed: u64,
    /// First time, last time.
    pub(crate) span: Option<(Now, Now)>,
    /// Where the actions first differ: number of inputs, time, and what differs.
    pub(crate) differs: Option<String>,
    /// How the journal ends; `None`: in the middle, the process was killed or is still running.
    pub(crate) ending: Option<Ending>,
    /// The checkpoint it begins with; `None`: with the start of the process.
    pub(crate) from: Option<Vec<u8>>,
    /// The core's checkpoint at the end, if the journal goes on in another file.
    pub(crate) to: Option<Vec<u8>>,
}

/// Replays `journal`: a file, or all files in a directory.
pub(crate) fn run(journal: &Path, trace: bool) -> ExitCode {
    let files = match files(journal) {
        Ok(files) => files,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let (mut differs, mut failed) = (0, 0);
    let mut before: Option<(&PathBuf, Vec<u8>)> = None;
    for path in &files {
        println!("{}", path.display());
        let bytes = std::fs::read(path).map_err(|e| format!("{} cannot be read: {e}", path.display()));
        match bytes.and_then(|bytes| replay(&bytes, trace.then_some(&mut |line| println!("{line}")))) {
            Ok(mut outcome) => {
                let previous = before.take().filter(|(previous, _)| follows(previous, path)).map(|(_, to)| to);
                continues(&mut outcome, previous.as_deref());
                print!("{}", describe(&outcome));
                differs += u32::from(outcome.differs.is_some());
                before = outcome.to.map(|to| (path, to));
            }
            Err(why) => {
                eprintln!("{why}");
                failed += 1;
            }
        }
    }
    if files.len() > 1 {
        println!("{} journals: {differs} different, {failed} not readable, the others the same", files.len());
    }
    match (differs, failed) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => Exit::Differs.into(),
    }
}

fn files(journal: &Path) -> Result<Vec<PathBuf>, String> {
    if !journal.is_dir() {
        return Ok(vec![journal.to_owned()]);
    }
    let found = journals(journal).map_err(|e| format!("{} cannot be read: {e}", journal.display()))?;
    if found.is_empty() { Err(format!("there is no journal in {}", journal.display())) } else { Ok(found) }
}

/// The file must begin with the state in which the previous one of the same run ended.
pub(crate) fn continues(outcome: &mut Outcome, previous: Option<&[u8]>) {
    if let (Some(to), Some(from)) = (previous, &outcome.from)
        && to != from
    {
        outcome.differs = Some("the file does not begin with the state in which the previous one ended".into());
    }
}

fn describe(outcome: &Outcome) -> String {
    let Outcome { inputs, actions, agreed, span, differs, ending, from, to: _ } = outcome;
    let Some((began, ended)) = span else {
        return "nothing was recorded: the process was killed when the file began\n".into();
    };
    let ending = match ending {
        Some(Ending::Finished) => "is complete",
        Some(Ending::Full) => "ends where the next file goes on",
        Some(Ending::Behind) => "ends where the disk could not keep up",
        None => "ends in the middle: the process was killed, or still runs",
    };
    let verdict = match differs {
        Some(what) => format!("DIFFERENT: {what}"),
        None => format!("the same: {agreed} hashes agree"),
    };
    let beginning = if from.is_some() { "begins with a checkpoint" } else { "begins with the start of the process" };
    let seconds = ended.mono.since(began.mono) as f64 / 1000.0;
    format!("{inputs} inputs, {actions} actions, {seconds:.1} s recorded; the journal {beginning} and {ending}\nactions are {verdict}\n")
}

/// Who hears the story.
type Trace<'t> = Option<&'t mut dyn FnMut(String)>;

struct Run {
    connector: Connector,
    now: Now,
    hash: ActionHash,
    outcome: Outcome,
}

/// Replays the bytes of a journal.
///
/// # Errors
/// When it is no journal of this version.
pub(crate) fn replay(bytes: &[u8], mut trace: Trace<'_>) -> Result<Outcome, String> {
    let mut rest = match bytes.split_at_checked(MAGIC.len()) {
        Some((magic, rest)) if magic == MAGIC => rest,
        Some((magic, _)) if magic[..7] == MAGIC[..7] => {
            return Err(format!("the journal has version {}, this program reads version {}: use the program that wrote it", magic[7], MAGIC[7]));
        }
        _ => return Err("this is no journal of uc-connector".into()),
    };
    let Some((tag, content)) = take_record(&mut rest) else {
        // Killed before it stood there whole.
        return Ok(Outcome::default());
    };
    let mut run = match Tag::of(tag) {
        Some(Tag::Start) => start(content).ok_or("the journal's first record cannot be read")?,
        Some(Tag::Resume) => resume(content).ok_or("the journal's first record cannot be read")?.map_err(|why| why.to_string())?,
        _ => return Err("the journal does not begin with a start or a checkpoint".into()),
    };
    run.act(&mut trace);
    while let Some((tag, content)) = take_record(&mut rest) {
        let step = Tag::of(tag).and_then(|tag| run.record(tag, content, &mut trace));
        if step.is_none() {
            return Err(format!("record {tag} of {} bytes after {} inputs cannot be read", content.len(), run.outcome.inputs));
        }
        if run.outcome.differs.is_some() {
            break;
        }
    }
    run.outcome.actions = run.hash.count;
    if run.outcome.ending == Some(Ending::Full) {
        run.outcome.to = run.connector.checkpoint();
    }
    Ok(run.outcome)
}

fn start(mut from: &[u8]) -> Option<Run> {
    let (seed, rest) = from.split_first_chunk::<32>()?;
    from = rest;
    let now = Now { mono: Mono(Field::take(&mut from)?), unix_ms: Field::take(&mut from)? };
    let config = Config::take(&mut from)?;
    Some(Run::new(Connector::new(Arc::new(config), Seed(*seed), now), now, None))
}

fn resume(mut from: &[u8]) -> Option<Result<Run, RestoreFault>> {
    let now = Now { mono: Mono(Field::take(&mut from)?), unix_ms: Field::take(&mut from)? };
    let config = Config::take(&mut from)?;
    let checkpoint = <&[u8]>::take(&mut from)?;
    Some(Connector::restore(Arc::new(config), checkpoint).map(|connector| Run::new(connector, now, Some(checkpoint.to_vec()))))
}

impl Run {
    fn new(connector: Connector, now: Now, from: Option<Vec<u8>>) -> Self {
        Self { connector, now, hash: ActionHash::default(), outcome: Outcome { span: Some((now, now)), from, ..Outcome::default() } }
    }

    fn record(&mut self, tag: Tag, mut content: &[u8], trace: &mut Trace<'_>) -> Option<()> {
        match tag {
            Tag::Start | Tag::Resume => return None,
            Tag::Time => {
                self.now = Now { mono: Mono(Field::take(&mut content)?), unix_ms: Field::take(&mut content)? };
                self.outcome.span.as_mut()?.1 = self.now;
                return Some(());
            }
            Tag::Hash => return self.compare(&mut content),
            Tag::End => {
                self.outcome.ending = Ending::ALL.get(usize::from(u8::take(&mut content)?)).copied();
                return Some(());
            }
            _ => {}
        }
        if let Some(say) = trace {
            say(format!("{} <- {tag:?} {}", self.now.mono, content.len()));
        }
        self.outcome.inputs += 1;
        match tag {
            Tag::Wake => self.connector.handle(self.now, Input::Wake),
            Tag::Reconfigure => self.connector.handle(self.now, Input::Reconfigure(Arc::new(Config::take(&mut content)?))),
            Tag::Worker => {
                let (user, command) = (UserId(Field::take(&mut content)?), Field::take(&mut content)?);
                self.connector.handle(self.now, Input::Worker { user, command });
            }
            Tag::Restore => {
                let (user, choice) = (UserId(Field::take(&mut content)?), Field::take(&mut content)?);
                self.connector.handle(self.now, Input::Restore { user, choice });
            }
            Tag::Router => preview::replay_router(content, &mut self.connector, self.now)?,
            Tag::Page => preview::replay_page(content, &mut self.connector, self.now)?,
            Tag::Drain => self.connector.handle(self.now, Input::Drain { within_ms: Field::take(&mut content)? }),
            Tag::CtiConnected | Tag::CtiClosed | Tag::CtiControl | Tag::CtiEvent | Tag::CtiRouter | Tag::CtiBroken => {
                cti::replay(tag, content, &mut self.connector, self.now)?
            }
            _ => {
                let config = Arc::clone(self.connector.directory().config());
                uc::replay(tag, content, &config.limits, &mut self.connector, self.now)?;
            }
        }
        self.act(trace);
        Some(())
    }

    fn act(&mut self, trace: &mut Trace<'_>) {
        while let Some(action) = self.connector.poll_action() {
            self.hash.add(&action, &self.connector);
            if let Some(say) = trace {
                say(format!("{} -> {action:?}", self.now.mono));
            }
        }
    }

    fn compare(&mut self, content: &mut &[u8]) -> Option<()> {
        let (inputs, actions, hash): (u64, u64, u64) = (Field::take(content)?, Field::take(content)?, Field::take(content)?);
        let got = (self.outcome.inputs, self.hash.count, self.hash.value());
        if got == (inputs, actions, hash) {
            self.outcome.agreed += 1;
        } else {
            let at = self.now.mono;
            self.outcome.differs = Some(format!(
                "at {at}, within the {} inputs before input {inputs}: recorded {actions} actions with hash {hash:016x}, replayed {} with {:016x}",
                crate::journal::HASH_EVERY,
                got.1,
                got.2
            ));
        }
        Some(())
    }
}
