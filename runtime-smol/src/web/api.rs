//! What a worker's page asks for. Every answer is about the worker who is logged in; nothing takes another worker's id, but for supervisors and administrators.
use super::Counts;
use super::answer::{Reply, json_error, json_reply};
use super::board;
use super::login::Refusal;
use super::request::Asked;
use super::session::{self, SessionKey};
use super::site::Site;
use super::talk::{Ask, Menu, Who};
use crate::config_file::web::is_number;
use crate::history::Redirect;
use crate::ops::StateFault;
use crate::presence_xml::{Display, MenuState};
use crate::settings::{Settings, SsoKind};
use hyper::Method;
use hyper::header::{ALLOW, RETRY_AFTER, SET_COOKIE};
use serde_json::{Map, Value, json};
use smol::channel::{self, Receiver};
use std::rc::Rc;
use uc_core::config::Person;
use uc_core::offer::OfferId;

/// Longest body.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;
/// Longest external number.
const NUMBER_BYTES_MAX: usize = 32;
/// Languages the page speaks: what its own list says, so that one more needs no code.
fn languages() -> Value {
    let list = super::assets::FILES.iter().find(|(name, _)| *name == "i18n/index.json");
    list.and_then(|(_, bytes)| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// What a login may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Worker,
    Supervisor,
    Administrator,
}

impl Role {
    pub(super) fn of(who: &str, settings: &Settings) -> Self {
        let is_in = |list: &[Box<str>]| list.iter().any(|id| **id == *who);
        if is_in(&settings.web.administrators) {
            Self::Administrator
        } else if is_in(&settings.web.supervisors) {
            Self::Supervisor
        } else {
            Self::Worker
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
            Self::Administrator => "administrator",
        }
    }
}

/// Answers a request below `/api/`.
pub(super) async fn answer(site: &Rc<Site>, asked: &Asked) -> Reply {
    let reading = asked.method == Method::GET || asked.method == Method::HEAD;
    if !reading && asked.is_from_elsewhere() {
        return json_error(403, "origin", "this request was made by a page of another site");
    }
    if asked.path == "/api/login" {
        return match asked.method {
            Method::POST => login(site, asked).await,
            Method::GET | Method::HEAD => ways(site),
            _ => method("GET, POST"),
        };
    }
    let Some((key, who, csrf)) = site.session(asked) else { return no_session() };
    if !reading && !asked.named("x-csrf").is_some_and(|token| session::is_same_secret(token, &csrf)) {
        return json_error(403, "csrf", "the header X-CSRF does not carry this login's token");
    }
    match (&asked.method, &*asked.path) {
        (&Method::GET, "/api/me") => me(site, &who, &csrf).await,
        (&Method::POST, "/api/logout") => {
            site.sessions.borrow_mut().end(&key);
            site.end_pages("logout", |page| page.session == key);
            json_reply(200, &json!({})).header(SET_COOKIE, cookie(site, "", 0))
        }
        (&Method::POST, "/api/state") => choose(site, asked, &who).await,
        (&Method::PUT, "/api/redirect") => redirect(site, asked, &who),
        (&Method::GET, "/api/board") => match Role::of(&who, &site.settings()) {
            Role::Worker => forbidden(),
            _ => board::board(site).await,
        },
        (&Method::GET, "/api/history") => match Role::of(&who, &site.settings()) {
            Role::Worker => forbidden(),
            _ => board::history(site, asked).await,
        },
        (_, "/api/me" | "/api/board" | "/api/history") => method("GET"),
        (_, "/api/logout" | "/api/state") => method("POST"),
        (_, "/api/redirect") => method("PUT"),
        (_, path) => match offer_path(path) {
            Some((offer, accept)) if asked.method == Method::POST => {
                // Whether it was in time is told by an event.
                let _ = site.asks.send(Ask::Click { who, offer, accept }).await;
                json_reply(202, &json!({}))
            }
            Some(_) => method("POST"),
            None => json_error(404, "unknown", "there is nothing at this address"),
        },
    }
}

/// `/api/offers/ID/accept`, `/api/offers/ID/reject`
fn offer_path(path: &str) -> Option<(OfferId, bool)> {
    let (offer, word) = path.strip_prefix("/api/offers/")?.split_once('/')?;
    let offer = offer.parse().ok().map(OfferId)?;
    match word {
        "accept" => Some((offer, true)),
        "reject" => Some((offer, false)),
        _ => None,
    }
}

fn method(allowed: &'static str) -> Reply {
    json_error(405, "method", &format!("this address takes {allowed}")).header(ALLOW, allowed)
}

fn forbidden() -> Reply {
    json_error(403, "forbidden", "this is for supervisors")
}

pub(super) fn no_session() -> Reply {
    json_error(401, "session", "nobody is logged in here, or not any more")
}

pub(super) fn stopping() -> Reply {
    json_error(503, "draining", "the connector is stopping").header(RETRY_AFTER, "5")
}

fn too_slow() -> Reply {
    json_error(503, "busy", "the connector did not answer").header(RETRY_AFTER, "1")
}

/// Asks the deciding thread and waits for its answer.
pub(super) async fn ask<T>(site: &Site, make: impl FnOnce(channel::Sender<T>) -> Ask) -> Option<T> {
    let (reply, answer): (_, Receiver<T>) = channel::bounded(1);
    site.asks.send(make(reply)).await.ok()?;
    answer.recv().await.ok()
}

/// The cookie of a login.
pub(super) fn cookie(site: &Site, token: &str, seconds: u64) -> String {
    format!("{}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{}", session::COOKIE, secure(site))
}

/// What keeps a cookie from being sent in clear.
pub(super) fn secure(site: &Site) -> &'static str {
    let settings = site.settings();
    if settings.web.proxied || settings.web.door.tls.is_some() { "; Secure" } else { "" }
}

