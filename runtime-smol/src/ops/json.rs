//! The answers as JSON; their shape is described in `page/openapi.json`.
use super::{CtiRow, DnRow, LinkExtra, Overview, STATE_NAMES, ShownRow, States, Tally, WorkerRow, state_index};
use crate::presence_xml::{Display, MenuState};
use serde_json::{Map, Value, json};
use uc_core::config::Mode;
use uc_core::cti_event::Role;
use uc_core::offer::{Outcome, PreviewStatus};
use uc_core::presence::Class;
use uc_core::views::{AgentState, LinkState, OverrideView, UcLinkView, WantView};

fn print(value: &Value) -> Vec<u8> {
    let mut text = value.to_string().into_bytes();
    text.push(b'\n');
    text
}

pub(super) fn error(text: &str) -> Vec<u8> {
    print(&json!({ "error": text }))
}

pub(super) fn health(overview: &Overview) -> Vec<u8> {
    print(&json!({ "status": "ok", "uptime_ms": overview.extra.uptime_ms }))
}

pub(super) fn ready(overview: &Overview) -> Vec<u8> {
    let why = overview.obstacles();
    print(&json!({ "ready": why.is_empty(), "why": why }))
}

/// Token of a link's state.
pub(crate) const fn link_state(state: LinkState) -> &'static str {
    match state {
        LinkState::Down => "down",
        LinkState::Connecting => "connecting",
        LinkState::Opening => "opening",
        LinkState::Up => "up",
        LinkState::Impaired => "impaired",
    }
}

/// Token of a server's role.
pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Backup => "backup",
    }
}

fn socket(extra: Option<&LinkExtra>) -> Value {
    extra.map_or(Value::Null, |e| {
        json!({
            "peer": e.peer.map(|p| p.to_string()), "bytes_in": e.bytes_in, "bytes_out": e.bytes_out, "queued_bytes": e.queued_bytes, "connects": e.connects,
        })
    })
}

fn uc_link((view, server): &(UcLinkView, Box<str>), extra: Option<&LinkExtra>) -> Value {
    json!({
        "name": view.link.to_string(), "state": link_state(view.state), "server": server, "dialogs": view.dialogs, "workers": view.users,
        "outstanding": view.outstanding, "waiting": view.waiting, "socket": socket(extra),
    })
}

fn cti_link(row: &CtiRow, extra: Option<&LinkExtra>) -> Value {
    json!({
        "name": row.view.link.to_string(), "state": link_state(row.view.state), "switch": row.switch, "server": row.server, "address": row.address,
        "role": row.view.role.map(role), "registered": row.view.registered, "outstanding": row.view.outstanding, "socket": socket(extra),
    })
}

pub(super) fn links(overview: &Overview) -> Vec<u8> {
    print(&links_value(overview))
}

fn links_value(overview: &Overview) -> Value {
    let uc: Vec<Value> = overview.uc.iter().map(|link| uc_link(link, overview.extra.uc.get(link.0.link.index()))).collect();
    let cti: Vec<Value> = overview.cti.iter().map(|row| cti_link(row, overview.extra.cti.get(row.view.link.index()))).collect();
    json!({ "uc": uc, "cti": cti })
}

pub(super) fn summary(overview: &Overview, tally: &Tally) -> Vec<u8> {
    let presence: Map<String, Value> = Class::ALL.iter().map(|class| (class.token().to_owned(), tally.classes[*class as usize].into())).collect();
    let agents: Map<String, Value> = STATE_NAMES.iter().zip(tally.states).map(|(name, n)| ((*name).to_owned(), n.into())).collect();
    let why = overview.obstacles();
    print(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": overview.extra.uptime_ms,
        "ready": why.is_empty(),
        "why": why,
        "draining": overview.extra.draining,
        "recording": overview.extra.recording,
        "workers": overview.workers,
        "uncovered": tally.uncovered,
        "presence": presence,
        "agents": agents,
        "in_flight": tally.in_flight,
        "held": tally.held,
        "changes": overview.counters.presence_changes,
        "requests": overview.counters.state_requests,
        "previews": previews_value(overview),
        "links": links_value(overview),
    }))
}

