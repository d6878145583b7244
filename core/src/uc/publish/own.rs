//! The table of a worker's own publications: whose each instance is, its version, and what was there before ours (`spec/ms-pres.md` 6.3-6.5, 6.7).
//!
//! Only the seven instances a publisher touches or watches. What stands by our doing is told from what the worker's own clients do by what we sent, by versions,
//! and after a gap by content.
//!
//! Over 500 lines: one table, and the rules of what may be said of a row; each needs the others' fields.
use crate::codec::xml::{note_text, shown, user_state};
use crate::config::{PublishConfig, PublishedState, StateRow};
use crate::time::Mono;
use crate::uc_event::{Lifetime, NoteText, OwnCategory, OwnValue, Publication, PublicationKey as Key, PublicationValue, PublishTime, RoamingSelf, UserState};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The lowest number that is busy; below is available.
const BUSY_MIN: u32 = 6_000;
/// The lowest number of a machine that was left.
const AWAY_MIN: u32 = 15_000;
/// The lowest number that is offline.
const OFFLINE_MIN: u32 = 18_000;

/// Whose an instance is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum By {
    /// There is none.
    #[default]
    Nobody,
    /// Published by a client of the worker's.
    User,
    /// This row, published by us.
    Us(StateRow),
    /// Ours, but not as it should be: of an earlier life, of an older configuration, or this row, to be renewed.
    Stale(Option<StateRow>),
    /// A conflict said that it changed; how is not known yet.
    Unknown,
}

/// What a worker's client published, to be put back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    value: KeptValue,
    lifetime: Lifetime,
    /// End of a time-bound one.
    until: Option<Mono>,
    published: PublishTime,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum KeptValue {
    State(Box<UserState<'static>>),
    Note(Box<NoteText<'static>>),
}

/// One instance.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Instance {
    pub(super) version: u32,
    pub(super) by: By,
    /// Of what stands.
    lifetime: Lifetime,
    /// When the server says that ours was published; zero: it did not say.
    published: PublishTime,
    /// A client of the worker's changed it under our publication: ours is not put there again until the next command.
    pub(super) hands_off: bool,
    /// The worker's own content: what stands, or what stood before ours.
    kept: Option<Box<Kept>>,
}

/// What a publication of a request does to its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Done {
    /// A row of ours.
    Row(StateRow),
    /// Deleted.
    Deleted,
    /// The worker's own content again.
    Restored,
}

/// What stands for a worker.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Own {
    all: [Instance; 7],
    /// When a machine of the worker's last told something.
    machine_at: PublishTime,
    /// The most active of them.
    machine: u32,
}

/// What is wanted.
#[derive(Clone, Copy)]
pub(super) struct Want<'c> {
    pub(super) row: Option<(StateRow, &'c PublishedState)>,
    /// The time-bound instances are to be published again though nothing changed.
    pub(super) refresh: bool,
    pub(super) now: Mono,
}

/// How a document is to be read.
pub(super) struct Reading<'c> {
    pub(super) now: Mono,
    pub(super) config: &'c PublishConfig,
    /// All that stands, else changes.
    pub(super) full: bool,
    /// The table was read before: what is new now was done by somebody.
    pub(super) known: bool,
    /// Since when something of ours has been wanted, by the server's clock: what was published before is no answer to it. Zero: everything is.
    pub(super) since: PublishTime,
    /// The request under way.
    pub(super) flight: &'c [(Key, Done)],
    /// A row whose publication was not answered.
    pub(super) tried: Option<StateRow>,
    /// When ours ends by itself.
    pub(super) ours_until: Option<Mono>,
}

impl Own {
    pub(super) fn at(&self, key: Key) -> &Instance {
        &self.all[key as usize]
    }

    pub(super) fn at_mut(&mut self, key: Key) -> &mut Instance {
        &mut self.all[key as usize]
    }

    /// Something of ours stands, or something of the worker's is to be put back.
    pub(super) fn has_ours(&self) -> bool {
        self.all.iter().any(|it| matches!(it.by, By::Us(_) | By::Stale(_)))
    }

    /// A conflict is not explained yet.
    pub(super) fn has_unknown(&self) -> bool {
        self.all.iter().any(|it| it.by == By::Unknown)
    }

