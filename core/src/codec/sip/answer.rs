//! Answers to requests (RFC 3261 §8.2.6): what must be repeated is copied byte for byte from the request, in one pass and without allocation but for the output.
use super::SipFault;
use super::head::{Header, Headers, Name, is_token_byte, trim};
use super::lines::line_len;
use super::unanswerable;
use super::uri::name_addr;
use super::values::{self, param};
use alloc::vec::Vec;
use core::fmt::Write;
use memchr::memchr;

/// Methods we take, for 405.
const ALLOW: &[u8] = b"Allow: NOTIFY, BENOTIFY, OPTIONS\r\n";
/// Those inside a session of instant messages of ours.
const ALLOW_IN_DIALOG: &[u8] = b"Allow: ACK, BYE, INFO, INVITE, MESSAGE, NOTIFY, BENOTIFY, OPTIONS\r\n";
/// Media types of instant messages we take, for 415.
const ACCEPT_MESSAGE: &[u8] = b"Accept: text/plain, text/html, multipart/alternative, application/im-iscomposing+xml, application/ms-imdn+xml\r\n";
/// Event packages we take, for 489 (RFC 6665 §7.2).
const ALLOW_EVENTS: &[u8] = b"Allow-Events: presence, registration-notify\r\n";

/// Prints the answer to the request in `frame` (RFC 3261 §8.2.6: every Via in order, From, To, Call-ID, CSeq copied; a To tag derived from Call-ID and CSeq when
/// there is none, but not in 100; `Allow` on 405, `Unsupported` on 420, `Allow-Events` on 489). Works on a request [`super::decode`] refused, as long as what must
/// be repeated is there. `out` is as before when there is an error.
///
/// # Errors
/// When the request cannot be answered (no Via, From, To, Call-ID or CSeq), or must not be: a response, ACK or BENOTIFY.
pub fn encode_answer(frame: &[u8], status: u16, out: &mut Vec<u8>) -> Result<(), SipFault> {
    if let Some(kind) = unanswerable(frame) {
        return Err(SipFault::NoAnswer { kind });
    }
    let before = out.len();
    if status == 200 {
        if print_usual(frame, out).is_some() {
            return Ok(());
        }
        out.truncate(before);
    }
    let done = print(frame, status, out);
    if done.is_err() {
        out.truncate(before);
    }
    done
}

/// The 200 to a request as a Front End prints it, whole lines copied: usual spellings, CR LF, no folding, one blank before the value, a To with a tag.
/// `None` leaves it to [`print`], which gives the same; what was written by then is to be taken back.
fn print_usual(frame: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
    let before_vias = out.len();
    let (mut from, mut to, mut call_id, mut cseq): (&[u8], &[u8], &[u8], &[u8]) = (&[], &[], &[], &[]);
    let mut rest = &frame[memchr(b'\n', frame)? + 1..];
    loop {
        let line;
        (line, rest) = rest.split_at(line_len(rest)?);
        let slot = match line[0] {
            b'V' if is_plain(line, b"Via: ") => {
                out.extend_from_slice(line);
                continue;
            }
            b'F' if is_plain(line, b"From: ") => &mut from,
            b'T' if is_plain(line, b"To: ") => &mut to,
            b'C' if is_plain(line, b"Call-ID: ") => &mut call_id,
            b'C' if is_plain(line, b"CSeq: ") => &mut cseq,
            b'C' if line.starts_with(b"Content-") => continue,
            b'\r' if line.len() == 2 => break,
            b' ' | b'\t' | b'\n' | b'V' | b'v' | b'F' | b'f' | b'T' | b't' | b'C' | b'c' | b'i' | b'I' => return None,
            _ => continue,
        };
        if !slot.is_empty() {
            return None;
        }
        *slot = line;
    }
    if out.len() == before_vias || from.is_empty() || call_id.is_empty() || cseq.is_empty() || !has_tag(to) {
        return None;
    }
    out.extend_from_slice(from);
    out.extend_from_slice(to);
    out.extend_from_slice(call_id);
    out.extend_from_slice(cseq);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Some(())
}

/// Whether the line is printed as it stands: this name, no further blanks around the value, CR LF.
#[inline(always)]
fn is_plain<const N: usize>(line: &[u8], name: &[u8; N]) -> bool {
    let solid = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    matches!(line.split_first_chunk(), Some((found, [first, .., last, b'\r', b'\n'])) if found == name && solid(first) && solid(last))
}

/// Whether this line is `To: <…` with `;tag=` and a token at its end. Nothing is to be added then: a tag that is not among the parameters would have a bracket
/// or a quote behind it.
fn has_tag(line: &[u8]) -> bool {
    let Some(value) = line.strip_prefix(b"To: <").and_then(|value| value.strip_suffix(b"\r\n")) else { return false };
    let before = value.iter().rposition(|b| !is_token_byte(*b)).map_or(0, |at| at + 1);
    before < value.len() && value[..before].ends_with(b";tag=")
}

