//! Planted bugs, between core and world: each shows one checker catching what it is there for. A run without sabotage is untouched.

/// A planted bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// None.
    #[default]
    None,
    /// Notifications about the first worker never reach the core (convergence).
    ForgetPresence,
    /// Each state request is seen twice (storm).
    DoubleRequest,
    /// A confirmed request is made again (echo).
    EchoRequest,
    /// The core is given an old state under a new stamp (stale).
    OldStateWins,
    /// The core does not hear that the pool ended its subscription (coverage).
    DeafToTermination,
    /// From the quiet phase on, SIP responses never reach the core (leak).
    SwallowResponses,
    /// The T-Servers come back after the bound of a recovery (recovery).
    MendedLate,
    /// Something outside the seed gets into the run (determinism).
    Impure,
    /// The core is not woken (deadline).
    OverSleep,
    /// The core is not told the work mode of what T-Server enters by itself (acw).
    ForgetWork,
    /// The core does not hear that T-Server left After Call Work (acw).
    EndlessWork,
    /// Each publication is seen twice (publisher).
    DoublePublication,
    /// Each state request is seen with eight more behind it (ping-pong).
    PingPong,
    /// The worker's own publication is overwritten in the pool, by nobody's wish (preserved).
    Vandal,
    /// Rubbish is sent to the pool (peers).
    Rubbish,
    /// Each answer to a router is seen twice (answers).
    AnswerTwice,
    /// Who accepts loses to a worker who did not (winner).
    Usurper,
    /// Who comes second is told that they won too (winner).
    SecondWinner,
    /// A request that was cancelled or ran out of time is answered as accepted (winner).
    LateWinner,
    /// The core does not hear that agents are no longer ready (ready).
    DeafToNotReady,
    /// The end of each offer is recorded twice (records).
    RecordTwice,
    /// A report gets lost behind the T-Server's acknowledgement (reports).
    LoseReport,
    /// The core does not hear that calls are over (offer-life).
    DeafToRelease,
    /// A page that comes back is shown nothing (pages).
    EmptyPage,
    /// What one worker's page shows, another's shows too (private).
    WrongPage,
    /// Changes are taken off the core's list before anybody has seen them (watch).
    ForgetChange,
}

static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// A number that differs from call to call: what a run must never depend on. For [`Sabotage::Impure`] only.
pub(crate) fn impure() -> u64 {
    CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
