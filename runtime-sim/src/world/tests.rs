//! Stories of whole worlds, and planted bugs that the checkers must catch.
use super::*;
use crate::run::{Plan, Size};
use crate::steps::{Fate, Hand, Server, Step};
use uc_core::config::Redundancy;

/// A run with people, foreign hands and subscriptions that end, in which every planted bug shows.
fn lively(bug: Sabotage, change: fn(&mut Options)) -> Option<Failure> {
    let mut world = World::builder(11).workers(4).options(change).sabotage(bug).told().build();
    for minute in 0..6u64 {
        for worker in 0..4 {
            let availability = if (minute + u64::from(worker)) % 2 == 0 { 3_500 } else { 6_500 };
            world.set_presence(worker, availability);
        }
        world.run_for(30_000);
        match minute {
            3 => world.take_step(&Step::Reset(Server::FrontEnd(0))),
            4 => end_subscriptions(&mut world),
            _ => {}
        }
        world.run_for(30_000);
    }
    world.run_quiet();
    if bug == Sabotage::SwallowResponses {
        // The end falls between a request and its time-out.
        end_subscriptions(&mut world);
        world.run_for(12_000);
        world.last_checks(world.now, Some(world.now));
    }
    world.failure().cloned()
}

/// Maintenance: the pool ends every subscription in good order.
fn end_subscriptions(world: &mut World) {
    for node in 0..2 {
        world.front_end.drain(world.now, node);
    }
    world.drain_peers();
}

fn caught_by(bug: Sabotage, change: fn(&mut Options)) -> &'static str {
    lively(bug, change).map_or("nobody", |failure| {
        println!("{}", failure.text);
        failure.checker
    })
}

/// Notifications are answered, so that the core cannot say that it never took one.
fn answered(options: &mut Options) {
    options.benotify = false;
}

fn plain(_: &mut Options) {}

#[test]
fn a_run_without_planted_bugs_is_clean() {
    assert_eq!(lively(Sabotage::None, plain), None);
    assert_eq!(lively(Sabotage::None, answered), None);
}

#[test]
fn convergence_catches_a_forgotten_presence() {
    assert_eq!(caught_by(Sabotage::ForgetPresence, plain), "convergence");
}

#[test]
fn storm_catches_a_second_request_in_flight() {
    assert_eq!(caught_by(Sabotage::DoubleRequest, plain), "storm");
}

#[test]
fn echo_catches_a_confirmed_request_made_again() {
    assert_eq!(caught_by(Sabotage::EchoRequest, plain), "echo");
}

#[test]
fn stale_catches_an_old_state_that_wins() {
    assert_eq!(caught_by(Sabotage::OldStateWins, answered), "stale");
}

#[test]
fn coverage_catches_a_termination_not_heard() {
    assert_eq!(caught_by(Sabotage::DeafToTermination, |o| o.final_round = false), "coverage");
}

#[test]
fn leak_catches_requests_left_open() {
    assert_eq!(caught_by(Sabotage::SwallowResponses, plain), "leak");
}

#[test]
fn recovery_catches_what_takes_for_ever() {
    assert_eq!(caught_by(Sabotage::MendedLate, plain), "recovery");
}

#[test]
fn deadline_catches_a_wake_that_does_nothing() {
    assert_eq!(caught_by(Sabotage::OverSleep, plain), "deadline");
}

#[test]
fn peers_complain_about_rubbish() {
    assert_eq!(caught_by(Sabotage::Rubbish, plain), "peers");
}

#[test]
fn watch_catches_a_change_that_is_not_listed() {
    assert_eq!(caught_by(Sabotage::ForgetChange, plain), "watch");
}

#[test]
fn determinism_catches_what_is_not_of_the_seed() {
    let plan = Plan::of_seed(3, Size { workers: 3, minutes: 5 });
    let hash = |bug| plan.run_with(bug, false).hash;
    assert_eq!(hash(Sabotage::None), hash(Sabotage::None));
    assert_ne!(hash(Sabotage::Impure), hash(Sabotage::Impure));
}

#[test]
fn a_story_does_not_change_the_run() {
    let plan = Plan::of_seed(8, Size { workers: 5, minutes: 10 });
    let (told, untold) = (plan.run_with(Sabotage::None, true), plan.run_with(Sabotage::None, false));
    assert_eq!((told.hash, told.events), (untold.hash, untold.events));
    assert!(!told.story.is_empty() && untold.story.is_empty());
}

