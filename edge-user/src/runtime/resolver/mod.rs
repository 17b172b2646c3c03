//! Keeps the names of trunks resolved (RFC 3263): looks each up ahead of the calls, and again when its answer runs out.
//!
//! What an answer means is decided by [`edge_core::resolve`]; here is what asks DNS, when, and what is said about it.
//!
//! Invariants: no call waits for DNS; a name has at most one look-up under way, and at most [`AT_ONCE`] names have one; what
//! is wrong with a name is said when it becomes so, and once.

mod lookup;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::policy::{Auth, Policy, Targets, Trunk};
use edge_core::resolve::{Nowhere, Question};
use tokio::task::JoinSet;

use crate::config::Config;

use super::clock;
pub use lookup::Looked;
use lookup::{Dns, Resolution};

/// Names that are looked up at once: a start with thousands of them must not drown the DNS server.
const AT_ONCE: usize = 32;

/// How long the start of the process waits for names, so that its first calls find their trunks.
const FIRST_ANSWERS_MAX: Duration = Duration::from_secs(2);

/// What a name leads to now, or why nowhere.
pub(super) type Finding = (Question, Result<Targets, Nowhere>);

/// All names of the policy.
#[derive(Debug)]
pub(super) struct Resolver {
    /// The servers as configured; none for those of the host.
    servers: Vec<SocketAddr>,
    /// Set up with the first name.
    dns: Option<Arc<Dns>>,
    names: BTreeMap<Question, Name>,
    /// When each name that has no look-up under way is looked up.
    due: BTreeSet<(Instant, Question)>,
    under_way: JoinSet<(Question, Resolution)>,
}

/// How a name stands, as it was said last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// Nothing is known yet.
    New,
    /// It leads somewhere.
    Known,
    /// It did, and DNS does not answer any more.
    Old,
    /// It leads nowhere.
    Lost(Nowhere),
}

impl Resolver {
    /// A resolver that will ask `servers`, or those of `/etc/resolv.conf` when there are none.
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers, dns: None, names: BTreeMap::new(), due: BTreeSet::new(), under_way: JoinSet::new() }
    }

    /// Looks after `questions` from now on, and after no others. Those that are new are looked up at once. To be called
    /// within a runtime.
    ///
    /// # Errors
    /// When there are names and there is no server to ask; nothing has changed then.
    pub(super) fn watch(&mut self, questions: BTreeSet<Question>) -> anyhow::Result<()> {
        if self.dns.is_none() && !questions.is_empty() {
            let host = if self.servers.is_empty() { servers::of_the_host()? } else { Vec::new() };
            self.dns = Some(Arc::new(Dns::new(if host.is_empty() { &self.servers } else { &host })?));
        }
        self.names.retain(|question, _| questions.contains(question));
        self.due.retain(|(_, question)| questions.contains(question));
        let now = clock::now();
        for question in questions {
            if !self.names.contains_key(&question) {
                self.due.insert((now, question.clone()));
                self.names.insert(question, Name::New);
            }
        }
        Ok(())
    }

    /// Names of which nothing was heard yet.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &str> {
        let new = self.names.iter().filter(|(_, name)| **name == Name::New);
        new.map(|(question, _)| question.name.as_str())
    }

    /// What was found out next. Nothing is lost when the caller stops waiting.
    pub(super) async fn next(&mut self) -> Finding {
        loop {
            let due = self.begin_what_is_due();
            let finished = tokio::select! {
                finished = self.under_way.join_next(), if !self.under_way.is_empty() => finished,
                () = sleep_until(due) => None,
            };
            if let Some(Ok((question, resolution))) = finished
                && let Some(finding) = self.take(question, resolution)
            {
                return finding;
            }
        }
    }

    /// Starts look-ups; says when the next one is due.
    fn begin_what_is_due(&mut self) -> Option<Instant> {
        let dns = self.dns.as_ref()?;
        let now = clock::now();
        while self.under_way.len() < AT_ONCE
            && self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, question)) = self.due.pop_first()
        {
            let dns = Arc::clone(dns);
            self.under_way.spawn(async move {
                let resolution = dns.resolve(&question).await;
                (question, resolution)
            });
        }
        // At the bound, a look-up that ends makes room.
        self.due.first().map(|(at, _)| *at).filter(|_| self.under_way.len() < AT_ONCE)
    }

    fn take(&mut self, question: Question, resolution: Resolution) -> Option<Finding> {
        let name = self.names.get_mut(&question)?;
        name.became(&question.name, &resolution.leads);
        self.due.insert((clock::now() + resolution.ttl, question.clone()));
        Some((question, resolution.leads))
    }
}

