//! `uc-sim`: sweeps of seeds, one seed with its story, replays, and recovery of a large company.
//!
//! The library is pure; threads, the clock and the terminal are used here only.
#![expect(clippy::disallowed_types, reason = "the binary measures real time; the library never does")]

mod recovery;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uc_runtime_sim::both::{Modes, Way};
use uc_runtime_sim::preview::Previews;
use uc_runtime_sim::replay;
use uc_runtime_sim::run::{Outcome, Plan, Size};
use uc_runtime_sim::shrink::shrink;

const HELP: &str = "\
cargo sim [options]                 run seeds; exit 0: nothing found
  --seeds N          how many (default 100)
  --from S           first seed (default 0)
  --seed S           one seed
  --trace            with --seed: print the story
  --minutes M        virtual minutes of chaos (default 60)
  --workers W        workers (default 20)
  --modes M          any (default): half of the seeds normal, the others one of these; normal: every seed as it always was; respect: After Call Work is
                     respected; both: it is published; push: every agent state is published
  --previews         routers and pages in every seed (default: in one of four, where --modes is any)
  --bridge           the same with one router behind a bridge, which is lost and comes back
  --jobs J           threads (default 2)
  --check            run every seed twice and compare the hashes
  --keep-going       do not stop at the first failure; count failures by checker
  --no-shrink        print the seed only
  --out DIR          where shrunk runs are written (default tests/regress)
cargo sim replay FILE [--trace]     run a replay file again
cargo sim --recovery W              fail over a company of W workers under both profiles, print the virtual recovery times
exit codes: 127 crash, 128 liveness, 129 correctness";

/// Exit codes, as TigerBeetle's VOPR has them.
const CRASH: u8 = 127;
const LIVENESS: u8 = 128;
const CORRECTNESS: u8 = 129;

struct Args {
    seeds: u64,
    from: u64,
    trace: bool,
    size: Size,
    modes: Modes,
    previews: bool,
    bridge: bool,
    jobs: usize,
    check: bool,
    keep_going: bool,
    shrink: bool,
    out: String,
    recovery: Option<u32>,
    replay: Option<String>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        seeds: 100,
        from: 0,
        trace: false,
        size: Size::default(),
        modes: Modes::Any,
        previews: false,
        bridge: false,
        jobs: 2,
        check: false,
        keep_going: false,
        shrink: true,
        out: "tests/regress".into(),
        recovery: None,
        replay: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("\"{text}\" is no number"));
        match word.as_str() {
            "--seeds" => args.seeds = number(value()?)?,
            "--from" => args.from = number(value()?)?,
            "--seed" => (args.from, args.seeds) = (number(value()?)?, 1),
            "--trace" => args.trace = true,
            "--minutes" => args.size.minutes = number(value()?)? as u32,
            "--workers" => args.size.workers = u16::try_from(number(value()?)?).map_err(|_| "--workers: at most 65535")?,
            "--jobs" => args.jobs = number(value()?)?.clamp(1, 256) as usize,
            "--modes" => args.modes = modes(&value()?)?,
            "--previews" => args.previews = true,
            "--bridge" => (args.previews, args.bridge) = (true, true),
            "--check" => args.check = true,
            "--keep-going" => args.keep_going = true,
            "--no-shrink" => args.shrink = false,
            "--out" => args.out = value()?,
            "--recovery" => args.recovery = Some(number(value()?)? as u32),
            "replay" => args.replay = Some(value()?),
            "--help" | "-h" => return Err(HELP.into()),
            other => return Err(format!("unknown option {other}\n{HELP}")),
        }
    }
    Ok(args)
}

impl Args {
    fn plan(&self, seed: u64) -> Plan {
        match (self.previews, self.bridge) {
            (_, true) => Plan::behind_bridge(seed, self.size, self.modes),
            (true, false) => Plan::with_previews(seed, self.size, self.modes, Previews::On),
            (false, false) => Plan::with_modes(seed, self.size, self.modes),
        }
    }
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    if let Some(workers) = args.recovery {
        return recovery::measure(workers);
    }
    if let Some(file) = &args.replay {
        return replay_file(file, args.trace);
    }
    if args.trace {
        return one(&args.plan(args.from), true);
    }
    sweep(&args)
}

const fn is_liveness(checker: &str) -> bool {
    matches!(checker.as_bytes(), b"convergence" | b"recovery" | b"busy-loop" | b"coverage")
}

/// A run's end: what it came to, or the words of its panic.
fn try_run(plan: &Plan, told: bool) -> Result<Outcome, String> {
    let result = catch_unwind(AssertUnwindSafe(|| plan.run_with(uc_runtime_sim::sabotage::Sabotage::None, told)));
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_else(|| "panic without words".into())
    })
}

/// The checker that objected, or `crash`; none when all is well.
fn verdict(plan: &Plan) -> Option<(String, String)> {
    match try_run(plan, false) {
        Ok(outcome) => outcome.failure.map(|f| (f.checker.to_string(), format!("{} (at {})", f.text, f.at))),
        Err(panic) => Some(("crash".into(), panic)),
    }
}

fn code(checker: &str) -> ExitCode {
    ExitCode::from(match checker {
        "crash" => CRASH,
        checker if is_liveness(checker) => LIVENESS,
        _ => CORRECTNESS,
    })
}

