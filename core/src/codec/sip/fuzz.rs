//! The fuzz body: what must hold for any bytes at all. Called by libFuzzer and, on the stable toolchain, by tests over corpus and mutations.
use super::{Datagram, Decoded, Framer, Head, SipFault, Step, datagram, decode, encode_answer, hot, message};
use crate::config::Limits;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Feeds `data` as a stream, whole and in pieces, and panics when the outcomes differ, when the hot path and the general path disagree, or when an answer to a
/// good request cannot be printed.
///
/// # Panics
/// That is its purpose.
pub fn fuzz(data: &[u8]) {
    let limits = Limits::default();
    let whole = outcomes(data, data.len().max(1), &limits);
    if let Datagram::Message(frame, Err(fault)) = datagram(data, &limits) {
        assert!(!fault.is_fatal() && frame.len() <= data.len(), "{fault}");
    }
    for piece in [1, 7, 64] {
        assert_eq!(whole, outcomes(data, piece, &limits), "in pieces of {piece}");
    }
}

/// Every message and the fault of the stream, as text.
fn outcomes(data: &[u8], piece: usize, limits: &Limits) -> Vec<Result<String, SipFault>> {
    let mut framer = Framer::new(limits);
    let mut out = Vec::new();
    for bytes in data.chunks(piece) {
        framer.push(bytes);
        loop {
            match framer.next() {
                Step::More => break,
                Step::KeepAlive => {}
                Step::Message(span) => out.push(one(framer.bytes(span), limits)),
                Step::Fault(fault) => {
                    assert!(fault.is_fatal(), "{fault}");
                    out.push(Err(fault));
                    return out;
                }
            }
        }
    }
    out
}

fn one(frame: &[u8], limits: &Limits) -> Result<String, SipFault> {
    let decoded = decode(frame, limits);
    if let Some(fast) = hot::notify(frame, limits) {
        match message::decode(frame, limits) {
            Ok(Decoded::Notify(slow)) => assert_eq!(format!("{fast:?}"), format!("{slow:?}")),
            other => panic!("the hot path took what the general path calls {other:?}"),
        }
    }
    let mut answer = Vec::new();
    let answered = encode_answer(frame, 200, &mut answer);
    match &decoded {
        Ok(Decoded::Response(_)) => assert!(answered.is_err()),
        Ok(Decoded::Notify(notify)) if notify.best_effort => assert!(answered.is_err()),
        Ok(Decoded::Request(request)) if request.method == "ACK" => assert!(answered.is_err()),
        Ok(_) => {
            // A tag may have been added to a To that was as long as is allowed.
            let limits = Limits { sip_header_bytes_max: limits.sip_header_bytes_max + 32, ..limits.clone() };
            assert!(answered.is_ok() && Head::parse(&answer, &limits).is_ok(), "{}", answer.escape_ascii());
        }
        Err(fault) => assert!(!fault.is_fatal(), "{fault}"),
    }
    decoded.map(|decoded| format!("{decoded:?}"))
}
