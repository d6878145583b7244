//! Requests as fast as they are answered, over many connections, turned by whoever has the thread.
use crate::web_pages::{Poll, whole};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

struct Line {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// The flood.
pub(crate) struct Flood {
    poll: Poll,
    lines: Vec<Line>,
    /// Requests answered.
    pub(crate) answered: u64,
    /// Of these not 2xx.
    pub(crate) refused: u64,
}

impl Flood {
    /// Opens `lines` connections for each kind of request: port, request.
    pub(crate) fn start(lines: usize, kinds: &[(u16, String)]) -> Result<Self, String> {
        let mut it = Self { poll: Poll::new()?, lines: Vec::new(), answered: 0, refused: 0 };
        for (port, request) in kinds.iter().cycle().take(lines * kinds.len()) {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
            stream.set_nonblocking(true).map_err(|e| e.to_string())?;
            it.poll.add(&stream, it.lines.len(), false)?;
            it.lines.push(Line { stream, request: request.clone().into_bytes(), answer: Vec::new() });
        }
        Ok(it)
    }

    /// Takes answers that are there and asks again.
    pub(crate) fn turn(&mut self) -> Result<(), String> {
        let mut buffer = [0; 64 << 10];
        // A few at a time: the thread has other things to do.
        for number in self.poll.wait(Duration::ZERO)?.into_iter().take(8) {
            let line = &mut self.lines[number];
            match line.stream.read(&mut buffer) {
                Ok(0) => return Err("the daemon closed a connection of the flood".into()),
                Ok(n) => line.answer.extend_from_slice(&buffer[..n]),
                Err(why) if why.kind() == ErrorKind::WouldBlock => continue,
                Err(why) => return Err(why.to_string()),
            }
            if let Some(length) = whole(&line.answer) {
                self.answered += 1;
                self.refused += u64::from(line.answer.get(9) != Some(&b'2'));
                line.answer.drain(..length);
                line.stream.write_all(&line.request).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }
}
