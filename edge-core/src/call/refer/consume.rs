//! A REFER that the edge carries out: its subscription, and the INVITE that it amounts to.

use bytes::Bytes;

use crate::sip::{
    HeaderName, Incoming, MessageLimits, MessageWriter, Method, NameAddr, Request, StatusCode, escape_user,
};

use super::super::asked::Asked;
use super::super::body::SDP;
use super::super::join::{Joining, OnBehalf, resumed};
use super::super::leg::{Leg, LegState};
use super::super::passage::hops_left;
use super::super::wish::{Source, Wish};
use super::super::{Call, CallKey, Cause, Context, Owner, Side};
use super::pass::is_silent;
use super::{REPORTS_MAX, Referral, Ringing};

/// What a report is written in (RFC 3515 section 2.4.5, RFC 3420).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

impl Call {
    /// Accepts a REFER, and has the shard carry it out.
    pub(super) fn consume_refer(&mut self, asked: &Asked, ctx: &mut Context<'_>) {
        let leg = self.leg(asked.side);
        let silent = is_silent(&asked.request.message);
        let mut response =
            asked.response(leg, StatusCode::ACCEPTED).header(HeaderName::Contact, leg.dialog.contact());
        if silent {
            response = response.header(HeaderName::ReferSub, "false");
        }
        ctx.respond(asked.server, StatusCode::ACCEPTED, response.empty());
        let sequence = asked.request.cseq;
        self.referral = Some(Referral {
            by: asked.side,
            sequence,
            silent,
            gone: false,
            call: None,
            reported: Vec::new(),
            ringing: Ringing::default(),
        });
        self.report(StatusCode::TRYING, ctx);
        let of = Source { shard: ctx.shard.index, call: self.key, side: asked.side };
        ctx.wishes.push_back(Wish::Refer { of, refer: Box::new(asked.request.clone()) });
    }

    /// A call goes on for the REFER.
    pub(crate) const fn referral_goes_on(&mut self, call: CallKey) {
        if let Some(referral) = &mut self.referral {
            referral.call = Some(call);
        }
    }

    /// Who has asked for the call `by`, if it goes on for a REFER within this one.
    pub(in super::super) fn referred_to(&self, by: CallKey) -> Option<Side> {
        self.referral.as_ref().filter(|referral| referral.call == Some(by)).map(|referral| referral.by)
    }

    /// The call `by` takes no side of this one over: that matters only where it goes on for a REFER.
    pub(crate) fn join_failed(&mut self, by: CallKey, code: StatusCode, ctx: &mut Context<'_>) {
        if self.referred_to(by).is_some() {
            self.referral_failed(code, ctx);
        }
        self.not_picked_up(by, code, ctx);
    }

    /// The target of the call `by` rings, or says something else before its answer.
    pub(crate) fn join_progressed(&mut self, by: CallKey, code: StatusCode, ctx: &mut Context<'_>) {
        if self.referred_to(by).is_none() {
            return;
        }
        self.target_said(code, ctx);
        let Some(referral) = &mut self.referral else { return };
        if referral.reported.contains(&code) || referral.reported.len() >= REPORTS_MAX {
            return;
        }
        referral.reported.push(code);
        self.report(code, ctx);
    }

    /// What went on for the REFER has failed: the call stands as it was, if both sides are still there.
    pub(crate) fn referral_failed(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        let Some(referral) = &mut self.referral else { return };
        referral.call = None;
        let (by, gone) = (referral.by, referral.gone);
        self.end_referral(code, ctx);
        if gone {
            self.terminate(Cause::Hangup(by), ctx);
        }
    }

    /// Says the last of a REFER: what came of it.
    pub(in super::super) fn end_referral(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        self.stop_ringing_back_kept(ctx);
        if self.referral.is_some() {
            self.report(code, ctx);
        }
        let call = self.referral.take().and_then(|referral| referral.call);
        if !code.is_success() {
            ctx.wishes.extend(call.map(|call| Wish::Abandon { call }));
        }
    }

