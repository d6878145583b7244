//! A note of the core in words: ids become names, and the operator reads what happened and what comes next.
use crate::settings::LogSettings;
use uc_core::config::NoteLevel;
use uc_core::cti_event::Role;
use uc_core::id::{CtiLinkId, DnId, SwitchId, UcLinkId, UserId, WatcherId};
use uc_core::input::Choice;
use uc_core::uc_event::{CloseCause, TerminationReason};
use uc_core::{Connector, Note};

/// A note in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Severity.
    pub(crate) level: NoteLevel,
    /// Kind of event, stable, for machines.
    pub(crate) event: &'static str,
    /// One sentence.
    pub(crate) text: String,
    /// What the sentence is about, for machines.
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// Looks up names.
struct Names<'a> {
    connector: &'a Connector,
    show_notes: bool,
}

/// The note in words.
pub(crate) fn describe(note: &Note, connector: &Connector, settings: &LogSettings) -> Line {
    let names = Names { connector, show_notes: settings.show_notes };
    let (event, text, fields) =
        names.uc(note).or_else(|| names.cti(note)).or_else(|| names.worker(note)).unwrap_or_else(|| ("note", note.to_string(), Vec::new()));
    Line { level: note.level(), event, text, fields }
}

type Told = (&'static str, String, Vec<(&'static str, String)>);

