//! Reports: user events that tell a reporting product of every offer, `+` when it begins and `-` when it ends (`spec/uc-connector-functional.md` 8.2).
//!
//! One line per DN, at most one report of a line unanswered, so that the contact centre hears them in order and paired. A report is kept until it is answered;
//! when the connection is lost before, it is sent again and may arrive twice. One that T-Server leaves unanswered while the connection stands is not.
use super::group::Reported;
use crate::cti::CtiSide;
use crate::cx::Cx;
use crate::fingerprint::Fp;
use crate::id::{DnId, SwitchId};
use crate::note::Note;
use crate::offer::{OfferId, Outcome, ReportId, ReportView};
use crate::offers::ReportEnd;
use crate::views::Counters;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Reports that wait or are under way.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Reports {
    all: BTreeMap<ReportId, Report>,
    lines: BTreeMap<(SwitchId, DnId), Line>,
    /// Lines to look at, by switch; each at most once.
    due: Vec<VecDeque<DnId>>,
    last: u32,
    /// The queue was full, and the operator knows.
    full: bool,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Report {
    offer: OfferId,
    what: Arc<Reported>,
    ended: Option<Outcome>,
}

/// The reports of one DN, in order.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Line {
    reports: VecDeque<ReportId>,
    /// The first one is unanswered.
    sent: bool,
    due: bool,
}

impl Reports {
    /// Makes room for one more beginning: when too many wait, the oldest offer neither of whose reports was sent is left out, and returned. `Err`: there is none.
    pub(super) fn make_room(&mut self, cx: &mut Cx<'_>, counters: &mut Counters) -> Result<Option<OfferId>, ()> {
        let max = cx.config.preview.reports_max as usize;
        if self.all.len() < max {
            self.full &= self.all.len() > max / 2;
            return Ok(None);
        }
        counters.reports_dropped += 1;
        if !core::mem::replace(&mut self.full, true) {
            let text = format!("{max} reports of previews wait for a switch; from now on the oldest are left out, and counted");
            cx.note(Note::Preview { level: crate::config::NoteLevel::Warn, text: text.into() });
        }
        let is_waiting = |id: ReportId, report: &Report| {
            let line = &self.lines[&(report.what.switch, report.what.dn)];
            !(line.sent && line.reports.front() == Some(&id))
        };
        let Report { offer, what, .. } = self.all.iter().find(|(id, report)| report.ended.is_none() && is_waiting(**id, report)).ok_or(())?.1;
        let (oldest, line) = (*offer, &self.lines[&(what.switch, what.dn)]);
        let gone: Vec<ReportId> = line.reports.iter().copied().filter(|id| self.all[id].offer == oldest).collect();
        for id in gone {
            self.remove(id);
        }
        Ok(Some(oldest))
    }

    /// Puts a report behind those of its DN.
    pub(super) fn push(&mut self, offer: OfferId, what: Arc<Reported>, ended: Option<Outcome>) {
        self.last = self.last.wrapping_add(1);
        let (id, at) = (ReportId(self.last), (what.switch, what.dn));
        self.all.insert(id, Report { offer, what, ended });
        self.lines.entry(at).or_default().reports.push_back(id);
        self.look_at(at.0, at.1);
    }

    fn remove(&mut self, id: ReportId) {
        let Some(report) = self.all.remove(&id) else { return };
        let at = (report.what.switch, report.what.dn);
        if let Some(line) = self.lines.get_mut(&at) {
            line.reports.retain(|other| *other != id);
            if line.reports.is_empty() && !line.due {
                self.lines.remove(&at);
            }
        }
    }

    fn look_at(&mut self, switch: SwitchId, dn: DnId) {
        let Some(line) = self.lines.get_mut(&(switch, dn)) else { return };
        if !line.due && !line.sent {
            line.due = true;
            if self.due.len() <= switch.index() {
                self.due.resize_with(switch.index() + 1, VecDeque::new);
            }
            self.due[switch.index()].push_back(dn);
        }
    }

    /// A DN may have been registered.
    pub(super) fn on_agent(&mut self, switch: SwitchId, dn: DnId) {
        if !self.lines.is_empty() {
            self.look_at(switch, dn);
        }
    }

    /// The DNs are others, or elsewhere: a report that waited for the registration of one that left waits for nothing now.
    pub(super) fn on_reconfigure(&mut self) {
        let lines: Vec<(SwitchId, DnId)> = self.lines.keys().copied().collect();
        for (switch, dn) in lines {
            self.look_at(switch, dn);
        }
    }

