//! A hash of the whole state that does not depend on when it was reached: times go in relative to now, random strings stay out.
//! Two states with the same fingerprint behave alike, which lets a test explore every interleaving of a small world.
use crate::time::Mono;
use core::fmt::{self, Write};

/// Collects state, FNV-1a style in 64 bits, with `now` as the origin of times.
#[derive(Clone, Debug)]
pub struct Fp {
    now: Mono,
    hash: u64,
}

impl Fp {
    /// Starts an empty fingerprint at `now`.
    #[must_use]
    pub const fn new(now: Mono) -> Self {
        Self { now, hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// Mixes a number.
    pub fn num(&mut self, n: u64) {
        // Multiply-rotate per word: a byte loop would dominate exhaustive exploration.
        self.hash = (self.hash ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// Mixes a time as its distance from now (both directions told apart).
    pub fn time(&mut self, at: Mono) {
        self.num(at.0.wrapping_sub(self.now.0));
    }

    /// Mixes text.
    pub fn text(&mut self, s: &str) {
        self.num(s.len() as u64);
        for b in s.bytes() {
            self.num(u64::from(b));
        }
    }

    /// Mixes anything by its `Debug` form; for small enums and structs without times or random strings.
    pub fn debug(&mut self, value: &impl fmt::Debug) {
        let _ = write!(self, "{value:?}");
    }

    /// The fingerprint.
    #[must_use]
    pub const fn finish(&self) -> u64 {
        self.hash
    }
}

impl fmt::Write for Fp {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.text(s);
        Ok(())
    }
}
