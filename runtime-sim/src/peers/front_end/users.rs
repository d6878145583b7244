//! The truth: who exists, what each has published, where they are homed.
use super::aggregate::OFFLINE;
use super::publication::{Key, Publications, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use uc_core::time::Mono;

/// Activity of a published state (`spec/ms-pres.md` 5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// None.
    #[default]
    None,
    /// A token such as `on-the-phone`.
    Token(String),
    /// Custom text, LCID 1033.
    Custom(String),
}

impl Activity {
    /// A token; the empty one is no activity.
    #[must_use]
    pub fn token(token: &str) -> Self {
        if token.is_empty() { Self::None } else { Self::Token(token.to_owned()) }
    }
}

/// What a user has published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Number of `aggregateState`; `None`: nothing published, or withdrawn.
    pub availability: Option<u32>,
    /// Activity.
    pub activity: Activity,
    /// Personal note; empty: none.
    pub note: String,
    /// publishTime of the state, Unix milliseconds.
    pub state_unix_ms: u64,
    /// publishTime of the note, Unix milliseconds.
    pub note_unix_ms: u64,
}

/// Where a user is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// By this pool.
    #[default]
    Here,
    /// By the pool of that name: `resubscribe` with `poolFqdn`; a batch sent to that name is served.
    Pool(String),
    /// By another company: `resubscribe` without `poolFqdn`; a single SUBSCRIBE is served.
    Federated,
    /// Blocks us: `terminated;reason=rejected`.
    Blocked,
    /// Has not yet allowed us: `pending`.
    Pending,
}

/// Which categories of a user changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) state: bool,
    pub(super) note: bool,
}

impl Changed {
    pub(super) const ALL: Self = Self { state: true, note: true };

    pub(super) const fn merge(self, other: Self) -> Self {
        Self { state: self.state || other.state, note: self.note || other.note }
    }
}

/// A group of watchers that see the same (`spec/ms-pres.md` 5.6).
#[derive(Clone, Debug, Default)]
pub(super) struct Container {
    pub(super) version: u32,
    /// Type and value of each member.
    pub(super) members: BTreeSet<(String, String)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) uri: String,
    pub(super) home: Home,
    /// What colleagues (container 200) see.
    pub(super) presence: Presence,
    /// What the workgroup's aggregate is: container 3.
    pub(super) workgroup: (Option<u32>, Activity),
    /// When the next publication ends by itself.
    pub(super) expiry: Option<Mono>,
    /// What `presence` was before the last change.
    pub(super) before: Presence,
    /// Dialogs that watch this user.
    pub(super) watched_by: BTreeSet<u32>,
    /// What the user's endpoints, and those that act for the user, have published.
    pub(super) published: Publications,
    /// Containers somebody has changed; the others stand at version 0 without members.
    pub(super) containers: BTreeMap<u32, Container>,
    /// The contact list, kept by the server.
    pub(super) contacts: Vec<String>,
    /// Dialogs of the user's own endpoints: roaming-self.
    pub(super) followed_by: BTreeSet<u32>,
    /// Publications are answered with this status.
    pub(super) refusal: Option<u16>,
    /// What a script published while nobody was subscribed, and nobody has read since.
    pub(super) unread: BTreeSet<Key>,
    /// Of these, what an endpoint has written over: it named the right version without having read it.
    pub(super) written_over: BTreeSet<Key>,
}

impl User {
    /// What the members of a container see (`spec/ms-pres.md` 5.5, 5.6).
    pub(super) fn view(&self, container: u32) -> Cow<'_, Presence> {
        let note = || match self.published.note(container) {
            Some(row) if let Value::Note(text) = &row.value => (text.clone(), row.unix_ms),
            _ => (String::new(), self.presence.note_unix_ms),
        };
        let with_note = |base: Presence| {
            let (note, note_unix_ms) = note();
            Cow::Owned(Presence { note, note_unix_ms, ..base })
        };
        match container {
            2 | 200 => Cow::Borrowed(&self.presence),
            300 => {
                let (availability, activity) = self.workgroup.clone();
                with_note(Presence { availability, activity, ..self.presence.clone() })
            }
            100 => with_note(Presence { activity: Activity::None, ..self.presence.clone() }),
            400 => with_note(self.presence.clone()),
            32_000 => Cow::Owned(Presence { availability: Some(OFFLINE), ..Presence::default() }),
            _ => Cow::Owned(Presence::default()),
        }
    }

    /// Which container a watcher is in: the class that fits best, in it the highest number (`spec/ms-pres.md` 5.6). Whoever is in none is a colleague when of the
    /// same domain, else external: the members a deployment gives its containers by itself.
    pub(super) fn container_of(&self, watcher: &str) -> u32 {
        fn domain(uri: &str) -> &str {
            uri.rsplit('@').next().unwrap_or_default()
        }
        let colleague = domain(&self.uri).eq_ignore_ascii_case(domain(watcher));
        let usual = if colleague { 200 } else { 100 };
        if self.containers.is_empty() {
            return usual;
        }
        let name = watcher.strip_prefix("sip:").unwrap_or(watcher);
        // The classes in their order; `None`: any value.
        let company = if colleague { "sameEnterprise" } else { "federated" };
        let classes = [("user", Some(name)), ("domain", Some(domain(watcher))), (company, None), ("everyone", None)];
        let of_class = |(kind, value): (&str, Option<&str>)| {
            let is_one = |(k, v): &(String, String)| k == kind && value.is_none_or(|value| v.strip_prefix("sip:").unwrap_or(v).eq_ignore_ascii_case(value));
            self.containers.iter().filter(|(_, c)| c.members.iter().any(is_one)).map(|(id, _)| *id).max()
        };
        classes.into_iter().find_map(of_class).unwrap_or(usual)
    }
}

/// All users, found by lower-case URI.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    index: BTreeMap<String, usize>,
    all: Vec<User>,
}

impl Users {
    pub(super) fn find(&self, uri: &str) -> Option<usize> {
        self.index.get(&uri.to_ascii_lowercase()).copied()
    }

    pub(super) fn find_or_add(&mut self, uri: &str) -> usize {
        self.find(uri).unwrap_or_else(|| {
            self.index.insert(uri.to_ascii_lowercase(), self.all.len());
            self.all.push(User { uri: uri.to_owned(), ..User::default() });
            self.all.len() - 1
        })
    }

    pub(super) fn at(&self, user: usize) -> &User {
        &self.all[user]
    }

    pub(super) fn at_mut(&mut self, user: usize) -> &mut User {
        &mut self.all[user]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &User> {
        self.all.iter()
    }
}
