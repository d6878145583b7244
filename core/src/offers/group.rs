//! One interaction that workers are asked about, and one offer to one worker.
use super::invited::Invited;
use crate::fingerprint::Fp;
use crate::id::{DnId, SwitchId, UserId};
use crate::offer::{OfferId, OfferView, Outcome, PreviewStatus, RequestId, Select};
use crate::time::Mono;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The business data of an interaction.
pub(super) type Data = Arc<[(Box<str>, Box<str>)]>;

/// One interaction that workers are being asked about.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Group {
    /// Idempotency key.
    pub(super) key: Option<Box<str>>,
    pub(super) conn: Arc<str>,
    pub(super) media: Arc<str>,
    pub(super) data: Data,
    pub(super) select: Select,
    /// Where the call shall go, as the router said; empty: the worker's first ready DN.
    pub(super) dn: Box<str>,
    pub(super) switch: Box<str>,
    /// Time to think, milliseconds.
    pub(super) think_ms: u64,
    /// The targets' list, for its round-robin cursor.
    pub(super) list: u64,
    /// Who waits for the answer; several when a request was repeated with its key.
    pub(super) requests: Vec<RequestId>,
    /// Open offers.
    pub(super) open: Vec<OfferId>,
    /// Who is asked next, in turn.
    pub(super) remaining: VecDeque<UserId>,
    /// Somebody has been asked.
    pub(super) asked: bool,
    /// When the open offers end.
    pub(super) ends: Mono,
    pub(super) tally: Tally,
}

/// Why a worker cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Obstacle {
    /// Nobody has this name.
    Unknown,
    NotReady,
    NoPage,
    Busy,
    /// The DN asked for is not one of the worker's.
    OtherDn,
    /// Was asked, and left or became not ready.
    Left,
}

impl Obstacle {
    const ALL: [Self; 6] = [Self::Unknown, Self::NotReady, Self::NoPage, Self::Busy, Self::OtherDn, Self::Left];

    const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotReady => "not ready",
            Self::NoPage => "without an open page",
            Self::Busy => "busy with another preview",
            Self::OtherDn => "not at the given DN",
            Self::Left => "no longer ready or present",
        }
    }
}

/// What those said who were asked, or why they could not be.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Tally {
    pub(super) rejected: u32,
    pub(super) silent: u32,
    obstacles: [u32; 6],
}

impl Tally {
    pub(super) const fn obstacle(&mut self, obstacle: Obstacle) {
        self.obstacles[obstacle as usize] += 1;
    }

    pub(super) const fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Rejected => self.rejected += 1,
            Outcome::Timeout => self.silent += 1,
            Outcome::Unavailable => self.obstacle(Obstacle::Left),
            _ => {}
        }
    }

    /// What the router hears when nobody accepted (`spec/uc-connector-functional.md` 5.4): time ran out if at least one did not answer, else somebody declined,
    /// else nobody could be asked.
    pub(super) const fn status(&self) -> PreviewStatus {
        if self.silent > 0 {
            PreviewStatus::Timeout
        } else if self.rejected > 0 {
            PreviewStatus::Rejected
        } else {
            PreviewStatus::Unavailable
        }
    }

    /// The same as a sentence.
    pub(super) fn text(&self) -> Box<str> {
        let mut parts: Vec<String> = Vec::new();
        let mut part = |n: u32, words: &str| {
            if n > 0 {
                parts.push(format!("{n} {words}"));
            }
        };
        part(self.rejected, "declined");
        part(self.silent, "did not answer in time");
        for obstacle in Obstacle::ALL {
            part(self.obstacles[obstacle as usize], obstacle.words());
        }
        let begin = match self.status() {
            PreviewStatus::Timeout => "time ran out",
            PreviewStatus::Rejected => "declined",
            _ => "nobody could be asked",
        };
        if parts.is_empty() { format!("{begin}: no targets").into() } else { format!("{begin}: {}", parts.join(", ")).into() }
    }

    fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(self.rejected, self.silent, self.obstacles));
    }
}

/// An open offer to one worker.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Offer {
    pub(super) group: u64,
    pub(super) user: UserId,
    /// Where the call would come.
    pub(super) dn: DnId,
    pub(super) offered_unix_ms: u64,
    pub(super) ends_unix_ms: u64,
    /// Its beginning was, or will be, reported: as this.
    pub(super) reported: Option<Arc<Reported>>,
    /// The worker had no page and was asked through their own client.
    pub(super) invited: Option<Invited>,
}

/// What is the same in both reports of an offer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Reported {
    /// The worker's main DN, by id and as it was called.
    pub(super) dn: DnId,
    pub(super) this_dn: Box<str>,
    pub(super) switch: SwitchId,
    pub(super) conn: Arc<str>,
    pub(super) agent: Box<str>,
    pub(super) user: Box<str>,
    pub(super) state_name: Box<str>,
}

impl Group {
    pub(super) fn view(&self, id: OfferId, offer: &Offer) -> OfferView {
        OfferView {
            offer: id,
            dn: offer.dn,
            conn: Arc::clone(&self.conn),
            media: Arc::clone(&self.media),
            data: Arc::clone(&self.data),
            offered_unix_ms: offer.offered_unix_ms,
            ends_unix_ms: offer.ends_unix_ms,
            broadcast: self.select == Select::Broadcast,
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.text(self.key.as_deref().unwrap_or_default());
        for text in [&*self.conn, &self.media, &self.dn, &self.switch] {
            fp.text(text);
        }
        for (key, value) in self.data.iter() {
            fp.text(key);
            fp.text(value);
        }
        fp.debug(&(self.select, self.requests.len(), self.open.len(), &self.remaining));
        fp.num(self.think_ms << 1 | u64::from(self.asked));
        if !self.open.is_empty() {
            fp.time(self.ends);
        }
        self.tally.fingerprint(fp);
    }
}
