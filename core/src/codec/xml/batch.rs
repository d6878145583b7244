//! The batch subscription body, `application/msrtc-adrl-categorylist+xml` (`spec/ms-pres.md` 4.2).
use super::values::escape;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// `action@id`: any decimal text; clients send a constant (`spec/ms-pres.md` 4.2).
const ACTION_ID: &str = "63792024";

/// Prints an `application/msrtc-adrl-categorylist+xml` body (`spec/ms-pres.md` 4.2). `uris` are raw; escaping happens here.
///
/// `categoryList` is left out when unsubscribing or when `categories` is empty. Do not call it without users: servers refuse an empty `adhocList`.
pub fn encode_batch<'u>(watcher: &str, unsubscribe: bool, uris: impl Iterator<Item = &'u str>, categories: &[Box<str>], out: &mut Vec<u8>) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\" uri=\"");
    escape(watcher, &mut put);
    put("\" name=\"\"><action name=\"");
    put(if unsubscribe { "unsubscribe" } else { "subscribe" });
    put("\" id=\"");
    put(ACTION_ID);
    put("\"><adhocList>");
    for uri in uris {
        put("<resource uri=\"");
        escape(uri, &mut put);
        put("\"/>");
    }
    put("</adhocList>");
    if !unsubscribe && !categories.is_empty() {
        put("<categoryList xmlns=\"http://schemas.microsoft.com/2006/09/sip/categorylist\">");
        for category in categories {
            put("<category name=\"");
            escape(category, &mut put);
            put("\"/>");
        }
        put("</categoryList>");
    }
    put("</action></batchSub>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(watcher: &str, unsubscribe: bool, uris: &[&str], categories: &[&str]) -> alloc::string::String {
        let categories: Vec<Box<str>> = categories.iter().map(|name| Box::from(*name)).collect();
        let mut out = Vec::new();
        encode_batch(watcher, unsubscribe, uris.iter().copied(), &categories, &mut out);
        alloc::string::String::from_utf8(out).unwrap()
    }

    #[test]
    fn uris_are_escaped_and_come_back_unchanged() {
        let text = print("sip:w&1@x", false, &["sip:o'neil+uc@x", "sip:a\"<b>\r\u{1}@x"], &["state"]);
        assert!(text.contains("uri=\"sip:w&amp;1@x\"") && text.contains("sip:o&apos;neil+uc@x") && text.contains("sip:a&quot;&lt;b&gt;&#13;@x"), "{text}");
    }

    #[test]
    fn no_categories_when_unsubscribing() {
        assert!(!print("sip:w@x", true, &["sip:a@x"], &["state"]).contains("categoryList"));
    }
}
