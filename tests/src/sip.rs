//! SIP as the far end of a test speaks it: split by hand, answered by copying header lines.
use std::fmt::Write as _;

/// The published message itself.
pub const SEED: &[u8] = include_bytes!("../../corpus/sip/001-notify-seed.sip");

/// A message from the daemon.
#[derive(Clone, Debug)]
pub struct Message {
    /// Start line and headers, without the empty line.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Message {
    /// Method of a request, `SIP/2.0` of a response.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or("")
    }

    /// Status of a response, 0 of a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.method() == "SIP/2.0" { self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0) } else { 0 }
    }

    /// Value of the first header with this name, empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.head, name)
    }

    /// URIs of the resources a batched SUBSCRIBE names.
    #[must_use]
    pub fn resources(&self) -> Vec<&str> {
        self.body.split("<resource uri=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }
}

/// Value of the first header with this name in `head`, empty if there is none.
#[must_use]
pub fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.split("\r\n").find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())).unwrap_or("")
}

/// Takes every complete message off the front of `input`; keep-alives between them are passed over.
pub fn split(input: &mut Vec<u8>) -> Vec<Message> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        while input[at..].starts_with(b"\r\n") {
            at += 2;
        }
        let Some(end) = input[at..].windows(4).position(|w| w == b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&input[at..at + end]).into_owned();
        let length: usize = header(&head, "Content-Length").parse().unwrap_or(0);
        let body = at + end + 4;
        if input.len() < body + length {
            break;
        }
        found.push(Message { head, body: String::from_utf8_lossy(&input[body..body + length]).into_owned() });
        at = body + length;
    }
    input.drain(..at);
    found
}

/// A response to `request` with further header lines (each ended by CRLF) and a body.
#[must_use]
pub fn answer(request: &Message, status: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for line in request.head.split("\r\n").skip(1) {
        let name = line.split(':').next().unwrap_or("").trim().to_ascii_lowercase();
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" => out.push_str(line),
            "to" if line.contains("tag=") => out.push_str(line),
            "to" => _ = write!(out, "{line};tag=D62C0080"),
            _ => continue,
        }
        out.push_str("\r\n");
    }
    _ = write!(out, "{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}

/// Names of a dialog the daemon opened, as its Front End writes them.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Call-ID
    pub call_id: String,
    /// From of the SUBSCRIBE: the To of our NOTIFY.
    pub watcher: String,
    /// URI of the Contact: where NOTIFYs go.
    pub target: String,
    /// Our side of the dialog.
    pub local: String,
}

impl Dialog {
    /// The dialog a SUBSCRIBE opens or refreshes.
    #[must_use]
    pub fn of(subscribe: &Message) -> Self {
        let to = subscribe.header("To");
        Self {
            call_id: subscribe.header("Call-ID").to_owned(),
            watcher: subscribe.header("From").to_owned(),
            target: subscribe.header("Contact").split(['<', '>']).nth(1).unwrap_or("").to_owned(),
            local: if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=D62C0080") },
        }
    }

    /// A NOTIFY with this aggregate state.
    #[must_use]
    pub fn notify(&self, cseq: u32, uri: &str, availability: u32) -> Vec<u8> {
        let body = format!(
            "<categories xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\" uri=\"{uri}\">\
             <category name=\"state\" instance=\"1\" publishTime=\"{}\"><state xsi:type=\"aggregateState\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\">\
             <availability>{availability}</availability></state></category></categories>",
            publish_time(cseq)
        );
        self.request(
            cseq,
            "active;expires=29909",
            &format!("Content-Type: application/msrtc-event-categories+xml\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        )
    }

    /// A NOTIFY that ends the dialog.
    #[must_use]
    pub fn terminated(&self, cseq: u32, reason: &str) -> Vec<u8> {
        self.request(cseq, &format!("terminated{reason}"), "Content-Length: 0\r\n\r\n")
    }

    fn request(&self, cseq: u32, state: &str, rest: &str) -> Vec<u8> {
        let Self { call_id, watcher, target, local } = self;
        format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/TLS 192.168.92.74:5061;branch=z9hG4bK{cseq:08X}\r\nMax-Forwards: 69\r\nTo: {watcher}\r\nFrom: {local}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nEvent: presence\r\nSubscription-State: {state}\r\n{rest}"
        )
        .into_bytes()
    }
}

/// A publication's time that rises with `n`.
fn publish_time(n: u32) -> String {
    format!("2017-08-23T{:02}:{:02}:{:02}.{:03}", n / 3_600_000 % 24, n / 60_000 % 60, n / 1000 % 60, n % 1000)
}

/// The published NOTIFY put into the daemon's dialog: request URI, To, From, Call-ID and CSeq are replaced, every other byte is the original's.
#[must_use]
pub fn seed_notify(dialog: &Dialog, cseq: u32) -> Vec<u8> {
    let seed = std::str::from_utf8(SEED).unwrap();
    let (head, body) = seed.split_once("\r\n\r\n").unwrap();
    let Dialog { call_id, watcher, target, local } = dialog;
    let line = |line: &str| match line.split(':').next().unwrap_or("") {
        first if first.starts_with("NOTIFY ") => format!("NOTIFY {target} SIP/2.0"),
        "To" => format!("To: {watcher}"),
        "From" => format!("From: {local}"),
        "Call-ID" => format!("Call-ID: {call_id}"),
        "CSeq" => format!("CSeq: {cseq} NOTIFY"),
        _ => line.to_owned(),
    };
    let head: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}
