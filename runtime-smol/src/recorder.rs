//! The flight recorder.
use crate::settings::Settings;
use std::io;
use std::path::Path;
use uc_core::entropy::Seed;
use uc_core::{Action, Connector, Input, Now};
/// Journal being written.
pub(crate) struct Recorder;
impl Recorder {
    /// x
    pub(crate) fn open(_dir: &Path, _settings: &Settings) -> io::Result<Self> {
        Ok(Self)
    }
    /// x
    pub(crate) fn start(&mut self, _seed: &Seed, _now: Now) {}
    /// x
    pub(crate) fn input(&mut self, _now: Now, _input: &Input<'_>, _frame: &[u8]) {}
    /// x
    pub(crate) fn action(&mut self, _action: &Action, _connector: &Connector) {}
    /// x
    pub(crate) fn finish(self) {}
}
