//! Measures what the product promises, side by side with what it is compared with; one command, one table.
//!
//! `cargo bench-all` (everything), or one of `micro`, `storm`, `e2e`, `push`, `push-count`, `kamailio`, `kamailio-count`, `web`, `memory`, `recovery`, `checkpoint`, `record`. Method and results: `bench/README.md`.
use std::process::ExitCode;

mod alloc_count;
mod bare;
mod daemon;
mod e2e;
mod far_ends;
mod kamailio;
mod micro;
mod push;
mod seed;
mod storm;
mod table;
mod web;
mod web_flood;
mod web_pages;
mod web_states;

#[global_allocator]
static COUNTING: alloc_count::Counting = alloc_count::Counting;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let what = args.next().unwrap_or_else(|| "all".into());
    let rest: Vec<String> = args.collect();
    let result = match what.as_str() {
        "micro" => micro::run(),
        "count" => micro::count(&rest),
        "storm" => storm::run(),
        "checkpoint" => storm::checkpoint(),
        "record" => e2e::record(),
        "e2e" => e2e::run(&rest),
        "memory" => e2e::memory(),
        "recovery" => e2e::recovery(),
        "push" => push::run(&rest),
        "web" => web::run(&rest),
        "kamailio" => kamailio::run(&rest),
        "push-count" => push::count(&rest),
        "kamailio-count" => kamailio::count(&rest),
        "bare-server" => bare::serve(&rest),
        "all" => micro::run()
            .and_then(|()| storm::run())
            .and_then(|()| storm::checkpoint())
            .and_then(|()| e2e::record())
            .and_then(|()| e2e::run(&rest))
            .and_then(|()| push::run(&rest))
            .and_then(|()| kamailio::run(&rest))
            .and_then(|()| web::run(&[]))
            .and_then(|()| e2e::recovery())
            .and_then(|()| e2e::memory()),
        _ => Err(format!(
            "unknown part `{what}`; there are micro, storm, checkpoint, record, e2e, push, push-count, kamailio, kamailio-count, web, memory, recovery, all"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