    /// The row stands, as far as it was let.
    pub(super) fn shows(&self, row: StateRow) -> bool {
        self.at(Key::Timed2).by == By::Us(row)
    }

    /// A row of ours stands, whichever.
    pub(super) fn shows_any(&self) -> bool {
        matches!(self.at(Key::Timed2).by, By::Us(_))
    }

    /// Nothing to send.
    pub(super) fn suits(&self, want: Want<'_>) -> bool {
        Key::ALL.iter().all(|key| self.verdict(*key, want).is_none())
    }

    /// What to do about an instance.
    fn verdict(&self, key: Key, want: Want<'_>) -> Option<Done> {
        let it = self.at(key);
        let row = want.row.filter(|(_, row)| timed(key) || (!key.is_state() && row.note.is_some())).map(|(row, _)| row);
        match (row, it.by) {
            (Some(row), By::Us(have)) if have == row && !(want.refresh && timed(key)) => None,
            (_, By::Unknown) => None,
            (Some(_), _) if it.hands_off => None,
            (Some(row), _) => Some(Done::Row(row)),
            (None, By::Us(_) | By::Stale(_)) if self.to_restore(key, want.now).is_some() => Some(Done::Restored),
            // Nothing stands, and nothing is to be put back any more.
            (None, By::Stale(_)) if it.waits() => None,
            (None, By::Us(_) | By::Stale(_)) => Some(Done::Deleted),
            (None, By::Nobody | By::User) => None,
        }
    }

    /// What the worker had before ours, to be put back: the newest word again. Available that a machine has outdone since then says nothing any more
    /// (`spec/ms-pres.md` 5.5, rule 4); put back it would hide that they are away, left out it changes nothing, unless it stood before a choice until further notice
    /// that would show now: any on a machine in use, on one that was left only offline.
    fn to_restore(&self, key: Key, now: Mono) -> Option<&Kept> {
        let further = match key {
            Key::Timed2 => self.at(Key::Static2),
            Key::Timed3 => self.at(Key::Static3),
            _ => return self.at(key).restorable(now),
        };
        let alone = further.by == By::Nobody || (self.machine >= AWAY_MIN && !further.is_offline());
        let outdone = |kept: &Kept| kept.is_available() && kept.published < self.machine_at && alone;
        // A client that is told to stay with a choice until further notice takes the time-bound one away.
        let chosen_anew = |kept: &Kept| further.by == By::User && further.kept.as_deref().is_some_and(|choice| choice.published > kept.published);
        self.at(key).restorable(now).filter(|kept| !outdone(kept) && !chosen_anew(kept))
    }

    /// The request that makes it so, and what it will have done.
    pub(super) fn plan(&self, want: Want<'_>, expires_s: u32) -> (Vec<Publication>, Box<[(Key, Done)]>) {
        let mut request = Vec::with_capacity(Key::ALL.len());
        let mut flight = Vec::with_capacity(Key::ALL.len());
        for key in Key::ALL {
            let Some(done) = self.verdict(key, want) else { continue };
            let it = self.at(key);
            let (lifetime, expires_s, value) = match (done, self.to_restore(key, want.now)) {
                (Done::Row(row), _) if timed(key) => (Lifetime::Time, Some(expires_s), PublicationValue::Row(row)),
                (Done::Row(row), _) => (Lifetime::Static, None, PublicationValue::Row(row)),
                (Done::Restored, Some(kept)) => (kept.lifetime(), kept.left_s(want.now), kept.value()),
                (Done::Deleted | Done::Restored, _) => (it.lifetime, None, PublicationValue::Delete),
            };
            request.push(Publication { key, version: it.version, lifetime, expires_s, value });
            flight.push((key, done));
        }
        (request, flight.into_boxed_slice())
    }

