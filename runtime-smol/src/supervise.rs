//! What happens when an invariant of the core breaks: the journal is closed with the input that did it, and the process ends. A wrong state is not resumed;
//! systemd (or the pair's other half) starts a fresh one, which learns the truth from both sides again.
use crate::recorder::Recorder;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Exit status after a broken invariant (`EX_SOFTWARE`).
const SOFTWARE: i32 = 70;

/// Runs `work`; `Err` when it panicked. The panic's own message is on standard error already.
pub(crate) fn guarded(work: impl FnOnce()) -> Result<(), ()> {
    catch_unwind(AssertUnwindSafe(work)).map_err(drop)
}

/// Ends the process after a broken invariant.
pub(crate) fn give_up(recorder: Option<Recorder>) -> ! {
    crate::say::alarm(
        "an internal rule is broken; the process ends so that a fresh one can start. With --record, the journal's last input is the one that did it",
    );
    if let Some(recorder) = recorder {
        recorder.finish();
    }
    std::process::exit(SOFTWARE)
}
