//! What becomes of a packet, and why. Every packet gets exactly one verdict, and every verdict one counter.

use crate::wire::Payload;

/// Declares reasons: the number is for ever, the name is what operators see.
macro_rules! declare_reasons {
    ($(#[$doc:meta])* $enum:ident { $($variant:ident = $number:literal, $name:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $enum { $(#[doc = $text] $variant = $number,)+ }

        impl $enum {
            /// Every reason, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Name for counters and records; stable.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One line for an operator.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Their counters, from this index on.
            pub(crate) fn counters(
                from: u32,
                kind: $crate::verdict::CounterKind,
            ) -> impl Iterator<Item = $crate::verdict::CounterSlot> {
                Self::ALL.iter().map(move |reason| $crate::verdict::CounterSlot {
                    index: from + *reason as u32,
                    kind,
                    name: reason.name(),
                    description: reason.description(),
                })
            }
        }
    };
}
pub(crate) use declare_reasons as reasons;

reasons! {
    /// Why a packet goes on to the host untouched.
    PassReason {
        NotIp = 0, "not_ip", "neither IPv4 nor IPv6: ARP and the like";
        NotUdp = 1, "not_udp", "IP, but not UDP";
        LaterFragment = 2, "later_fragment", "a fragment without a UDP header; the host may reassemble it";
        NotMedia = 3, "not_media", "UDP to an address or port that is not for media";
        Incomplete = 4, "incomplete", "too short to tell what it is";
        OtherDevice = 5, "other_device", "for a media port, but not through the device of its realm: nobody answers";
        ExtensionHeaders = 6, "extension_headers", "IPv6 with extension headers, which no media sender uses";
        Tagged = 7, "tagged", "tagged for a VLAN that no realm is in, or twice";
        ClosedPort = 8, "closed_port", "for a media port without a call, which the host may say ([xdp] closed_ports)";
    }
}

impl PassReason {
    /// Whether such a packet may reach a socket for SIP.
    #[inline(always)]
    #[must_use]
    pub const fn may_be_sip(self) -> bool {
        match self {
            Self::NotUdp | Self::LaterFragment | Self::NotMedia | Self::ExtensionHeaders => true,
            Self::NotIp | Self::Incomplete | Self::OtherDevice | Self::Tagged | Self::ClosedPort => false,
        }
    }
}

reasons! {
    /// Why a packet for a media port was dropped.
    DropReason {
        IpOptions = 0, "ip_options", "IP options, which no media sender uses";
        FirstFragment = 1, "first_fragment", "fragmented: the sender's packets exceed its path";
        IpChecksum = 2, "ip_checksum", "wrong IP header checksum: damaged on the way";
        Truncated = 3, "truncated", "a length field reaches beyond the packet";
        NotRtp = 4, "not_rtp", "first octet is not that of RTP or RTCP (RFC 7983): T.38 before or after its time, ZRTP, or noise";
        ShortRtp = 5, "short_rtp", "shorter than an RTP header, or than any UDPTL packet";
        MuxedRtcp = 6, "muxed_rtcp", "RTCP on the RTP port, which was not negotiated (RFC 5761)";
        BadRtcp = 7, "bad_rtcp", "not a well-formed RTCP packet";
        NoEndpoint = 8, "no_endpoint", "no call uses this port: media before or after its call";
        EntryChanging = 9, "entry_changing", "the endpoint changed again and again just then: a fault of ours";
        WrongEntry = 10, "wrong_entry", "the endpoint's entry is for another address: a fault of ours";
        StalePeer = 11, "stale_peer", "the other leg's endpoint belongs to another call: its call is ending";
        SourceNotKnown = 12, "source_not_known", "this leg has not said yet where it sends from";
        UnexpectedSource = 13, "unexpected_source", "not from where the trunk's media_source lets this leg send from";
        NoRemote = 14, "no_remote", "the other leg has not said where it receives, or is on hold";
        NoNextHop = 15, "no_next_hop", "no route to the other leg's address";
        NextHopUnresolved = 16, "next_hop_unresolved", "the next hop does not answer ARP, or neighbour discovery";
        NoDevice = 17, "no_device", "the device that it should leave by is not attached";
        LatchedElsewhere = 18, "latched_elsewhere", "this leg's media was latched to another address or port";
        NotLatched = 19, "not_latched", "the other leg is latched, and has not sent yet: nobody knows where it receives";
        TooBig = 20, "too_big", "longer than the MTU of the device it should leave by; IPv6 takes 20 bytes more than IPv4";
        NoUdpChecksum = 21, "no_udp_checksum", "UDP without a checksum over IPv6 (RFC 8200 section 8.1), or bound for it and too long to be given one";
        NoHeadroom = 22, "no_headroom", "the driver left no room to make an IPv6 header of an IPv4 header";
        PayloadType = 23, "payload_type", "a payload type that was not negotiated";
        OverRate = 24, "over_rate", "more packets or bytes a second than the negotiated codecs need";
        NoStage = 25, "no_stage", "the program that changes payloads is not there: a fault of ours";
        EventHeld = 26, "event_held", "a telephone-event of a digit that goes on as INFO, or that the other trunk is not to know";
        Stun = 27, "stun", "STUN, which one of the two trunks does not let pass";
        Dtls = 28, "dtls", "DTLS on a port whose media was not agreed to have its keys by that";
        OtherSource = 29, "other_source", "RTP or a sender report of a source whose place another one has, for a trunk with rtp = \"steady\"";
    }
}

impl DropReason {
    /// Whether another sender, or another packet of this one, would have fared better than what was dropped for the reason with
    /// this number: then its source is worth knowing.
    #[inline(always)]
    #[must_use]
    pub const fn is_the_senders(number: u8) -> bool {
        const SENDERS: u64 = {
            let (mut bits, mut index) = (0, 0);
            while index < DropReason::ALL.len() {
                let reason = DropReason::ALL[index];
                bits |= (reason.lies_with_the_sender() as u64) << reason as u8;
                index += 1;
            }
            bits
        };
        SENDERS >> (number & 63) & 1 != 0
    }

    const fn lies_with_the_sender(self) -> bool {
        match self {
            Self::IpOptions
            | Self::FirstFragment
            | Self::IpChecksum
            | Self::Truncated
            | Self::NotRtp
            | Self::ShortRtp
            | Self::MuxedRtcp
            | Self::BadRtcp
            | Self::SourceNotKnown
            | Self::UnexpectedSource
            | Self::LatchedElsewhere
            | Self::TooBig
            | Self::NoUdpChecksum
            | Self::PayloadType
            | Self::OverRate
            | Self::Stun
            | Self::Dtls => true,
            Self::NoEndpoint
            | Self::EntryChanging
            | Self::WrongEntry
            | Self::StalePeer
            | Self::NoRemote
            | Self::NoNextHop
            | Self::NextHopUnresolved
            | Self::NoDevice
            | Self::NotLatched
            | Self::NoHeadroom
            | Self::NoStage
            | Self::EventHeld
            | Self::OtherSource => false,
        }
    }
}

/// How a relayed packet leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// By the device that it came in on.
    SameDevice,
    /// By the device in this slot of the devmap.
    Device(u32),
}

