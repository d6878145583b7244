//! Local time for conditions by time of day. The core has no time zones: it gets minutes of offset, and a new configuration when they change.
use crate::hub::Shared;
use crate::poller::Timer;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Looked at least this often: the machine's clock may have been set.
const LOOK: Duration = Duration::from_secs(3600);

/// Minutes east of UTC in this zone now; whole minutes, as all zones in use have.
pub(crate) fn offset_min(zone: &TimeZone) -> i32 {
    zone.to_offset(Timestamp::now()).seconds() / 60
}

/// Gives the core the new offset when summer time begins or ends.
pub(crate) async fn follow(hub: Shared) {
    loop {
        let zone = hub.borrow().settings.zone.clone();
        let now = Timestamp::now();
        let until = zone.following(now).next().and_then(|change| Duration::try_from(change.timestamp().duration_since(now)).ok());
        Timer::after(until.map_or(LOOK, |until| until.min(LOOK)) + Duration::from_millis(10)).await;
        hub.borrow_mut().set_utc_offset(offset_min(&zone));
    }
}
