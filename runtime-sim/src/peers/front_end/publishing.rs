//! From a change in a user's publications to everybody who must know: the aggregate, the watchers, the user's own endpoints; and how publications end.
use super::aggregate::aggregate;
use super::publication::{AGGREGATE, ExpireType, Key, OWN_CLIENT, Publication, Value};
use super::roaming::{AGGREGATED, Roaming};
use super::users::{Activity, Changed};
use super::{FrontEnd, Mono};
use std::collections::BTreeSet;

/// How many records of publications are kept for [`FrontEnd::next_published`].
const PUBLISHED_MAX: usize = 4096;

/// A request that changed publications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Mono,
    /// Whose.
    pub uri: String,
    /// epid of the endpoint that asked; empty for PUBLISH.
    pub epid: String,
    /// Connection it came on.
    pub conn: u64,
    /// What: new value, or `None` for a deletion.
    pub changes: Vec<(Key, Option<Value>)>,
}

/// A change that is in the table and not yet told.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub(super) user: usize,
    /// Which is newer than which.
    pub(super) order: u64,
    pub(super) keys: BTreeSet<Key>,
    /// What watchers are told even when it says nothing new.
    pub(super) told: Changed,
    /// epid of the user's endpoint that did it.
    pub(super) by: String,
}

impl News {
    pub(super) const fn of(user: usize) -> Self {
        Self { user, order: 0, keys: BTreeSet::new(), told: Changed { state: false, note: false }, by: String::new() }
    }
}

impl FrontEnd {
    /// What stands in a user's table, by name.
    pub fn publications(&self, uri: &str) -> impl Iterator<Item = (&Key, &Publication)> {
        self.users.find(uri).into_iter().flat_map(|user| self.users.at(user).published.iter())
    }

    /// One publication of a user.
    #[must_use]
    pub fn publication(&self, uri: &str, category: &str, instance: u32, container: u32) -> Option<&Publication> {
        self.users.at(self.users.find(uri)?).published.get(&Key::new(category, instance, container))
    }

    /// The next request that changed publications, oldest first; what is not asked for is forgotten after 4096 more.
    pub fn next_published(&mut self) -> Option<Published> {
        self.published.pop_front()
    }

    /// What a watcher (`sip:` URI) sees of a user; `None`: no such user.
    #[must_use]
    pub fn seen_by(&self, watcher: &str, uri: &str) -> Option<super::Presence> {
        let user = self.users.at(self.users.find(uri)?);
        Some(user.view(user.container_of(watcher)).into_owned())
    }

    /// Whether what a script published last under this name was written over by an endpoint that cannot have read it: nobody was subscribed, and a publication that
    /// was deleted and made anew has the versions of the old one again, so that the version protects nothing (`spec/ms-pres.md` 6.1).
    #[must_use]
    pub fn is_written_over_unread(&self, uri: &str, key: &Key) -> bool {
        self.users.find(uri).is_some_and(|u| self.users.at(u).written_over.contains(key))
    }

    /// Live dialogs in which a user's own endpoints follow the user's publications.
    #[must_use]
    pub fn self_subscriptions_of(&self, uri: &str) -> usize {
        self.users.find(uri).map_or(0, |u| self.users.at(u).followed_by.iter().filter(|d| self.dialogs.get(d).is_some_and(|d| d.conn.is_some())).count())
    }

    /// Whether an endpoint of this user is registered.
    #[must_use]
    pub fn is_registered(&self, uri: &str) -> bool {
        self.registrations.values().any(|r| r.uri.eq_ignore_ascii_case(uri))
    }

    pub(super) fn next_order(&mut self) -> u64 {
        self.publication_order += 1;
        self.publication_order
    }

    pub(super) fn record(&mut self, record: Published) {
        if self.published.len() == PUBLISHED_MAX {
            self.published.pop_front();
        }
        self.published.push_back(record);
    }

    /// Works out what others see, and tells everybody.
    pub(super) fn settle(&mut self, now: Mono, mut news: News) {
        let changed = self.recompute(now, &mut news);
        self.announce(now, &news, changed);
    }

