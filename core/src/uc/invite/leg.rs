//! One INVITE and what comes of it: provisional answers, several dialogs when it forks, CANCEL, BYE, and a while in which late messages are still answered.
use super::super::{UcSide, UcTimer, key};
use super::request;
use crate::action::Action;
use crate::cx::Cx;
use crate::fingerprint::Fp;
use crate::id::UcLinkId;
use crate::offer::OfferId;
use crate::uc::transact::Ask;
use crate::uc_event::Response;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

/// Clients of one worker that answer one INVITE with 2xx; more are not answered and give up by themselves (RFC 3261 §13.3.1.4).
pub(super) const FORKS_MAX: usize = 8;

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Kind {
    /// Instant messages.
    Message,
    /// The channel that opens a window.
    Context,
}

/// How far an INVITE has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Stage {
    /// To be sent.
    Due,
    /// Sent, no answer yet. It cannot be cancelled before there is one (RFC 3261 §9.1).
    Calling,
    /// A provisional answer came.
    Proceeding,
    /// The CANCEL is out, or about to be: a final answer is awaited.
    Cancelled,
    /// Answered with 2xx.
    Up,
    /// Nothing is to be said any more. Kept for a while, because answers come again and requests cross.
    Over,
}

/// Something said in a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in crate::uc) enum Said {
    /// The message with the link.
    Text,
    /// BYE to the dialog of this number.
    Bye(u8),
}

/// What waits to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Due {
    Invite,
    Cancel,
    Say(Said),
}

/// A dialog made by a 2xx (RFC 3261 §13.2.2.4). The first one counts; the others are closed at once.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Fork {
    pub(super) tag: Box<str>,
    pub(super) target: Box<str>,
    /// Byte-exact, in the order of sending.
    pub(super) routes: Box<[Box<str>]>,
    pub(super) cseq: u32,
    /// Highest CSeq heard, and how it was answered.
    pub(super) heard: Option<(u32, u16)>,
    pub(super) state: ForkState,
}

/// Whether a dialog stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum ForkState {
    /// It does.
    Up,
    /// BYE is unanswered.
    Closing,
    /// No more.
    Gone,
}

/// Who speaks to whom.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Ends {
    /// URI of the watcher.
    pub(super) from: Box<str>,
    pub(super) epid: Option<Box<str>>,
    /// Whole value.
    pub(super) contact: Box<str>,
    /// URI of the worker.
    pub(super) to: Box<str>,
}

/// A leg.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Leg {
    pub(super) kind: Kind,
    pub(super) stage: Stage,
    /// Its invitation may be gone: then it ends.
    pub(super) offer: OfferId,
    pub(super) wanted: bool,
    pub(super) link: UcLinkId,
    pub(super) ends: Ends,
    pub(super) call_id: Box<str>,
    pub(super) tag: Box<str>,
    /// Branch of the INVITE, of its CANCEL, and of the ACK to a refusal.
    pub(super) branch: Box<str>,
    pub(super) forks: Vec<Fork>,
    due: VecDeque<Due>,
}

impl Leg {
    pub(super) fn fork(&mut self, tag: &str) -> Option<(u8, &mut Fork)> {
        self.forks.iter_mut().enumerate().find(|(_, fork)| *fork.tag == *tag).map(|(at, fork)| (at as u8, fork))
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(self.kind, self.stage, self.wanted, self.link, &self.due));
        for fork in &self.forks {
            fp.debug(&(fork.state, fork.cseq, fork.heard));
        }
    }
}

/// The number of the leg in a Call-ID of ours.
pub(super) fn number_in(call_id: &str) -> Option<u32> {
    call_id.strip_prefix('i').and_then(crate::uc::dialog::hex_before_dot)
}

