//! What happens in the modes that publish: calls of the contact centre with After Call Work and Legal Guard behind them, and what workers do in their own clients
//! (bidirectional) or desktops (push-only). Told from what the emulated servers hold, not from what the connector says of itself.
use super::{World, state_words};
use crate::demo::DemoMode;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use uc_core::Mono;
use uc_core::presence::Class;
use uc_runtime_sim::peers::PeerRng;
use uc_runtime_sim::peers::front_end::{Activity, Source};
use uc_runtime_sim::peers::tserver::{AFTER_CALL_WORK, AgentState, CallPlan, ChangedBy, LEGAL_GUARD, OtherChange, WrapUp};

/// Who looks at the workers.
const COLLEAGUE: &str = "sip:colleague@contoso.example";
/// Between two calls to fifty workers, milliseconds of the story.
const CALL_EVERY_MS: (u64, u64) = (30_000, 60_000);

/// Calls, and what stands after them.
pub(super) struct Both {
    rng: PeerRng,
    next_call: Mono,
    /// Workers with a call, or with what follows it.
    engaged: BTreeSet<usize>,
    kept: BTreeMap<usize, Kept>,
    /// By worker: what they last chose by hand in their client.
    own: Vec<u32>,
}

/// After Call Work or Legal Guard of a worker.
struct Kept {
    mode: i64,
    since: Instant,
    /// Colleagues see it.
    seen: bool,
    /// The worker ends it by hand then.
    acts_at: Option<Mono>,
    acted: bool,
    /// How it ended; what was published is still to be withdrawn.
    ended: Option<&'static str>,
}

impl Both {
    pub(super) fn new(seed: u64, workers: usize) -> Self {
        let (engaged, kept) = (BTreeSet::new(), BTreeMap::new());
        Self { rng: PeerRng::new(seed ^ 0xB07), next_call: Mono(2_000), engaged, kept, own: vec![3500; workers] }
    }
}

const fn mode_words(mode: i64) -> &'static str {
    if mode == AFTER_CALL_WORK { "After Call Work" } else { "Legal Guard" }
}

impl World {
    /// Calls come.
    pub(super) fn go_on(&mut self, now: Mono) {
        if self.both.next_call <= now {
            let ms = self.both.rng.within(CALL_EVERY_MS) * 50 / self.workers.len().max(1) as u64;
            self.both.next_call = now + (ms / u64::from(self.speed)).max(1);
            self.call(now);
        }
    }

    /// Whether a call, or what followed it, has gone on; after every message, so that times are true.
    pub(super) fn look_around(&mut self, now: Mono) {
        for worker in self.both.engaged.iter().copied().collect::<Vec<_>>() {
            self.look(now, worker);
        }
    }

    /// A customer calls somebody who is ready; or, in push-only, somebody forgets who keeps the presence and sets it by hand.
    fn call(&mut self, now: Mono) {
        let worker = self.both.rng.below(self.workers.len() as u64) as usize;
        let who = &self.workers[worker];
        let is_ready = self.tserver.agent(&who.dn).is_some_and(|agent| agent.state == AgentState::Ready);
        if !is_ready || self.both.engaged.contains(&worker) {
            return;
        }
        if self.mode == DemoMode::PushOnly && self.both.rng.chance(250) {
            self.front_end.publish_state(now, &who.sip_uri, Source::User, Some((15_500, Activity::None)));
            return self.wait_for(worker, Class::Online, "says away in the UC client".to_owned());
        }
        let (rng, speed) = (&mut self.both.rng, u64::from(self.speed));
        let mut ms = |range: (u64, u64)| (rng.within(range) / speed).max(20);
        let (rings_ms, talks_ms, work_ms, guard_ms) = (ms((5_000, 20_000)), ms((60_000, 240_000)), ms((120_000, 480_000)), ms((60_000, 180_000)));
        let wrap_up = if self.both.rng.chance(300) { WrapUp::Untimed } else { WrapUp::Timed(work_ms) };
        let guard_ms = if self.both.rng.chance(300) && wrap_up != WrapUp::Untimed { guard_ms } else { 0 };
        self.tserver.ring(now, &self.workers[worker].dn, CallPlan { rings_ms, talks_ms, business: true, wrap_up, guard_ms });
        self.both.engaged.insert(worker);
    }

