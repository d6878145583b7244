//! What a user has published: the table of instances with their versions (`spec/ms-pres.md` 5.1, 6.1).
use super::Activity;
use std::collections::BTreeMap;
use uc_core::time::Mono;

/// `userState` that stands until it is taken away (`spec/ms-pres.md` 5.4).
pub const USER_STATE: u32 = 0x2000_0000;
/// `userState` with a time limit.
pub const TIMED_USER_STATE: u32 = 0x2400_0000;
/// `machineState` of the endpoint a script plays.
pub(super) const SCRIPT_MACHINE: u32 = 0x3000_0001;
/// `calendarState` of the endpoint a script plays.
pub(super) const SCRIPT_CALENDAR: u32 = 0x4000_0001;
/// `phoneState` of the endpoint a script plays.
pub(super) const SCRIPT_PHONE: u32 = 0x8000_0001;
/// `phoneState` that PUBLISH with PIDF makes.
pub(super) const PIDF_PHONE: u32 = 0x9000_0001;
/// The server's own `aggregateState`.
pub(super) const AGGREGATE: u32 = 1;
/// Author of what a script publishes: the user's own client.
pub const OWN_CLIENT: &str = "own-client";

/// Name of a publication: category, instance, container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `state`, `note`, ...
    pub category: String,
    /// Data source.
    pub instance: u32,
    /// Container.
    pub container: u32,
}

impl Key {
    /// A name.
    #[must_use]
    pub fn new(category: &str, instance: u32, container: u32) -> Self {
        Self { category: category.to_owned(), instance, container }
    }
}

/// How long a publication lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireType {
    /// Until it is deleted.
    Static,
    /// Until the last endpoint of the user unregisters.
    User,
    /// Until its endpoint unregisters.
    Endpoint,
    /// Until its time is over.
    Time,
}

impl ExpireType {
    /// As written in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::User => "user",
            Self::Endpoint => "endpoint",
            Self::Time => "time",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Static, Self::User, Self::Endpoint, Self::Time].into_iter().find(|e| e.as_str() == text)
    }
}

/// Which of the states that are aggregated (`spec/ms-pres.md` 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// The user chose it.
    User,
    /// Keyboard and mouse of an endpoint.
    Machine,
    /// A call.
    Phone,
    /// An appointment.
    Calendar,
}

impl StateKind {
    /// `xsi:type`
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "userState",
            Self::Machine => "machineState",
            Self::Phone => "phoneState",
            Self::Calendar => "calendarState",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Machine, Self::Phone, Self::Calendar].into_iter().find(|k| k.as_str() == text)
    }
}

/// An activity and the availability numbers it is shown with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranged {
    /// What is shown.
    pub activity: Activity,
    /// `minAvailability`
    pub min: u32,
    /// `maxAvailability`
    pub max: u32,
}

/// A published `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValue {
    /// `xsi:type`
    pub kind: StateKind,
    /// Number, if there is one.
    pub availability: Option<u32>,
    /// Activities in order.
    pub activities: Vec<Ranged>,
}

impl StateValue {
    pub(super) fn new(kind: StateKind, availability: u32, activity: Activity) -> Self {
        let activities = if activity == Activity::None { Vec::new() } else { vec![Ranged { activity, min: 0, max: u32::MAX }] };
        Self { kind, availability: Some(availability), activities }
    }

    /// What is shown beside this number.
    pub(super) fn activity_for(&self, availability: u32) -> Activity {
        self.activities.iter().find(|a| (a.min..=a.max).contains(&availability)).map(|a| a.activity.clone()).unwrap_or_default()
    }
}

/// What a publication says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A state.
    State(StateValue),
    /// A note; empty: none is shown.
    Note(String),
    /// Anything else: kept, given back, not understood.
    Other,
}

/// One publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Rises by one with each change; starts at 1.
    pub version: u32,
    /// Lifetime.
    pub expire: ExpireType,
    /// When a time-bound one ends.
    pub expires_at: Option<Mono>,
    /// Lifetime it was published with, seconds.
    pub expires_s: Option<u32>,
    /// epid of the endpoint that wrote it, [`OWN_CLIENT`] for a script's.
    pub author: String,
    /// What it says.
    pub value: Value,
    /// publishTime, Unix milliseconds.
    pub unix_ms: u64,
    /// Registered endpoint it is bound to.
    pub(super) endpoint: Option<String>,
    /// Which is newer: equal within one request.
    pub(super) order: u64,
    /// The element as it was published; empty: to be printed from `value`.
    pub(super) raw: String,
}

