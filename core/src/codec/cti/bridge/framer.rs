//! Cuts a byte stream into lines ended by `\n`, with or without `\r` before it.
//!
//! Bytes are looked at once: what was searched for a line end is not searched again when more arrives, and what is left moves to the front only when at least
//! as much has been consumed, so a backlog of many megabytes costs linear time.
use crate::codec::cti::CtiFault;
use alloc::vec::Vec;

/// Buffer of one connection.
#[derive(Clone, Debug)]
pub struct LineFramer {
    buf: Vec<u8>,
    /// First byte that belongs to no line handed out yet.
    start: usize,
    /// Everything before this has no line end.
    scanned: usize,
    /// First byte of `buf` that was not received.
    end: usize,
    line_max: usize,
}

/// What [`LineFramer::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// A line; [`LineFramer::bytes`] has it without its end.
    Line(Span),
    /// The line is too long: framing is lost, close.
    Fault(CtiFault),
}

/// A line in the buffer, valid until the next [`LineFramer::spare`] or [`LineFramer::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

/// An empty buffer larger than this gives its memory back.
const KEEP_BYTES: usize = 256 << 10;

impl LineFramer {
    /// A framer for lines of at most `line_max` bytes, the line end not counted.
    #[must_use]
    pub const fn new(line_max: usize) -> Self {
        Self { buf: Vec::new(), start: 0, scanned: 0, end: 0, line_max }
    }

    /// Takes another limit, also for a line of which a part is here.
    pub const fn reconfigure(&mut self, line_max: usize) {
        self.line_max = line_max;
    }

    /// Room for at least `want` bytes from the connection; say with [`Self::filled`] how many came.
    pub fn spare(&mut self, want: usize) -> &mut [u8] {
        self.make_room(want);
        &mut self.buf[self.end..]
    }

    /// `count` bytes were written to the start of the last [`Self::spare`]. More than it had count as all of it.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buf.len());
    }

    /// Copies bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buf[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn make_room(&mut self, want: usize) {
        let used = self.end - self.start;
        if used == 0 {
            if self.buf.len() > KEEP_BYTES && want <= KEEP_BYTES {
                self.buf = Vec::new();
            }
            self.shift(0);
        } else if self.buf.len() - self.end < want && self.start >= used {
            // At least as much was consumed as moves now: every byte moves once on average.
            self.buf.copy_within(self.start..self.end, 0);
            self.shift(used);
        }
        if self.buf.len() - self.end < want {
            self.buf.resize((self.end + want).max(self.buf.len() * 2).max(4096), 0);
        }
    }

    fn shift(&mut self, used: usize) {
        self.scanned -= self.start.min(self.scanned);
        self.start = 0;
        self.end = used;
    }

    /// The next line. After a fault the same fault again, for ever.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Step {
        let from = self.scanned.max(self.start);
        let Some(at) = memchr::memchr(b'\n', &self.buf[from..self.end]) else {
            self.scanned = self.end;
            // The last byte may be the CR of the line end.
            return if self.end - self.start > self.line_max.saturating_add(1) { self.too_long() } else { Step::More };
        };
        let (start, mut end) = (self.start, from + at);
        if end > start && self.buf[end - 1] == b'\r' {
            end -= 1;
        }
        if end - start > self.line_max {
            return self.too_long();
        }
        self.start = from + at + 1;
        self.scanned = self.start;
        Step::Line(Span { start, end })
    }

    const fn too_long(&self) -> Step {
        Step::Fault(CtiFault::LineTooLong { max: self.line_max })
    }

    /// The bytes of a line; empty when the span is out of date.
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.buf.get(span.start..span.end).unwrap_or_default()
    }

    /// Received bytes that are not part of a line handed out yet.
    #[must_use]
    pub const fn backlog_bytes(&self) -> usize {
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn drain(framer: &mut LineFramer) -> Vec<String> {
        let mut lines = Vec::new();
        while let Step::Line(span) = framer.next() {
            lines.push(String::from_utf8_lossy(framer.bytes(span)).into_owned());
        }
        lines
    }

    #[test]
    fn lines_come_out_however_the_stream_is_cut() {
        let stream = b"a\r\n\nbc\n\r\nlong line\r\nrest";
        for cut in 1..stream.len() {
            let mut framer = LineFramer::new(9);
            let mut lines = Vec::new();
            for part in stream.chunks(cut) {
                framer.spare(part.len())[..part.len()].copy_from_slice(part);
                framer.filled(part.len());
                lines.extend(drain(&mut framer));
            }
            assert_eq!(lines, ["a", "", "bc", "", "long line"], "cut {cut}");
            assert_eq!(framer.backlog_bytes(), 4);
        }
    }

    #[test]
    fn the_limit_holds_for_finished_and_unfinished_lines() {
        for (stream, fits) in [("123\n", true), ("123\r\n", true), ("1234\n", false), ("1234\r\n", false), ("12345", false), ("123\r", true)] {
            let mut framer = LineFramer::new(3);
            framer.push(stream.as_bytes());
            let step = framer.next();
            assert_eq!(matches!(step, Step::Fault(_)), !fits, "{stream:?}: {step:?}");
            if !fits {
                assert_eq!(framer.next(), Step::Fault(CtiFault::LineTooLong { max: 3 }), "the fault stays");
            }
        }
    }

    #[test]
    fn another_limit_holds_from_the_next_line_on() {
        let mut framer = LineFramer::new(3);
        framer.push(b"abc\n");
        assert_eq!(drain(&mut framer), ["abc"]);
        framer.reconfigure(5);
        framer.push(b"abcde\n");
        assert_eq!(drain(&mut framer), ["abcde"]);
        framer.reconfigure(2);
        framer.push(b"abc\n");
        assert!(matches!(framer.next(), Step::Fault(_)));
    }

    #[test]
    fn a_large_backlog_moves_few_bytes() {
        let line = b"0123456789012345678901234567890123456789012345678901234567890123456789\n";
        let mut framer = LineFramer::new(1 << 20);
        let block = line.repeat(1000);
        for _ in 0..280 {
            framer.push(&block);
        }
        let mut lines = 0;
        while let Step::Line(span) = framer.next() {
            assert_eq!(framer.bytes(span).len(), line.len() - 1);
            lines += 1;
            if lines % 10 == 0 {
                framer.push(line);
            }
        }
        assert_eq!(lines, 280_000 + lines / 10);
        framer.push(b"x");
        assert!(framer.buf.len() <= KEEP_BYTES, "the memory of the backlog is given back, {} bytes stay", framer.buf.len());
    }
}
