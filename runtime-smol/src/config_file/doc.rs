//! The example file and the reference, made from the table of options.
use super::options::{self, ConditionDraft, Draft, Opt, PERSON, ServerDraft, SwitchDraft, TlsDraft, WatcherDraft};
use super::publish::{self, StateDraft};
use super::simple::{self, CredentialDraft};
use super::sso;
use super::web::{self, ServerTlsDraft};
use std::fmt::Write as _;

/// A section of the file for documentation.
struct Section {
    path: &'static str,
    /// Several: `[[path]]`.
    many: bool,
    /// The example shows it commented out.
    optional: bool,
    doc: &'static str,
    rows: Vec<Doc>,
}

/// An option for documentation.
struct Doc {
    key: &'static str,
    doc: &'static str,
    kind: String,
    default: Option<String>,
    sample: &'static str,
    required: bool,
}

fn rows<T: Default>(options: &[Opt<T>]) -> Vec<Doc> {
    let mut defaults = T::default();
    let row = |option: &Opt<T>| {
        let slot = (option.slot)(&mut defaults);
        let kind = slot.expected(option.range);
        let default = slot.print().filter(|_| !option.required);
        Doc { key: option.key, doc: option.doc, kind, default, sample: option.sample, required: option.required }
    };
    options.iter().map(row).collect()
}

fn sections() -> Vec<Section> {
    let section = |path, doc, rows| Section { path, many: false, optional: false, doc, rows };
    let tls = || rows::<TlsDraft>(options::TLS);
    let server_tls = || rows::<ServerTlsDraft>(web::SERVER_TLS);
    let person = PERSON.map(|(key, sample, doc)| Doc { key, doc, kind: "text".into(), default: None, sample, required: key == "employee_id" });
    vec![
        section("connector", "The connector itself.", rows::<Draft>(options::CONNECTOR)),
        section("standalone", "Mode standalone.", rows::<Draft>(options::STANDALONE)),
        section("choice", "States workers choose by hand.", rows::<Draft>(options::CHOICE)),
        Section { optional: true, ..section("choice.tls", "TLS towards the server of the presence definition document.", tls()) },
        section("uc", "The UC platform: Lync or Skype for Business Front Ends, or a standard presence server.", rows::<Draft>(options::UC)),
        Section { many: true, ..section("uc.watcher", "Identities that subscribe; the workers are spread over them.", rows::<WatcherDraft>(options::WATCHER)) },
        Section { optional: true, ..section("uc.simple", "Standard presence servers (`kind = \"simple\"` in `[uc]`).", rows::<Draft>(simple::SIMPLE)) },
        Section {
            many: true,
            optional: true,
            ..section("uc.credential", "Names and passwords for digest authentication (`kind = \"simple\"`).", rows::<CredentialDraft>(simple::CREDENTIAL))
        },
        Section { optional: true, ..section("uc.tls", "TLS towards the UC platform.", tls()) },
        section("uc.timers", "Timers of the SIP side, milliseconds.", rows::<Draft>(options::UC_TIMERS)),
        section("uc.pace", "Own traffic limits towards the UC platform. The defaults shown are those of profile `lync`.", rows::<Draft>(options::UC_PACE)),
        Section {
            many: true,
            ..section("switch", "The contact centre: a switch and its T-Server or pair of T-Servers.", rows::<SwitchDraft>(options::SWITCH))
        },
        Section { many: true, ..section("switch.server", "A T-Server of the switch above, behind a bridge.", rows::<ServerDraft>(options::SERVER)) },
        Section { optional: true, ..section("switch.server.tls", "TLS towards the bridge above.", tls()) },
        section("cti.timers", "Timers of the contact-centre side, milliseconds.", rows::<Draft>(options::CTI_TIMERS)),
        section("cti.pace", "Own traffic limits towards the contact centre. The defaults shown are those of profile `lync`.", rows::<Draft>(options::CTI_PACE)),
        section("presence", "What presence means.", rows::<Draft>(options::PRESENCE)),
        Section {
            many: true,
            optional: true,
            ..section(
                "presence.condition",
                "Rules looked at before the map, in order; the first that fits decides.",
                rows::<ConditionDraft>(options::CONDITION),
            )
        },
        section("presence.map", "What each class of presence does to the agent, by availability number.", rows::<Draft>(options::MAP)),
        section(
            "publish",
            "What is told to the UC platform in modes `bidirectional` and `push-only`. The connector must be a trusted application.",
            rows::<Draft>(publish::PUBLISH),
        ),
        section("publish.push", "Mode `push-only`: the state (`[[publish.state]]`) that each agent state shows.", rows::<Draft>(publish::PUSH)),
        Section { many: true, optional: true, ..section("publish.state", "A state that can be published.", rows::<StateDraft>(publish::STATE)) },
        section("preview", "Interaction previews: a router asks, a worker's page shows, the worker decides.", rows::<Draft>(web::PREVIEW)),
        section("web", "The workers' pages.", rows::<Draft>(web::WEB)),
        Section { optional: true, ..section("web.tls", "TLS of the workers' pages.", server_tls()) },
        Section { optional: true, ..section("web.sso", "Single sign-on to the workers' pages.", rows::<Draft>(sso::SSO)) },
        section("router", "The preview API for routing strategies.", rows::<Draft>(web::ROUTER)),
        Section { optional: true, ..section("router.tls", "TLS of the preview API.", server_tls()) },
        Section {
            many: true,
            optional: true,
            ..section("router.bridge", "A router that asks for previews through a bridge (channel `custom`).", rows::<ServerDraft>(web::BRIDGE))
        },
        Section { optional: true, ..section("router.bridge.tls", "TLS towards the bridge above.", tls()) },
        section("limits", "Limits against peers and against ourselves; bytes unless the name says otherwise.", rows::<Draft>(options::LIMITS)),
        section("ops", "The operations listener.", rows::<Draft>(options::OPS)),
        section("log", "Logs, on standard error.", rows::<Draft>(options::LOG)),
        Section { many: true, ..section("person", "A worker. The same names are the columns of a people file.", person.into()) },
    ]
}