/// A relayed packet: what it was and how it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayPath {
    /// What it carried.
    pub payload: Payload,
    /// The way out.
    pub egress: Egress,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not ours; the host gets it untouched.
    Pass(PassReason),
    /// Ours, and not to be relayed.
    Drop(DropReason),
    /// Rewritten and sent on.
    Relay(RelayPath),
}

/// Whether a counter counts passed, dropped or relayed packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Went on to the host.
    Pass,
    /// Dropped.
    Drop,
    /// Relayed.
    Relay,
    /// Not a packet: a digit that was not told.
    Lost,
    /// For a SIP listener, and passed by the shield.
    ShieldPass,
    /// For a SIP listener, and dropped by the shield.
    ShieldDrop,
    /// For a SIP listener, and passed only because the shield is a shadow.
    ShieldSpare,
}

/// One slot of the counters map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterSlot {
    /// Its index in the map.
    pub index: u32,
    /// What the packets it counts had in common.
    pub kind: CounterKind,
    /// Stable name; unique within its kind.
    pub name: &'static str,
    /// One line for an operator.
    pub description: &'static str,
}

const PASSES_FROM: u32 = 0;
const DROPS_FROM: u32 = 16;
const RELAYS_FROM: u32 = 48;

/// Slot of the counter of digits that userspace was not told of, because it has too many unread.
pub const DIGITS_LOST: u32 = RELAYS_FROM + RELAYS_BEFORE_LOST as u32;
const RELAYS_BEFORE_LOST: usize = 8;

