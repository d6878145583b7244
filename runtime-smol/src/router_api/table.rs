//! Requests that wait for the deciding thread's answer. Bounded by it: what it does not answer at once it counts, and answers `Error` when there are too many.
use crate::web::talk::Answer;
use smol::channel::{self, Receiver, Sender};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use uc_core::offer::RequestId;

/// An answer, and the number calls for this worker go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(super) answer: Answer,
    pub(super) redirect: Box<str>,
}

/// Who waits.
#[derive(Default)]
pub(crate) struct Table {
    waiting: RefCell<HashMap<RequestId, Sender<Settled>>>,
    last: Cell<u64>,
}

impl Table {
    /// A new request.
    pub(super) fn begin(&self) -> (RequestId, Receiver<Settled>) {
        self.last.set(self.last.get() + 1);
        let id = RequestId(self.last.get());
        let (settled, answer) = channel::bounded(1);
        self.waiting.borrow_mut().insert(id, settled);
        (id, answer)
    }

    /// Its answer. Whoever waited may be gone.
    pub(crate) fn answered(&self, id: RequestId, answer: Answer, redirect: Box<str>) {
        if let Some(waiting) = self.waiting.borrow_mut().remove(&id) {
            let _ = waiting.try_send(Settled { answer, redirect });
        }
    }

    /// There will be no more answers.
    pub(crate) fn close(&self) {
        self.waiting.borrow_mut().clear();
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }
}
