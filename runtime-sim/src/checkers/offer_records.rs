//! The history: every offer is recorded exactly once when it begins and exactly once when it ends, as its page was told, about the same worker, place and call.
use super::{Checker, Scene, Truth, Verdict};
use std::collections::BTreeMap;
use uc_core::offer::{OfferId, OfferRecord, Outcome, PageNews};
use uc_core::{Action, Input};

/// One offer so far.
#[derive(Clone, Debug, Default)]
struct Line {
    shown: bool,
    begun: Option<OfferRecord>,
    told: Option<Outcome>,
    ended: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Records {
    lines: BTreeMap<OfferId, Line>,
    /// Offers that this input touched.
    touched: Vec<OfferId>,
    /// The highest number so far: none comes twice.
    last: Option<OfferId>,
}

impl Records {
    fn on_record(&mut self, record: &OfferRecord) -> Verdict {
        let line = self.lines.entry(record.offer).or_default();
        match (record.ended, &line.begun) {
            (None, None) => line.begun = Some(record.clone()),
            (None, Some(_)) => return Err(format!("the beginning of {:?} is recorded twice", record.offer)),
            (Some(_), _) if line.ended => return Err(format!("the end of {:?} is recorded twice", record.offer)),
            (Some(_), None) => return Err(format!("the end of {:?} is recorded, its beginning never was", record.offer)),
            (Some(outcome), Some(begun)) => {
                let (a, b) = (begun, record);
                if (a.user, a.dn, &a.conn, &a.media) != (b.user, b.dn, &b.conn, &b.media) || a.at_unix_ms > b.at_unix_ms {
                    return Err(format!("{:?} began as {begun:?} and ended as {record:?}", record.offer));
                }
                if line.told != Some(outcome) {
                    return Err(format!("{:?} is recorded as {}, its page was told {:?}", record.offer, outcome.word(), line.told));
                }
                line.ended = true;
            }
        }
        self.touched.push(record.offer);
        Ok(())
    }

    fn all_over(&self, when: &str) -> Verdict {
        self.lines.iter().find(|(_, line)| !line.ended).map_or(Ok(()), |(offer, _)| Err(format!("{when} the end of {offer:?} is not recorded")))
    }
}

impl Checker for Records {
    fn name(&self) -> &'static str {
        "records"
    }

    fn on_input(&mut self, _scene: Scene<'_>, _input: &Input<'_>) -> Verdict {
        self.touched.clear();
        Ok(())
    }

    fn on_action(&mut self, _scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::Record(record) => self.on_record(record),
            Action::Page { news, .. } => match &**news {
                PageNews::Offered(view) => {
                    if self.last.is_some_and(|last| view.offer <= last) {
                        return Err(format!("{:?} is offered after {:?}: numbers must not come again", view.offer, self.last));
                    }
                    self.last = Some(view.offer);
                    self.lines.entry(view.offer).or_default().shown = true;
                    self.touched.push(view.offer);
                    Ok(())
                }
                PageNews::Ended { offer, outcome } => {
                    self.lines.entry(*offer).or_default().told = Some(*outcome);
                    self.touched.push(*offer);
                    Ok(())
                }
                PageNews::TooLate { .. } => Ok(()),
            },
            Action::Drained => self.all_over("the connector has stopped and"),
            _ => Ok(()),
        }
    }

    fn on_settled(&mut self, _scene: Scene<'_>) -> Verdict {
        for offer in std::mem::take(&mut self.touched) {
            let Some(line) = self.lines.get(&offer) else { continue };
            if line.shown != line.begun.is_some() || line.told.is_some() != line.ended {
                return Err(format!("what the page was told of {offer:?} and what is recorded differ: {line:?}"));
            }
            if line.ended {
                self.lines.remove(&offer);
            }
        }
        Ok(())
    }

    fn on_quiet(&mut self, scene: Scene<'_>, _truth: &Truth<'_>) -> Verdict {
        // A request that still goes from one to the next is over with the stop.
        if scene.core.previews().offers > 0 { Ok(()) } else { self.all_over("after the quiet phase") }
    }
}
