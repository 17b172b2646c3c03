//! What has to be known of an answered call to go on with it in another process: written down whenever that changes, and
//! read again after a crash.
//!
//! A [`Snapshot`] names everything as the operator does (trunks and realms by name, listeners by address), because positions
//! change with the configuration. Times are nanoseconds since the instant that the shards of the writing process shared; its host
//! knows when that was.
//!
//! Invariants:
//! - Nothing is guessed: another [`VERSION`] is refused, and bytes that are no snapshot are an error, never a panic.
//!   Whoever changes anything that is written here raises the version (`edge::tests::journal` holds the layout).
//! - A call is handed over from its first dialog that stands, in the same turn as the messages that follow from that, and the
//!   host lets none of these leave before it has been written: a peer never knows of a call what its journal does not.
//! - It is forgotten once its record is kept and every side knows that it is over: one that may not is told by whoever goes on.
//! - A number that a peer may have seen of us is never used again: the CSeq that is written is one that was not used yet.
//!
//! What is not kept: requests on their way, the call that a REFER goes on as, other forks. A change of the session that was not
//! answered has not happened: who began it says it again or has failed, who was offered it hears what is in force, and who
//! has asked for a transfer that it has failed.

mod resume;
mod stage;
mod write;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::dialog::DialogSnapshot;
use crate::media::{MediaPlan, MediaReport};
use crate::policy::Transport;
use crate::sdp::MediaLines;

use super::CallKey;
use super::leg::{LocalSession, Said};
use super::refer::{ReferralSnapshot, Referred};
use super::session_timer::TimerSnapshot;
use super::streams::EndSnapshot;

pub(crate) use resume::Resumption;
pub(super) use stage::{Stage, Unheard};
pub(super) use write::Written;

/// Version of everything that is written.
pub const VERSION: u8 = 5;

/// Room for nearly every snapshot, so that the buffer rarely grows.
const USUAL_BYTES: usize = 3072;

/// Why something is no snapshot of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Another version of edge has written it.
    #[error("written in version {found} of the journal, and this edge reads version {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// It is damaged.
    #[error("no snapshot of a call: {reason}")]
    Damaged {
        /// What was met.
        reason: String,
    },
}

/// An answered call as another process has left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journaled {
    snapshot: Snapshot,
    /// Whether its record is kept already, so that there is nothing left but to tell its sides.
    recorded: bool,
}

impl Journaled {
    /// Reads what [`crate::Command::Journal`] gave.
    ///
    /// # Errors
    /// [`Unreadable`] when it was written by another version, or is no snapshot.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let damaged = |reason: &str| Unreadable::Damaged { reason: reason.to_owned() };
        let (version, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
        if *version != VERSION {
            return Err(Unreadable::Version { found: *version });
        }
        let (snapshot, left): (Snapshot, &[u8]) =
            postcard::take_from_bytes(rest).map_err(|error| damaged(&error.to_string()))?;
        if !left.is_empty() {
            return Err(damaged("something follows it"));
        }
        snapshot.check().map_err(damaged)?;
        Ok(Self { snapshot, recorded: false })
    }

    /// Its record is kept already: it is to end, and gets no other.
    pub const fn note_recorded(&mut self) {
        self.recorded = true;
    }

    /// Its name within its shard.
    #[must_use]
    pub const fn key(&self) -> CallKey {
        CallKey(self.snapshot.key)
    }

    /// Its name in logs and records.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.snapshot.record.id
    }

    /// What is relayed for it.
    #[must_use]
    pub const fn plan(&self) -> &MediaPlan {
        &self.snapshot.plan
    }

    /// The Call-IDs of its dialogs, side A's first.
    #[must_use]
    pub fn call_ids(&self) -> [&[u8]; 2] {
        self.snapshot.legs.each_ref().map(|leg| leg.dialog.call_id())
    }

    /// Whether nothing is said to its sides here any more, side A first: a dialog may have gone to another call.
    #[must_use]
    pub fn are_closed(&self) -> [bool; 2] {
        self.snapshot.legs.each_ref().map(|leg| leg.state == LegStanding::Closed)
    }

    /// How it is written.
    #[cfg(test)]
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.snapshot.encode().unwrap()
    }

    /// Its sides: who is where.
    pub(crate) const fn legs(&self) -> &[LegSnapshot; 2] {
        &self.snapshot.legs
    }
}

