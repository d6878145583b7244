//! A bridge with one T-Server, or one router, written by hand: answers what `spec/bridge.md` says, and reports every line of the daemon.
use crate::wire::{Wire, wait_for};
use crate::{PATIENCE, patience_left};
use rustix::event::PollFlags;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(5);

/// What the T-Server is like.
#[derive(Clone, Debug)]
pub struct BridgeOptions {
    /// Its name.
    pub name: String,
    /// `primary` or `backup`.
    pub role: &'static str,
    /// `AgentStatus` of every DN at first.
    pub agent_status: i64,
    /// Whether its listener accepts connections from the start.
    pub requests_answered: bool,
    /// Snapshots tell work mode, reasons and extensions of the last state request too.
    pub snapshots_in_full: bool,
}

impl Default for BridgeOptions {
    fn default() -> Self {
        Self { name: "SIPS".into(), role: "primary", agent_status: 3, requests_answered: true, snapshots_in_full: false }
    }
}

/// A line of the daemon.
#[derive(Clone, Debug)]
pub struct Request {
    /// As it came, without the line end.
    pub line: String,
    /// Parsed.
    pub json: Value,
}

impl Request {
    /// `name` of a request, `op` of a control line.
    #[must_use]
    pub fn name(&self) -> &str {
        let json = &self.json;
        json["name"].as_str().or_else(|| json["op"].as_str()).unwrap_or("")
    }

    /// An attribute's value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &Value {
        self.json["attrs"].as_array().into_iter().flatten().find(|a| a[0] == name).map_or(&Value::Null, |a| &a[2])
    }

    /// `AttributeThisDN`.
    #[must_use]
    pub fn dn(&self) -> &str {
        self.attribute("AttributeThisDN").as_str().unwrap_or("")
    }

    /// Value of a key in `AttributeReasons`.
    #[must_use]
    pub fn reason(&self, key: &str) -> &str {
        let pairs = self.attribute("AttributeReasons").as_array();
        pairs.into_iter().flatten().find(|pair| pair["key"] == key).and_then(|pair| pair["value"].as_str()).unwrap_or("")
    }
}

enum Command {
    Line(String),
    Raw(Vec<u8>),
    Close,
}

/// The bridge.
pub struct Bridge {
    /// Port on 127.0.0.1.
    pub port: u16,
    lines: Receiver<Request>,
    commands: Arc<Mutex<Option<Sender<Command>>>>,
    stop: Arc<AtomicBool>,
    world: Arc<Mutex<World>>,
}

struct World {
    options: BridgeOptions,
    agents: HashMap<String, i64>,
    /// The last state request of each DN.
    last: HashMap<String, Request>,
    refusing: bool,
}

