//! Hosts the machines: matching, stored messages, deadlines.

mod challenged;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::policy::TrunkId;
use crate::sip::{Method, Request, Response, StatusCode};

use super::entry::{Key, Transaction, ack_for_failure};
use super::key::{Branch, ClientKey, ServerKey};
use super::machine::Machine;
use super::shares::Shares;
use super::step::Effect;
use super::{ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite};
use super::{Path, TRANSACTIONS_MAX, TransactionId, Transmit};

pub use challenged::Challenged;

/// All transactions of one shard. `O` says who a transaction belongs to.
#[derive(Debug)]
pub struct Transactions<O> {
    next_id: u64,
    /// Boxed, so that a table that grows moves little: no message waits for that.
    table: HashMap<TransactionId, Box<Transaction<O>>>,
    servers: HashMap<Arc<ServerKey>, TransactionId>,
    clients: HashMap<ClientKey, TransactionId>,
    /// The transactions of each connection.
    streams: HashMap<Path, BTreeSet<TransactionId>>,
    deadlines: BinaryHeap<Reverse<(Instant, TransactionId)>>,
    outbox: VecDeque<Transmit>,
    timed_out: VecDeque<(TransactionId, O)>,
    shares: Shares,
}

/// What a message turned out to belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched<O> {
    /// To a transaction that wants its user to see it.
    Deliver(TransactionId, O),
    /// To a transaction that has dealt with it.
    Absorbed,
    /// To none.
    Nothing,
}

/// The shard holds [`TRANSACTIONS_MAX`] transactions, or the trunk as many as are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{TRANSACTIONS_MAX} transactions are open, or as many of one trunk as there is room left for")]
pub struct Full;

impl<O: Copy> Default for Transactions<O> {
    fn default() -> Self {
        Self {
            next_id: 0,
            table: HashMap::new(),
            servers: HashMap::new(),
            clients: HashMap::new(),
            streams: HashMap::new(),
            deadlines: BinaryHeap::new(),
            outbox: VecDeque::new(),
            timed_out: VecDeque::new(),
            shares: Shares::default(),
        }
    }
}

impl<O: Copy> Transactions<O> {
    /// Offers a request to the transaction it may repeat or acknowledge.
    pub fn on_request(&mut self, request: &Request, from: Path, now: Instant) -> Matched<O> {
        let Some(&id) = self.servers.get(&ServerKey::of(request, from)) else { return Matched::Nothing };
        self.advance(id, now, |machine| machine.on_request(request.method == Method::Ack))
    }

    /// Whether [`Transactions::on_request`] would know this request.
    #[must_use]
    pub fn has_server(&self, request: &Request, from: Path) -> bool {
        self.servers.contains_key(&ServerKey::of(request, from))
    }

    /// Whether [`Transactions::on_response`] would know this response.
    #[must_use]
    pub fn has_client(&self, response: &Response) -> bool {
        ClientKey::of(response).is_some_and(|key| self.clients.contains_key(&key))
    }

    /// Who waits for this response from over there: the address that the request was sent to, where no certificate says who that
    /// is.
    #[must_use]
    pub fn awaits(&self, response: &Response, from: Path) -> Option<O> {
        let transaction = self.table.get(self.clients.get(&ClientKey::of(response)?)?)?;
        let Path { listener, peer, proven } = transaction.path;
        let there = listener.realm == from.listener.realm && peer.ip() == from.peer.ip();
        (there && proven.is_none() && from.proven.is_none()).then_some(transaction.owner)
    }

