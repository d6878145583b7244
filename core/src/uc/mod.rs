//! The SIP side: links, transactions, registrations, subscriptions (ranks 1 and 2).
//!
//! One link per connection (`link.rs`), its client transactions (`transact.rs`), one registration per watcher identity (`register.rs`), and subscription dialogs
//! (`subscribe.rs`, `notify.rs`) over a dense table of users (`table.rs`). Everything that goes out in an order of our choosing goes through `pump.rs`, which
//! knows the pace. What a user's presence means is not known here: documents become [`crate::fact::Fact::Presence`].
mod convert;
mod dialog;
mod drain;
mod ends;
mod instance;
mod invite;
mod link;
mod notify;
mod people;
mod publish;
mod pump;
mod register;
mod request;
mod silence;
mod simple;
mod subscribe;
mod table;
mod transact;
mod view;
mod watcher;

#[cfg(test)]
mod tests;

use crate::action::Action;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::id::{DialogId, UcLinkId, UserId, WatcherId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::{OtherRequest, UcEvent};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use dialog::Dialog;
use invite::Inviting;
pub(crate) use invite::{Letter, letter};
use link::Link;
use publish::{PublisherTimer, Publishing};
use silence::Waits;
use table::Table;
use watcher::WatcherSide;

/// Timers of the SIP side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum UcTimer {
    /// Resolving or connecting takes too long, or the pause before the next attempt is over.
    Link(UcLinkId),
    /// The pace allows the next request.
    Pace(UcLinkId),
    /// Keep-alive or probe.
    Silence(UcLinkId),
    /// The oldest unanswered request (Timer F).
    Transactions(UcLinkId),
    /// A registration is to be refreshed or tried again.
    Register(WatcherId),
    /// New subscriptions of this watcher may go out again.
    Hold(WatcherId),
    /// A subscription is to be refreshed, or is over.
    Refresh(DialogId),
    /// The next user whose subscription was refused is tried again.
    Retry,
    /// A publisher.
    Publisher(UserId, PublisherTimer),
    /// The pace allows the next publication.
    PublishPace,
    /// Publishers that needed nothing have something to tell.
    Settle,
    /// The next unanswered datagram goes out again (Timer E).
    Resend(UcLinkId),
    /// The next subscription to a worker's calls is tried again.
    Calls,
    /// A PUBLISH is to be refreshed or tried again.
    Pidf(UserId),
    /// The pace allows the next PUBLISH.
    PidfPace,
    /// A conversation with a worker: nobody answers, or it has been over for long enough.
    Session(u32),
    /// Invitations that could not be sent are told.
    Invitations,
    /// A dialog has waited for a notification long enough (Timer N).
    Silent,
}

/// The SIP side of the connector.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct UcSide {
    links: Vec<Link>,
    watchers: Vec<WatcherSide>,
    dialogs: BTreeMap<DialogId, Box<Dialog>>,
    /// Dialogs that wait for a notification.
    waits: Waits,
    table: Table,
    /// When a denied user is tried again. Entries may be out of date: the user's slot decides.
    retries: BTreeSet<(Mono, UserId)>,
    next_dialog: u32,
    publishing: Publishing,
    draining: bool,
    flavour: simple::Flavour,
    calls: simple::Calls,
    publications: simple::Publications,
    inviting: Inviting,
    tally: Tally,
}

/// What is counted here.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Tally {
    notifies: u64,
    unknown_users: u64,
    requests: u64,
    resent: u64,
    answers: u64,
    subscriptions: u64,
    malformed: u64,
    links_lost: u64,
}

impl UcSide {
    /// Builds links and watchers from the configuration and asks for the first connections.
    pub(crate) fn start(cx: &mut Cx<'_>) -> Self {
        let mut it = Self::default();
        it.build(cx);
        it.assign_everybody(cx);
        for link in 0..it.links.len() {
            it.resolve(cx, UcLinkId(link as u16));
        }
        it
    }

