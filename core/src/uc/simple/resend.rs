//! Client transactions over datagrams (RFC 3261 §17.1.2): Timer E sends a request again until somebody answers, Timer F (`transact.rs`) gives up.
//!
//! All unanswered requests of a link share one deadline, that of the next one to go out again. Requests too large for a datagram go by TCP and are not repeated
//! (§18.1.1).
use super::super::transact::Txn;
use super::super::{UcSide, UcTimer, key};
use crate::action::Action;
use crate::config::{NoteLevel, Oversize, SimpleConfig};
use crate::cx::Cx;
use crate::id::UcLinkId;
use crate::note::Note;
use crate::time::Mono;
use crate::uc_event::{SipRequest, Transport};
use alloc::vec::Vec;

/// Bytes that an answered challenge adds at most beyond what the encoder prints without the password.
const RESPONSE_BYTES_MAX: usize = 64;

impl UcSide {
    /// Chooses what carries a request: a datagram, or TCP when it is too large for one.
    pub(in super::super) fn choose_transport(cx: &Cx<'_>, simple: &SimpleConfig, msg: &mut SipRequest) {
        if msg.transport != Transport::Udp || simple.oversize == Oversize::Send {
            return;
        }
        let mut printed = Vec::new();
        crate::codec::sip::encode_request_with(msg, cx.directory, &mut |_| Some(alloc::string::String::new()), &mut printed);
        if printed.len() + RESPONSE_BYTES_MAX > simple.udp_request_bytes_max as usize {
            msg.transport = Transport::Tcp;
        }
    }

    /// Arms Timer E of a new transaction.
    pub(in super::super) fn arm_resend(&mut self, cx: &mut Cx<'_>, id: UcLinkId, number: u32) {
        let Some(simple) = cx.config.uc.kind.simple() else { return };
        let link = &mut self.links[id.index()];
        let Some(txn) = link.txns.get_mut(&number).filter(|txn| txn.by_datagram()) else { return };
        txn.interval_ms = simple.t1_ms;
        link.resends.insert((cx.now.mono + txn.interval_ms, number));
        self.set_resend_timer(cx, id);
    }

    fn set_resend_timer(&self, cx: &mut Cx<'_>, id: UcLinkId) {
        match self.links[id.index()].resends.first() {
            Some((at, _)) => cx.set(key(UcTimer::Resend(id)), *at),
            None => cx.clear(key(UcTimer::Resend(id))),
        }
    }

    pub(in super::super) fn on_resend_timer(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let Some(simple) = cx.config.uc.kind.simple() else { return };
        let now = cx.now.mono;
        let Some(link) = self.links.get_mut(id.index()) else { return };
        while let Some((at, number)) = link.resends.first().copied()
            && at <= now
        {
            link.resends.pop_first();
            // Entries of answered requests are left to time out here.
            let Some(txn) = link.txns.get_mut(&number) else { continue };
            let Some(msg) = &txn.msg else { continue };
            link.last_tx = now;
            cx.act(Action::SendUc { link: id, msg: msg.clone() });
            txn.interval_ms = if txn.proceeding { simple.t2_ms } else { (txn.interval_ms * 2).min(simple.t2_ms) }.max(1);
            self.tally.resent += 1;
            link.resends.insert((now + txn.interval_ms, number));
        }
        self.set_resend_timer(cx, id);
    }

    /// A provisional answer: the server has the request, so it is repeated rarely.
    pub(in super::super) fn on_provisional(&mut self, id: UcLinkId, number: u32) {
        if let Some(txn) = self.links[id.index()].txns.get_mut(&number) {
            txn.proceeding = true;
        }
    }

    /// The TCP connection for large requests is not to be had: what went there goes out as datagrams, under new numbers.
    pub(in super::super) fn on_stream_lost(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        let link = &mut self.links[id.index()];
        let large = |txn: &Txn| txn.msg.as_ref().is_some_and(|msg| msg.transport == Transport::Tcp);
        let numbers: Vec<u32> = link.txns.iter().filter(|(_, txn)| large(txn)).map(|(number, _)| *number).collect();
        if numbers.is_empty() || !Self::is_udp(cx) {
            return;
        }
        let text = "a request is too large for a datagram, and the server takes no TCP there: it is sent as a datagram all the same";
        cx.note(Note::Uc { level: NoteLevel::Warn, link: id, text: text.into() });
        for number in numbers {
            let Some(txn) = self.links[id.index()].txns.remove(&number) else { continue };
            let Some(mut msg) = txn.msg else { continue };
            msg.transport = Transport::Udp;
            self.bump_cseq(&txn.ask, &mut msg);
            self.transmit(cx, id, txn.ask, msg, txn.tries);
        }
    }
}

impl Txn {
    /// Sent as a datagram, so that it may be lost.
    pub(in super::super) fn by_datagram(&self) -> bool {
        self.msg.as_ref().is_some_and(|msg| msg.transport == Transport::Udp)
    }
}

/// Entries of the queue of repetitions; may be out of date.
pub(in super::super) type Resends = alloc::collections::BTreeSet<(Mono, u32)>;
