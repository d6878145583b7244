//! tiny_http behind the gate: few named threads that read a request, ask the driver, and print the answer; rebuilt when its accept thread has died.
use super::json;
use super::{Facing, Filter, OpsKind, OpsReply, OpsRequest, Overview, ROWS_MAX, StateFault, Tally, WorkerRow, gate};
use crate::settings::OpsSettings;
use smol::channel::{self, Sender};
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tiny_http::{Header, Method, Request, Response, Server};
use uc_core::config::NoteLevel;

/// Threads that answer.
const THREADS: usize = 2;
/// How long the driver may take.
const ANSWER_MS: u64 = 2_000;
/// How often a thread looks whether the server was rebuilt.
const LOOK: Duration = Duration::from_secs(1);
/// Longest body that is read.
const BODY_BYTES_MAX: u64 = 16 << 10;
/// Shortest token.
const TOKEN_BYTES_MIN: usize = 16;
/// Rows of one page.
const PAGE_MAX: u32 = 1000;
/// How old counts may be.
const TALLY_AGE: Duration = Duration::from_millis(900);

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The listener: it works as long as the process lives; dropping this tidies up what is on disk.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Where, with the port that was chosen when the configuration says 0.
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    show_notes: Arc<AtomicBool>,
    token: Token,
}

impl Listening {
    /// Takes tiny_http's socket away.
    #[cfg(test)]
    pub(super) fn break_inner_socket(&self) {
        std::fs::remove_file(self.folder.join("http")).unwrap();
    }

    /// The token for workers' states from now on.
    pub(crate) fn set_token(&self, reference: Option<&str>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = resolve(reference);
    }

