//! The pure core under a storm of presence: real bytes through the real codecs, the far ends in memory, no sockets. Counts what one change costs the core.
use crate::alloc_count;
use crate::far_ends::{Bridge, FrontEnd};
use crate::table::{Table, thousands};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use uc_core::codec::cti::bridge::{Line, LineFramer, Reader, Step as LineStep, Writer};
use uc_core::codec::sip::{self, Decoded, Framer, Step};
use uc_core::config::*;
use uc_core::cti_event::CtiEvent;
use uc_core::entropy::Seed;
use uc_core::id::{CtiLinkId, UcLinkId};
use uc_core::uc_event::UcEvent;
use uc_core::{Action, Connector, Input, Mono, Now};

const SIP: UcLinkId = UcLinkId(0);
const CTI: CtiLinkId = CtiLinkId(0);

/// A connector with its far ends.
pub(crate) struct Rig {
    connector: Connector,
    limits: Limits,
    now: Now,
    framer: Framer,
    lines: LineFramer,
    /// Absent while lines are being read.
    reader: Option<Reader>,
    writer: Writer,
    front_end: FrontEnd,
    bridge: Bridge,
    workers: usize,
    next: usize,
    busy: bool,
    to_sip: Vec<u8>,
    to_bridge: Vec<u8>,
    /// Allocations between bytes in and bytes out.
    pub(crate) allocations: u64,
}

fn config(workers: usize) -> Config {
    let person = |n: usize| Person {
        employee_id: n.to_string().into(),
        sip_uri: crate::seed::uri(n).into(),
        agent_login: crate::seed::dn(n).into(),
        dns: vec![PersonDn { number: crate::seed::dn(n).into(), switch: 0 }].into(),
        ..Person::default()
    };
    Config {
        uc: UcConfig {
            endpoints: vec![UcEndpoint { host: "127.0.0.1".into(), port: 5061 }],
            watchers: vec![Watcher { uri: "sip:lync-user0@lyncdco13.lab".into(), epid: "56b4641a00000000".into() }],
            pace: UcPace::open(),
            ..UcConfig::default()
        },
        cti: CtiConfig {
            switches: vec![SwitchConfig {
                name: "SIP_Switch".into(),
                servers: vec![TServerConfig { name: "SIPS".into(), address: "127.0.0.1:1".into() }],
                redundancy: Redundancy::Single,
                session: "bench".into(),
                linger_s: 30,
                free_dns: Vec::new(),
            }],
            ..CtiConfig::default()
        },
        people: (0..workers).map(person).collect(),
        note_level: NoteLevel::Warn,
        ..Config::default()
    }
}

impl Rig {
    /// Everybody registered, subscribed, online and ready.
    pub(crate) fn new(workers: usize) -> Self {
        let config = Arc::new(config(workers));
        let limits = config.limits.clone();
        let now = Now { mono: Mono(1), unix_ms: 1_763_800_000_000 };
        let mut it = Self {
            framer: Framer::new(&limits),
            lines: LineFramer::new(limits.cti_line_bytes_max as usize),
            reader: Some(Reader::new(&config)),
            writer: Writer::new(None),
            connector: Connector::new(config, Seed::from_u64(7), now),
            limits,
            now,
            front_end: FrontEnd::default(),
            bridge: Bridge::new(20_000),
            workers,
            next: 0,
            busy: true,
            to_sip: Vec::with_capacity(1 << 20),
            to_bridge: Vec::with_capacity(1 << 20),
            allocations: 0,
        };
        it.drain(&[]);
        for _ in 0..100_000 {
            if it.front_end.subscribed == workers && it.bridge.registered == workers && it.to_sip.is_empty() && it.to_bridge.is_empty() {
                break;
            }
            it.now.mono = it.now.mono + 1;
            it.handle(Input::Wake, &[]);
            it.exchange();
        }
        assert_eq!((it.front_end.subscribed, it.bridge.registered), (workers, workers), "the rig did not come up");
        it.bridge.requests.clear();
        it
    }

    fn handle(&mut self, input: Input<'_>, frame: &[u8]) {
        self.connector.handle(self.now, input);
        self.drain(frame);
    }

