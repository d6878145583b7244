//! Time as an argument: [`Mono`] for every decision, Unix milliseconds only for stamps that people and peers read.
use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, Sub};

/// Milliseconds since the driver started. Never goes back; suspend-aware where the platform can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Mono(pub u64);

/// A [`Mono`] that leaves room for "none": an `Option<At>` is as small as a `Mono`. For tables with a row per worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct At(NonZeroU64);

impl From<Mono> for At {
    fn from(mono: Mono) -> Self {
        Self(NonZeroU64::MIN.saturating_add(mono.0))
    }
}

impl At {
    /// The time itself.
    #[must_use]
    pub const fn mono(self) -> Mono {
        Mono(self.0.get() - 1)
    }
}

/// One reading of both clocks, taken by the driver for every call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Now {
    /// For decisions.
    pub mono: Mono,
    /// Milliseconds since 1970-01-01 UTC; for stamps only.
    pub unix_ms: u64,
}

impl Mono {
    /// Milliseconds from `earlier` to `self`, 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Mono {
    type Output = Self;
    /// `ms` milliseconds later.
    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<u64> for Mono {
    type Output = Self;
    /// `ms` milliseconds earlier, at least zero.
    fn sub(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Display for Mono {
    /// `HH:MM:SS.mmm`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ms) = (self.0 / 1000, self.0 % 1000);
        write!(f, "{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60)
    }
}
