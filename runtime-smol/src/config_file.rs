//! The configuration file: from text to checked [`Settings`], with every mistake found on the way.
use crate::settings::Settings;
use std::fmt;
use std::path::Path;

/// What a check found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Vec<String>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Outcome of [`check`].
pub(crate) struct Checked {
    /// If there were no errors.
    pub(crate) settings: Option<Settings>,
    /// Errors and warnings.
    pub(crate) findings: Findings,
}

/// Reads and checks a configuration and its people file.
pub(crate) fn check(path: &Path) -> Checked {
    Checked { settings: None, findings: Findings(vec![format!("{}: not yet", path.display())]) }
}

/// Like [`check`], for those who only want settings.
///
/// # Errors
/// All findings, if one of them is an error.
pub(crate) fn load(path: &Path) -> Result<Settings, Findings> {
    let checked = check(path);
    checked.settings.ok_or(checked.findings)
}

/// A commented configuration file with all defaults.
pub(crate) fn example() -> String {
    String::new()
}

/// The reference of all options, in Markdown.
pub(crate) fn reference() -> String {
    String::new()
}

/// What a checked configuration amounts to, for people.
pub(crate) fn summary(path: &Path, settings: &Settings) -> String {
    format!("{}: {} workers\n", path.display(), settings.core.people.len())
}

/// The one of `names` that was probably meant by `name`, if one is close.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = name.chars().count().max(3) / 3 + 1;
    names.into_iter().map(|known| (distance(name, known), known)).filter(|(d, _)| *d <= most).min_by_key(|(d, _)| *d).map(|(_, known)| known)
}

/// Insertions, deletions and replacements between two words (Levenshtein); `_` and `-` are alike, case does not count.
fn distance(a: &str, b: &str) -> usize {
    let fold = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(fold).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(fold).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
