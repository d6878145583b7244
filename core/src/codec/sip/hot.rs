//! The hot NOTIFY in one borrowed pass: the shape a Front End sends for every presence change (`spec/ms-pres.md` 4.5). No allocation, no second look.
//!
//! A shortcut and nothing else: whatever is not exactly as expected (folding, other spellings, a repeated or bad header, a byte beyond printable ASCII) is left to
//! [`super::message`], which also finds the words for what is wrong. What comes out is the same by construction, since both read values with the same functions,
//! and by a differential test ([`super::fuzz()`]).
use super::head::{Name, is_token, trim};
use super::lines::{REQUIRE_LINE, SUPPORTED_LINE, USUAL_EVENT_LINE, USUAL_TYPE, USUAL_TYPE_LINE};
use super::uri::name_addr;
use super::values::{self, Items, State};
use crate::codec::xml::decode_body;
use crate::config::Limits;
use crate::uc_event::{Body, Notify};
use alloc::vec::Vec;
use memchr::memchr;

/// Headers as found, empty when not there.
#[derive(Default)]
struct Found<'a> {
    via: bool,
    from: &'a [u8],
    to: &'a [u8],
    call_id: &'a [u8],
    cseq: &'a [u8],
    event: &'a [u8],
    state: &'a [u8],
    content_type: &'a [u8],
    /// The content type is [`USUAL_TYPE`].
    usual_type: bool,
    content_length: &'a [u8],
    contact: &'a [u8],
}

/// Decodes a NOTIFY or BENOTIFY of the usual shape; `None` leaves it to the general path.
#[inline]
pub(super) fn notify<'a>(frame: &'a [u8], limits: &Limits) -> Option<Notify<'a>> {
    let (best_effort, at) = match frame {
        [b'N', b'O', b'T', b'I', b'F', b'Y', b' ', ..] => (false, 7),
        [b'B', b'E', b'N', b'O', b'T', b'I', b'F', b'Y', b' ', ..] => (true, 9),
        _ => return None,
    };
    let end = memchr(b'\n', frame)?;
    let uri = frame[..end].strip_suffix(b" SIP/2.0\r")?.get(at..)?;
    if !super::uri::is_valid(uri) {
        return None;
    }
    let mut found = Found::default();
    let (lines, body_at) = scan(&mut found, frame, end + 1)?;
    let head = &frame[..body_at];
    let small = limits.sip_header_bytes_max.min(limits.sip_head_bytes_max) as usize;
    if head.len() > small || lines - 2 > limits.sip_headers_max as usize || unusual_bytes(head) != 2 * lines {
        return None;
    }
    finish(&found, best_effort, &frame[body_at..], limits)
}

/// Takes the headers line by line from `at` on. The number of lines with the first and the empty one, and where the body begins.
fn scan<'a>(found: &mut Found<'a>, frame: &'a [u8], mut at: usize) -> Option<(usize, usize)> {
    let mut lines = 1;
    loop {
        let rest = frame.get(at..)?;
        lines += 1;
        if let Some(len) = known(found, rest) {
            at += len;
            continue;
        }
        let end = memchr(b'\n', rest)?;
        at += end + 1;
        let line = rest[..end].strip_suffix(b"\r")?;
        if line.is_empty() {
            return Some((lines, at));
        }
        take(found, line)?;
    }
}

/// Takes a line that is known whole, so that neither its end nor its value need a search; its length.
#[inline]
fn known<'a>(found: &mut Found<'a>, rest: &'a [u8]) -> Option<usize> {
    let (line, slot, value): (&[u8], _, &[u8]) = match rest.first()? {
        b'R' => return rest.starts_with(REQUIRE_LINE).then_some(REQUIRE_LINE.len()),
        b'S' => return rest.starts_with(SUPPORTED_LINE).then_some(SUPPORTED_LINE.len()),
        b'E' if rest.starts_with(USUAL_EVENT_LINE) => (USUAL_EVENT_LINE, &mut found.event, b"presence"),
        b'C' if rest.starts_with(USUAL_TYPE_LINE) => (USUAL_TYPE_LINE, &mut found.content_type, USUAL_TYPE.as_bytes()),
        _ => return None,
    };
    if !slot.is_empty() {
        return None;
    }
    *slot = value;
    found.usual_type |= line.len() == USUAL_TYPE_LINE.len();
    Some(line.len())
}

