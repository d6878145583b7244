//! States chosen by hand (`spec/uc-connector-functional.md` 3.2, 3.5, 10.1).
//!
//! A choice beats presence until the worker's next UC change; without a UC platform until the next choice, or until somebody else in the contact centre changes
//! the agent, whose state then becomes the choice. The first word of the UC platform after a start is no change: a restored choice outlives it.
//!
//! Of several DNs one may be changed by others on its own: it stands as they left it. Without a UC platform the choice ends then, so that nothing is requested
//! of the other DNs; the worker is shown as partly ready.
use super::reconcile::Presence;
use super::slots::{Hold, Want};
use super::{StateRequest, Why};
use crate::action::{Action, CtiReq};
use crate::config::{ChoiceConfig, Config, Mode, Sync};
use crate::cti::{AgentNews, Origin};
use crate::cx::Cx;
use crate::fingerprint::Fp;
use crate::id::{DnId, UserId};
use crate::input::{Choice, WorkerCommand};
use crate::note::Note;
use crate::views::{AgentState, ChoiceFault, ShownState};
use alloc::vec::Vec;

/// What workers chose, and what their DNs show. Beside the slots, because most installations have no choices at all.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Choices {
    chosen: Vec<Option<Choice>>,
    shown: Vec<Shown>,
}

/// What a DN shows beyond its agent state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Shown {
    /// Row of `config.choice.states` the last reported state fits best.
    row: Option<u16>,
    /// Telephone do-not-disturb is on.
    dnd: bool,
}

impl Choices {
    pub(super) fn grow(&mut self, users: usize, dns: usize) {
        self.chosen.resize(users.max(self.chosen.len()), None);
        self.shown.resize(dns.max(self.shown.len()), Shown::default());
    }

    pub(super) fn of(&self, user: UserId) -> Option<Choice> {
        self.chosen.get(user.index()).copied().flatten()
    }

    pub(super) fn forget_user(&mut self, user: UserId) {
        self.chosen[user.index()] = None;
    }

    pub(super) fn forget_dn(&mut self, dn: DnId) {
        self.shown[dn.index()] = Shown::default();
    }

    /// Takes the row that fits what T-Server says; our own request says it better than the answer, which may lack the reason.
    pub(super) fn hear(&mut self, dn: DnId, news: &AgentNews) {
        let shown = &mut self.shown[dn.index()];
        match *news {
            AgentNews::State { state, origin: Origin::Answer(CtiReq::State(request)), row, .. } => {
                shown.row = match request.why {
                    Why::Choice(row) if super::decide::fulfils(state, CtiReq::State(request)) => Some(row),
                    _ => row,
                };
            }
            AgentNews::State { row, .. } => shown.row = row,
            AgentNews::Dnd(on) => shown.dnd = on,
            AgentNews::Failed { .. } | AgentNews::InService(_) => {}
        }
    }

    /// The row `dn` shows in this agent state.
    pub(super) fn row(&self, dn: DnId, state: AgentState, config: &ChoiceConfig) -> Option<u16> {
        let row = self.shown[dn.index()].row?;
        let ready = config.states.get(usize::from(row))?.ready;
        match state {
            AgentState::Ready => ready,
            AgentState::NotReady(_) => !ready,
            _ => false,
        }
        .then_some(row)
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for choice in self.chosen.iter().flatten() {
            fp.debug(choice);
        }
        for shown in &self.shown {
            fp.num(shown.row.map_or(0, |row| u64::from(row) + 1) << 1 | u64::from(shown.dnd));
        }
    }
}

/// The request that puts an agent into a row's state.
fn request_of(config: &ChoiceConfig, row: u16) -> Option<StateRequest> {
    let state = config.states.get(usize::from(row))?;
    Some(StateRequest { ready: state.ready, work_mode: state.work_mode, why: Why::Choice(row) })
}

