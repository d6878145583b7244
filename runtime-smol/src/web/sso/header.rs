//! A proxy in front has asked who it is and says so in a header. Anybody could send that header, so it counts from the proxies' own addresses only: those of the
//! connection, never what `X-Forwarded-For` says.
use super::{Why, back, enter, unknown, worker};
use crate::say;
use crate::web::answer::{Reply, json_error};
use crate::web::request::Asked;
use crate::web::site::Site;
use hyper::header::HeaderName;
use std::rc::Rc;
use uc_core::config::NoteLevel;

/// Logs in whom the header names.
pub(super) fn login(site: &Rc<Site>, asked: &Asked) -> Reply {
    let settings = site.settings();
    let sso = &settings.web.sso;
    if !sso.proxies.iter().any(|network| network.contains(asked.peer)) {
        say::failing(
            NoteLevel::Warn,
            &format!("a login by header {} came from {}, which is none of the proxies (option `web.sso.proxies`); it was refused", sso.header, asked.peer),
        );
        return json_error(403, "no-proxy", "logins by header are taken from the proxies only");
    }
    let Ok(name) = HeaderName::from_bytes(sso.header.as_bytes()) else { return back(Why::Failed) };
    let mut values = asked.headers.get_all(&name).iter();
    // Two values: one may be the browser's own.
    let (Some(value), None) = (values.next(), values.next()) else {
        say::failing(
            NoteLevel::Warn,
            &format!("the proxy at {} did not send the header {} exactly once (option `web.sso.header`); nobody was logged in", asked.peer, sso.header),
        );
        return back(Why::Failed);
    };
    let name = String::from_utf8_lossy(value.as_bytes());
    match worker(&settings, &name) {
        Some(who) => enter(site, &who),
        None => unknown(&name),
    }
}
