//! Lines in and out, control operations, sessions that linger (`spec/bridge.md` 1-3, 5).
use super::line::{Line, parse, quoted, str_attr};
use super::{Mono, PeerOut, Standby, TServer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for `hello`.
    Hello,
    /// Waits for `open`.
    Open,
    /// The session stands.
    Ready,
}

/// A request without answer.
#[derive(Clone, Debug)]
pub(super) struct Unanswered {
    pub(super) since: Mono,
    /// DN of a state request.
    pub(super) state_of: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) node: u16,
    buf: Vec<u8>,
    rx_seq: u64,
    tx_seq: u64,
    pub(super) stage: Stage,
    pub(super) session: Option<String>,
    pub(super) last_reference: i64,
    pub(super) unanswered: BTreeMap<i64, Unanswered>,
    /// DNs whose registration was asked for on this connection.
    pub(super) asked: BTreeSet<String>,
    heard: Mono,
    pings: u64,
    next_ping: Mono,
}

impl Conn {
    pub(super) const fn new(node: u16, now: Mono) -> Self {
        Self {
            node,
            buf: Vec::new(),
            rx_seq: 0,
            tx_seq: 0,
            stage: Stage::Hello,
            session: None,
            last_reference: 0,
            unanswered: BTreeMap::new(),
            asked: BTreeSet::new(),
            heard: now,
            pings: 0,
            next_ping: now,
        }
    }
}

/// The session of a client with one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    pub(super) conn: Option<u64>,
    pub(super) registered: BTreeSet<String>,
    linger_ms: u64,
    /// When it ends, after its connection broke.
    pub(super) ends_at: Option<Mono>,
}

