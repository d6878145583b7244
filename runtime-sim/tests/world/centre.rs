//! The contact centre: one T-Server, one agent.
use std::collections::VecDeque;
use uc_core::action::{CtiOut, CtiReq};
use uc_core::codec::cti::catalogue as n;
use uc_core::cti_event::{Control, CtiEvent, Role, TEvent};
use uc_core::fingerprint::Fp;
use uc_core::uc_event::CloseCause;
use uc_core::views::AgentState;

use super::NUMBER;

/// What is on its way to the connector.
#[derive(Clone, Debug)]
pub(super) enum News {
    Connected,
    Closed,
    Welcome,
    Opened,
    LinkConnected,
    Pong(u32),
    /// Message, reference, state, reasons.
    Agent(u32, u32, AgentState, Option<&'static str>),
}

#[derive(Clone, Debug)]
pub(super) struct Centre {
    pub(super) agent: AgentState,
    reasons: Option<&'static str>,
    stands: bool,
    registered: bool,
    pub(super) news: VecDeque<News>,
    /// State requests carried out.
    pub(super) requests: u8,
}

impl Centre {
    pub(super) fn new() -> Self {
        Self { agent: AgentState::Ready, reasons: None, stands: false, registered: false, news: VecDeque::new(), requests: 0 }
    }

    pub(super) fn connect(&mut self) {
        self.stands = true;
        self.news.push_back(News::Connected);
    }

    pub(super) fn close(&mut self) {
        (self.stands, self.registered) = (false, false);
        self.news.clear();
    }

    /// What was on its way is lost.
    pub(super) fn drop_link(&mut self) {
        if self.stands {
            self.close();
            self.news.push_back(News::Closed);
        }
    }

    pub(super) fn control(&mut self, msg: CtiOut) {
        match msg {
            _ if !self.stands => {}
            CtiOut::Hello => self.news.push_back(News::Welcome),
            CtiOut::Open { .. } => self.news.extend([News::Opened, News::LinkConnected]),
            CtiOut::Ping { n } => self.news.push_back(News::Pong(n)),
            _ => {}
        }
    }

    pub(super) fn request(&mut self, ref_id: u32, req: CtiReq) {
        if !self.stands {
            return;
        }
        match req {
            CtiReq::RegisterAddress => {
                self.registered = true;
                self.news.push_back(News::Agent(n::EVENT_REGISTERED, ref_id, self.agent, self.reasons));
            }
            CtiReq::QueryAddress => self.news.push_back(News::Agent(n::EVENT_ADDRESS_INFO, ref_id, self.agent, self.reasons)),
            CtiReq::State(state) => {
                self.requests += 1;
                self.agent = if state.ready { AgentState::Ready } else { AgentState::NotReady(state.work_mode.unwrap_or(0)) };
                self.reasons = state.why.status();
                self.news.push_back(News::Agent(message(self.agent), ref_id, self.agent, self.reasons));
            }
            other => panic!("nobody logs in or out here: {other:?}"),
        }
    }

    /// Without an agent in a state to leave nothing happens.
    pub(super) fn work_ends(&mut self) {
        if self.agent == AgentState::NotReady(3) {
            self.enter(AgentState::Ready);
        }
    }

    pub(super) fn call_ends(&mut self) {
        self.enter(AgentState::NotReady(3));
    }

    fn enter(&mut self, state: AgentState) {
        (self.agent, self.reasons) = (state, None);
        if self.registered {
            self.news.push_back(News::Agent(message(state), 0, state, None));
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(self.agent, self.reasons, self.stands, self.registered, self.requests));
        for news in &self.news {
            match news {
                // Which request is answered is the same whatever its number.
                News::Agent(id, ref_id, state, reasons) => fp.debug(&(id, *ref_id != 0, state, reasons)),
                News::Pong(_) => fp.num(1),
                other => fp.debug(other),
            }
        }
    }
}

const fn message(state: AgentState) -> u32 {
    if matches!(state, AgentState::Ready) { n::EVENT_AGENT_READY } else { n::EVENT_AGENT_NOT_READY }
}

pub(super) fn deliver(news: &News, hand_in: impl FnOnce(CtiEvent<'_>)) {
    match news {
        News::Connected => hand_in(CtiEvent::Connected),
        News::Closed => hand_in(CtiEvent::Closed { why: CloseCause::Reset }),
        News::Welcome => hand_in(CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 1000, ping_s: 1_000_000 })),
        News::Opened => hand_in(CtiEvent::Control(Control::Opened { role: Role::Primary, server: "tsrv1" })),
        News::Pong(n) => hand_in(CtiEvent::Control(Control::Pong { n: *n })),
        News::LinkConnected => hand_in(CtiEvent::Event(&TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() })),
        News::Agent(id, ref_id, state, reasons) => {
            let (status, mode) = match state {
                AgentState::NotReady(mode) => (2, Some(i32::from(*mode))),
                _ => (3, None),
            };
            let event = TEvent {
                id: *id,
                ref_id: *ref_id,
                this_dn: NUMBER,
                agent_id: Some(NUMBER),
                work_mode: mode,
                agent_status: Some(status),
                snapshot_work_mode: mode,
                kw_status: *reasons,
                kw_note: reasons.map(|_| ""),
                ..TEvent::default()
            };
            hand_in(CtiEvent::Event(&event));
        }
    }
}
