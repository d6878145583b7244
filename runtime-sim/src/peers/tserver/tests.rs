//! The transcripts of `corpus/bridge`, from the server's side, and what they do not show.
use super::*;

/// A pair with one DN and the connections `A` (1) and `B` (2).
pub(super) struct Story {
    pub(super) server: TServer,
    pub(super) now: Mono,
    lines: BTreeMap<u64, VecDeque<String>>,
    closed: Vec<u64>,
}

impl Story {
    pub(super) fn new(config: TServerConfig) -> Self {
        let mut server = TServer::new(config);
        server.add_dn("5002");
        Self { server, now: Mono(1000), lines: BTreeMap::new(), closed: Vec::new() }
    }

    pub(super) fn drain(&mut self) {
        while let Some(out) = self.server.poll() {
            match out {
                PeerOut::Send { conn, bytes } => self.lines.entry(conn).or_default().push_back(String::from_utf8(bytes).unwrap().trim_end().to_owned()),
                PeerOut::Close { conn } => self.closed.push(conn),
            }
        }
    }

    fn line(&mut self, conn: u64, text: &str) {
        self.server.receive(self.now, conn, format!("{text}\n").as_bytes());
        self.drain();
    }

    fn expect(&mut self, conn: u64, text: &str) {
        let got = self.lines.get_mut(&conn).and_then(VecDeque::pop_front);
        assert_eq!(got.as_deref(), Some(text));
    }

    pub(super) fn preset(&mut self, state: AgentState, work_mode: Option<i64>) {
        self.server.preset("5002", AgentTruth { state, work_mode, agent_id: Some("5002".to_owned()), ..AgentTruth::default() });
    }

