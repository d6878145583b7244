//! Conversations: an INVITE of a trusted application to a user goes to the user's registered clients, and everything of its Call-ID after it; without a client of
//! flesh and blood an emulated one answers, as its habit says (`spec/ms-pres.md` 7; RFC 3261 9, 13, 14, 15, 16).
mod habit;
mod words;

pub use habit::{Does, Habit};

use super::{Due, FrontEnd, Mono};
use crate::peers::sip::{SipMsg, SipStart, param, uri_of};
use std::collections::BTreeMap;
use words::{contact_of, element, first_text, link_in, record_route, tag_of};

/// How long a client waits for the ACK of its 2xx (64 * T1).
const ACK_WAIT_MS: u64 = 32_000;
/// Between two copies of a 2xx that was not acknowledged.
const REPEAT_MS: u64 = 2_000;
/// Accept-types of the emulated client.
const SDP: &str =
    "v=0\r\no=- 0 0 IN IP4 198.51.100.31\r\ns=session\r\nc=IN IP4 198.51.100.31\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n";

/// Something a client does later.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Ring,
    Answer(u8),
    /// The 2xx of this client was not acknowledged yet; the number of copies so far.
    Repeat(u8, u32),
    Close,
    Open(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ringing,
    Taken,
    /// Refused, cancelled or closed.
    Over,
}

/// A conversation, or a window beside one.
#[derive(Clone, Debug)]
pub(super) struct Call {
    conn: u64,
    /// The user's own client, if it is a real one.
    client: Option<u64>,
    user: String,
    invite: SipMsg,
    conversation: String,
    is_window: bool,
    state: State,
    /// Tag of each emulated client that took it, and whether it got its ACK, or its BYE.
    taken: BTreeMap<String, (bool, bool)>,
    refusal_acked: bool,
    /// Highest CSeq of the application's requests.
    cseq: u32,
}

/// What applications and users said, for checkers.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    by_id: BTreeMap<String, Call>,
    habits: BTreeMap<String, Habit>,
    /// Links that users followed.
    opened: Vec<(String, String)>,
    /// Texts users saw.
    shown: Vec<(String, String)>,
    habit: Habit,
}

impl FrontEnd {
    /// What the emulated client of a user does from now on; `None`: of everybody without a habit of their own.
    pub fn set_habit(&mut self, uri: Option<&str>, habit: Habit) {
        match uri {
            Some(uri) => drop(self.calls.habits.insert(uri.to_lowercase(), habit)),
            None => self.calls.habit = habit,
        }
    }

