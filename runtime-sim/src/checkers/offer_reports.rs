//! Reports: of every offer that is to be reported the T-Server gets one `+` and one `-`, in this order for each worker, and a second time only where nobody can know
//! whether the first one arrived: a connection was lost, that of T-Server to its switch too, or the server stopped being the one in charge.
use super::reported::number;
use super::{Checker, Scene, Truth, Verdict};
use std::collections::BTreeMap;
use uc_core::action::CtiOut;
use uc_core::cti_event::{Control, CtiEvent};
use uc_core::id::CtiLinkId;
use uc_core::offer::{OfferId, Outcome, ReportId};
use uc_core::{Action, Input};

/// A worker, a call, and the reason; none of a beginning.
type Subject = (String, String, Option<&'static str>);

/// A report that was sent.
#[derive(Clone, Debug)]
struct Sent {
    what: Subject,
    /// Nobody can know whether it arrived.
    unknown: bool,
    answered: bool,
}

/// Counts of one subject.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Offers that began or ended so.
    due: u64,
    /// Reports sent for the first time.
    sent: u64,
    /// Sent again.
    again: u64,
    /// Answered with EventACK.
    acknowledged: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Reports {
    counts: BTreeMap<Subject, Count>,
    reports: BTreeMap<ReportId, Sent>,
    unanswered: BTreeMap<(CtiLinkId, u32), ReportId>,
    /// Who an open offer was made to: employee id, and its call.
    open: BTreeMap<OfferId, (String, String)>,
}

impl Reports {
    /// Whatever was told, to whichever server, may not have arrived, or another one is in charge now.
    fn unknown(&mut self) {
        for report in std::mem::take(&mut self.unanswered).into_values() {
            if let Some(sent) = self.reports.get_mut(&report) {
                sent.unknown = true;
            }
        }
    }

    fn due(&mut self, user: &str, conn: &str, outcome: Option<Outcome>) {
        self.counts.entry((user.to_owned(), conn.to_owned(), outcome.map(Outcome::reason))).or_default().due += 1;
    }

    fn on_sent(&mut self, scene: Scene<'_>, link: CtiLinkId, ref_id: u32, report: ReportId) -> Verdict {
        let Some(view) = scene.core.report(report) else { return Err(format!("{report:?} is sent, and there is no such report")) };
        let what: Subject = (view.user.to_owned(), view.conn.to_owned(), view.reason);
        self.unanswered.insert((link, ref_id), report);
        let count = self.counts.entry(what.clone()).or_default();
        if let Some(before) = self.reports.get_mut(&report) {
            if before.what != what {
                return Err(format!("{report:?} was {:?} and is {what:?} now", before.what));
            }
            if before.answered || !before.unknown {
                return Err(format!("{what:?} is sent again, and no connection was lost in between"));
            }
            before.unknown = false;
            count.again += 1;
            return Ok(());
        }
        count.sent += 1;
        if count.sent > count.due {
            return Err(format!("{what:?} is reported {} times, it happened {} times", count.sent, count.due));
        }
        self.reports.insert(report, Sent { what, unknown: false, answered: false });
        Ok(())
    }
}

impl Checker for Reports {
    fn name(&self) -> &'static str {
        "reports"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        let Input::Cti { link, event } = input else { return Ok(()) };
        match event {
            // Another primary is another server: whatever the old one was told is unknown.
            CtiEvent::Closed { .. } | CtiEvent::Connected | CtiEvent::Control(Control::Opened { .. } | Control::Role { .. }) => self.unknown(),
            CtiEvent::Event(event) if matches!(event.id, number::LINK_DISCONNECTED | number::LINK_CONNECTED) => self.unknown(),
            CtiEvent::Event(event) if matches!(event.id, number::ACK | number::ERROR) => {
                if let Some(sent) = self.unanswered.remove(&(*link, event.ref_id)).and_then(|report| self.reports.get_mut(&report)) {
                    sent.answered = true;
                    if event.id == number::ACK {
                        self.counts.entry(sent.what.clone()).or_default().acknowledged += 1;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::SendCti { link, msg: CtiOut::UserEvent { ref_id, report, .. } } => self.on_sent(scene, *link, *ref_id, *report),
            Action::CloseCti { .. } => {
                self.unknown();
                Ok(())
            }
            Action::Record(record) if scene.core.directory().config().preview.reporting => {
                match record.ended {
                    None => {
                        let user = scene.core.directory().person(record.user).employee_id.to_string();
                        self.due(&user, &record.conn, None);
                        self.open.insert(record.offer, (user, record.conn.to_string()));
                    }
                    Some(outcome) => {
                        if let Some((user, conn)) = self.open.remove(&record.offer) {
                            self.due(&user, &conn, Some(outcome));
                        }
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        let waiting = scene.core.previews().reports;
        if waiting > 0 {
            return Err(format!("{waiting} reports are left after the quiet phase"));
        }
        let mut arrived: BTreeMap<(&str, &str, Option<&str>), u64> = BTreeMap::new();
        for (_, data) in truth.user_events {
            let value = |key: &str| data.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            *arrived.entry((value("UCC_UserId").unwrap_or_default(), value("UCC_ConnID").unwrap_or_default(), value("UCC_Reason"))).or_default() += 1;
        }
        for (what @ (user, conn, reason), count) in &self.counts {
            let arrived = arrived.remove(&(user.as_str(), conn.as_str(), *reason)).unwrap_or_default();
            if count.sent != count.due {
                return Err(format!("{what:?} happened {} times and was reported {} times", count.due, count.sent));
            }
            if arrived < count.acknowledged || arrived > count.sent + count.again {
                return Err(format!("T-Server has {what:?} {arrived} times: {count:?}"));
            }
        }
        arrived.keys().next().map_or(Ok(()), |what| Err(format!("T-Server has {what:?}, which never happened")))
    }
}