impl Bridge {
    /// Starts one on a free port.
    #[must_use]
    pub fn start(options: BridgeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (report, lines) = channel();
        let commands = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let world = Arc::new(Mutex::new(World { options, agents: HashMap::new(), last: HashMap::new(), refusing: false }));
        let (slot, stopping, shared) = (Arc::clone(&commands), Arc::clone(&stop), Arc::clone(&world));
        thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                wait_for(&listener, PollFlags::IN, TICK);
                let Ok((stream, _)) = listener.accept() else { continue };
                if shared.lock().unwrap().refusing {
                    continue;
                }
                let (sender, orders) = channel();
                *slot.lock().unwrap() = Some(sender);
                let (report, stopping, shared) = (report.clone(), Arc::clone(&stopping), Arc::clone(&shared));
                thread::spawn(move || Session::new(Wire::new(stream, None).unwrap(), shared).serve(&orders, &report, &stopping));
            }
        });
        Self { port, lines, commands, stop, world }
    }

    /// Prints an event or control line of the server: everything after `seq`, without the closing brace.
    pub fn say(&self, fields: &str) {
        self.order(Command::Line(fields.to_owned()));
    }

    /// Sends bytes as they are.
    pub fn send_raw(&self, bytes: impl Into<Vec<u8>>) {
        self.order(Command::Raw(bytes.into()));
    }

    /// Closes the newest connection.
    pub fn close(&self) {
        self.order(Command::Close);
    }

    /// From now on connections are closed as soon as they stand.
    pub fn refuse(&self) {
        self.world.lock().unwrap().refusing = true;
        self.close();
    }

    /// The role it names from now on.
    pub fn set_role(&self, role: &'static str) {
        self.world.lock().unwrap().options.role = role;
    }

    fn order(&self, command: Command) {
        if let Some(sender) = self.commands.lock().unwrap().as_ref() {
            let _ = sender.send(command);
        }
    }

    /// Waits for a line that `wanted` accepts; those before it are dropped.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect(&self, what: &str, mut wanted: impl FnMut(&Request) -> bool) -> Request {
        let began = Instant::now();
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(patience_left(began, what)) {
                Ok(request) if wanted(&request) => return request,
                Ok(request) => seen.push(request.line),
                Err(_) => panic!("nothing for {PATIENCE:?}: {what}; seen: {seen:#?}"),
            }
        }
    }

    /// Waits for a request or control line with this name.
    pub fn request(&self, name: &str) -> Request {
        self.expect(name, |request| request.name() == name)
    }

    /// Waits for a state request of this DN with this presence.
    pub fn state_request(&self, dn: &str, status: &str) -> Request {
        self.expect(&format!("request of {dn} for {status}"), |request| request.dn() == dn && request.reason("KW_UC_STATUS") == status)
    }

    /// Every line that has come by now and was not asked for.
    pub fn seen(&self) -> Vec<Request> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Session {
    wire: Wire,
    world: Arc<Mutex<World>>,
    output: Vec<u8>,
    seq: u64,
}

impl Session {
    const fn new(wire: Wire, world: Arc<Mutex<World>>) -> Self {
        Self { wire, world, output: Vec::new(), seq: 0 }
    }

    fn say(&mut self, fields: &str) {
        self.seq += 1;
        let line = format!("{{\"v\":1,\"seq\":{},{fields}}}\n", self.seq);
        self.output.extend_from_slice(line.as_bytes());
    }