impl Name {
    /// Takes note of what was found out, and says it when it is news.
    fn became(&mut self, name: &str, leads: &Result<Targets, Nowhere>) {
        let next = match (leads, &*self) {
            (Ok(_), _) => Self::Known,
            (Err(Nowhere::Failed), Self::Known | Self::Old) => Self::Old,
            (Err(nowhere), _) => Self::Lost(*nowhere),
        };
        if next != *self {
            match &next {
                Self::Known if *self == Self::New => {}
                Self::Known => tracing::info!(name, "the name leads somewhere again"),
                Self::Old => {
                    tracing::warn!(name, "no DNS server answers: the addresses that are known stay in use");
                }
                Self::Lost(nowhere) => {
                    tracing::error!(name, "calls to this name fail: {nowhere}");
                }
                Self::New => {}
            }
        }
        *self = next;
    }
}

/// Looks the names of trunks up before anybody calls; those that take too long are looked up beside the calls.
///
/// # Errors
/// When there are names and no server to ask.
pub(super) async fn first_answers(mut config: Config) -> anyhow::Result<(Resolver, Config)> {
    let mut resolver = Resolver::new(config.dns.servers.clone());
    resolver.watch(config.policy.questions())?;
    let policy = &mut config.policy;
    let first = async {
        while resolver.unanswered().next().is_some() {
            let finding = resolver.next().await;
            if let Some(found) = found(policy, finding) {
                *policy = found;
            }
        }
    };
    drop(tokio::time::timeout(FIRST_ANSWERS_MAX, first).await);
    for name in resolver.unanswered() {
        tracing::error!(name, "calls to this name fail until DNS answers, which it has not done yet");
    }
    Ok((resolver, config))
}

/// The policy that follows from a finding, if it is another one; says where the trunk is now.
pub(super) fn found(policy: &Arc<Policy>, (question, leads): Finding) -> Option<Arc<Policy>> {
    let targets = match leads {
        Ok(targets) => targets,
        // Silence is no answer: what is known stays in use.
        Err(Nowhere::Failed) => return None,
        Err(Nowhere::NoRecords | Nowhere::Declined) => Targets::default(),
    };
    let addresses: Vec<_> =
        targets.iter().map(|target| format!("{}:{}", target.transport, target.address)).collect();
    let found = policy.led(&question, targets)?;
    for trunk in found.trunks.iter().filter(|trunk| found.question_of(trunk).as_ref() == Some(&question)) {
        tracing::info!(
            trunk = trunk.name,
            name = question.name,
            addresses = addresses.join(" "),
            "trunk is at"
        );
        for target in trunk.targets.iter() {
            let others = found.sharing(trunk.realm, target.address.ip()).map(|id| found.trunk(id));
            let by_address = |trunk: &Trunk| trunk.auth == Auth::Address;
            let alike = |other: &&Arc<Trunk>| {
                let told_apart = other.name == trunk.name || other.claim().beside(&trunk.claim());
                by_address(trunk) && by_address(other) && !told_apart
            };
            for other in others.filter(alike) {
                tracing::warn!(
                    trunk = trunk.name,
                    other = other.name,
                    address = %target.address,
                    "two trunks are at one address, and nothing tells them apart: what comes from there counts as that of the \
                     first in the file; give them `match`"
                );
            }
        }
    }
    Some(Arc::new(found))
}

/// Asks DNS for a trunk's name now, beside what is known: everything that was asked, and where it leads.
///
/// # Errors
/// When there is no server to ask.
pub(super) async fn trace(
    servers: &[SocketAddr],
    question: &Question,
) -> anyhow::Result<(Vec<Looked>, Result<Targets, Nowhere>)> {
    let host = if servers.is_empty() { servers::of_the_host()? } else { Vec::new() };
    let dns = Dns::new(if host.is_empty() { servers } else { &host })?;
    let (looked, resolution) = dns.trace(question).await;
    Ok((looked, resolution.leads))
}

/// For ever, when there is nothing to wait for.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
