//! The history of previews, the workers' redirect numbers and their logins: one SQLite file (write-ahead log), written by a thread of its own, read by others at any time.
//!
//! The deciding thread only appends to a bounded list and goes on; the thread takes the list and writes it in one transaction. What does not fit is dropped, counted
//! and told: a full disk must not stop previews. Times are milliseconds of the wall clock (UTC).
//!
//! An offer's number begins anew with every start of the process, so rows carry the start as well. Offers that were open when a process died get the
//! outcome `failed` when the next one opens the file.
mod logins;
mod read;

pub(crate) use logins::{KeptLogin, LoginKey};
pub(crate) use read::{Hour, Row, Summary, read, read_rows};

use crate::say;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uc_core::config::NoteLevel;

/// Version of the tables.
const VERSION: i64 = 1;
/// Lines that may wait for the disk.
const LINES_MAX: usize = 100_000;
/// Pause after a write that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How often old rows are removed.
const TIDY: Duration = Duration::from_secs(3_600);
const DAY_MS: u64 = 86_400_000;

/// The begin or the end of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Which.
    pub(crate) offer: u64,
    /// Whom.
    pub(crate) employee_id: Box<str>,
    /// Their name at that time.
    pub(crate) display_name: Box<str>,
    /// Where the call would come.
    pub(crate) dn: Box<str>,
    /// The call.
    pub(crate) conn: Arc<str>,
    /// Media type.
    pub(crate) media: Arc<str>,
    /// When.
    pub(crate) at_ms: u64,
    /// How it ended; `None`: begun.
    pub(crate) ended: Option<&'static str>,
}

/// A worker's external number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// The number.
    pub(crate) number: Box<str>,
    /// Calls go there.
    pub(crate) enabled: bool,
}

/// Redirect numbers by employee id.
pub(crate) type Redirects = BTreeMap<Box<str>, Redirect>;

/// The file.
#[derive(Debug)]
pub(crate) struct History {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Logins of the process before, until they are asked for.
    logins: Mutex<Vec<(LoginKey, KeptLogin)>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<Line>,
    redirects: Redirects,
    logins: logins::Changes,
    stop: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.redirects.is_empty() && self.logins.is_empty()
    }
}

impl History {
    /// Opens or makes the file; the redirect numbers it holds.
    ///
    /// # Errors
    /// One sentence: it cannot be used.
    pub(crate) fn open(path: &Path, keep_days: u32) -> Result<(Self, Redirects), String> {
        let unusable = |why: &dyn std::fmt::Display| format!("the history {} (option `web.history`) cannot be used: {why}", path.display());
        let (connection, redirects) = open(path).map_err(|why| unusable(&why))?;
        let logins = Mutex::new(logins::load(&connection, now_ms()).map_err(|why| unusable(&why))?);
        let shared = Arc::new(Shared::default());
        let (theirs, name) = (Arc::clone(&shared), path.display().to_string());
        let keep_ms = u64::from(keep_days) * DAY_MS;
        let thread = thread::Builder::new().name("history".into()).spawn(move || write_for_ever(connection, &theirs, &name, keep_ms));
        Ok((Self { shared, thread: Mutex::new(Some(thread.map_err(|why| unusable(&why))?)), logins }, redirects))
    }

