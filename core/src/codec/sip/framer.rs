//! Cuts a byte stream into SIP messages (RFC 3261 §18.3; `spec/ms-pres.md` 1.4): one growing buffer with a read index.
//!
//! A backlog is never moved message by message: the index advances, and bytes move only when the consumed part is at least as large as what is left, so the work
//! stays linear. A head that arrives in pieces is scanned once. The buffer grows with what was received, never with what `Content-Length` claims, and shrinks
//! after a large message. Nothing here looks for a later start line once framing is lost: a note may contain one.
use super::SipFault;
use super::fault::excerpt;
use super::head::trim;
use super::lines::{USUAL_TYPE_LINE, line_len};
use super::values::number;
use crate::config::Limits;
use alloc::vec::Vec;
use memchr::memchr;

/// Buffer size kept between messages, bytes: a usual read.
const BUFFER_KEPT: usize = 64 << 10;

/// Cuts a byte stream into messages. One per connection.
#[derive(Debug)]
pub struct Framer {
    /// Initialised throughout; bytes from `end` on are spare.
    buf: Vec<u8>,
    /// Start of the message at hand.
    start: usize,
    /// End of what was received.
    end: usize,
    progress: Progress,
    fault: Option<SipFault>,
    start_line_max: usize,
    head_max: usize,
    body_max: u32,
}

/// How far the message at hand was scanned. Offsets count from its start.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Start of the line at hand.
    line: usize,
    /// Up to here there is no line end.
    searched: usize,
    /// First byte after the start line.
    headers: usize,
    /// Value of the `Content-Length` header whose continuation lines may still follow.
    open_length: Option<(usize, usize)>,
    /// `Content-Length`.
    length: Option<u64>,
    /// First byte of the body.
    body: Option<usize>,
}

/// What [`Framer::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// CR or LF between messages, skipped.
    KeepAlive,
    /// A whole message.
    Message(Span),
    /// Framing is lost ([`SipFault::is_fatal`]); every further call says the same.
    Fault(SipFault),
}

