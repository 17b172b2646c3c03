//! Digits as telephone-events (RFC 4733): what an endpoint remembers of the one that it hears, what it is asked to send, and
//! what userspace is told.
//!
//! A slot has two writers, each with words of its own: userspace orders, and the payload stage keeps everything else. Packets
//! of endpoints that nobody wants digits of never touch it.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::word::Word;

/// What the ring buffer holds: an event that a leg has sent, or an ordered one that has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct DigitTold {
    /// Number of the call.
    pub call: u32,
    /// Index of the endpoint that its packets arrived at.
    pub endpoint: u32,
    /// RTP timestamp of its begin.
    pub timestamp: u32,
    /// How long it was, in ticks of its RTP clock.
    pub duration_ticks: u16,
    /// Its number: 0 to 15 are digits (section 3.2).
    pub event: u8,
    /// 0 to 63 dBm0 below 0, when it was heard; [`DIGIT_SENT`] when it was ordered and has left.
    pub volume: u8,
}

/// In the place of a volume: this one was ordered.
pub const DIGIT_SENT: u8 = 0xff;

const _: () = assert!(size_of::<DigitTold>() == 16);

/// A digit that the packets which arrive at an endpoint are to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitOrder {
    /// Number of the call; an order of another one does not hold.
    pub call: u32,
    /// Differs from that of the order before; 0 orders nothing.
    pub number: u8,
    /// Number of the event.
    pub event: u8,
    /// How long it is to be, in ticks of the RTP clock.
    pub duration_ticks: u16,
}

/// The event that an endpoint heard last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitHeard {
    /// RTP timestamp of its begin, the same in all of its packets.
    pub timestamp: u32,
    /// How long it was when it was heard last, in ticks.
    pub duration_ticks: u16,
    /// Its number.
    pub event: u8,
    /// How loud it is: 0 to 63 dBm0 below 0.
    pub volume: u8,
    /// Whether there is one.
    pub is_there: bool,
    /// Whether it was told, or is not to be.
    pub is_told: bool,
}

/// How far an ordered digit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitSending {
    /// RTP timestamp of its begin.
    pub timestamp: u32,
    /// Number of its order.
    pub number: u8,
    /// Packets that said that it is over.
    pub ends: u8,
}

/// Digits of one endpoint: a cache line.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct DigitSlot {
    order: Word,
    /// Number of the call that the words below belong to, and when its bucket of events is full again.
    owner: Word,
    heard: Word,
    heard_flags: Word,
    heard_ns: Word,
    sending: Word,
    reserved: [Word; 2],
}

const _: () = assert!(size_of::<DigitSlot>() == 64);

const IS_THERE: u64 = 1 << 8;
const IS_TOLD: u64 = 1 << 9;

/// The kernel's side.
impl DigitSlot {
    /// Makes this the slot of `call`: forgets what another one left.
    #[inline(always)]
    pub fn adopt(&self, call: u32) {
        if self.owner.load_halves().0 != call {
            for word in [&self.heard, &self.heard_flags, &self.heard_ns, &self.sending] {
                word.store(0);
            }
            self.owner.store_halves(call, 0);
        }
    }

    /// Keeps the event that was heard last, and when.
    #[inline(always)]
    pub fn keep_heard(&self, heard: DigitHeard, arrival_ns: u64) {
        let DigitHeard { timestamp, duration_ticks, event, volume, is_there, is_told } = heard;
        let flags = if is_there { IS_THERE } else { 0 } | if is_told { IS_TOLD } else { 0 };
        self.heard_flags.store(flags | volume as u64);
        self.heard.store(timestamp as u64 | (duration_ticks as u64) << 32 | (event as u64) << 48);
        self.heard_ns.store(arrival_ns);
    }

    /// When the bucket of events that may be told is full again, in steps.
    #[inline(always)]
    #[must_use]
    pub fn full_at(&self) -> u32 {
        self.owner.load_halves().1
    }

    /// Keeps that.
    #[inline(always)]
    pub fn keep_full_at(&self, full_at: u32) {
        self.owner.store_halves(self.owner.load_halves().0, full_at);
    }

    /// What the packets are to carry.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
    pub fn ordered(&self) -> DigitOrder {
        let (call, rest) = self.order.load_halves();
        let (number, event, duration_ticks) = (rest as u8, (rest >> 8) as u8, (rest >> 16) as u16);
        DigitOrder { call, number, event, duration_ticks }
    }

    /// How far the newest order is.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
    pub fn sending(&self) -> DigitSending {
        let (timestamp, rest) = self.sending.load_halves();
        DigitSending { timestamp, number: rest as u8, ends: (rest >> 8) as u8 }
    }

    /// Keeps that.
    #[inline(always)]
    pub fn keep_sending(&self, sending: DigitSending) {
        let DigitSending { timestamp, number, ends } = sending;
        self.sending.store_halves(timestamp, number as u32 | (ends as u32) << 8);
    }
}

/// Both sides.
impl DigitSlot {
    /// The event that was heard last, as it was then.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
    pub fn heard(&self) -> DigitHeard {
        let (word, flags) = (self.heard.load(), self.heard_flags.load());
        DigitHeard {
            timestamp: word as u32,
            duration_ticks: (word >> 32) as u16,
            event: (word >> 48) as u8,
            volume: flags as u8,
            is_there: flags & IS_THERE != 0,
            is_told: flags & IS_TOLD != 0,
        }
    }
}

/// Userspace's side.
impl DigitSlot {
    /// Orders a digit, in the place of the one before: `order.number` is made one that holds.
    pub fn order(&self, order: DigitOrder) {
        let DigitOrder { call, number: _, event, duration_ticks } = order;
        let number = match self.ordered().number.wrapping_add(1) {
            0 => 1,
            number => number,
        };
        let rest = u32::from(number) | u32::from(event) << 8 | u32::from(duration_ticks) << 16;
        self.order.store_halves(call, rest);
    }

    /// Takes the order back. What has left of the digit has left.
    pub fn withdraw(&self) {
        let number = self.ordered().number;
        self.order.store_halves(0, number.into());
    }

    /// An event of `call` whose end was not heard, and when its last packet came, on `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn unfinished(&self, call: u32) -> Option<(DigitHeard, u64)> {
        let heard = self.heard();
        let ours = self.owner.load_halves().0 == call;
        (ours && heard.is_there && !heard.is_told).then(|| (heard, self.heard_ns.load()))
    }
}
