//! From TOML tables to drafts: every key is looked up in the table of options, everything that is not there or does not fit is a finding.
use super::conditions;
use super::finding::{Findings, Lines, Place, nearest};
use super::options::{self, ConditionDraft, Draft, Opt, PERSON, ServerDraft, SwitchDraft, TlsDraft, WatcherDraft};
use super::publish::{self, StateDraft};
use super::simple::{self, CredentialDraft};
use super::slot::Profile;
use super::sso;
use super::web;
use crate::people::{Field, People, Row, list};
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use uc_core::config::{Condition, CtiPace, UcPace};

/// What the file says.
pub(crate) struct File {
    /// Options that are there once.
    pub(crate) draft: Draft,
    /// `[[uc.watcher]]`
    pub(crate) watchers: Vec<(WatcherDraft, Place)>,
    /// `[[uc.credential]]`
    pub(crate) credentials: Vec<(CredentialDraft, Place)>,
    /// `[[switch]]`
    pub(crate) switches: Vec<Switch>,
    /// `[[router.bridge]]`
    pub(crate) bridges: Vec<Server>,
    /// `[[presence.condition]]`
    pub(crate) conditions: Vec<Condition>,
    /// `[[publish.state]]`
    pub(crate) states: Vec<(StateDraft, Place)>,
}

/// `[[switch]]`
pub(crate) struct Switch {
    /// Options.
    pub(crate) draft: SwitchDraft,
    /// Where.
    pub(crate) place: Place,
    /// `[[switch.server]]`
    pub(crate) servers: Vec<Server>,
    /// `free_dns`, one by one.
    pub(crate) free_dns: Vec<Box<str>>,
}

/// `[[switch.server]]`
pub(crate) struct Server {
    /// Options.
    pub(crate) draft: ServerDraft,
    /// Where.
    pub(crate) place: Place,
}

/// Reads the whole file but the persons.
pub(crate) fn file(lines: &Lines<'_>, document: &DeTable<'_>, folder: &Path, findings: &mut Findings) -> File {
    let mut reader = Reader { lines, folder, findings };
    let mut draft = Draft::default();
    simple::begin(document, &mut draft);
    let top = ["connector", "standalone", "choice", "uc", "switch", "cti", "presence", "publish", "preview", "web", "router", "limits", "ops", "log", "person"];
    reader.section::<Draft>("", document, &[], &top, &mut draft);
    reader.child("connector", document, options::CONNECTOR, &[], &mut draft);
    // The profile is where the pace starts from, so it comes first.
    if draft.profile == Profile::Open {
        draft.uc.pace = UcPace::open();
        draft.cti.pace = CtiPace::open();
    }
    let (mut watchers, mut credentials) = (Vec::new(), Vec::new());
    reader.child("uc", document, options::UC, &["watcher", "tls", "timers", "pace", "simple", "credential"], &mut draft);
    if let Some(uc) = reader.table("uc", document) {
        reader.child("uc.tls", uc, options::TLS, &[], &mut draft.uc_tls);
        reader.child("uc.timers", uc, options::UC_TIMERS, &[], &mut draft);
        reader.child("uc.pace", uc, options::UC_PACE, &[], &mut draft);
        for (table, place) in reader.tables("uc.watcher", uc) {
            let mut watcher = WatcherDraft::default();
            reader.item("uc.watcher", table, options::WATCHER, &[], &mut watcher, &place);
            watchers.push((watcher, place));
        }
        reader.child("uc.simple", uc, simple::SIMPLE, &[], &mut draft);
        for (table, place) in reader.tables("uc.credential", uc) {
            let mut credential = CredentialDraft::default();
            reader.item("uc.credential", table, simple::CREDENTIAL, &[], &mut credential, &place);
            credentials.push((credential, place));
        }
    }
    reader.child("standalone", document, options::STANDALONE, &[], &mut draft);
    reader.child("choice", document, options::CHOICE, &["tls"], &mut draft);
    if let Some(choice) = reader.table("choice", document) {
        reader.child("choice.tls", choice, options::TLS, &[], &mut draft.choice_tls);
    }
    reader.child("cti", document, &[], &["timers", "pace"], &mut draft);
    if let Some(cti) = reader.table("cti", document) {
        reader.child("cti.timers", cti, options::CTI_TIMERS, &[], &mut draft);
        reader.child("cti.pace", cti, options::CTI_PACE, &[], &mut draft);
    }
    reader.child("presence", document, options::PRESENCE, &["map", "condition"], &mut draft);
    let mut rows = Vec::new();
    if let Some(presence) = reader.table("presence", document) {
        for (table, place) in reader.tables("presence.condition", presence) {
            let mut row = ConditionDraft::default();
            reader.item("presence.condition", table, options::CONDITION, &[], &mut row, &place);
            rows.push((row, place));
        }
        reader.child("presence.map", presence, options::MAP, &[], &mut draft);
    }
    let mut states = Vec::new();
    reader.child("publish", document, publish::PUBLISH, &["push", "state"], &mut draft);
    if let Some(table) = reader.table("publish", document) {
        reader.child("publish.push", table, publish::PUSH, &[], &mut draft);
        for (table, place) in reader.tables("publish.state", table) {
            let mut state = StateDraft::default();
            reader.item("publish.state", table, publish::STATE, &[], &mut state, &place);
            states.push((state, place));
        }
    }
    let mut bridges = Vec::new();
    reader.child("preview", document, web::PREVIEW, &[], &mut draft);
    reader.child("web", document, web::WEB, &["tls", "sso"], &mut draft);
    if let Some(table) = reader.table("web", document) {
        reader.child("web.tls", table, web::SERVER_TLS, &[], &mut draft.web_tls);
        reader.child("web.sso", table, sso::SSO, &[], &mut draft);
    }
    reader.child("router", document, web::ROUTER, &["tls", "bridge"], &mut draft);
    if let Some(table) = reader.table("router", document) {
        reader.child("router.tls", table, web::SERVER_TLS, &[], &mut draft.router_tls);
        for (table, place) in reader.tables("router.bridge", table) {
            bridges.push(reader.server("router.bridge", table, web::BRIDGE, place));
        }
    }
    reader.child("limits", document, options::LIMITS, &[], &mut draft);
    reader.child("ops", document, options::OPS, &[], &mut draft);
    reader.child("log", document, options::LOG, &[], &mut draft);
    let switches = reader.tables("switch", document).into_iter().map(|(table, place)| reader.switch(table, place)).collect();
    let conditions = conditions::conditions(&rows, reader.findings);
    File { draft, watchers, credentials, switches, bridges, conditions, states }
}

