//! Prints our requests (RFC 3261 §7, §8.1.1; `spec/ms-pres.md` 1.3, 3.1, 4.2). Strings come ready from the core; here is only the order, the line ends, and the body.
use super::answer::Text;
use crate::codec::xml::encode_batch;
use crate::directory::Directory;
use crate::uc_event::{SipBody, SipRequest};
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::SocketAddr;

/// Media type of a batch subscription.
const BATCH_TYPE: &str = "application/msrtc-adrl-categorylist+xml";

/// Prints a request.
pub fn encode_request(msg: &SipRequest, directory: &Directory, out: &mut Vec<u8>) {
    let method = msg.method.as_str();
    put(out, &[method, " ", &msg.uri, " SIP/2.0"]);
    let address = Address(msg.local);
    // Writing to a Vec cannot fail.
    let _ = write!(Text(out), "Via: SIP/2.0/{} {address};branch=", if msg.tls { "TLS" } else { "TCP" });
    put(out, &[&msg.branch]);
    put(out, &["Max-Forwards: 70"]);
    for route in &msg.routes {
        put(out, &["Route: <", route, ">"]);
    }
    match &msg.epid {
        Some(epid) => put(out, &["From: <", &msg.from, ">;tag=", &msg.from_tag, ";epid=", epid]),
        None => put(out, &["From: <", &msg.from, ">;tag=", &msg.from_tag]),
    }
    match &msg.to_tag {
        Some(tag) => put(out, &["To: <", &msg.to, ">;tag=", tag]),
        None => put(out, &["To: <", &msg.to, ">"]),
    }
    put(out, &["Call-ID: ", &msg.call_id]);
    let _ = write!(Text(out), "CSeq: {} {method}\r\n", msg.cseq);
    if let Some(contact) = &msg.contact {
        put(out, &["Contact: ", contact]);
    }
    for (name, value) in &msg.headers {
        put(out, &[name, ": ", value]);
    }
    body(&msg.body, directory, out);
}

fn body(body: &SipBody, directory: &Directory, out: &mut Vec<u8>) {
    let SipBody::Batch { watcher, unsubscribe, users } = body else {
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        return;
    };
    let uc = &directory.config().uc;
    // A watcher or user that a re-configuration took away since leaves nothing to print; the dialog that asked is ended by the same re-configuration.
    let watcher = uc.watchers.get(watcher.index()).map_or("", |w| &*w.uri);
    let uris = users.iter().filter(|user| directory.has_user(**user)).map(|user| directory.uri(*user)).filter(|uri| !uri.is_empty());
    let mut text = Vec::new();
    encode_batch(watcher, *unsubscribe, uris, &uc.categories, &mut text);
    let _ = write!(Text(out), "Content-Type: {BATCH_TYPE}\r\nContent-Length: {}\r\n\r\n", text.len());
    out.append(&mut text);
}

/// One line. A control character has no business in any of our values; should one come, it is printed as `?`, so that no value can forge a header.
fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend(part.bytes().map(|b| if b.is_ascii_control() { b'?' } else { b }));
    }
    out.extend_from_slice(b"\r\n");
}

/// `host:port` of Via: IPv6 in brackets, without a zone, which means nothing to the peer.
struct Address(SocketAddr);

impl core::fmt::Display for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            SocketAddr::V4(v4) => write!(f, "{v4}"),
            SocketAddr::V6(v6) => write!(f, "[{}]:{}", v6.ip(), v6.port()),
        }
    }
}
