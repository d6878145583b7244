//! Presence of workers for whom something of ours stands, or did until just now: what is only our own publication coming back is not theirs.
use super::reconcile::Presence;
use super::slots::UserSlot;
use super::standing::{Kind, Over};
use super::{Activity, Class, NoteChange, PresenceUpdate, StateChange};
use crate::config::{PublishWay, UserActionRule};
use crate::cx::Cx;
use crate::id::UserId;
use crate::uc_event::PublishTime;

/// Servers' clocks may differ by so much from one another.
const SKEW_MS: u64 = 5_000;

impl Presence {
    /// Whether an update needs a closer look. Only our own text can be ours where nothing stands.
    pub(super) fn may_be_ours(slot: &UserSlot, update: &PresenceUpdate) -> bool {
        slot.over
            || (slot.role.publishes()
                && (matches!(update.state, StateChange::Value { activity: Activity::Published, .. }) || matches!(update.note, NoteChange::Set(_))))
    }

    /// Takes what is the worker's own in an update, and tells an action of theirs from a change by itself.
    pub(super) fn take_own_part(&mut self, cx: &mut Cx<'_>, user: UserId, mut update: PresenceUpdate) {
        let slot = &self.users[user.index()];
        let role = slot.role;
        if slot.is_outdated(&update) {
            self.counters.stale_updates += 1;
            return;
        }
        if role.publishes() && matches!(&update.note, NoteChange::Set(text) if cx.config.publish.states.iter().any(|row| row.note.as_ref() == Some(text))) {
            update.note = NoteChange::Unchanged;
        }
        let mut acted = false;
        if let StateChange::Value { availability, activity, publish_time } = update.state {
            let class = UserSlot::class_of(cx.config, availability, activity);
            let over = self.standing.get(user);
            if is_echo(over, role.publishes(), class, activity) {
                self.counters.echoes += 1;
                update.state = StateChange::Unchanged;
                self.users[user.index()].publish_time = publish_time;
                let over = self.standing.at(user);
                over.swallowed = Some((availability, activity, publish_time));
                if over.kind.is_none() && !over.open {
                    self.find_leftover(cx, user);
                }
            } else {
                acted = self.is_action(cx, user, class, activity) && !(update.first && self.is_before(user, publish_time));
                if let Some(over) = self.standing.get_mut(user) {
                    over.swallowed = None;
                }
            }
        }
        if update.state != StateChange::Unchanged || update.note != NoteChange::Unchanged || update.calendar.is_some() {
            self.take(cx, user, update);
        }
        if acted {
            self.counters.user_actions += 1;
            self.on_user_action(cx, user, None);
        }
    }

    /// Our text although nothing of ours stands: an earlier life left it, or another one published it. Withdrawn when T-Server does not say that it is right.
    fn find_leftover(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let over = self.standing.at(user);
        over.kind = Some(Kind::Leftover);
        over.since = cx.now.mono;
        self.settle(cx, user);
        if self.users[user.index()].role.mirrors() {
            self.mirror(cx, user);
        } else {
            self.sweep_when_known(cx, user, false);
        }
    }

    /// Whether a change of the aggregate is the worker's own hand (`decisions.md` 3). Idleness, calls and meetings come and go by themselves.
    fn is_action(&self, cx: &Cx<'_>, user: UserId, class: Class, activity: Activity) -> bool {
        let slot = &self.users[user.index()];
        let Some(over) = self.standing.get(user) else { return false };
        let counts = over.holds() || (over.kind == Some(Kind::Mirror) && over.wanted.is_some());
        let told =
            over.told.is_some() && cx.config.publish.user_action == UserActionRule::RoamingSelf && matches!(cx.config.publish.way, PublishWay::Endpoint { .. });
        // What is heard of a worker for the first time is no change.
        if !counts || told || class == Class::Unknown || slot.class == Class::Unknown {
            return false;
        }
        if over.kind == Some(Kind::Mirror) {
            return !is_by_itself(activity) && class != Class::Offline;
        }
        let same = base(class) == base(slot.class) && (activity == slot.activity || class != slot.class);
        let idle = matches!(class, Class::IdleOnline | Class::IdleBusy) || (class == Class::Away && slot.class != base(slot.class));
        let after_call = is_by_itself(slot.activity) && matches!(base(class), Class::Online | Class::Busy) && matches!(activity, Activity::None);
        !(same || idle || after_call || is_by_itself(activity))
    }

    /// Whether a change was made before what keeps the agent began. Asked only of what a new subscription tells first: then nobody heard of the worker for a while.
    /// What is told as it happens counts whatever the clocks say.
    fn is_before(&self, user: UserId, published: PublishTime) -> bool {
        let began = self.standing.get(user).filter(|over| over.holds()).map(|over| self.lag.theirs(over.since));
        published != PublishTime::default() && began.is_some_and(|began| published.0.saturating_add(SKEW_MS) < began.0)
    }
}

/// Whether a state is our own publication: by its text, or by its class where our row has none.
fn is_echo(over: Option<&Over>, publishes: bool, class: Class, activity: Activity) -> bool {
    match over {
        Some(over) => (activity == Activity::Published && (publishes || over.open)) || (over.open && over.classes & (1 << class as u16) != 0),
        None => publishes && activity == Activity::Published,
    }
}

/// The class without its idleness.
const fn base(class: Class) -> Class {
    match class {
        Class::IdleOnline => Class::Online,
        Class::IdleBusy => Class::Busy,
        class => class,
    }
}

/// Activities that clients and calendars set, not people.
const fn is_by_itself(activity: Activity) -> bool {
    matches!(activity, Activity::OnThePhone | Activity::InAConference | Activity::InAMeeting | Activity::InPresentation)
}
