//! What the peers print is read by the core's decoders, what the core's encoders print is read by the peers: two hands, one standard.
use super::front_end::{Activity, FrontEnd, FrontEndConfig, FrontEndFaults, Home};
use super::tserver::{AgentState, AgentTruth, OtherChange, TServer, TServerConfig};
use super::{Peer, PeerOut};
use std::collections::BTreeMap;
use uc_core::codec::cti::bridge::{Line, Reader};
use uc_core::codec::sip::{Decoded, Framer, Step, decode, encode_answer};
use uc_core::codec::xml::encode_batch;
use uc_core::config::{Config, CtiConfig, CtiPace, CtiTimers, Limits};
use uc_core::cti_event::{Control, Role};
use uc_core::time::Mono;
use uc_core::uc_event::{Body, CategoryDoc, Found, PublishTime, ResourceState};

const WATCHER: &str = "sip:watcher@contoso.example";

/// What a reader of the pool knows about users: newest publishTime wins.
#[derive(Default)]
struct Known {
    states: BTreeMap<String, (PublishTime, u32, String, String)>,
    notes: BTreeMap<String, (PublishTime, String)>,
    ended: Vec<String>,
}

impl Known {
    fn document(&mut self, doc: &CategoryDoc<'_>) {
        if let Found::Value(state) = &doc.state {
            let text = |t: &Option<std::borrow::Cow<'_, str>>| t.as_deref().unwrap_or_default().to_owned();
            let new = (state.publish_time, state.availability.unwrap(), text(&state.token), text(&state.custom));
            let old = self.states.entry(doc.uri.to_string()).or_insert_with(|| new.clone());
            if new.0 >= old.0 {
                *old = new;
            }
        }
        match &doc.note {
            Found::Absent => {}
            Found::Empty => drop(self.notes.remove(doc.uri.as_ref())),
            Found::Value(note) => drop(self.notes.insert(doc.uri.to_string(), (note.publish_time, note.text.to_string()))),
        }
    }

