//! What the kernel has seen at one endpoint. Userspace only reads it.
//!
//! Counting is plain loads and stores. RTP of one far side has one address pair, hence one receive queue and
//! one CPU at a time; RTCP has words of its own, because its port may hash to another queue. Drops come from
//! anyone on any CPU, and two at the same instant may be counted as one: the eBPF target has no atomic
//! addition in Rust, and the exact numbers are in the per-CPU counters of the node. For the same cause the
//! first packets of a call, when they meet on two CPUs, may be counted as one.
//!
//! A [`Latch`] belongs to the call that owns the state and to one generation of its entry. Both are checked: a packet
//! of an earlier call or description that is still under way on another CPU may overwrite a latch, but what it
//! leaves there does not hold. RTP's latch is on the line that the RTP of this endpoint touches anyway; packets the
//! other way touch that line only under the policy `latch`.

use super::latch::{Latch, LatchWord};
use super::word::{Word, load_barrier, store_barrier};
use crate::budget::{Budget, Rate};
use crate::stats::{Arrival, Jitter, Run, Step};
use crate::verdict::DropReason;
use crate::wire::Stream;

/// Drop counters of an endpoint: as many as there may ever be [`DropReason`]s.
pub const DROP_SLOTS: usize = 32;

/// Counts and RFC 3550 bookkeeping of one endpoint: one cache line for RTP, three for everything else.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct EndpointState {
    call_ssrc: Word,
    /// Packets, which wrap after years, and jitter, which stays at a second when it is more.
    packets_jitter: Word,
    bytes: Word,
    arrival_ns: Word,
    timestamp_bad: Word,
    sequence_first_last: Word,
    budget: Word,
    rtp_latch: LatchWord,

    /// Two's complement: duplicates make it negative.
    lost_before: Word,
    packets_outside: Word,
    rtcp_packets: Word,
    rtcp_bytes: Word,
    rtcp_arrival_ns: Word,
    rtcp_latch: LatchWord,
    drops: [Word; DROP_SLOTS / 2],
    /// Packets that crossed though their payload type was not negotiated, and though they exceeded the rate.
    let_pass: Word,
    reserved: Word,
}

const _: () = assert!(size_of::<EndpointState>() == 256);
const _: () = assert!(DropReason::ALL.len() <= DROP_SLOTS);

/// Writing: the kernel's side.
impl EndpointState {
    /// Counts a relayed RTP packet, and follows its sequence number and timing.
    #[inline(always)]
    pub fn record_rtp(&self, arrival: &Arrival, ns_per_tick: u32) {
        let (before, jitter) = self.packets_jitter.load_halves();
        let (bad, jitter) = self.follow(arrival, before, jitter, ns_per_tick);
        self.packets_jitter.store_halves(before.wrapping_add(1), jitter);
        self.bytes.add(arrival.bytes);
        self.arrival_ns.store(arrival.ns);
        self.timestamp_bad.store_halves(arrival.timestamp, bad);
    }

    /// Counts a relayed UDPTL packet of `bytes` with the RTP packets, but outside of any run: it has no sequence number that
    /// means loss. RTP that comes later is a new run.
    #[inline(always)]
    pub fn record_udptl(&self, arrival_ns: u64, bytes: u64) {
        let (call, _) = self.call_ssrc.load_halves();
        self.call_ssrc.store_halves(call, 0);
        let (packets, jitter) = self.packets_jitter.load_halves();
        self.packets_jitter.store_halves(packets.wrapping_add(1), jitter);
        self.packets_outside.add(1);
        self.bytes.add(bytes);
        self.arrival_ns.store(arrival_ns);
    }

    /// Counts a relayed RTCP packet of `bytes`.
    #[inline(always)]
    pub fn record_rtcp(&self, arrival_ns: u64, bytes: u64) {
        self.rtcp_packets.add(1);
        self.rtcp_bytes.add(bytes);
        self.rtcp_arrival_ns.store(arrival_ns);
    }

    /// Counts a packet that was dropped here.
    #[inline(always)]
    pub fn record_drop(&self, reason: DropReason) {
        let slot = reason as usize;
        if let Some(halves) = self.drops.get(slot / 2) {
            match (halves.load_halves(), slot.is_multiple_of(2)) {
                ((even, odd), true) => halves.store_halves(even.wrapping_add(1), odd),
                ((even, odd), false) => halves.store_halves(even, odd.wrapping_add(1)),
            }
        }
    }

