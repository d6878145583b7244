//! Client transactions (RFC 3261 §17.1.2 on a reliable transport), keep-alive and probe.
//!
//! On TCP nothing is retransmitted: a transaction is its branch, what it was for, and when it was sent. All of a link share one timer (Timer F), because all wait
//! equally long.
use super::dialog::hex_before_dot;
use super::invite::Said;
use super::link::State;
use super::publish::Speech;
use super::{UcSide, UcTimer, key, request};
use crate::action::Action;
use crate::cx::Cx;
use crate::id::{DialogId, UcLinkId, UserId, WatcherId};
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::{Body, CloseCause, Response, SipRequest, SubState, Transport};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

/// What a request was sent for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Ask {
    /// REGISTER.
    Register(WatcherId),
    /// REGISTER with Expires 0.
    Deregister(WatcherId),
    /// OPTIONS.
    Probe,
    /// SUBSCRIBE that creates the dialog or adds users.
    Subscribe(DialogId, Box<[UserId]>),
    /// SUBSCRIBE that refreshes.
    Refresh(DialogId),
    /// SUBSCRIBE that takes users out.
    Leave(DialogId),
    /// SUBSCRIBE with Expires 0.
    End(DialogId),
    /// A request of a worker's publisher.
    Publisher(UserId, Speech),
    /// PUBLISH (RFC 3903).
    Pidf(UserId),
    /// MESSAGE or BYE in a conversation with a worker.
    Session(u32, Said),
}

/// An unanswered request.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Txn {
    pub(super) branch: Box<str>,
    pub(super) ask: Ask,
    pub(super) sent: Mono,
    /// To be sent again: over datagrams, and when it is challenged. Kept with standard servers only.
    pub(super) msg: Option<Box<SipRequest>>,
    /// Challenges answered so far.
    pub(super) tries: u8,
    /// Timer E: the present interval, milliseconds.
    pub(super) interval_ms: u64,
    /// A provisional answer came.
    pub(super) proceeding: bool,
}

/// RFC 3261 §8.1.1.7.
const COOKIE: &str = "z9hG4bK";

