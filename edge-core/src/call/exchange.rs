//! An offer that crosses the edge: it came in from one side and went out again to the other.
//!
//! The first INVITE of a call, every re-INVITE and every UPDATE with an offer cross in the same way; what differs is what
//! a failure means, and that an UPDATE has neither provisional answers nor an ACK (RFC 3311). A side that takes no
//! UPDATE gets a re-INVITE for it.
//!
//! Invariants: a call has at most one exchange at a time (a second one hears 491, or 500 by RFC 3311 section 5.2); an offer that crossed one way is
//! answered the other way, whichever messages carry them (RFC 3264, RFC 3261 section 13.2.1).

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::media::MediaPlan;
use crate::policy::{ReliableProvisional, Trunk};
use crate::sdp::{Offer, Proposal};
use crate::sip::{HeaderName, Message, MessageWriter, Method, Request, StatusCode, response_to};
use crate::transaction::{Branch, T1, T2, TransactionId};

use super::asked::Asked;
use super::early::EarlyDialogs;
use super::introduction::keep_permitted;
use super::leg::Leg;
use super::offer_answer::OfferAnswer;
use super::passage::crossing;
use super::reliable::{REL, Sending, can_acknowledge, wants_reliable};
use super::{ALLOW, SUPPORTED, SUPPORTED_UNRELIABLY, Side};

/// An INVITE or UPDATE on its way across.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Side that sent it to us.
    pub(super) from: Side,
    /// Its transaction there.
    pub(super) server: TransactionId,
    /// The request as it came.
    pub(super) request: Request,
    /// Where it came from, for the Via of its responses.
    pub(super) source: std::net::SocketAddr,
    /// What it goes on as: INVITE or UPDATE.
    pub(super) onward: Method,
    /// The description that our INVITE carries, ready before the media is installed.
    pub(super) body: Option<Bytes>,
    /// Our request on the other side, once it is sent.
    pub(super) client: Option<Sent>,
    /// The offer on its way across, and the side that made it.
    pub(super) offer: Option<(Side, Proposal)>,
    /// The offer that we made the other side, because the request has none and its trunk wants one.
    pub(super) own_offer: Option<Offer>,
    /// That side's trunk does not know what the answer to the other one leaves out of its own.
    pub(super) untold: bool,
    /// Our 2xx makes the offer that the other side's answer led to: its ACK has the answer.
    pub(super) answer_owed: bool,
    /// Whether the other side has sent a provisional response, so that a CANCEL may follow (RFC 3261 section 9.1).
    pub(super) provisional_seen: bool,
    /// Whether a CANCEL waits for that.
    pub(super) cancel_wanted: bool,
    /// Whether the side that sent it has withdrawn it.
    pub(super) withdrawn: bool,
    /// Whether another offer has crossed since, before the answer.
    pub(super) changed: bool,
    /// Whether it was sent again for a session interval that was too short.
    pub(super) interval_raised: bool,
    /// The early dialogs on the other side.
    pub(super) early: EarlyDialogs,
    /// Whether our INVITE says that we acknowledge provisional responses.
    pub(super) asks_reliable: bool,
    /// What has been said reliably with the side that sent it.
    pub(super) near: OfferAnswer,
    /// The answer of that side to an offer in a reliable response.
    pub(super) near_answer: Option<Bytes>,
    /// Reliable provisional responses to it, when it can acknowledge them.
    pub(super) sending: Option<Sending>,
    /// Our 2xx, while it waits for the PRACK of one.
    pub(super) held: Option<Success>,
    /// That side was told of another description than the one that was answered with.
    pub(super) misled: bool,
    /// Whether the other side has sent a 2xx.
    pub(super) answered: bool,
    /// When a change of an answered call is given up; the call's own phase bounds its first INVITE.
    pub(super) over_at: Option<Instant>,
    /// What was relayed before a change.
    pub(super) plan_before: Option<MediaPlan>,
    /// The answer was translated already, in a provisional response.
    pub(super) answer: Option<Bytes>,
    /// INFO packages that the other side takes, as its newest response says (RFC 6086 section 5.2).
    recv_info: Vec<Bytes>,
    /// Headers of that response that its operator lets pass.
    permitted: Vec<(Bytes, Bytes)>,
    /// Our 2xx, until it is acknowledged.
    pub(super) unacknowledged: Option<Unacknowledged>,
    /// Our 2xx was acknowledged.
    pub(super) acknowledged: bool,
    /// The other side's 2xx made the offer: its ACK has to wait for the answer in ours.
    pub(super) answer_awaited: bool,
}

/// What our 2xx says.
#[derive(Debug, Clone)]
pub(super) struct Success {
    /// The description, unless one was agreed on before.
    pub(super) body: Option<Bytes>,
    /// The answer that our ACK to the other side's carries.
    pub(super) answer: Option<Bytes>,
}

/// What a CANCEL or ACK has to repeat of our INVITE.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) id: TransactionId,
    pub(super) branch: Branch,
    pub(super) sequence: u32,
}

/// A 2xx that we repeat until its ACK comes (RFC 3261 section 13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) response: Bytes,
    pub(super) again_at: Instant,
    interval: Duration,
    pub(super) give_up_at: Instant,
}

impl Unacknowledged {
    pub(super) fn new(response: Bytes, now: Instant) -> Self {
        Self { response, again_at: now + T1, interval: T1, give_up_at: now + T1 * 64 }
    }

