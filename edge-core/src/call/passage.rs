//! Requests within a dialog that cross the edge and change nothing here: INFO (RFC 6086), MESSAGE (RFC 3428) and
//! NOTIFY (RFC 6665).
//!
//! A body crosses byte for byte: it is what the peer says, not where he is. With it cross the headers that say how to read
//! it and what it is for, an allow list, without values that name an address; nothing else of one side is read on the other. A session description does not cross this way, because it would
//! name media that nobody relays.
//!
//! Invariants: what crossed is answered once, by the other side, by its silence, or by the end of the call; a call has
//! at most [`PASSAGES_MAX`] of them open.

use std::sync::Arc;

use bytes::Bytes;

use crate::dialog::MAX_FORWARDS;
use crate::sip::{HeaderName, Message, MessageWriter, Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;

use super::asked::Asked;
use super::asks::check_extensions;
use super::body::carries_session;
use super::cause::{across, not_timed_out};
use super::identity::names_an_address;
use super::introduction::permit;
use super::leg::LegState;
use super::{Call, Cause, Context, Owner, Refused, Side};

/// Passages of one call at once. A user agent sends the next one when the last was answered, so each side has one or
/// two under way; each holds a message and two transactions for up to half a minute.
const PASSAGES_MAX: usize = 8;

/// Headers that cross with a body, beside Content-Type.
const CROSSING: [HeaderName; 9] = [
    HeaderName::ContentDisposition,
    HeaderName::ContentEncoding,
    HeaderName::ContentLanguage,
    HeaderName::MimeVersion,
    HeaderName::Event,
    HeaderName::SubscriptionState,
    HeaderName::AllowEvents,
    HeaderName::InfoPackage,
    HeaderName::RecvInfo,
];

/// Whether a request of this method is passed on to the other side.
pub(super) const fn passes(method: &Method) -> bool {
    matches!(method, Method::Info | Method::Message | Method::Notify)
}

impl Call {
    /// Passes a request on to the other side, or says why not.
    pub(super) fn pass_on(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        if self.ending {
            return self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx);
        }
        if let Err(refused) = may_cross(&asked) {
            return self.refuse(&asked, &refused, ctx);
        }
        let message = &asked.request.message;
        if !message.body().is_empty() && message.first(HeaderName::ContentType).is_none() {
            return self.reply(&asked, StatusCode::BAD_REQUEST, ctx);
        }
        if carries_session(message) {
            return self.reply(&asked, StatusCode::NOT_ACCEPTABLE_HERE, ctx);
        }
        let Some(asked) = self.take_digit(asked, ctx) else { return };
        // Before the answer there is no dialog on the other side yet.
        if !self.has_room_for_passage()
            || !self.is_there(asked.side.other())
            || self.forward(&asked, ctx).is_err()
        {
            return self.reply_later(&asked, ctx);
        }
        self.passages.push(asked);
    }

    /// The other side has answered a request that crossed; `server` is its transaction on the side that asked.
    pub(crate) fn on_passed(&mut self, server: TransactionId, response: &Response, ctx: &mut Context<'_>) {
        let Some(asked) = self.take_passage(server) else { return };
        let code = not_timed_out(across(response.code));
        let mut answer = asked.response(self.leg(asked.side), code);
        if asked.request.method == Method::Refer {
            // RFC 3515 section 2.2: it may refresh the target, so its answer does.
            answer = answer.header(HeaderName::Contact, self.leg(asked.side).dialog.contact());
        }
        let answer = permit(answer, &response.message, &self.leg(asked.side.other()).trunk);
        ctx.respond(server, code, carry(answer, &response.message));
        if ends_call(&asked.request.method, response.code) {
            self.terminate(Cause::Lost(asked.side.other()), ctx);
        }
    }

    /// The other side never answered a request that crossed.
    pub(super) fn on_passage_timed_out(&mut self, server: TransactionId, ctx: &mut Context<'_>) {
        let Some(asked) = self.take_passage(server) else { return };
        self.reply(&asked, not_timed_out(StatusCode::REQUEST_TIMEOUT), ctx);
        if ends_call(&asked.request.method, StatusCode::REQUEST_TIMEOUT) {
            self.terminate(Cause::Lost(asked.side.other()), ctx);
        }
    }

    /// Answers what is still under way when the call ends (RFC 3261 section 15.1.2).
    pub(super) fn end_passages(&mut self, ctx: &mut Context<'_>) {
        for asked in std::mem::take(&mut self.passages) {
            self.reply(&asked, StatusCode::REQUEST_TERMINATED, ctx);
        }
    }

    fn forward(&mut self, asked: &Asked, ctx: &mut Context<'_>) -> Result<(), crate::transaction::Full> {
        let owner = Owner::Passage(self.key, asked.server);
        let (event, masked) = (self.event_across(asked), self.masked_body(asked));
        let near = Arc::clone(&self.leg(asked.side).trunk);
        let leg = self.leg_mut(asked.side.other());
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let method = asked.request.method.clone();
        let request = leg.dialog.forwarded(&method, branch, sequence, hops_left(&asked.request));
        let request = permit(request, &asked.request.message, &near);
        let request = match event {
            Some(event) => carry_report(request.header(HeaderName::Event, event), &asked.request.message),
            None => carry_with(
                request,
                &asked.request.message,
                masked.unwrap_or_else(|| asked.request.message.body()),
            ),
        };
        ctx.request(&leg.trunk, method, branch, request, leg.path(), owner)?;
        Ok(())
    }

    /// Whether another request may cross now.
    pub(super) fn has_room_for_passage(&self) -> bool {
        self.answered() && self.passages.len() < PASSAGES_MAX
    }

    /// Whether there is a dialog on `side`; while another call is awaited there, or it has hung up, there is none.
    fn is_there(&self, side: Side) -> bool {
        self.leg(side).state == LegState::Confirmed
    }

    /// A request has crossed: its answer will.
    pub(super) fn open_passage(&mut self, asked: Asked) {
        self.passages.push(asked);
    }

    fn take_passage(&mut self, server: TransactionId) -> Option<Asked> {
        let at = self.passages.iter().position(|asked| asked.server == server)?;
        Some(self.passages.swap_remove(at))
    }
}