impl TServer {
    pub(super) fn on_bytes(&mut self, now: Mono, conn: u64, bytes: &[u8]) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.heard = now;
        c.next_ping = now + u64::from(self.config.ping_s) * 1000;
        c.buf.extend_from_slice(bytes);
        let mut buf = std::mem::take(&mut c.buf);
        let mut start = 0;
        while let Some(len) = buf[start..].iter().position(|b| *b == b'\n') {
            let line = &buf[start..start + len];
            self.on_line(now, conn, line.strip_suffix(b"\r").unwrap_or(line));
            start += len + 1;
            if !self.conns.contains_key(&conn) {
                return;
            }
        }
        buf.drain(..start);
        if buf.len() > self.config.line_max as usize {
            return self.fatal(now, conn, "line", "line is too long", true);
        }
        if let Some(c) = self.conns.get_mut(&conn) {
            c.buf = buf;
        }
    }

    fn on_line(&mut self, now: Mono, conn: u64, line: &[u8]) {
        if line.len() > self.config.line_max as usize {
            return self.fatal(now, conn, "line", "line is too long", true);
        }
        let line = match parse(line) {
            Ok(line) => line,
            Err((code, why)) => return self.fatal(now, conn, code, &why, true),
        };
        let (Line::Control { seq, .. } | Line::Request { seq, .. }) = &line;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.rx_seq += 1;
        if *seq != c.rx_seq {
            let why = format!("seq is {seq}, {} was due", c.rx_seq);
            return self.fatal(now, conn, "seq", &why, true);
        }
        let (node, stage) = (c.node, c.stage);
        match (line, stage) {
            (Line::Control { op, fields, .. }, Stage::Hello) if op == "hello" => self.on_hello(now, conn, &fields),
            (_, Stage::Hello) => self.fatal(now, conn, "proto", "the first line must be hello", true),
            (Line::Control { op, fields, .. }, Stage::Open) if op == "open" => self.on_open(now, conn, node, &fields),
            (Line::Request { .. }, Stage::Open) => self.fatal(now, conn, "proto", "request before open", true),
            (Line::Request { request, .. }, Stage::Ready) => self.on_request(now, conn, request),
            (Line::Control { op, fields, .. }, _) => self.on_control(now, conn, &op, &fields),
        }
    }

    fn on_hello(&mut self, now: Mono, conn: u64, fields: &Value) {
        if fields["proto"].as_str() != Some("ucc-bridge/1") {
            return self.fatal(now, conn, "proto", "protocol is not ucc-bridge/1", true);
        }
        if self.config.token.is_some() && fields["token"].as_str() != self.config.token.as_deref() {
            return self.fatal(now, conn, "auth", "token refused", false);
        }
        let (line_max, window, ping_s) = (self.config.line_max, self.config.window, self.config.ping_s);
        self.control(conn, "welcome", &format!(",\"proto\":\"ucc-bridge/1\",\"line_max\":{line_max},\"window\":{window},\"ping_s\":{ping_s}"));
        if let Some(c) = self.conns.get_mut(&conn) {
            c.stage = Stage::Open;
            c.next_ping = now + u64::from(ping_s) * 1000;
        }
    }

    fn on_open(&mut self, now: Mono, conn: u64, node: u16, fields: &Value) {
        let text = |name: &str| fields[name].as_str().filter(|t| !t.is_empty());
        let (Some(channel), Some(_), Some(session), Some(mode)) = (text("ch"), text("client"), text("session"), text("mode")) else {
            return self.fatal(now, conn, "proto", "open without ch, client, session or mode", true);
        };
        if !channel.starts_with("tserver:") {
            return self.fatal(now, conn, "config", "no such channel", true);
        }
        let expected = match self.config.standby {
            Standby::Single => "single",
            Standby::Hot => "hot",
            Standby::Warm => "warm",
        };
        if mode != expected {
            self.violate(now, &format!("open with mode {mode:?}, this pair is {expected:?}"));
        }
        let primary = self.nodes[usize::from(node)].primary;
        if !primary && self.config.standby == Standby::Warm {
            return self.fatal(now, conn, "down", "server is not active", false);
        }
        let entry = self.sessions.entry((node, session.to_owned())).or_default();
        let attached_again = entry.ends_at.is_some() || entry.conn.is_some();
        entry.linger_ms = fields["linger_s"].as_u64().unwrap_or(30) * 1000;
        entry.ends_at = None;
        let old = entry.conn.replace(conn);
        if let Some(old) = old {
            self.conns.remove(&old);
            self.out.push_back(PeerOut::Close { conn: old });
        }
        if let Some(c) = self.conns.get_mut(&conn) {
            c.stage = Stage::Ready;
            c.session = Some(session.to_owned());
        }
        let role = if primary { "primary" } else { "backup" };
        let server = self.config.names.get(usize::from(node)).map_or("", String::as_str);
        self.control(conn, "opened", &format!(",\"ch\":{},\"role\":\"{role}\",\"server\":{}", quoted(channel), quoted(server)));
        let (id, name) = if self.nodes[usize::from(node)].link_up { (95, "EventLinkConnected") } else { (94, "EventLinkDisconnected") };
        self.event(conn, id, name, "");
        if attached_again && self.config.restore_event {
            self.event(conn, 132, "EventRestoreConnection", "");
        }
    }

    fn on_control(&mut self, now: Mono, conn: u64, op: &str, fields: &Value) {
        match op {
            "ping" => match fields["n"].as_u64() {
                Some(n) => self.control(conn, "pong", &format!(",\"n\":{n}")),
                None => self.fatal(now, conn, "proto", "ping without n", true),
            },
            "pong" => {}
            "error" => {
                let code = fields["code"].as_str().unwrap_or_default();
                if code != "unsupported" {
                    self.violate(now, &format!("the connector complains: {fields}"));
                }
                if fields["fatal"].as_bool() == Some(true) {
                    self.drop_conn(now, conn, true);
                }
            }
            "bye" => {
                self.control(conn, "bye", "");
                let session = self.conns.get(&conn).map(|c| (c.node, c.session.clone()));
                self.drop_conn(now, conn, true);
                if let Some((node, Some(session))) = session {
                    self.end_session(now, node, &session);
                }
            }
            _ => {
                self.violate(now, &format!("control operation {op:?}"));
                self.control(conn, "error", &format!(",\"code\":\"unsupported\",\"text\":{},\"fatal\":false", quoted(op)));
            }
        }
    }

    /// Says what is wrong, and closes.
    fn fatal(&mut self, now: Mono, conn: u64, code: &str, why: &str, violation: bool) {
        if violation {
            self.violate(now, &format!("connection {conn}: {code}: {why}"));
        }
        self.control(conn, "error", &format!(",\"code\":\"{code}\",\"text\":{},\"fatal\":true", quoted(why)));
        self.drop_conn(now, conn, true);
    }

    /// The bridge loses its server: `error` `down`, fatal, on all connections to `node`. The server itself lives on.
    pub fn bridge_loses_server(&mut self, now: Mono, node: u16) {
        let conns: Vec<u64> = self.conns.iter().filter(|(_, c)| c.node == node).map(|(id, _)| *id).collect();
        for conn in conns {
            self.fatal(now, conn, "down", "server connection lost", false);
        }
    }

    /// Closes a connection; its session lingers when asked to.
    pub(super) fn drop_conn(&mut self, now: Mono, conn: u64, linger: bool) {
        if linger {
            self.detach(now, conn);
        }
        if self.conns.remove(&conn).is_some() {
            self.out.push_back(PeerOut::Close { conn });
        }
    }

    /// The connection of a session is gone; the session waits for its return.
    pub(super) fn detach(&mut self, now: Mono, conn: u64) {
        let Some((node, Some(session))) = self.conns.get(&conn).map(|c| (c.node, c.session.clone())) else { return };
        if let Some(s) = self.sessions.get_mut(&(node, session)).filter(|s| s.conn == Some(conn)) {
            s.conn = None;
            s.ends_at = Some(now + s.linger_ms);
        }
    }

    /// A session ends on one server. When it was the last of that name, option `agent-logout-on-unreg` applies.
    pub(super) fn end_session(&mut self, now: Mono, node: u16, session: &str) {
        self.sessions.remove(&(node, session.to_owned()));
        if self.config.logout_on_unreg && !self.sessions.keys().any(|(_, s)| s == session) {
            let dns: Vec<String> = self.agents.iter().filter(|(_, a)| a.logged_in_by.as_deref() == Some(session)).map(|(dn, _)| dn.clone()).collect();
            for dn in dns {
                self.server_logs_out(now, &dn);
            }
        }
    }

    pub(super) fn wake_sessions(&mut self, now: Mono) {
        let over: Vec<(u16, String)> = self.sessions.iter().filter(|(_, s)| s.ends_at.is_some_and(|at| at <= now)).map(|(k, _)| k.clone()).collect();
        for (node, session) in over {
            self.end_session(now, node, &session);
        }
        let ping_ms = u64::from(self.config.ping_s) * 1000;
        if ping_ms == 0 {
            return;
        }
        let conns: Vec<u64> = self.conns.keys().copied().collect();
        for conn in conns {
            let Some(c) = self.conns.get_mut(&conn) else { continue };
            if now.since(c.heard) >= 2 * ping_ms {
                self.drop_conn(now, conn, true);
            } else if c.next_ping <= now && c.stage != Stage::Hello {
                c.pings += 1;
                c.next_ping = now + ping_ms;
                let n = c.pings;
                self.control(conn, "ping", &format!(",\"n\":{n}"));
            }
        }
    }

    pub(super) fn ping_deadline(&self) -> Option<Mono> {
        let ping_ms = u64::from(self.config.ping_s) * 1000;
        let of = |c: &Conn| if c.stage == Stage::Hello { c.heard + 2 * ping_ms } else { c.next_ping.min(c.heard + 2 * ping_ms) };
        self.conns.values().filter(|_| ping_ms > 0).map(of).min()
    }

    /// Connections to a server whose session stands.
    pub(super) fn open_conns(&self, node: u16) -> Vec<u64> {
        self.conns.iter().filter(|(_, c)| c.node == node && c.stage == Stage::Ready).map(|(id, _)| *id).collect()
    }

    /// Sends a control line; `fields` begin with a comma.
    pub(super) fn control(&mut self, conn: u64, op: &str, fields: &str) {
        self.put(conn, &format!("\"dir\":\"ctl\",\"op\":\"{op}\"{fields}"));
    }

    /// Sends an event with the attributes given as JSON text.
    pub(super) fn event(&mut self, conn: u64, id: i64, name: &str, attrs: &str) {
        let Some(c) = self.conns.get(&conn) else { return };
        let node = &mut self.nodes[usize::from(c.node)];
        node.events += 1;
        let number = if self.config.event_sequence { format!("[\"AttributeEventSequenceNumber\",\"long\",\"{}\"]", node.events) } else { String::new() };
        let comma = if number.is_empty() || attrs.is_empty() { "" } else { "," };
        if self.rng.chance(self.faults.unknown_pm) {
            self.put_unknown(conn);
        }
        self.put(conn, &format!("\"dir\":\"evt\",\"id\":{id},\"name\":\"{name}\",\"attrs\":[{attrs}{comma}{number}]"));
    }

    /// Sends any event to all connections of a server: number, name, and the text of the attributes between the brackets.
    pub fn send_event(&mut self, node: u16, id: i64, name: &str, attrs: &str) {
        for conn in self.open_conns(node) {
            self.event(conn, id, name, attrs);
        }
    }

    /// Sends any control operation to all connections of a server; `fields` is empty or begins with a comma.
    pub fn send_control(&mut self, node: u16, op: &str, fields: &str) {
        for conn in self.open_conns(node) {
            self.control(conn, op, fields);
        }
    }

    fn put_unknown(&mut self, conn: u64) {
        match self.rng.below(3) {
            0 => self.control(conn, "frobnicate", ""),
            1 => self.put(conn, "\"dir\":\"evt\",\"id\":991,\"name\":\"EventFromTheFuture\",\"attrs\":[[\"AttributeSomethingNew\",\"unknown\",{\"tag\":\"dbl\",\"text\":\"1.5\"}]]"),
            _ => {
                let data = "[\"AttributeUserData\",\"kvlist\",[{\"key\":\"a\",\"type\":\"str\",\"value\":\"Zürich \\\" \\\\\"},{\"key\":\"a\",\"type\":\"int\",\"value\":-1}]]";
                let attrs = format!("{},{data}", str_attr("AttributeThisDN", "9999"));
                self.put(conn, &format!("\"dir\":\"evt\",\"id\":96,\"name\":\"EventUserEvent\",\"attrs\":[{attrs}]"));
            }
        }
    }

    fn put(&mut self, conn: u64, rest: &str) {
        let odd = self.rng.chance(self.faults.odd_lines_pm);
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.tx_seq += 1;
        let seq = c.tx_seq;
        let line = if odd { format!("{{ \"x-new\": [1, {{}}], {rest} , \"seq\": {seq}, \"v\":1}}\r\n") } else { format!("{{\"v\":1,\"seq\":{seq},{rest}}}\n") };
        self.out.push_back(PeerOut::Send { conn, bytes: line.into_bytes() });
    }
}