impl Presence {
    /// Whether a worker may choose this now.
    pub(crate) fn may_choose(config: &Config, sync: Sync, command: WorkerCommand) -> Result<(), ChoiceFault> {
        if config.mode == Mode::PushOnly || sync == Sync::Off {
            return Err(ChoiceFault::NotHere);
        }
        match command {
            WorkerCommand::Choose(Choice::State(row)) if usize::from(row) >= config.choice.states.len() => Err(ChoiceFault::NoSuchState),
            WorkerCommand::Choose(Choice::LoggedOut) if !config.choice.logout => Err(ChoiceFault::NoLogout),
            WorkerCommand::Follow if !config.mode.has_uc() => Err(ChoiceFault::NothingToFollow),
            _ => Ok(()),
        }
    }

    /// A worker chose a state, or follows the UC platform again.
    pub(crate) fn on_worker(&mut self, cx: &mut Cx<'_>, user: UserId, command: WorkerCommand) {
        if !cx.directory.has_user(user) {
            return;
        }
        if let Err(fault) = Self::may_choose(cx.config, cx.directory.person(user).sync, command) {
            cx.note(Note::ChoiceRefused { user, fault });
            return;
        }
        let choice = match command {
            WorkerCommand::Choose(choice) => Some(choice),
            WorkerCommand::Follow => None,
        };
        self.choose(cx, user, choice);
        // A logout by others may be left alone by presence, but not by the worker's own word.
        let dns: Vec<DnId> = self.dns_of(cx.directory, user).collect();
        for dn in dns {
            self.dns[dn.index()].hold = Hold::None;
        }
        self.overrule(cx, user, crate::views::OverrideEnd::ByHand);
        self.touch(cx, user, true);
    }

    /// What a worker had chosen in an earlier life. It is requested again unless T-Server says that it is true already.
    pub(crate) fn on_restore(&mut self, cx: &mut Cx<'_>, user: UserId, choice: Choice) {
        let known = !matches!(choice, Choice::State(row) if usize::from(row) >= cx.config.choice.states.len());
        if known && cx.directory.has_user(user) && cx.config.mode != Mode::PushOnly {
            self.choices.chosen[user.index()] = Some(choice);
            self.touch(cx, user, false);
        }
    }

    /// Without a UC platform nobody else logs workers in when we start (`user-auto-registration`).
    pub(super) fn register_by_itself(&mut self, cx: &mut Cx<'_>, users: &[UserId]) {
        if cx.config.mode != Mode::Standalone || !cx.config.choice.auto_login {
            return;
        }
        for user in users {
            if self.choices.of(*user).is_none() {
                self.choices.chosen[user.index()] = Some(Choice::LoggedIn);
                self.touch(cx, *user, false);
            }
        }
    }

    fn choose(&mut self, cx: &mut Cx<'_>, user: UserId, choice: Option<Choice>) {
        let slot = &mut self.choices.chosen[user.index()];
        if *slot != choice {
            *slot = choice;
            cx.watch.mark(user);
            cx.act(Action::Persist { user, choice });
            cx.note(Note::Chosen { user, choice });
        }
    }

    /// The UC platform told a change: the choice has had its time.
    pub(super) fn end_choice(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if self.choices.of(user).is_some() {
            self.choose(cx, user, None);
        }
    }

    /// What a worker's choice asks for; `None`: there is no choice, presence decides.
    pub(super) fn chosen_want(&self, config: &Config, user: UserId) -> Option<Want> {
        match self.choices.of(user) {
            Some(Choice::State(row)) => request_of(&config.choice, row).map(Want::State),
            Some(Choice::LoggedIn) => Some(Want::LoggedIn),
            Some(Choice::LoggedOut) => Some(Want::LoggedOut),
            None if config.mode.has_uc() => None,
            None => Some(Want::Nothing),
        }
    }

    /// Somebody else changed the agent and is respected: that is now the choice. Called after [`Choices::hear`].
    pub(super) fn adopt(&mut self, cx: &mut Cx<'_>, dn: DnId, state: AgentState) {
        let Some(user) = self.user_at(cx.directory, dn).filter(|_| self.seats.stranger(dn).is_none()) else { return };
        let standalone = !cx.config.mode.has_uc();
        if self.choices.of(user).is_none() && !standalone {
            return;
        }
        let theirs = self.as_choice(cx.config, dn, state);
        let alone = self.dns_of(cx.directory, user).all(|other| other == dn || self.as_choice(cx.config, other, self.dns[other.index()].have) == theirs);
        if alone {
            self.choose(cx, user, theirs);
        } else if standalone {
            self.choose(cx, user, None);
        }
    }

