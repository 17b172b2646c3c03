//! One RTP stream for the life of a call: what the side behind an endpoint is sent, whoever the packets come from.
//!
//! A slot belongs to the endpoint that the stream leaves by. It has three writers, each with a line of its own: userspace says
//! which stream it is, the RTP of the other leg moves it, and RTCP of both legs keeps what its reports need. Packets of
//! endpoints without [`FLAG_STEADY`](super::FLAG_STEADY) never touch it.
//!
//! **Two CPUs.** The RTP of one far side has one address pair, hence one CPU at a time, so these are plain loads and stores. At
//! a change of sources two CPUs may be here at once. What a late packet of the old source overwrites then is put right by the next
//! packet of the new one, because every packet in order says anew where the stream is. Two changes at the same instant may leave
//! the offsets of one source beside the name of the other; the offsets carry a tag of theirs, so the next packet sees that and
//! makes the change again. The last writer has the stream.

use super::word::{Word, store_barrier};

/// Where a stream is: what its far side was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Sequence number of the newest packet.
    pub sequence: u16,
    /// The newest timestamp.
    pub timestamp: u32,
    /// When a packet first had it, on `CLOCK_MONOTONIC`.
    pub since_ns: u64,
}

/// Who the packets come from, in its own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its SSRC.
    pub ssrc: u32,
    /// Generation of the entry that it sends under.
    pub generation: u16,
    /// The first sequence number that it has the stream with.
    pub first: u16,
    /// The newest one, extended: counted on from `first`.
    pub last: u32,
    /// What is added to its numbers.
    pub offsets: Offsets,
}

/// What is added to the numbers of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offsets {
    /// To timestamps, in RTP and in sender reports.
    pub timestamp: u32,
    /// To sequence numbers.
    pub sequence: u16,
}

/// The source before: for packets of it that come late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// Its SSRC.
    pub ssrc: u32,
    /// Its newest sequence number.
    pub last: u16,
    /// What is added to its numbers.
    pub offsets: Offsets,
}

/// What the RTCP of both legs has to remember of the source that it was about last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    /// SSRC of the source whose sender reports have crossed.
    pub sender: u32,
    /// The middle 32 bits of the NTP time of the first and of the last of them.
    pub first_report: u32,
    /// See `first_report`.
    pub last_report: u32,
    /// Packets that were said to have been sent: what is added, and the sum that was said last.
    pub packets: (u32, u32),
    /// The same of octets.
    pub octets: (u32, u32),
    /// SSRC of the source that the far side reported on last.
    pub receiver_of: u32,
    /// Lost packets of the stream that are not that source's, and how many the far side said last.
    pub lost: (u32, u32),
}

const HAS_PAST: u32 = 1;
const HAS_SOURCE: u32 = 2;
const HAS_FORMER: u32 = 4;

/// The stream that leaves by one endpoint: three cache lines.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct SteadySlot {
    /// Number of the call, and SSRC of the stream.
    identity: Word,
    /// One more than the index of the endpoint that it left by before; 0 for none.
    follows: Word,
    reserved: [Word; 6],

    /// The identity that the words below belong to.
    owner: Word,
    /// SSRC, first sequence number, generation.
    source: Word,
    /// Offsets of timestamp and sequence number, and the tag of their source.
    offsets: Word,
    /// The newest sequence number as its source counts, and the newest timestamp as it left.
    last: Word,
    since_ns: Word,
    seen_ns: Word,
    /// SSRC, newest sequence number and its offset.
    former: Word,
    /// Offset of its timestamps; flags.
    former_flags: Word,

    /// Of [`Reported`]: sender and first report, last report, packets, octets, receiver, lost.
    reported: [Word; 6],
    spare: [Word; 2],
}

const _: () = assert!(size_of::<SteadySlot>() == 192);

/// Userspace's side.
impl SteadySlot {
    /// Says which stream leaves here from now on: of which call, by which SSRC, and which endpoint it left by before, if another.
    /// What is so already goes on.
    pub fn describe(&self, call: u32, ssrc: u32, follows: Option<u32>) {
        if self.identity.load_halves() == (call, ssrc) {
            return;
        }
        self.follows.store(follows.map_or(0, |index| u64::from(index) + 1));
        store_barrier();
        self.identity.store_halves(call, ssrc);
    }
}

