//! Builds a nested list from lines whose depth is told by their indent alone.
use super::{DEPTH_MAX, Warning};
use crate::codec::cti::message::{KvList, KvValue};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A list being read: the lists that are still open, outermost first.
#[derive(Debug)]
pub(super) struct ListBuilder {
    frames: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    key: Box<str>,
    /// Indent of the line that opened the list.
    opener: usize,
    /// Indent of its pairs, once the first was seen.
    pairs: Option<usize>,
    list: KvList,
}

impl ListBuilder {
    pub(super) fn new() -> Self {
        Self { frames: Vec::from([Frame { key: Box::default(), opener: 0, pairs: None, list: KvList::default() }]) }
    }

    /// Closes the lists a line with this indent no longer belongs to. The outermost one takes any indent: the published trace has none at all.
    pub(super) fn align(&mut self, indent: usize) {
        while self.frames.len() > 1 {
            let Some(top) = self.frames.last_mut() else { return };
            let inside = top.pairs.map_or(indent > top.opener, |pairs| indent >= pairs);
            if inside {
                top.pairs.get_or_insert(indent);
                return;
            }
            self.close();
        }
    }

    /// Adds a pair to the innermost list.
    pub(super) fn push(&mut self, key: &str, value: KvValue) {
        if let Some(top) = self.frames.last_mut() {
            top.list.pairs.push((key.into(), value));
        }
    }

    /// Opens a list inside the innermost one. `pairs` is the indent of its pairs where the layout fixes it.
    pub(super) fn open(&mut self, key: &str, indent: usize, pairs: Option<usize>, warnings: &mut Vec<Warning>) {
        if self.frames.len() >= DEPTH_MAX {
            warnings.push(Warning::TooDeep { name: key.into() });
            return;
        }
        self.frames.push(Frame { key: key.into(), opener: indent, pairs, list: KvList::default() });
    }

    fn close(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.push(&frame.key, KvValue::List(frame.list));
        }
    }

    /// Closes everything.
    pub(super) fn finish(mut self) -> KvList {
        while self.frames.len() > 1 {
            self.close();
        }
        self.frames.pop().map(|frame| frame.list).unwrap_or_default()
    }
}
