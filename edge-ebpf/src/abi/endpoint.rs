//! An endpoint: one local RTP/RTCP port pair of one call leg, as userspace describes it to the kernel.
//!
//! **Linking.** Both endpoints of a call carry the same `call` number, and each names the other's index. A
//! packet crosses from one to the other only while both numbers agree, so an entry that belongs to an earlier
//! call can never be reached. The number stays when a re-INVITE changes a remote address; `version` alone moves.
//!
//! **Changing.** A slot holds an entry and the one before it, and a sequence number. The one writer copies the entry
//! to the place of the former one, makes the number odd, writes the new entry, and makes the number even again: a few
//! nanoseconds, through shared memory. A reader takes the entry while the number is even and the former one while it
//! is odd, and keeps what it copied only when the number did not move meanwhile. So nobody acts on a half-written
//! entry, and nobody waits for a writer: not when a packet interrupts it between two stores, not when it died there.

use zerocopy::{FromBytes, Immutable, IntoBytes, transmute};

use super::Address;
use super::word::{Word, load_barrier, store_barrier};
use crate::wire::{Payload, Stream};

/// Source policy: exactly the signalled address and port.
pub const SOURCE_STRICT: u8 = 0;
/// Source policy: the signalled address, any port of it.
pub const SOURCE_PORT: u8 = 1;
/// Source policy: the signalled address's prefix, any port in it.
pub const SOURCE_SUBNET: u8 = 2;
/// Source policy: the first well-formed packet from the prefix, which has [`LATCH_PREFIX_MIN`](super::LATCH_PREFIX_MIN)
/// bits or more, says where all others come from, and where packets
/// that leave here go to (a [`Latch`](super::Latch)). They go by the entry's next hop, so whoever installs a prefix
/// vouches that this leads to all of it.
pub const SOURCE_LATCH: u8 = 3;

/// "Packets that leave keep the DSCP that they came with": above every DSCP.
pub const DSCP_KEPT: u8 = 0xff;

/// Flag: the far side sends and takes UDPTL (ITU-T T.38) on its first port, and no RTP; its second port is idle.
pub const FLAG_UDPTL: u8 = 1;
/// Flag: the far side sends and takes RTCP on its RTP port (RFC 5761).
pub const FLAG_RTCP_MUX: u8 = 2;
/// Flag: STUN of the far side crosses; without it, it is dropped.
pub const FLAG_STUN: u8 = 4;
/// Flag: DTLS of the far side crosses, because keys are agreed on by it; without it, it is dropped.
pub const FLAG_DTLS: u8 = 128;
/// Flag: what leaves here is one RTP stream, whatever comes for it: see [`SteadySlot`](super::SteadySlot).
pub const FLAG_STEADY: u8 = 32;

/// Flag: the far side has RTCP at another address than RTP, an [`RtcpPlace`](super::RtcpPlace). Not with [`FLAG_RTCP_MUX`].
pub const FLAG_RTCP_APART: u8 = 8;
/// Flag: of the two places of its RTCP, the second one holds.
pub const FLAG_RTCP_SECOND: u8 = 16;
/// Flag: media of the far side is encrypted, and its RTCP not to be read.
pub const FLAG_ENCRYPTED: u8 = 64;

// One bit each, and no bit twice.
const _: () = {
    let flags = [
        FLAG_UDPTL,
        FLAG_RTCP_MUX,
        FLAG_STUN,
        FLAG_RTCP_APART,
        FLAG_RTCP_SECOND,
        FLAG_STEADY,
        FLAG_ENCRYPTED,
        FLAG_DTLS,
    ];
    let (mut seen, mut index) = (0, 0);
    while index < flags.len() {
        assert!(flags[index].is_power_of_two() && seen & flags[index] == 0);
        seen |= flags[index];
        index += 1;
    }
};

/// How often a reader tries before it gives up on a slot that keeps changing. Each failure is a whole change that
/// happened meanwhile, so more than one is next to impossible.
const READS_MAX: u32 = 3;