    /// Takes a packet of `bytes` from what `rate` leaves to the endpoint; says whether there was enough.
    #[inline(always)]
    #[must_use]
    pub fn spend(&self, now_ns: u64, bytes: u64, rate: Rate) -> bool {
        let (packets, of_bytes) = self.budget.load_halves();
        let Some(left) = (Budget { packets, bytes: of_bytes }).after(now_ns, bytes, rate) else {
            return false;
        };
        self.budget.store_halves(left.packets, left.bytes);
        true
    }

    /// Counts a packet that crossed though its payload type was not negotiated.
    #[inline(always)]
    pub fn record_foreign_type(&self) {
        let (types, rate) = self.let_pass.load_halves();
        self.let_pass.store_halves(types.wrapping_add(1), rate);
    }

    /// Counts a packet that crossed though it exceeded the rate.
    #[inline(always)]
    pub fn record_excess(&self) {
        let (types, rate) = self.let_pass.load_halves();
        self.let_pass.store_halves(types, rate.wrapping_add(1));
    }

    /// Makes this the state of `call`: clears what another one left. `owner` is what [`call`](Self::call) said,
    /// and every recording is preceded by this.
    #[inline(always)]
    #[must_use]
    pub fn adopted(&self, owner: u32, call: u32) -> &Self {
        if owner != call {
            self.begin_call(call);
        }
        self
    }

    #[inline(always)]
    fn begin_call(&self, call: u32) {
        for word in [&self.packets_jitter, &self.bytes, &self.arrival_ns, &self.budget, &self.lost_before] {
            word.store(0);
        }
        for word in [&self.packets_outside, &self.rtcp_packets, &self.rtcp_bytes, &self.rtcp_arrival_ns] {
            word.store(0);
        }
        for halves in &self.drops {
            halves.store_halves(0, 0);
        }
        self.let_pass.store(0);
        self.rtp_latch.clear();
        self.rtcp_latch.clear();
        store_barrier();
        self.call_ssrc.store_halves(call, 0);
    }

    /// Keeps where `stream` comes from. The state must be that of the call already: see [`adopted`](Self::adopted).
    ///
    /// Two first packets on two CPUs at the same instant may both be taken; the later store is what stays.
    #[inline(always)]
    pub fn keep_latch(&self, stream: Stream, latch: Latch) {
        self.latch_word(stream).store(latch);
    }

    /// Notes the SSRC and sequence number of a packet before the first one is relayed, so that its source can be told
    /// from another one until then.
    #[inline(always)]
    pub fn expect_rtp(&self, ssrc: u32, sequence: u16) {
        if self.packets_jitter.load_halves().0 == 0 {
            let run = Run::starting_at(sequence);
            self.call_ssrc.store_halves(self.call(), ssrc);
            self.sequence_first_last.store_halves(run.first, run.last);
        }
    }

    /// Sequence numbers and jitter; returns the number to expect after a stray, and the jitter. `before` is the number of
    /// RTP packets before this one, and `jitter` what it was then.
    #[inline(always)]
    fn follow(&self, arrival: &Arrival, before: u32, jitter: u32, ns_per_tick: u32) -> (u32, u32) {
        let (call, ssrc) = self.call_ssrc.load_halves();
        if before == 0 || ssrc != arrival.ssrc {
            self.call_ssrc.store_halves(call, arrival.ssrc);
            return (self.begin_run(arrival, before), jitter);
        }
        let mut run = self.run();
        match run.step(arrival.sequence) {
            Step::Counted => self.sequence_first_last.store_halves(run.first, run.last),
            Step::Stray => self.packets_outside.add(1),
            Step::Restarted => return (self.begin_run(arrival, before), jitter),
        }
        let (timestamp, _) = self.timestamp_bad.load_halves();
        let mut jitter = Jitter::from_quarter_ns(jitter);
        let elapsed_ns = arrival.ns.wrapping_sub(self.arrival_ns.load());
        jitter.observe(elapsed_ns, arrival.timestamp.wrapping_sub(timestamp), ns_per_tick);
        (run.bad, jitter.quarter_ns())
    }

