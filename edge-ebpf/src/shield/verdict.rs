//! What becomes of a packet for a SIP listener, and why; each reason has a counter.

use crate::verdict::{CounterKind, CounterSlot, reasons};

reasons! {
    /// Why a packet for a SIP listener passes.
    ShieldPass {
        Off = 0, "shield_off", "the shield is off";
        Trusted = 1, "trusted", "from a trunk's source";
        Allowed = 2, "allowed", "from where the operator lets in";
        Familiar = 3, "familiar", "a connection of a host that a trunk has proven itself from";
        Unlimited = 4, "unlimited", "from a stranger, and shield.unknown is pass";
        Invite = 5, "stranger_invite", "an INVITE of a stranger, within its rate";
        Register = 6, "stranger_register", "a REGISTER of a stranger, within its rate";
        Options = 7, "stranger_options", "an OPTIONS of a stranger, within its rate";
        Request = 8, "stranger_request", "another request of a stranger, within its rate";
        Keepalive = 9, "stranger_keepalive", "a keepalive of a stranger, within its rate";
        Connection = 10, "stranger_connection", "a connection that a stranger opens, within its rate";
        Segment = 11, "stranger_segment", "another segment of a stranger, within its rate";
        LaterFragment = 12, "later_fragment_to_sip", "a later fragment to an address with SIP, within the rate of all of them";
    }
}

reasons! {
    /// Why a packet for a SIP listener is dropped.
    ShieldDrop {
        Denied = 0, "denied", "from where the operator keeps out";
        Banned = 1, "banned", "from a host that has asked too often in vain";
        Unknown = 2, "unknown", "from a stranger, and shield.unknown is drop";
        SourceRate = 3, "source_rate", "more than shield.source_rate from one stranger";
        ClassRate = 4, "unknown_rate", "more than shield.unknown_rate of its kind from all strangers";
        FragmentRate = 5, "fragment_rate", "more later fragments to an address with SIP than shield.unknown_rate";
        Fragment = 6, "fragment", "a stranger's message in fragments";
        Oversize = 7, "oversize", "a stranger's datagram of more than 1,500 bytes";
        Malformed = 8, "malformed", "a stranger's datagram that is shorter than it says";
        Garbage = 9, "garbage", "no SIP, from a stranger";
        StrayResponse = 10, "stray_response", "a response from a stranger, whom nobody has asked";
        Scanner = 11, "scanner", "a stranger that has shown the signature of a scanner";
        ExtensionHeaders = 12, "hidden", "a stranger's IPv6 packet with extension headers, which no SIP peer uses";
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShieldVerdict {
    /// It is for no listener of ours, and passes untouched; what was to be counted of it is.
    Elsewhere,
    /// It passes.
    Pass(ShieldPass),
    /// It is dropped.
    Drop(ShieldDrop),
    /// It would be dropped, and passes, because the shield is a shadow.
    Spare(ShieldDrop),
}

const PASSES_FROM: u32 = 64;
const DROPS_FROM: u32 = 80;
const SPARES_FROM: u32 = 112;

impl ShieldVerdict {
    /// Index of its counter, if it has one of its own.
    #[inline(always)]
    #[must_use]
    pub const fn counter(self) -> Option<u32> {
        match self {
            Self::Elsewhere => None,
            Self::Pass(reason) => Some(PASSES_FROM + reason as u32),
            Self::Drop(reason) => Some(DROPS_FROM + reason as u32),
            Self::Spare(reason) => Some(SPARES_FROM + reason as u32),
        }
    }
}

/// Every counter of the shield, by rising index.
pub fn counters() -> impl Iterator<Item = CounterSlot> {
    ShieldPass::counters(PASSES_FROM, CounterKind::ShieldPass)
        .chain(ShieldDrop::counters(DROPS_FROM, CounterKind::ShieldDrop))
        .chain(ShieldDrop::counters(SPARES_FROM, CounterKind::ShieldSpare))
}

const _: () = assert!(ShieldPass::ALL.len() <= (DROPS_FROM - PASSES_FROM) as usize);
const _: () = assert!(ShieldDrop::ALL.len() <= (SPARES_FROM - DROPS_FROM) as usize);