    /// The server took the request: every version is one more, until the document says otherwise.
    pub(super) fn succeed(&mut self, flight: &[(Key, Done)], doc: Option<&RoamingSelf<'_>>) {
        for (key, done) in flight {
            let it = self.at_mut(*key);
            let version = it.version.saturating_add(1);
            match done {
                Done::Row(row) => {
                    if !matches!(it.by, By::User | By::Us(_) | By::Stale(_)) {
                        it.kept = None;
                    }
                    it.by = By::Us(*row);
                    it.lifetime = if timed(*key) { Lifetime::Time } else { Lifetime::Static };
                    it.version = version;
                }
                Done::Restored => {
                    it.by = By::User;
                    it.lifetime = it.kept.as_ref().map_or(Lifetime::Static, |kept| kept.lifetime());
                    it.version = version;
                }
                // Heard of while the deletion was under way, and gone with it: a new instance has the version of the one it follows.
                Done::Deleted if matches!(it.by, By::Nobody | By::User) && it.kept.is_some() => (it.by, it.version) = (By::Stale(None), 0),
                Done::Deleted => *it = Instance { hands_off: it.hands_off, ..Instance::default() },
            }
            // The answer to our own request: whatever it says of the instance is our doing.
            let said = doc.into_iter().flat_map(|doc| &doc.categories).find(|c| key_of(c) == Some(*key));
            if let Some(said) = said.filter(|c| c.value != OwnValue::Empty) {
                it.version = said.version;
                it.published = said.publish_time;
            }
        }
    }

    /// A request that changes these goes out: when they were published is not known any more.
    pub(super) fn begin(&mut self, flight: &[(Key, Done)]) {
        for (key, _) in flight {
            self.at_mut(*key).published = PublishTime::default();
        }
    }

    /// A conflict: the server's version of an instance is another one. `readable`: the table can be read, so that nothing needs to be guessed.
    pub(super) fn conflict(&mut self, key: Key, current: u32, done: Done, readable: bool) {
        let it = self.at_mut(key);
        let known = it.version == current && it.by != By::Unknown;
        if known {
            // A notification came before the answer and said what happened.
            return;
        }
        it.version = current;
        it.by = match (current, done) {
            (0, _) => By::Nobody,
            _ if readable => By::Unknown,
            // Somebody else's by now: it stays.
            (_, Done::Deleted | Done::Restored) => By::User,
            (_, Done::Row(_)) => it.by,
        };
    }

    /// A new command: what a client of the worker's did stands no longer in the way. `acted`: it also may have outdone ours, which must be published anew.
    pub(super) fn command(&mut self, acted: bool) {
        for it in &mut self.all {
            it.hands_off = false;
            if let (true, By::Us(row)) = (acted, it.by) {
                it.by = By::Stale(Some(row));
            }
        }
    }

    /// Rows changed: what stands of them is to be published anew.
    pub(super) fn outdate(&mut self, changed: impl Fn(StateRow) -> bool) {
        for it in &mut self.all {
            if matches!(it.by, By::Us(row) if changed(row)) {
                it.by = By::Stale(None);
            }
        }
    }

    /// Time-bound publications of ours have ended by themselves.
    pub(super) fn expire(&mut self, now: Mono) {
        for key in [Key::Timed2, Key::Timed3] {
            let it = self.at_mut(key);
            if matches!(it.by, By::Us(_) | By::Stale(_)) {
                it.vanish(true, now);
            }
        }
    }

