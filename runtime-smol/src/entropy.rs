//! The seed of a run.
