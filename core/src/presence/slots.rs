//! The dense tables: one slot per worker, one per DN. Fixed size; a change writes a slot and puts its DNs on the work list, nothing else.
use super::role::Role;
use super::trail::Trail;
use super::{Activity, Class, PresenceUpdate, StateChange, StateRequest, Why};
use crate::action::CtiReq;
use crate::config::{Config, Rule};
use crate::fingerprint::Fp;
use crate::id::DnId;
use crate::time::{At, Mono};
use crate::uc_event::PublishTime;
use crate::views::{AgentState, WantView};
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// What we know of a worker.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct UserSlot {
    pub(super) availability: u32,
    pub(super) class: Class,
    pub(super) activity: Activity,
    /// Something was heard at all.
    pub(super) heard: bool,
    /// The subscription has been gone for longer than the grace time.
    pub(super) stale: bool,
    /// An entry of the grace queue is this worker's.
    pub(super) in_grace: bool,
    /// Something of ours stands in place of the worker's presence, or did until just now: there is an entry in `Presence::standing`.
    pub(super) over: bool,
    /// What may be done for the worker.
    pub(super) role: Role,
    pub(super) note_hash: u32,
    pub(super) publish_time: PublishTime,
    pub(super) since: Mono,
    /// The subscription was lost then.
    pub(super) lost_at: Option<At>,
    pub(super) note: Option<Box<str>>,
}

/// What the mapping asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Nothing,
    State(StateRequest),
    /// Logged in, in whatever state T-Server chooses.
    LoggedIn,
    LoggedOut,
}

impl UserSlot {
    /// The class the rules see: options of `decisions.md` 2 applied.
    pub(super) fn class_of(config: &Config, availability: u32, activity: Activity) -> Class {
        let rules = &config.presence;
        if rules.low_is_offline && availability < 3000 {
            Class::Offline
        } else if rules.urgent_is_dnd && activity == Activity::UrgentInterruptionsOnly && Class::of(availability) == Class::Busy {
            Class::DoNotDisturb
        } else {
            Class::of(availability)
        }
    }

    /// A newer state is known. After a failover two servers may send: the newest publication wins, but a new subscription tells the present
    /// (`spec/ms-pres.md` 4.8).
    pub(super) fn is_outdated(&self, update: &PresenceUpdate) -> bool {
        matches!(update.state, StateChange::Value { publish_time, .. } if !update.first && publish_time < self.publish_time && publish_time.0 != 0)
    }

    /// What a rule asks for.
    pub(super) fn want(&self, rule: Rule) -> Want {
        let why = Why::Presence(if self.stale { Class::Unknown } else { self.class });
        match rule {
            Rule::Ignore => Want::Nothing,
            Rule::Ready { work_mode } => Want::State(StateRequest { ready: true, work_mode, why }),
            Rule::NotReady { work_mode } => Want::State(StateRequest { ready: false, work_mode, why }),
            Rule::Logout => Want::LoggedOut,
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.num(
            u64::from(self.availability)
                | u64::from(self.heard) << 32
                | u64::from(self.stale) << 33
                | u64::from(self.in_grace) << 34
                | u64::from(self.over) << 35
                | u64::from(self.role.bits()) << 48
                | (self.activity as u64) << 40,
        );
        fp.num(u64::from(self.note_hash));
        fp.num(self.publish_time.0);
        if let Some(at) = self.lost_at {
            fp.time(at.mono());
        }
    }
}

impl From<Want> for WantView {
    fn from(want: Want) -> Self {
        match want {
            Want::Nothing => Self::Nothing,
            Want::State(StateRequest { ready: true, .. }) => Self::Ready,
            Want::State(_) => Self::NotReady,
            Want::LoggedIn => Self::LoggedIn,
            Want::LoggedOut => Self::LoggedOut,
        }
    }
}

/// Why a DN is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) enum Hold {
    #[default]
    None,
    /// Somebody else set the state: it stands until the worker's next presence change.
    Foreign,
    /// T-Server refused: nothing helps but another request, so until the next presence change.
    Refused,
    /// The device is out of service: until it is back, or a long pause is over.
    OutOfService,
}

/// What we know of a DN.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct DnSlot {
    pub(super) have: AgentState,
    pub(super) hold: Hold,
    /// On the work list.
    pub(super) dirty: bool,
    /// T-Server is asked about it first: its answer puts it on the work list.
    pub(super) asked: bool,
    /// Logged in by us just now: the state T-Server chooses by itself is nobody's wish.
    pub(super) fresh_login: bool,
    /// Somebody else's event came while a request of ours was unanswered.
    pub(super) crossed: bool,
    /// Failures in a row.
    pub(super) failures: u8,
    pub(super) in_flight: Option<CtiReq>,
    /// Under way when the switch was lost; whether T-Server did it is not known yet.
    pub(super) lost: Option<CtiReq>,
    /// The note that went with `in_flight`.
    pub(super) sent_note: u32,
    /// The reasons T-Server holds are these of ours.
    pub(super) ours: Option<(StateRequest, u32)>,
    /// Not to be tried before.
    pub(super) retry_at: Option<At>,
    /// For `explain`.
    pub(super) trail: Trail,
}

impl DnSlot {
    /// T-Server has done our request, and tells things in the order in which it did them: what another hand set before stands no longer.
    pub(super) fn ours_came_last(&mut self) {
        if self.hold == Hold::Foreign {
            self.hold = Hold::None;
        }
    }

    /// Puts the DN, whose slot this is, on the work list of its switch, once.
    pub(super) fn put_on(&mut self, work: &mut VecDeque<DnId>, dn: DnId) {
        self.asked = false;
        if !core::mem::replace(&mut self.dirty, true) {
            work.push_back(dn);
        }
    }

    /// A request of ours for this very not-ready mode is unanswered.
    pub(super) fn asks_for(&self, state: AgentState) -> bool {
        let (AgentState::NotReady(mode), Some(CtiReq::State(request))) = (state, self.in_flight) else { return false };
        !request.ready && request.work_mode == Some(mode)
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(
            self.have,
            self.hold,
            self.dirty,
            self.asked,
            self.fresh_login,
            self.crossed,
            self.failures.min(8),
            self.in_flight,
            self.lost,
            self.sent_note,
            self.ours,
        ));
        if let Some(at) = self.retry_at {
            fp.time(at.mono());
        }
    }
}

const _: () = assert!(size_of::<DnSlot>() <= 64 && size_of::<UserSlot>() <= 64);
