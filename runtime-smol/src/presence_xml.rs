//! The presence definition document: states workers can choose by hand (`spec/uc-connector-functional.md` 10.1).
//!
//! A document is good when at least one of its states is; what is wrong with the others is told and they are left out. The core gets the reduced rows
//! ([`Catalogue::rows`]); texts and icons stay here, for the API.
pub(crate) mod source;
#[cfg(test)]
mod tests;

use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeSet;
use uc_core::config::{ChoiceConfig, ChoiceState};

/// Namespace of the document.
const NAMESPACE: &str = "http://genesyslab.com/schemas/ucc/presence";
/// Longest document, bytes.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// Elements, attributes and texts of a document.
const NODES_MAX: u32 = 100_000;
/// States of a document.
const STATES_MAX: usize = 1000;
/// Ids nobody may give to a state: the predefined ones (`spec/uc-connector-functional.md` 3.5) and the words of our own API.
const RESERVED: [&str; 10] = [
    "predefLogoutMenu",
    "predefLoggedOut",
    "predefOutOfService",
    "predefReady",
    "predefPartReady",
    "predefNotReady",
    "predefDND",
    "logged-in",
    "logged-out",
    "follow",
];

/// States with everything people see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Catalogue {
    /// In document order.
    pub(crate) states: Vec<MenuState>,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MenuState {
    /// What the core needs.
    pub(crate) row: ChoiceState,
    /// Path, URL or predefined id URI.
    pub(crate) icon: Option<String>,
    /// Texts by language.
    pub(crate) display: Vec<Display>,
}

/// Texts in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Display {
    /// BCP 47 tag; `None`: the default.
    pub(crate) language: Option<String>,
    /// Text of the menu entry.
    pub(crate) menu: Option<String>,
    /// Text of the status.
    pub(crate) status: Option<String>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Line in the document, from 1.
    pub(crate) line: u32,
    /// One sentence.
    pub(crate) text: String,
}

impl Default for Catalogue {
    /// The two classic states.
    fn default() -> Self {
        let texts = [("Do Not Disturb Off", "Ready", "ready"), ("Do Not Disturb On", "Not ready", "notready")];
        let states = ChoiceConfig::default().states.into_iter().zip(texts).map(|(row, (menu, status, icon))| MenuState {
            row,
            icon: Some(format!("{ICONS}status/{icon}")),
            display: vec![Display { language: None, menu: Some(menu.into()), status: Some(status.into()) }],
        });
        Self { states: states.collect() }
    }
}

/// Where the predefined icons begin.
const ICONS: &str = "tag:ucc.genesyslab.com,2013:icons/";

impl Catalogue {
    /// What the core needs.
    pub(crate) fn rows(&self) -> Vec<ChoiceState> {
        self.states.iter().map(|state| state.row.clone()).collect()
    }
}

/// Reads a document. States that are not good are left out and remarked on.
///
/// # Errors
/// The document as a whole cannot be used.
pub(crate) fn parse(text: &str) -> Result<(Catalogue, Vec<Remark>), Remark> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Remark { line: 1, text: format!("the document is {} bytes, the limit is {DOCUMENT_BYTES_MAX}", text.len()) });
    }
    // The first root element named `presence` counts, so there may be others: an element of our own holds them together. Lines stay what they are.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let declaration = body.find("?>").filter(|_| body.starts_with("<?xml ")).map_or("", |end| &body[..end + 2]);
    let breaks: String = declaration.chars().filter(|c| *c == '\n').collect();
    let held = format!("{breaks}<held>{}</held>", &body[declaration.len()..]);
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&held, options).map_err(|fault| Remark { line: fault.pos().row, text: format!("this is not XML: {fault}") })?;
    let line = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row;
    let root = document.root_element().children().find(|node| node.is_element() && node.tag_name().name() == "presence");
    let root = root.ok_or_else(|| Remark { line: 1, text: "there is no root element `presence`".into() })?;
    if root.tag_name().namespace() != Some(NAMESPACE) {
        return Err(Remark { line: line(root), text: format!("the namespace of `presence` must be {NAMESPACE}") });
    }
    let mut remarks = Vec::new();
    let mut states: Vec<MenuState> = Vec::new();
    for node in root.children().filter(|node| is(*node, "state")) {
        let mut remark = |text: String| remarks.push(Remark { line: line(node), text });
        if states.len() == STATES_MAX {
            remark(format!("there are more than {STATES_MAX} states, the rest is left out"));
            break;
        }
        match state(node, &mut remark) {
            Ok(state) if states.iter().any(|first| first.row.id == state.row.id) => {
                remark(format!("state `{}` is there already, the first one counts", state.row.id))
            }
            Ok(state) => {
                if let Some(first) = states.iter().find(|first| is_same(&first.row, &state.row)) {
                    remark(format!("state `{}` asks for the same as `{}` and will be shown as that", state.row.id, first.row.id));
                }
                states.push(state);
            }
            Err(why) => remark(format!("{why}; the state is left out")),
        }
    }
    if states.is_empty() {
        let because = remarks.into_iter().next().map_or_else(|| "it has no `state`".to_owned(), |first| format!("line {}: {}", first.line, first.text));
        return Err(Remark { line: line(root), text: format!("no state of the document is good: {because}") });
    }
    Ok((Catalogue { states }, remarks))
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == Some(NAMESPACE)
}

