//! The core with one SIP connection and nobody else: what asks workers through their own clients, for tests with an emulated Front End in memory or behind a socket.
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uc_core::codec::sip::{self, Decoded, Framer, Step};
use uc_core::config::{
    ChoiceConfig, Config, CtiConfig, CtiPace, CtiTimers, InviteConfig, InviteMode, Limits, Mode, NoteLevel, Person, PersonDn, PresenceConfig, PreviewConfig,
    PublishConfig, Redundancy, SwitchConfig, TServerConfig, UcConfig, UcEndpoint, UcPace, Watcher,
};
use uc_core::entropy::Seed;
use uc_core::id::{UcLinkId, UserId};
use uc_core::offer::{PageNews, PreviewAnswer, PreviewRequest, RequestId, RouterEvent};
use uc_core::uc_event::{CloseCause, UcEvent};
use uc_core::{Action, Connector, Input, Mono, Now};

const LINK: UcLinkId = UcLinkId(0);
const EPOCH_UNIX_MS: u64 = 1_767_600_000_000;

/// The core, its connection, and what it said.
pub struct Asker {
    /// The core.
    pub core: Connector,
    framer: Option<Framer>,
    now: Mono,
    out: Vec<u8>,
    wants_connection: bool,
    closed: bool,
    requests: u64,
    /// Answers by request.
    pub answers: BTreeMap<u64, Vec<PreviewAnswer>>,
    /// One-time logins since they were taken: for whom, token.
    pub tickets: Vec<(UserId, String)>,
    /// News for pages since they were taken.
    pub news: Vec<(UserId, PageNews)>,
    /// Everything is done.
    pub drained: bool,
}

/// Workers at these SIP addresses, each with a DN, asked in this way when they have no page. Nobody needs to be ready: there is no T-Server.
#[must_use]
pub fn asking(uris: &[String], domain: &str, tls: bool, mode: InviteMode) -> Config {
    let person = |(n, uri): (usize, &String)| Person {
        employee_id: format!("kw{n}").into(),
        agent_login: format!("{}", 7000 + n).into(),
        sip_uri: uri.as_str().into(),
        dns: vec![PersonDn { number: format!("{}", 5000 + n).into(), switch: 0 }].into(),
        ..Person::default()
    };
    let invite = InviteConfig {
        mode,
        url: "https://ucc.example/t/{token}".into(),
        application: "{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}".into(),
        ..InviteConfig::default()
    };
    Config {
        mode: Mode::Normal,
        publish: PublishConfig::default(),
        preview: PreviewConfig { require_ready: false, invite, ..PreviewConfig::default() },
        choice: ChoiceConfig::default(),
        application: "UC_Connector".into(),
        uc: UcConfig {
            endpoints: vec![UcEndpoint { host: "fe".into(), port: 1 }],
            tls,
            watchers: vec![Watcher { uri: format!("sip:watcher@{domain}").into(), epid: "ucc0000001".into() }],
            pace: UcPace::open(),
            ..UcConfig::default()
        },
        cti: CtiConfig {
            switches: vec![SwitchConfig {
                name: "SIP_Switch".into(),
                servers: vec![TServerConfig { name: "SIPS".into(), address: "127.0.0.1:1".into() }],
                redundancy: Redundancy::Single,
                session: "7f3a".into(),
                linger_s: 30,
                free_dns: Vec::new(),
            }],
            routers: Vec::new(),
            timers: CtiTimers::default(),
            pace: CtiPace::open(),
        },
        presence: PresenceConfig::default(),
        people: uris.iter().enumerate().map(person).collect(),
        limits: Limits::default(),
        note_level: NoteLevel::Alarm,
    }
}

