//! Who is who: persons, SIP URIs, DNs and login codes, with dense ids that survive a re-configuration.
//!
//! Look-ups by text use a hash table with a fixed hash function. Only configured names are in it, so a peer cannot grow it or force collisions; its order
//! is never used.
mod by_number;
mod groups;

pub(crate) use groups::group_names;

use crate::config::{Config, Person, PersonDn};
use crate::id::{DnId, SwitchId, UserId};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use by_number::ByNumber;
use groups::ByGroup;
use hashbrown::HashTable;

/// Persons and their DNs under dense ids.
#[derive(Clone, Debug)]
pub struct Directory {
    config: Arc<Config>,
    ids: Ids,
    by_uri: HashTable<u32>,
    by_dn: ByNumber,
    by_login: HashTable<u32>,
    by_employee: HashTable<u32>,
    by_group: ByGroup,
}

/// Who has which id: what of a directory belongs into a checkpoint.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ids {
    users: Vec<UserEntry>,
    dns: Vec<DnEntry>,
    free_users: Vec<u32>,
    /// Oldest first: an id is used again as late as possible.
    free_dns: VecDeque<u32>,
    /// DNs that re-configurations removed, until their id is used again: their numbers are still needed to un-register them.
    departed: BTreeMap<DnId, PersonDn>,
    /// DNs without a static owner, for free seating.
    seats: BTreeMap<DnId, PersonDn>,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct UserEntry {
    /// Index in `config.people`; `NONE` when the id is free.
    person: u32,
    first_dn: u32,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct DnEntry {
    user: u32,
    /// Index in the person's `dns`.
    at: u32,
    /// Next DN of the same user.
    next: u32,
}

const NONE: u32 = u32::MAX;
/// In the place of a user: the DN is a seat, nobody owns it.
const SEAT: u32 = u32::MAX - 1;

/// What a re-configuration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New workers.
    pub added_users: Vec<UserId>,
    /// Workers whose SIP URI is new: watched anew.
    pub rewatched_users: Vec<UserId>,
    /// Workers that are gone, with the URI they were watched under.
    pub removed_users: Vec<(UserId, Box<str>)>,
    /// URIs no longer watched although the worker stays.
    pub unwatched: Vec<(UserId, Box<str>)>,
    /// New DNs.
    pub added_dns: Vec<DnId>,
    /// DNs that are gone: number and switch.
    pub removed_dns: Vec<(DnId, PersonDn)>,
    /// DNs whose login code, queue or password reference changed.
    pub relogin_dns: Vec<DnId>,
}

