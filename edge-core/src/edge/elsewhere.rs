//! Dialogs whose Call-ID leads to one shard, and whose call is in another.
//!
//! A call's media and ports are its shard's for ever, but a dialog can go: an INVITE that replaces a dialog goes to the shard
//! that has that, and a side of a call to the shard of the call that it is joined with. Its messages still come in where
//! the Call-ID leads; from there they are sent on.
//!
//! Invariants: what a shard sends on, it does not look at, but for what its own transactions wait for; a place is kept for
//! as long as the other shard's call stands, and half a minute longer.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::call::{Asked, Source};
use crate::sip::Request;
use crate::transaction::{Path, T1};

use super::Shard;
use super::note::{Note, Said};

/// Dialogs that may be elsewhere. Each is an attended transfer of two calls that stand: more of them than this at once no
/// shard has calls for.
const AWAY_MAX: usize = 65_536;

/// Questions to other shards that may be open. They are answered within milliseconds.
const ERRANDS_MAX: usize = 1_024;

/// Messages that may wait for other shards, as many as they take; what is over that is lost, as in a full queue.
const MESSAGES_MAX: usize = 16_384;

/// How long a place is kept for what still comes: what was answered last may be asked again (RFC 3261 section 17.2).
const LINGERING: std::time::Duration = T1.saturating_mul(64);

/// What waits for the answer of another shard.
#[derive(Debug)]
pub(super) enum Errand {
    /// The REFER of a side, which names another call.
    Join { of: Source, refer: Box<Request> },
    /// The REFER of a side that is to be passed on, and where it came from.
    Translate { of: Source, asked: Box<Asked>, path: Path },
}

/// Where a dialog is, and until when that is remembered; `None` while its call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    shard: usize,
    until: Option<Instant>,
}

/// What a shard knows of the others.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    away: HashMap<Bytes, Place>,
    /// Places that end, in their order.
    ending: VecDeque<(Instant, Bytes)>,
    /// Dialogs that are here though their Call-ID leads elsewhere, with our tag in them.
    guests: HashMap<Bytes, u64>,
    errands: HashMap<u64, Errand>,
    notes: VecDeque<(usize, Note)>,
    /// Messages among the notes.
    messages: usize,
}

impl Elsewhere {
    /// The shard that has the dialog of a message.
    pub(super) fn shard_of(&self, message: &[u8]) -> Option<usize> {
        if self.away.is_empty() {
            return None;
        }
        self.shard_of_call_id(Shard::peek_call_id(message)?)
    }

    /// The shard that has the dialog with this Call-ID, if it was here.
    pub(super) fn shard_of_call_id(&self, call_id: &[u8]) -> Option<usize> {
        self.away.get(call_id).map(|place| place.shard)
    }

    pub(super) fn has_room(&self) -> bool {
        self.away.len() < AWAY_MAX
    }

    /// A dialog goes to another shard; for good, or until that has said whether it takes it.
    pub(super) fn leaves(&mut self, call_id: Bytes, shard: usize, for_good: bool, now: Instant) {
        self.guests.remove(&call_id);
        let until = (!for_good).then(|| now + LINGERING);
        self.ending.extend(until.map(|until| (until, call_id.clone())));
        self.away.insert(call_id, Place { shard, until });
    }

    /// A dialog that was on trial has a call in the other shard.
    pub(super) fn settles(&mut self, call_id: &Bytes) {
        if let Some(place) = self.away.get_mut(call_id) {
            place.until = None;
        }
    }

    /// A call of a former process has a dialog that was here. Beyond the bound, who names that dialog hears that there is none.
    pub(super) fn is_adopted(&mut self, call_id: Bytes, shard: usize) {
        if self.has_room() {
            self.away.insert(call_id, Place { shard, until: None });
        }
    }

    /// The call of a dialog has ended.
    pub(super) fn ended(&mut self, call_id: Bytes, now: Instant) {
        if let Some(place) = self.away.get_mut(&call_id) {
            let until = now + LINGERING;
            place.until = Some(until);
            self.ending.push_back((until, call_id));
        }
    }

    /// A dialog comes here. `tag` is ours in it; `home` says that its Call-ID leads here.
    pub(super) fn comes(&mut self, call_id: Bytes, tag: u64, home: bool) {
        self.away.remove(&call_id);
        if !home {
            self.guests.insert(call_id, tag);
        }
    }

    /// Whether a dialog with this Call-ID is here that leads elsewhere.
    pub(super) fn has_guest(&self, call_id: &Bytes) -> bool {
        self.guests.contains_key(call_id)
    }

    /// Forgets a dialog that has ended here; says whether other shards send its messages here.
    pub(super) fn goes(&mut self, call_id: &Bytes, tag: u64) -> bool {
        let same = self.guests.get(call_id) == Some(&tag);
        same && self.guests.remove(call_id).is_some()
    }

    /// Keeps what waits for an answer, under a number that the answer repeats.
    ///
    /// # Errors
    /// The errand, when too many wait.
    pub(super) fn send_out(&mut self, number: u64, errand: Errand) -> Result<(), Errand> {
        if self.errands.len() >= ERRANDS_MAX {
            return Err(errand);
        }
        self.errands.insert(number, errand);
        Ok(())
    }

    /// What waited for this answer.
    pub(super) fn comes_back(&mut self, number: u64) -> Option<Errand> {
        self.errands.remove(&number)
    }

    /// Tells another shard; says whether a message was lost for want of room.
    pub(super) fn tell(&mut self, shard: usize, said: Said) -> bool {
        let is_message = matches!(said, Said::Message { .. });
        if is_message && self.messages >= MESSAGES_MAX {
            return false;
        }
        self.messages += usize::from(is_message);
        self.notes.push_back((shard, Note(Box::new(said))));
        true
    }

    /// Hands notes to `send` until it gives one back.
    pub(super) fn send_notes(&mut self, mut send: impl FnMut(usize, Note) -> Result<(), Note>) {
        while let Some((shard, note)) = self.notes.pop_front() {
            let is_message = matches!(*note.0, Said::Message { .. });
            if let Err(note) = send(shard, note) {
                return self.notes.push_front((shard, note));
            }
            self.messages -= usize::from(is_message);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.ending.front().map(|(at, _)| *at)
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        while let Some((at, call_id)) = self.ending.pop_front_if(|(at, _)| *at <= now) {
            if self.away.get(&call_id).is_some_and(|place| place.until == Some(at)) {
                self.away.remove(&call_id);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { away, ending, guests, errands, notes, messages: _ } = self;
        away.is_empty() && ending.is_empty() && guests.is_empty() && errands.is_empty() && notes.is_empty()
    }
}

#[cfg(test)]
mod tests;
