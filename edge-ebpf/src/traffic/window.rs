//! Which packets of a stream have come: its highest number, and those shortly before it.

use crate::abi::Word;

/// Numbers before the highest one of which it is known whether they have come.
pub const WINDOW: u64 = 64;

/// What the sink knows of a stream. One writer: the device that the stream arrives at.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Window {
    /// The number after the highest one that has come.
    pub next: Word,
    /// A bit for each of the numbers before it; the lowest is the nearest.
    pub seen: Word,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first with its number.
    New,
    /// Not the first.
    Duplicate,
    /// Older than what is known.
    Late,
}

impl Window {
    /// Takes a packet in.
    #[inline(always)]
    pub fn record(&self, number: u32) -> Arrival {
        let (number, next) = (u64::from(number), self.next.load());
        if number >= next {
            let ahead = number - next + 1;
            let seen = if ahead < WINDOW { self.seen.load() << ahead } else { 0 };
            self.seen.store(seen | 1);
            self.next.store(number + 1);
            return Arrival::New;
        }
        let behind = next - 1 - number;
        if behind >= WINDOW {
            return Arrival::Late;
        }
        let (seen, bit) = (self.seen.load(), 1 << behind);
        self.seen.store(seen | bit);
        if seen & bit == 0 { Arrival::New } else { Arrival::Duplicate }
    }
}
