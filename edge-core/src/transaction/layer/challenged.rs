//! Requests that were challenged (RFC 3261 section 22.2): a transaction ends with the challenge, its request goes on in another.

use bytes::Bytes;

use crate::sip::{Method, Response, StatusCode};
use crate::transaction::key::ClientKey;
use crate::transaction::{Path, TransactionId};

use super::Transactions;

/// Challenges in a row that the same request answers: a proxy's, a server's, and each once more for a nonce that is too old.
/// Who asks again and again is not served.
const ANSWERS_MAX: u8 = 4;

/// A request that was challenged.
#[derive(Debug, Clone)]
pub struct Challenged<O> {
    /// Its transaction, which ends with the challenge.
    pub id: TransactionId,
    /// Who it belongs to.
    pub owner: O,
    /// Its method.
    pub method: Method,
    /// The request as it was sent.
    pub request: Bytes,
    /// Where it went.
    pub path: Path,
    /// Challenges that it had answered before.
    pub answered: u8,
}

impl<O: Copy> Transactions<O> {
    /// The request that `response` challenges, while its transaction waits for an answer; `None` when it is no challenge, or
    /// when its request has answered too many.
    #[must_use]
    pub fn challenged_by(&self, response: &Response) -> Option<Challenged<O>> {
        if !matches!(response.code, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            return None;
        }
        let key = ClientKey::of(response)?;
        let id = *self.clients.get(&key)?;
        let transaction = self.table.get(&id)?;
        if transaction.newest.is_empty() || transaction.answered >= ANSWERS_MAX {
            return None;
        }
        Some(Challenged {
            id,
            owner: transaction.owner,
            method: key.method,
            request: transaction.newest.clone(),
            path: transaction.path,
            answered: transaction.answered,
        })
    }

    /// Takes note that the request of `id` answers a challenge, after as many others.
    pub fn answers(&mut self, id: TransactionId, others: u8) {
        if let Some(transaction) = self.table.get_mut(&id) {
            transaction.answered = others + 1;
        }
    }

    /// The request of a client that has no answer yet; empty when there is none.
    #[must_use]
    pub fn request_of(&self, id: TransactionId) -> Bytes {
        self.table.get(&id).map(|transaction| transaction.newest.clone()).unwrap_or_default()
    }
}
