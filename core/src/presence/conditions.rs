//! Which rule decides for a worker: the rows of `presence.conditions` in order, then the table of classes.
use super::calendar::FreeBusy;
use super::slots::UserSlot;
use crate::config::{Condition, Hours, Person, PresenceConfig, Rule};
use crate::directory::group_names;

const DAY_MIN: i64 = 1440;
/// Calendars change their slot at quarters at the most often (`freeBusy@granularity` PT15M is what clients write).
const CALENDAR_STEP_MIN: i64 = 15;

/// The rule for a worker, and the row that gave it (`None`: the table of classes, or the rule for stale presence).
pub(super) fn rule_of(config: &PresenceConfig, person: &Person, slot: &UserSlot, calendar: Option<&FreeBusy>, unix_ms: u64) -> (Rule, Option<u16>) {
    if slot.stale {
        return (config.stale, None);
    }
    let fits = |row: &Condition| condition_fits(config, row, person, slot, calendar, unix_ms);
    // Nobody has 65,536 rows; the checks of the configuration see to it.
    match config.conditions.iter().position(fits) {
        Some(at) => (config.conditions[at].then, u16::try_from(at).ok()),
        None => (config.rules[slot.class as usize], None),
    }
}

fn condition_fits(config: &PresenceConfig, row: &Condition, person: &Person, slot: &UserSlot, calendar: Option<&FreeBusy>, unix_ms: u64) -> bool {
    let bit = |mask: u16, at: u16| mask == 0 || mask >> at & 1 == 1;
    slot.heard
        && bit(row.classes, slot.class as u16)
        && bit(row.activities, slot.activity as u16)
        && row.note_contains.as_deref().is_none_or(|part| slot.note.as_deref().is_some_and(|note| contains(note, part)))
        && (row.groups.is_empty() || group_names(&person.groups).any(|group| row.groups.iter().any(|wanted| **wanted == *group)))
        && row.calendar.is_none_or(|state| calendar.is_some_and(|calendar| calendar.at(unix_ms) == state))
        && row.hours.is_none_or(|hours| hours_fit(hours, minute_of_week(config, unix_ms)))
}