/// Takes one line; `None` when it is not as usual.
fn take<'a>(found: &mut Found<'a>, line: &'a [u8]) -> Option<()> {
    let (slot, value) = match line[0] {
        b'V' => {
            line.strip_prefix(b"Via: ")?;
            found.via = true;
            return Some(());
        }
        b'T' => (&mut found.to, line.strip_prefix(b"To: ")?),
        b'F' => (&mut found.from, line.strip_prefix(b"From: ")?),
        b'E' => (&mut found.event, line.strip_prefix(b"Event: ")?),
        b'C' => match line.get(1)? {
            b'a' => (&mut found.call_id, line.strip_prefix(b"Call-ID: ")?),
            b'S' => (&mut found.cseq, line.strip_prefix(b"CSeq: ")?),
            _ if line.starts_with(b"Contact: ") => (&mut found.contact, &line[9..]),
            _ => match line.strip_prefix(b"Content-Length: ") {
                Some(value) => (&mut found.content_length, value),
                None => (&mut found.content_type, line.strip_prefix(b"Content-Type: ")?),
            },
        },
        b'R' => return (line == b"Require: eventlist").then_some(()),
        b'S' | b's' => match line.strip_prefix(b"Subscription-State: ").or_else(|| line.strip_prefix(b"subscription-state: ")) {
            Some(value) => (&mut found.state, value),
            None => return ignorable(line),
        },
        _ => return ignorable(line),
    };
    let value = trim(value);
    // Empty counts as unusual, so that an empty slot always means "not there yet".
    if value.is_empty() || !slot.is_empty() {
        return None;
    }
    *slot = value;
    Some(())
}

/// A header nobody reads, of a regular name.
fn ignorable(line: &[u8]) -> Option<()> {
    if line.starts_with(b"Max-Forwards: ") || line.starts_with(b"Supported: ") {
        return Some(());
    }
    let name = &line[..memchr(b':', line)?];
    (is_token(name) && Name::of(name).is_none()).then_some(())
}

/// Bytes that are no printable ASCII: exactly two for every line, or the head is unusual.
fn unusual_bytes(head: &[u8]) -> usize {
    // Pieces small enough to count in a byte, which the compiler turns into vector code.
    let (pieces, rest) = head.as_chunks::<128>();
    let count = |bytes: &[u8]| bytes.iter().fold(0_u8, |n, b| n + u8::from(!(b' '..=b'~').contains(b)));
    pieces.iter().map(|piece| usize::from(count(piece))).sum::<usize>() + usize::from(count(rest))
}

