//! The rule of one DN: what we want, what T-Server has, what follows. A pure function, so that it can be read, tested and explored on its own.
use super::StateRequest;
use super::slots::{DnSlot, Hold, Want};
use crate::action::CtiReq;
use crate::time::Mono;
use crate::views::AgentState;

/// What to do with a DN now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// All is as it should be, or it is not ours to change, or a request is under way.
    Leave,
    /// Already true, though not by our hand: remember it as ours.
    Adopt(StateRequest),
    /// Send this.
    Request(CtiReq),
}

/// Compares want and have. `note` is the hash of the note that would go with a state request.
pub(super) fn decide(now: Mono, slot: &DnSlot, want: Want, note: u32, auto_login: bool) -> Decision {
    if slot.in_flight.is_some() || slot.hold != Hold::None || slot.retry_at.is_some_and(|at| now < at.mono()) {
        return Decision::Leave;
    }
    match (want, slot.have) {
        (Want::Nothing, _) | (Want::LoggedOut, AgentState::LoggedOut) => Decision::Leave,
        (Want::LoggedOut, _) => Decision::Request(CtiReq::AgentLogout),
        (Want::LoggedIn, AgentState::LoggedOut | AgentState::Unknown) => Decision::Request(CtiReq::AgentLogin),
        (Want::LoggedIn, _) => Decision::Leave,
        (Want::State(_), AgentState::LoggedOut) if auto_login => Decision::Request(CtiReq::AgentLogin),
        (Want::State(_), AgentState::LoggedOut) => Decision::Leave,
        (Want::State(request), have) => {
            if slot.ours == Some((request, note)) {
                return Decision::Leave;
            }
            // Found ready without anybody's reasons: true already. After a login of ours it is said explicitly, for it may be T-Server's own choice.
            if request.ready && request.work_mode.is_none() && have == AgentState::Ready && slot.ours.is_none() && !slot.fresh_login {
                return Decision::Adopt(request);
            }
            Decision::Request(CtiReq::State(request))
        }
    }
}

/// Whether an agent state is what a request asked for.
pub(super) const fn fulfils(state: AgentState, req: CtiReq) -> bool {
    match (req, state) {
        (CtiReq::AgentLogin, AgentState::LoggedIn | AgentState::Ready | AgentState::NotReady(_)) => true,
        (CtiReq::AgentLogout, AgentState::LoggedOut) => true,
        (CtiReq::State(wanted), AgentState::Ready) => wanted.ready,
        (CtiReq::State(wanted), AgentState::NotReady(_)) => !wanted.ready,
        _ => false,
    }
}
