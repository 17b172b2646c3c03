//! A request within a dialog of ours that waits for its answer.

use std::net::SocketAddr;

use crate::sip::{HeaderName, MessageWriter, Request, StatusCode, response_to};
use crate::transaction::{Path, TransactionId};

use super::leg::Leg;
use super::{ALLOW, Call, Context, Refused, Side};

/// Longest wait that a `Retry-After` of ours asks for, in seconds (RFC 3261 section 14.2, RFC 3311 section 5.2).
const RETRY_AFTER_MAX_S: u64 = 10;

/// A request of one side, with the transaction that its answer belongs to.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Side whose dialog it is within.
    pub(crate) side: Side,
    /// The request as it came.
    pub(crate) request: Request,
    /// Where it came from, for the Via of its answer.
    pub(crate) source: SocketAddr,
    /// Its transaction.
    pub(crate) server: TransactionId,
}

impl Asked {
    /// Its answer, up to what only this answer has to say.
    pub(super) fn response(&self, leg: &Leg, code: StatusCode) -> MessageWriter {
        let tag = Some(leg.dialog.local_tag.as_ref());
        response_to(&self.request.message, code, code.default_reason(), self.source, tag)
            .ruled(leg.dialog.rules())
            .header(HeaderName::Allow, ALLOW)
    }
}

impl Call {
    /// Answers a request with a status alone.
    pub(super) fn reply(&self, asked: &Asked, code: StatusCode, ctx: &mut Context<'_>) {
        ctx.respond(asked.server, code, asked.response(self.leg(asked.side), code).empty());
    }

    /// Answers that the same request may do better in a few seconds.
    ///
    /// That is a 500: a 503 would say that the edge takes no requests at all (RFC 3261 section 21.5.4). The wait is
    /// drawn at random, so that two sides which were in each other's way do not meet again.
    pub(super) fn reply_later(&self, asked: &Asked, ctx: &mut Context<'_>) {
        let code = StatusCode::SERVER_INTERNAL_ERROR;
        let seconds = ctx.random.next() % (RETRY_AFTER_MAX_S + 1);
        let response = asked.response(self.leg(asked.side), code);
        let response = response.header(HeaderName::RetryAfter, seconds.to_string()).empty();
        ctx.respond(asked.server, code, response);
    }

    /// Answers with a refusal and what it has to say.
    pub(super) fn refuse(&self, asked: &Asked, refused: &Refused, ctx: &mut Context<'_>) {
        let path = Path { peer: asked.source, ..self.leg(asked.side).dialog.opened_over() };
        super::refuse(&asked.request, path, asked.server, refused, ctx);
    }
}
