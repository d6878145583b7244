//! What the reconciler shows of itself: views, counters, the fingerprint for exploration. Nothing here changes anything.
use super::reconcile::Presence;
use super::slots::Hold;
use crate::config::Config;
use crate::cx::Cx;
use crate::directory::Directory;
use crate::fingerprint::Fp;
use crate::id::{DnId, UserId};
use crate::views::{Counters, DnView, ShownState, WantView, WorkerView};
use alloc::collections::VecDeque;

impl Presence {
    /// What pages show of a DN may have changed.
    pub(super) fn mark(&self, cx: &mut Cx<'_>, dn: DnId) {
        if cx.watch.any()
            && let Some(user) = self.user_at(cx.directory, dn)
        {
            cx.watch.mark(user);
        }
    }

    /// The worker's note as it goes into the reasons.
    pub(crate) fn note(&self, config: &Config, user: UserId) -> &str {
        if !config.presence.send_note {
            return "";
        }
        self.users.get(user.index()).and_then(|slot| slot.note.as_deref()).unwrap_or("")
    }

    pub(crate) fn worker(&self, user: UserId, directory: &Directory, covered: bool, unix_ms: u64, shown: ShownState) -> WorkerView<'_> {
        let slot = &self.users[user.index()];
        let over = self.standing.get(user);
        WorkerView {
            user,
            class: slot.class,
            availability: slot.availability,
            activity: slot.activity,
            note: slot.note.as_deref().unwrap_or(""),
            publish_time: slot.publish_time,
            covered,
            since: slot.heard.then_some(slot.since),
            want: match self.chosen_want(directory.config(), user).filter(|_| slot.role.takes_choices()) {
                Some(want) => want.into(),
                None if slot.role.asks() => slot.want(self.rule(directory, user, unix_ms).0).into(),
                None => WantView::Nothing,
            },
            choice: self.choices.of(user),
            shown,
            over: over.and_then(super::standing::Over::view),
            over_ended: self.standing.last_end(user),
            publishing: over.and_then(|over| over.wanted),
            published: over.and_then(|over| over.stands),
        }
    }

    pub(crate) fn dn(&self, dn: DnId, directory: &Directory, registered: bool) -> DnView {
        let slot = &self.dns[dn.index()];
        let (user, seat, stranger) = (self.user_at(directory, dn), directory.owner(dn).is_none(), self.seats.stranger(dn));
        let shown = self.shown(directory.config(), dn, registered);
        DnView { dn, user, seat, stranger, state: slot.have, in_flight: slot.in_flight.is_some(), held: slot.hold != Hold::None, registered, shown }
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        counters.presence_changes += self.counters.presence_changes;
        counters.stale_updates += self.counters.stale_updates;
        counters.repeats += self.counters.repeats;
        counters.foreign_changes += self.counters.foreign_changes;
        counters.overrides += self.counters.overrides;
        counters.echoes += self.counters.echoes;
        counters.user_actions += self.counters.user_actions;
    }

    /// DNs on the work list, for the leak checker.
    pub(crate) fn queued(&self) -> usize {
        self.work.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        self.users.iter().for_each(|slot| slot.fingerprint(fp));
        self.dns.iter().for_each(|slot| slot.fingerprint(fp));
        self.choices.fingerprint(fp);
        self.standing.fingerprint(fp);
        self.fingerprint_silence(fp);
        for dn in self.work.iter().flatten() {
            fp.num(u64::from(dn.0));
        }
        for (user, calendar) in &self.calendars {
            fp.debug(&(user, calendar));
        }
        self.seats.fingerprint(fp);
        for (at, user) in &self.grace {
            fp.time(*at);
            fp.num(u64::from(user.0));
        }
    }
}
