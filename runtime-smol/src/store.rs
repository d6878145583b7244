//! Keeps workers' choices over a restart: one small SQLite file, written by a thread of its own.
//!
//! The deciding thread only puts the latest choice of a worker into a table and goes on; the thread takes the table and writes it in one transaction. So memory
//! is bounded by the number of workers, a slow disk delays nobody, and after a crash the file holds whole transactions (write-ahead log, synchronous).
use crate::say;
use rusqlite::{Connection, ErrorCode, params};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uc_core::config::NoteLevel;

/// Version of the tables.
const VERSION: i64 = 1;
/// Pause after a write that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// A choice as it is kept: by the state's id, which outlives row numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A state of the document.
    State(Box<str>),
    /// Logged in.
    LoggedIn,
    /// Logged out.
    LoggedOut,
}

/// The file. Dropping it writes what is left.
#[derive(Debug)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    choices: BTreeMap<Box<str>, Option<Kept>>,
    /// How many are being written now.
    writing: usize,
    stop: bool,
}

/// What a file held, by employee id.
pub(crate) type Choices = Vec<(Box<str>, Kept)>;

impl Store {
    /// Opens or makes the file and reads it. A damaged file is moved aside and a new one begun.
    ///
    /// # Errors
    /// One sentence: the file cannot be used and must not be touched (another process has it, a newer version made it, no permission).
    pub(crate) fn open(path: &Path) -> Result<(Self, Choices), String> {
        let (connection, choices) = match open(path) {
            Ok(opened) => opened,
            Err(Fault::Damaged(why)) => {
                let aside = move_aside(path).map_err(|e| format!("{} is damaged ({why}) and cannot be moved aside: {e}", path.display()))?;
                say::alarm(&format!(
                    "the file of choices {} is damaged ({why}); it was moved to {} and a new one is begun: states chosen by hand are forgotten",
                    path.display(),
                    aside.display()
                ));
                open(path).map_err(|fault| fault.text(path))?
            }
            Err(fault) => return Err(fault.text(path)),
        };
        let shared = Arc::new(Shared::default());
        let (theirs, name) = (Arc::clone(&shared), path.display().to_string());
        let thread = thread::Builder::new().name("choices".into()).spawn(move || write_for_ever(connection, &theirs, &name)).map_err(|e| e.to_string())?;
        Ok((Self { shared, thread: Some(thread) }, choices))
    }

    /// Keeps the latest choice of a worker, or forgets it. Returns at once.
    pub(crate) fn keep(&self, employee_id: &str, choice: Option<Kept>) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).choices.insert(employee_id.into(), choice);
        self.shared.wake.notify_one();
    }

    /// Choices that a crash would lose now.
    pub(crate) fn unsaved(&self) -> usize {
        let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.choices.len() + waiting.writing
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a file cannot be opened.
enum Fault {
    /// Not a database, or a broken one.
    Damaged(String),
    /// Something else; the file is left alone.
    Other(String),
}

impl Fault {
    fn text(self, path: &Path) -> String {
        let (Self::Damaged(why) | Self::Other(why)) = self;
        format!("the file of choices {} (option `choice.store`) cannot be used: {why}", path.display())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(fault: rusqlite::Error) -> Self {
        match fault.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(fault.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Other("another process has it open".into()),
            _ => Self::Other(fault.to_string()),
        }
    }
}

fn open(path: &Path) -> Result<(Connection, Choices), Fault> {
    let connection = Connection::open(path)?;
    // One process at a time: two connectors with the same file would each overwrite the other's choices.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > VERSION {
        return Err(Fault::Other(format!("its version is {version}, this program knows {VERSION}; a newer one made it")));
    }
    let health: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return Err(Fault::Damaged(health));
    }
    connection.execute_batch(&format!(
        "BEGIN;
         CREATE TABLE IF NOT EXISTS choice (employee_id TEXT PRIMARY KEY, kind INTEGER NOT NULL, state TEXT NOT NULL, changed_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         PRAGMA user_version = {VERSION};
         COMMIT;"
    ))?;
    let mut statement = connection.prepare("SELECT employee_id, kind, state FROM choice ORDER BY employee_id")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Box<str>>(0)?, row.get::<_, i64>(1)?, row.get::<_, Box<str>>(2)?)))?;
    let mut choices = Vec::new();
    for row in rows {
        let (employee_id, kind, state) = row?;
        let kept = match kind {
            0 => Kept::State(state),
            1 => Kept::LoggedIn,
            _ => Kept::LoggedOut,
        };
        choices.push((employee_id, kept));
    }
    drop(statement);
    Ok((connection, choices))
}

