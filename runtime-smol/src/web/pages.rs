//! Open pages: who has which, and what waits to be written to each. A page that does not read is cut; it comes back and gets a whole picture.
use super::session::SessionKey;
use super::talk::{PageId, Who};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes that may wait for one page.
const BYTES_MAX: usize = 256 << 10;

/// A page.
pub(super) struct Page {
    /// Which.
    pub(super) id: PageId,
    /// Whose.
    pub(super) who: Who,
    /// By which login.
    pub(super) session: SessionKey,
    /// It has got the whole picture; news before that would be double.
    pub(super) is_ready: Cell<bool>,
    queue: RefCell<Queue>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Rc<str>>,
    bytes: usize,
    is_over: bool,
    waker: Option<Waker>,
}

impl Page {
    /// Appends something to be written. `false`: too much waits, the page is cut.
    fn push(&self, frame: &Rc<str>) -> bool {
        let mut queue = self.queue.borrow_mut();
        if queue.is_over {
            return true;
        }
        if queue.bytes + frame.len() > BYTES_MAX {
            queue.frames.clear();
            queue.is_over = true;
        } else {
            queue.bytes += frame.len();
            queue.frames.push_back(Rc::clone(frame));
        }
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
        !queue.is_over
    }

    /// Ends it, after what waits was written.
    fn finish(&self) {
        let mut queue = self.queue.borrow_mut();
        queue.is_over = true;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    /// Everything that waits, as one text; `None`: there will be nothing more.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<String>> {
        let mut queue = self.queue.borrow_mut();
        if queue.frames.is_empty() {
            if queue.is_over {
                return Poll::Ready(None);
            }
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut text = String::with_capacity(queue.bytes);
        // A whole new queue, so that an idle page holds no memory for the busiest moment it had.
        std::mem::take(&mut queue.frames).iter().for_each(|frame| text.push_str(frame));
        queue.bytes = 0;
        Poll::Ready(Some(text))
    }
}

/// All pages.
#[derive(Default)]
pub(super) struct Pages {
    by_id: BTreeMap<PageId, Rc<Page>>,
    by_who: HashMap<Who, Vec<Rc<Page>>>,
    last: u64,
}

impl Pages {
    /// A new page; `None`: its worker has as many as one may have.
    pub(super) fn open(&mut self, who: &Who, session: SessionKey, of_one_max: usize) -> Option<Rc<Page>> {
        let own = self.by_who.entry(Who::clone(who)).or_default();
        if own.len() >= of_one_max {
            return None;
        }
        self.last += 1;
        let page = Rc::new(Page { id: PageId(self.last), who: Who::clone(who), session, is_ready: Cell::new(false), queue: RefCell::default() });
        own.push(Rc::clone(&page));
        self.by_id.insert(page.id, Rc::clone(&page));
        Some(page)
    }

    /// A page is gone.
    pub(super) fn close(&mut self, page: &Page) {
        self.by_id.remove(&page.id);
        if let Some(own) = self.by_who.get_mut(&page.who) {
            own.retain(|other| other.id != page.id);
            if own.is_empty() {
                self.by_who.remove(&page.who);
            }
        }
    }

    /// One page.
    pub(super) fn get(&self, id: PageId) -> Option<&Rc<Page>> {
        self.by_id.get(&id)
    }

    /// To all pages of a worker that have the whole picture; how many were cut.
    pub(super) fn tell(&self, who: &str, frame: &Rc<str>) -> u64 {
        let own = self.by_who.get(who).into_iter().flatten().filter(|page| page.is_ready.get());
        own.map(|page| u64::from(!page.push(frame))).sum()
    }

    /// To one page, whatever it has got.
    pub(super) fn tell_one(page: &Page, frame: &Rc<str>) -> u64 {
        u64::from(!page.push(frame))
    }

    /// Ends those that match, with a last word.
    pub(super) fn finish(&self, last_word: &Rc<str>, matches: impl Fn(&Page) -> bool) -> u64 {
        let mut ended = 0;
        for page in self.by_id.values().filter(|page| matches(page)) {
            page.push(last_word);
            page.finish();
            ended += 1;
        }
        ended
    }

    /// A sign of life to every page whose number leaves `rest` when divided by `by`, so that not all are woken at once.
    pub(super) fn ping(&self, frame: &Rc<str>, by: u64, rest: u64) -> u64 {
        self.by_id.values().filter(|page| page.id.0 % by == rest && page.is_ready.get()).map(|page| u64::from(!page.push(frame))).sum()
    }

    /// Logins that have a page open.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &SessionKey> {
        self.by_id.values().map(|page| &page.session)
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many of a worker.
    pub(super) fn of(&self, who: &str) -> usize {
        self.by_who.get(who).map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_reach_the_pages_of_one_worker_and_a_deaf_page_is_cut() {
        let mut pages = Pages::default();
        let (alice, bob) = (Who::from("a"), Who::from("b"));
        let (first, second, other) = (pages.open(&alice, [0; 32], 2).unwrap(), pages.open(&alice, [1; 32], 2).unwrap(), pages.open(&bob, [2; 32], 2).unwrap());
        assert!(pages.open(&alice, [0; 32], 2).is_none());
        [&first, &second, &other].into_iter().for_each(|page| page.is_ready.set(true));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pages.tell("a", &Rc::from("x")), 0);
        assert_eq!(first.poll_take(&mut cx), Poll::Ready(Some("x".to_owned())));
        assert_eq!(first.poll_take(&mut cx), Poll::Pending);
        assert_eq!(other.poll_take(&mut cx), Poll::Pending);
        assert_eq!(pages.tell("a", &Rc::from("y".repeat(BYTES_MAX))), 1, "the one that did not read");
        assert_eq!(second.poll_take(&mut cx), Poll::Ready(None));
        pages.close(&first);
        pages.close(&second);
        assert_eq!((pages.of("a"), pages.of("b"), pages.len()), (0, 1, 1));
    }
}
