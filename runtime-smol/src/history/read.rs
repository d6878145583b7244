//! Reading the history: sums per worker and hour, the distribution of answer times, single rows. Read-only connections, so that writing goes on beside them.
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;
use std::time::Duration;

/// Rows of one answer.
const ROWS_MAX: i64 = 100_000;
const HOUR_MS: i64 = 3_600_000;
/// Upper ends of the classes of answer times, seconds; the last class has none.
const CLASSES_S: [u64; 8] = [1, 2, 3, 5, 10, 15, 20, 30];

/// Previews of one worker in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hour {
    /// Begin of the hour, milliseconds of the wall clock, UTC.
    pub(crate) hour_ms: u64,
    /// Who.
    pub(crate) employee_id: Box<str>,
    /// For people.
    pub(crate) display_name: Box<str>,
    /// Previews.
    pub(crate) offered: u64,
    /// Of these accepted.
    pub(crate) accepted: u64,
    /// Declined.
    pub(crate) rejected: u64,
    /// Not answered.
    pub(crate) timeout: u64,
    /// Taken by others, cancelled, released, replaced.
    pub(crate) withdrawn: u64,
    /// Worker gone or not ready, or failed.
    pub(crate) failed: u64,
    /// Sum of the times to an answer (accepted or declined), milliseconds.
    pub(crate) answer_ms: u64,
}

/// What a time span held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// By hour, then worker.
    pub(crate) hours: Vec<Hour>,
    /// Answers (accepted or declined) by time, with the upper end in seconds; `None`: longer.
    pub(crate) answers: Vec<(Option<u64>, u64)>,
}

/// A single preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) offer: u64,
    pub(crate) employee_id: Box<str>,
    pub(crate) display_name: Box<str>,
    pub(crate) dn: Box<str>,
    pub(crate) conn: Box<str>,
    pub(crate) media: Box<str>,
    pub(crate) offered_ms: u64,
    pub(crate) ended_ms: Option<u64>,
    pub(crate) outcome: Option<Box<str>>,
}

fn connect(path: &Path) -> Result<Connection, String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(|why| format!("the history {} cannot be read: {why}", path.display()))?;
    let _ = connection.busy_timeout(Duration::from_secs(2));
    Ok(connection)
}

/// Sums of what was offered from `from` to before `to`. Blocks: call it on the pool.
///
/// # Errors
/// One sentence.
pub(crate) fn read(path: &Path, from: u64, to: u64) -> Result<Summary, String> {
    let told = |why: rusqlite::Error| format!("the history {} cannot be read: {why}", path.display());
    let connection = connect(path)?;
    let mut statement = connection
        .prepare(
            "SELECT offered_ms - offered_ms % ?3 AS hour, employee_id, MAX(display_name), COUNT(*),
                    SUM(outcome = 'accepted'), SUM(outcome = 'rejected'), SUM(outcome = 'timeout'),
                    SUM(outcome IN ('taken', 'canceled', 'released', 'replaced')), SUM(outcome IN ('unavailable', 'failed')),
                    SUM(CASE WHEN outcome IN ('accepted', 'rejected') THEN MAX(ended_ms - offered_ms, 0) ELSE 0 END)
             FROM offer WHERE offered_ms >= ?1 AND offered_ms < ?2 GROUP BY hour, employee_id ORDER BY hour, employee_id LIMIT ?4",
        )
        .map_err(told)?;
    let count = |row: &rusqlite::Row<'_>, at: usize| -> rusqlite::Result<u64> { Ok(row.get::<_, Option<i64>>(at)?.unwrap_or(0) as u64) };
    let hours = statement.query_map(params![clamp(from), clamp(to), HOUR_MS, ROWS_MAX], |row| {
        Ok(Hour {
            hour_ms: count(row, 0)?,
            employee_id: row.get(1)?,
            display_name: row.get(2)?,
            offered: count(row, 3)?,
            accepted: count(row, 4)?,
            rejected: count(row, 5)?,
            timeout: count(row, 6)?,
            withdrawn: count(row, 7)?,
            failed: count(row, 8)?,
            answer_ms: count(row, 9)?,
        })
    });
    let hours = hours.and_then(Iterator::collect).map_err(told)?;
    let mut answers = Vec::new();
    let mut from_ms: i64 = 0;
    let mut counted = connection
        .prepare(
            "SELECT COUNT(*) FROM offer WHERE offered_ms >= ?1 AND offered_ms < ?2 AND outcome IN ('accepted', 'rejected')
             AND MAX(ended_ms - offered_ms, 0) >= ?3 AND MAX(ended_ms - offered_ms, 0) < ?4",
        )
        .map_err(told)?;
    for upper in CLASSES_S.into_iter().map(Some).chain([None]) {
        let until_ms = upper.map_or(i64::MAX, |s| s as i64 * 1000);
        let n: i64 = counted.query_row(params![clamp(from), clamp(to), from_ms, until_ms], |row| row.get(0)).map_err(told)?;
        answers.push((upper, n as u64));
        from_ms = until_ms;
    }
    Ok(Summary { hours, answers })
}

