//! What every receiver checks before a transaction sees a message (RFC 3261 sections 8.2, 16.3 and 18.1.2).
//!
//! A request that is wrong but can be answered becomes [`ParseError::BadRequest`] with the status it
//! deserves; wrong responses, wrong ACKs and messages without the headers that an answer needs are dropped by
//! the caller, and counted.

use bytes::Bytes;

use super::grammar;
use super::{FramingError, HeaderName, Message, MessageLimits, Method, NameAddr, StatusCode, Uri, Via};

/// Largest CSeq number (RFC 3261 section 8.1.1.5: less than 2^31).
const CSEQ_MAX: u64 = (1 << 31) - 1;

/// Headers that must not occur twice: which one holds could be read differently at each hop.
const SINGLE: [HeaderName; 6] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentType,
];

/// Headers that an answer copies (RFC 3261 section 8.2.6.2).
const ANSWER_NEEDS: [HeaderName; 5] =
    [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];

/// A datagram, read.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A request that may go to a transaction.
    Request(Request),
    /// A response that may go to a transaction.
    Response(Response),
    /// Line ends only (RFC 5626 section 3.5.1), or nothing.
    KeepAlive,
}

/// A request whose mandatory headers are there, single and readable.
///
/// Its parts share the memory of the datagram: what outlives the transaction should be copied.
#[derive(Debug, Clone)]
pub struct Request {
    /// The whole message.
    pub message: Message,
    /// What it asks for; CSeq says the same.
    pub method: Method,
    /// Request-URI; its scheme may be one that we do not know.
    pub uri: Uri,
    /// Topmost Via.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// First Contact, unless it is missing or `*`; all of them have been read.
    pub contact: Option<NameAddr>,
    /// Call-ID.
    pub call_id: Bytes,
    /// CSeq number.
    pub cseq: u32,
    /// Max-Forwards; RFC 2543 peers send none.
    pub max_forwards: Option<u8>,
}

/// A response whose mandatory headers are there, single and readable.
#[derive(Debug, Clone)]
pub struct Response {
    /// The whole message.
    pub message: Message,
    /// Its status.
    pub code: StatusCode,
    /// Topmost Via: ours, if the response is.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// First Contact, unless it is missing, `*` or unreadable.
    pub contact: Option<NameAddr>,
    /// Call-ID.
    pub call_id: Bytes,
    /// CSeq number.
    pub cseq: u32,
    /// CSeq method: what it answers.
    pub cseq_method: Method,
}

