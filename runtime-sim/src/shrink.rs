//! Makes a failing run small: fewer steps, then a calmer network and straighter peers, then fewer workers, as long as the same checker objects.
use crate::net::NetOptions;
use crate::options::Options;
use crate::run::Plan;
use crate::steps::Step;

/// Runs at most; each is milliseconds.
pub const RUNS_MAX: u32 = 600;

/// Shrinks `plan`. `fails` runs a candidate and says whether the same checker objects.
#[must_use]
pub fn shrink(plan: &Plan, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut left = RUNS_MAX;
    let mut try_it = |candidate: Plan, best: &mut Plan| {
        if left == 0 || candidate == *best {
            return false;
        }
        left -= 1;
        let good = fails(&candidate);
        if good {
            *best = candidate;
        }
        good
    };
    let mut best = plan.clone();
    drop_steps(&mut best, &mut try_it);
    calm_down(&mut best, &mut try_it);
    fewer_workers(&mut best, &mut try_it);
    // What is calmer and smaller now may need fewer steps still.
    drop_steps(&mut best, &mut try_it);
    best
}

/// Leaves out runs of steps: halves first, then quarters, down to single steps (as Zeller's delta debugging).
fn drop_steps(best: &mut Plan, try_it: &mut impl FnMut(Plan, &mut Plan) -> bool) {
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + size).min(best.steps.len()));
            if !try_it(candidate, best) {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size / 2 };
    }
}

type Change = fn(&mut Options);

fn calm_down(best: &mut Plan, try_it: &mut impl FnMut(Plan, &mut Plan) -> bool) {
    let changes: [Change; 15] = [
        |o| o.both.conflicts_pm = 0,
        |o| (o.both.work_refuses, o.both.work_after_release) = (false, false),
        |o| (o.both.guard_ms, o.both.limit_ms) = (0, 0),
        |o| (o.both.stand, o.both.by_aggregate) = (false, false),
        |o| o.odd_peers = false,
        |o| o.net = NetOptions::default(),
        |o| o.net.jitter_ms = 0,
        |o| (o.net.split_per_mille, o.net.crumbs_per_mille, o.net.join_per_mille) = (0, 0, 0),
        |o| o.watchers = 1,
        |o| o.front_ends = 1,
        |o| o.lync_pace = false,
        |o| o.tie = 0,
        |o| o.previews.reporting = false,
        |o| (o.previews.requests_max, o.previews.targets_max) = (10_000, 500),
        |o| o.previews.login_queue = false,
    ];
    for change in changes {
        let mut candidate = best.clone();
        change(&mut candidate.options);
        try_it(candidate, best);
    }
    // The run may end soon after its last step.
    let minutes = best.steps.last().map_or(0, |s| s.at.0 / 60_000) as u32 + 1;
    let mut candidate = best.clone();
    candidate.options.minutes = minutes.min(candidate.options.minutes);
    try_it(candidate, best);
}

const fn worker_of(step: &Step) -> Option<u16> {
    match step {
        Step::Presence { worker, .. }
        | Step::Call { worker, .. }
        | Step::Client(worker, ..)
        | Step::Foreign(worker, _)
        | Step::Errors { worker, .. }
        | Step::Add(worker)
        | Step::Remove(worker) => Some(*worker),
        Step::Preview(step) => step.worker(),
        _ => None,
    }
}

fn fewer_workers(best: &mut Plan, try_it: &mut impl FnMut(Plan, &mut Plan) -> bool) {
    for count in [1, 2, 5, 10] {
        if count < best.options.workers {
            let mut candidate = best.clone();
            candidate.options.workers = count;
            candidate.steps.retain(|s| worker_of(&s.step).is_none_or(|w| w < count));
            if try_it(candidate, best) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Size;
    use crate::steps::{Fate, Server};

    #[test]
    fn only_the_steps_that_matter_are_left() {
        let plan = Plan::of_seed(5, Size::default());
        let guilty = plan.steps.iter().filter(|s| matches!(s.step, Step::Presence { worker: 3, .. })).count().min(2);
        assert_eq!(guilty, 2, "the seed has what the test needs");
        let small = shrink(&plan, |candidate| candidate.steps.iter().filter(|s| matches!(s.step, Step::Presence { worker: 3, .. })).count() >= 2);
        assert_eq!(small.steps.len(), 2);
        assert_eq!((small.options.workers, small.options.front_ends, small.options.odd_peers), (5, 1, false));
    }

    #[test]
    fn what_does_not_get_smaller_stays() {
        let step = Step::Server(Server::FrontEnd(0), Fate::Kill);
        let mut plan = Plan::of_seed(1, Size::default());
        plan.steps.truncate(3);
        plan.steps[1].step = step;
        let same = shrink(&plan, |candidate| *candidate == plan);
        assert_eq!(same, plan);
    }

    #[test]
    fn it_ends() {
        let plan = Plan::of_seed(2, Size::default());
        let mut runs = 0;
        let _ = shrink(&plan, |_| {
            runs += 1;
            false
        });
        assert!(runs <= RUNS_MAX);
    }
}