    /// Starts counting anew at this packet: the first one, another source, or a source that jumped.
    #[inline(always)]
    fn begin_run(&self, arrival: &Arrival, before: u32) -> u32 {
        self.lost_before.store(self.lost().cast_unsigned());
        self.packets_outside.store(before.into());
        let run = Run::starting_at(arrival.sequence);
        self.sequence_first_last.store_halves(run.first, run.last);
        run.bad
    }
}

/// Reading: userspace, and the kernel when a run ends.
impl EndpointState {
    /// Number of the call that the counts belong to; 0 before any packet.
    #[inline(always)]
    #[must_use]
    pub fn call(&self) -> u32 {
        self.call_ssrc.load_halves().0
    }

    /// SSRC of the last RTP packet.
    #[inline(always)]
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.call_ssrc.load_halves().1
    }

    /// Where `stream` was found to come from, under this call and generation of the endpoint's entry.
    #[inline(always)]
    #[must_use]
    pub fn latch(&self, stream: Stream, call: u32, generation: u16) -> Option<Latch> {
        if self.call() != call {
            return None;
        }
        // Whoever adopts the state forgets the latch before it writes the call.
        load_barrier();
        self.latch_word(stream).load(generation)
    }

    /// Whether an RTP packet goes on where the last one left off: the same source, and a number not far ahead.
    #[inline(always)]
    #[must_use]
    pub fn is_continued_by(&self, ssrc: u32, sequence: u16) -> bool {
        self.ssrc() == ssrc && self.run().is_continued_by(sequence)
    }

    /// RTP packets relayed.
    #[must_use]
    #[inline(always)]
    pub fn rtp_packets(&self) -> u64 {
        self.packets_jitter.load_halves().0.into()
    }

    /// Their bytes on the wire, Ethernet header included.
    #[must_use]
    pub fn rtp_bytes(&self) -> u64 {
        self.bytes.load()
    }

    /// RTCP packets relayed.
    #[must_use]
    pub fn rtcp_packets(&self) -> u64 {
        self.rtcp_packets.load()
    }

    /// Their bytes on the wire, Ethernet header included.
    #[must_use]
    pub fn rtcp_bytes(&self) -> u64 {
        self.rtcp_bytes.load()
    }

    /// Arrival of the last relayed packet on `CLOCK_MONOTONIC`, in nanoseconds; 0 before any.
    #[must_use]
    pub fn last_seen_ns(&self) -> u64 {
        self.arrival_ns.load().max(self.rtcp_arrival_ns.load())
    }

    /// RTP packets that the sequence numbers miss, by RFC 3550 appendix A.3; duplicates can make it negative.
    #[inline(always)]
    #[must_use]
    pub fn lost(&self) -> i64 {
        let received = self.rtp_packets().saturating_sub(self.packets_outside.load());
        let run = if received == 0 { 0 } else { self.run().lost(received) };
        self.lost_before.load().cast_signed().wrapping_add(run)
    }

    /// Interarrival jitter in nanoseconds, by RFC 3550 appendix A.8.
    #[must_use]
    pub fn jitter_ns(&self) -> u64 {
        Jitter::from_quarter_ns(self.packets_jitter.load_halves().1).ns()
    }

    /// Packets dropped at this endpoint for `reason`.
    #[must_use]
    pub fn drops(&self, reason: DropReason) -> u32 {
        let slot = reason as usize;
        let (even, odd) = self.drops.get(slot / 2).map_or((0, 0), Word::load_halves);
        if slot.is_multiple_of(2) { even } else { odd }
    }

    /// Packets that crossed though their payload type was not negotiated.
    #[must_use]
    pub fn foreign_types(&self) -> u32 {
        self.let_pass.load_halves().0
    }

    /// Packets that crossed though they exceeded the rate.
    #[must_use]
    pub fn excess(&self) -> u32 {
        self.let_pass.load_halves().1
    }

    #[inline(always)]
    const fn latch_word(&self, stream: Stream) -> &LatchWord {
        match stream {
            Stream::Rtp => &self.rtp_latch,
            Stream::Rtcp => &self.rtcp_latch,
        }
    }

    #[inline(always)]
    fn run(&self) -> Run {
        let (first, last) = self.sequence_first_last.load_halves();
        let (_, bad) = self.timestamp_bad.load_halves();
        Run { first, last, bad }
    }
}