/// What userspace says about one endpoint. Ports are numbers, not network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Number of the call, the same at its peer; 0 when the endpoint is free.
    pub call: u32,
    /// Index of the endpoint where packets that arrive here leave.
    pub peer: u32,
    /// Row of the next-hop table for packets that leave here; 0 for none.
    pub next_hop: u16,
    /// Row of the profiles for packets that arrive here; 0 takes every payload type as it is, and any number of packets.
    pub profile: u16,
    /// Local address. Together with `local_port` it repeats the key of the entry.
    pub local: Address,
    /// Local RTP port, even; RTCP is on the next one.
    pub local_port: u16,
    /// Address of the far side; unspecified when it has not said so.
    pub remote: Address,
    /// Port that the far side sends RTP from and receives it on; 0 when it has not said so.
    pub remote_rtp_port: u16,
    /// The same for RTCP; 0 when there is none.
    pub remote_rtcp_port: u16,
    /// Who may send here: [`SOURCE_STRICT`] and the others. Nobody, when the kernel does not know the number.
    pub source_policy: u8,
    /// Bits of `remote` that a sender's address must share, 1 to 128, for the policies that know a prefix; a prefix of
    /// IPv4 has 96 more than it is written with.
    pub source_prefix: u8,
    /// Number of this description of the far side, from [`EndpointSlot::next_generation`]: a latch of another one
    /// does not hold. It stays when an entry is written again for another reason.
    pub generation: u16,
    /// DSCP of packets that leave here, 0 to 63 (RFC 2474), or [`DSCP_KEPT`].
    pub dscp: u8,
    /// What its ports carry: [`FLAG_UDPTL`], [`FLAG_RTCP_MUX`]; none is RTP with RTCP on the next port. And what crosses beside
    /// it: [`FLAG_STUN`], [`FLAG_DTLS`]. And how it leaves: [`FLAG_STEADY`]. And what may be read of it: [`FLAG_ENCRYPTED`].
    pub flags: u8,
    /// Length of an RTP timestamp tick in nanoseconds, rounded, for jitter. Of an entry that belongs to no call: from when on its
    /// ports are closed, see [`closed_from`](Self::closed_from); 0 for never.
    pub ns_per_tick: u32,
}

/// Two to the power of this many nanoseconds is the unit that [`Endpoint::closed_from`] rounds up to: about a second.
const CLOSED_UNIT_BITS: u32 = 30;

impl Endpoint {
    /// An entry that belongs to no call.
    pub const FREE: Self = Self {
        call: 0,
        peer: 0,
        next_hop: 0,
        profile: 0,
        local: Address::UNSPECIFIED,
        local_port: 0,
        remote: Address::UNSPECIFIED,
        remote_rtp_port: 0,
        remote_rtcp_port: 0,
        source_policy: SOURCE_STRICT,
        source_prefix: 0,
        generation: 0,
        dscp: DSCP_KEPT,
        flags: 0,
        ns_per_tick: 0,
    };

    /// An entry that belongs to no call, and whose ports the host may say are closed, from this moment of `CLOCK_MONOTONIC` on or up
    /// to a unit later.
    #[must_use]
    pub const fn closed_from(ns: u64) -> Self {
        let units = ns.div_ceil(1 << CLOSED_UNIT_BITS) + 1;
        let ns_per_tick = if units > u32::MAX as u64 { u32::MAX } else { units as u32 };
        Self { ns_per_tick, ..Self::FREE }
    }

    /// Whether the ports of an entry that belongs to no call are closed at this moment. Who has never been told of closed ports
    /// does not look at the clock.
    #[inline(always)]
    #[must_use]
    pub fn is_closed(&self, now_ns: impl FnOnce() -> u64) -> bool {
        self.ns_per_tick != 0 && (now_ns() >> CLOSED_UNIT_BITS) + 1 >= u64::from(self.ns_per_tick)
    }

    /// Whether the far side sends and takes UDPTL.
    #[inline(always)]
    #[must_use]
    pub const fn is_udptl(&self) -> bool {
        self.flags & FLAG_UDPTL != 0
    }

    /// Whether the far side has RTCP on its RTP port.
    #[inline(always)]
    #[must_use]
    pub const fn muxes_rtcp(&self) -> bool {
        self.flags & FLAG_RTCP_MUX != 0
    }

    /// Whether the far side has RTCP at another address than RTP; if so, whether that is the second of its places.
    #[inline(always)]
    #[must_use]
    pub const fn rtcp_apart(&self) -> Option<bool> {
        if self.flags & FLAG_RTCP_APART == 0 { None } else { Some(self.flags & FLAG_RTCP_SECOND != 0) }
    }

    /// The port of the pair that `payload` leaves here by; STUN and DTLS belong to that of the two that they `came` to.
    #[inline(always)]
    #[must_use]
    pub const fn stream_of(&self, payload: Payload, came: Stream) -> Stream {
        match (payload, came) {
            (Payload::Rtp | Payload::Udptl, _) | (Payload::Stun | Payload::Dtls, Stream::Rtp) => Stream::Rtp,
            (Payload::Rtcp, _) | (Payload::Stun | Payload::Dtls, Stream::Rtcp) if self.muxes_rtcp() => {
                Stream::Rtp
            }
            (Payload::Rtcp, _) | (Payload::Stun | Payload::Dtls, Stream::Rtcp) => Stream::Rtcp,
        }
    }

    /// Port of the far side for `stream`; 0 when there is none.
    #[inline(always)]
    #[must_use]
    pub const fn remote_port(&self, stream: Stream) -> u16 {
        match stream {
            Stream::Rtp => self.remote_rtp_port,
            Stream::Rtcp => self.remote_rtcp_port,
        }
    }

