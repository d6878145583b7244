//! The two far ends of a measurement, as small and quick as they can be: a Front End that sends NOTIFYs, a bridge that answers requests. Buffers in, buffers out;
//! sockets are the caller's business. (The faithful emulated peers live in `runtime-sim`; these are load generators.)
use crate::seed::{Dialog, Template, uri};
use memchr::memmem;
use std::collections::HashSet;

/// The Front End.
#[derive(Default)]
pub(crate) struct FrontEnd {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    /// Users the daemon subscribed to.
    pub(crate) subscribed: usize,
    /// 200 answers to our NOTIFYs.
    pub(crate) answered: u64,
    pub(crate) dialog: Dialog,
    pub(crate) template: Option<Template>,
    pub(crate) cseq: u32,
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.split("\r\n").find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())).unwrap_or("")
}

fn param<'a>(value: &'a str, name: &str) -> &'a str {
    value.split(';').find_map(|p| p.trim().strip_prefix(name)).map_or("", |v| v.trim_start_matches('='))
}

impl FrontEnd {
    /// Works off `input`: answers requests, counts answers.
    pub(crate) fn work(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        loop {
            while input[at..].starts_with(b"\r\n") {
                at += 2;
            }
            let Some(end) = memmem::find(&input[at..], b"\r\n\r\n") else { break };
            if input[at..].starts_with(b"SIP/2.0 200") {
                self.answered += 1;
                at += end + 4;
                continue;
            }
            let head = String::from_utf8_lossy(&input[at..at + end]).into_owned();
            let length: usize = header(&head, "Content-Length").parse().unwrap_or(0);
            if input.len() < at + end + 4 + length {
                break;
            }
            let body = String::from_utf8_lossy(&input[at + end + 4..at + end + 4 + length]).into_owned();
            self.answer(&head, &body);
            at += end + 4 + length;
        }
        self.input = input;
        self.input.drain(..at);
    }

    fn answer(&mut self, head: &str, body: &str) {
        let method = head.split(' ').next().unwrap_or("");
        let vias: String = head.split("\r\n").filter(|l| l.to_ascii_lowercase().starts_with("via:")).map(|l| format!("{l}\r\n")).collect();
        let (from, to, call_id) = (header(head, "From"), header(head, "To"), header(head, "Call-ID"));
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=EBB70080") };
        let common = format!("SIP/2.0 200 OK\r\n{vias}From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {}\r\n", header(head, "CSeq"));
        match method {
            "REGISTER" => {
                let contact = header(head, "Contact");
                let reply = format!(
                    "{common}Contact: {contact};expires=7200\r\nExpires: 7200\r\nms-keep-alive: UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300\r\nContent-Length: 0\r\n\r\n"
                );
                self.output.extend_from_slice(reply.as_bytes());
            }
            "SUBSCRIBE" if header(head, "Expires") == "0" => {
                self.output.extend_from_slice(format!("{common}Subscription-State: terminated;expires=0\r\nContent-Length: 0\r\n\r\n").as_bytes());
            }
            "SUBSCRIBE" => {
                if self.dialog.call_id.is_empty() || self.dialog.call_id != call_id {
                    self.dialog = Dialog {
                        call_id: call_id.to_owned(),
                        their_tag: param(from, "tag").to_owned(),
                        watcher: from.split(['<', '>']).nth(1).unwrap_or("").to_owned(),
                        target: header(head, "Contact").split(['<', '>']).nth(1).unwrap_or("sip:a@b").to_owned(),
                    };
                    self.template = Some(Template::new(&self.dialog));
                    self.cseq = 1_000_000;
                }
                let (list, users) = self.first_notify(body);
                self.subscribed += users;
                self.cseq += 1;
                let reply = format!(
                    "{common}Contact: <sip:127.0.0.1:5061;transport=tls>\r\nExpires: 29087\r\nEvent: presence\r\nsubscription-state: active;expires=29087\r\n\
                     ms-piggyback-cseq: {}\r\nSupported: ms-piggyback-first-notify\r\nRequire: eventlist\r\n\
                     Content-Type: multipart/related;type=\"application/rlmi+xml\";start=resourceList;boundary=b0undary\r\nContent-Length: {}\r\n\r\n{list}",
                    self.cseq,
                    list.len()
                );
                self.output.extend_from_slice(reply.as_bytes());
            }
            _ => self.output.extend_from_slice(format!("{common}Content-Length: 0\r\n\r\n").as_bytes()),
        }
    }

