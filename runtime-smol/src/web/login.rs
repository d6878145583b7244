//! Logging in: who may, how often, and that a wrong name costs as much as a wrong password.
use super::door::network;
use super::password;
use super::talk::Who;
use smol::lock::Semaphore;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uc_core::Config;

/// Passwords verified at once: each takes a core for about 20 ms and 19 MiB.
const AT_ONCE: usize = 2;
/// Logins that may wait for that.
const WAITING_MAX: usize = 256;
/// Wrong tries for one name in a row, and how long each takes to be forgotten.
const OF_NAME: (u32, Duration) = (10, Duration::from_secs(30));
/// The same for one address: an office may be behind it.
const OF_ADDRESS: (u32, Duration) = (60, Duration::from_secs(2));
/// Links that do not work, opened from one address: an office may be behind it.
const OF_LINKS: (u32, Duration) = (60, Duration::from_secs(2));
/// Names and addresses remembered.
const REMEMBERED_MAX: usize = 20_000;
/// Longest name.
const NAME_BYTES_MAX: usize = 256;

/// Wrong tries, slowly forgotten.
struct Tries<K> {
    by_key: HashMap<K, (u32, Instant)>,
    most: u32,
    forget: Duration,
}

impl<K: Hash + Eq + Clone> Tries<K> {
    fn new((most, forget): (u32, Duration)) -> Self {
        Self { by_key: HashMap::new(), most, forget }
    }

    /// Wrong tries that still count.
    fn count(&self, key: &K, now: Instant) -> u32 {
        let Some((tries, since)) = self.by_key.get(key) else { return 0 };
        let forgotten = now.duration_since(*since).as_millis() / self.forget.as_millis().max(1);
        tries.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }

    /// How long to wait; `None`: not at all.
    fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        (self.count(key, now) >= self.most).then_some(self.forget)
    }

    fn wrong(&mut self, key: &K, now: Instant) {
        let tries = self.count(key, now).saturating_add(1);
        if self.by_key.len() >= REMEMBERED_MAX && !self.by_key.contains_key(key) {
            let over: Vec<K> = self.by_key.keys().filter(|key| self.count(key, now) == 0).cloned().collect();
            over.iter().for_each(|key| _ = self.by_key.remove(key));
            if self.by_key.len() >= REMEMBERED_MAX {
                let oldest = self.by_key.iter().min_by_key(|(_, (_, since))| *since).map(|(key, _)| key.clone());
                oldest.iter().for_each(|key| _ = self.by_key.remove(key));
            }
        }
        self.by_key.insert(key.clone(), (tries.min(self.most), now));
    }

    fn right(&mut self, key: &K) {
        self.by_key.remove(key);
    }
}

/// Who can log in, by name.
pub(super) struct Accounts {
    by_name: HashMap<Box<str>, Account>,
}

#[derive(Clone)]
struct Account {
    who: Who,
    hash: Box<str>,
}

impl Accounts {
    /// Of a configuration: a worker's user name and employee id both name them, in any case of letters.
    pub(super) fn new(config: &Config) -> Self {
        let mut by_name = HashMap::new();
        let able = || config.people.iter().filter(|person| !person.web_password_hash.is_empty());
        // An employee id wins over another's user name.
        for (person, name) in able().map(|p| (p, &p.user_name)).chain(able().map(|p| (p, &p.employee_id))) {
            if !name.is_empty() {
                by_name.insert(name.to_lowercase().into(), Account { who: (*person.employee_id).into(), hash: person.web_password_hash.clone() });
            }
        }
        Self { by_name }
    }
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Name or password: which one is not told.
    Wrong,
    /// Too many wrong tries; again after so long.
    Limited(Duration),
    /// Too many at once.
    Busy,
}

/// The gate.
pub(super) struct Gate {
    accounts: RefCell<Accounts>,
    names: RefCell<Tries<Box<str>>>,
    addresses: RefCell<Tries<IpAddr>>,
    links: RefCell<Tries<IpAddr>>,
    verifying: Arc<Semaphore>,
    waiting: RefCell<usize>,
    /// Verified where the name is wrong, so that it takes as long.
    decoy: Box<str>,
}