    /// What the worker's own clients show: `first` if something stands there, else the best that does.
    pub(super) fn own_state(&self, first: Option<Key>) -> Option<&UserState<'static>> {
        let order = first.into_iter().chain([Key::Timed2, Key::Static2, Key::Timed3, Key::Static3]);
        order.map(|key| self.at(key)).filter(|it| it.by == By::User).find_map(|it| match &it.kept.as_deref()?.value {
            KeptValue::State(state) => Some(&**state),
            KeptValue::Note(_) => None,
        })
    }

    fn hear_machines(&mut self, doc: &RoamingSelf<'_>) {
        let machines = || doc.categories.iter().filter_map(|c| if let OwnValue::Machine(Some(n)) = c.value { Some((c.publish_time, n)) } else { None });
        if let (Some((at, _)), Some((_, n))) = (machines().max(), machines().min_by_key(|(_, n)| *n)) {
            (self.machine_at, self.machine) = (at, n);
        }
    }

    /// Takes a document. Returns the state that a client of the worker's published, if one did something: `Some(None)` when only deletions were seen.
    ///
    /// Changes name whole categories, as known clients read them: what a named one does not list is gone, and `<category name="note"/>` empties it. Servers that
    /// tell single instances are thought possible (`spec/ms-pres.md` 6.5), so the document has to show that it is whole.
    pub(super) fn absorb(&mut self, doc: &RoamingSelf<'_>, reading: &Reading<'_>) -> Option<Option<Key>> {
        let mut acted: Option<Option<Key>> = None;
        let mut seen = [false; 7];
        self.hear_machines(doc);
        for category in &doc.categories {
            let Some(key) = key_of(category) else { continue };
            seen[key as usize] = true;
            if self.at_mut(key).take(key, category, reading) && key.is_state() {
                let best = acted.flatten().filter(|old| rank(*old) < rank(key));
                acted = Some(best.or_else(|| (category.value != OwnValue::Empty).then_some(key)));
            }
        }
        if reading.full {
            for (it, _) in self.all.iter_mut().zip(seen).filter(|(_, seen)| !seen) {
                // Ended by itself, lost in a fail-over, or deleted: nothing that could be told from one another, but by the time.
                it.vanish(it.ended(reading), reading.now);
            }
        } else {
            let whole = [is_whole(doc, "state"), is_whole(doc, "note")];
            for key in Key::ALL.into_iter().filter(|key| !seen[*key as usize] && whole[usize::from(!key.is_state())]) {
                if self.at_mut(key).end(key, reading) && key.is_state() {
                    acted = acted.or(Some(None));
                }
            }
        }
        for key in [Key::Timed2, Key::Timed3] {
            if self.at(key).waits() && self.to_restore(key, reading.now).is_none() {
                *self.at_mut(key) = Instance { hands_off: self.at(key).hands_off, ..Instance::default() };
            }
        }
        acted
    }
}

/// Whether changes list all there is of a category: an emptied one without a key, rows of different times, of which the older ones did not change, or the
/// server's own rows alone.
fn is_whole(doc: &RoamingSelf<'_>, name: &str) -> bool {
    // The server's own row, instance 1, has the time of whatever moved it.
    let mut rows = doc.categories.iter().filter(|c| c.name == name && c.instance != 1);
    let Some(first) = rows.next() else {
        // A server that tells single instances would name what moved its own: nothing that a client publishes is left.
        return name == "state" && doc.categories.iter().any(|c| c.name == name);
    };
    let keyless = |c: &OwnCategory<'_>| c.value == OwnValue::Empty && c.container == 0;
    keyless(first) || rows.any(|c| keyless(c) || c.publish_time != first.publish_time)
}

/// Which change of several is what the worker did: container 2 before 3, the time-bound instance before the static one.
const fn rank(key: Key) -> u8 {
    match key {
        Key::Timed2 => 0,
        Key::Static2 => 1,
        Key::Timed3 => 2,
        _ => 3,
    }
}

impl Instance {
    /// Takes news of the instance; `true` when a client of the worker's did something.
    fn take(&mut self, key: Key, category: &OwnCategory<'_>, reading: &Reading<'_>) -> bool {
        let flight = reading.flight.iter().find(|(k, _)| *k == key).map(|(_, done)| *done);
        if category.value == OwnValue::Empty {
            return self.end(key, reading);
        }
        if !reading.full && category.version <= self.version && self.is_known(key, category, reading) {
            if flight.is_none() {
                self.take_again(category, reading.now);
            }
            return false;
        }
        if !reading.full && category.version == self.version.saturating_add(1) && flight.is_some_and(|done| self.is_doing(key, category, done, reading)) {
            // The answer will say so, too, but perhaps not when.
            self.published = category.publish_time;
            return false;
        }
        let same = reading.full && (self.is_as_it_was(category) || is_text_of_ours(key, category, reading.config));
        self.published = category.publish_time;
        let ours = match self.by {
            By::Us(row) => Some(row).filter(|_| same).into_iter(),
            _ => None.into_iter(),
        };
        let mut ours = ours.chain(reading.tried);
        self.lifetime = category.lifetime;
        if same && matches!(self.by, By::Stale(Some(row)) if is_row(key, category, row, reading.config)) {
            self.version = category.version;
            return false;
        }
        if let Some(row) = ours.find(|row| is_row(key, category, *row, reading.config)) {
            self.by = By::Us(row);
            self.version = category.version;
            return false;
        }
        self.version = category.version;
        if is_text_of_ours(key, category, reading.config) {
            self.by = By::Stale(None);
            return false;
        }
        let kept = kept_of(category, reading.now);
        let same = reading.full && self.keeps(kept.as_deref()) && self.by != By::Nobody;
        self.by = By::User;
        self.kept = kept;
        let acted = reading.known && !same && (category.publish_time >= reading.since || category.publish_time == PublishTime::default());
        self.hands_off |= acted;
        acted
    }

