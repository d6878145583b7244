//! What is told to the UC platform: After Call Work and Legal Guard (bidirectional), every agent state (push-only), and how.
//! Sources: `spec/uc-connector-functional.md` 3.3, 3.4, 13; `spec/ms-pres.md` 6.
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Publishing on behalf of workers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishConfig {
    /// Everything we ever publish; rules below name a row. A row's text is also how a publication of ours is recognised when it comes back.
    pub states: Vec<PublishedState>,
    /// After Call Work: row of `states`.
    pub acw: Option<StateRow>,
    /// Legal Guard: row of `states`.
    pub legal_guard: Option<StateRow>,
    /// Push-only: what each agent state shows.
    pub push: PushRules,
    /// Which endpoint speaks for the worker.
    pub way: PublishWay,
    /// How a worker's own action is told from an automatic change while an override stands.
    pub user_action: UserActionRule,
    /// What happens to the agent when an override ends by itself or by a desktop.
    pub after: AfterRule,
    /// Hold back automatic changes during After Call Work in mode normal too, without publishing (beyond the original: After Call Work for knowledge workers).
    pub acw_in_normal: bool,
    /// Longest After Call Work or Legal Guard we keep up, milliseconds; then it is ended by us. 0: never.
    pub override_max_ms: u64,
    /// Lifetime of a time-bound publication, seconds; refreshed at half time while it is wanted.
    pub expires_s: u32,
    /// After a withdrawal, presence equal to what we published counts as its echo for this long, milliseconds.
    pub echo_ms: u64,
    /// Push-only: a worker's own change is overwritten after this many milliseconds, not more often.
    pub reassert_ms: u64,
    /// Push-only: the contact centre has been silent for this long, milliseconds: the publication is withdrawn. 0: never.
    pub stale_ms: u64,
    /// Pauses before a conflict (409) is tried again, milliseconds; afterwards the table is read again (`spec/ms-pres.md` 6.4).
    pub conflict_retry_ms: [u64; 3],
    /// SERVICE (or PUBLISH) requests per second over all workers; 0 = no limit.
    pub requests_per_s: u32,
    /// Of them unanswered; 0 = no limit.
    pub outstanding_max: u32,
}

/// Row of [`PublishConfig::states`].
pub type StateRow = u8;

/// One state as the UC platform is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishedState {
    /// Availability number, 0..=18500.
    pub availability: u32,
    /// Activity token, empty for none.
    pub token: Box<str>,
    /// Custom activity text, shown instead of the token; empty for none.
    pub text: Box<str>,
    /// Personal note; `None` leaves the worker's own note alone.
    pub note: Option<Box<str>>,
}

/// What push-only shows for each agent state; `None` withdraws our publication.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PushRules {
    /// Logged out.
    pub logged_out: Option<StateRow>,
    /// Logged in, neither ready nor not ready.
    pub logged_in: Option<StateRow>,
    /// Ready.
    pub ready: Option<StateRow>,
    /// Not ready without one of the modes below.
    pub not_ready: Option<StateRow>,
    /// Not ready with this work mode.
    pub modes: Vec<(u8, Option<StateRow>)>,
}

/// Whose endpoint publishes (`spec/ms-pres.md` 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PublishWay {
    /// A: a trusted endpoint registered as the worker.
    Endpoint {
        /// Stay registered; else register for the time of an override only.
        keep: bool,
    },
    /// B: SIP PUBLISH with PIDF by the trusted application: on-the-phone only.
    Pidf,
    /// C: SERVICE under the worker's name without a registration.
    Direct,
}

/// How a worker's own action is recognised (`decisions.md` 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum UserActionRule {
    /// Another endpoint changed a `userState` instance (roaming-self).
    RoamingSelf,
    /// The aggregate differs both from what we published and from what was preserved, and is not idle or the end of a call.
    Aggregate,
}

/// What an ended override leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AfterRule {
    /// The agent gets the state the preserved presence maps to (documented behaviour).
    Follow,
    /// The state the contact centre chose stands until the next presence change.
    Stand,
}

impl PublishConfig {
    /// A row of `states`.
    #[must_use]
    pub fn state(&self, row: StateRow) -> Option<&PublishedState> {
        self.states.get(usize::from(row))
    }

    /// What push-only shows for an agent state.
    #[must_use]
    pub fn push_row(&self, state: crate::views::AgentState) -> Option<StateRow> {
        use crate::views::AgentState;
        match state {
            AgentState::Unknown | AgentState::LoggedOut => self.push.logged_out,
            AgentState::LoggedIn => self.push.logged_in,
            AgentState::Ready => self.push.ready,
            AgentState::NotReady(mode) => self.push.modes.iter().find(|(m, _)| *m == mode).map_or(self.push.not_ready, |(_, row)| *row),
        }
    }
}

impl Default for PublishConfig {
    /// Rows: 0 After Call Work, 1 Legal Guard, 2 ready, 3 not ready (`spec/uc-connector-functional.md` 13).
    fn default() -> Self {
        let row = |availability, text: &str, note: Option<&str>| PublishedState {
            availability,
            token: Box::default(),
            text: text.into(),
            note: note.map(Into::into),
        };
        Self {
            states: alloc::vec![
                row(6500, "After Call Work", Some("After Call Work")),
                row(6500, "Legal Guard", Some("Legal Guard")),
                row(3500, "", None),
                row(6500, "Contact centre", None),
            ],
            acw: Some(0),
            legal_guard: Some(1),
            push: PushRules { logged_out: None, logged_in: Some(3), ready: Some(2), not_ready: Some(3), modes: alloc::vec![(3, Some(0)), (2, Some(1))] },
            way: PublishWay::Endpoint { keep: false },
            user_action: UserActionRule::RoamingSelf,
            after: AfterRule::Follow,
            acw_in_normal: false,
            override_max_ms: 0,
            expires_s: 3600,
            echo_ms: 5_000,
            reassert_ms: 60_000,
            stale_ms: 0,
            conflict_retry_ms: [500, 1_000, 2_000],
            requests_per_s: 25,
            outstanding_max: 15,
        }
    }
}
