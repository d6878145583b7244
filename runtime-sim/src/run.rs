//! A whole run: options and steps from a seed or from bytes, and what came of it.
use crate::arb;
use crate::both::{BothOptions, Modes};
use crate::choices::Choices;
use crate::options::Options;
use crate::preview::{self, PreviewOptions, Previews};
use crate::sabotage::Sabotage;
use crate::steps::Timed;
use crate::world::{Failure, World};

/// A run before it is run: the content of a replay file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Shape of the world.
    pub options: Options,
    /// What happens.
    pub steps: Vec<Timed>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of everything on the wires and of the end state.
    pub hash: u64,
    /// Events of the world.
    pub events: u64,
    /// What broke.
    pub failure: Option<Failure>,
    /// The story, if it was asked for.
    pub story: Vec<String>,
}

/// What the command line may change about a seed's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Workers.
    pub workers: u16,
    /// Virtual minutes without the quiet phase.
    pub minutes: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { workers: 20, minutes: 60 }
    }
}

impl Plan {
    /// The run of a seed.
    #[must_use]
    pub fn of_seed(seed: u64, size: Size) -> Self {
        Self::with_modes(seed, size, Modes::Normal)
    }

    /// The run of a seed in one of these modes; [`Plan::of_seed`] with more on top of it.
    #[must_use]
    pub fn with_modes(seed: u64, size: Size, modes: Modes) -> Self {
        // A share of the seeds, where a share of everything is wanted.
        Self::with_previews(seed, size, modes, if modes == Modes::Any { Previews::Share } else { Previews::Off })
    }

    /// The run of a seed in one of these modes, with previews or without.
    #[must_use]
    pub fn with_previews(seed: u64, size: Size, modes: Modes, previews: Previews) -> Self {
        Self::draw(seed, size, modes, previews, &mut Choices::from_seed(seed))
    }

    /// The run on a tape of bytes; the first choice is its seed.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], size: Size) -> Self {
        let mut tape = Choices::from_bytes(bytes);
        let seed = tape.range(0, u64::from(u32::MAX));
        Self::draw(seed, size, Modes::Any, Previews::Share, &mut tape)
    }

    /// The run of a seed with previews whose router is behind a bridge. How long requests outlive its connection follows from the seed's number.
    #[must_use]
    pub fn behind_bridge(seed: u64, size: Size, modes: Modes) -> Self {
        let mut plan = Self::with_previews(seed, size, modes, Previews::On);
        plan.options.previews.bridge_linger_s = Some([0, 3, 30][(seed % 3) as usize]);
        plan
    }

    fn draw(seed: u64, size: Size, modes: Modes, previews: Previews, tape: &mut Choices<'_>) -> Self {
        let mut options = Options::swarm(seed, tape);
        (options.workers, options.minutes) = (size.workers, size.minutes);
        let mut steps = arb::steps(&options, tape);
        options.both = BothOptions::swarm(modes, tape);
        arb::more_steps(&options, tape, &mut steps);
        options.previews = PreviewOptions::swarm(previews, tape);
        preview::steps(&options, tape, &mut steps);
        Self { options, steps }
    }

    /// Runs it.
    #[must_use]
    pub fn run(&self) -> Outcome {
        self.run_with(Sabotage::None, false)
    }

    /// Runs it with a planted bug, with a story if `told`.
    #[must_use]
    pub fn run_with(&self, bug: Sabotage, told: bool) -> Outcome {
        let mut world = World::with(self.options.clone(), self.steps.clone(), bug, told);
        world.run();
        Outcome { hash: world.trace_hash(), events: world.events(), failure: world.failure().cloned(), story: world.story().to_vec() }
    }
}

/// Body of the fuzz target: any bytes are a run, and no run breaks an invariant.
///
/// # Panics
/// If one does, with its replay file.
pub fn fuzz_world(data: &[u8]) {
    let plan = Plan::of_bytes(data, Size { workers: 6, minutes: 10 });
    if let Some(failure) = plan.run().failure {
        panic!("{}: {} at {}\n{}", failure.checker, failure.text, failure.at, crate::replay::print(&plan, failure.checker));
    }
}
