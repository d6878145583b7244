//! The inner vocabulary: facts go up, from links and dialogs to presence and views.
use crate::config::StateRow;
use crate::id::{DnId, SwitchId, UserId};
use crate::offer::{OfferId, ReportId, RequestId};
use crate::presence::{Activity, PresenceUpdate};
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Something a machine of lower rank learnt.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// The UC platform said something about a user.
    Presence { user: UserId, update: PresenceUpdate },
    /// The publication of a user is what we asked for: a row of `config.publish.states`, or withdrawn. Told once for every command that was not overtaken by a
    /// later one, also when nothing had to be sent for it. The same row commanded again is published again.
    Published { user: UserId, row: Option<StateRow> },
    /// The publisher gave up for now (refused, no endpoint, conflicts); it tries again by itself or at the next command.
    PublishFailed { user: UserId },
    /// The worker did something with their own client: published or removed a `userState` instance while ours stood. `None`: removed, no other stands.
    UserAction { user: UserId, state: Option<(u32, Activity)> },
    /// These users are no longer in a live subscription (link lost, dialog ended, resource terminated). What we know of them ages from now.
    CoverageLost { users: Box<[UserId]> },
    /// These users are in a live subscription again and the server had nothing new to say about them (absent from a partial list, refresh answered without body).
    CoverageRegained { users: Box<[UserId]> },
    /// State requests can be sent to this switch: the session with its primary stands, its link to the switch is up.
    SwitchUp { switch: SwitchId },
    /// State requests cannot be sent; unanswered ones are unknown.
    SwitchDown { switch: SwitchId },
    /// The registration of a DN may have gone without a word about its agent; told while somebody is watched.
    Registration { dn: DnId },
    /// A worker took an invitation in their own client.
    InviteAnswered { offer: OfferId },
    /// A worker declined an invitation.
    InviteDeclined { offer: OfferId },
    /// An invitation did not reach a worker, or nobody answered it.
    InviteFailed { offer: OfferId, silent: bool },
    /// T-Server answered a report, or did not in time.
    Reported { report: ReportId, end: crate::offers::ReportEnd },
    /// An agent event, a snapshot, or an error about a DN (`cti` digests it).
    Agent { dn: DnId, news: crate::cti::AgentNews },
    /// A request of a router behind a bridge: nobody waits for its answer any more.
    RouterGone { id: RequestId },
}

/// The queue between up-passes; emptied within one `handle`.
pub(crate) type Facts = VecDeque<Fact>;
