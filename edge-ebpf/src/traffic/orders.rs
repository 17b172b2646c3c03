//! How many packets are to be made, and how many have been.

use crate::abi::Word;

/// Frames that the kernel hands over together under `BPF_F_TEST_XDP_LIVE_FRAMES`; they leave when the last one is made.
pub const BATCH: u64 = 64;

/// What the generator is told. The number is written last: a new one makes the others count.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Orders {
    /// Rises with each order.
    pub number: Word,
    /// Packets a second, all streams together.
    pub packets_a_second: Word,
    /// For how long.
    pub duration_ns: Word,
    /// Streams that they are of, in turn.
    pub streams: Word,
    /// From one stream to the next: 2 makes packets of one direction only.
    pub stride: Word,
}

/// What the generator has done. Written by it alone.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Progress {
    /// The order that it carries out.
    pub number: Word,
    /// When it began with it.
    pub began_ns: Word,
    /// Packets that it has made for it, whether they found room in the device or not.
    pub made: Word,
    /// Packets that it should have made and has not, because it was held up. It does not catch up: that would be a burst.
    pub forgone: Word,
    /// The stream that is next.
    pub stream: Word,
    /// Frames that the kernel has asked for.
    pub frames: Word,
    /// Packets to make in this batch.
    pub due: Word,
}

/// More packets a second than can be made: as fast as it goes, and no product overflows.
const FASTEST: u64 = 100_000_000;
const NS: u64 = 1_000_000_000;

impl Orders {
    /// How many packets are due `elapsed_ns` after the beginning, with those that were made or forgone behind it.
    #[inline(always)]
    #[must_use]
    pub fn due(&self, elapsed_ns: u64, behind: u64) -> u64 {
        if elapsed_ns >= self.duration_ns.load() {
            return 0;
        }
        let rate = self.packets_a_second.load();
        let rate = if rate < FASTEST { rate } else { FASTEST };
        // An order lasts for less than three minutes, so that this does not overflow.
        (elapsed_ns * rate / NS).saturating_sub(behind)
    }
}
