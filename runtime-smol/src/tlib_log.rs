//! `log.tlib_messages`: every T-Library message of both directions in the log, in layout P1, so that a Genesys engineer reads it and `uc-connector decode` too.
//!
//! Passwords never come here (the core leaves them out); the worker's note is masked unless `log.show_notes`. Control lines of the bridge are not messages and
//! are left out. Nothing is computed while the option is off.
use crate::settings::LogSettings;
use crate::{log, say};
use uc_core::codec::cti::bridge::{Dir, message_of, parse_message};
use uc_core::codec::cti::layout::{Direction, Head, Mask, Style, write_p1};
use uc_core::codec::cti::{KvList, KvValue, Message, Value};
use uc_core::id::CtiLinkId;
use uc_core::{Connector, Now, action::CtiOut};

/// Logs what we send.
pub(crate) fn outgoing(msg: &CtiOut, connector: &Connector, link: CtiLinkId, now: Now, settings: &LogSettings) {
    if let CtiOut::Request { .. } | CtiOut::UserEvent { .. } = msg
        && let Some(message) = message_of(msg, connector, link)
    {
        put(message, Direction::ToServer, connector, link, now, settings);
    }
}

/// Logs an answer to a router.
pub(crate) fn answer(message: Message, connector: &Connector, link: CtiLinkId, now: Now, settings: &LogSettings) {
    put(message, Direction::ToServer, connector, link, now, settings);
}

/// Logs what came; `line` was understood before.
pub(crate) fn incoming(line: &[u8], connector: &Connector, link: CtiLinkId, now: Now, settings: &LogSettings) {
    match parse_message(line) {
        Ok((Dir::Event, message)) => put(message, Direction::FromServer, connector, link, now, settings),
        Ok((Dir::Request, _)) => {}
        Err(fault) => say::failing(uc_core::config::NoteLevel::Warn, &format!("{link}: a message cannot be logged: {fault}")),
    }
}

fn put(message: Message, direction: Direction, connector: &Connector, link: CtiLinkId, now: Now, settings: &LogSettings) {
    let text = text(message, direction, connector, link, now, settings);
    log::print_block(&text, now.unix_ms);
}

fn text(mut message: Message, direction: Direction, connector: &Connector, link: CtiLinkId, now: Now, settings: &LogSettings) -> String {
    clean(&mut message);
    let config = connector.directory().config();
    let mut mask = Mask::default();
    if !settings.show_notes {
        mask.key_parts.push(config.presence.note_key.clone());
    }
    let endpoint = config.server(link).map_or_else(|| link.to_string(), |(_, _, server)| server.name.to_string());
    let stamp = log::stamp(now.unix_ms);
    let head = Head { time: &stamp[11..23], direction, endpoint: &endpoint };
    let mut out = String::new();
    write_p1(Some(&head), &message, &Style { mask, seed_compat: false }, &mut out);
    out
}

/// Takes control characters out of the peer's texts, so that nobody can forge a line.
fn clean(message: &mut Message) {
    clean_text(&mut message.name);
    for (name, value) in &mut message.attrs {
        clean_text(name);
        match value {
            Value::Str(text) => clean_text(text),
            Value::Unknown { tag, text } => {
                clean_text(tag);
                clean_text(text);
            }
            Value::Kv(list) => clean_list(list),
            _ => {}
        }
    }
}

fn clean_list(list: &mut KvList) {
    for (key, value) in &mut list.pairs {
        clean_text(key);
        match value {
            KvValue::Str(text) => clean_text(text),
            KvValue::List(list) => clean_list(list),
            _ => {}
        }
    }
}

fn clean_text(text: &mut Box<str>) {
    if text.chars().any(char::is_control) {
        *text = text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect::<String>().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LogFormat;
    use std::sync::Arc;
    use uc_core::entropy::Seed;

    const EVENT: &str = r#"{"v":1,"seq":1,"dir":"evt","id":76,"name":"EventAgentNotReady","attrs":[["AttributeThisDN","str","5002"],["AttributeReasons","kvlist",[
        {"key":"KW_UC_STATUS","type":"str","value":"busy"},{"key":"KW_UC_NOTE","type":"str","value":"at the\ndentist"},{"key":"password","type":"str","value":"geheim"}]]]}"#;

    fn logged(show_notes: bool) -> String {
        let connector = Connector::new(Arc::clone(&crate::config_file::check_example().core), Seed([1; 32]), Now::default());
        let settings = LogSettings { format: LogFormat::Human, show_notes, tlib_messages: true };
        let (_, message) = parse_message(EVENT.as_bytes()).unwrap();
        text(message, Direction::FromServer, &connector, CtiLinkId(0), Now::default(), &settings)
    }

    #[test]
    fn a_message_is_printed_in_p1_without_what_is_private() {
        let text = logged(false);
        assert!(text.starts_with("00:00:00.000 Dbg 09900 Received message from 'TServer_1'\n"), "{text}");
        assert!(text.contains("EventAgentNotReady") && text.contains("busy") && text.contains("5002"), "{text}");
        assert!(!text.contains("dentist") && !text.contains("geheim"), "{text}");
    }

    #[test]
    fn a_note_that_is_shown_cannot_forge_a_line() {
        let text = logged(true);
        assert!(text.contains("at the\\ndentist") && !text.contains("geheim"), "{text}");
    }
}