impl Asker {
    /// Begins; wants a connection.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Mono) -> Self {
        let core = Connector::new(Arc::new(config), Seed::from_u64(seed), Now { mono: now, unix_ms: EPOCH_UNIX_MS + now.0 });
        let mut it = Self {
            core,
            framer: None,
            now,
            out: Vec::new(),
            wants_connection: false,
            closed: false,
            requests: 0,
            answers: BTreeMap::new(),
            tickets: Vec::new(),
            news: Vec::new(),
            drained: false,
        };
        it.perform(None);
        it
    }

    /// Hands an input to the core, at this time or the last one, whichever is later.
    pub fn hand(&mut self, now: Mono, input: Input<'_>) {
        self.hand_with(now, input, None);
    }

    fn hand_with(&mut self, now: Mono, input: Input<'_>, frame: Option<&[u8]>) {
        self.now = self.now.max(now);
        self.core.handle(Now { mono: self.now, unix_ms: EPOCH_UNIX_MS + self.now.0 }, input);
        self.perform(frame);
    }

    fn perform(&mut self, frame: Option<&[u8]>) {
        let mut resolved = Vec::new();
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::SendUc { msg, .. } => sip::encode_request(&msg, self.core.directory(), &mut self.out),
                Action::Answer { status, .. } => sip::encode_answer(frame.expect("an answer without a request"), status, &mut self.out).expect("an answer"),
                Action::KeepAliveUc { .. } => self.out.extend_from_slice(b"\r\n\r\n"),
                Action::ResolveUc { endpoint, .. } => resolved.push(endpoint),
                Action::ConnectUc { .. } => self.wants_connection = true,
                Action::CloseUc { .. } => (self.framer, self.closed) = (None, true),
                Action::AnswerPreview { id, answer } => self.answers.entry(id.0).or_default().push(*answer),
                Action::Page { user, news } => self.news.push((user, *news)),
                Action::Ticket(ticket) => self.tickets.push((ticket.user, ticket.token.into())),
                Action::Drained => self.drained = true,
                _ => {}
            }
        }
        for endpoint in resolved {
            let addrs = ["192.0.2.1:5061".parse().expect("address")];
            self.hand(self.now, Input::Uc { link: LINK, event: UcEvent::Resolved { endpoint, addrs: &addrs } });
        }
    }

    /// Whether it wants a connection; once.
    pub fn wants_connection(&mut self) -> bool {
        std::mem::take(&mut self.wants_connection)
    }

    /// Whether it closed its connection; once.
    pub fn has_closed(&mut self) -> bool {
        std::mem::take(&mut self.closed)
    }

    /// A connection stands.
    ///
    /// # Panics
    /// Never.
    pub fn connected(&mut self, now: Mono) {
        self.framer = Some(Framer::new(&Limits::default()));
        self.closed = false;
        self.hand(now, Input::Uc { link: LINK, event: UcEvent::Connected { local: "198.51.100.20:55117".parse().expect("address") } });
    }

    /// The connection is gone.
    pub fn lost(&mut self, now: Mono) {
        self.framer = None;
        self.hand(now, Input::Uc { link: LINK, event: UcEvent::Closed { why: CloseCause::Reset } });
    }

    /// Bytes from the connection.
    ///
    /// # Panics
    /// When the peer breaks the protocol.
    pub fn receive(&mut self, now: Mono, bytes: &[u8]) {
        let Some(mut framer) = self.framer.take() else { return };
        framer.push(bytes);
        loop {
            match framer.next() {
                Step::More => break,
                Step::KeepAlive => self.hand(now, Input::Uc { link: LINK, event: UcEvent::KeepAlive }),
                Step::Message(span) => {
                    let frame = framer.bytes(span);
                    let decoded = sip::decode(frame, &Limits::default()).unwrap_or_else(|fault| panic!("{fault}: {}", frame.escape_ascii()));
                    let event = match &decoded {
                        Decoded::Notify(notify) => UcEvent::Notify(notify),
                        Decoded::Request(request) => UcEvent::Request(request),
                        Decoded::Response(response) => UcEvent::Response(response),
                    };
                    self.hand_with(now, Input::Uc { link: LINK, event }, Some(frame));
                }
                Step::Fault(fault) => panic!("{fault}"),
            }
            if self.closed {
                return;
            }
        }
        self.framer = Some(framer);
    }

    /// What is to be sent.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Asks for a preview; its number.
    pub fn ask(&mut self, now: Mono, request: &PreviewRequest<'_>) -> u64 {
        self.requests += 1;
        let id = self.requests;
        self.hand(now, Input::Router(&RouterEvent::Request { id: RequestId(id), request }));
        id
    }

    /// Cancels what was asked about a call.
    pub fn cancel(&mut self, now: Mono, conn: &str) -> u64 {
        self.requests += 1;
        let id = self.requests;
        self.hand(now, Input::Router(&RouterEvent::Cancel { id: RequestId(id), conn, text: "" }));
        id
    }
}

/// [`Asker`] on a TCP connection.
pub struct AskerOnWire {
    /// The core.
    pub asker: Asker,
    stream: TcpStream,
    began: Instant,
}

impl AskerOnWire {
    /// Connects to a Front End on loopback.
    ///
    /// # Panics
    /// When nobody listens there.
    #[must_use]
    pub fn connect(config: Config, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut asker = Asker::new(config, 1, Mono(0));
        assert!(asker.wants_connection());
        asker.connected(Mono(0));
        Self { asker, stream, began: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Mono {
        Mono(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Lets it work until `done`.
    ///
    /// # Panics
    /// When that takes too long, or the connection breaks.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Asker) -> bool) {
        let began = Instant::now();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let bytes = self.asker.take();
            self.stream.write_all(&bytes).unwrap();
            if done(&mut self.asker) {
                return;
            }
            assert!(!crate::patience_left(began, what).is_zero());
            let now = self.now();
            if self.asker.core.next_deadline().is_some_and(|(at, _)| at <= now) {
                self.asker.hand(now, Input::Wake);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the connection is closed; waited for {what}"),
                Ok(n) => self.asker.receive(self.now(), &buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) => panic!("{e}; waited for {what}"),
            }
        }
    }
}
