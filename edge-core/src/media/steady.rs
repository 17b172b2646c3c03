//! The one RTP stream that a leg is sent for the life of its call, whichever source is behind it (`rtp = "steady"`).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A stream of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// Its synchronisation source.
    pub ssrc: u32,
    /// Our address that it left by before its leg came to this call, from which its numbers go on.
    pub follows: Option<SocketAddr>,
}

impl Steady {
    /// One that begins with its call.
    #[must_use]
    pub const fn begun(ssrc: u32) -> Self {
        Self { ssrc, follows: None }
    }
}
