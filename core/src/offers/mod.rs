//! Previews: requests of routers become offers to workers, what workers do at their pages becomes answers, and both become reports
//! (`spec/uc-connector-functional.md` 5, 8; `spec/genesys-protocols.md` 5, 10). Rank above presence.
//!
//! A *group* is one interaction that workers are asked about, all at once or in turn; it has the requests that wait for its answer and the offers that are open.
//! Whatever ends a group goes through [`Offers::answer`], whatever ends an offer through [`Offers::end`]; so every request is answered once and every offer
//! that began ends once, in the history and in the reports.
//!
//! Absent: who may see what. A page is told of its own worker's offers only, because everything goes to a worker, not to a page.
mod choose;
mod group;
mod invited;
mod kept;
mod report;
mod request;
mod targets;
#[cfg(test)]
mod tests;

pub use targets::{PreviewOp, target_names, user_data};

use crate::Config;
use crate::action::Action;
use crate::codec::cti::catalogue::{EVENT_ABANDONED, EVENT_RELEASED};
use crate::cti::CtiSide;
use crate::cti_event::CtiEvent;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::directory::{Changes, Directory};
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{DnId, SwitchId, UserId};
use crate::offer::{
    OfferId, OfferRecord, OfferView, Outcome, PageEvent, PageNews, PreviewAnswer, PreviewStatus, ReportId, ReportView, RequestId, RequestView, RouterEvent,
};
use crate::presence::Presence;
use crate::time::{At, Mono};
use crate::uc::UcSide;
use crate::views::{AgentState, Counters, PreviewsView};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use group::{Group, Offer};
use invited::{InviteEnd, Order};
use kept::{Cursors, Kept};
use report::Reports;

/// Timers of previews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum OfferTimer {
    /// Workers have had their time: number of the group.
    Group(u64),
    /// A worker has had no page for too long.
    Page(UserId),
    /// The oldest answer that is kept is old enough.
    Answers,
}

/// What of a fact matters to previews.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// The agent of a DN may have changed.
    Agent(DnId),
    /// The switch came or went: reports that were not answered are unknown.
    Switch(SwitchId),
    /// A report was answered.
    Reported(ReportId, ReportEnd),
    /// Nobody waits for this answer any more.
    Gone(RequestId),
    /// Something came of an invitation.
    Invited(OfferId, InviteEnd),
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportEnd {
    /// Distributed.
    Done,
    /// Refused with this code.
    Refused(i32),
    /// Nobody answered.
    TimedOut,
}

/// Previews.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Offers {
    groups: BTreeMap<u64, Group>,
    offers: BTreeMap<OfferId, Offer>,
    /// Open offers by DN.
    by_dn: BTreeSet<(DnId, OfferId)>,
    /// Open groups by call, in the form of [`conn_key`].
    by_conn: BTreeSet<(Box<str>, u64)>,
    by_key: BTreeMap<Box<str>, u64>,
    /// Who waits for which group.
    waiting: BTreeMap<RequestId, u64>,
    /// Workers with a page, or whose page has gone lately, or with an open offer.
    workers: BTreeMap<UserId, Worker>,
    /// Since when the agent of each DN has been ready.
    ready: Vec<Option<At>>,
    kept: Kept,
    cursors: Cursors,
    reports: Reports,
    /// For the SIP side; empty between two inputs.
    orders: Vec<Order>,
    last_group: u64,
    last_offer: u64,
    counters: Counters,
    stopping: bool,
}

/// What is known of a worker's pages.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Worker {
    /// At least one stands.
    open: bool,
    /// The last one went then.
    closed_at: Option<Mono>,
    /// Open offers, oldest first.
    offers: Vec<OfferId>,
}

impl Offers {
    /// Nothing is open. Offers are numbered from the time of day on, so that no number comes again after a restart: pages and the history remember them.
    pub(crate) fn start(cx: &Cx<'_>) -> Self {
        let mut it = Self { last_offer: cx.now.unix_ms << 8, ..Self::default() };
        it.ready.resize(cx.directory.dn_slots(), None);
        it
    }