fn print(frame: &[u8], status: u16, out: &mut Vec<u8>) -> Result<(), SipFault> {
    status_line(status, out);
    let before_vias = out.len();
    let (mut from, mut to, mut call_id, mut cseq) = (None, None, None, None);
    let mut headers = Headers::of_frame(frame);
    while let Some((first, raw)) = headers.next_raw() {
        let Some((name, value)) = repeated(first, raw) else { continue };
        let slot = match name {
            Name::Via => {
                line(out, b"Via: ", value);
                continue;
            }
            Name::From => &mut from,
            Name::To => &mut to,
            Name::CallId => &mut call_id,
            Name::CSeq => &mut cseq,
            _ => continue,
        };
        slot.get_or_insert(value);
    }
    let missing = |name: Name| SipFault::HeaderMissing { name: name.as_str() };
    if out.len() == before_vias {
        return Err(missing(Name::Via));
    }
    line(out, b"From: ", from.ok_or_else(|| missing(Name::From))?);
    let to = to.ok_or_else(|| missing(Name::To))?;
    let call_id = call_id.ok_or_else(|| missing(Name::CallId))?;
    let cseq = cseq.ok_or_else(|| missing(Name::CSeq))?;
    line(out, b"To: ", to);
    if status != 100 && lacks_tag(to) {
        out.truncate(out.len() - 2);
        // Writing to a Vec cannot fail.
        let _ = write!(Text(out), ";tag={:016x}\r\n", tag(call_id, cseq));
    }
    line(out, b"Call-ID: ", call_id);
    line(out, b"CSeq: ", cseq);
    match status {
        405 if lacks_tag(to) => out.extend_from_slice(ALLOW),
        405 => out.extend_from_slice(ALLOW_IN_DIALOG),
        415 if frame.starts_with(b"MESSAGE ") => out.extend_from_slice(ACCEPT_MESSAGE),
        420 => unsupported(frame, out),
        489 => out.extend_from_slice(ALLOW_EVENTS),
        _ => {}
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Ok(())
}

/// Name and value, if this may be one of the headers to repeat. The usual spellings are known by their first bytes; only lines that begin like one of them are
/// looked at further.
fn repeated<'a>(first: &'a [u8], raw: &'a [u8]) -> Option<(Name, &'a [u8])> {
    const USUAL: [(&[u8], Name); 5] =
        [(b"Via: ", Name::Via), (b"From: ", Name::From), (b"To: ", Name::To), (b"Call-ID: ", Name::CallId), (b"CSeq: ", Name::CSeq)];
    if !matches!(first[0] | 0x20, b'v' | b'f' | b't' | b'c' | b'i') {
        return None;
    }
    for (start, name) in USUAL {
        if let Some(value) = raw.strip_prefix(start) {
            return Some((name, trim(value)));
        }
    }
    if first.starts_with(b"Content-") {
        return None;
    }
    let header = Header::of(first, raw)?;
    Some((Name::of(header.name.as_bytes())?, header.value))
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn status_line(status: u16, out: &mut Vec<u8>) {
    if status == 200 {
        out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
        return;
    }
    // Writing to a Vec cannot fail.
    let _ = write!(Text(out), "SIP/2.0 {status} {}\r\n", reason(status));
}

/// Reason phrases of the statuses we send (RFC 3261 §21, RFC 6665 §8.3.2); others go without.
const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        420 => "Bad Extension",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        _ => "",
    }
}

/// Whether a To can be given a tag because it has none. One that cannot be read is left alone.
fn lacks_tag(to: &[u8]) -> bool {
    name_addr(to).is_some_and(|addr| param(addr.params, b"tag") == Ok(None))
}