    /// What is known to stand is told again. Published later than was known, it was deleted unheard of and made again: the worker chose it then.
    fn take_again(&mut self, category: &OwnCategory<'_>, now: Mono) {
        if category.version == self.version {
            self.published = category.publish_time;
        }
        if self.by == By::User && self.kept.as_ref().is_some_and(|kept| kept.published < category.publish_time) {
            (self.version, self.published) = (category.version, category.publish_time);
            self.kept = kept_of(category, now);
        }
    }

    /// The instance is gone; `true` when a client of the worker's did that.
    fn end(&mut self, key: Key, reading: &Reading<'_>) -> bool {
        let ended = self.ended(reading);
        let acted = reading.known && !ended && self.by != By::Nobody && !self.waits();
        let deleting = reading.flight.contains(&(key, Done::Deleted));
        // Perhaps by our deletion, which was not meant for it: the answer tells.
        let aside = self.kept.take_if(|_| deleting && self.by == By::User);
        self.hands_off |= acted;
        self.vanish(ended, reading.now);
        self.kept = self.kept.take().or(aside);
        acted && !deleting
    }

    /// Nothing stands, and the worker's own content is to be put back.
    fn waits(&self) -> bool {
        matches!(self.by, By::Stale(_)) && self.version == 0
    }

    /// Nothing stands here any more. What the worker had before ours, which ended by itself, is still to be put back: it is taken for ours, without a version.
    fn vanish(&mut self, ended: bool, now: Mono) {
        if self.waits() {
            return;
        }
        let back = ended && matches!(self.by, By::Us(_) | By::Stale(_)) && self.restorable(now).is_some();
        let kept = self.kept.take().filter(|_| back);
        *self = Self { by: if back { By::Stale(None) } else { By::Nobody }, hands_off: self.hands_off, kept, ..Self::default() };
    }

    /// The worker's own content here is offline: beside a machine that was left it would show, unlike any other.
    fn is_offline(&self) -> bool {
        let number = |kept: &Kept| if let KeptValue::State(state) = &kept.value { state.availability } else { None };
        self.kept.as_deref().and_then(number).is_some_and(|n| n >= OFFLINE_MIN)
    }

    /// Whether this is what stands here anyway. Versions begin anew when an instance is deleted and made again, so that an older one may be news.
    fn is_known(&self, key: Key, category: &OwnCategory<'_>, reading: &Reading<'_>) -> bool {
        match self.by {
            By::Nobody | By::Unknown => false,
            By::Us(row) => is_row(key, category, row, reading.config),
            By::Stale(row) => is_text_of_ours(key, category, reading.config) || row.is_some_and(|row| is_row(key, category, row, reading.config)),
            By::User => self.keeps(kept_of(category, reading.now).as_deref()),
        }
    }

    /// Whether a table after a gap may have what stood before it: published then, and no newer version. Else the worker chose what we show, too.
    fn is_as_it_was(&self, category: &OwnCategory<'_>) -> bool {
        let unknown = PublishTime::default();
        category.version <= self.version && (self.published == category.publish_time || self.published == unknown || category.publish_time == unknown)
    }

    /// Whether the worker's own content here is this, whatever its lifetime.
    fn keeps(&self, content: Option<&Kept>) -> bool {
        self.kept.as_deref().map(|kept| &kept.value) == content.map(|kept| &kept.value)
    }

    /// A time-bound instance that was due to end.
    fn ended(&self, reading: &Reading<'_>) -> bool {
        // Clocks and ways differ: a second is nothing against the lifetimes people use.
        let over = |until: Option<Mono>| until.is_some_and(|until| until <= reading.now + 1000);
        match self.by {
            By::Us(_) | By::Stale(_) => self.lifetime == Lifetime::Time && over(reading.ours_until),
            By::User => over(self.kept.as_ref().and_then(|kept| kept.until)),
            By::Nobody | By::Unknown => false,
        }
    }

