//! The one state others see, computed from all that a user's endpoints publish (`spec/ms-pres.md` 5.5).
use super::Activity;
use super::publication::{Publication, Publications, StateKind, StateValue, TIMED_USER_STATE};

/// Nobody is there.
pub(super) const OFFLINE: u32 = 18_500;

/// A state that takes part.
struct Live<'a> {
    order: u64,
    timed: bool,
    state: &'a StateValue,
    availability: u32,
}

/// Availability and activity for the readers of a container of raw states (2 or 3). `None`: nothing was ever published.
pub(super) fn aggregate(published: &Publications, container: u32) -> Option<(u32, Activity)> {
    if !published.aggregated {
        return None;
    }
    let all: Vec<(StateKind, &Publication, &StateValue, bool)> =
        published.states(container).map(|(k, p, s)| (s.kind, p, s, k.instance == TIMED_USER_STATE)).collect();
    let live = |kind: StateKind| {
        let numbered = all.iter().filter(move |(k, ..)| *k == kind);
        numbered.filter_map(|(_, p, state, timed)| state.availability.map(|availability| Live { order: p.order, timed: *timed, state, availability }))
    };
    let user = live(StateKind::User).max_by_key(|u| (u.order, u.timed));
    let Some(machine) = live(StateKind::Machine).map(|m| m.availability).min() else {
        // Signed out everywhere. Who chose a number of that class keeps it.
        return Some((user.map_or(OFFLINE, |u| if u.availability >= 18_000 { u.availability } else { OFFLINE }), Activity::None));
    };
    let newest_machine = live(StateKind::Machine).map(|m| m.order).max().unwrap_or(0);
    let user_alone = user.as_ref().is_some_and(|u| u.order >= newest_machine);
    let base = match &user {
        None => machine,
        Some(u) if user_alone => u.availability,
        Some(u) => combine(u.availability, machine),
    };
    let own_activity = |number: u32| user.as_ref().map(|u| u.state.activity_for(number)).unwrap_or_default();
    if base >= 9000 && user_alone {
        return Some((base, own_activity(base)));
    }
    let others: Vec<Live<'_>> = live(StateKind::Phone).chain(live(StateKind::Calendar)).collect();
    let candidates = || others.iter().map(|o| o.availability).chain([base]);
    let mut result = base;
    if candidates().any(|n| (6000..12_000).contains(&n)) {
        result = candidates().filter(|n| *n < 12_000).max().unwrap_or(base);
    }
    let level = result;
    let idle = (4500..6000).contains(&machine);
    if (6000..7500).contains(&result) && idle && !(user_alone && result == base) {
        result = 7500;
    }
    // A custom text of the user wins over a token at the same level; a call comes before an appointment.
    let own = if base == level { own_activity(result) } else { Activity::None };
    if matches!(own, Activity::Custom(_)) {
        return Some((result, own));
    }
    let theirs = others.iter().filter(|o| o.availability == level).map(|o| o.state.activity_for(result)).find(|a| *a != Activity::None);
    let out_of_office = || {
        let unnumbered = all.iter().filter(|(k, _, s, _)| *k == StateKind::Calendar && s.availability.is_none() && result >= 12_000);
        unnumbered.map(|(_, _, s, _)| s.activity_for(result)).find(|a| *a != Activity::None)
    };
    let activity = if own == Activity::None { theirs.or_else(out_of_office).unwrap_or_default() } else { theirs.unwrap_or(own) };
    Some((result, activity))
}

/// A choice of the user with the machine states that came after it.
fn combine(user: u32, machine: u32) -> u32 {
    let idle = (4500..6000).contains(&machine);
    let away = machine >= 15_000;
    match user {
        0..6000 if idle || away => user.max(machine),
        6000..9000 if idle || away => user.max(7500),
        _ => user,
    }
}

#[cfg(test)]
mod tests {
    use super::super::publication::{ExpireType, Key, USER_STATE, Value};
    use super::*;
    use StateKind::{Calendar, Machine, Phone, User};

