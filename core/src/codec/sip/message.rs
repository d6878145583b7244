//! From the lexed message to the types of the core: NOTIFY, other requests, responses. The general path, for every shape; [`super::hot`] is its shortcut for the
//! one that matters.
use super::SipFault;
use super::head::{Head, Name, StartLine};
use super::uri::{host_port, name_addr};
use super::values::{self, Items, State, bad, param, text};
use super::{Decoded, digest, unanswerable};
use crate::codec::xml::decode_body;
use crate::config::Limits;
use crate::uc_event::{Body, Challenge, Notify, OtherRequest, Response};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// Challenges of a response that are kept.
const CHALLENGES_MAX: usize = 8;
/// Contacts of a response that are kept.
const CONTACTS_MAX: usize = 8;

/// Decodes one framed message of any shape.
pub(super) fn decode<'a>(frame: &'a [u8], limits: &Limits) -> Result<Decoded<'a>, SipFault> {
    let decoded = Head::parse(frame, limits).and_then(|head| match head.start {
        StartLine::Request { method: method @ ("NOTIFY" | "BENOTIFY"), .. } => notify(&head, method, limits).map(Decoded::Notify),
        StartLine::Request { method, .. } => other_request(&head, method).map(Decoded::Request),
        StartLine::Status { code, reason } => response(&head, code, reason, limits).map(|r| Decoded::Response(Box::new(r))),
    });
    decoded.map_err(|fault| fault.of(unanswerable(frame)))
}

/// What every message has (RFC 3261 §8.1.1).
struct Common<'a> {
    call_id: &'a str,
    from_tag: &'a str,
    to_tag: &'a str,
    cseq: u32,
    method: &'a str,
}

fn must<'a>(head: &Head<'a>, name: Name) -> Result<&'a [u8], SipFault> {
    head.get(name).ok_or(SipFault::HeaderMissing { name: name.as_str() })
}

fn common<'a>(head: &Head<'a>) -> Result<Common<'a>, SipFault> {
    must(head, Name::Via)?;
    let from_tag = values::tag(Name::From, must(head, Name::From)?)?;
    let to_tag = values::tag(Name::To, must(head, Name::To)?)?;
    let call_id = values::call_id(must(head, Name::CallId)?)?;
    let (cseq, method) = values::cseq(must(head, Name::CSeq)?)?;
    let method = text(Name::CSeq, method)?;
    check_length(head)?;
    Ok(Common { call_id, from_tag, to_tag, cseq, method })
}

/// The framer cut by `Content-Length`; whoever hands in a message cut otherwise is told.
fn check_length(head: &Head<'_>) -> Result<(), SipFault> {
    let Some(value) = head.get(Name::ContentLength) else { return Ok(()) };
    let declared = values::number(value).ok_or_else(|| bad(Name::ContentLength, value))?;
    if declared as usize == head.body.len() { Ok(()) } else { Err(SipFault::BodyLength { declared: declared.into(), got: head.body.len() as u64 }) }
}

fn check_method(common: &Common<'_>, method: &str, head: &Head<'_>) -> Result<(), SipFault> {
    if common.method == method { Ok(()) } else { Err(bad(Name::CSeq, head.get(Name::CSeq).unwrap_or_default())) }
}

fn notify<'a>(head: &Head<'a>, method: &'a str, limits: &Limits) -> Result<Notify<'a>, SipFault> {
    let common = common(head)?;
    check_method(&common, method, head)?;
    let state = state(head)?;
    Ok(Notify {
        best_effort: method == "BENOTIFY",
        call_id: common.call_id,
        from_tag: common.from_tag,
        to_tag: common.to_tag,
        cseq: common.cseq,
        contact: head.all(Name::Contact).flat_map(Items).find_map(name_addr).and_then(|addr| text(Name::Contact, addr.uri).ok()),
        record_routes: record_routes(head)?,
        event: values::event(must(head, Name::Event)?)?,
        state: state.state,
        expires_s: state.expires_s,
        retry_after_s: state.retry_after_s,
        reason: state.reason,
        require_unsupported: require_unsupported(head)?,
        body: body(head, limits)?,
    })
}

fn other_request<'a>(head: &Head<'a>, method: &'a str) -> Result<OtherRequest<'a>, SipFault> {
    let common = common(head)?;
    check_method(&common, method, head)?;
    Ok(OtherRequest {
        method,
        call_id: common.call_id,
        cseq: common.cseq,
        from_tag: common.from_tag,
        to_tag: common.to_tag,
        content_type: text(Name::ContentType, head.get(Name::ContentType).unwrap_or_default())?,
        require_unsupported: require_unsupported(head)?,
    })
}