/// Where a message lies in the framer's buffer. Valid until the next [`Framer::spare`] or [`Framer::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Framer {
    /// A framer for a new connection.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            buf: Vec::new(),
            start: 0,
            end: 0,
            progress: Progress::default(),
            fault: None,
            start_line_max: limits.sip_start_line_bytes_max as usize,
            head_max: limits.sip_head_bytes_max as usize,
            body_max: limits.sip_body_bytes_max,
        }
    }

    /// Takes other limits. They hold from the next call on, also for a message of which a part is here.
    pub fn reconfigure(&mut self, limits: &Limits) {
        self.start_line_max = limits.sip_start_line_bytes_max as usize;
        self.head_max = limits.sip_head_bytes_max as usize;
        self.body_max = limits.sip_body_bytes_max;
    }

    /// Room for at least `min` further bytes; say with [`Framer::filled`] how many were written.
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        let held = self.end - self.start;
        if held == 0 {
            (self.start, self.end) = (0, 0);
            self.shrink(min);
        } else if self.buf.len() - self.end < min && self.start >= held {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
            self.shrink(held + min);
        }
        let wanted = self.end.saturating_add(min);
        if self.buf.len() < wanted {
            self.buf.resize(wanted.max(self.buf.len().saturating_mul(2)), 0);
        }
        &mut self.buf[self.end..]
    }

    /// Gives memory back after a large message, when `needed` bytes fit the usual buffer.
    fn shrink(&mut self, needed: usize) {
        if self.buf.len() > 4 * BUFFER_KEPT && needed <= BUFFER_KEPT {
            self.buf.truncate(BUFFER_KEPT);
            self.buf.shrink_to_fit();
        }
    }

    /// `n` bytes of the room given by [`Framer::spare`] were written.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buf.len());
    }

    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Bytes received that belong to no finished message.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.end - self.start
    }

    /// Those bytes themselves: after a fault, what cannot be framed.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The bytes of a message.
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.buf.get(span.start..span.end).unwrap_or_default()
    }

    /// The next message, if there is a whole one. Call until [`Step::More`].
    #[expect(clippy::should_implement_trait, reason = "a push framer is no iterator: after More it goes on")]
    pub fn next(&mut self) -> Step {
        if let Some(fault) = &self.fault {
            return Step::Fault(fault.clone());
        }
        if self.progress.searched == 0 {
            let held = &self.buf[self.start..self.end];
            let skipped = held.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(held.len());
            if skipped > 0 {
                self.start += skipped;
                return Step::KeepAlive;
            }
        }
        match self.advance() {
            Ok(Some(len)) => {
                let span = Span { start: self.start, end: self.start + len };
                self.start = span.end;
                self.progress = Progress::default();
                Step::Message(span)
            }
            Ok(None) => Step::More,
            Err(fault) => {
                self.fault = Some(fault.clone());
                Step::Fault(fault)
            }
        }
    }

    /// Scans on. The length of the message at hand when it is all there.
    fn advance(&mut self) -> Result<Option<usize>, SipFault> {
        let held = &self.buf[self.start..self.end];
        let at = &mut self.progress;
        if at.searched == 0
            && let Some(whole) = Progress::of_usual_head(held, self.start_line_max, self.head_max)
        {
            *at = whole;
        }
        let body = loop {
            if let Some(body) = at.body {
                break body;
            }
            let Some(found) = memchr(b'\n', &held[at.searched..]) else {
                at.searched = held.len();
                return at.check_size(held.len(), self.start_line_max, self.head_max).map(|()| None);
            };
            let next = at.searched + found + 1;
            at.check_size(next, self.start_line_max, self.head_max)?;
            let line = &held[at.line..next - 1];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            at.line(held, line)?;
            (at.line, at.searched) = (next, next);
            if at.headers == 0 {
                at.headers = next;
            } else if line.is_empty() {
                at.body = Some(next);
            }
        };
        let length = at.length.unwrap_or(0);
        if length > u64::from(self.body_max) {
            return Err(SipFault::BodyTooLong { declared: length, max: self.body_max });
        }
        let total = body + length as usize;
        Ok((total <= held.len()).then_some(total))
    }
}

impl Progress {
    /// A whole head of the usual shape in one lean pass: no line is folded, and nothing but `Content-Length: ` and digits, at most once, can be that header.
    /// `None` says nothing about the head; the pass line by line then does, and finds the faults.
    fn of_usual_head(held: &[u8], start_line_max: usize, head_max: usize) -> Option<Self> {
        let headers = memchr(b'\n', held)? + 1;
        let start_line = held[..headers - 1].strip_suffix(b"\r")?;
        if start_line.len() > start_line_max || !(start_line.ends_with(b" SIP/2.0") || start_line.starts_with(b"SIP/2.0 ")) {
            return None;
        }
        let (mut rest, mut length) = (&held[headers..], None);
        loop {
            let len = match *rest.first()? {
                b'\r' if rest.get(1) == Some(&b'\n') => break,
                b'\r' | b'\n' | b' ' | b'\t' | b'l' | b'L' => return None,
                b'c' | b'C' => {
                    let (len, value) = content_line(rest)?;
                    if value.is_some() && length.is_some() {
                        return None;
                    }
                    length = value.or(length);
                    len
                }
                _ => line_len(rest)?,
            };
            rest = &rest[len..];
        }
        let next = held.len() - rest.len() + 2;
        let whole = Self { line: next, searched: next, headers, open_length: None, length, body: Some(next) };
        (next - headers <= head_max).then_some(whole)
    }

    /// Checks the limits when the message is known to reach up to `upto`. Says the same whether the bytes come at once or one by one.
    fn check_size(&self, upto: usize, start_line_max: usize, head_max: usize) -> Result<(), SipFault> {
        if self.headers == 0 {
            // Two bytes of line end do not count.
            return if upto > start_line_max + 2 { Err(SipFault::StartLineTooLong { max: start_line_max as u32 }) } else { Ok(()) };
        }
        if upto - self.headers > head_max { Err(SipFault::HeadTooLong { max: head_max as u32 }) } else { Ok(()) }
    }