/// Hops that are left for what crosses the edge.
pub(super) fn hops_left(request: &Request) -> u8 {
    request.max_forwards.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1))
}

fn may_cross(asked: &Asked) -> Result<(), Refused> {
    if asked.request.max_forwards == Some(0) {
        return Err(Refused::TooManyHops);
    }
    check_extensions(&asked.request.message)
}

/// Whether a failure says that the other side has lost the call. To a NOTIFY it says so of its subscription only
/// (RFC 5057 section 5.1).
pub(super) fn ends_call(method: &Method, code: StatusCode) -> bool {
    *method != Method::Notify && matches!(code, StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT)
}

/// Ends `onto` with what crosses of `message`.
fn carry(onto: MessageWriter, message: &Message) -> Bytes {
    carry_with(onto, message, message.body())
}

/// The same with another body.
fn carry_with(onto: MessageWriter, message: &Message, body: Bytes) -> Bytes {
    let onto = CROSSING.iter().fold(onto, |onto, name| copy_across(onto, message, *name));
    match message.first(HeaderName::ContentType) {
        Some(content_type) if !message.body().is_empty() && !carries_session(message) => {
            onto.body(content_type, body)
        }
        Some(_) | None => onto.empty(),
    }
}

/// Ends `onto` with a report on a REFER, whose Event is there already. Of what was heard of the call to its target only the
/// status crosses: the rest would name hosts.
fn carry_report(onto: MessageWriter, message: &Message) -> Bytes {
    let names = CROSSING.iter().filter(|name| **name != HeaderName::Event);
    let onto = names.fold(onto, |onto, name| copy_across(onto, message, *name));
    match (message.first(HeaderName::ContentType), reported(&message.body())) {
        (Some(content_type), Some(code)) => {
            onto.body(content_type, format!("SIP/2.0 {code} {}\r\n", code.default_reason()))
        }
        (Some(_) | None, _) => onto.empty(),
    }
}

/// The status that a report begins with (RFC 3515 section 2.4.5). Its reason is free text, and does not cross.
fn reported(fragment: &[u8]) -> Option<StatusCode> {
    let (code, rest) = fragment.strip_prefix(b"SIP/2.0 ")?.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    StatusCode::new(code).filter(|_| rest.first().is_none_or(|next| next.is_ascii_whitespace()))
}

/// Copies the values of a header that cross.
pub(super) fn copy_across(onto: MessageWriter, message: &Message, name: HeaderName) -> MessageWriter {
    crossing(message, name).fold(onto, |onto, value| onto.header(name, value))
}

/// The values of a header, but none that names an address: `Event: dialog;call-id=1@host` does.
pub(super) fn crossing(message: &Message, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    message.all(name).filter(|value| !names_an_address(value))
}
