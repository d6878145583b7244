//! Our requests to a standard server, header by header (RFC 3261, 3856, 3903, 4235, 4662; `spec/ms-pres.md` 9.1, 9.3, 9.4).
use super::super::dialog::{Dialog, Target};
use super::super::request::{Job, NOWHERE};
use super::super::watcher::WatcherSide;
use crate::config::UcConfig;
use crate::uc_event::{Method, SipBody, SipRequest};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// What to ask for when the configuration leaves it open: short, because servers drop a subscription without a word when they could not reach us once
/// (`spec/ms-pres.md` 9.1).
const EXPIRES_S: u32 = 600;

const ACCEPT: &str = "application/pidf+xml";
const ACCEPT_LIST: &str = "application/pidf+xml, application/rlmi+xml, multipart/related";
const ACCEPT_CALLS: &str = "application/dialog-info+xml";

/// Where the server reaches us: this connection.
pub(in super::super) fn contact(config: &UcConfig, watcher: &WatcherSide, local: SocketAddr) -> Box<str> {
    let (user, at) = match user_of(&watcher.uri) {
        "" => ("", ""),
        user => (user, "@"),
    };
    format!("<sip:{user}{at}{local};transport={}>", config.transport().parameter()).into_boxed_str()
}

/// User part of a SIP URI, empty without one.
fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

fn blank(method: Method, config: &UcConfig, from: Box<str>, to: Box<str>) -> SipRequest {
    SipRequest {
        method,
        uri: to.clone(),
        local: NOWHERE,
        transport: config.transport(),
        branch: Box::default(),
        from,
        from_tag: Box::default(),
        epid: None,
        to,
        to_tag: None,
        call_id: Box::default(),
        cseq: 1,
        routes: Box::default(),
        contact: None,
        headers: vec![("User-Agent", Cow::Owned(config.user_agent.to_string()))],
        auth: Vec::new(),
        body: SipBody::None,
    }
}

fn expires(headers: &mut Headers, seconds: u32) {
    headers.push(("Expires", Cow::Owned(seconds.to_string())));
}

/// REGISTER (RFC 3261 §10); `expires_s` 0 ends the registration.
pub(in super::super) fn register(config: &UcConfig, watcher: &mut WatcherSide, local: SocketAddr, expires_s: Option<u32>) -> SipRequest {
    watcher.reg.cseq += 1;
    let mut msg = SipRequest {
        uri: format!("sip:{}", watcher.domain()).into_boxed_str(),
        from_tag: watcher.reg.tag.clone(),
        call_id: watcher.reg.call_id.clone(),
        cseq: watcher.reg.cseq,
        contact: Some(contact(config, watcher, local)),
        ..blank(Method::Register, config, watcher.uri.clone(), watcher.uri.clone())
    };
    expires(&mut msg.headers, expires_s.unwrap_or(EXPIRES_S));
    msg
}

/// SUBSCRIBE, creating or inside `dialog`.
pub(in super::super) fn subscribe(config: &UcConfig, watcher: &WatcherSide, dialog: &mut Dialog, local: SocketAddr, job: &Job) -> SipRequest {
    let list = config.kind.simple().and_then(|simple| simple.list_uri.clone()).unwrap_or_default();
    let (to, accept) = match &dialog.target {
        Target::Home => (list, ACCEPT_LIST),
        Target::Pool(pool) => (pool.clone(), ACCEPT_LIST),
        Target::Single { uri, .. } => (uri.clone(), ACCEPT),
        Target::Calls { uri, .. } => (uri.clone(), ACCEPT_CALLS),
    };
    dialog.local_cseq += 1;
    let mut msg = SipRequest {
        from_tag: dialog.local_tag.clone(),
        to_tag: (!dialog.remote_tag.is_empty() && dialog.live).then(|| dialog.remote_tag.clone()),
        call_id: dialog.call_id.clone(),
        cseq: dialog.local_cseq,
        routes: dialog.routes.clone(),
        contact: Some(contact(config, watcher, local)),
        ..blank(Method::Subscribe, config, watcher.uri.clone(), to)
    };
    if let Some(target) = &dialog.remote_target {
        msg.uri = target.clone();
    }
    msg.headers.push(("Event", dialog.event().into()));
    msg.headers.push(("Accept", accept.into()));
    if accept == ACCEPT_LIST {
        msg.headers.push(("Supported", "eventlist".into()));
    }
    let asked = watcher.expires_s.or(config.timers.expires_s).unwrap_or(EXPIRES_S);
    expires(&mut msg.headers, if matches!(job, Job::End) { 0 } else { asked });
    msg
}

/// What a PUBLISH is to do (RFC 3903 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Publish {
    pub(in super::super) worker: Box<str>,
    pub(in super::super) call_id: Box<str>,
    pub(in super::super) tag: Box<str>,
    pub(in super::super) cseq: u32,
    /// Of the publication to refresh, modify or remove.
    pub(in super::super) etag: Option<Box<str>>,
    /// 0 removes.
    pub(in super::super) expires_s: u32,
    /// Absent when nothing but the lifetime changes.
    pub(in super::super) body: SipBody,
}

/// PUBLISH.
pub(in super::super) fn publish(config: &UcConfig, watcher: &WatcherSide, what: Publish) -> SipRequest {
    // To a Front End a trusted application speaks under the worker's name (`spec/ms-pres.md` 6.8).
    let as_worker = config.kind.simple().is_none_or(|simple| simple.publish_as_worker);
    let from = if as_worker { what.worker.clone() } else { watcher.uri.clone() };
    let mut msg =
        SipRequest { from_tag: what.tag, call_id: what.call_id, cseq: what.cseq, body: what.body, ..blank(Method::Publish, config, from, what.worker) };
    msg.headers.push(("Event", "presence".into()));
    expires(&mut msg.headers, what.expires_s);
    if let Some(etag) = what.etag {
        msg.headers.push(("SIP-If-Match", Cow::Owned(etag.into())));
    }
    msg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_uris() {
        assert_eq!(user_of("sip:watcher@example.com"), "watcher");
        assert_eq!(user_of("sip:example.com"), "");
        assert_eq!(user_of(""), "");
    }
}
