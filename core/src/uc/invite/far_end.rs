//! Requests of the worker's client inside a conversation: every one is answered (RFC 3261 §12.2.2, §14.2, §15.1.2; RFC 3428; `spec/ms-pres.md` 7.2 to 7.5).
use super::leg::{ForkState, Kind, number_in};
use crate::cx::Cx;
use crate::id::UcLinkId;
use crate::uc::UcSide;
use crate::uc_event::OtherRequest;

/// What of a message we take, parameters left out; all of it only as a sign of life.
const READ: [&str; 5] = ["text/plain", "text/html", "multipart/alternative", "application/im-iscomposing+xml", "application/ms-imdn+xml"];

impl UcSide {
    /// Whether a request inside a dialog was for a conversation; it is answered then.
    pub(in crate::uc) fn on_session_request(&mut self, cx: &mut Cx<'_>, link: UcLinkId, request: &OtherRequest<'_>) -> bool {
        let Some(number) = number_in(request.call_id) else { return false };
        let status = self.status_in_session(number, link, request);
        self.answer(cx, link, status);
        if request.method == "BYE" && status == 200 {
            self.on_bye(cx, number);
        }
        true
    }

    fn status_in_session(&mut self, number: u32, link: UcLinkId, request: &OtherRequest<'_>) -> u16 {
        let leg = self.inviting.legs.get_mut(&number).filter(|leg| leg.link == link && *leg.call_id == *request.call_id && *leg.tag == *request.to_tag);
        let Some((_, fork)) = leg.and_then(|leg| leg.fork(request.from_tag)) else { return 481 };
        match fork.heard {
            Some((last, _)) if request.cseq < last => return 500,
            // The same again: the answer was lost.
            Some((last, status)) if request.cseq == last => return status,
            _ => {}
        }
        let is_up = fork.state != ForkState::Gone;
        let status = match request.method {
            // There is no INVITE of theirs to be cancelled.
            "CANCEL" => return 481,
            _ if !is_up => 481,
            _ if request.require_unsupported.is_some() => 420,
            "BYE" => {
                fork.state = ForkState::Gone;
                200
            }
            "MESSAGE" if is_read(request.content_type) => 200,
            "MESSAGE" => 415,
            // Typing, or what the window's page says.
            "INFO" | "OPTIONS" => 200,
            // The session stays as it is.
            "INVITE" => 488,
            _ => 405,
        };
        fork.heard = Some((request.cseq, status));
        status
    }

    /// The worker closed the conversation. The window goes with it; whoever has the link can still use it, so the offer goes on.
    fn on_bye(&mut self, cx: &mut Cx<'_>, number: u32) {
        self.settle_leg(cx, number);
        let Some(leg) = self.inviting.legs.get(&number).filter(|leg| leg.wanted && leg.kind == Kind::Message) else { return };
        let offer = leg.offer;
        let Some(it) = self.inviting.all.get(&offer).filter(|it| it.message == number) else { return };
        if it.delivered {
            self.uninvite(cx, offer);
        } else {
            // Closed before the link was there: that is a no without a word.
            self.inviting.tally.declined += 1;
            self.uninvite(cx, offer);
            cx.fact(crate::fact::Fact::InviteDeclined { offer });
        }
    }
}

fn is_read(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    READ.iter().any(|read| read.eq_ignore_ascii_case(media_type))
}
