//! Who we are for a trunk that challenges (RFC 3261 section 22): a request that was refused for want of proof is sent again with
//! it, and later ones prove themselves unasked.
//!
//! What is sent again is what was sent, with another branch and CSeq: the same dialog, the same offer (section 22.2). The ACK of
//! a 2xx proves what its INVITE proved (section 13.2.2.4); a CANCEL proves nothing, for nobody may challenge it (section 22.1).
//!
//! Invariants: a proof that was refused is not repeated, unless for the age of its nonce alone; a request answers a bounded
//! number of challenges. Each shard has nonces of its own, so that their counts need no lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::digest::{Login, Nonces};
use crate::policy::{Policy, Trunk, TrunkKey};
use crate::sip::{HeaderName, Message, MessageLimits, MessageWriter, Method, Response};
use crate::transaction::{Branch, Challenged, TransactionId};

use super::exchange::Sent;
use super::leg::LegState;
use super::{Call, Context, Owner, Side};

/// How long a challenge of one trunk that is not answered is not spoken of again: each of its calls meets the same one.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What the servers of all trunks have challenged with.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    by_trunk: HashMap<TrunkKey, Account>,
}

/// A trunk's login, and what it was challenged with.
#[derive(Debug)]
struct Account {
    login: Arc<Login>,
    nonces: Nonces,
    said_at: Option<Instant>,
}

impl Logins {
    /// Forgets trunks that are gone.
    pub(crate) fn renew(&mut self, policy: &Policy) {
        let kept: std::collections::HashSet<TrunkKey> =
            policy.trunks.iter().filter(|trunk| trunk.login.is_some()).map(|trunk| trunk.key).collect();
        self.by_trunk.retain(|key, _| kept.contains(key));
    }

    /// `request` with all that `trunk` has asked to be proven.
    pub(super) fn authorize(&mut self, trunk: &Trunk, method: &Method, request: Bytes) -> Bytes {
        let Some(account) = self.by_trunk.get_mut(&trunk.key).filter(|account| account.is_of(trunk)) else {
            return request;
        };
        if matches!(method, Method::Cancel | Method::Ack) || account.nonces.is_empty() {
            return request;
        }
        account.authorize(method, &request).unwrap_or(request)
    }

    /// How much longer a request to `trunk` becomes by what it proves.
    pub(super) fn length_of(&self, trunk: &Trunk) -> usize {
        let account = self.by_trunk.get(&trunk.key).filter(|account| account.is_of(trunk));
        account.map_or(0, |account| account.nonces.length())
    }

    /// The account of `trunk`, with the login that it has now.
    fn account(&mut self, trunk: &Trunk) -> Option<&mut Account> {
        let login = trunk.login.as_ref()?;
        let account = self.by_trunk.entry(trunk.key).or_insert_with(|| Account::new(login));
        if !account.is_of(trunk) {
            *account = Account::new(login);
        }
        Some(account)
    }
}

impl Account {
    fn new(login: &Arc<Login>) -> Self {
        Self { login: Arc::clone(login), nonces: Nonces::default(), said_at: None }
    }

    fn is_of(&self, trunk: &Trunk) -> bool {
        trunk.login.as_ref().is_some_and(|login| Arc::ptr_eq(login, &self.login) || **login == *self.login)
    }

    fn authorize(&mut self, method: &Method, request: &[u8]) -> Option<Bytes> {
        let head_end = memchr::memmem::find(request, b"\r\n\r\n")?;
        let (head, body) = (&request[..head_end], &request[head_end + 4..]);
        let uri = head.split(|byte| *byte == b' ').nth(1)?;
        let said = self.nonces.answer(&self.login, (method.as_bytes(), uri), body);
        let mut out = Vec::with_capacity(request.len() + 400 * said.len());
        out.extend_from_slice(head);
        for (name, value) in said {
            for part in [b"\r\n", name.as_str().as_bytes(), b": ", &value] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(&request[head_end..]);
        Some(out.into())
    }
}

impl Context<'_> {
    /// Takes a challenge to a request of ours to `trunk`: says whether sending it again could help.
    pub(crate) fn heed_challenge(
        &mut self,
        trunk: &Trunk,
        challenged: &Challenged<Owner>,
        response: &Response,
    ) -> bool {
        let Some(account) = self.logins.account(trunk) else { return false };
        let Some(request) = parse(&challenged.request) else { return false };
        let random = &mut *self.random;
        let fresh = (&request, challenged.answered > 0);
        let heard = (response.code, &response.message);
        match account.nonces.take(&account.login, fresh, heard, || random.next()) {
            Ok(()) => true,
            Err(unanswered) => {
                if account.said_at.is_none_or(|at| self.now.saturating_duration_since(at) >= SAY_AGAIN) {
                    account.said_at = Some(self.now);
                    let (name, method, peer) = (&trunk.name, &challenged.method, challenged.path.peer);
                    tracing::warn!(trunk = name, %peer, "the challenge to {method} is not answered: {unanswered}");
                }
                false
            }
        }
    }

    /// Sends a request again that was challenged, under another number.
    pub(crate) fn send_again(
        &mut self,
        trunk: &Trunk,
        challenged: &Challenged<Owner>,
        sequence: u32,
    ) -> Option<(TransactionId, Branch)> {
        let Challenged { id: _, owner, method, request, path, answered } = challenged;
        let branch = self.random.branch();
        let again = again(&parse(request)?, method, branch, sequence);
        match self.request(trunk, method.clone(), branch, again, *path, *owner) {
            Ok(id) => {
                self.transactions.answers(id, *answered);
                Some((id, branch))
            }
            Err(full) => {
                tracing::warn!("{method} not sent again: {full}");
                None
            }
        }
    }

