//! The answers to what the operations listener asks: bounded pieces of the views, copied on the deciding thread.
use super::{
    CtiRow, DnRow, Extra, Filter, OpsKind, OpsReply, Overview, ROWS_MAX, SCAN_MAX, STATE_NAMES, ShownRow, StateFault, States, Tally, WorkerRow, state_index,
};
use crate::choosing::word_of;
use std::sync::Arc;
use uc_core::Connector;
use uc_core::config::{Config, Person, StateRow};
use uc_core::id::UserId;
use uc_core::presence::Class;
use uc_core::views::{CtiLinkView, UcLinkView};

/// Answers in bounded time. Called by the driver between inputs; the answer goes to [`super::OpsRequest::reply`] by `try_send`.
pub(crate) fn answer(connector: &Connector, extra: &Extra, kind: &OpsKind) -> OpsReply {
    match kind {
        OpsKind::Overview => OpsReply::Overview(Box::new(overview(connector, extra))),
        OpsKind::Workers { from, limit, filter } => workers(connector, extra.uptime_ms, *from, (*limit as usize).min(ROWS_MAX), filter),
        OpsKind::Tally { from } => tally(connector, *from),
        OpsKind::States => {
            let config = connector.directory().config();
            OpsReply::States(Box::new(States { mode: config.mode, logout: config.choice.logout, catalogue: Arc::clone(&extra.catalogue) }))
        }
        OpsKind::State { employee_id } => {
            let user = connector.directory().user_by_employee(employee_id);
            OpsReply::State(user.map(|user| Box::new(state_of(connector, user))))
        }
        OpsKind::Explain { employee_id, show_notes } => {
            OpsReply::Explained(crate::explain::lines(connector, employee_id, uc_core::Mono(extra.uptime_ms), *show_notes))
        }
        OpsKind::Choose { .. } => OpsReply::Chosen(Err(StateFault::Draining)),
    }
}

/// What a worker chose and shows; empty for one who is no more.
pub(crate) fn state_of(connector: &Connector, user: UserId) -> ShownRow {
    let (directory, config) = (connector.directory(), connector.directory().config());
    let worker = connector.worker(user);
    let dns = connector.dns_of(user).filter_map(|dn| {
        let view = connector.dn(dn)?;
        let switch = config.cti.switches.get(directory.switch_of(dn).index()).map_or_else(Box::default, |s| s.name.clone());
        Some((directory.number(dn).into(), switch, view.shown.id(&config.choice).into(), view.in_flight))
    });
    ShownRow {
        employee_id: directory.person(user).employee_id.clone(),
        display_name: directory.person(user).display_name.clone(),
        choice: worker.as_ref().and_then(|worker| worker.choice).map(|choice| word_of(choice, &config.choice).into()),
        shown: worker.map_or_else(Box::default, |worker| worker.shown.id(&config.choice).into()),
        dns: dns.collect(),
    }
}

fn overview(connector: &Connector, extra: &Extra) -> Overview {
    let config = connector.directory().config();
    let cti_row = |view: CtiLinkView| {
        let (switch, server, address) = config.server(view.link).map_or(("", "", ""), |(_, switch, server)| (&*switch.name, &*server.name, &*server.address));
        CtiRow {
            is_router: config.server(view.link).is_some_and(|(id, ..)| config.cti.is_router(id)),
            view,
            switch: switch.into(),
            server: server.into(),
            address: address.into(),
        }
    };
    let endpoint = |view: &UcLinkView| config.uc.endpoints.get(usize::from(view.endpoint)).map_or_else(String::new, |e| format!("{}:{}", e.host, e.port));
    Overview {
        extra: extra.clone(),
        has_uc: config.mode.has_uc(),
        workers: config.people.len() as u32,
        counters: connector.counters(),
        previews: connector.previews(),
        uc: connector.uc_links().into_iter().map(|view| (view, endpoint(&view).into())).collect(),
        cti: connector.cti_links().into_iter().map(cti_row).collect(),
    }
}

/// One past the last position.
fn slots(connector: &Connector) -> u32 {
    connector.directory().user_slots() as u32
}

/// Where a piece that begins at `from` must end.
fn end(connector: &Connector, from: u32) -> u32 {
    slots(connector).min(from.saturating_add(SCAN_MAX))
}

