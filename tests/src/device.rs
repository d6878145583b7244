//! Somebody's telephone or client at a standard presence server, written by hand: it publishes (RFC 3903) presence and calls over UDP.
use crate::sip::header;
use crate::{PATIENCE, patience_left};
use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// A device that publishes for any number of users.
pub struct Device {
    socket: UdpSocket,
    sent: u32,
    /// Entity tags by user and event package.
    tags: HashMap<(String, &'static str), String>,
}

impl Device {
    /// One that publishes at this port of loopback.
    #[must_use]
    pub fn at(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Self { socket, sent: 0, tags: HashMap::new() }
    }

    /// Publishes presence: `basic` and activities, for an hour.
    pub fn presence(&mut self, uri: &str, basic: &str, activities: &str) {
        self.publish(uri, "presence", 3600, &presence(uri, basic, activities));
    }

    /// Publishes presence for so many seconds.
    pub fn presence_for(&mut self, uri: &str, seconds: u32, basic: &str, activities: &str) {
        self.publish(uri, "presence", seconds, &presence(uri, basic, activities));
    }

    /// Publishes the state of one call.
    pub fn call(&mut self, uri: &str, state: &str) {
        let version = self.sent;
        let body = format!(
            "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" entity=\"{uri}\">\
             <dialog id=\"c1\" direction=\"recipient\"><state>{state}</state></dialog></dialog-info>"
        );
        self.publish(uri, "dialog", 3600, &body);
    }

    /// Takes back the publication of a user's presence.
    pub fn remove(&mut self, uri: &str) {
        self.publish(uri, "presence", 0, "");
    }

    /// After a restart the server knows none of our publications.
    pub fn forget(&mut self) {
        self.tags.clear();
    }

    /// Presence of many users, `window` requests under way at a time; answers are matched by their Call-ID.
    ///
    /// # Panics
    /// When answers do not come.
    pub fn many(&mut self, uris: &[String], activities: &str, window: usize) {
        let (mut next, mut open) = (0, HashMap::new());
        let began = Instant::now();
        while next < uris.len() || !open.is_empty() {
            while open.len() < window && next < uris.len() {
                let (call_id, text) = self.request(&uris[next], "presence", 3600, &presence(&uris[next], "open", activities));
                self.socket.send(text.as_bytes()).unwrap();
                open.insert(call_id, (next, text));
                next += 1;
            }
            let _left = patience_left(began, "answers to many PUBLISH requests");
            match self.receive() {
                Some(answer) => {
                    let status = answer.split(' ').nth(1).unwrap_or("");
                    if let Some((user, _)) = open.remove(header(&answer, "Call-ID")) {
                        assert_eq!(status, "200", "{answer}");
                        self.tags.insert((uris[user].clone(), "presence"), header(&answer, "SIP-ETag").to_owned());
                    }
                }
                // Lost on the way: once more.
                None => open.values().for_each(|(_, text)| _ = self.socket.send(text.as_bytes()).unwrap()),
            }
        }
    }

    fn publish(&mut self, uri: &str, event: &'static str, seconds: u32, body: &str) {
        let (call_id, text) = self.request(uri, event, seconds, body);
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "no answer to PUBLISH of {uri}");
            // The server may be starting.
            let _ = self.socket.send(text.as_bytes());
            let Some(answer) = self.receive().filter(|answer| header(answer, "Call-ID") == call_id) else { continue };
            assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
            if seconds == 0 {
                self.tags.remove(&(uri.to_owned(), event));
            } else {
                self.tags.insert((uri.to_owned(), event), header(&answer, "SIP-ETag").to_owned());
            }
            return;
        }
    }

    fn receive(&self) -> Option<String> {
        let mut buffer = [0; 8192];
        let n = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    fn request(&mut self, uri: &str, event: &'static str, seconds: u32, body: &str) -> (String, String) {
        self.sent += 1;
        let (n, at) = (self.sent, self.socket.local_addr().unwrap());
        let call_id = format!("p{n}@{at}");
        let tag = self.tags.get(&(uri.to_owned(), event)).map_or_else(String::new, |tag| format!("SIP-If-Match: {tag}\r\n"));
        let kind = if event == "dialog" { "application/dialog-info+xml" } else { "application/pidf+xml" };
        let kind = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let text = format!(
            "PUBLISH {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKp{n}\r\nMax-Forwards: 70\r\nFrom: <{uri}>;tag=d\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 PUBLISH\r\nEvent: {event}\r\nExpires: {seconds}\r\n{tag}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        (call_id, text)
    }
}

fn presence(uri: &str, basic: &str, activities: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{uri}\"><tuple id=\"desk\"><status><basic>{basic}</basic></status></tuple>\
         <dm:person id=\"pdesk\"><rpid:activities>{activities}</rpid:activities></dm:person></presence>\r\n"
    )
}
