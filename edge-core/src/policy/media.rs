//! What a trunk's media packets are held to, and what may be done to them.

use serde::{Deserialize, Serialize};

/// What becomes of packets that a leg did not agree on: other payload types, and more of them than its codecs need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Policing {
    /// They are dropped, counted.
    #[default]
    Drop,
    /// They cross, counted.
    Count,
    /// They cross, and how many there are is not looked at.
    Off,
}

/// What becomes of STUN that comes to a media port, of keepalives above all (RFC 8489, RFC 6263).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Stun {
    /// It is dropped, counted.
    #[default]
    Drop,
    /// It crosses to the other leg, where that one's trunk wants the same.
    Pass,
}

/// What becomes of media whose keys are agreed on by a DTLS handshake on its own path (RFC 5763).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtls {
    /// It is refused in signalling, and handshakes are dropped, counted.
    #[default]
    Drop,
    /// It crosses untouched to the other leg, where that one's trunk wants the same.
    Pass,
}

/// Whose SSRC, sequence numbers and timestamps a trunk is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rtp {
    /// Those of whoever the other side is just now.
    #[default]
    Pass,
    /// Ours, which go on whoever that is.
    Steady,
}

/// A trunk's decisions about its media packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaRules {
    /// What becomes of packets that were not agreed on.
    pub policing: Policing,
    /// What becomes of STUN between them.
    pub stun: Stun,
    /// What becomes of media with keys by DTLS between them.
    pub dtls: Dtls,
    /// Whether what it is sent is one RTP stream for the life of a call.
    pub rtp: Rtp,
    /// Whether G.711 A-law may become mu-law and back where the other side has only the one.
    pub converts_law: bool,
    /// Whether they may go past the edge, to another trunk that wants the same.
    pub direct: bool,
    /// When it hears a ringing tone of ours.
    pub tones: super::Tones,
    /// Of which country that is.
    pub tone_country: super::ToneCountry,
    /// What is done about its silence.
    pub silence: super::Silence,
}
