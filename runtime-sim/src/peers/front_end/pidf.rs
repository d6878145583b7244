//! PUBLISH with PIDF by a trusted application: on the phone, or not (`spec/ms-pres.md` 6.8, RFC 3903).
use super::publication::{ExpireType, Key, PIDF_PHONE, Publication, StateKind, StateValue, Value};
use super::publish_body::parse_pidf;
use super::publishing::{News, Published};
use super::service::Refusal;
use super::users::{Activity, Home};
use super::{FrontEnd, Mono};
use crate::peers::sip::{SipMsg, uri_of};

/// What an entity tag stands for.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) user: usize,
    pub(super) on_the_phone: bool,
    pub(super) expires_at: Mono,
}

impl FrontEnd {
    pub(super) fn on_pidf_publish(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        self.counts.publishes += 1;
        let min = self.config.pidf_expires_min_s.to_string();
        match self.take_pidf(now, conn, request_uri, msg) {
            Err((423, text)) => self.reply(conn, msg, 423, text, &[("Min-Expires", &min)], None),
            Err((code, text)) => self.reply(conn, msg, code, text, &[], None),
            Ok((user, on_the_phone, seconds)) => {
                let number = self.next_serial();
                let tag = format!("{}-{number}-1", 2_545_777_538 + user as u64);
                self.reply(conn, msg, 200, "OK", &[("SIP-ETag", &tag), ("Expires", &seconds.to_string())], None);
                if seconds > 0 {
                    self.etags.insert(tag, Entity { user, on_the_phone, expires_at: now + u64::from(seconds) * 1000 });
                }
                self.show_call(now, conn, uri_of(msg.header("from").unwrap_or_default()), user, (on_the_phone && seconds > 0).then_some(seconds));
            }
        }
    }

    /// Whose it is, whether on the phone, and for how many seconds.
    fn take_pidf(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) -> Result<(usize, bool, u32), Refusal> {
        let trusted = self.conns.get(&conn).is_some_and(|c| c.trusted);
        if !self.config.ways.pidf || !trusted {
            return Err((403, "Forbidden"));
        }
        if msg.header("event") != Some("presence") {
            return Err((489, "Bad Event"));
        }
        let served = |user: &usize| !matches!(self.users.at(*user).home, Home::Federated);
        let user = self.users.find(request_uri).filter(served).ok_or((404, "Not Found"))?;
        if let Some(code) = self.users.at(user).refusal {
            return Err((code, "Refused"));
        }
        let seconds: u32 = msg.header("expires").map_or(Ok(3600), str::parse).map_err(|_| (400, "Bad Request"))?;
        if seconds > 0 && seconds < self.config.pidf_expires_min_s {
            return Err((423, "Interval Too Brief"));
        }
        let old = match msg.header("sip-if-match") {
            None => None,
            Some(tag) => Some(self.etags.remove(tag).filter(|e| e.user == user).ok_or((412, "Conditional Request Failed"))?),
        };
        if msg.body.is_empty() {
            let Some(old) = old else {
                self.judge(now, conn, "PUBLISH without a body and without SIP-If-Match");
                return Err((400, "Bad Request"));
            };
            return Ok((user, old.on_the_phone, seconds));
        }
        if msg.header("content-type").is_none_or(|t| !t.eq_ignore_ascii_case("application/pidf+xml")) {
            return Err((415, "Unsupported Media Type"));
        }
        match parse_pidf(&msg.body) {
            Ok((entity, on_the_phone)) if entity.eq_ignore_ascii_case(request_uri) => Ok((user, on_the_phone, seconds)),
            Ok((entity, _)) => {
                self.judge(now, conn, &format!("PIDF of {entity} in a PUBLISH for {request_uri}"));
                Err((403, "Forbidden"))
            }
            Err(why) => {
                self.judge(now, conn, &format!("PIDF: {why}"));
                Err((400, "Bad Request"))
            }
        }
    }

    /// The call a PUBLISH tells of, for so many seconds; `None`: none.
    fn show_call(&mut self, now: Mono, conn: u64, uri: &str, user: usize, seconds: Option<u32>) {
        let mut news = News { order: self.next_order(), ..News::of(user) };
        let stamp = self.config.epoch_unix_ms + now.0;
        let state = StateValue::new(StateKind::Phone, 6500, Activity::token("on-the-phone"));
        let mut changes = Vec::new();
        for key in [2, 3].map(|container| Key::new("state", PIDF_PHONE, container)) {
            let table = &mut self.users.at_mut(user).published;
            let value = seconds.map(|_| Value::State(state.clone()));
            if let Some((seconds, value)) = seconds.zip(value.clone()) {
                let row = Publication {
                    version: 0,
                    expire: ExpireType::Time,
                    expires_at: Some(now + u64::from(seconds) * 1000),
                    expires_s: Some(seconds),
                    author: String::new(),
                    value,
                    unix_ms: stamp,
                    endpoint: None,
                    order: news.order,
                    raw: String::new(),
                };
                table.put(key.clone(), row);
            } else if !table.remove(&key) {
                continue;
            }
            changes.push((key.clone(), value));
            news.keys.insert(key);
        }
        self.record(Published { at: now, uri: uri.to_owned(), epid: String::new(), conn, changes });
        self.settle(now, news);
    }
}
