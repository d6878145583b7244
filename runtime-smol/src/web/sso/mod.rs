//! Single sign-on: somebody else says who a worker is, a proxy ([`header`]) or an OpenID provider ([`oidc`]). What such a login may do is what one by password may do.
//!
//! People come here by links of the page and leave by redirects to it: `/login?why=WORD` shows a sentence in their language; the log has one for operators.
mod header;
mod oidc;
mod pending;
mod provider;
mod token;

pub(super) use oidc::Oidc;

use super::answer::{Reply, json_error};
use super::api;
use super::request::Asked;
use super::site::Site;
use super::talk::Who;
use crate::say;
use crate::settings::{Settings, SsoColumn, SsoKind};
use hyper::Method;
use hyper::header::{ALLOW, LOCATION, SET_COOKIE};
use std::rc::Rc;
use uc_core::config::NoteLevel;

/// Longest name we take from somebody else.
const NAME_BYTES_MAX: usize = 256;

/// Answers a request below `/sso/`.
pub(super) async fn answer(site: &Rc<Site>, asked: &Asked) -> Reply {
    if asked.method != Method::GET {
        return json_error(405, "method", "this address takes GET").header(ALLOW, "GET");
    }
    if site.is_stopping() {
        return api::stopping();
    }
    match (site.settings().web.sso.kind, &*asked.path) {
        (SsoKind::Header, "/sso/login") => header::login(site, asked),
        (SsoKind::Oidc, "/sso/login") => oidc::begin(site, asked).await,
        (SsoKind::Oidc, "/sso/callback") => oidc::finish(site, asked).await,
        _ => json_error(404, "unknown", "there is nothing at this address"),
    }
}

/// Why somebody is back at the login page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// No worker has the told name.
    Unknown,
    /// It did not work; to be tried again.
    Failed,
    /// The provider does not let them in.
    Refused,
    /// The provider does not answer.
    Down,
    /// It took too long, or belongs to another window.
    Late,
}

/// Back to the login page, which says why.
fn back(why: Why) -> Reply {
    let word = match why {
        Why::Unknown => "unknown",
        Why::Failed => "failed",
        Why::Refused => "refused",
        Why::Down => "down",
        Why::Late => "late",
    };
    Reply::new(303).header(LOCATION, format!("/login?why={word}"))
}

/// Longest sentence for the log with words of somebody else in it, bytes.
const SENTENCE_BYTES_MAX: usize = 600;

/// A sentence with words of somebody else, who can forge no line with them.
fn tame(sentence: &str) -> String {
    let mut tame = String::new();
    for c in sentence.chars() {
        if tame.len() >= SENTENCE_BYTES_MAX {
            tame.push_str(" ...");
            break;
        }
        match c {
            '"' | '\'' | '\\' => tame.push(c),
            // What ends a line, is invisible or turns the direction of writing is escaped.
            other => tame.extend(other.escape_debug()),
        }
    }
    tame
}

/// Nobody here has the told name.
fn unknown(name: &str) -> Reply {
    let name: String = name.chars().take(80).collect();
    say::failing(NoteLevel::Warn, &format!("single sign-on: no worker, or more than one, has the name {name:?} (option `web.sso.match`)"));
    back(Why::Unknown)
}

/// The worker who has this name.
fn worker(settings: &Settings, name: &str) -> Option<Who> {
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase();
    let people = settings.core.people.iter();
    let mut fitting = people.filter(|person| {
        let own = match settings.web.sso.column {
            SsoColumn::EmployeeId => &person.employee_id,
            SsoColumn::UserName => &person.user_name,
            SsoColumn::SipUri => &person.sip_uri,
        };
        let own = own.to_lowercase();
        let bare = || own.strip_prefix("sip:").or_else(|| own.strip_prefix("sips:")).unwrap_or(&own);
        !own.is_empty() && name == if settings.web.sso.column == SsoColumn::SipUri { bare() } else { &own }
    });
    let first = fitting.next()?;
    // A name of two is nobody's.
    fitting.next().is_none().then(|| Who::from(&*first.employee_id))
}

/// Logs a worker in whose identity is sure.
fn enter(site: &Rc<Site>, who: &Who) -> Reply {
    match api::begin(site, who) {
        Some((token, _)) => Reply::new(303).header(LOCATION, "/").header(SET_COOKIE, api::cookie(site, &token, site.settings().web.session_max_s)),
        None => back(Why::Failed),
    }
}
