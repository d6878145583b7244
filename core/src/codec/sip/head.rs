//! The lexer: start line and headers of one message as slices of it, without allocation (RFC 3261 §7, §25.1).
//!
//! Takes what real peers send: any method, compact and mixed-case names, space before the colon, folded values, bare LF, a status line without its final space
//! (`spec/ms-pres.md` 1.4). Values stay raw: whoever reads one skips the white space of folding. Refuses control characters, lines that are no headers, and
//! repeated headers that decide where a message belongs.
use super::SipFault;
use super::fault::excerpt;
use super::uri;
use crate::config::Limits;
use memchr::memchr;

/// Headers the decoder reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `Via` / `v`
    Via,
    /// `From` / `f`
    From,
    /// `To` / `t`
    To,
    /// `Call-ID` / `i`
    CallId,
    /// `CSeq`
    CSeq,
    /// `Event` / `o`
    Event,
    /// `Subscription-State`
    SubscriptionState,
    /// `Content-Type` / `c`
    ContentType,
    /// `Content-Length` / `l`
    ContentLength,
    /// `Content-Encoding` / `e`
    ContentEncoding,
    /// `Require`
    Require,
    /// `Supported` / `k`
    Supported,
    /// `Contact` / `m`
    Contact,
    /// `Record-Route`
    RecordRoute,
    /// `Expires`
    Expires,
    /// `Min-Expires`
    MinExpires,
    /// `Retry-After`
    RetryAfter,
    /// `ms-keep-alive` (MS-CONMGMT)
    MsKeepAlive,
    /// `ms-piggyback-cseq` (MS-SIP)
    MsPiggybackCseq,
    /// `ms-diagnostics` (MS-OCER)
    MsDiagnostics,
    /// `WWW-Authenticate`
    WwwAuthenticate,
    /// `Proxy-Authenticate`
    ProxyAuthenticate,
    /// `SIP-ETag` (RFC 3903)
    SipETag,
}

/// Long name, compact form, whether it may be there once only. In the order of [`Name`].
const NAMES: [(Name, &str, u8, bool); 23] = [
    (Name::Via, "Via", b'v', false),
    (Name::From, "From", b'f', true),
    (Name::To, "To", b't', true),
    (Name::CallId, "Call-ID", b'i', true),
    (Name::CSeq, "CSeq", 0, true),
    (Name::Event, "Event", b'o', true),
    (Name::SubscriptionState, "Subscription-State", 0, true),
    (Name::ContentType, "Content-Type", b'c', true),
    (Name::ContentLength, "Content-Length", b'l', true),
    (Name::ContentEncoding, "Content-Encoding", b'e', false),
    (Name::Require, "Require", 0, false),
    (Name::Supported, "Supported", b'k', false),
    (Name::Contact, "Contact", b'm', false),
    (Name::RecordRoute, "Record-Route", 0, false),
    (Name::Expires, "Expires", 0, false),
    (Name::MinExpires, "Min-Expires", 0, false),
    (Name::RetryAfter, "Retry-After", 0, false),
    (Name::MsKeepAlive, "ms-keep-alive", 0, false),
    (Name::MsPiggybackCseq, "ms-piggyback-cseq", 0, false),
    (Name::MsDiagnostics, "ms-diagnostics", 0, false),
    (Name::WwwAuthenticate, "WWW-Authenticate", 0, false),
    (Name::ProxyAuthenticate, "Proxy-Authenticate", 0, false),
    (Name::SipETag, "SIP-ETag", 0, false),
];

