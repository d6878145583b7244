//! Registrations (MS-SIPREGE; `spec/ms-pres.md` 3): REGISTER per watcher, refresh, refusals, registration events.
use super::link::{State, doubled};
use super::transact::Ask;
use super::watcher::Phase;
use super::{UcSide, UcTimer, key};
use crate::config::NoteLevel;
use crate::cx::Cx;
use crate::id::{UcLinkId, WatcherId};
use crate::note::Note;
use crate::uc_event::{Body, CloseCause, Notify, RegistrationEvent, Response};
use alloc::format;
use alloc::vec::Vec;

/// What an answer without Expires grants (`spec/ms-pres.md` 3.3).
pub(super) const EXPIRES_DEFAULT_S: u32 = 600;

/// Shortest pause after a refusal, whatever the server asks for, milliseconds: a Retry-After of 0 is no invitation to a storm.
const REFUSAL_PAUSE_MIN_MS: u64 = 1_000;

/// Longer times asked for at once in a row (423); after that a growing minimum is a refusal like others.
pub(super) const LONGER_MAX: u8 = 3;

/// Shortest keep-alive interval we let a server impose.
const KEEP_ALIVE_MIN_S: u32 = 10;

impl UcSide {
    pub(super) fn send_register(&mut self, cx: &mut Cx<'_>, watcher: WatcherId) {
        let it = &mut self.watchers[watcher.index()];
        let link = it.link;
        let local = self.links[link.index()].local;
        if it.reg.call_id.is_empty() {
            it.reg.call_id = format!("r{:x}.{}@{}", watcher.0, cx.entropy.hex(16), local.ip()).into_boxed_str();
            it.reg.tag = cx.entropy.hex(10);
        }
        it.reg.phase = Phase::Asked;
        let expires_s = it.reg.expires_s;
        let msg = self.flavour.register(&cx.config.uc, it, local, expires_s);
        self.send(cx, link, Ask::Register(watcher), msg);
    }

    pub(super) fn on_register_answer(&mut self, cx: &mut Cx<'_>, watcher: WatcherId, r: &Response<'_>) {
        let timers = &cx.config.uc.timers;
        let it = &mut self.watchers[watcher.index()];
        if matches!(self.links[it.link.index()].state, State::Draining(_)) {
            // A refresh that crossed the good-bye: what it renewed is taken back.
            it.reg.phase = Phase::Due;
            return;
        }
        it.reg.phase = Phase::Idle;
        if !(200..300).contains(&r.status) {
            return self.on_register_refused(cx, watcher, r);
        }
        let expires_s = r.expires_s.unwrap_or(EXPIRES_DEFAULT_S);
        it.reg.stands = true;
        it.reg.refusals = 0;
        it.reg.gruu = r.gruus.iter().find(|(instance, _)| uuid_of(instance).eq_ignore_ascii_case(&it.instance)).map(|(_, gruu)| (*gruu).into());
        let granted = u64::from(expires_s) * 1000;
        let lead = if granted >= 2 * timers.register_lead_ms { timers.register_lead_ms } else { granted / 2 };
        let at = cx.now.mono + (granted - lead).max(timers.refresh_min_ms.min(granted.max(1000)));
        cx.set(key(UcTimer::Register(watcher)), at);
        cx.note(Note::Registered { watcher, expires_s });
        let link_id = it.link;
        let link = &mut self.links[link_id.index()];
        if let State::Registering(peer) = link.state {
            link.state = State::Up(peer);
        }
        if let Some(seconds) = r.keep_alive_s {
            link.keepalive_ms = u64::from(seconds.max(KEEP_ALIVE_MIN_S)) * 1000;
            self.arm_silence(cx, link_id);
        }
    }

