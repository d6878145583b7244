//! The reference model: small, obvious, told what people did, asked what the contact centre should show in the end.
//!
//! It knows presence, the mapping and the rule for other people's hands; it knows no links, dialogs, requests or time-outs. Where the order of two things cannot be
//! known (a presence change and a foreign hand within the time messages travel or links are down), it allows both outcomes.
use crate::both::Way;
use crate::steps::Hand;
use std::collections::BTreeMap;
use uc_core::config::{ForeignRule, PresenceConfig, Rule};
use uc_core::presence::Class;
use uc_core::views::AgentState;

/// What is known of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerModel {
    /// Last published number, token and note.
    pub availability: u32,
    /// Activity token, empty for none.
    pub token: String,
    /// Note.
    pub note: String,
    /// Every foreign state that may stand: set since the last presence change, or so close before it that the order is open.
    pub hands: Vec<Hand>,
    /// What was told last, before changes that nobody was subscribed to, and how many of `hands` there were then.
    unheard: Option<(u32, String, usize)>,
    /// The last target of the mapping; a class that says to leave the agent alone is none.
    target: Option<Rule>,
    /// The last change may not have arrived: its request was answered with an error that is not repeated.
    pub excused: bool,
    /// A call came: T-Server changed the agent by itself, once or more.
    pub called: bool,
}

impl WorkerModel {
    /// The hands that may stand. A change that came and went while nobody was subscribed is never told; one that stayed is, and ends what was before it.
    fn standing(&self) -> &[Hand] {
        match &self.unheard {
            Some((availability, token, before)) if (*availability, token) != (self.availability, &self.token) => &self.hands[*before..],
            _ => &self.hands,
        }
    }
}

/// When a presence change is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// At once.
    AtOnce,
    /// It may cross a foreign hand that came before it.
    Crossing,
    /// Nobody is subscribed: what it has come to is heard later.
    Late,
    /// Neither is anybody subscribed, nor is it certain that a foreign hand came before it.
    LateCrossing,
}

/// What the contact centre may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything: nothing was ever asked for, or an error stands.
    Anything,
    /// One of these.
    OneOf(Vec<Shown>),
}

/// A state as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// Ready.
    Ready,
    /// Not ready, in any work mode.
    NotReady,
    /// Logged out.
    LoggedOut,
    /// Logged in only, or not known.
    Other,
}

impl Shown {
    /// How a reported state looks.
    #[must_use]
    pub const fn of(state: AgentState) -> Self {
        match state {
            AgentState::Ready => Self::Ready,
            AgentState::NotReady(_) => Self::NotReady,
            AgentState::LoggedOut => Self::LoggedOut,
            AgentState::LoggedIn | AgentState::Unknown => Self::Other,
        }
    }