/// Both sides.
impl SteadySlot {
    /// SSRC of the stream that leaves here.
    #[inline(always)]
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.identity.load_halves().1
    }

    /// Number of the call that it is of.
    #[inline(always)]
    #[must_use]
    pub fn call(&self) -> u32 {
        self.identity.load_halves().0
    }

    /// Where the stream is; `None` before its first packet.
    #[inline(always)]
    #[must_use]
    pub fn reached(&self) -> Option<Reached> {
        if !self.is_ours() || self.flags() & HAS_PAST == 0 {
            return None;
        }
        let (last, timestamp) = self.last.load_halves();
        let sequence = (last as u16).wrapping_add(self.offsets().sequence);
        Some(Reached { sequence, timestamp, since_ns: self.since_ns.load() })
    }

    #[inline(always)]
    fn is_ours(&self) -> bool {
        self.owner.load() == self.identity.load()
    }

    #[inline(always)]
    fn flags(&self) -> u32 {
        self.former_flags.load_halves().1
    }

    #[inline(always)]
    fn offsets(&self) -> Offsets {
        let word = self.offsets.load();
        Offsets { timestamp: word as u32, sequence: (word >> 32) as u16 }
    }
}

/// The kernel's side, RTP.
impl SteadySlot {
    /// Whether the words of the kernel belong to another stream than userspace has described.
    #[inline(always)]
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.is_ours()
    }

    /// Index of the endpoint that it left by before.
    #[inline(always)]
    #[must_use]
    pub fn follows(&self) -> Option<u32> {
        let follows = self.follows.load() as u32;
        if follows == 0 { None } else { Some(follows - 1) }
    }

    /// Where the stream of this SSRC was when it left here last, and what was reported of it, whatever it is now.
    #[inline(always)]
    #[must_use]
    pub fn left(&self, ssrc: u32) -> Option<(Reached, Reported)> {
        let (_, owner) = self.owner.load_halves();
        if owner != ssrc || self.flags() & HAS_PAST == 0 {
            return None;
        }
        let (last, timestamp) = self.last.load_halves();
        let sequence = (last as u16).wrapping_add(self.offsets().sequence);
        Some((Reached { sequence, timestamp, since_ns: self.since_ns.load() }, self.reported()))
    }

    /// Begins the stream that userspace has described, where another endpoint has left it.
    #[inline(always)]
    pub fn begin(&self, left: Option<(Reached, Reported)>) {
        let reported = match left {
            Some((_, reported)) => reported,
            None => Reported::default(),
        };
        self.former_flags.store_halves(0, 0);
        self.offsets.store(0);
        if let Some((Reached { sequence, timestamp, since_ns }, _)) = left {
            self.last.store_halves(sequence as u32, timestamp);
            self.since_ns.store(since_ns);
            self.former_flags.store_halves(0, HAS_PAST);
        }
        self.keep_reported(&reported);
        store_barrier();
        self.owner.store(self.identity.load());
    }

    /// Whose packets it consists of; `None` before the first one, or when two were made that at the same instant.
    #[inline(always)]
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        if !self.is_ours() || self.flags() & HAS_SOURCE == 0 {
            return None;
        }
        let (source, offsets) = (self.source.load(), self.offsets.load());
        let ssrc = source as u32;
        let offsets_of = Offsets { timestamp: offsets as u32, sequence: (offsets >> 32) as u16 };
        if (offsets >> 48) as u16 != tag(ssrc) {
            return None;
        }
        let (first, generation) = ((source >> 32) as u16, (source >> 48) as u16);
        Some(Source { ssrc, generation, first, last: self.last.load_halves().0, offsets: offsets_of })
    }

    /// The source before it.
    #[inline(always)]
    #[must_use]
    pub fn former(&self) -> Option<Former> {
        let (timestamp, flags) = self.former_flags.load_halves();
        if flags & HAS_FORMER == 0 {
            return None;
        }
        let word = self.former.load();
        let offsets = Offsets { timestamp, sequence: (word >> 48) as u16 };
        Some(Former { ssrc: word as u32, last: (word >> 32) as u16, offsets })
    }

    /// When its last packet came, of whichever source.
    #[inline(always)]
    #[must_use]
    pub fn seen_ns(&self) -> u64 {
        self.seen_ns.load()
    }

    /// A source has the stream from here on; the one before is `former`.
    #[inline(always)]
    pub fn turn_to(&self, source: &Source, timestamp: u32, now_ns: u64, former: Option<Former>) {
        let (former_timestamp, flag) = match former {
            Some(Former { ssrc, last, offsets }) => {
                self.former.store(ssrc as u64 | (last as u64) << 32 | (offsets.sequence as u64) << 48);
                (offsets.timestamp, HAS_FORMER)
            }
            None => (0, 0),
        };
        let Source { ssrc, last, offsets, .. } = *source;
        let tag = (tag(ssrc) as u64) << 48;
        self.offsets.store(offsets.timestamp as u64 | (offsets.sequence as u64) << 32 | tag);
        self.name(source);
        self.last.store_halves(last, timestamp);
        self.since_ns.store(now_ns);
        self.seen_ns.store(now_ns);
        self.former_flags.store_halves(former_timestamp, HAS_PAST | HAS_SOURCE | flag);
    }

    /// Keeps under which generation the source sends, and from which number on it counts.
    #[inline(always)]
    pub fn name(&self, source: &Source) {
        let Source { ssrc, generation, first, .. } = *source;
        self.source.store(ssrc as u64 | (first as u64) << 32 | (generation as u64) << 48);
    }

    /// Keeps the newest packet: its number as its source counts, and a newer timestamp, if it has one.
    #[inline(always)]
    pub fn go_on(&self, last: u32, timestamp: Option<u32>, now_ns: u64) {
        match timestamp {
            Some(timestamp) => {
                self.last.store_halves(last, timestamp);
                self.since_ns.store(now_ns);
            }
            None => self.last.store_halves(last, self.last.load_halves().1),
        }
    }

    /// The newest timestamp, as it left.
    #[inline(always)]
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.last.load_halves().1
    }

    /// Keeps that the source sends.
    #[inline(always)]
    pub fn see(&self, now_ns: u64) {
        self.seen_ns.store(now_ns);
    }
}

