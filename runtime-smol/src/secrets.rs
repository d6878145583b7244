//! Secrets behind references (`env:NAME`, `file:PATH`), resolved at the last moment: the configuration, the core and the flight recorder only ever hold the reference.
use std::collections::HashMap;

/// Resolved secrets. A file is read once and again after [`Secrets::forget`].
#[derive(Default)]
pub(crate) struct Secrets {
    known: HashMap<Box<str>, Option<Box<str>>>,
}

impl Secrets {
    /// The secret behind `reference`; `None` when it cannot be had (an operator reads why once in the log).
    pub(crate) fn get(&mut self, reference: &str) -> Option<&str> {
        if !self.known.contains_key(reference) {
            let value = resolve(reference);
            if let Err(why) = &value {
                crate::say::alarm(&format!("the secret {reference} cannot be read: {why}"));
            }
            self.known.insert(reference.into(), value.ok());
        }
        self.known.get(reference).and_then(Option::as_deref)
    }

    /// Reads everything anew when next asked: files may have changed.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }
}

impl std::fmt::Debug for Secrets {
    /// Never the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("known", &self.known.len()).finish()
    }
}

/// Reads one secret. The last line end of a file does not belong to it.
pub(crate) fn resolve(reference: &str) -> Result<Box<str>, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        return std::env::var(name).map(Into::into).map_err(|why| format!("environment variable {name}: {why}"));
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).map_err(|why| format!("file {path}: {why}"))?;
        return Ok(text.strip_suffix('\n').map_or(&*text, |t| t.strip_suffix('\r').unwrap_or(t)).into());
    }
    Err("a secret is `env:NAME` or `file:PATH`".into())
}