    /// What of `fact` matters here.
    pub(crate) const fn news(fact: &Fact) -> News {
        match fact {
            Fact::Agent { dn, .. } => News::Agent(*dn),
            Fact::SwitchUp { switch } | Fact::SwitchDown { switch } => News::Switch(*switch),
            Fact::Reported { report, end } => News::Reported(*report, *end),
            Fact::RouterGone { id } => News::Gone(*id),
            _ => invited::news(fact),
        }
    }

    pub(crate) fn on_news(&mut self, cx: &mut Cx<'_>, presence: &Presence, news: News) {
        match news {
            News::None => {}
            News::Agent(dn) => self.on_agent(cx, presence, dn),
            News::Switch(switch) => self.reports.on_switch(switch),
            News::Gone(id) => self.on_router(cx, presence, &RouterEvent::Gone { id }),
            News::Invited(offer, end) => self.on_invited(cx, presence, offer, end),
            News::Reported(report, end) => self.reports.on_end(cx, &mut self.counters, report, end),
        }
    }

    fn on_agent(&mut self, cx: &mut Cx<'_>, presence: &Presence, dn: DnId) {
        if !cx.directory.has_dn(dn) {
            return;
        }
        let state = presence.state_of(dn);
        if let Some(since) = self.ready.get_mut(dn.index()) {
            match state {
                AgentState::Ready if since.is_none() => *since = Some(cx.now.mono.into()),
                AgentState::Ready | AgentState::Unknown => {}
                _ => *since = None,
            }
        }
        self.reports.on_agent(cx.directory.switch_of(dn), dn);
        if self.by_dn.is_empty() {
            return;
        }
        let withdraws = cx.config.preview.require_ready && cx.config.preview.not_ready == crate::config::NotReadyRule::Withdraw;
        let is_ready = !withdraws || matches!(state, AgentState::Ready | AgentState::Unknown);
        let sitter = presence.user_at(cx.directory, dn);
        let open: Vec<OfferId> = self.by_dn.range((dn, OfferId(0))..=(dn, OfferId(u64::MAX))).map(|(_, offer)| *offer).collect();
        for offer in open {
            if !is_ready || self.offers.get(&offer).is_some_and(|offer| sitter != Some(offer.user)) {
                self.end_and_go_on(cx, presence, offer, Outcome::Unavailable);
            }
        }
    }

