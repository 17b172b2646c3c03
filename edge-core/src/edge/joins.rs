//! What calls want of one another: a REFER carried out, sides taken over, a dialog replaced.
//!
//! Invariant: a trunk has a say only in its own dialogs: what it names of another trunk's is not there.

use std::sync::Arc;
use std::time::Instant;

use crate::call::{
    Arrival, Availability, Begun, Call, CallKey, Cause, Joining, Party, ReferTo, Refused, Replaces, Side,
    Source, Standing, Wish,
};
use crate::policy::{AdminState, Policy, Refer, TrunkId};
use crate::sip::{HeaderName, Request, StatusCode};
use crate::transaction::{Path, TransactionId};

use super::{Draining, Edge, shard};

impl Edge {
    /// Does what calls have asked for.
    pub(super) fn grant_wishes(&mut self, now: Instant) {
        while let Some(wish) = self.resources.wishes.pop_front() {
            match wish {
                Wish::Refer { of, refer } => self.carry_out_refer(of, &refer, now),
                Wish::Translate { of, asked } => self.translate_refer(of, *asked, now),
                Wish::Take { by } => self.take_sides(by, now),
                Wish::Failed { of, by, code } => {
                    self.with_call(of, now, |call, ctx| call.join_failed(by, code, ctx));
                }
                Wish::Progressed { of, by, code } => {
                    self.with_call(of, now, |call, ctx| call.join_progressed(by, code, ctx));
                }
                Wish::HangUp { given } => self.hang_up_given(*given, now),
                Wish::Abandon { call } => {
                    self.with_call(call, now, |call, ctx| call.terminate(Cause::Cancelled, ctx));
                }
            }
        }
    }

    fn carry_out_refer(&mut self, of: Source, refer: &Request, now: Instant) {
        let target = ReferTo::of(&refer.message);
        let opened = self.may_refer(of).and_then(|trunk| match target? {
            ReferTo { number, replaces: None } => {
                self.call_target((of, trunk), &number, refer, now).map(Some)
            }
            ReferTo { number: _, replaces: Some(replaces) } => self.join_named(of, &replaces, refer, now),
        });
        if let Some(opened) = opened.transpose() {
            self.referral_opened(of, opened, now);
        }
    }

    /// What a REFER that is carried out has led to.
    pub(super) fn referral_opened(&mut self, of: Source, opened: Result<Call, StatusCode>, now: Instant) {
        match opened {
            Ok(call) => {
                let key = call.key();
                self.with_call(of.call, now, |referred, _| referred.referral_goes_on(key));
                self.remember(key, call, now);
            }
            Err(code) => self.with_call(of.call, now, |call, ctx| call.referral_failed(code, ctx)),
        }
    }

    /// The trunk that refers, as the operator wants it now: the call may be older than what has been decided since.
    fn may_refer(&self, of: Source) -> Result<TrunkId, StatusCode> {
        let call = self.calls.get(&of.call).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
        let may = |id: &TrunkId| {
            let trunk = self.policy.trunk(*id);
            trunk.admin_state() != AdminState::Disabled && trunk.refer == Refer::Consume
        };
        self.policy.id_of(call.trunk(of.side)).filter(may).ok_or(StatusCode::FORBIDDEN)
    }

    /// Calls the number that a side is referred to, by the routes of the trunk that refers it.
    fn call_target(
        &mut self,
        (of, trunk): (Source, TrunkId),
        number: &str,
        refer: &Request,
        now: Instant,
    ) -> Result<Call, StatusCode> {
        let key = CallKey(self.resources.random.next());
        let gone = StatusCode::CALL_DOES_NOT_EXIST;
        let referred = self.calls.get(&of.call).ok_or(gone)?;
        let mut ctx = self.resources.at(now);
        let (invite, on_behalf) = referred.as_if_calling(of, number, refer, &mut ctx).ok_or(gone)?;
        let policy = Arc::clone(&self.policy);
        let arrival = Arrival {
            policy: &policy,
            key,
            trunk,
            path: referred.dialog(of.side.other()).opened_over(),
            invite,
            server: TransactionId::NONE,
            draining: self.draining != Draining::No,
            ancestor: Some(of.call),
            looped: false,
            on_behalf: Some(on_behalf),
        };
        arrival.open(&mut ctx).inspect_err(|_| self.counters.calls_refused += 1)
    }

