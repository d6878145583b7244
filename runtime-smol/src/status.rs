//! Asks a running daemon over its operations listener and prints tables.
use crate::cli::Exit;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// For each step of the conversation.
const WAIT: Duration = Duration::from_secs(5);

/// Prints the state of the daemon whose operations listener is `ops`, and `limit` workers.
pub(crate) fn run(ops: SocketAddr, limit: u32) -> Exit {
    let workers = if limit == 0 { Ok(Value::Null) } else { get(ops, &format!("/api/v1/workers?limit={limit}")) };
    match get(ops, "/api/v1/summary").and_then(|summary| Ok((summary, workers?))) {
        Ok((summary, workers)) => {
            crate::say_out(&report(&summary, &workers));
            if summary["ready"] == true { Exit::Fine } else { Exit::NotReady }
        }
        Err(why) => {
            eprintln!("uc-connector: {ops} cannot be asked: {why}. Is it running, and is `ops.listen` this address?");
            Exit::Failed
        }
    }
}

/// Prints why a worker's agent is in its state.
pub(crate) fn explain(ops: SocketAddr, worker: &str) -> Exit {
    match get(ops, &format!("/api/v1/workers/{}/explain", crate::states::encode(worker))) {
        Ok(explained) => {
            let lines = explained["lines"].as_array().into_iter().flatten().map(|line| plain(line) + "\n");
            crate::say_out(&lines.collect::<String>());
            Exit::Fine
        }
        Err(why) => {
            eprintln!("uc-connector: {ops} does not explain: {why}");
            Exit::Failed
        }
    }
}

/// One GET, one answer, JSON.
pub(crate) fn get(ops: SocketAddr, path: &str) -> Result<Value, String> {
    let body = fetch(ops, path).map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(&body).map_err(|e| format!("the answer is not JSON ({e})"))?;
    match value["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(value),
    }
}

/// One PUT or GET with a token; status code and JSON.
pub(crate) fn ask(ops: SocketAddr, token: &str, method: &str, path: &str, body: &str) -> Result<(u16, Value), String> {
    let more = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let (status, answer) = exchange(ops, method, path, &more, body).map_err(|e| e.to_string())?;
    Ok((status, serde_json::from_slice(&answer).map_err(|e| format!("the answer is not JSON ({e})"))?))
}

fn fetch(ops: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    exchange(ops, "GET", path, "", "").map(|(_, body)| body)
}

fn exchange(ops: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&ops, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    // HTTP/1.0: the answer ends with the connection and is not chunked.
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {ops}\r\n{more}\r\n{body}")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    match answer.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(at) => {
            let body = answer.split_off(at + 4);
            let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
            Ok((status, body))
        }
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP")),
    }
}

