//! Keeping a session going (RFC 4028): what the edge sends when that is its part, and the end when nobody does.
//!
//! A side that takes UPDATE gets one without an offer; any other gets a re-INVITE with the description in force. Neither
//! crosses: the other side has a timer of its own.
//!
//! A re-INVITE goes also to a side that was told of another description than the one in force.
//!
//! Invariant: a re-INVITE of ours excludes every other change of the session, as an exchange does.

use std::time::{Duration, Instant};

use crate::sdp::Answer;
use crate::sip::{HeaderName, Method, Response, StatusCode};
use crate::transaction::{T1, TransactionId};

use super::body::session_body;
use super::exchange::Sent;
use super::invite::finish;
use super::leg::LegState;
use super::reason::retry_after;
use super::relay::Then;
use super::session_timer::Due;
use super::{ALLOW, Call, Cause, Context, Owner, SUPPORTED_UNRELIABLY, Side};

/// How long a refresh waits that found something else under way, or was refused.
const AGAIN: Duration = Duration::from_secs(5);

/// Longest wait that a side's Retry-After is believed: RFC 3311 section 5.2 and RFC 3261 section 14.2 know no longer one.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// A re-INVITE that keeps the session of one side going.
#[derive(Debug)]
pub(super) struct Refreshing {
    side: Side,
    id: TransactionId,
    sequence: u32,
    /// When a side that says nothing more is given up.
    over_at: Instant,
}

impl Refreshing {
    /// It goes on as `now`, if it is the transaction `before`.
    pub(super) fn renumber(&mut self, before: TransactionId, now: Sent) {
        if self.id == before {
            (self.id, self.sequence) = (now.id, now.sequence);
        }
    }
}

impl Call {
    /// Whether no change of the session may begin: an offer is under way, or there is only one side left, for which a transfer
    /// is tried. Where both are there they may go on changing it: a transfer that comes about waits until they are through.
    pub(super) fn is_changing(&self) -> bool {
        self.is_negotiating() || (self.referral.is_some() && !self.is_whole())
    }

    /// Whether an offer is under way. A transfer that is tried has none in this call until it comes about, and that may
    /// take longer than a session lives without a refresh.
    const fn is_negotiating(&self) -> bool {
        self.exchange.is_some()
            || self.refreshing.is_some()
            || self.joining.is_some()
            || self.early_change.is_some()
            || matches!(&self.unheard, Some(unheard) if unheard.accepts)
    }

    /// When a session timer is due.
    pub(super) fn refresh_due_at(&self) -> Option<Instant> {
        if !self.answered() {
            return None;
        }
        let given_up = self.refreshing.as_ref().map(|refreshing| refreshing.over_at);
        let there = self.legs.iter().filter(|leg| leg.state != LegState::Closed);
        let legs = there.flat_map(|leg| [leg.timer.next_deadline(), leg.describe_at]);
        legs.chain([given_up]).flatten().min()
    }

    /// Refreshes what is due, and ends the call when a side let its session run out.
    pub(super) fn keep_sessions(&mut self, ctx: &mut Context<'_>) {
        for side in [Side::A, Side::B] {
            if !self.answered() {
                return;
            }
            if self.leg(side).state == LegState::Closed {
                continue;
            }
            match self.leg(side).timer.due(ctx.now) {
                // Its refresh was not taken while that goes on, which has an end of its own.
                Some(Due::Over) if self.referral.is_some() || self.joining.is_some() => {
                    self.leg_mut(side).timer.outlive(ctx.now + T1 * 64);
                }
                Some(Due::Over) => self.terminate(Cause::Expired(side), ctx),
                Some(Due::Refresh)
                    if self.is_negotiating() || self.leg(side).state != LegState::Confirmed =>
                {
                    self.leg_mut(side).timer.refresh_again(Some(ctx.now + AGAIN));
                }
                Some(Due::Refresh) => self.refresh(side, ctx),
                None => {}
            }
            self.describe_when_due(side, ctx);
        }
        if let Some(given_up) = self.refreshing.take_if(|refreshing| refreshing.over_at <= ctx.now) {
            ctx.transactions.abandon(given_up.id);
            self.terminate(Cause::Lost(given_up.side), ctx);
        }
    }

    /// The final response to a refresh.
    pub(crate) fn on_refresh_response(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        if response.cseq_method == Method::Invite {
            let ours = |refreshing: &mut Refreshing| refreshing.sequence == response.cseq;
            let first = self.refreshing.take_if(ours).is_some();
            if response.code.is_success() && !first {
                return self.on_repeated_success(side, response, ctx);
            }
            if response.code.is_success() {
                self.send_ack(side, response.cseq, None, ctx);
                self.follow_answer(side, response, ctx);
            }
        }
        if self.ending {
            return;
        }
        if response.code.is_success() {
            let leg = self.leg_mut(side);
            leg.dialog.refresh_target(response.contact.as_ref());
            leg.learn(&response.message);
            leg.timer.agree(&response.message, ctx.now);
            if response.cseq_method == Method::Invite {
                leg.describe_at = None;
            }
        } else {
            self.on_refresh_refused(side, response, ctx);
        }
    }

