//! What routers write in texts: lists of targets, names of messages, user data (`spec/uc-connector-functional.md` 5.3, `spec/genesys-protocols.md` 5.2).
//!
//! Nothing here refuses: what cannot be understood is shown as it is, or names nobody.
use crate::directory::Directory;
use crate::id::{SwitchId, UserId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// What a router's message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewOp {
    /// `PreviewInteractionRequest`: one worker.
    Request,
    /// `PreviewInteractionMultiple`: all at once.
    Multiple,
    /// Our own: one after the other.
    RoundRobin,
    /// Our own: who has been ready longest first.
    LongestIdle,
    /// `PreviewInteractionCancel`.
    Cancel,
}

impl PreviewOp {
    /// The operation a name stands for: the message name in either published spelling (one page leaves out the first `c` of `Interaction`), or the short word of
    /// the HTTP interface. Case, blanks, `-` and `_` do not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = || name.chars().filter(|c| !matches!(c, '-' | '_') && !c.is_whitespace()).map(|c| c.to_ascii_lowercase());
        let is = |word: &str| {
            plain().eq(word.chars())
                || plain().eq("previewinteraction".chars().chain(word.chars()))
                || plain().eq("previewinteration".chars().chain(word.chars()))
        };
        let ops = [
            ("request", Self::Request),
            ("multiple", Self::Multiple),
            ("roundrobin", Self::RoundRobin),
            ("longestidle", Self::LongestIdle),
            ("cancel", Self::Cancel),
        ];
        ops.into_iter().find(|(word, _)| is(word)).map(|(_, op)| op)
    }
}

/// The names in a list of targets: separated by `^` or `|`, blanks and one pair of quotes around each left out, empty ones too.
pub fn target_names(targets: &str) -> impl Iterator<Item = &str> {
    unquoted(targets).split(['^', '|']).map(unquoted).filter(|name| !name.is_empty())
}

/// User data written as one text, `key:value|key:value`: split at `|`, then at the first `:`. A piece without `:` has an empty key and is shown as it is. Quotes
/// around the whole, a key or a value are left out.
#[must_use]
pub fn user_data<'a>(text: &'a str) -> Vec<(&'a str, &'a str)> {
    let pair = |piece: &'a str| piece.split_once(':').map_or_else(|| ("", unquoted(piece)), |(key, value)| (unquoted(key), unquoted(value)));
    unquoted(text).split('|').map(str::trim).filter(|piece| !piece.is_empty()).map(pair).collect()
}

/// Without blanks around, and without one pair of equal quotes around.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    // Quotes inside mean that these two are no pair: `'a'^'b'`.
    let single = |quote: char| inner(quote).filter(|inner| !inner.contains(quote));
    single('\'').or_else(|| single('"')).map_or(text, str::trim)
}

/// Whom a list of targets names.
#[derive(Debug, Default)]
pub(super) struct Targets<'t> {
    /// Each once, in order.
    pub(super) users: Vec<UserId>,
    /// Names nobody has.
    pub(super) unknown: Vec<&'t str>,
}

/// Looks names up: `group:NAME`, or employee id, login code, DN (`decisions.md` 16), first as written, then without what follows `@`. `at` finds who sits at a DN.
/// `None`: the list names more than `max` targets; it is not read further, whatever its length.
pub(super) fn resolve<'t>(directory: &Directory, targets: &'t str, max: usize, mut at: impl FnMut(SwitchId, &str) -> Option<UserId>) -> Option<Targets<'t>> {
    let mut found = Targets::default();
    let (mut seen, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for name in target_names(targets) {
        let one: Option<UserId>;
        let users = match group_name(name) {
            Some(group) if groups.insert(group) => directory.users_of_group(group),
            Some(_) => continue,
            None => {
                let bare = || name.split_once('@').map(|(bare, _)| bare.trim()).filter(|bare| !bare.is_empty());
                one = worker(directory, name, &mut at).or_else(|| worker(directory, bare()?, &mut at));
                one.as_slice()
            }
        };
        if users.is_empty() {
            found.unknown.push(name);
        }
        // One more than may be asked shows that there are too many.
        found.users.extend(users.iter().copied().filter(|user| seen.insert(*user)).take(max + 1));
        if found.users.len() + found.unknown.len() > max {
            return None;
        }
    }
    Some(found)
}

fn group_name(name: &str) -> Option<&str> {
    let (word, group) = name.split_once(':')?;
    word.trim().eq_ignore_ascii_case("group").then(|| unquoted(group))
}

fn worker(directory: &Directory, name: &str, at: &mut impl FnMut(SwitchId, &str) -> Option<UserId>) -> Option<UserId> {
    let by_name = directory.user_by_employee(name).or_else(|| directory.user_by_login(name));
    by_name.or_else(|| (0..directory.config().cti.switches.len()).find_map(|switch| at(SwitchId(switch as u16), name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_either_sign() {
        let names = |text| target_names(text).collect::<Vec<_>>();
        assert_eq!(names("5002^5003|5004"), ["5002", "5003", "5004"]);
        assert_eq!(names(" '5002' ^ \"Müller, Jürgen\" ^^|"), ["5002", "Müller, Jürgen"]);
        assert_eq!(names("'5002^5003'"), ["5002", "5003"]);
        assert_eq!(names("5002@StatServer.A^group: Sales"), ["5002@StatServer.A", "group: Sales"]);
        assert!(names("").is_empty() && names("'^\"").len() == 2);
    }

    #[test]
    fn both_spellings_and_the_short_words_name_operations() {
        for (name, op) in [
            ("PreviewInteractionRequest", Some(PreviewOp::Request)),
            ("PREVIEWINTERATIONREQUEST", Some(PreviewOp::Request)),
            ("request", Some(PreviewOp::Request)),
            ("PreviewInteractionMultiple", Some(PreviewOp::Multiple)),
            ("round-robin", Some(PreviewOp::RoundRobin)),
            ("longest_idle", Some(PreviewOp::LongestIdle)),
            ("PreviewInterationCancel", Some(PreviewOp::Cancel)),
            ("PreviewInteraction", None),
            ("", None),
            ("requestx", None),
        ] {
            assert_eq!(PreviewOp::from_name(name), op, "{name}");
        }
    }

    #[test]
    fn user_data_is_read_as_strategies_print_it() {
        assert_eq!(user_data("Notes:it's late|Caller:sip:a@b|:x"), [("Notes", "it's late"), ("Caller", "sip:a@b"), ("", "x")]);
        assert_eq!(user_data("just a text"), [("", "just a text")]);
        assert_eq!(user_data("'Notes':'ça va'|\u{1f600}:\u{4e2d}"), [("Notes", "ça va"), ("\u{1f600}", "\u{4e2d}")]);
        assert!(user_data(" | ").is_empty());
    }
}
