//! Media types with parameters, as in `Content-Type` (RFC 2045 section 5.1).
use alloc::borrow::Cow;
use alloc::string::String;

/// `type/subtype;name=value;name="value"`.
pub(super) struct MediaType<'a> {
    essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        Self { essence: essence.trim(), parameters }
    }

    /// Compares type and subtype, without regard to case.
    pub(super) fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    pub(super) fn essence(&self) -> &'a str {
        self.essence
    }

    /// A parameter's value, quotes and escapes removed.
    pub(super) fn parameter(&self, wanted: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            // A parameter without a value is passed over.
            let name = name.rsplit(';').next().unwrap_or(name).trim();
            let (value, after) = value(after.trim_start());
            if name.eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = after.split_once(';').map_or("", |(_, rest)| rest);
        }
        None
    }
}

/// One value, quoted or not, and what follows it.
fn value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (Cow::Borrowed(text[..end].trim()), &text[end..]);
    };
    let mut escaped = false;
    let end = quoted.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    });
    let (inner, rest) = match end {
        Some(end) => (&quoted[..end], &quoted[end + 1..]),
        None => (quoted, ""),
    };
    if !inner.contains('\\') {
        return (Cow::Borrowed(inner), rest);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    (Cow::Owned(out), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let media_type = MediaType::parse("Multipart/Related; type=\"application/rlmi+xml\";flag; start = resourceList ;BOUNDARY=\"=_a;\\\"b\"; x=y");
        assert!(media_type.is("multipart/related"));
        let parameter = |name| media_type.parameter(name);
        assert_eq!(parameter("type").as_deref(), Some("application/rlmi+xml"));
        assert_eq!(parameter("start").as_deref(), Some("resourceList"));
        assert_eq!(parameter("boundary").as_deref(), Some("=_a;\"b"));
        assert_eq!(parameter("x").as_deref(), Some("y"));
        assert_eq!(parameter("flag"), None);
        assert_eq!(MediaType::parse("a/b;boundary=\"open").parameter("boundary").as_deref(), Some("open"));
        assert_eq!(MediaType::parse("a/b;;=;").parameter("boundary"), None);
    }
}
