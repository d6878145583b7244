//! The endpoint that speaks for a worker: its registration over the trusted connection (`spec/ms-pres.md` 1.2, 3, 6.7 way A).
use super::{Patience, PublisherTimer, timer};
use crate::config::NoteLevel;
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId};
use crate::note::Note;
use crate::time::At;
use crate::uc::UcSide;
use crate::uc::dialog::hex_before_dot;
use crate::uc::register::{EXPIRES_DEFAULT_S, is_busy, refusal_delay, uuid_of};
use crate::uc_event::{Body, Notify, RegistrationEvent, Response};
use alloc::boxed::Box;
use alloc::format;

/// How long a server that is busy is asked again before presence is told, milliseconds (`spec/ms-pres.md` 6.10).
const BUSY_MAX_MS: u64 = 900_000;

/// The registration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Endpoint {
    /// Registered on this connection.
    pub(super) stands: bool,
    /// To be refreshed.
    pub(super) due: bool,
    pub(super) call_id: Box<str>,
    pub(super) tag: Box<str>,
    pub(super) cseq: u32,
    pub(super) gruu: Option<Box<str>>,
    /// `Expires` to ask for after a 423.
    pub(super) expires_s: Option<u32>,
    /// Highest CSeq of a registration event.
    pub(super) remote_cseq: Option<u32>,
    /// A refresh that comes later may come too late: then the server has ended what it had of the endpoint, its subscription too.
    pub(super) lapses_at: Option<At>,
}

impl UcSide {
    /// The answer to a request of a publisher that was not taken: when it is tried again, and what people are told (`spec/ms-pres.md` 3.6, 6.10).
    pub(super) fn on_publisher_refused(&mut self, cx: &mut Cx<'_>, user: UserId, method: &'static str, r: &Response<'_>) {
        self.publishing.tally.refused += 1;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        // A server that let the endpoint read what stands, and does not know it now, has unregistered it: the word about that may have been lost.
        let unregistered = r.status == 403 && it.last_refusal != Some(403) && it.sub.as_deref().is_some_and(|sub| sub.live);
        let busy = is_busy(r.status) || unregistered;
        let timers = &cx.config.uc.timers;
        let delay = if unregistered { cx.entropy.jitter(timers.retry_ms, timers.jitter_percent) } else { refusal_delay(cx, r, it.refusals) }.max(1000);
        it.last_refusal = Some(r.status);
        it.refusals = it.refusals.saturating_add(1);
        let since = *it.failing_since.get_or_insert(cx.now.mono);
        let advice = match r.status {
            _ if unregistered => "registered anew and tried again",
            301 | 302 | 305 => "the worker is homed in another pool, where this connection cannot publish",
            401 | 403 | 407 => "publishing for others needs a connection trusted by the pool: check the trusted application, and that the account is enabled",
            404 | 604 => "the server does not know the worker: check the SIP URI",
            413 => "the publication is too big: shorten texts and note",
            _ if busy => "tried again",
            _ => "left until the next change",
        };
        let why = r.diagnostics.unwrap_or("");
        let text = format!("{method} for {} was refused with {} {} {why}: {advice}", it.uri, r.status, r.reason);
        // One cause, thousands of workers: the alarm comes once.
        let alarm = matches!(r.status, 401 | 403 | 407) && !unregistered && !core::mem::replace(&mut self.publishing.alarmed, true);
        self.note_publisher(cx, user, if alarm { NoteLevel::Alarm } else { NoteLevel::Warn }, text);
        if !busy || cx.now.mono.since(since) >= BUSY_MAX_MS {
            self.fail(cx, user);
        }
        if unregistered {
            self.forget_self(cx, user);
            self.on_endpoint_left(cx, user);
        }
        self.pause(cx, user, if busy { Patience::Busy } else { Patience::Denied }, delay);
    }

