//! What people and checkers see of publishers.
use super::{Patience, Publisher};
use crate::fingerprint::Fp;
use crate::id::UserId;
use crate::uc::UcSide;
use crate::uc_event::PublicationKey;
use crate::views::PublisherView;

impl UcSide {
    /// What is published for a worker; `None` when nothing is, and nothing is under way.
    pub(crate) fn publisher(&self, user: UserId) -> Option<PublisherView> {
        let Some(it) = self.publishing.all.get(&user) else { return self.pidf_view(user) };
        let stands = match it.own.at(PublicationKey::Timed2).by {
            super::own::By::Us(row) => Some(row),
            _ => None,
        };
        Some(PublisherView {
            user,
            want: it.wanted(),
            stands,
            registered: it.endpoint.stands,
            waiting: it.patience != Patience::Ready,
            refused: it.last_refusal,
        })
    }

    /// Publishers there are.
    pub(crate) fn publishers(&self) -> usize {
        self.publishing.all.len() + self.publications_count()
    }

    pub(in crate::uc) fn fingerprint_publishers(&self, fp: &mut Fp) {
        let it = &self.publishing;
        fp.debug(&(it.outstanding, &it.owed, it.alarmed));
        for (user, publisher) in &it.all {
            fp.num(u64::from(user.0));
            publisher.fingerprint(fp);
        }
        for link in &self.links {
            fp.debug(&link.speakers);
        }
    }
}

impl Publisher {
    fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(&self.uri, self.watcher, self.way, self.want, self.leaving, self.behind, self.told, self.failed));
        fp.debug(&(self.queued, self.busy, self.patience, &self.flight, self.tried, self.refresh, self.known, self.acted));
        fp.debug(&(self.conflicts, self.refusals, self.endpoint.stands, self.endpoint.due, self.endpoint.expires_s));
        if let Some(at) = self.endpoint.lapses_at {
            fp.time(at.mono());
        }
        if let Some(sub) = &self.sub {
            fp.debug(&(sub.live, sub.due, sub.fresh, sub.silent, sub.doubted));
        }
        for time in [self.ours_until, self.failing_since].into_iter().flatten() {
            fp.time(time);
        }
        self.own.fingerprint(fp);
    }
}