impl Name {
    /// The header with this name in any case or form, if the decoder reads it.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        if let [one] = name {
            return NAMES.iter().find(|(_, _, short, _)| *short != 0 && *short == one.to_ascii_lowercase()).map(|(it, ..)| *it);
        }
        let long: &[Self] = match name.len() {
            2 => &[Self::To],
            3 => &[Self::Via],
            4 => &[Self::From, Self::CSeq],
            5 => &[Self::Event],
            7 => &[Self::CallId, Self::Contact, Self::Require, Self::Expires],
            8 => &[Self::SipETag],
            9 => &[Self::Supported],
            11 => &[Self::MinExpires, Self::RetryAfter],
            12 => &[Self::ContentType, Self::RecordRoute],
            13 => &[Self::MsKeepAlive],
            14 => &[Self::ContentLength, Self::MsDiagnostics],
            16 => &[Self::ContentEncoding, Self::WwwAuthenticate],
            17 => &[Self::MsPiggybackCseq],
            18 => &[Self::SubscriptionState, Self::ProxyAuthenticate],
            _ => &[],
        };
        long.iter().find(|it| it.as_str().as_bytes().eq_ignore_ascii_case(name)).copied()
    }

    /// The long name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self as usize].1
    }

    const fn once_only(self) -> bool {
        NAMES[self as usize].3
    }
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// RFC 3261 §7.1.
    Request {
        /// Any token: SERVICE, BENOTIFY and NEGOTIATE are requests like all others.
        method: &'a str,
        /// Request-URI.
        uri: &'a str,
    },
    /// RFC 3261 §7.2.
    Status {
        /// 100..=699.
        code: u16,
        /// May be empty.
        reason: &'a str,
    },
}

/// One message, lexed.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The first line.
    pub start: StartLine<'a>,
    /// What follows the empty line.
    pub body: &'a [u8],
    lines: &'a [u8],
    first: [Option<&'a [u8]>; NAMES.len()],
}

/// One header as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name as written.
    pub name: &'a str,
    /// Value without white space around it; continuation lines are still in it.
    pub value: &'a [u8],
    /// The whole line or lines, without the last line end.
    pub(super) raw: &'a [u8],
}

/// The headers of a message in order. A line that is no header comes as an error.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
    /// What follows the empty line, once it was reached.
    pub(super) body: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    /// Lexes one message: start line to end of body.
    ///
    /// # Errors
    /// A [`SipFault`] that is not fatal.
    pub fn parse(frame: &'a [u8], limits: &Limits) -> Result<Self, SipFault> {
        let (line, lines) = split_line(frame).ok_or(SipFault::HeadOpen)?;
        refuse_controls(line)?;
        let start = start_line(line)?;
        let mut first = [None; NAMES.len()];
        let mut headers = Headers { rest: lines, body: None };
        let mut count = 0;
        for header in headers.by_ref() {
            let header = header.map_err(|line| SipFault::HeaderLine { line: excerpt(line) })?;
            if header.raw.len() > limits.sip_header_bytes_max as usize {
                let len = header.raw.len() as u64;
                return Err(SipFault::HeaderTooLong { name: excerpt(header.name.as_bytes()), len, max: limits.sip_header_bytes_max });
            }
            count += 1;
            if count > limits.sip_headers_max {
                return Err(SipFault::TooManyHeaders { max: limits.sip_headers_max });
            }
            refuse_controls(header.raw)?;
            if let Some(name) = Name::of(header.name.as_bytes()) {
                match &mut first[name as usize] {
                    Some(_) if name.once_only() => return Err(SipFault::HeaderTwice { name: name.as_str() }),
                    Some(_) => {}
                    none => *none = Some(header.value),
                }
            }
        }
        let body = headers.body.ok_or(SipFault::HeadOpen)?;
        Ok(Self { start, body, lines, first })
    }

    /// The value of the first header of this name.
    #[must_use]
    pub const fn get(&self, name: Name) -> Option<&'a [u8]> {
        self.first[name as usize]
    }

    /// The values of all headers of this name, in order. One value may hold several, separated by commas.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let lines = if self.get(name).is_some() { self.lines } else { &[] };
        Headers { rest: lines, body: None }.flatten().filter(move |h| Name::of(h.name.as_bytes()) == Some(name)).map(|h| h.value)
    }

    /// All headers in order.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers { rest: self.lines, body: None }
    }
}

impl<'a> Headers<'a> {
    /// The headers of a message, whatever its start line is.
    pub(super) fn of_frame(frame: &'a [u8]) -> Self {
        Self { rest: split_line(frame).map_or(&[], |(_, lines)| lines), body: None }
    }
}