fn response<'a>(head: &Head<'a>, status: u16, reason: &'a str, limits: &Limits) -> Result<Response<'a>, SipFault> {
    let common = common(head)?;
    let via = must(head, Name::Via)?;
    let state = state(head)?;
    let seconds = |name| head.get(name).and_then(values::number);
    let mut contacts = contacts(head)?;
    let own_expires = if common.method == "REGISTER" { own_expires(&contacts, via) } else { None };
    let gruus = contacts.iter().filter_map(Contact::gruu).collect();
    contacts.sort_by_key(|contact| Reverse(contact.q));
    contacts.truncate(CONTACTS_MAX);
    Ok(Response {
        status,
        reason,
        branch: values::branch(via)?,
        method: common.method,
        cseq: common.cseq,
        call_id: common.call_id,
        from_tag: common.from_tag,
        to_tag: common.to_tag,
        expires_s: own_expires.or_else(|| seconds(Name::Expires)),
        min_expires_s: seconds(Name::MinExpires),
        retry_after_s: head.get(Name::RetryAfter).and_then(values::retry_after),
        state: state.state,
        state_expires_s: state.expires_s,
        piggyback_cseq: seconds(Name::MsPiggybackCseq),
        keep_alive_s: head.get(Name::MsKeepAlive).and_then(values::keep_alive),
        benotify: supports(head, b"ms-benotify"),
        text_format: supports(head, b"ms-text-format"),
        contacts: contacts.iter().map(|contact| contact.uri).collect(),
        gruus,
        record_routes: record_routes(head)?,
        challenges: challenges(head),
        etag: head.get(Name::SipETag).and_then(digest::entity_tag),
        diagnostics: head.get(Name::MsDiagnostics).and_then(first_line),
        body: body(head, limits)?,
    })
}

fn state(head: &Head<'_>) -> Result<State, SipFault> {
    head.get(Name::SubscriptionState).map_or(Ok(State::ABSENT), values::subscription_state)
}

fn supports(head: &Head<'_>, token: &[u8]) -> bool {
    head.all(Name::Supported).flat_map(Items).any(|item| item.eq_ignore_ascii_case(token))
}

fn require_unsupported<'a>(head: &Head<'a>) -> Result<Option<&'a str>, SipFault> {
    for value in head.all(Name::Require) {
        if let Some(token) = values::first_unsupported(value)? {
            return Ok(Some(token));
        }
    }
    Ok(None)
}

/// The body by its media type. An encoded one (`Content-Encoding`) is not read.
fn body<'a>(head: &Head<'a>, limits: &Limits) -> Result<Body<'a>, SipFault> {
    if head.body.is_empty() {
        return Ok(Body::None);
    }
    if let Some(encoding) = head.get(Name::ContentEncoding)
        && !encoding.eq_ignore_ascii_case(b"identity")
    {
        return text(Name::ContentEncoding, encoding).map(Body::Unsupported);
    }
    let media_type = text(Name::ContentType, head.get(Name::ContentType).unwrap_or_default())?;
    Ok(decode_body(media_type, head.body, limits))
}

/// One value of Contact.
struct Contact<'a> {
    uri: &'a str,
    q: u16,
    params: &'a [u8],
}

impl<'a> Contact<'a> {
    /// `+sip.instance` without quotes and angle brackets, and `gruu`.
    fn gruu(&self) -> Option<(&'a str, &'a str)> {
        let of = |name: &[u8]| param(self.params, name).ok().flatten().and_then(|v| core::str::from_utf8(v).ok());
        let instance = of(b"+sip.instance")?;
        let instance = instance.strip_prefix('<').and_then(|i| i.strip_suffix('>')).unwrap_or(instance);
        let gruu = of(b"gruu").filter(|gruu| super::uri::is_valid(gruu.as_bytes()))?;
        Some((instance, gruu))
    }
}

/// All values of all Contacts; `*` is none.
fn contacts<'a>(head: &Head<'a>) -> Result<Vec<Contact<'a>>, SipFault> {
    let mut out = Vec::new();
    for item in head.all(Name::Contact).flat_map(Items).filter(|item| *item != b"*") {
        let addr = name_addr(item).ok_or_else(|| bad(Name::Contact, item))?;
        let q = param(addr.params, b"q").map_err(|()| bad(Name::Contact, item))?;
        out.push(Contact { uri: text(Name::Contact, addr.uri)?, q: values::q_thousandths(q), params: addr.params });
    }
    Ok(out)
}

/// `expires` of our own Contact in an answer to REGISTER: the one that names the address our Via names, or the only one.
fn own_expires(contacts: &[Contact<'_>], via: &[u8]) -> Option<u32> {
    let (sent_by, _) = values::sent_by(via)?;
    let address = |uri: &str| {
        let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
        host_port(rest.as_bytes()).eq_ignore_ascii_case(sent_by)
    };
    let own = match contacts {
        [only] => only,
        many => many.iter().find(|contact| address(contact.uri))?,
    };
    param(own.params, b"expires").ok().flatten().and_then(values::number)
}

/// The challenges that can be answered; others (NTLM, Kerberos, unreadable ones) count as none.
fn challenges<'a>(head: &Head<'a>) -> Vec<Challenge<'a>> {
    let of = |name, proxy| head.all(name).filter_map(move |value| digest::challenge(value, proxy));
    of(Name::WwwAuthenticate, false).chain(of(Name::ProxyAuthenticate, true)).take(CHALLENGES_MAX).collect()
}

fn record_routes<'a>(head: &Head<'a>) -> Result<Vec<&'a str>, SipFault> {
    let one = |item: &'a [u8]| {
        let addr = name_addr(item).ok_or_else(|| bad(Name::RecordRoute, item))?;
        text(Name::RecordRoute, addr.uri)
    };
    head.all(Name::RecordRoute).flat_map(Items).map(one).collect()
}

/// The text up to where it is folded, so that a log line stays one.
fn first_line(value: &[u8]) -> Option<&str> {
    core::str::from_utf8(value).ok()?.lines().next()
}