    /// Everybody is online.
    fn first_notify(&self, body: &str) -> (String, usize) {
        use std::fmt::Write as _;
        let mut list = String::from("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:w@lyncdco13.lab\" version=\"1\" fullState=\"true\">\r\n");
        let mut docs = String::new();
        let mut users = 0;
        for resource in body.split("<resource uri=\"").skip(1) {
            let uri = resource.split('"').next().unwrap_or("");
            let cid = uri.trim_start_matches("sip:");
            users += 1;
            let _ = write!(list, "<resource uri=\"{uri}\"><instance id=\"0\" state=\"active\" cid=\"{cid}\"/></resource>\r\n");
            let _ = write!(
                docs,
                "--b0undary\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {cid}\r\nContent-Type: application/msrtc-event-categories+xml\r\n\r\n\
                 <categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" uri=\"{uri}\"><category name=\"note\"/>\
                 <category xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" publishTime=\"2026-11-21T00:00:00.000\" instance=\"1\" name=\"state\">\r\n\
                 <state xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"aggregateState\">\
                 <availability>3500</availability><device>computer</device></state>\r\n</category>\r\n</categories>\r\n\r\n"
            );
        }
        let root = "--b0undary\r\nContent-Transfer-Encoding: binary\r\nContent-ID: resourceList\r\nContent-Type: application/rlmi+xml\r\n\r\n";
        (format!("{root}{list}</list>\r\n\r\n{docs}--b0undary--\r\n"), users)
    }

    /// Queues one change.
    pub(crate) fn notify(&mut self, worker: usize, availability: u32) {
        self.cseq += 1;
        let template = self.template.as_ref().expect("the daemon has subscribed");
        template.write(self.cseq, worker, availability, &mut self.output);
    }
}

/// The bridge with one T-Server that is always primary; every agent is found ready.
pub(crate) struct Bridge {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    seq: u64,
    pub(crate) registered: usize,
    /// Workers whose state was requested, in order.
    pub(crate) requests: Vec<u32>,
    pub(crate) window: u32,
    /// Workers in After Call Work.
    after_call_work: HashSet<usize>,
}

impl Bridge {
    pub(crate) fn new(window: u32) -> Self {
        Self { input: Vec::new(), output: Vec::new(), seq: 0, registered: 0, requests: Vec::new(), window, after_call_work: HashSet::new() }
    }

    fn line(&mut self, rest: &[&[u8]]) {
        self.seq += 1;
        self.output.extend_from_slice(b"{\"v\":1,\"seq\":");
        push_number(&mut self.output, self.seq);
        for part in rest {
            self.output.extend_from_slice(part);
        }
        self.output.push(b'\n');
    }

    /// An agent's After Call Work begins, or ends with the agent ready.
    pub(crate) fn after_call_work(&mut self, worker: usize, begins: bool) {
        let dn = crate::seed::dn(worker);
        let (head, tail): (&[u8], &[u8]) = if begins {
            self.after_call_work.insert(worker);
            (b",\"dir\":\"evt\",\"id\":76,\"name\":\"EventAgentNotReady\"", b"\"],[\"AttributeAgentWorkMode\",\"int\",3]]}")
        } else {
            self.after_call_work.remove(&worker);
            (b",\"dir\":\"evt\",\"id\":75,\"name\":\"EventAgentReady\"", b"\"]]}")
        };
        let dn = dn.as_bytes();
        self.line(&[head, b",\"attrs\":[[\"AttributeThisDN\",\"str\",\"", dn, b"\"],[\"AttributeAgentID\",\"str\",\"", dn, tail]);
    }

    /// Whether it has begun and not ended.
    pub(crate) fn in_after_call_work(&self, worker: usize) -> bool {
        self.after_call_work.contains(&worker)
    }