    /// Whether a BYE of `side` leaves the other one to wait for where it is referred to; many user agents hang up as soon
    /// as their REFER is accepted.
    pub(in super::super) fn leaves_after_refer(&mut self, side: Side, ctx: &mut Context<'_>) -> bool {
        let waits = self.leg(side.other()).state == LegState::Confirmed && !self.ending;
        let Some(referral) = self.referral.as_mut().filter(|referral| referral.by == side && waits) else {
            return false;
        };
        referral.gone = true;
        let leg = self.leg_mut(side);
        leg.state = LegState::Closed;
        leg.admission = None;
        self.ring_back_kept(ctx);
        true
    }

    /// A NOTIFY of the subscription that a REFER makes.
    fn report(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        let Some(referral) = self.referral.as_ref().filter(|referral| !referral.silent) else { return };
        let (by, sequence) = (referral.by, referral.sequence);
        if self.leg(by).state != LegState::Confirmed {
            return;
        }
        let expires = self.policy.timers.answer_max.as_secs() + 60;
        let state = if code.is_final() {
            "terminated;reason=noresource".to_owned()
        } else {
            format!("active;expires={expires}")
        };
        let leg = self.leg_mut(by);
        let (branch, number) = (ctx.random.branch(), leg.dialog.next_sequence());
        let notify = leg
            .dialog
            .request(&Method::Notify, branch, number)
            .header(HeaderName::Event, format!("refer;id={sequence}"))
            .header(HeaderName::SubscriptionState, state)
            .body(SIPFRAG, format!("SIP/2.0 {code} {}\r\n", code.default_reason()));
        if let Err(full) = ctx.request(&leg.trunk, Method::Notify, branch, notify, leg.path(), Owner::Nobody)
        {
            tracing::warn!("NOTIFY not sent: {full}");
        }
    }

    /// The INVITE by which the side that `of` referred would call `number` itself.
    pub(crate) fn as_if_calling(
        &self,
        of: Source,
        number: &str,
        refer: &Request,
        ctx: &mut Context<'_>,
    ) -> Option<(Request, OnBehalf)> {
        let (referrer, kept) = (self.leg(of.side), self.leg(of.side.other()));
        let host = "edge.invalid";
        let target = format!("sip:{}@{host}", escape_user(number));
        let from: Bytes = [
            kept_as_known_to(referrer).as_slice(),
            b";tag=",
            format!("{:016x}", ctx.random.next()).as_bytes(),
        ]
        .concat()
        .into();
        let invite = MessageWriter::request(&Method::Invite, &target)
            .header(HeaderName::Via, format!("SIP/2.0/UDP {host};branch={}", ctx.random.branch()))
            .header(HeaderName::MaxForwards, hops_left(refer).to_string())
            .header(HeaderName::From, from)
            .header(HeaderName::To, format!("<{target}>"))
            .header(HeaderName::CallId, format!("{:016x}@{host}", ctx.random.next()))
            .header(HeaderName::CSeq, "1 INVITE")
            .body(SDP, resumed(kept.said.agreed()));
        let Ok(Incoming::Request(invite)) = Incoming::parse(invite, &MessageLimits::default()) else {
            return None;
        };
        let source = Source { side: of.side.other(), ..of };
        let referrer = kept.trunk.numbers.read_text(&kept.dialog.local_number());
        let joining = Joining::new([Some(source), None], Some(referrer), invite.clone());
        let on_behalf = OnBehalf { trunk: kept.trunk.clone(), from_call: self.name(), joining };
        Some((invite, on_behalf))
    }
}

/// Who `leg` believes to talk with, as a name-addr whose number every trunk reads as the same, if it is a global one.
fn kept_as_known_to(leg: &Leg) -> Vec<u8> {
    let party = leg.dialog.local_party();
    let Ok(parsed) = NameAddr::parse(Bytes::copy_from_slice(party)) else { return party.to_vec() };
    let number = leg.trunk.numbers.read(parsed.uri());
    if number.global().is_none() {
        return party.to_vec();
    }
    let display = parsed.raw_display().map_or_else(Vec::new, |name| [name, b" "].concat());
    [display.as_slice(), b"<sip:", number.as_str().as_bytes(), b"@", parsed.uri().host(), b">"].concat()
}