/// How one can log in here.
fn ways(site: &Site) -> Reply {
    let settings = site.settings();
    let sso = settings.web.sso.kind != SsoKind::Off;
    json_reply(200, &json!({ "sso": sso, "passwords": !sso || settings.web.sso.passwords }))
}

/// Begins a login of somebody whose identity is sure: its token and key. `None`: there is no randomness.
pub(super) fn begin(site: &Site, who: &Who) -> Option<(String, SessionKey)> {
    Counts::add(&site.counts.logins);
    let begun = site.sessions.borrow_mut().begin(who);
    let (token, key, ended) = begun.ok()?;
    if !ended.is_empty() {
        site.end_pages("session", |page| ended.contains(&page.session));
    }
    Some((token, key))
}

async fn login(site: &Rc<Site>, asked: &Asked) -> Reply {
    let sso = site.settings().web.sso.clone();
    if sso.kind != SsoKind::Off && !sso.passwords {
        return json_error(403, "no-passwords", "passwords are not taken here (option `web.sso.passwords`)");
    }
    if asked.media_type() != "application/json" {
        return json_error(415, "media-type", "a login is JSON: {\"user\": ..., \"password\": ...}");
    }
    let words: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let (Some(user), Some(password)) = (words["user"].as_str(), words["password"].as_str()) else {
        return json_error(400, "malformed", "a login is JSON: {\"user\": ..., \"password\": ...}");
    };
    if site.is_stopping() {
        return stopping();
    }
    match site.gate.enter(user, password.to_owned(), asked.address).await {
        Ok(who) => {
            let Some((token, key)) = begin(site, &who) else { return too_slow() };
            let csrf = site.sessions.borrow_mut().find(&token).map(|(_, session)| session.csrf.clone()).unwrap_or_default();
            let seconds = site.settings().web.session_max_s;
            let reply = me(site, &who, &csrf).await;
            if reply.status != 200 {
                site.sessions.borrow_mut().end(&key);
                return reply;
            }
            reply.header(SET_COOKIE, cookie(site, &token, seconds))
        }
        Err(Refusal::Wrong) => {
            Counts::add(&site.counts.logins_wrong);
            json_error(401, "bad-login", "the name or the password is wrong")
        }
        Err(Refusal::Limited(wait)) => {
            Counts::add(&site.counts.logins_limited);
            json_error(429, "rate-limited", "there were too many wrong tries").header(RETRY_AFTER, wait.as_secs().max(1).to_string())
        }
        Err(Refusal::Busy) => json_error(503, "busy", "too many logins at once").header(RETRY_AFTER, "2"),
    }
}

async fn me(site: &Rc<Site>, who: &Who, csrf: &str) -> Reply {
    let settings = site.settings();
    let Some(person) = settings.core.people.iter().find(|person| *person.employee_id == **who) else { return no_session() };
    let Some(menu) = ask(site, |reply| Ask::Menu { reply }).await else { return too_slow() };
    let role = Role::of(who, &settings);
    json_reply(
        200,
        &json!({ "user": who.as_ref(), "name": display_name(person), "role": role.word(), "csrf": csrf, "ui": ui(&settings, &menu, &site.redirect(who), role) }),
    )
}

fn display_name(person: &Person) -> &str {
    [&person.display_name, &person.user_name, &person.employee_id].into_iter().find(|name| !name.is_empty()).map_or("", |name| name)
}

fn ui(settings: &Settings, menu: &Menu, redirect: &Redirect, role: Role) -> Value {
    let page = &settings.web.page;
    let some = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let audio = if &*page.audio == "default" { json!("/chime.wav") } else { some(&page.audio) };
    let help = if page.help_url.is_empty() { Value::Null } else { json!({ "url": page.help_url, "main": page.help_in_main, "preview": page.help_in_preview }) };
    let fields: Vec<Value> =
        page.fields.iter().map(|field| field.split_once('=').unwrap_or((field, field))).map(|(key, label)| json!({ "key": key, "label": label })).collect();
    let prefixes = &page.redirect_prefixes;
    let redirect = match (prefixes.is_empty(), redirect.number.is_empty() || !redirect.enabled) {
        (true, true) => Value::Null,
        (is_fixed, _) => json!({
            "allowed": !is_fixed || role == Role::Administrator, "number": redirect.number, "enabled": redirect.enabled, "pattern": pattern(prefixes),
        }),
    };
    json!({
        "languages": languages(), "language": some(&page.language), "audio": audio,
        "hotkeys": { "accept": page.hotkey_accept, "reject": page.hotkey_reject, "help": page.hotkey_help },
        "help": help, "fields": fields, "hideOther": page.hide_other, "redirect": redirect,
        "logout": menu.logout, "follow": menu.mode.has_uc(), "states": menu.catalogue.states.iter().map(state).collect::<Vec<_>>(),
    })
}

