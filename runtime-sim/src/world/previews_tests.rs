//! Stories of previews, and planted bugs that their checkers must catch.
use super::*;
use crate::peers::tserver::AgentState;
use crate::preview::{Ask, End, LOGIN_QUEUE, PreviewOptions, PreviewStep, Reaction, Target};
use crate::steps::{Hand, Step};
use uc_core::offer::{OfferView, Select};

fn world(bug: Sabotage, change: impl FnOnce(&mut PreviewOptions)) -> World {
    let options = |o: &mut Options| {
        o.previews = PreviewOptions::calm();
        change(&mut o.previews);
    };
    let mut world = World::builder(21).workers(4).options(options).sabotage(bug).told().build();
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

fn target(worker: u16, reaction: Reaction, after_ms: u32) -> Target {
    Target { worker, reaction, after_ms }
}

fn ask(number: u32, call: u32, targets: &[Target]) -> PreviewStep {
    PreviewStep::Ask(Ask { number, call, select: Select::Broadcast, think_ms: Some(10_000), key: Some(call), targets: targets.to_vec() })
}

fn told(world: &World, text: &str) -> usize {
    world.story().iter().filter(|line| line.contains(text)).count()
}

fn open_of(world: &World, worker: u16) -> Vec<OfferView> {
    let user = world.core().directory().user_by_employee(&company::employee_of(worker)).expect("a worker");
    world.core().offers_of(user)
}

/// Everything a preview can meet, in a few minutes.
fn lively(bug: Sabotage) -> Option<Failure> {
    let mut w = world(bug, |_| {});
    let all = [target(0, Reaction::Accept, 1_000), target(1, Reaction::Accept, 1_000), target(2, Reaction::Reject, 500), target(3, Reaction::Silent, 0)];
    step(&mut w, ask(1, 1, &all));
    w.run_for(30_000);
    step(&mut w, ask(2, 2, &[target(3, Reaction::Silent, 0)]));
    w.run_for(1_000);
    step(&mut w, PreviewStep::Close(3, 0));
    w.run_for(2_000);
    step(&mut w, PreviewStep::Open(3, 0));
    step(&mut w, PreviewStep::Over { call: 2, worker: 3, end: End::Abandoned });
    w.run_for(1_000);
    step(&mut w, ask(3, 3, &[target(3, Reaction::Silent, 0)]));
    w.foreign_hand(3, Hand::NotReady);
    w.run_for(15_000);
    w.run_quiet();
    w.failure().cloned()
}

fn caught_by(bug: Sabotage) -> &'static str {
    lively(bug).map_or("nobody", |failure| {
        println!("{}", failure.text);
        failure.checker
    })
}

#[test]
fn a_run_without_planted_bugs_is_clean() {
    assert_eq!(lively(Sabotage::None), None);
}

#[test]
fn every_checker_of_previews_catches_its_planted_bug() {
    let planted = [
        (Sabotage::AnswerTwice, "answers"),
        (Sabotage::Usurper, "winner"),
        (Sabotage::SecondWinner, "winner"),
        (Sabotage::LateWinner, "winner"),
        (Sabotage::DeafToNotReady, "ready"),
        (Sabotage::RecordTwice, "records"),
        (Sabotage::LoseReport, "reports"),
        (Sabotage::DeafToRelease, "offer-life"),
        (Sabotage::EmptyPage, "pages"),
        (Sabotage::WrongPage, "private"),
    ];
    for (bug, checker) in planted {
        assert_eq!(caught_by(bug), checker, "{bug:?}");
    }
}

#[test]
fn two_accept_in_the_same_instant_and_the_call_goes_to_one() {
    let mut w = world(Sabotage::None, |_| {});
    step(&mut w, ask(1, 1, &[target(0, Reaction::Accept, 700), target(1, Reaction::Accept, 700), target(2, Reaction::Both, 700)]));
    w.run_for(5_000);
    assert_eq!((told(&w, ": Accepted ("), told(&w, "outcome: Accepted"), told(&w, "TooLate")), (1, 1, 3), "one answer, one winner, three clicks too late");
    let on_call: Vec<u16> = (0..4).filter(|worker| w.t_server.is_on_call(&company::dn_of(*worker))).collect();
    assert_eq!(on_call.len(), 1);
    w.run_for(60_000);
    w.assert_converged();
}

