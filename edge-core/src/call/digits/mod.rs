//! Digits between sides that say them in different ways: telephone-events (RFC 4733) of one become INFO to the other, and INFO
//! of one becomes telephone-events to the other, which ride on the speech of who said it.
//!
//! What is agreed on says which (`sdp::digits`), and it is part of what the datapath was told: so it holds in another process,
//! too. A digit that is converted is answered here, at once: whether it reaches the other side is known only later, and its
//! sender could do nothing about that.
//!
//! Invariants: digits reach a side in the order in which they were said, and one INFO is under way at a time; which digits they
//! were is in no log and no record.

mod body;
mod line;

use std::time::Instant;

use bytes::Bytes;

use crate::edge::Command;
use crate::media::{Digit, DigitsAs, Events, RelayedStream};
use crate::policy::DtmfMask;
use crate::sip::{Method, Response, StatusCode};

use super::asked::Asked;
use super::leg::LegState;
use super::passage::ends_call;
use super::{Call, Cause, Context, Owner, Side};

use line::{Due, Line};

/// Digits on their way across a call, towards each side.
#[derive(Debug, Default)]
pub(super) struct Digits {
    towards: [Line; 2],
}

/// What is counted of digits that were converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DigitCounters {
    /// Telephone-events that the other side has taken as INFO.
    pub(crate) to_info: u64,
    /// INFOs that have left as telephone-events.
    pub(crate) to_events: u64,
    /// Digits that did not reach the other side: refused, without speech to ride on, or too many at once.
    pub(crate) lost: u64,
}

impl Call {
    /// The datapath has heard a digit of `side`.
    pub(crate) fn on_digit_heard(&mut self, side: Side, digit: Digit, ctx: &mut Context<'_>) {
        let takes = |stream: &RelayedStream| {
            stream.end(side).sends.as_ref().is_some_and(|sends| sends.events == Events::Take)
        };
        if !self.answered() || !self.streams.plan.streams.iter().any(takes) {
            return;
        }
        self.note_digit(side);
        let to = side.other();
        if let Some(digit) = self.shown(to, digit) {
            self.send_digit(to, digit, ctx);
        }
    }

    /// A digit has left on the speech of `side`.
    pub(crate) fn on_digit_sent(&mut self, side: Side, ctx: &mut Context<'_>) {
        let to = side.other();
        if self.line(to).sent(ctx.now) {
            ctx.digits.to_events += 1;
        }
    }

    /// Takes an INFO with a digit that goes on otherwise, or not at all; gives back what crosses.
    pub(super) fn take_digit(&mut self, asked: Asked, ctx: &mut Context<'_>) -> Option<Asked> {
        if !body::is_digit(&asked.request) {
            return Some(asked);
        }
        let to = asked.side.other();
        let converts = self.rides_on(asked.side).is_some();
        let mask = self.leg(to).trunk.dtmf.mask;
        if !converts && mask == DtmfMask::Off {
            return Some(asked);
        }
        let Some(digit) = body::read(&asked.request.message) else {
            self.reply(&asked, StatusCode::BAD_REQUEST, ctx);
            return None;
        };
        if !converts && mask == DtmfMask::Star {
            return Some(asked);
        }
        if converts && (!self.answered() || !self.line(to).has_room()) {
            self.reply_later(&asked, ctx);
            return None;
        }
        self.reply(&asked, StatusCode::OK, ctx);
        self.note_digit(asked.side);
        if let Some(digit) = self.shown(to, digit).filter(|_| converts) {
            self.send_digit(to, digit, ctx);
        }
        None
    }

    /// The body of an INFO as the other side is to get it, when it is a digit that this is not to know.
    pub(super) fn masked_body(&self, asked: &Asked) -> Option<Bytes> {
        let masks = self.leg(asked.side.other()).trunk.dtmf.mask == DtmfMask::Star;
        if !masks || !body::is_digit(&asked.request) {
            return None;
        }
        // What cannot be read was refused before.
        let digit = body::read(&asked.request.message)?;
        Some(body::write_like(&asked.request.message, digit.masked()).into())
    }

    /// Our INFO to `side` was answered.
    pub(crate) fn on_digit_answered(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        self.end_digit(side, response.code, ctx);
    }

