//! Runs in both directions: calls, people's own clients, and what stands in the pool by our hand.
//!
//! A second pool, which nobody connects to, gets everything people publish and nothing else: what it shows is what must be left when nothing of ours stands.
use super::World;
use crate::arb::RINGS_MS;
use crate::both::Way;
use crate::checkers::{Kept, Ours, WorkerTruth};
use crate::company;
use crate::model::Heard;
use crate::peers::front_end::{Activity, FrontEnd, Key, Publication, Source, StateKind, TIMED_USER_STATE, Value};
use crate::peers::tserver::{AFTER_CALL_WORK, CallPlan, ChangedBy, LEGAL_GUARD};
use crate::steps::{Own, Step};
use std::collections::BTreeMap;
use uc_core::config::PublishedState;

const fn source(own: Own) -> Source {
    match own {
        Own::Menu => Source::User,
        Own::Timed => Source::TimedUser,
        Own::Machine => Source::Machine,
        Own::Phone => Source::Phone,
        Own::Calendar => Source::Calendar,
    }
}

const fn token(own: Own) -> &'static str {
    match own {
        Own::Phone => "on-the-phone",
        Own::Calendar => "in-a-meeting",
        Own::Menu | Own::Timed | Own::Machine => "",
    }
}

/// What people publish with their clients and what they write as a note: nothing a server makes of it.
fn people_says(front_end: &FrontEnd, uri: &str) -> BTreeMap<Key, Value> {
    let said = |(key, row): (&Key, &Publication)| match &row.value {
        Value::State(_) => Some((key.clone(), row.value.clone())),
        // An empty note is none.
        Value::Note(text) if !text.is_empty() => Some((key.clone(), row.value.clone())),
        _ => None,
    };
    front_end.publications(uri).filter_map(said).collect()
}

/// Whether somebody's "available" has nothing to say any more, because a machine has told something since (`spec/ms-pres.md` 5.5, rule 4). Put back it would be the
/// newest word again, and change what others see; so it may be left out.
fn is_outdone(shadow: &FrontEnd, uri: &str, key: &Key) -> bool {
    let states = || shadow.publications(uri).filter_map(|(key, row)| if let Value::State(state) = &row.value { Some((key, row, state)) } else { None });
    let machine = states().filter(|(_, _, state)| state.kind == StateKind::Machine).map(|(_, row, _)| row.unix_ms).max();
    let own = states().find(|(own, ..)| *own == key);
    own.is_some_and(|(_, row, state)| state.availability.is_some_and(|n| n < 6_000) && machine > Some(row.unix_ms))
}

/// Whether a publication is this row of ours.
fn is_row(value: &Value, row: &PublishedState) -> bool {
    match value {
        Value::State(state) if state.kind == StateKind::User => {
            let texts = || state.activities.iter().filter_map(|a| if let Activity::Custom(text) = &a.activity { Some(text.as_str()) } else { None });
            let named = if row.text.is_empty() { texts().next().is_none() } else { texts().any(|text| text == &*row.text) };
            named && state.availability.is_some_and(|n| n == row.availability || (row.availability >= 9_000 && n == 6_900))
        }
        Value::Note(text) => row.note.as_deref() == Some(text.as_str()),
        _ => false,
    }
}

impl World {
    pub(super) fn call(&mut self, worker: u16, talk_ms: u32, business: bool) {
        let both = &self.options.both;
        let plan = CallPlan { rings_ms: RINGS_MS, talks_ms: u64::from(talk_ms), business, wrap_up: both.wrap_up, guard_ms: both.guard_ms };
        self.model.called(worker);
        self.t_server.ring(self.now, &company::dn_of(worker), plan);
    }

    /// A client of the worker's own publishes. What it makes of the worker's presence is what the model is told.
    pub(super) fn client(&mut self, worker: u16, own: Own, number: Option<u32>) {
        let uri = company::uri_of(worker);
        let state = number.map(|number| (number, Activity::token(token(own))));
        let before = self.own_presence(worker);
        self.shadow.publish_state(self.now, &uri, source(own), state.clone());
        if own == Own::Menu {
            // What is chosen until further notice ends what was chosen for a time.
            self.shadow.publish_state(self.now, &uri, Source::TimedUser, None);
        }
        let after = self.own_presence(worker);
        if before != after || own.by_hand() {
            self.model.presence(worker, after.0, &after.1, None, self.heard(worker));
        }
        self.front_end.publish_state(self.now, &uri, source(own), state);
        if own == Own::Menu {
            self.front_end.publish_state(self.now, &uri, Source::TimedUser, None);
        }
    }

    /// When a presence change now is heard: not before there is a subscription again, whoever does not know yet that it is lost.
    pub(super) fn heard(&self, worker: u16) -> Heard {
        let covered = self.user_of(worker).and_then(|user| self.core.worker(user)).is_none_or(|view| view.covered);
        let subscribed = covered && self.front_end.subscriptions_of(&company::uri_of(worker), false) > 0;
        match (subscribed, self.books.order_is_open(self.now)) {
            (true, false) => Heard::AtOnce,
            (true, true) => Heard::Crossing,
            (false, false) => Heard::Late,
            (false, true) => Heard::LateCrossing,
        }
    }

    /// What the worker's own publications come to.
    fn own_presence(&self, worker: u16) -> (u32, String) {
        let Some(presence) = self.shadow.presence(&company::uri_of(worker)) else { return (0, String::new()) };
        let token = if let Activity::Token(token) = &presence.activity { token.clone() } else { String::new() };
        (presence.availability.unwrap_or(0), token)
    }