impl<'a> Headers<'a> {
    /// The next line with its continuation lines: its first line, and all of it without the last line end.
    pub(super) fn next_raw(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let all = self.rest;
        let (line, mut rest) = split_line(all)?;
        if line.is_empty() {
            (self.rest, self.body) = (&[], Some(rest));
            return None;
        }
        let mut raw = line;
        while let [b' ' | b'\t', ..] = rest
            && let Some((more, after)) = split_line(rest)
        {
            raw = &all[..all.len() - rest.len() + more.len()];
            rest = after;
        }
        self.rest = rest;
        Some((line, raw))
    }
}

impl<'a> Header<'a> {
    /// Takes a line apart; `None` when it is no header. `line` is the first line of `raw`.
    pub(super) fn of(line: &'a [u8], raw: &'a [u8]) -> Option<Self> {
        let colon = memchr(b':', line)?;
        let name = line[..colon].trim_ascii_end();
        is_token(name).then_some(())?;
        Some(Header { name: core::str::from_utf8(name).ok()?, value: trim(&raw[colon + 1..]), raw })
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<Header<'a>, &'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, raw) = self.next_raw()?;
        Some(Header::of(line, raw).ok_or(line))
    }
}

/// The first line without its end, and what follows.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn start_line(line: &[u8]) -> Result<StartLine<'_>, SipFault> {
    let bad = || SipFault::StartLine { line: excerpt(line) };
    let text = core::str::from_utf8(line).map_err(|_| bad())?;
    let (first, rest) = text.split_once(' ').ok_or_else(bad)?;
    let is_sip = |word: &str| word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("SIP/"));
    let check = |word: &str| if word.eq_ignore_ascii_case("SIP/2.0") { Ok(()) } else { Err(SipFault::Version { version: excerpt(word.as_bytes()) }) };
    if is_sip(first) {
        check(first)?;
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        return match code.parse::<u16>() {
            Ok(number @ 100..=699) if code.len() == 3 => Ok(StartLine::Status { code: number, reason }),
            _ => Err(SipFault::StatusCode { code: excerpt(code.as_bytes()) }),
        };
    }
    let (uri, version) = rest.split_once(' ').ok_or_else(bad)?;
    if !is_token(first.as_bytes()) || !uri::is_valid(uri.as_bytes()) || !is_sip(version) {
        return Err(bad());
    }
    check(version)?;
    Ok(StartLine::Request { method: first, uri })
}

/// Control characters have no business in a head, but for tab and the line ends of folding (RFC 3261 §25.1, `TEXT-UTF8-TRIM`).
fn refuse_controls(line: &[u8]) -> Result<(), SipFault> {
    // Most lines have none. No early end: the compiler makes vector code of it.
    if !line.iter().fold(false, |found, b| found | b.is_ascii_control()) {
        return Ok(());
    }
    for (at, byte) in line.iter().enumerate() {
        let fine = match byte {
            b'\t' | b'\n' => true,
            b'\r' => line.get(at + 1) == Some(&b'\n'),
            byte => !byte.is_ascii_control(),
        };
        if !fine {
            return Err(SipFault::ControlCharacter { line: excerpt(line), byte: *byte });
        }
    }
    Ok(())
}

/// Without white space and line ends around it.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}

