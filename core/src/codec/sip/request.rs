//! Prints our requests (RFC 3261 §7, §8.1.1; `spec/ms-pres.md` 1.3, 3.1, 4.2). Strings come ready from the core; here is only the order, the line ends, and the body.
use super::answer::Text;
use super::digest;
use crate::codec::base64::encode_base64;
use crate::codec::xml::{encode_batch, encode_call_pidf, encode_context, encode_pidf, encode_publish, encode_roaming_list};
use crate::directory::Directory;
use crate::id::WatcherId;
use crate::uc_event::{SipBody, SipRequest, Transport};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::SocketAddr;

/// Media type of a batch subscription.
const BATCH_TYPE: &str = "application/msrtc-adrl-categorylist+xml";
/// Media type of publications.
const PUBLISH_TYPE: &str = "application/msrtc-category-publish+xml";
/// Media type of a self subscription.
const ROAMING_TYPE: &str = "application/vnd-microsoft-roaming-self+xml";
/// Media type of a presence document.
const PIDF_TYPE: &str = "application/pidf+xml";
/// Media type of an invitation to a context channel.
const CONTEXT_TYPE: &str = "application/ms-session-invite+xml";
/// Media type of an instant message.
const TEXT_TYPE: &str = "text/plain; charset=UTF-8";
/// What we say we read in a session; of it only that something came counts.
const ACCEPT_TYPES: &str = "text/plain text/html multipart/alternative application/im-iscomposing+xml application/ms-imdn+xml";

/// Prints a request that answers no challenge.
pub fn encode_request(msg: &SipRequest, directory: &Directory, out: &mut Vec<u8>) {
    encode_request_with(msg, directory, &mut |_| None, out);
}

/// Prints a request; `secret` gives the passwords behind references. Without its password a challenge stays unanswered and the server will ask again.
pub fn encode_request_with(msg: &SipRequest, directory: &Directory, secret: &mut dyn FnMut(&str) -> Option<String>, out: &mut Vec<u8>) {
    let method = msg.method.as_str();
    put(out, &[method, " ", &msg.uri, " SIP/2.0"]);
    let address = Address(msg.local);
    // Writing to a Vec cannot fail.
    let _ = write!(Text(out), "Via: SIP/2.0/{} {address};branch=", msg.transport.as_str());
    // Datagrams are answered where they came from (RFC 3581).
    put(out, &[&msg.branch, if msg.transport == Transport::Udp { ";rport" } else { "" }]);
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
    for auth in &msg.auth {
        if let Some(password) = secret(&auth.password_ref) {
            let mut line = String::new();
            digest::print(auth, method, &msg.uri, &password, &mut line);
            put(out, &[&line]);
        }
    }
    if let SipBody::Session { text } = &msg.body {
        let mut base64 = Vec::new();
        encode_base64(text.as_bytes(), &mut base64);
        put(out, &["ms-text-format: text/plain; charset=UTF-8;ms-body=", core::str::from_utf8(&base64).unwrap_or_default()]);
    }
    body(msg, directory, out);
}

fn body(msg: &SipRequest, directory: &Directory, out: &mut Vec<u8>) {
    let (body, to) = (&msg.body, &msg.to);
    let uc = &directory.config().uc;
    // A watcher or user that a re-configuration took away since leaves nothing to print; the dialog that asked is ended by the same re-configuration.
    let name = |watcher: WatcherId| uc.watchers.get(watcher.index()).map_or("", |w| &*w.uri);
    let mut text = Vec::new();
    let media_type = match body {
        SipBody::None => {
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            return;
        }
        SipBody::Batch { watcher, unsubscribe, users } => {
            let uris = users.iter().filter(|user| directory.has_user(**user)).map(|user| directory.uri(*user)).filter(|uri| !uri.is_empty());
            encode_batch(name(*watcher), *unsubscribe, uris, &uc.categories, &mut text);
            BATCH_TYPE
        }
        SipBody::Leave { watcher, uris } => {
            encode_batch(name(*watcher), true, uris.iter().map(|uri| &**uri), &[], &mut text);
            BATCH_TYPE
        }
        SipBody::Publish(publications) => {
            encode_publish(to, publications, &directory.config().publish, &mut text);
            PUBLISH_TYPE
        }
        SipBody::RoamingList => {
            encode_roaming_list(&mut text);
            ROAMING_TYPE
        }
        SipBody::Pidf { user, row } => {
            // A worker or row that is gone since leaves nothing to say; the publication is withdrawn by the same re-configuration.
            let uri = if directory.has_user(*user) { directory.uri(*user) } else { "" };
            if let Some(state) = directory.config().publish.state(*row) {
                if uc.kind.simple().is_some() {
                    encode_pidf(uri, state, &mut text);
                } else {
                    encode_call_pidf(uri, state, &mut text);
                }
            }
            PIDF_TYPE
        }
        SipBody::Session { .. } => {
            sdp(msg.local, &mut text);
            "application/sdp"
        }
        SipBody::Text(message) => {
            text.extend_from_slice(message.as_bytes());
            TEXT_TYPE
        }
        SipBody::Context(invitation) => {
            encode_context(invitation, &mut text);
            CONTEXT_TYPE
        }
    };
    let _ = write!(Text(out), "Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", text.len());
    out.append(&mut text);
}

