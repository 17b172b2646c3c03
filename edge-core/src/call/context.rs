//! What a call may do to the world: open transactions, send, and command the datapath, all in one order.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::edge::{Command, Shard};
use crate::media::PortPool;
use crate::policy::Trunk;
use crate::relation::{Errand, RelationId};
use crate::sip::{Method, StatusCode};
use crate::transaction::{Branch, Full, Path, TransactionId, Transactions};

use super::authentication::Logins;
use super::{CallKey, Clock, DigitCounters, Side, Wish};

/// Who a transaction belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Our INVITE to one side of a call.
    Invite(CallKey, Side),
    /// Our INVITE to a target that was given up, and its transaction.
    GivenUp(CallKey, TransactionId),
    /// The INVITE that came from one side of a call.
    Invited(CallKey, Side),
    /// Our UPDATE to one side of a call, with an offer of the other one.
    Update(CallKey, Side),
    /// Our re-INVITE or UPDATE to one side of a call, which keeps its session going.
    Refresh(CallKey, Side),
    /// Our BYE to one side of a call.
    Bye(CallKey, Side),
    /// A request that crossed from one side of a call to the other, and its transaction on the side that asked.
    Passage(CallKey, TransactionId),
    /// Our INFO to one side of a call, with a digit of the other one.
    Digit(CallKey, Side),
    /// A request that belongs to no call.
    Relation(RelationId, Errand),
    /// Nobody waits for it.
    Nobody,
}

impl Owner {
    /// The call that it belongs to, if any.
    pub(crate) const fn call(self) -> Option<CallKey> {
        match self {
            Self::Invite(key, _)
            | Self::Update(key, _)
            | Self::Refresh(key, _)
            | Self::Invited(key, _)
            | Self::GivenUp(key, _)
            | Self::Bye(key, _)
            | Self::Digit(key, _)
            | Self::Passage(key, _) => Some(key),
            Self::Relation(..) | Self::Nobody => None,
        }
    }
}

/// The edge's source of unpredictable numbers, from a seed that the host gave.
#[derive(Debug)]
pub(crate) struct Random(ChaCha12Rng);

impl Random {
    fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn branch(&mut self) -> Branch {
        Branch::new(self.next())
    }
}

/// What all calls of a shard share.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) transactions: Transactions<Owner>,
    pub(crate) commands: VecDeque<Command>,
    pub(crate) random: Random,
    pub(crate) ports: PortPool,
    /// Which dialog a tag of ours belongs to.
    pub(crate) dialogs: HashMap<u64, (CallKey, Side)>,
    /// What calls want of others; granted before the next input is taken.
    pub(crate) wishes: VecDeque<Wish>,
    /// What the servers of trunks have challenged with.
    pub(crate) logins: Logins,
    pub(crate) digits: DigitCounters,
    pub(crate) shard: Shard,
    /// The instant that all shards count call rates from.
    epoch: Instant,
    /// What the calendar said last, and when.
    calendar: Option<(Instant, Timestamp)>,
}

impl Resources {
    pub(crate) fn new(seed: [u8; 32], ports: PortPool, shard: Shard, epoch: Instant) -> Self {
        Self {
            transactions: Transactions::default(),
            commands: VecDeque::new(),
            random: Random::new(seed),
            ports,
            dialogs: HashMap::new(),
            wishes: VecDeque::new(),
            logins: Logins::default(),
            digits: DigitCounters::default(),
            shard,
            epoch,
            calendar: None,
        }
    }

    /// Takes note of what the calendar says at `now`.
    pub(crate) fn note_calendar(&mut self, time: Timestamp, now: Instant) {
        self.calendar = Some((now, time));
    }

    /// The shared things as one call sees them at `now`.
    pub(crate) fn at(&mut self, now: Instant) -> Context<'_> {
        let time = self.calendar.and_then(|(at, time)| {
            time.checked_add(SignedDuration::try_from(now.saturating_duration_since(at)).ok()?).ok()
        });
        let (epoch, shard) = (self.epoch, self.shard);
        let Self { transactions, commands, random, ports, dialogs, wishes, logins, digits, .. } = self;
        let since_epoch = now.saturating_duration_since(epoch);
        Context {
            transactions,
            commands,
            random,
            ports,
            dialogs,
            wishes,
            logins,
            digits,
            shard,
            since_epoch,
            now,
            time,
        }
    }
}

/// The edge as a call sees it, at one instant.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) transactions: &'a mut Transactions<Owner>,
    pub(crate) commands: &'a mut VecDeque<Command>,
    pub(crate) random: &'a mut Random,
    pub(crate) ports: &'a mut PortPool,
    pub(crate) dialogs: &'a mut HashMap<u64, (CallKey, Side)>,
    pub(crate) wishes: &'a mut VecDeque<Wish>,
    pub(crate) logins: &'a mut Logins,
    pub(crate) digits: &'a mut DigitCounters,
    pub(crate) shard: Shard,
    /// Time since the instant that all shards count call rates from.
    pub(crate) since_epoch: Duration,
    pub(crate) now: Instant,
    /// What the calendar says, once the host has told.
    pub(crate) time: Option<Timestamp>,
}

impl Context<'_> {
    /// The same in milliseconds.
    pub(crate) fn milliseconds(&self) -> u64 {
        u64::try_from(self.since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    /// How moments are written down.
    pub(crate) const fn clock(&self) -> Clock {
        Clock::new(self.now, self.since_epoch)
    }

    /// Adds a command after all earlier ones.
    pub(crate) fn command(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    /// Sends a message that belongs to no transaction: the ACK of a 2xx, a stateless response.
    pub(crate) fn send(&mut self, path: Path, bytes: Bytes) {
        self.command(Command::Send { path, bytes });
    }

    /// Answers a server transaction.
    pub(crate) fn respond(&mut self, id: TransactionId, code: StatusCode, response: Bytes) {
        self.transactions.respond(id, code, response, self.now);
        self.flush();
    }

    /// Opens a client transaction towards `trunk`. What that has challenged earlier requests for, this one proves unasked.
    pub(crate) fn request(
        &mut self,
        trunk: &Trunk,
        method: Method,
        branch: Branch,
        request: Bytes,
        path: Path,
        owner: Owner,
    ) -> Result<TransactionId, Full> {
        let request = self.logins.authorize(trunk, &method, request);
        let id = self.transactions.open_client(method, branch, request, path, owner, self.now)?;
        self.flush();
        Ok(id)
    }

    /// Moves what the transactions want sent behind the commands that are already there.
    pub(crate) fn flush(&mut self) {
        while let Some(transmit) = self.transactions.poll_transmit() {
            self.commands.push_back(Command::Send { path: transmit.path, bytes: transmit.bytes });
        }
    }
}
