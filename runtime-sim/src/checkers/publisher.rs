//! One publisher: never two publications under way for one worker.
use super::{Checker, Scene, Verdict};
use std::collections::BTreeMap;
use uc_core::id::UcLinkId;
use uc_core::uc_event::UcEvent;
use uc_core::{Action, Input, Mono};

/// See the module.
#[derive(Debug, Default)]
pub struct OnePublisher {
    /// By the worker's address: where, which transaction, since when.
    open: BTreeMap<Box<str>, (UcLinkId, Box<str>, Mono)>,
}

/// Whether a request publishes.
#[must_use]
pub fn is_publication(msg: &uc_core::uc_event::SipRequest) -> bool {
    matches!(msg.method.as_str(), "SERVICE" | "PUBLISH")
}

impl Checker for OnePublisher {
    fn name(&self) -> &'static str {
        "publisher"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        match input {
            Input::Uc { event: UcEvent::Response(response), .. } if response.status >= 200 => {
                self.open.retain(|_, (_, branch, _)| **branch != *response.branch)
            }
            Input::Uc { link, event: UcEvent::Closed { .. } } => self.open.retain(|_, (on, _, _)| on != link),
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        match action {
            Action::SendUc { link, msg } if is_publication(msg) => {
                let timeout = scene.core.directory().config().uc.timers.transaction_timeout_ms;
                let before = self.open.insert(msg.to.clone(), (*link, msg.branch.clone(), scene.now));
                match before.filter(|(_, _, at)| scene.now.since(*at) < timeout) {
                    Some((on, _, at)) => Err(format!("{}: a publication on {link} while the one of {at} on {on} is unanswered", msg.to)),
                    None => Ok(()),
                }
            }
            Action::CloseUc { link } => {
                self.open.retain(|_, (on, _, _)| on != link);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