    fn on_register_refused(&mut self, cx: &mut Cx<'_>, watcher: WatcherId, r: &Response<'_>) {
        self.note_refusal(cx, watcher, "REGISTER", r);
        let it = &mut self.watchers[watcher.index()];
        if let (423, Some(min)) = (r.status, r.min_expires_s)
            && it.reg.expires_s.is_none_or(|asked| asked < min)
        {
            it.reg.expires_s = Some(min);
            if it.reg.refusals < LONGER_MAX {
                it.reg.refusals += 1;
                it.reg.phase = Phase::Due;
                return;
            }
        }
        let delay = refusal_delay(cx, r, it.reg.refusals);
        it.reg.refusals = it.reg.refusals.saturating_add(1);
        cx.set(key(UcTimer::Register(watcher)), cx.now.mono + delay);
    }

    pub(super) fn on_register_timer(&mut self, cx: &mut Cx<'_>, watcher: WatcherId) {
        let Some(it) = self.watchers.get_mut(watcher.index()) else { return };
        if it.reg.phase == Phase::Idle {
            it.reg.phase = Phase::Due;
        }
        let link = it.link;
        self.pump(cx, link);
    }

    pub(super) fn forget_registration(&mut self, cx: &mut Cx<'_>, watcher: WatcherId) {
        let reg = &mut self.watchers[watcher.index()].reg;
        reg.stands = false;
        reg.phase = Phase::Idle;
        reg.gruu = None;
        reg.remote_cseq = None;
        cx.clear(key(UcTimer::Register(watcher)));
    }

    /// A registration event on the REGISTER's Call-ID (`spec/ms-pres.md` 3.5).
    pub(super) fn on_registration_event(&mut self, cx: &mut Cx<'_>, link: UcLinkId, n: &Notify<'_>) {
        let found = self.links[link.index()].watchers().find(|w| !n.call_id.is_empty() && *self.watchers[w.index()].reg.call_id == *n.call_id);
        let Some(watcher) = found else {
            if !self.on_endpoint_event(cx, link, n) {
                self.answer_notify(cx, link, n, 481);
            }
            return;
        };
        let reg = &mut self.watchers[watcher.index()].reg;
        if reg.remote_cseq.is_some_and(|last| n.cseq <= last) {
            let status = if reg.remote_cseq == Some(n.cseq) { 200 } else { 500 };
            return self.answer_notify(cx, link, n, status);
        }
        reg.remote_cseq = Some(n.cseq);
        let Body::Registration(event) = &n.body else {
            let status = if matches!(n.body, Body::Fault(_)) { 400 } else { 200 };
            return self.answer_notify(cx, link, n, status);
        };
        self.answer_notify(cx, link, n, 200);
        self.registration_news(cx, link, watcher, *event);
        self.pump(cx, link);
    }

    fn registration_news(&mut self, cx: &mut Cx<'_>, link: UcLinkId, watcher: WatcherId, event: RegistrationEvent) {
        let timers = &cx.config.uc.timers;
        let (level, text, again_ms) = match event {
            RegistrationEvent::Unregistered => (NoteLevel::Warn, "was de-registered by another endpoint or an administrator", Some(timers.retry_ms)),
            RegistrationEvent::Rejected => (NoteLevel::Alarm, "was disabled: enable the account", Some(timers.denied_retry_ms)),
            RegistrationEvent::Deactivated => (NoteLevel::Warn, "was moved to another pool", Some(timers.backoff_min_ms)),
            RegistrationEvent::PreferredRegistrarChange => (NoteLevel::Warn, "has another registrar now", Some(timers.backoff_min_ms)),
            RegistrationEvent::UserServicesUnavailable => (NoteLevel::Warn, "has no presence service now (survivable mode)", None),
            RegistrationEvent::UserServicesAvailable => (NoteLevel::Info, "has its presence service back", None),
            RegistrationEvent::Other => (NoteLevel::Info, "got a registration event that this version does not know", None),
        };
        let text = format!("watcher {} {text}", self.watchers[watcher.index()].uri).into_boxed_str();
        cx.note(Note::Uc { level, link, text });
        match (event, again_ms) {
            (RegistrationEvent::UserServicesUnavailable, _) => {
                self.drop_dialogs(cx, watcher);
                self.watchers[watcher.index()].impaired = true;
                self.hold(cx, watcher, timers.denied_retry_ms);
            }
            (RegistrationEvent::UserServicesAvailable, _) => {
                self.watchers[watcher.index()].impaired = false;
                self.release_hold(cx, watcher);
            }
            (RegistrationEvent::Deactivated | RegistrationEvent::PreferredRegistrarChange, _) if self.links[link.index()].redirect.is_some() => {
                // The configured entry point knows where the user is homed now.
                self.links[link.index()].redirect = None;
                self.hang_up(cx, link, CloseCause::PeerClosed);
            }
            (_, Some(delay)) => {
                self.drop_dialogs(cx, watcher);
                self.forget_registration(cx, watcher);
                let delay = cx.entropy.jitter(delay, timers.jitter_percent);
                cx.set(key(UcTimer::Register(watcher)), cx.now.mono + delay);
            }
            (_, None) => {}
        }
    }