    /// A refresh was never answered.
    pub(super) fn on_refresh_timed_out(&mut self, side: Side, ctx: &mut Context<'_>) {
        self.refreshing = None;
        self.terminate(Cause::Lost(side), ctx);
    }

    fn on_refresh_refused(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let leg = &mut self.legs[side.index()];
        match response.code {
            StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT => {
                return self.terminate(Cause::Lost(side), ctx);
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => leg.takes_update = false,
            // What it asks for is in the next one.
            _ => _ = leg.timer.raise(response),
        }
        let at = ctx.now + wait_after(response, side, ctx.random.next());
        leg.timer.refresh_again(Some(at));
        // What a side does not want to hear stays unsaid.
        let later = matches!(response.code, StatusCode::REQUEST_PENDING | StatusCode::SERVER_INTERNAL_ERROR);
        leg.describe_at = leg.describe_at.map(|_| at).filter(|_| later);
    }

    /// Offers to `side` the description in force, which is not the one that it was told of.
    pub(super) fn describe_anew(&mut self, side: Side, ctx: &mut Context<'_>) {
        self.leg_mut(side).describe_at = Some(ctx.now);
        self.describe_when_due(side, ctx);
    }

    fn describe_when_due(&mut self, side: Side, ctx: &mut Context<'_>) {
        if !self.answered() || self.leg(side).describe_at.is_none_or(|at| at > ctx.now) {
            return;
        }
        // Should the answer not come, the refusal or the end of the call says what follows.
        self.leg_mut(side).describe_at = Some(ctx.now + if self.is_negotiating() { AGAIN } else { T1 * 64 });
        if !self.is_negotiating() {
            self.refresh_by(Method::Invite, side, ctx);
        }
    }

    fn refresh(&mut self, side: Side, ctx: &mut Context<'_>) {
        let takes_update = self.leg(side).takes_update;
        self.refresh_by(if takes_update { Method::Update } else { Method::Invite }, side, ctx);
    }

    fn refresh_by(&mut self, method: Method, side: Side, ctx: &mut Context<'_>) {
        let leg = &mut self.legs[side.index()];
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let request = leg.dialog.request(&method, branch, sequence).header(HeaderName::Allow, ALLOW);
        let offer = (method == Method::Invite).then(|| leg.session.again());
        let request = request.header(HeaderName::Supported, SUPPORTED_UNRELIABLY);
        let request = finish(leg.timer.propose(request), offer);
        let is_invite = method == Method::Invite;
        match ctx.request(&leg.trunk, method, branch, request, leg.path(), Owner::Refresh(self.key, side)) {
            Ok(id) => {
                leg.timer.refresh_again(None);
                if is_invite {
                    self.invites = [None, Some(id)];
                    let over_at = ctx.now + T1 * 64;
                    self.refreshing = Some(Refreshing { side, id, sequence, over_at });
                    self.note_proof(side, id, ctx);
                }
            }
            Err(_full) => leg.timer.refresh_again(Some(ctx.now + AGAIN)),
        }
    }

    /// The answer to a refresh says again what is in force; but its side may have moved its media.
    fn follow_answer(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let body = session_body(&response.message).unwrap_or_default();
        let Some(sdp) = body.filter(|_| !self.ending) else { return };
        if self.streams.are_direct() {
            return self.follow_direct(side, &sdp, ctx);
        }
        let Ok(answer) = Answer::parse(&sdp) else { return };
        let trunk = &self.legs[side.index()].trunk;
        self.streams.follow_refresh(&self.policy, side, trunk, &answer);
        self.once_relayed(Then::Rest, ctx);
    }
}

/// How long a refresh of `side` waits that was refused.
///
/// One that met another offer (491) as RFC 3261 section 14.1 says, which tells the owner of the Call-ID, ours on side B,
/// from the other end; the bound of the attempts is the session's end. `random` keeps two that met from meeting again.
fn wait_after(response: &Response, side: Side, random: u64) -> Duration {
    let wanted = retry_after(&response.message).map(|seconds| Duration::from_secs(u64::from(seconds)));
    match (response.code, side) {
        (StatusCode::REQUEST_PENDING, Side::A) => Duration::from_millis(random % 201 * 10),
        (StatusCode::REQUEST_PENDING, Side::B) => Duration::from_millis(2_100 + random % 191 * 10),
        _ => wanted.unwrap_or(AGAIN / 2).min(RETRY_AFTER_MAX) + Duration::from_millis(random % 2_500),
    }
}

#[cfg(test)]
mod tests;
