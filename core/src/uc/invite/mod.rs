//! Conversations with workers who have no page open: an instant message to their own Lync or Skype for Business client, which accepts it, and if configured the
//! window beside it (`spec/ms-pres.md` 7.1, 7.2, 7.5, 7.6; `spec/uc-connector-functional.md` 5.8; RFC 3261 §9, §13 to §15).
//!
//! An *invitation* belongs to one offer and ends with it. It has one leg, or two: a *leg* is one INVITE with everything that comes of it (`leg.rs`). Legs end on
//! their own, also after the invitation that began them is forgotten: what was asked is cancelled, what was opened is closed, what comes late is answered.
//! A command (`invite`, `uninvite`) emits no fact; what cannot be sent is told at the next wake-up, which is at once.
//!
//! Absent: typing notices, what the worker writes (taken and ignored: a preview is answered at the page), file and media sessions, standard SIP servers.
mod answers;
mod far_end;
mod leg;
mod request;

use super::UcSide;
use super::link::State;
use super::{UcTimer, key};
use crate::action::Action;
use crate::config::{InviteMode, NoteLevel};
use crate::cx::Cx;
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{UcLinkId, UserId};
use crate::note::Note;
use crate::offer::OfferId;
use crate::uc_event::ContextInvitation;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
pub(in crate::uc) use leg::Said;
use leg::{Kind, Leg, Stage};

/// What a worker is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Letter {
    /// The message with the link.
    pub(crate) text: Box<str>,
    /// With a window: the first message, and what opens the window.
    pub(crate) context: Option<Box<ContextInvitation>>,
}

/// An invitation of one worker, for one offer.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Invitation {
    user: UserId,
    letter: Letter,
    /// `Ms-Conversation-ID` of all its legs.
    conversation: Box<str>,
    message: u32,
    context: Option<u32>,
    /// The worker has the link, or the window.
    delivered: bool,
    /// The conversation broke before the link was delivered, and was begun anew.
    again: bool,
}

/// All conversations.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Inviting {
    all: BTreeMap<OfferId, Invitation>,
    /// By the number at the beginning of their Call-ID.
    legs: BTreeMap<u32, Leg>,
    next_leg: u32,
    /// Legs with something to say, by link, in order. Entries may be out of date.
    speakers: VecDeque<(UcLinkId, u32)>,
    /// Invitations that could not be sent at all.
    failed: Vec<OfferId>,
    tally: Tally,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Tally {
    sent: u64,
    answered: u64,
    declined: u64,
    failed: u64,
    delivered: u64,
    windows: u64,
}

impl Inviting {
    /// INVITE requests of a link without any answer.
    pub(super) fn unanswered(&self, link: UcLinkId) -> usize {
        self.legs.values().filter(|leg| leg.link == link && leg.stage == Stage::Calling).count()
    }
}

impl UcSide {
    /// Asks a worker through their own client. What comes of it is told by a fact, except success of what [`Self::uninvite`] overtook.
    pub(crate) fn invite(&mut self, cx: &mut Cx<'_>, user: UserId, offer: OfferId, letter: Letter) {
        self.uninvite(cx, offer);
        if let Err(why) = self.try_invite(cx, user, offer, letter) {
            let text = format!("{} could not be asked through their own client: {why}", cx.directory.person(user).employee_id);
            cx.note(Note::Preview { level: NoteLevel::Warn, text: text.into() });
            self.inviting.failed.push(offer);
            cx.set(key(UcTimer::Invitations), cx.now.mono);
        }
    }

