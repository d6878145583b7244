//! One link's rows, one per DN: registration, freshness, the unanswered request.
use crate::action::CtiReq;
use crate::fingerprint::Fp;
use crate::id::DnId;
use crate::offer::ReportId;
use crate::time::Mono;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What this connection knows of one DN.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct DnRow {
    /// Belongs to the switch of this link.
    used: bool,
    registered: bool,
    fresh: bool,
    /// We may have missed events about it: until it has told its state, nobody's hand can be told in what comes.
    missed: bool,
    /// In the work list.
    queued: bool,
    /// The last registration or query failed; waits for the registration timer.
    failed: bool,
    pending: Pending,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
enum Pending {
    #[default]
    None,
    Waiting {
        ref_id: u32,
        sent: Mono,
        req: CtiReq,
    },
    /// Answered: a repetition of the answer can be told from news.
    Done {
        ref_id: u32,
        req: CtiReq,
    },
    /// Given up; a late answer is still news.
    Lost {
        ref_id: u32,
        req: CtiReq,
    },
}

/// What a reference id means for a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The answer we wait for.
    Answer(CtiReq),
    /// The answer to a request we gave up.
    Late(CtiReq),
    /// The same answer once more.
    Repeated(CtiReq),
    /// The answer to an older request of ours: references are per connection, others' requests never show theirs to us (`spec/bridge.md` 4).
    Old,
    /// Not ours.
    None,
}

/// The rows of one link and its work list.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct DnRows {
    rows: Vec<DnRow>,
    /// DNs to register or to query, each at most once. Urgent ones (a worker waits) go to the front.
    work: VecDeque<DnId>,
    waiting: u32,
    registered: u32,
    /// DNs that are no longer ours, to be un-registered.
    leavers: VecDeque<DnId>,
    /// Un-registrations without an answer: reference and time.
    departing: Vec<(u32, Mono)>,
    /// Reports without an answer: reference, time, which.
    reports: Vec<(u32, Mono, ReportId)>,
}

impl DnRows {
    pub(super) fn add(&mut self, dn: DnId) {
        if self.rows.len() <= dn.index() {
            self.rows.resize(dn.index() + 1, DnRow::default());
        }
        self.rows[dn.index()] = DnRow { used: true, ..DnRow::default() };
        self.enqueue(dn);
    }

    /// Takes out DNs that are no longer ours; what is registered is un-registered as window and pace allow.
    pub(super) fn remove(&mut self, dns: impl Iterator<Item = DnId>) {
        for dn in dns {
            self.settle(dn);
            let Some(row) = self.rows.get_mut(dn.index()) else { continue };
            let row = core::mem::take(row);
            if row.registered {
                self.registered -= 1;
                self.leavers.push_back(dn);
            }
        }
        let rows = &self.rows;
        self.work.retain(|dn| rows[dn.index()].used);
    }

    /// DNs that `is_back` says are ours again, under whatever id, stay registered.
    pub(super) fn keep(&mut self, is_back: impl Fn(DnId) -> bool) {
        self.leavers.retain(|dn| !is_back(*dn));
    }

    pub(super) fn next_leaver(&mut self) -> Option<DnId> {
        self.leavers.pop_front()
    }

    pub(super) fn departing(&mut self, ref_id: u32, now: Mono) {
        self.departing.push((ref_id, now));
    }

    /// Whether this reference is that of an un-registration; it is answered now.
    pub(super) fn departed(&mut self, ref_id: u32) -> bool {
        let at = self.departing.iter().position(|(ours, _)| *ours == ref_id);
        at.map(|at| self.departing.swap_remove(at)).is_some()
    }

    pub(super) fn reporting(&mut self, ref_id: u32, now: Mono, report: ReportId) {
        self.reports.push((ref_id, now, report));
    }

    /// The report with this reference; it is answered now.
    pub(super) fn reported(&mut self, ref_id: u32) -> Option<ReportId> {
        let at = self.reports.iter().position(|(ours, ..)| *ours == ref_id)?;
        Some(self.reports.swap_remove(at).2)
    }

    /// Takes the reports older than `limit`, oldest first.
    pub(super) fn reports_timed_out(&mut self, now: Mono, limit: u64) -> Vec<ReportId> {
        let mut late: Vec<(Mono, u32, ReportId)> = Vec::new();
        self.reports.retain(|(ref_id, sent, report)| {
            let is_late = now.since(*sent) >= limit;
            if is_late {
                late.push((*sent, *ref_id, *report));
            }
            !is_late
        });
        late.sort_unstable_by_key(|(sent, ref_id, _)| (*sent, *ref_id));
        late.into_iter().map(|(.., report)| report).collect()
    }