/// What has become of the media of a call while nobody was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFound {
    /// The datapath relays it.
    Relayed,
    /// It does not. What came in before: from the caller, and from the called side.
    Gone(Box<[MediaReport; 2]>),
}

/// Everything that is kept of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    key: u64,
    stage: Stage,
    origin: OriginSnapshot,
    legs: [LegSnapshot; 2],
    plan: MediaPlan,
    lines: MediaLines,
    /// The transfer that one side has asked for, while it is tried.
    referral: Option<ReferralSnapshot>,
    referred: Vec<Referred>,
    record: RecordSnapshot,
    phase_over_at: Option<At>,
}

impl Snapshot {
    /// How it is written: the version, and what there is.
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.push(VERSION);
        postcard::to_extend(self, bytes)
    }
}

/// A moment, in nanoseconds since the instant that the writing process counted from; negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct At(i64);

/// How moments are written and read: what they are counted from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    now: Instant,
    /// How long ago the count began.
    since_epoch: Duration,
}

/// The INVITE that began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OriginSnapshot {
    pub(crate) trunk: String,
    pub(crate) call_id: Bytes,
    pub(crate) from_tag: Option<Bytes>,
    pub(crate) cseq: u32,
    pub(crate) number: Box<str>,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegSnapshot {
    pub(crate) trunk: String,
    /// Whether it is behind a NAT, should its trunk be gone.
    pub(crate) nat: bool,
    pub(crate) way: Way,
    state: LegStanding,
    dialog: DialogSnapshot,
    session: LocalSession,
    said: Said,
    end: EndSnapshot,
    timer: TimerSnapshot,
    takes_update: bool,
    /// Whether it is to hear the description in force: it was told of another one, or was being offered one.
    describe: bool,
}

/// What a [`crate::transaction::Path`] is, in names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) realm: String,
    pub(crate) transport: Transport,
    pub(crate) listener: SocketAddr,
    pub(crate) peer: SocketAddr,
}

/// How far a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum LegStanding {
    Confirmed,
    /// It is, or was, to hear BYE.
    Leaving,
    /// Nothing is to be said to it, or nothing can be: its INVITE has gone with the process.
    Closed,
}

/// The record so far. What the sides say of themselves is made anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RecordSnapshot {
    id: String,
    media_local: [Option<SocketAddr>; 2],
    route: Option<String>,
    caller: String,
    number_dialled: String,
    number_sent: Option<String>,
    from_call: Option<String>,
    redirects: u8,
    digits: [u32; 2],
    silences: [u32; 2],
    codec: Option<String>,
    transcoded: Option<String>,
    started: At,
    ringing: Option<At>,
    answered: Option<At>,
}

impl Clock {
    pub(crate) const fn new(now: Instant, since_epoch: Duration) -> Self {
        Self { now, since_epoch }
    }

    /// The instant that it is.
    pub(crate) const fn now(self) -> Instant {
        self.now
    }

    /// How `instant` is written: the same at any time, so that nothing looks changed that is not.
    pub(crate) fn write(self, instant: Instant) -> At {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let ahead = nanos(instant.saturating_duration_since(self.now));
        let behind = nanos(self.now.saturating_duration_since(instant));
        At(nanos(self.since_epoch).saturating_add(ahead).saturating_sub(behind))
    }

    /// The instant that was written; now, when there is no such instant.
    pub(crate) fn read(self, At(nanos): At) -> Instant {
        let moment = Duration::from_nanos(nanos.unsigned_abs());
        let instant = if nanos >= 0 {
            match moment.checked_sub(self.since_epoch) {
                Some(ahead) => self.now.checked_add(ahead),
                None => self.now.checked_sub(self.since_epoch.saturating_sub(moment)),
            }
        } else {
            self.now.checked_sub(self.since_epoch.saturating_add(moment))
        };
        instant.unwrap_or(self.now)
    }
}
