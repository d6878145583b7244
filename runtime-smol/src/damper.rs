//! Keeps an outage of hours from filling the log: a line that says the same about the same thing is printed once, then counted, said again rarely, and the count
//! is told when it is over.
//!
//! What "the same" is, the caller decides with a key. Only lines pass here; the core, the recorder and the counters of `/metrics` see every event.
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use uc_core::Note;
use uc_core::config::NoteLevel;

/// A repeated line is said again after this long.
const REPEAT_MS: u64 = 15 * 60_000;
/// A line that was not repeated for this long is news again.
const CALM_MS: u64 = 5 * 60_000;
/// Connections that stood again are said so often before they are counted: a link that comes and goes is worth more than one line.
const RETURNS: u32 = 3;
/// Lines remembered. When there are more, all are forgotten: the worst is that a line is said again.
const LINES_MAX: usize = 4096;

/// What a line is about: kind, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u8, u32, u64);

/// Kinds that end with a return.
const UC_CLOSED: u8 = 1;
const CTI_CLOSED: u8 = 2;
const UC_CONNECTING: u8 = 3;
const UC_RETURN: u8 = 4;
const CTI_RETURN: u8 = 5;
const UC_TEXT: u8 = 8;
const CTI_TEXT: u8 = 9;
const TEXT: u8 = 20;

#[derive(Debug)]
struct Entry {
    last_ms: u64,
    said_ms: u64,
    /// Times in a row.
    times: u32,
    /// Of these, not printed since the last that was.
    unsaid: u32,
    level: NoteLevel,
    text: String,
}

/// What was said lately.
#[derive(Debug, Default)]
pub(crate) struct Damper {
    lines: BTreeMap<Key, Entry>,
    looked_ms: u64,
}