fn workers(connector: &Connector, now_ms: u64, from: u32, limit: usize, filter: &Filter) -> OpsReply {
    let mut rows = Vec::with_capacity(limit.min(ROWS_MAX));
    let end = end(connector, from);
    let mut at = from;
    while at < end && rows.len() < limit {
        if let Some(row) = row(connector, now_ms, UserId(at), filter) {
            rows.push(row);
        }
        at += 1;
    }
    OpsReply::Workers { rows, next: (at < slots(connector)).then_some(at) }
}

fn row(connector: &Connector, now_ms: u64, user: UserId, filter: &Filter) -> Option<WorkerRow> {
    if !connector.directory().has_user(user) {
        return None;
    }
    let directory = connector.directory();
    let person = directory.person(user);
    if let Filter::Employee(id) = filter
        && **id != *person.employee_id
    {
        return None;
    }
    let worker = connector.worker(user)?;
    if let Filter::Text(text) = filter
        && !is_about(text, connector, person, user, worker.class)
    {
        return None;
    }
    let switches = &directory.config().cti.switches;
    let dns = connector.dns_of(user).filter_map(|dn| {
        let view = connector.dn(dn)?;
        Some(DnRow {
            number: directory.number(dn).into(),
            switch: switches.get(directory.switch_of(dn).index()).map_or_else(Box::default, |s| s.name.clone()),
            state: view.state,
            in_flight: view.in_flight,
            held: view.held,
            registered: view.registered,
        })
    });
    Some(WorkerRow {
        employee_id: person.employee_id.clone(),
        display_name: person.display_name.clone(),
        sip_uri: person.sip_uri.clone(),
        class: worker.class,
        availability: worker.availability,
        activity: worker.activity,
        note: worker.note.into(),
        covered: worker.covered,
        age_ms: worker.since.map(|since| now_ms.saturating_sub(since.0)),
        want: worker.want,
        over: worker.over,
        over_ended: worker.over_ended.map(|(_, how)| how.words()),
        publishing: worker.publishing.and_then(|row| state_name(directory.config(), row)),
        published: worker.published.and_then(|row| state_name(directory.config(), row)),
        choice: worker.choice.map(|choice| word_of(choice, &directory.config().choice).into()),
        shown: worker.shown.id(&directory.config().choice).into(),
        dns: dns.collect(),
    })
}

/// A published state as people see it: its text, else its class.
fn state_name(config: &Config, row: StateRow) -> Option<Box<str>> {
    let state = config.publish.state(row)?;
    Some(if state.text.is_empty() { Class::of(state.availability).token().into() } else { state.text.clone() })
}

fn is_about(text: &str, connector: &Connector, person: &Person, user: UserId, class: Class) -> bool {
    let has = |field: &str| contains_folded(field, text);
    has(&person.employee_id)
        || has(&person.display_name)
        || has(&person.user_name)
        || has(&person.sip_uri)
        || class.token() == text
        || person.dns.iter().any(|dn| has(&dn.number))
        || connector.dns_of(user).any(|dn| connector.dn(dn).is_some_and(|view| STATE_NAMES[state_index(view.state)] == text))
}

/// Whether `field` contains `text` (already in lower case) in any case; no allocation for ASCII.
fn contains_folded(field: &str, text: &str) -> bool {
    if field.is_ascii() {
        return text.is_empty() || field.as_bytes().windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
    }
    field.to_lowercase().contains(text)
}

fn tally(connector: &Connector, from: u32) -> OpsReply {
    let mut tally = Tally::default();
    let end = end(connector, from);
    for user in (from..end).map(UserId) {
        let Some(worker) = connector.worker(user) else { continue };
        tally.classes[worker.class as usize] += 1;
        tally.uncovered += u32::from(!worker.covered && !connector.directory().uri(user).is_empty());
        for view in connector.dns_of(user).filter_map(|dn| connector.dn(dn)) {
            tally.states[state_index(view.state)] += 1;
            tally.in_flight += u32::from(view.in_flight);
            tally.held += u32::from(view.held);
        }
    }
    OpsReply::Tally { tally, next: (end < slots(connector)).then_some(end) }
}
