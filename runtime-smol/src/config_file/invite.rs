//! The part of `[preview]` about workers without a page: what asking them needs, and what they are told in which language.
use super::finding::{Findings, Place};
use super::options::Draft;
use std::collections::BTreeSet;
use uc_core::config::{INVITE_TEXT_BYTES_MAX, INVITE_TOAST_BYTES_MAX, InviteConfig, InviteMode, InviteWords, is_language};

/// What options cannot say about themselves.
pub(super) fn check(draft: &Draft, at: &impl Fn(&str) -> Place, findings: &mut Findings) {
    let lists = [("invite_texts", &draft.invite_texts, INVITE_TEXT_BYTES_MAX), ("invite_toasts", &draft.invite_toasts, INVITE_TOAST_BYTES_MAX)];
    for (option, entries, bytes_max) in lists {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let wrong = match split(entry) {
                None => format!("`{entry}` must be a language tag, a colon and the text, as in `it: Un cliente chiede di lei: {{link}}`"),
                Some((tag, _)) if !seen.insert(tag.to_ascii_lowercase()) => format!("language `{tag}` is there twice"),
                Some((tag, text)) if text.len() > bytes_max => format!("the text of language `{tag}` is {} bytes, the limit is {bytes_max}", text.len()),
                Some((tag, text)) if text.chars().any(char::is_control) => format!("the text of language `{tag}` has a control character; remove it"),
                Some(_) => continue,
            };
            findings.error(&at(&format!("preview.{option}")), wrong);
        }
    }
    let invite = &draft.preview.invite;
    if invite.mode == InviteMode::Off {
        return;
    }
    match base_of(&invite.url) {
        None => {
            let text = format!(
                "`cwe_url` is `{}`, it must be the address of the workers' pages and `/t/{{token}}`, as in `https://ucc.contoso.example/t/{{token}}`",
                invite.url
            );
            findings.error(&at("preview.cwe_url"), text);
        }
        Some(base) if base.starts_with("http://") => {
            findings.warning(&at("preview.cwe_url"), "the link lets a worker in and travels in clear; use https:// unless the network is private");
        }
        Some(_) => {}
    }
    if invite.mode == InviteMode::Context && !is_guid(&invite.application) {
        let text = format!(
            "`cwe_app_id` is `{}`, it must be a GUID in braces, as in `{{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}}`, because `invite` is `context`",
            invite.application
        );
        findings.error(&at("preview.cwe_app_id"), text);
    }
    if draft.web.door.listen.is_none() {
        findings.error(&at("preview.invite"), "`invite` leads workers to their pages, but there are none; write `listen` in [web]");
    }
}

/// Adds the words of the configuration to the shipped ones. Unless something else is written, who speaks no known language is told in that of the pages.
pub(super) fn speak(invite: &mut InviteConfig, texts: &[Box<str>], toasts: &[Box<str>], page_language: &str) {
    for (entries, is_text) in [(texts, true), (toasts, false)] {
        for (tag, said) in entries.iter().filter_map(|entry| split(entry)) {
            let at = invite.words.iter().position(|words| words.language.eq_ignore_ascii_case(tag)).unwrap_or_else(|| {
                invite.words.push(InviteWords { language: tag.into(), text: "".into(), toast: "".into() });
                invite.words.len() - 1
            });
            *(if is_text { &mut invite.words[at].text } else { &mut invite.words[at].toast }) = said.into();
        }
    }
    let (plain, (text, toast)) = (InviteConfig::default(), invite.words_for(page_language));
    let (text, toast): (Box<str>, Box<str>) = (text.into(), toast.into());
    if invite.text == plain.text {
        invite.text = text;
    }
    if invite.toast == plain.toast {
        invite.toast = toast;
    }
}

/// `TAG: text`
fn split(entry: &str) -> Option<(&str, &str)> {
    let (tag, text) = entry.split_once(':')?;
    let (tag, text) = (tag.trim(), text.trim());
    (is_language(tag) && !text.is_empty()).then_some((tag, text))
}

/// The address of the workers' pages, without `/` at the end, of the link to them; `None`: it is none.
pub(crate) fn base_of(url: &str) -> Option<&str> {
    let base = url.strip_suffix("/t/{token}")?;
    let rest = ["https://", "http://"].iter().find_map(|scheme| base.strip_prefix(scheme))?;
    (!rest.is_empty() && !rest.starts_with('/') && !rest.contains([' ', '"', '{', '\\'])).then_some(base)
}

/// Braces, and 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { return false };
    let mut parts = inner.split('-');
    [8, 4, 4, 4, 12].iter().all(|len| parts.next().is_some_and(|part| part.len() == *len && part.bytes().all(|b| b.is_ascii_hexdigit())))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], toasts: &[&str], page: &str) -> InviteConfig {
        let mut invite = InviteConfig::default();
        let boxed = |list: &[&str]| list.iter().map(|entry| Box::from(*entry)).collect::<Vec<_>>();
        speak(&mut invite, &boxed(texts), &boxed(toasts), page);
        invite
    }

    #[test]
    fn one_more_language_is_one_more_line() {
        let invite = of(&["it: Un cliente: {link}", "DE: Anruf: {link}"], &["it: Un cliente"], "");
        assert_eq!(invite.words_for("it-CH"), ("Un cliente: {link}", "Un cliente"));
        assert_eq!(invite.words_for("de"), ("Anruf: {link}", "Ein Kunde wartet auf Sie."), "the other word stays");
        assert_eq!(invite.words.len(), 7);
        assert_eq!(invite.text, InviteConfig::default().text);
    }

    #[test]
    fn who_speaks_no_known_language_is_told_in_that_of_the_pages() {
        assert!(of(&[], &[], "fr").text.starts_with("Un client"));
        assert_eq!(&*of(&["it: Un cliente: {link}"], &[], "it").text, "Un cliente: {link}");
        let mut written = InviteConfig { text: "written: {link}".into(), ..InviteConfig::default() };
        speak(&mut written, &[], &[], "fr");
        assert_eq!((&*written.text, &*written.toast), ("written: {link}", "Un client vous demande."));
    }

    #[test]
    fn every_language_of_the_page_has_its_words() {
        let list = include_str!("../../web/i18n/index.json");
        let languages: Vec<String> = serde_json::from_str(list).unwrap();
        let invite = InviteConfig::default();
        for language in &languages {
            assert!(invite.words.iter().any(|words| *words.language == **language), "a row in core/src/config/words.rs is missing: {language}");
        }
        assert!(languages.len() >= 6);
    }

    #[test]
    fn entries_without_a_language_are_none() {
        for entry in ["", "text", ": text", "it:", "it :  ", "l'italiano: text", "a-tag-that-is-longer-than-any-tag-can-be: text"] {
            assert_eq!(split(entry), None, "{entry}");
        }
        assert_eq!(split(" it : a: b "), Some(("it", "a: b")));
    }
}