/// Of a text that is its own key.
pub(crate) fn text_key(text: &str) -> Key {
    Key(TEXT, 0, hash(text))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The key of a note that may repeat; `None`: it is always printed.
pub(crate) fn key(note: &Note) -> Option<Key> {
    Some(match note {
        Note::UcClosed { link, why, .. } => Key(UC_CLOSED, link.0.into(), *why as u64),
        Note::CtiClosed { link, why, .. } => Key(CTI_CLOSED, link.0.into(), *why as u64),
        Note::UcConnecting { link, .. } => Key(UC_CONNECTING, link.0.into(), 0),
        Note::UcConnected { link } => Key(UC_RETURN, link.0.into(), 0),
        Note::CtiOpened { link, .. } => Key(CTI_RETURN, link.0.into(), 0),
        Note::UcMalformed { link, fault } => Key(6, link.0.into(), hash(fault)),
        Note::CtiMalformed { link, fault } => Key(7, link.0.into(), hash(fault)),
        Note::Uc { link, text, level } if *level >= NoteLevel::Warn => Key(UC_TEXT, link.0.into(), hash(text)),
        Note::Cti { link, text, level } if *level >= NoteLevel::Warn => Key(CTI_TEXT, link.0.into(), hash(text)),
        Note::UcRefused { watcher, status, .. } => Key(10, watcher.0.into(), (*status).into()),
        Note::ResourceLost { user, reason } => Key(11, user.0, *reason as u64),
        Note::RequestFailed { dn, code, .. } => Key(12, dn.0, i64::from(*code) as u64),
        Note::RequestTimedOut { dn, .. } => Key(13, dn.0, 0),
        Note::PresenceStale { user } => Key(14, user.0, 0),
        _ => return None,
    })
}

impl Damper {
    /// Whether to print a line now, and what to add to it.
    pub(crate) fn pass(&mut self, key: Key, level: NoteLevel, text: &str, now_ms: u64) -> Option<String> {
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&key) {
            self.lines.clear();
        }
        let is_return = matches!(key.0, UC_RETURN | CTI_RETURN);
        let entry = self.lines.entry(key).or_insert_with(|| Entry { last_ms: now_ms, said_ms: now_ms, times: 0, unsaid: 0, level, text: String::new() });
        if now_ms.saturating_sub(entry.last_ms) > CALM_MS {
            entry.times = 0;
        }
        entry.last_ms = now_ms;
        entry.times += 1;
        if entry.times > if is_return { RETURNS } else { 1 } && now_ms.saturating_sub(entry.said_ms) < REPEAT_MS {
            entry.unsaid += 1;
            (entry.level, entry.text) = (level, text.to_owned());
            return None;
        }
        entry.said_ms = now_ms;
        let unsaid = std::mem::take(&mut entry.unsaid);
        let more = if unsaid > 0 { format!(" ({unsaid} more like this since it was last said)") } else { String::new() };
        Some(if is_return { self.returned(key) } else { more })
    }

    /// A link stands again: what was counted meanwhile is told, and its next failure is news.
    fn returned(&mut self, key: Key) -> String {
        let failures = if key.0 == UC_RETURN { [UC_CLOSED, UC_TEXT, UC_CONNECTING] } else { [CTI_CLOSED, CTI_TEXT, CTI_CLOSED] };
        let mut unsaid = 0;
        self.lines.retain(|line, entry| {
            let is_over = line.1 == key.1 && failures.contains(&line.0);
            if is_over && line.0 != UC_CONNECTING {
                unsaid += entry.unsaid;
            }
            !is_over
        });
        match unsaid {
            0 => String::new(),
            1 => ", after one more failure line that was not logged".to_owned(),
            n => format!(", after {n} more failure lines that were not logged"),
        }
    }

    /// Forgets what is over, and says what was counted of it: level and text. Looks once a minute at most.
    pub(crate) fn settle(&mut self, now_ms: u64) -> Vec<(NoteLevel, String)> {
        if now_ms.saturating_sub(self.looked_ms) < 60_000 {
            return Vec::new();
        }
        self.looked_ms = now_ms;
        let mut over = Vec::new();
        self.lines.retain(|_, entry| {
            if now_ms.saturating_sub(entry.last_ms) <= CALM_MS {
                return true;
            }
            if entry.unsaid > 0 {
                over.push((entry.level, format!("{} more like this were not logged and it has stopped: {}", entry.unsaid, entry.text)));
            }
            false
        });
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uc_core::id::{CtiLinkId, UcLinkId};
    use uc_core::uc_event::CloseCause;

    fn closed(damper: &mut Damper, why: CloseCause, at: u64) -> Option<String> {
        let note = Note::CtiClosed { link: CtiLinkId(0), why, retry_ms: 1000 };
        damper.pass(key(&note).unwrap(), note.level(), "cti-0 was refused", at)
    }

    fn opened(damper: &mut Damper, at: u64) -> Option<String> {
        let note = Note::CtiOpened { link: CtiLinkId(0), role: uc_core::cti_event::Role::Primary, server: "T".into() };
        damper.pass(key(&note).unwrap(), note.level(), "cti-0 is open", at)
    }

    #[test]
    fn an_outage_of_hours_is_few_lines_and_its_end_says_the_count() {
        let mut damper = Damper::default();
        let lines: Vec<String> = (0..720).filter_map(|n| closed(&mut damper, CloseCause::Refused, n * 10_000)).collect();
        assert_eq!(lines.len(), 8, "two hours");
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("", " (89 more like this since it was last said)"));
        assert_eq!(closed(&mut damper, CloseCause::TimedOut, 7_200_000).as_deref(), Some(""), "another cause is news");
        assert_eq!(opened(&mut damper, 7_200_000).as_deref(), Some(", after 89 more failure lines that were not logged"));
        assert_eq!(closed(&mut damper, CloseCause::Refused, 7_200_010).as_deref(), Some(""), "the next outage is news");
    }

    #[test]
    fn a_link_that_comes_and_goes_is_counted_and_told_when_it_rests() {
        let mut damper = Damper::default();
        let lines = (0..100)
            .map(|n| usize::from(closed(&mut damper, CloseCause::Reset, n * 2000).is_some()) + usize::from(opened(&mut damper, n * 2000 + 1000).is_some()));
        assert!(lines.sum::<usize>() < 10);
        assert_eq!(damper.settle(210_000), []);
        let over: Vec<String> = damper.settle(1_000_000).into_iter().map(|(_, text)| text).collect();
        assert_eq!(over.len(), 2, "{over:?}");
        assert!(over[0].ends_with(" more like this were not logged and it has stopped: cti-0 was refused"), "{over:?}");
        assert!(damper.lines.is_empty());
    }

    #[test]
    fn links_do_not_share_and_memory_is_bounded() {
        let mut damper = Damper::default();
        for link in 0..LINES_MAX as u16 + 10 {
            let note = Note::UcClosed { link: UcLinkId(link), why: CloseCause::Reset, retry_ms: 0 };
            assert!(damper.pass(key(&note).unwrap(), note.level(), "", 0).is_some());
        }
        assert!(damper.lines.len() <= LINES_MAX);
        assert_eq!(key(&Note::Presence { user: uc_core::id::UserId(0), from: uc_core::presence::Class::Busy, to: uc_core::presence::Class::Away }), None);
    }
}
