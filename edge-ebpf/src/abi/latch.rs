//! Where a far side was found to send from: what the kernel learns under the source policy `latch`.
//!
//! A latch is one [`Word`], so its address, port and generation are never read half-written, by whichever CPU. It has
//! room for the last four octets of an address, which are enough: whom a latch may take is a prefix of at least
//! [`LATCH_PREFIX_MIN`] bits, so the octets before them are those of the entry's remote address.

use super::word::Word;

/// Fewest bits of a prefix that a latch may be learnt from: all of an address but its last four octets.
pub const LATCH_PREFIX_MIN: u8 = 96;

/// The source that an endpoint's packets come from, and where packets for its far side go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latch {
    /// The last four octets of the address: the whole of an IPv4 address.
    pub tail: [u8; 4],
    /// UDP port; never 0.
    pub port: u16,
    /// Generation of the entry that it was learnt under.
    pub generation: u16,
}

/// The place of a [`Latch`] in shared memory.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(transparent)]
pub(super) struct LatchWord(Word);

impl LatchWord {
    /// What was learnt under `generation`, if anything was.
    #[inline(always)]
    pub(super) fn load(&self, generation: u16) -> Option<Latch> {
        let latch = Latch::from_word(self.0.load());
        (latch.port != 0 && latch.generation == generation).then_some(latch)
    }

    /// Keeps `latch` in place of any other.
    #[inline(always)]
    pub(super) fn store(&self, latch: Latch) {
        self.0.store(latch.to_word());
    }

    /// Forgets.
    #[inline(always)]
    pub(super) fn clear(&self) {
        self.0.store(0);
    }
}

impl Latch {
    #[inline(always)]
    const fn to_word(self) -> u64 {
        let [a, b, c, d] = self.tail;
        let [e, f] = self.port.to_ne_bytes();
        let [g, h] = self.generation.to_ne_bytes();
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }

    #[inline(always)]
    const fn from_word(word: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
        Self { tail: [a, b, c, d], port: u16::from_ne_bytes([e, f]), generation: u16::from_ne_bytes([g, h]) }
    }
}
