//! The layout of the BPF maps: the contract between the XDP program and the process that fills them.
//!
//! | map | index | written by |
//! |---|---|---|
//! | [`META`] | 0 | userspace |
//! | [`MEDIA_ADDRESSES`] | hash of the address | userspace, before the program is attached |
//! | [`ENDPOINTS`] | media address and port | userspace |
//! | [`STATES`] | as `ENDPOINTS` | the kernel |
//! | [`NEXT_HOPS`] | row that an endpoint names | userspace |
//! | [`PROFILES`] | row that an endpoint names | userspace |
//! | [`RTCP_PLACES`] | as `ENDPOINTS` | userspace |
//! | [`COUNTERS`] | [`Verdict::counter`](crate::verdict::Verdict::counter), per CPU | the kernel |
//! | [`LATENCIES`] | index of the device, per CPU | userspace makes the rows at start, the kernel counts |
//! | [`DIGITS`] | as `ENDPOINTS` | userspace the order, the kernel everything else |
//! | [`STEADY`] | as `ENDPOINTS` | userspace which stream it is, the kernel everything else |
//! | [`DIGITS_TOLD`] | in order: a ring buffer | the kernel |
//! | [`DEVICES`] | slot that a next hop names | userspace, at start |
//! | [`STAGES`] | [`Stage`] | userspace, at start; one array for each load of the program |
//! | [`VLANS`], [`TAGS`] | [`VlanKey`], slot of `DEVICES` | userspace, at start; of one load of the program, as `STAGES` |
//!
//! | [`TAP`], [`WATCHED`] | - , endpoint | the kernel, userspace; of one load of the program, as `STAGES` |
//!
//! The SIP shield has maps of its own: see `abi/shield.rs`.
//!
//! Integers are in the machine's byte order and ports are numbers; only addresses are bytes as on the wire.
//! The maps that change while packets run are mapped into the writing process (`BPF_F_MMAPABLE`), because an
//! update by system call is a plain memory copy that a packet could meet half-way: the slots here are made of
//! atomics, and their types carry the protocol for both sides.
//!
//! Invariant: whoever changes the meaning or size of anything here raises [`ABI_VERSION`].

mod address;
mod digit;
mod endpoint;
mod latch;
mod latency;
mod media_address;
mod next_hop;
mod profile;
mod quality;
mod reception_report;
mod rtcp_place;
mod shield;
mod stage;
mod stamp;
mod state;
mod steady;
mod tap;
mod vlan;
mod word;

pub use address::Address;
pub use digit::{DIGIT_SENT, DigitHeard, DigitOrder, DigitSending, DigitSlot, DigitTold};
pub use endpoint::{
    DSCP_KEPT, Endpoint, EndpointSlot, FLAG_DTLS, FLAG_ENCRYPTED, FLAG_RTCP_APART, FLAG_RTCP_MUX,
    FLAG_RTCP_SECOND, FLAG_STEADY, FLAG_STUN, FLAG_UDPTL, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT,
    SOURCE_SUBNET, Torn,
};
pub use latch::{LATCH_PREFIX_MIN, Latch};
pub use latency::{LATENCY_BUCKETS, LATENCY_PRECISION, LATENCY_SAMPLED, LatencyRow};
pub use media_address::{MediaAddress, PROBES_MAX, first_row};
pub use next_hop::{NextHop, NextHopSlot};
pub use profile::{
    Handling, PAYLOAD_TYPES, PROFILE_COUNTS_ONLY, PROFILE_HOLDS_EVENTS, PROFILE_MASKS_EVENTS,
    PROFILE_TELLS_EVENTS, PayloadRule, Profile, ProfileSlot, digits_as, profile_digits_as,
};
pub use quality::{Offender, Quality};
pub use reception_report::{Rated, ReceptionReport};
pub use rtcp_place::{RtcpPlace, RtcpPlaces};
pub use shield::{
    CLASSES, CLASSES_LEN, Class, LIST_ALLOW, LIST_DENY, LISTED, LISTED_MAX, LISTENER_CERTIFICATES,
    LISTENER_PASSWORDS, LISTENERS, LISTENERS_MAX, Listed, Listener, ListenerKey, MODE_OFF, MODE_ON,
    MODE_SHADOW, Rate, SHIELD, STANDINGS, STANDINGS_MAX, STRANGERS, STRANGERS_MAX, ShieldSettings, Standing,
    Stranger, TRUST_KEY_LEN, TRUST_REALM_BITS, TRUSTED, TRUSTED_MAX, UNKNOWN_DROP, UNKNOWN_LIMIT,
    UNKNOWN_PASS, trust_key, visited,
};
pub use stage::Stage;
pub use stamp::{STAMP, stamped};
pub use state::{DROP_SLOTS, EndpointState};
pub use steady::{Former, Offsets, Reached, Reported, Source, SteadySlot};
pub use tap::{TAP_RING_BYTES, TAPPED_ARRIVAL, TAPPED_BYTES_MAX, TappedFrame, WATCHED_MAX};
pub use vlan::{EgressTag, VlanKey};
pub use word::Word;

