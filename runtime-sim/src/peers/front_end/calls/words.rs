//! Tags, addresses and texts of conversations.
use crate::peers::sip::SipMsg;

pub(super) fn tag_of(id: &str, client: u8) -> String {
    let sum = id.bytes().fold(7u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(b)));
    format!("{sum:08x}{client}")
}

pub(super) fn contact_of(client: u8) -> String {
    format!("<sip:198.51.100.{}:1677;transport=tls;ms-opaque=6fb3a8330a;ms-received-cid=13000>", 31 + u32::from(client))
}

pub(super) fn record_route(domain: &str) -> String {
    format!("<sip:fe.{domain}:5061;transport=tls;opaque=state:F:Ti;lr;ms-route-sig=aaBQb1>")
}

pub(super) fn link_in(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned)
}

/// The value of an entry of a session invitation.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    let rest = text.split_once(&format!("<name>{name}</name><value>"))?.1;
    Some(rest.split('<').next()?.replace("&amp;", "&"))
}

/// The text in `ms-text-format`.
pub(super) fn first_text(invite: &SipMsg) -> Option<String> {
    let body = invite.header("ms-text-format")?.split_once("ms-body=")?.1;
    let mut bits = (0u32, 0u32);
    let mut out = Vec::new();
    for b in body.bytes().take_while(|b| *b != b'=') {
        let digit = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits.0 << 6 | u32::from(digit), bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            out.push((bits.0 >> bits.1) as u8);
            bits.0 &= (1 << bits.1) - 1;
        }
    }
    String::from_utf8(out).ok()
}
