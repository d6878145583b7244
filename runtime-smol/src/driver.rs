//! Connects the core to sockets, clock and signals: start-up, the one timer, reloading, stopping.
//!
//! One thread and one `LocalExecutor`. Helper threads exist where a call may block: name look-ups (smol's blocking pool), the operations listener, the writer of
//! the flight recorder.
use crate::history::History;
use crate::hub::{Hub, Shared};
use crate::notify::Manager;
use crate::ops::{self, Listening, OpsKind, OpsReply, OpsRequest};
use crate::poller::{self, Timer};
use crate::recorder::{RecordOptions, Recorder};
use crate::settings::{DoorSettings, Settings};
use crate::signals::{Asked, Listener};
use crate::web::Web;
use crate::web::hub_side::{self, WebSide};
use crate::web::slice::Slice;
use crate::web::talk::{Ask, Told};
use crate::{choosing, config_file, entropy, log, say, zone};
use smol::LocalExecutor;
use smol::channel::{self, Receiver};
use smol::future::{or, poll_fn};
use std::future::Future as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use uc_core::Input;

/// How long un-subscribing and de-registering may take when we stop.
const DRAIN_MS: u32 = 5_000;
/// How often repeated log lines are looked at.
const SETTLE: Duration = Duration::from_secs(60);
/// Questions of the operations listener waiting for an answer.
const ASKS_MAX: usize = 64;

/// What `run` was told besides the configuration.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// The flight recorder.
    pub(crate) record: Option<RecordOptions>,
    /// Read again on HUP.
    pub(crate) config_path: PathBuf,
}

/// How a run is bounded and what it leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// The flight recorder.
    pub(crate) record: Option<RecordOptions>,
    /// Read again on HUP; `None`: HUP is ignored.
    pub(crate) config_path: Option<PathBuf>,
    /// Stop in good order after this long.
    pub(crate) stop_after: Option<Duration>,
    /// Workers (by employee id) who choose states, by its id; for the demo.
    pub(crate) chosen: Option<Receiver<(Box<str>, String)>>,
}

/// Runs until stopped.
pub(crate) fn run(settings: Settings, options: RunOptions) -> ExitCode {
    let RunOptions { record, config_path } = options;
    match drive(settings, &Limit { record, config_path: Some(config_path), stop_after: None, chosen: None }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say::alarm(&why);
            ExitCode::FAILURE
        }
    }
}

/// Runs until stopped by a signal or the limit.
///
/// # Errors
/// One sentence, when it cannot even start.
pub(crate) fn drive(settings: Settings, limit: &Limit) -> Result<(), String> {
    let seed = entropy::os_seed().map_err(|e| format!("/dev/urandom cannot be read: {e}"))?;
    let recorder = match &limit.record {
        Some(options) => Some(Recorder::open(options).map_err(|e| format!("no journal can be written in {}: {e}", options.dir.display()))?),
        None => None,
    };
    if let Some(recorder) = &recorder {
        say::info(&format!("recording to {}", recorder.path().display()));
    }
    let signals = Listener::new().map_err(|e| format!("signals cannot be handled: {e}"))?;
    let executor = Rc::new(LocalExecutor::new());
    let (drained, done) = channel::bounded(1);
    let (asks, asked) = channel::bounded(ASKS_MAX);
    log::configure(&settings.log);
    choosing::tell(&settings.choice.faults);
    let (store, choices) = choosing::open_store(&settings.choice)?;
    let (history, redirects) = match &settings.web.history {
        Some(path) => History::open(path, settings.web.history_days).map(|(history, redirects)| (Some(Arc::new(history)), redirects))?,
        None => Default::default(),
    };
    let mut web = Web::start(&settings, history.as_ref(), redirects.clone())?;
    let facing = ops::Facing { counts: web.as_ref().map(|web| Arc::clone(&web.counts)), history: history.clone().zip(settings.web.history.clone()) };
    let listening = ops::start(&settings.ops, asks, facing).map_err(|e| format!("the operations listener cannot be started (option `ops.listen`): {e}"))?;
    if let Some(listening) = &listening
        && limit.config_path.is_some()
    {
        say::info(&format!("operations: http://{}/", listening.address));
    }
    tell_addresses(&settings, web.as_ref(), limit);
    let (more, left) = channel::bounded(1);
    let hub = Hub::new(settings, seed, recorder, Rc::clone(&executor), drained);
    {
        let mut hub = hub.borrow_mut();
        hub.store = store;
        hub.history = history;
        hub.redirects = redirects;
        hub.web = web.as_ref().map(|web| WebSide::new(web.told.clone(), Arc::clone(&web.missed), more));
        hub.restore(choices);
    }
    let web_queues = web.as_ref().map(|web| WebQueues { asked: web.asked.clone(), left, slices: [Slice::new(), Slice::new()] });
    poller::block_on(executor.run(serve(&hub, signals, &done, Queues { asked, web: web_queues }, listening.as_ref(), limit)))
        .map_err(|e| format!("the system cannot tell us when sockets are ready: {e}"))?;
    // The queue to the web thread ends with the hub's and our own handle.
    hub.borrow_mut().web = None;
    if let Some(mut web) = web.take() {
        web.told.close();
        web.join();
    }
    if let Some(history) = hub.borrow_mut().history.take() {
        history.finish();
    }
    drop(listening);
    Ok(())
}

