//! Dispatch of requests, and the form of our responses.
use super::{FrontEnd, Mono};
use crate::peers::PeerOut;
use crate::peers::sip::{SipMsg, SipStart, param, uri_of};

/// Media type and text of a body.
pub(super) type BodyText = (String, String);

impl FrontEnd {
    /// Looks at a request whose time has come.
    pub(super) fn answer(&mut self, now: Mono, conn: u64, msg: &SipMsg) {
        let SipStart::Request { method, uri } = &msg.start else { return };
        let Some((node, trusted)) = self.conns.get(&conn).map(|c| (c.node, c.trusted)) else { return };
        if let Some(fault) = missing_header(method, msg, trusted) {
            self.judge(now, conn, &format!("{method} on connection {conn}: {fault}"));
            self.reply(conn, msg, 400, "Bad Request", &[], None);
            return;
        }
        if self.rng.chance(self.faults.no_answer_pm) {
            return;
        }
        if self.rng.chance(self.faults.close_pm) {
            self.close(conn);
            return;
        }
        if let Some(seconds) = self.nodes[usize::from(node)].unavailable {
            self.reply(conn, msg, 503, "Service Unavailable", &[("Retry-After", &seconds.to_string())], None);
            return;
        }
        match method.as_str() {
            "REGISTER" => self.on_register(now, conn, uri, msg),
            "SUBSCRIBE" => self.on_subscribe(now, conn, uri, msg),
            "SERVICE" => self.on_service(now, conn, uri, msg),
            "PUBLISH" => self.on_pidf_publish(now, conn, uri, msg),
            "OPTIONS" => {
                self.counts.options += 1;
                self.reply(conn, msg, 200, "OK", &[("Allow", "REGISTER, SUBSCRIBE, OPTIONS, SERVICE, PUBLISH, ACK, CANCEL")], None);
            }
            "INVITE" | "CANCEL" | "BYE" | "MESSAGE" | "INFO" if self.on_call_request(now, conn, method, msg) => {}
            _ => self.reply(conn, msg, 405, "Method Not Allowed", &[("Allow", "REGISTER, SUBSCRIBE, OPTIONS, SERVICE, PUBLISH")], None),
        }
    }

    /// Sends a response; To gets our tag when it has none.
    pub(super) fn reply(&mut self, conn: u64, msg: &SipMsg, code: u16, text: &str, headers: &[(&str, &str)], body: Option<&BodyText>) {
        let tag = format!("{:08X}", self.rng.bits() as u32);
        self.reply_tagged(conn, msg, &tag, code, text, headers, body);
    }

    /// As [`Self::reply`] with a given tag.
    #[expect(clippy::too_many_arguments, reason = "a response has these parts, and a builder would not say it better")]
    pub(super) fn reply_tagged(&mut self, conn: u64, msg: &SipMsg, tag: &str, code: u16, text: &str, headers: &[(&str, &str)], body: Option<&BodyText>) {
        let mut out = format!("SIP/2.0 {code} {text}\r\n");
        for (i, via) in msg.values("via").iter().enumerate() {
            out.push_str(&format!("Via: {via}"));
            if i == 0 {
                out.push_str(&format!(";ms-received-port=55117;ms-received-cid={}", received_cid(conn)));
            }
            out.push_str("\r\n");
        }
        let to = msg.header("to").unwrap_or_default();
        let to_tag = if param(to, "tag").is_some() { String::new() } else { format!(";tag={tag}") };
        out.push_str(&format!("From: {}\r\nTo: {to}{to_tag}\r\n", msg.header("from").unwrap_or_default()));
        out.push_str(&format!("Call-ID: {}\r\nCSeq: {}\r\n", msg.header("call-id").unwrap_or_default(), msg.header("cseq").unwrap_or_default()));
        for (name, value) in headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if code >= 400 {
            out.push_str(&format!("ms-diagnostics: {};reason=\"{text}\";source=\"fe.{}\"\r\n", u32::from(code) + 4000, self.config.domain));
        }
        out.push_str("Server: RTC/6.0\r\n");
        match body {
            Some((media, text)) => out.push_str(&format!("Content-Type: {media}\r\nContent-Length: {}\r\n\r\n{text}", text.len())),
            None => out.push_str("Content-Length: 0\r\n\r\n"),
        }
        let mut bytes = out.into_bytes();
        if self.rng.chance(self.faults.cut_pm) {
            bytes.truncate(bytes.len() / 2);
            if self.conns.contains_key(&conn) {
                self.out.push_back(PeerOut::Send { conn, bytes });
            }
            self.close(conn);
        } else {
            self.send(conn, bytes);
        }
    }
}

/// `ms-received-cid` of a connection: opaque hexadecimal text.
pub(super) fn received_cid(conn: u64) -> String {
    format!("{:X}", 0x3C0_D700 + conn * 0x100)
}

/// What RFC 3261 8.1.1 wants in every request, and RFC 6665 and MS-PRES in these.
///
/// A server also takes requests of RFC 2543, without a branch (RFC 3261 17.2.3): a known client sends its refreshes so. Only trusted applications must do better.
fn missing_header(method: &str, msg: &SipMsg, trusted: bool) -> Option<String> {
    for name in ["via", "from", "to", "call-id", "cseq", "max-forwards"] {
        match msg.count(name) {
            1 => {}
            0 => return Some(format!("no {name} header")),
            _ if name == "via" => {}
            n => return Some(format!("{n} {name} headers")),
        }
    }
    let via = msg.values("via").first().copied().unwrap_or_default();
    if trusted && !param(via, "branch").is_some_and(|b| b.starts_with("z9hG4bK") && b.len() > 7) {
        return Some(format!("branch of Via {via:?} is not by RFC 3261"));
    }
    if msg.cseq().is_none_or(|(_, m)| m != method) {
        return Some(format!("CSeq {:?} does not fit", msg.header("cseq").unwrap_or_default()));
    }
    if param(msg.header("from").unwrap_or_default(), "tag").is_none_or(str::is_empty) {
        return Some("From without tag".to_owned());
    }
    let needs_contact = matches!(method, "SUBSCRIBE" | "REGISTER");
    if needs_contact && msg.header("contact").is_none_or(|c| !uri_of(c).starts_with("sip:")) {
        return Some("no usable Contact".to_owned());
    }
    if method == "SUBSCRIBE" && msg.header("event").is_none() {
        return Some("no Event header".to_owned());
    }
    let typed = msg.header("content-type").is_some();
    (typed == msg.body.is_empty()).then(|| "body and Content-Type do not go together".to_owned())
}