    /// The links users followed since the last call: who, where.
    pub fn take_opened(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.calls.opened)
    }

    /// The texts the emulated clients showed: to whom, what.
    #[must_use]
    pub fn shown_texts(&self) -> &[(String, String)] {
        &self.calls.shown
    }

    /// Conversations and windows of a user that ring or stand.
    #[must_use]
    pub fn calls_of(&self, uri: &str) -> usize {
        self.calls.by_id.values().filter(|call| call.user.eq_ignore_ascii_case(uri) && call.state != State::Over).count()
    }

    /// Conversations of all users that ring or stand.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.calls.by_id.values().filter(|call| call.state != State::Over).count()
    }

    /// INVITE, ACK, CANCEL, BYE, MESSAGE, INFO. `false`: nobody's.
    pub(super) fn on_call_request(&mut self, now: Mono, conn: u64, method: &str, msg: &SipMsg) -> bool {
        let id = msg.header("call-id").unwrap_or_default().to_owned();
        let in_dialog = param(msg.header("to").unwrap_or_default(), "tag").is_some();
        if let Some(call) = self.calls.by_id.get(&id) {
            let (application, client) = (call.conn, call.client);
            match client {
                Some(client) if conn == application => self.forward_request(client, msg, None),
                Some(client) if conn == client => self.forward_request(application, msg, None),
                _ if conn == application => self.on_emulated(now, &id, method, msg),
                _ => return false,
            }
            if client.is_some() && method == "BYE" {
                self.calls.by_id.get_mut(&id).into_iter().for_each(|call| call.state = State::Over);
            }
            return true;
        }
        let trusted = self.conns.get(&conn).is_some_and(|c| c.trusted);
        match method {
            "INVITE" if trusted && !in_dialog => self.on_invite(now, conn, id, msg),
            "ACK" => {}
            _ if trusted && in_dialog || method == "CANCEL" => self.reply(conn, msg, 481, "Call/Transaction Does Not Exist", &[], None),
            _ => return false,
        }
        true
    }

    fn on_invite(&mut self, now: Mono, conn: u64, id: String, msg: &SipMsg) {
        let user = uri_of(msg.header("to").unwrap_or_default()).to_owned();
        let conversation = msg.header("ms-conversation-id").unwrap_or_default().to_owned();
        let is_window = msg.header("content-type").is_some_and(|t| t.starts_with("application/ms-session-invite+xml"));
        if let Some(fault) = self.invite_fault(msg, &user, &conversation, is_window) {
            self.judge(now, conn, &format!("INVITE to {user}: {fault}"));
        }
        let Some(found) = self.users.find(&user) else {
            return self.reply(conn, msg, 404, "Not Found", &[], None);
        };
        self.reply(conn, msg, 100, "Trying", &[], None);
        let stands = |call: &Call| !call.is_window && call.conversation == conversation && call.state == State::Taken;
        if is_window && !self.calls.by_id.values().any(stands) {
            // The user has just closed it.
            return self.reply(conn, msg, 481, "Call/Transaction Does Not Exist", &[], None);
        }
        let is_offline = self.users.at(found).presence.availability.is_some_and(|n| n >= 18_000);
        let client = self.registrations.values().find(|r| r.uri.eq_ignore_ascii_case(&user) && self.conns.get(&r.conn).is_some_and(|c| !c.trusted));
        let client = client.map(|r| (r.conn, r.contact.clone()));
        if client.is_none() && is_offline {
            return self.reply(conn, msg, 480, "Temporarily Unavailable", &[], None);
        }
        let cseq = msg.cseq().map_or(0, |(n, _)| n);
        let call = Call {
            conn,
            client: client.as_ref().map(|(client, _)| *client),
            user: user.clone(),
            invite: msg.clone(),
            conversation,
            is_window,
            state: State::Ringing,
            taken: BTreeMap::new(),
            refusal_acked: false,
            cseq,
        };
        self.calls.by_id.insert(id.clone(), call);
        match client {
            Some((client, contact)) => self.forward_request(client, msg, Some(&contact)),
            None => {
                let ms = self.habit_of(&user).rings_after_ms;
                self.call_later(now, ms, id, Step::Ring);
            }
        }
    }

    fn invite_fault(&self, msg: &SipMsg, user: &str, conversation: &str, is_window: bool) -> Option<String> {
        let mut same = self.calls.by_id.values().filter(|call| call.conversation == conversation);
        let text = String::from_utf8_lossy(&msg.body);
        match () {
            () if msg.count("contact") != 1 => Some("no Contact, or several".into()),
            () if conversation.is_empty() => Some("no Ms-Conversation-ID".into()),
            () if is_window && !same.any(|call| !call.is_window && (call.client.is_some() || !call.taken.is_empty()) && call.user == user) => {
                Some("a window is opened where no conversation stood".into())
            }
            () if is_window && (msg.body.len() >= 4096 || !text.contains("<application-id>{")) => Some("a session invitation that clients refuse".into()),
            () if is_window => None,
            () if same.next().is_some() => Some("Ms-Conversation-ID was used before".into()),
            () if msg.header("content-type") != Some("application/sdp") || !text.contains("\r\nm=message ") => Some("no SDP that offers messages".into()),
            () => None,
        }
    }

    fn habit_of(&self, user: &str) -> Habit {
        self.calls.habits.get(&user.to_lowercase()).copied().unwrap_or(self.calls.habit)
    }

    fn call_later(&mut self, now: Mono, ms: u64, id: String, step: Step) {
        let serial = self.next_serial();
        self.due.insert((now + ms, serial), Due::Call(id, step));
    }

    /// A client does what it had planned.
    pub(super) fn on_call_step(&mut self, now: Mono, id: &str, step: Step) {
        let Some(call) = self.calls.by_id.get(id).cloned() else { return };
        let habit = self.habit_of(&call.user);
        match step {
            Step::Ring if call.state == State::Ringing => {
                for client in 0..habit.clients.max(1) {
                    self.reply_tagged(call.conn, &call.invite, &tag_of(id, client), 180, "Ringing", &[], None);
                }
                if habit.does != Does::Rings {
                    (0..habit.clients.max(1)).for_each(|client| self.call_later(now, habit.answers_after_ms, id.to_owned(), Step::Answer(client)));
                }
            }
            Step::Answer(client) if call.state != State::Over => self.answer_call(now, id, client, habit),
            Step::Repeat(client, copies) => {
                let is_open = call.taken.get(&tag_of(id, client)).is_some_and(|(acked, closed)| !acked && !closed);
                if is_open && u64::from(copies) * REPEAT_MS >= ACK_WAIT_MS {
                    self.judge(now, call.conn, &format!("the 200 to INVITE {id} of client {client} was never acknowledged"));
                } else if is_open {
                    self.send_taken(now, id, client, copies + 1);
                }
            }
            Step::Close if call.state == State::Taken => self.close_call(id),
            Step::Open(link) => self.calls.opened.push((call.user, link)),
            Step::Ring | Step::Answer(_) | Step::Close => {}
        }
    }

    fn answer_call(&mut self, now: Mono, id: &str, client: u8, habit: Habit) {
        let Some(call) = self.calls.by_id.get_mut(id) else { return };
        let (conn, invite, is_window) = (call.conn, call.invite.clone(), call.is_window);
        let refusal = match habit.does {
            Does::Refuses(status) => Some(status),
            _ if is_window && !habit.window => Some(488),
            _ => None,
        };
        if let Some(status) = refusal {
            if call.state == State::Ringing {
                call.state = State::Over;
                self.reply_tagged(conn, &invite, &tag_of(id, client), status, "Refused", &[], None);
            }
            return;
        }
        call.state = State::Taken;
        call.taken.insert(tag_of(id, client), (false, false));
        self.send_taken(now, id, client, 1);
        if let Some(ms) = habit.closes_after_ms.filter(|_| client == 0 && !is_window) {
            self.call_later(now, ms, id.to_owned(), Step::Close);
        }
        if client > 0 {
            return;
        }
        let text = String::from_utf8_lossy(&invite.body).into_owned();
        let link = if is_window { element(&text, "simpleLink").and_then(|name| link_in(&name)) } else { None };
        let first = first_text(&invite).filter(|_| habit.shows_text && !is_window);
        self.see(now, id, habit, first, link);
    }

    fn send_taken(&mut self, now: Mono, id: &str, client: u8, copies: u32) {
        let Some(call) = self.calls.by_id.get(id) else { return };
        let (conn, invite, is_window) = (call.conn, call.invite.clone(), call.is_window);
        let contact = contact_of(client);
        let route = record_route(&self.config.domain);
        let mut headers = vec![("Contact", contact.as_str()), ("Record-Route", route.as_str())];
        if self.habit_of(&call.user).shows_text && !is_window {
            headers.push(("Supported", "ms-text-format"));
        }
        let body = (!is_window).then(|| ("application/sdp".to_owned(), SDP.to_owned()));
        self.reply_tagged(conn, &invite, &tag_of(id, client), 200, "OK", &headers, body.as_ref());
        self.call_later(now, REPEAT_MS, id.to_owned(), Step::Repeat(client, copies));
    }

    /// The user reads a text; who finds a link there follows it.
    fn see(&mut self, now: Mono, id: &str, habit: Habit, text: Option<String>, link: Option<String>) {
        let Some(user) = self.calls.by_id.get(id).map(|call| call.user.clone()) else { return };
        let link = link.or_else(|| text.as_deref().and_then(link_in));
        if let Some(text) = text {
            self.calls.shown.push((user, text));
        }
        if let (Some(link), Some(ms)) = (link, habit.opens_after_ms) {
            self.call_later(now, ms, id.to_owned(), Step::Open(link));
        }
    }

    /// The user closes a conversation: the first client says BYE.
    fn close_call(&mut self, id: &str) {
        let branch = format!("{:016X}", self.rng.bits());
        let Some(call) = self.calls.by_id.get_mut(id) else { return };
        call.state = State::Over;
        let Some((tag, ends)) = call.taken.iter_mut().next() else { return };
        ends.1 = true;
        let (from, to) = (call.invite.header("from").unwrap_or_default(), call.invite.header("to").unwrap_or_default());
        let target = uri_of(call.invite.header("contact").unwrap_or_default());
        let text = format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/{} fe.{}:5061;branch=z9hG4bK{branch}\r\nMax-Forwards: 69\r\nFrom: {to};tag={tag}\r\nTo: {from}\r\nCall-ID: {id}\r\nCSeq: 1 BYE\r\n\
             Content-Length: 0\r\n\r\n",
            self.config.transport, self.config.domain
        );
        let conn = call.conn;
        self.send(conn, text.into_bytes());
    }

    /// A request of the application to an emulated client.
    fn on_emulated(&mut self, now: Mono, id: &str, method: &str, msg: &SipMsg) {
        let Some(call) = self.calls.by_id.get(id).cloned() else { return };
        let tag = param(msg.header("to").unwrap_or_default(), "tag").unwrap_or_default().to_owned();
        let number = msg.cseq().map_or(0, |(n, _)| n);
        let taken = call.taken.get(&tag).copied();
        if matches!(method, "BYE" | "MESSAGE" | "INFO") || (method == "ACK" && taken.is_some()) {
            self.judge_inside(now, &call, method, msg, &tag);
        }
        let habit = self.habit_of(&call.user);
        let mut answer = |code: u16, text: &str| self.reply(call.conn, msg, code, text, &[], None);
        match (method, taken) {
            ("ACK", Some(_)) => self.change_call(id, |call| call.taken.get_mut(&tag).into_iter().for_each(|ends| ends.0 = true)),
            ("ACK", None) => self.change_call(id, |call| call.refusal_acked = true),
            ("CANCEL", _) => self.on_cancel(now, id, msg),
            ("BYE", Some((acked, closed))) => {
                answer(if closed { 481 } else { 200 }, "OK");
                if !acked {
                    self.judge(now, call.conn, &format!("BYE {id} before the ACK"));
                }
                self.change_call(id, |call| {
                    call.taken.get_mut(&tag).into_iter().for_each(|ends| ends.1 = true);
                    if call.taken.values().all(|ends| ends.1) {
                        call.state = State::Over;
                    }
                });
            }
            ("MESSAGE", Some((_, false))) if habit.message_status != 200 => answer(habit.message_status, "Refused"),
            ("MESSAGE", Some((_, false))) => {
                answer(200, "OK");
                let text = String::from_utf8_lossy(&msg.body).into_owned();
                self.see(now, id, habit, Some(text), None);
            }
            ("INFO", Some((_, false))) => answer(200, "OK"),
            _ => answer(481, "Call/Transaction Does Not Exist"),
        }
        self.change_call(id, |call| call.cseq = call.cseq.max(number));
    }

    fn change_call(&mut self, id: &str, change: impl FnOnce(&mut Call)) {
        if let Some(call) = self.calls.by_id.get_mut(id) {
            change(call);
        }
    }

    fn judge_inside(&mut self, now: Mono, call: &Call, method: &str, msg: &SipMsg, tag: &str) {
        let SipStart::Request { uri, .. } = &msg.start else { return };
        let number = msg.cseq().map_or(0, |(n, _)| n);
        let client = (0..8).find(|client| tag_of(call.invite.header("call-id").unwrap_or_default(), *client) == tag).unwrap_or(0);
        let fault = match () {
            () if *uri != uri_of(&contact_of(client)) => "Request-URI is not the client's Contact",
            () if msg.values("route") != [record_route(&self.config.domain)] => "Route is not the Record-Route",
            () if method == "ACK" && Some(number) != call.invite.cseq().map(|(n, _)| n) => "CSeq is not that of the INVITE",
            () if method != "ACK" && call.taken.len() == 1 && number <= call.cseq => "CSeq does not rise",
            () => return,
        };
        self.judge(now, call.conn, &format!("{method} in {}: {fault}", msg.header("call-id").unwrap_or_default()));
    }

    fn on_cancel(&mut self, now: Mono, id: &str, msg: &SipMsg) {
        let Some(call) = self.calls.by_id.get_mut(id) else { return };
        let branch = |msg: &SipMsg| msg.values("via").first().and_then(|via| param(via, "branch")).map(str::to_owned);
        let fits = branch(msg) == branch(&call.invite) && msg.header("to") == call.invite.header("to");
        let (conn, invite, ringing) = (call.conn, call.invite.clone(), call.state == State::Ringing);
        if !fits {
            self.judge(now, conn, &format!("CANCEL {id}: branch or To is not that of the INVITE"));
            return self.reply(conn, msg, 481, "Call/Transaction Does Not Exist", &[], None);
        }
        if ringing {
            call.state = State::Over;
        }
        self.reply(conn, msg, 200, "OK", &[], None);
        if ringing {
            self.reply_tagged(conn, &invite, &tag_of(id, 0), 487, "Request Terminated", &[], None);
        }
    }

    /// A response in a conversation with a real client, on its way back. `false`: not of one.
    pub(super) fn on_call_response(&mut self, conn: u64, code: u16, msg: &SipMsg) -> bool {
        let Some(call) = self.calls.by_id.get_mut(msg.header("call-id").unwrap_or_default()) else { return false };
        let Some(client) = call.client else { return true };
        let method = msg.cseq().map_or("", |(_, method)| method).to_owned();
        let to = if conn == client { call.conn } else { client };
        if method == "INVITE" && code >= 200 {
            call.state = if code < 300 { State::Taken } else { State::Over };
        }
        // Trying is a matter of each hop.
        if code > 100 {
            let mut out = format!("SIP/2.0 {code} {}\r\n", if code < 300 { "OK" } else { "Refused" });
            for via in msg.values("via").iter().skip(1) {
                out.push_str(&format!("via: {via}\r\n"));
            }
            self.send_rest(to, msg, out);
        }
        true
    }

    /// Hands a request on, with our Via on top; an INVITE gets a new target and our Record-Route.
    fn forward_request(&mut self, to: u64, msg: &SipMsg, target: Option<&str>) {
        let SipStart::Request { method, uri } = &msg.start else { return };
        let target = target.unwrap_or(uri);
        let domain = &self.config.domain;
        // One CANCEL, one ACK to a refusal: the branch of the INVITE's copy is found again from the branch below.
        let below = msg.values("via").first().and_then(|via| param(via, "branch")).unwrap_or_default().to_owned();
        let mut out = format!("{method} {target} SIP/2.0\r\nvia: SIP/2.0/{} fe.{domain}:5061;branch=z9hG4bKfe{below}\r\n", self.config.transport);
        for via in msg.values("via") {
            out.push_str(&format!("via: {via}\r\n"));
        }
        if method == "INVITE" {
            out.push_str(&format!("record-route: {}\r\n", record_route(domain)));
        }
        self.send_rest(to, msg, out);
    }

    fn send_rest(&mut self, to: u64, msg: &SipMsg, mut out: String) {
        for (name, value) in msg.headers().filter(|(name, _)| !matches!(*name, "via" | "route" | "content-length")) {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str(&format!("content-length: {}\r\n\r\n", msg.body.len()));
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&msg.body);
        self.send(to, bytes);
    }

    /// A connection is gone, and with it the conversations over it.
    pub(super) fn drop_calls(&mut self, conn: u64) {
        self.calls.by_id.retain(|_, call| call.conn != conn && call.client != Some(conn));
    }
}
