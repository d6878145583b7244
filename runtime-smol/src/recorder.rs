//! The flight recorder (`run --record DIR`): writes the journal described in [`crate::journal`].
//!
//! Records are collected in blocks; a thread of its own writes them, so that a slow disk never holds up presence. If the disk falls so far behind that
//! [`BLOCKS_MAX`] blocks wait, the journal ends there and says so: one with a hole could not be replayed. Each start of the process writes a file of its own,
//! because a replay has to begin at the beginning: the core's state cannot be written down and taken up again. So a file that reaches its limit ends with a mark
//! and an alarm, and what was recorded is kept; the beginning of the next file is the next start. Old files are removed.
use crate::journal::hash::ActionHash;
use crate::journal::{Ending, Field, HASH_EVERY, MAGIC, Tag, cti, put_record, uc};
use crate::say;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use uc_core::entropy::Seed;
use uc_core::{Action, Config, Connector, Input, Now};

/// One block, bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// Blocks waiting for the disk.
const BLOCKS_MAX: usize = 64;
/// A block that is not full is written after this long.
const FLUSH_MS: u64 = 500;
/// File names begin and end like this; between is the time, so that their order is that of time.
pub(crate) const PREFIX: &str = "journal-";
/// See [`PREFIX`].
pub(crate) const SUFFIX: &str = ".ucj";

/// Where to record, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordOptions {
    /// Directory.
    pub(crate) dir: PathBuf,
    /// Files kept in the directory, the new one included: `--record-keep`.
    pub(crate) files_max: usize,
    /// One file, bytes: `--record-max-mib`.
    pub(crate) bytes_max: u64,
}

impl RecordOptions {
    /// In `dir`, with the usual limits: 8 files of 1 GiB.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), files_max: 8, bytes_max: 1 << 30 }
    }
}

/// A journal being written.
pub(crate) struct Recorder {
    block: Vec<u8>,
    blocks: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    path: PathBuf,
    now: Now,
    flushed_ms: u64,
    inputs: u64,
    actions: ActionHash,
    bytes: u64,
    bytes_max: u64,
}

