//! What the worker's clients answer to INVITE, and what it means for the offer (RFC 3261 §13.2.2; `spec/ms-pres.md` 7.1, 7.2, 7.6).
use super::leg::{FORKS_MAX, Fork, ForkState, Kind, Stage, number_in};
use super::{Said, request};
use crate::codec::xml::{CONTEXT_BYTES_MAX, encode_context};
use crate::config::NoteLevel;
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::UcLinkId;
use crate::note::Note;
use crate::offer::OfferId;
use crate::uc::UcSide;
use crate::uc_event::{Body, ContextInvitation, Response};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

impl UcSide {
    /// A response to INVITE or CANCEL.
    pub(in crate::uc) fn on_session_response(&mut self, cx: &mut Cx<'_>, link: UcLinkId, r: &Response<'_>) {
        let Some(number) = number_in(r.call_id) else { return };
        let Some(leg) = self.inviting.legs.get_mut(&number).filter(|leg| leg.link == link) else { return };
        // Whatever is answered to CANCEL, the INVITE is answered, too.
        if r.method != "INVITE" || *leg.branch != *r.branch || *leg.call_id != *r.call_id || *leg.tag != *r.from_tag {
            return;
        }
        match r.status {
            0..200 => self.on_provisional_answer(cx, number),
            200..300 => self.on_taken(cx, number, r),
            _ => self.on_refusal(cx, number, r),
        }
        self.pump(cx, link);
    }

    fn on_provisional_answer(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get_mut(&number).filter(|leg| leg.stage == Stage::Calling) else { return };
        Self::clear_leg_timer(cx, number);
        leg.stage = Stage::Proceeding;
        if !leg.wanted {
            self.cancel_late(cx, number);
        }
    }

    /// A client took it. Every one of them gets its ACK, again when its answer comes again; only the first is spoken to.
    fn on_taken(&mut self, cx: &mut Cx<'_>, number: u32, r: &Response<'_>) {
        let Some(leg) = self.inviting.legs.get_mut(&number) else { return };
        let link = leg.link;
        if let Some((_, fork)) = leg.fork(r.to_tag) {
            let fork = fork.clone();
            let msg = request::ack(&cx.config.uc, leg, &fork, cx.entropy);
            return self.send_now(cx, link, msg);
        }
        let Some(contact) = r.contacts.first().filter(|_| leg.forks.len() < FORKS_MAX && !r.to_tag.is_empty()) else {
            let text = format!("a client of {} took an invitation without a tag or Contact, or too many did: it is not answered", leg.ends.to);
            return cx.note(Note::Uc { level: NoteLevel::Warn, link, text: text.into() });
        };
        let fork = Fork {
            tag: r.to_tag.into(),
            target: (*contact).into(),
            routes: r.record_routes.iter().rev().map(|route| Box::from(*route)).collect(),
            cseq: 1,
            heard: None,
            state: ForkState::Up,
        };
        let msg = request::ack(&cx.config.uc, leg, &fork, cx.entropy);
        let is_first = leg.forks.is_empty();
        leg.forks.push(fork);
        leg.stage = Stage::Up;
        Self::clear_leg_timer(cx, number);
        let (at, wanted, kind, offer) = (leg.forks.len() as u8 - 1, leg.wanted, leg.kind, leg.offer);
        self.send_now(cx, link, msg);
        match kind {
            _ if !wanted => self.close_forks(cx, number),
            _ if !is_first => self.close_fork(number, at),
            Kind::Message => self.on_answered(cx, offer, r.text_format),
            // Taken for a session of messages by a client that knows no windows.
            Kind::Context if is_sdp(&r.body) => {
                self.close_fork(number, at);
                self.on_no_window(cx, offer, r.status);
            }
            Kind::Context => self.on_window(offer),
        }
    }

    fn close_fork(&mut self, number: u32, at: u8) {
        if let Some(fork) = self.inviting.legs.get_mut(&number).and_then(|leg| leg.forks.get_mut(usize::from(at))) {
            fork.state = ForkState::Closing;
            self.say(number, Said::Bye(at));
        }
    }

