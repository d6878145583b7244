//! The truth: who exists, what each has published, where they are homed.
use std::collections::{BTreeMap, BTreeSet};

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

#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) uri: String,
    pub(super) home: Home,
    pub(super) presence: Presence,
    /// What `presence` was before the last change.
    pub(super) before: Presence,
    /// Dialogs that watch this user.
    pub(super) watched_by: BTreeSet<u32>,
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
