//! What the operator of the simulated edge decided: a carrier's trunk outside and a trunk inside for each pair.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{
    CallTimers, DelayedOffer, Host, Listener, ListenerId, MediaRange, NumberMatch, Patience, Plan, Policy,
    PortRange, Realm, RealmId, Redirects, Refer, Route, RouteTarget, Silence, SilenceEnds, Strangers, Tones,
    Transport, Trunk, TrunkId,
};

/// Pairs of media ports in each realm.
pub(crate) const PAIRS: u16 = 8;

/// The edge's own addresses: outside, inside.
pub(crate) const EDGE: [SocketAddr; 2] = [address([203, 0, 113, 1]), address([10, 0, 0, 1])];

/// Last octet of the first trunk's address.
const FIRST_PEER: u8 = 10;

const fn address([a, b, c, d]: [u8; 4]) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), 5060)
}

/// Where the trunk of a pair is.
pub(crate) fn trunk_address(realm: usize, pair: usize) -> SocketAddr {
    let last = FIRST_PEER + u8::try_from(pair).expect("few pairs");
    address([[203, 0, 113, last], [10, 0, 0, last]][realm])
}

/// The realm of an address: 0 outside, 1 inside.
pub(crate) fn realm_of(address: SocketAddr) -> usize {
    usize::from(address.ip().to_string().starts_with("10."))
}

/// The listener of a realm.
pub(crate) fn listener(realm: usize, transport: Transport) -> ListenerId {
    ListenerId { realm: RealmId::new(realm), index: 0, transport }
}

/// The name of the trunk at an address.
pub(crate) fn name(address: SocketAddr) -> String {
    format!("trunk-{}", address.ip())
}

/// What silence does in all worlds, in most of which nobody is silent.
pub(crate) const SILENCE: Silence = Silence {
    after: Some(Duration::from_secs(4)),
    ends: SilenceEnds::OneWay,
    end_after: Duration::from_secs(15),
};

/// What the operator of a world wants of all its trunks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided {
    pub(crate) transport: Transport,
    pub(crate) delayed_offer: DelayedOffer,
    /// The first pairs, whose media is left out of the edge.
    pub(crate) direct: usize,
    pub(crate) tones: Tones,
}

impl Decided {
    /// Each other world has trunks that want an offer in every INVITE, and each third some whose media is left out.
    pub(crate) fn of(seed: u64, transport: Transport) -> Self {
        let delayed_offer = if seed.is_multiple_of(2) { DelayedOffer::Pass } else { DelayedOffer::Convert };
        let direct = [0, 0, 0, 0, 1, usize::MAX][usize::try_from(seed % 6).expect("less than six")];
        let tones = [Tones::None, Tones::Answered, Tones::EarlyMedia, Tones::EarlyMedia][seed as usize % 4];
        Self { transport, delayed_offer, direct, tones }
    }
}

/// Each trunk outside calls its fellow inside, and the other way round.
pub(crate) fn policy(pairs: usize, decided: Decided) -> Policy {
    let Decided { transport, delayed_offer, direct, tones } = decided;
    let realm = |index: usize, first: u16| Realm {
        name: format!("realm-{index}"),
        device: format!("device-{index}"),
        sip: vec![Listener { transport, address: EDGE[index] }],
        media: vec![MediaRange {
            address: EDGE[index].ip(),
            ports: PortRange::new(first, first + 2 * PAIRS - 1).unwrap(),
        }],
        reaches: vec![RealmId::new(1 - index)],
        advertised: edge_core::policy::Advertised::default(),
    };
    let trunk = |realm: usize, pair: usize| {
        let host = trunk_address(realm, pair);
        let session_timer = Some(Duration::from_secs(90));
        let mut trunk = Trunk::new(&name(host), RealmId::new(realm), host);
        (trunk.media.direct, trunk.media.tones) = (pair < direct, tones);
        trunk.media.silence = SILENCE;
        Trunk { session_timer, delayed_offer, ..trunk.at(Host::Address { address: host, transport }) }
    };
    let route = |from: usize, to: usize| {
        Route::new(
            &format!("from-{from}"),
            vec![TrunkId::new(from)],
            NumberMatch::Prefix("+".to_owned()),
            TrunkId::new(to),
        )
    };
    Policy::new(
        "sim".to_owned(),
        vec![realm(0, 20_000), realm(1, 30_000)],
        (0..pairs).flat_map(|pair| [trunk(0, pair), trunk(1, pair)]).collect(),
        (0..pairs).flat_map(|pair| [route(2 * pair, 2 * pair + 1), route(2 * pair + 1, 2 * pair)]).collect(),
        Strangers::Silent,
        CallTimers {
            answer_max: Duration::from_secs(60),
            call_max: Duration::from_secs(600),
            port_rest: Duration::from_secs(1),
            ..CallTimers::default()
        },
    )
    .unwrap()
}

/// Two pairs, and what the first trunk calls may go to either of those inside.
pub(crate) fn failing_over(decided: Decided, patience: Patience) -> Policy {
    let simple = policy(2, decided);
    let trunks: Vec<Trunk> = simple.trunks.iter().map(|trunk| Trunk::clone(trunk)).collect();
    let targets = [1, 3].map(|trunk| RouteTarget::new(TrunkId::new(trunk))).into();
    let plan = Arc::new(Plan { patience, ..Plan::of(targets) });
    let mut routes = simple.routes.all().to_vec();
    routes[0].plan = plan;
    Policy::new(simple.node, simple.realms, trunks, routes, simple.strangers, simple.timers).unwrap()
}

/// Where the peer of a pair is that may be transferred: those inside of the first three pairs are of one trunk.
pub(crate) fn shared_address(realm: usize, pair: usize) -> SocketAddr {
    let own = trunk_address(realm, pair);
    if realm == 0 || pair > 2 {
        return own;
    }
    let port = own.port() + 2 * u16::try_from(pair).expect("few pairs");
    SocketAddr::new(trunk_address(realm, 0).ip(), port)
}

/// Four pairs: the first trunk outside calls the one inside that three peers share, which calls the second one outside; and
/// both reach the last one inside by a seven.
pub(crate) fn transferring(decided: Decided, refer: Refer) -> Policy {
    let simple = policy(4, decided);
    let mut trunks: Vec<Trunk> = simple.trunks.iter().map(|trunk| Trunk::clone(trunk)).collect();
    for trunk in &mut trunks {
        (trunk.refer, trunk.redirects) = (refer, Redirects::Follow);
    }
    let route = |from: usize, prefix: &str, to: usize| {
        let number = NumberMatch::Prefix(prefix.to_owned());
        Route::new(&format!("{from}-{prefix}"), vec![TrunkId::new(from)], number, TrunkId::new(to))
    };
    let routes = vec![route(0, "+", 1), route(1, "+", 2), route(0, "7", 7), route(1, "7", 7)];
    Policy::new(simple.node, simple.realms, trunks, routes, simple.strangers, simple.timers).unwrap()
}
