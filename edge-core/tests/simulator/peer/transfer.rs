//! What a peer does that sends a call elsewhere (3xx, RFC 3515), or takes the place of another one of its trunk (RFC 3891).

use std::time::Instant;

use edge_core::sip::{HeaderName, Method, Request, StatusCode, response_to};

use super::{Peer, State};

/// Where a peer is with it.
#[derive(Default)]
pub(crate) struct Transfer {
    /// REFERs of its own.
    pub(crate) sent: usize,
    /// Those that were accepted.
    pub(crate) accepted: usize,
    /// The last status that was reported.
    pub(crate) reported: Option<u16>,
    /// Whose dialog it knows of, and how that is named to the edge, while it stands.
    pub(crate) named: Option<usize>,
    pub(crate) name: Option<String>,
}

impl Peer {
    /// How its dialog is named in Replaces.
    pub(crate) fn name_of_dialog(&self) -> Option<String> {
        let stands = matches!(self.state, State::Up | State::Ringing);
        let dialog = self.dialog.as_ref().filter(|_| stands)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let remote = text(dialog.remote_tag.as_ref()?);
        Some(format!("{};to-tag={remote};from-tag={}", text(&dialog.call_id), text(&dialog.local_tag)))
    }

    /// Called: sends the call elsewhere.
    pub(super) fn redirect(&mut self, to: &str, now: Instant) {
        let (Some(invite), Some(dialog)) = (&self.invite, &self.dialog) else { return };
        let Some((id, request)) = &invite.server else { return };
        let (code, tag) = (StatusCode::new(302).unwrap(), Some(dialog.local_tag.as_ref()));
        let response = response_to(&request.message, code, "Moved Temporarily", self.edge, tag)
            .header(HeaderName::Contact, format!("<{to}>"));
        self.transactions.respond(*id, code, response.empty(), now);
        self.state = State::Ended;
    }

    pub(super) fn refer(&mut self, to: &str, now: Instant) {
        // Not before the ACK.
        if self.answer.is_some() {
            return;
        }
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let refer = dialog.request(&Method::Refer, branch, sequence).header(HeaderName::ReferTo, to);
        let path = dialog.path(|_| true);
        self.transfer.sent += 1;
        self.transactions.open_client(Method::Refer, branch, refer.empty(), path, (), now).unwrap();
    }

    /// Refers to the other call of its trunk, if that stands.
    pub(super) fn refer_to_known(&mut self, now: Instant) {
        let Some(name) = &self.transfer.name else { return };
        let name = name.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
        self.refer(&format!("<sip:1@elsewhere?Replaces={name}>"), now);
    }

    /// Calls in the place of the dialog that it knows of, if that stands.
    pub(super) fn replace(&mut self, with_offer: bool, now: Instant) {
        if let Some(name) = self.transfer.name.clone() {
            self.send_invite(with_offer, Some(&name), now);
        }
    }

    /// What came of its REFER, so far.
    pub(super) fn take_report(&mut self, request: &Request, now: Instant) {
        let fragment = String::from_utf8_lossy(&request.message.body()).into_owned();
        let known = self.dialog.as_ref().is_some_and(|dialog| dialog.contains(request));
        if known {
            let status = fragment.split(' ').nth(1).expect("a status line").parse().expect("a status");
            self.transfer.reported = self.transfer.reported.max(Some(status));
        }
        self.reply(request, if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST }, now);
    }
}
