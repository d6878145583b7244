//! Offers to workers without a page: they are asked through their own client, and the offer goes on at the page the link opens
//! (`spec/uc-connector-functional.md` 5.5, 5.8). The time to think covers the invitation, too.
use super::group::Offer;
use super::{News, Offers};
use crate::config::InviteMode;
use crate::cx::Cx;
use crate::fact::Fact;
use crate::id::UserId;
use crate::offer::{OfferId, Outcome};
use crate::presence::Presence;
use crate::uc::{Letter, UcSide, letter};

/// How far an invitation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Invited {
    /// Under way.
    Asked,
    /// The worker took it.
    Answered,
}

/// What came of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InviteEnd {
    Answered,
    Declined,
    Failed,
    /// Nobody answered it.
    Silent,
}

/// What the SIP side is to do, in the down pass.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum Order {
    Invite(UserId, OfferId, Letter),
    End(OfferId),
}

/// What of a fact matters to invited workers.
pub(super) const fn news(fact: &Fact) -> News {
    match fact {
        Fact::InviteAnswered { offer, .. } => News::Invited(*offer, InviteEnd::Answered),
        Fact::InviteDeclined { offer, .. } => News::Invited(*offer, InviteEnd::Declined),
        Fact::InviteFailed { offer, silent: true, .. } => News::Invited(*offer, InviteEnd::Silent),
        Fact::InviteFailed { offer, .. } => News::Invited(*offer, InviteEnd::Failed),
        _ => News::None,
    }
}

impl Offers {
    /// Whether a worker without a page can be asked through their own client.
    pub(super) fn can_invite(cx: &Cx<'_>, user: UserId) -> bool {
        cx.config.preview.invite.mode != InviteMode::Off && !cx.directory.uri(user).is_empty()
    }

    /// Whether a worker has a page now, or is about to come back to it.
    pub(super) fn has_page(&self, cx: &Cx<'_>, user: UserId) -> bool {
        let grace_ms = cx.config.preview.page_grace_ms;
        self.workers.get(&user).is_some_and(|worker| worker.open || worker.closed_at.is_some_and(|at| cx.now.mono.since(at) < grace_ms))
    }

    /// The last page has been gone for too long. Who has an open offer is asked through their own client, once.
    pub(super) fn on_page_gone(&mut self, cx: &mut Cx<'_>, presence: &Presence, user: UserId) {
        let Some(worker) = self.workers.get_mut(&user).filter(|worker| !worker.open) else { return };
        worker.closed_at = None;
        for id in worker.offers.clone() {
            let is_new = self.offers.get(&id).is_some_and(|offer| offer.invited.is_none());
            if is_new && Self::can_invite(cx, user) {
                self.invite(cx, id);
            } else {
                self.end_and_go_on(cx, presence, id, Outcome::Unavailable);
            }
        }
        if self.workers.get(&user).is_some_and(|worker| !worker.open && worker.offers.is_empty()) {
            self.workers.remove(&user);
        }
    }

    /// Has a worker without a page asked through their own client.
    pub(super) fn invite(&mut self, cx: &mut Cx<'_>, id: OfferId) {
        let Some(offer) = self.offers.get_mut(&id) else { return };
        let Some(group) = self.groups.get(&offer.group) else { return };
        if let Some(letter) = letter(cx, offer.user, &group.conn, offer.ends_unix_ms) {
            offer.invited = Some(Invited::Asked);
            self.orders.push(Order::Invite(offer.user, id, letter));
        }
    }

    /// An offer is over: so is its invitation. A worker who never had a page is forgotten.
    pub(super) fn uninvite(&mut self, id: OfferId, offer: &Offer) {
        if offer.invited.is_none() {
            return;
        }
        self.orders.push(Order::End(id));
        if self.workers.get(&offer.user).is_some_and(|worker| !worker.open && worker.closed_at.is_none() && worker.offers.is_empty()) {
            self.workers.remove(&offer.user);
        }
    }

    pub(super) fn on_invited(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: OfferId, end: InviteEnd) {
        let Some(offer) = self.offers.get_mut(&id) else { return };
        if end == InviteEnd::Answered {
            offer.invited = Some(Invited::Answered);
            return;
        }
        let user = offer.user;
        // Who has come to the page by themselves answers there.
        if self.has_page(cx, user) {
            return;
        }
        let outcome = match end {
            InviteEnd::Declined => Outcome::Rejected,
            InviteEnd::Silent => Outcome::Timeout,
            InviteEnd::Failed | InviteEnd::Answered => Outcome::Unavailable,
        };
        self.end_and_go_on(cx, presence, id, outcome);
    }

    /// Down pass: invitations begin and end.
    pub(super) fn emit_invitations(&mut self, cx: &mut Cx<'_>, uc: &mut UcSide) {
        for order in core::mem::take(&mut self.orders) {
            match order {
                Order::Invite(user, offer, letter) => uc.invite(cx, user, offer, letter),
                Order::End(offer) => uc.uninvite(cx, offer),
            }
        }
    }
}
