//! Our requests, header by header (`spec/ms-pres.md` 3.1, 4.2). Branch, address and transport are filled in where they are sent.
use super::dialog::{Dialog, Target};
use super::watcher::WatcherSide;
use crate::config::UcConfig;
use crate::id::{UserId, WatcherId};
use crate::uc_event::{Method, SipBody, SipRequest, Transport};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// CSeq numbers end here (RFC 3261 §8.1.1.5).
pub(super) const CSEQ_MAX: u32 = 0x7fff_ffff;

pub(super) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

pub(super) type Headers = Vec<(&'static str, Cow<'static, str>)>;

const METHODS: &str = "INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY";
const ACCEPT: &str = "application/msrtc-event-categories+xml, application/rlmi+xml, multipart/related";

pub(super) fn transport(config: &UcConfig) -> &'static str {
    if config.tls { "tls" } else { "tcp" }
}

fn blank(method: Method, watcher: &WatcherSide, headers: Headers) -> SipRequest {
    SipRequest {
        method,
        uri: watcher.uri.clone(),
        local: NOWHERE,
        transport: Transport::Tcp,
        branch: Box::default(),
        from: watcher.uri.clone(),
        from_tag: Box::default(),
        epid: (!watcher.epid.is_empty()).then(|| watcher.epid.clone()),
        to: watcher.uri.clone(),
        to_tag: None,
        call_id: Box::default(),
        cseq: 1,
        routes: Box::default(),
        contact: None,
        headers,
        auth: Vec::new(),
        body: SipBody::None,
    }
}

/// REGISTER; `expires_s` 0 ends the registration.
pub(super) fn register(config: &UcConfig, watcher: &mut WatcherSide, local: SocketAddr, expires_s: Option<u32>) -> SipRequest {
    let mut headers: Headers = vec![
        ("User-Agent", Cow::Owned(config.user_agent.to_string())),
        ("Supported", "gruu-10, adhoclist, msrtc-event-categories".into()),
        ("Supported", "ms-forking".into()),
        ("Supported", "ms-cluster-failover".into()),
        ("Supported", "ms-userservices-state-notification".into()),
        ("ms-keep-alive", "UAC;hop-hop=yes".into()),
        ("Event", "registration".into()),
    ];
    if let Some(seconds) = expires_s {
        headers.push(("Expires", Cow::Owned(seconds.to_string())));
    }
    watcher.reg.cseq += 1;
    let contact = format!(
        "<sip:{local};transport={};ms-opaque={}>;methods=\"{METHODS}\";proxy=replace;+sip.instance=\"<urn:uuid:{}>\"",
        transport(config),
        watcher.opaque,
        watcher.instance.to_uppercase(),
    );
    SipRequest {
        uri: format!("sip:{}", watcher.domain()).into_boxed_str(),
        from_tag: watcher.reg.tag.clone(),
        call_id: watcher.reg.call_id.clone(),
        cseq: watcher.reg.cseq,
        contact: Some(contact.into_boxed_str()),
        ..blank(Method::Register, watcher, headers)
    }
}

/// OPTIONS to the watcher's domain: is the server still there?
pub(super) fn options(config: &UcConfig, watcher: &WatcherSide, call_id: Box<str>, tag: Box<str>) -> SipRequest {
    let domain: Box<str> = format!("sip:{}", watcher.domain()).into_boxed_str();
    let headers = vec![("User-Agent", Cow::Owned(config.user_agent.to_string()))];
    SipRequest { uri: domain.clone(), to: domain, from_tag: tag, call_id, ..blank(Method::Options, watcher, headers) }
}

/// What a SUBSCRIBE is to do.
pub(super) enum Job {
    /// Create the dialog with these users, or add them.
    Add(Box<[UserId]>),
    /// Refresh.
    Refresh,
    /// Take these out.
    Leave(Box<[Box<str>]>),
    /// End the dialog.
    End,
}

/// SUBSCRIBE, creating or inside `dialog`.
pub(super) fn subscribe(config: &UcConfig, id: WatcherId, watcher: &WatcherSide, dialog: &mut Dialog, local: SocketAddr, job: Job) -> SipRequest {
    let single = matches!(dialog.target, Target::Single { .. });
    let with_body = matches!(job, Job::Add(_) | Job::Leave(_));
    let mut headers: Headers = vec![("User-Agent", Cow::Owned(config.user_agent.to_string())), ("Event", "presence".into()), ("Accept", ACCEPT.into())];
    if config.benotify {
        headers.push(("Supported", "ms-benotify".into()));
        headers.push(("Proxy-Require", "ms-benotify".into()));
    }
    if config.piggyback {
        headers.push(("Supported", "ms-piggyback-first-notify".into()));
    }
    if single {
        headers.push(("Supported", "com.microsoft.autoextend".into()));
    }
    headers.push(("Supported", "eventlist".into()));
    if with_body && !single {
        headers.push(("Require", "adhoclist, categoryList".into()));
    }
    let expires = if matches!(job, Job::End) { Some(0) } else { watcher.expires_s.or(config.timers.expires_s) };
    if let Some(seconds) = expires {
        headers.push(("Expires", Cow::Owned(seconds.to_string())));
    }
    let contact = match &watcher.reg.gruu {
        Some(gruu) => format!("<{gruu}>"),
        None => format!("<sip:{local};transport={};ms-opaque={};grid>", transport(config), watcher.opaque),
    };
    let to: Box<str> = match &dialog.target {
        Target::Home => watcher.uri.clone(),
        Target::Pool(pool) => pool.clone(),
        Target::Single { uri, .. } | Target::Calls { uri, .. } => uri.clone(),
    };
    dialog.local_cseq += 1;
    let body = match job {
        Job::Add(users) => SipBody::Batch { watcher: id, unsubscribe: false, users },
        Job::Leave(uris) => SipBody::Leave { watcher: id, uris },
        Job::Refresh | Job::End => SipBody::None,
    };
    SipRequest {
        uri: dialog.remote_target.clone().unwrap_or_else(|| to.clone()),
        to,
        from_tag: dialog.local_tag.clone(),
        to_tag: (!dialog.remote_tag.is_empty() && dialog.live).then(|| dialog.remote_tag.clone()),
        call_id: dialog.call_id.clone(),
        cseq: dialog.local_cseq,
        routes: dialog.routes.clone(),
        contact: Some(contact.into_boxed_str()),
        body,
        ..blank(Method::Subscribe, watcher, headers)
    }
}
