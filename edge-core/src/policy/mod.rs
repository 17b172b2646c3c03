//! What the operator decided: realms, trunks and routes, already validated.
//!
//! Invariants: an id of this module is an index into the [`Policy`] it came from, and every id inside a
//! `Policy` is in range ([`Policy::new`] is the only constructor). There is no value that stands for an
//! unauthenticated trunk. Usage counters and keys live in the trunk and survive a reload by trunk name.

mod advertised;
mod binding;
mod breaker;
mod certificate;
mod codec;
mod control;
mod delayed_offer;
mod direct;
mod diversion;
mod dtmf;
mod guards;
mod headers;
mod health;
mod identity;
mod incoming;
mod limits;
mod listener;
mod marking;
mod marks;
mod media;
mod message_bounds;
mod names;
mod number;
mod outcomes;
mod readiness;
mod realm;
mod refused;
mod registration;
mod reload;
mod routing;
mod seizure;
mod shield;
mod silence;
mod source;
mod standing_calls;
mod target;
mod tones;
mod trunk;
mod visitor;
mod waiting;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::digest::Login;
use crate::media::RemoteMedia;
use crate::sdp::SdpError;

pub use advertised::Advertised;
pub use binding::{BINDINGS_MAX, BULK, Binding, Bindings, CallsTo, Registrar};
pub use breaker::{Breaker, BreakerRule};
pub use certificate::{CertificateNames, is_host_name};
pub use codec::{Codec, CodecPolicy};
pub use control::{Redirects, Refer};
pub use delayed_offer::DelayedOffer;
pub use diversion::Diversions;
pub use dtmf::{Dtmf, DtmfMask, DtmfPolicy};
pub use guards::{Callers, Destinations, Guarded, Guards, Held, PrefixGuard, PrefixUsage};
pub use headers::HeaderPolicy;
pub use health::{Health, Hysteresis, Keepalive, Sign};
pub use identity::{IdentityHeader, IdentityPolicy, OwnNumber};
pub use incoming::{Incoming, IncomingRule, NotTaken};
pub use limits::{Admission, Group, Importance, Limits, Load, Refusal, RefuseWith, Role, TrunkUsage};
pub use listener::{Listener, ListenerId, Transport};
pub use marking::Marking;
pub use marks::{Claim, Mark, Wanted};
pub use media::{Dtls, MediaRules, Policing, Rtp, Stun};
pub use message_bounds::{MessageBounds, OverBound};
pub use number::{Number, NumberFormat, NumberPlan, NumbersIn, NumbersOut, Unprefixed};
pub use outcomes::Tally;
pub use readiness::{AdminState, Closed, Doubt, Readiness, TrunkState};
pub use realm::{MediaRange, PortRange, PortRangeError, Realm, RealmId};
pub use registration::{Account, Register, Registered, Retry, TOKEN};
pub use routing::{
    AsTarget, Cost, Failure, Hours, Look, Miss, NumberMatch, NumberRewrite, Order, Patience, Pattern,
    PatternError, Plan, Precedence, Route, RouteId, RouteQuery, RouteTarget, Routes, Strategy,
    TRUNKS_TRIED_MAX, Trigger, Triggers, Turn,
};
pub use shield::{ShieldMode, ShieldPolicy, Unknown};
pub use silence::{Silence, SilenceEnds};
use source::Sources;
pub use tones::{Cadence, ToneCountry, Tones};

pub use target::{ATTEMPTS_MAX, Candidate, Host, Target, Targets};

pub use visitor::{Door, GUEST_FOR, Proofs, Visitor};
pub use waiting::Waiting;

pub use trunk::{Auth, Direction, ReliableProvisional, SESSION_TIMER, Srtp, Trunk, TrunkId, TrunkKey};

/// One validated configuration, shared read-only by all shards and replaced as a whole by a reload.
#[derive(Debug)]
pub struct Policy {
    /// Name of this node, as it appears in CDRs.
    pub node: String,
    /// Networks the edge has an address in.
    pub realms: Vec<Realm>,
    /// Peers that may call and be called.
    pub trunks: Vec<Arc<Trunk>>,
    /// Where calls go.
    pub routes: Arc<Routes>,
    /// What a source that is no trunk hears.
    pub strangers: Strangers,
    /// Timers that an operator may set.
    pub timers: CallTimers,
    /// How large messages may be; as they are by default until an operator says more.
    pub message_bounds: MessageBounds,
    /// How strangers are kept out; as it is by default until an operator says more.
    pub shield: ShieldPolicy,
    sources: Sources,
    /// The trunks that prove who they are by their certificate.
    keys: HashMap<TrunkKey, TrunkId>,
    /// Where trunks prove who they are by a password.
    doors: visitor::Doors,
}