impl Names<'_> {
    fn uc(&self, note: &Note) -> Option<Told> {
        let link_field = |link: &UcLinkId| vec![("link", link.to_string())];
        Some(match note {
            Note::UcConnecting { link, endpoint } => ("uc_connecting", format!("{link}: connecting to {}", self.endpoint(*endpoint)), link_field(link)),
            Note::UcConnected { link } => ("uc_connected", format!("{link}: connected to {}", self.server(*link)), link_field(link)),
            Note::UcClosed { link, why, retry_ms } => {
                ("uc_closed", format!("{link}: connection to {} {}; {}", self.server(*link), cause(*why), again(*retry_ms)), link_field(link))
            }
            Note::UcMalformed { link, fault } => ("uc_malformed", format!("{link}: {} broke the protocol: {fault}", self.server(*link)), link_field(link)),
            Note::Uc { link, text, .. } => ("uc", format!("{link}: {text}"), link_field(link)),
            Note::Registered { watcher, expires_s } => {
                ("registered", format!("{} is registered for {expires_s} s", self.watcher(*watcher)), vec![("watcher", self.watcher(*watcher))])
            }
            Note::Subscribed { watcher, users, expires_s } => (
                "subscribed",
                format!("{} watches {users} worker{} for {expires_s} s", self.watcher(*watcher), crate::config_file::plural(*users as usize)),
                vec![("watcher", self.watcher(*watcher))],
            ),
            Note::UcRefused { watcher, method, status, text } => {
                let who = self.watcher(*watcher);
                ("uc_refused", format!("{method} of {who} was refused: {status} {text}"), vec![("watcher", who), ("status", status.to_string())])
            }
            Note::ResourceLost { user, reason } => {
                ("resource_lost", format!("{} cannot be watched: {}", self.user(*user), termination(*reason)), self.user_fields(*user))
            }
            _ => return None,
        })
    }

    fn cti(&self, note: &Note) -> Option<Told> {
        let link_field = |link: &CtiLinkId| vec![("link", link.to_string())];
        Some(match note {
            Note::CtiClosed { link, why, retry_ms } => {
                ("cti_closed", format!("{link}: connection to {} {}; {}", self.bridge(*link), cause(*why), again(*retry_ms)), link_field(link))
            }
            Note::CtiOpened { link, role, server } => {
                let role = if *role == Role::Primary { "primary" } else { "backup" };
                ("cti_opened", format!("{link}: session with T-Server {server} is open, it is {role}"), link_field(link))
            }
            Note::CtiMalformed { link, fault } => ("cti_malformed", format!("{link}: {} broke the protocol: {fault}", self.bridge(*link)), link_field(link)),
            Note::Cti { link, text, .. } => ("cti", format!("{link}: {text}"), link_field(link)),
            Note::Preview { text, .. } => ("preview", text.to_string(), Vec::new()),
            Note::SwitchUp { switch, link } => {
                ("switch_up", format!("switch {} takes requests through {}", self.switch(*switch), self.bridge(*link)), vec![("switch", self.switch(*switch))])
            }
            Note::SwitchDown { switch } => {
                ("switch_down", format!("switch {} takes no requests", self.switch(*switch)), vec![("switch", self.switch(*switch))])
            }
            Note::RequestFailed { dn, what, code, text, retry_ms } => {
                let next = retry_ms.map_or_else(|| "left until the next change".to_owned(), again);
                ("request_failed", format!("{what} for {} was refused: error {code} {text}; {next}", self.dn(*dn)), self.dn_fields(*dn))
            }
            Note::RequestTimedOut { dn, what } => ("request_timed_out", format!("{what} for {} was not answered", self.dn(*dn)), self.dn_fields(*dn)),
            _ => return None,
        })
    }

    fn worker(&self, note: &Note) -> Option<Told> {
        Some(match note {
            Note::Presence { user, from, to } => ("presence", format!("{}: {from} -> {to}{}", self.user(*user), self.note_of(*user)), self.user_fields(*user)),
            Note::StateRequested { user, dn, what, status } => {
                ("state_requested", format!("{what} requested for {} of {}: {status}", self.dn(*dn), self.user(*user)), self.dn_fields(*dn))
            }
            Note::AgentState { user, dn, state, foreign } => {
                let by = if *foreign { ", by somebody else" } else { "" };
                ("agent_state", format!("{} of {} is {state}{by}", self.dn(*dn), self.user(*user)), self.dn_fields(*dn))
            }
            Note::OverrideBegan { user, what } => {
                ("override_began", format!("{} is in {}: presence changes are held back", self.user(*user), what.words()), self.user_fields(*user))
            }
            Note::OverrideEnded { user, why } => {
                ("override_ended", format!("the presence of {} counts again: {why}", self.user(*user)), self.user_fields(*user))
            }
            Note::PresenceStale { user } => {
                ("presence_stale", format!("the presence of {} has been unknown for too long", self.user(*user)), self.user_fields(*user))
            }
            Note::Chosen { user, choice } => ("chosen", format!("{}: {}", self.user(*user), self.choice(*choice)), self.user_fields(*user)),
            Note::ChoiceRefused { user, fault } => ("choice_refused", format!("{} cannot choose: {fault}", self.user(*user)), self.user_fields(*user)),
            Note::Reconfigured { added, removed, changed } => {
                ("reconfigured", format!("configuration replaced: {added} workers added, {removed} removed, {changed} changed"), Vec::new())
            }
            _ => return None,
        })
    }

    fn choice(&self, choice: Option<Choice>) -> String {
        match choice {
            Some(Choice::State(row)) => {
                let states = &self.connector.directory().config().choice.states;
                format!("state {} stands by hand", states.get(usize::from(row)).map_or("", |state| &state.id))
            }
            Some(Choice::LoggedIn) => "logged in by hand".to_owned(),
            Some(Choice::LoggedOut) => "logged out by hand".to_owned(),
            None => "no state stands by hand any more".to_owned(),
        }
    }

    fn endpoint(&self, at: u16) -> String {
        let endpoint = self.connector.directory().config().uc.endpoints.get(usize::from(at));
        endpoint.map_or_else(|| "the server".to_owned(), |e| format!("{}:{}", e.host, e.port))
    }

    fn server(&self, link: UcLinkId) -> String {
        let view = self.connector.uc_links().into_iter().find(|view| view.link == link);
        view.map_or_else(|| "the server".to_owned(), |view| self.endpoint(view.endpoint))
    }

    fn bridge(&self, link: CtiLinkId) -> String {
        let server = self.connector.directory().config().server(link).map(|(_, _, server)| server);
        server.map_or_else(|| "the bridge".to_owned(), |server| format!("T-Server {} at {}", server.name, server.address))
    }

    fn switch(&self, switch: SwitchId) -> String {
        self.connector.directory().config().cti.switches.get(switch.index()).map_or_else(|| switch.to_string(), |s| s.name.to_string())
    }

    fn watcher(&self, watcher: WatcherId) -> String {
        self.connector.directory().config().uc.watchers.get(watcher.index()).map_or_else(|| watcher.to_string(), |w| w.uri.to_string())
    }

    fn user(&self, user: UserId) -> String {
        let directory = self.connector.directory();
        if !directory.has_user(user) {
            return user.to_string();
        }
        let person = directory.person(user);
        let name = [&person.display_name, &person.user_name].into_iter().find(|name| !name.is_empty());
        name.map_or_else(|| person.employee_id.to_string(), |name| format!("{name} ({})", person.employee_id))
    }

    fn user_fields(&self, user: UserId) -> Vec<(&'static str, String)> {
        let directory = self.connector.directory();
        if directory.has_user(user) { vec![("employee_id", directory.person(user).employee_id.to_string())] } else { Vec::new() }
    }

    fn dn(&self, dn: DnId) -> String {
        let directory = self.connector.directory();
        if directory.has_dn(dn) { format!("{}@{}", directory.number(dn), self.switch(directory.switch_of(dn))) } else { dn.to_string() }
    }

    fn dn_fields(&self, dn: DnId) -> Vec<(&'static str, String)> {
        let mut fields = self.connector.user_of(dn).map_or_else(Vec::new, |user| self.user_fields(user));
        fields.push(("dn", self.dn(dn)));
        fields
    }

    /// The worker's own words only where they are asked for.
    fn note_of(&self, user: UserId) -> String {
        match self.connector.worker(user).map(|worker| worker.note) {
            Some(note) if self.show_notes && !note.is_empty() => format!(", note {note:?}"),
            Some(note) if !note.is_empty() => format!(", note of {} characters", note.chars().count()),
            _ => String::new(),
        }
    }
}

