//! Secrets behind references (`env:NAME`, `file:PATH`), resolved at the last moment: the configuration, the core and the flight recorder only ever hold the reference.
use crate::settings::Settings;
use std::collections::{BTreeSet, HashMap};

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

/// References of a configuration that cannot be resolved here and now, each once, with the reason. The values are not kept.
pub(crate) fn missing(settings: &Settings) -> Vec<(Box<str>, String)> {
    let tokens = settings.bridges.iter().filter_map(|bridge| bridge.token_ref.as_deref());
    let passwords = settings.core.people.iter().map(|person| &*person.password_ref).filter(|reference| !reference.is_empty());
    let simple = settings.core.uc.kind.simple().into_iter().flat_map(|simple| &simple.credentials).map(|credential| &*credential.password_ref);
    let all: BTreeSet<&str> = tokens
        .chain(passwords)
        .chain(simple)
        .chain(settings.ops.token_ref.as_deref())
        .chain(settings.router.token_ref.as_deref())
        .chain(settings.web.sso.secret_ref.as_deref())
        .collect();
    all.into_iter().filter_map(|reference| resolve(reference).err().map(|why| (reference.into(), why))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use uc_core::config::{Config, Person};

    #[test]
    fn what_cannot_be_read_is_named_once() {
        let mut settings = crate::config_file::check_example();
        for bridge in &mut settings.bridges {
            bridge.token_ref = Some("file:/nonexistent/token".to_owned());
        }
        let person = |reference: &str| Person { password_ref: reference.into(), ..Person::default() };
        let people = vec![person("env:UC_TEST_UNSET"), person("env:UC_TEST_UNSET"), person("env:PATH"), person("")];
        settings.core = Arc::new(Config { people, ..Config::clone(&settings.core) });
        let missing = missing(&settings);
        let names: Vec<&str> = missing.iter().map(|(reference, _)| &**reference).collect();
        assert_eq!(names, if settings.bridges.is_empty() { vec!["env:UC_TEST_UNSET"] } else { vec!["env:UC_TEST_UNSET", "file:/nonexistent/token"] });
    }

    #[test]
    fn the_last_line_end_of_a_file_is_not_part_of_the_secret() {
        let path = std::env::temp_dir().join(format!("uc-secret-{}", std::process::id()));
        std::fs::write(&path, "two\nlines\r\n").unwrap();
        assert_eq!(resolve(&format!("file:{}", path.display())).as_deref(), Ok("two\nlines"));
        std::fs::remove_file(&path).unwrap();
        assert!(resolve("two").unwrap_err().contains("env:NAME"));
    }
}
