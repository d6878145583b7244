//! What is published (`[publish]`): its options, the names of its states, and what must fit together (`spec/uc-connector-functional.md` 2, 3.3, 13).
use super::finding::{Findings, Lines, Place, nearest};
use super::options::{DAY_MS, Draft, Opt, maybe, must, num, opt};
use super::simple::Kind;
use super::slot::{Slot, Transport, Word};
use crate::people::list;
use toml::de::DeTable;
use uc_core::config::{AfterRule, Mode, PublishConfig, PublishWay, PublishedState, StateRow, UserActionRule};

/// Names of states, before they are looked up. Empty: nothing is published.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    acw: Box<str>,
    legal_guard: Box<str>,
    logged_out: Box<str>,
    logged_in: Box<str>,
    ready: Box<str>,
    not_ready: Box<str>,
    modes: Vec<Box<str>>,
}

impl Default for Names {
    /// As [`PublishConfig::default`] says it with rows.
    fn default() -> Self {
        Self {
            acw: "acw".into(),
            legal_guard: "legal-guard".into(),
            logged_out: "".into(),
            logged_in: "not-ready".into(),
            ready: "ready".into(),
            not_ready: "not-ready".into(),
            modes: vec!["3=acw".into(), "2=legal-guard".into()],
        }
    }
}

/// The names of the rows of [`PublishConfig::default`].
const DEFAULT_STATES: [&str; 4] = ["acw", "legal-guard", "ready", "not-ready"];

/// `[[publish.state]]`
#[derive(Clone, Debug)]
pub(crate) struct StateDraft {
    name: Box<str>,
    availability: u32,
    token: Box<str>,
    text: Box<str>,
    note: Option<String>,
}

impl Default for StateDraft {
    fn default() -> Self {
        Self { name: "".into(), availability: 6500, token: "".into(), text: "".into(), note: None }
    }
}

impl Word for PublishWay {
    fn words(&self) -> &'static [&'static str] {
        &["endpoint", "endpoint-kept", "direct", "pidf"]
    }
    fn get(&self) -> Option<usize> {
        Some(match self {
            Self::Endpoint { keep: false } => 0,
            Self::Endpoint { keep: true } => 1,
            Self::Direct => 2,
            Self::Pidf => 3,
        })
    }
    fn set(&mut self, at: usize) {
        *self = [Self::Endpoint { keep: false }, Self::Endpoint { keep: true }, Self::Direct, Self::Pidf][at];
    }
}

impl Word for UserActionRule {
    fn words(&self) -> &'static [&'static str] {
        &["roaming-self", "aggregate"]
    }
    fn get(&self) -> Option<usize> {
        Some(usize::from(*self == Self::Aggregate))
    }
    fn set(&mut self, at: usize) {
        *self = [Self::RoamingSelf, Self::Aggregate][at];
    }
}

impl Word for AfterRule {
    fn words(&self) -> &'static [&'static str] {
        &["follow", "stand"]
    }
    fn get(&self) -> Option<usize> {
        Some(usize::from(*self == Self::Stand))
    }
    fn set(&mut self, at: usize) {
        *self = [Self::Follow, Self::Stand][at];
    }
}

/// `[publish]`
pub(crate) const PUBLISH: &[Opt<Draft>] = &[
    num("acw", 0, 64, |d| Slot::Text(&mut d.publish_names.acw), "Mode `bidirectional`: state (`[[publish.state]]`) during After Call Work; empty: none."),
    num("legal_guard", 0, 64, |d| Slot::Text(&mut d.publish_names.legal_guard), "The same during Legal Guard."),
    opt(
        "after",
        |d| Slot::Word(&mut d.publish.after),
        "When After Call Work ends by its timer or by a desktop: `follow`, the agent gets the state of the worker's presence; `stand`, the agent's state stands until \
         the next presence change.",
    ),
    opt(
        "acw_in_normal",
        |d| Slot::Bool(&mut d.publish.acw_in_normal),
        "Mode `normal` too: presence that changes by itself (idle, calls, meetings) does not end After Call Work or Legal Guard. Nothing is published.",
    ),
    num(
        "override_max_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.publish.override_max_ms),
        "After Call Work and Legal Guard are ended by us after this long; 0: never.",
    ),
    opt(
        "way",
        |d| Slot::Word(&mut d.publish.way),
        "Who publishes: `endpoint`, an endpoint registered as the worker while something is published; `endpoint-kept`, always; `direct`, in the worker's name without \
         one; `pidf`, the application itself, which can only show on-the-phone.",
    ),
    opt(
        "user_action",
        |d| Slot::Word(&mut d.publish.user_action),
        "How a worker's own action is told from a change by itself: `roaming-self`, from what their clients publish (needs an endpoint); `aggregate`, from the presence \
         alone, which is a guess.",
    ),
    num("expires_s", 60, 86_400, |d| Slot::U32(&mut d.publish.expires_s), "Lifetime of a publication, seconds; refreshed at half time."),
    num(
        "echo_ms",
        0,
        600_000,
        |d| Slot::U64(&mut d.publish.echo_ms),
        "After a withdrawal, presence equal to what was published counts as its echo for this long.",
    ),
    num(
        "reassert_ms",
        1000,
        DAY_MS,
        |d| Slot::U64(&mut d.publish.reassert_ms),
        "Mode `push-only`: what a worker changed is overwritten after this long, and not more often.",
    ),
    num(
        "stale_ms",
        0,
        DAY_MS,
        |d| Slot::U64(&mut d.publish.stale_ms),
        "Mode `push-only`: a switch out of reach for this long is no longer shown; 0: its last states stand.",
    ),
    num(
        "conflict_retry_ms",
        10,
        60_000,
        |d| Slot::U64(&mut d.publish.conflict_retry_ms[0]),
        "First pause after a conflict (409); doubled twice, then the server is asked what stands.",
    ),
    num("requests_per_s", 0, 1_000_000, |d| Slot::U32(&mut d.publish.requests_per_s), "Publications per second; 0: no limit."),
    num("outstanding_max", 0, 100_000, |d| Slot::U32(&mut d.publish.outstanding_max), "Unanswered publications; 0: no limit."),
];