impl UcSide {
    /// Puts an INVITE in line.
    pub(super) fn begin_leg(&mut self, cx: &mut Cx<'_>, link: UcLinkId, ends: Ends, offer: OfferId, kind: Kind) -> u32 {
        let number = self.inviting.next_leg;
        self.inviting.next_leg = number.wrapping_add(1);
        let ip = self.links[link.index()].local.ip();
        let leg = Leg {
            kind,
            stage: Stage::Due,
            offer,
            wanted: true,
            link,
            ends,
            call_id: format!("i{number:x}.{}@{ip}", cx.entropy.hex(16)).into_boxed_str(),
            tag: cx.entropy.hex(10),
            branch: request::branch(cx.entropy),
            forks: Vec::new(),
            due: VecDeque::new(),
        };
        self.inviting.legs.insert(number, leg);
        self.put_in_line(number, Due::Invite);
        number
    }

    fn put_in_line(&mut self, number: u32, due: Due) {
        if let Some(leg) = self.inviting.legs.get_mut(&number) {
            leg.due.push_back(due);
            self.inviting.speakers.push_back((leg.link, number));
        }
    }

    /// Has something said in the first dialog of a leg.
    pub(super) fn say(&mut self, number: u32, said: Said) {
        self.put_in_line(number, Due::Say(said));
    }

    /// The first leg of a link that has something to say.
    pub(in crate::uc) fn next_session(&mut self, link: UcLinkId) -> Option<u32> {
        let speakers = &mut self.inviting.speakers;
        speakers.retain(|(of, number)| *of != link || self.inviting.legs.get(number).is_some_and(|leg| !leg.due.is_empty()));
        speakers.iter().find(|(of, _)| *of == link).map(|(_, number)| *number)
    }

    /// Sends what a leg has to say next.
    pub(in crate::uc) fn speak_in_session(&mut self, cx: &mut Cx<'_>, number: u32) {
        if let Some(at) = self.inviting.speakers.iter().position(|(_, of)| *of == number) {
            self.inviting.speakers.remove(at);
        }
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        match leg.due.pop_front() {
            Some(Due::Invite) => self.send_invite(cx, number),
            Some(Due::Cancel) if leg.stage == Stage::Cancelled => {
                let msg = request::cancel(&cx.config.uc, leg);
                let link = leg.link;
                self.arm_leg(cx, number);
                self.send_now(cx, link, msg);
            }
            Some(Due::Say(said)) => self.send_said(cx, number, said),
            Some(Due::Cancel) | None => {}
        }
    }

    fn send_invite(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        let Some(it) = self.inviting.all.get(&leg.offer).filter(|_| leg.wanted) else { return };
        leg.stage = Stage::Calling;
        let link = leg.link;
        let msg = request::invite(&cx.config.uc, leg, &it.letter, &it.conversation);
        self.arm_leg(cx, number);
        self.send_now(cx, link, msg);
    }

    fn send_said(&mut self, cx: &mut Cx<'_>, number: u32, said: Said) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        let text = self.inviting.all.get(&leg.offer).map(|it| it.letter.text.clone());
        let at = if let Said::Bye(at) = said { at } else { 0 };
        let Some(fork) = leg.forks.get_mut(usize::from(at)) else { return };
        fork.cseq += 1;
        let fork = fork.clone();
        let msg = match (said, text) {
            (Said::Bye(_), _) => request::bye(&cx.config.uc, leg, &fork),
            (Said::Text, Some(text)) if fork.state == ForkState::Up => request::message(&cx.config.uc, leg, &fork, text),
            (Said::Text, _) => return,
        };
        let link = leg.link;
        self.send(cx, link, Ask::Session(number, said), msg);
    }

    /// A request whose answer finds its way by Call-ID: INVITE, CANCEL, ACK. It is complete with its branch.
    pub(super) fn send_now(&mut self, cx: &mut Cx<'_>, link: UcLinkId, mut msg: crate::uc_event::SipRequest) {
        let it = &mut self.links[link.index()];
        it.last_tx = cx.now.mono;
        msg.local = it.local;
        msg.transport = cx.config.uc.transport();
        self.tally.requests += 1;
        cx.act(Action::SendUc { link, msg: Box::new(msg) });
    }

