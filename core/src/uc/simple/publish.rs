//! Publishing on behalf of workers with PUBLISH (RFC 3903; `spec/ms-pres.md` 9.3): one publication per worker, named by the entity tag of the last answer.
//!
//! Want and have are rows of `config.publish.states`; the latest command counts and one request per worker is unanswered. A server that forgot the tag (412) is told
//! everything anew. The tags of an earlier life are not known, so its publications cannot be taken back: they end with their lifetime.
use super::super::register::refusal_delay;
use super::super::transact::Ask;
use super::super::{UcSide, UcTimer, key};
use super::request::{Publish, publish};
use crate::config::{NoteLevel, PublishConfig, StateRow};
use crate::cx::Cx;
use crate::directory::same_uri;
use crate::fact::Fact;
use crate::id::{UcLinkId, UserId, WatcherId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::{Response, SipBody};
use crate::views::PublisherView;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;

/// All publications. Empty unless something was to be published.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct Publications {
    of: BTreeMap<UserId, Publication>,
    /// Who has something to send. Entries may be out of date.
    due: VecDeque<UserId>,
    in_flight: u32,
    /// The pace allows the next request from here on.
    next_send: Mono,
    /// The operator knows that the server gives no entity tags.
    untagged: bool,
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Publication {
    uri: Box<str>,
    want: Option<StateRow>,
    /// What the server has.
    have: Option<StateRow>,
    etag: Option<Box<str>>,
    /// Names the sequence of requests.
    call_id: Box<str>,
    tag: Box<str>,
    cseq: u32,
    /// In a request without an answer.
    sent: Option<Option<StateRow>>,
    /// The lifetime is to be prolonged.
    refresh: bool,
    /// Presence waits to hear how the latest command went.
    untold: bool,
    /// Presence was told that it does not work; a later success is told all the same.
    failed: bool,
    /// Not before the retry timer.
    waits: bool,
    /// The command that came while a publication under an older URI was still to be taken back.
    next: Option<Option<StateRow>>,
    /// Lifetime to ask for after a 423.
    expires_s: Option<u32>,
    refusals: u8,
    /// Status of the last refusal.
    refused: Option<u16>,
}

impl Publication {
    /// Whether a request should go out.
    fn is_due(&self) -> bool {
        // What has no tag cannot be taken back.
        self.sent.is_none() && !self.waits && if self.want.is_some() { self.want != self.have || self.refresh } else { self.etag.is_some() }
    }

    /// Without a tag nothing can be taken back: what is not wanted any more ends with its lifetime, and counts as gone.
    fn let_go(&mut self) {
        if self.want.is_none() && self.etag.is_none() && self.sent.is_none() {
            self.have = None;
        }
    }
}

impl Publications {
    pub(in super::super) fn cseq(&mut self, user: UserId) -> Option<&mut u32> {
        self.of.get_mut(&user).map(|it| &mut it.cseq)
    }

    /// Nothing stands at the server that could still be taken back, and nothing is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.of.values().all(|it| (it.etag.is_none() || it.waits) && it.sent.is_none())
    }
}

impl UcSide {
    /// The publication of `user` shall be this row, or none. The latest command counts.
    pub(in super::super) fn publish_pidf(&mut self, cx: &mut Cx<'_>, user: UserId, row: Option<StateRow>) {
        if self.draining || !cx.directory.has_user(user) {
            return;
        }
        let it = self.publications.of.entry(user).or_default();
        if it.etag.is_none() && it.sent.is_none() {
            it.uri = cx.directory.uri(user).into();
        } else if !same_uri(&it.uri, cx.directory.uri(user)) {
            it.next = Some(row);
            return;
        }
        it.want = row;
        it.untold = true;
        it.failed = false;
        it.waits = false;
        it.refusals = 0;
        it.let_go();
        if it.is_due() && !it.uri.is_empty() && !self.watchers.is_empty() {
            self.publications.due.push_back(user);
        } else if it.sent.is_none() {
            // As it is already; a command must not answer at once.
            return cx.set(key(UcTimer::Pidf(user)), cx.now.mono);
        }
        let link = self.pidf_link(user);
        self.pump(cx, link);
    }

