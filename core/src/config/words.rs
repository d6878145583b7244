//! What workers without a page are told, by language (`spec/uc-connector-functional.md` 5.8): six languages are shipped, more come from the configuration.
use super::preview::InviteConfig;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Longest message, bytes.
pub const INVITE_TEXT_BYTES_MAX: usize = 400;
/// Longest first message of a window, bytes; the platform takes 80 characters (`spec/ms-pres.md` 7.6).
pub const INVITE_TOAST_BYTES_MAX: usize = 80;
/// Language tag, message, first message of a window. One more row is one more language.
const SHIPPED: [(&str, &str, &str); 6] = [
    ("en", "A customer asks for you. Please answer here: {link}", "A customer asks for you."),
    ("de", "Ein Kunde wartet auf Sie. Bitte antworten Sie hier: {link}", "Ein Kunde wartet auf Sie."),
    ("fr", "Un client vous demande. Merci de répondre ici : {link}", "Un client vous demande."),
    ("es", "Un cliente pregunta por usted. Responda aquí: {link}", "Un cliente pregunta por usted."),
    ("ja", "お客様がお待ちです。こちらからご回答ください: {link}", "お客様がお待ちです。"),
    ("ar", "هناك عميل بانتظارك. يرجى الرد هنا: {link}", "هناك عميل بانتظارك."),
];

/// An invitation's words in one language.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InviteWords {
    /// Tag (BCP 47), in any case of letters.
    pub language: Box<str>,
    /// The message; see [`InviteConfig::text`]. Empty: that one.
    pub text: Box<str>,
    /// The first message of a window; see [`InviteConfig::toast`]. Empty: that one.
    pub toast: Box<str>,
}

impl InviteWords {
    /// The languages that are shipped.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        SHIPPED.iter().map(|(language, text, toast)| Self { language: (*language).into(), text: (*text).into(), toast: (*toast).into() }).collect()
    }
}

impl InviteConfig {
    /// Message and first message of a window for a worker of this language: its own words, those of the language without its last parts (`pt-BR`, then `pt`; RFC 4647
    /// §3.4), else those without a language.
    #[must_use]
    pub fn words_for(&self, language: &str) -> (&str, &str) {
        let mut tag = language;
        while !tag.is_empty() {
            if let Some(words) = self.words.iter().find(|words| words.language.eq_ignore_ascii_case(tag)) {
                let text = if words.text.is_empty() { &self.text } else { &words.text };
                let toast = if words.toast.is_empty() { &self.toast } else { &words.toast };
                return (text, toast);
            }
            tag = tag.rsplit_once('-').map_or("", |(shorter, _)| shorter);
        }
        (&self.text, &self.toast)
    }
}

/// Whether a text can be a language tag: letters, digits and hyphens, 35 at most.
#[must_use]
pub fn is_language(text: &str) -> bool {
    (1..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_language_has_every_text() {
        let shipped = InviteWords::shipped();
        for InviteWords { language, text, toast } in &shipped {
            assert!(is_language(language), "{language}");
            assert_eq!(text.matches("{link}").count(), 1, "{language}");
            assert!(!toast.is_empty() && !toast.contains('{'), "{language}");
            assert!(text.len() <= INVITE_TEXT_BYTES_MAX && toast.len() <= INVITE_TOAST_BYTES_MAX, "{language}");
            assert!(!text.chars().chain(toast.chars()).any(char::is_control), "{language}");
            assert_eq!(shipped.iter().filter(|other| other.text == *text || other.toast == *toast || other.language == *language).count(), 1, "{language}");
        }
        let plain = InviteConfig::default();
        assert_eq!(plain.words_for("en"), (&*plain.text, &*plain.toast), "English is what is said without a language");
    }

    #[test]
    fn the_nearest_language_is_spoken() {
        let mut invite = InviteConfig::default();
        invite.words.push(InviteWords { language: "pt-BR".into(), text: "t {link}".into(), toast: "".into() });
        let german = invite.words_for("de");
        assert!(german.0.starts_with("Ein Kunde"));
        for tag in ["DE", "de-AT", "de-CH-1996"] {
            assert_eq!(invite.words_for(tag), german, "{tag}");
        }
        assert_eq!(invite.words_for("pt-br"), ("t {link}", &*invite.toast), "what it does not have is said without a language");
        for tag in ["", "pt", "deu", "nl-BE", "-"] {
            assert_eq!(invite.words_for(tag), (&*invite.text, &*invite.toast), "{tag}");
        }
    }
}
