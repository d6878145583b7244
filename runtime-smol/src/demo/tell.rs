//! What the demo prints: one line for each change, failures in words, the summary. Colours only on a terminal, and not where `NO_COLOR` is set.
use super::servers::Story;
use crate::config_file::plural;
use crate::say_out;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use uc_core::presence::Class;
use uc_runtime_sim::peers::tserver::AgentState;

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";
const GREY: &str = "90";
const BOLD: &str = "1";

/// Prints the story as it happens.
pub(super) struct Teller {
    colours: bool,
}

impl Teller {
    /// Looks whether standard output is a terminal.
    pub(super) fn new() -> Self {
        Self { colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The heading over the changes.
    pub(super) fn head(&self) {
        let head = format!("{:<9} {:<20} {:<31}    {:<11} {:>9}", "time", "worker", "presence", "agent", "ms");
        say_out(&format!("\n{}\n", self.paint(BOLD, &head)));
    }

    /// A presence change has reached the agent, `ms` later.
    pub(super) fn change(&self, clock: u64, name: &str, class: Class, shown: &str, agent: AgentState, ms: f64) {
        let (shown, agent_text) = (format!("{shown:<31}"), format!("{:<11}", agent_words(agent)));
        let (shown, agent_text) = (self.paint(class_colour(class), &shown), self.paint(agent_colour(agent), &agent_text));
        say_out(&format!("{}  {name:<20} {shown} -> {agent_text} {ms:>9.2}\n", self.time(clock)));
    }

    /// Something else of the story: what happened, and what came of it.
    pub(super) fn told(&self, clock: u64, name: &str, what: &str, then: &str, ms: Option<f64>) {
        let (what, ms) = (self.paint(YELLOW, &format!("{what:<31}")), ms.map_or_else(String::new, |ms| format!(" {ms:>8.2}")));
        say_out(&format!("{}  {name:<20} {what} -> {then}{ms}\n", self.time(clock)));
    }

    /// A presence change led to nothing.
    pub(super) fn no_effect(&self, clock: u64, name: &str, shown: &str, agent: AgentState) {
        let text = format!("{name:<20} {shown:<31} -> still {}, without effect", agent_words(agent));
        say_out(&format!("{}  {}\n", self.time(clock), self.paint(RED, &text)));
    }

    /// A server fails.
    pub(super) fn failure(&self, clock: u64, server: &str, consequence: &str) {
        say_out(&format!("{}  {}: {consequence}\n", self.time(clock), self.paint("1;31", &format!("!! {server} fails"))));
    }

    /// A server is back.
    pub(super) fn back(&self, clock: u64, server: &str) {
        say_out(&format!("{}  {}\n", self.time(clock), self.paint("1;32", &format!("!! {server} is back"))));
    }

    /// The night was skipped.
    pub(super) fn night(&self, clock: u64) {
        say_out(&format!("{}  {}\n", self.time(clock), self.paint(GREY, "-- nothing happens until now, that time was skipped --")));
    }

    fn time(&self, clock: u64) -> String {
        self.paint(GREY, &hms(clock))
    }
}

const fn class_colour(class: Class) -> &'static str {
    match class {
        Class::Online | Class::IdleOnline => GREEN,
        Class::Busy | Class::IdleBusy | Class::DoNotDisturb => RED,
        Class::BeRightBack | Class::Away => YELLOW,
        Class::Offline | Class::Unknown => GREY,
    }
}

const fn agent_colour(agent: AgentState) -> &'static str {
    match agent {
        AgentState::Ready => GREEN,
        AgentState::NotReady => RED,
        _ => GREY,
    }
}

pub(super) const fn agent_words(agent: AgentState) -> &'static str {
    match agent {
        AgentState::LoggedOut => "logged out",
        AgentState::LoggedIn => "logged in",
        AgentState::NotReady => "not ready",
        AgentState::Ready => "ready",
    }
}

/// `HH:MM:SS` of a time of the story.
fn hms(at: u64) -> String {
    let s = at / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The last lines.
pub(super) fn summary(story: &Story, seed: u64) -> String {
    let Story { changes, latencies_ms, publications_ms, disturbed_ms, overtaken, without_effect, failures, violations, open } = story;
    let mut text = format!("\n{changes} presence changes, {failures} server failure{}, seed {seed}\n", plural(*failures as usize));
    let mut line = |name: &str, times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default();
        if !sorted.is_empty() {
            let _ = writeln!(text, "  {:>7} {name}: half within {:.2} ms, 99 of 100 within {:.2} ms", sorted.len(), at(50), at(99));
        }
    };
    line("reached their agent with all servers up", latencies_ms);
    line("times After Call Work or Legal Guard was shown to colleagues", publications_ms);
    line("reached their agent while a server was away or just back", disturbed_ms);
    for (n, name) in [
        (*overtaken, "were overtaken by the worker's next change"),
        (*without_effect, "had no effect within a minute"),
        (*open as u64, "were still under way at the end"),
    ] {
        if n > 0 {
            let _ = writeln!(text, "  {n:>7} {name}");
        }
    }
    for violation in violations.iter().take(10) {
        let _ = writeln!(text, "breach of the standards: {violation}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_how_fast_and_what_went_wrong() {
        assert_eq!(summary(&Story::default(), 7), "\n0 presence changes, 0 server failures, seed 7\n");
        let story = Story { changes: 3, latencies_ms: vec![2.0, 1.0], without_effect: 1, violations: vec!["x".to_owned()], ..Story::default() };
        let text = summary(&story, 7);
        assert!(text.contains("      2 reached their agent with all servers up: half within 2.00 ms, 99 of 100 within 2.00 ms\n"), "{text}");
        assert!(text.contains("      1 had no effect within a minute\nbreach of the standards: x\n"), "{text}");
    }

    #[test]
    fn times_are_those_of_a_day() {
        assert_eq!(hms(((24 + 9) * 3600 + 61) * 1000), "09:01:01");
    }
}
