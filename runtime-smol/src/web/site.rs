//! What the web thread knows: logins, pages, waiting routers, redirect numbers; and what it does with news of the deciding thread.
use super::Counts;
use super::assets::Assets;
use super::events;
use super::login::Gate;
use super::pages::Pages;
use super::request::Asked;
use super::session::{self, SessionKey, Sessions};
use super::sso::Oidc;
use super::talk::{Ask, Told, Who};
use super::ticket::Tickets;
use crate::history::{History, Redirect, Redirects, now_ms};
use crate::router_api::Table;
use crate::say;
use crate::settings::{RouterSettings, Settings};
use serde_json::{Value, json};
use smol::channel::Sender;
use smol::{LocalExecutor, Timer};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uc_core::config::NoteLevel;
use uc_core::offer::Outcome;

/// Every page gets a sign of life this often, a fifteenth of them each second.
const PING_S: u64 = 15;

/// What the thread starts with.
pub(super) struct Start {
    pub(super) settings: Settings,
    pub(super) history: Option<Arc<History>>,
    pub(super) redirects: Redirects,
    pub(super) asks: Sender<Ask>,
    pub(super) missed: Arc<AtomicBool>,
    pub(super) counts: Arc<Counts>,
}

/// The web thread's state.
pub(crate) struct Site {
    pub(crate) executor: Rc<LocalExecutor<'static>>,
    /// Questions for the deciding thread.
    pub(crate) asks: Sender<Ask>,
    pub(crate) counts: Arc<Counts>,
    /// Requests of routers that wait for their answer.
    pub(crate) table: Table,
    pub(super) gate: Gate,
    pub(super) oidc: Oidc,
    pub(super) pages: RefCell<Pages>,
    pub(super) sessions: RefCell<Sessions>,
    /// Links that let a worker in once.
    pub(super) tickets: RefCell<Tickets>,
    pub(super) assets: Assets,
    settings: RefCell<Rc<Settings>>,
    history: Option<Arc<History>>,
    redirects: RefCell<Redirects>,
    router_token: RefCell<Option<Box<str>>>,
    missed: Arc<AtomicBool>,
    /// Requests that are being answered.
    at_work: Rc<Cell<u64>>,
    last_event: Cell<u64>,
    chance: Cell<u64>,
    stopping: Cell<bool>,
}

