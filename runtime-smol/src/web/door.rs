//! A listener: who may come in. Connections are counted at the door, over all and for each address; what is too much is closed at once, without a byte.
use super::Counts;
use super::serve;
use super::site::Site;
use super::stream::Stream;
use super::tls::Acceptor;
use crate::say;
use crate::settings::DoorSettings;
use smol::future::or;
use smol::{Async, Timer};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uc_core::config::NoteLevel;

/// Connections the system holds for us until we take them: after a restart all pages come back at once.
const BACKLOG: i32 = 4_096;
/// TLS must stand within this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause when no connection can be taken (out of file descriptors).
const BREATH: Duration = Duration::from_millis(100);
/// How often certificates are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Connections taken before others get their turn.
const BATCH: u32 = 64;

/// Which listener a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Workers' browsers.
    Pages,
    /// Routers.
    Router,
}

/// A bound listener.
pub(super) struct Bound {
    listener: TcpListener,
    /// Where, with the port that was chosen when the configuration says 0.
    pub(super) address: SocketAddr,
    acceptor: Option<Acceptor>,
    settings: DoorSettings,
}

impl Bound {
    /// Binds; `None`: the settings name no address.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn open(settings: &DoorSettings) -> Result<Option<Self>, String> {
        let Some(listen) = settings.listen else { return Ok(None) };
        let listener = TcpListener::bind(listen).map_err(|why| format!("{listen}: {why}"))?;
        // The standard library asks for a queue of 128.
        rustix::net::listen(&listener, BACKLOG).map_err(|why| why.to_string())?;
        let address = listener.local_addr().map_err(|why| why.to_string())?;
        let acceptor = settings.tls.clone().map(Acceptor::new).transpose()?;
        Ok(Some(Self { listener, address, acceptor, settings: settings.clone() }))
    }
}

/// Connections by address.
#[derive(Default)]
struct Crowd {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place at a listener; free again when dropped.
pub(super) struct Place {
    crowd: Rc<RefCell<Crowd>>,
    address: IpAddr,
    site: Rc<Site>,
}

impl Place {
    fn take(site: &Rc<Site>, crowd: &Rc<RefCell<Crowd>>, settings: &DoorSettings, address: IpAddr) -> Option<Self> {
        let address = network(address);
        {
            let mut crowd = crowd.borrow_mut();
            if crowd.all >= settings.connections_max {
                return None;
            }
            let of_address = crowd.by_address.entry(address).or_default();
            if settings.per_address_max > 0 && *of_address >= settings.per_address_max {
                return None;
            }
            *of_address += 1;
            crowd.all += 1;
        }
        Counts::add(&site.counts.connections);
        Some(Self { crowd: Rc::clone(crowd), address, site: Rc::clone(site) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Counts::less(&self.site.counts.connections);
        let mut crowd = self.crowd.borrow_mut();
        crowd.all -= 1;
        if let Some(of_address) = crowd.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                crowd.by_address.remove(&self.address);
            }
        }
    }
}

/// Whoever has an IPv6 address has 2^64 of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Takes connections until the process ends.
pub(super) async fn accept_for_ever(site: Rc<Site>, bound: Bound, door: Door) {
    let Bound { listener, mut acceptor, settings, .. } = bound;
    let listener = match Async::new(listener) {
        Ok(listener) => listener,
        Err(why) => return say::alarm(&format!("the web side cannot listen: {why}")),
    };
    let crowd = Rc::new(RefCell::new(Crowd::default()));
    let (mut looked, mut taken) = (Instant::now(), 0_u32);
    loop {
        match listener.accept().await {
            Ok((tcp, from)) => {
                Counts::add(&site.counts.accepted);
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    acceptor.as_mut().into_iter().for_each(Acceptor::look);
                }
                match Place::take(&site, &crowd, &settings, from.ip()) {
                    Some(place) => {
                        let tls = acceptor.as_ref().map(Acceptor::get);
                        site.executor.spawn(welcome(Rc::clone(&site), tcp, tls, door, from, place)).detach();
                    }
                    None => {
                        Counts::add(&site.counts.refused);
                        say::failing(NoteLevel::Warn, "the web side has as many connections as it may have; more are refused");
                    }
                }
                taken = taken.wrapping_add(1);
                if taken.is_multiple_of(BATCH) {
                    smol::future::yield_now().await;
                }
            }
            Err(why) => {
                say::failing(NoteLevel::Alarm, &format!("the web side cannot take connections: {why}"));
                Timer::after(BREATH).await;
            }
        }
    }
}

async fn welcome(site: Rc<Site>, tcp: Async<TcpStream>, tls: Option<futures_rustls::TlsAcceptor>, door: Door, from: SocketAddr, place: Place) {
    // Small answers must not wait for the peer's acknowledgement of the last one.
    let _ = tcp.get_ref().set_nodelay(true);
    let is_tls = tls.is_some();
    let stream = match tls {
        None => Stream::from(tcp),
        Some(acceptor) => {
            let late = async {
                Timer::after(HANDSHAKE).await;
                Err(io::Error::from(io::ErrorKind::TimedOut))
            };
            match or(acceptor.accept(tcp), late).await {
                Ok(tls) => tls.into(),
                // Scanners and browsers that dislike the certificate: nothing to act on.
                Err(_) => return,
            }
        }
    };
    serve::connection(site, stream, serve::From { door, address: from.ip().to_canonical(), is_tls }, place).await;
}