/// What the edge does with a request from a source that belongs to no trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// Count it and say nothing.
    #[default]
    Silent,
    /// Count it and answer a stateless 403.
    Forbid,
}

/// Limits on how long a call may stay in one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimers {
    /// From the INVITE to the answer; then leg B is cancelled and leg A hears 408.
    pub answer_max: Duration,
    /// From the answer to the end; then both sides are hung up. Without it a call whose peers both died would
    /// stand for ever.
    pub call_max: Duration,
    /// How long a target may say nothing before the trunk's next one is tried, when there is one.
    pub try_next: Duration,
    /// How long a media port rests after its call before another call may use it.
    pub port_rest: Duration,
}

impl Default for CallTimers {
    fn default() -> Self {
        Self {
            answer_max: Duration::from_secs(180),
            call_max: Duration::from_secs(12 * 3600),
            try_next: Duration::from_secs(4),
            port_rest: Duration::from_secs(30),
        }
    }
}

/// A reference from one part of the policy to another that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A trunk names a realm that is not there.
    #[error("trunk {trunk}: its realm does not exist")]
    TrunkRealm {
        /// Name of the trunk.
        trunk: String,
    },
    /// A trunk's realm has no listener of its transport.
    #[error("trunk {trunk}: its realm does not listen for SIP over {transport}")]
    TrunkTransport {
        /// Name of the trunk.
        trunk: String,
        /// Its transport.
        transport: Transport,
    },
    /// A route names a trunk that is not there.
    #[error("route {route}: its trunk does not exist")]
    RouteTrunk {
        /// Name of the route.
        route: String,
    },
}

impl Policy {
    /// Checks every reference once, so that lookups by id cannot fail later.
    ///
    /// # Errors
    /// [`PolicyError`] when a trunk names an unknown realm or one without a listener of its transport, or a route
    /// an unknown trunk.
    pub fn new(
        node: String,
        realms: Vec<Realm>,
        trunks: Vec<Trunk>,
        routes: Vec<Route>,
        strangers: Strangers,
        timers: CallTimers,
    ) -> Result<Self, PolicyError> {
        if let Some(trunk) = trunks.iter().find(|trunk| trunk.realm.index() >= realms.len()) {
            return Err(PolicyError::TrunkRealm { trunk: trunk.name.clone() });
        }
        let deaf = |trunk: &Trunk| {
            let realm = &realms[trunk.realm.index()];
            trunk.host.transport().filter(|transport| realm.listener(trunk.realm, *transport).is_none())
        };
        if let Some((trunk, transport)) = trunks.iter().find_map(|trunk| Some((trunk, deaf(trunk)?))) {
            return Err(PolicyError::TrunkTransport { trunk: trunk.name.clone(), transport });
        }
        let numbered = (0_u32..).map(TrunkKey).zip(trunks).map(|(key, trunk)| Trunk { key, ..trunk });
        let trunks: Vec<Arc<Trunk>> = numbered.map(Arc::new).collect();
        let known = |id: TrunkId| id.index() < trunks.len();
        let lost = |route: &&Route| {
            let targets = route.plan.targets.iter().map(|target| target.trunk);
            !targets.chain(route.from.iter().copied()).all(known)
        };
        if let Some(route) = routes.iter().find(lost) {
            return Err(PolicyError::RouteTrunk { route: route.name.clone() });
        }
        Ok(Self {
            doors: visitor::Doors::default().of(&node, &trunks),
            node,
            sources: Sources::new(&trunks),
            keys: certified(&trunks),
            realms,
            trunks,
            routes: Arc::new(Routes::new(routes)),
            strangers,
            timers,
            message_bounds: MessageBounds::default(),
            shield: ShieldPolicy::default(),
        })
    }

    /// Gives each trunk the login that `of` has for its name: ours with it, or its with us.
    pub fn log_in(&mut self, of: impl Fn(&str) -> Option<Arc<Login>>) {
        for trunk in &mut self.trunks {
            if let Some(login) = of(&trunk.name) {
                if trunk.auth == Auth::Digest {
                    let visitor = trunk.visitor.clone().called(login);
                    *trunk = Arc::new(Trunk { visitor, ..Trunk::clone(trunk) });
                    continue;
                }
                let token = |register: &Arc<Register>| {
                    let token = login.token(&[&self.node, &trunk.name]);
                    Arc::new(Register { token, ..Register::clone(register) })
                };
                let register = trunk.register.as_ref().map(token);
                *trunk = Arc::new(Trunk { login: Some(login), register, ..Trunk::clone(trunk) });
            }
        }
        self.doors = self.doors.of(&self.node, &self.trunks);
    }

    /// The realm behind an id of this policy.
    #[must_use]
    pub fn realm(&self, id: RealmId) -> &Realm {
        &self.realms[id.index()]
    }

