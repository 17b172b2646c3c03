//! The record of one call: what a CDR says.

use std::net::SocketAddr;
use std::time::Instant;

use crate::media::MediaReport;

use super::Cause;

/// Everything worth keeping of a call, whatever ended it. Times are instants of the host's monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Our name for the call, unique over restarts.
    pub id: String,
    /// The caller's side.
    pub a: LegRecord,
    /// The called side, when a route was found.
    pub b: Option<LegRecord>,
    /// Name of the route that was taken.
    pub route: Option<String>,
    /// Caller's number, as the caller's trunk presented it.
    pub caller: String,
    /// Number as it was dialled.
    pub number_dialled: String,
    /// Number after rewriting, as it was sent to the called trunk.
    pub number_sent: Option<String>,
    /// The call that a side of this one was taken over from, by REFER or Replaces.
    pub from_call: Option<String>,
    /// Times that the called side sent the call elsewhere, and it went.
    pub redirects: u8,
    /// Codec of the answer, when there was one.
    pub codec: Option<String>,
    /// Codec of the side that answered, when it is another one and is converted.
    pub transcoded: Option<String>,
    /// The INVITE came in.
    pub started: Instant,
    /// The called side first said that it rings (18x).
    pub ringing: Option<Instant>,
    /// The called side answered.
    pub answered: Option<Instant>,
    /// The call ended.
    pub ended: Instant,
    /// Why it ended.
    pub cause: Cause,
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRecord {
    /// Name of the trunk.
    pub trunk: String,
    /// Call-ID of this side's dialog.
    pub call_id: String,
    /// Where its signalling goes.
    pub signalling: SocketAddr,
    /// Our media address, when one was leased.
    pub media_local: Option<SocketAddr>,
    /// Where it wanted its media.
    pub media_remote: Option<SocketAddr>,
    /// What came in from it.
    pub media: MediaReport,
}