    fn try_invite(&mut self, cx: &mut Cx<'_>, user: UserId, offer: OfferId, letter: Letter) -> Result<(), &'static str> {
        if self.flavour.is_simple() {
            return Err("only Lync and Skype for Business know such conversations");
        }
        if self.inviting.legs.len() >= cx.config.preview.invite.invitations_max as usize {
            return Err("too many conversations are open (option `preview.invitations_max`)");
        }
        let uri = if cx.directory.has_user(user) { cx.directory.uri(user) } else { "" };
        if uri.is_empty() {
            return Err("they have no SIP address");
        }
        let watcher = self.table.get(user).and_then(|slot| self.watchers.get(slot.watcher.index()));
        let Some(watcher) = watcher.filter(|watcher| watcher.reg.stands && matches!(self.links[watcher.link.index()].state, State::Up(_))) else {
            return Err("the connection to the SIP server does not stand");
        };
        let link = watcher.link;
        let ends = request::ends(&cx.config.uc, watcher, uri, self.links[link.index()].local);
        let message = self.begin_leg(cx, link, ends, offer, Kind::Message);
        // 16 random bytes; a fresh value for each conversation (`spec/ms-pres.md` 7.1).
        let conversation = request::conversation_id(cx.entropy);
        let invitation = Invitation { user, letter, conversation, message, context: None, delivered: false, again: false };
        self.inviting.all.insert(offer, invitation);
        self.inviting.tally.sent += 1;
        self.pump(cx, link);
        Ok(())
    }

    /// The offer is over: what was asked is cancelled, what was opened is closed.
    pub(crate) fn uninvite(&mut self, cx: &mut Cx<'_>, offer: OfferId) {
        self.inviting.failed.retain(|other| *other != offer);
        let Some(it) = self.inviting.all.remove(&offer) else { return };
        for leg in it.context.into_iter().chain([it.message]) {
            self.end_leg(cx, leg);
        }
    }

    /// Everything ends: the connector stops.
    pub(super) fn withdraw_invitations(&mut self, cx: &mut Cx<'_>) {
        let open: Vec<OfferId> = self.inviting.all.keys().copied().collect();
        for offer in open {
            self.uninvite(cx, offer);
        }
    }

    pub(super) fn on_invitations_timer(&mut self, cx: &mut Cx<'_>) {
        for offer in core::mem::take(&mut self.inviting.failed) {
            self.inviting.tally.failed += 1;
            cx.fact(Fact::InviteFailed { offer, silent: false });
        }
    }

    /// The conversation of an offer could not be had.
    fn fail_invitation(&mut self, cx: &mut Cx<'_>, offer: OfferId, silent: bool) {
        if !self.inviting.all.contains_key(&offer) {
            return;
        }
        self.inviting.tally.failed += 1;
        self.uninvite(cx, offer);
        cx.fact(Fact::InviteFailed { offer, silent });
    }

    /// The message could not be delivered in the conversation: it is dropped and begun anew, once (`spec/ms-pres.md` 7.2).
    fn begin_anew(&mut self, cx: &mut Cx<'_>, offer: OfferId) {
        let Some(it) = self.inviting.all.get_mut(&offer) else { return };
        if it.delivered {
            return;
        }
        if core::mem::replace(&mut it.again, true) {
            return self.fail_invitation(cx, offer, false);
        }
        it.letter.context = None;
        let (message, context) = (it.message, it.context.take());
        let Some(broken) = self.inviting.legs.get(&message) else { return };
        let (link, ends) = (broken.link, broken.ends.clone());
        let new = self.begin_leg(cx, link, ends, offer, Kind::Message);
        let conversation = request::conversation_id(cx.entropy);
        if let Some(it) = self.inviting.all.get_mut(&offer) {
            (it.message, it.conversation) = (new, conversation);
        }
        for leg in context.into_iter().chain([message]) {
            self.end_leg(cx, leg);
        }
    }

    /// The connection is gone and with it every conversation on it. A worker who has the link already can still use it.
    pub(super) fn forget_sessions_of(&mut self, cx: &mut Cx<'_>, link: UcLinkId) {
        self.inviting.speakers.retain(|(of, _)| *of != link);
        let gone: Vec<u32> = self.inviting.legs.iter().filter(|(_, leg)| leg.link == link).map(|(number, _)| *number).collect();
        let mut lost = Vec::new();
        for number in gone {
            cx.clear(key(UcTimer::Session(number)));
            let Some(leg) = self.inviting.legs.remove(&number) else { continue };
            match self.inviting.all.get(&leg.offer).filter(|it| it.message == number) {
                Some(it) if !it.delivered => lost.push(leg.offer),
                Some(_) => drop(self.inviting.all.remove(&leg.offer)),
                None => {}
            }
        }
        for offer in lost {
            self.inviting.all.remove(&offer);
            self.inviting.tally.failed += 1;
            cx.fact(Fact::InviteFailed { offer, silent: false });
        }
    }

    /// Whether conversations on a link are still to be ended before it closes.
    pub(super) fn is_in_session(&self, link: UcLinkId) -> bool {
        self.inviting.legs.values().any(|leg| leg.link == link && leg.stage != Stage::Over)
    }

    /// How many conversations are open or ending, and how many belong to an offer; for checkers.
    pub(crate) fn invitations(&self) -> Vec<OfferId> {
        self.inviting.all.keys().copied().collect()
    }

    pub(super) fn count_invitations(&self, counters: &mut crate::views::Counters) {
        let t = &self.inviting.tally;
        counters.invitations += t.sent;
        counters.invitations_answered += t.answered;
        counters.invitations_declined += t.declined;
        counters.invitations_failed += t.failed;
        counters.invitations_delivered += t.delivered;
        counters.invitation_windows += t.windows;
    }

    /// Call-IDs, tags and numbers of legs stay out; their order counts.
    pub(super) fn invitations_fingerprint(&self, fp: &mut Fp) {
        for it in self.inviting.all.values() {
            fp.debug(&(it.user, it.context.is_some(), it.delivered, it.again));
        }
        for leg in self.inviting.legs.values() {
            leg.fingerprint(fp);
        }
        fp.debug(&(self.inviting.speakers.len(), self.inviting.failed.len()));
    }
}

/// The letter for an offer, and the login that its link stands for. `None`: workers without a page are not asked.
pub(crate) fn letter(cx: &mut Cx<'_>, user: UserId, conn: &str, ends_unix_ms: u64) -> Option<Letter> {
    let invite = &cx.config.preview.invite;
    if invite.mode == InviteMode::Off {
        return None;
    }
    let token = cx.entropy.hex(32);
    let link = invite.url.replace("{token}", &token);
    let (text, toast) = invite.words_for(&cx.directory.person(user).language);
    let (text, toast) = (filled(text, conn, &link), toast.replace("{conn}", conn).into_boxed_str());
    let context = (invite.mode == InviteMode::Context).then(|| {
        let (application, name) = (invite.application.clone(), invite.name.clone());
        Box::new(ContextInvitation { application, name, data: token.clone(), link: link.into(), toast })
    });
    cx.act(Action::Ticket(Box::new(crate::action::Ticket { user, token, ends_unix_ms })));
    Some(Letter { text, context })
}

/// The message with its link; a text that forgets the link gets it at the end.
fn filled(text: &str, conn: &str, link: &str) -> Box<str> {
    let mut out: String = text.replace("{conn}", conn);
    if !out.contains("{link}") {
        out.push_str(" {link}");
    }
    out.replace("{link}", link).into_boxed_str()
}