    /// Whether workers' notes are shown from now on.
    pub(crate) fn show_notes(&self, show: bool) {
        self.show_notes.store(show, Ordering::Relaxed);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts the listener; `None` when the configuration wants none. `asks` is the driver's queue of questions; it should be bounded.
///
/// # Errors
/// The address cannot be bound, or the socket of tiny_http cannot be made.
pub(crate) fn start(settings: &OpsSettings, asks: Sender<OpsRequest>, facing: Facing) -> io::Result<Option<Listening>> {
    start_with(settings, asks, facing, gate::Limits::default())
}

/// [`start`] with other limits.
pub(super) fn start_with(settings: &OpsSettings, asks: Sender<OpsRequest>, facing: Facing, limits: gate::Limits) -> io::Result<Option<Listening>> {
    let Some(listen) = settings.listen else { return Ok(None) };
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let show_notes = Arc::new(AtomicBool::new(settings.show_notes));
    let token = Token::new(Mutex::new(resolve(settings.token_ref.as_deref())));
    let listening = Listening { address: listener.local_addr()?, folder: private_folder()?, show_notes: Arc::clone(&show_notes), token: Arc::clone(&token) };
    let site = Arc::new(Site {
        socket: listening.folder.join("http"),
        server: Mutex::new(None),
        asks,
        show_notes,
        token,
        loopback: listen.ip().is_loopback(),
        tally: Mutex::new(None),
        facing,
    });
    site.rebuild()?;
    let (broken, breaks) = channel::bounded(1);
    for nth in 0..THREADS {
        let site = Arc::clone(&site);
        thread::Builder::new().name(format!("ops-{nth}")).spawn(move || site.answer_for_ever())?;
    }
    let socket = site.socket.clone();
    let connections_max = settings.connections_max;
    thread::Builder::new().name("ops-gate".into()).spawn(move || gate::run(listener, &socket, connections_max, limits, &broken))?;
    thread::Builder::new().name("ops-watchdog".into()).spawn(move || {
        while breaks.recv_blocking().is_ok() {
            if let Err(why) = site.rebuild() {
                crate::say::failing(NoteLevel::Warn, &format!("the operations listener cannot be started again: {why}"));
            }
            thread::park_timeout(LOOK);
        }
    })?;
    Ok(Some(listening))
}

/// A folder that only we can enter.
fn private_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"].iter().find_map(|name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_dir()));
    let base = base.unwrap_or_else(std::env::temp_dir);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..100 {
        let folder = base.join(format!("uc-connector-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// The secret that opens workers' states; `None`: they are closed.
type Token = Arc<Mutex<Option<Box<str>>>>;

/// The secret behind a reference. One that cannot be read, or is too short to be one, closes.
fn resolve(reference: Option<&str>) -> Option<Box<str>> {
    let token = crate::secrets::resolve(reference?);
    match &token {
        Ok(token) if token.len() < TOKEN_BYTES_MIN => {
            crate::say::alarm(&format!(
                "the token of `ops.api_token` has {} bytes, it must have {TOKEN_BYTES_MIN} at least; workers' states stay closed",
                token.len()
            ));
        }
        Err(why) => crate::say::alarm(&format!("the token of `ops.api_token` cannot be read: {why}; workers' states stay closed")),
        Ok(_) => {}
    }
    token.ok().filter(|token| token.len() >= TOKEN_BYTES_MIN)
}

struct Site {
    /// Where tiny_http listens.
    socket: PathBuf,
    server: Mutex<Option<Arc<Server>>>,
    asks: Sender<OpsRequest>,
    show_notes: Arc<AtomicBool>,
    token: Token,
    /// Bound to this machine only: other names in `Host` are a web page's trick (DNS rebinding).
    loopback: bool,
    tally: Mutex<Option<(Instant, Tally)>>,
    facing: Facing,
}

/// An answer.
struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn text(kind: &'static str, text: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, kind, body: text.into() }
    }

    fn error(status: u16, text: &str) -> Self {
        Self { status, kind: JSON, body: json::error(text) }
    }
}

/// The driver did not answer in time.
struct Silent;

impl From<Silent> for Answer {
    fn from(_: Silent) -> Self {
        Self::error(503, "the connector does not answer")
    }
}

impl Site {
    fn rebuild(&self) -> io::Result<()> {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket)?;
        let server = Server::from_listener(listener, None).map_err(|e| io::Error::other(e.to_string()))?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(server));
        Ok(())
    }

    fn answer_for_ever(&self) {
        loop {
            let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match server.map(|server| server.recv_timeout(LOOK)) {
                Some(Ok(Some(request))) => self.on_request(request),
                Some(Ok(None)) => {}
                Some(Err(_)) | None => thread::park_timeout(LOOK),
            }
        }
    }

    fn on_request(&self, mut request: Request) {
        // What is left of a body would be read by tiny_http as the next request.
        let mut body = Vec::new();
        let answer = match request.as_reader().take(BODY_BYTES_MAX + 1).read_to_end(&mut body) {
            Ok(n) if n as u64 > BODY_BYTES_MAX => Answer::error(413, "the body is too long"),
            Ok(_) if !self.is_host_allowed(&request) => Answer::error(421, "this listener is for this machine; use 127.0.0.1 or localhost"),
            Ok(_) => match self.states(&request, &body) {
                Some(answer) => answer.unwrap_or_else(Answer::from),
                None if !matches!(request.method(), Method::Get | Method::Head) => Answer::error(405, "only GET and HEAD"),
                None => self.route(request.url()).unwrap_or_else(Answer::from),
            },
            Err(_) => return,
        };
        let challenge = (answer.status == 401).then_some(("WWW-Authenticate", "Bearer"));
        let mut response = Response::from_data(answer.body).with_status_code(answer.status);
        for (name, value) in [
            ("Content-Type", answer.kind),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            (
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
        ]
        .into_iter()
        .chain(challenge)
        {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // Who has gone away does not matter.
        let _ = request.respond(response);
    }

    fn is_host_allowed(&self, request: &Request) -> bool {
        let host = request.headers().iter().find(|h| h.field.equiv("Host")).map(|h| h.value.as_str());
        !self.loopback || host.is_none_or(is_this_machine)
    }

    /// Workers' states, behind the token; `None`: it is another page.
    fn states(&self, request: &Request, body: &[u8]) -> Option<Result<Answer, Silent>> {
        let path = request.url().split('?').next().unwrap_or_default();
        let employee_id = path.strip_prefix("/api/v1/workers/").and_then(|rest| rest.strip_suffix("/state")).map(decode);
        if path != "/api/v1/states" && employee_id.is_none() {
            return None;
        }
        if let Err(answer) = self.authorise(request) {
            return Some(Ok(answer));
        }
        Some(match (employee_id, request.method()) {
            (None, Method::Get | Method::Head) => self.menu(),
            (None, _) => Ok(Answer::error(405, "only GET and HEAD")),
            (Some(id), Method::Get | Method::Head) => self.state(&id),
            (Some(id), Method::Put) => self.choose(&id, body),
            (Some(_), _) => Ok(Answer::error(405, "only GET, HEAD and PUT")),
        })
    }

    fn authorise(&self, request: &Request) -> Result<(), Answer> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = token.ok_or_else(|| Answer::error(403, "workers' states are closed; set option `ops.api_token`"))?;
        let given = request.headers().iter().find(|h| h.field.equiv("Authorization")).map(|h| h.value.as_str());
        let given = given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        // The time of the comparison tells nothing of the token but its length.
        let is_right = given.is_some_and(|given| given.len() == token.len() && openssl::memcmp::eq(given.as_bytes(), token.as_bytes()));
        if is_right { Ok(()) } else { Err(Answer::error(401, "the token is missing or wrong; send `Authorization: Bearer TOKEN`")) }
    }

    fn menu(&self) -> Result<Answer, Silent> {
        match self.ask(OpsKind::States)? {
            OpsReply::States(states) => Ok(Answer::text(JSON, json::states(&states))),
            _ => Err(Silent),
        }
    }

    fn state(&self, employee_id: &str) -> Result<Answer, Silent> {
        match self.ask(OpsKind::State { employee_id: employee_id.into() })? {
            OpsReply::State(Some(row)) => Ok(Answer::text(JSON, json::state(&row))),
            OpsReply::State(None) => Ok(Answer::error(404, "there is no such worker")),
            _ => Err(Silent),
        }
    }

    fn choose(&self, employee_id: &str, body: &[u8]) -> Result<Answer, Silent> {
        let asked: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let Some(state) = asked.as_ref().and_then(|asked| asked["state"].as_str()) else {
            return Ok(Answer::error(400, "the body must be {\"state\": ID}, with an id of /api/v1/states, \"logged-in\", \"logged-out\" or \"follow\""));
        };
        match self.ask(OpsKind::Choose { employee_id: employee_id.into(), state: state.into() })? {
            OpsReply::Chosen(Ok(row)) => Ok(Answer::text(JSON, json::state(&row))),
            OpsReply::Chosen(Err(fault)) => Ok(match fault {
                StateFault::NoWorker => Answer::error(404, "there is no such worker"),
                StateFault::NoState => Answer::error(400, "there is no such state; /api/v1/states lists them"),
                StateFault::Draining => Answer::error(503, "the connector is stopping"),
                StateFault::Refused(why) => Answer::error(409, &why.to_string()),
            }),
            _ => Err(Silent),
        }
    }

    fn route(&self, url: &str) -> Result<Answer, Silent> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Ok(match path {
            "/" => Answer::text(HTML, include_str!("page/index.html")),
            "/app.js" => Answer::text(JS, include_str!("page/app.js")),
            "/app.css" => Answer::text(CSS, include_str!("page/app.css")),
            "/health" => Answer::text(JSON, json::health(&self.overview()?)),
            "/ready" => {
                let overview = self.overview()?;
                Answer { status: if overview.obstacles().is_empty() { 200 } else { 503 }, ..Answer::text(JSON, json::ready(&overview)) }
            }
            "/metrics" => Answer::text(METRICS, crate::metrics::print(&self.overview()?, &self.tally()?, &self.facing)),
            "/api/v1/summary" => Answer::text(JSON, json::summary(&self.overview()?, &self.tally()?)),
            "/api/v1/links" => Answer::text(JSON, json::links(&self.overview()?)),
            "/api/v1/openapi.json" => Answer::text(JSON, include_str!("page/openapi.json")),
            "/api/v1/workers" => self.workers(query)?,
            "/api/v1/previews" => self.previews(query),
            _ => match path.strip_prefix("/api/v1/workers/") {
                Some(rest) => match rest.strip_suffix("/explain") {
                    Some(id) => self.explain(&decode(id))?,
                    None => self.worker(&decode(rest))?,
                },
                None => Answer::error(404, "there is no such page"),
            },
        })
    }

    fn workers(&self, query: &str) -> Result<Answer, Silent> {
        let (mut from, mut limit, mut filter) = (0, 100, Filter::All);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (name, value.parse::<u32>()) {
                ("offset", Ok(n)) => from = n,
                ("limit", Ok(n)) if (1..=PAGE_MAX).contains(&n) => limit = n,
                ("limit", _) => return Ok(Answer::error(400, "limit must be a number from 1 to 1000")),
                ("offset", _) => return Ok(Answer::error(400, "offset must be a number: 0, or `next` of the page before")),
                ("q", _) if value.is_empty() => {}
                ("q", _) => filter = Filter::Text(decode(value).to_lowercase().into()),
                _ => return Ok(Answer::error(400, "the parameters are offset, limit and q")),
            }
        }
        let (rows, next) = self.rows(from, limit, &filter)?;
        Ok(Answer::text(JSON, json::workers(&rows, next, self.overview()?.workers, self.show_notes.load(Ordering::Relaxed))))
    }

    /// Sums of the history of previews, for `report`.
    fn previews(&self, query: &str) -> Answer {
        let Some((_, path)) = &self.facing.history else { return Answer::error(404, "no history is kept (option `web.history`)") };
        let (mut from, mut to) = (0, u64::MAX);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (name, value.parse()) {
                ("from", Ok(ms)) => from = ms,
                ("to", Ok(ms)) => to = ms,
                _ => return Answer::error(400, "the parameters are from and to, milliseconds of the wall clock, UTC"),
            }
        }
        match crate::history::read(path, from, to) {
            Ok(sums) => Answer::text(JSON, crate::web::told(from, to, &sums, &[]).to_string()),
            Err(why) => Answer::error(503, &why),
        }
    }

