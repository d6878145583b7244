//! How soon a worker's page shows that their agent is in another state.
use crate::e2e::points;
use crate::table::{Table, thousands};
use crate::web::{Office, PAGES, PATIENCE};
use crate::web_pages::Pages;
use std::time::{Duration, Instant};

/// Changes a second.
const CHANGES: f64 = 1_000.0;

/// From the moment a change of an agent is due at the T-Server to the event in the page's hands, round robin over all workers.
pub(crate) fn run(time: Duration) -> Result<(), String> {
    eprintln!("states ...");
    let mut office = Office::open()?;
    let mut pages = Pages::log_in(office.web, PAGES)?;
    pages.open_all(PATIENCE)?;
    office.settle()?;
    pages.states.clear();
    // Of each worker's last change, until their page has heard of it.
    let mut due_at: Vec<Option<Instant>> = vec![None; PAGES];
    let (mut made, mut heard, mut times) = (0_usize, 0_u64, Vec::new());
    let cpu = office.child.cpu_seconds();
    let began = Instant::now();
    while began.elapsed() < time + Duration::from_millis(500) {
        while began.elapsed() < time && (made as f64) < began.elapsed().as_secs_f64() * CHANGES {
            let worker = made % PAGES;
            due_at[worker] = Some(began + Duration::from_secs_f64(made as f64 / CHANGES));
            let begins = !office.bridge.in_after_call_work(worker);
            office.bridge.after_call_work(worker, begins);
            made += 1;
        }
        office.turn()?;
        pages.turn(Duration::ZERO)?;
        for (worker, at) in pages.states.drain(..) {
            if let Some(due) = due_at[worker].take() {
                heard += 1;
                // The first second warms up.
                if due > began + Duration::from_secs(1) {
                    times.push(at.saturating_duration_since(due).as_secs_f64() * 1e3);
                }
            }
        }
    }
    let cpu = (office.child.cpu_seconds() - cpu) / heard.max(1) as f64 * 1e6;
    let [p50, p99, p999] = points(times);
    let mut table =
        Table::new(&["changes of agents, 1,000/s at 10,000 open pages", "made", "shown", "p50 ms", "p99 ms", "p99.9 ms", "CPU us of the daemon each"]);
    table.row(&[
        format!("{} s", time.as_secs()),
        thousands(made as u64),
        thousands(heard),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("{p999:.2}"),
        format!("{cpu:.0}"),
    ]);
    table.print("From the T-Server's event to the event at the worker's page");
    Ok(())
}
