//! What happens to connections, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, and one gauge.
#[derive(Debug, Default)]
pub(in crate::runtime) struct StreamCounters {
    /// Connections open now, or being opened.
    pub(super) open: AtomicU64,
    /// Connections of sources that belong to no trunk; closed at once.
    pub(super) strangers: AtomicU64,
    /// Connections over the bound of their trunk; closed, or not opened.
    pub(super) refused: AtomicU64,
    /// Connections that could not be opened.
    pub(super) failed: AtomicU64,
    /// Connections closed because of what came over them.
    pub(super) garbled: AtomicU64,
    /// Connections closed because their peer did not read.
    pub(super) slow: AtomicU64,
}

impl StreamCounters {
    /// Name and value of each, for whoever prints them.
    pub(in crate::runtime) fn named(&self) -> [(&'static str, u64); 6] {
        let Self { open, strangers, refused, failed, garbled, slow } = self;
        [
            ("connections_open", open),
            ("connections_of_strangers", strangers),
            ("connections_refused", refused),
            ("connections_failed", failed),
            ("connections_garbled", garbled),
            ("connections_slow", slow),
        ]
        .map(|(name, value)| (name, value.load(Ordering::Relaxed)))
    }
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
