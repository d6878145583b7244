//! How every run ends: the connector stops in good order, in the quiet or in the middle of faults.
use super::World;
use crate::both::Way;
use crate::company;
use crate::peers::tserver::AgentState;
use uc_core::{Input, Mono};

/// Time given to the stop, milliseconds.
const WITHIN_MS: u32 = 40_000;
/// After the stop nothing happens any more, watched for so long, milliseconds.
const REST_MS: u64 = 60_000;

impl World {
    /// Stops, re-configures meanwhile (an impatient administrator), and looks what is left.
    pub(super) fn run_stop(&mut self) {
        let (begin, quiet) = (self.now, !self.options.stop);
        self.feed(Input::Drain { within_ms: WITHIN_MS }, None);
        if !quiet {
            self.run_to(self.now + 50);
            self.exchange();
        }
        self.run_to(begin + u64::from(WITHIN_MS));
        if self.failure.is_none() {
            self.check_stop(begin, quiet);
        }
    }

    fn check_stop(&mut self, begin: Mono, quiet: bool) {
        let waiting = self.core.deadlines();
        if !self.drained {
            return self.fail("stop", format!("{WITHIN_MS} ms after the stop at {begin} the connector is not done"));
        }
        if let Some((at, key)) = waiting.first() {
            return self.fail("stop", format!("after the stop the deadline {key:?} at {at} is left"));
        }
        if quiet {
            self.check_good_bye();
        }
        // Whatever comes now, nothing is done about it.
        self.exchange();
        self.run_to(self.now + REST_MS);
        if self.core.next_deadline().is_some() {
            self.fail("stop", "the connector goes on after it was done".to_owned());
        }
    }

    /// With everybody in reach nobody is left behind: no subscription, and no agent that was to be logged out.
    fn check_good_bye(&mut self) {
        for worker in self.people.clone() {
            let left = self.front_end.subscriptions_of(&company::uri_of(worker), false);
            if left > 0 {
                return self.fail("stop", format!("worker {worker} is in {left} subscriptions after the stop"));
            }
            let state = self.t_server.agent(&company::dn_of(worker)).map_or(AgentState::LoggedOut, |agent| agent.state);
            // Push-only makes no requests.
            if self.options.logout_on_stop && self.options.both.way != Way::Push && state != AgentState::LoggedOut {
                return self.fail("stop", format!("worker {worker} is {state:?} after the stop, agents were to be logged out"));
            }
        }
    }
}