    /// All dialogs of a watcher are void; its users wait again.
    pub(super) fn drop_dialogs(&mut self, cx: &mut Cx<'_>, watcher: WatcherId) {
        let mut lost = Vec::new();
        self.release_watcher(cx, watcher, &mut lost);
        self.report_lost(cx, lost);
    }

    /// Tells the operator about a non-2xx; what only a person can repair is an alarm.
    pub(super) fn note_refusal(&self, cx: &mut Cx<'_>, watcher: WatcherId, method: &'static str, r: &Response<'_>) {
        let text = match r.diagnostics {
            Some(diagnostics) => format!("{} ({diagnostics})", r.reason),
            None => r.reason.into(),
        };
        if !matches!(r.status, 401 | 403 | 404 | 407) {
            return cx.note(Note::UcRefused { watcher, method, status: r.status, text: text.into_boxed_str() });
        }
        let it = &self.watchers[watcher.index()];
        let advice = match r.status {
            401 | 407 if self.flavour.is_simple() => {
                "the server does not accept our user name and password, or asks for what we cannot answer: check [[uc.credential]]"
            }
            401 | 407 => "the server does not trust our certificate: compare its names with the trusted application pool",
            403 => "the watcher is not allowed to do this: check its account",
            _ => "the server does not know the address: check the watcher's URI",
        };
        let text = format!("{method} of {} was refused with {} {text}: {advice}", it.uri, r.status).into_boxed_str();
        cx.note(Note::Uc { level: NoteLevel::Alarm, link: it.link, text });
    }
}

/// A server, or the way to it, that cannot do it now and may later; 408 is our own time-out, too (`spec/ms-pres.md` 1.11).
pub(super) const fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 480 | 500 | 502..=599)
}

/// How long to wait after a refusal (`spec/ms-pres.md` 1.11, 4.7); `refusals` came before it in a row.
pub(super) fn refusal_delay(cx: &mut Cx<'_>, r: &Response<'_>, refusals: u8) -> u64 {
    let timers = &cx.config.uc.timers;
    let asked = r.retry_after_s.map(|seconds| (u64::from(seconds) * 1000).min(timers.retry_after_max_ms).max(REFUSAL_PAUSE_MIN_MS));
    match r.status {
        503 => asked.unwrap_or(timers.retry_after_default_ms),
        status if is_busy(status) => {
            let pause = doubled(timers.retry_ms, u32::from(refusals), timers.retry_max_ms);
            asked.unwrap_or_else(|| cx.entropy.jitter(pause, timers.jitter_percent))
        }
        _ => timers.denied_retry_ms,
    }
}

/// The UUID in a `+sip.instance` value, whatever its quotes, brackets and prefix.
pub(super) fn uuid_of(instance: &str) -> &str {
    let bare = instance.trim_matches(['"', '<', '>']);
    bare.rsplit(':').next().unwrap_or(bare)
}