    fn worker(&self, employee_id: &str) -> Result<Answer, Silent> {
        let (rows, _) = self.rows(0, 1, &Filter::Employee(employee_id.into()))?;
        Ok(rows.first().map_or_else(
            || Answer::error(404, "there is no such worker"),
            |row| Answer::text(JSON, json::worker(row, self.show_notes.load(Ordering::Relaxed))),
        ))
    }

    fn explain(&self, employee_id: &str) -> Result<Answer, Silent> {
        let show_notes = self.show_notes.load(Ordering::Relaxed);
        match self.ask(OpsKind::Explain { employee_id: employee_id.into(), show_notes })? {
            OpsReply::Explained(Some(lines)) => Ok(Answer::text(JSON, serde_json::json!({ "employee_id": employee_id, "lines": lines }).to_string())),
            OpsReply::Explained(None) => Ok(Answer::error(404, "there is no such worker")),
            _ => Err(Silent),
        }
    }

    /// Puts a page together from pieces.
    fn rows(&self, mut from: u32, limit: u32, filter: &Filter) -> Result<(Vec<WorkerRow>, Option<u32>), Silent> {
        let mut page = Vec::new();
        loop {
            let want = (limit - page.len() as u32).min(ROWS_MAX as u32);
            let OpsReply::Workers { rows, next } = self.ask(OpsKind::Workers { from, limit: want, filter: filter.clone() })? else { return Err(Silent) };
            page.extend(rows);
            match next {
                Some(next) if (page.len() as u32) < limit => from = next,
                next => return Ok((page, next)),
            }
        }
    }