impl UcSide {
    /// Sends a request and waits for its answer.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>, id: UcLinkId, ask: Ask, msg: SipRequest) {
        let mut msg = Box::new(msg);
        msg.transport = cx.config.uc.transport();
        if let Some(simple) = cx.config.uc.kind.simple() {
            msg.local = self.links[id.index()].local;
            self.sign(id, &mut msg);
            Self::choose_transport(cx, simple, &mut msg);
        }
        self.transmit(cx, id, ask, msg, 0);
    }

    /// Sends a request that is complete but for its branch and our address; `tries`: how often it was challenged before.
    pub(super) fn transmit(&mut self, cx: &mut Cx<'_>, id: UcLinkId, ask: Ask, mut msg: Box<SipRequest>, tries: u8) {
        let now = cx.now.mono;
        let keep = self.flavour.is_simple();
        let link = &mut self.links[id.index()];
        let number = link.next_txn;
        link.next_txn = link.next_txn.wrapping_add(1);
        msg.branch = format!("{COOKIE}{number:x}.{}", cx.entropy.hex(16)).into_boxed_str();
        msg.local = link.local;
        link.last_tx = now;
        let kept = keep.then(|| msg.clone());
        link.txns.insert(number, Txn { branch: msg.branch.clone(), ask, sent: now, msg: kept, tries, interval_ms: 0, proceeding: false });
        self.tally.requests += 1;
        if cx.deadlines.get(key(UcTimer::Transactions(id))).is_none() {
            cx.set(key(UcTimer::Transactions(id)), now + cx.config.uc.timers.transaction_timeout_ms);
        }
        let datagram = msg.transport == Transport::Udp;
        cx.act(Action::SendUc { link: id, msg });
        if datagram {
            self.arm_resend(cx, id, number);
        }
    }

    pub(super) fn on_response(&mut self, cx: &mut Cx<'_>, id: UcLinkId, r: &Response<'_>) {
        if matches!(r.method, "INVITE" | "CANCEL") {
            return self.on_session_response(cx, id, r);
        }
        let link = &mut self.links[id.index()];
        let Some(number) = r.branch.strip_prefix(COOKIE).and_then(hex_before_dot) else { return };
        if link.txns.get(&number).is_none_or(|txn| *txn.branch != *r.branch) {
            return;
        }
        if !core::mem::replace(&mut link.heard, true) {
            self.on_first_answer(cx, id);
        }
        if r.status < 200 {
            return self.on_provisional(id, number);
        }
        if matches!(r.status, 401 | 407) && self.answer_challenge(cx, id, number, r) {
            return;
        }
        let link = &mut self.links[id.index()];
        let Some(txn) = link.txns.remove(&number) else { return };
        if link.txns.is_empty() {
            cx.clear(key(UcTimer::Transactions(id)));
        }
        self.finish(cx, id, txn.ask, r);
        self.pump(cx, id);
    }

    /// Somebody answers: a link of datagrams stands from now on.
    fn on_first_answer(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        if !Self::is_udp(cx) {
            return;
        }
        cx.note(Note::UcConnected { link: id });
        let link = &mut self.links[id.index()];
        if let (State::Registering(peer), false) = (link.state, cx.config.uc.register) {
            link.state = State::Up(peer);
        }
    }

    /// The end of a transaction, answered or timed out.
    fn finish(&mut self, cx: &mut Cx<'_>, id: UcLinkId, ask: Ask, r: &Response<'_>) {
        let moved =
            matches!(r.status, 301 | 302 | 305) && !matches!(ask, Ask::Probe | Ask::Deregister(_) | Ask::End(_) | Ask::Publisher(..) | Ask::Session(..));
        if moved {
            return self.redirect(cx, id, &r.contacts);
        }
        match ask {
            Ask::Register(watcher) => self.on_register_answer(cx, watcher, r),
            Ask::Deregister(watcher) => self.on_deregistered(watcher),
            // Any answer, even a refusal, shows that somebody is there.
            Ask::Probe => {}
            Ask::Subscribe(dialog, users) => self.on_subscribe_answer(cx, dialog, &users, r),
            Ask::Refresh(dialog) => self.on_refresh_answer(cx, dialog, r),
            Ask::Leave(dialog) => self.on_leave_answer(cx, dialog, r),
            Ask::End(dialog) => self.on_end_answer(cx, dialog, r),
            Ask::Publisher(user, speech) => self.on_publisher_answer(cx, id, user, speech, r),
            Ask::Pidf(user) => self.on_publication_answer(cx, user, r),
            Ask::Session(leg, said) => self.on_said(cx, leg, said, r),
        }
    }

    pub(super) fn on_transaction_timer(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let now = cx.now.mono;
        let timeout = cx.config.uc.timers.transaction_timeout_ms;
        loop {
            let Some(link) = self.links.get_mut(id.index()) else { return };
            let Some(oldest) = link.txns.first_entry() else { break };
            if oldest.get().sent + timeout > now {
                let at = oldest.get().sent + timeout;
                cx.set(key(UcTimer::Transactions(id)), at);
                break;
            }
            let txn = oldest.remove();
            let silent = link.last_rx <= txn.sent;
            // Where every worker has a dialog, one that is not answered says little about the others.
            let vital = matches!(txn.ask, Ask::Probe | Ask::Register(_)) || (matches!(txn.ask, Ask::Refresh(_)) && !self.flavour.is_simple());
            if silent || vital {
                cx.note(Note::Uc { level: crate::config::NoteLevel::Warn, link: id, text: "no answer to a request: the connection is given up".into() });
                return self.hang_up(cx, id, CloseCause::TimedOut);
            }
            self.finish(cx, id, txn.ask, &timed_out());
        }
        self.pump(cx, id);
    }

    /// Sets the silence timer from the times of the last bytes; those move without touching the table of deadlines.
    pub(super) fn arm_silence(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &self.links[id.index()];
        let at = (link.last_tx + link.keepalive_ms).min(link.last_rx + cx.config.uc.timers.probe_ms);
        cx.set(key(UcTimer::Silence(id)), at.max(cx.now.mono + 1));
    }

    pub(super) fn on_silence(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let now = cx.now.mono;
        let probe_ms = cx.config.uc.timers.probe_ms;
        let Some(link) = self.links.get_mut(id.index()) else { return };
        if link.state.peer().is_none() {
            return;
        }
        if now >= link.last_rx + probe_ms {
            if link.txns.is_empty() {
                self.probe(cx, id);
            }
            // The transaction's own time-out decides; look again later.
            let pause = self.links[id.index()].keepalive_ms.max(1);
            cx.set(key(UcTimer::Silence(id)), now + pause);
            return;
        }
        if now >= link.last_tx + link.keepalive_ms {
            link.last_tx = now;
            cx.act(Action::KeepAliveUc { link: id });
        }
        self.arm_silence(cx, id);
    }

    /// OPTIONS: is anybody there?
    pub(super) fn probe(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let watcher = self.links[id.index()].watchers.0;
        let Some(it) = self.watchers.get(usize::from(watcher)) else { return };
        let call_id = format!("o.{}@{}", cx.entropy.hex(16), self.links[id.index()].local.ip()).into_boxed_str();
        let mut msg = request::options(&cx.config.uc, it, call_id, cx.entropy.hex(10));
        msg.epid = msg.epid.filter(|_| !self.flavour.is_simple());
        self.send(cx, id, Ask::Probe, msg);
    }
}

/// RFC 3261 §8.1.3.1: a time-out counts as 408.
fn timed_out() -> Response<'static> {
    Response {
        status: 408,
        reason: "no answer",
        branch: "",
        method: "",
        cseq: 0,
        call_id: "",
        from_tag: "",
        to_tag: "",
        expires_s: None,
        min_expires_s: None,
        retry_after_s: None,
        state: SubState::Absent,
        state_expires_s: None,
        piggyback_cseq: None,
        keep_alive_s: None,
        benotify: false,
        text_format: false,
        contacts: Vec::new(),
        gruus: Vec::new(),
        record_routes: Vec::new(),
        challenges: Vec::new(),
        etag: None,
        diagnostics: None,
        body: Body::None,
    }
}
