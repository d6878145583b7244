//! A subscription dialog (RFC 3261 §12, RFC 6665): identity, route set, CSeq in both directions, expiry.
//!
//! The Call-ID begins with the dialog's number, so a notification finds its dialog by parsing eight digits; the random rest and the tags are then compared.
use crate::entropy::Entropy;
use crate::id::{DialogId, UserId, WatcherId};
use crate::time::Mono;
use crate::uc_event::{Notify, Response};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What a dialog is for (`spec/ms-pres.md` 4.1).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Target {
    /// The users of the watcher's own pool, batched.
    Home,
    /// The users of another pool, batched; the text is Request-URI and To.
    Pool(Box<str>),
    /// One user, by the URI it had when the dialog was made.
    Single { user: UserId, uri: Box<str> },
    /// One user's calls (RFC 4235); covers nobody.
    Calls { user: UserId, uri: Box<str> },
}

/// A dialog of ours.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Dialog {
    pub(super) watcher: WatcherId,
    pub(super) target: Target,
    pub(super) call_id: Box<str>,
    pub(super) local_tag: Box<str>,
    /// Empty until the first answer or notification.
    pub(super) remote_tag: Box<str>,
    /// Request-URI inside the dialog; absent until known.
    pub(super) remote_target: Option<Box<str>>,
    /// Byte-exact, in the order of sending.
    pub(super) routes: Box<[Box<str>]>,
    pub(super) local_cseq: u32,
    /// Highest CSeq heard.
    pub(super) remote_cseq: Option<u32>,
    /// Which CSeq below it were heard: bit 0 is the highest itself. Datagrams come in any order and more than once.
    pub(super) seen: u32,
    /// How the last notification was answered.
    pub(super) answered: u16,
    /// `version` of the last list (RFC 4662).
    pub(super) list_version: Option<u32>,
    /// The first SUBSCRIBE was answered with 2xx.
    pub(super) live: bool,
    /// We ended it: kept only to answer what still comes.
    pub(super) ended: bool,
    /// Until when a notification must have come (Timer N); absent when one came.
    pub(super) notify_by: Option<Mono>,
    /// End of the subscription by a notification that came before the 2xx.
    pub(super) told_until: Option<Mono>,
    /// A SUBSCRIBE of this dialog is unanswered: the next one waits.
    pub(super) busy: bool,
    /// To be refreshed as soon as the pace allows.
    pub(super) refresh_due: bool,
    pub(super) born: Mono,
    /// Last 2xx.
    pub(super) refreshed: Mono,
    /// End of what the server granted.
    pub(super) granted_until: Mono,
    /// When we give it up; later than `granted_until` only where the server grants less than our shortest refresh interval.
    pub(super) expires_at: Mono,
    /// Upper bound of the live users that neither a document nor a list has settled yet.
    pub(super) unheard: u32,
    /// URIs to un-subscribe.
    pub(super) leaving: Vec<Box<str>>,
    /// Those of them in the un-subscription that is not answered yet; or those who are back before they were un-subscribed, in the subscription that is not answered
    /// yet: if it is refused, the server still has them.
    pub(super) left: Vec<Box<str>>,
    /// Those whose un-subscription was refused: again when the refresh timer fires.
    pub(super) refused: Vec<Box<str>>,
}

/// What a notification's CSeq means (RFC 3261 §12.2.2; `spec/ms-pres.md` 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Process it.
    Next,
    /// A retransmission: answer again.
    Again,
    /// Older than what was processed: 500.
    Old,
}