    pub(super) fn open(&mut self, node: u16, conn: u64, session: &str, mode: &str) {
        self.server.accept(self.now, node, conn);
        self.line(conn, r#"{"v":1,"seq":1,"dir":"ctl","op":"hello","proto":"ucc-bridge/1"}"#);
        self.line(
            conn,
            &format!(r#"{{"v":1,"seq":2,"dir":"ctl","op":"open","ch":"tserver:SIPS","client":"t","session":"{session}","mode":"{mode}","linger_s":30}}"#),
        );
    }

    pub(super) fn request(&mut self, conn: u64, seq: u64, id: i64, name: &str, more: &str) {
        let attrs = format!(r#"["AttributeReferenceID","int",{}],["AttributeThisDN","str","5002"]{more}"#, seq - 2);
        self.line(conn, &format!(r#"{{"v":1,"seq":{seq},"dir":"req","id":{id},"name":"{name}","attrs":[{attrs}]}}"#));
    }

    pub(super) fn register(&mut self, conn: u64) {
        let modes = r#",["AttributeRegisterMode","int",0],["AttributeControlMode","int",0],["AttributeAddressType","int",1]"#;
        self.request(conn, 3, 3, "RequestRegisterAddress", modes);
    }

    pub(super) fn all(&mut self, conn: u64) -> Vec<String> {
        self.lines.remove(&conn).unwrap_or_default().into()
    }

    pub(super) fn truth(&self) -> &AgentTruth {
        self.server.agent("5002").unwrap()
    }
}

/// What happens at the remarks of the transcripts, beyond what the lines themselves say.
fn remark(story: &mut Story, text: &str, conn_a: &mut u64) {
    if text.starts_with("# A closes") {
        story.server.kill(story.now, 0);
    } else if text.starts_with("# A returns") {
        story.server.faults = TServerFaults::default();
        story.server.revive(story.now, 0);
        *conn_a = 3;
        story.server.accept(story.now, 0, 3);
    } else if text.starts_with("# another client") {
        story.server.other_client_sets(story.now, "5002", OtherChange::Ready(Some(2)));
    } else if text.starts_with("# closed") {
        assert_eq!(story.closed, [1]);
    }
    story.drain();
}

/// What a server says of its own accord in the transcripts.
fn prompt(story: &mut Story, expected: &str) {
    let attrs = |line: &str| line.split_once("\"attrs\":[").map(|(_, a)| a.strip_suffix("]}").unwrap().to_owned()).unwrap_or_default();
    if expected.contains("\"id\":96,") {
        story.server.send_event(0, 96, "EventUserEvent", &attrs(expected));
    } else if expected.contains("\"id\":991,") {
        story.server.send_event(0, 991, "EventFromTheFuture", &attrs(expected));
    } else if expected.contains("\"op\":\"frobnicate\"") {
        story.server.send_control(0, "frobnicate", "");
    } else if expected.contains("\"op\":\"ping\"") {
        story.now = story.server.next_deadline().unwrap();
        story.server.wake(story.now);
    } else if expected.contains("\"id\":148,") {
        story.server.set_in_service(story.now, "5002", true);
    } else if expected.contains("\"code\":\"down\"") {
        story.server.bridge_loses_server(story.now, 0);
    }
    story.drain();
}

fn setting(name: &str) -> Story {
    let standby = match name {
        "01-session.txt" => Standby::Single,
        "04-errors.txt" => Standby::Warm,
        _ => Standby::Hot,
    };
    let token = (name == "06-refused.txt").then(|| "the-token".to_owned());
    let mut story = Story::new(TServerConfig { standby, token, ..TServerConfig::default() });
    if name == "04-errors.txt" {
        story.server.faults.next_errors.insert("5002".to_owned(), vec![58, 57, 43, 53]);
    }
    match name {
        "01-session.txt" => {}
        "05-unsolicited-and-odd.txt" => story.preset(AgentState::NotReady, Some(3)),
        _ => story.preset(AgentState::Ready, None),
    }
    story
}

#[test]
fn every_transcript_is_spoken_word_for_word() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/bridge");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    // Routers speak on a channel of their own.
    files.retain(|file| !std::fs::read_to_string(file).unwrap().contains("\"ch\":\"custom\""));
    assert!(files.len() >= 6);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let mut story = setting(&name);
        let mut conn_a = 1;
        story.server.accept(story.now, 0, 1);
        if story.server.is_listening(1) {
            story.server.accept(story.now, 1, 2);
        }
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let conn = if line.starts_with('A') { conn_a } else { 2 };
            match line.get(1..2) {
                _ if line.starts_with('#') => remark(&mut story, line, &mut conn_a),
                Some(">") => {
                    // Only the first server of the switch-overs leaves a request unanswered.
                    story.server.faults.frozen = conn == 1 && name.starts_with("02");
                    story.server.faults.lost_answer_pm = if conn == 1 && name.starts_with("03") { 1000 } else { 0 };
                    story.line(conn, &line[2..]);
                }
                Some("<") => {
                    if story.lines.get(&conn).is_none_or(VecDeque::is_empty) {
                        prompt(&mut story, &line[2..]);
                    }
                    story.expect(conn, &line[2..]);
                }
                _ => panic!("{name}: {line}"),
            }
        }
        assert!(story.lines.values().all(VecDeque::is_empty), "{name}: {:?}", story.lines);
        assert_eq!(story.server.violations(), &[] as &[String], "{name}");
    }
}

const REASONS: &str = r#",["AttributeReasons","kvlist",[{"key":"KW_UC_STATUS","type":"str","value":"busy"}]]"#;

#[test]
fn a_session_lingers_and_then_the_agent_goes_out() {
    let mut s = Story::new(TServerConfig { standby: Standby::Single, logout_on_unreg: true, ping_s: 0, ..TServerConfig::default() });
    s.open(0, 1, "x", "single");
    s.register(1);
    s.request(1, 4, 8, "RequestAgentLogin", r#",["AttributeAgentID","str","5002"]"#);
    s.server.disconnected(s.now, 1);
    assert_eq!(s.server.next_deadline(), Some(s.now + 30_000));
    s.now = s.now + 29_000;
    s.server.wake(s.now);
    s.open(0, 2, "x", "single");
    s.server.disconnected(s.now, 2);
    s.server.wake(s.now + 29_999);
    assert_eq!(s.truth().state, AgentState::NotReady);
    s.server.wake(s.now + 30_000);
    assert_eq!((s.truth().state, s.truth().changed_by), (AgentState::LoggedOut, ChangedBy::Server));
    assert!(s.server.violations().is_empty());
}

#[test]
fn a_pair_keeps_agents_while_one_server_holds_the_session() {
    let mut s = Story::new(TServerConfig { logout_on_unreg: true, ping_s: 0, ..TServerConfig::default() });
    s.open(0, 1, "x", "hot");
    s.open(1, 2, "x", "hot");
    s.register(1);
    s.register(2);
    s.request(1, 4, 8, "RequestAgentLogin", r#",["AttributeAgentID","str","5002"]"#);
    s.server.kill(s.now, 0);
    assert_eq!(s.truth().state, AgentState::NotReady);
    assert_eq!(s.server.primary(), Some(1));
    s.server.kill(s.now, 1);
    assert_eq!(s.truth().state, AgentState::LoggedOut);
}

#[test]
fn a_warm_backup_refuses_until_it_is_promoted() {
    let mut s = Story::new(TServerConfig { standby: Standby::Warm, ping_s: 0, switchover_ms: 500, ..TServerConfig::default() });
    s.open(1, 1, "x", "warm");
    assert!(s.all(1).last().unwrap().contains(r#""code":"down","text":"server is not active","fatal":true"#));
    s.preset(AgentState::Ready, None);
    s.server.kill(s.now, 0);
    assert!(!s.server.is_listening(0));
    s.now = s.server.next_deadline().unwrap();
    s.server.wake(s.now);
    s.open(1, 2, "x", "warm");
    assert!(s.all(2)[1].contains(r#""role":"primary""#));
    assert_eq!(s.truth().state, AgentState::LoggedOut);
}

#[test]
fn breaches_are_noticed() {
    let breach = |f: &dyn Fn(&mut Story)| {
        let mut s = Story::new(TServerConfig { ping_s: 0, ..TServerConfig::default() });
        s.preset(AgentState::Ready, None);
        s.open(0, 1, "x", "hot");
        f(&mut s);
        s.server.violations().first().cloned().unwrap_or_default()
    };
    let second = breach(&|s| {
        s.server.faults.answer_delay_ms = (100, 100);
        s.register(1);
        s.request(1, 4, 11, "RequestAgentNotReady", REASONS);
        s.request(1, 5, 11, "RequestAgentNotReady", REASONS);
    });
    assert!(second.contains("while one is in flight"), "{second}");
    let unregistered = breach(&|s| s.request(1, 3, 11, "RequestAgentNotReady", REASONS));
    assert!(unregistered.contains("not registered on this connection"), "{unregistered}");
    let gap = breach(&|s| s.request(1, 4, 11, "RequestAgentNotReady", REASONS));
    assert!(gap.contains("seq is 4, 3 was due"), "{gap}");
    let reference = breach(&|s| s.line(1, r#"{"v":1,"seq":3,"dir":"req","id":2,"name":"RequestQueryAddress","attrs":[["AttributeThisDN","str","5002"]]}"#));
    assert!(reference.contains("reference 0 after 0"), "{reference}");
    let garbage = breach(&|s| s.line(1, "}{"));
    assert!(garbage.contains("json"), "{garbage}");
    let backup = breach(&|s| {
        s.open(1, 2, "x", "hot");
        s.register(2);
        s.now = s.now + 30_000;
        s.request(2, 4, 11, "RequestAgentNotReady", REASONS);
        assert_eq!(s.truth().state, AgentState::Ready);
    });
    assert!(backup.contains("to the backup"), "{backup}");
    let window = breach(&|s| {
        s.server.config_mut().window = 1;
        s.server.faults.answer_delay_ms = (100, 100);
        s.register(1);
        s.request(1, 4, 2, "RequestQueryAddress", "");
    });
    assert!(window.contains("the window is 1"), "{window}");
}

#[test]
fn a_lost_answer_is_followed_by_the_truth() {
    let mut s = Story::new(TServerConfig { ping_s: 0, ..TServerConfig::default() });
    s.preset(AgentState::Ready, None);
    s.open(0, 1, "x", "hot");
    s.register(1);
    s.all(1);
    s.server.faults.lost_answer_pm = 1000;
    s.server.faults.lost_truth_ms = Some(700);
    s.request(1, 4, 11, "RequestAgentNotReady", REASONS);
    assert_eq!(s.all(1), Vec::<String>::new());
    assert_eq!((s.truth().state, s.server.requests("5002").not_ready), (AgentState::NotReady, 1));
    s.server.wake(s.now + 700);
    s.drain();
    let late = s.all(1);
    assert!(late.len() == 1 && late[0].contains("EventAgentNotReady") && !late[0].contains("Reference"), "{late:?}");
}

#[test]
fn after_call_work_ends_by_its_timer_or_by_hand() {
    let mut s = Story::new(TServerConfig { ping_s: 0, ..TServerConfig::default() });
    s.preset(AgentState::Ready, None);
    s.server.begin_after_call_work(s.now, "5002", 30_000);
    assert_eq!((s.truth().state, s.truth().work_mode), (AgentState::NotReady, Some(3)));
    s.server.wake(s.now + 30_000);
    assert_eq!((s.truth().state, s.truth().work_mode), (AgentState::Ready, None));
    s.server.begin_after_call_work(s.now, "5002", 30_000);
    s.server.other_client_sets(s.now, "5002", OtherChange::NotReady(Some(4), Vec::new()));
    s.server.wake(s.now + 30_000);
    assert_eq!((s.truth().state, s.truth().work_mode), (AgentState::NotReady, Some(4)));
}

#[test]
fn silence_is_pinged_and_then_closed() {
    let mut s = Story::new(TServerConfig::default());
    s.open(0, 1, "x", "hot");
    s.all(1);
    s.server.wake(s.now + 10_000);
    s.drain();
    assert_eq!(s.all(1), [r#"{"v":1,"seq":4,"dir":"ctl","op":"ping","n":1}"#]);
    s.server.wake(s.now + 20_000);
    s.drain();
    assert_eq!(s.closed, [1]);
}
