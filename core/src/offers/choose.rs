//! Who is asked, and may be: availability, turns, and the making of an offer.
use super::group::{Group, Obstacle, Offer, Reported};
use super::{OfferTimer, Offers};
use crate::action::Action;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::directory::Directory;
use crate::id::{DnId, SwitchId, UserId};
use crate::offer::{OfferId, OfferRecord, PageNews, Select};
use crate::presence::Presence;
use crate::time::{At, Mono};
use crate::views::AgentState;
use alloc::boxed::Box;
use alloc::sync::Arc;

impl Offers {
    /// Where a worker would get the call, or why they cannot be asked.
    fn place(&self, cx: &Cx<'_>, presence: &Presence, group: &Group, user: UserId) -> Result<DnId, Obstacle> {
        let config = &cx.config.preview;
        if !cx.directory.has_user(user) {
            return Err(Obstacle::Unknown);
        }
        let is_ready = |dn: DnId| presence.state_of(dn) == AgentState::Ready;
        let mut dns = presence.dns_of(cx.directory, user).filter(|dn| !presence.has_stranger(*dn));
        let dn = if group.dn.is_empty() {
            let first = dns.next().ok_or(Obstacle::NotReady)?;
            core::iter::once(first).chain(dns).find(|dn| is_ready(*dn)).or_else(|| (!config.require_ready).then_some(first))
        } else {
            let wanted = dns.find(|dn| cx.directory.number(*dn) == &*group.dn && is_on(cx.directory, *dn, &group.switch)).ok_or(Obstacle::OtherDn)?;
            (is_ready(wanted) || !config.require_ready).then_some(wanted)
        };
        let dn = dn.ok_or(Obstacle::NotReady)?;
        if !self.has_page(cx, user) && !Self::can_invite(cx, user) {
            return Err(Obstacle::NoPage);
        }
        if self.workers.get(&user).is_some_and(|worker| worker.offers.len() >= usize::from(config.per_worker_max)) {
            return Err(Obstacle::Busy);
        }
        Ok(dn)
    }

    /// Since when a worker has been ready where they would get the call.
    fn idle_since(&self, cx: &Cx<'_>, presence: &Presence, group: u64, user: UserId) -> Option<Mono> {
        let dn = self.place(cx, presence, self.groups.get(&group)?, user).ok()?;
        self.ready.get(dn.index()).copied().flatten().map(At::mono)
    }

    /// Asks all workers of a new group at once, or puts them in order and asks the first one.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: u64) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let (select, list) = (group.select, group.list);
        let mut users = core::mem::take(&mut group.remaining);
        match select {
            Select::Single => {}
            Select::Broadcast => users.drain(..).for_each(|user| self.ask(cx, presence, id, user)),
            Select::RoundRobin => {
                let before = self.cursors.get(list);
                let after = users.iter().position(|user| Some(*user) == before).map_or(0, |at| at + 1);
                users.rotate_left(after);
            }
            // Who is not ready now comes last.
            Select::LongestIdle => users.make_contiguous().sort_by_cached_key(|user| {
                let since = self.idle_since(cx, presence, id, *user);
                (since.is_none(), since)
            }),
        }
        if let Some(group) = self.groups.get_mut(&id) {
            group.remaining = users;
        }
        self.go_on(cx, presence, id);
    }

    /// When nobody is being asked: asks the next one, or answers.
    pub(super) fn go_on(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: u64) {
        while let Some(group) = self.groups.get_mut(&id) {
            if !group.open.is_empty() {
                return;
            }
            match group.remaining.pop_front() {
                Some(user) => self.ask(cx, presence, id, user),
                None => {
                    let (status, text) = (group.tally.status(), group.tally.text());
                    return self.answer(cx, id, status, &text, None);
                }
            }
        }
    }

    /// Makes an offer, or writes down why not.
    fn ask(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: u64, user: UserId) {
        let place = self.groups.get(&id).map_or(Err(Obstacle::Unknown), |group| self.place(cx, presence, group, user));
        let reported = place.ok().and_then(|dn| self.report_begin(cx, id, user, dn));
        let Some(group) = self.groups.get_mut(&id) else { return };
        let dn = match place {
            Ok(dn) => dn,
            Err(obstacle) => return group.tally.obstacle(obstacle),
        };
        self.last_offer += 1;
        self.counters.offers += 1;
        let offer = OfferId(self.last_offer);
        if !core::mem::replace(&mut group.asked, true) && group.select == Select::RoundRobin {
            self.cursors.set(group.list, user);
        }
        group.open.push(offer);
        group.ends = cx.now.mono + group.think_ms;
        cx.set(TimerKey::Offers(OfferTimer::Group(id)), group.ends);
        let ends_unix_ms = cx.now.unix_ms.saturating_add(group.think_ms);
        let made = Offer { group: id, user, dn, offered_unix_ms: cx.now.unix_ms, ends_unix_ms, reported, invited: None };
        cx.act(Action::Page { user, news: Box::new(PageNews::Offered(group.view(offer, &made))) });
        let (conn, media) = (Arc::clone(&group.conn), Arc::clone(&group.media));
        cx.act(Action::Record(Box::new(OfferRecord { offer, user, dn, conn, media, at_unix_ms: cx.now.unix_ms, ended: None })));
        if let Some(what) = &made.reported {
            self.reports.push(offer, Arc::clone(what), None);
        }
        self.by_dn.insert((dn, offer));
        self.workers.entry(user).or_default().offers.push(offer);
        self.offers.insert(offer, made);
        if !self.has_page(cx, user) {
            self.invite(cx, offer);
        }
    }

    /// What will be reported of an offer to `user`; `None` when nothing will.
    fn report_begin(&mut self, cx: &mut Cx<'_>, group: u64, user: UserId, dn: DnId) -> Option<Arc<Reported>> {
        if !cx.config.preview.reporting {
            return None;
        }
        if let Some(left_out) = self.reports.make_room(cx, &mut self.counters).ok()?
            && let Some(open) = self.offers.get_mut(&left_out)
        {
            open.reported = None;
        }
        let (person, switch) = (cx.directory.person(user), cx.directory.switch_of(dn));
        // Of a worker without a desk of their own it is where they sit.
        let main = cx.directory.dns_of(user).find(|dn| cx.directory.switch_of(*dn) == switch).unwrap_or(dn);
        Some(Arc::new(Reported {
            dn: main,
            this_dn: cx.directory.number(main).into(),
            switch,
            conn: Arc::clone(&self.groups.get(&group)?.conn),
            agent: person.agent_login.clone(),
            user: person.employee_id.clone(),
            state_name: cx.config.preview.state_name.clone(),
        }))
    }
}

/// Whether a DN is on the switch of this name; no name means any.
fn is_on(directory: &Directory, dn: DnId, switch: &str) -> bool {
    let SwitchId(at) = directory.switch_of(dn);
    switch.is_empty() || directory.config().cti.switches.get(usize::from(at)).is_some_and(|it| &*it.name == switch)
}
