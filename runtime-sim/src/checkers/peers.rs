//! The peers' own complaints: every breach of the standards an emulated Front End or T-Server noticed.
use super::{Checker, Scene, Truth, Verdict};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Peers;

impl Checker for Peers {
    fn name(&self) -> &'static str {
        "peers"
    }

    fn on_quiet(&mut self, _scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        match truth.violations.as_slice() {
            [] => Ok(()),
            [first, rest @ ..] => Err(format!("{first} (and {} more)", rest.len())),
        }
    }
}
