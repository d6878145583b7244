//! REGISTER and registration events (`spec/ms-pres.md` 1.3, 3).
use super::dialog::Dialog;
use super::reply::received_cid;
use super::{FrontEnd, Mono, RegistrationEventKind};
use crate::peers::sip::{SipMsg, param, uri_of};

#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) node: u16,
    pub(super) conn: u64,
    pub(super) uri: String,
    /// Address part of the Contact.
    pub(super) contact: String,
    pub(super) gruu: String,
    pub(super) epid: String,
    pub(super) call_id: String,
    /// From of the REGISTER: To of registration events.
    pub(super) from: String,
    pub(super) expires_at: Mono,
}

/// Event packages a pool offers.
pub(super) const ALLOW_EVENTS: &str = "vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending,vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2";

impl FrontEnd {
    pub(super) fn on_register(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        self.counts.registers += 1;
        let from = msg.header("from").unwrap_or_default();
        let user = uri_of(from).to_owned();
        let contact = msg.header("contact").unwrap_or_default();
        if self.faults.register_403 {
            return self.reply(conn, msg, 403, "Forbidden", &[], None);
        }
        if self.rng.chance(self.faults.register_503_pm) {
            let seconds = self.faults.retry_after_s.to_string();
            return self.reply(conn, msg, 503, "Service Unavailable", &[("Retry-After", &seconds)], None);
        }
        if !self.faults.redirect_to.is_empty() {
            let hosts =
                self.faults.redirect_to.iter().enumerate().map(|(i, h)| format!("<sip:{h};transport={}>;q=0.{}", self.config.transport, 7 - 4 * i.min(1)));
            let contacts = hosts.collect::<Vec<_>>().join(", ");
            return self.reply(conn, msg, 301, "Redirect request to Home Server", &[("Contact", &contacts), ("Expires", "0")], None);
        }
        let epid = param(from, "epid").unwrap_or_default();
        let instance = param(contact, "+sip.instance").unwrap_or_default().to_ascii_lowercase();
        let uuid = instance.trim_start_matches("<urn:uuid:").trim_end_matches('>').to_owned();
        let fault = match () {
            () if uri_of(msg.header("to").unwrap_or_default()) != user => Some((400, "Bad Request", "To and From of REGISTER differ")),
            () if epid.is_empty() || gruu_id(&uuid).is_none() => Some((400, "Bad Request", "epid or +sip.instance is missing or malformed")),
            () if request_uri != format!("sip:{}", self.config.domain) => Some((404, "Not Found", "Request-URI of REGISTER is not the domain")),
            () if msg.header("event").is_some_and(|e| e != "registration") => Some((489, "Bad Event", "Event of REGISTER is not registration")),
            () if !msg.has_token("supported", "gruu-10") => Some((421, "Extension Required", "gruu-10 is not supported")),
            () => None,
        };
        if let Some((code, text, why)) = fault {
            self.judge(now, conn, why);
            return self.reply(conn, msg, code, text, &[], None);
        }
        let key = format!("{user} {uuid}");
        if msg.header("expires") == Some("0") || param(contact, "expires") == Some("0") {
            self.reply(conn, msg, 200, "OK", &[("Expires", "0"), ("presence-state", "register-action=\"removed\"")], None);
            return self.end_endpoint(now, &key);
        }
        let endpoints = self.registrations.iter().filter(|(k, r)| **k != key && r.uri.eq_ignore_ascii_case(&user)).count();
        if endpoints >= self.config.endpoints_max {
            self.judge(now, conn, &format!("{} endpoints of {user}, the limit is {}", endpoints + 1, self.config.endpoints_max));
            return self.reply(conn, msg, 403, "Forbidden", &[], None);
        }
        self.store_registration(now, conn, key.clone(), msg, &uuid);
        self.confirm_registration(now, conn, &key, msg, &uuid);
    }

    fn store_registration(&mut self, now: Mono, conn: u64, key: String, msg: &SipMsg, uuid: &str) {
        let from = msg.header("from").unwrap_or_default();
        let contact = uri_of(msg.header("contact").unwrap_or_default());
        let node = self.conns.get(&conn).map_or(0, |c| c.node);
        let registration = Registration {
            node,
            conn,
            uri: uri_of(from).to_owned(),
            contact: contact.split(';').next().unwrap_or_default().to_owned(),
            gruu: format!("{};opaque=user:epid:{};gruu", uri_of(from), gruu_id(uuid).unwrap_or_default()),
            epid: param(from, "epid").unwrap_or_default().to_owned(),
            call_id: msg.header("call-id").unwrap_or_default().to_owned(),
            from: from.to_owned(),
            expires_at: now + u64::from(self.config.register_expires_s) * 1000,
        };
        if let Some(c) = self.conns.get_mut(&conn) {
            c.registrations.insert(key.clone());
        }
        self.lost_endpoints.remove(&key);
        self.registrations.insert(key, registration);
    }

