//! Planted bugs, carried out between core and world. Nothing here runs unless a test asks for it.
use super::World;
use crate::checkers::reported::number;
use crate::checkers::storm::changes_state;
use crate::company;
use crate::net::Side;
use crate::sabotage::Sabotage;
use std::borrow::Cow;
use uc_core::action::{CtiOut, CtiReq};
use uc_core::cti_event::CtiEvent;
use uc_core::id::UserId;
use uc_core::offer::{Outcome, PageEvent, PageNews, PreviewStatus};
use uc_core::uc_event::{Body, CategoryDoc, Found, Notify, PublishTime, StateValue, SubState, UcEvent};
use uc_core::{Action, Input};

/// Reference numbers of planted requests: those of the core and this.
const ECHO_REF: u32 = 1_000_000;

/// What the plot remembers.
#[derive(Debug, Default)]
pub(super) struct Plot {
    last_request: Option<Action>,
    /// A run that is not a function of its seed.
    noise: Option<u64>,
}

fn is_about(body: &Body<'_>, uri: &str) -> bool {
    let same = |doc: &CategoryDoc<'_>| doc.uri.eq_ignore_ascii_case(uri);
    match body {
        Body::Categories(doc) => same(doc),
        Body::List(list) => list.docs.iter().any(same),
        _ => false,
    }
}

impl World {
    /// True: the core must not see the input.
    pub(super) fn intercept(&mut self, input: &Input<'_>) -> bool {
        let victim = company::uri_of(0);
        match (self.sabotage, input) {
            (Sabotage::ForgetPresence, Input::Uc { link, event: UcEvent::Notify(notify) }) if is_about(&notify.body, &victim) => {
                let empty = Notify { body: Body::None, ..Notify::clone(notify) };
                self.core.handle(company::clock(self.now), Input::Uc { link: *link, event: UcEvent::Notify(&empty) });
                true
            }
            (Sabotage::DeafToTermination, Input::Uc { event: UcEvent::Notify(notify), .. }) => notify.state == SubState::Terminated,
            (Sabotage::ForgetWork, Input::Cti { link, event: CtiEvent::Event(event) }) if event.id == number::NOT_READY && event.work_mode.is_some() => {
                let plain = uc_core::cti_event::TEvent { work_mode: None, ..uc_core::cti_event::TEvent::clone(event) };
                self.core.handle(company::clock(self.now), Input::Cti { link: *link, event: CtiEvent::Event(&plain) });
                true
            }
            (Sabotage::EndlessWork, Input::Cti { event: CtiEvent::Event(event), .. }) => event.id == number::READY && event.ref_id == 0,
            (Sabotage::SwallowResponses, Input::Uc { event: UcEvent::Response(_), .. }) => self.books.calm_since.is_some(),
            (Sabotage::OverSleep, Input::Wake) => true,
            (Sabotage::OldStateWins, Input::Uc { link, event: UcEvent::Notify(notify) }) if is_about(&notify.body, &victim) => {
                // The first state of all, under a stamp of the far future, as an old cache would tell it.
                let state = StateValue { availability: Some(3_500), publish_time: PublishTime(u64::MAX), ..StateValue::default() };
                let doc = CategoryDoc { uri: Cow::Owned(victim), state: Found::Value(state), note: Found::Absent, calendar: Found::Absent, others: 0 };
                let forged = Notify { body: Body::Categories(doc), ..Notify::clone(notify) };
                self.core.handle(company::clock(self.now), Input::Uc { link: *link, event: UcEvent::Notify(&forged) });
                true
            }
            (Sabotage::EchoRequest, Input::Cti { event: CtiEvent::Event(event), .. }) => {
                let ours =
                    |action: &Action| matches!(action, Action::SendCti { msg: CtiOut::Request { ref_id, .. }, .. } if *ref_id == event.ref_id + ECHO_REF);
                if matches!(event.id, number::READY | number::NOT_READY) && self.plot.last_request.as_ref().is_some_and(ours) {
                    self.echo_next = self.plot.last_request.take();
                }
                false
            }
            (Sabotage::Usurper, Input::Page { user, event: PageEvent::Accept { offer } }) => {
                let mine = self.core.offers_of(*user).into_iter().find(|view| view.offer == *offer);
                let rival = |user: &UserId| self.core.offers_of(*user).into_iter().find(|view| mine.as_ref().is_some_and(|mine| mine.conn == view.conn));
                let other = self.core.directory().users().filter(|other| other != user).find_map(|user| Some((user, rival(&user)?.offer)));
                let Some((user, offer)) = other else { return false };
                self.core.handle(company::clock(self.now), Input::Page { user, event: PageEvent::Accept { offer } });
                true
            }
            (Sabotage::DeafToNotReady, Input::Cti { event: CtiEvent::Event(event), .. }) => event.id == number::NOT_READY,
            (Sabotage::DeafToRelease, Input::Cti { event: CtiEvent::Event(event), .. }) => matches!(event.id, number::ABANDONED | number::RELEASED),
            (Sabotage::Impure, _) => {
                // The address of something on the heap differs from run to run; so does this count, kept outside the run.
                let noise = *self.plot.noise.get_or_insert_with(crate::sabotage::impure);
                self.trace.num(noise);
                false
            }
            _ => false,
        }
    }

