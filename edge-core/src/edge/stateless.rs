//! Answers that no transaction remembers (RFC 3261 section 8.2.7): they are the same for a request that comes again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use crate::call::{ALLOW_OUTSIDE, Refused, SUPPORTED, SUPPORTED_UNRELIABLY};
use crate::policy::ReliableProvisional;
use crate::sip::{HeaderName, Message, MessageWriter, Request, StatusCode, response_to};
use crate::transaction::Path;

use super::Edge;

/// Longest wait that a call which was shed is asked for, in seconds: overload comes and goes faster, and a trunk that
/// took it literally would send nothing at all meanwhile (RFC 3261 section 21.5.4).
const SHED_RETRY_AFTER_MAX_S: u64 = 4;

impl Edge {
    /// Refuses a call without remembering it, and says when to try again: not all at the same moment.
    pub(super) fn shed(&mut self, path: Path, invite: &Request, now: Instant) {
        self.counters.calls_shed += 1;
        let code = Refused::Overload.status();
        let seconds = 1 + self.resources.random.next() % SHED_RETRY_AFTER_MAX_S;
        let response = self.stateless(path, &invite.message, code, code.default_reason());
        let response = response.header(HeaderName::RetryAfter, seconds.to_string()).empty();
        self.resources.at(now).send(reply_path(path, &invite.message), response);
    }

    pub(super) fn answer_with(&mut self, path: Path, request: &Request, code: StatusCode, now: Instant) {
        self.answer_statelessly(path, &request.message, code, code.default_reason(), now);
    }

    pub(super) fn answer_statelessly(
        &mut self,
        path: Path,
        message: &Message,
        code: StatusCode,
        reason: &str,
        now: Instant,
    ) {
        let response = self.stateless(path, message, code, reason).empty();
        self.resources.at(now).send(reply_path(path, message), response);
    }

    /// The extensions that we keep with whoever is there.
    fn supported_at(&self, path: Path) -> &'static str {
        let trunk = path.trunk(&self.policy).map(|id| self.policy.trunk(id));
        match trunk.map(|trunk| trunk.reliable_provisional) {
            Some(ReliableProvisional::Off) => SUPPORTED_UNRELIABLY,
            Some(ReliableProvisional::Supported | ReliableProvisional::Required) | None => SUPPORTED,
        }
    }

    /// A response that no transaction remembers, up to what only this one has to say.
    pub(super) fn stateless(
        &self,
        path: Path,
        message: &Message,
        code: StatusCode,
        reason: &str,
    ) -> MessageWriter {
        let tag = stateless_tag(self.tag_secret, message);
        response_to(message, code, reason, path.peer, Some(tag.as_bytes()))
            .header(HeaderName::Allow, ALLOW_OUTSIDE)
            .header(HeaderName::Accept, "application/sdp")
            .header(HeaderName::Supported, self.supported_at(path))
    }
}

/// The To tag of a stateless answer: the same for a request that comes again (RFC 3261 section 8.2.7), and nobody else
/// can tell it in advance.
pub(super) fn stateless_tag(secret: u64, message: &Message) -> String {
    let mut hash = DefaultHasher::new();
    secret.hash(&mut hash);
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        message.first(name).hash(&mut hash);
    }
    format!("{:016x}", hash.finish())
}

/// Where the answer to a request goes that has no transaction.
pub(super) fn reply_path(path: Path, message: &Message) -> Path {
    let via = message.values(HeaderName::Via).next().map(|value| message.share(value));
    match via.map(crate::sip::Via::parse) {
        Some(Ok(via)) => path.answering(&via),
        Some(Err(_)) | None => path,
    }
}
