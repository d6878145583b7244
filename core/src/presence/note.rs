//! Notes are compared by hash: what T-Server has is only ever seen as JSON text, and a copy per DN would cost memory for nothing.

/// FNV-1a, 32 bits, of the text.
pub(crate) fn note_hash(text: &str) -> u32 {
    text.bytes().fold(START, step)
}

/// The same of a JSON string's content, escapes resolved on the way. A broken escape hashes as written: such a note equals none of ours and is sent again once.
pub(crate) fn note_hash_of_json(raw: &str) -> u32 {
    if !raw.contains('\\') {
        return note_hash(raw);
    }
    let mut hash = START;
    let mut high = None;
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        let c = if c == '\\' { escaped(&mut rest, &mut high) } else { Some(c) };
        if let Some(c) = c {
            hash = c.encode_utf8(&mut [0; 4]).bytes().fold(hash, step);
        }
    }
    hash
}

/// Whether a JSON string's content, as written, is this text.
pub(crate) fn is_json_of(raw: &str, text: &str) -> bool {
    if raw.contains('\\') { note_hash_of_json(raw) == note_hash(text) } else { raw == text }
}

const START: u32 = 0x811c_9dc5;

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The character after a backslash; `None` for the first half of a surrogate pair.
fn escaped(rest: &mut core::str::Chars<'_>, high: &mut Option<u32>) -> Option<char> {
    Some(match rest.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let code = rest.by_ref().take(4).fold(0, |code, c| code << 4 | c.to_digit(16).unwrap_or(0));
            match (high.take(), code) {
                (_, 0xd800..=0xdbff) => {
                    *high = Some(code);
                    return None;
                }
                (Some(first), 0xdc00..=0xdfff) => char::from_u32(0x10000 + ((first - 0xd800) << 10) + (code - 0xdc00))?,
                _ => char::from_u32(code)?,
            }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_change_the_hash() {
        assert_eq!(note_hash_of_json(r#"a \"b\" \\ \u00e4 \ud83d\ude00 \n"#), note_hash("a \"b\" \\ ä 😀 \n"));
        assert_eq!(note_hash_of_json("plain"), note_hash("plain"));
        assert_ne!(note_hash("a"), note_hash("b"));
        let _ = note_hash_of_json("\\u12");
    }
}