/// Names of relayed packets, each beside its number.
const RELAYS: [(u32, &str, &str); 10] = [
    (0, "rtp_same_device", "RTP relayed out of the device it came in on"),
    (1, "rtp_other_device", "RTP relayed to another device"),
    (2, "rtcp_same_device", "RTCP relayed out of the device it came in on"),
    (3, "rtcp_other_device", "RTCP relayed to another device"),
    (4, "udptl_same_device", "UDPTL (T.38 fax) relayed out of the device it came in on"),
    (5, "udptl_other_device", "UDPTL (T.38 fax) relayed to another device"),
    (6, "stun_same_device", "STUN relayed out of the device it came in on"),
    (7, "stun_other_device", "STUN relayed to another device"),
    (9, "dtls_same_device", "DTLS relayed out of the device it came in on"),
    (10, "dtls_other_device", "DTLS relayed to another device"),
];

impl RelayPath {
    #[inline(always)]
    const fn number(self) -> u32 {
        match (self.payload, self.egress) {
            (Payload::Rtp, Egress::SameDevice) => 0,
            (Payload::Rtp, Egress::Device(_)) => 1,
            (Payload::Rtcp, Egress::SameDevice) => 2,
            (Payload::Rtcp, Egress::Device(_)) => 3,
            (Payload::Udptl, Egress::SameDevice) => 4,
            (Payload::Udptl, Egress::Device(_)) => 5,
            (Payload::Stun, Egress::SameDevice) => 6,
            (Payload::Stun, Egress::Device(_)) => 7,
            // Between them lie the digits that were lost.
            (Payload::Dtls, Egress::SameDevice) => 9,
            (Payload::Dtls, Egress::Device(_)) => 10,
        }
    }
}

impl Verdict {
    /// Whether it is the host's, and may reach a socket for SIP.
    #[inline(always)]
    #[must_use]
    pub const fn may_be_sip(self) -> bool {
        matches!(self, Self::Pass(reason) if reason.may_be_sip())
    }

    /// Index of its counter; stable for a given ABI version.
    #[inline(always)]
    #[must_use]
    pub const fn counter(self) -> u32 {
        match self {
            Self::Pass(reason) => PASSES_FROM + reason as u32,
            Self::Drop(reason) => DROPS_FROM + reason as u32,
            Self::Relay(path) => RELAYS_FROM + path.number(),
        }
    }
}

/// Every counter there is, by rising index.
pub fn counters() -> impl Iterator<Item = CounterSlot> {
    let (before, behind) = RELAYS.split_at(RELAYS_BEFORE_LOST);
    let relay = |(number, name, description): &(u32, &'static str, &'static str)| CounterSlot {
        index: RELAYS_FROM + number,
        kind: CounterKind::Relay,
        name,
        description,
    };
    let lost = CounterSlot {
        index: DIGITS_LOST,
        kind: CounterKind::Lost,
        name: "digits",
        description: "digits that the process was not told of: it has ten thousand unread",
    };
    PassReason::counters(PASSES_FROM, CounterKind::Pass)
        .chain(DropReason::counters(DROPS_FROM, CounterKind::Drop))
        .chain(before.iter().map(relay))
        .chain([lost])
        .chain(behind.iter().map(relay))
        .chain(crate::shield::counters())
}

const _: () = assert!(PassReason::ALL.len() <= DROPS_FROM as usize);
const _: () = assert!(DropReason::ALL.len() <= (RELAYS_FROM - DROPS_FROM) as usize);

#[cfg(test)]
mod tests;
