//! The operations listener and what it asks the driver.
//!
//! HTTP threads never see the [`uc_core::Connector`]: they send an [`OpsRequest`] and wait; the driver answers with [`answer`], which copies a bounded piece of the
//! views ([`ROWS_MAX`], [`SCAN_MAX`]) so that presence never waits long. Larger pages are put together from several answers, and text (JSON, metrics) is made,
//! on the HTTP threads.
mod answers;
mod gate;
mod http;
mod json;

#[cfg(test)]
mod tests;

use crate::history::History;
use crate::presence_xml::Catalogue;
use crate::web::Counts;
pub(crate) use answers::{answer, state_of};
pub(crate) use http::{Listening, start};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use uc_core::config::Mode;
use uc_core::presence::{Activity, Class};
use uc_core::views::{AgentState, ChoiceFault, Counters, CtiLinkView, LinkState, OverrideView, PreviewsView, UcLinkView, WantView};

/// Workers in one answer of the driver.
pub(crate) const ROWS_MAX: usize = 200;
/// Workers looked at for one answer of the driver.
pub(crate) const SCAN_MAX: u32 = 2000;

/// What the operations threads see of the web side, without asking the driver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facing {
    /// Its counters.
    pub(crate) counts: Option<Arc<Counts>>,
    /// The history of previews and where it is.
    pub(crate) history: Option<(Arc<History>, PathBuf)>,
}

/// A question to the driver.
#[derive(Debug)]
pub(crate) struct OpsRequest {
    /// What.
    pub(crate) kind: OpsKind,
    /// Where the answer goes. The driver uses `try_send`: there is one place for one answer, and who asked may have given up.
    pub(crate) reply: SyncSender<OpsReply>,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpsKind {
    /// Links, counters, the driver's own state.
    Overview,
    /// Workers from a position on.
    Workers {
        /// Position: ids are dense, so it is the id to begin with.
        from: u32,
        /// At most this many rows, and at most [`ROWS_MAX`].
        limit: u32,
        /// Which.
        filter: Filter,
    },
    /// States on offer.
    States,
    /// What a worker chose and shows.
    State {
        /// Who.
        employee_id: Box<str>,
    },
    /// Why a worker's agent is in its state, in words.
    Explain {
        /// Who.
        employee_id: Box<str>,
        /// With the text of the worker's note.
        show_notes: bool,
    },
    /// A worker chooses. The driver answers this one itself.
    Choose {
        /// Who.
        employee_id: Box<str>,
        /// Id of a state, or a word ([`crate::choosing`]).
        state: Box<str>,
    },
    /// How many workers are in which state, from a position on.
    Tally {
        /// Position.
        from: u32,
    },
}

/// Which workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All.
    All,
    /// Exactly this employee.
    Employee(Box<str>),
    /// This text, in lower case, is part of employee id, names, SIP URI, a DN, the presence or the agent state.
    Text(Box<str>),
}

/// The driver's answer.
#[derive(Clone, Debug)]
pub(crate) enum OpsReply {
    /// To [`OpsKind::Overview`].
    Overview(Box<Overview>),
    /// To [`OpsKind::Workers`].
    Workers {
        /// Rows in order of position.
        rows: Vec<WorkerRow>,
        /// Where to go on; `None` at the end.
        next: Option<u32>,
    },
    /// To [`OpsKind::States`].
    States(Box<States>),
    /// To [`OpsKind::State`]; `None`: there is no such worker.
    State(Option<Box<ShownRow>>),
    /// To [`OpsKind::Explain`]; `None`: there is no such worker.
    Explained(Option<Vec<String>>),
    /// To [`OpsKind::Choose`].
    Chosen(Result<Box<ShownRow>, StateFault>),
    /// To [`OpsKind::Tally`].
    Tally {
        /// Counts of this piece.
        tally: Tally,
        /// Where to go on; `None` at the end.
        next: Option<u32>,
    },
}

/// What can be chosen.
#[derive(Clone, Debug)]
pub(crate) struct States {
    /// Deployment mode.
    pub(crate) mode: Mode,
    /// Logging out by hand is allowed.
    pub(crate) logout: bool,
    /// States with texts and icons.
    pub(crate) catalogue: Arc<Catalogue>,
}

/// Number, switch, id of the state shown, whether a request is unanswered.
pub(crate) type ShownDn = (Box<str>, Box<str>, Box<str>, bool);

/// What a worker chose and shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownRow {
    /// Who.
    pub(crate) employee_id: Box<str>,
    /// For people.
    pub(crate) display_name: Box<str>,
    /// Id of the state that stands by hand, or a word.
    pub(crate) choice: Option<Box<str>>,
    /// Id of the state over all DNs; a reserved one where no state of the document fits.
    pub(crate) shown: Box<str>,
    /// One each.
    pub(crate) dns: Vec<ShownDn>,
}

/// Why a state was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateFault {
    /// No such worker.
    NoWorker,
    /// No such state.
    NoState,
    /// The connector is stopping.
    Draining,
    /// Not now, or not for this worker.
    Refused(ChoiceFault),
}

/// What the driver knows and the core does not. The vectors are in the order of link ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// Milliseconds since start; the [`uc_core::Mono`] of now.
    pub(crate) uptime_ms: u64,
    /// Stopping in good order.
    pub(crate) draining: bool,
    /// The flight recorder is on.
    pub(crate) recording: bool,
    /// Bytes of the flight recording.
    pub(crate) recorded_bytes: u64,
    /// Configurations taken over since start.
    pub(crate) reloads: u64,
    /// Configurations refused since start.
    pub(crate) reload_failures: u64,
    /// SIP connections.
    pub(crate) uc: Vec<LinkExtra>,
    /// Bridge connections.
    pub(crate) cti: Vec<LinkExtra>,
    /// States on offer.
    pub(crate) catalogue: Arc<Catalogue>,
    /// Choices not written to their file yet.
    pub(crate) unsaved: u64,
}