#[test]
fn a_page_that_comes_back_shows_what_is_open_and_can_still_accept() {
    let mut w = world(Sabotage::None, |_| {});
    step(&mut w, ask(1, 1, &[target(2, Reaction::Accept, 6_000)]));
    step(&mut w, PreviewStep::Close(2, 0));
    w.run_for(4_000);
    step(&mut w, PreviewStep::Open(2, 1));
    assert_eq!(open_of(&w, 2).len(), 1);
    w.run_for(3_000);
    assert!(w.t_server.is_on_call(&company::dn_of(2)));
    w.run_for(60_000);
    w.assert_converged();
}

#[test]
fn somebody_elses_offer_cannot_be_accepted() {
    let mut w = world(Sabotage::None, |_| {});
    step(&mut w, ask(1, 1, &[target(2, Reaction::Silent, 0)]));
    w.run_for(1_000);
    step(&mut w, PreviewStep::Meddle(0));
    step(&mut w, PreviewStep::Meddle(2));
    assert_eq!((told(&w, "TooLate"), open_of(&w, 2).len()), (1, 0), "the first is refused, the second declines an offer of their own");
    w.assert_converged();
}

#[test]
fn routers_that_come_back_ask_again_with_their_keys() {
    let mut w = world(Sabotage::None, |_| {});
    step(&mut w, ask(1, 1, &[target(0, Reaction::Accept, 8_000)]));
    w.run_for(1_000);
    step(&mut w, PreviewStep::Routers(false));
    assert!(open_of(&w, 0).is_empty() && told(&w, "who asked is gone") == 1);
    w.run_for(1_000);
    step(&mut w, PreviewStep::Routers(true));
    w.run_for(8_500);
    assert!(w.t_server.is_on_call(&company::dn_of(0)), "{:?}", w.story());
    assert_eq!((told(&w, "outcome: Canceled"), told(&w, "outcome: Accepted")), (1, 1));
    w.run_for(60_000);
    w.assert_converged();
}

/// A call while no router is there: where it went, and how many offers were made for it.
fn without_router(queue: bool) -> (Vec<u16>, u64) {
    let mut w = world(Sabotage::None, |o| o.login_queue = queue);
    // Two are ready: the one who has been so longer is to get it.
    for worker in [1, 2] {
        w.set_presence(worker, 6_500);
    }
    w.set_presence(0, 9_500);
    w.run_for(10_000);
    w.set_presence(0, 3_500);
    w.run_for(10_000);
    let state = |w: &World, worker| w.t_server.agent(&company::dn_of(worker)).map(|agent| agent.state);
    assert_eq!([0, 1, 2, 3].map(|worker| state(&w, worker)), [AgentState::Ready, AgentState::NotReady, AgentState::NotReady, AgentState::Ready].map(Some));
    step(&mut w, PreviewStep::Routers(false));
    step(&mut w, ask(1, 1, &[target(0, Reaction::Accept, 500)]));
    w.run_for(5_000);
    let on_call = (0..4).filter(|worker| w.t_server.is_on_call(&company::dn_of(*worker))).collect();
    let offers = w.core().counters().offers;
    step(&mut w, PreviewStep::Routers(true));
    // The routers are back: workers are asked again.
    step(&mut w, ask(2, 2, &[target(0, Reaction::Accept, 500)]));
    w.run_for(5_000);
    assert!(w.core().counters().offers > offers && w.t_server.is_on_call(&company::dn_of(0)));
    w.run_for(60_000);
    w.assert_converged();
    (on_call, offers)
}

#[test]
fn without_a_router_t_server_routes_to_the_queue_the_agents_are_logged_in_to() {
    assert_eq!(LOGIN_QUEUE, "8000");
    assert_eq!(without_router(true), (vec![3], 0), "worker 3 has been ready longest; nobody was asked");
    assert_eq!(without_router(false), (Vec::new(), 0), "without the option agents are logged in to no queue, and the call waits");
}
