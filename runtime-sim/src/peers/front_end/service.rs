//! SERVICE: publications with their versions, container members, acknowledged watchers (`spec/ms-pres.md` 6).
use super::publication::{Conflict, ExpireType, OWN_CLIENT, Publication, Wanted};
use super::publish_body::{parse_members, parse_publish};
use super::publishing::{News, Published};
use super::roaming::{Roaming, conflict, roaming_data};
use super::users::{Changed, Home};
use super::{FrontEnd, Mono};
use crate::peers::sip::{SipMsg, param, uri_of};

/// Body of roaming-self.
pub(super) const ROAMING: &str = "application/vnd-microsoft-roaming-self+xml";
const FAULT: &str = "application/msrtc-fault+xml";

/// An answer that is not 200.
pub(super) type Refusal = (u16, &'static str);

/// Who speaks for whom.
pub(super) struct Speaker {
    pub(super) user: usize,
    pub(super) epid: String,
    /// Registered endpoint.
    pub(super) endpoint: Option<String>,
}

impl FrontEnd {
    pub(super) fn on_service(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        let media = msg.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/msrtc-category-publish+xml" => self.on_publish(now, conn, request_uri, msg),
            "application/msrtc-setcontainermembers+xml" => self.on_set_members(now, conn, request_uri, msg),
            // Prompts for new watchers, and the contact list, are nothing that shows anywhere here.
            "application/msrtc-presence-setsubscriber+xml" | "application/soap+xml" => match self.speaker(now, conn, request_uri, msg) {
                Ok(_) => self.reply(conn, msg, 200, "OK", &[], None),
                Err((code, text)) => self.reply(conn, msg, code, text, &[], None),
            },
            _ => {
                self.judge(now, conn, &format!("SERVICE with a body of {media:?}"));
                self.reply(conn, msg, 415, "Unsupported Media Type", &[], None);
            }
        }
    }

    /// Whether this connection may speak for the user of this request (`spec/ms-pres.md` 6.7).
    pub(super) fn speaker(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) -> Result<Speaker, Refusal> {
        let from = msg.header("from").unwrap_or_default();
        let (uri, to) = (uri_of(from), uri_of(msg.header("to").unwrap_or_default()));
        let epid = param(from, "epid").unwrap_or_default().to_owned();
        if uri != to || uri != request_uri {
            self.judge(now, conn, &format!("request to {request_uri} for {to} from {uri}: all three must be the user"));
            return Err((403, "Forbidden"));
        }
        let served = |user: &usize| !matches!(self.users.at(*user).home, Home::Federated);
        let user = self.users.find(uri).filter(served).ok_or((404, "Not Found"))?;
        if let Some(code) = self.users.at(user).refusal {
            return Err((code, "Refused"));
        }
        let endpoint = self.registrations.iter().find(|(_, r)| r.uri.eq_ignore_ascii_case(uri) && r.epid == epid).map(|(key, _)| key.clone());
        let trusted = self.conns.get(&conn).is_some_and(|c| c.trusted);
        let allowed = if endpoint.is_some() { self.config.ways.endpoint || !trusted } else { self.config.ways.unregistered && trusted };
        if !allowed {
            return Err((403, "Forbidden"));
        }
        Ok(Speaker { user, epid, endpoint })
    }

    fn on_publish(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        self.counts.services += 1;
        let seconds = self.faults.retry_after_s.to_string();
        let refusal = if self.rng.chance(self.faults.service_503_pm) {
            Some((503, "Service Unavailable"))
        } else if self.rng.chance(self.faults.service_5xx_pm) {
            Some(self.rng.pick(&[(480, "Temporarily Unavailable"), (500, "Server Internal Error"), (504, "Server Time-out")]))
        } else {
            None
        };
        let outcome = refusal.map_or_else(|| self.read_publish(now, conn, request_uri, msg), Err);
        let (speaker, wanted) = match outcome {
            Ok(found) => found,
            Err((code, text)) => {
                self.counts.services_refused += 1;
                let retry = if code == 503 { vec![("Retry-After", seconds.as_str())] } else { Vec::new() };
                return self.reply(conn, msg, code, text, &retry, None);
            }
        };
        if self.rng.chance(self.faults.service_conflict_pm) {
            self.overtake(now, speaker.user, &wanted);
        }
        let conflicts = self.users.at(speaker.user).published.conflicts(&wanted);
        if !conflicts.is_empty() {
            self.counts.services_conflicting += 1;
            return self.reply_conflict(conn, msg, &conflicts);
        }
        self.counts.services_applied += 1;
        let changes = wanted.iter().map(|w| (w.key.clone(), w.value.as_ref().map(|(v, _)| v.clone()))).collect();
        self.record(Published { at: now, uri: uri_of(msg.header("from").unwrap_or_default()).to_owned(), epid: speaker.epid.clone(), conn, changes });
        let mut news = self.apply_publications(now, speaker, wanted);
        let changed = self.recompute(now, &mut news);
        let early = self.rng.chance(self.faults.news_before_answer_pm);
        if early {
            self.announce(now, &news, changed);
        }
        let bare = !self.config.answer_with_table || self.rng.chance(self.faults.service_without_body_pm);
        let body = (!bare).then(|| {
            let stamp = self.config.epoch_unix_ms + now.0;
            let mut touched = news.keys.clone();
            touched
                .extend(super::roaming::AGGREGATED.map(|c| super::Key::new("state", super::publication::AGGREGATE, c)).into_iter().filter(|_| changed.state));
            (ROAMING.to_owned(), roaming_data(self.users.at(news.user), &Roaming::of(touched, self.config.tell_single_instances), stamp))
        });
        self.reply(conn, msg, 200, "OK", &[], body.as_ref());
        if !early {
            self.announce(now, &news, changed);
        }
    }

    fn read_publish(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) -> Result<(Speaker, Vec<Wanted>), Refusal> {
        let speaker = self.speaker(now, conn, request_uri, msg)?;
        if msg.body.len() > self.config.publication_bytes_max {
            return Err((413, "Request Entity Too Large"));
        }
        let (uri, wanted) = parse_publish(&msg.body).map_err(|why| {
            self.judge(now, conn, &format!("publication: {why}"));
            (400, "Bad Request")
        })?;
        if !uri.eq_ignore_ascii_case(request_uri) {
            self.judge(now, conn, &format!("publication of {uri} in a request for {request_uri}"));
            return Err((403, "Forbidden"));
        }
        if speaker.endpoint.is_none() && wanted.iter().any(|w| w.value.is_some() && w.expire == ExpireType::Endpoint) {
            self.judge(now, conn, "publication bound to an endpoint that is not registered");
            return Err((400, "Bad Request"));
        }
        Ok((speaker, wanted))
    }

    fn apply_publications(&mut self, now: Mono, speaker: Speaker, wanted: Vec<Wanted>) -> News {
        let (order, unix_ms) = (self.next_order(), self.config.epoch_unix_ms + now.0);
        let mut news = News { order, by: speaker.epid.clone(), ..News::of(speaker.user) };
        let entry = self.users.at_mut(speaker.user);
        entry.written_over.extend(wanted.iter().filter(|w| entry.unread.remove(&w.key)).map(|w| w.key.clone()));
        let table = &mut entry.published;
        for Wanted { key, expire, expires_s, value, .. } in wanted {
            match value {
                None => drop(table.remove(&key)),
                Some((value, raw)) => {
                    let seconds = expires_s.filter(|_| expire == ExpireType::Time);
                    let row = Publication {
                        version: 0,
                        expire,
                        expires_at: seconds.map(|s| now + u64::from(s) * 1000),
                        expires_s: seconds,
                        author: speaker.epid.clone(),
                        value,
                        unix_ms,
                        endpoint: speaker.endpoint.clone().filter(|_| expire == ExpireType::Endpoint),
                        order,
                        raw,
                    };
                    table.put(key.clone(), row);
                }
            }
            news.keys.insert(key);
        }
        news
    }

    /// Another endpoint of the user has just written the same instances: they say what they said, in a newer version.
    fn overtake(&mut self, now: Mono, user: usize, wanted: &[Wanted]) {
        let mut news = News { order: self.next_order(), ..News::of(user) };
        let table = &mut self.users.at_mut(user).published;
        for w in wanted {
            if let Some(row) = table.get(&w.key).cloned() {
                table.put(w.key.clone(), Publication { author: OWN_CLIENT.to_owned(), ..row });
                news.keys.insert(w.key.clone());
            }
        }
        self.settle(now, news);
    }

    fn reply_conflict(&mut self, conn: u64, msg: &SipMsg, conflicts: &[Conflict]) {
        let body = (FAULT.to_owned(), conflict(conflicts));
        self.reply(conn, msg, 409, "Conflict", &[], Some(&body));
    }

    fn on_set_members(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        let read = self.speaker(now, conn, request_uri, msg).and_then(|speaker| match parse_members(&msg.body) {
            Ok(changes) => Ok((speaker, changes)),
            Err(why) => {
                self.judge(now, conn, &format!("container members: {why}"));
                Err((400, "Bad Request"))
            }
        });
        let (speaker, changes) = match read {
            Ok(found) => found,
            Err((code, text)) => return self.reply(conn, msg, code, text, &[], None),
        };
        let entry = self.users.at_mut(speaker.user);
        let mut conflicts = Vec::new();
        for (at, (id, sent, _)) in changes.iter().enumerate() {
            let current = entry.containers.get(id).map_or(0, |c| c.version);
            if *sent != current {
                conflicts.push(Conflict { index: at + 1, sent: *sent, current });
            }
        }
        if !conflicts.is_empty() {
            return self.reply_conflict(conn, msg, &conflicts);
        }
        for (id, _, members) in changes {
            let container = entry.containers.entry(id).or_default();
            container.version += 1;
            for m in members {
                let member = (m.kind, m.value);
                let _ = if m.add { container.members.insert(member) } else { container.members.remove(&member) };
            }
        }
        self.reply(conn, msg, 200, "OK", &[], None);
        let news = Roaming { containers: true, ..Roaming::default() };
        self.tell_own_endpoints(now, speaker.user, &news, &speaker.epid);
        self.tell_watchers(now, speaker.user, Changed::ALL);
    }

    /// Notes a breach by a trusted application. Ordinary clients are not judged: where one disagrees with us, we are wrong.
    pub(super) fn judge(&mut self, now: Mono, conn: u64, text: &str) {
        if self.conns.get(&conn).is_none_or(|c| c.trusted) {
            self.violate(now, text);
        }
    }
}