    pub(super) fn on_endpoint_answer(&mut self, cx: &mut Cx<'_>, user: UserId, r: &Response<'_>) {
        let timers = &cx.config.uc.timers;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if let (423, Some(min)) = (r.status, r.min_expires_s)
            && it.endpoint.expires_s.is_none_or(|asked| asked < min)
        {
            it.endpoint.expires_s = Some(min);
            it.endpoint.due = it.endpoint.stands;
            return;
        }
        if !(200..300).contains(&r.status) {
            // A registration that could not be refreshed is made anew.
            it.endpoint.due = it.endpoint.stands;
            return self.on_publisher_refused(cx, user, "REGISTER", r);
        }
        let expires_s = r.expires_s.unwrap_or(EXPIRES_DEFAULT_S);
        it.endpoint.stands = true;
        let instance = &self.watchers[it.watcher.index()].voice.instance;
        it.endpoint.gruu = r.gruus.iter().find(|(i, _)| uuid_of(i).eq_ignore_ascii_case(instance)).map(|(_, gruu)| (*gruu).into());
        let granted = u64::from(expires_s) * 1000;
        let lead = if granted >= 2 * timers.register_lead_ms { timers.register_lead_ms } else { granted / 2 };
        let at = cx.now.mono + (granted - lead).max(timers.refresh_min_ms.min(granted.max(1000)));
        let lapsed = it.endpoint.lapses_at.is_some_and(|at| cx.now.mono >= at.mono());
        it.endpoint.lapses_at = Some((cx.now.mono + granted - lead / 2).into());
        cx.set(timer(user, PublisherTimer::Register), at);
        if lapsed {
            self.forget_self(cx, user);
        }
    }

    pub(super) fn on_endpoint_left(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if let Some(it) = self.publishing.all.get_mut(&user) {
            it.endpoint.stands = false;
            it.endpoint.gruu = None;
            it.endpoint.due = false;
            it.endpoint.lapses_at = None;
        }
        cx.clear(timer(user, PublisherTimer::Register));
    }

    /// The endpoint whose REGISTER had this Call-ID.
    fn endpoint_of(&self, call_id: &str) -> Option<UserId> {
        let user = UserId(call_id.strip_prefix('u').and_then(hex_before_dot)?);
        self.publishing.all.get(&user).filter(|it| *it.endpoint.call_id == *call_id).map(|_| user)
    }

    /// A registration event of an endpoint; `false` when it belongs to none.
    pub(in crate::uc) fn on_endpoint_event(&mut self, cx: &mut Cx<'_>, link: UcLinkId, n: &Notify<'_>) -> bool {
        let Some(user) = self.endpoint_of(n.call_id) else { return false };
        let Some(it) = self.publishing.all.get_mut(&user) else { return false };
        if it.endpoint.remote_cseq.is_some_and(|last| n.cseq <= last) {
            let status = if it.endpoint.remote_cseq == Some(n.cseq) { 200 } else { 500 };
            self.answer_notify(cx, link, n, status);
            return true;
        }
        it.endpoint.remote_cseq = Some(n.cseq);
        let Body::Registration(event) = &n.body else {
            self.answer_notify(cx, link, n, if matches!(n.body, Body::Fault(_)) { 400 } else { 200 });
            return true;
        };
        self.answer_notify(cx, link, n, 200);
        self.endpoint_news(cx, user, *event);
        self.settle(cx, user);
        true
    }

    fn endpoint_news(&mut self, cx: &mut Cx<'_>, user: UserId, event: RegistrationEvent) {
        let timers = &cx.config.uc.timers;
        let delay = match event {
            RegistrationEvent::Unregistered => timers.retry_ms,
            RegistrationEvent::Rejected | RegistrationEvent::UserServicesUnavailable => timers.denied_retry_ms,
            RegistrationEvent::Deactivated | RegistrationEvent::PreferredRegistrarChange => timers.backoff_min_ms,
            RegistrationEvent::UserServicesAvailable => 0,
            RegistrationEvent::Other => return,
        };
        if let Some(link) = self.link_of_publisher(user) {
            let text = format!("the endpoint that speaks for {} got a registration event: {event:?}", self.publishing.all[&user].uri);
            let level = if event == RegistrationEvent::Rejected { NoteLevel::Warn } else { NoteLevel::Info };
            cx.note(Note::Uc { level, link, text: text.into_boxed_str() });
        }
        // Whatever the event, what stands is read again before anything is published.
        self.forget_self(cx, user);
        let keeps = matches!(event, RegistrationEvent::UserServicesUnavailable | RegistrationEvent::UserServicesAvailable);
        if !keeps {
            self.on_endpoint_left(cx, user);
        }
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if delay == 0 {
            it.patience = Patience::Ready;
            return cx.clear(timer(user, PublisherTimer::Retry));
        }
        let patience = if event == RegistrationEvent::Rejected { Patience::Denied } else { Patience::Busy };
        if it.wanted().is_some() && event != RegistrationEvent::Deactivated {
            self.fail(cx, user);
        }
        let delay = cx.entropy.jitter(delay, timers.jitter_percent).max(1);
        self.pause(cx, user, patience, delay);
    }
}