    /// The watcher of a user publishes, else the first.
    fn pidf_watcher(&self, user: UserId) -> WatcherId {
        let watcher = self.table.get(user).map_or(WatcherId(0), |slot| slot.watcher);
        if watcher.index() < self.watchers.len() { watcher } else { WatcherId(0) }
    }

    fn pidf_link(&self, user: UserId) -> UcLinkId {
        self.watchers.get(self.pidf_watcher(user).index()).map_or(UcLinkId(0), |watcher| watcher.link)
    }

    /// The next worker of this link whose publication is due, as far as the pace of publications allows.
    pub(in super::super) fn next_publication(&mut self, cx: &mut Cx<'_>, id: UcLinkId) -> Option<UserId> {
        while let Some(user) = self.publications.due.front().copied() {
            if self.publications.of.get(&user).is_some_and(Publication::is_due) {
                break;
            }
            self.publications.due.pop_front();
        }
        // A worker of another link, which may be down, does not hold up this one.
        let at =
            self.publications.due.iter().position(|user| self.pidf_link(*user) == id && self.publications.of.get(user).is_some_and(Publication::is_due))?;
        let user = self.publications.due.remove(at)?;
        self.publications.due.push_front(user);
        let config = &cx.config.publish;
        if config.outstanding_max > 0 && self.publications.in_flight >= config.outstanding_max {
            return None;
        }
        if cx.now.mono < self.publications.next_send {
            let at = self.publications.next_send;
            cx.set(key(UcTimer::PidfPace), at);
            return None;
        }
        Some(user)
    }

    pub(in super::super) fn on_pidf_pace_timer(&mut self, cx: &mut Cx<'_>) {
        self.pump_all(cx);
    }

    pub(in super::super) fn send_publication(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.publications.due.pop_front();
        let watcher = self.pidf_watcher(user);
        let Some(side) = self.watchers.get(watcher.index()) else { return };
        let link = side.link;
        let simple = self.flavour.is_simple();
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        if it.call_id.is_empty() {
            it.call_id = format!("p{:x}.{}@{}", user.0, cx.entropy.hex(16), self.links[link.index()].local.ip()).into_boxed_str();
            it.tag = cx.entropy.hex(10);
        }
        it.cseq += 1;
        it.refresh = false;
        it.sent = Some(it.want);
        // Kamailio with presence in memory (`publ_cache` 2) loses the document at a refresh without a body: there a refresh is a modification with the same document
        // (RFC 3903, 4.4). A Front End is known to take the shorter form.
        let bare = !simple && it.etag.is_some() && it.want == it.have;
        let body = it.want.filter(|_| !bare).map_or(SipBody::None, |row| SipBody::Pidf { user, row });
        let expires_s = if it.want.is_none() { 0 } else { it.expires_s.unwrap_or(0).max(cx.config.publish.expires_s) };
        let what = Publish { worker: it.uri.clone(), call_id: it.call_id.clone(), tag: it.tag.clone(), cseq: it.cseq, etag: it.etag.clone(), expires_s, body };
        if cx.config.publish.requests_per_s > 0 {
            self.publications.next_send = cx.now.mono + 1000u64.div_ceil(u64::from(cx.config.publish.requests_per_s));
        }
        self.publications.in_flight += 1;
        let msg = publish(&cx.config.uc, side, what);
        self.send(cx, link, Ask::Pidf(user), msg);
    }

