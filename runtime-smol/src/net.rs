//! Sockets without TLS: connecting, options, the reasons why a connection ended.
use crate::poller::{Polled, Timer};
use rustix::net::{AddressFamily, MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};
use smol::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;
use uc_core::uc_event::CloseCause;

/// Unacknowledged data for this long ends a TCP connection (RFC 5482): a peer that vanished without a word is noticed while we send.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// A silent TCP connection is probed after this long, every `KEEPALIVE_INTERVAL`, `KEEPALIVE_PROBES` times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// Receive buffer asked for on a datagram socket, bytes; the kernel grants what `net.core.rmem_max` allows. A server answers a wave of subscriptions with two
/// datagrams each.
const DATAGRAM_BUFFER_BYTES: usize = 4 << 20;

/// A connected socket, non-blocking. It belongs to the thread that made it, whose poller watches it.
#[derive(Debug)]
pub(crate) enum Sock {
    /// TCP
    Tcp(Polled<TcpStream>),
    /// Unix socket
    Unix(Polled<UnixStream>),
    /// Datagrams to and from one peer. One read or write is one datagram.
    Udp(Polled<UdpSocket>),
}

impl Sock {
    /// Connects by TCP and sets the options every link of ours has.
    pub(crate) async fn tcp(addr: SocketAddr) -> io::Result<Self> {
        let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(ipproto::TCP))?;
        match connect(&socket, &addr) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(e) => return Err(e.into()),
        }
        let stream = Polled::new(TcpStream::from(socket))?;
        poll_fn(|cx| stream.poll_writable(cx)).await?;
        let fd = stream.get_ref();
        if let Some(why) = fd.take_error()? {
            return Err(why);
        }
        fd.set_nodelay(true)?;
        sockopt::set_tcp_user_timeout(fd, USER_TIMEOUT.as_millis() as u32)?;
        sockopt::set_socket_keepalive(fd, true)?;
        sockopt::set_tcp_keepidle(fd, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(fd, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(fd, KEEPALIVE_PROBES)?;
        Ok(Self::Tcp(stream))
    }

    /// A datagram socket that hears nobody but `addr`; the kernel reports when nobody listens there.
    pub(crate) fn udp(addr: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if addr.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(addr)?;
        sockopt::set_socket_recv_buffer_size(&socket, DATAGRAM_BUFFER_BYTES)?;
        Ok(Self::Udp(Polled::new(socket)?))
    }

    /// Whether one write is one message.
    pub(crate) const fn is_datagram(&self) -> bool {
        matches!(self, Self::Udp(_))
    }

    /// Connects to a Unix socket: at once or not at all.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        match connect(&socket, &SocketAddrUnix::new(path)?) {
            Ok(()) => Ok(Self::Unix(Polled::new(UnixStream::from(socket))?)),
            // Its queue of those who want to connect is full.
            Err(rustix::io::Errno::AGAIN) => Err(ErrorKind::NotConnected.into()),
            Err(e) => Err(e.into()),
        }
    }

    /// Our own address; unspecified for a Unix socket.
    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(s) => s.get_ref().local_addr(),
            Self::Unix(_) => Ok(SocketAddr::from(([0, 0, 0, 0], 0))),
            Self::Udp(s) => s.get_ref().local_addr(),
        }
    }

    /// The far end's address; `None` for a Unix socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(s) => s.get_ref().peer_addr().ok(),
            Self::Unix(_) => None,
            Self::Udp(s) => s.get_ref().peer_addr().ok(),
        }
    }

    /// One `read`; `WouldBlock` when nothing is there.
    pub(crate) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read_with(into.len(), |mut s| s.read(into)),
            Self::Unix(s) => s.read_with(into.len(), |mut s| s.read(into)),
            Self::Udp(s) => s.read_one_with(|s| s.recv(into)),
        }
    }

    /// One `write`; `WouldBlock` when the socket buffer is full.
    pub(crate) fn write(&self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.write_with(|mut s| s.write(from)),
            Self::Unix(s) => s.write_with(|mut s| s.write(from)),
            Self::Udp(s) => s.write_with(|s| s.send(from)),
        }
    }

    /// Sends `from`, which ends at the last of `ends`, as datagrams that end there, in one system call; how many were taken. `WouldBlock` and other errors when the first was not.
    pub(crate) fn write_many(&self, from: &[u8], ends: impl Iterator<Item = usize>) -> io::Result<usize> {
        let Self::Udp(socket) = self else { return Err(ErrorKind::Unsupported.into()) };
        let mut at = 0;
        let parts: Vec<[IoSlice<'_>; 1]> = ends.map(|end| [IoSlice::new(&from[std::mem::replace(&mut at, end)..end])]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = parts.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = parts.iter().zip(&mut controls).map(|(part, control)| MMsgHdr::new(part, control)).collect();
        socket.write_with(|socket| Ok(rustix::net::sendmmsg(socket, &mut messages, SendFlags::empty())?))
    }

    /// Ready when a read would not block any more. One task at a time.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(s) => s.poll_readable(cx),
            Self::Unix(s) => s.poll_readable(cx),
            Self::Udp(s) => s.poll_readable(cx),
        }
    }

    /// Ready when a write would not block any more. One task at a time.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(s) => s.poll_writable(cx),
            Self::Unix(s) => s.poll_writable(cx),
            Self::Udp(s) => s.poll_writable(cx),
        }
    }

    /// Nobody waits to read for a while: what comes need not wake the thread.
    pub(crate) fn rest(&self) {
        match self {
            Self::Tcp(s) => s.rest(),
            Self::Unix(s) => s.rest(),
            Self::Udp(s) => s.rest(),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn shutdown_write(&self) {
        // Fails only when the connection is gone already.
        let _ = match self {
            Self::Tcp(s) => s.get_ref().shutdown(Shutdown::Write),
            Self::Unix(s) => s.get_ref().shutdown(Shutdown::Write),
            Self::Udp(_) => Ok(()),
        };
    }
}

/// All addresses of a host, in the resolver's order; empty when there are none, or none in time. Runs on the blocking pool.
pub(crate) async fn resolve(host: &str, port: u16, within: Duration) -> Vec<SocketAddr> {
    let lookup = async { smol::net::resolve((host, port)).await.unwrap_or_default() };
    let timeout = async {
        Timer::after(within).await;
        Vec::new()
    };
    smol::future::or(lookup, timeout).await
}

/// The reason in the core's words.
pub(crate) fn close_cause(error: &io::Error) -> CloseCause {
    match error.kind() {
        // A Unix socket that is not there is a server that is not running.
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => CloseCause::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::NotConnected => CloseCause::Reset,
        ErrorKind::TimedOut => CloseCause::TimedOut,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable => CloseCause::Unreachable,
        ErrorKind::UnexpectedEof => CloseCause::PeerClosed,
        _ => CloseCause::Local,
    }
}
