//! What a peer does that acknowledges provisional responses, and wants its own acknowledged (RFC 3262).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::dialog::Dialog;
use edge_core::sip::{HeaderName, Method, Request, Response, StatusCode, response_to};

use super::{Peer, State};

const T1: Duration = Duration::from_millis(500);

/// Where a peer is with them.
#[derive(Default)]
pub(crate) struct Reliable {
    /// Whether it takes part.
    pub(super) able: bool,
    /// Called: what is not acknowledged yet, by number.
    sent: BTreeMap<u32, Unacknowledged>,
    /// Called: a 2xx that waits for that.
    answer_due: bool,
    /// Called: whether its description has gone in a response that was acknowledged.
    pub(super) described: bool,
    /// Caller: the last number taken, and how many were.
    last: Option<u32>,
    pub(crate) taken: usize,
    /// Responses of its own that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Caller: its answer went in a PRACK.
    pub(super) answered: bool,
    next: u32,
}

struct Unacknowledged {
    response: Bytes,
    code: StatusCode,
    described: bool,
    /// Tag of the place that sent it.
    tag: Bytes,
    interval: Duration,
    again_at: Instant,
    give_up_at: Instant,
}

impl Peer {
    /// Called: a provisional response; says whether it went reliably.
    pub(super) fn progress(&mut self, code: StatusCode, described: bool, elsewhere: bool, now: Instant) {
        let asked = |request: &Request| {
            let mut options = request
                .message
                .values(HeaderName::Supported)
                .chain(request.message.values(HeaderName::Require));
            options.any(|option| option == b"100rel")
        };
        let request =
            self.invite.as_ref().and_then(|invite| invite.server.as_ref()).map(|(_, request)| request);
        if !self.reliable.able || !request.is_some_and(asked) {
            return self.respond(code, described, now);
        }
        // One at a time, as the simplest agents do; the first makes the offer, if there is none.
        let Some((id, request)) = self.invite.as_ref().and_then(|invite| invite.server.clone()) else {
            return;
        };
        let Some(dialog) = &self.dialog else { return };
        if !self.reliable.sent.is_empty() && !elsewhere {
            return;
        }
        let described = described || request.message.body().is_empty();
        self.reliable.next += 1;
        let number = self.reliable.next;
        let tag = if elsewhere { Bytes::from(format!("place{number}")) } else { dialog.local_tag.clone() };
        let response =
            response_to(&request.message, code, code.default_reason(), self.edge, Some(tag.as_ref()))
                .header(HeaderName::Contact, dialog.contact())
                .header(HeaderName::Allow, self.allow())
                .header(HeaderName::Require, "100rel")
                .header(HeaderName::RSeq, number.to_string());
        let response = if described && !self.reliable.described {
            response.body("application/sdp", self.sdp("sendrecv"))
        } else {
            response.empty()
        };
        let (again_at, give_up_at) = (now + T1, now + T1 * 64);
        let sent = Unacknowledged {
            response: response.clone(),
            code,
            described,
            tag,
            interval: T1,
            again_at,
            give_up_at,
        };
        self.reliable.sent.insert(number, sent);
        self.transactions.respond(id, code, response, now);
    }

    /// Called: the answer, now or when all descriptions are acknowledged.
    pub(super) fn answer_when_acknowledged(&mut self, now: Instant) {
        if self.reliable.sent.values().any(|sent| sent.described) {
            self.reliable.answer_due = true;
        } else {
            self.reliable.sent.clear();
            self.respond(StatusCode::OK, !self.reliable.described, now);
        }
    }

    /// Called: a PRACK.
    pub(super) fn take_prack(&mut self, request: &Request, now: Instant) {
        let rack = String::from_utf8_lossy(request.message.first(HeaderName::RAck).unwrap()).into_owned();
        let number = rack.split(' ').next().unwrap().parse().unwrap();
        let own = |sent: &Unacknowledged| request.to.tag() == Some(sent.tag.as_ref());
        let Some(sent) = self.reliable.sent.get(&number).filter(|sent| own(sent)) else {
            return self.reply(request, StatusCode::CALL_DOES_NOT_EXIST, now);
        };
        let offered = self.invite.as_ref().and_then(|invite| invite.server.as_ref());
        let offered = offered.is_some_and(|(_, invite)| !invite.message.body().is_empty());
        let ours = sent.tag == self.dialog.as_ref().unwrap().local_tag;
        assert!(
            offered || self.reliable.described || !request.message.body().is_empty(),
            "an offer in a reliable response without an answer in its PRACK"
        );
        self.reliable.described |= sent.described && ours;
        self.reliable.sent.remove(&number);
        self.reliable.acknowledged += 1;
        self.reply(request, StatusCode::OK, now);
        if std::mem::take(&mut self.reliable.answer_due) && self.state == State::Ringing {
            self.answer_when_acknowledged(now);
        }
    }

    /// Called: sends again what nobody acknowledged, and refuses in the end.
    pub(super) fn repeat_progress(&mut self, now: Instant) {
        if self.state != State::Ringing {
            self.reliable.sent.clear();
            return;
        }
        let Some((id, _)) = self.invite.as_ref().and_then(|invite| invite.server.clone()) else { return };
        if self.reliable.sent.values().any(|sent| sent.give_up_at <= now) {
            self.reliable.sent.clear();
            return self.respond(StatusCode::SERVER_TIMEOUT, false, now);
        }
        for sent in self.reliable.sent.values_mut().filter(|sent| sent.again_at <= now) {
            sent.interval *= 2;
            sent.again_at = now + sent.interval;
            self.transactions.respond(id, sent.code, sent.response.clone(), now);
        }
    }

    pub(super) fn progress_again_at(&self) -> Option<Instant> {
        let sent = self.reliable.sent.values();
        sent.map(|sent| sent.again_at.min(sent.give_up_at)).min()
    }

    /// Caller: acknowledges a reliable response.
    pub(super) fn on_progress(&mut self, response: &Response, now: Instant) {
        let number =
            response.message.first(HeaderName::RSeq).map(|rseq| String::from_utf8_lossy(rseq).into_owned());
        let Some(number) = number.and_then(|rseq| rseq.parse::<u32>().ok()) else { return };
        assert!(self.reliable.able, "a reliable response for one that cannot acknowledge it");
        match self.reliable.last {
            Some(last) if number != last + 1 => return,
            Some(_) | None => self.reliable.last = Some(number),
        }
        self.reliable.taken += 1;
        let answers = !response.message.body().is_empty() && !self.offered && !self.reliable.answered;
        self.reliable.answered |= answers;
        let (branch, sdp) = (self.branch(), self.sdp("sendrecv"));
        let Some(dialog) = &mut self.dialog else { return };
        dialog.confirm(response);
        let sequence = dialog.next_sequence();
        let rack = format!("{number} {} INVITE", response.cseq);
        let prack = dialog.request(&Method::Prack, branch, sequence).header(HeaderName::RAck, rack);
        let prack = if answers { prack.body("application/sdp", sdp) } else { prack.empty() };
        let path = dialog.path(|_| true);
        self.transactions.open_client(Method::Prack, branch, prack, path, (), now).unwrap();
    }

    /// The dialog of a caller, once a reliable response has made one.
    pub(super) fn early_dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref().filter(|_| self.reliable.taken > 0 || self.reliable.acknowledged > 0)
    }
}