    /// A change of presence of the old kind: one hand, the rest reset.
    pub(super) fn publish_own(&mut self, worker: u16, availability: u32, token: &str, note: Option<&str>) {
        self.shadow.set_presence(self.now, &company::uri_of(worker), availability, Activity::token(token), note);
    }

    /// The worker's own availability, whatever we have published. Without anything of ours the pool itself knows best: what is put back is newer than it was.
    pub(super) fn own_availability(&self, uri: &str, ours: &Ours) -> Option<u32> {
        let pool = if *ours == Ours::Nothing { &self.front_end } else { &self.shadow };
        pool.presence(uri).and_then(|p| p.availability)
    }

    /// What T-Server keeps the agent in by itself.
    pub(super) fn kept(&self, dn: &str) -> Option<Kept> {
        let truth = self.t_server.agent(dn).filter(|t| t.state == crate::peers::tserver::AgentState::NotReady && t.changed_by == ChangedBy::Server)?;
        match truth.work_mode {
            Some(AFTER_CALL_WORK) => Some(Kept::AfterCallWork),
            Some(LEGAL_GUARD) => Some(Kept::LegalGuard),
            _ => None,
        }
    }

    /// What stands in the pool beyond, or instead of, what people said.
    pub(super) fn ours(&self, uri: &str) -> Ours {
        let (is, should) = (people_says(&self.front_end, uri), people_says(&self.shadow, uri));
        let rows = &self.core.directory().config().publish.states;
        // Nobody can put back what they could not read.
        let unread = |key: &Key| self.front_end.is_written_over_unread(uri, key);
        let mut ours = Ours::Nothing;
        for (key, value) in is.iter().filter(|(key, value)| should.get(key) != Some(value)) {
            match rows.iter().position(|row| is_row(value, row)) {
                Some(row) if matches!(value, Value::State(_)) => {
                    if ours != Ours::Nothing && ours != Ours::Row(row as u8) {
                        return Ours::Damage(format!("two rows of ours, {ours:?} and {row}"));
                    }
                    ours = Ours::Row(row as u8);
                }
                Some(_) => {}
                None if unread(key) => {}
                None => return Ours::Damage(format!("{key:?} is {value:?}, the worker's own was {:?}", should.get(key))),
            }
        }
        // A row without a text, chosen by the worker while a request of ours for the same is unanswered, cannot be told from ours, and goes with it.
        let push = self.options.both.way == Way::Push;
        let alike = |key: &Key, value: &Value| push && key.instance == TIMED_USER_STATE && rows.iter().any(|row| row.text.is_empty() && is_row(value, row));
        let missing = |(key, value): &(&Key, &Value)| match value {
            Value::Note(_) => ours == Ours::Nothing,
            _ => !is_outdone(&self.shadow, uri, key) && !alike(key, value),
        };
        let gone = should.iter().filter(|(key, _)| !is.contains_key(key)).find(missing);
        if let Some((key, value)) = gone.filter(|(key, _)| !unread(key)) {
            return Ours::Damage(format!("{key:?} is gone, the worker's own was {value:?}"));
        }
        if ours == Ours::Nothing && push {
            // It may also be left where ours should stand.
            let same = |row: &PublishedState| row.text.is_empty() && is.iter().any(|(key, value)| key.instance == TIMED_USER_STATE && is_row(value, row));
            ours = rows.iter().position(same).map_or(Ours::Nothing, |row| Ours::Either(row as u8));
        }
        let note = is.iter().any(|(key, value)| matches!(value, Value::Note(_)) && should.get(key) != Some(value) && !unread(key));
        if note && ours == Ours::Nothing { Ours::Damage("a note of ours without a state of ours".into()) } else { ours }
    }

    /// Publications as they change, for checkers and story.
    pub(super) fn watch_publications(&mut self) {
        while let Some(change) = self.front_end.next_published() {
            self.trace.tell(self.now, |out| {
                use std::fmt::Write;
                write!(out, "   published for {} by {}:", change.uri, change.epid)?;
                for (key, value) in &change.changes {
                    match value {
                        Some(Value::State(state)) => write!(out, " {}/{:x}/{} = {:?}", key.category, key.instance, key.container, state.availability)?,
                        Some(Value::Note(text)) => write!(out, " {}/{:x}/{} = {text:?}", key.category, key.instance, key.container)?,
                        Some(Value::Other) => write!(out, " {}/{:x}/{}", key.category, key.instance, key.container)?,
                        None => write!(out, " {}/{:x}/{} gone", key.category, key.instance, key.container)?,
                    }
                }
                Ok(())
            });
        }
    }

    /// Takes a worker's call for tests: a business call of a second.
    pub fn business_call(&mut self, worker: u16) {
        self.take_step(&Step::Call { worker, talk_ms: 1_000, business: true });
    }

    /// A worker picks something in the menu of their client, or resets it.
    pub fn pick(&mut self, worker: u16, number: Option<u32>) {
        self.take_step(&Step::Client(worker, Own::Menu, number));
    }

    /// One worker as the peers know them.
    ///
    /// # Panics
    /// If nobody of that number is monitored.
    #[must_use]
    pub fn truth_of(&self, worker: u16) -> WorkerTruth {
        self.truth().into_iter().find(|w| w.worker == worker).expect("monitored")
    }
}
