//! Stories of both directions, and planted bugs that their checkers must catch.
use super::*;
use crate::both::BothOptions;
use crate::checkers::{Kept, Ours};
use crate::model::Shown;
use crate::peers::tserver::WrapUp;
use crate::steps::{Hand, Own, Step};

fn world(way: Way, change: impl FnOnce(&mut BothOptions)) -> World {
    planted(way, Sabotage::None, change)
}

fn planted(way: Way, bug: Sabotage, change: impl FnOnce(&mut BothOptions)) -> World {
    let mut world = World::builder(21).workers(3).told().sabotage(bug).options(|o| {
        o.both = BothOptions::calm(way);
        change(&mut o.both);
    });
    world = world.options(|o| o.final_round = false);
    world.up()
}

fn shown(world: &World, worker: u16) -> Shown {
    Shown::of(world.truth_of(worker).agent)
}

#[test]
fn after_call_work_is_respected_and_then_presence_counts_again() {
    let mut w = world(Way::Respect, |_| {});
    w.business_call(1);
    w.run_until(10_000, |w| w.truth_of(1).kept == Some(Kept::AfterCallWork));
    // A machine goes idle, and away: nobody's wish.
    w.take_step(&Step::Client(1, Own::Machine, Some(5_000)));
    w.run_for(5_000);
    w.take_step(&Step::Client(1, Own::Machine, Some(15_500)));
    w.run_for(5_000);
    assert_eq!(w.truth_of(1).kept, Some(Kept::AfterCallWork));
    w.run_until(20_000, |w| w.truth_of(1).kept.is_none());
    w.run_until(1_000, |w| shown(w, 1) == Shown::NotReady);
    w.assert_converged();
}

#[test]
fn a_choice_in_the_client_ends_after_call_work() {
    let mut w = world(Way::Respect, |o| o.wrap_up = WrapUp::Untimed);
    w.business_call(0);
    w.run_until(10_000, |w| w.truth_of(0).kept.is_some());
    w.run_for(60_000);
    assert!(w.truth_of(0).kept.is_some());
    w.pick(0, Some(12_500));
    w.run_until(1_000, |w| w.truth_of(0).kept.is_none() && shown(w, 0) == Shown::NotReady);
    w.assert_converged();
}

#[test]
fn legal_guard_follows_and_ends_in_presence() {
    let mut w = world(Way::Respect, |o| (o.wrap_up, o.guard_ms, o.work_after_release) = (WrapUp::Timed(5_000), 5_000, true));
    w.business_call(2);
    w.run_until(10_000, |w| w.truth_of(2).kept == Some(Kept::AfterCallWork));
    w.run_until(6_000, |w| w.truth_of(2).kept == Some(Kept::LegalGuard));
    w.run_until(6_000, |w| shown(w, 2) == Shown::Ready);
    w.assert_converged();
}

#[test]
fn a_desktop_ends_after_call_work_early() {
    let mut w = world(Way::Respect, |o| o.wrap_up = WrapUp::Untimed);
    w.business_call(0);
    w.run_until(10_000, |w| w.truth_of(0).kept.is_some());
    w.foreign_hand(0, Hand::NotReady);
    w.run_until(2_000, |w| shown(w, 0) == Shown::Ready);
    w.assert_converged();
}

#[test]
fn what_refuses_us_is_left_by_its_timer_and_then_the_choice_counts() {
    let mut w = world(Way::Respect, |o| o.work_refuses = true);
    w.business_call(0);
    w.run_until(10_000, |w| w.truth_of(0).kept.is_some());
    w.pick(0, Some(9_500));
    w.run_for(5_000);
    assert!(w.truth_of(0).kept.is_some());
    w.run_until(20_000, |w| w.truth_of(0).kept.is_none());
    w.run_until(2_000, |w| shown(w, 0) == Shown::NotReady);
    w.assert_converged();
}

fn caught(way: Way, bug: Sabotage, wrap_up: WrapUp) -> &'static str {
    let mut w = planted(way, bug, |o| o.wrap_up = wrap_up);
    w.run_for(60_000);
    w.business_call(0);
    w.run_for(6_000);
    if w.failure.is_none() {
        w.take_step(&Step::Client(0, Own::Machine, Some(5_000)));
        w.run_for(30_000);
        w.set_presence(1, 6_500);
        w.run_for(10_000);
        w.run_quiet();
    }
    w.failure().map_or("nobody", |failure| {
        println!("{}", failure.text);
        failure.checker
    })
}

#[test]
fn without_a_planted_bug_nobody_objects() {
    assert_eq!(caught(Way::Respect, Sabotage::None, WrapUp::Timed(5_000)), "nobody");
    assert_eq!(caught(Way::Respect, Sabotage::None, WrapUp::Untimed), "nobody");
}

#[test]
fn acw_catches_work_that_is_ended_by_a_machine() {
    assert_eq!(caught(Way::Respect, Sabotage::ForgetWork, WrapUp::Untimed), "acw");
}

#[test]
fn acw_catches_work_that_never_ends() {
    assert_eq!(caught(Way::Respect, Sabotage::EndlessWork, WrapUp::Timed(5_000)), "acw");
}

#[test]
fn ping_pong_catches_requests_that_nothing_explains() {
    let mut w = World::builder(21).workers(2).sabotage(Sabotage::PingPong).build();
    w.set_presence(0, 6_500);
    w.run_for(60_000);
    assert_eq!(w.failure().map(|f| f.checker), Some("ping-pong"));
}

#[test]
fn damage_is_told_from_what_is_ours() {
    let w = world(Way::Respect, |_| {});
    assert_eq!(w.ours(&company::uri_of(0)), Ours::Nothing);
}
