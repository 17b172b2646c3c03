//! From a message to the transaction, dialog or call that it is for.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::call::{
    Arrival, Asked, CallKey, Invitation, Owner, SPIRALS_MAX, Side, check_extensions, check_scheme, explain,
    outside_a_dialog,
};
use crate::dialog::Dialog;
use crate::policy::{Strangers, Trunk, TrunkId};
use crate::relation::note_reached;
use crate::sip::{HeaderName, Incoming, Method, ParseError, Request, StatusCode, response_to};
use crate::transaction::Path;

use super::overload::Verdict;
use super::stateless::reply_path;
use super::{Draining, Edge, shard};

/// When someone who has not answered yet may try again, in seconds.
const EARLY_RETRY_AFTER_S: &str = "2";

impl Edge {
    pub(super) fn on_message(&mut self, path: Path, bytes: Bytes, now: Instant) {
        let Some(trunk) = path.trunk(&self.policy) else {
            if self.policy.door(path.listener.realm, path.peer.ip()).is_some() {
                return self.on_visit(path, bytes, now);
            }
            return self.on_stranger(path, bytes, now);
        };
        self.overload.count(trunk, now);
        if self.passes_over(trunk, path, &bytes, now) {
            return;
        }
        let read = self.parse(path, bytes).and_then(|incoming| self.within_bounds(incoming));
        let speaker = read.as_ref().map_or(Some(trunk), |incoming| self.speaker(trunk, path, incoming));
        match read.map(|incoming| self.ruled(speaker.unwrap_or(trunk), incoming)) {
            Ok(Incoming::Request(request)) => match speaker {
                Some(trunk) => self.on_request(trunk, path, request, now),
                None => self.on_nobody(path, &request, now),
            },
            Ok(Incoming::Response(response)) => self.on_response(path, &response, now),
            Ok(Incoming::KeepAlive) => {}
            Err(ParseError::BadRequest { message, status, reason }) => {
                self.counters.bad_requests += 1;
                tracing::debug!(peer = %path.peer, "malformed request: {reason}");
                self.answer_statelessly(path, &message, status, reason, now);
            }
            Err(error @ (ParseError::Framing(_) | ParseError::Unanswerable { .. })) => {
                self.counters.unanswerable += 1;
                self.count_framing(&error);
                tracing::debug!(peer = %path.peer, "message ignored: {error}");
            }
        }
    }

    /// Counts; and where the operator wants it, says 403 without remembering anything. Nobody gets back more than was sent:
    /// the source may be forged, and then another one gets it.
    fn on_stranger(&mut self, path: Path, bytes: Bytes, now: Instant) {
        self.counters.strangers += 1;
        if self.policy.strangers == Strangers::Silent {
            return;
        }
        let sent = bytes.len();
        if let Ok(Incoming::Request(request)) = Incoming::parse(bytes, &self.limits)
            && request.method != Method::Ack
        {
            let (code, message) = (StatusCode::FORBIDDEN, &request.message);
            let response = self.stateless(path, message, code, code.default_reason()).empty();
            if response.len() <= sent {
                self.resources.at(now).send(reply_path(path, message), response);
            }
        }
    }

    /// Who says something. At the address of a registrar that we register with, what a request outside of dialogs is for
    /// says whose it is, and whether it is anybody's; so does what it bears at an address that trunks share. What is within a
    /// dialog is of the trunk that this is with.
    fn speaker(&self, trunk: TrunkId, path: Path, incoming: &Incoming) -> Option<TrunkId> {
        let listener = path.listener;
        let tag = match incoming {
            Incoming::Request(request) if path.proven.is_none() && request.to.tag().is_none() => {
                return self.policy.asker(listener.realm, listener.transport, path.peer, request);
            }
            Incoming::Request(request) => request.to.tag(),
            Incoming::Response(response) => response.from.tag(),
            Incoming::KeepAlive => None,
        };
        let sharing = || self.policy.sharing(listener.realm, path.peer.ip());
        let shared = path.proven.is_none() && sharing().nth(1).is_some();
        let dialog = shared.then(|| self.resources.dialogs.get(&shard::tag_number(tag?)?)).flatten();
        let with = dialog.and_then(|(key, side)| Some(self.calls.get(key)?.trunk(*side)));
        let same = |with: &Arc<Trunk>| sharing().find(|id| self.policy.trunk(*id).name == with.name);
        Some(with.and_then(same).unwrap_or(trunk))
    }