impl Directory {
    /// The directory of a first configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let empty = Arc::new(config.without_people());
        let mut it = Self {
            config: empty,
            ids: Ids::default(),
            by_uri: HashTable::new(),
            by_dn: ByNumber::default(),
            by_login: HashTable::new(),
            by_employee: HashTable::new(),
            by_group: ByGroup::new(),
        };
        it.apply(config);
        it
    }

    /// The directory that had these ids under this configuration.
    pub(crate) fn with_ids(config: Arc<Config>, ids: Ids) -> Self {
        let table = HashTable::new;
        let mut it = Self { config, ids, by_uri: table(), by_dn: ByNumber::default(), by_login: table(), by_employee: table(), by_group: ByGroup::new() };
        it.rebuild_index();
        it
    }

    pub(crate) const fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Replaces the configuration; ids of persons (by employee id) and of DNs (same person, number and switch) stay.
    pub fn apply(&mut self, config: Arc<Config>) -> Changes {
        let mut changes = Changes::default();
        let old_config = core::mem::replace(&mut self.config, Arc::clone(&config));
        let mut old: BTreeMap<&str, u32> = BTreeMap::new();
        for (id, entry) in self.ids.users.iter().enumerate() {
            if let Some(person) = old_config.people.get(entry.person as usize) {
                old.insert(&person.employee_id, id as u32);
            }
        }
        self.ids.users.reserve(config.people.len().saturating_sub(self.ids.users.len()));
        let mut fresh: Vec<u32> = Vec::new();
        for (at, person) in config.people.iter().enumerate() {
            match old.remove(&*person.employee_id) {
                Some(id) => self.keep_user(id, at as u32, &old_config, &mut changes),
                None => fresh.push(at as u32),
            }
        }
        for (_, id) in old {
            let before = &old_config.people[self.ids.users[id as usize].person as usize];
            self.drop_dns(UserId(id), before, &[], &mut changes);
            self.ids.users[id as usize] = UserEntry { person: NONE, first_dn: NONE };
            changes.removed_users.push((UserId(id), before.sip_uri.clone()));
            self.ids.free_users.push(id);
        }
        self.drop_seats(&mut changes);
        // Ids freed just now are not given out in the same step: what is removed and what is added stay apart in every machine.
        let held = core::mem::take(&mut self.ids.free_users);
        let (reusable, just_freed) = held.split_at(held.len() - changes.removed_users.len());
        self.ids.free_users = reusable.to_vec();
        let just_freed = just_freed.to_vec();
        let just_freed_dns = self.ids.free_dns.split_off(self.ids.free_dns.len() - changes.removed_dns.len());
        for at in fresh {
            let id = self.ids.free_users.pop().unwrap_or_else(|| {
                self.ids.users.push(UserEntry { person: NONE, first_dn: NONE });
                self.ids.users.len() as u32 - 1
            });
            self.ids.users[id as usize] = UserEntry { person: at, first_dn: NONE };
            changes.added_users.push(UserId(id));
            self.add_dns(UserId(id), &mut changes);
        }
        // DNs of kept persons are added last for the same reason.
        let mut added = changes.added_users.clone();
        added.sort_unstable();
        for id in 0..self.ids.users.len() as u32 {
            if self.ids.users[id as usize].person != NONE && added.binary_search(&UserId(id)).is_err() {
                self.add_dns(UserId(id), &mut changes);
            }
        }
        self.add_seats(&mut changes);
        self.ids.free_users.extend(just_freed);
        self.ids.free_dns.extend(just_freed_dns);
        self.ids.departed.extend(changes.removed_dns.iter().cloned());
        self.rebuild_index();
        changes
    }

    fn keep_user(&mut self, id: u32, at: u32, old_config: &Config, changes: &mut Changes) {
        let config = Arc::clone(&self.config);
        let before = &old_config.people[self.ids.users[id as usize].person as usize];
        let now = &config.people[at as usize];
        if !same_uri(&before.sip_uri, &now.sip_uri) {
            if !before.sip_uri.is_empty() {
                changes.unwatched.push((UserId(id), before.sip_uri.clone()));
            }
            if !now.sip_uri.is_empty() {
                changes.rewatched_users.push(UserId(id));
            }
        }
        self.drop_dns(UserId(id), before, &now.dns, changes);
        let relogin = before.agent_login != now.agent_login || before.login_queue != now.login_queue || before.password_ref != now.password_ref;
        // Re-number what stays.
        let mut dn = self.ids.users[id as usize].first_dn;
        while dn != NONE {
            let entry = &mut self.ids.dns[dn as usize];
            let number = &before.dns[entry.at as usize];
            entry.at = now.dns.iter().position(|d| d == number).map_or(NONE, |i| i as u32);
            if relogin {
                changes.relogin_dns.push(DnId(dn));
            }
            dn = entry.next;
        }
        self.ids.users[id as usize].person = at;
    }

    /// Unlinks the DNs of `user` that are not in `keep`.
    fn drop_dns(&mut self, user: UserId, before: &Person, keep: &[PersonDn], changes: &mut Changes) {
        let mut previous = NONE;
        let mut dn = self.ids.users[user.index()].first_dn;
        while dn != NONE {
            let DnEntry { at, next, .. } = self.ids.dns[dn as usize];
            let number = &before.dns[at as usize];
            if keep.contains(number) {
                previous = dn;
            } else {
                if previous == NONE {
                    self.ids.users[user.index()].first_dn = next;
                } else {
                    self.ids.dns[previous as usize].next = next;
                }
                self.ids.dns[dn as usize] = DnEntry { user: NONE, at: NONE, next: NONE };
                changes.removed_dns.push((DnId(dn), number.clone()));
                self.ids.free_dns.push_back(dn);
            }
            dn = next;
        }
    }

    /// Links the DNs of `user`'s person that have no id yet.
    fn add_dns(&mut self, user: UserId, changes: &mut Changes) {
        let config = Arc::clone(&self.config);
        let person = &config.people[self.ids.users[user.index()].person as usize];
        for at in 0..person.dns.len() as u32 {
            if self.dns_of(user).any(|dn| self.ids.dns[dn.index()].at == at) {
                continue;
            }
            let id = self.new_dn();
            self.ids.dns[id as usize] = DnEntry { user: user.0, at, next: NONE };
            match self.dns_of(user).last() {
                Some(last) => self.ids.dns[last.index()].next = id,
                None => self.ids.users[user.index()].first_dn = id,
            }
            changes.added_dns.push(DnId(id));
        }
    }

    /// The seats of the configuration: free DNs that no person owns.
    fn seats_wanted(&self) -> BTreeSet<(u16, Box<str>)> {
        let mut wanted: BTreeSet<(u16, Box<str>)> = BTreeSet::new();
        if self.config.presence.free_seating {
            for (switch, at) in self.config.cti.switches.iter().zip(0..) {
                wanted.extend(switch.free_dns.iter().map(|number| (at, number.clone())));
            }
        }
        if !wanted.is_empty() {
            for dn in self.config.people.iter().flat_map(|person| &person.dns) {
                wanted.remove(&(dn.switch, dn.number.clone()));
            }
        }
        wanted
    }

    fn drop_seats(&mut self, changes: &mut Changes) {
        let wanted = self.seats_wanted();
        let gone: Vec<DnId> = self.ids.seats.iter().filter(|(_, dn)| !wanted.contains(&(dn.switch, dn.number.clone()))).map(|(id, _)| *id).collect();
        for id in gone {
            let Some(number) = self.ids.seats.remove(&id) else { continue };
            self.ids.dns[id.index()] = DnEntry { user: NONE, at: NONE, next: NONE };
            changes.removed_dns.push((id, number));
            self.ids.free_dns.push_back(id.0);
        }
    }

    fn add_seats(&mut self, changes: &mut Changes) {
        let mut wanted = self.seats_wanted();
        for dn in self.ids.seats.values() {
            wanted.remove(&(dn.switch, dn.number.clone()));
        }
        for (switch, number) in wanted {
            let id = self.new_dn();
            self.ids.dns[id as usize] = DnEntry { user: SEAT, at: NONE, next: NONE };
            self.ids.seats.insert(DnId(id), PersonDn { number, switch });
            changes.added_dns.push(DnId(id));
        }
    }

    fn new_dn(&mut self) -> u32 {
        let id = self.ids.free_dns.pop_front().unwrap_or_else(|| {
            self.ids.dns.push(DnEntry { user: NONE, at: NONE, next: NONE });
            self.ids.dns.len() as u32 - 1
        });
        self.ids.departed.remove(&DnId(id));
        id
    }

    fn rebuild_index(&mut self) {
        let (mut by_uri, mut by_dn) = (HashTable::with_capacity(self.ids.users.len()), ByNumber::with_capacity(self.ids.dns.len()));
        for user in self.users() {
            let uri = self.uri(user);
            if !uri.is_empty() {
                let hash = |id: &u32| hash_uri(self.uri(UserId(*id)));
                by_uri.insert_unique(hash_uri(uri), user.0, hash);
            }
            for dn in self.dns_of(user) {
                by_dn.insert(dn, self.switch_of(dn), self.number(dn), |dn| self.number(dn));
            }
        }
        for dn in self.ids.seats.keys() {
            by_dn.insert(*dn, self.switch_of(*dn), self.number(*dn), |dn| self.number(dn));
        }
        self.by_login = self.index_people(|person| &person.agent_login);
        self.by_employee = self.index_people(|person| &person.employee_id);
        self.by_uri = by_uri;
        self.by_dn = by_dn;
        self.by_group = self.index_groups();
    }

    /// By a text of the person that names one worker; empty ones name nobody.
    fn index_people(&self, text: impl Fn(&Person) -> &str) -> HashTable<u32> {
        let mut index: HashTable<u32> = HashTable::new();
        for user in self.users() {
            let name = text(self.person(user));
            let hash = |id: &u32| mix(text(self.person(UserId(*id))).as_bytes(), 0);
            if !name.is_empty() && index.find(hash(&user.0), |id| text(self.person(UserId(*id))) == name).is_none() {
                index.insert_unique(hash(&user.0), user.0, hash);
            }
        }
        index
    }

    /// The worker with this login code; of several the first.
    #[must_use]
    pub fn user_by_login(&self, login: &str) -> Option<UserId> {
        self.by_login.find(mix(login.as_bytes(), 0), |id| *self.person(UserId(*id)).agent_login == *login).map(|id| UserId(*id))
    }

    /// The worker with this SIP URI; scheme and case do not matter (`spec/ms-pres.md` 8, rows 9 and 10).
    #[must_use]
    pub fn user_by_uri(&self, uri: &str) -> Option<UserId> {
        self.by_uri.find(hash_uri(uri), |id| same_uri(self.uri(UserId(*id)), uri)).map(|id| UserId(*id))
    }

    /// The DN with this number on this switch.
    #[must_use]
    pub fn dn_by_number(&self, switch: SwitchId, number: &str) -> Option<DnId> {
        self.by_dn.find(switch, number, |dn| self.number(dn))
    }

    /// The worker with this employee id.
    #[must_use]
    pub fn user_by_employee(&self, employee_id: &str) -> Option<UserId> {
        let is_it = |id: &u32| *self.person(UserId(*id)).employee_id == *employee_id;
        self.by_employee.find(mix(employee_id.as_bytes(), 0), is_it).map(|id| UserId(*id))
    }

    /// Whether the id is in use.
    #[must_use]
    pub fn has_user(&self, user: UserId) -> bool {
        self.ids.users.get(user.index()).is_some_and(|u| u.person != NONE)
    }

    /// Whether the id is in use.
    #[must_use]
    pub fn has_dn(&self, dn: DnId) -> bool {
        self.ids.dns.get(dn.index()).is_some_and(|d| d.user != NONE)
    }

    /// All workers, by id.
    pub fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.ids.users.iter().enumerate().filter(|(_, u)| u.person != NONE).map(|(id, _)| UserId(id as u32))
    }

    /// All DNs, by id.
    pub fn dns(&self) -> impl Iterator<Item = DnId> + '_ {
        self.ids.dns.iter().enumerate().filter(|(_, d)| d.user != NONE).map(|(id, _)| DnId(id as u32))
    }

    /// One more than the highest user id ever used: the length of dense tables.
    #[must_use]
    pub fn user_slots(&self) -> usize {
        self.ids.users.len()
    }

    /// One more than the highest DN id ever used.
    #[must_use]
    pub fn dn_slots(&self) -> usize {
        self.ids.dns.len()
    }

    /// The person behind a worker.
    ///
    /// # Panics
    /// If the id is not in use; ids come from this directory.
    #[must_use]
    pub fn person(&self, user: UserId) -> &Person {
        &self.config.people[self.ids.users[user.index()].person as usize]
    }

    /// The worker's SIP URI, empty when not watched.
    #[must_use]
    pub fn uri(&self, user: UserId) -> &str {
        &self.person(user).sip_uri
    }

    /// The DNs of a worker.
    pub fn dns_of(&self, user: UserId) -> impl Iterator<Item = DnId> + '_ {
        let first = self.ids.users[user.index()].first_dn;
        core::iter::successors((first != NONE).then_some(DnId(first)), |dn| {
            let next = self.ids.dns[dn.index()].next;
            (next != NONE).then_some(DnId(next))
        })
    }

    /// The worker a DN belongs to by configuration; `None` of a seat, whose worker only [`crate::Connector::user_of`] knows.
    #[must_use]
    pub fn owner(&self, dn: DnId) -> Option<UserId> {
        Some(UserId(self.ids.dns[dn.index()].user)).filter(|user| user.0 < SEAT)
    }

    fn person_dn(&self, dn: DnId) -> &PersonDn {
        let entry = self.ids.dns[dn.index()];
        match entry.user {
            SEAT => &self.ids.seats[&dn],
            NONE if self.ids.departed.contains_key(&dn) => &self.ids.departed[&dn],
            _ => &self.person(UserId(entry.user)).dns[entry.at as usize],
        }
    }

    /// The DN's number. Also of a DN that a re-configuration removed, until its id is used again.
    #[must_use]
    pub fn number(&self, dn: DnId) -> &str {
        &self.person_dn(dn).number
    }

    /// The DN's number, of a DN in use or one that a re-configuration removed; `None` of any other id.
    #[must_use]
    pub fn number_if_known(&self, dn: DnId) -> Option<&str> {
        (self.has_dn(dn) || self.ids.departed.contains_key(&dn)).then(|| self.number(dn))
    }

    /// The DN's switch.
    #[must_use]
    pub fn switch_of(&self, dn: DnId) -> SwitchId {
        SwitchId(self.person_dn(dn).switch)
    }
}

/// Whether two SIP URIs name the same user: scheme and case do not matter, parameters do not count.
#[must_use]
pub fn same_uri(a: &str, b: &str) -> bool {
    bare(a).eq_ignore_ascii_case(bare(b))
}

/// The `user@host` part: without scheme and parameters.
fn bare(uri: &str) -> &str {
    let rest = match uri.as_bytes() {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => &uri[4..],
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => &uri[5..],
        _ => uri,
    };
    rest.split(';').next().unwrap_or(rest)
}

fn hash_uri(uri: &str) -> u64 {
    mix(bare(uri).as_bytes(), 0x20)
}

/// Multiply-rotate over eight bytes at a time; `fold` is or-ed into every byte (0x20 folds ASCII case).
pub(crate) fn mix(bytes: &[u8], fold: u8) -> u64 {
    let mask = u64::from_ne_bytes([fold; 8]);
    let step = |hash: u64, word: u64| (hash ^ (word | mask)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = words.iter().fold(bytes.len() as u64, |hash, word| step(hash, u64::from_le_bytes(*word)));
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    hash = step(hash, u64::from_le_bytes(tail));
    hash ^ (hash >> 29)
}
