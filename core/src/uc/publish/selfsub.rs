//! The subscription to a worker's own publications (`spec/ms-pres.md` 6.5): versions, what the worker chose, and what they do while ours stands.
use super::own::Reading;
use super::{Patience, PublisherTimer, timer};
use crate::cx::Cx;
use crate::entropy::Entropy;
use crate::fact::Fact;
use crate::id::{UcLinkId, UserId};
use crate::time::Mono;
use crate::uc::UcSide;
use crate::uc::convert::activity_of;
use crate::uc::dialog::hex_before_dot;
use crate::uc::link::doubled;
use crate::uc_event::{Body, Notify, PublishTime, Response, RoamingSelf, SubState, UserState};
use alloc::boxed::Box;
use alloc::format;
use core::net::IpAddr;

/// Used when a 200 grants no time at all.
const EXPIRES_DEFAULT_S: u32 = 3600;
/// What watchers are told of a worker, the worker's own subscriptions are told as well, milliseconds earlier or later at most.
const APART_MS: u64 = 5_000;

/// The dialog. The Call-ID begins with `s` and the worker's number, so that a notification finds it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct SelfSub {
    pub(super) call_id: Box<str>,
    pub(super) local_tag: Box<str>,
    pub(super) remote_tag: Box<str>,
    pub(super) remote_target: Option<Box<str>>,
    pub(super) routes: Box<[Box<str>]>,
    pub(super) local_cseq: u32,
    remote_cseq: Option<u32>,
    /// Answered with 2xx.
    pub(super) live: bool,
    /// The next SUBSCRIBE is due.
    pub(super) due: bool,
    /// The whole table was read, and changes since.
    pub(super) fresh: bool,
    /// A conflict told of a change that no notification has: unless one follows, the server has lost the subscription.
    pub(super) silent: bool,
    /// When it last said something, or was answered.
    heard_at: Mono,
    /// When it is to be refreshed, as the server granted.
    refresh_at: Mono,
    /// Watchers were told of a change and this subscription was not: it is refreshed early, unless it speaks.
    pub(super) doubted: bool,
}

impl SelfSub {
    pub(super) fn new(user: UserId, ip: IpAddr, entropy: &mut Entropy) -> Self {
        Self {
            call_id: format!("s{:x}.{}@{ip}", user.0, entropy.hex(16)).into_boxed_str(),
            local_tag: entropy.hex(10),
            remote_tag: Box::default(),
            remote_target: None,
            routes: Box::default(),
            local_cseq: 0,
            remote_cseq: None,
            live: false,
            due: false,
            fresh: false,
            silent: false,
            heard_at: Mono::default(),
            refresh_at: Mono::default(),
            doubted: false,
        }
    }
}

/// The worker whose own subscription has this Call-ID, if it is of that kind.
pub(in crate::uc) fn self_in(call_id: &str) -> Option<UserId> {
    call_id.strip_prefix('s').and_then(hex_before_dot).map(UserId)
}

