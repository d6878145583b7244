//! Somebody who looks at a presence server now and then (RFC 6665, 4.4.3: a subscription without a duration), written by hand: sees what any watcher would see.
use crate::patience_left;
use crate::sip::{Message, answer, split};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Asks a server over UDP for one user's presence.
pub struct Fetcher {
    socket: UdpSocket,
    asked: u32,
}

impl Fetcher {
    /// One that asks at this port of loopback.
    #[must_use]
    pub fn at(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { socket, asked: 0 }
    }

    /// The presence document of `uri` now; empty: nothing is known.
    ///
    /// # Panics
    /// When the server does not say.
    pub fn fetch(&mut self, uri: &str) -> String {
        let at = self.socket.local_addr().unwrap();
        let began = Instant::now();
        loop {
            let _left = patience_left(began, &format!("presence of {uri}"));
            self.asked += 1;
            let n = self.asked;
            let text = format!(
                "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKf{n}\r\nMax-Forwards: 70\r\nFrom: <sip:looker@lyncdco13.lab>;tag=f{n}\r\nTo: <{uri}>\r\n\
                 Call-ID: f{n}@{at}\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:looker@{at}>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\nExpires: 0\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            // The server may be away: then sending fails at once, or nothing comes back.
            let _ = self.socket.send(text.as_bytes());
            if let Some(notify) = self.notify(&format!("f{n}@{at}")) {
                return notify.body;
            }
        }
    }

    fn notify(&self, call_id: &str) -> Option<Message> {
        let mut buffer = [0; 16_384];
        while let Ok(n) = self.socket.recv(&mut buffer) {
            for message in split(&mut buffer[..n].to_vec()) {
                if message.method() == "NOTIFY" {
                    let _ = self.socket.send(&answer(&message, "200 OK", "", ""));
                    if message.header("Call-ID") == call_id {
                        return Some(message);
                    }
                }
            }
        }
        None
    }

    /// Looks until the document is as `wanted`; returns it.
    ///
    /// # Panics
    /// When it does not become so.
    pub fn until(&mut self, uri: &str, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let document = self.fetch(uri);
            if wanted(&document) {
                return document;
            }
            let _left = patience_left(began, &format!("{what}: {document}"));
        }
    }
}
