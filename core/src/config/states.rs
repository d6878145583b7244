//! States a worker can choose by hand: the presence definition document, checked and reduced to what the core needs (`spec/uc-connector-functional.md` 10.1).
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The states on offer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChoiceConfig {
    /// In document order; ids are unique. At least one.
    pub states: Vec<ChoiceState>,
    /// Workers may log out by hand (`enable-logout-menu`).
    pub logout: bool,
    /// Key of the reason in Reasons or Extensions.
    pub reason_key: Box<str>,
    /// Mode standalone: workers without a choice are logged in at start (`user-auto-registration`).
    pub auto_login: bool,
}

/// One state: major state + mode + reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChoiceState {
    /// Unique, no white space, not one of the reserved ids.
    pub id: Box<str>,
    /// `genesysAgent@ready`
    pub ready: bool,
    /// `genesysAgent@mode` as a T-Library work mode.
    pub work_mode: Option<u8>,
    /// `reason`
    pub reason: Option<Box<str>>,
    /// The reason travels in Extensions, else in Reasons.
    pub reason_ext: bool,
    /// Offered in the menu (it has a `menuText`); else only recognised.
    pub in_menu: bool,
}

impl ChoiceConfig {
    /// The state that fits an agent's state best: everything a row says must agree, the row that says most wins (reason before mode), then document order
    /// (`spec/uc-connector-functional.md` 10.1). `has_reason` tells whether the agent's reason is this text, in Extensions if the second argument says so.
    #[must_use]
    pub fn matching(&self, ready: bool, work_mode: u8, has_reason: impl Fn(&str, bool) -> bool) -> Option<u16> {
        let mut best: Option<(u8, u16)> = None;
        for (row, state) in (0..).zip(&self.states) {
            let fits = state.ready == ready
                && state.work_mode.is_none_or(|mode| mode == work_mode)
                && state.reason.as_deref().is_none_or(|reason| has_reason(reason, state.reason_ext));
            let says = u8::from(state.reason.is_some()) << 1 | u8::from(state.work_mode.is_some());
            if fits && best.is_none_or(|(most, _)| says > most) {
                best = Some((says, row));
            }
        }
        best.map(|(_, row)| row)
    }

    /// The row of a state.
    #[must_use]
    pub fn row_of(&self, id: &str) -> Option<u16> {
        self.states.iter().position(|state| *state.id == *id).map(|at| at as u16)
    }
}

impl Default for ChoiceConfig {
    /// The two classic states.
    fn default() -> Self {
        let state = |id: &str, ready| ChoiceState { id: id.into(), ready, in_menu: true, ..ChoiceState::default() };
        Self { states: alloc::vec![state("dnd-off", true), state("dnd-on", false)], logout: false, reason_key: "ReasonCode".into(), auto_login: false }
    }
}