    /// Works out what others see after a change; adds the server's own instances to it.
    pub(super) fn recompute(&mut self, now: Mono, news: &mut News) -> Changed {
        let stamp = self.config.epoch_unix_ms + now.0;
        let entry = self.users.at_mut(news.user);
        let split = |s: Option<(u32, Activity)>| s.map_or((None, Activity::None), |(n, a)| (Some(n), a));
        let (availability, activity) = split(aggregate(&entry.published, 2));
        let workgroup = split(aggregate(&entry.published, 3));
        let note = entry.published.note(200).and_then(|p| if let Value::Note(text) = &p.value { Some(text.clone()) } else { None }).unwrap_or_default();
        let old = &entry.presence;
        let other_notes = || news.keys.iter().any(|k| k.category == "note" && k.container != 200);
        let changed = Changed {
            state: news.told.state || old.availability != availability || old.activity != activity || entry.workgroup != workgroup,
            note: news.told.note || old.note != note || !entry.containers.is_empty() && other_notes(),
        };
        let mut new = old.clone();
        if changed.state && availability.is_some() {
            new.state_unix_ms = stamp.max(new.state_unix_ms + 1);
        }
        if changed.note {
            new.note_unix_ms = stamp.max(new.note_unix_ms + 1);
        }
        (new.availability, new.activity, new.note, entry.workgroup) = (availability, activity, note, workgroup);
        if changed != Changed::default() {
            entry.before = std::mem::replace(&mut entry.presence, new);
        }
        if changed.state {
            entry.published.aggregate_version += 1;
            if !entry.followed_by.is_empty() {
                news.keys.extend(AGGREGATED.map(|container| Key::new("state", AGGREGATE, container)));
            }
        }
        let expiry = entry.published.next_expiry();
        if expiry != entry.expiry {
            let old = std::mem::replace(&mut entry.expiry, expiry);
            old.map(|at| self.expiries.remove(&(at, news.user)));
            self.expiries.extend(expiry.map(|at| (at, news.user)));
        }
        changed
    }

    /// Tells watchers and the user's own endpoints.
    pub(super) fn announce(&mut self, now: Mono, news: &News, changed: Changed) {
        if changed != Changed::default() {
            self.tell_watchers(now, news.user, changed);
        }
        if !news.keys.is_empty() {
            self.tell_own_endpoints(now, news.user, &Roaming::of(news.keys.clone(), self.config.tell_single_instances), &news.by);
        }
    }

    /// Time-bound publications whose time is over.
    pub(super) fn wake_publications(&mut self, now: Mono) {
        while let Some((at, user)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.expiries.remove(&(at, user));
            let entry = self.users.at_mut(user);
            entry.expiry = None;
            let keys = entry.published.remove_where(|_, p| p.expires_at.is_some_and(|at| at <= now));
            self.settle(now, News { keys: keys.into_iter().collect(), ..News::of(user) });
        }
        self.etags.retain(|_, e| e.expires_at > now);
    }

    /// Registrations, and servers' lost endpoints, whose time is over.
    pub(super) fn wake_endpoints(&mut self, now: Mono) {
        let registered = self.registrations.iter().filter(|(_, r)| r.expires_at <= now).map(|(key, _)| key);
        let lost = self.lost_endpoints.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key);
        let over: Vec<String> = registered.chain(lost).cloned().collect();
        over.iter().for_each(|key| self.end_endpoint(now, key));
    }

    /// The endpoints of a connection end with it.
    pub(super) fn end_endpoints_of(&mut self, now: Mono, conn: u64) {
        let over: Vec<String> = self.registrations.iter().filter(|(_, r)| r.conn == conn).map(|(key, _)| key.clone()).collect();
        over.iter().for_each(|key| self.end_endpoint(now, key));
    }

    /// An endpoint goes without a word. What it has published stays until its registration would have ended: it may come back at another server.
    pub(super) fn lose_endpoint(&mut self, key: &str, until: Option<Mono>) {
        let Some(gone) = self.registrations.remove(key) else { return };
        let bound = self.users.find(&gone.uri).is_some_and(|u| self.users.at(u).published.iter().any(|(_, p)| p.endpoint.as_deref() == Some(key)));
        if bound {
            self.lost_endpoints.insert(key.to_owned(), until.unwrap_or(gone.expires_at));
        }
    }

    /// An endpoint is no longer registered: what is bound to it goes, and with the user's last one what is bound to the user (`spec/ms-pres.md` 3.4).
    pub(super) fn end_endpoint(&mut self, now: Mono, key: &str) {
        self.lost_endpoints.remove(key);
        let gone = self.registrations.remove(key);
        let uri = key.split(' ').next().unwrap_or_default();
        if let Some(gone) = gone {
            let own = self.dialogs.iter().filter(|(_, d)| d.package.is_own() && d.watcher_uri.eq_ignore_ascii_case(uri) && d.epid == gone.epid);
            let own: Vec<u32> = own.map(|(id, _)| *id).collect();
            own.into_iter().for_each(|id| self.drop_dialog(id));
        }
        let Some(user) = self.users.find(uri) else { return };
        let prefix = format!("{uri} ");
        let others = self.is_registered(uri) || self.lost_endpoints.keys().any(|k| k.starts_with(&prefix));
        let table = &mut self.users.at_mut(user).published;
        let scripted = table.iter().any(|(_, p)| p.author == OWN_CLIENT);
        let last = !others && !scripted;
        let keys = table.remove_where(|_, p| p.endpoint.as_deref() == Some(key) || last && p.expire == ExpireType::User);
        if !keys.is_empty() {
            self.settle(now, News { keys: keys.into_iter().collect(), ..News::of(user) });
        }
    }
}