    /// The worker took the conversation.
    fn on_answered(&mut self, cx: &mut Cx<'_>, offer: OfferId, shown: bool) {
        let Some(it) = self.inviting.all.get_mut(&offer) else { return };
        let message = it.message;
        self.inviting.tally.answered += 1;
        match it.letter.context.clone() {
            Some(context) if fits(&context) => {
                if let Some((link, ends)) = self.inviting.legs.get(&message).map(|leg| (leg.link, leg.ends.clone())) {
                    let number = self.begin_leg(cx, link, ends, offer, Kind::Context);
                    if let Some(it) = self.inviting.all.get_mut(&offer) {
                        it.context = Some(number);
                    }
                }
            }
            None if shown => {
                it.delivered = true;
                self.inviting.tally.delivered += 1;
            }
            _ => self.say(message, Said::Text),
        }
        cx.fact(Fact::InviteAnswered { offer });
    }

    fn on_window(&mut self, offer: OfferId) {
        if let Some(it) = self.inviting.all.get_mut(&offer) {
            it.delivered = true;
            self.inviting.tally.delivered += 1;
            self.inviting.tally.windows += 1;
        }
    }

    /// No: the transaction ends with our ACK.
    fn on_refusal(&mut self, cx: &mut Cx<'_>, number: u32, r: &Response<'_>) {
        let Some(leg) = self.inviting.legs.get(&number) else { return };
        let (link, offer, wanted, kind, stage) = (leg.link, leg.offer, leg.wanted, leg.kind, leg.stage);
        let msg = request::ack_refusal(&cx.config.uc, leg, r);
        self.send_now(cx, link, msg);
        if matches!(stage, Stage::Up | Stage::Over | Stage::Due) {
            return;
        }
        self.leg_over(cx, number);
        match kind {
            _ if !wanted => {}
            Kind::Context => self.on_no_window(cx, offer, r.status),
            Kind::Message => self.on_declined(cx, link, offer, r),
        }
    }

    /// What a refusal of the conversation means (`spec/ms-pres.md` 7.1).
    fn on_declined(&mut self, cx: &mut Cx<'_>, link: UcLinkId, offer: OfferId, r: &Response<'_>) {
        let Some(it) = self.inviting.all.get(&offer) else { return };
        if matches!(r.status, 486 | 600 | 603) {
            self.inviting.tally.declined += 1;
            self.uninvite(cx, offer);
            return cx.fact(Fact::InviteDeclined { offer });
        }
        let silent = matches!(r.status, 408 | 487);
        if !silent {
            let text = format!("an invitation of {} was refused: {} {} {}", it.user.0, r.status, r.reason, r.diagnostics.unwrap_or_default());
            cx.note(Note::Uc { level: NoteLevel::Info, link, text: text.into() });
        }
        self.fail_invitation(cx, offer, silent);
    }

    /// The window cannot be opened: the link goes as a message into the conversation.
    fn on_no_window(&mut self, cx: &mut Cx<'_>, offer: OfferId, status: u16) {
        let Some(it) = self.inviting.all.get_mut(&offer) else { return };
        it.context = None;
        let message = it.message;
        if let Some(leg) = self.inviting.legs.get(&message) {
            let text = format!("no window beside the conversation with {} ({status}): the link is sent as a message", leg.ends.to);
            cx.note(Note::Uc { level: NoteLevel::Info, link: leg.link, text: text.into() });
        }
        self.say(message, Said::Text);
    }

    /// Nobody answered an INVITE, or a CANCEL.
    pub(super) fn on_no_answer(&mut self, cx: &mut Cx<'_>, number: u32) {
        let Some(leg) = self.inviting.legs.get(&number).filter(|leg| leg.wanted) else { return };
        let (offer, kind) = (leg.offer, leg.kind);
        match kind {
            Kind::Message => self.fail_invitation(cx, offer, false),
            Kind::Context => self.on_no_window(cx, offer, 408),
        }
    }

    /// The answer to the message with the link.
    pub(super) fn on_text_answer(&mut self, cx: &mut Cx<'_>, offer: OfferId, r: &Response<'_>) {
        if (200..300).contains(&r.status) {
            if let Some(it) = self.inviting.all.get_mut(&offer) {
                it.delivered = true;
                self.inviting.tally.delivered += 1;
            }
        } else {
            self.begin_anew(cx, offer);
        }
    }
}

fn is_sdp(body: &Body<'_>) -> bool {
    matches!(body, Body::Unsupported(media_type) if media_type.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("application/sdp")))
}

/// Whether clients take it.
fn fits(context: &ContextInvitation) -> bool {
    let mut text = Vec::new();
    encode_context(context, &mut text);
    text.len() <= CONTEXT_BYTES_MAX
}
