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
use super::quality::{EndpointQuality, Followed, Offender, Quality};
use super::reception_report::{ReceptionReport, ReceptionReportWords};
use super::word::{Word, load_barrier, store_barrier};
use crate::budget::{Budget, Rate};
use crate::stats::{Arrival, Jitter, Run, Step};
use crate::verdict::DropReason;
use crate::wire::Stream;
use crate::wire::rtcp::Block;

/// Drop counters of an endpoint: as many as there may ever be [`DropReason`]s.
pub const DROP_SLOTS: usize = 32;

/// Counts and RFC 3550 bookkeeping of one endpoint: two cache lines for RTP, side by side, four for everything else.
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
    /// The highest sequence number, extended.
    sequence: Word,
    budget: Word,
    rtp_latch: LatchWord,

    quality: EndpointQuality,

    /// RTCP packets, and reports on the stream that the far side is sent.
    rtcp_packets_reports: Word,
    rtcp_bytes: Word,
    rtcp_arrival_ns: Word,
    rtcp_latch: LatchWord,
    drops: [Word; DROP_SLOTS / 2],
    /// Packets that crossed though their payload type was not negotiated, and though they exceeded the rate.
    let_pass: Word,
    reception_report: ReceptionReportWords,
}

const _: () = assert!(size_of::<EndpointState>() == 384);
const _: () = assert!(DropReason::ALL.len() <= DROP_SLOTS);

/// Writing: the kernel's side.
impl EndpointState {
    /// Counts a relayed RTP packet, and follows its sequence number and timing.
    #[inline(always)]
    pub fn record_rtp(&self, arrival: &Arrival, ns_per_tick: u32) {
        let (before, jitter) = self.packets_jitter.load_halves();
        let elapsed_ns = arrival.ns.wrapping_sub(self.arrival_ns.load());
        let (followed, bad, jitter) = self.follow(arrival, before, (elapsed_ns, jitter), ns_per_tick);
        self.packets_jitter.store_halves(before.wrapping_add(1), jitter);
        self.bytes.add(arrival.bytes.into());
        self.arrival_ns.store(arrival.ns);
        self.timestamp_bad.store_halves(arrival.timestamp, bad);
        self.quality.record(followed, elapsed_ns);
    }

    /// Counts a relayed UDPTL packet of `bytes` with the RTP packets, but outside of any run: it has no sequence number that
    /// means loss. RTP that comes later is a new run.
    #[inline(always)]
    pub fn record_udptl(&self, arrival_ns: u64, bytes: u64) {
        let (call, _) = self.call_ssrc.load_halves();
        self.call_ssrc.store_halves(call, 0);
        let (packets, jitter) = self.packets_jitter.load_halves();
        self.packets_jitter.store_halves(packets.wrapping_add(1), jitter);
        self.bytes.add(bytes);
        self.arrival_ns.store(arrival_ns);
    }

    /// Counts a relayed RTCP packet of `bytes`.
    #[inline(always)]
    pub fn record_rtcp(&self, arrival_ns: u64, bytes: u64) {
        self.rtcp_packets_reports.add(1);
        self.rtcp_bytes.add(bytes);
        self.rtcp_arrival_ns.store(arrival_ns);
    }

    /// Notes that a sender report crosses to the far side of this endpoint, with this in the middle of its NTP time.
    #[inline(always)]
    pub fn record_sender_report(&self, middle: u32, now_ns: u64) {
        self.reception_report.send(middle, now_ns);
    }

    /// Takes what the far side reports of the stream that it is sent.
    #[inline(always)]
    pub fn record_report(&self, block: &Block, now_ns: u64) {
        self.rtcp_packets_reports.add(1 << 32);
        self.reception_report.take(block, now_ns);
    }

    /// Takes what the far side rates that stream at: discard rate, R factor, MOS-LQ, MOS-CQ of a VoIP metrics block.
    #[inline(always)]
    pub fn record_rating(&self, octets: [u8; 4]) {
        self.reception_report.rate(octets);
    }

    /// Counts a packet that was dropped here, and keeps whose it was, if the reason lies with its sender.
    #[inline(always)]
    pub fn record_drop(&self, offender: &Offender) {
        if DropReason::is_the_senders(offender.reason) {
            self.quality.blame(*offender);
        }
        self.count_drop(offender.reason);
    }