    fn drain(&mut self, frame: &[u8]) {
        while let Some(action) = self.connector.poll_action() {
            match action {
                Action::Answer { status, .. } => drop(sip::encode_answer(frame, status, &mut self.to_sip)),
                Action::SendUc { msg, .. } => sip::encode_request(&msg, self.connector.directory(), &mut self.to_sip),
                Action::SendCti { msg, .. } => {
                    self.writer.encode(&msg, &self.connector, CTI, &mut |_| None, &mut self.to_bridge);
                }
                Action::ResolveUc { endpoint, .. } => {
                    let addrs = [SocketAddr::from((Ipv4Addr::LOCALHOST, 5061))];
                    self.connector.handle(self.now, Input::Uc { link: SIP, event: UcEvent::Resolved { endpoint, addrs: &addrs } });
                }
                Action::ConnectUc { .. } => {
                    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 55117));
                    self.connector.handle(self.now, Input::Uc { link: SIP, event: UcEvent::Connected { local } });
                }
                Action::ConnectCti { .. } => self.connector.handle(self.now, Input::Cti { link: CTI, event: CtiEvent::Connected }),
                Action::Note(note) => eprintln!("{note}"),
                _ => {}
            }
        }
    }

    /// Bytes to and fro until both sides are silent.
    fn exchange(&mut self) {
        loop {
            self.front_end.input.extend_from_slice(&self.to_sip);
            self.to_sip.clear();
            self.front_end.work();
            self.bridge.input.extend_from_slice(&self.to_bridge);
            self.to_bridge.clear();
            self.bridge.work();
            if self.front_end.output.is_empty() && self.bridge.output.is_empty() {
                return;
            }
            let began = alloc_count::count();
            self.take_sip();
            self.take_bridge();
            self.allocations += alloc_count::count() - began;
        }
    }

    fn take_sip(&mut self) {
        self.framer.push(&self.front_end.output);
        self.front_end.output.clear();
        let mut framer = std::mem::replace(&mut self.framer, Framer::new(&self.limits));
        loop {
            let span = match framer.next() {
                Step::Message(span) => span,
                Step::KeepAlive => continue,
                Step::More => break,
                Step::Fault(fault) => panic!("{fault}"),
            };
            let frame = framer.bytes(span);
            match sip::decode(frame, &self.limits) {
                Ok(Decoded::Notify(notify)) => self.handle(Input::Uc { link: SIP, event: UcEvent::Notify(&notify) }, frame),
                Ok(Decoded::Response(response)) => self.handle(Input::Uc { link: SIP, event: UcEvent::Response(&response) }, frame),
                Ok(Decoded::Request(request)) => self.handle(Input::Uc { link: SIP, event: UcEvent::Request(&request) }, frame),
                Err(fault) => panic!("{fault}"),
            }
        }
        self.framer = framer;
    }

    fn take_bridge(&mut self) {
        self.lines.push(&self.bridge.output);
        self.bridge.output.clear();
        let mut lines = std::mem::replace(&mut self.lines, LineFramer::new(self.limits.cti_line_bytes_max as usize));
        let Some(mut reader) = self.reader.take() else { return };
        loop {
            let span = match lines.next() {
                LineStep::Line(span) => span,
                LineStep::More => break,
                LineStep::Fault(fault) => panic!("{fault}"),
            };
            match reader.decode(lines.bytes(span)) {
                Ok(Line::Event(event)) => self.handle(Input::Cti { link: CTI, event: CtiEvent::Event(&event) }, &[]),
                Ok(Line::Control(control)) => self.handle(Input::Cti { link: CTI, event: CtiEvent::Control(control) }, &[]),
                Err(fault) => panic!("{fault}"),
            }
        }
        self.lines = lines;
        self.reader = Some(reader);
    }

    /// One change of the next worker, all the way: NOTIFY, 200, request, event.
    pub(crate) fn change(&mut self) {
        self.front_end.notify(self.next, if self.busy { 6500 } else { 3500 });
        self.next += 1;
        if self.next == self.workers {
            (self.next, self.busy) = (0, !self.busy);
        }
        self.exchange();
        self.bridge.requests.clear();
    }
}

/// What a checkpoint costs: the copy is what the deciding thread waits for, the rest is the recorder's.
pub(crate) fn checkpoint() -> Result<(), String> {
    const TIMES: usize = 20;
    let mut table = Table::new(&["checkpoint of the core, best of 20", "copy ms", "print ms", "restore ms", "KiB", "bytes/worker"]);
    for workers in [10_000, 100_000] {
        let mut rig = Rig::new(workers);
        for _ in 0..workers {
            rig.change();
        }
        let best = |times: &mut dyn FnMut() -> f64| (0..TIMES).map(|_| times()).fold(f64::INFINITY, f64::min);
        let core = &rig.connector;
        let copy = best(&mut || {
            let began = Instant::now();
            let copy = std::hint::black_box(core.clone());
            let time = began.elapsed().as_secs_f64() * 1e3;
            drop(copy);
            time
        });
        let bytes = core.checkpoint().ok_or("actions wait")?;
        let print = best(&mut || {
            let began = Instant::now();
            std::hint::black_box(core.checkpoint());
            began.elapsed().as_secs_f64() * 1e3
        });
        let restore = best(&mut || {
            let began = Instant::now();
            let restored = Connector::restore(Arc::clone(core.directory().config()), &bytes);
            let time = began.elapsed().as_secs_f64() * 1e3;
            assert!(restored.is_ok(), "restored");
            time
        });
        let (kib, per) = (bytes.len() / 1024, bytes.len() / workers);
        table.row(&[
            format!("{} workers", thousands(workers as u64)),
            format!("{copy:.2}"),
            format!("{print:.2}"),
            format!("{restore:.2}"),
            thousands(kib as u64),
            per.to_string(),
        ]);
    }
    table.print("Checkpoint");
    Ok(())
}

/// The table.
pub(crate) fn run() -> Result<(), String> {
    let mut table = Table::new(&["pure core with codecs, far ends in memory", "changes/s", "ns/change", "allocations/change"]);
    for workers in [1_000, 10_000, 100_000] {
        let mut rig = Rig::new(workers);
        for _ in 0..2 * workers.min(20_000) {
            rig.change();
        }
        rig.allocations = 0;
        let changes = 200_000;
        let began = Instant::now();
        for _ in 0..changes {
            rig.change();
        }
        let seconds = began.elapsed().as_secs_f64();
        let rate = f64::from(changes) / seconds;
        let per = rig.allocations as f64 / f64::from(changes);
        table.row(&[format!("{} workers", thousands(workers as u64)), thousands(rate as u64), format!("{:.0}", 1e9 / rate), format!("{per:.3}")]);
    }
    table.print("Storm (one core; includes the far ends' own work)");
    Ok(())
}
