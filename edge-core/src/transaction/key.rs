//! What makes two messages belong to one transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use std::net::IpAddr;

use bytes::Bytes;

use crate::policy::{RealmId, TrunkKey};
use crate::sip::{Method, Request, Response};

use super::Path;

/// The cookie that marks a branch as unique (RFC 3261 section 8.1.1.7).
pub(super) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// A branch of our own: the cookie and sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch(u64);

impl Branch {
    /// A branch of `random` bits.
    #[must_use]
    pub const fn new(random: u64) -> Self {
        Self(random)
    }

    /// How it is written.
    #[must_use]
    pub fn text(self) -> [u8; 23] {
        let mut text = *b"z9hG4bK0000000000000000";
        for (place, digit) in text[MAGIC_COOKIE.len()..].iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(self.0 >> (4 * place) & 0xf) as usize];
        }
        text
    }

    /// The branch that `text` writes, if it can be one of ours.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(MAGIC_COOKIE)?;
        if digits.len() != 16 {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().map(Self)
    }
}

impl std::fmt::Display for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

/// Identity of a client transaction: the branch that we chose, and whether it is the INVITE or its CANCEL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    pub(super) branch: Branch,
    pub(super) method: Method,
}

impl ClientKey {
    /// The transaction that a response answers, if its branch can be ours.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let branch = Branch::parse(response.via.branch()?)?;
        Some(Self { branch, method: response.cseq_method.clone() })
    }
}

impl ClientKey {
    /// The transaction that sent this request of ours, of which there may be no more than its beginning.
    pub(super) fn of_request(beginning: &[u8]) -> Option<Self> {
        let method = Method::parse(&Bytes::copy_from_slice(&beginning[..memchr::memchr(b' ', beginning)?]))?;
        let first = beginning.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Via: "))?;
        let branch = first.split(|byte| *byte == b';').find_map(|param| param.strip_prefix(b"branch="))?;
        Some(Self { branch: Branch::parse(branch.trim_ascii_end())?, method })
    }
}

/// Identity of a server transaction: what the client chose, and who it is. A branch is unique only where its
/// client tells the truth, so no other peer's message can belong to the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    realm: RealmId,
    client: Client,
    branch: Bytes,
    sent_by: Bytes,
    port: Option<u16>,
    method: Method,
}

/// Who a client is. One that has proven it may come from several addresses, and several may share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    Proven(TrunkKey),
    At(IpAddr),
}

impl ServerKey {
    /// The transaction that `request` starts, repeats or acknowledges: an ACK belongs to its INVITE.
    pub(super) fn of(request: &Request, from: Path) -> Self {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method.clone() };
        Self::with_method(request, from, method)
    }

    /// The INVITE that a CANCEL means (RFC 3261 section 9.2).
    pub(super) fn cancelled_by(cancel: &Request, from: Path) -> Self {
        Self::with_method(cancel, from, Method::Invite)
    }

    fn with_method(request: &Request, from: Path, method: Method) -> Self {
        let via = &request.via;
        let branch = match via.branch() {
            Some(branch) if branch.starts_with(MAGIC_COOKIE) => Bytes::copy_from_slice(branch),
            Some(_) | None => rfc2543_branch(request),
        };
        let client = from.proven.map_or(Client::At(from.peer.ip()), Client::Proven);
        let realm = from.listener.realm;
        Self { realm, client, branch, sent_by: Bytes::copy_from_slice(via.host()), port: via.port(), method }
    }
}

/// A stand-in for the branch of a client older than RFC 3261: what section 17.2.3 compares for those, less the
/// To tag and URI, in which its ACK may differ.
fn rfc2543_branch(request: &Request) -> Bytes {
    let mut branch = Vec::with_capacity(128);
    branch.extend_from_slice(&request.call_id);
    branch.push(0);
    branch.extend_from_slice(request.from.tag().unwrap_or_default());
    branch.push(0);
    branch.extend_from_slice(&request.cseq.to_be_bytes());
    branch.into()
}