    fn serve(&mut self, orders: &Receiver<Command>, report: &Sender<Request>, stop: &AtomicBool) {
        let (mut input, mut sent, mut closing) = (Vec::new(), 0, false);
        while !stop.load(Ordering::Relaxed) {
            for order in orders.try_iter() {
                match order {
                    Command::Line(fields) => self.say(&fields),
                    Command::Raw(bytes) => self.output.extend_from_slice(&bytes),
                    Command::Close => closing = true,
                }
            }
            let open = self.wire.read(&mut input);
            while let Some(end) = input.iter().position(|b| *b == b'\n') {
                let line = String::from_utf8(input.drain(..=end).collect()).unwrap();
                let line = line.trim_end().to_owned();
                let json: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("the daemon's line is no JSON ({e}): {line}"));
                let request = Request { line, json };
                self.on(&request);
                let _ = report.send(request);
            }
            match self.wire.write(&self.output, sent) {
                Some(n) => sent = n,
                None => return,
            }
            if sent == self.output.len() {
                self.output.clear();
                sent = 0;
            }
            if !open || (closing && self.output.is_empty()) {
                return;
            }
            self.wire.wait(!self.output.is_empty(), TICK);
        }
    }

    fn on(&mut self, request: &Request) {
        let (name, role) = {
            let world = self.world.lock().unwrap();
            (world.options.name.clone(), world.options.role)
        };
        match request.name() {
            "hello" => self.say("\"dir\":\"ctl\",\"op\":\"welcome\",\"proto\":\"ucc-bridge/1\",\"line_max\":1048576,\"window\":1000,\"ping_s\":60"),
            "open" if request.json["ch"] == "custom" => {
                self.say(&format!("\"dir\":\"ctl\",\"op\":\"opened\",\"ch\":\"custom\",\"role\":\"{role}\",\"server\":\"{name}\""));
            }
            // The last word of the router's side.
            "PreviewInteractionResult" => {}
            "open" => {
                self.say(&format!("\"dir\":\"ctl\",\"op\":\"opened\",\"ch\":\"tserver:{name}\",\"role\":\"{role}\",\"server\":\"{name}\""));
                self.say("\"dir\":\"evt\",\"id\":95,\"name\":\"EventLinkConnected\",\"attrs\":[]");
            }
            "ping" => self.say(&format!("\"dir\":\"ctl\",\"op\":\"pong\",\"n\":{}", request.json["n"])),
            _ if request.json["dir"] == "req" && self.world.lock().unwrap().options.requests_answered => self.answer(request),
            _ => {}
        }
    }

    fn answer(&mut self, request: &Request) {
        let dn = request.dn().to_owned();
        let (status, last) = {
            let mut world = self.world.lock().unwrap();
            if matches!(request.name(), "RequestAgentReady" | "RequestAgentNotReady") {
                world.last.insert(dn.clone(), request.clone());
            }
            let last = world.last.get(&dn).filter(|_| world.options.snapshots_in_full).cloned();
            let first = world.options.agent_status;
            let status = world.agents.entry(dn.clone()).or_insert(first);
            match request.name() {
                "RequestAgentLogin" | "RequestAgentNotReady" => *status = 2,
                "RequestAgentReady" => *status = 3,
                "RequestAgentLogout" => *status = 0,
                _ => {}
            }
            (*status, last)
        };
        let (id, event) = match request.name() {
            "RequestRegisterAddress" => (53, "EventRegistered"),
            "RequestUnregisterAddress" => (54, "EventUnregistered"),
            "RequestQueryAddress" => (92, "EventAddressInfo"),
            "RequestAgentLogin" => (73, "EventAgentLogin"),
            "RequestAgentLogout" => (74, "EventAgentLogout"),
            "RequestAgentReady" => (75, "EventAgentReady"),
            "RequestAgentNotReady" => (76, "EventAgentNotReady"),
            other => panic!("the bridge was asked for {other}: {}", request.line),
        };
        let mut attributes = format!("[\"AttributeReferenceID\",\"int\",{}],[\"AttributeThisDN\",\"str\",\"{dn}\"]", request.attribute("AttributeReferenceID"));
        if matches!(id, 53 | 92) {
            let mut more = String::new();
            if let Some(mode) = last.as_ref().and_then(|last| last.attribute("AttributeAgentWorkMode").as_i64()) {
                _ = write!(more, ",{{\"key\":\"AgentWorkMode\",\"type\":\"int\",\"value\":{mode}}}");
            }
            for pair in last.iter().flat_map(|last| last.attribute("AttributeExtensions").as_array()).flatten() {
                _ = write!(more, ",{pair}");
            }
            _ = write!(attributes, ",[\"AttributeExtensions\",\"kvlist\",[{{\"key\":\"AgentStatus\",\"type\":\"int\",\"value\":{status}}}{more}]]");
            if let Some(reasons) = last.as_ref().map(|last| last.attribute("AttributeReasons")).filter(|reasons| !reasons.is_null()) {
                _ = write!(attributes, ",[\"AttributeReasons\",\"kvlist\",{reasons}]");
            }
        }
        if matches!(id, 73..=76) {
            _ = write!(attributes, ",[\"AttributeAgentID\",\"str\",\"{dn}\"]");
        }
        for name in ["AttributeReasons", "AttributeExtensions"] {
            if !request.attribute(name).is_null() {
                _ = write!(attributes, ",[\"{name}\",\"kvlist\",{}]", request.attribute(name));
            }
        }
        if let Some(mode) = request.attribute("AttributeAgentWorkMode").as_i64() {
            _ = write!(attributes, ",[\"AttributeAgentWorkMode\",\"int\",{mode}]");
        }
        self.say(&format!("\"dir\":\"evt\",\"id\":{id},\"name\":\"{event}\",\"attrs\":[{attributes}]"));
    }
}
