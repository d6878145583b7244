//! Journals written, replayed, rotated and broken.
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