/// Why a datagram goes no further.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ParseError {
    /// Not a SIP message.
    #[error("not a SIP message: {0}")]
    Framing(#[from] FramingError),
    /// A response or ACK that is wrong, or a request that lacks what an answer needs.
    #[error("{reason}; no answer possible")]
    Unanswerable {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A request that is wrong and can be answered.
    #[error("{status} {reason}")]
    BadRequest {
        /// The request, for [`super::response_to`].
        message: Box<Message>,
        /// The answer it deserves: 400 or 505.
        status: StatusCode,
        /// Reason phrase for that answer.
        reason: &'static str,
    },
}

impl Incoming {
    /// Reads one datagram.
    ///
    /// # Errors
    /// [`ParseError`]; only [`ParseError::BadRequest`] may be answered.
    pub fn parse(bytes: Bytes, limits: &MessageLimits) -> Result<Self, ParseError> {
        let message = match Message::parse(bytes, limits) {
            Ok(message) => message,
            Err(FramingError::KeepAlive) => return Ok(Self::KeepAlive),
            Err(error) => return Err(error.into()),
        };
        if message.is_request() {
            Request::read(message).map(Self::Request)
        } else {
            Response::read(message).map(Self::Response)
        }
    }
}

/// What is wrong with a message, and what a request hears for it.
struct Fault {
    status: StatusCode,
    reason: &'static str,
}

const fn bad(reason: &'static str) -> Fault {
    Fault { status: StatusCode::BAD_REQUEST, reason }
}

impl Fault {
    fn refuse(self, message: Message) -> ParseError {
        let Self { status, reason } = self;
        let complete =
            ANSWER_NEEDS.iter().all(|name| message.first(*name).is_some_and(|value| !value.is_empty()));
        let expects_answer = message.method().is_some_and(|method| *method != Method::Ack);
        if complete && expects_answer {
            ParseError::BadRequest { message: Box::new(message), status, reason }
        } else {
            ParseError::Unanswerable { reason }
        }
    }
}

impl Request {
    fn read(message: Message) -> Result<Self, ParseError> {
        match RequestHead::read(&message) {
            Ok(head) => {
                let RequestHead { method, uri, envelope, contact, max_forwards } = head;
                let Envelope { via, from, to, call_id, cseq, cseq_method: _ } = envelope;
                Ok(Self { message, method, uri, via, from, to, contact, call_id, cseq, max_forwards })
            }
            Err(fault) => Err(fault.refuse(message)),
        }
    }
}

impl Response {
    fn read(message: Message) -> Result<Self, ParseError> {
        match Envelope::read(&message) {
            Ok(Envelope { via, from, to, call_id, cseq, cseq_method }) => {
                let code = message.status().ok_or(FramingError::StartLine)?;
                let contact = contact(&message).unwrap_or_default();
                Ok(Self { message, code, via, from, to, contact, call_id, cseq, cseq_method })
            }
            Err(fault) => Err(fault.refuse(message)),
        }
    }
}

/// What a request has beside the envelope.
struct RequestHead {
    method: Method,
    uri: Uri,
    envelope: Envelope,
    contact: Option<NameAddr>,
    max_forwards: Option<u8>,
}

impl RequestHead {
    fn read(message: &Message) -> Result<Self, Fault> {
        if !message.is_version_2() {
            let status = StatusCode::VERSION_NOT_SUPPORTED;
            return Err(Fault { status, reason: status.default_reason() });
        }
        let envelope = Envelope::read(message)?;
        let method = message.method().filter(|method| **method == envelope.cseq_method);
        let method = method.cloned().ok_or(bad("CSeq Does Not Match Method"))?;
        let uri = message.request_uri().map(|uri| Uri::parse(message.share(uri)));
        let uri = uri.and_then(Result::ok).ok_or(bad("Bad Request-URI"))?;
        if uri.headers().is_some() {
            return Err(bad("Headers in Request-URI")); // RFC 3261 section 19.1.1
        }
        let contact = contact(message).ok_or(bad("Bad Contact"))?;
        let max_forwards = max_forwards(message).ok_or(bad("Bad Max-Forwards"))?;
        Ok(Self { method, uri, envelope, contact, max_forwards })
    }
}

/// The headers that every message has.
struct Envelope {
    via: Via,
    from: NameAddr,
    to: NameAddr,
    call_id: Bytes,
    cseq: u32,
    cseq_method: Method,
}

impl Envelope {
    fn read(message: &Message) -> Result<Self, Fault> {
        if let Some(reason) = message.body_fault().map(body_reason) {
            return Err(bad(reason));
        }
        if SINGLE.iter().any(|name| message.all(*name).nth(1).is_some()) {
            return Err(bad("Repeated Header"));
        }
        let via = message.values(HeaderName::Via).next().ok_or(bad("Missing Via"))?;
        let via = Via::parse(message.share(via)).ok().ok_or(bad("Bad Via"))?;
        let from = address(message, HeaderName::From).ok_or(bad("Bad From"))?;
        let to = address(message, HeaderName::To).ok_or(bad("Bad To"))?;
        let call_id =
            message.first(HeaderName::CallId).filter(|id| is_call_id(id)).ok_or(bad("Bad Call-ID"))?;
        let (cseq, cseq_method) = cseq(message).ok_or(bad("Bad CSeq"))?;
        Ok(Self { via, from, to, call_id: message.share(call_id), cseq, cseq_method })
    }
}

const fn body_reason(fault: super::BodyFault) -> &'static str {
    match fault {
        super::BodyFault::Unreadable => "Bad Content-Length",
        super::BodyFault::Conflicting => "Conflicting Content-Length",
        super::BodyFault::BeyondDatagram => "Content-Length Exceeds Datagram",
    }
}

fn address(message: &Message, name: HeaderName) -> Option<NameAddr> {
    NameAddr::parse(message.share(message.first(name)?)).ok()
}

/// One word without white space; it becomes a key and goes into logs and CDRs.
fn is_call_id(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(|byte| !grammar::is_lws(*byte) && !byte.is_ascii_control())
}

/// `1*DIGIT LWS Method`.
fn cseq(message: &Message) -> Option<(u32, Method)> {
    let value = message.first(HeaderName::CSeq)?;
    let (digits, rest) = grammar::split_where(value, grammar::is_lws);
    let number = grammar::decimal(digits).filter(|number| *number <= CSEQ_MAX)?;
    let method = Method::parse(&message.share(grammar::trim_start(rest)))?;
    Some((u32::try_from(number).ok()?, method))
}

/// `None` when a Contact is unreadable; `Some(None)` when there is none or it is `*`.
#[expect(clippy::option_option, reason = "outer: readable, inner: present")]
fn contact(message: &Message) -> Option<Option<NameAddr>> {
    let mut first = None;
    for value in message.values(HeaderName::Contact).filter(|value| *value != b"*") {
        let contact = NameAddr::parse(message.share(value)).ok()?;
        first.get_or_insert(contact);
    }
    Some(first)
}

/// `None` when Max-Forwards is not from 0 to 255; `Some(None)` when there is none.
#[expect(clippy::option_option, reason = "outer: readable, inner: present")]
fn max_forwards(message: &Message) -> Option<Option<u8>> {
    let Some(value) = message.first(HeaderName::MaxForwards) else { return Some(None) };
    grammar::decimal(value).and_then(|hops| u8::try_from(hops).ok()).map(Some)
}

#[cfg(test)]
mod tests;