    fn look(&mut self, now: Mono, worker: usize) {
        let who = self.workers[worker].clone();
        let Some(agent) = self.tserver.agent(&who.dn).cloned() else { return };
        let mode = agent.work_mode.filter(|mode| agent.state == AgentState::NotReady && [AFTER_CALL_WORK, LEGAL_GUARD].contains(mode));
        let text = match self.front_end.seen_by(COLLEAGUE, &who.sip_uri).map(|seen| seen.activity) {
            Some(Activity::Custom(text)) => text,
            _ => String::new(),
        };
        let kept = self.both.kept.get(&worker).map(|kept| (kept.mode, kept.ended.is_some()));
        match (kept, mode) {
            (None, None) if !self.tserver.is_on_call(&who.dn) => _ = self.both.engaged.remove(&worker),
            (Some((before, false)), Some(mode)) if before == mode => self.stands(now, worker, &text),
            (_, Some(mode)) => self.begins(now, worker, mode),
            (Some((_, false)), None) => {
                let acted = self.both.kept.get(&worker).is_some_and(|kept| kept.acted);
                let how = match agent.changed_by {
                    _ if agent.state == AgentState::LoggedOut => "the logout ended it",
                    ChangedBy::Connector if acted => "the worker ended it by hand",
                    ChangedBy::Other => "a desktop ended it",
                    _ if acted => "the worker ended it by hand",
                    _ => "its time is over",
                };
                if let Some(kept) = self.both.kept.get_mut(&worker) {
                    (kept.ended, kept.since) = (Some(how), Instant::now());
                }
            }
            (Some((mode, true)), None) if text != mode_words(mode) => {
                if let Some(kept) = self.both.kept.remove(&worker) {
                    let shown = if self.mode == DemoMode::PushOnly { "the agent's state".to_owned() } else { format!("{} again", self.classes[worker]) };
                    let what = format!("{} over: {}", mode_words(mode), kept.ended.unwrap_or_default());
                    let ms = kept.since.elapsed().as_secs_f64() * 1000.0;
                    self.teller.told(self.clock(), &who.display_name, &what, &format!("{}, shown: {shown}", state_words(agent.state)), Some(ms));
                }
            }
            _ => {}
        }
    }

    fn begins(&mut self, now: Mono, worker: usize, mode: i64) {
        if self.waiting.remove(&worker).is_some() {
            self.story.overtaken += 1;
        }
        let (dn, speed) = (self.workers[worker].dn.clone(), u64::from(self.speed));
        // What ends by itself is ended by hand now and then; what does not, always.
        let by_hand = !self.tserver.has_after_timer(&dn) || (mode == AFTER_CALL_WORK && self.both.rng.chance(250));
        let acts_at = by_hand.then(|| now + (self.both.rng.within((90_000, 300_000)) / speed).max(20));
        self.both.kept.insert(worker, Kept { mode, since: Instant::now(), seen: false, acts_at, acted: false, ended: None });
    }

    /// It stands: colleagues see it, and sooner or later somebody has had enough of it.
    fn stands(&mut self, now: Mono, worker: usize, text: &str) {
        let clock = self.clock();
        let who = self.workers[worker].clone();
        let timed = self.tserver.has_after_timer(&who.dn);
        let Some(kept) = self.both.kept.get_mut(&worker) else { return };
        if !kept.seen && text == mode_words(kept.mode) {
            kept.seen = true;
            let what = format!("{}{}", mode_words(kept.mode), if timed { "" } else { ", untimed" });
            let shown = match self.mode {
                DemoMode::PushOnly => format!("shown: {text}"),
                _ => format!("shown: {text}; preserved: {}", self.classes[worker]),
            };
            let ms = kept.since.elapsed().as_secs_f64() * 1000.0;
            self.story.publications_ms.push(ms);
            self.teller.told(clock, &who.display_name, &what, &shown, Some(ms));
        }
        if kept.acts_at.is_some_and(|at| at <= now) {
            kept.acts_at = None;
            if self.mode == DemoMode::PushOnly {
                return self.tserver.other_client_sets(now, &who.dn, OtherChange::Ready(None));
            }
            let (class, availability) = self.both.rng.pick(&[(Class::Online, 3500), (Class::BeRightBack, 12_500), (Class::Busy, 6500)]);
            kept.acted = true;
            self.classes[worker] = class;
            self.by_hand(now, worker, availability, Activity::None);
            self.teller.told(clock, &who.display_name, &format!("says {class} by hand"), "that ends it", None);
        }
    }

