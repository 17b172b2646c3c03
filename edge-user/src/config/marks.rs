//! `match` of a trunk: what its requests are told by where several trunks send from one address.

use std::collections::HashMap;
use std::sync::Arc;

use edge_core::policy::{Auth, Claim, Mark, RealmId, Wanted, is_host_name};
use edge_core::sip::HeaderPattern;
use ipnet::IpNet;
use toml::de::DeValue;

use super::document::{At, FromToml, Section};
use super::fault::Fault;
use super::keys;
use super::trunk::TrunkDraft;
use super::value::{Number, Within, form};

/// What is wrong with `match`, by itself or beside that of another trunk.
#[derive(Debug, thiserror::Error)]
pub enum MatchFault {
    /// Another proof than the address.
    #[error(
        "tells trunks of one address apart, and auth = \"{auth}\" says by itself who it is; remove the key"
    )]
    NotByAddress {
        /// What `auth` is.
        auth: &'static str,
    },
    /// Nothing in it.
    #[error(
        "is empty; write what all requests of this trunk have, such as {{ port = 5062 }} or {{ host = \"a.example\" }}"
    )]
    Empty,
    /// Two trunks that the same request could belong to.
    #[error(
        "has {source_net}, and so has trunk {other} (line {line}) of the same realm: {} could tell the two apart; give each \
         source to one trunk, or let `match` say what their requests differ in",
        if *marked { "a request may fit both, and neither wants all that the other does, so nobody" } else { "nobody" }
    )]
    Ambiguous {
        /// The prefix.
        source_net: IpNet,
        /// The other trunk.
        other: String,
        /// Its line.
        line: usize,
        /// Whether they want different things.
        marked: bool,
    },
    /// More trunks at one address than a request is compared with.
    #[error("has {source_net}, and so have {SHARING_MAX} trunks before; that is the most at one address")]
    Crowded {
        /// The prefix.
        source_net: IpNet,
    },
}

/// Trunks that share an address: each new request from there is compared with all of them.
const SHARING_MAX: usize = 1_024;

/// The marks of a trunk; none without the key.
pub(super) fn marks(trunk: &Section<'_>, auth: Auth) -> Arc<[Mark]> {
    let Some(section) = trunk.table("match", keys::TRUNK_MATCH) else { return Arc::default() };
    let auth = match auth {
        Auth::Address => None,
        Auth::Certificate => Some("tls"),
        Auth::Registration => Some("register"),
        Auth::Digest => Some("digest"),
    };
    if let Some(auth) = auth {
        trunk.note(section.line, "match", MatchFault::NotByAddress { auth }.into());
    }
    if keys::TRUNK_MATCH.iter().all(|key| !section.has(key.name)) {
        trunk.note(section.line, "match", MatchFault::Empty.into());
    }
    let host = |key| section.get::<Domain>(key).map(|host| Wanted::new(host.value.0));
    let user = |key| section.get::<User>(key).map(|user| user.value.0);
    let port = section.get::<Within<1, 65_535>>("port").map(|port| port.value.port());
    let header = section.get::<HeaderText>("header").map(|header| header.value);
    let marks = [
        port.map(Mark::Port),
        host("host").map(Mark::Host),
        user("user").map(Mark::User),
        host("to_host").map(Mark::ToHost),
        host("from_host").map(Mark::FromHost),
        user("from_user").map(Mark::FromUser),
        header.map(|HeaderText(name, value)| Mark::Header(name, value)),
    ];
    marks.into_iter().flatten().collect()
}

/// A domain or an address, as a URI has it.
struct Domain<'a>(&'a str);

impl<'a> FromToml<'a> for Domain<'a> {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let address = text.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        let fits =
            is_host_name(text) || address.is_ok_and(|address| address.is_ipv4() || text.starts_with('['));
        fits.then_some(Self(text)).ok_or_else(|| {
            form(text, "one host as its requests name it, such as \"sbc.a.example\", \"192.0.2.1\" or \"[2001:db8::1]\"")
        })
    }
}

/// A user, or what users begin with.
struct User(Wanted);

impl<'a> FromToml<'a> for User {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let beginning = text.strip_suffix('*').unwrap_or(text);
        Number::from_toml(value)
            .ok()
            .filter(|_| !beginning.is_empty() && !beginning.contains('*'))
            .map(|_number| Self(Wanted::new(text)))
            .ok_or_else(|| form(text, "a user such as \"acct42\", or a beginning such as \"+4420*\""))
    }
}

/// A header and its value, or what its value begins with.
struct HeaderText(HeaderPattern, Wanted);

impl<'a> FromToml<'a> for HeaderText {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let parts = text.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        let parts =
            parts.filter(|(name, value)| !name.contains('*') && !value.trim_end_matches('*').is_empty());
        parts
            .and_then(|(name, value)| Some(Self(HeaderPattern::new(name).ok()?, Wanted::new(value))))
            .ok_or_else(|| {
                form(
                    text,
                    "a header and its value, such as \"X-Trunk: a\", or \"X-Trunk: a*\" for what begins so",
                )
            })
    }
}

/// Two trunks of one realm may have nested sources, because the most specific one wins, but the same one only when their requests
/// can be told apart. A trunk's host is always one of its sources ([`edge_core::policy::Policy::identify`]).
pub(super) fn ambiguous_sources(trunks: &[&TrunkDraft<'_>]) {
    let mut owners: HashMap<(RealmId, IpNet), Vec<(&TrunkDraft<'_>, usize)>> = HashMap::new();
    for trunk in trunks.iter().filter(|trunk| trunk.said.auth == Auth::Address) {
        // What a name leads to is compared when DNS says it.
        let host = trunk.host.value.address();
        let host = host.map(|host| At { value: IpNet::from(host.ip()), line: trunk.host.line });
        let sources =
            trunk.sources.iter().filter(|source| host.as_ref().is_none_or(|h| h.value != source.value));
        let places = sources.map(|source| (source, "sources")).chain(host.iter().map(|host| (host, "host")));
        for (place, key) in places {
            let here = owners.entry((trunk.said.realm, place.value)).or_default();
            let alike = |(other, _): &&(&TrunkDraft<'_>, usize)| {
                !std::ptr::eq(*other, *trunk) && !claim(other).beside(&claim(trunk))
            };
            if here.len() == SHARING_MAX {
                let fault = MatchFault::Crowded { source_net: place.value };
                trunk.section.note(place.line, key, fault.into());
            } else if here.len() > SHARING_MAX {
                continue;
            } else if let Some((other, line)) = here.iter().find(alike) {
                let marked = claim(trunk) != claim(other);
                let (source_net, other, line) = (place.value, other.said.name.clone(), *line);
                let fault = MatchFault::Ambiguous { source_net, other, line, marked };
                trunk.section.note(place.line, key, fault.into());
            }
            here.push((trunk, place.line));
        }
    }
}

fn claim(trunk: &TrunkDraft<'_>) -> Claim {
    Claim::new(&trunk.host.value, &trunk.said.marks)
}