impl Recorder {
    /// Opens a new file in the directory (made if need be) and removes the oldest ones.
    ///
    /// # Errors
    /// When the directory or the file cannot be written.
    pub(crate) fn open(options: &RecordOptions) -> io::Result<Self> {
        let RecordOptions { dir, files_max, bytes_max } = options;
        fs::create_dir_all(dir)?;
        let mut old = journals(dir)?;
        while old.len() >= (*files_max).max(1) {
            fs::remove_file(old.remove(0))?;
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let path = dir.join(format!("{PREFIX}{:015}-{}{SUFFIX}", now.as_millis(), std::process::id()));
        // Names and presence are nobody else's business.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(MAGIC)?;
        let (blocks, waiting) = sync_channel::<Vec<u8>>(BLOCKS_MAX);
        let name = path.clone();
        let writer = std::thread::Builder::new().name("uc-recorder".into()).spawn(move || {
            for block in waiting {
                if let Err(why) = file.write_all(&block) {
                    return say::alarm(&format!("the journal {} ends here: {why}", name.display()));
                }
            }
        })?;
        Ok(Self {
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            blocks: Some(blocks),
            writer: Some(writer),
            path,
            now: Now::default(),
            flushed_ms: 0,
            inputs: 0,
            actions: ActionHash::default(),
            bytes: MAGIC.len() as u64,
            bytes_max: *bytes_max,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether inputs are still recorded: not any more when the file is full, or the disk too slow or failing.
    pub(crate) const fn is_recording(&self) -> bool {
        self.blocks.is_some()
    }

    /// Bytes of the file so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records what the core starts from.
    pub(crate) fn start(&mut self, seed: &Seed, now: Now, config: &Config) {
        self.now = now;
        put_record(&mut self.block, Tag::Start, |out| {
            out.extend_from_slice(&seed.0);
            now.mono.0.put(out);
            now.unix_ms.put(out);
            config.put(out);
        });
    }

    /// Records one input; `frame` is the SIP message at hand.
    pub(crate) fn input(&mut self, now: Now, input: &Input<'_>, frame: &[u8]) {
        if self.blocks.is_none() {
            return;
        }
        let out = &mut self.block;
        if now != self.now {
            self.now = now;
            put_record(out, Tag::Time, |out| {
                now.mono.0.put(out);
                now.unix_ms.put(out);
            });
        }
        match input {
            Input::Wake => put_record(out, Tag::Wake, |_| {}),
            Input::Uc { link, event } => uc::put(*link, event, frame, out),
            Input::Cti { link, event } => cti::put(*link, event, out),
            Input::Reconfigure(config) => put_record(out, Tag::Reconfigure, |out| config.put(out)),
            Input::Worker { user, command } => put_record(out, Tag::Worker, |out| {
                user.0.put(out);
                command.put(out);
            }),
            Input::Restore { user, choice } => put_record(out, Tag::Restore, |out| {
                user.0.put(out);
                choice.put(out);
            }),
            Input::Drain { within_ms } => put_record(out, Tag::Drain, |out| within_ms.put(out)),
        }
        self.inputs += 1;
    }

    /// Takes in one action of the last input.
    pub(crate) fn action(&mut self, action: &Action, connector: &Connector) {
        if self.blocks.is_some() {
            self.actions.add(action, connector);
        }
    }

    /// The last input and its actions are complete.
    pub(crate) fn settled(&mut self) {
        if self.inputs.is_multiple_of(HASH_EVERY) {
            self.put_hash();
        }
        if self.block.len() >= BLOCK_BYTES || self.now.mono.0 >= self.flushed_ms + FLUSH_MS {
            self.flush();
        }
    }

    fn put_hash(&mut self) {
        let (inputs, actions, hash) = (self.inputs, self.actions.count, self.actions.value());
        put_record(&mut self.block, Tag::Hash, |out| {
            inputs.put(out);
            actions.put(out);
            hash.put(out);
        });
    }

    fn flush(&mut self) {
        self.flushed_ms = self.now.mono.0;
        let Some(blocks) = &self.blocks else { return self.block.clear() };
        if self.block.is_empty() {
            return;
        }
        self.bytes += self.block.len() as u64;
        if self.bytes >= self.bytes_max {
            say::alarm(&format!(
                "the journal {} has reached its limit of {} bytes and ends; a restart begins the next one",
                self.path.display(),
                self.bytes_max
            ));
            return self.end(Ending::Full);
        }
        match blocks.try_send(std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES * 2))) {
            Ok(()) => {}
            Err(TrySendError::Full(block)) => {
                say::alarm(&format!("the disk cannot keep up with the journal {}; it ends here", self.path.display()));
                self.block = block;
                self.end(Ending::Behind);
            }
            // The writer said why it stopped.
            Err(TrySendError::Disconnected(_)) => self.blocks = None,
        }
    }

    /// Ends the journal. The last block waits for the disk on a thread of its own, not here.
    fn end(&mut self, why: Ending) {
        self.put_hash();
        put_record(&mut self.block, Tag::End, |out| out.push(Ending::ALL.iter().position(|e| *e == why).unwrap_or(0) as u8));
        let last = std::mem::take(&mut self.block);
        if let Some(blocks) = self.blocks.take() {
            let waiting = self.writer.take();
            let send = move || {
                // Fails only when the writer has stopped, and has said why.
                let _ = blocks.send(last);
                drop(blocks);
                waiting.map(JoinHandle::join)
            };
            self.writer = std::thread::Builder::new().name("uc-recorder-end".into()).spawn(move || drop(send())).ok();
        }
    }

    /// Ends the journal and waits until it is written.
    pub(crate) fn finish(mut self) {
        if self.blocks.is_some() {
            self.end(Ending::Finished);
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The journals in a directory, oldest first.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn journals(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use std::sync::Arc;
    use uc_core::Mono;
    use uc_core::codec::sip;
    use uc_core::config::{
        ChoiceConfig, CtiConfig, Limits, Mode, NoteLevel, Person, PersonDn, PresenceConfig, PublishConfig, Redundancy, SwitchConfig, TServerConfig, UcConfig,
        UcEndpoint, Watcher,
    };
    use uc_core::cti_event::{Control, CtiEvent, Role, TEvent};
    use uc_core::id::{CtiLinkId, UcLinkId};
    use uc_core::uc_event::{CloseCause, UcEvent};

    fn config() -> Config {
        let person = Person {
            employee_id: "7".into(),
            sip_uri: "sip:alice@example.com".into(),
            dns: [PersonDn { number: "5002".into(), switch: 0 }].into(),
            ..Person::default()
        };
        let server = TServerConfig { name: "A".into(), address: "127.0.0.1:1".into() };
        let switch =
            SwitchConfig { name: "S".into(), servers: vec![server], redundancy: Redundancy::Single, session: "s".into(), linger_s: 30, free_dns: Vec::new() };
        Config {
            mode: Mode::Normal,
            publish: PublishConfig::default(),
            choice: ChoiceConfig::default(),
            application: "UC".into(),
            uc: UcConfig {
                endpoints: vec![UcEndpoint { host: "fe.example.com".into(), port: 5061 }],
                watchers: vec![Watcher { uri: "sip:w@example.com".into(), epid: "0a".into() }],
                ..UcConfig::default()
            },
            cti: CtiConfig { switches: vec![switch], timers: Default::default(), pace: uc_core::config::CtiPace::open() },
            presence: PresenceConfig::default(),
            people: vec![person],
            limits: Limits::default(),
            note_level: NoteLevel::Debug,
        }
    }

    /// A folder of its own for each test.
    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("uc-recorder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    struct Session {
        recorder: Recorder,
        connector: Connector,
        now: Now,
    }

    impl Session {
        fn start(recorder: Recorder) -> Self {
            let now = Now { mono: Mono(5), unix_ms: 1_700_000_000_000 };
            let mut it = Self { recorder, connector: Connector::new(Arc::new(config()), Seed::from_u64(3), now), now };
            it.recorder.start(&Seed::from_u64(3), now, &config());
            it.act();
            it
        }

        fn act(&mut self) {
            while let Some(action) = self.connector.poll_action() {
                self.recorder.action(&action, &self.connector);
            }
        }

        fn step(&mut self, input: Input<'_>, frame: &[u8]) {
            self.now = Now { mono: self.now.mono + 7, unix_ms: self.now.unix_ms + 7 };
            self.recorder.input(self.now, &input, frame);
            self.connector.handle(self.now, input);
            self.act();
            self.recorder.settled();
        }

        fn frame(&mut self, frame: &[u8]) {
            let link = UcLinkId(0);
            match sip::decode(frame, &Limits::default()) {
                Ok(sip::Decoded::Notify(n)) => self.step(Input::Uc { link, event: UcEvent::Notify(&n) }, frame),
                Ok(sip::Decoded::Request(r)) => self.step(Input::Uc { link, event: UcEvent::Request(&r) }, frame),
                Ok(sip::Decoded::Response(r)) => self.step(Input::Uc { link, event: UcEvent::Response(&r) }, frame),
                Err(fault) => self.step(Input::Uc { link, event: UcEvent::Malformed(&fault) }, frame),
            }
        }

        /// One of everything that can be recorded, then all messages of the corpus.
        fn live(&mut self) {
            let (uc, cti) = (UcLinkId(0), CtiLinkId(0));
            let local = "[::1]:5061".parse().unwrap();
            self.step(Input::Uc { link: uc, event: UcEvent::Resolved { endpoint: 0, addrs: &[local, "10.0.0.1:5061".parse().unwrap()] } }, &[]);
            self.step(Input::Uc { link: uc, event: UcEvent::Connected { local } }, &[]);
            self.step(Input::Uc { link: uc, event: UcEvent::KeepAlive }, &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Connected }, &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 100, ping_s: 10 }) }, &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Control(Control::Opened { role: Role::Primary, server: "A" }) }, &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Event(&TEvent { id: 95, name: "EventLinkConnected", ..TEvent::default() }) }, &[]);
            let registered = TEvent { id: 53, name: "EventRegistered", ref_id: 1, this_dn: "5002", agent_status: Some(-1), ..TEvent::default() };
            self.step(Input::Cti { link: cti, event: CtiEvent::Event(&registered) }, &[]);
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/sip");
            let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
            files.sort();
            assert!(files.len() > 10, "the corpus is there");
            for _ in 0..60 {
                for file in &files {
                    self.frame(&fs::read(file).unwrap());
                }
            }
            self.step(Input::Wake, &[]);
            self.step(Input::Reconfigure(Arc::new(Config { people: Vec::new(), ..config() })), &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Malformed(&uc_core::codec::cti::CtiFault::LineTooLong { max: 9 }) }, &[]);
            self.step(Input::Uc { link: uc, event: UcEvent::Closed { why: CloseCause::Reset } }, &[]);
            self.step(Input::Cti { link: cti, event: CtiEvent::Closed { why: CloseCause::Local } }, &[]);
            self.step(Input::Drain { within_ms: 100 }, &[]);
        }
    }

    fn recorded(name: &str) -> (Vec<u8>, Now) {
        let dir = folder(name);
        let recorder = Recorder::open(&RecordOptions::new(&dir)).unwrap();
        let path = recorder.path().to_owned();
        let mut session = Session::start(recorder);
        session.live();
        session.recorder.finish();
        let bytes = fs::read(path).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        (bytes, session.now)
    }

    #[test]
    fn a_replay_does_what_was_recorded() {
        let (bytes, now) = recorded("same");
        let outcome = replay(&bytes, None).unwrap();
        assert_eq!(outcome.differs, None);
        assert_eq!(outcome.ending, Some(Ending::Finished));
        assert!(outcome.inputs > HASH_EVERY && outcome.agreed >= 2, "{outcome:?}");
        assert!(outcome.actions > 3, "{outcome:?}");
        assert_eq!(outcome.span.unwrap().1, now);
    }

    #[test]
    fn a_changed_or_cut_journal_is_told_apart() {
        let (bytes, _) = recorded("changed");
        let cut = replay(&bytes[..bytes.len() - 9], None).unwrap();
        assert_eq!((cut.ending, cut.differs), (None, None));
        // Another answer of the world: the seed is another one.
        let mut other = bytes.clone();
        other[MAGIC.len() + crate::journal::HEAD_BYTES] ^= 1;
        let differs = replay(&other, None).unwrap().differs.unwrap();
        assert!(differs.contains("recorded"), "{differs}");
        let mut version = bytes;
        version[7] += 1;
        assert!(replay(&version, None).unwrap_err().contains("version 2"));
        assert!(replay(b"hello", None).is_err());
    }

    #[test]
    fn a_full_journal_ends_with_a_mark_and_old_ones_go() {
        let dir = folder("full");
        for n in 0..5 {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(format!("{PREFIX}{n:015}-1{SUFFIX}")), "old").unwrap();
        }
        let recorder = Recorder::open(&RecordOptions { files_max: 3, bytes_max: 100_000, ..RecordOptions::new(&dir) }).unwrap();
        let path = recorder.path().to_owned();
        let mut session = Session::start(recorder);
        session.live();
        assert!(!session.recorder.is_recording());
        session.recorder.finish();
        assert_eq!(journals(&dir).unwrap().len(), 3);
        let outcome = replay(&fs::read(path).unwrap(), None).unwrap();
        assert_eq!((outcome.ending, outcome.differs), (Some(Ending::Full), None));
        fs::remove_dir_all(&dir).unwrap();
    }
}