    /// The INVITE that `cancel` wants to end, if it is still here (RFC 3261 section 9.2).
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Request, from: Path) -> Option<(TransactionId, O)> {
        let id = *self.servers.get(&ServerKey::cancelled_by(cancel, from))?;
        Some((id, self.table.get(&id)?.owner))
    }

    /// Opens a server transaction for a request that [`Transactions::on_request`] matched to nothing.
    ///
    /// # Errors
    /// [`Full`] at the bound, for requests outside a dialog at three quarters of it: what belongs to a call that
    /// stands must find room when new calls no longer do.
    pub fn open_server(&mut self, request: &Request, from: Path, owner: O) -> Result<TransactionId, Full> {
        if self.room_for(request) == 0 {
            return Err(Full);
        }
        self.open_unchecked(request, from, owner)
    }

    /// Like [`Transactions::open_server`], in the share of one trunk among several.
    ///
    /// # Errors
    /// [`Full`], also for a trunk that holds as many as there is room left.
    pub fn open_server_of(
        &mut self,
        trunk: TrunkId,
        request: &Request,
        from: Path,
        owner: O,
    ) -> Result<TransactionId, Full> {
        if !self.shares.may_take(trunk, self.room_for(request)) {
            return Err(Full);
        }
        let id = self.open_unchecked(request, from, owner)?;
        self.shares.take(trunk);
        if let Some(transaction) = self.table.get_mut(&id) {
            transaction.trunk = Some(trunk);
        }
        Ok(id)
    }

    /// Transactions that may still be opened for requests like this one.
    fn room_for(&self, request: &Request) -> usize {
        let outside = request.to.tag().is_none();
        let bound = if outside { TRANSACTIONS_MAX / 4 * 3 } else { TRANSACTIONS_MAX };
        bound.saturating_sub(self.table.len())
    }

    fn open_unchecked(&mut self, request: &Request, from: Path, owner: O) -> Result<TransactionId, Full> {
        let machine = if request.method == Method::Invite {
            Machine::ServerInvite(ServerInvite::INITIAL)
        } else {
            Machine::ServerNonInvite(ServerNonInvite::INITIAL)
        };
        let key = Arc::new(ServerKey::of(request, from));
        let path = from.answering(&request.via);
        let id = self.insert(machine, owner, Key::Server(Arc::clone(&key)), path, Bytes::new())?;
        if let Some(transaction) = self.table.get_mut(&id) {
            transaction.other_way = Some(from.at_sent_by(&request.via)).filter(|other| *other != path);
        }
        self.servers.insert(key, id);
        Ok(id)
    }

    /// Sends `response` on a server transaction, and again as long as the RFC wants it.
    pub fn respond(&mut self, id: TransactionId, code: StatusCode, response: Bytes, now: Instant) {
        let Some(transaction) = self.table.get_mut(&id) else { return };
        let mut machine = transaction.machine;
        // A response that the machine does not send must not be what a repeated request hears.
        if machine.on_response(code).contains(&Effect::Send) {
            transaction.newest = response;
        }
        self.advance(id, now, |machine| machine.on_response(code));
    }

    /// Opens a client transaction: sends `request`, whose top Via carries `branch`.
    ///
    /// # Errors
    /// [`Full`] at the bound; nothing is sent then.
    pub fn open_client(
        &mut self,
        method: Method,
        branch: Branch,
        request: Bytes,
        path: Path,
        owner: O,
        now: Instant,
    ) -> Result<TransactionId, Full> {
        let (machine, opening) = if method == Method::Invite {
            (Machine::ClientInvite(ClientInvite::INITIAL), ClientInvite::OPENING)
        } else {
            (Machine::ClientNonInvite(ClientNonInvite::INITIAL), ClientNonInvite::OPENING)
        };
        let key = ClientKey { branch, method };
        let id = self.insert(machine, owner, Key::Client(key.clone()), path, request)?;
        self.clients.insert(key, id);
        self.carry_out(id, opening, now);
        Ok(id)
    }

    /// Offers a response to the transaction that it answers.
    pub fn on_response(&mut self, response: &Response, now: Instant) -> Matched<O> {
        let Some(key) = ClientKey::of(response) else { return Matched::Nothing };
        let Some(&id) = self.clients.get(&key) else { return Matched::Nothing };
        if let Some(transaction) = self.table.get_mut(&id)
            && (!response.code.is_provisional() && !response.code.is_success())
            && key.method == Method::Invite
        {
            transaction.ack = ack_for_failure(&transaction.newest, response);
        }
        self.advance(id, now, |machine| machine.on_response(response.code))
    }

    /// Forgets a transaction whose user is gone, if nothing else would end it. One with timers keeps them, to
    /// absorb what still comes, until a provisional response stops them.
    pub fn abandon(&mut self, id: TransactionId) {
        let Some(transaction) = self.table.get_mut(&id) else { return };
        transaction.abandoned = true;
        if transaction.machine.is_open_ended() {
            self.remove(id);
        }
    }

    /// Lets a client send nothing more by itself. What is answered all the same is heard by `owner`.
    pub fn give_up(&mut self, id: TransactionId, owner: O) {
        if let Some(transaction) = self.table.get_mut(&id) {
            transaction.owner = owner;
            transaction.retransmission = None;
        }
    }

    /// Nothing goes over `path` any more: its connection could not be opened, or has ended. Clients that have heard
    /// nothing there time out now; servers go on at the port of their client's sent-by, once.
    pub fn on_unreachable(&mut self, path: Path, now: Instant) {
        for id in self.streams.remove(&path).unwrap_or_default() {
            let Some(transaction) = self.table.get_mut(&id) else { continue };
            if let Key::Server(_) = transaction.key {
                let Some(other) = transaction.other_way.take() else { continue };
                transaction.path = other;
                self.streams.entry(other).or_default().insert(id);
            }
            self.advance(id, now, Machine::on_unreachable);
        }
    }

    /// The client that sent `datagram` (or more of one than its first Via) over `path`, and who owns it.
    #[must_use]
    pub fn sender_of(&self, datagram: &[u8], path: Path) -> Option<(TransactionId, O)> {
        let id = *self.clients.get(&ClientKey::of_request(datagram)?)?;
        let transaction = self.table.get(&id).filter(|transaction| transaction.path == path)?;
        Some((id, transaction.owner))
    }

    /// The request of a client could not be delivered: it times out now, if it has heard nothing.
    pub fn on_undelivered(&mut self, id: TransactionId, now: Instant) {
        self.advance(id, now, Machine::on_unreachable);
    }

    /// Fires every timer that is due. Transactions that timed out come from [`Transactions::poll_timed_out`].
    pub fn on_time(&mut self, now: Instant) {
        while let Some(&Reverse((at, id))) = self.deadlines.peek()
            && at <= now
        {
            self.deadlines.pop();
            let due = self.table.get_mut(&id).and_then(|transaction| transaction.due(at));
            if let Some(timer) = due {
                self.advance(id, now, |machine| machine.on_timer(timer));
            }
        }
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// The next transaction that ended without what its user waited for.
    pub fn poll_timed_out(&mut self) -> Option<(TransactionId, O)> {
        self.timed_out.pop_front()
    }

    /// When [`Transactions::on_time`] wants to be called; may be early by a deadline that was stopped.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Number of open transactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no transaction is open, and no trunk is thought to hold one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty() && self.shares.is_empty()
    }

    fn insert(
        &mut self,
        machine: Machine,
        owner: O,
        key: Key,
        path: Path,
        newest: Bytes,
    ) -> Result<TransactionId, Full> {
        if self.table.len() >= TRANSACTIONS_MAX {
            return Err(Full);
        }
        let id = TransactionId(self.next_id);
        self.next_id += 1;
        let transaction = Transaction {
            machine,
            owner,
            key,
            path,
            other_way: None,
            trunk: None,
            abandoned: false,
            answered: 0,
            newest,
            ack: Bytes::new(),
            retransmission: None,
            lifetime: None,
        };
        self.table.insert(id, Box::new(transaction));
        if path.is_reliable() {
            self.streams.entry(path).or_default().insert(id);
        }
        Ok(id)
    }

    fn advance(
        &mut self,
        id: TransactionId,
        now: Instant,
        step: impl FnOnce(&mut Machine) -> &'static [Effect],
    ) -> Matched<O> {
        let Some(transaction) = self.table.get_mut(&id) else { return Matched::Nothing };
        let owner = transaction.owner;
        let effects = step(&mut transaction.machine);
        let machine = transaction.machine;
        let ended = machine.is_terminated() || (transaction.abandoned && machine.is_open_ended());
        self.carry_out(id, effects, now);
        if ended {
            self.remove(id);
        } else if let Some(transaction) = self.table.get_mut(&id).filter(|of| of.machine.only_absorbs()) {
            // It stays for half a minute and sends nothing by itself: its message need not.
            (transaction.newest, transaction.ack) = (Bytes::new(), Bytes::new());
        }
        if effects.contains(&Effect::Deliver) { Matched::Deliver(id, owner) } else { Matched::Absorbed }
    }

    fn carry_out(&mut self, id: TransactionId, effects: &[Effect], now: Instant) {
        let Some(transaction) = self.table.get_mut(&id) else { return };
        for effect in effects {
            match effect {
                Effect::Send if transaction.newest.is_empty() => {}
                Effect::Send => {
                    self.outbox
                        .push_back(Transmit { path: transaction.path, bytes: transaction.newest.clone() });
                }
                Effect::SendAck => {
                    self.outbox
                        .push_back(Transmit { path: transaction.path, bytes: transaction.ack.clone() });
                }
                Effect::Start(timer) => {
                    let at = transaction.start(*timer, now);
                    self.deadlines.extend(at.map(|at| Reverse((at, id))));
                }
                Effect::StopRetransmitting => transaction.retransmission = None,
                Effect::SlowRetransmitting => {
                    if let Some(deadline) = &mut transaction.retransmission {
                        deadline.interval = super::T2;
                    }
                }
                Effect::TimedOut => self.timed_out.push_back((id, transaction.owner)),
                Effect::Deliver => {}
            }
        }
    }

    fn remove(&mut self, id: TransactionId) {
        let Some(transaction) = self.table.remove(&id) else { return };
        if let Some(fellows) = self.streams.get_mut(&transaction.path) {
            fellows.remove(&id);
            if fellows.is_empty() {
                self.streams.remove(&transaction.path);
            }
        }
        transaction.trunk.into_iter().for_each(|trunk| self.shares.give_back(trunk));
        match transaction.key {
            Key::Client(key) => drop(self.clients.remove(&key)),
            Key::Server(key) => drop(self.servers.remove(&key)),
        }
    }
}
