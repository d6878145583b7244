//! What is open of requests and offers, read from the inputs and actions: books shared by the checkers of previews.
use super::bridged::is_bridged;
use crate::company;
use crate::preview::workers_of;
use std::collections::{BTreeMap, BTreeSet};
use uc_core::id::{DnId, UserId};
use uc_core::offer::{OfferId, OfferView, Outcome, PageEvent, PageNews, RequestId, RouterEvent, conn_number};
use uc_core::{Action, Connector, Input};

/// An open offer.
#[derive(Clone, Debug)]
pub struct Open {
    /// To whom.
    pub user: UserId,
    /// Number of the person in the world.
    pub worker: u16,
    /// Number behind the connection id.
    pub conn: u64,
    /// The DN.
    pub dn: DnId,
    /// As it was shown.
    pub view: OfferView,
    /// The group of requests it belongs to.
    pub group: Option<u64>,
}

/// Requests that hear the same answer: one, and those that repeat it with its key.
#[derive(Clone, Debug)]
pub struct Group {
    /// Number behind the connection id.
    pub conn: u64,
    /// Idempotency key.
    pub key: Option<String>,
    /// Who may be asked.
    pub workers: Vec<u16>,
    /// Who waits.
    pub waiting: BTreeSet<RequestId>,
    /// Of these, whose connection is lost: they may ask again.
    pub lost: BTreeSet<RequestId>,
}

/// A click at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Click {
    /// Whose page.
    pub user: UserId,
    /// Which offer.
    pub offer: OfferId,
    /// Accept, or decline.
    pub accept: bool,
    /// The offer was open, and this worker's.
    pub good: bool,
}

/// The books.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// Open offers.
    pub open: BTreeMap<OfferId, Open>,
    /// Open groups.
    pub groups: BTreeMap<u64, Group>,
    by_request: BTreeMap<RequestId, u64>,
    last: u64,
    /// The click that the core is hearing of now.
    pub click: Option<Click>,
    /// The core has stopped.
    pub stopped: bool,
}

/// What an action did to the books.
#[derive(Clone, Debug)]
pub enum Change {
    /// Nothing.
    None,
    /// An offer is over.
    Ended(OfferId, Box<Open>, Outcome),
    /// An offer that was not open is said to be over.
    EndedTwice(OfferId),
    /// A request was answered; its group, if it was waiting.
    Answered(Option<u64>),
}

impl Offered {
    /// Takes an input.
    pub fn on_input(&mut self, input: &Input<'_>) {
        self.click = None;
        match input {
            Input::Router(RouterEvent::Request { id, request }) => {
                if let Some(group) = self.by_request.get(id).and_then(|at| self.groups.get_mut(at))
                    && group.lost.remove(id)
                {
                    return;
                }
                let conn = conn_number(request.conn).unwrap_or_default();
                let same = |group: &Group| request.key.is_some() && group.key.as_deref() == request.key && group.conn == conn;
                let joined = self.groups.iter().find(|(_, group)| same(group)).map(|(at, _)| *at);
                let at = joined.unwrap_or_else(|| {
                    self.last += 1;
                    let (key, workers) = (request.key.map(str::to_owned), workers_of(request.targets));
                    self.groups.insert(self.last, Group { conn, key, workers, waiting: BTreeSet::new(), lost: BTreeSet::new() });
                    self.last
                });
                self.by_request.insert(*id, at);
                if let Some(group) = self.groups.get_mut(&at) {
                    group.waiting.insert(*id);
                }
            }
            // Lost, or lost before and now gone for good.
            Input::Router(RouterEvent::Gone { id })
                if is_bridged(*id) && self.by_request.get(id).and_then(|at| self.groups.get_mut(at)).is_some_and(|group| !group.lost.insert(*id)) =>
            {
                self.forget(*id);
            }
            Input::Page { user, event: PageEvent::Accept { offer } } => self.clicked(*user, *offer, true),
            Input::Page { user, event: PageEvent::Reject { offer } } => self.clicked(*user, *offer, false),
            _ => {}
        }
    }

    /// The group of a request that waits no more.
    fn forget(&mut self, id: RequestId) -> Option<u64> {
        let at = self.by_request.remove(&id)?;
        if let Some(group) = self.groups.get_mut(&at) {
            group.waiting.remove(&id);
            group.lost.remove(&id);
            if group.waiting.is_empty() {
                self.groups.remove(&at);
            }
        }
        Some(at)
    }

    fn clicked(&mut self, user: UserId, offer: OfferId, accept: bool) {
        let good = self.open.get(&offer).is_some_and(|open| open.user == user);
        self.click = Some(Click { user, offer, accept, good });
    }

    /// Takes an action, and says what it changed.
    pub fn on_action(&mut self, core: &Connector, action: &Action) -> Change {
        match action {
            Action::Page { user, news } => match &**news {
                PageNews::Offered(view) => {
                    let worker = company::worker_of(&core.directory().person(*user).employee_id).unwrap_or(u16::MAX);
                    let conn = conn_number(&view.conn).unwrap_or_default();
                    // A newer request about the same call and worker replaces an older one, so the newest it can be is the one it is.
                    let group = self.groups.iter().rev().find(|(_, group)| group.conn == conn && group.workers.contains(&worker)).map(|(at, _)| *at);
                    self.open.insert(view.offer, Open { user: *user, worker, conn, dn: view.dn, view: view.clone(), group });
                    Change::None
                }
                PageNews::Ended { offer, outcome } => match self.open.remove(offer) {
                    Some(open) => Change::Ended(*offer, Box::new(open), *outcome),
                    None => Change::EndedTwice(*offer),
                },
                PageNews::TooLate { .. } => Change::None,
            },
            Action::AnswerPreview { id, .. } => Change::Answered(self.forget(*id)),
            Action::Drained => {
                self.stopped = true;
                Change::None
            }
            _ => Change::None,
        }
    }
}
