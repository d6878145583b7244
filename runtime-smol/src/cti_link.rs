//! The task of one bridge connection: connect (TCP or Unix socket), TLS, then read lines and hand them to the core.
use crate::conn::{Conn, Sink};
use crate::hub::{Hub, Link, Shared};
use crate::net::{self, Sock, close_cause};
use crate::poller::Timer;
use crate::settings::{BridgeAddress, BridgeSettings};
use crate::tlib_log;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use uc_core::Input;
use uc_core::codec::cti::CtiFault;
use uc_core::codec::cti::bridge::{Line, LineFramer, Reader, RouterLine, Step, Writer};
use uc_core::cti_event::CtiEvent;
use uc_core::id::CtiLinkId;
use uc_core::uc_event::CloseCause;

impl Sink for LineFramer {
    fn spare(&mut self, min: usize) -> &mut [u8] {
        Self::spare(self, min)
    }
    fn filled(&mut self, n: usize) {
        Self::filled(self, n);
    }
}

/// Makes one connection and serves it until it ends.
pub(crate) async fn run(hub: Shared, link: CtiLinkId, epoch: u64) {
    let Err(why) = serve(&hub, link, epoch).await else { return };
    hub.borrow_mut().lost(Link::Cti(link), epoch, why);
}

/// `Ok` when the connection is no longer wanted.
async fn serve(hub: &Shared, link: CtiLinkId, epoch: u64) -> Result<(), CloseCause> {
    let (bridge, timeout_ms) = {
        let hub = hub.borrow();
        (hub.settings.bridges.get(link.index()).cloned(), hub.settings.core.cti.timers.connect_timeout_ms)
    };
    // The core only knows links that are configured; one that was just removed is closed by it.
    let bridge = bridge.ok_or(CloseCause::Local)?;
    let sock = connect(&bridge.address, Duration::from_millis(timeout_ms)).await?;
    let (conn, executor, config, token, mut reloads) = {
        let mut hub = hub.borrow_mut();
        let host = if let BridgeAddress::Tcp(host, _) = &bridge.address { host } else { "" };
        let tls = hub.tls_session(Link::Cti(link), host)?;
        let token = token(&mut hub, &bridge);
        (Conn::new(sock, tls, hub.settings.write_queue_bytes_max), Rc::clone(&hub.executor), Arc::clone(&hub.settings.core), token, hub.extra.reloads)
    };
    let mut framer = LineFramer::new(config.limits.cti_line_bytes_max as usize);
    let mut reader = Reader::new(&config);
    conn.handshake(&executor, &mut framer).await?;
    {
        let mut hub = hub.borrow_mut();
        if !hub.opened(Link::Cti(link), epoch, &conn, Some(Writer::new(token.as_deref()))) {
            return Ok(());
        }
        hub.turn(Input::Cti { link, event: CtiEvent::Connected });
    }
    loop {
        let goes_on = {
            let mut hub = hub.borrow_mut();
            hub.tick();
            if hub.extra.reloads != reloads {
                reloads = hub.extra.reloads;
                reader.reconfigure(&hub.settings.core);
                framer.reconfigure(hub.settings.core.limits.cti_line_bytes_max as usize);
            }
            let goes_on = take(&mut hub, link, epoch, &mut framer, &mut reader);
            hub.flush();
            goes_on
        };
        if !goes_on? {
            return Ok(());
        }
        if conn.has_more() {
            smol::future::yield_now().await;
        }
        conn.fill(&mut framer).await?;
    }
}

/// The token for `hello`; one that cannot be read is an alarm and left out, so that the bridge says what it thinks of that.
fn token(hub: &mut Hub, bridge: &BridgeSettings) -> Option<String> {
    bridge.token_ref.as_deref().and_then(|reference| hub.secret(reference))
}

/// All addresses in order; each gets an equal part of the time, so that one that swallows packets does not keep us from the next.
async fn connect(address: &BridgeAddress, within: Duration) -> Result<Sock, CloseCause> {
    let (host, port) = match address {
        BridgeAddress::Unix(path) => return Sock::unix(path).map_err(|e| close_cause(&e)),
        BridgeAddress::Tcp(host, port) => (host, *port),
    };
    let addrs = net::resolve(host, port, within).await;
    let each = within / u32::try_from(addrs.len().max(1)).unwrap_or(u32::MAX);
    let mut why = CloseCause::Unreachable;
    for addr in addrs {
        let late = async {
            Timer::after(each).await;
            Err(std::io::ErrorKind::TimedOut.into())
        };
        match smol::future::or(Sock::tcp(addr), late).await {
            Ok(sock) => return Ok(sock),
            Err(e) => why = close_cause(&e),
        }
    }
    Err(why)
}

/// Hands in every complete line. `false`: the core closed the link meanwhile.
fn take(hub: &mut Hub, link: CtiLinkId, epoch: u64, framer: &mut LineFramer, reader: &mut Reader) -> Result<bool, CloseCause> {
    let is_router = hub.settings.core.server(link).is_some_and(|(switch, ..)| hub.settings.core.cti.is_router(switch));
    while hub.is_current(Link::Cti(link), epoch) {
        let (fault, fatal) = match framer.next() {
            Step::More => return Ok(true),
            Step::Line(span) => match hand(hub, link, framer.bytes(span), reader, is_router) {
                Ok(()) => continue,
                Err(fault) => {
                    let fatal = fault.is_fatal();
                    (fault, fatal)
                }
            },
            Step::Fault(fault) => (fault, true),
        };
        hub.complain(link, &fault);
        hub.step(Input::Cti { link, event: CtiEvent::Malformed(&fault) }, &[]);
        if fatal && hub.is_current(Link::Cti(link), epoch) {
            return Err(CloseCause::Local);
        }
    }
    Ok(false)
}

/// Hands in one line; which kind of line it is says the channel.
fn hand(hub: &mut Hub, link: CtiLinkId, line: &[u8], reader: &mut Reader, is_router: bool) -> Result<(), CtiFault> {
    let (control, event, message);
    let what = if is_router {
        match reader.decode_router(line)? {
            RouterLine::Control(it) => {
                control = it;
                CtiEvent::Control(control)
            }
            RouterLine::Message(it) => {
                message = it;
                CtiEvent::Router(&message)
            }
        }
    } else {
        match reader.decode(line)? {
            Line::Control(it) => {
                control = it;
                CtiEvent::Control(control)
            }
            Line::Event(it) => {
                event = it;
                CtiEvent::Event(&event)
            }
        }
    };
    if hub.settings.log.tlib_messages && matches!(what, CtiEvent::Event(_) | CtiEvent::Router(_)) {
        tlib_log::incoming(line, &hub.connector, link, hub.now, &hub.settings.log);
    }
    hub.step(Input::Cti { link, event: what }, &[]);
    Ok(())
}