/// A value without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn report(summary: &Value, workers: &Value) -> String {
    let mut out = String::new();
    let why: Vec<String> = summary["why"].as_array().into_iter().flatten().map(plain).collect();
    let ready = if why.is_empty() { "ready".to_owned() } else { format!("NOT READY: {}", why.join("; ")) };
    let _ = writeln!(out, "uc-connector {}, {ready}, up {} s", plain(&summary["version"]), summary["uptime_ms"].as_u64().unwrap_or(0) / 1000);
    let counts = |value: &Value| {
        let parts = value.as_object().into_iter().flatten().filter(|(_, n)| n.as_u64() != Some(0)).map(|(name, n)| format!("{name} {n}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(out, "\nworkers   {} ({} not subscribed)", summary["workers"], summary["uncovered"]);
    let _ = writeln!(out, "presence  {}", counts(&summary["presence"]));
    let _ = writeln!(out, "agents    {} ({} unanswered, {} left alone)\n", counts(&summary["agents"]), summary["in_flight"], summary["held"]);
    if summary["recording"] == true {
        out.push_str("recording on\n\n");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut rows = vec![["link", "state", "server", "role", "workers/DNs", "unanswered"].map(str::to_owned)];
    for l in list(&summary["links"]["uc"]) {
        rows.push([plain(&l["name"]), plain(&l["state"]), plain(&l["server"]), String::new(), plain(&l["workers"]), plain(&l["outstanding"])]);
    }
    for l in list(&summary["links"]["cti"]) {
        let server = format!("{} at {}", plain(&l["server"]), plain(&l["address"]));
        rows.push([plain(&l["name"]), plain(&l["state"]), server, plain(&l["role"]), plain(&l["registered"]), plain(&l["outstanding"])]);
    }
    out.push_str(&table(&rows));
    if workers.is_object() {
        let mut rows = vec![["worker", "name", "presence", "wanted", "chosen", "shown", "override, published", "agent state"].map(str::to_owned)];
        for w in list(&workers["workers"]) {
            let dns = list(&w["dns"]);
            let states: Vec<String> = dns.iter().map(|dn| format!("{}@{} {}", plain(&dn["number"]), plain(&dn["switch"]), plain(&dn["state"]))).collect();
            rows.push([
                plain(&w["employee_id"]),
                plain(&w["display_name"]),
                plain(&w["presence"]),
                plain(&w["want"]),
                plain(&w["choice"]),
                plain(&w["shown"]),
                published(&w),
                states.join(", "),
            ]);
        }
        out.push('\n');
        out.push_str(&table(&rows));
        if !workers["next"].is_null() {
            let _ = writeln!(out, "... {} workers in all; --limit N shows more", workers["total"]);
        }
    }
    out
}

/// What keeps the agent, and how far the UC platform shows what it shall, in the page's words.
fn published(worker: &Value) -> String {
    let parts = match (&worker["publishing"], &worker["published"]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, stands) => format!("withdrawing “{}”", plain(stands)),
        (shall, stands) if shall == stands => format!("published “{}”", plain(stands)),
        (shall, _) => format!("publishing “{}”", plain(shall)),
    };
    match worker["override"].as_str() {
        Some(kept) if parts.is_empty() => kept.to_owned(),
        Some(kept) => format!("{kept}, {parts}"),
        None if parts.is_empty() => "-".to_owned(),
        None => parts,
    }
}

/// Columns as wide as their widest cell; the first row is the head.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_matters() {
        let summary = serde_json::json!({
            "version": "1", "uptime_ms": 61_000, "ready": false, "why": ["no T-Server of switch S is up"], "workers": 2, "uncovered": 1, "in_flight": 0, "held": 0,
            "presence": {"online": 1, "busy": 0, "away": 1}, "agents": {"ready": 2},
            "links": {"uc": [{"name": "sip-0", "state": "up", "server": "p:5061", "workers": 1, "outstanding": 0}],
                      "cti": [{"name": "cti-0", "state": "down", "server": "T", "address": "a:1", "role": null, "registered": 0, "outstanding": 0}]},
        });
        let workers = serde_json::json!({"total": 2, "next": 1, "workers": [
            {"employee_id": "7", "display_name": "Zoë", "presence": "busy", "want": "not-ready", "choice": null, "shown": "break", "override": null, "publishing": null, "published": null,
             "dns": [{"number": "1", "switch": "S", "state": "ready"}]}]});
        let text = report(&summary, &workers);
        for expected in [
            "NOT READY: no T-Server of switch S is up, up 61 s",
            "presence  online 1, away 1\n",
            "cti-0  down   T at a:1  -     0            0\n",
            "7       Zoë   busy      not-ready  -       break  -                    1@S ready\n",
            "2 workers in all",
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn publications_are_told_by_how_far_they_are() {
        let told = |kept: Option<&str>, shall: Option<&str>, stands: Option<&str>| {
            published(&serde_json::json!({"override": kept, "publishing": shall, "published": stands}))
        };
        let text = Some("Contact centre");
        assert_eq!(told(None, None, None), "-");
        assert_eq!(told(Some("legal-guard"), None, None), "legal-guard");
        assert_eq!(told(Some("after-call-work"), text, None), "after-call-work, publishing “Contact centre”");
        assert_eq!(told(Some("after-call-work"), text, text), "after-call-work, published “Contact centre”");
        assert_eq!(told(None, Some("online"), text), "publishing “online”");
        assert_eq!(told(None, None, text), "withdrawing “Contact centre”");
    }
}