    /// Changes what the core asked for, before anybody has seen it.
    pub(super) fn forge(&self, action: &mut Action) {
        match (self.sabotage, action) {
            (Sabotage::SecondWinner, Action::Page { news, .. }) => {
                if let PageNews::Ended { outcome, .. } = &mut **news
                    && *outcome == Outcome::Taken
                {
                    *outcome = Outcome::Accepted;
                }
            }
            (Sabotage::LateWinner, Action::AnswerPreview { answer, .. } | Action::AnswerRouter { answer, .. })
                if matches!(answer.status, PreviewStatus::Canceled | PreviewStatus::Timeout) =>
            {
                answer.status = PreviewStatus::Accepted;
            }
            _ => {}
        }
    }

    /// Looks at what was just done, and may do it again.
    pub(super) fn after_action(&mut self, action: &Action) {
        if let (Sabotage::DoublePublication, Action::SendUc { msg, .. }) = (self.sabotage, action)
            && crate::checkers::publisher::is_publication(msg)
        {
            self.check(|checker, scene| checker.on_action(scene, action));
        }
        if self.options.previews.on {
            self.after_preview(action);
        }
        let Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } } = action else {
            if let (Sabotage::Rubbish, Action::SendUc { link, .. }) = (self.sabotage, action)
                && let Some(conn) = self.sip.get(link.index()).and_then(|w| w.conn)
            {
                self.put(conn, Side::Client, b"This is no SIP\r\n\r\n");
            }
            return;
        };
        if !changes_state(req) {
            return;
        }
        let again = |ref_id: u32| Action::SendCti { link: *link, msg: CtiOut::Request { ref_id, dn: *dn, req: *req } };
        match (self.sabotage, req) {
            (Sabotage::PingPong, _) => {
                for at in 0..8 {
                    let more = again(ref_id + ECHO_REF + at);
                    self.check(|checker, scene| if checker.name() == "ping-pong" { checker.on_action(scene, &more) } else { Ok(()) });
                }
            }
            (Sabotage::DoubleRequest, _) => {
                let twice = again(ref_id + ECHO_REF);
                self.check(|checker, scene| checker.on_action(scene, &twice));
            }
            (Sabotage::EchoRequest, CtiReq::State(_)) => self.plot.last_request = Some(again(ref_id + ECHO_REF)),
            _ => {}
        }
    }

    /// The same for what previews ask for.
    fn after_preview(&mut self, action: &Action) {
        match (self.sabotage, action) {
            (Sabotage::AnswerTwice, Action::AnswerPreview { .. } | Action::AnswerRouter { .. }) => self.see(action),
            (Sabotage::RecordTwice, Action::Record(record)) if record.ended.is_some() => {
                self.check(|checker, scene| if checker.name() == "records" { checker.on_action(scene, action) } else { Ok(()) });
            }
            (Sabotage::WrongPage, Action::Page { user, news }) if matches!(**news, PageNews::Offered(_)) => {
                let Some(user) = self.core.directory().users().find(|other| other != user) else { return };
                let other = Action::Page { user, news: news.clone() };
                self.check(|checker, scene| if checker.name() == "private" { checker.on_action(scene, &other) } else { Ok(()) });
            }
            (Sabotage::LoseReport, _) if self.t_server.user_events.len() > 1 => {
                self.t_server.user_events.remove(0);
            }
            _ => {}
        }
    }

    /// The echo of a confirmed request, if one is due.
    pub(super) fn play_echo(&mut self) {
        if let Some(action) = self.echo_next.take() {
            self.check(|checker, scene| checker.on_action(scene, &action));
        }
    }
}
