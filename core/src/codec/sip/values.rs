//! Values of single headers (RFC 3261 §25.1, RFC 6665 §8.4, MS-CONMGMT): parameters, comma lists, numbers, tokens. All skip the white space of folding.
use super::SipFault;
use super::fault::excerpt;
use super::head::{Name, is_token, is_token_byte, trim};
use super::uri::{name_addr, quoted_len};
use crate::uc_event::{SubState, TerminationReason};

/// A value that cannot be read.
pub(super) fn bad(name: Name, value: &[u8]) -> SipFault {
    SipFault::HeaderValue { name: name.as_str(), value: excerpt(value) }
}

/// Bytes as text, or a fault of this header.
pub(super) fn text(name: Name, value: &[u8]) -> Result<&str, SipFault> {
    core::str::from_utf8(value).map_err(|_| bad(name, value))
}

/// Parameters `;name[=value]`, quotes of values removed; `None` for what is no parameter, then the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Params<'a> {
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        while let [b';' | b' ' | b'\t' | b'\r' | b'\n', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        self.0 = &[];
        let len = rest.iter().position(|b| !is_token_byte(*b)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(len);
        let mut after = skip_space(after);
        let mut value: &[u8] = &[];
        if let [b'=', rest @ ..] = after {
            let rest = skip_space(rest);
            if rest.first() == Some(&b'"') {
                let Some(len) = quoted_len(rest).filter(|len| *len <= rest.len()) else { return Some(None) };
                (value, after) = (&rest[1..len - 1], skip_space(&rest[len..]));
            } else {
                let ends = |b: u8| !is_token_byte(b) && matches!(b, b';' | b',' | b' ' | b'\t' | b'\r' | b'\n' | b'"');
                let len = rest.iter().position(|b| ends(*b)).unwrap_or(rest.len());
                (value, after) = (&rest[..len], skip_space(&rest[len..]));
            }
        }
        if name.is_empty() || !matches!(after, [] | [b';', ..]) {
            return Some(None);
        }
        self.0 = after;
        Some(Some((name, value)))
    }
}

fn skip_space(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The value of a parameter, `None` without it. What follows it is not looked at.
///
/// # Errors
/// When something before it is no parameter.
pub(super) fn param<'a>(params: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, ()> {
    for item in Params(params) {
        let (key, value) = item.ok_or(())?;
        if key.eq_ignore_ascii_case(name) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Items of a comma list (RFC 3261 §7.3.1), split outside quotes and angle brackets, empty ones left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let all = self.0;
            let (mut at, mut angle) = (0, false);
            while let Some(byte) = all.get(at) {
                match byte {
                    b'"' if !angle => at += quoted_len(&all[at..]).unwrap_or(all.len()) - 1,
                    b'<' => angle = true,
                    b'>' => angle = false,
                    b',' if !angle => break,
                    _ => {}
                }
                at += 1;
            }
            self.0 = all.get(at + 1..).unwrap_or_default();
            let item = trim(&all[..at.min(all.len())]);
            if !item.is_empty() {
                return Some(item);
            }
        }
        None
    }
}

/// The value before the parameters, and the parameters.
pub(super) fn split_params(value: &[u8]) -> (&[u8], &[u8]) {
    let at = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    (trim(&value[..at]), &value[at..])
}

/// Decimal digits and nothing else; more than 32 bits count as the largest number (`delta-seconds` of RFC 3261 §20.19 end there).
pub(super) fn number(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0_u32, |n, digit| n.saturating_mul(10).saturating_add(u32::from(digit - b'0'))))
}

/// The tag of From or To, empty without one.
///
/// # Errors
/// When the address cannot be read or the tag is no token.
pub(super) fn tag(name: Name, value: &[u8]) -> Result<&str, SipFault> {
    let addr = name_addr(value).ok_or_else(|| bad(name, value))?;
    if let Some(tag) = usual_tag(addr.params) {
        return text(name, tag);
    }
    match param(addr.params, b"tag").map_err(|()| bad(name, value))? {
        None => Ok(""),
        Some(tag) if is_token(tag) => text(name, tag),
        Some(_) => Err(bad(name, value)),
    }
}

/// The tag when the parameters are `;tag=…` or `;epid=…;tag=…` and nothing else, written plainly: the usual case.
pub(super) fn usual_tag(params: &[u8]) -> Option<&[u8]> {
    let params = match params.strip_prefix(b";epid=") {
        Some(rest) => &rest[rest.iter().position(|b| !is_token_byte(*b))?..],
        None => params,
    };
    params.strip_prefix(b";tag=").filter(|tag| is_token(tag))
}

/// Number and method of CSeq (RFC 3261 §8.1.1.5: below 2^31).
///
/// # Errors
/// When it is anything else.
pub(super) fn cseq(value: &[u8]) -> Result<(u32, &[u8]), SipFault> {
    let digits = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
    let method = skip_space(&value[digits..]);
    match number(&value[..digits]) {
        Some(n) if n <= i32::MAX as u32 && is_token(method) && method.len() < value.len() - digits => Ok((n, method)),
        _ => Err(bad(Name::CSeq, value)),
    }
}

