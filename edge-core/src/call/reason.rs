//! Why a call ends, in the words of the peers (RFC 3326, RFC 6432): told across, and said by the edge for ends of its own.
//!
//! Invariants: what crosses is a cause of `SIP` or `Q.850`, one of each, read and written anew; a text crosses as a quoted
//! string of ours, and not when it names a host. A response carries only `Q.850`: its own code is the other one.

use crate::policy::{Closed, Guarded, NotTaken, Refusal};
use crate::sip::{HeaderName, Message, MessageWriter, NameAddr};

use super::identity::names_a_host;
use super::{Cause, Refused};

/// Longest text that crosses, in characters: a phrase, not a story.
const TEXT_MAX: usize = 80;

/// Values that are read of one message; two are of use, and a few of other protocols may stand before them.
const VALUES_MAX: usize = 8;

/// What a Reason header says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reason {
    sip: Option<Part>,
    q850: Option<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    cause: u16,
    text: Option<String>,
}

impl Reason {
    /// What a message of a peer says.
    pub(super) fn of(message: &Message) -> Self {
        let mut reason = Self::default();
        for value in message.values(HeaderName::Reason).take(VALUES_MAX) {
            let (protocol, params) =
                value.split_at(value.iter().position(|b| *b == b';').unwrap_or(value.len()));
            let slot = match protocol.trim_ascii() {
                sip if sip.eq_ignore_ascii_case(b"SIP") => &mut reason.sip,
                q850 if q850.eq_ignore_ascii_case(b"Q.850") => &mut reason.q850,
                _ => continue,
            };
            if slot.is_none() {
                *slot = Part::read(params);
            }
        }
        reason
    }

    /// What the edge says of an end that it decided itself; `None` when a peer did.
    pub(super) fn of_our_own(cause: &Cause) -> Option<Self> {
        let (sip, q850, text) = match cause {
            Cause::Hangup(_) | Cause::Cancelled | Cause::Rejected(_) | Cause::Redirected(_) => return None,
            Cause::Transferred(_) => (200, 16, "Transferred"),
            Cause::Replaced(_) => (200, 16, "Replaced"),
            Cause::NotJoined(_) => (488, 41, "Not joined"),
            Cause::Unreachable => (408, 27, "No response"),
            Cause::NoAnswer => (480, 19, "No answer"),
            Cause::TooLong => (200, 31, "Maximum duration"),
            Cause::NoAck(_) => (408, 102, "No ACK"),
            Cause::NoPrack(_) => (408, 102, "No PRACK"),
            Cause::Lost(_) => (481, 41, "Call lost"),
            Cause::Expired(_) => (408, 102, "Session timer expired"),
            Cause::MediaTimeout(_) => (408, 102, "Media timeout"),
            Cause::BadAnswer(_) => (488, 88, "Unusable answer"),
            Cause::Drained => (503, 41, "Shutting down"),
            Cause::Interrupted => (503, 41, "Interrupted"),
            Cause::Operator => (503, 8, "Hung up by the operator"),
            Cause::Refused(refused) => {
                let (q850, text) = of_refused(refused);
                (refused.status().as_u16(), q850, text)
            }
        };
        let part = |cause| Some(Part { cause, text: Some(text.to_owned()) });
        Some(Self { sip: part(sip), q850: part(q850) })
    }

    /// What the edge says of a call that it does not try. Which trunk it is about, and where its bounds are, is nobody's
    /// business.
    pub(super) fn of_refusal(refused: &Refused) -> Self {
        let (cause, text) = of_refused(refused);
        Self { sip: None, q850: Some(Part { cause, text: Some(text.to_owned()) }) }
    }

    /// Adds it to a BYE or CANCEL.
    pub(super) fn tell(&self, request: MessageWriter) -> MessageWriter {
        let request = write(request, "SIP", self.sip.as_ref());
        write(request, "Q.850", self.q850.as_ref())
    }

    /// Adds what a failure response may carry of it (RFC 6432).
    pub(super) fn explain(&self, response: MessageWriter) -> MessageWriter {
        write(response, "Q.850", self.q850.as_ref())
    }
}