    /// The worker chooses a state in their client. Calls and appointments there are over by then.
    fn by_hand(&mut self, now: Mono, worker: usize, availability: u32, activity: Activity) {
        self.both.own[worker] = availability;
        self.automatic_ends(now, worker);
        self.front_end.publish_state(now, &self.workers[worker].sip_uri, Source::User, Some((availability, activity)));
    }

    fn automatic_ends(&mut self, now: Mono, worker: usize) {
        let uri = &self.workers[worker].sip_uri;
        self.front_end.publish_state(now, uri, Source::Phone, None);
        self.front_end.publish_state(now, uri, Source::Calendar, None);
        self.front_end.publish_state(now, uri, Source::Machine, Some((3500, Activity::None)));
    }

    /// Bidirectional: the day changes what a client says, by hand or by itself. `false`: After Call Work or Legal Guard stands and holds it back.
    pub(super) fn in_client(&mut self, now: Mono, worker: usize, class: Class, availability: u32, activity: &Activity) -> bool {
        let uri = self.workers[worker].sip_uri.clone();
        let own = self.both.own[worker];
        let automatic = |source: Source| Some((source, availability, activity.clone()));
        let source = match activity {
            _ if class == Class::Offline || self.classes[worker] == Class::Offline => {
                self.both.own[worker] = availability;
                self.front_end.set_presence(now, &uri, availability, activity.clone(), None);
                self.both.kept.get_mut(&worker).into_iter().for_each(|kept| kept.acted = true);
                return true;
            }
            Activity::Token(token) if token == "on-the-phone" || token == "in-a-conference" => automatic(Source::Phone),
            Activity::Token(token) if token == "in-a-meeting" => automatic(Source::Calendar),
            _ if class == Class::IdleOnline => automatic(Source::Machine),
            _ => None,
        };
        match source {
            Some((source, availability, activity)) => self.front_end.publish_state(now, &uri, source, Some((availability, activity))),
            None if availability == 3500 && own == 3500 => self.automatic_ends(now, worker),
            None => {
                self.by_hand(now, worker, availability, activity.clone());
                self.both.kept.get_mut(&worker).into_iter().for_each(|kept| kept.acted = true);
                return true;
            }
        }
        self.both.kept.get(&worker).is_none_or(|kept| kept.ended.is_some())
    }

    /// Push-only: the day changes what a desktop asks for. `false`: not during a call or what follows it.
    pub(super) fn in_desktop(&mut self, now: Mono, worker: usize, class: Class) -> bool {
        let who = &self.workers[worker];
        let Some(state) = self.tserver.agent(&who.dn).map(|agent| agent.state) else { return false };
        if class == Class::Offline {
            self.tserver.other_client_sets(now, &who.dn, OtherChange::Logout);
            self.front_end.set_presence(now, &who.sip_uri, 18_500, Activity::None, None);
            return false;
        }
        if self.both.engaged.contains(&worker) {
            return false;
        }
        if state == AgentState::LoggedOut {
            self.front_end.set_presence(now, &who.sip_uri, 3500, Activity::None, None);
            self.tserver.other_client_sets(now, &who.dn, OtherChange::Login(who.agent_login.clone()));
        }
        let ready = matches!(class, Class::Online | Class::IdleOnline);
        let change = if ready { OtherChange::Ready(None) } else { OtherChange::NotReady(None, Vec::new()) };
        self.tserver.other_client_sets(now, &who.dn, change);
        true
    }

    /// Push-only: colleagues see what the agent's state shows.
    pub(super) fn is_mirrored(&self, worker: usize, agent: AgentState) -> bool {
        let Some(seen) = self.front_end.seen_by(COLLEAGUE, &self.workers[worker].sip_uri) else { return false };
        match agent {
            AgentState::Ready => seen.availability == Some(3500),
            _ => seen.availability == Some(6500) && matches!(&seen.activity, Activity::Custom(_)),
        }
    }
}