    /// The call an event of a T-Server says is over, when that matters. What was transferred or forwarded lives on.
    pub(crate) fn released<'a>(&self, event: &CtiEvent<'a>) -> Option<&'a str> {
        let CtiEvent::Event(event) = event else { return None };
        let is_over = matches!(event.id, EVENT_RELEASED | EVENT_ABANDONED) && event.call_state.unwrap_or(0) == 0;
        if is_over && !self.groups.is_empty() { event.conn } else { None }
    }

    /// A call is over: nobody is asked about it any more.
    pub(crate) fn on_released(&mut self, cx: &mut Cx<'_>, conn: &str) {
        for group in self.groups_of(conn) {
            self.withdraw(cx, group, Outcome::Released, PreviewStatus::Canceled, "the call was released");
        }
    }

    pub(crate) fn on_page(&mut self, cx: &mut Cx<'_>, presence: &Presence, user: UserId, event: PageEvent) {
        if !cx.directory.has_user(user) {
            return;
        }
        match event {
            PageEvent::Opened => {
                let worker = self.workers.entry(user).or_default();
                (worker.open, worker.closed_at) = (true, None);
                cx.clear(TimerKey::Offers(OfferTimer::Page(user)));
            }
            PageEvent::Closed => {
                let Some(worker) = self.workers.get_mut(&user).filter(|worker| worker.open) else { return };
                (worker.open, worker.closed_at) = (false, Some(cx.now.mono));
                cx.set(TimerKey::Offers(OfferTimer::Page(user)), cx.now.mono + cx.config.preview.page_grace_ms);
            }
            PageEvent::Accept { offer } => match self.offers.get(&offer).filter(|open| open.user == user) {
                Some(_) => self.accept(cx, offer),
                None => cx.act(Action::Page { user, news: Box::new(PageNews::TooLate { offer }) }),
            },
            PageEvent::Reject { offer } => match self.offers.get(&offer).filter(|open| open.user == user) {
                Some(_) => self.end_and_go_on(cx, presence, offer, Outcome::Rejected),
                None => cx.act(Action::Page { user, news: Box::new(PageNews::TooLate { offer }) }),
            },
        }
    }

    /// The first one wins: what the core hears first.
    fn accept(&mut self, cx: &mut Cx<'_>, winner: OfferId) {
        let Some(Offer { group, user, dn, .. }) = self.offers.get(&winner).cloned() else { return };
        let text = format!("accepted by {}", cx.directory.person(user).employee_id);
        self.end(cx, winner, Outcome::Accepted);
        self.withdraw_offers(cx, group, Outcome::Taken);
        self.answer(cx, group, PreviewStatus::Accepted, &text, Some((user, dn)));
    }

    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>, presence: &Presence, timer: OfferTimer) {
        match timer {
            OfferTimer::Group(group) => {
                self.withdraw_offers(cx, group, Outcome::Timeout);
                self.go_on(cx, presence, group);
            }
            OfferTimer::Page(user) => {
                self.on_page_gone(cx, presence, user);
            }
            OfferTimer::Answers => {
                if let Some(at) = self.kept.expire(cx.now.mono, cx.config.preview.answer_kept_ms) {
                    cx.set(TimerKey::Offers(OfferTimer::Answers), at);
                }
            }
        }
    }

    /// Ends an offer and, if it was the last open one of its group, asks the next worker or answers.
    fn end_and_go_on(&mut self, cx: &mut Cx<'_>, presence: &Presence, offer: OfferId, outcome: Outcome) {
        if let Some(group) = self.end(cx, offer, outcome) {
            self.go_on(cx, presence, group);
        }
    }

    /// Ends an offer: pages, history and contact centre hear of it. Returns its group, which is not looked at.
    fn end(&mut self, cx: &mut Cx<'_>, id: OfferId, outcome: Outcome) -> Option<u64> {
        let ended = self.offers.remove(&id)?;
        let (group, user, dn) = (ended.group, ended.user, ended.dn);
        self.by_dn.remove(&(dn, id));
        if let Some(worker) = self.workers.get_mut(&user) {
            worker.offers.retain(|other| *other != id);
        }
        self.uninvite(id, &ended);
        self.counters.offers_ended[outcome as usize] += 1;
        cx.act(Action::Page { user, news: Box::new(PageNews::Ended { offer: id, outcome }) });
        if let Some(what) = ended.reported {
            self.reports.push(id, what, Some(outcome));
        }
        let group_of = self.groups.get_mut(&group)?;
        group_of.open.retain(|other| *other != id);
        group_of.tally.outcome(outcome);
        let (conn, media) = (Arc::clone(&group_of.conn), Arc::clone(&group_of.media));
        cx.act(Action::Record(Box::new(OfferRecord { offer: id, user, dn, conn, media, at_unix_ms: cx.now.unix_ms, ended: Some(outcome) })));
        Some(group)
    }

    fn withdraw_offers(&mut self, cx: &mut Cx<'_>, group: u64, outcome: Outcome) {
        let open = self.groups.get(&group).map(|group| group.open.clone()).unwrap_or_default();
        for offer in open {
            self.end(cx, offer, outcome);
        }
    }

    /// Ends a whole group from outside.
    fn withdraw(&mut self, cx: &mut Cx<'_>, group: u64, outcome: Outcome, status: PreviewStatus, text: &str) {
        self.withdraw_offers(cx, group, outcome);
        self.answer(cx, group, status, text, None);
    }

    /// The group is over: whoever waits is answered, and the answer is kept.
    fn answer(&mut self, cx: &mut Cx<'_>, group: u64, status: PreviewStatus, text: &str, winner: Option<(UserId, DnId)>) {
        let Some(over) = self.groups.remove(&group) else { return };
        cx.clear(TimerKey::Offers(OfferTimer::Group(group)));
        let conn = conn_key(&over.conn);
        let answer = made(cx.directory, status, text, winner);
        for id in over.requests {
            self.waiting.remove(&id);
            self.counters.previews_answered[status as usize] += 1;
            cx.answer(id, answer.clone());
        }
        self.by_conn.remove(&(conn.clone(), group));
        if let Some(key) = &over.key {
            self.by_key.remove(key);
        }
        self.kept.keep(cx.now.mono, conn, over.key, answer, cx.config.preview.requests_max as usize);
        cx.deadlines.set_earlier(TimerKey::Offers(OfferTimer::Answers), cx.now.mono + cx.config.preview.answer_kept_ms);
    }

    /// Open groups about a call.
    fn groups_of(&self, conn: &str) -> Vec<u64> {
        let conn = conn_key(conn);
        self.by_conn.range((conn.clone(), 0)..=(conn, u64::MAX)).map(|(_, group)| *group).collect()
    }

    /// The directory and `cx.config` are the new ones already. Offers of workers and DNs that stay go on.
    pub(crate) fn on_reconfigure(&mut self, cx: &mut Cx<'_>, presence: &Presence, old: &Config, changes: &Changes) {
        self.ready.resize(cx.directory.dn_slots().max(self.ready.len()), None);
        for (dn, _) in &changes.removed_dns {
            self.ready[dn.index()] = None;
        }
        if old.cti.switches != cx.config.cti.switches {
            let name = |switch: SwitchId| old.cti.switches.get(switch.index()).map(|switch| &switch.name);
            let place = |switch: SwitchId| cx.config.cti.switches.iter().position(|new| Some(&new.name) == name(switch));
            let renumbered = |switch: SwitchId| place(switch).map(|at| SwitchId(at as u16));
            self.reports.renumber(&mut self.counters, renumbered);
            for offer in self.offers.values_mut() {
                offer.reported = offer.reported.take().and_then(|what| {
                    let switch = renumbered(what.switch)?;
                    Some(Arc::new(group::Reported { switch, ..group::Reported::clone(&what) }))
                });
            }
        }
        self.reports.on_reconfigure();
        let gone: BTreeSet<UserId> = changes.removed_users.iter().map(|(user, _)| *user).collect();
        for group in self.groups.values_mut() {
            let before = group.remaining.len();
            group.remaining.retain(|user| !gone.contains(user));
            (group.remaining.len()..before).for_each(|_| group.tally.obstacle(group::Obstacle::Unknown));
        }
        let open: Vec<OfferId> = self
            .offers
            .iter()
            .filter(|(_, offer)| gone.contains(&offer.user) || changes.removed_dns.iter().any(|(dn, _)| *dn == offer.dn))
            .map(|(id, _)| *id)
            .collect();
        for offer in open {
            self.end_and_go_on(cx, presence, offer, Outcome::Unavailable);
        }
        for user in gone {
            self.workers.remove(&user);
            self.kept.forget_user(user);
            cx.clear(TimerKey::Offers(OfferTimer::Page(user)));
        }
    }

    /// Stops in good order: everybody is told, reports go out as far as switches are up.
    pub(crate) fn on_drain(&mut self, cx: &mut Cx<'_>) {
        self.stopping = true;
        let open: Vec<u64> = self.groups.keys().copied().collect();
        for group in open {
            self.withdraw(cx, group, Outcome::Failed, PreviewStatus::Error, "the connector is stopping");
        }
    }

    /// Down pass: invitations, and reports as far as the windows allow.
    pub(crate) fn emit(&mut self, cx: &mut Cx<'_>, cti: &mut CtiSide, uc: &mut UcSide) {
        self.emit_invitations(cx, uc);
        self.reports.emit(cx, cti, &mut self.counters);
    }

    /// No report is left that could be sent.
    pub(crate) fn is_drained(&self, cti: &CtiSide) -> bool {
        self.reports.is_drained(cti)
    }

    pub(crate) fn offers_of(&self, user: UserId) -> Vec<OfferView> {
        let open = self.workers.get(&user).map(|worker| &*worker.offers).unwrap_or_default();
        open.iter().filter_map(|id| self.offers.get(id).and_then(|offer| Some(self.groups.get(&offer.group)?.view(*id, offer)))).collect()
    }

    pub(crate) fn request(&self, conn: &str) -> Option<RequestView> {
        let open = self.groups_of(conn).last().and_then(|group| self.groups.get(group));
        let users = |group: &Group| group.open.iter().filter_map(|id| self.offers.get(id)).map(|offer| offer.user).collect();
        open.map(|group| RequestView::Open(users(group))).or_else(|| self.kept.of_conn(&conn_key(conn)).cloned().map(RequestView::Answered))
    }

    pub(crate) fn report(&self, report: ReportId) -> Option<ReportView<'_>> {
        self.reports.view(report)
    }

    pub(crate) fn view(&self) -> PreviewsView {
        PreviewsView {
            requests: self.waiting.len() as u32,
            offers: self.offers.len() as u32,
            reports: self.reports.len() as u32,
            pages: self.workers.values().filter(|worker| worker.open).count() as u32,
        }
    }

    pub(crate) const fn count(&self, counters: &mut Counters) {
        let own = &self.counters;
        counters.previews += own.previews;
        counters.previews_answered = own.previews_answered;
        counters.offers += own.offers;
        counters.offers_ended = own.offers_ended;
        counters.reports_sent += own.reports_sent;
        counters.reports_failed += own.reports_failed;
        counters.reports_dropped += own.reports_dropped;
    }

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        fp.num(u64::from(self.stopping));
        self.groups.values().for_each(|group| group.fingerprint(fp));
        for Offer { user, dn, reported, invited, .. } in self.offers.values() {
            fp.debug(&(user, dn, reported.is_some(), invited));
        }
        for (user, worker) in &self.workers {
            fp.debug(&(user, worker.open, worker.offers.len()));
            worker.closed_at.into_iter().for_each(|at| fp.time(at));
        }
        for since in &self.ready {
            fp.num(u64::from(since.is_some()));
        }
        self.kept.fingerprint(fp);
        self.cursors.fingerprint(fp);
        self.reports.fingerprint(fp);
    }
}

/// A call's id in the form it is compared in: connection ids as 16 lower-case digits, whatever the router left out; other ids as they are.
fn conn_key(conn: &str) -> Box<str> {
    crate::offer::conn_number(conn).map_or_else(|| conn.into(), |number| format!("{number:016x}").into())
}

fn made(directory: &Directory, status: PreviewStatus, text: &str, winner: Option<(UserId, DnId)>) -> PreviewAnswer {
    let (mut agent, mut dn, mut switch): (Box<str>, Box<str>, Box<str>) = Default::default();
    if let Some((user, at)) = winner {
        agent = directory.person(user).agent_login.clone();
        dn = directory.number(at).into();
        switch = directory.config().cti.switches.get(directory.switch_of(at).index()).map_or_else(Box::default, |switch| switch.name.clone());
    }
    PreviewAnswer { status, text: text.into(), user: winner.map(|(user, _)| user), agent, dn, switch }
}

/// Answers what cannot be carried out.
pub(crate) fn refuse(cx: &mut Cx<'_>, id: RequestId, text: &str) {
    let answer = made(cx.directory, PreviewStatus::Error, text, None);
    cx.answer(id, answer);
}