    /// The trunk behind an id of this policy.
    #[must_use]
    pub fn trunk(&self, id: TrunkId) -> &Arc<Trunk> {
        &self.trunks[id.index()]
    }

    /// The id of the trunk of this name.
    #[must_use]
    pub fn id_of(&self, trunk: &Trunk) -> Option<TrunkId> {
        self.trunks.iter().position(|known| known.name == trunk.name).map(TrunkId::new)
    }

    /// The listener that requests to `target` of a trunk in `realm` are sent from, if there is one of its transport and
    /// address family.
    #[must_use]
    pub fn listener_to(&self, realm: RealmId, target: &Target) -> Option<ListenerId> {
        self.realm(realm).listener_to(realm, target)
    }

    /// The address of a listener of this policy.
    #[must_use]
    pub fn address_of(&self, listener: ListenerId) -> SocketAddr {
        self.realm(listener.realm).sip[usize::from(listener.index)].address
    }

    /// What the hosts of its realm know it by: the address that is written into messages.
    #[must_use]
    pub fn written_address_of(&self, listener: ListenerId) -> SocketAddr {
        self.realm(listener.realm).advertised.for_socket(self.address_of(listener))
    }

    /// Whether the media of a leg on `trunk`, whose own end is `local`, may go where it is wanted: to a host of the
    /// same address family that is not the edge itself. Without an end of ours the family is the peers' affair. Behind a NAT the
    /// address says nothing, and nothing goes there.
    ///
    /// # Errors
    /// [`SdpError::OtherFamily`] or [`SdpError::Ours`].
    pub fn may_be_media(
        &self,
        trunk: &Trunk,
        local: Option<SocketAddr>,
        remote: Option<RemoteMedia>,
    ) -> Result<(), SdpError> {
        let Some(remote) = remote.filter(|_| !trunk.nat) else { return Ok(()) };
        let ip = remote.rtp.ip();
        if local.is_some_and(|local| ip.is_ipv4() != local.is_ipv4()) {
            return Err(SdpError::OtherFamily);
        }
        if self.realms.iter().any(|realm| realm.is_at(ip)) { Err(SdpError::Ours) } else { Ok(()) }
    }

    /// A trunk that `source` may send as over `transport`, when it reached a listener of `realm`; of several at one address,
    /// which [`asker`](Self::asker) tells apart, one that is called right there, or the first in the file.
    ///
    /// A trunk's targets are always among its sources: they answer us. The most specific prefix wins.
    #[must_use]
    pub fn identify(&self, realm: RealmId, transport: Transport, source: SocketAddr) -> Option<TrunkId> {
        self.sources.find(realm, transport, source, |id| {
            let targets = &self.trunk(id).targets;
            targets.iter().any(|target| target.address == source && target.transport == transport)
        })
    }

    /// All trunks that may send from an address of `realm`. An address that several share does not alone say which one it is.
    pub fn sharing(&self, realm: RealmId, source: IpAddr) -> impl Iterator<Item = TrunkId> {
        self.sources.sharing(realm, source)
    }

    /// The trunk that has proven to be `key` on a connection of `realm`, if it still is one.
    #[must_use]
    pub fn proven(&self, realm: RealmId, key: TrunkKey) -> Option<TrunkId> {
        self.keys.get(&key).copied().filter(|id| self.trunk(*id).realm == realm)
    }

    /// Whether anybody in `realm` proves by a certificate who it is.
    #[must_use]
    pub fn takes_certificates(&self, realm: RealmId) -> bool {
        self.certified_in(realm).next().is_some()
    }

    /// The trunks of `realm` that a certificate with these names may be of. A peer with several trunks can have one
    /// certificate for all of them: the one with a target at `source` comes first, then they come as in the file.
    #[must_use]
    pub fn named(&self, realm: RealmId, names: &CertificateNames, source: IpAddr) -> Vec<&Arc<Trunk>> {
        let mut named: Vec<_> = self.certified_in(realm).filter(|trunk| names.are_of(&trunk.names)).collect();
        named.sort_by_key(|trunk| !trunk.targets.holds(source));
        named
    }

    fn certified_in(&self, realm: RealmId) -> impl Iterator<Item = &Arc<Trunk>> {
        let certified = move |trunk: &&Arc<Trunk>| trunk.realm == realm && trunk.auth == Auth::Certificate;
        self.trunks.iter().filter(certified)
    }
}

fn certified(trunks: &[Arc<Trunk>]) -> HashMap<TrunkKey, TrunkId> {
    let by_certificate = trunks.iter().enumerate().filter(|(_, trunk)| trunk.auth == Auth::Certificate);
    by_certificate.map(|(index, trunk)| (trunk.key, TrunkId::new(index))).collect()
}

#[cfg(test)]
mod tests;
