//! DNs by their number, for every event of every T-Server.
//!
//! A table of ids alone costs a walk from the id over its owner to the text, five places in memory that are cold where there are thousands of agents. So short numbers,
//! which is all that switches have, stand in the table itself.
use crate::id::{DnId, SwitchId};
use hashbrown::HashTable;

/// Bytes of a number that stand in the table; an entry is 24 bytes.
const INLINE: usize = 17;

#[derive(Clone, Copy, Debug)]
struct Entry {
    dn: DnId,
    switch: SwitchId,
    /// Length of the number; more than [`INLINE`]: only its beginning stands here.
    len: u8,
    start: [u8; INLINE],
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct ByNumber(HashTable<Entry>);

impl ByNumber {
    pub(super) fn with_capacity(dns: usize) -> Self {
        Self(HashTable::with_capacity(dns))
    }

    /// Adds a DN. `number_of` gives the number of any DN that is in already.
    pub(super) fn insert<'d>(&mut self, dn: DnId, switch: SwitchId, number: &str, number_of: impl Fn(DnId) -> &'d str) {
        let mut start = [0; INLINE];
        let shown = number.len().min(INLINE);
        start[..shown].copy_from_slice(&number.as_bytes()[..shown]);
        let len = u8::try_from(number.len()).unwrap_or(u8::MAX);
        let rehash = |it: &Entry| hash(it.switch, it.inline().unwrap_or_else(|| number_of(it.dn).as_bytes()));
        self.0.insert_unique(hash(switch, number.as_bytes()), Entry { dn, switch, len, start }, rehash);
    }

    /// The DN with this number on this switch.
    pub(super) fn find<'d>(&self, switch: SwitchId, number: &str, number_of: impl Fn(DnId) -> &'d str) -> Option<DnId> {
        let is_it = |it: &Entry| it.switch == switch && it.inline().unwrap_or_else(|| number_of(it.dn).as_bytes()) == number.as_bytes();
        self.0.find(hash(switch, number.as_bytes()), is_it).map(|it| it.dn)
    }
}

impl Entry {
    /// The whole number, if it stands here.
    fn inline(&self) -> Option<&[u8]> {
        self.start.get(..usize::from(self.len))
    }
}

fn hash(switch: SwitchId, number: &[u8]) -> u64 {
    super::mix(number, 0).wrapping_add(u64::from(switch.0).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn numbers_of_every_length_are_found_and_nothing_else_is() {
        let long = "7".repeat(300);
        let numbers: Vec<String> =
            (0..40).map(|n| String::from(&long[..n * 7])).chain((0..500).map(|n| format!("{n}"))).chain(["50001@site-a.example".into()]).collect();
        let number_of = |dn: DnId| &*numbers[dn.index() / 2];
        let mut table = ByNumber::default();
        for (at, number) in numbers.iter().enumerate() {
            for switch in [0, 1] {
                table.insert(DnId(at as u32 * 2 + u32::from(switch)), SwitchId(switch), number, number_of);
            }
        }
        for (at, number) in numbers.iter().enumerate() {
            // Equal texts were added more than once: any of them.
            let found = table.find(SwitchId(1), number, number_of).expect("was added");
            assert_eq!((number_of(found), found.0 % 2), (number.as_str(), 1), "{at}");
        }
        for number in ["500", "0050", "50001@site-a.exampl", "50001@site-a.example2", &long[..18], &long[..299]] {
            assert_eq!(table.find(SwitchId(0), number, number_of), None, "{number}");
        }
        assert_eq!(table.find(SwitchId(2), "1", number_of), None);
        assert_eq!(size_of::<Entry>(), 24);
    }
}
