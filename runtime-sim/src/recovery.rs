//! `--recovery`: a Front End of a large company fails; how long until everybody is reconciled, in virtual time, under both traffic profiles.
use std::process::ExitCode;
use uc_runtime_sim::world::World;

/// Measures and prints; fails when a company does not recover.
pub(crate) fn measure(workers: u32) -> ExitCode {
    let Ok(workers) = u16::try_from(workers) else {
        eprintln!("at most 65535 workers");
        return ExitCode::from(2);
    };
    for lync in [false, true] {
        let begin = std::time::Instant::now();
        let (start_ms, recovery_ms) = fail_over(workers, lync);
        let profile = if lync { "lync" } else { "open" };
        println!(
            "profile {profile}: {workers} workers, from nothing {start_ms} ms, after a Front End failure {recovery_ms} ms (virtual; {:.1} s real)",
            begin.elapsed().as_secs_f64()
        );
    }
    ExitCode::SUCCESS
}

/// Virtual milliseconds from start, and from the pool's return, to everybody reconciled.
fn fail_over(workers: u16, lync: bool) -> (u64, u64) {
    let watchers = workers.div_ceil(1_000);
    let mut world = World::builder(1).workers(workers).front_ends(1).options(|o| (o.lync_pace, o.watchers) = (lync, watchers)).build();
    for worker in 0..workers {
        world.set_presence(worker, 3_500);
    }
    let start = world.run_until_coarsely(600_000, 50);
    world.kill_front_end(0);
    // People go on while the pool is away.
    for worker in 0..workers {
        world.set_presence(worker, if worker % 2 == 0 { 6_500 } else { 15_500 });
    }
    world.run_for(5_000);
    world.revive_front_end(0);
    (start, world.run_until_coarsely(600_000, 50))
}