    /// One time for all there is to wait for: an answer to INVITE, a final one after CANCEL, and late messages (RFC 3261 Timers B and D, §9.1, §13.2.2.4).
    pub(super) fn arm_leg(&self, cx: &mut Cx<'_>, number: u32) {
        cx.set(key(UcTimer::Session(number)), cx.now.mono + cx.config.uc.timers.transaction_timeout_ms.max(1));
    }

    /// A leg is no longer wanted.
    pub(super) fn end_leg(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        leg.wanted = false;
        let link = leg.link;
        match leg.stage {
            Stage::Due => {
                self.inviting.legs.remove(&number);
            }
            Stage::Proceeding => {
                leg.stage = Stage::Cancelled;
                self.put_in_line(number, Due::Cancel);
            }
            Stage::Up => self.close_forks(cx, number),
            Stage::Calling | Stage::Cancelled | Stage::Over => {}
        }
        self.pump(cx, link);
    }

    /// A provisional answer to what is no longer wanted: now it can be cancelled.
    pub(super) fn cancel_late(&mut self, cx: &mut Cx<'_>, number: u32) {
        if let Some(leg) = self.inviting.legs.get_mut(&number) {
            leg.stage = Stage::Cancelled;
            let link = leg.link;
            self.put_in_line(number, Due::Cancel);
            self.pump(cx, link);
        }
    }

    /// BYE to every dialog that stands.
    pub(super) fn close_forks(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        let mut open = Vec::new();
        for (at, fork) in leg.forks.iter_mut().enumerate().filter(|(_, fork)| fork.state == ForkState::Up) {
            fork.state = ForkState::Closing;
            open.push(at as u8);
        }
        for at in open {
            self.put_in_line(number, Due::Say(Said::Bye(at)));
        }
        self.settle_leg(cx, number);
    }

    /// When the last dialog is gone the leg is over, but for late messages.
    pub(super) fn settle_leg(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        if leg.stage == Stage::Up && leg.forks.iter().all(|fork| fork.state == ForkState::Gone) {
            leg.stage = Stage::Over;
            self.arm_leg(cx, number);
        }
    }

    /// The leg has been asked and refused, or nobody answered.
    pub(super) fn leg_over(&mut self, cx: &mut Cx<'_>, number: u32) {
        if let Some(leg) = self.inviting.legs.get_mut(&number) {
            leg.stage = Stage::Over;
            leg.due.clear();
            self.arm_leg(cx, number);
        }
    }

    /// The answer to MESSAGE or BYE.
    pub(in crate::uc) fn on_said(&mut self, cx: &mut Cx<'_>, number: u32, said: Said, r: &Response<'_>) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        let offer = leg.offer;
        match said {
            Said::Bye(at) => {
                if let Some(fork) = leg.forks.get_mut(usize::from(at)) {
                    fork.state = ForkState::Gone;
                }
                self.settle_leg(cx, number);
            }
            Said::Text if leg.wanted && leg.kind == Kind::Message => self.on_text_answer(cx, offer, r),
            Said::Text => {}
        }
    }

    pub(in crate::uc) fn on_session_timer(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get(&number) else { return };
        match leg.stage {
            Stage::Over => drop(self.inviting.legs.remove(&number)),
            // No answer at all (Timer B), or none after CANCEL: nothing more can be done.
            Stage::Calling | Stage::Cancelled => {
                let link = leg.link;
                self.leg_over(cx, number);
                self.on_no_answer(cx, number);
                self.pump(cx, link);
            }
            Stage::Due | Stage::Proceeding | Stage::Up => {}
        }
    }

    /// When a leg is over by itself, for tests of what is left behind.
    #[cfg(test)]
    pub(in crate::uc) fn legs(&self) -> usize {
        self.inviting.legs.len()
    }

    pub(super) fn clear_leg_timer(cx: &mut Cx<'_>, number: u32) {
        cx.clear(key(UcTimer::Session(number)));
    }
}