impl UcSide {
    pub(super) fn on_self_answer(&mut self, cx: &mut Cx<'_>, user: UserId, r: &Response<'_>) {
        let timers = &cx.config.uc.timers;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        let Some(sub) = it.sub.as_deref_mut() else { return };
        if !(200..300).contains(&r.status) {
            let lost = sub.live && matches!(r.status, 430 | 481);
            self.forget_self(cx, user);
            // The server lost the dialog: it is made anew at once, and if that is refused, too, it is a refusal.
            if lost {
                return self.count_refusal(user);
            }
            return self.on_publisher_refused(cx, user, "SUBSCRIBE", r);
        }
        if !sub.live {
            sub.live = true;
            sub.remote_tag = r.to_tag.into();
            sub.routes = r.record_routes.iter().rev().map(|route| Box::from(*route)).collect();
        }
        if let Some(contact) = r.contacts.first() {
            sub.remote_target = Some((*contact).into());
        }
        let overtaken = matches!((r.piggyback_cseq, sub.remote_cseq), (Some(body), Some(last)) if last >= body);
        if let (Some(body), false) = (r.piggyback_cseq, overtaken) {
            sub.remote_cseq = Some(body);
        }
        let expires_s = r.expires_s.or(r.state_expires_s).unwrap_or(EXPIRES_DEFAULT_S);
        if r.state == SubState::Terminated || expires_s == 0 {
            return self.lose_self(cx, user);
        }
        let granted = u64::from(expires_s) * 1000;
        let lead = if granted > 2 * timers.refresh_lead_ms { timers.refresh_lead_ms } else { granted / 2 };
        let mut at = cx.now.mono + (granted - lead).max(timers.refresh_min_ms);
        match &r.body {
            Body::RoamingSelf(doc) if !overtaken => self.read_self(cx, user, doc, true),
            Body::None | Body::RoamingSelf(_) => {}
            body => {
                if let Some(link) = self.link_of_publisher(user) {
                    self.note_body(cx, link, body);
                }
            }
        }
        if let Some(sub) = self.publishing.all.get_mut(&user).and_then(|it| it.sub.as_deref_mut()) {
            (sub.heard_at, sub.refresh_at, sub.doubted) = (cx.now.mono, at, false);
        }
        if !self.is_fresh(user) {
            at = at.min(cx.now.mono + timers.transaction_timeout_ms);
        }
        cx.set(timer(user, PublisherTimer::Subscribe), at);
    }

    fn is_fresh(&self, user: UserId) -> bool {
        self.publishing.all.get(&user).and_then(|it| it.sub.as_deref()).is_some_and(|sub| sub.fresh)
    }

    fn count_refusal(&mut self, user: UserId) {
        if let Some(it) = self.publishing.all.get_mut(&user) {
            it.refusals = it.refusals.saturating_add(1);
        }
    }

    /// The subscription is to be refreshed; or the first notification never came: then it begins anew.
    pub(super) fn on_self_timer(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        match it.sub.as_deref_mut() {
            Some(sub) if sub.fresh => (sub.due, sub.doubted) = (true, false),
            Some(_) if !it.busy => self.lose_self(cx, user),
            _ => {}
        }
    }

    /// A watcher was told that something about the worker changed. A server that has lost the worker's own subscription tells watchers all the same: without a word on
    /// both ways the subscription is refreshed early, so that what the worker does meanwhile is not written over by what is put back.
    pub(in crate::uc) fn on_watched(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(it) = self.publishing.all.get_mut(&user).filter(|it| !it.busy) else { return };
        let now = cx.now.mono;
        if let Some(sub) = it.sub.as_deref_mut().filter(|sub| sub.fresh && !sub.due && !sub.doubted && sub.heard_at + APART_MS < now) {
            sub.doubted = true;
            cx.set(timer(user, PublisherTimer::Subscribe), sub.refresh_at.min(now + APART_MS));
        }
    }

    /// The server speaks of the worker's publications to us: the subscription stands.
    pub(super) fn on_self_heard(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(sub) = self.publishing.all.get_mut(&user).and_then(|it| it.sub.as_deref_mut()) else { return };
        sub.heard_at = cx.now.mono;
        if core::mem::take(&mut sub.doubted) {
            cx.set(timer(user, PublisherTimer::Subscribe), sub.refresh_at);
        }
    }

