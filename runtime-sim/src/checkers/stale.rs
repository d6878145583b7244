//! No stale overwrite: an older presence never wins over a newer one, across re-subscription, failover and crossing messages.
//!
//! The emulated pool stamps truthfully, so the stamp decides. A document the core refused (481, 500, ...) does not count.
use super::{Checker, Scene, Verdict};
use std::collections::BTreeMap;
use uc_core::id::UserId;
use uc_core::uc_event::{Body, CategoryDoc, Found, PublishTime, UcEvent};
use uc_core::{Action, Input, Mono};

#[derive(Clone, Copy, Debug)]
struct Held {
    availability: u32,
    publish_time: PublishTime,
}

/// See the module.
#[derive(Debug, Default)]
pub struct NoStale {
    held: BTreeMap<UserId, Held>,
    /// Whose id it was when something was taken for it.
    owners: BTreeMap<UserId, String>,
    /// States in the document at hand.
    offered: Vec<(UserId, Held)>,
    /// The document at hand must be taken when it is newer.
    binding: bool,
    /// Newer documents that were answered and not taken: somebody may be un-subscribed on one link and subscribed on another, whose news follow.
    debts: BTreeMap<UserId, (Held, Mono)>,
}

/// How long news may take to arrive by the other subscription, milliseconds.
const SETTLE_MS: u64 = 5_000;

impl NoStale {
    fn offer(&mut self, scene: Scene<'_>, doc: &CategoryDoc<'_>) {
        if let (Some(user), Found::Value(state)) = (scene.core.directory().user_by_uri(&doc.uri), &doc.state)
            && let Some(availability) = state.availability
        {
            self.offered.push((user, Held { availability, publish_time: state.publish_time }));
        }
    }

    fn offer_all(&mut self, scene: Scene<'_>, body: &Body<'_>) {
        match body {
            Body::Categories(doc) => self.offer(scene, doc),
            Body::List(list) => list.docs.iter().for_each(|doc| self.offer(scene, doc)),
            _ => {}
        }
    }
}

impl Checker for NoStale {
    fn name(&self) -> &'static str {
        "stale"
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.offered.clear();
        self.binding = false;
        match input {
            Input::Uc { event: UcEvent::Notify(notify), .. } => self.offer_all(scene, &notify.body),
            Input::Uc { event: UcEvent::Response(response), .. } => self.offer_all(scene, &response.body),
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        if let Action::Answer { status, .. } = action {
            // While something of ours stands, what comes back may be only that: nobody's presence.
            self.binding = *status == 200 && !scene.core.directory().config().mode.pushes();
        }
        Ok(())
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        // An id that was given to somebody else begins anew.
        let directory = scene.core.directory();
        let owners = &self.owners;
        self.held.retain(|user, _| directory.has_user(*user) && owners.get(user).is_some_and(|uri| uri == directory.uri(*user)));
        for (user, _) in &self.offered {
            // A document about somebody who is not subscribed (any more, yet) is rightly ignored.
            let Some(view) = scene.core.worker(*user).filter(|view| view.covered) else { continue };
            // The newest state for this user in the document at hand, and the one it led to. Where the pool has not let go of an earlier subscription yet, what comes
            // in that is rightly ignored, too, and may by chance say what is known.
            let newest = self.offered.iter().filter(|(u, _)| u == user).map(|(_, h)| *h).max_by_key(|h| h.publish_time);
            let is_taken = |h: &Held| h.availability == view.availability && h.publish_time == view.publish_time;
            let taken = self.offered.iter().map(|(u, h)| (u, *h)).find(|(u, h)| *u == user && is_taken(h)).map(|(_, h)| h);
            let (before, Some(newest)) = (self.held.get(user).copied(), newest) else { continue };
            match (before, taken) {
                (Some(before), Some(taken)) if taken.publish_time < before.publish_time && before.availability != view.availability => {
                    return Err(format!(
                        "{user}: presence {} of {} was overwritten by {} of {}",
                        before.availability, before.publish_time.0, taken.availability, taken.publish_time.0
                    ));
                }
                (Some(before), _) if self.binding && newest.publish_time > before.publish_time && view.availability != newest.availability => {
                    self.debts.entry(*user).or_insert((newest, scene.now));
                }
                (None, None) if self.binding => {
                    self.debts.entry(*user).or_insert((newest, scene.now));
                }
                _ => {}
            }
            if let Some(taken) = taken.filter(|t| before.is_none_or(|b| t.publish_time >= b.publish_time)) {
                self.held.insert(*user, taken);
                self.owners.insert(*user, directory.uri(*user).to_owned());
            }
        }
        self.offered.clear();
        let held = &self.held;
        self.debts.retain(|user, (owed, _)| {
            let view = scene.core.worker(*user).filter(|view| view.covered);
            view.is_some_and(|view| view.availability != owed.availability) && held.get(user).is_none_or(|h| h.publish_time < owed.publish_time)
        });
        match self.debts.iter().find(|(_, (_, since))| scene.now.since(*since) > SETTLE_MS) {
            Some((user, (owed, _))) => Err(format!("{user}: presence {} was answered 200 and ignored", owed.availability)),
            None => Ok(()),
        }
    }
}
