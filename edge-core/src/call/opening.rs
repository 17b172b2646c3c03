//! From an INVITE of a known trunk to a call, or to a refusal that says why.
//!
//! Invariant: a refusal takes nothing: rooms on trunks and ports go back before the caller hears of it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::dialog::{Dialog, MAX_FORWARDS};
use crate::edge::Command;
use crate::media::{MediaPlan, MediaReport, PortLease};
use crate::policy::{Admission, Destination, Policy, RealmId, ReliableProvisional, Trunk, TrunkId};
use crate::sdp::{Offer, SdpError};
use crate::sip::{HeaderName, Message, MessageWriter, Request, response_to};
use crate::transaction::{Path, TransactionId};

use super::asked::Asked;
use super::asks::{IDENTITY, check_accept, check_scheme, is_optional, is_session};
use super::calling::{admit, called_dialog, early_leg, endpoint, leg_record, sent_by, tag, way_to};
use super::exchange::Exchange;
use super::leg::Leg;
use super::reason::Reason;
use super::redirect::Redirection;
use super::reliable::{REL, can_acknowledge, wants_reliable};
use super::session::pass_offer;
use super::session_timer::{MIN_SE, TIMER, check_interval};
use super::{ALLOW, Call, CallKey, CallRecord, Cause, Context, LegRecord, MediaState, Origin, Refused, Side};

/// Media type of a session description (RFC 8866 section 8.1).
pub(super) const SDP: &[u8] = b"application/sdp";

/// A new INVITE whose sender is known.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) policy: &'a Arc<Policy>,
    /// Name that the call will have.
    pub(crate) key: CallKey,
    /// Trunk that sent it.
    pub(crate) trunk: TrunkId,
    /// Where it came in and from.
    pub(crate) path: Path,
    pub(crate) invite: Request,
    pub(crate) server: TransactionId,
    pub(crate) draining: bool,
    /// The call of ours whose INVITE this is, come back by way of a peer.
    pub(crate) ancestor: Option<CallKey>,
    /// Whether it comes back for ever.
    pub(crate) looped: bool,
}