    /// A notification of the worker's own publications.
    pub(in crate::uc) fn on_self_notify(&mut self, cx: &mut Cx<'_>, link: UcLinkId, user: UserId, n: &Notify<'_>) {
        let sub = self.publishing.all.get_mut(&user).and_then(|it| it.sub.as_deref_mut());
        let belongs =
            |sub: &&mut SelfSub| *sub.call_id == *n.call_id && *sub.local_tag == *n.to_tag && (sub.remote_tag.is_empty() || *sub.remote_tag == *n.from_tag);
        let Some(sub) = sub.filter(belongs) else {
            return self.answer_notify(cx, link, n, 481);
        };
        if n.require_unsupported.is_some() {
            return self.answer_notify(cx, link, n, 420);
        }
        if n.event != "vnd-microsoft-roaming-self" {
            return self.answer_notify(cx, link, n, 489);
        }
        if let Some(last) = sub.remote_cseq.filter(|last| n.cseq <= *last) {
            return self.answer_notify(cx, link, n, if n.cseq == last { 200 } else { 500 });
        }
        sub.remote_cseq = Some(n.cseq);
        if sub.remote_tag.is_empty() {
            sub.remote_tag = n.from_tag.into();
        }
        self.on_self_heard(cx, user);
        let status = match n.body {
            Body::Fault(_) => 400,
            Body::Unsupported(_) => 415,
            _ => 200,
        };
        self.answer_notify(cx, link, n, status);
        match &n.body {
            Body::RoamingSelf(doc) => self.read_self(cx, user, doc, false),
            body => self.note_body(cx, link, body),
        }
        if n.state == SubState::Terminated || (n.state == SubState::Active && n.expires_s == Some(0)) {
            self.lose_self(cx, user);
        }
        self.settle(cx, user);
    }

    /// Takes the table, or changes of it. The table is what answers a SUBSCRIBE, or the first that comes in a dialog, or behind an answer without it. News that
    /// come before the table was asked for again, or cross the question, are changes: what they do not name is still there. So is what comes without the
    /// containers that were asked for with the table.
    pub(super) fn read_self(&mut self, cx: &mut Cx<'_>, user: UserId, doc: &RoamingSelf<'_>, answer: bool) {
        self.publishing.lag.learn(cx.now.mono, doc.categories.iter().map(|c| c.publish_time).max().unwrap_or_default());
        let lag = self.publishing.lag;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if doc.uri.as_deref().is_some_and(|uri| !crate::directory::same_uri(uri, &it.uri)) {
            self.tally.unknown_users += 1;
            return;
        }
        let busy = it.busy;
        let full = it.sub.as_deref_mut().is_some_and(|sub| {
            sub.silent = false;
            let table = answer || !doc.containers.is_empty();
            let full = !sub.fresh && table && (answer || !sub.live || !(sub.due || busy));
            sub.fresh |= full;
            full
        });
        let reading = Reading {
            now: cx.now.mono,
            config: &cx.config.publish,
            full,
            known: it.known,
            since: if full { lag.theirs(it.since) } else { PublishTime::default() },
            flight: &it.flight,
            tried: it.tried.filter(|_| !it.busy),
            ours_until: it.ours_until,
        };
        let acted = it.own.absorb(doc, &reading);
        if full {
            it.known = true;
            it.tried = it.tried.filter(|_| it.busy);
            // Found to stand though nobody answered: its life is not known, and nothing is set to renew it.
            it.refresh |= it.ours_until.is_none() && it.own.shows_any();
        }
        if let Some(key) = acted.filter(|_| it.wanted().is_some()) {
            it.acted = true;
            let state = it.own.own_state(key).and_then(shown_by);
            cx.fact(Fact::UserAction { user, state });
        }
    }

    /// The subscription ended without our doing: again after a while, longer each time.
    fn lose_self(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.forget_self(cx, user);
        let timers = &cx.config.uc.timers;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        let delay = doubled(timers.backoff_min_ms, u32::from(it.refusals), timers.retry_max_ms);
        it.refusals = it.refusals.saturating_add(1);
        self.pause(cx, user, Patience::Busy, delay);
    }

    pub(super) fn forget_self(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if let Some(it) = self.publishing.all.get_mut(&user) {
            it.sub = None;
        }
        cx.clear(timer(user, PublisherTimer::Subscribe));
    }
}

/// What presence is told of a worker's own state.
fn shown_by(state: &UserState<'static>) -> Option<(u32, crate::presence::Activity)> {
    let availability = state.availability?;
    let first = state.activities.iter().find(|a| (a.min.unwrap_or(0)..=a.max.unwrap_or(u32::MAX)).contains(&availability));
    let custom = first.and_then(|a| a.customs.iter().find(|(lcid, _)| *lcid == 1033).or_else(|| a.customs.first()));
    Some((availability, activity_of(first.and_then(|a| a.token.as_deref()), custom.map(|(_, text)| &**text), &[])))
}
