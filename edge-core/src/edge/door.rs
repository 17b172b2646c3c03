//! Messages from where no trunk is known by its address, in a realm where trunks prove by a password who they are.
//!
//! What belongs to something that was begun here is known by that: a transaction, or a dialog with a trunk that came in by this
//! door, each with the address that it was begun from. Whatever begins something has to prove itself, each time: it hears 401,
//! INVITE as well as REGISTER, for the edge is who is called and no proxy on the way (RFC 3261 sections 22.2 and 22.3). ACK and
//! CANCEL are challenged never (section 22.1).
//!
//! Invariants: before a proof nothing is remembered, neither transaction nor nonce; a datagram is answered with at most half as many
//! octets again as it has, for its source may be forged; how many challenges leave is bounded, for each source and for all; a proof
//! counts once ([`crate::digest::NonceCounts`]), for the place that was challenged; whose password was wrong is told to the host
//! when the address has shown that it hears us.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::call::Owner;
use crate::digest::{Algorithm, Authorization, Challenge, Hash, Issued, Proof, Protection, Qop};
use crate::policy::{Door, GUEST_FOR, TrunkId};
use crate::sip::{HeaderName, Incoming, Method, Request, Response, StatusCode, Uri, response_to};
use crate::transaction::{Matched, Path};

use super::overload::Verdict;
use super::stateless::{reply_path, stateless_tag};
use super::{Command, Conduct, Edge};

/// How long a nonce may be answered: a peer that registers each hour answers a new one each time, and one that calls all the
/// time a few hundred calls with one.
const NONCE_MAX: Duration = Duration::from_secs(300);

/// Credentials of one request that are looked at; one is for us, others for those behind us.
const CREDENTIALS_MAX: usize = 4;

/// What a request proves.
enum Proven {
    /// That it is of this trunk.
    Trunk(TrunkId),
    /// Nothing; or something that cannot be right.
    Nothing,
    /// That its sender knows the password, by a nonce that is not to be answered any more.
    Stale,
    /// That its sender does not know the password. `heard` says that it was challenged at its address.
    Wrong { heard: bool },
}

impl Edge {
    /// A message from an address that is no trunk's, where trunks may come from.
    pub(super) fn on_visit(&mut self, path: Path, bytes: Bytes, now: Instant) {
        let sent = bytes.len();
        match self.parse(path, bytes).and_then(|incoming| self.within_bounds(incoming)) {
            Ok(Incoming::Request(request)) => self.on_visiting_request(path, request, sent, now),
            Ok(Incoming::Response(response)) => self.on_visitors_response(path, response, now),
            Ok(Incoming::KeepAlive) => {}
            Err(error) => {
                self.counters.strangers += 1;
                tracing::debug!(peer = %path.peer, "a stranger's message is ignored: {error}");
            }
        }
    }

    fn on_visiting_request(&mut self, path: Path, request: Request, sent: usize, now: Instant) {
        if self.is_repetition(path, &request, now) {
            return;
        }
        if let Some(trunk) = self.standing_with(path, &request) {
            return self.on_visitors_request(trunk, path, request, now);
        }
        if matches!(request.method, Method::Ack | Method::Cancel) {
            self.counters.strangers += 1;
            return;
        }
        let stale = match self.prove(path, &request, now) {
            Proven::Trunk(trunk) => {
                self.welcome(trunk, path, now);
                return self.on_visitors_request(trunk, path, request, now);
            }
            Proven::Stale => true,
            Proven::Nothing => false,
            Proven::Wrong { heard } => {
                self.counters.proofs_refused += 1;
                if heard {
                    self.judge(path.peer, Conduct::Refused);
                }
                false
            }
        };
        self.challenge(path, &request, (sent, stale), now);
    }

    /// The trunk that a request belongs to by what was begun before: a CANCEL by its INVITE, others by their dialog.
    fn standing_with(&self, path: Path, request: &Request) -> Option<TrunkId> {
        let (key, side) = if request.method == Method::Cancel {
            let (_, Owner::Invited(key, side)) = self.resources.transactions.cancelled_by(request, path)?
            else {
                return None;
            };
            (key, side)
        } else {
            self.owner_of_tag(path, request)?.0
        };
        self.policy.visitor(self.calls.get(&key)?.trunk(side).key)
    }