struct Reader<'a, 't> {
    lines: &'a Lines<'t>,
    folder: &'a Path,
    findings: &'a mut Findings,
}

impl Reader<'_, '_> {
    fn switch(&mut self, table: &DeTable<'_>, place: Place) -> Switch {
        let mut draft = SwitchDraft::default();
        self.item("switch", table, options::SWITCH, &["server"], &mut draft, &place);
        let mut servers = Vec::new();
        for (table, place) in self.tables("switch.server", table) {
            servers.push(self.server("switch.server", table, options::SERVER, place));
        }
        let free_dns = conditions::free_dns(&draft.free_dns, &place, self.findings);
        Switch { draft, place, servers, free_dns }
    }

    /// What is behind a bridge.
    fn server(&mut self, path: &str, table: &DeTable<'_>, options: &[Opt<ServerDraft>], place: Place) -> Server {
        let mut draft = ServerDraft::default();
        self.item(path, table, options, &["tls"], &mut draft, &place);
        let mut tls = TlsDraft::default();
        self.child(&format!("{path}.tls"), table, options::TLS, &[], &mut tls);
        draft.tls = tls;
        Server { draft, place }
    }

    /// The table `path` (its last word) of `parent`, if there is one.
    fn table<'t, 'i>(&mut self, path: &str, parent: &'t DeTable<'i>) -> Option<&'t DeTable<'i>> {
        parent.get(last(path)).and_then(|value| value.get_ref().as_table())
    }

    /// Reads the table `path` (its last word) of `parent`, if there is one.
    fn child<T>(&mut self, path: &str, parent: &DeTable<'_>, options: &[Opt<T>], tables: &[&str], target: &mut T) {
        let Some(value) = parent.get(last(path)) else { return };
        match value.get_ref().as_table() {
            Some(table) => self.section(path, table, options, tables, target),
            None => {
                self.findings.error(&self.lines.place(&value.span()), format!("`{path}` is a section; write `[{path}]` and its options on the following lines"))
            }
        }
    }

    /// The tables `[[path]]` of `parent`.
    fn tables<'t, 'i>(&mut self, path: &str, parent: &'t DeTable<'i>) -> Vec<(&'t DeTable<'i>, Place)> {
        let Some(value) = parent.get(last(path)) else { return Vec::new() };
        let items = value
            .get_ref()
            .as_array()
            .map(|items| items.iter().filter_map(|item| Some((item.get_ref().as_table()?, self.lines.place(&item.span())))).collect::<Vec<_>>());
        match items {
            Some(items) if value.get_ref().as_array().is_some_and(|all| all.len() == items.len()) => items,
            _ => {
                self.findings.error(&self.lines.place(&value.span()), format!("there can be several `{path}`; write `[[{path}]]` in double brackets"));
                Vec::new()
            }
        }
    }

