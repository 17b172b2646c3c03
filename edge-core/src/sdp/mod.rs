//! Session descriptions (RFC 8866) and the offer/answer exchange (RFC 3264) of a back-to-back user agent that
//! anchors one audio stream.
//!
//! Each leg talks to the edge only: what goes out is written anew from what is understood, with our addresses
//! and an allow-list of attributes, so that nothing of the other side's network gets through. Payload types
//! are kept, because the media path does not rewrite them.
//!
//! Invariants:
//! - An [`Offer`] has one usable audio stream; an [`Answer`] accepts one. Offer and Answer are different
//!   types.
//! - What [`offer_to`] writes names only formats that the offer had and both policies permit.
//! - What [`answer_to`] writes has as many m= lines as the offer it answers, and at most one that is not
//!   refused.

mod audio;
mod negotiate;
mod session;
mod write;

use std::net::SocketAddr;

pub use audio::{AudioStream, Direction, MediaFormat};
pub use negotiate::{Answer, MediaLines, Offer, answer_to, codec_name, offer_to};
pub use session::{MediaDescription, SessionDescription};

/// Our end of a leg's audio, and the identity of our description of it (RFC 8866 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive RTP; RTCP is on the next port.
    pub rtp: SocketAddr,
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
    /// No audio stream over plain RTP with a port.
    #[error("no usable audio stream")]
    NoAudio,
    /// Audio is offered only with encryption, which is not built yet.
    #[error("audio over {protocol} is not supported")]
    Protocol {
        /// What the m= line says.
        protocol: Protocol,
    },
    /// No c= line for the audio stream.
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
    /// The answer refuses the audio stream with port 0.
    #[error("the audio stream was declined")]
    Declined,
}

/// The transport of an m= line (RFC 8866 section 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `RTP/AVP`
    Avp,
    /// `RTP/AVPF` (RFC 4585)
    Avpf,
    /// `RTP/SAVP`, `RTP/SAVPF` and their DTLS forms
    Secure,
    /// Anything else
    Other,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Secure => "secure RTP",
            Self::Other => "an unknown transport",
        })
    }
}