/// Call-ID: one word, no white space.
///
/// # Errors
/// When it is anything else.
pub(super) fn call_id(value: &[u8]) -> Result<&str, SipFault> {
    // No early end: the compiler makes vector code of it.
    let fine = !value.is_empty() && value.iter().fold(true, |fine, b| fine & b.is_ascii_graphic());
    if fine { text(Name::CallId, value) } else { Err(bad(Name::CallId, value)) }
}

/// The package of Event, without parameters.
///
/// # Errors
/// When it is no token.
pub(super) fn event(value: &[u8]) -> Result<&str, SipFault> {
    if value == b"presence" {
        return Ok("presence");
    }
    let (package, _) = split_params(value);
    if is_token(package) { text(Name::Event, package) } else { Err(bad(Name::Event, value)) }
}

/// Subscription-State, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) state: SubState,
    pub(super) expires_s: Option<u32>,
    pub(super) retry_after_s: Option<u32>,
    pub(super) reason: TerminationReason,
}

impl State {
    pub(super) const ABSENT: Self = Self { state: SubState::Absent, expires_s: None, retry_after_s: None, reason: TerminationReason::None };
}

/// Subscription-State (RFC 6665 §8.2.3). A parameter that is no number counts as absent.
///
/// # Errors
/// When the state is no token or something is no parameter.
pub(super) fn subscription_state(value: &[u8]) -> Result<State, SipFault> {
    if let Some(expires_s) = value.strip_prefix(b"active;expires=").and_then(number) {
        return Ok(State { state: SubState::Active, expires_s: Some(expires_s), ..State::ABSENT });
    }
    let fault = || bad(Name::SubscriptionState, value);
    let (word, params) = split_params(value);
    let state = match word {
        word if word.eq_ignore_ascii_case(b"active") => SubState::Active,
        word if word.eq_ignore_ascii_case(b"pending") => SubState::Pending,
        word if word.eq_ignore_ascii_case(b"terminated") => SubState::Terminated,
        word if is_token(word) => SubState::Other,
        _ => return Err(fault()),
    };
    let mut out = State { state, ..State::ABSENT };
    for item in Params(params) {
        let (name, value) = item.ok_or_else(fault)?;
        if name.eq_ignore_ascii_case(b"expires") {
            out.expires_s = number(value);
        } else if name.eq_ignore_ascii_case(b"retry-after") {
            out.retry_after_s = number(value);
        } else if name.eq_ignore_ascii_case(b"reason") {
            out.reason = reason(value);
        }
    }
    Ok(out)
}

fn reason(value: &[u8]) -> TerminationReason {
    const REASONS: [(&[u8], TerminationReason); 7] = [
        (b"deactivated", TerminationReason::Deactivated),
        (b"probation", TerminationReason::Probation),
        (b"rejected", TerminationReason::Rejected),
        (b"timeout", TerminationReason::Timeout),
        (b"giveup", TerminationReason::Giveup),
        (b"noresource", TerminationReason::NoResource),
        (b"invariant", TerminationReason::Invariant),
    ];
    REASONS.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map_or(TerminationReason::Other, |(_, reason)| *reason)
}

/// The only extension we support (`spec/ms-pres.md` 1.5).
const EVENTLIST: &[u8] = b"eventlist";

/// The tokens of one Require that we do not support.
pub(super) fn unsupported(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    Items(value).filter(|token| !token.eq_ignore_ascii_case(EVENTLIST))
}

/// The first token of one Require that we do not support.
///
/// # Errors
/// When it is no token.
pub(super) fn first_unsupported(value: &[u8]) -> Result<Option<&str>, SipFault> {
    if value.eq_ignore_ascii_case(EVENTLIST) {
        return Ok(None);
    }
    match unsupported(value).next() {
        None => Ok(None),
        Some(token) if is_token(token) => text(Name::Require, token).map(Some),
        Some(_) => Err(bad(Name::Require, value)),
    }
}

/// `branch` of the first value of a Via, empty without one (REGISTER of Microsoft's clients has none).
///
/// # Errors
/// When the Via is no `SIP/2.0/… host;…`.
pub(super) fn branch(via: &[u8]) -> Result<&str, SipFault> {
    let fault = || bad(Name::Via, via);
    let (_, params) = sent_by(via).ok_or_else(fault)?;
    let branch = param(params, b"branch").map_err(|()| fault())?.unwrap_or_default();
    text(Name::Via, branch)
}

/// `host[:port]` and parameters of the first value of a Via.
pub(super) fn sent_by(via: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, params) = split_params(Items(via).next()?);
    let space = before.iter().position(|b| b.is_ascii_whitespace())?;
    let (protocol, host) = (&before[..space], trim(&before[space..]));
    let fine = protocol.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) && !host.is_empty();
    fine.then_some((host, params))
}

