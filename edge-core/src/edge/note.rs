//! What the shards of one edge say to one another. A host carries notes in their order; none may be lost.
//!
//! A shard asks where a dialog is that a REFER names, wants a side of a call for one of its own, sends on the messages of a
//! dialog that is elsewhere, and says when that dialog has ended.

use std::time::Instant;

use bytes::Bytes;

use crate::call::{Availability, CallKey, Given, Replaces, Side, Source};
use crate::sip::{HeaderName, Incoming, Method, Request};
use crate::transaction::Path;

use super::question::{Found, Question};
use super::{Edge, Shard, shard};

/// Something that one shard tells another.
#[derive(Debug)]
pub struct Note(pub(super) Box<Said>);

/// What it says.
#[derive(Debug)]
pub(super) enum Said {
    /// A message of a dialog that is there, sent on so many times.
    Message { path: Path, bytes: Bytes, hops: u8 },
    /// The dialog with this Call-ID has a call here.
    Settled { call_id: Bytes },
    /// A call of a former process is in `shard` now, and has the dialog with this Call-ID, which leads to whoever hears this.
    Adopted { call_id: Bytes, shard: usize },
    /// That call has ended.
    Ended { call_id: Bytes },
    /// Which call has the dialog that a trunk names?
    Asked(Question),
    /// This one; or there is none.
    Answered { errand: u64, found: Option<Found> },
    /// The call `by`, of the shard `to`, wants a side.
    Wanted { by: CallKey, to: usize, source: Source },
    /// It has it.
    Given { by: CallKey, source: Source, given: Box<Given> },
    /// It cannot have it.
    Kept { by: CallKey, availability: Availability },
}

/// Times that a message or question is sent on: a dialog that has gone further than this has gone round.
pub(super) const HOPS_MAX: u8 = 4;

impl Edge {
    /// A message came in: it is dealt with here, or sent on to the shard that has its dialog.
    pub(super) fn on_arrival(&mut self, path: Path, bytes: Bytes, hops: u8, now: Instant) {
        let several = self.resources.shard.count > 1 && hops < HOPS_MAX;
        let to = if several { self.place_of(path, &bytes, now) } else { None };
        match to {
            Some(shard) => {
                let taken = self.elsewhere.tell(shard, Said::Message { path, bytes, hops: hops + 1 });
                self.counters.notes_lost += u64::from(!taken);
            }
            None => self.on_message(path, bytes, now),
        }
    }

    /// The other shard that a message is for.
    fn place_of(&mut self, path: Path, bytes: &Bytes, now: Instant) -> Option<usize> {
        let trunk = path.trunk(&self.policy);
        if trunk.is_none() && self.policy.door(path.listener.realm, path.peer.ip()).is_none() {
            return None;
        }
        match self.elsewhere.shard_of(bytes) {
            Some(shard) => (!self.is_ours(path, bytes)).then_some(shard),
            // Nobody moves a dialog before it is known who wants to.
            None if trunk.is_none() => None,
            None => self.place_of_replaced(bytes, now),
        }
    }

    /// Whether a message is for this shard all the same: one of its transactions has something to say to it, it is within
    /// another dialog that is here, or begins one. A 2xx that comes again is acknowledged where the dialog is.
    fn is_ours(&self, path: Path, bytes: &Bytes) -> bool {
        let transactions = &self.resources.transactions;
        let here = |tag: Option<&[u8]>| {
            let number = tag.and_then(shard::tag_number);
            number.is_some_and(|number| self.resources.dialogs.contains_key(&number))
        };
        match Incoming::parse(bytes.clone(), &self.limits) {
            Ok(Incoming::Request(request)) => {
                let begins = request.method == Method::Invite && request.to.tag().is_none();
                let cancels = request.method == Method::Cancel;
                here(request.to.tag())
                    || transactions.has_server(&request, path)
                    || (begins && request.message.first(HeaderName::Replaces).is_none())
                    || (cancels && transactions.cancelled_by(&request, path).is_some())
            }
            Ok(Incoming::Response(response)) => {
                let repeated = response.code.is_success() && response.cseq_method == Method::Invite;
                here(response.from.tag()) || (!repeated && transactions.has_client(&response))
            }
            Ok(Incoming::KeepAlive) | Err(_) => true,
        }
    }

    /// The shard that has the dialog which a new INVITE is to take the place of; from now on all of that INVITE's dialog
    /// is there.
    fn place_of_replaced(&mut self, bytes: &Bytes, now: Instant) -> Option<usize> {
        if !may_replace(bytes) || !self.elsewhere.has_room() {
            return None;
        }
        let Ok(Incoming::Request(invite)) = Incoming::parse(bytes.clone(), &self.limits) else { return None };
        // Who uses a Call-ID twice does not move the dialog that it names already.
        let shard =
            self.replaced_elsewhere(&invite).filter(|_| !self.elsewhere.has_guest(&invite.call_id))?;
        self.elsewhere.leaves(invite.call_id, shard, false, now);
        Some(shard)
    }

    fn replaced_elsewhere(&self, invite: &Request) -> Option<usize> {
        if invite.method != Method::Invite || invite.to.tag().is_some() {
            return None;
        }
        let replaces = Replaces::parse(invite.message.first(HeaderName::Replaces)?)?;
        self.shard_that_has(&replaces)
    }

