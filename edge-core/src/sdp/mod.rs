//! Session descriptions (RFC 8866) and the offer/answer exchange (RFC 3264) of a back-to-back user agent that relays
//! audio and fax (ITU-T T.38).
//!
//! Each leg talks to the edge only: what goes out is written anew from what is understood, with our addresses
//! and an allow-list of attributes, so that nothing of the other side's network gets through. An offer keeps its
//! payload type numbers, and its leg hears the answer in them; the datapath puts them in the place of the other leg's. Where
//! media does not pass the edge ([`Terms::directly`]), each leg hears where the other one receives, in the numbers of the answer.
//!
//! Invariants:
//! - An [`Offer`] has a stream that could be relayed. Offer and Answer are different types.
//! - What a [`Proposal`] tells the other leg names only formats that the offer had and both trunks permit.
//! - What an [`Agreement`] answers has the m= lines of the offer, each relayed or refused, and names only formats that
//!   were offered.

mod address;
mod digits;
mod direct;
mod direction;
mod format;
mod keys;
mod lines;
mod offer;
mod own;
mod pairing;
mod rate;
mod session;
mod stream;
mod terms;
mod tone;
mod write;

use std::net::IpAddr;

pub use direction::Direction;
pub use format::MediaFormat;
pub use lines::{Agreed, Agreement, LegLines, MediaLines, Proposal};
pub use offer::{Answer, Offer};
pub use session::{MediaDescription, SessionDescription};
pub use stream::{Kind, MediaStream};
pub use terms::Terms;
pub use tone::{Speech, ToneAnswer, is_silent};
pub use write::renewed;

/// Whose description it is, and which (RFC 8866 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Our address towards the leg; the same for the whole dialog.
    pub address: IpAddr,
    /// sess-id of o=: the same for the whole dialog.
    pub session_id: u64,
    /// sess-version of o=: one more whenever the description changes.
    pub version: u64,
}

/// Why a description cannot be used. All but [`SdpError::Declined`] are the peer's fault or limit: 488.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More than 32 kB or 512 lines.
    #[error("larger than allowed")]
    TooLarge,
    /// A line is not `type=value`, or does not follow its type's grammar.
    #[error("line {line} is malformed")]
    Malformed {
        /// Number of the line, from 1.
        line: usize,
    },
    /// Neither audio over RTP nor T.38 over UDPTL with a port.
    #[error("no usable media stream: neither audio over RTP nor T.38 over udptl")]
    NoMedia,
    /// Only video.
    #[error("video is not relayed")]
    Video,
    /// Keys by DTLS where the trunks do not both let its handshake pass.
    #[error("media with keys by DTLS passes only between trunks that both say dtls = \"pass\"")]
    Dtls,
    /// Keys by DTLS without a=fingerprint: nobody could know whose they are.
    #[error("media with keys by DTLS, and no fingerprint of the certificate")]
    NoFingerprint,
    /// Encrypted where the trunks do not both let keys pass.
    #[error("media over {protocol} does not pass between these trunks")]
    Protocol {
        /// What the m= line says.
        protocol: Protocol,
    },
    /// Answered in the clear what was offered encrypted, or the other way around, or with keys that come by another way.
    #[error("offered over {offered}, answered over {answered}")]
    Answered {
        /// What the m= line of the offer says.
        offered: Protocol,
        /// What that of the answer says.
        answered: Protocol,
    },
    /// An encrypted stream without a=crypto, or answered with a key that was not offered.
    #[error("no common keys")]
    NoCommonKeys,
    /// An m= line for several ports.
    #[error("more than one port in a media line")]
    PortCount,
    /// No media port is left for another stream of the call.
    #[error("no media port is free for another stream")]
    NoPort,
    /// No c= line for a stream.
    #[error("no connection address")]
    NoConnection,
    /// The connection address is a host name (RFC 8866 allows it, nobody needs it, and resolving it would
    /// wait).
    #[error("the connection address is a host name")]
    HostName,
    /// The connection address is a group, a broadcast or a loopback address: no single host elsewhere.
    #[error("the connection address is not that of a host")]
    NotAHost,
    /// The connection address is of another IP family than our own end.
    #[error("the connection address is of an IP family that this side has no media address of")]
    OtherFamily,
    /// The connection address is one of our own.
    #[error("the connection address is one of the edge's own")]
    Ours,
    /// No format that the offer, both policies and (in an answer) the offered list share.
    #[error("no common codec")]
    NoCommonCodec,
    /// Every stream has port 0.
    #[error("all media was declined")]
    Declined,
}

/// The transport of an m= line (RFC 8866 section 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `RTP/AVP`
    Avp,
    /// `RTP/AVPF` (RFC 4585)
    Avpf,
    /// `RTP/SAVP` (RFC 3711): keys in a=crypto (RFC 4568)
    Savp,
    /// `RTP/SAVPF` (RFC 5124)
    Savpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764): keys by a handshake on the media's own path
    TlsSavp,
    /// `UDP/TLS/RTP/SAVPF` (RFC 5764)
    TlsSavpf,
    /// `udptl` (ITU-T T.38)
    Udptl,
    /// Anything else
    Other,
}

impl Protocol {
    /// As an m= line says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
            Self::TlsSavp => "UDP/TLS/RTP/SAVP",
            Self::TlsSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Udptl => "udptl",
            Self::Other => "an unknown transport",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