#[inline]
fn finish<'a>(found: &Found<'a>, best_effort: bool, body: &'a [u8], limits: &Limits) -> Option<Notify<'a>> {
    let missing = !found.via || found.from.is_empty() || found.to.is_empty() || found.event.is_empty();
    if missing || (!found.content_length.is_empty() && values::number(found.content_length)? as usize != body.len()) {
        return None;
    }
    let (cseq, method) = values::cseq(found.cseq).ok()?;
    if method != (if best_effort { &b"BENOTIFY"[..] } else { b"NOTIFY" }) {
        return None;
    }
    let state = if found.state.is_empty() { State::ABSENT } else { values::subscription_state(found.state).ok()? };
    let content_type = if found.usual_type { USUAL_TYPE } else { core::str::from_utf8(found.content_type).ok()? };
    Some(Notify {
        best_effort,
        call_id: values::call_id(found.call_id).ok()?,
        from_tag: values::tag(Name::From, found.from).ok()?,
        to_tag: values::tag(Name::To, found.to).ok()?,
        cseq,
        contact: Items(found.contact).find_map(name_addr).and_then(|addr| values::text(Name::Contact, addr.uri).ok()),
        // Who sends these is left to the general path.
        record_routes: Vec::new(),
        event: values::event(found.event).ok()?,
        state: state.state,
        expires_s: state.expires_s,
        retry_after_s: state.retry_after_s,
        reason: state.reason,
        require_unsupported: None,
        body: if body.is_empty() { Body::None } else { decode_body(content_type, body, limits) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sip::{Decoded, message};
    use alloc::format;
    use alloc::string::String;

    const SEED: &str = include_str!("../../../../corpus/sip/001-notify-seed.sip");
    const BENOTIFY: &str = include_str!("../../../../corpus/sip/030-benotify-single-doc.sip");
    const KAMAILIO: &str = include_str!("../../../../corpus/kamailio/notify-update-busy-udp-presence-active.sip");

    /// What both paths say; the hot one may pass.
    fn both(text: &str) -> (Option<String>, String) {
        let limits = Limits::default();
        let slow = match message::decode(text.as_bytes(), &limits) {
            Ok(Decoded::Notify(notify)) => format!("{notify:?}"),
            other => format!("{other:?}"),
        };
        (notify(text.as_bytes(), &limits).map(|fast| format!("{fast:?}")), slow)
    }

    #[test]
    fn the_seed_takes_the_hot_path() {
        for text in [SEED, BENOTIFY, KAMAILIO] {
            let (fast, slow) = both(text);
            assert_eq!(fast, Some(slow));
        }
        for contact in ["<sip:a@b>;q=0.5", "\"A, B\" <sip:a@b>", "sip:a@b", "*", "<sip:a@b>, <sip:c@d>", ",", "<sip:a@b", "<>"] {
            let (fast, slow) = both(&SEED.replacen("Max-Forwards: 69", &format!("Contact: {contact}"), 1));
            assert_eq!(fast, Some(slow), "{contact}");
        }
    }

    #[test]
    fn the_unusual_is_left_to_the_general_path() {
        let unusual = [
            ("Via: ", "Via : "),
            ("Via: ", "v: "),
            ("Event: presence\r\n", "Event: presence\r\n ;id=1\r\n"),
            ("Event: presence\r\n", ""),
            ("Event: presence\r\n", "Event: presence\r\nevent: presence\r\n"),
            ("Require: eventlist", "Require: eventlist,100rel"),
            ("Max-Forwards: 69", "Max-Forwards: \u{e9}"),
            ("Max-Forwards: 69", "Max-Forwards: 6\t9"),
            ("Max-Forwards: 69", "Max-Forwards 69"),
            ("Max-Forwards: 69", "Contact: <sip:a@b>\r\nContact: <sip:c@d>"),
            ("Max-Forwards: 69", "m: <sip:a@b>"),
            ("Max-Forwards: 69", "Record-Route: <sip:a@b;lr>"),
            ("Max-Forwards: 69", "X-\u{e9}: 69"),
            ("CSeq: 4 NOTIFY", "CSeq: 4 BENOTIFY"),
            ("CSeq: 4 NOTIFY", "CSeq: 4294967296 NOTIFY"),
            ("Content-Length: 659", "Content-Length: 658"),
            ("Content-Length: 659", "Content-Length: 659\r\nContent-Encoding: gzip"),
            (" SIP/2.0\r\n", " SIP/2.0\n"),
            ("tag=D62C0080", "tag=\"D62C0080"),
        ];
        for (from, to) in unusual {
            let text = SEED.replacen(from, to, 1);
            assert_ne!(text, SEED, "{from}");
            let (fast, slow) = both(&text);
            assert_eq!(fast, None, "{to}: {slow}");
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_gives_the_same() {
        for seed in [SEED, KAMAILIO] {
            let head = seed.find("\r\n\r\n").expect("head") + 4;
            for at in 0..head {
                let cut: String = seed[..at].into();
                assert_eq!(both(&cut).0, None);
                for byte in [b' ', b'\r', b'\n', b';', b'"', b'<', b'x', 0] {
                    let mut bytes: Vec<u8> = seed.into();
                    bytes[at] = byte;
                    let (fast, slow) = both(core::str::from_utf8(&bytes).expect("text"));
                    assert!(fast.is_none_or(|fast| fast == slow), "{at} {byte}");
                }
            }
        }
    }
}