fn one(plan: &Plan, told: bool) -> ExitCode {
    println!("options {}", plan.options);
    match try_run(plan, told) {
        Ok(outcome) => {
            let mut out = std::io::stdout().lock();
            for line in &outcome.story {
                if writeln!(out, "{line}").is_err() {
                    return ExitCode::SUCCESS;
                }
            }
            match outcome.failure {
                Some(failure) => {
                    println!("{} at {}: {}", failure.checker, failure.at, failure.text);
                    code(failure.checker)
                }
                None => {
                    println!("nothing found; {} events, hash {:016x}", outcome.events, outcome.hash);
                    ExitCode::SUCCESS
                }
            }
        }
        Err(panic) => {
            println!("crash: {panic}");
            ExitCode::from(CRASH)
        }
    }
}

fn replay_file(file: &str, told: bool) -> ExitCode {
    let replay = std::fs::read_to_string(file).map_err(|e| e.to_string()).and_then(|text| replay::parse(&text));
    match replay {
        Ok(replay) => one(&replay.plan, told),
        Err(why) => {
            eprintln!("{file}: {why}");
            ExitCode::from(2)
        }
    }
}

fn modes(word: &str) -> Result<Modes, String> {
    match word {
        "any" => Ok(Modes::Any),
        "normal" => Ok(Modes::Normal),
        other => Way::from_word(other).map(Modes::Only).ok_or_else(|| format!("--modes: \"{other}\" is none of any, normal, respect, both, push")),
    }
}

const fn router_word(args: &Args) -> &'static str {
    match (args.previews, args.bridge) {
        (_, true) => " --bridge",
        (true, false) => " --previews",
        (false, false) => "",
    }
}

const fn modes_word(modes: Modes) -> &'static str {
    match modes {
        Modes::Any => "any",
        Modes::Normal => "normal",
        Modes::Only(way) => way.word(),
    }
}

#[derive(Default)]
struct Tally {
    /// Failures by checker: how many, and the first seeds.
    found: BTreeMap<String, (u64, Vec<(u64, String)>)>,
}

fn sweep(args: &Args) -> ExitCode {
    let (next, done, events, stop) = (AtomicU64::new(args.from), AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let tally = Mutex::new(Tally::default());
    let begin = Instant::now();
    let last = args.from.saturating_add(args.seeds);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        break;
                    }
                    if let Some((checker, text)) = try_seed(seed, args, &events) {
                        let mut tally = tally.lock().expect("no panic while counting");
                        let entry = tally.found.entry(checker).or_default();
                        entry.0 += 1;
                        if entry.1.len() < 5 {
                            entry.1.push((seed, text));
                        }
                        stop.fetch_or(!args.keep_going, Ordering::Relaxed);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        progress(args.seeds, &done, &stop);
    });
    let (done, seconds) = (done.into_inner(), begin.elapsed().as_secs_f64());
    println!(
        "{done} runs of {} virtual minutes, {} workers, {} events, {seconds:.1} s, {} threads",
        args.size.minutes,
        args.size.workers,
        events.into_inner(),
        args.jobs
    );
    println!("{:.0} runs per CPU-minute", done as f64 * 60.0 / (seconds * args.jobs as f64));
    report(args, &tally.into_inner().expect("no panic while counting"))
}

fn try_seed(seed: u64, args: &Args, events: &AtomicU64) -> Option<(String, String)> {
    let plan = args.plan(seed);
    match try_run(&plan, false) {
        Err(panic) => Some(("crash".into(), panic)),
        Ok(outcome) => {
            events.fetch_add(outcome.events, Ordering::Relaxed);
            if let Some(failure) = outcome.failure {
                return Some((failure.checker.to_string(), format!("{} (at {})", failure.text, failure.at)));
            }
            let again = if args.check { try_run(&plan, false).ok()?.hash } else { outcome.hash };
            (again != outcome.hash).then(|| ("determinism".into(), format!("hash {:016x}, then {again:016x}", outcome.hash)))
        }
    }
}

fn progress(total: u64, done: &AtomicU64, stop: &AtomicBool) {
    let shown = std::io::stderr().is_terminal();
    while done.load(Ordering::Relaxed) < total && !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_millis(100));
        if shown {
            let n = done.load(Ordering::Relaxed);
            let filled = (n * 40 / total.max(1)) as usize;
            eprint!("\r[{}{}] {n}/{total} ", "#".repeat(filled), ".".repeat(40 - filled));
        }
    }
    if shown {
        eprintln!();
    }
}

fn report(args: &Args, tally: &Tally) -> ExitCode {
    let Some((checker, (_, examples))) = tally.found.iter().next() else {
        println!("nothing found");
        return ExitCode::SUCCESS;
    };
    for (checker, (count, examples)) in &tally.found {
        println!("{checker}: {count} runs");
        for (seed, text) in examples {
            println!("  seed {seed}: {text}");
        }
    }
    let seed = examples[0].0;
    println!("options {}", args.plan(seed).options);
    let (minutes, workers, modes, previews) = (args.size.minutes, args.size.workers, modes_word(args.modes), router_word(args));
    println!("again: cargo sim --seed {seed} --minutes {minutes} --workers {workers} --modes {modes}{previews} --trace");
    if args.shrink {
        write_shrunk(args, seed, checker);
    }
    code(checker)
}

fn write_shrunk(args: &Args, seed: u64, checker: &str) {
    let plan = args.plan(seed);
    if verdict(&plan).is_none_or(|(again, _)| again != checker) {
        println!("the run does not fail a second time: it is not deterministic");
        return;
    }
    let small = shrink(&plan, |candidate| verdict(candidate).is_some_and(|(again, _)| again == checker));
    let file = format!("{}/{checker}-{seed}.sim", args.out);
    match std::fs::write(&file, replay::print(&small, checker)) {
        Ok(()) => println!("{} steps instead of {}, {} workers; again: cargo replay {file}", small.steps.len(), plan.steps.len(), small.options.workers),
        Err(why) => println!("{file}: {why}"),
    }
}
