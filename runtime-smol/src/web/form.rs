//! `application/x-www-form-urlencoded`, in queries and bodies.

/// The pairs in order; what is not UTF-8 after decoding gets replacement characters, a `%` that begins nothing stays.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let piece = |piece: &str| {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decoded(key), decoded(value))
    };
    text.split('&').filter(|part| !part.is_empty()).map(piece).collect()
}

/// Undoes the percent encoding of a form.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(|two| Some(digit(two[0])? << 4 | digit(two[1])?));
        match (bytes[at], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Percent-encodes a segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_and_strategies_write_them() {
        let told: Vec<_> = pairs("a=1&b=x+y%26z&&c&d=%C3%BC%zz%4&=e");
        let told: Vec<(&str, &str)> = told.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(told, [("a", "1"), ("b", "x y&z"), ("c", ""), ("d", "ü%zz%4"), ("", "e")]);
        assert_eq!(decoded(&encoded("a/b ü?")), "a/b ü?");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
