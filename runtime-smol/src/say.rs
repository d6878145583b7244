//! What the runtime itself tells the operator, in the form of the log.
use crate::log_note::{Line, describe};
use crate::settings::LogSettings;
use std::time::{SystemTime, UNIX_EPOCH};
use uc_core::config::NoteLevel;
use uc_core::{Connector, Note, Now};

/// Worth a look.
pub(crate) fn warn(text: &str) {
    say(NoteLevel::Warn, text);
}

/// Somebody must act.
pub(crate) fn alarm(text: &str) {
    say(NoteLevel::Alarm, text);
}

/// Good to know.
pub(crate) fn info(text: &str) {
    say(NoteLevel::Info, text);
}

fn say(level: NoteLevel, text: &str) {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    // Reports of several lines (mistakes in the configuration) are several lines of the log.
    for text in text.lines() {
        crate::log::print(&Line { level, event: "runtime", text: text.to_owned(), fields: Vec::new() }, unix_ms);
    }
}

/// A note of the core.
pub(crate) fn note(note: &Note, connector: &Connector, now: Now, log: &LogSettings) {
    crate::log::print(&describe(note, connector, log), now.unix_ms);
}
