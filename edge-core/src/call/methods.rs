//! What requests hear whose method we do not serve, within a dialog and outside of one.

use crate::sip::{Method, StatusCode};

/// What a request hears that begins nothing here.
///
/// What belongs to a dialog and names none gets 481 (RFC 3261 section 12.2.2, RFC 6665 section 4.1.3); there is no event
/// that could be subscribed to (489, RFC 6665 section 4.2.1.1); and nobody is called for
/// a REFER that comes out of nowhere (403).
pub(crate) const fn outside_a_dialog(method: &Method) -> StatusCode {
    match method {
        Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
            StatusCode::CALL_DOES_NOT_EXIST
        }
        Method::Subscribe => StatusCode::BAD_EVENT,
        Method::Refer => StatusCode::FORBIDDEN,
        Method::Other(_) => StatusCode::NOT_IMPLEMENTED,
        Method::Invite
        | Method::Ack
        | Method::Cancel
        | Method::Options
        | Method::Register
        | Method::Publish
        | Method::Message => StatusCode::METHOD_NOT_ALLOWED,
    }
}

/// What a request hears whose method we do not serve: 405 for one that we know, 501 for one that nobody here could (RFC
/// 3261 sections 8.2.1 and 21.5.2).
pub(crate) const fn not_taken(method: &Method) -> StatusCode {
    match method {
        Method::Other(_) => StatusCode::NOT_IMPLEMENTED,
        // RFC 6665 section 4.2.1.1: there is no event here.
        Method::Subscribe => StatusCode::BAD_EVENT,
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Register
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Message
        | Method::Notify
        | Method::Publish
        | Method::Refer => StatusCode::METHOD_NOT_ALLOWED,
    }
}