/// The same combination of major state, mode and reason.
fn is_same(a: &ChoiceState, b: &ChoiceState) -> bool {
    (a.ready, a.work_mode, &a.reason, a.reason_ext) == (b.ready, b.work_mode, &b.reason, b.reason_ext)
}

fn state(node: Node<'_, '_>, remark: &mut impl FnMut(String)) -> Result<MenuState, String> {
    let id = node.attribute("id").unwrap_or("");
    if id.is_empty() || id.len() > 64 || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`id` {id:?} must be 1 to 64 bytes without white space"));
    }
    if RESERVED.contains(&id) {
        return Err(format!("`id` {id:?} is reserved"));
    }
    let agent = node.children().find(|child| is(*child, "genesysAgent")).ok_or_else(|| format!("state `{id}` has no `genesysAgent`"))?;
    let ready = agent.attribute("ready").and_then(boolean).ok_or_else(|| format!("`ready` of state `{id}` must be true or false"))?;
    let work_mode = match agent.attribute("mode") {
        None => None,
        Some(mode) => Some(work_mode(mode).ok_or_else(|| format!("`mode` {mode:?} of state `{id}` is none of {}", MODES.map(|(name, _)| name).join(", ")))?),
    };
    let (mut reason, mut reason_ext) = (None, false);
    if let Some(node) = agent.children().find(|child| is(*child, "reason")) {
        reason_ext = match node.attribute("ext") {
            None => false,
            Some(ext) => boolean(ext).ok_or_else(|| format!("`ext` of the reason of state `{id}` must be true or false"))?,
        };
        reason = text_of(node).map_err(|why| format!("the reason of state `{id}` {why}"))?.map(Into::into);
    }
    let icon = node.attribute("icon").map(str::trim).filter(|icon| !icon.is_empty());
    if icon.is_some_and(|icon| icon.len() > 1024 || icon.chars().any(char::is_control)) {
        remark(format!("the icon of state `{id}` is more than 1024 bytes or has control characters, it is left out"));
    }
    let icon = icon.filter(|icon| icon.len() <= 1024 && !icon.chars().any(char::is_control)).map(str::to_owned);
    let display = displays(node, id, remark)?;
    let in_menu = display.iter().any(|texts| texts.menu.is_some());
    Ok(MenuState { row: ChoiceState { id: id.into(), ready, work_mode, reason, reason_ext, in_menu }, icon, display })
}

fn displays(node: Node<'_, '_>, id: &str, remark: &mut impl FnMut(String)) -> Result<Vec<Display>, String> {
    let (mut display, mut languages) = (Vec::new(), BTreeSet::new());
    for texts in node.children().filter(|child| is(*child, "display")) {
        let language = texts.attribute("language").map(str::to_owned);
        if language.as_deref().is_some_and(|tag| tag.is_empty() || tag.len() > 35 || !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
            remark(format!("language {:?} of state `{id}` is no language tag, its texts are left out", language.unwrap_or_default()));
            continue;
        }
        if !languages.insert(language.as_deref().map(str::to_ascii_lowercase)) {
            remark(format!("state `{id}` has two texts for language {:?}, the first one counts", language.unwrap_or_default()));
            continue;
        }
        let text = |name: &str| -> Result<Option<String>, String> {
            let Some(node) = texts.children().find(|child| is(*child, name)) else { return Ok(None) };
            text_of(node).map_err(|why| format!("`{name}` of state `{id}` {why}"))
        };
        display.push(Display { menu: text("menuText")?, status: text("statusText")?, language });
    }
    Ok(display)
}

/// Trimmed; `None` when there is nothing.
fn text_of(node: Node<'_, '_>) -> Result<Option<String>, String> {
    let text = node.text().unwrap_or("").trim();
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err("must be at most 255 bytes without control characters".into());
    }
    Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Names of work modes (`spec/genesys-protocols.md` 1.4). `acw` and `away` are the original's; `away` is taken for walk-away.
const MODES: [(&str, u8); 11] = [
    ("unknown", 0),
    ("manual-in", 1),
    ("auto-in", 2),
    ("legal-guard", 2),
    ("acw", 3),
    ("after-call-work", 3),
    ("aux-work", 4),
    ("no-call-disconnect", 5),
    ("away", 6),
    ("walk-away", 6),
    ("return-back", 7),
];

fn work_mode(text: &str) -> Option<u8> {
    MODES.iter().find(|(name, _)| *name == text.trim()).map(|(_, number)| *number)
}
