//! What single options cannot say about themselves: things that are missing, do not fit together, or are dangerous.
use super::finding::{Findings, Lines, Place, plural};
use super::options::{Draft, TlsDraft};
use super::read::{File, Server, Switch};
use super::slot::{Transport, print_bridge};
use crate::people::sip_uri;
use crate::settings::BridgeAddress;
use std::net::IpAddr;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use uc_core::config::{Person, Redundancy};
use uc_core::directory::same_uri;

/// Where the value of a path is; the nearest existing parent, else the file.
pub(crate) fn place(lines: &Lines<'_>, document: &DeTable<'_>, path: &str) -> Place {
    let mut table = Some(document);
    let mut found = lines.whole();
    for word in path.split('.') {
        let Some((key, value)) = table.and_then(|t| t.get_key_value(word)) else { break };
        found = lines.place(&if value.get_ref().is_table() { key.span() } else { value.span() });
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    found
}

/// Everything but the people.
pub(crate) fn draft(lines: &Lines<'_>, document: &DeTable<'_>, file: &File, findings: &mut Findings) {
    let at = |path: &str| place(lines, document, path);
    let draft = &file.draft;
    choice(&at, draft, findings);
    let is_near = draft.uc.endpoints.iter().all(|e| is_loopback(&e.host));
    super::publish::check(document, draft, is_near, at, findings);
    super::simple::check(document, draft, file.watchers.len(), &file.credentials, at, findings);
    if draft.mode.has_uc() {
        uc(lines, document, file, findings);
    }
    if let Err(why) = jiff::tz::TimeZone::get(&draft.timezone) {
        findings.error(
            &at("presence.timezone"),
            format!("there is no time zone {:?} on this machine ({why}); write a name such as \"Europe/Berlin\" or \"UTC\"", draft.timezone),
        );
    }
    if !draft.presence.free_seating && file.switches.iter().any(|switch| !switch.free_dns.is_empty()) {
        findings.warning(&at("presence"), "`free_dns` has no effect without `free_seating = true` in [presence]");
    }
    for (least, most) in [
        ("uc.timers.backoff_min_ms", "uc.timers.backoff_max_ms"),
        ("uc.timers.retry_ms", "uc.timers.retry_max_ms"),
        ("uc.timers.retry_after_default_ms", "uc.timers.retry_after_max_ms"),
        ("cti.timers.backoff_min_ms", "cti.timers.backoff_max_ms"),
        ("cti.timers.retry_min_ms", "cti.timers.retry_max_ms"),
        ("cti.timers.relogin_ms", "cti.timers.retry_max_ms"),
        ("limits.sip_header_bytes_max", "limits.sip_head_bytes_max"),
        ("limits.sip_start_line_bytes_max", "limits.sip_head_bytes_max"),
        ("uc.pace.batch_max", "limits.list_resources_max"),
    ] {
        let (low, high) = (super::doc::value(draft, least), super::doc::value(draft, most));
        if low > high {
            let second = if most.rsplit_once('.').map(|m| m.0) == least.rsplit_once('.').map(|l| l.0) { last(most) } else { most };
            findings.error(&at(least), format!("`{}` is {low}, more than `{second}`, which is {high}", last(least)));
        }
    }
    if draft.presence.status_key == draft.presence.note_key {
        findings.error(&at("presence.note_key"), format!("`note_key` and `status_key` are both \"{}\"; they must differ", draft.presence.note_key));
    }
    if let Some(listen) = draft.ops.listen.filter(|listen| !listen.ip().is_loopback()) {
        findings.warning(
            &at("ops.listen"),
            format!("the operations listener has no login and {listen} can be reached from other machines; use 127.0.0.1 or a private network"),
        );
    }
    super::web::check(draft, at, findings);
    switches(lines, document, &file.switches, findings);
    for (nth, server) in file.bridges.iter().enumerate() {
        bridge(server, findings);
        let same = |other: &&Server| other.draft.address.is_some() && other.draft.address == server.draft.address;
        if let Some(first) = file.bridges[..nth].iter().find(same) {
            findings.error(&server.place, format!("the bridge at this address is already there in {}", first.place));
        }
    }
}

/// The UC platform.
fn uc(lines: &Lines<'_>, document: &DeTable<'_>, file: &File, findings: &mut Findings) {
    let at = |path: &str| place(lines, document, path);
    let draft = &file.draft;
    // A list that is there and does not fit was reported where it was read.
    let given = document.get("uc").and_then(|uc| uc.get_ref().get("endpoints")).and_then(|list| list.get_ref().as_array());
    if draft.uc.endpoints.is_empty() && given.is_none_or(|list| list.is_empty()) {
        findings.error(&at("uc"), "there is no UC server; write `endpoints = [\"pool.example.com:5061\"]` in [uc]");
    }
    watchers(lines, document, file, findings);
    if draft.uc.categories.is_empty() {
        findings.error(&at("uc.categories"), "`categories` is empty; write `categories = [\"state\", \"note\"]`");
    } else if !draft.uc.categories.iter().any(|c| **c == *"state") {
        findings.error(&at("uc.categories"), "`categories` lacks \"state\", without which there is no presence");
    }
    if draft.uc_transport != Transport::Tls {
        if let Some(far) = draft.uc.endpoints.iter().find(|e| !is_loopback(&e.host)) {
            findings.warning(
                &at("uc.transport"),
                format!("presence from {} travels in clear; write `transport = \"tls\"` unless the network is private", far.host),
            );
        }
        if document.get("uc").is_some_and(|uc| uc.get_ref().get("tls").is_some()) {
            findings.warning(&at("uc.tls"), "[uc.tls] has no effect unless `transport` is \"tls\"");
        }
    }
    if file.conditions.iter().any(|row| row.calendar.is_some()) && !draft.uc.categories.iter().any(|c| **c == *"calendarData") {
        findings.error(&at("uc.categories"), "a condition asks for the calendar; write `categories = [\"state\", \"note\", \"calendarData\"]`");
    }
    tls(&draft.uc_tls, &at("uc.tls"), findings);
}

/// States chosen by hand.
fn choice(at: &impl Fn(&str) -> Place, draft: &Draft, findings: &mut Findings) {
    tls(&draft.choice_tls, &at("choice.tls"), findings);
    if !draft.mode.has_uc() && draft.choice_store.is_none() {
        findings.warning(&at("choice"), "chosen states are forgotten by a restart; write `store = \"choices.db\"` in [choice]");
    }
    let key = &draft.choice.reason_key;
    if *key == draft.presence.status_key || *key == draft.presence.note_key {
        findings.error(&at("choice.reason_key"), format!("`reason_key` is \"{key}\" like another key among the reasons; they must differ"));
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn watchers(lines: &Lines<'_>, document: &DeTable<'_>, file: &File, findings: &mut Findings) {
    if file.watchers.is_empty() {
        findings.error(&place(lines, document, "uc"), "there is no watcher; write `[[uc.watcher]]` and `uri = \"sip:connector@example.com\"`");
    }
    for (nth, (watcher, place)) in file.watchers.iter().enumerate() {
        if watcher.uri.is_empty() {
            continue;
        }
        if let Err(instead) = sip_uri(&watcher.uri) {
            findings.error(place, format!("`{}` is not a SIP URI; {instead}", watcher.uri));
        }
        if let Some((_, first)) = file.watchers[..nth].iter().find(|(w, _)| same_uri(&w.uri, &watcher.uri)) {
            findings.error(place, format!("watcher `{}` is already there in {first}", watcher.uri));
        }
        if !watcher.epid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            findings.error(place, format!("epid `{}` may contain letters and digits only", watcher.epid));
        }
    }
}

fn tls(tls: &TlsDraft, place: &Place, findings: &mut Findings) {
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => findings.error(place, "`certificate` is given without `key`; mutual TLS needs both"),
        (None, Some(_)) => findings.error(place, "`key` is given without `certificate`; mutual TLS needs both"),
        _ => {}
    }
    for (name, path) in [("ca", &tls.ca), ("certificate", &tls.certificate), ("key", &tls.key)] {
        if let Some(path) = path {
            readable(name, path, place, findings);
        }
    }
}

pub(super) fn readable(name: &str, path: &Path, place: &Place, findings: &mut Findings) {
    if let Err(why) = std::fs::File::open(path) {
        findings.error(place, format!("`{name}` {} cannot be read: {why}", path.display()));
    }
}

fn switches(lines: &Lines<'_>, document: &DeTable<'_>, switches: &[Switch], findings: &mut Findings) {
    if switches.is_empty() {
        findings.error(
            &place(lines, document, "switch"),
            "there is no switch; write `[[switch]]` with a `name`, and `[[switch.server]]` with `name` and `address`",
        );
    }
    for (nth, switch) in switches.iter().enumerate() {
        let name = &switch.draft.name;
        if let Some(first) = switches[..nth].iter().find(|s| s.draft.name == *name && !name.is_empty()) {
            findings.error(&switch.place, format!("switch `{name}` is already there in {}", first.place));
        }
        if name.contains([';', ',', '@']) {
            findings.error(&switch.place, format!("switch name `{name}` may not contain `;`, `,` or `@`"));
        }
        match (switch.servers.len(), switch.draft.redundancy) {
            (0, _) => findings.error(&switch.place, format!("switch `{name}` has no server; write `[[switch.server]]` with `name` and `address`")),
            (1, Some(Redundancy::Warm | Redundancy::Hot)) => {
                findings.error(&switch.place, format!("switch `{name}` has one server; add a second `[[switch.server]]` or write `redundancy = \"single\"`"));
            }
            (2, Some(Redundancy::Single)) => {
                findings.error(&switch.place, format!("switch `{name}` has two servers; write `redundancy = \"hot\"` or `\"warm\"`"))
            }
            (1 | 2, _) => {}
            (n, _) => findings.error(&switch.place, format!("switch `{name}` has {n} servers, there can be two at most")),
        }
        for server in &switch.servers {
            bridge(server, findings);
        }
    }
    let servers: Vec<&Server> = switches.iter().flat_map(|s| &s.servers).collect();
    for (nth, server) in servers.iter().enumerate() {
        let same = |other: &&&Server| other.draft.address.is_some() && other.draft.address == server.draft.address && other.draft.name == server.draft.name;
        if let Some(first) = servers[..nth].iter().find(same) {
            findings.error(&server.place, format!("server `{}` at this address is already there in {}", server.draft.name, first.place));
        }
    }
}

fn bridge(server: &Server, findings: &mut Findings) {
    let Some(address) = &server.draft.address else { return };
    let shown = print_bridge(address);
    let tcp = server.draft.transport == Some(Transport::Tcp) || (server.draft.transport.is_none() && is_local(address));
    if tcp && !is_local(address) {
        findings.error(&server.place, format!("the bridge at {shown} is on another machine; write `transport = \"tls\"`, or run the bridge on this machine"));
    }
    if matches!(address, BridgeAddress::Unix(_)) && server.draft.transport == Some(Transport::Tls) {
        findings.error(&server.place, format!("the bridge at {shown} is a Unix socket, which needs no TLS; remove `transport`"));
    }
    tls(&server.draft.tls, &server.place, findings);
}

/// On this machine.
pub(crate) fn is_local(address: &BridgeAddress) -> bool {
    match address {
        BridgeAddress::Tcp(host, _) => is_loopback(host),
        BridgeAddress::Unix(_) => true,
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The people as a whole.
pub(crate) fn persons(lines: &Lines<'_>, document: &DeTable<'_>, file: &File, persons: &[Person], findings: &mut Findings) {
    if persons.is_empty() {
        let at = place(lines, document, "connector.people");
        findings.warning(&at, "there are no workers; write `people = \"people.csv\"` in [connector], or `[[person]]`");
    }
    super::web::persons(&file.draft, persons, |path| place(lines, document, path), findings);
    let watched = persons.iter().filter(|p| !p.sip_uri.is_empty()).count();
    let (each, watchers) = (file.draft.uc.pace.users_per_watcher_max as usize, file.watchers.len());
    if file.draft.mode.has_uc() && each > 0 && watchers > 0 && watched > each * watchers {
        let more = watched.div_ceil(each) - watchers;
        findings.error(
            &place(lines, document, "uc.watcher"),
            format!(
                "{watched} workers are to be watched, but {watchers} watcher{} of `users_per_watcher_max` {each} can watch {}; add {more} `[[uc.watcher]]`",
                plural(watchers),
                each * watchers
            ),
        );
    }
}
