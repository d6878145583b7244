//! SIP links over UDP: the task that reads datagrams, many at a wake-up, and the TCP connection beside it for requests too large for one (RFC 3261 §18.1.1).
//!
//! Who goes by which way is the core's decision (`SipRequest::transport`); here is only the plumbing. The TCP connection is made for the first such request, to the
//! same address, kept while the peer keeps it, and its loss is told. We do not listen for TCP ourselves.
use crate::conn::Conn;
use crate::hub::{Hub, Link, Shared};
use crate::net::{Sock, close_cause};
use crate::pace::Pace;
use crate::poller::Timer;
use crate::uc_link::hand;
use smol::Task;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use uc_core::Input;
use uc_core::codec::sip::{self, Datagram, Framer, Step};
use uc_core::config::Limits;
use uc_core::id::UcLinkId;
use uc_core::uc_event::{CloseCause, SipRequest, UcEvent};

/// Datagrams taken in one turn, before answers are sent and others get their turn.
const BATCH_MAX: usize = 128;
/// Longest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// The TCP connection beside a link of datagrams.
#[derive(Default)]
pub(crate) struct Beside {
    conn: Option<Rc<Conn>>,
    /// Waiting for the connection to stand.
    waiting: Vec<u8>,
    task: Option<Task<()>>,
}

impl Beside {
    /// The connection, for answers to what came on it.
    pub(crate) fn conn(&self) -> Option<Rc<Conn>> {
        self.conn.clone()
    }
}

/// Serves a link of datagrams until its socket fails; `Ok` when it is no longer wanted.
pub(crate) async fn serve(hub: &Shared, link: UcLinkId, epoch: u64, addr: SocketAddr) -> Result<(), CloseCause> {
    let sock = Sock::udp(addr).map_err(|e| close_cause(&e))?;
    let local = sock.local().map_err(|e| close_cause(&e))?;
    let (conn, mut limits, mut reloads) = {
        let hub = hub.borrow();
        (Conn::new(sock, None, hub.settings.write_queue_bytes_max), hub.settings.core.limits.clone(), hub.extra.reloads)
    };
    {
        let mut hub = hub.borrow_mut();
        if !hub.opened(Link::Uc(link), epoch, &conn, None) {
            return Ok(());
        }
        hub.turn(Input::Uc { link, event: UcEvent::Connected { local } });
    }
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut pace = Pace::default();
    loop {
        let mut next = Some(conn.datagram(&mut buffer).await?);
        let mut taken = 0;
        {
            let mut hub = hub.borrow_mut();
            hub.tick();
            if hub.extra.reloads != reloads {
                reloads = hub.extra.reloads;
                limits = hub.settings.core.limits.clone();
            }
            while let Some(len) = next {
                if !hub.is_current(Link::Uc(link), epoch) {
                    hub.flush();
                    return Ok(());
                }
                take(&mut hub, link, &buffer[..len], &limits);
                taken += 1;
                // A failed socket ends the next wait.
                next = if taken < BATCH_MAX { conn.try_datagram(&mut buffer).unwrap_or(None) } else { None };
            }
            hub.flush();
        }
        match pace.rest(taken) {
            Some(time) => conn.rest(time).await,
            None => smol::future::yield_now().await,
        }
    }
}

fn take(hub: &mut Hub, link: UcLinkId, bytes: &[u8], limits: &Limits) {
    match sip::datagram(bytes, limits) {
        Datagram::KeepAlive => hub.step(Input::Uc { link, event: UcEvent::KeepAlive }, &[]),
        Datagram::Message(frame, decoded) => hand(hub, link, frame, &decoded),
    }
}

impl Hub {
    /// Sends a request too large for a datagram; makes the connection for it where there is none.
    pub(crate) fn send_beside(&mut self, link: UcLinkId, msg: &SipRequest) {
        let Some(addr) = self.peer(Link::Uc(link)) else { return };
        let mut bytes = Vec::new();
        self.print(msg, &mut bytes);
        let executor = Rc::clone(&self.executor);
        let epoch = self.epoch(Link::Uc(link));
        let me = self.me();
        let beside = self.beside(link);
        if let Some(conn) = &beside.conn {
            conn.out().extend_from_slice(&bytes);
            return conn.flush(&executor);
        }
        beside.waiting.extend_from_slice(&bytes);
        if beside.task.is_none()
            && let Some(hub) = me
        {
            beside.task = Some(executor.spawn(run_beside(hub, link, epoch, addr)));
        }
    }
}

/// Makes the TCP connection, sends what waits, reads until it ends.
async fn run_beside(hub: Shared, link: UcLinkId, epoch: u64, addr: SocketAddr) {
    // However it ends: what was not answered on it must go another way.
    let _why = beside(&hub, link, epoch, addr).await;
    let mut hub = hub.borrow_mut();
    if hub.is_current(Link::Uc(link), epoch) {
        // The task that runs here is let go, not dropped: it is at its end.
        if let Some(task) = std::mem::take(hub.beside(link)).task {
            task.detach();
        }
        hub.turn(Input::Uc { link, event: UcEvent::StreamLost });
    }
}

async fn beside(hub: &Shared, link: UcLinkId, epoch: u64, addr: SocketAddr) -> Result<(), CloseCause> {
    let within = Duration::from_millis(hub.borrow().settings.core.uc.timers.connect_timeout_ms);
    let timeout = async {
        Timer::after(within).await;
        Err(std::io::ErrorKind::TimedOut.into())
    };
    let sock = smol::future::or(Sock::tcp(addr), timeout).await.map_err(|e| close_cause(&e))?;
    let (conn, limits) = {
        let mut hub = hub.borrow_mut();
        let conn = Conn::new(sock, None, hub.settings.write_queue_bytes_max);
        let executor = Rc::clone(&hub.executor);
        let beside = hub.beside(link);
        conn.out().append(&mut beside.waiting);
        beside.conn = Some(Rc::clone(&conn));
        conn.flush(&executor);
        (conn, hub.settings.core.limits.clone())
    };
    let mut framer = Framer::new(&limits);
    loop {
        conn.fill(&mut framer).await?;
        let mut hub = hub.borrow_mut();
        hub.tick();
        while hub.is_current(Link::Uc(link), epoch) {
            match framer.next() {
                Step::More => break,
                Step::KeepAlive => {}
                Step::Message(span) => {
                    let frame = framer.bytes(span);
                    hub.answer_beside = true;
                    hand(&mut hub, link, frame, &sip::decode(frame, &limits));
                    hub.answer_beside = false;
                }
                // Nothing can be read any more; the datagrams go on.
                Step::Fault(_) => return Err(CloseCause::Local),
            }
        }
        hub.flush();
        conn.flush(&hub.executor);
    }
}
