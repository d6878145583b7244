//! Lines on standard error, in one of three forms; the platform keeps and rotates them.
//!
//! Text from peers is printed without control characters, so that nobody can forge a line. Secrets never get here: they are references everywhere else.
use crate::log_note::Line;
use crate::settings::{LogFormat, LogSettings};
use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use uc_core::config::NoteLevel;

/// The form of lines that are printed before, and outside, the core.
static FORMAT: AtomicU8 = AtomicU8::new(0);

const FORMATS: [LogFormat; 3] = [LogFormat::Human, LogFormat::Json, LogFormat::Genesys];

/// Takes over the form of lines.
pub(crate) fn configure(settings: &LogSettings) {
    let at = FORMATS.iter().position(|format| *format == settings.format).unwrap_or(0);
    FORMAT.store(at as u8, Ordering::Relaxed);
}

/// Prints a line. A standard error that cannot be written to is nobody's fault here.
pub(crate) fn print(line: &Line, unix_ms: u64) {
    let format = FORMATS[usize::from(FORMAT.load(Ordering::Relaxed)) % FORMATS.len()];
    let _ = std::io::stderr().lock().write_all(render(line, unix_ms, format).as_bytes());
}

/// Prints a block of several lines as it is, in JSON as one line. The caller has cleaned it.
pub(crate) fn print_block(text: &str, unix_ms: u64) {
    let format = FORMATS[usize::from(FORMAT.load(Ordering::Relaxed)) % FORMATS.len()];
    if format == LogFormat::Json {
        let line = Line { level: NoteLevel::Debug, event: "tlib_message", text: text.to_owned(), fields: Vec::new() };
        return print(&line, unix_ms);
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = std::io::stderr().lock().write_all(format!("{text}{end}").as_bytes());
}

/// The line with its line end.
pub(crate) fn render(line: &Line, unix_ms: u64, format: LogFormat) -> String {
    match format {
        LogFormat::Human => format!("{} {:<5} {}\n", stamp(unix_ms), level(line.level), clean(&line.text)),
        LogFormat::Json => json(line, unix_ms),
        LogFormat::Genesys => genesys(line, unix_ms),
    }
}

const fn level(level: NoteLevel) -> &'static str {
    match level {
        NoteLevel::Debug => "debug",
        NoteLevel::Info => "info",
        NoteLevel::Warn => "warn",
        NoteLevel::Alarm => "alarm",
    }
}

fn json(line: &Line, unix_ms: u64) -> String {
    let mut object = serde_json::Map::new();
    for (name, value) in [("ts", stamp(unix_ms)), ("level", level(line.level).to_owned()), ("event", line.event.to_owned()), ("text", line.text.clone())] {
        object.insert(name.to_owned(), value.into());
    }
    for (name, value) in &line.fields {
        object.insert((*name).to_owned(), value.clone().into());
    }
    serde_json::Value::Object(object).to_string() + "\n"
}

/// `16:59:31.148 Dbg 09900 text` (`spec/genesys-protocols.md` 2.2): time without date, severity, five digits. The numbers from 20000 on are our own.
fn genesys(line: &Line, unix_ms: u64) -> String {
    let (severity, number) = match line.level {
        NoteLevel::Debug => ("Dbg", 9900),
        NoteLevel::Info => ("Trc", 20_100),
        NoteLevel::Warn => ("Std", 20_200),
        NoteLevel::Alarm => ("Alr", 20_300),
    };
    format!("{} {severity} {number:05} {}\n", &stamp(unix_ms)[11..23], clean(&line.text))
}