    fn is_doing(&self, key: Key, category: &OwnCategory<'_>, done: Done, reading: &Reading<'_>) -> bool {
        match done {
            Done::Row(row) => is_row(key, category, row, reading.config),
            Done::Restored => self.keeps(kept_of(category, reading.now).as_deref()),
            Done::Deleted => false,
        }
    }

    /// What the worker had here before ours, if it would still stand.
    fn restorable(&self, now: Mono) -> Option<&Kept> {
        self.kept.as_deref().filter(|kept| kept.until.is_none_or(|until| until > now + 1000))
    }
}

impl Kept {
    fn is_available(&self) -> bool {
        matches!(&self.value, KeptValue::State(state) if state.availability.is_some_and(|n| n < BUSY_MIN))
    }

    /// Something bound to an endpoint is bound to the user when we put it back: it was not our endpoint.
    fn lifetime(&self) -> Lifetime {
        if self.lifetime == Lifetime::Endpoint { Lifetime::User } else { self.lifetime }
    }

    fn left_s(&self, now: Mono) -> Option<u32> {
        self.until.map(|until| u32::try_from(until.since(now) / 1000).unwrap_or(u32::MAX).max(1))
    }

    fn value(&self) -> PublicationValue {
        match &self.value {
            KeptValue::State(state) => PublicationValue::State(state.clone()),
            KeptValue::Note(note) => PublicationValue::Note(note.clone()),
        }
    }
}

/// The instances ours goes to.
const fn timed(key: Key) -> bool {
    matches!(key, Key::Timed2 | Key::Timed3)
}

fn key_of(category: &OwnCategory<'_>) -> Option<Key> {
    Key::of(&category.name, category.instance, category.container)
}

fn kept_of(category: &OwnCategory<'_>, now: Mono) -> Option<Box<Kept>> {
    let value = match &category.value {
        OwnValue::UserState(state) => KeptValue::State(Box::new(user_state(state))),
        OwnValue::Note(note) => KeptValue::Note(Box::new(note_text(note))),
        OwnValue::Empty | OwnValue::Machine(_) | OwnValue::Other => return None,
    };
    let until = category.expires_s.filter(|_| category.lifetime == Lifetime::Time).map(|s| now + u64::from(s) * 1000);
    Some(Box::new(Kept { value, lifetime: category.lifetime, until, published: category.publish_time }))
}

/// Whether the content is that of a row.
fn is_row(key: Key, category: &OwnCategory<'_>, row: StateRow, config: &PublishConfig) -> bool {
    let Some(row) = config.state(row) else { return false };
    match &category.value {
        OwnValue::UserState(state) if timed(key) => {
            let (availability, token, text) = shown(row, key.is_workgroup());
            state.availability == Some(availability) && state.activities.first().and_then(|a| a.token.as_deref()).unwrap_or("") == token && says(state, text)
        }
        OwnValue::Note(note) if !key.is_state() => row.note.as_deref() == Some(&*note.text),
        _ => false,
    }
}

fn says(state: &UserState<'_>, text: &str) -> bool {
    let mut customs = state.activities.iter().flat_map(|activity| &activity.customs);
    if text.is_empty() { customs.next().is_none() } else { customs.any(|(_, custom)| custom == text) }
}

/// Whether the content is a text of ours, whichever row's: of an earlier life, or an answer that was lost.
fn is_text_of_ours(key: Key, category: &OwnCategory<'_>, config: &PublishConfig) -> bool {
    match &category.value {
        OwnValue::UserState(state) if timed(key) => config.states.iter().any(|row| !row.text.is_empty() && says(state, &row.text)),
        OwnValue::Note(note) if !key.is_state() => {
            config.states.iter().any(|row| row.note.as_deref().is_some_and(|text| !text.is_empty() && *text == note.text))
        }
        _ => false,
    }
}

impl Own {
    pub(super) fn fingerprint(&self, fp: &mut crate::fingerprint::Fp) {
        for it in &self.all {
            fp.debug(&(it.version, it.by, it.lifetime, it.hands_off, it.published != PublishTime::default()));
            if let Some(kept) = &it.kept {
                fp.debug(&(&kept.value, kept.lifetime, kept.published >= self.machine_at, self.machine));
                if let Some(until) = kept.until {
                    fp.time(until);
                }
            }
        }
    }
}
