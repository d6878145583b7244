//! Content-Transfer-Encoding of a part (RFC 2045 section 6).
use super::fault::{XmlFault, offset, quote};
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Undoes the encoding named; nothing named is `7bit`. Never gives more bytes than it gets.
pub(super) fn decode<'a>(encoding: &str, content: &'a [u8]) -> Result<Cow<'a, [u8]>, XmlFault> {
    if is_identity(encoding) {
        Ok(Cow::Borrowed(content))
    } else if encoding.eq_ignore_ascii_case("base64") {
        base64(content).map(Cow::Owned)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable(content).map(Cow::Owned)
    } else {
        Err(XmlFault::TransferEncoding { name: quote(encoding) })
    }
}

/// Whether the bytes stand as they are.
pub(super) fn is_identity(encoding: &str) -> bool {
    ["", "binary", "8bit", "7bit"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

/// White space is allowed everywhere, padding only at the end and complete.
fn base64(content: &[u8]) -> Result<Vec<u8>, XmlFault> {
    let mut out = Vec::with_capacity(content.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, 0_u32);
    for (at, b) in content.iter().enumerate() {
        let digit = match b {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' if count >= 2 && count + padding < 4 => {
                padding += 1;
                continue;
            }
            b'A'..=b'Z' if padding == 0 => b - b'A',
            b'a'..=b'z' if padding == 0 => b - b'a' + 26,
            b'0'..=b'9' if padding == 0 => b - b'0' + 52,
            b'+' if padding == 0 => 62,
            b'/' if padding == 0 => 63,
            _ => return Err(XmlFault::Encoded { at: offset(at), encoding: "base64" }),
        };
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        (2, 2) => out.push((bits >> 4).to_be_bytes()[3]),
        (3, 1) => out.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => return Err(XmlFault::Encoded { at: offset(content.len()), encoding: "base64" }),
    }
    Ok(out)
}

fn quoted_printable(content: &[u8]) -> Result<Vec<u8>, XmlFault> {
    let mut out = Vec::with_capacity(content.len());
    let mut at = 0;
    while let Some(b) = content.get(at) {
        if *b != b'=' {
            out.push(*b);
            at += 1;
            continue;
        }
        match content.get(at + 1..).unwrap_or_default() {
            [b'\r', b'\n', ..] => at += 3,
            [b'\n', ..] => at += 2,
            [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                at += 3;
            }
            _ => return Err(XmlFault::Encoded { at: offset(at), encoding: "quoted-printable" }),
        }
    }
    Ok(out)
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (encoded, plain) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\r\n Yg =\n=", "foob"), ("+/A=", "\u{fb}\u{f0}")] {
            let plain: Vec<u8> = plain.chars().map(|c| u8::try_from(c).unwrap()).collect();
            assert_eq!(decode("Base64", encoded.as_bytes()).unwrap(), plain, "{encoded}");
        }
        for bad in ["Z", "Zg", "Zg=", "Zg===", "Z===", "Zm9v=", "Zg==Zg==", "Zm9*"] {
            assert!(matches!(decode("base64", bad.as_bytes()), Err(XmlFault::Encoded { encoding: "base64", .. })), "{bad}");
        }
    }

    #[test]
    fn quoted_printable_and_identity() {
        assert_eq!(decode("Quoted-Printable", b"a=3D=\r\nb=\nc=c3=A4").unwrap(), "a=bc\u{e4}".as_bytes());
        assert!(decode("quoted-printable", b"a=3").is_err() && decode("quoted-printable", b"=zz").is_err());
        assert!(matches!(decode("8BIT", b"=").unwrap(), Cow::Borrowed(b"=")));
        assert!(matches!(decode("rot13", b""), Err(XmlFault::TransferEncoding { .. })));
    }
}
