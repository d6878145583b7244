//! The one random source: ChaCha12 from a seed the driver hands in. Named and versioned, so that a library upgrade cannot change a recorded run.
use alloc::boxed::Box;
use alloc::string::String;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// 256 bits from the operating system (production) or from the run's number (simulator).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed for tests and simulations: the number in the first eight bytes.
    #[must_use]
    pub fn from_u64(n: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Self(bytes)
    }
}

/// Seeded generator for Call-ID, tag, branch and jitter.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Entropy(ChaCha12Rng);

impl Entropy {
    /// Starts the stream of `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(ChaCha12Rng::from_seed(seed.0))
    }

    /// The next 64 bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform enough in `0..n` for jitter (bias below 2^-32 for the small `n` used here); 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.next_u64() % n }
    }

    /// `base` with up to ± `percent` % of jitter.
    pub fn jitter(&mut self, base_ms: u64, percent: u64) -> u64 {
        let span = base_ms.saturating_mul(percent) / 100;
        base_ms.saturating_add(self.below(span.saturating_mul(2).saturating_add(1))).saturating_sub(span)
    }

    /// `digits` lower-case hexadecimal digits, for tags and branches (RFC 3261 §19.3 wants at least 32 bits).
    pub fn hex(&mut self, digits: usize) -> Box<str> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut s = String::with_capacity(digits);
        let mut bits = 0u64;
        for i in 0..digits {
            if i % 16 == 0 {
                bits = self.0.next_u64();
            }
            s.push(char::from(HEX[(bits & 15) as usize]));
            bits >>= 4;
        }
        s.into_boxed_str()
    }
}
