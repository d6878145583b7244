//! The configuration file: from text to checked [`Settings`], with every mistake found on the way, each with its place and what to write instead.
//!
//! One table of options ([`options`]) makes the parser, the example and the reference. Nothing here connects anywhere or reads a secret.
mod checks;
mod conditions;
mod doc;
pub(crate) mod finding;
pub(crate) mod invite;
pub(crate) mod options;
pub(crate) mod publish;
mod read;
mod simple;
pub(crate) mod slot;
pub(crate) mod sso;
pub(crate) mod web;

#[cfg(test)]
mod tests;

use crate::people::{self, People};
use crate::presence_xml::Catalogue;
use crate::presence_xml::source::{Location, Source};
use crate::settings::{BridgeAddress, BridgeSettings, ChoiceSettings, DoorSettings, Settings};
pub(crate) use doc::{example, reference};
use finding::{Findings, Lines};
pub(crate) use finding::{nearest, plural};
use options::{Draft, ServerDraft, SwitchDraft};
use read::{File, Server, Switch};
use slot::{Transport, print_bridge};
use std::path::Path;
use std::sync::Arc;
use uc_core::Config;
use uc_core::config::{CtiConfig, PresenceConfig, Redundancy, SwitchConfig, TServerConfig, Watcher};

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Outcome of [`check`].
pub(crate) struct Checked {
    /// If there were no errors.
    pub(crate) settings: Option<Settings>,
    /// Errors and warnings.
    pub(crate) findings: Findings,
}

/// Reads and checks a configuration and its people file.
pub(crate) fn check(path: &Path) -> Checked {
    let mut findings = Findings::default();
    let name = path.display().to_string();
    let settings = read_text(path).map_err(|why| findings.error(&Lines::new(&name, "").whole(), why)).ok().and_then(|text| {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        check_text(&name, &text, folder, &mut findings)
    });
    Checked { settings: settings.filter(|_| findings.counts().0 == 0), findings }
}

/// Like [`check`], for those who only want settings.
///
/// # Errors
/// All findings, if one of them is an error.
pub(crate) fn load(path: &Path) -> Result<Settings, Findings> {
    let checked = check(path);
    checked.settings.ok_or(checked.findings)
}

/// The settings of the example file, for tests elsewhere.
#[cfg(test)]
pub(crate) fn check_example() -> Settings {
    let mut findings = Findings::default();
    check_text("example", &example(), Path::new(""), &mut findings).unwrap_or_else(|| panic!("{findings}"))
}

fn read_text(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("is {length} bytes, the limit is {FILE_BYTES_MAX}"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8; save the file as UTF-8")
    })
}

/// Checks the text of a configuration file; relative paths in it begin at `folder`.
fn check_text(name: &str, text: &str, folder: &Path, findings: &mut Findings) -> Option<Settings> {
    let lines = Lines::new(name, text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().map_or_else(|| lines.whole(), |span| lines.place(&span));
        findings.error(&place, format!("this is not TOML: {}", error.message().trim().replace('\n', "; ")));
    }
    let mut file = read::file(&lines, document.get_ref(), folder, findings);
    publish::resolve(&mut file.draft, &file.states, publish::places(&lines, document.get_ref()), findings);
    checks::draft(&lines, document.get_ref(), &file, findings);
    let names: Vec<&str> = file.switches.iter().map(|s| &*s.draft.name).collect();
    let mut people = People::new(&names);
    if let Some(path) = &file.draft.people {
        read_people_file(path, &lines, &mut people, findings);
    }
    read::persons(&lines, document.get_ref(), &mut people, findings);
    let persons = people.persons;
    checks::persons(&lines, document.get_ref(), &file, &persons, findings);
    let document = states(&file.draft, findings);
    Some(settings(file, persons, document)).filter(|_| findings.counts().0 == 0)
}

fn read_people_file(path: &Path, lines: &Lines<'_>, people: &mut People<'_>, findings: &mut Findings) {
    let name = path.display().to_string();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(why) => return findings.error(&lines.whole(), format!("the people file {name} {why}")),
    };
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => people::read_csv(&name, &text, people, findings),
        Some("toml") => {
            let lines = Lines::new(&name, &text);
            let (document, errors) = toml::de::DeTable::parse_recoverable(&text);
            for error in &errors {
                let place = error.span().map_or_else(|| lines.whole(), |span| lines.place(&span));
                findings.error(&place, format!("this is not TOML: {}", error.message().trim().replace('\n', "; ")));
            }
            read::only_persons(&lines, document.get_ref(), findings);
            read::persons(&lines, document.get_ref(), people, findings);
        }
        _ => findings.error(&lines.whole(), format!("the people file {name} must end in .csv or .toml")),
    }
}

