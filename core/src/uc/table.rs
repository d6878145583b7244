//! Where every user stands: one slot of twelve bytes each, indexed by the dense user id.
use crate::id::{DialogId, UserId, WatcherId};
use alloc::vec::Vec;

/// Where a user stands with the UC platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub(super) enum Place {
    /// Not to be watched: no SIP URI, or no such worker.
    #[default]
    Unwatched,
    /// No watcher identity has room.
    NoRoom,
    /// In a queue of its watcher.
    Waiting,
    /// In a SUBSCRIBE without an answer.
    Asked,
    /// In a live subscription.
    Live,
    /// In a live dialog, but not authorised yet.
    Pending,
    /// Refused or ended; tried again when its time in `UcSide::retries` has come.
    Denied,
}

/// How a user must be subscribed (`spec/ms-pres.md` 4.1, 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub(super) enum Aim {
    /// In the watcher's own batch.
    #[default]
    Home,
    /// In a batch routed to another pool.
    Pool,
    /// Alone.
    Single,
}

/// One user.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Slot {
    /// The dialog that covers the user, or is being asked to; `NO_DIALOG` otherwise.
    pub(super) dialog: DialogId,
    pub(super) watcher: WatcherId,
    pub(super) place: Place,
    pub(super) aim: Aim,
    /// A document came in this subscription: the next one is no longer the first.
    pub(super) heard: bool,
    /// Presence was told that the server has nothing new.
    pub(super) told: bool,
    /// Failures in a row.
    pub(super) tries: u8,
    /// How often in a row a server sent it elsewhere.
    pub(super) moves: u8,
}

pub(super) const NO_DIALOG: DialogId = DialogId(u32::MAX);
pub(super) const NO_WATCHER: WatcherId = WatcherId(u16::MAX);

const _: () = assert!(size_of::<Slot>() <= 12);

impl Default for Slot {
    fn default() -> Self {
        Self { dialog: NO_DIALOG, watcher: NO_WATCHER, place: Place::Unwatched, aim: Aim::Home, heard: false, told: false, tries: 0, moves: 0 }
    }
}

impl Slot {
    /// Whether the user takes part in this dialog.
    pub(super) fn is_in(&self, dialog: DialogId) -> bool {
        self.dialog == dialog && matches!(self.place, Place::Asked | Place::Live | Place::Pending)
    }

    /// Whether the user is to be subscribed by this watcher in this way.
    pub(super) fn waits(&self, watcher: WatcherId, aim: Aim) -> bool {
        self.place == Place::Waiting && self.watcher == watcher && self.aim == aim
    }

    /// Whether presence believes the user covered.
    pub(super) fn counts_as_covered(&self) -> bool {
        self.place == Place::Live || self.heard
    }

    /// Out of any dialog, to be put into `place`.
    pub(super) fn leave(&mut self, place: Place) {
        *self = Self { place, watcher: self.watcher, tries: self.tries, moves: self.moves, ..Self::default() };
    }
}

/// All users.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Table(Vec<Slot>);

impl Table {
    pub(super) fn grow(&mut self, slots: usize) {
        if self.0.len() < slots {
            self.0.reserve_exact(slots - self.0.len());
            self.0.resize(slots, Slot::default());
        }
    }

    /// A user's slot; that of an id nobody has is made on demand.
    pub(super) fn at(&mut self, user: UserId) -> &mut Slot {
        self.grow(user.index() + 1);
        &mut self.0[user.index()]
    }

    pub(super) fn get(&self, user: UserId) -> Option<&Slot> {
        self.0.get(user.index())
    }

    pub(super) fn get_mut(&mut self, user: UserId) -> Option<&mut Slot> {
        self.0.get_mut(user.index())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (UserId, &Slot)> {
        self.0.iter().enumerate().map(|(i, s)| (UserId(i as u32), s))
    }
}
