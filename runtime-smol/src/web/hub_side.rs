//! The deciding thread's end of the web side: questions become inputs, actions become news with names in them.
//!
//! Questions are answered for [`super::slice::SLICE`], then sockets are looked at again, so a flood of web requests only makes web requests wait. Changes of the state
//! of workers with open pages are on a list of the core (`Connector::poll_changed`), which is taken at the end of every turn: a page hears of a change at once, and
//! nothing is looked at while nothing changes. After what changes many at once the rest of the list is taken in slices, too.
#[cfg(test)]
mod tests;

use super::slice::Slice;
use super::talk::{Answer, Ask, BoardPiece, BoardRow, DnState, Looked, Menu, NEWS_MAX, Offer, PageId, StateView, Told, Who};
use crate::choosing::word_of;
use crate::hub::{Hub, Shared};
use crate::ops;
use crate::poller::Timer;
use smol::channel::{Receiver, Sender};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uc_core::action::Ticket;
use uc_core::id::{DnId, UserId};
use uc_core::offer::{OfferRecord, OfferView, PageEvent, PageNews, PreviewAnswer, PreviewRequest, RequestId, RequestView, RouterEvent};
use uc_core::{Connector, Input};

/// Workers in one piece of the board; fewer when the time for questions is over before.
const BOARD_MAX: u32 = 200;
/// Changed workers whose pages are told at the end of a turn; the others by [`keep_shown`].
const SHOWN_MAX: usize = 64;
/// States are held back while so many news wait for the web thread: room for offers, which cannot be held back.
const STATES_MAX: usize = NEWS_MAX / 2;
/// How long they are held back before the next try.
const CROWDED: Duration = Duration::from_millis(10);

/// What the hub keeps for the web side.
pub(crate) struct WebSide {
    told: Sender<Told>,
    /// News were left out.
    missed: Arc<AtomicBool>,
    /// Workers with open pages.
    visitors: BTreeMap<UserId, Visitor>,
    /// Says that changes are left to be told.
    more: Sender<()>,
}

struct Visitor {
    who: Who,
    pages: Vec<PageId>,
    /// Of the state their pages show.
    print: u64,
}

impl WebSide {
    /// With the queue to the web thread, the flag that tells it that news were left out, and a queue of one word to [`keep_shown`].
    pub(crate) fn new(told: Sender<Told>, missed: Arc<AtomicBool>, more: Sender<()>) -> Self {
        Self { told, missed, visitors: BTreeMap::new(), more }
    }

    /// Tells what must not be left out.
    pub(crate) fn tell(&self, told: Told) {
        // The receiver lives as long as the web thread, which ends after us.
        let _ = self.told.try_send(told);
    }

    /// Tells pages something, unless too much waits already.
    fn news(&self, told: Told) {
        if self.told.len() < NEWS_MAX {
            self.tell(told);
        } else {
            self.missed.store(true, Ordering::Release);
        }
    }
}