/// Version of everything in this module; part of the directory that the maps are pinned under.
pub const ABI_VERSION: u32 = 7;

/// Name of the map with one [`Meta`].
pub const META: &str = "META";
/// Name of the map of [`MediaAddress`] rows.
pub const MEDIA_ADDRESSES: &str = "MEDIA_ADDRESSES";
/// Name of the map of [`EndpointSlot`]s.
pub const ENDPOINTS: &str = "ENDPOINTS";
/// Name of the map of [`EndpointState`]s.
pub const STATES: &str = "STATES";
/// Name of the map of [`NextHopSlot`]s.
pub const NEXT_HOPS: &str = "NEXT_HOPS";
/// Name of the map of [`ProfileSlot`]s.
pub const PROFILES: &str = "PROFILES";
/// Name of the map of [`RtcpPlaces`].
pub const RTCP_PLACES: &str = "RTCP_PLACES";
/// Name of the map of [`DigitSlot`]s.
pub const DIGITS: &str = "DIGITS";
/// Name of the map of [`SteadySlot`]s.
pub const STEADY: &str = "STEADY";
/// Name of the ring buffer of [`DigitTold`]s.
pub const DIGITS_TOLD: &str = "DIGITS_TOLD";
/// Name of the per-CPU map of packet counters, one `u64` for each reason.
pub const COUNTERS: &str = "COUNTERS";
/// Name of the per-CPU map of [`LatencyRow`]s.
pub const LATENCIES: &str = "LATENCIES";
/// Name of the devmap that redirects use.
pub const DEVICES: &str = "DEVICES";
/// Name of the map from [`VlanKey`]s to VLAN devices.
pub const VLANS: &str = "VLANS";
/// Name of the map of [`EgressTag`]s.
pub const TAGS: &str = "TAGS";
/// Name of the ring of [`TappedFrame`]s.
pub const TAP: &str = "TAP";
/// Name of the map whose keys are the endpoints that a capture watches.
pub const WATCHED: &str = "WATCHED";
/// Name of the array of programs that a packet goes on to.
pub const STAGES: &str = "STAGES";

/// Rows of [`MEDIA_ADDRESSES`]; a power of two, and four times the addresses that it may hold.
pub const MEDIA_ADDRESS_ROWS: u32 = 256;
/// Media addresses of one node; more would make probing for a foreign address slow.
pub const MEDIA_ADDRESSES_MAX: u32 = 64;
/// Endpoints of one node: the packet path indexes them with one lookup whatever their number, and a
/// million of them take 768 MiB of kernel memory.
pub const ENDPOINTS_MAX: u32 = 1 << 20;
/// Rows of [`NEXT_HOPS`]; row 0 stays empty and stands for "none".
pub const NEXT_HOPS_MAX: u16 = 4096;
/// Rows of [`PROFILES`]; row 0 stays empty and stands for "none". Trunks that number their codecs in a few ways need a few
/// rows for each pair of them.
pub const PROFILES_MAX: u16 = 8192;
/// Bytes of [`DIGITS_TOLD`]: ten thousand digits that userspace has not read yet. More are lost.
pub const DIGITS_TOLD_BYTES: u32 = 1 << 18;
/// Slots of [`DEVICES`].
pub const DEVICES_MAX: u32 = 64;
/// Slots of [`COUNTERS`]; reasons keep their slot for ever, so there are gaps.
pub const COUNTERS_MAX: u32 = 192;
/// Slots of [`STAGES`].
pub const STAGES_MAX: u32 = 16;

/// What a process that finds the maps must know before it touches the others.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct Meta {
    /// [`ABI_VERSION`] of the process that made the maps; 0 until they are complete.
    pub abi_version: Word,
    /// Number of the call installed last. Kept here so that it goes on rising over restarts: a number names
    /// one call among all whose entries or counts may still be in the maps. Its lower 32 bits are used.
    pub last_call: Word,
}

const _: () = assert!(size_of::<Meta>() == 16);

#[cfg(test)]
mod tests;
