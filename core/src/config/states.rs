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

impl Default for ChoiceConfig {
    /// The two classic states.
    fn default() -> Self {
        let state = |id: &str, ready| ChoiceState { id: id.into(), ready, in_menu: true, ..ChoiceState::default() };
        Self { states: alloc::vec![state("dnd-off", true), state("dnd-on", false)], logout: false, reason_key: "ReasonCode".into() }
    }
}