    /// Something arrived on, or happened to, a connection.
    pub(crate) fn on_event(&mut self, cx: &mut Cx<'_>, link: UcLinkId, event: UcEvent<'_>) {
        let Some(it) = self.links.get_mut(link.index()) else { return };
        it.last_rx = cx.now.mono;
        match event {
            UcEvent::Notify(notify) => self.on_notify(cx, link, notify),
            UcEvent::Response(response) => self.on_response(cx, link, response),
            UcEvent::Request(request) => self.on_request(cx, link, request),
            UcEvent::KeepAlive => {}
            UcEvent::StreamLost => self.on_stream_lost(cx, link),
            UcEvent::Resolved { endpoint, addrs } => self.on_resolved(cx, link, endpoint, addrs),
            UcEvent::Connected { local } => self.on_connected(cx, link, local),
            UcEvent::Closed { why } => self.on_closed(cx, link, why),
            UcEvent::Malformed(fault) => {
                self.tally.malformed += 1;
                cx.note(Note::UcMalformed { link, fault: alloc::format!("{fault}").into_boxed_str() });
                if fault.is_fatal() {
                    self.hang_up(cx, link, crate::uc_event::CloseCause::Local);
                } else if let Some(status) = fault.answer_status() {
                    self.answer(cx, link, status);
                }
            }
        }
    }

    /// A deadline of ours has come.
    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, timer: UcTimer) {
        match timer {
            UcTimer::Link(link) => self.on_link_timer(cx, link),
            UcTimer::Pace(link) => self.pump(cx, link),
            UcTimer::Silence(link) => self.on_silence(cx, link),
            UcTimer::Transactions(link) => self.on_transaction_timer(cx, link),
            UcTimer::Register(watcher) => self.on_register_timer(cx, watcher),
            UcTimer::Hold(watcher) => self.on_hold_over(cx, watcher),
            UcTimer::Refresh(dialog) => self.on_refresh_timer(cx, dialog),
            UcTimer::Retry => self.on_retry_timer(cx),
            UcTimer::Publisher(user, which) => self.on_publisher_timer(cx, user, which),
            UcTimer::PublishPace => self.pump_all(cx),
            UcTimer::Settle => self.on_settle_timer(cx),
            UcTimer::Resend(link) => self.on_resend_timer(cx, link),
            UcTimer::Calls => self.on_calls_timer(cx),
            UcTimer::Pidf(user) => self.on_pidf_timer(cx, user),
            UcTimer::PidfPace => self.on_pidf_pace_timer(cx),
            UcTimer::Session(leg) => self.on_session_timer(cx, leg),
            UcTimer::Invitations => self.on_invitations_timer(cx),
            UcTimer::Silent => self.on_silent_timer(cx),
        }
    }

    /// A request that is no notification: OPTIONS is answered, anything else is not for us (`spec/ms-pres.md` 1.5).
    fn on_request(&mut self, cx: &mut Cx<'_>, link: UcLinkId, request: &OtherRequest<'_>) {
        let status = match request.method {
            "ACK" => return,
            _ if !request.to_tag.is_empty() && self.on_session_request(cx, link, request) => return,
            _ if request.require_unsupported.is_some() => 420,
            "OPTIONS" => 200,
            // An endpoint that speaks for a worker takes no calls and no messages (`spec/ms-pres.md` 6.7).
            "INVITE" | "MESSAGE" if self.links[link.index()].publishers > 0 => 480,
            "CANCEL" => 481,
            _ => 405,
        };
        self.answer(cx, link, status);
    }

    fn answer(&mut self, cx: &mut Cx<'_>, link: UcLinkId, status: u16) {
        self.tally.answers += 1;
        self.links[link.index()].last_tx = cx.now.mono;
        cx.act(Action::Answer { link, status });
    }
}

const fn key(timer: UcTimer) -> TimerKey {
    TimerKey::Uc(timer)
}
