//! Draws the steps of routers, callers and pages from the tape.
use super::steps::{Ask, End, PreviewStep, Reaction, Target};
use crate::choices::{Choices, ratio};
use crate::options::Options;
use crate::steps::{Step, Timed};
use uc_core::Mono;
use uc_core::offer::Select;

/// Windows one worker may have.
const WINDOWS: u8 = 3;
/// Pages of the beginning open within so many milliseconds.
const FIRST_PAGES_MS: u64 = 20_000;

struct Draft<'t, 'a> {
    tape: &'t mut Choices<'a>,
    options: &'t Options,
    end: u64,
    out: Vec<Timed>,
    asks: u32,
    calls: u32,
    keys: u32,
    /// The last ask, to be repeated.
    last: Option<Ask>,
}

/// Adds what happens around previews, kept in time order; nothing in a run without them.
pub fn steps(options: &Options, tape: &mut Choices<'_>, steps: &mut Vec<Timed>) {
    if !options.previews.on {
        return;
    }
    let end = u64::from(options.minutes) * 60_000;
    let mut draft = Draft { tape, options, end, out: std::mem::take(steps), asks: 0, calls: 0, keys: 0, last: None };
    draft.first_pages();
    draft.every(options.previews.asks_every_ms, Draft::ask);
    draft.every(options.previews.pages_every_ms, Draft::page);
    draft.every(options.previews.asks_every_ms * 50, Draft::routers);
    let mut out = draft.out;
    out.retain(|timed| timed.at.0 < end);
    // Stable: what was there before keeps its order.
    out.sort_by_key(|timed| timed.at);
    *steps = out;
}

impl Draft<'_, '_> {
    fn every(&mut self, mean_ms: u64, draw: fn(&mut Self, u64)) {
        let mut at = 0;
        loop {
            at += self.tape.range(mean_ms / 2, mean_ms + mean_ms / 2).max(1);
            if at >= self.end || self.tape.is_empty() {
                return;
            }
            draw(self, at);
        }
    }

    fn push(&mut self, at: u64, step: PreviewStep) {
        self.out.push(Timed { at: Mono(at), step: Step::Preview(step) });
    }

    fn worker(&mut self) -> u16 {
        self.tape.index(usize::from(self.options.workers)) as u16
    }

    fn first_pages(&mut self) {
        for worker in 0..self.options.workers {
            if self.tape.chance(ratio(7, 8)) {
                let at = self.tape.range(0, FIRST_PAGES_MS);
                self.push(at, PreviewStep::Open(worker, 0));
            }
        }
    }

    fn page(&mut self, at: u64) {
        let (worker, window) = (self.worker(), self.tape.index(usize::from(WINDOWS)) as u8);
        match self.tape.index(8) {
            0 => self.push(at, PreviewStep::Meddle(worker)),
            1..=3 => self.push(at, PreviewStep::Open(worker, window)),
            // The network is gone for a while: shorter and longer than the grace.
            _ => {
                let back = at + self.length();
                for window in 0..WINDOWS {
                    self.push(at, PreviewStep::Close(worker, window));
                }
                self.push(back, PreviewStep::Open(worker, window));
            }
        }
    }

    /// From a blink to longer than most graces.
    fn length(&mut self) -> u64 {
        let longest = self.tape.pick(&[50, 2_000, 14_000, 60_000]);
        self.tape.range(1, longest)
    }

    fn routers(&mut self, at: u64) {
        let back = at + self.length();
        self.push(at, PreviewStep::Routers(false));
        self.push(back, PreviewStep::Routers(true));
    }

    fn ask(&mut self, at: u64) {
        let ask = match self.last.take() {
            Some(before) if self.tape.chance(ratio(1, 6)) => self.again(before),
            _ => self.new_ask(),
        };
        let think = ask.think_ms.unwrap_or(20_000);
        let later = at + self.tape.range(0, think + think / 4);
        match self.tape.index(16) {
            0 | 1 => self.push(later, PreviewStep::Leave(ask.number)),
            2 | 3 => self.push(later, PreviewStep::Cancel(ask.call)),
            4 | 5 => {
                let (worker, end) = (self.worker(), self.tape.pick(&[End::Released, End::Abandoned, End::Transferred]));
                self.push(later, PreviewStep::Over { call: ask.call, worker, end });
            }
            // Asked twice: the first answer got lost on its way, or was late.
            6 | 7 => {
                let twice = self.again(ask.clone());
                self.push(later, PreviewStep::Ask(twice));
            }
            _ => {}
        }
        self.last = Some(ask.clone());
        self.push(at, PreviewStep::Ask(ask));
    }

    fn number(&mut self) -> u32 {
        self.asks += 1;
        self.asks
    }

    /// The same once more, exactly or nearly.
    fn again(&mut self, before: Ask) -> Ask {
        let number = self.number();
        match self.tape.index(4) {
            // The same call, others: two groups about one call, or a replacement.
            0 => Ask { number, key: None, targets: self.targets(), ..before },
            // The same key for another call: to be refused.
            1 if before.key.is_some() => Ask { number, call: before.call + 1, ..before },
            _ => Ask { number, ..before },
        }
    }

    fn new_ask(&mut self) -> Ask {
        let number = self.number();
        self.calls += 1;
        let key = self.tape.chance(ratio(1, 2));
        self.keys += u32::from(key);
        let select = self.tape.pick(&[Select::Single, Select::Broadcast, Select::Broadcast, Select::RoundRobin, Select::LongestIdle]);
        let think_ms = self.tape.pick(&[None, Some(500), Some(5_000), Some(5_000), Some(20_000), Some(45_000)]);
        let mut targets = self.targets();
        if select == Select::Single {
            targets.truncate(1);
        }
        Ask { number, call: self.calls, select, think_ms, key: key.then_some(self.keys), targets }
    }

    fn targets(&mut self) -> Vec<Target> {
        let count = self.tape.pick(&[1, 2, 3, 4, 8]);
        // Several decide at the same instant.
        let common = self.tape.pick(&[0, 300, 1_000, 4_999, 5_000]);
        let mut targets: Vec<Target> = Vec::new();
        for _ in 0..count {
            // Now and then somebody who is not there.
            let worker = if self.tape.chance(ratio(1, 40)) { self.options.workers + 3 } else { self.worker() };
            let reaction = self.tape.pick(&[Reaction::Accept, Reaction::Accept, Reaction::Reject, Reaction::Both, Reaction::Silent]);
            let own = self.tape.chance(ratio(1, 2));
            let after_ms = if own { self.tape.range(0, 25_000) as u32 } else { common };
            if targets.iter().all(|it| it.worker != worker) {
                targets.push(Target { worker, reaction, after_ms });
            }
        }
        targets
    }
}