/// Sections that have an option of this name.
pub(crate) fn sections_with(key: &str) -> Vec<&'static str> {
    sections().into_iter().filter(|section| section.rows.iter().any(|row| row.key == key)).map(|section| section.path).collect()
}

/// The number at a path like `uc.pace.batch_max`; 0 when it is not a number.
pub(crate) fn value(draft: &Draft, path: &str) -> u64 {
    let groups: [(&str, &[Opt<Draft>]); 5] = [
        ("uc.timers", options::UC_TIMERS),
        ("uc.pace", options::UC_PACE),
        ("cti.timers", options::CTI_TIMERS),
        ("cti.pace", options::CTI_PACE),
        ("limits", options::LIMITS),
    ];
    let Some((section, key)) = path.rsplit_once('.') else { return 0 };
    let option = groups.iter().filter(|(name, _)| *name == section).flat_map(|(_, options)| options.iter()).find(|option| option.key == key);
    option.and_then(|option| (option.slot)(&mut draft.clone()).print()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A commented configuration file: what must be filled in, and every option with its default.
pub(crate) fn example() -> String {
    let mut out = String::from(
        "# Configuration of UC Connector. Every option is shown with its default; what has none is commented out or must be filled in.\n\
         # Check it with `uc-connector check --config FILE`. Secrets are references (`env:NAME`, `file:/path`), never values.\n",
    );
    for section in sections() {
        let hash = if section.optional { "# " } else { "" };
        let (open, close) = if section.many { ("[[", "]]") } else { ("[", "]") };
        let _ = write!(out, "\n# {}\n{hash}{open}{}{close}\n", section.doc, section.path);
        for row in &section.rows {
            let _ = writeln!(out, "# {}", row.doc.replace('`', ""));
            let _ = match &row.default {
                Some(default) => writeln!(out, "{hash}{} = {default}", row.key),
                None if row.required || (section.path == "person" && row.key != "password_ref") => writeln!(out, "{hash}{} = {}", row.key, row.sample),
                None => writeln!(out, "# {} = {}", row.key, row.sample),
            };
        }
    }
    out
}

/// The reference of all options, in Markdown.
pub(crate) fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Made by `uc-connector reference`; edit runtime-smol/src/config_file/options.rs instead. -->\n\n\
         One TOML file, `uc-connector run --config FILE`; `uc-connector example` prints one to start from\n\
         ([uc-connector.example.toml](uc-connector.example.toml)), `uc-connector check --config FILE` reports every mistake with its place and what to write instead.\n\
         On SIGHUP the file and the people file are read again: links and workers that stay the same are left alone, and a file with mistakes changes nothing.\n\n\
         Relative paths begin at the folder of the file. Secrets are references, `env:NAME` or `file:/path`, never values. Times are milliseconds unless the name says `_s`.\n\
         Names that end in `_max` are limits. The profile `open` sets `[uc.pace]` and `[cti.pace]` to no limit (except `batch_max = 1000`, `redirects_max = 5`);\n\
         options given in those sections win over the profile.\n\n\
         The people file is CSV (comma, double quotes, first line names the columns in any order) or TOML (`[[person]]`); an unknown column is an error.\n",
    );
    for section in sections() {
        let (open, close) = if section.many { ("[[", "]]") } else { ("[", "]") };
        let _ = write!(out, "\n## `{open}{}{close}`\n\n{}\n\n| option | value | default | meaning |\n|---|---|---|---|\n", section.path, section.doc);
        for row in &section.rows {
            let default = match &row.default {
                Some(default) => format!("`{default}`"),
                None if row.required => "required".to_owned(),
                None => "-".to_owned(),
            };
            let _ = writeln!(out, "| `{}` | {} | {default} | {} |", row.key, row.kind.replace('|', "\\|"), row.doc);
        }
    }
    out
}