/// RFC 3261 §25.1, `token`, by byte.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether this byte may be part of a token.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// RFC 3261 §25.1, `token`: not empty.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| is_token_byte(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn parse(text: &str) -> Result<Head<'_>, SipFault> {
        Head::parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn names_stand_in_the_order_of_the_enum() {
        for (at, (name, long, short, _)) in NAMES.iter().enumerate() {
            assert_eq!((*name as usize, Name::of(long.to_ascii_uppercase().as_bytes())), (at, Some(*name)));
            assert!(*short == 0 || Name::of(&[short.to_ascii_uppercase()]) == Some(*name));
        }
        assert_eq!((Name::of(b"x"), Name::of(b"Max-Forwards"), Name::of(b"")), (None, None, None));
    }

    #[test]
    fn start_lines_of_any_method_and_without_final_space() {
        let start = |text: &str| match parse(text).map(|h| h.start) {
            Ok(StartLine::Status { code, reason }) => Ok((code, alloc::string::String::from(reason))),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault),
        };
        for method in ["NOTIFY", "BENOTIFY", "SERVICE", "NEGOTIATE", "X-y.z"] {
            let text = alloc::format!("{method} sip:a@b;gruu;opaque=x:y SIP/2.0\r\n\r\n");
            assert_eq!(parse(&text).map(|h| h.start), Ok(StartLine::Request { method, uri: "sip:a@b;gruu;opaque=x:y" }));
        }
        assert_eq!(start("SIP/2.0 200\r\n\r\n"), Ok((200, "".into())));
        assert_eq!(start("SIP/2.0 200 \r\n\r\n"), Ok((200, "".into())));
        assert_eq!(start("SIP/2.0 301 Redirect request to Home Server\n\n"), Ok((301, "Redirect request to Home Server".into())));
        for bad in ["SIP/2.0 042 x", "SIP/2.0 1000 x", "SIP/2.0 +42 x", "SIP/2.0 700 x", "SIP/2.0 abc"] {
            assert!(matches!(start(&alloc::format!("{bad}\r\n\r\n")), Err(SipFault::StatusCode { .. })), "{bad}");
        }
        assert!(matches!(start("NOTIFY sip:a SIP/3.0\r\n\r\n"), Err(SipFault::Version { .. })));
        for bad in ["NOTIFY SIP/2.0", "NOTIFY  sip:a SIP/2.0", "NOT(FY sip:a SIP/2.0", "NOTIFY <sip:a> SIP/2.0", "NOTIFY sip:a b SIP/2.0"] {
            assert!(matches!(start(&alloc::format!("{bad}\r\n\r\n")), Err(SipFault::StartLine { .. })), "{bad}");
        }
    }

    #[test]
    fn folding_compact_names_and_space_before_the_colon() {
        let head = parse("A sip:a SIP/2.0\r\nSubject : one\r\n two\r\n\tthree \r\nV:x\r\nVIA: y, z\r\n\r\nbody\r\n\r\n").expect("head");
        let all: Vec<_> = head.headers().map(|h| h.map(|h| (h.name, h.value))).collect();
        assert_eq!(all, [Ok(("Subject", &b"one\r\n two\r\n\tthree"[..])), Ok(("V", b"x")), Ok(("VIA", b"y, z"))]);
        assert_eq!(head.all(Name::Via).collect::<Vec<_>>(), [&b"x"[..], b"y, z"]);
        assert_eq!(head.body, b"body\r\n\r\n");
    }

    #[test]
    fn what_is_no_header_is_a_fault() {
        for bad in ["no colon", " fold of nothing: x", ": no name", "two words: x", "na\u{e9}me: x"] {
            let text = alloc::format!("A sip:a SIP/2.0\r\n{bad}\r\n\r\n");
            assert!(matches!(parse(&text), Err(SipFault::HeaderLine { .. })), "{bad}");
        }
        for bad in ["X: a\0b", "X: a\rb", "X: a\u{7f}", "X: a\r\r\n fold"] {
            let text = alloc::format!("A sip:a SIP/2.0\r\n{bad}\r\n\r\n");
            assert!(matches!(parse(&text), Err(SipFault::ControlCharacter { .. })), "{bad:?}");
        }
        assert_eq!(parse("A sip:a SIP/2.0\r\nTo: x\r\nt: y\r\n\r\n").err(), Some(SipFault::HeaderTwice { name: "To" }));
        assert_eq!(parse("A sip:a SIP/2.0\r\nTo: x\r\n").err(), Some(SipFault::HeadOpen));
    }

    #[test]
    fn limits_are_limits() {
        let limits = Limits { sip_header_bytes_max: 10, sip_headers_max: 2, ..Limits::default() };
        let fault = |text: &str| Head::parse(text.as_bytes(), &limits).err();
        assert_eq!(fault("A sip:a SIP/2.0\r\nX: 4567890\r\nY:\r\n\r\n"), None);
        assert_eq!(fault("A sip:a SIP/2.0\r\nX: 45678901\r\n\r\n"), Some(SipFault::HeaderTooLong { name: "X".into(), len: 11, max: 10 }));
        assert_eq!(fault("A sip:a SIP/2.0\r\nX:\r\nX:\r\nX:\r\n\r\n"), Some(SipFault::TooManyHeaders { max: 2 }));
    }
}