    /// One of several tables: required options must be there.
    fn item<T>(&mut self, path: &str, table: &DeTable<'_>, options: &[Opt<T>], tables: &[&str], target: &mut T, place: &Place) {
        self.section(path, table, options, tables, target);
        for option in options.iter().filter(|option| option.required && !table.contains_key(option.key)) {
            self.findings.error(place, format!("`{}` is missing in [[{path}]]; write `{} = {}`", option.key, option.key, option.sample));
        }
    }

    fn section<T>(&mut self, path: &str, table: &DeTable<'_>, options: &[Opt<T>], tables: &[&str], target: &mut T) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            if let Some(option) = options.iter().find(|option| option.key == name) {
                if let Err(expected) = (option.slot)(target).read(value.get_ref(), option.range, self.folder) {
                    let is = describe(value.get_ref(), expected.contains("secret"));
                    self.findings.error(&self.lines.place(&value.span()), format!("`{name}` {is}, it must be {expected}"));
                }
            } else if !tables.contains(&name) {
                let known: Vec<&str> = options.iter().map(|option| option.key).chain(tables.iter().copied()).collect();
                self.unknown(path, name, &key.span(), &known);
            }
        }
    }

    fn unknown(&mut self, path: &str, name: &str, span: &Range<usize>, known: &[&str]) {
        let place = self.lines.place(span);
        let what = if path.is_empty() { format!("there is no section `{name}`") } else { format!("there is no option `{name}` in [{path}]") };
        let elsewhere = || super::doc::sections_with(name).into_iter().find(|section| *section != path);
        let instead = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => elsewhere().map_or_else(|| format!("there are {}", list(known)), |section| format!("it belongs in [{section}]")),
        };
        self.findings.error(&place, format!("{what}; {instead}"));
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The value in a sentence; what may be a secret is not repeated.
fn describe(value: &DeValue<'_>, secret: bool) -> String {
    match value {
        _ if secret => "is something else".into(),
        DeValue::String(text) => format!("is {:?}", text.chars().take(80).collect::<String>()),
        DeValue::Integer(n) => format!("is {}", n.as_str()),
        DeValue::Boolean(b) => format!("is {b}"),
        DeValue::Float(f) => format!("is {}", f.as_str()),
        DeValue::Datetime(_) => "is a date".into(),
        DeValue::Array(_) => "is a list that does not fit".into(),
        DeValue::Table(_) => "is a section".into(),
    }
}

/// A people file in TOML contains `[[person]]` and nothing else.
pub(crate) fn only_persons(lines: &Lines<'_>, document: &DeTable<'_>, findings: &mut Findings) {
    for (key, _) in document.iter().filter(|(key, _)| key.get_ref() != "person") {
        findings.error(&lines.place(&key.span()), format!("`{}` does not belong in a people file; it contains `[[person]]` only", key.get_ref()));
    }
}

/// Reads `[[person]]`.
pub(crate) fn persons(lines: &Lines<'_>, document: &DeTable<'_>, people: &mut People<'_>, findings: &mut Findings) {
    let tables = Reader { lines, folder: Path::new(""), findings }.tables("person", document);
    for (table, place) in tables {
        let mut row: Row<'_> = std::array::from_fn(|_| Field { text: Cow::Borrowed(""), place: place.clone() });
        for (key, value) in table {
            let name: &str = key.get_ref();
            match PERSON.iter().position(|(known, ..)| *known == name) {
                Some(at) => match field(value) {
                    Some(text) => row[at] = Field { text, place: lines.place(&value.span()) },
                    None => findings.error(&lines.place(&value.span()), format!("`{name}` must be text in double quotes, or a list of texts")),
                },
                None => {
                    let known = PERSON.map(|(known, ..)| known);
                    let instead = nearest(name, known).map_or_else(|| format!("there are {}", list(&known)), |near| format!("did you mean `{near}`?"));
                    findings.error(&lines.place(&key.span()), format!("there is no option `{name}` in [[person]]; {instead}"));
                }
            }
        }
        people.add(&row, findings);
    }
}

/// A text, or a list of texts joined by `;`.
fn field<'t>(value: &'t Spanned<DeValue<'_>>) -> Option<Cow<'t, str>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Cow::Borrowed(text)),
        DeValue::Array(items) => items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<_>>>().map(|texts| Cow::Owned(texts.join(";"))),
        _ => None,
    }
}