    fn enqueue(&mut self, dn: DnId) {
        let row = &mut self.rows[dn.index()];
        if row.used && !row.queued {
            row.queued = true;
            self.work.push_back(dn);
        }
    }

    /// The connection is new: nothing is registered, nothing is known.
    pub(super) fn reset(&mut self) {
        self.work.clear();
        for (at, row) in self.rows.iter_mut().enumerate() {
            *row = DnRow { used: row.used, queued: row.used, missed: true, ..DnRow::default() };
            if row.used {
                self.work.push_back(DnId(at as u32));
            }
        }
        self.waiting = 0;
        self.registered = 0;
        self.leavers.clear();
        self.departing.clear();
        self.reports.clear();
    }

    /// We may have missed something: every DN is to be asked (or registered). DNs with an unanswered request first.
    pub(super) fn stale(&mut self) {
        for at in 0..self.rows.len() {
            self.rows[at].fresh = false;
            self.rows[at].missed = true;
            self.rows[at].failed = false;
            self.enqueue(DnId(at as u32));
        }
    }

    /// All DNs are to be registered once more (event 132); what we know stands until the answer. `gone` hears of each that was registered.
    pub(super) fn register_again(&mut self, mut gone: impl FnMut(DnId)) {
        for at in 0..self.rows.len() {
            if core::mem::take(&mut self.rows[at].registered) {
                self.registered -= 1;
                gone(DnId(at as u32));
            }
            self.rows[at].fresh = false;
            self.enqueue(DnId(at as u32));
        }
    }

    /// The unanswered request of `dn` will not be answered here any more.
    pub(super) fn settle(&mut self, dn: DnId) {
        if let Some(row) = self.rows.get_mut(dn.index())
            && let Pending::Waiting { ref_id, req, .. } = row.pending
        {
            row.pending = Pending::Lost { ref_id, req };
            self.waiting -= 1;
        }
    }

    /// State requests that will not be answered because the server is no longer primary; registrations and queries are still answered by a backup.
    pub(super) fn drop_state_requests(&mut self) {
        self.reports.clear();
        for at in 0..self.rows.len() {
            if let Pending::Waiting { req: CtiReq::State(_) | CtiReq::AgentLogin | CtiReq::AgentLogout, .. } = self.rows[at].pending {
                self.settle(DnId(at as u32));
            }
        }
    }

    pub(super) fn is_fresh_or_hurry(&mut self, dn: DnId) -> bool {
        let Some(row) = self.rows.get_mut(dn.index()) else { return false };
        if row.fresh && !matches!(row.pending, Pending::Waiting { .. }) {
            return true;
        }
        // A worker waits for it: to the front, unless it is being asked already or there before.
        if row.queued && self.work.front() != Some(&dn) && self.work.len() < 64 {
            self.work.retain(|other| *other != dn);
            self.work.push_front(dn);
        } else if !row.queued && !row.fresh && !row.failed && !matches!(row.pending, Pending::Waiting { .. }) {
            row.queued = true;
            self.work.push_front(dn);
        }
        false
    }

    /// The next DN to register or to query, and which; rows with an unanswered request wait for its end.
    pub(super) fn next_work(&mut self, primary: bool) -> Option<(DnId, CtiReq)> {
        while let Some(dn) = self.work.pop_front() {
            let row = &mut self.rows[dn.index()];
            row.queued = false;
            if !row.used || matches!(row.pending, Pending::Waiting { .. }) {
                continue; // its answer, or its time-out, brings it back
            }
            if !row.registered {
                return Some((dn, CtiReq::RegisterAddress));
            }
            if primary && !row.fresh {
                return Some((dn, CtiReq::QueryAddress));
            }
        }
        None
    }

    pub(super) fn sent(&mut self, dn: DnId, ref_id: u32, now: Mono, req: CtiReq) {
        self.rows[dn.index()].pending = Pending::Waiting { ref_id, sent: now, req };
        self.waiting += 1;
    }

    /// What `ref_id` on an event about `dn` means; an answer we wait for is taken off.
    pub(super) fn take(&mut self, dn: DnId, ref_id: u32, event: u32) -> Match {
        let Some(row) = self.rows.get_mut(dn.index()) else { return Match::None };
        if ref_id == 0 {
            return Match::None;
        }
        match row.pending {
            Pending::Waiting { ref_id: ours, req, .. } if ours == ref_id => {
                row.pending = Pending::Done { ref_id, req };
                self.waiting -= 1;
                Match::Answer(req)
            }
            Pending::Done { ref_id: ours, req } if ours == ref_id && (event == super::expected(req) || event == crate::codec::cti::catalogue::EVENT_ERROR) => {
                Match::Repeated(req)
            }
            Pending::Lost { ref_id: ours, req } if ours == ref_id => {
                row.pending = Pending::Done { ref_id, req };
                Match::Late(req)
            }
            _ => Match::Old,
        }
    }