    const fn of_hand(hand: Hand) -> Self {
        match hand {
            Hand::Ready => Self::Ready,
            Hand::NotReady | Hand::AfterCall => Self::NotReady,
            Hand::Logout => Self::LoggedOut,
            // Not ready, or ready, as T-Server chooses after a login.
            Hand::Login => Self::Other,
        }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Model {
    rules: PresenceConfig,
    way: Way,
    /// `publish.after` lets what T-Server chose stand.
    stand: bool,
    workers: BTreeMap<u16, WorkerModel>,
}

impl Model {
    /// Nobody known yet.
    #[must_use]
    pub const fn new(rules: PresenceConfig, way: Way, stand: bool) -> Self {
        Self { rules, way, stand, workers: BTreeMap::new() }
    }

    /// Which way states travel.
    #[must_use]
    pub const fn way(&self) -> Way {
        self.way
    }

    /// A worker's presence changed.
    pub fn presence(&mut self, worker: u16, availability: u32, token: &str, note: Option<&str>, heard: Heard) {
        let rule = self.rules.rules[Class::of(availability) as usize];
        let it = self.workers.entry(worker).or_default();
        let same = it.availability == availability && it.token == token;
        let before = (it.availability, std::mem::replace(&mut it.token, token.to_string()));
        it.availability = availability;
        if let Some(note) = note {
            it.note = note.to_string();
        }
        if rule != Rule::Ignore {
            it.target = Some(rule);
        }
        match heard {
            Heard::Late if !same && it.unheard.is_none() => it.unheard = Some((before.0, before.1, it.hands.len())),
            Heard::LateCrossing if !same && it.unheard.is_none() => it.unheard = Some((before.0, before.1, 0)),
            // What is published again unchanged ends nothing.
            Heard::AtOnce if !same && rule != Rule::Ignore => {
                it.hands.clear();
                it.unheard = None;
            }
            _ => {}
        }
    }

    /// Another client changed an agent's state.
    pub fn foreign(&mut self, worker: u16, hand: Hand) {
        self.workers.entry(worker).or_default().hands.push(hand);
    }

    /// A call comes to the worker.
    pub fn called(&mut self, worker: u16) {
        self.workers.entry(worker).or_default().called = true;
    }

    /// A request about this worker was refused for good.
    pub fn excuse(&mut self, worker: u16) {
        self.workers.entry(worker).or_default().excused = true;
    }

    /// The final round has come: from here on order is certain. What a call that is `busy` still makes T-Server do by itself is not.
    pub fn settle(&mut self, busy: impl Fn(u16) -> bool) {
        for (id, worker) in &mut self.workers {
            worker.hands.clear();
            worker.unheard = None;
            worker.excused = false;
            worker.called = busy(*id);
        }
    }

    /// What is known of a worker.
    #[must_use]
    pub fn worker(&self, worker: u16) -> Option<&WorkerModel> {
        self.workers.get(&worker)
    }

    /// What the contact centre may show for this worker once everything has arrived.
    #[must_use]
    pub fn expect(&self, worker: u16) -> Expect {
        if self.way == Way::Push {
            return Expect::Anything;
        }
        let Some(it) = self.workers.get(&worker) else { return Expect::Anything };
        let Some(target) = it.target.filter(|_| !it.excused) else { return Expect::Anything };
        // Whether what was published before a class that changes nothing was heard in time is open.
        if self.rules.rules[Class::of(it.availability) as usize] == Rule::Ignore {
            return Expect::Anything;
        }
        let mut shown = match target {
            Rule::Ignore => return Expect::Anything,
            Rule::Ready { .. } => vec![Shown::Ready],
            Rule::NotReady { .. } => vec![Shown::NotReady],
            Rule::Logout => vec![Shown::LoggedOut],
        };
        for hand in it.standing() {
            let rule = if *hand == Hand::Logout { self.rules.foreign_logout } else { self.rules.foreign };
            if rule == ForeignRule::UntilNextPresence {
                match hand {
                    Hand::Login => shown.extend([Shown::Ready, Shown::NotReady, Shown::Other]),
                    _ => shown.push(Shown::of_hand(*hand)),
                }
            }
        }
        // Where nothing is kept up, or what T-Server chose stands, calls leave their traces; so they do while another hand's state stands: who made the agent
        // ready behind our back, the hand or T-Server after a call, cannot be told apart.
        if it.called && (self.way == Way::Normal || self.stand || !it.standing().is_empty()) {
            shown.extend([Shown::Ready, Shown::NotReady]);
        }
        shown.sort_unstable();
        shown.dedup();
        Expect::OneOf(shown)
    }

    /// What the mapping makes of a presence; `None`: nothing.
    #[must_use]
    pub fn target_of(&self, availability: u32) -> Option<Shown> {
        match self.rules.rules[Class::of(availability) as usize] {
            Rule::Ignore => None,
            Rule::Ready { .. } => Some(Shown::Ready),
            Rule::NotReady { .. } => Some(Shown::NotReady),
            Rule::Logout => Some(Shown::LoggedOut),
        }
    }

    /// The status word a state request for this worker carries.
    #[must_use]
    pub fn status(&self, worker: u16) -> Option<&'static str> {
        let it = self.workers.get(&worker)?;
        let urgent = self.rules.urgent_is_dnd && Class::of(it.availability) == Class::Busy && it.token == "urgent-interruptions-only";
        Some(if urgent { Class::DoNotDisturb.token() } else { Class::of(it.availability).token() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::new(PresenceConfig::default(), Way::Normal, false)
    }

    #[test]
    fn the_last_presence_decides() {
        let mut m = model();
        assert_eq!(m.expect(0), Expect::Anything);
        m.presence(0, 3500, "", None, Heard::AtOnce);
        m.presence(0, 6500, "", None, Heard::AtOnce);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::NotReady]));
        m.presence(0, 18500, "", None, Heard::AtOnce);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::LoggedOut]));
    }

    #[test]
    fn after_unknown_presence_anything_goes() {
        let mut m = model();
        m.presence(0, 3500, "", None, Heard::AtOnce);
        m.presence(0, 0, "", None, Heard::AtOnce);
        assert_eq!(m.expect(0), Expect::Anything);
    }

    #[test]
    fn a_foreign_hand_stands_until_the_next_presence() {
        let mut m = model();
        m.presence(0, 3500, "", None, Heard::AtOnce);
        m.foreign(0, Hand::NotReady);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready, Shown::NotReady]));
        m.presence(0, 5000, "", None, Heard::AtOnce);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready]));
        assert_eq!(m.status(0), Some("idle-online"));
    }

    #[test]
    fn what_came_and_went_unheard_ends_nothing_from_its_first_change_on() {
        let mut m = model();
        m.presence(0, 15_500, "", None, Heard::AtOnce);
        m.foreign(0, Hand::Ready);
        m.presence(0, 6500, "", None, Heard::LateCrossing);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready, Shown::NotReady]));
        m.presence(0, 15_500, "", None, Heard::Late);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready, Shown::NotReady]));
    }

    #[test]
    fn what_came_and_went_unheard_ends_nothing() {
        let mut m = model();
        m.presence(0, 3500, "", None, Heard::AtOnce);
        m.foreign(0, Hand::NotReady);
        m.presence(0, 6500, "in-a-meeting", None, Heard::Late);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::NotReady]));
        m.presence(0, 3500, "", None, Heard::Late);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready, Shown::NotReady]));
        m.presence(0, 5000, "", None, Heard::Late);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready]));
        // The order of a hand in the meantime and of what is heard then is open.
        m.foreign(0, Hand::Logout);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready, Shown::LoggedOut]));
        m.presence(0, 3500, "", None, Heard::AtOnce);
        assert_eq!(m.expect(0), Expect::OneOf(vec![Shown::Ready]));
    }
}
