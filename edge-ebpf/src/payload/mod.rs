//! What is done to the payload of a packet that is relayed, when its legs differ in more than addresses: another payload
//! type number, another law of G.711, a masked digit, a digit in the place of speech. telephone-events are told to
//! userspace here, too.
//!
//! This is the rest of [`forward`](crate::forward::forward), apart because few packets need it: the decision says what is to
//! be done, as [`Work`], and the XDP host does it in a program of its own. Headers are rewritten by then.
//!
//! Invariants: the frame keeps its length, but for speech that becomes a digit; the UDP checksum stays right, or absent; what does not carry the negotiated
//! codec (telephone-events, comfort noise) is not converted.

mod event;
mod law;
mod ride;
mod rtp;

pub use law::LAW_BYTES_MAX;
#[cfg(any(test, feature = "testing"))]
pub use law::{in_alaw, in_ulaw};

use core::hint::black_box;

use crate::abi::{Endpoint, FLAG_ENCRYPTED, FLAG_STEADY, Handling, PayloadRule, ProfileSlot, Stage};
use crate::frame::Frame;
use crate::tables::Tables;
use crate::wire::Payload;
use crate::wire::checksum::Checksum;
use crate::wire::udp;

/// Bytes of headers before that of UDP at most: Ethernet and IPv6.
pub(crate) const OFFSET_MAX: u8 = 14 + 40;
pub(crate) const OFFSET_MASK: u8 = 0x3f;
const _: () = assert!(OFFSET_MAX <= OFFSET_MASK);
/// Where the checksum lies in a UDP header: it is the last field.
const CHECKSUM: usize = udp::LEN - size_of::<Checksum>();

/// What a packet goes through, in the form that one program hands to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tasks(u16);

impl Tasks {
    /// It becomes a part of one stream, or may speak of one: see [`steady`](crate::steady). No rule has this bit.
    const STEADY: u16 = 1 << 15;
    /// It is RTCP that may be read: see [`reports`](crate::reports). No rule has this bit.
    const REPORTS: u16 = 1 << 14;

    /// What a packet between these legs needs, for whose payload these are the bits of the rule.
    #[inline(always)]
    pub(crate) fn of(payload: Payload, near: &Endpoint, far: &Endpoint, rule: u16) -> Self {
        let about = match payload {
            Payload::Rtp => far.flags,
            Payload::Udptl | Payload::Stun | Payload::Dtls => 0,
            Payload::Rtcp => far.flags | near.flags,
        };
        let steady = if about & FLAG_STEADY != 0 { Self::STEADY } else { 0 };
        let is_read = matches!(payload, Payload::Rtcp) && near.flags & FLAG_ENCRYPTED == 0;
        let reports = if is_read { Self::REPORTS } else { 0 };
        Self(steady | reports | rule)
    }

    /// What becomes of its payload, if anything.
    #[inline(always)]
    #[must_use]
    pub const fn rule(self) -> Option<PayloadRule> {
        PayloadRule::from_bits(self.0)
    }

    /// Whether it goes by way of [`steady`](crate::steady).
    #[inline(always)]
    #[must_use]
    pub const fn are_steady(self) -> bool {
        self.0 & Self::STEADY != 0
    }

    /// Whether it is RTCP that is to be read.
    #[inline(always)]
    #[must_use]
    pub const fn are_read(self) -> bool {
        self.0 & Self::REPORTS != 0
    }

    /// Whether they change what the packet holds.
    #[inline(always)]
    #[must_use]
    pub const fn change_it(self) -> bool {
        self.0 & !Self::REPORTS != 0
    }

    /// The first stage that a packet goes through.
    #[inline(always)]
    #[must_use]
    pub const fn first(self, payload: Payload) -> Stage {
        match payload {
            Payload::Rtcp if self.are_read() => Stage::Reports,
            Payload::Rtcp => Stage::Rtcp,
            Payload::Rtp | Payload::Udptl | Payload::Stun | Payload::Dtls if self.are_steady() => {
                Stage::Steady
            }
            Payload::Rtp | Payload::Udptl | Payload::Stun | Payload::Dtls => Stage::Payload,
        }
    }

    #[inline(always)]
    pub(crate) const fn are_none(self) -> bool {
        self.0 == 0
    }
}

/// What is to be done to an RTP packet, or to RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Index of the endpoint that it arrived at.
    pub near: u32,
    /// Where the UDP header begins now.
    pub offset: u8,
    /// Bytes of the UDP payload.
    pub len: u16,
    /// What becomes of it.
    pub tasks: Tasks,
    /// Row of the profiles that its rule is of.
    pub profile: u16,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It leaves.
    Leaves,
    /// It is of an event that does not cross.
    Held,
}

impl Work {
    /// As two words, to be carried from one program to the next.
    #[inline(always)]
    #[must_use]
    pub const fn to_words(self) -> [u64; 2] {
        let Self { near, offset, len, tasks, profile } = self;
        let lengths = (offset as u64) << 32 | (len as u64) << 48;
        [near as u64 | lengths, tasks.0 as u64 | (profile as u64) << 16]
    }

    /// What [`to_words`](Self::to_words) made.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
    pub const fn from_words([first, second]: [u64; 2]) -> Self {
        let (offset, len) = ((first >> 32) as u8, (first >> 48) as u16);
        Self { near: first as u32, offset, len, tasks: Tasks(second as u16), profile: (second >> 16) as u16 }
    }
}

/// Does it. `None` when the frame is not what the work is about, which is then left as it is.
#[inline(always)]
pub fn carry_out(frame: &mut impl Frame, tables: &impl Tables, work: &Work) -> Option<Done> {
    if work.offset > OFFSET_MAX {
        return None;
    }
    // Opaque, so that the mask stays: the verifier has to see it where the compiler knows better.
    let work = &Work { offset: black_box(work.offset) & OFFSET_MASK, ..*work };
    let PayloadRule { leaves_as, handling, is_watched } = work.tasks.rule()?;
    let profile = if is_watched { tables.profile(work.profile.into()) } else { None };
    let flags = profile.map_or(0, ProfileSlot::flags);
    if is_watched && !matches!(handling, Handling::Event) && ride::ride(frame, tables, work, flags)? {
        return Some(Done::Leaves);
    }
    let udp = usize::from(work.offset);
    let change = rtp::renumber(frame, udp + udp::LEN, leaves_as)?;
    let (done, change) = match handling {
        Handling::Event if is_watched => event::pass(frame, tables, work, change, flags)?,
        Handling::Plain | Handling::Event => (Done::Leaves, change),
        Handling::AlawToUlaw => (Done::Leaves, law::convert(frame, work, &law::TO_ULAW, change)?),
        Handling::UlawToAlaw => (Done::Leaves, law::convert(frame, work, &law::TO_ALAW, change)?),
    };
    let checksum: Checksum = frame.read(udp + CHECKSUM)?;
    frame.write(udp + CHECKSUM, checksum.udp_after(change))?;
    if matches!(done, Done::Held) {
        event::hold(tables, work);
    }
    Some(done)
}
