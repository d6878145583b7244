//! A browser as far as the daemon sees it: a login with cookie and token, requests, and the stream of events.
use crate::http::{talk, talk_tls};
use crate::{connector, patience_left};
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

/// An answer with its head.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Response {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// One request on a connection of its own; `None` when there is no whole answer.
#[must_use]
pub fn exchange(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Response> {
    let (status, head, body) = talk(port, &request(method, path, headers, body))?;
    Some(Response { status, head, body })
}

/// The same over TLS, to a server that calls itself `localhost`.
#[must_use]
pub fn exchange_tls(port: u16, tls: &Arc<ClientConfig>, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Response> {
    let (status, head, body) = talk_tls(port, tls, &request(method, path, headers, body))?;
    Some(Response { status, head, body })
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Password of every worker.
pub const PASSWORD: &str = "correct horse battery";

/// The hash of [`PASSWORD`], made by the daemon's own command, once.
///
/// # Panics
/// When the command fails.
#[must_use]
pub fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut child = Command::new(connector()).arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// A logged-in worker.
#[derive(Clone, Debug)]
pub struct Browser {
    port: u16,
    cookie: String,
    csrf: String,
    /// Answer to the login.
    pub me: Value,
}

impl Browser {
    /// Logs in.
    ///
    /// # Panics
    /// When that is refused.
    #[must_use]
    pub fn login(port: u16, user: &str, password: &str) -> Self {
        let answer = Self::try_login(port, user, password);
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let me = answer.json();
        Self { port, cookie, csrf: me["csrf"].as_str().unwrap().to_owned(), me }
    }

    /// Goes on with a login: its cookie, `name=value`.
    ///
    /// # Panics
    /// When the daemon does not know it.
    #[must_use]
    pub fn with_cookie(port: u16, cookie: &str) -> Self {
        let answer = exchange(port, "GET", "/api/me", &[("Cookie", cookie)], "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let me = answer.json();
        Self { port, cookie: cookie.into(), csrf: me["csrf"].as_str().unwrap().to_owned(), me }
    }

    /// Tries to.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn try_login(port: u16, user: &str, password: &str) -> Response {
        let body = json!({ "user": user, "password": password }).to_string();
        exchange(port, "POST", "/api/login", &[("Content-Type", "application/json")], &body).unwrap()
    }

    /// A request of this login.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        exchange(self.port, method, path, &[("Cookie", &self.cookie), ("X-CSRF", &self.csrf), ("Content-Type", "application/json")], &body.to_string()).unwrap()
    }

    /// The same without the token against forged requests, and with further headers.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn forge(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("Cookie", &*self.cookie)];
        all.extend(headers);
        exchange(self.port, method, path, &all, "{}").unwrap()
    }

    /// Token against forged requests.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The cookie of the login, `name=value`.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Accepts or declines.
    ///
    /// # Panics
    /// When that is not taken.
    pub fn click(&self, offer: &Value, what: &str) {
        assert_eq!(self.ask("POST", &format!("/api/offers/{offer}/{what}"), &json!({})).status, 202);
    }

    /// Opens a page: the stream of events.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nAccept: text/event-stream\r\n\r\n", self.cookie).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        let (sender, events) = channel();
        thread::spawn(move || {
            let mut event = String::new();
            for line in reader.lines().map_while(Result::ok) {
                if let Some(name) = line.strip_prefix("event: ") {
                    name.clone_into(&mut event);
                } else if let Some(data) = line.strip_prefix("data: ")
                    && sender.send((event.clone(), serde_json::from_str(data).unwrap())).is_err()
                {
                    return;
                }
            }
        });
        let page = Page { stream, events };
        // The whole picture ends with it.
        page.expect("state");
        page
    }
}

/// An open page; closed when dropped.
pub struct Page {
    stream: TcpStream,
    events: Receiver<(String, Value)>,
}

impl Page {
    /// Waits for an event; those before it are dropped.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect(&self, event: &str) -> Value {
        self.expect_with(event, |_| true)
    }

    /// Waits for an event that `wanted` accepts.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect_with(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (name, data) = self.events.recv_timeout(patience_left(began, event)).unwrap_or_else(|e| panic!("no event `{event}`: {e}"));
            if name == event && wanted(&data) {
                return data;
            }
        }
    }

    /// The next event, however long it takes; `None`: the stream has ended.
    #[must_use]
    pub fn next(&self) -> Option<(String, Value)> {
        self.events.recv().ok()
    }

    /// Names of the events that have come by now and were not asked for.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.events.try_iter().map(|(name, _)| name).collect()
    }

    /// Waits for the daemon to end the stream.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect_end(&self) {
        let began = Instant::now();
        while self.events.recv_timeout(patience_left(began, "the end of the events")).is_ok() {}
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