    /// Publishes in this order; rows with the same number came in one request.
    fn of(rows: &[(u64, u32, StateKind, u32, &str)]) -> (u32, Activity) {
        let mut table = Publications::default();
        for (order, instance, kind, availability, token) in rows {
            let activity = token.strip_prefix('"').map_or_else(|| Activity::token(token), |text| Activity::Custom(text.to_owned()));
            let mut state = StateValue::new(*kind, *availability, activity);
            if *availability == 0 {
                state.availability = None;
            }
            let (value, author) = (Value::State(state), String::new());
            let (expire, expires_at, expires_s) = (ExpireType::Static, None, None);
            let row = Publication { version: 0, expire, expires_at, expires_s, author, value, unix_ms: 0, endpoint: None, order: *order, raw: String::new() };
            table.put(Key::new("state", *instance, 2), row);
        }
        aggregate(&table, 2).unwrap()
    }

    const M: u32 = 0x3000_0001;
    const P: u32 = 0x8000_0001;

    #[test]
    fn nothing_published_is_nothing_and_no_machine_is_offline() {
        assert_eq!(aggregate(&Publications::default(), 2), None);
        assert_eq!(of(&[(1, USER_STATE, User, 3500, "")]), (18_500, Activity::None));
        assert_eq!(of(&[(1, USER_STATE, User, 18_000, "")]), (18_000, Activity::None));
    }

    #[test]
    fn the_most_active_machine_counts() {
        assert_eq!(of(&[(1, M, Machine, 15_500, "")]).0, 15_500);
        assert_eq!(of(&[(1, M, Machine, 15_500, ""), (2, M + 1, Machine, 3500, "")]).0, 3500);
    }

    #[test]
    fn the_newest_choice_decides_alone_and_idleness_comes_after_it() {
        assert_eq!(of(&[(1, M, Machine, 5000, ""), (2, USER_STATE, User, 6500, "")]).0, 6500);
        assert_eq!(of(&[(1, USER_STATE, User, 3500, ""), (2, M, Machine, 5000, "")]).0, 5000);
        assert_eq!(of(&[(1, USER_STATE, User, 6500, "\"ACW"), (2, M, Machine, 5000, "")]), (7500, Activity::Custom("ACW".to_owned())));
        assert_eq!(of(&[(1, USER_STATE, User, 15_500, ""), (2, M, Machine, 3500, "")]).0, 15_500);
        assert_eq!(of(&[(1, USER_STATE, User, 3500, ""), (2, TIMED_USER_STATE, User, 6500, ""), (2, M, Machine, 3500, "")]).0, 6500);
        // A static choice made later than the time-bound one shows.
        assert_eq!(of(&[(1, M, Machine, 3500, ""), (2, TIMED_USER_STATE, User, 6500, ""), (3, USER_STATE, User, 12_500, "")]).0, 12_500);
        assert_eq!(of(&[(2, M, Machine, 3500, ""), (2, TIMED_USER_STATE, User, 6500, ""), (2, USER_STATE, User, 3500, "")]).0, 6500);
    }

    #[test]
    fn the_documented_examples() {
        // Busy on the phone although other devices are free.
        let free = [(1, M, Machine, 3500, ""), (2, USER_STATE, User, 3500, "")];
        let call = (3, P, Phone, 6500, "on-the-phone");
        assert_eq!(of(&[free[0], free[1], call]), (6500, Activity::token("on-the-phone")));
        // Free calendar, active machine, Busy by hand.
        assert_eq!(of(&[(1, 0x4000_0001, Calendar, 3500, ""), (1, M, Machine, 3500, ""), (2, USER_STATE, User, 6500, "")]).0, 6500);
        // A text of the user wins over the token of a call at the same level.
        assert_eq!(of(&[free[0], (4, TIMED_USER_STATE, User, 6500, "\"After call work"), call]), (6500, Activity::Custom("After call work".to_owned())));
        // Do not disturb by hand hides a call.
        assert_eq!(of(&[free[0], (4, USER_STATE, User, 9500, ""), call]), (9500, Activity::None));
        assert_eq!(of(&[free[0], call, (4, 0x4000_0001, Calendar, 6500, "in-a-meeting")]), (6500, Activity::token("on-the-phone")));
        // A call on an idle machine.
        assert_eq!(of(&[(1, M, Machine, 5000, ""), call]), (7500, Activity::token("on-the-phone")));
        // Out of the office shows only when away.
        let oof = (1, 0x6000_0001, Calendar, 0, "out-of-office");
        assert_eq!(of(&[oof, (1, M, Machine, 15_500, "")]), (15_500, Activity::token("out-of-office")));
        assert_eq!(of(&[oof, (1, M, Machine, 3500, "")]), (3500, Activity::None));
    }
}
