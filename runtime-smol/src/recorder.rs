//! The flight recorder (`run --record DIR`): writes the journal described in [`crate::journal`].
//!
//! Records are collected in blocks; a thread of its own writes them, so that a slow disk never holds up presence. If the disk falls so far behind that
//! [`BLOCKS_MAX`] blocks wait, the journal ends there and says so: one with a hole could not be replayed.
//!
//! A file that reaches its limit is followed by another one, which begins with the configuration and a checkpoint of the core, so that each can be replayed
//! alone. The deciding thread only copies the core (memory to memory); the copy is printed, the file changed and the oldest one removed on the recorder's thread.
mod writer;

pub(crate) use writer::follows;

use crate::journal::hash::ActionHash;
use crate::journal::{Ending, Field, HASH_EVERY, MAGIC, Tag, cti, preview, put_record, uc};
use crate::say;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use uc_core::entropy::Seed;
use uc_core::{Action, Config, Connector, Input, Now};
use writer::{Job, PREFIX, SUFFIX, Writer};

/// One block, bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// Blocks waiting for the disk.
const BLOCKS_MAX: usize = 64;
/// Written blocks kept for use again: fresh memory of this size costs the deciding thread a page fault for every 4 KiB.
const SPARES_MAX: usize = 2;
/// A block that is not full is written after this long.
const FLUSH_MS: u64 = 500;

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
    jobs: Option<SyncSender<Job>>,
    spares: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<()>>,
    /// The first file of this run.
    path: PathBuf,
    now: Now,
    flushed_ms: u64,
    /// Of the present file.
    inputs: u64,
    /// Of the present file.
    actions: ActionHash,
    /// Of the present file, without what it began with.
    file_bytes: u64,
    /// With what it began; the writer knows.
    began: Arc<AtomicU64>,
    bytes_max: u64,
    /// Of all files of this run.
    bytes: u64,
}

impl Recorder {
    /// Opens a new file in the directory (made if need be) and removes the oldest ones.
    ///
    /// # Errors
    /// When the directory or the file cannot be written.
    pub(crate) fn open(options: &RecordOptions) -> io::Result<Self> {
        let began = Arc::new(AtomicU64::new(MAGIC.len() as u64));
        let writer = Writer::open(options, Arc::clone(&began))?;
        let path = writer.path().to_owned();
        let (jobs, waiting) = sync_channel(BLOCKS_MAX);
        let (written, spares) = sync_channel(SPARES_MAX);
        let writer = std::thread::Builder::new().name("uc-recorder".into()).spawn(move || writer.work(waiting, written))?;
        Ok(Self {
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            jobs: Some(jobs),
            spares,
            writer: Some(writer),
            path,
            now: Now::default(),
            flushed_ms: 0,
            inputs: 0,
            actions: ActionHash::default(),
            file_bytes: 0,
            began,
            bytes_max: options.bytes_max,
            bytes: 0,
        })
    }

    /// The file this run begins with.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether inputs are still recorded: not any more when the disk was too slow, or failed.
    pub(crate) const fn is_recording(&self) -> bool {
        self.jobs.is_some()
    }