    /// A response is heard from where its request was sent, or from where its dialog is.
    fn on_visitors_response(&mut self, path: Path, response: Response, now: Instant) {
        let dialog = self.owner_now(&response).and_then(|(key, side)| Some((self.calls.get(&key)?, side)));
        let standing = dialog.filter(|(call, side)| call.is_from(*side, path));
        let awaited = self.resources.transactions.awaits(&response, path);
        if awaited.is_none() && standing.is_none() {
            self.counters.strangers += 1;
            return;
        }
        let asked = match awaited {
            Some(Owner::Relation(relation, _)) => self.relations.trunk_of(relation).map(|trunk| trunk.key),
            Some(_) | None => standing.map(|(call, side)| call.trunk(side).key),
        };
        let read = Incoming::Response(response);
        let trunk = asked.and_then(|key| self.policy.visitor(key));
        let ruled = match trunk {
            Some(trunk) => self.ruled(trunk, read),
            None => read,
        };
        if let Incoming::Response(response) = ruled {
            self.on_response(path, &response, now);
        }
    }

    /// A request of a trunk that has proven itself, or goes on with what it has begun.
    fn on_visitors_request(&mut self, trunk: TrunkId, path: Path, request: Request, now: Instant) {
        self.overload.count(trunk, now);
        if request.method == Method::Invite
            && request.to.tag().is_none()
            && self.overload.judge(trunk, now) == Verdict::Ignore
            && !path.is_reliable()
        {
            self.counters.calls_ignored += 1;
            return;
        }
        let Incoming::Request(request) = self.ruled(trunk, Incoming::Request(request)) else { return };
        let registrar = self.policy.trunk(trunk).visitor.registrar.clone();
        match registrar.filter(|_| request.method == Method::Register) {
            Some(registrar) => self.on_register((trunk, &registrar), path, &request, now),
            None => self.on_request(trunk, path, request, now),
        }
    }

    fn welcome(&mut self, trunk: TrunkId, path: Path, now: Instant) {
        let until = self.resources.at(now).since_epoch + GUEST_FOR;
        let trunk = self.policy.trunk(trunk);
        let realm = trunk.realm;
        if self.policy.welcome(trunk, path.peer.ip(), until) {
            tracing::info!(trunk = trunk.name, peer = %path.peer, "has proven itself by its password");
            self.judge(path.peer, Conduct::Arrived(realm));
        }
        if path.is_reliable() {
            self.judge(path.peer, Conduct::Proven);
        }
    }

    fn judge(&mut self, source: SocketAddr, conduct: Conduct) {
        self.resources.commands.push_back(Command::Judge { source: source.ip(), conduct });
    }

    /// What the credentials of a request prove.
    fn prove(&mut self, path: Path, request: &Request, now: Instant) -> Proven {
        let source = path.peer.ip();
        let Some((door, key)) = self.policy.door(path.listener.realm, source).zip(self.policy.nonce_key())
        else {
            return Proven::Nothing;
        };
        let values = request.message.all(HeaderName::Authorization).take(CREDENTIALS_MAX);
        let for_us = |said: &Authorization<'_>| said.realm == door.realm.as_bytes();
        let Some(said) = values.filter_map(Authorization::parse).find(for_us) else {
            return Proven::Nothing;
        };
        let issued = key.read(said.nonce, &place(door, source));
        let time_ms = self.resources.at(now).milliseconds();
        let oldest = Issued::first_at(time_ms.saturating_sub(milliseconds(NONCE_MAX)));
        let fresh = issued.filter(|issued| *issued >= oldest && issued.time_ms() <= time_ms);
        let Some(trunk) = door.named(said.username) else { return Proven::Wrong { heard: fresh.is_some() } };
        let visitor = &self.policy.trunk(trunk).visitor;
        let Some(login) = &visitor.login else { return Proven::Nothing };
        let allowed = login.algorithms.allows(said.algorithm().hash) && !said.algorithm().session;
        if !allowed || !self.may_come_from(trunk, source) || !is_uri_of(said.uri, request) {
            return Proven::Nothing;
        }
        let password = Proof::key(said.algorithm(), login, said.realm);
        if !said.is_proven(&password, request.method.as_bytes(), &request.message.body()) {
            return Proven::Wrong { heard: fresh.is_some() };
        }
        // Who leaves out the count has one try (RFC 2069).
        let count = match said.protection {
            Protection::None => 1,
            Protection::Auth { count, .. } | Protection::AuthInt { count, .. } => count,
        };
        let Some(fresh) = fresh else { return Proven::Stale };
        if visitor.take(fresh, count, oldest).is_err() {
            self.counters.proofs_replayed += 1;
            return Proven::Stale;
        }
        Proven::Trunk(trunk)
    }

