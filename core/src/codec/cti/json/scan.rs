//! A JSON scanner that borrows: strings stay as written, numbers are read where asked for, the rest is checked and skipped.
use crate::codec::cti::CtiFault;
use alloc::boxed::Box;
use alloc::string::String;
use core::str;

/// Reads one line from left to right.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec::cti) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Levels of lists and objects [`Scanner::skip`] goes into.
    depth_max: u32,
}

/// Content of a string, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec::cti) struct Raw<'a> {
    /// Without the quotes; escapes are valid but not resolved.
    pub(in crate::codec::cti) text: &'a str,
    /// There are escapes.
    pub(in crate::codec::cti) escaped: bool,
}

/// A value that is not a list or an object, or the fact that it was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec::cti) enum Scalar<'a> {
    Str(Raw<'a>),
    Int(i64),
    Bool(bool),
    /// `null`, a number that is no `i64`, a list or an object.
    Other,
}

/// How many bytes from the start may stand in a string as they are (all but the quote, the backslash and control characters); eight at a time.
#[inline]
pub(in crate::codec::cti) fn plain_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let special = special_in(*word);
        if special != 0 {
            return bytes.len() - rest.len() + special.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    // The last eight, some of them for the second time; or fewer, filled up.
    let (last, at) = bytes.last_chunk().map_or_else(|| (padded(rest), 0), |last| (*last, bytes.len() - 8));
    let special = special_in(last);
    if special == 0 { bytes.len() } else { at + special.trailing_zeros() as usize / 8 }
}