    /// Our INFO to `side` never was.
    pub(super) fn on_digit_timed_out(&mut self, side: Side, ctx: &mut Context<'_>) {
        self.end_digit(side, StatusCode::REQUEST_TIMEOUT, ctx);
    }

    /// When a line of digits wants [`on_digits_due`](Self::on_digits_due).
    pub(super) fn digits_due_at(&self) -> Option<Instant> {
        let lines = self.digits.as_ref().filter(|_| !self.ending)?;
        lines.towards.iter().filter_map(Line::next_deadline).min()
    }

    /// Goes on with digits that waited, and gives up those that found nothing to ride on.
    pub(super) fn on_digits_due(&mut self, ctx: &mut Context<'_>) {
        if self.digits.is_none() || self.ending {
            return;
        }
        for to in [Side::A, Side::B] {
            match self.line(to).due(ctx.now) {
                None => continue,
                Some(Due::Next) => {}
                Some(Due::Lost) => {
                    ctx.command(Command::WithdrawDigit { call: self.key, from: to.other() });
                    self.lose_digit("its sender sends no speech", ctx);
                }
            }
            self.advance(to, ctx);
        }
    }

    fn end_digit(&mut self, side: Side, code: StatusCode, ctx: &mut Context<'_>) {
        if !self.line(side).answered() {
            return;
        }
        if code.is_success() {
            ctx.digits.to_info += 1;
        } else {
            self.lose_digit("the other side refused its INFO", ctx);
        }
        if ends_call(&Method::Info, code) {
            return self.terminate(Cause::Lost(side), ctx);
        }
        self.advance(side, ctx);
    }

    /// A digit for `to`, behind those that are on their way.
    fn send_digit(&mut self, to: Side, digit: Digit, ctx: &mut Context<'_>) {
        if !self.line(to).push(digit) {
            return self.lose_digit("too many wait", ctx);
        }
        self.advance(to, ctx);
    }

    /// Sends the next digit to `to`, if one may go.
    fn advance(&mut self, to: Side, ctx: &mut Context<'_>) {
        while let Some(digit) = if self.ending { None } else { self.line(to).next() } {
            if self.rides_on(to.other()).is_some() {
                self.line(to).rides(digit, ctx.now);
                ctx.command(Command::SendDigit { call: self.key, from: to.other(), digit });
            } else if self.ask(to, digit, ctx).is_some() {
                self.line(to).asks();
            } else {
                self.lose_digit("the other side cannot be asked now", ctx);
            }
        }
    }

    /// Says a digit by INFO.
    fn ask(&mut self, to: Side, digit: Digit, ctx: &mut Context<'_>) -> Option<()> {
        let owner = Owner::Digit(self.key, to);
        let leg = self.leg_mut(to);
        if leg.state != LegState::Confirmed {
            return None;
        }
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let request = leg.dialog.request(&Method::Info, branch, sequence);
        let request = request.body(body::DTMF_RELAY, body::write(digit));
        ctx.request(&leg.trunk, Method::Info, branch, request, leg.path(), owner).ok().map(drop)
    }

    /// What the speech of `side` may become, when it says its digits by INFO and the other side takes events.
    fn rides_on(&self, side: Side) -> Option<DigitsAs> {
        self.streams.plan.streams.iter().find_map(|stream| stream.end(side).sends.as_ref()?.digits_as)
    }

    /// The digit as `to` may know it.
    fn shown(&self, to: Side, digit: Digit) -> Option<Digit> {
        match self.leg(to).trunk.dtmf.mask {
            DtmfMask::Off => Some(digit),
            DtmfMask::Star => Some(digit.masked()),
            DtmfMask::Drop => None,
        }
    }

    fn note_digit(&mut self, side: Side) {
        if let Some(record) = &mut self.record {
            let count = &mut record.digits[side.index()];
            *count = count.saturating_add(1);
        }
    }

    fn lose_digit(&self, why: &str, ctx: &mut Context<'_>) {
        ctx.digits.lost += 1;
        let call = self.record.as_ref().map(|record| record.id.as_str());
        tracing::info!(call, "a digit did not reach the other side: {why}");
    }

    fn line(&mut self, to: Side) -> &mut Line {
        &mut self.digits.get_or_insert_default().towards[to.index()]
    }
}