    /// The switch came or went: what is not answered will not be.
    pub(super) fn on_switch(&mut self, switch: SwitchId) {
        let lines: Vec<DnId> = self.lines.range((switch, DnId(0))..=(switch, DnId(u32::MAX))).map(|((_, dn), _)| *dn).collect();
        for dn in lines {
            if let Some(line) = self.lines.get_mut(&(switch, dn)) {
                line.sent = false;
            }
            self.look_at(switch, dn);
        }
    }

    pub(super) fn on_end(&mut self, cx: &mut Cx<'_>, counters: &mut Counters, id: ReportId, end: ReportEnd) {
        let Some(report) = self.all.get(&id) else { return };
        let (switch, dn) = (report.what.switch, report.what.dn);
        let text = match end {
            ReportEnd::Done => None,
            ReportEnd::Refused(code) => Some(format!("T-Server refused the report of a preview on DN {} with error {code}", report.what.this_dn)),
            ReportEnd::TimedOut => Some(format!("T-Server did not acknowledge the report of a preview on DN {}", report.what.this_dn)),
        };
        if let Some(text) = text {
            counters.reports_failed += 1;
            cx.note(Note::Preview { level: crate::config::NoteLevel::Warn, text: text.into() });
        }
        if let Some(line) = self.lines.get_mut(&(switch, dn))
            && line.reports.front() == Some(&id)
        {
            line.sent = false;
        }
        self.remove(id);
        self.look_at(switch, dn);
    }

    /// Sends what windows, pace and registrations allow.
    pub(super) fn emit(&mut self, cx: &mut Cx<'_>, cti: &mut CtiSide, counters: &mut Counters) {
        for at in 0..self.due.len() {
            let switch = SwitchId(at as u16);
            while !self.due[at].is_empty() {
                let Some(link) = cti.ready(cx, switch) else { break };
                let Some(dn) = self.due[at].pop_front() else { break };
                let Some(line) = self.lines.get_mut(&(switch, dn)) else { continue };
                line.due = false;
                let Some(report) = line.reports.front().copied() else {
                    self.lines.remove(&(switch, dn));
                    continue;
                };
                // Of a DN that left the configuration nothing better will come.
                if cx.directory.has_dn(dn) && cx.directory.switch_of(dn) == switch && !cti.is_registered(switch, dn) {
                    continue; // its registration brings it back
                }
                line.sent = true;
                counters.reports_sent += 1;
                cti.report(cx, link, dn, report);
            }
        }
    }

    /// Nothing is unanswered or can be sent on a switch that is up.
    pub(super) fn is_drained(&self, cti: &CtiSide) -> bool {
        !self.lines.iter().any(|((switch, _), line)| (line.sent || line.due) && cti.is_up(*switch))
    }

    /// Reports go with the names of their switches; those of a switch that is gone are left out.
    pub(super) fn renumber(&mut self, counters: &mut Counters, switch: impl Fn(SwitchId) -> Option<SwitchId>) {
        self.lines.clear();
        self.due.clear();
        for (id, mut report) in core::mem::take(&mut self.all) {
            let Some(new) = switch(report.what.switch) else {
                counters.reports_dropped += 1;
                continue;
            };
            if new != report.what.switch {
                report.what = Arc::new(Reported { switch: new, ..Reported::clone(&report.what) });
            }
            let at = (new, report.what.dn);
            self.lines.entry(at).or_default().reports.push_back(id);
            self.all.insert(id, report);
            self.look_at(at.0, at.1);
        }
    }

    pub(super) fn view(&self, id: ReportId) -> Option<ReportView<'_>> {
        let Report { what, ended, .. } = self.all.get(&id)?;
        let Reported { this_dn, conn, agent, user, state_name, .. } = &**what;
        Some(ReportView { this_dn, conn, agent, user, state_name, reason: ended.map(Outcome::reason) })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for ((switch, dn), line) in &self.lines {
            fp.debug(&(switch, dn, line.sent, line.due));
            for report in line.reports.iter().filter_map(|id| self.all.get(id)) {
                fp.text(&report.what.conn);
                fp.debug(&report.ended);
            }
        }
        for dn in self.due.iter().flatten() {
            fp.num(u64::from(dn.0));
        }
    }
}
