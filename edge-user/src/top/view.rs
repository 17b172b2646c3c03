//! What is on the screen: the last two answers of the edge, and what lies between them.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::admin::{Call, Client, ClientError, Counted, Latency, Node, Trunk};

use super::order::Order;

/// How often an operator may want to be told, in seconds.
const EVERY_S: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// Everything that the edge said at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    pub(super) node: Node,
    pub(super) trunks: Vec<Trunk>,
    pub(super) calls: Vec<Call>,
    pub(super) counted: Counted,
}

impl Snapshot {
    /// Asks for it.
    pub(super) fn take(client: &Client) -> Result<Self, ClientError> {
        Ok(Self {
            node: client.get("/v1/node")?,
            trunks: client.get("/v1/trunks")?,
            calls: client.get("/v1/calls")?,
            counted: client.get("/v1/counters")?,
        })
    }

    /// A counter of the process; 0 when it has none of that name.
    pub(super) fn process(&self, name: &str) -> u64 {
        self.counted.process.as_ref().and_then(|process| process.sip.get(name)).copied().unwrap_or(0)
    }
}

/// The screen's content.
#[derive(Debug)]
pub(super) struct View {
    pub(super) now: Snapshot,
    /// The snapshot before it, and the seconds between them.
    before: Option<(Snapshot, f64)>,
    at: Instant,
    /// Why the last question had no answer.
    pub(super) problem: Option<String>,
    /// The first call that is shown.
    pub(super) first_call: usize,
    /// In which order calls are shown.
    pub(super) order: Order,
    /// Seconds between two answers.
    pub(super) every_s: u64,
}

impl View {
    pub(super) fn new(mut now: Snapshot, at: Instant, every_s: u64) -> Self {
        let order = Order::default();
        order.sort(&mut now.calls);
        Self { now, before: None, at, problem: None, first_call: 0, order, every_s }
    }

    /// A new answer, at `at`; what was shown stays when there is none.
    pub(super) fn take_in(&mut self, answer: Result<Snapshot, ClientError>, at: Instant) {
        match answer {
            Ok(mut fresh) => {
                self.order.sort(&mut fresh.calls);
                let seconds = at.saturating_duration_since(self.at).as_secs_f64();
                self.before = Some((std::mem::replace(&mut self.now, fresh), seconds));
                self.at = at;
                self.problem = None;
                self.scroll(0);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
    }

    /// Shows calls in another order from now on, from the first one.
    pub(super) fn sort(&mut self, order: Order) {
        self.order = order;
        order.sort(&mut self.now.calls);
        self.first_call = 0;
    }

    /// Asks less often, or more often: the next of [`EVERY_S`].
    pub(super) fn pace(&mut self, slower: bool) {
        let next = if slower {
            EVERY_S.into_iter().find(|seconds| *seconds > self.every_s)
        } else {
            EVERY_S.into_iter().rev().find(|seconds| *seconds < self.every_s)
        };
        self.every_s = next.unwrap_or(self.every_s);
    }

    /// What packets took between the last two answers, or since the maps were made; nothing when none was measured.
    pub(super) fn added_latency(&self) -> Option<Latency> {
        let all = |at: &Snapshot| {
            at.counted.added_latency.values().fold(Latency::default(), |mut sum, device| {
                sum.add(device);
                sum
            })
        };
        let now = all(&self.now);
        let lately = self.before.as_ref().map(|(before, _)| now.since(&all(before)));
        let lately = lately.filter(|lately| lately.packets() > 0);
        Some(lately.unwrap_or(now)).filter(|latency| latency.packets() > 0)
    }

    /// Moves through the calls.
    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.now.calls.len().saturating_sub(1);
        self.first_call = self.first_call.saturating_add_signed(by).min(last);
    }

    /// How much something grew each second; `None` before there are two answers, or when it began anew.
    pub(super) fn rate(&self, of: impl Fn(&Snapshot) -> u64) -> Option<f64> {
        let (before, seconds) = self.before.as_ref()?;
        let grown = of(&self.now).checked_sub(of(before))?;
        (*seconds > 0.0).then(|| grown as f64 / seconds)
    }

    /// Reasons for drops, those first that drop most now and then most in all.
    pub(super) fn drops(&self) -> Vec<(&str, u64, Option<f64>)> {
        let rate = |reason: &str| self.rate(|at| at.counted.drop.get(reason).copied().unwrap_or(0));
        let occurred = self.now.counted.drop.iter().filter(|(_, packets)| **packets > 0);
        let mut drops: Vec<_> =
            occurred.map(|(reason, packets)| (reason.as_str(), *packets, rate(reason))).collect();
        drops.sort_by(|a, b| {
            let (ours, theirs) = (b.2.unwrap_or(0.0), a.2.unwrap_or(0.0));
            ours.total_cmp(&theirs).then(b.1.cmp(&a.1))
        });
        drops
    }
}

/// All packets of one kind.
pub(super) fn sum(packets: &BTreeMap<String, u64>) -> u64 {
    packets.values().sum()
}