/// A socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkExtra {
    /// The far end, while connected.
    pub(crate) peer: Option<SocketAddr>,
    /// Bytes read since start.
    pub(crate) bytes_in: u64,
    /// Bytes written since start.
    pub(crate) bytes_out: u64,
    /// Bytes waiting to be written.
    pub(crate) queued_bytes: u64,
    /// Connections made since start.
    pub(crate) connects: u64,
}

/// Everything but the workers.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// The driver's part.
    pub(crate) extra: Extra,
    /// There is a UC platform.
    pub(crate) has_uc: bool,
    /// Configured workers.
    pub(crate) workers: u32,
    /// Counters since start.
    pub(crate) counters: Counters,
    /// Previews that are open now.
    pub(crate) previews: PreviewsView,
    /// SIP links with the name of the server they are at or try.
    pub(crate) uc: Vec<(UcLinkView, Box<str>)>,
    /// Bridge links.
    pub(crate) cti: Vec<CtiRow>,
}

/// A bridge link with its names.
#[derive(Clone, Debug)]
pub(crate) struct CtiRow {
    /// A router, not a T-Server.
    pub(crate) is_router: bool,
    /// State.
    pub(crate) view: CtiLinkView,
    /// Switch.
    pub(crate) switch: Box<str>,
    /// T-Server.
    pub(crate) server: Box<str>,
    /// Where the bridge is.
    pub(crate) address: Box<str>,
}

impl Overview {
    /// Why the connector cannot do its work right now; empty: it is ready.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let mut why = Vec::new();
        if self.extra.draining {
            why.push("the connector is stopping".to_owned());
        }
        if self.has_uc && !self.uc.iter().any(|(link, _)| link.state == LinkState::Up) {
            why.push("no connection to the UC platform is up".to_owned());
        }
        let mut switches: Vec<&str> = self.cti.iter().filter(|row| !row.is_router).map(|row| &*row.switch).collect();
        switches.dedup();
        for switch in switches {
            if !self.cti.iter().any(|row| *row.switch == *switch && row.view.state == LinkState::Up) {
                why.push(format!("no T-Server of switch {switch} is up"));
            }
        }
        why
    }
}

/// A worker, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    /// Who.
    pub(crate) employee_id: Box<str>,
    /// For people.
    pub(crate) display_name: Box<str>,
    /// Empty: not watched.
    pub(crate) sip_uri: Box<str>,
    /// Presence.
    pub(crate) class: Class,
    /// Its number.
    pub(crate) availability: u32,
    /// Its detail.
    pub(crate) activity: Activity,
    /// The worker's note.
    pub(crate) note: Box<str>,
    /// In a live subscription.
    pub(crate) covered: bool,
    /// Milliseconds since the presence changed.
    pub(crate) age_ms: Option<u64>,
    /// What the mapping asks for.
    pub(crate) want: WantView,
    /// What keeps the agent against presence.
    pub(crate) over: Option<OverrideView>,
    /// How the last such state ended, in words.
    pub(crate) over_ended: Option<&'static str>,
    /// What the UC platform shall show in place of the worker's own presence.
    pub(crate) publishing: Option<Box<str>>,
    /// What it shows, as far as it has confirmed it.
    pub(crate) published: Option<Box<str>>,
    /// Id of the state that stands by hand, or a word.
    pub(crate) choice: Option<Box<str>>,
    /// Id of the state shown.
    pub(crate) shown: Box<str>,
    /// DNs.
    pub(crate) dns: Vec<DnRow>,
}

/// A DN, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnRow {
    /// Number.
    pub(crate) number: Box<str>,
    /// Switch.
    pub(crate) switch: Box<str>,
    /// Agent state.
    pub(crate) state: AgentState,
    /// A request is unanswered.
    pub(crate) in_flight: bool,
    /// Left alone until the next change.
    pub(crate) held: bool,
    /// Registered on the primary.
    pub(crate) registered: bool,
}

/// Workers and DNs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Workers by presence, indexed by `Class as usize`.
    pub(crate) classes: [u32; 9],
    /// Workers that should be watched and are not.
    pub(crate) uncovered: u32,
    /// DNs by agent state: unknown, logged out, logged in, ready, not ready.
    pub(crate) states: [u32; 5],
    /// DNs with an unanswered request.
    pub(crate) in_flight: u32,
    /// DNs left alone until the next change.
    pub(crate) held: u32,
}

impl Tally {
    /// Adds another piece.
    pub(crate) fn add(&mut self, other: &Self) {
        self.classes.iter_mut().zip(other.classes).for_each(|(sum, n)| *sum += n);
        self.states.iter_mut().zip(other.states).for_each(|(sum, n)| *sum += n);
        self.uncovered += other.uncovered;
        self.in_flight += other.in_flight;
        self.held += other.held;
    }
}

/// Index of a state in [`Tally::states`].
pub(crate) const fn state_index(state: AgentState) -> usize {
    match state {
        AgentState::Unknown => 0,
        AgentState::LoggedOut => 1,
        AgentState::LoggedIn => 2,
        AgentState::Ready => 3,
        AgentState::NotReady(_) => 4,
    }
}

/// Names of the states in [`Tally::states`].
pub(crate) const STATE_NAMES: [&str; 5] = ["unknown", "logged-out", "logged-in", "ready", "not-ready"];
