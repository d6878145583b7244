//! The small world: the connector between a UC platform and a contact centre that are as simple as they can be.
mod centre;
mod platform;

use centre::Centre;
use platform::Platform;
use std::net::SocketAddr;
use std::sync::Arc;
use uc_core::action::CtiOut;
use uc_core::config::{
    CtiConfig, CtiTimers, Mode, NoteLevel, Person, PersonDn, PublishConfig, PublishWay, Redundancy, SwitchConfig, TServerConfig, UcConfig, UcEndpoint, UcPace,
    UcTimers, Watcher,
};
use uc_core::entropy::Seed;
use uc_core::fingerprint::Fp;
use uc_core::id::{CtiLinkId, DnId, UcLinkId, UserId};
use uc_core::views::AgentState;
use uc_core::{Action, Config, Connector, Input, Mono, Now};

const SIP: UcLinkId = UcLinkId(0);
const CTI: CtiLinkId = CtiLinkId(0);
const ALICE: UserId = UserId(0);
const DN: DnId = DnId(0);
const URI: &str = "sip:alice@contoso.example";
const NUMBER: &str = "5000";
const ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 5061);
/// Milliseconds a deadline may be away to be waited for: pauses before a new connection, echo windows. Refreshes are not waited for.
const PATIENCE_MS: u64 = 30_000;
/// Keep-alives come never.
const NEVER_MS: u64 = 1 << 40;

/// Something that happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    /// The worker becomes available, in their own client.
    PicksAvailable,
    /// The worker will be right back, in their own client.
    PicksBack,
    /// A call ends: T-Server puts the agent into After Call Work.
    CallEnds,
    /// The timer of After Call Work, or a desktop: the agent is ready.
    WorkEnds,
    /// The connection to the UC platform is reset.
    SipDrop,
    /// The connection to the contact centre is reset.
    CtiDrop,
}

impl Happening {
    pub(crate) const ALL: [Self; 6] = [Self::PicksAvailable, Self::PicksBack, Self::CallEnds, Self::WorkEnds, Self::SipDrop, Self::CtiDrop];
}

/// One step of an interleaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The first message of the UC platform arrives.
    Sip,
    /// The first message of the contact centre arrives.
    Cti,
    /// The next deadline comes.
    Time,
    Happens(Happening),
}

/// A state.
#[derive(Clone, Debug)]
pub(crate) struct World {
    core: Connector,
    now: Mono,
    platform: Platform,
    centre: Centre,
    left: Vec<Happening>,
}

fn config() -> Config {
    Config {
        mode: Mode::Bidirectional,
        publish: PublishConfig { way: PublishWay::Endpoint { keep: true }, requests_per_s: 0, outstanding_max: 0, ..PublishConfig::default() },
        uc: UcConfig {
            endpoints: vec![UcEndpoint { host: "pool.contoso.example".into(), port: 5061 }],
            watchers: vec![Watcher { uri: "sip:watcher@contoso.example".into(), epid: "01010101".into() }],
            register: false,
            pace: UcPace::open(),
            timers: UcTimers { jitter_percent: 0, keepalive_ms: NEVER_MS, probe_ms: NEVER_MS, ..UcTimers::default() },
            ..UcConfig::default()
        },
        cti: CtiConfig {
            switches: vec![SwitchConfig {
                name: "SIP_Switch".into(),
                servers: vec![TServerConfig { name: "tsrv1".into(), address: "tsrv1:7001".into() }],
                redundancy: Redundancy::Single,
                session: "7f3a".into(),
                linger_s: 30,
                free_dns: Vec::new(),
            }],
            timers: CtiTimers { jitter_percent: 0, ..CtiTimers::default() },
            ..CtiConfig::default()
        },
        people: vec![Person {
            employee_id: "alice".into(),
            sip_uri: URI.into(),
            agent_login: NUMBER.into(),
            dns: Box::new([PersonDn { number: NUMBER.into(), switch: 0 }]),
            ..Person::default()
        }],
        note_level: NoteLevel::Alarm,
        ..Config::default()
    }
}

const fn clock(now: Mono) -> Now {
    Now { mono: now, unix_ms: 1_767_600_000_000 + now.0 }
}

impl World {
    /// Everything is connected, the worker is busy by their own choice and has a note, the agent is not ready. Nothing is on its way.
    pub(crate) fn at_rest(happenings: &[Happening]) -> Self {
        let core = Connector::new(Arc::new(config()), Seed::from_u64(1), clock(Mono(0)));
        let mut it = Self { core, now: Mono(0), platform: Platform::new(), centre: Centre::new(), left: Vec::new() };
        it.core.watch(ALICE, true);
        it.perform();
        while let Some(step) = it.moves().first() {
            it.go(*step).expect("a quiet start");
        }
        it.check_end().expect("a good start");
        (it.platform.services, it.centre.requests) = (0, 0);
        it.left = happenings.to_vec();
        it
    }

