//! What supervisors see: all workers live, and the history as sums and rows, for the page and as CSV.
use super::answer::{Reply, json_error, json_reply};
use super::api::ask;
use super::request::Asked;
use super::site::Site;
use super::talk::{Ask, BoardRow};
use crate::history::{self, Hour, Row, Summary, now_ms};
use hyper::header::HeaderName;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::rc::Rc;

/// Workers on the board.
const WORKERS_MAX: usize = 5_000;
/// Single previews in one answer of JSON; CSV has all.
const OFFERS_MAX: usize = 1_000;
/// Longest time span.
const SPAN_MS: u64 = 366 * DAY_MS;
const DAY_MS: u64 = 86_400_000;

/// `/api/board`
pub(super) async fn board(site: &Rc<Site>) -> Reply {
    let now = now_ms();
    // The day of the file: UTC, as all its times.
    let today = match site.history_path() {
        Some(path) => smol::unblock(move || history::read(&path, now - now % DAY_MS, u64::MAX)).await.unwrap_or_default(),
        None => Summary::default(),
    };
    let mut counts: HashMap<&str, Counts> = HashMap::new();
    for hour in &today.hours {
        counts.entry(&hour.employee_id).or_default().add(hour);
    }
    let mut workers: Vec<Value> = Vec::new();
    let mut from = Some(0);
    while let Some(at) = from.filter(|_| workers.len() < WORKERS_MAX) {
        let Some(piece) = ask(site, |reply| Ask::Board { from: at, reply }).await else {
            return json_error(503, "busy", "the connector did not answer");
        };
        workers.extend(piece.rows.iter().map(|row| worker(row, counts.get(&*row.who).copied().unwrap_or_default())));
        from = piece.next;
    }
    json_reply(200, &json!({ "now": now, "workers": workers, "more": from.is_some() }))
}

#[derive(Clone, Copy, Default)]
struct Counts {
    offered: u64,
    accepted: u64,
    rejected: u64,
    timeout: u64,
    other: u64,
}

impl Counts {
    fn add(&mut self, hour: &Hour) {
        self.offered += hour.offered;
        self.accepted += hour.accepted;
        self.rejected += hour.rejected;
        self.timeout += hour.timeout;
        self.other += hour.withdrawn + hour.failed;
    }

    fn json(self) -> Value {
        json!({ "offered": self.offered, "accepted": self.accepted, "rejected": self.rejected, "timeout": self.timeout, "other": self.other })
    }
}

fn worker(row: &BoardRow, today: Counts) -> Value {
    let offers: Vec<Value> = row
        .offers
        .iter()
        .map(|offer| json!({ "offer": offer.offer.0, "conn": &*offer.conn, "media": &*offer.media, "offered": offer.offered, "ends": offer.ends }))
        .collect();
    json!({ "user": row.who, "name": row.name, "shown": row.shown, "pages": row.pages, "offers": offers, "today": today.json() })
}

/// `/api/history?from=MS&to=MS[&format=csv]`
pub(super) async fn history(site: &Rc<Site>, asked: &Asked) -> Reply {
    let Some(path) = site.history_path() else {
        return json_error(404, "no-history", "no history is kept (option `web.history`)");
    };
    let number = |name: &str, default: u64| asked.parameter(name).map_or(Some(default), |text| text.parse().ok());
    let now = now_ms();
    let (Some(from), Some(to)) = (number("from", now.saturating_sub(DAY_MS)), number("to", now + 1)) else {
        return json_error(400, "malformed", "`from` and `to` are milliseconds of the wall clock, UTC");
    };
    if to < from || to - from > SPAN_MS {
        return json_error(400, "malformed", "`to` must be after `from`, by a year at most");
    }
    let format = asked.parameter("format");
    if !matches!(format.as_deref(), None | Some("json" | "csv")) {
        return json_error(400, "malformed", "`format` must be json or csv");
    }
    if format.as_deref() == Some("csv") {
        return match rows(path, from, to).await {
            Ok(rows) => Reply::with(200, "text/csv; charset=utf-8", csv(&rows))
                .header(HeaderName::from_static("content-disposition"), "attachment; filename=\"previews.csv\""),
            Err(why) => json_error(503, "busy", &why),
        };
    }
    let sums = {
        let path = path.clone();
        smol::unblock(move || history::read(&path, from, to)).await
    };
    match (sums, rows(path, from, to).await) {
        (Ok(sums), Ok(rows)) => json_reply(200, &told(from, to, &sums, &rows)),
        (Err(why), _) | (_, Err(why)) => json_error(503, "busy", &why),
    }
}

async fn rows(path: PathBuf, from: u64, to: u64) -> Result<Vec<Row>, String> {
    smol::unblock(move || history::read_rows(&path, from, to)).await
}

/// The answer to a question about the history.
pub(crate) fn told(from: u64, to: u64, sums: &Summary, rows: &[Row]) -> Value {
    let hour = |hour: &Hour| {
        let mut counts = Counts::default();
        counts.add(hour);
        let mut value = json!({ "hour": hour.hour_ms, "user": hour.employee_id, "name": hour.display_name, "answer_ms": hour.answer_ms });
        if let (Value::Object(to), Value::Object(counts)) = (&mut value, counts.json()) {
            to.extend(counts);
        }
        value
    };
    let offer = |row: &Row| {
        let answer = row.ended_ms.filter(|_| matches!(row.outcome.as_deref(), Some("accepted" | "rejected"))).map(|at| at.saturating_sub(row.offered_ms));
        json!({
            "offer": row.offer, "user": row.employee_id, "name": row.display_name, "conn": row.conn, "media": row.media, "dn": row.dn, "offered": row.offered_ms,
            "ended": row.ended_ms, "outcome": row.outcome, "answer_ms": answer,
        })
    };
    let answers: Vec<Value> = sums.answers.iter().map(|(s, n)| json!({ "upto_ms": s.map(|s| s * 1000), "count": n })).collect();
    json!({
        "from": from, "to": to, "hours": sums.hours.iter().map(hour).collect::<Vec<_>>(), "answers": answers,
        "offers": rows.iter().rev().take(OFFERS_MAX).map(offer).collect::<Vec<_>>(),
    })
}

/// Rows as CSV (RFC 4180). What a spreadsheet would take for a formula is quoted by an apostrophe.
fn csv(rows: &[Row]) -> String {
    let mut out = String::from("offered_utc,ended_utc,employee_id,display_name,dn,conn,media,outcome,answer_ms\r\n");
    for row in rows {
        let time = |ms: u64| jiff::Timestamp::from_millisecond(ms as i64).map(|at| at.to_string()).unwrap_or_default();
        let answer = row.ended_ms.map(|at| at.saturating_sub(row.offered_ms).to_string()).unwrap_or_default();
        let cells =
            [&time(row.offered_ms), &row.ended_ms.map(time).unwrap_or_default(), &*row.employee_id, &*row.display_name, &*row.dn, &*row.conn, &*row.media];
        for cell in cells {
            let _ = write!(out, "{},", field(cell));
        }
        let _ = write!(out, "{},{answer}\r\n", field(row.outcome.as_deref().unwrap_or_default()));
    }
    out
}

fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '@', '\t', '\r']) || (text.starts_with(['+', '-']) && text[1..].parse::<u64>().is_err()) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{guard}{}\"", text.replace('"', "\"\"")) } else { format!("{guard}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_safe_for_spreadsheets() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("+49123"), "+49123");
        assert_eq!(field("-x"), "'-x");
    }
}
