//! What every machine gets with every call: now, the configuration, the directory, the entropy, the deadlines, and where to put what it wants.
use crate::action::Action;
use crate::config::{Config, NoteLevel};
use crate::deadlines::{Deadlines, TimerKey};
use crate::directory::Directory;
use crate::entropy::Entropy;
use crate::fact::{Fact, Facts};
use crate::note::Note;
use crate::offer::{BRIDGE_REQUESTS, PreviewAnswer, RequestId};
use crate::time::{Mono, Now};
use crate::watch::Watch;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The context of one call.
pub(crate) struct Cx<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    pub(crate) directory: &'a Directory,
    pub(crate) entropy: &'a mut Entropy,
    pub(crate) deadlines: &'a mut Deadlines,
    pub(crate) facts: &'a mut Facts,
    pub(crate) out: &'a mut Out,
    pub(crate) watch: &'a mut Watch,
}

/// Actions waiting to be polled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Out {
    pub(crate) actions: VecDeque<Action>,
    /// Notes not emitted because `limits.notes_queue_max` waited already.
    pub(crate) notes_dropped: u64,
    /// Answers to routers behind bridges, until the down pass; empty between two inputs.
    pub(crate) router_answers: Vec<(RequestId, Box<PreviewAnswer>)>,
}

impl Cx<'_> {
    /// Asks the driver for something.
    pub(crate) fn act(&mut self, action: Action) {
        self.out.actions.push_back(action);
    }

    /// Answers a request: the driver passes it on, or the bridge side does in the down pass.
    pub(crate) fn answer(&mut self, id: RequestId, answer: PreviewAnswer) {
        let answer = Box::new(answer);
        if id.0 >= BRIDGE_REQUESTS {
            self.out.router_answers.push((id, answer));
        } else {
            self.act(Action::AnswerPreview { id, answer });
        }
    }

    /// Tells the machines of higher rank.
    pub(crate) fn fact(&mut self, fact: Fact) {
        self.facts.push_back(fact);
    }

    /// Tells the operator, unless the level is not wanted or too much waits.
    pub(crate) fn note(&mut self, note: Note) {
        if note.level() < self.config.note_level {
            return;
        }
        if self.out.actions.len() >= self.config.limits.notes_queue_max && note.level() < NoteLevel::Alarm {
            self.out.notes_dropped += 1;
            return;
        }
        self.out.actions.push_back(Action::Note(Box::new(note)));
    }

    /// Sets a deadline.
    pub(crate) fn set(&mut self, key: TimerKey, at: Mono) {
        self.deadlines.set(key, at);
    }

    /// Clears a deadline.
    pub(crate) fn clear(&mut self, key: TimerKey) {
        self.deadlines.clear(key);
    }
}
