//! The body that opens a conversation extension window, `application/ms-session-invite+xml` (`spec/ms-pres.md` 7.6).
use super::values::escape;
use crate::codec::base64::encode_base64;
use crate::uc_event::ContextInvitation;
use alloc::vec::Vec;

/// Bytes of the whole document; clients refuse more.
pub const CONTEXT_BYTES_MAX: usize = 4095;

/// Characters of the application's name.
const NAME_CHARS_MAX: usize = 50;
/// Characters of the notice.
const TOAST_CHARS_MAX: usize = 80;

/// Prints an `application/ms-session-invite+xml` body. Name and notice are cut to what clients take; empty entries are left out. The result may be longer than
/// [`CONTEXT_BYTES_MAX`] when data and link are: the caller decides then.
pub fn encode_context(it: &ContextInvitation, out: &mut Vec<u8>) {
    let mut data = Vec::new();
    encode_base64(it.data.as_bytes(), &mut data);
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("<?xml version=\"1.0\" encoding=\"utf-8\"?><session><application-id>");
    escape(&it.application, &mut put);
    put("</application-id><additional-properties>");
    let data = core::str::from_utf8(&data).unwrap_or_default();
    let entries = [("name", cut(&it.name, NAME_CHARS_MAX)), ("data", data), ("simpleLink", &it.link), ("customToast", cut(&it.toast, TOAST_CHARS_MAX))];
    for (name, value) in entries.into_iter().filter(|(_, value)| !value.is_empty()) {
        put("<entry><name>");
        put(name);
        put("</name><value>");
        escape(value, &mut put);
        put("</value></entry>");
    }
    put("</additional-properties></session>");
}

fn cut(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn the_document_of_the_corpus_comes_out_but_for_its_install_link() {
        let it = ContextInvitation {
            application: "{D3E0C5F2-5B0C-4A52-9C1E-0A8B8A6F7C11}".into(),
            name: "UC Connector".into(),
            data: "connId=006E0295".into(),
            link: "https://ucc.contoso.example/preview/006E0295".into(),
            toast: "Call from ACME".into(),
        };
        let mut out = Vec::new();
        encode_context(&it, &mut out);
        let corpus = include_str!("../../../../corpus/sip/232-context-invite.sip");
        let want = corpus
            .split("\r\n\r\n")
            .nth(1)
            .expect("body")
            .replace("<entry><name>installLink</name><value>https://ucc.contoso.example/install</value></entry>", "");
        assert_eq!(String::from_utf8(out).expect("text"), want);
    }

    #[test]
    fn texts_are_cut_and_escaped() {
        let it = ContextInvitation { application: "{1}".into(), name: "é<".repeat(40).into(), toast: "x".repeat(100).into(), ..ContextInvitation::default() };
        let mut out = Vec::new();
        encode_context(&it, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.matches("&lt;").count() == 25 && text.matches('x').count() == 80 + 1 && !text.contains("simpleLink"), "{text}");
    }
}