/// The presence definition document, where it is a file: what is wrong with it does not keep the connector from working with other states. A URL is asked later:
/// nothing here connects anywhere.
fn states(draft: &Draft, findings: &mut Findings) -> (Option<Catalogue>, Vec<String>) {
    let Some(location @ Location::File(path)) = &draft.choice_location else { return (None, Vec::new()) };
    let name = path.display().to_string();
    let place = Lines::new(&name, "");
    match Source::new(location.clone(), draft.choice_tls.settings()).read() {
        Ok(Some(read)) => {
            let told: Vec<String> = read.remarks.iter().map(|remark| format!("{name}:{}: {}", remark.line, remark.text)).collect();
            for remark in &read.remarks {
                findings.warning(&place.line(remark.line), remark.text.clone());
            }
            (Some(read.catalogue), told)
        }
        Ok(None) => (None, Vec::new()),
        Err(why) => {
            let fault = why.strip_prefix(&*name).and_then(|rest| rest.strip_prefix(':')).unwrap_or(&why);
            let numbered = fault.split_once(':').and_then(|(line, text)| Some((line.parse().ok()?, text)));
            let (place, text) = numbered.map_or_else(|| (place.whole(), fault), |(line, text)| (place.line(line), text));
            findings.warning(&place, format!("{}; the states before stay in use, or ready and not ready", text.trim()));
            (None, vec![why])
        }
    }
}