/// FNV-1a over Call-ID and CSeq: the same for a retransmission, without state or randomness.
fn tag(call_id: &[u8], cseq: &[u8]) -> u64 {
    call_id.iter().chain(b"|").chain(cseq).fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Every required extension we lack (RFC 3261 §20.40).
fn unsupported(frame: &[u8], out: &mut Vec<u8>) {
    let require = Headers::of_frame(frame).flatten().filter(|h| Name::of(h.name.as_bytes()) == Some(Name::Require)).map(|h| h.value);
    for (at, token) in require.flat_map(values::unsupported).enumerate() {
        out.extend_from_slice(if at == 0 { b"Unsupported: " } else { b", " });
        out.extend_from_slice(token);
    }
    if out.last() != Some(&b'\n') {
        out.extend_from_slice(b"\r\n");
    }
}

/// Formatted text into bytes.
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    const REQUEST: &str = "INVITE sip:a SIP/2.0\r\nv: SIP/2.0/TLS one;branch=1 , SIP/2.0/TLS two\r\nFrom: <sip:x@y>;tag=1\r\nRequire: 100rel,eventlist\r\n\
         VIA: SIP/2.0/TLS\r\n three\r\nt: sip:z@y;epid=5\r\nCALL-ID: c@d\r\nCSeq:  7   INVITE\r\nRequire: timer\r\n\r\n";

    fn answer(request: &str, status: u16) -> Result<String, SipFault> {
        let mut out = b"before".to_vec();
        let done = encode_answer(request.as_bytes(), status, &mut out);
        let text = String::from_utf8(out).expect("text");
        done.map(|()| text.strip_prefix("before").expect("appended").into()).inspect_err(|_| assert_eq!(text, "before"))
    }

    #[test]
    fn the_answer_to_the_seed_is_the_one_of_the_corpus() {
        let request = include_str!("../../../../corpus/sip/001-notify-seed.sip");
        let want = include_str!("../../../../corpus/sip/002-notify-seed-200.sip");
        assert_eq!(answer(request, 200).as_deref(), Ok(want));
    }

    #[test]
    fn whole_lines_are_copied_only_where_the_general_way_gives_the_same() {
        let request = include_str!("../../../../corpus/sip/001-notify-seed.sip");
        let head = request.find("\r\n\r\n").expect("head") + 4;
        let same = |request: &[u8]| {
            let (mut usual, mut general) = (Vec::new(), Vec::new());
            if print_usual(request, &mut usual).is_some() {
                assert_eq!(print(request, 200, &mut general), Ok(()), "{}", request.escape_ascii());
                assert_eq!(usual, general, "{}", request.escape_ascii());
            }
            general.len()
        };
        assert!(same(request.as_bytes()) > 0, "the seed is usual");
        for at in 0..head {
            same(&request.as_bytes()[..at]);
            for byte in *b" \r\n\t;:\"<>=,vtfciVTFCIx\0\xff" {
                let mut bytes = request.as_bytes().to_vec();
                bytes[at] = byte;
                same(&bytes);
                bytes.insert(at, byte);
                same(&bytes);
                bytes.drain(at..at + 2);
                same(&bytes);
            }
        }
        for to in ["<sip:a;tag=1>", "<sip:a>;x=\";tag=1\"", "<sip:a>;x=\"q;tag=1", "<sip:a;tag=1", "<sip:a>", "<sip:a>;tag=", "<sip:a>;tag=1;x=2", "<>;tag=1"] {
            same(request.replace("<sip:lync-user0@lyncdco13.lab>;epid=56b4641a00000000;tag=f30acb63", to).as_bytes());
        }
    }

    #[test]
    fn everything_is_repeated_in_order_and_the_tag_is_stable() {
        let want = "SIP/2.0 405 Method Not Allowed\r\nVia: SIP/2.0/TLS one;branch=1 , SIP/2.0/TLS two\r\nVia: SIP/2.0/TLS\r\n three\r\nFrom: <sip:x@y>;tag=1\r\n\
             To: sip:z@y;epid=5;tag=b61e92eb41396e34\r\nCall-ID: c@d\r\nCSeq: 7   INVITE\r\nAllow: NOTIFY, BENOTIFY, OPTIONS\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(answer(REQUEST, 405).as_deref(), Ok(want));
        let trying = answer(REQUEST, 100).expect("answer");
        assert!(trying.starts_with("SIP/2.0 100 Trying\r\n") && trying.contains("To: sip:z@y;epid=5\r\n"));
        assert!(answer(REQUEST, 420).expect("answer").contains("\r\nUnsupported: 100rel, timer\r\n"));
        assert!(answer(REQUEST, 489).expect("answer").contains("\r\nAllow-Events: presence, registration-notify\r\n"));
        for (status, line) in [(400, "400 Bad Request"), (481, "481 Call/Transaction Does Not Exist"), (500, "500 Server Internal Error"), (299, "299 ")] {
            let text = answer(REQUEST, status).expect("answer");
            assert!(text.starts_with(&alloc::format!("SIP/2.0 {line}")), "{text}");
        }
    }

    #[test]
    fn what_cannot_or_must_not_be_answered_is_not() {
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let full = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS h\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
            assert!(answer(full, 200).is_ok());
            let less = full.replace(&alloc::format!("\r\n{name}:"), "\r\nX:");
            assert_eq!(answer(&less, 200), Err(SipFault::HeaderMissing { name }));
        }
        for kind in ["SIP/2.0 200 OK", "BENOTIFY sip:a SIP/2.0", "ACK sip:a SIP/2.0"] {
            assert!(matches!(answer(&REQUEST.replace("INVITE sip:a SIP/2.0", kind), 200), Err(SipFault::NoAnswer { .. })), "{kind}");
        }
    }
}
