//! The form of a journal: what the core was given, in order, so that the same core can be given it again.
//!
//! A file begins with [`MAGIC`] and the version; then records follow: tag (one byte), length (four bytes, little-endian), content. Presence notifications and
//! bridge lines are recorded decoded and compact; rare SIP messages as received, and decoded again at replay. Configurations are in it whole, with references
//! instead of secrets. A file that goes on where another ended begins with the configuration and a checkpoint of the core; its counts and hashes begin anew, so
//! that each file can be replayed alone. Every [`HASH_EVERY`] inputs, and at the end, a hash of all actions so far allows to tell that the replay does the same.
pub(crate) mod config;
pub(crate) mod cti;
pub(crate) mod hash;
pub(crate) mod preview;
pub(crate) mod uc;

use std::borrow::Cow;

/// First bytes of a file; the last one is the version. It rises with every change to a recorded type or to the core's state.
pub(crate) const MAGIC: &[u8; 8] = b"UCJRNL\0\x04";
/// Inputs between two hashes.
pub(crate) const HASH_EVERY: u64 = 1024;
/// Bytes of tag and length.
pub(crate) const HEAD_BYTES: usize = 5;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// Seed, both clocks, configuration.
    Start,
    /// Both clocks; holds for the records that follow.
    Time,
    /// [`uc_core::Input::Wake`]
    Wake,
    /// A SIP link's name look-up.
    UcResolved,
    /// A SIP link stands.
    UcConnected,
    /// A SIP link is gone.
    UcClosed,
    /// NOTIFY with one `categories` document, decoded.
    UcNotify,
    /// Any other SIP message, as received.
    UcFrame,
    /// CRLF.
    UcKeepAlive,
    /// The unframed bytes of a SIP connection whose framing is lost.
    UcBroken,
    /// A datagram that is no SIP.
    UcDatagram,
    /// The TCP connection for large requests is gone.
    UcStreamLost,
    /// A bridge link stands.
    CtiConnected,
    /// A bridge link is gone.
    CtiClosed,
    /// A control line, decoded.
    CtiControl,
    /// An event line, decoded.
    CtiEvent,
    /// A line that is none: what was wrong with it.
    CtiBroken,
    /// A new configuration.
    Reconfigure,
    /// Stop in good order.
    Drain,
    /// A worker's command by hand.
    Worker,
    /// A choice of an earlier life.
    Restore,
    /// Inputs, actions and their hash so far.
    Hash,
    /// The last record, and why.
    End,
    /// Both clocks, configuration, checkpoint: the beginning of a file that goes on where another ended.
    Resume,
    /// What a router said.
    Router,
    /// What happened at a worker's pages.
    Page,
    /// A message of a router behind a bridge, decoded.
    CtiRouter,
}

impl Tag {
    const ALL: [Self; 27] = [
        Self::Start,
        Self::Time,
        Self::Wake,
        Self::UcResolved,
        Self::UcConnected,
        Self::UcClosed,
        Self::UcNotify,
        Self::UcFrame,
        Self::UcKeepAlive,
        Self::UcBroken,
        Self::UcDatagram,
        Self::UcStreamLost,
        Self::CtiConnected,
        Self::CtiClosed,
        Self::CtiControl,
        Self::CtiEvent,
        Self::CtiBroken,
        Self::Reconfigure,
        Self::Drain,
        Self::Worker,
        Self::Restore,
        Self::Hash,
        Self::End,
        Self::Resume,
        Self::Router,
        Self::Page,
        Self::CtiRouter,
    ];

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// Why a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The process ended in good order, or gave up.
    Finished,
    /// The file reached its limit; the next one goes on.
    Full,
    /// The disk could not keep up; recording stopped rather than slow the connector down.
    Behind,
}

impl Ending {
    pub(crate) const ALL: [Self; 3] = [Self::Finished, Self::Full, Self::Behind];
}

/// Something that can be in a record. `take` gives `None` for bytes that are no such thing.
pub(crate) trait Field<'a>: Sized {
    /// Appends.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads from the front of `from`.
    fn take(from: &mut &'a [u8]) -> Option<Self>;
}

/// First byte of a number of four bytes; of eight with the next one. What is smaller is the number itself.
const FOUR: u8 = 0xfe;
const EIGHT: u8 = 0xff;

