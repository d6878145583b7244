//! What browsers and routers reach: the workers' pages and the preview API, on hyper over smol.
//!
//! A thread of its own with an executor of its own; nothing here touches the core. It talks to the deciding thread through two queues ([`talk`]): full, they make web
//! requests wait, never presence. A page costs a connection, a small task and no thread; after its request for events hyper is taken off the connection
//! ([`events`]), so an idle page holds neither hyper's buffers nor a timer.
//!
//! tiny_http, which serves operations, has neither time-outs nor limits and needs a thread for each connection (ARCHITECTURE.md); everything strangers can reach is here.
mod answer;
mod api;
mod assets;
mod board;
mod counts;
mod describe;
mod door;
mod events;
pub(crate) mod form;
pub(crate) mod hub_side;
mod link_pages;
mod login;
mod pages;
pub(crate) mod password;
mod request;
mod serve;
mod session;
mod site;
pub(crate) mod slice;
mod sso;
mod stream;
pub(crate) mod talk;
mod ticket;
mod tls;

pub(crate) use answer::{Reply, json_reply, text_reply};
pub(crate) use board::told;
pub(crate) use counts::Counts;
pub(crate) use request::Asked;
pub(crate) use session::is_same_secret;
pub(crate) use site::Site;

use crate::history::{History, Redirects};
use crate::say;
use crate::settings::{DoorSettings, Settings};
use door::{Bound, Door};
use smol::LocalExecutor;
use smol::channel::{self, Receiver, Sender};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use talk::{ASKS_MAX, Ask, Told};

/// How long connections may take to end when the connector stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// The running web side.
pub(crate) struct Web {
    /// Where the pages are.
    pub(crate) pages: Option<SocketAddr>,
    /// Where the preview API is.
    pub(crate) router: Option<SocketAddr>,
    /// Questions for the deciding thread.
    pub(crate) asked: Receiver<Ask>,
    /// News for the web thread.
    pub(crate) told: Sender<Told>,
    /// News were left out.
    pub(crate) missed: Arc<AtomicBool>,
    /// For `/metrics`.
    pub(crate) counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    /// Opens the listeners the settings name and starts the thread; `None`: they name none.
    ///
    /// # Errors
    /// One sentence: an address cannot be bound, certificates cannot be read.
    pub(crate) fn start(settings: &Settings, history: Option<&Arc<History>>, redirects: Redirects) -> Result<Option<Self>, String> {
        let bind = |section: &str, door: &DoorSettings| -> Result<Option<Bound>, String> {
            Bound::open(door).map_err(|why| format!("the listener of [{section}] cannot be started (option `{section}.listen`): {why}"))
        };
        let (pages, router) = (bind("web", &settings.web.door)?, bind("router", &settings.router.door)?);
        if pages.is_none() && router.is_none() {
            return Ok(None);
        }
        let (asks, asked) = channel::bounded(ASKS_MAX);
        let (told, tells) = channel::unbounded();
        let (missed, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let at = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.address);
        let (pages_at, router_at) = (at(&pages), at(&router));
        let start = site::Start {
            settings: settings.clone(),
            history: history.map(Arc::clone),
            redirects,
            asks,
            missed: Arc::clone(&missed),
            counts: Arc::clone(&counts),
        };
        let thread = thread::Builder::new().name("web".into()).spawn(move || run(start, pages, router, &tells));
        let thread = thread.map_err(|why| format!("no thread for the web side: {why}"))?;
        Ok(Some(Self { pages: pages_at, router: router_at, asked, told, missed, counts, thread: Some(thread) }))
    }

    /// Waits for the thread, which ends when the deciding thread has let go of its queue.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            say::alarm("the web side ended by a broken internal rule");
        }
    }
}

/// Lets time pass.
pub(crate) async fn pause(time: Duration) {
    smol::Timer::after(time).await;
}

/// What the web thread yields to the deciding thread where both want the same core: it has a third of its weight then. With more, a busy machine kept previews from pages.
const NICE: i32 = 5;

/// How long the web side keeps a core that others may want. The kernel would let it work on for milliseconds although presence waits on the same core.
const TURN: Duration = Duration::from_micros(100);

/// Runs what is to be done, and offers the core to others after every turn.
async fn work(executor: &LocalExecutor<'_>) {
    let mut since = Instant::now();
    loop {
        executor.tick().await;
        if since.elapsed() >= TURN {
            thread::yield_now();
            // New connections and the deciding thread's news have their turn, too.
            smol::future::yield_now().await;
            since = Instant::now();
        }
    }
}

fn run(start: site::Start, pages: Option<Bound>, router: Option<Bound>, tells: &Receiver<Told>) {
    // On Linux this is the calling thread's alone. Where it is not allowed, all goes on as before.
    let _ = rustix::process::setpriority_process(None, NICE);
    let executor = Rc::new(LocalExecutor::new());
    let site = match Site::new(start, Rc::clone(&executor)) {
        Ok(site) => Rc::new(site),
        Err(why) => return say::alarm(&why),
    };
    let serving = async {
        for (bound, door) in [(pages, Door::Pages), (router, Door::Router)] {
            if let Some(bound) = bound {
                executor.spawn(door::accept_for_ever(Rc::clone(&site), bound, door)).detach();
            }
        }
        executor.spawn(site::tidy(Rc::clone(&site))).detach();
        while let Ok(told) = tells.recv().await {
            site.hear(told);
            // The news at hand first, then everybody else's turn.
            for _ in 0..256 {
                let Ok(told) = tells.try_recv() else { break };
                site.hear(told);
            }
            smol::future::yield_now().await;
        }
        site.say_goodbye();
        // Answers that were just handed out are written.
        let end = async {
            while site.is_busy() {
                pause(Duration::from_millis(10)).await;
            }
        };
        smol::future::or(end, pause(FAREWELL)).await;
    };
    smol::block_on(smol::future::or(serving, work(&executor)));
}