impl Arrival<'_> {
    /// Opens the call, or answers the INVITE with a refusal and writes its record.
    pub(crate) fn open(self, ctx: &mut Context<'_>) -> Option<Call> {
        let key = self.key;
        let mut record = Box::new(self.blank_record(ctx));
        match self.prepare(&mut record, ctx) {
            Ok((legs, leases, plan, exchange)) => {
                ctx.command(Command::InstallMedia { call: key, plan });
                Some(Call {
                    key,
                    origin: Origin::of(self.trunk, &self.invite, self.ancestor),
                    legs,
                    exchange: Some(exchange),
                    early_change: None,
                    refreshing: None,
                    invites: [Some(self.server), None],
                    passages: Vec::new(),
                    plan,
                    relayed: plan,
                    waiting: VecDeque::new(),
                    codec: None,
                    media: MediaState::Installing,
                    leases,
                    record: Some(record),
                    ending: false,
                    reason: Reason::default(),
                    retry_after: None,
                    redirection: Redirection::default(),
                    phase_over_at: Some(ctx.now + self.policy.timers.answer_max),
                    policy: Arc::clone(self.policy),
                    scheduled: None,
                    closed_by: None,
                })
            }
            Err(refused) => {
                refuse(&self.invite, self.path, self.server, &refused, ctx);
                tracing::info!(
                    call = record.id,
                    trunk = record.a.trunk,
                    caller = record.caller,
                    number = record.number_dialled,
                    cause = refused.name(),
                    "call refused: {refused}"
                );
                record.cause = Cause::Refused(refused);
                ctx.command(Command::WriteRecord(record));
                None
            }
        }
    }

    fn prepare(
        &self,
        record: &mut CallRecord,
        ctx: &mut Context<'_>,
    ) -> Result<([Leg; 2], Vec<PortLease>, MediaPlan, Exchange), Refused> {
        self.check_request()?;
        let destination = self.route(record)?;
        let admissions = self.admit(&destination, ctx)?;
        let offer = self.offer()?;
        let [caller, called] = [self.policy.trunk(self.trunk), self.policy.trunk(destination.trunk)];
        self.check_called(called, offer.is_some())?;
        let way = way_to(self.policy, called, ctx)?;
        let [lease_a, lease_b] = self.lease([caller.realm, called.realm], ctx)?;
        let plan = MediaPlan {
            a: endpoint(&lease_a, offer.as_ref(), caller, self.path.peer),
            b: endpoint(&lease_b, None, called, way.peer),
        };
        let mut legs = self.legs(&destination, &plan, admissions, way, ctx);
        let mut exchange = Exchange::new(Asked {
            side: Side::A,
            request: self.invite.clone(),
            source: self.path.peer,
            server: self.server,
        });
        if let Some(offer) = offer {
            let [near, far] = &mut legs;
            match pass_offer(self.policy, near, plan.a.local, far, &offer) {
                Ok(body) => exchange.body = Some(body),
                Err(error) => {
                    ctx.ports.release(lease_a, ctx.now);
                    ctx.ports.release(lease_b, ctx.now);
                    return Err(Refused::Offer(error));
                }
            }
            exchange.offer = Some((Side::A, offer));
        }
        exchange.decide_reliability(caller, called, ctx.random.next());
        record.a.media_local = Some(lease_a.rtp());
        record.b = Some(leg_record(&legs[1], Some(lease_b.rtp())));
        Ok((legs, vec![lease_a, lease_b], plan, exchange))
    }

    fn check_request(&self) -> Result<(), Refused> {
        let trunk = self.policy.trunk(self.trunk);
        if self.draining {
            return Err(Refused::Draining);
        }
        if !trunk.may_call() {
            return Err(Refused::Direction { trunk: trunk.name.clone() });
        }
        check_scheme(&self.invite)?;
        if self.invite.max_forwards == Some(0) {
            return Err(Refused::TooManyHops);
        }
        if self.looped {
            return Err(Refused::Loop);
        }
        check_extensions(&self.invite.message)?;
        check_reliability(&self.invite.message, trunk)?;
        check_accept(&self.invite.message)?;
        check_interval(&self.invite.message)
    }

    /// An offer in a reliable response would have nobody to go to.
    fn check_called(&self, called: &Trunk, offered: bool) -> Result<(), Refused> {
        let caller = self.policy.trunk(self.trunk).reliable_provisional;
        let can = caller != ReliableProvisional::Off && can_acknowledge(&self.invite.message);
        let required = called.reliable_provisional == ReliableProvisional::Required;
        if required && !offered && !can { Err(Refused::Unreliable) } else { Ok(()) }
    }

    fn route(&self, record: &mut CallRecord) -> Result<Destination, Refused> {
        if record.number_dialled.is_empty() {
            return Err(Refused::NoNumber);
        }
        let destination = self
            .policy
            .routes
            .find(self.trunk, &record.number_dialled)
            .ok_or_else(|| Refused::NoRoute { number: record.number_dialled.clone() })?;
        record.route = Some(self.policy.routes.route(destination.route).name.clone());
        record.number_sent = Some(destination.number.clone());
        Ok(destination)
    }

    fn admit(&self, destination: &Destination, ctx: &Context<'_>) -> Result<[Admission; 2], Refused> {
        let [caller, called] = [self.policy.trunk(self.trunk), self.policy.trunk(destination.trunk)];
        if !called.may_be_called() {
            return Err(Refused::Direction { trunk: called.name.clone() });
        }
        // The caller's trunk says what its peer expects to hear, whichever bound is reached.
        let refuse_with = caller.limits.refuse_with;
        Ok([admit(caller, refuse_with, ctx)?, admit(called, refuse_with, ctx)?])
    }

    fn offer(&self) -> Result<Option<Offer>, Refused> {
        session_body(&self.invite.message)?
            .map(|body| Offer::parse(&body).map_err(Refused::Offer))
            .transpose()
    }

    fn lease(&self, realms: [RealmId; 2], ctx: &mut Context<'_>) -> Result<[PortLease; 2], Refused> {
        let none_free = |realm| Refused::NoMediaPort { realm: self.policy.realm(realm).name.clone() };
        let a = ctx.ports.lease(realms[0], ctx.now).ok_or_else(|| none_free(realms[0]))?;
        match ctx.ports.lease(realms[1], ctx.now) {
            Some(b) => Ok([a, b]),
            None => {
                ctx.ports.release(a, ctx.now);
                Err(none_free(realms[1]))
            }
        }
    }

    fn legs(
        &self,
        destination: &Destination,
        plan: &MediaPlan,
        [room_a, room_b]: [Admission; 2],
        way: Path,
        ctx: &mut Context<'_>,
    ) -> [Leg; 2] {
        let [caller, called] = [self.policy.trunk(self.trunk), self.policy.trunk(destination.trunk)];
        let dialog_a = Dialog::called(&self.invite, tag(ctx), sent_by(self.policy, self.path), self.path);
        let asked = (destination.number.as_str(), called.host.to_string());
        let dialog_b = called_dialog(self.policy, asked, way, &self.invite, ctx);
        let mut near = early_leg(caller, dialog_a, plan.a.local, room_a, ctx);
        near.learn(&self.invite.message);
        [near, early_leg(called, dialog_b, plan.b.local, room_b, ctx)]
    }

    fn blank_record(&self, ctx: &Context<'_>) -> CallRecord {
        let trunk = self.policy.trunk(self.trunk);
        CallRecord {
            id: format!("{}-{:016x}", self.policy.node, self.key.0),
            a: LegRecord {
                trunk: trunk.name.clone(),
                call_id: String::from_utf8_lossy(&self.invite.call_id).into_owned(),
                signalling: self.path.peer,
                media_local: None,
                media_remote: None,
                media: MediaReport::default(),
            },
            b: None,
            route: None,
            caller: self.invite.from.uri().number().unwrap_or_default().into_owned(),
            number_dialled: self.invite.uri.number().unwrap_or_default().into_owned(),
            number_sent: None,
            redirects: 0,
            codec: None,
            started: ctx.now,
            ringing: None,
            answered: None,
            ended: ctx.now,
            cause: Cause::Cancelled,
        }
    }
}

