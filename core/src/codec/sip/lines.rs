//! Lines a Front End writes alike in nearly every NOTIFY, known whole: a short cut for passes that need nothing of a line but its end.
use memchr::memchr;

/// `Content-Type` of the usual body.
pub(super) const USUAL_TYPE: &str = "application/msrtc-event-categories+xml";
/// Its line.
pub(super) const USUAL_TYPE_LINE: &[u8] = b"Content-Type: application/msrtc-event-categories+xml\r\n";
/// The line of the usual event package.
pub(super) const USUAL_EVENT_LINE: &[u8] = b"Event: presence\r\n";
/// The only extension a Front End requires.
pub(super) const REQUIRE_LINE: &[u8] = b"Require: eventlist\r\n";
/// What a Front End says it supports.
pub(super) const SUPPORTED_LINE: &[u8] = b"Supported: ms-dialog-route-set-update\r\n";
const HOPS: &[u8] = b"Max-Forwards: ";

/// Length of the line `rest` begins with, line end included; `None` when it is not all there.
#[inline(always)]
pub(super) fn line_len(rest: &[u8]) -> Option<usize> {
    let known = match rest.first()? {
        b'E' if rest.starts_with(USUAL_EVENT_LINE) => USUAL_EVENT_LINE.len(),
        b'R' if rest.starts_with(REQUIRE_LINE) => REQUIRE_LINE.len(),
        b'M' if rest.starts_with(HOPS) => number_end(rest, HOPS.len()),
        b'S' if rest.starts_with(SUPPORTED_LINE) => SUPPORTED_LINE.len(),
        _ => 0,
    };
    if known == 0 { Some(memchr(b'\n', rest)? + 1) } else { known.into() }
}

/// Length of the line when from `at` on there are up to seven digits, CR and LF; else 0.
#[inline(always)]
fn number_end(rest: &[u8], mut at: usize) -> usize {
    let end = at + 8;
    while at < end && rest.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if rest.get(at..at + 2) == Some(b"\r\n") { at + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const SEED: &[u8] = include_bytes!("../../../../corpus/sip/001-notify-seed.sip");

    /// Whatever byte stands where, and wherever the message is cut, a line ends at its first LF.
    #[test]
    fn a_line_ends_at_its_first_lf() {
        let same = |rest: &[u8]| {
            let want = rest.iter().position(|b| *b == b'\n').map(|at| at + 1);
            assert_eq!(line_len(rest), want, "{}", rest.escape_ascii());
        };
        let starts: Vec<usize> = SEED.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).chain([0]).collect();
        for start in starts {
            let rest = &SEED[start..];
            (0..rest.len().min(80)).for_each(|cut| same(&rest[..cut]));
            for at in 0..rest.len().min(80) {
                for byte in [b'\n', b'\r', b'7', b'x', 0x8a, 0xff] {
                    let mut changed = rest.to_vec();
                    changed[at] = byte;
                    same(&changed);
                }
            }
        }
    }
}