/// Fewer than eight bytes and blanks behind them.
#[inline]
fn padded(bytes: &[u8]) -> [u8; 8] {
    let mut word = [b' '; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    word
}

/// Not zero when one of eight bytes may not stand as it is; the lowest bit set is the highest one of the first such byte. A byte is below `n` when subtracting
/// `n` borrows, which shows in its highest bit.
const fn special_in(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn below(word: u64, n: u64) -> u64 {
        word.wrapping_sub(ONES * n) & !word
    }
    let word = u64::from_le_bytes(bytes);
    (below(word, 0x20) | below(word ^ (ONES * b'"' as u64), 1) | below(word ^ (ONES * b'\\' as u64), 1)) & (ONES * 0x80)
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `line`.
    pub(in crate::codec::cti) fn new(line: &'a [u8], depth_max: u32) -> Result<Self, CtiFault> {
        let text = str::from_utf8(line).map_err(|fault| CtiFault::Utf8 { at: fault.valid_up_to() })?;
        Ok(Self { text, at: 0, depth_max })
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, CtiFault> {
        Err(CtiFault::Json { at: self.at, expected })
    }

    /// The next byte after blanks, not taken.
    pub(in crate::codec::cti) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte` if it is next.
    pub(in crate::codec::cti) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which must be next; `expected` describes it.
    pub(in crate::codec::cti) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), CtiFault> {
        if self.take(byte) { Ok(()) } else { self.fail(expected) }
    }

    /// Takes `words` if they come next exactly so, without a blank: a short cut for what writers usually print.
    pub(in crate::codec::cti) fn literal(&mut self, words: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(words.as_bytes());
        self.at += if found { words.len() } else { 0 };
        found
    }

    /// The end of the line must be next.
    pub(in crate::codec::cti) fn end(&mut self) -> Result<(), CtiFault> {
        if self.peek().is_none() { Ok(()) } else { self.fail("the end of the line") }
    }

    /// The next key of an object and its colon; `None` at the end. Call with `first` before the first one, after the brace.
    pub(in crate::codec::cti) fn key(&mut self, first: bool) -> Result<Option<Raw<'a>>, CtiFault> {
        if self.take(b'}') {
            return Ok(None);
        }
        if !first {
            self.expect(b',', "a comma or the end of the object")?;
        }
        let key = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Whether a list has another item. Call with `first` before the first one, after the bracket.
    pub(in crate::codec::cti) fn item(&mut self, first: bool) -> Result<bool, CtiFault> {
        if self.take(b']') {
            return Ok(false);
        }
        if !first {
            self.expect(b',', "a comma or the end of the list")?;
        }
        Ok(true)
    }

    /// A string.
    pub(in crate::codec::cti) fn string(&mut self) -> Result<Raw<'a>, CtiFault> {
        self.expect(b'"', "a string")?;
        self.string_rest()
    }

    /// A string whose opening quote is taken already.
    pub(in crate::codec::cti) fn string_rest(&mut self) -> Result<Raw<'a>, CtiFault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_len(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fail("an escape instead of a control character"),
                None => return self.fail("the end of a string"),
            }
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        Ok(Raw { text, escaped })
    }

    /// Checks one escape; a surrogate must be followed by its other half.
    fn escape(&mut self) -> Result<(), CtiFault> {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.hex4(self.at + 2) {
                Some(0xd800..=0xdbff) if self.text.as_bytes().get(self.at + 6..self.at + 8) == Some(b"\\u") => match self.hex4(self.at + 8) {
                    Some(0xdc00..=0xdfff) => self.at += 12,
                    _ => return self.fail("both halves of a surrogate pair"),
                },
                Some(0xd800..=0xdfff) => return self.fail("both halves of a surrogate pair"),
                Some(_) => self.at += 6,
                None => return self.fail("four hex digits"),
            },
            _ => return self.fail("an escape of JSON"),
        }
        Ok(())
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        self.text.as_bytes().get(at..at + 4)?.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    }

    /// A number; `None` when it is no `i64`.
    pub(in crate::codec::cti) fn number(&mut self) -> Result<Option<i64>, CtiFault> {
        self.peek();
        let negative = self.text.as_bytes().get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let start = self.at;
        let mut value = Some(0_i64);
        while let Some(digit @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            let digit = i64::from(digit - b'0');
            // Counted downwards, for the sake of the smallest number.
            value = value.and_then(|value| value.checked_mul(10)?.checked_sub(digit));
            self.at += 1;
        }
        if self.at == start || (self.text.as_bytes()[start] == b'0' && self.at > start + 1) {
            return self.fail("a number");
        }
        if let Some(b'.' | b'e' | b'E') = self.text.as_bytes().get(self.at) {
            self.fraction()?;
            return Ok(None);
        }
        Ok(if negative { value } else { value.and_then(i64::checked_neg) })
    }

    fn fraction(&mut self) -> Result<(), CtiFault> {
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.as_bytes().get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.as_bytes().get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), CtiFault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
        if self.at == start { self.fail("a digit") } else { Ok(()) }
    }

    /// Any value: scalars are read, lists and objects checked and skipped.
    pub(in crate::codec::cti) fn scalar(&mut self) -> Result<Scalar<'a>, CtiFault> {
        Ok(match self.peek() {
            Some(b'"') => Scalar::Str(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?.map_or(Scalar::Other, Scalar::Int),
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Other)?,
            _ => {
                self.skip(self.depth_max)?;
                Scalar::Other
            }
        })
    }

    fn word(&mut self, word: &str, value: Scalar<'a>) -> Result<Scalar<'a>, CtiFault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.fail("a value");
        }
        self.at += word.len();
        Ok(value)
    }

    /// Checks any value and throws it away. Recursion ends at `levels`.
    fn skip(&mut self, levels: u32) -> Result<(), CtiFault> {
        let list = match self.peek() {
            Some(b'[') => true,
            Some(b'{') => false,
            Some(_) => return self.scalar_only(),
            None => return self.fail("a value"),
        };
        let Some(levels) = levels.checked_sub(1) else {
            return Err(CtiFault::Depth { at: self.at, max: self.depth_max });
        };
        self.at += 1;
        let mut first = true;
        while if list { self.item(first)? } else { self.key(first)?.is_some() } {
            self.skip(levels)?;
            first = false;
        }
        Ok(())
    }

    fn scalar_only(&mut self) -> Result<(), CtiFault> {
        match self.peek() {
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.scalar().map(|_| ()),
            _ => self.fail("a value"),
        }
    }

    /// Where the scanner is; for a value that can only be understood later.
    pub(in crate::codec::cti) fn skip_value(&mut self) -> Result<Self, CtiFault> {
        let here = *self;
        self.scalar()?;
        Ok(here)
    }
}

impl Raw<'_> {
    /// The text with its escapes resolved.
    pub(in crate::codec::cti) fn unescape(self) -> Box<str> {
        if !self.escaped {
            return self.text.into();
        }
        let mut out = String::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            out.push_str(&rest[..at]);
            let (value, len) = resolve(&rest[at..]);
            out.push(value);
            rest = &rest[at + len..];
        }
        out.push_str(rest);
        out.into()
    }
}

/// The character of the checked escape at the start of `text`, and the length of the escape.
fn resolve(text: &str) -> (char, usize) {
    let hex = |at: usize| text.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default();
    match text.as_bytes().get(1) {
        Some(b'u') => match hex(2) {
            high @ 0xd800..=0xdbff => {
                let value = 0x10000 + ((high - 0xd800) << 10) + hex(8).saturating_sub(0xdc00);
                (char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            value => (char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        },
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        other => (other.copied().map_or(char::REPLACEMENT_CHARACTER, char::from), 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const fn is_plain(byte: u8) -> bool {
        byte >= 0x20 && byte != b'"' && byte != b'\\'
    }

    #[test]
    fn plain_bytes_are_counted_up_to_the_first_that_is_not() {
        for len in 0..20 {
            assert_eq!(plain_len(&vec![b'a'; len]), len);
            for at in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![0x80; len];
                    bytes[at] = byte;
                    let want = if is_plain(byte) { len } else { at };
                    assert_eq!(plain_len(&bytes), want, "{byte:#x} at {at} of {len}");
                    // What follows must not show, and neighbours must not borrow.
                    bytes[at..].fill(byte);
                    assert_eq!(plain_len(&bytes), want, "{byte:#x} from {at} of {len}");
                }
            }
        }
    }
}
