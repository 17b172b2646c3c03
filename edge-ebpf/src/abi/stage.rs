//! Programs that a packet goes on to, by tail call, when the media program has no use for it. Each has a stack and a
//! verifier's budget of its own.
//!
//! The array of them belongs to one load of the media program, not to the version: a program that is replaced takes its
//! stages with it. A slot that is empty ends the way there, and the packet passes.

/// A program behind the media program. The number is its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// Looks at what is for SIP, and passes everything else.
    Shield = 0,
    /// Changes the payload of packets that are relayed. Without it they are dropped.
    Payload = 1,
    /// Makes RTP a part of one stream. Without it it is dropped.
    Steady = 2,
    /// Speaks of streams by their numbers on the other leg. Without it RTCP about them is dropped.
    Rtcp = 3,
    /// Reads what RTCP reports. Without it RTCP is dropped.
    Reports = 4,
    /// Decides about frames with a tag. Without it they pass to the host.
    Vlan = 5,
    /// Puts a tag on what leaves into a VLAN. Without it that is dropped.
    Tag = 6,
    /// Decides about media as the media program does, behind the tap of a capture. There only while one runs, as the other tapped ones.
    TappedMedia = 7,
    /// Looks at what is for SIP in a frame with a tag. Without it everything passes.
    TaggedShield = 8,
    /// As [`Vlan`](Self::Vlan).
    TappedVlan = 9,
    /// As [`Tag`](Self::Tag).
    TappedTag = 10,
}

impl Stage {
    /// Every stage that is always there, in the order of its slot.
    pub const ALL: &[Self] = &[
        Self::Shield,
        Self::Payload,
        Self::Steady,
        Self::Rtcp,
        Self::Reports,
        Self::Vlan,
        Self::Tag,
        Self::TaggedShield,
    ];

    /// The stages behind the tap of a capture, beside the others.
    pub const TAPPED: &[Self] = &[Self::TappedMedia, Self::TappedVlan, Self::TappedTag];

    /// Its slot of [`STAGES`](super::STAGES).
    #[inline(always)]
    #[must_use]
    pub const fn slot(self) -> u32 {
        self as u32
    }

    /// Name of its program in the object.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Shield => "edge_shield",
            Self::Payload => "edge_payload",
            Self::Steady => "edge_steady",
            Self::Rtcp => "edge_rtcp",
            Self::Reports => "edge_reports",
            Self::Vlan => "edge_vlan",
            Self::Tag => "edge_tag",
            Self::TaggedShield => "edge_tagged_shield",
            Self::TappedMedia => "edge_media_tapped",
            Self::TappedVlan => "edge_vlan_tapped",
            Self::TappedTag => "edge_tag_tapped",
        }
    }
}