/// `[publish.push]`
pub(crate) const PUSH: &[Opt<Draft>] = &[
    num("logged_out", 0, 64, |d| Slot::Text(&mut d.publish_names.logged_out), "State while the agent is logged out; empty: nothing is published."),
    num("logged_in", 0, 64, |d| Slot::Text(&mut d.publish_names.logged_in), "Logged in, neither ready nor not ready."),
    num("ready", 0, 64, |d| Slot::Text(&mut d.publish_names.ready), "Ready."),
    num("not_ready", 0, 64, |d| Slot::Text(&mut d.publish_names.not_ready), "Not ready, in none of `modes`."),
    opt("modes", |d| Slot::Texts(&mut d.publish_names.modes), "Not ready with a work mode, `\"MODE=STATE\"`: 3 is After Call Work, 2 Legal Guard, 4 Aux Work."),
];

/// `[[publish.state]]`
pub(crate) const STATE: &[Opt<StateDraft>] = &[
    must(
        "name",
        "\"acw\"",
        |s| Slot::Text(&mut s.name),
        "Name, for the options above. `acw`, `legal-guard`, `ready` and `not-ready` are there already and can be replaced.",
    ),
    num(
        "availability",
        0,
        18_500,
        |s| Slot::U32(&mut s.availability),
        "Availability number: 3500 available, 6500 busy, 9500 do not disturb, 12500 be right back, 15500 away.",
    ),
    num("token", 0, 64, |s| Slot::Text(&mut s.token), "Activity token, for example `on-the-phone`; empty: none."),
    num(
        "text",
        0,
        64,
        |s| Slot::Text(&mut s.text),
        "Text shown instead of the class. It is also how a publication of ours is recognised; without one only the class tells, which can be mistaken.",
    ),
    maybe("note", "\"After Call Work\"", |s| Slot::OptText(&mut s.note), "Personal note shown meanwhile; default: the worker's own stands."),
];

