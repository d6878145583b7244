//! What a page shows of a worker changes only when the core lists that worker as changed: a page that is told of listed workers only is never stale.
//!
//! Every watched worker is printed after every input, whether listed or not. How many are watched is the world's business ([`WATCHED_MAX`]): in a company of
//! thousands the prints would be all a run does.
use super::{Checker, Scene, Verdict};
use std::collections::BTreeMap;
use uc_core::id::UserId;

/// Workers who are watched in a run, those with the lowest numbers.
pub const WATCHED_MAX: u32 = 6;

/// See the module.
#[derive(Debug, Default)]
pub struct Watched {
    prints: BTreeMap<UserId, u64>,
}

impl Checker for Watched {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        for user in (0..WATCHED_MAX).map(UserId) {
            if !scene.core.is_watched(user) {
                self.prints.remove(&user);
                continue;
            }
            let print = scene.core.print(user);
            if let Some(before) = self.prints.insert(user, print)
                && before != print
                && !scene.core.is_changed(user)
            {
                let dns: Vec<_> = scene.core.dns_of(user).filter_map(|dn| scene.core.dn(dn)).collect();
                return Err(format!("what pages show of {user:?} changed, and they are not on the list of changes: {:?}, {dns:?}", scene.core.worker(user)));
            }
        }
        Ok(())
    }
}
