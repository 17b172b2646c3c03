//! A called side that sends the call elsewhere (3xx, RFC 3261 sections 8.1.3.4 and 21.3): followed, passed on or refused,
//! as its trunk may.
//!
//! A call is led by numbers, never by hosts: where a Contact's number leads is for the routes of the trunk that said it,
//! as if it had called, with the room and the rate that this takes. A host counts only when it is an address of that very
//! trunk: then the call stays there. So no message makes the edge call an address that its operator did not name.
//!
//! Invariants: at most [`TARGETS_MAX`] targets are tried for one call, none of them twice; `answer_max` bounds them all
//! together; and once a caller has heard an answer in a provisional response, the call goes nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;

use crate::dialog::SIP_PORT;
use crate::edge::{Command, tag_number};
use crate::policy::{self, Importance, Number, Policy, Redirects, Role, RouteId, RouteQuery, Trunk, TrunkId};
use crate::sdp::SdpError;
use crate::sip::{HeaderName, MessageWriter, NameAddr, Response, Scheme, StatusClass, StatusCode, Uri};
use crate::transaction::Path;

use super::attempt::{Attempts, ways_to};
use super::calling::{admit, called_dialog, early_leg, guard, leg_record, may_go_to, no_port};
use super::diversion::Diverted;
use super::leg::{Leg, LegState};
use super::streams::{End, Streams};
use super::{Call, Cause, Context, MediaState, Refused, Side};

/// Targets of one call beside its first. Forwarding chains have two or three; each costs a set-up, for which the caller
/// waits.
const TARGETS_MAX: usize = 5;

/// Contacts that are read of one response; real ones have one or two.
const CONTACTS_MAX: usize = 8;

/// Where the called sides of one call send it.
#[derive(Debug, Default)]
pub(super) struct Redirection {
    /// Where it may still go, the best last.
    waiting: Vec<Target>,
    /// Where it has been.
    tried: Vec<Target>,
    /// What the next one is told of the one before (RFC 5806).
    diversion: Option<Diverted>,
    /// What the caller is told, when it is to go there itself.
    contacts: Vec<String>,
}

/// A trunk, and what it is asked for at which of its addresses.
#[derive(Debug, Clone)]
struct Target {
    trunk: TrunkId,
    number: Number,
    /// One address of the trunk; `None` for whichever it has.
    host: Option<SocketAddr>,
    route: Option<RouteId>,
    /// Where the response pointed, as routes match it.
    dialled: Number,
}

impl PartialEq for Target {
    /// Whichever route leads there.
    fn eq(&self, other: &Self) -> bool {
        (self.trunk, self.host) == (other.trunk, other.host) && self.number == other.number
    }
}

impl Redirection {
    /// What a new target hears of where the call was before.
    pub(super) const fn diverted(&self) -> Option<&Diverted> {
        self.diversion.as_ref()
    }

    /// Adds where the caller may go.
    pub(super) fn point(&self, response: MessageWriter) -> MessageWriter {
        let contacts = self.contacts.iter();
        contacts.fold(response, |response, value| response.header(HeaderName::Contact, value))
    }

    /// Puts what was not tried yet in front of what waits.
    fn learn(&mut self, targets: Vec<Target>) {
        for target in targets.into_iter().rev() {
            let known = self.tried.contains(&target) || self.waiting.contains(&target);
            if !known && self.tried.len() + self.waiting.len() <= TARGETS_MAX {
                self.waiting.push(target);
            }
        }
    }
}

impl Call {
    /// Whether a failure of the first INVITE leads the call elsewhere instead of to its end.
    pub(super) fn leads_elsewhere(&mut self, response: &Response, ctx: &mut Context<'_>) -> bool {
        match response.code.class() {
            StatusClass::Redirection if self.leg(Side::B).trunk.redirects == Redirects::Follow => {
                let targets = self.targets(response, ctx.time);
                self.redirection.learn(targets);
            }
            // Nobody else can do better (RFC 3261 section 21.6).
            StatusClass::GlobalFailure => self.redirection.waiting.clear(),
            StatusClass::Provisional
            | StatusClass::Success
            | StatusClass::Redirection
            | StatusClass::RequestFailure
            | StatusClass::ServerFailure => {}
        }
        self.goes_elsewhere(ctx)
    }

    /// Takes the next target that takes the call; says whether there was one.
    pub(super) fn goes_elsewhere(&mut self, ctx: &mut Context<'_>) -> bool {
        let waits = self.leg(Side::A).state == LegState::Early && !self.ending;
        let told =
            self.exchange.as_ref().is_none_or(|exchange| exchange.answer.is_some() || exchange.withdrawn);
        if !waits || told {
            return false;
        }
        // Who has refused the call needs no room for it any more; the next target may be of the same trunk.
        if !self.redirection.waiting.is_empty() {
            drop(self.leg_mut(Side::B).admission.take());
        }
        while let Some(target) = self.redirection.waiting.pop() {
            let outcome = self.go_to(&target, ctx);
            self.redirection.tried.push(target);
            match outcome {
                Ok(()) => return true,
                Err(refused) => tracing::info!("not redirected: {refused}"),
            }
        }
        false
    }

