//! `/t/TOKEN`: the link in a message to a worker without a page lets this one worker in, once, until the offer ends (`spec/uc-connector-functional.md` 5.8).
//!
//! Only hashes of tokens are kept, in memory, and none is ever written to a log. Reading the address uses nothing up, because programs that look at links read it
//! (previews in clients, scanners of mail gateways): GET answers with a form that sends itself, and its POST lets the worker in.
use super::answer::{Reply, json_error};
use super::api;
use super::counts::Counts;
use super::link_pages::{Said, page};
use super::request::Asked;
use super::site::Site;
use super::talk::Who;
use crate::history::now_ms;
use hyper::Method;
use hyper::header::{ACCEPT_LANGUAGE, ALLOW, LOCATION, RETRY_AFTER, SET_COOKIE, VARY};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::rc::Rc;

/// Links at once; then the one that would end first is forgotten.
const TICKETS_MAX: usize = 20_000;
/// Characters of a token.
const TOKEN_LEN: usize = 32;
const HTML: &str = "text/html; charset=utf-8";
/// Links that were sent and not used yet, by the hash of their token: how long a look-up takes tells nothing about a token.
#[derive(Default)]
pub(super) struct Tickets {
    by_key: HashMap<[u8; 32], (Who, u64)>,
}

impl Tickets {
    /// Another link, good until `ends`, milliseconds of the wall clock.
    pub(super) fn add(&mut self, who: Who, token: &str, ends: u64, now: u64) {
        self.by_key.retain(|_, (_, ends)| *ends > now);
        if self.by_key.len() >= TICKETS_MAX
            && let Some(first) = self.by_key.iter().min_by_key(|(_, (_, ends))| *ends).map(|(key, _)| *key)
        {
            self.by_key.remove(&first);
        }
        self.by_key.insert(Sha256::digest(token).into(), (who, ends));
    }

    /// Whether a token would let somebody in.
    fn is_good(&self, token: &str, now: u64) -> bool {
        let key: [u8; 32] = Sha256::digest(token).into();
        self.by_key.get(&key).is_some_and(|(_, ends)| *ends > now)
    }

    /// Whom a token lets in; it is used up.
    pub(super) fn take(&mut self, token: &str, now: u64) -> Option<Who> {
        let key: [u8; 32] = Sha256::digest(token).into();
        self.by_key.remove(&key).filter(|(_, ends)| *ends > now).map(|(who, _)| who)
    }

    /// A worker is no more.
    pub(super) fn end_of(&mut self, who: &str) {
        self.by_key.retain(|_, (of, _)| **of != *who);
    }
}

/// Answers a request below `/t/`.
pub(super) fn answer(site: &Rc<Site>, asked: &Asked) -> Reply {
    if ![Method::HEAD, Method::GET, Method::POST].contains(&asked.method) {
        return json_error(405, "method", "this address takes GET and POST").header(ALLOW, "GET, HEAD, POST");
    }
    if site.is_stopping() {
        return api::stopping();
    }
    let said =
        |status: u16, what: Said| Reply::with(status, HTML, page(what, asked.header(&ACCEPT_LANGUAGE).unwrap_or_default())).header(VARY, "Accept-Language");
    if let Some(wait) = site.gate.wait_for_links(asked.address) {
        Counts::add(&site.counts.logins_limited);
        return said(429, Said::Limited).header(RETRY_AFTER, wait.as_secs().max(1).to_string());
    }
    let token = asked.path.strip_prefix("/t/").filter(|token| token.len() == TOKEN_LEN).unwrap_or_default();
    if asked.method != Method::POST && site.tickets.borrow().is_good(token, now_ms()) {
        return said(200, Said::Enter);
    }
    let taken = if asked.method == Method::POST { site.tickets.borrow_mut().take(token, now_ms()) } else { None };
    let Some(who) = taken else {
        site.gate.wrong_link(asked.address);
        return said(410, Said::Over);
    };
    let Some((cookie, _)) = api::begin(site, &who) else { return json_error(503, "busy", "the connector has no randomness") };
    let seconds = site.settings().web.session_max_s;
    Reply::new(303).header(LOCATION, "/").header(SET_COOKIE, api::cookie(site, &cookie, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_until_its_time_is_over() {
        let mut tickets = Tickets::default();
        tickets.add("1001".into(), "a", 100, 0);
        tickets.add("1002".into(), "b", 100, 0);
        tickets.add("1003".into(), "c", 100, 0);
        assert_eq!(tickets.take("x", 1), None);
        assert!(tickets.is_good("a", 99) && !tickets.is_good("a", 100) && !tickets.is_good("x", 1), "looking uses nothing up");
        assert_eq!(tickets.take("a", 99).as_deref(), Some("1001"));
        assert_eq!(tickets.take("a", 99), None, "used");
        assert_eq!(tickets.take("b", 100), None, "over");
        tickets.end_of("1003");
        assert_eq!(tickets.take("c", 1), None, "the worker is gone");
    }

    #[test]
    fn links_are_bounded_and_the_next_to_end_goes_first() {
        let mut tickets = Tickets::default();
        (0..=TICKETS_MAX as u64).for_each(|n| tickets.add("1001".into(), &n.to_string(), 10 + n, 0));
        assert_eq!(tickets.by_key.len(), TICKETS_MAX);
        assert!(tickets.take("0", 1).is_none() && tickets.take("1", 1).is_some());
    }
}