    /// The header lines by which the request of `id` proves who sent it.
    fn proof_of(&self, trunk: &Trunk, id: TransactionId) -> Option<Bytes> {
        trunk.login.as_ref()?;
        let request = parse(&self.transactions.request_of(id))?;
        let mut proof = Vec::new();
        for header in request.headers().filter(|header| is_proof(header.name)) {
            for part in [header.raw_name, b": ", header.value, b"\r\n"] {
                proof.extend_from_slice(part);
            }
        }
        (!proof.is_empty()).then(|| proof.into())
    }
}

impl Call {
    /// A challenge to a request of ours to `side`: says whether that was sent again.
    pub(crate) fn answer_challenge(
        &mut self,
        side: Side,
        challenged: &Challenged<Owner>,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> bool {
        if !self.is_still_wanted(side, challenged) {
            return false;
        }
        let leg = &mut self.legs[side.index()];
        if !ctx.heed_challenge(&leg.trunk, challenged, response) {
            return false;
        }
        leg.attempts.heard();
        let sequence = leg.dialog.next_sequence();
        let Some((id, branch)) = ctx.send_again(&leg.trunk, challenged, sequence) else { return false };
        self.renumber(side, (challenged.id, response.cseq), Sent { id, branch, sequence });
        if challenged.method == Method::Invite {
            self.note_proof(side, id, ctx);
        }
        true
    }

    /// Whether a request of ours would be sent again, did it have to be: nobody rings for a caller who has hung up.
    fn is_still_wanted(&self, side: Side, challenged: &Challenged<Owner>) -> bool {
        let withdrawn = self.exchange.as_ref().is_some_and(|exchange| exchange.withdrawn);
        match challenged.owner {
            Owner::Bye(..) => true,
            Owner::Nobody => challenged.method != Method::Cancel,
            Owner::Invite(..) => !self.ending && !withdrawn && self.leg(side).state != LegState::Cancelling,
            Owner::Update(..) | Owner::Refresh(..) | Owner::Passage(..) | Owner::Digit(..) => !self.ending,
            Owner::GivenUp(..) | Owner::Invited(..) | Owner::Relation(..) => false,
        }
    }

    /// What was sent to `side` as the transaction `id`, under the number `before`, has become `now`.
    fn renumber(&mut self, side: Side, (id, before): (TransactionId, u32), now: Sent) {
        for invite in self.invites.iter_mut().flatten().filter(|invite| **invite == id) {
            *invite = now.id;
        }
        if let Some(exchange) = self.crossing_to(side)
            && let Some(sent) = exchange.client.as_mut().filter(|sent| sent.id == id)
        {
            *sent = now;
            exchange.early.clear();
            exchange.provisional_seen = false;
        }
        if let Some(refreshing) = &mut self.refreshing {
            refreshing.renumber(id, now);
        }
        if let Some(change) = &mut self.early_change {
            change.renumber(side, before, now.sequence);
        }
        for referred in &mut self.referred {
            referred.renumber(side, before, now.sequence);
        }
    }

    /// Keeps what our INVITE to `side` proves for its ACK.
    pub(super) fn note_proof(&mut self, side: Side, invite: TransactionId, ctx: &Context<'_>) {
        let leg = self.leg_mut(side);
        leg.proof = ctx.proof_of(&leg.trunk, invite);
    }
}

/// Adds to the ACK of a 2xx what its INVITE proved.
pub(super) fn prove(ack: MessageWriter, proof: Option<&Bytes>) -> MessageWriter {
    let lines = proof.map_or(&[][..], |proof| proof.as_ref()).split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
        .fold(ack, |ack, (name, value)| ack.raw(name, value))
}

/// `request` as another one: another branch, another number, and no proof.
fn again(request: &Message, method: &Method, branch: Branch, sequence: u32) -> Bytes {
    let mut writer = MessageWriter::request(method, request.request_uri().unwrap_or_default());
    let mut content_type = None;
    for header in request.headers() {
        #[expect(clippy::wildcard_enum_match_arm, reason = "what is not told apart stays as it is")]
        match header.name {
            HeaderName::Via => writer = writer.header(HeaderName::Via, rebranched(header.value, branch)),
            HeaderName::CSeq => {
                writer = writer.header(
                    HeaderName::CSeq,
                    [sequence.to_string().as_bytes(), b" ", method.as_bytes()].concat(),
                );
            }
            HeaderName::ContentType => content_type = Some(header.value),
            HeaderName::ContentLength => {}
            name if is_proof(name) => {}
            _ => writer = writer.raw(header.raw_name, header.value),
        }
    }
    match content_type {
        Some(content_type) => writer.body(content_type, request.body()),
        None => writer.empty(),
    }
}

/// A Via of ours with another branch.
fn rebranched(via: &[u8], branch: Branch) -> Vec<u8> {
    const NAME: &[u8] = b";branch=";
    let Some(at) = memchr::memmem::find(via, NAME).map(|at| at + NAME.len()) else { return via.to_vec() };
    let end = memchr::memchr(b';', &via[at..]).map_or(via.len(), |length| at + length);
    [&via[..at], branch.to_string().as_bytes(), &via[end..]].concat()
}

const fn is_proof(name: HeaderName) -> bool {
    matches!(name, HeaderName::Authorization | HeaderName::ProxyAuthorization)
}

/// A message of our own.
fn parse(bytes: &Bytes) -> Option<Message> {
    Message::parse(bytes.clone(), &MessageLimits::default()).ok()
}

#[cfg(test)]
mod tests;
