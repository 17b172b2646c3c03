//! When a leg was heard last.

use std::time::Duration;

/// How long ago something of a leg was relayed; `None` before anything was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastHeard {
    /// RTP or UDPTL, comfort noise included.
    pub media: Option<Duration>,
    /// RTCP.
    pub control: Option<Duration>,
}
