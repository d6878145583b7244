//! The requests of a conversation, header by header (RFC 3261 §9.1, §12.2.1.1, §13.2.1, §15.1.1, §17.1.1.3; `spec/ms-pres.md` 7).
use super::Letter;
use super::leg::{Ends, Fork, Kind, Leg};
use crate::config::UcConfig;
use crate::entropy::Entropy;
use crate::uc::request::{Headers, NOWHERE, transport};
use crate::uc::watcher::WatcherSide;
use crate::uc_event::{Method, Response, SipBody, SipRequest, Transport};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// Methods we take in a session.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, MESSAGE, INFO, OPTIONS";

/// `Ms-Conversation-ID`: 128 random bits.
pub(super) fn conversation_id(entropy: &mut Entropy) -> Box<str> {
    entropy.hex(32)
}

/// A branch that no number of a transaction of the link stands in.
pub(super) fn branch(entropy: &mut Entropy) -> Box<str> {
    format!("z9hG4bKi{}", entropy.hex(16)).into_boxed_str()
}

pub(super) fn ends(config: &UcConfig, watcher: &WatcherSide, to: &str, local: SocketAddr) -> Ends {
    let contact = match &watcher.reg.gruu {
        Some(gruu) => format!("<{gruu}>"),
        None => format!("<sip:{local};transport={};ms-opaque={}>", transport(config), watcher.opaque),
    };
    let epid = (!watcher.epid.is_empty()).then(|| watcher.epid.clone());
    Ends { from: watcher.uri.clone(), epid, contact: contact.into_boxed_str(), to: to.into() }
}

fn blank(config: &UcConfig, leg: &Leg, method: Method) -> SipRequest {
    SipRequest {
        method,
        uri: leg.ends.to.clone(),
        local: NOWHERE,
        transport: Transport::Tcp,
        branch: leg.branch.clone(),
        from: leg.ends.from.clone(),
        from_tag: leg.tag.clone(),
        epid: leg.ends.epid.clone(),
        to: leg.ends.to.clone(),
        to_tag: None,
        call_id: leg.call_id.clone(),
        cseq: 1,
        routes: Box::default(),
        contact: None,
        headers: vec![("User-Agent", Cow::Owned(config.user_agent.to_string()))],
        auth: Vec::new(),
        body: SipBody::None,
    }
}

/// INVITE: a session of messages, or a channel that opens a window.
pub(super) fn invite(config: &UcConfig, leg: &Leg, letter: &Letter, conversation: &str) -> SipRequest {
    let body = match (leg.kind, &letter.context) {
        (Kind::Context, Some(context)) => SipBody::Context(context.clone()),
        (Kind::Message, Some(context)) => SipBody::Session { text: context.toast.clone() },
        (_, None) => SipBody::Session { text: letter.text.clone() },
    };
    let mut msg = SipRequest { contact: Some(leg.ends.contact.clone()), body, ..blank(config, leg, Method::Invite) };
    let more: Headers = vec![("Supported", "gruu-10".into()), ("Ms-Conversation-ID", Cow::Owned(conversation.to_string())), ("Allow", ALLOW.into())];
    msg.headers.extend(more);
    msg
}

/// CANCEL of the INVITE of a leg: everything but the method is the INVITE's.
pub(super) fn cancel(config: &UcConfig, leg: &Leg) -> SipRequest {
    let mut msg = blank(config, leg, Method::Cancel);
    msg.headers.push(("Reason", "SIP;cause=487;text=\"The preview is over\"".into()));
    msg
}

/// ACK to a refusal: part of the transaction of the INVITE.
pub(super) fn ack_refusal(config: &UcConfig, leg: &Leg, r: &Response<'_>) -> SipRequest {
    // A known client refuses without a tag.
    let to_tag = (!r.to_tag.is_empty()).then(|| r.to_tag.into());
    SipRequest { to_tag, ..blank(config, leg, Method::Ack) }
}

fn inside(config: &UcConfig, leg: &Leg, fork: &Fork, method: Method, cseq: u32) -> SipRequest {
    SipRequest { uri: fork.target.clone(), to_tag: Some(fork.tag.clone()), routes: fork.routes.clone(), cseq, ..blank(config, leg, method) }
}

/// ACK to a 2xx: a transaction of its own, with the CSeq of the INVITE.
pub(super) fn ack(config: &UcConfig, leg: &Leg, fork: &Fork, entropy: &mut Entropy) -> SipRequest {
    SipRequest { branch: branch(entropy), ..inside(config, leg, fork, Method::Ack, 1) }
}

/// BYE.
pub(super) fn bye(config: &UcConfig, leg: &Leg, fork: &Fork) -> SipRequest {
    inside(config, leg, fork, Method::Bye, fork.cseq)
}

/// MESSAGE.
pub(super) fn message(config: &UcConfig, leg: &Leg, fork: &Fork, text: Box<str>) -> SipRequest {
    SipRequest { body: SipBody::Text(text), ..inside(config, leg, fork, Method::Message, fork.cseq) }
}
