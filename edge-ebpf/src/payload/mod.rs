//! What is done to the payload of a packet that is relayed, when its legs differ in more than addresses: another payload
//! type number, another law of G.711.
//!
//! This is the rest of [`forward`](crate::forward::forward), apart because few packets need it: the decision says what is to
//! be done, as [`Work`], and the XDP host does it in a program of its own. Headers are rewritten by then.
//!
//! Invariants: the frame keeps its length; the UDP checksum stays right, or absent; what does not carry the negotiated
//! codec (telephone-events, comfort noise) is not converted.

mod law;
mod rtp;

pub use law::LAW_BYTES_MAX;
#[cfg(any(test, feature = "testing"))]
pub use law::{in_alaw, in_ulaw};

use crate::abi::{Handling, PayloadRule};
use crate::frame::Frame;
use crate::wire::checksum::Checksum;
use crate::wire::udp;

/// Bytes of headers before that of UDP at most: Ethernet and IPv6.
const OFFSET_MAX: u16 = 14 + 40;
/// Where the checksum lies in a UDP header: it is the last field.
const CHECKSUM: usize = udp::LEN - size_of::<Checksum>();

/// What is to be done to an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Index of the endpoint that it arrived at.
    pub near: u32,
    /// Where the UDP header begins now.
    pub offset: u16,
    /// Bytes of the UDP payload.
    pub len: u16,
    /// What becomes of it.
    pub rule: PayloadRule,
}

impl Work {
    /// As two words, to be carried from one program to the next.
    #[inline(always)]
    #[must_use]
    pub const fn to_words(self) -> [u64; 2] {
        let Self { near, offset, len, rule } = self;
        let lengths = (offset as u64) << 32 | (len as u64) << 48;
        [near as u64 | lengths, rule.bits() as u64]
    }

    /// What [`to_words`](Self::to_words) made; `None` of anything else.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word are meant")]
    pub const fn from_words([first, second]: [u64; 2]) -> Option<Self> {
        let Some(rule) = PayloadRule::from_bits(second as u16) else { return None };
        Some(Self { near: first as u32, offset: (first >> 32) as u16, len: (first >> 48) as u16, rule })
    }
}

/// Does it. `None` when the frame is not what the work is about, which is then left as it is.
#[inline(always)]
pub fn carry_out(frame: &mut impl Frame, work: &Work) -> Option<()> {
    if work.offset > OFFSET_MAX {
        return None;
    }
    let udp = usize::from(work.offset);
    let change = rtp::renumber(frame, udp + udp::LEN, work.rule.leaves_as)?;
    let change = match work.rule.handling {
        Handling::Plain | Handling::Event => change,
        Handling::AlawToUlaw => law::convert(frame, work, &law::TO_ULAW, change)?,
        Handling::UlawToAlaw => law::convert(frame, work, &law::TO_ALAW, change)?,
    };
    let checksum: Checksum = frame.read(udp + CHECKSUM)?;
    frame.write(udp + CHECKSUM, checksum.udp_after(change))
}