/// Questions to the deciding thread.
struct Queues {
    /// Of the operations listener.
    asked: Receiver<OpsRequest>,
    /// Of the web side.
    web: Option<WebQueues>,
}

/// What makes the web side's work on the deciding thread.
struct WebQueues {
    asked: Receiver<Ask>,
    /// Says that changes are left to be told.
    left: Receiver<()>,
    /// Time for questions, and for those changes.
    slices: [Slice; 2],
}

/// Says where things are.
fn tell_addresses(settings: &Settings, web: Option<&Web>, limit: &Limit) {
    let Some(web) = web.filter(|_| limit.config_path.is_some()) else { return };
    let scheme = |door: &DoorSettings| if door.tls.is_some() { "https" } else { "http" };
    if let Some(at) = web.pages {
        say::info(&format!("workers' pages: {}://{at}/", scheme(&settings.web.door)));
    }
    if let Some(at) = web.router {
        say::info(&format!("preview API: {}://{at}/urs/v1/preview", scheme(&settings.router.door)));
    }
}

async fn serve(hub: &Shared, mut signals: Listener, done: &Receiver<()>, queues: Queues, listening: Option<&Listening>, limit: &Limit) {
    let Queues { asked, web } = queues;
    let executor = Rc::clone(&hub.borrow().executor);
    let manager = Rc::new(Manager::from_env());
    executor.spawn(keep_time(Rc::clone(hub))).detach();
    executor
        .spawn(async {
            loop {
                Timer::after(SETTLE).await;
                say::settle();
            }
        })
        .detach();
    executor.spawn(zone::follow(Rc::clone(hub))).detach();
    executor.spawn(answer_operations(Rc::clone(hub), asked)).detach();
    if let Some(WebQueues { asked, left, slices: [questions, changes] }) = web {
        executor.spawn(hub_side::serve(Rc::clone(hub), asked, questions)).detach();
        executor.spawn(hub_side::keep_shown(Rc::clone(hub), left, changes)).detach();
    }
    // A task of its own: this future here is polled whenever the thread wakes, and a look for signals is a system call.
    let (tell_signal, signalled) = channel::unbounded();
    executor
        .spawn(async move {
            loop {
                // The receiver lives as long as the loop.
                let _ = tell_signal.try_send(signals.next().await);
            }
        })
        .detach();
    let (look_again, again) = channel::bounded(1);
    executor.spawn(choosing::watch(Rc::clone(hub), again)).detach();
    if let Some(chosen) = limit.chosen.clone() {
        executor.spawn(take_choices(Rc::clone(hub), chosen)).detach();
    }
    if let Some(interval) = Manager::watchdog_interval() {
        let manager = Rc::clone(&manager);
        executor
            .spawn(async move {
                loop {
                    Timer::after(interval).await;
                    manager.watchdog();
                }
            })
            .detach();
    }
    {
        let mut hub = hub.borrow_mut();
        hub.act(&[]);
        hub.flush();
    }
    manager.ready();
    let mut over = Box::pin(wait(limit.stop_after));
    loop {
        let drained = async {
            let _ = done.recv().await;
            None
        };
        let time_up = async {
            over.as_mut().await;
            Some(Asked::Stop)
        };
        match or(async { signalled.recv().await.ok() }, or(drained, time_up)).await {
            Some(Asked::Reload) => {
                manager.reloading();
                match &limit.config_path {
                    Some(path) => {
                        reload(hub, path, listening);
                        // Full: it will be looked at anyway.
                        let _ = look_again.try_send(());
                    }
                    None => say::warn("there is no configuration file to read again"),
                }
                manager.ready();
            }
            Some(Asked::Stop) if hub.borrow().extra.draining => {
                say::warn("asked to stop again: leaving without waiting for the servers");
                break;
            }
            Some(Asked::Stop) => {
                manager.stopping();
                say::info("stopping: un-subscribing and closing");
                let mut hub = hub.borrow_mut();
                hub.extra.draining = true;
                if let Some(web) = &hub.web {
                    web.tell(Told::Stopping);
                }
                hub.turn(Input::Drain { within_ms: DRAIN_MS });
                drop(hub);
                over.set(wait(None));
            }
            None => break,
        }
    }
    // Last words of the connections that were just closed, and of the workers.
    hub.borrow_mut().flush();
    hub.borrow_mut().store = None;
    if let Some(recorder) = hub.borrow_mut().recorder.take() {
        recorder.finish();
    }
}

