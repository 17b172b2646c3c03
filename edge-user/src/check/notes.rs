//! What a configuration may say but its author hardly means, and what follows from it.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter};
use std::iter::successors;
use std::net::IpAddr;

use edge_core::policy::{Auth, Codec, NumberMatch, Policy, RealmId, Route, Trunk, TrunkId};
use ipnet::IpNet;

use crate::config::Config;
use crate::config::nearest::nearest;

/// One thing worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A source of one trunk lies inside a source of another.
    NestedSource {
        /// The narrower source.
        inner: IpNet,
        /// Its trunk, which wins.
        winner: String,
        /// The wider source.
        outer: IpNet,
        /// Its trunk.
        other: String,
    },
    /// A trunk that may call, and no route takes its calls.
    NoRouteFrom {
        /// The trunk.
        trunk: String,
    },
    /// A codec that nobody has registered: probably a slip of the pen, which allows or denies nothing.
    UnknownCodec {
        /// The trunk.
        trunk: String,
        /// `allow` or `deny`.
        key: &'static str,
        /// The name.
        codec: String,
        /// A known name that is spelt almost so.
        nearest: Option<String>,
    },
    /// A route to a trunk that is switched off.
    DisabledTarget {
        /// The route.
        route: String,
        /// The trunk.
        trunk: String,
    },
    /// A trunk whose media may go past the edge, to nobody.
    DirectAlone {
        /// The trunk.
        trunk: String,
    },
    /// A realm that is called what it is.
    AdvertisesItself {
        /// The realm.
        realm: String,
        /// The address.
        address: IpAddr,
    },
    /// A realm that is called by an address that only a private network knows, and has a public one.
    AdvertisesPrivate {
        /// The realm.
        realm: String,
        /// The private address.
        address: IpAddr,
        /// The public one.
        own: IpAddr,
    },
    /// Trunks that call each other, and digits of one are nothing to the other.
    DigitsUnheard {
        /// The trunk whose digits are tones in its speech.
        tones: String,
        /// The other one.
        other: String,
    },
    /// A route whose callers are all switched off.
    NobodyCalls {
        /// The route.
        route: String,
    },
    /// A route whose numbers an earlier route takes.
    Shadowed {
        /// The route.
        route: String,
        /// The earlier one.
        by: String,
        /// Trunk that both take calls from.
        from: String,
        /// What both take, as it stands in the file.
        numbers: String,
    },
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NestedSource { inner, winner, outer, other } => write!(
                f,
                "{inner} of trunk {winner} lies inside {outer} of trunk {other}: the most specific source wins, so \
                 packets from {inner} are {winner}'s"
            ),
            Self::NoRouteFrom { trunk } => {
                write!(f, "no route takes calls from trunk {trunk}: each will hear 404")
            }
            Self::UnknownCodec { trunk, key, codec, nearest } => {
                write!(f, "trunk {trunk}: `{key}` has {codec}, which is no registered encoding name")?;
                nearest.iter().try_for_each(|name| write!(f, "; did you mean \"{name}\"?"))
            }
            Self::DisabledTarget { route, trunk } => {
                write!(f, "route {route} leads to trunk {trunk}, which is disabled: its calls will fail")
            }
            Self::DirectAlone { trunk } => write!(
                f,
                "trunk {trunk}: `direct_media` does nothing, because no other trunk has it in a realm that its own reaches; \
                 write `reaches` in one of the two realms where that is so"
            ),
            Self::AdvertisesItself { realm, address } => write!(
                f,
                "realm {realm}: `advertise` is {address}, which is its own address, and does nothing: behind a 1:1 NAT it is \
                 the address that others know"
            ),
            Self::AdvertisesPrivate { realm, address, own } => write!(
                f,
                "realm {realm}: `advertise` is {address}, a private address, in place of {own}, which is public: trunks that \
                 reach {own} may not reach {address}"
            ),
            Self::DigitsUnheard { tones, other } => write!(
                f,
                "trunk {tones}: `dtmf` is \"inband\", and trunk {other} has another: digits are NOT converted between them, \
                 because tones in speech are not heard here"
            ),
            Self::NobodyCalls { route } => {
                write!(f, "route {route} never takes a call: each trunk that it takes calls from is disabled")
            }
            Self::Shadowed { route, by, from, numbers } => write!(
                f,
                "route {route} never gets {numbers} from trunk {from}: route {by} stands first and takes the same"
            ),
        }
    }
}

/// Everything in `config` that is worth a second look.
#[must_use]
pub fn notes(config: &Config) -> Vec<Note> {
    let policy = &config.policy;
    let mut notes = nested_sources(policy);
    notes.extend(unrouted(policy));
    notes.extend(policy.trunks.iter().flat_map(|trunk| unknown_codecs(trunk)));
    notes.extend(disabled_targets(policy));
    notes.extend(shadowed(policy));
    notes.extend(idle(policy));
    notes.extend(super::advertise::doubtful(policy));
    notes.extend(super::direct::alone(policy));
    notes.extend(super::dtmf::unheard(policy));
    notes
}

