//! Replay files (`tests/regress/*.sim`): a run as text. Steps, not tape bytes: a changed generator would read the bytes differently.
//!
//! ```text
//! # free text
//! checker convergence
//! options seed=7 workers=2 ...
//! 00:00:01.000 presence 0 6500 on-the-phone
//! ```
use crate::options::Options;
use crate::run::Plan;
use crate::steps::Timed;
use std::fmt::Write;

/// A file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The checker that failed when the file was written.
    pub checker: String,
    /// The run.
    pub plan: Plan,
}

/// The file of a run that `checker` objected to.
#[must_use]
pub fn print(plan: &Plan, checker: &str) -> String {
    let mut out = format!("checker {checker}\noptions {}\n", plan.options);
    for timed in &plan.steps {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{timed}");
    }
    out
}

/// Reads a file.
///
/// # Errors
/// One sentence with the number of the line.
pub fn parse(text: &str) -> Result<Replay, String> {
    let (mut checker, mut options, mut steps) = (String::new(), None, Vec::new());
    for (at, line) in text.lines().enumerate() {
        let wrong = |why: String| format!("line {}: {why}", at + 1);
        if line.is_empty() || line.starts_with('#') {
        } else if let Some(name) = line.strip_prefix("checker ") {
            checker = name.to_string();
        } else if let Some(words) = line.strip_prefix("options ") {
            options = Some(Options::parse(words).map_err(wrong)?);
        } else {
            steps.push(line.parse::<Timed>().map_err(wrong)?);
        }
    }
    let options = options.ok_or("there is no line \"options ...\"")?;
    steps.sort_by_key(|timed| timed.at);
    Ok(Replay { checker, plan: Plan { options, steps } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Size;

    #[test]
    fn a_run_reads_back_as_written() {
        for seed in 0..20 {
            let plan = Plan::of_seed(seed, Size::default());
            let replay = parse(&format!("# found at night\n\n{}", print(&plan, "storm"))).expect("own print");
            assert_eq!((replay.checker.as_str(), &replay.plan.steps), ("storm", &plan.steps));
            assert_eq!(replay.plan.options.to_string(), plan.options.to_string());
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        assert_eq!(parse("options seed=1\n00:00:01.000 explode"), Err("line 2: \"explode\" is no step".to_string()));
        assert!(parse("checker storm").is_err());
    }
}
