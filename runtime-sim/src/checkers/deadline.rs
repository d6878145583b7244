//! Deadlines: what the core says is what its table says, recomputed by brute force, and once drained nothing in it lies in the past (a driver would spin).
use super::{Checker, Scene, Verdict};
use uc_core::{Due, Input};

/// The whole table is compared after one input in this many: it is long, and a mistake stays.
const EVERY: u32 = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Deadline {
    inputs: u32,
}

impl Checker for Deadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    fn on_input(&mut self, _scene: Scene<'_>, _input: &Input<'_>) -> Verdict {
        self.inputs = self.inputs.wrapping_add(1);
        Ok(())
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        let next = scene.core.next_deadline();
        match next {
            Some((_, Due::Actions)) => return Err("actions wait although the queue was drained".to_string()),
            // What the down pass found out is told in the next up pass, at the same instant; the world counts wakes at one instant.
            Some((at, Due::Timer(key))) if at <= scene.now && format!("{key:?}") != "Uc(Settle)" => {
                return Err(format!("deadline {key:?} at {at} is not in the future at {}", scene.now));
            }
            _ => {}
        }
        if self.inputs.is_multiple_of(EVERY) {
            let earliest = scene.core.deadlines().into_iter().min();
            if earliest.map(|(at, key)| (at, Due::Timer(key))) != next {
                return Err(format!("the earliest deadline is {earliest:?}, the core says {next:?}"));
            }
        }
        Ok(())
    }
}