    /// A request from the address of a registrar, for nothing that we have registered there; or from a shared address, with
    /// nothing that any trunk there is told by.
    fn on_nobody(&mut self, path: Path, request: &Request, now: Instant) {
        tracing::debug!(peer = %path.peer, "a request is of none of the trunks at its address");
        self.counters.strangers += 1;
        if self.policy.strangers == Strangers::Forbid && request.method != Method::Ack {
            self.answer_with(path, request, StatusCode::FORBIDDEN, now);
        }
    }

    pub(super) fn on_request(&mut self, trunk: TrunkId, path: Path, request: Request, now: Instant) {
        self.counters.requests += 1;
        if self.is_repetition(path, &request, now) {
            return;
        }
        // RFC 3891 section 3.
        let misplaced = !matches!(request.method, Method::Invite | Method::Ack | Method::Cancel);
        if misplaced && request.message.first(HeaderName::Replaces).is_some() {
            return self.answer_with(path, &request, StatusCode::BAD_REQUEST, now);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the set of methods is open")]
        match request.method {
            Method::Ack => self.on_ack(trunk, path, &request, now),
            Method::Cancel => self.on_cancel(path, &request, now),
            _ if request.to.tag().is_some() => self.on_dialog_request(trunk, path, request, now),
            Method::Invite => self.on_invite(trunk, path, request, now),
            Method::Options => self.on_options(path, &request, now),
            _ => self.answer_with(path, &request, outside_a_dialog(&request.method), now),
        }
    }

    fn on_invite(&mut self, trunk: TrunkId, path: Path, invite: Request, now: Instant) {
        if self.invitations.contains_key(&Invitation::of(trunk, &invite)) {
            self.counters.merged_requests += 1;
            return self.answer_with(path, &invite, StatusCode::LOOP_DETECTED, now);
        }
        match self.overload.verdict() {
            Verdict::Admit => {}
            Verdict::Refuse | Verdict::Ignore => return self.shed(path, &invite, now),
        }
        let key = CallKey(self.resources.random.next());
        let ancestor = self.sender_of(&invite);
        let looped = self.comes_round(trunk, &invite, ancestor);
        let Ok(server) =
            self.resources.transactions.open_server_of(trunk, &invite, path, Owner::Invited(key, Side::A))
        else {
            return self.shed(path, &invite, now);
        };
        if invite.message.first(HeaderName::Replaces).is_some() {
            return self.on_replacing((trunk, path), (key, server), invite, now);
        }
        let trying = response_to(&invite.message, StatusCode::TRYING, "Trying", path.peer, None).empty();
        let arrival = Arrival {
            policy: &self.policy.clone(),
            key,
            trunk,
            path,
            invite,
            server,
            draining: self.draining != Draining::No,
            ancestor,
            looped,
            on_behalf: None,
        };
        let mut ctx = self.resources.at(now);
        ctx.respond(server, StatusCode::TRYING, trying);
        match arrival.open(&mut ctx) {
            Ok(call) => self.remember(key, call, now),
            Err(_code) => self.counters.calls_refused += 1,
        }
    }

    /// The call of ours that sent this very INVITE, if one did: it carries that dialog's Call-ID and our tag.
    fn sender_of(&self, invite: &Request) -> Option<CallKey> {
        let &(key, side) = self.resources.dialogs.get(&shard::tag_number(invite.from.tag()?)?)?;
        (self.calls.get(&key)?.dialog(side).call_id == invite.call_id).then_some(key)
    }

    /// Whether the call behind `invite` has been here before, from the same trunk and for the same number; or comes back
    /// so often that nobody can want it.
    fn comes_round(&self, trunk: TrunkId, invite: &Request, ancestor: Option<CallKey>) -> bool {
        let mut next = ancestor;
        for _ in 0..SPIRALS_MAX {
            let Some(call) = next.and_then(|key| self.calls.get(&key)) else { return false };
            if call.origin.is_asked_again(trunk, invite) {
                return true;
            }
            next = call.origin.ancestor;
        }
        next.is_some()
    }

    fn on_dialog_request(&mut self, trunk: TrunkId, path: Path, request: Request, now: Instant) {
        let Some((key, side)) = self.dialog_of(path, &request) else {
            return self.on_unknown_dialog(path, &request, now);
        };
        // It asks for a call, and that it stands in one makes it no cheaper.
        if request.method == Method::Refer && self.overload.judge(trunk, now) != Verdict::Admit {
            return self.shed(path, &request, now);
        }
        let owner = if request.method == Method::Invite { Owner::Invited(key, side) } else { Owner::Nobody };
        match self.resources.transactions.open_server_of(trunk, &request, path, owner) {
            Ok(server) => {
                self.with_call(key, now, |call, ctx| {
                    call.on_request(Asked { side, request, source: path.peer, server }, ctx);
                });
            }
            // A hang-up counts, room or not: answered each time it comes.
            Err(_full) if request.method == Method::Bye => {
                self.answer_with(path, &request, StatusCode::OK, now);
                self.with_call(key, now, |call, ctx| call.hung_up_by(side, &request, ctx));
            }
            Err(_full) => self.answer_with(path, &request, StatusCode::SERVICE_UNAVAILABLE, now),
        }
    }

    /// A request within no dialog of ours. Someone who rings and changes his session is not told that there is none:
    /// which of several that ring will answer, and thereby make it one of ours, is not known yet.
    fn on_unknown_dialog(&mut self, path: Path, request: &Request, now: Instant) {
        let early =
            self.owner_of_tag(path, request).is_some_and(|(_, dialog)| dialog.is_asked_for_by(request));
        if early && request.method != Method::Bye {
            let code = StatusCode::SERVER_INTERNAL_ERROR;
            let response = self.stateless(path, &request.message, code, code.default_reason());
            let response = response.header(HeaderName::RetryAfter, EARLY_RETRY_AFTER_S).empty();
            self.resources.at(now).send(reply_path(path, &request.message), response);
        } else {
            self.answer_with(path, request, StatusCode::CALL_DOES_NOT_EXIST, now);
        }
    }

    fn on_ack(&mut self, trunk: TrunkId, path: Path, ack: &Request, now: Instant) {
        if let Some((key, side)) = self.dialog_of(path, ack) {
            note_reached(self.policy.trunk(trunk), path.peer.ip());
            self.with_call(key, now, |call, ctx| call.on_ack(side, ack, ctx));
        }
    }

    fn on_cancel(&mut self, path: Path, cancel: &Request, now: Instant) {
        let Some((invite, owner)) = self.resources.transactions.cancelled_by(cancel, path) else {
            return self.answer_with(path, cancel, StatusCode::CALL_DOES_NOT_EXIST, now);
        };
        self.answer_with(path, cancel, StatusCode::OK, now);
        if let Owner::Invited(key, side) = owner {
            self.with_call(key, now, |call, ctx| call.on_cancel(side, invite, cancel, ctx));
        }
    }

    /// RFC 3261 section 11.2: as an INVITE would be answered, less the call.
    fn on_options(&mut self, path: Path, options: &Request, now: Instant) {
        if let Err(refused) = check_scheme(options).and_then(|()| check_extensions(&options.message)) {
            let code = refused.status();
            let response = self.stateless(path, &options.message, code, code.default_reason());
            let response = explain(response, &refused).empty();
            return self.resources.at(now).send(reply_path(path, &options.message), response);
        }
        let code = match self.draining {
            Draining::No => StatusCode::OK,
            Draining::Until(_) | Draining::HungUp | Draining::Done => StatusCode::SERVICE_UNAVAILABLE,
        };
        self.answer_with(path, options, code, now);
    }

    /// The dialog of ours that a request is within.
    fn dialog_of(&self, path: Path, request: &Request) -> Option<(CallKey, Side)> {
        let ((key, side), _) = self.owner_of_tag(path, request)?;
        self.calls.get(&key)?.contains(side, request).then_some((key, side))
    }

    /// The dialog of ours that the To tag of a request names, when it comes from that dialog's trunk, over its network.
    pub(super) fn owner_of_tag(&self, path: Path, request: &Request) -> Option<((CallKey, Side), &Dialog)> {
        let tag = shard::tag_number(request.to.tag()?)?;
        let &(key, side) = self.resources.dialogs.get(&tag)?;
        let call = self.calls.get(&key)?;
        let dialog = call.dialog(side);
        let same_realm = dialog.opened_over().listener.realm == path.listener.realm;
        let same_peer = call.is_from(side, path);
        (same_realm && same_peer).then_some(((key, side), dialog))
    }
}
