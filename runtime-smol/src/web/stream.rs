//! A connection, plain or TLS, that gives up on a peer who does not take what is written.
use futures_rustls::server::TlsStream;
use smol::io::{AsyncRead, AsyncWrite};
use smol::{Async, Timer};
use std::future::Future as _;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long written bytes may wait for the peer.
const STALL: Duration = Duration::from_secs(20);

enum Io {
    Plain(Async<TcpStream>),
    Tls(Box<TlsStream<Async<TcpStream>>>),
}

/// A connection.
pub(super) struct Stream {
    io: Io,
    /// Runs while the peer does not take anything.
    stalled: Option<Timer>,
}

impl From<Async<TcpStream>> for Stream {
    fn from(tcp: Async<TcpStream>) -> Self {
        Self { io: Io::Plain(tcp), stalled: None }
    }
}

impl From<TlsStream<Async<TcpStream>>> for Stream {
    fn from(tls: TlsStream<Async<TcpStream>>) -> Self {
        Self { io: Io::Tls(Box::new(tls)), stalled: None }
    }
}

impl Stream {
    /// Ends a wait for the peer that takes too long.
    fn hold<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timer = self.stalled.get_or_insert_with(|| Timer::after(STALL));
        if Pin::new(timer).poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")));
        }
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(&mut **tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Io::Tls(tls) => Pin::new(&mut **tls).poll_write(cx, buf),
        };
        self.hold(cx, outcome)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Io::Tls(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, bufs),
        };
        self.hold(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Tls(tls) => Pin::new(&mut **tls).poll_flush(cx),
        };
        self.hold(cx, outcome)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_close(cx),
            Io::Tls(tls) => Pin::new(&mut **tls).poll_close(cx),
        };
        self.hold(cx, outcome)
    }
}