/// Puts a checked file together. Total, so that it can be called before all checks are done; what it makes of a file with errors is thrown away.
fn settings(file: File, mut people: Vec<uc_core::config::Person>, (catalogue, faults): (Option<Catalogue>, Vec<String>)) -> Settings {
    let File { draft, watchers, credentials, switches, bridges: mut routers, conditions, .. } = file;
    let kind = simple::kind(&draft, credentials.into_iter().map(|(credential, _)| credential).collect());
    let Draft {
        timezone,
        mode,
        application,
        mut uc,
        uc_transport,
        uc_tls,
        cti,
        presence,
        publish,
        mut choice,
        choice_location: draft_location,
        choice_interval_s,
        choice_store,
        choice_tls,
        login_queue,
        limits,
        write_queue_bytes_max,
        ops,
        mut preview,
        invite_texts,
        invite_toasts,
        mut web,
        web_tls,
        mut router,
        router_tls,
        router_linger_s,
        log,
        note_level,
        ..
    } = draft;
    if !mode.has_uc() {
        uc.endpoints.clear();
    }
    if !login_queue.is_empty() {
        people.iter_mut().filter(|person| person.login_queue.is_empty()).for_each(|person| person.login_queue = login_queue.clone());
    }
    if let Some(catalogue) = &catalogue {
        choice.states = catalogue.rows();
    }
    let choosing =
        ChoiceSettings { location: draft_location, tls: choice_tls.settings(), interval_s: choice_interval_s, store: choice_store, catalogue, faults };
    let watchers = if mode.has_uc() { watchers } else { Vec::new() };
    uc.tls = uc_transport == Transport::Tls;
    uc.kind = kind;
    uc.watchers = watchers.into_iter().map(|(w, _)| Watcher { epid: if w.epid.is_empty() { epid(&w.uri) } else { w.epid }, uri: w.uri }).collect();
    // Bridges of one name side by side, in the order of the file otherwise: links are numbered so.
    let first = |name: &str, all: &[Server]| all.iter().position(|server| *server.draft.name == *name);
    let order: Vec<_> = routers.iter().map(|server| first(&server.draft.name, &routers)).collect();
    let mut sorted: Vec<_> = order.into_iter().zip(routers.drain(..)).collect();
    sorted.sort_by_key(|(first, _)| *first);
    routers.extend(sorted.into_iter().map(|(_, server)| server));
    let bridges = switches.iter().flat_map(|switch| &switch.servers).chain(&routers).map(|server| bridge(&server.draft)).collect();
    let routers = routers.chunk_by(|a, b| a.draft.name == b.draft.name).map(|servers| router_config(servers, &application, router_linger_s)).collect();
    let switches = switches.iter().map(|switch| switch_config(switch, &application)).collect();
    let cti = CtiConfig { switches, routers, ..cti };
    // Unknown names were reported; UTC is never used for them.
    let zone = jiff::tz::TimeZone::get(&timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    let presence = PresenceConfig { conditions, utc_offset_min: crate::zone::offset_min(&zone), ..presence };
    let uc_tls = (uc.tls && mode.has_uc()).then(|| uc_tls.settings());
    invite::speak(&mut preview.invite, &invite_texts, &invite_toasts, &web.page.language);
    web.door.tls = web_tls.settings();
    router.door.tls = router_tls.settings();
    let core = Config { mode, application, uc, cti, presence, publish, choice, preview, people, limits, note_level };
    Settings { zone, core: Arc::new(core), uc_tls, bridges, choice: choosing, ops, web, router, log, write_queue_bytes_max }
}

fn switch_config(switch: &Switch, application: &str) -> SwitchConfig {
    let SwitchDraft { name, redundancy, session, linger_s, free_dns: _ } = &switch.draft;
    SwitchConfig {
        name: name.clone(),
        servers: switch.servers.iter().map(server_config).collect(),
        redundancy: redundancy.unwrap_or(if switch.servers.len() < 2 { Redundancy::Single } else { Redundancy::Hot }),
        session: if session.is_empty() { format!("{application}-{name}").into() } else { session.clone() },
        linger_s: *linger_s,
        free_dns: switch.free_dns.clone(),
    }
}

fn server_config(server: &Server) -> TServerConfig {
    TServerConfig { name: server.draft.name.clone(), address: server.draft.address.as_ref().map(print_bridge).unwrap_or_default().into() }
}

/// A router and its bridges.
fn router_config(servers: &[Server], application: &str, linger_s: u16) -> SwitchConfig {
    let name = servers.first().map(|server| server.draft.name.clone()).unwrap_or_default();
    SwitchConfig {
        session: format!("{application}-{name}").into(),
        servers: servers.iter().map(server_config).collect(),
        redundancy: if servers.len() < 2 { Redundancy::Single } else { Redundancy::Warm },
        linger_s,
        name,
        free_dns: Vec::new(),
    }
}

fn bridge(server: &ServerDraft) -> BridgeSettings {
    let address = server.address.clone().unwrap_or_else(|| BridgeAddress::Unix("/".into()));
    let tls = match server.transport {
        Some(Transport::Tls) => true,
        Some(Transport::Tcp | Transport::Udp) => false,
        None => !checks::is_local(&address),
    };
    BridgeSettings { address, tls: tls.then(|| server.tls.settings()), token_ref: server.token.clone() }
}

/// An endpoint id made from the watcher's URI, so that it is the same after a restart: ten hexadecimal digits (FNV-1a).
fn epid(uri: &str) -> Box<str> {
    let hash = uri.to_ascii_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{:010x}", hash & 0xff_ffff_ffff).into()
}

/// What a checked configuration amounts to, for people.
pub(crate) fn summary(path: &Path, settings: &Settings) -> String {
    let core = &settings.core;
    let watched = core.people.iter().filter(|p| !p.sip_uri.is_empty()).count();
    let dns: usize = core.people.iter().map(|p| p.dns.len()).sum();
    let servers: Vec<String> = core.uc.endpoints.iter().map(|e| format!("{}:{}", e.host, e.port)).collect();
    let mut out = format!("{}: all well\n", path.display());
    let mut line = |name: &str, text: String| out.push_str(&format!("  {name:<9} {text}\n"));
    line("mode", slot::Word::words(&core.mode)[slot::Word::get(&core.mode).unwrap_or(0)].to_owned());
    if core.mode.has_uc() {
        line(
            "UC",
            format!("{} over {}, {} watcher{}", servers.join(", "), core.uc.transport().as_str(), core.uc.watchers.len(), plural(core.uc.watchers.len())),
        );
    } else {
        line("UC", "none, workers choose their state".into());
    }
    let from = settings.choice.location.as_ref().map_or_else(|| "built in".to_owned(), |location| format!("from {location}"));
    line(
        "states",
        match (&settings.choice.location, &settings.choice.catalogue) {
            (Some(Location::Url(_)), _) => format!("{from}, read when the connector runs"),
            (Some(_), None) => format!("{from}, which cannot be used: ready and not ready"),
            _ => format!("{} {from}", core.choice.states.len()),
        },
    );
    let mut bridges = settings.bridges.iter();
    for switch in &core.cti.switches {
        let names: Vec<String> = switch
            .servers
            .iter()
            .zip(&mut bridges)
            .map(|(s, b)| format!("{} at {}{}", s.name, s.address, if b.tls.is_some() { " (TLS)" } else { "" }))
            .collect();
        line("switch", format!("{}: {:?}, {}", switch.name, switch.redundancy, names.join(", ")));
    }
    line("workers", format!("{}, {watched} watched, {dns} DN{}", core.people.len(), plural(dns)));
    let scheme = |door: &DoorSettings| if door.tls.is_some() { "https" } else { "http" };
    let opened = |door: &DoorSettings, path: &str| door.listen.map_or_else(|| "off".to_owned(), |address| format!("{}://{address}{path}", scheme(door)));
    line("web", opened(&settings.web.door, "/"));
    line("router", opened(&settings.router.door, "/urs/v1/preview"));
    line("ops", settings.ops.listen.map_or_else(|| "off".to_owned(), |address| format!("http://{address}/")));
    out
}
