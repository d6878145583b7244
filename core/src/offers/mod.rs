//! Previews: requests of routers become offers to workers, what workers do at their pages becomes answers, and both become reports
//! (`spec/uc-connector-functional.md` 5, 8; `spec/genesys-protocols.md` 5, 10). Rank above presence.
use crate::Config;
use crate::action::Action;
use crate::cti::CtiSide;
use crate::cx::Cx;
use crate::directory::Changes;
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{DnId, SwitchId, UserId};
use crate::offer::{OfferId, OfferView, PageEvent, PageNews, PreviewAnswer, PreviewStatus, ReportId, ReportView, RequestId, RequestView, RouterEvent};
use crate::presence::Presence;
use crate::views::Counters;
use alloc::boxed::Box;
use alloc::vec::Vec;

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
    /// Reports can be sent.
    SwitchUp(SwitchId),
    /// Reports that were not answered are unknown.
    SwitchDown(SwitchId),
    /// A report was answered.
    Reported(ReportId, ReportEnd),
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
    stopping: bool,
}

impl Offers {
    /// What of `fact` matters here.
    pub(crate) const fn news(fact: &Fact) -> News {
        match fact {
            Fact::Agent { dn, .. } => News::Agent(*dn),
            Fact::SwitchUp { switch } => News::SwitchUp(*switch),
            Fact::SwitchDown { switch } => News::SwitchDown(*switch),
            Fact::Reported { report, end } => News::Reported(*report, *end),
            _ => News::None,
        }
    }

    pub(crate) fn on_news(&mut self, _cx: &mut Cx<'_>, _presence: &Presence, _news: News) {}

    pub(crate) fn on_router(&mut self, cx: &mut Cx<'_>, _presence: &Presence, event: &RouterEvent<'_>) {
        match event {
            RouterEvent::Request { id, .. } => refuse(cx, *id, "previews are not available"),
            RouterEvent::Cancel { id, .. } => refuse(cx, *id, "previews are not available"),
            RouterEvent::Gone { .. } => {}
        }
    }

    pub(crate) fn on_page(&mut self, cx: &mut Cx<'_>, _presence: &Presence, user: UserId, event: PageEvent) {
        if let PageEvent::Accept { offer } | PageEvent::Reject { offer } = event {
            cx.act(Action::Page { user, news: Box::new(PageNews::TooLate { offer }) });
        }
    }

    pub(crate) fn on_timer(&mut self, _cx: &mut Cx<'_>, _presence: &Presence, _timer: OfferTimer) {}

    pub(crate) fn on_reconfigure(&mut self, _cx: &mut Cx<'_>, _presence: &Presence, _old: &Config, _changes: &Changes) {}

    pub(crate) fn on_drain(&mut self, _cx: &mut Cx<'_>) {
        self.stopping = true;
    }

    /// Down pass: reports, as far as the windows allow.
    pub(crate) fn emit(&mut self, _cx: &mut Cx<'_>, _cti: &mut CtiSide) {}

    /// No report is left that could be sent.
    pub(crate) fn is_drained(&self, _cti: &CtiSide) -> bool {
        true
    }

    pub(crate) fn offers_of(&self, _user: UserId) -> Vec<OfferView> {
        Vec::new()
    }

    pub(crate) fn request(&self, _conn: &str) -> Option<RequestView> {
        None
    }

    pub(crate) fn report(&self, _report: ReportId) -> Option<ReportView<'_>> {
        None
    }

    pub(crate) fn count(&self, _counters: &mut Counters) {}

    pub(crate) fn fingerprint(&self, fp: &mut Fp) {
        fp.num(u64::from(self.stopping));
    }
}

/// Answers what cannot be carried out.
pub(crate) fn refuse(cx: &mut Cx<'_>, id: RequestId, text: &str) {
    let answer = PreviewAnswer { status: PreviewStatus::Error, text: text.into(), user: None, agent: "".into(), dn: "".into(), switch: "".into() };
    cx.act(Action::AnswerPreview { id, answer: Box::new(answer) });
}