impl Hub {
    /// One question of the web side.
    fn ask(&mut self, ask: Ask, slice: &mut Slice) {
        match ask {
            Ask::Open { page, who } => self.page_opened(page, &who),
            Ask::Close { page, who } => self.page_closed(page, &who),
            Ask::Click { who, offer, accept } => {
                let Some(user) = self.connector.directory().user_by_employee(&who) else { return };
                let event = if accept { PageEvent::Accept { offer } } else { PageEvent::Reject { offer } };
                self.step(Input::Page { user, event }, &[]);
            }
            // Whoever asked may have given up waiting.
            Ask::Choose { who, state, reply } => {
                let chosen = self.choose(&who, &state).map(|user| Box::new(ops::state_of(&self.connector, user)));
                let _ = reply.try_send(chosen);
            }
            Ask::Menu { reply } => {
                let config = self.connector.directory().config();
                let _ = reply.try_send(Menu { mode: config.mode, logout: config.choice.logout, catalogue: Arc::clone(&self.extra.catalogue) });
            }
            Ask::Board { from, reply } => {
                let _ = reply.try_send(self.board(from, slice));
            }
            Ask::Preview { id, wanted } => {
                let data: Vec<(&str, &str)> = wanted.data.iter().map(|(key, value)| (&**key, &**value)).collect();
                let request = PreviewRequest {
                    select: wanted.select,
                    targets: &wanted.targets,
                    dn: &wanted.dn,
                    switch: &wanted.switch,
                    conn: &wanted.conn,
                    media: &wanted.media,
                    data: &data,
                    timeout_ms: wanted.timeout_ms,
                    key: wanted.key.as_deref(),
                };
                self.step(Input::Router(&RouterEvent::Request { id, request: &request }), &[]);
            }
            Ask::Cancel { id, conn, text } => self.step(Input::Router(&RouterEvent::Cancel { id, conn: &conn, text: &text }), &[]),
            Ask::Gone { id } => self.step(Input::Router(&RouterEvent::Gone { id }), &[]),
            Ask::Redirect { who, redirect } => _ = self.redirects.insert((*who).into(), redirect),
            Ask::Look { conn, reply } => {
                let looked = self.connector.request(&conn).map(|view| match view {
                    RequestView::Open(users) => Looked::Open(users.into_iter().filter_map(|user| self.employee(user)).collect()),
                    RequestView::Answered(answer) => Looked::Answered(self.named(answer)),
                });
                let _ = reply.try_send(looked);
            }
        }
    }

    /// At least one slot, so that whoever asks comes to an end.
    fn board(&self, from: u32, slice: &mut Slice) -> BoardPiece {
        let slots = self.connector.directory().user_slots() as u32;
        let (mut rows, mut at) = (Vec::new(), from);
        while at < slots.min(from.saturating_add(BOARD_MAX)) {
            rows.extend(self.board_row(UserId(at)));
            at += 1;
            if slice.is_over() {
                break;
            }
        }
        BoardPiece { rows, next: (at < slots).then_some(at) }
    }

    fn board_row(&self, user: UserId) -> Option<BoardRow> {
        let directory = self.connector.directory();
        let worker = self.connector.worker(user)?;
        let person = directory.person(user);
        Some(BoardRow {
            who: person.employee_id.clone(),
            name: person.display_name.clone(),
            shown: worker.shown.id(&directory.config().choice).into(),
            pages: self.web.as_ref().and_then(|web| web.visitors.get(&user)).map_or(0, |visitor| visitor.pages.len()),
            offers: self.connector.offers_of(user).into_iter().map(|view| offer(&self.connector, view)).collect(),
        })
    }

    fn employee(&self, user: UserId) -> Option<Box<str>> {
        let directory = self.connector.directory();
        directory.has_user(user).then(|| directory.person(user).employee_id.clone())
    }

    /// Where a worker wants calls to go; empty: to their DN.
    pub(crate) fn redirect_of(&self, user: UserId) -> Box<str> {
        let redirect = self.employee(user).and_then(|who| self.redirects.get(&who)).filter(|redirect| redirect.enabled);
        redirect.map_or_else(Box::default, |redirect| redirect.number.clone())
    }

    fn named(&self, answer: PreviewAnswer) -> Answer {
        let PreviewAnswer { status, text, user, agent, dn, switch } = answer;
        Answer { status, text, who: user.and_then(|user| self.employee(user)).map(Into::into), agent, dn, switch }
    }

