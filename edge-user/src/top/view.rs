//! What is on the screen: the last two answers of the edge, and what lies between them.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::admin::{Call, Client, ClientError, Counted, Node, Trunk};

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
            calls: worst_first(client.get("/v1/calls")?),
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
}

impl View {
    pub(super) const fn new(now: Snapshot, at: Instant) -> Self {
        Self { now, before: None, at, problem: None, first_call: 0 }
    }

    /// A new answer, at `at`; what was shown stays when there is none.
    pub(super) fn take_in(&mut self, answer: Result<Snapshot, ClientError>, at: Instant) {
        match answer {
            Ok(fresh) => {
                let seconds = at.saturating_duration_since(self.at).as_secs_f64();
                self.before = Some((std::mem::replace(&mut self.now, fresh), seconds));
                self.at = at;
                self.problem = None;
                self.scroll(0);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
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

/// Calls with something wrong, the worst before others; the rest as they came.
pub(super) fn worst_first(mut calls: Vec<Call>) -> Vec<Call> {
    calls.sort_by_key(|call| (call.trouble.is_empty(), call.trouble.first().copied()));
    calls
}

/// All packets of one kind.
pub(super) fn sum(packets: &BTreeMap<String, u64>) -> u64 {
    packets.values().sum()
}
