//! What is said behind the one-time link, where the page itself is not there yet: in the language the browser asks for, with the page's own texts.
use super::assets::FILES;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Leads in: by itself, or by the button where scripts do not run.
    Enter,
    /// The link was used already, or its time is over.
    Over,
    /// Too many such links were opened from this address.
    Limited,
}

/// Languages looked at in one header; clients send a handful.
const ASKED_MAX: usize = 32;

/// Texts of each language, by its tag in lower case.
static TEXTS: LazyLock<BTreeMap<String, BTreeMap<String, String>>> = LazyLock::new(|| {
    let files = FILES.iter().filter_map(|(name, bytes)| Some((name.strip_prefix("i18n/")?.strip_suffix(".json")?, *bytes)));
    files.filter_map(|(tag, bytes)| Some((tag.to_ascii_lowercase(), texts_of(&serde_json::from_slice(bytes).ok()?)?))).collect()
});

fn texts_of(file: &Value) -> Option<BTreeMap<String, String>> {
    let wanted = |key: &str| key == "_dir" || key.starts_with("link.");
    Some(file.as_object()?.iter().filter(|(key, _)| wanted(key)).filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect())
}

/// The page in one of the languages of an `Accept-Language` header (RFC 9110 §12.5.4), else in English. Without anything a page's policy forbids.
pub(super) fn page(said: Said, accept_language: &str) -> String {
    let tag = chosen(accept_language);
    let text = |key: &str| escaped(TEXTS.get(tag).and_then(|texts| texts.get(key)).map_or("", String::as_str));
    let log_in = format!("<a href=\"/\">{}</a>", text("link.login"));
    let body = match said {
        Said::Enter => format!("<form method=\"post\"><button>{}</button></form>\n<script src=\"/js/enter.js\"></script>", text("link.enter")),
        Said::Over => format!("<h1>{}</h1>\n<p>{} {log_in}</p>", text("link.over"), text("link.once")),
        Said::Limited => format!("<h1>{}</h1>\n<p>{} {log_in}</p>", text("link.limited"), text("link.wait")),
    };
    format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>UC Connector</title>\n{body}\n</html>\n",
        text("_dir")
    )
}

/// The language wanted most of those we have; of equal wishes the first.
fn chosen(accept_language: &str) -> &'static str {
    let mut best = ("en", 0.0);
    for wish in accept_language.split(',').take(ASKED_MAX) {
        let mut parts = wish.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        let primary = tag.split('-').next().unwrap_or_default();
        let ours = TEXTS.get_key_value(&*tag).or_else(|| TEXTS.get_key_value(primary)).map(|(tag, _)| &**tag);
        if let Some(ours) = ours.filter(|_| weight > best.1) {
            best = (ours, weight);
        }
    }
    best.0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_first_wish_that_can_be_met_counts() {
        for (asked, tag) in [
            ("", "en"),
            ("de", "de"),
            ("de-CH, en;q=0.9", "de"),
            ("it, fr;q=0.8, de;q=0.9", "de"),
            ("ja;q=0, fr;q=0.1", "fr"),
            ("AR-eg;q=1.0", "ar"),
            ("*, es;q=0.5", "es"),
            (";;;q=,=,é-", "en"),
            ("de;q=high, es;q=0.2", "es"),
        ] {
            assert_eq!(chosen(asked), tag, "{asked}");
        }
        assert_eq!(chosen(&"xx,".repeat(100_000)), "en");
    }

    #[test]
    fn every_language_says_every_page() {
        for (tag, texts) in &*TEXTS {
            let over: &[&str] = &["link.over", "link.once", "link.login"];
            for (said, keys) in [(Said::Enter, &["link.enter"][..]), (Said::Over, over), (Said::Limited, &["link.limited", "link.wait", "link.login"])] {
                let page = page(said, tag);
                assert!(page.contains(&format!("<html lang=\"{tag}\" dir=\"{}\">", texts["_dir"])), "{page}");
                assert!(keys.iter().all(|key| page.contains(&texts[*key])), "{tag}: {page}");
            }
        }
        assert!(TEXTS.len() > 5 && page(Said::Over, "ar").contains("dir=\"rtl\""));
    }
}
