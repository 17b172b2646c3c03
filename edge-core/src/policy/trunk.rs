//! A trunk: a peer that is known, and what it may do.
//!
//! Invariant: a trunk always has something it is known by: sources, names in its certificate, or a password.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{
    AsTarget, BreakerRule, CodecPolicy, DelayedOffer, Group, Guards, Host, Incoming, Keepalive, Limits, Mark,
    Number, NumberPlan, RealmId, Redirects, Refer, Register, Registered, Targets, Transport, TrunkState,
    TrunkUsage,
};
use super::{Diversions, DtmfPolicy, HeaderPolicy, IdentityPolicy, Visitor};
use crate::digest::Login;
use crate::media::{Dscp, SourcePolicy};

/// Index of a trunk in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrunkId(pub(super) u32);

impl TrunkId {
    /// The id of the trunk at `index`.
    ///
    /// # Panics
    /// When `index` does not fit 32 bits.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a file with four thousand million trunks does not exist")]
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 trunks"))
    }

    /// Position in `Policy::trunks`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A trunk by a number that a reload keeps, unlike its position: what a connection is remembered by whose peer has
/// proven to be that trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TrunkKey(pub(super) u32);

/// How a trunk proves who it is. There is no value for one that need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// By the address that its messages come from.
    #[default]
    Address,
    /// By its certificate, wherever it comes from: the trunk is who can prove to have one of its names.
    Certificate,
    /// By the registration that we have with it: by its address, and by the Contact that its requests are for.
    Registration,
    /// By a password, wherever it comes from: each request that begins something proves it, and what belongs to that comes from
    /// where it did.
    Digest,
}

/// A peer that may call, be called, or both.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// The operator's name for it.
    pub name: String,
    /// Network it is reached through.
    pub realm: RealmId,
    /// Where requests to it are sent. Its own come over any listener of its realm.
    pub host: Host,
    /// What `host` leads to now; empty while that is a name that DNS has not told us.
    pub targets: Arc<Targets>,
    /// How it proves who it is.
    pub auth: Auth,
    /// SIP domains that its certificate may be for (RFC 5922): a server's that is called over TLS always has to be for
    /// one of them. Empty for a trunk without TLS.
    pub names: Vec<String>,
    /// Its number; [`super::Policy`] gives it.
    pub key: TrunkKey,
    /// Addresses that may send as this trunk, beside its targets, when it is known by its address. Where a password says who it
    /// is, they are the only ones that it may come from; empty for all.
    pub sources: Vec<IpNet>,
    /// What its requests outside of dialogs have beside that, when it shares its address with other trunks.
    pub marks: Arc<[Mark]>,
    /// Who may start calls.
    pub direction: Direction,
    /// Whether the file lets it call and be called; the operator may have ordered otherwise since.
    pub enabled: bool,
    /// Whether it only stands for a place that a trunk has left, or that is gone, where calls still run.
    pub former: bool,
    /// How much it may do at once.
    pub limits: Limits,
    /// Codecs it may use.
    pub codecs: CodecPolicy,
    /// How callers are presented to it, and whether its own are believed.
    pub identity: IdentityPolicy,
    /// What it is told of where a call was before.
    pub diversions: Diversions,
    /// What becomes of its headers.
    pub headers: HeaderPolicy,
    /// What becomes of encrypted media.
    pub srtp: Srtp,
    /// Whether it is behind a NAT, so that addresses in its messages mean nothing here: requests go where its
    /// messages come from, and so does media.
    pub nat: bool,
    /// Who may send media as this trunk; behind a NAT, [`source_policy`](Self::source_policy) decides.
    pub media_source: SourcePolicy,
    /// How RTP and RTCP to it are marked; `None` leaves them as they came.
    pub rtp_dscp: Option<Dscp>,
    /// How SIP to it is marked; as the host marks what it sends, when there is nothing.
    pub sip_dscp: Option<Dscp>,
    /// How digits go to and from it.
    pub dtmf: DtmfPolicy,
    /// What its media packets are held to, and what may be done to them.
    pub media: super::MediaRules,
    /// Session interval that is proposed on this trunk's side of a call (RFC 4028), at least 90 s: a side that dies without
    /// a word is noticed within it. `None` proposes none; one that the peer asks for is kept all the same.
    pub session_timer: Option<Duration>,
    /// What becomes of its 3xx.
    pub redirects: Redirects,
    /// How provisional responses cross this trunk's side (RFC 3262).
    pub reliable_provisional: ReliableProvisional,
    /// What becomes of an INVITE to it without an offer.
    pub delayed_offer: DelayedOffer,
    /// What becomes of its REFER.
    pub refer: Refer,
    /// What it is as one of several that a route leads to.
    pub as_target: AsTarget,
    /// Whether an INVITE that is long for a datagram goes to it over TCP first (RFC 3261 section 18.1.1).
    pub large_over_tcp: bool,
    /// How it is asked whether it is alive; `None` asks nothing.
    pub keepalive: Option<Keepalive>,
    /// How it writes numbers.
    pub numbers: Arc<NumberPlan>,
    /// How we register with it, when it is known by that.
    pub register: Option<Arc<Register>>,
    /// What came of that; shared by all shards and inherited by a reload.
    pub registered: Arc<Registered>,
    /// Who we are when it challenges us; `None` leaves its challenges unanswered.
    pub login: Option<Arc<Login>>,
    /// Who it is when we challenge it.
    pub visitor: Visitor,
    /// What its failover group may do together; `None` for no bounds.
    pub group: Option<Group>,
    /// Which of its calls are taken, and when; `None` for all.
    pub incoming: Option<Arc<Incoming>>,
    /// What is looked at before its calls are placed; `None` for nothing.
    pub guards: Option<Arc<Guards>>,
    /// When its breaker opens; `None` for one that never does.
    pub breaker: Option<BreakerRule>,
    /// How much it is doing now; shared by all shards and inherited by a reload.
    pub usage: Arc<TrunkUsage>,
    /// What is wanted and known of it, beside the file; shared and inherited, too.
    pub state: Arc<TrunkState>,
}

