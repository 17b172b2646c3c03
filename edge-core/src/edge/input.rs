//! What a host tells the machine of a shard.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{CallKey, Journaled, MediaFound, Side};
use crate::media::{Digit, LastHeard, MediaRefusal, MediaReport};
use crate::policy::Policy;
use crate::transaction::Path;

use super::Note;

/// A fact that the host reports.
#[derive(Debug)]
pub enum Input {
    /// A message came in: a datagram, or what a stream's framing cut out.
    Received {
        /// Socket it came in on, and who sent it.
        path: Path,
        /// What it holds.
        bytes: Bytes,
    },
    /// Another shard said so, by way of [`Edge::send_notes`](super::Edge::send_notes).
    Told(Note),
    /// The next message that came in has waited so long until now. Without it none has waited.
    Waited(Duration),
    /// All that came in has been dealt with, and nothing waits.
    QueueEmptied,
    /// Nothing goes over a path any more: its connection could not be opened, or has ended with something that was
    /// sent. What waits for an answer there fails now. Nothing happens when nobody waits.
    SendFailed {
        /// The connection.
        path: Path,
    },
    /// A router or the host at the other end of `path` said that a datagram of ours could not be delivered (RFC 3261 section
    /// 18.4), and quoted its beginning. Nothing happens unless it quotes a new call, or a question of the edge's own, that waits
    /// for its first answer: who forges such a report would have to know a branch.
    Undelivered {
        /// Where it was sent.
        path: Path,
        /// What of it was quoted.
        beginning: Bytes,
    },
    /// The datapath relays what [`Command::InstallMedia`](super::Command::InstallMedia) asked for.
    MediaInstalled {
        /// The call.
        call: CallKey,
    },
    /// The datapath does what [`Command::UpdateMedia`](super::Command::UpdateMedia) asked for, or could do what [`Command::CheckMedia`](super::Command::CheckMedia) asked about.
    MediaAccepted {
        /// The call.
        call: CallKey,
    },
    /// The datapath could not do what a command asked for or about.
    MediaRefused {
        /// The call.
        call: CallKey,
        /// Why.
        refusal: MediaRefusal,
    },
    /// The datapath has removed the call's endpoints and read what they counted.
    MediaRemoved {
        /// The call.
        call: CallKey,
        /// What came in from the caller, and from the called side.
        reports: Box<[MediaReport; 2]>,
    },
    /// The operator's decisions changed; running calls keep theirs. Realms must be the same.
    PolicyReplaced(Arc<Policy>),
    /// A call that another process began, from its journal; [`Edge::withhold_ports`](super::Edge::withhold_ports) has kept its ports free.
    CallFound {
        /// The call.
        call: Box<Journaled>,
        /// How long ago the instant was that it counts its times from.
        since_epoch: Duration,
        /// What the datapath has of it.
        media: MediaFound,
    },
    /// The datapath has heard a telephone-event that it takes, once.
    DigitHeard {
        /// The call; nothing happens when it has ended.
        call: CallKey,
        /// Who has sent it.
        side: Side,
        /// Which.
        digit: Digit,
    },
    /// What [`Command::SendDigit`](super::Command::SendDigit) asked for has left.
    DigitSent {
        /// The call.
        call: CallKey,
        /// Whose speech it rode on.
        side: Side,
    },
    /// What [`Command::ListenTo`](super::Command::ListenTo) asked for; nothing happens when the call has ended.
    MediaHeard {
        /// The call.
        call: CallKey,
        /// The caller's side, and the called one.
        heard: [LastHeard; 2],
    },
    /// The operator wants a call to end.
    HangupRequested {
        /// The call; nothing happens when it has ended.
        call: CallKey,
    },
    /// No more calls; those that run may go on for `grace`. Asked again, the earlier end counts.
    DrainRequested {
        /// Then they are hung up.
        grace: Duration,
    },
    /// The calendar was read: it says so now. Routes with hours are closed until it was, and follow it from then on; it is read
    /// again because it can be set.
    CalendarRead(Timestamp),
    /// This process ends, and another one goes on with the calls that are answered: those that are not hear so.
    HandedOver,
    /// Time went by.
    TimeElapsed,
}