/// `q` in thousandths: 1000 without one or when unreadable.
pub(super) fn q_thousandths(value: Option<&[u8]>) -> u16 {
    let Some(value) = value else { return 1000 };
    let (whole, fraction) = value.split_at(value.iter().position(|b| *b == b'.').unwrap_or(value.len()));
    let fraction = fraction.strip_prefix(b".").unwrap_or_default();
    if value.is_empty() || value.len() > 5 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return 1000;
    }
    let digit = |at: usize| fraction.get(at).map_or(0, |d| u16::from(d - b'0'));
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2);
    (u16::try_from(number(whole).unwrap_or(0)).unwrap_or(1).min(1) * 1000 + fraction).min(1000)
}

/// Seconds at the beginning of Retry-After; comment and parameters do not count (RFC 3261 §20.33).
pub(super) fn retry_after(value: &[u8]) -> Option<u32> {
    let digits = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
    number(&value[..digits])
}

/// `timeout` of the server's ms-keep-alive, seconds (`spec/ms-pres.md` 1.6).
pub(super) fn keep_alive(value: &[u8]) -> Option<u32> {
    let (role, params) = split_params(value);
    if !role.eq_ignore_ascii_case(b"UAS") {
        return None;
    }
    param(params, b"timeout").ok().flatten().and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn tags_with_and_without() {
        assert_eq!(tag(Name::To, b"<sip:a@b>;epid=56b4;tag=f30acb63"), Ok("f30acb63"));
        assert_eq!(tag(Name::To, b"sip:a@b ; Tag = x"), Ok("x"));
        assert_eq!(tag(Name::To, b"<sip:a@b;tag=no>"), Ok(""));
        for bad in [&b"<sip:a@b>;tag="[..], b"<sip:a@b>;tag=a b", b"<sip:a@b>;=x;tag=y", b"<sip:a@b>;x=\"open;tag=1"] {
            assert!(tag(Name::To, bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn cseq_is_a_31_bit_number_and_a_method() {
        assert_eq!(cseq(b"4 NOTIFY"), Ok((4, &b"NOTIFY"[..])));
        assert_eq!(cseq(b"0081\r\n  BENOTIFY"), Ok((81, &b"BENOTIFY"[..])));
        assert_eq!(cseq(b"2147483647 A"), Ok((2_147_483_647, &b"A"[..])));
        for bad in [&b"2147483648 A"[..], b"4294967296 A", b"99999999999999999999 A", b"-5 A", b"5", b"5 ", b"5A", b"A", b"5 A B", b""] {
            assert!(cseq(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn lists_split_outside_quotes_and_brackets() {
        let items: Vec<_> = Items(b" <sip:a,b>;x=\"1,\\\"2\" ,, \"q, r\" <sip:c>,\r\n d, \"open, e").collect();
        assert_eq!(items, [&b"<sip:a,b>;x=\"1,\\\"2\""[..], b"\"q, r\" <sip:c>", b"d", b"\"open, e"]);
        assert_eq!(Items(b"<sip:a, b").count(), 1);
        assert_eq!(Items(b"\"a\\").count(), 1);
    }

    #[test]
    fn subscription_states() {
        let state = subscription_state(b"terminated;reason=probation;retry-after=120").expect("state");
        assert_eq!((state.state, state.reason, state.retry_after_s, state.expires_s), (SubState::Terminated, TerminationReason::Probation, Some(120), None));
        let state = subscription_state(b"Active ; expires = 99999999999 ; x").expect("state");
        assert_eq!((state.state, state.expires_s), (SubState::Active, Some(u32::MAX)));
        assert_eq!(subscription_state(b"frozen;expires=soon").map(|s| (s.state, s.expires_s)), Ok((SubState::Other, None)));
        assert!(subscription_state(b";expires=1").is_err() && subscription_state(b"a b").is_err());
    }

    #[test]
    fn qualities_need_no_floating_point() {
        for (q, want) in
            [("1", 1000), ("1.0", 1000), ("0", 0), ("0.7", 700), ("0.35", 350), ("0.001", 1), (".5", 500), ("x", 1000), ("0.7x", 1000), ("9.9", 1000)]
        {
            assert_eq!(q_thousandths(Some(q.as_bytes())), want, "{q}");
        }
    }

    #[test]
    fn small_values() {
        assert_eq!((retry_after(b"45 (busy);duration=9"), retry_after(b"999999999999"), retry_after(b"soon")), (Some(45), Some(u32::MAX), None));
        assert_eq!(keep_alive(b"UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300"), Some(300));
        assert_eq!((keep_alive(b"UAC;timeout=3"), keep_alive(b"UAS"), keep_alive(b"UAS;timeout=x")), (None, None, None));
        assert_eq!(first_unsupported(b"eventlist, 100rel"), Ok(Some("100rel")));
        assert_eq!(branch(b"SIP/2.0/TLS 1.2.3.4:5061 ;branch=z9hG4bKa,SIP/2.0/TLS h;branch=b"), Ok("z9hG4bKa"));
        assert_eq!(branch(b"SIP/2.0/tcp h"), Ok(""));
        assert!(branch(b"nonsense").is_err() && branch(b"").is_err());
        assert_eq!(event(b"presence;id=7"), Ok("presence"));
        assert!(call_id(b"a b").is_err() && call_id(b"").is_err());
    }
}
