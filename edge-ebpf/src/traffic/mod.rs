//! The traffic of `cargo xtask bench media`: what its generator and its sink, both XDP programs of the bench object, agree
//! on with the process that runs them.
//!
//! A *stream* is RTP in one direction, a G.711 packet of 20 ms each. A packet says in its payload which stream it is of, its
//! number there and when it was made, so that the sink needs nothing but the packet to tell loss, duplicates, wrong routes
//! and latency. Whatever varies stands there a second time, complemented, so that the checksum of a stream never changes.
//!
//! Invariants: as in all of the package, no unsafe code, no allocation, no clock.

mod head;
mod latency;
mod orders;
mod window;

#[cfg(test)]
mod tests;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use head::{FRAME_LEN, HEAD_LEN, HEAD_WORDS, Head, Mark, PAYLOAD_TYPE, TICKS};
pub use latency::{BUCKETS, bucket, longest};
pub use orders::{BATCH, Orders, Progress};
pub use window::{Arrival, WINDOW, Window};

/// Streams that the maps have room for: 10,000 calls, both directions, and some.
pub const STREAMS_MAX: u32 = 1 << 15;

/// Name of the map of [`Stream`]s.
pub const STREAMS: &str = "STREAMS";
/// Name of the map with how many packets of each stream were made.
pub const NUMBERS: &str = "NUMBERS";
/// Name of the map of [`Window`]s, one for each stream.
pub const WINDOWS: &str = "WINDOWS";
/// Name of the map with one [`Orders`].
pub const ORDERS: &str = "ORDERS";
/// Name of the map with one [`Progress`].
pub const PROGRESS: &str = "PROGRESS";
/// Name of the devmap that streams leave by: those with an even number by the first.
pub const SIDES: &str = "SIDES";
/// Name of the devmap of the bare redirect.
pub const ACROSS: &str = "ACROSS";
/// Name of the per-CPU map of [`Count`]s.
pub const COUNTS: &str = "COUNTS";
/// Name of the per-CPU map of latencies, [`BUCKETS`] of them.
pub const LATENCIES: &str = "LATENCIES";

/// What the sink counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Count {
    /// Packets of a stream that came where they should, for the first time as far as can be told.
    Received,
    /// Packets that had come already.
    Duplicate,
    /// Packets that came so late that nobody can tell whether they are duplicates. They are in `Received`, too.
    Late,
    /// Packets from, or to, an address or port that is not that of their stream.
    Misrouted,
    /// Packets of the generator whose stream is none.
    Unknown,
}

/// Slots of [`COUNTS`].
pub const COUNTS_LEN: u32 = 5;

/// Where a packet is from and to, as it lies on the wire: addresses, then ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Route {
    /// Source address, destination address.
    pub addresses: [[u8; 2]; 4],
    /// Source port, destination port.
    pub ports: [[u8; 2]; 2],
}

/// One stream: how its packets begin, and where they are to arrive.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct Stream {
    /// The beginning of all its packets.
    pub head: Head,
    /// What the relay makes of source and destination.
    pub arrives: Route,
    /// Up to a multiple of eight bytes.
    pub reserved: [u8; 4],
}
