//! Logins that have been sent to the provider and are not back yet: bounded in number, over all and for each address, and in time.
use crate::web::door::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Logins under way at once; then the oldest is forgotten.
const PENDING_MAX: usize = 10_000;
/// The same of one address: an office may be behind it.
const OF_ADDRESS_MAX: usize = 500;
/// People may take so long at the provider.
pub(super) const WITHIN: Duration = Duration::from_secs(600);

/// A login under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// What the ID token must repeat.
    pub(super) nonce: String,
    /// What proves that we asked (PKCE, RFC 7636).
    pub(super) verifier: String,
    /// The cookie of the browser that asked.
    pub(super) browser: String,
}

/// All of them, by `state`.
#[derive(Default)]
pub(super) struct Store {
    by_state: HashMap<String, (Instant, IpAddr, Pending)>,
}

impl Store {
    /// One more; `false`: this address has as many as one may have.
    pub(super) fn add(&mut self, state: String, pending: Pending, address: IpAddr, now: Instant) -> bool {
        let address = network(address);
        self.by_state.retain(|_, (since, ..)| now.duration_since(*since) < WITHIN);
        if self.by_state.values().filter(|(_, own, _)| *own == address).count() >= OF_ADDRESS_MAX {
            return false;
        }
        if self.by_state.len() >= PENDING_MAX {
            let oldest = self.by_state.iter().min_by_key(|(_, (since, ..))| *since).map(|(state, _)| state.clone());
            oldest.iter().for_each(|state| _ = self.by_state.remove(state));
        }
        self.by_state.insert(state, (now, address, pending));
        true
    }

    /// The one that is back; each comes back once.
    pub(super) fn take(&mut self, state: &str, now: Instant) -> Option<Pending> {
        let (since, _, pending) = self.by_state.remove(state)?;
        (now.duration_since(since) < WITHIN).then_some(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        Pending { nonce: "n".into(), verifier: "v".into(), browser: "b".into() }
    }

    #[test]
    fn a_login_comes_back_once_and_in_time() {
        let (mut store, now, here) = (Store::default(), Instant::now(), IpAddr::from([127, 0, 0, 1]));
        assert!(store.add("s".into(), pending(), here, now) && store.add("t".into(), pending(), here, now));
        assert_eq!(store.take("u", now), None);
        assert_eq!(store.take("s", now), Some(pending()));
        assert_eq!(store.take("s", now), None, "used up");
        assert_eq!(store.take("t", now + WITHIN), None, "too late");
    }

    #[test]
    fn logins_under_way_are_bounded() {
        let (mut store, now) = (Store::default(), Instant::now());
        let address = |n: usize| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        let added = (0..OF_ADDRESS_MAX + 5).filter(|n| store.add(n.to_string(), pending(), address(0), now)).count();
        assert_eq!(added, OF_ADDRESS_MAX);
        // Time passes, so that there is an oldest.
        let later = |n: usize| now + Duration::from_millis(n as u64);
        (1..=20).for_each(|n| (0..OF_ADDRESS_MAX).for_each(|m| assert!(store.add(format!("{n} {m}"), pending(), address(n), later(n)))));
        assert_eq!(store.by_state.len(), PENDING_MAX);
        assert!(store.take("0", later(21)).is_none() && store.take("20 0", later(21)).is_some());
        assert!(store.add("x".into(), pending(), address(0), now + WITHIN + WITHIN));
        assert_eq!(store.by_state.len(), 1);
    }
}