/// The kernel's side, RTCP.
impl SteadySlot {
    /// What was reported of the stream.
    #[inline(always)]
    #[must_use]
    pub fn reported(&self) -> Reported {
        let [sender, last, packets, octets, receiver, lost] = &self.reported;
        let ((sender, first_report), (last_report, _)) = (sender.load_halves(), last.load_halves());
        let (packets, octets) = (packets.load_halves(), octets.load_halves());
        let ((receiver_of, _), lost) = (receiver.load_halves(), lost.load_halves());
        Reported { sender, first_report, last_report, packets, octets, receiver_of, lost }
    }

    #[inline(always)]
    fn keep_reported(&self, reported: &Reported) {
        self.keep_sent(reported);
        self.keep_received(reported);
    }

    /// Keeps what sender reports have said: the RTCP of the leg that sends.
    #[inline(always)]
    pub fn keep_sent(&self, reported: &Reported) {
        let Reported { sender, first_report, last_report, packets, octets, .. } = *reported;
        self.reported[0].store_halves(sender, first_report);
        self.reported[1].store_halves(last_report, 0);
        self.reported[2].store_halves(packets.0, packets.1);
        self.reported[3].store_halves(octets.0, octets.1);
    }

    /// Keeps what the far side has reported: the RTCP of the leg that receives.
    #[inline(always)]
    pub fn keep_received(&self, reported: &Reported) {
        self.reported[4].store_halves(reported.receiver_of, 0);
        self.reported[5].store_halves(reported.lost.0, reported.lost.1);
    }
}

/// What offsets carry of the SSRC that they are for.
#[inline(always)]
const fn tag(ssrc: u32) -> u16 {
    (ssrc ^ ssrc >> 16) as u16
}