impl Dialog {
    pub(super) fn new(id: DialogId, watcher: WatcherId, target: Target, ip: IpAddr, now: Mono, entropy: &mut Entropy) -> Self {
        Self {
            watcher,
            target,
            call_id: format!("{:x}.{}@{ip}", id.0, entropy.hex(16)).into_boxed_str(),
            local_tag: entropy.hex(10),
            remote_tag: "".into(),
            remote_target: None,
            routes: Box::default(),
            local_cseq: 0,
            remote_cseq: None,
            seen: 0,
            answered: 200,
            list_version: None,
            live: false,
            ended: false,
            notify_by: None,
            told_until: None,
            busy: false,
            refresh_due: false,
            born: now,
            refreshed: now,
            granted_until: now,
            expires_at: now,
            unheard: 0,
            leaving: Vec::new(),
            left: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether a notification with this identity belongs here; the remote tag counts once it is known (a NOTIFY may overtake the 200).
    pub(super) fn owns(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        *self.call_id == *call_id && *self.local_tag == *local_tag && (self.remote_tag.is_empty() || *self.remote_tag == *remote_tag)
    }

    /// Judges a CSeq and remembers it when it is new.
    pub(super) fn order(&mut self, cseq: u32) -> Order {
        match self.remote_cseq {
            Some(last) if cseq < last => Order::Old,
            Some(last) if cseq == last => Order::Again,
            last => {
                let ahead = last.map_or(u32::BITS, |last| cseq - last);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.remote_cseq = Some(cseq);
                Order::Next
            }
        }
    }

    /// Whether a lower CSeq was processed lately, so that it comes again because our answer was lost.
    pub(super) fn was_heard(&self, cseq: u32) -> bool {
        let behind = self.remote_cseq.unwrap_or(0).saturating_sub(cseq);
        self.seen.checked_shr(behind).unwrap_or(0) & 1 == 1
    }

    /// The event package.
    pub(super) fn event(&self) -> &'static str {
        if matches!(self.target, Target::Calls { .. }) { "dialog" } else { "presence" }
    }

    /// Takes the dialog's state from the notification that makes it (RFC 6665 §4.4.1): it came before the 2xx, which may be another notifier's.
    pub(super) fn adopt(&mut self, n: &Notify<'_>) {
        self.remote_tag = n.from_tag.into();
        self.remote_target = n.contact.map(Into::into);
        self.routes = n.record_routes.iter().map(|route| Box::from(*route)).collect();
    }

    /// Takes the dialog's state from a 2xx: remote tag, target and, from the one that creates it, the route set.
    pub(super) fn absorb(&mut self, r: &Response<'_>) {
        let first = !core::mem::replace(&mut self.live, true);
        if self.remote_tag.is_empty() {
            self.remote_tag = r.to_tag.into();
        }
        // Of a forked SUBSCRIBE one answer arrives, which need not be that of the notifier that was first.
        if *self.remote_tag != *r.to_tag {
            return;
        }
        if first {
            self.routes = r.record_routes.iter().rev().map(|route| Box::from(*route)).collect();
        }
        if let Some(contact) = r.contacts.first() {
            self.remote_target = Some((*contact).into());
        }
    }

    /// A notification moves the target, too (RFC 5057 §5.4, RFC 3261 §12.2.2).
    pub(super) fn retarget(&mut self, n: &Notify<'_>) {
        if let Some(contact) = n.contact
            && self.remote_target.as_deref() != Some(contact)
        {
            self.remote_target = Some(contact.into());
        }
    }

    /// Whether it has lived long enough for its end to be no sign of trouble; one in which nothing was ever heard has not.
    pub(super) fn is_proved(&self, now: Mono, refresh_min_ms: u64) -> bool {
        self.notify_by.is_none() && now.since(self.born) >= refresh_min_ms
    }

    /// Whether a SUBSCRIBE of this dialog should go out now.
    pub(super) fn wants(&self) -> bool {
        self.live && !self.busy && (self.refresh_due || !self.leaving.is_empty())
    }
}

/// The dialog named by a Call-ID of ours; the caller compares the rest.
pub(super) fn id_in(call_id: &str) -> Option<DialogId> {
    hex_before_dot(call_id).map(DialogId)
}

/// Up to eight hexadecimal digits before a full stop.
pub(super) fn hex_before_dot(text: &str) -> Option<u32> {
    let mut n = 0u32;
    for (i, b) in text.bytes().enumerate() {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'f' => b - b'a' + 10,
            b'.' if i > 0 => return Some(n),
            _ => return None,
        };
        if i == 8 {
            return None;
        }
        n = n << 4 | u32::from(digit);
    }
    None
}
