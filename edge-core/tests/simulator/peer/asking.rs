//! What a user agent asks for, and what it makes of the answers.

use std::time::{Duration, Instant};

use edge_core::dialog::Dialog;
use edge_core::sip::{HeaderName, Method, Response};
use edge_core::transaction::Matched;

use super::{Act, DIGIT, Invite, Peer, State};
use crate::session::Session;

impl Peer {
    pub(super) fn send_invite(&mut self, with_offer: bool, replaces: Option<&str>, now: Instant) {
        let target = format!("sip:+441@{}", self.edge);
        let mut dialog = Dialog::calling(
            format!("{:x}@{}", self.dice.next(), self.address.ip()).into(),
            format!("{:x}", self.dice.next()).into(),
            format!("<sip:+15550001@{}>", self.address.ip()).into(),
            format!("<{target}>").into(),
            target.into(),
            self.address.to_string().into(),
            self.path(),
        );
        let (branch, sequence) = (self.branch(), dialog.next_sequence());
        let request =
            dialog.request(&Method::Invite, branch, sequence).header(HeaderName::Allow, self.allow());
        let request = self.keep_time(request, None);
        let request = match replaces {
            Some(dialog) => request.header(HeaderName::Replaces, dialog),
            None => request,
        };
        let request =
            if self.reliable.able { request.header(HeaderName::Supported, "100rel") } else { request };
        self.offered = with_offer;
        let bytes =
            if with_offer { request.body("application/sdp", self.sdp("sendrecv")) } else { request.empty() };
        self.transactions.open_client(Method::Invite, branch, bytes, dialog.path(|_| true), (), now).unwrap();
        self.invite = Some(Invite { branch, sequence, server: None });
        self.dialog = Some(dialog);
        self.state = State::Inviting;
    }

    pub(super) fn send_cancel(&mut self, now: Instant) {
        let (Some(invite), Some(dialog)) = (&self.invite, &self.dialog) else { return };
        let cancel = dialog.request(&Method::Cancel, invite.branch, invite.sequence).empty();
        self.transactions
            .open_client(Method::Cancel, invite.branch, cancel, dialog.path(|_| true), (), now)
            .unwrap();
    }

    pub(super) fn send_bye(&mut self, now: Instant) {
        // RFC 3261 section 15: not before the ACK.
        if self.answer.is_some() {
            self.due.insert(0, (now + Duration::from_millis(100), Act::Hangup));
            return;
        }
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let bye = dialog.request(&Method::Bye, branch, sequence).empty();
        self.transactions.open_client(Method::Bye, branch, bye, dialog.path(|_| true), (), now).unwrap();
        self.state = State::Ended;
    }

    pub(super) fn send_offer(&mut self, direction: &str, change: impl FnOnce(&mut Session), now: Instant) {
        if self.answer.is_some() {
            return;
        }
        change(&mut self.session);
        let (branch, sdp) = (self.branch(), self.sdp(direction));
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let invite = dialog.request(&Method::Invite, branch, sequence).body("application/sdp", sdp);
        self.transactions
            .open_client(Method::Invite, branch, invite, dialog.path(|_| true), (), now)
            .unwrap();
    }

    pub(super) fn ask_for_offer(&mut self, now: Instant) {
        if self.answer.is_some() {
            return;
        }
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let invite = dialog.request(&Method::Invite, branch, sequence).empty();
        self.left_open = Some(sequence);
        self.transactions
            .open_client(Method::Invite, branch, invite, dialog.path(|_| true), (), now)
            .unwrap();
    }

    pub(super) fn send_update(&mut self, now: Instant) {
        let (branch, sdp) = (self.branch(), self.sdp("sendonly"));
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let update = dialog.request(&Method::Update, branch, sequence).body("application/sdp", sdp);
        self.transactions
            .open_client(Method::Update, branch, update, dialog.path(|_| true), (), now)
            .unwrap();
    }

    pub(super) fn send_digit(&mut self, now: Instant) {
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let info = dialog.request(&Method::Info, branch, sequence).body("application/dtmf-relay", DIGIT);
        self.transactions.open_client(Method::Info, branch, info, dialog.path(|_| true), (), now).unwrap();
    }

    pub(super) fn on_response(&mut self, response: &Response, now: Instant) {
        if !matches!(self.transactions.on_response(response, now), Matched::Deliver(..)) {
            return;
        }
        if response.cseq_method == Method::Info && response.code.is_success() {
            self.digits_taken += 1;
        }
        self.transfer.accepted +=
            usize::from(response.cseq_method == Method::Refer && response.code.is_success());
        if response.cseq_method != Method::Invite {
            return;
        }
        if response.code.is_provisional() {
            self.on_progress(response, now);
        } else if response.code.is_success() {
            self.acknowledge(response);
        } else if self.state == State::Inviting {
            self.state = State::Ended;
        }
    }

    pub(super) fn acknowledge(&mut self, response: &Response) {
        if let Some((sequence, ack)) = &self.last_ack
            && *sequence == response.cseq
        {
            self.outbox.push((self.edge, ack.clone()));
            return;
        }
        let branch = self.branch();
        let left_open = self.left_open == Some(response.cseq);
        let late = left_open || !has_answer(&self.invite) && response.cseq == 1;
        let sdp = self.sdp("sendrecv");
        let Some(dialog) = &mut self.dialog else { return };
        dialog.confirm(response);
        let ack = dialog.request(&Method::Ack, branch, response.cseq);
        // An answer in the ACK is needed only for an INVITE without an offer; beside one it does no harm here.
        let ack = if late { ack.body("application/sdp", sdp) } else { ack.empty() };
        self.outbox.push((dialog.path(|_| true).peer, ack.clone()));
        self.last_ack = Some((response.cseq, ack));
        if self.state == State::Inviting {
            self.state = State::Up;
            self.was_up = true;
        }
    }
}

/// Whether the peer's own INVITE already had what an answer is for.
fn has_answer(invite: &Option<Invite>) -> bool {
    invite.as_ref().is_none_or(|invite| invite.server.is_some())
}