    fn as_choice(&self, config: &Config, dn: DnId, state: AgentState) -> Option<Choice> {
        match state {
            AgentState::Unknown => None,
            AgentState::LoggedOut => Some(Choice::LoggedOut),
            AgentState::LoggedIn => Some(Choice::LoggedIn),
            AgentState::Ready | AgentState::NotReady(_) => self.choices.row(dn, state, &config.choice).map(Choice::State),
        }
    }

    /// The chosen state is what T-Server reports: nothing needs to be requested. After a login of ours it is said all the same, for it may be T-Server's own
    /// choice.
    pub(super) fn is_true_already(&mut self, cx: &Cx<'_>, dn: DnId) {
        let Some(Choice::State(row)) = self.user_at(cx.directory, dn).and_then(|user| self.choices.of(user)) else { return };
        let slot = &mut self.dns[dn.index()];
        if !slot.fresh_login && self.choices.row(dn, slot.have, &cx.config.choice) == Some(row) {
            slot.ours = request_of(&cx.config.choice, row).map(|request| (request, 0));
        }
    }

    /// The states on offer may be others now: rows are found again by their ids. A choice whose state is gone becomes the first one as ready as it.
    pub(super) fn renumber_choices(&mut self, cx: &mut Cx<'_>, old: &Config) {
        let (old, new) = (&old.choice.states, &cx.config.choice.states);
        if old == new {
            return;
        }
        let find = |row: u16| {
            let before = old.get(usize::from(row))?;
            new.iter().position(|state| state.id == before.id).map(|at| at as u16)
        };
        let nearest = |row: u16| {
            let ready = old.get(usize::from(row))?.ready;
            new.iter().position(|state| state.ready == ready).map(|at| at as u16)
        };
        for (shown, slot) in self.choices.shown.iter_mut().zip(&self.dns) {
            // The reason is not remembered: a row without one may still fit.
            let by_state = || match slot.have {
                AgentState::Ready => cx.config.choice.matching(true, 0, |_, _| false),
                AgentState::NotReady(mode) => cx.config.choice.matching(false, mode, |_, _| false),
                _ => None,
            };
            shown.row = shown.row.and_then(find).or_else(by_state);
        }
        for slot in &mut self.dns {
            if let Some((StateRequest { why: Why::Choice(row), .. }, _)) = slot.ours {
                let same = find(row).filter(|now| new.get(usize::from(*now)) == old.get(usize::from(row)));
                slot.ours = same.and_then(|row| request_of(&cx.config.choice, row)).map(|request| (request, 0));
            }
        }
        for at in 0..self.choices.chosen.len() {
            let user = UserId(at as u32);
            let Some(Choice::State(row)) = self.choices.chosen[at] else { continue };
            match find(row) {
                Some(now) => self.choices.chosen[at] = Some(Choice::State(now)),
                None => {
                    self.choices.chosen[at] = None;
                    self.choose(cx, user, nearest(row).map(Choice::State));
                }
            }
            self.touch(cx, user, false);
        }
    }

    /// What a DN shows. `registered` is whether T-Server tells us about it at all.
    pub(crate) fn shown(&self, config: &Config, dn: DnId, registered: bool) -> ShownState {
        let slot = &self.dns[dn.index()];
        if !registered || slot.hold == Hold::OutOfService || slot.have == AgentState::Unknown {
            return ShownState::OutOfService;
        }
        match (self.choices.row(dn, slot.have, &config.choice), slot.have) {
            _ if self.choices.shown[dn.index()].dnd => ShownState::DoNotDisturb,
            (Some(row), _) => ShownState::Row(row),
            (None, AgentState::Ready) => ShownState::Ready,
            (None, AgentState::LoggedOut) => ShownState::LoggedOut,
            (None, _) => ShownState::NotReady,
        }
    }
}