    /// Another shard says something.
    pub(super) fn on_note(&mut self, Note(said): Note, now: Instant) {
        match *said {
            Said::Message { path, bytes, hops } => self.on_arrival(path, bytes, hops, now),
            Said::Settled { call_id } => self.elsewhere.settles(&call_id),
            Said::Adopted { call_id, shard } => self.elsewhere.is_adopted(call_id, shard),
            Said::Ended { call_id } => self.elsewhere.ended(call_id, now),
            Said::Asked(question) => self.on_question(question, now),
            Said::Answered { errand, found } => self.on_answered(errand, found, now),
            Said::Wanted { by, to, source } => self.on_wanted(by, to, source, now),
            Said::Given { by, source, given } => self.on_given(by, source, given, now),
            Said::Kept { by, availability } => {
                self.with_call(by, now, |call, ctx| call.sides_are_not_here(availability, ctx));
            }
        }
    }

    /// Asks other shards for the sides that they have of those that a call takes over; says whether there are any.
    pub(super) fn fetch(&mut self, by: CallKey, sources: &[(Side, Source)]) -> bool {
        let here = self.resources.shard.index;
        let arrived = |side| self.calls.get(&by).is_some_and(|call| call.has_arrived(side));
        let missing: Vec<Source> = sources
            .iter()
            .filter(|(side, source)| source.shard != here && !arrived(*side))
            .map(|(_, source)| *source)
            .collect();
        for source in &missing {
            self.elsewhere.tell(source.shard, Said::Wanted { by, to: here, source: *source });
        }
        !missing.is_empty()
    }

    /// A call of another shard wants a side of one of ours.
    fn on_wanted(&mut self, by: CallKey, to: usize, source: Source, now: Instant) {
        let room = self.elsewhere.has_room();
        let call = self.calls.get_mut(&source.call);
        let availability = call.as_ref().map_or(Availability::Never, |call| call.availability(source.side));
        let Some(call) = call.filter(|_| availability == Availability::Now && room) else {
            let availability = if room { availability } else { Availability::Never };
            self.elsewhere.tell(to, Said::Kept { by, availability });
            return;
        };
        let given = call.give(source.side);
        if let Some(tag) = given.tag() {
            self.resources.dialogs.remove(&tag);
        }
        self.elsewhere.leaves(given.call_id().clone(), to, true, now);
        self.elsewhere.tell(to, Said::Given { by, source, given });
        self.with_call(source.call, now, |call, ctx| call.given_away(source.side, by, ctx));
    }

    /// A side comes from another shard.
    fn on_given(&mut self, by: CallKey, source: Source, given: Box<Given>, now: Instant) {
        self.note_guest(given.call_id().clone(), given.tag());
        let taken = match self.calls.get_mut(&by) {
            Some(call) => call.arrives(source, given),
            None => Err(given),
        };
        match taken {
            Ok(()) => self.take_sides(by, now),
            Err(given) => self.hang_up_given(*given, now),
        }
    }

    /// A side that no call takes in.
    pub(super) fn hang_up_given(&mut self, given: Given, now: Instant) {
        let (call_id, tag) = (given.call_id().clone(), given.tag());
        given.hang_up(&mut self.resources.at(now));
        self.forget_guest(&call_id, tag);
    }

    /// A dialog is here from now on, wherever its Call-ID leads.
    fn note_guest(&mut self, call_id: Bytes, tag: Option<u64>) {
        let home = self.is_home_of(&call_id);
        if let Some(tag) = tag {
            self.elsewhere.comes(call_id, tag, home);
        }
    }

    /// The dialog of a new call is here, and its INVITE came in elsewhere: that shard knows now that it stands.
    pub(super) fn settle_guest(&mut self, call_id: &Bytes, tag: Option<u64>) {
        if !self.is_home_of(call_id) {
            self.note_guest(call_id.clone(), tag);
            self.tell_others(|| Said::Settled { call_id: call_id.clone() });
        }
    }

    /// A call of a former process is here. Where the Call-ID of a dialog of its leads is told where that is.
    pub(super) fn tell_home_of(&mut self, call_id: &Bytes, tag: Option<u64>) {
        if !self.is_home_of(call_id) {
            self.note_guest(call_id.clone(), tag);
            let Shard { index: shard, count } = self.resources.shard;
            let home = Shard::of_call_id(call_id, count);
            self.elsewhere.tell(home, Said::Adopted { call_id: call_id.clone(), shard });
        }
    }

    /// A dialog has ended here: others need not send its messages on any more.
    pub(super) fn forget_guest(&mut self, call_id: &Bytes, tag: Option<u64>) {
        if tag.is_some_and(|tag| self.elsewhere.goes(call_id, tag)) {
            self.tell_others(|| Said::Ended { call_id: call_id.clone() });
        }
    }

    fn tell_others(&mut self, said: impl Fn() -> Said) {
        let Shard { index, count } = self.resources.shard;
        for shard in (0..count).filter(|shard| *shard != index) {
            self.elsewhere.tell(shard, said());
        }
    }

    fn is_home_of(&self, call_id: &[u8]) -> bool {
        let Shard { index, count } = self.resources.shard;
        Shard::of_call_id(call_id, count) == index
    }
}

/// Whether a message may be an INVITE with Replaces: worth being read for it. Nearly all INVITEs name the extension in
/// Supported, so it has to begin a line.
fn may_replace(bytes: &[u8]) -> bool {
    let is_invite = bytes.trim_ascii_start().starts_with(b"INVITE ");
    let spellings: [&[u8]; 3] = [b"\nReplaces", b"\nreplaces", b"\nREPLACES"];
    is_invite && spellings.iter().any(|name| memchr::memmem::find(bytes, name).is_some())
}
