//! Where RTCP of an endpoint is when that is another address than RTP's (RFC 3605): few endpoints have one, so it is apart
//! from their entries.
//!
//! Each endpoint has room for two places, and its entry says which one holds ([`FLAG_RTCP_SECOND`](super::FLAG_RTCP_SECOND)).
//! Whoever changes it writes the other one first, and then the entry, so a place never changes while an entry names it. The
//! port is in the entry.

use super::Address;
use super::word::Word;

/// An address for RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpPlace {
    /// Where the far side sends RTCP from and receives it.
    pub remote: Address,
    /// Row of the next-hop table for RTCP that leaves here; 0 for none.
    pub next_hop: u16,
}

const WORDS: usize = 3;

/// The places of one endpoint in shared memory.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct RtcpPlaces {
    first: [Word; WORDS],
    second: [Word; WORDS],
}

const _: () = assert!(size_of::<RtcpPlaces>() == 48);

impl RtcpPlaces {
    /// The one of them that an entry names.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "it was written from 16 bits")]
    pub fn read(&self, second: bool) -> RtcpPlace {
        let [upper, lower, next_hop] = self.place(second);
        let remote = Address::from_words([upper.load(), lower.load()]);
        RtcpPlace { remote, next_hop: next_hop.load() as u16 }
    }

    /// Replaces the one that no entry names.
    pub fn write(&self, second: bool, place: &RtcpPlace) {
        let RtcpPlace { remote, next_hop } = place;
        let [upper, lower] = remote.words();
        for (word, value) in self.place(second).iter().zip([upper, lower, u64::from(*next_hop)]) {
            word.store(value);
        }
    }

    #[inline(always)]
    const fn place(&self, second: bool) -> &[Word; WORDS] {
        if second { &self.second } else { &self.first }
    }
}