    /// Keeps a line. Returns at once.
    pub(crate) fn keep(&self, line: Line) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() >= LINES_MAX {
            drop(waiting);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            say::failing(NoteLevel::Alarm, "the history of previews cannot be written fast enough; lines are left out");
            return;
        }
        waiting.lines.push(line);
        drop(waiting);
        self.shared.wake.notify_one();
    }

    /// Keeps a worker's redirect number. Returns at once.
    pub(crate) fn keep_redirect(&self, employee_id: &str, redirect: Redirect) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).redirects.insert(employee_id.into(), redirect);
        self.shared.wake.notify_one();
    }

    /// Keeps a login, or no more (`None`). Returns at once.
    pub(crate) fn keep_login(&self, key: LoginKey, login: Option<KeptLogin>) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.logins.len() >= logins::CHANGES_MAX && !waiting.logins.contains_key(&key) {
            drop(waiting);
            say::failing(NoteLevel::Alarm, "logins cannot be written fast enough; some will not outlive a restart");
            return;
        }
        waiting.logins.insert(key, login);
        drop(waiting);
        self.shared.wake.notify_one();
    }

    /// The logins of the process before, once.
    pub(crate) fn take_logins(&self) -> Vec<(LoginKey, KeptLogin)> {
        std::mem::take(&mut *self.logins.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is left and ends. What is kept after that is lost.
    pub(crate) fn finish(&self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Lines that were left out since start.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Lines and logins that a crash would lose now.
    pub(crate) fn unsaved(&self) -> usize {
        let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.lines.len() + waiting.logins.len()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.finish();
    }
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn open(path: &Path) -> Result<(Connection, Redirects), String> {
    let told = |why: rusqlite::Error| why.to_string();
    let connection = Connection::open(path).map_err(told)?;
    connection.busy_timeout(AGAIN).map_err(told)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(told)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(told)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(told)?;
    if version > VERSION {
        return Err(format!("its version is {version}, this program knows {VERSION}; a newer one made it"));
    }
    connection
        .execute_batch(&format!(
            "BEGIN;
             CREATE TABLE IF NOT EXISTS offer (
                 run INTEGER NOT NULL, offer INTEGER NOT NULL, employee_id TEXT NOT NULL, display_name TEXT NOT NULL, dn TEXT NOT NULL, conn TEXT NOT NULL,
                 media TEXT NOT NULL, offered_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT, PRIMARY KEY (run, offer)) STRICT, WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS offer_by_time ON offer (offered_ms);
             CREATE INDEX IF NOT EXISTS offer_open ON offer (run) WHERE outcome IS NULL;
             CREATE TABLE IF NOT EXISTS redirect (employee_id TEXT PRIMARY KEY, number TEXT NOT NULL, enabled INTEGER NOT NULL) STRICT, WITHOUT ROWID;
             {}
             PRAGMA user_version = {VERSION};
             COMMIT;",
            logins::TABLE
        ))
        .map_err(told)?;
    // Whoever had them open is dead.
    connection.execute("UPDATE offer SET outcome = 'failed', ended_ms = ?1 WHERE outcome IS NULL", [now_ms() as i64]).map_err(told)?;
    let mut statement = connection.prepare("SELECT employee_id, number, enabled FROM redirect").map_err(told)?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, Box<str>>(0)?, Redirect { number: row.get(1)?, enabled: row.get::<_, i64>(2)? != 0 }))).map_err(told)?;
    let redirects = rows.collect::<Result<Redirects, _>>().map_err(told)?;
    drop(statement);
    Ok((connection, redirects))
}

fn write_for_ever(mut connection: Connection, shared: &Shared, name: &str, keep_ms: u64) {
    let run = now_ms();
    let mut tidied = None;
    let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if keep_ms > 0 && tidied.is_none_or(|at: std::time::Instant| at.elapsed() >= TIDY) {
            drop(waiting);
            let _ = connection.execute("DELETE FROM offer WHERE offered_ms < ?1", [now_ms().saturating_sub(keep_ms) as i64]);
            tidied = Some(std::time::Instant::now());
            waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.is_empty() && !waiting.stop {
            waiting = shared.wake.wait_timeout(waiting, TIDY).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        // The lines stay in place until they are in the file, so that `unsaved` tells the truth and nothing is lost by a failure.
        let (lines, redirects, logins, stop) = (waiting.lines.clone(), waiting.redirects.clone(), waiting.logins.clone(), waiting.stop);
        drop(waiting);
        let failed = write(&mut connection, run, &lines, &redirects, &logins).err();
        waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            None => {
                waiting.lines.drain(..lines.len());
                waiting.redirects.retain(|who, now| redirects.get(who) != Some(now));
                waiting.logins.retain(|key, now| logins.get(key) != Some(now));
                if stop && waiting.is_empty() {
                    return;
                }
            }
            Some(why) => {
                say::failing(NoteLevel::Alarm, &format!("the history of previews cannot be written to {name}: {why}"));
                if stop {
                    return;
                }
                waiting = shared.wake.wait_timeout(waiting, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn write(connection: &mut Connection, run: u64, lines: &[Line], redirects: &Redirects, logins: &logins::Changes) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut begin = transaction.prepare(
            "INSERT OR IGNORE INTO offer (run, offer, employee_id, display_name, dn, conn, media, offered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut end = transaction.prepare("UPDATE offer SET ended_ms = ?3, outcome = ?4 WHERE run = ?1 AND offer = ?2")?;
        for line in lines {
            let (run, offer, at) = (run as i64, line.offer as i64, line.at_ms as i64);
            match line.ended {
                None => begin.execute(params![run, offer, line.employee_id, line.display_name, line.dn, line.conn, line.media, at])?,
                Some(outcome) => end.execute(params![run, offer, at, outcome])?,
            };
        }
        let mut keep = transaction.prepare("INSERT OR REPLACE INTO redirect (employee_id, number, enabled) VALUES (?1, ?2, ?3)")?;
        for (employee_id, redirect) in redirects {
            keep.execute(params![employee_id, redirect.number, i64::from(redirect.enabled)])?;
        }
        logins::write(&transaction, logins)?;
    }
    transaction.commit()
}