fn again(retry_ms: impl std::borrow::Borrow<u64>) -> String {
    match *retry_ms.borrow() {
        0 => "trying again at once".to_owned(),
        ms if ms < 1000 => format!("trying again in {ms} ms"),
        ms => format!("trying again in {}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

const fn cause(why: CloseCause) -> &'static str {
    match why {
        CloseCause::PeerClosed => "was closed by the far end",
        CloseCause::Reset => "was reset",
        CloseCause::Refused => "was refused: nobody listens there",
        CloseCause::TimedOut => "timed out",
        CloseCause::Unreachable => "failed: the network or host cannot be reached",
        CloseCause::CertificateRejected => "failed: its certificate is not trusted, has another name or is out of date; check `ca` and `server_name`",
        CloseCause::HandshakeFailed => "failed: it accepts neither our certificate nor our TLS versions; check `certificate`, or try `profile = \"openssl\"`",
        CloseCause::Local => "was given up: it sent more than the limits allow, or our own resources are exhausted",
    }
}

const fn termination(reason: TerminationReason) -> &'static str {
    match reason {
        TerminationReason::None | TerminationReason::Other => "the server ended the subscription",
        TerminationReason::Deactivated => "the server asks to subscribe again",
        TerminationReason::Probation => "the server asks to come back later",
        TerminationReason::Rejected => "the server does not allow it",
        TerminationReason::Timeout => "the subscription expired",
        TerminationReason::Giveup => "the server gave up",
        TerminationReason::Invariant => "the server says that the state never changes",
        TerminationReason::NoResource => "the server knows no such user; check sip_uri",
    }
}
