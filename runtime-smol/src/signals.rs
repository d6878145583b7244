//! Signals as a stream: HUP reloads, TERM and INT stop in good order.
use async_signal::{Signal, Signals};
use smol::stream::StreamExt as _;
use std::io;

/// What an operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HUP
    Reload,
    /// TERM, INT
    Stop,
}

/// The signals this process listens to.
pub(crate) struct Listener(Signals);

impl Listener {
    /// Starts to listen; the default effect of the signals is off from now on.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Signals::new([Signal::Hup, Signal::Term, Signal::Int])?))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Asked {
        match self.0.next().await {
            Some(Ok(Signal::Hup)) => Asked::Reload,
            _ => Asked::Stop,
        }
    }
}
