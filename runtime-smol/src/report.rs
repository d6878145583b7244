//! `report`: what became of previews, by worker, from the running daemon or from the file of the history.
use crate::cli::{Exit, OPS_DEFAULT};
use crate::history::now_ms;
use crate::status::table;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportOptions {
    /// The operations listener of the running daemon.
    pub(crate) ops: SocketAddr,
    /// The file instead.
    pub(crate) history: Option<PathBuf>,
    /// How far back, milliseconds.
    pub(crate) last_ms: u64,
    /// A line for each hour.
    pub(crate) by_hour: bool,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { ops: OPS_DEFAULT, history: None, last_ms: 86_400_000, by_hour: false }
    }
}

/// `90m`, `8h`, `7d` as milliseconds.
///
/// # Errors
/// One sentence.
pub(crate) fn span(text: &str) -> Result<u64, String> {
    let wrong = || format!("--last is `{text}`, it must be a time such as 90m, 8h or 7d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit_ms = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Some(number).filter(|n| *n > 0).and_then(|n| n.checked_mul(unit_ms)).ok_or_else(wrong)
}

/// Prints the report.
pub(crate) fn run(options: &ReportOptions) -> Exit {
    let to = now_ms().saturating_add(1);
    let from = to.saturating_sub(options.last_ms);
    let told = match &options.history {
        Some(path) => crate::history::read(path, from, to).map(|sums| crate::web::told(from, to, &sums, &[])),
        None => crate::status::get(options.ops, &format!("/api/v1/previews?from={from}&to={to}"))
            .map_err(|why| format!("uc-connector: {} does not tell: {why}", options.ops)),
    };
    match told {
        Ok(told) => {
            crate::say_out(&text(&told, options.by_hour));
            Exit::Fine
        }
        Err(why) => {
            eprintln!("{why}");
            Exit::Failed
        }
    }
}

const HEAD: [&str; 8] = ["worker", "name", "offered", "accepted", "rejected", "timeout", "other", "mean answer"];

/// Sums of a worker.
#[derive(Clone, Debug, Default)]
struct Sum {
    name: String,
    /// Offered, accepted, rejected, timeout, other.
    counts: [u64; 5],
    answer_ms: u64,
}

impl Sum {
    fn add(&mut self, hour: &Value) {
        let number = |key: &str| hour[key].as_u64().unwrap_or(0);
        self.name = hour["name"].as_str().unwrap_or_default().to_owned();
        for (sum, key) in self.counts.iter_mut().zip(["offered", "accepted", "rejected", "timeout", "other"]) {
            *sum += number(key);
        }
        self.answer_ms += number("answer_ms");
    }

    fn row(&self, who: &str) -> [String; 8] {
        let [offered, accepted, rejected, timeout, other] = self.counts.map(|n| n.to_string());
        let answered = self.counts[1] + self.counts[2];
        let mean = self.answer_ms.checked_div(answered).map_or_else(|| "-".to_owned(), |ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
        [who.to_owned(), self.name.clone(), offered, accepted, rejected, timeout, other, mean]
    }
}

fn text(told: &Value, by_hour: bool) -> String {
    let hours = told["hours"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut by_worker, mut all): (BTreeMap<&str, Sum>, Sum) = (BTreeMap::new(), Sum::default());
    for hour in hours {
        by_worker.entry(hour["user"].as_str().unwrap_or_default()).or_default().add(hour);
        all.add(hour);
    }
    if by_worker.is_empty() {
        return "no previews in this time\n".to_owned();
    }
    all.name.clear();
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(by_worker.iter().map(|(who, sum)| sum.row(who)));
    rows.push(all.row("all"));
    let mut out = table(&rows);
    if by_hour {
        let mut rows = vec![["hour (UTC)", "worker", "name", "offered", "accepted", "rejected", "timeout", "other", "mean answer"].map(str::to_owned)];
        for hour in hours {
            let mut sum = Sum::default();
            sum.add(hour);
            let at = hour["hour"].as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
            let [who, name, offered, accepted, rejected, timeout, other, mean] = sum.row(hour["user"].as_str().unwrap_or_default());
            let at = at.map(|at| at.strftime("%Y-%m-%d %H:00").to_string()).unwrap_or_default();
            rows.push([at, who, name, offered, accepted, rejected, timeout, other, mean]);
        }
        out.push('\n');
        out.push_str(&table(&rows));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_minutes_hours_or_days() {
        assert_eq!(span("90m"), Ok(5_400_000));
        assert_eq!(span("7d"), Ok(604_800_000));
        for wrong in ["", "h", "0h", "-1h", "1w", "1.5h", "99999999999999999d", "\u{fc}"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_report_sums_the_hours_of_each_worker() {
        let hour = |user: &str, hour: u64| serde_json::json!({"hour": hour, "user": user, "name": "N", "offered": 2, "accepted": 1, "rejected": 0, "timeout": 1, "other": 0, "answer_ms": 2500});
        let told = serde_json::json!({"hours": [hour("a", 0), hour("a", 3_600_000), hour("b", 0)]});
        let out = text(&told, true);
        assert!(out.contains("a       N     4        2         0         2        0      2.5 s\n"), "{out}");
        assert!(out.contains("all           6        3"), "{out}");
        assert!(out.contains("1970-01-01 01:00  a"), "{out}");
        assert_eq!(text(&serde_json::json!({}), false), "no previews in this time\n");
    }
}
