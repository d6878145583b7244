//! A router behind a bridge: asks for previews on the channel `custom` (`spec/bridge.md` 7) and repeats, on every new connection, what has no answer yet.
//!
//! Printed and parsed by hand, like every peer. Standby pairs of routers are absent here, the core's stories have them.
use super::tserver::quoted;
use super::{Mono, Peer, PeerOut, Violations};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Silence after which either side sends `ping`, seconds.
const PING_S: u64 = 10;

/// `PreviewInteractionResult`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterAnswer {
    /// `RequestID`
    pub request: i64,
    /// `Status`
    pub status: String,
    /// `dn`
    pub dn: String,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Hello,
    Open,
    Ready,
}

#[derive(Clone, Debug)]
struct Conn {
    buf: Vec<u8>,
    received: u64,
    sent: u64,
    stage: Stage,
    heard: Mono,
    pinged: Mono,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Router {
    dead: bool,
    conns: BTreeMap<u64, Conn>,
    /// What waits for an answer: name and attributes, as printed, by `RequestID`.
    open: BTreeMap<i64, (&'static str, String)>,
    answers: VecDeque<RouterAnswer>,
    out: VecDeque<PeerOut>,
    violations: Violations,
}

impl Router {
    /// Asks, now or as soon as a connection stands; the same number again is the same request once more. `attrs`: name and value of texts, `data`: `userData`.
    pub fn ask(&mut self, request: i64, name: &'static str, attrs: &[(&str, &str)], data: &[(&str, &str)]) {
        let mut text = format!("[\"RequestID\",\"long\",\"{request}\"]");
        for (attr, value) in attrs {
            text += &format!(",[\"{attr}\",\"str\",{}]", quoted(value));
        }
        if !data.is_empty() {
            let pair = |(key, value): &(&str, &str)| format!("{{\"key\":{},\"type\":\"str\",\"value\":{}}}", quoted(key), quoted(value));
            text += &format!(",[\"userData\",\"kvlist\",[{}]]", data.iter().map(pair).collect::<Vec<_>>().join(","));
        }
        self.open.insert(request, (name, text));
        let ready: Vec<u64> = self.conns.iter().filter(|(_, conn)| conn.stage == Stage::Ready).map(|(at, _)| *at).collect();
        ready.into_iter().for_each(|conn| self.send(conn, request));
    }

    /// The next answer that arrived.
    pub fn answer(&mut self) -> Option<RouterAnswer> {
        self.answers.pop_front()
    }

    /// The process dies; what it asked is in the strategies, which ask again.
    pub fn kill(&mut self) {
        self.dead = true;
        self.conns.clear();
        self.out.clear();
    }

    /// It is started again.
    pub const fn revive(&mut self) {
        self.dead = false;
    }

    fn send(&mut self, conn: u64, request: i64) {
        if let Some((name, attrs)) = self.open.get(&request) {
            let line = format!("\"dir\":\"evt\",\"id\":0,\"name\":\"{name}\",\"attrs\":[{attrs}]");
            self.put(conn, &line);
        }
    }

    fn put(&mut self, conn: u64, rest: &str) {
        let Some(it) = self.conns.get_mut(&conn) else { return };
        it.sent += 1;
        let bytes = format!("{{\"v\":1,\"seq\":{},{rest}}}\n", it.sent).into_bytes();
        self.out.push_back(PeerOut::Send { conn, bytes });
    }

    fn on_line(&mut self, now: Mono, conn: u64, line: &[u8]) {
        let Some(it) = self.conns.get_mut(&conn) else { return };
        it.received += 1;
        let (seq, stage) = (it.received, it.stage);
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        if value["v"].as_u64() != Some(1) || value["seq"].as_u64() != Some(seq) {
            return self.refuse(now, conn, &format!("line {seq} to the router is {}", String::from_utf8_lossy(line)));
        }
        let word = |name: &str| value[name].as_str().unwrap_or_default();
        match (word("dir"), word("op"), stage) {
            ("ctl", "hello", Stage::Hello) => {
                self.stage(conn, Stage::Open);
                self.put(
                    conn,
                    &format!("\"dir\":\"ctl\",\"op\":\"welcome\",\"proto\":\"ucc-bridge/1\",\"line_max\":1048576,\"window\":100,\"ping_s\":{PING_S}"),
                );
            }
            ("ctl", "open", Stage::Open) if word("ch") == "custom" && word("mode") == "single" => {
                self.stage(conn, Stage::Ready);
                self.put(conn, "\"dir\":\"ctl\",\"op\":\"opened\",\"ch\":\"custom\",\"role\":\"primary\",\"server\":\"urs1\"");
                let open: Vec<i64> = self.open.keys().copied().collect();
                open.into_iter().for_each(|request| self.send(conn, request));
            }
            ("ctl", "ping", Stage::Ready) => self.put(conn, &format!("\"dir\":\"ctl\",\"op\":\"pong\",\"n\":{}", value["n"])),
            ("ctl", "pong" | "bye", _) => {}
            ("req", _, Stage::Ready) if word("name") == "PreviewInteractionResult" => self.on_result(now, &value["attrs"]),
            _ => self.refuse(now, conn, &format!("out of place: {}", String::from_utf8_lossy(line))),
        }
    }

    fn on_result(&mut self, now: Mono, attrs: &Value) {
        let attr = |name: &str, kind: &str| {
            let is = |attr: &&Value| attr[0].as_str() == Some(name) && attr[1].as_str() == Some(kind);
            attrs.as_array().and_then(|all| all.iter().find(is)).and_then(|attr| attr[2].as_str())
        };
        let (Some(request), Some(status), Some(dn)) = (attr("RequestID", "long").and_then(|n| n.parse().ok()), attr("Status", "str"), attr("dn", "str")) else {
            return self.violations.note(now, &format!("an answer lacks its RequestID, Status or dn: {attrs}"));
        };
        if self.open.remove(&request).is_none() {
            return self.violations.note(now, &format!("RequestID {request} is answered {status}, and the router does not wait for that"));
        }
        self.answers.push_back(RouterAnswer { request, status: status.to_owned(), dn: dn.to_owned() });
    }

    fn stage(&mut self, conn: u64, stage: Stage) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.stage = stage;
        }
    }

