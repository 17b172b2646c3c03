//! From a response, or the news that a request did not arrive, to the transaction, dialog or call that waits for it.

use std::time::Instant;

use crate::call::{CallKey, Owner, Side};
use crate::relation::Outcome;
use crate::sip::{Method, Response};
use crate::transaction::{Challenged, Matched, Path};

use super::{Edge, shard};

impl Edge {
    /// A request did not arrive. Within a call that is not believed at once: who starts again is back before it comes again, and
    /// the call would be lost for nothing.
    pub(super) fn on_undelivered(&mut self, path: Path, beginning: &[u8], now: Instant) {
        let Some((id, owner)) = self.resources.transactions.sender_of(beginning, path) else { return };
        let fails = match owner {
            Owner::Invite(key, side) => self.calls.get(&key).is_some_and(|call| call.has_not_answered(side)),
            Owner::Relation(relation, errand) => {
                self.relations.on_undelivered((relation, errand), id);
                true
            }
            Owner::GivenUp(..)
            | Owner::Invited(..)
            | Owner::Update(..)
            | Owner::Refresh(..)
            | Owner::Bye(..)
            | Owner::Passage(..)
            | Owner::Digit(..)
            | Owner::Nobody => false,
        };
        if fails {
            self.resources.transactions.on_undelivered(id, now);
        }
    }

    pub(super) fn on_response(&mut self, path: Path, response: &Response, now: Instant) {
        // The transaction forgets its request with the answer.
        let challenged = self.resources.transactions.challenged_by(response);
        let matched = self.resources.transactions.on_response(response, now);
        if let (Some(challenged), Matched::Deliver(..)) = (challenged, matched)
            && self.answers_challenge(&challenged, response, now)
        {
            return;
        }
        match matched {
            Matched::Deliver(_, Owner::Invite(key, side)) => {
                self.resources.at(now).flush();
                let (key, side) = self.owner_now(response).unwrap_or((key, side));
                self.with_call(key, now, |call, ctx| call.on_invite_response(side, response, ctx));
            }
            Matched::Deliver(id, Owner::GivenUp(key, _)) => {
                self.resources.at(now).flush();
                self.with_call(key, now, |call, ctx| call.on_late_response(id, response, ctx));
            }
            Matched::Deliver(_, Owner::Bye(key, side)) if response.code.is_final() => {
                self.with_call(key, now, |call, _| call.on_left(side));
            }
            Matched::Deliver(_, Owner::Update(key, side)) if response.code.is_final() => {
                self.resources.at(now).flush();
                self.with_call(key, now, |call, ctx| call.on_update_response(side, response, ctx));
            }
            Matched::Deliver(_, Owner::Refresh(key, side)) if response.code.is_final() => {
                self.resources.at(now).flush();
                self.with_call(key, now, |call, ctx| call.on_refresh_response(side, response, ctx));
            }
            Matched::Deliver(_, Owner::Passage(key, server)) if response.code.is_final() => {
                self.resources.at(now).flush();
                self.with_call(key, now, |call, ctx| call.on_passed(server, response, ctx));
            }
            Matched::Deliver(_, Owner::Digit(key, side)) if response.code.is_final() => {
                self.resources.at(now).flush();
                self.with_call(key, now, |call, ctx| call.on_digit_answered(side, response, ctx));
            }
            Matched::Deliver(id, Owner::Relation(relation, errand)) if response.code.is_final() => {
                let outcome = Outcome::Answered(response);
                let mut ctx = self.resources.at(now);
                self.relations.on_outcome((relation, errand), id, &outcome, &self.policy, &mut ctx);
            }
            Matched::Deliver(..) | Matched::Absorbed => self.resources.at(now).flush(),
            Matched::Nothing => self.on_unknown_response(path, response, now),
        }
    }

    /// A response to nothing of ours. A 2xx may be to an INVITE that another shard sent, before the dialog came here, or another
    /// process, which is there no more; one of a dialog that nobody knows has to end all the same.
    fn on_unknown_response(&mut self, path: Path, response: &Response, now: Instant) {
        let repeated = response.code.is_success() && response.cseq_method == Method::Invite;
        match self.owner_now(response).filter(|_| repeated) {
            Some((key, side)) => {
                self.with_call(key, now, |call, ctx| call.on_unexpected_success(side, response, ctx));
            }
            None => {
                self.counters.stray_responses += 1;
                if repeated {
                    self.hang_up_stray(path, response, now);
                }
            }
        }
    }

    /// A request of ours was challenged: says whether it was sent again.
    fn answers_challenge(
        &mut self,
        challenged: &Challenged<Owner>,
        response: &Response,
        now: Instant,
    ) -> bool {
        self.resources.at(now).flush();
        if let Owner::Relation(relation, errand) = challenged.owner {
            let mut ctx = self.resources.at(now);
            return self.relations.answer_challenge((relation, errand), challenged, response, &mut ctx);
        }
        let Some((key, side)) = self.owner_now(response) else { return false };
        let mut sent_again = false;
        self.with_call(key, now, |call, ctx| {
            sent_again = call.answer_challenge(side, challenged, response, ctx);
        });
        sent_again
    }

    /// The call that has the dialog of a response now: a side may have gone to another call since its request.
    pub(super) fn owner_now(&self, response: &Response) -> Option<(CallKey, Side)> {
        self.resources.dialogs.get(&shard::tag_number(response.from.tag()?)?).copied()
    }
}
