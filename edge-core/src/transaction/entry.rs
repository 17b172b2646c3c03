//! One transaction as the layer keeps it: its machine, its messages and its two deadlines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::policy::TrunkId;
use crate::sip::{HeaderName, Message, MessageLimits, MessageWriter, Method, Response};

use super::Path;
use super::key::{ClientKey, ServerKey};
use super::machine::Machine;
use super::step::Timer;

#[derive(Debug)]
pub(super) struct Transaction<O> {
    pub(super) machine: Machine,
    pub(super) owner: O,
    pub(super) key: Key,
    pub(super) path: Path,
    /// Where a server answers when its connection is gone.
    pub(super) other_way: Option<Path>,
    /// Whose share of the table it is, when it is a server.
    pub(super) trunk: Option<TrunkId>,
    /// Nobody waits for what comes of it.
    pub(super) abandoned: bool,
    /// Challenges that its request has answered.
    pub(super) answered: u8,
    /// The newest message of ours: the request of a client, the last response of a server.
    pub(super) newest: Bytes,
    /// The ACK for a failure response, once there is one.
    pub(super) ack: Bytes,
    pub(super) retransmission: Option<Deadline>,
    pub(super) lifetime: Option<Deadline>,
}

#[derive(Debug)]
pub(super) enum Key {
    Client(ClientKey),
    Server(Arc<ServerKey>),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    pub(super) timer: Timer,
    pub(super) interval: Duration,
}

impl<O> Transaction<O> {
    /// The timer that is due at `at`. One that was moved or stopped leaves its old entry in the heap; only the
    /// current one counts. A retransmission stays, so that restarting it goes on from its interval.
    pub(super) fn due(&mut self, at: Instant) -> Option<Timer> {
        if let Some(deadline) = self.retransmission
            && deadline.at == at
        {
            return Some(deadline.timer);
        }
        self.lifetime.take_if(|deadline| deadline.at == at).map(|deadline| deadline.timer)
    }

    /// Starts a timer, unless its transport makes it needless; says when it is due.
    pub(super) fn start(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let first = timer.duration(self.path.is_reliable())?;
        let slot = if timer.retransmits() { &mut self.retransmission } else { &mut self.lifetime };
        let interval = match slot {
            Some(running) if running.timer == timer => timer.next_interval(running.interval),
            Some(_) | None => first,
        };
        let at = now + interval;
        *slot = Some(Deadline { at, timer, interval });
        Some(at)
    }
}

/// The ACK of a failure response, which belongs to the INVITE's transaction (RFC 3261 section 17.1.1.3).
pub(super) fn ack_for_failure(invite: &Bytes, response: &Response) -> Bytes {
    let Ok(invite) = Message::parse(invite.clone(), &MessageLimits::default()) else { return Bytes::new() };
    MessageWriter::request(&Method::Ack, invite.request_uri().unwrap_or_default())
        .header(HeaderName::Via, invite.first(HeaderName::Via).unwrap_or_default())
        .copy(&invite, HeaderName::Route)
        .header(HeaderName::MaxForwards, "70")
        .copy(&invite, HeaderName::From)
        .copy(&response.message, HeaderName::To)
        .copy(&invite, HeaderName::CallId)
        .header(HeaderName::CSeq, format!("{} ACK", response.cseq))
        .empty()
}