impl Publication {
    /// `endpointId`: the registered instance it is bound to, or nothing.
    pub(super) fn endpoint_id(&self) -> &str {
        self.endpoint.as_deref().and_then(|key| key.split(' ').nth(1)).unwrap_or_default()
    }
}

/// One thing a publisher wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) version: u32,
    pub(super) expire: ExpireType,
    pub(super) expires_s: Option<u32>,
    /// What to publish; `None`: delete.
    pub(super) value: Option<(Value, String)>,
}

/// A version that is not the current one: position (from 1), sent, current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) index: usize,
    pub(super) sent: u32,
    pub(super) current: u32,
}

/// All publications of one user.
#[derive(Clone, Debug, Default)]
pub(super) struct Publications {
    rows: BTreeMap<Key, Publication>,
    /// Something was published and not all was withdrawn by the script: there is an aggregate, if only offline.
    pub(super) aggregated: bool,
    /// Version of the aggregated instances.
    pub(super) aggregate_version: u32,
}

impl Publications {
    pub(super) fn get(&self, key: &Key) -> Option<&Publication> {
        self.rows.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Publication)> {
        self.rows.iter()
    }

    /// States that are aggregated for this container's readers.
    pub(super) fn states(&self, container: u32) -> impl Iterator<Item = (&Key, &Publication, &StateValue)> {
        let in_container = self.rows.iter().filter(move |(k, _)| k.container == container && k.category == "state");
        in_container.filter_map(|(k, p)| if let Value::State(state) = &p.value { Some((k, p, state)) } else { None })
    }

    /// The newest note of a container.
    pub(super) fn note(&self, container: u32) -> Option<&Publication> {
        self.rows.iter().filter(|(k, _)| k.container == container && k.category == "note").map(|(_, p)| p).max_by_key(|p| p.order)
    }

    /// Which of the wanted changes name a version that is not the current one; 0 is the version of what does not exist.
    pub(super) fn conflicts(&self, wanted: &[Wanted]) -> Vec<Conflict> {
        let check = |(at, w): (usize, &Wanted)| {
            let current = self.rows.get(&w.key).map_or(0, |p| p.version);
            (w.version != current).then_some(Conflict { index: at + 1, sent: w.version, current })
        };
        wanted.iter().enumerate().filter_map(check).collect()
    }

    /// Writes one instance over whatever stands there.
    pub(super) fn put(&mut self, key: Key, mut new: Publication) {
        new.version = self.rows.get(&key).map_or(0, |p| p.version).saturating_add(1);
        self.aggregated = true;
        self.rows.insert(key, new);
    }

    /// Takes one instance away; whether it was there.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        self.rows.remove(key).is_some()
    }

    /// Takes away what `gone` says; the names.
    pub(super) fn remove_where(&mut self, gone: impl Fn(&Key, &Publication) -> bool) -> Vec<Key> {
        let keys: Vec<Key> = self.rows.iter().filter(|(k, p)| gone(k, p)).map(|(k, _)| k.clone()).collect();
        for key in &keys {
            self.rows.remove(key);
        }
        keys
    }

    /// When the next time-bound instance ends.
    pub(super) fn next_expiry(&self) -> Option<Mono> {
        self.rows.values().filter_map(|p| p.expires_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(expire: ExpireType) -> Publication {
        let value = Value::Note("x".to_owned());
        Publication {
            version: 0,
            expire,
            expires_at: None,
            expires_s: None,
            author: "e".to_owned(),
            value,
            unix_ms: 1,
            endpoint: None,
            order: 1,
            raw: String::new(),
        }
    }

    #[test]
    fn versions_rise_from_one_and_start_again_after_a_deletion() {
        let mut table = Publications::default();
        let key = Key::new("note", 0, 200);
        let wanted = |version| [Wanted { key: key.clone(), version, expire: ExpireType::Static, expires_s: None, value: None }];
        assert_eq!(table.conflicts(&wanted(0)), []);
        assert_eq!(table.conflicts(&wanted(3)), [Conflict { index: 1, sent: 3, current: 0 }]);
        table.put(key.clone(), row(ExpireType::Static));
        table.put(key.clone(), row(ExpireType::Static));
        assert_eq!(table.get(&key).unwrap().version, 2);
        assert_eq!(table.conflicts(&wanted(1)), [Conflict { index: 1, sent: 1, current: 2 }]);
        assert!(table.remove(&key) && !table.remove(&key));
        table.put(key.clone(), row(ExpireType::Time));
        assert_eq!(table.get(&key).unwrap().version, 1);
        assert_eq!(table.remove_where(|_, p| p.expire == ExpireType::Time), [key]);
    }
}