    fn confirm_registration(&mut self, now: Mono, conn: u64, key: &str, msg: &SipMsg, uuid: &str) {
        let Some(r) = self.registrations.get(key).cloned() else { return };
        let seconds = self.config.register_expires_s;
        let own = format!("<{};ms-received-cid={}>;expires={seconds};+sip.instance=\"<urn:uuid:{uuid}>\";gruu=\"{}\"", r.contact, received_cid(conn), r.gruu);
        let expires = seconds.to_string();
        let keep_alive = format!("UAS; tcp=no; hop-hop=yes; end-end=no; timeout={}", self.config.keep_alive_s);
        let mut headers = vec![("Expires", expires.as_str())];
        // Other endpoints of the same user come first, so that a reader has to look for its own instance.
        let others: Vec<String> = self.registrations.iter().filter(|(k, o)| *k != key && o.uri == r.uri).map(|(k, o)| other_contact(now, k, o)).collect();
        headers.extend(others.iter().map(|o| ("Contact", o.as_str())));
        headers.push(("Contact", &own));
        headers.push(("presence-state", "register-action=\"added\""));
        headers.push(("Allow-Events", ALLOW_EVENTS));
        headers.push(("Supported", "adhoclist"));
        headers.push(("Supported", "msrtc-event-categories"));
        if msg.header("ms-keep-alive").is_some() {
            headers.push(("ms-keep-alive", &keep_alive));
        }
        self.reply(conn, msg, 200, "OK", &headers, None);
    }

    /// Tells all registered endpoints of a user (or, for `None`, of everybody) what happened to their registration, by BENOTIFY.
    pub fn registration_event(&mut self, uri: Option<&str>, kind: RegistrationEventKind) {
        let (line, id, ends) = match kind {
            RegistrationEventKind::Unregistered => ("deregistered;event=unregistered", 4140, true),
            RegistrationEventKind::Rejected => ("deregistered;event=rejected", 4141, true),
            RegistrationEventKind::Deactivated => ("deregistered;event=deactivated", 4142, true),
            RegistrationEventKind::ServicesUnavailable => ("registered;event=userservices-unavailable", 4165, false),
            RegistrationEventKind::ServicesAvailable => ("registered;event=userservices-available", 4165, false),
        };
        let keys: Vec<String> = self.registrations.iter().filter(|(_, r)| uri.is_none_or(|u| r.uri.eq_ignore_ascii_case(u))).map(|(k, _)| k.clone()).collect();
        for key in keys {
            let branch = format!("{:016X}", self.rng.bits());
            let host = self.config.domain.clone();
            // Rising over re-registrations with the same Call-ID.
            let cseq = self.next_serial();
            let Some(r) = self.registrations.get(&key) else { continue };
            let state = if ends { "terminated;expires=0" } else { "active" };
            let text = format!(
                "BENOTIFY {};ms-received-cid={} SIP/2.0\r\nVia: SIP/2.0/{} fe.{host}:5061;branch=z9hG4bK{branch};branched=FALSE\r\nMax-Forwards: 70\r\nTo: {}\r\nFrom: <{}>;tag=REG{}\r\n\
                 Call-ID: {}\r\nCSeq: {} BENOTIFY\r\nEvent: registration-notify\r\nsubscription-state: {state}\r\nms-diagnostics-public: {id};reason=\"{line}\"\r\n\
                 Content-Type: text/registration-event\r\nContent-Length: {}\r\n\r\n{line}",
                r.contact,
                received_cid(r.conn),
                self.config.transport,
                r.from,
                r.uri,
                r.node,
                r.call_id,
                cseq,
                line.len()
            );
            let (conn, watcher) = (r.conn, r.uri.clone());
            self.send(conn, text.into_bytes());
            if ends {
                // What it published goes with the next moment.
                self.lose_endpoint(&key, Some(Mono(0)));
            }
            if kind != RegistrationEventKind::ServicesAvailable {
                // What the endpoint watched goes with its registration, or with the presence service.
                let gone = |d: &Dialog| d.conn == Some(conn) && d.watcher_uri.eq_ignore_ascii_case(&watcher);
                let dialogs: Vec<u32> = self.dialogs.iter().filter(|(_, d)| gone(d)).map(|(id, _)| *id).collect();
                dialogs.into_iter().for_each(|id| self.drop_dialog(id));
            }
        }
    }
}

fn other_contact(now: Mono, key: &str, other: &Registration) -> String {
    let uuid = key.split(' ').nth(1).unwrap_or_default();
    let left = other.expires_at.since(now) / 1000;
    format!("<{}>;expires={left};+sip.instance=\"<urn:uuid:{uuid}>\";gruu=\"{}\"", other.contact, other.gruu)
}

/// The id part of a user GRUU: base64url of the UUID's bytes in little-endian field order and two zero bytes (`spec/ms-pres.md` 1.3). `None`: not a UUID.
fn gruu_id(uuid: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hex: Vec<u8> = uuid.bytes().filter(|b| *b != b'-').collect();
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    let text = String::from_utf8(hex).ok()?;
    let big: Option<Vec<u8>> = (0..16).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect();
    let big = big?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut bytes: Vec<u8> = order.iter().map(|i| big[*i]).collect();
    bytes.extend([0, 0]);
    let mut out = String::new();
    for three in bytes.chunks_exact(3) {
        let n = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        out.extend([18, 12, 6, 0].map(|shift| char::from(ALPHABET[(n >> shift & 63) as usize])));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_gruu_of_the_test_vector() {
        assert_eq!(super::gruu_id("4b1682a8-f968-5701-83fc-7c6741dc6697").as_deref(), Some("qIIWS2j5AVeD_HxnQdxmlwAA"));
        assert_eq!(super::gruu_id("4b1682a8"), None);
    }
}
