//! The connector is exchanged for its own checkpoint at random moments between inputs: a run must not show it.
//!
//! Moments are drawn apart from everything else, so a run with exchanges has the same hash as the same run without, or the checkpoint is not exact.
use super::World;
use crate::options::Options;
use crate::rng::Rng;
use std::sync::Arc;
use uc_core::Connector;

/// When the next exchange takes place.
#[derive(Debug)]
pub(super) struct Exchange {
    rng: Rng,
    /// Mean number of inputs between two; 0 never.
    every: u32,
    /// Inputs until then.
    left: u64,
    /// How many took place.
    done: u64,
}

impl Exchange {
    pub(super) fn new(options: &Options) -> Self {
        let mut it = Self { rng: Rng::fork(options.seed, 0xc4e), every: options.restore_every, left: 0, done: 0 };
        it.draw();
        it
    }

    const fn draw(&mut self) {
        self.left = self.rng.below(2 * self.every as u64) + 1;
    }
}

impl World {
    /// Counts an input, and exchanges the connector when it is time to.
    pub(super) fn after_input(&mut self) {
        if self.exchange.every == 0 {
            return;
        }
        self.exchange.left -= 1;
        if self.exchange.left == 0 {
            self.exchange.draw();
            self.exchange_core();
        }
    }

    fn exchange_core(&mut self) {
        let Some(bytes) = self.core.checkpoint() else {
            return self.fail("checkpoint", "no checkpoint can be taken although no actions wait".into());
        };
        match Connector::restore(Arc::clone(self.core.directory().config()), &bytes) {
            Ok(core) => {
                if core.checkpoint().as_ref() != Some(&bytes) {
                    return self.fail("checkpoint", "a restored connector has another checkpoint than the one it came from".into());
                }
                self.core = core;
                self.watch();
                self.exchange.done += 1;
            }
            Err(why) => self.fail("checkpoint", format!("the connector's own checkpoint cannot be restored: {why}")),
        }
    }

    /// How often the connector was exchanged for its checkpoint.
    #[must_use]
    pub const fn exchanges(&self) -> u64 {
        self.exchange.done
    }
}