/// The session interval that RFC 4028 section 4 recommends.
pub const SESSION_TIMER: Duration = Duration::from_secs(1800);

/// Whether provisional responses are acknowledged on a trunk (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReliableProvisional {
    /// Never: what its INVITEs say of it is not believed, and a call that requires it is refused.
    Off,
    /// Where it supports that.
    #[default]
    Supported,
    /// Always: our INVITEs require it, and one of its own without it is refused.
    Required,
}

/// Who may start calls on a trunk, seen from the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The trunk calls us.
    Inbound,
    /// We call the trunk.
    Outbound,
    /// Either.
    #[default]
    Both,
}

/// What becomes of media that a peer wants encrypted (RFC 3711) with keys in its SDP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Srtp {
    /// It is refused, and keys beside plain media are left out.
    #[default]
    Off,
    /// It crosses as it is, keys and all, to a trunk that wants the same.
    Passthrough,
}

impl Trunk {
    /// A trunk at the address `host`, over UDP; see [`Trunk::called_at`].
    #[must_use]
    pub fn new(name: &str, realm: RealmId, host: SocketAddr) -> Self {
        Self::called_at(name, realm, Host::Address { address: host, transport: Transport::Udp })
    }

    /// A trunk at `host`, with everything else as an operator has it who says nothing more.
    #[must_use]
    pub fn called_at(name: &str, realm: RealmId, host: Host) -> Self {
        Self {
            name: name.to_owned(),
            realm,
            targets: Arc::new(host.known()),
            host,
            auth: Auth::Address,
            names: Vec::new(),
            key: TrunkKey::default(),
            sources: Vec::new(),
            marks: Arc::default(),
            direction: Direction::Both,
            enabled: true,
            former: false,
            limits: Limits::default(),
            codecs: CodecPolicy::default(),
            identity: IdentityPolicy::default(),
            diversions: Diversions::default(),
            headers: HeaderPolicy::default(),
            srtp: Srtp::Off,
            nat: false,
            media_source: SourcePolicy::Strict,
            rtp_dscp: None,
            sip_dscp: None,
            dtmf: DtmfPolicy::default(),
            media: super::MediaRules::default(),
            session_timer: Some(SESSION_TIMER),
            redirects: Redirects::default(),
            reliable_provisional: ReliableProvisional::default(),
            as_target: AsTarget::default(),
            large_over_tcp: true,
            delayed_offer: DelayedOffer::default(),
            refer: Refer::default(),
            keepalive: None,
            group: None,
            incoming: None,
            guards: None,
            breaker: None,
            numbers: Arc::default(),
            register: None,
            registered: Arc::default(),
            login: None,
            visitor: Visitor::default(),
            usage: Arc::default(),
            state: Arc::default(),
        }
    }

    /// The trunk, at `host`.
    #[must_use]
    pub fn at(self, host: Host) -> Self {
        Self { targets: Arc::new(host.known()), host, ..self }
    }

    /// Whether `address` is one of this trunk's.
    #[must_use]
    pub fn is_at(&self, address: IpAddr) -> bool {
        // The sources of a visitor are where it may come from, and may be all the world.
        let sources = if self.auth == Auth::Digest { &[][..] } else { &self.sources };
        self.targets.holds(address) || sources.iter().any(|net| net.contains(&address))
    }

    /// Whether `self` is still found by what `other` is found by: the same addresses, or its number.
    pub(super) fn is_where(&self, other: &Self) -> bool {
        let same_place = match other.auth {
            Auth::Address | Auth::Registration => {
                self.targets == other.targets && self.sources == other.sources
            }
            Auth::Certificate | Auth::Digest => true,
        };
        self.realm == other.realm && self.auth == other.auth && self.claim() == other.claim() && same_place
    }

    /// Who has to be at the other end of a path to this trunk, where a certificate says who that is.
    #[must_use]
    pub const fn to_be_proven(&self) -> Option<TrunkKey> {
        match self.auth {
            Auth::Address | Auth::Registration | Auth::Digest => None,
            Auth::Certificate => Some(self.key),
        }
    }

    /// The request-URI that asks it for `number` at `host`.
    #[must_use]
    pub fn request_uri(&self, number: &Number, host: &str) -> String {
        format!("sip:{}@{host}{}", self.numbers.write_user(number), self.numbers.uri_param(number))
    }

    /// Who may send the media of a leg on this trunk, whose signalling comes from `signalling`. Behind a NAT that
    /// address is the one thing that is known about where media will come from, and it has to be exactly that.
    #[must_use]
    pub const fn source_policy(&self, signalling: IpAddr) -> SourcePolicy {
        if self.nat { SourcePolicy::Latch { from: Some(signalling) } } else { self.media_source }
    }

    /// Whether calls may arrive from this trunk, as far as the file says.
    #[must_use]
    pub fn may_call(&self) -> bool {
        self.enabled && self.direction != Direction::Outbound
    }
}
