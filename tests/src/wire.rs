//! One connection of a far end: plain or TLS, non-blocking, waited for with `poll(2)`.
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// A connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Takes over an accepted connection; with `tls` the handshake follows.
    pub(crate) fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        let Some(config) = tls else {
            stream.set_nonblocking(true)?;
            return Ok(Self::Plain(stream));
        };
        stream.set_read_timeout(Some(crate::PATIENCE))?;
        let mut stream = stream;
        let mut session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        while session.is_handshaking() {
            if let Err(error) = session.complete_io(&mut stream) {
                // The alert that tells the client why.
                let _ = session.write_tls(&mut stream);
                return Err(error);
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
    }

    /// Reads what is there into `input`. `false`: the connection is over.
    pub(crate) fn read(&mut self, input: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.io().read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => input.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Writes what fits of `output` from `sent` on; the new `sent`. `None`: the connection is over.
    pub(crate) fn write(&mut self, output: &[u8], mut sent: usize) -> Option<usize> {
        while sent < output.len() {
            match self.io().write(&output[sent..]) {
                Ok(0) => return None,
                Ok(n) => sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        if let Self::Tls(tls) = self {
            let _ = tls.flush();
        }
        Some(sent)
    }

    /// Waits until there is something to read, or to write if `writing`.
    pub(crate) fn wait(&self, writing: bool, at_most: Duration) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &tls.sock,
        };
        let flags = if writing { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        wait_for(stream, flags, at_most);
    }

    fn io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => tls,
        }
    }
}

/// Waits for a socket.
pub(crate) fn wait_for(socket: &impl AsFd, flags: PollFlags, at_most: Duration) {
    let at_most = Timespec { tv_sec: at_most.as_secs().try_into().unwrap(), tv_nsec: at_most.subsec_nanos().into() };
    let _ = poll(&mut [PollFd::new(socket, flags)], Some(&at_most));
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}
