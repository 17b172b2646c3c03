//! A called side that sends the call elsewhere (3xx, RFC 3261 sections 8.1.3.4 and 21.3): followed, passed on or refused,
//! as its trunk may.
//!
//! A call is led by numbers, never by hosts: where a Contact's number leads is for the routes of the trunk that said it,
//! as if it had called, with the room and the rate that this takes. A host counts only when it is an address of that very
//! trunk: then the call stays there. So no message makes the edge call an address that its operator did not name.
//!
//! Invariants: at most [`TARGETS_MAX`] places are taken from redirections of one call, none of them twice. How the call goes there
//! is [`super::course`]'s affair.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::dialog::SIP_PORT;
use crate::policy::{
    Admission, Destinations, Failure, Importance, Number, Redirects, RouteQuery, Trunk, TrunkId,
};
use crate::sip::{HeaderName, MessageWriter, NameAddr, Response, Scheme, StatusClass, StatusCode, Uri};

use super::calling::{guard, takes_in};
use super::course::{Place, places};
use super::diversion::Diverted;
use super::leg::LegState;
use super::{Call, CallRecord, Cause, Context, Refused, Side};

/// Places of one call beside its first. Forwarding chains have two or three; each costs a set-up, for which the caller
/// waits.
const TARGETS_MAX: usize = 5;

/// Contacts that are read of one response; real ones have one or two.
const CONTACTS_MAX: usize = 8;

/// Where the called sides of one call send it.
#[derive(Debug, Default)]
pub(super) struct Redirection {
    /// Where it may still go, the best last.
    waiting: Vec<Place>,
    /// Where it has been, or could not go.
    tried: Vec<Place>,
    /// What the next one is told of the one before (RFC 5806).
    diversion: Option<Diverted>,
    /// What the caller is told, when it is to go there itself.
    contacts: Vec<String>,
}

impl Redirection {
    /// A call that is at `first`.
    pub(super) fn from(first: Place) -> Self {
        Self { tried: vec![first], ..Self::default() }
    }

    /// What a new target hears of where the call was before.
    pub(super) const fn diverted(&self) -> Option<&Diverted> {
        self.diversion.as_ref()
    }

    /// Adds where the caller may go.
    pub(super) fn point(&self, response: MessageWriter) -> MessageWriter {
        let contacts = self.contacts.iter();
        contacts.fold(response, |response, value| response.header(HeaderName::Contact, value))
    }

    /// Keeps what the next place is told: where the call was before.
    pub(super) fn tell_from(&mut self, near: &Trunk, record: &CallRecord) {
        let by = near.numbers.read_text(&record.number_dialled);
        self.diversion = Some(Diverted::by_deflection(by, record.redirects));
    }

    /// Whether a place waits.
    pub(super) const fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The best place that waits.
    pub(super) fn next(&mut self) -> Option<Place> {
        self.waiting.pop()
    }

    /// The call has been there, or could not be.
    pub(super) fn note(&mut self, place: Place) {
        self.tried.push(place);
    }

    /// Puts what was not tried yet in front of what waits.
    fn learn(&mut self, places: Vec<Place>) {
        let redirected = self.tried.iter().filter(|place| place.redirected).count();
        for place in places.into_iter().rev() {
            let known = self.tried.contains(&place) || self.waiting.contains(&place);
            if !known && redirected + self.waiting.len() < TARGETS_MAX {
                self.waiting.push(place);
            }
        }
    }
}

impl Call {
    /// Whether a failure of the first INVITE leads the call elsewhere instead of to its end.
    pub(super) fn leads_elsewhere(&mut self, response: &Response, ctx: &mut Context<'_>) -> bool {
        match response.code.class() {
            StatusClass::Redirection if self.leg(Side::B).trunk.redirects == Redirects::Follow => {
                let places = self.places_of(response, ctx);
                self.redirection.learn(places);
            }
            // Nobody else can do better (RFC 3261 section 21.6).
            StatusClass::GlobalFailure => self.redirection.waiting.clear(),
            StatusClass::Provisional
            | StatusClass::Success
            | StatusClass::Redirection
            | StatusClass::RequestFailure
            | StatusClass::ServerFailure => {}
        }
        self.goes_elsewhere(Failure::Status(response.code), ctx)
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
    fn places_of(&self, response: &Response, ctx: &mut Context<'_>) -> Vec<Place> {
        let trunk = Arc::clone(&self.leg(Side::B).trunk);
        let Some(id) = self.policy.id_of(&trunk).filter(|_| is_followed(response.code)) else {
            return Vec::new();
        };
        contacts(response).iter().flat_map(|(uri, _)| self.places_at(id, &trunk, uri, ctx)).collect()
    }

    /// The places that a Contact leads to.
    fn places_at(&self, id: TrunkId, trunk: &Trunk, uri: &Uri, ctx: &mut Context<'_>) -> Vec<Place> {
        let number = trunk.numbers.read(uri);
        if let Some(ip) = uri.host_ip().filter(|ip| trunk.is_at(*ip)) {
            let host = (!is_host(trunk, ip, uri.port()))
                .then(|| SocketAddr::new(ip, uri.port().unwrap_or(SIP_PORT)));
            return vec![Place { trunk: id, number, host, route: None, redirected: true, pointed: None }];
        }
        // It would be that trunk's call, so it must be one that may call.
        let caller = self.caller_as_matched();
        let query = RouteQuery { from: id, number: number.as_str(), caller: caller.as_str(), time: ctx.time };
        let Some(route) = self.policy.routes.taker(query).filter(|_| trunk.inbound().is_ok()) else {
            return Vec::new();
        };
        let led = |place| Place {
            route: Some(route),
            redirected: true,
            pointed: Some((id, number.clone())),
            ..place
        };
        places(&self.policy, route, &number, ctx).into_iter().map(led).collect()
    }

    /// Whether the call may go where a called side has sent it: it is as if the trunk that points there had called, and nobody is sent
    /// where the trunk that he comes from may not call.
    pub(super) fn may_be_sent_to(
        &self,
        place: &Place,
        room: &mut Admission,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refused> {
        if self.course.importance() == Importance::Ordinary {
            let (near, plan) = (&self.leg(Side::A).trunk, &self.policy.trunk(place.trunk).numbers);
            let allowed = near.allows(|| Destinations::of(&place.number, plan));
            allowed.map_err(|guarded| Refused::Guarded { trunk: near.name.clone(), guarded })?;
        }
        let Some(((by, number), route)) = place.pointed.as_ref().zip(place.route) else { return Ok(()) };
        let (pointing, route) = (self.policy.trunk(*by), self.policy.routes.route(route));
        if route.priority {
            return Ok(());
        }
        let caller = self.caller_as_matched();
        takes_in(pointing, (caller.as_str(), number.as_str()), ctx)?;
        let to = || self.policy.destinations(number, &pointing.numbers, route);
        guard(pointing, (caller.as_str(), to), room, ctx)
    }

    /// Who called first, as routes match it.
    fn caller_as_matched(&self) -> Number {
        let caller = self.record.as_ref().map_or("", |record| record.caller.as_str());
        self.leg(Side::A).trunk.numbers.read_text(caller)
    }
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