    /// Counts a packet that nobody is to blame for.
    #[inline(always)]
    pub fn count_drop(&self, reason: u8) {
        let slot = usize::from(reason);
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

    /// Number of the call that all of the counts belong to, or 0. This reads both lines that RTP changes.
    #[inline(always)]
    #[must_use]
    pub fn owner(&self) -> u32 {
        let call = self.call();
        if self.quality.call() == call { call } else { 0 }
    }

    /// Makes this the state of `call`: clears what another one left. `owner` is what [`owner`](Self::owner) said,
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
        for word in [&self.packets_jitter, &self.bytes, &self.arrival_ns, &self.budget] {
            word.clear();
        }
        for word in [&self.rtcp_packets_reports, &self.rtcp_bytes, &self.rtcp_arrival_ns] {
            word.clear();
        }
        for halves in &self.drops {
            halves.clear();
        }
        self.let_pass.clear();
        self.reception_report.begin_call();
        self.quality.begin_call(call);
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
            self.call_ssrc.store_halves(self.call(), ssrc);
            self.sequence.store(sequence.into());
        }
    }

    /// Sequence numbers and jitter; returns the packet's place, the number to expect after a stray, and the jitter. `before` is
    /// the number of RTP packets before this one, and `timing` the nanoseconds since the last one, and what the jitter was then.
    #[inline(always)]
    fn follow(
        &self,
        arrival: &Arrival,
        before: u32,
        timing: (u64, u32),
        ns_per_tick: u32,
    ) -> (Followed, u32, u32) {
        let (call, ssrc) = self.call_ssrc.load_halves();
        let (sequence, (elapsed_ns, jitter)) = (arrival.sequence, timing);
        let mut run = self.run();
        let last = run.last;
        if before == 0 || ssrc != arrival.ssrc {
            self.call_ssrc.store_halves(call, arrival.ssrc);
            let followed =
                if before == 0 { Followed::First(sequence) } else { Followed::Anew { last, sequence } };
            return (followed, self.begin_run(sequence), jitter);
        }
        let followed = match run.step(sequence) {
            Step::Ahead(by) => Followed::Ahead { last, by },
            Step::Behind(by) => Followed::Behind { last, by },
            Step::Stray => Followed::Stray,
            Step::Restarted => return (Followed::Anew { last, sequence }, self.begin_run(sequence), jitter),
        };
        self.sequence.store(run.last.into());
        let (timestamp, _) = self.timestamp_bad.load_halves();
        let mut jitter = Jitter::from_quarter_ns(jitter);
        jitter.observe(elapsed_ns, arrival.timestamp.wrapping_sub(timestamp), ns_per_tick);
        (followed, run.bad, jitter.quarter_ns())
    }

    /// Starts counting anew at this number: the first one, another source, or a source that jumped.
    #[inline(always)]
    fn begin_run(&self, sequence: u16) -> u32 {
        let run = Run::starting_at(sequence);
        self.sequence.store(run.last.into());
        run.bad
    }
}

/// Reading.
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

    /// Whether the last RTP packet was of this source. SSRC 0 is nobody's: that stands here as well before any RTP has come.
    #[inline(always)]
    #[must_use]
    pub fn is_of(&self, ssrc: u32) -> bool {
        ssrc != 0 && self.ssrc() == ssrc
    }

    /// Whether an RTP packet goes on where the last one left off: the same source, and a number not far ahead.
    #[inline(always)]
    #[must_use]
    pub fn is_continued_by(&self, ssrc: u32, sequence: u16) -> bool {
        self.is_of(ssrc) && self.run().is_continued_by(sequence)
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

    /// RTCP packets relayed; they wrap at 2^32.
    #[must_use]
    pub fn rtcp_packets(&self) -> u64 {
        self.rtcp_packets_reports.load_halves().0.into()
    }

    /// Their bytes on the wire, Ethernet header included.
    #[must_use]
    pub fn rtcp_bytes(&self) -> u64 {
        self.rtcp_bytes.load()
    }

    /// Arrival of the last relayed packet on `CLOCK_MONOTONIC`, in nanoseconds; 0 before any.
    #[must_use]
    pub fn last_seen_ns(&self) -> u64 {
        self.last_media_ns().max(self.last_control_ns())
    }

    /// The same of RTP or UDPTL.
    #[must_use]
    pub fn last_media_ns(&self) -> u64 {
        self.arrival_ns.load()
    }

    /// The same of RTCP.
    #[must_use]
    pub fn last_control_ns(&self) -> u64 {
        self.rtcp_arrival_ns.load()
    }

    /// How well its RTP came in.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.quality.read(self.run().last)
    }

    /// Whose packet was dropped last, and why; `None` when none was for a reason that lies with its sender, or just now another one is.
    #[must_use]
    pub fn offender(&self) -> Option<Offender> {
        self.quality.offender()
    }

    /// What the far side has reported of the stream that it is sent.
    #[must_use]
    pub fn reception_report(&self) -> ReceptionReport {
        self.reception_report.read(self.rtcp_packets_reports.load_halves().1)
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
        let (last, _) = self.sequence.load_halves();
        let (_, bad) = self.timestamp_bad.load_halves();
        Run { last, bad }
    }
}