/// Single previews offered from `from` to before `to`, oldest first, at most [`ROWS_MAX`]. Blocks: call it on the pool.
///
/// # Errors
/// One sentence.
pub(crate) fn read_rows(path: &Path, from: u64, to: u64) -> Result<Vec<Row>, String> {
    let told = |why: rusqlite::Error| format!("the history {} cannot be read: {why}", path.display());
    let connection = connect(path)?;
    let mut statement = connection
        .prepare(
            "SELECT employee_id, display_name, dn, conn, media, offered_ms, ended_ms, outcome, offer FROM offer
             WHERE offered_ms >= ?1 AND offered_ms < ?2 ORDER BY offered_ms, run, offer LIMIT ?3",
        )
        .map_err(told)?;
    let rows = statement.query_map(params![clamp(from), clamp(to), ROWS_MAX], |row| {
        Ok(Row {
            employee_id: row.get(0)?,
            display_name: row.get(1)?,
            dn: row.get(2)?,
            conn: row.get(3)?,
            media: row.get(4)?,
            offered_ms: row.get::<_, i64>(5)? as u64,
            ended_ms: row.get::<_, Option<i64>>(6)?.map(|ms| ms as u64),
            outcome: row.get(7)?,
            offer: row.get::<_, i64>(8)? as u64,
        })
    });
    rows.and_then(Iterator::collect).map_err(told)
}

fn clamp(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{History, Line, Redirect};
    use super::*;
    use std::sync::Arc;

    fn line(offer: u64, who: &str, at_ms: u64, ended: Option<&'static str>) -> Line {
        Line {
            offer,
            employee_id: who.into(),
            display_name: who.to_uppercase().into(),
            dn: "5001".into(),
            conn: Arc::from("00ab"),
            media: Arc::from("voice"),
            at_ms,
            ended,
        }
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart_and_what_was_open_has_failed() {
        let folder = std::env::temp_dir().join(format!("uc-history-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("h.db");
        let (history, redirects) = History::open(&path, 0).unwrap();
        assert!(redirects.is_empty());
        let hour = 7 * 3_600_000;
        for (offer, who, at, outcome, end) in
            [(1, "a", hour + 5, "accepted", hour + 2_505), (2, "b", hour + 6, "taken", hour + 2_505), (3, "a", 2 * hour, "timeout", 2 * hour + 20_000)]
        {
            history.keep(line(offer, who, at, None));
            history.keep(line(offer, who, end, Some(outcome)));
        }
        history.keep(line(4, "b", 2 * hour + 1, None));
        history.keep_redirect("a", Redirect { number: "+49123".into(), enabled: true });
        drop(history);
        let (history, redirects) = History::open(&path, 0).unwrap();
        assert_eq!(redirects["a"], Redirect { number: "+49123".into(), enabled: true });
        let summary = read(&path, 0, u64::MAX).unwrap();
        let told: Vec<_> = summary
            .hours
            .iter()
            .map(|h| (h.hour_ms / 3_600_000, &*h.employee_id, h.offered, h.accepted, h.timeout, h.withdrawn, h.failed, h.answer_ms))
            .collect();
        assert_eq!(told, [(7, "a", 1, 1, 0, 0, 0, 2_500), (7, "b", 1, 0, 0, 1, 0, 0), (14, "a", 1, 0, 1, 0, 0, 0), (14, "b", 1, 0, 0, 0, 1, 0)]);
        assert_eq!(summary.answers.iter().map(|(_, n)| n).sum::<u64>(), 1);
        assert_eq!(summary.answers[2], (Some(3), 1));
        let rows = read_rows(&path, 2 * hour, u64::MAX).unwrap();
        assert_eq!(rows.iter().map(|row| row.outcome.as_deref()).collect::<Vec<_>>(), [Some("timeout"), Some("failed")]);
        drop(history);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
