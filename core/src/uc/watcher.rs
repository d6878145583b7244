//! A watcher identity: its registration, its users, and what is to be subscribed under its name.
use super::instance::instance_of;
use crate::config::Watcher;
use crate::entropy::Entropy;
use crate::id::{DialogId, UcLinkId, UserId};
use crate::time::Mono;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Users on their way into one dialog.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Lane {
    /// The dialog the users are added to.
    pub(super) dialog: Option<DialogId>,
    /// Waiting. Entries may be out of date: the user's slot decides.
    pub(super) queue: VecDeque<UserId>,
    /// Parts of a batch that was answered with 400, to be sent as they are.
    pub(super) isolate: VecDeque<Box<[UserId]>>,
}

/// Registration phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Phase {
    /// Nothing to send.
    #[default]
    Idle,
    /// A REGISTER is to be sent.
    Due,
    /// A REGISTER is unanswered.
    Asked,
}

/// The registration of a watcher (`spec/ms-pres.md` 3).
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Registration {
    pub(super) phase: Phase,
    /// Registered on this connection, or registration is not asked for.
    pub(super) stands: bool,
    pub(super) call_id: Box<str>,
    pub(super) tag: Box<str>,
    pub(super) cseq: u32,
    pub(super) gruu: Option<Box<str>>,
    /// `Expires` to ask for after a 423.
    pub(super) expires_s: Option<u32>,
    /// Refusals in a row.
    pub(super) refusals: u8,
    /// Highest CSeq of a registration event.
    pub(super) remote_cseq: Option<u32>,
}

/// The endpoint id under which this connector speaks for workers over this watcher's link: one for all of them, because it counts per user.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Voice {
    pub(super) epid: Box<str>,
    /// UUID of `+sip.instance`, upper case.
    pub(super) instance: Box<str>,
}

impl Voice {
    /// Made from the watcher's, so that it is as stable, and not the same, should the watcher be a worker.
    fn new(epid: &str) -> Self {
        let epid: Box<str> = instance_of(epid).bytes().filter(|b| *b != b'-').take(10).map(char::from).collect();
        Self { instance: instance_of(&epid).to_uppercase().into_boxed_str(), epid }
    }
}

/// A watcher.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct WatcherSide {
    pub(super) link: UcLinkId,
    pub(super) uri: Box<str>,
    pub(super) epid: Box<str>,
    /// UUID of `+sip.instance`.
    pub(super) instance: Box<str>,
    /// `ms-opaque` of Contact: makes it unique behind NAT.
    pub(super) opaque: Box<str>,
    pub(super) voice: Voice,
    pub(super) reg: Registration,
    /// Who is watched, in order of assignment.
    pub(super) members: Vec<UserId>,
    pub(super) home: Lane,
    pub(super) pools: BTreeMap<Box<str>, Lane>,
    pub(super) singles: VecDeque<UserId>,
    /// Users whose calls are to be subscribed to.
    pub(super) calls: VecDeque<UserId>,
    /// Dialogs that want a refresh or an un-subscription.
    pub(super) due: VecDeque<DialogId>,
    /// No new subscription before this.
    pub(super) hold_until: Option<Mono>,
    /// Whole requests refused in a row.
    pub(super) refusals: u8,
    /// Dialogs in a row that ended young.
    pub(super) quick_ends: u8,
    /// `Expires` to ask for after a 423.
    pub(super) expires_s: Option<u32>,
    /// Presence service of the pool is down (survivable mode).
    pub(super) impaired: bool,
}

impl WatcherSide {
    pub(super) fn new(link: UcLinkId, config: &Watcher, entropy: &mut Entropy) -> Self {
        Self {
            link,
            uri: config.uri.clone(),
            epid: config.epid.clone(),
            instance: instance_of(&config.epid).into_boxed_str(),
            opaque: entropy.hex(10),
            voice: Voice::new(&config.epid),
            reg: Registration::default(),
            members: Vec::new(),
            home: Lane::default(),
            pools: BTreeMap::new(),
            singles: VecDeque::new(),
            calls: VecDeque::new(),
            due: VecDeque::new(),
            hold_until: None,
            refusals: 0,
            quick_ends: 0,
            expires_s: None,
            impaired: false,
        }
    }

    /// `sip:` and what follows the `@`: where REGISTER goes.
    pub(super) fn domain(&self) -> &str {
        self.uri.rsplit('@').next().unwrap_or(&self.uri)
    }

    /// Forgets queues and holds: the connection is gone.
    pub(super) fn reset_lanes(&mut self) {
        self.home = Lane::default();
        self.pools = BTreeMap::new();
        self.singles = VecDeque::new();
        self.due = VecDeque::new();
        self.hold_until = None;
        self.impaired = false;
    }
}
