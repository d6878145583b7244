//! A HTTP client of a few lines, for the operations listener.
use crate::PATIENCE;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// Sends a request on a connection of its own and reads to its end: status, head, body. `None` when there is no whole answer.
pub(crate) fn talk(port: u16, request: &str) -> Option<(u16, String, String)> {
    talk_over(connect(port)?, request)
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

/// The same over TLS, to a server that calls itself `localhost`.
pub(crate) fn talk_tls(port: u16, tls: &Arc<ClientConfig>, request: &str) -> Option<(u16, String, String)> {
    let session = ClientConnection::new(Arc::clone(tls), "localhost".try_into().ok()?).ok()?;
    talk_over(StreamOwned::new(session, connect(port)?), request)
}

fn talk_over(mut stream: impl Read + Write, request: &str) -> Option<(u16, String, String)> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, head.to_owned(), body.to_owned()))
}

/// GET of `path`; `None` when there is no whole answer.
#[must_use]
pub fn get(port: u16, path: &str) -> Option<Answer> {
    let (status, head, body) = talk(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some(Answer { status, body: if chunked { unchunk(&body)? } else { body } })
}

/// A request with the token of the tests; status and JSON.
#[must_use]
pub fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, serde_json::Value)> {
    let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}", body.len());
    let (status, _, answer) = talk(port, &format!("{head}\r\n\r\n{body}"))?;
    Some((status, serde_json::from_str(&answer).ok()?))
}

/// Token for workers' states.
pub const TOKEN: &str = "token of the socket tests";

fn unchunk(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}