    /// Plans the next repetition: T1 doubled up to T2.
    pub(super) fn repeated(&mut self, now: Instant) {
        self.interval = (self.interval * 2).min(T2);
        self.again_at = now + self.interval;
    }
}

impl Exchange {
    pub(super) fn new(asked: Asked) -> Self {
        let Asked { side: from, request, source, server } = asked;
        Self {
            from,
            server,
            request,
            source,
            onward: Method::Invite,
            body: None,
            client: None,
            offer: None,
            own_offer: None,
            untold: false,
            answer_owed: false,
            provisional_seen: false,
            cancel_wanted: false,
            withdrawn: false,
            changed: false,
            interval_raised: false,
            early: EarlyDialogs::default(),
            asks_reliable: false,
            near: OfferAnswer::Nothing,
            near_answer: None,
            sending: None,
            held: None,
            misled: false,
            answered: false,
            over_at: None,
            plan_before: None,
            answer: None,
            recv_info: Vec::new(),
            permitted: Vec::new(),
            unacknowledged: None,
            acknowledged: false,
            answer_awaited: false,
        }
    }

    /// Whether the side that sent it still waits for a final response.
    pub(super) const fn is_unanswered(&self) -> bool {
        self.unacknowledged.is_none() && !self.acknowledged
    }

    /// Whether the side that sent it has heard that we work on it, and would hear nothing more of another process: its INVITE is not
    /// sent again (RFC 3261 section 17.1.1.2). An UPDATE is.
    pub(super) fn waits_for_ever(&self) -> bool {
        self.is_unanswered()
            && self.client.is_some()
            && !self.is_update()
            && self.server != TransactionId::NONE
    }

    /// Whether it may: it waits for its answer, and what the side that sent it has offered stands.
    pub(super) fn may_cross_again(&self) -> bool {
        let offered_back = self.offer.as_ref().is_some_and(|(side, _)| *side != self.from);
        !offered_back && !self.changed && !self.withdrawn && !self.answered
    }

    /// Lets it cross anew, to another side than the one that has refused it. What was said to the side that sent it stands.
    pub(super) fn cross_again(&mut self, body: Option<Bytes>, far: &Trunk) {
        let asked = Asked {
            side: self.from,
            request: self.request.clone(),
            source: self.source,
            server: self.server,
        };
        let (near, sending, own_offer) = (self.near, self.sending.take(), self.own_offer.take());
        *self = Self { body, offer: self.offer.take(), own_offer, near, sending, ..Self::new(asked) };
        self.decide_what_is_asked(far);
    }

    /// Decides how reliably it is answered on the one side, and may be on the other, once its offer is known.
    pub(super) fn decide_reliability(&mut self, near: &Trunk, far: &Trunk, random: u64) {
        self.near = if self.offer.is_some() { OfferAnswer::Received } else { OfferAnswer::Nothing };
        if self.is_update() {
            return;
        }
        let (invite, required) = (&self.request.message, ReliableProvisional::Required);
        let can = near.reliable_provisional != ReliableProvisional::Off && can_acknowledge(invite);
        let all = wants_reliable(invite) || near.reliable_provisional == required;
        self.sending = can.then(|| Sending::new(all, random));
        self.decide_what_is_asked(far);
    }

    /// An offer in a reliable response needs someone who can answer it before the 2xx.
    fn decide_what_is_asked(&mut self, far: &Trunk) {
        self.asks_reliable = far.reliable_provisional != ReliableProvisional::Off
            && (self.sending.is_some() || self.offer.is_some() || self.own_offer.is_some());
    }

    /// Adds to our INVITE or UPDATE the extensions that it supports, and what they say.
    pub(super) fn propose(&self, leg: &Leg, request: MessageWriter) -> MessageWriter {
        let first = leg.dialog.remote_tag.is_none();
        let required = leg.trunk.reliable_provisional == ReliableProvisional::Required;
        let request = match self.asks_reliable {
            true if first && required => {
                request.header(HeaderName::Require, REL).header(HeaderName::Supported, SUPPORTED_UNRELIABLY)
            }
            true => request.header(HeaderName::Supported, SUPPORTED),
            false => request.header(HeaderName::Supported, SUPPORTED_UNRELIABLY),
        };
        leg.timer.propose(request)
    }

    /// Whether it came as an UPDATE.
    pub(super) fn is_update(&self) -> bool {
        self.request.method == Method::Update
    }

    /// Takes note of what a response of the other side says beside its description.
    pub(super) fn note(&mut self, heard: &Message, trunk: &Trunk) {
        self.permitted = keep_permitted(heard, trunk);
        self.recv_info = crossing(heard, HeaderName::RecvInfo).map(|value| heard.share(value)).collect();
    }

    /// A response to the request, up to its body, with what makes or keeps a dialog (RFC 3261 section 12.1.1).
    pub(super) fn response(&self, leg: &Leg, code: StatusCode) -> MessageWriter {
        let tag = Some(leg.dialog.local_tag.as_ref());
        let response = response_to(&self.request.message, code, code.default_reason(), self.source, tag);
        let response = response.ruled(leg.dialog.rules());
        if code == StatusCode::TRYING {
            return response;
        }
        let response =
            self.permitted.iter().fold(response, |response, (name, value)| response.raw(name, value));
        if code.as_u16() >= 300 {
            return response;
        }
        let name = HeaderName::RecvInfo;
        let response = self.recv_info.iter().fold(response, |response, value| response.header(name, value));
        response
            .copy(&self.request.message, HeaderName::RecordRoute)
            .header(HeaderName::Contact, leg.dialog.contact())
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, leg.supported())
    }
}
