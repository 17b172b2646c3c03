//! A call record as a line of JSON. The names here are a promise to whoever bills by them (docs/call-records.md).

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use edge_core::call::{AttemptRecord, CallRecord, LegRecord, Outcome};
use serde::Serialize;

use crate::received::Received;
use crate::reported::Reported;
use crate::runtime::clock;

/// One record.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    id: &'a str,
    start: String,
    ring: Option<String>,
    answer: Option<String>,
    end: String,
    /// From the answer to the end; 0 for a call that was not answered.
    duration_ms: u128,
    /// From the INVITE to the answer.
    setup_ms: Option<u128>,
    ended_by: &'static str,
    cause: &'static str,
    /// Status that the caller heard, or would have heard without an answer.
    status: u16,
    detail: String,
    route: Option<&'a str>,
    caller: &'a str,
    number_dialled: &'a str,
    number_sent: Option<&'a str>,
    /// The call that a side of this one was taken over from, by REFER or Replaces.
    from_call: Option<&'a str>,
    /// Times that the called side sent the call elsewhere, and it went.
    redirects: u8,
    codec: Option<&'a str>,
    /// The called side's codec, when it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcoded: Option<&'a str>,
    /// `relayed` through us, or `direct` from one side to the other.
    media: &'static str,
    /// Whether the caller heard a ringing tone of ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ringback: bool,
    /// Where the call was tried, or was not, in this order.
    attempts: Vec<Attempt<'a>>,
    a: Leg<'a>,
    b: Option<Leg<'a>>,
}

#[derive(Debug, Serialize)]
struct Attempt<'a> {
    trunk: &'a str,
    target: Option<SocketAddr>,
    number_sent: &'a str,
    start: String,
    /// Until it was answered, refused or given up.
    duration_ms: u128,
    outcome: &'static str,
    /// Status that it was refused with.
    status: Option<u16>,
    /// Why it was skipped.
    reason: Option<&'static str>,
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Leg<'a> {
    trunk: &'a str,
    call_id: &'a str,
    signalling: SocketAddr,
    media_local: Option<SocketAddr>,
    media_remote: Option<SocketAddr>,
    /// Digits of this side that were converted or withheld. Never which.
    #[serde(skip_serializing_if = "is_zero")]
    digits: u32,
    /// Times that this side fell silent.
    #[serde(skip_serializing_if = "is_zero")]
    silences: u32,
    /// What came in from this side.
    received: Received,
    /// What it has reported of what it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
}

impl<'a> Line<'a> {
    /// `calendar` says when an instant was.
    pub(super) fn new(record: &'a CallRecord, calendar: impl Fn(Instant) -> SystemTime) -> Self {
        let CallRecord {
            id,
            a,
            b,
            route,
            caller,
            number_dialled,
            number_sent,
            from_call,
            redirects,
            digits,
            silences,
            attempts,
            codec,
            direct_media,
            ringback,
            transcoded,
            started,
            ringing,
            answered,
            ended,
            cause,
        } = record;
        let time = |instant: Instant| timestamp(calendar(instant));
        let since = |from: Instant, to: Instant| to.saturating_duration_since(from).as_millis();
        Self {
            id,
            start: time(*started),
            ring: ringing.map(time),
            answer: answered.map(time),
            end: time(*ended),
            duration_ms: answered.map_or(0, |at| since(at, *ended)),
            setup_ms: answered.map(|at| since(*started, at)),
            ended_by: cause.ended_by().as_str(),
            cause: cause.name(),
            status: if answered.is_some() { 200 } else { cause.status().as_u16() },
            detail: cause.detail(),
            route: route.as_deref(),
            caller,
            number_dialled,
            number_sent: number_sent.as_deref(),
            from_call: from_call.as_deref(),
            redirects: *redirects,
            codec: codec.as_deref(),
            transcoded: transcoded.as_deref(),
            ringback: *ringback,
            media: if *direct_media { "direct" } else { "relayed" },
            attempts: attempts.iter().map(|attempt| Attempt::new(attempt, time, *ended)).collect(),
            a: Leg::new(a, codec.as_deref(), (digits[0], silences[0])),
            b: b.as_ref()
                .map(|b| Leg::new(b, transcoded.as_deref().or(codec.as_deref()), (digits[1], silences[1]))),
        }
    }
}

impl<'a> Attempt<'a> {
    /// `call_ended` ends what was still under way.
    fn new(attempt: &'a AttemptRecord, time: impl Fn(Instant) -> String, call_ended: Instant) -> Self {
        let AttemptRecord { trunk, target, number, began, ended, outcome } = attempt;
        let (status, reason, detail) = match outcome {
            Outcome::Refused(status) => (Some(status.as_u16()), None, None),
            Outcome::Skipped { why, detail } => (None, Some(*why), Some(detail.as_str())),
            Outcome::Pending
            | Outcome::Answered
            | Outcome::Timeout
            | Outcome::Unreachable
            | Outcome::Withdrawn => (None, None, None),
        };
        Self {
            trunk,
            target: *target,
            number_sent: number,
            start: time(*began),
            duration_ms: ended.unwrap_or(call_ended).saturating_duration_since(*began).as_millis(),
            outcome: outcome.name(),
            status,
            reason,
            detail,
        }
    }
}

impl<'a> Leg<'a> {
    /// `codec` is what it sends.
    fn new(leg: &'a LegRecord, codec: Option<&str>, (digits, silences): (u32, u32)) -> Self {
        let LegRecord { trunk, call_id, signalling, media_local, media_remote, media } = leg;
        Self {
            trunk,
            call_id,
            signalling: *signalling,
            media_local: *media_local,
            media_remote: *media_remote,
            digits,
            silences,
            received: Received::of(media, codec),
            reported: Reported::of(&media.reported),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A record as text, for a log when it cannot be written.
pub(super) fn text(record: &CallRecord) -> String {
    serde_json::to_string(&Line::new(record, clock::calendar)).unwrap_or_else(|_error| format!("{record:?}"))
}

/// RFC 3339, UTC, milliseconds.
fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// `YYYY-MM-DD`, UTC.
pub(super) fn day(time: SystemTime) -> String {
    let mut text = humantime::format_rfc3339_seconds(time).to_string();
    text.truncate("YYYY-MM-DD".len());
    text
}
