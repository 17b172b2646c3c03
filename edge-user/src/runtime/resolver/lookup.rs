//! Asks DNS what [`edge_core::resolve::step`] wants to know.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use edge_core::policy::Targets;
use edge_core::resolve::{Answer, Answers, Kind, Nowhere, Query, Question, Record, Step, step};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::task::JoinSet;

/// How long a server may take.
const SERVER_MAX: Duration = Duration::from_secs(2);

/// How often a query is repeated.
const REPEATED: usize = 1;

/// Servers that are asked at the same time, so that one that is silent costs nothing.
const ASKED_AT_ONCE: usize = 2;

/// What is believed of a negative answer that does not say how long it holds.
const NO_SOA: Duration = Duration::from_secs(30);

/// The DNS servers.
#[derive(Debug)]
pub(super) struct Dns {
    resolver: TokioResolver,
}

/// What a name led to, and when to look again.
#[derive(Debug)]
pub(super) struct Resolution {
    pub(super) leads: Result<Targets, Nowhere>,
    pub(super) ttl: Duration,
}

impl Dns {
    /// What `servers` know.
    ///
    /// # Errors
    /// When hickory cannot be set up.
    pub(super) fn new(servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let servers = servers.iter().map(|server| {
            let at_port = |mut connection: ConnectionConfig| {
                connection.port = server.port();
                connection
            };
            let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
            NameServerConfig::new(server.ip(), true, connections)
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Ok(Self { resolver: builder.with_options(options()).build()? })
    }

    /// Asks until `question` has its answer.
    pub(super) async fn resolve(&self, question: &Question) -> Resolution {
        let mut answers = Answers::new();
        loop {
            match step(question, &answers) {
                Step::Ask(queries) => answers.extend(self.ask(queries).await),
                Step::Done { leads, ttl } => return Resolution { leads, ttl },
            }
        }
    }

    async fn ask(&self, queries: Vec<Query>) -> Answers {
        let mut answers: Answers = queries.iter().map(|query| (query.clone(), Answer::Failed)).collect();
        let mut under_way = JoinSet::new();
        for query in queries {
            let resolver = self.resolver.clone();
            under_way.spawn(async move {
                let answer = look_up(&resolver, &query).await;
                (query, answer)
            });
        }
        while let Some(finished) = under_way.join_next().await {
            answers.extend(finished.ok());
        }
        answers
    }

    /// What `question` leads to, with everything that was asked on the way and what was said to it, for a person.
    pub(super) async fn trace(&self, question: &Question) -> (Vec<Looked>, Resolution) {
        let (mut answers, mut looked) = (Answers::new(), Vec::new());
        loop {
            match step(question, &answers) {
                Step::Ask(queries) => {
                    let round = self.ask(queries).await;
                    for (query, answer) in &round {
                        let exists = answer.is_nothing() && self.is_name(&query.name).await;
                        looked.push(Looked::new(query, answer, exists));
                    }
                    answers.extend(round);
                }
                Step::Done { leads, ttl } => return (looked, Resolution { leads, ttl }),
            }
        }
    }

    /// Whether DNS knows of a name at all, whatever records it has.
    async fn is_name(&self, name: &str) -> bool {
        match self.resolver.lookup(format!("{name}."), RecordType::A).await {
            Ok(_) => true,
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                none.response_code != ResponseCode::NXDomain
            }
            Err(_) => false,
        }
    }
}

/// A query and what was said to it, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The name.
    pub name: String,
    /// `NAPTR`, `SRV`, `A` or `AAAA`.
    pub kind: &'static str,
    /// The records as a zone has them.
    pub records: Vec<String>,
    /// How long they hold.
    pub ttl: Option<Duration>,
    /// Why there are none.
    pub problem: Option<&'static str>,
}

impl Looked {
    fn new(query: &Query, answer: &Answer, exists: bool) -> Self {
        let kind = match query.kind {
            Kind::Naptr => "NAPTR",
            Kind::Srv => "SRV",
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
        };
        let (records, ttl, problem) = match answer {
            Answer::Failed => (Vec::new(), None, Some("no server answers")),
            Answer::Known { records, ttl } if records.is_empty() => {
                (Vec::new(), Some(*ttl), Some(if exists { "no such record" } else { "no such name" }))
            }
            Answer::Known { records, ttl } => (records.iter().map(written).collect(), Some(*ttl), None),
        };
        Self { name: query.name.clone(), kind, records, ttl, problem }
    }
}

/// A record as a zone has it.
fn written(record: &Record) -> String {
    match record {
        Record::Address(address) => address.to_string(),
        Record::Srv { priority, weight, port, target } => format!("{priority} {weight} {port} {target}."),
        Record::Naptr { order, preference, flags, service, has_regexp: _, replacement } => {
            format!("{order} {preference} \"{flags}\" \"{service}\" {replacement}.")
        }
    }
}

/// Times are ours: what is believed, and how long, is decided in one place.
fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = SERVER_MAX;
    options.attempts = REPEATED;
    options.num_concurrent_reqs = ASKED_AT_ONCE;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

async fn look_up(resolver: &TokioResolver, query: &Query) -> Answer {
    let kind = match query.kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    };
    match resolver.lookup(format!("{}.", query.name), kind).await {
        Ok(lookup) => answer_of(&lookup, kind),
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            let ttl = none.negative_ttl.map_or(NO_SOA, |ttl_s| Duration::from_secs(ttl_s.into()));
            Answer::Known { records: Vec::new(), ttl }
        }
        Err(error) => {
            tracing::debug!(name = query.name, %kind, "{error}");
            Answer::Failed
        }
    }
}

/// Aliases on the way (CNAME) count with their time to live only.
fn answer_of(lookup: &Lookup, kind: RecordType) -> Answer {
    let least = lookup.answers().iter().map(|record| record.ttl).min();
    let ttl = least.map_or(NO_SOA, |ttl_s| Duration::from_secs(ttl_s.into()));
    let wanted = lookup.answers().iter().filter(|record| record.record_type() == kind);
    Answer::Known { records: wanted.filter_map(|record| record_of(&record.data)).collect(), ttl }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the set of record types is open, and four of them were asked for"
)]
fn record_of(data: &RData) -> Option<Record> {
    match data {
        RData::A(address) => Some(Record::Address(IpAddr::V4(address.0))),
        RData::AAAA(address) => Some(Record::Address(IpAddr::V6(address.0))),
        RData::SRV(srv) => Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: bare(&srv.target),
        }),
        RData::NAPTR(naptr) => Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
            service: String::from_utf8_lossy(&naptr.services).into_owned(),
            has_regexp: !naptr.regexp.is_empty(),
            replacement: bare(&naptr.replacement),
        }),
        _ => None,
    }
}

/// A name as questions have it: in lower case, without a dot at its end; the root is empty.
fn bare(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}
