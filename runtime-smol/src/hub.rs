//! The connector and everything its actions need: connections, encoders, recorder. One per process, on one thread.
//!
//! Every link has a task that reads. The tasks share this hub through an `Rc<RefCell<…>>`: whoever has read bytes hands all complete messages to the core in one
//! borrow, actions are encoded into the connections' buffers as they come, and every connection that got something is flushed once at the end. So a message costs
//! neither a channel nor a wake-up; with a task per link only the link that is ready is polled, however many there are.
//!
//! Architecture invariant: no decisions here. What a worker, a DN or a dialog is, this file does not know.
mod slot;

pub(crate) use slot::Link;

use crate::clock::Clock;
use crate::conn::Conn;
use crate::datagrams::Beside;
use crate::history::{History, Redirects};
use crate::ops::Extra;
use crate::recorder::Recorder;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::store::{Choices, Store};
use crate::tls::{Tls, TlsMaker};
use crate::web::hub_side::WebSide;
use crate::web::talk::Told;
use crate::{cti_link, say, supervise, tlib_log, uc_link};
use slot::Slot;
use smol::LocalExecutor;
use std::cell::RefCell;
use std::future::Future;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;
use uc_core::codec::cti::CtiFault;
use uc_core::codec::cti::bridge::{Writer, preview_result};
use uc_core::codec::sip;
use uc_core::config::{NoteLevel, UcEndpoint};
use uc_core::cti_event::CtiEvent;
use uc_core::entropy::Seed;
use uc_core::id::{CtiLinkId, UcLinkId};
use uc_core::offer::PreviewAnswer;
use uc_core::uc_event::{CloseCause, SipRequest, Transport, UcEvent};
use uc_core::{Action, Config, Connector, Input, Mono, Now};

/// How tasks hold the hub. Nobody keeps it borrowed across an `await`.
pub(crate) type Shared = Rc<RefCell<Hub>>;

/// Everything on the presence path.
pub(crate) struct Hub {
    me: Weak<RefCell<Self>>,
    pub(crate) executor: Rc<LocalExecutor<'static>>,
    pub(crate) connector: Connector,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// Read at the start of each turn.
    pub(crate) now: Now,
    uc: Vec<Slot>,
    cti: Vec<Slot>,
    dirty: Vec<Link>,
    uc_tls: Option<TlsMaker>,
    cti_tls: Vec<Option<TlsMaker>>,
    pub(crate) recorder: Option<Recorder>,
    /// Keeps choices.
    pub(crate) store: Option<Store>,
    /// Workers' pages and routers.
    pub(crate) web: Option<WebSide>,
    /// Keeps what became of previews.
    pub(crate) history: Option<Arc<History>>,
    /// Where workers want their calls; the web side keeps them and tells of every change.
    pub(crate) redirects: Redirects,
    /// Choices of an earlier life whose worker or state is not known, yet.
    pub(crate) unrestored: Choices,
    secrets: Secrets,
    /// What the timer task waits for.
    pub(crate) armed: Option<Mono>,
    /// Wakes the timer task when the next deadline is earlier than that.
    pub(crate) timer: Option<Waker>,
    pub(crate) extra: Extra,
    /// The request at hand came on the connection beside a link of datagrams: its answer goes back there.
    pub(crate) answer_beside: bool,
    /// Gets a word when the core has drained.
    pub(crate) drained: smol::channel::Sender<()>,
}

impl Hub {
    /// A hub whose core has not been asked for anything yet.
    pub(crate) fn new(
        settings: Settings,
        seed: Seed,
        recorder: Option<Recorder>,
        executor: Rc<LocalExecutor<'static>>,
        drained: smol::channel::Sender<()>,
    ) -> Shared {
        let clock = Clock::start();
        let now = clock.now();
        let extra = Extra { catalogue: Arc::new(settings.choice.catalogue.clone().unwrap_or_default()), ..Extra::default() };
        Rc::new_cyclic(|me| {
            let mut hub = Self {
                me: me.clone(),
                executor,
                connector: Connector::new(settings.core.clone(), seed, now),
                uc_tls: settings.uc_tls.clone().map(TlsMaker::new),
                cti_tls: makers(&settings),
                settings,
                clock,
                now,
                uc: Vec::new(),
                cti: Vec::new(),
                dirty: Vec::new(),
                recorder,
                store: None,
                web: None,
                history: None,
                redirects: Redirects::new(),
                unrestored: Choices::new(),
                secrets: Secrets::default(),
                armed: None,
                timer: None,
                extra,
                answer_beside: false,
                drained,
            };
            if let Some(recorder) = &mut hub.recorder {
                recorder.start(&seed, now, &hub.settings.core);
            }
            RefCell::new(hub)
        })
    }