fn nested_sources(policy: &Policy) -> Vec<Note> {
    let sources = || policy.trunks.iter().flat_map(|trunk| claims(trunk).map(move |net| (trunk, net)));
    let owners: HashMap<(RealmId, IpNet), &Trunk> =
        sources().map(|(trunk, net)| ((trunk.realm, net), trunk.as_ref())).collect();
    let mut notes = Vec::new();
    for (trunk, inner) in sources() {
        let wider = successors(inner.supernet(), IpNet::supernet);
        let outers = wider.filter_map(|net| Some((net, owners.get(&(trunk.realm, net))?)));
        notes.extend(outers.filter(|(_, other)| other.name != trunk.name).map(|(outer, other)| {
            Note::NestedSource { inner, winner: trunk.name.clone(), outer, other: other.name.clone() }
        }));
    }
    notes
}

/// What [`Policy::identify`] knows a trunk by: its sources, and always its targets; nothing, when its certificate says who
/// it is.
fn claims(trunk: &Trunk) -> impl Iterator<Item = IpNet> {
    let targets = trunk.targets.iter().map(|target| IpNet::from(target.address.ip()));
    // Where a password says who it is, they only say where that may be.
    let sources = if trunk.auth == Auth::Digest { &[][..] } else { &trunk.sources };
    sources
        .iter()
        .copied()
        .chain(targets.filter(|target| trunk.auth == Auth::Address && !trunk.sources.contains(target)))
}

fn unrouted(policy: &Policy) -> impl Iterator<Item = Note> {
    let routed: HashSet<TrunkId> =
        policy.routes.all().iter().flat_map(|route| route.from.iter().copied()).collect();
    policy
        .trunks
        .iter()
        .enumerate()
        .filter(move |(index, trunk)| trunk.may_call() && !routed.contains(&TrunkId::new(*index)))
        .map(|(_, trunk)| Note::NoRouteFrom { trunk: trunk.name.clone() })
}

fn unknown_codecs(trunk: &Trunk) -> impl Iterator<Item = Note> {
    let lists = [("allow", &trunk.codecs.allow), ("deny", &trunk.codecs.deny)];
    let named = lists.into_iter().flat_map(|(key, codecs)| codecs.iter().map(move |codec| (key, codec)));
    let unknown = named.filter(|(_, codec)| !Codec::known().iter().any(|name| codec.is(name)));
    unknown.map(|(key, codec)| {
        let codec = codec.to_string();
        let names: Vec<String> = Codec::known().iter().map(|name| name.to_lowercase()).collect();
        let meant = nearest(&codec, names.iter().map(String::as_str));
        let nearest = meant.and_then(|meant| {
            let registered = Codec::known().iter().find(|name| name.eq_ignore_ascii_case(&meant));
            registered.map(|name| (*name).to_owned())
        });
        Note::UnknownCodec { trunk: trunk.name.clone(), key, codec, nearest }
    })
}

fn disabled_targets(policy: &Policy) -> impl Iterator<Item = Note> {
    let routes = policy.routes.all().iter();
    routes.filter_map(|route| {
        let mut trunks = route.plan.targets.iter().map(|target| policy.trunk(target.trunk));
        let first = trunks.next()?;
        (!first.enabled && trunks.all(|trunk| !trunk.enabled))
            .then(|| Note::DisabledTarget { route: route.name.clone(), trunk: first.name.clone() })
    })
}

/// Routes of the same numbers and conditions: only the first is ever taken.
fn shadowed(policy: &Policy) -> Vec<Note> {
    let mut first: HashMap<(TrunkId, String), Vec<&Route>> = HashMap::new();
    let mut notes = Vec::new();
    let mut left = COMPARED_MAX;
    for route in policy.routes.all() {
        let wanted = route.from.len() * route.to.count();
        if wanted > left {
            continue;
        }
        left -= wanted;
        for (from, numbers) in takes(route) {
            let earlier = first.entry((from, numbers.clone())).or_default();
            let same = |by: &&&Route| (&by.caller, &by.when) == (&route.caller, &route.when);
            match earlier.iter().find(same) {
                Some(by) if by.name != route.name => notes.push(Note::Shadowed {
                    route: route.name.clone(),
                    by: by.name.clone(),
                    from: policy.trunk(from).name.clone(),
                    numbers,
                }),
                Some(_) => {}
                None => earlier.push(route),
            }
        }
    }
    notes
}

/// Numbers of callers that are compared: a thousand trunks in each of 200,000 routes would fill the memory.
const COMPARED_MAX: usize = 2 << 20;

/// The entries of the route table that a route asks for.
fn takes(route: &Route) -> impl Iterator<Item = (TrunkId, String)> {
    let numbers = match &route.to {
        NumberMatch::Exact(numbers) => numbers.clone(),
        NumberMatch::Prefix(prefix) if prefix.is_empty() => vec!["any other number".to_owned()],
        NumberMatch::Prefix(_) | NumberMatch::Pattern(_) => vec![route.to.to_string()],
    };
    route.from.iter().flat_map(move |from| numbers.clone().into_iter().map(move |number| (*from, number)))
}

/// Routes whose every caller is switched off, or never calls.
fn idle(policy: &Policy) -> impl Iterator<Item = Note> {
    let calls = |route: &Route| route.from.iter().any(|from| policy.trunk(*from).inbound().is_ok());
    let idle = policy.routes.all().iter().filter(move |route| !calls(route));
    idle.map(|route| Note::NobodyCalls { route: route.name.clone() })
}