    pub(in super::super) fn on_publication_answer(&mut self, cx: &mut Cx<'_>, user: UserId, r: &Response<'_>) {
        self.publications.in_flight = self.publications.in_flight.saturating_sub(1);
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        let Some(sent) = it.sent.take() else { return };
        match r.status {
            200..=299 => self.on_published(cx, user, sent, r),
            // The server forgot it, or never had it.
            412 if it.etag.is_some() => {
                (it.etag, it.have) = (None, None);
                self.settle_publication(cx, user);
            }
            // Removing what is gone is done.
            404 | 410 | 481 if sent.is_none() => {
                (it.etag, it.have) = (None, None);
                self.settle_publication(cx, user);
            }
            423 if it.expires_s.unwrap_or(0) < r.min_expires_s.unwrap_or(0) => {
                it.expires_s = r.min_expires_s;
                it.refresh = it.etag.is_some();
                self.settle_publication(cx, user);
            }
            _ => self.on_publication_refused(cx, user, r),
        }
        if self.draining && self.publications.is_empty() {
            // Every link waited for the last of them.
            self.pump_all(cx);
        }
    }

    fn on_published(&mut self, cx: &mut Cx<'_>, user: UserId, sent: Option<StateRow>, r: &Response<'_>) {
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        (it.refusals, it.refused) = (0, None);
        it.have = sent;
        // A server that names no new tag may mean the old one; if not, 412 tells.
        it.etag = if sent.is_some() { r.etag.map(Into::into).or_else(|| it.etag.take()) } else { None };
        if sent.is_some() && it.etag.is_none() && !core::mem::replace(&mut self.publications.untagged, true) {
            let text = "the server answered PUBLISH without SIP-ETag: what we publish cannot be taken back and ends with its lifetime only";
            let link = self.pidf_link(user);
            cx.note(Note::Uc { level: NoteLevel::Warn, link, text: text.into() });
        }
        match sent {
            Some(_) => {
                let granted = u64::from(r.expires_s.unwrap_or(cx.config.publish.expires_s)) * 1000;
                let half = (granted / 2).max(1000);
                let early = cx.entropy.below(half * cx.config.uc.timers.jitter_percent / 100 + 1);
                cx.set(key(UcTimer::Pidf(user)), cx.now.mono + half - early.min(half - 1));
            }
            None => cx.clear(key(UcTimer::Pidf(user))),
        }
        self.settle_publication(cx, user);
    }

    fn on_publication_refused(&mut self, cx: &mut Cx<'_>, user: UserId, r: &Response<'_>) {
        let watcher = self.pidf_watcher(user);
        self.note_refusal(cx, watcher, "PUBLISH", r);
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        let delay = refusal_delay(cx, r, it.refusals);
        it.refusals = it.refusals.saturating_add(1);
        it.refused = Some(r.status);
        it.waits = true;
        if it.untold && !core::mem::replace(&mut it.failed, true) {
            cx.fact(Fact::PublishFailed { user });
        }
        if !self.draining {
            cx.set(key(UcTimer::Pidf(user)), cx.now.mono + delay);
        }
    }

    /// After an answer: again if something else is wanted, else presence is told and what is over is forgotten.
    fn settle_publication(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        it.let_go();
        if it.is_due() {
            self.publications.due.push_back(user);
        } else if it.sent.is_none() && it.want == it.have && core::mem::take(&mut it.untold) {
            let row = it.have;
            cx.fact(Fact::Published { user, row });
        }
        if it.want.is_none() && it.have.is_none() && it.etag.is_none() && it.sent.is_none() && !it.untold {
            let next = self.publications.of.remove(&user).and_then(|it| it.next);
            cx.clear(key(UcTimer::Pidf(user)));
            if let Some(row) = next {
                self.publish_pidf(cx, user, row);
            }
        }
    }

    /// A refresh or a retry is due, or a command found everything as it should be.
    pub(in super::super) fn on_pidf_timer(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publications.of.get_mut(&user) else { return };
        if it.uri.is_empty() || self.watchers.is_empty() {
            let wanted = it.want.is_some();
            self.publications.of.remove(&user);
            return cx.fact(if wanted { Fact::PublishFailed { user } } else { Fact::Published { user, row: None } });
        }
        let told = it.untold && it.want == it.have && it.sent.is_none();
        it.waits = false;
        if !told {
            it.refresh = it.want.is_some();
        }
        self.settle_publication(cx, user);
        let link = self.pidf_link(user);
        self.pump(cx, link);
    }