    /// Takes one whole line of the head: looks at the start line and at `Content-Length`, nothing else.
    fn line(&mut self, held: &[u8], line: &[u8]) -> Result<(), SipFault> {
        if self.headers == 0 {
            return if is_start_line(line) { Ok(()) } else { Err(SipFault::NotSip { line: excerpt(line) }) };
        }
        let first = line.first().copied().unwrap_or(0);
        if let Some((from, to)) = self.open_length {
            if matches!(first, b' ' | b'\t') {
                self.open_length = Some((from, self.line + line.len()));
                return Ok(());
            }
            self.length_known(&held[from..to])?;
        }
        // Only lines that can be this header are looked at: `l…`, or `Content-…`.
        if (first | 0x20 == b'l' || (first | 0x20 == b'c' && line.get(7) == Some(&b'-')))
            && let Some(colon) = memchr(b':', line)
            && is_content_length(line[..colon].trim_ascii_end())
        {
            self.open_length = Some((self.line + colon + 1, self.line + line.len()));
        }
        Ok(())
    }

    fn length_known(&mut self, value: &[u8]) -> Result<(), SipFault> {
        self.open_length = None;
        let value = trim(value);
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(SipFault::ContentLength { value: excerpt(value) });
        }
        let length = value.iter().fold(0_u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        match self.length {
            Some(first) if first != length => Err(SipFault::ContentLengthConflict { first, second: length }),
            _ => {
                self.length = Some(length);
                Ok(())
            }
        }
    }
}

/// Length of a line that begins with `C`, and its value if it is a plain `Content-Length`. `None` for what may be that header in another form.
#[inline]
fn content_line(rest: &[u8]) -> Option<(usize, Option<u64>)> {
    if rest.starts_with(USUAL_TYPE_LINE) {
        return Some((USUAL_TYPE_LINE.len(), None));
    }
    let len = line_len(rest)?;
    if rest.get(7) != Some(&b'-') {
        return Some((len, None));
    }
    let digits = rest[..len].strip_prefix(b"Content-Length: ")?.strip_suffix(b"\r\n")?;
    Some((len, Some(number(digits).filter(|_| digits.len() < 10)?.into())))
}

fn is_content_length(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l")
}

