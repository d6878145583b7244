//! Previews: routers and pages act on the core, and what the core tells them comes back.
use super::{Later, World};
use crate::company;
use crate::peers::tserver::{CallPlan, WrapUp};
use crate::preview::{Ask, End, LOGIN_QUEUE, PreviewStep, conn_of, conn_text, targets_text};
use crate::sabotage::Sabotage;
use std::fmt::Write;
use uc_core::Input;
use uc_core::id::UserId;
use uc_core::offer::{OfferId, PageEvent, PageNews, PreviewAnswer, PreviewRequest, PreviewStatus, RequestId, RouterEvent};

/// The router routes a call so long after its answer, milliseconds.
pub(super) const ROUTES_AFTER_MS: u64 = 5;
/// A routed call rings and lasts for so long, milliseconds.
const RINGS_MS: u64 = 1_000;
const TALKS_MS: u64 = 20_000;

/// A call that leaves no work behind: the agent's state stays as it is.
const fn plan() -> CallPlan {
    CallPlan { rings_ms: RINGS_MS, talks_ms: TALKS_MS, business: false, wrap_up: WrapUp::None, guard_ms: 0 }
}

impl World {
    pub(super) fn preview(&mut self, step: &PreviewStep) {
        if let Some(node) = self.router_node() {
            match step {
                PreviewStep::Ask(ask) => return self.ask_by_bridge(ask),
                // A strategy that asked through a bridge waits for its answer.
                PreviewStep::Leave(_) => return,
                PreviewStep::Cancel(call) => return self.cancel_by_bridge(*call),
                PreviewStep::Routers(up) => return self.router_comes_or_goes(node, *up),
                _ => {}
            }
        }
        match step {
            PreviewStep::Ask(ask) => self.ask(ask),
            PreviewStep::Leave(number) => {
                for id in self.routers.of(*number) {
                    self.feed(Input::Router(&RouterEvent::Gone { id }), None);
                }
            }
            PreviewStep::Cancel(call) if !self.routers.is_down() => {
                let (id, conn) = (self.routers.number(), conn_text(*call, *call));
                self.feed(Input::Router(&RouterEvent::Cancel { id, conn: &conn, text: "caller hung up" }), None);
            }
            PreviewStep::Cancel(_) => {}
            PreviewStep::Over { call, worker, end } => {
                let state = i64::from(*end == End::Transferred);
                self.t_server.call_over(self.now, &company::dn_of(*worker), conn_of(*call), *end == End::Abandoned, state);
            }
            PreviewStep::Routers(up) => self.routers_come_or_go(*up),
            PreviewStep::Open(worker, window) => self.open(*worker, *window),
            PreviewStep::Close(worker, window) => {
                if self.pages.close(*worker, *window)
                    && let Some(user) = self.user_of(*worker)
                {
                    self.feed(Input::Page { user, event: PageEvent::Closed }, None);
                }
            }
            PreviewStep::Meddle(worker) => {
                if let Some(offer) = self.pages.wrong_offer(*worker) {
                    self.click(*worker, offer, self.now.0.is_multiple_of(2));
                }
            }
        }
    }

    /// Without a router T-Server takes the call to the queue of default routing, and nobody is asked.
    fn ask(&mut self, ask: &Ask) {
        if self.routers.is_down() {
            self.t_server.route_by_default(self.now, LOGIN_QUEUE, plan(), conn_of(ask.call));
            return;
        }
        self.pages.plan(ask);
        let id = self.routers.ask(ask.clone());
        let (targets, conn, call) = (targets_text(ask), conn_text(ask.call, ask.number), ask.call.to_string());
        let key = ask.key.map(|key| format!("key-{key}"));
        let data = [("Call", call.as_str()), ("Customer", "M\u{fc}ller & S\u{f6}hne")];
        let request = PreviewRequest {
            select: ask.select,
            targets: &targets,
            conn: &conn,
            media: "voice",
            data: &data,
            timeout_ms: ask.think_ms,
            key: key.as_deref(),
            ..PreviewRequest::default()
        };
        self.feed(Input::Router(&RouterEvent::Request { id, request: &request }), None);
    }

    fn routers_come_or_go(&mut self, up: bool) {
        if up && self.routers.is_down() {
            for ask in self.routers.come() {
                self.ask(&ask);
            }
        } else if !up {
            for id in self.routers.go() {
                self.feed(Input::Router(&RouterEvent::Gone { id }), None);
            }
        }
    }

    /// A window opens, or comes back before anybody noticed that it was gone: it begins with everything that is open.
    fn open(&mut self, worker: u16, window: u8) {
        let Some(user) = self.user_of(worker) else { return };
        if self.pages.open(worker, window) {
            self.feed(Input::Page { user, event: PageEvent::Opened }, None);
        }
        let mut offers = self.core.offers_of(user);
        if self.sabotage == Sabotage::EmptyPage {
            offers.clear();
        }
        self.pages.begin(worker, window, &offers);
        self.check(|checker, scene| checker.on_window(scene, user, &offers));
    }

    /// The driver forgets the pages of people who left.
    pub(super) fn close_pages(&mut self) {
        if self.options.previews.on {
            let people = &self.people;
            self.pages.keep(|worker| people.contains(&worker));
        }
    }

    pub(super) fn user_of(&self, worker: u16) -> Option<UserId> {
        self.core.directory().user_by_employee(&company::employee_of(worker))
    }

    /// Somebody clicks, if there is a window to click in.
    pub(super) fn click(&mut self, worker: u16, offer: OfferId, accept: bool) {
        let Some(user) = self.user_of(worker).filter(|_| self.pages.is_open(worker)) else { return };
        self.trace.tell(self.now, |out| write!(out, "worker {worker} {} {offer:?}", if accept { "accepts" } else { "declines" }));
        let event = if accept { PageEvent::Accept { offer } } else { PageEvent::Reject { offer } };
        self.feed(Input::Page { user, event }, None);
    }

    pub(super) fn route(&mut self, conn: u64, dn: &str) {
        self.t_server.route(self.now, dn, plan(), conn);
        self.drain_peers();
    }

    /// A router has its answer; where somebody accepted the call goes there.
    pub(super) fn on_answer(&mut self, id: RequestId, answer: &PreviewAnswer) {
        self.trace.num(self.now.0 ^ id.0 << 32);
        self.trace.num(answer.status as u64);
        self.trace.tell(self.now, |out| write!(out, "{id:?}: {} ({}) {}", answer.status.word(), answer.text, answer.dn));
        let Some(ask) = self.routers.answered(id) else { return };
        if answer.status == PreviewStatus::Accepted {
            self.later(ROUTES_AFTER_MS, Later::Route(conn_of(ask.call), answer.dn.to_string()));
        }
    }

    /// News for the pages of a worker.
    pub(super) fn on_page_news(&mut self, user: UserId, news: &PageNews) {
        self.trace.num(self.now.0 ^ u64::from(user.0) << 48);
        self.trace.tell(self.now, |out| write!(out, "page of {user:?}: {news:?}"));
        if !self.core.directory().has_user(user) {
            return;
        }
        let Some(worker) = company::worker_of(&self.core.directory().person(user).employee_id) else { return };
        for (ms, offer, accept) in self.pages.news(worker, news) {
            self.later(u64::from(ms), Later::Click(worker, offer, accept));
        }
    }
}
