//! What the first INVITE of a side says beside the call itself: who calls, by whom the call was diverted, and what the
//! operator lets pass.

use bytes::Bytes;

use crate::policy::Trunk;
use crate::sip::{Header, Message, MessageWriter, Request};

use super::calling::presented_at;
use super::diversion::{Diversion, Diverted};
use super::identity::Caller;
use super::join::Joining;
use super::leg::Leg;
use super::redirect::Redirection;

/// Adds to the first INVITE to a leg who sends it: `invite`, of the trunk `from`, says so.
pub(super) fn introduce(
    request: MessageWriter,
    (invite, from): (&Request, &Trunk),
    to: &Leg,
    (redirection, joining): (&Redirection, Option<&Joining>),
) -> MessageWriter {
    if to.dialog.remote_tag.is_some() {
        return request;
    }
    let request =
        Caller::of(invite, from).tell(&to.trunk, &presented_at(&to.trunk, to.dialog.sent_by()), request);
    let mut diversion = Diversion::of(&invite.message, from);
    let transferred = joining.and_then(Joining::referrer).cloned().map(Diverted::by_transfer);
    for diverted in transferred.into_iter().chain(redirection.diverted().cloned()) {
        diversion.push(diverted);
    }
    diversion.tell(to, request)
}

/// Adds the headers of a message of the trunk `from` that its operator lets pass, as they are.
pub(super) fn permit(onto: MessageWriter, message: &Message, from: &Trunk) -> MessageWriter {
    permitted(message, from).fold(onto, |onto, header| onto.raw(header.raw_name, header.value))
}

/// The same, to be added later.
pub(super) fn keep_permitted(message: &Message, from: &Trunk) -> Vec<(Bytes, Bytes)> {
    permitted(message, from)
        .map(|header| (message.share(header.raw_name), message.share(header.value)))
        .collect()
}

fn permitted<'a>(message: &'a Message, from: &'a Trunk) -> impl Iterator<Item = Header<'a>> {
    let none = from.headers.pass.is_empty();
    let fits =
        |header: &Header<'a>| from.headers.pass.iter().any(|names| names.fits(header.name, header.raw_name));
    message.headers().filter(move |header| !none && fits(header))
}