/// Looks up the names and fills in the rows of the draft.
pub(crate) fn resolve(draft: &mut Draft, states: &[(StateDraft, Place)], at: impl Fn(&str) -> Place, findings: &mut Findings) {
    let mut names: Vec<Box<str>> = DEFAULT_STATES.map(Into::into).into();
    let mut rows = PublishConfig::default().states;
    for (nth, (state, place)) in states.iter().enumerate() {
        if states[..nth].iter().any(|(other, _)| other.name == state.name) {
            findings.error(place, format!("state `{}` is there twice", state.name));
        }
        let StateDraft { name, availability, token, text, note } = state.clone();
        let row = PublishedState { availability, token, text, note: note.map(Into::into) };
        match names.iter().position(|known| *known == name) {
            Some(at) => rows[at] = row,
            None => {
                names.push(name);
                rows.push(row);
            }
        }
    }
    if rows.len() > usize::from(StateRow::MAX) {
        findings.error(&at("publish.state"), format!("there are {} states, the limit is {}", rows.len(), StateRow::MAX));
        rows.truncate(StateRow::MAX.into());
    }
    let words = draft.publish_names.clone();
    let mut find = |option: &str, name: &str| {
        let row = names.iter().position(|known| **known == *name);
        if row.is_none() && !name.is_empty() {
            let known: Vec<&str> = names.iter().map(|name| &**name).collect();
            let instead = nearest(name, known.iter().copied()).map_or_else(|| format!("there are {}", list(&known)), |near| format!("did you mean `{near}`?"));
            findings.error(&at(option), format!("there is no state `{name}`; {instead}"));
        }
        row.map(|row| row as StateRow)
    };
    let to = &mut draft.publish;
    to.acw = find("publish.acw", &words.acw);
    to.legal_guard = find("publish.legal_guard", &words.legal_guard);
    to.push.logged_out = find("publish.push.logged_out", &words.logged_out);
    to.push.logged_in = find("publish.push.logged_in", &words.logged_in);
    to.push.ready = find("publish.push.ready", &words.ready);
    to.push.not_ready = find("publish.push.not_ready", &words.not_ready);
    let mut modes = Vec::new();
    let mut wrong = Vec::new();
    for text in &words.modes {
        let mode = text.split_once('=').and_then(|(mode, name)| Some((mode.trim().parse::<u8>().ok().filter(|mode| *mode <= WORK_MODE_MAX)?, name.trim())));
        match mode {
            Some((mode, _)) if modes.iter().any(|(other, _)| *other == mode) => wrong.push(format!("`modes` has mode {mode} twice")),
            Some((mode, name)) => modes.push((mode, find("publish.push.modes", name))),
            None => wrong.push(format!("`modes` has \"{text}\"; write \"MODE=STATE\" with a work mode from 0 to {WORK_MODE_MAX}, for example \"3=acw\"")),
        }
    }
    to.push.modes = modes;
    to.states = rows;
    let first = to.conflict_retry_ms[0];
    to.conflict_retry_ms = [first, first * 2, first * 4];
    wrong.into_iter().for_each(|what| findings.error(&at("publish.push.modes"), what));
}

/// Highest work mode (`spec/genesys-protocols.md` 1.4).
const WORK_MODE_MAX: u8 = 7;

/// Whether mode, UC platform and publications fit together.
pub(crate) fn check(document: &DeTable<'_>, draft: &Draft, is_near: bool, at: impl Fn(&str) -> Place, findings: &mut Findings) {
    let given = |section: &str| document.contains_key(section);
    let mode = at("connector.mode");
    match draft.mode {
        Mode::Standalone if given("uc") => {
            findings.error(&mode, "mode `standalone` has no UC platform, but there is a section [uc]; remove it, or write `mode = \"normal\"`");
        }
        Mode::Bidirectional if !given("uc") => {
            findings.error(&mode, "mode `bidirectional` needs the UC platform; write [uc], or `mode = \"standalone\"`");
        }
        Mode::PushOnly if !given("uc") => findings.error(&mode, "mode `push-only` needs the UC platform to publish to; write [uc]"),
        _ => {}
    }
    if !draft.mode.pushes() {
        if draft.publish != super::simple::default_publications(draft) && !(draft.mode == Mode::Normal && draft.publish.acw_in_normal) {
            findings.warning(&at("publish"), "[publish] has no effect in this mode; write `mode = \"bidirectional\"` or `mode = \"push-only\"` in [connector]");
        }
        return;
    }
    if draft.kind == Kind::Simple {
        // Whoever may publish is known by a password or by address there.
        return;
    }
    if draft.uc_transport == Transport::Tls && draft.uc_tls.certificate.is_none() {
        findings.error(
            &mode,
            "to publish for workers the connector must be a trusted application, which the Front End knows by its certificate; write `certificate` and `key` in [uc.tls]",
        );
    } else if draft.uc_transport == Transport::Tcp && !is_near {
        findings.error(
            &mode,
            "to publish for workers the connector must be a trusted application over mutual TLS; write `transport = \"tls\"` in [uc], and [uc.tls]",
        );
    }
    let publish = &draft.publish;
    if publish.user_action == UserActionRule::RoamingSelf && !matches!(publish.way, PublishWay::Endpoint { .. }) {
        findings.error(
            &at("publish.user_action"),
            "without an endpoint of the worker's there is no roaming-self subscription; write `user_action = \"aggregate\"`, or `way = \"endpoint\"`",
        );
    }
    if draft.mode == Mode::Bidirectional && !matches!(publish.way, PublishWay::Pidf) {
        for (option, row) in [("publish.acw", publish.acw), ("publish.legal_guard", publish.legal_guard)] {
            if row.and_then(|row| publish.state(row)).is_some_and(|state| state.text.is_empty()) {
                findings.warning(
                    &at(option),
                    format!(
                        "the state of `{}` has no text: its echo is known by its class only, and a worker's own change to that class would be missed",
                        last(option)
                    ),
                );
            }
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Where something is, for [`resolve`] and [`check`].
pub(crate) fn places<'a>(lines: &'a Lines<'_>, document: &'a DeTable<'_>) -> impl Fn(&str) -> Place + 'a {
    move |path| super::checks::place(lines, document, path)
}