/// Answers an INVITE that does not become a call.
pub(crate) fn refuse(
    invite: &Request,
    path: Path,
    server: TransactionId,
    refused: &Refused,
    ctx: &mut Context<'_>,
) {
    let code = refused.status();
    let to_tag = tag(ctx);
    let response =
        response_to(&invite.message, code, code.default_reason(), path.peer, Some(to_tag.as_ref()));
    ctx.respond(server, code, explain(response, refused).header(HeaderName::Allow, ALLOW).empty());
}

/// Adds to a refusal what would have been taken.
pub(crate) fn explain(response: MessageWriter, refused: &Refused) -> MessageWriter {
    match refused {
        Refused::Extension { options } => response.header(HeaderName::Unsupported, options),
        Refused::MediaType { .. } | Refused::Disposition { .. } => response.header(HeaderName::Accept, SDP),
        Refused::Encoding { .. } => response.header(HeaderName::AcceptEncoding, IDENTITY),
        Refused::Unreliable => response.header(HeaderName::Require, REL),
        Refused::Interval => response.header(HeaderName::MinSe, MIN_SE.as_secs().to_string()),
        Refused::Offer(error) => response.header(HeaderName::Warning, warning(*error)),
        Refused::Direction { .. }
        | Refused::Limit { .. }
        | Refused::NoRoute { .. }
        | Refused::NoNumber
        | Refused::Scheme
        | Refused::NoAnswerWanted
        | Refused::TooManyHops
        | Refused::Loop
        | Refused::Unresolved { .. }
        | Refused::NoMediaPort { .. }
        | Refused::MediaAddress { .. }
        | Refused::Datapath { .. }
        | Refused::Draining
        | Refused::Overload => response,
    }
}

/// What a 488 says of the description (RFC 3261 sections 20.43 and 21.4.26). Our name in it is a pseudonym.
const fn warning(error: SdpError) -> &'static str {
    match error {
        SdpError::OtherFamily => "301 edge \"Incompatible network address formats\"",
        SdpError::Protocol { .. } => "302 edge \"Incompatible transport protocol\"",
        SdpError::NoAudio => "304 edge \"Media type not available\"",
        SdpError::NoCommonCodec => "305 edge \"Incompatible media format\"",
        SdpError::TooLarge
        | SdpError::Malformed { .. }
        | SdpError::NoConnection
        | SdpError::HostName
        | SdpError::NotAHost
        | SdpError::Ours
        | SdpError::Declined => "399 edge \"The session description cannot be used\"",
    }
}

/// The SDP that a request or response carries, if it carries any. A body that cannot be read and that its sender calls
/// optional is passed over (RFC 3261 section 20.11).
pub(super) fn session_body(message: &Message) -> Result<Option<Bytes>, Refused> {
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    match is_session(message) {
        Ok(()) => Ok(Some(body)),
        Err(_) if is_optional(message) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// Whether a Content-Type says `media_type`, whatever its parameters.
pub(super) fn is_media_type(content_type: &[u8], media_type: &[u8]) -> bool {
    let said = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    said.eq_ignore_ascii_case(media_type)
}

/// Refuses an INVITE that cannot have its provisional responses as `trunk` wants them: acknowledged, or not.
pub(super) fn check_reliability(invite: &Message, trunk: &Trunk) -> Result<(), Refused> {
    match trunk.reliable_provisional {
        ReliableProvisional::Off if wants_reliable(invite) => {
            Err(Refused::Extension { options: String::from_utf8_lossy(REL).into_owned() })
        }
        ReliableProvisional::Required if !can_acknowledge(invite) => Err(Refused::Unreliable),
        ReliableProvisional::Off | ReliableProvisional::Supported | ReliableProvisional::Required => Ok(()),
    }
}

/// Refuses what the sender requires and we do not keep (RFC 3261 section 8.2.2.3).
pub(crate) fn check_extensions(message: &Message) -> Result<(), Refused> {
    let required = message
        .values(HeaderName::Require)
        .filter(|option| ![TIMER, REL].iter().any(|ours| option.eq_ignore_ascii_case(ours)));
    let options: Vec<_> =
        required.chain(message.values(HeaderName::ProxyRequire)).map(String::from_utf8_lossy).collect();
    if options.is_empty() { Ok(()) } else { Err(Refused::Extension { options: options.join(", ") }) }
}

/// Hops that are left for what crosses the edge.
pub(super) fn hops_left(request: &Request) -> u8 {
    request.max_forwards.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1))
}
