//! The demo's router: a routing strategy that asks for a preview every now and then, one worker at a time or all at once, over the same HTTP as a real one.
use crate::say_out;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// Seconds a worker may think.
const THINK_S: u64 = 20;
/// Pause after a preview.
const PAUSE: Duration = Duration::from_secs(12);
/// Pause when nobody has a page open.
const LOOK: Duration = Duration::from_secs(1);
/// What customers want.
const TOPICS: [(&str, &str, &str); 4] = [
    ("Contoso Ltd.", "Invoice 2231", "Calls the second time; it's about the discount."),
    ("Fabrikam GmbH", "Delivery is late", "Order of last Tuesday, promised for today."),
    ("Northwind Traders", "Contract", "Wants to talk to somebody who can decide."),
    (
        "\u{682a}\u{5f0f}\u{4f1a}\u{793e}\u{30e9}\u{30a4}\u{30c8}",
        "Support",
        "\u{672c}\u{65e5}\u{4e2d}\u{306b}\u{6298}\u{308a}\u{8fd4}\u{3057}\u{304a}\u{9858}\u{3044}\u{3057}\u{307e}\u{3059}",
    ),
];

/// Asks until the connector is gone.
pub(super) fn run(router: SocketAddr, people: &BTreeMap<String, String>) {
    let mut lost = 0;
    let mut nth = 0_usize;
    while lost < 30 {
        let (op, how) = if nth.is_multiple_of(2) { ("round-robin", "one worker after the other") } else { ("multiple", "all workers at once") };
        match ask(router, op, nth) {
            Ok(answer) if answer["Status"] == "Unavailable" => thread::park_timeout(LOOK),
            Ok(answer) => {
                let who = answer["user"].as_str().and_then(|id| people.get(id));
                let who = who.map(|name| format!(" by {name}, route to {}", target(&answer))).unwrap_or_default();
                say_out(&format!("-- preview, {how}: {}{who}\n", answer["Status"].as_str().unwrap_or("no answer").to_lowercase()));
                nth += 1;
                thread::park_timeout(PAUSE);
            }
            Err(_) => {
                lost += 1;
                thread::park_timeout(LOOK);
            }
        }
    }
}

fn target(answer: &Value) -> &str {
    let redirect = answer["redirectNumber"].as_str().filter(|number| !number.is_empty());
    redirect.or_else(|| answer["dn"].as_str()).unwrap_or_default()
}

fn ask(router: SocketAddr, op: &str, nth: usize) -> io::Result<Value> {
    let (customer, topic, notes) = TOPICS[nth % TOPICS.len()];
    let body = json!({
        "op": op, "connId": format!("{:016x}", 0x0077_028a_809f_0000_u64 + nth as u64), "targets": format!("group:{}", super::setup::GROUP), "mediaType": "voice",
        "userData": { "Customer": customer, "Topic": topic, "Notes": notes, "Waiting": format!("{} s", 5 + nth % 40) }, "timeout": THINK_S,
    })
    .to_string();
    let mut stream = TcpStream::connect(router)?;
    stream.set_read_timeout(Some(Duration::from_secs(600)))?;
    write!(stream, "POST /urs/v1/preview HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(io::Error::other)
}