/// Waits for so long; for ever without a time.
async fn wait(time: Option<Duration>) {
    match time {
        Some(time) => Timer::after(time).await,
        None => std::future::pending().await,
    }
}

/// Reads the configuration again. With a mistake in it everything stays as it is.
fn reload(hub: &Shared, config: &Path, listening: Option<&Listening>) {
    match config_file::load(config) {
        Ok(settings) => {
            log::configure(&settings.log);
            let ops = settings.ops.clone();
            let before = hub.borrow().settings.ops.clone();
            let (before_web, before_router, before_history) = {
                let settings = &hub.borrow().settings;
                (settings.web.door.clone(), settings.router.door.clone(), settings.web.history.clone())
            };
            let (web, router, history) = (settings.web.door.clone(), settings.router.door.clone(), settings.web.history.clone());
            choosing::tell(&settings.choice.faults);
            if hub.borrow().settings.choice.store != settings.choice.store {
                say::warn("`choice.store` has changed and needs a restart; the file stays the same until then");
            }
            hub.borrow_mut().reconfigure(settings);
            if let Some(listening) = listening {
                listening.show_notes(ops.show_notes);
                listening.set_token(ops.token_ref.as_deref());
            }
            for (option, differs) in [
                ("web.listen", before_web.listen != web.listen),
                ("web.history", before_history != history),
                ("router.listen", before_router.listen != router.listen),
                ("ops.listen", before.listen != ops.listen),
                ("ops.connections_max", before.connections_max != ops.connections_max),
            ] {
                if differs {
                    say::warn(&format!("`{option}` has changed and needs a restart; it stays as it is until then"));
                }
            }
            say::info("the configuration was read again");
        }
        Err(findings) => {
            hub.borrow_mut().extra.reload_failures += 1;
            say::alarm(&format!("the configuration has mistakes, the old one stays in force\n{findings}"));
        }
    }
}

/// Wakes the core at its deadlines. One timer: it is moved when the core's next deadline is earlier; a later one is noticed when it fires.
async fn keep_time(hub: Shared) {
    let mut timer = Timer::never();
    loop {
        poll_fn(|cx| poll_due(&hub, &mut timer, cx)).await;
        hub.borrow_mut().turn(Input::Wake);
    }
}

fn poll_due(hub: &Shared, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<()> {
    let mut hub = hub.borrow_mut();
    loop {
        let next = hub.connector.next_deadline().map(|(at, _)| at);
        if next.is_some_and(|at| at <= hub.clock.now().mono) {
            hub.armed = None;
            return Poll::Ready(());
        }
        match next {
            Some(at) => timer.set_at(hub.clock.instant(at)),
            None => timer.clear(),
        }
        hub.armed = next;
        hub.timer = Some(cx.waker().clone());
        if Pin::new(&mut *timer).poll(cx).is_pending() {
            return Poll::Pending;
        }
    }
}

/// Workers of the demo choose.
async fn take_choices(hub: Shared, chosen: Receiver<(Box<str>, String)>) {
    while let Ok((employee_id, state)) = chosen.recv().await {
        // The demo only says what can be chosen.
        let _ = hub.borrow_mut().choose(&employee_id, &state);
    }
}

/// Answers the operations listener between batches.
async fn answer_operations(hub: Shared, asked: Receiver<OpsRequest>) {
    while let Ok(request) = asked.recv().await {
        let mut hub = hub.borrow_mut();
        hub.extra();
        let reply = match &request.kind {
            OpsKind::Choose { employee_id, state } => {
                let chosen = hub.choose(employee_id, state);
                OpsReply::Chosen(chosen.map(|user| Box::new(ops::state_of(&hub.connector, user))))
            }
            kind => ops::answer(&hub.connector, &hub.extra, kind),
        };
        // Whoever asked may have given up waiting.
        let _ = request.reply.try_send(reply);
    }
}