/// The pattern of [`fits`] as a regular expression for the page.
fn pattern(prefixes: &[Box<str>]) -> String {
    let any: Vec<String> = prefixes.iter().map(|prefix| prefix.replace('+', "\\+").replace('*', "\\*")).collect();
    format!("({})[0-9*#]{{1,{NUMBER_BYTES_MAX}}}", any.join("|"))
}

/// Whether calls may go to this number: begins as allowed and has digits after that.
fn fits(number: &str, prefixes: &[Box<str>]) -> bool {
    number.len() <= NUMBER_BYTES_MAX && is_number(number) && prefixes.iter().any(|prefix| number.len() > prefix.len() && number.starts_with(&**prefix))
}

/// Texts by language; the default one under the empty key.
fn texts(display: &[Display], pick: fn(&Display) -> Option<&String>) -> Value {
    let texts: Map<String, Value> = display.iter().filter_map(|d| Some((d.language.clone().unwrap_or_default(), pick(d)?.clone().into()))).collect();
    if texts.is_empty() { Value::Null } else { texts.into() }
}

fn state(state: &MenuState) -> Value {
    json!({
        "id": state.row.id, "ready": state.row.ready, "icon": state.icon,
        "text": texts(&state.display, |d| d.menu.as_ref()), "status": texts(&state.display, |d| d.status.as_ref()),
    })
}

async fn choose(site: &Rc<Site>, asked: &Asked, who: &Who) -> Reply {
    let words: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let Some(state) = words["state"].as_str() else { return json_error(400, "malformed", "the body is JSON: {\"state\": ...}") };
    let (who, state): (Who, Box<str>) = (who.clone(), state.into());
    match ask(site, |reply| Ask::Choose { who, state, reply }).await {
        Some(Ok(row)) => json_reply(200, &json!({ "choice": row.choice, "shown": row.shown })),
        Some(Err(StateFault::NoState)) => json_error(400, "bad-state", "there is no such state"),
        Some(Err(StateFault::NoWorker)) => no_session(),
        Some(Err(StateFault::Draining)) => stopping(),
        Some(Err(StateFault::Refused(fault))) => json_error(409, "refused", &fault.to_string()),
        None => too_slow(),
    }
}

/// `{number, enabled}`; for administrators also `user`.
fn redirect(site: &Rc<Site>, asked: &Asked, who: &Who) -> Reply {
    let words: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let (Some(number), Some(enabled)) = (words["number"].as_str(), words["enabled"].as_bool()) else {
        return json_error(400, "malformed", "the body is JSON: {\"number\": \"+49...\", \"enabled\": true}");
    };
    let settings = site.settings();
    let is_administrator = Role::of(who, &settings) == Role::Administrator;
    if !words["user"].is_null() && !words["user"].is_string() {
        return json_error(400, "malformed", "`user` must be the employee id of a worker");
    }
    let whom = match words["user"].as_str() {
        None => who.as_ref(),
        Some(other) if other == who.as_ref() => other,
        Some(_) if !is_administrator => return json_error(403, "forbidden", "only administrators change the number of others"),
        Some(other) if settings.core.people.iter().any(|person| *person.employee_id == *other) => other,
        Some(_) => return json_error(404, "no-worker", "there is no such worker"),
    };
    let number = number.trim();
    if settings.web.page.redirect_prefixes.is_empty() {
        return json_error(403, "forbidden", "external numbers are not allowed here (option `web.redirect_prefixes`)");
    }
    if (enabled || !number.is_empty()) && !fits(number, &settings.web.page.redirect_prefixes) {
        let begin = settings.web.page.redirect_prefixes.join(", ");
        return json_error(400, "bad-number", &format!("the number must begin with {begin} and have digits after that"));
    }
    site.set_redirect(whom, Redirect { number: number.into(), enabled });
    json_reply(200, &json!({ "number": number, "enabled": enabled }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_to_their_prefixes() {
        let prefixes: Vec<Box<str>> = vec!["+49".into(), "0".into()];
        for (number, good) in
            [("+49123", true), ("0123", true), ("+1900", false), ("+49", false), ("+49x", false), ("", false), ("00+1", false), ("0#12*", true)]
        {
            assert_eq!(fits(number, &prefixes), good, "{number}");
        }
        assert_eq!(pattern(&prefixes), "(\\+49|0)[0-9*#]{1,32}");
        assert!(!fits("0123", &[]));
    }

    #[test]
    fn offers_are_named_by_number() {
        assert_eq!(offer_path("/api/offers/7/accept"), Some((OfferId(7), true)));
        for path in ["/api/offers/7", "/api/offers/x/accept", "/api/offers/7/take", "/api/offers/-1/reject"] {
            assert_eq!(offer_path(path), None, "{path}");
        }
    }
}