    /// What can be next.
    pub(crate) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::with_capacity(9);
        moves.extend((!self.platform.news.is_empty()).then_some(Move::Sip));
        moves.extend((!self.centre.news.is_empty()).then_some(Move::Cti));
        if moves.is_empty() && self.core.next_deadline().is_some_and(|(at, _)| at <= self.now + PATIENCE_MS) {
            moves.push(Move::Time);
        }
        moves.extend(self.left.iter().map(|it| Move::Happens(*it)));
        moves
    }

    pub(crate) fn go(&mut self, step: Move) -> Result<(), String> {
        let print = self.core.print(ALICE);
        match step {
            Move::Time => {
                let (at, _) = self.core.next_deadline().ok_or("no deadline")?;
                self.now = self.now.max(at);
                self.core.handle(clock(self.now), Input::Wake);
            }
            Move::Sip => {
                let news = self.platform.news.pop_front().ok_or("nothing on its way")?;
                platform::deliver(&news, |event| self.core.handle(clock(self.now), Input::Uc { link: SIP, event }));
            }
            Move::Cti => {
                let news = self.centre.news.pop_front().ok_or("nothing on its way")?;
                centre::deliver(&news, |event| self.core.handle(clock(self.now), Input::Cti { link: CTI, event }));
            }
            Move::Happens(what) => {
                self.left.retain(|it| *it != what);
                match what {
                    Happening::PicksAvailable => self.platform.pick(3500),
                    Happening::PicksBack => self.platform.pick(12500),
                    Happening::SipDrop => self.platform.drop_link(),
                    Happening::CallEnds => self.centre.call_ends(),
                    Happening::WorkEnds => self.centre.work_ends(),
                    Happening::CtiDrop => self.centre.drop_link(),
                }
            }
        }
        self.perform();
        if !self.core.is_changed(ALICE) && self.core.print(ALICE) != print {
            return Err("what the worker's page shows changed, and they are not on the list of changes".into());
        }
        self.core.poll_changed();
        match self.core.next_deadline() {
            Some((at, why)) if at < self.now => Err(format!("{why:?} is overdue")),
            _ => Ok(()),
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::ResolveUc { endpoint, .. } => self.platform.resolve(endpoint),
                Action::ConnectUc { .. } => self.platform.connect(),
                Action::CloseUc { .. } => self.platform.close(),
                Action::SendUc { msg, .. } => self.platform.take(*msg, &self.core.directory().config().publish.states),
                Action::ConnectCti { .. } => self.centre.connect(),
                Action::CloseCti { .. } => self.centre.close(),
                Action::SendCti { msg: CtiOut::Request { ref_id, req, .. }, .. } => self.centre.request(ref_id, req),
                Action::SendCti { msg, .. } => self.centre.control(msg),
                _ => {}
            }
        }
    }

    /// Of states that behave alike. How often either side was written to belongs to it: a game of ping-pong has no end then.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut fp = Fp::new(self.now);
        fp.num(self.core.fingerprint());
        self.platform.fingerprint(&mut fp);
        self.centre.fingerprint(&mut fp);
        fp.debug(&self.left);
        fp.finish()
    }

    /// SERVICE requests carried out.
    pub(crate) const fn services(&self) -> u8 {
        self.platform.services
    }

    /// State requests carried out.
    pub(crate) const fn requests(&self) -> u8 {
        self.centre.requests
    }

    pub(crate) fn in_after_call_work(&self) -> bool {
        self.centre.agent == AgentState::NotReady(3)
    }

    /// Nothing more will happen: both sides agree by the rules.
    pub(crate) fn check_end(&self) -> Result<(), String> {
        let own = self.platform.own_choice();
        let shown = self.platform.shown();
        if self.in_after_call_work() {
            if self.platform.acted_over {
                return Err("the worker ended After Call Work, and the agent is still in it".into());
            }
            if shown.1 != "After Call Work" {
                return Err(format!("the agent is in After Call Work, the UC platform shows {shown:?}"));
            }
        } else {
            let expected = if own == 3500 { AgentState::Ready } else { AgentState::NotReady(0) };
            if self.centre.agent != expected {
                return Err(format!("the worker chose {own}, the agent is {:?}", self.centre.agent));
            }
            if shown != (own, String::new()) {
                return Err(format!("the worker chose {own}, the UC platform shows {shown:?}"));
            }
            self.platform.check_restored()?;
        }
        let believed = self.core.dn(DN).map(|dn| dn.state);
        if believed != Some(self.centre.agent) {
            return Err(format!("the connector believes {believed:?}, the agent is {:?}", self.centre.agent));
        }
        let heard = self.core.worker(ALICE).map(|worker| worker.availability);
        if heard != Some(own) {
            return Err(format!("the connector keeps {heard:?} as the worker's own state, they chose {own}"));
        }
        Ok(())
    }
}
