//! What a user agent is asked for, and how it answers.

use std::time::{Duration, Instant};

use edge_core::dialog::Dialog;
use edge_core::sip::{HeaderName, MessageWriter, Method, Request, StatusCode, response_to};
use edge_core::transaction::Matched;

use super::{Answer, DIGIT, Invite, Peer, State};

impl Peer {
    pub(super) fn on_request(&mut self, request: Request, now: Instant) {
        match self.transactions.on_request(&request, self.path(), now) {
            Matched::Absorbed => return,
            Matched::Deliver(..) | Matched::Nothing => {}
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the set of methods is open")]
        match request.method {
            Method::Ack => {
                if self.answer.as_ref().is_some_and(|answer| answer.sequence == request.cseq) {
                    self.answer = None;
                }
            }
            Method::Invite if request.to.tag().is_none() => self.take_call(request, now),
            Method::Invite => self.take_reinvite(request, now),
            Method::Cancel => {
                self.reply(&request, StatusCode::OK, now);
                if self.state == State::Ringing {
                    self.respond(StatusCode::REQUEST_TERMINATED, false, now);
                }
            }
            Method::Bye => {
                let known = self.dialog.as_ref().is_some_and(|dialog| dialog.contains(&request));
                let code = if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST };
                self.reply(&request, code, now);
                if known {
                    self.state = State::Ended;
                    self.answer = None;
                }
            }
            Method::Update => self.take_update(&request, now),
            Method::Prack => self.take_prack(&request, now),
            Method::Info => self.take_digit(&request, now),
            Method::Notify => self.take_report(&request, now),
            _ => self.reply(&request, StatusCode::METHOD_NOT_ALLOWED, now),
        }
    }

    pub(super) fn take_call(&mut self, request: Request, now: Instant) {
        if self.state != State::Idle {
            self.reply(&request, StatusCode::BUSY_HERE, now);
            return;
        }
        let id = self.transactions.open_server(&request, self.path(), ()).unwrap();
        let tag = format!("{:x}", self.dice.next());
        let sent_by = self.address.to_string();
        self.dialog = Some(Dialog::called(&request, tag.into(), sent_by.into(), self.path()));
        self.invite = Some(Invite::taken(id, request));
        self.state = State::Ringing;
        self.begin(now);
    }

    pub(super) fn take_reinvite(&mut self, request: Request, now: Instant) {
        let known =
            self.state == State::Up && self.dialog.as_ref().is_some_and(|dialog| dialog.contains(&request));
        if !known {
            return self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, now);
        }
        if self.answer.is_some() {
            return self.reply(&request, StatusCode::REQUEST_PENDING, now);
        }
        let offer = String::from_utf8_lossy(&request.message.body()).into_owned();
        self.was_held |= offer.contains("a=sendonly");
        self.was_faxed |= self.session.take(&offer);
        self.refreshed += 1;
        let id = self.transactions.open_server(&request, self.path(), ()).unwrap();
        self.invite = Some(Invite::taken(id, request));
        self.respond_with(StatusCode::OK, Some(self.sdp("recvonly")), now);
    }

    pub(super) fn take_update(&mut self, request: &Request, now: Instant) {
        assert!(self.allows_update, "an UPDATE to one that takes none");
        let dialog = self.dialog.as_ref().filter(|dialog| dialog.contains(request));
        let Some(dialog) = dialog else {
            return self.reply(request, StatusCode::CALL_DOES_NOT_EXIST, now);
        };
        self.was_held |= String::from_utf8_lossy(&request.message.body()).contains("a=sendonly");
        let (code, tag) = (StatusCode::OK, Some(dialog.local_tag.as_ref()));
        let response = response_to(&request.message, code, "OK", self.edge, tag)
            .header(HeaderName::Contact, dialog.contact());
        let response = self.keep_time(response, Some(request));
        let response = if request.message.body().is_empty() {
            self.refreshed += 1;
            response.empty()
        } else {
            response.body("application/sdp", self.sdp("recvonly"))
        };
        let id = self.transactions.open_server(request, self.path(), ()).unwrap();
        self.transactions.respond(id, code, response, now);
    }

    pub(super) fn take_digit(&mut self, request: &Request, now: Instant) {
        assert_eq!(request.message.body(), DIGIT.as_bytes(), "a body crosses byte for byte");
        let known = self.dialog.as_ref().is_some_and(|dialog| dialog.contains(request));
        self.digits_heard += usize::from(known);
        self.reply(request, if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST }, now);
    }

    pub(super) fn reply(&mut self, request: &Request, code: StatusCode, now: Instant) {
        let tag = self.dialog.as_ref().map(|dialog| dialog.local_tag.clone());
        let response = response_to(&request.message, code, code.default_reason(), self.edge, tag.as_deref());
        let id = self.transactions.open_server(request, self.path(), ()).unwrap();
        self.transactions.respond(id, code, response.empty(), now);
    }

    pub(super) fn respond(&mut self, code: StatusCode, with_sdp: bool, now: Instant) {
        let sdp = with_sdp.then(|| self.sdp("sendrecv"));
        self.respond_with(code, sdp, now);
        if code.is_success() {
            self.state = State::Up;
            self.was_up = true;
        } else if code.is_final() {
            self.state = State::Ended;
        }
    }

    pub(super) fn respond_with(&mut self, code: StatusCode, sdp: Option<String>, now: Instant) {
        let (Some(invite), Some(dialog)) = (&self.invite, &self.dialog) else { return };
        let Some((id, request)) = &invite.server else { return };
        let tag = Some(dialog.local_tag.as_ref());
        let writer: MessageWriter =
            response_to(&request.message, code, code.default_reason(), self.edge, tag)
                .header(HeaderName::Contact, dialog.contact())
                .header(HeaderName::Allow, self.allow());
        let writer = if code.is_success() { self.keep_time(writer, Some(request)) } else { writer };
        let bytes = match sdp {
            Some(sdp) => writer.body("application/sdp", sdp),
            None => writer.empty(),
        };
        if code.is_success() {
            self.answer = Some(Answer {
                id: *id,
                sequence: invite.sequence,
                bytes: bytes.clone(),
                again_at: now + Duration::from_millis(500),
                give_up_at: now + Duration::from_secs(32),
            });
        }
        self.transactions.respond(*id, code, bytes, now);
    }

    pub(super) fn repeat_answer(&mut self, now: Instant) {
        let Some(answer) = &mut self.answer else { return };
        if answer.give_up_at <= now {
            self.answer = None;
            self.send_bye(now);
        } else if answer.again_at <= now {
            answer.again_at = now + Duration::from_secs(1);
            let (id, bytes) = (answer.id, answer.bytes.clone());
            self.transactions.respond(id, StatusCode::OK, bytes, now);
        }
    }
}
