//! How well packets come in at one endpoint, and whose were dropped last: a part of its [`EndpointState`](super::EndpointState).
//!
//! One line is touched by every RTP packet, the other one only where something is amiss: a packet lost, or one dropped. The first
//! one lies beside the line of the state that every packet touches, in the same 128 bytes, which processors fetch together: in
//! a map of its own it cost 200 ns a packet at 100,000 flows.

use super::Address;
use super::word::{Word, load_barrier, store_barrier};
use crate::stats::{Bursts, Cluster, Gone, Late, SPACING_BUCKETS, Window, bucket, gap_ns, gap_units};
use crate::verdict::DropReason;

/// Counts of one endpoint: RTP that was relayed, and the source of what was not.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub(super) struct EndpointQuality {
    window: Word,
    duplicated_reordered: Word,
    /// The call is here once more, so that both lines that a packet changes are read at the same time, before they are needed.
    largest_gap_call: Word,
    gone_first: Word,
    spacing: [Word; SPACING_BUCKETS / 2],

    cluster_first_last: Word,
    cluster_lost_bursts: Word,
    burst_packets_lost: Word,
    too_late_runs: Word,
    offender_address: [Word; 2],
    /// Port, reason and payload type; 0 while there is none, and while it changes.
    offender: Word,
}

const _: () = assert!(size_of::<EndpointQuality>() == 120);

/// Where an RTP packet has its place among those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// The first of its call, with this number.
    First(u16),
    /// The first of another source, or of a source that began anew, with this number; `last` was the highest one before.
    Anew {
        /// The highest number of the run that is over, extended.
        last: u32,
        /// Its own number.
        sequence: u16,
    },
    /// So far above `last`, the highest number before it, extended; at least 1.
    Ahead {
        /// The highest number before it, extended.
        last: u32,
        /// How far above.
        by: u16,
    },
    /// So far below `last`, the highest number, extended; 0 is that number again.
    Behind {
        /// The highest number, extended.
        last: u32,
        /// How far below.
        by: u16,
    },
    /// Out of place.
    Stray,
}

/// The source of a packet that was dropped, and why it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offender {
    /// Its address.
    pub address: Address,
    /// Its UDP port.
    pub port: u16,
    /// Why its packet was dropped: a number of [`DropReason`].
    pub reason: u8,
    /// The payload type of the packet, if it was RTP.
    pub payload_type: u8,
}

/// What has happened to the RTP of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Packets that never came, or so late that they were given up.
    pub lost: u32,
    /// How many times packets were lost one after the other.
    pub loss_runs: u32,
    /// Of those that were lost, packets that came after all.
    pub too_late: u32,
    /// Packets that came again.
    pub duplicated: u32,
    /// Packets that were overtaken, but came in time.
    pub reordered: u32,
    /// Bursts of losses; the one under way is among them.
    pub bursts: Bursts,
    /// Longest time between two packets, in nanoseconds.
    pub largest_gap_ns: u64,
    /// Packets by the time since the one before.
    pub spacing: [u32; SPACING_BUCKETS],
}

/// Writing: the kernel's side.
impl EndpointQuality {
    /// Takes a relayed RTP packet that came `elapsed_ns` after the one before; of the first one that says nothing.
    #[inline(always)]
    pub(super) fn record(&self, followed: Followed, elapsed_ns: u64) {
        match followed {
            Followed::First(sequence) => return self.begin_run(sequence),
            Followed::Anew { last, sequence } => {
                self.end_run(last);
                self.begin_run(sequence);
            }
            Followed::Ahead { last, by } => {
                let mut window = Window::from_bits(self.window.load());
                let gone = window.advance(last, by.into());
                self.window.store(window.bits());
                if let Some(gone) = gone {
                    self.give_up(gone);
                }
            }
            Followed::Behind { last, by } => self.fill(last, by.into()),
            Followed::Stray => {}
        }
        self.space(elapsed_ns);
    }

    /// Keeps whose packet was dropped.
    #[inline(always)]
    pub(super) fn blame(&self, offender: Offender) {
        let Offender { address, port, reason, payload_type } = offender;
        let [first, second] = &self.offender_address;
        let [upper, lower] = address.words();
        self.offender.store(0);
        store_barrier();
        first.store(upper);
        second.store(lower);
        store_barrier();
        let [a, b] = port.to_ne_bytes();
        self.offender.store(u64::from_ne_bytes([a, b, reason, payload_type, 1, 0, 0, 0]));
    }

    /// Clears what another call left.
    #[inline(always)]
    pub(super) fn begin_call(&self, call: u32) {
        for word in [&self.window, &self.duplicated_reordered, &self.too_late_runs, &self.gone_first] {
            word.clear();
        }
        for word in [&self.cluster_first_last, &self.cluster_lost_bursts, &self.burst_packets_lost] {
            word.clear();
        }
        for word in &self.spacing {
            word.clear();
        }
        self.offender.clear();
        self.largest_gap_call.store_halves(0, call);
    }

    #[inline(always)]
    fn begin_run(&self, sequence: u16) {
        let (gone, _) = self.gone_first.load_halves();
        self.gone_first.store_halves(gone, sequence.into());
        self.window.store(Window::starting().bits());
    }