#[test]
fn a_change_of_presence_becomes_a_state() {
    let mut w = World::builder(1).workers(3).told().up();
    w.set_presence(1, 6_500);
    assert!(w.run_until(1_000, World::is_converged) <= 50);
    w.assert_converged();
}

#[test]
fn a_front_end_dies_and_everybody_is_watched_again() {
    let mut w = World::builder(2).workers(5).told().up();
    w.kill_front_end(0);
    w.kill_front_end(1);
    w.set_presence(2, 9_500);
    w.run_for(20_000);
    assert!(!w.is_converged());
    w.revive_front_end(1);
    w.run_until(120_000, World::is_converged);
    w.assert_converged();
}

#[test]
fn a_pool_that_grants_and_says_nothing_is_asked_less_and_less_often_until_it_speaks() {
    let mut w = World::builder(9).workers(5).told().options(|o| o.no_notify_pm = 1_000).build();
    for worker in 0..5 {
        w.set_presence(worker, 6_500);
    }
    w.run_for(300_000);
    let asked = w.front_end.counts().subscribes;
    assert!((5..=9).contains(&asked), "{asked} times in five minutes");
    w.front_end.faults.no_notify_pm = 0;
    w.run_until(300_000, World::is_converged);
    w.assert_converged();
}

#[test]
fn the_backup_takes_over_in_a_hot_pair() {
    let mut w = World::builder(3).workers(5).redundancy(Redundancy::Hot).told().up();
    w.kill_t_server(0);
    w.set_presence(0, 15_500);
    w.run_until(30_000, World::is_converged);
    w.assert_converged();
}

#[test]
fn the_backup_takes_over_in_a_warm_pair() {
    let mut w = World::builder(4).workers(5).redundancy(Redundancy::Warm).told().up();
    w.kill_t_server(0);
    w.set_presence(0, 15_500);
    w.run_until(120_000, World::is_converged);
    w.assert_converged();
}

#[test]
fn a_foreign_hand_stands_until_the_next_presence() {
    let mut w = World::builder(5).workers(2).told().options(|o| o.final_round = false).up();
    w.foreign_hand(1, Hand::NotReady);
    w.run_for(60_000);
    let agent = |w: &World| crate::model::Shown::of(w.truth()[1].agent);
    assert_eq!(agent(&w), crate::model::Shown::NotReady);
    w.set_presence(1, 5_000);
    w.run_until(1_000, |w| agent(w) == crate::model::Shown::Ready);
    w.assert_converged();
}

#[test]
fn a_silent_death_is_found_out_and_survived() {
    let mut w = World::builder(6).workers(5).told().up();
    w.take_step(&Step::Server(Server::FrontEnd(0), Fate::Silent));
    w.take_step(&Step::Server(Server::TServer(0), Fate::Silent));
    w.set_presence(3, 12_500);
    w.run_until(600_000, World::is_converged);
    w.assert_converged();
}

/// The same run with its connector exchanged for checkpoints, and how often that was done.
fn exchanged(plan: &Plan, every: u32) -> (u64, u64) {
    let mut world = World::new(Options { restore_every: every, ..plan.options.clone() }, plan.steps.clone());
    world.run();
    assert_eq!(world.failure(), None, "seed {}", plan.options.seed);
    (world.trace_hash(), world.exchanges())
}

#[test]
fn a_checkpoint_makes_no_difference_to_a_run() {
    let mut done = 0;
    for seed in 0..12 {
        let plan = Plan::of_seed(seed, Size { workers: 8, minutes: 15 });
        let (plain, none) = exchanged(&plan, 0);
        let (same, often) = exchanged(&plan, 3);
        assert_eq!((same, none), (plain, 0), "seed {seed}");
        done += often;
    }
    assert!(done > 1_000, "only {done} exchanges");
}

#[test]
fn some_runs_of_a_sweep_exchange_their_connector() {
    let every = |seed| Plan::of_seed(seed, Size { workers: 2, minutes: 1 }).options.restore_every;
    assert_eq!((0..64).filter(|seed| every(*seed) > 0).count(), 8);
}
