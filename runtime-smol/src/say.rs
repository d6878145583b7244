//! What the runtime itself tells the operator, in the form of the log; repetitions are damped ([`crate::damper`]).
use crate::damper::{self, Damper};
use crate::log_note::{Line, describe};
use crate::settings::LogSettings;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use uc_core::config::NoteLevel;
use uc_core::{Connector, Note, Now};

/// Several threads have something to say: the driver, the operations listener, the recorder.
static DAMPER: Mutex<Option<Damper>> = Mutex::new(None);

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

/// Something that goes on failing in the same words: said once, then counted.
pub(crate) fn failing(level: NoteLevel, text: &str) {
    if let Some(more) = damped(|damper| damper.pass(damper::text_key(text), level, text, unix_ms())) {
        say(level, &format!("{text}{more}"));
    }
}

/// Says what was counted of failures that are over. Called now and then.
pub(crate) fn settle() {
    for (level, text) in damped(|damper| damper.settle(unix_ms())) {
        say(level, &text);
    }
}

fn damped<T>(work: impl FnOnce(&mut Damper) -> T) -> T {
    work(DAMPER.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Damper::default))
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

fn say(level: NoteLevel, text: &str) {
    let unix_ms = unix_ms();
    // Reports of several lines (mistakes in the configuration) are several lines of the log.
    for text in text.lines() {
        crate::log::print(&Line { level, event: "runtime", text: text.to_owned(), fields: Vec::new() }, unix_ms);
    }
}

/// A note of the core.
pub(crate) fn note(note: &Note, connector: &Connector, now: Now, log: &LogSettings) {
    let mut line = describe(note, connector, log);
    if let Some(key) = damper::key(note) {
        match damped(|damper| damper.pass(key, line.level, &line.text, now.unix_ms)) {
            Some(more) => line.text.push_str(&more),
            None => return,
        }
    }
    crate::log::print(&line, now.unix_ms);
}
