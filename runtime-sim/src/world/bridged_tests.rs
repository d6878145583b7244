//! Stories of a router behind a bridge: its connection breaks at every moment of a preview.
use super::*;
use crate::both::Modes;
use crate::preview::{Ask, PreviewOptions, PreviewStep, Reaction, Target};
use crate::run::{Plan, Size};
use crate::steps::Step;
use uc_core::offer::Select;

fn world(linger_s: u16, bug: Sabotage) -> World {
    let options = |o: &mut Options| o.previews = PreviewOptions { bridge_linger_s: Some(linger_s), ..PreviewOptions::calm() };
    let mut world = World::builder(23).workers(4).options(options).sabotage(bug).told().build();
    for worker in 0..4 {
        world.set_presence(worker, 3_500);
    }
    world.run_for(30_000);
    for worker in 0..4 {
        step(&mut world, PreviewStep::Open(worker, 0));
    }
    world
}

fn step(world: &mut World, step: PreviewStep) {
    world.take_step(&Step::Preview(step));
}

fn ask(number: u32, call: u32, select: Select, targets: &[(u16, Reaction, u32)]) -> PreviewStep {
    let targets = targets.iter().map(|(worker, reaction, after_ms)| Target { worker: *worker, reaction: *reaction, after_ms: *after_ms }).collect();
    PreviewStep::Ask(Ask { number, call, select, think_ms: None, key: None, targets })
}

fn told(world: &World, text: &str) -> usize {
    world.story().iter().filter(|line| line.contains(text)).count()
}

/// Offers made, answers that reached the router, and of these acceptances.
fn counts(world: &World) -> (u64, usize, usize) {
    (world.core().counters().offers, told(world, " router: "), told(world, " is Accepted "))
}

fn at_rest(world: &mut World) {
    world.run_for(60_000);
    world.run_quiet();
    assert_eq!(world.failure(), None, "{:#?}", world.story().iter().rev().take(30).collect::<Vec<_>>());
}

#[test]
fn a_broadcast_through_the_bridge_has_one_answer_and_one_winner() {
    let mut w = world(30, Sabotage::None);
    step(&mut w, ask(1, 1, Select::Broadcast, &[(0, Reaction::Accept, 700), (1, Reaction::Accept, 700), (2, Reaction::Reject, 300)]));
    w.run_for(5_000);
    assert_eq!(counts(&w), (3, 1, 1));
    assert_eq!((0..4).filter(|worker| w.t_server.is_on_call(&company::dn_of(*worker))).count(), 1);
    for (number, select) in [(2, Select::Single), (3, Select::RoundRobin), (4, Select::LongestIdle)] {
        step(&mut w, ask(number, number, select, &[(3, Reaction::Reject, 100)]));
        w.run_for(2_000);
        assert_eq!(counts(&w).1, number as usize, "{select:?}");
    }
    at_rest(&mut w);
}

#[test]
fn the_same_number_again_on_a_standing_connection_makes_no_second_offer() {
    let mut w = world(30, Sabotage::None);
    let request = ask(1, 1, Select::Single, &[(0, Reaction::Accept, 3_000)]);
    for _ in 0..3 {
        step(&mut w, request.clone());
        w.run_for(500);
    }
    w.run_for(5_000);
    assert_eq!(counts(&w), (1, 1, 1));
    at_rest(&mut w);
}

#[test]
fn a_cancellation_is_answered_and_nobody_wins_after_it() {
    let mut w = world(30, Sabotage::None);
    step(&mut w, ask(1, 1, Select::Broadcast, &[(0, Reaction::Accept, 3_000), (1, Reaction::Silent, 0)]));
    w.run_for(1_000);
    step(&mut w, PreviewStep::Cancel(1));
    w.run_for(5_000);
    assert_eq!((counts(&w), told(&w, " is Canceled "), told(&w, "TooLate")), ((2, 2, 0), 2, 1));
    at_rest(&mut w);
}

/// The router dies `before` the worker's acceptance or after it, and is back after so long.
fn router_away(linger_s: u16, accepts_ms: u32, away_ms: u64) -> World {
    let mut w = world(linger_s, Sabotage::None);
    step(&mut w, ask(1, 1, Select::Single, &[(0, Reaction::Accept, accepts_ms)]));
    w.run_for(1_000);
    step(&mut w, PreviewStep::Routers(false));
    w.run_for(away_ms);
    step(&mut w, PreviewStep::Routers(true));
    w.run_for(40_000);
    w
}

#[test]
fn who_comes_back_in_time_gets_the_answer_that_was_given_meanwhile() {
    let mut w = router_away(60, 3_000, 5_000);
    assert_eq!(counts(&w), (1, 1, 1), "{:#?}", w.story());
    at_rest(&mut w);
}

#[test]
fn who_comes_back_in_time_finds_the_offer_open() {
    let mut w = router_away(60, 15_000, 3_000);
    assert_eq!(counts(&w), (1, 1, 1), "{:#?}", w.story());
    at_rest(&mut w);
}

#[test]
fn after_the_time_to_linger_it_is_a_new_request() {
    let mut w = router_away(2, 10_000, 5_000);
    assert_eq!((counts(&w).0, counts(&w).1), (2, 1), "{:#?}", w.story());
    at_rest(&mut w);
    let mut w = router_away(0, 10_000, 50);
    assert_eq!((counts(&w).0, counts(&w).1), (2, 1), "without a time to linger at once");
    at_rest(&mut w);
}

#[test]
fn the_checkers_catch_planted_bugs_behind_a_bridge_too() {
    for (bug, checker) in [(Sabotage::AnswerTwice, "answers"), (Sabotage::SecondWinner, "winner"), (Sabotage::LateWinner, "winner")] {
        let mut w = world(30, bug);
        step(&mut w, ask(1, 1, Select::Broadcast, &[(0, Reaction::Accept, 700), (1, Reaction::Accept, 900)]));
        w.run_for(5_000);
        step(&mut w, ask(2, 2, Select::Single, &[(2, Reaction::Silent, 0)]));
        w.run_for(40_000);
        assert_eq!(w.failure().map(|failure| failure.checker), Some(checker), "{bug:?}");
    }
}

#[test]
fn drawn_runs_with_all_faults_hold_behind_a_bridge() {
    for seed in 21_000_000..21_000_012 {
        let plan = Plan::behind_bridge(seed, Size { workers: 8, minutes: 10 }, Modes::Any);
        let again = crate::replay::parse(&crate::replay::print(&plan, "answers")).expect("own print").plan;
        assert_eq!(again.options.previews.bridge_linger_s, plan.options.previews.bridge_linger_s);
        assert_eq!(plan.run().failure, None, "seed {seed}");
    }
}