    /// What the caller hears of a 3xx that it is to follow itself.
    pub(super) fn redirected_cause(&mut self, response: &Response) -> Option<Cause> {
        let passes = self.leg(Side::B).trunk.redirects == Redirects::Pass;
        if !passes || !is_followed(response.code) || self.leg(Side::A).state != LegState::Early {
            return None;
        }
        let dialog = &self.leg(Side::A).dialog;
        let [near, far] = self.legs.each_ref().map(|leg| &leg.trunk.numbers);
        self.redirection.contacts = contacts(response)
            .into_iter()
            .map(|(uri, quality)| {
                let address = dialog.address_of_user(&near.write_user(&far.read(&uri)));
                if quality == Q_MAX { address } else { format!("{address};q=0.{quality:03}") }
            })
            .collect();
        (!self.redirection.contacts.is_empty()).then_some(Cause::Redirected(response.code))
    }

    /// Where a response points, the best first.
    fn targets(&mut self, response: &Response, time: Option<Timestamp>) -> Vec<Target> {
        let trunk = Arc::clone(&self.leg(Side::B).trunk);
        let Some(id) = self.policy.id_of(&trunk).filter(|_| is_followed(response.code)) else {
            return Vec::new();
        };
        if self.redirection.tried.is_empty() {
            let number = self.record.as_ref().and_then(|record| record.number_sent.clone());
            let number = trunk.numbers.read_text(&number.unwrap_or_default());
            let first = Target { trunk: id, dialled: number.clone(), number, host: None, route: None };
            self.redirection.tried.push(first);
        }
        contacts(response).iter().filter_map(|(uri, _)| self.target(id, &trunk, uri, time)).collect()
    }

    fn target(&self, id: TrunkId, trunk: &Trunk, uri: &Uri, time: Option<Timestamp>) -> Option<Target> {
        let number = trunk.numbers.read(uri);
        if let Some(ip) = uri.host_ip().filter(|ip| trunk.is_at(*ip)) {
            let host = (!is_host(trunk, ip, uri.port()))
                .then(|| SocketAddr::new(ip, uri.port().unwrap_or(SIP_PORT)));
            return Some(Target { trunk: id, dialled: number.clone(), number, host, route: None });
        }
        // It would be that trunk's call, so it must be one that may call.
        let caller = self.record.as_ref().map_or("", |record| record.caller.as_str());
        let caller = self.leg(Side::A).trunk.numbers.read_text(caller);
        let query = RouteQuery { from: id, number: number.as_str(), caller: caller.as_str(), time };
        let destination = self.policy.routes.find(query).filter(|_| trunk.inbound().is_ok())?;
        let route = Some(destination.route);
        let (dialled, number) = (number.clone(), number.routed(destination.number));
        Some(Target { trunk: destination.trunk, number, host: None, route, dialled })
    }

    /// Puts a new called side in the place of the one that refused.
    fn go_to(&mut self, target: &Target, ctx: &mut Context<'_>) -> Result<(), Refused> {
        let policy = Arc::clone(&self.policy);
        let trunk = policy.trunk(target.trunk);
        may_go_to(trunk, ctx)?;
        let (way, attempts) = ways(&policy, target, ctx)?;
        let refuse_with = self.leg(Side::A).trunk.limits.refuse_with;
        let mut admission = admit((trunk, Role::Called), Importance::Ordinary, refuse_with, ctx)?;
        if target.route.is_some() {
            // It is as if the trunk that points there had called.
            let caller = self.record.as_ref().map_or("", |record| record.caller.as_str());
            let pointing = Arc::clone(&self.leg(Side::B).trunk);
            guard(&pointing, (caller, target.dialled.as_str()), &mut admission, ctx)?;
        }
        let Some(exchange) = &self.exchange else { return Err(Refused::NoNumber) };
        let host = target.host.map_or_else(|| trunk.domain(), |host| host.to_string());
        let (trunks, asked) = ((&*self.legs[0].trunk, &**trunk), (&target.number, host));
        let dialog = called_dialog(&policy, trunks, asked, way, &exchange.request, ctx);
        let end = End::of(trunk, way.peer.ip());
        let mut streams =
            self.streams.towards(end, ctx.ports, ctx.now).map_err(|realm| no_port(&policy, realm))?;
        let local = streams.first(Side::B).local.ip();
        let mut leg = early_leg(trunk, dialog, local, Some(admission), ctx);
        leg.attempts = attempts;
        match self.offer_again(&mut streams, &mut leg, ctx) {
            Ok(()) => {
                self.streams.turn_to(streams);
                self.take_side(leg, target, ctx);
                Ok(())
            }
            Err(refused) => {
                streams.release(ctx.ports, ctx.now);
                Err(refused)
            }
        }
    }