/// A request that is being answered.
pub(super) struct Busy(Rc<Cell<u64>>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Site {
    /// Nobody is there yet.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn new(start: Start, executor: Rc<LocalExecutor<'static>>) -> Result<Self, String> {
        let Start { settings, history, redirects, asks, missed, counts } = start;
        let mut sessions =
            Sessions::new(settings.web.session_idle_s, settings.web.session_max_s).map_err(|why| format!("/dev/urandom cannot be read: {why}"))?;
        if let Some(file) = &history {
            let workers: BTreeSet<&str> = settings.core.people.iter().map(|person| &*person.employee_id).collect();
            sessions.keep_in(Arc::clone(file), |who| workers.contains(who));
        }
        Ok(Self {
            executor,
            asks,
            counts,
            table: Table::default(),
            gate: Gate::new(&settings.core)?,
            oidc: Oidc::default(),
            pages: RefCell::default(),
            sessions: RefCell::new(sessions),
            tickets: RefCell::default(),
            assets: Assets::new(),
            router_token: RefCell::new(token(&settings.router)),
            settings: RefCell::new(Rc::new(settings)),
            history,
            redirects: RefCell::new(redirects),
            missed,
            at_work: Rc::default(),
            last_event: Cell::new(0),
            chance: Cell::new(crate::history::now_ms() | 1),
            stopping: Cell::new(false),
        })
    }

    /// The settings of now.
    pub(crate) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings.borrow())
    }

    /// Those of the preview API.
    pub(super) fn router_settings(&self) -> RouterSettings {
        self.settings.borrow().router.clone()
    }

    /// Whether a proxy is in front of the pages.
    pub(super) fn is_proxied(&self) -> bool {
        self.settings.borrow().web.proxied
    }

    /// The token routers must carry.
    pub(crate) fn router_token(&self) -> Option<Box<str>> {
        self.router_token.borrow().clone()
    }

    /// File of the history.
    pub(super) fn history_path(&self) -> Option<PathBuf> {
        self.history.as_ref()?;
        self.settings.borrow().web.history.clone()
    }

    /// The connector stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// A request is being answered, until this is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.at_work.set(self.at_work.get() + 1);
        Busy(Rc::clone(&self.at_work))
    }

    /// Whether requests are being answered or pages still written.
    pub(super) fn is_busy(&self) -> bool {
        self.at_work.get() > 0 || self.pages.borrow().len() > 0
    }

    /// A number below `below`, to spread things; not for secrets (xorshift).
    pub(super) fn chance(&self, below: u64) -> u64 {
        let mut x = self.chance.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.chance.set(x);
        x % below.max(1)
    }

    /// The login of a request: key, worker, token against forgery.
    pub(super) fn session(&self, asked: &Asked) -> Option<(SessionKey, Who, Box<str>)> {
        let mut sessions = self.sessions.borrow_mut();
        let (key, session) = sessions.find(asked.cookie(session::COOKIE)?)?;
        Some((key, session.who.clone(), session.csrf.clone()))
    }

    /// Asks from where nobody can wait.
    pub(crate) fn tell_later(&self, ask: Ask) {
        if let Err(smol::channel::TrySendError::Full(ask)) = self.asks.try_send(ask) {
            let asks = self.asks.clone();
            self.executor.spawn(async move { drop(asks.send(ask).await) }).detach();
        }
    }

    /// A worker's external number.
    pub(crate) fn redirect(&self, who: &str) -> Redirect {
        self.redirects.borrow().get(who).cloned().unwrap_or_default()
    }

    /// Takes and keeps a worker's external number; their pages hear of it.
    pub(super) fn set_redirect(&self, who: &str, redirect: Redirect) {
        if let Some(history) = &self.history {
            history.keep_redirect(who, redirect.clone());
        }
        self.tell(who, "redirect", &json!({ "number": redirect.number, "enabled": redirect.enabled }));
        self.tell_later(Ask::Redirect { who: who.into(), redirect: redirect.clone() });
        self.redirects.borrow_mut().insert(who.into(), redirect);
    }

    fn frame(&self, event: &str, data: &Value) -> Rc<str> {
        self.last_event.set(self.last_event.get() + 1);
        events::frame(self.last_event.get(), event, data)
    }

    fn tell(&self, who: &str, event: &str, data: &Value) {
        let pages = self.pages.borrow();
        if pages.of(who) > 0 {
            let cut = pages.tell(who, &self.frame(event, data));
            self.count_cut(cut);
        }
    }

    fn count_cut(&self, cut: u64) {
        if cut > 0 {
            self.counts.pages_cut.fetch_add(cut, Ordering::Relaxed);
            say::failing(NoteLevel::Warn, "a page does not read what it is told; it was cut and will come back");
        }
    }

    /// News of the deciding thread.
    pub(super) fn hear(&self, told: Told) {
        match told {
            Told::Opened { page, state, offers } => {
                let Some(page) = self.pages.borrow().get(page).cloned() else { return };
                page.is_ready.set(true);
                let mut frames = vec![self.frame("state", &events::state(&state))];
                frames.extend(offers.iter().map(|offer| self.frame("offer", &events::offer(offer))));
                let open: Vec<u64> = offers.iter().map(|offer| offer.offer.0).collect();
                frames.push(self.frame("sync", &json!({ "offers": open })));
                self.count_cut(frames.iter().map(|frame| Pages::tell_one(&page, frame)).sum());
            }
            Told::State { who, state } => self.tell(&who, "state", &events::state(&state)),
            Told::Offered { who, offer } => self.tell(&who, "offer", &events::offer(&offer)),
            Told::Ended { who, offer, outcome } => self.tell(&who, "offer-end", &json!({ "offer": offer.0, "outcome": Outcome::word(outcome) })),
            Told::TooLate { who, offer } => self.tell(&who, "too-late", &json!({ "offer": offer.0 })),
            Told::Removed { who } => {
                self.sessions.borrow_mut().end_of(&who);
                self.tickets.borrow_mut().end_of(&who);
                self.end_pages("removed", |page| page.who == who);
            }
            Told::Ticket { who, token, ends } => self.tickets.borrow_mut().add(who, &token, ends, now_ms()),
            Told::Answer { id, answer } => {
                let redirect = answer.who.as_deref().map(|who| self.redirect(who)).filter(|redirect| redirect.enabled).map(|redirect| redirect.number);
                self.table.answered(id, *answer, redirect.unwrap_or_default());
            }
            Told::Configured(settings) => {
                self.gate.set_accounts(&settings.core);
                self.sessions.borrow_mut().set_limits(settings.web.session_idle_s, settings.web.session_max_s);
                *self.router_token.borrow_mut() = token(&settings.router);
                *self.settings.borrow_mut() = Rc::new(*settings);
            }
            Told::Stopping => self.stopping.set(true),
        }
        if self.missed.swap(false, Ordering::AcqRel) {
            say::failing(NoteLevel::Warn, "news for pages came faster than they could be told; all pages come back for a whole picture");
            let cut = self.end_pages("again", |_| true);
            self.counts.pages_cut.fetch_add(cut, Ordering::Relaxed);
        }
    }

    /// Ends pages with a last word: `again`, they come back; else why the login is over.
    pub(super) fn end_pages(&self, why: &str, matches: impl Fn(&super::pages::Page) -> bool) -> u64 {
        let word: Rc<str> = if why == "again" { events::PING.into() } else { self.frame("bye", &json!({ "why": why })) };
        self.pages.borrow().finish(&word, matches)
    }

    /// The process ends: pages come back when there is another one.
    pub(super) fn say_goodbye(&self) {
        self.stopping.set(true);
        self.sessions.borrow_mut().keep_all();
        self.end_pages("again", |_| true);
        self.table.close();
    }
}

