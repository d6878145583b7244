//! The one table of deadlines. Machines never store an expiry of their own that must be kept in step: they `set` a key here, and what is not here does not fire.
use crate::cti::CtiTimer;
use crate::fingerprint::Fp;
use crate::offers::OfferTimer;
use crate::presence::PresenceTimer;
use crate::time::Mono;
use crate::uc::UcTimer;
use alloc::collections::{BTreeMap, BTreeSet};

/// Who is woken and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum TimerKey {
    /// The SIP side.
    Uc(UcTimer),
    /// The contact-centre side.
    Cti(CtiTimer),
    /// Presence reconciliation.
    Presence(PresenceTimer),
    /// Previews.
    Offers(OfferTimer),
    /// The time given to [`crate::Input::Drain`] is over.
    Drain,
}

/// Why the core wants to be woken, for people and traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Actions wait in the queue: poll before sleeping.
    Actions,
    /// A deadline.
    Timer(TimerKey),
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Mono, TimerKey)>,
    by_key: BTreeMap<TimerKey, Mono>,
}

impl Deadlines {
    /// Sets or moves the deadline of `key`.
    pub(crate) fn set(&mut self, key: TimerKey, at: Mono) {
        if let Some(old) = self.by_key.insert(key, at) {
            if old == at {
                return;
            }
            self.by_time.remove(&(old, key));
        }
        self.by_time.insert((at, key));
    }

    /// Sets `key` unless an earlier or equal deadline stands.
    pub(crate) fn set_earlier(&mut self, key: TimerKey, at: Mono) {
        if self.get(key).is_none_or(|old| at < old) {
            self.set(key, at);
        }
    }

    pub(crate) fn clear(&mut self, key: TimerKey) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
    }

    pub(crate) fn get(&self, key: TimerKey) -> Option<Mono> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn next(&self) -> Option<(Mono, TimerKey)> {
        self.by_time.first().copied()
    }

    /// Removes before it returns, so that a handler that fails cannot be woken again at the same instant.
    pub(crate) fn pop_due(&mut self, now: Mono) -> Option<TimerKey> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.remove(&(at, key));
        self.by_key.remove(&key);
        Some(key)
    }

    /// All deadlines in time order, for views and checkers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Mono, TimerKey)> + '_ {
        self.by_time.iter().copied()
    }

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        for (at, key) in &self.by_time {
            fp.time(*at);
            fp.debug(key);
        }
    }
}