    /// Begins a turn: reads the clocks.
    pub(crate) fn tick(&mut self) {
        self.now = self.clock.now();
    }

    /// Hands in one input and does what the core wants. `frame` is the SIP message at hand. A broken invariant in the core ends the process (`supervise`).
    pub(crate) fn step(&mut self, input: Input<'_>, frame: &[u8]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(self.now, &input, frame);
        }
        let (connector, now) = (&mut self.connector, self.now);
        if supervise::guarded(|| connector.handle(now, input)).is_err() {
            supervise::give_up(self.recorder.take());
        }
        self.act(frame);
        if let Some(recorder) = &mut self.recorder {
            recorder.settled(&self.connector);
        }
    }

    /// Takes all actions of the core.
    pub(crate) fn act(&mut self, frame: &[u8]) {
        while let Some(action) = self.connector.poll_action() {
            if let Some(recorder) = &mut self.recorder {
                recorder.action(&action, &self.connector);
            }
            self.perform(action, frame);
        }
    }

    fn perform(&mut self, action: Action, frame: &[u8]) {
        match action {
            Action::Answer { link, status } => self.answer(link, status, frame),
            Action::SendCti { link, msg } => self.send_cti(link, &msg),
            Action::SendUc { link, msg } => self.send_uc(link, &msg),
            Action::KeepAliveUc { link } => {
                if let Some(conn) = self.dirtied(Link::Uc(link)) {
                    conn.out().extend_from_slice(b"\r\n\r\n");
                    conn.end_message();
                }
            }
            Action::ResolveUc { link, endpoint, redirect } => {
                let target = redirect.map_or_else(|| self.endpoint(endpoint), |r| Some(*r));
                self.spawn(Link::Uc(link), |hub, epoch| uc_link::resolve(hub, link, epoch, endpoint, target));
            }
            Action::ConnectUc { link, endpoint, addr, redirect } => {
                let target = redirect.map_or_else(|| self.endpoint(endpoint), |r| Some(*r));
                let host = target.map(|t| t.host).unwrap_or_default();
                self.spawn(Link::Uc(link), |hub, epoch| uc_link::run(hub, link, epoch, *addr, host));
            }
            Action::ConnectCti { link } => self.spawn(Link::Cti(link), |hub, epoch| cti_link::run(hub, link, epoch)),
            Action::CloseUc { link } => self.close(Link::Uc(link)),
            Action::CloseCti { link } => self.close(Link::Cti(link)),
            Action::Note(note) => say::note(&note, &self.connector, self.now, &self.settings.log),
            Action::AnswerRouter { link, request, answer } => self.answer_router(link, request, &answer),
            Action::AnswerPreview { id, answer } => self.answer_preview(id, *answer),
            Action::Page { user, news } => self.page_news(user, *news),
            Action::Record(record) => self.record_offer(&record),
            Action::Ticket(ticket) => self.ticket(*ticket),
            Action::Persist { user, choice } => self.keep(user, choice),
            Action::Drained => {
                // The receiver lives as long as the loop; one word is enough.
                let _ = self.drained.try_send(());
            }
        }
    }

    fn answer(&mut self, link: UcLinkId, status: u16, frame: &[u8]) {
        let beside = if self.answer_beside { self.beside(link).conn() } else { None };
        let Some(conn) = beside.or_else(|| self.dirtied(Link::Uc(link))) else { return };
        {
            let mut out = conn.out();
            let before = out.len();
            if let Err(fault) = sip::encode_answer(frame, status, &mut out) {
                out.truncate(before);
                say::failing(NoteLevel::Warn, &format!("{link}: a request cannot be answered: {fault}"));
            }
        }
        conn.end_message();
    }

    fn send_uc(&mut self, link: UcLinkId, msg: &SipRequest) {
        let Some(conn) = self.dirtied(Link::Uc(link)) else { return };
        if conn.is_datagram() && msg.transport != Transport::Udp {
            return self.send_beside(link, msg);
        }
        self.print(msg, &mut conn.out());
        conn.end_message();
    }

    /// Prints a request; passwords are looked up only where a challenge is answered.
    pub(crate) fn print(&mut self, msg: &SipRequest, out: &mut Vec<u8>) {
        let secrets = &mut self.secrets;
        sip::encode_request_with(msg, self.connector.directory(), &mut |reference| secrets.get(reference).map(str::to_owned), out);
    }

    /// The far end of a link.
    pub(crate) fn peer(&mut self, link: Link) -> Option<std::net::SocketAddr> {
        self.slot(link).conn.as_ref()?.peer()
    }

    /// Number of the present connection of a link.
    pub(crate) fn epoch(&mut self, link: Link) -> u64 {
        self.slot(link).epoch
    }

    /// How tasks find the hub.
    pub(crate) fn me(&self) -> Option<Shared> {
        self.me.upgrade()
    }

    /// The TCP connection beside a link of datagrams.
    pub(crate) fn beside(&mut self, link: UcLinkId) -> &mut Beside {
        &mut self.slot(Link::Uc(link)).beside
    }

    fn send_cti(&mut self, link: CtiLinkId, msg: &uc_core::action::CtiOut) {
        let Some(conn) = self.dirtied(Link::Cti(link)) else { return };
        let Some(writer) = self.cti.get_mut(link.index()).and_then(|slot| slot.writer.as_mut()) else { return };
        let secrets = &mut self.secrets;
        let mut secret = |reference: &str| secrets.get(reference).map(str::to_owned);
        // Nothing is printed when the DN left the configuration meanwhile; the core's time-out for the request clears up.
        if self.settings.log.tlib_messages {
            tlib_log::outgoing(msg, &self.connector, link, self.now, &self.settings.log);
        }
        let _printed = writer.encode(msg, &self.connector, link, &mut secret, &mut conn.out());
    }

    fn answer_router(&mut self, link: CtiLinkId, request: i64, answer: &PreviewAnswer) {
        let redirect = answer.user.map_or_else(Box::default, |user| self.redirect_of(user));
        let Some(conn) = self.dirtied(Link::Cti(link)) else { return };
        let Some(writer) = self.cti.get_mut(link.index()).and_then(|slot| slot.writer.as_mut()) else { return };
        let message = preview_result(request, answer, &redirect);
        writer.encode_message(&message, &mut conn.out());
        if self.settings.log.tlib_messages {
            tlib_log::answer(message, &self.connector, link, self.now, &self.settings.log);
        }
    }

    /// Tells the bridge what is wrong with its line, before the core closes the connection (`spec/bridge.md` 3, `error`).
    pub(crate) fn complain(&mut self, link: CtiLinkId, fault: &CtiFault) {
        let Some(conn) = self.dirtied(Link::Cti(link)) else { return };
        if let Some(writer) = self.cti.get_mut(link.index()).and_then(|slot| slot.writer.as_mut()) {
            writer.encode_error(fault.code(), &fault.to_string(), fault.is_fatal(), &mut conn.out());
        }
    }

    fn endpoint(&self, endpoint: u16) -> Option<UcEndpoint> {
        self.connector.directory().config().uc.endpoints.get(usize::from(endpoint)).cloned()
    }

    fn slot(&mut self, link: Link) -> &mut Slot {
        let (slots, at) = match link {
            Link::Uc(id) => (&mut self.uc, id.index()),
            Link::Cti(id) => (&mut self.cti, id.index()),
        };
        if slots.len() <= at {
            slots.resize_with(at + 1, Slot::default);
        }
        &mut slots[at]
    }

    /// The connection of a link, noted for the flush at the end of the turn.
    fn dirtied(&mut self, link: Link) -> Option<Rc<Conn>> {
        let slot = self.slot(link);
        let conn = Rc::clone(slot.conn.as_ref()?);
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(link);
        }
        Some(conn)
    }

    /// Ends the turn: pages hear what changed, one write for each connection that got something, and the timer task learns of an earlier deadline.
    pub(crate) fn flush(&mut self) {
        self.show_some();
        while let Some(link) = self.dirty.pop() {
            let slot = self.slot(link);
            slot.dirty = false;
            if let Some(conn) = slot.conn.clone() {
                conn.flush(&self.executor);
            }
        }
        if let Some((at, _)) = self.connector.next_deadline()
            && self.armed.is_none_or(|armed| at < armed)
            && let Some(timer) = self.timer.take()
        {
            timer.wake();
        }
    }

    /// Replaces the task of a link.
    fn spawn<F: Future<Output = ()> + 'static>(&mut self, link: Link, make: impl FnOnce(Shared, u64) -> F) {
        let Some(me) = self.me.upgrade() else { return };
        self.close(link);
        let epoch = self.slot(link).epoch;
        let task = self.executor.spawn(make(me, epoch));
        self.slot(link).task = Some(task);
    }

    /// Ends what the link does at the moment; unsent bytes get a moment.
    fn close(&mut self, link: Link) {
        let executor = Rc::clone(&self.executor);
        let slot = self.slot(link);
        slot.epoch += 1;
        slot.task = None;
        slot.writer = None;
        slot.beside = Beside::default();
        if let Some(conn) = slot.conn.take() {
            slot.count(&conn);
            conn.close(&executor);
        }
    }

    /// A connection stands. `false`: it is no longer wanted.
    pub(crate) fn opened(&mut self, link: Link, epoch: u64, conn: &Rc<Conn>, writer: Option<Writer>) -> bool {
        let slot = self.slot(link);
        if slot.epoch != epoch {
            return false;
        }
        slot.conn = Some(Rc::clone(conn));
        slot.writer = writer;
        slot.stats.connects += 1;
        true
    }

    /// A connection could not be made, or is gone. Unless that was known, the core hears of it.
    pub(crate) fn lost(&mut self, link: Link, epoch: u64, why: CloseCause) {
        let slot = self.slot(link);
        if slot.epoch != epoch {
            return;
        }
        slot.epoch += 1;
        slot.writer = None;
        slot.beside = Beside::default();
        if let Some(conn) = slot.conn.take() {
            slot.count(&conn);
        }
        match link {
            Link::Uc(link) => self.turn(Input::Uc { link, event: UcEvent::Closed { why } }),
            Link::Cti(link) => self.turn(Input::Cti { link, event: CtiEvent::Closed { why } }),
        }
    }

    /// Whether the task of `epoch` still stands for the link.
    pub(crate) fn is_current(&mut self, link: Link, epoch: u64) -> bool {
        self.slot(link).epoch == epoch
    }

    /// A whole turn with one input.
    pub(crate) fn turn(&mut self, input: Input<'_>) {
        self.tick();
        self.step(input, &[]);
        self.flush();
    }

    /// A TLS session for a link; `None`: the link is configured without.
    pub(crate) fn tls_session(&mut self, link: Link, host: &str) -> Result<Option<Box<dyn Tls>>, CloseCause> {
        let maker = match link {
            Link::Uc(_) => &mut self.uc_tls,
            Link::Cti(id) => match self.cti_tls.get_mut(id.index()) {
                Some(maker) => maker,
                None => return Ok(None),
            },
        };
        let session = maker.as_mut().map(|maker| maker.session(host)).transpose();
        session.map_err(|fault| {
            say::failing(NoteLevel::Alarm, &fault.text);
            fault.cause
        })
    }

    /// The secret behind a reference.
    pub(crate) fn secret(&mut self, reference: &str) -> Option<String> {
        self.secrets.get(reference).map(str::to_owned)
    }

    /// Takes over a new configuration: connections that stand are the core's to judge, and their limits change at once; certificates and secrets are read anew for the next ones.
    pub(crate) fn reconfigure(&mut self, mut settings: Settings) {
        match &settings.choice.catalogue {
            Some(catalogue) => self.extra.catalogue = Arc::new(catalogue.clone()),
            // A document that cannot be used, or one that is not read here: what was good stays.
            None if settings.choice.location.is_some() => {
                if let Some(core) = Arc::get_mut(&mut settings.core) {
                    core.choice.states = self.extra.catalogue.rows();
                }
            }
            None => self.extra.catalogue = Arc::default(),
        }
        self.uc_tls = settings.uc_tls.clone().map(TlsMaker::new);
        self.cti_tls = makers(&settings);
        self.secrets.forget();
        let core = Arc::clone(&settings.core);
        self.settings = settings;
        self.extra.reloads += 1;
        for conn in self.uc.iter().chain(&self.cti).filter_map(|slot| slot.conn.as_ref()) {
            conn.set_queue_bytes_max(self.settings.write_queue_bytes_max);
        }
        self.turn(Input::Reconfigure(core));
        self.sweep_removed();
        if let Some(web) = &self.web {
            web.tell(Told::Configured(Box::new(self.settings.clone())));
        }
        let unrestored = std::mem::take(&mut self.unrestored);
        self.restore(unrestored);
    }

    /// Local time has moved against UTC.
    pub(crate) fn set_utc_offset(&mut self, minutes: i32) {
        if self.settings.core.presence.utc_offset_min == minutes {
            return;
        }
        say::info(&format!("local time is now {minutes} minutes east of UTC"));
        let mut core = Config::clone(&self.settings.core);
        core.presence.utc_offset_min = minutes;
        self.settings.core = Arc::new(core);
        self.turn(Input::Reconfigure(Arc::clone(&self.settings.core)));
    }

    /// What the operations listener shows of the driver.
    pub(crate) fn extra(&mut self) -> &Extra {
        self.extra.unsaved = self.store.as_ref().map_or(0, |store| store.unsaved() as u64);
        self.extra.uptime_ms = self.clock.now().mono.0;
        self.extra.recording = self.recorder.as_ref().is_some_and(Recorder::is_recording);
        self.extra.recorded_bytes = self.recorder.as_ref().map_or(0, Recorder::bytes);
        self.extra.uc = self.uc.iter().map(Slot::now).collect();
        self.extra.cti = self.cti.iter().map(Slot::now).collect();
        &self.extra
    }
}

fn makers(settings: &Settings) -> Vec<Option<TlsMaker>> {
    settings.bridges.iter().map(|bridge| bridge.tls.clone().map(TlsMaker::new)).collect()
}
