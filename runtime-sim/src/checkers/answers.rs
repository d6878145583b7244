//! Answers: every request and every cancellation of a router is answered exactly once, in the time its workers have, also when the connector stops.
use super::bridged::is_bridged;
use super::{Checker, Scene, Truth, Verdict};
use crate::preview::workers_of;
use std::collections::{BTreeMap, BTreeSet};
use uc_core::offer::{PreviewStatus, RequestId, RouterEvent};
use uc_core::{Action, Input, Mono};

/// Who waits, and until when at most.
#[derive(Clone, Debug)]
struct Waiting {
    by: Mono,
    key: Option<String>,
    /// Asked through a bridge whose connection is lost: the answer waits for it.
    lost: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Answers {
    waiting: BTreeMap<RequestId, Waiting>,
    /// The same by time.
    by_time: BTreeSet<(Mono, RequestId)>,
    /// To be answered before anything else happens.
    at_once: Option<RequestId>,
    cancel: bool,
    stopped: bool,
}

impl Answers {
    fn wait(&mut self, id: RequestId, by: Mono, key: Option<&str>) {
        if let Some(before) = self.waiting.insert(id, Waiting { by, key: key.map(str::to_owned), lost: false }) {
            self.by_time.remove(&(before.by, id));
        }
        self.by_time.insert((by, id));
    }
}

impl Checker for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        (self.at_once, self.cancel) = (None, false);
        match input {
            Input::Router(RouterEvent::Request { id, request }) => {
                let preview = &scene.core.directory().config().preview;
                let (shortest, longest) = preview.timeout_range_ms;
                let think = request.timeout_ms.unwrap_or(preview.timeout_ms).max(shortest).min(longest);
                // In turn each has the whole time; one that joins another may have to wait as long as that.
                let own = scene.now + think * (workers_of(request.targets).len().max(1) as u64);
                let same = self.waiting.values().filter(|it| request.key.is_some() && it.key.as_deref() == request.key).map(|it| it.by).max();
                self.wait(*id, own.max(same.unwrap_or(own)), request.key);
                self.at_once = self.stopped.then_some(*id);
            }
            Input::Router(RouterEvent::Cancel { id, .. }) => {
                self.wait(*id, scene.now, None);
                (self.at_once, self.cancel) = (Some(*id), true);
            }
            Input::Router(RouterEvent::Gone { id }) if is_bridged(*id) => {
                if let Some(waiting) = self.waiting.get_mut(id) {
                    self.by_time.remove(&(waiting.by, *id));
                    if std::mem::replace(&mut waiting.lost, true) {
                        self.waiting.remove(id);
                    }
                }
            }
            Input::Router(RouterEvent::Gone { id }) if self.waiting.contains_key(id) => self.at_once = Some(*id),
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::AnswerPreview { id, answer } => {
                let Some(waiting) = self.waiting.remove(id) else {
                    return Err(format!("{id:?} is answered {} although nobody waits: it was answered before, or never asked", answer.status.word()));
                };
                self.by_time.remove(&(waiting.by, *id));
                if scene.now > waiting.by {
                    return Err(format!("{id:?} is answered {} at {}, at the latest it was to be at {}", answer.status.word(), scene.now, waiting.by));
                }
                if self.at_once == Some(*id) && self.cancel && !self.stopped && answer.status != PreviewStatus::Canceled {
                    return Err(format!("the cancellation {id:?} is answered {}", answer.status.word()));
                }
                Ok(())
            }
            Action::Drained => {
                self.stopped = true;
                match self.waiting.iter().find(|(_, waiting)| !waiting.lost) {
                    Some((id, _)) => Err(format!("the connector has stopped and {id:?} has no answer")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        if let Some(id) = self.at_once.filter(|id| self.waiting.contains_key(id)) {
            return Err(format!("{id:?} was to be answered at once"));
        }
        match self.by_time.first() {
            Some((by, id)) if *by < scene.now => Err(format!("{id:?} has no answer at {}, its workers had time until {by}", scene.now)),
            _ => Ok(()),
        }
    }

    fn on_quiet(&mut self, scene: Scene<'_>, _truth: &Truth<'_>) -> Verdict {
        let open = scene.core.previews().requests as usize;
        let lost = self.waiting.values().filter(|waiting| waiting.lost).count();
        if (self.waiting.len() - lost..=self.waiting.len()).contains(&open) {
            Ok(())
        } else {
            Err(format!("{open} requests are open in the core, {} wait outside", self.waiting.len()))
        }
    }
}
