//! `[[presence.condition]]`, the ranges of free DNs and the time zone: from words to what the core needs.
use super::finding::{Findings, Place, nearest};
use super::options::ConditionDraft;
use std::collections::BTreeSet;
use uc_core::config::{Condition, Hours};
use uc_core::presence::{Activity, Class};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u8 = 0x7f;
/// Rows of conditions; each presence change may look at all of them.
const CONDITIONS_MAX: usize = 256;
/// Free DNs of a switch.
const FREE_DNS_MAX: usize = 100_000;

/// The rows in the order of the file.
pub(super) fn conditions(drafts: &[(ConditionDraft, Place)], findings: &mut Findings) -> Vec<Condition> {
    if let Some((_, place)) = drafts.get(CONDITIONS_MAX) {
        findings.error(place, format!("there are more than {CONDITIONS_MAX} [[presence.condition]]; put several classes, activities or groups into one"));
    }
    let mut names = BTreeSet::new();
    let mut out = Vec::new();
    for (draft, place) in drafts {
        if !names.insert(&*draft.name) {
            findings.error(place, format!("there is another condition named {:?}; names tell them apart in `explain`", draft.name));
        }
        out.push(condition(draft, place, findings));
    }
    out
}

fn condition(draft: &ConditionDraft, place: &Place, findings: &mut Findings) -> Condition {
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Into::into);
    let condition = Condition {
        name: draft.name.clone(),
        classes: mask("classes", &draft.classes, &Class::ALL.map(Class::token), place, findings),
        activities: mask(
            "activities",
            &draft.activities,
            &Activity::ALL.map(|activity| if activity == Activity::None { "none" } else { activity.token() }),
            place,
            findings,
        ),
        note_contains: some(&draft.note_contains),
        calendar: draft.calendar,
        hours: hours(draft, place, findings),
        groups: draft.groups.clone(),
        then: draft.then,
    };
    let always = Condition {
        name: condition.name.clone(),
        then: condition.then,
        classes: 0,
        activities: 0,
        note_contains: None,
        calendar: None,
        hours: None,
        groups: Vec::new(),
    };
    if condition == always {
        findings.warning(place, format!("the condition {:?} restricts nothing: it always fits, and what follows it is never looked at", draft.name));
    }
    condition
}

fn mask(option: &str, words: &[Box<str>], known: &[&str], place: &Place, findings: &mut Findings) -> u16 {
    words.iter().fold(0, |mask, word| match known.iter().position(|known| *known == &**word) {
        Some(at) => mask | 1 << at,
        None => {
            let instead =
                nearest(word, known.iter().copied()).map_or_else(|| format!("there are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            findings.error(place, format!("`{option}` has {word:?}, which is none; {instead}"));
            mask
        }
    })
}

fn hours(draft: &ConditionDraft, place: &Place, findings: &mut Findings) -> Option<Hours> {
    if draft.days.is_empty() && draft.from.is_empty() && draft.to.is_empty() {
        return None;
    }
    let mut time = |option: &str, text: &str, absent: u16| match minute(text) {
        Some(minute) => minute,
        None if text.is_empty() => absent,
        None => {
            findings.error(place, format!("`{option}` is {text:?}, it must be a time of day from \"00:00\" to \"24:00\""));
            absent
        }
    };
    let (from_min, to_min) = (time("from", &draft.from, 0), time("to", &draft.to, 1440));
    let days = mask("days", &draft.days, &DAYS, place, findings);
    if from_min == to_min && !draft.from.is_empty() {
        findings.error(place, "`from` and `to` are the same time; leave both out for the whole day");
    }
    Some(Hours { days: if days == 0 { EVERY_DAY } else { days as u8 }, from_min: from_min % 1440, to_min: if to_min == 0 { 1440 } else { to_min } })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}

/// `["5100-5199", "7000"]` to single numbers.
pub(super) fn free_dns(ranges: &[Box<str>], place: &Place, findings: &mut Findings) -> Vec<Box<str>> {
    let mut out: Vec<Box<str>> = Vec::new();
    for range in ranges {
        match range.split_once('-') {
            None => out.push(range.clone()),
            Some((first, last)) => match span(first, last) {
                Some(numbers) if out.len() + numbers.len() <= FREE_DNS_MAX => out.extend(numbers),
                Some(_) => {
                    findings.error(place, format!("`free_dns` has more than {FREE_DNS_MAX} DNs at {range:?}"));
                    break;
                }
                None => findings.error(
                    place,
                    format!("`free_dns` has {range:?}, which is no range; write the first and the last number with the same count of digits, \"5100-5199\""),
                ),
            },
        }
    }
    out
}

fn span(first: &str, last: &str) -> Option<Vec<Box<str>>> {
    let digits = |text: &str| text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    if first.len() != last.len() || !digits(first) || !digits(last) {
        return None;
    }
    let (from, to): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let width = first.len();
    // One more than the limit is enough to see that it is too much.
    (from <= to).then(|| (from..=to).take(FREE_DNS_MAX + 1).map(|n| format!("{n:0width$}").into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_keep_their_digits() {
        let mut findings = Findings::default();
        let place = super::super::finding::Lines::new("x", "").whole();
        let dns = free_dns(&["0098-0101".into(), "7000".into()], &place, &mut findings);
        assert_eq!(dns.iter().map(|dn| &**dn).collect::<Vec<_>>(), ["0098", "0099", "0100", "0101", "7000"]);
        assert_eq!(findings.counts(), (0, 0));
        for bad in ["5-10", "9-1", "a-b", "0-999999999999"] {
            free_dns(&[bad.into()], &place, &mut findings);
        }
        free_dns(&["000000000-999999999".into()], &place, &mut findings);
        assert_eq!(findings.counts(), (5, 0));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(["00:00", "09:30", "24:00"].map(minute), [Some(0), Some(570), Some(1440)]);
        assert_eq!(["24:01", "9:30", "12:60", "noon", ""].map(minute), [None; 5]);
    }
}