/// Whether a line can begin a SIP message of any version: `SIP/…` first or last. What is between is the decoder's business.
fn is_start_line(line: &[u8]) -> bool {
    let is_version = |word: &[u8]| word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"SIP/"));
    let line = line.trim_ascii_end();
    is_version(line) || line.rsplit(|b| *b == b' ').next().is_some_and(is_version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    fn message(body: usize) -> Vec<u8> {
        let mut text = format!("NOTIFY sip:a@b SIP/2.0\r\nCall-ID: x\r\nContent-Length: {body}\r\n\r\n").into_bytes();
        text.resize(text.len() + body, b'b');
        text
    }

    #[test]
    fn other_limits_hold_from_the_next_call_on() {
        let (wide, narrow) = (Limits::default(), Limits { sip_body_bytes_max: 10, ..Limits::default() });
        let text = message(100);
        let mut framer = Framer::new(&narrow);
        framer.push(&text[..20]);
        assert_eq!(framer.next(), Step::More);
        framer.reconfigure(&wide);
        framer.push(&text[20..]);
        assert!(matches!(framer.next(), Step::Message(_)));
        framer.reconfigure(&narrow);
        framer.push(&text);
        assert_eq!(framer.next(), Step::Fault(SipFault::BodyTooLong { declared: 100, max: 10 }));
    }

    fn steps(limits: &Limits, chunks: &[&[u8]]) -> Vec<Result<Vec<u8>, SipFault>> {
        let mut framer = Framer::new(limits);
        let mut out = vec![];
        for chunk in chunks {
            framer.push(chunk);
            loop {
                match framer.next() {
                    Step::More => break,
                    Step::KeepAlive => {}
                    Step::Message(span) => out.push(Ok(framer.bytes(span).to_vec())),
                    Step::Fault(fault) => {
                        out.push(Err(fault));
                        return out;
                    }
                }
            }
        }
        out
    }

    fn one(text: &str) -> Vec<Result<Vec<u8>, SipFault>> {
        let whole = steps(&Limits::default(), &[text.as_bytes()]);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(whole, steps(&Limits::default(), &bytes), "{text}");
        whole
    }

    #[test]
    fn keep_alives_are_skipped_and_messages_follow_each_other() {
        let text = "\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n\r\nSIP/2.0 200 \r\nl : \r\n 3\r\n\r\nabc\n";
        let got = one(text);
        assert_eq!(got, [Ok(b"OPTIONS sip:a SIP/2.0\r\n\r\n".to_vec()), Ok(b"SIP/2.0 200 \r\nl : \r\n 3\r\n\r\nabc".to_vec())]);
    }

    #[test]
    fn lengths_that_are_none_lose_the_framing() {
        for value in ["-1", "abc", "+5", "", "5, 5", "5 5", "0x5", "18446744073709551617", "4194305"] {
            let got = one(&format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {value}\r\n\r\n"));
            assert!(matches!(&got[..], [Err(fault)] if fault.is_fatal()), "{value}: {got:?}");
        }
        let got = one("OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\nab");
        assert_eq!(got, [Err(SipFault::ContentLengthConflict { first: 1, second: 2 })]);
        assert_eq!(one("OPTIONS sip:a SIP/2.0\r\nContent-Length: 002\r\nl: 2\r\n\r\nab").len(), 1);
    }

    #[test]
    fn limits_are_the_same_at_once_and_byte_by_byte() {
        for (len, ok) in [(8180, true), (8192, true), (8193, false)] {
            let line = format!("OPTIONS sip:{} SIP/2.0", "a".repeat(len - 20));
            assert_eq!(line.len(), len);
            assert_eq!(matches!(&one(&format!("{line}\r\n\r\n"))[..], [Ok(_)]), ok, "{len}");
        }
        let flood = format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(20_000));
        assert_eq!(one(&flood), [Err(SipFault::HeadTooLong { max: 65536 })]);
        assert!(matches!(&one("GET / HTTP/1.1\r\nHost: x\r\n\r\n")[..], [Err(SipFault::NotSip { .. })]));
    }

    #[test]
    fn a_backlog_of_twenty_megabytes_is_not_moved_and_the_memory_comes_back() {
        let mut framer = Framer::new(&Limits::default());
        let one = message(659);
        let count = (20 << 20) / one.len();
        for _ in 0..count {
            framer.push(&one);
        }
        framer.push(&one[..10]);
        let base = framer.buf.as_ptr();
        for at in 0..count {
            let Step::Message(span) = framer.next() else { panic!("message {at}") };
            assert_eq!((framer.bytes(span).len(), framer.buf.as_ptr()), (one.len(), base));
        }
        assert_eq!((framer.next(), framer.pending()), (Step::More, 10));
        // A driver that goes on reading gets the rest moved to the front once, and the large buffer freed.
        while framer.buf.len() > BUFFER_KEPT {
            let room = framer.spare(4096).len();
            assert!(room >= 4096);
            framer.push(&one[framer.pending() % one.len()..][..1]);
            if framer.pending() == one.len() {
                assert!(matches!(framer.next(), Step::Message(_)));
            }
            if framer.pending() == 0 {
                framer.spare(1);
            }
        }
    }

    #[test]
    fn the_buffer_grows_with_what_came_not_with_what_was_claimed() {
        let mut framer = Framer::new(&Limits::default());
        framer.push(&message(4 << 20)[..100]);
        assert_eq!(framer.next(), Step::More);
        assert!(framer.buf.len() < 1000, "{}", framer.buf.len());
    }

    #[test]
    fn a_fault_stays() {
        let mut framer = Framer::new(&Limits::default());
        framer.push(b"hello\r\n");
        let Step::Fault(fault) = framer.next() else { panic!("no fault") };
        framer.push(&message(0));
        assert_eq!(framer.next(), Step::Fault(fault));
    }
}