    #[inline(always)]
    fn end_run(&self, last: u32) {
        let window = Window::from_bits(self.window.load());
        // UDPTL that came before any RTP has left no run.
        if window.is_empty() {
            return;
        }
        if let Some(gone) = window.awaited(last) {
            self.give_up(gone);
        }
        let (mut bursts, cluster) = (self.bursts(), self.cluster());
        bursts.close(&cluster);
        self.keep(&bursts, &Cluster::default());
    }

    #[inline(always)]
    fn give_up(&self, gone: Gone) {
        let (count, first) = self.gone_first.load_halves();
        self.gone_first.store_halves(count.wrapping_add(gone.count), first);
        let (mut bursts, mut cluster) = (self.bursts(), self.cluster());
        self.too_late_runs.add(u64::from(cluster.runs_begun_by(gone)) << 32);
        if let Some(over) = cluster.take(gone) {
            bursts.close(&over);
        }
        self.keep(&bursts, &cluster);
    }

    #[inline(always)]
    fn keep(&self, bursts: &Bursts, cluster: &Cluster) {
        self.cluster_first_last.store_halves(cluster.first, cluster.last);
        self.cluster_lost_bursts.store_halves(cluster.lost, bursts.count);
        self.burst_packets_lost.store_halves(bursts.packets, bursts.lost);
    }

    #[inline(always)]
    fn fill(&self, last: u32, behind: u32) {
        let (_, first) = self.gone_first.load_halves();
        let mut window = Window::from_bits(self.window.load());
        // What was sent before the first one that came was overtaken by it, and nobody waited for it.
        let late = if behind > last.wrapping_sub(first) { Late::Reordered } else { window.fill(behind) };
        self.window.store(window.bits());
        match late {
            Late::Duplicate => self.duplicated_reordered.add(1),
            Late::Reordered => self.duplicated_reordered.add(1 << 32),
            Late::TooLate => self.too_late_runs.add(1),
        }
    }

    #[inline(always)]
    fn space(&self, elapsed_ns: u64) {
        let bucket = bucket(elapsed_ns);
        if let Some(pair) = self.spacing.get(bucket / 2) {
            pair.add(1 << (bucket % 2 * 32));
        }
        let gap = gap_units(elapsed_ns);
        let (largest, call) = self.largest_gap_call.load_halves();
        if gap > largest {
            self.largest_gap_call.store_halves(gap, call);
        }
    }
}

/// Reading.
impl EndpointQuality {
    /// Number of the call that the counts belong to.
    #[inline(always)]
    pub(super) fn call(&self) -> u32 {
        self.largest_gap_call.load_halves().1
    }

    /// What has happened, when `last` is the highest number, extended. What is still waited for counts as lost, until it comes.
    #[must_use]
    pub(super) fn read(&self, last: u32) -> Quality {
        let (duplicated, reordered) = self.duplicated_reordered.load_halves();
        let (too_late, runs) = self.too_late_runs.load_halves();
        let window = Window::from_bits(self.window.load());
        let awaited = if window.is_empty() { None } else { window.awaited(last) };
        let (mut bursts, mut cluster) = (self.bursts(), self.cluster());
        let begun = awaited.map_or(0, |gone| cluster.runs_begun_by(gone));
        if let Some(over) = awaited.and_then(|gone| cluster.take(gone)) {
            bursts.close(&over);
        }
        bursts.close(&cluster);
        let mut spacing = [0; SPACING_BUCKETS];
        for (pair, word) in spacing.chunks_exact_mut(2).zip(&self.spacing) {
            (pair[0], pair[1]) = word.load_halves();
        }
        Quality {
            lost: self.gone_first.load_halves().0 + awaited.map_or(0, |gone| gone.count),
            loss_runs: runs + begun,
            too_late,
            duplicated,
            reordered,
            bursts,
            largest_gap_ns: gap_ns(self.largest_gap_call.load_halves().0),
            spacing,
        }
    }

    /// Whose packet was dropped last, and why; `None` when none was, or just now another one is.
    #[must_use]
    pub(super) fn offender(&self) -> Option<Offender> {
        let before = self.offender.load();
        load_barrier();
        let [first, second] = &self.offender_address;
        let address = Address::from_words([first.load(), second.load()]);
        load_barrier();
        let [a, b, reason, payload_type, there, ..] = before.to_ne_bytes();
        let whole = there != 0 && self.offender.load() == before;
        whole.then(|| Offender { address, port: u16::from_ne_bytes([a, b]), reason, payload_type })
    }

    #[inline(always)]
    fn bursts(&self) -> Bursts {
        let (packets, lost) = self.burst_packets_lost.load_halves();
        Bursts { count: self.cluster_lost_bursts.load_halves().1, packets, lost }
    }

    #[inline(always)]
    fn cluster(&self) -> Cluster {
        let (first, last) = self.cluster_first_last.load_halves();
        Cluster { first, last, lost: self.cluster_lost_bursts.load_halves().0 }
    }
}

impl Offender {
    /// Why its packet was dropped.
    #[must_use]
    pub fn drop_reason(&self) -> Option<DropReason> {
        DropReason::ALL.iter().copied().find(|reason| *reason as u8 == self.reason)
    }
}
