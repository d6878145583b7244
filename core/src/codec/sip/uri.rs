//! URIs and addresses (RFC 3261 §19.1, §20.10): only as much as routing and matching need. Parameters such as `opaque=user:epid:…` stay as written, for no
//! general SIP parser is known to carry them unharmed.
use super::head::trim;
use memchr::memchr;

/// `name-addr` or `addr-spec` of From, To, Contact, Record-Route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameAddr<'a> {
    /// Without angle brackets, byte-exact.
    pub(super) uri: &'a [u8],
    /// Header parameters: empty, or from the first semicolon on.
    pub(super) params: &'a [u8],
}

/// Reads a `name-addr` or `addr-spec` with its header parameters. `None` when a quote or bracket stays open, something follows that is no parameter, or the URI is
/// none.
pub(super) fn name_addr(value: &[u8]) -> Option<NameAddr<'_>> {
    let value = trim(value);
    let bracket = match value.first()? {
        b'<' => Some(0),
        b'"' => {
            let after = quoted_len(value)?;
            let rest = trim(&value[after..]);
            (rest.first() == Some(&b'<')).then_some(value.len() - rest.len())
        }
        _ => memchr(b'<', value).filter(|at| !value[..*at].iter().any(|b| matches!(b, b'"' | b';' | b',' | b'>'))),
    };
    let (uri, params) = match bracket {
        Some(open) => {
            let inner = &value[open + 1..];
            let close = memchr(b'>', inner)?;
            (&inner[..close], trim(&inner[close + 1..]))
        }
        // In the bare form every parameter is one of the header (RFC 3261 §20.10).
        None => {
            let end = memchr(b';', value).unwrap_or(value.len());
            (trim(&value[..end]), &value[end..])
        }
    };
    (is_valid(uri) && matches!(params, [] | [b';', ..])).then_some(NameAddr { uri, params })
}

/// Length of the quoted string a value begins with, quotes included.
pub(super) fn quoted_len(value: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match value.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Whether this can stand as a URI: a scheme, no white space or delimiters, and for `sip:` and `sips:` a host.
pub(super) fn is_valid(uri: &[u8]) -> bool {
    if has_foreign(uri) {
        return false;
    }
    let rest = match uri {
        [b's', b'i', b'p', b':', rest @ ..] => rest,
        _ => {
            let Some(colon) = memchr(b':', uri) else { return false };
            let (scheme, rest) = (&uri[..colon], &uri[colon + 1..]);
            if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
                return false;
            }
            if !scheme.eq_ignore_ascii_case(b"sip") && !scheme.eq_ignore_ascii_case(b"sips") {
                return !rest.is_empty();
            }
            rest
        }
    };
    !matches!(host_on(rest), [] | [b':' | b';' | b'?', ..])
}

/// Whether there are bytes that cannot be in a URI: white space, controls, and the delimiters around it. Eight at a time; the last eight may overlap the ones before.
fn has_foreign(uri: &[u8]) -> bool {
    match uri.last_chunk::<8>() {
        Some(last) => uri.as_chunks::<8>().0.iter().fold(foreign_in(*last), |found, word| found | foreign_in(*word)) != 0,
        None => {
            let mut word = [b'x'; 8];
            word[..uri.len()].copy_from_slice(uri);
            foreign_in(word) != 0
        }
    }
}

/// Not zero when one of eight bytes cannot be in a URI. A byte is below `n` when subtracting `n` borrows, which shows in its highest bit.
const fn foreign_in(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn below(word: u64, n: u64) -> u64 {
        word.wrapping_sub(ONES * n) & !word
    }
    let word = u64::from_le_bytes(bytes);
    (below(word, b' ' as u64 + 1)
        | below(word ^ (ONES * b'<' as u64), 1)
        | below(word ^ (ONES * b'>' as u64), 1)
        | below(word ^ (ONES * b'"' as u64), 1)
        | below(word ^ (ONES * 0x7f), 1))
        & (ONES * 0x80)
}

/// What follows the `@`, or all without one; empty when the user before the `@` is.
fn host_on(rest: &[u8]) -> &[u8] {
    match memchr(b'@', rest) {
        Some(0) => &[],
        Some(at) => &rest[at + 1..],
        None => rest,
    }
}

/// Host and port of what follows `sip:`; empty when there is no host, or an empty user before the `@`.
pub(super) fn host_port(rest: &[u8]) -> &[u8] {
    let host = host_on(rest);
    let end = host.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(host.len());
    if host.first() == Some(&b':') { &[] } else { &host[..end] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(&str, &str)> {
        name_addr(value.as_bytes()).map(|a| (core::str::from_utf8(a.uri).expect("text"), core::str::from_utf8(a.params).expect("text")))
    }

    #[test]
    fn addresses_in_all_their_forms() {
        assert_eq!(read("<sip:a@b>;tag=1"), Some(("sip:a@b", ";tag=1")));
        assert_eq!(read("\"UC Watcher, \\\"<main>\\\"\" <sip:a@b;x=y> ;tag=1"), Some(("sip:a@b;x=y", ";tag=1")));
        assert_eq!(read("UC Watcher\r\n <sip:a@b>"), Some(("sip:a@b", "")));
        assert_eq!(read("sip:a@b;tag=1"), Some(("sip:a@b", ";tag=1")));
        assert_eq!(read("<sip:[2001:db8::1]:5061;transport=tls>"), Some(("sip:[2001:db8::1]:5061;transport=tls", "")));
        assert_eq!(read("<tel:+4989>"), Some(("tel:+4989", "")));
    }

    #[test]
    fn eight_at_a_time_finds_what_one_by_one_finds() {
        for byte in 0..=u8::MAX {
            for (len, at) in (1..=20).flat_map(|len| (0..len).map(move |at| (len, at))) {
                let mut uri = [b'a'; 20];
                uri[at] = byte;
                assert_eq!(has_foreign(&uri[..len]), byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | 0x7f), "{byte} at {at} of {len}");
            }
        }
        assert!(!has_foreign(b""));
    }

    #[test]
    fn open_ends_and_empty_hosts_are_refused() {
        for bad in [
            "",
            "\"Bob <sip:a@b>",
            "<sip:a@b;tag=1",
            "<sip:a@b> x",
            "<sip:@>",
            "<sip:>",
            "<sip:a@>",
            "<sip::5060>",
            "<>",
            "a@b",
            "<sip:a b@c>",
            "\"x\" sip:a@b",
            "<sip:a\r\n b@c>",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