    fn page_opened(&mut self, page: PageId, who: &Who) {
        let Some(user) = self.connector.directory().user_by_employee(who) else {
            if let Some(web) = &self.web {
                web.tell(Told::Removed { who: Arc::clone(who) });
            }
            return;
        };
        let print = self.connector.print(user);
        let Some(web) = &mut self.web else { return };
        let visitor = web.visitors.entry(user).or_insert_with(|| Visitor { who: Arc::clone(who), pages: Vec::new(), print });
        visitor.pages.push(page);
        let is_first = visitor.pages.len() == 1;
        if is_first {
            self.connector.watch(user, true);
            self.step(Input::Page { user, event: PageEvent::Opened }, &[]);
        }
        let offers = self.connector.offers_of(user).into_iter().map(|view| offer(&self.connector, view)).collect();
        let state = Box::new(state_view(&self.connector, user));
        if let Some(web) = &self.web {
            web.tell(Told::Opened { page, state, offers });
        }
    }

    fn page_closed(&mut self, page: PageId, who: &Who) {
        let Some(user) = self.connector.directory().user_by_employee(who) else { return };
        let Some(visitor) = self.web.as_mut().and_then(|web| web.visitors.get_mut(&user)) else { return };
        let before = visitor.pages.len();
        visitor.pages.retain(|open| *open != page);
        if before > 0 && visitor.pages.is_empty() {
            if let Some(web) = &mut self.web {
                web.visitors.remove(&user);
            }
            self.connector.watch(user, false);
            self.step(Input::Page { user, event: PageEvent::Closed }, &[]);
        }
    }

    /// [`uc_core::Action::Page`]
    pub(crate) fn page_news(&self, user: UserId, news: PageNews) {
        let Some((web, visitor)) = self.web.as_ref().and_then(|web| Some((web, web.visitors.get(&user)?))) else { return };
        let who = Arc::clone(&visitor.who);
        web.news(match news {
            PageNews::Offered(view) => Told::Offered { who, offer: Box::new(offer(&self.connector, view)) },
            PageNews::Ended { offer, outcome } => Told::Ended { who, offer, outcome },
            PageNews::TooLate { offer } => Told::TooLate { who, offer },
        });
    }

    /// [`uc_core::Action::AnswerPreview`]
    pub(crate) fn answer_preview(&self, id: RequestId, answer: PreviewAnswer) {
        let answer = Box::new(self.named(answer));
        if let Some(web) = &self.web {
            web.tell(Told::Answer { id, answer });
        }
    }

    /// [`uc_core::Action::Ticket`]
    pub(crate) fn ticket(&self, ticket: Ticket) {
        if let Some((web, who)) = self.web.as_ref().zip(self.employee(ticket.user)) {
            web.tell(Told::Ticket { who: who.into(), token: ticket.token, ends: ticket.ends_unix_ms });
        }
    }

    /// [`uc_core::Action::Record`]
    pub(crate) fn record_offer(&self, record: &OfferRecord) {
        let Some(history) = &self.history else { return };
        let directory = self.connector.directory();
        let person = directory.has_user(record.user).then(|| directory.person(record.user));
        history.keep(crate::history::Line {
            offer: record.offer.0,
            employee_id: person.map_or_else(Box::default, |person| person.employee_id.clone()),
            display_name: person.map_or_else(Box::default, |person| person.display_name.clone()),
            dn: dn_name(&self.connector, record.dn),
            conn: Arc::clone(&record.conn),
            media: Arc::clone(&record.media),
            at_ms: record.at_unix_ms,
            ended: record.ended.map(uc_core::offer::Outcome::word),
        });
    }

    /// Workers who left with the last configuration take their pages with them.
    pub(crate) fn sweep_removed(&mut self) {
        let Some(web) = &mut self.web else { return };
        let directory = self.connector.directory();
        web.visitors.retain(|user, visitor| {
            let stays = directory.has_user(*user) && *directory.person(*user).employee_id == *visitor.who;
            if !stays {
                let _ = web.told.try_send(Told::Removed { who: Arc::clone(&visitor.who) });
            }
            stays
        });
    }

