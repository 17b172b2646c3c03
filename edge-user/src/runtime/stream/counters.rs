//! What happens to connections, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::tls::Denial;

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
    /// Connections closed because their peer answered keepalives, and does no more.
    pub(super) dead: AtomicU64,
    /// Handshakes of TLS that came to a connection, begun by either side.
    pub(super) proven: AtomicU64,
    /// Connections closed before a handshake, because too many were under way or had been.
    pub(super) crowded: AtomicU64,
    /// Handshakes that came to nothing, by reason.
    pub(super) denied: Denied,
}

/// Handshakes of TLS that came to nothing.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Denied {
    no_certificate: AtomicU64,
    name: AtomicU64,
    authority: AtomicU64,
    time: AtomicU64,
    unfit: AtomicU64,
    /// No certificate was to blame: no TLS, no common version, a refusal of the peer's, or nothing in time.
    pub(super) protocol: AtomicU64,
}

impl Denied {
    /// The counter of a reason.
    pub(super) const fn of(&self, denial: &Denial) -> &AtomicU64 {
        match denial {
            Denial::None => &self.no_certificate,
            Denial::Name { .. } => &self.name,
            Denial::NotSigned { .. } => &self.authority,
            Denial::Expired { .. } | Denial::NotYet { .. } => &self.time,
            Denial::Unreadable | Denial::Unfit { .. } => &self.unfit,
        }
    }
}

impl StreamCounters {
    /// Name and value of each, for whoever prints them.
    pub(in crate::runtime) fn named(&self) -> [(&'static str, u64); 15] {
        let Self { open, strangers, refused, failed, garbled, slow, dead, proven, crowded, denied } = self;
        let Denied { no_certificate, name, authority, time, unfit, protocol } = denied;
        [
            ("connections_open", open),
            ("connections_of_strangers", strangers),
            ("connections_refused", refused),
            ("connections_failed", failed),
            ("connections_garbled", garbled),
            ("connections_slow", slow),
            ("connections_dead", dead),
            ("tls_handshakes", proven),
            ("tls_crowded_out", crowded),
            ("tls_without_certificate", no_certificate),
            ("tls_wrong_name", name),
            ("tls_wrong_authority", authority),
            ("tls_wrong_time", time),
            ("tls_unfit_certificate", unfit),
            ("tls_failed", protocol),
        ]
        .map(|(name, value)| (name, value.load(Ordering::Relaxed)))
    }
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