    /// A connection is gone: what was under way is unknown, and what stood may be forgotten by whoever is there next.
    pub(in super::super) fn forget_publications(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let users: Vec<UserId> = self.publications.of.keys().copied().filter(|user| self.pidf_link(*user) == id).collect();
        for user in users {
            if self.draining {
                cx.clear(key(UcTimer::Pidf(user)));
            }
            let Some(it) = self.publications.of.get_mut(&user) else { continue };
            if it.sent.take().is_some() {
                self.publications.in_flight = self.publications.in_flight.saturating_sub(1);
                // Done or not: the tag in hand decides, and 412 tells.
                it.have = None;
            }
            it.waits = false;
            it.refresh = it.want.is_some();
            if it.is_due() {
                self.publications.due.push_back(user);
            } else if !self.draining && (it.untold || it.want.is_none()) {
                // Nothing is left to ask for; presence may wait to hear so.
                cx.set(key(UcTimer::Pidf(user)), cx.now.mono);
            }
        }
    }

    /// The server forgot a subscription: it may have begun anew, and then the publications of these users are gone too. A refresh finds out.
    pub(in super::super) fn doubt_publications(&mut self, users: &[UserId]) {
        for user in users {
            let Some(it) = self.publications.of.get_mut(user) else { continue };
            it.refresh |= it.want.is_some() && it.etag.is_some();
            if it.is_due() {
                self.publications.due.push_back(*user);
            }
        }
    }

    /// The rows say something else now: what stands is published anew.
    pub(in super::super) fn republish_changed(&mut self, old: &PublishConfig, new: &PublishConfig) {
        for (user, it) in &mut self.publications.of {
            if it.have.is_some_and(|row| old.state(row) != new.state(row)) {
                it.have = None;
                self.publications.due.push_back(*user);
            }
        }
    }

    /// Everything is to be taken back.
    pub(in super::super) fn withdraw_all(&mut self, cx: &mut Cx<'_>) {
        for (user, it) in &mut self.publications.of {
            cx.clear(key(UcTimer::Pidf(*user)));
            (it.want, it.waits, it.refresh, it.untold) = (None, false, false, false);
            self.publications.due.push_back(*user);
        }
    }

    /// Publications go another way from now on: all are taken back, and what was wanted is returned.
    pub(in super::super) fn leave_pidf(&mut self, cx: &mut Cx<'_>) -> Vec<(UserId, Option<StateRow>)> {
        let wanted = self.publications.of.iter().map(|(user, it)| (*user, it.want)).collect();
        self.withdraw_all(cx);
        wanted
    }

    /// One worker is gone from the configuration.
    pub(in super::super) fn withdraw_pidf(&mut self, user: UserId) {
        if let Some(it) = self.publications.of.get_mut(&user) {
            (it.want, it.waits, it.untold) = (None, false, false);
            self.publications.due.push_back(user);
        }
    }

    /// What people see of a publication.
    pub(in super::super) fn pidf_view(&self, user: UserId) -> Option<PublisherView> {
        let it = self.publications.of.get(&user)?;
        Some(PublisherView { user, want: it.want, stands: it.have, registered: false, waiting: it.waits, refused: it.refused })
    }

    pub(in super::super) fn publications_count(&self) -> usize {
        self.publications.of.len()
    }

    pub(in super::super) fn publications_fingerprint(&self, fp: &mut crate::fingerprint::Fp) {
        if self.publications.of.is_empty() {
            return;
        }
        for (user, it) in &self.publications.of {
            fp.debug(&(user, it.next, it.want, it.have, it.etag.is_some(), it.sent, it.refresh, it.untold, it.failed, it.waits, it.expires_s, it.refusals));
        }
        fp.debug(&(&self.publications.due, self.publications.in_flight));
        fp.time(self.publications.next_send);
    }
}