    fn tally(&self) -> Result<Tally, Silent> {
        let mut cached = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tally)) = cached.filter(|(at, _)| at.elapsed() < TALLY_AGE) {
            return Ok(tally);
        }
        let (mut sum, mut from) = (Tally::default(), Some(0));
        while let Some(at) = from {
            let OpsReply::Tally { tally, next } = self.ask(OpsKind::Tally { from: at })? else { return Err(Silent) };
            sum.add(&tally);
            from = next;
        }
        *cached = Some((Instant::now(), sum));
        Ok(sum)
    }

    fn overview(&self) -> Result<Overview, Silent> {
        match self.ask(OpsKind::Overview)? {
            OpsReply::Overview(overview) => Ok(*overview),
            _ => Err(Silent),
        }
    }

    fn ask(&self, kind: OpsKind) -> Result<OpsReply, Silent> {
        let (reply, answer) = sync_channel(1);
        self.asks.try_send(OpsRequest { kind, reply }).map_err(|_| Silent)?;
        answer.recv_timeout(Duration::from_millis(ANSWER_MS)).map_err(|_| Silent)
    }
}

/// Whether a `Host` header names this machine by a loopback address or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Resolves `%XX` and `+`; what is not UTF-8 becomes replacement characters, which match nothing.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        rest = tail;
        match (first, hex(0).zip(hex(1))) {
            (b'%', Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_resolved() {
        for (text, plain) in [("a%20b+c", "a b c"), ("%C3%BC", "ü"), ("100%", "100%"), ("%zz", "%zz"), ("%4", "%4"), ("", "")] {
            assert_eq!(decode(text), plain);
        }
    }

    #[test]
    fn only_names_of_this_machine_are_taken() {
        for (host, is_ours) in
            [("127.0.0.1:8080", true), ("localhost", true), ("[::1]:8080", true), ("evil.example:8080", false), ("10.0.0.1", false), ("", false)]
        {
            assert_eq!(is_this_machine(host), is_ours, "{host}");
        }
    }
}