/// Why a call is not tried: a cause of Q.850 (table 1), and a phrase.
const fn of_refused(refused: &Refused) -> (u16, &'static str) {
    match refused {
        Refused::Closed { closed: Closed::Direction, .. } => (21, "Direction not allowed"),
        Refused::Closed { closed: Closed::Draining, .. } => (41, "Trunk draining"),
        Refused::Closed { closed: Closed::Disabled, .. } => (41, "Trunk disabled"),
        Refused::Limit { refusal, .. } => match refusal {
            Refusal::Calls { .. } | Refusal::CallsIn { .. } | Refusal::CallsOut { .. } => {
                (34, "Too many calls")
            }
            Refusal::Rate { .. } => (42, "Too many calls a second"),
            Refusal::GroupCalls { .. } | Refusal::GroupCallsIn { .. } | Refusal::GroupCallsOut { .. } => {
                (34, "Too many calls of the group")
            }
            Refusal::GroupRate { .. } => (42, "Too many calls a second of the group"),
        },
        Refused::NotTaken { why, .. } => match why {
            NotTaken::Number => (21, "Number not allowed"),
            NotTaken::Caller => (21, "Caller not allowed"),
            NotTaken::Hours => (21, "Not allowed at this time"),
        },
        Refused::Guarded { guarded, .. } => match guarded {
            Guarded::Denied { .. } => (21, "Destination not allowed"),
            Guarded::Spelling => (28, "Number in no known form"),
            Guarded::Caller { .. } => (21, "Too many calls of this caller"),
            Guarded::Calls { .. } | Guarded::Rate { .. } => (21, "Too many calls to this destination"),
        },
        Refused::NoTrunk { .. } => (34, "No trunk left"),
        Refused::NoRoute { .. } => (3, "No route"),
        Refused::NoNumber => (28, "No number"),
        Refused::Loop => (25, "Loop"),
        Refused::TooManyHops => (25, "Too many hops"),
        Refused::Unresolved { .. } => (27, "Destination out of order"),
        Refused::Unregistered { .. } => (20, "Subscriber absent"),
        Refused::NoMediaPort { .. } | Refused::Datapath { .. } => (47, "No room for media"),
        Refused::Offer(_) | Refused::MediaAddress { .. } => (88, "Incompatible description"),
        Refused::Draining => (41, "Shutting down"),
        Refused::Overload => (42, "Overload"),
        Refused::Replaces(_)
        | Refused::Extension { .. }
        | Refused::Unreliable
        | Refused::Interval
        | Refused::Scheme
        | Refused::NoAnswerWanted
        | Refused::Privacy
        | Refused::MediaType { .. }
        | Refused::Encoding { .. }
        | Refused::Disposition { .. } => (127, "Interworking"),
    }
}

impl Part {
    /// `;cause=16;text="..."`; without a cause it says nothing.
    fn read(params: &[u8]) -> Option<Self> {
        // An address with these parameters is one way to read them, quoted strings included.
        let carrier = NameAddr::parse([b"<sip:r>", params].concat().into()).ok()?;
        let param = |name: &[u8]| carrier.params().get(name).and_then(|param| param.value);
        let cause = std::str::from_utf8(param(b"cause")?).ok()?.parse().ok().filter(|cause| *cause < 1000)?;
        let text = param(b"text").and_then(|text| {
            let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
            (!names_a_host(text)).then(|| plain(text))
        });
        Some(Self { cause, text: text.filter(|text| !text.is_empty()) })
    }
}

/// A text without its escapes, and without what would need them.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let printable = |letter: &char| !letter.is_control() && !matches!(letter, '"' | '\\' | '\u{fffd}');
    text.chars().filter(printable).take(TEXT_MAX).collect()
}

/// The seconds of a Retry-After (RFC 3261 section 20.33), less its comment and parameters; a day at most, because nobody
/// means more.
pub(crate) fn retry_after(message: &Message) -> Option<u32> {
    const DAY_S: u32 = 86_400;
    let value = message.first(HeaderName::RetryAfter)?;
    let digits = value.split(|byte| !byte.is_ascii_digit()).next()?;
    let seconds: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(seconds.min(DAY_S))
}

fn write(onto: MessageWriter, protocol: &str, part: Option<&Part>) -> MessageWriter {
    match part {
        None => onto,
        Some(Part { cause, text: None }) => {
            onto.header(HeaderName::Reason, format!("{protocol};cause={cause}"))
        }
        Some(Part { cause, text: Some(text) }) => {
            onto.header(HeaderName::Reason, format!("{protocol};cause={cause};text=\"{text}\""))
        }
    }
}

#[cfg(test)]
mod tests;
