//! What a script does with the users of the pool: it plays the endpoint of each user that has none of its own, moves users, changes who sees what.
//!
//! Everything a script publishes stands in the same table as what real endpoints publish, under [`OWN_CLIENT`]: versions rise, self-subscribers are told, and what
//! others see is the aggregate of all of it.
use super::publication::{
    ExpireType, Key, OWN_CLIENT, Publication, SCRIPT_CALENDAR, SCRIPT_MACHINE, SCRIPT_PHONE, StateKind, StateValue, TIMED_USER_STATE, USER_STATE, Value,
};
use super::publishing::News;
use super::users::Changed;
use super::{Activity, FrontEnd, Home, Mono};
use std::collections::BTreeMap;

/// Who says what a user's state is (`spec/ms-pres.md` 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The user, by hand, until further notice.
    User,
    /// The user, by hand, for a time; the script does not let it expire.
    TimedUser,
    /// Keyboard and mouse: 3500 active, 5000 idle, 15500 away.
    Machine,
    /// A call.
    Phone,
    /// An appointment.
    Calendar,
}

impl Source {
    const fn name(self) -> (StateKind, u32) {
        match self {
            Self::User => (StateKind::User, USER_STATE),
            Self::TimedUser => (StateKind::User, TIMED_USER_STATE),
            Self::Machine => (StateKind::Machine, SCRIPT_MACHINE),
            Self::Phone => (StateKind::Phone, SCRIPT_PHONE),
            Self::Calendar => (StateKind::Calendar, SCRIPT_CALENDAR),
        }
    }
}

/// Containers a client writes notes to.
const NOTES: [u32; 3] = [200, 300, 400];

impl FrontEnd {
    /// A user's presence becomes this: availability, activity and, when given, the note (empty clears it). The user chose it by hand in a client of theirs; what
    /// else the script had published for the user is gone. All watchers are told, also when nothing is new.
    pub fn set_presence(&mut self, now: Mono, uri: &str, availability: u32, activity: Activity, note: Option<&str>) {
        let mut news = self.script(uri);
        let others = [TIMED_USER_STATE, SCRIPT_PHONE, SCRIPT_CALENDAR, SCRIPT_MACHINE];
        let user = self.users.at_mut(news.user);
        let signed_out = availability >= 18_000;
        let keep = |instance: u32| instance == SCRIPT_MACHINE && !signed_out;
        news.keys.extend(user.published.remove_where(|k, p| p.author == OWN_CLIENT && others.contains(&k.instance) && !keep(k.instance)));
        if !signed_out {
            self.put_state(now, &mut news, Source::Machine, 3500, Activity::None);
        }
        self.put_state(now, &mut news, Source::User, availability, activity);
        let changed = note.is_some_and(|n| n != self.users.at(news.user).presence.note);
        if let Some(note) = note.filter(|_| changed) {
            self.put_note(now, &mut news, note);
        }
        news.told = Changed { state: true, note: false };
        self.settle(now, news);
    }

    /// One source says something else about a user's state, or (`None`) nothing any more: idleness, a call, an appointment, the user's own choice. A user without
    /// any machine state is offline whatever the others say; [`Self::set_presence`] signs one in.
    pub fn publish_state(&mut self, now: Mono, uri: &str, source: Source, state: Option<(u32, Activity)>) {
        let mut news = self.script(uri);
        match state {
            Some((availability, activity)) => self.put_state(now, &mut news, source, availability, activity),
            None => {
                let (_, instance) = source.name();
                for key in [2, 3].map(|container| Key::new("state", instance, container)) {
                    self.take_own(&mut news, key);
                }
            }
        }
        self.settle(now, news);
    }

    /// A user's note changes, the state does not. Empty clears it. All watchers are told, also when nothing is new.
    pub fn set_note(&mut self, now: Mono, uri: &str, note: &str) {
        let mut news = self.script(uri);
        self.put_note(now, &mut news, note);
        news.told = Changed { state: false, note: true };
        self.settle(now, news);
    }

    /// A user's note is taken away.
    pub fn clear_note(&mut self, now: Mono, uri: &str) {
        self.set_note(now, uri, "");
    }

    /// Nothing is published about a user's state any more, by whomever: an empty `state` category.
    pub fn withdraw_state(&mut self, now: Mono, uri: &str) {
        let mut news = self.script(uri);
        let user = self.users.at_mut(news.user);
        news.keys.extend(user.published.remove_where(|k, _| k.category == "state"));
        user.published.aggregated = false;
        news.told = Changed { state: true, note: false };
        self.settle(now, news);
    }