/// Renames the file and what SQLite keeps beside it.
fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |ending: &str| -> PathBuf {
        let mut name: OsString = path.as_os_str().to_owned();
        name.push(ending);
        name.into()
    };
    let aside = with(&format!(".damaged-{}", now_ms() / 1000));
    std::fs::rename(path, &aside)?;
    for ending in ["-wal", "-shm"] {
        // Mostly not there.
        let _ = std::fs::remove_file(with(ending));
    }
    Ok(aside)
}

fn write_for_ever(mut connection: Connection, shared: &Shared, name: &str) {
    let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while waiting.choices.is_empty() && !waiting.stop {
            waiting = shared.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (batch, stop) = (std::mem::take(&mut waiting.choices), waiting.stop);
        waiting.writing = batch.len();
        drop(waiting);
        let failed = write(&mut connection, &batch).err();
        waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.writing = 0;
        if let Some(why) = failed {
            say::failing(NoteLevel::Alarm, &format!("states chosen by hand cannot be written to {name}: {why}; they would be forgotten by a restart"));
            // Newer ones win.
            for (employee_id, choice) in batch {
                waiting.choices.entry(employee_id).or_insert(choice);
            }
            if !stop {
                waiting = shared.wake.wait_timeout(waiting, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if stop {
            return;
        }
    }
}

fn write(connection: &mut Connection, batch: &BTreeMap<Box<str>, Option<Kept>>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (employee_id, choice) in batch {
        let (kind, state) = match choice {
            None => {
                transaction.execute("DELETE FROM choice WHERE employee_id = ?1", params![employee_id])?;
                continue;
            }
            Some(Kept::State(id)) => (0, &**id),
            Some(Kept::LoggedIn) => (1, ""),
            Some(Kept::LoggedOut) => (2, ""),
        };
        transaction.execute("INSERT OR REPLACE INTO choice VALUES (?1, ?2, ?3, ?4)", params![employee_id, kind, state, now_ms() as i64])?;
    }
    transaction.commit()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("uc-store-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_latest_choice_of_each_worker_is_there_again() {
        let folder = Folder::new("kept");
        let path = folder.0.join("choices.db");
        let (store, choices) = Store::open(&path).unwrap();
        assert_eq!(choices, []);
        assert!(Store::open(&path).unwrap_err().contains("another process"), "one at a time");
        for (who, what) in
            [("2", Some(Kept::LoggedOut)), ("1", Some(Kept::LoggedIn)), ("3", Some(Kept::LoggedIn)), ("1", Some(Kept::State("ü".into()))), ("3", None)]
        {
            store.keep(who, what);
        }
        drop(store);
        let (store, choices) = Store::open(&path).unwrap();
        assert_eq!(choices, [("1".into(), Kept::State("ü".into())), ("2".into(), Kept::LoggedOut)]);
        drop(store);
    }

    #[test]
    fn a_damaged_file_is_moved_aside() {
        let folder = Folder::new("damaged");
        let path = folder.0.join("choices.db");
        std::fs::write(&path, "this is no database, and long enough to have a header of one: ".repeat(100)).unwrap();
        let (store, choices) = Store::open(&path).unwrap();
        assert_eq!(choices, []);
        store.keep("1", Some(Kept::LoggedIn));
        drop(store);
        assert_eq!(Store::open(&path).unwrap().1.len(), 1);
        let aside = std::fs::read_dir(&folder.0).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged-")).count();
        assert_eq!(aside, 1);
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = Folder::new("newer");
        let path = folder.0.join("choices.db");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
        assert!(Store::open(&path).unwrap_err().contains("version is 2"));
    }
}
