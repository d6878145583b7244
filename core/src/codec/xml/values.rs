//! Values inside documents: time stamps, URIs, escaping.
use super::fault::{XmlFault, quote};
use crate::uc_event::PublishTime;

/// Reads `category@publishTime`, `yyyy-mm-ddThh:mm:ss[.fff…][Z|±hh:mm]`; no zone is UTC (`spec/ms-pres.md` 5.1).
/// Unreadable is [`PublishTime`] 0, the oldest.
pub(super) fn publish_time(text: &str) -> PublishTime {
    PublishTime(unix_ms(text.as_bytes()).unwrap_or(0))
}

fn unix_ms(b: &[u8]) -> Option<u64> {
    let (stamp, rest) = b.split_at_checked(19)?;
    if stamp[4] != b'-' || stamp[7] != b'-' || stamp[10] != b'T' || stamp[13] != b':' || stamp[16] != b':' {
        return None;
    }
    let year = digits(&stamp[..4])?;
    let (month, day) = (digits(&stamp[5..7])?, digits(&stamp[8..10])?);
    let (hour, minute, second) = (digits(&stamp[11..13])?, digits(&stamp[14..16])?, digits(&stamp[17..19])?);
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (milli, zone) = fraction(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let offset_s = zone_s(zone)?;
    let utc_s = i64::try_from(seconds).ok()? - offset_s;
    Some(u64::try_from(utc_s).ok()? * 1_000 + milli)
}

/// The milliseconds after a point, further digits cut, and what follows.
fn fraction(rest: &[u8]) -> Option<(u64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at(len);
    let mut milli = digits(fraction.get(..len.min(3))?)?;
    for _ in len..3 {
        milli *= 10;
    }
    Some((milli, zone))
}

/// Offset from UTC, seconds.
fn zone_s(zone: &[u8]) -> Option<i64> {
    match zone {
        b"" | b"Z" => Some(0),
        [sign @ (b'+' | b'-'), hour @ .., b':', m1, m2] => {
            let seconds = i64::try_from(digits(hour)?.checked_mul(3_600)? + digits(&[*m1, *m2])? * 60).ok()?;
            (hour.len() == 2 && seconds <= 14 * 3_600).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn digits(b: &[u8]) -> Option<u64> {
    let mut value = 0;
    for d in b {
        if !d.is_ascii_digit() || value > 9_999 {
            return None;
        }
        value = value * 10 + u64::from(d - b'0');
    }
    (!b.is_empty()).then_some(value)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

const fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // Days of the months before this one in a common year.
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - 477;
    let leap_day = if month > 2 && is_leap(year) { 1 } else { 0 };
    (year - 1970) * 365 + leap_days + BEFORE[month as usize - 1] + leap_day + day - 1
}

/// Characters that may stand in a URI, brackets and quotes left out: printed into a header, nothing of it can end the value.
pub(super) fn is_uri_text(uri: &str) -> bool {
    !uri.is_empty() && uri.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'))
}

/// A watched user's URI: `sip:` or `sips:` in any case.
pub(super) fn is_sip_uri(uri: &str) -> bool {
    let after = |scheme: &str| uri.split_at_checked(scheme.len()).is_some_and(|(head, rest)| head.eq_ignore_ascii_case(scheme) && !rest.is_empty());
    is_uri_text(uri) && (after("sip:") || after("sips:"))
}

pub(super) fn uri_fault(uri: &str, at: u32) -> XmlFault {
    XmlFault::Uri { at, uri: quote(uri) }
}

/// Escapes text or an attribute value. Control characters, which no URI or name has, become references or, where XML has none, vanish.
pub(super) fn escape(text: &str, put: &mut impl FnMut(&str)) {
    let mut from = 0;
    for (at, b) in text.bytes().enumerate() {
        let escaped = match b {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&apos;",
            b'\t' => "&#9;",
            b'\n' => "&#10;",
            b'\r' => "&#13;",
            0..b' ' => "",
            _ => continue,
        };
        put(&text[from..at]);
        put(escaped);
        from = at + 1;
    }
    put(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_times() {
        let cases = [
            ("2017-08-22T23:59:31.107", 1_503_446_371_107),
            ("1970-01-01T00:00:00", 0),
            ("1970-01-01T00:00:00.5", 500),
            ("2016-02-29T12:00:00.1234567Z", 1_456_747_200_123),
            ("2016-03-01T01:00:00+01:00", 1_456_790_400_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
            ("2015-02-29T12:00:00", 0),
            ("2016-03-01T11:20:00.", 0),
            ("2016-03-01 11:20:00", 0),
            ("2016-03-01T11:20:00+99:00", 0),
            ("yesterday", 0),
            ("", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(publish_time(text), PublishTime(ms), "{text}");
        }
    }

    #[test]
    fn uris() {
        for good in ["sip:a@b", "SIP:a@b", "sips:o'neil+uc@contoso.example", "sip:x"] {
            assert!(is_sip_uri(good), "{good}");
        }
        for bad in ["", "sip:", "mailto:alice", "sip:a b", "sip:a\r\nRoute: x", "sip:<a>", "sip:\u{e4}@b"] {
            assert!(!is_sip_uri(bad), "{bad}");
        }
    }
}
