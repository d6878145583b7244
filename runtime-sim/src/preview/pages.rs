//! Browsers of workers: windows that open, close and connect again, what they show, and what people do with it.
use super::steps::{Ask, Reaction, Target};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uc_core::offer::{OfferId, OfferView, PageNews, conn_number};

/// Offers remembered for pages that send wrong numbers.
const REMEMBERED: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// Windows by worker, and what each shows.
    windows: BTreeMap<u16, BTreeMap<u8, BTreeSet<OfferId>>>,
    /// What somebody will do when asked about a call.
    plans: BTreeMap<(u64, u16), (Reaction, u32)>,
    /// Offers lately made, and to whom.
    lately: VecDeque<(u16, OfferId)>,
}

impl Pages {
    /// A request tells what its targets will do.
    pub(crate) fn plan(&mut self, ask: &Ask) {
        for Target { worker, reaction, after_ms } in &ask.targets {
            self.plans.insert((super::conn_of(ask.call), *worker), (*reaction, *after_ms));
        }
    }

    /// A worker has a window.
    pub(crate) fn is_open(&self, worker: u16) -> bool {
        self.windows.contains_key(&worker)
    }

    /// A window opens; true: it is the only one.
    pub(crate) fn open(&mut self, worker: u16, window: u8) -> bool {
        let first = !self.is_open(worker);
        self.windows.entry(worker).or_default().entry(window).or_default();
        first
    }

    /// A window has its beginning: all that is open.
    pub(crate) fn begin(&mut self, worker: u16, window: u8, offers: &[OfferView]) {
        if let Some(shown) = self.windows.get_mut(&worker).and_then(|windows| windows.get_mut(&window)) {
            *shown = offers.iter().map(|view| view.offer).collect();
        }
    }

    /// A window closes; true: it was the last one.
    pub(crate) fn close(&mut self, worker: u16, window: u8) -> bool {
        let Some(windows) = self.windows.get_mut(&worker) else { return false };
        windows.remove(&window);
        let last = windows.is_empty();
        if last {
            self.windows.remove(&worker);
        }
        last
    }

    /// Workers that are no more have no page.
    pub(crate) fn keep(&mut self, mut stays: impl FnMut(u16) -> bool) {
        self.windows.retain(|worker, _| stays(*worker));
    }

    /// News for all windows of a worker; what they will do about it: clicks (accept or not), and how many milliseconds from now.
    pub(crate) fn news(&mut self, worker: u16, news: &PageNews) -> Vec<(u32, OfferId, bool)> {
        let windows = self.windows.get_mut(&worker).into_iter().flat_map(BTreeMap::values_mut);
        match news {
            PageNews::Offered(view) => {
                windows.for_each(|shown| {
                    shown.insert(view.offer);
                });
                self.lately.push_back((worker, view.offer));
                if self.lately.len() > REMEMBERED {
                    self.lately.pop_front();
                }
                let Some((reaction, ms)) = conn_number(&view.conn).and_then(|conn| self.plans.get(&(conn, worker)).copied()) else { return Vec::new() };
                match reaction {
                    Reaction::Accept => vec![(ms, view.offer, true)],
                    Reaction::Reject => vec![(ms, view.offer, false)],
                    Reaction::Both => vec![(ms, view.offer, true), (ms, view.offer, false)],
                    Reaction::Silent => Vec::new(),
                }
            }
            PageNews::Ended { offer, .. } => {
                windows.for_each(|shown| {
                    shown.remove(offer);
                });
                Vec::new()
            }
            PageNews::TooLate { .. } => Vec::new(),
        }
    }

    /// The number of an offer that is not the worker's, or at least an old one.
    pub(crate) fn wrong_offer(&self, worker: u16) -> Option<OfferId> {
        self.lately.iter().rev().find(|(whose, _)| *whose != worker).or_else(|| self.lately.front()).map(|(_, offer)| *offer)
    }

    /// What the windows of each worker show.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (u16, &BTreeSet<OfferId>)> {
        self.windows.iter().flat_map(|(worker, windows)| windows.values().map(move |shown| (*worker, shown)))
    }
}