impl Gate {
    /// For the workers of a configuration.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            accounts: RefCell::new(Accounts::new(config)),
            names: RefCell::new(Tries::new(OF_NAME)),
            addresses: RefCell::new(Tries::new(OF_ADDRESS)),
            links: RefCell::new(Tries::new(OF_LINKS)),
            verifying: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: RefCell::new(0),
            decoy: password::hash("nobody has this password")?.into(),
        })
    }

    /// Other workers from now on.
    pub(super) fn set_accounts(&self, config: &Config) {
        *self.accounts.borrow_mut() = Accounts::new(config);
    }

    /// How long an address must wait that opened too many links that do not work; `None`: not at all.
    pub(super) fn wait_for_links(&self, address: IpAddr) -> Option<Duration> {
        self.links.borrow().wait(&network(address), Instant::now())
    }

    /// An address opened a link that does not work: it is used, over, or a guess.
    pub(super) fn wrong_link(&self, address: IpAddr) {
        self.links.borrow_mut().wrong(&network(address), Instant::now());
    }

    /// Who this is.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(super) async fn enter(&self, name: &str, password: String, address: IpAddr) -> Result<Who, Refusal> {
        let (name, address): (Box<str>, IpAddr) = (name.trim().to_lowercase().into(), network(address));
        if name.len() > NAME_BYTES_MAX || password.len() > password::BYTES_MAX {
            return Err(Refusal::Wrong);
        }
        let now = Instant::now();
        let wait = self.names.borrow().wait(&name, now).or_else(|| self.addresses.borrow().wait(&address, now));
        if let Some(wait) = wait {
            return Err(Refusal::Limited(wait));
        }
        if *self.waiting.borrow() >= WAITING_MAX {
            return Err(Refusal::Busy);
        }
        // Counted before the verification, so that many tries at once do not slip through together.
        self.names.borrow_mut().wrong(&name, now);
        self.addresses.borrow_mut().wrong(&address, now);
        let account = self.accounts.borrow().by_name.get(&name).cloned();
        let (who, hash) = account.map_or_else(|| (None, self.decoy.clone()), |account| (Some(account.who), account.hash));
        let is_right = {
            let _waits = Waits::new(&self.waiting);
            let _permit = self.verifying.acquire().await;
            smol::unblock(move || password::is_right(&password, &hash)).await
        };
        match who.filter(|_| is_right) {
            Some(who) => {
                self.names.borrow_mut().right(&name);
                self.addresses.borrow_mut().right(&address);
                Ok(who)
            }
            None => Err(Refusal::Wrong),
        }
    }
}

/// Counts who waits, also when they go away.
struct Waits<'a>(&'a RefCell<usize>);

impl<'a> Waits<'a> {
    fn new(count: &'a RefCell<usize>) -> Self {
        *count.borrow_mut() += 1;
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        *self.0.borrow_mut() -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tries_are_counted_and_slowly_forgotten() {
        let mut tries = Tries::new((3, Duration::from_secs(10)));
        let begin = Instant::now();
        for _ in 0..3 {
            assert_eq!(tries.wait(&1, begin), None);
            tries.wrong(&1, begin);
        }
        assert_eq!(tries.wait(&1, begin), Some(Duration::from_secs(10)));
        assert_eq!(tries.wait(&2, begin), None);
        assert_eq!(tries.wait(&1, begin + Duration::from_secs(11)), None);
        tries.right(&1);
        assert_eq!(tries.count(&1, begin), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tries = Tries::new((3, Duration::from_secs(10)));
        let begin = Instant::now();
        (0..REMEMBERED_MAX + 10).for_each(|n| tries.wrong(&n, begin));
        assert_eq!(tries.by_key.len(), REMEMBERED_MAX);
    }
}
