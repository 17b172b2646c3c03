//! Where a name leads (RFC 3263 section 4): from DNS records to targets, and what to ask next.
//!
//! [`step`] is a pure function of a question and of all answers so far. Whoever hosts it asks what it wants to know and calls
//! it again, until it says what the name leads to and how long that may be believed.
//!
//! Invariants: at most three rounds of questions (NAPTR, SRV, addresses); a name yields at most [`CANDIDATES_MAX`]
//! records of [`ADDRESSES_MAX`] addresses each, whatever DNS says; an address that no peer can have (unspecified, multicast,
//! broadcast) is no target.

mod reader;
mod record;

use std::net::IpAddr;
use std::time::Duration;

use crate::policy::{Candidate, Host, Listener, Target, Targets, Transport};

use reader::Reader;

pub use record::{Answer, Answers, Kind, Query, Record};

/// SRV records that are used of all that a name has: more servers than this stand behind no trunk.
pub const CANDIDATES_MAX: usize = 16;

/// Addresses that are used of one host.
pub const ADDRESSES_MAX: usize = 16;

/// How long an answer is believed at least: a TTL of nothing would have DNS asked all the time.
pub const TTL_MIN: Duration = Duration::from_secs(5);

/// How long an answer is believed at most: a trunk that moves is followed within the hour.
pub const TTL_MAX: Duration = Duration::from_secs(3600);

/// How long it is believed at most that there is nothing (RFC 2308 section 5 asks for hours at most): an operator who
/// mends his zone should not have to wait.
pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);

/// When a name is looked up again of which a part could not be had.
pub const RETRY: Duration = Duration::from_secs(10);

/// A name to be resolved, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name, in lower case and without a dot at its end.
    pub name: String,
    /// Port that the operator wrote: only addresses are asked for then.
    pub port: Option<u16>,
    /// Transport that the operator wrote: no other is used then.
    pub transport: Option<Transport>,
    /// What requests can leave by, in the operator's order of preference; never empty.
    pub ways: Vec<Way>,
}

/// A transport over an address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    /// What carries requests.
    pub transport: Transport,
    /// Over which family.
    pub family: Family,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask these, then call again. Never empty.
    Ask(Vec<Query>),
    /// The name leads here, or nowhere.
    Done {
        /// Where; never empty.
        leads: Result<Targets, Nowhere>,
        /// When to look again.
        ttl: Duration,
    },
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    /// DNS did not say: what was known before is still the best that is known.
    #[error("no DNS server has an answer")]
    Failed,
    /// DNS says that there is nothing.
    #[error("DNS has no address for it")]
    NoRecords,
    /// DNS says that the service is not offered (an SRV record with the target ".").
    #[error("DNS says that it takes no SIP")]
    Declined,
}

impl Question {
    /// What is to be asked for `host` in a realm with these `listeners`; `None` when it is an address, or nothing there could
    /// reach it.
    #[must_use]
    pub fn of(host: &Host, listeners: &[Listener]) -> Option<Self> {
        let Host::Name { name, port, transport } = host else { return None };
        let mut ways: Vec<Way> = Vec::new();
        for listener in listeners.iter().filter(|listener| transport.is_none_or(|t| t == listener.transport))
        {
            let family = if listener.address.is_ipv4() { Family::V4 } else { Family::V6 };
            let way = Way { transport: listener.transport, family };
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        let question = Self { name: name.clone(), port: *port, transport: *transport, ways };
        (!question.ways.is_empty()).then_some(question)
    }

    /// Transports that can be used, each once, the most preferred first.
    fn transports(&self) -> Vec<Transport> {
        let mut transports = Vec::new();
        for way in &self.ways {
            if !transports.contains(&way.transport) {
                transports.push(way.transport);
            }
        }
        transports
    }

    /// What is used when nothing says otherwise (RFC 3263 section 4.1: UDP, where it is to be had).
    fn usual_transport(&self) -> Transport {
        let transports = self.transports();
        if transports.contains(&Transport::Udp) { Transport::Udp } else { transports[0] }
    }
}

/// A service that a name has: where its hosts are listed, or the host itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Service {
    Srv { transport: Transport, name: String },
    Host { transport: Transport, name: String, port: u16 },
}