/// The offer of a session of instant messages: it has no media of its own, texts travel as MESSAGE inside the dialog (`spec/ms-pres.md` 7.1).
fn sdp(local: SocketAddr, out: &mut Vec<u8>) {
    let (family, ip) = (if local.is_ipv4() { "IP4" } else { "IP6" }, local.ip());
    let _ = write!(
        Text(out),
        "v=0\r\no=- 0 0 IN {family} {ip}\r\ns=session\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:{ACCEPT_TYPES}\r\n"
    );
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sip::{Decoded, Framer, Head, Name, Step, decode};
    use crate::config::{Config, Limits, Person, UcConfig, Watcher};
    use crate::id::UserId;
    use crate::uc_event::Method;
    use alloc::borrow::Cow;
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec;

    fn directory() -> Directory {
        let person = |id: &str, uri: &str| Person { employee_id: id.into(), sip_uri: uri.into(), ..Person::default() };
        let watchers = vec![Watcher { uri: "sip:w@contoso.example".into(), epid: "56b4641a00".into() }];
        Directory::new(Arc::new(Config {
            application: "test".into(),
            uc: UcConfig { watchers, ..UcConfig::default() },
            people: vec![person("1", "sip:alice@contoso.example"), person("2", ""), person("3", "sip:o'neil@contoso.example")],
            ..Config::default()
        }))
    }

    fn request() -> SipRequest {
        SipRequest {
            method: Method::Subscribe,
            uri: "sip:w@contoso.example".into(),
            local: "[2001:db8::20]:55117".parse().expect("address"),
            transport: Transport::Tls,
            branch: "z9hG4bKb1".into(),
            from: "sip:w@contoso.example".into(),
            from_tag: "f1".into(),
            epid: Some("56b4641a00".into()),
            to: "sip:w@contoso.example".into(),
            to_tag: None,
            call_id: "c1@h".into(),
            cseq: 7,
            routes: vec!["sip:fe01:5061;transport=tls;opaque=state:F:T;lr;ms-route-sig=aa".into(), "sip:fe02;lr".into()].into(),
            contact: Some("<sip:[2001:db8::20]:55117;transport=tls>".into()),
            headers: vec![("User-Agent", Cow::Borrowed("UCConnector/0.1")), ("Event", Cow::Borrowed("presence"))],
            auth: Vec::new(),
            body: SipBody::None,
        }
    }

    fn print(msg: &SipRequest) -> String {
        let mut out = Vec::new();
        encode_request(msg, &directory(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_line_in_its_place() {
        let want = "SUBSCRIBE sip:w@contoso.example SIP/2.0\r\nVia: SIP/2.0/TLS [2001:db8::20]:55117;branch=z9hG4bKb1\r\nMax-Forwards: 70\r\n\
             Route: <sip:fe01:5061;transport=tls;opaque=state:F:T;lr;ms-route-sig=aa>\r\nRoute: <sip:fe02;lr>\r\n\
             From: <sip:w@contoso.example>;tag=f1;epid=56b4641a00\r\nTo: <sip:w@contoso.example>\r\nCall-ID: c1@h\r\nCSeq: 7 SUBSCRIBE\r\n\
             Contact: <sip:[2001:db8::20]:55117;transport=tls>\r\nUser-Agent: UCConnector/0.1\r\nEvent: presence\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(print(&request()), want);
    }

    #[test]
    fn a_batch_is_framed_by_its_length_and_names_the_users_that_have_a_uri() {
        let body = SipBody::Batch { watcher: WatcherId(0), unsubscribe: false, users: vec![UserId(0), UserId(1), UserId(2), UserId(99)].into() };
        let text = print(&SipRequest { body, to_tag: Some("t2".into()), epid: None, transport: Transport::Tcp, ..request() });
        let mut framer = Framer::new(&Limits::default());
        framer.push(text.as_bytes());
        let Step::Message(span) = framer.next() else { panic!("no message: {text}") };
        assert_eq!(framer.bytes(span), text.as_bytes());
        let head = Head::parse(text.as_bytes(), &Limits::default()).expect("head");
        assert_eq!(head.get(Name::ContentType), Some(BATCH_TYPE.as_bytes()));
        let body = core::str::from_utf8(head.body).expect("text");
        assert!(body.contains("sip:alice@contoso.example") && body.contains("neil@contoso.example") && body.matches("<resource").count() == 2, "{body}");
        assert!(matches!(decode(text.as_bytes(), &Limits::default()), Ok(Decoded::Request(request)) if !request.to_tag.is_empty() && request.cseq == 7));
    }

    #[test]
    fn no_value_can_forge_a_header() {
        let text = print(&SipRequest { uri: "sip:a@b\r\nX: y".into(), to: "sip:a\0".into(), ..request() });
        assert!(text.starts_with("SUBSCRIBE sip:a@b??X: y SIP/2.0\r\n") && text.contains("To: <sip:a?>\r\n"), "{text}");
    }

    #[test]
    fn users_that_left_the_directory_are_still_unsubscribed() {
        let body = SipBody::Leave { watcher: WatcherId(0), uris: vec!["sip:gone@contoso.example".into()].into() };
        let mut out = Vec::new();
        encode_request(&SipRequest { body, ..request() }, &directory(), &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("<action name=\"unsubscribe\"") && text.contains("<resource uri=\"sip:gone@contoso.example\"/>"), "{text}");
    }
}
