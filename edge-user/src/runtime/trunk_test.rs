//! A test of a trunk that the operator has ordered: asks DNS for its name, looks at its connections and certificates, and has its
//! shard ask it by OPTIONS. All of it at once, on the way that a call would take.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::Edge;
use edge_core::edge::{TEST_MAX, Tested};
use edge_core::policy::{Policy, Target, Transport, Trunk};
use edge_core::transaction::Path;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::control::{Control, NoAnswer};
use super::resolver::{self, Looked};
use super::shard::Notice;
use super::stream::{Inspected, inspect};

/// How much longer than a test its answer is waited for.
const SLACK: Duration = Duration::from_secs(2);

/// Connections that a test opens at most, as many as targets are asked.
const INSPECTED_MAX: usize = 16;

/// What a test has found.
#[derive(Debug)]
pub struct Findings {
    /// The trunk, as it is in force.
    pub trunk: Arc<Trunk>,
    /// What DNS says now, where its host is a name.
    pub names: Option<Names>,
    /// What is at the end of its connections.
    pub inspected: Vec<Inspected>,
    /// What it says to OPTIONS.
    pub tested: Tested,
}

/// What DNS says of a name now.
#[derive(Debug)]
pub struct Names {
    /// Everything that was asked.
    pub looked: Vec<Looked>,
    /// Where that leads, or why nowhere.
    pub leads: Result<Vec<String>, String>,
}

/// Why there is no test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTest {
    /// There is no such trunk.
    #[error("there is no such trunk")]
    NoTrunk,
    /// One is under way.
    #[error("a test of it is under way; ask again when it is over")]
    UnderWay,
    /// A shard has too much to do.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// Tests of one shard that somebody waits for. Each relation has one at most, so there are no more than trunks.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: u64,
    replies: HashMap<u64, oneshot::Sender<Option<Tested>>>,
}

impl Waiting {
    /// Has the shard begin a test; who asked hears at once when it cannot.
    pub(super) fn begin(
        &mut self,
        trunk: &str,
        edge: &mut Edge,
        reply: oneshot::Sender<Option<Tested>>,
        now: Instant,
    ) {
        self.next += 1;
        if edge.begin_test(trunk, self.next, now) {
            self.replies.insert(self.next, reply);
        } else {
            let _gone = reply.send(None);
        }
    }

    /// Tells those whose test is over.
    pub(super) fn tell(&mut self, edge: &mut Edge) {
        while let Some((ticket, tested)) = edge.take_tested() {
            if let Some(reply) = self.replies.remove(&ticket) {
                let _gone = reply.send(Some(tested));
            }
        }
    }
}

impl Control {
    /// Tests a trunk.
    ///
    /// # Errors
    /// [`NoTest`].
    pub async fn test_trunk(&self, name: &str) -> Result<Findings, NoTest> {
        let policy = self.policy();
        let trunk = policy.trunks.iter().find(|trunk| trunk.name == name && !trunk.former);
        let trunk = Arc::clone(trunk.ok_or(NoTest::NoTrunk)?);
        let (tested, names, inspected) = tokio::join!(
            self.ask_by_options(name),
            self.names(&policy, &trunk),
            self.inspect(&policy, &trunk)
        );
        Ok(Findings { tested: tested?, names, inspected, trunk })
    }

    /// The shard that has to do with the trunk tests it, all others say at once that they have not.
    async fn ask_by_options(&self, name: &str) -> Result<Tested, NoTest> {
        let notice = |reply| Notice::TestTrunk { name: name.to_owned(), reply };
        let answers = self.ask_within(TEST_MAX + SLACK, notice).await?;
        answers.into_iter().flatten().next().ok_or(NoTest::UnderWay)
    }

    async fn names(&self, policy: &Policy, trunk: &Trunk) -> Option<Names> {
        let question = policy.question_of(trunk)?;
        let written = |target: &Target| format!("{}:{}", target.transport, target.address);
        Some(match resolver::trace(self.dns(), &question).await {
            Ok((looked, leads)) => {
                let leads = leads.map(|targets| targets.iter().map(written).collect());
                Names { looked, leads: leads.map_err(|nowhere| nowhere.to_string()) }
            }
            Err(error) => Names { looked: Vec::new(), leads: Err(format!("{error:#}")) },
        })
    }

    /// Looks at each way over a connection, from the address that calls would leave by.
    async fn inspect(&self, policy: &Policy, trunk: &Arc<Trunk>) -> Vec<Inspected> {
        let mut under_way = JoinSet::new();
        let connected = |target: &&Target| target.transport != Transport::Udp;
        for target in trunk.targets.iter().filter(connected).take(INSPECTED_MAX) {
            let Some(path) = Path::to(policy, trunk, target) else { continue };
            let from: SocketAddr = policy.address_of(path.listener);
            let (to, keyring) = ((target.address, target.transport), self.keyring());
            under_way.spawn(inspect(from.ip(), to, Arc::clone(trunk), keyring));
        }
        under_way.join_all().await
    }
}