    fn refuse(&mut self, now: Mono, conn: u64, why: &str) {
        self.violations.note(now, why);
        self.conns.remove(&conn);
        self.out.push_back(PeerOut::Close { conn });
    }
}

impl Peer for Router {
    fn accept(&mut self, now: Mono, _node: u16, conn: u64) {
        self.conns.insert(conn, Conn { buf: Vec::new(), received: 0, sent: 0, stage: Stage::Hello, heard: now, pinged: now });
    }

    fn receive(&mut self, now: Mono, conn: u64, bytes: &[u8]) {
        let Some(it) = self.conns.get_mut(&conn) else { return };
        (it.heard, it.pinged) = (now, now);
        it.buf.extend_from_slice(bytes);
        let Some(end) = it.buf.iter().rposition(|b| *b == b'\n') else { return };
        let rest = it.buf.split_off(end + 1);
        let lines = std::mem::replace(&mut it.buf, rest);
        lines[..end].split(|b| *b == b'\n').for_each(|line| self.on_line(now, conn, line));
    }

    fn disconnected(&mut self, _now: Mono, conn: u64) {
        self.conns.remove(&conn);
    }

    fn wake(&mut self, now: Mono) {
        for conn in self.conns.keys().copied().collect::<Vec<_>>() {
            let Some(it) = self.conns.get_mut(&conn) else { continue };
            if now >= it.heard + 2 * PING_S * 1000 {
                self.conns.remove(&conn);
                self.out.push_back(PeerOut::Close { conn });
            } else if now >= it.pinged + PING_S * 1000 {
                it.pinged = now;
                let n = it.sent;
                self.put(conn, &format!("\"dir\":\"ctl\",\"op\":\"ping\",\"n\":{n}"));
            }
        }
    }

    fn next_deadline(&self) -> Option<Mono> {
        self.conns.values().map(|it| (it.heard + 2 * PING_S * 1000).min(it.pinged + PING_S * 1000)).min()
    }

    fn poll(&mut self) -> Option<PeerOut> {
        self.out.pop_front()
    }

    fn is_listening(&self, _node: u16) -> bool {
        !self.dead
    }

    fn violations(&self) -> &[String] {
        &self.violations.0
    }
}
