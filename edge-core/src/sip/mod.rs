//! SIP messages on the wire (RFC 3261): framing, typed header views and a writer.
//!
//! [`Message`] is an offset table over the bytes that arrived; nothing is copied and nothing is re-encoded,
//! so what is passed on is what was received. [`Incoming`] adds the checks of RFC 3261 that every receiver
//! has to make before a transaction may see a message; [`MessageWriter`] writes requests and responses.
//!
//! Invariants:
//! - No input makes this module panic, and the work is linear in the length of the message.
//! - Only CRLF ends a line. A lone CR or LF in the head of a message is refused, so a value that is copied
//!   into another message cannot start a header there.
//! - A [`Request`] or [`Response`] has one readable Via, From, To, Call-ID and CSeq.

pub(crate) mod grammar;
mod header;
mod incoming;
mod limits;
mod message;
mod method;
mod multipart;
mod name_addr;
mod reply;
mod rules;
mod status;
mod stream;
mod uri;
mod via;
mod writer;

pub(crate) use grammar::decimal;
pub use grammar::{Param, Params};
pub use header::HeaderName;
pub use incoming::{Incoming, ParseError, Request, Response};
pub use limits::MessageLimits;
pub use message::{BodyFault, FramingError, Header, Message};
pub use method::Method;
pub use multipart::{Part, parts};
pub use name_addr::{NameAddr, NameAddrError};
pub use reply::response_to;
pub use rules::{
    AddedHeader, HEADER_RULES_MAX, HeaderChange, HeaderPattern, HeaderRule, HeaderRuleError, HeaderRules,
    ReplacedHeader, RuledMessages,
};
pub use status::{StatusClass, StatusCode};
pub use stream::{StreamDecoder, StreamFault, StreamItem};
pub use uri::{Scheme, Uri, UriError, escape_user};
pub use via::{Transport, Via, ViaError};
pub use writer::MessageWriter;