/// Signs of life and the end of logins.
pub(super) async fn tidy(site: Rc<Site>) {
    let ping: Rc<str> = events::PING.into();
    for second in 0_u64.. {
        Timer::after(Duration::from_secs(1)).await;
        let cut = site.pages.borrow().ping(&ping, PING_S, second % PING_S);
        site.count_cut(cut);
        if second % 10 == 0 {
            let over = {
                let (pages, mut sessions) = (site.pages.borrow(), site.sessions.borrow_mut());
                pages.sessions().for_each(|key| sessions.heard(key));
                sessions.tidy()
            };
            if !over.is_empty() {
                site.end_pages("session", |page| over.contains(&page.session));
            }
        }
        site.counts.waiting.store(site.table.len() as u64, Ordering::Relaxed);
        site.counts.sessions.store(site.sessions.borrow().len() as u64, Ordering::Relaxed);
    }
}

/// Shortest token.
const TOKEN_BYTES_MIN: usize = 16;

/// The routers' token; a reference that cannot be read lets nobody in.
fn token(settings: &RouterSettings) -> Option<Box<str>> {
    let reference = settings.token_ref.as_deref()?;
    let refuse = |why: String| {
        say::alarm(&format!("the token of the preview API {reference} cannot be used: {why}; nobody gets in"));
        Some(Box::default())
    };
    match crate::secrets::resolve(reference) {
        Ok(token) if token.len() < TOKEN_BYTES_MIN => refuse(format!("it has {} bytes, it must have {TOKEN_BYTES_MIN} at least", token.len())),
        Ok(token) => Some(token),
        Err(why) => refuse(why),
    }
}
