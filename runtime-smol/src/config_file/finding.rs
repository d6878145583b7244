//! What a check found, and where.
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

/// A place in a file; line and column count from 1, columns in characters. Line 0: the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// File as given by the operator.
    pub(crate) file: Rc<str>,
    /// Line.
    pub(crate) line: u32,
    /// Column.
    pub(crate) column: u32,
}

/// A mistake, or something that looks like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where.
    pub(crate) place: Place,
    /// Errors stop the connector, warnings do not.
    pub(crate) is_error: bool,
    /// What is wrong; what to write instead.
    pub(crate) text: String,
}

/// Findings in the order they were made; printed by place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// A mistake.
    pub(crate) fn error(&mut self, place: &Place, text: impl Into<String>) {
        self.0.push(Finding { place: place.clone(), is_error: true, text: text.into() });
    }

    /// Something that looks like a mistake.
    pub(crate) fn warning(&mut self, place: &Place, text: impl Into<String>) {
        self.0.push(Finding { place: place.clone(), is_error: false, text: text.into() });
    }

    /// Something that looks like a mistake and has no line of its own.
    pub(crate) fn warning_on_file(&mut self, path: &std::path::Path, text: impl Into<String>) {
        self.warning(&Lines::new(&path.display().to_string(), "").whole(), text);
    }

    /// How many errors and warnings.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let errors = self.0.iter().filter(|f| f.is_error).count();
        (errors, self.0.len() - errors)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            _ => write!(f, "{}:{}:{}", self.file, self.line, self.column),
        }
    }
}

impl fmt::Display for Findings {
    /// One line each, `file:line:column: error: text`, then a count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by_key(|finding| &finding.place);
        for finding in sorted {
            writeln!(f, "{}: {}: {}", finding.place, if finding.is_error { "error" } else { "warning" }, finding.text)?;
        }
        match self.counts() {
            (0, _) => Ok(()),
            (errors, warnings) => writeln!(f, "{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings)),
        }
    }
}

/// `s` unless it is one.
pub(crate) const fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Byte offsets to lines and columns.
pub(crate) struct Lines<'t> {
    file: Rc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Of `text`, read from `file`.
    pub(crate) fn new(file: &str, text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.into(), text, starts }
    }

    /// The place of a byte range's beginning.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let line = self.starts.partition_point(|start| *start <= span.start).saturating_sub(1);
        let before = self.text.get(self.starts[line]..span.start).unwrap_or_default();
        Place { file: self.file.clone(), line: line as u32 + 1, column: before.chars().count() as u32 + 1 }
    }

    /// A line by its number, from 1.
    pub(crate) fn line(&self, line: u32) -> Place {
        Place { file: self.file.clone(), line, column: 1 }
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Place {
        Place { file: self.file.clone(), line: 0, column: 0 }
    }
}

/// The one of `names` that was probably meant by `name`, if one is close.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = name.chars().count().max(3) / 3;
    let near = |known: &str| distance(name, known) <= most || (name.len() > 3 && (known.starts_with(name) || name.starts_with(known)));
    names.into_iter().filter(|known| near(known)).min_by_key(|known| distance(name, known))
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
