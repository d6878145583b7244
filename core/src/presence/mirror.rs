//! Push-only: the UC platform shows the agent state, whatever the worker's own presence is (`spec/uc-connector-functional.md` 2, 3.4).
use super::reconcile::{Presence, SILENT};
use super::standing::Kind;
use crate::config::{Config, Mode};
use crate::cx::Cx;
use crate::fingerprint::Fp;
use crate::id::{SwitchId, UserId};
use crate::time::Mono;
use crate::views::AgentState;

impl Presence {
    /// Publishes what the agent's state asks for, if that is known at all.
    pub(super) fn mirror(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let states = self.own_dns(cx, user).map(|dn| self.dns[dn.index()].have);
        let Some(state) = states.filter(|state| *state != AgentState::Unknown).max_by_key(|state| rank(*state)) else {
            return; // a publication found before we know waits; one of ours stands until we know better
        };
        let row = cx.config.publish.push_row(state);
        if row.is_none() && self.standing.get(user).is_none() {
            return;
        }
        self.users[user.index()].over = true;
        let over = self.standing.at(user);
        if over.kind.replace(Kind::Mirror) != Some(Kind::Mirror) {
            over.again |= over.swallowed.is_some();
            over.until = None;
        }
        if over.wanted != row {
            over.until = None; // the news overwrites what the worker did
        }
        self.show(cx, user, row);
    }

    /// The worker changed what we had published: overwritten, but only after a while.
    pub(super) fn reassert(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(over) = self.standing.get_mut(user) else { return };
        if over.wanted.is_some() && over.until.is_none() {
            over.until = Some((cx.now.mono + cx.config.publish.reassert_ms).into());
            self.settle(cx, user);
        }
    }

    /// The while is over.
    pub(super) fn mirror_again(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(over) = self.standing.get_mut(user) else { return };
        over.until = None;
        over.again = over.wanted.is_some();
        let row = over.wanted;
        self.show(cx, user, row);
    }

    /// A switch can be spoken to, or not.
    pub(super) fn on_silence(&mut self, cx: &mut Cx<'_>, switch: SwitchId, silent: bool) {
        if !ages(cx.config) {
            return;
        }
        self.silent.resize(cx.config.cti.switches.len().max(switch.index() + 1), None);
        let since = &mut self.silent[switch.index()];
        *since = silent.then(|| since.unwrap_or(cx.now.mono));
        self.on_silent_timer(cx);
    }

    /// Switches that have been silent for too long: what they said last is no longer known, and no longer published.
    pub(super) fn on_silent_timer(&mut self, cx: &mut Cx<'_>) {
        let limit = cx.config.publish.stale_ms;
        if !ages(cx.config) {
            return;
        }
        for at in 0..self.silent.len() {
            let Some(since) = self.silent[at] else { continue };
            if since == DEALT_WITH {
                continue;
            }
            if since + limit > cx.now.mono {
                cx.deadlines.set_earlier(SILENT, since + limit);
            } else {
                self.silent[at] = Some(DEALT_WITH);
                self.forget_states(cx, SwitchId(at as u16));
            }
        }
    }

    pub(super) fn fingerprint_silence(&self, fp: &mut Fp) {
        for since in &self.silent {
            match since {
                Some(DEALT_WITH) => fp.num(2),
                Some(at) => fp.time(*at),
                None => fp.num(0),
            }
        }
    }

    fn forget_states(&mut self, cx: &mut Cx<'_>, switch: SwitchId) {
        for dn in cx.directory.dns().filter(|dn| cx.directory.switch_of(*dn) == switch) {
            self.dns[dn.index()].have = AgentState::Unknown;
            self.mark(cx, dn);
            let Some(user) = self.user_at(cx.directory, dn) else { continue };
            let known = self.own_dns(cx, user).any(|dn| self.dns[dn.index()].have != AgentState::Unknown);
            if !self.users[user.index()].role.mirrors() || self.standing.get(user).is_none() {
                continue;
            }
            if known {
                self.mirror(cx, user);
            } else {
                self.show(cx, user, None);
            }
        }
    }
}

/// Marks a silence whose time was up.
const DEALT_WITH: Mono = Mono(u64::MAX);

/// Whether silence counts at all.
fn ages(config: &Config) -> bool {
    config.mode == Mode::PushOnly && config.publish.stale_ms != 0
}

/// Of several DNs, the state that keeps callers away most is shown.
const fn rank(state: AgentState) -> u8 {
    match state {
        AgentState::Unknown => 0,
        AgentState::LoggedOut => 1,
        AgentState::LoggedIn => 2,
        AgentState::Ready => 3,
        AgentState::NotReady(2) => 5,
        AgentState::NotReady(3) => 6,
        AgentState::NotReady(_) => 4,
    }
}