    fn body(&mut self, body: &Body<'_>) {
        match body {
            Body::None => {}
            Body::Categories(doc) => self.document(doc),
            Body::List(list) => {
                assert!(list.faults.is_empty(), "{:?}", list.faults);
                list.docs.iter().for_each(|doc| self.document(doc));
                let gone = list.resources.iter().filter(|r| !matches!(r.state, ResourceState::Active));
                self.ended.extend(gone.map(|r| r.uri.to_string()));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Reads all that the pool has to say, answers as the core does.
    fn listen(&mut self, pool: &mut FrontEnd, framer: &mut Framer, now: Mono) {
        while let Some(out) = pool.poll() {
            let PeerOut::Send { conn, bytes } = out else { panic!("closed") };
            framer.push(&bytes);
            loop {
                match framer.next() {
                    Step::More => break,
                    Step::KeepAlive => {}
                    Step::Message(span) => {
                        let frame = framer.bytes(span).to_vec();
                        self.message(pool, conn, &frame, now);
                    }
                    Step::Fault(fault) => panic!("{fault}"),
                }
            }
        }
    }

    fn message(&mut self, pool: &mut FrontEnd, conn: u64, frame: &[u8], now: Mono) {
        match decode(frame, &Limits::default()) {
            Ok(Decoded::Notify(notify)) => {
                assert_eq!((notify.event, notify.require_unsupported, notify.to_tag), ("presence", None, "t1"));
                self.body(&notify.body);
                if !notify.best_effort {
                    let mut answer = Vec::new();
                    encode_answer(frame, 200, &mut answer).unwrap();
                    pool.receive(now, conn, &answer);
                }
            }
            Ok(Decoded::Response(response)) => {
                assert_eq!((response.status, response.reason), (200, "OK"));
                self.body(&response.body);
            }
            other => panic!("{other:?}: {}", String::from_utf8_lossy(frame)),
        }
    }
}

fn subscribe(users: &[&str], more: &str) -> Vec<u8> {
    let mut body = Vec::new();
    encode_batch(WATCHER, false, users.iter().copied(), &["state".into(), "note".into()], &mut body);
    let head = format!(
        "SUBSCRIBE {WATCHER} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:1;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <{WATCHER}>;tag=t1;epid=e1\r\nTo: <{WATCHER}>\r\nCall-ID: c1\r\n\
         CSeq: 1 SUBSCRIBE\r\nContact: <sip:127.0.0.1:1;transport=tcp;grid>\r\nEvent: presence\r\nSupported: ms-piggyback-first-notify, eventlist\r\n{more}\
         Require: adhoclist, categoryList\r\nContent-Type: application/msrtc-adrl-categorylist+xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Runs a pool with every imperfection that leaves the subscription alive, and compares what the decoders understood with the truth.
fn follow(seed: u64, benotify: bool) {
    let mut pool = FrontEnd::new(FrontEndConfig { seed, transport: "TCP", ..FrontEndConfig::default() });
    pool.faults = FrontEndFaults {
        early_notify_pm: 300,
        no_piggyback_pm: 300,
        multipart_update_pm: 300,
        notify_although_benotify_pm: 100,
        odd_xml_pm: 800,
        crlf_pm: 200,
        duplicate_pm: 100,
        repeat_pm: 100,
        stale_update_pm: 100,
        stranger_pm: 100,
        empty_notify_pm: 100,
        ..FrontEndFaults::default()
    };
    let users = ["sip:alice@contoso.example", "sip:o'brien+x@contoso.example", "sip:blocked@contoso.example"];
    users.iter().for_each(|u| pool.add_user(u));
    pool.migrate(Mono(0), &users[2..], &Home::Blocked);
    let (mut known, mut framer) = (Known::default(), Framer::new(&Limits::default()));
    pool.accept(Mono(0), 0, 1);
    let more = if benotify { "Supported: ms-benotify\r\nProxy-Require: ms-benotify\r\n" } else { "" };
    pool.receive(Mono(0), 1, &subscribe(&users, more));
    known.listen(&mut pool, &mut framer, Mono(0));
    assert_eq!(known.ended, [users[2]]);
    for n in 0..300u32 {
        let now = Mono(u64::from(n) * 700);
        let activity = match n % 3 {
            0 => Activity::None,
            1 => Activity::token("on-the-phone"),
            _ => Activity::Custom("Zürich <\"ß\"> & 'co'".to_owned()),
        };
        let note = ["", "x > y & 'z'", "two\nlines"][n as usize % 3];
        pool.set_presence(now, users[n as usize % 2], 3000 + n * 50, activity, Some(note));
        pool.wake(now);
        known.listen(&mut pool, &mut framer, now);
    }
    for user in &users[..2] {
        let truth = pool.presence(user).unwrap();
        let (token, custom) = match &truth.activity {
            Activity::None => ("", ""),
            Activity::Token(t) => (t.as_str(), ""),
            Activity::Custom(c) => ("", c.as_str()),
        };
        let expected = (PublishTime(truth.state_unix_ms), truth.availability.unwrap(), token.to_owned(), custom.to_owned());
        assert_eq!(known.states.get(*user), Some(&expected), "seed {seed}");
        let note = known.notes.get(*user).map(|(_, text)| text.as_str()).unwrap_or_default();
        assert_eq!(note, truth.note, "seed {seed}");
    }
    assert_eq!(pool.violations(), &[] as &[String], "seed {seed}");
    assert_eq!(pool.counts().benotifies > 0, benotify);
}

#[test]
fn the_decoders_follow_an_odd_pool() {
    for seed in 0..8 {
        follow(seed, seed % 2 == 1);
    }
}

fn config() -> Config {
    Config {
        application: "t".into(),
        cti: CtiConfig { switches: Vec::new(), routers: Vec::new(), timers: CtiTimers::default(), pace: CtiPace { requests_per_s: 0, window_max: 0 } },
        ..Config::default()
    }
}

#[test]
fn the_reader_follows_an_odd_server() {
    let mut server = TServer::new(TServerConfig { ping_s: 0, event_sequence: true, ..TServerConfig::default() });
    server.faults.odd_lines_pm = 500;
    server.faults.unknown_pm = 300;
    server.preset("5002", AgentTruth { state: AgentState::Ready, agent_id: Some("a\"1".to_owned()), ..AgentTruth::default() });
    server.accept(Mono(0), 0, 1);
    server.receive(Mono(0), 1, b"{\"v\":1,\"seq\":1,\"dir\":\"ctl\",\"op\":\"hello\",\"proto\":\"ucc-bridge/1\"}\n");
    let open =
        "{\"v\":1,\"seq\":2,\"dir\":\"ctl\",\"op\":\"open\",\"ch\":\"tserver:SIPS\",\"client\":\"t\",\"session\":\"7\",\"mode\":\"hot\",\"linger_s\":30}\n";
    server.receive(Mono(0), 1, open.as_bytes());
    let attrs = "[\"AttributeReferenceID\",\"int\",1],[\"AttributeThisDN\",\"str\",\"5002\"],[\"AttributeRegisterMode\",\"int\",0],[\"AttributeControlMode\",\"int\",0],[\"AttributeAddressType\",\"int\",1]";
    server.receive(Mono(0), 1, format!("{{\"v\":1,\"seq\":3,\"dir\":\"req\",\"id\":3,\"name\":\"RequestRegisterAddress\",\"attrs\":[{attrs}]}}\n").as_bytes());
    for mode in 0..100 {
        server.other_client_sets(Mono(1), "5002", OtherChange::NotReady(Some(mode % 7), vec![("KW_UC_STATUS".to_owned(), "bu\"sy".to_owned())]));
    }
    let (mut reader, mut events, mut opened) = (Reader::new(&config()), Vec::new(), false);
    while let Some(PeerOut::Send { bytes, .. }) = server.poll() {
        let line = bytes.strip_suffix(b"\n").map(|l| l.strip_suffix(b"\r").unwrap_or(l)).unwrap();
        match reader.decode(line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line))) {
            Line::Control(Control::Opened { role, .. }) => opened = role == Role::Primary,
            Line::Control(_) => {}
            Line::Event(event) if matches!(event.id, 96 | 991) => {}
            Line::Event(event) => events.push((event.id, event.this_dn.to_owned(), event.work_mode, event.agent_status, event.kw_status.map(str::to_owned))),
        }
    }
    assert!(opened);
    assert_eq!(events[0].0, 95);
    assert_eq!(events[1], (53, "5002".to_owned(), None, Some(3), None));
    assert_eq!(events.len(), 102);
    assert_eq!(events[101], (76, "5002".to_owned(), Some(1), None, Some("bu\\\"sy".to_owned())));
    assert_eq!(server.violations(), &[] as &[String]);
}