/// Without control characters; line feeds of our own multi-line texts become a separator.
fn clean(text: &str) -> String {
    text.trim_end().chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// `2026-11-22T16:59:31.148Z`
pub(crate) fn stamp(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

/// Date of a day after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the leap day is a year's last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_note::describe;
    use std::sync::Arc;
    use uc_core::config::{Config, Person, PersonDn};
    use uc_core::entropy::Seed;
    use uc_core::id::{CtiLinkId, DnId, SwitchId, UcLinkId, UserId};
    use uc_core::presence::Class;
    use uc_core::uc_event::CloseCause;
    use uc_core::{Connector, Note, Now};

    const SETTINGS: LogSettings = LogSettings { format: LogFormat::Human, show_notes: false, tlib_messages: false };

    fn connector() -> Connector {
        let checked = crate::config_file::check_example();
        let alice = Person {
            employee_id: "1001".into(),
            display_name: "Alice".into(),
            dns: [PersonDn { number: "5002".into(), switch: 0 }].into(),
            ..Person::default()
        };
        Connector::new(Arc::new(Config { people: vec![alice], ..Config::clone(&checked.core) }), Seed([1; 32]), Now::default())
    }

    #[test]
    fn notes_name_what_they_are_about() {
        let connector = connector();
        let (user, dn, cti) = (UserId(0), DnId(0), CtiLinkId(0));
        for (note, text) in [
            (Note::UcConnecting { link: UcLinkId(0), endpoint: 0 }, "sip-0: connecting to pool.example.com:5061"),
            (
                Note::CtiClosed { link: cti, why: CloseCause::Refused, retry_ms: 1500 },
                "cti-0: connection to T-Server TServer_1 at 127.0.0.1:7010 was refused: nobody listens there; trying again in 1.5 s",
            ),
            (Note::SwitchDown { switch: SwitchId(0) }, "switch SIP_Switch takes no requests"),
            (Note::Presence { user, from: Class::Online, to: Class::Busy }, "Alice (1001): online -> busy"),
            (Note::AgentState { user, dn, state: "NotReady", foreign: true }, "5002@SIP_Switch of Alice (1001) is NotReady, by somebody else"),
            (
                Note::RequestFailed { dn, what: "RequestAgentReady", code: 58, text: "DN is out of service".into(), retry_ms: None },
                "RequestAgentReady for 5002@SIP_Switch was refused: error 58 DN is out of service; left until the next change",
            ),
            (Note::PresenceStale { user: UserId(9) }, "the presence of user-9 has been unknown for too long"),
        ] {
            assert_eq!(describe(&note, &connector, &SETTINGS).text, text);
        }
    }

    #[test]
    fn three_forms() {
        let note = Note::AgentState { user: UserId(0), dn: DnId(0), state: "Ready", foreign: false };
        let line = describe(&note, &connector(), &SETTINGS);
        let at = 1_700_000_000_123;
        assert_eq!(render(&line, at, LogFormat::Human), "2023-11-14T22:13:20.123Z debug 5002@SIP_Switch of Alice (1001) is Ready\n");
        assert_eq!(render(&line, at, LogFormat::Genesys), "22:13:20.123 Dbg 09900 5002@SIP_Switch of Alice (1001) is Ready\n");
        assert_eq!(
            render(&line, at, LogFormat::Json),
            "{\"ts\":\"2023-11-14T22:13:20.123Z\",\"level\":\"debug\",\"event\":\"agent_state\",\"text\":\"5002@SIP_Switch of Alice (1001) is Ready\",\"employee_id\":\"1001\",\"dn\":\"5002@SIP_Switch\"}\n"
        );
    }

    #[test]
    fn nobody_can_forge_a_line() {
        let note = Note::UcMalformed { link: UcLinkId(0), fault: "x\r\n2026-01-01 alarm all is lost\u{1b}[31m".into() };
        let line = describe(&note, &connector(), &SETTINGS);
        for format in FORMATS {
            let text = render(&line, 0, format);
            assert_eq!(text.chars().filter(|c| c.is_control()).count(), 1, "{text}");
        }
    }

    #[test]
    fn stamps() {
        for (ms, text) in [(0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z")] {
            assert_eq!(stamp(ms), text);
        }
    }
}
