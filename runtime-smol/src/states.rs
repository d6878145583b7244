//! `states` and `set`: what workers can choose, and choosing for one of them, through a running daemon.
use crate::cli::Exit;
use crate::status::{ask, plain, table};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Prints the states on offer.
pub(crate) fn list(ops: SocketAddr, token: &str) -> Exit {
    answered(ops, token, "GET", "/api/v1/states", "", |menu| {
        let texts = |state: &Value, name: &str| {
            let all = state["display"].as_array().into_iter().flatten().filter(|texts| !texts[name].is_null());
            all.map(|texts| format!("{}{}", texts["language"].as_str().map_or_else(String::new, |tag| format!("{tag}: ")), plain(&texts[name])))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut rows = vec![["id", "agent", "mode", "reason", "menu", "status"].map(str::to_owned)];
        for state in menu["states"].as_array().into_iter().flatten() {
            let agent = if state["ready"] == true { "ready" } else { "not ready" };
            let place = if state["reason_in_extensions"] == true { " (extensions)" } else { "" };
            let reason = state["reason"].as_str().map_or_else(|| "-".to_owned(), |reason| format!("{reason}{place}"));
            rows.push([plain(&state["id"]), agent.into(), plain(&state["work_mode"]), reason, texts(state, "menu_text"), texts(state, "status_text")]);
        }
        let words = [("logged-in", true), ("logged-out", menu["logout"] == true), ("follow", menu["follow"] == true)];
        let words: Vec<&str> = words.iter().filter(|(_, allowed)| *allowed).map(|(word, _)| *word).collect();
        format!("mode {}; besides these: {}\n\n{}", plain(&menu["mode"]), words.join(", "), table(&rows))
    })
}

/// Chooses for a worker.
pub(crate) fn set(ops: SocketAddr, token: &str, worker: &str, state: &str) -> Exit {
    let body = json!({ "state": state }).to_string();
    answered(ops, token, "PUT", &format!("/api/v1/workers/{}/state", encode(worker)), &body, |row| {
        let dns = row["dns"].as_array().into_iter().flatten().map(|dn| format!("{}@{} {}", plain(&dn["number"]), plain(&dn["switch"]), plain(&dn["shown"])));
        format!(
            "{} chose {}; shown now: {} ({})\n",
            plain(&row["employee_id"]),
            plain(&row["choice"]),
            plain(&row["shown"]),
            dns.collect::<Vec<_>>().join(", ")
        )
    })
}

fn answered(ops: SocketAddr, token: &str, method: &str, path: &str, body: &str, print: impl FnOnce(&Value) -> String) -> Exit {
    let token = match crate::secrets::resolve(token) {
        Ok(token) => token,
        Err(why) => {
            eprintln!("uc-connector: the token cannot be read: {why}; --token names where it is, as `ops.api_token` does");
            return Exit::Failed;
        }
    };
    match ask(ops, &token, method, path, body) {
        Ok((200, answer)) => {
            crate::say_out(&print(&answer));
            Exit::Fine
        }
        Ok((_, answer)) => {
            eprintln!("uc-connector: {}", plain(&answer["error"]));
            Exit::Failed
        }
        Err(why) => {
            eprintln!("uc-connector: {ops} cannot be asked: {why}. Is it running, and is `ops.listen` this address?");
            Exit::Failed
        }
    }
}

/// One segment of a path.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
