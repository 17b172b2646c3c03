//! A test of a trunk that the operator has ordered: OPTIONS to each of its targets, and how long each takes over the answer;
//! where we register, a REGISTER now.
//!
//! Invariants: it ends, at [`TEST_MAX`] at the latest; what it finds is told and changes nothing of what is thought of a target,
//! so that a test does no harm. A trunk that is disabled is asked, too: it is tested before it is switched on; but it is not
//! registered with.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::call::{Context, Owner};
use crate::policy::{Policy, Target, Transport, Trunk};
use crate::sip::{HeaderName, Response, StatusCode};
use crate::transaction::TransactionId;

use super::{Errand, Inquiry, Outcome, RelationId, keepalive};

/// How long a test takes at most: an operator waits for it, and a registrar that is silent for so long is.
pub const TEST_MAX: Duration = Duration::from_secs(10);

/// Longest text of an answer that is kept, in bytes.
const TEXT_MAX: usize = 128;

/// What a test has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tested {
    /// Each target that was asked, in the order in which calls try them.
    pub targets: Vec<TestedTarget>,
    /// Whether the registration, where there is one, has come to an end of its own: the trunk's account says which.
    pub settled: bool,
}

/// What asking one target has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedTarget {
    /// Its address.
    pub address: SocketAddr,
    /// What carried the OPTIONS there.
    pub transport: Transport,
    /// From the OPTIONS to its end; of one that was challenged, to the end of the second.
    pub took: Duration,
    /// Its end.
    pub heard: Heard,
}

/// How an OPTIONS ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// With an answer.
    Answer {
        /// Its status.
        code: StatusCode,
        /// What the peer calls that.
        reason: String,
        /// What the peer is, by its Server or User-Agent.
        server: Option<String>,
    },
    /// With nothing until we were tired of waiting.
    Silence,
    /// A router or the host has said that nobody is there (ICMP).
    Undelivered,
    /// The connection could not be opened, or has failed.
    NoConnection,
    /// It was not sent: no listener of the realm leads there.
    NoListener,
    /// It was not sent: too many requests are under way here.
    NoRoom,
}

/// A test under way.
#[derive(Debug)]
pub(super) struct TrunkTest {
    /// What the host knows it by.
    pub(super) ticket: u64,
    probes: Vec<Probe>,
    tested: Tested,
    began: Instant,
    /// When those that say nothing are given up.
    patient_until: Instant,
    /// When it ends, settled or not.
    over_at: Instant,
}

#[derive(Debug)]
struct Probe {
    /// Position of its target in what is found.
    position: usize,
    inquiry: Inquiry,
    asked_at: Instant,
    undelivered: bool,
}

impl TrunkTest {
    /// Asks every target at once.
    pub(super) fn begin(
        ticket: u64,
        id: RelationId,
        policy: &Policy,
        trunk: &Trunk,
        ctx: &mut Context<'_>,
    ) -> Self {
        let mut test = Self {
            ticket,
            probes: Vec::new(),
            tested: Tested::default(),
            began: ctx.now,
            patient_until: ctx.now + policy.timers.try_next,
            over_at: ctx.now + TEST_MAX.max(policy.timers.try_next),
        };
        for target in trunk.targets.iter().take(keepalive::PROBES_MAX) {
            test.ask(id, policy, (trunk, target), ctx);
        }
        test
    }

    fn ask(
        &mut self,
        id: RelationId,
        policy: &Policy,
        (trunk, target): (&Trunk, &Target),
        ctx: &mut Context<'_>,
    ) {
        let position = self.tested.targets.len();
        let mut heard = Heard::NoListener;
        if let Some(mut inquiry) = keepalive::options(policy, (trunk, target), ctx) {
            let owner = Owner::Relation(id, Errand::Test);
            let say =
                |options: crate::sip::MessageWriter| options.header(HeaderName::Accept, "application/sdp");
            heard = match inquiry.ask(trunk, owner, say, ctx) {
                Ok(()) => {
                    self.probes.push(Probe { position, inquiry, asked_at: ctx.now, undelivered: false });
                    Heard::Silence
                }
                Err(_full) => Heard::NoRoom,
            };
        }
        let (address, transport) = (target.address, target.transport);
        self.tested.targets.push(TestedTarget { address, transport, took: Duration::ZERO, heard });
    }

    /// When it has something to do: at once, when there is nothing more to find.
    pub(super) fn next_deadline(&self, settled: bool) -> Instant {
        match (self.probes.is_empty(), settled) {
            (true, true) => self.began,
            (true, false) => self.over_at,
            (false, _) => self.patient_until,
        }
    }

    /// Gives up who is silent. Says what was found when there is nothing more to find, `settled` being whether the registration
    /// has come to an end.
    pub(super) fn on_time(&mut self, settled: bool, ctx: &mut Context<'_>) -> Option<Tested> {
        if self.patient_until <= ctx.now {
            for mut probe in self.probes.drain(..) {
                probe.inquiry.drop_open(ctx);
                self.tested.targets[probe.position].took = ctx.now - probe.asked_at;
            }
        }
        let over = self.over_at <= ctx.now || (self.probes.is_empty() && settled);
        over.then(|| Tested { settled, ..std::mem::take(&mut self.tested) })
    }

    /// One of the requests has come to its end.
    pub(super) fn on_outcome(&mut self, transaction: TransactionId, outcome: &Outcome<'_>, now: Instant) {
        let Some(position) = self.of(transaction) else { return };
        let probe = self.probes.swap_remove(position);
        let target = &mut self.tested.targets[probe.position];
        target.took = now.saturating_duration_since(probe.asked_at);
        target.heard = match outcome {
            Outcome::Answered(response) => answer(response),
            Outcome::Failed if probe.undelivered => Heard::Undelivered,
            Outcome::Failed if target.transport.is_reliable() => Heard::NoConnection,
            Outcome::Failed => Heard::Silence,
        };
    }

    /// One of the requests was not delivered, as is said; its end follows.
    pub(super) fn on_undelivered(&mut self, transaction: TransactionId) {
        if let Some(position) = self.of(transaction) {
            self.probes[position].undelivered = true;
        }
    }

    /// What has sent the request of this transaction.
    pub(super) fn inquiry_of(&mut self, transaction: TransactionId) -> Option<&mut Inquiry> {
        let mut inquiries = self.probes.iter_mut().map(|probe| &mut probe.inquiry);
        inquiries.find(|inquiry| inquiry.is_open(transaction))
    }

    /// Hears nothing more.
    pub(super) fn end(&mut self, ctx: &mut Context<'_>) {
        self.probes.drain(..).for_each(|mut probe| probe.inquiry.drop_open(ctx));
    }

    fn of(&self, transaction: TransactionId) -> Option<usize> {
        self.probes.iter().position(|probe| probe.inquiry.is_open(transaction))
    }
}

/// What of an answer is of use to a person, without what would change a terminal.
fn answer(response: &Response) -> Heard {
    let text = |bytes: &[u8]| -> String {
        let bytes = &bytes[..bytes.len().min(TEXT_MAX)];
        String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
    };
    let message = &response.message;
    let server = message.first(HeaderName::Server).or_else(|| message.first(HeaderName::UserAgent));
    Heard::Answer {
        code: response.code,
        reason: text(message.reason().unwrap_or_default()),
        server: server.map(text),
    }
}