    /// Tells a worker's pages when their state is another than they show.
    fn compare(&mut self, user: UserId) {
        let Some(visitor) = self.web.as_mut().and_then(|web| web.visitors.get_mut(&user)) else { return };
        let print = self.connector.print(user);
        if visitor.print != print {
            visitor.print = print;
            let who = Arc::clone(&visitor.who);
            let state = Box::new(state_view(&self.connector, user));
            if let Some(web) = &self.web {
                web.news(Told::State { who, state });
            }
        }
    }

    /// Tells pages what changed in this turn.
    pub(crate) fn show_some(&mut self) {
        let mut left = SHOWN_MAX;
        self.show_changes(|| {
            left -= 1;
            left == 0
        });
    }

    /// Tells pages what changed until `is_over`. `false`: too much waits for the web thread already.
    fn show_changes(&mut self, mut is_over: impl FnMut() -> bool) -> bool {
        while let Some(web) = &self.web {
            let is_crowded = web.told.len() >= STATES_MAX;
            if is_crowded {
                // What has to wait here stays on the list, each worker once, however often they change.
                let _ = web.more.try_send(());
                return false;
            }
            let Some(user) = self.connector.poll_changed() else { break };
            self.compare(user);
            if is_over() {
                self.web.as_ref().map(|web| web.more.try_send(()));
                break;
            }
        }
        true
    }
}

/// Takes questions, for a bounded time between two looks at the sockets.
pub(crate) async fn serve(hub: Shared, asked: Receiver<Ask>, mut slice: Slice) {
    while let Ok(first) = asked.recv().await {
        {
            let mut hub = hub.borrow_mut();
            hub.tick();
            slice.begin();
            let mut next = Some(first);
            while let Some(ask) = next {
                hub.ask(ask, &mut slice);
                next = if slice.is_over() { None } else { asked.try_recv().ok() };
            }
            hub.flush();
        }
        slice.pause().await;
    }
}

/// Tells pages the changes that were too many for one turn, whenever `more` says so.
pub(crate) async fn keep_shown(hub: Shared, more: Receiver<()>, mut slice: Slice) {
    while more.recv().await.is_ok() {
        slice.begin();
        let told = hub.borrow_mut().show_changes(|| slice.is_over());
        slice.pause().await;
        if !told {
            Timer::after(CROWDED).await;
        }
    }
}

fn state_view(connector: &Connector, user: UserId) -> StateView {
    let (directory, config) = (connector.directory(), connector.directory().config());
    let worker = connector.worker(user);
    let dns = connector.dns_of(user).filter_map(|dn| {
        let view = connector.dn(dn)?;
        let flags = [
            (view.in_flight, "in-flight"),
            (view.held, "held"),
            (!view.registered, "unregistered"),
            (view.stranger.is_some(), "stranger"),
            (view.seat, "seat"),
        ];
        Some(DnState {
            number: directory.number(dn).into(),
            switch: config.cti.switches.get(directory.switch_of(dn).index()).map_or_else(Box::default, |switch| switch.name.clone()),
            shown: view.shown.id(&config.choice).into(),
            flags: flags.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect(),
        })
    });
    StateView {
        choice: worker.as_ref().and_then(|worker| worker.choice).map(|choice| word_of(choice, &config.choice).into()),
        shown: worker.as_ref().map_or_else(Box::default, |worker| worker.shown.id(&config.choice).into()),
        class: worker.as_ref().map_or("unknown", |worker| worker.class.token()),
        note: worker.as_ref().map_or_else(Box::default, |worker| worker.note.into()),
        dns: dns.collect(),
    }
}

fn offer(connector: &Connector, view: OfferView) -> Offer {
    let OfferView { offer, dn, conn, media, data, offered_unix_ms, ends_unix_ms, broadcast } = view;
    Offer { offer, dn: dn_name(connector, dn), conn, media, data, offered: offered_unix_ms, ends: ends_unix_ms, broadcast }
}

fn dn_name(connector: &Connector, dn: DnId) -> Box<str> {
    connector.directory().number_if_known(dn).unwrap_or_default().into()
}