/// ASCII case ignored.
fn contains(text: &str, part: &str) -> bool {
    part.is_empty() || text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// Local minutes since Monday 00:00. 1970-01-01 was a Thursday.
fn minute_of_week(config: &PresenceConfig, unix_ms: u64) -> i64 {
    let minutes = i64::try_from(unix_ms / 60_000).unwrap_or(0) + i64::from(config.utc_offset_min);
    (minutes + 3 * DAY_MIN).rem_euclid(7 * DAY_MIN)
}

fn hours_fit(hours: Hours, minute: i64) -> bool {
    let (day, minute) = (minute / DAY_MIN, minute % DAY_MIN);
    let (from, to) = (i64::from(hours.from_min), i64::from(hours.to_min));
    let on = |day: i64| hours.days >> day.rem_euclid(7) & 1 == 1;
    if from < to {
        on(day) && (from..to).contains(&minute)
    } else {
        // Over midnight: the day is that of the begin.
        on(day) && minute >= from || on(day - 1) && minute < to
    }
}

/// Milliseconds until a condition may begin or cease to fit by time alone; `None` when time plays no part.
pub(super) fn next_edge_ms(config: &PresenceConfig, unix_ms: u64) -> Option<u64> {
    let minute = minute_of_week(config, unix_ms) % DAY_MIN;
    let until = |edge: i64| (edge - minute - 1).rem_euclid(DAY_MIN) + 1;
    let hours = config.conditions.iter().filter_map(|row| row.hours);
    let by_hours = hours.flat_map(|hours| [hours.from_min, hours.to_min]).map(|edge| until(i64::from(edge))).min();
    let by_calendar = wants_calendar(config).then(|| CALENDAR_STEP_MIN - minute % CALENDAR_STEP_MIN);
    let minutes = by_hours.into_iter().chain(by_calendar).min()?;
    // From the begin of this minute.
    Some((minutes.unsigned_abs() * 60_000).saturating_sub(unix_ms % 60_000).max(1))
}

/// Some row asks for the calendar.
pub(crate) fn wants_calendar(config: &PresenceConfig) -> bool {
    config.conditions.iter().any(|row| row.calendar.is_some())
}

#[cfg(test)]
mod tests {
    use super::super::{Activity, Class};
    use super::*;
    use crate::config::CalendarState;
    use crate::uc_event::Calendar;
    use alloc::boxed::Box;
    use alloc::vec;

    const NOT_READY: Rule = Rule::NotReady { work_mode: None };
    /// Tuesday 2016-03-01 08:00 UTC.
    const TUESDAY_8: u64 = 1_456_819_200_000;
    const HOUR: u64 = 3_600_000;

    fn row() -> Condition {
        Condition { name: "row".into(), classes: 0, activities: 0, note_contains: None, calendar: None, hours: None, groups: vec![], then: NOT_READY }
    }

    fn online() -> UserSlot {
        UserSlot { class: Class::Online, heard: true, ..UserSlot::default() }
    }

    fn fits(row: Condition, slot: &UserSlot, unix_ms: u64) -> bool {
        let config = PresenceConfig { conditions: vec![row], ..PresenceConfig::default() };
        let person = Person { groups: "sales; second line".into(), ..Person::default() };
        let calendar = FreeBusy::of(&Calendar { start_ms: TUESDAY_8, slot_min: 15, slots: Box::new([0, 0xaa, 0xf5, 0]) });
        rule_of(&config, &person, slot, calendar.as_ref(), unix_ms).1.is_some()
    }

    #[test]
    fn each_column_restricts() {
        let slot = UserSlot { activity: Activity::InAMeeting, note: Some("At the DENTIST".into()), ..online() };
        assert!(fits(row(), &slot, 0));
        assert!(fits(Condition { classes: 1 << Class::Online as u16, ..row() }, &slot, 0));
        assert!(!fits(Condition { classes: 1 << Class::Busy as u16, ..row() }, &slot, 0));
        assert!(fits(Condition { activities: 1 << Activity::InAMeeting as u16, ..row() }, &slot, 0));
        assert!(!fits(Condition { activities: 1 << Activity::OnThePhone as u16, ..row() }, &slot, 0));
        assert!(fits(Condition { note_contains: Some("dentist".into()), ..row() }, &slot, 0));
        assert!(!fits(Condition { note_contains: Some("doctor".into()), ..row() }, &slot, 0));
        assert!(!fits(Condition { note_contains: Some("dentist".into()), ..row() }, &online(), 0));
        assert!(fits(Condition { groups: vec!["second line".into()], ..row() }, &slot, 0));
        assert!(!fits(Condition { groups: vec!["line".into()], ..row() }, &slot, 0));
        let busy = |unix_ms| fits(Condition { calendar: Some(CalendarState::Busy), ..row() }, &slot, unix_ms);
        assert!(!busy(TUESDAY_8) && busy(TUESDAY_8 + HOUR) && !busy(TUESDAY_8 + 2 * HOUR));
    }

    #[test]
    fn what_was_never_heard_fits_nothing_and_stale_presence_has_its_own_rule() {
        assert!(!fits(row(), &UserSlot::default(), 0));
        assert!(!fits(row(), &UserSlot { stale: true, ..online() }, 0));
    }

    #[test]
    fn hours_by_local_time_and_over_midnight() {
        let hours = |days, from_min, to_min| Condition { hours: Some(Hours { days, from_min, to_min }), ..row() };
        let (slot, tuesday, wednesday) = (online(), 1 << 1, 1 << 2);
        assert!(fits(hours(tuesday, 8 * 60, 9 * 60), &slot, TUESDAY_8));
        assert!(!fits(hours(tuesday, 8 * 60, 9 * 60), &slot, TUESDAY_8 + HOUR));
        assert!(!fits(hours(wednesday, 8 * 60, 9 * 60), &slot, TUESDAY_8));
        let night = |unix_ms| fits(hours(tuesday, 22 * 60, 6 * 60), &slot, unix_ms);
        assert!(night(TUESDAY_8 + 14 * HOUR) && night(TUESDAY_8 + 21 * HOUR) && !night(TUESDAY_8 + 22 * HOUR) && !night(TUESDAY_8 - 3 * HOUR));
        let config = PresenceConfig { utc_offset_min: -600, ..PresenceConfig::default() };
        assert_eq!(minute_of_week(&config, TUESDAY_8), 22 * 60, "ten hours to the west it is Monday, 22 h");
    }

    #[test]
    fn the_next_edge() {
        let config = |row| PresenceConfig { conditions: vec![row], ..PresenceConfig::default() };
        let day = config(Condition { hours: Some(Hours { days: 0x7f, from_min: 9 * 60, to_min: 17 * 60 }), ..row() });
        assert_eq!(next_edge_ms(&day, TUESDAY_8), Some(HOUR));
        assert_eq!(next_edge_ms(&day, TUESDAY_8 + HOUR), Some(8 * HOUR));
        assert_eq!(next_edge_ms(&day, TUESDAY_8 + 9 * HOUR + 1), Some(16 * HOUR - 1));
        let calendar = config(Condition { calendar: Some(CalendarState::Busy), ..row() });
        assert_eq!(next_edge_ms(&calendar, TUESDAY_8 + 61_000), Some(14 * 60_000 - 1_000));
        assert_eq!(next_edge_ms(&config(row()), TUESDAY_8), None);
    }
}
