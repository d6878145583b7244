//! `+sip.instance` from epid (MS-SIPRE; `spec/ms-pres.md` 1.3). Holds a SHA-1 of its own: forty lines against a dependency for one name per watcher.
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Namespace UUID `fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe` with its fields in little-endian order.
const NAMESPACE: [u8; 16] = [0x03, 0xfb, 0xac, 0xfc, 0x73, 0x8a, 0xef, 0x46, 0x91, 0xb1, 0xe5, 0xeb, 0xee, 0xab, 0xa4, 0xfe];

/// The instance UUID of an endpoint, lower case, without `urn:uuid:`.
pub(super) fn instance_of(epid: &str) -> String {
    let mut named = NAMESPACE.to_vec();
    named.extend_from_slice(epid.as_bytes());
    let digest = sha1(&named);
    let mut b = [0u8; 16];
    b.copy_from_slice(&digest[..16]);
    // Read as little-endian fields: reverse the first three.
    b[0..4].reverse();
    b[4..6].reverse();
    b[6..8].reverse();
    b[6] = (b[6] & 0x0f) | 0x50;
    b[8] = (b[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in b.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// SHA-1 (RFC 3174). For a name only: nothing here relies on its strength.
fn sha1(data: &[u8]) -> [u8; 20] {
    let mut padded: Vec<u8> = data.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(data.len() as u64 * 8).to_be_bytes());
    let mut h: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        let mut w = [0u32; 80];
        for (word, bytes) in w.iter_mut().zip(block.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        for i in 16..80 {
            w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = h;
        for (i, word) in w.iter().enumerate() {
            let (f, k) = match i {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let t = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, t);
        }
        for (sum, part) in h.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0u8; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector() {
        assert_eq!(instance_of("01010101"), "4b1682a8-f968-5701-83fc-7c6741dc6697");
    }

    #[test]
    fn sha1_of_abc_and_of_two_blocks() {
        assert_eq!(sha1(b"abc")[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sha1(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")[..4], [0x84, 0x98, 0x3e, 0x44]);
    }
}