/// A host of a service, in its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostOf {
    rank: u32,
    weight: u16,
    transport: Transport,
    name: String,
    port: u16,
}

/// What to ask, or where `question` leads by `answers`.
#[must_use]
pub fn step(question: &Question, answers: &Answers) -> Step {
    let mut reader = Reader::new(answers);
    let leads = lead(question, &mut reader);
    match leads {
        Some(leads) => {
            let ttl = reader.ttl(leads.is_ok());
            Step::Done { leads, ttl }
        }
        None => Step::Ask(reader.into_missing()),
    }
}

/// `None` while answers are missing.
fn lead(question: &Question, reader: &mut Reader<'_>) -> Option<Result<Targets, Nowhere>> {
    let services = match services(question, reader)? {
        Ok(services) => services,
        Err(nowhere) => return Some(Err(nowhere)),
    };
    let hosts = match hosts(question, &services, reader)? {
        Ok(hosts) => hosts,
        Err(nowhere) => return Some(Err(nowhere)),
    };
    // All are asked for before any is missed, so that one round is enough.
    let found: Vec<_> = hosts.iter().map(|host| addresses(question, host, reader)).collect();
    let candidates: Vec<Candidate> = found.into_iter().collect::<Option<Vec<_>>>()?;
    let targets = Targets::new(candidates.into_iter().filter(|c| !c.families.is_empty()).collect());
    Some(match (targets.is_empty(), reader.has_failed()) {
        (false, _) => Ok(targets),
        (true, true) => Err(Nowhere::Failed),
        (true, false) => Err(Nowhere::NoRecords),
    })
}

/// The services to try, best first (RFC 3263 section 4.1).
fn services(question: &Question, reader: &mut Reader<'_>) -> Option<Result<Vec<Service>, Nowhere>> {
    let name = question.name.clone();
    if let Some(port) = question.port {
        let transport = question.transport.unwrap_or_else(|| question.usual_transport());
        return Some(Ok(vec![Service::Host { transport, name, port }]));
    }
    if let Some(transport) = question.transport {
        return Some(Ok(vec![Service::srv(transport, &name)]));
    }
    let Some(records) = reader.ask(&name, Kind::Naptr)? else { return Some(Err(Nowhere::Failed)) };
    let offered = naptr_services(records, &question.transports());
    if offered.is_empty() {
        let transports = question.transports().into_iter();
        return Some(Ok(transports.map(|transport| Service::srv(transport, &name)).collect()));
    }
    Some(Ok(offered))
}

/// Services of the lowest order that has one for us, best first (RFC 3403 section 4.1).
fn naptr_services(records: &[Record], transports: &[Transport]) -> Vec<Service> {
    let mut usable: Vec<(u16, u16, Service)> = records
        .iter()
        .filter_map(|record| {
            let Record::Naptr { order, preference, flags, service, has_regexp, replacement } = record else {
                return None;
            };
            let transport = transports
                .iter()
                .copied()
                .find(|transport| service.eq_ignore_ascii_case(transport.naptr_service()))?;
            if *has_regexp || replacement.is_empty() {
                return None;
            }
            let name = replacement.clone();
            let next = match flags.to_ascii_lowercase().as_str() {
                "s" => Service::Srv { transport, name },
                "a" => Service::Host { transport, name, port: transport.usual_port() },
                _ => return None,
            };
            Some((*order, *preference, next))
        })
        .collect();
    usable.sort_by_key(|(order, preference, _)| (*order, *preference));
    let best = usable.first().map(|(order, ..)| *order);
    usable.retain(|(order, ..)| Some(*order) == best);
    usable.truncate(CANDIDATES_MAX);
    usable.into_iter().map(|(.., service)| service).collect()
}

impl Service {
    fn srv(transport: Transport, name: &str) -> Self {
        Self::Srv { transport, name: format!("{}.{name}", transport.srv_label()) }
    }
}

