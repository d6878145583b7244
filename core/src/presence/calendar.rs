//! Free/busy data of a worker, for conditions (`spec/ms-pres.md` 5.8): two bits a slot, the first slot in the two lowest bits of a byte.
use crate::config::CalendarState;
use crate::uc_event::Calendar;
use alloc::boxed::Box;

/// Slots kept of one worker: 31 days of quarters of an hour.
const BYTES_MAX: usize = 31 * 24;

/// Slots from a point in time on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FreeBusy {
    start_ms: u64,
    slot_ms: u32,
    slots: Box<[u8]>,
}

impl FreeBusy {
    /// The slots of a document; `None` when it has none. What lies beyond 31 days of quarters is cut off.
    pub(crate) fn of(calendar: &Calendar) -> Option<Self> {
        let slots = &calendar.slots[..calendar.slots.len().min(BYTES_MAX)];
        (calendar.slot_min > 0).then(|| Self { start_ms: calendar.start_ms, slot_ms: u32::from(calendar.slot_min) * 60_000, slots: slots.into() })
    }

    /// The state at a time, milliseconds since 1970. Outside the slots nothing is known: free.
    pub(super) fn at(&self, unix_ms: u64) -> CalendarState {
        let Some(since) = unix_ms.checked_sub(self.start_ms) else { return CalendarState::Free };
        let slot = since / u64::from(self.slot_ms.max(1));
        let byte = usize::try_from(slot / 4).ok().and_then(|at| self.slots.get(at)).copied().unwrap_or(0);
        match byte >> (slot % 4 * 2) & 3 {
            0 => CalendarState::Free,
            1 => CalendarState::Tentative,
            2 => CalendarState::Busy,
            _ => CalendarState::OutOfOffice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_the_corpus_sample() {
        // corpus/sip/097: 00 aa f5 00 from 08:00 on.
        let start = 1_456_819_200_000;
        let calendar = Calendar { start_ms: start, slot_min: 15, slots: Box::new([0, 0xaa, 0xf5, 0]) };
        let slots = FreeBusy::of(&calendar).unwrap();
        let at = |quarter: u64| slots.at(start + quarter * 900_000);
        assert_eq!((at(0), at(3), at(4), at(7)), (CalendarState::Free, CalendarState::Free, CalendarState::Busy, CalendarState::Busy));
        assert_eq!(
            (at(8), at(9), at(10), at(11)),
            (CalendarState::Tentative, CalendarState::Tentative, CalendarState::OutOfOffice, CalendarState::OutOfOffice)
        );
        assert_eq!((at(12), at(1_000_000), slots.at(0)), (CalendarState::Free, CalendarState::Free, CalendarState::Free));
    }

    #[test]
    fn what_is_no_calendar_is_none_and_length_is_bounded() {
        assert_eq!(FreeBusy::of(&Calendar::default()), None);
        let long = FreeBusy::of(&Calendar { start_ms: 1, slot_min: u16::MAX, slots: alloc::vec![0; 100_000].into() }).unwrap();
        assert_eq!(long.slots.len(), BYTES_MAX);
    }
}
