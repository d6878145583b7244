//! Recovery time: from everything reachable again to everything reconciled, in virtual time, within a bound that follows from the configured timers.
use super::{Checker, Scene, Truth, Verdict};
use uc_core::Config;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Recovery;

/// The longest chain of timers, milliseconds: a half-open SIP connection is found by a probe and its time-out, or the longest Retry-After or retry pause runs out;
/// then a connection with the longest pause, the spread of a failover, and one repeat of everything.
#[must_use]
pub fn bound_ms(config: &Config) -> u64 {
    let (uc, cti) = (&config.uc.timers, &config.cti.timers);
    let found = uc.probe_ms.max(uc.keepalive_ms) + uc.transaction_timeout_ms;
    let waited = uc.retry_after_default_ms.max(uc.retry_max_ms) + uc.transaction_timeout_ms;
    let connect = uc.connect_timeout_ms + uc.backoff_max_ms + uc.backoff_max_ms * uc.jitter_percent / 100;
    let spread = config.uc.pace.failover_spread_ms + uc.resubscribe_jitter_ms;
    let contact_centre = cti.connect_timeout_ms + 2 * cti.backoff_max_ms + cti.request_timeout_ms + cti.switchover_ms + cti.retry_max_ms * 6 / 5;
    // Dialogs the pool forgot without a word are found at their refresh.
    let refreshed = 1_000 * u64::from(crate::company::EXPIRES_SHORT_S);
    refreshed + found.max(waited) + connect + spread + contact_centre
}

impl Checker for Recovery {
    fn name(&self) -> &'static str {
        "recovery"
    }

    fn on_quiet(&mut self, scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        let bound = bound_ms(scene.core.directory().config());
        match truth.converged_since {
            Some(at) if at.since(truth.calm_since) > bound => {
                Err(format!("reconciled {} s after everything was mended, the bound is {} s", at.since(truth.calm_since) / 1_000, bound / 1_000))
            }
            // Never is a matter for the other checkers, which say what is missing.
            _ => Ok(()),
        }
    }
}
