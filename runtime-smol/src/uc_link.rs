//! The task of one SIP connection: resolve, connect, TLS, then read and hand every message to the core.
use crate::conn::{Conn, Sink};
use crate::datagrams;
use crate::hub::{Hub, Link, Shared};
use crate::net::{self, Sock, close_cause};
use crate::pace::Pace;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use uc_core::Input;
use uc_core::codec::sip::{self, Decoded, Framer, SipFault, Step};
use uc_core::config::{Limits, UcEndpoint, UcKind};
use uc_core::id::UcLinkId;
use uc_core::uc_event::{CloseCause, Transport, UcEvent};

impl Sink for Framer {
    fn spare(&mut self, min: usize) -> &mut [u8] {
        Self::spare(self, min)
    }
    fn filled(&mut self, n: usize) {
        Self::filled(self, n);
    }
}

/// Looks up the addresses of a server.
pub(crate) async fn resolve(hub: Shared, link: UcLinkId, epoch: u64, endpoint: u16, target: Option<UcEndpoint>) {
    let within = Duration::from_millis(hub.borrow().settings.core.uc.timers.connect_timeout_ms);
    let addrs = match &target {
        Some(target) => net::resolve(&target.host, target.port, within).await,
        None => Vec::new(),
    };
    let mut hub = hub.borrow_mut();
    if hub.is_current(Link::Uc(link), epoch) {
        hub.turn(Input::Uc { link, event: UcEvent::Resolved { endpoint, addrs: &addrs } });
    }
}

/// Makes one connection and serves it until it ends.
pub(crate) async fn run(hub: Shared, link: UcLinkId, epoch: u64, addr: SocketAddr, host: Box<str>) {
    let Err(why) = serve(&hub, link, epoch, addr, &host).await else { return };
    hub.borrow_mut().lost(Link::Uc(link), epoch, why);
}

/// `Ok` when the connection is no longer wanted.
async fn serve(hub: &Shared, link: UcLinkId, epoch: u64, addr: SocketAddr, host: &str) -> Result<(), CloseCause> {
    let transport = hub.borrow().settings.core.uc.transport();
    if transport == Transport::Udp {
        return datagrams::serve(hub, link, epoch, addr).await;
    }
    let sock = Sock::tcp(addr).await.map_err(|e| close_cause(&e))?;
    let local = sock.local().map_err(|e| close_cause(&e))?;
    let (conn, executor, mut limits, mut reloads) = {
        let mut hub = hub.borrow_mut();
        let tls = hub.tls_session(Link::Uc(link), host)?;
        let limits = hub.settings.core.limits.clone();
        (Conn::new(sock, tls, hub.settings.write_queue_bytes_max), Rc::clone(&hub.executor), limits, hub.extra.reloads)
    };
    let mut framer = Framer::new(&limits);
    conn.handshake(&executor, &mut framer).await?;
    {
        let mut hub = hub.borrow_mut();
        if !hub.opened(Link::Uc(link), epoch, &conn, None) {
            return Ok(());
        }
        hub.turn(Input::Uc { link, event: UcEvent::Connected { local } });
    }
    let mut pace = Pace::default();
    loop {
        let (goes_on, server) = {
            let mut hub = hub.borrow_mut();
            hub.tick();
            if hub.extra.reloads != reloads {
                reloads = hub.extra.reloads;
                limits = hub.settings.core.limits.clone();
                framer.reconfigure(&limits);
            }
            let goes_on = take(&mut hub, link, epoch, &mut framer, &limits);
            hub.flush();
            (goes_on, matches!(hub.settings.core.uc.kind, UcKind::Simple(_)))
        };
        let Some(taken) = goes_on? else { return Ok(()) };
        match if server { pace.rest(taken) } else { None } {
            Some(time) => conn.rest(time).await,
            None if conn.has_more() => smol::future::yield_now().await,
            None => {}
        }
        conn.fill(&mut framer).await?;
    }
}

/// Hands in every complete message; how many there were. `None`: the core closed the link meanwhile.
fn take(hub: &mut Hub, link: UcLinkId, epoch: u64, framer: &mut Framer, limits: &Limits) -> Result<Option<usize>, CloseCause> {
    let mut taken = 0;
    while hub.is_current(Link::Uc(link), epoch) {
        match framer.next() {
            Step::More => return Ok(Some(taken)),
            Step::KeepAlive => hub.step(Input::Uc { link, event: UcEvent::KeepAlive }, &[]),
            Step::Message(span) => {
                let frame = framer.bytes(span);
                hand(hub, link, frame, &sip::decode(frame, limits));
                taken += 1;
            }
            Step::Fault(fault) => {
                hub.step(Input::Uc { link, event: UcEvent::Malformed(&fault) }, framer.rest());
                // Nothing can be read any more. The core closes; if it has not, it hears that we did.
                return if hub.is_current(Link::Uc(link), epoch) { Err(CloseCause::Local) } else { Ok(None) };
            }
        }
    }
    Ok(None)
}

/// Hands in one message.
#[inline]
pub(crate) fn hand(hub: &mut Hub, link: UcLinkId, frame: &[u8], decoded: &Result<Decoded<'_>, SipFault>) {
    let event = match decoded {
        Ok(Decoded::Notify(notify)) => UcEvent::Notify(notify),
        Ok(Decoded::Request(request)) => UcEvent::Request(request),
        Ok(Decoded::Response(response)) => UcEvent::Response(response),
        Err(fault) => UcEvent::Malformed(fault),
    };
    hub.step(Input::Uc { link, event }, frame);
}