    /// Local port for `stream`.
    #[inline(always)]
    #[must_use]
    pub const fn port(&self, stream: Stream) -> u16 {
        match stream {
            Stream::Rtp => self.local_port,
            Stream::Rtcp => self.local_port.wrapping_add(1),
        }
    }
}

/// How an [`Endpoint`] lies in memory.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Entry {
    version: u32,
    call: u32,
    peer: u32,
    next_hop: u16,
    profile: u16,
    local_port: u16,
    remote_rtp_port: u16,
    remote_rtcp_port: u16,
    source_policy: u8,
    source_prefix: u8,
    ns_per_tick: u32,
    generation: u16,
    dscp: u8,
    flags: u8,
    local: Address,
    remote: Address,
}

const WORDS: usize = 8;
const _: () = assert!(size_of::<Entry>() == WORDS * 8);

impl Entry {
    #[inline(always)]
    fn new(version: u32, endpoint: &Endpoint) -> Self {
        let Endpoint { call, peer, next_hop, profile, local, local_port, remote, .. } = *endpoint;
        let Endpoint { remote_rtp_port, remote_rtcp_port, source_policy, source_prefix, .. } = *endpoint;
        let Endpoint { generation, dscp, flags, ns_per_tick, .. } = *endpoint;
        Self {
            version,
            call,
            peer,
            next_hop,
            profile,
            local_port,
            remote_rtp_port,
            remote_rtcp_port,
            source_policy,
            source_prefix,
            ns_per_tick,
            generation,
            dscp,
            flags,
            local,
            remote,
        }
    }

    #[inline(always)]
    fn endpoint(self) -> Endpoint {
        let Self { version: _, call, peer, next_hop, profile, local_port, .. } = self;
        let Self { remote_rtp_port, remote_rtcp_port, source_policy, source_prefix, .. } = self;
        let Self { ns_per_tick, generation, dscp, flags, local, remote, .. } = self;
        Endpoint {
            call,
            peer,
            next_hop,
            profile,
            local,
            local_port,
            remote,
            remote_rtp_port,
            remote_rtcp_port,
            source_policy,
            source_prefix,
            generation,
            dscp,
            flags,
            ns_per_tick,
        }
    }
}

/// A slot changed under every attempt to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn;

/// The place of an [`Endpoint`] in shared memory: a cache line for the entry, which is all that a packet touches, and
/// one for the former entry. The map's memory begins on a page, so the lines are those of the processor.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct EndpointSlot {
    current: [Word; WORDS],
    former: [Word; WORDS],
}

const _: () = assert!(size_of::<EndpointSlot>() == 128);

impl EndpointSlot {
    /// A consistent copy of the entry.
    ///
    /// # Errors
    /// [`Torn`] when the entry changed again and again meanwhile.
    #[inline(always)]
    pub fn read(&self) -> Result<Endpoint, Torn> {
        for _ in 0..READS_MAX {
            if let Some(endpoint) = self.read_once() {
                return Ok(endpoint);
            }
        }
        Err(Torn)
    }

    /// Number of the call that owns the entry at this moment; 0 when it is free.
    #[inline(always)]
    #[must_use]
    pub fn call(&self) -> u32 {
        let (_, call) = self.current[0].load_halves();
        call
    }

    /// The generation of an entry that is written next and describes its far side anew. It comes from the number of
    /// changes of this slot, so the ones before it, of whichever call, had others.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "it wraps after 2^16 changes of a slot")]
    pub fn next_generation(&self) -> u16 {
        let (version, _) = self.current[0].load_halves();
        (version / 2 + 1) as u16
    }

    /// Replaces the entry. Readers see the old or the new one, never a mixture.
    ///
    /// A slot has one writer: the process that installs calls, and in it the shard that owns the port.
    pub fn write(&self, endpoint: &Endpoint) {
        let (version, call) = self.current[0].load_halves();
        // A writer that died half-way left an odd number, and a former entry that is still the one to read.
        if version.is_multiple_of(2) {
            for (former, current) in self.former.iter().zip(&self.current) {
                former.store(current.load());
            }
            store_barrier();
        }
        let changing = version | 1;
        self.current[0].store_halves(changing, call);
        store_barrier();
        let words: [u64; WORDS] = transmute!(Entry::new(changing.wrapping_add(1), endpoint));
        for (slot, word) in self.current.iter().zip(words).skip(1) {
            slot.store(word);
        }
        store_barrier();
        self.current[0].store(words[0]);
    }

    #[inline(always)]
    fn read_once(&self) -> Option<Endpoint> {
        let head = self.current[0].load_halves();
        load_barrier();
        let source = if head.0.is_multiple_of(2) { &self.current } else { &self.former };
        let mut words = [0; WORDS];
        for (copy, word) in words.iter_mut().zip(source) {
            *copy = word.load();
        }
        load_barrier();
        let entry: Entry = transmute!(words);
        (self.current[0].load_halves() == head).then(|| entry.endpoint())
    }
}