    /// Works off `input`.
    pub(crate) fn work(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', &input[at..]) {
            self.on_line(&input[at..at + end]);
            at += end + 1;
        }
        self.input = input;
        self.input.drain(..at);
    }

    fn on_line(&mut self, line: &[u8]) {
        let Some(id) = after(line, b"\"id\":") else {
            self.on_control(line);
            return;
        };
        let ref_id = digits_of(after(line, b"\"AttributeReferenceID\",\"int\",").unwrap_or(b"0"));
        let dn = digits_of(after(line, b"\"AttributeThisDN\",\"str\",\"").unwrap_or(b"0"));
        match id.first_chunk::<2>() {
            Some(b"3,") => {
                self.registered += 1;
                self.line(&[
                    b",\"dir\":\"evt\",\"id\":53,\"name\":\"EventRegistered\",\"attrs\":[[\"AttributeReferenceID\",\"int\",",
                    ref_id,
                    b"],[\"AttributeThisDN\",\"str\",\"",
                    dn,
                    b"\"],[\"AttributeExtensions\",\"kvlist\",[{\"key\":\"AgentStatus\",\"type\":\"int\",\"value\":3}]]]}",
                ]);
            }
            Some(b"2,") => {
                self.line(&[
                    b",\"dir\":\"evt\",\"id\":92,\"name\":\"EventAddressInfo\",\"attrs\":[[\"AttributeReferenceID\",\"int\",",
                    ref_id,
                    b"],[\"AttributeThisDN\",\"str\",\"",
                    dn,
                    b"\"],[\"AttributeExtensions\",\"kvlist\",[{\"key\":\"AgentStatus\",\"type\":\"int\",\"value\":3}]]]}",
                ]);
            }
            Some(which @ (b"10" | b"11")) => {
                let worker = dn.iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0')).saturating_sub(500_000);
                self.requests.push(worker);
                let name: &[u8] = if which == b"10" {
                    b",\"dir\":\"evt\",\"id\":75,\"name\":\"EventAgentReady\""
                } else {
                    b",\"dir\":\"evt\",\"id\":76,\"name\":\"EventAgentNotReady\""
                };
                let reasons = memmem::find(line, b"[\"AttributeReasons\"").map_or(&b"]]}"[..], |i| &line[i..]);
                self.line(&[
                    name,
                    b",\"attrs\":[[\"AttributeReferenceID\",\"int\",",
                    ref_id,
                    b"],[\"AttributeThisDN\",\"str\",\"",
                    dn,
                    b"\"],[\"AttributeAgentID\",\"str\",\"",
                    dn,
                    b"\"],",
                    reasons,
                ]);
            }
            _ => eprintln!("unexpected request: {}", String::from_utf8_lossy(line)),
        }
    }

    fn on_control(&mut self, line: &[u8]) {
        let op = after(line, b"\"op\":\"").unwrap_or(b"");
        if op.starts_with(b"hello") {
            self.seq = 0;
            let window = self.window.to_string();
            self.line(&[
                b",\"dir\":\"ctl\",\"op\":\"welcome\",\"proto\":\"ucc-bridge/1\",\"line_max\":1048576,\"window\":",
                window.as_bytes(),
                b",\"ping_s\":60}",
            ]);
        } else if op.starts_with(b"open") {
            self.line(&[b",\"dir\":\"ctl\",\"op\":\"opened\",\"ch\":\"tserver:SIPS\",\"role\":\"primary\",\"server\":\"SIPS\"}"]);
            self.line(&[b",\"dir\":\"evt\",\"id\":95,\"name\":\"EventLinkConnected\",\"attrs\":[]}"]);
        } else if op.starts_with(b"ping") {
            let n = digits_of(after(line, b"\"n\":").unwrap_or(b"0"));
            self.line(&[b",\"dir\":\"ctl\",\"op\":\"pong\",\"n\":", n, b"}"]);
        }
    }
}

fn after<'a>(line: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    memmem::find(line, mark).map(|at| &line[at + mark.len()..])
}

fn digits_of(text: &[u8]) -> &[u8] {
    &text[..text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len())]
}

fn push_number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The people file of `workers` workers.
pub(crate) fn people_csv(workers: usize) -> String {
    let mut csv = String::from("employee_id,user_name,display_name,sip_uri,agent_login,dns\n");
    for n in 0..workers {
        let dn = crate::seed::dn(n);
        csv.push_str(&format!("{n},w{n},Worker {n},{},{dn},{dn}@SIP_Switch\n", uri(n)));
    }
    csv
}