impl<'a> Field<'a> for u64 {
    /// Three lengths only, each written at once: most of what is recorded are numbers and short texts, and the presence path pays for it.
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        if *self < Self::from(FOUR) {
            out.push(*self as u8);
        } else if let Ok(four) = u32::try_from(*self) {
            let [a, b, c, d] = four.to_le_bytes();
            out.extend_from_slice(&[FOUR, a, b, c, d]);
        } else {
            let [a, b, c, d, e, f, g, h] = self.to_le_bytes();
            out.extend_from_slice(&[EIGHT, a, b, c, d, e, f, g, h]);
        }
    }

    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let (first, rest) = from.split_first()?;
        let (value, rest) = match *first {
            FOUR => rest.split_first_chunk().map(|(four, rest)| (Self::from(u32::from_le_bytes(*four)), rest))?,
            EIGHT => rest.split_first_chunk().map(|(eight, rest)| (Self::from_le_bytes(*eight), rest))?,
            small => (Self::from(small), rest),
        };
        *from = rest;
        Some(value)
    }
}

/// Two in a row.
impl<'a, A: Field<'a>, B: Field<'a>> Field<'a> for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

macro_rules! unsigned {
    ($($kind:ty),*) => {$(
        impl<'a> Field<'a> for $kind {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                (*self as u64).put(out);
            }
            fn take(from: &mut &'a [u8]) -> Option<Self> {
                Self::try_from(u64::take(from)?).ok()
            }
        }
    )*};
}
unsigned!(u8, u16, u32, usize);

impl<'a> Field<'a> for i32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self as u32).put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        u32::take(from).map(|n| n as Self)
    }
}

impl<'a> Field<'a> for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        self.cast_unsigned().put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        u64::take(from).map(u64::cast_signed)
    }
}

impl<'a> Field<'a> for bool {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(u8::take(from)? != 0)
    }
}

impl<'a> Field<'a> for &'a [u8] {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        out.extend_from_slice(self);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let n = usize::take(from)?;
        let (bytes, rest) = from.split_at_checked(n)?;
        *from = rest;
        Some(bytes)
    }
}

impl<'a> Field<'a> for &'a str {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        std::str::from_utf8(<&[u8]>::take(from)?).ok()
    }
}

impl<'a> Field<'a> for Cow<'a, str> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        <&str>::take(from).map(Cow::Borrowed)
    }
}

impl<'a> Field<'a> for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        <&str>::take(from).map(Into::into)
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|value| value.put(out));
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let n = usize::take(from)?;
        // A damaged length must not allocate: there is at least one byte for each element.
        (n <= from.len()).then(|| (0..n).map(|_| T::take(from)).collect())?
    }
}

impl<'a, T: Field<'a>> Field<'a> for Box<[T]> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|value| value.put(out));
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Vec::take(from).map(Vec::into_boxed_slice)
    }
}

impl<'a, T: Field<'a>, const N: usize> Field<'a> for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.put(out));
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let values: Option<Vec<T>> = (0..N).map(|_| T::take(from)).collect();
        values?.try_into().ok()
    }
}

/// Structs field by field. Both directions name every field, so a new one does not compile until it is recorded.
macro_rules! record {
    ($($kind:path { $($field:ident),* $(,)? })*) => {$(
        impl<'a> $crate::journal::Field<'a> for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(out);)*
            }
            fn take(from: &mut &'a [u8]) -> Option<Self> {
                Some(Self { $($field: $crate::journal::Field::take(from)?),* })
            }
        }
    )*};
}

/// Enums without fields, by position in a list.
macro_rules! choice {
    ($($kind:path { $($variant:ident),* $(,)? })*) => {$(
        impl<'a> $crate::journal::Field<'a> for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                // The match makes a variant that is missing from the list an error.
                match self { $(Self::$variant)|* => {} }
                let all = [$(Self::$variant),*];
                out.push(all.iter().position(|v| v == self).unwrap_or(0) as u8);
            }
            fn take(from: &mut &'a [u8]) -> Option<Self> {
                let all = [$(Self::$variant),*];
                all.into_iter().nth(usize::from(u8::take(from)?))
            }
        }
    )*};
}
pub(crate) use {choice, record};

/// Appends one record.
pub(crate) fn put_record(out: &mut Vec<u8>, tag: Tag, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[tag as u8, 0, 0, 0, 0]);
    content(out);
    let length = u32::try_from(out.len() - start - HEAD_BYTES).unwrap_or(u32::MAX);
    out[start + 1..start + HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Cuts one record off the front; `None` at the end, or when the rest is no whole record (the process was killed while writing).
pub(crate) fn take_record<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (head, rest) = from.split_at_checked(HEAD_BYTES)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((head[0], content))
}
