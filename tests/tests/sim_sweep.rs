//! The simulator in the ordinary test run: a sweep of seeds, every shrunk failure of the past, determinism, and any bytes as a run.
use std::path::PathBuf;
use uc_runtime_sim::both::{Modes, Way};
use uc_runtime_sim::replay;
use uc_runtime_sim::run::{Plan, Size, fuzz_world};

const SEEDS: u64 = 40;

fn regress() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("regress")
}

#[test]
fn a_sweep_of_seeds_finds_nothing() {
    for seed in 0..SEEDS {
        let plan = Plan::of_seed(seed, Size::default());
        if let Some(failure) = plan.run().failure {
            panic!("seed {seed}: {} at {}: {}\nagain: cargo sim --seed {seed} --trace", failure.checker, failure.at, failure.text);
        }
    }
}

#[test]
fn a_sweep_of_modes_finds_nothing() {
    for seed in 0..SEEDS {
        let way = Way::OTHERS[seed as usize % Way::OTHERS.len()];
        let plan = Plan::with_modes(seed, Size::default(), Modes::Only(way));
        if let Some(failure) = plan.run().failure {
            let word = way.word();
            panic!("seed {seed}: {} at {}: {}\nagain: cargo sim --seed {seed} --modes {word} --trace", failure.checker, failure.at, failure.text);
        }
    }
}

#[test]
fn every_shrunk_failure_of_the_past_passes() {
    let files = std::fs::read_dir(regress()).expect("tests/regress exists");
    let mut ran = 0;
    for file in files.map(|entry| entry.expect("readable").path()).filter(|path| path.extension().is_some_and(|e| e == "sim")) {
        let replay = replay::parse(&std::fs::read_to_string(&file).expect("readable")).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let failure = replay.plan.run().failure;
        assert!(failure.is_none(), "{}: {failure:?}", file.display());
        ran += 1;
    }
    assert!(ran > 0, "no file in tests/regress");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [0, 7, 19] {
        let run = || Plan::of_seed(seed, Size { workers: 10, minutes: 20 }).run();
        let (first, second) = (run(), run());
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
    }
    let hash = |seed| Plan::of_seed(seed, Size { workers: 10, minutes: 20 }).run().hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn any_bytes_are_a_run() {
    fuzz_world(&[]);
    fuzz_world(b"What is written here decides what happens to six workers within ten minutes.");
}