    /// Joins the sides that are left when one trunk leaves two calls: those that REFER is in, and the one behind the dialog
    /// that it names.
    pub(super) fn join_calls(
        &mut self,
        of: Source,
        (other, party): (Source, Party),
        refer: &Request,
        now: Instant,
    ) -> Result<Call, StatusCode> {
        let gone = StatusCode::CALL_DOES_NOT_EXIST;
        let first = self.calls.get(&of.call).filter(|_| other.call != of.call).ok_or(gone)?;
        let kept = Source { side: of.side.other(), ..of };
        let key = CallKey(self.resources.random.next());
        let policy = Arc::clone(first.policy());
        let id = policy.id_of(first.trunk(of.side)).ok_or(gone)?;
        let joining = Joining::new([Some(kept), Some(other)], None, refer.clone());
        let mut ctx = self.resources.at(now);
        let parties = [first.party(kept.side, &mut ctx), party];
        let begun = Begun::joined(key, id, parties, joining, first.name(), &policy, &mut ctx);
        let begun = begun.map_err(|refused| refused.status())?;
        Ok(Call::begin(begun, &policy, &mut ctx))
    }

    /// Moves sides from the calls that have them into the call that wants them, when all of them can be had.
    pub(super) fn take_sides(&mut self, by: CallKey, now: Instant) {
        let Some(sources) = self.calls.get(&by).map(|call| call.sources()) else { return };
        let here = self.resources.shard.index;
        let of = |source: &Source| {
            self.calls.get(&source.call).map_or(Availability::Never, |call| call.availability(source.side))
        };
        let own = sources.iter().filter(|(_, source)| source.shard == here);
        let worst = own.map(|(_, source)| of(source)).max_by_key(|found| *found as u8);
        match worst {
            Some(found @ (Availability::Later | Availability::Never)) => {
                return self.with_call(by, now, |call, ctx| call.sides_are_not_here(found, ctx));
            }
            Some(Availability::Unanswered) => return self.answer_callers(by, &sources, now),
            Some(Availability::Now) | None => {}
        }
        if self.fetch(by, &sources) {
            return;
        }
        for (side, source) in &sources {
            let given = match self.calls.get_mut(if source.shard == here { &source.call } else { &by }) {
                Some(call) if source.shard == here => Some(call.give(source.side)),
                Some(call) => call.take_arrived(*side),
                None => None,
            };
            let Some(given) = given else { continue };
            self.with_call(by, now, |call, ctx| call.take(*side, *given, ctx));
        }
        for (_, source) in sources.iter().filter(|(_, source)| source.shard == here) {
            self.with_call(source.call, now, |call, ctx| call.given_away(source.side, by, ctx));
        }
        self.with_call(by, now, |call, ctx| call.sides_are_here(ctx));
    }

    /// Answers those who wait for an answer among the sides that a call takes over; it has them once they have acknowledged that.
    fn answer_callers(&mut self, by: CallKey, sources: &[(Side, Source)], now: Instant) {
        let Some(said) = self.calls.get(&by).map(|call| call.said_by_new_side().clone()) else { return };
        let mut answered = true;
        for (_, source) in sources {
            self.with_call(source.call, now, |call, ctx| {
                if call.availability(source.side) == Availability::Unanswered {
                    answered &= call.answer_for(by, &said, ctx).is_ok();
                }
            });
        }
        if !answered {
            self.with_call(by, now, |call, ctx| call.sides_are_not_here(Availability::Never, ctx));
        }
    }

