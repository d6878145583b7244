//! Who is asked: workers with a page whose agent is ready as T-Server told it, and no more offers at once than allowed; whoever becomes not ready is no longer
//! asked, where that is the rule.
use super::offered::Offered;
use super::reported::{dn_of, number, shown_by};
use super::{Checker, Scene, Verdict};
use crate::model::Shown;
use std::collections::{BTreeMap, BTreeSet};
use uc_core::action::CtiOut;
use uc_core::config::NotReadyRule;
use uc_core::cti_event::{Control, CtiEvent, Role, TEvent};
use uc_core::id::{CtiLinkId, DnId, UserId};
use uc_core::offer::{PageEvent, PageNews};
use uc_core::views::AgentState;
use uc_core::{Action, Connector, Input, Mono};

/// What the T-Server in charge has told for certain: news, and answers to what was asked last. An answer that comes when something newer was asked, and what a server
/// says that has lost its switch, leave it open.
#[derive(Debug, Default)]
struct Told {
    by_dn: BTreeMap<DnId, Shown>,
    /// Links to a server in charge.
    primary: BTreeSet<CtiLinkId>,
    /// Links to a server that has lost its switch.
    cut: BTreeSet<CtiLinkId>,
    /// Reference of the last request; 0: answered.
    last: BTreeMap<(CtiLinkId, DnId), u32>,
}

impl Told {
    fn on_event(&mut self, core: &Connector, link: CtiLinkId, event: &CtiEvent<'_>) {
        match event {
            CtiEvent::Closed { .. } | CtiEvent::Connected => {
                self.last.retain(|(on, _), _| *on != link);
                self.primary.remove(&link);
                self.cut.remove(&link);
                self.by_dn.clear();
            }
            CtiEvent::Control(Control::Opened { role, .. } | Control::Role { role }) => {
                if *role == Role::Primary {
                    // The last that says so is in charge, though the other may not know it yet.
                    let switch = |link: CtiLinkId| core.directory().config().server(link).map(|(switch, ..)| switch);
                    self.primary.retain(|other| switch(*other) != switch(link));
                    self.primary.insert(link)
                } else {
                    self.primary.remove(&link)
                };
                self.by_dn.clear();
            }
            CtiEvent::Event(event) if matches!(event.id, number::LINK_DISCONNECTED | number::LINK_CONNECTED) => {
                if event.id == number::LINK_DISCONNECTED {
                    self.cut.insert(link)
                } else {
                    self.cut.remove(&link)
                };
                self.by_dn.clear();
            }
            CtiEvent::Event(event) if self.primary.contains(&link) && !self.cut.contains(&link) => self.on_news(core, link, event),
            _ => {}
        }
    }

    fn on_news(&mut self, core: &Connector, link: CtiLinkId, event: &TEvent<'_>) {
        let (Some(dn), Some(shown)) = (dn_of(core, link, event), shown_by(event)) else { return };
        let last = self.last.entry((link, dn)).or_default();
        let certain = event.ref_id == 0 || *last == event.ref_id;
        if event.ref_id != 0 && certain {
            *last = 0;
        }
        if certain && shown != Shown::Other {
            self.by_dn.insert(dn, shown);
        } else {
            self.by_dn.remove(&dn);
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct OnlyReady {
    books: Offered,
    told: Told,
    /// Workers with a page; when the last one closed, for those without.
    pages: BTreeMap<UserId, Option<Mono>>,
}

impl Checker for OnlyReady {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn on_input(&mut self, scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.books.on_input(input);
        if let Input::Cti { link, event } = input {
            self.told.on_event(scene.core, *link, event);
        }
        match input {
            Input::Page { user, event: PageEvent::Opened } => {
                self.pages.insert(*user, None);
            }
            Input::Page { user, event: PageEvent::Closed } => {
                self.pages.insert(*user, Some(scene.now));
            }
            Input::Reconfigure(config) => {
                let directory = scene.core.directory();
                let stays = |user: UserId| {
                    let name = &directory.person(user).employee_id;
                    config.people.iter().any(|person| person.employee_id == *name)
                };
                self.pages.retain(|user, _| stays(*user));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        self.books.on_action(scene.core, action);
        if let Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, .. } } = action {
            self.told.last.insert((*link, *dn), *ref_id);
        }
        let Action::Page { user, news } = action else { return Ok(()) };
        let PageNews::Offered(view) = &**news else { return Ok(()) };
        let config = &scene.core.directory().config().preview;
        let state = scene.core.dn(view.dn).map(|dn| dn.state);
        let told = self.told.by_dn.get(&view.dn).copied();
        if config.require_ready && (state != Some(AgentState::Ready) || told.is_some_and(|told| told != Shown::Ready)) {
            return Err(format!("{user:?} is offered a call at {}, the agent there is {state:?}, T-Server last told {told:?}", view.dn));
        }
        match self.pages.get(user) {
            Some(None) => {}
            Some(Some(closed)) if scene.now.since(*closed) < config.page_grace_ms => {}
            page => return Err(format!("{user:?} is offered a call and has no page: {page:?}, now it is {}", scene.now)),
        }
        let open = self.books.open.values().filter(|open| open.user == *user).count();
        if open > usize::from(config.per_worker_max) {
            return Err(format!("{user:?} has {open} offers open at once, at most {} are allowed", config.per_worker_max));
        }
        Ok(())
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        let config = &scene.core.directory().config().preview;
        if !config.require_ready || config.not_ready == NotReadyRule::Keep {
            return Ok(());
        }
        for (offer, open) in &self.books.open {
            let told = self.told.by_dn.get(&open.dn).copied();
            if told.is_some_and(|told| told != Shown::Ready) {
                return Err(format!("{offer:?} to {:?} stays open, T-Server told that the agent at {} is {told:?}", open.user, open.dn));
            }
        }
        Ok(())
    }
}
