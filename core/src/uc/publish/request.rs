//! The requests of a publisher, header by header (`spec/ms-pres.md` 1.3, 3.1, 6.1, 6.5). Branch, address and transport are filled in where they are sent.
use super::Publisher;
use super::selfsub::SelfSub;
use crate::config::UcConfig;
use crate::cx::Cx;
use crate::id::UserId;
use crate::uc::request::{Headers, NOWHERE, transport};
use crate::uc::watcher::WatcherSide;
use crate::uc_event::{Method, SipBody, SipRequest, Transport};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// An endpoint for presence only: it takes no calls and no messages (`spec/ms-pres.md` 6.7).
const METHODS: &str = "OPTIONS, NOTIFY, BENOTIFY";

impl Publisher {
    fn blank(&self, method: Method, voice: &WatcherSide, contact: Box<str>, headers: Headers) -> SipRequest {
        SipRequest {
            method,
            uri: self.uri.clone(),
            local: NOWHERE,
            transport: Transport::Tcp,
            branch: Box::default(),
            from: self.uri.clone(),
            from_tag: Box::default(),
            epid: Some(voice.voice.epid.clone()),
            to: self.uri.clone(),
            to_tag: None,
            call_id: Box::default(),
            cseq: 1,
            routes: Box::default(),
            contact: Some(contact),
            headers,
            auth: Vec::new(),
            body: SipBody::None,
        }
    }

    /// The GRUU of the endpoint, else the connection itself.
    fn contact(&self, config: &UcConfig, voice: &WatcherSide, local: SocketAddr) -> Box<str> {
        match &self.endpoint.gruu {
            Some(gruu) => format!("<{gruu}>").into_boxed_str(),
            None => format!("<sip:{local};transport={};ms-opaque={}>", transport(config), voice.opaque).into_boxed_str(),
        }
    }

    /// REGISTER as the worker; `expires_s` 0 ends the registration.
    pub(super) fn register(&mut self, cx: &mut Cx<'_>, user: UserId, voice: &WatcherSide, local: SocketAddr, expires_s: Option<u32>) -> SipRequest {
        let config = &cx.config.uc;
        if self.endpoint.call_id.is_empty() {
            self.endpoint.call_id = format!("u{:x}.{}@{}", user.0, cx.entropy.hex(16), local.ip()).into_boxed_str();
            self.endpoint.tag = cx.entropy.hex(10);
        }
        self.endpoint.due = false;
        self.endpoint.cseq += 1;
        let mut headers: Headers = Vec::with_capacity(8);
        headers.push(("User-Agent", Cow::Owned(config.user_agent.to_string())));
        headers.push(("Supported", "gruu-10, adhoclist, msrtc-event-categories".into()));
        headers.push(("Supported", "ms-userservices-state-notification".into()));
        headers.push(("ms-keep-alive", "UAC;hop-hop=yes".into()));
        headers.push(("Event", "registration".into()));
        if let Some(seconds) = expires_s.or(self.endpoint.expires_s) {
            headers.push(("Expires", Cow::Owned(seconds.to_string())));
        }
        let contact = format!(
            "<sip:{local};transport={};ms-opaque={}>;methods=\"{METHODS}\";proxy=replace;+sip.instance=\"<urn:uuid:{}>\"",
            transport(config),
            voice.opaque,
            voice.voice.instance,
        );
        let domain = self.uri.rsplit('@').next().unwrap_or(&self.uri);
        let domain = domain.split(';').next().unwrap_or(domain);
        SipRequest {
            uri: format!("sip:{domain}").into_boxed_str(),
            from_tag: self.endpoint.tag.clone(),
            call_id: self.endpoint.call_id.clone(),
            cseq: self.endpoint.cseq,
            ..self.blank(Method::Register, voice, contact.into_boxed_str(), headers)
        }
    }

    /// SUBSCRIBE to the worker's own publications; `expires_s` 0 ends it.
    pub(super) fn subscribe(&mut self, cx: &mut Cx<'_>, user: UserId, voice: &WatcherSide, local: SocketAddr, expires_s: Option<u32>) -> SipRequest {
        let config = &cx.config.uc;
        let contact = self.contact(config, voice, local);
        let mut headers: Headers = Vec::with_capacity(8);
        headers.push(("User-Agent", Cow::Owned(config.user_agent.to_string())));
        headers.push(("Event", "vnd-microsoft-roaming-self".into()));
        headers.push(("Accept", "application/vnd-microsoft-roaming-self+xml".into()));
        headers.push(("Supported", "com.microsoft.autoextend".into()));
        if config.benotify {
            headers.push(("Supported", "ms-benotify".into()));
            headers.push(("Proxy-Require", "ms-benotify".into()));
        }
        if config.piggyback {
            headers.push(("Supported", "ms-piggyback-first-notify".into()));
        }
        if let Some(seconds) = expires_s {
            headers.push(("Expires", Cow::Owned(seconds.to_string())));
        }
        let sub = self.sub.get_or_insert_with(|| Box::new(SelfSub::new(user, local.ip(), cx.entropy)));
        sub.due = false;
        sub.local_cseq += 1;
        let body = if expires_s == Some(0) { SipBody::None } else { SipBody::RoamingList };
        let (call_id, from_tag, cseq, routes) = (sub.call_id.clone(), sub.local_tag.clone(), sub.local_cseq, sub.routes.clone());
        let (target, to_tag) = (sub.remote_target.clone(), sub.live.then(|| sub.remote_tag.clone()));
        SipRequest {
            uri: target.unwrap_or_else(|| self.uri.clone()),
            from_tag,
            to_tag,
            call_id,
            cseq,
            routes,
            body,
            ..self.blank(Method::Subscribe, voice, contact, headers)
        }
    }

    /// SERVICE that makes the table what it should be.
    pub(super) fn service(&mut self, cx: &mut Cx<'_>, voice: &WatcherSide, local: SocketAddr) -> SipRequest {
        let config = &cx.config.uc;
        let want = self.want(cx);
        let (publications, flight) = self.own.plan(want, cx.config.publish.expires_s);
        self.own.begin(&flight);
        self.flight = flight;
        self.tried = want.row.map(|(row, _)| row);
        self.cseq += 1;
        let headers: Headers = vec![("User-Agent", Cow::Owned(config.user_agent.to_string())), ("Supported", "gruu-10".into())];
        let contact = self.contact(config, voice, local);
        SipRequest {
            from_tag: cx.entropy.hex(10),
            call_id: format!("p.{}@{}", cx.entropy.hex(16), local.ip()).into_boxed_str(),
            cseq: self.cseq,
            body: SipBody::Publish(publications.into_boxed_slice()),
            ..self.blank(Method::Service, voice, contact, headers)
        }
    }
}
