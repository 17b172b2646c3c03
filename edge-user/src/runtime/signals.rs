//! The signals that the process obeys: SIGTERM and SIGINT drain, SIGHUP reloads, SIGUSR2 leaves the calls to a successor.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How an operator without an API speaks to the process.
pub(super) struct Signals {
    pub(super) terminate: Signal,
    pub(super) interrupt: Signal,
    pub(super) hangup: Signal,
    pub(super) leave: Signal,
}

impl Signals {
    /// From now on they are kept for whoever asks.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            leave: signal(SignalKind::user_defined2())?,
        })
    }
}