fn previews_value(overview: &Overview) -> Value {
    let (c, now) = (&overview.counters, &overview.previews);
    let answered: Map<String, Value> =
        PreviewStatus::ALL.iter().map(|status| (status.word().to_ascii_lowercase(), c.previews_answered[*status as usize].into())).collect();
    let ended: Map<String, Value> = Outcome::ALL.iter().map(|outcome| (outcome.word().to_owned(), c.offers_ended[*outcome as usize].into())).collect();
    json!({
        "asked": c.previews, "answered": answered, "open": now.requests,
        "offers": { "made": c.offers, "ended": ended, "open": now.offers },
        "reports": { "sent": c.reports_sent, "failed": c.reports_failed, "dropped": c.reports_dropped, "waiting": now.reports },
        "workers": now.pages,
    })
}

fn dn(row: &DnRow) -> Value {
    let work_mode = match row.state {
        AgentState::NotReady(mode) if mode != 0 => Some(mode),
        _ => None,
    };
    json!({
        "number": row.number, "switch": row.switch, "state": STATE_NAMES[state_index(row.state)], "work_mode": work_mode, "in_flight": row.in_flight,
        "held": row.held, "registered": row.registered,
    })
}

/// One worker; the note only where the configuration shows notes.
pub(super) fn worker_value(row: &WorkerRow, show_notes: bool) -> Value {
    let want = match row.want {
        WantView::Nothing => "nothing",
        WantView::Ready => "ready",
        WantView::NotReady => "not-ready",
        WantView::LoggedIn => "logged-in",
        WantView::LoggedOut => "logged-out",
    };
    json!({
        "employee_id": row.employee_id, "display_name": row.display_name, "sip_uri": row.sip_uri, "presence": row.class.token(), "availability": row.availability,
        "activity": row.activity.token(), "note": show_notes.then_some(&row.note), "covered": row.covered, "age_ms": row.age_ms, "want": want,
        "override": row.over.map(OverrideView::token), "override_ended": row.over_ended, "publishing": row.publishing, "published": row.published,
        "choice": row.choice, "shown": row.shown,
        "dns": row.dns.iter().map(dn).collect::<Vec<_>>(),
    })
}

/// What can be chosen.
pub(super) fn states(states: &States) -> Vec<u8> {
    let mode = match states.mode {
        Mode::Normal => "normal",
        Mode::Standalone => "standalone",
        Mode::Bidirectional => "bidirectional",
        Mode::PushOnly => "push-only",
    };
    let display = |texts: &Display| json!({ "language": texts.language, "menu_text": texts.menu, "status_text": texts.status });
    let state = |state: &MenuState| {
        let row = &state.row;
        json!({
            "id": row.id, "ready": row.ready, "work_mode": row.work_mode, "reason": row.reason, "reason_in_extensions": row.reason_ext, "in_menu": row.in_menu,
            "icon": state.icon, "display": state.display.iter().map(display).collect::<Vec<_>>(),
        })
    };
    print(&json!({
        "mode": mode, "logout": states.logout, "follow": states.mode.has_uc(), "states": states.catalogue.states.iter().map(state).collect::<Vec<_>>(),
    }))
}

/// What a worker chose and shows.
pub(super) fn state(row: &ShownRow) -> Vec<u8> {
    let dn = |(number, switch, shown, in_flight): &(Box<str>, Box<str>, Box<str>, bool)| json!({ "number": number, "switch": switch, "shown": shown, "in_flight": in_flight });
    print(&json!({
        "employee_id": row.employee_id, "display_name": row.display_name, "choice": row.choice, "shown": row.shown, "dns": row.dns.iter().map(dn).collect::<Vec<_>>(),
    }))
}

pub(super) fn worker(row: &WorkerRow, show_notes: bool) -> Vec<u8> {
    print(&worker_value(row, show_notes))
}

pub(super) fn workers(rows: &[WorkerRow], next: Option<u32>, total: u32, show_notes: bool) -> Vec<u8> {
    print(&json!({ "total": total, "next": next, "workers": rows.iter().map(|row| worker_value(row, show_notes)).collect::<Vec<_>>() }))
}