/// The hosts of all services (RFC 3263 section 4.2). A name without any SRV record is its own host.
fn hosts(
    question: &Question,
    services: &[Service],
    reader: &mut Reader<'_>,
) -> Option<Result<Vec<HostOf>, Nowhere>> {
    let found: Vec<_> = services.iter().map(|service| hosts_of(service, reader)).collect();
    let (mut hosts, mut declined) = (Vec::new(), false);
    for (place, found) in found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().enumerate() {
        let rank = u32::try_from(place).unwrap_or(u32::MAX >> 16) << 16;
        declined |= found.declined;
        hosts.extend(found.hosts.into_iter().map(|host| HostOf { rank: rank + host.rank, ..host }));
    }
    hosts.truncate(CANDIDATES_MAX);
    if !hosts.is_empty() {
        return Some(Ok(hosts));
    }
    if reader.has_failed() {
        return Some(Err(Nowhere::Failed));
    }
    if declined {
        return Some(Err(Nowhere::Declined));
    }
    let transport = question.transport.unwrap_or_else(|| question.usual_transport());
    let name = question.name.clone();
    Some(Ok(vec![HostOf { rank: 0, weight: 0, transport, name, port: transport.usual_port() }]))
}

/// The hosts of one service, best first.
#[derive(Debug, Default)]
struct Found {
    hosts: Vec<HostOf>,
    declined: bool,
}

fn hosts_of(service: &Service, reader: &mut Reader<'_>) -> Option<Found> {
    let (transport, name) = match service {
        Service::Host { transport, name, port } => {
            let host = HostOf { rank: 0, weight: 0, transport: *transport, name: name.clone(), port: *port };
            return Some(Found { hosts: vec![host], declined: false });
        }
        Service::Srv { transport, name } => (*transport, name),
    };
    let Some(records) = reader.ask(name, Kind::Srv)? else { return Some(Found::default()) };
    let mut found = Found::default();
    for record in records {
        let Record::Srv { priority, weight, port, target } = record else { continue };
        found.declined |= target.is_empty();
        if !target.is_empty() && *port != 0 {
            let (rank, weight, name, port) = (u32::from(*priority), *weight, target.clone(), *port);
            found.hosts.push(HostOf { rank, weight, transport, name, port });
        }
    }
    found.hosts.sort_by(|a, b| (a.rank, &a.name, a.port).cmp(&(b.rank, &b.name, b.port)));
    Some(found)
}

/// The addresses of a host, in the families that its transport can use.
fn addresses(question: &Question, host: &HostOf, reader: &mut Reader<'_>) -> Option<Candidate> {
    let ways = question.ways.iter().filter(|way| way.transport == host.transport);
    let kinds: Vec<Kind> = ways.map(|way| way.family.kind()).collect();
    let found: Vec<_> = kinds.into_iter().map(|kind| reader.ask(&host.name, kind)).collect();
    let mut families = Vec::new();
    for records in found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten() {
        let mut addresses: Vec<IpAddr> = records.iter().filter_map(usable_address).collect();
        // DNS shuffles them; what is the same answer must look the same.
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        if !addresses.is_empty() {
            let target = |ip| Target::new((ip, host.port).into(), host.transport);
            families.push(addresses.into_iter().map(target).collect());
        }
    }
    Some(Candidate { rank: host.rank, weight: host.weight, families })
}

fn usable_address(record: &Record) -> Option<IpAddr> {
    let Record::Address(address) = record else { return None };
    let nobody = address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    (!nobody).then_some(*address)
}

impl Family {
    const fn kind(self) -> Kind {
        match self {
            Self::V4 => Kind::A,
            Self::V6 => Kind::Aaaa,
        }
    }
}

impl Transport {
    /// Its service in a NAPTR record (RFC 3263 section 4.1).
    const fn naptr_service(self) -> &'static str {
        match self {
            Self::Udp => "SIP+D2U",
            Self::Tcp => "SIP+D2T",
            Self::Tls => "SIPS+D2T",
        }
    }

    /// The labels of its SRV records (RFC 3263 section 4.1).
    const fn srv_label(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        }
    }
}

#[cfg(test)]
mod tests;
