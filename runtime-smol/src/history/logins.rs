//! Logins that outlive the process, in the same file. Of a token only the hash is there: whoever reads the file cannot log in with it.
use rusqlite::{Connection, Transaction, params};
use std::collections::BTreeMap;

/// Logins read at start; more are not kept at once.
const LOGINS_MAX: usize = 100_000;
/// No login lasts longer (upper limit of `web.session_max_s`).
const LONGEST_MS: u64 = 2_592_000_000;
/// Changes that may wait for the disk.
pub(super) const CHANGES_MAX: usize = 2 * LOGINS_MAX;

/// Hash of a login's token.
pub(crate) type LoginKey = [u8; 32];

/// A login. Times are milliseconds of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptLogin {
    /// Whose.
    pub(crate) employee_id: Box<str>,
    /// When it began.
    pub(crate) began_ms: u64,
    /// When something was last heard of it.
    pub(crate) heard_ms: u64,
}

/// What is to be kept; `None`: no more.
pub(super) type Changes = BTreeMap<LoginKey, Option<KeptLogin>>;

/// SQL that makes the table.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS login (key BLOB PRIMARY KEY, employee_id TEXT NOT NULL, began_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/// Forgets what is over in any case; the others.
pub(super) fn load(connection: &Connection, now_ms: u64) -> rusqlite::Result<Vec<(LoginKey, KeptLogin)>> {
    connection.execute("DELETE FROM login WHERE began_ms < ?1", [now_ms.saturating_sub(LONGEST_MS) as i64])?;
    connection.execute("DELETE FROM login WHERE key NOT IN (SELECT key FROM login ORDER BY heard_ms DESC LIMIT ?1)", [LOGINS_MAX as i64])?;
    let mut statement = connection.prepare("SELECT key, employee_id, began_ms, heard_ms FROM login WHERE length(key) = 32")?;
    let rows = statement.query_map([], |row| {
        let (began, heard): (i64, i64) = (row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, KeptLogin { employee_id: row.get(1)?, began_ms: began.max(0) as u64, heard_ms: heard.max(0) as u64 }))
    })?;
    rows.collect()
}

/// Writes changes.
pub(super) fn write(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut keep = transaction.prepare("INSERT OR REPLACE INTO login (key, employee_id, began_ms, heard_ms) VALUES (?1, ?2, ?3, ?4)")?;
    let mut forget = transaction.prepare("DELETE FROM login WHERE key = ?1")?;
    for (key, login) in changes {
        match login {
            Some(login) => keep.execute(params![key.as_slice(), login.employee_id, login.began_ms as i64, login.heard_ms as i64])?,
            None => forget.execute([key.as_slice()])?,
        };
    }
    Ok(())
}
