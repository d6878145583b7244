//! Answers to publications: success, conflicts, refusals (`spec/ms-pres.md` 6.3, 6.4, 6.10).
use super::{Patience, PublisherTimer, Speech, Way, timer};
use crate::config::NoteLevel;
use crate::cx::Cx;
use crate::id::{UcLinkId, UserId};
use crate::uc::UcSide;
use crate::uc_event::{Body, FaultDoc, Response};
use alloc::format;

/// The only fault that says something about versions.
const WRONG_DELTA: &str = "WrongDelta";

impl UcSide {
    /// The answer to a request of a publisher, or its time-out (408).
    pub(in crate::uc) fn on_publisher_answer(&mut self, cx: &mut Cx<'_>, link: UcLinkId, user: UserId, speech: Speech, r: &Response<'_>) {
        let full = cx.config.publish.outstanding_max > 0 && self.publishing.outstanding >= cx.config.publish.outstanding_max;
        self.publishing.answered(user);
        match speech {
            Speech::Register => self.on_endpoint_answer(cx, user, r),
            Speech::Deregister => self.on_endpoint_left(cx, user),
            Speech::Subscribe => self.on_self_answer(cx, user, r),
            Speech::Unsubscribe => self.forget_self(cx, user),
            Speech::Service => self.on_service_answer(cx, link, user, r),
        }
        self.settle(cx, user);
        if full && self.links.len() > 1 {
            // The limit is one for all links.
            self.pump_all(cx);
        }
    }

    fn on_service_answer(&mut self, cx: &mut Cx<'_>, link: UcLinkId, user: UserId, r: &Response<'_>) {
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        let flight = core::mem::take(&mut it.flight);
        match r.status {
            200..300 => {
                let doc = match &r.body {
                    Body::RoamingSelf(doc) => Some(&**doc),
                    _ => None,
                };
                it.own.succeed(&flight, doc);
                let row = it.tried.take();
                it.conflicts = 0;
                it.refusals = 0;
                it.failing_since = None;
                it.last_refusal = None;
                it.failed = false;
                it.refresh = false;
                self.publishing.tally.done += 1;
                self.arm_refresh(cx, user, row.is_some());
                // Some servers do not notify whoever published; the answer is as good.
                self.on_self_heard(cx, user);
                match &r.body {
                    Body::RoamingSelf(doc) => self.read_rest(cx, user, doc),
                    Body::None => {}
                    body => self.note_body(cx, link, body),
                }
            }
            409 => self.on_conflict(cx, user, &flight, r),
            408 if it.way == Way::Endpoint => {
                // Nobody knows whether it was taken: what stands is read.
                self.read_again(user);
                self.on_publisher_refused(cx, user, "SERVICE", r);
            }
            status => {
                if status == 408 {
                    it.assume(&flight);
                }
                it.tried = None;
                self.on_publisher_refused(cx, user, "SERVICE", r);
            }
        }
    }

    /// What the answer says of instances that were not in the request.
    fn read_rest(&mut self, cx: &mut Cx<'_>, user: UserId, doc: &crate::uc_event::RoamingSelf<'_>) {
        if self.publishing.all.get(&user).is_some_and(|it| it.sub.as_deref().is_some_and(|sub| sub.fresh)) {
            self.read_self(cx, user, doc, false);
        }
    }

    fn arm_refresh(&mut self, cx: &mut Cx<'_>, user: UserId, published: bool) {
        let half = u64::from(cx.config.publish.expires_s) * 500;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        if published {
            it.ours_until = Some(cx.now.mono + 2 * half);
            cx.set(timer(user, PublisherTimer::Refresh), cx.now.mono + half.max(1000));
        } else {
            it.ours_until = None;
            cx.clear(timer(user, PublisherTimer::Refresh));
        }
    }

    /// 409: takes the server's versions, waits, and lets what is known by then decide; after three in a row it gives up for a while.
    fn on_conflict(&mut self, cx: &mut Cx<'_>, user: UserId, flight: &[(crate::uc_event::PublicationKey, super::Done)], r: &Response<'_>) {
        self.publishing.tally.conflicts += 1;
        let retry_ms = cx.config.uc.timers.retry_ms;
        let Some(it) = self.publishing.all.get_mut(&user) else { return };
        it.tried = None;
        it.last_refusal = Some(409);
        let readable = it.way == Way::Endpoint;
        let fault = match &r.body {
            Body::Refusal(fault) => Some(&**fault),
            _ => None,
        };
        if let Some(fault) = fault.filter(|fault| !fault.code.is_empty() && !fault.code.contains(WRONG_DELTA)) {
            let text = format!("the publication for {} was refused: {:.100}; it is left until the next change", it.uri, fault.code);
            self.note_publisher(cx, user, NoteLevel::Warn, text);
            self.fail(cx, user);
            let delay = cx.config.uc.timers.denied_retry_ms;
            return self.pause(cx, user, Patience::Denied, delay);
        }
        let explained = fault.is_some_and(|fault| take_versions(it, flight, fault, readable));
        let pauses = cx.config.publish.conflict_retry_ms;
        let delay = pauses.get(usize::from(it.conflicts)).copied();
        it.conflicts = it.conflicts.saturating_add(1);
        if let Some(sub) = it.sub.as_deref_mut() {
            sub.silent = true;
        }
        if readable && (!explained || delay.is_none()) {
            self.read_again(user);
        }
        if delay.is_none() {
            let Some(it) = self.publishing.all.get_mut(&user) else { return };
            it.conflicts = 0;
            let text = format!("publishing for {} met one conflict after the other; tried again later", it.uri);
            self.note_publisher(cx, user, NoteLevel::Warn, text);
            self.fail(cx, user);
        }
        self.pause(cx, user, Patience::Busy, delay.unwrap_or(retry_ms).max(1));
    }

    /// The table is to be read as a whole before anything else is published.
    pub(super) fn read_again(&mut self, user: UserId) {
        if let Some(sub) = self.publishing.all.get_mut(&user).and_then(|it| it.sub.as_deref_mut()) {
            sub.fresh = false;
            sub.due = true;
        }
    }
}

/// Takes the versions of a conflict; `false` when none of them belongs to the request.
fn take_versions(it: &mut super::Publisher, flight: &[(crate::uc_event::PublicationKey, super::Done)], fault: &FaultDoc<'_>, readable: bool) -> bool {
    let mut any = false;
    for operation in &fault.operations {
        let index = (operation.index as usize).checked_sub(1);
        if let Some((key, done)) = index.and_then(|index| flight.get(index)) {
            it.own.conflict(*key, operation.current, *done, readable);
            any = true;
        }
    }
    any
}