    fn may_come_from(&self, trunk: TrunkId, source: IpAddr) -> bool {
        let sources = &self.policy.trunk(trunk).sources;
        sources.is_empty() || sources.iter().any(|net| net.contains(&source))
    }

    /// Asks who somebody is, and remembers nothing of it.
    fn challenge(&mut self, path: Path, request: &Request, (sent, stale): (usize, bool), now: Instant) {
        let source = path.peer.ip();
        let guest = self.policy.guest(path.listener.realm, source).is_some();
        let time = self.resources.at(now).since_epoch;
        if !guest && !self.challenges.take(source, self.tag_secret, time) {
            self.counters.challenges_withheld += 1;
            return;
        }
        let room = if path.is_reliable() { usize::MAX } else { sent };
        match self.challenge_within(path, request, (room, stale), now) {
            Some(response) => {
                self.counters.challenges += 1;
                self.resources.at(now).send(reply_path(path, &request.message), response);
            }
            None => self.counters.challenges_withheld += 1,
        }
    }

    /// The challenge, with as many hash functions as there is room for. The strongest are left out first: who knows one of them
    /// knows the others, too, and which ones are good enough the operator has said. The last one may be longer than what it answers:
    /// the REGISTER of a proxy can be as short as 400 octets, and without a challenge it would never get in.
    fn challenge_within(
        &mut self,
        path: Path,
        request: &Request,
        (room, stale): (usize, bool),
        now: Instant,
    ) -> Option<Bytes> {
        let random = self.resources.random.next();
        let time_ms = self.resources.at(now).milliseconds();
        let door = self.policy.door(path.listener.realm, path.peer.ip())?;
        let nonce = self.policy.nonce_key()?.issue(time_ms, random, &place(door, path.peer.ip()));
        let mut hashes: SmallVec<[Hash; 3]> = door.algorithms.iter().collect();
        let code = StatusCode::UNAUTHORIZED;
        let tag = stateless_tag(self.tag_secret, &request.message);
        while !hashes.is_empty() {
            let tag = Some(tag.as_bytes());
            let response = response_to(&request.message, code, code.default_reason(), path.peer, tag);
            let response = hashes.iter().fold(response, |response, hash| {
                // MD5 is what is meant where nothing is said.
                let algorithm = Some(Algorithm { hash: *hash, session: false });
                let algorithm = algorithm.filter(|_| *hash != Hash::Md5 || hashes.len() > 1);
                let (realm, nonce) = (door.realm.as_bytes(), nonce.as_bytes());
                let challenge = Challenge { realm, nonce, opaque: None, algorithm, qop: Qop::Auth, stale };
                response.header(HeaderName::WwwAuthenticate, challenge.value())
            });
            let response = response.empty();
            let more = if hashes.len() == 1 { room / 2 } else { 0 };
            if response.len() <= room.saturating_add(more) {
                return Some(response);
            }
            hashes.remove(0);
        }
        None
    }

    /// Deals with what repeats or acknowledges a request that has a transaction.
    pub(super) fn is_repetition(&mut self, path: Path, request: &Request, now: Instant) -> bool {
        match self.resources.transactions.on_request(request, path, now) {
            Matched::Absorbed => self.resources.at(now).flush(),
            Matched::Deliver(_, Owner::Invited(key, side)) => {
                self.with_call(key, now, |call, ctx| call.on_ack(side, request, ctx));
            }
            Matched::Deliver(..) | Matched::Nothing => return false,
        }
        true
    }
}

/// What a nonce is good for: this realm, and who hears at this address.
fn place(door: &Door, source: IpAddr) -> SmallVec<[u8; 64]> {
    let mut place = SmallVec::from_slice(door.realm.as_bytes());
    match source {
        IpAddr::V4(v4) => place.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => place.extend_from_slice(&v6.octets()),
    }
    place
}

/// Whether a proof covers the URI that was asked for (RFC 7616 section 3.4.6), or only the host of that: some say no more in
/// all that they prove.
fn is_uri_of(said: &[u8], request: &Request) -> bool {
    let wanted = &request.uri;
    let same = |said: Uri| {
        let host = said.user().is_none() && said.host_port() == wanted.host_port();
        said.same_target(wanted) || host
    };
    said == request.uri.as_bytes() || Uri::parse(Bytes::copy_from_slice(said)).is_ok_and(same)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
