//! SIP in datagrams (RFC 3261 §18.1.2, 18.3): one message each, its length known from the outside.
//!
//! Bytes after the body that `Content-Length` announces do not count; a body that is shorter than announced is a fault. What is no SIP at all is dropped with a
//! fault that never ends a link: datagrams have no framing to lose.
use super::fault::excerpt;
use super::{Decoded, SipFault, decode};
use crate::config::Limits;

/// What a datagram is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "messages are the common case and must not allocate")]
pub enum Datagram<'a> {
    /// Line ends or zeros: the peer keeps the way open (RFC 5626 §3.5.1 and older habits).
    KeepAlive,
    /// A message: its bytes, and what it says. The bytes are a frame for [`super::encode_answer`].
    Message(&'a [u8], Result<Decoded<'a>, SipFault>),
}

/// Decodes a datagram.
#[must_use]
pub fn datagram<'a>(bytes: &'a [u8], limits: &Limits) -> Datagram<'a> {
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
    let frame = &bytes[blank..];
    if frame.is_empty() {
        return Datagram::KeepAlive;
    }
    match decode(frame, limits) {
        Err(fault @ (SipFault::StartLine { .. } | SipFault::HeadOpen | SipFault::ControlCharacter { .. })) if !looks_like_sip(frame) => {
            let fault = if fault == SipFault::HeadOpen { fault } else { SipFault::NotSip { line: excerpt(frame) } };
            Datagram::Message(frame, Err(SipFault::Dropped { kind: "datagram", fault: fault.into() }))
        }
        Err(fault) => match shorter(frame, &fault) {
            Some(cut) => Datagram::Message(cut, decode(cut, limits)),
            None => Datagram::Message(frame, Err(fault)),
        },
        Ok(decoded) => Datagram::Message(frame, Ok(decoded)),
    }
}

/// The first line has a SIP version.
fn looks_like_sip(frame: &[u8]) -> bool {
    let line = &frame[..memchr::memchr(b'\n', frame).unwrap_or(frame.len())];
    memchr::memmem::find(line, b"SIP/").is_some()
}

/// The message without what follows its body.
fn shorter<'a>(frame: &'a [u8], fault: &SipFault) -> Option<&'a [u8]> {
    let fault = if let SipFault::Dropped { fault, .. } = fault { fault } else { fault };
    let SipFault::BodyLength { declared, got } = fault else { return None };
    let excess = usize::try_from(got.checked_sub(*declared)?).ok()?;
    frame.get(..frame.len().checked_sub(excess)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    const NOTIFY: &[u8] = include_bytes!("../../../../corpus/kamailio/notify-update-busy-udp-presence-active.sip");

    fn message(bytes: &[u8]) -> (usize, Result<u32, SipFault>) {
        match datagram(bytes, &Limits::default()) {
            Datagram::Message(frame, Ok(Decoded::Notify(notify))) => (frame.len(), Ok(notify.cseq)),
            Datagram::Message(frame, Err(fault)) => (frame.len(), Err(fault)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_body_does_not_count() {
        let (len, cseq) = message(NOTIFY);
        assert_eq!(len, NOTIFY.len());
        for tail in [&b"\r\n"[..], b"\0\0", NOTIFY] {
            assert_eq!(message(&[NOTIFY, tail].concat()), (len, cseq.clone()), "{}", tail.escape_ascii());
        }
        assert_eq!(message(&[b"\r\n\r\n", NOTIFY].concat()), (len, cseq));
        let (_, short) = message(&NOTIFY[..NOTIFY.len() - 1]);
        assert!(matches!(&short, Err(fault @ SipFault::BodyLength { .. }) if fault.answer_status() == Some(400)), "{short:?}");
    }

    #[test]
    fn nothing_ends_a_link_of_datagrams() {
        for bytes in [&b"\r\n\r\n"[..], b"\0\0\0\0", b""] {
            assert!(matches!(datagram(bytes, &Limits::default()), Datagram::KeepAlive));
        }
        let hostile: [&[u8]; 6] = [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", b"x", b"SIP/2.0", b"NOTIFY", b"\xff\xff\r\n\r\n"];
        for bytes in hostile {
            let (_, outcome) = message(bytes);
            let fault = outcome.expect_err("a fault");
            assert!(!fault.is_fatal(), "{fault}");
            assert!(fault.answer_status().is_none() || looks_like_sip(bytes), "{fault}");
        }
        let text = format!("{}", message(b"GET / HTTP/1.1\r\n\r\n").1.expect_err("a fault"));
        assert_eq!(text, "a datagram was dropped: not SIP: the message begins with \"GET / HTTP/1.1\\r\\n\\r\\n\"");
    }

    #[test]
    fn every_cut_of_a_message_is_a_fault_and_never_fatal() {
        let cuts: Vec<usize> = (0..NOTIFY.len()).collect();
        for at in cuts {
            if let Datagram::Message(_, outcome) = datagram(&NOTIFY[..at], &Limits::default()) {
                assert!(outcome.is_err_and(|fault| !fault.is_fatal()), "{at}");
            }
        }
    }
}
