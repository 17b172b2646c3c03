//! What the packets of an endpoint may be: its payload types, what becomes of each, and how many may come.
//!
//! A profile follows from what two legs agreed on, so most calls share a handful: an endpoint's entry names a row, and the
//! rows stay in the processor's caches. A row is written before an entry names it, never changes while one does, and serves
//! another profile only after no entry has named it for a second. So a reader needs no lock. Row 0 means "no profile".

use super::word::Word;
use crate::budget::Rate;

/// RTP payload types (RFC 3550 section 5.1: seven bits).
pub const PAYLOAD_TYPES: usize = 128;

/// What becomes of what a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Handling {
    /// It crosses as it is.
    #[default]
    Plain = 0,
    /// It is a telephone-event (RFC 4733).
    Event = 1,
    /// It is G.711 A-law, and leaves as mu-law.
    AlawToUlaw = 2,
    /// It is G.711 mu-law, and leaves as A-law.
    UlawToAlaw = 3,
}

/// What becomes of one payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadRule {
    /// Number that it leaves by, 0 to 127.
    pub leaves_as: u8,
    /// What becomes of what it carries.
    pub handling: Handling,
    /// Whether digits are to be heard in it, or to ride on it: the payload stage looks at it.
    pub is_watched: bool,
}

const NEGOTIATED: u16 = 0x80;
const LEAVES_AS: u16 = 0x7f;
const HANDLING_SHIFT: u32 = 8;
const WATCHED: u16 = 1 << 10;

impl PayloadRule {
    /// As a number.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u16 {
        let watched = if self.is_watched { WATCHED } else { 0 };
        watched | (self.handling as u16) << HANDLING_SHIFT | NEGOTIATED | self.leaves_as as u16 & LEAVES_AS
    }

    /// What [`bits`](Self::bits) made; `None` for 0.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & NEGOTIATED == 0 {
            return None;
        }
        let handling = match bits >> HANDLING_SHIFT & 3 {
            0 => Handling::Plain,
            1 => Handling::Event,
            2 => Handling::AlawToUlaw,
            _ => Handling::UlawToAlaw,
        };
        let is_watched = bits & WATCHED != 0;
        Some(Self { leaves_as: (bits & LEAVES_AS) as u8, handling, is_watched })
    }

    /// Whether a packet of `payload_type` is to be looked at, or leaves otherwise than it came.
    #[inline(always)]
    #[must_use]
    pub const fn changes(self, payload_type: u8) -> bool {
        self.leaves_as != payload_type || self.is_watched || self.converts()
    }

    /// Whether it leaves as another codec.
    #[inline(always)]
    #[must_use]
    pub const fn converts(self) -> bool {
        matches!(self.handling, Handling::AlawToUlaw | Handling::UlawToAlaw)
    }
}

/// Flag: a payload type without a rule crosses as it is, counted at its endpoint, and so does what exceeds the rate.
pub const PROFILE_COUNTS_ONLY: u64 = 1;
/// Flag: telephone-events that are watched are told to userspace.
pub const PROFILE_TELLS_EVENTS: u64 = 2;
/// Flag: telephone-events that are watched cross with another digit in the place of theirs.
pub const PROFILE_MASKS_EVENTS: u64 = 4;
/// Flag: telephone-events that are watched do not cross.
pub const PROFILE_HOLDS_EVENTS: u64 = 8;

const DIGITS_AS_SHIFT: u32 = 8;
const DIGITS_STEP_SHIFT: u32 = 16;
const DIGITS_RIDE: u64 = 0x80 << DIGITS_AS_SHIFT;

/// The flags that let digits ride on what is watched: the payload type that they leave by, and the ticks of 20 ms.
#[must_use]
pub const fn profile_digits_as(payload_type: u8, step_ticks: u16) -> u64 {
    DIGITS_RIDE | ((payload_type & 0x7f) as u64) << DIGITS_AS_SHIFT | (step_ticks as u64) << DIGITS_STEP_SHIFT
}

/// What [`profile_digits_as`] made; `None` when no digit rides.
#[inline(always)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
pub const fn digits_as(flags: u64) -> Option<(u8, u16)> {
    if flags & DIGITS_RIDE == 0 {
        return None;
    }
    Some(((flags >> DIGITS_AS_SHIFT) as u8 & 0x7f, (flags >> DIGITS_STEP_SHIFT) as u16))
}

const RULES_PER_WORD: usize = 4;
const RULE_WORDS: usize = PAYLOAD_TYPES / RULES_PER_WORD;

/// The place of a profile in shared memory: five cache lines, of which a packet touches two.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct ProfileSlot {
    rules: [Word; RULE_WORDS],
    rate: Word,
    flags: Word,
    reserved: [Word; 6],
}

const _: () = assert!(size_of::<ProfileSlot>() == 320);

/// What userspace says of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// By payload type; `None` was not negotiated.
    pub rules: [Option<PayloadRule>; PAYLOAD_TYPES],
    /// How many packets may come, and how long.
    pub rate: Rate,
    /// [`PROFILE_COUNTS_ONLY`] and the others.
    pub flags: u64,
}

impl ProfileSlot {
    /// What becomes of a payload type below 128; `None` when it was not negotiated.
    #[inline(always)]
    #[must_use]
    pub fn rule(&self, payload_type: u8) -> Option<PayloadRule> {
        let number = usize::from(payload_type);
        let word = self.rules.get(number / RULES_PER_WORD)?.load();
        PayloadRule::from_bits((word >> (number % RULES_PER_WORD * 16)) as u16)
    }

    /// How many packets may come.
    #[inline(always)]
    #[must_use]
    pub fn rate(&self) -> Rate {
        let (per_packet, per_byte) = self.rate.load_halves();
        Rate { per_packet, per_byte }
    }

    /// [`PROFILE_COUNTS_ONLY`] and the others.
    #[inline(always)]
    #[must_use]
    pub fn flags(&self) -> u64 {
        self.flags.load()
    }

    /// Replaces a row that no entry names.
    pub fn write(&self, profile: &Profile) {
        for (word, rules) in self.rules.iter().zip(profile.rules.chunks(RULES_PER_WORD)) {
            let bits = rules
                .iter()
                .rev()
                .fold(0, |bits, rule| bits << 16 | u64::from(rule.map_or(0, PayloadRule::bits)));
            word.store(bits);
        }
        self.rate.store_halves(profile.rate.per_packet, profile.rate.per_byte);
        self.flags.store(profile.flags);
    }
}
