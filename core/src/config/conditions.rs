//! Mapping with conditions: rows looked at in order before the table of classes; the first that fits decides (beyond the original).
use super::Rule;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Condition {
    /// For `explain`; unique.
    pub name: Box<str>,
    /// Bit `Class as u16`; 0 = any.
    pub classes: u16,
    /// Bit `Activity as u16`; 0 = any.
    pub activities: u16,
    /// The note contains this, ASCII case ignored.
    pub note_contains: Option<Box<str>>,
    /// The calendar says so now.
    pub calendar: Option<CalendarState>,
    /// Local time of day.
    pub hours: Option<Hours>,
    /// One of these groups; empty = everybody.
    pub groups: Vec<Box<str>>,
    /// Then this.
    pub then: Rule,
}

/// Two bits of free/busy data (`spec/ms-pres.md` 5.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum CalendarState {
    /// 00
    #[default]
    Free,
    /// 01
    Tentative,
    /// 10
    Busy,
    /// 11
    OutOfOffice,
}

/// A daily window in local time. `from` after `to` runs over midnight; the day is that of its begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hours {
    /// Bit 0 Monday … bit 6 Sunday.
    pub days: u8,
    /// Minute of the day, 0..1440.
    pub from_min: u16,
    /// Minute of the day, exclusive, 1..=1440.
    pub to_min: u16,
}

/// Which direction works for a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Sync {
    /// What the mode says.
    #[default]
    Both,
    /// UC presence drives the agent, nothing is published.
    Pull,
    /// Agent states are published, presence does not drive the agent.
    Push,
    /// Neither: shown, but left alone.
    Off,
}

impl Sync {
    /// UC presence may drive the agent.
    #[must_use]
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Both | Self::Pull)
    }

    /// Agent states may be published.
    #[must_use]
    pub const fn pushes(self) -> bool {
        matches!(self, Self::Both | Self::Push)
    }
}