    /// The DN whose unanswered request has this reference id: for errors that name no DN. Linear, rare.
    pub(super) fn dn_of_ref(&self, wanted: u32) -> Option<DnId> {
        let at = self.rows.iter().position(|row| matches!(row.pending, Pending::Waiting { ref_id, .. } if ref_id == wanted))?;
        Some(DnId(at as u32))
    }

    pub(super) fn set_registered(&mut self, dn: DnId, registered: bool) {
        let row = &mut self.rows[dn.index()];
        self.registered = self.registered + u32::from(registered) - u32::from(row.registered);
        row.registered = registered;
        row.fresh &= registered;
        if !registered {
            self.enqueue(dn);
        }
    }

    pub(super) fn set_fresh(&mut self, dn: DnId) {
        self.rows[dn.index()].fresh = true;
        self.rows[dn.index()].missed = false;
        self.rows[dn.index()].failed = false;
    }

    /// What we know of `dn` may be wrong (its request timed out): ask.
    pub(super) fn doubt(&mut self, dn: DnId) {
        self.rows[dn.index()].fresh = false;
        self.enqueue(dn);
    }

    /// Registration or query failed: try again when the timer says so.
    pub(super) fn set_failed(&mut self, dn: DnId) {
        self.rows[dn.index()].failed = true;
        self.rows[dn.index()].fresh = false;
    }

    pub(super) fn retry_failed(&mut self) {
        for at in 0..self.rows.len() {
            if core::mem::take(&mut self.rows[at].failed) {
                self.enqueue(DnId(at as u32));
            }
        }
    }

    /// Takes the DNs whose request is older than `limit`; returns them and when to look again.
    pub(super) fn timed_out(&mut self, now: Mono, limit: u64) -> (Vec<(DnId, CtiReq)>, Option<Mono>) {
        let mut late = Vec::new();
        let mut oldest: Option<Mono> = None;
        for (at, row) in self.rows.iter_mut().enumerate() {
            let Pending::Waiting { ref_id, sent, req } = row.pending else { continue };
            if now.since(sent) >= limit {
                row.pending = Pending::Lost { ref_id, req };
                late.push((DnId(at as u32), req));
            } else if oldest.is_none_or(|o| sent < o) {
                oldest = Some(sent);
            }
        }
        self.waiting -= late.len() as u32;
        self.departing.retain(|(_, sent)| now.since(*sent) < limit);
        let others = self.departing.iter().map(|(_, sent)| *sent).chain(self.reports.iter().map(|(_, sent, _)| *sent));
        oldest = oldest.into_iter().chain(others).min();
        (late, oldest.map(|sent| sent + limit))
    }

    pub(super) fn is_registered(&self, dn: DnId) -> bool {
        self.rows.get(dn.index()).is_some_and(|row| row.registered)
    }

    /// Whether its state has not been told since we may have missed something.
    pub(super) fn is_missed(&self, dn: DnId) -> bool {
        self.rows.get(dn.index()).is_some_and(|row| row.missed || !row.registered)
    }

    pub(super) fn is_used(&self, dn: DnId) -> bool {
        self.rows.get(dn.index()).is_some_and(|row| row.used)
    }

    pub(super) const fn registered(&self) -> u32 {
        self.registered
    }

    pub(super) const fn outstanding(&self) -> u32 {
        self.waiting + self.departing.len() as u32 + self.reports.len() as u32
    }

    pub(super) fn has_work(&self) -> bool {
        !self.work.is_empty() || !self.leavers.is_empty()
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for row in &self.rows {
            fp.num(u64::from(row.used) | u64::from(row.registered) << 1 | u64::from(row.fresh) << 2 | u64::from(row.queued) << 3 | u64::from(row.failed) << 4);
            match row.pending {
                Pending::Waiting { sent, req, .. } => {
                    fp.time(sent);
                    fp.debug(&req);
                }
                Pending::Lost { req, .. } => fp.debug(&("lost", req)),
                Pending::Done { .. } | Pending::None => fp.num(0),
            }
        }
        for dn in self.work.iter().chain(&self.leavers) {
            fp.num(u64::from(dn.0));
        }
        for (_, sent) in &self.departing {
            fp.time(*sent);
        }
        for (_, sent, _) in &self.reports {
            fp.time(*sent);
        }
    }
}