    /// Puts a user's watcher (`sip:` URI) into a container by name: 100, 200, 300, 400 or 32000; out of it with `false`.
    pub fn set_member(&mut self, now: Mono, uri: &str, container: u32, watcher: &str, member: bool) {
        let user = self.users.find_or_add(uri);
        let entry = self.users.at_mut(user).containers.entry(container).or_default();
        let name = ("user".to_owned(), watcher.strip_prefix("sip:").unwrap_or(watcher).to_owned());
        let changed = if member { entry.members.insert(name) } else { entry.members.remove(&name) };
        if changed {
            entry.version += 1;
            self.tell_watchers(now, user, Changed::ALL);
        }
    }

    /// The contact list of a user: `sip:` URIs.
    pub fn set_contacts(&mut self, uri: &str, contacts: &[&str]) {
        let user = self.users.find_or_add(uri);
        self.users.at_mut(user).contacts = contacts.iter().map(|c| (*c).to_owned()).collect();
    }

    /// SERVICE and PUBLISH for this user are answered so (403, 404, 413, 480, 503, 504); `None`: no longer.
    pub fn refuse_publications(&mut self, uri: &str, code: Option<u16>) {
        let user = self.users.find_or_add(uri);
        self.users.at_mut(user).refusal = code;
    }

    fn script(&mut self, uri: &str) -> News {
        let order = self.next_order();
        News { order, ..News::of(self.users.find_or_add(uri)) }
    }

    fn put_state(&mut self, now: Mono, news: &mut News, source: Source, availability: u32, activity: Activity) {
        let (kind, instance) = source.name();
        let state = StateValue::new(kind, availability, activity);
        for container in [2, 3] {
            self.put_own(now, news, Key::new("state", instance, container), Value::State(state.clone()));
        }
    }

    fn put_note(&mut self, now: Mono, news: &mut News, note: &str) {
        for key in NOTES.map(|container| Key::new("note", 0, container)) {
            if !note.is_empty() {
                self.put_own(now, news, key, Value::Note(note.to_owned()));
            } else {
                self.take_own(news, key);
            }
        }
    }

    fn take_own(&mut self, news: &mut News, key: Key) {
        let entry = self.users.at_mut(news.user);
        entry.unread.remove(&key);
        entry.written_over.remove(&key);
        if entry.published.remove(&key) {
            news.keys.insert(key);
        }
    }

    fn put_own(&mut self, now: Mono, news: &mut News, key: Key, value: Value) {
        let row = Publication {
            version: 0,
            expire: ExpireType::Static,
            expires_at: None,
            expires_s: None,
            author: OWN_CLIENT.to_owned(),
            value,
            unix_ms: self.config.epoch_unix_ms + now.0,
            endpoint: None,
            order: news.order,
            raw: String::new(),
        };
        let entry = self.users.at_mut(news.user);
        entry.published.put(key.clone(), row);
        entry.written_over.remove(&key);
        if entry.watched_by.is_empty() && entry.followed_by.is_empty() {
            entry.unread.insert(key.clone());
        }
        news.keys.insert(key);
    }

    /// Moves users to another home. Watchers in batch dialogs are told `resubscribe` (or `terminated;rejected`, `pending`), and lose the resource there.
    pub fn migrate(&mut self, now: Mono, uris: &[&str], home: &Home) {
        let mut told: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for uri in uris {
            let user = self.users.find_or_add(uri);
            if self.users.at(user).home == *home {
                continue;
            }
            self.users.at_mut(user).home = home.clone();
            for dialog in std::mem::take(&mut self.users.at_mut(user).watched_by) {
                told.entry(dialog).or_default().push(user);
            }
        }
        for (dialog, users) in told {
            self.send_moved(now, dialog, &users);
        }
    }

    /// Server `node` ends all its dialogs in good order (NOTIFY `terminated`), as before maintenance.
    pub fn drain(&mut self, now: Mono, node: u16) {
        let all: Vec<u32> = self.dialogs.iter().filter(|(_, d)| d.node == node).map(|(id, _)| *id).collect();
        for id in all {
            self.send_terminated(now, id, "terminated;reason=deactivated");
        }
    }
}
