//! Small generator of the simulator's own: SplitMix64 (Steele, Lea, Flood 2014). Written out here, so that no library upgrade can change what a seed means.

/// Stream of 64-bit numbers from one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A second, independent stream for the part called `salt`, so that one more draw in one part does not shift the others.
    #[must_use]
    pub fn fork(seed: u64, salt: u64) -> Self {
        let mut it = Self(seed ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93));
        it.0 = it.u64();
        it
    }

    /// The next 64 bits.
    pub const fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`; 0 when `n` is 0.
    pub const fn below(&mut self, n: u64) -> u64 {
        // The high half of a 128-bit product: no division, bias below 2^-32 for the small `n` used here.
        ((self.u64() as u128 * n as u128) >> 64) as u64
    }

    /// True `of_1000` times in a thousand.
    pub const fn per_mille(&mut self, of_1000: u16) -> bool {
        of_1000 > 0 && self.below(1000) < of_1000 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut rng = Rng::new(0);
        assert_eq!([rng.u64(), rng.u64()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut rng = Rng::new(7);
        let drawn: Vec<u64> = (0..200).map(|_| rng.below(5)).collect();
        assert!((0..5).all(|n| drawn.contains(&n)) && drawn.iter().all(|n| *n < 5));
        assert_eq!(rng.below(0), 0);
    }
}
