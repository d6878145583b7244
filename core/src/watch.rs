//! Whose state is looked at (open pages), and for whom it may have changed since it was last taken.
//!
//! Machines mark a worker wherever something changes that [`Connector::print`] shows; a mark too many costs one print, a forgotten one leaves a page stale, so a
//! checker of the simulator prints every watched worker after every input and compares. Nothing is decided here and nothing here is decided upon: it is neither in
//! checkpoints nor in the fingerprint. While nobody is watched a mark costs one comparison and no memory.
use crate::Connector;
use crate::fingerprint::Fp;
use crate::id::UserId;
use crate::time::Mono;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Somebody looks.
const WATCHED: u8 = 1;
/// On the list of changes.
const LISTED: u8 = 2;

/// Workers who are watched, and the changed ones among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// By worker; empty while nobody was ever watched.
    flags: Vec<u8>,
    watched: u32,
    /// Each worker at most once, oldest change first.
    changed: VecDeque<UserId>,
}

impl Watch {
    /// Whether anybody is watched.
    pub(crate) const fn any(&self) -> bool {
        self.watched != 0
    }

    /// What a page shows of this worker may have changed.
    pub(crate) fn mark(&mut self, user: UserId) {
        if self.watched == 0 {
            return;
        }
        if let Some(flags) = self.flags.get_mut(user.index())
            && *flags == WATCHED
        {
            *flags |= LISTED;
            self.changed.push_back(user);
        }
    }

    /// Of every watched worker.
    pub(crate) fn mark_all(&mut self) {
        for at in 0..if self.watched == 0 { 0 } else { self.flags.len() } {
            self.mark(UserId(at as u32));
        }
    }

    pub(crate) fn set(&mut self, user: UserId, on: bool) {
        if self.flags.len() <= user.index() {
            if !on {
                return;
            }
            self.flags.resize(user.index() + 1, 0);
        }
        let flags = &mut self.flags[user.index()];
        match (*flags & WATCHED != 0, on) {
            (false, true) => self.watched += 1,
            (true, false) => self.watched -= 1,
            _ => return,
        }
        *flags ^= WATCHED;
    }

    /// The next change of somebody who is still watched.
    fn pop(&mut self) -> Option<UserId> {
        loop {
            let user = self.changed.pop_front()?;
            let flags = &mut self.flags[user.index()];
            *flags &= !LISTED;
            if *flags & WATCHED != 0 {
                return Some(user);
            }
        }
    }
}

impl Connector {
    /// Begins or ends to list changes of a worker for [`Self::poll_changed`]. Who leaves the configuration is watched no longer.
    pub fn watch(&mut self, user: UserId, on: bool) {
        if !on || self.directory().has_user(user) {
            self.watch.set(user, on);
        }
    }

    /// A watched worker whose [`Self::print`] may be another than when they were last taken here; oldest change first, each at most once.
    pub fn poll_changed(&mut self) -> Option<UserId> {
        self.watch.pop()
    }

    /// Whether [`Self::poll_changed`] has, or will have, this worker without further change; for checkers.
    #[must_use]
    pub fn is_changed(&self, user: UserId) -> bool {
        self.watch.flags.get(user.index()) == Some(&(WATCHED | LISTED))
    }

    /// Whether changes of this worker are listed.
    #[must_use]
    pub fn is_watched(&self, user: UserId) -> bool {
        self.watch.flags.get(user.index()).is_some_and(|flags| flags & WATCHED != 0)
    }

    /// A hash of what pages show of a worker's state: class and note, their choice, and of every DN what it is called, what it shows and what is going on there.
    /// Time alone does not change it.
    #[must_use]
    pub fn print(&self, user: UserId) -> u64 {
        let (directory, config) = (self.directory(), self.directory().config());
        let mut print = Fp::new(Mono(0));
        if let Some(worker) = self.worker(user) {
            print.debug(&worker.choice);
            if let Some(crate::input::Choice::State(row)) = worker.choice {
                print.text(config.choice.states.get(usize::from(row)).map_or("", |state| &state.id));
            }
            print.text(worker.shown.id(&config.choice));
            print.num(worker.class as u64);
            print.text(worker.note);
        }
        for view in self.dns_of(user).filter_map(|dn| self.dn(dn)) {
            let flags = [view.in_flight, view.held, view.registered, view.seat, view.stranger.is_some()];
            print.num(u64::from(view.dn.0) << 8 | flags.into_iter().fold(0, |bits, is| bits << 1 | u64::from(is)));
            print.text(view.shown.id(&config.choice));
            print.text(directory.number(view.dn));
            print.text(config.cti.switches.get(directory.switch_of(view.dn).index()).map_or("", |switch| &switch.name));
        }
        print.finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Pages of every worker of a test.
    #[derive(Default)]
    pub(crate) struct Pages {
        prints: BTreeMap<UserId, u64>,
    }

    impl Pages {
        /// Prints everybody; whoever prints otherwise than before must have been listed.
        pub(crate) fn check(&mut self, core: &mut Connector) {
            let users: Vec<UserId> = core.directory().users().collect();
            // Who left in between and is back is looked at anew.
            self.prints.retain(|user, _| core.is_watched(*user));
            for user in users {
                core.watch(user, true);
                let print = core.print(user);
                if let Some(before) = self.prints.insert(user, print) {
                    assert!(before == print || core.is_changed(user), "{user:?} is another on pages, and not listed: {:?}", core.worker(user));
                }
            }
            while core.poll_changed().is_some() {}
        }
    }

    #[test]
    fn each_watched_worker_is_listed_once_and_nobody_else() {
        let mut it = Watch::default();
        it.mark(UserId(3));
        it.mark_all();
        assert_eq!((it.pop(), it.flags.capacity(), it.changed.capacity()), (None, 0, 0), "nobody is watched: no memory");
        it.set(UserId(3), true);
        it.set(UserId(1), true);
        for user in [3, 1, 3, 2, 9, 1] {
            it.mark(UserId(user));
        }
        assert_eq!((it.pop(), it.pop(), it.pop()), (Some(UserId(3)), Some(UserId(1)), None));
        it.mark_all();
        assert_eq!((it.pop(), it.pop(), it.pop()), (Some(UserId(1)), Some(UserId(3)), None));
    }

    #[test]
    fn who_is_watched_again_before_the_list_was_taken_is_on_it_once() {
        let mut it = Watch::default();
        it.set(UserId(0), true);
        it.mark(UserId(0));
        it.set(UserId(0), false);
        it.set(UserId(0), false);
        it.mark(UserId(0));
        it.set(UserId(0), true);
        it.mark(UserId(0));
        assert_eq!((it.pop(), it.pop(), it.any()), (Some(UserId(0)), None, true));
        it.mark(UserId(0));
        it.set(UserId(0), false);
        assert_eq!((it.pop(), it.any()), (None, false));
    }
}
