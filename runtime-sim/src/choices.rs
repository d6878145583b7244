//! The one tape of choices. A run reads it either from a seed (the simulator) or from bytes (the fuzzer), through the same methods, so a fuzz crash is a
//! simulator run and back.
use crate::rng::Rng;
use arbitrary::Unstructured;

/// Where choices come from.
#[derive(Debug)]
pub struct Choices<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Seed(Rng),
    Bytes(Unstructured<'a>),
}

/// A probability as two whole numbers: `yes` times out of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Times it happens.
    pub yes: u32,
    /// Times in all; not zero.
    pub of: u32,
}

/// `yes` out of `of`.
#[must_use]
pub const fn ratio(yes: u32, of: u32) -> Ratio {
    Ratio { yes, of }
}

impl<'a> Choices<'a> {
    /// An endless tape from a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Source::Seed(Rng::fork(seed, 0x7a9e)))
    }

    /// A tape from bytes. When they are used up every choice is the first one, so every input is a legal run.
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Source::Bytes(Unstructured::new(bytes)))
    }

    /// Nothing is left on the tape; never true for a seed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Source::Bytes(bytes) if bytes.is_empty())
    }

    /// A number in `low..=high`.
    ///
    /// # Panics
    /// If `low > high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        match &mut self.0 {
            Source::Seed(rng) => low + rng.below(high - low + 1),
            Source::Bytes(bytes) => bytes.int_in_range(low..=high).unwrap_or(low),
        }
    }

    /// An index in `0..n`; 0 when `n` is 0.
    pub fn index(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.range(0, n as u64 - 1) as usize }
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If `items` is empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, p: Ratio) -> bool {
        self.range(0, u64::from(p.of) - 1) < u64::from(p.yes)
    }

    /// An index, each as likely as its weight; 0 when all weights are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        if total == 0 {
            return 0;
        }
        let mut at = self.range(0, total - 1);
        for (i, weight) in weights.iter().enumerate() {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return i,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let draw = |seed| {
            let mut tape = Choices::from_seed(seed);
            (0..50).map(|_| tape.range(10, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn an_empty_tape_of_bytes_makes_the_first_choice() {
        let mut tape = Choices::from_bytes(&[]);
        assert!(tape.is_empty());
        assert_eq!((tape.range(5, 9), tape.pick(&["a", "b"]), tape.weighted(&[0, 0])), (5, "a", 0));
    }

    #[test]
    fn a_weight_of_zero_is_never_chosen() {
        let mut tape = Choices::from_seed(1);
        let drawn: Vec<usize> = (0..500).map(|_| tape.weighted(&[3, 0, 1])).collect();
        assert!(drawn.contains(&0) && drawn.contains(&2) && !drawn.contains(&1));
    }
}
