//! What the runtime itself tells the operator.

/// Worth a look.
pub(crate) fn warn(text: &str) {
    eprintln!("warning: {text}");
}
/// Somebody must act.
pub(crate) fn alarm(text: &str) {
    eprintln!("alarm: {text}");
}
/// Good to know.
pub(crate) fn info(text: &str) {
    eprintln!("{text}");
}
/// A note of the core.
pub(crate) fn note(note: &uc_core::Note, _connector: &uc_core::Connector, _now: uc_core::Now, _log: &crate::settings::LogSettings) {
    eprintln!("{note}");
}
