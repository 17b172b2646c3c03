//! REFER within a call (RFC 3515, RFC 5589): refused, passed to the other side, or carried out here, as its trunk may.
//!
//! Invariants: one side's REFER is carried out at a time, and no call is joined while its session changes; its
//! subscription hears of each thing once that the target says (RFC 3515 section 2.4.4), at most [`REPORTS_MAX`], and a last
//! one, which ends it; the target is a number that
//! goes through the routes of the trunk that asked, never an address.

mod consume;
mod journal;
mod pass;
mod target;
#[cfg(test)]
mod tests;
mod tone;

use crate::policy::Refer;
use crate::sip::StatusCode;

use super::asked::Asked;
use super::asks::check_extensions;
use super::{Call, CallKey, Context, Side};

pub(super) use journal::ReferralSnapshot;
pub(super) use pass::Referred;
pub(crate) use target::ReferTo;
use tone::Ringing;

/// Reports on what a target says before its answer. One that says more than these has said nothing new.
const REPORTS_MAX: usize = 8;

/// A transfer that one side has asked for.
#[derive(Debug)]
pub(in crate::call) struct Referral {
    /// Who asked.
    pub(super) by: Side,
    /// CSeq of its REFER, which names the subscription.
    sequence: u32,
    /// Whether it wants to hear nothing (RFC 4488).
    silent: bool,
    /// Whether it has hung up since.
    gone: bool,
    /// The call to the target, once there is one.
    call: Option<CallKey>,
    /// What it has heard of.
    reported: Vec<StatusCode>,
    /// What the side hears that was referred.
    ringing: Ringing,
}

impl Call {
    /// A REFER came in.
    pub(super) fn on_refer(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        if self.ending {
            return self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx);
        }
        let behaviour = self.leg(asked.side).trunk.refer;
        if behaviour == Refer::Refuse {
            return self.reply(&asked, StatusCode::DECLINE, ctx);
        }
        if let Err(refused) = check_extensions(&asked.request.message) {
            return self.refuse(&asked, &refused, ctx);
        }
        let target = match ReferTo::of(&asked.request.message) {
            Ok(target) => target,
            Err(code) => return self.reply(&asked, code, ctx),
        };
        if !self.is_whole() || self.is_changing() || self.referral.is_some() {
            return self.reply(&asked, StatusCode::REQUEST_PENDING, ctx);
        }
        match behaviour {
            Refer::Refuse => {}
            Refer::Pass => self.pass_refer(asked, &target, ctx),
            Refer::Consume => self.consume_refer(&asked, ctx),
        }
    }
}
