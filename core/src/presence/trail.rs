//! What was last asked for a DN, what came of it, and who last changed it: for `explain`, never for decisions. Sixteen bytes a DN, times in seconds.
use super::request_name;
use crate::action::CtiReq;
use crate::cti::{AgentNews, Failure, Origin};
use crate::time::Mono;
use crate::views::{Came, HeardFrom, SentView};

/// The last request and the last news of one DN.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Trail {
    /// Seconds of [`Mono`], plus one; 0: never.
    sent_s: u32,
    heard_s: u32,
    /// `EventError` code of the answer.
    code: i16,
    sent: Asked,
    came: Answered,
    heard: HeardFrom,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Asked {
    #[default]
    Nothing,
    Login,
    Logout,
    Ready,
    NotReady,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Answered {
    #[default]
    NotYet,
    Done,
    Otherwise,
    Refused,
    TimedOut,
    LinkLost,
}

fn stamp(now: Mono) -> u32 {
    u32::try_from(now.0 / 1000 + 1).unwrap_or(u32::MAX)
}

fn time(stamp: u32) -> Option<Mono> {
    Some(Mono(u64::from(stamp.checked_sub(1)?) * 1000))
}

impl Trail {
    pub(super) fn on_sent(&mut self, now: Mono, req: CtiReq) {
        self.sent_s = stamp(now);
        self.came = Answered::NotYet;
        self.sent = match req {
            CtiReq::AgentLogin => Asked::Login,
            CtiReq::AgentLogout => Asked::Logout,
            CtiReq::State(state) if state.ready => Asked::Ready,
            CtiReq::State(_) => Asked::NotReady,
            CtiReq::QueryAddress | CtiReq::RegisterAddress | CtiReq::UnregisterAddress => Asked::Nothing,
        };
    }

    pub(super) fn on_news(&mut self, now: Mono, news: &AgentNews) {
        match *news {
            AgentNews::State { state, origin, .. } => {
                self.heard_s = stamp(now);
                self.heard = match origin {
                    Origin::Answer(_) | Origin::Late(_) | Origin::Old => HeardFrom::Answer,
                    Origin::Unsolicited => HeardFrom::Event,
                    Origin::Snapshot => HeardFrom::Question,
                };
                if let Origin::Answer(req) | Origin::Late(req) = origin {
                    self.came = if super::decide::fulfils(state, req) { Answered::Done } else { Answered::Otherwise };
                }
            }
            AgentNews::Failed { failure: Failure::TimedOut, .. } => self.came = Answered::TimedOut,
            AgentNews::Failed { failure: Failure::Code(code), .. } => {
                self.came = Answered::Refused;
                self.code = i16::try_from(code).unwrap_or(i16::MAX);
            }
            AgentNews::InService(_) | AgentNews::Dnd(_) => {}
        }
    }

    /// The connection went with the request unanswered.
    pub(super) fn on_link_lost(&mut self) {
        if self.came == Answered::NotYet {
            self.came = Answered::LinkLost;
        }
    }

    pub(super) fn heard(&self) -> Option<(Mono, HeardFrom)> {
        time(self.heard_s).map(|at| (at, self.heard))
    }

    pub(super) fn sent(&self) -> Option<SentView> {
        let request = match self.sent {
            Asked::Nothing => return None,
            Asked::Login => request_name(CtiReq::AgentLogin),
            Asked::Logout => request_name(CtiReq::AgentLogout),
            Asked::Ready => "RequestAgentReady",
            Asked::NotReady => "RequestAgentNotReady",
        };
        let came = match self.came {
            Answered::NotYet => Came::NotYet,
            Answered::Done => Came::Done,
            Answered::Otherwise => Came::Otherwise,
            Answered::Refused => Came::Refused(i32::from(self.code)),
            Answered::TimedOut => Came::TimedOut,
            Answered::LinkLost => Came::LinkLost,
        };
        Some(SentView { at: time(self.sent_s)?, request, came })
    }
}

const _: () = assert!(size_of::<Trail>() <= 16);