    /// Says the caller's offer to the new side.
    fn offer_again(
        &mut self,
        streams: &mut Streams,
        leg: &mut Leg,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refused> {
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        // The caller knows it by now, in a reliable response, and can have no other one.
        if exchange.offer.as_ref().is_some_and(|(side, _)| *side == Side::B) {
            return Err(Refused::Offer(SdpError::NoMedia));
        }
        let offer = exchange.offer.take();
        let trunk = Arc::clone(&leg.trunk);
        let body = match offer {
            Some((_, proposal)) => {
                let (legs, ports) = ((&self.legs[0], leg), (&mut *ctx.ports, ctx.now));
                let passed = streams.pass_offer(&self.policy, Side::A, legs, proposal.offer().clone(), ports);
                let (told, body) = match passed {
                    Ok(passed) => passed,
                    Err(error) => {
                        exchange.offer = Some((Side::A, proposal));
                        return Err(Refused::Offer(error));
                    }
                };
                exchange.offer = Some((Side::A, told));
                Some(body)
            }
            None => exchange.offer_for(streams, &self.legs[0], leg).map_err(Refused::Offer)?,
        };
        exchange.cross_again(body, &trunk);
        Ok(())
    }

    /// From now on the call is with `leg`; its INVITE leaves when its media is installed.
    fn take_side(&mut self, leg: Leg, target: &Target, ctx: &mut Context<'_>) {
        let before = std::mem::replace(&mut self.legs[1], leg);
        for (tag, is_new) in [(&before.dialog.local_tag, false), (&self.legs[1].dialog.local_tag, true)] {
            match tag_number(tag) {
                Some(tag) if is_new => drop(ctx.dialogs.insert(tag, (self.key, Side::B))),
                Some(tag) => drop(ctx.dialogs.remove(&tag)),
                None => {}
            }
        }
        let leg = &self.legs[1];
        let port = self.streams.first(Side::B).local;
        if let Some(record) = &mut self.record {
            record.redirects = record.redirects.saturating_add(1);
            record.b = Some(leg_record(leg, Some(port)));
            record.number_sent = Some(leg.trunk.numbers.write(&target.number));
            if let Some(route) = target.route {
                record.route = Some(self.policy.routes.route(route).name.clone());
            }
            let by = self.legs[0].trunk.numbers.read_text(&record.number_dialled);
            self.redirection.diversion = Some(Diverted::by_deflection(by, record.redirects));
        }
        self.forget_waiting();
        self.relayed = self.streams.plan.clone();
        self.media = MediaState::Installing;
        ctx.command(Command::InstallMedia { call: self.key, plan: self.relayed.clone() });
    }
}

/// Where requests to a target go: to the host that it names, over the transport of its trunk, else to its trunk.
fn ways(policy: &Policy, target: &Target, ctx: &mut Context<'_>) -> Result<(Path, Attempts), Refused> {
    let trunk = policy.trunk(target.trunk);
    let (way, attempts) = ways_to(policy, trunk, ctx)?;
    let Some(peer) = target.host else { return Ok((way, attempts)) };
    let host = policy::Target::new(peer, way.listener.transport);
    let unresolved = || Refused::Unresolved { trunk: trunk.name.clone(), host: peer.to_string() };
    let listener = policy.listener_to(trunk.realm, &host).ok_or_else(unresolved)?;
    Ok((Path { listener, peer, ..way }, Attempts::one(host)))
}

/// Best quality of a Contact, in thousandths, and what it has that says none (RFC 3261 section 20.10).
const Q_MAX: u16 = 1000;

/// Whether the Contacts of this response say where to call (RFC 3261 section 21.3): not a proxy (305), and not another
/// service (380).
const fn is_followed(code: StatusCode) -> bool {
    matches!(
        code,
        StatusCode::MULTIPLE_CHOICES | StatusCode::MOVED_PERMANENTLY | StatusCode::MOVED_TEMPORARILY
    )
}

/// The numbers that a response points to with their quality, the best first.
fn contacts(response: &Response) -> Vec<(Uri, u16)> {
    let message = &response.message;
    let mut contacts: Vec<(Uri, u16)> = message
        .values(HeaderName::Contact)
        .take(CONTACTS_MAX)
        .filter_map(|value| NameAddr::parse(message.share(value)).ok())
        .filter(|contact| matches!(contact.uri().scheme(), Scheme::Sip | Scheme::Tel))
        .filter(|contact| contact.uri().number().is_some_and(|number| !number.is_empty()))
        .map(|contact| (contact.uri().clone(), quality(&contact)))
        .collect();
    contacts.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    contacts
}

/// Whether this is just where the trunk is reached: then it is not a place of its own.
fn is_host(trunk: &Trunk, ip: IpAddr, port: Option<u16>) -> bool {
    let at = SocketAddr::new(ip, port.unwrap_or(SIP_PORT));
    trunk.targets.iter().any(|target| target.address == at)
}

/// `q` in thousandths: `0.5` is 500; what cannot be read is 0.
fn quality(contact: &NameAddr) -> u16 {
    let Some(param) = contact.params().get(b"q") else { return Q_MAX };
    let value = param.value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    match value.split_once('.') {
        None if value == "1" => Q_MAX,
        None => 0,
        Some((whole, fraction)) if whole == "1" && fraction.bytes().all(|digit| digit == b'0') => Q_MAX,
        Some((_, fraction)) => {
            let digits: String = fraction.chars().take(3).collect();
            format!("{digits:0<3}").parse().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests;