    /// The side that is kept when the dialog that `replaces` names is replaced, if a trunk of this name has a say in it:
    /// the side across the edge from that dialog; or when it is named as the peer sees it, because we told another side
    /// so, the side whose dialog it is.
    pub(super) fn kept_by(&self, replaces: &Replaces, trunk: &str) -> Option<Source> {
        let shard = self.resources.shard.index;
        let find = |tag: &[u8]| self.resources.dialogs.get(&shard::tag_number(tag)?).copied();
        if let Some((key, side)) = find(&replaces.to_tag) {
            let call = self.calls.get(&key)?;
            let rings = side == Side::B && call.rings_at(replaces);
            let named = (rings || replaces.names(call.dialog(side))) && call.trunk(side).name == trunk;
            return named.then_some(Source { shard, call: key, side: side.other() });
        }
        let (key, side) = find(&replaces.from_tag)?;
        let call = self.calls.get(&key)?;
        let named = replaces.names_far_end_of(call.dialog(side)) && call.trunk(side).name == trunk;
        named.then_some(Source { shard, call: key, side })
    }

    /// An INVITE that is to take the place of a dialog (RFC 3891 section 3).
    pub(super) fn on_replacing(
        &mut self,
        (trunk, path): (TrunkId, Path),
        (key, server): (CallKey, TransactionId),
        invite: Request,
        now: Instant,
    ) {
        let policy = Arc::clone(&self.policy);
        let kept = self.replaced_by(&policy, trunk, &invite);
        let from_call =
            kept.as_ref().ok().and_then(|kept| self.calls.get(&kept.call)).map(|call| call.name());
        let mut ctx = self.resources.at(now);
        let arrival = Arrival {
            policy: &policy,
            key,
            trunk,
            path,
            invite,
            server,
            draining: self.draining != Draining::No,
            ancestor: None,
            looped: false,
            on_behalf: None,
        };
        let party = kept.and_then(|kept| {
            let call =
                self.calls.get(&kept.call).ok_or(Refused::Replaces(StatusCode::CALL_DOES_NOT_EXIST))?;
            Ok((kept, call.party(kept.side, &mut ctx)))
        });
        match arrival.open_replacing(party, from_call, &mut ctx) {
            Ok(call) => {
                let dialog = call.dialog(Side::A);
                let (call_id, tag) = (dialog.call_id.clone(), shard::tag_number(&dialog.local_tag));
                self.remember(key, call, now);
                self.settle_guest(&call_id, tag);
            }
            Err(_code) => self.counters.calls_refused += 1,
        }
    }

    /// The side that an INVITE is to be connected with.
    fn replaced_by(&self, policy: &Policy, trunk: TrunkId, invite: &Request) -> Result<Source, Refused> {
        let mut values = invite.message.all(HeaderName::Replaces);
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refused::Replaces(StatusCode::BAD_REQUEST));
        };
        let replaces = Replaces::parse(value).ok_or(Refused::Replaces(StatusCode::BAD_REQUEST))?;
        let kept = self.kept_by(&replaces, &policy.trunk(trunk).name);
        let none = Refused::Replaces(StatusCode::CALL_DOES_NOT_EXIST);
        let kept = kept.ok_or(none.clone())?;
        let call = self.calls.get(&kept.call).ok_or(none.clone())?;
        match call.standing() {
            Standing::Over => Err(Refused::Replaces(StatusCode::DECLINE)),
            // One that we have begun (RFC 3891 section 3).
            Standing::Unanswered if call.rings_at(&replaces) => {
                call.could_be_answered_by(invite).map(|()| kept)
            }
            Standing::Unanswered => Err(none),
            // Who has hung up has nothing that could be replaced, though his transfer is still tried.
            Standing::Answered if !call.is_whole() => Err(Refused::Replaces(StatusCode::DECLINE)),
            Standing::Answered if replaces.early_only => Err(Refused::Replaces(StatusCode::BUSY_HERE)),
            Standing::Answered => Ok(kept),
        }
    }
}