    /// Bytes recorded so far, in all files of this run.
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
        if self.jobs.is_none() {
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
            Input::Router(event) => preview::put_router(event, out),
            Input::Page { user, event } => preview::put_page(*user, *event, out),
            Input::Drain { within_ms } => put_record(out, Tag::Drain, |out| within_ms.put(out)),
        }
        self.inputs += 1;
    }

    /// Takes in one action of the last input.
    pub(crate) fn action(&mut self, action: &Action, connector: &Connector) {
        if self.jobs.is_some() {
            self.actions.add(action, connector);
        }
    }

    /// The last input and its actions are complete; `connector` is what came of them.
    pub(crate) fn settled(&mut self, connector: &Connector) {
        if self.inputs.is_multiple_of(HASH_EVERY) {
            self.put_hash();
        }
        if self.block.len() >= BLOCK_BYTES || self.now.mono.0 >= self.flushed_ms + FLUSH_MS {
            self.flush();
            if self.is_full() {
                self.next_file(connector);
            }
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

    fn put_end(&mut self, why: Ending) {
        self.put_hash();
        put_record(&mut self.block, Tag::End, |out| out.push(Ending::ALL.iter().position(|e| *e == why).unwrap_or(0) as u8));
    }

    fn flush(&mut self) {
        self.flushed_ms = self.now.mono.0;
        let Some(jobs) = &self.jobs else { return self.block.clear() };
        if self.block.is_empty() {
            return;
        }
        let bytes = self.block.len() as u64;
        match jobs.try_send(Job::Block(std::mem::replace(&mut self.block, spare(&self.spares)))) {
            Ok(()) => {
                self.file_bytes += bytes;
                self.bytes += bytes;
            }
            Err(TrySendError::Full(job)) => {
                say::alarm(&format!("the disk cannot keep up with the journals in {}; recording ends here", self.path.with_file_name("").display()));
                if let Job::Block(block) = job {
                    self.block = block;
                }
                self.end(Ending::Behind);
            }
            // The writer said why it stopped.
            Err(TrySendError::Disconnected(_)) => self.jobs = None,
        }
    }

    /// Whether it is time for the next file. However small the limit, a file holds at least as much as it began with: otherwise large companies would write
    /// checkpoints only.
    fn is_full(&self) -> bool {
        let began = self.began.load(Ordering::Relaxed);
        self.jobs.is_some() && began + self.file_bytes >= self.bytes_max.max(2 * began)
    }

    /// Ends this file and begins the next one with a copy of the core. When the disk is so busy that this must wait, the file grows until the next block.
    fn next_file(&mut self, connector: &Connector) {
        let Some(jobs) = self.jobs.clone() else { return };
        self.put_end(Ending::Full);
        let last = std::mem::take(&mut self.block);
        match jobs.try_send(Job::Next(last, Box::new((connector.clone(), self.now)))) {
            Ok(()) => {
                self.block = spare(&self.spares);
                (self.file_bytes, self.inputs, self.actions) = (0, 0, ActionHash::default());
            }
            Err(TrySendError::Full(Job::Next(mut last, _))) => {
                last.clear();
                self.block = last;
            }
            Err(_) => self.jobs = None,
        }
    }

    /// Ends the journal. The last block waits for the disk on a thread of its own, not here.
    fn end(&mut self, why: Ending) {
        self.put_end(why);
        let last = Job::Block(std::mem::take(&mut self.block));
        if let Some(jobs) = self.jobs.take() {
            let waiting = self.writer.take();
            let send = move || {
                // Fails only when the writer has stopped, and has said why.
                let _ = jobs.send(last);
                drop(jobs);
                waiting.map(JoinHandle::join)
            };
            self.writer = std::thread::Builder::new().name("uc-recorder-end".into()).spawn(move || drop(send())).ok();
        }
    }

    /// Ends the journal and waits until it is written.
    pub(crate) fn finish(mut self) {
        if self.jobs.is_some() {
            self.end(Ending::Finished);
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// An empty block: one that was written, or a new one.
fn spare(spares: &Receiver<Vec<u8>>) -> Vec<u8> {
    // One that grew, for a message of megabytes, is not kept.
    let used = spares.try_recv().ok().filter(|block| block.capacity() <= BLOCK_BYTES * 4);
    used.map_or_else(
        || Vec::with_capacity(BLOCK_BYTES * 2),
        |mut block| {
            block.clear();
            block
        },
    )
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
    use uc_core::config::{CtiConfig, Limits, NoteLevel, Person, PersonDn, Redundancy, SwitchConfig, TServerConfig, UcConfig, UcEndpoint, Watcher};
    use uc_core::cti_event::{Control, CtiEvent, Role, TEvent};
    use uc_core::id::{CtiLinkId, UcLinkId, UserId};
    use uc_core::offer::{OfferId, PageEvent, PreviewRequest, RequestId, RouterEvent};
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
            application: "UC".into(),
            uc: UcConfig {
                endpoints: vec![UcEndpoint { host: "fe.example.com".into(), port: 5061 }],
                watchers: vec![Watcher { uri: "sip:w@example.com".into(), epid: "0a".into() }],
                ..UcConfig::default()
            },
            cti: CtiConfig { switches: vec![switch], routers: Vec::new(), timers: Default::default(), pace: uc_core::config::CtiPace::open() },
            people: vec![person],
            note_level: NoteLevel::Debug,
            ..Config::default()
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
            self.recorder.settled(&self.connector);
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
            let page = |event| Input::Page { user: UserId(0), event };
            let data = [("Notes", "it's 5 o'clock | ja"), ("", "\u{1f600}")];
            let request =
                PreviewRequest { targets: "7^x", conn: "0077028a809f7004", data: &data, timeout_ms: Some(7), key: Some("k"), ..PreviewRequest::default() };
            self.step(page(PageEvent::Opened), &[]);
            self.step(Input::Router(&RouterEvent::Request { id: RequestId(1), request: &request }), &[]);
            self.step(page(PageEvent::Reject { offer: OfferId(1) }), &[]);
            self.step(page(PageEvent::Accept { offer: OfferId(1) }), &[]);
            self.step(Input::Router(&RouterEvent::Cancel { id: RequestId(2), conn: "0077028a809f7004", text: "gone" }), &[]);
            self.step(Input::Router(&RouterEvent::Gone { id: RequestId(1) }), &[]);
            self.step(page(PageEvent::Closed), &[]);
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
        assert!(replay(&version, None).unwrap_err().contains("version 4"));
        assert!(replay(b"hello", None).is_err());
    }

    /// Plays everything into files of this size; what replaying each of them says, with its name.
    fn rotated(dir: &Path, bytes_max: u64) -> Vec<(PathBuf, crate::replay::Outcome)> {
        let recorder = Recorder::open(&RecordOptions { files_max: 3, bytes_max, ..RecordOptions::new(dir) }).unwrap();
        let mut session = Session::start(recorder);
        session.live();
        assert!(session.recorder.is_recording());
        session.recorder.finish();
        journals(dir).unwrap().into_iter().map(|path| (path.clone(), replay(&fs::read(path).unwrap(), None).unwrap())).collect()
    }

    #[test]
    fn a_full_journal_goes_on_in_the_next_file_and_old_ones_go() {
        let dir = folder("full");
        for n in 0..5 {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(format!("{PREFIX}{n:015}-1{SUFFIX}")), "old").unwrap();
        }
        let mut found = rotated(&dir, 100_000);
        assert_eq!(found.len(), 3);
        for (path, outcome) in &found {
            assert_eq!(outcome.differs, None, "{}", path.display());
            assert!(outcome.from.is_some() && outcome.inputs > 50 && outcome.agreed > 0, "{outcome:?}");
            assert!(fs::metadata(path).unwrap().len() < 100_000 + 2 * BLOCK_BYTES as u64);
        }
        let endings: Vec<_> = found.iter().map(|(_, outcome)| outcome.ending).collect();
        assert_eq!(endings, [Some(Ending::Full), Some(Ending::Full), Some(Ending::Finished)]);
        assert!(follows(&found[0].0, &found[1].0) && follows(&found[1].0, &found[2].0) && !follows(&found[0].0, &found[2].0));
        // Each file begins with exactly the state in which the one before ended.
        let (first, second) = (found[0].1.to.clone().unwrap(), found[1].1.to.clone().unwrap());
        assert_eq!(found[1].1.from, Some(first.clone()));
        assert_eq!(found[2].1.from, Some(second));
        crate::replay::continues(&mut found[2].1, Some(&first));
        assert!(found[2].1.differs.is_some());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_cut_anywhere_replays_to_its_last_whole_record() {
        let dir = folder("cut");
        let (path, whole) = rotated(&dir, 100_000).swap_remove(1);
        let bytes = fs::read(path).unwrap();
        let mut most = 0;
        for cut in (MAGIC.len()..bytes.len()).step_by(bytes.len() / 40) {
            let outcome = replay(&bytes[..cut], None).unwrap();
            assert_eq!((outcome.ending, outcome.differs), (None, None), "cut at {cut}");
            assert!(outcome.inputs >= most && outcome.inputs <= whole.inputs);
            most = outcome.inputs;
        }
        assert!(most > whole.inputs / 2, "{most}");
        // A damaged checkpoint is told, not believed.
        let mut damaged = bytes.clone();
        let first = {
            let mut rest = &bytes[MAGIC.len()..];
            crate::journal::take_record(&mut rest).unwrap().1.len()
        };
        damaged[MAGIC.len() + crate::journal::HEAD_BYTES + first - 20] ^= 1;
        assert!(replay(&damaged, None).unwrap_err().contains("damaged"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
