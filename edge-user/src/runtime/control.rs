//! What an operator may ask of the running process, and tell it.
//!
//! A question goes to the shards as a notice and waits for their answers; a shard answers on its own thread, between two
//! rounds of messages. Invariant: an operator who asks much delays nobody: a full shard is not waited for, an answer is
//! bounded ([`CALLS_MAX`]), and the questioner gives up after [`PATIENCE`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::Sender;
use edge_core::call::CallView;
use edge_core::media::MediaReport;
use edge_core::policy::Policy;
use tokio::sync::{mpsc, oneshot};

use crate::config::Changes;
use crate::datapath::SeenFlow;
use crate::datapath::{DatapathError, ReadyTap};
use crate::shield::Shield;
use crate::tls::Keyring;

use super::listener::Reception;
use super::node::Node;
use super::shard::Notice;
use super::tapping::{HeldTap, TapReply};

/// Calls that one shard shows at once: more than a person reads, and a millisecond of its time.
pub const CALLS_MAX: usize = 1000;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Orders that may wait: an operator's few.
const ORDERS_MAX: usize = 8;

/// A standing call with what its media counted so far.
#[derive(Debug, Clone)]
pub struct ShownCall {
    /// The call.
    pub call: CallView,
    /// What came in from the caller, and from the called side, while media is installed.
    pub media: Option<[MediaReport; 2]>,
    /// Its endpoints in the datapath.
    pub endpoints: Vec<u32>,
    /// What came in at each of them, when that is asked for.
    pub flows: Vec<SeenFlow>,
}

/// Which calls are asked for.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Only this one.
    pub id: Option<String>,
    /// Only those with a leg on this trunk.
    pub trunk: Option<String>,
    /// With what came in at each of its endpoints.
    pub flows: bool,
}

impl CallFilter {
    /// Whether `call` is asked for.
    pub(super) fn wants(&self, call: &CallView) -> bool {
        let legs = [Some(&call.a), call.b.as_ref()];
        self.id.as_ref().is_none_or(|id| *id == call.id)
            && self.trunk.as_ref().is_none_or(|name| legs.into_iter().flatten().any(|leg| leg.trunk == *name))
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// A shard has too much to do, or the process ends.
    #[error("edge is too busy to answer, or ends; ask again")]
    Busy,
}

/// Something that the process as a whole is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Read the configuration again.
    Reload {
        /// Whether it is only to be said what would change.
        dry_run: bool,
        /// Told what changes, or why nothing does.
        outcome: oneshot::Sender<Result<Changes, String>>,
    },
    /// Watch these endpoints.
    Tap { endpoints: Vec<u32>, reply: TapReply },
    /// The tap that was asked for can be put in place.
    TapReady { ready: Result<ReadyTap, DatapathError>, reply: TapReply },
}

/// Where orders are given, and where they come out.
pub(super) fn orders() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(ORDERS_MAX)
}

/// A handle on the running process.
#[derive(Debug, Clone)]
pub struct Control {
    shards: Arc<[Sender<Notice>]>,
    reception: Arc<Reception>,
    node: Arc<Node>,
    /// The DNS servers of the configuration, which a reload does not change; none for those of the host.
    dns: Arc<[SocketAddr]>,
    orders: mpsc::Sender<Order>,
}

impl Control {
    /// The handle; its orders go to `orders`.
    pub(super) const fn new(
        shards: Arc<[Sender<Notice>]>,
        reception: Arc<Reception>,
        node: Arc<Node>,
        dns: Arc<[SocketAddr]>,
        orders: mpsc::Sender<Order>,
    ) -> Self {
        Self { shards, reception, node, dns, orders }
    }

    /// Who is let in or kept out.
    #[must_use]
    pub fn shield(&self) -> &Shield {
        &self.reception.shield
    }

    /// What the operator has decided, as it is in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.reception.policy()
    }

    /// The certificates, as they are now.
    pub(super) fn keyring(&self) -> Arc<Keyring> {
        self.reception.keyring()
    }

    /// Who is asked for names.
    pub(super) fn dns(&self) -> &[SocketAddr] {
        &self.dns
    }

    /// The process as a whole.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The calls that stand, oldest first; at most [`CALLS_MAX`] of each shard.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn calls(&self, filter: &CallFilter) -> Result<Vec<ShownCall>, NoAnswer> {
        let answers = self.ask(|reply| Notice::ShowCalls { filter: filter.clone(), reply }).await?;
        let mut calls: Vec<ShownCall> = answers.into_iter().flatten().collect();
        calls.sort_by(|a, b| (a.call.started, &a.call.id).cmp(&(b.call.started, &b.call.id)));
        Ok(calls)
    }

    /// Hangs a call up; says whether there was one.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn hang_up(&self, id: &str) -> Result<bool, NoAnswer> {
        let answers = self.ask(|reply| Notice::HangUp { id: id.to_owned(), reply }).await?;
        Ok(answers.contains(&true))
    }

    /// Reads the configuration file again, as SIGHUP does, and says what changes; of a dry run what would.
    ///
    /// # Errors
    /// Outer: [`NoAnswer`]. Inner: why nothing has changed.
    pub async fn reload(&self, dry_run: bool) -> Result<Result<Changes, String>, NoAnswer> {
        let (outcome, heard) = oneshot::channel();
        self.orders.try_send(Order::Reload { dry_run, outcome }).map_err(|_busy| NoAnswer::Busy)?;
        heard.await.map_err(|_ended| NoAnswer::Busy)
    }

    /// The frames of these endpoints, from now on.
    ///
    /// # Errors
    /// Outer: [`NoAnswer`]. Inner: why there is no tap.
    pub async fn tap(&self, endpoints: Vec<u32>) -> Result<Result<HeldTap, String>, NoAnswer> {
        let (reply, heard) = oneshot::channel();
        self.orders.try_send(Order::Tap { endpoints, reply }).map_err(|_busy| NoAnswer::Busy)?;
        heard.await.map_err(|_ended| NoAnswer::Busy)
    }

    /// Asks all shards, and waits for all answers.
    async fn ask<T>(&self, notice: impl Fn(oneshot::Sender<T>) -> Notice) -> Result<Vec<T>, NoAnswer> {
        self.ask_within(PATIENCE, notice).await
    }

    /// The same, and waits so long for each.
    pub(super) async fn ask_within<T>(
        &self,
        patience: Duration,
        notice: impl Fn(oneshot::Sender<T>) -> Notice,
    ) -> Result<Vec<T>, NoAnswer> {
        let mut replies = Vec::with_capacity(self.shards.len());
        for shard in self.shards.iter() {
            let (reply, heard) = oneshot::channel();
            shard.try_send(notice(reply)).map_err(|_full| NoAnswer::Busy)?;
            replies.push(heard);
        }
        let mut answers = Vec::with_capacity(replies.len());
        for heard in replies {
            let answer = tokio::time::timeout(patience, heard).await;
            answers.push(answer.ok().and_then(Result::ok).ok_or(NoAnswer::Busy)?);
        }
        Ok(answers)
    }
}
